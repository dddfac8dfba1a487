//! A persistent hash map from byte strings to entries: O(1) clone, in place while unshared.
//!
//! The table of the keyspace, and of large hashes and sets. Writers hold it under their own lock;
//! readers hold a clone and need none.
//!
//! It is a trie over the bits of the hash: wide inner nodes over fat leaf pages. An inner node's slots
//! are cut into aligned runs with one child each, so a leaf that overflows makes two leaves and not
//! sixty-four, and every node is referred to exactly once per owner: "is this mine" is one load of
//! its count. A write copies the nodes on its path that a clone shares (mostly one page) and then
//! works in place. Entries are plain bytes in the page (`leaf`), so copying a page is one `memcpy`.
//!
//! Measured choices, at 1 M keys of 16 bytes with values of 64 (ratios to a `HashMap` of `Vec`s in the
//! same run; `benches/hash_trie.rs`): pages of up to 4 KB that grow by steps of 256 bytes with a quarter
//! of headroom (117 bytes a key; inserts about level with the map), in slabs on huge pages (random
//! GET 0.6-0.7, without them 0.9; first write after a clone 1.7-2.2 us instead of 3.9). A node whose
//! runs are all single slots doubles until it has 64, so sparse levels stay small. What it is not
//! good at: a lookup of an absent key costs a cache miss that a `HashMap`'s dense control bytes save.
//!
//! Invariants:
//! 1. A leaf below a run holds exactly the entries whose rotated hash begins with the run's prefix.
//! 2. An inner node or a chain lies below a run of one slot; a chain only where the trie's
//!    `64 - skip_bits` bits are used up.
//! 3. No leaf is empty; a run without entries has no child, its sibling half then has some; an inner
//!    node has at least two runs.
//! 4. A node's `earliest_ms` is a lower bound of the deadlines below it. Inserts lower it, removals
//!    leave it, `collect_expired` corrects it.
//!
//! It must not read a clock, lock, or know what tags and large values mean.

mod change;
mod diff;
mod leaf;
mod sample;
mod walk;

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use self::change::{Removal, chain_upsert, double, split_run, wrap};
use self::leaf::{DeadlineSet, NewEntry, Node, Removed, Side};
use super::config::INNER_BITS_MAX;
use super::pages::{Chain, Inner, LeafRef, NodePtr, Shape, View, ViewMut};

#[allow(unused_imports, reason = "named by those who use the trie")]
pub(crate) use self::{sample::below, walk::Iter};
pub(crate) use super::config::{INLINE_KEY_MAX, INLINE_VALUE_MAX};

/// The deadline of an entry that has none.
pub(crate) const NO_DEADLINE: u64 = u64::MAX;

/// A persistent hash map from byte strings to entries.
///
/// `L` is what a value too large for a page is kept as; its clone must be cheap.
pub(crate) struct HashTrie<L, S = ahash::RandomState> {
    root: Option<Node<L>>,
    len: usize,
    with_deadline: usize,
    node_bytes: usize,
    skip_bits: u32,
    hasher: S,
}

/// A value, seen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Payload<'a, L> {
    /// Bytes in the page.
    Inline(&'a [u8]),
    /// An object beside it.
    Large(&'a L),
}

/// An entry, seen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EntryRef<'a, L> {
    /// The key.
    pub(crate) key: &'a [u8],
    /// The caller's tag.
    pub(crate) tag: u8,
    /// The deadline, or `NO_DEADLINE`.
    pub(crate) expires_at_ms: u64,
    /// The value.
    pub(crate) payload: Payload<'a, L>,
}

impl<L> Clone for Payload<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<L> Copy for Payload<'_, L> {}

impl<L> Clone for EntryRef<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<L> Copy for EntryRef<'_, L> {}

/// A value on its way in.
#[derive(Debug)]
pub(crate) enum NewPayload<'a, L> {
    /// At most `INLINE_VALUE_MAX` bytes.
    Inline(&'a [u8]),
    /// An object.
    Large(L),
}

/// A value on its way out, so that the caller can drop a large one elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OldPayload<L> {
    /// The key was absent.
    None,
    /// The value was in the page.
    Inline,
    /// The value was this object.
    Large(L),
}

/// The hash of a key.
#[inline]
fn hash_of<S: BuildHasher>(hasher: &S, key: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(key);
    state.finish()
}

/// The first slot of the run that `slot` lies in.
#[inline]
fn run_start(starts: u64, slot: usize) -> usize {
    // The run at slot 0 always starts: the word is never zero.
    slot - ((starts << (63 - slot)).leading_zeros() as usize).min(slot)
}

/// The slots of the run that starts at `start`.
#[inline]
fn run_len(starts: u64, start: usize, slots: usize) -> usize {
    let after = starts >> start >> 1;
    if after == 0 {
        slots - start
    } else {
        after.trailing_zeros() as usize + 1
    }
}

/// The slot that the next `bits` bits of a prefix choose.
#[inline]
fn slot_of(rest: u64, bits: u32) -> usize {
    (rest >> (64 - bits)) as usize
}

#[inline]
fn bits_of<L>(inner: &Inner<Side<L>>) -> u32 {
    inner.slots.len().trailing_zeros()
}

impl<L: Clone, S: BuildHasher + Clone> HashTrie<L, S> {
    /// An empty map. Allocates nothing.
    pub(crate) fn new(hasher: S) -> Self {
        Self::with_skip_bits(hasher, 0)
    }

    /// An empty map that leaves the top `skip_bits` bits of the hash to its owner, who chooses among
    /// several maps by them. At most 32 are left; more count as 32.
    pub(crate) fn with_skip_bits(hasher: S, skip_bits: u32) -> Self {
        let skip_bits = skip_bits.min(32);
        HashTrie {
            root: None,
            len: 0,
            with_deadline: 0,
            node_bytes: 0,
            skip_bits,
            hasher,
        }
    }

    /// An empty map for other values, with the hasher and the skipped bits of this one.
    pub(crate) fn empty_like<M: Clone>(&self) -> HashTrie<M, S> {
        HashTrie::with_skip_bits(self.hasher.clone(), self.skip_bits)
    }

    /// The hash of a key: every call takes it ready-made, so that it is worked out once.
    #[inline]
    pub(crate) fn hash_key(hasher: &S, key: &[u8]) -> u64 {
        hash_of(hasher, key)
    }

    /// The hash of a key under this map's hasher.
    #[inline]
    pub(crate) fn hash_of(&self, key: &[u8]) -> u64 {
        hash_of(&self.hasher, key)
    }

    /// Entries. O(1).
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Entries that carry a deadline. O(1).
    pub(crate) fn with_deadline_count(&self) -> usize {
        self.with_deadline
    }

    /// Bytes of the nodes, without what large values and long keys take beside them. O(1).
    pub(crate) fn node_bytes(&self) -> usize {
        self.node_bytes
    }

    /// A lower bound of all deadlines; `NO_DEADLINE` if no entry has one. O(1).
    pub(crate) fn next_expiry_ms(&self) -> u64 {
        if self.with_deadline == 0 {
            return NO_DEADLINE;
        }
        self.root.as_ref().map_or(NO_DEADLINE, NodePtr::earliest_ms)
    }

    /// The bits of the hash that choose the path.
    fn depth_max(&self) -> u32 {
        64 - self.skip_bits
    }

    /// The entry of a key. About two cache misses.
    #[inline]
    pub(crate) fn get(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_, L>> {
        let rest = hash.rotate_left(self.skip_bits);
        lookup(self.root.as_ref()?, rest, hash, key)
    }

    /// Whether there is a key: as [`get`](Self::get), in fewer steps.
    #[inline]
    pub(crate) fn contains(&self, hash: u64, key: &[u8]) -> bool {
        let rest = hash.rotate_left(self.skip_bits);
        match self.root.as_ref().and_then(|root| descend(root, rest)) {
            Some(Bottom::Leaf(leaf)) => leaf::contains(leaf, hash, key),
            Some(Bottom::Chain(chain)) => lookup_in_chain(chain, hash, key).is_some(),
            None => false,
        }
    }

    /// The large value of a key, `None` for an inline one, and its deadline: as [`get`](Self::get), in
    /// fewer steps.
    #[inline]
    pub(crate) fn large(&self, hash: u64, key: &[u8]) -> Option<(Option<&L>, u64)> {
        match descend(self.root.as_ref()?, hash.rotate_left(self.skip_bits))? {
            Bottom::Leaf(leaf) => leaf::large(leaf, hash, key),
            Bottom::Chain(chain) => {
                let entry = lookup_in_chain(chain, hash, key)?;
                let large = match entry.payload {
                    Payload::Large(value) => Some(value),
                    Payload::Inline(_) => None,
                };
                Some((large, entry.expires_at_ms))
            }
        }
    }

    /// Inserts an entry or replaces all of it.
    ///
    /// # Panics
    /// If an inline value is longer than `INLINE_VALUE_MAX`.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        key: &[u8],
        tag: u8,
        expires_at_ms: u64,
        value: NewPayload<'_, L>,
    ) -> OldPayload<L> {
        if let NewPayload::Inline(bytes) = value
            && expires_at_ms == NO_DEADLINE
            && self.overwrite(hash, key, tag, bytes)
        {
            return OldPayload::Inline;
        }
        self.put(hash, key, tag, expires_at_ms, value)
    }

    /// The commonest change, in few steps: a value in an unshared page gives way to one of the same
    /// length, neither with a deadline. False, and nothing done, in every other case.
    #[inline]
    fn overwrite(&mut self, hash: u64, key: &[u8], tag: u8, value: &[u8]) -> bool {
        let mut rest = hash.rotate_left(self.skip_bits);
        let Some(mut node) = self.root.as_mut() else {
            return false;
        };
        loop {
            match node.mut_if_unique() {
                Some(ViewMut::Leaf(leaf)) => return leaf::overwrite(leaf, hash, key, tag, value),
                Some(ViewMut::Inner(inner)) => {
                    let bits = bits_of(inner);
                    let start = run_start(inner.starts, slot_of(rest, bits));
                    rest <<= bits;
                    match inner.slots[start].as_mut() {
                        Some(child) => node = child,
                        None => return false,
                    }
                }
                Some(ViewMut::Chain(_)) | None => return false,
            }
        }
    }

    /// Every case of `insert`.
    #[inline(never)]
    fn put(
        &mut self,
        hash: u64,
        key: &[u8],
        tag: u8,
        expires_at_ms: u64,
        value: NewPayload<'_, L>,
    ) -> OldPayload<L> {
        if let NewPayload::Inline(bytes) = &value {
            let len = bytes.len();
            assert!(
                len <= INLINE_VALUE_MAX,
                "a value of {len} bytes is not inline"
            );
        }
        let entry = NewEntry {
            hash,
            key,
            tag,
            expires_at_ms,
        };
        let removed = self.upsert(&entry, value);
        self.with_deadline += usize::from(expires_at_ms != NO_DEADLINE);
        match removed {
            Some(removed) => {
                self.with_deadline -= usize::from(removed.had_deadline);
                removed.payload
            }
            None => {
                self.len += 1;
                OldPayload::None
            }
        }
    }

    fn upsert(&mut self, entry: &NewEntry<'_>, value: NewPayload<'_, L>) -> Option<Removed<L>> {
        let (skip_bits, depth_max) = (self.skip_bits, self.depth_max());
        let hasher = &self.hasher;
        let node_bytes = &mut self.node_bytes;
        let mut value = value;
        let Some(mut node) = self.root.as_mut() else {
            let leaf = leaf::new_leaf(entry, value);
            *node_bytes += leaf.allocated_bytes();
            self.root = Some(leaf);
            return None;
        };
        if let Shape::Leaf { .. } = node.shape() {
            let before = node.allocated_bytes();
            let done = leaf::upsert(node, hasher, entry, value);
            *node_bytes = *node_bytes + node.allocated_bytes() - before;
            match done {
                Ok(removed) => return removed,
                Err(back) => value = back,
            }
            wrap(node, node_bytes);
        }
        let mut depth = 0;
        let mut rest = entry.hash.rotate_left(skip_bits);
        // Each turn goes one node down or makes room for the next turn: at most a few turns a level.
        loop {
            let inner = match node.unique_mut() {
                ViewMut::Inner(inner) => inner,
                ViewMut::Chain(chain) => {
                    chain.note_deadline(entry.expires_at_ms);
                    return chain_upsert(&mut chain.leaves, hasher, entry, value, node_bytes);
                }
                ViewMut::Leaf(_) => unreachable!("leaves are handled by their parent"),
            };
            inner.note_deadline(entry.expires_at_ms);
            let bits = bits_of(inner);
            let start = run_start(inner.starts, slot_of(rest, bits));
            let Some(child) = inner.slots[start].as_mut() else {
                let leaf = leaf::new_leaf(entry, value);
                *node_bytes += leaf.allocated_bytes();
                inner.slots[start] = Some(leaf);
                return None;
            };
            if let Shape::Leaf { .. } = child.shape() {
                let before = child.allocated_bytes();
                let earliest_ms = child.earliest_ms();
                let done = leaf::upsert(child, hasher, entry, value);
                *node_bytes = *node_bytes + child.allocated_bytes() - before;
                match done {
                    Ok(removed) => return removed,
                    Err(back) => value = back,
                }
                let run = run_len(inner.starts, start, inner.slots.len());
                if run > 1 {
                    let bit = depth + bits - run.trailing_zeros();
                    split_run(inner, start, node_bytes, |leaf| {
                        leaf::split(leaf, hasher, skip_bits, bit)
                    });
                } else if bits < INNER_BITS_MAX && depth + bits < depth_max {
                    double(node, node_bytes);
                } else if depth + bits < depth_max {
                    inner.slots[start]
                        .iter_mut()
                        .for_each(|leaf| wrap(leaf, node_bytes));
                } else {
                    let leaf = inner.slots[start].take();
                    let chain = Node::new_chain(leaf.into_iter().collect());
                    chain.set_earliest_ms(earliest_ms);
                    *node_bytes += chain.allocated_bytes();
                    inner.slots[start] = Some(chain);
                }
                continue;
            }
            depth += bits;
            rest <<= bits;
            node = match node.unique_mut() {
                ViewMut::Inner(inner) => match inner.slots[start].as_mut() {
                    Some(child) => child,
                    None => unreachable!("the child was just seen"),
                },
                ViewMut::Leaf(_) | ViewMut::Chain(_) => unreachable!("the node was just seen"),
            };
        }
    }

    /// Removes the entry of a key; `None` if it was absent.
    pub(crate) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<OldPayload<L>> {
        let rest = hash.rotate_left(self.skip_bits);
        let mut removal = Removal {
            hasher: &self.hasher,
            node_bytes: &mut self.node_bytes,
            hash,
            key,
            is_present: false,
        };
        let removed = removal.remove_below(&mut self.root, rest)?;
        self.len -= 1;
        self.with_deadline -= usize::from(removed.had_deadline);
        Some(removed.payload)
    }

    /// The leaf that has a key, its path unshared. `None`, and nothing copied, if the key is absent.
    fn leaf_with(&mut self, hash: u64, key: &[u8], expires_at_ms: u64) -> Option<&mut Node<L>> {
        let mut rest = hash.rotate_left(self.skip_bits);
        let mut node = self.root.as_mut()?;
        let mut is_present = false;
        loop {
            if !is_present && !node.is_unique() {
                lookup(node, rest, hash, key)?;
                is_present = true;
            }
            if let Shape::Leaf { .. } = node.shape() {
                return Some(node);
            }
            node = match node.unique_mut() {
                ViewMut::Inner(inner) => {
                    inner.note_deadline(expires_at_ms);
                    let bits = bits_of(inner);
                    let start = run_start(inner.starts, slot_of(rest, bits));
                    rest <<= bits;
                    inner.slots[start].as_mut()?
                }
                ViewMut::Chain(chain) => {
                    chain.note_deadline(expires_at_ms);
                    let has = |leaf: &&mut Node<L>| lookup(leaf, 0, hash, key).is_some();
                    chain.leaves.iter_mut().find(has)?
                }
                ViewMut::Leaf(_) => unreachable!("leaves are returned above"),
            };
        }
    }

    /// The inline value of a key, for an edit that keeps its length; `None` if the key is absent or
    /// its value is large.
    pub(crate) fn inline_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut [u8]> {
        leaf::inline_mut(self.leaf_with(hash, key, NO_DEADLINE)?, hash, key)
    }

    /// The large value of a key, for change; `None` if the key is absent or its value is inline.
    pub(crate) fn large_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut L> {
        leaf::large_mut(self.leaf_with(hash, key, NO_DEADLINE)?, hash, key)
    }

    /// Sets the tag of a key; false if it is absent.
    pub(crate) fn set_tag(&mut self, hash: u64, key: &[u8], tag: u8) -> bool {
        match self.leaf_with(hash, key, NO_DEADLINE) {
            Some(leaf) => leaf::set_tag(leaf, hash, key, tag),
            None => false,
        }
    }

    /// Sets the deadline of a key, or clears it with `NO_DEADLINE`; false if the key is absent.
    pub(crate) fn set_expires_at_ms(&mut self, hash: u64, key: &[u8], expires_at_ms: u64) -> bool {
        let Some(leaf) = self.leaf_with(hash, key, expires_at_ms) else {
            return false;
        };
        match leaf::set_deadline(leaf, hash, key, expires_at_ms) {
            DeadlineSet::Absent => false,
            DeadlineSet::Done { had_deadline } => {
                self.with_deadline += usize::from(expires_at_ms != NO_DEADLINE);
                self.with_deadline -= usize::from(had_deadline);
                true
            }
            DeadlineSet::NoRoom => self.reinsert(hash, key, expires_at_ms),
        }
    }

    /// Sets a deadline by inserting the entry anew.
    #[cold]
    fn reinsert(&mut self, hash: u64, key: &[u8], expires_at_ms: u64) -> bool {
        let Some(entry) = self.get(hash, key) else {
            return false;
        };
        let tag = entry.tag;
        match entry.payload {
            Payload::Inline(bytes) => {
                let mut copy = [0; INLINE_VALUE_MAX];
                let copy = &mut copy[..bytes.len()];
                copy.copy_from_slice(bytes);
                self.insert(hash, key, tag, expires_at_ms, NewPayload::Inline(copy));
            }
            Payload::Large(_) => {
                if let Some(OldPayload::Large(value)) = self.remove(hash, key) {
                    self.insert(hash, key, tag, expires_at_ms, NewPayload::Large(value));
                }
            }
        }
        true
    }
}

/// Where the path of a hash ends.
enum Bottom<'a, L> {
    Leaf(LeafRef<'a, Side<L>>),
    Chain(&'a Chain<Side<L>>),
}

/// What lies at the end of a path; `rest` are the prefix bits not yet used.
#[inline]
fn descend<L>(node: &Node<L>, rest: u64) -> Option<Bottom<'_, L>> {
    let mut node = node;
    let mut rest = rest;
    loop {
        match node.view() {
            View::Leaf(leaf) => return Some(Bottom::Leaf(leaf)),
            View::Inner(inner) => {
                let bits = bits_of(inner);
                let start = run_start(inner.starts, slot_of(rest, bits));
                rest <<= bits;
                node = inner.slots[start].as_ref()?;
            }
            View::Chain(chain) => return Some(Bottom::Chain(chain)),
        }
    }
}

/// The entry of a key below a node; `rest` are the prefix bits not yet used.
#[inline]
fn lookup<'a, L>(node: &'a Node<L>, rest: u64, hash: u64, key: &[u8]) -> Option<EntryRef<'a, L>> {
    match descend(node, rest)? {
        Bottom::Leaf(leaf) => leaf::get(leaf, hash, key),
        Bottom::Chain(chain) => lookup_in_chain(chain, hash, key),
    }
}

/// The entry of a key in a chain. Out of line, so that the way through the trie can be inlined.
#[cold]
#[inline(never)]
fn lookup_in_chain<'a, L>(
    chain: &'a Chain<Side<L>>,
    hash: u64,
    key: &[u8],
) -> Option<EntryRef<'a, L>> {
    let mut leaves = chain.leaves.iter().map(leaf::leaf_ref);
    leaves.find_map(|leaf| leaf::get(leaf, hash, key))
}

impl<L, S: Clone> Clone for HashTrie<L, S> {
    /// O(1): the clone shares every node.
    fn clone(&self) -> Self {
        HashTrie {
            root: self.root.clone(),
            hasher: self.hasher.clone(),
            ..*self
        }
    }
}

impl<L, S> fmt::Debug for HashTrie<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashTrie")
            .field("len", &self.len)
            .field("with_deadline", &self.with_deadline)
            .field("skip_bits", &self.skip_bits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
