//! Ranges of sorted sets: `ZRANGE` in all its forms, its older names, `ZRANGESTORE`.
//!
//! A range is turned into ranks, limit and direction included, before a member is looked at: what lies
//! outside costs nothing.
//!
//! Invariant: words are read to their end before the key is looked for, as in Redis.

use std::cell::RefCell;
use std::ops::Range;

use super::args::Args;
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::zset::{SCORES, lex_bound, score_bound, score_reply};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, Rules, WriteTx, ZeroSigns};
use crate::value::zset::{LexBound, ScoreBound};
use crate::value::{EncodingLimits, ZSetValue};

/// What the rows of reading ranges have in common.
const READ: CommandSpec = CommandSpec {
    name: "",
    arity: -4,
    flags: &[Flag::ReadOnly],
    keys: KeyPositions::FIRST,
    group: "sorted-set",
    since: "",
    summary: "",
    complexity: "O(log(N)+M) where N is the size of the set and M of the answer, wherever it starts",
    redis_complexity: "",
    differences: "",
    example: "",
    call: |_, _| Ok(Reply::Nil),
};

/// Redis walks over what a limit skips.
const REDIS_WALKS: &str =
    "O(log(N)+M) where N is the size of the set and M of the answer, with what a limit skips";

/// For `ZRANGE`, which prints scores and has ranges of bytes.
const BOTH: &str = "Scores are printed in the shortest form, as in Redis 7.2; Redis 7.0 prints 17 digits. By \
                    member, where scores are not all equal, which Redis leaves open, the answer may be \
                    another.";

/// Redis says that the result is unspecified.
const UNEQUAL_SCORES: &str =
    "Where scores are not all equal, which Redis leaves open, the answer may be another.";

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "ZRANGE",
        since: "1.2.0",
        summary: "Returns a range of members of a sorted set, by rank, score or member.",
        redis_complexity: REDIS_WALKS,
        differences: BOTH,
        example: "ZRANGE key 0 -1 WITHSCORES",
        call: |args, host| read(args, host, Form::AUTO),
        ..READ
    },
    CommandSpec {
        name: "ZRANGEBYLEX",
        since: "2.8.9",
        summary: "Returns the members of a sorted set in a range of bytes.",
        redis_complexity: REDIS_WALKS,
        differences: UNEQUAL_SCORES,
        example: "ZRANGEBYLEX key [a (c LIMIT 0 10",
        call: |args, host| read(args, host, Form::of(Kind::Lex, false)),
        ..READ
    },
    CommandSpec {
        name: "ZRANGEBYSCORE",
        since: "1.0.5",
        summary: "Returns the members of a sorted set with scores in a range.",
        redis_complexity: REDIS_WALKS,
        differences: SCORES,
        example: "ZRANGEBYSCORE key (1 +inf WITHSCORES LIMIT 0 10",
        call: |args, host| read(args, host, Form::of(Kind::Score, false)),
        ..READ
    },
    CommandSpec {
        name: "ZRANGESTORE",
        arity: -5,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::range(1, 2, 1),
        since: "6.2.0",
        summary: "Lets a key hold a range of members of a sorted set.",
        complexity: "O(log(N)+M log(M)) where N is the size of the set and M of the range",
        redis_complexity: "O(log(N)+M) where N is the size of the set and M of the range",
        differences: UNEQUAL_SCORES,
        example: "ZRANGESTORE to key 0 -1",
        call: |args, host| {
            let form = Form {
                at: 2,
                stores: true,
                ..Form::AUTO
            };
            host.write(&Store {
                to: args.word(1)?,
                from: args.word(2)?,
                range: parse(args, form)?.0,
            })
        },
        ..READ
    },
    CommandSpec {
        name: "ZREVRANGE",
        since: "1.2.0",
        summary: "Returns a range of members of a sorted set by rank, the highest first.",
        differences: SCORES,
        example: "ZREVRANGE key 0 -1 WITHSCORES",
        call: |args, host| read(args, host, Form::of(Kind::Rank, true)),
        ..READ
    },
    CommandSpec {
        name: "ZREVRANGEBYLEX",
        since: "2.8.9",
        summary: "Returns the members of a sorted set in a range of bytes, the last first.",
        redis_complexity: REDIS_WALKS,
        differences: UNEQUAL_SCORES,
        example: "ZREVRANGEBYLEX key + - LIMIT 0 10",
        call: |args, host| read(args, host, Form::of(Kind::Lex, true)),
        ..READ
    },
    CommandSpec {
        name: "ZREVRANGEBYSCORE",
        since: "2.2.0",
        summary: "Returns the members of a sorted set with scores in a range, the highest first.",
        redis_complexity: REDIS_WALKS,
        differences: SCORES,
        example: "ZREVRANGEBYSCORE key +inf -inf LIMIT 0 10",
        call: |args, host| read(args, host, Form::of(Kind::Score, true)),
        ..READ
    },
];

/// What a range is given by.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends<'a> {
    /// First and last rank, both included; negative ones count from the end.
    Ranks(i64, i64),
    Scores(ScoreBound, ScoreBound),
    Members(LexBound<'a>, LexBound<'a>),
}

/// A part of a sorted set: by rank, by score or by member; from either end; and of those a part again.
///
/// ```
/// # use nacredb::{Db, ScoreBound, ZRange, prelude::*};
/// # let db = Db::open_in_memory();
/// # db.execute(&["ZADD", "board", "1", "ada", "2", "grace", "3", "edsger"])?;
/// let at_least_two = ZRange::scores(ScoreBound::Inclusive(2.0), ScoreBound::Inclusive(f64::INFINITY));
/// assert_eq!(db.zrange("board", at_least_two)?, [b"grace".to_vec(), b"edsger".to_vec()]);
/// assert_eq!(db.zrange("board", at_least_two.rev().limit(0, 1))?, [b"edsger".to_vec()]);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZRange<'a> {
    ends: Ends<'a>,
    reversed: bool,
    limit: Option<(i64, i64)>,
}

impl ZRange<'_> {
    /// What Redis calls the removal of such a range.
    pub(super) fn removal_event(&self) -> Event {
        match self.ends {
            Ends::Ranks(..) => Event::ZRemRangeByRank,
            Ends::Scores(..) => Event::ZRemRangeByScore,
            Ends::Members(..) => Event::ZRemRangeByLex,
        }
    }
}

impl<'a> ZRange<'a> {
    fn new(ends: Ends<'a>) -> Self {
        Self {
            ends,
            reversed: false,
            limit: None,
        }
    }

    /// The members with ranks `start` to `stop`, both included; negative ranks count from the end, and
    /// in a range that is [reversed](Self::rev) rank 0 is the highest score.
    #[must_use]
    pub fn ranks(start: i64, stop: i64) -> Self {
        Self::new(Ends::Ranks(start, stop))
    }

    /// The members with scores between these. An end that is NaN has no members beside it.
    #[must_use]
    pub fn scores(min: ScoreBound, max: ScoreBound) -> Self {
        Self::new(Ends::Scores(min, max))
    }

    /// The members between these in byte order; for sets in which all scores are equal.
    #[must_use]
    pub fn members(min: LexBound<'a>, max: LexBound<'a>) -> Self {
        Self::new(Ends::Members(min, max))
    }

    /// The same, from the other end.
    #[must_use]
    pub fn rev(mut self) -> Self {
        self.reversed = !self.reversed;
        self
    }

    /// At most `count` of them, from the one at `offset` on; a negative count is no limit, and with a
    /// negative offset there are none. Redis has this for scores and members only.
    #[must_use]
    pub fn limit(mut self, offset: i64, count: i64) -> Self {
        self.limit = Some((offset, count));
        self
    }

    /// The ranks that it means in `zset`, the lowest score first.
    pub(super) fn ranks_in(&self, zset: &ZSetValue) -> Range<u64> {
        let len = zset.len();
        let found = match self.ends {
            Ends::Ranks(start, stop) => {
                let forward = clamp(len, start, stop);
                if self.reversed {
                    len - forward.end..len - forward.start
                } else {
                    forward
                }
            }
            Ends::Scores(min, max) if is_nan(min) || is_nan(max) => 0..0,
            Ends::Scores(min, max) => zset.ranks_by_score(min, max),
            Ends::Members(min, max) => zset.ranks_by_lex(min, max),
        };
        let Some((offset, count)) = self.limit else {
            return found;
        };
        let Ok(offset) = u64::try_from(offset) else {
            return 0..0;
        };
        let Range { start, end } = found;
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if self.reversed {
            let end = end.saturating_sub(offset).max(start);
            end.saturating_sub(count).max(start)..end
        } else {
            let start = start.saturating_add(offset).min(end);
            start..start.saturating_add(count).min(end)
        }
    }

    /// Visits its members in `zset`, in order.
    fn visit<'z>(&self, zset: &'z ZSetValue, mut visit: impl FnMut(&'z [u8], f64)) {
        let members = zset.range(self.ranks_in(zset));
        if self.reversed {
            members
                .rev()
                .for_each(|(member, score)| visit(member, score));
        } else {
            members.for_each(|(member, score)| visit(member, score));
        }
    }
}

fn is_nan(bound: ScoreBound) -> bool {
    match bound {
        ScoreBound::Inclusive(score) | ScoreBound::Exclusive(score) => score.is_nan(),
    }
}

/// The ranks from `start` to `stop`, both included and both from the end if negative, among `len`.
pub(super) fn clamp(len: u64, start: i64, stop: i64) -> Range<u64> {
    let from_start = |rank: i64| match u64::try_from(rank) {
        Ok(rank) => Some(rank),
        Err(_) => len.checked_sub(rank.unsigned_abs()),
    };
    let start = from_start(start).unwrap_or(0);
    match from_start(stop) {
        Some(stop) if start <= stop && start < len => start..stop.saturating_add(1).min(len),
        _ => 0..0,
    }
}

/// By what the words of a command mean members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rank,
    Score,
    Lex,
}

/// What a command's name says of its words.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// Where the key stands.
    at: usize,
    /// By what, unless options say it.
    kind: Option<Kind>,
    reversed: Option<bool>,
    stores: bool,
}

impl Form {
    const AUTO: Self = Self {
        at: 1,
        kind: None,
        reversed: None,
        stores: false,
    };

    fn of(kind: Kind, reversed: bool) -> Self {
        Self {
            kind: Some(kind),
            reversed: Some(reversed),
            ..Self::AUTO
        }
    }
}

/// The range that words ask for, and whether they ask for scores.
fn parse(args: Args<'_>, form: Form) -> Result<(ZRange<'_>, bool), CommandError> {
    let (mut kind, mut reversed) = (form.kind, form.reversed);
    let (mut offset, mut count) = (0, -1);
    let mut with_scores = false;
    let mut at = form.at + 3;
    while at < args.count() {
        if !form.stores && args.is(at, "WITHSCORES") {
            with_scores = true;
        } else if args.is(at, "LIMIT") && at + 2 < args.count() {
            (offset, count) = (args.int(at + 1)?, args.int(at + 2)?);
            at += 2;
        } else if form.reversed.is_none() && reversed.is_none() && args.is(at, "REV") {
            reversed = Some(true);
        } else if kind.is_none() && args.is(at, "BYLEX") {
            kind = Some(Kind::Lex);
        } else if kind.is_none() && args.is(at, "BYSCORE") {
            kind = Some(Kind::Score);
        } else {
            return Err(CommandError::Syntax);
        }
        at += 1;
    }
    let (kind, reversed) = (kind.unwrap_or(Kind::Rank), reversed.unwrap_or(false));
    let refuse = |text: &'static str| Err(CommandError::Other(text.into()));
    if count != -1 && kind == Kind::Rank {
        return refuse(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        );
    }
    if with_scores && kind == Kind::Lex {
        return refuse("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    }
    let (first, second) = (form.at + 1, form.at + 2);
    // Ends are told from where the reading starts.
    let (min, max) = if reversed {
        (second, first)
    } else {
        (first, second)
    };
    let ends = match kind {
        Kind::Rank => Ends::Ranks(args.int(first)?, args.int(second)?),
        Kind::Score => {
            let (min, max) = (score_bound(args.word(min)?)?, score_bound(args.word(max)?)?);
            Ends::Scores(min, max)
        }
        Kind::Lex => {
            let (min, max) = (lex_bound(args.word(min)?)?, lex_bound(args.word(max)?)?);
            Ends::Members(min, max)
        }
    };
    let range = ZRange {
        ends,
        reversed,
        limit: (kind != Kind::Rank).then_some((offset, count)),
    };
    Ok((range, with_scores))
}

/// Any of the commands that read a range.
fn read(args: Args<'_>, host: &dyn Host, form: Form) -> Result<Reply, Error> {
    let (range, with_scores) = parse(args, form)?;
    let mut replies = Vec::new();
    host.read_raw(&Visit::new(args.word(form.at)?, range, |member, score| {
        replies.push(Reply::Bulk(member.to_vec()));
        if with_scores {
            replies.push(score_reply(score));
        }
    }))?;
    Ok(Reply::Array(replies))
}

/// Any reading of a range: the closure gets each member where it lies, under the key's shard lock.
struct Visit<'a, F> {
    key: &'a [u8],
    range: ZRange<'a>,
    visit: RefCell<F>,
}

impl<'a, F: FnMut(&[u8], f64)> Visit<'a, F> {
    fn new(key: &'a [u8], range: ZRange<'a>, visit: F) -> Self {
        Self {
            key,
            range,
            visit: RefCell::new(visit),
        }
    }
}

impl<F: FnMut(&[u8], f64)> ReadCommand for Visit<'_, F> {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<(), CommandError> {
        if let Some(entry) = tx.entry(self.key) {
            let visit = &mut *self.visit.borrow_mut();
            self.range.visit(entry.zset()?, visit);
        }
        Ok(())
    }
}

/// Members and scores in one piece of memory, for what is read here and written there.
#[derive(Debug, Default)]
pub(super) struct Copied {
    bytes: Vec<u8>,
    /// Scores, and where their members end.
    ends: Vec<(f64, usize)>,
}

impl Copied {
    pub(super) fn push(&mut self, member: &[u8], score: f64) {
        self.bytes.extend_from_slice(member);
        self.ends.push((score, self.bytes.len()));
    }

    fn items(&self) -> Vec<(f64, &[u8])> {
        let mut start = 0;
        let item = |&(score, end): &(f64, usize)| {
            let member = &self.bytes[start..end];
            start = end;
            (score, member)
        };
        self.ends.iter().map(item).collect()
    }

    /// Whether Redis would hold these in a listpack.
    fn is_short(&self, limits: EncodingLimits) -> bool {
        let items = self.items();
        items.len() <= limits.zset_listpack_entries
            && (items.iter()).all(|(_, member)| member.len() <= limits.zset_listpack_value_bytes)
    }

    /// Lets `key` hold these and nothing else, as a set that Redis makes in one piece: the signs of zeros
    /// are lost only if all of it is short. Otherwise as [`store`](Self::store).
    pub(super) fn store_whole(
        &self,
        tx: &mut WriteTx<'_>,
        key: &[u8],
        event: Event,
    ) -> Result<u64, CommandError> {
        let signs = match self.is_short(tx.encoding.limits()) {
            true => ZeroSigns::OfLong,
            false => ZeroSigns::All,
        };
        self.store(tx, key, signs, event)
    }

    /// Lets `key` hold these and nothing else; without any it is removed. Answers how many they are.
    ///
    /// # Errors
    /// If they are more than a frame of the log holds; nothing is changed.
    pub(super) fn store(
        &self,
        tx: &mut WriteTx<'_>,
        key: &[u8],
        signs: ZeroSigns,
        event: Event,
    ) -> Result<u64, CommandError> {
        // A score, a length and a tag beside each.
        let bytes = self.bytes.len() as u64 + self.ends.len() as u64 * 24;
        if bytes > Rules::WRITTEN_BYTES_MAX {
            return Err(CommandError::StringTooLong);
        }
        tx.zset_replace(key, &self.items(), signs, event);
        Ok(self.ends.len() as u64)
    }
}

/// `ZRANGESTORE`.
struct Store<'a> {
    to: &'a [u8],
    from: &'a [u8],
    range: ZRange<'a>,
}

impl WriteCommand for Store<'_> {
    /// How many members there are.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::Two(self.to, self.from)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let mut found = Copied::default();
        if let Some(entry) = tx.entry(self.from) {
            let zset = entry.zset()?;
            self.range
                .visit(zset, |member, score| found.push(member, score));
        }
        // Redis knows how many there are going to be only of ranks; otherwise it begins with a listpack.
        let is_long = found.ends.len() > tx.encoding.limits().zset_listpack_entries;
        let signs = match self.range.ends {
            Ends::Ranks(..) if is_long => ZeroSigns::All,
            Ends::Ranks(..) | Ends::Scores(..) | Ends::Members(..) => ZeroSigns::OfLong,
        };
        found.store(tx, self.to, signs, Event::ZRangeStore)
    }
}

/// Reading ranges of sorted sets.
pub trait ZRangeRead: RunRead {
    /// Returns the members of the sorted set at `key` in `range`, in its order. Redis: `ZRANGE`,
    /// `ZRANGEBYSCORE`, `ZRANGEBYLEX`, `ZREVRANGE`, `ZREVRANGEBYSCORE`, `ZREVRANGEBYLEX`.
    ///
    /// # Complexity
    /// O(log(N)+M) where N is the size of the set and M of the answer, wherever it starts.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, ZRange, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "board", "1", "ada", "2", "grace", "3", "edsger"])?;
    /// assert_eq!(db.zrange("board", ZRange::ranks(0, 1))?, [b"ada".to_vec(), b"grace".to_vec()]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zrange(&self, key: impl AsRef<[u8]>, range: ZRange<'_>) -> Result<Vec<Vec<u8>>, Error> {
        let mut found = Vec::new();
        self.zrange_with(key, range, |member, _| found.push(member.to_vec()))?;
        Ok(found)
    }

    /// As [`zrange`](Self::zrange), with the scores. Redis: `ZRANGE` with `WITHSCORES`.
    ///
    /// # Complexity
    /// As [`zrange`](Self::zrange).
    ///
    /// # Errors
    /// As [`zrange`](Self::zrange).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, ZRange, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "board", "1", "ada", "2", "grace", "3", "edsger"])?;
    /// let best = db.zrange_with_scores("board", ZRange::ranks(0, 0).rev())?;
    /// assert_eq!(best, [(b"edsger".to_vec(), 3.0)]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zrange_with_scores(
        &self,
        key: impl AsRef<[u8]>,
        range: ZRange<'_>,
    ) -> Result<Vec<(Vec<u8>, f64)>, Error> {
        let mut found = Vec::new();
        self.zrange_with(key, range, |member, score| {
            found.push((member.to_vec(), score))
        })?;
        Ok(found)
    }

    /// As [`zrange`](Self::zrange), by calling `visit` with each member and its score; nothing is copied.
    /// The closure runs while the key's shard is locked: keep it short.
    ///
    /// # Complexity
    /// As [`zrange`](Self::zrange), and what the closure does.
    ///
    /// # Errors
    /// As [`zrange`](Self::zrange); the closure was not called.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, ZRange, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "board", "1", "ada", "2", "grace", "3", "edsger"])?;
    /// let mut sum = 0.0;
    /// db.zrange_with("board", ZRange::ranks(0, -1), |_, score| sum += score)?;
    /// assert_eq!(sum, 6.0);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zrange_with(
        &self,
        key: impl AsRef<[u8]>,
        range: ZRange<'_>,
        visit: impl FnMut(&[u8], f64),
    ) -> Result<(), Error> {
        self.read(Visit::new(key.as_ref(), range, visit))
    }
}

impl<T: RunRead> ZRangeRead for T {}

/// Storing ranges of sorted sets.
pub trait ZRangeWrite: RunWrite {
    /// Lets `to`, which may be `from`, hold the members of the sorted set at `from` in `range` and nothing
    /// else; returns how many there are. Without any, `to` is removed. Redis: `ZRANGESTORE`.
    ///
    /// # Complexity
    /// O(log(N)+M log(M)) where N is the size of the set and M of the range.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `from` holds another type, [`CommandError::StringTooLong`] for more
    /// than 4 GB; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, ZRange, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "board", "1", "ada", "2", "grace", "3", "edsger"])?;
    /// assert_eq!(db.zrange_store("best", "board", ZRange::ranks(0, 1).rev())?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zrange_store(
        &self,
        to: impl AsRef<[u8]>,
        from: impl AsRef<[u8]>,
        range: ZRange<'_>,
    ) -> Result<u64, Error> {
        self.write(Store {
            to: to.as_ref(),
            from: from.as_ref(),
            range,
        })
    }
}

impl<T: RunWrite> ZRangeWrite for T {}

#[cfg(test)]
mod tests;
