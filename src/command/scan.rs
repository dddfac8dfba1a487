//! Every key: `KEYS` and `SCAN`.
//!
//! `KEYS` clones the roots of all shards, and matches after they are unlocked: writers wait no longer
//! than for a snapshot. `SCAN` locks one shard at a time. Its cursor is the shard's number in the top
//! bits and a position in the hash order of that shard's map below, so it is worth something whatever
//! happens to the map between two calls: every key that is there during the whole scan is answered at
//! least once. Nothing is remembered between calls, and any number is a safe cursor.

use super::args::Args;
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead};
use super::scan_elements::ElementScanOptions;
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Entry, KeyType, ReadTx, Table};
use crate::value::glob::glob_match;

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "KEYS",
        arity: 2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::NONE,
        group: "generic",
        since: "1.0.0",
        summary: "Returns all keys that match a pattern.",
        complexity: "O(N) for N keys, during which nobody waits; a worst-case pattern costs O(P*K) for a key of K bytes",
        redis_complexity: "O(N), during which everybody waits",
        differences: "",
        example: "KEYS *",
        call: |args, host| {
            let frozen = host.read_raw(&Freeze)?;
            Ok(frozen.matching(Some(args.word(1)?)).into())
        },
    },
    CommandSpec {
        name: "SCAN",
        arity: -2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::NONE,
        group: "generic",
        since: "2.8.0",
        summary: "Returns some keys and the cursor to go on with, which is 0 at the end.",
        complexity: "O(COUNT) for a call, and O(1) for each shard it passes; O(N) for all calls together",
        redis_complexity: "O(1) for a call, O(N) for all calls together",
        differences: "Cursors are other numbers.",
        example: "SCAN 0",
        call: |args, host| {
            let (cursor, options) = parse_scan(args)?;
            let (cursor, keys) = scan_steps(cursor, &options, |step| host.read_raw(&step))?;
            let cursor = Reply::Bulk(cursor.to_string().into_bytes());
            Ok(Reply::Array(vec![cursor, keys.into()]))
        },
    },
];

/// How [`ScanRead::scan`] looks for keys.
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions<'a> {
    elements: ElementScanOptions<'a>,
    wanted: Wanted,
}

/// Which types a scan answers.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    All,
    Only(KeyType),
    /// A type that no value has.
    Nothing,
}

impl Default for ScanOptions<'_> {
    fn default() -> Self {
        Self {
            elements: ElementScanOptions::new(),
            wanted: Wanted::All,
        }
    }
}

impl<'a> ScanOptions<'a> {
    /// Every key, ten entries a call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only keys that match this pattern. Redis: `MATCH`.
    #[must_use]
    pub fn matching<P: AsRef<[u8]> + ?Sized>(mut self, pattern: &'a P) -> Self {
        self.elements = self.elements.matching(pattern);
        self
    }

    /// Looks at about this many entries a call, at least at one. Redis: `COUNT`.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.elements = self.elements.count(count);
        self
    }

    /// Only keys whose value has this type. Redis: `TYPE`.
    #[must_use]
    pub fn key_type(mut self, key_type: KeyType) -> Self {
        self.wanted = Wanted::Only(key_type);
        self
    }
}

/// Whether a key matches; `*` alone matches every key, the empty one included.
pub(super) fn matches(pattern: Option<&[u8]>, key: &[u8]) -> bool {
    pattern.is_none_or(|pattern| pattern == b"*" || glob_match(pattern, key, false))
}

fn parse_scan(args: Args<'_>) -> Result<(u64, ScanOptions<'_>), CommandError> {
    let cursor = cursor(args, 1)?;
    let mut options = ScanOptions::new();
    let mut index = 2;
    while index < args.count() {
        if index + 1 == args.count() {
            return Err(CommandError::Syntax);
        }
        if options.elements.take(args, index)? {
            // One of those that scans of one collection take too.
        } else if args.is(index, "TYPE") {
            let named = KeyType::ALL
                .into_iter()
                .find(|key_type| args.is(index + 1, key_type.name()));
            options.wanted = named.map_or(Wanted::Nothing, Wanted::Only);
        } else {
            return Err(CommandError::Syntax);
        }
        index += 2;
    }
    Ok((cursor, options))
}

/// The word at `index` as a cursor.
pub(super) fn cursor(args: Args<'_>, index: usize) -> Result<u64, CommandError> {
    let cursor = parse_cursor(args.word(index)?);
    cursor.ok_or(CommandError::Other("ERR invalid cursor".into()))
}

/// A cursor as Redis reads it, which is as C's `strtoul` does: up to a zero byte, with a sign (a
/// minus counts down from 2^64), but without space before it; nothing at all is 0.
fn parse_cursor(word: &[u8]) -> Option<u64> {
    let text = word.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0);
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut cursor = 0_u64;
    for digit in digits {
        let digit = u64::from(digit.checked_sub(b'0').filter(|&digit| digit <= 9)?);
        cursor = cursor.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if negative {
        cursor.wrapping_neg()
    } else {
        cursor
    })
}

/// Walks shard by shard until enough entries were looked at or all were.
fn scan_steps(
    mut cursor: u64,
    options: &ScanOptions<'_>,
    mut read: impl FnMut(ScanStep<'_>) -> Result<(u64, u64), Error>,
) -> Result<(u64, Vec<Vec<u8>>), Error> {
    let found = std::cell::RefCell::new(Vec::new());
    let mut left = options.elements.wanted_count();
    loop {
        let (next, seen) = read(ScanStep {
            cursor,
            count: left,
            options,
            found: &found,
        })?;
        cursor = next;
        left = left.saturating_sub(seen);
        if cursor == 0 || left == 0 {
            return Ok((cursor, found.into_inner()));
        }
    }
}

/// The part of a `SCAN` that lies in one shard: the next cursor, and how many entries were seen.
struct ScanStep<'a> {
    cursor: u64,
    count: u64,
    options: &'a ScanOptions<'a>,
    found: &'a std::cell::RefCell<Vec<Vec<u8>>>,
}

impl ReadCommand for ScanStep<'_> {
    type Output = (u64, u64);

    fn keys(&self) -> Keys<'_> {
        Keys::AtCursor(self.cursor)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let (index, mut position) = tx.layout.cursor_parts(self.cursor);
        let table = tx.table(index);
        let mut found = self.found.borrow_mut();
        let mut seen = 0;
        while seen < self.count {
            position = table.keys().scan(position, &mut |entry| {
                seen += 1;
                let entry = Entry::new(entry);
                let wanted = match self.options.wanted {
                    Wanted::All => true,
                    Wanted::Only(key_type) => entry.key_type() == key_type,
                    Wanted::Nothing => false,
                };
                if wanted
                    && self.options.elements.wants(entry.key())
                    && !(entry.may_expire() && entry.is_expired(tx.now.ms()))
                {
                    found.push(entry.key().to_vec());
                }
            });
            if position == 0 {
                return Ok((tx.layout.cursor(index + 1, 0), seen));
            }
        }
        Ok((tx.layout.cursor(index, position), seen))
    }
}

/// The roots of all shards at one moment.
struct Freeze;

struct Frozen {
    tables: Vec<Table>,
    now_ms: u64,
}

impl ReadCommand for Freeze {
    type Output = Frozen;

    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Frozen, CommandError> {
        Ok(Frozen {
            tables: tx.tables().into_iter().cloned().collect(),
            now_ms: tx.now.ms(),
        })
    }
}

/// Visits every key of the host's logical database.
#[cfg(feature = "server")]
pub(crate) fn for_each_key(
    host: &dyn super::run::Host,
    visit: &mut dyn FnMut(&[u8]),
) -> Result<(), Error> {
    let frozen = host.read_raw(&Freeze)?;
    let entries = frozen.tables.iter().flat_map(|table| table.keys().iter());
    entries
        .map(Entry::new)
        .filter(|entry| !entry.is_expired(frozen.now_ms))
        .for_each(|entry| visit(entry.key()));
    Ok(())
}

impl Frozen {
    fn matching(&self, pattern: Option<&[u8]>) -> Vec<Vec<u8>> {
        let entries = self.tables.iter().flat_map(|table| table.keys().iter());
        entries
            .map(Entry::new)
            .filter(|entry| matches(pattern, entry.key()) && !entry.is_expired(self.now_ms))
            .map(|entry| entry.key().to_vec())
            .collect()
    }
}

/// Reading every key.
pub trait ScanRead: RunRead {
    /// Returns all keys that match `pattern`, in no particular order. Redis: `KEYS`.
    ///
    /// # Complexity
    /// O(N) for N keys. Writers do not wait for it: it works on what was there when it was called.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("user:1", "")?;
    /// db.set("city:1", "")?;
    /// assert_eq!(db.keys("user:*")?, [b"user:1"]);
    /// # Ok::<(), Error>(())
    /// ```
    fn keys(&self, pattern: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, Error> {
        Ok(self.read(Freeze)?.matching(Some(pattern.as_ref())))
    }

    /// Returns some keys, and the cursor to go on with: 0 starts a scan, and ends it. Every key that is
    /// there during the whole scan is returned at least once; others may be. Redis: `SCAN`.
    ///
    /// # Complexity
    /// O(count) for a call, and O(N) for all calls of a scan. Only one shard is locked at a time.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::ScanOptions;
    /// # let db = Db::open_in_memory();
    /// db.set("user:1", "")?;
    /// db.set("user:2", "")?;
    /// let options = ScanOptions::new().matching("user:*").count(100);
    /// let (mut cursor, mut all) = db.scan(0, options)?;
    /// while cursor != 0 {
    ///     let (next, keys) = db.scan(cursor, options)?;
    ///     all.extend(keys);
    ///     cursor = next;
    /// }
    /// assert_eq!(all.len(), 2);
    /// # Ok::<(), Error>(())
    /// ```
    fn scan(&self, cursor: u64, options: ScanOptions<'_>) -> Result<(u64, Vec<Vec<u8>>), Error> {
        scan_steps(cursor, &options, |step| self.read(step))
    }
}

impl<T: RunRead> ScanRead for T {}

#[cfg(test)]
mod tests;
