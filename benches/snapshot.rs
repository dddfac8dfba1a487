//! What a snapshot costs: the call, the writes after it, and the memory, at several sizes.
//!
//! `NACRE_BENCH_KEYS=10000000 cargo bench --bench snapshot`
//!
//! After a snapshot, the first write to a page of the table copies the page. "First touch" is the CPU
//! time of a write to a random key in groups of ten right after a snapshot: nearly all of them
//! meet a page that is still shared. Then the same writes again, and one write to every key.

mod common;

use common::child::{self, Answer, Contestant, Running};
use common::clock::{Latencies, measure, now, resident_bytes};
use common::data::{Calls, Order, Values, key};
use common::nacre::Nacre;
use common::store::Store;
use common::table::{Figures, Table, short};
use common::{keys, rounds, say};
use nacredb::prelude::*;

const WORKLOAD: &str = "snapshot";
const VALUE_BYTES: usize = 64;
const PART: u64 = 100_000;
const TOUCHES: usize = 1000;

fn main() {
    let contestants = [Contestant::new("nacre", "memory", serve)];
    child::work_if_child(WORKLOAD, &contestants);
    let most = keys(1_000_000);
    let mut sizes = vec![1_000.min(most), most.min(1_000_000), most];
    sizes.dedup();
    say("\n## snapshot: keys of 16 bytes, values of 64 random bytes, in memory");
    let headings = [
        "keys",
        "snapshot() µs, p50",
        "p99",
        "longest",
        "write before, p50 µs",
        "first touch, p50 µs",
        "p99.9",
        "same again, p50 µs",
        "first 1 k, CPU ns",
        "next 9 k",
        "next 90 k",
        "next 900 k",
        "copied, bytes a touch",
    ];
    let mut table = Table::new(&headings);
    let names = [
        "call50", "call99", "callmax", "before", "first", "first999", "again", "w0", "w1", "w2",
        "w3", "copied",
    ];
    for size in sizes {
        let mut child = Running::start(WORKLOAD, &contestants[0]);
        child.ask(&format!("load {size}"));
        let mut figures = vec![Figures::default(); names.len()];
        for round in 0..rounds(5) {
            let answer = child.ask(&format!("round {round}"));
            for (figures, name) in figures.iter_mut().zip(names) {
                if answer[name].is_finite() {
                    figures.note(answer[name]);
                }
            }
        }
        let mut cells = vec![short(size as f64)];
        cells.extend(figures.iter().map(Figures::text));
        table.row(cells);
    }
    table.print("Snapshots");
}

fn serve() {
    let mut nacre = Nacre::in_memory();
    let values = Values::new(VALUE_BYTES);
    let mut keys = 0;
    let mut version = 0;
    child::serve(|words| match words {
        ["load", count] => {
            keys = count.parse().expect("a number");
            for from in (0..keys).step_by(PART as usize) {
                let indices: Vec<u32> = (from..keys.min(from + PART))
                    .map(|index| index as u32)
                    .collect();
                let keys = indices.iter().map(|&index| key(u64::from(index))).collect();
                nacre.set_all(&Calls { indices, keys }, &values, 0);
            }
            Vec::new()
        }
        ["round", round] => {
            let round: u64 = round.parse().expect("a number");
            one_round(&mut nacre, &values, keys, round, &mut version)
        }
        other => panic!("unknown line {other:?}"),
    });
}

fn one_round(
    nacre: &mut Nacre,
    values: &Values,
    keys: u64,
    round: u64,
    version: &mut u32,
) -> Answer {
    let db = nacre.db.clone();
    let mut calls = Latencies::with_capacity(TOUCHES);
    for _ in 0..TOUCHES {
        let before = now();
        let snapshot = db.snapshot().expect("taken");
        calls.note(before.elapsed());
        drop(snapshot);
    }
    let writes = Calls::new(Order::Uniform, keys, TOUCHES, round * 10);
    let each = |nacre: &mut Nacre, version: u32| {
        let mut latencies = Latencies::with_capacity(TOUCHES);
        for (key, &index) in writes.keys.iter().zip(&writes.indices) {
            let before = now();
            nacre.set(key, values.of(index, version));
            latencies.note(before.elapsed());
        }
        latencies
    };
    // Reading first brings the pages into the cache, as far as they fit: the rows differ by copying only.
    let olds: Vec<Vec<u8>> = writes
        .keys
        .iter()
        .map(|key| db.get(key).expect("read").expect("there"))
        .collect();
    let mut before = each(nacre, *version + 1);
    let olds_changed: Vec<Vec<u8>> = writes
        .keys
        .iter()
        .map(|key| db.get(key).expect("read").expect("there"))
        .collect();
    assert_ne!(olds, olds_changed, "the writes arrived");

    let resident = resident_bytes(None);
    let snapshot = db.snapshot().expect("taken");
    let mut first = each(nacre, *version + 2);
    let copied = resident_bytes(None).saturating_sub(resident);
    let mut again = each(nacre, *version + 3);
    for (key, old) in writes.keys.iter().zip(&olds_changed) {
        let kept = snapshot.get(key).expect("read");
        assert_eq!(kept.as_ref(), Some(old), "the snapshot has not moved");
    }
    for (key, &index) in writes.keys.iter().zip(&writes.indices) {
        let found = db.get(key).expect("read");
        assert_eq!(
            found.as_deref(),
            Some(values.of(index, *version + 3)),
            "the last write"
        );
    }
    drop(snapshot);

    let mut answer: Answer = vec![
        ("call50", calls.percentile(0.5) / 1e3),
        ("call99", calls.percentile(0.99) / 1e3),
        ("callmax", calls.percentile(1.0) / 1e3),
        ("before", before.percentile(0.5) / 1e3),
        ("first", first.percentile(0.5) / 1e3),
        ("first999", first.percentile(0.999) / 1e3),
        ("again", again.percentile(0.5) / 1e3),
        ("copied", copied as f64 / TOUCHES as f64),
    ];
    let snapshot = db.snapshot().expect("taken");
    let parts = [
        ("w0", 1_000),
        ("w1", 9_000),
        ("w2", 90_000),
        ("w3", 900_000),
    ];
    for (part, (name, count)) in (1..).zip(parts) {
        let figure = if count <= keys.max(1_000) as usize * 10 {
            let calls = Calls::new(Order::Uniform, keys, count, round * 10 + part);
            let ((), cost) = measure(|| nacre.set_all(&calls, values, *version + 3));
            cost.thread.as_nanos() as f64 / count as f64
        } else {
            f64::NAN
        };
        answer.push((name, figure));
    }
    drop(snapshot);
    *version += 3;
    answer
}
