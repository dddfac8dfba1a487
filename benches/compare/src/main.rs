//! NacreDB, kevy-embedded 7, a Redis server, `roaring` and a bare `HashMap` on the same workloads in one run.
//!
//! `cargo run --release --ignore-rust-version --manifest-path benches/compare/Cargo.toml -- get_set open`
//! (kevy-embedded 7 declares a newer Rust than it needs). Without arguments: all workloads. Redis is the
//! `redis-server` on the path, over a Unix socket; without one its rows are left out.

use std::hash::RandomState;

mod activity;
#[path = "../../common/mod.rs"]
mod common;
mod kevy;
mod redis;
mod redis_collections;

use common::child::Contestant;
use common::collections::nacre::NacreSnapshot;
use common::collections::std_types::{SortedVec, StdTypes};
use common::nacre::{self, Nacre, WINDOW};
use common::store::{BareMap, MutexMap, hasher};
use common::{activity as days, bitmap, collections, durable, get_set, memory, open, say, stall};
use kevy::{Kevy, Log};
use nacredb::Ack;
use redis::Redis;

const MEMORY: &str = "memory";
const WINDOWED: &str = "memory; the file within 100 ms";
const FILE: &str = "the file; the disk within 1 s";
const MAPPED: &str = "a shared mapping; the disk within 1 s";
const DISK: &str = "the disk";
const SOCKET: &str = "the server's memory";
const SOCKET_FILE: &str = "the server's file; the disk within 1 s";

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let workloads: [(&str, fn()); 8] = [
        ("get_set", run_get_set),
        ("memory", run_memory),
        ("durable_set", run_durable_set),
        ("open", run_open),
        ("compaction_stall", run_compaction_stall),
        ("bitmap", run_bitmap),
        ("activity", run_activity),
        ("collections", run_collections),
    ];
    for name in &wanted {
        assert!(
            workloads.iter().any(|(known, _)| known == name),
            "no workload {name}"
        );
    }
    if !common::child::is_child() && !redis::is_there() {
        say("no redis-server on the path: its rows are left out");
    }
    for (name, run) in workloads {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            run();
        }
    }
}

/// Those that can run on this machine.
fn able(contestants: Vec<Contestant>) -> Vec<Contestant> {
    let redis = redis::is_there();
    contestants
        .into_iter()
        .filter(|who| redis || !who.name.starts_with("redis"))
        .collect()
}

fn run_get_set() {
    use get_set::serve;
    get_set::run(&able(vec![
        Contestant::new("HashMap", MEMORY, || serve(BareMap::new())),
        Contestant::new("Mutex<HashMap>", MEMORY, || serve(MutexMap::new())),
        Contestant::new("nacre", MEMORY, || serve(Nacre::in_memory())),
        Contestant::new("nacre, Buffered", WINDOWED, || {
            serve(Nacre::on_file(Ack::Buffered(WINDOW)));
        }),
        Contestant::new("nacre, EverySec", FILE, || {
            serve(Nacre::on_file(Ack::EverySec))
        }),
        Contestant::new("kevy 7", MEMORY, || serve(Kevy::new(Log::None))),
        Contestant::new("kevy 7, buffered", WINDOWED, || {
            serve(Kevy::new(Log::Buffered))
        }),
        Contestant::new("kevy 7, everysec", MAPPED, || {
            serve(Kevy::new(Log::EverySec))
        }),
        Contestant::new("redis, 100 in a pipeline", SOCKET, || {
            serve(Redis::new(None))
        }),
        Contestant::new("redis, everysec, 100 in a pipeline", SOCKET_FILE, || {
            serve(Redis::new(Some("everysec")));
        }),
    ]));
}

fn run_memory() {
    use memory::serve;
    memory::run(&able(vec![
        Contestant::new("HashMap", MEMORY, || serve(BareMap::new)),
        Contestant::new("nacre", MEMORY, || serve(Nacre::in_memory)),
        Contestant::new("kevy 7", MEMORY, || serve(|| Kevy::new(Log::None))),
        Contestant::new("redis", SOCKET, || serve(|| Redis::new(None))),
    ]));
}

fn run_durable_set() {
    use durable::serve;
    durable::run(&able(vec![
        Contestant::new("nacre, Buffered", WINDOWED, || {
            serve(|| Nacre::on_file(Ack::Buffered(WINDOW)));
        }),
        Contestant::new("kevy 7, buffered", WINDOWED, || {
            serve(|| Kevy::new(Log::Buffered))
        }),
        Contestant::new("nacre, EverySec", FILE, || {
            serve(|| Nacre::on_file(Ack::EverySec))
        }),
        Contestant::new("kevy 7, everysec", MAPPED, || {
            serve(|| Kevy::new(Log::EverySec))
        }),
        Contestant::new("redis, everysec", SOCKET_FILE, || {
            serve(|| Redis::new(Some("everysec")))
        }),
        Contestant::new("nacre, Always", DISK, || {
            serve(|| Nacre::on_file(Ack::Always))
        }),
        Contestant::new("kevy 7, always", DISK, || serve(|| Kevy::new(Log::Always))),
        Contestant::new("redis, always", DISK, || {
            serve(|| Redis::new(Some("always")))
        }),
    ]));
}

fn run_open() {
    use open::serve;
    open::run(&able(vec![
        Contestant::new("nacre, sealed snapshot, 2 threads", DISK, || {
            serve(
                |at, load| nacre::fill(at, true, load),
                |at| nacre::open_with(at, 2),
            );
        }),
        Contestant::new("nacre, sealed snapshot, 1 thread", DISK, || {
            serve(
                |at, load| nacre::fill(at, true, load),
                |at| nacre::open_with(at, 1),
            );
        }),
        Contestant::new("nacre, log", DISK, || {
            serve(
                |at, load| nacre::fill(at, false, load),
                |at| nacre::open_with(at, 2),
            );
        }),
        Contestant::new("kevy 7, snapshot", DISK, || {
            serve(
                |at, load| kevy::fill(at, false, load),
                |at| Kevy::open(at, Log::SnapshotOnly),
            );
        }),
        Contestant::new("kevy 7, log", DISK, || {
            serve(
                |at, load| kevy::fill(at, true, load),
                |at| Kevy::open(at, Log::EverySec),
            );
        }),
        Contestant::new("redis, RDB", DISK, || {
            serve(
                |at, load| redis::fill(at, None, load),
                |at| Redis::open(at, None),
            );
        }),
        Contestant::new("redis, AOF", DISK, || {
            let policy = Some("everysec");
            serve(
                move |at, load| redis::fill(at, policy, load),
                move |at| Redis::open(at, policy),
            );
        }),
    ]));
}

fn run_compaction_stall() {
    use stall::serve;
    stall::run(&able(vec![
        Contestant::new("nacre, EverySec", FILE, || {
            serve(Nacre::on_file(Ack::EverySec))
        }),
        Contestant::new("kevy 7, everysec", MAPPED, || {
            serve(Kevy::new(Log::EverySec))
        }),
        Contestant::new("redis, everysec", SOCKET_FILE, || {
            serve(Redis::new(Some("everysec")))
        }),
    ]));
}

fn run_bitmap() {
    use bitmap::serve;
    bitmap::run(&able(vec![
        Contestant::new("plain bytes", MEMORY, || serve(bitmap::PlainBytes::new())),
        Contestant::new("nacre", MEMORY, || serve(Nacre::in_memory())),
        Contestant::new("kevy 7", MEMORY, || serve(Kevy::new(Log::None))),
        Contestant::new("redis", SOCKET, || serve(Redis::new(None))),
    ]));
}

fn run_activity() {
    use days::{NacreDays, PlainDays, serve};
    days::run(&able(vec![
        Contestant::new("plain words", MEMORY, || serve(PlainDays::default())),
        Contestant::new("nacre", MEMORY, || {
            serve(NacreDays::new(Nacre::in_memory()))
        }),
        Contestant::new("roaring", MEMORY, || serve(activity::Roaring::default())),
        Contestant::new("kevy 7", MEMORY, || serve(activity::KevyDays::new())),
        Contestant::new("redis, by its clock", SOCKET, || {
            serve(activity::RedisDays::new())
        }),
    ]));
}

fn run_collections() {
    use collections::serve;
    collections::run(&able(vec![
        Contestant::new("std", MEMORY, || {
            serve(|| StdTypes::new(RandomState::new(), true))
        }),
        Contestant::new("std, ahash", MEMORY, || {
            serve(|| StdTypes::new(hasher(), false))
        }),
        Contestant::new("sorted Vec", MEMORY, || serve(|| SortedVec::new(hasher()))),
        Contestant::new("nacre", MEMORY, || serve(Nacre::in_memory)),
        Contestant::new("nacre, a snapshot", MEMORY, || {
            serve(NacreSnapshot::in_memory)
        }),
        Contestant::new("kevy 7", MEMORY, || serve(|| Kevy::new(Log::None))),
        Contestant::new("redis, 100 in a pipeline", SOCKET, || {
            serve(|| Redis::new(None))
        }),
    ]));
}
