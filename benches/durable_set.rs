//! SETs per second and their latency in every class of acknowledgement.
//!
//! `NACRE_BENCH_KEYS=1000000 cargo bench --bench durable_set`

mod common;

use common::child::Contestant;
use common::durable::{run, serve};
use common::nacre::{Nacre, WINDOW};
use nacredb::Ack;

fn main() {
    run(&[
        Contestant::new("nacre, Buffered", "memory; the file within 100 ms", || {
            serve(|| Nacre::on_file(Ack::Buffered(WINDOW)));
        }),
        Contestant::new("nacre, EverySec", "the file; the disk within 1 s", || {
            serve(|| Nacre::on_file(Ack::EverySec));
        }),
        Contestant::new("nacre, No", "the file", || {
            serve(|| Nacre::on_file(Ack::No))
        }),
        Contestant::new("nacre, Always", "the disk", || {
            serve(|| Nacre::on_file(Ack::Always))
        }),
    ]);
}
