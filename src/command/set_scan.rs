//! A cursor over the members of one set: `SSCAN`.
//!
//! A cursor is a position in the hash order of the set's trie; a set in a short form is answered whole.
//! A member that is there during the whole scan is answered at least once, whatever comes and goes.

use super::args::Args;
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead};
use super::scan_elements::{self, ElementScanOptions};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::ReadTx;

pub(crate) static COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "SSCAN",
    arity: -3,
    flags: &[Flag::ReadOnly],
    keys: KeyPositions::FIRST,
    group: "set",
    since: "2.8.0",
    summary: "Returns some members of a set and the cursor to go on with, which is 0 at the end.",
    complexity: "O(COUNT) for a call, O(N) for all calls together",
    redis_complexity: "O(1) for a call, O(N) for all calls together",
    differences: "Cursors are other numbers.",
    example: "SSCAN set 0 COUNT 5",
    call: |args, host| {
        let scan = SScan {
            key: args.word(1)?,
            cursor: scan_elements::cursor(args)?,
            options: Options::Words(args),
        };
        let (cursor, members) = host.read_raw(&scan)?;
        let cursor = Reply::Bulk(cursor.to_string().into_bytes());
        Ok(Reply::Array(vec![cursor, members.into()]))
    },
}];

/// Options, or the words they are in: Redis reads those only if there is something to scan.
enum Options<'a> {
    Read(ElementScanOptions<'a>),
    Words(Args<'a>),
}

/// `SSCAN`.
struct SScan<'a> {
    key: &'a [u8],
    cursor: u64,
    options: Options<'a>,
}

impl ReadCommand for SScan<'_> {
    type Output = (u64, Vec<Vec<u8>>);

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(set) = tx.set(self.key)? else {
            return Ok((0, Vec::new()));
        };
        let options = match self.options {
            Options::Read(options) => options,
            Options::Words(args) => ElementScanOptions::parse(args, false)?.0,
        };
        let mut found = Vec::new();
        let (mut cursor, mut seen) = (self.cursor, 0);
        loop {
            cursor = set.scan(cursor, &mut |member| {
                seen += 1;
                member.with(|word| {
                    if options.wants(word) {
                        found.push(word.to_vec());
                    }
                });
            });
            if cursor == 0 || seen >= options.wanted_count() {
                return Ok((cursor, found));
            }
        }
    }
}

/// Scanning sets.
pub trait SetScanRead: RunRead {
    /// Returns some members of the set at `key`, and the cursor to go on with: 0 starts a scan, and ends
    /// it. Every member that is there during the whole scan is returned at least once; others may be.
    /// Redis: `SSCAN`.
    ///
    /// # Complexity
    /// O(count) for a call, and O(N) for all calls of a scan.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// use nacredb::ElementScanOptions;
    /// # let db = Db::open_in_memory();
    /// db.sadd("fruit", &["apple", "apricot", "plum"])?;
    /// let options = ElementScanOptions::new().matching("ap*");
    /// let (mut cursor, mut all) = db.sscan("fruit", 0, options)?;
    /// while cursor != 0 {
    ///     let (next, members) = db.sscan("fruit", cursor, options)?;
    ///     all.extend(members);
    ///     cursor = next;
    /// }
    /// assert_eq!(all.len(), 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sscan(
        &self,
        key: impl AsRef<[u8]>,
        cursor: u64,
        options: ElementScanOptions<'_>,
    ) -> Result<(u64, Vec<Vec<u8>>), Error> {
        self.read(SScan {
            key: key.as_ref(),
            cursor,
            options: Options::Read(options),
        })
    }
}

impl<T: RunRead> SetScanRead for T {}

#[cfg(test)]
mod tests;
