//! Lists, hashes, sets and sorted sets of a million elements against the standard library's.
//!
//! `NACRE_BENCH_KEYS=1000000 cargo bench --bench collections`; `NACRE_BENCH_TYPE=zset` for one type.

mod common;

use std::hash::RandomState;

use common::child::Contestant;
use common::collections::nacre::NacreSnapshot;
use common::collections::std_types::{SortedVec, StdTypes};
use common::collections::{run, serve};
use common::nacre::Nacre;
use common::store::hasher;

fn main() {
    run(&[
        Contestant::new("std", "memory", || {
            serve(|| StdTypes::new(RandomState::new(), true))
        }),
        Contestant::new("std, ahash", "memory", || {
            serve(|| StdTypes::new(hasher(), false))
        }),
        Contestant::new("sorted Vec", "memory", || {
            serve(|| SortedVec::new(hasher()))
        }),
        Contestant::new("nacre", "memory", || serve(Nacre::in_memory)),
        Contestant::new("nacre, a snapshot", "memory", || {
            serve(NacreSnapshot::in_memory)
        }),
    ]);
}
