//! The stores that can be asked, behind one trait, and the ones that need no dependency.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::data::{Calls, Key, Values, first8};

/// A table of keys. Calls that meet an error panic: the bench ends.
pub(crate) trait Store: Send + Sized {
    /// Writes one.
    fn set(&mut self, key: &[u8], value: &[u8]);

    /// The first eight bytes of a value, by the way that copies nothing.
    fn visit8(&mut self, key: &[u8]) -> u64;

    /// The same, from a copy of the value that the caller owns.
    fn copy8(&mut self, key: &[u8]) -> u64;

    /// A whole value.
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>>;

    /// How many keys it says it has.
    fn count(&mut self) -> u64;

    /// Removes one.
    fn remove(&mut self, key: &[u8]);

    /// Another handle to the same data for another thread, if there can be one.
    fn handle(&self) -> Option<Self>;

    /// The sum of the first eight bytes of these values.
    fn visit_all(&mut self, keys: &[Key]) -> u64 {
        keys.iter()
            .fold(0, |sum, key| sum.wrapping_add(self.visit8(key)))
    }

    /// The same, through copies.
    fn copy_all(&mut self, keys: &[Key]) -> u64 {
        keys.iter()
            .fold(0, |sum, key| sum.wrapping_add(self.copy8(key)))
    }

    /// Writes the values of one version.
    fn set_all(&mut self, calls: &Calls, values: &Values, version: u32) {
        for (key, &index) in calls.keys.iter().zip(&calls.indices) {
            self.set(key, values.of(index, version));
        }
    }

    /// Removes these.
    fn remove_all(&mut self, calls: &Calls) {
        for key in &calls.keys {
            self.remove(key);
        }
    }

    /// Fills it; not timed where writes are dear.
    fn load(&mut self, calls: &Calls, values: &Values, version: u32) {
        self.set_all(calls, values, version);
    }

    /// The most writes that a round should hold.
    fn writes_max(&self) -> usize {
        usize::MAX
    }

    /// Whether it runs in this process, so that its CPU time is this process's.
    fn in_process(&self) -> bool {
        true
    }

    /// Resident bytes of the process that holds the data.
    fn resident_bytes(&self) -> u64 {
        super::clock::resident_bytes(None)
    }
}

type Map = HashMap<Vec<u8>, Vec<u8>, ahash::RandomState>;

/// Fixed seeds: the runs of a bench differ by noise only.
pub(crate) fn hasher() -> ahash::RandomState {
    ahash::RandomState::with_seeds(1, 2, 3, 4)
}

/// Overwrites in place where the key is known, as anyone would.
#[inline]
fn set_in(map: &mut Map, key: &[u8], value: &[u8]) {
    match map.get_mut(key) {
        Some(old) => {
            old.clear();
            old.extend_from_slice(value);
        }
        None => drop(map.insert(key.to_vec(), value.to_vec())),
    }
}

/// A bare map of the standard library with ahash: the mark everything else is held against.
#[derive(Debug)]
pub(crate) struct BareMap {
    map: Map,
}

impl BareMap {
    /// Empty.
    pub(crate) fn new() -> Self {
        Self {
            map: Map::with_hasher(hasher()),
        }
    }
}

impl Store for BareMap {
    #[inline]
    fn set(&mut self, key: &[u8], value: &[u8]) {
        set_in(&mut self.map, key, value);
    }

    #[inline]
    fn visit8(&mut self, key: &[u8]) -> u64 {
        first8(&self.map[key])
    }

    #[inline]
    fn copy8(&mut self, key: &[u8]) -> u64 {
        first8(&std::hint::black_box(self.map[key].clone()))
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.map.get(key).cloned()
    }

    fn count(&mut self) -> u64 {
        self.map.len() as u64
    }

    fn remove(&mut self, key: &[u8]) {
        self.map.remove(key);
    }

    fn handle(&self) -> Option<Self> {
        None
    }
}

/// The same behind one lock: what a program without a database would write.
#[derive(Debug)]
pub(crate) struct MutexMap {
    map: Arc<Mutex<Map>>,
}

impl MutexMap {
    /// Empty.
    pub(crate) fn new() -> Self {
        Self {
            map: Arc::new(Mutex::new(Map::with_hasher(hasher()))),
        }
    }
}

impl Store for MutexMap {
    #[inline]
    fn set(&mut self, key: &[u8], value: &[u8]) {
        set_in(&mut self.map.lock(), key, value);
    }

    #[inline]
    fn visit8(&mut self, key: &[u8]) -> u64 {
        first8(&self.map.lock()[key])
    }

    #[inline]
    fn copy8(&mut self, key: &[u8]) -> u64 {
        let copy = self.map.lock()[key].clone();
        first8(&std::hint::black_box(copy))
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.map.lock().get(key).cloned()
    }

    fn count(&mut self) -> u64 {
        self.map.lock().len() as u64
    }

    fn remove(&mut self, key: &[u8]) {
        self.map.lock().remove(key);
    }

    fn handle(&self) -> Option<Self> {
        Some(Self {
            map: Arc::clone(&self.map),
        })
    }
}
