//! Sorted sets joined: `ZUNION`, `ZINTER`, `ZDIFF`, their forms that store, and `ZINTERCARD`. Plain sets
//! are inputs too; each of their members has score 1.
//!
//! Invariants:
//! 1. Types are checked before options are refused, and both before anything is changed, as in Redis.
//! 2. Scores are joined in Redis's order, the smallest set first, so that sums agree in their last digit,
//!    and where infinities meet.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map;

use super::args::{Args, refs};
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::zset::{SCORES, score_reply};
use super::zset_range::Copied;
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, KeyType, ReadTx, WriteTx};
use crate::value::number::{parse_double, parse_i64};
use crate::value::set::Member;
use crate::value::{SetValue, ZSetValue};

/// What the rows that read have in common.
const READ: CommandSpec = CommandSpec {
    name: "",
    arity: -3,
    flags: &[Flag::ReadOnly, Flag::MovableKeys],
    keys: KeyPositions::counted(1),
    group: "sorted-set",
    since: "6.2.0",
    summary: "",
    complexity: UNION_COST,
    redis_complexity: "",
    differences: "",
    example: "",
    call: |_, _| Ok(Reply::Nil),
};

/// What the rows that store have in common.
const STORE: CommandSpec = CommandSpec {
    arity: -4,
    flags: &[Flag::Write, Flag::DenyOom, Flag::MovableKeys],
    keys: KeyPositions::FIRST.and_counted(2),
    ..READ
};

const UNION_COST: &str =
    "O(N)+O(M*log(M)) where N is the sum of the sizes of the sets and M the size of the answer";
const INTER_COST: &str = "O(N*K)+O(M*log(M)) where N is the size of the smallest set, K their number and M \
                          the size of the answer";
const DIFF_COST: &str = "O(N*K)+O(M*log(M)) where N is the size of the first set, K their number and M the \
                         size of the answer";
const REDIS_DIFF_COST: &str = "O(L+(N-K)log(N)) where L is the number of all members, N the size of the first \
                               set and K that of the answer";

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "ZDIFF",
        summary: "Returns the members of a sorted set that are in no other of several.",
        complexity: DIFF_COST,
        redis_complexity: REDIS_DIFF_COST,
        differences: SCORES,
        example: "ZDIFF 2 a b WITHSCORES",
        call: |args, host| read(args, host, Op::Diff),
        ..READ
    },
    CommandSpec {
        name: "ZDIFFSTORE",
        summary: "Lets a key hold the members of a sorted set that are in no other of several.",
        complexity: DIFF_COST,
        redis_complexity: REDIS_DIFF_COST,
        example: "ZDIFFSTORE to 2 a b",
        call: |args, host| store(args, host, Op::Diff),
        ..STORE
    },
    CommandSpec {
        name: "ZINTER",
        summary: "Returns the members that several sorted sets have in common.",
        complexity: INTER_COST,
        differences: SCORES,
        example: "ZINTER 2 a b WEIGHTS 2 3 AGGREGATE MAX WITHSCORES",
        call: |args, host| read(args, host, Op::Inter),
        ..READ
    },
    CommandSpec {
        name: "ZINTERCARD",
        since: "7.0.0",
        summary: "Counts the members that several sorted sets have in common, up to a limit if wanted.",
        complexity: "O(N*K) where N is the size of the smallest set and K their number",
        example: "ZINTERCARD 2 a b LIMIT 10",
        call: |args, host| {
            let (combine, options) = parse(args, 1, Op::Card)?;
            host.read(&Count {
                combine,
                limit: options.limit,
            })
        },
        ..READ
    },
    CommandSpec {
        name: "ZINTERSTORE",
        since: "2.0.0",
        summary: "Lets a key hold the members that several sorted sets have in common.",
        complexity: INTER_COST,
        example: "ZINTERSTORE to 2 a b AGGREGATE MIN",
        call: |args, host| store(args, host, Op::Inter),
        ..STORE
    },
    CommandSpec {
        name: "ZUNION",
        summary: "Returns the members that any of several sorted sets has.",
        differences: SCORES,
        example: "ZUNION 2 a b WEIGHTS 2 3 AGGREGATE MAX WITHSCORES",
        call: |args, host| read(args, host, Op::Union),
        ..READ
    },
    CommandSpec {
        name: "ZUNIONSTORE",
        since: "2.0.0",
        summary: "Lets a key hold the members that any of several sorted sets has.",
        example: "ZUNIONSTORE to 2 a b WEIGHTS 2 3",
        call: |args, host| store(args, host, Op::Union),
        ..STORE
    },
];

/// How the scores of one member in several sets become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Aggregate {
    /// Their sum; that of both infinities is 0.
    #[default]
    Sum,
    /// The lowest.
    Min,
    /// The highest.
    Max,
}

impl Aggregate {
    fn join(self, one: f64, other: f64) -> f64 {
        let (least, most) = (other < one, other > one);
        match self {
            Self::Sum => number(one + other),
            Self::Min => {
                if least {
                    other
                } else {
                    one
                }
            }
            Self::Max => {
                if most {
                    other
                } else {
                    one
                }
            }
        }
    }
}

/// 0 in place of what is no number.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// The sorted sets (or sets) that are joined, and how their scores are.
///
/// ```
/// # use nacredb::{Aggregate, Db, ZInputs, prelude::*};
/// # let db = Db::open_in_memory();
/// # db.execute(&["ZADD", "a", "1", "x"])?;
/// # db.execute(&["ZADD", "b", "5", "x"])?;
/// let inputs = ZInputs::new(&["a", "b"]).weights(&[10.0, 1.0]).aggregate(Aggregate::Max);
/// assert_eq!(db.zinter(&inputs)?, [(b"x".to_vec(), 10.0)]);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ZInputs<'a> {
    keys: Vec<&'a [u8]>,
    weights: Vec<f64>,
    aggregate: Aggregate,
}

impl<'a> ZInputs<'a> {
    /// These keys, with weight 1 each, and the sum of scores.
    pub fn new<K: AsRef<[u8]>>(keys: &'a [K]) -> Self {
        Self {
            keys: refs(keys),
            weights: Vec::new(),
            aggregate: Aggregate::Sum,
        }
    }

    /// What the scores of each key are multiplied with: one number for each.
    #[must_use]
    pub fn weights(mut self, weights: &[f64]) -> Self {
        self.weights = weights.to_vec();
        self
    }

    /// How the scores of one member become one.
    #[must_use]
    pub fn aggregate(mut self, aggregate: Aggregate) -> Self {
        self.aggregate = aggregate;
        self
    }

    fn combine(&self, op: Op) -> Result<Combine<'a>, CommandError> {
        if self.keys.is_empty()
            || !matches!(self.weights.len(), 0) && self.weights.len() != self.keys.len()
        {
            return Err(CommandError::Syntax);
        }
        if self.weights.iter().any(|weight| weight.is_nan()) {
            return Err(not_a_weight());
        }
        Ok(Combine {
            op,
            inputs: self.keys.clone(),
            weights: self.weights.clone(),
            aggregate: self.aggregate,
            refusal: None,
        })
    }
}

fn not_a_weight() -> CommandError {
    CommandError::Other("ERR weight value is not a float".into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Union,
    Inter,
    Diff,
    /// The size of the intersection.
    Card,
}

/// A joining, without where its answer goes.
#[derive(Debug)]
struct Combine<'a> {
    op: Op,
    inputs: Vec<&'a [u8]>,
    /// One for each input, or none at all.
    weights: Vec<f64>,
    aggregate: Aggregate,
    /// What is wrong with the options, which Redis says only after the types are checked.
    refusal: Option<CommandError>,
}

/// Options that say nothing about scores.
#[derive(Debug, Default)]
struct Options {
    with_scores: bool,
    /// 0 for none.
    limit: u64,
}

/// What the words from the number of keys at `count_at` on ask for. Where a key to store at stands before,
/// no scores can be asked for.
fn parse(args: Args<'_>, count_at: usize, op: Op) -> Result<(Combine<'_>, Options), CommandError> {
    let count = args.int(count_at)?;
    if count < 1 {
        let name = String::from_utf8_lossy(args.word(0)?).to_ascii_lowercase();
        let text = format!("ERR at least 1 input key is needed for '{name}' command");
        return Err(CommandError::Other(text.into()));
    }
    let rest = args.rest(count_at + 1);
    let keys = usize::try_from(count)
        .ok()
        .and_then(|count| rest.get(..count));
    let inputs = keys.ok_or(CommandError::Syntax)?.to_vec();
    let mut combine = Combine {
        op,
        inputs,
        weights: Vec::new(),
        aggregate: Aggregate::Sum,
        refusal: None,
    };
    let mut options = Options::default();
    let at = count_at + 1 + combine.inputs.len();
    let parsed = parse_options(args, at, count_at > 1, &mut combine, &mut options);
    combine.refusal = parsed.err();
    Ok((combine, options))
}

fn parse_options(
    args: Args<'_>,
    mut at: usize,
    stores: bool,
    combine: &mut Combine<'_>,
    options: &mut Options,
) -> Result<(), CommandError> {
    let has_scores = matches!(combine.op, Op::Union | Op::Inter);
    let keys = combine.inputs.len();
    while at < args.count() {
        let after = args.count() - at - 1;
        if has_scores && args.is(at, "WEIGHTS") && after >= keys {
            let weights = args.rest(at + 1)[..keys].iter();
            let weights = weights.map(|word| parse_double(word).ok_or_else(not_a_weight));
            combine.weights = weights.collect::<Result<_, _>>()?;
            at += keys;
        } else if has_scores && args.is(at, "AGGREGATE") && after >= 1 {
            let named = [
                ("SUM", Aggregate::Sum),
                ("MIN", Aggregate::Min),
                ("MAX", Aggregate::Max),
            ];
            let mut named = named.into_iter().filter(|(name, _)| args.is(at + 1, name));
            combine.aggregate = named.next().ok_or(CommandError::Syntax)?.1;
            at += 1;
        } else if combine.op != Op::Card && !stores && args.is(at, "WITHSCORES") {
            options.with_scores = true;
        } else if combine.op == Op::Card && args.is(at, "LIMIT") && after >= 1 {
            let limit = parse_i64(args.word(at + 1)?).and_then(|limit| u64::try_from(limit).ok());
            options.limit =
                limit.ok_or_else(|| CommandError::Other("ERR LIMIT can't be negative".into()))?;
            at += 1;
        } else {
            return Err(CommandError::Syntax);
        }
        at += 1;
    }
    Ok(())
}

/// An input, where it lies.
#[derive(Clone, Copy)]
enum Source<'a> {
    Missing,
    Scored(&'a ZSetValue),
    Plain(&'a SetValue),
}

/// A member and its score.
type Scored<'a> = (Cow<'a, [u8]>, f64);

impl<'a> Source<'a> {
    fn of(tx: &ReadTx<'a>, key: &[u8]) -> Result<Self, CommandError> {
        let Some(entry) = tx.entry(key) else {
            return Ok(Self::Missing);
        };
        if entry.key_type() == KeyType::Set {
            Ok(Self::Plain(entry.set()?))
        } else {
            Ok(Self::Scored(entry.zset()?))
        }
    }

    fn len(self) -> u64 {
        match self {
            Self::Missing => 0,
            Self::Scored(zset) => zset.len(),
            Self::Plain(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Scored(zset) => zset.score(member),
            Self::Plain(set) => set.contains(member).then_some(1.0),
        }
    }

    /// Visits every member until the closure says no.
    fn for_each(self, mut visit: impl FnMut(Cow<'a, [u8]>, f64) -> bool) {
        match self {
            Self::Missing => {}
            Self::Scored(zset) => {
                let mut members = zset.range(0..zset.len());
                members.all(|(member, score)| visit(Cow::Borrowed(member), score));
            }
            Self::Plain(set) => {
                set.iter().all(|member| match member {
                    Member::Word(word) => visit(Cow::Borrowed(word), 1.0),
                    Member::Int(_) => visit(Cow::Owned(member.to_vec()), 1.0),
                });
            }
        }
    }
}

/// The inputs by size, the smallest first.
fn by_size(sources: &[Source<'_>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by_key(|&input| sources[input].len());
    order
}

impl Combine<'_> {
    fn weight(&self, input: usize) -> f64 {
        self.weights.get(input).copied().unwrap_or(1.0)
    }

    fn sources<'t>(&self, tx: &ReadTx<'t>) -> Result<Vec<Source<'t>>, CommandError> {
        let sources = self.inputs.iter().map(|key| Source::of(tx, key));
        let sources = sources.collect::<Result<_, _>>()?;
        match &self.refusal {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(sources),
        }
    }

    /// Visits each member of the intersection until the closure says no.
    fn intersect<'t>(
        &self,
        sources: &[Source<'t>],
        mut visit: impl FnMut(Cow<'t, [u8]>, f64) -> bool,
    ) {
        let order = by_size(sources);
        let Some((&first, others)) = order.split_first() else {
            return;
        };
        sources[first].for_each(|member, score| {
            let mut joined = number(self.weight(first) * score);
            for &other in others {
                let Some(score) = sources[other].score(&member) else {
                    return true;
                };
                joined = self.aggregate.join(joined, self.weight(other) * score);
            }
            visit(member, joined)
        });
    }

    fn union<'t>(&self, tx: &ReadTx<'t>, sources: &[Source<'t>]) -> Vec<Scored<'t>> {
        let mut joined: HashMap<Cow<'t, [u8]>, f64, ahash::RandomState> =
            HashMap::with_hasher(tx.layout.hasher().clone());
        for input in by_size(sources) {
            let weight = self.weight(input);
            sources[input].for_each(|member, score| {
                let score = number(weight * score);
                match joined.entry(member) {
                    hash_map::Entry::Occupied(mut known) => {
                        let before = *known.get();
                        known.insert(self.aggregate.join(before, score));
                    }
                    hash_map::Entry::Vacant(new) => {
                        new.insert(score);
                    }
                }
                true
            });
        }
        joined.into_iter().collect()
    }

    /// The answer, in its order.
    fn run<'t>(&self, tx: &ReadTx<'t>) -> Result<Vec<Scored<'t>>, CommandError> {
        let sources = self.sources(tx)?;
        let mut found = match (self.op, sources.split_first()) {
            (Op::Union, _) => self.union(tx, &sources),
            (Op::Inter | Op::Card, _) => {
                let mut found = Vec::new();
                self.intersect(&sources, |member, score| {
                    found.push((member, score));
                    true
                });
                found
            }
            (Op::Diff, Some((first, others))) => {
                let mut found = Vec::new();
                first.for_each(|member, score| {
                    if others.iter().all(|other| other.score(&member).is_none()) {
                        found.push((member, score));
                    }
                    true
                });
                found
            }
            (Op::Diff, None) => Vec::new(),
        };
        found.sort_unstable_by(|(one, score), (other, others)| {
            // No score is NaN, and -0 equals 0.
            let by_score = score.partial_cmp(others);
            by_score
                .unwrap_or(std::cmp::Ordering::Equal)
                .then_with(|| one.cmp(other))
        });
        Ok(found)
    }
}

/// A joining that is answered.
struct Read<'a>(Combine<'a>);

impl ReadCommand for Read<'_> {
    type Output = Vec<(Vec<u8>, f64)>;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: &self.0.inputs,
            step: 1,
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let found = self.0.run(tx)?.into_iter();
        Ok(found
            .map(|(member, score)| (member.into_owned(), score))
            .collect())
    }
}

/// `ZINTERCARD`.
struct Count<'a> {
    combine: Combine<'a>,
    /// 0 for none.
    limit: u64,
}

impl ReadCommand for Count<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: &self.combine.inputs,
            step: 1,
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        let sources = self.combine.sources(tx)?;
        let mut count = 0;
        self.combine.intersect(&sources, |_, _| {
            count += 1;
            count != self.limit
        });
        Ok(count)
    }
}

/// A joining that is stored.
struct Store<'a> {
    combine: Combine<'a>,
    /// The key of the answer, then the inputs.
    keys: Vec<&'a [u8]>,
}

impl<'a> Store<'a> {
    fn new(to: &'a [u8], combine: Combine<'a>) -> Self {
        let mut keys = vec![to];
        keys.extend(&combine.inputs);
        Self { combine, keys }
    }
}

impl WriteCommand for Store<'_> {
    /// How many members there are.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: &self.keys,
            step: 1,
        }
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let mut found = Copied::default();
        for (member, score) in self.combine.run(&tx.as_read())? {
            found.push(&member, score);
        }
        let event = match self.combine.op {
            Op::Union => Event::ZUnionStore,
            Op::Inter | Op::Card => Event::ZInterStore,
            Op::Diff => Event::ZDiffStore,
        };
        found.store_whole(tx, self.keys[0], event)
    }
}

fn read(args: Args<'_>, host: &dyn Host, op: Op) -> Result<Reply, Error> {
    let (combine, options) = parse(args, 1, op)?;
    let mut replies = Vec::new();
    for (member, score) in host.read_raw(&Read(combine))? {
        replies.push(Reply::Bulk(member));
        if options.with_scores {
            replies.push(score_reply(score));
        }
    }
    Ok(Reply::Array(replies))
}

fn store(args: Args<'_>, host: &dyn Host, op: Op) -> Result<Reply, Error> {
    let (combine, _) = parse(args, 2, op)?;
    host.write(&Store::new(args.word(1)?, combine))
}

fn plain<'a, K: AsRef<[u8]>>(keys: &'a [K], op: Op) -> Result<Combine<'a>, CommandError> {
    ZInputs::new(keys).combine(op)
}

/// Joining sorted sets.
pub trait ZAlgebraRead: RunRead {
    /// Returns the members that any of the sorted sets has, with their joined scores, in their order.
    /// Redis: `ZUNION`.
    ///
    /// # Complexity
    /// O(N)+O(M*log(M)) where N is the sum of the sizes of the sets and M the size of the answer.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if a key holds neither a sorted set nor a set, [`CommandError::Syntax`]
    /// without keys or with another number of weights than of keys, [`CommandError::Other`] for a weight
    /// that is NaN.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, ZInputs, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "a", "1", "x", "2", "y"])?;
    /// # db.execute(&["ZADD", "b", "5", "x"])?;
    /// let union = db.zunion(&ZInputs::new(&["a", "b"]))?;
    /// assert_eq!(union, [(b"y".to_vec(), 2.0), (b"x".to_vec(), 6.0)]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zunion(&self, inputs: &ZInputs<'_>) -> Result<Vec<(Vec<u8>, f64)>, Error> {
        self.read(Read(inputs.combine(Op::Union)?))
    }

    /// Returns the members that all of the sorted sets have, with their joined scores, in their order.
    /// Redis: `ZINTER`.
    ///
    /// # Complexity
    /// O(N*K)+O(M*log(M)) where N is the size of the smallest set, K their number and M the size of the
    /// answer.
    ///
    /// # Errors
    /// As [`zunion`](Self::zunion).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, ZInputs, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "a", "1", "x", "2", "y"])?;
    /// # db.execute(&["ZADD", "b", "5", "x"])?;
    /// assert_eq!(db.zinter(&ZInputs::new(&["a", "b"]))?, [(b"x".to_vec(), 6.0)]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zinter(&self, inputs: &ZInputs<'_>) -> Result<Vec<(Vec<u8>, f64)>, Error> {
        self.read(Read(inputs.combine(Op::Inter)?))
    }

    /// Counts the members that all of the sorted sets have, up to `limit` if there is one.
    /// Redis: `ZINTERCARD`.
    ///
    /// # Complexity
    /// O(N*K) where N is the size of the smallest set and K their number.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if a key holds neither a sorted set nor a set, [`CommandError::Syntax`]
    /// without keys.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "a", "1", "x", "2", "y"])?;
    /// # db.execute(&["ZADD", "b", "5", "x"])?;
    /// assert_eq!(db.zinter_card(&["a", "b"], None)?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zinter_card<K: AsRef<[u8]>>(&self, keys: &[K], limit: Option<u64>) -> Result<u64, Error> {
        if limit == Some(0) {
            return Ok(0);
        }
        self.read(Count {
            combine: plain(keys, Op::Card)?,
            limit: limit.unwrap_or(0),
        })
    }

    /// Returns the members of the first of the sorted sets that no other has, with their scores, in their
    /// order. Redis: `ZDIFF`.
    ///
    /// # Complexity
    /// O(N*K)+O(M*log(M)) where N is the size of the first set, K their number and M the size of the answer.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if a key holds neither a sorted set nor a set, [`CommandError::Syntax`]
    /// without keys.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "a", "1", "x", "2", "y"])?;
    /// # db.execute(&["ZADD", "b", "5", "x"])?;
    /// assert_eq!(db.zdiff(&["a", "b"])?, [(b"y".to_vec(), 2.0)]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zdiff<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<(Vec<u8>, f64)>, Error> {
        self.read(Read(plain(keys, Op::Diff)?))
    }
}

impl<T: RunRead> ZAlgebraRead for T {}

/// Joining sorted sets into another.
pub trait ZAlgebraWrite: RunWrite {
    /// Lets `to`, which may be one of the inputs, hold what [`zunion`](ZAlgebraRead::zunion) returns, and
    /// nothing else; returns how many members there are. Without any, `to` is removed.
    /// Redis: `ZUNIONSTORE`.
    ///
    /// # Complexity
    /// As [`zunion`](ZAlgebraRead::zunion).
    ///
    /// # Errors
    /// As [`zunion`](ZAlgebraRead::zunion), and [`CommandError::StringTooLong`] for more than 4 GB; nothing
    /// is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, ZInputs, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "a", "1", "x", "2", "y"])?;
    /// # db.execute(&["ZADD", "b", "5", "x"])?;
    /// assert_eq!(db.zunion_store("both", &ZInputs::new(&["a", "b"]))?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zunion_store(&self, to: impl AsRef<[u8]>, inputs: &ZInputs<'_>) -> Result<u64, Error> {
        self.write(Store::new(to.as_ref(), inputs.combine(Op::Union)?))
    }

    /// Lets `to`, which may be one of the inputs, hold what [`zinter`](ZAlgebraRead::zinter) returns, and
    /// nothing else; returns how many members there are. Without any, `to` is removed.
    /// Redis: `ZINTERSTORE`.
    ///
    /// # Complexity
    /// As [`zinter`](ZAlgebraRead::zinter).
    ///
    /// # Errors
    /// As [`zunion_store`](Self::zunion_store).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, ZInputs, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "a", "1", "x", "2", "y"])?;
    /// # db.execute(&["ZADD", "b", "5", "x"])?;
    /// assert_eq!(db.zinter_store("both", &ZInputs::new(&["a", "b"]))?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zinter_store(&self, to: impl AsRef<[u8]>, inputs: &ZInputs<'_>) -> Result<u64, Error> {
        self.write(Store::new(to.as_ref(), inputs.combine(Op::Inter)?))
    }

    /// Lets `to`, which may be one of the keys, hold what [`zdiff`](ZAlgebraRead::zdiff) returns, and nothing
    /// else; returns how many members there are. Without any, `to` is removed. Redis: `ZDIFFSTORE`.
    ///
    /// # Complexity
    /// As [`zdiff`](ZAlgebraRead::zdiff).
    ///
    /// # Errors
    /// As [`zdiff`](ZAlgebraRead::zdiff), and [`CommandError::StringTooLong`] for more than 4 GB; nothing is
    /// changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "a", "1", "x", "2", "y"])?;
    /// # db.execute(&["ZADD", "b", "5", "x"])?;
    /// assert_eq!(db.zdiff_store("rest", &["a", "b"])?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zdiff_store<K: AsRef<[u8]>>(&self, to: impl AsRef<[u8]>, keys: &[K]) -> Result<u64, Error> {
        self.write(Store::new(to.as_ref(), plain(keys, Op::Diff)?))
    }
}

impl<T: RunWrite> ZAlgebraWrite for T {}

#[cfg(test)]
mod tests;
