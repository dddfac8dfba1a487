//! Deadlines of fields: `HEXPIRE` and its kin, `HTTL` and its kin, `HPERSIST`; names and replies of
//! Redis 7.4.
//!
//! A deadline is absolute, in milliseconds since the Unix epoch. A field still lives in the
//! millisecond its deadline names, but setting a deadline that is not after now removes the field.

use std::collections::HashMap;
use std::time::Duration;

use super::args::{Args, invalid_expire_time, refs};
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, WriteTx};

type Call = fn(Args<'_>, &dyn Host) -> Result<Reply, Error>;

/// What every row of this family has in common.
const fn row(
    name: &'static str,
    arity: i32,
    flags: &'static [Flag],
    summary: &'static str,
    example: &'static str,
    call: Call,
) -> CommandSpec {
    CommandSpec {
        name,
        arity,
        flags,
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "7.4.0",
        summary,
        complexity: "O(N) for N fields",
        redis_complexity: "",
        differences: "",
        example,
        call,
    }
}

/// A row of the `HEXPIRE` kind.
const fn expire_row(
    name: &'static str,
    summary: &'static str,
    example: &'static str,
    call: Call,
) -> CommandSpec {
    const FLAGS: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];
    row(name, -6, FLAGS, summary, example, call)
}

/// A row of the `HTTL` kind.
const fn ttl_row(
    name: &'static str,
    summary: &'static str,
    example: &'static str,
    call: Call,
) -> CommandSpec {
    const FLAGS: &[Flag] = &[Flag::ReadOnly, Flag::Fast];
    row(name, -5, FLAGS, summary, example, call)
}

pub(crate) static COMMANDS: &[CommandSpec] = &[
    expire_row(
        "HEXPIRE",
        "Lets fields of a hash expire after some seconds.",
        "HEXPIRE hash 60 FIELDS 1 field",
        |args, host| expire_words(args, host, "hexpire", Unit::Seconds, Base::Now),
    ),
    expire_row(
        "HEXPIREAT",
        "Lets fields of a hash expire at a time in seconds since the Unix epoch.",
        "HEXPIREAT hash 4102444800 FIELDS 1 field",
        |args, host| expire_words(args, host, "hexpireat", Unit::Seconds, Base::Epoch),
    ),
    ttl_row(
        "HEXPIRETIME",
        "Returns when fields of a hash expire, in seconds since the Unix epoch: -1 for never, -2 if there is none.",
        "HEXPIRETIME hash FIELDS 1 field",
        |args, host| ttl_words(args, host, Unit::Seconds, Base::Epoch),
    ),
    row(
        "HPERSIST",
        -5,
        &[Flag::Write, Flag::Fast],
        "Lets fields of a hash no longer expire.",
        "HPERSIST hash FIELDS 1 field",
        |args, host| {
            let done = host.write_raw(&HPersistWords { args })?;
            let reply = |done| match done {
                None => -2,
                Some(false) => -1,
                Some(true) => 1,
            };
            Ok(done.into_iter().map(reply).collect::<Vec<i64>>().into())
        },
    ),
    expire_row(
        "HPEXPIRE",
        "Lets fields of a hash expire after some milliseconds.",
        "HPEXPIRE hash 60000 FIELDS 1 field",
        |args, host| expire_words(args, host, "hpexpire", Unit::Ms, Base::Now),
    ),
    expire_row(
        "HPEXPIREAT",
        "Lets fields of a hash expire at a time in milliseconds since the Unix epoch.",
        "HPEXPIREAT hash 4102444800000 FIELDS 1 field",
        |args, host| expire_words(args, host, "hpexpireat", Unit::Ms, Base::Epoch),
    ),
    ttl_row(
        "HPEXPIRETIME",
        "Returns when fields of a hash expire, in milliseconds since the Unix epoch: -1 for never, -2 if there is none.",
        "HPEXPIRETIME hash FIELDS 1 field",
        |args, host| ttl_words(args, host, Unit::Ms, Base::Epoch),
    ),
    ttl_row(
        "HPTTL",
        "Returns how many milliseconds fields of a hash have left: -1 for ever, -2 if there is none.",
        "HPTTL hash FIELDS 1 field",
        |args, host| ttl_words(args, host, Unit::Ms, Base::Now),
    ),
    ttl_row(
        "HTTL",
        "Returns how many seconds fields of a hash have left: -1 for ever, -2 if there is none.",
        "HTTL hash FIELDS 1 field",
        |args, host| ttl_words(args, host, Unit::Seconds, Base::Now),
    ),
];

/// What an amount counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Seconds,
    Ms,
}

/// What an amount counts from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Base {
    Now,
    Epoch,
}

/// The last deadline a field can have, as in Redis: about the year 4199.
const DEADLINE_MS_MAX: u64 = (1 << 46) - 1;

/// The deadline that a word says; `command` in lower case, for the error text.
pub(super) fn parse_deadline(
    args: Args<'_>,
    index: usize,
    unit: Unit,
    base: Base,
    now_ms: u64,
    command: &str,
) -> Result<u64, CommandError> {
    let Ok(amount) = u64::try_from(args.int(index)?) else {
        let text = "ERR invalid expire time, must be >= 0";
        return Err(CommandError::Other(text.into()));
    };
    let ms = match unit {
        Unit::Seconds => amount.saturating_mul(1000),
        Unit::Ms => amount,
    };
    let from_ms = match base {
        Base::Now => now_ms,
        Base::Epoch => 0,
    };
    deadline_ms(ms, from_ms, command)
}

fn deadline_ms(ms: u64, from_ms: u64, command: &str) -> Result<u64, CommandError> {
    let at_ms = from_ms.checked_add(ms);
    let at_ms = at_ms.filter(|&at_ms| at_ms <= DEADLINE_MS_MAX);
    at_ms.ok_or_else(|| invalid_expire_time(command))
}

/// A typed call's deadline.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deadline {
    /// After this many milliseconds.
    In(u64),
    /// At this time.
    At(u64),
}

impl Deadline {
    /// After this time, rounded up to a millisecond.
    pub(super) fn after(ttl: Duration) -> Self {
        let ms = ttl.as_nanos().div_ceil(1_000_000);
        Self::In(u64::try_from(ms).unwrap_or(u64::MAX))
    }

    pub(super) fn at_ms(self, now_ms: u64, command: &str) -> Result<u64, CommandError> {
        match self {
            Self::In(ms) => deadline_ms(ms, now_ms, command),
            Self::At(ms) => deadline_ms(ms, 0, command),
        }
    }
}

/// The fields of `FIELDS numfields field ..`, of which the keyword stands at `index` and the last
/// field ends the command. `few` is the text for a number that is not positive.
pub(super) fn parse_fields<'a>(
    args: Args<'a>,
    index: usize,
    few: &'static str,
) -> Result<&'a [&'a [u8]], CommandError> {
    if !args.is(index, "FIELDS") {
        let text = "ERR Mandatory argument FIELDS is missing or not at the right position";
        return Err(CommandError::Other(text.into()));
    }
    let count = args.int(index + 1).ok().filter(|&count| count > 0);
    let count = count.ok_or(CommandError::Other(few.into()))?;
    let fields = args.rest(index + 2);
    if usize::try_from(count).ok() != Some(fields.len()) {
        let text = "ERR The `numfields` parameter must match the number of arguments";
        return Err(CommandError::Other(text.into()));
    }
    Ok(fields)
}

/// The text of most commands for a number of fields that is not positive.
pub(super) const FEW_FIELDS: &str = "ERR Number of fields must be a positive integer";

/// When [`HashExpireWrite::hexpire_with`] and its kin set a field's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FieldExpireIf {
    /// In any case.
    #[default]
    Always,
    /// Only if the field has no deadline. Redis: `NX`.
    None,
    /// Only if the field has a deadline. Redis: `XX`.
    Some,
    /// Only if the field has a deadline and the new one is later. Redis: `GT`.
    Later,
    /// Only if the new deadline is earlier; no deadline counts as later than any. Redis: `LT`.
    Earlier,
}

impl FieldExpireIf {
    fn parse(args: Args<'_>, index: usize) -> Option<Self> {
        let conditions = [
            ("NX", Self::None),
            ("XX", Self::Some),
            ("GT", Self::Later),
            ("LT", Self::Earlier),
        ];
        let named = conditions
            .into_iter()
            .find(|(name, _)| args.is(index, name));
        named.map(|(_, condition)| condition)
    }

    fn allows(self, current_ms: Option<u64>, new_ms: u64) -> bool {
        match (self, current_ms) {
            (Self::Always, _) | (Self::None | Self::Earlier, None) => true,
            (Self::Some, current_ms) => current_ms.is_some(),
            (Self::None, Some(_)) | (Self::Later, None) => false,
            (Self::Later, Some(current_ms)) => new_ms > current_ms,
            (Self::Earlier, Some(current_ms)) => new_ms < current_ms,
        }
    }
}

/// What [`HashExpireWrite::hexpire`] and its kin did with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldExpire {
    /// There is no such field. Redis: -2.
    NoField,
    /// The condition did not hold. Redis: 0.
    NotMet,
    /// The field has the deadline. Redis: 1.
    Set,
    /// The deadline is not after now: the field is removed. Redis: 2.
    Removed,
}

impl From<FieldExpire> for Reply {
    fn from(done: FieldExpire) -> Self {
        Self::Int(match done {
            FieldExpire::NoField => -2,
            FieldExpire::NotMet => 0,
            FieldExpire::Set => 1,
            FieldExpire::Removed => 2,
        })
    }
}

fn expire_words(
    args: Args<'_>,
    host: &dyn Host,
    command: &'static str,
    unit: Unit,
    base: Base,
) -> Result<Reply, Error> {
    host.write(&HExpireWords {
        args,
        command,
        unit,
        base,
    })
}

/// `HEXPIRE` and its kin in words. Redis looks at the key's type before it reads them.
struct HExpireWords<'a> {
    args: Args<'a>,
    command: &'static str,
    unit: Unit,
    base: Base,
}

impl WriteCommand for HExpireWords<'_> {
    type Output = Vec<FieldExpire>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.args.key())
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let args = self.args;
        tx.as_read().hash(args.key())?;
        let now_ms = tx.now.ms();
        let at_ms = parse_deadline(args, 2, self.unit, self.base, now_ms, self.command)?;
        let condition = FieldExpireIf::parse(args, 3);
        let few = "ERR Parameter `numFields` should be greater than 0";
        let fields = parse_fields(args, 3 + usize::from(condition.is_some()), few)?;
        let expire = HExpire {
            key: args.key(),
            fields,
            deadline: Deadline::At(at_ms),
            condition: condition.unwrap_or_default(),
            command: self.command,
        };
        expire.execute(tx)
    }
}

/// `HEXPIRE` and its kin.
struct HExpire<'a> {
    key: &'a [u8],
    fields: &'a [&'a [u8]],
    deadline: Deadline,
    condition: FieldExpireIf,
    command: &'static str,
}

impl WriteCommand for HExpire<'_> {
    type Output = Vec<FieldExpire>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let now_ms = tx.now.ms();
        let hash = tx.as_read().hash(self.key)?;
        let at_ms = self.deadline.at_ms(now_ms, self.command)?;
        let Some(hash) = hash else {
            return Ok(vec![FieldExpire::NoField; self.fields.len()]);
        };
        let is_past = at_ms <= now_ms;
        // A field that is named twice is met the second time as the first has left it.
        let mut met: HashMap<&[u8], Option<u64>> = HashMap::new();
        let mut done = Vec::with_capacity(self.fields.len());
        for &field in self.fields {
            let current = match met.get(field) {
                Some(_) if is_past => None,
                Some(&current_ms) => Some(current_ms),
                None => hash.get(field).map(|field| field.deadline_ms()),
            };
            done.push(match current {
                None => FieldExpire::NoField,
                Some(current_ms) if !self.condition.allows(current_ms, at_ms) => {
                    FieldExpire::NotMet
                }
                Some(_) => {
                    met.insert(field, Some(at_ms));
                    if is_past {
                        FieldExpire::Removed
                    } else {
                        FieldExpire::Set
                    }
                }
            });
        }
        let mut fields: Vec<&[u8]> = met.into_keys().collect();
        fields.sort_unstable();
        if is_past {
            tx.event(Event::HDel);
            tx.hash_remove(self.key, &fields);
        } else {
            tx.event(Event::HExpire);
            tx.hash_expire(self.key, &fields, Some(at_ms));
        }
        Ok(done)
    }
}

/// `HPERSIST` in words.
struct HPersistWords<'a> {
    args: Args<'a>,
}

impl WriteCommand for HPersistWords<'_> {
    type Output = Vec<Option<bool>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.args.key())
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let key = self.args.key();
        tx.as_read().hash(key)?;
        let fields = parse_fields(self.args, 2, FEW_FIELDS)?;
        HPersist { key, fields }.execute(tx)
    }
}

/// `HPERSIST`: says of each field whether it had a deadline, nothing of one that is not there.
struct HPersist<'a> {
    key: &'a [u8],
    fields: &'a [&'a [u8]],
}

impl WriteCommand for HPersist<'_> {
    type Output = Vec<Option<bool>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(hash) = tx.as_read().hash(self.key)? else {
            return Ok(vec![None; self.fields.len()]);
        };
        let mut persisted = std::collections::BTreeSet::new();
        let mut done = Vec::with_capacity(self.fields.len());
        for &field in self.fields {
            let had_deadline = hash.get(field).map(|field| field.deadline_ms().is_some());
            done.push(had_deadline.map(|had| had && persisted.insert(field)));
        }
        let fields: Vec<&[u8]> = persisted.into_iter().collect();
        tx.event(Event::HPersist);
        tx.hash_expire(self.key, &fields, None);
        Ok(done)
    }
}

/// What [`HashExpireRead::httl_ms`] and [`HashExpireRead::hexpires_at_ms`] answer for a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldTtl {
    /// There is no such field.
    NoField,
    /// The field never expires.
    Never,
    /// Milliseconds: left, or since the Unix epoch, as was asked for.
    Ms(u64),
}

fn ttl_words(args: Args<'_>, host: &dyn Host, unit: Unit, base: Base) -> Result<Reply, Error> {
    let ttls = host.read_raw(&HTtlWords { args, base })?;
    let reply = |ttl| match (ttl, unit) {
        (FieldTtl::NoField, _) => Reply::Int(-2),
        (FieldTtl::Never, _) => Reply::Int(-1),
        (FieldTtl::Ms(ms), Unit::Ms) => ms.into(),
        // Rounded up, unlike the deadlines of keys.
        (FieldTtl::Ms(ms), Unit::Seconds) => ms.div_ceil(1000).into(),
    };
    Ok(Reply::Array(ttls.into_iter().map(reply).collect()))
}

/// `HTTL` and its kin in words.
struct HTtlWords<'a> {
    args: Args<'a>,
    base: Base,
}

impl ReadCommand for HTtlWords<'_> {
    type Output = Vec<FieldTtl>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.args.key())
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let key = self.args.key();
        tx.hash(key)?;
        let ttl = HTtl {
            key,
            fields: parse_fields(self.args, 2, FEW_FIELDS)?,
            base: self.base,
        };
        ttl.execute(tx)
    }
}

/// `HPTTL`, `HPEXPIRETIME`.
struct HTtl<'a> {
    key: &'a [u8],
    fields: &'a [&'a [u8]],
    base: Base,
}

impl ReadCommand for HTtl<'_> {
    type Output = Vec<FieldTtl>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let hash = tx.hash(self.key)?;
        let ttl = |name: &&[u8]| {
            let field = hash.and_then(|hash| hash.get(name));
            match (field.map(|field| field.deadline_ms()), self.base) {
                (None, _) => FieldTtl::NoField,
                (Some(None), _) => FieldTtl::Never,
                (Some(Some(at_ms)), Base::Epoch) => FieldTtl::Ms(at_ms),
                (Some(Some(at_ms)), Base::Now) => FieldTtl::Ms(at_ms.saturating_sub(tx.now.ms())),
            }
        };
        Ok(self.fields.iter().map(ttl).collect())
    }
}

/// Reading deadlines of fields.
pub trait HashExpireRead: RunRead {
    /// Returns how long each of `fields` of the hash at `key` still lives, in milliseconds. Redis:
    /// `HPTTL`, `HTTL`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// use nacredb::FieldTtl;
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "token", "t")?;
    /// assert_eq!(db.httl_ms("user:1", &["token", "x"])?, [FieldTtl::Never, FieldTtl::NoField]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HPTTL")]
    #[doc(alias = "HTTL")]
    fn httl_ms<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
    ) -> Result<Vec<FieldTtl>, Error> {
        self.read(HTtl {
            key: key.as_ref(),
            fields: &refs(fields),
            base: Base::Now,
        })
    }

    /// Returns when each of `fields` of the hash at `key` expires, in milliseconds since the Unix
    /// epoch. Redis: `HPEXPIRETIME`, `HEXPIRETIME`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// use nacredb::FieldTtl;
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "token", "t")?;
    /// db.hexpire_at_ms("user:1", &["token"], 4_102_444_800_000)?;
    /// assert_eq!(db.hexpires_at_ms("user:1", &["token"])?, [FieldTtl::Ms(4_102_444_800_000)]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HPEXPIRETIME")]
    #[doc(alias = "HEXPIRETIME")]
    fn hexpires_at_ms<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
    ) -> Result<Vec<FieldTtl>, Error> {
        self.read(HTtl {
            key: key.as_ref(),
            fields: &refs(fields),
            base: Base::Epoch,
        })
    }
}

impl<T: RunRead> HashExpireRead for T {}

/// Setting deadlines of fields.
pub trait HashExpireWrite: RunWrite {
    /// Lets `fields` of the hash at `key` expire after `ttl`, rounded up to a millisecond; a `ttl` of
    /// zero removes them. Says what became of each. Redis: `HPEXPIRE`, `HEXPIRE`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; a refusal if the deadline lies beyond
    /// 2^46 milliseconds after the epoch; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// use nacredb::FieldExpire;
    /// use std::time::Duration;
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "token", "t")?;
    /// let done = db.hexpire("user:1", &["token", "x"], Duration::from_secs(60))?;
    /// assert_eq!(done, [FieldExpire::Set, FieldExpire::NoField]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HPEXPIRE")]
    fn hexpire<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
        ttl: Duration,
    ) -> Result<Vec<FieldExpire>, Error> {
        self.hexpire_with(key, fields, ttl, FieldExpireIf::Always)
    }

    /// As [`hexpire`](Self::hexpire), for the fields of which the condition holds. Redis: `HPEXPIRE`
    /// with `NX`, `XX`, `GT`, `LT`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// As [`hexpire`](Self::hexpire).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// use nacredb::{FieldExpire, FieldExpireIf};
    /// use std::time::Duration;
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "token", "t")?;
    /// let done = db.hexpire_with("user:1", &["token"], Duration::from_secs(60), FieldExpireIf::Some)?;
    /// assert_eq!(done, [FieldExpire::NotMet]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hexpire_with<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
        ttl: Duration,
        condition: FieldExpireIf,
    ) -> Result<Vec<FieldExpire>, Error> {
        self.write(HExpire {
            key: key.as_ref(),
            fields: &refs(fields),
            deadline: Deadline::after(ttl),
            condition,
            command: "hpexpire",
        })
    }

    /// Lets `fields` of the hash at `key` expire at this time, in milliseconds since the Unix epoch; a
    /// time that is not after now removes them. Redis: `HPEXPIREAT`, `HEXPIREAT`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// As [`hexpire`](Self::hexpire).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// use nacredb::FieldExpire;
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "token", "t")?;
    /// assert_eq!(db.hexpire_at_ms("user:1", &["token"], 0)?, [FieldExpire::Removed]);
    /// assert!(!db.exists("user:1")?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HPEXPIREAT")]
    #[doc(alias = "HEXPIREAT")]
    fn hexpire_at_ms<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
        at_ms: u64,
    ) -> Result<Vec<FieldExpire>, Error> {
        self.hexpire_at_ms_with(key, fields, at_ms, FieldExpireIf::Always)
    }

    /// As [`hexpire_at_ms`](Self::hexpire_at_ms), for the fields of which the condition holds. Redis:
    /// `HPEXPIREAT` with `NX`, `XX`, `GT`, `LT`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// As [`hexpire`](Self::hexpire).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// use nacredb::{FieldExpire, FieldExpireIf};
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "token", "t")?;
    /// db.hexpire_at_ms("user:1", &["token"], 4_102_444_800_000)?;
    /// let sooner = FieldExpireIf::Earlier;
    /// let done = db.hexpire_at_ms_with("user:1", &["token"], 4_102_444_800_001, sooner)?;
    /// assert_eq!(done, [FieldExpire::NotMet]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hexpire_at_ms_with<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
        at_ms: u64,
        condition: FieldExpireIf,
    ) -> Result<Vec<FieldExpire>, Error> {
        self.write(HExpire {
            key: key.as_ref(),
            fields: &refs(fields),
            deadline: Deadline::At(at_ms),
            condition,
            command: "hpexpireat",
        })
    }

    /// Lets `fields` of the hash at `key` no longer expire. Says of each whether it would have; `None`
    /// for one that is not there. Redis: `HPERSIST`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "token", "t")?;
    /// db.hexpire_at_ms("user:1", &["token"], 4_102_444_800_000)?;
    /// assert_eq!(db.hpersist("user:1", &["token", "x"])?, [Some(true), None]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hpersist<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
    ) -> Result<Vec<Option<bool>>, Error> {
        self.write(HPersist {
            key: key.as_ref(),
            fields: &refs(fields),
        })
    }
}

impl<T: RunWrite> HashExpireWrite for T {}

#[cfg(test)]
mod tests;
