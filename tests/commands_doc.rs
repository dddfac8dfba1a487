//! docs/commands.md is what the command table says.
//!
//! `NACRE_WRITE_DOCS=1 cargo test --test commands_doc` writes it anew.

use std::fmt::Write;
use std::path::Path;

use nacredb::{CommandInfo, commands};

/// Groups in the order of the page, with their headings.
const GROUPS: &[(&str, &str)] = &[
    ("string", "Strings"),
    ("bitmap", "Bitmaps"),
    ("list", "Lists"),
    ("hash", "Hashes"),
    ("set", "Sets"),
    ("sorted-set", "Sorted sets"),
    ("hyperloglog", "HyperLogLogs"),
    ("geo", "Places"),
    ("generic", "Keys of any type"),
    ("transactions", "Transactions"),
    ("server", "The database as a whole"),
    ("connection", "Connection"),
];

/// The page; lines end in `\n`.
fn page() -> String {
    let mut page = String::from(
        "<!-- Written by tests/commands_doc.rs from the command table; edit the table instead. -->\n\
         # Commands\n\n\
         Every command works in words, through `Db::execute`, with the argument rules, replies and error\n\
         texts of Redis 7.0, and, where that makes sense in a library, as a typed method whose documentation\n\
         names it. *Since* is the Redis version that brought it. Costs are those of NacreDB; Redis's are\n\
         named where they differ. An empty last column means that no difference is known.\n",
    );
    let mut count = 0;
    for &(group, heading) in GROUPS {
        let rows: Vec<CommandInfo> = commands().filter(|row| row.group() == group).collect();
        if rows.is_empty() {
            continue;
        }
        count += rows.len();
        let head = "| Command | Since | What it does | Cost | Differences |";
        write!(page, "\n## {heading}\n\n{head}\n|---|---|---|---|---|\n").unwrap();
        for row in rows {
            let mut cost = row.complexity().to_owned();
            if !row.redis_complexity().is_empty() {
                write!(cost, " (Redis: {})", row.redis_complexity()).unwrap();
            }
            let cells = [
                format!("`{}`", row.name().replace('|', " ")),
                row.since().to_owned(),
                cell(row.summary()),
                cell(&cost),
                cell(row.differences()),
            ];
            let line = format!("| {} |\n", cells.join(" | "));
            page.push_str(&line.replace("|  |", "| |"));
        }
    }
    assert_eq!(count, commands().count(), "a group has no heading");
    page
}

/// Text that is safe inside a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*")
}

#[test]
fn the_page_of_commands_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let page = page();
    if std::env::var_os("NACRE_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    // A checkout may have turned line ends around.
    let written = written.replace("\r\n", "\n");
    let differs = written
        .lines()
        .zip(page.lines())
        .position(|(old, new)| old != new);
    assert!(
        written == page,
        "docs/commands.md differs from line {} on: run NACRE_WRITE_DOCS=1 cargo test --test commands_doc",
        differs.map_or(written.lines().count().min(page.lines().count()), |at| at) + 1
    );
}
