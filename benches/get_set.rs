//! Reading and overwriting against a bare `HashMap`, in memory and in every class of acknowledgement.
//!
//! `NACRE_BENCH_KEYS=1000000 cargo bench --bench get_set`

mod common;

use common::child::Contestant;
use common::get_set::{run, serve};
use common::nacre::{Nacre, WINDOW};
use common::store::{BareMap, MutexMap};
use nacredb::Ack;

fn main() {
    run(&[
        Contestant::new("HashMap", "memory", || serve(BareMap::new())),
        Contestant::new("HashMap, huge pages", "memory", || serve(BareMap::new()))
            .env(&[("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")]),
        Contestant::new("Mutex<HashMap>", "memory", || serve(MutexMap::new())),
        Contestant::new("nacre, memory", "memory", || serve(Nacre::in_memory())),
        Contestant::new("nacre, Buffered", "memory; the file within 100 ms", || {
            serve(Nacre::on_file(Ack::Buffered(WINDOW)));
        }),
        Contestant::new("nacre, EverySec", "the file; the disk within 1 s", || {
            serve(Nacre::on_file(Ack::EverySec));
        }),
        Contestant::new("nacre, No", "the file", || serve(Nacre::on_file(Ack::No))),
        Contestant::new("nacre, Always", "the disk", || {
            serve(Nacre::on_file(Ack::Always))
        }),
    ]);
}
