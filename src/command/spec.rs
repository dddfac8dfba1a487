//! A command as data: one row for each, from which the registry, `COMMAND` and docs/commands.md come.

use super::args::Args;
use super::reply::Reply;
use super::run::Host;
use crate::error::Error;
use crate::value::number::parse_i64;

/// What a command does to the database, as `COMMAND INFO` lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flag {
    Write,
    ReadOnly,
    DenyOom,
    Fast,
    Loading,
    Stale,
    /// May wait for another client.
    Blocking,
    /// Not for scripts.
    NoScript,
    /// Where its keys stand depends on its words.
    MovableKeys,
    AllowBusy,
    SkipSlowlog,
    /// For whoever runs the server.
    Admin,
    /// Before the password, too.
    NoAuth,
    /// Not between `MULTI` and `EXEC`.
    NoMulti,
    /// Has to do with channels.
    PubSub,
    /// Not shown to those who look on.
    SkipMonitor,
    NoAsyncLoading,
    /// May have no keys at all.
    NoMandatoryKeys,
}

impl Flag {
    /// The name in `COMMAND INFO`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::ReadOnly => "readonly",
            Self::DenyOom => "denyoom",
            Self::Fast => "fast",
            Self::Loading => "loading",
            Self::Stale => "stale",
            Self::Blocking => "blocking",
            Self::NoScript => "noscript",
            Self::MovableKeys => "movablekeys",
            Self::AllowBusy => "allow_busy",
            Self::SkipSlowlog => "skip_slowlog",
            Self::Admin => "admin",
            Self::NoAuth => "no_auth",
            Self::NoMulti => "no_multi",
            Self::PubSub => "pubsub",
            Self::SkipMonitor => "skip_monitor",
            Self::NoAsyncLoading => "no_async_loading",
            Self::NoMandatoryKeys => "no_mandatory_keys",
        }
    }
}

/// Where the keys stand among the words: first and last position and the step between them, as
/// `COMMAND INFO` lists them. A negative last position counts from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyPositions {
    pub(crate) first: i32,
    pub(crate) last: i32,
    pub(crate) step: i32,
    /// The word that says how many keys follow it; 0 for none.
    pub(crate) count_at: usize,
    /// What the word before that one may be, so that the count is one word further on.
    pub(crate) numbered: &'static [&'static str],
    /// The option that a key follows.
    pub(crate) stored: Stored,
}

/// Options that name the key an answer goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// There is none.
    No,
    /// `STORE` of `SORT`: the last one that a word follows, be it itself what follows another.
    Sort,
    /// `STORE` and `STOREDIST` of `GEORADIUS` and its kin.
    Radius,
}

impl Stored {
    /// The places of those keys.
    fn among(self, words: &[&[u8]]) -> Vec<usize> {
        let is = |at: usize, name: &str| words[at].eq_ignore_ascii_case(name.as_bytes());
        let last = words.len().saturating_sub(1);
        match self {
            Self::No => Vec::new(),
            Self::Sort => {
                let (mut stored, mut at) = (None, 2);
                while at < last {
                    // The word after it is looked at as well: it may be another STORE.
                    if is(at, "STORE") {
                        stored = Some(at + 1);
                    }
                    at += match () {
                        () if is(at, "LIMIT") => 3,
                        () if ["BY", "GET"].iter().any(|name| is(at, name)) => 2,
                        () => 1,
                    };
                }
                stored.into_iter().collect()
            }
            Self::Radius => {
                let after = |name| (5..last).find(|&at| is(at, name));
                let found = ["STORE", "STOREDIST"].into_iter().filter_map(after);
                found.map(|at| at + 1).collect()
            }
        }
    }
}

impl KeyPositions {
    pub(crate) const NONE: Self = Self {
        first: 0,
        last: 0,
        step: 0,
        count_at: 0,
        numbered: &[],
        stored: Stored::No,
    };
    pub(crate) const FIRST: Self = Self {
        first: 1,
        last: 1,
        step: 1,
        count_at: 0,
        numbered: &[],
        stored: Stored::No,
    };

    pub(crate) const fn range(first: i32, last: i32, step: i32) -> Self {
        Self {
            first,
            last,
            step,
            ..Self::NONE
        }
    }

    /// As many keys as the word at `count_at` says, right after it.
    pub(crate) const fn counted(count_at: usize) -> Self {
        Self {
            count_at,
            ..Self::NONE
        }
    }

    /// These, and as many keys as the word at `count_at` says, right after it.
    pub(crate) const fn and_counted(self, count_at: usize) -> Self {
        Self { count_at, ..self }
    }

    /// These, where another number stands before the count if the word before is one of `names`.
    pub(crate) const fn and_numbered(self, names: &'static [&'static str]) -> Self {
        Self {
            numbered: names,
            ..self
        }
    }

    /// These, and those that options name.
    pub(crate) const fn and_stored(self, stored: Stored) -> Self {
        Self { stored, ..self }
    }

    /// Whether a command has keys at all.
    pub(crate) fn any(self) -> bool {
        self.first > 0 || self.count_at > 0
    }

    /// The positions of the keys among a command's words, of which there are as many as its arity asks;
    /// `None` if the count of keys is no number or past the words.
    pub(crate) fn among(self, words: &[&[u8]]) -> Option<Vec<usize>> {
        let len = words.len() as i64;
        let last = match i64::from(self.last) {
            last if last < 0 => len + last,
            last => last,
        };
        let fixed = i64::from(self.first)..=last.min(len - 1);
        let mut positions = Vec::new();
        if self.first > 0 {
            positions.extend(
                fixed
                    .step_by(self.step.max(1) as usize)
                    .map(|at| at as usize),
            );
        }
        if self.count_at > 0 {
            let before = words.get(self.count_at - 1)?;
            let is_numbered = |name: &&str| before.eq_ignore_ascii_case(name.as_bytes());
            let count_at = self.count_at + usize::from(self.numbered.iter().any(is_numbered));
            let count = parse_i64(words.get(count_at)?)?;
            let count = usize::try_from(count).ok().filter(|&count| count > 0)?;
            let from = count_at + 1;
            let to = from.checked_add(count).filter(|&to| to <= words.len())?;
            positions.extend(from..to);
        }
        positions.extend(self.stored.among(words));
        Some(positions)
    }
}

/// One row of the command table.
pub(crate) struct CommandSpec {
    /// Upper case.
    pub(crate) name: &'static str,
    /// How many words, the name included; negative for "at least".
    pub(crate) arity: i32,
    pub(crate) flags: &'static [Flag],
    pub(crate) keys: KeyPositions,
    /// Redis's documentation group: `string`, `bitmap`, `generic`, `server`.
    pub(crate) group: &'static str,
    /// The Redis version that brought it; NacreDB's where Redis has no such command.
    pub(crate) since: &'static str,
    pub(crate) summary: &'static str,
    /// Cost here.
    pub(crate) complexity: &'static str,
    /// Cost in Redis, where it differs; empty where it is the same.
    pub(crate) redis_complexity: &'static str,
    /// What differs from Redis; empty where nothing does.
    pub(crate) differences: &'static str,
    /// An example call, words separated by spaces, that the table's tests run on an empty database.
    pub(crate) example: &'static str,
    /// Parses and executes.
    pub(crate) call: fn(Args<'_>, &dyn Host) -> Result<Reply, Error>,
}

impl std::fmt::Debug for CommandSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandSpec")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl CommandSpec {
    /// The rows of its subcommands.
    pub(crate) fn subcommands(&'static self) -> impl Iterator<Item = &'static CommandSpec> {
        super::all().filter(|spec| {
            let rest = spec.name.strip_prefix(self.name);
            rest.is_some_and(|rest| rest.starts_with('|'))
        })
    }

    /// Whether it is a subcommand's row.
    pub(crate) fn is_subcommand(&self) -> bool {
        self.name.contains('|')
    }

    /// The name in the lower case of replies and error texts.
    pub(crate) fn lower_name(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// Whether this many words fit.
    pub(crate) fn takes(&self, words: usize) -> bool {
        let words = i64::try_from(words).unwrap_or(i64::MAX);
        let arity = i64::from(self.arity);
        if arity >= 0 {
            words == arity
        } else {
            words >= -arity
        }
    }
}
