//! Hashes, field by field: `HSET` and its kin, `HGET` and its kin, `HDEL`, `HEXISTS`, `HLEN`, `HSTRLEN`.
//!
//! Invariants:
//! 1. A field whose deadline has passed is answered like one that was never there.
//! 2. A key never holds a hash without fields.

use std::cell::Cell;

use super::args::{Args, check_words, refs, words_of};
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, WriteTx};

const READS: &[Flag] = &[Flag::ReadOnly, Flag::Fast];
const WRITES: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];

/// What every row of this family has in common.
const fn row(
    name: &'static str,
    arity: i32,
    flags: &'static [Flag],
    summary: &'static str,
    complexity: &'static str,
    example: &'static str,
    call: fn(Args<'_>, &dyn Host) -> Result<Reply, Error>,
) -> CommandSpec {
    CommandSpec {
        name,
        arity,
        flags,
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "2.0.0",
        summary,
        complexity,
        redis_complexity: "",
        differences: "",
        example,
        call,
    }
}

pub(crate) static COMMANDS: &[CommandSpec] = &[
    row(
        "HDEL",
        -3,
        &[Flag::Write, Flag::Fast],
        "Removes fields of a hash, and the hash with the last of them.",
        "O(N) for N fields",
        "HDEL hash field",
        |args, host| {
            host.write(&HDel {
                key: args.word(1)?,
                fields: args.rest(2),
            })
        },
    ),
    row(
        "HEXISTS",
        3,
        READS,
        "Tells whether a hash has a field.",
        "O(1)",
        "HEXISTS hash field",
        |args, host| {
            let field = host.read_raw(&HStrLen {
                key: args.word(1)?,
                field: args.word(2)?,
            })?;
            Ok(field.is_some().into())
        },
    ),
    row(
        "HGET",
        3,
        READS,
        "Returns the value of a field.",
        "O(1)",
        "HGET hash field",
        |args, host| {
            host.read(&HGet {
                key: args.word(1)?,
                field: args.word(2)?,
            })
        },
    ),
    row(
        "HLEN",
        2,
        READS,
        "Returns the number of fields.",
        "O(1), and O(N) for N fields that have expired since they were last removed",
        "HLEN hash",
        |args, host| host.read(&HLen { key: args.word(1)? }),
    ),
    row(
        "HMGET",
        -3,
        READS,
        "Returns the values of several fields.",
        "O(N) for N fields",
        "HMGET hash one two",
        |args, host| {
            host.read(&HMGet {
                key: args.word(1)?,
                fields: args.rest(2),
            })
        },
    ),
    row(
        "HMSET",
        -4,
        WRITES,
        "Sets fields of a hash.",
        "O(N) for N fields",
        "HMSET hash field value",
        |args, host| {
            host.write_raw(&HSet::parse(args, "hmset")?)?;
            Ok(Reply::ok())
        },
    ),
    CommandSpec {
        differences: "A field that is set loses its deadline, as in Redis 7.4.",
        ..row(
            "HSET",
            -4,
            WRITES,
            "Sets fields of a hash; returns how many are new.",
            "O(N) for N fields",
            "HSET hash field value",
            |args, host| host.write(&HSet::parse(args, "hset")?),
        )
    },
    row(
        "HSETNX",
        4,
        WRITES,
        "Sets a field of a hash if there is none of its name.",
        "O(1)",
        "HSETNX hash field value",
        |args, host| {
            host.write(&HSetNx {
                key: args.word(1)?,
                pair: [args.word(2)?, args.word(3)?],
            })
        },
    ),
    CommandSpec {
        since: "3.2.0",
        ..row(
            "HSTRLEN",
            3,
            READS,
            "Returns the length of a field's value.",
            "O(1)",
            "HSTRLEN hash field",
            |args, host| {
                let len = host.read_raw(&HStrLen {
                    key: args.word(1)?,
                    field: args.word(2)?,
                })?;
                Ok(len.unwrap_or(0).into())
            },
        )
    },
];

/// `HGET`.
struct HGet<'a> {
    key: &'a [u8],
    field: &'a [u8],
}

impl ReadCommand for HGet<'_> {
    type Output = Option<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let hash = tx.hash(self.key)?;
        let field = hash.and_then(|hash| hash.get(self.field));
        Ok(field.map(|field| field.value.to_vec()))
    }
}

/// What `visit` answers about a field's value, lent where it lies.
struct HVisit<'a, F> {
    key: &'a [u8],
    field: &'a [u8],
    visit: Cell<Option<F>>,
}

impl<R, F: FnOnce(&[u8]) -> R> ReadCommand for HVisit<'_, F> {
    type Output = Option<R>;

    #[inline]
    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    #[inline]
    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let hash = tx.hash(self.key)?;
        let field = hash.and_then(|hash| hash.get(self.field));
        let visit = self.visit.take();
        Ok(visit.zip(field).map(|(visit, field)| visit(field.value)))
    }
}

/// `HSTRLEN`, and `HEXISTS`: the length of a field's value if there is one.
struct HStrLen<'a> {
    key: &'a [u8],
    field: &'a [u8],
}

impl ReadCommand for HStrLen<'_> {
    type Output = Option<u64>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let hash = tx.hash(self.key)?;
        let field = hash.and_then(|hash| hash.get(self.field));
        Ok(field.map(|field| field.value.len() as u64))
    }
}

/// `HMGET`.
struct HMGet<'a> {
    key: &'a [u8],
    fields: &'a [&'a [u8]],
}

impl ReadCommand for HMGet<'_> {
    type Output = Vec<Option<Vec<u8>>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let hash = tx.hash(self.key)?;
        let value = |field: &&[u8]| Some(hash?.get(field)?.value.to_vec());
        Ok(self.fields.iter().map(value).collect())
    }
}

/// `HLEN`.
struct HLen<'a> {
    key: &'a [u8],
}

impl ReadCommand for HLen<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        Ok(tx.hash(self.key)?.map_or(0, |hash| hash.len() as u64))
    }
}

/// `HSET`, `HMSET`: says how many fields are new. Of equal fields the last one counts.
struct HSet<'a> {
    key: &'a [u8],
    /// Fields and values in turn, at least one of each.
    pairs: &'a [&'a [u8]],
}

impl<'a> HSet<'a> {
    fn parse(args: Args<'a>, command: &'static str) -> Result<Self, CommandError> {
        let pairs = args.rest(2);
        if !pairs.len().is_multiple_of(2) {
            return Err(CommandError::WrongArity(command.into()));
        }
        Ok(Self {
            key: args.word(1)?,
            pairs,
        })
    }
}

impl WriteCommand for HSet<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        tx.as_read().hash(self.key)?;
        check_words(tx.rules, self.pairs)?;
        if self.pairs.is_empty() {
            return Ok(0);
        }
        tx.event(Event::HSet);
        Ok(tx.hash_set(self.key, self.pairs) as u64)
    }
}

/// `HSETNX`: says whether the field was set.
struct HSetNx<'a> {
    key: &'a [u8],
    pair: [&'a [u8]; 2],
}

impl WriteCommand for HSetNx<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        let hash = tx.as_read().hash(self.key)?;
        if hash.is_some_and(|hash| hash.get(self.pair[0]).is_some()) {
            return Ok(false);
        }
        check_words(tx.rules, &self.pair)?;
        tx.event(Event::HSet);
        tx.hash_set(self.key, &self.pair);
        Ok(true)
    }
}

/// `HDEL`: says how many fields were there.
struct HDel<'a> {
    key: &'a [u8],
    fields: &'a [&'a [u8]],
}

impl WriteCommand for HDel<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        match tx.as_read().hash(self.key)? {
            Some(_) => {
                tx.event(Event::HDel);
                Ok(tx.hash_remove(self.key, self.fields) as u64)
            }
            None => Ok(0),
        }
    }
}

/// Reading hashes field by field.
pub trait HashRead: RunRead {
    /// Returns the value of `field` in the hash at `key`, `None` if either is missing. Redis: `HGET`.
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
    /// db.hset("user:1", "name", "Ada")?;
    /// assert_eq!(db.hget("user:1", "name")?, Some(b"Ada".to_vec()));
    /// assert_eq!(db.hget("user:1", "age")?, None);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hget(
        &self,
        key: impl AsRef<[u8]>,
        field: impl AsRef<[u8]>,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.read(HGet {
            key: key.as_ref(),
            field: field.as_ref(),
        })
    }

    /// Calls `visit` with the value of `field` in the hash at `key` and returns what it answers, `None`
    /// if either is missing. The bytes are not copied. Redis: `HGET`.
    ///
    /// The closure runs while the key's shard is locked: keep it short. On a database, calling back
    /// into it from there can be refused with
    /// [`StorageError::Reentrant`](crate::StorageError::Reentrant).
    ///
    /// # Complexity
    /// O(1), and what the closure does.
    ///
    /// # Errors
    /// As [`hget`](Self::hget); the closure was not called.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "name", "Ada")?;
    /// assert_eq!(db.hget_with("user:1", "name", <[u8]>::len)?, Some(3));
    /// assert_eq!(db.hget_with("user:1", "age", <[u8]>::len)?, None);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hget_with<R>(
        &self,
        key: impl AsRef<[u8]>,
        field: impl AsRef<[u8]>,
        visit: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Error> {
        self.read(HVisit {
            key: key.as_ref(),
            field: field.as_ref(),
            visit: Cell::new(Some(visit)),
        })
    }

    /// Returns the values of `fields` in their order; `None` for one that is missing. Redis: `HMGET`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "name", "Ada")?;
    /// assert_eq!(db.hmget("user:1", &["name", "age"])?, [Some(b"Ada".to_vec()), None]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hmget<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.read(HMGet {
            key: key.as_ref(),
            fields: &refs(fields),
        })
    }

    /// Says whether the hash at `key` has `field`. Redis: `HEXISTS`.
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
    /// db.hset("user:1", "name", "Ada")?;
    /// assert!(db.hexists("user:1", "name")?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hexists(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>) -> Result<bool, Error> {
        let len = self.read(HStrLen {
            key: key.as_ref(),
            field: field.as_ref(),
        })?;
        Ok(len.is_some())
    }

    /// Returns the number of fields of the hash at `key`, 0 if it is missing. Redis: `HLEN`.
    ///
    /// # Complexity
    /// O(1), and O(N) for N fields that have expired and are not removed yet.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.hset_many("user:1", &[("name", "Ada"), ("born", "1815")])?;
    /// assert_eq!(db.hlen("user:1")?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hlen(&self, key: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.read(HLen { key: key.as_ref() })
    }

    /// Returns the length of the value of `field`, 0 if it is missing. Redis: `HSTRLEN`.
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
    /// db.hset("user:1", "name", "Ada")?;
    /// assert_eq!(db.hstrlen("user:1", "name")?, 3);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hstrlen(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>) -> Result<u64, Error> {
        let len = self.read(HStrLen {
            key: key.as_ref(),
            field: field.as_ref(),
        })?;
        Ok(len.unwrap_or(0))
    }
}

impl<T: RunRead> HashRead for T {}

/// Changing hashes field by field.
pub trait HashWrite: RunWrite {
    /// Sets `field` of the hash at `key`, which begins with it if it is missing, and says whether the
    /// field is new. A deadline of the field is gone; one of the key stays. Redis: `HSET`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::StringTooLong`] past
    /// the limit of a string; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert!(db.hset("user:1", "name", "Ada")?);
    /// assert!(!db.hset("user:1", "name", "Grace")?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hset(
        &self,
        key: impl AsRef<[u8]>,
        field: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<bool, Error> {
        let new = self.write(HSet {
            key: key.as_ref(),
            pairs: &[field.as_ref(), value.as_ref()],
        })?;
        Ok(new > 0)
    }

    /// Sets several fields at once, otherwise as [`hset`](Self::hset); says how many are new. Of equal
    /// fields the last one counts; without any, nothing happens. Redis: `HSET`, `HMSET`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// As [`hset`](Self::hset).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.hset_many("user:1", &[("name", "Ada"), ("born", "1815")])?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HMSET")]
    fn hset_many<F: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        pairs: &[(F, V)],
    ) -> Result<u64, Error> {
        self.write(HSet {
            key: key.as_ref(),
            pairs: &words_of(pairs),
        })
    }

    /// Sets `field` if the hash at `key` has none of its name; says whether it did. Redis: `HSETNX`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// As [`hset`](Self::hset).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert!(db.hset_nx("user:1", "name", "Ada")?);
    /// assert!(!db.hset_nx("user:1", "name", "Grace")?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HSETNX")]
    fn hset_nx(
        &self,
        key: impl AsRef<[u8]>,
        field: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<bool, Error> {
        self.write(HSetNx {
            key: key.as_ref(),
            pair: [field.as_ref(), value.as_ref()],
        })
    }

    /// Removes `fields` of the hash at `key`, and the key with the last of them; says how many were
    /// there. Redis: `HDEL`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "name", "Ada")?;
    /// assert_eq!(db.hdel("user:1", &["name", "age"])?, 1);
    /// assert!(!db.exists("user:1")?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hdel<F: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, fields: &[F]) -> Result<u64, Error> {
        self.write(HDel {
            key: key.as_ref(),
            fields: &refs(fields),
        })
    }
}

impl<T: RunWrite> HashWrite for T {}

#[cfg(test)]
mod tests;
