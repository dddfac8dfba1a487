//! Keys as such: `DEL`, `UNLINK`, `EXISTS`, `TOUCH`, `TYPE`, `RENAME`, `RENAMENX`, `COPY`, `RANDOMKEY`.

use super::args::{Args, refs};
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::server::{check_database, database_index};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Entry, KeyType, ReadTx, WriteTx};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "DEL",
        arity: -2,
        flags: &[Flag::Write],
        keys: KeyPositions::range(1, -1, 1),
        group: "generic",
        since: "1.0.0",
        summary: "Removes keys and returns how many there were.",
        complexity: "O(N) where N is the number of keys; large values are freed by another thread",
        redis_complexity: "O(N) keys, plus O(M) for a collection of M elements",
        differences: "",
        example: "DEL a b",
        call: |args, host| host.write(&Remove { keys: args.rest(1) }),
    },
    CommandSpec {
        name: "UNLINK",
        arity: -2,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::range(1, -1, 1),
        group: "generic",
        since: "4.0.0",
        summary: "Removes keys and returns how many there were; the same as DEL.",
        complexity: "O(N) where N is the number of keys; large values are freed by another thread",
        redis_complexity: "",
        differences: "",
        example: "UNLINK a b",
        call: |args, host| host.write(&Remove { keys: args.rest(1) }),
    },
    CommandSpec {
        name: "EXISTS",
        arity: -2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::range(1, -1, 1),
        group: "generic",
        since: "1.0.0",
        summary: "Counts the keys that are there, each as often as it is named.",
        complexity: "O(N) where N is the number of keys",
        redis_complexity: "",
        differences: "",
        example: "EXISTS a b",
        call: |args, host| host.read(&Exists::looking(args.rest(1))),
    },
    CommandSpec {
        name: "TOUCH",
        arity: -2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::range(1, -1, 1),
        group: "generic",
        since: "3.2.1",
        summary: "Counts the keys that are there, each as often as it is named, and counts as a use of them.",
        complexity: "O(N) where N is the number of keys",
        redis_complexity: "",
        differences: "Uses are noted under an LRU or LFU policy only.",
        example: "TOUCH a b",
        call: |args, host| host.read(&Exists::touching(args.rest(1))),
    },
    CommandSpec {
        name: "TYPE",
        arity: 2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "generic",
        since: "1.0.0",
        summary: "Returns the type of the value at a key, or none.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "TYPE key",
        call: |args, host| {
            let found = host.read_raw(&Type { key: args.word(1)? })?;
            Ok(super::reply::Reply::Status(
                found.map_or("none", KeyType::name).into(),
            ))
        },
    },
    CommandSpec {
        name: "RENAME",
        arity: 3,
        flags: &[Flag::Write],
        keys: KeyPositions::range(1, 2, 1),
        group: "generic",
        since: "1.0.0",
        summary: "Moves what a key holds, deadline included, to another key, replacing what is there.",
        complexity: "O(1); a value replaced is freed by another thread where it is large",
        redis_complexity: "O(1), plus O(M) for a replaced collection of M elements",
        differences: "",
        // A key that is not there is an error; so is every RENAME on an empty database.
        example: "RENAME from to",
        call: |args, host| host.write(&Rename::parse(args)?),
    },
    CommandSpec {
        name: "RENAMENX",
        arity: 3,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::range(1, 2, 1),
        group: "generic",
        since: "1.0.0",
        summary: "As RENAME, unless there is something at the new key already.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "RENAMENX from to",
        call: |args, host| host.write(&RenameNx(Rename::parse(args)?)),
    },
    CommandSpec {
        name: "MOVE",
        arity: 3,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "generic",
        since: "1.0.0",
        summary: "Moves a key to another logical database.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "MOVE key 1",
        call: |args, host| {
            host.write(&Move {
                key: args.word(1)?,
                database: database_index(args, 2)?,
            })
        },
    },
    CommandSpec {
        name: "COPY",
        arity: -3,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::range(1, 2, 1),
        group: "generic",
        since: "6.2.0",
        summary: "Copies what a key holds, deadline included, to another key.",
        complexity: "O(1) whatever the value: the copy shares what neither changes",
        redis_complexity: "O(N) where N is the number of elements of a collection, or the length of a string",
        differences: "There is only database 0: `DB` with any other index is refused as out of range.",
        example: "COPY from to REPLACE",
        call: |args, host| host.write(&Copy::parse(args)?),
    },
    CommandSpec {
        name: "RANDOMKEY",
        arity: 1,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::NONE,
        group: "generic",
        since: "1.0.0",
        summary: "Returns a random key.",
        complexity: "O(1); O(N) at worst, where most of N keys have expired and are not removed yet",
        redis_complexity: "O(1)",
        differences: "",
        example: "RANDOMKEY",
        call: |_, host| host.read(&RandomKey),
    },
];

/// `DEL`, `UNLINK`.
struct Remove<'a> {
    keys: &'a [&'a [u8]],
}

impl WriteCommand for Remove<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        list(self.keys)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        Ok(self.keys.iter().map(|key| u64::from(tx.remove(key))).sum())
    }
}

/// `EXISTS`, `TOUCH`.
struct Exists<'a> {
    keys: &'a [&'a [u8]],
    is_peek: bool,
}

impl<'a> Exists<'a> {
    fn looking(keys: &'a [&'a [u8]]) -> Self {
        let is_peek = true;
        Self { keys, is_peek }
    }

    fn touching(keys: &'a [&'a [u8]]) -> Self {
        let is_peek = false;
        Self { keys, is_peek }
    }
}

impl ReadCommand for Exists<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        list(self.keys)
    }

    fn is_peek(&self) -> bool {
        self.is_peek
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        let found = |key: &&[u8]| u64::from(tx.entry(key).is_some());
        Ok(self.keys.iter().map(found).sum())
    }
}

/// A list of keys; one key takes the shorter way.
fn list<'a>(words: &'a [&'a [u8]]) -> Keys<'a> {
    match words {
        [key] => Keys::One(key),
        words => Keys::List { words, step: 1 },
    }
}

/// `TYPE`.
struct Type<'a> {
    key: &'a [u8],
}

impl ReadCommand for Type<'_> {
    type Output = Option<KeyType>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn is_peek(&self) -> bool {
        true
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        Ok(tx.entry(self.key).map(|entry| entry.key_type()))
    }
}

/// `RENAME`.
struct Rename<'a> {
    from: &'a [u8],
    to: &'a [u8],
}

impl<'a> Rename<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        Ok(Self {
            from: args.word(1)?,
            to: args.word(2)?,
        })
    }
}

impl WriteCommand for Rename<'_> {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::Two(self.from, self.to)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<(), CommandError> {
        if tx.entry(self.from).is_none() {
            return Err(CommandError::NoSuchKey);
        }
        tx.move_key(self.from, self.to);
        Ok(())
    }
}

/// `RENAMENX`: says whether it moved.
struct RenameNx<'a>(Rename<'a>);

impl WriteCommand for RenameNx<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        self.0.keys()
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        let Rename { from, to } = self.0;
        if tx.entry(from).is_none() {
            return Err(CommandError::NoSuchKey);
        }
        Ok(tx.entry(to).is_none() && tx.move_key(from, to))
    }
}

/// `COPY`: says whether it copied.
struct Copy<'a> {
    from: &'a [u8],
    to: &'a [u8],
    /// The database of `to`; `None` for the selected one.
    database: Option<u8>,
    replace: bool,
}

impl<'a> Copy<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let (mut replace, mut database) = (false, None);
        let mut index = 3;
        while index < args.count() {
            if args.is(index, "REPLACE") {
                replace = true;
            } else if args.is(index, "DB") && index + 1 < args.count() {
                database = Some(database_index(args, index + 1)?);
                index += 1;
            } else {
                return Err(CommandError::Syntax);
            }
            index += 1;
        }
        Ok(Self {
            from: args.word(1)?,
            to: args.word(2)?,
            database,
            replace,
        })
    }
}

fn same_objects() -> CommandError {
    CommandError::Other("ERR source and destination objects are the same".into())
}

impl WriteCommand for Copy<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::Two(self.from, self.to)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        let read = tx.as_read();
        let database = self.database.unwrap_or(read.database);
        if self.from == self.to && database == read.database {
            return Err(same_objects());
        }
        let target = read.in_database(database);
        if read.entry(self.from).is_none() || (!self.replace && target.entry(self.to).is_some()) {
            return Ok(false);
        }
        Ok(tx.copy_key(self.from, self.to, database))
    }
}

/// `RANDOMKEY`.
struct RandomKey;

impl RandomKey {
    /// How often a key that has expired is answered with another try.
    const TRIES: u32 = 100;
}

impl ReadCommand for RandomKey {
    type Output = Option<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let tables = tx.tables();
        let total: u64 = tables.iter().map(|table| table.keys().len() as u64).sum();
        if total == 0 {
            return Ok(None);
        }
        let is_live = |entry: &Entry<'_>| {
            // The time is asked for only where there is a deadline.
            !entry.may_expire() || !entry.is_expired(tx.now.ms())
        };
        for _ in 0..Self::TRIES {
            let mut place = (tx.random)() % total;
            let drawn = tables.iter().find(|table| {
                let len = table.keys().len() as u64;
                let here = place < len;
                place = place.wrapping_sub(if here { 0 } else { len });
                here
            });
            let entry = drawn.and_then(|table| table.keys().random((tx.random)(), (tx.random)()));
            if let Some(entry) = entry.map(Entry::new).filter(is_live) {
                return Ok(Some(entry.key().to_vec()));
            }
        }
        // Nearly everything has expired: any key that has not.
        let mut entries = tables.iter().flat_map(|table| table.keys().iter());
        let live = entries.find_map(|entry| Some(Entry::new(entry)).filter(is_live));
        Ok(live.map(|entry| entry.key().to_vec()))
    }
}

/// Reading keys as such.
pub trait KeyRead: RunRead {
    /// Says whether there is anything at `key`. Redis: `EXISTS`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("here", "")?;
    /// assert!(db.exists("here")?);
    /// assert!(!db.exists("gone")?);
    /// # Ok::<(), Error>(())
    /// ```
    fn exists(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        let keys = [key.as_ref()];
        Ok(self.read(Exists::looking(&keys))? > 0)
    }

    /// Counts the keys that are there, each as often as it is named. Redis: `EXISTS`.
    ///
    /// # Complexity
    /// O(N) for N keys.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("here", "")?;
    /// assert_eq!(db.exists_many(&["here", "gone", "here"])?, 2);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "TOUCH")]
    fn exists_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<u64, Error> {
        self.read(Exists::looking(&refs(keys)))
    }

    /// Counts the keys that are there, each as often as it is named, and counts as a use of them for an
    /// eviction policy. Redis: `TOUCH`.
    ///
    /// # Complexity
    /// O(N) for N keys.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("here", "")?;
    /// assert_eq!(db.touch(&["here", "gone"])?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn touch<A: AsRef<[u8]>>(&self, keys: &[A]) -> Result<u64, Error> {
        self.read(Exists::touching(&refs(keys)))
    }

    /// Returns the type of the value at `key`, or `None` if there is none. Redis: `TYPE`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::KeyType;
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// assert_eq!(db.key_type("k")?, Some(KeyType::String));
    /// # Ok::<(), Error>(())
    /// ```
    fn key_type(&self, key: impl AsRef<[u8]>) -> Result<Option<KeyType>, Error> {
        self.read(Type { key: key.as_ref() })
    }

    /// Returns a random key, or `None` if there is none. Redis: `RANDOMKEY`.
    ///
    /// # Complexity
    /// O(1); O(N) at worst, where most of N keys have expired and are not removed yet.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.random_key()?, None);
    /// db.set("k", "v")?;
    /// assert_eq!(db.random_key()?, Some(b"k".to_vec()));
    /// # Ok::<(), Error>(())
    /// ```
    fn random_key(&self) -> Result<Option<Vec<u8>>, Error> {
        self.read(RandomKey)
    }
}

impl<T: RunRead> KeyRead for T {}

/// Changing keys as such.
pub trait KeyWrite: RunWrite {
    /// Removes `key`, whatever it holds; says whether there was anything. Redis: `DEL`, `UNLINK`.
    ///
    /// # Complexity
    /// O(1): a large value is freed by another thread.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) from the file.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// assert!(db.del("k")?);
    /// assert!(!db.del("k")?);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "UNLINK")]
    fn del(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        let keys = [key.as_ref()];
        Ok(self.write(Remove { keys: &keys })? > 0)
    }

    /// Removes several keys at once; returns how many there were. Redis: `DEL`, `UNLINK`.
    ///
    /// # Complexity
    /// O(N) for N keys: large values are freed by another thread.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) from the file.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("a", "1")?;
    /// db.set("b", "2")?;
    /// assert_eq!(db.del_many(&["a", "b", "c"])?, 2);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "UNLINK")]
    fn del_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<u64, Error> {
        self.write(Remove { keys: &refs(keys) })
    }

    /// Moves what `from` holds, deadline included, to `to`, replacing what is there. Redis: `RENAME`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::NoSuchKey`] if there is nothing at `from`; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("from", "v")?;
    /// db.rename("from", "to")?;
    /// assert_eq!(db.get("to")?, Some(b"v".to_vec()));
    /// assert!(!db.exists("from")?);
    /// # Ok::<(), Error>(())
    /// ```
    fn rename(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<(), Error> {
        self.write(Rename {
            from: from.as_ref(),
            to: to.as_ref(),
        })
    }

    /// As [`rename`](Self::rename), unless there is something at `to`; says whether it moved. Redis:
    /// `RENAMENX`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::NoSuchKey`] if there is nothing at `from`; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("from", "v")?;
    /// db.set("to", "kept")?;
    /// assert!(!db.rename_nx("from", "to")?);
    /// assert!(db.rename_nx("from", "free")?);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "RENAMENX")]
    fn rename_nx(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.write(RenameNx(Rename {
            from: from.as_ref(),
            to: to.as_ref(),
        }))
    }

    /// Lets `to` hold what `from` holds, deadline included; says whether it did. It does not if there
    /// is nothing at `from`, nor, without `replace`, if there is something at `to`. Redis: `COPY`.
    ///
    /// # Complexity
    /// O(1), whatever the value: the two share what neither changes.
    ///
    /// # Errors
    /// A refusal if the two keys are the same; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("from", "v")?;
    /// assert!(db.copy("from", "to", false)?);
    /// assert!(!db.copy("from", "to", false)?);
    /// assert!(db.copy("from", "to", true)?);
    /// # Ok::<(), Error>(())
    /// ```
    fn copy(
        &self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
        replace: bool,
    ) -> Result<bool, Error> {
        self.write(Copy {
            from: from.as_ref(),
            to: to.as_ref(),
            database: None,
            replace,
        })
    }

    /// As [`copy`](Self::copy), to a key of the logical database `database`. Redis: `COPY ... DB`.
    ///
    /// # Complexity
    /// O(1), whatever the value.
    ///
    /// # Errors
    /// A refusal if the two keys are the same one, or if there is no such database; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// assert!(db.copy_to_database("k", "k", 1, false)?);
    /// assert_eq!(db.database(1)?.get("k")?, Some(b"v".to_vec()));
    /// # Ok::<(), Error>(())
    /// ```
    fn copy_to_database(
        &self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
        database: u8,
        replace: bool,
    ) -> Result<bool, Error> {
        check_database(database)?;
        self.write(Copy {
            from: from.as_ref(),
            to: to.as_ref(),
            database: Some(database),
            replace,
        })
    }

    /// Moves `key` to the logical database `database`, deadline included; says whether it did. It does
    /// not if the key is missing here or there is one there. Redis: `MOVE`.
    ///
    /// # Complexity
    /// O(1), whatever the value.
    ///
    /// # Errors
    /// A refusal if that is the handle's own database, or if there is no such database; nothing is
    /// changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// assert!(db.move_to_database("k", 1)?);
    /// assert_eq!(db.get("k")?, None);
    /// assert_eq!(db.database(1)?.get("k")?, Some(b"v".to_vec()));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "MOVE")]
    fn move_to_database(&self, key: impl AsRef<[u8]>, database: u8) -> Result<bool, Error> {
        check_database(database)?;
        let key = key.as_ref();
        self.write(Move { key, database })
    }
}

/// `MOVE`: says whether it moved.
struct Move<'a> {
    key: &'a [u8],
    database: u8,
}

impl WriteCommand for Move<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        let read = tx.as_read();
        if self.database == read.database {
            return Err(same_objects());
        }
        let target = read.in_database(self.database);
        if read.entry(self.key).is_none() || target.entry(self.key).is_some() {
            return Ok(false);
        }
        Ok(tx.move_to_database(self.key, self.database))
    }
}

impl<T: RunWrite> KeyWrite for T {}

#[cfg(test)]
mod tests;
