//! What everybody may know of a connection, and the box that others put messages into.
//!
//! The connection's own task writes the figures; `CLIENT LIST` and the server's rounds read them. Messages, ends
//! and wake-ups from elsewhere go through the [`Outbox`].
//!
//! Invariants:
//! 1. `has_mail` is set after something was put into the box and before its task is woken, so that a task
//!    that looks at the flag misses nothing.
//! 2. Nothing is put into the box of a connection that is to end.
//! 3. No lock here is held while another one is taken.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

use super::limits::{OutputClass, OutputLimit};

/// One connection, as others see it.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: u64,
    /// Where it comes from and where it goes to, as `CLIENT LIST` shows it.
    pub(crate) address: String,
    pub(crate) local_address: String,
    /// When it began, in milliseconds of the server's own stopwatch.
    pub(crate) began_ms: u64,
    /// Whether it has no task of its own, but runs on its caller's thread.
    pub(crate) is_local: bool,
    pub(crate) active_ms: AtomicU64,
    pub(crate) names: Mutex<Names>,
    pub(crate) database: AtomicU8,
    /// Queued commands; -1 outside `MULTI`.
    pub(crate) queued: AtomicI64,
    pub(crate) channels: AtomicUsize,
    pub(crate) patterns: AtomicUsize,
    pub(crate) shard_channels: AtomicUsize,
    pub(crate) protocol: AtomicU8,
    pub(crate) is_monitor: AtomicBool,
    pub(crate) is_blocked: AtomicBool,
    /// Whether a command waits for the end of a pause.
    pub(crate) is_paused: AtomicBool,
    pub(crate) no_evict: AtomicBool,
    pub(crate) query_bytes: AtomicUsize,
    /// Bytes of answers that were not sent yet.
    pub(crate) unsent_bytes: AtomicUsize,
    pub(crate) last_command: Mutex<&'static str>,
    has_mail: AtomicBool,
    outbox: Mutex<Outbox>,
}

/// What a client calls itself.
#[derive(Debug, Default, Clone)]
pub(crate) struct Names {
    pub(crate) name: Vec<u8>,
    pub(crate) library: Vec<u8>,
    pub(crate) library_version: Vec<u8>,
}

/// How the wait of a connection is ended by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unblock {
    /// As if its time had passed.
    Timeout,
    /// With an error.
    Error,
}

/// What others have for a connection.
#[derive(Debug, Default)]
struct Outbox {
    bytes: Vec<u8>,
    waker: Option<Waker>,
    unblock: Option<Unblock>,
    /// To be ended: at once, or once all answers were sent.
    end: Option<End>,
    /// Since when its box is fuller than the soft limit.
    over_since_ms: Option<u64>,
}

/// How a connection is to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// Once its answers were sent.
    Flushed,
    /// At once.
    Now,
}

/// What a connection found in its box.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) unblock: Option<Unblock>,
    pub(crate) end: Option<End>,
}

impl Record {
    pub(crate) fn new(id: u64, address: String, local_address: String, began_ms: u64) -> Self {
        Self {
            id,
            address,
            local_address,
            began_ms,
            is_local: false,
            active_ms: AtomicU64::new(began_ms),
            names: Mutex::default(),
            database: AtomicU8::new(0),
            queued: AtomicI64::new(-1),
            channels: AtomicUsize::new(0),
            patterns: AtomicUsize::new(0),
            shard_channels: AtomicUsize::new(0),
            protocol: AtomicU8::new(2),
            is_monitor: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            is_paused: AtomicBool::new(false),
            no_evict: AtomicBool::new(false),
            query_bytes: AtomicUsize::new(0),
            unsent_bytes: AtomicUsize::new(0),
            last_command: Mutex::new("NULL"),
            has_mail: AtomicBool::new(false),
            outbox: Mutex::default(),
        }
    }

    /// Whether it listens to anything.
    pub(crate) fn is_listener(&self) -> bool {
        let counts = [&self.channels, &self.patterns, &self.shard_channels];
        counts.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// Which of the limits of unsent bytes is its own.
    pub(crate) fn output_class(&self) -> OutputClass {
        if self.is_listener() {
            OutputClass::PubSub
        } else {
            OutputClass::Normal
        }
    }

    /// Whose task is to be woken when there is mail.
    pub(crate) fn wake_with(&self, waker: &Waker) {
        let mut outbox = self.outbox.lock();
        match &mut outbox.waker {
            Some(known) => known.clone_from(waker),
            None => outbox.waker = Some(waker.clone()),
        }
    }

    fn put(&self, change: impl FnOnce(&mut Outbox)) {
        let mut outbox = self.outbox.lock();
        if outbox.end == Some(End::Now) {
            return;
        }
        change(&mut outbox);
        // Under the lock that a task leaves its waker under: either it sees the mail or it is woken.
        let is_first = !self.has_mail.swap(true, Ordering::AcqRel);
        let waker = outbox.waker.clone().filter(|_| is_first);
        drop(outbox);
        // A task that has mail already was woken for it.
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Sends bytes that answer nothing it asked for. Past its limit the connection ends.
    pub(crate) fn send(&self, limit: OutputLimit, now_ms: u64, write: impl FnOnce(&mut Vec<u8>)) {
        self.put(|outbox| {
            write(&mut outbox.bytes);
            let waiting = outbox.bytes.len() + self.unsent_bytes.load(Ordering::Relaxed);
            if limit.is_past(waiting as u64, &mut outbox.over_since_ms, now_ms) {
                outbox.bytes = Vec::new();
                outbox.end = Some(End::Now);
            }
        });
    }

    /// Looks whether it has been over its soft limit for too long.
    pub(crate) fn check_limit(&self, limit: OutputLimit, now_ms: u64) {
        let waiting = self.unsent_bytes.load(Ordering::Relaxed);
        let mut outbox = self.outbox.lock();
        let waiting = (waiting + outbox.bytes.len()) as u64;
        let is_past = limit.is_past(waiting, &mut outbox.over_since_ms, now_ms);
        drop(outbox);
        if is_past {
            self.end(End::Now);
        }
    }

    /// Ends it.
    pub(crate) fn end(&self, end: End) {
        self.put(|outbox| outbox.end = outbox.end.max(Some(end)));
    }

    /// Whether somebody has ended it.
    #[inline]
    pub(crate) fn is_ending(&self) -> bool {
        self.has_mail.load(Ordering::Acquire) && self.outbox.lock().end.is_some()
    }

    /// Ends its wait, if it waits.
    pub(crate) fn unblock(&self, how: Unblock) -> bool {
        let waits = self.is_blocked.load(Ordering::Acquire);
        if waits {
            self.put(|outbox| outbox.unblock = Some(how));
        }
        waits
    }

    /// Bytes others have sent that were not fetched yet.
    pub(crate) fn mail_bytes(&self) -> usize {
        self.outbox.lock().bytes.len()
    }

    /// Fetches the messages alone: what else there is stays.
    pub(crate) fn take_own_mail(&self, out: &mut Vec<u8>) {
        if self.has_mail.load(Ordering::Acquire) {
            out.append(&mut self.outbox.lock().bytes);
        }
    }

    /// Fetches what others have put into the box; messages go behind `out`.
    pub(crate) fn take_mail(&self, out: &mut Vec<u8>) -> Option<Mail> {
        if !self.has_mail.load(Ordering::Acquire) {
            return None;
        }
        self.has_mail.store(false, Ordering::Release);
        let mut outbox = self.outbox.lock();
        if out.is_empty() {
            std::mem::swap(out, &mut outbox.bytes);
        } else {
            out.append(&mut outbox.bytes);
        }
        Some(Mail {
            unblock: outbox.unblock.take(),
            end: outbox.end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::new(1, String::new(), String::new(), 0)
    }

    #[test]
    fn mail_is_fetched_once_and_in_order() {
        let record = record();
        let none = OutputLimit::default();
        record.send(none, 0, |out| out.extend_from_slice(b"a"));
        record.send(none, 0, |out| out.extend_from_slice(b"b"));
        let mut out = b"answer ".to_vec();
        assert!(record.take_mail(&mut out).is_some());
        assert_eq!(out, b"answer ab");
        assert!(record.take_mail(&mut out).is_none());
    }

    #[test]
    fn a_reader_that_falls_behind_its_limit_is_ended() {
        let record = record();
        let limit = OutputLimit {
            hard_bytes: 3,
            ..OutputLimit::default()
        };
        record.send(limit, 0, |out| out.extend_from_slice(b"abc"));
        assert_eq!(record.mail_bytes(), 3);
        record.send(limit, 0, |out| out.extend_from_slice(b"d"));
        let mail = record.take_mail(&mut Vec::new()).unwrap();
        assert_eq!(mail.end, Some(End::Now));
        record.send(limit, 0, |out| out.extend_from_slice(b"e"));
        assert_eq!(record.mail_bytes(), 0);
    }

    #[test]
    fn an_end_at_once_outdoes_a_polite_one() {
        let record = record();
        record.end(End::Now);
        record.end(End::Flushed);
        let mail = record.take_mail(&mut Vec::new()).unwrap();
        assert_eq!(mail.end, Some(End::Now));
    }
}
