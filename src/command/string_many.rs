//! Strings, several keys at once: `MGET`, `MSET`, `MSETNX`.
//!
//! All keys are locked together: others see all of a change or nothing of it.

use super::args::words_of;
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::string::{VALUE_LENGTH, check_length, copy, visit_whole};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, Rules, WriteTx};
use std::cell::Cell;

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "MGET",
        arity: -2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::range(1, -1, 1),
        group: "string",
        since: "1.0.0",
        summary: "Returns the string values of several keys.",
        complexity: "O(N) where N is the number of keys",
        redis_complexity: "",
        differences: "",
        example: "MGET a b",
        call: |args, host| host.read(&MGet { keys: args.rest(1) }),
    },
    CommandSpec {
        name: "MSET",
        arity: -3,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::range(1, -1, 2),
        group: "string",
        since: "1.0.1",
        summary: "Sets several keys to strings, all at once.",
        complexity: "O(N) where N is the number of keys",
        redis_complexity: "",
        differences: VALUE_LENGTH,
        example: "MSET a 1 b 2",
        call: |args, host| {
            host.write_raw(&MSet::parse(args.rest(1), "mset")?)?;
            Ok(Reply::ok())
        },
    },
    CommandSpec {
        name: "MSETNX",
        arity: -3,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::range(1, -1, 2),
        group: "string",
        since: "1.0.1",
        summary: "Sets several keys to strings, all at once and only if none of them exists.",
        complexity: "O(N) where N is the number of keys",
        redis_complexity: "",
        differences: VALUE_LENGTH,
        example: "MSETNX a 1 b 2",
        call: |args, host| {
            let set = MSet::parse(args.rest(1), "msetnx")?;
            host.write(&set.only_if_missing())
        },
    },
];

/// `MGET`. What is no string counts as missing.
struct MGet<'a> {
    keys: &'a [&'a [u8]],
}

impl ReadCommand for MGet<'_> {
    type Output = Vec<Option<Vec<u8>>>;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let value = |key: &&[u8]| match tx.entry(key).map(|entry| entry.string()) {
            Some(Ok(string)) => copy(string).map(Some),
            Some(Err(_)) | None => Ok(None),
        };
        self.keys.iter().map(value).collect()
    }
}

/// `MGET` by visitor.
struct MGetWith<'a, F> {
    keys: &'a [&'a [u8]],
    visit: Cell<Option<F>>,
}

impl<F: FnMut(usize, Option<&[u8]>)> ReadCommand for MGetWith<'_, F> {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<(), CommandError> {
        let Some(mut visit) = self.visit.take() else {
            return Ok(());
        };
        for (index, key) in self.keys.iter().enumerate() {
            match tx.entry(key).map(|entry| entry.string()) {
                Some(Ok(string)) => visit_whole(string, |bytes| visit(index, Some(bytes)))?,
                Some(Err(_)) | None => visit(index, None),
            }
        }
        Ok(())
    }
}

/// `MSET` and `MSETNX`: keys and values in turn. Of equal keys the last one counts.
struct MSet<'a> {
    words: &'a [&'a [u8]],
    only_if_missing: bool,
}

impl<'a> MSet<'a> {
    fn parse(words: &'a [&'a [u8]], name: &'static str) -> Result<Self, CommandError> {
        if !words.len().is_multiple_of(2) {
            return Err(CommandError::WrongArity(name.into()));
        }
        Ok(Self {
            words,
            only_if_missing: false,
        })
    }

    fn only_if_missing(mut self) -> Self {
        self.only_if_missing = true;
        self
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.words
            .as_chunks()
            .0
            .iter()
            .map(|&[key, value]| (key, value))
    }
}

impl WriteCommand for MSet<'_> {
    /// Whether the keys were set.
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.words,
            step: 2,
        }
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        for (_, value) in self.pairs() {
            check_length(tx.rules, 0, value.len())?;
        }
        // All pairs together are one frame.
        let bytes: u64 = self.words.iter().map(|word| word.len() as u64 + 16).sum();
        if bytes > Rules::WRITTEN_BYTES_MAX {
            return Err(CommandError::StringTooLong);
        }
        if self.only_if_missing && self.pairs().any(|(key, _)| tx.entry(key).is_some()) {
            return Ok(false);
        }
        for (key, value) in self.pairs() {
            tx.event(Event::Set);
            tx.set_string(key, value, None);
        }
        Ok(true)
    }
}

/// Reading several strings.
pub trait StringManyRead: RunRead {
    /// Returns the strings at `keys`, in their order; `None` for a key that is missing or holds another
    /// type. All are read at one moment. Redis: `MGET`.
    ///
    /// # Complexity
    /// O(N) where N is the number of keys.
    ///
    /// # Errors
    /// [`CommandError::StringTooLong`] if one is a sparse string of more than 512 MB.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("a", "1")?;
    /// assert_eq!(db.mget(&["a", "b"])?, [Some(b"1".to_vec()), None]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn mget<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
        self.read(MGet { keys: &keys })
    }

    /// Calls `visit` for each of `keys`, in their order, with its position and its string, or `None`
    /// for a key that is missing or holds another type. The closure runs while the keys' shards are
    /// locked: keep it short. Redis: `MGET`.
    ///
    /// # Complexity
    /// O(N) where N is the number of keys, and what the closure does.
    ///
    /// # Errors
    /// As [`mget`](Self::mget); the closure has seen the keys before.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.mset([("a", "1"), ("c", "333")])?;
    /// let mut lengths = [0; 3];
    /// db.mget_with(&["a", "b", "c"], |at, value| lengths[at] = value.map_or(0, <[u8]>::len))?;
    /// assert_eq!(lengths, [1, 0, 3]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn mget_with<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        visit: impl FnMut(usize, Option<&[u8]>),
    ) -> Result<(), Error> {
        let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
        self.read(MGetWith {
            keys: &keys,
            visit: Cell::new(Some(visit)),
        })
    }
}

impl<T: RunRead> StringManyRead for T {}

/// Writing several strings.
pub trait StringManyWrite: RunWrite {
    /// Sets every key to its value, whatever it held, without deadlines; others see all of it or
    /// nothing. Of equal keys the last one counts. Redis: `MSET`.
    ///
    /// # Complexity
    /// O(N) where N is the number of keys.
    ///
    /// # Errors
    /// [`CommandError::StringTooLong`] if a value is past the limit; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.mset([("a", "1"), ("b", "2")])?;
    /// assert_eq!(db.get("b")?, Some(b"2".to_vec()));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn mset<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), Error> {
        let pairs: Vec<(K, V)> = pairs.into_iter().collect();
        let words = words_of(&pairs);
        self.write(MSet::parse(&words, "mset")?).map(|_set| ())
    }

    /// As [`mset`](Self::mset), if none of the keys exists; says whether they were set. Redis:
    /// `MSETNX`.
    ///
    /// # Complexity
    /// O(N) where N is the number of keys.
    ///
    /// # Errors
    /// As [`mset`](Self::mset).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert!(db.mset_nx([("a", "1"), ("b", "2")])?);
    /// assert!(!db.mset_nx([("b", "3"), ("c", "4")])?);
    /// assert_eq!(db.get("c")?, None);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn mset_nx<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<bool, Error> {
        let pairs: Vec<(K, V)> = pairs.into_iter().collect();
        let words = words_of(&pairs);
        self.write(MSet::parse(&words, "msetnx")?.only_if_missing())
    }
}

impl<T: RunWrite> StringManyWrite for T {}

#[cfg(test)]
mod tests;
