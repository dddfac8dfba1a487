//! Strings, one key at a time: `GET` and `SET` in all their forms.
//!
//! Called through the traits below and through the rows of [`COMMANDS`]; `string_many`, `string_range`,
//! `string_counter` and `string_lcs` hold the rest of the family and share what is here.
//!
//! Invariants:
//! 1. Lengths, types and times are checked before anything changes.
//! 2. A plain `SET` and a typed `get` find their entry once.
//! 3. No copy is larger than [`COPY_BYTES_MAX`], however long a sparse string is.

use std::cell::Cell;

use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::string_options::{Condition, Deadline, GetExOptions, Lifetime, SetOptions, Unit};
use super::string_options::{parse_get_ex, parse_lifetime, parse_set};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, Rules, StringRef, WriteTx};

/// What Redis checks elsewhere: its protocol carries no longer argument.
pub(super) const VALUE_LENGTH: &str =
    "A value past the limit of a string is refused here, not by the protocol.";

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "GET",
        arity: 2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "1.0.0",
        summary: "Returns the string value of a key.",
        complexity: "O(1), and the copy",
        redis_complexity: "O(1)",
        differences: "With sparse strings, one longer than 512 MB is not copied: it is refused.",
        example: "GET key",
        call: |args, host| host.read(&read_string(args.word(1)?, copy)),
    },
    CommandSpec {
        name: "GETDEL",
        arity: 2,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "6.2.0",
        summary: "Removes a key and returns the string it held.",
        complexity: "O(1), and the copy",
        redis_complexity: "O(1)",
        differences: "",
        example: "GETDEL key",
        call: |args, host| host.write(&GetDel { key: args.word(1)? }),
    },
    CommandSpec {
        name: "GETEX",
        arity: -2,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "6.2.0",
        summary: "Returns the string value of a key and sets or clears its deadline.",
        complexity: "O(1), and the copy",
        redis_complexity: "O(1)",
        differences: "",
        example: "GETEX key EX 10",
        call: |args, host| {
            host.write(&GetEx {
                key: args.word(1)?,
                options: parse_get_ex(args)?,
            })
        },
    },
    CommandSpec {
        name: "GETSET",
        arity: 3,
        flags: &[Flag::Write, Flag::DenyOom, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "1.0.0",
        summary: "Sets a key and returns the string it held.",
        complexity: "O(N) where N is the length of the values",
        redis_complexity: "O(1)",
        differences: VALUE_LENGTH,
        example: "GETSET key value",
        call: |args, host| {
            let set = Set::new(args.word(1)?, args.word(2)?).returning_old();
            Ok(host.write_raw(&set)?.old.into())
        },
    },
    CommandSpec {
        name: "PSETEX",
        arity: 4,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "2.6.0",
        summary: "Sets a key that expires in a number of milliseconds.",
        complexity: "O(N) where N is the length of the value",
        redis_complexity: "O(1)",
        differences: VALUE_LENGTH,
        example: "PSETEX key 1000 value",
        call: |args, host| {
            let lifetime = parse_lifetime(args, 2, Unit::AfterMs, "psetex")?;
            let set = Set::new(args.word(1)?, args.word(3)?).expiring(lifetime, "psetex");
            host.write_raw(&set)?;
            Ok(Reply::ok())
        },
    },
    CommandSpec {
        name: "SET",
        arity: -3,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "1.0.0",
        summary: "Sets a key to a string, on a condition and with a deadline if wanted.",
        complexity: "O(N) where N is the length of the value",
        redis_complexity: "O(1)",
        differences: VALUE_LENGTH,
        example: "SET key value NX PX 1000",
        call: |args, host| {
            let (key, value) = (args.word(1)?, args.word(2)?);
            if args.count() == 3 {
                return host.write(&PlainSet { key, value });
            }
            let (options, get) = parse_set(args)?;
            let set = Set {
                options,
                get,
                ..Set::new(key, value)
            };
            let done = host.write_raw(&set)?;
            Ok(match (get, done.stored) {
                (true, _) => done.old.into(),
                (false, true) => Reply::ok(),
                (false, false) => Reply::Nil,
            })
        },
    },
    CommandSpec {
        name: "SETEX",
        arity: 4,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "2.0.0",
        summary: "Sets a key that expires in a number of seconds.",
        complexity: "O(N) where N is the length of the value",
        redis_complexity: "O(1)",
        differences: VALUE_LENGTH,
        example: "SETEX key 10 value",
        call: |args, host| {
            let lifetime = parse_lifetime(args, 2, Unit::AfterS, "setex")?;
            let set = Set::new(args.word(1)?, args.word(3)?).expiring(lifetime, "setex");
            host.write_raw(&set)?;
            Ok(Reply::ok())
        },
    },
    CommandSpec {
        name: "SETNX",
        arity: 3,
        flags: &[Flag::Write, Flag::DenyOom, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "1.0.0",
        summary: "Sets a key that does not exist yet.",
        complexity: "O(N) where N is the length of the value",
        redis_complexity: "O(1)",
        differences: VALUE_LENGTH,
        example: "SETNX key value",
        call: |args, host| {
            let set = Set::new(args.word(1)?, args.word(2)?).only_if(Condition::IfMissing);
            Ok(host.write_raw(&set)?.stored.into())
        },
    },
];

/// The most bytes that one reading copies out. Only sparse strings can be longer.
pub(super) const COPY_BYTES_MAX: u64 = 512 << 20;

/// A copy of a whole string.
///
/// # Errors
/// If it is longer than any reply may be.
pub(super) fn copy(string: StringRef<'_>) -> Result<Vec<u8>, CommandError> {
    check_copy(string.len())?;
    Ok(string.to_vec())
}

/// Refuses a copy that no reply could carry.
pub(super) fn check_copy(bytes: u64) -> Result<(), CommandError> {
    if bytes > COPY_BYTES_MAX {
        return Err(CommandError::StringTooLong);
    }
    Ok(())
}

/// Refuses a string of `len` bytes and then `more` that would be past the limit, and more bytes in one
/// piece than a frame of the log holds.
#[inline]
pub(super) fn check_length(rules: Rules, len: u64, more: usize) -> Result<(), CommandError> {
    match len.checked_add(more as u64) {
        Some(total)
            if total <= rules.string_bytes_max && more as u64 <= Rules::WRITTEN_BYTES_MAX =>
        {
            Ok(())
        }
        _ => Err(CommandError::StringTooLong),
    }
}

/// Calls `visit` with the bytes of a string; copies them only where they lie in several pieces.
#[inline]
pub(super) fn visit_whole<R>(
    string: StringRef<'_>,
    visit: impl FnOnce(&[u8]) -> R,
) -> Result<R, CommandError> {
    match string.contiguous() {
        Some(bytes) => Ok(visit(bytes)),
        None => Ok(visit(&copy(string)?)),
    }
}

/// Any reading of one string: the closure gets it where it lies, under the key's shard lock.
pub(super) struct ReadString<'a, F> {
    key: &'a [u8],
    read: Cell<Option<F>>,
}

/// An operation that answers what `read` does, or `None` if there is no string at `key`.
#[inline]
pub(super) fn read_string<R, F>(key: &[u8], read: F) -> ReadString<'_, F>
where
    F: FnOnce(StringRef<'_>) -> Result<R, CommandError>,
{
    ReadString {
        key,
        read: Cell::new(Some(read)),
    }
}

impl<R, F> ReadCommand for ReadString<'_, F>
where
    F: FnOnce(StringRef<'_>) -> Result<R, CommandError>,
{
    type Output = Option<R>;

    #[inline]
    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    #[inline]
    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            return Ok(None);
        };
        let string = entry.string()?;
        self.read.take().map(|read| read(string)).transpose()
    }
}

/// A copy of the string at `key`, for commands that go on to change it.
fn old_string(tx: &WriteTx<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, CommandError> {
    let string = tx.entry(key).map(|entry| entry.string()).transpose()?;
    string.map(copy).transpose()
}

/// `SET` without options: it does not look at what was there.
struct PlainSet<'a> {
    key: &'a [u8],
    value: &'a [u8],
}

impl WriteCommand for PlainSet<'_> {
    type Output = ();

    #[inline]
    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    #[inline]
    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<(), CommandError> {
        check_length(tx.rules, 0, self.value.len())?;
        tx.event(Event::Set);
        tx.set_string(self.key, self.value, None);
        Ok(())
    }
}

/// `SET` with options, and the commands that are one of its cases.
struct Set<'a> {
    key: &'a [u8],
    value: &'a [u8],
    options: SetOptions,
    /// Whether the old string is wanted, which then must be a string.
    get: bool,
    /// Who refuses a bad time.
    name: &'static str,
}

/// What a [`Set`] did.
struct SetDone {
    stored: bool,
    old: Option<Vec<u8>>,
}

impl<'a> Set<'a> {
    fn new(key: &'a [u8], value: &'a [u8]) -> Self {
        Self {
            key,
            value,
            options: SetOptions::new(),
            get: false,
            name: "set",
        }
    }

    fn returning_old(mut self) -> Self {
        self.get = true;
        self
    }

    fn only_if(mut self, condition: Condition) -> Self {
        self.options.condition = condition;
        self
    }

    fn expiring(mut self, lifetime: Lifetime, name: &'static str) -> Self {
        self.options.lifetime = lifetime;
        self.name = name;
        self
    }
}

impl WriteCommand for Set<'_> {
    type Output = SetDone;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<SetDone, CommandError> {
        check_length(tx.rules, 0, self.value.len())?;
        let deadline = self.options.lifetime.resolve(tx.now, self.name)?;
        let mut old = None;
        let before = match tx.entry(self.key) {
            Some(entry) => {
                if self.get {
                    old = Some(copy(entry.string()?)?);
                }
                Some(entry.expires_at_ms())
            }
            None => None,
        };
        let stored = match self.options.condition {
            Condition::Always => true,
            Condition::IfMissing => before.is_none(),
            Condition::IfPresent => before.is_some(),
        };
        if stored {
            let expires_at_ms = match deadline {
                Deadline::Kept => before.flatten(),
                Deadline::New(expires_at_ms) => expires_at_ms,
            };
            tx.event(Event::Set);
            tx.set_string(self.key, self.value, expires_at_ms);
            if matches!(deadline, Deadline::New(Some(_))) {
                tx.also(Event::Expire);
            }
        }
        Ok(SetDone { stored, old })
    }
}

/// `GETDEL`.
struct GetDel<'a> {
    key: &'a [u8],
}

impl WriteCommand for GetDel<'_> {
    type Output = Option<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let old = old_string(tx, self.key)?;
        if old.is_some() {
            tx.erase(self.key);
        }
        Ok(old)
    }
}

/// `GETEX`. Its options may be a refusal that only counts where there is a string.
struct GetEx<'a> {
    key: &'a [u8],
    options: Result<GetExOptions, CommandError>,
}

impl WriteCommand for GetEx<'_> {
    type Output = Option<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            return Ok(None);
        };
        let string = entry.string()?;
        let lifetime = self.options.clone()?.lifetime;
        let deadline = lifetime.resolve(tx.now, "getex")?;
        let old = copy(string)?;
        let had_deadline = entry.expires_at_ms().is_some();
        match deadline {
            Deadline::Kept => {}
            Deadline::New(None) if had_deadline => {
                tx.event(Event::Persist);
                tx.expire(self.key, None);
            }
            Deadline::New(None) => {}
            Deadline::New(Some(at_ms)) if at_ms <= tx.now.ms() => {
                tx.erase(self.key);
            }
            Deadline::New(at_ms) => {
                tx.event(Event::Expire);
                tx.expire(self.key, at_ms);
            }
        }
        Ok(Some(old))
    }
}

/// Reading one string.
pub trait StringRead: RunRead {
    /// Returns the string at `key`, or `None` if there is none. Redis: `GET`.
    ///
    /// # Complexity
    /// O(1), and the copy.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; [`CommandError::StringTooLong`] if it
    /// is a sparse string of more than 512 MB.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("greeting", "hello")?;
    /// assert_eq!(db.get("greeting")?, Some(b"hello".to_vec()));
    /// assert_eq!(db.get("nobody")?, None);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        self.read(read_string(key.as_ref(), copy))
    }

    /// Reads the string at `key` into `out`, in place of what `out` held; says whether there was one.
    /// Without one `out` is empty. A buffer used again saves the allocation. Redis: `GET`.
    ///
    /// # Complexity
    /// O(1), and the copy.
    ///
    /// # Errors
    /// As [`get`](Self::get); `out` is then empty.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("greeting", "hello")?;
    /// let mut buffer = Vec::new();
    /// assert!(db.get_into("greeting", &mut buffer)?);
    /// assert_eq!(buffer, b"hello");
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn get_into(&self, key: impl AsRef<[u8]>, out: &mut Vec<u8>) -> Result<bool, Error> {
        out.clear();
        let found = self.read(read_string(key.as_ref(), |string| {
            check_copy(string.len())?;
            string.read_into(0, string.len(), out);
            Ok(())
        }))?;
        Ok(found.is_some())
    }

    /// Calls `visit` with the string at `key` and returns what it answers. The bytes are not copied
    /// unless the string is long and lies in pieces. Redis: `GET`.
    ///
    /// The closure runs while the key's shard is locked: keep it short. On a database, calling back
    /// into it from there can be refused with
    /// [`StorageError::Reentrant`](crate::StorageError::Reentrant).
    ///
    /// # Complexity
    /// O(1), and what the closure does.
    ///
    /// # Errors
    /// As [`get`](Self::get); the closure was not called.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("greeting", "hello")?;
    /// let sum = db.get_with("greeting", |bytes| bytes.iter().map(|&b| u32::from(b)).sum::<u32>())?;
    /// assert_eq!(sum, Some(532));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn get_with<R>(
        &self,
        key: impl AsRef<[u8]>,
        visit: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Error> {
        self.read(read_string(key.as_ref(), |string| {
            visit_whole(string, visit)
        }))
    }
}

impl<T: RunRead> StringRead for T {}

/// Writing one string.
pub trait StringWrite: RunWrite {
    /// Lets `key` hold `value`, whatever it held, without a deadline. Redis: `SET`.
    ///
    /// # Complexity
    /// O(N) where N is the length of the value.
    ///
    /// # Errors
    /// [`CommandError::StringTooLong`] past the limit; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("greeting", "hello")?;
    /// assert_eq!(db.get("greeting")?, Some(b"hello".to_vec()));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.write(PlainSet {
            key: key.as_ref(),
            value: value.as_ref(),
        })
    }

    /// As [`set`](Self::set), with a condition and a deadline; says whether the key was set. Redis:
    /// `SET` with options.
    ///
    /// # Complexity
    /// O(N) where N is the length of the value.
    ///
    /// # Errors
    /// [`CommandError::StringTooLong`] past the limit; [`CommandError::Other`] for a time to live of 0
    /// or a deadline past `i64::MAX` ms. Nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, SetOptions, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert!(!db.set_with("k", "v", SetOptions::new().xx())?);
    /// assert!(db.set_with("k", "v", SetOptions::new().nx().ttl_ms(5_000))?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn set_with(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: SetOptions,
    ) -> Result<bool, Error> {
        let set = Set {
            options,
            ..Set::new(key.as_ref(), value.as_ref())
        };
        Ok(self.write(set)?.stored)
    }

    /// As [`set_with`](Self::set_with), and returns the string that was there before. With
    /// [`nx`](SetOptions::nx), `None` means that the key was set; with [`xx`](SetOptions::xx), that it
    /// was not. Redis: `SET` with `GET`.
    ///
    /// # Complexity
    /// O(N) where N is the length of both values.
    ///
    /// # Errors
    /// As [`set_with`](Self::set_with), and [`CommandError::WrongType`] if `key` holds another type;
    /// nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, SetOptions, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.set_get("k", "one", SetOptions::new().nx())?, None);
    /// assert_eq!(db.set_get("k", "two", SetOptions::new().nx())?, Some(b"one".to_vec()));
    /// assert_eq!(db.get("k")?, Some(b"one".to_vec()));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn set_get(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: SetOptions,
    ) -> Result<Option<Vec<u8>>, Error> {
        let set = Set {
            options,
            ..Set::new(key.as_ref(), value.as_ref()).returning_old()
        };
        Ok(self.write(set)?.old)
    }

    /// Sets a key that does not exist; says whether it was set. Redis: `SETNX`.
    ///
    /// # Complexity
    /// O(N) where N is the length of the value.
    ///
    /// # Errors
    /// [`CommandError::StringTooLong`] past the limit; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert!(db.set_nx("k", "one")?);
    /// assert!(!db.set_nx("k", "two")?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn set_nx(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<bool, Error> {
        let set = Set::new(key.as_ref(), value.as_ref()).only_if(Condition::IfMissing);
        Ok(self.write(set)?.stored)
    }

    /// Sets a key that expires in `ttl_s` seconds. Redis: `SETEX`.
    ///
    /// # Complexity
    /// O(N) where N is the length of the value.
    ///
    /// # Errors
    /// As [`set_with`](Self::set_with); nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set_ex("session", "abc", 60)?;
    /// assert!(db.set_ex("session", "abc", 0).is_err());
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn set_ex(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl_s: u64,
    ) -> Result<(), Error> {
        // A product past the range is refused as every other time past it.
        let lifetime = Lifetime::AfterMs(ttl_s.saturating_mul(1000));
        self.write(Set::new(key.as_ref(), value.as_ref()).expiring(lifetime, "setex"))?;
        Ok(())
    }

    /// Sets a key that expires in `ttl_ms` milliseconds. Redis: `PSETEX`.
    ///
    /// # Complexity
    /// O(N) where N is the length of the value.
    ///
    /// # Errors
    /// As [`set_with`](Self::set_with); nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.pset_ex("session", "abc", 1_500)?;
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn pset_ex(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl_ms: u64,
    ) -> Result<(), Error> {
        let lifetime = Lifetime::AfterMs(ttl_ms);
        self.write(Set::new(key.as_ref(), value.as_ref()).expiring(lifetime, "psetex"))?;
        Ok(())
    }

    /// Sets a key, without a deadline, and returns the string it held. Redis: `GETSET`.
    ///
    /// # Complexity
    /// O(N) where N is the length of both values.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::StringTooLong`] past
    /// the limit; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.get_set("k", "one")?, None);
    /// assert_eq!(db.get_set("k", "two")?, Some(b"one".to_vec()));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn get_set(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.set_get(key, value, SetOptions::new())
    }

    /// Returns the string at `key` and removes the key. Redis: `GETDEL`.
    ///
    /// # Complexity
    /// O(1), and the copy.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// assert_eq!(db.get_del("k")?, Some(b"v".to_vec()));
    /// assert_eq!(db.get_del("k")?, None);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn get_del(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        self.write(GetDel { key: key.as_ref() })
    }

    /// Returns the string at `key` and changes its deadline as `options` say. Redis: `GETEX`.
    ///
    /// # Complexity
    /// O(1), and the copy.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; [`CommandError::Other`] for a time to
    /// live of 0 or a deadline past `i64::MAX` ms, if the key exists. Nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, GetExOptions, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("session", "abc")?;
    /// let session = db.get_ex("session", GetExOptions::new().ttl_ms(60_000))?;
    /// assert_eq!(session, Some(b"abc".to_vec()));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn get_ex(
        &self,
        key: impl AsRef<[u8]>,
        options: GetExOptions,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.write(GetEx {
            key: key.as_ref(),
            options: Ok(options),
        })
    }
}

impl<T: RunWrite> StringWrite for T {}

#[cfg(test)]
mod tests;
