//! A short sequence of byte strings in one allocation.
//!
//! The form of short hashes, sets and sorted sets in `value`: for a few dozen short strings one piece of
//! memory that is read front to back beats any tree, in bytes and in time.
//!
//! ```text
//! number of strings (u32, little endian) | { length (varint), bytes }*
//! ```
//!
//! Invariants:
//! 1. A sequence without strings is the empty slice, which the standard library shares: no allocation.
//! 2. The count is the number of strings, and the last string ends where the allocation ends.
//! 3. A clone never changes: a change builds the next allocation, or writes into this one if nobody
//!    else holds it and the length stays the same.
//!
//! It must not grow long: every change that is not in place copies everything. Its owners promote a
//! collection to a tree in time.

use std::fmt;
use std::sync::Arc;

use super::census::Census;

/// Bytes of the count.
const HEAD: usize = 4;

/// Byte strings in order, in one allocation. Clones in O(1); 16 bytes in size, with a niche.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Packed {
    bytes: Arc<[u8]>,
}

impl Packed {
    /// The empty sequence. Allocates nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Whether both are one allocation. May say no of others that are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bytes, &other.bytes)
    }

    /// How many strings. O(1).
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self.bytes.first_chunk::<HEAD>() {
            Some(&count) => u32::from_le_bytes(count) as usize,
            None => 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of the encoded form: of the strings and of their lengths. O(1).
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The heap bytes, if no clone is left that shares them.
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        if census.is_last(&self.bytes) {
            self.memory_bytes()
        } else {
            0
        }
    }

    /// The heap bytes, as if no clone shared them. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        if self.bytes.is_empty() {
            return 0;
        }
        // Before the bytes lie the two counts of references.
        (self.bytes.len() + 2 * size_of::<usize>()).next_multiple_of(size_of::<usize>())
    }

    /// The strings in order.
    #[inline]
    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter {
            rest: self.bytes.get(HEAD..).unwrap_or_default(),
            left: self.len(),
        }
    }

    /// The strings from number `i` on; none if there are not so many. O(i).
    pub(crate) fn iter_from(&self, i: usize) -> Iter<'_> {
        let mut iter = self.iter();
        for _ in 0..i {
            if iter.next().is_none() {
                break;
            }
        }
        iter
    }

    /// The string at number `i`. O(i).
    pub(crate) fn get(&self, i: usize) -> Option<&[u8]> {
        self.iter_from(i).next()
    }

    /// The number of the first string that equals `wanted`, among those numbered `first`,
    /// `first + step`, `first + 2 * step`, and so on. O(strings).
    ///
    /// # Panics
    /// If `step` is 0.
    pub(crate) fn find(&self, wanted: &[u8], first: usize, step: usize) -> Option<usize> {
        assert!(step > 0, "a search has to get on");
        let found = self
            .iter_from(first)
            .step_by(step)
            .position(|s| s == wanted);
        found.map(|at| first + at * step)
    }

    /// Puts `insert` in the place of the `remove` strings from number `i` on. One allocation and one
    /// copy of everything; in place, without either, if the encoded length stays the same and no clone
    /// is alive.
    ///
    /// # Panics
    /// If there are less than `i + remove` strings, or would be more than `u32::MAX`.
    pub(crate) fn splice(&mut self, i: usize, remove: usize, insert: &[&[u8]]) {
        let old_len = self.len();
        let kept = i
            .checked_add(remove)
            .and_then(|end| old_len.checked_sub(end));
        let kept = kept.expect("strings to remove are there") + i;
        let new_len = kept + insert.len();
        if new_len == 0 {
            *self = Self::new();
            return;
        }
        let count = u32::try_from(new_len).expect("a packed sequence is short");
        let from = self.offset_of(HEAD, i);
        let to = self.offset_of(from, remove);
        let inserted: usize = insert.iter().map(|s| encoded_len(s)).sum();
        if inserted == to - from
            && let Some(bytes) = Arc::get_mut(&mut self.bytes)
        {
            bytes[..HEAD].copy_from_slice(&count.to_le_bytes());
            write_all(&mut bytes[from..to], insert);
            return;
        }
        let before = self.bytes.get(..from).unwrap_or(&[0; HEAD]);
        let after = self.bytes.get(to..).unwrap_or_default();
        let total = from + inserted + after.len();
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, total).collect();
        if let Some(new) = Arc::get_mut(&mut bytes) {
            new[..from].copy_from_slice(before);
            new[..HEAD].copy_from_slice(&count.to_le_bytes());
            write_all(&mut new[from..from + inserted], insert);
            new[from + inserted..].copy_from_slice(after);
        }
        self.bytes = bytes;
    }

    /// Where the string lies that comes `strings` after the one at `offset`.
    fn offset_of(&self, offset: usize, strings: usize) -> usize {
        let Some(rest) = self.bytes.get(offset..) else {
            return offset;
        };
        let mut iter = Iter {
            rest,
            left: strings,
        };
        iter.by_ref().for_each(drop);
        self.bytes.len() - iter.rest.len()
    }
}

/// Bytes of a string and its length.
fn encoded_len(string: &[u8]) -> usize {
    let mut head = 1;
    let mut rest = string.len() >> 7;
    while rest > 0 {
        head += 1;
        rest >>= 7;
    }
    head + string.len()
}

/// Fills `out` with the encoded strings, which have exactly that length.
fn write_all(out: &mut [u8], strings: &[&[u8]]) {
    let mut at = 0;
    for string in strings {
        let mut rest = string.len();
        while rest >= 0x80 {
            out[at] = rest as u8 | 0x80;
            rest >>= 7;
            at += 1;
        }
        out[at] = rest as u8;
        at += 1;
        out[at..at + string.len()].copy_from_slice(string);
        at += string.len();
    }
    debug_assert_eq!(at, out.len());
}

/// The strings of a [`Packed`], front to back.
#[derive(Clone)]
pub(crate) struct Iter<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let (&first, mut rest) = self.rest.split_first()?;
        let mut len = usize::from(first);
        if len >= 0x80 {
            len &= 0x7f;
            let mut shift = 7;
            loop {
                let (&byte, after) = rest.split_first()?;
                rest = after;
                len |= usize::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
                shift += 7;
            }
        }
        let (string, rest) = rest.split_at(len);
        self.rest = rest;
        Some(string)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Packed {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed")
            .field("len", &self.len())
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

#[cfg(any(test, fuzzing))]
impl Packed {
    /// Asserts every invariant. O(strings).
    pub(crate) fn check_invariants(&self) {
        if self.bytes.is_empty() {
            return;
        }
        assert_ne!(self.len(), 0, "an allocation without strings");
        let mut iter = self.iter();
        assert_eq!(iter.by_ref().count(), self.len(), "the count");
        assert!(iter.rest.is_empty(), "bytes behind the last string");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(strings: &[&[u8]]) -> Packed {
        let mut packed = Packed::new();
        packed.splice(0, 0, strings);
        packed.check_invariants();
        packed
    }

    fn strings(packed: &Packed) -> Vec<Vec<u8>> {
        packed.iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn nothing_takes_no_memory() {
        let mut empty = Packed::new();
        assert_eq!(
            (empty.len(), empty.bytes(), empty.memory_bytes()),
            (0, 0, 0)
        );
        assert!(empty.is_empty() && empty.get(0).is_none() && empty.iter().next().is_none());
        empty.splice(0, 0, &[]);
        assert!(empty.is_empty());
        let mut one = packed(&[b"x"]);
        one.splice(0, 1, &[]);
        assert!(one.is_empty());
        assert_eq!(one.memory_bytes(), 0);
        assert_eq!(size_of::<Packed>(), 16);
        assert_eq!(size_of::<Option<Packed>>(), 16);
    }

    #[test]
    fn lengths_of_every_width_round_trip() {
        for len in [0, 1, 127, 128, 129, 16_383, 16_384, 70_000] {
            let long = vec![7; len];
            let packed = packed(&[b"a", &long, b""]);
            assert_eq!(strings(&packed), [b"a".to_vec(), long, Vec::new()]);
            assert_eq!(packed.get(3), None);
        }
    }

    #[test]
    fn find_looks_at_every_step_only() {
        let pairs = packed(&[b"f", b"g", b"g", b"f", b"h", b"h"]);
        assert_eq!(pairs.find(b"f", 0, 2), Some(0));
        assert_eq!(pairs.find(b"g", 0, 2), Some(2));
        assert_eq!(pairs.find(b"f", 1, 2), Some(3));
        assert_eq!(pairs.find(b"f", 1, 1), Some(3));
        assert_eq!(pairs.find(b"x", 0, 1), None);
        assert_eq!(pairs.find(b"f", 9, 2), None);
        assert_eq!(Packed::new().find(b"", 0, 1), None);
    }

    #[test]
    fn a_change_of_equal_length_is_in_place_only_while_unshared() {
        let mut one = packed(&[b"ab", b"cd"]);
        let place = one.bytes.as_ptr();
        one.splice(1, 1, &[b"xy"]);
        assert_eq!(one.bytes.as_ptr(), place);
        let held = one.clone();
        one.splice(0, 1, &[b"", b""]);
        assert_eq!(strings(&held), [b"ab", b"xy"]);
        one.splice(0, 2, &[b"q"]);
        one.check_invariants();
        assert_eq!(strings(&one), [b"q".to_vec(), b"xy".to_vec()]);
        // Two strings of no bytes take as much as one of one byte: the count must follow.
        one.splice(0, 1, &[b"", b""]);
        one.check_invariants();
        assert_eq!(one.len(), 3);
    }

    #[test]
    #[should_panic(expected = "strings to remove are there")]
    fn removing_more_than_there_is_panics() {
        packed(&[b"a"]).splice(1, 1, &[]);
    }

    #[test]
    fn agrees_with_a_vector_while_clones_are_held() {
        let mut seed = 0x0005_eed0_fbac_u64;
        let mut next = |below: usize| {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let word = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((word ^ (word >> 31)) % below as u64) as usize
        };
        let mut packed = Packed::new();
        let mut model: Vec<Vec<u8>> = Vec::new();
        let mut held: Vec<(Packed, Vec<Vec<u8>>)> = Vec::new();
        let steps = if cfg!(miri) { 300 } else { 20_000 };
        for step in 0..steps {
            let i = next(model.len() + 1);
            let remove = next(4).min(model.len() - i);
            let count = if model.len() > 40 { 0 } else { next(4) };
            let insert: Vec<Vec<u8>> = (0..count)
                .map(|_| {
                    let len = if next(20) == 0 { next(400) } else { next(9) };
                    vec![next(256) as u8; len]
                })
                .collect();
            let words: Vec<&[u8]> = insert.iter().map(Vec::as_slice).collect();
            packed.splice(i, remove, &words);
            model.splice(i..i + remove, insert);
            packed.check_invariants();
            assert_eq!(packed.len(), model.len());
            assert_eq!(strings(&packed), model, "step {step}");
            assert_eq!(
                packed.iter_from(i).collect::<Vec<_>>(),
                model[i..].iter().collect::<Vec<_>>()
            );
            if next(50) == 0 {
                held.push((packed.clone(), model.clone()));
            }
            if held.len() > 5 {
                let (clone, then) = held.swap_remove(next(5));
                assert_eq!(strings(&clone), then, "a clone changed before step {step}");
            }
        }
    }
}
