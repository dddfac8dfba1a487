//! Eviction: keys that go so that a command can run.
//!
//! Called before a command that may need memory, with no shard locked. As Redis does, a few keys are
//! looked at by chance, the best of them are remembered in a small pool, and the best of the pool goes;
//! an evicted key is an ordinary removal with a frame of its own. Invariants:
//! 1. Expired keys go before live ones.
//! 2. Nothing a transaction has frozen is evicted, not even by itself.
//! 3. One call evicts at most [`EVICTIONS_PER_CALL`] keys: a database that is opened above its limit
//!    comes down over several writes.
//! 4. A key that was used since it was sampled stays.
//!
//! Recovery never evicts, and neither does a reader.

use std::sync::atomic::Ordering;

use super::Engine;
use super::commit::free;
use super::lock::Guard;
use super::options::EvictionPolicy;
use crate::ds::hash_trie::{EntryRef, NO_DEADLINE};
use crate::error::{CommandError, Error, StorageError};
use crate::keyspace::{Cause, Shard, Table};
use crate::value::Value;

/// The most keys that one call evicts.
const EVICTIONS_PER_CALL: usize = 4096;
/// The candidates that are remembered.
const POOL_MAX: usize = 16;
/// How often nothing may be found by chance before every shard is walked through.
const ROUNDS_MAX: usize = 8;

/// A key that may go.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The higher, the sooner it goes.
    score: u64,
    hash: u64,
    database: u8,
    key: Box<[u8]>,
}

/// What a try came to.
enum Found {
    Evicted,
    /// Nothing may go; whether a transaction has frozen what might.
    Nothing {
        is_frozen: bool,
    },
}

/// The score of a key whose deadline has passed.
const EXPIRED: u64 = u64::MAX;

impl Engine {
    /// Evicts keys until less memory is used than may be, or refuses.
    #[inline]
    pub(crate) fn make_room(&self) -> Result<(), Error> {
        if self.memory.has_room() {
            return Ok(());
        }
        self.evict()
    }

    #[cold]
    fn evict(&self) -> Result<(), Error> {
        self.check_writable()?;
        self.sweep();
        let mut has_waited = false;
        for _ in 0..EVICTIONS_PER_CALL {
            if self.memory.has_room() {
                break;
            }
            if self.memory.policy() == EvictionPolicy::NoEviction {
                return Err(CommandError::OutOfMemory.into());
            }
            match self.evict_one()? {
                Found::Evicted => {}
                Found::Nothing { is_frozen: true } if !has_waited && !self.gate.is_mine() => {
                    has_waited = true;
                    // The transaction's end thaws what it has.
                    let _gate = self.gate.wait()?;
                }
                Found::Nothing { .. } => return Err(CommandError::OutOfMemory.into()),
            }
        }
        // Nobody waits for these frames; the command's own, if any, comes after them.
        self.syncer.notice();
        Ok(())
    }

    /// Removes expired keys, unless that was done at this very time.
    fn sweep(&self) {
        let now_ms = self.clock.now_ms();
        if self.memory.swept_at_ms.swap(now_ms, Ordering::Relaxed) != now_ms {
            self.expire_some();
        }
    }

    fn evict_one(&self) -> Result<Found, StorageError> {
        // Taken out, so that no lock is held while shards are locked.
        let mut pool = std::mem::take(&mut *self.memory.pool.lock());
        let found = self.evict_from(&mut pool);
        *self.memory.pool.lock() = pool;
        found
    }

    fn evict_from(&self, pool: &mut Vec<Candidate>) -> Result<Found, StorageError> {
        for _ in 0..ROUNDS_MAX {
            for _ in 0..self.samples() {
                let start = self.rng.next_u64();
                if !self.sample(start, pool)? {
                    break;
                }
            }
            while let Some(best) = pool.pop() {
                if self.evict_candidate(&best)? {
                    return Ok(Found::Evicted);
                }
            }
        }
        self.evict_any()
    }

    fn samples(&self) -> usize {
        match self.memory.policy() {
            EvictionPolicy::AllKeysRandom | EvictionPolicy::VolatileRandom => 1,
            EvictionPolicy::NoEviction
            | EvictionPolicy::AllKeysLru
            | EvictionPolicy::AllKeysLfu
            | EvictionPolicy::VolatileLru
            | EvictionPolicy::VolatileLfu
            | EvictionPolicy::VolatileTtl => self.memory.samples(),
        }
    }

    /// Only keys with a deadline may go.
    fn is_volatile(&self) -> bool {
        match self.memory.policy() {
            EvictionPolicy::VolatileLru
            | EvictionPolicy::VolatileLfu
            | EvictionPolicy::VolatileRandom
            | EvictionPolicy::VolatileTtl => true,
            EvictionPolicy::NoEviction
            | EvictionPolicy::AllKeysLru
            | EvictionPolicy::AllKeysLfu
            | EvictionPolicy::AllKeysRandom => false,
        }
    }

    /// How many keys of a table may go.
    fn evictable(&self, table: &Table) -> usize {
        if self.is_volatile() {
            table.keys().with_deadline_count()
        } else {
            table.keys().len()
        }
    }

    /// A shard to evict from, if nobody has frozen it and it can be had.
    fn lock_to_evict(&self, index: usize) -> Result<Option<Guard<'_>>, StorageError> {
        match self.lock_to_read(index) {
            Ok(slot) => Ok((!slot.frozen).then_some(slot)),
            // A visitor of this thread has it.
            Err(StorageError::Reentrant) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts one key into the pool, from the first shard at or after a random one that has any. Says
    /// whether there was one.
    fn sample(&self, start: u64, pool: &mut Vec<Candidate>) -> Result<bool, StorageError> {
        let count = self.slots.len();
        let start = self.layout.shard_of(start);
        for index in (start..count).chain(0..start) {
            let Some(slot) = self.lock_to_evict(index)? else {
                continue;
            };
            let Some((database, table)) = self.choose_table(&slot.shard) else {
                continue;
            };
            let (random, random2) = (self.rng.next_u64(), self.rng.next_u64());
            let entry = if self.is_volatile() {
                table.keys().random_with_deadline(random, random2)
            } else {
                table.keys().random(random, random2)
            };
            let Some(entry) = entry else { continue };
            let hash = self.layout.hash(entry.key);
            let score = self.score(&slot, hash, &entry);
            remember(pool, database, hash, entry.key, score);
            return Ok(true);
        }
        Ok(false)
    }

    /// One of the shard's tables by chance, those with more keys that may go more often.
    fn choose_table<'a>(&self, shard: &'a Shard) -> Option<(u8, &'a Table)> {
        let all: usize = shard
            .databases()
            .map(|(_, table)| self.evictable(table))
            .sum();
        if all == 0 {
            return None;
        }
        let mut at = (self.rng.next_u64() % all as u64) as usize;
        shard.databases().find(|(_, table)| {
            let count = self.evictable(table);
            let here = at < count;
            at = at.saturating_sub(count);
            here
        })
    }

    fn score(&self, slot: &Guard<'_>, hash: u64, entry: &EntryRef<'_, Value>) -> u64 {
        let now_ms = self.clock.now_ms();
        if entry.expires_at_ms < now_ms {
            return EXPIRED;
        }
        match self.memory.policy() {
            EvictionPolicy::VolatileTtl => NO_DEADLINE - entry.expires_at_ms,
            EvictionPolicy::NoEviction
            | EvictionPolicy::AllKeysRandom
            | EvictionPolicy::VolatileRandom
            | EvictionPolicy::AllKeysLru
            | EvictionPolicy::AllKeysLfu
            | EvictionPolicy::VolatileLru
            | EvictionPolicy::VolatileLfu => self.disuse(&slot.uses, hash, now_ms),
        }
    }

    /// Evicts a candidate that still is one.
    fn evict_candidate(&self, candidate: &Candidate) -> Result<bool, StorageError> {
        let Candidate {
            score,
            hash,
            database,
            ref key,
        } = *candidate;
        let Some(slot) = self.lock_to_evict(self.layout.shard_of(hash))? else {
            return Ok(false);
        };
        let Some(entry) = slot.shard.table(database).keys().get(hash, key) else {
            return Ok(false);
        };
        let may_go = !self.is_volatile() || entry.expires_at_ms != NO_DEADLINE;
        if !may_go || self.score(&slot, hash, &entry) < score {
            return Ok(false);
        }
        self.erase_evicted(slot, database, key)?;
        Ok(true)
    }

    fn erase_evicted(
        &self,
        mut slot: Guard<'_>,
        database: u8,
        key: &[u8],
    ) -> Result<(), StorageError> {
        let now_ms = self.clock.now_ms();
        let shard = &mut slot.shard;
        let ((), pending) = self.execute_on_shard(database, shard, &|| now_ms, |tx| {
            tx.because(Cause::Evicted, |tx| tx.erase(key));
        });
        self.account(&mut slot);
        drop(slot);
        self.memory.evicted_keys.fetch_add(1, Ordering::Relaxed);
        pending.dropped.into_iter().for_each(free);
        pending.refused.map_or(Ok(()), Err)
    }

    /// Evicts the first key there is that may go, wherever it is.
    #[cold]
    fn evict_any(&self) -> Result<Found, StorageError> {
        let mut is_frozen = false;
        for index in 0..self.slots.len() {
            let Some(slot) = self.lock_to_evict(index)? else {
                is_frozen = true;
                continue;
            };
            let chosen = self
                .choose_table(&slot.shard)
                .and_then(|(database, table)| {
                    let mut all = table.keys().iter();
                    let may_go = |entry: &EntryRef<'_, Value>| {
                        !self.is_volatile() || entry.expires_at_ms != NO_DEADLINE
                    };
                    all.find(may_go).map(|entry| (database, entry.key.to_vec()))
                });
            if let Some((database, key)) = chosen {
                self.erase_evicted(slot, database, &key)?;
                return Ok(Found::Evicted);
            }
        }
        Ok(Found::Nothing { is_frozen })
    }
}

/// Keeps a candidate if it is among the best. The pool ascends by score.
fn remember(pool: &mut Vec<Candidate>, database: u8, hash: u64, key: &[u8], score: u64) {
    if let Some(at) = pool
        .iter()
        .position(|known| known.hash == hash && known.database == database && *known.key == *key)
    {
        pool.remove(at);
    }
    if pool.len() == POOL_MAX {
        if pool[0].score >= score {
            return;
        }
        pool.remove(0);
    }
    let at = pool.partition_point(|known| known.score < score);
    let candidate = Candidate {
        score,
        hash,
        database,
        key: key.into(),
    };
    pool.insert(at, candidate);
}

#[cfg(test)]
mod tests;
