//! Clocks and memory figures. Benches read time here and nowhere else.

#![allow(
    clippy::disallowed_methods,
    reason = "benches measure real time; the library takes it from sys::clock"
)]

use std::time::{Duration, Instant};

/// What something cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Time on the wall.
    pub(crate) wall: Duration,
    /// CPU time of this thread: leaves out waiting for a core, and all other threads.
    pub(crate) thread: Duration,
    /// CPU time of all threads of this process.
    pub(crate) process: Duration,
}

/// Runs `work` and tells what it cost.
pub(crate) fn measure<R>(work: impl FnOnce() -> R) -> (R, Cost) {
    let process = process_cpu();
    let thread = thread_cpu();
    let started = Instant::now();
    let result = work();
    let cost = Cost {
        wall: started.elapsed(),
        thread: thread_cpu().saturating_sub(thread),
        process: process_cpu().saturating_sub(process),
    };
    (result, cost)
}

/// Time on the wall since the first call.
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(unix)]
fn cpu(id: rustix::time::ClockId) -> Duration {
    let spec = rustix::time::clock_gettime(id);
    let seconds = u64::try_from(spec.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(spec.tv_nsec).unwrap_or(0))
}

#[cfg(unix)]
fn thread_cpu() -> Duration {
    cpu(rustix::time::ClockId::ThreadCPUTime)
}

#[cfg(unix)]
fn process_cpu() -> Duration {
    cpu(rustix::time::ClockId::ProcessCPUTime)
}

#[cfg(not(unix))]
fn thread_cpu() -> Duration {
    Duration::ZERO
}

#[cfg(not(unix))]
fn process_cpu() -> Duration {
    Duration::ZERO
}

/// Resident bytes of process `id` (or of this one), from `/proc`; 0 where there is none.
pub(crate) fn resident_bytes(id: Option<u32>) -> u64 {
    let path = match id {
        Some(id) => format!("/proc/{id}/statm"),
        None => "/proc/self/statm".to_owned(),
    };
    let Ok(text) = std::fs::read_to_string(path) else {
        return 0;
    };
    let pages: u64 = text
        .split(' ')
        .nth(1)
        .and_then(|field| field.parse().ok())
        .unwrap_or(0);
    pages * 4096
}

/// Durations, kept one by one, for exact percentiles.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    nanos: Vec<u32>,
    sorted: bool,
}

impl Latencies {
    /// None yet, with room for `count`.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self {
            nanos: Vec::with_capacity(count),
            sorted: false,
        }
    }

    /// Notes one, at most 4.29 s of it.
    pub(crate) fn note(&mut self, duration: Duration) {
        self.nanos
            .push(u32::try_from(duration.as_nanos()).unwrap_or(u32::MAX));
        self.sorted = false;
    }

    /// Adds those of `other`.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.nanos.extend_from_slice(&other.nanos);
        self.sorted = false;
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.nanos.len()
    }

    /// The one below which `share` of them lie (1.0: the longest), in nanoseconds.
    pub(crate) fn percentile(&mut self, share: f64) -> f64 {
        if !self.sorted {
            self.nanos.sort_unstable();
            self.sorted = true;
        }
        let Some(last) = self.nanos.len().checked_sub(1) else {
            return f64::NAN;
        };
        f64::from(self.nanos[((last as f64) * share).round() as usize])
    }
}
