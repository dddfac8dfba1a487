//! `DUMP` and `RESTORE`: one value in Redis's serialization, to carry it to another database or server.
//!
//! Invariants:
//! 1. A payload is read before anything is locked, and whole before anything changes: one that is refused
//!    leaves no trace.
//! 2. `RESTORE` leaves the effects that commands of the value's type would have left.

use std::time::Duration;

use super::args::{Args, check_words};
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::string::{check_copy, visit_whole};
use super::string_options::{Deadline, Lifetime, whole_ms};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, KeyType, ReadTx, WriteTx, ZeroSigns};
use crate::rdb::{self, Form, Object};
use crate::value::SetValue;

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "DUMP",
        arity: 2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "generic",
        since: "2.6.0",
        summary: "Returns the value of a key in Redis's serialization, for RESTORE.",
        complexity: "O(N) where N is the bytes of the value",
        redis_complexity: "",
        differences: "Strings are compressed by other choices, to bytes that every Redis reads; the \
                      integers of an intset take no more bytes than those in it need. A hash whose fields \
                      have deadlines is refused: the format of 7.0 has no place for them. With sparse \
                      strings, one longer than 512 MB is refused.",
        example: "DUMP key",
        call: |args, host| host.read(&Dump { key: args.word(1)? }),
    },
    CommandSpec {
        name: "RESTORE",
        arity: -4,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::FIRST,
        group: "generic",
        since: "2.6.0",
        summary: "Sets a key to a value that DUMP has given away.",
        complexity: "O(N) where N is the bytes of the value; O(M log M) for a sorted set of M members",
        redis_complexity: "",
        differences: "Payloads up to version 10 (Redis 7.0) are read, without streams and modules. They \
                      are always checked throughout, as after `sanitize-dump-payload yes`, and refused \
                      where Redis is lenient: bytes after the value, scores that are no numbers. IDLETIME \
                      and FREQ are checked and not kept: the key counts as just used. A deadline too far \
                      off for 64 bits is refused, and a collection of which more than 524,288 elements are packed \
                      to less than a byte each.",
        example: "RESTORE key 0 payload REPLACE",
        call: |args, host| host.write(&Restore::parse(args)?),
    },
];

/// `DUMP`.
struct Dump<'a> {
    key: &'a [u8],
}

impl ReadCommand for Dump<'_> {
    type Output = Option<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            return Ok(None);
        };
        let payload = match entry.key_type() {
            KeyType::String => {
                let string = entry.string()?;
                check_copy(string.len())?;
                visit_whole(string, rdb::string)?
            }
            KeyType::List => rdb::list(entry.list()?.iter()),
            KeyType::Set => {
                let set = entry.set()?;
                let members: Vec<_> = set.iter().map(|member| member.to_vec()).collect();
                let form = match set {
                    SetValue::Ints(_) => Form::Packed,
                    SetValue::Words(_) | SetValue::Table(_) => Form::Plain,
                };
                rdb::set(&members, form)
            }
            KeyType::Hash => {
                let there = tx.hash(self.key)?;
                let there: Vec<_> = there.iter().flat_map(|fields| fields.iter()).collect();
                if there.iter().any(|field| field.deadline_ms().is_some()) {
                    let text = "ERR DUMP has no form for a hash whose fields have deadlines";
                    return Err(CommandError::Other(text.into()));
                }
                let fields: Vec<_> = there.iter().map(|f| (f.field, f.value)).collect();
                rdb::hash(&fields, form(entry.hash()?.encoding()))
            }
            KeyType::SortedSet => {
                let zset = entry.zset()?;
                let members: Vec<_> = zset.range(0..zset.len()).collect();
                rdb::sorted_set(&members, form(zset.encoding()))
            }
        };
        Ok(Some(payload))
    }
}

/// How a collection of this encoding is written.
fn form(encoding: &str) -> Form {
    match encoding {
        "listpack" => Form::Packed,
        _ => Form::Plain,
    }
}

/// `RESTORE`. What is wrong with the lifetime or the payload is said after a key that is there already.
struct Restore<'a> {
    key: &'a [u8],
    replace: bool,
    lifetime: Result<Lifetime, CommandError>,
    object: Result<Object, CommandError>,
}

impl<'a> Restore<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let (mut replace, mut absolute) = (false, false);
        let (mut idle, mut frequency) = (false, false);
        let mut index = 4;
        while index < args.count() {
            let has_next = index + 1 < args.count();
            if args.is(index, "REPLACE") {
                replace = true;
            } else if args.is(index, "ABSTTL") {
                absolute = true;
            } else if args.is(index, "IDLETIME") && has_next && !frequency {
                idle = true;
                index += 1;
                if args.int(index)? < 0 {
                    let text = "ERR Invalid IDLETIME value, must be >= 0";
                    return Err(CommandError::Other(text.into()));
                }
            } else if args.is(index, "FREQ") && has_next && !idle {
                frequency = true;
                index += 1;
                if !(0..=255).contains(&args.int(index)?) {
                    let text = "ERR Invalid FREQ value, must be >= 0 and <= 255";
                    return Err(CommandError::Other(text.into()));
                }
            } else {
                return Err(CommandError::Syntax);
            }
            index += 1;
        }
        Ok(Self {
            key: args.word(1)?,
            replace,
            lifetime: parse_ttl(args, absolute),
            object: rdb::decode(args.word(3)?),
        })
    }

    fn new(key: &'a [u8], payload: &[u8], options: RestoreOptions) -> Self {
        Self {
            key,
            replace: options.replace,
            lifetime: Ok(options.lifetime),
            object: rdb::decode(payload),
        }
    }
}

/// The lifetime that the second argument names: 0 for none.
fn parse_ttl(args: Args<'_>, absolute: bool) -> Result<Lifetime, CommandError> {
    match u64::try_from(args.int(2)?) {
        Ok(0) => Ok(Lifetime::Forever),
        Ok(at_ms) if absolute => Ok(Lifetime::AtMs(at_ms)),
        Ok(after_ms) => Ok(Lifetime::AfterMs(after_ms)),
        Err(_negative) => Err(CommandError::Other(
            "ERR Invalid TTL value, must be >= 0".into(),
        )),
    }
}

impl WriteCommand for Restore<'_> {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<(), CommandError> {
        if !self.replace && tx.entry(self.key).is_some() {
            let text = "BUSYKEY Target key name already exists.";
            return Err(CommandError::Other(text.into()));
        }
        let lifetime = self.lifetime.clone()?;
        let object = self.object.as_ref().map_err(Clone::clone)?;
        check_words(tx.rules, &words(object))?;
        let deadline_ms = match lifetime.resolve(tx.now, "restore")? {
            Deadline::New(at_ms) => at_ms,
            Deadline::Kept => None,
        };
        if deadline_ms.is_some_and(|at_ms| at_ms <= tx.now.ms()) {
            tx.remove(self.key);
            return Ok(());
        }
        tx.displace_as_new(self.key);
        tx.event(Event::Restore);
        match object {
            Object::String(bytes) => {
                tx.set_string(self.key, bytes, deadline_ms);
                return Ok(());
            }
            Object::List(_) => tx.list_store(self.key, &words(object), Event::Restore),
            Object::Set(_) => {
                tx.set_add(self.key, &words(object));
            }
            Object::Hash(_) => {
                tx.hash_set(self.key, &words(object));
            }
            Object::SortedSet(members) => {
                let members: Vec<_> = members.iter().map(|(m, score)| (*score, &m[..])).collect();
                let limits = tx.encoding.limits();
                let is_long = members.len() > limits.zset_listpack_entries
                    || (members.iter()).any(|(_, m)| m.len() > limits.zset_listpack_value_bytes);
                let signs = match is_long {
                    true => ZeroSigns::All,
                    false => ZeroSigns::OfLong,
                };
                tx.zset_replace(self.key, &members, signs, Event::Restore);
            }
        }
        if deadline_ms.is_some() {
            tx.expire(self.key, deadline_ms);
        }
        Ok(())
    }
}

/// The strings of a value, but for scores.
fn words(object: &Object) -> Vec<&[u8]> {
    match object {
        Object::String(bytes) => vec![bytes],
        Object::List(words) | Object::Set(words) => words.iter().map(Vec::as_slice).collect(),
        Object::Hash(fields) => {
            let fields = fields.iter();
            fields.flat_map(|(f, value)| [&f[..], &value[..]]).collect()
        }
        Object::SortedSet(members) => members.iter().map(|(member, _)| &member[..]).collect(),
    }
}

/// What [`DumpWrite::restore`] does with a key that is there, and how long the new one lives. Of two
/// lifetimes the one given last counts; without any the key never expires.
///
/// ```
/// use nacredb::{RestoreOptions, prelude::*};
/// # let db = nacredb::Db::open_in_memory();
/// db.set("k", "v")?;
/// let payload = db.dump("k")?.expect("a value");
/// db.restore("k", payload, RestoreOptions::new().replace().ttl_ms(30_000))?;
/// assert!(db.ttl_ms("k")?.ms().is_some());
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct RestoreOptions {
    replace: bool,
    lifetime: Lifetime,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl RestoreOptions {
    /// Refuses a key that is there; no deadline.
    pub const fn new() -> Self {
        Self {
            replace: false,
            lifetime: Lifetime::Forever,
        }
    }

    /// Replaces what is there, whatever its type, and its deadline.
    pub const fn replace(mut self) -> Self {
        self.replace = true;
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

    /// Lets the key expire at this time, in milliseconds since the Unix epoch; 0 is refused, and at a
    /// time that has passed there is nothing at the key afterwards.
    pub const fn expires_at_ms(mut self, expires_at_ms: u64) -> Self {
        self.lifetime = Lifetime::AtMs(expires_at_ms);
        self
    }
}

/// Giving values away in Redis's serialization.
pub trait DumpRead: RunRead {
    /// Returns the value of `key` as a payload that [`restore`](DumpWrite::restore) takes, and so does
    /// every Redis from 7.0 on; `None` if there is no such key. The deadline is no part of it. Redis:
    /// `DUMP`.
    ///
    /// # Complexity
    /// O(N) for a value of N bytes.
    ///
    /// # Errors
    /// A refusal of a hash whose fields have deadlines, for which the format has no place, and of a
    /// sparse string of more than 512 MB.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, RestoreOptions, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.zadd("scores", 1.5, "ada")?;
    /// let payload = db.dump("scores")?.expect("a value");
    /// db.restore("again", payload, RestoreOptions::new())?;
    /// assert_eq!(db.zscore("again", "ada")?, Some(1.5));
    /// assert_eq!(db.dump("missing")?, None);
    /// # Ok::<(), Error>(())
    /// ```
    fn dump(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        self.read(Dump { key: key.as_ref() })
    }
}

impl<T: RunRead> DumpRead for T {}

/// Taking values in Redis's serialization.
pub trait DumpWrite: RunWrite {
    /// Lets `key` hold the value of a payload that [`dump`](DumpRead::dump) or a Redis up to 7.0 has made.
    /// Redis: `RESTORE`.
    ///
    /// # Complexity
    /// O(N) for a payload that stands for N bytes; O(M log M) for a sorted set of M members.
    ///
    /// # Errors
    /// If there is something at the key that is not to be replaced; if the payload's version or checksum
    /// is wrong, or its content; if the lifetime is no time. Nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, RestoreOptions, prelude::*};
    /// # let db = Db::open_in_memory();
    /// // What Redis 7.0 answers to DUMP after SET k 10.
    /// let payload = b"\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbb";
    /// db.restore("k", payload, RestoreOptions::new())?;
    /// assert_eq!(db.get("k")?, Some(b"10".to_vec()));
    /// assert!(db.restore("k", payload, RestoreOptions::new()).is_err());
    /// assert!(db.restore("other", &payload[1..], RestoreOptions::new()).is_err());
    /// # Ok::<(), Error>(())
    /// ```
    fn restore(
        &self,
        key: impl AsRef<[u8]>,
        payload: impl AsRef<[u8]>,
        options: RestoreOptions,
    ) -> Result<(), Error> {
        self.write(Restore::new(key.as_ref(), payload.as_ref(), options))
    }
}

impl<T: RunWrite> DumpWrite for T {}

#[cfg(test)]
mod tests;
