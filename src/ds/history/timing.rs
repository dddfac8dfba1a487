//! What the operations cost. Run alone, optimised, and read the figures:
//! `cargo test --release --lib history::timing -- --ignored --nocapture --test-threads 1`
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the time")]

use std::hint::black_box;
use std::time::Instant;

use super::*;

const START: u32 = 739_000;
const DAYS: u32 = 365;

fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    *state >> 20
}

/// The best of some runs, in ns per operation.
fn time(name: &str, runs: usize, operations: u64, mut run: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..runs {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_nanos() as f64 / operations as f64);
    }
    eprintln!("{name:56} {best:12.2} ns");
}

/// One bitmap a day; a user is active with a chance of `permille`.
fn bitmaps(users: u32, permille: u64) -> Vec<Vec<u8>> {
    let mut state = 7;
    let mut byte = || {
        (0..8).fold(0, |byte, _| {
            byte << 1 | u8::from(next(&mut state) % 1000 < permille)
        })
    };
    (0..DAYS)
        .map(|_| {
            (0..users.next_multiple_of(64) / 8)
                .map(|_| byte())
                .collect()
        })
        .collect()
}

fn fill(history: &mut History, bitmaps: &[Vec<u8>], start: u32, batch: usize) {
    let periods: Vec<u32> = (start..start + DAYS).collect();
    for at in (0..bitmaps[0].len()).step_by(batch / 8) {
        let end = (at + batch / 8).min(bitmaps[0].len());
        let bits: Vec<&[u8]> = bitmaps.iter().map(|bitmap| &bitmap[at..end]).collect();
        history.replace(at as u32 * 8, &periods, &bits);
    }
}

/// The median of thousands of marks: they fit between what else the machine does.
fn marks(name: &str, history: &History, users: u32, runs: usize) {
    let mut state = 3;
    for (what, period) in [("a new day", START + DAYS), ("any day", START)] {
        let mut order: Vec<(u32, u32)> = (0..users)
            .map(|_| {
                let user = next(&mut state) as u32 % users;
                let day = if period == START {
                    next(&mut state) as u32 % DAYS
                } else {
                    0
                };
                (user, period + day)
            })
            .filter(|&(user, period)| !history.contains(user, period))
            .collect();
        order.sort_unstable();
        order.dedup();
        for at in (1..order.len()).rev() {
            order.swap(at, next(&mut state) as usize % (at + 1));
        }
        order.truncate(1_000_000);
        let mut history = history.clone();
        for run in 0..runs {
            let [set, unset] = [true, false].map(|on| {
                let each = order.chunks(1000).map(|marks| {
                    let start = Instant::now();
                    for &(user, period) in marks {
                        black_box(history.set(user, period, on));
                    }
                    start.elapsed().as_nanos() as f64 / marks.len() as f64
                });
                let mut each: Vec<f64> = each.collect();
                each.sort_by(f64::total_cmp);
                each[each.len() / 2]
            });
            let count = order.len();
            eprintln!(
                "{name}: {count} marks in {what}, run {run}: set {set:.1} ns, unset {unset:.1} ns"
            );
        }
    }
}

fn counts(name: &str, history: &History) {
    let mut state = 9;
    let (first, last) = history.span().unwrap();
    for window in [1, 7, 30, 90, 365, 3650] {
        let room = (last - first + 1).saturating_sub(window) + 1;
        time(&format!("{name}: count {window} days"), 50, 2000, || {
            for _ in 0..2000 {
                let from = first + next(&mut state) as u32 % room;
                black_box(history.count(from, from + window - 1));
            }
        });
    }
}

#[test]
#[ignore = "a benchmark"]
fn a_hundred_thousand_users() {
    for permille in [500, 100, 10] {
        let users = 100_000;
        let name = format!("100k users, p={permille}/1000");
        let bitmaps = bitmaps(users, permille);
        let mut history = History::default();
        let total: u64 = bitmaps
            .iter()
            .flatten()
            .map(|byte| u64::from(byte.count_ones()))
            .sum();
        time(
            &format!("{name}: replace 1024 users x 365 days, a mark"),
            3,
            total,
            || {
                history = History::default();
                fill(&mut history, &bitmaps, START, 1024);
            },
        );
        let raw = (users * DAYS / 8) as usize;
        let bytes = history.memory_bytes();
        eprintln!(
            "{name}: {bytes} bytes, {:.3} of raw bitmaps, links {}",
            bytes as f64 / raw as f64,
            history.links.memory_bytes()
        );
        marks(&name, &history, users, 3);
        counts(&name, &history);
        let mut held = Vec::new();
        time(&format!("{name}: a mark after a clone"), 20, 100, || {
            held.clear();
            for user in 0..100 {
                held.push(history.clone());
                let was = history.contains(user * 991, START + 180);
                history.set(user * 991, START + 180, !was);
            }
        });
        held.clear();
        time(&format!("{name}: rows, a user"), 5, users.into(), || {
            let visit = |_: u32, words: &[u64]| {
                black_box(words);
            };
            history
                .for_each_row(START, START + DAYS - 1, visit)
                .unwrap();
        });
        time(
            &format!("{name}: top 10 streaks, a user"),
            5,
            users.into(),
            || {
                black_box(history.top_streaks(10, START, START + DAYS - 1));
            },
        );
        let bounds: Vec<u32> = (0..13).map(|month| START + month * 28).collect();
        time(
            &format!("{name}: scan 12 months, a user"),
            5,
            users.into(),
            || {
                black_box(history.scan_cohorts(&bounds).unwrap());
            },
        );
        let buckets = Buckets {
            origin: START,
            width: 7,
        };
        time(
            &format!("{name}: count weekly cohorts, a user"),
            3,
            users.into(),
            || {
                history.drop_cohorts();
                assert!(history.keep_cohorts(buckets, 4096));
            },
        );
        time(&format!("{name}: read 52 weeks' cohorts"), 50, 1, || {
            black_box(history.cohort_triangle(buckets, 0, 51));
        });
        marks(&format!("{name}, weekly cohorts"), &history, users, 2);
        history.drop_cohorts();
        let day = [&bitmaps[7][..]];
        let other = [&bitmaps[8][..]];
        time(
            &format!("{name}: replace one day, a user"),
            4,
            2 * u64::from(users),
            || {
                history.replace(0, &[START + 100], &day);
                history.replace(0, &[START + 100], &other);
            },
        );
    }
}

#[test]
#[ignore = "a benchmark"]
fn ten_years() {
    let bitmaps = bitmaps(20_000, 100);
    let mut history = History::default();
    for year in 0..10 {
        fill(&mut history, &bitmaps, START + year * DAYS, 1024);
    }
    eprintln!("ten years: {} bytes", history.memory_bytes());
    counts("ten years", &history);
}

/// Users that stay away for long make links far from the diagonal.
#[test]
#[ignore = "a benchmark"]
fn a_year_of_hours() {
    let (users, hours) = (20_000, 8760);
    let mut history = History::default();
    let mut state = 5;
    let (mut marks, start) = (0u32, Instant::now());
    for user in 0..users {
        let mut hour = next(&mut state) % hours;
        while hour < hours {
            history.set(user, 24 * START + hour as u32, true);
            marks += 1;
            let away = if next(&mut state).is_multiple_of(20) {
                hours / 2
            } else {
                48
            };
            hour += 1 + next(&mut state) % away;
        }
    }
    let each = start.elapsed().as_nanos() as f64 / f64::from(marks);
    let bytes = (history.memory_bytes(), history.links.memory_bytes());
    eprintln!("a year of hours: {marks} marks of {each:.1} ns, bytes in all and links {bytes:?}");
    counts("a year of hours", &history);
}

#[test]
#[ignore = "a benchmark, and takes 1 GB"]
fn ten_million_users() {
    let users = 10_000_000;
    let bitmaps = bitmaps(1 << 16, 100);
    let periods: Vec<u32> = (START..START + DAYS).collect();
    let bits: Vec<&[u8]> = bitmaps.iter().map(|bitmap| &bitmap[..]).collect();
    let mut history = History::default();
    let start = Instant::now();
    for user in (0..users).step_by(1 << 16) {
        history.replace(user, &periods, &bits);
    }
    eprintln!(
        "10 M users filled in {:?}, {} bytes",
        start.elapsed(),
        history.memory_bytes()
    );
    marks("10 M users", &history, users, 2);
    let start = Instant::now();
    let visit = |_: u32, words: &[u64]| {
        black_box(words);
    };
    history
        .for_each_row(START, START + DAYS - 1, visit)
        .unwrap();
    eprintln!("10 M users: rows in {:?}", start.elapsed());
    let start = Instant::now();
    black_box(history.top_streaks(10, START, START + DAYS - 1));
    eprintln!("10 M users: top streaks in {:?}", start.elapsed());
}
