//! Who wants to see committed effects, and how they are handed over.
//!
//! `commit` asks [`Observers::any`] whether a batch has to record although there may be no log, and hands
//! every committed batch to [`Observers`] while the shards it changed are locked and after its frame is
//! in the log.
//!
//! Invariants:
//! 1. Whoever begins to observe a key holds the lock of its shard, and whoever observes all keys holds
//!    every shard: no change slips between what was seen before and what is handed over.
//! 2. While there is a feed, batches are handed over in the order of the log: one lock is held over the
//!    append and the hand-over.
//! 3. Without observers a batch costs one relaxed load.
//!
//! It never waits for a shard: the lock order is gate, shards ascending, feeds, log,
//! watches and waiters.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::Engine;
use super::waiters::{Waiters, Waits};
use super::watch::Watches;
use crate::activity::live::Activities;
use crate::effect::codec;
use crate::error::StorageError;
use crate::keyspace::{Batch, Cause, Event, Reach};

/// One committed batch: the effects of a command or of a whole transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed<'a> {
    /// The LSN of its frame; in memory the number of bytes committed to observers before it.
    pub(crate) lsn: u64,
    /// The LSN after it.
    pub(crate) end_lsn: u64,
    /// The encoded effects; the first is in database 0 unless it says otherwise.
    pub(crate) bytes: &'a [u8],
    /// Why, for effects that no command asked for, by their number; see [`Batch::causes`].
    pub(crate) causes: &'a [(u32, Cause)],
    /// What Redis would say, if there is a feed; see [`Batch::events`].
    pub(crate) events: &'a [(u32, Event)],
}

impl<'a> Committed<'a> {
    /// The effects in order.
    pub(crate) fn effects(&self) -> codec::Effects<'a> {
        codec::decode(self.bytes)
    }
}

/// Something that sees every committed batch, in the order of the log.
pub(crate) trait Feed: Send + Sync + fmt::Debug {
    /// Called under the locks of the shards that changed: it must be short, must not wait and must not
    /// call the engine.
    fn committed(&self, batch: &Committed<'_>);
}

/// Everybody who observes an engine.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    /// How many there are of any kind.
    count: AtomicUsize,
    /// How many of them are feeds. Changes under the lock of `feeds` and all shards, or to fewer.
    feed_count: AtomicUsize,
    feeds: Mutex<Vec<Arc<dyn Feed>>>,
    /// Keys that sessions watch.
    pub(super) watches: Watches,
    /// Activities whose indexes follow their keys.
    pub(super) activities: Activities,
    /// How many of those there are.
    pub(super) activity_count: AtomicUsize,
    /// Whoever waits for something to take.
    pub(crate) waiters: Waiters,
    /// Where the log would end, if there is none: bytes handed over so far.
    memory_lsn: AtomicU64,
}

impl Observers {
    /// Whether anybody observes anything. To be asked under the locks of the shards that are going to
    /// change.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        // The shard's lock orders this after the registration of whoever observes the shard.
        self.count.load(Ordering::Relaxed) != 0
    }

    /// Whether there is a feed. To be asked as [`any`](Self::any).
    #[inline]
    pub(crate) fn has_feeds(&self) -> bool {
        self.feed_count.load(Ordering::Relaxed) != 0
    }

    /// One more observes something, from under the lock of the shard it lies in.
    pub(super) fn joined(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// So many observe nothing any more.
    pub(super) fn left(&self, gone: usize) {
        self.count.fetch_sub(gone, Ordering::Relaxed);
    }
}

impl Engine {
    /// Lets `feed` see every batch from here on, and says from which LSN that is.
    #[cfg(test)]
    pub(crate) fn attach_feed(&self, feed: Arc<dyn Feed>) -> Result<u64, StorageError> {
        self.check_readable()?;
        let _all = self.lock_many((0..self.slots.len()).collect())?;
        Ok(self.attach_feed_locked(feed))
    }

    /// As [`attach_feed`](Self::attach_feed), by one who has locked every shard.
    pub(super) fn attach_feed_locked(&self, feed: Arc<dyn Feed>) -> u64 {
        let observers = &self.observers;
        let mut feeds = observers.feeds.lock();
        feeds.push(feed);
        observers.feed_count.store(feeds.len(), Ordering::Relaxed);
        observers.joined();
        self.observed_lsn()
    }

    /// Ends what [`attach_feed`](Self::attach_feed) began. `feed` sees nothing after this returns.
    pub(crate) fn detach_feed(&self, feed: &Arc<dyn Feed>) {
        let observers = &self.observers;
        let mut feeds = observers.feeds.lock();
        let before = feeds.len();
        feeds.retain(|other| !Arc::ptr_eq(other, feed));
        let gone = before - feeds.len();
        observers.feed_count.store(feeds.len(), Ordering::Relaxed);
        observers.left(gone);
    }

    /// Lets earlier LSNs differ from all later ones, where there is no log: what was not observed has
    /// not moved them.
    pub(super) fn skip_memory_lsn(&self) {
        self.observers.memory_lsn.fetch_add(1, Ordering::Relaxed);
    }

    /// The LSN of the next batch. Under all shards' locks it stays so.
    pub(crate) fn observed_lsn(&self) -> u64 {
        match self.log() {
            Some(log) => log.end_lsn(),
            None => self.observers.memory_lsn.load(Ordering::Relaxed),
        }
    }

    /// Places a batch in the log, if there is one, and hands it to the observers. The shards it changed,
    /// `after`, are still locked. Tells what it leaves to do for those
    /// who wait.
    #[cold]
    pub(super) fn append_observed(
        &self,
        batch: &Batch,
        after: Reach<'_>,
        waits: &mut Option<Box<Waits>>,
    ) -> Result<Option<u64>, StorageError> {
        let observers = &self.observers;
        let feeds = observers.has_feeds().then(|| observers.feeds.lock());
        let len = batch.bytes.len() as u64;
        let (lsn, end_lsn, logged) = match self.log() {
            Some(log) => {
                let appended = self.append(log, batch)?;
                (appended.lsn, appended.end_lsn, Some(appended.end_lsn))
            }
            None => {
                let lsn = observers.memory_lsn.fetch_add(len, Ordering::Relaxed);
                (lsn, lsn + len, None)
            }
        };
        let committed = Committed {
            lsn,
            end_lsn,
            bytes: &batch.bytes,
            causes: &batch.causes,
            events: &batch.events,
        };
        let has_feeds = feeds.is_some();
        if let Some(feeds) = feeds {
            feeds.iter().for_each(|feed| feed.committed(&committed));
        }
        let now_ms = || self.clock.now_ms();
        observers
            .watches
            .committed(&committed, after, &self.layout, &now_ms);
        if observers.activity_count.load(Ordering::Relaxed) != 0 {
            let effects = committed.effects();
            observers
                .activities
                .committed(effects.map_while(Result::ok));
        }
        *waits = observers.waiters.ready(&committed);
        if has_feeds {
            self.feeds.wake();
        }
        Ok(logged)
    }
}

#[cfg(test)]
mod tests;
