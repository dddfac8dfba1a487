//! The life of an operation: lock, execute, log, unlock, wait for the acknowledgement.
//!
//! Invariants:
//! 1. The log is known to accept a frame before anything is executed.
//! 2. A frame is placed in the log while the shards it changed are locked: log order is apply order.
//! 3. Writing, syncing and freeing happen after unlocking.
//! 4. A panic in the middle of a change poisons the handle: memory may then be ahead of the log.

use std::cell::Cell;

use super::Engine;
use super::lock::{Inside, Locked};
use super::waiters::Waits;
use crate::command::run::Keys;
use crate::error::{CommandError, Error, StorageError};
use crate::keyspace::{
    Batch, Dropped, Now, Reach, ReachMut, ReadTx, Shard, ShardSource, ShardSourceMut, Table,
    WriteTx,
};
use crate::storage::{Appended, Log};
use crate::sys::reclaim::drop_elsewhere;

/// A batch buffer larger than this is not kept for the next operation.
const BUFFER_KEPT_BYTES: usize = 64 * 1024;
/// Values smaller than this are freed where they are dropped.
const FREE_ELSEWHERE_BYTES: usize = 64 * 1024;

thread_local! {
    /// The buffer effects are encoded into, kept between operations.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What is left to do for an operation once its shards are unlocked.
#[derive(Debug, Default)]
#[must_use = "a change is not acknowledged before it is finished"]
pub(crate) struct Pending {
    /// Where its frame ends in the log, if it has one.
    pub(crate) end_lsn: Option<u64>,
    /// Why it has none although it should.
    pub(crate) refused: Option<StorageError>,
    pub(crate) dropped: Vec<Dropped>,
    /// What there is to do for those who wait, if anybody does.
    pub(crate) waits: Option<Box<Waits>>,
}

/// Poisons the engine unless it is forgotten, which everything but a panic does.
struct PoisonOnPanic<'a>(&'a Engine);

impl Drop for PoisonOnPanic<'_> {
    fn drop(&mut self) {
        self.0
            .poison("a command panicked in the middle of a change".to_owned());
    }
}

/// A single shard as source, for steps over many keys of one shard.
struct OneShard<'a>(&'a mut Shard);

impl ShardSource for OneShard<'_> {
    fn shard(&self, _index: usize) -> &Shard {
        self.0
    }

    fn all(&self) -> Vec<&Shard> {
        vec![self.0]
    }
}

impl ShardSourceMut for OneShard<'_> {
    fn shard_mut(&mut self, _index: usize) -> &mut Shard {
        self.0
    }

    fn all_mut(&mut self) -> Vec<&mut Shard> {
        vec![self.0]
    }
}

impl Engine {
    /// Runs a reading call over the shards of `keys`.
    #[inline]
    pub(crate) fn read<R>(
        &self,
        database: u8,
        keys: &Keys<'_>,
        call: impl FnOnce(&ReadTx<'_>) -> Result<R, CommandError>,
    ) -> Result<R, Error> {
        if self.tracks_uses() {
            // A forked child must not wait for a lock that a thread of its parent held.
            self.check_process()?;
            self.note_uses(database, keys);
        }
        self.peek(database, keys, call)
    }

    /// As [`read`](Self::read), for a call that does not count as a use of its keys.
    #[inline]
    pub(crate) fn peek<R>(
        &self,
        database: u8,
        keys: &Keys<'_>,
        call: impl FnOnce(&ReadTx<'_>) -> Result<R, CommandError>,
    ) -> Result<R, Error> {
        // Whether the handle is open is asked under the lock.
        self.check_process()?;
        let read_clock = || self.clock.now_ms();
        let random = || self.rng.next_u64();
        let now = Now::new(&read_clock);
        let tx = |reach| ReadTx {
            reach,
            layout: &self.layout,
            now: &now,
            rules: &self.rules,
            encoding: &self.settings.encoding,
            random: &random,
            database,
        };
        let one = match *keys {
            Keys::One(key) => Some(self.layout.hash(key)),
            // A cursor stands in its shard as a hash does.
            Keys::AtCursor(cursor) => Some(cursor),
            Keys::None | Keys::Two(..) | Keys::List { .. } | Keys::All => None,
        };
        if let Some(hash) = one {
            let slot = self.lock_to_read(self.layout.shard_of(hash))?;
            let _inside = Inside::one(&slot.shard);
            return Ok(call(&tx(Reach::One {
                shard: &slot.shard,
                hash,
            }))?);
        }
        self.check_open()?;
        let locked = self.lock_many(self.shards_of(keys))?;
        let _inside = Inside::several();
        Ok(call(&tx(Reach::Many(&locked)))?)
    }

    /// Runs a writing call over the shards of `keys`, and waits for the acknowledgement.
    #[inline]
    pub(crate) fn write<R>(
        &self,
        database: u8,
        keys: &Keys<'_>,
        call: impl FnOnce(&mut WriteTx<'_>) -> Result<R, CommandError>,
    ) -> Result<R, Error> {
        self.check_writable()?;
        let read_clock = || self.clock.now_ms();
        let (result, pending) = if let Keys::One(key) = *keys {
            let hash = self.layout.hash(key);
            let index = self.layout.shard_of(hash);
            let mut slot = self.lock_to_write(index)?;
            let mut ran = self.execute(
                database,
                ReachMut::One {
                    shard: &mut slot.shard,
                    hash,
                },
                &read_clock,
                call,
            );
            if ran.1.waits.is_some() {
                self.serve_under(&mut ran.1, &mut OneShard(&mut slot.shard), &[index]);
            }
            self.notice_deadlines(slot.shard.table(database));
            self.account(&mut slot);
            ran
        } else {
            let mut locked = self.lock_many_to_write(self.shards_of(keys))?;
            let mut ran = self.execute(database, ReachMut::Many(&mut locked), &read_clock, call);
            if ran.1.waits.is_some() {
                let indexes = locked.indexes().to_vec();
                self.serve_under(&mut ran.1, &mut locked, &indexes);
            }
            self.notice_deadlines_in(&locked);
            locked.slots_mut().for_each(|(_, slot)| self.account(slot));
            ran
        };
        if self.tracks_uses() {
            self.note_uses(database, keys);
        }
        self.finish(pending)?;
        Ok(result?)
    }

    /// Runs a call over one locked shard, whatever keys of it the call touches.
    pub(crate) fn execute_on_shard<R>(
        &self,
        database: u8,
        shard: &mut Shard,
        read_clock: &dyn Fn() -> u64,
        call: impl FnOnce(&mut WriteTx<'_>) -> R,
    ) -> (R, Pending) {
        let reach = ReachMut::Many(&mut OneShard(shard));
        self.execute(database, reach, read_clock, call)
    }

    /// Runs a call over locked shards and places its effects in the log.
    #[inline]
    pub(super) fn execute<R>(
        &self,
        database: u8,
        mut reach: ReachMut<'_>,
        read_clock: &dyn Fn() -> u64,
        call: impl FnOnce(&mut WriteTx<'_>) -> R,
    ) -> (R, Pending) {
        let poison = PoisonOnPanic(self);
        let mut batch = self.new_batch();
        batch.database = database;
        let random = || self.rng.next_u64();
        let now = Now::new(read_clock);
        let result = call(&mut WriteTx {
            reach: reach.reborrow(),
            layout: &self.layout,
            now: &now,
            rules: self.rules,
            encoding: &self.settings.encoding,
            random: &random,
            batch: &mut batch,
        });
        std::mem::forget(poison);
        (result, self.log_batch(batch, reach.as_read()))
    }

    /// A batch that records if there is a log or somebody observes. The shards it is going to change are
    /// locked: nobody can begin to observe them before it is committed.
    #[inline]
    pub(crate) fn new_batch(&self) -> Batch {
        let mut batch = Batch::new(self.log().is_some() || self.observers.any());
        if batch.recording {
            batch.is_observed = self.observers.any();
            batch.says_events = self.observers.has_feeds();
            batch.bytes = BUFFER.take();
            batch.bytes.clear();
        }
        batch
    }

    /// Places a batch in the log and hands it to the observers. The shards it changed, `after`, are still
    /// locked.
    #[inline]
    pub(crate) fn log_batch(&self, batch: Batch, after: Reach<'_>) -> Pending {
        if batch.expired_keys > 0 {
            self.memory.note_expired(batch.expired_keys);
        }
        let mut waits = None;
        let appended = if batch.count == 0 || !batch.recording {
            Ok(None)
        } else if self.observers.any() {
            self.append_observed(&batch, after, &mut waits)
        } else if let Some(log) = self.log() {
            self.append(log, &batch)
                .map(|appended| Some(appended.end_lsn))
        } else {
            Ok(None)
        };
        let (end_lsn, refused) = match appended {
            Ok(end_lsn) => (end_lsn, None),
            Err(error) => (None, Some(error)),
        };
        if batch.bytes.capacity() > 0 && batch.bytes.capacity() <= BUFFER_KEPT_BYTES {
            BUFFER.set(batch.bytes);
        }
        Pending {
            end_lsn,
            refused,
            dropped: batch.dropped,
            waits,
        }
    }

    /// Serves those who wait for what a commit has made ready. The shards of these numbers, which it changed,
    /// are still locked.
    #[cold]
    pub(super) fn serve_under(
        &self,
        pending: &mut Pending,
        shards: &mut dyn ShardSourceMut,
        indexes: &[usize],
    ) {
        if let Some(waits) = &mut pending.waits {
            let holds = |index| indexes.contains(&index);
            self.serve_locked(waits, shards, &holds, &mut pending.dropped);
        }
    }

    /// Commands check their sizes before they change anything; a batch that is too large all the same
    /// is in memory and can never be in the log, so the handle is given up and the caller told.
    #[inline]
    pub(super) fn append(&self, log: &Log, batch: &Batch) -> Result<Appended, StorageError> {
        let ops = u16::try_from(batch.count).unwrap_or(u16::MAX);
        log.append(self.clock.now_ms(), ops, &batch.bytes)
            .inspect_err(|error| self.poison(format!("a change could not be logged: {error}")))
    }

    /// Refuses a batch that no frame can hold.
    pub(crate) fn check_frame(&self, bytes: usize) -> Result<(), StorageError> {
        if self.log().is_some() {
            Log::check_payload(bytes as u64)
        } else {
            Ok(())
        }
    }

    /// Frees what was replaced, serves whoever waited for this, and waits for the acknowledgement. No shard
    /// is locked.
    #[inline]
    pub(crate) fn finish(&self, pending: Pending) -> Result<(), StorageError> {
        if !pending.dropped.is_empty() {
            pending.dropped.into_iter().for_each(free);
        }
        if let Some(waits) = pending.waits {
            self.finish_waits(*waits);
        }
        match (pending.end_lsn, pending.refused) {
            (Some(end_lsn), _) => self.acknowledge_in_turn(end_lsn),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(()),
        }
    }

    /// Starts the background thread when there is a first deadline and a clock to reach it.
    #[inline]
    fn notice_deadlines(&self, table: &Table) {
        if !self.background.is_running()
            && table.next_expiry_ms() != u64::MAX
            && self.clock.runs_by_itself()
        {
            self.start_background();
        }
    }

    pub(crate) fn notice_deadlines_in(&self, locked: &Locked<'_>) {
        if !self.background.is_running() {
            let shards = locked.all().into_iter();
            shards
                .flat_map(Shard::tables)
                .for_each(|table| self.notice_deadlines(table));
        }
    }
}

/// Drops something on whichever thread suits its size.
pub(crate) fn free(dropped: Dropped) {
    let elsewhere = match &dropped {
        Dropped::Value(value) => value.memory_bytes() >= FREE_ELSEWHERE_BYTES,
        Dropped::Table(table) => !table.keys().is_empty(),
        Dropped::Shard(shard) => !shard.is_empty(),
    };
    if elsewhere {
        drop_elsewhere(dropped);
    }
}
