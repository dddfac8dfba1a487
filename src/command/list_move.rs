//! Lists, popped and moved: `LMOVE`, `LMPOP`, `LPOP`, `RPOP`, `RPOPLPUSH`.
//!
//! The operations answer `None` where there is nothing to take: a blocking command runs the same ones
//! again when there is.
//!
//! Invariant: types are checked before anything changes.

use super::args::Args;
use super::reply::Reply;
use super::run::{Host, Keys, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, Side, WriteTx};
use crate::value::ListValue;

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "LMOVE",
        arity: 5,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::range(1, 2, 1),
        group: "list",
        since: "6.2.0",
        summary: "Removes an element from a side of a list and puts it at a side of another, or of the same.",
        complexity: "O(1) amortised",
        redis_complexity: "",
        differences: "",
        example: "LMOVE from list LEFT RIGHT",
        call: |args, host| {
            host.write(&ListMove {
                from: args.word(1)?,
                to: args.word(2)?,
                from_side: parse_side(args, 3)?,
                to_side: parse_side(args, 4)?,
            })
        },
    },
    CommandSpec {
        name: "LMPOP",
        arity: -4,
        flags: &[Flag::Write, Flag::MovableKeys],
        keys: KeyPositions::counted(1),
        group: "list",
        since: "7.0.0",
        summary: "Removes and returns elements of the first of several lists that exists.",
        complexity: "O(N + M) where N is the number of keys and M that of elements returned",
        redis_complexity: "",
        differences: "",
        example: "LMPOP 2 missing list LEFT COUNT 2",
        call: |args, host| {
            let popped = host.write_raw(&ListMultiPop::parse(args, 1)?)?;
            Ok(multi_pop_reply(popped))
        },
    },
    CommandSpec {
        name: "LPOP",
        arity: -2,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "list",
        since: "1.0.0",
        summary: "Removes and returns the first elements of a list.",
        complexity: "O(N) where N is the number of elements returned",
        redis_complexity: "",
        differences: "",
        example: "LPOP list 2",
        call: |args, host| pop(args, host, Side::Left, "lpop"),
    },
    CommandSpec {
        name: "RPOP",
        arity: -2,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "list",
        since: "1.0.0",
        summary: "Removes and returns the last elements of a list.",
        complexity: "O(N) where N is the number of elements returned",
        redis_complexity: "",
        differences: "",
        example: "RPOP list",
        call: |args, host| pop(args, host, Side::Right, "rpop"),
    },
    CommandSpec {
        name: "RPOPLPUSH",
        arity: 3,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::range(1, 2, 1),
        group: "list",
        since: "1.2.0",
        summary: "Removes the last element of a list and puts it in front of another, or of the same.",
        complexity: "O(1) amortised",
        redis_complexity: "",
        differences: "",
        example: "RPOPLPUSH from list",
        call: |args, host| {
            host.write(&ListMove {
                from: args.word(1)?,
                to: args.word(2)?,
                from_side: Side::Right,
                to_side: Side::Left,
            })
        },
    },
];

/// `LEFT` or `RIGHT`.
pub(crate) fn parse_side(args: Args<'_>, at: usize) -> Result<Side, CommandError> {
    if args.is(at, "LEFT") {
        Ok(Side::Left)
    } else if args.is(at, "RIGHT") {
        Ok(Side::Right)
    } else {
        Err(CommandError::Syntax)
    }
}

/// `LPOP` and `RPOP`: an array only if there is a count.
fn pop(args: Args<'_>, host: &dyn Host, side: Side, name: &'static str) -> Result<Reply, Error> {
    let key = args.word(1)?;
    let count = match args.count() {
        2 => return host.write(&ListPopOne { key, side }),
        3 => args.int(2).ok().and_then(|count| u64::try_from(count).ok()),
        _ => return Err(CommandError::WrongArity(name.into()).into()),
    };
    let text = "ERR value is out of range, must be positive";
    let count = count.ok_or(CommandError::Other(text.into()))?;
    host.write(&ListPop::new(key, side, count))
}

/// A key and the elements that were taken from its list.
pub type KeyAndElements = (Vec<u8>, Vec<Vec<u8>>);

/// What `LMPOP` and its blocking form answer.
pub(crate) fn multi_pop_reply(popped: Option<KeyAndElements>) -> Reply {
    popped.map_or(Reply::Nil, |(key, elements)| {
        Reply::Array(vec![key.into(), elements.into()])
    })
}

/// Copies of up to `count` elements from this side on, and how many positions that is.
fn taken(list: &ListValue, side: Side, count: u64) -> (Vec<Vec<u8>>, u64, u64) {
    let len = list.len();
    let count = count.min(len);
    match side {
        Side::Left => {
            let elements = list.range(0, count).map(<[u8]>::to_vec).collect();
            (elements, 0, count)
        }
        Side::Right => {
            let range = list.range(len - count, len).rev();
            (range.map(<[u8]>::to_vec).collect(), len - count, count)
        }
    }
}

/// Removes up to `count` elements from one side of a list and answers them, the outermost first; `None`
/// if there is no list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListPop<'a> {
    key: &'a [u8],
    side: Side,
    count: u64,
}

impl<'a> ListPop<'a> {
    pub(crate) fn new(key: &'a [u8], side: Side, count: u64) -> Self {
        Self { key, side, count }
    }
}

/// What Redis calls an insertion at this end.
#[inline]
pub(crate) fn push_event(side: Side) -> Event {
    match side {
        Side::Left => Event::LPush,
        Side::Right => Event::RPush,
    }
}

/// What Redis calls a removal from this end.
#[inline]
fn pop_event(side: Side) -> Event {
    match side {
        Side::Left => Event::LPop,
        Side::Right => Event::RPop,
    }
}

impl WriteCommand for ListPop<'_> {
    type Output = Option<Vec<Vec<u8>>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            return Ok(None);
        };
        let (elements, from, count) = taken(entry.list()?, self.side, self.count);
        if count > 0 {
            tx.event(pop_event(self.side));
            tx.list_remove(self.key, from, count);
        }
        Ok(Some(elements))
    }
}

/// [`ListPop`] of one element, which it answers by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListPopOne<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) side: Side,
}

impl WriteCommand for ListPopOne<'_> {
    type Output = Option<Vec<u8>>;

    #[inline]
    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    #[inline]
    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        tx.event(pop_event(self.side));
        tx.list_pop(self.key, self.side)
    }
}

/// [`ListPop`] on the first of several keys that holds a list; answers that key too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListMultiPop<'a> {
    keys: &'a [&'a [u8]],
    side: Side,
    count: u64,
}

impl<'a> ListMultiPop<'a> {
    /// # Errors
    /// Without keys, and for a count of 0.
    pub(crate) fn new(keys: &'a [&'a [u8]], side: Side, count: u64) -> Result<Self, CommandError> {
        if keys.is_empty() {
            return Err(CommandError::Other(NO_KEYS.into()));
        }
        if count == 0 {
            return Err(CommandError::Other(NO_COUNT.into()));
        }
        Ok(Self { keys, side, count })
    }

    /// Reads the words from `at` on, where the number of keys stands.
    pub(crate) fn parse(args: Args<'a>, at: usize) -> Result<Self, CommandError> {
        let numkeys = positive(args, at, NO_KEYS)?;
        let rest = args.rest(at + 1);
        let numkeys = usize::try_from(numkeys).unwrap_or(usize::MAX);
        if numkeys >= rest.len() {
            return Err(CommandError::Syntax);
        }
        let (keys, _) = rest.split_at(numkeys);
        let side_at = at + 1 + numkeys;
        let side = parse_side(args, side_at)?;
        let count = match args.count() - side_at - 1 {
            0 => 1,
            more if more >= 2 && args.is(side_at + 1, "COUNT") => {
                let count = positive(args, side_at + 2, NO_COUNT)?;
                if more > 2 {
                    return Err(CommandError::Syntax);
                }
                count
            }
            _ => return Err(CommandError::Syntax),
        };
        Self::new(keys, side, count)
    }
}

const NO_KEYS: &str = "ERR numkeys should be greater than 0";
const NO_COUNT: &str = "ERR count should be greater than 0";

/// A number above 0.
fn positive(args: Args<'_>, at: usize, text: &'static str) -> Result<u64, CommandError> {
    let number = args
        .int(at)
        .ok()
        .and_then(|number| u64::try_from(number).ok());
    number
        .filter(|&number| number > 0)
        .ok_or(CommandError::Other(text.into()))
}

impl WriteCommand for ListMultiPop<'_> {
    type Output = Option<KeyAndElements>;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        for key in self.keys {
            let pop = ListPop::new(key, self.side, self.count);
            if let Some(elements) = pop.execute(tx)? {
                return Ok(Some((key.to_vec(), elements)));
            }
        }
        Ok(None)
    }
}

/// Moves an element from a side of one list to a side of another, which may be the same, and answers
/// it; `None` if there is no list to take it from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListMove<'a> {
    pub(crate) from: &'a [u8],
    pub(crate) to: &'a [u8],
    pub(crate) from_side: Side,
    pub(crate) to_side: Side,
}

impl WriteCommand for ListMove<'_> {
    type Output = Option<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::Two(self.from, self.to)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(entry) = tx.entry(self.from) else {
            return Ok(None);
        };
        let (mut elements, from, _) = taken(entry.list()?, self.from_side, 1);
        let element = elements.pop().unwrap_or_default();
        // First put, then taken: a list that is both never becomes empty, and keeps its deadline.
        tx.event(push_event(self.to_side));
        tx.list_push(self.to, self.to_side, &[&element])?;
        let is_behind_new = self.from == self.to && self.to_side == Side::Left;
        tx.event(pop_event(self.from_side));
        tx.list_remove(self.from, from + u64::from(is_behind_new), 1);
        Ok(Some(element))
    }
}

#[cfg(test)]
mod tests;
