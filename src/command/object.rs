//! How a value is held: `OBJECT` and its subcommands.

use super::args::Args;
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead};
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
        "There is never an LFU policy: always the error Redis has by default.",
        "OBJECT FREQ key",
        |args, host| host.read(&Object::frequency(args.word(2)?)),
    ),
    row(
        "OBJECT|IDLETIME",
        "2.2.3",
        "Returns for how many seconds a key was not used.",
        "No access times are kept: always 0 for a key that is there.",
        "OBJECT IDLETIME key",
        |args, host| host.read(&Object::idle_time(args.word(2)?)),
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

impl<'a> Object<'a, i64> {
    fn idle_time(key: &'a [u8]) -> Self {
        Self {
            key,
            look: |_| Ok(0),
        }
    }

    fn frequency(key: &'a [u8]) -> Self {
        Self {
            key,
            look: |_| {
                let text = "ERR An LFU maxmemory policy is not selected, access frequency not \
                     tracked. Please note that when switching between policies at runtime LRU and LFU \
                     data will take some time to adjust.";
                Err(CommandError::Other(text.into()))
            },
        }
    }

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
