//! Sorted sets, to change: `ZADD`, `ZINCRBY`, `ZREM`, `ZPOPMIN`, `ZPOPMAX`.
//!
//! Invariants:
//! 1. No score is ever NaN.
//! 2. A key never holds a sorted set without members.

use super::args::{Args, check_words, refs};
use super::reply::Reply;
use super::run::{Keys, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag};
use super::zset::{SCORES, ScoredMember, Side, row, score_or_nil, scored, zset_at};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, WriteTx};
use crate::value::number::{parse_double, parse_i64};

const ADDS: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];
const REMOVES: &[Flag] = &[Flag::Write, Flag::Fast];

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        differences: "With INCR the score is printed in the shortest form, as in Redis 7.2.",
        ..row(
            "ZADD",
            -4,
            ADDS,
            "1.2.0",
            "Sets the scores of members; returns how many are new.",
            "O(log(N)) for each member, with N members",
            "ZADD zset 1 one 2 two",
            |args, host| match ZAddWords::parse(args, false)? {
                ZAddWords::Add(add, changed) => {
                    let count = host.write_raw(&add)?;
                    let also = if changed { count.updated } else { 0 };
                    Ok((count.added + also).into())
                }
                ZAddWords::Incr(incr) => Ok(score_or_nil(host.write_raw(&incr)?)),
            },
        )
    },
    CommandSpec {
        differences: SCORES,
        ..row(
            "ZINCRBY",
            4,
            ADDS,
            "1.2.0",
            "Adds to the score of a member; a missing one counts as 0.",
            "O(log(N)) for N members",
            "ZINCRBY zset 1.5 member",
            |args, host| match ZAddWords::parse(args, true)? {
                ZAddWords::Incr(incr) => Ok(score_or_nil(host.write_raw(&incr)?)),
                ZAddWords::Add(..) => Err(CommandError::Syntax.into()),
            },
        )
    },
    CommandSpec {
        differences: SCORES,
        ..row(
            "ZPOPMAX",
            -2,
            REMOVES,
            "5.0.0",
            "Removes and returns the members with the highest scores.",
            "O(log(N)+M) for N members of which M are popped",
            "ZPOPMAX zset 2",
            |args, host| pop(host.write_raw(&ZSetPop::parse(args, Side::Max)?)?),
        )
    },
    CommandSpec {
        differences: SCORES,
        ..row(
            "ZPOPMIN",
            -2,
            REMOVES,
            "5.0.0",
            "Removes and returns the members with the lowest scores.",
            "O(log(N)+M) for N members of which M are popped",
            "ZPOPMIN zset 2",
            |args, host| pop(host.write_raw(&ZSetPop::parse(args, Side::Min)?)?),
        )
    },
    row(
        "ZREM",
        -3,
        REMOVES,
        "1.2.0",
        "Removes members; returns how many there were.",
        "O(log(N)) for each member, with N members",
        "ZREM zset one two",
        |args, host| {
            host.write(&ZRem {
                key: args.word(1)?,
                members: args.rest(2),
            })
        },
    ),
];

fn pop(popped: Option<Vec<ScoredMember>>) -> Result<Reply, Error> {
    Ok(scored(popped.unwrap_or_default()))
}

/// When [`ZSetWrite::zadd_with`] and [`ZSetWrite::zadd_incr`] set a score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ZAddOptions {
    only_new: bool,
    only_existing: bool,
    only_greater: bool,
    only_less: bool,
}

impl ZAddOptions {
    /// Always.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if the member is new. Redis: `NX`.
    #[must_use]
    pub fn nx(mut self) -> Self {
        self.only_new = true;
        self
    }

    /// Only if the member is there. Redis: `XX`.
    #[must_use]
    pub fn xx(mut self) -> Self {
        self.only_existing = true;
        self
    }

    /// Only if the score grows, or the member is new. Redis: `GT`.
    #[must_use]
    pub fn gt(mut self) -> Self {
        self.only_greater = true;
        self
    }

    /// Only if the score falls, or the member is new. Redis: `LT`.
    #[must_use]
    pub fn lt(mut self) -> Self {
        self.only_less = true;
        self
    }

    fn check(self) -> Result<(), CommandError> {
        let text = if self.only_new && self.only_existing {
            "ERR XX and NX options at the same time are not compatible"
        } else if [self.only_new, self.only_greater, self.only_less]
            .into_iter()
            .map(usize::from)
            .sum::<usize>()
            > 1
        {
            "ERR GT, LT, and/or NX options at the same time are not compatible"
        } else {
            return Ok(());
        };
        Err(CommandError::Other(text.into()))
    }

    /// Whether a member with the score `old`, if it is there, shall have the score `new`.
    fn allow(self, old: Option<f64>, new: f64) -> bool {
        match old {
            None => !self.only_existing,
            Some(old) => {
                !(self.only_new || self.only_greater && new <= old || self.only_less && new >= old)
            }
        }
    }
}

/// How many members [`ZSetWrite::zadd_with`] changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ZAdded {
    /// New members.
    pub added: u64,
    /// Members that were there with another score.
    pub updated: u64,
}

struct ZAdd<'a> {
    key: &'a [u8],
    items: Vec<(f64, &'a [u8])>,
    options: ZAddOptions,
}

struct ZAddIncr<'a> {
    key: &'a [u8],
    by: f64,
    member: &'a [u8],
    options: ZAddOptions,
}

/// `ZADD` and `ZINCRBY` in words.
enum ZAddWords<'a> {
    /// And whether updated members count.
    Add(ZAdd<'a>, bool),
    Incr(ZAddIncr<'a>),
}

impl<'a> ZAddWords<'a> {
    fn parse(args: Args<'a>, incr: bool) -> Result<Self, CommandError> {
        let key = args.word(1)?;
        let mut options = ZAddOptions::default();
        let (mut changed, mut incr) = (false, incr);
        let mut index = 2;
        loop {
            if args.is(index, "NX") {
                options.only_new = true;
            } else if args.is(index, "XX") {
                options.only_existing = true;
            } else if args.is(index, "GT") {
                options.only_greater = true;
            } else if args.is(index, "LT") {
                options.only_less = true;
            } else if args.is(index, "CH") {
                changed = true;
            } else if args.is(index, "INCR") {
                incr = true;
            } else {
                break;
            }
            index += 1;
        }
        let words = args.rest(index);
        if words.is_empty() || !words.len().is_multiple_of(2) {
            return Err(CommandError::Syntax);
        }
        options.check()?;
        if incr && words.len() > 2 {
            let text = "ERR INCR option supports a single increment-element pair";
            return Err(CommandError::Other(text.into()));
        }
        let pairs = words.chunks_exact(2);
        let items = pairs.map(|pair| {
            let score = parse_double(pair[0]).ok_or(CommandError::NotAFloat)?;
            Ok((score, pair[1]))
        });
        let items = items.collect::<Result<Vec<_>, CommandError>>()?;
        if let (true, &[(by, member)]) = (incr, items.as_slice()) {
            return Ok(Self::Incr(ZAddIncr {
                key,
                by,
                member,
                options,
            }));
        }
        let add = ZAdd {
            key,
            items,
            options,
        };
        Ok(Self::Add(add, changed))
    }
}

impl WriteCommand for ZAdd<'_> {
    type Output = ZAdded;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<ZAdded, CommandError> {
        self.options.check()?;
        if self.items.iter().any(|(score, _)| score.is_nan()) {
            return Err(CommandError::NotAFloat);
        }
        match self.items.as_slice() {
            [(_, member)] => check_words(tx.rules, &[member])?,
            items => {
                let members: Vec<&[u8]> = items.iter().map(|(_, member)| *member).collect();
                check_words(tx.rules, &members)?;
            }
        }
        let mut count = ZAdded::default();
        if zset_at(&tx.as_read(), self.key)?.is_none() && self.options.only_existing {
            return Ok(count);
        }
        tx.event(Event::ZAdd);
        tx.zset_add_with(self.key, &self.items, |old, new| {
            if !self.options.allow(old, new) {
                return None;
            }
            match old {
                None => count.added += 1,
                Some(old) => count.updated += u64::from(old != new),
            }
            Some(new)
        });
        Ok(count)
    }
}

impl WriteCommand for ZAddIncr<'_> {
    /// The sum, if it was set.
    type Output = Option<f64>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Option<f64>, CommandError> {
        self.options.check()?;
        if self.by.is_nan() {
            return Err(CommandError::NotAFloat);
        }
        check_words(tx.rules, &[self.member])?;
        let zset = zset_at(&tx.as_read(), self.key)?;
        let old = zset.and_then(|zset| zset.score(self.member));
        if old.is_some() && self.options.only_new {
            return Ok(None);
        }
        let new = old.map_or(self.by, |old| old + self.by);
        if new.is_nan() {
            let text = "ERR resulting score is not a number (NaN)";
            return Err(CommandError::Other(text.into()));
        }
        if !self.options.allow(old, new) {
            return Ok(None);
        }
        tx.event(Event::ZIncr);
        tx.zset_add(self.key, &[(new, self.member)]);
        Ok(Some(new))
    }
}

struct ZRem<'a> {
    key: &'a [u8],
    members: &'a [&'a [u8]],
}

impl WriteCommand for ZRem<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let Some(zset) = zset_at(&tx.as_read(), self.key)? else {
            return Ok(0);
        };
        // Nothing is copied where nothing is there to remove.
        if !self
            .members
            .iter()
            .any(|member| zset.score(member).is_some())
        {
            return Ok(0);
        }
        tx.event(Event::ZRem);
        Ok(tx.zset_remove(self.key, self.members))
    }
}

/// Removes members from an end of a sorted set, as many as there are up to a count.
pub(crate) struct ZSetPop<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) side: Side,
    pub(crate) count: u64,
}

impl<'a> ZSetPop<'a> {
    fn parse(args: Args<'a>, side: Side) -> Result<Self, CommandError> {
        if args.count() > 3 {
            return Err(CommandError::Syntax);
        }
        let count = match args.rest(2) {
            [count, ..] => positive(count)?,
            [] => 1,
        };
        Ok(Self {
            key: args.word(1)?,
            side,
            count,
        })
    }
}

/// A count, with the error Redis has for those.
fn positive(word: &[u8]) -> Result<u64, CommandError> {
    let count = parse_i64(word).and_then(|count| u64::try_from(count).ok());
    let text = "ERR value is out of range, must be positive";
    count.ok_or(CommandError::Other(text.into()))
}

impl WriteCommand for ZSetPop<'_> {
    /// What was popped, the first to go first; `None` if the key is missing.
    type Output = Option<Vec<ScoredMember>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(zset) = zset_at(&tx.as_read(), self.key)? else {
            return Ok(None);
        };
        let (len, count) = (zset.len(), self.count.min(zset.len()));
        if count == 0 {
            return Ok(Some(Vec::new()));
        }
        let ranks = match self.side {
            Side::Min => 0..count,
            Side::Max => len - count..len,
        };
        tx.event(self.side.pop_event());
        let mut popped = tx.zset_remove_ranks(self.key, ranks);
        if self.side == Side::Max {
            popped.reverse();
        }
        Ok(Some(popped))
    }
}

/// Changing sorted sets.
pub trait ZSetWrite: RunWrite {
    /// Sets the score of `member`, and tells whether it is new. Redis: `ZADD`.
    ///
    /// # Complexity
    /// O(log n) for n members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::NotAFloat`] if the score is
    /// NaN; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert!(db.zadd("scores", 1.0, "ann")?);
    /// assert!(!db.zadd("scores", 2.0, "ann")?);
    /// assert_eq!(db.zscore("scores", "ann")?, Some(2.0));
    /// # Ok::<(), Error>(())
    /// ```
    fn zadd(
        &self,
        key: impl AsRef<[u8]>,
        score: f64,
        member: impl AsRef<[u8]>,
    ) -> Result<bool, Error> {
        let count = self.write(ZAdd {
            key: key.as_ref(),
            items: vec![(score, member.as_ref())],
            options: ZAddOptions::new(),
        })?;
        Ok(count.added > 0)
    }

    /// Sets the scores of several members where `options` allow it, one after the other, and returns how many
    /// that added and updated. Redis: `ZADD`.
    ///
    /// # Complexity
    /// O(log n) for each member, with n members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::NotAFloat`] if a score is
    /// NaN, [`CommandError::Other`] if options contradict each other; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::{ZAddOptions, ZAdded};
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 5.0, "ann")?;
    /// let best = [(3.0, "ann"), (4.0, "bob")];
    /// let count = db.zadd_with("scores", &best, ZAddOptions::new().gt())?;
    /// assert_eq!(count, ZAdded { added: 1, updated: 0 });
    /// assert_eq!(db.zscore("scores", "ann")?, Some(5.0));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "ZADD")]
    fn zadd_with<M: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        items: &[(f64, M)],
        options: ZAddOptions,
    ) -> Result<ZAdded, Error> {
        let items = items.iter();
        self.write(ZAdd {
            key: key.as_ref(),
            items: items.map(|(score, m)| (*score, m.as_ref())).collect(),
            options,
        })
    }

    /// Adds `by` to the score of `member` where `options` allow it, and returns the sum; `None` where they do
    /// not. A missing member counts as 0. Redis: `ZADD ... INCR`.
    ///
    /// # Complexity
    /// O(log n) for n members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::NotAFloat`] if `by` is NaN,
    /// [`CommandError::Other`] if the sum is NaN or options contradict each other; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::ZAddOptions;
    /// # let db = Db::open_in_memory();
    /// let options = ZAddOptions::new().xx();
    /// assert_eq!(db.zadd_incr("scores", 1.0, "ann", options)?, None);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "ZADD")]
    fn zadd_incr(
        &self,
        key: impl AsRef<[u8]>,
        by: f64,
        member: impl AsRef<[u8]>,
        options: ZAddOptions,
    ) -> Result<Option<f64>, Error> {
        self.write(ZAddIncr {
            key: key.as_ref(),
            by,
            member: member.as_ref(),
            options,
        })
    }

    /// Adds `by` to the score of `member` (0 if it is missing), and returns the sum. Redis: `ZINCRBY`.
    ///
    /// # Complexity
    /// O(log n) for n members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::NotAFloat`] if `by` is NaN,
    /// [`CommandError::Other`] if the sum is; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.zincr_by("scores", 1.5, "ann")?, 1.5);
    /// assert_eq!(db.zincr_by("scores", 1.5, "ann")?, 3.0);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "ZINCRBY")]
    fn zincr_by(
        &self,
        key: impl AsRef<[u8]>,
        by: f64,
        member: impl AsRef<[u8]>,
    ) -> Result<f64, Error> {
        let sum = self.zadd_incr(key, by, member, ZAddOptions::new())?;
        // Without options nothing is left undone.
        Ok(sum.unwrap_or(by))
    }

    /// Removes `members`, and returns how many there were. The key goes with the last member. Redis: `ZREM`.
    ///
    /// # Complexity
    /// O(log n) for each member, with n members.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 1.0, "ann")?;
    /// assert_eq!(db.zrem("scores", &["ann", "bob"])?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn zrem<M: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, members: &[M]) -> Result<u64, Error> {
        self.write(ZRem {
            key: key.as_ref(),
            members: &refs(members),
        })
    }

    /// Removes and returns the `count` members with the lowest scores, the lowest first, or as many as there
    /// are. Redis: `ZPOPMIN`.
    ///
    /// # Complexity
    /// O(log n + m) for n members of which m are popped.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.zadd("jobs", 2.0, "later")?;
    /// db.zadd("jobs", 1.0, "now")?;
    /// assert_eq!(db.zpop_min("jobs", 1)?, [(b"now".to_vec(), 1.0)]);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "ZPOPMIN")]
    fn zpop_min(&self, key: impl AsRef<[u8]>, count: u64) -> Result<Vec<ScoredMember>, Error> {
        let popped = self.write(ZSetPop {
            key: key.as_ref(),
            side: Side::Min,
            count,
        })?;
        Ok(popped.unwrap_or_default())
    }

    /// As [`zpop_min`](Self::zpop_min), the highest scores first. Redis: `ZPOPMAX`.
    ///
    /// # Complexity
    /// O(log n + m) for n members of which m are popped.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 1.0, "ann")?;
    /// db.zadd("scores", 2.0, "bob")?;
    /// assert_eq!(db.zpop_max("scores", 1)?, [(b"bob".to_vec(), 2.0)]);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "ZPOPMAX")]
    fn zpop_max(&self, key: impl AsRef<[u8]>, count: u64) -> Result<Vec<ScoredMember>, Error> {
        let popped = self.write(ZSetPop {
            key: key.as_ref(),
            side: Side::Max,
            count,
        })?;
        Ok(popped.unwrap_or_default())
    }
}

impl<T: RunWrite> ZSetWrite for T {}
