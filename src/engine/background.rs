//! The engine's background thread: removes what has expired, and compacts.
//!
//! Started when there is first something to do: a database without deadlines and without a file has
//! no thread. It never holds a shard longer than one bounded step. Where the clock moves only when told
//! it sleeps until it is asked: whoever moves the clock does so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use parking_lot::Mutex;

use super::Engine;
use crate::sys::clock::Stopwatch;
use crate::sys::thread;

/// How often expired keys are looked for.
const TICK: Duration = Duration::from_millis(100);

/// What the thread is asked to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Look at the compaction's state: something was asked of it.
    Compact,
    /// See how long it may sleep: somebody waits until a time.
    Look,
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
    last_tick: Mutex<Option<Stopwatch>>,
}

impl Background {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = unbounded();
        Self {
            sender,
            receiver,
            running: AtomicBool::new(false),
            handle: Mutex::new(None),
            last_tick: Mutex::new(None),
        }
    }

    /// Whether a tick has passed since this last said yes.
    fn tick_is_due(&self) -> bool {
        let mut last = self.last_tick.lock();
        let due = last.is_none_or(|last| last.elapsed() >= TICK);
        if due {
            *last = Some(Stopwatch::start());
        }
        due
    }

    /// Lets the thread look at what is due.
    pub(crate) fn look(&self) {
        self.ask(Job::Look);
    }

    /// Whether the thread runs.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether the caller is the thread.
    pub(crate) fn is_this_thread(&self) -> bool {
        let handle = self.handle.lock();
        let id = handle.as_ref().map(|handle| handle.thread().id());
        id == Some(std::thread::current().id())
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
        let on_panic = move |text: String| {
            on_panic.poison(format!("background thread: {text}"));
            on_panic.refuse_compactions();
        };
        // Without a thread, expired keys still never show; they only stay in memory longer.
        *handle = thread::spawn("nacre-background", work, on_panic).ok();
        let running = handle.is_some();
        self.background.running.store(running, Ordering::Relaxed);
    }

    /// The bounded part of the thread's work, also done between two blocks of a compaction.
    pub(crate) fn tick(&self) {
        if !self.clock.runs_by_itself() {
            return;
        }
        self.end_waits_due();
        if self.settings.expires() && self.background.tick_is_due() {
            self.expire_some();
        }
    }

    /// Ends the background thread and waits for it. A compaction under way is cancelled.
    pub(crate) fn stop_background(&self) {
        self.compactor.stop();
        let handle = self.background.handle.lock().take();
        if let Some(handle) = handle {
            self.background.ask(Job::Stop);
            // The last handle may be dropped by the thread itself, in a callback: it then ends by itself.
            if handle.thread().id() != std::thread::current().id() {
                let ended = handle.join();
                debug_assert!(ended.is_ok(), "sys::thread catches panics");
            }
        }
    }
}

fn run(engine: &Arc<Engine>) {
    let receiver = &engine.background.receiver;
    loop {
        let asked = if engine.clock.runs_by_itself() {
            let sleep = engine.next_wait_end().map_or(TICK, |left| left.min(TICK));
            receiver.recv_timeout(sleep)
        } else {
            receiver.recv().map_err(RecvTimeoutError::from)
        };
        match asked {
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Job::Compact | Job::Look) | Err(RecvTimeoutError::Timeout) => {}
        }
        engine.tick();
        engine.compact_if_due();
    }
}
