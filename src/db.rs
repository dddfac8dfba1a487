//! The public face: [`Db`], its [`Builder`], and what they hand out.

use std::sync::Arc;
use std::time::Duration;

use crate::command;
use crate::command::reply::Reply;
use crate::command::run::{Host, Keys, ReadCall, ReadCommand, RunRead, RunWrite};
use crate::command::run::{WriteCall, WriteCommand};
use crate::engine::Engine;
use crate::engine::options::Options;
use crate::engine::snapshot::Snapshot;
use crate::engine::transaction::Transaction;
use crate::error::{CommandError, Error};
use crate::sys::clock::Clock;

/// A database: a handle that clones cheaply and may be used from any thread.
#[derive(Debug, Clone)]
pub struct Db {
    handle: Arc<Handle>,
}

/// Closes the engine with the last clone of its [`Db`].
#[derive(Debug)]
struct Handle {
    engine: Arc<Engine>,
    options: Options,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.engine.close();
    }
}

/// How a database is opened. Start with [`Db::builder`].
#[derive(Debug, Clone, Default)]
pub struct Builder {
    options: Options,
}

impl Builder {
    /// Takes the time from `clock`, e.g. a [`ManualClock`](crate::ManualClock).
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.options.clock = clock;
        self
    }

    /// Makes every random choice (`RANDOMKEY`, hash seeds) follow from `seed`: for tests.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }

    /// Lifts the limits of strings from 512 MB and bit offsets below 2^32, as in Redis, to bit offsets
    /// below 2^63. Long strings are sparse: zeros cost nothing.
    #[must_use]
    pub fn sparse_strings(mut self) -> Self {
        self.options.rules.string_bytes_max = 1 << 60;
        self.options.rules.bit_offsets = 1 << 63;
        self
    }

    /// A database in memory.
    #[must_use]
    pub fn open_in_memory(self) -> Db {
        Db::from_engine(Engine::in_memory(&self.options, None), self.options)
    }
}

impl Db {
    /// Starts a description of how to open a database.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A database in memory, gone with its last handle.
    #[must_use]
    pub fn open_in_memory() -> Self {
        Self::builder().open_in_memory()
    }

    fn from_engine(engine: Arc<Engine>, options: Options) -> Self {
        Self {
            handle: Arc::new(Handle { engine, options }),
        }
    }

    fn engine(&self) -> &Engine {
        &self.handle.engine
    }

    /// Runs a command given in words, as Redis would: same argument rules, replies and error texts.
    ///
    /// ```
    /// # fn main() -> Result<(), nacredb::Error> {
    /// use nacredb::{Db, Reply};
    /// let db = Db::open_in_memory();
    /// assert_eq!(db.execute(&["SET", "greeting", "hello"])?, Reply::ok());
    /// assert_eq!(db.execute(&["get", "greeting"])?, Reply::Bulk(b"hello".to_vec()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Command`] with Redis's text; nothing was changed. [`Error::Storage`] from the file.
    pub fn execute<A: AsRef<[u8]>>(&self, words: &[A]) -> Result<Reply, Error> {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        command::execute(&words, self)
    }

    /// The keyspace at this moment: readable from any thread, unaffected by later writes.
    ///
    /// # Complexity
    /// O(1): it clones one root for each shard, whatever they hold. While it lives, the first write to a
    /// page copies that page.
    ///
    /// # Errors
    /// [`StorageError::Closed`](crate::StorageError::Closed) after [`close`](Self::close).
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        Ok(self.engine().snapshot()?)
    }

    /// A writable branch in memory: it starts with this database's content, and neither sees the other's
    /// later writes.
    ///
    /// # Complexity
    /// O(1), as [`snapshot`](Self::snapshot).
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub fn fork(&self) -> Result<Self, Error> {
        let snapshot = self.snapshot()?;
        let options = self.handle.options.clone();
        Ok(Self::from_engine(
            Engine::in_memory(&options, Some(&snapshot)),
            options,
        ))
    }

    /// Runs `body` as one transaction: all of its changes or none, in one frame of the log. An error
    /// or a panic in `body` leaves no trace.
    ///
    /// Other writers wait for keys the transaction has touched (and for their neighbours in the same
    /// shard); readers do not wait and see the state before it.
    ///
    /// # Errors
    /// What `body` answers: nothing was changed. A [`StorageError`](crate::StorageError) from the commit;
    /// [`Unconfirmed`](crate::StorageError::Unconfirmed) means that it is applied, others that it is not.
    pub fn transaction<R, E: From<Error>>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.engine().transaction(body)
    }

    /// Moves a manual clock forward and removes what has expired.
    ///
    /// # Errors
    /// A refusal if the database's clock moves by itself; nothing is changed.
    pub fn advance(&self, by: Duration) -> Result<(), Error> {
        if !self.engine().clock.advance(by) {
            let text = "ERR the clock of this database moves by itself";
            return Err(CommandError::Other(text.into()).into());
        }
        self.engine().expire_all();
        Ok(())
    }
}

impl RunRead for Db {
    #[inline]
    fn read<C: ReadCommand>(&self, command: C) -> Result<C::Output, Error> {
        self.engine()
            .read(&command.keys(), |tx| command.execute(tx))
    }
}

impl RunWrite for Db {
    #[inline]
    fn write<C: WriteCommand>(&self, command: C) -> Result<C::Output, Error> {
        self.engine()
            .write(&command.keys(), |tx| command.execute(tx))
    }
}

impl Host for Db {
    fn read_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        self.engine().read(&keys, |tx| call(tx))
    }

    fn write_with(&self, keys: Keys<'_>, call: WriteCall<'_>) -> Result<(), Error> {
        self.engine().write(&keys, |tx| call(tx))
    }
}
