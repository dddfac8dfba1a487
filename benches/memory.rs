//! Memory for each key against a bare `HashMap`.
//!
//! `NACRE_BENCH_KEYS=1000000 cargo bench --bench memory`

mod common;

use common::child::Contestant;
use common::memory::{run, serve};
use common::nacre::Nacre;
use common::store::BareMap;
use nacredb::Ack;

fn main() {
    run(&[
        Contestant::new("HashMap", "memory", || serve(BareMap::new)),
        Contestant::new("nacre, memory", "memory", || serve(Nacre::in_memory)),
        Contestant::new("nacre, EverySec", "the file", || {
            serve(|| Nacre::on_file(Ack::EverySec))
        }),
    ]);
}
