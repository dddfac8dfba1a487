//! `Sequence`: a persistent sequence of byte strings, for lists.
//!
//! Short items lie in chunks of up to 4 KiB, long ones alone; a counted tree holds both in order. The
//! chunks at the two ends are kept beside the tree, so that a push or a pop there is a change of one
//! chunk. Cloning is O(1); a change copies one chunk and the nodes above it if a clone is alive, and is
//! in place otherwise. `value::list` builds on it.
//!
//! Invariants (`check_invariants` tests them):
//! 1. The items are those of `front`, of `tree` and of `back`, in this order; none of them is an empty
//!    chunk. `len` and `front_len` are exact.
//! 2. Those of `chunk` and of `tree`.

mod chunk;
mod diff;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;

use super::census::Census;
use super::config::CHUNK_ITEM_MAX;
use chunk::Chunk;
use tree::{Edit, End, Tree};

/// A persistent sequence of byte strings. See the module's head for what costs what.
#[derive(Clone, Default)]
pub(crate) struct Sequence {
    len: u64,
    front_len: u64,
    front: Option<Chunk>,
    back: Option<Chunk>,
    tree: Tree,
}

/// Neighbouring items in one piece of memory.
#[derive(Clone, Copy)]
enum Run<'a> {
    Chunk(&'a Chunk),
    Long(&'a [u8]),
}

impl<'a> Run<'a> {
    #[inline]
    fn get(self, i: usize) -> &'a [u8] {
        match self {
            Self::Chunk(chunk) => chunk.get(i),
            Self::Long(item) => item,
        }
    }
}

impl Sequence {
    /// The empty sequence.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// How many items. O(1).
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The heap bytes below, as if nothing were shared with a clone. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        let end = |chunk: &Option<Chunk>| chunk.as_ref().map_or(0, Chunk::memory_bytes);
        end(&self.front) + self.tree.memory_bytes() + end(&self.back)
    }

    /// What goes with this sequence and whatever the census has seen. O(nodes that would go).
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        let ends = [&self.front, &self.back].into_iter().flatten();
        let ends: usize = ends.map(|chunk| chunk.exclusive_bytes(census)).sum();
        ends + self.tree.exclusive_bytes(census)
    }

    /// Item `i`. O(log n).
    #[inline]
    pub(crate) fn get(&self, i: u64) -> Option<&[u8]> {
        let (run, start, _) = self.run_at(i)?;
        Some(run.get((i - start) as usize))
    }

    /// The items `from..to`, clamped to the end, from either end. O(log n) to start with and for
    /// each chunk, O(1) an item.
    pub(crate) fn range(&self, from: u64, to: u64) -> Iter<'_> {
        let to = to.min(self.len);
        let nothing = Cached {
            run: Run::Long(&[]),
            start: 0,
            end: 0,
        };
        Iter {
            sequence: self,
            from: from.min(to),
            to,
            ahead: nothing,
            behind: nothing,
        }
    }

    /// Every item in order.
    pub(crate) fn iter(&self) -> Iter<'_> {
        self.range(0, self.len)
    }

    /// Puts an item in front of all others. Amortised O(1), and the copy.
    #[inline]
    pub(crate) fn push_front(&mut self, item: &[u8]) {
        self.push(End::First, item);
    }

    /// Puts an item after all others. Amortised O(1), and the copy.
    #[inline]
    pub(crate) fn push_back(&mut self, item: &[u8]) {
        self.push(End::Last, item);
    }

    /// Puts an item in front of item `i`; at the end if `i` is the length or more. O(log n).
    pub(crate) fn insert(&mut self, i: u64, item: &[u8]) {
        if i == 0 {
            return self.push(End::First, item);
        }
        if i >= self.len {
            return self.push(End::Last, item);
        }
        if i < self.front_len {
            if let Some(front) = &mut self.front
                && front.insert(i as usize, item)
            {
                self.front_len += 1;
                self.len += 1;
                return;
            }
            self.flush(End::First);
        } else {
            let start = self.front_len + self.tree.len();
            if i >= start {
                if let Some(back) = &mut self.back
                    && back.insert((i - start) as usize, item)
                {
                    self.len += 1;
                    return;
                }
                self.flush(End::Last);
            }
        }
        self.tree.edit(i - self.front_len, Edit::Insert(item));
        self.len += 1;
    }

    /// Replaces item `i`, if there is one; says whether. O(log n).
    pub(crate) fn set(&mut self, i: u64, item: &[u8]) -> bool {
        if i >= self.len {
            return false;
        }
        let start = self.front_len + self.tree.len();
        let end = match (i < self.front_len, i >= start) {
            (true, _) => self.front.as_mut().map(|chunk| (chunk, i)),
            (_, true) => self.back.as_mut().map(|chunk| (chunk, i - start)),
            _ => None,
        };
        match end {
            Some((chunk, at)) => {
                if !chunk.replace(at as usize, item) {
                    self.remove(i, 1);
                    self.insert(i, item);
                }
            }
            None => self.tree.edit(i - self.front_len, Edit::Set(item)),
        }
        true
    }

    /// Removes `count` items from item `from` on, as many as there are. O(log n), and O(1) for each
    /// item of at most two chunks. What was cut out in whole chunks is handed back, so that the
    /// caller can choose where to free it.
    pub(crate) fn remove(&mut self, from: u64, count: u64) -> Option<Self> {
        let from = from.min(self.len);
        let count = count.min(self.len - from);
        if count == 0 {
            return None;
        }
        if count == self.len {
            return Some(std::mem::take(self));
        }
        if from == 0 {
            self.hold(End::First, count);
        } else if from + count == self.len {
            self.hold(End::Last, count);
        }
        let end = from + count;
        let start = self.front_len + self.tree.len();
        if end <= self.front_len {
            self.front_len -= count;
            self.len -= count;
            cut(&mut self.front, from, end, self.tree.is_empty());
            return None;
        }
        if from >= start {
            self.len -= count;
            cut(
                &mut self.back,
                from - start,
                end - start,
                self.tree.is_empty(),
            );
            return None;
        }
        if let Some((_, run_start, run_end)) = self.run_at(from)
            && run_start >= self.front_len
            && end <= run_end
        {
            let at = from - self.front_len;
            self.tree.edit(at, Edit::Remove(count as usize));
            self.len -= count;
            return None;
        }
        self.flush(End::First);
        self.flush(End::Last);
        let (left, rest) = self.tree.take().split(from);
        let (gone, right) = rest.split(count);
        self.tree = left.join(right);
        self.len -= count;
        Some(Self {
            len: count,
            tree: gone,
            ..Self::default()
        })
    }

    /// Removes the first item and answers a copy of it. Amortised O(1).
    pub(crate) fn pop_front(&mut self) -> Option<Vec<u8>> {
        self.pop(End::First)
    }

    /// Removes the last item and answers a copy of it. Amortised O(1).
    pub(crate) fn pop_back(&mut self) -> Option<Vec<u8>> {
        self.pop(End::Last)
    }

    fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        if self.end_mut(end).is_none() {
            self.hold(end, 1);
        }
        let is_alone = self.tree.is_empty();
        if let Some(chunk) = self.end_mut(end) {
            let at = match end {
                End::First => 0,
                End::Last => chunk.count() - 1,
            };
            let item = chunk.get(at).to_vec();
            cut(self.end_mut(end), at as u64, at as u64 + 1, is_alone);
            self.len -= 1;
            if end == End::First {
                self.front_len -= 1;
            }
            return Some(item);
        }
        // A long item, or the few that a list has at its other end.
        let at = match end {
            End::First => 0,
            End::Last => self.len.checked_sub(1)?,
        };
        let item = self.get(at)?.to_vec();
        self.remove(at, 1);
        Some(item)
    }

    fn push(&mut self, end: End, item: &[u8]) {
        self.len += 1;
        if item.len() > CHUNK_ITEM_MAX {
            self.flush(end);
            self.attach(end, Tree::of_item(item));
            return;
        }
        if self.end_mut(end).is_none() {
            self.hold_for_push(end, item.len());
        }
        if end == End::First {
            self.front_len += 1;
        }
        if let Some(chunk) = self.end_mut(end) {
            let at = match end {
                End::First => 0,
                End::Last => chunk.count(),
            };
            if chunk.insert(at, item) {
                return;
            }
            self.flush(end);
            if end == End::First {
                self.front_len = 1;
            }
        }
        // A list that is long already gets a chunk that need not grow.
        let chunk = Chunk::of(item, !self.tree.is_empty(), end);
        *self.end_mut(end) = Some(chunk);
    }

    fn end_mut(&mut self, end: End) -> &mut Option<Chunk> {
        match end {
            End::First => &mut self.front,
            End::Last => &mut self.back,
        }
    }

    /// Lets the chunk with the items of this end stand beside the tree, if it takes one more of this
    /// length.
    fn hold_for_push(&mut self, end: End, item_len: usize) {
        if self.tree.is_empty() {
            let other = match end {
                End::First => &mut self.back,
                End::Last => &mut self.front,
            };
            if other.as_ref().is_some_and(|chunk| chunk.takes(item_len)) {
                let chunk = other.take();
                self.front_len = match end {
                    End::First => chunk.as_ref().map_or(0, |chunk| chunk.count() as u64),
                    End::Last => 0,
                };
                *self.end_mut(end) = chunk;
            }
        } else if let Tree::Chunk(chunk) = self.tree.edge(end)
            && chunk.takes(item_len)
        {
            self.hold_edge(end);
        }
    }

    /// Lets the chunk with the items of this end stand beside the tree, if it has `count` of them.
    fn hold(&mut self, end: End, count: u64) {
        if self.end_mut(end).is_none()
            && let Tree::Chunk(chunk) = self.tree.edge(end)
            && chunk.count() as u64 >= count
        {
            self.hold_edge(end);
        }
    }

    /// Takes the chunk at this end out of the tree.
    fn hold_edge(&mut self, end: End) {
        match self.tree.take_edge(end) {
            Tree::Chunk(chunk) => {
                if end == End::First {
                    self.front_len = chunk.count() as u64;
                }
                *self.end_mut(end) = Some(chunk);
            }
            piece @ (Tree::Empty | Tree::Long(_) | Tree::Node(_)) => self.attach(end, piece),
        }
    }

    /// Puts the chunk beside the tree at this end into it.
    fn flush(&mut self, end: End) {
        if let Some(mut chunk) = self.end_mut(end).take() {
            chunk.settle();
            self.attach(end, Tree::Chunk(chunk));
        }
        if end == End::First {
            self.front_len = 0;
        }
    }

    fn attach(&mut self, end: End, piece: Tree) {
        let tree = self.tree.take();
        self.tree = match end {
            End::First => piece.join(tree),
            End::Last => tree.join(piece),
        };
    }

    /// What holds item `i`, and the numbers of its first item and of the one after its last.
    #[inline]
    fn run_at(&self, i: u64) -> Option<(Run<'_>, u64, u64)> {
        if i < self.front_len {
            let front = self.front.as_ref()?;
            return Some((Run::Chunk(front), 0, self.front_len));
        }
        if let Some((piece, start)) = self.tree.piece_at(i - self.front_len) {
            let start = start + self.front_len;
            return match piece {
                Tree::Chunk(chunk) => {
                    Some((Run::Chunk(chunk), start, start + chunk.count() as u64))
                }
                Tree::Long(item) => Some((Run::Long(item), start, start + 1)),
                Tree::Empty | Tree::Node(_) => None,
            };
        }
        let back = self.back.as_ref()?;
        let start = self.len - back.count() as u64;
        (i < self.len).then_some((Run::Chunk(back), start, self.len))
    }

    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        let count = |chunk: &Option<Chunk>| {
            chunk.as_ref().map_or(0, |chunk| {
                chunk.check_invariants();
                assert!(chunk.count() > 0, "an empty chunk at an end");
                chunk.count() as u64
            })
        };
        self.tree.check_invariants();
        assert_eq!(self.front_len, count(&self.front));
        assert_eq!(
            self.len,
            self.front_len + self.tree.len() + count(&self.back)
        );
    }
}

/// Removes items of a chunk at an end, and the chunk if none is left.
fn cut(end: &mut Option<Chunk>, from: u64, to: u64, is_alone: bool) {
    if let Some(chunk) = end {
        if to - from == chunk.count() as u64 {
            *end = None;
        } else {
            chunk.remove(from as usize, to as usize);
            if is_alone {
                chunk.shrink();
            }
        }
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequence")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// The run that an iterator reads, and the items it holds.
#[derive(Clone, Copy)]
struct Cached<'a> {
    run: Run<'a>,
    start: u64,
    end: u64,
}

impl<'a> Cached<'a> {
    /// Item `i`, from this run or from the one that holds it, which takes this one's place.
    #[inline]
    fn get(&mut self, sequence: &'a Sequence, i: u64) -> Option<&'a [u8]> {
        if i < self.start || i >= self.end {
            let (run, start, end) = sequence.run_at(i)?;
            *self = Self { run, start, end };
        }
        Some(self.run.get((i - self.start) as usize))
    }
}

/// Items of a [`Sequence`] in order, or from the end in reverse.
#[derive(Clone)]
pub(crate) struct Iter<'a> {
    sequence: &'a Sequence,
    from: u64,
    to: u64,
    ahead: Cached<'a>,
    behind: Cached<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.from >= self.to {
            return None;
        }
        let item = self.ahead.get(self.sequence, self.from);
        self.from += 1;
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.to - self.from) as usize;
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.from >= self.to {
            return None;
        }
        self.to -= 1;
        self.behind.get(self.sequence, self.to)
    }
}

impl ExactSizeIterator for Iter<'_> {}
