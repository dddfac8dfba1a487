//! Users chosen by joining bitmaps and sets: how activities count and list members.
//!
//! Called by `db::activity`, which names the keys; nothing is written and no key is made.

use std::ops::ControlFlow;

use super::run::{Keys, ReadCommand};
use crate::activity::index::USERS_MAX;
use crate::error::CommandError;
use crate::keyspace::{Entry, ReadTx, StringRef};
use crate::value::StringValue;
use crate::value::{Filter, Plan};

/// Which users. Keys are named by their place in the list of all keys.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// Those in at least and at most so many of these bitmaps.
    Counted {
        keys: std::ops::Range<usize>,
        at_least: u32,
        at_most: u32,
    },
    /// The members of a bitmap, or of a set of users.
    Key(usize),
    And(Vec<Choice>),
    Or(Vec<Choice>),
    AndNot(Box<Choice>, Box<Choice>),
}

/// What is asked about the chosen users.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    Count,
    /// The first so many.
    First(usize),
}

/// What is answered.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    pub(crate) count: u64,
    /// In ascending order.
    pub(crate) users: Vec<u32>,
}

/// Chooses among the users from `from` on, below `to`.
pub(crate) struct Select<'a> {
    pub(crate) choice: &'a Choice,
    /// Every key of the choice, then the dictionary's hash of ids if users have names.
    pub(crate) keys: &'a [&'a [u8]],
    pub(crate) has_names: bool,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) wanted: Wanted,
}

impl ReadCommand for Select<'_> {
    type Output = Selected;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Selected, CommandError> {
        let mut sets = Vec::new();
        self.read_sets(self.choice, tx, &mut sets)?;
        let filter = self.filter(self.choice, tx, &mut sets.iter())?;
        let Some(plan) = Plan::new(&filter) else {
            return Err(other("ERR the joins lie too deep within one another"));
        };
        let (from, to) = (u64::from(self.from), u64::from(self.to));
        let mut selected = Selected::default();
        match self.wanted {
            Wanted::Count => selected.count = plan.count(from, to),
            Wanted::First(limit) => {
                // Below `USERS_MAX`, a bit's number fits.
                let _ended = plan.for_each_set_bit(from, to, |bit| {
                    selected.users.push(bit as u32);
                    match selected.users.len() < limit {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    }
                });
                selected.count = selected.users.len() as u64;
            }
        }
        Ok(selected)
    }
}

impl Select<'_> {
    /// The bitmaps of the sets among the keys, in the order in which [`filter`](Self::filter) needs them.
    fn read_sets(
        &self,
        choice: &Choice,
        tx: &ReadTx<'_>,
        sets: &mut Vec<StringValue>,
    ) -> Result<(), CommandError> {
        match choice {
            Choice::Counted { .. } => {}
            Choice::Key(at) => {
                if let Some(entry) = tx.entry(self.keys[*at])
                    && entry.string().is_err()
                {
                    sets.push(self.bitmap_of_set(&entry, tx)?);
                }
            }
            Choice::And(choices) | Choice::Or(choices) => {
                for choice in choices {
                    self.read_sets(choice, tx, sets)?;
                }
            }
            Choice::AndNot(choice, without) => {
                self.read_sets(choice, tx, sets)?;
                self.read_sets(without, tx, sets)?;
            }
        }
        Ok(())
    }

    fn bitmap_of_set(
        &self,
        entry: &Entry<'_>,
        tx: &ReadTx<'_>,
    ) -> Result<StringValue, CommandError> {
        let ids = match self.keys.last() {
            Some(ids) if self.has_names => Some(tx.hash(ids)?),
            Some(_) | None => None,
        };
        let mut bitmap = StringValue::new();
        let mut result = Ok(());
        for member in entry.set()?.iter() {
            member.with(|member| {
                let user = match &ids {
                    // Whoever has no number was never marked.
                    Some(ids) => {
                        let found = ids.as_ref().and_then(|ids| ids.get(member));
                        found.and_then(|found| number(found.value))
                    }
                    None => {
                        let user = number(member);
                        if user.is_none() {
                            result = Err(not_a_user());
                        }
                        user
                    }
                };
                if let Some(user) = user {
                    bitmap.set_bit(u64::from(user), true);
                }
            });
        }
        result.map(|()| bitmap)
    }

    fn filter<'t>(
        &self,
        choice: &Choice,
        tx: &ReadTx<'t>,
        sets: &mut std::slice::Iter<'t, StringValue>,
    ) -> Result<Filter<'t>, CommandError> {
        let string = |at: usize| match tx.entry(self.keys[at]).map(|entry| entry.string()) {
            Some(Ok(string)) => string,
            // A key of another type holds no marks.
            Some(Err(_)) | None => StringRef::Inline(&[]),
        };
        let join = |choices: &[Choice], sets: &mut std::slice::Iter<'t, StringValue>| {
            let filters = choices.iter().map(|choice| self.filter(choice, tx, sets));
            filters.collect::<Result<Vec<_>, _>>()
        };
        Ok(match choice {
            Choice::Counted {
                keys,
                at_least,
                at_most,
            } => Filter::Counted {
                of: keys.clone().map(|at| string(at).as_source()).collect(),
                at_least: *at_least,
                at_most: *at_most,
            },
            Choice::Key(at) => match tx.entry(self.keys[*at]) {
                Some(entry) if entry.string().is_err() => match sets.next() {
                    Some(bitmap) => Filter::Source(bitmap.as_source()),
                    None => Filter::Or(Vec::new()),
                },
                Some(_) | None => Filter::Source(string(*at).as_source()),
            },
            Choice::And(choices) => Filter::And(join(choices, sets)?),
            Choice::Or(choices) => Filter::Or(join(choices, sets)?),
            Choice::AndNot(choice, without) => Filter::AndNot(
                Box::new(self.filter(choice, tx, sets)?),
                Box::new(self.filter(without, tx, sets)?),
            ),
        })
    }
}

fn number(text: &[u8]) -> Option<u32> {
    let number = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number < USERS_MAX).then_some(number)
}

fn not_a_user() -> CommandError {
    other("ERR a set that is joined with an activity holds something that is no user's number")
}

fn other(text: &'static str) -> CommandError {
    CommandError::Other(text.into())
}
