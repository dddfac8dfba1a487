//! Questions about users over time: first and last seen, streaks, growth, retention.

use super::ActivityReader;
use super::user::{User, UserId};
use super::window::Window;
use crate::activity::calendar::{Granularity, Period};
use crate::activity::index::{Buckets, History};
use crate::error::{CommandError, Error};

/// No answer has more rows.
const ROWS_MAX: u32 = 100_000;
/// No retention triangle has more cohorts.
const COHORTS_MAX: u32 = 4096;

/// What became of an activity's users in a window, compared with the window of the same length right
/// before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    /// Users who were active: `new + retained + returning`.
    pub active: u64,
    /// Users who had never been active before.
    pub new: u64,
    /// Users who were active in the window before, too.
    pub retained: u64,
    /// Users who had been active, but not in the window before.
    pub returning: u64,
    /// Users who were active in the window before and not in this one.
    pub lost: u64,
}

/// Users who were active on a day, and in the week and the month that ended with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rolling {
    /// The period in which the day, week and month end.
    pub period: Period,
    /// Distinct users of the day: DAU. Of the week where periods are weeks.
    pub day: u64,
    /// Distinct users of 7 days: WAU.
    pub week: u64,
    /// Distinct users of 30 days, or of 4 weeks: MAU.
    pub month: u64,
}

impl Rolling {
    /// The day's users as a part of the month's, from 0 to 1; 0 if the month has none.
    #[must_use]
    pub fn stickiness(&self) -> f64 {
        if self.month == 0 {
            return 0.0;
        }
        self.day as f64 / self.month as f64
    }
}

/// The time over which a retention triangle puts users together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Days.
    Day,
    /// Weeks from Monday.
    Week,
    /// Calendar months.
    Month,
}

/// One row of a retention triangle: the users who were first active in the same bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    /// The first period of the bucket.
    pub start: Period,
    /// How many of them were active in that bucket, which is all of them, in the next one, and so on to the last
    /// of the window.
    pub active: Vec<u64>,
}

/// Consecutive periods in which a user was active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    /// The first of them.
    pub first: Period,
    /// How many there are.
    pub periods: u32,
}

/// A user's longest streak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopStreak {
    /// Whose.
    pub user: UserId,
    /// The streak.
    pub streak: Streak,
}

impl ActivityReader {
    /// The number of the last period there can be.
    pub(super) fn last_number(&self) -> u32 {
        self.options().granularity().last_number()
    }

    pub(super) fn ask_user<'u, R>(
        &self,
        user: impl Into<User<'u>>,
        ask: impl FnOnce(&mut History, u32) -> Option<R>,
    ) -> Result<Option<R>, Error> {
        match self.find_user(user.into())? {
            Some(user) => self.ask(|history| ask(history, user)),
            None => Ok(None),
        }
    }

    /// The first and the last period with marks; `None` if there are no marks.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// As [`Window::count`].
    pub fn span(&self) -> Result<Option<(Period, Period)>, Error> {
        let span = self.ask(|history| history.span())?;
        Ok(span.and_then(|(first, last)| Some((self.period(first)?, self.period(last)?))))
    }

    /// The first period in which the user was active.
    ///
    /// # Complexity
    /// O(1) for each 512 periods.
    ///
    /// # Errors
    /// As [`Window::contains`].
    pub fn first_seen<'u>(&self, user: impl Into<User<'u>>) -> Result<Option<Period>, Error> {
        let first = self.ask_user(user, |history, user| history.first(user))?;
        Ok(first.and_then(|first| self.period(first)))
    }

    /// The last period in which the user was active.
    ///
    /// # Complexity
    /// As [`first_seen`](Self::first_seen).
    ///
    /// # Errors
    /// As [`Window::contains`].
    pub fn last_seen<'u>(&self, user: impl Into<User<'u>>) -> Result<Option<Period>, Error> {
        let last = self.ask_user(user, |history, user| history.last(user))?;
        Ok(last.and_then(|last| self.period(last)))
    }

    /// In how many consecutive periods up to `at` the user was active. A streak that reaches the period before
    /// counts as well: the user may still come.
    ///
    /// # Complexity
    /// O(length / 64).
    ///
    /// # Errors
    /// As [`Window::contains`].
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error};
    /// # let logins = Db::open_in_memory().activity("login")?;
    /// logins.mark_many([(7, "2026-11-18"), (7, "2026-11-19"), (7, "2026-11-20")])?;
    /// assert_eq!(logins.current_streak(7, "2026-11-21")?, 3);
    /// assert_eq!(logins.current_streak(7, "2026-11-22")?, 0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn current_streak<'u>(
        &self,
        user: impl Into<User<'u>>,
        at: impl super::IntoTime,
    ) -> Result<u32, Error> {
        let at = self.number_at(at)?;
        let streak = self.ask_user(user, |history, user| Some(history.current_streak(user, at)))?;
        Ok(streak.unwrap_or(0))
    }
}

impl Window {
    /// As [`members`](Self::members), only counted: users who had never been active before the window.
    ///
    /// # Complexity
    /// As [`count`](Self::count).
    ///
    /// # Errors
    /// As [`count`](Self::count).
    pub fn new_users(&self) -> Result<u64, Error> {
        let (from, to) = (self.from, self.to);
        self.reader
            .ask(|history| history.first_seen_count(from, to))
    }

    /// New, retained, returning and lost users, compared with the window of the same length right before.
    ///
    /// # Complexity
    /// That of three counts.
    ///
    /// # Errors
    /// As [`count`](Self::count).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error};
    /// # let logins = Db::open_in_memory().activity("login")?;
    /// logins.mark_many([(1, "2026-11-01"), (2, "2026-11-01"), (2, "2026-11-02"), (3, "2026-11-02")])?;
    /// let changes = logins.active("2026-11-02")?.changes()?;
    /// assert_eq!((changes.active, changes.new, changes.retained, changes.lost), (2, 1, 1, 1));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn changes(&self) -> Result<Changes, Error> {
        let (from, to) = (self.from, self.to);
        self.reader.ask(|history| changes(history, from, to))
    }

    /// For each period of the window the distinct users of the day, the week and the month that end in it.
    /// Periods before the first mark and after the last are left out.
    ///
    /// # Complexity
    /// That of three counts for each row.
    ///
    /// # Errors
    /// As [`count`](Self::count); [`CommandError::Other`] for more than 100,000 rows.
    pub fn rolling(&self) -> Result<Vec<Rolling>, Error> {
        let history = self.reader.history()?;
        let Some((first, last)) = history.span() else {
            return Ok(Vec::new());
        };
        let (from, to) = (self.from.max(first), self.to.min(last));
        if from > to {
            return Ok(Vec::new());
        }
        check_rows(to - from, ROWS_MAX)?;
        let (day, week, month) = match self.reader.options().granularity() {
            Granularity::Hour => (24, 7 * 24, 30 * 24),
            Granularity::Day => (1, 7, 30),
            Granularity::Week => (1, 1, 4),
        };
        let up_to =
            |period: u32, periods: u32| history.count(period.saturating_sub(periods - 1), period);
        let row = |period| {
            Some(Rolling {
                period: self.reader.period(period)?,
                day: up_to(period, day),
                week: up_to(period, week),
                month: up_to(period, month),
            })
        };
        Ok((from..=to).filter_map(row).collect())
    }

    /// The retention triangle of the window: for the users who were first active in each bucket of it, how
    /// many were active in that bucket and in each later one. Buckets that the window cuts count as far as they
    /// lie in it; first active means over all marks, before the window as well.
    ///
    /// # Complexity
    /// Days and weeks: O(cells) once the counts are kept. The first such question counts them in one pass over
    /// all users, for which nobody waits; they are kept, and kept up by each later mark, unless marks came in
    /// between, and one kind of bucket at a time. Months, and windows that cut a bucket: a pass over all
    /// users.
    ///
    /// # Errors
    /// As [`count`](Self::count); [`CommandError::Other`] for more than 4096 buckets, and for buckets that
    /// the activity's periods do not fit into: days and months where periods are weeks.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Bucket, Db, Error};
    /// # let logins = Db::open_in_memory().activity("login")?;
    /// logins.mark_many([(1, "2026-11-02"), (2, "2026-11-03"), (1, "2026-11-10"), (3, "2026-11-11")])?;
    /// let cohorts = logins.active("2026-11-02"..="2026-11-15")?.retention(Bucket::Week)?;
    /// assert_eq!(cohorts[0].active, [2, 1]);
    /// assert_eq!(cohorts[1].active, [1]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn retention(&self, bucket: Bucket) -> Result<Vec<Cohort>, Error> {
        let width = self.width(bucket);
        let found = self.reader.ask(|history| {
            let (from, to) = history.clip(self.from, self.to)?;
            let whole = width.and_then(|width| whole_buckets(history, width, from, to));
            let kept = whole.and_then(|whole| whole.kept(history));
            Some((from, to, whole, kept.ok_or_else(|| history.clone())))
        })?;
        let Some((from, to, whole, kept)) = found else {
            return Ok(Vec::new());
        };
        let starts = self.bucket_starts(bucket, from, to)?;
        let triangle = match kept {
            Ok(triangle) => triangle,
            Err(history) => self.count_retention(history, whole, &starts, from, to)?,
        };
        let cohorts = starts.iter().zip(triangle);
        let cohort = |(&start, active): (&u32, Vec<u64>)| {
            let start = self.reader.period(start)?;
            Some(Cohort { start, active })
        };
        Ok(cohorts.filter_map(cohort).collect())
    }

    /// The triangle counted from a clone, while nobody waits. Of whole buckets the counts are kept, unless
    /// something was marked meanwhile.
    fn count_retention(
        &self,
        mut history: History,
        whole: Option<WholeBuckets>,
        starts: &[u32],
        from: u32,
        to: u32,
    ) -> Result<Vec<Vec<u64>>, Error> {
        if let Some(whole) = whole
            && history.keep_cohorts(whole.buckets, COHORTS_MAX)
            && let Some(triangle) = whole.kept(&history)
        {
            let _is_kept = self.reader.ask(|live| live.adopt_cohorts(&history))?;
            return Ok(triangle);
        }
        let inner = starts.iter().copied().filter(|&start| start > from);
        let bounds: Vec<u32> = [from].into_iter().chain(inner).chain([to + 1]).collect();
        history.scan_cohorts(&bounds).map_err(|_| too_wide())
    }

    /// How many periods a bucket has, if all have the same number.
    fn width(&self, bucket: Bucket) -> Option<u32> {
        match (self.reader.options().granularity(), bucket) {
            (_, Bucket::Month) | (Granularity::Week, Bucket::Day) => None,
            (Granularity::Hour, Bucket::Day) => Some(24),
            (Granularity::Hour, Bucket::Week) => Some(7 * 24),
            (Granularity::Day, Bucket::Day) | (Granularity::Week, Bucket::Week) => Some(1),
            (Granularity::Day, Bucket::Week) => Some(7),
        }
    }

    /// The first period of each bucket that has periods from `from` to `to`.
    fn bucket_starts(&self, bucket: Bucket, from: u32, to: u32) -> Result<Vec<u32>, Error> {
        let granularity = self.reader.options().granularity();
        if let Some(width) = self.width(bucket) {
            check_rows(to / width - from / width, COHORTS_MAX)?;
            return Ok((from / width..=to / width).map(|at| at * width).collect());
        }
        if granularity == Granularity::Week {
            let text = "ERR the activity's periods are weeks, which no other bucket is made of";
            return Err(CommandError::Other(text.into()).into());
        }
        let month_of = |number: u32| {
            let (year, month, _) = self.reader.period(number)?.year_month_day();
            Some(u32::from(year) * 12 + u32::from(month) - 1)
        };
        let (Some(first), Some(last)) = (month_of(from), month_of(to)) else {
            return Ok(Vec::new());
        };
        check_rows(last - first, COHORTS_MAX)?;
        let start = |month: u32| {
            let day = Period::day((month / 12) as u16, (month % 12) as u8 + 1, 1).ok()?;
            Some(match granularity {
                Granularity::Hour => day.number() * 24,
                Granularity::Day | Granularity::Week => day.number(),
            })
        };
        Ok((first..=last).filter_map(start).collect())
    }

    /// The user's longest streak within the window, the earliest if several are as long.
    ///
    /// # Complexity
    /// O(P / 64) for P periods.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn longest_streak<'u>(&self, user: impl Into<User<'u>>) -> Result<Option<Streak>, Error> {
        let (from, to) = (self.from, self.to);
        let longest = self
            .reader
            .ask_user(user, |history, user| history.longest_streak(user, from, to))?;
        Ok(longest.and_then(|(first, periods)| self.streak(first, periods)))
    }

    /// The `count` users with the longest streaks within the window, the longest first and users in the
    /// order of their numbers where streaks are as long.
    ///
    /// # Complexity
    /// O(U P / 64) for U users and P periods.
    ///
    /// # Errors
    /// As [`count`](Self::count).
    pub fn top_streaks(&self, count: usize) -> Result<Vec<TopStreak>, Error> {
        let history = self.reader.history()?;
        let top = history.top_streaks(count, self.from, self.to);
        let users: Vec<u32> = top.iter().map(|&(user, _, _)| user).collect();
        let users = self.reader.name_users(&users, None)?;
        let top = users.into_iter().zip(top);
        let streak = |(user, (_, first, periods))| {
            let streak = self.streak(first, periods)?;
            Some(TopStreak { user, streak })
        };
        Ok(top.filter_map(streak).collect())
    }

    fn streak(&self, first: u32, periods: u32) -> Option<Streak> {
        let first = self.reader.period(first)?;
        Some(Streak { first, periods })
    }
}

/// Buckets of the same width, none of which the window cuts where there are marks.
#[derive(Debug, Clone, Copy)]
struct WholeBuckets {
    buckets: Buckets,
    from: u32,
    to: u32,
}

impl WholeBuckets {
    /// The triangle, if these counts are kept.
    fn kept(self, history: &History) -> Option<Vec<Vec<u64>>> {
        history.cohort_triangle(self.buckets, self.from, self.to)
    }
}

fn whole_buckets(history: &History, width: u32, from: u32, to: u32) -> Option<WholeBuckets> {
    let (first, last) = history.span()?;
    let cuts_front = !from.is_multiple_of(width) && from > first;
    let cuts_back = to % width != width - 1 && to < last;
    (!cuts_front && !cuts_back).then_some(WholeBuckets {
        buckets: Buckets { origin: 0, width },
        from: from / width,
        to: to / width,
    })
}

fn changes(history: &History, from: u32, to: u32) -> Changes {
    let active = history.count(from, to);
    let new = history.first_seen_count(from, to);
    let (before, both) = match from.checked_sub(1) {
        Some(end) => {
            let start = from.saturating_sub((to - from).saturating_add(1));
            (history.count(start, end), history.count(start, to))
        }
        None => (0, active),
    };
    let retained = before + active - both;
    Changes {
        active,
        new,
        retained,
        returning: active - new - retained,
        lost: before - retained,
    }
}

fn too_wide() -> Error {
    let text = "ERR the window is too wide for one pass over all users: ask for a shorter one";
    CommandError::Other(text.into()).into()
}

fn check_rows(above_first: u32, rows_max: u32) -> Result<(), Error> {
    if above_first < rows_max {
        return Ok(());
    }
    let text =
        format!("ERR the answer would have more than {rows_max} rows: ask for a shorter window");
    Err(CommandError::Other(text.into()).into())
}
