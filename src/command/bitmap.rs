//! Strings as bitmaps, one key at a time: `SETBIT`, `GETBIT`, `BITCOUNT`, `BITPOS`.
//!
//! Bit 0 is the highest bit of byte 0. `bitmap_op` and `bitmap_field` hold the rest of the family and
//! share the check of offsets that is here.
//!
//! Invariants:
//! 1. An offset is held against [`Rules::bit_offsets`] before a key is looked at or anything allocated.
//! 2. Where Redis looks at the key before it reads the rest of its words, so do we: a missing key
//!    answers whatever they say.

use std::ops::RangeInclusive;

use super::args::Args;
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::string::read_string;
use crate::error::{CommandError, Error};
use crate::keyspace::{ReadTx, Rules, StringRef, WriteTx};
use crate::value::number::parse_i64;

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "SETBIT",
        arity: 4,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::FIRST,
        group: "bitmap",
        since: "2.2.0",
        summary: "Sets or clears a bit of a string and returns what it was.",
        complexity: "O(1), wherever the bit is",
        redis_complexity: "O(1) in a string that is long enough, otherwise O(N) where N is the new length",
        differences: "",
        example: "SETBIT key 7 1",
        call: |args, host| {
            host.write(&SetBit {
                key: args.word(1)?,
                offset: parse_offset(args.word(2)?)?,
                on: match args.word(3)? {
                    b"0" => Some(false),
                    b"1" => Some(true),
                    _ => None,
                },
            })
        },
    },
    CommandSpec {
        name: "GETBIT",
        arity: 3,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "bitmap",
        since: "2.2.0",
        summary: "Returns a bit of a string, 0 past its end.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "GETBIT key 7",
        call: |args, host| {
            host.read(&GetBit {
                key: args.word(1)?,
                offset: parse_offset(args.word(2)?)?,
            })
        },
    },
    CommandSpec {
        name: "BITCOUNT",
        arity: -2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "bitmap",
        since: "2.6.0",
        summary: "Counts the set bits of a string, or of a range of its bytes or bits.",
        complexity: "O(log N) where N is the length of the string, whose counts are kept",
        redis_complexity: "O(N)",
        differences: "",
        example: "BITCOUNT key 0 -1 BIT",
        call: |args, host| {
            let count = read_string(args.word(1)?, |string| {
                Ok(parse_count(args, 2)?.map_or(0, |range| count(string, range)))
            });
            Ok(host.read_raw(&count)?.unwrap_or(0).into())
        },
    },
    CommandSpec {
        name: "BITPOS",
        arity: -3,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "bitmap",
        since: "2.8.7",
        summary: "Returns the position of the first bit that is set, or clear, in a string or a range of it.",
        complexity: "O(log N) where N is the length of the string, whose counts are kept",
        redis_complexity: "O(N)",
        differences: "",
        example: "BITPOS key 1 0 -1 BYTE",
        call: |args, host| {
            let bit = match args.int(2)? {
                0 => false,
                1 => true,
                _ => return Err(other("ERR The bit argument must be 1 or 0.").into()),
            };
            let find = read_string(args.word(1)?, |string| {
                Ok(position(string, bit, parse_position(args)?))
            });
            let found = host.read_raw(&find)?;
            Ok(match found.unwrap_or_else(|| position_if_missing(bit)) {
                Some(at) => at.into(),
                None => Reply::Int(-1),
            })
        },
    },
];

/// A refusal whose text is Redis's.
pub(super) fn other(text: &'static str) -> CommandError {
    CommandError::Other(text.into())
}

/// The refusal of an offset that is no number or past the limit.
pub(super) fn bad_offset() -> CommandError {
    other("ERR bit offset is not an integer or out of range")
}

/// A word as a bit offset; [`check_offset`] has to see it yet.
pub(super) fn parse_offset(word: &[u8]) -> Result<u64, CommandError> {
    parse_i64(word)
        .and_then(|offset| u64::try_from(offset).ok())
        .ok_or_else(bad_offset)
}

/// Refuses an offset past the limit.
pub(super) fn check_offset(rules: Rules, offset: u64) -> Result<(), CommandError> {
    if offset >= rules.bit_offsets {
        return Err(bad_offset());
    }
    Ok(())
}

/// What a range is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    Bit,
}

/// A part of a bitmap, in bytes or in bits, for [`BitmapRead::bitcount`] and [`BitmapRead::bitpos`].
/// Negative positions count from the end; what lies outside the string is left out.
///
/// ```
/// use nacredb::{BitRange, Db, prelude::*};
/// let db = Db::open_in_memory();
/// db.set("bits", [0xFF, 0x0F])?;
/// assert_eq!(db.bitcount("bits", BitRange::all())?, 12);
/// assert_eq!(db.bitcount("bits", BitRange::bytes(-1..=-1))?, 4);
/// assert_eq!(db.bitcount("bits", BitRange::bits(6..=11))?, 2);
/// assert_eq!(db.bitcount("bits", BitRange::bits_from(15))?, 1);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct BitRange {
    start: i64,
    /// Included; `None` for as far as the string goes.
    end: Option<i64>,
    unit: Unit,
}

impl Default for BitRange {
    fn default() -> Self {
        Self::all()
    }
}

impl BitRange {
    const fn new(start: i64, end: Option<i64>, unit: Unit) -> Self {
        Self { start, end, unit }
    }

    /// The whole string.
    pub const fn all() -> Self {
        Self::new(0, None, Unit::Byte)
    }

    /// These bytes, both ends included.
    pub const fn bytes(range: RangeInclusive<i64>) -> Self {
        Self::new(*range.start(), Some(*range.end()), Unit::Byte)
    }

    /// From this byte on, with an open end: to `bitpos` zeros follow.
    pub const fn bytes_from(start: i64) -> Self {
        Self::new(start, None, Unit::Byte)
    }

    /// These bits, both ends included.
    pub const fn bits(range: RangeInclusive<i64>) -> Self {
        Self::new(*range.start(), Some(*range.end()), Unit::Bit)
    }

    /// From this bit on, with an open end: to `bitpos` zeros follow.
    pub const fn bits_from(start: i64) -> Self {
        Self::new(start, None, Unit::Bit)
    }

    /// Whether both ends count from the end and in the wrong order. To `BITCOUNT` that is empty
    /// before it is clamped to the string.
    fn is_reversed(self) -> bool {
        self.end
            .is_some_and(|end| self.start < 0 && end < 0 && self.start > end)
    }

    /// As `resolve`, for what counts.
    pub(super) fn counted(self, len: u64) -> Option<(u64, u64)> {
        if self.is_reversed() {
            return None;
        }
        self.resolve(len)
    }

    /// First bit and the one after the last, in a string of `len` bytes; `None` if there are none.
    fn resolve(self, len: u64) -> Option<(u64, u64)> {
        let (total, bits) = match self.unit {
            Unit::Byte => (len, 8),
            Unit::Bit => (len * 8, 1),
        };
        let last = total.checked_sub(1)?;
        let from_start = |index: i64| {
            if index < 0 {
                total.saturating_sub(index.unsigned_abs())
            } else {
                index.unsigned_abs()
            }
        };
        let start = from_start(self.start);
        let end = self.end.map_or(last, |end| from_start(end).min(last));
        (start <= end).then(|| (start * bits, (end + 1) * bits))
    }
}

fn parse_unit(args: Args<'_>, index: usize) -> Result<Unit, CommandError> {
    if args.is(index, "BIT") {
        Ok(Unit::Bit)
    } else if args.is(index, "BYTE") {
        Ok(Unit::Byte)
    } else {
        Err(CommandError::Syntax)
    }
}

/// The range of a `BITCOUNT`, from word `at` on; `None` if it is empty whatever its unit, which is then
/// not read.
pub(super) fn parse_count(args: Args<'_>, at: usize) -> Result<Option<BitRange>, CommandError> {
    let words = args.count().saturating_sub(at);
    match words {
        0 => return Ok(Some(BitRange::all())),
        2 | 3 => {}
        _ => return Err(CommandError::Syntax),
    }
    let range = BitRange::bytes(args.int(at)?..=args.int(at + 1)?);
    if range.is_reversed() {
        return Ok(None);
    }
    let unit = match words {
        3 => parse_unit(args, at + 2)?,
        _ => Unit::Byte,
    };
    Ok(Some(BitRange { unit, ..range }))
}

/// The range of a `BITPOS`, in the order in which Redis reads it: start, unit, end.
fn parse_position(args: Args<'_>) -> Result<BitRange, CommandError> {
    match args.count() {
        3 => return Ok(BitRange::all()),
        4..=6 => {}
        _ => return Err(CommandError::Syntax),
    }
    let start = args.int(3)?;
    let unit = match args.count() {
        6 => parse_unit(args, 5)?,
        _ => Unit::Byte,
    };
    let end = match args.count() {
        4 => None,
        _ => Some(args.int(4)?),
    };
    Ok(BitRange::new(start, end, unit))
}

/// How many bits of a range are set.
fn count(string: StringRef<'_>, range: BitRange) -> u64 {
    let range = range.counted(string.len());
    range.map_or(0, |(from, to)| string.count_ones(from, to))
}

/// The first bit of a range that equals `bit`. Past an open end there are zeros, unless the range is
/// empty.
fn position(string: StringRef<'_>, bit: bool, range: BitRange) -> Option<u64> {
    let (from, to) = range.resolve(string.len())?;
    let found = string.find_bit(bit, from, to);
    found.or_else(|| (!bit && range.end.is_none()).then_some(to))
}

/// A missing key is zeros without an end, whatever the range.
fn position_if_missing(bit: bool) -> Option<u64> {
    (!bit).then_some(0)
}

/// `SETBIT`.
struct SetBit<'a> {
    key: &'a [u8],
    offset: u64,
    /// `None` for a word that is no bit, which is refused after a bad offset.
    on: Option<bool>,
}

impl WriteCommand for SetBit<'_> {
    /// What the bit was.
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        check_offset(tx.rules, self.offset)?;
        let on = self
            .on
            .ok_or_else(|| other("ERR bit is not an integer or out of range"))?;
        tx.set_bit(self.key, self.offset, on)
    }
}

/// `GETBIT`.
struct GetBit<'a> {
    key: &'a [u8],
    offset: u64,
}

impl ReadCommand for GetBit<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<bool, CommandError> {
        check_offset(*tx.rules, self.offset)?;
        match tx.entry(self.key) {
            Some(entry) => Ok(entry.string()?.get_bit(self.offset)),
            None => Ok(false),
        }
    }
}

/// Reading bits of strings.
pub trait BitmapRead: RunRead {
    /// Returns the bit at `offset` of the string at `key`, `false` past its end or if there is none.
    /// Offsets count from the highest bit of the first byte. Redis: `GETBIT`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::Other`] for an offset of 2^32 or more (2^63 with sparse strings),
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("flags", [0b0100_0000])?;
    /// assert!(db.getbit("flags", 1)?);
    /// assert!(!db.getbit("flags", 1_000_000)?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn getbit(&self, key: impl AsRef<[u8]>, offset: u64) -> Result<bool, Error> {
        self.read(GetBit {
            key: key.as_ref(),
            offset,
        })
    }

    /// Counts the set bits of the string at `key`, in `range`; 0 if there is no string.
    /// Redis: `BITCOUNT`.
    ///
    /// # Complexity
    /// O(log N) where N is the length of the string, whose counts are kept; O(1) for all of it.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{BitRange, Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("key", "foobar")?;
    /// assert_eq!(db.bitcount("key", BitRange::all())?, 26);
    /// assert_eq!(db.bitcount("key", BitRange::bytes(1..=1))?, 6);
    /// assert_eq!(db.bitcount("key", BitRange::bits(5..=30))?, 17);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn bitcount(&self, key: impl AsRef<[u8]>, range: BitRange) -> Result<u64, Error> {
        let counted = self.read(read_string(key.as_ref(), |string| Ok(count(string, range))))?;
        Ok(counted.unwrap_or(0))
    }

    /// Returns the position of the first bit in `range` of the string at `key` that equals `bit`,
    /// counted from the start of the string, or `None`.
    ///
    /// A range without an end is followed by zeros, so that a clear bit is always found in it, past
    /// the end of the string if need be; a missing key is zeros only. An empty range, or an empty
    /// string, has no bit at all. Redis: `BITPOS`, which answers -1 for `None`.
    ///
    /// # Complexity
    /// O(log N) where N is the length of the string, whose counts are kept.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{BitRange, Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("key", [0xFF, 0xF0])?;
    /// assert_eq!(db.bitpos("key", false, BitRange::all())?, Some(12));
    /// assert_eq!(db.bitpos("key", false, BitRange::bytes(0..=0))?, None);
    /// assert_eq!(db.bitpos("key", true, BitRange::bytes_from(1))?, Some(8));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn bitpos(
        &self,
        key: impl AsRef<[u8]>,
        bit: bool,
        range: BitRange,
    ) -> Result<Option<u64>, Error> {
        let found = self.read(read_string(key.as_ref(), |string| {
            Ok(position(string, bit, range))
        }))?;
        Ok(found.unwrap_or_else(|| position_if_missing(bit)))
    }
}

impl<T: RunRead> BitmapRead for T {}

/// Writing bits of strings.
pub trait BitmapWrite: RunWrite {
    /// Sets or clears the bit at `offset` of the string at `key` and returns what it was. The string
    /// is created or extended as far as that bit, with zeros, and keeps its deadline. Offsets count
    /// from the highest bit of the first byte. Redis: `SETBIT`.
    ///
    /// # Complexity
    /// O(1), wherever the bit is: the zeros cost nothing.
    ///
    /// # Errors
    /// [`CommandError::Other`] for an offset of 2^32 or more (2^63 with sparse strings),
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert!(!db.setbit("online", 4_294_967_295, true)?);
    /// assert!(db.setbit("online", 4_294_967_295, false)?);
    /// assert_eq!(db.strlen("online")?, 536_870_912);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn setbit(&self, key: impl AsRef<[u8]>, offset: u64, on: bool) -> Result<bool, Error> {
        self.write(SetBit {
            key: key.as_ref(),
            offset,
            on: Some(on),
        })
    }
}

impl<T: RunWrite> BitmapWrite for T {}

#[cfg(test)]
mod tests;
