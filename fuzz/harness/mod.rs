//! What the fuzz targets do with their bytes. No target needs more than the public interface, so
//! `tests/fuzz_replay.rs` runs the same code over the kept corpus without a nightly compiler.
//!
//! `file` and `change` are a second, independent writer of the file format and of the effects in it; `model` says what
//! these should lead to.

pub(crate) mod change;
pub(crate) mod collections;
pub(crate) mod disk;
pub(crate) mod effects;
pub(crate) mod file;
pub(crate) mod frame_decoder;
pub(crate) mod input;
pub(crate) mod model;
pub(crate) mod open_bytes;
pub(crate) mod operations;
pub(crate) mod rdb;
pub(crate) mod resp;
