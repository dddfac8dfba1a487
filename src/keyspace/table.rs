//! The keys of one database in one shard, and what they cost.
//!
//! Every change of an entry goes through here, so that the sum of the values beside the pages is
//! always known. Invariants:
//! 1. `field_deadlines` has an entry for exactly the hashes that have fields with deadlines; its
//!    deadline is at most the first of theirs, so finding hashes with fields that are due costs what
//!    it costs to find keys.
//! 2. `beside_bytes` is the sum of [`Value::memory_bytes`] over all large values, and of the keys too
//!    long for a page.

use std::sync::Arc;

use crate::ds::census::Census;
use crate::ds::hash_trie::{
    HashTrie, INLINE_KEY_MAX, NO_DEADLINE, NewPayload, OldPayload, Payload,
};
use crate::value::Value;

/// The map of a table.
pub(crate) type Keys = HashTrie<Value, ahash::RandomState>;

/// Keys with a deadline and nothing else.
type Deadlines = HashTrie<(), ahash::RandomState>;

/// A map from keys to entries. Clones in O(1).
#[derive(Debug, Clone)]
pub(crate) struct Table {
    keys: Keys,
    beside_bytes: usize,
    /// The hashes with fields that expire. Nothing as long as there never was one.
    field_deadlines: Option<Arc<Deadlines>>,
}

/// What a key takes beside its page.
#[inline]
fn key_beside(key: &[u8]) -> usize {
    if key.len() > INLINE_KEY_MAX {
        key.len()
    } else {
        0
    }
}

impl Table {
    pub(super) fn new(keys: Keys) -> Self {
        Self {
            keys,
            beside_bytes: 0,
            field_deadlines: None,
        }
    }

    /// The map, to read.
    #[inline]
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Bytes of the keys and values, as if nothing were shared with a snapshot. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        let deadlines = self.field_deadlines.as_ref();
        let deadline_bytes = deadlines.map_or(0, |deadlines| deadlines.node_bytes());
        self.keys.node_bytes() + self.beside_bytes + deadline_bytes
    }

    /// A lower bound of all deadlines, of keys and of fields; `NO_DEADLINE` if there are none. O(1).
    #[inline]
    pub(crate) fn next_expiry_ms(&self) -> u64 {
        let fields = self.field_deadlines.as_ref();
        let fields_ms = fields.map_or(NO_DEADLINE, |deadlines| deadlines.next_expiry_ms());
        self.keys.next_expiry_ms().min(fields_ms)
    }

    /// Keeps invariant 1 where a hash had one first deadline of a field and now has another.
    #[inline]
    fn note_fields(&mut self, hash: u64, key: &[u8], before_ms: u64, after_ms: u64) {
        if before_ms != after_ms {
            self.set_field_deadline(hash, key, after_ms);
        }
    }

    #[cold]
    fn set_field_deadline(&mut self, hash: u64, key: &[u8], next_ms: u64) {
        if next_ms == NO_DEADLINE {
            if let Some(deadlines) = &mut self.field_deadlines {
                Arc::make_mut(deadlines).remove(hash, key);
            }
            return;
        }
        let fresh = || Arc::new(self.keys.empty_like());
        let deadlines = self.field_deadlines.get_or_insert_with(fresh);
        Arc::make_mut(deadlines).insert(hash, key, 0, next_ms, NewPayload::Inline(b""));
    }

    /// Hands over the keys of hashes that may have fields whose deadline is at or before `until_ms`;
    /// true if there may be more. Each is to be settled afterwards.
    pub(crate) fn collect_field_deadlines(
        &self,
        until_ms: u64,
        limit: usize,
        visit: &mut dyn FnMut(&[u8]),
    ) -> bool {
        let deadlines = self.field_deadlines.as_ref();
        deadlines.is_some_and(|deadlines| {
            deadlines.collect_expired(until_ms, limit, &mut |key, _| visit(key))
        })
    }

    /// Notes when the hash at `key` is to be looked at next, which a removal of fields, and a bound
    /// that was corrected, may have put off.
    pub(crate) fn settle_field_deadline(&mut self, hash: u64, key: &[u8]) {
        let next_ms = match self.keys.get(hash, key).map(|entry| entry.payload) {
            Some(Payload::Large(value)) => value.next_field_expiry_ms(),
            Some(Payload::Inline(_)) | None => NO_DEADLINE,
        };
        self.set_field_deadline(hash, key, next_ms);
    }

    /// Bytes of what would go with this table and whatever the census has seen.
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        let visit = &mut |value: &Value, census: &mut Census| value.exclusive_bytes(census);
        let keys = self.keys.exclusive_bytes(census, visit);
        match &self.field_deadlines {
            Some(deadlines) if census.is_last(deadlines) => {
                keys + deadlines.exclusive_bytes(census, &mut |&(), _| 0)
            }
            Some(_) | None => keys,
        }
    }

    /// Inserts an entry or replaces all of it.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        key: &[u8],
        tag: u8,
        expires_at_ms: u64,
        payload: NewPayload<'_, Value>,
    ) -> OldPayload<Value> {
        let mut fields_ms = NO_DEADLINE;
        if let NewPayload::Large(value) = &payload {
            self.beside_bytes += value.memory_bytes();
            fields_ms = value.next_field_expiry_ms();
        }
        let mut old_fields_ms = NO_DEADLINE;
        let old = self.keys.insert(hash, key, tag, expires_at_ms, payload);
        match &old {
            OldPayload::None => self.beside_bytes += key_beside(key),
            OldPayload::Inline => {}
            OldPayload::Large(value) => {
                self.beside_bytes -= value.memory_bytes();
                old_fields_ms = value.next_field_expiry_ms();
            }
        }
        self.note_fields(hash, key, old_fields_ms, fields_ms);
        old
    }

    /// Removes an entry; `None` if there was none.
    pub(crate) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<OldPayload<Value>> {
        let old = self.keys.remove(hash, key)?;
        self.beside_bytes -= key_beside(key);
        if let OldPayload::Large(value) = &old {
            self.beside_bytes -= value.memory_bytes();
            self.note_fields(hash, key, value.next_field_expiry_ms(), NO_DEADLINE);
        }
        Some(old)
    }

    /// Changes the large value of a key; `None` if the key is absent or its value is inline.
    #[inline]
    pub(crate) fn edit<R>(
        &mut self,
        hash: u64,
        key: &[u8],
        edit: impl FnOnce(&mut Value) -> R,
    ) -> Option<R> {
        let value = self.keys.large_mut(hash, key)?;
        let (before, before_ms) = (value.memory_bytes(), value.next_field_expiry_ms());
        let result = edit(value);
        let (after, after_ms) = (value.memory_bytes(), value.next_field_expiry_ms());
        self.beside_bytes = self.beside_bytes + after - before;
        self.note_fields(hash, key, before_ms, after_ms);
        Some(result)
    }

    /// The inline value of a key, for an edit that keeps its length.
    #[inline]
    pub(crate) fn inline_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut [u8]> {
        self.keys.inline_mut(hash, key)
    }

    /// Hands over keys whose deadline is at or before `until_ms`; see [`HashTrie::collect_expired`].
    pub(crate) fn collect_expired(
        &mut self,
        until_ms: u64,
        limit: usize,
        visit: &mut dyn FnMut(&[u8], u64),
    ) -> bool {
        self.keys.collect_expired(until_ms, limit, visit)
    }

    /// Sets the tag of a key; false if it is absent.
    pub(crate) fn set_tag(&mut self, hash: u64, key: &[u8], tag: u8) -> bool {
        self.keys.set_tag(hash, key, tag)
    }

    /// Sets the deadline of a key; false if it is absent.
    pub(crate) fn set_expires_at_ms(&mut self, hash: u64, key: &[u8], expires_at_ms: u64) -> bool {
        self.keys.set_expires_at_ms(hash, key, expires_at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{EncodingLimits, HashValue, StringValue};

    #[test]
    fn what_lies_beside_the_pages_is_summed_up() {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let mut table = Table::new(Keys::new(hasher));
        let long_key = vec![b'k'; INLINE_KEY_MAX + 1];
        let hash = table.keys().hash_of(&long_key);
        let string = |len| Value::String(StringValue::from_bytes(&vec![1; len]));
        let before = string(5000).memory_bytes();
        table.insert(
            hash,
            &long_key,
            0,
            NO_DEADLINE,
            NewPayload::Large(string(5000)),
        );
        assert_eq!(table.beside_bytes, before + long_key.len());
        table.edit(hash, &long_key, |value| *value = string(9000));
        assert_eq!(
            table.beside_bytes,
            string(9000).memory_bytes() + long_key.len()
        );
        table.insert(hash, &long_key, 0, NO_DEADLINE, NewPayload::Inline(b"x"));
        assert_eq!(table.beside_bytes, long_key.len());
        assert!(table.remove(hash, &long_key).is_some());
        assert_eq!(table.memory_bytes(), 0);
    }

    #[test]
    fn hashes_with_deadlines_of_fields_are_known_and_no_others() {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let mut table = Table::new(Keys::new(hasher.clone()));
        let known = |table: &Table, until_ms| {
            let mut keys = Vec::new();
            table.collect_field_deadlines(until_ms, 100, &mut |key| keys.push(key.to_vec()));
            keys
        };
        let mut fields = HashValue::new();
        fields.insert(b"f", b"v", &EncodingLimits::REDIS, &hasher);
        let of = |key: &[u8]| Keys::hash_key(&hasher, key);
        let put = |table: &mut Table, key: &[u8], value: HashValue| {
            let payload = NewPayload::Large(Value::Hash(value));
            table.insert(of(key), key, 0, NO_DEADLINE, payload);
        };
        let expire = |table: &mut Table, key: &[u8], at_ms| {
            table.edit(of(key), key, |value| match value {
                Value::Hash(fields) => fields.set_expires_at_ms(b"f", at_ms, &hasher),
                Value::String(_) | Value::List(_) | Value::Set(_) | Value::SortedSet(_) => None,
            });
        };
        put(&mut table, b"h", fields.clone());
        assert_eq!(table.next_expiry_ms(), NO_DEADLINE);
        expire(&mut table, b"h", 50);
        assert_eq!(table.next_expiry_ms(), 50);
        assert!(known(&table, 49).is_empty());
        assert_eq!(known(&table, 50), [b"h"]);
        let held = table.clone();
        expire(&mut table, b"h", NO_DEADLINE);
        assert!(known(&table, 50).is_empty());
        assert_eq!(known(&held, 50), [b"h"]);
        // One that comes whole, is replaced, and is removed.
        fields.set_expires_at_ms(b"f", 70, &hasher);
        put(&mut table, b"whole", fields.clone());
        put(&mut table, b"h", fields);
        assert_eq!(known(&table, 70).len(), 2);
        table.insert(of(b"h"), b"h", 0, NO_DEADLINE, NewPayload::Inline(b"x"));
        assert_eq!(known(&table, 70), [b"whole"]);
        // Put off: looked at again no sooner than it is due.
        expire(&mut table, b"whole", 90);
        table.settle_field_deadline(of(b"whole"), b"whole");
        assert!(table.remove(of(b"whole"), b"whole").is_some());
        assert!(known(&table, u64::MAX - 1).is_empty());
        assert_eq!(table.next_expiry_ms(), NO_DEADLINE);
        assert_eq!(table.memory_bytes(), table.keys.node_bytes());
    }
}
