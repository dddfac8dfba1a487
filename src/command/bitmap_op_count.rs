//! How many bits several bitmaps have together, without a key for the result: `BITOPCOUNT`, a command of
//! NacreDB's own.
//!
//! Nothing is made or recorded: the strings are read where they lie, block by block. A range is one of
//! the string that `BITOP` would make, which is as long as the longest.
//!
//! Invariant: the types of all keys are checked before anything is counted, in the order of the keys.

use super::args::{Args, refs};
use super::bitmap::{BitRange, other, parse_count};
use super::run::{Keys, ReadCommand, RunRead};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{ReadTx, StringRef};
use crate::value::number::parse_i64;
use crate::value::{Filter, Plan};

pub(crate) static COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "BITOPCOUNT",
    arity: -4,
    flags: &[Flag::ReadOnly, Flag::MovableKeys],
    keys: KeyPositions::counted(2).and_numbered(NUMBERED),
    group: "bitmap",
    since: "0.1.0",
    summary: "Counts the bits that strings have joined with AND, OR, XOR, NOT or ANDNOT, or that at least \
              (ATLEAST) or exactly (EXACTLY) so many of them have, in a range if wanted.",
    complexity: "O(N) where N is the length of what several of the strings have in common; zeros, and what \
                 only one of them has, cost nothing",
    redis_complexity: "",
    differences: "Redis has no such command: it is NacreDB's own.",
    example: "BITOPCOUNT ATLEAST 2 3 a b to 0 -1 BYTE",
    call: |args, host| host.read(&CountCombined::parse(args)?),
}];

/// The operations that a number of keys follows.
const NUMBERED: &[&str] = &["ATLEAST", "EXACTLY"];

/// Which bits [`BitOpCountRead::bitop_count`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BitOpCount {
    /// Those that are set in all of the strings.
    And,
    /// Those that are set in any of them.
    Or,
    /// Those that are set in an odd number of them.
    Xor,
    /// Those that are clear in the only one, up to its end.
    Not,
    /// Those that are set in the first and in none of the others.
    AndNot,
    /// Those that are set in at least so many of them, which is more than 0.
    AtLeast(u64),
    /// Those that are set in exactly so many of them, which is more than 0.
    Exactly(u64),
}

/// `BITOPCOUNT`.
struct CountCombined<'a> {
    op: BitOpCount,
    keys: &'a [&'a [u8]],
    /// `None` for an empty one.
    range: Option<BitRange>,
}

impl<'a> CountCombined<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut at = 2;
        let op = if NUMBERED.iter().any(|name| args.is(1, name)) {
            at += 1;
            // A negative number is refused as 0 is.
            let number = u64::try_from(args.int(2)?).unwrap_or(0);
            match args.is(1, "ATLEAST") {
                true => BitOpCount::AtLeast(number),
                false => BitOpCount::Exactly(number),
            }
        } else {
            let ops = [
                ("AND", BitOpCount::And),
                ("OR", BitOpCount::Or),
                ("XOR", BitOpCount::Xor),
                ("NOT", BitOpCount::Not),
                ("ANDNOT", BitOpCount::AndNot),
            ];
            let named = ops.into_iter().find(|(name, _)| args.is(1, name));
            named.ok_or(CommandError::Syntax)?.1
        };
        let words = args.rest(at + 1);
        let count = parse_i64(args.word(at)?).unwrap_or(0);
        let count = usize::try_from(count).unwrap_or(0);
        let Some(keys) = words.get(..count) else {
            let text = "ERR Number of keys can't be greater than number of args";
            return Err(other(text));
        };
        let mut command = Self::new(op, keys, BitRange::all())?;
        command.range = parse_count(args, at + 1 + count)?;
        Ok(command)
    }

    fn new(op: BitOpCount, keys: &'a [&'a [u8]], range: BitRange) -> Result<Self, CommandError> {
        match op {
            _ if keys.is_empty() => Err(other("ERR numkeys should be greater than 0")),
            BitOpCount::Not if keys.len() != 1 => {
                let text = "ERR BITOPCOUNT NOT must be called with a single source key.";
                Err(other(text))
            }
            BitOpCount::AtLeast(0) | BitOpCount::Exactly(0) => Err(other(
                "ERR number of keys that have a bit should be greater than 0",
            )),
            BitOpCount::And
            | BitOpCount::Or
            | BitOpCount::Xor
            | BitOpCount::Not
            | BitOpCount::AndNot
            | BitOpCount::AtLeast(_)
            | BitOpCount::Exactly(_) => Ok(Self {
                op,
                keys,
                range: Some(range),
            }),
        }
    }
}

impl ReadCommand for CountCombined<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        let strings = self.keys.iter().map(|key| match tx.entry(key) {
            Some(entry) => entry.string(),
            None => Ok(StringRef::Inline(&[])),
        });
        let strings = strings.collect::<Result<Vec<_>, _>>()?;
        let len = strings.iter().map(StringRef::len).max().unwrap_or(0);
        let Some((from, to)) = self.range.and_then(|range| range.counted(len)) else {
            return Ok(0);
        };
        let sources = strings.iter().map(StringRef::as_source);
        let counted = |number: u64, at_most: u32| Filter::Counted {
            of: sources.clone().collect(),
            // So many keys there cannot be.
            at_least: u32::try_from(number).unwrap_or(u32::MAX),
            at_most,
        };
        let mut filters = sources.clone().map(Filter::Source);
        let filter = match self.op {
            BitOpCount::And => Filter::And(filters.collect()),
            BitOpCount::Or | BitOpCount::Not => Filter::Or(filters.collect()),
            BitOpCount::Xor => Filter::Xor(filters.collect()),
            BitOpCount::AndNot => match filters.next() {
                Some(first) => Filter::AndNot(first.into(), Filter::Or(filters.collect()).into()),
                None => return Ok(0),
            },
            BitOpCount::AtLeast(number) => counted(number, u32::MAX),
            BitOpCount::Exactly(number) => {
                counted(number, u32::try_from(number).unwrap_or(u32::MAX))
            }
        };
        // None of them is too deep.
        let count = Plan::new(&filter).map_or(0, |plan| plan.count(from, to));
        Ok(match self.op {
            BitOpCount::Not => to - from - count,
            BitOpCount::And
            | BitOpCount::Or
            | BitOpCount::Xor
            | BitOpCount::AndNot
            | BitOpCount::AtLeast(_)
            | BitOpCount::Exactly(_) => count,
        })
    }
}

/// Counting the bits of joined bitmaps.
pub trait BitOpCountRead: RunRead {
    /// Joins the strings at `keys` bit by bit and counts the bits of the result, in `range`, without
    /// making it. It is as long as the longest string; shorter ones, and missing keys, read as zeros.
    /// In words: `BITOPCOUNT`, which Redis does not have.
    ///
    /// # Complexity
    /// O(N) where N is the length of what several of the strings have in common, whatever the number
    /// that [`BitOpCount::AtLeast`] asks for; zeros, and what only one of them has, cost nothing.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if one of `keys` holds another type; [`CommandError::Other`] for no
    /// key at all, for [`BitOpCount::Not`] of other than one, and for `AtLeast(0)` and `Exactly(0)`.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{BitOpCount, BitRange, Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// for (day, user) in [("mon", 1), ("mon", 2), ("tue", 2), ("wed", 2), ("wed", 3), ("wed", 1)] {
    ///     db.setbit(day, user, true)?;
    /// }
    /// let days = ["mon", "tue", "wed"];
    /// assert_eq!(db.bitop_count(BitOpCount::And, &days, BitRange::all())?, 1);
    /// assert_eq!(db.bitop_count(BitOpCount::AtLeast(2), &days, BitRange::all())?, 2);
    /// assert_eq!(db.bitop_count(BitOpCount::Exactly(1), &days, BitRange::bits(0..=2))?, 0);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn bitop_count<K: AsRef<[u8]>>(
        &self,
        op: BitOpCount,
        keys: &[K],
        range: BitRange,
    ) -> Result<u64, Error> {
        self.read(CountCombined::new(op, &refs(keys), range)?)
    }
}

impl<T: RunRead> BitOpCountRead for T {}

#[cfg(test)]
mod tests;
