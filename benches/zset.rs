//! The sorted set against a `BTreeSet` and a `HashMap` in one run.
//!
//! `cargo bench --bench zset -- [members] [repetitions]`. Single thread, random access, 16-byte members,
//! random scores. The table gives CPU nanoseconds per operation, best of the repetitions, and the ratio to
//! std. A `BTreeSet` has no ranks: what it cannot do at all is left empty.
#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark measures with the system's clock"
)]
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::collections::{BTreeSet, HashMap};
use std::hint::black_box;

#[path = "../src/ds"]
#[allow(dead_code, reason = "a benchmark calls a part of the interface")]
#[allow(unused_imports, reason = "a benchmark calls a part of the interface")]
mod ds {
    pub(crate) mod config;
    pub(crate) mod hash_trie;
    pub(crate) mod pages;
    pub(crate) mod skiplist;
}

#[path = "../src/value"]
#[allow(dead_code, reason = "a benchmark calls a part of the interface")]
#[allow(unreachable_pub, reason = "these are public in the library")]
mod value {
    pub(crate) mod number;
    pub(crate) mod zset;

    /// As in the library.
    #[derive(Default)]
    pub(crate) struct EncodingLimits {
        pub(crate) zset_listpack_entries: usize,
        pub(crate) zset_listpack_value_bytes: usize,
    }
}

use value::EncodingLimits;
use value::zset::{ScoreBound, ZSetValue};

const LIMITS: EncodingLimits = EncodingLimits {
    zset_listpack_entries: 128,
    zset_listpack_value_bytes: 64,
};

/// A score as an integer that sorts like it: all of them are positive here.
type Pair = (u64, Vec<u8>);

/// The same of std's parts.
struct Std {
    order: BTreeSet<Pair>,
    scores: HashMap<Vec<u8>, f64, ahash::RandomState>,
}

impl Std {
    fn insert(&mut self, member: &[u8], score: f64) {
        match self.scores.get_mut(member) {
            Some(old) => {
                let before = std::mem::replace(old, score);
                let moved = self.order.take(&(before.to_bits(), member.to_vec()));
                let member = moved.expect("both have it").1;
                self.order.insert((score.to_bits(), member));
            }
            None => {
                self.scores.insert(member.to_vec(), score);
                self.order.insert((score.to_bits(), member.to_vec()));
            }
        }
    }
}

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    fn score(&mut self) -> f64 {
        (self.next() >> 11) as f64 / 1e3
    }
}

fn member(number: usize) -> [u8; 16] {
    let mut member = *b"user:\0\0\0\0\0\0\0\0:id";
    member[5..13].copy_from_slice(&(number as u64).to_le_bytes());
    member
}

/// Time that this thread has spent on a processor.
fn cpu_ns() -> u64 {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
    #[cfg(not(unix))]
    {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let start = START.get_or_init(std::time::Instant::now);
        start.elapsed().as_nanos() as u64
    }
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1);
    pages.and_then(|field| field.parse().ok()).unwrap_or(0) * 4096
}

/// CPU nanoseconds per call, best of the repetitions.
fn best(repetitions: usize, calls: usize, mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..repetitions {
        let start = cpu_ns();
        run();
        best = best.min((cpu_ns() - start) as f64 / calls as f64);
    }
    best
}

fn row(name: &str, ours: f64, std: Option<f64>) {
    match std {
        Some(std) => println!("{name:<40} {ours:>10.1} {std:>10.1} {:>8.2}", ours / std),
        None => println!("{name:<40} {ours:>10.1}"),
    }
}

fn percentiles(name: &str, times: &mut [u64]) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    let (p50, p90, p99) = (at(0.5), at(0.9), at(0.99));
    println!("{name:<40} p50 {p50:>6} p90 {p90:>6} p99 {p99:>7} ns");
}

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let from_env = std::env::var("NACRE_BENCH_KEYS").ok();
    let from_env = from_env.and_then(|text| text.parse().ok());
    let count = numbers
        .first()
        .copied()
        .or(from_env)
        .unwrap_or(1_000_000)
        .max(1_000);
    let repetitions = numbers.get(1).copied().unwrap_or(3).max(1);
    let calls = count.clamp(10_000, 500_000);
    let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
    let mut rng = Rng(7);
    let scores: Vec<f64> = (0..count).map(|_| rng.score()).collect();
    println!("{count} members of 16 bytes; ns per operation");
    println!("{:<40} {:>10} {:>10} {:>8}", "", "zset", "std", "ratio");

    let before = resident_bytes();
    let mut zset = ZSetValue::new();
    let ours = best(1, count, || {
        for (number, score) in scores.iter().enumerate() {
            zset.insert(&member(number), *score, &LIMITS, &hasher);
        }
    });
    let zset_bytes = resident_bytes().saturating_sub(before) as f64 / count as f64;
    let before = resident_bytes();
    let mut map = Std {
        order: BTreeSet::new(),
        scores: HashMap::with_hasher(hasher.clone()),
    };
    let std = best(1, count, || {
        for (number, score) in scores.iter().enumerate() {
            map.insert(&member(number), *score);
        }
    });
    let map_bytes = resident_bytes().saturating_sub(before) as f64 / count as f64;
    row("ZADD, growing from empty", ours, Some(std));
    assert_eq!(zset.len(), map.order.len() as u64);

    let picks: Vec<usize> = (0..calls).map(|_| rng.below(count)).collect();
    let ours = best(repetitions, calls, || {
        for &pick in &picks {
            zset.insert(&member(pick), rng.score(), &LIMITS, &hasher);
        }
    });
    let std = best(repetitions, calls, || {
        for &pick in &picks {
            map.insert(&member(pick), rng.score());
        }
    });
    row("ZADD, another score", ours, Some(std));
    // The same content again on both sides.
    for (number, score) in scores.iter().enumerate() {
        zset.insert(&member(number), *score, &LIMITS, &hasher);
        map.insert(&member(number), *score);
    }
    let pairs = zset
        .range(0..zset.len())
        .map(|(m, score)| (score.to_bits(), m));
    assert!(pairs.eq(map.order.iter().map(|(score, m)| (*score, m.as_slice()))));

    let mut sums = [0.0; 2];
    let ours = best(repetitions, calls, || {
        for &pick in &picks {
            sums[0] += zset.score(&member(pick)).unwrap_or(f64::NAN);
        }
    });
    let std = best(repetitions, calls, || {
        for &pick in &picks {
            sums[1] += map
                .scores
                .get(&member(pick)[..])
                .copied()
                .unwrap_or(f64::NAN);
        }
    });
    assert_eq!(sums[0], sums[1]);
    row("ZSCORE", ours, Some(std));

    let ours = best(repetitions, calls, || {
        for &pick in &picks {
            black_box(zset.rank(&member(pick)).expect("a member"));
        }
    });
    row("ZRANK", ours, None);
    for &pick in picks.iter().take(1_000) {
        let rank = zset.rank(&member(pick)).expect("a member");
        assert_eq!(zset.at(rank), Some((&member(pick)[..], scores[pick])));
    }

    let few = calls / 20;
    let at: Vec<u64> = (0..few).map(|_| rng.below(count - 100) as u64).collect();
    let mut sum = 0.0;
    let ours = best(repetitions, few, || {
        for &start in &at {
            zset.range(start..start + 100)
                .for_each(|(m, score)| sum += score + m[5] as f64);
        }
    });
    row("ZRANGE of 100 in the middle, visited", ours, None);
    let ours = best(repetitions, few, || {
        for &start in &at {
            zset.range(start..start + 100)
                .rev()
                .for_each(|(m, score)| sum += score + m[5] as f64);
        }
    });
    row("ZREVRANGE of 100, visited", ours, None);
    let ours = best(repetitions, few, || {
        for &start in &at {
            let owned: Vec<(Vec<u8>, f64)> = zset
                .range(start..start + 100)
                .map(|(m, score)| (m.to_vec(), score))
                .collect();
            black_box(owned);
        }
    });
    row("ZRANGE of 100 in the middle, owned", ours, None);

    let ours = best(repetitions, few, || {
        for &pick in &picks[..few] {
            let min = ScoreBound::Inclusive(scores[pick]);
            let ranks = zset.ranks_by_score(min, ScoreBound::Inclusive(f64::INFINITY));
            let limited = ranks.start..ranks.end.min(ranks.start + 100);
            zset.range(limited)
                .for_each(|(m, score)| sum += score + m[5] as f64);
        }
    });
    let std = best(repetitions, few, || {
        for &pick in &picks[..few] {
            let from = (scores[pick].to_bits(), Vec::new());
            let found = map.order.range(from..).take(100);
            found.for_each(|(score, m)| sum += f64::from_bits(*score) + m[5] as f64);
        }
    });
    row("ZRANGEBYSCORE LIMIT 100, visited", ours, Some(std));
    let ours = best(repetitions, calls, || {
        for pair in picks.windows(2) {
            let min = ScoreBound::Inclusive(scores[pair[0]]);
            let max = ScoreBound::Inclusive(scores[pair[1]]);
            black_box(zset.ranks_by_score(min, max));
        }
    });
    row("ZCOUNT", ours, None);
    black_box(sum);

    row("bytes a member, resident", zset_bytes, Some(map_bytes));
    row(
        "bytes a member, memory_bytes",
        zset.memory_bytes() as f64 / count as f64,
        None,
    );

    let update = |zset: &mut ZSetValue, rng: &mut Rng, writes: usize| -> Vec<u64> {
        let updates = (0..writes).map(|_| {
            let (member, score) = (member(rng.below(count)), rng.score());
            let start = cpu_ns();
            zset.insert(&member, score, &LIMITS, &hasher);
            cpu_ns() - start
        });
        updates.collect()
    };
    let few = (count / 200).clamp(100, 5_000);
    percentiles(
        "(reading the clock)",
        &mut (0..few)
            .map(|_| {
                let start = cpu_ns();
                cpu_ns() - start
            })
            .collect::<Vec<_>>(),
    );
    percentiles(
        "ZADD, nothing shared",
        &mut update(&mut zset, &mut rng, few),
    );
    let held = zset.clone();
    percentiles(
        "ZADD, first writes under a clone",
        &mut update(&mut zset, &mut rng, few),
    );
    let held_again = zset.clone();
    percentiles(
        "ZADD, first writes under a second",
        &mut update(&mut zset, &mut rng, few),
    );
    drop((held, held_again));

    let ours = best(1, count, || {
        while zset.len() > 0 {
            zset.remove_ranks(0..1);
        }
    });
    let std = best(1, count, || {
        while let Some((_, member)) = map.order.pop_first() {
            map.scores.remove(&member);
        }
    });
    row("ZPOPMIN until empty", ours, Some(std));
}
