//! Redis's data types over the structures of `ds`: no keys, no expiry, no I/O.
//!
//! `keyspace` stores them and `command` works on them. Every value clones in O(1).

pub(crate) mod geo;
pub(crate) mod glob;
pub(crate) mod hash;
pub(crate) mod hyperloglog;
pub(crate) mod intset;
pub(crate) mod lcs;
pub(crate) mod list;
#[allow(
    dead_code,
    reason = "scores of sorted sets are read and printed by these rules too"
)]
pub(crate) mod number;
pub(crate) mod set;
pub(crate) mod set_ops;
#[allow(
    dead_code,
    reason = "the whole interface of a string; commands take what they need"
)]
pub(crate) mod string;
#[allow(
    dead_code,
    reason = "the whole interface of a sorted set; commands take what they need"
)]
pub(crate) mod zset;

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::ds::census::Census;
use crate::ds::hash_trie::NO_DEADLINE;
pub(crate) use crate::ds::partial_sort::partial_sort;

pub(crate) use hash::HashValue;
pub(crate) use list::ListValue;
pub(crate) use set::SetValue;
pub(crate) use string::{BitOp, Filter, Plan, StringValue, first_difference};
pub(crate) use zset::ZSetValue;

/// What a key holds, where it does not lie as plain bytes in the keyspace's pages.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A string, or the bitmap that it is.
    String(StringValue),
    /// A list.
    List(ListValue),
    /// A hash.
    Hash(HashValue),
    /// A set.
    Set(SetValue),
    /// A sorted set.
    SortedSet(ZSetValue),
}

impl Value {
    /// The heap bytes below this value, as if nothing were shared with another. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::String(string) => string.memory_bytes(),
            Self::List(list) => list.memory_bytes(),
            Self::Hash(hash) => hash.memory_bytes(),
            Self::Set(set) => set.memory_bytes(),
            Self::SortedSet(zset) => zset.memory_bytes(),
        }
    }

    /// What is freed when this value, and whatever the census has seen, is given up. O(nodes that would
    /// go).
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        match self {
            Self::String(string) => string.bits().exclusive_bytes(census),
            Self::List(list) => list.exclusive_bytes(census),
            Self::Hash(hash) => hash.exclusive_bytes(census),
            Self::Set(set) => set.exclusive_bytes(census),
            Self::SortedSet(zset) => zset.exclusive_bytes(census),
        }
    }

    /// A lower bound of the deadlines of its fields, if it is a hash that has any; `NO_DEADLINE`
    /// otherwise. O(1).
    #[inline]
    pub(crate) fn next_field_expiry_ms(&self) -> u64 {
        match self {
            Self::Hash(hash) => hash.next_expiry_ms(),
            Self::String(_) | Self::List(_) | Self::Set(_) | Self::SortedSet(_) => NO_DEADLINE,
        }
    }

    /// Whether it is a collection without elements, which no key may hold. A string never is.
    pub(crate) fn is_empty_collection(&self) -> bool {
        match self {
            Self::String(_) => false,
            Self::List(list) => list.len() == 0,
            Self::Hash(hash) => hash.is_empty(),
            Self::Set(set) => set.len() == 0,
            Self::SortedSet(zset) => zset.is_empty(),
        }
    }
}

/// Up to where collections keep their short forms, which `OBJECT ENCODING` names. A collection that
/// has passed a limit keeps its long form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodingLimits {
    /// Fields of a `listpack` hash. Redis: `hash-max-listpack-entries`.
    pub hash_listpack_entries: usize,
    /// Bytes of each field and value of a `listpack` hash. Redis: `hash-max-listpack-value`.
    pub hash_listpack_value_bytes: usize,
    /// Members of an `intset`. Redis: `set-max-intset-entries`.
    pub set_intset_entries: usize,
    /// Members of a `listpack` sorted set. Redis: `zset-max-listpack-entries`.
    pub zset_listpack_entries: usize,
    /// Bytes of each member of a `listpack` sorted set. Redis: `zset-max-listpack-value`.
    pub zset_listpack_value_bytes: usize,
}

impl EncodingLimits {
    /// Those of a Redis without configuration.
    pub const REDIS: Self = Self {
        hash_listpack_entries: 512,
        hash_listpack_value_bytes: 64,
        set_intset_entries: 512,
        zset_listpack_entries: 128,
        zset_listpack_value_bytes: 64,
    };
}

/// [`EncodingLimits`] that change while others work by them: each limit by itself.
#[derive(Debug)]
pub(crate) struct EncodingSwitch([AtomicUsize; 5]);

impl EncodingSwitch {
    pub(crate) fn new(limits: EncodingLimits) -> Self {
        let switch = Self(Default::default());
        switch.set(limits);
        switch
    }

    /// The limits as of now.
    #[inline]
    pub(crate) fn limits(&self) -> EncodingLimits {
        let [
            hash_entries,
            hash_value,
            set_entries,
            zset_entries,
            zset_value,
        ] = self.0.each_ref().map(|limit| limit.load(Ordering::Relaxed));
        EncodingLimits {
            hash_listpack_entries: hash_entries,
            hash_listpack_value_bytes: hash_value,
            set_intset_entries: set_entries,
            zset_listpack_entries: zset_entries,
            zset_listpack_value_bytes: zset_value,
        }
    }

    pub(crate) fn set(&self, limits: EncodingLimits) {
        let limits = [
            limits.hash_listpack_entries,
            limits.hash_listpack_value_bytes,
            limits.set_intset_entries,
            limits.zset_listpack_entries,
            limits.zset_listpack_value_bytes,
        ];
        for (place, limit) in self.0.iter().zip(limits) {
            place.store(limit, Ordering::Relaxed);
        }
    }
}

impl Default for EncodingLimits {
    fn default() -> Self {
        Self::REDIS
    }
}

#[cfg(all(test, unix, not(miri)))]
mod redis_oracle;
