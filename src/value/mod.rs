//! Redis's data types over the structures of `ds`: no keys, no expiry, no I/O.
//!
//! `keyspace` stores them and `command` works on them. Every value clones in O(1).

pub(crate) mod glob;
#[allow(dead_code, reason = "its owner takes what it needs")]
pub(crate) mod intset;
pub(crate) mod lcs;
#[allow(
    dead_code,
    reason = "scores of sorted sets are read and printed by these rules too"
)]
pub(crate) mod number;
#[allow(
    dead_code,
    reason = "the whole interface of a set; commands take what they need"
)]
pub(crate) mod set;
#[allow(dead_code, reason = "called by the commands on sets")]
pub(crate) mod set_ops;
#[allow(
    dead_code,
    reason = "the whole interface of a string; commands take what they need"
)]
pub(crate) mod string;

pub(crate) use string::{BitOp, StringValue};

/// What a key holds, where it does not lie as plain bytes in the keyspace's pages.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A string, or the bitmap that it is.
    String(StringValue),
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
        hash_listpack_entries: 128,
        hash_listpack_value_bytes: 64,
        set_intset_entries: 512,
        zset_listpack_entries: 128,
        zset_listpack_value_bytes: 64,
    };
}

impl Default for EncodingLimits {
    fn default() -> Self {
        Self::REDIS
    }
}

#[cfg(all(test, unix, not(miri)))]
mod redis_oracle;
