//! Sets joined: `SINTER`, `SUNION`, `SDIFF`, their `STORE` forms, and `SINTERCARD`.
//!
//! Sets are read where they lie. Invariants:
//! 1. The types of all keys are checked before anything is looked at, in the order of the keys.
//! 2. A stored result replaces whatever was there, with its deadline; an empty one removes it.
//! 3. Replies and stored results have the order and the encoding that Redis's temporary sets give them.

use super::args::{Args, refs};
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, Rules, WriteTx};
use crate::value::number::parse_i64;
use crate::value::set_ops::{difference_of, intersect, subtract, union_of, unite};
use crate::value::{EncodingLimits, SetValue};

/// The row of a command that joins sets and returns the result.
const fn row(
    name: &'static str,
    summary: &'static str,
    complexity: &'static str,
    redis_complexity: &'static str,
    example: &'static str,
    call: fn(Args<'_>, &dyn super::run::Host) -> Result<Reply, Error>,
) -> CommandSpec {
    CommandSpec {
        name,
        arity: -2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::range(1, -1, 1),
        group: "set",
        since: "1.0.0",
        summary,
        complexity,
        redis_complexity,
        differences: "",
        example,
        call,
    }
}

/// The row of one that stores it.
const fn store_row(row: CommandSpec) -> CommandSpec {
    CommandSpec {
        arity: -3,
        flags: &[Flag::Write, Flag::DenyOom],
        ..row
    }
}

const INTER_COST: &str = "O(N*M) for M sets, the smallest of N members";
const UNION_COST: &str = "O(N) where N is the number of members of all sets together";
const DIFF_COST: &str = "O(N) where N is the number of members of all sets together, or O(N*M) for M sets, the first of N \
     members, if that is less";

pub(crate) static COMMANDS: &[CommandSpec] = &[
    row(
        "SDIFF",
        "Returns the members of the first set that none of the others has.",
        DIFF_COST,
        UNION_COST,
        "SDIFF set other",
        |args, host| host.read(&Join::new(Op::Diff, args.rest(1))),
    ),
    store_row(row(
        "SDIFFSTORE",
        "Lets a key hold the members of the first set that none of the others has.",
        DIFF_COST,
        UNION_COST,
        "SDIFFSTORE to set other",
        |args, host| host.write(&Store::new(Op::Diff, args.rest(1))),
    )),
    row(
        "SINTER",
        "Returns the members that all sets have.",
        INTER_COST,
        "",
        "SINTER set other",
        |args, host| host.read(&Join::new(Op::Inter, args.rest(1))),
    ),
    CommandSpec {
        arity: -3,
        flags: &[Flag::ReadOnly, Flag::MovableKeys],
        keys: KeyPositions::counted(1),
        since: "7.0.0",
        ..row(
            "SINTERCARD",
            "Returns how many members all sets have, counted up to a limit.",
            INTER_COST,
            "",
            "SINTERCARD 2 set other LIMIT 10",
            |args, host| host.read(&InterCard::parse(args)?),
        )
    },
    store_row(row(
        "SINTERSTORE",
        "Lets a key hold the members that all sets have.",
        INTER_COST,
        "",
        "SINTERSTORE to set other",
        |args, host| host.write(&Store::new(Op::Inter, args.rest(1))),
    )),
    row(
        "SUNION",
        "Returns the members that any of the sets has.",
        UNION_COST,
        "",
        "SUNION set other",
        |args, host| host.read(&Join::new(Op::Union, args.rest(1))),
    ),
    store_row(row(
        "SUNIONSTORE",
        "Lets a key hold the members that any of the sets has.",
        UNION_COST,
        "",
        "SUNIONSTORE to set other",
        |args, host| host.write(&Store::new(Op::Union, args.rest(1))),
    )),
];

/// How sets are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Inter,
    Union,
    Diff,
}

/// The sets at `keys`; `None` for a missing one.
fn sets_at<'a>(tx: &ReadTx<'a>, keys: &[&[u8]]) -> Result<Vec<Option<&'a SetValue>>, CommandError> {
    keys.iter().map(|key| tx.set(key)).collect()
}

/// All of them, or none if one is missing: what an intersection is made of.
fn all_there<'a>(sets: &[Option<&'a SetValue>]) -> Vec<&'a SetValue> {
    let there: Option<Vec<_>> = sets.iter().copied().collect();
    there.unwrap_or_default()
}

/// Puts members in the order of Redis's temporary set: ascending if that is one of integers.
fn arrange(members: &mut Vec<Vec<u8>>, limits: EncodingLimits) {
    if members.len() > limits.set_intset_entries {
        return;
    }
    let number = |member: Vec<u8>| match parse_i64(&member) {
        Some(number) => Ok((number, member)),
        None => Err(member),
    };
    if members.iter().all(|member| parse_i64(member).is_some()) {
        let taken = std::mem::take(members).into_iter();
        let mut numbered: Vec<_> = taken.filter_map(|member| number(member).ok()).collect();
        numbered.sort_unstable_by_key(|&(number, _)| number);
        *members = numbered.into_iter().map(|(_, member)| member).collect();
    }
}

/// `SINTER`, `SUNION`, `SDIFF`.
struct Join<'a> {
    op: Op,
    keys: &'a [&'a [u8]],
}

impl<'a> Join<'a> {
    fn new(op: Op, keys: &'a [&'a [u8]]) -> Self {
        Self { op, keys }
    }
}

impl ReadCommand for Join<'_> {
    type Output = Vec<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let sets = sets_at(tx, self.keys)?;
        let (hasher, limits) = (tx.layout.hasher(), tx.encoding.limits());
        let mut found = Vec::new();
        match self.op {
            // In the order of the smallest set, as Redis answers it.
            Op::Inter => intersect(&mut all_there(&sets), &mut |member| {
                found.push(member.to_vec());
                true
            }),
            Op::Union => {
                let there: Vec<_> = sets.into_iter().flatten().collect();
                unite(&there, hasher, &limits, &mut |member| {
                    found.push(member.to_vec());
                });
                arrange(&mut found, limits);
            }
            Op::Diff => {
                if let Some((Some(first), others)) = sets.split_first() {
                    subtract(first, others, hasher, &limits, &mut |member| {
                        found.push(member.to_vec());
                    });
                    arrange(&mut found, limits);
                }
            }
        }
        Ok(found)
    }
}

/// `SINTERSTORE`, `SUNIONSTORE`, `SDIFFSTORE`: the key of the result, then the sets.
struct Store<'a> {
    op: Op,
    keys: &'a [&'a [u8]],
}

impl<'a> Store<'a> {
    fn new(op: Op, keys: &'a [&'a [u8]]) -> Self {
        Self { op, keys }
    }
}

impl WriteCommand for Store<'_> {
    /// How many members the result has.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let Some((to, from)) = self.keys.split_first() else {
            return Ok(0);
        };
        let read = tx.as_read();
        let sets = sets_at(&read, from)?;
        let (hasher, limits) = (tx.layout.hasher(), tx.encoding.limits());
        let result = match self.op {
            Op::Inter => {
                let mut result = SetValue::new();
                intersect(&mut all_there(&sets), &mut |member| {
                    member.with(|word| result.insert(hasher, &limits, word))
                });
                result
            }
            Op::Union => {
                let there: Vec<_> = sets.into_iter().flatten().collect();
                union_of(&there, hasher, &limits)
            }
            Op::Diff => match sets.split_first() {
                Some((Some(first), others)) => difference_of(first, others, hasher, &limits),
                Some((None, _)) | None => SetValue::new(),
            },
        };
        let len = result.len();
        // Both are at least what the members take in the log.
        let bytes = result.memory_bytes() as u64 + 16 * len;
        if bytes > Rules::WRITTEN_BYTES_MAX {
            return Err(CommandError::StringTooLong);
        }
        let event = match self.op {
            Op::Inter => Event::SInterStore,
            Op::Union => Event::SUnionStore,
            Op::Diff => Event::SDiffStore,
        };
        tx.set_store(to, result, event);
        Ok(len)
    }
}

/// `SINTERCARD`. A limit of 0 is none.
struct InterCard<'a> {
    keys: &'a [&'a [u8]],
    limit: u64,
}

impl<'a> InterCard<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let other = |text: &'static str| CommandError::Other(text.into());
        let count = parse_i64(args.word(1)?).filter(|&count| count > 0);
        let count = count.ok_or(other("ERR numkeys should be greater than 0"))?;
        let words = args.rest(2);
        let count = usize::try_from(count).ok().filter(|&n| n <= words.len());
        let count = count.ok_or(other(
            "ERR Number of keys can't be greater than number of args",
        ))?;
        let mut limit = 0;
        let mut index = 2 + count;
        while index < args.count() {
            if !args.is(index, "LIMIT") || index + 1 == args.count() {
                return Err(CommandError::Syntax);
            }
            let number = parse_i64(args.word(index + 1)?);
            let number = number.and_then(|number| u64::try_from(number).ok());
            limit = number.ok_or(other("ERR LIMIT can't be negative"))?;
            index += 2;
        }
        Ok(Self {
            keys: &words[..count],
            limit,
        })
    }
}

impl ReadCommand for InterCard<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        let sets = sets_at(tx, self.keys)?;
        let mut count = 0;
        intersect(&mut all_there(&sets), &mut |_| {
            count += 1;
            count != self.limit
        });
        Ok(count)
    }
}

/// Joining sets. Missing keys count as sets without members.
pub trait SetJoinRead: RunRead {
    /// Returns the members that all the sets at `keys` have, in the order of the smallest.
    /// Redis: `SINTER`.
    ///
    /// # Complexity
    /// O(N*M) for M sets, the smallest of N members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if one of the keys holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("monday", &["ann", "bob"])?;
    /// db.sadd("tuesday", &["bob", "cid"])?;
    /// assert_eq!(db.sinter(&["monday", "tuesday"])?, [b"bob"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sinter<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Vec<u8>>, Error> {
        self.read(Join::new(Op::Inter, &refs(keys)))
    }

    /// Returns how many members all the sets at `keys` have; stops to count at `limit`, unless that is
    /// 0. Redis: `SINTERCARD`.
    ///
    /// # Complexity
    /// O(N*M) for M sets, the smallest of N members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if one of the keys holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("monday", &["ann", "bob", "cid"])?;
    /// db.sadd("tuesday", &["bob", "cid"])?;
    /// assert_eq!(db.sintercard(&["monday", "tuesday"], 0)?, 2);
    /// assert_eq!(db.sintercard(&["monday", "tuesday"], 1)?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sintercard<K: AsRef<[u8]>>(&self, keys: &[K], limit: u64) -> Result<u64, Error> {
        self.read(InterCard {
            keys: &refs(keys),
            limit,
        })
    }

    /// Returns the members that any of the sets at `keys` has. Redis: `SUNION`.
    ///
    /// # Complexity
    /// O(N) where N is the number of members of all sets together.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if one of the keys holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("even", &["2", "4"])?;
    /// db.sadd("prime", &["2", "3"])?;
    /// assert_eq!(db.sunion(&["even", "prime"])?, [b"2", b"3", b"4"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sunion<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Vec<u8>>, Error> {
        self.read(Join::new(Op::Union, &refs(keys)))
    }

    /// Returns the members of the set at the first of `keys` that none of the others has.
    /// Redis: `SDIFF`.
    ///
    /// # Complexity
    /// O(N) where N is the number of members of all sets together, or less.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if one of the keys holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("even", &["2", "4"])?;
    /// db.sadd("prime", &["2", "3"])?;
    /// assert_eq!(db.sdiff(&["even", "prime"])?, [b"4"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sdiff<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Vec<u8>>, Error> {
        self.read(Join::new(Op::Diff, &refs(keys)))
    }
}

impl<T: RunRead> SetJoinRead for T {}

/// Joining sets into another. Missing keys count as sets without members.
pub trait SetJoinWrite: RunWrite {
    /// Lets `to`, which may be one of them, hold the members that all the sets at `from` have, and nothing
    /// else; returns how many. If there are none, `to` is removed. Redis: `SINTERSTORE`.
    ///
    /// # Complexity
    /// O(N*M) for M sets, the smallest of N members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if one of `from` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("monday", &["ann", "bob"])?;
    /// db.sadd("tuesday", &["bob", "cid"])?;
    /// assert_eq!(db.sinterstore("both", &["monday", "tuesday"])?, 1);
    /// assert_eq!(db.smembers("both")?, [b"bob"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sinterstore<K: AsRef<[u8]>>(&self, to: impl AsRef<[u8]>, from: &[K]) -> Result<u64, Error> {
        store(self, Op::Inter, to.as_ref(), from)
    }

    /// Lets `to`, which may be one of them, hold the members that any of the sets at `from` has, and
    /// nothing else; returns how many. If there are none, `to` is removed. Redis: `SUNIONSTORE`.
    ///
    /// # Complexity
    /// O(N) where N is the number of members of all sets together.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if one of `from` holds another type; [`CommandError::StringTooLong`]
    /// if the result is more than a frame of the log holds. Nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("monday", &["ann", "bob"])?;
    /// db.sadd("tuesday", &["bob", "cid"])?;
    /// assert_eq!(db.sunionstore("week", &["monday", "tuesday"])?, 3);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sunionstore<K: AsRef<[u8]>>(&self, to: impl AsRef<[u8]>, from: &[K]) -> Result<u64, Error> {
        store(self, Op::Union, to.as_ref(), from)
    }

    /// Lets `to`, which may be one of them, hold the members of the set at the first of `from` that none
    /// of the others has, and nothing else; returns how many. If there are none, `to` is removed.
    /// Redis: `SDIFFSTORE`.
    ///
    /// # Complexity
    /// O(N) where N is the number of members of all sets together, or less.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if one of `from` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.sadd("all", &["a", "b", "c"])?;
    /// db.sadd("done", &["b"])?;
    /// assert_eq!(db.sdiffstore("todo", &["all", "done"])?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sdiffstore<K: AsRef<[u8]>>(&self, to: impl AsRef<[u8]>, from: &[K]) -> Result<u64, Error> {
        store(self, Op::Diff, to.as_ref(), from)
    }
}

impl<T: RunWrite> SetJoinWrite for T {}

fn store<T: RunWrite + ?Sized, K: AsRef<[u8]>>(
    run: &T,
    op: Op,
    to: &[u8],
    from: &[K],
) -> Result<u64, Error> {
    let mut keys = vec![to];
    keys.extend(refs(from));
    run.write(Store::new(op, &keys))
}

#[cfg(test)]
mod tests;
