//! The only place that sees keyspace, storage and clock together.
//!
//! Lock order: transaction gate, shards ascending, log, waiters. Nothing that can wait for another
//! thread happens while a shard is locked.

pub(crate) mod background;
pub(crate) mod commit;
pub(crate) mod expirer;
pub(crate) mod gate;
pub(crate) mod lock;
pub(crate) mod options;
pub(crate) mod snapshot;
pub(crate) mod transaction;

use std::sync::{Arc, Weak};

use crossbeam::utils::CachePadded;
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicU8, Ordering};

use self::background::Background;
use self::gate::Gate;
use self::lock::Slot;
use self::options::Options;
use self::snapshot::Snapshot;
use crate::error::StorageError;
use crate::keyspace::{Layout, Rules, Shard, ShardSource};
use crate::sys::clock::Clock;
use crate::sys::reclaim::drop_elsewhere;
use crate::sys::rng::{Rng, entropy};

/// The handle works.
const OPEN: u8 = 0;
/// The handle was closed.
const CLOSED: u8 = 1;
/// An invariant may be broken: no more work on this handle. The file is fine.
const POISONED: u8 = 2;

/// In memory there is no log.
#[derive(Debug)]
pub(crate) enum NoLog {}

impl NoLog {
    pub(crate) fn append_data(&self, _count: u32, _bytes: &[u8]) -> u64 {
        match *self {}
    }
}

/// A keyspace with its clock, its log and its threads.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) this: Weak<Engine>,
    pub(crate) layout: Layout,
    pub(crate) slots: Box<[CachePadded<Mutex<Slot>>]>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rules: Rules,
    pub(crate) rng: Rng,
    pub(crate) gate: Gate,
    pub(crate) background: Background,
    state: AtomicU8,
    poison: RwLock<Option<String>>,
}

impl Engine {
    /// An engine in memory, with these shards or empty ones.
    pub(crate) fn in_memory(options: &Options, content: Option<&Snapshot>) -> Arc<Self> {
        let seed = options.seed.unwrap_or_else(entropy);
        let rng = Rng::seeded(seed);
        let layout = match content {
            Some(snapshot) => snapshot.layout().clone(),
            None => Layout::new(std::array::from_fn(|_| rng.next_u64()), options.shard_bits),
        };
        let shards = match content {
            Some(snapshot) => snapshot.shards().to_vec(),
            None => (0..layout.shard_count())
                .map(|_| layout.empty_shard())
                .collect(),
        };
        Self::assemble(options, layout, shards, rng)
    }

    fn assemble(options: &Options, layout: Layout, shards: Vec<Shard>, rng: Rng) -> Arc<Self> {
        let slot = |shard| {
            CachePadded::new(Mutex::new(Slot {
                shard,
                frozen: false,
            }))
        };
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            layout,
            slots: shards.into_iter().map(slot).collect(),
            clock: Arc::clone(&options.clock),
            rules: options.rules,
            rng,
            gate: Gate::default(),
            background: Background::new(),
            state: AtomicU8::new(OPEN),
            poison: RwLock::new(None),
        })
    }

    /// The log, if there is a file.
    #[inline]
    pub(crate) fn log(&self) -> Option<&NoLog> {
        None
    }

    /// Waits until the log holds everything before `end_lsn`, as the ack class asks.
    pub(crate) fn acknowledge(&self, _end_lsn: u64) -> Result<(), StorageError> {
        Ok(())
    }

    /// Refuses a batch that no frame can hold.
    pub(crate) fn check_frame(&self, _bytes: usize) -> Result<(), StorageError> {
        Ok(())
    }

    /// Refuses work on a handle that was closed or poisoned.
    #[inline]
    pub(crate) fn check_readable(&self) -> Result<(), StorageError> {
        if self.state.load(Ordering::Acquire) == OPEN {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    /// As [`check_readable`](Self::check_readable), and asks the log whether it takes a frame.
    #[inline]
    pub(crate) fn check_writable(&self) -> Result<(), StorageError> {
        self.check_readable()
    }

    #[cold]
    fn refusal(&self) -> StorageError {
        match &*self.poison.read() {
            Some(what) => StorageError::Poisoned {
                what: what.clone().into(),
            },
            None => StorageError::Closed,
        }
    }

    /// Refuses all further work on this handle.
    pub(crate) fn poison(&self, what: String) {
        let mut poison = self.poison.write();
        poison.get_or_insert(what);
        self.state.store(POISONED, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) == CLOSED
    }

    /// The keyspace at this moment.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StorageError> {
        self.check_readable()?;
        let locked = self.lock_many((0..self.slots.len()).collect())?;
        let shards = locked.all().into_iter().cloned().collect();
        let lsn = 0;
        drop(locked);
        Ok(Snapshot::new(
            shards,
            self.layout.clone(),
            self.rules,
            self.clock.now_ms(),
            lsn,
        ))
    }

    /// Ends the threads and closes the handle.
    pub(crate) fn close(&self) {
        let open = self
            .state
            .compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Acquire);
        self.stop_background();
        if open.is_ok() {
            let shards: Vec<Shard> = self.slots.iter().map(|slot| self.take(slot)).collect();
            if shards.iter().any(|shard| !shard.keys.is_empty()) {
                drop_elsewhere(shards);
            }
        }
    }

    fn take(&self, slot: &Mutex<Slot>) -> Shard {
        std::mem::replace(&mut slot.lock().shard, self.layout.empty_shard())
    }
}
