//! The thread that brings the log to the disk: once a second, or within the window of `Buffered`.
//!
//! It holds no shard and blocks no writer, and sleeps while everything is on the disk. A failed sync makes
//! it ask the background thread to heal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use super::Engine;
use super::background::Job;
use super::options::Ack;
use crate::error::StorageError;
use crate::storage::Log;
use crate::sys::clock::Stopwatch;
use crate::sys::thread;

/// How often the thread looks while there is something to sync, at most.
const LOOK: Duration = Duration::from_millis(100);
/// How long it sleeps at most where nothing is acknowledged from memory alone.
const SLEEP: Duration = Duration::from_secs(1);

/// The thread and the ways to wake and to end it.
#[derive(Debug)]
pub(crate) struct Syncer {
    /// Full: the thread was woken and has not noticed yet.
    wake: Sender<()>,
    woken: Receiver<()>,
    idle: AtomicBool,
    running: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Syncer {
    pub(crate) fn new() -> Self {
        let (wake, woken) = bounded(1);
        Self {
            wake,
            woken,
            idle: AtomicBool::new(false),
            running: Mutex::new(None),
        }
    }

    /// To be called after every append: wakes the thread if it sleeps.
    #[inline]
    pub(crate) fn notice(&self) {
        // Ordered after the append's store of the log's end, as the thread orders its own two: one of
        // both sides sees the other.
        if self.idle.load(Ordering::SeqCst) {
            drop(self.wake.try_send(()));
        }
    }

    /// Waits while there is nothing to sync, but not for long; ends early when woken or stopped.
    fn rest(&self, log: &Log, ack: Ack, stopped: &Receiver<()>, longest: Duration) {
        self.idle.store(true, Ordering::SeqCst);
        let done = if ack == Ack::No {
            log.written_lsn()
        } else {
            log.durable_lsn()
        };
        if done == log.end_lsn() {
            crossbeam::channel::select! {
                recv(self.woken) -> _ => {}
                recv(stopped) -> _ => {}
                default(longest) => {}
            }
        }
        self.idle.store(false, Ordering::SeqCst);
    }
}

/// How long a write may wait for its sync: a little under a second, for the thread looks ten times in one.
pub(crate) fn sync_interval_ms(ack: Ack) -> Option<u64> {
    match ack {
        Ack::EverySec | Ack::Buffered(_) => Some(900),
        Ack::Always | Ack::No => None,
    }
}

impl Engine {
    /// Starts the sync thread.
    pub(crate) fn start_syncer(&self) -> Result<(), StorageError> {
        let (Some(engine), Some(poisoned)) = (self.this.upgrade(), self.this.upgrade()) else {
            return Err(StorageError::Closed);
        };
        let (stop, stopped) = bounded(1);
        let work = move || run(&engine, &stopped);
        let on_panic = move |text: String| poisoned.poison(format!("sync thread: {text}"));
        let handle = thread::spawn("nacre-sync", work, on_panic)
            .map_err(|error| StorageError::io("start the sync thread", error))?;
        *self.syncer.running.lock() = Some((stop, handle));
        Ok(())
    }

    /// Ends the sync thread and waits for it.
    pub(crate) fn stop_syncer(&self) {
        if let Some((stop, handle)) = self.syncer.running.lock().take() {
            drop(stop);
            let ended = handle.join();
            debug_assert!(ended.is_ok(), "sys::thread catches panics");
        }
    }
}

fn run(engine: &Arc<Engine>, stopped: &Receiver<()>) {
    let Some(log) = engine.log() else { return };
    let (period, longest) = match engine.ack {
        Ack::Buffered(window) => ((window / 2).clamp(Duration::from_micros(100), LOOK), LOOK),
        Ack::Always | Ack::EverySec | Ack::No => (LOOK, SLEEP),
    };
    let uptime = Stopwatch::start();
    loop {
        engine.syncer.rest(log, engine.ack, stopped, longest);
        if let Ok(()) | Err(RecvTimeoutError::Disconnected) = stopped.recv_timeout(period) {
            return;
        }
        let uptime_ms = u64::try_from(uptime.elapsed().as_millis()).unwrap_or(u64::MAX);
        // The log remembers what went wrong and tells the writers; here only the heal is started.
        if log.tick(uptime_ms).is_err() && log.needs_heal() {
            engine.background.ask(Job::Compact);
        }
    }
}
