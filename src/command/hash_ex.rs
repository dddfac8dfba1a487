//! Fields read or set together with their deadlines or their removal: `HGETEX`, `HSETEX`, `HGETDEL`;
//! names and replies of Redis 8.0.

use std::collections::BTreeSet;
use std::time::Duration;

use super::args::{Args, check_words, clip, printable, refs, words_of};
use super::hash_expire::{Base, Deadline, FEW_FIELDS, Unit, parse_deadline, parse_fields};
use super::run::{Keys, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, WriteTx};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "HGETDEL",
        arity: -5,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "8.0.0",
        summary: "Returns the values of fields and removes them.",
        complexity: "O(N) for N fields",
        redis_complexity: "",
        differences: "",
        example: "HGETDEL hash FIELDS 1 field",
        call: |args, host| host.write(&HGetDelWords { args }),
    },
    CommandSpec {
        name: "HGETEX",
        arity: -5,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "8.0.0",
        summary: "Returns the values of fields and sets or clears their deadlines.",
        complexity: "O(N) for N fields",
        redis_complexity: "",
        differences: "",
        example: "HGETEX hash EX 60 FIELDS 1 field",
        call: |args, host| host.write(&HGetExWords { args }),
    },
    CommandSpec {
        name: "HSETEX",
        arity: -6,
        flags: &[Flag::Write, Flag::DenyOom, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "8.0.0",
        summary: "Sets fields and their deadlines, if a condition on all of them holds.",
        complexity: "O(N) for N fields",
        redis_complexity: "",
        differences: "",
        example: "HSETEX hash EX 60 FIELDS 1 field value",
        call: |args, host| host.write(&HSetExWords { args }),
    },
];

/// The keyword of a deadline, and what it counts.
const DEADLINES: [(&str, Unit, Base); 4] = [
    ("EX", Unit::Seconds, Base::Now),
    ("PX", Unit::Ms, Base::Now),
    ("EXAT", Unit::Seconds, Base::Epoch),
    ("PXAT", Unit::Ms, Base::Epoch),
];

fn deadline_keyword(args: Args<'_>, index: usize) -> Option<(Unit, Base)> {
    let mut keywords = DEADLINES.into_iter();
    let found = keywords.find(|(keyword, _, _)| args.is(index, keyword));
    found.map(|(_, unit, base)| (unit, base))
}

/// What becomes of the fields that were read.
#[derive(Debug, Clone, Copy)]
enum After {
    Keep,
    Remove,
    Persist,
    Expire(Deadline),
}

/// `HGETDEL` in words. Redis looks at the key's type before it reads them.
struct HGetDelWords<'a> {
    args: Args<'a>,
}

impl WriteCommand for HGetDelWords<'_> {
    type Output = Vec<Option<Vec<u8>>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.args.key())
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let key = self.args.key();
        tx.as_read().hash(key)?;
        let take = HTake {
            key,
            fields: parse_fields(self.args, 2, FEW_FIELDS)?,
            after: After::Remove,
        };
        take.execute(tx)
    }
}

/// `HGETEX` in words. Redis looks at the key's type before it reads them.
struct HGetExWords<'a> {
    args: Args<'a>,
}

impl WriteCommand for HGetExWords<'_> {
    type Output = Vec<Option<Vec<u8>>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.args.key())
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let (args, key) = (self.args, self.args.key());
        tx.as_read().hash(key)?;
        let (after, fields_at) = if let Some((unit, base)) = deadline_keyword(args, 2) {
            let at_ms = parse_deadline(args, 3, unit, base, tx.now.ms(), "hgetex")?;
            (After::Expire(Deadline::At(at_ms)), 4)
        } else if args.is(2, "PERSIST") {
            (After::Persist, 3)
        } else {
            (After::Keep, 2)
        };
        let take = HTake {
            key,
            fields: parse_fields(args, fields_at, FEW_FIELDS)?,
            after,
        };
        take.execute(tx)
    }
}

/// `HGETDEL`, `HGETEX`: the values of the fields as they were.
struct HTake<'a> {
    key: &'a [u8],
    fields: &'a [&'a [u8]],
    after: After,
}

impl WriteCommand for HTake<'_> {
    type Output = Vec<Option<Vec<u8>>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let now_ms = tx.now.ms();
        let hash = tx.as_read().hash(self.key)?;
        let (removes, expires_at_ms) = match self.after {
            After::Keep | After::Persist => (false, None),
            After::Remove => (true, None),
            After::Expire(deadline) => {
                let at_ms = deadline.at_ms(now_ms, "hgetex")?;
                (at_ms <= now_ms, Some(at_ms))
            }
        };
        let Some(hash) = hash else {
            return Ok(vec![None; self.fields.len()]);
        };
        let mut found = BTreeSet::new();
        let mut values = Vec::with_capacity(self.fields.len());
        for &name in self.fields {
            let field = hash.get(name);
            // One that is named twice is gone the second time.
            let field = field.filter(|_| found.insert(name) || !removes);
            values.push(field.map(|field| field.value.to_vec()));
        }
        let has_deadline = |name: &&[u8]| hash.get(name).is_some_and(|f| f.deadline_ms().is_some());
        let found: Vec<&[u8]> = match self.after {
            After::Persist => found.into_iter().filter(has_deadline).collect(),
            After::Keep | After::Remove | After::Expire(_) => found.into_iter().collect(),
        };
        match self.after {
            After::Keep => {}
            After::Remove | After::Expire(_) if removes => {
                tx.event(Event::HDel);
                tx.hash_remove(self.key, &found);
            }
            After::Remove | After::Persist | After::Expire(_) if !found.is_empty() => {
                tx.event(match expires_at_ms {
                    Some(_) => Event::HExpire,
                    None => Event::HPersist,
                });
                tx.hash_expire(self.key, &found, expires_at_ms);
            }
            After::Remove | After::Persist | After::Expire(_) => {}
        }
        Ok(values)
    }
}

/// How [`HashExWrite::hset_ex`] sets fields. Without anything: in any case, and without a deadline.
#[derive(Debug, Clone, Copy, Default)]
pub struct HashSetOptions {
    condition: Option<Condition>,
    expiry: Expiry,
}

/// What must hold of all fields of `HSETEX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    NoneExists,
    AllExist,
}

/// What deadline fields have afterwards.
#[derive(Debug, Clone, Copy, Default)]
enum Expiry {
    #[default]
    Never,
    Keep,
    Set(Deadline),
}

impl HashSetOptions {
    /// In any case, without a deadline.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if none of the fields exists. Redis: `FNX`.
    #[must_use]
    pub fn if_none_exists(mut self) -> Self {
        self.condition = Some(Condition::NoneExists);
        self
    }

    /// Only if all of the fields exist. Redis: `FXX`.
    #[must_use]
    pub fn if_all_exist(mut self) -> Self {
        self.condition = Some(Condition::AllExist);
        self
    }

    /// The fields expire after `ttl`, rounded up to a millisecond. Redis: `PX`, `EX`.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.expiry = Expiry::Set(Deadline::after(ttl));
        self
    }

    /// The fields expire at this time, in milliseconds since the Unix epoch. Redis: `PXAT`, `EXAT`.
    #[must_use]
    pub fn expires_at_ms(mut self, at_ms: u64) -> Self {
        self.expiry = Expiry::Set(Deadline::At(at_ms));
        self
    }

    /// The fields keep the deadlines they have. Redis: `KEEPTTL`.
    #[must_use]
    pub fn keep_ttl(mut self) -> Self {
        self.expiry = Expiry::Keep;
        self
    }
}

/// `HSETEX` in words.
struct HSetExWords<'a> {
    args: Args<'a>,
}

impl<'a> HSetExWords<'a> {
    /// The options, and the fields and values in turn. Redis reads word by word and refuses the first
    /// that does not fit.
    fn parse(&self, now_ms: u64) -> Result<(HashSetOptions, &'a [&'a [u8]]), CommandError> {
        let args = self.args;
        let other = |text: &'static str| CommandError::Other(text.into());
        let arity = || CommandError::WrongArity("hsetex".into());
        let mut condition = None;
        let mut expiry = None;
        let mut index = 2;
        while index < args.count() {
            if args.is(index, "FIELDS") {
                if index + 3 >= args.count() {
                    return Err(arity());
                }
                let count = args.int(index + 1).ok().and_then(|n| i32::try_from(n).ok());
                let count = count.filter(|&count| count > 0);
                let count = count.ok_or(other("ERR invalid number of fields"))?;
                let pairs = args.rest(index + 2);
                if !pairs.len().is_multiple_of(2)
                    || usize::try_from(count).ok() != Some(pairs.len() / 2)
                {
                    return Err(arity());
                }
                let expiry = expiry.unwrap_or_default();
                return Ok((HashSetOptions { condition, expiry }, pairs));
            }
            let deadline = deadline_keyword(args, index);
            let new_condition = match () {
                () if args.is(index, "FXX") => Some(Condition::AllExist),
                () if args.is(index, "FNX") => Some(Condition::NoneExists),
                () => None,
            };
            if deadline.is_some() || args.is(index, "KEEPTTL") {
                if expiry.is_some() {
                    return Err(other(
                        "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
                    ));
                }
                expiry = Some(Expiry::Keep);
            } else if new_condition.is_some() {
                if condition.is_some() {
                    return Err(other(
                        "ERR Only one of FXX or FNX arguments can be specified",
                    ));
                }
                condition = new_condition;
            } else {
                let word = printable(clip(args.word(index)?, usize::MAX));
                return Err(CommandError::Other(
                    format!("ERR unknown argument: {word}").into(),
                ));
            }
            if let Some((unit, base)) = deadline {
                index += 1;
                let at_ms = parse_deadline(args, index, unit, base, now_ms, "hsetex")?;
                expiry = Some(Expiry::Set(Deadline::At(at_ms)));
            }
            index += 1;
        }
        // The arity refuses every command that ends without `FIELDS` and repeats nothing.
        Err(arity())
    }
}

impl WriteCommand for HSetExWords<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.args.key())
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        let (options, pairs) = self.parse(tx.now.ms())?;
        let set = HSetEx {
            key: self.args.key(),
            pairs,
            options,
        };
        set.execute(tx)
    }
}

/// `HSETEX`: says whether the condition held.
struct HSetEx<'a> {
    key: &'a [u8],
    pairs: &'a [&'a [u8]],
    options: HashSetOptions,
}

impl WriteCommand for HSetEx<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        let now_ms = tx.now.ms();
        let hash = tx.as_read().hash(self.key)?;
        let expires_at_ms = match self.options.expiry {
            Expiry::Never | Expiry::Keep => None,
            Expiry::Set(deadline) => Some(deadline.at_ms(now_ms, "hsetex")?),
        };
        let names = || self.pairs.iter().step_by(2);
        let exists = |name: &&[u8]| hash.is_some_and(|hash| hash.get(name).is_some());
        let holds = match self.options.condition {
            None => true,
            Some(Condition::AllExist) => names().all(exists),
            Some(Condition::NoneExists) => !names().any(exists),
        };
        if !holds {
            return Ok(false);
        }
        check_words(tx.rules, self.pairs)?;
        if self.pairs.is_empty() {
            return Ok(true);
        }
        let fields: BTreeSet<&[u8]> = names().copied().collect();
        let mut deadlines: Vec<(u64, &[u8])> = Vec::new();
        match (self.options.expiry, expires_at_ms) {
            // Set and gone at once.
            (_, Some(at_ms)) if at_ms <= now_ms => {
                let fields: Vec<&[u8]> = fields.into_iter().collect();
                tx.event(Event::HDel);
                tx.hash_remove(self.key, &fields);
                return Ok(true);
            }
            (_, Some(at_ms)) => deadlines.extend(fields.iter().map(|&name| (at_ms, name))),
            (Expiry::Keep, None) => {
                let kept = |name| Some((hash?.get(name)?.deadline_ms()?, name));
                deadlines.extend(fields.iter().copied().filter_map(kept));
            }
            (Expiry::Never | Expiry::Set(_), None) => {}
        }
        tx.event(Event::HSet);
        tx.hash_set(self.key, self.pairs);
        if expires_at_ms.is_some() {
            tx.event(Event::HExpire);
        }
        deadlines.sort_unstable();
        for same in deadlines.chunk_by(|one, two| one.0 == two.0) {
            let fields: Vec<&[u8]> = same.iter().map(|&(_, name)| name).collect();
            tx.hash_expire(self.key, &fields, Some(same[0].0));
        }
        Ok(true)
    }
}

/// Reading and setting fields together with their deadlines.
pub trait HashExWrite: RunWrite {
    /// Returns the values of `fields` of the hash at `key` and removes them; the key goes with the
    /// last. Redis: `HGETDEL`.
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
    /// assert_eq!(db.hget_del("user:1", &["token", "x"])?, [Some(b"t".to_vec()), None]);
    /// assert!(!db.exists("user:1")?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HGETDEL")]
    fn hget_del<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.write(HTake {
            key: key.as_ref(),
            fields: &refs(fields),
            after: After::Remove,
        })
    }

    /// Returns the values of `fields` of the hash at `key` and lets them expire after `ttl`, rounded up
    /// to a millisecond; a `ttl` of zero removes them. Redis: `HGETEX` with `PX`.
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
    /// use std::time::Duration;
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "token", "t")?;
    /// let values = db.hget_ex("user:1", &["token"], Duration::from_secs(60))?;
    /// assert_eq!(values, [Some(b"t".to_vec())]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HGETEX")]
    fn hget_ex<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
        ttl: Duration,
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.write(HTake {
            key: key.as_ref(),
            fields: &refs(fields),
            after: After::Expire(Deadline::after(ttl)),
        })
    }

    /// Returns the values of `fields` of the hash at `key` and lets them expire at this time, in
    /// milliseconds since the Unix epoch. Redis: `HGETEX` with `PXAT`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// As [`hget_ex`](Self::hget_ex).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "token", "t")?;
    /// let values = db.hget_ex_at_ms("user:1", &["token"], 4_102_444_800_000)?;
    /// assert_eq!(values, [Some(b"t".to_vec())]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hget_ex_at_ms<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
        at_ms: u64,
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.write(HTake {
            key: key.as_ref(),
            fields: &refs(fields),
            after: After::Expire(Deadline::At(at_ms)),
        })
    }

    /// Returns the values of `fields` of the hash at `key` and lets them no longer expire. Redis:
    /// `HGETEX` with `PERSIST`.
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
    /// use nacredb::FieldTtl;
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "token", "t")?;
    /// db.hexpire_at_ms("user:1", &["token"], 4_102_444_800_000)?;
    /// assert_eq!(db.hget_persist("user:1", &["token"])?, [Some(b"t".to_vec())]);
    /// assert_eq!(db.httl_ms("user:1", &["token"])?, [FieldTtl::Never]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hget_persist<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.write(HTake {
            key: key.as_ref(),
            fields: &refs(fields),
            after: After::Persist,
        })
    }

    /// Sets fields of the hash at `key` and their deadline, all or none; says whether the condition
    /// held. A deadline that is not after now removes them. Redis: `HSETEX`.
    ///
    /// # Complexity
    /// O(N) for N fields.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::StringTooLong`] past
    /// the limit of a string, a refusal if the deadline lies beyond 2^46 milliseconds after the epoch;
    /// nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// use nacredb::HashSetOptions;
    /// use std::time::Duration;
    /// # let db = Db::open_in_memory();
    /// let fresh = HashSetOptions::new().if_none_exists().ttl(Duration::from_secs(60));
    /// assert!(db.hset_ex("user:1", &[("token", "t")], fresh)?);
    /// assert!(!db.hset_ex("user:1", &[("token", "u")], fresh)?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HSETEX")]
    fn hset_ex<F: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        pairs: &[(F, V)],
        options: HashSetOptions,
    ) -> Result<bool, Error> {
        self.write(HSetEx {
            key: key.as_ref(),
            pairs: &words_of(pairs),
            options,
        })
    }
}

impl<T: RunWrite> HashExWrite for T {}

#[cfg(test)]
mod tests;
