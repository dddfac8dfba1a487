//! Replays the kept fuzzing corpus, and a few thousand seeded random inputs, through the code of the
//! fuzz targets (`fuzz/harness`), without libFuzzer and a nightly compiler.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "every reply that is not the expected one is a failure"
)]

#[path = "../fuzz/harness/mod.rs"]
mod harness;

use std::path::Path;

/// Random inputs for each target; `NACRE_FUZZ_INPUTS=n` asks for more.
const INPUTS: u64 = 2000;

/// A seeded random source (splitmix64).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Says which input it was when a run ends in a panic.
struct Running(String);

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failing input: {}", self.0);
        }
    }
}

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut kept: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    kept.sort();
    assert!(!kept.is_empty(), "no corpus in {}", folder.display());
    for path in kept {
        let _running = Running(path.display().to_string());
        run(&std::fs::read(&path).unwrap());
    }
    let inputs = match std::env::var("NACRE_FUZZ_INPUTS") {
        Ok(text) => text.parse().expect("NACRE_FUZZ_INPUTS is a number"),
        Err(_) => INPUTS,
    };
    for seed in 0..inputs {
        let mut rng = Rng(seed);
        let len = rng.next() % 400;
        let data: Vec<u8> = (0..len).map(|_| (rng.next() >> 32) as u8).collect();
        let _running = Running(format!("{target}, seed {seed}: {data:?}"));
        run(&data);
    }
}

#[test]
fn any_bytes_open_or_are_refused() {
    replay("open_bytes", harness::open_bytes::run);
}

#[test]
fn a_damaged_log_gives_a_prefix_or_is_refused() {
    replay("frame_decoder", harness::frame_decoder::run);
}

#[test]
fn changes_in_a_file_lead_to_the_modelled_state() {
    replay("effects", harness::effects::run);
}

#[test]
fn operations_follow_the_model() {
    replay("operations", harness::operations::run);
}

#[test]
fn requests_do_not_depend_on_their_pieces() {
    replay("resp", harness::resp::run);
}

#[test]
fn payloads_are_refused_or_taken_whole() {
    replay("rdb_payload", harness::rdb::run);
}
