//! Lists, and the sequence behind them, against `VecDeque<Vec<u8>>` in one run.
//!
//! `cargo bench --bench list -- [items] [repetitions]`. Single thread, items of 16 bytes. CPU
//! nanoseconds per call, best of the repetitions; for a write under a clone, which has no counterpart,
//! the median on the wall. Memory is the growth of the resident set.
#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark measures with the system's clock"
)]
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::collections::VecDeque;
use std::hint::black_box;

#[path = "../src/ds"]
#[allow(dead_code, reason = "a benchmark calls a part of the interface")]
mod ds {
    pub(crate) mod config;
    pub(crate) mod sequence;
}
#[path = "common/clock.rs"]
#[allow(dead_code, reason = "a benchmark calls a part of the interface")]
mod clock;

use clock::{Latencies, measure, now, resident_bytes};
use ds::sequence::Sequence;
use nacredb::{Db, prelude::*};

const ITEM_BYTES: usize = 16;
const CALLS: usize = 100_000;

/// splitmix64.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * n as u128) >> 64) as usize
    }
}

fn item(number: usize) -> [u8; ITEM_BYTES] {
    let mut item = *b"item:\0\0\0\0\0\0\0\0:id";
    item[5..13].copy_from_slice(&(number as u64).to_le_bytes());
    item
}

/// CPU nanoseconds per call, best of the repetitions.
fn best(repetitions: usize, calls: usize, mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..repetitions {
        let ((), cost) = measure(&mut run);
        best = best.min(cost.thread.as_nanos() as f64 / calls as f64);
    }
    best
}

fn row(name: &str, ours: f64, std: f64) {
    println!("{name:<36} {ours:>10.1} {std:>10.1} {:>8.2}", ours / std);
}

fn main() {
    // `cargo bench` adds a flag of its own.
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let items = numbers.first().copied().unwrap_or(1_000_000);
    let repetitions = numbers.get(1).copied().unwrap_or(7);

    let before = resident_bytes(None);
    let mut ours = Sequence::new();
    for i in 0..items {
        ours.push_back(&item(i));
    }
    let middle = resident_bytes(None);
    let mut std: VecDeque<Vec<u8>> = (0..items).map(|i| item(i).to_vec()).collect();
    let after = resident_bytes(None);

    println!(
        "{items} items of {ITEM_BYTES} bytes{:>22} {:>10} {:>8}",
        "ours", "std", "ratio"
    );
    row(
        "bytes an item",
        middle.saturating_sub(before) as f64 / items as f64,
        after.saturating_sub(middle) as f64 / items as f64,
    );
    println!(
        "{:<36} {:>10.1}",
        "bytes an item, as accounted",
        ours.memory_bytes() as f64 / items as f64
    );
    reads(&ours, &std, repetitions);
    ends(&mut ours, &mut std, repetitions);
    middle_writes(&mut ours, &mut std, repetitions);
    under_a_clone(ours);
    commands(&mut std, repetitions);
}

fn reads(ours: &Sequence, std: &VecDeque<Vec<u8>>, repetitions: usize) {
    let items = std.len();
    let mut rng = Rng(1);
    let places: Vec<usize> = (0..CALLS).map(|_| rng.below(items)).collect();
    let sum = |item: &[u8]| u64::from(item[5]) + item.len() as u64;
    row(
        "index, random",
        best(repetitions, CALLS, || {
            let found = places.iter().map(|&i| ours.get(i as u64).map_or(0, sum));
            black_box(found.sum::<u64>());
        }),
        best(repetitions, CALLS, || {
            let found = places
                .iter()
                .map(|&i| std.get(i).map_or(0, |item| sum(item)));
            black_box(found.sum::<u64>());
        }),
    );
    let half = items / 2;
    row(
        "index, near the middle",
        best(repetitions, CALLS, || {
            let found = (0..CALLS).map(|i| ours.get((half + i % 64) as u64).map_or(0, sum));
            black_box(found.sum::<u64>());
        }),
        best(repetitions, CALLS, || {
            let found = (0..CALLS).map(|i| std.get(half + i % 64).map_or(0, |item| sum(item)));
            black_box(found.sum::<u64>());
        }),
    );
    let starts: Vec<usize> = (0..CALLS / 20).map(|_| rng.below(items - 100)).collect();
    row(
        "range of 100, visited",
        best(repetitions, starts.len(), || {
            for &from in &starts {
                let range = ours.range(from as u64, from as u64 + 100);
                black_box(range.map(sum).sum::<u64>());
            }
        }),
        best(repetitions, starts.len(), || {
            for &from in &starts {
                black_box(
                    std.range(from..from + 100)
                        .map(|item| sum(item))
                        .sum::<u64>(),
                );
            }
        }),
    );
    row(
        "range of 100, copied",
        best(repetitions, starts.len(), || {
            for &from in &starts {
                let range = ours.range(from as u64, from as u64 + 100);
                black_box(range.map(<[u8]>::to_vec).collect::<Vec<_>>());
            }
        }),
        best(repetitions, starts.len(), || {
            for &from in &starts {
                black_box(std.range(from..from + 100).cloned().collect::<Vec<_>>());
            }
        }),
    );
}

fn ends(ours: &mut Sequence, std: &mut VecDeque<Vec<u8>>, repetitions: usize) {
    row(
        "push front, pop back",
        best(repetitions, CALLS, || {
            for i in 0..CALLS {
                ours.push_front(&item(i));
                let last = ours.len() - 1;
                black_box(ours.get(last).map(<[u8]>::to_vec));
                ours.remove(last, 1);
            }
        }),
        best(repetitions, CALLS, || {
            for i in 0..CALLS {
                std.push_front(item(i).to_vec());
                black_box(std.pop_back());
            }
        }),
    );
    let (mut ours, mut std) = (Sequence::new(), VecDeque::new());
    row(
        "push back, an empty list at first",
        best(repetitions, CALLS, || {
            ours = Sequence::new();
            for i in 0..CALLS {
                ours.push_back(&item(i));
            }
        }),
        best(repetitions, CALLS, || {
            std = VecDeque::new();
            for i in 0..CALLS {
                std.push_back(item(i).to_vec());
            }
        }),
    );
}

fn middle_writes(ours: &mut Sequence, std: &mut VecDeque<Vec<u8>>, repetitions: usize) {
    let items = std.len();
    let mut rng = Rng(2);
    let places: Vec<usize> = (0..CALLS).map(|_| rng.below(items)).collect();
    row(
        "set, random",
        best(repetitions, CALLS, || {
            for &i in &places {
                black_box(ours.set(i as u64, &item(i)));
            }
        }),
        best(repetitions, CALLS, || {
            for &i in &places {
                std[i] = item(i).to_vec();
            }
        }),
    );
    let few = 40;
    row(
        "insert and remove, random",
        best(repetitions, CALLS, || {
            for &i in &places {
                ours.insert(i as u64, &item(i));
                black_box(ours.remove(i as u64 / 2, 1));
            }
        }),
        best(repetitions.min(3), few, || {
            for &i in &places[..few] {
                std.insert(i, item(i).to_vec());
                black_box(std.remove(i / 2));
            }
        }),
    );
    row(
        "take 1000 out of the middle",
        best(repetitions, few, || {
            for &i in &places[..few] {
                black_box(ours.remove(i as u64 / 2, 1000));
            }
        }),
        best(repetitions.min(3), few, || {
            for &i in &places[..few] {
                let i = i / 2;
                black_box(std.drain(i..i + 1000).collect::<Vec<_>>());
            }
        }),
    );
}

fn under_a_clone(mut ours: Sequence) {
    let items = ours.len() as usize;
    let mut rng = Rng(3);
    for (name, clone_each) in [
        ("set, one clone held", false),
        ("set, a fresh clone each time", true),
    ] {
        let mut held = ours.clone();
        let mut times = Latencies::with_capacity(20_000);
        for _ in 0..20_000 {
            let i = rng.below(items);
            if clone_each {
                held = ours.clone();
            }
            let start = now();
            ours.set(i as u64, &item(i));
            times.note(start.elapsed());
        }
        drop(held);
        let (median, high) = (times.percentile(0.5), times.percentile(0.99));
        println!("{name:<36} {median:>10.1} median, {high:.1} at 99 %");
    }
}

/// The same through a database in memory, by typed methods.
fn commands(std: &mut VecDeque<Vec<u8>>, repetitions: usize) {
    let items = std.len();
    let db = Db::open_in_memory();
    for start in (0..items).step_by(1000) {
        let piece: Vec<[u8; ITEM_BYTES]> = (start..items.min(start + 1000)).map(item).collect();
        db.rpush("list", &piece).expect("a list");
    }
    let middle = (items / 2) as i64;
    row(
        "LINDEX in the middle, copied",
        best(repetitions, CALLS, || {
            for i in 0..CALLS as i64 {
                black_box(db.lindex("list", middle + i % 64).expect("a list"));
            }
        }),
        best(repetitions, CALLS, || {
            for i in 0..CALLS {
                black_box(std.get(items / 2 + i % 64).cloned());
            }
        }),
    );
    let mut rng = Rng(4);
    let places: Vec<usize> = (0..CALLS / 10).map(|_| rng.below(items - 100)).collect();
    row(
        "LINDEX at random, copied",
        best(repetitions, places.len(), || {
            for &i in &places {
                black_box(db.lindex("list", i as i64).expect("a list"));
            }
        }),
        best(repetitions, places.len(), || {
            for &i in &places {
                black_box(std.get(i).cloned());
            }
        }),
    );
    row(
        "LRANGE of 100 in the middle, copied",
        best(repetitions, places.len(), || {
            for i in 0..places.len() as i64 {
                let from = middle + i % 64;
                black_box(db.lrange("list", from, from + 99).expect("a list"));
            }
        }),
        best(repetitions, places.len(), || {
            for i in 0..places.len() {
                let from = items / 2 + i % 64;
                black_box(std.range(from..from + 100).cloned().collect::<Vec<_>>());
            }
        }),
    );
    row(
        "LRANGE of 100 at random, copied",
        best(repetitions, places.len(), || {
            for &i in &places {
                black_box(db.lrange("list", i as i64, i as i64 + 99).expect("a list"));
            }
        }),
        best(repetitions, places.len(), || {
            for &i in &places {
                black_box(std.range(i..i + 100).cloned().collect::<Vec<_>>());
            }
        }),
    );
    row(
        "LPUSH and RPOP",
        best(repetitions, CALLS, || {
            for i in 0..CALLS {
                db.lpush("list", &[item(i)]).expect("a list");
                black_box(db.rpop("list").expect("a list"));
            }
        }),
        best(repetitions, CALLS, || {
            for i in 0..CALLS {
                std.push_front(item(i).to_vec());
                black_box(std.pop_back());
            }
        }),
    );
    for (name, fresh_each) in [
        ("LSET, one snapshot held", false),
        ("LSET, a fresh snapshot each time", true),
    ] {
        let mut held = db.snapshot().expect("open");
        let mut times = Latencies::with_capacity(20_000);
        for _ in 0..20_000 {
            let i = rng.below(items);
            if fresh_each {
                held = db.snapshot().expect("open");
            }
            let start = now();
            db.lset("list", i as i64, item(i)).expect("a list");
            times.note(start.elapsed());
        }
        drop(held);
        let (median, high) = (times.percentile(0.5), times.percentile(0.99));
        println!("{name:<36} {median:>10.1} median, {high:.1} at 99 %");
    }
}
