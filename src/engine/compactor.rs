//! Compaction: the state of one moment written to a new file, which then takes the old one's place.
//!
//! Runs on the background thread: when the file has outgrown the policy's two knobs, when asked, and
//! to heal after a failed sync. Writers go on; they wait for the hand-over only, which `storage` keeps
//! short. Between two blocks it looks after everything else the thread has to do.
//!
//! Invariants:
//! 1. The snapshot's LSN and its roots are taken under all shard locks.
//! 2. A compaction that ends early, for whatever reason, leaves the old file in place and in use.

use std::fmt;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use super::Engine;
use super::background::Job;
use super::recovery::app_bytes;
use super::snapshot::Snapshot;
use crate::effect::{Effect, codec};
use crate::error::StorageError;
use crate::keyspace::effects;
use crate::storage::{Compaction, CompactionPlan, CompactionReport, Store};
use crate::sys::clock::Stopwatch;

/// A block is written when it has this many bytes.
const BLOCK_BYTES: usize = 256 * 1024;
/// The longest nap of a compaction that is paused or ahead of its byte budget.
const NAP: Duration = Duration::from_millis(20);
/// After an automatic compaction failed, the next one waits this long, doubled each time.
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(3600);
/// While a heal is due no write is accepted: it is tried often.
const HEAL_BACK_OFF_MAX: Duration = Duration::from_secs(4);

/// How far a compaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Keys written so far.
    pub keys_done: u64,
    /// Keys to write.
    pub keys_total: u64,
    /// Bytes written so far.
    pub bytes_written: u64,
}

type OnProgress = Box<dyn FnMut(Progress) -> ControlFlow<()> + Send>;

/// How a compaction is to be run. [`Db::compact_with`](crate::Db::compact_with) takes it.
#[derive(Default)]
pub struct CompactionRequest {
    bytes_per_second: Option<u64>,
    on_progress: Option<OnProgress>,
}

impl fmt::Debug for CompactionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactionRequest")
            .field("bytes_per_second", &self.bytes_per_second)
            .finish_non_exhaustive()
    }
}

impl CompactionRequest {
    /// As fast as the policy allows, without reports.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes at most this many bytes a second, whatever the policy says.
    #[must_use]
    pub fn bytes_per_second(mut self, bytes: u64) -> Self {
        self.bytes_per_second = Some(bytes.max(1));
        self
    }

    /// Calls `report` after every block, on the background thread. [`ControlFlow::Break`] cancels.
    #[must_use]
    pub fn on_progress(
        mut self,
        report: impl FnMut(Progress) -> ControlFlow<()> + Send + 'static,
    ) -> Self {
        self.on_progress = Some(Box::new(report));
        self
    }
}

/// A compaction under way. Dropping it lets the compaction go on.
#[derive(Debug)]
pub struct CompactionHandle {
    engine: Weak<Engine>,
    cancel: Arc<AtomicBool>,
    result: Receiver<Result<CompactionReport, StorageError>>,
}

impl CompactionHandle {
    /// Asks the compaction to stop: it ends with [`StorageError::Cancelled`] and changes nothing.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Release);
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// What ended it; the old file is then still in place and in use. [`StorageError::Reentrant`]
    /// inside a visitor, a transaction or a progress callback, where it would wait for itself: the
    /// compaction goes on.
    pub fn wait(self) -> Result<CompactionReport, StorageError> {
        if let Some(engine) = self.engine.upgrade() {
            engine.check_may_wait()?;
        }
        self.result.recv().unwrap_or(Err(StorageError::Closed))
    }
}

/// No compaction makes progress while this lives.
#[derive(Debug)]
pub struct CompactionPause {
    engine: Arc<Engine>,
}

impl Drop for CompactionPause {
    fn drop(&mut self) {
        self.engine.compactor.pauses.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request in the queue.
#[derive(Debug)]
struct Asked {
    request: CompactionRequest,
    cancel: Arc<AtomicBool>,
    done: Sender<Result<CompactionReport, StorageError>>,
}

/// What the compactor remembers.
#[derive(Debug)]
pub(crate) struct Compactor {
    queue: Mutex<Vec<Asked>>,
    pauses: AtomicU32,
    stopping: AtomicBool,
    done: AtomicU64,
    failures: Mutex<Failures>,
    heals: Mutex<Failures>,
}

#[derive(Debug)]
struct Failures {
    back_off_max: Duration,
    last: Option<StorageError>,
    in_a_row: u32,
    /// When the last one was, in the engine's uptime.
    since_ms: Option<u64>,
}

impl Failures {
    fn none(back_off_max: Duration) -> Self {
        Self {
            back_off_max,
            last: None,
            in_a_row: 0,
            since_ms: None,
        }
    }

    fn may_try(&self, uptime_ms: u64) -> bool {
        let Some(since_ms) = self.since_ms else {
            return true;
        };
        let wait = BACK_OFF_MIN.saturating_mul(1 << self.in_a_row.saturating_sub(1).min(12));
        let waited = Duration::from_millis(uptime_ms.saturating_sub(since_ms));
        // A clock that was set back ends the wait: it would be of any length.
        uptime_ms < since_ms || waited >= wait.min(self.back_off_max)
    }

    fn note(&mut self, error: &StorageError, uptime_ms: u64) {
        self.last = Some(error.clone());
        self.in_a_row += 1;
        self.since_ms = Some(uptime_ms);
    }
}

impl Compactor {
    /// Compactions finished since the database was opened.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Why the last compaction failed, if it did.
    pub(crate) fn last_error(&self) -> Option<StorageError> {
        self.failures.lock().last.clone()
    }

    /// Lets a compaction under way end soon.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn new() -> Self {
        Self {
            queue: Mutex::new(Vec::new()),
            pauses: AtomicU32::new(0),
            stopping: AtomicBool::new(false),
            done: AtomicU64::new(0),
            failures: Mutex::new(Failures::none(BACK_OFF_MAX)),
            heals: Mutex::new(Failures::none(HEAL_BACK_OFF_MAX)),
        }
    }

    fn note(&self, result: &Result<CompactionReport, StorageError>, uptime_ms: u64) {
        let mut failures = self.failures.lock();
        match result {
            Ok(_) => {
                self.done.fetch_add(1, Ordering::Relaxed);
                *failures = Failures::none(BACK_OFF_MAX);
            }
            // Not the compaction's fault: the caller wanted it so, or a heal comes first.
            Err(StorageError::Cancelled | StorageError::DurabilityLost { .. }) => {}
            Err(error) => failures.note(error, uptime_ms),
        }
    }

    fn note_heal(&self, result: &Result<CompactionReport, StorageError>, uptime_ms: u64) {
        let mut heals = self.heals.lock();
        match result {
            Ok(_) => *heals = Failures::none(HEAL_BACK_OFF_MAX),
            Err(error) => heals.note(error, uptime_ms),
        }
        drop(heals);
        self.note(result, uptime_ms);
    }
}

impl Engine {
    /// Queues a compaction.
    pub(crate) fn start_compaction(
        &self,
        request: CompactionRequest,
    ) -> Result<CompactionHandle, StorageError> {
        self.check_readable()?;
        if self.store().is_none() {
            let reason = "a database in memory has no file".into();
            return Err(StorageError::CompactionBlocked { reason });
        }
        let (done, result) = bounded(1);
        let cancel = Arc::new(AtomicBool::new(false));
        self.compactor.queue.lock().push(Asked {
            request,
            cancel: Arc::clone(&cancel),
            done,
        });
        self.start_background();
        self.background.ask(Job::Compact);
        // A close between the check and the queueing has answered the queue already.
        if self.check_open().is_err() || !self.background.is_running() {
            self.refuse_compactions();
        }
        Ok(CompactionHandle {
            engine: self.this.clone(),
            cancel,
            result,
        })
    }

    /// Stops compactions from making progress until the guard is dropped.
    pub(crate) fn pause_compaction(self: &Arc<Self>) -> CompactionPause {
        self.compactor.pauses.fetch_add(1, Ordering::AcqRel);
        CompactionPause {
            engine: Arc::clone(self),
        }
    }

    /// Runs what is due: a heal, requests in order, an automatic compaction. Background thread only.
    pub(crate) fn compact_if_due(&self) {
        let Some(store) = self.store() else { return };
        loop {
            if store.log().needs_heal() && self.compactor.heals.lock().may_try(self.uptime_ms()) {
                let _noted = self.heal(store);
            }
            let next = {
                let mut queue = self.compactor.queue.lock();
                (!queue.is_empty()).then(|| queue.remove(0))
            };
            let Some(mut asked) = next else { break };
            let result = self.compact(store, &mut asked.request, &asked.cancel);
            self.compactor.note(&result, self.uptime_ms());
            // The asker may have gone.
            drop(asked.done.send(result));
        }
        if self.has_outgrown(store) && self.compactor.failures.lock().may_try(self.uptime_ms()) {
            let mut request = CompactionRequest::new();
            let result = self.compact(store, &mut request, &AtomicBool::new(false));
            self.compactor.note(&result, self.uptime_ms());
        }
    }

    /// Writes the whole state to a new file after a sync of the old one failed.
    pub(crate) fn heal(&self, store: &Store) -> Result<CompactionReport, StorageError> {
        let mut request = CompactionRequest::new();
        let result = self.compact(store, &mut request, &AtomicBool::new(false));
        self.compactor.note_heal(&result, self.uptime_ms());
        result
    }

    /// Answers every queued request, because there will be no more compaction.
    pub(crate) fn refuse_compactions(&self) {
        for asked in self.compactor.queue.lock().drain(..) {
            drop(asked.done.send(Err(StorageError::Closed)));
        }
    }

    /// Whether the file has grown past both knobs of the policy.
    fn has_outgrown(&self, store: &Store) -> bool {
        let policy = self.settings.compaction();
        if policy.growth_percent == 0 {
            return false;
        }
        let info = store.info();
        let base = info.log_offset.max(1);
        let size = info.log_offset.saturating_add(store.log().log_bytes());
        let grown_percent = (size - base).saturating_mul(100) / base;
        size >= policy.min_bytes && grown_percent >= u64::from(policy.growth_percent)
    }

    fn compact(
        &self,
        store: &Store,
        request: &mut CompactionRequest,
        cancel: &AtomicBool,
    ) -> Result<CompactionReport, StorageError> {
        // A file that lost a sync is not waited for: its state comes from memory alone.
        let healing = store.log().needs_heal();
        let snapshot = self.snapshot()?;
        let plan = CompactionPlan {
            snapshot_lsn: snapshot.lsn(),
            app: app_bytes(snapshot.layout()),
            estimate_bytes: 0,
            stamp: self.stamp(),
        };
        let compaction = store.begin_compaction(&plan)?;
        let mut work = Work {
            engine: self,
            compaction,
            pace: Pace::new(
                request
                    .bytes_per_second
                    .or(self.settings.compaction().bytes_per_second),
            ),
            progress: Progress {
                keys_total: snapshot.key_count(),
                ..Progress::default()
            },
            on_progress: request.on_progress.as_mut(),
            cancel,
            healing,
        };
        work.write(&snapshot)?;
        let Work { compaction, .. } = work;
        drop(snapshot);
        compaction.finish()
    }
}

/// One compaction while its blocks are written.
struct Work<'a> {
    engine: &'a Engine,
    compaction: Compaction,
    pace: Pace,
    progress: Progress,
    on_progress: Option<&'a mut OnProgress>,
    cancel: &'a AtomicBool,
    healing: bool,
}

impl Work<'_> {
    fn write(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        let mut block = Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 4);
        let mut count = 0;
        for (index, shard) in snapshot.shards().iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            for (database, table) in shard.databases() {
                for entry in effects::entries(table) {
                    let mut full = Ok(());
                    effects::entry_effects(&entry, &mut |effect| {
                        if full.is_err() {
                            return;
                        }
                        // Blocks are loaded one by one: each says which database it is in.
                        let is_named = !cfg!(nacre_bug = "database_unnamed");
                        if block.is_empty() && database != 0 && is_named {
                            codec::encode(&Effect::Database { index: database }, &mut block);
                            count += 1;
                        }
                        codec::encode(effect, &mut block);
                        count += 1;
                        if block.len() >= BLOCK_BYTES {
                            full = self.seal(index, &mut count, &mut block);
                        }
                    });
                    full?;
                    self.progress.keys_done += 1;
                }
                if !block.is_empty() {
                    self.seal(index, &mut count, &mut block)?;
                }
            }
        }
        Ok(())
    }

    /// Writes one block, then lets everything else have its turn.
    fn seal(
        &mut self,
        shard: u32,
        count: &mut u32,
        block: &mut Vec<u8>,
    ) -> Result<(), StorageError> {
        let bytes = self.compaction.write_block(shard, *count, block)?;
        block.clear();
        *count = 0;
        self.progress.bytes_written += bytes;
        if let Some(report) = &mut self.on_progress {
            let progress = self.progress;
            // A callback's panic ends the compaction, not the thread.
            match catch_unwind(AssertUnwindSafe(|| report(progress))) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Err(StorageError::Cancelled),
                Err(_panic) => {
                    let reason = "the progress callback panicked".into();
                    return Err(StorageError::CompactionBlocked { reason });
                }
            }
        }
        let compactor = &self.engine.compactor;
        loop {
            // Healing is neither slowed down nor stopped: no write is possible before it ends.
            if self.healing {
                return Ok(());
            }
            let stopping = compactor.stopping.load(Ordering::Acquire);
            if self.cancel.load(Ordering::Acquire) || stopping {
                return Err(StorageError::Cancelled);
            }
            if let Some(log) = self.engine.log().filter(|log| log.needs_heal()) {
                // A heal needs a newer snapshot than this one.
                return Err(StorageError::DurabilityLost {
                    since_lsn: log.durable_lsn(),
                });
            }
            self.engine.tick();
            let paused = compactor.pauses.load(Ordering::Acquire) > 0;
            let ahead = self.pace.ahead(self.progress.bytes_written);
            if !paused && ahead.is_zero() {
                return Ok(());
            }
            if paused {
                std::thread::sleep(NAP);
                // Time spent paused earns no budget.
                self.pace.restart(self.progress.bytes_written);
            } else {
                std::thread::sleep(ahead.min(NAP));
            }
        }
    }
}

/// Keeps to a number of bytes a second.
struct Pace {
    bytes_per_second: Option<u64>,
    since: Stopwatch,
    bytes_before: u64,
}

impl Pace {
    fn new(bytes_per_second: Option<u64>) -> Self {
        Self {
            bytes_per_second,
            since: Stopwatch::start(),
            bytes_before: 0,
        }
    }

    fn restart(&mut self, bytes: u64) {
        self.since = Stopwatch::start();
        self.bytes_before = bytes;
    }

    /// How long to wait before going on.
    fn ahead(&self, bytes: u64) -> Duration {
        let Some(rate) = self.bytes_per_second else {
            return Duration::ZERO;
        };
        let due = Duration::from_secs_f64((bytes - self.bytes_before) as f64 / rate.max(1) as f64);
        due.saturating_sub(self.since.elapsed())
    }
}
