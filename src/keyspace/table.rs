//! The keys of one database in one shard, and what they cost.
//!
//! Every change of an entry goes through here, so that the sum of the values beside the pages is
//! always known. Invariants:
//! 1. `beside_bytes` is the sum of [`Value::memory_bytes`] over all large values, and of the keys too
//!    long for a page.

use crate::ds::census::Census;
use crate::ds::hash_trie::{HashTrie, INLINE_KEY_MAX, NewPayload, OldPayload};
use crate::value::Value;

/// The map of a table.
pub(crate) type Keys = HashTrie<Value, ahash::RandomState>;

/// A map from keys to entries. Clones in O(1).
#[derive(Debug, Clone)]
pub(crate) struct Table {
    keys: Keys,
    beside_bytes: usize,
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
        }
    }

    /// The map, to read.
    #[inline]
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Bytes of the keys and values, as if nothing were shared with a snapshot. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        self.keys.node_bytes() + self.beside_bytes
    }

    /// Bytes of what would go with this table and whatever the census has seen.
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        let visit = &mut |value: &Value, census: &mut Census| value.exclusive_bytes(census);
        self.keys.exclusive_bytes(census, visit)
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
        if let NewPayload::Large(value) = &payload {
            self.beside_bytes += value.memory_bytes();
        }
        let old = self.keys.insert(hash, key, tag, expires_at_ms, payload);
        match &old {
            OldPayload::None => self.beside_bytes += key_beside(key),
            OldPayload::Inline => {}
            OldPayload::Large(value) => self.beside_bytes -= value.memory_bytes(),
        }
        old
    }

    /// Removes an entry; `None` if there was none.
    pub(crate) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<OldPayload<Value>> {
        let old = self.keys.remove(hash, key)?;
        self.beside_bytes -= key_beside(key);
        if let OldPayload::Large(value) = &old {
            self.beside_bytes -= value.memory_bytes();
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
        let before = value.memory_bytes();
        let result = edit(value);
        self.beside_bytes = self.beside_bytes + value.memory_bytes() - before;
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
    use crate::ds::hash_trie::NO_DEADLINE;
    use crate::value::StringValue;

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
}
