//! `CLIENT PAUSE`: commands that wait for some time.
//!
//! Invariants:
//! 1. Who asks `until` before a command runs either sees the pause or had begun before it.
//! 2. Whoever waits looks again whenever the pause changes.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Which commands wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Paused {
    Writes,
    All,
}

/// The pause of a server.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// Until when, in milliseconds of the server's stopwatch; 0 for no pause.
    until_ms: AtomicU64,
    what: Mutex<Option<Paused>>,
    changed: Notify,
}

impl Pause {
    /// Lets commands wait until then. A longer or stricter pause stays as it is.
    pub(crate) fn begin(&self, what: Paused, until_ms: u64, now_ms: u64) {
        let mut paused = self.what.lock();
        let lasts = self.until_ms.load(Ordering::Relaxed) > now_ms;
        let before = paused.filter(|_| lasts);
        *paused = Some(before.map_or(what, |before| before.max(what)));
        let until_ms = match before {
            Some(_) => until_ms.max(self.until_ms.load(Ordering::Relaxed)),
            None => until_ms,
        };
        self.until_ms.store(until_ms, Ordering::Release);
    }

    /// Ends the pause.
    pub(crate) fn end(&self) {
        let mut paused = self.what.lock();
        *paused = None;
        self.until_ms.store(0, Ordering::Release);
        drop(paused);
        self.changed.notify_waiters();
    }

    /// Until when a command has to wait; `None` if it may run.
    #[inline]
    pub(crate) fn until(&self, writes: bool, now_ms: impl FnOnce() -> u64) -> Option<u64> {
        let until_ms = self.until_ms.load(Ordering::Acquire);
        if until_ms == 0 || now_ms() >= until_ms {
            return None;
        }
        let waits = match *self.what.lock() {
            Some(Paused::All) => true,
            Some(Paused::Writes) => writes,
            None => false,
        };
        waits.then_some(until_ms)
    }

    /// Waits for the end of a pause, which ends by itself after so long.
    pub(crate) async fn ended(&self, left_ms: u64) {
        let mut changed = std::pin::pin!(self.changed.notified());
        // From here on an end is noticed; one before is seen.
        changed.as_mut().enable();
        if self.until_ms.load(Ordering::Acquire) == 0 {
            return;
        }
        let left = std::time::Duration::from_millis(left_ms);
        let _either = tokio::time::timeout(left, changed).await;
    }
}
