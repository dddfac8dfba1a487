//! Hashes as a whole: `HGETALL`, `HKEYS`, `HVALS`, `HSCAN`, `HRANDFIELD`.
//!
//! A short hash is answered in the order its fields were first set, as in Redis; a long one in the
//! order of its table, which is another than Redis's.

use super::args::Args;
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead};
use super::scan_elements::{ElementScanOptions, cursor};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{FieldRef, ReadTx};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "HGETALL",
        arity: 2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "2.0.0",
        summary: "Returns all fields of a hash and their values.",
        complexity: "O(N) for N fields",
        redis_complexity: "",
        differences: "Fields of a `hashtable` come in another order.",
        example: "HGETALL hash",
        call: |args, host| {
            let pairs = host.read_raw(&HGetAll { key: args.word(1)? })?;
            let pairs = pairs.into_iter();
            Ok(Reply::Map(
                pairs
                    .map(|(field, value)| (field.into(), value.into()))
                    .collect(),
            ))
        },
    },
    CommandSpec {
        name: "HKEYS",
        arity: 2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "2.0.0",
        summary: "Returns all fields of a hash.",
        complexity: "O(N) for N fields",
        redis_complexity: "",
        differences: "Fields of a `hashtable` come in another order.",
        example: "HKEYS hash",
        call: |args, host| {
            host.read(&HKeys {
                key: args.word(1)?,
                values: false,
            })
        },
    },
    CommandSpec {
        name: "HRANDFIELD",
        arity: -2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "6.2.0",
        summary: "Returns fields of a hash chosen at random, and their values if asked.",
        complexity: "O(N) for N chosen; O(hash) where that is more than a third of it",
        redis_complexity: "O(N) for N chosen",
        differences: "Every field has the same chance, in Redis nearly the same. \
                      More than 4,194,304 choices with repetition are refused as out of range.",
        example: "HRANDFIELD hash -5 WITHVALUES",
        call: |args, host| {
            if args.count() == 2 {
                let chosen = host.read_raw(&HRandField {
                    key: args.word(1)?,
                    count: 1,
                    values: false,
                })?;
                let field = chosen.into_iter().next().map(|(field, _)| field);
                return Ok(field.into());
            }
            let (count, with_values) = parse_count(args)?;
            let chosen = host.read_raw(&HRandField {
                key: args.word(1)?,
                count,
                values: with_values,
            })?;
            Ok(flat(chosen, with_values))
        },
    },
    CommandSpec {
        name: "HSCAN",
        arity: -3,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "2.8.0",
        summary: "Returns some fields of a hash and the cursor to go on with, which is 0 at the end.",
        complexity: "O(COUNT) for a call, O(N) for all calls together",
        redis_complexity: "O(1) for a call, O(N) for all calls together",
        differences: "Cursors are other numbers. `NOVALUES` is Redis 7.4's.",
        example: "HSCAN hash 0",
        call: |args, host| {
            let cursor = cursor(args)?;
            let parsed = ElementScanOptions::parse(args, true);
            let no_values = parsed.as_ref().is_ok_and(|&(_, no_values)| no_values);
            let (cursor, pairs) = host.read_raw(&HScan {
                key: args.word(1)?,
                cursor,
                values: !no_values,
                options: parsed.map(|(options, _)| options),
            })?;
            let cursor = Reply::Bulk(cursor.to_string().into_bytes());
            Ok(Reply::Array(vec![cursor, flat(pairs, !no_values)]))
        },
    },
    CommandSpec {
        name: "HVALS",
        arity: 2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::FIRST,
        group: "hash",
        since: "2.0.0",
        summary: "Returns the values of all fields of a hash.",
        complexity: "O(N) for N fields",
        redis_complexity: "",
        differences: "Fields of a `hashtable` come in another order.",
        example: "HVALS hash",
        call: |args, host| {
            host.read(&HKeys {
                key: args.word(1)?,
                values: true,
            })
        },
    },
];

/// A field of a hash and its value.
pub type FieldValue = (Vec<u8>, Vec<u8>);

fn pair(field: FieldRef<'_>, value: bool) -> FieldValue {
    let value = if value { field.value } else { &[] };
    (field.field.to_vec(), value.to_vec())
}

/// Fields, and their values if wanted, in one array.
fn flat(pairs: Vec<FieldValue>, with_values: bool) -> Reply {
    let mut replies = Vec::with_capacity(pairs.len() * (1 + usize::from(with_values)));
    for (field, value) in pairs {
        replies.push(field.into());
        if with_values {
            replies.push(value.into());
        }
    }
    Reply::Array(replies)
}

/// How many random choices with repetition one call may ask for: the reply is built in memory.
const CHOICES_MAX: u64 = 1 << 22;

fn out_of_range() -> CommandError {
    CommandError::Other("ERR value is out of range".into())
}

/// The count of `HRANDFIELD`, and whether values are wanted.
fn parse_count(args: Args<'_>) -> Result<(i64, bool), CommandError> {
    let count = args.int(2)?;
    if count == i64::MIN {
        let text = "ERR value is out of range, value must between \
                    -9223372036854775807 and 9223372036854775807";
        return Err(CommandError::Other(text.into()));
    }
    let with_values = args.count() > 3;
    if args.count() > 4 || with_values && !args.is(3, "WITHVALUES") {
        return Err(CommandError::Syntax);
    }
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(out_of_range());
    }
    Ok((count, with_values))
}

/// `HGETALL`.
struct HGetAll<'a> {
    key: &'a [u8],
}

impl ReadCommand for HGetAll<'_> {
    type Output = Vec<FieldValue>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let hash = tx.hash(self.key)?;
        let fields = hash.iter().flat_map(|hash| hash.iter());
        Ok(fields.map(|f| pair(f, true)).collect())
    }
}

/// `HKEYS`, `HVALS`.
struct HKeys<'a> {
    key: &'a [u8],
    values: bool,
}

impl ReadCommand for HKeys<'_> {
    type Output = Vec<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let hash = tx.hash(self.key)?;
        let fields = hash.iter().flat_map(|hash| hash.iter());
        let halves = fields.map(|f| if self.values { f.value } else { f.field });
        Ok(halves.map(<[u8]>::to_vec).collect())
    }
}

/// `HRANDFIELD`: a positive count chooses different fields, a negative one each as often as it comes.
struct HRandField<'a> {
    key: &'a [u8],
    count: i64,
    /// Whether values are wanted; they are left empty otherwise.
    values: bool,
}

impl ReadCommand for HRandField<'_> {
    type Output = Vec<FieldValue>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(hash) = tx.hash(self.key)? else {
            return Ok(Vec::new());
        };
        let count = usize::try_from(self.count.unsigned_abs()).unwrap_or(usize::MAX);
        let chosen = if self.count >= 0 {
            hash.random_distinct(count, tx.random)
        } else if count as u64 <= CHOICES_MAX {
            hash.random_repeated(count, tx.random)
        } else {
            return Err(out_of_range());
        };
        let chosen = chosen.into_iter();
        Ok(chosen.map(|f| pair(f, self.values)).collect())
    }
}

/// `HSCAN`.
struct HScan<'a> {
    key: &'a [u8],
    cursor: u64,
    /// Whether values are wanted; they are left empty otherwise.
    values: bool,
    /// Redis looks at them only if there is a hash.
    options: Result<ElementScanOptions<'a>, CommandError>,
}

impl ReadCommand for HScan<'_> {
    type Output = (u64, Vec<FieldValue>);

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(hash) = tx.hash(self.key)? else {
            return Ok((0, Vec::new()));
        };
        let options = self.options.as_ref().map_err(CommandError::clone)?;
        let mut found = Vec::new();
        let cursor = hash.scan(self.cursor, options.wanted_count(), &mut |f| {
            if options.wants(f.field) {
                found.push(pair(f, self.values));
            }
        });
        Ok((cursor, found))
    }
}

/// Reading hashes as a whole.
pub trait HashAllRead: RunRead {
    /// Returns all fields of the hash at `key` with their values; nothing if it is missing. A short
    /// hash comes in the order its fields were first set, a long one in no particular order. Redis:
    /// `HGETALL`.
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
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "name", "Ada")?;
    /// assert_eq!(db.hget_all("user:1")?, [(b"name".to_vec(), b"Ada".to_vec())]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HGETALL")]
    fn hget_all(&self, key: impl AsRef<[u8]>) -> Result<Vec<FieldValue>, Error> {
        self.read(HGetAll { key: key.as_ref() })
    }

    /// Returns all fields of the hash at `key`, in the order of [`hget_all`](Self::hget_all). Redis:
    /// `HKEYS`.
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
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "name", "Ada")?;
    /// assert_eq!(db.hkeys("user:1")?, [b"name"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hkeys(&self, key: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, Error> {
        self.read(HKeys {
            key: key.as_ref(),
            values: false,
        })
    }

    /// Returns the values of all fields, in the order of [`hget_all`](Self::hget_all). Redis: `HVALS`.
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
    /// # let db = Db::open_in_memory();
    /// db.hset("user:1", "name", "Ada")?;
    /// assert_eq!(db.hvals("user:1")?, [b"Ada"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hvals(&self, key: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, Error> {
        self.read(HKeys {
            key: key.as_ref(),
            values: true,
        })
    }

    /// Returns `count` different fields with their values, or all if there are fewer, chosen with
    /// equal chances for each and in no particular order. Redis: `HRANDFIELD` with a positive count.
    ///
    /// # Complexity
    /// O(count), and O(N) for N fields where `count` is more than a third of N.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.hset_many("deck", &[("hearts", "1"), ("spades", "2")])?;
    /// assert_eq!(db.hrand_fields("deck", 1)?.len(), 1);
    /// assert_eq!(db.hrand_fields("deck", 9)?.len(), 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "HRANDFIELD")]
    fn hrand_fields(&self, key: impl AsRef<[u8]>, count: u64) -> Result<Vec<FieldValue>, Error> {
        self.read(HRandField {
            key: key.as_ref(),
            count: i64::try_from(count).unwrap_or(i64::MAX),
            values: true,
        })
    }

    /// Chooses a field `count` times, with equal chances for each every time, so that one may come
    /// more than once; nothing if the hash is missing. Redis: `HRANDFIELD` with a negative count.
    ///
    /// # Complexity
    /// O(count).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; a refusal if `count` is above
    /// 4,194,304.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.hset("coin", "heads", "1")?;
    /// assert_eq!(db.hrand_fields_repeated("coin", 3)?.len(), 3);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hrand_fields_repeated(
        &self,
        key: impl AsRef<[u8]>,
        count: u64,
    ) -> Result<Vec<FieldValue>, Error> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.read(HRandField {
            key: key.as_ref(),
            count: -count,
            values: true,
        })
    }

    /// Returns some fields of the hash at `key` with their values, and the cursor to go on with: 0
    /// starts a scan, and ends it. A field that is there during the whole scan is returned at least
    /// once; others may be. A short hash is returned whole. Redis: `HSCAN`.
    ///
    /// # Complexity
    /// O(count) for a call, O(N) for all calls of a scan of N fields.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// use nacredb::ElementScanOptions;
    /// # let db = Db::open_in_memory();
    /// db.hset_many("user:1", &[("name", "Ada"), ("born", "1815")])?;
    /// let (cursor, found) = db.hscan("user:1", 0, ElementScanOptions::new().matching("n*"))?;
    /// assert_eq!((cursor, found), (0, vec![(b"name".to_vec(), b"Ada".to_vec())]));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn hscan(
        &self,
        key: impl AsRef<[u8]>,
        cursor: u64,
        options: ElementScanOptions<'_>,
    ) -> Result<(u64, Vec<FieldValue>), Error> {
        self.read(HScan {
            key: key.as_ref(),
            cursor,
            values: true,
            options: Ok(options),
        })
    }
}

impl<T: RunRead> HashAllRead for T {}

#[cfg(test)]
mod tests;
