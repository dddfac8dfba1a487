//! The only place that sees keyspace, storage and clock together.
//!
//! Lock order: transaction gate, shards ascending, feeds, log, waiters. Nothing that can wait for another
//! thread happens while a shard is locked.

pub(crate) mod activity;
pub(crate) mod background;
pub(crate) mod change;
pub(crate) mod commit;
pub(crate) mod compactor;
pub(crate) mod diff;
pub(crate) mod evict;
pub(crate) mod expirer;
pub(crate) mod feed;
pub(crate) mod gate;
pub(crate) mod lock;
pub(crate) mod memory;
pub(crate) mod observe;
pub(crate) mod options;
pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod settings;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub(crate) mod syncer;
pub(crate) mod together;
pub(crate) mod transaction;
pub(crate) mod uses;
pub(crate) mod waiters;
pub(crate) mod watch;

use std::sync::{Arc, Weak};

use crossbeam::utils::CachePadded;
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicU8, Ordering};

use self::background::{Background, Job};
use self::compactor::Compactor;
use self::feed::Feeds;
use self::gate::Gate;
use self::lock::Slot;
use self::memory::Memory;
use self::observe::Observers;
use self::options::{Ack, Options};
use self::recovery::{Loading, app_bytes};
use self::settings::Changeable;
use self::snapshot::Snapshot;
use self::syncer::Syncer;
use crate::error::StorageError;
use crate::keyspace::{Layout, Rules, Shard, ShardSource};
use crate::storage::backend::Storage;
use crate::storage::{self, Log, OpenOptions, OpenReport, Stamp, Store};
use crate::sys::clock::{Clock, Stopwatch};
use crate::sys::fork::process_token;
use crate::sys::reclaim::drop_elsewhere;
use crate::sys::rng::{Rng, entropy};
use crate::value::EncodingSwitch;

/// The handle works.
const OPEN: u8 = 0;
/// The handle was closed.
const CLOSED: u8 = 1;
/// An invariant may be broken: no more work on this handle. The file is fine.
const POISONED: u8 = 2;

/// A keyspace with its clock, its log and its threads.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) this: Weak<Engine>,
    pub(crate) layout: Layout,
    pub(crate) slots: Box<[CachePadded<Mutex<Slot>>]>,
    pub(crate) clock: Arc<dyn Clock>,
    started: Stopwatch,
    pub(crate) rules: Rules,
    pub(crate) rng: Rng,
    pub(crate) gate: Gate,
    pub(crate) memory: Memory,
    pub(crate) observers: Observers,
    pub(crate) feeds: Feeds,
    pub(crate) background: Background,
    pub(crate) syncer: Syncer,
    pub(crate) compactor: Compactor,
    pub(crate) settings: Changeable,
    activity_indexes: bool,
    store: Option<Store>,
    /// The process that opened the file; see [`crate::sys::fork`].
    process: u64,
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
        Self::assemble(options, layout, shards, rng, None)
    }

    /// An engine over the file `name`, which is made if there is none.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        name: &str,
        options: &Options,
    ) -> Result<(Arc<Self>, OpenReport), StorageError> {
        let rng = Rng::seeded(options.seed.unwrap_or_else(entropy));
        let layout = Layout::new(std::array::from_fn(|_| rng.next_u64()), options.shard_bits);
        let mut open = OpenOptions::new(stamp(options.clock.now_ms()));
        open.read_only = options.read_only;
        open.create = !options.read_only;
        open.threads = options.load_threads;
        open.app = app_bytes(&layout);
        open.limits.sync_interval_ms = syncer::sync_interval_ms(options.ack);
        let loading = Loading::new(options.encoding);
        let (store, report) = Store::open(storage, name, &open, &loading)?;
        let (layout, shards) = loading.finish()?;
        let engine = Self::assemble(options, layout, shards, rng, Some(store));
        if !options.read_only {
            engine.start_syncer()?;
            engine.start_background();
        }
        Ok((engine, report))
    }

    fn assemble(
        options: &Options,
        layout: Layout,
        shards: Vec<Shard>,
        rng: Rng,
        store: Option<Store>,
    ) -> Arc<Self> {
        let memory = Memory::new(options.memory, options.clock.now_ms());
        let slot = |shard| {
            let mut slot = Slot::new(shard);
            memory.begin(&mut slot);
            CachePadded::new(Mutex::new(slot))
        };
        let slots = shards.into_iter().map(slot).collect();
        let engine = Arc::new_cyclic(|this| Self {
            this: this.clone(),
            layout,
            slots,
            memory,
            clock: Arc::clone(&options.clock),
            started: Stopwatch::start(),
            rules: options.rules,
            rng,
            gate: Gate::default(),
            observers: Observers::default(),
            feeds: Feeds::new(options.feed),
            background: Background::new(),
            syncer: Syncer::new(),
            compactor: Compactor::new(),
            settings: Changeable::new(options),
            activity_indexes: options.activity_indexes,
            store,
            process: process_token(),
            state: AtomicU8::new(OPEN),
            poison: RwLock::new(None),
        });
        engine.start_feed();
        engine
    }

    /// The file, if there is one.
    pub(crate) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// The log, if there is a file.
    #[inline]
    pub(crate) fn log(&self) -> Option<&Log> {
        self.store.as_ref().map(Store::log)
    }

    /// Waits until the log holds everything before `end_lsn`, as the ack class asks.
    #[inline]
    pub(crate) fn acknowledge(&self, end_lsn: u64) -> Result<(), StorageError> {
        let Some(log) = self.log() else { return Ok(()) };
        let ack = match self.settings.ack() {
            Ack::Always => storage::Ack::Always,
            Ack::EverySec => storage::Ack::EverySec,
            Ack::No => storage::Ack::No,
            Ack::Buffered(_) => storage::Ack::Buffered,
        };
        self.syncer.notice();
        log.commit(end_lsn, ack).map_err(|error| {
            self.ask_to_heal(log);
            unconfirmed(end_lsn, error)
        })
    }

    /// Waits until everything so far is on disk.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.check_readable()?;
        let Some(log) = self.log() else { return Ok(()) };
        log.sync().inspect_err(|_| self.ask_to_heal(log))
    }

    /// After a call of the log failed: lets the background thread heal, if that is what it takes.
    #[cold]
    fn ask_to_heal(&self, log: &Log) {
        if log.needs_heal() {
            self.background.ask(Job::Compact);
        }
    }

    /// The milliseconds that syncs and back-off are measured in: those of a clock that only moves when told,
    /// else those since the start, for the clock of the system may jump.
    pub(crate) fn uptime_ms(&self) -> u64 {
        if self.clock.runs_by_itself() {
            u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
        } else {
            self.clock.now_ms()
        }
    }

    /// Does what is due after somebody has moved the clock. What only removes memory is done as far as it
    /// can be; failures of the file are remembered by the log.
    pub(crate) fn time_was_moved(&self) {
        self.expire_all();
        self.end_waits_due();
        self.feeds.time_was_moved();
        self.sync_if_due();
        if self.background.is_running() {
            self.background.look();
        }
    }

    /// The time and fresh random bytes, for whatever starts a new lineage of the file.
    pub(crate) fn stamp(&self) -> Stamp {
        stamp(self.clock.now_ms())
    }

    /// Refuses work on a handle that was closed or poisoned, or that a forked child inherited.
    #[inline]
    pub(crate) fn check_readable(&self) -> Result<(), StorageError> {
        self.check_open()?;
        self.check_process()
    }

    /// Whether the handle was neither closed nor poisoned.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Ordering::Acquire) == OPEN
    }

    /// Refuses work on a handle that was closed or poisoned.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), StorageError> {
        if self.is_open() {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    /// Refuses a call that waits for the background thread, where that thread could wait for this one:
    /// inside a visitor, inside a transaction, and on the thread itself.
    pub(crate) fn check_may_wait(&self) -> Result<(), StorageError> {
        if lock::wait_inside().is_some() || self.gate.is_mine() || self.background.is_this_thread()
        {
            return Err(StorageError::Reentrant);
        }
        Ok(())
    }

    /// A child shares the file with its parent, but neither its threads nor its locks.
    #[inline]
    pub(crate) fn check_process(&self) -> Result<(), StorageError> {
        if self.process != process_token() {
            return Err(StorageError::ForkedHandle);
        }
        Ok(())
    }

    /// As [`check_readable`](Self::check_readable), and asks the log whether it takes a frame.
    #[inline]
    pub(crate) fn check_writable(&self) -> Result<(), StorageError> {
        self.check_readable()?;
        self.log().map_or(Ok(()), Log::check_writable)
    }

    #[cold]
    pub(super) fn refusal(&self) -> StorageError {
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
        let _closed_stays_closed =
            self.state
                .compare_exchange(OPEN, POISONED, Ordering::AcqRel, Ordering::Acquire);
        drop(poison);
        self.feeds.end(self.refusal());
        self.end_all_waits();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) == CLOSED
    }

    /// The keyspace at this moment.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StorageError> {
        self.check_readable()?;
        let locked = self.lock_many((0..self.slots.len()).collect())?;
        let shards = locked.all().into_iter().cloned().collect();
        // No frame can be appended while every shard is locked.
        let lsn = self.observed_lsn();
        let activities = self.observers.freeze_activities();
        drop(locked);
        Ok(Snapshot::new(
            shards,
            activities,
            self.layout.clone(),
            self.rules,
            EncodingSwitch::new(self.settings.encoding.limits()),
            self.clock.now_ms(),
            lsn,
        ))
    }

    /// Ends the threads, writes and syncs what is left, and closes the file. Closing twice is fine.
    pub(crate) fn close(&self) -> Result<(), StorageError> {
        self.check_process()?;
        self.stop_background();
        // What a failed sync left on no disk is still here: a last try to write it to a new file.
        if let Some(store) = self.store().filter(|store| store.log().needs_heal()) {
            let _healed = self.heal(store);
        }
        let open = self
            .state
            .compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Acquire);
        self.feeds.end(StorageError::Closed);
        self.end_all_waits();
        self.refuse_compactions();
        self.stop_syncer();
        // A poisoned handle's log is sound: it holds whole changes only.
        let closed = match self.store() {
            Some(store) => store.close(self.clock.now_ms()),
            None => Ok(()),
        };
        self.observers.activities.end_all();
        if open.is_ok() {
            let shards: Vec<Shard> = self.slots.iter().map(|slot| self.take(slot)).collect();
            if shards.iter().any(|shard| !shard.is_empty()) {
                drop_elsewhere(shards);
            }
        }
        closed
    }

    fn take(&self, slot: &Mutex<Slot>) -> Shard {
        std::mem::replace(&mut slot.lock().shard, self.layout.empty_shard())
    }
}

/// What a caller is told whose change is in memory and whose frame is not known to be safe: that it is
/// applied, whatever kept the frame back.
#[cold]
fn unconfirmed(lsn: u64, error: StorageError) -> StorageError {
    if matches!(error, StorageError::Unconfirmed { .. }) {
        return error;
    }
    StorageError::Unconfirmed {
        lsn,
        source: Arc::new(std::io::Error::other(error)),
    }
}

/// The time, and random bytes that were never used before.
fn stamp(unix_ms: u64) -> Stamp {
    let mut random = [0; 32];
    for word in random.chunks_exact_mut(8) {
        word.copy_from_slice(&entropy().to_le_bytes());
    }
    Stamp { unix_ms, random }
}
