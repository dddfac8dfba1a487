//! The thread that brings the log to the disk once a second, and for `Buffered` a second one that brings
//! it to the file within the window, however long a sync takes.
//!
//! They hold no shard and block no writer, and sleep while there is nothing to do. A failed sync makes the
//! first ask the background thread to heal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use super::Engine;
use super::options::Ack;
use crate::error::StorageError;
use crate::sys::thread;

/// How often the thread looks while there is something to sync, at most.
const LOOK: Duration = Duration::from_millis(100);
/// How long it sleeps at most where nothing is acknowledged from memory alone.
const SLEEP: Duration = Duration::from_secs(1);

/// The threads and the ways to wake and to end them.
#[derive(Debug)]
pub(crate) struct Syncer {
    sync: Bell,
    flush: Bell,
    /// Whether the second thread was started.
    flushes: AtomicBool,
    running: Mutex<Vec<(Sender<()>, JoinHandle<()>)>>,
}

/// Wakes one thread.
#[derive(Debug)]
struct Bell {
    /// Full: the thread was woken and has not noticed yet.
    wake: Sender<()>,
    woken: Receiver<()>,
    idle: AtomicBool,
}

impl Bell {
    fn new() -> Self {
        let (wake, woken) = bounded(1);
        Self {
            wake,
            woken,
            idle: AtomicBool::new(false),
        }
    }

    #[inline]
    fn ring(&self) {
        // Ordered after the append's store of the log's end, as the thread orders its own two: one of
        // both sides sees the other.
        if self.idle.load(Ordering::SeqCst) {
            // Full means that it was woken already.
            let _woken = self.wake.try_send(());
        }
    }

    /// Waits for [`wake`](Syncer::wake) alone, but not for long; says whether the thread is to end.
    fn sleep(&self, stopped: &Receiver<()>, longest: Duration) -> bool {
        crossbeam::channel::select! {
            recv(self.woken) -> _ => false,
            recv(stopped) -> _ => true,
            default(longest) => false,
        }
    }

    /// Waits while nothing is left to do, but not for long; ends early when woken or stopped.
    fn rest(&self, done: impl Fn() -> bool, stopped: &Receiver<()>, longest: Duration) {
        self.idle.store(true, Ordering::SeqCst);
        if done() {
            crossbeam::channel::select! {
                recv(self.woken) -> _ => {}
                recv(stopped) -> _ => {}
                default(longest) => {}
            }
        }
        self.idle.store(false, Ordering::SeqCst);
    }
}

impl Syncer {
    pub(crate) fn new() -> Self {
        Self {
            sync: Bell::new(),
            flush: Bell::new(),
            flushes: AtomicBool::new(false),
            running: Mutex::new(Vec::new()),
        }
    }

    /// Wakes both, whatever they do.
    fn wake(&self) {
        for bell in [&self.sync, &self.flush] {
            // Full means that it was woken already.
            let _woken = bell.wake.try_send(());
        }
    }

    /// To be called after every append: wakes whoever sleeps.
    #[inline]
    pub(crate) fn notice(&self) {
        self.sync.ring();
        self.flush.ring();
    }
}

/// How long a write may wait for its sync: a little under a second, for the thread looks ten times in one. Under
/// `Always` that is for what nobody waits for, and for what another class has acknowledged before.
pub(crate) fn sync_interval_ms(ack: Ack) -> Option<u64> {
    match ack {
        Ack::Always | Ack::EverySec | Ack::Buffered(_) => Some(900),
        Ack::No => None,
    }
}

impl Engine {
    /// Starts the threads; none where the clock moves only when told.
    pub(crate) fn start_syncer(&self) -> Result<(), StorageError> {
        if !self.clock.runs_by_itself() {
            return Ok(());
        }
        self.start_one("nacre-sync", run_sync)?;
        self.start_flush()
    }

    /// Starts the thread for what is acknowledged from memory, if that is done and it does not run.
    fn start_flush(&self) -> Result<(), StorageError> {
        if !matches!(self.settings.ack(), Ack::Buffered(_))
            || self.syncer.flushes.swap(true, Ordering::Relaxed)
        {
            return Ok(());
        }
        self.start_one("nacre-flush", run_flush)
            .inspect_err(|_not_started| self.syncer.flushes.store(false, Ordering::Relaxed))
    }

    /// Follows a change of the ack class: what is acknowledged from here on is what the new one promises.
    pub(super) fn follow_ack(&self) -> Result<(), StorageError> {
        let Some(log) = self.log() else { return Ok(()) };
        let has_threads = !self.syncer.running.lock().is_empty();
        log.set_sync_interval_ms(sync_interval_ms(self.settings.ack()));
        if has_threads {
            self.start_flush()?;
            self.syncer.wake();
        }
        Ok(())
    }

    fn start_one(&self, name: &str, run: fn(&Engine, &Receiver<()>)) -> Result<(), StorageError> {
        let (Some(engine), Some(poisoned)) = (self.this.upgrade(), self.this.upgrade()) else {
            return Err(StorageError::Closed);
        };
        let (stop, stopped) = bounded(1);
        let work = move || run(&engine, &stopped);
        let title = name.to_owned();
        let on_panic = move |text: String| poisoned.poison(format!("{title}: {text}"));
        let handle = thread::spawn(name, work, on_panic)
            .map_err(|error| StorageError::io("start a thread", error))?;
        self.syncer.running.lock().push((stop, handle));
        Ok(())
    }

    /// What the threads do at a time: brings the log to the file, and to the disk if that is due.
    pub(crate) fn sync_if_due(&self) {
        let Some(log) = self.log() else { return };
        // The log remembers what went wrong and tells the writers; here only the heal is started.
        if log.tick(self.uptime_ms()).is_err() {
            self.ask_to_heal(log);
        }
    }

    /// Ends the threads and waits for them.
    pub(crate) fn stop_syncer(&self) {
        let running = std::mem::take(&mut *self.syncer.running.lock());
        for (stop, handle) in running {
            drop(stop);
            let ended = handle.join();
            debug_assert!(ended.is_ok(), "sys::thread catches panics");
        }
    }
}

fn run_sync(engine: &Engine, stopped: &Receiver<()>) {
    let Some(log) = engine.log() else { return };
    let done = || {
        let reached = match engine.settings.ack() {
            Ack::No => log.written_lsn(),
            Ack::Always | Ack::EverySec | Ack::Buffered(_) => log.durable_lsn(),
        };
        reached == log.end_lsn()
    };
    loop {
        engine.syncer.sync.rest(done, stopped, SLEEP);
        if let Ok(()) | Err(RecvTimeoutError::Disconnected) = stopped.recv_timeout(LOOK) {
            return;
        }
        engine.sync_if_due();
    }
}

fn run_flush(engine: &Engine, stopped: &Receiver<()>) {
    let Some(log) = engine.log() else { return };
    let done = || log.written_lsn() == log.end_lsn();
    loop {
        let Ack::Buffered(window) = engine.settings.ack() else {
            // Another class writes at once: nobody has to ring for this thread.
            if engine.syncer.flush.sleep(stopped, SLEEP) {
                return;
            }
            continue;
        };
        let period = (window / 2).clamp(Duration::from_micros(100), LOOK);
        engine.syncer.flush.rest(done, stopped, LOOK);
        if let Ok(()) | Err(RecvTimeoutError::Disconnected) = stopped.recv_timeout(period) {
            return;
        }
        // A failure is the sync thread's to act on.
        let _flushed = log.flush();
    }
}
