//! `bitmap`: SETBIT far out, SETBIT in a long string, BITCOUNT, and distinct users over windows of days.

use std::collections::HashMap;

use super::child::{self, Answer, Contestant, Running};
use super::clock::{Latencies, measure, now, resident_bytes};
use super::data::Random;
use super::table::{Figures, Table, short};
use super::{keys, rounds, say};

const WORKLOAD: &str = "bitmap";
const FAR: u64 = 4_294_967_295;
const WINDOWS: [u64; 3] = [7, 30, 365];
const CALLS: usize = 20_000;

/// A store of bitmaps.
pub(crate) trait Bitmaps {
    /// Stores a whole string.
    fn put(&mut self, key: &[u8], value: &[u8]);
    /// `SETBIT`; the bit that was there.
    fn set_bit(&mut self, key: &[u8], offset: u64, on: bool) -> bool;
    /// `BITCOUNT` of all, or of the bytes from the first to the last given.
    fn count_bits(&mut self, key: &[u8], range: Option<(i64, i64)>) -> u64;
    /// How many bits are set in any of these strings.
    fn count_any(&mut self, keys: &[Vec<u8>]) -> u64;
    /// Removes one.
    fn remove(&mut self, key: &[u8]);
    /// How many keys may get a bit at 4,294,967,295 before the machine is full; 0 for none.
    fn far_keys(&self) -> u64;
    /// Whether every write of a bit copies the string, so that few must do.
    fn copies(&self) -> bool {
        false
    }
    /// Resident bytes of the process that holds the data.
    fn resident_bytes(&self) -> u64 {
        resident_bytes(None)
    }
}

/// Plain vectors of bytes: what the hardware does.
#[derive(Debug)]
pub(crate) struct PlainBytes {
    map: HashMap<Vec<u8>, Vec<u8>, ahash::RandomState>,
}

impl PlainBytes {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            map: HashMap::with_hasher(super::store::hasher()),
        }
    }
}

fn ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let whole: u64 = words
        .iter()
        .map(|word| u64::from(u64::from_le_bytes(*word).count_ones()))
        .sum();
    whole
        + rest
            .iter()
            .map(|byte| u64::from(byte.count_ones()))
            .sum::<u64>()
}

impl Bitmaps for PlainBytes {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.map.insert(key.to_vec(), value.to_vec());
    }

    fn set_bit(&mut self, key: &[u8], offset: u64, on: bool) -> bool {
        let bytes = self.map.get_mut(key).expect("there");
        let byte = &mut bytes[(offset / 8) as usize];
        let mask = 0x80 >> (offset % 8);
        let old = *byte & mask != 0;
        *byte = if on { *byte | mask } else { *byte & !mask };
        old
    }

    fn count_bits(&mut self, key: &[u8], range: Option<(i64, i64)>) -> u64 {
        let bytes = &self.map[key];
        match range {
            None => ones(bytes),
            Some((from, to)) => ones(&bytes[from as usize..=to as usize]),
        }
    }

    fn count_any(&mut self, keys: &[Vec<u8>]) -> u64 {
        let mut any: Vec<u8> = self.map[&keys[0]].clone();
        for key in &keys[1..] {
            for (sum, byte) in any.iter_mut().zip(&self.map[key]) {
                *sum |= byte;
            }
        }
        ones(&any)
    }

    fn remove(&mut self, key: &[u8]) {
        self.map.remove(key);
    }

    fn far_keys(&self) -> u64 {
        0
    }
}

fn random_bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes: Vec<u8> = (0..count.div_ceil(8))
        .flat_map(|_| random.next().to_le_bytes())
        .collect();
    bytes.truncate(count);
    bytes
}

/// One day's users, each with probability 1/8.
fn day(users: u64, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let word = || (random.next() & random.next() & random.next()).to_le_bytes();
    let mut bytes: Vec<u8> = std::iter::repeat_with(word)
        .take(users.div_ceil(64) as usize)
        .flatten()
        .collect();
    bytes.truncate(users.div_ceil(8) as usize);
    bytes
}

/// A child's part.
pub(crate) fn serve<B: Bitmaps>(store: B) {
    let keys = keys(1_000_000);
    let mut child = Child {
        store,
        keys,
        long: Vec::new(),
        days: Vec::new(),
    };
    child::serve(|words| match words {
        ["far", round] => child.far(round),
        ["set", "short"] => child.set("short", 12_500),
        ["set", "long"] => child.set("long", (keys as usize * 100).clamp(12_500, 100_000_000)),
        ["count"] => child.count(),
        ["window", days] => child.window(days.parse().expect("a number")),
        other => panic!("unknown line {other:?}"),
    });
}

struct Child<B> {
    store: B,
    keys: u64,
    long: Vec<u8>,
    days: Vec<Vec<u8>>,
}

impl<B: Bitmaps> Child<B> {
    fn far(&mut self, round: &str) -> Answer {
        let count = self.store.far_keys().min(self.keys);
        if count == 0 {
            return vec![("us", f64::NAN), ("kb", f64::NAN)];
        }
        let base = self.store.resident_bytes();
        let mut latencies = Latencies::with_capacity(count as usize);
        let name = |number: u64| format!("far:{round}:{number}").into_bytes();
        for number in 0..count {
            let name = name(number);
            let before = now();
            let old = self.store.set_bit(&name, FAR, true);
            latencies.note(before.elapsed());
            assert!(!old, "the bit was clear");
        }
        let grown = self.store.resident_bytes().saturating_sub(base);
        for number in 0..count {
            assert_eq!(
                self.store.count_bits(&name(number), None),
                1,
                "one bit far out"
            );
            assert!(
                self.store.set_bit(&name(number), FAR, true),
                "the bit is set"
            );
            self.store.remove(&name(number));
        }
        vec![
            ("us", latencies.percentile(0.5) / 1e3),
            ("kb", grown as f64 / count as f64 / 1024.0),
        ]
    }

    /// Random bits of a string that has `len` random bytes.
    fn set(&mut self, name: &str, len: usize) -> Answer {
        let mut oracle = random_bytes(len, len as u64);
        self.store.put(name.as_bytes(), &oracle);
        let calls = if self.store.copies() && len > 1_000_000 {
            5
        } else {
            CALLS
        };
        let mut random = Random::new(len as u64 + 1);
        let offsets: Vec<u64> = (0..calls).map(|_| random.below(len as u64 * 8)).collect();
        let (olds, cost) = measure(|| {
            let set = |&offset: &u64| self.store.set_bit(name.as_bytes(), offset, offset % 3 != 0);
            offsets.iter().map(set).collect::<Vec<bool>>()
        });
        for (&offset, old) in offsets.iter().zip(olds) {
            let byte = &mut oracle[(offset / 8) as usize];
            let mask = 0x80_u8 >> (offset % 8);
            assert_eq!(*byte & mask != 0, old, "the bit at {offset}");
            *byte = if offset % 3 != 0 {
                *byte | mask
            } else {
                *byte & !mask
            };
        }
        assert_eq!(
            self.store.count_bits(name.as_bytes(), None),
            ones(&oracle),
            "bits of {name}"
        );
        if name == "long" {
            self.long = oracle;
        } else {
            self.store.remove(name.as_bytes());
        }
        vec![("ns", cost.wall.as_nanos() as f64 / calls as f64)]
    }

    /// Half the long string, first and again after a bit of it has changed.
    fn count(&mut self) -> Answer {
        let len = (self.long.len() / 2) as i64;
        let name = b"half";
        let half = self.long[..len as usize].to_vec();
        self.store.put(name, &half);
        let mut timed = |range: Option<(i64, i64)>, expected: u64| {
            let repeats = 20;
            let mut latencies = Latencies::with_capacity(repeats);
            for _ in 0..repeats {
                let before = now();
                let found = self.store.count_bits(name, range);
                latencies.note(before.elapsed());
                assert_eq!(found, expected, "bits in {range:?}");
            }
            latencies.percentile(0.5) / 1e3
        };
        let whole = timed(None, ones(&half));
        let part = timed(Some((1, len - 2)), ones(&half[1..half.len() - 1]));
        let old = self.store.set_bit(name, 12_345, true);
        let before = now();
        let found = self.store.count_bits(name, None);
        let changed = before.elapsed().as_nanos() as f64 / 1e3;
        assert_eq!(found, ones(&half) + u64::from(!old), "bits after a change");
        self.store.remove(name);
        vec![
            ("whole", whole),
            ("part", part),
            ("changed", changed),
            ("bytes", half.len() as f64),
        ]
    }

    fn window(&mut self, count: u64) -> Answer {
        let users = self.keys.min(100_000);
        let name = |number: u64| format!("day:{number}").into_bytes();
        for number in self.days.len() as u64..count {
            let bytes = day(users, number);
            self.store.put(&name(number), &bytes);
            self.days.push(bytes);
        }
        let mut any = vec![0_u8; self.days[0].len()];
        for day in &self.days[..count as usize] {
            any.iter_mut().zip(day).for_each(|(sum, byte)| *sum |= byte);
        }
        let names: Vec<Vec<u8>> = (0..count).map(name).collect();
        let repeats = if count > 100 { 50 } else { 500 };
        let mut latencies = Latencies::with_capacity(repeats);
        for _ in 0..repeats {
            let before = now();
            let found = self.store.count_any(&names);
            latencies.note(before.elapsed());
            assert_eq!(found, ones(&any), "users in {count} days");
        }
        vec![("us", latencies.percentile(0.5) / 1e3)]
    }
}

/// Runs all `contestants`; the first is what the others are compared with.
pub(crate) fn run(contestants: &[Contestant]) {
    child::work_if_child(WORKLOAD, contestants);
    if child::is_child() {
        return;
    }
    let keys = keys(1_000_000);
    say(&format!(
        "\n## bitmap: windows over {} users",
        keys.min(100_000)
    ));
    let chosen = child::chosen(contestants);
    let headings = [
        "far: SETBIT 4,294,967,295 on a missing key, µs".to_owned(),
        "far: KiB a key".to_owned(),
        "SETBIT in 12.5 kB, ns".to_owned(),
        format!(
            "SETBIT in {} MB, ns",
            short((keys as f64 * 1e-4).clamp(0.0125, 100.0))
        ),
        "BITCOUNT of half of that, µs".to_owned(),
        "BITCOUNT of it but both end bytes, µs".to_owned(),
        "BITCOUNT of it after one SETBIT, µs".to_owned(),
        "BITCOUNT, GB/s".to_owned(),
        "users of 7 days, µs".to_owned(),
        "users of 30 days, µs".to_owned(),
        "users of 365 days, µs".to_owned(),
    ];
    let mut figures = vec![vec![Figures::default(); headings.len()]; chosen.len()];
    let mut running: Vec<Running> = chosen
        .iter()
        .map(|contestant| Running::start(WORKLOAD, contestant))
        .collect();
    for round in 0..rounds(3) {
        for (child, figures) in running.iter_mut().zip(&mut figures) {
            let mut all = Vec::new();
            let far = child.ask(&format!("far {round}"));
            all.extend([far["us"], far["kb"]]);
            all.push(child.ask("set short")["ns"]);
            all.push(child.ask("set long")["ns"]);
            let count = child.ask("count");
            all.extend([count["whole"], count["part"], count["changed"]]);
            all.push(count["bytes"] / count["whole"] / 1e3);
            all.extend(WINDOWS.map(|days| child.ask(&format!("window {days}"))["us"]));
            for (figures, figure) in figures.iter_mut().zip(all) {
                if figure.is_finite() {
                    figures.note(figure);
                }
            }
        }
    }
    let mut head = vec!["what"];
    head.extend(running.iter().map(|child| child.name));
    let mut table = Table::new(&head);
    for (place, heading) in headings.into_iter().enumerate() {
        let mut cells = vec![heading];
        cells.extend(figures.iter().map(|figures| figures[place].text()));
        table.row(cells);
    }
    table.print("Bitmaps");
}
