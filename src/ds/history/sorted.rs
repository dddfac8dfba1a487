//! `Sorted`: a map from `u32` to values in two vectors, sorted by key. `links`, `timelines` and
//! `cohorts` index by it.
//!
//! A lookup first tries the place the key has if the keys run without gaps up to the last one, which
//! they mostly do; it searches otherwise. An insertion moves what follows: the values are pointers,
//! and what they point to is far larger than their place here.

use std::mem::size_of;
use std::ops::Range;

#[derive(Clone)]
pub(super) struct Sorted<T> {
    keys: Vec<u32>,
    values: Vec<T>,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        let (keys, values) = (Vec::new(), Vec::new());
        Self { keys, values }
    }
}

impl<T> Sorted<T> {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Where `key` is, or where it would be inserted.
    #[inline]
    pub(super) fn find(&self, key: u32) -> Result<usize, usize> {
        let Some(&last) = self.keys.last() else {
            return Err(0);
        };
        let Some(back) = last.checked_sub(key) else {
            return Err(self.keys.len());
        };
        match (self.keys.len() - 1).checked_sub(back as usize) {
            Some(at) if self.keys[at] == key => Ok(at),
            _ => self.keys.binary_search(&key),
        }
    }

    #[inline]
    pub(super) fn get(&self, key: u32) -> Option<&T> {
        self.find(key).ok().map(|at| &self.values[at])
    }

    /// The places of the keys `from..=to`.
    pub(super) fn range(&self, from: u32, to: u32) -> Range<usize> {
        let start = self.find(from).unwrap_or_else(|at| at);
        let end = self.find(to).map_or_else(|at| at, |at| at + 1);
        start..end.max(start)
    }

    #[inline]
    pub(super) fn key(&self, at: usize) -> u32 {
        self.keys[at]
    }

    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    #[inline]
    pub(super) fn value_mut(&mut self, at: usize) -> &mut T {
        &mut self.values[at]
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &T)> {
        self.keys.iter().copied().zip(&self.values)
    }

    /// `at` is what [`Sorted::find`] said of `key`.
    pub(super) fn insert(&mut self, at: usize, key: u32, value: T) {
        self.keys.insert(at, key);
        self.values.insert(at, value);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.keys.remove(at);
        self.values.remove(at);
    }

    /// Where `key` is; it is inserted with `make`'s value if it is not there.
    #[inline]
    pub(super) fn find_or_insert(&mut self, key: u32, make: impl FnOnce() -> T) -> usize {
        self.find(key).unwrap_or_else(|at| {
            self.insert(at, key, make());
            at
        })
    }

    /// The bytes that the two vectors take.
    pub(super) fn heap_bytes(&self) -> usize {
        self.keys.capacity() * size_of::<u32>() + self.values.capacity() * size_of::<T>()
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check_invariants(&self) {
        assert_eq!(self.keys.len(), self.values.len());
        assert!(self.keys.is_sorted_by(|a, b| a < b), "keys ascend");
    }
}
