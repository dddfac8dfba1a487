//! Persistent data structures: generic, no I/O, no locks, no clock, no Redis words.
//!
//! Every structure here clones in O(1) and copies what it changes while a clone is alive; it changes
//! in place otherwise. `value` and `keyspace` build on them.

mod config;
#[allow(dead_code, reason = "called by the keyspace")]
pub(crate) mod hash_trie;
#[allow(dead_code, reason = "called by the hash trie")]
mod pages;
