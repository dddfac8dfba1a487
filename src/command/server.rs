//! The database as a whole, and what a client asks of any server: `DBSIZE`, `FLUSHDB`, `FLUSHALL`,
//! `PING`, `ECHO`, `TIME`, `SELECT`.

use super::args::Args;
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{DATABASES, ReadTx, WriteTx};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "DBSIZE",
        arity: 1,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::NONE,
        group: "server",
        since: "1.0.0",
        summary: "Counts all keys, those that have expired and are not removed yet included.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "DBSIZE",
        call: |_, host| host.read(&KeyCount),
    },
    CommandSpec {
        name: "FLUSHDB",
        arity: -1,
        flags: &[Flag::Write],
        keys: KeyPositions::NONE,
        group: "server",
        since: "1.0.0",
        summary: "Removes all keys of the selected database.",
        complexity: "O(1); another thread frees what was there",
        redis_complexity: "O(N) for N keys; O(1) with ASYNC",
        differences: "SYNC and ASYNC do the same.",
        example: "FLUSHDB",
        call: |args, host| host.write(&Clear::parse(args, false)?),
    },
    CommandSpec {
        name: "FLUSHALL",
        arity: -1,
        flags: &[Flag::Write],
        keys: KeyPositions::NONE,
        group: "server",
        since: "1.0.0",
        summary: "Removes all keys of all databases.",
        complexity: "O(1); another thread frees what was there",
        redis_complexity: "O(N) for N keys; O(1) with ASYNC",
        differences: "SYNC and ASYNC do the same.",
        example: "FLUSHALL ASYNC",
        call: |args, host| host.write(&Clear::parse(args, true)?),
    },
    CommandSpec {
        name: "PING",
        arity: -1,
        flags: &[Flag::Fast],
        keys: KeyPositions::NONE,
        group: "connection",
        since: "1.0.0",
        summary: "Answers PONG, or its argument.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "PING",
        call: |args, host| {
            if args.count() > 2 {
                return Err(CommandError::WrongArity("ping".into()).into());
            }
            host.read(&Ping)?;
            Ok(match args.rest(1) {
                [] => Reply::Status("PONG".into()),
                [message, ..] => Reply::Bulk(message.to_vec()),
            })
        },
    },
    CommandSpec {
        name: "ECHO",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        keys: KeyPositions::NONE,
        group: "connection",
        since: "1.0.0",
        summary: "Answers its argument.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "ECHO hello",
        call: |args, _| Ok(Reply::Bulk(args.word(1)?.to_vec())),
    },
    CommandSpec {
        name: "TIME",
        arity: 1,
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        keys: KeyPositions::NONE,
        group: "server",
        since: "2.6.0",
        summary: "Returns the time: seconds since the Unix epoch, and microseconds of the second.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "The database's clock: whole milliseconds, a few of them coarse; the time it was taken \
            at for a snapshot.",
        example: "TIME",
        call: |_, host| {
            let now_ms = host.read_raw(&Time)?;
            let word = |number: u64| Reply::Bulk(number.to_string().into_bytes());
            Ok(Reply::Array(vec![
                word(now_ms / 1000),
                word(now_ms % 1000 * 1000),
            ]))
        },
    },
    CommandSpec {
        name: "SWAPDB",
        arity: 3,
        flags: &[Flag::Write, Flag::Fast],
        keys: KeyPositions::NONE,
        group: "server",
        since: "4.0.0",
        summary: "Lets two logical databases change their content.",
        complexity: "O(1)",
        redis_complexity: "O(N) where N is the number of clients that watch or block",
        differences: "",
        example: "SWAPDB 0 1",
        call: |args, host| {
            let index = |at, which: &str| {
                let text = format!("ERR invalid {which} DB index");
                args.int32(at)
                    .map_err(|_no_number| CommandError::Other(text.into()))
            };
            let (one, two) = (index(1, "first")?, index(2, "second")?);
            let database = |index| {
                let index = u8::try_from(index).unwrap_or(u8::MAX);
                check_database(index).map(|()| index)
            };
            host.write(&Swap {
                one: database(one)?,
                two: database(two)?,
            })
        },
    },
    CommandSpec {
        name: "SELECT",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        keys: KeyPositions::NONE,
        group: "connection",
        since: "1.0.0",
        summary: "Selects a logical database.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "A session and a transaction select; a plain handle stays in its database and refuses.",
        example: "SELECT 0",
        call: |args, host| {
            host.select(database_index(args, 1)?)?;
            Ok(Reply::ok())
        },
    },
];

/// Refuses the number of a database that there is not.
pub(crate) fn check_database(index: u8) -> Result<(), CommandError> {
    if index < DATABASES {
        return Ok(());
    }
    Err(CommandError::Other("ERR DB index is out of range".into()))
}

/// The number of the database that the word at `index` names.
pub(crate) fn database_index(args: Args<'_>, index: usize) -> Result<u8, CommandError> {
    let database = u8::try_from(args.int32(index)?).unwrap_or(u8::MAX);
    check_database(database)?;
    Ok(database)
}

/// `DBSIZE`.
struct KeyCount;

impl ReadCommand for KeyCount {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        let tables = tx.tables();
        Ok(tables.iter().map(|table| table.keys().len() as u64).sum())
    }
}

/// `FLUSHDB`, `FLUSHALL`.
struct Clear {
    all_databases: bool,
}

impl Clear {
    fn parse(args: Args<'_>, all_databases: bool) -> Result<Self, CommandError> {
        let plain = args.count() == 1;
        if plain || (args.count() == 2 && (args.is(1, "SYNC") || args.is(1, "ASYNC"))) {
            Ok(Self { all_databases })
        } else {
            Err(CommandError::Syntax)
        }
    }
}

impl WriteCommand for Clear {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<(), CommandError> {
        if self.all_databases {
            tx.clear();
        } else {
            tx.clear_database();
        }
        Ok(())
    }
}

/// `SWAPDB`.
struct Swap {
    one: u8,
    two: u8,
}

impl WriteCommand for Swap {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<(), CommandError> {
        if self.one != self.two {
            tx.swap_databases(self.one, self.two);
        }
        Ok(())
    }
}

/// `PING`: that the handle answers is the answer.
struct Ping;

impl ReadCommand for Ping {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::None
    }

    fn execute(&self, _tx: &ReadTx<'_>) -> Result<(), CommandError> {
        Ok(())
    }
}

/// `TIME`, in milliseconds since the Unix epoch.
struct Time;

impl ReadCommand for Time {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::None
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        Ok(tx.now.ms())
    }
}

/// Reading the database as a whole.
pub trait ServerRead: RunRead {
    /// Counts all keys; those that have expired and are not removed yet count too. Redis: `DBSIZE`.
    ///
    /// # Complexity
    /// O(1): it sums one number for each shard.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// assert_eq!(db.db_size()?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "DBSIZE")]
    fn db_size(&self) -> Result<u64, Error> {
        self.read(KeyCount)
    }

    /// Answers if the handle works. Redis: `PING`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError): why the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.ping()?;
    /// # Ok::<(), Error>(())
    /// ```
    fn ping(&self) -> Result<(), Error> {
        self.read(Ping)
    }

    /// Returns the time of the database's clock, in milliseconds since the Unix epoch; for a snapshot,
    /// the time it was taken at. Redis: `TIME`.
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
    /// use nacredb::ManualClock;
    /// use std::sync::Arc;
    /// let db = Db::builder().clock(Arc::new(ManualClock::new(5_000))).open_in_memory();
    /// assert_eq!(db.time_ms()?, 5_000);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "TIME")]
    fn time_ms(&self) -> Result<u64, Error> {
        self.read(Time)
    }
}

impl<T: RunRead> ServerRead for T {}

/// Changing the database as a whole.
pub trait ServerWrite: RunWrite {
    /// Removes all keys of this handle's database. Redis: `FLUSHDB`.
    ///
    /// # Complexity
    /// O(1): another thread frees what was there.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) from the file.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// db.database(1)?.set("k", "w")?;
    /// db.flush_db()?;
    /// assert_eq!(db.get("k")?, None);
    /// assert_eq!(db.database(1)?.get("k")?, Some(b"w".to_vec()));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "FLUSHDB")]
    fn flush_db(&self) -> Result<(), Error> {
        self.write(Clear {
            all_databases: false,
        })
    }

    /// Removes all keys of all databases. Redis: `FLUSHALL`.
    ///
    /// # Complexity
    /// O(1): another thread frees what was there.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) from the file.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// db.flush_all()?;
    /// assert_eq!(db.db_size()?, 0);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "FLUSHALL")]
    fn flush_all(&self) -> Result<(), Error> {
        self.write(Clear {
            all_databases: true,
        })
    }

    /// Lets two logical databases change their content. Redis: `SWAPDB`.
    ///
    /// # Complexity
    /// O(1), whatever they hold.
    ///
    /// # Errors
    /// `ERR DB index is out of range` if there is no such database; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", "v")?;
    /// db.swap_databases(0, 1)?;
    /// assert_eq!(db.get("k")?, None);
    /// assert_eq!(db.database(1)?.get("k")?, Some(b"v".to_vec()));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "SWAPDB")]
    fn swap_databases(&self, one: u8, two: u8) -> Result<(), Error> {
        check_database(one)?;
        check_database(two)?;
        self.write(Swap { one, two })
    }
}

impl<T: RunWrite> ServerWrite for T {}

#[cfg(test)]
mod tests;
