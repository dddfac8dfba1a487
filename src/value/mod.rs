//! Redis's data types over the structures of `ds`: no keys, no expiry, no I/O.
//!
//! `keyspace` stores them and `command` works on them. Every value clones in O(1).

pub(crate) mod glob;
pub(crate) mod lcs;
#[allow(
    dead_code,
    reason = "scores of sorted sets are read and printed by these rules too"
)]
pub(crate) mod number;
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

pub(crate) use string::{BitOp, StringValue};

/// What a key holds, where it does not lie as plain bytes in the keyspace's pages.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A string, or the bitmap that it is.
    String(StringValue),
}

/// Up to where a short collection has Redis's compact encoding.
#[allow(dead_code, reason = "each type reads its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EncodingLimits {
    pub(crate) hash_listpack_entries: usize,
    pub(crate) hash_listpack_value_bytes: usize,
    pub(crate) set_intset_entries: usize,
    pub(crate) zset_listpack_entries: usize,
    pub(crate) zset_listpack_value_bytes: usize,
}

impl Default for EncodingLimits {
    fn default() -> Self {
        Self {
            hash_listpack_entries: 128,
            hash_listpack_value_bytes: 64,
            set_intset_entries: 512,
            zset_listpack_entries: 128,
            zset_listpack_value_bytes: 64,
        }
    }
}

#[cfg(all(test, unix, not(miri)))]
mod redis_oracle;
