//! The options of `SET` and `GETEX`: how they are written down in Rust and read from words.
//!
//! Called by `string`. Invariants:
//! 1. What words can say, the builders can say, and nothing that contradicts itself.
//! 2. A time is checked where Redis checks it: `SET` before it looks at the key, `GETEX` after.

use std::time::Duration;

use super::args::{Args, invalid_expire_time};
use crate::error::CommandError;
use crate::keyspace::Now;

/// Which keys a `SET` applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Condition {
    #[default]
    Always,
    IfMissing,
    IfPresent,
}

/// What becomes of a key's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// There is none afterwards.
    Forever,
    /// It stays as it is.
    Kept,
    AfterMs(u64),
    AtMs(u64),
}

/// A checked [`Lifetime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadline {
    Kept,
    New(Option<u64>),
}

impl Lifetime {
    /// The deadline it means now; refused, as `command` would, if that is no time between 1 and
    /// `i64::MAX`.
    pub(crate) fn resolve(self, now: &Now<'_>, command: &str) -> Result<Deadline, CommandError> {
        let at_ms = match self {
            Self::Forever => return Ok(Deadline::New(None)),
            Self::Kept => return Ok(Deadline::Kept),
            Self::AtMs(at_ms) => Some(at_ms),
            Self::AfterMs(0) => None,
            Self::AfterMs(after_ms) => now.ms().checked_add(after_ms),
        };
        match at_ms {
            Some(at_ms) if (1..=i64::MAX as u64).contains(&at_ms) => Ok(Deadline::New(Some(at_ms))),
            _ => Err(invalid_expire_time(command)),
        }
    }
}

/// A duration in whole milliseconds; what is shorter than one counts as one, for zero means "none".
pub(super) fn whole_ms(duration: Duration) -> u64 {
    let ms = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(ms).unwrap_or(u64::MAX)
}

/// Conditions and lifetime for [`StringWrite::set_with`](crate::StringWrite::set_with).
///
/// Without any the key is set whatever it held, and never expires. Of two conditions, and of two
/// lifetimes, the one given last counts.
///
/// ```
/// use nacredb::{SetOptions, prelude::*};
/// # let db = nacredb::Db::open_in_memory();
/// assert!(db.set_with("lock", "mine", SetOptions::new().nx().ttl_ms(30_000))?);
/// assert!(!db.set_with("lock", "yours", SetOptions::new().nx().ttl_ms(30_000))?);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct SetOptions {
    pub(crate) condition: Condition,
    pub(crate) lifetime: Lifetime,
}

impl Default for SetOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SetOptions {
    /// Sets always, without a deadline.
    pub const fn new() -> Self {
        Self {
            condition: Condition::Always,
            lifetime: Lifetime::Forever,
        }
    }

    /// Sets only a key that does not exist.
    pub const fn nx(mut self) -> Self {
        self.condition = Condition::IfMissing;
        self
    }

    /// Sets only a key that exists, whatever its type.
    pub const fn xx(mut self) -> Self {
        self.condition = Condition::IfPresent;
        self
    }

    /// Leaves the key's deadline as it is.
    pub const fn keep_ttl(mut self) -> Self {
        self.lifetime = Lifetime::Kept;
        self
    }

    /// Lets the key expire in this many milliseconds; 0 is refused.
    pub const fn ttl_ms(mut self, ttl_ms: u64) -> Self {
        self.lifetime = Lifetime::AfterMs(ttl_ms);
        self
    }

    /// As [`ttl_ms`](Self::ttl_ms), rounded up to whole milliseconds.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.ttl_ms(whole_ms(ttl))
    }

    /// Lets the key expire at this time, in milliseconds since the Unix epoch; 0 is refused, and a
    /// time that has passed leaves nothing to be seen.
    pub const fn expires_at_ms(mut self, expires_at_ms: u64) -> Self {
        self.lifetime = Lifetime::AtMs(expires_at_ms);
        self
    }
}

/// What [`StringWrite::get_ex`](crate::StringWrite::get_ex) does to the deadline of the key it reads.
/// Of two choices the one given last counts; without any the deadline stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct GetExOptions {
    pub(crate) lifetime: Lifetime,
}

impl Default for GetExOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl GetExOptions {
    /// Leaves the deadline as it is.
    pub const fn new() -> Self {
        Self {
            lifetime: Lifetime::Kept,
        }
    }

    /// Takes the deadline away.
    pub const fn persist(mut self) -> Self {
        self.lifetime = Lifetime::Forever;
        self
    }

    /// Lets the key expire in this many milliseconds; 0 is refused.
    pub const fn ttl_ms(mut self, ttl_ms: u64) -> Self {
        self.lifetime = Lifetime::AfterMs(ttl_ms);
        self
    }

    /// As [`ttl_ms`](Self::ttl_ms), rounded up to whole milliseconds.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.ttl_ms(whole_ms(ttl))
    }

    /// Lets the key expire at this time, in milliseconds since the Unix epoch; 0 is refused, and a
    /// time that is not in the future removes the key.
    pub const fn expires_at_ms(mut self, expires_at_ms: u64) -> Self {
        self.lifetime = Lifetime::AtMs(expires_at_ms);
        self
    }
}

/// How a number stands for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    AfterS,
    AfterMs,
    AtS,
    AtMs,
}

/// The lifetime that a word means; `command` refuses it.
pub(crate) fn parse_lifetime(
    args: Args<'_>,
    index: usize,
    unit: Unit,
    command: &str,
) -> Result<Lifetime, CommandError> {
    let invalid = || invalid_expire_time(command);
    let number = u64::try_from(args.int(index)?).map_err(|_negative| invalid())?;
    let in_ms = || match number.checked_mul(1000) {
        Some(ms) if ms <= i64::MAX as u64 => Ok(ms),
        _ => Err(invalid()),
    };
    Ok(match unit {
        Unit::AfterS => Lifetime::AfterMs(in_ms()?),
        Unit::AfterMs => Lifetime::AfterMs(number),
        Unit::AtS => Lifetime::AtMs(in_ms()?),
        Unit::AtMs => Lifetime::AtMs(number),
    })
}

/// The option words that choose a lifetime. Several may be given if they are the same one; the last
/// number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    None,
    Keep,
    Persist,
    Time(Unit),
}

impl Choice {
    fn of(args: Args<'_>, index: usize) -> Self {
        const TIMES: [(&str, Unit); 4] = [
            ("EX", Unit::AfterS),
            ("PX", Unit::AfterMs),
            ("EXAT", Unit::AtS),
            ("PXAT", Unit::AtMs),
        ];
        if args.is(index, "KEEPTTL") {
            return Self::Keep;
        }
        if args.is(index, "PERSIST") {
            return Self::Persist;
        }
        let found = TIMES.iter().find(|(name, _)| args.is(index, name));
        found.map_or(Self::None, |&(_, unit)| Self::Time(unit))
    }
}

/// What the option words have chosen so far, and where the time stands.
struct Chosen {
    choice: Choice,
    time_at: usize,
}

impl Chosen {
    const NOTHING: Self = Self {
        choice: Choice::None,
        time_at: 0,
    };

    /// Takes in the option at `index` if it is one of these and fits those before; answers the index
    /// after it.
    fn take(&mut self, args: Args<'_>, index: usize) -> Result<usize, CommandError> {
        let choice = Choice::of(args, index);
        let fits = self.choice == Choice::None || self.choice == choice;
        if choice == Choice::None || !fits {
            return Err(CommandError::Syntax);
        }
        self.choice = choice;
        if !matches!(choice, Choice::Time(_)) {
            return Ok(index + 1);
        }
        self.time_at = index + 1;
        args.word(self.time_at)?;
        Ok(index + 2)
    }

    fn lifetime(
        &self,
        args: Args<'_>,
        otherwise: Lifetime,
        command: &str,
    ) -> Result<Lifetime, CommandError> {
        match self.choice {
            Choice::None => Ok(otherwise),
            Choice::Keep => Ok(Lifetime::Kept),
            Choice::Persist => Ok(Lifetime::Forever),
            Choice::Time(unit) => parse_lifetime(args, self.time_at, unit, command),
        }
    }
}

/// The options of `SET` from the word at index 3 on, and whether `GET` is among them.
pub(crate) fn parse_set(args: Args<'_>) -> Result<(SetOptions, bool), CommandError> {
    let mut condition = Condition::Always;
    let mut get = false;
    let mut chosen = Chosen::NOTHING;
    let mut index = 3;
    while index < args.count() {
        if args.is(index, "NX") && condition != Condition::IfPresent {
            condition = Condition::IfMissing;
        } else if args.is(index, "XX") && condition != Condition::IfMissing {
            condition = Condition::IfPresent;
        } else if args.is(index, "GET") {
            get = true;
        } else if args.is(index, "PERSIST") {
            return Err(CommandError::Syntax);
        } else {
            index = chosen.take(args, index)?;
            continue;
        }
        index += 1;
    }
    let lifetime = chosen.lifetime(args, Lifetime::Forever, "set")?;
    let options = SetOptions {
        condition,
        lifetime,
    };
    Ok((options, get))
}

/// The options of `GETEX` from the word at index 2 on. The outer error is of syntax; the inner one is
/// of the time, which `GETEX` looks at only where there is a key.
pub(crate) fn parse_get_ex(
    args: Args<'_>,
) -> Result<Result<GetExOptions, CommandError>, CommandError> {
    let mut chosen = Chosen::NOTHING;
    let mut index = 2;
    while index < args.count() {
        if args.is(index, "KEEPTTL") {
            return Err(CommandError::Syntax);
        }
        index = chosen.take(args, index)?;
    }
    let lifetime = chosen.lifetime(args, Lifetime::Kept, "getex");
    Ok(lifetime.map(|lifetime| GetExOptions { lifetime }))
}
