//! What is known of an activity, as plain numbers and dates: what the reports are made from.
//!
//! Filled in by the subcommands, shown by `tables`, `heatmap`, `svg` and `html`. Also the steps reports
//! go in, and numbers for people.

use nacredb::Period;

use crate::Failure;

/// How far apart the rows of a report are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Day,
    Week,
    Month,
}

impl Step {
    pub(crate) fn from_option(text: &str) -> Result<Self, Failure> {
        match text {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => Err(Failure::Usage(format!(
                "--by takes day, week or month, not `{text}`"
            ))),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// For how many weeks new users are followed if nothing is said: few enough for a terminal.
    pub(crate) fn weeks_followed(self) -> u32 {
        match self {
            Self::Day => 2,
            Self::Week => 12,
            Self::Month => 52,
        }
    }

    /// The first day of the step a day lies in.
    pub(crate) fn start(self, day: Period) -> Period {
        match self {
            Self::Day => day,
            Self::Week => day.week_of().day_of(),
            Self::Month => {
                let (_, _, of_month) = day.year_month_day();
                day.plus(1 - i64::from(of_month)).unwrap_or(day)
            }
        }
    }

    /// The first day of the step after the one a day lies in; `None` after the calendar's last.
    pub(crate) fn next(self, day: Period) -> Option<Period> {
        let start = self.start(day);
        match self {
            Self::Day => start.next(),
            Self::Week => start.plus(7),
            // No month is longer than 31 days, and none shorter than 28.
            Self::Month => Some(self.start(start.plus(31)?)),
        }
    }

    /// How the step a day lies in is called: `2026-11-21`, `2026-W47` or `2026-11`.
    pub(crate) fn label(self, day: Period) -> String {
        match self {
            Self::Day => day.to_string(),
            Self::Week => day.week_of().to_string(),
            Self::Month => {
                let (year, month, _) = day.year_month_day();
                format!("{year:04}-{month:02}")
            }
        }
    }
}

/// One step of a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepFigures {
    /// Its first day.
    pub(crate) first: Period,
    /// Different users in the step.
    pub(crate) active: u64,
    /// Active users of a day, on average over the step's days; `None` if periods are weeks.
    pub(crate) daily: Option<f64>,
    /// Different users of the 7 and of the 30 days that end with the step; of 28 if periods are weeks.
    pub(crate) weekly: u64,
    pub(crate) monthly: u64,
    /// Active here for the first time.
    pub(crate) new: u64,
    /// Active here and some time ago, but not in the step before.
    pub(crate) returning: u64,
    /// Active in the step before, but not here.
    pub(crate) lost: u64,
}

impl StepFigures {
    /// DAU over MAU: on how many days of a month its users come, as a share. WAU over MAU if periods
    /// are weeks.
    pub(crate) fn stickiness(&self) -> f64 {
        share(self.daily.unwrap_or(self.weekly as f64), self.monthly)
    }
}

/// The users who were first active in one step, and how many of them came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cohort {
    /// The first day of its step.
    pub(crate) first: Period,
    pub(crate) users: u64,
    /// How many were active so many steps later, from 1 on, as far as time has come.
    pub(crate) came_back: Vec<u64>,
}

/// Cohorts from the oldest to the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) by: Step,
    pub(crate) cohorts: Vec<Cohort>,
}

impl Retention {
    /// The most steps any cohort was followed.
    pub(crate) fn steps(&self) -> usize {
        self.cohorts
            .iter()
            .map(|cohort| cohort.came_back.len())
            .max()
            .unwrap_or(0)
    }

    /// The share of users who came back after so many steps, over all cohorts that are old enough.
    pub(crate) fn mean(&self, steps: usize) -> Option<f64> {
        let old_enough = self.cohorts.iter().filter_map(|cohort| {
            let came_back = cohort.came_back.get(steps.checked_sub(1)?)?;
            Some((*came_back as f64, cohort.users))
        });
        let (came_back, users) = old_enough.fold((0.0, 0_u64), |sum, cohort| {
            (sum.0 + cohort.0, sum.1.saturating_add(cohort.1))
        });
        (users > 0).then(|| share(came_back, users))
    }
}

/// Active users of consecutive days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Days {
    pub(crate) first: Period,
    pub(crate) active: Vec<u64>,
}

impl Days {
    /// The days with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Period, u64)> {
        let first = self.first;
        let active = self.active.iter().enumerate();
        active.filter_map(move |(index, active)| Some((first.plus(index as i64)?, *active)))
    }

    /// The last of them; `None` if there are none.
    pub(crate) fn last(&self) -> Option<Period> {
        let after_first = self.active.len().checked_sub(1)?;
        self.first.plus(after_first as i64)
    }
}

/// Periods in a row a user was active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Streak {
    pub(crate) user: String,
    pub(crate) periods: u32,
    pub(crate) first: Period,
    pub(crate) last: Period,
}

/// `part` of `whole`, 0 where there is nothing.
pub(crate) fn share(part: f64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part / whole as f64 }
}

/// A share as a percentage with one decimal.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The short name of a month from 1 to 12.
pub(crate) fn month_name(month: u8) -> &'static str {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    NAMES
        .get(usize::from(month).wrapping_sub(1))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn day(text: &str) -> Period {
        text.parse().unwrap()
    }

    /// So many days with a weekly wave, growth and a hole, the same every time.
    pub(crate) fn days(first: &str, count: u64) -> Days {
        let wave = [90, 100, 105, 98, 80, 30, 25];
        let first = day(first);
        let active = (0..count)
            .map(|index| {
                let weekday = (u64::from(first.weekday()) - 1 + index) % 7;
                let noise = index.wrapping_mul(2_654_435_761) % 17;
                let hole = (40..52).contains(&(index % 200));
                if hole {
                    0
                } else {
                    (wave[weekday as usize] + noise) * (40 + index) / 10
                }
            })
            .collect();
        Days { first, active }
    }

    #[test]
    fn steps_start_and_follow_each_other() {
        let at = day("2026-12-31");
        for (step, start, next, label) in [
            (Step::Day, "2026-12-31", "2027-01-01", "2026-12-31"),
            (Step::Week, "2026-12-28", "2027-01-04", "2026-W53"),
            (Step::Month, "2026-12-01", "2027-01-01", "2026-12"),
        ] {
            assert_eq!(step.start(at), day(start));
            assert_eq!(step.next(at), Some(day(next)));
            assert_eq!(step.label(at), label);
            assert_eq!(step.next(day("9999-12-31")), None);
            assert_eq!(step.start(day("0001-01-01")), day("0001-01-01"));
            assert_eq!(Step::from_option(step.name()).unwrap(), step);
        }
        assert_eq!(Step::Month.next(day("2026-02-01")), Some(day("2026-03-01")));
        assert!(Step::from_option("year").is_err());
    }

    #[test]
    fn mean_retention_weighs_cohorts_by_their_users() {
        let cohort = |users, came_back: &[u64]| Cohort {
            first: day("2026-11-02"),
            users,
            came_back: came_back.to_vec(),
        };
        let retention = Retention {
            by: Step::Week,
            cohorts: vec![cohort(100, &[50, 20]), cohort(300, &[30]), cohort(7, &[])],
        };
        assert_eq!(retention.steps(), 2);
        assert_eq!(retention.mean(1), Some(0.2));
        assert_eq!(retention.mean(2), Some(0.2));
        assert_eq!(retention.mean(3), None);
        assert_eq!(retention.mean(0), None);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(percent(0.12345), "12.3%");
        assert_eq!(percent(share(1.0, 0)), "0.0%");
    }
}
