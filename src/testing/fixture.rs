//! Contents as text: commands, one a line, read and written.
//!
//! Called by tests. Invariants:
//! 1. What [`dump_text`] writes, [`load`] reads, and then it writes the same.
//! 2. The same content is the same text: what has no order is sorted.

use std::fmt;

use super::Moment;
use crate::engine::diff::{Score, is_plain, write_quoted};
use crate::prelude::*;
use crate::resp::split_words;
use crate::{Db, Error, FieldTtl, KeyType, Record, Reply, Snapshot, ZRange};

/// So many elements, fields or members stand on one line at most.
const PER_LINE: usize = 64;
/// Strings longer than this are written in the pieces they are held in: zeros between are not.
const WHOLE_BYTES_MAX: u64 = 64 << 10;

/// Why a text of commands was refused: what a line says, and what is wrong with it. The lines before it were
/// carried out.
#[derive(Debug)]
pub struct FixtureError {
    line: usize,
    text: String,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Unbalanced,
    Refused(Error),
    Answered(String),
    Unfinished,
}

impl FixtureError {
    /// The number of the line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The line.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for FixtureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: ", self.line, self.text)?;
        match &self.cause {
            Cause::Unbalanced => f.write_str("unbalanced quotes"),
            Cause::Refused(error) => write!(f, "{error}"),
            Cause::Answered(text) => f.write_str(text),
            Cause::Unfinished => f.write_str("MULTI without EXEC"),
        }
    }
}

impl std::error::Error for FixtureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Refused(error) => Some(error),
            Cause::Unbalanced | Cause::Answered(_) | Cause::Unfinished => None,
        }
    }
}

/// Runs commands, one a line. Words are parted by blanks and quoted as for `redis-cli`: `"..."` knows `\n`, `\r`,
/// `\t`, `\a`, `\b`, `\"`, `\\` and `\xff`, `'...'` knows `\'` and nothing else. Lines that are empty or begin
/// with `#` are passed over. `SELECT` holds for the lines after it, and `MULTI` and `EXEC` make a
/// transaction.
///
/// ```
/// use nacredb::{prelude::*, testing};
///
/// let db = testing::db();
/// db.load(
///     r#"
///     ## two users
///     HSET user:1 name 'Ada Lovelace' mail ada@example.org
///     HSET user:2 name "Eve\n"
///     EXPIRE user:2 60
///     "#,
/// );
/// assert_eq!(db.hget("user:1", "name")?, Some(b"Ada Lovelace".to_vec()));
///
/// let error = testing::load(&db, "SET a 1\nSET b").unwrap_err();
/// let text = "line 2: SET b: ERR wrong number of arguments for 'set' command";
/// assert_eq!(error.to_string(), text);
/// # Ok::<(), nacredb::Error>(())
/// ```
///
/// # Errors
/// The first line that is no command or is refused. Those before it stay carried out.
pub fn load(db: &Db, text: impl AsRef<[u8]>) -> Result<(), FixtureError> {
    let mut session = db.session();
    let mut last = (0, &[][..]);
    let refuse = |(line, text): (usize, &[u8]), cause| FixtureError {
        line,
        text: String::from_utf8_lossy(text).into_owned(),
        cause,
    };
    for (at, line) in text.as_ref().split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        last = (at + 1, line);
        let words = split_words(line).ok_or_else(|| refuse(last, Cause::Unbalanced))?;
        let reply = session.execute(&words);
        let reply = reply.map_err(|error| refuse(last, Cause::Refused(error)))?;
        // A command of a transaction that was refused is an element of the answer to EXEC.
        if let Reply::Array(replies) = &reply
            && let Some(Reply::Error(error)) = replies
                .iter()
                .find(|reply| matches!(reply, Reply::Error(_)))
        {
            return Err(refuse(last, Cause::Answered(error.to_string())));
        }
    }
    match session.execute(&["DISCARD"]) {
        Ok(_) => Err(refuse(last, Cause::Unfinished)),
        Err(_no_transaction) => Ok(()),
    }
}

/// The content of all logical databases as commands that make it anew, in the order of databases and keys, for
/// [`load`] and for golden files. The same content gives the same text.
///
/// ```
/// use nacredb::{assert_no_diff, prelude::*, testing};
///
/// let db = testing::db();
/// db.load("SADD tags red 'light blue'\nSET visits 7 PXAT 1900000000000");
/// let text = db.dump_text();
/// assert_eq!(text, "SADD tags \"light blue\" red\nSET visits 7 PXAT 1900000000000\n");
/// let copy = testing::db();
/// copy.load(text);
/// assert_no_diff!(db, copy);
/// # Ok::<(), nacredb::Error>(())
/// ```
///
/// # Panics
/// If it is a database that was closed.
#[must_use]
pub fn dump_text(of: &impl Moment) -> String {
    let moment = of.moment();
    let mut lines = Lines::default();
    for (index, snapshot) in (0..).map_while(|index| Some((index, moment.database(index).ok()?))) {
        let mut records: Vec<_> = snapshot.iter().collect();
        records.sort_unstable_by(|one, two| one.key().cmp(two.key()));
        if index > 0 && !records.is_empty() {
            lines.add(&[b"SELECT", index.to_string().as_bytes()]);
        }
        for record in &records {
            lines.record(&snapshot, record);
        }
    }
    lines.text
}

/// Commands in words, a line each.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn add(&mut self, words: &[&[u8]]) {
        for (at, word) in words.iter().enumerate() {
            if at > 0 {
                self.text.push(' ');
            }
            match std::str::from_utf8(word) {
                Ok(plain) if is_plain(word) => self.text.push_str(plain),
                Ok(_) | Err(_) => {
                    let _infallible = write_quoted(word, &mut self.text);
                }
            }
        }
        self.text.push('\n');
    }

    /// A command with many items, of which each has `words` words, cut into lines.
    fn add_items(&mut self, name: &[u8], key: &[u8], items: &[Vec<u8>], words: usize) {
        for piece in items.chunks(PER_LINE * words) {
            let mut line = vec![name, key];
            line.extend(piece.iter().map(Vec::as_slice));
            self.add(&line);
        }
    }

    fn record(&mut self, snapshot: &Snapshot, record: &Record<'_>) {
        let key = record.key();
        let deadline = record.expires_at_ms().map(|at_ms| at_ms.to_string());
        // A snapshot in memory refuses no read of what it has listed.
        match record.key_type() {
            KeyType::String => {
                if record.string_len().unwrap_or(0) <= WHOLE_BYTES_MAX {
                    let value = record.string_to_vec().unwrap_or_default();
                    match &deadline {
                        Some(at_ms) => self.add(&[b"SET", key, &value, b"PXAT", at_ms.as_bytes()]),
                        None => self.add(&[b"SET", key, &value]),
                    }
                    return;
                }
                self.long_string(record);
            }
            KeyType::List => {
                let elements = snapshot.lrange(key, 0, -1).unwrap_or_default();
                self.add_items(b"RPUSH", key, &elements, 1);
            }
            KeyType::Hash => self.hash(snapshot, key),
            KeyType::Set => {
                let mut members = snapshot.smembers(key).unwrap_or_default();
                members.sort_unstable();
                self.add_items(b"SADD", key, &members, 1);
            }
            KeyType::SortedSet => {
                let range = ZRange::ranks(0, -1);
                let members = snapshot.zrange_with_scores(key, range).unwrap_or_default();
                let pairs = members
                    .into_iter()
                    .flat_map(|(member, score)| [Score(score).to_string().into_bytes(), member]);
                self.add_items(b"ZADD", key, &pairs.collect::<Vec<_>>(), 2);
            }
        }
        if let Some(at_ms) = deadline {
            self.add(&[b"PEXPIREAT", key, at_ms.as_bytes()]);
        }
    }

    fn long_string(&mut self, record: &Record<'_>) {
        let key = record.key();
        let len = record.string_len().unwrap_or(0);
        let mut end = 0;
        let _is_a_string = record.visit_string(|offset, bytes| {
            end = offset + bytes.len() as u64;
            self.add(&[b"SETRANGE", key, offset.to_string().as_bytes(), bytes]);
        });
        if end < len {
            let last = (len - 1).to_string();
            self.add(&[b"SETRANGE", key, last.as_bytes(), b"\0"]);
        }
    }

    fn hash(&mut self, snapshot: &Snapshot, key: &[u8]) {
        let mut pairs = snapshot.hget_all(key).unwrap_or_default();
        pairs.sort_unstable();
        let fields: Vec<Vec<u8>> = pairs.iter().map(|(field, _)| field.clone()).collect();
        let words: Vec<Vec<u8>> = pairs.into_iter().flat_map(|(f, v)| [f, v]).collect();
        self.add_items(b"HSET", key, &words, 2);
        let deadlines = snapshot.hexpires_at_ms(key, &fields).unwrap_or_default();
        for (field, deadline) in fields.iter().zip(deadlines) {
            if let FieldTtl::Ms(at_ms) = deadline {
                let at_ms = at_ms.to_string();
                self.add(&[b"HPEXPIREAT", key, at_ms.as_bytes(), b"FIELDS", b"1", field]);
            }
        }
    }
}
