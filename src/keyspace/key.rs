//! The mutators of keys as such: remove, expire, move, copy, clear.

use super::expiry::{is_past, stored};
use super::tx::{Dropped, ReachMut, WriteTx};
use crate::ds::hash_trie::{NO_DEADLINE, NewPayload, OldPayload, Payload};
use crate::effect::Effect;
use crate::value::Value;

impl WriteTx<'_> {
    /// Removes `key`; says whether there was one to see. An expired one goes too, unseen.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let seen = self.entry(key).is_some();
        self.erase(key);
        seen
    }

    /// Removes `key` if its deadline has passed. Every mutator that builds on an old value calls this
    /// first, so that replay, which has no clock, builds on the same.
    pub(crate) fn purge_expired(&mut self, key: &[u8]) {
        let (shard, hash) = self.at(key);
        let deadline = shard
            .keys
            .get(hash, key)
            .map_or(NO_DEADLINE, |entry| entry.expires_at_ms);
        if deadline != NO_DEADLINE && is_past(deadline, self.now.ms()) {
            self.erase(key);
        }
    }

    /// Removes `key`, expired or not; says whether there was an entry.
    pub(crate) fn erase(&mut self, key: &[u8]) -> bool {
        let (shard, hash) = self.at(key);
        let Some(old) = shard.keys.remove(hash, key) else {
            return false;
        };
        if let OldPayload::Large(value) = old {
            self.batch.dropped.push(Dropped::Value(value));
        }
        self.batch.record(&Effect::KeyRemove { key });
        true
    }

    /// Sets or clears the deadline of a key that is there; says whether it was.
    pub(crate) fn expire(&mut self, key: &[u8], expires_at_ms: Option<u64>) -> bool {
        self.purge_expired(key);
        let (shard, hash) = self.at(key);
        let found = shard
            .keys
            .set_expires_at_ms(hash, key, stored(expires_at_ms));
        if found {
            self.batch.record(&Effect::KeyExpire { key, expires_at_ms });
        }
        found
    }

    /// Moves what `from` holds to `to`, replacing what is there; says whether `from` was there.
    pub(crate) fn move_key(&mut self, from: &[u8], to: &[u8]) -> bool {
        self.transfer(from, to, true)
    }

    /// Lets `to` hold what `from` holds; says whether `from` was there.
    pub(crate) fn copy_key(&mut self, from: &[u8], to: &[u8]) -> bool {
        self.transfer(from, to, false)
    }

    fn transfer(&mut self, from: &[u8], to: &[u8], remove_from: bool) -> bool {
        self.purge_expired(from);
        if from == to {
            return self.entry(from).is_some();
        }
        let (shard, hash) = self.at(from);
        let Some(entry) = shard.keys.get(hash, from) else {
            return false;
        };
        let (tag, expires_at_ms) = (entry.tag, entry.expires_at_ms);
        // The value leaves its page by copy (inline) or by an O(1) clone (large).
        let payload: Result<Vec<u8>, Value> = match entry.payload {
            Payload::Inline(bytes) => Ok(bytes.to_vec()),
            Payload::Large(value) => Err(value.clone()),
        };
        if remove_from {
            shard.keys.remove(hash, from);
        }
        let payload = match &payload {
            Ok(bytes) => NewPayload::Inline(bytes.as_slice()),
            Err(value) => NewPayload::Large(value.clone()),
        };
        let (shard, hash) = self.at(to);
        if let OldPayload::Large(value) = shard.keys.insert(hash, to, tag, expires_at_ms, payload) {
            self.batch.dropped.push(Dropped::Value(value));
        }
        self.batch.record(&if remove_from {
            Effect::KeyMove { from, to }
        } else {
            Effect::KeyCopy { from, to }
        });
        true
    }

    /// Removes every key. Costs one empty root for each shard, whatever they held. Only for commands
    /// that named all keys.
    pub(crate) fn clear(&mut self) {
        let layout = self.layout;
        let shards = match &mut self.reach {
            ReachMut::One { shard, .. } => vec![&mut **shard],
            ReachMut::Many(shards) => shards.all_mut(),
        };
        for shard in shards {
            let old = std::mem::replace(shard, layout.empty_shard());
            self.batch.dropped.push(Dropped::Shard(old));
        }
        self.batch.record(&Effect::KeysClear);
    }
}
