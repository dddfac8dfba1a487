//! Sets, member by member: `SADD`, `SREM`, `SMOVE`, membership, and all members at once.
//!
//! `set_random`, `set_join` and `set_scan` hold the rest of the family.
//!
//! Invariant: a key never holds a set without members.

use std::cell::Cell;

use super::args::{Args, check_words, refs};
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::string::VALUE_LENGTH;
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, WriteTx};
use crate::value::set::Member;

const READS: &[Flag] = &[Flag::ReadOnly, Flag::Fast];

/// What most rows of this family have in common.
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
        group: "set",
        since: "1.0.0",
        summary,
        complexity,
        redis_complexity: "",
        differences: "",
        example,
        call,
    }
}

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        differences: VALUE_LENGTH,
        ..row(
            "SADD",
            -3,
            &[Flag::Write, Flag::DenyOom, Flag::Fast],
            "Adds members to a set, which is created if it is missing.",
            "O(N) where N is the number of members; among the integers of an intset each costs O(M) for M \
             integers",
            "SADD set member 7",
            |args, host| {
                host.write(&SAdd {
                    key: args.word(1)?,
                    members: args.rest(2),
                })
            },
        )
    },
    row(
        "SCARD",
        2,
        READS,
        "Returns how many members a set has.",
        "O(1)",
        "SCARD set",
        |args, host| host.read(&SCard { key: args.word(1)? }),
    ),
    row(
        "SISMEMBER",
        3,
        READS,
        "Tells whether a set has a member.",
        "O(1)",
        "SISMEMBER set member",
        |args, host| {
            host.read(&SIsMember {
                key: args.word(1)?,
                member: args.word(2)?,
            })
        },
    ),
    row(
        "SMEMBERS",
        2,
        &[Flag::ReadOnly],
        "Returns all members of a set.",
        "O(N) where N is the number of members",
        "SMEMBERS set",
        |args, host| host.read(&SMembers { key: args.word(1)? }),
    ),
    CommandSpec {
        since: "6.2.0",
        ..row(
            "SMISMEMBER",
            -3,
            READS,
            "Tells which of several members a set has.",
            "O(N) where N is the number of members asked for",
            "SMISMEMBER set member other",
            |args, host| {
                host.read(&SMIsMember {
                    key: args.word(1)?,
                    members: args.rest(2),
                })
            },
        )
    },
    CommandSpec {
        keys: KeyPositions::range(1, 2, 1),
        ..row(
            "SMOVE",
            4,
            &[Flag::Write, Flag::Fast],
            "Moves a member from one set to another.",
            "O(1)",
            "SMOVE set other member",
            |args, host| {
                host.write(&SMove {
                    from: args.word(1)?,
                    to: args.word(2)?,
                    member: args.word(3)?,
                })
            },
        )
    },
    row(
        "SREM",
        -3,
        &[Flag::Write, Flag::Fast],
        "Removes members from a set, and the set with the last of them.",
        "O(N) where N is the number of members",
        "SREM set member",
        |args, host| {
            host.write(&SRem {
                key: args.word(1)?,
                members: args.rest(2),
            })
        },
    ),
];

/// `SADD`.
struct SAdd<'a> {
    key: &'a [u8],
    members: &'a [&'a [u8]],
}

impl WriteCommand for SAdd<'_> {
    /// How many members were not there.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        tx.as_read().set(self.key)?;
        check_words(tx.rules, self.members)?;
        tx.event(Event::SAdd);
        Ok(tx.set_add(self.key, self.members))
    }
}

/// `SREM`.
struct SRem<'a> {
    key: &'a [u8],
    members: &'a [&'a [u8]],
}

impl WriteCommand for SRem<'_> {
    /// How many members were there.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        if tx.as_read().set(self.key)?.is_none() {
            return Ok(0);
        }
        tx.event(Event::SRem);
        Ok(tx.set_remove(self.key, self.members))
    }
}

/// `SMOVE`. The destination's type counts only if there is a source.
struct SMove<'a> {
    from: &'a [u8],
    to: &'a [u8],
    member: &'a [u8],
}

impl WriteCommand for SMove<'_> {
    /// Whether the member was there.
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::Two(self.from, self.to)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        let read = tx.as_read();
        let Some(from) = read.set(self.from)? else {
            return Ok(false);
        };
        read.set(self.to)?;
        if !from.contains(self.member) || self.from == self.to {
            return Ok(from.contains(self.member));
        }
        // Redis looks at both before it changes one, and publishes then what had expired.
        tx.purge_expired(self.to);
        tx.event(Event::SRem);
        tx.set_remove(self.from, &[self.member]);
        tx.event(Event::SAdd);
        tx.set_add(self.to, &[self.member]);
        Ok(true)
    }
}

/// `SCARD`.
struct SCard<'a> {
    key: &'a [u8],
}

impl ReadCommand for SCard<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        Ok(tx.set(self.key)?.map_or(0, |set| set.len()))
    }
}

/// `SISMEMBER`.
struct SIsMember<'a> {
    key: &'a [u8],
    member: &'a [u8],
}

impl ReadCommand for SIsMember<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    #[inline]
    fn execute(&self, tx: &ReadTx<'_>) -> Result<bool, CommandError> {
        let set = tx.set(self.key)?;
        Ok(set.is_some_and(|set| set.contains(self.member)))
    }
}

/// `SMISMEMBER`.
struct SMIsMember<'a> {
    key: &'a [u8],
    members: &'a [&'a [u8]],
}

impl ReadCommand for SMIsMember<'_> {
    type Output = Vec<bool>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Vec<bool>, CommandError> {
        let set = tx.set(self.key)?;
        let has = |member: &&[u8]| set.is_some_and(|set| set.contains(member));
        Ok(self.members.iter().map(has).collect())
    }
}

/// `SMEMBERS`.
struct SMembers<'a> {
    key: &'a [u8],
}

impl ReadCommand for SMembers<'_> {
    type Output = Vec<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let members = tx.set(self.key)?.map(|set| set.iter());
        Ok(members.into_iter().flatten().map(Member::to_vec).collect())
    }
}

/// `SMEMBERS` by visitor.
struct SMembersWith<'a, F> {
    key: &'a [u8],
    visit: Cell<Option<F>>,
}

impl<F: FnMut(&[u8])> ReadCommand for SMembersWith<'_, F> {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<(), CommandError> {
        if let (Some(set), Some(mut visit)) = (tx.set(self.key)?, self.visit.take()) {
            set.iter().for_each(|member| member.with(&mut visit));
        }
        Ok(())
    }
}

/// Reading sets. A missing key counts as a set without members.
pub trait SetRead: RunRead {
    /// Returns whether the set at `key` has `member`. Redis: `SISMEMBER`.
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
    /// db.sadd("tags", &["red", "green"])?;
    /// assert!(db.sismember("tags", "red")?);
    /// assert!(!db.sismember("tags", "blue")?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sismember(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.read(SIsMember {
            key: key.as_ref(),
            member: member.as_ref(),
        })
    }

    /// Returns for each of `members` whether the set at `key` has it. Redis: `SMISMEMBER`.
    ///
    /// # Complexity
    /// O(N) where N is the number of members asked for.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("tags", &["red", "green"])?;
    /// assert_eq!(db.smismember("tags", &["blue", "red"])?, [false, true]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn smismember<M: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        members: &[M],
    ) -> Result<Vec<bool>, Error> {
        self.read(SMIsMember {
            key: key.as_ref(),
            members: &refs(members),
        })
    }

    /// Returns how many members the set at `key` has. Redis: `SCARD`.
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
    /// db.sadd("tags", &["red", "green", "red"])?;
    /// assert_eq!(db.scard("tags")?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn scard(&self, key: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.read(SCard { key: key.as_ref() })
    }

    /// Returns all members of the set at `key`: ascending if it is small and all are integers, else in
    /// no particular order. Redis: `SMEMBERS`.
    ///
    /// # Complexity
    /// O(N) where N is the number of members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("primes", &["5", "2", "3"])?;
    /// assert_eq!(db.smembers("primes")?, [b"2", b"3", b"5"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn smembers(&self, key: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, Error> {
        self.read(SMembers { key: key.as_ref() })
    }

    /// Calls `visit` with each member of the set at `key`, in the order of
    /// [`smembers`](Self::smembers), without a copy. The closure runs while the key's shard is locked:
    /// keep it short, or use a snapshot. Redis: `SMEMBERS`.
    ///
    /// # Complexity
    /// O(N) where N is the number of members, and what the closure does.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("tags", &["red", "green"])?;
    /// let mut bytes = 0;
    /// db.smembers_with("tags", |member| bytes += member.len())?;
    /// assert_eq!(bytes, 8);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn smembers_with(&self, key: impl AsRef<[u8]>, visit: impl FnMut(&[u8])) -> Result<(), Error> {
        self.read(SMembersWith {
            key: key.as_ref(),
            visit: Cell::new(Some(visit)),
        })
    }
}

impl<T: RunRead> SetRead for T {}

/// Writing sets.
pub trait SetWrite: RunWrite {
    /// Adds `members` to the set at `key`, which is created if it is missing; returns how many were not
    /// there. Redis: `SADD`.
    ///
    /// # Complexity
    /// O(N) where N is the number of members; among the integers of an `intset` each costs O(M) for M
    /// integers.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; [`CommandError::StringTooLong`] if a
    /// member is longer than a string may be. Nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.sadd("tags", &["red", "green"])?, 2);
    /// assert_eq!(db.sadd("tags", &["red", "blue"])?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sadd<M: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, members: &[M]) -> Result<u64, Error> {
        self.write(SAdd {
            key: key.as_ref(),
            members: &refs(members),
        })
    }

    /// Removes `members` from the set at `key`, and `key` with the last of them; returns how many were
    /// there. Redis: `SREM`.
    ///
    /// # Complexity
    /// O(N) where N is the number of members asked for.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("tags", &["red", "green"])?;
    /// assert_eq!(db.srem("tags", &["red", "blue"])?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn srem<M: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, members: &[M]) -> Result<u64, Error> {
        self.write(SRem {
            key: key.as_ref(),
            members: &refs(members),
        })
    }

    /// Moves `member` from the set at `from` to the one at `to`; returns whether it was there. Others see
    /// it in one of the two. Redis: `SMOVE`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if one of the keys holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("todo", &["wash", "cook"])?;
    /// assert!(db.smove("todo", "done", "wash")?);
    /// assert_eq!(db.smembers("done")?, [b"wash"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn smove(
        &self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
    ) -> Result<bool, Error> {
        self.write(SMove {
            from: from.as_ref(),
            to: to.as_ref(),
            member: member.as_ref(),
        })
    }
}

impl<T: RunWrite> SetWrite for T {}

#[cfg(test)]
mod tests;
