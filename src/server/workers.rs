//! The threads of a server. Each runs the tasks of its connections; commands of different threads run side by
//! side on the database's shards.
//!
//! Invariants:
//! 1. A connection stays on the thread it was given to.
//! 2. The threads end when the server stops and its connections have ended, or have not in time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};

use super::hub::Hub;
use super::notify;
use crate::sys::thread::spawn;

/// How long connections may take to send their last answers when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often the server looks after its connections.
const ROUND: Duration = Duration::from_secs(1);

/// The threads of a server.
#[derive(Debug)]
pub(super) struct Workers {
    handles: Vec<Handle>,
    next: AtomicUsize,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    /// Starts so many, or none.
    pub(super) fn start(count: usize, hub: &Arc<Hub>) -> io::Result<Self> {
        let mut workers = Self {
            handles: Vec::new(),
            next: AtomicUsize::new(0),
            threads: Mutex::default(),
        };
        let started = workers.start_all(count, hub);
        if let Err(error) = started {
            hub.stop(super::hub::Stop::Sync);
            workers.join();
            return Err(error);
        }
        Ok(workers)
    }

    fn start_all(&mut self, count: usize, hub: &Arc<Hub>) -> io::Result<()> {
        for number in 0..count.clamp(1, 256) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            self.handles.push(runtime.handle().clone());
            let hub = Arc::clone(hub);
            let on_panic = Arc::clone(&hub);
            let work = move || {
                runtime.block_on(async {
                    if number == 0 {
                        runtime.spawn(rounds(Arc::clone(&hub)));
                        runtime.spawn(notify::publish(Arc::clone(&hub)));
                    }
                    hub.stopped().await;
                    hub.end_all();
                    let _in_time = tokio::time::timeout(FAREWELL, hub.emptied()).await;
                });
            };
            let stop = move |_panic: String| on_panic.stop(super::hub::Stop::Sync);
            let thread = spawn(&format!("nacre-serve-{number}"), work, stop)?;
            self.threads.lock().push(thread);
        }
        Ok(())
    }

    /// The thread for the next connection.
    pub(super) fn next(&self) -> &Handle {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        &self.handles[next % self.handles.len()]
    }

    /// The thread that everything else runs on.
    pub(super) fn first(&self) -> &Handle {
        &self.handles[0]
    }

    /// Waits for their end.
    pub(super) fn join(&self) {
        // Whoever comes second waits for the first.
        let mut threads = self.threads.lock();
        for thread in threads.drain(..) {
            // The last handle may be dropped by a task of one of them.
            if thread.thread().id() != std::thread::current().id() {
                // A panic was dealt with where it happened.
                let _ended = thread.join();
            }
        }
    }
}

/// Looks after the connections once in a while.
async fn rounds(hub: Arc<Hub>) {
    let mut ticks = tokio::time::interval(ROUND);
    loop {
        ticks.tick().await;
        hub.round();
    }
}
