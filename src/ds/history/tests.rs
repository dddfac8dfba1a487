use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::ds::test_random::{Rng, seed};

impl Rng {
    fn pick(&mut self, of: &[u32]) -> u32 {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Every mark: user, period.
#[derive(Clone, Default, PartialEq, Eq)]
struct Model(BTreeSet<(u32, u32)>);

impl Model {
    fn set(&mut self, user: u32, period: u32, on: bool) -> bool {
        if on {
            !self.0.insert((user, period))
        } else {
            self.0.remove(&(user, period))
        }
    }

    fn users(&self) -> BTreeMap<u32, Vec<u32>> {
        let mut users: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &(user, period) in &self.0 {
            users.entry(user).or_default().push(period);
        }
        users
    }

    fn within(&self, from: u32, to: u32) -> Self {
        let marks = self.0.iter().copied();
        Self(
            marks
                .filter(|&(_, period)| from <= period && period <= to)
                .collect(),
        )
    }

    /// The earliest of every user's longest streaks: user, first period, length.
    fn streaks(&self) -> Vec<(u32, u32, u32)> {
        let longest = |(user, periods): (u32, Vec<u32>)| {
            let runs = periods.chunk_by(|a, b| b - a == 1);
            let runs = runs.map(|run| (user, run[0], run.len() as u32));
            runs.rev()
                .max_by_key(|&(_, _, len)| len)
                .expect("a user has marks")
        };
        self.users().into_iter().map(longest).collect()
    }

    fn triangle(&self, bounds: &[u32]) -> Vec<Vec<u64>> {
        let len = bounds.len().saturating_sub(1);
        let mut triangle: Vec<Vec<u64>> = (0..len).map(|row| vec![0; len - row]).collect();
        for periods in self.users().into_values() {
            let bucket = |period: u32| {
                let above = bounds.partition_point(|&bound| bound <= period);
                above.checked_sub(1).filter(|&bucket| bucket < len)
            };
            let active: BTreeSet<usize> = periods.iter().filter_map(|&at| bucket(at)).collect();
            if let Some(first) = bucket(periods[0]) {
                for bucket in active {
                    triangle[first][bucket - first] += 1;
                }
            }
        }
        triangle
    }
}

/// What a random run draws from.
struct World {
    users: Vec<u32>,
    periods: Vec<u32>,
}

impl World {
    /// Some neighbouring periods or users with a few far ones, at and around the borders of what is
    /// stored together.
    fn new(rng: &mut Rng) -> Self {
        let starts = [0, 31, 500, 739_000, 17_700_000, 511 * 33, u32::MAX - 70];
        let len = if rng.one_in(3) { 20 } else { 70 };
        let start = rng.pick(&starts);
        let mut periods: Vec<u32> = (start..=start.saturating_add(len)).collect();
        for _ in 0..rng.below(4) {
            let start = rng.pick(&starts);
            periods.extend(start..start + 1 + rng.below(3) as u32);
        }
        let starts = [0, 60, 16_380, 100_000, u32::MAX - 66];
        let mut users = Vec::new();
        for _ in 0..1 + rng.below(3) {
            let start = rng.pick(&starts);
            users.extend(start..start + 1 + rng.below(66) as u32);
        }
        Self { users, periods }
    }

    fn period(&self, rng: &mut Rng) -> u32 {
        rng.pick(&self.periods)
    }

    /// Mostly from this world, sometimes anything.
    fn bound(&self, rng: &mut Rng) -> u32 {
        match rng.below(10) {
            0 => rng.next() as u32,
            1 => rng.pick(&[0, u32::MAX]),
            _ => self.period(rng).saturating_add(rng.below(3) as u32),
        }
    }
}

fn assert_window(history: &History, model: &Model, from: u32, to: u32) {
    let within = model.within(from, to);
    let users = within.users();
    assert_eq!(history.count(from, to), users.len() as u64, "{from}..={to}");
    assert_eq!(history.marks(from, to), within.0.len() as u64);
    let firsts = model.users().into_values();
    let firsts = firsts.filter(|periods| from <= periods[0] && periods[0] <= to);
    assert_eq!(history.first_seen_count(from, to), firsts.count() as u64);
    let mut periods: BTreeMap<u32, u64> = BTreeMap::new();
    for &(_, period) in &within.0 {
        *periods.entry(period).or_default() += 1;
    }
    assert!(history.periods(from, to).eq(periods.clone()));
    let ends = periods.keys().next().zip(periods.keys().next_back());
    if let Some((clipped_from, clipped_to)) = history.clip(from, to) {
        assert!(from <= clipped_from && clipped_to <= to);
        assert!(ends.is_none_or(|(first, last)| clipped_from <= *first && *last <= clipped_to));
    } else {
        assert!(ends.is_none());
    }

    let mut seen = BTreeMap::new();
    let result = history.for_each_row(from, to, |user, words| {
        let bits = (0..words.len() * 64).filter(|bit| words[bit / 64] >> (bit % 64) & 1 != 0);
        let periods: Vec<u32> = bits.map(|bit| from + bit as u32).collect();
        assert!(seen.last_key_value().is_none_or(|(&last, _)| last < user));
        seen.insert(user, periods);
    });
    match result {
        Ok(()) => assert_eq!(seen, users),
        Err(WindowTooWide) => assert!(to - from >= MAX_ROW_PERIODS),
    }
    let streaks = within.streaks();
    for &(user, first, len) in &streaks {
        assert_eq!(history.longest_streak(user, from, to), Some((first, len)));
        assert!(history.any(user, from, to));
    }
    let mut top = streaks;
    top.sort_by_key(|&(user, _, len)| (u32::MAX - len, user));
    top.truncate(5);
    assert_eq!(history.top_streaks(5, from, to), top);
}

fn assert_user(history: &History, model: &Model, user: u32, period: u32) {
    let periods: BTreeSet<u32> = model
        .0
        .range((user, 0)..=(user, u32::MAX))
        .map(|mark| mark.1)
        .collect();
    assert_eq!(history.contains(user, period), periods.contains(&period));
    assert_eq!(history.first(user), periods.first().copied());
    assert_eq!(history.last(user), periods.last().copied());
    assert_eq!(
        history.previous(user, period),
        periods.range(..period).next_back().copied()
    );
    assert_eq!(
        history.next(user, period),
        periods.range(period..).next().copied()
    );
    let mut end = Some(period);
    if !periods.contains(&period) {
        end = period.checked_sub(1);
    }
    let mut streak = 0;
    while let Some(at) = end.filter(|at| periods.contains(at)) {
        streak += 1;
        end = at.checked_sub(1);
    }
    assert_eq!(
        history.current_streak(user, period),
        streak,
        "of {user} at {period}"
    );
}

fn assert_same(history: &History, model: &Model, world: &World, rng: &mut Rng) {
    history.check_invariants();
    let users = model.users();
    assert_eq!(history.users(), users.len() as u64);
    let probe = rng.pick(&world.users);
    let next = users.keys().find(|&&user| user >= probe);
    assert!(
        history
            .next_user(probe)
            .is_none_or(|found| next.is_none_or(|&user| found <= user))
    );
    assert!(next.is_none() || history.next_user(probe).is_some());
    let periods: BTreeSet<u32> = model.0.iter().map(|mark| mark.1).collect();
    assert_eq!(
        history.span(),
        periods.first().copied().zip(periods.last().copied())
    );
    assert_window(history, model, 0, u32::MAX);
    for _ in 0..8 {
        let (a, b) = (world.bound(rng), world.bound(rng));
        assert_window(history, model, a.min(b), a.max(b));
        if a < b {
            assert_eq!((history.count(b, a), history.marks(b, a)), (0, 0));
            assert_eq!(
                (
                    history.first_seen_count(b, a),
                    history.periods(b, a).count()
                ),
                (0, 0)
            );
            assert!(history.clip(b, a).is_none());
        }
    }
    for _ in 0..20 {
        assert_user(history, model, rng.pick(&world.users), world.bound(rng));
    }
    let mut bounds: Vec<u32> = (0..rng.below(6)).map(|_| world.bound(rng)).collect();
    bounds.sort_unstable();
    match history.scan_cohorts(&bounds) {
        Ok(triangle) => assert_eq!(triangle, model.triangle(&bounds), "between {bounds:?}"),
        Err(WindowTooWide) => assert!(bounds[bounds.len() - 1] - bounds[0] > MAX_ROW_PERIODS),
    }
}

/// The kept triangle, around the world's periods.
fn assert_kept(history: &History, model: &Model, buckets: Buckets, at: u32) {
    let Some(first) = at.checked_sub(buckets.origin).map(|at| at / buckets.width) else {
        return;
    };
    // The last bucket of all has no end that a period could be.
    let to = first.saturating_add(9).min(u32::MAX - 1);
    let bounds: Option<Vec<u32>> = (first..=to + 1)
        .map(|bucket| {
            buckets
                .origin
                .checked_add(bucket.checked_mul(buckets.width)?)
        })
        .collect();
    if let (Some(bounds), Some(kept)) = (bounds, history.cohort_triangle(buckets, first, to)) {
        assert_eq!(kept, model.triangle(&bounds));
    }
}

fn random_bitmaps(rng: &mut Rng, len: usize, count: usize) -> Vec<Vec<u8>> {
    let one_in = [1, 2, 10, 300][rng.below(4) as usize];
    let mut bitmap = || {
        (0..len)
            .map(|_| (0..8).fold(0, |byte, _| byte << 1 | u8::from(rng.one_in(one_in))))
            .collect()
    };
    (0..count).map(|_| bitmap()).collect()
}

fn replace(history: &mut History, model: &mut Model, world: &World, rng: &mut Rng) {
    let group = rng.pick(&world.users) / 64;
    let groups = (1 + rng.below(3) as usize).min(((1 << 26) - group) as usize);
    let mut periods: Vec<u32> = world.periods.clone();
    let one_in = 1 + rng.below(4);
    periods.retain(|_| rng.one_in(one_in));
    periods.sort_unstable();
    periods.dedup();
    let mut bitmaps = random_bitmaps(rng, groups * 8, periods.len());
    for bitmap in &mut bitmaps {
        if group as usize + groups == 1 << 26 {
            // There is no user u32::MAX.
            bitmap[groups * 8 - 1] &= 0xFE;
        }
    }
    let bits: Vec<&[u8]> = bitmaps.iter().map(|bitmap| &bitmap[..]).collect();
    history.replace(group * 64, &periods, &bits);
    for (period, bitmap) in periods.iter().zip(&bitmaps) {
        for (at, byte) in bitmap.iter().enumerate() {
            for bit in 0..8 {
                model.set(
                    group * 64 + (at * 8 + bit) as u32,
                    *period,
                    byte >> (7 - bit) & 1 != 0,
                );
            }
        }
    }
}

fn random_run(rng: &mut Rng) {
    let world = World::new(rng);
    let mut history = History::default();
    let mut model = Model::default();
    let mut held: Vec<(History, Model)> = Vec::new();
    let origin = rng.pick(&[0, world.periods[0], world.periods[0].saturating_add(13)]);
    let width = 1 + rng.below(9) as u32;
    let buckets = Buckets { origin, width };
    let keep_from = rng.below(40);
    let with_replace = rng.one_in(2);
    let on_in_three = rng.below(3);
    for step in 0..60 {
        if step >= keep_from && !history.keep_cohorts(buckets, 4096) {
            assert_eq!(history.cohort_triangle(buckets, 0, 0), None);
        }
        match rng.below(if with_replace { 20 } else { 18 }) {
            0 => held.push((history.clone(), model.clone())),
            1 if held.len() > 2 => {
                let at = rng.below(held.len() as u64) as usize;
                (history, model) = held.swap_remove(at);
            }
            18.. => replace(&mut history, &mut model, &world, rng),
            _ => {
                for _ in 0..rng.below(30) {
                    let (user, period) = (rng.pick(&world.users), world.period(rng));
                    let on = rng.below(3) <= on_in_three;
                    let was = history.set(user, period, on);
                    assert_eq!(was, model.set(user, period, on));
                    if rng.one_in(5) {
                        assert_user(&history, &model, user, period);
                        assert_eq!(history.set(user, period, on), on);
                    }
                }
            }
        }
        history.check_invariants();
        assert_kept(&history, &model, buckets, world.period(rng));
        if step % 8 == 0 {
            assert_same(&history, &model, &world, rng);
        }
    }
    for (history, model) in &held {
        assert_same(history, model, &world, rng);
        assert_kept(history, model, buckets, world.period(rng));
    }
    for (user, period) in std::mem::take(&mut model.0) {
        assert!(history.set(user, period, false));
    }
    assert_same(&history, &model, &world, rng);
    assert_eq!((history.span(), history.next_user(0)), (None, None));
}

#[test]
fn behaves_as_a_set_of_marks() {
    let mut rng = Rng(seed());
    for _ in 0..if cfg!(miri) { 1 } else { 60 } {
        random_run(&mut rng);
    }
}

#[test]
fn a_run_of_ones_is_found_wherever_it_lies() {
    let mut rng = Rng(seed());
    for _ in 0..2000 {
        let words: Vec<u64> = (0..1 + rng.below(4))
            .map(|_| match rng.below(4) {
                0 => 0,
                1 => u64::MAX,
                2 => u64::MAX << rng.below(64),
                _ => rng.next() | rng.next(),
            })
            .collect();
        let bits: Vec<bool> = (0..words.len() * 64)
            .map(|bit| words[bit / 64] >> (bit % 64) & 1 != 0)
            .collect();
        let mut longest = (0, 0);
        for start in 0..bits.len() {
            let len = bits[start..].iter().take_while(|bit| **bit).count();
            if len > longest.1 {
                longest = (start, len);
            }
        }
        for floor in [0, longest.1.saturating_sub(1), longest.1, longest.1 + 1] {
            let expected = Some(longest).filter(|&(_, len)| len > floor);
            assert_eq!(row::longest_run(&words, floor), expected);
        }
        for from in 0..bits.len() + 2 {
            let next = (from..bits.len()).find(|&bit| bits[bit]);
            assert_eq!(row::next_one(&words, from), next);
        }
    }
}

#[test]
fn turning_a_square_of_bits_swaps_rows_and_columns() {
    let mut rng = Rng(seed());
    let square: [u64; 64] = std::array::from_fn(|_| rng.next());
    let mut turned = square;
    row::transpose(&mut turned);
    for (row, word) in square.iter().enumerate() {
        for (column, turned) in turned.iter().enumerate() {
            assert_eq!(word >> column & 1, turned >> row & 1);
        }
    }
}

/// A year of days, day after day, as an application marks them.
#[test]
fn a_year_of_days_counts_weeks_and_months() {
    let start = 739_000;
    let mut history = History::default();
    for day in 0..365u32 {
        // User u comes every u + 1 days.
        for user in (0..100).filter(|user| day % (user + 1) == 0) {
            assert!(!history.set(user, start + day, true));
        }
    }
    history.check_invariants();
    for day in [0, 6, 29, 89, 364] {
        for window in [1, 7, 30, 365] {
            let first = (day + 1u32).saturating_sub(window);
            let active = |user: &u32| (first..=day).any(|day| day % (user + 1) == 0);
            let expected = (0..100).filter(active).count() as u64;
            assert_eq!(history.count(start + first, start + day), expected);
        }
    }
    assert_eq!(history.first_seen_count(start, start), 100);
    assert_eq!(history.current_streak(0, start + 364), 365);
    assert_eq!(
        history.current_streak(0, start + 365),
        365,
        "today is not over"
    );
    assert_eq!(history.current_streak(0, start + 366), 0);
    assert_eq!(
        history.top_streaks(2, 0, u32::MAX),
        [(0, start, 365), (1, start, 1)]
    );
}

#[test]
fn many_users_of_many_days_count_exactly() {
    let mut rng = Rng(seed());
    let (mut history, mut model) = (History::default(), Model::default());
    let periods: Vec<u32> = (400..700).collect();
    for first_user in [0, 256, 640] {
        let bitmaps = random_bitmaps(&mut rng, 32, periods.len());
        let bits: Vec<&[u8]> = bitmaps.iter().map(|bitmap| &bitmap[..]).collect();
        history.replace(first_user, &periods, &bits);
        for (period, bitmap) in periods.iter().zip(&bitmaps) {
            for user in 0..256 {
                let on = bitmap[user / 8] >> (7 - user % 8) & 1 != 0;
                model.set(first_user + user as u32, *period, on);
            }
        }
    }
    history.check_invariants();
    for _ in 0..40 {
        let (a, b) = (390 + rng.below(320) as u32, 390 + rng.below(320) as u32);
        let expected = model.within(a.min(b), a.max(b)).users().len() as u64;
        assert_eq!(history.count(a.min(b), a.max(b)), expected);
    }
}

#[test]
fn cohorts_that_span_too_much_are_not_kept() {
    let mut history = History::default();
    let buckets = Buckets {
        origin: 100,
        width: 7,
    };
    assert!(history.keep_cohorts(buckets, 10));
    history.set(1, 100, true);
    history.set(1, 169, true);
    assert_eq!(
        history.cohort_triangle(buckets, 9, 10),
        Some(vec![vec![0, 0], vec![0]])
    );
    history.set(1, 170, true);
    assert_eq!(history.cohort_triangle(buckets, 0, 0), None);
    assert!(!history.keep_cohorts(buckets, 10));
    assert!(history.keep_cohorts(buckets, 11));
    assert_eq!(
        history.cohort_triangle(buckets, 0, 1),
        Some(vec![vec![1, 0], vec![0]])
    );
    assert_eq!(
        history.cohort_triangle(buckets, 0, 11),
        None,
        "more than the limit"
    );
    assert_eq!(
        history.cohort_triangle(
            Buckets {
                origin: 99,
                width: 7
            },
            0,
            1
        ),
        None
    );
    history.drop_cohorts();
    assert_eq!(history.cohort_triangle(buckets, 0, 1), None);
}

#[test]
fn a_clone_takes_no_memory_of_its_own_and_stays() {
    let mut history = History::default();
    for user in 0..1000 {
        history.set(user, 5 + user % 7, true);
    }
    let held = history.clone();
    let bytes = history.memory_bytes();
    history.set(3, 1_000_000, true);
    assert!(history.memory_bytes() > bytes);
    assert_eq!(held.memory_bytes(), bytes);
    assert_eq!(
        (held.count(0, u32::MAX), held.contains(3, 1_000_000)),
        (1000, false)
    );
    assert_eq!(history.last(3), Some(1_000_000));
}
