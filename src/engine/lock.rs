//! Locking shards: one, several in ascending order, all; for reading and for writing.
//!
//! Invariants:
//! 1. Shards are locked in ascending order, so two callers never wait for each other.
//! 2. A writer never enters a shard that a transaction has frozen; it waits for the transaction's end
//!    without holding any shard. Readers enter and see the state before the transaction.
//! 3. A call from inside a visitor that would wait for its own thread gets
//!    [`StorageError::Reentrant`] instead, and so does one that has waited for another's too long.

use std::cell::Cell;
use std::time::Duration;

use crossbeam::utils::CachePadded;
use parking_lot::{Mutex, MutexGuard};

use super::Engine;
use super::uses::Uses;
use crate::command::run::Keys;
use crate::error::StorageError;
use crate::keyspace::{Shard, ShardSource, ShardSourceMut};

/// A shard and whether a transaction has it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) shard: Shard,
    pub(crate) frozen: bool,
    /// What the shard took when it was last counted.
    pub(crate) accounted_bytes: usize,
    /// How its keys were used.
    pub(crate) uses: Uses,
}

impl Slot {
    pub(crate) fn new(shard: Shard) -> Self {
        Self {
            shard,
            frozen: false,
            accounted_bytes: 0,
            uses: Uses::default(),
        }
    }
}

pub(crate) type Guard<'a> = MutexGuard<'a, Slot>;

/// How long a call from inside a visitor waits for a shard that another thread has: that thread may
/// itself be inside a visitor and wait for ours.
const INSIDE_WAIT: Duration = Duration::from_secs(1);

/// Stands for several held shards.
const SEVERAL: usize = usize::MAX;

thread_local! {
    /// The shard this thread holds while it runs a command, by address; 0 for none.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Marks this thread as holding shards while it lives. Made after they are locked.
#[derive(Debug)]
pub(crate) struct Inside {
    before: usize,
}

impl Inside {
    /// The thread holds this shard.
    #[inline]
    pub(crate) fn one(shard: &Shard) -> Self {
        Self::enter(std::ptr::from_ref(shard).addr())
    }

    /// The thread holds several shards.
    #[inline]
    pub(crate) fn several() -> Self {
        Self::enter(SEVERAL)
    }

    #[inline]
    fn enter(held: usize) -> Self {
        Self {
            before: HELD.replace(held),
        }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        HELD.set(self.before);
    }
}

/// How long a wait for another thread may last: `None` for any time, as long as this thread does not
/// run a visitor.
pub(crate) fn wait_inside() -> Option<Duration> {
    (HELD.get() != 0).then_some(INSIDE_WAIT)
}

/// Several locked shards, by ascending number.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    indexes: Vec<usize>,
    guards: Vec<Guard<'a>>,
}

impl<'a> Locked<'a> {
    /// Locks these slots, whose numbers ascend. For content that has no engine yet.
    pub(crate) fn of(slots: &'a [CachePadded<Mutex<Slot>>], indexes: Vec<usize>) -> Self {
        let guards = indexes.iter().map(|&index| slots[index].lock()).collect();
        Self { indexes, guards }
    }
}

impl Locked<'_> {
    fn position(&self, index: usize) -> usize {
        match self.indexes.binary_search(&index) {
            Ok(position) => position,
            Err(_) => panic!("a command touched a key it had not named"),
        }
    }

    /// The numbers of the shards, ascending.
    pub(crate) fn indexes(&self) -> &[usize] {
        &self.indexes
    }

    /// Every locked slot with its number.
    pub(crate) fn slots_mut(&mut self) -> impl Iterator<Item = (usize, &mut Slot)> {
        let slots = self.guards.iter_mut().map(|guard| &mut **guard);
        self.indexes.iter().copied().zip(slots)
    }

    pub(crate) fn slot_mut(&mut self, index: usize) -> &mut Slot {
        let position = self.position(index);
        &mut self.guards[position]
    }
}

impl ShardSource for Locked<'_> {
    fn shard(&self, index: usize) -> &Shard {
        &self.guards[self.position(index)].shard
    }

    fn all(&self) -> Vec<&Shard> {
        self.guards.iter().map(|guard| &guard.shard).collect()
    }
}

impl ShardSourceMut for Locked<'_> {
    fn shard_mut(&mut self, index: usize) -> &mut Shard {
        &mut self.slot_mut(index).shard
    }

    fn all_mut(&mut self) -> Vec<&mut Shard> {
        self.guards
            .iter_mut()
            .map(|guard| &mut guard.shard)
            .collect()
    }
}

impl Engine {
    /// The numbers of the shards that hold `keys`, ascending, each once.
    pub(crate) fn shards_of(&self, keys: &Keys<'_>) -> Vec<usize> {
        let index = |key: &[u8]| self.layout.shard_of(self.layout.hash(key));
        let mut indexes = match *keys {
            Keys::None => Vec::new(),
            Keys::One(key) => vec![index(key)],
            Keys::Two(one, two) => vec![index(one), index(two)],
            Keys::List { words, step } => words
                .iter()
                .step_by(step.max(1))
                .map(|key| index(key))
                .collect(),
            Keys::AtCursor(cursor) => vec![self.layout.cursor_parts(cursor).0],
            Keys::All => return (0..self.layout.shard_count()).collect(),
        };
        indexes.sort_unstable();
        indexes.dedup();
        indexes
    }

    #[inline]
    fn lock(&self, index: usize) -> Result<Guard<'_>, StorageError> {
        let slot: &Mutex<Slot> = &self.slots[index];
        // Asked under the lock: a close empties the shards, and a panic poisons the handle before it lets
        // go of what it had half changed.
        if let Some(guard) = slot.try_lock()
            && self.is_open()
        {
            return Ok(guard);
        }
        self.lock_slowly(slot)
    }

    /// The lock that another has, or a refused one. Out of line, so that the free one can be inlined.
    #[cold]
    fn lock_slowly<'a>(&self, slot: &'a Mutex<Slot>) -> Result<Guard<'a>, StorageError> {
        self.check_open()?;
        let guard = match slot.try_lock() {
            Some(guard) => guard,
            None => self.lock_contended(slot)?,
        };
        self.check_open()?;
        Ok(guard)
    }

    fn lock_contended<'a>(&self, slot: &'a Mutex<Slot>) -> Result<Guard<'a>, StorageError> {
        let held = HELD.get();
        if held == 0 {
            return Ok(slot.lock());
        }
        // The shard inside the mutex lies within the slot's bytes.
        let start = std::ptr::from_ref(slot).addr();
        let own = (start..start + size_of::<Mutex<Slot>>()).contains(&held);
        let wait = if own { Duration::ZERO } else { INSIDE_WAIT };
        slot.try_lock_for(wait).ok_or(StorageError::Reentrant)
    }

    /// One shard, to read.
    #[inline]
    pub(crate) fn lock_to_read(&self, index: usize) -> Result<Guard<'_>, StorageError> {
        self.lock(index)
    }

    /// One shard, to write.
    #[inline]
    pub(crate) fn lock_to_write(&self, index: usize) -> Result<Guard<'_>, StorageError> {
        let guard = self.lock(index)?;
        if !guard.frozen {
            return Ok(guard);
        }
        drop(guard);
        // The transaction's end releases the gate; holding it keeps the next one from starting.
        let _gate = self.gate.wait()?;
        self.lock(index)
    }

    /// Several shards, to read: `indexes` ascend.
    pub(crate) fn lock_many(&self, indexes: Vec<usize>) -> Result<Locked<'_>, StorageError> {
        let guards = indexes
            .iter()
            .map(|&index| self.lock(index))
            .collect::<Result<_, _>>()?;
        Ok(Locked { indexes, guards })
    }

    /// Several shards, to write: `indexes` ascend.
    pub(crate) fn lock_many_to_write(
        &self,
        indexes: Vec<usize>,
    ) -> Result<Locked<'_>, StorageError> {
        let locked = self.lock_many(indexes)?;
        if locked.guards.iter().all(|guard| !guard.frozen) {
            return Ok(locked);
        }
        let Locked { indexes, guards } = locked;
        drop(guards);
        let _gate = self.gate.wait()?;
        self.lock_many(indexes)
    }
}
