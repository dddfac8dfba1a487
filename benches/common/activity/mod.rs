//! `activity`: distinct users in windows of days, for everybody who can hold bitmaps; [`own`] has what
//! only NacreDB is asked.
//!
//! A year of days; each user is active on each day with the same probability. All contestants get the
//! same days and the same windows, and must find the same counts.

pub(crate) mod own;

use nacredb::prelude::*;
use nacredb::{Activity, Period};

use super::child::{self, Answer, Contestant, Running};
use super::clock::now;
use super::data::Random;
use super::nacre::Nacre;
use super::table::{Figures, Table};
use super::{is_smoke, keys, rounds, say};

const WORKLOAD: &str = "activity";
/// How many days have marks.
pub(crate) const DAYS: u32 = 365;
/// The chances that a user is active on a day, in 65,536ths, and their names.
const SHARES: [(u32, &str); 2] = [(6554, "0.1"), (32768, "0.5")];
/// Lengths of windows that are asked for; 0 is any from 1 to 365.
const LENGTHS: [u32; 4] = [0, 7, 30, 365];
/// Windows in one round where counting is fast, and how many of them are timed together.
const WINDOWS: usize = 20_000;
const TOGETHER: usize = 100;
/// Windows in one round where it is slow.
const SLOW_WINDOWS: usize = 200;

/// How many users: `NACRE_BENCH_KEYS`, or 100,000.
pub(crate) fn users() -> u64 {
    keys(100_000).next_multiple_of(64)
}

/// The users of one day, as `SETBIT` lays them out: each with a chance of `share` of 65,536.
pub(crate) fn day_bits(users: u64, day: u32, share: u32) -> Vec<u8> {
    let mut random = Random::new(u64::from(share) << 32 | u64::from(day));
    let mut word = || {
        // From the lowest binary digit of the share up: a 1 lets in half of the rest, a 0 keeps half.
        (share.trailing_zeros()..16).fold(0, |word, digit| match share >> digit & 1 {
            1 => word | random.next(),
            _ => word & random.next(),
        })
    };
    (0..users / 64).flat_map(|_| word().to_le_bytes()).collect()
}

/// The key of a day's bitmap, the first day being 0; those behind the year are days as well.
pub(crate) fn day_key(day: u32) -> Vec<u8> {
    format!("login:{}", period(day)).into_bytes()
}

/// That day.
pub(crate) fn period(day: u32) -> Period {
    let first = Period::day(2026, 1, 1).expect("a day");
    first.plus(day.into()).expect("a day")
}

/// Windows of `length` days, or of any length.
fn windows(length: u32, count: usize) -> Vec<(u32, u32)> {
    let mut random = Random::new(length.into());
    let mut window = || {
        let length = match length {
            0 => 1 + random.below(DAYS.into()) as u32,
            length => length,
        };
        let from = random.below(u64::from(DAYS - length + 1)) as u32;
        (from, from + length - 1)
    };
    (0..count).map(|_| window()).collect()
}

/// Who can hold the days and count the users of a window of them.
pub(crate) trait Days {
    /// Stores a day's bitmap.
    fn put(&mut self, day: u32, bits: Vec<u8>);

    /// How many users were active in these days.
    fn count(&mut self, from: u32, to: u32) -> u64;

    /// All days are there.
    fn ready(&mut self) {}

    /// Whether a window takes so little time that many are timed together.
    fn is_fast(&self) -> bool {
        false
    }

    /// Counts all windows; notes how long one takes, in microseconds.
    fn count_all(&mut self, windows: &[(u32, u32)], each: &mut Figures) -> Vec<u64> {
        let together = if self.is_fast() { TOGETHER } else { 1 };
        let mut counts = Vec::with_capacity(windows.len());
        for some in windows.chunks_exact(together) {
            let before = now();
            counts.extend(some.iter().map(|&(from, to)| self.count(from, to)));
            each.note(before.elapsed().as_secs_f64() * 1e6 / together as f64);
        }
        counts
    }
}

/// Words side by side: what the hardware does.
#[derive(Debug, Default)]
pub(crate) struct PlainDays {
    pub(crate) days: Vec<Vec<u64>>,
    any: Vec<u64>,
}

/// The words of a bitmap.
pub(crate) fn words(bits: &[u8]) -> Vec<u64> {
    let (words, rest) = bits.as_chunks::<8>();
    assert!(rest.is_empty(), "whole words");
    words.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

impl Days for PlainDays {
    fn put(&mut self, _day: u32, bits: Vec<u8>) {
        self.days.push(words(&bits));
    }

    fn count(&mut self, from: u32, to: u32) -> u64 {
        self.any.clone_from(&self.days[from as usize]);
        for day in &self.days[from as usize + 1..=to as usize] {
            for (any, word) in self.any.iter_mut().zip(day) {
                *any |= word;
            }
        }
        self.any
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }
}

/// NacreDB with an activity over the days.
#[derive(Debug)]
pub(crate) struct NacreDays {
    nacre: Nacre,
    logins: Activity,
    periods: Vec<Period>,
}

impl NacreDays {
    /// Without days.
    pub(crate) fn new(nacre: Nacre) -> Self {
        let logins = nacre.db.activity("login").expect("opens");
        let periods = (0..DAYS).map(period).collect();
        Self {
            nacre,
            logins,
            periods,
        }
    }
}

impl Days for NacreDays {
    fn put(&mut self, day: u32, bits: Vec<u8>) {
        self.nacre.db.set(day_key(day), &bits).expect("written");
    }

    fn ready(&mut self) {
        self.count(0, DAYS - 1);
    }

    #[inline]
    fn count(&mut self, from: u32, to: u32) -> u64 {
        let (from, to) = (self.periods[from as usize], self.periods[to as usize]);
        let window = self.logins.active(from..=to).expect("a window");
        window.count().expect("counted")
    }

    fn is_fast(&self) -> bool {
        true
    }
}

/// A child's part.
pub(crate) fn serve<D: Days>(mut store: D) {
    child::serve(|words| match words {
        ["load", share] => {
            let share = share.parse().expect("a number");
            for day in 0..DAYS {
                store.put(day, day_bits(users(), day, share));
            }
            store.ready();
            Vec::new()
        }
        ["count", length] => count(&mut store, length.parse().expect("a number")),
        other => panic!("unknown line {other:?}"),
    });
}

fn count<D: Days>(store: &mut D, length: u32) -> Answer {
    let slow = if is_smoke() { 10 } else { SLOW_WINDOWS };
    let count = if store.is_fast() { WINDOWS } else { slow };
    let mut each = Figures::default();
    let counts = store.count_all(&windows(length, count), &mut each);
    // Everybody has counted these.
    let sum: u64 = counts.iter().take(slow).sum();
    vec![("us", each.median()), ("sum", sum as f64)]
}

/// Runs all `contestants`, one of whom is NacreDB.
pub(crate) fn run(contestants: &[Contestant]) {
    child::work_if_child(WORKLOAD, contestants);
    if child::is_child() {
        return;
    }
    say(&format!(
        "\n## activity: distinct users of windows of days, {} users, {DAYS} days",
        users()
    ));
    let chosen = child::chosen(contestants);
    for (share, name) in SHARES {
        let start = |contestant: &&Contestant| Running::start(WORKLOAD, contestant);
        let mut running: Vec<Running> = chosen.iter().map(start).collect();
        for child in &mut running {
            child.ask(&format!("load {share}"));
        }
        let mut figures = vec![vec![Figures::default(); LENGTHS.len()]; running.len()];
        for _ in 0..rounds(3) {
            for (place, length) in LENGTHS.into_iter().enumerate() {
                let mut sums = Vec::new();
                for (child, figures) in running.iter_mut().zip(&mut figures) {
                    let answer = child.ask(&format!("count {length}"));
                    figures[place].note(answer["us"]);
                    sums.push(answer["sum"]);
                }
                assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
            }
        }
        let base = running.iter().position(|child| child.name == "nacre");
        let mut table = Table::new(&[
            "who",
            "any window, µs",
            "7 days",
            "30 days",
            "365 days",
            "any window, to nacre",
        ]);
        for (child, own) in running.iter().zip(&figures) {
            let mut cells = vec![child.name.to_owned()];
            cells.extend(own.iter().map(Figures::text));
            cells.push(base.map_or_else(String::new, |base| own[0].ratio(&figures[base][0])));
            table.row(cells);
        }
        table.print(&format!(
            "Users of a window, each active on a day with a chance of {name}"
        ));
    }
}
