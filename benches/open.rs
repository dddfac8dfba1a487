//! Opening a file: a sealed snapshot with one and two threads, and a log.
//!
//! `NACRE_BENCH_KEYS=1000000 cargo bench --bench open`

mod common;

use common::child::Contestant;
use common::nacre::{fill, open_with};
use common::open::{run, serve};

fn main() {
    run(&[
        Contestant::new("nacre, sealed snapshot, 2 threads", "the disk", || {
            serve(|at, load| fill(at, true, load), |at| open_with(at, 2));
        }),
        Contestant::new("nacre, sealed snapshot, 1 thread", "the disk", || {
            serve(|at, load| fill(at, true, load), |at| open_with(at, 1));
        }),
        Contestant::new("nacre, log", "the disk", || {
            serve(|at, load| fill(at, false, load), |at| open_with(at, 2));
        }),
    ]);
}
