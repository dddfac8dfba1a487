//! Keys to entries: shards of one persistent map each, and the only code that changes them.
//!
//! `command` reads and writes through [`ReadTx`] and [`WriteTx`]; `engine` locks shards, builds those
//! and carries the recorded effects to the log; recovery applies effects through the same mutators.
//!
//! Invariants:
//! 1. A mutator changes memory and records its effect, or does neither.
//! 2. A reader never sees an entry whose deadline has passed.
//! 3. Nothing here locks, waits, reads a clock or does I/O.

pub(crate) mod apply;
pub(crate) mod bitmap;
pub(crate) mod effects;
pub(crate) mod entry;
mod event;
pub(crate) mod expiry;
pub(crate) mod hash;
pub(crate) mod key;
pub(crate) mod list;
mod pieces;
pub(crate) mod set;
pub(crate) mod shard;
pub(crate) mod string;
pub(crate) mod table;
pub(crate) mod tx;
mod zset;
pub(crate) use zset::ZeroSigns;

pub(crate) use apply::{Misfit, STRING_BYTES_LIMIT};
pub use entry::KeyType;
pub(crate) use entry::{Entry, StringRef};
pub use event::{Event, EventClass};
pub(crate) use expiry::is_past as has_expired;
pub(crate) use hash::FieldRef;
pub use list::Side;
pub(crate) use shard::{DATABASES, Layout, Shard};
pub(crate) use table::Table;
pub(crate) use tx::{
    Batch, Cause, Dropped, Now, Reach, ReachMut, ReadTx, Rules, ShardSource, ShardSourceMut,
    WriteTx,
};
