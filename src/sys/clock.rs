//! Time, in milliseconds since the Unix epoch.
//!
//! The engine reads a [`Clock`] at most once per operation, and only where a deadline asks for it.
//! [`ManualClock`] lets a test move everything that depends on time together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where the engine takes the time from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// Whether time passes by itself. A clock that only moves when told needs no background ticks.
    fn runs_by_itself(&self) -> bool {
        true
    }

    /// A clock of its own for a branch of the database, showing the same time, if branches are to have
    /// one; `None` to share this one.
    fn branch(&self) -> Option<Arc<dyn Clock>> {
        None
    }

    /// Moves the clock forward and says so, if it is one that can be moved.
    fn advance(&self, by: Duration) -> bool {
        let _ = by;
        false
    }
}

/// The system's real-time clock at the resolution of its tick (a few milliseconds), which costs a
/// fifth of a precise reading.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn now_ms(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
        seconds
            .saturating_mul(1000)
            .saturating_add(nanos / 1_000_000)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn now_ms(&self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
        let now = std::time::SystemTime::now();
        let since = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until a test moves it.
///
/// ```
/// use nacredb::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new(1_000);
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.now_ms(), 3_000);
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now_ms` milliseconds since the Unix epoch.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self {
            now_ms: AtomicU64::new(now_ms),
        }
    }

    /// Sets the clock, forward or back.
    pub fn set_ms(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Release);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Acquire)
    }

    fn runs_by_itself(&self) -> bool {
        false
    }

    fn branch(&self) -> Option<Arc<dyn Clock>> {
        Some(Arc::new(Self::new(self.now_ms())))
    }

    fn advance(&self, by: Duration) -> bool {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let later = |now: u64| Some(now.saturating_add(by_ms));
        self.now_ms
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, later)
            .is_ok()
    }
}

/// A monotonic stopwatch for rates and back-off; never for anything that is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
        Self(std::time::Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
