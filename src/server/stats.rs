//! Counts of what a server has done: what `INFO` and `LATENCY HISTOGRAM` show.
//!
//! Connections count in a [`Tally`] of their own while they run a pipeline, and add it to the server's [`Counts`]
//! when the command changes or the pipeline ends, so that counting costs a command no shared cache line.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

/// Powers of two of nanoseconds that calls are sorted by.
pub(crate) const BUCKETS: usize = 40;

/// What a server has counted since it began, or since `CONFIG RESETSTAT`.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicU64,
    pub(crate) rejected_connections: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) input_bytes: AtomicU64,
    pub(crate) output_bytes: AtomicU64,
    pub(crate) errors: AtomicU64,
    /// Commands in the last second that was looked at.
    pub(crate) commands_per_second: AtomicU64,
    last_sample: Mutex<(u64, u64)>,
    by_command: RwLock<BTreeMap<&'static str, Arc<CommandCounts>>>,
    by_error: Mutex<BTreeMap<String, u64>>,
}

/// What was counted of one command.
#[derive(Debug)]
pub(crate) struct CommandCounts {
    pub(crate) calls: AtomicU64,
    pub(crate) nanos: AtomicU64,
    /// Refused before they ran.
    pub(crate) rejected: AtomicU64,
    /// Answered with an error.
    pub(crate) failed: AtomicU64,
    /// Calls that took up to 2^n nanoseconds.
    pub(crate) buckets: [AtomicU64; BUCKETS],
}

impl Default for CommandCounts {
    fn default() -> Self {
        Self {
            calls: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

/// Most different error codes that are told apart.
const ERRORS_MAX: usize = 128;

impl Counts {
    fn command(&self, name: &'static str) -> Arc<CommandCounts> {
        if let Some(counts) = self.by_command.read().get(name) {
            return Arc::clone(counts);
        }
        Arc::clone(self.by_command.write().entry(name).or_default())
    }

    /// Counts an error by its code word.
    pub(crate) fn count_error(&self, text: &str) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let code = text.split(' ').next().unwrap_or_default();
        let mut by_error = self.by_error.lock();
        if let Some(count) = by_error.get_mut(code) {
            *count += 1;
        } else if by_error.len() < ERRORS_MAX {
            by_error.insert(code.to_owned(), 1);
        }
    }

    /// Counts a command that was refused before it ran.
    pub(crate) fn count_rejected(&self, name: &'static str) {
        self.command(name).rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Every command that was called or refused, by name.
    pub(crate) fn commands_by_name(&self) -> Vec<(&'static str, Arc<CommandCounts>)> {
        let by_command = self.by_command.read();
        let is_counted = |counts: &CommandCounts| {
            let all =
                counts.calls.load(Ordering::Relaxed) + counts.rejected.load(Ordering::Relaxed);
            all > 0
        };
        by_command
            .iter()
            .filter(|(_, counts)| is_counted(counts))
            .map(|(name, counts)| (*name, Arc::clone(counts)))
            .collect()
    }

    /// How often each error code was answered.
    pub(crate) fn errors_by_code(&self) -> Vec<(String, u64)> {
        let by_error = self.by_error.lock();
        by_error
            .iter()
            .map(|(code, count)| (code.clone(), *count))
            .collect()
    }

    /// Sets everything to zero. What connections have counted and not added yet is added afterwards.
    pub(crate) fn reset(&self) {
        let counts = [
            &self.connections,
            &self.rejected_connections,
            &self.commands,
            &self.input_bytes,
            &self.output_bytes,
            &self.errors,
        ];
        let zero = |count: &AtomicU64| count.store(0, Ordering::Relaxed);
        counts.into_iter().for_each(zero);
        for command in self.by_command.read().values() {
            let counts = [
                &command.calls,
                &command.nanos,
                &command.rejected,
                &command.failed,
            ];
            counts.into_iter().chain(&command.buckets).for_each(zero);
        }
        self.by_error.lock().clear();
        *self.last_sample.lock() = (0, 0);
    }

    /// Measures how many commands there are in a second.
    pub(crate) fn sample(&self, now_ms: u64) {
        let commands = self.commands.load(Ordering::Relaxed);
        let mut last = self.last_sample.lock();
        let (then_ms, then) = std::mem::replace(&mut *last, (now_ms, commands));
        drop(last);
        let per_second = commands.saturating_sub(then).saturating_mul(1000)
            / now_ms.saturating_sub(then_ms).max(1);
        self.commands_per_second
            .store(per_second, Ordering::Relaxed);
    }
}

/// What a connection has counted and not added yet: of one command at a time.
#[derive(Debug)]
pub(crate) struct Tally {
    name: &'static str,
    calls: u64,
    nanos: u64,
    failed: u64,
    buckets: [u32; BUCKETS],
    /// The first and the last of the buckets that have any.
    filled: (usize, usize),
    /// The server's counts of commands that were used before, so that they need not be looked for.
    known: Vec<(&'static str, Arc<CommandCounts>)>,
}

/// Most commands whose counts a connection remembers.
const KNOWN_MAX: usize = 8;

const NONE_FILLED: (usize, usize) = (BUCKETS, 0);

impl Default for Tally {
    fn default() -> Self {
        Self {
            name: "",
            calls: 0,
            nanos: 0,
            failed: 0,
            buckets: [0; BUCKETS],
            filled: NONE_FILLED,
            known: Vec::new(),
        }
    }
}

impl Tally {
    /// Counts a call.
    #[inline]
    pub(crate) fn count(&mut self, name: &'static str, nanos: u64, failed: bool, counts: &Counts) {
        if !std::ptr::eq(name, self.name) {
            self.add_to(counts);
            self.name = name;
        }
        self.calls += 1;
        self.nanos += nanos;
        self.failed += u64::from(failed);
        let bucket = ((u64::BITS - nanos.leading_zeros()) as usize).min(BUCKETS - 1);
        self.buckets[bucket] += 1;
        let (first, last) = self.filled;
        self.filled = (first.min(bucket), last.max(bucket));
    }

    /// The command counted last.
    pub(crate) fn name(&self) -> Option<&'static str> {
        (self.calls > 0).then_some(self.name)
    }

    /// Adds what was counted to the server's.
    pub(crate) fn add_to(&mut self, counts: &Counts) {
        if self.calls == 0 {
            return;
        }
        let is_it = |known: &&(&'static str, Arc<CommandCounts>)| std::ptr::eq(known.0, self.name);
        let command = match self.known.iter().find(is_it) {
            Some((_, command)) => command,
            None => {
                if self.known.len() == KNOWN_MAX {
                    self.known.clear();
                }
                self.known.push((self.name, counts.command(self.name)));
                let at = self.known.len() - 1;
                &self.known[at].1
            }
        };
        counts.commands.fetch_add(self.calls, Ordering::Relaxed);
        command.calls.fetch_add(self.calls, Ordering::Relaxed);
        command.nanos.fetch_add(self.nanos, Ordering::Relaxed);
        if self.failed > 0 {
            command.failed.fetch_add(self.failed, Ordering::Relaxed);
        }
        let (first, last) = self.filled;
        for at in first..=last {
            let bucket = std::mem::take(&mut self.buckets[at]);
            if bucket > 0 {
                command.buckets[at].fetch_add(u64::from(bucket), Ordering::Relaxed);
            }
        }
        self.filled = NONE_FILLED;
        (self.calls, self.nanos, self.failed) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_is_added_once_and_by_name() {
        let counts = Counts::default();
        let mut tally = Tally::default();
        tally.count("GET", 100, false, &counts);
        tally.count("GET", 50, true, &counts);
        tally.count("SET", 7, false, &counts);
        tally.add_to(&counts);
        tally.add_to(&counts);
        let all = counts.commands_by_name();
        let figures = all.iter().map(|(name, command)| {
            let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
            (
                *name,
                load(&command.calls),
                load(&command.nanos),
                load(&command.failed),
            )
        });
        assert_eq!(
            figures.collect::<Vec<_>>(),
            [("GET", 2, 150, 1), ("SET", 1, 7, 0)]
        );
        assert_eq!(counts.commands.load(Ordering::Relaxed), 3);
        assert_eq!(all[0].1.buckets[7].load(Ordering::Relaxed), 1);
    }
}
