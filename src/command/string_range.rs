//! Parts of strings: `APPEND`, `GETRANGE`, `SETRANGE`, `STRLEN`, `SUBSTR`.
//!
//! Invariant: nothing is allocated for an offset or a length before it was held against the limit.

use super::args::Args;
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::string::{check_copy, check_length, read_string};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, StringRef, WriteTx};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "APPEND",
        arity: 3,
        flags: &[Flag::Write, Flag::DenyOom, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "2.0.0",
        summary: "Appends bytes to the string of a key, which it creates if it is missing.",
        complexity: "O(N) where N is the number of appended bytes, amortised",
        redis_complexity: "O(1) amortised",
        differences: "",
        example: "APPEND key value",
        call: |args, host| {
            host.write(&Append {
                key: args.word(1)?,
                bytes: args.word(2)?,
            })
        },
    },
    CommandSpec {
        name: "GETRANGE",
        arity: 4,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "2.4.0",
        summary: "Returns a part of the string of a key.",
        complexity: "O(N) where N is the length of the part",
        redis_complexity: "",
        differences: "",
        example: "GETRANGE key 0 -1",
        call: |args, host| host.read(&GetRange::parse(args)?),
    },
    CommandSpec {
        name: "SETRANGE",
        arity: 4,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "2.2.0",
        summary: "Overwrites a part of the string of a key, after zeros where it is shorter.",
        complexity: "O(N) where N is the number of bytes written, wherever they are",
        redis_complexity: "O(1) for short values, otherwise O(N) where N is the new length",
        differences: "",
        example: "SETRANGE key 5 value",
        call: |args, host| {
            let offset = u64::try_from(args.int(2)?).map_err(|_negative| out_of_range())?;
            host.write(&SetRange {
                key: args.word(1)?,
                offset,
                bytes: args.word(3)?,
            })
        },
    },
    CommandSpec {
        name: "STRLEN",
        arity: 2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "2.2.0",
        summary: "Returns the length of the string of a key.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "STRLEN key",
        call: |args, host| {
            let len = host.read_raw(&read_string(args.word(1)?, |string| Ok(string.len())))?;
            Ok(len.unwrap_or(0).into())
        },
    },
    CommandSpec {
        name: "SUBSTR",
        arity: 4,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "1.0.0",
        summary: "Returns a part of the string of a key: the old name of GETRANGE.",
        complexity: "O(N) where N is the length of the part",
        redis_complexity: "",
        differences: "",
        example: "SUBSTR key 0 -1",
        call: |args, host| host.read(&GetRange::parse(args)?),
    },
];

fn out_of_range() -> CommandError {
    CommandError::Other("ERR offset is out of range".into())
}

/// From and to, both included and both from the end if negative: offset and length in a string of
/// `len` bytes, which are at most 2^60. The length is 0 where the range holds nothing.
fn clamp(len: u64, start: i64, end: i64) -> (u64, u64) {
    if len == 0 || (start < 0 && end < 0 && start > end) {
        return (0, 0);
    }
    let from_start = |index: i64| {
        if index < 0 {
            len.saturating_sub(index.unsigned_abs())
        } else {
            index.unsigned_abs()
        }
    };
    let (start, end) = (from_start(start), from_start(end).min(len - 1));
    if start > end {
        return (0, 0);
    }
    (start, end - start + 1)
}

/// Appends a part of `string` to `out`.
fn read_range(
    string: StringRef<'_>,
    start: i64,
    end: i64,
    out: &mut Vec<u8>,
) -> Result<(), CommandError> {
    let (offset, len) = clamp(string.len(), start, end);
    check_copy(len)?;
    string.read_into(offset, len, out);
    Ok(())
}

/// `GETRANGE`.
struct GetRange<'a> {
    key: &'a [u8],
    start: i64,
    end: i64,
}

impl<'a> GetRange<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        Ok(Self {
            key: args.word(1)?,
            start: args.int(2)?,
            end: args.int(3)?,
        })
    }
}

impl ReadCommand for GetRange<'_> {
    type Output = Vec<u8>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Vec<u8>, CommandError> {
        let mut out = Vec::new();
        if let Some(entry) = tx.entry(self.key) {
            read_range(entry.string()?, self.start, self.end, &mut out)?;
        }
        Ok(out)
    }
}

/// `APPEND`. Only a string that was there counts as edited.
struct Append<'a> {
    key: &'a [u8],
    bytes: &'a [u8],
}

impl WriteCommand for Append<'_> {
    /// The length afterwards.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let old = tx.entry(self.key).map(|entry| entry.string()).transpose()?;
        let old_len = old.map(|string| string.len());
        check_length(tx.rules, old_len.unwrap_or(0), self.bytes.len())?;
        let added = self.bytes.len() as u64;
        tx.event(Event::Append);
        match old_len {
            None => {
                tx.set_string(self.key, self.bytes, None);
                Ok(added)
            }
            Some(len) => {
                tx.write_string(self.key, len, self.bytes);
                Ok(len + added)
            }
        }
    }
}

/// `SETRANGE`. Writing nothing changes nothing, wherever it is.
struct SetRange<'a> {
    key: &'a [u8],
    offset: u64,
    bytes: &'a [u8],
}

impl WriteCommand for SetRange<'_> {
    /// The length afterwards.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let old = tx.entry(self.key).map(|entry| entry.string()).transpose()?;
        let old_len = old.map_or(0, |string| string.len());
        if self.bytes.is_empty() {
            return Ok(old_len);
        }
        check_length(tx.rules, self.offset, self.bytes.len())?;
        tx.event(Event::SetRange);
        tx.write_string(self.key, self.offset, self.bytes);
        Ok(old_len.max(self.offset + self.bytes.len() as u64))
    }
}

/// Reading parts of strings.
pub trait StringRangeRead: RunRead {
    /// Returns the length of the string at `key` in bytes, 0 if there is none. Redis: `STRLEN`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("greeting", "hello")?;
    /// assert_eq!(db.strlen("greeting")?, 5);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn strlen(&self, key: impl AsRef<[u8]>) -> Result<u64, Error> {
        let len = self.read(read_string(key.as_ref(), |string| Ok(string.len())))?;
        Ok(len.unwrap_or(0))
    }

    /// Returns the bytes `start` to `end` of the string at `key`, both included; negative positions
    /// count from the end, and what lies outside is left out. Redis: `GETRANGE`, `SUBSTR`.
    ///
    /// # Complexity
    /// O(N) where N is the length of the part.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; [`CommandError::StringTooLong`] for a
    /// part of a sparse string of more than 512 MB.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("greeting", "hello")?;
    /// assert_eq!(db.get_range("greeting", 1, -2)?, b"ell");
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn get_range(&self, key: impl AsRef<[u8]>, start: i64, end: i64) -> Result<Vec<u8>, Error> {
        self.read(GetRange {
            key: key.as_ref(),
            start,
            end,
        })
    }

    /// As [`get_range`](Self::get_range), into `out` in place of what it held; says whether there is a
    /// string at `key`. Redis: `GETRANGE`.
    ///
    /// # Complexity
    /// O(N) where N is the length of the part.
    ///
    /// # Errors
    /// As [`get_range`](Self::get_range); `out` is then empty.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("greeting", "hello")?;
    /// let mut buffer = Vec::new();
    /// assert!(db.get_range_into("greeting", 0, 0, &mut buffer)?);
    /// assert_eq!(buffer, b"h");
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn get_range_into(
        &self,
        key: impl AsRef<[u8]>,
        start: i64,
        end: i64,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        out.clear();
        let found = self.read(read_string(key.as_ref(), |string| {
            read_range(string, start, end, out)
        }))?;
        Ok(found.is_some())
    }

    /// As [`get_range`](Self::get_range), by calling `visit` with the part, which is not copied unless
    /// the string is long and lies in pieces; returns what it answers, or `None` if there is no string.
    /// The closure runs while the key's shard is locked: keep it short. Redis: `GETRANGE`.
    ///
    /// # Complexity
    /// O(1) and what the closure does, or O(N) where N is the length of the part.
    ///
    /// # Errors
    /// As [`get_range`](Self::get_range); the closure was not called.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("greeting", "hello")?;
    /// assert_eq!(db.get_range_with("greeting", -1, -1, |part| part == b"o")?, Some(true));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn get_range_with<R>(
        &self,
        key: impl AsRef<[u8]>,
        start: i64,
        end: i64,
        visit: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Error> {
        self.read(read_string(key.as_ref(), |string| {
            if let Some(bytes) = string.contiguous() {
                let (offset, len) = clamp(bytes.len() as u64, start, end);
                let (offset, len) = (offset as usize, len as usize);
                return Ok(visit(&bytes[offset..offset + len]));
            }
            let mut part = Vec::new();
            read_range(string, start, end, &mut part)?;
            Ok(visit(&part))
        }))
    }
}

impl<T: RunRead> StringRangeRead for T {}

/// Writing parts of strings.
pub trait StringRangeWrite: RunWrite {
    /// Appends `bytes` to the string at `key`, which is created if it is missing and keeps its
    /// deadline if not; returns the length afterwards. Redis: `APPEND`.
    ///
    /// # Complexity
    /// O(N) where N is the number of appended bytes, amortised.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::StringTooLong`] past
    /// the limit; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.append("log", "one,")?;
    /// assert_eq!(db.append("log", "two,")?, 8);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn append(&self, key: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.write(Append {
            key: key.as_ref(),
            bytes: bytes.as_ref(),
        })
    }

    /// Writes `bytes` at `offset` (in bytes) of the string at `key`, after zeros where it is shorter;
    /// a missing key counts as empty, and a deadline stays. Without bytes nothing is changed. Returns
    /// the length afterwards. Redis: `SETRANGE`.
    ///
    /// # Complexity
    /// O(N) where N is the number of bytes written, wherever they are: the zeros cost nothing.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::StringTooLong`] past
    /// the limit; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("greeting", "hello world")?;
    /// assert_eq!(db.set_range("greeting", 6, "there")?, 11);
    /// assert_eq!(db.get("greeting")?, Some(b"hello there".to_vec()));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn set_range(
        &self,
        key: impl AsRef<[u8]>,
        offset: u64,
        bytes: impl AsRef<[u8]>,
    ) -> Result<u64, Error> {
        self.write(SetRange {
            key: key.as_ref(),
            offset,
            bytes: bytes.as_ref(),
        })
    }
}

impl<T: RunWrite> StringRangeWrite for T {}

#[cfg(test)]
mod tests;
