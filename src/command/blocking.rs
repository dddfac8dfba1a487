//! Commands that wait until there is something to take: `BLMOVE`, `BLMPOP`, `BLPOP`, `BRPOP`,
//! `BRPOPLPUSH`, `BZMPOP`, `BZPOPMAX`, `BZPOPMIN`.
//!
//! A [`Take`] says what is taken and from where. It can run on any one of its keys, because whoever waits is
//! served with the key that became ready. Who waits, for how long and in which order is the host's.
//!
//! Invariants:
//! 1. [`Take::take`] is called with a key that holds a collection of [`Take::wants`]: it takes something,
//!    or refuses and changes nothing.
//! 2. Where nothing may wait (in a transaction) the command answers nil instead.

use super::args::Args;
use super::list_move::{ListMove, ListPop, parse_side};
use super::reply::Reply;
use super::run::{Keys, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::CommandError;
use crate::keyspace::{Event, KeyType, Side, WriteTx};
use crate::value::number::{LongDouble, write_double};

const DIFFERENCES: &str = "Waits on the calling thread. In a transaction and in a script of commands between \
    MULTI and EXEC it does not wait, as in Redis. A STORE option that replaces a value of another type serves \
    those who wait for its key, which Redis 7.0 does not.";

/// What the rows here have in common.
const BASE: CommandSpec = CommandSpec {
    name: "",
    arity: -3,
    flags: &[Flag::Write, Flag::NoScript, Flag::Blocking],
    keys: KeyPositions::range(1, -2, 1),
    group: "list",
    since: "2.0.0",
    summary: "",
    complexity: "O(N) where N is the number of keys",
    redis_complexity: "",
    differences: DIFFERENCES,
    example: "",
    call: |_, _| Ok(Reply::Nil),
};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "BLMOVE",
        arity: 6,
        flags: &[Flag::Write, Flag::DenyOom, Flag::NoScript, Flag::Blocking],
        keys: KeyPositions::range(1, 2, 1),
        since: "6.2.0",
        summary: "LMOVE that waits until there is an element to move.",
        complexity: "O(1) amortised",
        example: "BLMOVE from list LEFT RIGHT 0.1",
        call: |args, host| {
            let sides = (parse_side(args, 3)?, parse_side(args, 4)?);
            let timeout_ms = timeout_ms(args, 5)?;
            host.block(parse_move(args, sides)?, timeout_ms)
        },
        ..BASE
    },
    CommandSpec {
        name: "BLMPOP",
        arity: -5,
        flags: &[Flag::Write, Flag::Blocking, Flag::MovableKeys],
        keys: KeyPositions::counted(2),
        since: "7.0.0",
        summary: "LMPOP that waits until one of the lists exists.",
        complexity: "O(N + M) where N is the number of keys and M that of elements returned",
        example: "BLMPOP 0.1 2 a b LEFT COUNT 2",
        call: |args, host| {
            let timeout_ms = timeout_ms(args, 1)?;
            let (keys, at) = parse_keys(args, 2)?;
            let side = parse_side(args, at)?;
            let count = parse_count(args, at + 1)?;
            host.block(Take::new(keys, What::Elements { side, count }), timeout_ms)
        },
        ..BASE
    },
    CommandSpec {
        name: "BLPOP",
        summary: "Removes and returns the first element of the first of several lists that exists; waits \
            until one does.",
        example: "BLPOP a b 0.1",
        call: |args, host| {
            let (keys, timeout_ms) = parse_listed(args)?;
            host.block(Take::new(keys, What::Element(Side::Left)), timeout_ms)
        },
        ..BASE
    },
    CommandSpec {
        name: "BRPOP",
        summary: "Removes and returns the last element of the first of several lists that exists; waits \
            until one does.",
        example: "BRPOP a b 0.1",
        call: |args, host| {
            let (keys, timeout_ms) = parse_listed(args)?;
            host.block(Take::new(keys, What::Element(Side::Right)), timeout_ms)
        },
        ..BASE
    },
    CommandSpec {
        name: "BRPOPLPUSH",
        arity: 4,
        flags: &[Flag::Write, Flag::DenyOom, Flag::NoScript, Flag::Blocking],
        keys: KeyPositions::range(1, 2, 1),
        since: "2.2.0",
        summary: "RPOPLPUSH that waits until there is an element to move.",
        complexity: "O(1) amortised",
        example: "BRPOPLPUSH from list 0.1",
        call: |args, host| {
            let timeout_ms = timeout_ms(args, 3)?;
            host.block(parse_move(args, (Side::Right, Side::Left))?, timeout_ms)
        },
        ..BASE
    },
    CommandSpec {
        name: "BZMPOP",
        arity: -5,
        flags: &[Flag::Write, Flag::Blocking, Flag::MovableKeys],
        keys: KeyPositions::counted(2),
        group: "sorted-set",
        since: "7.0.0",
        summary: "ZMPOP that waits until one of the sorted sets exists.",
        complexity: "O(K + M log N) where K is the number of keys, N that of members and M that of \
            members returned",
        example: "BZMPOP 0.1 2 a b MIN COUNT 2",
        call: |args, host| {
            let timeout_ms = timeout_ms(args, 1)?;
            let (keys, at) = parse_keys(args, 2)?;
            let highest = match () {
                () if args.is(at, "MIN") => false,
                () if args.is(at, "MAX") => true,
                () => return Err(CommandError::Syntax.into()),
            };
            let count = parse_count(args, at + 1)?;
            host.block(
                Take::new(keys, What::Members { highest, count }),
                timeout_ms,
            )
        },
        ..BASE
    },
    CommandSpec {
        name: "BZPOPMAX",
        flags: &[Flag::Write, Flag::NoScript, Flag::Blocking, Flag::Fast],
        group: "sorted-set",
        since: "5.0.0",
        summary: "Removes and returns the member with the highest score of the first of several sorted sets \
            that exists; waits until one does.",
        complexity: "O(K + log N) where K is the number of keys and N that of members",
        redis_complexity: "O(log N)",
        example: "BZPOPMAX a b 0.1",
        call: |args, host| {
            let (keys, timeout_ms) = parse_listed(args)?;
            host.block(Take::new(keys, What::Member { highest: true }), timeout_ms)
        },
        ..BASE
    },
    CommandSpec {
        name: "BZPOPMIN",
        flags: &[Flag::Write, Flag::NoScript, Flag::Blocking, Flag::Fast],
        group: "sorted-set",
        since: "5.0.0",
        summary: "Removes and returns the member with the lowest score of the first of several sorted sets \
            that exists; waits until one does.",
        complexity: "O(K + log N) where K is the number of keys and N that of members",
        redis_complexity: "O(log N)",
        example: "BZPOPMIN a b 0.1",
        call: |args, host| {
            let (keys, timeout_ms) = parse_listed(args)?;
            host.block(Take::new(keys, What::Member { highest: false }), timeout_ms)
        },
        ..BASE
    },
];

/// What a [`Take`] takes.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// One element of a list.
    Element(Side),
    /// One element of a list, put at a side of another list.
    Move {
        from_side: Side,
        to: Vec<u8>,
        to_side: Side,
    },
    /// Up to so many elements of a list.
    Elements { side: Side, count: u64 },
    /// One member of a sorted set.
    Member { highest: bool },
    /// Up to so many members of a sorted set.
    Members { highest: bool, count: u64 },
}

/// What was taken, and from which key. `scores` is empty for elements of lists.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taken {
    pub(crate) key: Vec<u8>,
    pub(crate) items: Vec<Vec<u8>>,
    pub(crate) scores: Vec<f64>,
}

/// An operation that takes something from the first of its keys that has something.
#[derive(Debug, Clone)]
pub(crate) struct Take {
    keys: Vec<Vec<u8>>,
    what: What,
}

impl Take {
    pub(crate) fn new(keys: Vec<Vec<u8>>, what: What) -> Self {
        Self { keys, what }
    }

    /// The keys it waits for.
    pub(crate) fn keys(&self) -> &[Vec<u8>] {
        &self.keys
    }

    /// The key it changes besides.
    pub(crate) fn other(&self) -> Option<&[u8]> {
        match &self.what {
            What::Move { to, .. } => Some(to),
            What::Element(_)
            | What::Elements { .. }
            | What::Member { .. }
            | What::Members { .. } => None,
        }
    }

    /// Whether it may need memory: what is moved is stored anew.
    pub(crate) fn needs_memory(&self) -> bool {
        self.other().is_some()
    }

    /// Every key it may touch.
    pub(crate) fn touched(&self) -> Vec<&[u8]> {
        let keys = self.keys.iter().map(Vec::as_slice);
        keys.chain(self.other()).collect()
    }

    /// The type of the keys it waits for.
    pub(crate) fn wants(&self) -> KeyType {
        match self.what {
            What::Element(_) | What::Move { .. } | What::Elements { .. } => KeyType::List,
            What::Member { .. } | What::Members { .. } => KeyType::SortedSet,
        }
    }

    /// Takes from `key`, which is of the type it wants.
    pub(crate) fn take(&self, key: &[u8], tx: &mut WriteTx<'_>) -> Result<Taken, CommandError> {
        let popped = |side, count, tx: &mut WriteTx<'_>| {
            let popped = ListPop::new(key, side, count).execute(tx)?;
            Ok::<_, CommandError>((popped.unwrap_or_default(), Vec::new()))
        };
        let (items, scores) = match &self.what {
            What::Element(side) => popped(*side, 1, tx)?,
            What::Elements { side, count } => popped(*side, *count, tx)?,
            What::Move {
                from_side,
                to,
                to_side,
            } => {
                let moved = ListMove {
                    from: key,
                    to,
                    from_side: *from_side,
                    to_side: *to_side,
                };
                (moved.execute(tx)?.into_iter().collect(), Vec::new())
            }
            What::Member { highest } => members(key, *highest, 1, tx)?,
            What::Members { highest, count } => members(key, *highest, *count, tx)?,
        };
        let key = key.to_vec();
        Ok(Taken { key, items, scores })
    }

    /// The answer in Redis's shape.
    pub(crate) fn reply(&self, taken: Option<Taken>) -> Reply {
        let Some(Taken { key, items, scores }) = taken else {
            return Reply::Nil;
        };
        let mut scores = scores.into_iter().map(|score| {
            let mut text = Vec::new();
            write_double(score, &mut text);
            Reply::Bulk(text)
        });
        let mut items = items.into_iter().map(Reply::Bulk);
        match self.what {
            What::Move { .. } => items.next().unwrap_or(Reply::Nil),
            What::Element(_) | What::Member { .. } => {
                let front = std::iter::once(Reply::Bulk(key));
                Reply::Array(front.chain(items).chain(scores).collect())
            }
            What::Elements { .. } => {
                Reply::Array(vec![Reply::Bulk(key), Reply::Array(items.collect())])
            }
            What::Members { .. } => {
                let pairs = items.map(|item| {
                    let score = scores.next().unwrap_or(Reply::Nil);
                    Reply::Array(vec![item, score])
                });
                Reply::Array(vec![Reply::Bulk(key), Reply::Array(pairs.collect())])
            }
        }
    }
}

/// Members and their scores, in the same order.
type Scored = (Vec<Vec<u8>>, Vec<f64>);

/// Removes up to `count` members from an end of a sorted set, the outermost first.
fn members(
    key: &[u8],
    highest: bool,
    count: u64,
    tx: &mut WriteTx<'_>,
) -> Result<Scored, CommandError> {
    let len = match tx.entry(key) {
        Some(entry) => entry.zset()?.len(),
        None => 0,
    };
    let count = count.min(len);
    let ranks = if highest { len - count..len } else { 0..count };
    let mut removed = match count {
        0 => Vec::new(),
        _ => {
            tx.event(match highest {
                true => Event::ZPopMax,
                false => Event::ZPopMin,
            });
            tx.zset_remove_ranks(key, ranks)
        }
    };
    if highest {
        removed.reverse();
    }
    Ok(removed.into_iter().unzip())
}

/// A [`Take`] that does not wait: it answers `None` if there is nothing now.
#[derive(Debug)]
pub(crate) struct TakeNow<'a> {
    take: &'a Take,
    touched: Vec<&'a [u8]>,
}

impl<'a> TakeNow<'a> {
    pub(crate) fn new(take: &'a Take) -> Self {
        let touched = take.touched();
        Self { take, touched }
    }
}

impl WriteCommand for TakeNow<'_> {
    type Output = Option<Taken>;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: &self.touched,
            step: 1,
        }
    }

    fn needs_memory(&self) -> bool {
        self.take.needs_memory()
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Option<Taken>, CommandError> {
        for key in self.take.keys() {
            match tx.entry(key).map(|entry| entry.key_type()) {
                None => {}
                Some(found) if found != self.take.wants() => return Err(CommandError::WrongType),
                Some(_) => return self.take.take(key, tx).map(Some),
            }
        }
        Ok(None)
    }
}

/// The word at `at`, seconds, in milliseconds rounded up; `None` for 0, which is for ever.
fn timeout_ms(args: Args<'_>, at: usize) -> Result<Option<u64>, CommandError> {
    let refuse = |text: &'static str| CommandError::Other(text.into());
    let seconds = LongDouble::parse(args.word(at)?);
    let seconds = seconds.ok_or(refuse("ERR timeout is not a float or out of range"))?;
    // What does not fit into 63 bits of milliseconds comes out negative in Redis.
    match seconds.to_ceil_millis() {
        Some(0) => Ok(None),
        Some(millis) if millis > 0 => Ok(Some(millis.unsigned_abs())),
        Some(_) | None => Err(refuse("ERR timeout is negative")),
    }
}

fn owned(words: &[&[u8]]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.to_vec()).collect()
}

/// Keys, and the timeout as the last word.
fn parse_listed(args: Args<'_>) -> Result<(Vec<Vec<u8>>, Option<u64>), CommandError> {
    let last = args.count() - 1;
    let timeout_ms = timeout_ms(args, last)?;
    Ok((owned(&args.rest(1)[..last - 1]), timeout_ms))
}

fn parse_move(args: Args<'_>, sides: (Side, Side)) -> Result<Take, CommandError> {
    let what = What::Move {
        from_side: sides.0,
        to: args.word(2)?.to_vec(),
        to_side: sides.1,
    };
    Ok(Take::new(vec![args.word(1)?.to_vec()], what))
}

/// A number above 0.
fn positive(args: Args<'_>, at: usize, text: &'static str) -> Result<u64, CommandError> {
    let number = args.int(at).ok();
    let number = number.and_then(|number| u64::try_from(number).ok());
    number
        .filter(|&number| number > 0)
        .ok_or(CommandError::Other(text.into()))
}

/// The number of keys at `at`, the keys after it, and where the word after them stands.
fn parse_keys(args: Args<'_>, at: usize) -> Result<(Vec<Vec<u8>>, usize), CommandError> {
    let count = positive(args, at, "ERR numkeys should be greater than 0")?;
    let rest = args.rest(at + 1);
    match usize::try_from(count) {
        Ok(count) if count < rest.len() => Ok((owned(&rest[..count]), at + 1 + count)),
        Ok(_) | Err(_) => Err(CommandError::Syntax),
    }
}

/// `COUNT` and its number, if there is anything from `at` on.
fn parse_count(args: Args<'_>, at: usize) -> Result<u64, CommandError> {
    if args.rest(at).is_empty() {
        return Ok(1);
    }
    if !args.is(at, "COUNT") || args.count() < at + 2 {
        return Err(CommandError::Syntax);
    }
    let count = positive(args, at + 1, "ERR count should be greater than 0")?;
    if args.count() > at + 2 {
        return Err(CommandError::Syntax);
    }
    Ok(count)
}
