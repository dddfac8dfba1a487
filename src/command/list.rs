//! Lists, read: `LINDEX`, `LLEN`, `LPOS`, `LRANGE`.
//!
//! `list_write` and `list_move` hold the rest of the family and share what is here.
//!
//! Invariant: indexes become positions in one place, [`position`] and [`clamp`].

use std::cell::Cell;

use super::args::Args;
use super::run::{Keys, ReadCommand, RunRead};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::ReadTx;
use crate::value::ListValue;

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "LINDEX",
        arity: 3,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "list",
        since: "1.0.0",
        summary: "Returns an element of a list by its index, from the end if that is negative.",
        complexity: "O(log N) where N is the length of the list, O(1) near its ends",
        redis_complexity: "O(N) where N is the number of elements to traverse",
        differences: "",
        example: "LINDEX list 0",
        call: |args, host| {
            let key = args.word(1)?;
            // Redis reads the index only where there is a list.
            let index = args.int(2);
            host.read(&read_list(key, move |list| {
                Ok(element(list, index?).map(<[u8]>::to_vec))
            }))
        },
    },
    CommandSpec {
        name: "LLEN",
        arity: 2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "list",
        since: "1.0.0",
        summary: "Returns the length of a list.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "LLEN list",
        call: |args, host| host.read(&read_list(args.word(1)?, |list| Ok(list.len()))),
    },
    CommandSpec {
        name: "LPOS",
        arity: -3,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "list",
        since: "6.0.6",
        summary: "Returns where an element is in a list: the first place, or several.",
        complexity: "O(N) where N is the length of the list or MAXLEN",
        redis_complexity: "",
        differences: "",
        example: "LPOS list a RANK -1 COUNT 0 MAXLEN 1000",
        call: |args, host| {
            let (options, is_many) = LposOptions::parse(args)?;
            let element = args.word(2)?;
            let found = read_list(args.word(1)?, |list| Ok(options.find(list, element)));
            let found = host.read_raw(&found)?;
            Ok(if is_many {
                found.into()
            } else {
                found.first().copied().into()
            })
        },
    },
    CommandSpec {
        name: "LRANGE",
        arity: 4,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "list",
        since: "1.0.0",
        summary: "Returns the elements of a list from one index to another, both included.",
        complexity: "O(log N + M) where N is the length of the list and M that of the range",
        redis_complexity: "O(S+N) where S is the distance of the range from the nearest end and N its \
                           length",
        differences: "",
        example: "LRANGE list 0 -1",
        call: |args, host| {
            let (start, end) = (args.int(2)?, args.int(3)?);
            host.read(&read_list(args.word(1)?, |list| {
                Ok(copy_range(list, start, end))
            }))
        },
    },
];

/// The position of an index, which counts from the end if it is negative; `None` past an end.
pub(super) fn position(len: u64, index: i64) -> Option<u64> {
    let from_start = if index < 0 {
        len.checked_sub(index.unsigned_abs())?
    } else {
        index.unsigned_abs()
    };
    (from_start < len).then_some(from_start)
}

/// The positions `from..to` between two indexes, both included and both from the end if negative; none
/// where nothing lies between.
pub(super) fn clamp(len: u64, start: i64, end: i64) -> (u64, u64) {
    let from_start = |index: i64| {
        if index < 0 {
            // One before the front.
            let below = index.unsigned_abs();
            if below > len { None } else { Some(len - below) }
        } else {
            Some(index.unsigned_abs())
        }
    };
    let start = from_start(start).unwrap_or(0);
    let to = from_start(end).map_or(0, |end| end.saturating_add(1).min(len));
    if start >= to { (0, 0) } else { (start, to) }
}

/// The element at an index.
pub(super) fn element(list: &ListValue, index: i64) -> Option<&[u8]> {
    list.get(position(list.len(), index)?)
}

fn copy_range(list: &ListValue, start: i64, end: i64) -> Vec<Vec<u8>> {
    let (from, to) = clamp(list.len(), start, end);
    list.range(from, to).map(<[u8]>::to_vec).collect()
}

/// Any reading of one list: the closure gets it where it lies, under the key's shard lock.
pub(super) struct ReadList<'a, F> {
    key: &'a [u8],
    read: Cell<Option<F>>,
}

/// An operation that answers what `read` does, or nothing (0, no element) if there is no list at `key`.
pub(super) fn read_list<R, F>(key: &[u8], read: F) -> ReadList<'_, F>
where
    F: FnOnce(&ListValue) -> Result<R, CommandError>,
    R: Default,
{
    ReadList {
        key,
        read: Cell::new(Some(read)),
    }
}

impl<R, F> ReadCommand for ReadList<'_, F>
where
    F: FnOnce(&ListValue) -> Result<R, CommandError>,
    R: Default,
{
    type Output = R;

    #[inline]
    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    #[inline]
    fn execute(&self, tx: &ReadTx<'_>) -> Result<R, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            return Ok(R::default());
        };
        let list = entry.list()?;
        self.read
            .take()
            .map_or_else(|| Ok(R::default()), |read| read(list))
    }
}

/// Which of several equal elements `LPOS` finds. [`ListRead::lpos_with`] takes it.
///
/// ```
/// # use nacredb::{Db, LposOptions, prelude::*};
/// # let db = Db::open_in_memory();
/// db.rpush("list", &["a", "b", "a", "a"])?;
/// let last_two = LposOptions::new().rank(-1).count(2);
/// assert_eq!(db.lpos_with("list", "a", last_two)?, [3, 2]);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct LposOptions {
    rank: i64,
    count: u64,
    max_len: u64,
}

impl Default for LposOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl LposOptions {
    /// All of them, from the front.
    pub fn new() -> Self {
        Self {
            rank: 1,
            count: 0,
            max_len: 0,
        }
    }

    /// Starts at the match of this rank, 1 for the first; from the back if negative, -1 for the last.
    /// Must not be 0. Redis: `RANK`.
    pub fn rank(mut self, rank: i64) -> Self {
        self.rank = rank;
        self
    }

    /// At most so many; 0 for all. Redis: `COUNT`.
    pub fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Looks at so many elements only; 0 for all. Redis: `MAXLEN`.
    pub fn max_len(mut self, elements: u64) -> Self {
        self.max_len = elements;
        self
    }

    /// The options, and whether `COUNT` asks for an array.
    fn parse(args: Args<'_>) -> Result<(Self, bool), CommandError> {
        let mut options = Self::new();
        options.count = 1;
        let mut is_many = false;
        let mut at = 3;
        while at < args.count() {
            if at + 1 >= args.count() {
                return Err(CommandError::Syntax);
            }
            if args.is(at, "RANK") {
                options.rank = args.int(at + 1)?;
                options.check()?;
            } else if args.is(at, "COUNT") {
                options.count = not_negative(args, at + 1, "ERR COUNT can't be negative")?;
                is_many = true;
            } else if args.is(at, "MAXLEN") {
                options.max_len = not_negative(args, at + 1, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 2;
        }
        Ok((options, is_many))
    }

    fn check(self) -> Result<(), CommandError> {
        if self.rank != 0 {
            return Ok(());
        }
        let text = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second \
             ... or use negative to start from the end of the list";
        Err(CommandError::Other(text.into()))
    }

    fn find(self, list: &ListValue, element: &[u8]) -> Vec<u64> {
        let len = list.len();
        // The lowest rank has no counterpart above: Redis then takes every match from the back.
        let (skipped, count) = match self.rank {
            i64::MIN => (0, 0),
            rank => (rank.unsigned_abs() - 1, self.count),
        };
        let looked_at = if self.max_len == 0 { len } else { self.max_len };
        let most = if count == 0 { u64::MAX } else { count };
        let mut found = Vec::new();
        let mut matches = 0;
        let mut see = |at: u64, value: &[u8]| {
            if value == element {
                matches += 1;
                if matches > skipped {
                    found.push(at);
                }
            }
            found.len() as u64 >= most
        };
        if self.rank > 0 {
            let values = list.range(0, looked_at);
            let _ = (0..).zip(values).any(|(at, value)| see(at, value));
        } else {
            let values = list.range(len.saturating_sub(looked_at), len).rev();
            let _ = (1..).zip(values).any(|(at, value)| see(len - at, value));
        }
        found
    }
}

fn not_negative(args: Args<'_>, at: usize, text: &'static str) -> Result<u64, CommandError> {
    let number = args
        .int(at)
        .ok()
        .and_then(|number| u64::try_from(number).ok());
    number.ok_or(CommandError::Other(text.into()))
}

/// Reading lists. Indexes count from 0 at the front and from -1 at the back.
pub trait ListRead: RunRead {
    /// Returns the length of the list at `key`; 0 if there is none. Redis: `LLEN`.
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
    /// db.rpush("list", &["a", "b"])?;
    /// assert_eq!(db.llen("list")?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn llen(&self, key: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.read(read_list(key.as_ref(), |list| Ok(list.len())))
    }

    /// Returns the element at `index`, or `None` past either end. Redis: `LINDEX`.
    ///
    /// # Complexity
    /// O(log N) where N is the length of the list, O(1) near its ends, and the copy.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "b", "c"])?;
    /// assert_eq!(db.lindex("list", -1)?, Some(b"c".to_vec()));
    /// assert_eq!(db.lindex("list", 3)?, None);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lindex(&self, key: impl AsRef<[u8]>, index: i64) -> Result<Option<Vec<u8>>, Error> {
        self.read(read_list(key.as_ref(), |list| {
            Ok(element(list, index).map(<[u8]>::to_vec))
        }))
    }

    /// Returns the elements from `start` to `end`, both included, as far as there are any. Redis:
    /// `LRANGE`.
    ///
    /// # Complexity
    /// O(log N + M) where N is the length of the list and M that of the range.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "b", "c"])?;
    /// assert_eq!(db.lrange("list", -2, -1)?, [b"b", b"c"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lrange(&self, key: impl AsRef<[u8]>, start: i64, end: i64) -> Result<Vec<Vec<u8>>, Error> {
        self.read(read_list(key.as_ref(), |list| {
            Ok(copy_range(list, start, end))
        }))
    }

    /// Calls `visit` for each element from `start` to `end`, both included, without copying it. The
    /// closure runs while the key's shard is locked: keep it short. Redis: `LRANGE`.
    ///
    /// # Complexity
    /// As [`lrange`](Self::lrange), and what the closure does.
    ///
    /// # Errors
    /// As [`lrange`](Self::lrange).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "bb", "ccc"])?;
    /// let mut bytes = 0;
    /// db.lrange_with("list", 0, -1, |element| bytes += element.len())?;
    /// assert_eq!(bytes, 6);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lrange_with(
        &self,
        key: impl AsRef<[u8]>,
        start: i64,
        end: i64,
        visit: impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        self.read(read_list(key.as_ref(), |list| {
            let (from, to) = clamp(list.len(), start, end);
            list.range(from, to).for_each(visit);
            Ok(())
        }))
    }

    /// Returns the position of the first element that equals `element`. Redis: `LPOS`.
    ///
    /// # Complexity
    /// O(N) where N is the number of elements up to it.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "b", "b"])?;
    /// assert_eq!(db.lpos("list", "b")?, Some(1));
    /// assert_eq!(db.lpos("list", "x")?, None);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lpos(&self, key: impl AsRef<[u8]>, element: impl AsRef<[u8]>) -> Result<Option<u64>, Error> {
        let found = self.lpos_with(key, element, LposOptions::new().count(1))?;
        Ok(found.first().copied())
    }

    /// Returns the positions, from the front, of several elements that equal `element`, in the order
    /// in which the options have them found. Redis: `LPOS` with `COUNT`.
    ///
    /// # Complexity
    /// O(N) where N is the number of elements looked at.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; a refusal if the rank is 0.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, LposOptions, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "b", "a", "a"])?;
    /// assert_eq!(db.lpos_with("list", "a", LposOptions::new().rank(2))?, [2, 3]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lpos_with(
        &self,
        key: impl AsRef<[u8]>,
        element: impl AsRef<[u8]>,
        options: LposOptions,
    ) -> Result<Vec<u64>, Error> {
        options.check()?;
        let element = element.as_ref();
        self.read(read_list(key.as_ref(), |list| {
            Ok(options.find(list, element))
        }))
    }
}

impl<T: RunRead> ListRead for T {}

#[cfg(test)]
mod tests;
