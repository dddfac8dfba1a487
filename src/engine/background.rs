//! The engine's background thread: removes what has expired, and compacts.
//!
//! Started when there is first something to do: a database without deadlines and without a file has
//! no thread. It never holds a shard longer than one bounded step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use parking_lot::Mutex;

use super::Engine;
use crate::sys::thread;

/// How often expired keys are looked for.
const TICK: Duration = Duration::from_millis(100);

/// What the thread is asked to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Look at the compaction's state: something was asked of it.
    Compact,
    /// End.
    Stop,
}

/// The thread and the way to it.
#[derive(Debug)]
pub(crate) struct Background {
    sender: Sender<Job>,
    receiver: Receiver<Job>,
    running: AtomicBool,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Background {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = unbounded();
        Self {
            sender,
            receiver,
            running: AtomicBool::new(false),
            handle: Mutex::new(None),
        }
    }

    /// Whether the thread runs.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// Asks for a job, once the thread runs.
    pub(crate) fn ask(&self, job: Job) {
        // The receiver lives as long as this value: sending cannot fail.
        drop(self.sender.send(job));
    }
}

impl Engine {
    /// Starts the background thread if it does not run yet.
    #[cold]
    pub(crate) fn start_background(&self) {
        let mut handle = self.background.handle.lock();
        if handle.is_some() || self.is_closed() {
            return;
        }
        let (Some(engine), Some(on_panic)) = (self.this.upgrade(), self.this.upgrade()) else {
            return;
        };
        let work = move || run(&engine);
        let on_panic = move |text: String| on_panic.poison(format!("background thread: {text}"));
        // Without a thread, expired keys still never show; they only stay in memory longer.
        *handle = thread::spawn("nacre-background", work, on_panic).ok();
        self.background.running.store(true, Ordering::Relaxed);
    }

    /// Ends the background thread and waits for it.
    pub(crate) fn stop_background(&self) {
        let handle = self.background.handle.lock().take();
        if let Some(handle) = handle {
            self.background.ask(Job::Stop);
            let ended = handle.join();
            debug_assert!(ended.is_ok(), "sys::thread catches panics");
        }
    }
}

fn run(engine: &Arc<Engine>) {
    loop {
        match engine.background.receiver.recv_timeout(TICK) {
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Job::Compact) | Err(RecvTimeoutError::Timeout) => {}
        }
        if engine.clock.runs_by_itself() {
            engine.expire_some();
        }
    }
}
