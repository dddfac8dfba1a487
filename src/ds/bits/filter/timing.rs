//! What filters cost, held against a plain read of the same chunks. Run alone, optimised:
//! `cargo test --release --lib filter::timing -- --ignored --nocapture --test-threads 1`
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the time")]

use std::hint::black_box;
use std::time::Instant;

use super::super::Bits;
use super::*;
use crate::ds::popcount;

/// The best of several runs, in µs.
fn best_us(runs: usize, mut run: impl FnMut()) -> f64 {
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_nanos() as f64 / 1000.0
        })
        .fold(f64::INFINITY, f64::min)
}

/// Days on which about `percent` of the users were active, and a few users always.
fn days(count: u64, users: u64, percent: u64) -> Vec<Bits> {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        state >> 33
    };
    (0..count)
        .map(|_| {
            let bytes: Vec<u8> = (0..users / 8)
                .map(|at| {
                    let low =
                        (0..8).fold(0, |byte, _| byte << 1 | u8::from(next() % 100 < percent));
                    if at % 100 == 0 { low | 1 } else { low }
                })
                .collect();
            Bits::from_bytes(&bytes)
        })
        .collect()
}

fn read_all(days: &[Bits]) -> u64 {
    let mut sum = 0;
    for day in days {
        day.for_each_chunk(0, u64::MAX, &mut |_, bytes| {
            sum ^= popcount::sum_words(bytes)
        });
    }
    sum
}

fn compare(users: u64, count: u64, runs: usize) {
    let days = days(count, users, 40);
    let sources = |n: usize| days[..n].iter().map(Source::Bits);
    let filters = |n: usize| sources(n).map(Filter::Source).collect::<Vec<_>>();
    let counted = |n: usize, at_least: u32, at_most: u32| Filter::Counted {
        of: sources(n).collect(),
        at_least,
        at_most,
    };
    let n = days.len();
    let cases = [
        ("and of 2", 2, Filter::And(filters(2))),
        ("or of 2", 2, Filter::Or(filters(2))),
        ("or of 7", 7, Filter::Or(filters(7))),
        ("at least 3 of 7", 7, counted(7, 3, u32::MAX)),
        ("at least 10 of 30", 30, counted(30, 10, u32::MAX)),
        ("at least 100 of all", n, counted(n, 100, u32::MAX)),
        ("at least 140, at most 150 of all", n, counted(n, 140, 150)),
        ("and of all", n, Filter::And(filters(n))),
        ("or of all", n, Filter::Or(filters(n))),
        ("xor of all", n, Filter::Xor(filters(n))),
    ];
    for (name, read, filter) in cases {
        let plain = best_us(runs, || {
            black_box(read_all(black_box(&days[..read])));
        });
        let took = best_us(runs, || {
            let plan = Plan::new(black_box(&filter)).expect("flat");
            black_box(plan.count(0, u64::MAX));
        });
        let ratio = took / plain;
        eprintln!("{users:9} users: {name:34} {took:10.1} µs, read {plain:10.1} µs, {ratio:5.2} x");
    }
    let filter = counted(n, 140, u32::MAX);
    let plan = Plan::new(&filter).expect("flat");
    let members = plan.count(0, u64::MAX);
    let took = best_us(runs, || {
        let _ = plan.for_each_set_bit(0, u64::MAX, |bit| {
            black_box(bit);
            ControlFlow::Continue(())
        });
    });
    eprintln!("{users:9} users: {members} members walked in {took:.1} µs");
}

#[test]
#[ignore = "a benchmark"]
fn days_in_the_cache() {
    compare(100_000, 365, 300);
}

#[test]
#[ignore = "a benchmark"]
fn days_in_memory() {
    compare(10_000_000, 365, 5);
}
