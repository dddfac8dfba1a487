//! Commands in words against expected replies in short text, for the families' tests.

use std::sync::Arc;

use super::reply::Reply;
use crate::{Db, Error, ManualClock};

/// A database on a clock that stands at this time, and that clock.
pub(crate) fn db_at(now_ms: u64) -> (Db, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(now_ms));
    let db = Db::builder().clock(clock.clone()).seed(1).open_in_memory();
    (db, clock)
}

/// The words of a line: separated by spaces; `''` is an empty word, and `\xHH` any byte.
pub(crate) fn words(line: &str) -> Vec<Vec<u8>> {
    let word = |word: &str| {
        if word == "''" {
            return Vec::new();
        }
        let mut bytes = Vec::new();
        let mut rest = word;
        while let Some(at) = rest.find("\\x") {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            let hex = &rest[at + 2..at + 4];
            bytes.push(u8::from_str_radix(hex, 16).expect("two hexadecimal digits"));
            rest = &rest[at + 4..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    };
    line.split(' ')
        .filter(|text| !text.is_empty())
        .map(word)
        .collect()
}

/// A reply as text: `nil`, `+status`, `:1`, `bulk` in quotes, `[..]`, `{..}`, `-error`.
pub(crate) fn show(reply: &Result<Reply, Error>) -> String {
    match reply {
        Ok(reply) => show_reply(reply),
        Err(error) => format!("-{error}"),
    }
}

fn show_reply(reply: &Reply) -> String {
    match reply {
        Reply::Nil => "nil".into(),
        Reply::Status(text) => format!("+{text}"),
        Reply::Int(number) => format!(":{number}"),
        Reply::Bulk(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Reply::Array(replies) => {
            let parts: Vec<_> = replies.iter().map(show_reply).collect();
            format!("[{}]", parts.join(" "))
        }
        Reply::Error(error) => format!("-{error}"),
        Reply::Map(pairs) => {
            let pair = |(key, value)| format!("{}={}", show_reply(key), show_reply(value));
            let parts: Vec<_> = pairs
                .iter()
                .map(|(key, value)| pair((key, value)))
                .collect();
            format!("{{{}}}", parts.join(" "))
        }
    }
}

/// What a line is answered, as [`show`] puts it.
pub(crate) fn say(db: &Db, line: &str) -> String {
    show(&db.execute(&words(line)))
}

/// Runs lines one after the other and compares their replies.
#[track_caller]
pub(crate) fn script(db: &Db, lines: &[(&str, &str)]) {
    for (index, (line, expected)) in lines.iter().enumerate() {
        let mut words = words(line);
        // Setting up a test needs no row for SET.
        let reply = if words.len() == 3 && words[0] == b"SET" {
            let (value, key) = (words.pop().unwrap(), words.pop().unwrap());
            show(&crate::StringWrite::set(db, key, value).map(Reply::from))
        } else {
            show(&db.execute(&words))
        };
        assert_eq!(&reply, expected, "line {index}: {line}");
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
