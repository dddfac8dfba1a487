//! Activities as plain sets, and every question asked of both.

use std::collections::{BTreeMap, BTreeSet};

use nacredb::{
    ActivityReader, Bucket, Changes, Cohort, Granularity, Period, Streak, UserId, Window,
    prelude::*,
};

/// Random numbers from a seed: splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Who was active in which period.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    granularity: Granularity,
    periods: BTreeMap<Period, BTreeSet<u32>>,
}

/// The bits that are set in a string, below the last offset.
fn users_of(bytes: &[u8]) -> BTreeSet<u32> {
    let mut users = BTreeSet::new();
    for (at, byte) in bytes.iter().enumerate() {
        for bit in 0..8_u64 {
            let user = at as u64 * 8 + bit;
            if byte & (0x80 >> bit) != 0 && user < u64::from(u32::MAX) {
                users.insert(user as u32);
            }
        }
    }
    users
}

impl Model {
    /// What the keys of the periods say.
    pub(crate) fn read(
        db: &(impl KeyRead + ScanRead),
        name: &str,
        granularity: Granularity,
    ) -> Self {
        let mut periods = BTreeMap::new();
        for key in db.keys(format!("{name}:*")).unwrap() {
            let key = String::from_utf8(key).unwrap();
            let Ok(period) = key[name.len() + 1..].parse::<Period>() else {
                continue;
            };
            if period.granularity() != granularity {
                continue;
            }
            // Strings of 512 MB are read by their set bits.
            let users = match db.strlen(&key) {
                Ok(len) if len > 1 << 20 => sparse_users(db, &key, len),
                Ok(_) => users_of(&db.get(&key).unwrap().unwrap_or_default()),
                Err(_) => BTreeSet::new(),
            };
            if !users.is_empty() {
                periods.insert(period, users);
            }
        }
        Self {
            granularity,
            periods,
        }
    }

    fn window(&self, from: Period, to: Period) -> impl Iterator<Item = (&Period, &BTreeSet<u32>)> {
        self.periods.range(from..=to)
    }

    fn active(&self, from: Period, to: Period) -> BTreeSet<u32> {
        self.window(from, to)
            .flat_map(|(_, users)| users)
            .copied()
            .collect()
    }

    fn first(&self, user: u32) -> Option<Period> {
        let mut seen = self
            .periods
            .iter()
            .filter(|(_, users)| users.contains(&user));
        seen.next().map(|(period, _)| *period)
    }

    fn last(&self, user: u32) -> Option<Period> {
        let mut seen = self
            .periods
            .iter()
            .rev()
            .filter(|(_, users)| users.contains(&user));
        seen.next().map(|(period, _)| *period)
    }

    fn is_active(&self, user: u32, period: Period) -> bool {
        self.periods
            .get(&period)
            .is_some_and(|users| users.contains(&user))
    }

    fn streaks(&self, user: u32, from: Period, to: Period) -> Vec<(Period, u32)> {
        let mut streaks: Vec<(Period, u32)> = Vec::new();
        for (&period, _) in self
            .window(from, to)
            .filter(|(_, users)| users.contains(&user))
        {
            match streaks.last_mut() {
                Some((first, len)) if first.plus(i64::from(*len)) == Some(period) => *len += 1,
                _ => streaks.push((period, 1)),
            }
        }
        streaks
    }

    fn current_streak(&self, user: u32, at: Period) -> u32 {
        let mut period = if self.is_active(user, at) {
            Some(at)
        } else {
            at.previous()
        };
        let mut streak = 0;
        while let Some(this) = period.filter(|&this| self.is_active(user, this)) {
            streak += 1;
            period = this.previous();
        }
        streak
    }

    fn users(&self) -> BTreeSet<u32> {
        self.periods.values().flatten().copied().collect()
    }

    fn counted(&self, from: Period, to: Period, wanted: impl Fn(usize) -> bool) -> BTreeSet<u32> {
        let mut days: BTreeMap<u32, usize> = BTreeMap::new();
        for user in self.window(from, to).flat_map(|(_, users)| users) {
            *days.entry(*user).or_default() += 1;
        }
        days.into_iter()
            .filter(|(_, days)| wanted(*days))
            .map(|(user, _)| user)
            .collect()
    }

    fn changes(&self, from: Period, to: Period) -> Changes {
        let active = self.active(from, to);
        let len = i64::from(to.number() - from.number()) + 1;
        let start = from.plus(-len).unwrap();
        let before = self.active(start, from.previous().unwrap());
        let new = active
            .iter()
            .filter(|&&user| self.first(user) >= Some(from))
            .count() as u64;
        let retained = active.intersection(&before).count() as u64;
        Changes {
            active: active.len() as u64,
            new,
            retained,
            returning: active.len() as u64 - new - retained,
            lost: before.difference(&active).count() as u64,
        }
    }

    fn bucket(period: Period, bucket: Bucket) -> Option<Period> {
        let (year, month, day) = period.year_month_day();
        let start = match bucket {
            Bucket::Day => Period::day(year, month, day).unwrap(),
            Bucket::Week if period.granularity() == Granularity::Week => return Some(period),
            Bucket::Week => {
                let day = Period::day(year, month, day).unwrap();
                day.plus(-i64::from(day.number() % 7)).unwrap()
            }
            Bucket::Month => Period::day(year, month, 1).unwrap(),
        };
        match period.granularity() {
            Granularity::Hour => Period::from_number(Granularity::Hour, start.number() * 24),
            Granularity::Day => Some(start),
            Granularity::Week => None,
        }
    }

    fn retention(&self, from: Period, to: Period, bucket: Bucket) -> Option<Vec<Cohort>> {
        let (&first, &last) = (
            self.periods.keys().next()?,
            self.periods.keys().next_back()?,
        );
        let (from, to) = (from.max(first), to.min(last));
        let mut starts = Vec::new();
        let mut period = from;
        while period <= to {
            let start = Self::bucket(period, bucket)?;
            if starts.last() != Some(&start) {
                starts.push(start);
            }
            period = period.next().unwrap();
        }
        let cell = |one: usize, other: usize| {
            let clip = |at: usize| {
                let end = starts
                    .get(at + 1)
                    .map_or(to, |next| next.previous().unwrap());
                (starts[at].max(from), end)
            };
            let ((start, end), (other_start, other_end)) = (clip(one), clip(other));
            let cohort = self.users().into_iter().filter(|&user| {
                self.first(user)
                    .is_some_and(|first| (start..=end).contains(&first))
            });
            let active = self.active(other_start, other_end);
            cohort.filter(|user| active.contains(user)).count() as u64
        };
        let row = |at: usize| Cohort {
            start: starts[at],
            active: (at..starts.len()).map(|other| cell(at, other)).collect(),
        };
        Some((0..starts.len()).map(row).collect())
    }
}

fn sparse_users(db: &impl KeyRead, key: &str, len: u64) -> BTreeSet<u32> {
    let mut users = BTreeSet::new();
    let mut from = 0;
    while let Some(bit) = db
        .bitpos(key, true, nacredb::BitRange::bits(from..=-1))
        .unwrap()
    {
        if bit < u64::from(u32::MAX) {
            users.insert(bit as u32);
        }
        from = bit as i64 + 1;
        if from as u64 >= len * 8 {
            break;
        }
    }
    users
}

fn numbers(users: &BTreeSet<u32>) -> Vec<UserId> {
    users.iter().map(|&user| UserId::Number(user)).collect()
}

/// Asks everything, about random windows and users.
pub(crate) fn compare(
    reader: &ActivityReader,
    db: &impl KeyRead,
    model: &Model,
    random: &mut Random,
) {
    let all: Vec<Period> = model.periods.keys().copied().collect();
    let span = all.first().copied().zip(all.last().copied());
    assert_eq!(reader.span().unwrap(), span, "span");
    let users = model.users();
    assert_eq!(
        reader.active(..).unwrap().count().unwrap(),
        users.len() as u64
    );
    let Some((first, last)) = span else { return };
    let wide = i64::from(last.number() - first.number()) + 6;
    for _ in 0..4 {
        let from = first.plus(random.below(wide as u64) as i64 - 3).unwrap();
        let to = from.plus(random.below(wide as u64) as i64).unwrap();
        let window = reader.active(from..=to).unwrap();
        compare_window(&window, model, from, to, random);
    }
    let mut some: Vec<u32> = users
        .iter()
        .copied()
        .filter(|_| random.below(8) == 0)
        .collect();
    some.push(random.below(100) as u32);
    for user in some {
        let at = first.plus(random.below(wide as u64) as i64 - 3).unwrap();
        assert_eq!(
            reader.first_seen(user).unwrap(),
            model.first(user),
            "first of {user}"
        );
        assert_eq!(
            reader.last_seen(user).unwrap(),
            model.last(user),
            "last of {user}"
        );
        let streak = reader.current_streak(user, at).unwrap();
        assert_eq!(
            streak,
            model.current_streak(user, at),
            "streak of {user} at {at}"
        );
    }
    // Joins with plain keys: a period's own key is a bitmap as well.
    let name = String::from_utf8(reader.name().to_vec()).unwrap();
    let day = all[random.below(all.len() as u64) as usize];
    let bitmap = &model.periods[&day];
    assert!(db.exists(format!("{name}:{day}")).unwrap());
    let (from, to) = (first, all[random.below(all.len() as u64) as usize]);
    let window = reader.active(from..=to).unwrap();
    let active = model.active(from, to);
    let key = format!("{name}:{day}");
    let both: BTreeSet<u32> = active.intersection(bitmap).copied().collect();
    let either: BTreeSet<u32> = active.union(bitmap).copied().collect();
    let without: BTreeSet<u32> = active.difference(bitmap).copied().collect();
    for (members, expected) in [
        (window.members().and_key(&key), &both),
        (window.members().or_key(&key), &either),
        (window.members().and_not_key(&key), &without),
    ] {
        assert_eq!(
            members.count().unwrap(),
            expected.len() as u64,
            "{from}..={to} with {key}"
        );
        let listed: Vec<UserId> = members.iter().unwrap().map(Result::unwrap).collect();
        assert_eq!(listed, numbers(expected));
    }
    let twice = model.counted(from, to, |days| days >= 2);
    let deep = window
        .at_least(2)
        .or(window.members().and_key(&key))
        .and_not(window.exactly(1));
    let expected: BTreeSet<u32> = twice.union(&both).copied().collect();
    let once = model.counted(from, to, |days| days == 1);
    assert_eq!(
        deep.count().unwrap(),
        expected.difference(&once).count() as u64
    );
}

fn compare_window(window: &Window, model: &Model, from: Period, to: Period, random: &mut Random) {
    let what = format!("{from}..={to}");
    let active = model.active(from, to);
    assert_eq!(
        window.count().unwrap(),
        active.len() as u64,
        "count in {what}"
    );
    let marks: usize = model.window(from, to).map(|(_, users)| users.len()).sum();
    assert_eq!(window.marks().unwrap(), marks as u64, "marks in {what}");
    let changes = model.changes(from, to);
    assert_eq!(window.changes().unwrap(), changes, "changes in {what}");
    assert_eq!(window.new_users().unwrap(), changes.new, "new in {what}");
    let periods: Vec<(Period, u64)> = model
        .window(from, to)
        .map(|(period, users)| (*period, users.len() as u64))
        .collect();
    assert_eq!(window.periods().unwrap(), periods, "periods of {what}");
    let listed: Vec<UserId> = window
        .members()
        .iter()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(listed, numbers(&active), "members of {what}");
    for user in active
        .iter()
        .copied()
        .filter(|_| random.below(20) == 0)
        .chain([7, 77])
    {
        let expected = active.contains(&user);
        assert_eq!(window.contains(user).unwrap(), expected, "{user} in {what}");
        assert_eq!(window.members().contains(user).unwrap(), expected);
        let best = model.streaks(user, from, to);
        let longest = best.iter().map(|(_, len)| *len).max();
        let best = best.iter().find(|(_, len)| Some(*len) == longest);
        let best = best.map(|&(first, periods)| Streak { first, periods });
        assert_eq!(
            window.longest_streak(user).unwrap(),
            best,
            "streak of {user} in {what}"
        );
    }
    let len = (to.number() - from.number() + 1) as usize;
    for (members, expected) in [
        (
            window.at_least(2),
            model.counted(from, to, |days| days >= 2),
        ),
        (
            window.at_least(5),
            model.counted(from, to, |days| days >= 5),
        ),
        (window.exactly(1), model.counted(from, to, |days| days == 1)),
        (window.exactly(3), model.counted(from, to, |days| days == 3)),
        (
            window.in_every_period(),
            model.counted(from, to, |days| days == len),
        ),
    ] {
        assert_eq!(
            members.count().unwrap(),
            expected.len() as u64,
            "{members:?}"
        );
        let listed: Vec<UserId> = members.iter().unwrap().map(Result::unwrap).collect();
        assert_eq!(listed, numbers(&expected));
    }
    let mut top: Vec<(std::cmp::Reverse<u32>, u32, Period)> = active
        .iter()
        .map(|&user| {
            let streaks = model.streaks(user, from, to);
            let longest = streaks.iter().map(|(_, len)| *len).max().unwrap();
            let (first, len) = *streaks.iter().find(|(_, len)| *len == longest).unwrap();
            (std::cmp::Reverse(len), user, first)
        })
        .collect();
    top.sort();
    top.truncate(5);
    let answered: Vec<_> = window
        .top_streaks(5)
        .unwrap()
        .into_iter()
        .map(|top| match top.user {
            UserId::Number(user) => (
                std::cmp::Reverse(top.streak.periods),
                user,
                top.streak.first,
            ),
            UserId::Name(_) => panic!("users have numbers"),
        })
        .collect();
    assert_eq!(answered, top, "top streaks in {what}");
    compare_rolling(window, model, from, to);
    let bucket = [Bucket::Day, Bucket::Week, Bucket::Month][random.below(3) as usize];
    let few = (to.number() - from.number()) < 120;
    match (model.granularity, bucket) {
        (Granularity::Week, Bucket::Day | Bucket::Month) if active.is_empty() => {}
        (Granularity::Week, Bucket::Day | Bucket::Month) => {
            drop(window.retention(bucket).unwrap_err())
        }
        _ if few => {
            let expected = model.retention(from, to, bucket).unwrap_or_default();
            assert_eq!(
                window.retention(bucket).unwrap(),
                expected,
                "{bucket:?} in {what}"
            );
        }
        _ => {}
    }
}

fn compare_rolling(window: &Window, model: &Model, from: Period, to: Period) {
    let (day, week, month) = match model.granularity {
        Granularity::Hour => (24, 168, 720),
        Granularity::Day => (1, 7, 30),
        Granularity::Week => (1, 1, 4),
    };
    let first = *model.periods.keys().next().unwrap();
    let last = *model.periods.keys().next_back().unwrap();
    let rows = window.rolling().unwrap();
    let (from, to) = (from.max(first), to.min(last));
    let expected = if from <= to {
        (to.number() - from.number() + 1) as usize
    } else {
        0
    };
    assert_eq!(rows.len(), expected);
    for row in rows.iter().step_by(17) {
        let distinct = |len: i64| {
            let start = row.period.plus(1 - len).unwrap();
            model.active(start, row.period).len() as u64
        };
        assert_eq!(
            (row.day, row.week, row.month),
            (distinct(day), distinct(week), distinct(month))
        );
    }
}
