//! What differs between two maps, in the time of what was changed since one was the other's clone.
//!
//! Called by the values that are tables and by the keyspace, for snapshots. A node that both maps hold
//! in one allocation has the same entries in both: it is passed over with everything below it. So this is
//! right for any two maps, and quick for those that share.
//!
//! Each map is walked once, beside the node of the other that covers the same stretch of hashes: the two
//! may differ in shape wherever a leaf was cut or joined, but a stretch is always a power of two at a
//! multiple of its length, so one of two covers the other or they have nothing in common.

use std::hash::BuildHasher;

use super::leaf::{Entries, Node};
use super::walk::unit;
use super::{EntryRef, HashTrie, Payload, bits_of, run_len, run_start, slot_of};
use crate::ds::pages::View;

/// What is called with an entry as it is in the one map and in the other.
pub(crate) type OnPair<'f, 'a, L> =
    &'f mut dyn FnMut(Option<EntryRef<'a, L>>, Option<EntryRef<'a, L>>);

/// A node and the stretch of hashes it covers: those that begin with the first `depth` bits of `prefix`.
struct Place<'a, L> {
    node: &'a Node<L>,
    prefix: u64,
    depth: u32,
}

impl<L> Clone for Place<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<L> Copy for Place<'_, L> {}

impl<'a, L> Place<'a, L> {
    fn whole(root: &'a Node<L>) -> Self {
        Self {
            node: root,
            prefix: 0,
            depth: 0,
        }
    }

    fn is_same_node(&self, other: &Node<L>) -> bool {
        self.node.owners().0 == other.owners().0
    }

    /// The run below that covers `prefix`: its depth, and its node if it has one.
    fn toward(&self, prefix: u64) -> Option<(u32, Option<Self>)> {
        let View::Inner(inner) = self.node.view() else {
            return None;
        };
        let bits = bits_of(inner);
        let start = run_start(inner.starts, slot_of(prefix << self.depth, bits));
        let len = run_len(inner.starts, start, inner.slots.len());
        let depth = self.depth + bits - len.trailing_zeros();
        let child = inner.slots[start].as_ref().map(|node| Self {
            node,
            prefix,
            depth,
        });
        Some((depth, child))
    }
}

/// One walk over a map, beside another map.
struct Walk<'f, 'a, L> {
    /// A shared node is passed over if no deadline below it is before this.
    horizon_ms: u64,
    found: &'f mut dyn FnMut(EntryRef<'a, L>),
    pages: u64,
}

impl<'a, L> Walk<'_, 'a, L> {
    /// Visits the entries below `own` that do not lie in a page of the other map too; `other` is a node of
    /// that map that covers the stretch, if there is one.
    fn below(&mut self, own: Place<'a, L>, mut other: Option<Place<'a, L>>) {
        while let Some(place) = other {
            if place.is_same_node(own.node) {
                if own.node.earliest_ms() >= self.horizon_ms {
                    return;
                }
                break;
            }
            match place.toward(own.prefix) {
                Some((depth, child)) if depth <= own.depth => other = child,
                Some(_) | None => break,
            }
        }
        match own.node.view() {
            View::Leaf(leaf) => {
                self.pages += 1;
                Entries::of(leaf).for_each(&mut *self.found);
            }
            View::Inner(inner) => {
                let bits = bits_of(inner);
                let mut starts = inner.starts;
                while starts != 0 {
                    let start = starts.trailing_zeros() as usize;
                    starts &= starts - 1;
                    if let Some(node) = &inner.slots[start] {
                        let len = run_len(inner.starts, start, inner.slots.len());
                        let offset = (start as u64).wrapping_mul(unit(own.depth + bits));
                        let place = Place {
                            node,
                            prefix: own.prefix.wrapping_add(offset),
                            depth: own.depth + bits - len.trailing_zeros(),
                        };
                        self.below(place, other);
                    }
                }
            }
            View::Chain(chain) => {
                for node in &chain.leaves {
                    self.below(Place { node, ..own }, other);
                }
            }
        }
    }
}

impl<L: Clone, S: BuildHasher + Clone> HashTrie<L, S> {
    /// Calls `found` with every key that one of both maps has and the other has not or has otherwise: the
    /// entry here and the entry there. Also with pairs that are equal where only the caller can tell, which
    /// is where a value is large, or where a deadline is before `horizon_ms`. In no order. Returns how
    /// many pages were read.
    ///
    /// O(pages that the maps do not share).
    pub(crate) fn diff<'a>(
        &'a self,
        other: &'a Self,
        horizon_ms: u64,
        found: OnPair<'_, 'a, L>,
    ) -> u64 {
        let here = self.unshared(other, horizon_ms, &mut |entry| {
            let there = other.get(other.hash_of(entry.key), entry.key);
            if !there.is_some_and(|there| is_equal(entry, there, horizon_ms)) {
                found(Some(entry), there);
            }
        });
        let there = other.unshared(self, horizon_ms, &mut |entry| {
            if !self.contains(self.hash_of(entry.key), entry.key) {
                found(None, Some(entry));
            }
        });
        here + there
    }

    fn unshared<'a>(
        &'a self,
        other: &'a Self,
        horizon_ms: u64,
        found: &mut dyn FnMut(EntryRef<'a, L>),
    ) -> u64 {
        let Some(root) = &self.root else { return 0 };
        let mut walk = Walk {
            horizon_ms,
            found,
            pages: 0,
        };
        walk.below(Place::whole(root), other.root.as_ref().map(Place::whole));
        walk.pages
    }
}

/// Whether two entries of one key are surely the same for every reader. Tags say how a value came to be
/// and not what it is.
fn is_equal<L>(here: EntryRef<'_, L>, there: EntryRef<'_, L>, horizon_ms: u64) -> bool {
    let values = match (here.payload, there.payload) {
        (Payload::Inline(here), Payload::Inline(there)) => here == there,
        (Payload::Inline(_) | Payload::Large(_), _) => false,
    };
    values && here.expires_at_ms == there.expires_at_ms && here.expires_at_ms >= horizon_ms
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::ds::hash_trie::{NO_DEADLINE, NewPayload};
    use crate::ds::test_random::{Rng, seed};

    type Map = HashTrie<Arc<Vec<u8>>>;
    type Model = BTreeMap<u64, (u64, u64)>;

    fn put(map: &mut Map, n: u64, value: u64, expires_at_ms: u64) {
        let key = n.to_le_bytes();
        let hash = map.hash_of(&key);
        let value = value.to_le_bytes();
        map.insert(hash, &key, 0, expires_at_ms, NewPayload::Inline(&value));
    }

    fn number(bytes: &[u8]) -> u64 {
        u64::from_le_bytes(*bytes.first_chunk().unwrap())
    }

    fn value(entry: EntryRef<'_, Arc<Vec<u8>>>) -> (u64, u64) {
        match entry.payload {
            Payload::Inline(bytes) => (number(bytes), entry.expires_at_ms),
            Payload::Large(_) => panic!("no value is large"),
        }
    }

    /// Value and deadline here and there, by key.
    type Found = BTreeMap<u64, [Option<(u64, u64)>; 2]>;

    /// What [`HashTrie::diff`] says, and the pages it read.
    fn diff(one: &Map, two: &Map, horizon_ms: u64) -> (Found, u64) {
        let mut found = BTreeMap::new();
        let pages = one.diff(two, horizon_ms, &mut |here, there| {
            let key = here.or(there).map(|entry| number(entry.key)).unwrap();
            let before = found.insert(key, [here.map(value), there.map(value)]);
            assert!(before.is_none(), "key {key} twice");
        });
        (found, pages)
    }

    fn expected(one: &Model, two: &Model) -> Found {
        let keys = one.keys().chain(two.keys());
        let pair = |key: &u64| [one.get(key).copied(), two.get(key).copied()];
        keys.map(|key| (*key, pair(key)))
            .filter(|(_, [here, there])| here != there)
            .collect()
    }

    #[test]
    fn what_differs_is_found_whatever_the_shapes() {
        let mut random = Rng(seed());
        let rounds = if cfg!(miri) { 2 } else { 60 };
        for _ in 0..rounds {
            let skip_bits = random.below(8) as u32;
            let hasher = ahash::RandomState::with_seeds(1, 2, 3, random.next());
            let mut map = Map::with_skip_bits(hasher, skip_bits);
            let mut model = Model::new();
            let most = if cfg!(miri) { 100 } else { 4_000 };
            let range = 1 + random.below(most);
            let mut held = (map.clone(), model.clone());
            for _ in 0..2 * range {
                // Whole stretches are filled and emptied, so that leaves are cut and joined.
                let key = random.below(range);
                if random.below(100) < random.below(100) {
                    let at_ms = if random.one_in(4) { 5_000 } else { NO_DEADLINE };
                    let value = random.below(3);
                    put(&mut map, key, value, at_ms);
                    model.insert(key, (value, at_ms));
                } else {
                    map.remove(map.hash_of(&key.to_le_bytes()), &key.to_le_bytes());
                    model.remove(&key);
                }
                if random.one_in(range / 4 + 1) {
                    held = (map.clone(), model.clone());
                }
            }
            assert_eq!(diff(&held.0, &map, 0).0, expected(&held.1, &model));
            assert_eq!(diff(&map, &held.0, 0).0, expected(&model, &held.1));
            assert_eq!(diff(&map, &map, 0), (BTreeMap::new(), 0));
            let empty = map.empty_like();
            assert_eq!(diff(&empty, &map, 0).0.len(), model.len());
            assert_eq!(diff(&map, &empty, 0).0.len(), model.len());
            // A map that shares nothing, and hashes otherwise.
            let mut other = Map::new(ahash::RandomState::with_seeds(9, 9, 9, 9));
            for (key, (value, at_ms)) in &held.1 {
                put(&mut other, *key, *value, *at_ms);
            }
            assert_eq!(diff(&other, &map, 0).0, expected(&held.1, &model));
        }
    }

    #[test]
    fn few_changes_read_few_pages() {
        let mut map = Map::new(ahash::RandomState::with_seeds(1, 2, 3, 4));
        let count = if cfg!(miri) { 500 } else { 100_000 };
        (0..count).for_each(|n| put(&mut map, n, n, NO_DEADLINE));
        let held = map.clone();
        put(&mut map, 7, 8, NO_DEADLINE);
        put(&mut map, count, 1, NO_DEADLINE);
        map.remove(map.hash_of(&9_u64.to_le_bytes()), &9_u64.to_le_bytes());
        let (found, pages) = diff(&held, &map, 0);
        assert_eq!(found.len(), 3);
        // A page each, in both maps, and two if one was cut.
        assert!(pages <= 9, "{pages} pages");
    }

    #[test]
    fn shared_pages_are_read_where_a_deadline_is_near() {
        let mut map = Map::new(ahash::RandomState::with_seeds(1, 2, 3, 4));
        let count = if cfg!(miri) { 200 } else { 5_000 };
        (0..count).for_each(|n| put(&mut map, n, n, NO_DEADLINE));
        put(&mut map, 3, 3, 100);
        put(&mut map, 4, 4, 200);
        let held = map.clone();
        assert_eq!(diff(&held, &map, 100).1, 0);
        let (found, pages) = diff(&held, &map, 101);
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [3]);
        assert!(pages <= 2, "{pages} pages");
    }
}
