//! Runs `harness/rdb.rs` under libFuzzer.

#![no_main]

#[path = "../harness/mod.rs"]
#[allow(dead_code, reason = "each target uses a part")]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::rdb::run(data));
