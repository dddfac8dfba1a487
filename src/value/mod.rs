//! Redis's data types over the structures of `ds`: no keys, no expiry, no I/O.
//!
//! `keyspace` stores them and `command` works on them. Every value clones in O(1).

#[allow(dead_code, reason = "the commands that use it follow")]
pub(crate) mod geo;
pub(crate) mod glob;
pub(crate) mod hyperloglog;
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

pub(crate) use string::{BitOp, StringValue};

/// What a key holds, where it does not lie as plain bytes in the keyspace's pages.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A string, or the bitmap that it is.
    String(StringValue),
}

#[cfg(all(test, unix, not(miri)))]
mod redis_oracle;
