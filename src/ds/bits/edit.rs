//! The writes: `write`, `truncate`, `set_bit`.
//!
//! Each keeps the counts exact on its way down and drops a subtree the moment its count reaches 0.
//! Where a node or a chunk is shared with a clone, `Arc::make_mut` copies it; nothing else is copied.

use std::sync::Arc;

use super::{
    Bits, CHUNK_LEN, FANOUT, GRAIN, MAX_LEN, Node, Slot, Tree, ZEROS, height_for, mask, slot_index,
    span,
};
use crate::ds::popcount;

impl Bits {
    /// Writes `bytes` at `offset`; what lies between the old end and `offset` reads as zeros. Empty
    /// `bytes` extend the string to `offset` (and never shorten it). O(bytes + height).
    ///
    /// # Panics
    /// If the end lies past [`MAX_LEN`]; the caller has checked a lower limit.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset.saturating_add(bytes.len() as u64);
        self.extend(end);
        if !bytes.is_empty() {
            self.root.write(self.height, offset, bytes);
        }
    }

    /// Cuts the string to `len` bytes if it is longer. O(height * fanout + one chunk), and what it
    /// takes to free the rest.
    pub(crate) fn truncate(&mut self, len: u64) {
        if len >= self.len {
            return;
        }
        self.root.truncate(self.height, len);
        self.len = len;
        let height = height_for(len);
        while self.height > height {
            // Everything lies below the first slot now.
            self.root.tree = match std::mem::take(&mut self.root.tree) {
                Tree::Node(node) => node.slots[0].tree.clone(),
                other @ (Tree::Absent | Tree::Chunk(_)) => other,
            };
            self.height -= 1;
        }
    }

    /// Sets or clears a bit, extending the string to its byte, and answers what it was. O(height).
    ///
    /// # Panics
    /// If the byte lies past [`MAX_LEN`]; the caller has checked a lower limit.
    pub(crate) fn set_bit(&mut self, bit: u64, on: bool) -> bool {
        let offset = bit / 8;
        if offset >= self.len {
            self.extend(offset + 1);
            if on {
                self.root.flip(self.height, offset, mask(bit), true);
            }
            return false;
        }
        // Look first: a bit that stays what it is copies nothing under a clone.
        let old = self.get_bit(bit);
        if old != on {
            self.root.flip(self.height, offset, mask(bit), on);
        }
        old
    }

    fn extend(&mut self, len: u64) {
        if len <= self.len {
            return;
        }
        assert!(
            len <= MAX_LEN,
            "a string of {len} bytes: the caller checks the limit"
        );
        let height = height_for(len);
        while self.height < height {
            self.root.lift();
            self.height += 1;
        }
        self.len = len;
    }
}

impl Node {
    /// Changes one slot and corrects `below_bytes`.
    #[inline]
    fn change(&mut self, index: usize, edit: impl FnOnce(&mut Slot)) {
        let slot = &mut self.slots[index];
        let before = slot.tree.bytes();
        edit(slot);
        self.below_bytes = self.below_bytes + slot.tree.bytes() - before;
    }
}

impl Slot {
    /// Makes this subtree the first of a new node, one level up.
    pub(super) fn lift(&mut self) {
        if self.ones > 0 {
            let mut node = Node::default();
            node.slots[0] = std::mem::take(self);
            node.below_bytes = node.slots[0].tree.bytes();
            *self = Self {
                ones: node.slots[0].ones,
                tree: Tree::Node(Arc::new(node)),
            };
        }
    }

    /// The node of this slot, ready to be changed: made if absent, copied if shared.
    fn node_mut(&mut self) -> &mut Node {
        if matches!(self.tree, Tree::Absent) {
            self.tree = Tree::Node(Arc::new(Node::default()));
        }
        match &mut self.tree {
            Tree::Node(node) => Arc::make_mut(node),
            Tree::Absent | Tree::Chunk(_) => unreachable!("invariant 1: chunks lie at height 0"),
        }
    }

    /// The chunk of this slot, ready to be changed and at least `need` bytes long.
    fn chunk_mut(&mut self, need: usize) -> &mut [u8] {
        let stored = match &self.tree {
            Tree::Chunk(chunk) => chunk.as_ref(),
            Tree::Absent => &[],
            Tree::Node(_) => unreachable!("invariant 1: chunks lie at height 0"),
        };
        if stored.len() < need {
            let mut fresh: Arc<[u8]> = Arc::from(&ZEROS[..grown(stored.len(), need)]);
            Arc::make_mut(&mut fresh)[..stored.len()].copy_from_slice(stored);
            self.tree = Tree::Chunk(fresh);
        }
        match &mut self.tree {
            Tree::Chunk(chunk) => Arc::make_mut(chunk),
            Tree::Absent | Tree::Node(_) => unreachable!("a chunk was made above"),
        }
    }

    /// Flips one bit that is known to be `!on`.
    fn flip(&mut self, height: u32, offset: u64, mask: u8, on: bool) {
        if on {
            self.ones += 1;
        } else {
            self.ones -= 1;
            if self.ones == 0 {
                self.tree = Tree::Absent;
                return;
            }
        }
        if height == 0 {
            let within = (offset & (CHUNK_LEN as u64 - 1)) as usize;
            self.chunk_mut(within + 1)[within] ^= mask;
            return;
        }
        self.node_mut().change(slot_index(offset, height), |slot| {
            slot.flip(height - 1, offset, mask, on);
        });
    }

    /// Writes `bytes`, which fit into the span, at `start`.
    pub(super) fn write(&mut self, height: u32, start: u64, mut bytes: &[u8]) {
        if height == 0 {
            self.write_chunk(start as usize, bytes);
            return;
        }
        let below = span(height - 1);
        let mut ones = self.ones;
        let node = self.node_mut();
        let mut i = (start / below) as usize;
        let mut within = start % below;
        while !bytes.is_empty() {
            let room = usize::try_from(below - within).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            ones -= node.slots[i].ones;
            node.change(i, |slot| slot.write(height - 1, within, now));
            ones += node.slots[i].ones;
            bytes = later;
            i += 1;
            within = 0;
        }
        self.set_ones(ones);
    }

    fn write_chunk(&mut self, start: usize, bytes: &[u8]) {
        let added = popcount::count_ones(bytes);
        let stored = match &self.tree {
            Tree::Chunk(chunk) => chunk.len(),
            Tree::Absent | Tree::Node(_) => 0,
        };
        if start == 0 && bytes.len() >= stored {
            // The old chunk goes as a whole: no need to copy it, nor to count it.
            if added == 0 {
                *self = Self::default();
                return;
            }
            self.ones = added;
            if bytes.len() > stored {
                let len = grown(stored, bytes.len());
                self.tree = Tree::Chunk(padded(bytes, len));
            } else if let Tree::Chunk(chunk) = &mut self.tree {
                match Arc::get_mut(chunk) {
                    Some(chunk) => chunk.copy_from_slice(bytes),
                    None => *chunk = Arc::from(bytes),
                }
            }
            return;
        }
        // Zeros past what is stored need no storing.
        let bytes = if added == 0 {
            &bytes[..bytes.len().min(stored.saturating_sub(start))]
        } else {
            bytes
        };
        if bytes.is_empty() {
            return;
        }
        let end = start + bytes.len();
        let removed = match &self.tree {
            Tree::Chunk(chunk) => {
                popcount::count_ones(chunk.get(start..end.min(stored)).unwrap_or_default())
            }
            Tree::Absent | Tree::Node(_) => 0,
        };
        let ones = self.ones - removed + added;
        if ones > 0 {
            self.chunk_mut(end)[start..end].copy_from_slice(bytes);
        }
        self.set_ones(ones);
    }

    fn truncate(&mut self, height: u32, keep: u64) {
        if keep == 0 {
            *self = Self::default();
            return;
        }
        if keep >= span(height) {
            return;
        }
        let ones = match &mut self.tree {
            Tree::Absent => 0,
            Tree::Chunk(chunk) => {
                let keep = keep as usize;
                let cut = popcount::count_ones(chunk.get(keep..).unwrap_or_default());
                let ones = self.ones - cut;
                if cut > 0 && ones > 0 {
                    match Arc::get_mut(chunk) {
                        Some(chunk) if keep >= chunk.len() / 2 => chunk[keep..].fill(0),
                        _ => {
                            let len = keep.next_multiple_of(GRAIN).min(CHUNK_LEN);
                            *chunk = padded(&chunk[..keep], len);
                        }
                    }
                }
                ones
            }
            Tree::Node(node) => {
                let below = span(height - 1);
                let node = Arc::make_mut(node);
                let edge = (keep / below) as usize;
                node.slots[edge].truncate(height - 1, keep % below);
                node.slots[edge + 1..FANOUT].fill(Self::default());
                let kept = || node.slots[..=edge].iter();
                node.below_bytes = kept().map(|slot| slot.tree.bytes()).sum();
                kept().map(|slot| slot.ones).sum()
            }
        };
        self.set_ones(ones);
    }

    /// Takes the new count, and drops the subtree if it is 0.
    fn set_ones(&mut self, ones: u64) {
        self.ones = ones;
        if ones == 0 {
            self.tree = Tree::Absent;
        }
    }
}

/// How long a chunk of `stored` bytes becomes when it must hold `need`: at least doubled, so that
/// appending costs O(appended) in all.
fn grown(stored: usize, need: usize) -> usize {
    need.next_multiple_of(GRAIN).max(stored * 2).min(CHUNK_LEN)
}

/// `bytes` and zeros up to `len`.
fn padded(bytes: &[u8], len: usize) -> Arc<[u8]> {
    if bytes.len() == len {
        return Arc::from(bytes);
    }
    let mut fresh: Arc<[u8]> = Arc::from(&ZEROS[..len]);
    Arc::make_mut(&mut fresh)[..bytes.len()].copy_from_slice(bytes);
    fresh
}
