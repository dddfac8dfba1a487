//! Transactions: atomic over many keys, one frame, rolled back on an error and on a panic.
//!
//! A transaction works on clones of the roots it touches. Touching a shard freezes it: other writers
//! wait for the transaction's end, readers go on and see the state before it. Commit swaps the roots in
//! and places one frame in the log, under the locks of the touched shards; dropping the transaction
//! thaws them as they were. Two-phase locking by shard makes transactions and writers serializable.
//!
//! Invariants:
//! 1. At most one transaction runs (the gate), so freezing shards in any order cannot deadlock.
//! 2. Until commit nothing outside the transaction changes, but for keys that are evicted to make room;
//!    nothing after commit can fail before the frame is in the log.
//! 3. Room is made before the first shard is frozen, while every key may still go. A transaction that
//!    had room then is not asked again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::Engine;
use super::gate::GateGuard;
use super::watch::Watch;
use crate::command::reply::Reply;
use crate::command::run::{Host, Keys, ReadCall, ReadCommand, RunRead, RunWrite, Step, Usage};
use crate::command::run::{WriteCall, WriteCommand};
use crate::command::server::check_database;
use crate::error::{CommandError, Error, StorageError};
use crate::keyspace::{
    Batch, Dropped, Now, Reach, ReachMut, ReadTx, Shard, ShardSource, ShardSourceMut, WriteTx,
};

/// A transaction under way: what the closure of [`Db::transaction`](crate::Db::transaction) works on.
///
/// It has every reading and writing method of the database, sees its own changes, and everything it has
/// touched stays as it is for others until it ends.
#[derive(Debug)]
pub struct Transaction<'e> {
    engine: &'e Engine,
    work: RefCell<Work>,
    now_ms: u64,
    database: Cell<u8>,
    /// Whether there was room for what may need memory.
    had_room: Cell<bool>,
    _gate: GateGuard<'e>,
}

#[derive(Debug)]
struct Work {
    private: Private,
    batch: Batch,
}

/// The transaction's own shards, by number: frozen in the engine.
#[derive(Debug, Default)]
struct Private(BTreeMap<usize, Shard>);

impl ShardSource for Private {
    fn shard(&self, index: usize) -> &Shard {
        &self.0[&index]
    }

    fn all(&self) -> Vec<&Shard> {
        self.0.values().collect()
    }
}

impl ShardSourceMut for Private {
    fn shard_mut(&mut self, index: usize) -> &mut Shard {
        match self.0.get_mut(&index) {
            Some(shard) => shard,
            None => panic!("a command touched a key it had not named"),
        }
    }

    fn all_mut(&mut self) -> Vec<&mut Shard> {
        self.0.values_mut().collect()
    }
}

impl Engine {
    /// Runs `body` as one transaction.
    pub(crate) fn transaction<R, E: From<Error>>(
        &self,
        database: u8,
        body: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.check_writable().map_err(Error::from)?;
        let transaction = self.begin(database).map_err(Error::from)?;
        let result = body(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }

    /// Runs `body` as one transaction if no watched key has been touched; says `None` if one was. The
    /// watch ends. A body that only reads runs where nothing can be written, too.
    pub(crate) fn transaction_if_untouched<R, E: From<Error>>(
        &self,
        database: u8,
        watch: &mut Watch,
        body: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<Option<R>, E> {
        let begun = self.begin_if_untouched(database, watch);
        watch.clear();
        let Some(transaction) = begun.map_err(Error::from)? else {
            return Ok(None);
        };
        let result = body(&transaction)?;
        transaction.commit()?;
        Ok(Some(result))
    }

    fn begin_if_untouched(
        &self,
        database: u8,
        watch: &Watch,
    ) -> Result<Option<Transaction<'_>>, StorageError> {
        self.check_readable()?;
        if watch.is_touched() {
            return Ok(None);
        }
        let transaction = self.begin(database)?;
        // Whoever touches a watched key from here on waits for the transaction's end.
        for key in watch.keys() {
            transaction.touch(&Keys::One(key))?;
        }
        let is_whole = !watch.is_broken(transaction.now_ms);
        Ok(is_whole.then_some(transaction))
    }

    fn begin(&self, database: u8) -> Result<Transaction<'_>, StorageError> {
        let gate = self.gate.wait()?;
        let had_room = self.has_made_room()?;
        // Somebody may begin to observe a shard before the commit: it records in any case.
        let mut batch = Batch::new(true);
        batch.is_observed = true;
        batch.says_events = true;
        Ok(Transaction {
            engine: self,
            work: RefCell::new(Work {
                private: Private::default(),
                batch,
            }),
            now_ms: self.clock.now_ms(),
            database: Cell::new(database),
            had_room: Cell::new(had_room),
            _gate: gate,
        })
    }

    /// Makes room if it can. Where nothing can be written nothing is evicted, and reading goes on.
    fn has_made_room(&self) -> Result<bool, StorageError> {
        if self.memory.has_room() {
            return Ok(true);
        }
        if self.check_writable().is_err() {
            return Ok(false);
        }
        match self.make_room() {
            Ok(()) => Ok(true),
            Err(Error::Command(_full)) => Ok(false),
            Err(Error::Storage(error)) => Err(error),
        }
    }
}

impl Transaction<'_> {
    /// Asks for room no more: whoever runs the transaction has done so for all of it.
    pub(crate) fn assume_room(&self) {
        self.had_room.set(true);
    }

    /// Freezes and clones the shards of `keys` that are not the transaction's yet.
    fn touch(&self, keys: &Keys<'_>) -> Result<(), StorageError> {
        let mut missing = self.engine.shards_of(keys);
        let work = self
            .work
            .try_borrow()
            .map_err(|_busy| StorageError::Reentrant)?;
        missing.retain(|index| !work.private.0.contains_key(index));
        drop(work);
        if missing.is_empty() {
            return Ok(());
        }
        let mut work = self
            .work
            .try_borrow_mut()
            .map_err(|_busy| StorageError::Reentrant)?;
        for index in missing {
            let mut slot = self.engine.lock_to_read(index)?;
            slot.frozen = true;
            work.private.0.insert(index, slot.shard.clone());
        }
        Ok(())
    }

    fn run_read<R>(
        &self,
        keys: &Keys<'_>,
        is_peek: bool,
        call: impl FnOnce(&ReadTx<'_>) -> Result<R, CommandError>,
    ) -> Result<R, Error> {
        self.touch(keys)?;
        if !is_peek && self.engine.tracks_uses() {
            self.engine.note_uses(self.database.get(), keys);
        }
        // A visitor may call the transaction again: reads share the borrow, writes are refused.
        let work = self
            .work
            .try_borrow()
            .map_err(|_busy| StorageError::Reentrant)?;
        let read_clock = || self.now_ms;
        let random = || self.engine.rng.next_u64();
        let tx = ReadTx {
            reach: Reach::Many(&work.private),
            layout: &self.engine.layout,
            now: &Now::new(&read_clock),
            rules: &self.engine.rules,
            encoding: &self.engine.settings.encoding,
            random: &random,
            database: self.database.get(),
        };
        Ok(call(&tx)?)
    }

    fn run_write<R>(
        &self,
        keys: &Keys<'_>,
        call: impl FnOnce(&mut WriteTx<'_>) -> Result<R, CommandError>,
    ) -> Result<R, Error> {
        self.touch(keys)?;
        let mut work = self
            .work
            .try_borrow_mut()
            .map_err(|_busy| StorageError::Reentrant)?;
        let Work { private, batch } = &mut *work;
        batch.database = self.database.get();
        batch.begin_command();
        let read_clock = || self.now_ms;
        let random = || self.engine.rng.next_u64();
        let mut tx = WriteTx {
            reach: ReachMut::Many(private),
            layout: &self.engine.layout,
            now: &Now::new(&read_clock),
            rules: self.engine.rules,
            encoding: &self.engine.settings.encoding,
            random: &random,
            batch,
        };
        Ok(call(&mut tx)?)
    }

    /// Swaps the private shards in, logs one frame, and waits for its acknowledgement.
    fn commit(mut self) -> Result<(), Error> {
        let engine = self.engine;
        let Work {
            private: Private(shards),
            batch,
        } = self.work.get_mut();
        if batch.count == 0 {
            return Ok(());
        }
        engine.check_frame(batch.bytes.len())?;
        engine.check_writable()?;
        let mut locked = engine.lock_many(shards.keys().copied().collect())?;
        // Nothing fails from here on.
        let mut batch = std::mem::take(batch);
        for (index, shard) in std::mem::take(shards) {
            let slot = locked.slot_mut(index);
            batch
                .dropped
                .push(Dropped::Shard(std::mem::replace(&mut slot.shard, shard)));
            slot.frozen = false;
            engine.account(slot);
        }
        engine.notice_deadlines_in(&locked);
        let written = engine.tracks_uses().then(|| batch.bytes.clone());
        let mut pending = engine.log_batch(batch, Reach::Many(&locked));
        if pending.waits.is_some() {
            let indexes = locked.indexes().to_vec();
            engine.serve_under(&mut pending, &mut locked, &indexes);
            let slots = locked.slots_mut();
            slots.for_each(|(_, slot)| engine.account(slot));
        }
        drop(locked);
        if let Some(written) = written {
            engine.note_written(&written);
        }
        // Releases the gate: the next transaction may share this one's sync.
        drop(self);
        Ok(engine.finish(pending)?)
    }
}

impl Drop for Transaction<'_> {
    /// Thaws what is still frozen, as it was.
    fn drop(&mut self) {
        for &index in self.work.get_mut().private.0.keys() {
            // The engine's own lock, without the check for reentrance: a drop must not fail.
            self.engine.slots[index].lock().frozen = false;
        }
    }
}

impl RunRead for Transaction<'_> {
    fn read<C: ReadCommand>(&self, command: C) -> Result<C::Output, Error> {
        self.run_read(&command.keys(), command.is_peek(), |tx| command.execute(tx))
    }

    fn usage(&self, key: &[u8]) -> Usage {
        self.engine.usage(key)
    }
}

impl RunWrite for Transaction<'_> {
    fn write<C: WriteCommand>(&self, command: C) -> Result<C::Output, Error> {
        if command.needs_memory() {
            Host::make_room(self)?;
        }
        self.run_write(&command.keys(), |tx| command.execute(tx))
    }
}

impl Host for Transaction<'_> {
    fn read_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        self.run_read(&keys, false, |tx| call(tx))
    }

    fn peek_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        self.run_read(&keys, true, |tx| call(tx))
    }

    /// Where there was none to begin with, and before the first change only: the changes of a transaction
    /// are all made or none is.
    fn make_room(&self) -> Result<(), Error> {
        if self.had_room.get() {
            return Ok(());
        }
        let has_changed = self.work.try_borrow().map(|work| work.batch.count > 0);
        match has_changed {
            Ok(false) => self.engine.make_room(),
            // One who is at work in a visitor is refused by the write itself.
            Ok(true) | Err(_) => Ok(()),
        }
    }

    fn usage(&self, key: &[u8]) -> Usage {
        self.engine.usage(key)
    }

    fn write_with(&self, keys: Keys<'_>, call: WriteCall<'_>) -> Result<(), Error> {
        self.run_write(&keys, |tx| call(tx))
    }

    fn select(&self, database: u8) -> Result<(), Error> {
        check_database(database)?;
        self.database.set(database);
        Ok(())
    }

    fn database(&self) -> u8 {
        self.database.get()
    }

    fn transact(&self, step: Step<'_>) -> Result<Reply, Error> {
        match step {
            // What was watched is settled before the first command of a transaction.
            Step::Unwatch => Ok(Reply::ok()),
            Step::Multi | Step::Exec | Step::Discard | Step::Watch(_) => Err(step.refusal()),
        }
    }
}
