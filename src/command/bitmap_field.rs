//! Integers of any width at any bit of a string: `BITFIELD`, `BITFIELD_RO`.
//!
//! Invariants:
//! 1. All operations are checked before the first is carried out, in the order in which Redis reads
//!    its words: an offset past the limit, known only once the limits are, comes before an error in a
//!    word after it.
//! 2. Operations that only read neither create nor record anything, and run as a reading command.
//! 3. One that writes creates or extends the string as far as it reaches, even where `FAIL` keeps the
//!    field as it is.

use std::borrow::Cow;

use super::args::Args;
use super::bitmap::{bad_offset, check_offset, other, parse_offset};
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, Rules, STRING_BYTES_LIMIT, StringRef, WriteTx};
use crate::value::number::parse_i64;

/// How offsets differ from Redis's.
const OFFSETS: &str = "A # offset that leaves the 64-bit range is refused; Redis wraps it around.";

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "BITFIELD",
        arity: -2,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::FIRST,
        group: "bitmap",
        since: "3.2.0",
        summary: "Reads, sets and increments integers of any width inside a string.",
        complexity: "O(1) for each operation",
        redis_complexity: "",
        differences: OFFSETS,
        example: "BITFIELD key SET u8 0 5 INCRBY u8 0 1 GET u4 #1",
        call: |args, host| {
            let fields = BitField::parse(args);
            if fields.ops.writes() {
                host.write(&fields)
            } else {
                host.read(&fields)
            }
        },
    },
    CommandSpec {
        name: "BITFIELD_RO",
        arity: -2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "bitmap",
        since: "6.0.0",
        summary: "Reads integers of any width inside a string.",
        complexity: "O(1) for each operation",
        redis_complexity: "",
        differences: OFFSETS,
        example: "BITFIELD_RO key GET u4 #1",
        call: |args, host| host.read(&BitField::parse(args)),
    },
];

/// An integer inside a string: signed or not, how many bits wide, at which bit.
///
/// Widths are 1 to 64 bits for signed integers and 1 to 63 for unsigned ones; others are refused when
/// the field is used.
///
/// ```
/// use nacredb::Field;
/// assert_eq!(Field::unsigned(8).at_slot(3), Field::unsigned(8).at(24));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct Field {
    signed: bool,
    bits: u32,
    offset: u64,
}

impl Field {
    /// An unsigned integer of `bits` bits, at bit 0.
    pub const fn unsigned(bits: u32) -> Self {
        Self {
            signed: false,
            bits,
            offset: 0,
        }
    }

    /// A signed integer of `bits` bits in two's complement, at bit 0.
    pub const fn signed(bits: u32) -> Self {
        Self {
            signed: true,
            bits,
            offset: 0,
        }
    }

    /// The same at this bit, counted from the highest bit of the first byte.
    pub const fn at(mut self, offset_bits: u64) -> Self {
        self.offset = offset_bits;
        self
    }

    /// The same after `slot` fields of its own width.
    pub const fn at_slot(mut self, slot: u64) -> Self {
        // What overflows is past every limit, and refused there.
        self.offset = slot.saturating_mul(self.bits as u64);
        self
    }

    fn check_width(self) -> Result<(), CommandError> {
        if (1..=63 + u32::from(self.signed)).contains(&self.bits) {
            return Ok(());
        }
        Err(other(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))
    }

    /// Signedness and width from a word; at bit 0.
    fn parse(word: &[u8]) -> Result<Self, CommandError> {
        // Redis reads the word as a C string.
        let word = word.split(|byte| *byte == 0).next().unwrap_or_default();
        let (signed, digits) = match word {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => (false, &[][..]),
        };
        let bits = parse_i64(digits).and_then(|bits| u32::try_from(bits).ok());
        let field = Self {
            signed,
            bits: bits.unwrap_or(0),
            offset: 0,
        };
        field.check_width()?;
        Ok(field)
    }

    /// The same at the offset of a word: in bits, or in fields after `#`.
    fn at_word(self, word: &[u8]) -> Result<Self, CommandError> {
        match word {
            [b'#', slot @ ..] => Ok(self.at_slot(parse_offset(slot)?)),
            _ => Ok(self.at(parse_offset(word)?)),
        }
    }

    /// The bit after its last.
    fn end_bit(self) -> u64 {
        self.offset.saturating_add(u64::from(self.bits))
    }

    /// The length a string needs to hold it, in bytes.
    fn end_byte(self) -> u64 {
        self.end_bit().div_ceil(8)
    }

    /// Its bytes in `string` as one number, how many those are, and how far up in it the field stands.
    fn window(self, string: StringRef<'_>) -> (u128, usize, u32) {
        let first = self.offset / 8;
        let len = (self.end_byte() - first) as usize;
        let number = (0..len as u64).fold(0, |number, i| {
            number << 8 | u128::from(string.byte(first + i))
        });
        let shift = (self.end_byte() * 8 - self.end_bit()) as u32;
        (number, len, shift)
    }

    fn mask(self) -> u128 {
        (1 << self.bits) - 1
    }

    /// The number that these bits, of which the lowest count, stand for.
    fn value_of(self, pattern: u128) -> i64 {
        let unused = 64 - self.bits;
        let high = (pattern as u64) << unused;
        if self.signed {
            high as i64 >> unused
        } else {
            (high >> unused) as i64
        }
    }

    fn read(self, string: StringRef<'_>) -> i64 {
        let (number, _, shift) = self.window(string);
        self.value_of(number >> shift)
    }

    /// The least and the greatest number it can hold.
    fn limits(self) -> (i128, i128) {
        if self.signed {
            let half = 1_i128 << (self.bits - 1);
            (-half, half - 1)
        } else {
            (0, (1 << self.bits) - 1)
        }
    }

    /// What it holds once it was `base` and `by` was added; `None` if that does not fit and must then
    /// fail. A base that does not fit itself is one that is set, with nothing to add.
    fn fit(self, base: i128, by: i64, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.limits();
        let sum = base + i128::from(by);
        if (min..=max).contains(&sum) {
            return Some(sum as i64);
        }
        // Redis takes the distance from `max` in 64 bits: the lowest numbers that can be set into
        // less than 64 bits appear to lie above it, and saturate there.
        let is_high = sum > max || (self.bits < 64 && max - base > i128::from(i64::MAX));
        match overflow {
            Overflow::Wrap => Some(self.value_of(sum as u128)),
            Overflow::Sat if is_high => Some(max as i64),
            Overflow::Sat => Some(min as i64),
            Overflow::Fail => None,
        }
    }
}

/// What becomes of a number that does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overflow {
    /// Its lowest bits are taken.
    #[default]
    Wrap,
    /// The nearest number that fits is taken.
    Sat,
    /// The field stays as it is, and the operation answers nothing.
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Get,
    Set(i64),
    IncrBy(i64),
}

#[derive(Debug, Clone, Copy)]
struct FieldOp {
    field: Field,
    action: Action,
    overflow: Overflow,
}

/// Operations on fields of one string, for [`BitFieldWrite::bitfield`].
///
/// ```
/// use nacredb::{Db, Field, FieldOps, Overflow, prelude::*};
/// let db = Db::open_in_memory();
/// let level = Field::unsigned(4).at(0);
/// let ops = FieldOps::new().overflow(Overflow::Sat).incr_by(level, 20).get(level);
/// assert_eq!(db.bitfield("player", &ops)?, [Some(15), Some(15)]);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct FieldOps {
    ops: Vec<FieldOp>,
    overflow: Overflow,
}

impl FieldOps {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            ops: Vec::new(),
            overflow: Overflow::Wrap,
        }
    }

    /// Reads a field.
    pub fn get(self, field: Field) -> Self {
        self.with(field, Action::Get)
    }

    /// Sets a field; answers what it held.
    pub fn set(self, field: Field, value: i64) -> Self {
        self.with(field, Action::Set(value))
    }

    /// Adds to a field; answers what it holds then.
    pub fn incr_by(self, field: Field, by: i64) -> Self {
        self.with(field, Action::IncrBy(by))
    }

    /// What the operations that follow do with a number that does not fit; they wrap if nothing is
    /// said.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    fn with(mut self, field: Field, action: Action) -> Self {
        self.push(field, action);
        self
    }

    fn push(&mut self, field: Field, action: Action) {
        self.ops.push(FieldOp {
            field,
            action,
            overflow: self.overflow,
        });
    }

    fn writes(&self) -> bool {
        self.ops.iter().any(|op| op.action != Action::Get)
    }
}

/// `BITFIELD` and `BITFIELD_RO`.
struct BitField<'a> {
    key: &'a [u8],
    ops: Cow<'a, FieldOps>,
    /// What is wrong with the words after `ops`.
    refusal: Option<CommandError>,
}

impl<'a> BitField<'a> {
    fn new(key: &'a [u8], ops: &'a FieldOps) -> Self {
        Self {
            key,
            ops: Cow::Borrowed(ops),
            refusal: None,
        }
    }

    fn parse(args: Args<'a>) -> Self {
        let mut ops = FieldOps::new();
        let refusal = parse_ops(args, &mut ops).err();
        Self {
            key: args.word(1).unwrap_or_default(),
            ops: Cow::Owned(ops),
            refusal,
        }
    }

    fn check(&self, rules: Rules) -> Result<(), CommandError> {
        for op in &self.ops.ops {
            op.field.check_width()?;
            check_offset(rules, op.field.offset)?;
            // A field may reach past the last offset, but not past what can be addressed.
            if op.action != Action::Get && op.field.end_byte() > STRING_BYTES_LIMIT {
                return Err(bad_offset());
            }
        }
        self.refusal.clone().map_or(Ok(()), Err)
    }
}

/// Reads the words after the key into `ops`, as far as they can be.
fn parse_ops(args: Args<'_>, ops: &mut FieldOps) -> Result<(), CommandError> {
    let mut at = 2;
    while at < args.count() {
        let left = args.count() - at - 1;
        if args.is(at, "OVERFLOW") && left >= 1 {
            ops.overflow = if args.is(at + 1, "WRAP") {
                Overflow::Wrap
            } else if args.is(at + 1, "SAT") {
                Overflow::Sat
            } else if args.is(at + 1, "FAIL") {
                Overflow::Fail
            } else {
                return Err(other("ERR Invalid OVERFLOW type specified"));
            };
            at += 2;
            continue;
        }
        let (is_set, is_incr_by) = (args.is(at, "SET"), args.is(at, "INCRBY"));
        let words = if is_set || is_incr_by { 3 } else { 2 };
        if left < words || (words == 2 && !args.is(at, "GET")) {
            return Err(CommandError::Syntax);
        }
        let field = Field::parse(args.word(at + 1)?)?.at_word(args.word(at + 2)?)?;
        // The offset comes before the number: keep it, to be checked first.
        let number = if words == 3 { args.int(at + 3) } else { Ok(0) };
        let value = *number.as_ref().unwrap_or(&0);
        ops.push(
            field,
            match (is_set, is_incr_by) {
                (true, _) => Action::Set(value),
                (_, true) => Action::IncrBy(value),
                _ => Action::Get,
            },
        );
        number?;
        at += 1 + words;
    }
    Ok(())
}

impl ReadCommand for BitField<'_> {
    type Output = Vec<Option<i64>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        self.check(*tx.rules)?;
        if self.ops.writes() {
            return Err(other("ERR BITFIELD_RO only supports the GET subcommand"));
        }
        let string = match tx.entry(self.key) {
            Some(entry) => entry.string()?,
            None => StringRef::Inline(&[]),
        };
        let ops = self.ops.ops.iter();
        Ok(ops.map(|op| Some(op.field.read(string))).collect())
    }
}

impl WriteCommand for BitField<'_> {
    type Output = Vec<Option<i64>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        self.check(tx.rules)?;
        let entry = tx.entry(self.key);
        let is_edited = entry.as_ref().is_some_and(|entry| entry.is_edited());
        let old_len = entry.map(|entry| entry.string()).transpose()?;
        let old_len = old_len.map_or(0, |string| string.len());
        let mut output = Vec::with_capacity(self.ops.ops.len());
        // How far the string has to reach at the end, and does so far.
        let (mut need, mut len, mut wrote) = (old_len, old_len, false);
        let ends = self
            .ops
            .ops
            .iter()
            .filter(|op| !matches!(op.action, Action::Get));
        let grows = ends.map(|op| op.field.end_byte()).max() > Some(old_len);
        let mut is_named = false;
        for op in &self.ops.ops {
            let field = op.field;
            // Every type was checked above: an entry is a string.
            let entry = tx.entry(self.key).and_then(|entry| entry.string().ok());
            let string = entry.unwrap_or(StringRef::Inline(&[]));
            let old = field.read(string);
            let (base, by) = match op.action {
                Action::Get => {
                    output.push(Some(old));
                    continue;
                }
                // Redis sets an unsigned field from the number's bits.
                Action::Set(value) if !field.signed => (i128::from(value as u64), 0),
                Action::Set(value) => (i128::from(value), 0),
                Action::IncrBy(by) => (i128::from(old), by),
            };
            need = need.max(field.end_byte());
            let Some(new) = field.fit(base, by, op.overflow) else {
                output.push(None);
                continue;
            };
            output.push(Some(match op.action {
                Action::IncrBy(_) => new,
                Action::Set(_) | Action::Get => old,
            }));
            let window = (new != old).then(|| {
                let (number, bytes, shift) = field.window(string);
                let bits = (new as u128 & field.mask()) << shift;
                let number = number & !(field.mask() << shift) | bits;
                (number.to_be_bytes(), bytes)
            });
            if (grows || window.is_some()) && !is_named {
                tx.event(Event::SetBit);
                is_named = true;
            }
            if let Some((window, bytes)) = window {
                tx.write_string(self.key, field.offset / 8, &window[16 - bytes..]);
                len = len.max(field.end_byte());
                wrote = true;
            }
        }
        if len < need || !(wrote || is_edited) {
            tx.write_string(self.key, need, &[]);
        }
        Ok(output)
    }
}

/// Reading integers inside strings.
pub trait BitFieldRead: RunRead {
    /// Carries out operations that only read fields of the string at `key`, and returns what each
    /// answers, which is never `None`. What lies past the end reads as zeros. Redis: `BITFIELD_RO`.
    ///
    /// # Complexity
    /// O(1) for each operation.
    ///
    /// # Errors
    /// [`CommandError::Other`] for an operation that writes, for a width that is none, or for an offset
    /// of 2^32 or more (2^63 with sparse strings); [`CommandError::WrongType`] if `key` holds another
    /// type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Field, FieldOps, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("point", [0x01, 0xFF])?;
    /// let ops = FieldOps::new().get(Field::unsigned(8)).get(Field::signed(8).at_slot(1));
    /// assert_eq!(db.bitfield_ro("point", &ops)?, [Some(1), Some(-1)]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn bitfield_ro(
        &self,
        key: impl AsRef<[u8]>,
        ops: &FieldOps,
    ) -> Result<Vec<Option<i64>>, Error> {
        self.read(BitField::new(key.as_ref(), ops))
    }
}

impl<T: RunRead> BitFieldRead for T {}

/// Writing integers inside strings.
pub trait BitFieldWrite: RunWrite {
    /// Carries out operations on fields of the string at `key`, in order and all at once, and returns
    /// what each answers: `None` for one that [`Overflow::Fail`] kept from writing. Where one writes,
    /// the string is created or extended as far as it reaches, and keeps its deadline; operations that
    /// only read create nothing. Redis: `BITFIELD`.
    ///
    /// # Complexity
    /// O(1) for each operation.
    ///
    /// # Errors
    /// [`CommandError::Other`] for a width that is none, or for an offset of 2^32 or more (2^63 with
    /// sparse strings); [`CommandError::WrongType`] if `key` holds another type. Nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Field, FieldOps, Overflow, prelude::*};
    /// # let db = Db::open_in_memory();
    /// let hits = Field::unsigned(2).at(100);
    /// let ops = FieldOps::new().overflow(Overflow::Fail).incr_by(hits, 3).incr_by(hits, 1);
    /// assert_eq!(db.bitfield("counters", &ops)?, [Some(3), None]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn bitfield(&self, key: impl AsRef<[u8]>, ops: &FieldOps) -> Result<Vec<Option<i64>>, Error> {
        let fields = BitField::new(key.as_ref(), ops);
        if ops.writes() {
            self.write(fields)
        } else {
            self.read(fields)
        }
    }
}

impl<T: RunWrite> BitFieldWrite for T {}

#[cfg(test)]
mod tests;
