//! Sorted sets, to read: `ZSCORE`, `ZMSCORE`, `ZCARD`, `ZRANK`, `ZREVRANK`, `ZCOUNT`, `ZLEXCOUNT`, `ZSCAN`.
//!
//! Invariants:
//! 1. A missing key is an empty sorted set.
//! 2. Nothing here looks at more members than it answers about; see [`ZSetValue`].

use super::args::{Args, refs};
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead};
use super::scan_elements::{self, ElementScanOptions};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx};
use crate::value::number::write_double;
use crate::value::zset::{LexBound, ScoreBound, ZSetValue};

const READS: &[Flag] = &[Flag::ReadOnly, Flag::Fast];

/// What every row of this family has in common.
#[expect(
    clippy::too_many_arguments,
    reason = "a row is a table's line, told column by column"
)]
pub(super) const fn row(
    name: &'static str,
    arity: i32,
    flags: &'static [Flag],
    since: &'static str,
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
        group: "sorted-set",
        since,
        summary,
        complexity,
        redis_complexity: "",
        differences: "",
        example,
        call,
    }
}

/// What differs wherever a score is printed.
pub(super) const SCORES: &str =
    "Scores are printed in the shortest form, as in Redis 7.2; Redis 7.0 prints 17 digits.";

pub(crate) static COMMANDS: &[CommandSpec] = &[
    row(
        "ZCARD",
        2,
        READS,
        "1.2.0",
        "Returns the number of members.",
        "O(1)",
        "ZCARD zset",
        |args, host| host.read(&ZCard { key: args.word(1)? }),
    ),
    CommandSpec {
        redis_complexity: "O(log(N)) for N members",
        ..row(
            "ZCOUNT",
            4,
            READS,
            "2.0.0",
            "Returns the number of members with scores in a range.",
            "O(log(N)) for N members",
            "ZCOUNT zset -inf (5",
            |args, host| {
                host.read(&ZCount {
                    key: args.word(1)?,
                    min: score_bound(args.word(2)?)?,
                    max: score_bound(args.word(3)?)?,
                })
            },
        )
    },
    row(
        "ZLEXCOUNT",
        4,
        READS,
        "2.8.9",
        "Returns the number of members in a range of bytes, where all scores are equal.",
        "O(log(N)) for N members",
        "ZLEXCOUNT zset [a (c",
        |args, host| {
            host.read(&ZLexCount {
                key: args.word(1)?,
                min: lex_bound(args.word(2)?)?,
                max: lex_bound(args.word(3)?)?,
            })
        },
    ),
    CommandSpec {
        differences: SCORES,
        ..row(
            "ZMSCORE",
            -3,
            READS,
            "6.2.0",
            "Returns the scores of members.",
            "O(M) for M members asked for",
            "ZMSCORE zset one two",
            |args, host| {
                let scores = host.read_raw(&ZMScore {
                    key: args.word(1)?,
                    members: args.rest(2),
                })?;
                Ok(Reply::Array(scores.into_iter().map(score_or_nil).collect()))
            },
        )
    },
    row(
        "ZRANK",
        3,
        READS,
        "2.0.0",
        "Returns the rank of a member, from the lowest score.",
        "O(log(N)) for N members",
        "ZRANK zset member",
        |args, host| {
            host.read(&ZRank {
                key: args.word(1)?,
                member: args.word(2)?,
                side: Side::Min,
            })
        },
    ),
    row(
        "ZREVRANK",
        3,
        READS,
        "2.0.0",
        "Returns the rank of a member, from the highest score.",
        "O(log(N)) for N members",
        "ZREVRANK zset member",
        |args, host| {
            host.read(&ZRank {
                key: args.word(1)?,
                member: args.word(2)?,
                side: Side::Max,
            })
        },
    ),
    CommandSpec {
        differences: "Cursors are other numbers, and so is the order. Scores are printed in the \
                      shortest form, as in Redis 7.2.",
        ..row(
            "ZSCAN",
            -3,
            &[Flag::ReadOnly],
            "2.8.0",
            "Returns some members with scores and the cursor to go on with, which is 0 at the end.",
            "O(COUNT) for a call, O(N) for all calls together",
            "ZSCAN zset 0",
            |args, host| {
                let (cursor, found) = host.read_raw(&ZScan {
                    key: args.word(1)?,
                    cursor: scan_elements::cursor(args)?,
                    options: ElementScanOptions::parse(args, false).map(|(options, _)| options),
                })?;
                let cursor = Reply::Bulk(cursor.to_string().into_bytes());
                Ok(Reply::Array(vec![cursor, scored(found)]))
            },
        )
    },
    CommandSpec {
        differences: SCORES,
        ..row(
            "ZSCORE",
            3,
            READS,
            "1.2.0",
            "Returns the score of a member.",
            "O(1)",
            "ZSCORE zset member",
            |args, host| {
                let scores = host.read_raw(&ZMScore {
                    key: args.word(1)?,
                    members: args.rest(2),
                })?;
                Ok(score_or_nil(scores.into_iter().next().flatten()))
            },
        )
    },
];

/// A member of a sorted set and its score.
pub type ScoredMember = (Vec<u8>, f64);

/// A score as Redis prints it.
pub(super) fn score_reply(score: f64) -> Reply {
    let mut text = Vec::new();
    write_double(score, &mut text);
    Reply::Bulk(text)
}

pub(super) fn score_or_nil(score: Option<f64>) -> Reply {
    score.map_or(Reply::Nil, score_reply)
}

/// Members and scores in turn.
pub(super) fn scored(members: impl IntoIterator<Item = ScoredMember>) -> Reply {
    let pairs = members.into_iter();
    let replies = pairs.flat_map(|(member, score)| [Reply::Bulk(member), score_reply(score)]);
    Reply::Array(replies.collect())
}

/// A bound in words; Redis reads both of a range before it looks at the key.
pub(super) fn score_bound(word: &[u8]) -> Result<ScoreBound, CommandError> {
    ScoreBound::parse(word).ok_or_else(not_a_bound)
}

fn not_a_bound() -> CommandError {
    CommandError::Other("ERR min or max is not a float".into())
}

/// As [`score_bound`], of a range of bytes.
pub(super) fn lex_bound(word: &[u8]) -> Result<LexBound<'_>, CommandError> {
    let text = "ERR min or max not valid string range item";
    LexBound::parse(word).ok_or(CommandError::Other(text.into()))
}

/// The sorted set at a key, if there is one.
pub(super) fn zset_at<'a>(
    tx: &ReadTx<'a>,
    key: &[u8],
) -> Result<Option<&'a ZSetValue>, CommandError> {
    tx.entry(key).map(|entry| entry.zset()).transpose()
}

/// An end of a sorted set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The lowest scores.
    Min,
    /// The highest.
    Max,
}

impl Side {
    /// What Redis calls a removal from this end.
    pub(crate) fn pop_event(self) -> Event {
        match self {
            Self::Min => Event::ZPopMin,
            Self::Max => Event::ZPopMax,
        }
    }
}

struct ZCard<'a> {
    key: &'a [u8],
}

impl ReadCommand for ZCard<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        Ok(zset_at(tx, self.key)?.map_or(0, ZSetValue::len))
    }
}

struct ZCount<'a> {
    key: &'a [u8],
    min: ScoreBound,
    max: ScoreBound,
}

impl ReadCommand for ZCount<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        if self.min.score().is_nan() || self.max.score().is_nan() {
            return Err(not_a_bound());
        }
        let ranks = zset_at(tx, self.key)?.map(|zset| zset.ranks_by_score(self.min, self.max));
        Ok(ranks.map_or(0, |ranks| ranks.end - ranks.start))
    }
}

struct ZLexCount<'a> {
    key: &'a [u8],
    min: LexBound<'a>,
    max: LexBound<'a>,
}

impl ReadCommand for ZLexCount<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        let ranks = zset_at(tx, self.key)?.map(|zset| zset.ranks_by_lex(self.min, self.max));
        Ok(ranks.map_or(0, |ranks| ranks.end - ranks.start))
    }
}

struct ZMScore<'a> {
    key: &'a [u8],
    members: &'a [&'a [u8]],
}

impl ReadCommand for ZMScore<'_> {
    type Output = Vec<Option<f64>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let zset = zset_at(tx, self.key)?;
        let score = |member: &&[u8]| zset?.score(member);
        Ok(self.members.iter().map(score).collect())
    }
}

/// The score of one member.
struct ZScore<'a> {
    key: &'a [u8],
    member: &'a [u8],
}

impl ReadCommand for ZScore<'_> {
    type Output = Option<f64>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Option<f64>, CommandError> {
        let zset = zset_at(tx, self.key)?;
        Ok(zset.and_then(|zset| zset.score(self.member)))
    }
}

struct ZRank<'a> {
    key: &'a [u8],
    member: &'a [u8],
    side: Side,
}

impl ReadCommand for ZRank<'_> {
    type Output = Option<u64>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Option<u64>, CommandError> {
        let Some(zset) = zset_at(tx, self.key)? else {
            return Ok(None);
        };
        let rank = zset.rank(self.member);
        Ok(match self.side {
            Side::Min => rank,
            Side::Max => rank.map(|rank| zset.len() - 1 - rank),
        })
    }
}

struct ZScan<'a> {
    key: &'a [u8],
    cursor: u64,
    /// Refused only where there is something to scan, as in Redis.
    options: Result<ElementScanOptions<'a>, CommandError>,
}

impl ReadCommand for ZScan<'_> {
    type Output = (u64, Vec<ScoredMember>);

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(zset) = zset_at(tx, self.key)? else {
            return Ok((0, Vec::new()));
        };
        let options = self.options.as_ref().map_err(CommandError::clone)?;
        let (mut cursor, mut seen, mut found) = (self.cursor, 0, Vec::new());
        loop {
            cursor = zset.scan(cursor, &mut |member, score| {
                seen += 1;
                if options.wants(member) {
                    found.push((member.to_vec(), score));
                }
            });
            if cursor == 0 || seen >= options.wanted_count() {
                return Ok((cursor, found));
            }
        }
    }
}

/// Reading sorted sets.
pub trait ZSetRead: RunRead {
    /// Returns the number of members. Redis: `ZCARD`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 1.0, "ann")?;
    /// assert_eq!(db.zcard("scores")?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn zcard(&self, key: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.read(ZCard { key: key.as_ref() })
    }

    /// Returns the score of `member`. Redis: `ZSCORE`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 1.5, "ann")?;
    /// assert_eq!(db.zscore("scores", "ann")?, Some(1.5));
    /// assert_eq!(db.zscore("scores", "bob")?, None);
    /// # Ok::<(), Error>(())
    /// ```
    fn zscore(
        &self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
    ) -> Result<Option<f64>, Error> {
        self.read(ZScore {
            key: key.as_ref(),
            member: member.as_ref(),
        })
    }

    /// Returns the scores of `members`, in their order. Redis: `ZMSCORE`.
    ///
    /// # Complexity
    /// O(M) for M members asked for.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 1.5, "ann")?;
    /// assert_eq!(db.zmscore("scores", &["ann", "bob"])?, [Some(1.5), None]);
    /// # Ok::<(), Error>(())
    /// ```
    fn zmscore<M: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        members: &[M],
    ) -> Result<Vec<Option<f64>>, Error> {
        self.read(ZMScore {
            key: key.as_ref(),
            members: &refs(members),
        })
    }

    /// Returns the rank of `member`: 0 has the lowest score, and of equal ones the first member. Redis:
    /// `ZRANK`.
    ///
    /// # Complexity
    /// O(log n) for n members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 1.0, "ann")?;
    /// db.zadd("scores", 2.0, "bob")?;
    /// assert_eq!(db.zrank("scores", "bob")?, Some(1));
    /// # Ok::<(), Error>(())
    /// ```
    fn zrank(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<Option<u64>, Error> {
        self.read(ZRank {
            key: key.as_ref(),
            member: member.as_ref(),
            side: Side::Min,
        })
    }

    /// As [`zrank`](Self::zrank), counted from the highest score. Redis: `ZREVRANK`.
    ///
    /// # Complexity
    /// O(log n) for n members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 1.0, "ann")?;
    /// db.zadd("scores", 2.0, "bob")?;
    /// assert_eq!(db.zrev_rank("scores", "bob")?, Some(0));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "ZREVRANK")]
    fn zrev_rank(
        &self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
    ) -> Result<Option<u64>, Error> {
        self.read(ZRank {
            key: key.as_ref(),
            member: member.as_ref(),
            side: Side::Max,
        })
    }

    /// Returns how many members have scores between the bounds; a number alone is an inclusive one. Redis:
    /// `ZCOUNT`.
    ///
    /// # Complexity
    /// O(log n) for n members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::Other`] if a bound is NaN.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::ScoreBound;
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 1.0, "ann")?;
    /// db.zadd("scores", 2.0, "bob")?;
    /// assert_eq!(db.zcount("scores", 1.0, f64::INFINITY)?, 2);
    /// assert_eq!(db.zcount("scores", ScoreBound::Exclusive(1.0), 2.0)?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn zcount(
        &self,
        key: impl AsRef<[u8]>,
        min: impl Into<ScoreBound>,
        max: impl Into<ScoreBound>,
    ) -> Result<u64, Error> {
        self.read(ZCount {
            key: key.as_ref(),
            min: min.into(),
            max: max.into(),
        })
    }

    /// Returns how many members lie between the bounds in byte order, where all scores are equal; where they
    /// are not, the answer is some number. Redis: `ZLEXCOUNT`.
    ///
    /// # Complexity
    /// O(log n) for n members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::LexBound;
    /// # let db = Db::open_in_memory();
    /// db.zadd("names", 0.0, "ann")?;
    /// db.zadd("names", 0.0, "bob")?;
    /// let count = db.zlex_count("names", LexBound::Exclusive(b"ann"), LexBound::Max)?;
    /// assert_eq!(count, 1);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "ZLEXCOUNT")]
    fn zlex_count(
        &self,
        key: impl AsRef<[u8]>,
        min: LexBound<'_>,
        max: LexBound<'_>,
    ) -> Result<u64, Error> {
        self.read(ZLexCount {
            key: key.as_ref(),
            min,
            max,
        })
    }

    /// Returns some members with their scores, in no particular order, and the cursor to go on with: 0 starts
    /// a scan, and ends it. A member that is there during the whole scan is returned at least once; others may
    /// be. Redis: `ZSCAN`.
    ///
    /// # Complexity
    /// O(count) for a call, and O(n) for all calls of a scan. A short sorted set is returned whole.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::ElementScanOptions;
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 1.0, "ann")?;
    /// db.zadd("scores", 2.0, "bob")?;
    /// let (cursor, found) = db.zscan("scores", 0, ElementScanOptions::new().matching("b*"))?;
    /// assert_eq!((cursor, found), (0, vec![(b"bob".to_vec(), 2.0)]));
    /// # Ok::<(), Error>(())
    /// ```
    fn zscan(
        &self,
        key: impl AsRef<[u8]>,
        cursor: u64,
        options: ElementScanOptions<'_>,
    ) -> Result<(u64, Vec<ScoredMember>), Error> {
        self.read(ZScan {
            key: key.as_ref(),
            cursor,
            options: Ok(options),
        })
    }
}

impl<T: RunRead> ZSetRead for T {}

#[cfg(test)]
mod tests;
