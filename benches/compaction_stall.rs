//! The longest wait of a writer while the whole file is written anew.
//!
//! `NACRE_BENCH_KEYS=10000000 cargo bench --bench compaction_stall`

mod common;

use common::child::Contestant;
use common::nacre::{Nacre, WINDOW};
use common::stall::{run, serve};
use nacredb::Ack;

fn main() {
    run(&[
        Contestant::new("nacre, EverySec", "the file; the disk within 1 s", || {
            serve(Nacre::on_file(Ack::EverySec));
        }),
        Contestant::new("nacre, Buffered", "memory; the file within 100 ms", || {
            serve(Nacre::on_file(Ack::Buffered(WINDOW)));
        }),
    ]);
}
