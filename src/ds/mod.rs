//! Persistent data structures: generic, no I/O, no locks, no clock, no Redis words.
//!
//! Every structure here clones in O(1) and copies what it changes while a clone is alive; it changes
//! in place otherwise. `value` and `keyspace` build on them.

#[allow(
    dead_code,
    reason = "a structure's whole interface; its users take what they need"
)]
pub(crate) mod bits;
pub(crate) mod census;
mod config;
#[allow(
    dead_code,
    reason = "a structure's whole interface; its users take what they need"
)]
pub(crate) mod hash_trie;
#[allow(
    dead_code,
    reason = "a structure's whole interface; its users take what they need"
)]
pub(crate) mod history;
#[allow(
    dead_code,
    reason = "a structure's whole interface; its users take what they need"
)]
pub(crate) mod packed;
mod pages;
pub(crate) mod partial_sort;
pub(crate) mod popcount;
#[allow(
    dead_code,
    reason = "a structure's whole interface; its users take what they need"
)]
pub(crate) mod sequence;
#[allow(
    dead_code,
    reason = "a structure's whole interface; its users take what they need"
)]
pub(crate) mod skiplist;
#[cfg(test)]
mod test_random;
