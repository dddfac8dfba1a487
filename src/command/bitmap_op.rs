//! Bitmaps joined bit by bit: `BITOP`.
//!
//! The sources are read where they lie; what one of them decides alone, the result shares with it.
//!
//! Invariant: the result's memory is held against [`RESULT_BYTES_MAX`] before anything is changed, as
//! all of it is recorded.

use super::args::{Args, refs};
use super::bitmap::other;
use super::run::{Keys, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, bitmap::combine};
use crate::keyspace::{StringRef, WriteTx};
use crate::value;

pub(crate) static COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "BITOP",
    arity: -4,
    flags: &[Flag::Write, Flag::DenyOom],
    keys: KeyPositions::range(2, -1, 1),
    group: "bitmap",
    since: "2.6.0",
    summary: "Joins strings bit by bit into another, with AND, OR or XOR, or inverts one with NOT.",
    complexity: "O(N) where N is the length of what several of the strings have in common; zeros, and what \
                 only one of them has, cost nothing but their record in the file",
    redis_complexity: "O(N) where N is the length of the longest string",
    differences: "With sparse strings, a result of more than 1 GB that is not zeros is refused.",
    example: "BITOP AND to a b",
    call: |args, host| host.write(&Combine::parse(args)?),
}];

/// The most memory a result may take. No string of up to 512 MB comes near it.
const RESULT_BYTES_MAX: usize = 1 << 30;

/// How [`BitOpWrite::bitop`] joins strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BitOp {
    /// Bits that are set in all of them.
    And,
    /// Bits that are set in any of them.
    Or,
    /// Bits that are set in an odd number of them.
    Xor,
    /// The inverse of the only one.
    Not,
}

impl From<BitOp> for value::BitOp {
    fn from(op: BitOp) -> Self {
        match op {
            BitOp::And => Self::And,
            BitOp::Or => Self::Or,
            BitOp::Xor => Self::Xor,
            BitOp::Not => Self::Not,
        }
    }
}

/// `BITOP`: the key of the result, then the sources.
struct Combine<'a> {
    op: BitOp,
    keys: &'a [&'a [u8]],
}

impl<'a> Combine<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let ops = [
            ("AND", BitOp::And),
            ("OR", BitOp::Or),
            ("XOR", BitOp::Xor),
            ("NOT", BitOp::Not),
        ];
        let named = ops.into_iter().find(|(name, _)| args.is(1, name));
        let (_, op) = named.ok_or(CommandError::Syntax)?;
        Self::new(op, args.rest(2))
    }

    fn new(op: BitOp, keys: &'a [&'a [u8]]) -> Result<Self, CommandError> {
        if op == BitOp::Not && keys.len() != 2 {
            let text = "ERR BITOP NOT must be called with a single source key.";
            return Err(other(text));
        }
        if keys.len() < 2 {
            return Err(CommandError::WrongArity("bitop".into()));
        }
        Ok(Self { op, keys })
    }
}

impl WriteCommand for Combine<'_> {
    /// The length of the result.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let Some((to, from)) = self.keys.split_first() else {
            return Ok(0);
        };
        let read = tx.as_read();
        let sources = from.iter().map(|key| match read.entry(key) {
            Some(entry) => entry.string(),
            None => Ok(StringRef::Inline(&[])),
        });
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        let result = combine(self.op.into(), &sources);
        let len = result.len();
        if result.memory_bytes() > RESULT_BYTES_MAX {
            return Err(CommandError::StringTooLong);
        }
        if len == 0 {
            tx.remove(to);
        } else {
            tx.event(Event::Set);
            tx.set_string_value(to, result);
        }
        Ok(len)
    }
}

/// Joining bitmaps.
pub trait BitOpWrite: RunWrite {
    /// Joins the strings at `from` bit by bit and lets `to`, which may be one of them, hold the result
    /// and nothing else; returns its length in bytes. The result is as long as the longest string;
    /// shorter ones, and missing keys, read as zeros. If all are empty, `to` is removed.
    /// Redis: `BITOP`.
    ///
    /// # Complexity
    /// O(N) where N is the length of what several of the strings have in common: zeros, and what only
    /// one of them has, cost nothing but their record in the file.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if one of `from` holds another type; [`CommandError::Other`] for
    /// [`BitOp::Not`] of other than one string, [`CommandError::WrongArity`] for no string at all;
    /// [`CommandError::StringTooLong`] for a result that takes more than 1 GB of memory, which only
    /// sparse strings can make. Nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{BitOp, BitRange, Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// for user in [1, 2, 3] {
    ///     db.setbit("monday", user, true)?;
    /// }
    /// db.setbit("tuesday", 2, true)?;
    /// assert_eq!(db.bitop(BitOp::And, "both", &["monday", "tuesday"])?, 1);
    /// assert_eq!(db.bitpos("both", true, BitRange::all())?, Some(2));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn bitop<K: AsRef<[u8]>>(
        &self,
        op: BitOp,
        to: impl AsRef<[u8]>,
        from: &[K],
    ) -> Result<u64, Error> {
        let mut keys = vec![to.as_ref()];
        keys.extend(refs(from));
        self.write(Combine::new(op, &keys)?)
    }
}

impl<T: RunWrite> BitOpWrite for T {}

#[cfg(test)]
mod tests;
