//! Activities: distinct users in windows of days, members, marks, an import, retention, snapshots.
//!
//! `cargo bench --bench activity`, or with ten million users `NACRE_BENCH_KEYS=10000000`, which takes
//! some 3 GB and a file of 0.5 GB.

mod common;

use common::activity::{NacreDays, PlainDays, own, run, serve};
use common::child::Contestant;
use common::nacre::Nacre;
use nacredb::Ack;

fn main() {
    run(&[
        Contestant::new("plain words", "memory", || serve(PlainDays::default())),
        Contestant::new("nacre", "memory", || {
            serve(NacreDays::new(Nacre::in_memory()))
        }),
    ]);
    own::run(&[
        Contestant::new("nacre", "memory", || own::serve(Nacre::in_memory)),
        Contestant::new("nacre, EverySec", "the file; the disk within 1 s", || {
            own::serve(|| Nacre::on_file(Ack::EverySec));
        }),
    ]);
}
