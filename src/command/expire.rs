//! Deadlines: `EXPIRE` and its kin, `TTL` and its kin, `PERSIST`.
//!
//! A deadline is absolute, in milliseconds since the Unix epoch. As in Redis, a key still lives in the
//! millisecond its deadline names, but setting a deadline that is not after now removes the key.

use std::time::Duration;

use super::args::{Args, clip, invalid_expire_time, printable};
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, WriteTx};

/// A row of the `EXPIRE` kind.
const fn expire_row(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    example: &'static str,
    call: fn(Args<'_>, &dyn Host) -> Result<Reply, Error>,
) -> CommandSpec {
    CommandSpec {
        name,
        arity: -3,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "generic",
        since,
        summary,
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example,
        call,
    }
}

/// A row of the `TTL` kind.
const fn ttl_row(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    example: &'static str,
    call: fn(Args<'_>, &dyn Host) -> Result<Reply, Error>,
) -> CommandSpec {
    CommandSpec {
        name,
        arity: 2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "generic",
        since,
        summary,
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example,
        call,
    }
}

pub(crate) static COMMANDS: &[CommandSpec] = &[
    expire_row(
        "EXPIRE",
        "1.0.0",
        "Lets a key expire after some seconds.",
        "EXPIRE key 60",
        |args, host| host.write(&Expire::parse(args, "expire", Unit::Seconds, Base::Now)?),
    ),
    expire_row(
        "PEXPIRE",
        "2.6.0",
        "Lets a key expire after some milliseconds.",
        "PEXPIRE key 60000",
        |args, host| host.write(&Expire::parse(args, "pexpire", Unit::Ms, Base::Now)?),
    ),
    expire_row(
        "EXPIREAT",
        "1.2.0",
        "Lets a key expire at a time in seconds since the Unix epoch.",
        "EXPIREAT key 4102444800",
        |args, host| {
            host.write(&Expire::parse(
                args,
                "expireat",
                Unit::Seconds,
                Base::Epoch,
            )?)
        },
    ),
    expire_row(
        "PEXPIREAT",
        "2.6.0",
        "Lets a key expire at a time in milliseconds since the Unix epoch.",
        "PEXPIREAT key 4102444800000",
        |args, host| host.write(&Expire::parse(args, "pexpireat", Unit::Ms, Base::Epoch)?),
    ),
    ttl_row(
        "TTL",
        "1.0.0",
        "Returns how many seconds a key has left: -1 for ever, -2 if there is none.",
        "TTL key",
        |args, host| {
            let ttl = host.read_raw(&RemainingMs { key: args.word(1)? })?;
            Ok(ttl.reply(to_secs))
        },
    ),
    ttl_row(
        "PTTL",
        "2.6.0",
        "Returns how many milliseconds a key has left: -1 for ever, -2 if there is none.",
        "PTTL key",
        |args, host| {
            let ttl = host.read_raw(&RemainingMs { key: args.word(1)? })?;
            Ok(ttl.reply(|ms| ms))
        },
    ),
    ttl_row(
        "EXPIRETIME",
        "7.0.0",
        "Returns when a key expires, in seconds since the Unix epoch: -1 for never, -2 if there is none.",
        "EXPIRETIME key",
        |args, host| {
            let deadline = host.read_raw(&DeadlineMs { key: args.word(1)? })?;
            Ok(deadline.reply(to_secs))
        },
    ),
    ttl_row(
        "PEXPIRETIME",
        "7.0.0",
        "Returns when a key expires, in milliseconds since the Unix epoch: -1 for never, -2 if there is none.",
        "PEXPIRETIME key",
        |args, host| {
            let deadline = host.read_raw(&DeadlineMs { key: args.word(1)? })?;
            Ok(deadline.reply(|ms| ms))
        },
    ),
    CommandSpec {
        name: "PERSIST",
        arity: 2,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "generic",
        since: "2.2.0",
        summary: "Lets a key no longer expire.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "PERSIST key",
        call: |args, host| host.write(&Persist { key: args.word(1)? }),
    },
];

/// Conditions for [`ExpireWrite::expire_with`] and its kin; without any, the deadline is always set.
///
/// All that are given must hold. Those that cannot hold together are refused, as Redis does: `nx` with
/// any other, `gt` with `lt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExpireOptions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl ExpireOptions {
    /// No conditions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if the key has no deadline.
    #[must_use]
    pub fn nx(mut self) -> Self {
        self.nx = true;
        self
    }

    /// Only if the key has a deadline.
    #[must_use]
    pub fn xx(mut self) -> Self {
        self.xx = true;
        self
    }

    /// Only if the new deadline is later; no deadline counts as later than any.
    #[must_use]
    pub fn gt(mut self) -> Self {
        self.gt = true;
        self
    }

    /// Only if the new deadline is earlier; no deadline counts as later than any.
    #[must_use]
    pub fn lt(mut self) -> Self {
        self.lt = true;
        self
    }

    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        for index in 3..args.count() {
            if args.is(index, "NX") {
                options.nx = true;
            } else if args.is(index, "XX") {
                options.xx = true;
            } else if args.is(index, "GT") {
                options.gt = true;
            } else if args.is(index, "LT") {
                options.lt = true;
            } else {
                let option = printable(clip(args.word(index)?, usize::MAX));
                let text = format!("ERR Unsupported option {option}");
                return Err(CommandError::Other(text.into()));
            }
        }
        options.check()?;
        Ok(options)
    }

    fn check(self) -> Result<(), CommandError> {
        let text = if self.nx && (self.xx || self.gt || self.lt) {
            "ERR NX and XX, GT or LT options at the same time are not compatible"
        } else if self.gt && self.lt {
            "ERR GT and LT options at the same time are not compatible"
        } else {
            return Ok(());
        };
        Err(CommandError::Other(text.into()))
    }

    /// Whether a key with this deadline gets the new one.
    fn allow(self, current_ms: Option<u64>, new_ms: i64) -> bool {
        let Some(current_ms) = current_ms else {
            return !self.xx && !self.gt;
        };
        let (current_ms, new_ms) = (i128::from(current_ms), i128::from(new_ms));
        !self.nx && (!self.gt || new_ms > current_ms) && (!self.lt || new_ms < current_ms)
    }
}

/// What an amount counts.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Seconds,
    Ms,
}

/// What an amount counts from.
#[derive(Debug, Clone, Copy)]
enum Base {
    Now,
    Epoch,
}

/// `EXPIRE`, `PEXPIRE`, `EXPIREAT`, `PEXPIREAT`: says whether the deadline was set, or the key removed
/// because the deadline is not after now.
struct Expire<'a> {
    key: &'a [u8],
    /// More than 64 bits, so that what the typed calls take needs no check of its own.
    amount: i128,
    unit: Unit,
    base: Base,
    options: ExpireOptions,
    /// For the error text.
    command: &'static str,
}

impl<'a> Expire<'a> {
    fn parse(
        args: Args<'a>,
        command: &'static str,
        unit: Unit,
        base: Base,
    ) -> Result<Self, CommandError> {
        // Redis looks at the options first.
        let options = ExpireOptions::parse(args)?;
        Ok(Self {
            key: args.word(1)?,
            amount: i128::from(args.int(2)?),
            unit,
            base,
            options,
            command,
        })
    }

    /// The deadline, in milliseconds since the Unix epoch; it may lie before it.
    fn deadline_ms(&self, now_ms: u64) -> Option<i64> {
        let ms = match self.unit {
            Unit::Seconds => self.amount.checked_mul(1000)?,
            Unit::Ms => self.amount,
        };
        let ms = i128::from(i64::try_from(ms).ok()?);
        let base_ms = match self.base {
            Base::Now => i128::from(now_ms),
            Base::Epoch => 0,
        };
        i64::try_from(ms + base_ms).ok()
    }
}

impl WriteCommand for Expire<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        self.options.check()?;
        let now_ms = tx.now.ms();
        let Some(deadline_ms) = self.deadline_ms(now_ms) else {
            return Err(invalid_expire_time(self.command));
        };
        let Some(entry) = tx.entry(self.key) else {
            return Ok(false);
        };
        if !self.options.allow(entry.expires_at_ms(), deadline_ms) {
            return Ok(false);
        }
        match u64::try_from(deadline_ms) {
            Ok(at_ms) if at_ms > now_ms => {
                tx.event(Event::Expire);
                tx.expire(self.key, Some(at_ms))
            }
            Ok(_) | Err(_) => tx.remove(self.key),
        };
        Ok(true)
    }
}

/// `PERSIST`: says whether there was a deadline.
struct Persist<'a> {
    key: &'a [u8],
}

impl WriteCommand for Persist<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        let entry = tx.entry(self.key);
        let has_deadline = entry.is_some_and(|entry| entry.expires_at_ms().is_some());
        tx.event(Event::Persist);
        Ok(has_deadline && tx.expire(self.key, None))
    }
}

/// What [`ExpireRead::ttl_ms`] and [`ExpireRead::expires_at_ms`] answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ttl {
    /// There is nothing at the key.
    NoKey,
    /// The key never expires.
    Never,
    /// Milliseconds: left, or since the Unix epoch, as was asked for.
    Ms(u64),
}

impl Ttl {
    /// The milliseconds, if the key is there and expires.
    ///
    /// ```
    /// use nacredb::Ttl;
    /// assert_eq!((Ttl::Ms(1_500).ms(), Ttl::Never.ms()), (Some(1_500), None));
    /// ```
    #[must_use]
    pub fn ms(self) -> Option<u64> {
        match self {
            Self::Ms(ms) => Some(ms),
            Self::NoKey | Self::Never => None,
        }
    }

    /// As `TTL` and `EXPIRETIME` round it: to the nearest second.
    ///
    /// ```
    /// use nacredb::Ttl;
    /// assert_eq!((Ttl::Ms(1_500).secs(), Ttl::Ms(1_499).secs()), (Some(2), Some(1)));
    /// ```
    #[must_use]
    pub fn secs(self) -> Option<u64> {
        self.ms().map(to_secs)
    }

    fn reply(self, unit: fn(u64) -> u64) -> Reply {
        match self {
            Self::NoKey => Reply::Int(-2),
            Self::Never => Reply::Int(-1),
            Self::Ms(ms) => unit(ms).into(),
        }
    }
}

/// Milliseconds as seconds, rounded as Redis does.
fn to_secs(ms: u64) -> u64 {
    ms / 1000 + u64::from(ms % 1000 >= 500)
}

/// `TTL`, `PTTL`.
struct RemainingMs<'a> {
    key: &'a [u8],
}

impl ReadCommand for RemainingMs<'_> {
    type Output = Ttl;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn is_peek(&self) -> bool {
        true
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Ttl, CommandError> {
        let left = |at_ms: u64| at_ms.saturating_sub(tx.now.ms());
        Ok(match deadline(tx, self.key) {
            Ttl::Ms(at_ms) => Ttl::Ms(left(at_ms)),
            none @ (Ttl::NoKey | Ttl::Never) => none,
        })
    }
}

/// `EXPIRETIME`, `PEXPIRETIME`.
struct DeadlineMs<'a> {
    key: &'a [u8],
}

impl ReadCommand for DeadlineMs<'_> {
    type Output = Ttl;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn is_peek(&self) -> bool {
        true
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Ttl, CommandError> {
        Ok(deadline(tx, self.key))
    }
}

fn deadline(tx: &ReadTx<'_>, key: &[u8]) -> Ttl {
    tx.entry(key).map_or(Ttl::NoKey, |entry| {
        entry.expires_at_ms().map_or(Ttl::Never, Ttl::Ms)
    })
}

/// Reading deadlines.
pub trait ExpireRead: RunRead {
    /// Returns how long `key` still lives, in milliseconds. Redis: `PTTL`; `TTL` rounds it as
    /// [`Ttl::secs`] does.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::Ttl;
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.ttl_ms("k")?, Ttl::NoKey);
    /// db.set("k", "v")?;
    /// assert_eq!(db.ttl_ms("k")?, Ttl::Never);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "PTTL")]
    #[doc(alias = "TTL")]
    fn ttl_ms(&self, key: impl AsRef<[u8]>) -> Result<Ttl, Error> {
        self.read(RemainingMs { key: key.as_ref() })
    }

    /// Returns when `key` expires, in milliseconds since the Unix epoch. Redis: `PEXPIRETIME`;
    /// `EXPIRETIME` rounds it as [`Ttl::secs`] does.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::Ttl;
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// db.expire_at_ms("k", 4_102_444_800_000)?;
    /// assert_eq!(db.expires_at_ms("k")?, Ttl::Ms(4_102_444_800_000));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "PEXPIRETIME")]
    #[doc(alias = "EXPIRETIME")]
    fn expires_at_ms(&self, key: impl AsRef<[u8]>) -> Result<Ttl, Error> {
        self.read(DeadlineMs { key: key.as_ref() })
    }
}

impl<T: RunRead> ExpireRead for T {}

/// Setting deadlines.
pub trait ExpireWrite: RunWrite {
    /// Lets `key` expire after `ttl`, rounded up to a millisecond; a `ttl` of zero removes it. Says
    /// whether the key was there. Redis: `PEXPIRE`, `EXPIRE`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// A refusal if the deadline lies beyond 64-bit milliseconds; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use std::time::Duration;
    /// # let db = Db::open_in_memory();
    /// db.set("session", "v")?;
    /// assert!(db.expire("session", Duration::from_secs(1800))?);
    /// assert!(db.ttl_ms("session")?.ms().is_some_and(|ms| ms > 1_700_000));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "PEXPIRE")]
    fn expire(&self, key: impl AsRef<[u8]>, ttl: Duration) -> Result<bool, Error> {
        self.expire_with(key, ttl, ExpireOptions::new())
    }

    /// As [`expire`](Self::expire), if the conditions hold; says whether they did and the key was
    /// there. Redis: `PEXPIRE` with `NX`, `XX`, `GT`, `LT`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// A refusal if the conditions exclude each other, or the deadline lies beyond 64-bit
    /// milliseconds; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::ExpireOptions;
    /// use std::time::Duration;
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// assert!(db.expire_with("k", Duration::from_secs(60), ExpireOptions::new().nx())?);
    /// assert!(!db.expire_with("k", Duration::from_secs(30), ExpireOptions::new().gt())?);
    /// # Ok::<(), Error>(())
    /// ```
    fn expire_with(
        &self,
        key: impl AsRef<[u8]>,
        ttl: Duration,
        options: ExpireOptions,
    ) -> Result<bool, Error> {
        self.write(Expire {
            key: key.as_ref(),
            amount: i128::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(i128::MAX),
            unit: Unit::Ms,
            base: Base::Now,
            options,
            command: "pexpire",
        })
    }

    /// Lets `key` expire at this time, in milliseconds since the Unix epoch; a time that is not after
    /// now removes it. Says whether the key was there. Redis: `PEXPIREAT`, `EXPIREAT`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// A refusal if the time lies beyond signed 64-bit milliseconds; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// assert!(db.expire_at_ms("k", 4_102_444_800_000)?);
    /// assert!(db.expire_at_ms("k", 0)?);
    /// assert!(!db.exists("k")?);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "PEXPIREAT")]
    #[doc(alias = "EXPIREAT")]
    fn expire_at_ms(&self, key: impl AsRef<[u8]>, at_ms: u64) -> Result<bool, Error> {
        self.expire_at_ms_with(key, at_ms, ExpireOptions::new())
    }

    /// As [`expire_at_ms`](Self::expire_at_ms), if the conditions hold; says whether they did and the
    /// key was there. Redis: `PEXPIREAT` with `NX`, `XX`, `GT`, `LT`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// As [`expire_with`](Self::expire_with).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// use nacredb::ExpireOptions;
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// assert!(!db.expire_at_ms_with("k", 4_102_444_800_000, ExpireOptions::new().xx())?);
    /// # Ok::<(), Error>(())
    /// ```
    fn expire_at_ms_with(
        &self,
        key: impl AsRef<[u8]>,
        at_ms: u64,
        options: ExpireOptions,
    ) -> Result<bool, Error> {
        self.write(Expire {
            key: key.as_ref(),
            amount: i128::from(at_ms),
            unit: Unit::Ms,
            base: Base::Epoch,
            options,
            command: "pexpireat",
        })
    }

    /// Lets `key` no longer expire; says whether it would have. Redis: `PERSIST`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) from the file.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// db.expire_at_ms("k", 4_102_444_800_000)?;
    /// assert!(db.persist("k")?);
    /// assert!(!db.persist("k")?);
    /// # Ok::<(), Error>(())
    /// ```
    fn persist(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.write(Persist { key: key.as_ref() })
    }
}

impl<T: RunWrite> ExpireWrite for T {}

#[cfg(test)]
mod tests;
