//! How the families' tests speak to a database: one line a command, one line a reply.

use std::sync::Arc;

use super::reply::Reply;
use crate::{Db, ManualClock};

/// When [`clocked`] databases are opened, in milliseconds since the Unix epoch.
pub(crate) const START_MS: u64 = 1_000_000;

/// A database in memory whose clock stands at [`START_MS`].
pub(crate) fn clocked() -> (Db, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(START_MS));
    let db = Db::builder().clock(clock.clone()).open_in_memory();
    (db, clock)
}

/// What a line of words is answered, as `redis-cli` would show it: `""` stands for an empty word.
pub(crate) fn say(db: &Db, line: &str) -> String {
    let words: Vec<&str> = line
        .split_ascii_whitespace()
        .map(|word| if word == "\"\"" { "" } else { word })
        .collect();
    match db.execute(&words) {
        Ok(reply) => shown(&reply),
        Err(error) => error.to_string(),
    }
}

/// Runs lines of `command => reply` on one database, in order.
pub(crate) fn check(db: &Db, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, reply) = line.split_once(" => ").expect(line);
        assert_eq!(say(db, command), reply, "{command}");
    }
}

fn shown(reply: &Reply) -> String {
    let list = |replies: &[Reply]| replies.iter().map(shown).collect::<Vec<_>>().join(" ");
    match reply {
        Reply::Nil => "nil".to_owned(),
        Reply::Status(text) => text.to_string(),
        Reply::Int(number) => number.to_string(),
        Reply::Bulk(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Reply::Array(replies) => format!("[{}]", list(replies)),
        Reply::Map(pairs) => {
            let pair = |(key, value): &(Reply, Reply)| format!("{}: {}", shown(key), shown(value));
            format!(
                "{{{}}}",
                pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
            )
        }
    }
}
