//! Fields of hashes as numbers: `HINCRBY`, `HINCRBYFLOAT`.
//!
//! Invariants:
//! 1. A field that is counted keeps its deadline.

use super::run::{Keys, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, WriteTx};
use crate::value::number::{I64Text, LongDouble, parse_i64};

const FLAGS: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "HINCRBY",
        arity: 4,
        flags: FLAGS,
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "2.0.0",
        summary: "Increments the integer of a field by a number; a missing field counts as 0.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "HINCRBY hash counter 5",
        call: |args, host| {
            // Redis looks at the number first.
            let by = args.int(3)?;
            host.write(&HIncrBy {
                key: args.word(1)?,
                field: args.word(2)?,
                by,
            })
        },
    },
    CommandSpec {
        name: "HINCRBYFLOAT",
        arity: 4,
        flags: FLAGS,
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "2.6.0",
        summary: "Increments the floating point number of a field; a missing field counts as 0.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "HINCRBYFLOAT hash counter 0.5",
        call: |args, host| {
            host.write(&HIncrByFloat {
                key: args.word(1)?,
                field: args.word(2)?,
                by: args.word(3)?,
            })
        },
    },
];

/// Sets a field and leaves its deadline.
fn set_counter(
    tx: &mut WriteTx<'_>,
    key: &[u8],
    field: &[u8],
    value: &[u8],
    deadline_ms: Option<u64>,
) {
    tx.hash_set(key, &[field, value]);
    if deadline_ms.is_some() {
        tx.hash_expire(key, &[field], deadline_ms);
    }
}

/// `HINCRBY`.
struct HIncrBy<'a> {
    key: &'a [u8],
    field: &'a [u8],
    by: i64,
}

impl WriteCommand for HIncrBy<'_> {
    /// The sum.
    type Output = i64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<i64, CommandError> {
        let hash = tx.as_read().hash(self.key)?;
        let (old, deadline_ms) = match hash.and_then(|hash| hash.get(self.field)) {
            Some(field) => {
                let number = parse_i64(field.value);
                let text = "ERR hash value is not an integer";
                let number = number.ok_or(CommandError::Other(text.into()))?;
                (number, field.deadline_ms())
            }
            None => (0, None),
        };
        let sum = old.checked_add(self.by).ok_or(CommandError::Overflow)?;
        let text = I64Text::new(sum);
        tx.event(Event::HIncrBy);
        set_counter(tx, self.key, self.field, text.as_bytes(), deadline_ms);
        Ok(sum)
    }
}

/// `HINCRBYFLOAT`: added in 80 bits, as Redis does on x86-64.
struct HIncrByFloat<'a> {
    key: &'a [u8],
    field: &'a [u8],
    by: &'a [u8],
}

impl WriteCommand for HIncrByFloat<'_> {
    /// The text of the sum.
    type Output = Vec<u8>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Vec<u8>, CommandError> {
        let by = LongDouble::parse(self.by).ok_or(CommandError::NotAFloat)?;
        let refused = |text: &'static str| CommandError::Other(text.into());
        if !by.is_finite() {
            return Err(refused("ERR value is NaN or Infinity"));
        }
        let hash = tx.as_read().hash(self.key)?;
        let (old, deadline_ms) = match hash.and_then(|hash| hash.get(self.field)) {
            Some(field) => {
                let old = LongDouble::parse(field.value);
                let old = old.ok_or(refused("ERR hash value is not a float"))?;
                (old, field.deadline_ms())
            }
            None => (
                LongDouble::parse(b"0").ok_or(CommandError::NotAFloat)?,
                None,
            ),
        };
        let sum = old.plus(by);
        if !sum.is_finite() {
            return Err(refused("ERR increment would produce NaN or Infinity"));
        }
        let mut text = Vec::new();
        sum.write_human(&mut text);
        tx.event(Event::HIncrByFloat);
        set_counter(tx, self.key, self.field, &text, deadline_ms);
        Ok(text)
    }
}

/// Counting in hashes.
pub trait HashCounterWrite: RunWrite {
    /// Adds `by` to the integer in `field` of the hash at `key` (0 if it is missing) and returns the
    /// sum. Deadlines stay. Redis: `HINCRBY`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::Other`] if the field
    /// is no 64-bit integer, [`CommandError::Overflow`] if the sum is not; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.hincr_by("page:1", "views", 1)?, 1);
    /// assert_eq!(db.hincr_by("page:1", "views", 9)?, 10);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HINCRBY")]
    fn hincr_by(
        &self,
        key: impl AsRef<[u8]>,
        field: impl AsRef<[u8]>,
        by: i64,
    ) -> Result<i64, Error> {
        self.write(HIncrBy {
            key: key.as_ref(),
            field: field.as_ref(),
            by,
        })
    }

    /// Adds `by` to the floating point number in `field` of the hash at `key` (0 if it is missing) and
    /// returns the sum. Deadlines stay. The addition is in 80 bits and the text of its result, with at
    /// most 17 decimals, is what the field then holds; the returned number is that text read as `f64`.
    /// Redis: `HINCRBYFLOAT`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::Other`] if the field
    /// is no number, or `by` or the sum not finite; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.hset("account", "balance", "10.50")?;
    /// assert_eq!(db.hincr_by_float("account", "balance", 0.1)?, 10.6);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HINCRBYFLOAT")]
    fn hincr_by_float(
        &self,
        key: impl AsRef<[u8]>,
        field: impl AsRef<[u8]>,
        by: f64,
    ) -> Result<f64, Error> {
        let sum = self.write(HIncrByFloat {
            key: key.as_ref(),
            field: field.as_ref(),
            by: by.to_string().as_bytes(),
        })?;
        let read = std::str::from_utf8(&sum)
            .ok()
            .and_then(|text| text.parse().ok());
        Ok(read.ok_or(CommandError::NotAFloat)?)
    }
}

impl<T: RunWrite> HashCounterWrite for T {}

#[cfg(test)]
mod tests;
