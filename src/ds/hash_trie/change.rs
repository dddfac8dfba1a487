//! Changes of the tree's shape: runs that split and merge, nodes that widen and vanish.
//!
//! Called by the map's `insert` and `remove`. Every function keeps the count of bytes in nodes. The
//! invariants are those of the parent module; between a `wrap` and the split that follows it an
//! inner node has one run.

use std::hash::BuildHasher;

use super::leaf::{self, Halves, NewEntry, Node, Removed, Side};
use super::{NewPayload, bits_of, lookup, run_len, run_start, slot_of};
use crate::ds::pages::{Inner, Shape, ViewMut};

/// A node known to be an inner one, for change.
fn inner_mut<L: Clone>(node: &mut Node<L>) -> &mut Inner<Side<L>> {
    match node.unique_mut() {
        ViewMut::Inner(inner) => inner,
        ViewMut::Leaf(_) | ViewMut::Chain(_) => unreachable!("the caller saw an inner node"),
    }
}

/// Puts an inner node of one run in the place of a leaf, and the leaf below it.
pub(super) fn wrap<L: Clone>(node: &mut Node<L>, node_bytes: &mut usize) {
    let parent = Node::new_inner(1);
    parent.set_earliest_ms(node.earliest_ms());
    *node_bytes += parent.allocated_bytes();
    let leaf = std::mem::replace(node, parent);
    inner_mut(node).slots[0] = Some(leaf);
}

/// Doubles the slots of an inner node; every run becomes twice as long.
pub(super) fn double<L: Clone>(node: &mut Node<L>, node_bytes: &mut usize) {
    let mut wide = Node::new_inner(bits_of(inner_mut(node)) + 1);
    wide.set_earliest_ms(node.earliest_ms());
    *node_bytes = *node_bytes + wide.allocated_bytes() - node.allocated_bytes();
    let (from, to) = (inner_mut(node), inner_mut(&mut wide));
    to.starts = 0;
    for slot in 0..from.slots.len() {
        if from.starts >> slot & 1 == 1 {
            to.starts |= 1 << (2 * slot);
            to.slots[2 * slot] = from.slots[slot].take();
        }
    }
    *node = wide;
}

/// Cuts the run at `start`, of two slots or more, into halves and its leaf with it.
pub(super) fn split_run<L: Clone>(
    inner: &mut Inner<Side<L>>,
    start: usize,
    node_bytes: &mut usize,
    split: impl FnOnce(Node<L>) -> Halves<L>,
) {
    let half = run_len(inner.starts, start, inner.slots.len()) / 2;
    let Some(leaf) = inner.slots[start].take() else {
        return;
    };
    *node_bytes -= leaf.allocated_bytes();
    let (left, right) = split(leaf);
    for node in left.iter().chain(&right) {
        *node_bytes += node.allocated_bytes();
    }
    inner.slots[start] = left;
    inner.slots[start + half] = right;
    inner.starts |= 1 << (start + half);
}

/// Inserts into a chain, or replaces. Looks at every leaf.
pub(super) fn chain_upsert<L: Clone, S: BuildHasher>(
    leaves: &mut Vec<Node<L>>,
    hasher: &S,
    entry: &NewEntry<'_>,
    value: NewPayload<'_, L>,
    node_bytes: &mut usize,
) -> Option<Removed<L>> {
    let mut value = value;
    let try_leaf = |leaf: &mut Node<L>, value, node_bytes: &mut usize| {
        let before = leaf.allocated_bytes();
        let done = leaf::upsert(leaf, hasher, entry, value);
        *node_bytes = *node_bytes + leaf.allocated_bytes() - before;
        done
    };
    let mut removed = None;
    let has = |leaf: &Node<L>| lookup(leaf, 0, entry.hash, entry.key).is_some();
    if let Some(at) = leaves.iter().position(has) {
        match try_leaf(&mut leaves[at], value, node_bytes) {
            Ok(removed) => return removed,
            Err(back) => value = back,
        }
        removed = leaf::remove(&mut leaves[at], entry.hash, entry.key);
        if leaf::count(&leaves[at]) == 0 {
            *node_bytes -= leaves.swap_remove(at).allocated_bytes();
        }
    }
    let len = entry.len(&value);
    for leaf in leaves.iter_mut() {
        if leaf::has_room(leaf, len) {
            match try_leaf(leaf, value, node_bytes) {
                Ok(_) => return removed,
                Err(back) => value = back,
            }
        }
    }
    let leaf = leaf::new_leaf(entry, value);
    *node_bytes += leaf.allocated_bytes();
    leaves.push(leaf);
    removed
}

/// One removal on its way down.
pub(super) struct Removal<'a, S> {
    pub(super) hasher: &'a S,
    pub(super) node_bytes: &'a mut usize,
    pub(super) hash: u64,
    pub(super) key: &'a [u8],
    /// The key is known to be there, so that unsharing its path is not in vain.
    pub(super) is_present: bool,
}

impl<S: BuildHasher> Removal<'_, S> {
    /// Removes the key below `slot` and tidies up on the way back. As deep as the trie.
    pub(super) fn remove_below<L: Clone>(
        &mut self,
        slot: &mut Option<Node<L>>,
        rest: u64,
    ) -> Option<Removed<L>> {
        let node = slot.as_mut()?;
        if !self.is_present && !node.is_unique() {
            lookup(node, rest, self.hash, self.key)?;
            self.is_present = true;
        }
        let before = node.allocated_bytes();
        if let Shape::Leaf { .. } = node.shape() {
            let removed = leaf::remove(node, self.hash, self.key)?;
            *self.node_bytes -= before;
            if leaf::count(node) == 0 {
                *slot = None;
            } else {
                leaf::shrink(node, self.hasher);
                *self.node_bytes += node.allocated_bytes();
            }
            return Some(removed);
        }
        match node.unique_mut() {
            ViewMut::Inner(inner) => {
                let bits = bits_of(inner);
                let start = run_start(inner.starts, slot_of(rest, bits));
                let removed = self.remove_below(&mut inner.slots[start], rest << bits)?;
                self.merge_runs(inner, start);
                if inner.starts == 1 {
                    let child = inner.slots[0].take();
                    *self.node_bytes -= before;
                    *slot = child;
                }
                Some(removed)
            }
            ViewMut::Chain(chain) => {
                let has = |leaf: &Node<L>| lookup(leaf, 0, self.hash, self.key).is_some();
                let at = chain.leaves.iter().position(has)?;
                let leaf = &mut chain.leaves[at];
                let leaf_before = leaf.allocated_bytes();
                let removed = leaf::remove(leaf, self.hash, self.key)?;
                *self.node_bytes -= leaf_before;
                if leaf::count(leaf) == 0 {
                    chain.leaves.swap_remove(at);
                } else {
                    leaf::shrink(leaf, self.hasher);
                    *self.node_bytes += leaf.allocated_bytes();
                }
                if chain.leaves.len() <= 1 {
                    let last = chain.leaves.pop();
                    *self.node_bytes -= before;
                    *slot = last;
                }
                Some(removed)
            }
            ViewMut::Leaf(_) => unreachable!("leaves are handled above"),
        }
    }

    /// Joins the run at `start` with its other half as long as both are leaves, or empty, and fit.
    fn merge_runs<L: Clone>(&mut self, inner: &mut Inner<Side<L>>, start: usize) {
        let is_flat = |child: &Option<Node<L>>| match child {
            Some(node) => matches!(node.shape(), Shape::Leaf { .. }),
            None => true,
        };
        let slots = inner.slots.len();
        let mut start = start;
        loop {
            let len = run_len(inner.starts, start, slots);
            let other = start ^ len;
            if len == slots
                || inner.starts >> other & 1 == 0
                || run_len(inner.starts, other, slots) != len
                || !is_flat(&inner.slots[start])
                || !is_flat(&inner.slots[other])
            {
                return;
            }
            if let (Some(here), Some(there)) = (&inner.slots[start], &inner.slots[other])
                && !(leaf::is_sparse(here) && leaf::fit_together(here, there))
            {
                return;
            }
            let (low, high) = (start.min(other), start.max(other));
            let merged = match (inner.slots[low].take(), inner.slots[high].take()) {
                (Some(a), Some(b)) => {
                    *self.node_bytes -= a.allocated_bytes() + b.allocated_bytes();
                    let merged = leaf::merge(a, b, self.hasher);
                    *self.node_bytes += merged.allocated_bytes();
                    Some(merged)
                }
                (a, b) => a.or(b),
            };
            inner.slots[low] = merged;
            inner.starts &= !(1 << high);
            start = low;
        }
    }
}
