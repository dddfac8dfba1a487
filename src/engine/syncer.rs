//! The thread that brings the log to the disk: once a second, or within the window of `Buffered`.
//!
//! It holds no shard and blocks no writer. A failed sync makes it ask the background thread to heal.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use super::Engine;
use super::background::Job;
use super::options::Ack;
use crate::error::StorageError;
use crate::sys::clock::Stopwatch;
use crate::sys::thread;

/// How often the thread looks, at most.
const LOOK: Duration = Duration::from_millis(100);

/// The thread and the way to end it.
#[derive(Debug, Default)]
pub(crate) struct Syncer {
    running: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Engine {
    /// Starts the sync thread.
    pub(crate) fn start_syncer(&self) -> Result<(), StorageError> {
        let (Some(engine), Some(poisoned)) = (self.this.upgrade(), self.this.upgrade()) else {
            return Err(StorageError::Closed);
        };
        let (stop, stopped) = bounded(1);
        let period = match self.ack {
            Ack::Buffered(window) => (window / 2).clamp(Duration::from_micros(100), LOOK),
            Ack::Always | Ack::EverySec | Ack::No => LOOK,
        };
        let work = move || run(&engine, &stopped, period);
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

fn run(engine: &Arc<Engine>, stopped: &Receiver<()>, period: Duration) {
    let uptime = Stopwatch::start();
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(period) {
        let Some(log) = engine.log() else { return };
        let uptime_ms = u64::try_from(uptime.elapsed().as_millis()).unwrap_or(u64::MAX);
        // The log remembers what went wrong and tells the writers; here only the heal is started.
        if log.tick(uptime_ms).is_err() && log.needs_heal() {
            engine.background.ask(Job::Compact);
        }
    }
}
