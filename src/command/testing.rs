//! How the families' tests speak to a database: one line a command, one line a reply.

use std::sync::Arc;

use super::reply::Reply;
use crate::{Db, ManualClock};

/// When [`clocked`] databases are opened, in milliseconds since the Unix epoch.
pub(crate) const START_MS: u64 = 1_000_000;

/// A database in memory whose clock stands at [`START_MS`].
pub(crate) fn clocked() -> (Db, Arc<ManualClock>) {
    db_at(START_MS)
}

/// A database in memory whose clock stands at `now_ms`.
pub(crate) fn db_at(now_ms: u64) -> (Db, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(now_ms));
    let db = Db::builder().clock(clock.clone()).open_in_memory();
    (db, clock)
}

/// What a line of words is answered, as `redis-cli` would show it: `""` stands for an empty word.
pub(crate) fn say(db: &Db, line: &str) -> String {
    match db.execute(&words(line)) {
        Ok(reply) => shown(&reply),
        Err(error) => error.to_string(),
    }
}

/// The words of a line: `""` is an empty word, `\xHH` any byte.
pub(crate) fn words(line: &str) -> Vec<Vec<u8>> {
    let word = |mut rest: &str| {
        let mut bytes = Vec::new();
        while let Some(at) = rest.find("\\x") {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            let hex = u8::from_str_radix(&rest[at + 2..at + 4], 16);
            bytes.push(hex.expect("two hexadecimal digits"));
            rest = &rest[at + 4..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    };
    let plain = line.split_ascii_whitespace();
    plain
        .map(|text| word(if text == "\"\"" { "" } else { text }))
        .collect()
}

/// Runs lines on one database, in order, and compares their replies.
#[track_caller]
pub(crate) fn script(db: &Db, lines: &[(&str, &str)]) {
    for (index, (line, expected)) in lines.iter().enumerate() {
        assert_eq!(&say(db, line), expected, "line {index}: {line}");
    }
}

/// Runs lines of `command => reply` on one database, in order.
pub(crate) fn check(db: &Db, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, reply) = line.split_once(" => ").expect(line);
        assert_eq!(say(db, command), reply, "{command}");
    }
}

/// A reply in short text.
pub(crate) fn shown(reply: &Reply) -> String {
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

/// Numbers that follow from a seed (SplitMix64).
#[derive(Debug)]
pub(crate) struct Numbers(std::cell::Cell<u64>);

impl Numbers {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(std::cell::Cell::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
