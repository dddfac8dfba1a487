//! Removing parts of sorted sets: `ZREMRANGEBYRANK`, `ZREMRANGEBYSCORE`, `ZREMRANGEBYLEX`, and `ZMPOP`.

use super::args::{Args, refs};
use super::reply::Reply;
use super::run::{Keys, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::zset::{SCORES, Side, lex_bound, score_bound, score_reply};
use super::zset_range::ZRange;
use crate::error::{CommandError, Error};
use crate::keyspace::WriteTx;
use crate::value::number::parse_i64;

/// What the rows of removals by range have in common.
const REMOVE: CommandSpec = CommandSpec {
    name: "",
    arity: 4,
    flags: &[Flag::Write],
    keys: KeyPositions::FIRST,
    group: "sorted-set",
    since: "",
    summary: "",
    complexity: "O(log(N)+M) where N is the size of the set and M of the range",
    redis_complexity: "",
    differences: "",
    example: "",
    call: |_, _| Ok(Reply::Nil),
};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "ZMPOP",
        arity: -4,
        flags: &[Flag::Write, Flag::MovableKeys],
        keys: KeyPositions::counted(1),
        since: "7.0.0",
        summary: "Removes members with the lowest or the highest scores from the first sorted set of several that \
                  is there, and returns them.",
        complexity: "O(K)+O(M*log(N)) where K is the number of keys, N the size of the set and M the number of \
                     members removed",
        differences: SCORES,
        example: "ZMPOP 2 a b MIN COUNT 10",
        call: |args, host| {
            let (keys, at) = pop_keys(args, 1)?;
            let popped = host.write_raw(&ZMultiPop::parse(args, keys, at)?)?;
            Ok(popped.map_or(Reply::Nil, ZPopped::into_reply))
        },
        ..REMOVE
    },
    CommandSpec {
        name: "ZREMRANGEBYLEX",
        since: "2.8.9",
        summary: "Removes the members of a sorted set in a range of bytes.",
        differences: "Where scores are not all equal, which Redis leaves open, the range may be another.",
        example: "ZREMRANGEBYLEX key [a (c",
        call: |args, host| {
            let (min, max) = (lex_bound(args.word(2)?)?, lex_bound(args.word(3)?)?);
            host.write(&RemoveRange {
                key: args.word(1)?,
                range: ZRange::members(min, max),
            })
        },
        ..REMOVE
    },
    CommandSpec {
        name: "ZREMRANGEBYRANK",
        since: "2.0.0",
        summary: "Removes the members of a sorted set with ranks in a range.",
        example: "ZREMRANGEBYRANK key 0 -1",
        call: |args, host| {
            host.write(&RemoveRange {
                range: ZRange::ranks(args.int(2)?, args.int(3)?),
                key: args.word(1)?,
            })
        },
        ..REMOVE
    },
    CommandSpec {
        name: "ZREMRANGEBYSCORE",
        since: "1.2.0",
        summary: "Removes the members of a sorted set with scores in a range.",
        example: "ZREMRANGEBYSCORE key -inf (5",
        call: |args, host| {
            let (min, max) = (score_bound(args.word(2)?)?, score_bound(args.word(3)?)?);
            host.write(&RemoveRange {
                key: args.word(1)?,
                range: ZRange::scores(min, max),
            })
        },
        ..REMOVE
    },
];

/// `ZREMRANGEBY...`.
struct RemoveRange<'a> {
    key: &'a [u8],
    range: ZRange<'a>,
}

impl WriteCommand for RemoveRange<'_> {
    /// How many members are gone.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            return Ok(0);
        };
        let ranks = self.range.ranks_in(entry.zset()?);
        if ranks.is_empty() {
            return Ok(0);
        }
        tx.event(self.range.removal_event());
        Ok(tx.zset_remove_ranks(self.key, ranks).len() as u64)
    }
}

/// The keys after their number at `count`, and where the words after them stand.
pub(super) fn pop_keys(args: Args<'_>, count: usize) -> Result<(&[&[u8]], usize), CommandError> {
    let number = parse_i64(args.word(count)?).filter(|&number| number > 0);
    let number =
        number.ok_or_else(|| CommandError::Other("ERR numkeys should be greater than 0".into()))?;
    let rest = args.rest(count + 1);
    // A word must follow.
    let keys = usize::try_from(number).ok();
    let keys = keys.filter(|&keys| keys < rest.len());
    let keys = keys.ok_or(CommandError::Syntax)?;
    Ok((&rest[..keys], count + 1 + keys))
}

/// `ZMPOP`; `None` if no key is there.
pub(crate) struct ZMultiPop<'a> {
    pub(crate) keys: &'a [&'a [u8]],
    pub(crate) side: Side,
    pub(crate) count: u64,
}

/// What `ZMPOP` has removed.
#[derive(Debug, Clone, PartialEq)]
pub struct ZPopped {
    /// The key whose members they were.
    pub key: Vec<u8>,
    /// Members and scores, in the order in which they went.
    pub members: Vec<(Vec<u8>, f64)>,
}

impl ZPopped {
    pub(crate) fn into_reply(self) -> Reply {
        let member = |(member, score)| Reply::Array(vec![Reply::Bulk(member), score_reply(score)]);
        let members = self.members.into_iter().map(member).collect();
        Reply::Array(vec![Reply::Bulk(self.key), Reply::Array(members)])
    }
}

impl<'a> ZMultiPop<'a> {
    /// Of these keys; the words from `at` on say how.
    pub(crate) fn parse(
        args: Args<'a>,
        keys: &'a [&'a [u8]],
        at: usize,
    ) -> Result<Self, CommandError> {
        let side = if args.is(at, "MAX") {
            Side::Max
        } else if args.is(at, "MIN") {
            Side::Min
        } else {
            return Err(CommandError::Syntax);
        };
        let mut count = None;
        let mut at = at + 1;
        while at < args.count() {
            if count.is_some() || !args.is(at, "COUNT") || at + 1 >= args.count() {
                return Err(CommandError::Syntax);
            }
            let number = parse_i64(args.word(at + 1)?).filter(|&number| number > 0);
            let number = number
                .ok_or_else(|| CommandError::Other("ERR count should be greater than 0".into()))?;
            count = Some(number.unsigned_abs());
            at += 2;
        }
        Ok(Self {
            keys,
            side,
            count: count.unwrap_or(1),
        })
    }
}

impl WriteCommand for ZMultiPop<'_> {
    type Output = Option<ZPopped>;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Option<ZPopped>, CommandError> {
        for &key in self.keys {
            let Some(entry) = tx.entry(key) else {
                continue;
            };
            let len = entry.zset()?.len();
            let count = self.count.min(len);
            let ranks = match self.side {
                Side::Min => 0..count,
                Side::Max => len - count..len,
            };
            tx.event(self.side.pop_event());
            let mut members = tx.zset_remove_ranks(key, ranks);
            if self.side == Side::Max {
                members.reverse();
            }
            let key = key.to_vec();
            return Ok(Some(ZPopped { key, members }));
        }
        Ok(None)
    }
}

/// Removing ranges of sorted sets.
pub trait ZRemoveWrite: RunWrite {
    /// Removes the members of the sorted set at `key` in `range`, and the key with the last of them;
    /// returns how many they were. Redis: `ZREMRANGEBYRANK`, `ZREMRANGEBYSCORE`, `ZREMRANGEBYLEX`.
    ///
    /// # Complexity
    /// O(log(N)+M) where N is the size of the set and M of the range.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, ZRange, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "board", "1", "ada", "2", "grace", "3", "edsger"])?;
    /// assert_eq!(db.zrem_range("board", ZRange::ranks(0, 1))?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zrem_range(&self, key: impl AsRef<[u8]>, range: ZRange<'_>) -> Result<u64, Error> {
        self.write(RemoveRange {
            key: key.as_ref(),
            range,
        })
    }

    /// Removes up to `count` members with the lowest scores from the first of the sorted sets at `keys`
    /// that is there, and returns them, the lowest first. Redis: `ZMPOP` with `MIN`.
    ///
    /// # Complexity
    /// O(K)+O(M*log(N)) where K is the number of keys, N the size of the set and M of the answer.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if the first key that is there holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "board", "1", "ada", "2", "grace"])?;
    /// let popped = db.zmpop_min(&["missing", "board"], 1)?.unwrap();
    /// assert_eq!((popped.key, popped.members), (b"board".to_vec(), vec![(b"ada".to_vec(), 1.0)]));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zmpop_min<K: AsRef<[u8]>>(&self, keys: &[K], count: u64) -> Result<Option<ZPopped>, Error> {
        self.write(ZMultiPop {
            keys: &refs(keys),
            side: Side::Min,
            count,
        })
    }

    /// As [`zmpop_min`](Self::zmpop_min), of the highest scores, the highest first. Redis: `ZMPOP` with
    /// `MAX`.
    ///
    /// # Complexity
    /// As [`zmpop_min`](Self::zmpop_min).
    ///
    /// # Errors
    /// As [`zmpop_min`](Self::zmpop_min).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "board", "1", "ada", "2", "grace"])?;
    /// let popped = db.zmpop_max(&["board"], 1)?.unwrap();
    /// assert_eq!(popped.members, vec![(b"grace".to_vec(), 2.0)]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zmpop_max<K: AsRef<[u8]>>(&self, keys: &[K], count: u64) -> Result<Option<ZPopped>, Error> {
        self.write(ZMultiPop {
            keys: &refs(keys),
            side: Side::Max,
            count,
        })
    }
}

impl<T: RunWrite> ZRemoveWrite for T {}

#[cfg(test)]
mod tests;
