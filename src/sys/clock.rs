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

    /// Sets the clock, forward or back, and says so, if it is one that can be set.
    fn set(&self, now_ms: u64) -> bool {
        let _ = now_ms;
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
/// A database with this clock has no timers of its own: what happens with time (keys expire, waits end, the
/// file is synced once a second and looked at for compaction, failed compactions are tried again) happens
/// when [`Db::advance`](crate::Db::advance) or [`Db::set_time_ms`](crate::Db::set_time_ms) moves it.
/// How fast a compaction may write is measured in real time still.
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

    /// Sets the clock, forward or back. What waits for a time finds out through
    /// [`Db::set_time_ms`](crate::Db::set_time_ms), which calls this.
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

    fn set(&self, now_ms: u64) -> bool {
        self.set_ms(now_ms);
        true
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

/// A time limit: by a clock that only moves when told, else by a stopwatch.
#[derive(Debug)]
pub(crate) struct Countdown {
    limit: Duration,
    since: Stopwatch,
    /// The clock that decides, and when it ends.
    told: Option<(Arc<dyn Clock>, u64)>,
}

impl Countdown {
    pub(crate) fn start(limit: Duration, clock: Option<Arc<dyn Clock>>) -> Self {
        let clock = clock.filter(|clock| !clock.runs_by_itself());
        let limit_ms = u64::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let told = clock.map(|clock| {
            let end_ms = clock.now_ms().saturating_add(limit_ms);
            (clock, end_ms)
        });
        Self {
            limit,
            since: Stopwatch::start(),
            told,
        }
    }

    /// How long until the end; zero after it.
    pub(crate) fn left(&self) -> Duration {
        match &self.told {
            Some((clock, end_ms)) => Duration::from_millis(end_ms.saturating_sub(clock.now_ms())),
            None => self.limit.saturating_sub(self.since.elapsed()),
        }
    }

    /// Whether the end comes by itself, and nobody says so.
    pub(crate) fn runs_by_itself(&self) -> bool {
        self.told.is_none()
    }
}
