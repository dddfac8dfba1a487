//! What the reports are made from: asks an activity and fills in [`figures`](super::figures).
//!
//! Called by `show`. Reports go by days of the calendar, whatever the activity's periods are: hours are
//! put together, and of weeks no question is asked that takes days. Every answer is bounded, and what is
//! too much says which option makes it less.

use std::path::{Path, PathBuf};

use nacredb::{Activity, Bucket, Granularity, Period, Window};

use super::arguments::Span;
use super::figures::{Cohort, Days, Retention, Step, StepFigures, Streak};
use crate::Failure;

/// No calendar and no page has more days.
const YEARS_MAX: u32 = 20;
/// No report has more rows.
const ROWS_MAX: usize = 100_000;

/// An activity that is asked, in which something is marked.
#[derive(Debug)]
pub(crate) struct Questions {
    activity: Activity,
    name: String,
    /// The first and the last day of what is marked.
    marked: (Period, Period),
    /// The file, for errors.
    place: PathBuf,
}

impl Questions {
    /// `None` if nothing is marked.
    pub(crate) fn new(
        activity: Activity,
        name: &str,
        place: &Path,
    ) -> Result<Option<Self>, Failure> {
        let span = activity.span().map_err(Failure::at(place))?;
        let last_day = |period: Period| match period.granularity() {
            Granularity::Week => end(Step::Week, period.day_of()),
            Granularity::Hour | Granularity::Day => period.day_of(),
        };
        Ok(span.map(|(first, last)| Self {
            activity,
            name: name.to_owned(),
            marked: (first.day_of(), last_day(last)),
            place: place.to_owned(),
        }))
    }

    pub(crate) fn granularity(&self) -> Granularity {
        self.activity.options().granularity()
    }

    /// What it is counted in, e.g. `day, Europe/Berlin`.
    pub(crate) fn reckoning(&self) -> String {
        format!(
            "{}, {}",
            self.granularity(),
            self.activity.options().time_zone()
        )
    }

    /// The first and the last day of a span; where it says nothing those of what is marked.
    pub(crate) fn bounds(&self, span: Span) -> Result<(Period, Period), Failure> {
        let (first, last) = self.marked;
        let (from, to) = (span.from.unwrap_or(first), span.to.unwrap_or(last));
        if from > to {
            return Err(Failure::Refused(format!(
                "nothing is marked there: `{}` has marks from {first} to {last}",
                self.name
            )));
        }
        Ok((from, to))
    }

    /// The same, but from a year before the last day where the span does not say from when.
    pub(crate) fn last_year(&self, span: Span) -> Result<(Period, Period), Failure> {
        let (_, to) = self.bounds(span)?;
        Ok((span.from.unwrap_or(back(to, 364)), to))
    }

    /// The users of each day.
    pub(crate) fn days(&self, (from, to): (Period, Period)) -> Result<Days, Failure> {
        self.check_has_days("a calendar")?;
        let count = to.number() - from.number() + 1;
        if count > YEARS_MAX * 366 {
            return Err(Failure::Refused(format!(
                "{from} to {to} is more than the {YEARS_MAX} years that a calendar or a page can have: \
                 say --from DAY and --to DAY"
            )));
        }
        let days = (0..i64::from(count)).filter_map(|day| from.plus(day));
        let active = days.map(|day| self.count(day, day));
        Ok(Days {
            first: from,
            active: active.collect::<Result<_, _>>()?,
        })
    }

    /// The step a report goes by if nothing is said.
    pub(crate) fn shortest_step(&self) -> Step {
        match self.granularity() {
            Granularity::Week => Step::Week,
            Granularity::Hour | Granularity::Day => Step::Day,
        }
    }

    /// The steps of a span, whole ones where it says from or to when.
    pub(crate) fn steps(&self, by: Step, span: Span) -> Result<Vec<StepFigures>, Failure> {
        self.check_step(by)?;
        let (from, to) = self.bounds(span)?;
        let from = span.from.map_or(from, |from| by.start(from));
        let to = span.to.map_or(to, |to| end(by, to));
        let mut steps = Vec::new();
        let mut next = Some(by.start(from));
        while let Some(first) = next.filter(|first| *first <= to) {
            if steps.len() == ROWS_MAX {
                return Err(Failure::Refused(format!(
                    "{from} to {to} is more than {ROWS_MAX} {}s: say --from DAY and --to DAY",
                    by.name()
                )));
            }
            steps.push(self.step(by, first, (first.max(from), end(by, first).min(to)))?);
            next = by.next(first);
        }
        Ok(steps)
    }

    /// The step that begins on `first`, as far as these days of it.
    fn step(
        &self,
        by: Step,
        first: Period,
        (from, to): (Period, Period),
    ) -> Result<StepFigures, Failure> {
        let active = self.count(from, to)?;
        let new = self.ask(self.window(from, to)?.new_users())?;
        let (before, retained) = match first.previous() {
            Some(before) => {
                let start = by.start(before);
                let (before, both) = (self.count(start, before)?, self.count(start, to)?);
                (before, before + active - both)
            }
            None => (0, 0),
        };
        let (daily, month) = match self.granularity() {
            Granularity::Week => (None, 28),
            Granularity::Hour | Granularity::Day => (Some(self.mean(from, to)?), 30),
        };
        Ok(StepFigures {
            first,
            active,
            daily,
            weekly: self.count(back(to, 6), to)?,
            monthly: self.count(back(to, month - 1), to)?,
            new,
            returning: active.saturating_sub(new + retained),
            lost: before.saturating_sub(retained),
        })
    }

    /// The users of a day, on average over these days.
    fn mean(&self, from: Period, to: Period) -> Result<f64, Failure> {
        let mut sum = 0;
        let mut day = Some(from);
        while let Some(at) = day.filter(|day| *day <= to) {
            sum += self.count(at, at)?;
            day = at.next();
        }
        Ok(sum as f64 / f64::from(to.number() - from.number() + 1))
    }

    /// How many of the users who came in the last `weeks` of a span, or from when it says, came back.
    pub(crate) fn retention(&self, by: Step, span: Span, weeks: u32) -> Result<Retention, Failure> {
        self.check_step(by)?;
        let (first, to) = self.bounds(span)?;
        let from = match span.from {
            Some(_) => first,
            None => back(end(by, to), (i64::from(weeks) * 7 - 1).max(0)).max(first),
        };
        let bucket = match by {
            Step::Day => Bucket::Day,
            Step::Week => Bucket::Week,
            Step::Month => Bucket::Month,
        };
        let window = self.window(by.start(from), end(by, to))?;
        let cohorts = self.ask(window.retention(bucket))?.into_iter();
        let cohort = |cohort: nacredb::Cohort| {
            let (users, came_back) = cohort.active.split_first()?;
            Some(Cohort {
                first: cohort.start.day_of(),
                users: *users,
                came_back: came_back.to_vec(),
            })
        };
        Ok(Retention {
            by,
            cohorts: cohorts.filter_map(cohort).collect(),
        })
    }

    /// The users who were active in the most periods in a row.
    pub(crate) fn streaks(&self, count: usize, span: Span) -> Result<Vec<Streak>, Failure> {
        let (from, to) = self.bounds(span)?;
        let streaks = self.ask(self.window(from, to)?.top_streaks(count))?;
        let streak = |top: nacredb::TopStreak| {
            let nacredb::Streak { first, periods } = top.streak;
            Some(Streak {
                user: top.user.to_string(),
                periods,
                first,
                last: first.plus(i64::from(periods) - 1)?,
            })
        };
        Ok(streaks.into_iter().filter_map(streak).collect())
    }

    fn check_step(&self, by: Step) -> Result<(), Failure> {
        if by == Step::Week {
            return Ok(());
        }
        self.check_has_days(&format!("--by {}", by.name()))
    }

    fn check_has_days(&self, what: &str) -> Result<(), Failure> {
        match self.granularity() {
            Granularity::Hour | Granularity::Day => Ok(()),
            Granularity::Week => Err(Failure::Refused(format!(
                "`{}` is counted by week: there is no {what} of it",
                self.name
            ))),
        }
    }

    /// Different users from the one day to the other, both included.
    fn count(&self, from: Period, to: Period) -> Result<u64, Failure> {
        self.ask(self.window(from, to)?.count())
    }

    /// The periods of these days.
    fn window(&self, from: Period, to: Period) -> Result<Window, Failure> {
        let edge = |day: Period, hour: u8| match self.granularity() {
            Granularity::Day => Ok(day),
            Granularity::Week => Ok(day.week_of()),
            Granularity::Hour => {
                let (year, month, day) = day.year_month_day();
                Period::hour(year, month, day, hour)
            }
        };
        let window = edge(from, 0)
            .and_then(|from| Ok(from..=edge(to, 23)?))
            .map_err(nacredb::Error::Command);
        self.ask(window.and_then(|window| self.activity.active(window)))
    }

    fn ask<R>(&self, answer: Result<R, nacredb::Error>) -> Result<R, Failure> {
        answer.map_err(Failure::at(&self.place))
    }
}

/// So many days earlier, or the first there is.
fn back(day: Period, days: i64) -> Period {
    let first = || Period::from_number(Granularity::Day, 0).unwrap_or(day);
    day.plus(-days).unwrap_or_else(first)
}

/// The last day of the step a day lies in, as far as the calendar goes.
fn end(by: Step, day: Period) -> Period {
    match by.next(day) {
        Some(next) => next.previous().unwrap_or(day),
        None => Period::day(9999, 12, 31).unwrap_or(day),
    }
}
