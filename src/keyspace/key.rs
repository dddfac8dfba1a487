//! The mutators of keys as such: remove, expire, move, copy, clear.

use super::entry::{is_gone, tag};
use super::expiry::stored;
use super::tx::{Cause, Dropped, WriteTx};
use crate::ds::hash_trie::{NO_DEADLINE, NewPayload, OldPayload, Payload};
use crate::effect::Effect;
use crate::value::Value;

impl WriteTx<'_> {
    /// Removes `key`; says whether there was one to see. An expired one goes too, unseen.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let seen = self.entry(key).is_some();
        if seen {
            self.erase(key);
        } else {
            self.erase_expired(key);
        }
        seen
    }

    /// Removes `key` if its deadline has passed, or that of each of its fields; says whether it did.
    /// Every mutator that builds on an old value calls this first, so that replay, which has no clock,
    /// builds on the same.
    pub(crate) fn purge_expired(&mut self, key: &[u8]) -> bool {
        let now = self.now;
        let (table, hash) = self.at(key);
        let entry = table.keys().get(hash, key);
        entry.is_some_and(|entry| is_gone(&entry, now)) && self.erase_expired(key)
    }

    /// Removes what lies at `key` because its deadline has passed; says whether there was anything.
    pub(crate) fn erase_expired(&mut self, key: &[u8]) -> bool {
        let erased = self.because(Cause::Expired, |tx| tx.erase(key));
        self.batch.expired_keys += u32::from(erased);
        erased
    }

    /// Removes `key`, expired or not; says whether there was an entry.
    pub(crate) fn erase(&mut self, key: &[u8]) -> bool {
        let (table, hash) = self.at(key);
        let Some(old) = table.remove(hash, key) else {
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
        let (table, hash) = self.at(key);
        let found = table.set_expires_at_ms(hash, key, stored(expires_at_ms));
        if found {
            self.batch.record(&Effect::KeyExpire { key, expires_at_ms });
        }
        found
    }

    /// Moves what `from` holds to `to`, replacing what is there; says whether `from` was there.
    pub(crate) fn move_key(&mut self, from: &[u8], to: &[u8]) -> bool {
        let database = self.batch.database;
        self.transfer(from, to, database, true)
    }

    /// Moves `key` to another database, replacing what is there; says whether it was there.
    pub(crate) fn move_to_database(&mut self, key: &[u8], database: u8) -> bool {
        self.transfer(key, key, database, true)
    }

    /// Lets `to` of a database hold what `from` holds; says whether `from` was there.
    pub(crate) fn copy_key(&mut self, from: &[u8], to: &[u8], to_database: u8) -> bool {
        self.transfer(from, to, to_database, false)
    }

    pub(super) fn transfer(
        &mut self,
        from: &[u8],
        to: &[u8],
        to_database: u8,
        remove_from: bool,
    ) -> bool {
        self.purge_expired(from);
        let same_database = to_database == self.batch.database;
        if from == to && same_database {
            return self.entry(from).is_some();
        }
        let (table, hash) = self.at(from);
        let Some(entry) = table.keys().get(hash, from) else {
            return false;
        };
        let (tag, expires_at_ms) = (entry.tag, entry.expires_at_ms);
        // The value leaves its page by copy (inline) or by an O(1) clone (large).
        let payload: Result<Vec<u8>, Value> = match entry.payload {
            Payload::Inline(bytes) => Ok(bytes.to_vec()),
            Payload::Large(value) => Err(value.clone()),
        };
        if remove_from {
            table.remove(hash, from);
        }
        self.notice_before(to_database, to);
        let payload = match &payload {
            Ok(bytes) => NewPayload::Inline(bytes.as_slice()),
            Err(value) => NewPayload::Large(value.clone()),
        };
        let (table, hash) = self.at_in(to_database, to);
        if let OldPayload::Large(value) = table.insert(hash, to, tag, expires_at_ms, payload) {
            self.batch.dropped.push(Dropped::Value(value));
        }
        let database = (!same_database).then_some(to_database);
        self.batch.record(&if remove_from {
            Effect::KeyMove { from, to, database }
        } else {
            Effect::KeyCopy { from, to, database }
        });
        true
    }

    /// Changes the collection at `key`; where there is none, or one that has expired, it begins as
    /// `fresh`. The caller has checked the type, and records what it does.
    pub(super) fn upsert_value<R>(
        &mut self,
        key: &[u8],
        fresh: impl FnOnce() -> Value,
        edit: impl FnOnce(&mut Value) -> R,
    ) -> R {
        let now = self.now;
        let (table, hash) = self.at(key);
        match table
            .keys()
            .get(hash, key)
            .map(|entry| is_gone(&entry, now))
        {
            Some(false) => {
                return match table.edit(hash, key, edit) {
                    Some(result) => result,
                    None => unreachable!("the caller has checked that it is a collection"),
                };
            }
            Some(true) => {
                self.erase_expired(key);
            }
            None => {}
        }
        self.batch.arrives = true;
        let mut value = fresh();
        let result = edit(&mut value);
        let (table, hash) = self.at(key);
        let payload = NewPayload::Large(value);
        table.insert(hash, key, tag::STRING, NO_DEADLINE, payload);
        result
    }

    /// Changes the collection at `key`, if there is one; one that has expired is removed and not
    /// changed. The caller records what it does, and calls [`drop_empty`](Self::drop_empty) after
    /// removals.
    pub(super) fn edit_value<R>(
        &mut self,
        key: &[u8],
        edit: impl FnOnce(&mut Value) -> R,
    ) -> Option<R> {
        self.purge_expired(key);
        let (table, hash) = self.at(key);
        table.edit(hash, key, edit)
    }

    /// Removes `key` if it holds a collection without elements.
    pub(super) fn drop_empty(&mut self, key: &[u8]) {
        let (table, hash) = self.at(key);
        let is_empty = match table.keys().get(hash, key).map(|entry| entry.payload) {
            Some(Payload::Large(value)) => value.is_empty_collection(),
            Some(Payload::Inline(_)) | None => false,
        };
        if is_empty {
            self.erase(key);
        }
    }

    /// Removes every key of the selected database. Costs one empty root for each shard, whatever they
    /// held. Only for commands that named all keys.
    pub(crate) fn clear_database(&mut self) {
        let (layout, database) = (self.layout, self.batch.database);
        let empty = layout.empty_shard();
        let mut dropped = Vec::new();
        for shard in self.shards_mut() {
            let table = shard.table_mut(database);
            let old = std::mem::replace(table, empty.table(database).clone());
            dropped.push(Dropped::Table(old));
        }
        self.batch.dropped.append(&mut dropped);
        self.batch.record(&Effect::DatabaseClear);
    }

    /// Removes every key of every database, at the same cost.
    pub(crate) fn clear(&mut self) {
        let layout = self.layout;
        let mut dropped = Vec::new();
        for shard in self.shards_mut() {
            dropped.push(Dropped::Shard(std::mem::replace(
                shard,
                layout.empty_shard(),
            )));
        }
        self.batch.dropped.append(&mut dropped);
        self.batch.record(&Effect::KeysClear);
    }

    /// Lets two databases change their content, at the same cost. Only for commands that named all
    /// keys.
    pub(crate) fn swap_databases(&mut self, one: u8, two: u8) {
        for shard in self.shards_mut() {
            shard.swap_databases(one, two);
        }
        self.batch.record(&Effect::DatabasesSwap { one, two });
    }
}
