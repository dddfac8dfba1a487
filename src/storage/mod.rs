//! Bytes in the one file: headers, sealed snapshot, append log, recovery, the swap of a compaction.
//!
//! Called by `engine` only. Payloads are opaque here: this module knows frames and blocks, not keys.

pub mod backend;
pub mod memory;
pub mod os;
pub(crate) mod registry;
pub mod sim;
