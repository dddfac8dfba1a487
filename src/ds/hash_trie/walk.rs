//! Reading more than one entry: iteration, cursors, sampling, deadlines, figures.
//!
//! Called by the keyspace through the map. Nothing here changes an entry; `collect_expired` corrects
//! bounds in place, which is allowed on shared nodes.

use std::hash::BuildHasher;
use std::slice;

use super::leaf::{self, Entries, Node, Side, first_deadline_ms};
use super::sample::below;
use super::{EntryRef, HashTrie, NO_DEADLINE, Payload, bits_of, run_len, run_start, slot_of};
use crate::ds::census::Census;
use crate::ds::config::{INLINE_KEY_MAX, LINE};
use crate::ds::pages::{Inner, View};

/// Leaves that `collect_expired` visits beyond one for each entry it may report.
const STALE_LEAVES_MAX: usize = 64;

/// The entries of a map, leaf by leaf in order of the rotated hash; in a leaf in no order that a
/// caller may rely on, but the same each time for an unchanged map.
pub(crate) struct Iter<'a, L> {
    below: Vec<Branch<'a, L>>,
    entries: Option<Entries<'a, L>>,
    left: usize,
}

enum Branch<'a, L> {
    /// An inner node and the runs still to visit.
    Inner(&'a Inner<Side<L>>, u64),
    Leaves(slice::Iter<'a, Node<L>>),
}

impl<'a, L> Iter<'a, L> {
    fn enter(&mut self, node: &'a Node<L>) {
        match node.view() {
            View::Leaf(leaf) => self.entries = Some(Entries::of(leaf)),
            View::Inner(inner) => self.below.push(Branch::Inner(inner, inner.starts)),
            View::Chain(chain) => self.below.push(Branch::Leaves(chain.leaves.iter())),
        }
    }

    /// The next node below, if any; finished branches are dropped.
    fn next_node(&mut self) -> Option<&'a Node<L>> {
        loop {
            match self.below.last_mut()? {
                Branch::Inner(inner, runs) => {
                    while *runs != 0 {
                        let start = runs.trailing_zeros() as usize;
                        *runs &= *runs - 1;
                        let inner: &'a Inner<Side<L>> = inner;
                        if let Some(child) = inner.slots[start].as_ref() {
                            // The one after it will be wanted soon.
                            if let Some(next) = inner.slots.get(runs.trailing_zeros() as usize) {
                                next.iter().for_each(Node::prefetch_all);
                            }
                            return Some(child);
                        }
                    }
                }
                Branch::Leaves(leaves) => {
                    if let Some(leaf) = leaves.next() {
                        return Some(leaf);
                    }
                }
            }
            self.below.pop();
        }
    }
}

impl<'a, L> Iterator for Iter<'a, L> {
    type Item = EntryRef<'a, L>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.as_mut().and_then(Iterator::next) {
                self.left = self.left.saturating_sub(1);
                return Some(entry);
            }
            let node = self.next_node()?;
            self.enter(node);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<L> ExactSizeIterator for Iter<'_, L> {}

impl<L> std::fmt::Debug for Iter<'_, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iter")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl<L> EntryRef<'_, L> {
    /// Bytes of the entry: in its page, in the page's index, and beside the page, without what a large
    /// value owns. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        let index = LINE.div_ceil(leaf::GROUP_SLOTS - 1);
        let deadline = if self.expires_at_ms == NO_DEADLINE {
            0
        } else {
            8
        };
        let key = if self.key.len() > INLINE_KEY_MAX {
            leaf::side_bytes::<L>() + 2 + 2 * size_of::<usize>() + self.key.len()
        } else {
            self.key.len()
        };
        let value = match self.payload {
            Payload::Inline(bytes) => bytes.len(),
            Payload::Large(_) => leaf::side_bytes::<L>(),
        };
        index + leaf::ENTRY_HEAD + deadline + key + value
    }
}

/// Calls `visit` for every entry of a leaf or chain.
fn visit_all<L>(node: &Node<L>, visit: &mut dyn FnMut(EntryRef<'_, L>)) {
    let mut iter = Iter {
        below: Vec::new(),
        entries: None,
        left: 0,
    };
    iter.enter(node);
    iter.for_each(visit);
}

impl<L: Clone, S: BuildHasher + Clone> HashTrie<L, S> {
    /// All entries.
    pub(crate) fn iter(&self) -> Iter<'_, L> {
        let mut iter = Iter {
            below: Vec::new(),
            entries: None,
            left: self.len,
        };
        if let Some(root) = &self.root {
            iter.enter(root);
        }
        iter
    }

    /// Visits the entries of one leaf, whole, and returns the cursor of the next; 0 starts, and a
    /// returned 0 says that all has been visited.
    ///
    /// A cursor is a position in the order of hashes, of `64 - skip_bits` bits, so it survives
    /// every change of shape: an entry that is there during the whole scan is visited at least once.
    /// Any cursor is safe; one beyond the last position visits nothing and ends the scan.
    pub(crate) fn scan(&self, cursor: u64, visit: &mut dyn FnMut(EntryRef<'_, L>)) -> u64 {
        if self.skip_bits > 0 && cursor >> (64 - self.skip_bits) != 0 {
            return 0;
        }
        let Some(root) = &self.root else { return 0 };
        let mut position = cursor << self.skip_bits;
        loop {
            let mut node = root;
            let mut depth = 0;
            // Where the run that is being looked at ends; 0 is the end of all.
            let mut end = 0;
            let child = loop {
                let View::Inner(inner) = node.view() else {
                    break Some(node);
                };
                let bits = bits_of(inner);
                let start = run_start(inner.starts, slot_of(position << depth, bits));
                let after = start + run_len(inner.starts, start, inner.slots.len());
                let base = if depth == 0 {
                    0
                } else {
                    position >> (64 - depth) << (64 - depth)
                };
                depth += bits;
                end = base.wrapping_add((after as u64).wrapping_mul(unit(depth)));
                match inner.slots[start].as_ref() {
                    Some(child) => node = child,
                    None => break None,
                }
            };
            if let Some(node) = child {
                visit_all(node, visit);
            }
            if child.is_some() || end == 0 {
                return end >> self.skip_bits;
            }
            position = end;
        }
    }

    /// An entry chosen by two random words: nearly uniform, for leaves at one depth hold nearly the
    /// same number of entries. `None` only for an empty map.
    pub(crate) fn random(&self, random: u64, random2: u64) -> Option<EntryRef<'_, L>> {
        let mut node = self.root.as_ref()?;
        let mut rest = random;
        loop {
            match node.view() {
                View::Inner(inner) => {
                    let bits = bits_of(inner);
                    let start = run_start(inner.starts, slot_of(rest, bits));
                    rest <<= bits;
                    let (before, from) = inner.slots.split_at(start);
                    node = from.iter().chain(before).flatten().next()?;
                }
                View::Leaf(leaf) => {
                    let at = below(random2, leaf::count(node));
                    return Entries::of(leaf).nth(at);
                }
                View::Chain(chain) => {
                    let all: usize = chain.leaves.iter().map(leaf::count).sum();
                    let mut at = below(random2, all);
                    for node in &chain.leaves {
                        let count = leaf::count(node);
                        if at < count {
                            return Entries::of(leaf::leaf_ref(node)).nth(at);
                        }
                        at -= count;
                    }
                    return None;
                }
            }
        }
    }

    /// An entry that has a deadline, chosen by two random words: from the page that the first one leads
    /// to, or from one near it. Nearly uniform where most entries have a deadline. `None` only if none
    /// has one.
    ///
    /// Goes only where a bound says that there may be some, and corrects the bounds that turn out stale.
    pub(crate) fn random_with_deadline(
        &self,
        random: u64,
        random2: u64,
    ) -> Option<EntryRef<'_, L>> {
        if self.with_deadline == 0 {
            return None;
        }
        deadline_below(self.root.as_ref()?, random, random2)
    }

    /// Reports up to `limit` entries whose deadline is at most `now_ms`, with their deadlines; true
    /// if there may be more.
    ///
    /// Goes only where a bound says that there may be some, and corrects the bounds that turn out
    /// stale, so the cost is the number found times the depth. Work is bounded by `limit` and a
    /// constant even if everything is stale; then the answer is true with nothing found, and the
    /// next call gets further.
    pub(crate) fn collect_expired(
        &self,
        now_ms: u64,
        limit: usize,
        found: &mut dyn FnMut(&[u8], u64),
    ) -> bool {
        let Some(root) = &self.root else { return false };
        let now_ms = now_ms.min(NO_DEADLINE - 1);
        if self.with_deadline == 0 || now_ms < root.earliest_ms() {
            return false;
        }
        let leaves = limit.saturating_add(STALE_LEAVES_MAX);
        let mut search = Search {
            now_ms,
            entries: limit,
            leaves,
            found,
        };
        search.below(root);
        search.entries == 0 || search.leaves == 0
    }

    /// Bytes of what only this map holds: of the nodes that would go with it, what lies beside their
    /// pages, and what `visit` says of each large value in them. O(nodes that would go).
    pub(crate) fn exclusive_bytes(
        &self,
        census: &mut Census,
        visit: &mut dyn FnMut(&L, &mut Census) -> usize,
    ) -> usize {
        match &self.root {
            Some(root) => exclusive_below(root, census, visit),
            None => 0,
        }
    }

    /// Bytes of every node and of what lies beside the pages, without what large values own.
    /// O(nodes).
    pub(crate) fn memory_bytes(&self) -> usize {
        self.root.as_ref().map_or(0, memory_below)
    }
}

/// The length of one slot at `depth` bits, as a distance between positions; 0 stands for all.
pub(super) fn unit(depth: u32) -> u64 {
    1u64.checked_shl(64 - depth).unwrap_or(0)
}

fn memory_below<L>(node: &Node<L>) -> usize {
    let beside: usize = match node.view() {
        View::Leaf(leaf) => leaf
            .page
            .side
            .as_ref()
            .map_or(0, |side| side.allocated_bytes()),
        View::Inner(inner) => inner.slots.iter().flatten().map(memory_below).sum(),
        View::Chain(chain) => {
            let list = chain.leaves.capacity() * size_of::<Node<L>>();
            list + chain.leaves.iter().map(memory_below).sum::<usize>()
        }
    };
    node.allocated_bytes() + beside
}

/// An entry with a deadline below a node; `rest` are the random bits not yet used.
fn deadline_below<L>(node: &Node<L>, rest: u64, random2: u64) -> Option<EntryRef<'_, L>> {
    if node.earliest_ms() == NO_DEADLINE {
        return None;
    }
    let found = match node.view() {
        View::Leaf(leaf) => {
            let with_deadline =
                || Entries::of(leaf).filter(|entry| entry.expires_at_ms != NO_DEADLINE);
            with_deadline().nth(below(random2, usize::from(leaf.page.deadlines)))
        }
        View::Inner(inner) => {
            let bits = bits_of(inner);
            let start = run_start(inner.starts, slot_of(rest, bits));
            let (before, from) = inner.slots.split_at(start);
            let mut children = from.iter().chain(before).flatten();
            children.find_map(|child| deadline_below(child, rest << bits, random2))
        }
        View::Chain(chain) => {
            let (before, from) = chain.leaves.split_at(below(rest, chain.leaves.len()));
            let mut leaves = from.iter().chain(before);
            leaves.find_map(|leaf| deadline_below(leaf, rest, random2))
        }
    };
    if found.is_none() {
        node.set_earliest_ms(NO_DEADLINE);
    }
    found
}

fn exclusive_below<L>(
    node: &Node<L>,
    census: &mut Census,
    visit: &mut dyn FnMut(&L, &mut Census) -> usize,
) -> usize {
    let (address, owners) = node.owners();
    if !census.is_last_of(address, owners) {
        return 0;
    }
    let beside: usize = match node.view() {
        View::Leaf(leaf) => match &leaf.page.side {
            Some(side) => side.exclusive_bytes(census, visit),
            None => 0,
        },
        View::Inner(inner) => {
            // Each child's count lies in a line of its own: ask for all before waiting for one.
            inner.slots.iter().flatten().for_each(Node::prefetch);
            let children = inner.slots.iter().flatten();
            children
                .map(|node| exclusive_below(node, census, visit))
                .sum()
        }
        View::Chain(chain) => {
            let list = chain.leaves.capacity() * size_of::<Node<L>>();
            let leaves = chain.leaves.iter();
            list + leaves
                .map(|node| exclusive_below(node, census, visit))
                .sum::<usize>()
        }
    };
    node.allocated_bytes() + beside
}

/// A search for expired entries.
struct Search<'a> {
    now_ms: u64,
    /// Entries that may still be reported.
    entries: usize,
    /// Leaves that may still be visited.
    leaves: usize,
    found: &'a mut dyn FnMut(&[u8], u64),
}

impl Search<'_> {
    /// Searches below a node and corrects its bound.
    fn below<L>(&mut self, node: &Node<L>) {
        if node.earliest_ms() > self.now_ms || self.entries == 0 || self.leaves == 0 {
            return;
        }
        let bound = match node.view() {
            View::Leaf(leaf) => {
                self.leaves -= 1;
                for entry in Entries::of(leaf) {
                    if entry.expires_at_ms <= self.now_ms && self.entries > 0 {
                        self.entries -= 1;
                        (self.found)(entry.key, entry.expires_at_ms);
                    }
                }
                first_deadline_ms(leaf)
            }
            View::Inner(inner) => self.below_all(inner.slots.iter().flatten()),
            View::Chain(chain) => self.below_all(chain.leaves.iter()),
        };
        if bound != node.earliest_ms() {
            node.set_earliest_ms(bound);
        }
    }

    fn below_all<'n, L: 'n>(&mut self, nodes: impl Iterator<Item = &'n Node<L>>) -> u64 {
        let mut bound = NO_DEADLINE;
        for node in nodes {
            self.below(node);
            bound = bound.min(node.earliest_ms());
        }
        bound
    }
}

#[cfg(any(test, fuzzing))]
mod check {
    use super::*;

    /// What was counted below a node.
    #[derive(Default)]
    struct Totals {
        entries: usize,
        deadlines: usize,
        node_bytes: usize,
    }

    impl<L: Clone, S: BuildHasher + Clone> HashTrie<L, S> {
        /// Asserts every invariant. O(entries).
        pub(crate) fn check_invariants(&self) {
            let mut totals = Totals::default();
            if let Some(root) = &self.root {
                self.check_below(root, 0, 0, &mut totals);
            }
            assert_eq!(totals.entries, self.len, "len");
            assert_eq!(totals.deadlines, self.with_deadline, "with_deadline");
            assert_eq!(totals.node_bytes, self.node_bytes, "node_bytes");
        }

        /// `prefix` is what the rotated hashes below begin with, over `depth` bits.
        fn check_below(&self, node: &Node<L>, prefix: u64, depth: u32, totals: &mut Totals) {
            totals.node_bytes += node.allocated_bytes();
            match node.view() {
                View::Leaf(leaf) => {
                    let (count, deadlines) = leaf::check(node, &self.hasher);
                    assert!(count > 0, "an empty leaf");
                    for entry in Entries::of(leaf) {
                        let rotated = self.hash_of(entry.key).rotate_left(self.skip_bits);
                        let differing = (rotated ^ prefix).checked_shr(64 - depth).unwrap_or(0);
                        assert_eq!(differing, 0, "an entry outside its run");
                    }
                    totals.entries += count;
                    totals.deadlines += deadlines;
                }
                View::Inner(inner) => {
                    let bits = bits_of(inner);
                    assert!(depth + bits <= 64 - self.skip_bits, "deeper than the hash");
                    assert!(inner.starts & 1 == 1 && inner.starts != 1, "runs");
                    let mut start = 0;
                    while start < inner.slots.len() {
                        let len = run_len(inner.starts, start, inner.slots.len());
                        assert!(
                            len.is_power_of_two() && start % len == 0,
                            "an unaligned run"
                        );
                        assert!(
                            inner.slots[start + 1..start + len]
                                .iter()
                                .all(Option::is_none)
                        );
                        let child_depth = depth + bits - len.trailing_zeros();
                        let base =
                            prefix.wrapping_add((start as u64).wrapping_mul(unit(depth + bits)));
                        match &inner.slots[start] {
                            Some(child) => {
                                assert!(node.earliest_ms() <= child.earliest_ms(), "bound");
                                if !matches!(child.view(), View::Leaf(_)) {
                                    assert_eq!(len, 1, "a node below a long run");
                                }
                                self.check_below(child, base, child_depth, totals);
                            }
                            None => {
                                let other = start ^ len;
                                assert!(
                                    inner.starts >> other & 1 == 0
                                        || run_len(inner.starts, other, inner.slots.len()) != len
                                        || inner.slots[other].is_some(),
                                    "two empty halves"
                                );
                            }
                        }
                        start += len;
                    }
                }
                View::Chain(chain) => {
                    assert_eq!(depth, 64 - self.skip_bits, "a chain above the last bit");
                    for leaf in &chain.leaves {
                        assert!(node.earliest_ms() <= leaf.earliest_ms(), "bound");
                        self.check_below(leaf, prefix, depth, totals);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::*;
    use crate::ds::hash_trie::NewPayload;

    type Map = HashTrie<Arc<Vec<u8>>>;

    /// Words that follow from a seed (SplitMix64).
    fn random_from(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        }
    }

    fn map() -> Map {
        HashTrie::new(ahash::RandomState::with_seeds(1, 2, 3, 4))
    }

    fn add(map: &mut Map, n: u64, expires_at_ms: u64) {
        let key = n.to_le_bytes();
        let hash = map.hash_of(&key);
        map.insert(hash, &key, 0, expires_at_ms, NewPayload::Inline(&key));
    }

    #[test]
    fn a_random_entry_with_a_deadline_is_found_however_few_there_are() {
        let count = if cfg!(miri) { 60 } else { 5_000 };
        let mut map = map();
        (0..count).for_each(|n| add(&mut map, n, NO_DEADLINE));
        let mut random = random_from(1);
        assert!(map.random_with_deadline(random(), random()).is_none());
        // One of them, then none again: bounds go stale and are corrected.
        for n in [7, 33] {
            add(&mut map, n, 500);
            for _ in 0..20 {
                let found = map.random_with_deadline(random(), random());
                assert_eq!(found.map(|entry| entry.key), Some(&n.to_le_bytes()[..]));
            }
            add(&mut map, n, NO_DEADLINE);
            assert!(map.random_with_deadline(random(), random()).is_none());
        }
        map.check_invariants();
        (0..count)
            .step_by(3)
            .for_each(|n| add(&mut map, n, 1_000 + n));
        let mut seen = HashSet::new();
        for _ in 0..20 * count {
            let entry = map.random_with_deadline(random(), random()).unwrap();
            assert!(entry.expires_at_ms != NO_DEADLINE);
            seen.insert(entry.key.to_vec());
        }
        assert!(seen.len() as u64 > count / 3 * 9 / 10, "{}", seen.len());
    }

    #[test]
    fn only_what_a_map_alone_holds_counts_as_its_own() {
        let large = |_: &Arc<Vec<u8>>, _: &mut Census| 1_000_000;
        let own = |map: &Map| map.exclusive_bytes(&mut Census::new(), &mut { large });
        let mut first = map();
        let count = if cfg!(miri) { 60 } else { 3_000 };
        (0..count).for_each(|n| add(&mut first, n, NO_DEADLINE));
        let key = [b'k'; 300];
        let hash = first.hash_of(&key);
        first.insert(
            hash,
            &key,
            0,
            NO_DEADLINE,
            NewPayload::Large(Arc::new(Vec::new())),
        );
        let whole = own(&first);
        assert_eq!(whole, first.memory_bytes() + 1_000_000);
        let second = first.clone();
        assert_eq!((own(&first), own(&second)), (0, 0));
        // Both go: all goes, once.
        let mut census = Census::new();
        let mut sum = first.exclusive_bytes(&mut census, &mut { large });
        sum += second.exclusive_bytes(&mut census, &mut { large });
        assert_eq!(sum, whole);
        // One page and the nodes above it are copied: as much is each one's own.
        add(&mut first, 1, 99);
        let pinned = own(&second);
        assert!(pinned > 0 && pinned < whole / 2, "{pinned} of {whole}");
        drop(first);
        assert_eq!(own(&second), whole);
    }
}
