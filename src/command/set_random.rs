//! Members of a set by chance: `SPOP` and `SRANDMEMBER`.
//!
//! Every member has the same chance, and so has every choice of several.

use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, WriteTx};
use crate::value::SetValue;
use crate::value::number::parse_i64;
use crate::value::set::{Member, Probe};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "SPOP",
        arity: -2,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "set",
        since: "1.0.0",
        summary: "Removes and returns one member of a set, or several, chosen by chance.",
        complexity: "O(1) for one member, O(N) for N members; O(M) for more than a sixteenth of a set of M",
        redis_complexity: "O(1), or O(N) for N members",
        differences: "The choice is by chance.",
        example: "SPOP set 2",
        call: |args, host| {
            if args.count() == 2 {
                return host.write(&SPop { key: args.word(1)? });
            }
            let count = parse_i64(args.word(2)?).and_then(|count| u64::try_from(count).ok());
            if args.count() > 3 {
                return Err(CommandError::Syntax.into());
            }
            let text = "ERR value is out of range, must be positive";
            host.write(&SPopCount {
                key: args.word(1)?,
                count: count.ok_or(CommandError::Other(text.into()))?,
            })
        },
    },
    CommandSpec {
        name: "SRANDMEMBER",
        arity: -2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "set",
        since: "1.0.0",
        summary: "Returns one member of a set, or several, chosen by chance.",
        complexity: "O(1) for one member, O(N) for N members; O(M) for more than a sixteenth of a set of M",
        redis_complexity: "O(N) where N is the number of members returned",
        differences: "The choice is by chance. Repeated members of more than the longest string together are \
                      refused.",
        example: "SRANDMEMBER set -3",
        call: |args, host| {
            if args.count() == 2 {
                return host.read(&SRandMember { key: args.word(1)? });
            }
            if args.count() > 3 {
                return Err(CommandError::Syntax.into());
            }
            let count = args.int(2)?;
            if count == i64::MIN {
                let (from, to) = (-i64::MAX, i64::MAX);
                let text = format!("ERR value is out of range, value must between {from} and {to}");
                return Err(CommandError::Other(text.into()).into());
            }
            host.read(&SRandMembers {
                key: args.word(1)?,
                count: count.unsigned_abs(),
                repeat: count < 0,
            })
        },
    },
];

/// `SPOP` of one member.
struct SPop<'a> {
    key: &'a [u8],
}

impl WriteCommand for SPop<'_> {
    type Output = Option<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let set = tx.as_read().set(self.key)?;
        let chosen = set.and_then(|set| set.random(tx.random));
        let chosen = chosen.map(Member::to_vec);
        if let Some(member) = &chosen {
            tx.event(Event::SPop);
            tx.set_remove(self.key, &[member]);
        }
        Ok(chosen)
    }
}

/// `SPOP` of several members.
struct SPopCount<'a> {
    key: &'a [u8],
    count: u64,
}

impl WriteCommand for SPopCount<'_> {
    type Output = Vec<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        /// Where this many times fewer stay than go, the ones that stay are chosen and make a new set,
        /// in the encoding that gives it, as in Redis.
        const FEWER: u64 = 5;
        let read = tx.as_read();
        let Some(entry) = read.entry(self.key) else {
            return Ok(Vec::new());
        };
        let (set, expires_at_ms) = (entry.set()?, entry.expires_at_ms());
        let staying = set.len().saturating_sub(self.count);
        if staying == 0 || staying > self.count / FEWER {
            let chosen = set.sample(self.count, tx.random).into_iter();
            let chosen: Vec<Vec<u8>> = chosen.map(Member::to_vec).collect();
            if !chosen.is_empty() {
                tx.event(Event::SPop);
            }
            if staying == 0 {
                tx.remove(self.key);
            } else {
                let members: Vec<&[u8]> = chosen.iter().map(Vec::as_slice).collect();
                tx.set_remove(self.key, &members);
            }
            return Ok(chosen);
        }
        let (hasher, limits) = (tx.layout.hasher(), tx.encoding.limits());
        let mut rest = SetValue::new();
        for member in set.sample(staying, tx.random) {
            member.with(|word| rest.insert(hasher, &limits, word));
        }
        let goes = |member: &Member<'_>| !Probe::new(*member).is_in(&rest);
        let chosen: Vec<Vec<u8>> = set.iter().filter(goes).map(Member::to_vec).collect();
        tx.set_store(self.key, rest, Event::SPop);
        if expires_at_ms.is_some() {
            tx.expire(self.key, expires_at_ms);
        }
        Ok(chosen)
    }
}

/// `SRANDMEMBER` of one member.
struct SRandMember<'a> {
    key: &'a [u8],
}

impl ReadCommand for SRandMember<'_> {
    type Output = Option<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let chosen = tx.set(self.key)?.and_then(|set| set.random(tx.random));
        Ok(chosen.map(Member::to_vec))
    }
}

/// `SRANDMEMBER` of several members.
struct SRandMembers<'a> {
    key: &'a [u8],
    count: u64,
    /// Whether one may come more than once.
    repeat: bool,
}

impl ReadCommand for SRandMembers<'_> {
    type Output = Vec<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        /// What a member takes beside its bytes, at least.
        const AROUND: u64 = 32;
        let Some(set) = tx.set(self.key)? else {
            return Ok(Vec::new());
        };
        if !self.repeat {
            let chosen = set.sample(self.count, tx.random).into_iter();
            return Ok(chosen.map(Member::to_vec).collect());
        }
        let mut left = tx.rules.string_bytes_max.max(AROUND);
        let too_many = || CommandError::Other("ERR value is out of range".into());
        if self.count > left / AROUND {
            return Err(too_many());
        }
        let mut chosen = Vec::with_capacity(self.count as usize);
        for _ in 0..self.count {
            let Some(member) = set.random(tx.random).map(Member::to_vec) else {
                break;
            };
            let bytes = member.len() as u64 + AROUND;
            left = left.checked_sub(bytes).ok_or_else(too_many)?;
            chosen.push(member);
        }
        Ok(chosen)
    }
}

/// Reading members of sets by chance.
pub trait SetRandomRead: RunRead {
    /// Returns a member of the set at `key`, each with the same chance; `None` if there is none.
    /// Redis: `SRANDMEMBER`.
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
    /// let member = db.srandmember("tags")?.expect("there are two");
    /// assert!(db.sismember("tags", member)?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn srandmember(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        self.read(SRandMember { key: key.as_ref() })
    }

    /// Returns `count` different members of the set at `key`, or all if there are not so many, every
    /// choice with the same chance; in no random order. Redis: `SRANDMEMBER` with a count.
    ///
    /// # Complexity
    /// O(count); O(N) for more than a sixteenth of a set of N members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("numbers", &["1", "2", "3", "4"])?;
    /// assert_eq!(db.srandmember_count("numbers", 3)?.len(), 3);
    /// assert_eq!(db.srandmember_count("numbers", 9)?.len(), 4);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "SRANDMEMBER")]
    fn srandmember_count(&self, key: impl AsRef<[u8]>, count: u64) -> Result<Vec<Vec<u8>>, Error> {
        self.read(SRandMembers {
            key: key.as_ref(),
            count,
            repeat: false,
        })
    }

    /// Chooses a member of the set at `key`, `count` times: members may come again. Nothing if there is
    /// none. Redis: `SRANDMEMBER` with a negative count.
    ///
    /// # Complexity
    /// O(count).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; [`CommandError::Other`] if the members
    /// together would take more than the longest string.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("coin", &["heads", "tails"])?;
    /// assert_eq!(db.srandmember_repeated("coin", 100)?.len(), 100);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "SRANDMEMBER")]
    fn srandmember_repeated(
        &self,
        key: impl AsRef<[u8]>,
        count: u64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        self.read(SRandMembers {
            key: key.as_ref(),
            count,
            repeat: true,
        })
    }
}

impl<T: RunRead> SetRandomRead for T {}

/// Taking members from sets by chance.
pub trait SetRandomWrite: RunWrite {
    /// Removes a member from the set at `key`, each with the same chance, and returns it; `None` if there
    /// is none. Redis: `SPOP`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("urn", &["red", "white"])?;
    /// let ball = db.spop("urn")?.expect("there are two");
    /// assert!(!db.sismember("urn", ball)?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn spop(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        self.write(SPop { key: key.as_ref() })
    }

    /// Removes `count` members from the set at `key`, or all if there are not so many, every choice with
    /// the same chance, and returns them. Redis: `SPOP` with a count.
    ///
    /// # Complexity
    /// O(count); O(N) for more than a sixteenth of a set of N members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("urn", &["red", "white", "black"])?;
    /// assert_eq!(db.spop_count("urn", 2)?.len(), 2);
    /// assert_eq!(db.scard("urn")?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "SPOP")]
    fn spop_count(&self, key: impl AsRef<[u8]>, count: u64) -> Result<Vec<Vec<u8>>, Error> {
        self.write(SPopCount {
            key: key.as_ref(),
            count,
        })
    }
}

impl<T: RunWrite> SetRandomWrite for T {}

#[cfg(test)]
mod tests;
