//! The hash trie against `HashMap<Vec<u8>, Vec<u8>, ahash::RandomState>` in one run.
//!
//! `cargo bench --bench hash_trie -- [keys] [value bytes] [repetitions]`. Single thread, random
//! access, 16-byte keys. Memory is the growth of the resident set. The table gives CPU nanoseconds
//! per operation, best of the repetitions, and the ratio to the map.
#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark measures with the system's clock"
)]
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::collections::HashMap;
use std::hint::black_box;

#[path = "../src/ds"]
#[allow(dead_code, reason = "a benchmark calls a part of the interface")]
#[allow(unused_imports, reason = "a benchmark calls a part of the interface")]
mod ds {
    pub(crate) mod census;
    pub(crate) mod config;
    pub(crate) mod hash_trie;
    pub(crate) mod pages;
    #[cfg(test)]
    mod test_random;
}

use ds::hash_trie::{EntryRef, HashTrie, NO_DEADLINE, NewPayload, Payload};

type Trie = HashTrie<std::sync::Arc<Vec<u8>>>;
type Map = HashMap<Vec<u8>, Vec<u8>, ahash::RandomState>;

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
}

fn key(number: usize) -> [u8; 16] {
    let mut key = *b"user:\0\0\0\0\0\0\0\0:id";
    key[5..13].copy_from_slice(&(number as u64).to_le_bytes());
    key
}

/// Time that this thread has spent on a processor: waiting for one on a busy machine is left out.
struct Start(u64);

impl Start {
    fn now() -> Self {
        Start(cpu_ns())
    }

    fn ns(&self) -> u64 {
        cpu_ns() - self.0
    }
}

#[cfg(unix)]
fn cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(not(unix))]
fn cpu_ns() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START
        .get_or_init(std::time::Instant::now)
        .elapsed()
        .as_nanos() as u64
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|field| field.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

/// CPU nanoseconds per call, best of the repetitions.
fn best(repetitions: usize, calls: usize, mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..repetitions {
        let start = Start::now();
        run();
        best = best.min(start.ns() as f64 / calls as f64);
    }
    best
}

fn row(name: &str, trie: f64, map: f64) {
    println!("{name:<34} {trie:>10.1} {map:>10.1} {:>8.2}", trie / map);
}

fn value_of<'a>(entry: &EntryRef<'a, std::sync::Arc<Vec<u8>>>) -> &'a [u8] {
    match entry.payload {
        Payload::Inline(bytes) => bytes,
        Payload::Large(large) => large,
    }
}

fn put(trie: &mut Trie, hasher: &ahash::RandomState, key: &[u8], value: &[u8]) {
    let hash = Trie::hash_key(hasher, key);
    trie.insert(hash, key, 0, NO_DEADLINE, NewPayload::Inline(value));
}

/// The table must be right before it is fast: a short random run against the map, on full-size pages.
fn check_against_map(hasher: &ahash::RandomState) {
    let mut trie = Trie::new(hasher.clone());
    let mut map = Map::with_hasher(hasher.clone());
    let mut rng = Rng(42);
    for round in 0..200_000u32 {
        let number = rng.below(20_000);
        let key = &key(number)[..16 - number % 4];
        let hash = Trie::hash_key(hasher, key);
        if rng.below(5) < 3 {
            let most = 1 << rng.below(11);
            let value = vec![round as u8; rng.below(most + 1)];
            trie.insert(hash, key, 0, NO_DEADLINE, NewPayload::Inline(&value));
            map.insert(key.to_vec(), value);
        } else {
            assert_eq!(trie.remove(hash, key).is_some(), map.remove(key).is_some());
        }
        if round % 50_000 == 0 {
            let keep = trie.clone();
            let copy = map.clone();
            put(&mut trie, hasher, key, b"after");
            map.insert(key.to_vec(), b"after".to_vec());
            assert_eq!(keep.len(), copy.len());
        }
    }
    assert_eq!(trie.len(), map.len());
    for entry in trie.iter() {
        assert_eq!(
            map.get(entry.key).map(Vec::as_slice),
            Some(value_of(&entry))
        );
    }
}

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let keys = numbers.first().copied().unwrap_or(1_000_000).max(1);
    let value_bytes = numbers.get(1).copied().unwrap_or(64).min(1024);
    let repetitions = numbers.get(2).copied().unwrap_or(5).max(1);
    let calls = keys.clamp(100_000, 2_000_000);
    let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
    check_against_map(&hasher);

    let mut order: Vec<u32> = (0..keys as u32).collect();
    let mut rng = Rng(7);
    for i in (1..keys).rev() {
        order.swap(i, rng.below(i + 1));
    }
    let value = vec![7u8; value_bytes];
    println!("{keys} keys of 16 bytes, values of {value_bytes}; ns per operation");
    println!("{:<34} {:>10} {:>10} {:>8}", "", "trie", "map", "ratio");

    let before = resident_bytes();
    let start = Start::now();
    let mut trie = Trie::new(hasher.clone());
    for &number in &order {
        put(&mut trie, &hasher, &key(number as usize), &value);
    }
    let trie_insert = start.ns() as f64 / keys as f64;
    let trie_bytes = resident_bytes().saturating_sub(before) as f64 / keys as f64;
    let node_bytes = trie.memory_bytes() as f64 / keys as f64;

    let before = resident_bytes();
    let start = Start::now();
    let mut map = Map::with_hasher(hasher.clone());
    for &number in &order {
        map.insert(key(number as usize).to_vec(), value.clone());
    }
    let map_insert = start.ns() as f64 / keys as f64;
    let map_bytes = resident_bytes().saturating_sub(before) as f64 / keys as f64;
    row("insert, growing from empty", trie_insert, map_insert);

    let picks: Vec<u32> = (0..calls).map(|_| rng.below(keys) as u32).collect();
    let mut sums = [0u64; 2];
    let trie_get = best(repetitions, calls, || {
        for &pick in &picks {
            let key = key(pick as usize);
            let entry = trie
                .get(Trie::hash_key(&hasher, &key), &key)
                .expect("inserted");
            sums[0] += u64::from(value_of(&entry).last().copied().unwrap_or(1));
        }
    });
    let map_get = best(repetitions, calls, || {
        for &pick in &picks {
            let value = map.get(&key(pick as usize)[..]).expect("inserted");
            sums[1] += u64::from(value.last().copied().unwrap_or(1));
        }
    });
    assert_eq!(sums[0], sums[1]);
    row("GET, present", trie_get, map_get);

    // Each key depends on the value before it: latency, not throughput.
    let mut last = 1usize;
    let trie_chain = best(repetitions, calls, || {
        for &pick in &picks {
            let key = key(pick as usize ^ usize::from(last == 0));
            let entry = trie
                .get(Trie::hash_key(&hasher, &key), &key)
                .expect("inserted");
            last = black_box(usize::from(value_of(&entry).last().copied().unwrap_or(1)));
        }
    });
    let map_chain = best(repetitions, calls, || {
        for &pick in &picks {
            let value = map
                .get(&key(pick as usize ^ usize::from(last == 0))[..])
                .expect("inserted");
            last = black_box(usize::from(value.last().copied().unwrap_or(1)));
        }
    });
    row("GET, each after the last", trie_chain, map_chain);

    let trie_miss = best(repetitions, calls, || {
        for &pick in &picks {
            let key = key(pick as usize + keys);
            assert!(trie.get(Trie::hash_key(&hasher, &key), &key).is_none());
        }
    });
    let map_miss = best(repetitions, calls, || {
        for &pick in &picks {
            assert!(!map.contains_key(&key(pick as usize + keys)[..]));
        }
    });
    row("GET, absent", trie_miss, map_miss);

    let mut round = 0u8;
    let trie_set = best(repetitions, calls, || {
        round += 1;
        let value = vec![round; value_bytes];
        for &pick in &picks {
            put(&mut trie, &hasher, &key(pick as usize), &value);
        }
    });
    let map_set = best(repetitions, calls, || {
        round += 1;
        for &pick in &picks {
            map.insert(key(pick as usize).to_vec(), vec![round; value_bytes]);
        }
    });
    row("SET, same length", trie_set, map_set);
    let map_set = best(repetitions, calls, || {
        round += 1;
        for &pick in &picks {
            if let Some(value) = map.get_mut(&key(pick as usize)[..]) {
                value.fill(round);
            }
        }
    });
    let trie_edit = best(repetitions, calls, || {
        round += 1;
        for &pick in &picks {
            let key = key(pick as usize);
            if let Some(value) = trie.inline_mut(Trie::hash_key(&hasher, &key), &key) {
                value.fill(round);
            }
        }
    });
    row("edit in place", trie_edit, map_set);

    let trie_iter = best(repetitions, keys, || {
        black_box(
            trie.iter()
                .map(|entry| value_of(&entry).len())
                .sum::<usize>(),
        );
    });
    let map_iter = best(repetitions, keys, || {
        black_box(map.values().map(Vec::len).sum::<usize>());
    });
    row("iterate", trie_iter, map_iter);

    println!(
        "{:<34} {trie_bytes:>10.1} {map_bytes:>10.1} {:>8.2}",
        "bytes per key (resident)",
        trie_bytes / map_bytes
    );
    println!("{:<34} {node_bytes:>10.1}", "bytes per key (memory_bytes)");

    let start = Start::now();
    drop(map);
    let map_drop = start.ns() as f64 / keys as f64;
    snapshots(&mut trie, &hasher, keys, &mut rng, value_bytes);

    let start = Start::now();
    for &number in &order[..keys - keys / 100] {
        let key = key(number as usize);
        trie.remove(Trie::hash_key(&hasher, &key), &key);
    }
    let removed = start.ns() as f64 / keys as f64;
    println!("{:<34} {removed:>10.1}", "remove 99 % (per key)");
    println!(
        "{:<34} {:>10.1}",
        "then bytes per key left",
        trie.memory_bytes() as f64 / trie.len().max(1) as f64
    );
    for &number in &order[..keys - keys / 100] {
        put(&mut trie, &hasher, &key(number as usize), &value);
    }
    let start = Start::now();
    drop(trie);
    row("drop (per key)", start.ns() as f64 / keys as f64, map_drop);
}

fn percentile(sorted: &[u64], part: f64) -> u64 {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

fn print_times(name: &str, times: &mut [u64]) {
    times.sort_unstable();
    println!(
        "{name:<34} p50 {:>6} p90 {:>6} p99 {:>6} p99.9 {:>7} ns",
        percentile(times, 0.5),
        percentile(times, 0.9),
        percentile(times, 0.99),
        percentile(times, 0.999),
    );
}

/// The cost of a clone, and of writes after it.
fn snapshots(
    trie: &mut Trie,
    hasher: &ahash::RandomState,
    keys: usize,
    rng: &mut Rng,
    value_bytes: usize,
) {
    let value = vec![9u8; value_bytes];
    let clones = 100_000;
    let start = Start::now();
    for _ in 0..clones {
        black_box(trie.clone());
    }
    let clone = start.ns() as f64 / f64::from(clones);
    println!("{:<34} {clone:>10.1}", "clone and drop (ns)");

    let timed = |trie: &mut Trie, rng: &mut Rng, writes: usize| -> Vec<u64> {
        let mut times = Vec::with_capacity(writes);
        for _ in 0..writes {
            let key = key(rng.below(keys));
            let start = Start::now();
            put(trie, hasher, &key, &value);
            times.push(start.ns());
        }
        times
    };
    let writes = (keys / 10).clamp(1_000, 200_000);
    print_times("SET, nothing shared", &mut timed(trie, rng, writes));
    let few = (keys / 200).clamp(1_000, 20_000);
    for name in [
        "SET, first after a clone",
        "SET, first after a second clone",
    ] {
        let snapshot = trie.clone();
        print_times(name, &mut timed(trie, rng, few));
        drop(snapshot);
    }
    let snapshot = trie.clone();
    (0..keys / 4).for_each(|_| put(trie, hasher, &key(rng.below(keys)), &value));
    print_times("SET, most pages touched", &mut timed(trie, rng, writes));
    let start = Start::now();
    drop(snapshot);
    println!(
        "{:<34} {:>10.1}",
        "drop of the snapshot (ms)",
        start.ns() as f64 / 1e6
    );
}
