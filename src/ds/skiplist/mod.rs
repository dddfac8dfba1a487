//! A persistent ordered set of elements with ranks: O(1) clone, in place while unshared.
//!
//! The order of sorted sets: by key (a score as an integer that sorts like it), then by member. It is a
//! skip list in the form of a tree, for a linked one cannot share structure: a copied node would drag every
//! node that points at it along. Elements lie packed in blocks; the element that starts a block has been
//! promoted to the level above, one that starts a branch to the next, and so on, each branch keeping the
//! counts that ranks come from.
//!
//! Promotion is by chance: a full block is cut at a random place of its middle, and a coin that shows heads
//! once in `COIN` throws promotes the cut one level further, as long as neither part is left with
//! less than a quarter. What chance leaves too large is cut at its limit, so the depth is bounded whatever the coin
//! says. The coin is a generator seeded by the owner and not a hash of the member: nobody who chooses
//! members can choose heights. At either end of the list a full block is left full and a new one begun, so
//! elements that arrive in order fill their blocks.
//!
//! Invariants:
//! 1. Elements ascend strictly by key, then member, through all blocks; see `block` and `branch`.
//! 2. Every block lies at the same depth. A branch has `CHILDREN_MIN` children at least, the root two.
//! 3. `bytes` is the sum of all nodes' allocations, as if nothing were shared.
//!
//! It must not know what keys and marks mean, hash, read a clock or lock.

mod block;
mod branch;
mod change;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::block::Block;
use self::branch::Node;

/// An element, seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// What elements are ordered by.
    pub(crate) key: u64,
    /// What those with the same key are ordered by.
    pub(crate) member: &'a [u8],
    /// A bit that the owner keeps with it; the order ignores it.
    pub(crate) mark: bool,
}

/// A place in the order: before the element with this key and member, or after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The key.
    pub(crate) key: u64,
    /// The member.
    pub(crate) member: &'a [u8],
    /// Whether an element that is equal lies before the place.
    pub(crate) is_after: bool,
}

/// A persistent ordered set of elements.
#[derive(Clone, Debug)]
pub(crate) struct SkipList {
    root: Option<Node>,
    len: u64,
    bytes: usize,
    coin: u64,
}

impl SkipList {
    /// An empty list, the coin of which is seeded with `seed`. Allocates nothing.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            root: None,
            len: 0,
            bytes: 0,
            coin: seed,
        }
    }

    /// Elements. O(1).
    #[inline]
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// True if there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes of all nodes, as if nothing were shared. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// The rank of an element, counted from 0. O(log n).
    pub(crate) fn rank(&self, key: u64, member: &[u8]) -> Option<u64> {
        let (block, before) = self.descend(key, member)?;
        Some(before + block.search(key, member).ok()? as u64)
    }

    /// Elements before a place. O(log n).
    pub(crate) fn count_before(&self, place: Place<'_>) -> u64 {
        let Place {
            key,
            member,
            is_after,
        } = place;
        let Some((block, before)) = self.descend(key, member) else {
            return 0;
        };
        before
            + match block.search(key, member) {
                Ok(at) => (at + usize::from(is_after)) as u64,
                Err(at) => at as u64,
            }
    }

    /// Asks for the block that an element is in, or will be, ahead of its use.
    pub(crate) fn prefetch(&self, key: u64, member: &[u8]) {
        if let Some((block, _)) = self.descend(key, member) {
            block.prefetch_slots();
        }
    }

    /// The block that has an element, or would, and the elements before that block.
    #[inline]
    fn descend(&self, key: u64, member: &[u8]) -> Option<(&Block, u64)> {
        let mut node = self.root.as_ref()?;
        let mut before = 0;
        loop {
            match node {
                Node::Block(block) => return Some((block, before)),
                Node::Branch(branch) => {
                    let at = branch.choose(key, member);
                    before += branch.count_before(at);
                    node = branch.child(at);
                }
            }
        }
    }

    /// The block that has the element at `rank`, and its place there.
    #[inline]
    fn locate(&self, rank: u64) -> Option<(&Block, usize)> {
        let mut node = self.root.as_ref().filter(|_| rank < self.len)?;
        let mut rest = rank;
        loop {
            match node {
                Node::Block(block) => return Some((block, rest as usize)),
                Node::Branch(branch) => {
                    let (at, below) = branch.choose_rank(rest);
                    node = branch.child(at);
                    rest = below;
                }
            }
        }
    }

    /// The element at `rank`. O(log n).
    pub(crate) fn at(&self, rank: u64) -> Option<Element<'_>> {
        let (block, at) = self.locate(rank)?;
        Some(block.get(at))
    }

    /// The elements with these ranks, clamped to those there are, from either end. O(log n) to begin and
    /// for each block.
    pub(crate) fn range(&self, ranks: Range<u64>) -> Elements<'_> {
        let end = ranks.end.min(self.len);
        Elements {
            list: self,
            ranks: ranks.start.min(end)..end,
            front: None,
            back: None,
        }
    }

    /// All elements.
    pub(crate) fn iter(&self) -> Elements<'_> {
        self.range(0..self.len)
    }
}

/// Elements in order; see [`SkipList::range`].
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a> {
    list: &'a SkipList,
    ranks: Range<u64>,
    /// A block, and the place in it of the next element from the front.
    front: Option<(&'a Block, usize)>,
    /// A block, and one past the place in it of the next element from the back.
    back: Option<(&'a Block, usize)>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.ranks.is_empty() {
            return None;
        }
        let (block, at) = match self.front {
            Some((block, at)) if at < block.len() => (block, at),
            Some(_) | None => self.list.locate(self.ranks.start)?,
        };
        self.front = Some((block, at + 1));
        self.ranks.start += 1;
        Some(block.get(at))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.ranks.end - self.ranks.start;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        (left, Some(left))
    }

    /// O(log n).
    fn nth(&mut self, n: usize) -> Option<Element<'a>> {
        let start = self.ranks.start.saturating_add(n as u64);
        self.ranks.start = start.min(self.ranks.end);
        self.front = None;
        self.next()
    }
}

impl DoubleEndedIterator for Elements<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.ranks.is_empty() {
            return None;
        }
        let (block, end) = match self.back {
            Some((block, end)) if end > 0 => (block, end),
            Some(_) | None => {
                let (block, at) = self.list.locate(self.ranks.end - 1)?;
                (block, at + 1)
            }
        };
        self.back = Some((block, end - 1));
        self.ranks.end -= 1;
        Some(block.get(end - 1))
    }
}

impl ExactSizeIterator for Elements<'_> {}

#[cfg(any(test, fuzzing))]
impl SkipList {
    /// Asserts every invariant. O(n).
    pub(crate) fn check_invariants(&self) {
        let mut check = Check::default();
        if let Some(root) = &self.root {
            check.below(root, 0, true);
            assert_eq!(self.bytes, root.bytes_below(), "bytes");
        } else {
            assert_eq!(self.bytes, 0, "bytes of nothing");
        }
        assert_eq!(check.elements, self.len, "len");
    }
}

/// What a walk over all nodes has seen.
#[cfg(any(test, fuzzing))]
#[derive(Default)]
struct Check<'a> {
    elements: u64,
    last: Option<Element<'a>>,
    depth: Option<usize>,
}

#[cfg(any(test, fuzzing))]
impl<'a> Check<'a> {
    fn below(&mut self, node: &'a Node, depth: usize, is_root: bool) {
        match node {
            Node::Block(block) => {
                block.check();
                assert_eq!(*self.depth.get_or_insert(depth), depth, "depth");
                for element in block.elements(0..block.len()) {
                    let in_order = self
                        .last
                        .is_none_or(|last| (last.key, last.member) < (element.key, element.member));
                    assert!(in_order, "order");
                    self.last = Some(element);
                    self.elements += 1;
                }
            }
            Node::Branch(branch) => {
                let least = if is_root { 2 } else { branch::CHILDREN_MIN };
                assert!(branch.len() >= least, "a branch of {}", branch.len());
                for at in 0..branch.len() {
                    if let (1.., Some(last)) = (at, self.last) {
                        branch.check_separator(at, last);
                    }
                    let before = self.elements;
                    self.below(branch.child(at), depth + 1, false);
                    assert_eq!(self.elements - before, branch.counts[at], "count");
                    assert!(branch.counts[at] > 0, "an empty child");
                }
            }
        }
    }
}
