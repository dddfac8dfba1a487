//! docs/commands.md is what the command table says.
//!
//! `NACRE_WRITE_DOCS=1 cargo test --test commands_doc` writes it anew.

use std::fmt::Write;
use std::path::Path;

use nacredb::{CommandInfo, Db, Reply, commands};

/// Groups in the order of the page, with their headings and an example.
const GROUPS: &[(&str, &str, &[&str])] = &[
    (
        "string",
        "Strings",
        &["SET visits 9 EX 3600", "INCR visits", "GETRANGE visits 0 0"],
    ),
    (
        "bitmap",
        "Bitmaps",
        &[
            "SETBIT active:mon 7 1",
            "SETBIT active:tue 9 1",
            "BITOP OR active active:mon active:tue",
            "BITCOUNT active",
            "BITOPCOUNT ATLEAST 1 2 active:mon active:tue",
            "SETBIT login:2026-11-20 7 1",
            "SETBIT login:2026-11-21 7 1",
            "SETBIT login:2026-11-21 9 1",
            "BITWINDOW COUNT login 2026-11-01 2026-11-30",
            "BITWINDOW COUNT login - + ATLEAST 2 NOT 1 active:tue",
            "BITWINDOW STREAK login 7 2026-11-21",
        ],
    ),
    (
        "list",
        "Lists",
        &[
            "RPUSH jobs a b c",
            "LMOVE jobs running LEFT RIGHT",
            "LRANGE jobs 0 -1",
        ],
    ),
    (
        "hash",
        "Hashes",
        &[
            "HSET user:1 name Ada visits 3",
            "HINCRBY user:1 visits 1",
            "HPERSIST user:1 FIELDS 1 name",
        ],
    ),
    (
        "set",
        "Sets",
        &[
            "SADD tags:1 red blue",
            "SADD tags:2 blue",
            "SINTERCARD 2 tags:1 tags:2",
        ],
    ),
    (
        "sorted-set",
        "Sorted sets",
        &[
            "ZADD scores 12.5 ada 7 bob",
            "ZRANGE scores 10 +inf BYSCORE WITHSCORES",
            "ZREVRANK scores ada",
        ],
    ),
    (
        "hyperloglog",
        "HyperLogLogs",
        &["PFADD visitors ada bob ada", "PFCOUNT visitors"],
    ),
    (
        "geo",
        "Places",
        &[
            "GEOADD cities 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
            "GEODIST cities Palermo Catania km",
        ],
    ),
    (
        "generic",
        "Keys of any type",
        &["SET k v", "COPY k l", "EXISTS k l m", "TYPE l"],
    ),
    (
        "transactions",
        "Transactions",
        &["WATCH balance", "MULTI", "INCRBY balance 5", "EXEC"],
    ),
    (
        "server",
        "The database as a whole",
        &["SET k v", "SWAPDB 0 1", "DBSIZE"],
    ),
    ("connection", "Connection", &["SELECT 1", "PING"]),
    ("pubsub", "Messages", &[]),
    (
        "scripting",
        "Scripts and functions",
        &["SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db"],
    ),
    ("cluster", "Cluster", &[]),
];

/// A session with these commands and their replies, as a prompt shows them.
fn session(lines: &[&str]) -> String {
    let mut session = Db::open_in_memory().session();
    let mut text = String::new();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let reply = session.execute(&words).unwrap();
        writeln!(text, "> {line}\n{}", shown(&reply)).unwrap();
    }
    text
}

fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Nil => "(nil)".to_owned(),
        Reply::Status(text) => text.to_string(),
        Reply::Int(number) => format!("(integer) {number}"),
        Reply::Bulk(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Reply::Array(items) => {
            let lines = (1..)
                .zip(items)
                .map(|(n, item)| format!("{n}) {}", shown(item)));
            lines.collect::<Vec<_>>().join("\n")
        }
        Reply::Error(_) | Reply::Map(_) | _ => panic!("{reply:?} has no form here"),
    }
}

/// The page; lines end in `\n`.
fn page() -> String {
    let mut page = String::from(
        "<!-- Written by tests/commands_doc.rs from the command table; edit the table instead. -->\n\
         # Commands\n\n\
         Every command works in words, through `Db::execute`, with the argument rules, replies and error\n\
         texts of Redis 7.0, and, where that makes sense in a library, as a typed method whose documentation\n\
         names it. *Since* is the Redis version that brought it, or NacreDB's where Redis has no such\n\
         command. Costs are those of NacreDB; Redis's are named where they differ. An empty last column means\n\
         that no difference is known.\n",
    );
    let mut count = 0;
    for &(group, heading, example) in GROUPS {
        let rows: Vec<CommandInfo> = commands().filter(|row| row.group() == group).collect();
        if rows.is_empty() {
            continue;
        }
        count += rows.len();
        write!(page, "\n## {heading}\n").unwrap();
        if !example.is_empty() {
            write!(page, "\n```text\n{}```\n", session(example)).unwrap();
        }
        let head = "| Command | Since | What it does | Cost | Differences |";
        write!(page, "\n{head}\n|---|---|---|---|---|\n").unwrap();
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
