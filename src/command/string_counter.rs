//! Strings as numbers: `INCR`, `DECR`, `INCRBY`, `DECRBY`, `INCRBYFLOAT`.
//!
//! Invariants:
//! 1. A counter keeps its deadline.
//! 2. A result as long as the text before it is written over it in place.

use super::run::{Keys, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, StringRef, WriteTx};
use crate::value::number::{FloatError, I64Text, incr_by_float, parse_i64};

const FLAGS: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "DECR",
        arity: 2,
        flags: FLAGS,
        keys: KeyPositions::FIRST,
        group: "string",
        since: "1.0.0",
        summary: "Decrements the integer of a key by one; a missing key counts as 0.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "DECR counter",
        call: |args, host| {
            host.write(&IncrBy {
                key: args.word(1)?,
                by: -1,
            })
        },
    },
    CommandSpec {
        name: "DECRBY",
        arity: 3,
        flags: FLAGS,
        keys: KeyPositions::FIRST,
        group: "string",
        since: "1.0.0",
        summary: "Decrements the integer of a key by a number; a missing key counts as 0.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "DECRBY counter 5",
        call: |args, host| {
            host.write(&IncrBy {
                key: args.word(1)?,
                by: negated(args.int(2)?)?,
            })
        },
    },
    CommandSpec {
        name: "INCR",
        arity: 2,
        flags: FLAGS,
        keys: KeyPositions::FIRST,
        group: "string",
        since: "1.0.0",
        summary: "Increments the integer of a key by one; a missing key counts as 0.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "INCR counter",
        call: |args, host| {
            host.write(&IncrBy {
                key: args.word(1)?,
                by: 1,
            })
        },
    },
    CommandSpec {
        name: "INCRBY",
        arity: 3,
        flags: FLAGS,
        keys: KeyPositions::FIRST,
        group: "string",
        since: "1.0.0",
        summary: "Increments the integer of a key by a number; a missing key counts as 0.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "INCRBY counter 5",
        call: |args, host| {
            host.write(&IncrBy {
                key: args.word(1)?,
                by: args.int(2)?,
            })
        },
    },
    CommandSpec {
        name: "INCRBYFLOAT",
        arity: 3,
        flags: FLAGS,
        keys: KeyPositions::FIRST,
        group: "string",
        since: "2.6.0",
        summary: "Increments the floating point number of a key; a missing key counts as 0.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "OBJECT ENCODING of a sum without decimals is `int` at once; \
                      Redis shows `embstr` until it has reloaded the key.",
        example: "INCRBYFLOAT counter 0.5",
        call: |args, host| {
            host.write(&IncrByFloat {
                key: args.word(1)?,
                by: args.word(2)?,
            })
        },
    },
];

/// What a decrement adds.
fn negated(by: i64) -> Result<i64, CommandError> {
    let text = "ERR decrement would overflow";
    by.checked_neg().ok_or(CommandError::Other(text.into()))
}

/// The integer that a string is. Longer strings than any integer are refused unread.
fn integer(string: StringRef<'_>) -> Result<i64, CommandError> {
    let text = string.contiguous().filter(|text| text.len() <= 20);
    text.and_then(parse_i64).ok_or(CommandError::NotAnInteger)
}

/// `INCRBY` and the commands that are one of its cases.
struct IncrBy<'a> {
    key: &'a [u8],
    by: i64,
}

impl WriteCommand for IncrBy<'_> {
    /// The sum.
    type Output = i64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<i64, CommandError> {
        let (old, before) = match tx.entry(self.key) {
            Some(entry) => (integer(entry.string()?)?, Some(entry.before())),
            None => (0, None),
        };
        let sum = old.checked_add(self.by).ok_or(CommandError::Overflow)?;
        tx.event(Event::IncrBy);
        tx.replace_string(self.key, I64Text::new(sum).as_bytes(), before);
        Ok(sum)
    }
}

/// Longer texts than this are no number to Redis either, and are not copied to find out.
const FLOAT_TEXT_BYTES_MAX: u64 = 5 * 1024;

/// `INCRBYFLOAT`: added in 80 bits, as Redis does on x86-64.
struct IncrByFloat<'a> {
    key: &'a [u8],
    by: &'a [u8],
}

impl WriteCommand for IncrByFloat<'_> {
    /// The text of the sum.
    type Output = Vec<u8>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Vec<u8>, CommandError> {
        let add = |text: &[u8]| {
            incr_by_float(text, self.by).map_err(|error| match error {
                FloatError::NotAFloat => CommandError::NotAFloat,
                FloatError::NanOrInfinity => {
                    CommandError::Other("ERR increment would produce NaN or Infinity".into())
                }
            })
        };
        let (sum, before) = match tx.entry(self.key) {
            Some(entry) => {
                let string = entry.string()?;
                let sum = match string.contiguous() {
                    Some(text) => add(text)?,
                    None if string.len() <= FLOAT_TEXT_BYTES_MAX => add(&string.to_vec())?,
                    None => return Err(CommandError::NotAFloat),
                };
                (sum, Some(entry.before()))
            }
            None => (add(b"0")?, None),
        };
        tx.event(Event::IncrByFloat);
        tx.replace_string(self.key, &sum, before);
        Ok(sum)
    }
}

/// Counting.
pub trait CounterWrite: RunWrite {
    /// Adds 1 to the integer at `key` (0 if it is missing) and returns the sum. A deadline stays.
    /// Redis: `INCR`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::NotAnInteger`] if its
    /// string is not a 64-bit integer, [`CommandError::Overflow`] if the sum is not; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.incr("visits")?, 1);
    /// assert_eq!(db.incr("visits")?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn incr(&self, key: impl AsRef<[u8]>) -> Result<i64, Error> {
        self.incr_by(key, 1)
    }

    /// Subtracts 1, otherwise as [`incr`](Self::incr). Redis: `DECR`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// As [`incr`](Self::incr).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.decr("stock")?, -1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn decr(&self, key: impl AsRef<[u8]>) -> Result<i64, Error> {
        self.incr_by(key, -1)
    }

    /// Adds `by`, otherwise as [`incr`](Self::incr). Redis: `INCRBY`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// As [`incr`](Self::incr).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.incr_by("points", 10)?, 10);
    /// assert!(db.incr_by("points", i64::MAX).is_err());
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn incr_by(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64, Error> {
        self.write(IncrBy {
            key: key.as_ref(),
            by,
        })
    }

    /// Subtracts `by`, otherwise as [`incr`](Self::incr). Redis: `DECRBY`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// As [`incr`](Self::incr), and [`CommandError::Other`] if `by` is `i64::MIN`, as in Redis.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.decr_by("stock", 3)?, -3);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn decr_by(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64, Error> {
        self.incr_by(key, negated(by)?)
    }

    /// Adds `by` to the floating point number at `key` (0 if it is missing) and returns the sum. A
    /// deadline stays. The addition is in 80 bits and the text of its result, with at most 17 decimals,
    /// is what the key then holds; the returned number is that text read as `f64`. Redis:
    /// `INCRBYFLOAT`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::NotAFloat`] if its
    /// string or `by` is not a number, [`CommandError::Other`] if the sum is infinite; nothing is
    /// changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("balance", "10.50")?;
    /// assert_eq!(db.incr_by_float("balance", 0.1)?, 10.6);
    /// assert_eq!(db.get("balance")?, Some(b"10.6".to_vec()));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn incr_by_float(&self, key: impl AsRef<[u8]>, by: f64) -> Result<f64, Error> {
        let sum = self.write(IncrByFloat {
            key: key.as_ref(),
            by: by.to_string().as_bytes(),
        })?;
        let read = std::str::from_utf8(&sum)
            .ok()
            .and_then(|text| text.parse().ok());
        Ok(read.ok_or(CommandError::NotAFloat)?)
    }
}

impl<T: RunWrite> CounterWrite for T {}

#[cfg(test)]
mod tests;
