//! How long things took: what `LATENCY` answers from.
//!
//! An event is kept if it took at least `latency-monitor-threshold`; of one second only the longest is.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;

/// Most entries that are kept of an event.
const ENTRIES_MAX: usize = 160;

/// What is kept of one event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Event {
    pub(crate) max_ms: u64,
    /// Second since the Unix epoch, and milliseconds it took; the oldest first.
    pub(crate) entries: VecDeque<(u64, u64)>,
}

/// The events of a server, by name.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    events: Mutex<BTreeMap<&'static str, Event>>,
}

impl Latency {
    /// Keeps what an event took.
    pub(crate) fn add(&self, name: &'static str, unix_s: u64, took_ms: u64) {
        let mut events = self.events.lock();
        let event = events.entry(name).or_default();
        event.max_ms = event.max_ms.max(took_ms);
        match event.entries.back_mut().filter(|(at_s, _)| *at_s == unix_s) {
            Some((_, longest_ms)) => *longest_ms = took_ms.max(*longest_ms),
            None => event.entries.push_back((unix_s, took_ms)),
        }
        if event.entries.len() > ENTRIES_MAX {
            event.entries.pop_front();
        }
    }

    pub(crate) fn all(&self) -> Vec<(&'static str, Event)> {
        let events = self.events.lock();
        events
            .iter()
            .map(|(name, event)| (*name, event.clone()))
            .collect()
    }

    pub(crate) fn event(&self, name: &[u8]) -> Option<Event> {
        let events = self.events.lock();
        let mut named = events.iter().filter(|(known, _)| known.as_bytes() == name);
        named.next().map(|(_, event)| event.clone())
    }

    /// Forgets these events, all of them if none is named, and says how many that were.
    pub(crate) fn reset(&self, names: &[&[u8]]) -> usize {
        let mut events = self.events.lock();
        let before = events.len();
        events.retain(|known, _| !names.is_empty() && !names.contains(&known.as_bytes()));
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_a_second_is_kept() {
        let latency = Latency::default();
        latency.add("command", 7, 20);
        latency.add("command", 7, 10);
        latency.add("command", 8, 5);
        let event = latency.event(b"command").unwrap();
        assert_eq!(
            (event.max_ms, Vec::from(event.entries)),
            (20, vec![(7, 20), (8, 5)])
        );
        assert_eq!(latency.reset(&[b"fork"]), 0);
        assert_eq!(latency.reset(&[]), 1);
    }
}
