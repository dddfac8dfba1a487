//! A choice among all entries with equal chances for each.
//!
//! Called by random members and fields. The trie keeps no counts below its nodes, so the choice is by
//! rejection: the positions of the hash are cut into cells of which each holds a few dozen entries on
//! average, a random cell is accepted in proportion to what it holds, and an entry of it is taken.
//!
//! Exact as far as no cell holds more than [`CROWDED`] times the average. The entries of a cell are
//! Poisson distributed around at least [`CELL_ENTRIES_MIN`]; for one to be that crowded has a chance
//! of about e^-41.

use std::hash::BuildHasher;

use super::leaf::{self, Node};
use super::{EntryRef, HashTrie, bits_of, run_len, run_start, slot_of};
use crate::ds::pages::View;

/// Entries of a cell on average, at least; at most twice that.
const CELL_ENTRIES_MIN: usize = 32;
/// How many times the average a cell may hold and still be weighed rightly.
const CROWDED: usize = 3;
/// Rejections before the choice gives up being fair: only a hasher that does not spread gets there.
const TRIES_MAX: usize = 512;

/// A number below `n`, from a random word.
pub(crate) fn below(random: u64, n: usize) -> usize {
    ((u128::from(random) * n as u128) >> 64) as usize
}

impl<L: Clone, S: BuildHasher + Clone> HashTrie<L, S> {
    /// An entry chosen with equal chances for each, by random words. `None` only for an empty map.
    /// About three looks into a page; a walk through a few of them where values are long.
    pub(crate) fn random_fair(&self, random: &dyn Fn() -> u64) -> Option<EntryRef<'_, L>> {
        self.random_by_cells(random, CELL_ENTRIES_MIN)
    }

    fn random_by_cells(
        &self,
        random: &dyn Fn() -> u64,
        cell_entries_min: usize,
    ) -> Option<EntryRef<'_, L>> {
        let root = self.root.as_ref()?;
        if self.len <= cell_entries_min {
            return self.iter().nth(below(random(), self.len));
        }
        let cell_bits = (self.len / cell_entries_min).ilog2();
        let crowd = CROWDED * (self.len >> cell_bits);
        for _ in 0..TRIES_MAX {
            let mut cell = Cell {
                nodes: Vec::new(),
                entries: 0,
            };
            // Cells that a leaf lies across share its entries evenly.
            let shared_bits = cell.find(root, random(), cell_bits);
            if cell.entries == 0 {
                continue;
            }
            let at = below(random(), crowd << shared_bits);
            if at < cell.entries {
                return cell.entry(at);
            }
        }
        self.random(random(), random())
    }
}

/// The leaves that a cell lies in.
struct Cell<'a, L> {
    nodes: Vec<&'a Node<L>>,
    entries: usize,
}

impl<'a, L> Cell<'a, L> {
    /// Collects the leaves at the first `cell_bits` bits of a position. Answers by how many bits
    /// wider than a cell the one leaf is that they lead to.
    fn find(&mut self, root: &'a Node<L>, position: u64, cell_bits: u32) -> u32 {
        let mut node = root;
        let mut rest = position;
        let mut left = cell_bits;
        loop {
            let View::Inner(inner) = node.view() else {
                self.add_all(node);
                return left;
            };
            let bits = bits_of(inner);
            let slot = slot_of(rest, bits);
            if left < bits {
                // The cell is an aligned piece of this node: one run, or some whole ones.
                let slots = inner.slots.len();
                let width = 1 << (bits - left);
                let from = slot & !(width - 1);
                let start = run_start(inner.starts, from);
                let run = run_len(inner.starts, start, slots);
                if run >= width {
                    let wider = run.trailing_zeros() - width.trailing_zeros();
                    inner.slots[start]
                        .iter()
                        .for_each(|child| self.add_all(child));
                    return wider;
                }
                let piece = &inner.slots[from..from + width];
                piece.iter().flatten().for_each(|child| self.add_all(child));
                return 0;
            }
            let start = run_start(inner.starts, slot);
            let run = run_len(inner.starts, start, inner.slots.len());
            left -= bits;
            rest <<= bits;
            if run > 1 {
                inner.slots[start]
                    .iter()
                    .for_each(|child| self.add_all(child));
                return left + run.trailing_zeros();
            }
            match inner.slots[start].as_ref() {
                Some(child) => node = child,
                None => return 0,
            }
        }
    }

    /// Adds every leaf below a node.
    fn add_all(&mut self, node: &'a Node<L>) {
        match node.view() {
            View::Leaf(_) => {
                self.entries += leaf::count(node);
                self.nodes.push(node);
            }
            View::Inner(inner) => {
                inner
                    .slots
                    .iter()
                    .flatten()
                    .for_each(|child| self.add_all(child));
            }
            View::Chain(chain) => chain.leaves.iter().for_each(|child| self.add_all(child)),
        }
    }

    /// The entry at a place among those of the cell.
    fn entry(&self, at: usize) -> Option<EntryRef<'a, L>> {
        let mut at = at;
        for node in &self.nodes {
            let count = leaf::count(node);
            if at < count {
                return leaf::Entries::of(leaf::leaf_ref(node)).nth(at);
            }
            at -= count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ds::hash_trie::{NO_DEADLINE, NewPayload};

    /// Chooses `draws` times among `len` entries and answers chi-square against equal chances.
    fn chi_square(len: u64, value_len: impl Fn(u64) -> usize, draws: usize) -> f64 {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, len);
        let mut map: HashTrie<(), _> = HashTrie::new(hasher);
        for i in 0..len {
            let key = i.to_le_bytes();
            let hash = map.hash_of(&key);
            map.insert(
                hash,
                &key,
                0,
                NO_DEADLINE,
                NewPayload::Inline(&vec![0; value_len(i)]),
            );
        }
        let state = std::cell::Cell::new(0x5eed);
        let random = || {
            state.set(u64::wrapping_add(state.get(), 0x9e37_79b9_7f4a_7c15));
            let word = state.get();
            let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        };
        let mut seen = vec![0_u32; len as usize];
        for _ in 0..draws {
            let entry = map
                .random_by_cells(&random, 8)
                .expect("the map is not empty");
            let mut key = [0; 8];
            key.copy_from_slice(entry.key);
            seen[u64::from_le_bytes(key) as usize] += 1;
        }
        let expected = draws as f64 / len as f64;
        seen.iter()
            .map(|&n| (f64::from(n) - expected).powi(2) / expected)
            .sum()
    }

    #[test]
    fn every_entry_has_the_same_chance() {
        // Small and large values side by side make leaves of very different lengths and depths.
        type ValueLen = fn(u64) -> usize;
        let cases: [(u64, ValueLen); 5] = [
            (5, |_| 8),
            (100, |_| 8),
            (700, |_| 0),
            (700, |i| if i % 7 == 0 { 128 } else { 0 }),
            (700, |i| if i < 300 { 100 } else { 0 }),
        ];
        for (len, value_len) in cases {
            let draws = if cfg!(miri) { 50 } else { len as usize * 200 };
            let freedom = len as f64 - 1.0;
            let chi = chi_square(len, value_len, draws);
            // Six standard deviations above what equal chances give.
            assert!(
                cfg!(miri) || chi < freedom + 6.0 * (2.0 * freedom).sqrt(),
                "{len} entries: chi-square {chi}"
            );
        }
    }

    #[test]
    fn an_empty_map_has_none() {
        let map: HashTrie<()> = HashTrie::new(ahash::RandomState::with_seeds(1, 2, 3, 4));
        assert!(map.random_fair(&|| 7).is_none());
    }
}
