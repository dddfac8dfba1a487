//! How a value is held: `OBJECT` and its subcommands.

use super::args::Args;
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead, Usage};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Entry, KeyType, ReadTx};
use crate::value::number::parse_i64;

/// A row of a subcommand that looks at one key.
const fn row(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    differences: &'static str,
    example: &'static str,
    call: fn(Args<'_>, &dyn Host) -> Result<Reply, Error>,
) -> CommandSpec {
    CommandSpec {
        name,
        arity: 3,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::range(2, 2, 1),
        group: "generic",
        since,
        summary,
        complexity: "O(1)",
        redis_complexity: "",
        differences,
        example,
        call,
    }
}

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "OBJECT",
        arity: -2,
        flags: &[],
        keys: KeyPositions::NONE,
        group: "generic",
        since: "2.2.3",
        summary: "Tells how a value is held; has subcommands.",
        complexity: "That of the subcommand",
        redis_complexity: "",
        differences: "",
        example: "OBJECT HELP",
        call: |_, _| Err(CommandError::Syntax.into()),
    },
    row(
        "OBJECT|ENCODING",
        "2.2.3",
        "Returns the name of the encoding Redis would hold the value in.",
        "Values are not held in Redis's encodings: the name is worked out from the value and from \
         whether it was edited in place.",
        "OBJECT ENCODING key",
        |args, host| host.read(&Object::encoding(args.word(2)?)),
    ),
    row(
        "OBJECT|FREQ",
        "4.0.0",
        "Returns how often a key is used, under an LFU policy.",
        "Kept by hash: keys that share a word, as those of one name in two databases do, have one counter.",
        "OBJECT FREQ key",
        |args, host| {
            let key = args.word(2)?;
            let is_there = host.read_raw(&Object::existence(key))?.is_some();
            let count = is_there.then(|| frequency(host.usage(key))).transpose()?;
            Ok(count.into())
        },
    ),
    row(
        "OBJECT|IDLETIME",
        "2.2.3",
        "Returns for how many seconds a key was not used.",
        "Kept under an LRU policy only, else 0 for a key that is there; by hash: keys that share a word have \
         the shortest of their times.",
        "OBJECT IDLETIME key",
        |args, host| {
            let key = args.word(2)?;
            let is_there = host.read_raw(&Object::existence(key))?.is_some();
            let seconds = is_there
                .then(|| idle_seconds(host.usage(key)))
                .transpose()?;
            Ok(seconds.into())
        },
    ),
    row(
        "OBJECT|REFCOUNT",
        "2.2.3",
        "Returns how many references to a value Redis would count.",
        "Values have no reference counts: 2147483647 for an integer from 0 to 9999, which Redis shares, \
         else 1. (A copy made by COPY is not shared in Redis.)",
        "OBJECT REFCOUNT key",
        |args, host| host.read(&Object::reference_count(args.word(2)?)),
    ),
    CommandSpec {
        name: "OBJECT|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        keys: KeyPositions::NONE,
        group: "generic",
        since: "6.2.0",
        summary: "Lists the subcommands.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "OBJECT HELP",
        call: |_, _| Ok(help(HELP)),
    },
];

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

/// A `HELP` reply: Redis's own lines, which clients show as they are.
pub(crate) fn help(lines: &'static [&'static str]) -> Reply {
    let line = |&line: &&'static str| Reply::Status(line.into());
    Reply::Array(lines.iter().map(line).collect())
}

/// What `look` answers about the value at a key; `None` if there is none.
struct Object<'a, R> {
    key: &'a [u8],
    look: fn(&Entry<'_>) -> Result<R, CommandError>,
}

impl<R> ReadCommand for Object<'_, R> {
    type Output = Option<R>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn is_peek(&self) -> bool {
        true
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Option<R>, CommandError> {
        tx.entry(self.key)
            .map(|entry| (self.look)(&entry))
            .transpose()
    }
}

impl<'a> Object<'a, &'static str> {
    fn encoding(key: &'a [u8]) -> Self {
        Self {
            key,
            look: encoding,
        }
    }
}

impl<'a> Object<'a, ()> {
    fn existence(key: &'a [u8]) -> Self {
        Self {
            key,
            look: |_| Ok(()),
        }
    }
}

/// The answer of `OBJECT IDLETIME` for a key that is there.
fn idle_seconds(usage: Usage) -> Result<u64, CommandError> {
    match usage {
        Usage::Untracked => Ok(0),
        Usage::IdleSeconds(seconds) => Ok(seconds),
        Usage::Frequency(_) => {
            let text = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note \
                 that when switching between policies at runtime LRU and LFU data will take some time to \
                 adjust.";
            Err(CommandError::Other(text.into()))
        }
    }
}

/// The answer of `OBJECT FREQ` for a key that is there.
fn frequency(usage: Usage) -> Result<u64, CommandError> {
    match usage {
        Usage::Frequency(count) => Ok(u64::from(count)),
        Usage::Untracked | Usage::IdleSeconds(_) => {
            let text = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. \
                 Please note that when switching between policies at runtime LRU and LFU data will take \
                 some time to adjust.";
            Err(CommandError::Other(text.into()))
        }
    }
}

impl<'a> Object<'a, i64> {
    fn reference_count(key: &'a [u8]) -> Self {
        Self {
            key,
            look: |entry| {
                let is_shared = small_int(entry)?.is_some_and(|int| (0..10_000).contains(&int));
                Ok(if is_shared { i64::from(i32::MAX) } else { 1 })
            },
        }
    }
}

/// The longest text that Redis holds in one piece with its header, as `embstr`.
const EMBSTR_BYTES_MAX: u64 = 44;
/// The longest text of a 64-bit integer.
const INT_BYTES_MAX: u64 = 20;

/// The name of the encoding Redis would hold the value in.
fn encoding(entry: &Entry<'_>) -> Result<&'static str, CommandError> {
    match entry.key_type() {
        KeyType::String => {}
        KeyType::List => return Ok(entry.list()?.encoding()),
        KeyType::Hash => return Ok(entry.hash()?.encoding()),
        KeyType::Set => return Ok(entry.set()?.encoding()),
        KeyType::SortedSet => return Ok(entry.zset()?.encoding()),
    }
    let len = entry.string()?.len();
    Ok(if entry.is_edited() {
        "raw"
    } else if small_int(entry)?.is_some() {
        "int"
    } else if len <= EMBSTR_BYTES_MAX {
        "embstr"
    } else {
        "raw"
    })
}

/// The value, if Redis would hold it as an integer.
fn small_int(entry: &Entry<'_>) -> Result<Option<i64>, CommandError> {
    let Ok(string) = entry.string() else {
        return Ok(None);
    };
    if entry.is_edited() || string.len() > INT_BYTES_MAX {
        return Ok(None);
    }
    Ok(parse_i64(&string.to_vec()))
}

/// Reading how values are held.
pub trait ObjectRead: RunRead {
    /// Returns the name of the encoding Redis would hold the value at `key` in, `None` if there is
    /// none. Redis: `OBJECT ENCODING`.
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
    /// # let db = Db::open_in_memory();
    /// db.set("k", "12")?;
    /// assert_eq!(db.object_encoding("k")?, Some("int"));
    /// # Ok::<(), Error>(())
    /// ```
    fn object_encoding(&self, key: impl AsRef<[u8]>) -> Result<Option<&'static str>, Error> {
        self.read(Object::encoding(key.as_ref()))
    }

    /// Returns for how many seconds `key` was not used, as far as an LRU policy keeps it (else 0);
    /// `None` if there is no such key. Approximate: keys that share a word of the table share the latest
    /// use. Redis: `OBJECT IDLETIME`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// Redis's refusal under an LFU policy; [`StorageError`](crate::StorageError) where the handle may
    /// not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, EvictionPolicy, ManualClock, prelude::*};
    /// # use std::{sync::Arc, time::Duration};
    /// let db = Db::builder()
    ///     .clock(Arc::new(ManualClock::new(0)))
    ///     .max_memory(1 << 20, EvictionPolicy::AllKeysLru)
    ///     .open_in_memory();
    /// db.set("k", "v")?;
    /// db.advance(Duration::from_secs(90))?;
    /// assert_eq!(db.object_idle_time("k")?, Some(90));
    /// db.get("k")?;
    /// assert_eq!(db.object_idle_time("k")?, Some(0));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "OBJECT IDLETIME")]
    fn object_idle_time(&self, key: impl AsRef<[u8]>) -> Result<Option<u64>, Error> {
        let key = key.as_ref();
        let found = self.read(Object::existence(key))?;
        Ok(found.map(|()| idle_seconds(self.usage(key))).transpose()?)
    }

    /// Returns how often `key` is used, as an LFU policy counts it: a logarithm of its uses, from 0 to
    /// 255, that falls with time; `None` if there is no such key. Redis: `OBJECT FREQ`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// Redis's refusal without an LFU policy; [`StorageError`](crate::StorageError) where the handle may
    /// not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, EvictionPolicy, prelude::*};
    /// let db = Db::builder().max_memory(1 << 20, EvictionPolicy::AllKeysLfu).open_in_memory();
    /// db.set("k", "v")?;
    /// assert_eq!(db.object_frequency("k")?, Some(5));
    /// db.get("k")?;
    /// assert_eq!(db.object_frequency("k")?, Some(6));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "OBJECT FREQ")]
    fn object_frequency(&self, key: impl AsRef<[u8]>) -> Result<Option<u64>, Error> {
        let key = key.as_ref();
        let found = self.read(Object::existence(key))?;
        Ok(found.map(|()| frequency(self.usage(key))).transpose()?)
    }

    /// Returns how many references to the value at `key` Redis would count. Redis: `OBJECT REFCOUNT`.
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
    /// # let db = Db::open_in_memory();
    /// db.set("k", "text")?;
    /// assert_eq!(db.object_ref_count("k")?, Some(1));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "OBJECT REFCOUNT")]
    fn object_ref_count(&self, key: impl AsRef<[u8]>) -> Result<Option<i64>, Error> {
        self.read(Object::reference_count(key.as_ref()))
    }
}

impl<T: RunRead> ObjectRead for T {}

#[cfg(test)]
mod tests;
