//! What one connection listens to.
//!
//! Invariant: a name is here exactly while the connection is among its listeners in [`Channels`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::channels::{Channels, Kind};
use super::record::Record;

/// The names that a connection listens to.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    channels: BTreeSet<Vec<u8>>,
    patterns: BTreeSet<Vec<u8>>,
    shard_channels: BTreeSet<Vec<u8>>,
}

impl Subscriptions {
    fn of(&mut self, kind: Kind) -> &mut BTreeSet<Vec<u8>> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shard_channels,
        }
    }

    /// Listens to one more. Says to how many now: channels and patterns are counted together.
    pub(crate) fn join(
        &mut self,
        kind: Kind,
        name: &[u8],
        channels: &Channels,
        record: &Arc<Record>,
    ) -> usize {
        if self.of(kind).insert(name.to_vec()) {
            self.count(record);
            channels.join(kind, name, record);
        }
        self.len(kind)
    }

    /// Listens to one no longer, if it did. Says to how many still.
    pub(crate) fn leave(
        &mut self,
        kind: Kind,
        name: &[u8],
        channels: &Channels,
        record: &Record,
    ) -> usize {
        if self.of(kind).remove(name) {
            channels.leave(kind, name, record);
            self.count(record);
        }
        self.len(kind)
    }

    /// The names of a kind.
    pub(crate) fn names(&mut self, kind: Kind) -> Vec<Vec<u8>> {
        self.of(kind).iter().cloned().collect()
    }

    /// How many names count with those of a kind.
    pub(crate) fn len(&self, kind: Kind) -> usize {
        match kind {
            Kind::Channel | Kind::Pattern => self.channels.len() + self.patterns.len(),
            Kind::Shard => self.shard_channels.len(),
        }
    }

    /// Listens to nothing any more.
    pub(crate) fn end_all(&mut self, channels: &Channels, record: &Record) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in std::mem::take(self.of(kind)) {
                channels.leave(kind, &name, record);
            }
        }
        self.count(record);
    }

    fn count(&self, record: &Record) {
        record
            .channels
            .store(self.channels.len(), Ordering::Relaxed);
        record
            .patterns
            .store(self.patterns.len(), Ordering::Relaxed);
        record
            .shard_channels
            .store(self.shard_channels.len(), Ordering::Relaxed);
    }
}
