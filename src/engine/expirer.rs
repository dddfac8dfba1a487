//! Removal of expired keys, as ordinary effects.

use super::Engine;
use crate::error::StorageError;
use crate::keyspace::{Cause, Table};

/// How many keys one step removes at most before it lets writers into the shard again.
const KEYS_PER_STEP: usize = 64;
/// How many steps one tick takes at most: a tick is bounded work, whatever has expired.
const STEPS_PER_TICK: usize = 256;

impl Engine {
    /// Removes expired keys, a bounded number. Returns how many.
    pub(crate) fn expire_some(&self) -> usize {
        let mut removed = 0;
        let mut steps = STEPS_PER_TICK;
        for index in 0..self.slots.len() {
            while steps > 0 {
                steps -= 1;
                let (found, more) = self.expire_step(index).unwrap_or((0, false));
                removed += found;
                if !more {
                    // Looking at a shard where nothing has expired is no step.
                    steps += usize::from(found == 0);
                    break;
                }
            }
        }
        removed
    }

    /// Removes every key that has expired by now.
    pub(crate) fn expire_all(&self) {
        while self.expire_some() > 0 {}
    }

    /// Removes up to [`KEYS_PER_STEP`] expired keys, and as many expired fields, of one shard and
    /// database; says how many, and whether there may be more.
    fn expire_step(&self, index: usize) -> Result<(usize, bool), StorageError> {
        let now_ms = self.clock.now_ms();
        let is_due = |table: &Table| table.next_expiry_ms() < now_ms;
        {
            let slot = self.lock_to_read(index)?;
            if slot.frozen || !slot.shard.tables().any(is_due) {
                return Ok((0, false));
            }
        }
        self.check_writable()?;
        let mut slot = self.lock_to_write(index)?;
        let Some((database, _)) = (0..)
            .zip(slot.shard.tables())
            .find(|(_, table)| is_due(table))
        else {
            return Ok((0, false));
        };
        let mut keys = Vec::new();
        let table = slot.shard.table_mut(database);
        let mut more = table.collect_expired(now_ms - 1, KEYS_PER_STEP, &mut |key, _| {
            keys.push(key.to_vec());
        });
        let mut hashes = Vec::new();
        more |= table.collect_field_deadlines(now_ms - 1, KEYS_PER_STEP, &mut |key| {
            hashes.push(key.to_vec());
        });
        let shard = &mut slot.shard;
        let (removed, pending) = self.execute_on_shard(database, shard, &|| now_ms, |tx| {
            for key in &keys {
                tx.erase_expired(key);
            }
            let mut left = KEYS_PER_STEP;
            for key in &hashes {
                left -= tx.because(Cause::Expired, |tx| tx.hash_remove_due(key, left));
                if left == 0 {
                    break;
                }
            }
            keys.len() + KEYS_PER_STEP - left
        });
        self.account(&mut slot);
        more |= slot.shard.tables().any(is_due);
        drop(slot);
        self.finish(pending)?;
        Ok((removed, more))
    }
}
