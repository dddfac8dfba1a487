//! What the keyspace takes, against what it may take.
//!
//! `commit`, `transaction` and `expirer` call [`Engine::account`] before they unlock a shard they have
//! changed; whoever is going to run a command that may need memory calls [`Engine::make_room`]
//! (in `evict`). Invariants:
//! 1. Without a limit nothing is counted and nothing is kept: a write costs one look at a flag. A limit that
//!    is set later counts every shard once, under its lock, after the flag is up: whoever changed the shard
//!    before has let go of it, and whoever comes after sees the flag.
//! 2. `used_bytes` is the sum of all slots' `accounted_bytes`, which is what the shard took when it was
//!    last unlocked.
//! 3. Memory is counted as if nothing were shared: what only snapshots and branches keep alive is not
//!    in the sum, and neither are the log's buffer and the table of uses.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use crossbeam::utils::CachePadded;
use parking_lot::Mutex;

use super::Engine;
use super::evict::Candidate;
use super::lock::Slot;
use super::options::EvictionPolicy;
use super::uses::{Tracking, Uses};
use crate::command::run::{Keys, Usage};
use crate::effect::{Effect, codec};
use crate::error::StorageError;

/// The limit, what counts against it, and who goes when it is reached.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Whether changed shards are counted.
    counts: AtomicBool,
    /// No limit: `u64::MAX`.
    limit_bytes: AtomicU64,
    /// The place in [`EvictionPolicy::ALL`].
    policy: AtomicU8,
    samples: AtomicUsize,
    /// The place in [`Tracking::ALL`].
    tracking: AtomicU8,
    used_bytes: CachePadded<AtomicU64>,
    pub(super) evicted_keys: AtomicU64,
    pub(super) expired_keys: AtomicU64,
    /// What uses are timed from.
    opened_at_ms: u64,
    /// When expired keys were last looked for to make room.
    pub(super) swept_at_ms: AtomicU64,
    /// The best candidates that were sampled and not evicted yet, best last.
    pub(super) pool: Mutex<Vec<Candidate>>,
}

/// How much memory keys and values may take, and what happens then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryLimit {
    /// 0 for any.
    pub(crate) bytes: u64,
    pub(crate) policy: EvictionPolicy,
    pub(crate) samples: usize,
}

impl Default for MemoryLimit {
    fn default() -> Self {
        Self {
            bytes: 0,
            policy: EvictionPolicy::NoEviction,
            samples: 5,
        }
    }
}

/// The most keys that are looked at for one that is evicted.
const SAMPLES_MAX: usize = 64;

fn limit_or_none(bytes: u64) -> u64 {
    if bytes == 0 { u64::MAX } else { bytes }
}

impl Memory {
    pub(crate) fn new(limit: MemoryLimit, opened_at_ms: u64) -> Self {
        let is_limited = limit.bytes != 0;
        Self {
            counts: AtomicBool::new(is_limited),
            limit_bytes: AtomicU64::new(limit_or_none(limit.bytes)),
            policy: AtomicU8::new(limit.policy as u8),
            samples: AtomicUsize::new(limit.samples.clamp(1, SAMPLES_MAX)),
            tracking: AtomicU8::new(Tracking::under(limit.bytes, limit.policy) as u8),
            used_bytes: CachePadded::default(),
            evicted_keys: AtomicU64::new(0),
            expired_keys: AtomicU64::new(0),
            opened_at_ms,
            swept_at_ms: AtomicU64::new(0),
            pool: Mutex::default(),
        }
    }

    #[inline]
    fn counts(&self) -> bool {
        self.counts.load(Ordering::Relaxed)
    }

    /// Whether less is used than may be.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        let limit = self.limit_bytes.load(Ordering::Relaxed);
        limit == u64::MAX || self.used_bytes.load(Ordering::Relaxed) <= limit
    }

    /// The limit, if there is one.
    pub(super) fn limit(&self) -> Option<u64> {
        let limit = self.limit_bytes.load(Ordering::Relaxed);
        (limit != u64::MAX).then_some(limit)
    }

    /// Counts keys whose deadline had passed and that were removed.
    #[cold]
    pub(super) fn note_expired(&self, keys: u32) {
        let keys = u64::from(keys);
        self.expired_keys.fetch_add(keys, Ordering::Relaxed);
    }

    /// What is counted.
    #[cfg(test)]
    pub(super) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn policy(&self) -> EvictionPolicy {
        EvictionPolicy::ALL[usize::from(self.policy.load(Ordering::Relaxed))]
    }

    pub(super) fn samples(&self) -> usize {
        self.samples.load(Ordering::Relaxed)
    }

    pub(crate) fn set_samples(&self, samples: usize) {
        let samples = samples.clamp(1, SAMPLES_MAX);
        self.samples.store(samples, Ordering::Relaxed);
    }

    #[inline]
    fn tracking(&self) -> Tracking {
        Tracking::ALL[usize::from(self.tracking.load(Ordering::Relaxed))]
    }

    fn since_opening_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.opened_at_ms)
    }

    /// Counts a shard for the first time.
    pub(super) fn begin(&self, slot: &mut Slot) {
        if self.counts() {
            self.recount(slot);
        }
    }

    /// Brings the sum up to date with a shard that changed and is locked.
    fn recount(&self, slot: &mut Slot) {
        let (before, now) = (slot.accounted_bytes, slot.shard.memory_bytes());
        slot.accounted_bytes = now;
        match now.cmp(&before) {
            Greater => {
                let more = (now - before) as u64;
                self.used_bytes.fetch_add(more, Ordering::Relaxed);
            }
            Less => {
                let less = (before - now) as u64;
                self.used_bytes.fetch_sub(less, Ordering::Relaxed);
            }
            Equal => {}
        }
        if self.tracking() != Tracking::Off {
            slot.uses.reserve(slot.shard.key_count());
        }
    }
}

impl Engine {
    /// Lets keys and values take this much from here on. What is over goes with the next commands that may
    /// need memory.
    pub(crate) fn set_max_memory(
        &self,
        bytes: u64,
        policy: EvictionPolicy,
    ) -> Result<(), StorageError> {
        let memory = &self.memory;
        // Commands read what they need and no two of it together.
        let _one_by_one = self.begin_change()?;
        // More room counts at once, less only when all is counted: nobody is refused or evicted in between.
        memory
            .limit_bytes
            .fetch_max(limit_or_none(bytes), Ordering::Relaxed);
        let tracking = Tracking::under(bytes, policy);
        let tracked = memory.tracking();
        memory.policy.store(policy as u8, Ordering::Relaxed);
        memory.tracking.store(tracking as u8, Ordering::Relaxed);
        let counted = memory.counts.swap(bytes != 0, Ordering::Relaxed);
        let begins = bytes != 0 && !counted;
        if begins || tracking != tracked {
            for index in 0..self.slots.len() {
                let mut slot = self.lock_to_read(index)?;
                if tracking != tracked {
                    // Words of one kind mean nothing to the other.
                    slot.uses = Uses::default();
                }
                if bytes != 0 {
                    memory.recount(&mut slot);
                }
            }
            memory.pool.lock().clear();
        }
        memory
            .limit_bytes
            .store(limit_or_none(bytes), Ordering::Relaxed);
        Ok(())
    }

    /// Counts what a shard takes that was changed. It is still locked.
    #[inline]
    pub(crate) fn account(&self, slot: &mut Slot) {
        if self.memory.counts() {
            self.memory.recount(slot);
        }
    }

    /// Whether uses of keys are noted at all.
    #[inline]
    pub(crate) fn tracks_uses(&self) -> bool {
        self.memory.tracking() != Tracking::Off
    }

    /// Notes a use of those of `keys` that there are. No shard is locked. What fails in here fails
    /// the operation itself too.
    #[inline(never)]
    pub(crate) fn note_uses(&self, database: u8, keys: &Keys<'_>) {
        let at_ms = self.memory.since_opening_ms(self.clock.now_ms());
        let random = || self.rng.next_u64();
        let note = |key: &[u8]| {
            let hash = self.layout.hash(key);
            let Ok(mut slot) = self.lock_to_read(self.layout.shard_of(hash)) else {
                return;
            };
            // A key that is not there must not make another one look used.
            if slot.shard.table(database).keys().get(hash, key).is_some() {
                let tracking = self.memory.tracking();
                slot.uses.note(tracking, hash, at_ms, &random);
            }
        };
        match *keys {
            Keys::One(key) => note(key),
            Keys::Two(one, two) => [one, two].into_iter().for_each(note),
            Keys::List { words, step } => {
                words.iter().step_by(step.max(1)).for_each(|key| note(key))
            }
            Keys::None | Keys::AtCursor(_) | Keys::All => {}
        }
    }

    /// As [`note_uses`](Self::note_uses), of the keys of recorded effects.
    pub(crate) fn note_written(&self, effects: &[u8]) {
        let mut database = 0;
        for effect in codec::decode(effects).flatten() {
            if let Effect::Database { index } = effect {
                database = index;
            }
            let (one, two) = effect.keys();
            for key in one.into_iter().chain(two) {
                self.note_uses(database, &Keys::One(key));
            }
        }
    }

    /// How a key of this name was used, in whatever database.
    pub(crate) fn usage(&self, key: &[u8]) -> Usage {
        if !self.tracks_uses() {
            return Usage::Untracked;
        }
        let hash = self.layout.hash(key);
        let Ok(slot) = self.lock_to_read(self.layout.shard_of(hash)) else {
            return Usage::Untracked;
        };
        let at_ms = self.memory.since_opening_ms(self.clock.now_ms());
        match self.memory.tracking() {
            Tracking::Off => Usage::Untracked,
            Tracking::LastUse => Usage::IdleSeconds(slot.uses.idle_seconds(hash, at_ms)),
            Tracking::Frequency => Usage::Frequency(slot.uses.frequency(hash, at_ms)),
        }
    }

    /// How little a key was used, higher for less.
    pub(super) fn disuse(&self, uses: &Uses, hash: u64, now_ms: u64) -> u64 {
        let at_ms = self.memory.since_opening_ms(now_ms);
        match self.memory.tracking() {
            Tracking::Off => 0,
            Tracking::LastUse => u64::from(uses.idle_ticks(hash, at_ms)),
            Tracking::Frequency => u64::from(u8::MAX - uses.frequency(hash, at_ms)),
        }
    }
}
