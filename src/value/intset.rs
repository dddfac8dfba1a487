//! A short sorted set of integers in one allocation: the form of a set whose members are all integers.
//!
//! Every integer takes two, four or eight bytes: as many as the widest one that was ever there needs.
//!
//! ```text
//! how many (u32, little endian) | width in bytes (u8) | 3 unused | integers, ascending, little endian | room
//! ```
//!
//! Invariants:
//! 1. The integers are strictly ascending.
//! 2. The set without integers is the empty slice, which the standard library shares: no allocation.
//! 3. A clone never changes: a change writes into the allocation only if nobody else holds it.
//!
//! A change moves what lies behind the place: its owner promotes a set that grows long.

use std::fmt;
use std::sync::Arc;

use crate::ds::census::Census;

/// Bytes before the integers.
const HEAD: usize = 8;
/// Where the width stands.
const WIDTH: usize = 4;

/// Integers in ascending order, in one allocation. Clones in O(1).
#[derive(Clone, Default)]
pub(crate) struct IntSet {
    bytes: Arc<[u8]>,
}

/// The fewest bytes that hold `number`, of two, four and eight.
fn width_of(number: i64) -> usize {
    if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}

/// Reads the integer at place `i` of integers of this width.
#[inline]
fn read(body: &[u8], width: usize, i: usize) -> i64 {
    let at = &body[i * width..(i + 1) * width];
    match *at {
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => {
            let mut word = [0; 8];
            word.copy_from_slice(at);
            i64::from_le_bytes(word)
        }
    }
}

fn write(body: &mut [u8], width: usize, i: usize, number: i64) {
    // The low bytes of two's complement are the number in fewer bytes, where it fits.
    body[i * width..(i + 1) * width].copy_from_slice(&number.to_le_bytes()[..width]);
}

impl IntSet {
    /// The empty set. Allocates nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Whether both are one allocation. May say no of others that are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bytes, &other.bytes)
    }

    /// How many. O(1).
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self.bytes.first_chunk::<4>() {
            Some(&len) => u32::from_le_bytes(len) as usize,
            None => 0,
        }
    }

    /// Bytes of each integer.
    fn width(&self) -> usize {
        self.bytes.get(WIDTH).copied().map_or(2, usize::from)
    }

    /// The integers and the room behind them.
    fn body(&self) -> &[u8] {
        self.bytes.get(HEAD..).unwrap_or_default()
    }

    /// The place of an integer, or the one where it belongs. O(log n).
    fn search(&self, number: i64) -> Result<usize, usize> {
        fn search<const N: usize>(
            body: &[u8],
            len: usize,
            number: i64,
            read: fn([u8; N]) -> i64,
        ) -> Result<usize, usize> {
            let (integers, _) = body.as_chunks::<N>();
            integers[..len].binary_search_by(|&bytes| read(bytes).cmp(&number))
        }
        let (body, len) = (self.body(), self.len());
        match self.width() {
            2 => search(body, len, number, |bytes| {
                i64::from(i16::from_le_bytes(bytes))
            }),
            4 => search(body, len, number, |bytes| {
                i64::from(i32::from_le_bytes(bytes))
            }),
            _ => search(body, len, number, i64::from_le_bytes),
        }
    }

    /// Whether an integer is there. O(log n).
    pub(crate) fn contains(&self, number: i64) -> bool {
        self.search(number).is_ok()
    }

    /// The integer at place `i` in ascending order. O(1).
    pub(crate) fn get(&self, i: usize) -> Option<i64> {
        (i < self.len()).then(|| read(self.body(), self.width(), i))
    }

    /// The integers, ascending.
    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter {
            body: self.body(),
            width: self.width(),
            next: 0,
            len: self.len(),
        }
    }

    /// Adds an integer; false if it was there. O(n): what is greater moves, and now and then all of it.
    ///
    /// # Panics
    /// If there would be more than `u32::MAX`.
    pub(crate) fn insert(&mut self, number: i64) -> bool {
        let Err(place) = self.search(number) else {
            return false;
        };
        let len = self.len();
        let new_len = u32::try_from(len + 1).expect("a set of integers is short");
        let width = self.width();
        let has_room = self.body().len() >= (len + 1) * width && width_of(number) <= width;
        if has_room && let Some(bytes) = Arc::get_mut(&mut self.bytes) {
            bytes[..4].copy_from_slice(&new_len.to_le_bytes());
            let body = &mut bytes[HEAD..];
            body.copy_within(place * width..len * width, (place + 1) * width);
            write(body, width, place, number);
            return true;
        }
        let new_width = width.max(width_of(number));
        // A quarter of headroom, so that most additions are in place.
        let room = (len + 1 + len / 4) * new_width;
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, HEAD + room).collect();
        if let Some(new) = Arc::get_mut(&mut bytes) {
            new[..4].copy_from_slice(&new_len.to_le_bytes());
            new[WIDTH] = new_width as u8;
            let body = &mut new[HEAD..];
            if new_width == width {
                let (before, after) = self.body()[..len * width].split_at(place * width);
                body[..before.len()].copy_from_slice(before);
                body[before.len() + width..][..after.len()].copy_from_slice(after);
            } else {
                for (i, old) in self.iter().enumerate() {
                    write(body, new_width, i + usize::from(i >= place), old);
                }
            }
            write(body, new_width, place, number);
        }
        self.bytes = bytes;
        true
    }

    /// Removes an integer; false if it was not there. O(n).
    pub(crate) fn remove(&mut self, number: i64) -> bool {
        let Ok(place) = self.search(number) else {
            return false;
        };
        let (len, width) = (self.len(), self.width());
        if len == 1 {
            *self = Self::new();
            return true;
        }
        let room = self.body().len() / width;
        let new_len = (len - 1) as u32;
        let (from, to) = ((place + 1) * width, len * width);
        // Half empty: a shorter allocation.
        if room < 2 * len
            && let Some(bytes) = Arc::get_mut(&mut self.bytes)
        {
            bytes[..4].copy_from_slice(&new_len.to_le_bytes());
            bytes[HEAD..].copy_within(from..to, from - width);
            return true;
        }
        let old = self.body();
        let mut bytes: Arc<[u8]> =
            std::iter::repeat_n(0, HEAD + (len - 1 + len / 4) * width).collect();
        if let Some(new) = Arc::get_mut(&mut bytes) {
            new[..HEAD].copy_from_slice(&self.bytes[..HEAD]);
            new[..4].copy_from_slice(&new_len.to_le_bytes());
            let body = &mut new[HEAD..];
            body[..from - width].copy_from_slice(&old[..from - width]);
            body[from - width..to - width].copy_from_slice(&old[from..to]);
        }
        self.bytes = bytes;
        true
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

    /// Asserts every invariant. O(n).
    #[cfg(any(test, fuzzing))]
    pub(crate) fn check_invariants(&self) {
        if self.bytes.is_empty() {
            return;
        }
        assert_ne!(self.len(), 0, "an allocation without integers");
        assert!(matches!(self.width(), 2 | 4 | 8), "the width");
        assert!(self.body().len() >= self.len() * self.width(), "the room");
        assert!(self.iter().is_sorted_by(|a, b| a < b), "the order");
    }
}

impl fmt::Debug for IntSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntSet")
            .field("len", &self.len())
            .field("width", &self.width())
            .finish()
    }
}

/// The integers of an [`IntSet`], ascending.
#[derive(Debug, Clone)]
pub(crate) struct Iter<'a> {
    body: &'a [u8],
    width: usize,
    next: usize,
    len: usize,
}

impl Iterator for Iter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        if self.next == self.len {
            return None;
        }
        self.next += 1;
        Some(read(self.body, self.width, self.next - 1))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.len - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn integers(set: &IntSet) -> Vec<i64> {
        set.iter().collect()
    }

    #[test]
    fn nothing_takes_no_memory() {
        let mut set = IntSet::new();
        assert_eq!((set.len(), set.memory_bytes()), (0, 0));
        assert!(!set.contains(0) && !set.remove(0) && set.get(0).is_none());
        assert!(set.insert(0));
        assert!(set.memory_bytes() > 0);
        assert!(set.remove(0));
        assert_eq!((set.len(), set.memory_bytes()), (0, 0));
        assert_eq!(size_of::<IntSet>(), 16);
    }

    #[test]
    fn every_width_holds_its_ends_and_grows_into_the_next() {
        let ends = [
            0,
            i64::from(i16::MAX),
            i64::from(i16::MIN),
            i64::from(i16::MAX) + 1,
            i64::from(i16::MIN) - 1,
            i64::from(i32::MAX),
            i64::from(i32::MIN),
            i64::from(i32::MAX) + 1,
            i64::from(i32::MIN) - 1,
            i64::MAX,
            i64::MIN,
        ];
        let mut set = IntSet::new();
        let mut expected = Vec::new();
        for (number, width) in ends.into_iter().zip([2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8]) {
            // What does not fit the width is simply not there.
            assert!(!set.contains(number) && !set.remove(number));
            assert!(set.insert(number) && !set.insert(number));
            set.check_invariants();
            assert_eq!(set.width(), width);
            expected.push(number);
            expected.sort_unstable();
            assert_eq!(integers(&set), expected);
        }
        assert!(expected.iter().all(|&number| set.contains(number)));
    }

    #[test]
    fn additions_in_order_are_mostly_in_place_and_a_clone_is_not_touched() {
        let mut set = IntSet::new();
        let mut moves = 0;
        for number in 0..512 {
            let place = set.bytes.as_ptr();
            set.insert(number);
            moves += usize::from(set.bytes.as_ptr() != place);
        }
        assert!(moves < 40, "{moves} allocations");
        let held = set.clone();
        set.insert(-1);
        set.remove(7);
        assert_eq!(integers(&held), (0..512).collect::<Vec<_>>());
        assert_eq!(set.len(), 512);
        for number in 8..512 {
            set.remove(number);
        }
        assert!(set.memory_bytes() < 100, "{}", set.memory_bytes());
    }

    #[test]
    fn agrees_with_a_tree_set_while_clones_are_held() {
        let mut seed = 0x0005_eed0_fbac_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let word = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (word ^ (word >> 31)) % below
        };
        let mut set = IntSet::new();
        let mut model = BTreeSet::new();
        let mut held: Vec<(IntSet, BTreeSet<i64>)> = Vec::new();
        let steps = if cfg!(miri) { 400 } else { 60_000 };
        for step in 0..steps {
            let bits = [0, 0, 0, 0, 20, 40][next(6) as usize];
            let number = (next(200) as i64 - 100) << bits;
            if next(100) < if step / 2_000 % 2 == 0 { 60 } else { 40 } {
                assert_eq!(set.insert(number), model.insert(number), "step {step}");
            } else {
                assert_eq!(set.remove(number), model.remove(&number), "step {step}");
            }
            assert_eq!(set.len(), model.len());
            assert_eq!(set.contains(number), model.contains(&number));
            if next(40) == 0 {
                set.check_invariants();
                assert!(set.iter().eq(model.iter().copied()), "step {step}");
                assert_eq!(set.iter().len(), model.len());
                held.push((set.clone(), model.clone()));
            }
            if held.len() > 5 {
                let (clone, then) = held.swap_remove(next(5) as usize);
                assert!(clone.iter().eq(then), "a clone changed before step {step}");
            }
        }
    }
}
