//! Lists: a thin name over [`Sequence`].
//!
//! Invariants:
//! 1. The elements are exactly those of the `Sequence`; nothing is kept beside it.
//! 2. It is one word: the table of a shard holds it beside values of other types.
//!
//! It must not read indexes as commands do: `command` turns those from the end into positions.

use std::sync::Arc;

use crate::ds::census::Census;
pub(crate) use crate::ds::sequence::Iter;
use crate::ds::sequence::Sequence;

/// The reference counts in front of what an `Arc` holds.
const ARC_HEADER_BYTES: usize = 16;

/// A list of byte strings. Clones in O(1); a change copies what a clone shares, a chunk at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListValue {
    sequence: Arc<Sequence>,
}

impl ListValue {
    /// The empty list.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// How many elements.
    pub(crate) fn len(&self) -> u64 {
        self.sequence.len()
    }

    /// The element at `index` from the front. O(log n).
    #[inline]
    pub(crate) fn get(&self, index: u64) -> Option<&[u8]> {
        self.sequence.get(index)
    }

    /// The elements `from..to`, clamped to the end, from either end.
    pub(crate) fn range(&self, from: u64, to: u64) -> Iter<'_> {
        self.sequence.range(from, to)
    }

    /// Every element, from either end.
    pub(crate) fn iter(&self) -> Iter<'_> {
        self.sequence.iter()
    }

    /// Whether both are one list or clones that nobody changed. May say no of others that are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.sequence, &other.sequence)
    }

    /// How many of the first elements both have in common, or of the last. O(log n) and what lies there
    /// that they do not share.
    pub(crate) fn common(&self, other: &Self, from_back: bool) -> u64 {
        self.sequence.common(&other.sequence, from_back)
    }

    /// Visits the elements that differ from the one with the same number in the other list. O(log n) and
    /// what they do not share.
    pub(crate) fn each_difference<'a>(
        &'a self,
        other: &'a Self,
        visit: &mut dyn FnMut(u64, &'a [u8], &'a [u8]),
    ) {
        self.sequence.each_difference(&other.sequence, visit);
    }

    /// Puts an element before all others. Amortised O(1), and the copy.
    #[inline]
    pub(crate) fn push_front(&mut self, element: &[u8]) {
        Arc::make_mut(&mut self.sequence).push_front(element);
    }

    /// Puts an element after all others. Amortised O(1), and the copy.
    #[inline]
    pub(crate) fn push_back(&mut self, element: &[u8]) {
        Arc::make_mut(&mut self.sequence).push_back(element);
    }

    /// Removes the first element and answers it. Amortised O(1), and the copy.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<Vec<u8>> {
        Arc::make_mut(&mut self.sequence).pop_front()
    }

    /// Removes the last element and answers it. Amortised O(1), and the copy.
    #[inline]
    pub(crate) fn pop_back(&mut self) -> Option<Vec<u8>> {
        Arc::make_mut(&mut self.sequence).pop_back()
    }

    /// Puts an element in front of the one at `index`; at the end if there is none. O(log n).
    pub(crate) fn insert(&mut self, index: u64, element: &[u8]) {
        Arc::make_mut(&mut self.sequence).insert(index, element);
    }

    /// Replaces the element at `index`, if there is one; says whether. O(log n).
    pub(crate) fn set(&mut self, index: u64, element: &[u8]) -> bool {
        Arc::make_mut(&mut self.sequence).set(index, element)
    }

    /// Removes the elements `index..index + count`, as many as there are, in O(log n). Many at once
    /// are handed back, for the caller to free where it likes.
    pub(crate) fn remove(&mut self, index: u64, count: u64) -> Option<Self> {
        let gone = Arc::make_mut(&mut self.sequence).remove(index, count)?;
        Some(Self {
            sequence: Arc::new(gone),
        })
    }

    /// The heap bytes below this value, as if nothing were shared with another. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        ARC_HEADER_BYTES + size_of::<Sequence>() + self.sequence.memory_bytes()
    }

    /// What goes with this value and whatever the census has seen. O(nodes that would go).
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        if census.is_last(&self.sequence) {
            ARC_HEADER_BYTES + size_of::<Sequence>() + self.sequence.exclusive_bytes(census)
        } else {
            0
        }
    }

    /// Redis 7.0 holds every list as this.
    pub(crate) fn encoding(&self) -> &'static str {
        "quicklist"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_one_word_and_its_clone_stays() {
        assert_eq!(size_of::<ListValue>(), size_of::<usize>());
        let mut list = ListValue::new();
        list.push_back(b"b");
        list.push_front(b"a");
        let held = list.clone();
        list.insert(1, b"new");
        assert!(list.set(2, b"c") && !list.set(3, b"d"));
        assert!(list.iter().eq([&b"a"[..], b"new", b"c"]));
        assert!(list.remove(0, 2).is_none());
        assert!(list.range(0, u64::MAX).eq([&b"c"[..]]));
        assert_eq!(list.remove(0, 9).map_or(0, |gone| gone.len()), 1);
        assert!(held.iter().rev().eq([&b"b"[..], b"a"]));
        assert!(held.memory_bytes() > list.memory_bytes());
        assert_eq!(held.encoding(), "quicklist");
    }
}
