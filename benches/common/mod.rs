//! What all benches share: data, clocks, child processes, tables, and the workloads themselves.
//!
//! Used by `benches/*.rs` and, through `#[path]`, by `benches/compare`, so that rivals run exactly the
//! code that NacreDB runs.
//!
//! 1. Every contestant lives in a child process of its own: no contestant inherits another's heap,
//!    and memory is the process's. The parent lets them take turns, one at a time.
//! 2. Keys and values follow from a seed; values are random bytes. Every workload compares what it
//!    reads with what it wrote and stops at the first difference.
//! 3. No figure is judged here: the tables are for people.
//!
//! Settings, all from the environment:
//! `NACRE_BENCH_KEYS` (how many keys), `NACRE_BENCH_ROUNDS` (repetitions), `NACRE_BENCH_ONLY` (parts of
//! contestants' names, separated by commas), `NACRE_BENCH_DIR` (where files go).

#![allow(dead_code, reason = "no bench uses all of it")]

pub(crate) mod activity;
pub(crate) mod bitmap;
pub(crate) mod child;
pub(crate) mod clock;
pub(crate) mod collections;
pub(crate) mod data;
pub(crate) mod durable;
pub(crate) mod get_set;
pub(crate) mod memory;
pub(crate) mod nacre;
pub(crate) mod open;
pub(crate) mod stall;
pub(crate) mod store;
pub(crate) mod table;

use std::io::Write;

/// Says one line on standard output.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").expect("standard output is open");
    out.flush().expect("standard output is open");
}

/// How many keys: `NACRE_BENCH_KEYS`, or `default`.
pub(crate) fn keys(default: u64) -> u64 {
    number("NACRE_BENCH_KEYS", default).clamp(16, u64::from(u32::MAX))
}

/// Few keys mean that somebody wants to see it run, not to measure.
pub(crate) fn is_smoke() -> bool {
    keys(1_000_000) < 100_000
}

/// How many repetitions: `NACRE_BENCH_ROUNDS`, or `default`, or two where it only has to run.
pub(crate) fn rounds(default: u64) -> u64 {
    let default = if is_smoke() { default.min(2) } else { default };
    number("NACRE_BENCH_ROUNDS", default).max(1)
}

/// How many writes a round may hold where each waits for the disk.
pub(crate) fn synced_writes_max() -> usize {
    if is_smoke() { 100 } else { 2_000 }
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => match text.replace('_', "").parse() {
            Ok(number) => number,
            Err(error) => panic!("{name}={text}: {error}"),
        },
        Err(_) => default,
    }
}

/// A fresh directory for files, removed when dropped: below `NACRE_BENCH_DIR` or the system's.
pub(crate) fn scratch() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("nacre-bench-");
    let made = match std::env::var_os("NACRE_BENCH_DIR") {
        Some(root) => builder.tempdir_in(root),
        None => builder.tempdir(),
    };
    made.expect("the directory for files can be written")
}
