//! Bitmaps: bits far out, long strings, counts, and distinct users over windows of days.
//!
//! `NACRE_BENCH_KEYS=1000000 cargo bench --bench bitmap`

mod common;

use common::bitmap::{PlainBytes, run, serve};
use common::child::Contestant;
use common::nacre::Nacre;

fn main() {
    run(&[
        Contestant::new("plain bytes", "memory", || serve(PlainBytes::new())),
        Contestant::new("nacre", "memory", || serve(Nacre::in_memory())),
    ]);
}
