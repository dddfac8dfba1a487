//! The database as a whole, and what a client asks of any server: `DBSIZE`, `FLUSHDB`, `FLUSHALL`,
//! `PING`, `ECHO`, `TIME`, `SELECT`.

use super::args::Args;
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{ReadTx, WriteTx};

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
        summary: "Removes all keys.",
        complexity: "O(1); another thread frees what was there",
        redis_complexity: "O(N) for N keys; O(1) with ASYNC",
        differences: "SYNC and ASYNC do the same.",
        example: "FLUSHDB",
        call: |args, host| host.write(&Clear::parse(args)?),
    },
    CommandSpec {
        name: "FLUSHALL",
        arity: -1,
        flags: &[Flag::Write],
        keys: KeyPositions::NONE,
        group: "server",
        since: "1.0.0",
        summary: "Removes all keys; the same as FLUSHDB, as there is one database.",
        complexity: "O(1); another thread frees what was there",
        redis_complexity: "O(N) for N keys; O(1) with ASYNC",
        differences: "SYNC and ASYNC do the same.",
        example: "FLUSHALL ASYNC",
        call: |args, host| host.write(&Clear::parse(args)?),
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
        name: "SELECT",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        keys: KeyPositions::NONE,
        group: "connection",
        since: "1.0.0",
        summary: "Selects database 0.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "There is only database 0: any other index is refused as out of range.",
        example: "SELECT 0",
        call: |args, _| {
            check_database_index(args, 1)?;
            Ok(Reply::ok())
        },
    },
];

/// Checks that the word at `index` names a database that exists.
pub(crate) fn check_database_index(args: Args<'_>, index: usize) -> Result<(), CommandError> {
    match args.int32(index)? {
        0 => Ok(()),
        _ => Err(CommandError::Other("ERR DB index is out of range".into())),
    }
}

/// `DBSIZE`.
struct KeyCount;

impl ReadCommand for KeyCount {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<u64, CommandError> {
        let shards = tx.shards();
        Ok(shards.iter().map(|shard| shard.keys.len() as u64).sum())
    }
}

/// `FLUSHDB`, `FLUSHALL`.
struct Clear;

impl Clear {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let plain = args.count() == 1;
        if plain || (args.count() == 2 && (args.is(1, "SYNC") || args.is(1, "ASYNC"))) {
            Ok(Self)
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
        tx.clear();
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
    /// Removes all keys. Redis: `FLUSHDB`, `FLUSHALL`.
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
    #[doc(alias = "FLUSHDB")]
    fn flush_all(&self) -> Result<(), Error> {
        self.write(Clear)
    }
}

impl<T: RunWrite> ServerWrite for T {}

#[cfg(test)]
mod tests;
