//! The outside world, injected: time, randomness, threads, and the byte encodings everything shares.
//!
//! Knows nothing of databases. Nothing else in the crate reads a clock, draws a random number or
//! starts a thread on its own.

pub(crate) mod clock;
pub(crate) mod fork;
#[cfg(feature = "server")]
pub(crate) mod net;
#[cfg(feature = "server")]
pub(crate) mod process;
pub(crate) mod reclaim;
pub(crate) mod rng;
pub(crate) mod thread;
pub(crate) mod varint;
