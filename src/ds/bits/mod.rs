//! `Bits`: a persistent sparse byte string of up to 2^60 bytes with cached population counts.
//!
//! A radix tree: chunks of [`CHUNK_LEN`] bytes below nodes of [`FANOUT`] slots, each slot with the
//! number of bits that are set below it. Cloning is O(1); a write changes in place what no clone
//! shares, and copies one chunk and the nodes above it otherwise. `value::string` builds on it.
//!
//! Invariants (`check_invariants` tests them):
//! 1. `height` is the smallest whose span holds `len`; all chunks lie at height 0.
//! 2. A slot's `ones` is exact, and the slot is `Absent` if and only if it is 0: zeros take no memory.
//! 3. A chunk stores at most `CHUNK_LEN` bytes; the bytes of its span that it does not store are 0.
//! 4. No bit at or past `len` is set.
//! 5. A node's `below_bytes` is the sum of what its slots hold.
//!
//! It must not know of Redis's limits: a caller that lets a user choose an offset checks it first.

mod combine;
mod difference;
mod edit;
mod filter;
mod range;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod timing;

pub(crate) use combine::{BitOp, Source};
pub(crate) use difference::first_difference;
pub(crate) use filter::{Filter, Plan};
pub(crate) use range::{count_ones, find};

use std::fmt;
use std::sync::Arc;

use super::census::Census;

/// log2 of the bytes in a chunk. 4 KiB: one page, and a first write after a clone stays below 1 µs.
const CHUNK_SHIFT: u32 = if cfg!(any(miri, small_nodes)) { 7 } else { 12 };
/// log2 of the slots in a node.
const FANOUT_SHIFT: u32 = if cfg!(any(miri, small_nodes)) { 2 } else { 5 };
/// The bytes that one chunk spans.
const CHUNK_LEN: usize = 1 << CHUNK_SHIFT;
/// The children of a node.
const FANOUT: usize = 1 << FANOUT_SHIFT;
/// Chunks are stored in multiples of this, except where they were made from a whole value.
const GRAIN: usize = 64;
/// The largest length in bytes.
pub(crate) const MAX_LEN: u64 = 1 << 60;

static ZEROS: [u8; CHUNK_LEN] = [0; CHUNK_LEN];

/// A persistent sparse byte string. See the module's head for what costs what.
#[derive(Clone, Default)]
pub(crate) struct Bits {
    len: u64,
    height: u32,
    root: Slot,
}

/// A place for a subtree, with its population count.
#[derive(Clone, Default)]
struct Slot {
    ones: u64,
    tree: Tree,
}

#[derive(Clone, Default)]
enum Tree {
    /// Zeros.
    #[default]
    Absent,
    Chunk(Arc<[u8]>),
    Node(Arc<Node>),
}

#[derive(Clone, Default)]
struct Node {
    slots: [Slot; FANOUT],
    /// What the slots hold, as [`Tree::bytes`] counts it. Whoever changes a slot corrects it.
    below_bytes: u64,
}

/// The bytes that a subtree of this height spans.
fn span(height: u32) -> u64 {
    1 << (CHUNK_SHIFT + FANOUT_SHIFT * height)
}

/// The smallest height whose span holds `len` bytes.
fn height_for(len: u64) -> u32 {
    let last_chunk = len.saturating_sub(1) >> CHUNK_SHIFT;
    (u64::BITS - last_chunk.leading_zeros()).div_ceil(FANOUT_SHIFT)
}

/// Which slot of a node of `height` (at least 1) holds the byte at `offset`.
fn slot_index(offset: u64, height: u32) -> usize {
    (offset >> (CHUNK_SHIFT + FANOUT_SHIFT * (height - 1))) as usize & (FANOUT - 1)
}

impl Slot {
    /// Whether every bit of the span is set.
    fn is_full(&self, height: u32) -> bool {
        self.ones == span(height).saturating_mul(8)
    }

    fn count(&self, height: u32, from_bit: u64, to_bit: u64) -> u64 {
        if from_bit >= to_bit {
            return 0;
        }
        if from_bit == 0 && to_bit / 8 >= span(height) {
            return self.ones;
        }
        match &self.tree {
            Tree::Absent => 0,
            Tree::Chunk(chunk) => {
                let bits = chunk.len() as u64 * 8;
                let to_bit = to_bit.min(bits);
                if to_bit.saturating_sub(from_bit) > bits / 2 {
                    let outside = range::count_ones(chunk, 0, from_bit)
                        + range::count_ones(chunk, to_bit, bits);
                    self.ones - outside
                } else {
                    range::count_ones(chunk, from_bit, to_bit)
                }
            }
            Tree::Node(node) => {
                let below = span(height - 1) * 8;
                let first = (from_bit / below) as usize;
                let last = ((to_bit - 1) / below) as usize;
                (first..=last.min(FANOUT - 1))
                    .map(|i| {
                        let start = i as u64 * below;
                        let slot = &node.slots[i];
                        slot.count(
                            height - 1,
                            from_bit.saturating_sub(start),
                            (to_bit - start).min(below),
                        )
                    })
                    .sum()
            }
        }
    }

    /// `to_bit` is at most the span.
    fn find(&self, height: u32, bit: bool, from_bit: u64, to_bit: u64) -> Option<u64> {
        if from_bit >= to_bit || (bit && self.ones == 0) || (!bit && self.is_full(height)) {
            return None;
        }
        match &self.tree {
            Tree::Absent => Some(from_bit),
            Tree::Chunk(chunk) => {
                let stored = chunk.len() as u64 * 8;
                range::find(chunk, bit, from_bit, to_bit).or_else(|| {
                    // What is not stored is 0.
                    (!bit && to_bit > stored).then(|| from_bit.max(stored))
                })
            }
            Tree::Node(node) => {
                let below = span(height - 1) * 8;
                let first = (from_bit / below) as usize;
                let last = ((to_bit - 1) / below) as usize;
                (first..=last).find_map(|i| {
                    let start = i as u64 * below;
                    node.slots[i]
                        .find(
                            height - 1,
                            bit,
                            from_bit.saturating_sub(start),
                            (to_bit - start).min(below),
                        )
                        .map(|found| start + found)
                })
            }
        }
    }

    /// Visits what is stored of the bytes `from..to` of this subtree, which starts at `base`.
    fn visit(&self, height: u32, base: u64, from: u64, to: u64, visit: &mut dyn FnMut(u64, &[u8])) {
        match &self.tree {
            Tree::Absent => {}
            Tree::Chunk(chunk) => {
                let to = to.min(chunk.len() as u64);
                if from < to {
                    visit(base + from, &chunk[from as usize..to as usize]);
                }
            }
            Tree::Node(node) => {
                let below = span(height - 1);
                let first = (from / below) as usize;
                let last = (to.saturating_sub(1) / below) as usize;
                for i in first..=last.min(FANOUT - 1) {
                    let start = i as u64 * below;
                    node.slots[i].visit(
                        height - 1,
                        base + start,
                        from.saturating_sub(start),
                        (to - start).min(below),
                        visit,
                    );
                }
            }
        }
    }

    /// Chunks below. Neighbours that are one and the same subtree are walked once (and counted each
    /// time), so that the inverse of a sparse value costs no walk of its length.
    fn chunks(&self) -> u64 {
        match &self.tree {
            Tree::Absent => 0,
            Tree::Chunk(_) => 1,
            Tree::Node(node) => {
                let mut total: u64 = 0;
                let mut before = 0;
                for (i, slot) in node.slots.iter().enumerate() {
                    if i == 0 || !slot.tree.is_same(&node.slots[i - 1].tree) {
                        before = slot.chunks();
                    }
                    total = total.saturating_add(before);
                }
                total
            }
        }
    }

    /// What this slot alone keeps alive, if whoever holds it gives it up.
    fn exclusive_bytes(&self, census: &mut Census) -> u64 {
        match &self.tree {
            Tree::Absent => 0,
            Tree::Chunk(chunk) if census.is_last(chunk) => self.tree.bytes(),
            Tree::Node(node) if census.is_last(node) => {
                let slots = node.slots.iter();
                NODE_BYTES + slots.map(|slot| slot.exclusive_bytes(census)).sum::<u64>()
            }
            Tree::Chunk(_) | Tree::Node(_) => 0,
        }
    }
}

/// The two reference counts in front of what an `Arc` holds.
const ARC_HEADER_BYTES: u64 = 16;
/// What a node takes itself.
const NODE_BYTES: u64 = ARC_HEADER_BYTES + size_of::<Node>() as u64;

impl Tree {
    /// The heap bytes of this subtree, as if nothing were shared. O(1).
    #[inline]
    fn bytes(&self) -> u64 {
        match self {
            Self::Absent => 0,
            Self::Chunk(chunk) => ARC_HEADER_BYTES + chunk.len().next_multiple_of(8) as u64,
            Self::Node(node) => NODE_BYTES + node.below_bytes,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) => true,
            (Self::Chunk(a), Self::Chunk(b)) => Arc::ptr_eq(a, b),
            (Self::Node(a), Self::Node(b)) => Arc::ptr_eq(a, b),
            (Self::Absent | Self::Chunk(_) | Self::Node(_), _) => false,
        }
    }
}

impl Bits {
    /// The empty string.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A copy of `bytes`. O(n); chunks of zeros take no memory.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut bits = Self::new();
        bits.write(0, bytes);
        bits
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunk over `offset`, if it is stored.
    fn chunk_at(&self, offset: u64) -> Option<&[u8]> {
        let mut tree = &self.root.tree;
        let mut height = self.height;
        loop {
            match tree {
                Tree::Absent => return None,
                Tree::Chunk(chunk) => return Some(chunk),
                Tree::Node(node) => {
                    tree = &node.slots[slot_index(offset, height)].tree;
                    height -= 1;
                }
            }
        }
    }

    /// The byte at `offset`; 0 past the end. O(height).
    pub(crate) fn byte(&self, offset: u64) -> u8 {
        if offset >= self.len {
            return 0;
        }
        let within = (offset & (CHUNK_LEN as u64 - 1)) as usize;
        self.chunk_at(offset)
            .and_then(|chunk| chunk.get(within))
            .copied()
            .unwrap_or(0)
    }

    /// The bit at offset `bit`; unset past the end. O(height).
    pub(crate) fn get_bit(&self, bit: u64) -> bool {
        self.byte(bit / 8) & mask(bit) != 0
    }

    /// The whole string as one slice, where it lies in one piece.
    pub(crate) fn as_contiguous(&self) -> Option<&[u8]> {
        match &self.root.tree {
            Tree::Chunk(chunk) => chunk.get(..self.len as usize),
            Tree::Absent => ZEROS.get(..usize::try_from(self.len).ok()?),
            Tree::Node(_) => None,
        }
    }

    /// Appends the bytes `offset..offset + len`, clamped to the end, to `out`. Allocates that many.
    pub(crate) fn read_into(&self, offset: u64, len: u64, out: &mut Vec<u8>) {
        let to = offset.saturating_add(len).min(self.len);
        if offset >= to {
            return;
        }
        let start = out.len();
        out.reserve((to - offset) as usize);
        self.for_each_chunk(offset, to, &mut |at, bytes| {
            let gap_end = start + (at - offset) as usize;
            if gap_end > out.len() {
                out.resize(gap_end, 0);
            }
            out.extend_from_slice(bytes);
        });
        out.resize(start + (to - offset) as usize, 0);
    }

    /// Visits the stored runs of the bytes `from..to_exclusive`, clamped to the end, in order, as
    /// (offset, bytes). What lies between them is zeros.
    pub(crate) fn for_each_chunk(
        &self,
        from: u64,
        to_exclusive: u64,
        visit: &mut dyn FnMut(u64, &[u8]),
    ) {
        let to = to_exclusive.min(self.len);
        if from < to {
            self.root.visit(self.height, 0, from, to, visit);
        }
    }

    /// How many of the bits `from_bit..to_bit_exclusive` are set.
    /// O(height * fanout + one chunk at each end); O(1) for the whole string.
    pub(crate) fn count_ones(&self, from_bit: u64, to_bit_exclusive: u64) -> u64 {
        let to_bit = to_bit_exclusive.min(self.len * 8);
        if from_bit == 0 && to_bit == self.len * 8 {
            return self.root.ones;
        }
        self.root.count(self.height, from_bit, to_bit)
    }

    /// The first of the bits `from_bit..to_bit_exclusive`, clamped to the end, that equals `bit`.
    /// O(height * fanout + two chunks): what is empty or full is stepped over by its count.
    pub(crate) fn find(&self, bit: bool, from_bit: u64, to_bit_exclusive: u64) -> Option<u64> {
        self.root.find(
            self.height,
            bit,
            from_bit,
            to_bit_exclusive.min(self.len * 8),
        )
    }

    /// The heap bytes below this value, as if nothing were shared with another. O(1).
    #[inline]
    pub(crate) fn memory_bytes(&self) -> usize {
        usize::try_from(self.root.tree.bytes()).unwrap_or(usize::MAX)
    }

    /// The heap bytes that no other value holds: what is freed when this one, and whatever the census
    /// has seen, is given up. O(nodes that are freed).
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        usize::try_from(self.root.exclusive_bytes(census)).unwrap_or(usize::MAX)
    }

    /// How many chunks are stored.
    pub(crate) fn allocated_chunks(&self) -> u64 {
        self.root.chunks()
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bits")
            .field("len", &self.len)
            .field("ones", &self.root.ones)
            .finish_non_exhaustive()
    }
}

/// The place of `bit` in its byte.
fn mask(bit: u64) -> u8 {
    0x80 >> (bit % 8)
}

#[cfg(any(test, fuzzing))]
impl Bits {
    /// Panics where an invariant of the module does not hold.
    pub(crate) fn check_invariants(&self) {
        assert!(self.len <= MAX_LEN);
        assert_eq!(
            self.height,
            height_for(self.len),
            "height of {} bytes",
            self.len
        );
        self.root.check(self.height, self.len);
    }
}

#[cfg(any(test, fuzzing))]
impl Slot {
    fn check(&self, height: u32, len: u64) {
        assert_eq!(
            self.ones == 0,
            matches!(self.tree, Tree::Absent),
            "absent means zeros"
        );
        match &self.tree {
            Tree::Absent => {}
            Tree::Chunk(chunk) => {
                assert_eq!(height, 0, "chunks lie at height 0");
                assert!(!chunk.is_empty() && chunk.len() <= CHUNK_LEN);
                assert_eq!(self.ones, count_ones(chunk, 0, u64::MAX));
                assert_eq!(
                    count_ones(chunk, len * 8, u64::MAX),
                    0,
                    "no bit past the end"
                );
            }
            Tree::Node(node) => {
                assert!(height > 0);
                let below = span(height - 1);
                let mut ones = 0;
                for (i, slot) in node.slots.iter().enumerate() {
                    slot.check(height - 1, len.saturating_sub(i as u64 * below).min(below));
                    ones += slot.ones;
                }
                assert_eq!(ones, self.ones);
                let below = node.slots.iter().map(|slot| slot.tree.bytes()).sum::<u64>();
                assert_eq!(node.below_bytes, below, "bytes below");
            }
        }
    }
}
