//! Reports as text in columns, for a terminal or a pipe.
//!
//! Numbers stand right and are plain digits, so that other tools can read them.

use nacredb::Granularity;

use super::figures::{Retention, Step, StepFigures, Streak, percent, share};

/// Rows under a heading, as wide as they must be: the first column left, the others right.
fn columns(heading: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(heading.get(column).map_or(0, |name| name.chars().count()))
    };
    let widths: Vec<_> = (0..heading.len()).map(width).collect();
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (index, (cell, width)) in cells.zip(&widths).enumerate() {
            if index == 0 {
                line.push_str(&format!("{cell:<width$}"));
            } else {
                line.push_str(&format!("  {cell:>width$}"));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(&mut heading.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    text
}

/// A row for every step.
pub(crate) fn report(by: Step, steps: &[StepFigures]) -> String {
    let mut heading = vec![by.name()];
    if by != Step::Day {
        heading.push("active");
    }
    let with_days = steps.iter().all(|step| step.daily.is_some());
    if with_days {
        heading.push("dau");
    }
    let stickiness = if with_days { "dau/mau" } else { "wau/mau" };
    heading.extend(["wau", "mau", stickiness, "new", "returning", "lost"]);
    let rows: Vec<_> = steps
        .iter()
        .map(|step| {
            let mut row = vec![by.label(step.first)];
            if by != Step::Day {
                row.push(step.active.to_string());
            }
            row.extend(step.daily.map(|daily| format!("{daily:.0}")));
            row.extend([step.weekly, step.monthly].map(|number| number.to_string()));
            row.push(percent(step.stickiness()));
            row.extend([step.new, step.returning, step.lost].map(|number| number.to_string()));
            row
        })
        .collect();
    columns(&heading, &rows)
}

/// The share of every cohort that came back, and of all of them together.
pub(crate) fn retention(retention: &Retention) -> String {
    let later: Vec<_> = (1..=retention.steps())
        .map(|step| format!("+{step}"))
        .collect();
    let mut heading = vec![retention.by.name(), "users"];
    heading.extend(later.iter().map(String::as_str));
    let whole = |share: f64| format!("{:.0}%", share * 100.0);
    let mut rows: Vec<_> = retention
        .cohorts
        .iter()
        .map(|cohort| {
            let mut row = vec![retention.by.label(cohort.first), cohort.users.to_string()];
            let shares = cohort.came_back.iter();
            row.extend(shares.map(|came_back| match cohort.users {
                0 => "-".to_owned(),
                users => whole(share(*came_back as f64, users)),
            }));
            row
        })
        .collect();
    if !rows.is_empty() {
        let users: u64 = retention.cohorts.iter().map(|cohort| cohort.users).sum();
        let mut row = vec!["all".to_owned(), users.to_string()];
        let means = (1..=retention.steps()).map(|step| retention.mean(step));
        row.extend(means.map(|mean| mean.map_or_else(|| "-".to_owned(), whole)));
        rows.push(row);
    }
    columns(&heading, &rows)
}

/// The longest first, as they come; what their periods are called.
pub(crate) fn streaks(streaks: &[Streak], periods: Granularity) -> String {
    let rows: Vec<_> = streaks
        .iter()
        .map(|streak| {
            vec![
                streak.user.chars().flat_map(char::escape_debug).collect(),
                streak.periods.to_string(),
                streak.first.to_string(),
                streak.last.to_string(),
            ]
        })
        .collect();
    columns(&["user", &format!("{periods}s"), "first", "last"], &rows)
}

#[cfg(test)]
mod tests {
    use super::super::figures::Cohort;
    use super::super::figures::tests::day;
    use super::*;

    #[test]
    fn reports_stand_in_columns() {
        let step = |first: &str, active| StepFigures {
            first: day(first),
            active,
            daily: Some(active as f64 / 3.0),
            weekly: active,
            monthly: 12_000,
            new: 4,
            returning: 5,
            lost: 0,
        };
        let steps = [step("2026-11-02", 900), step("2026-11-09", 12_000)];
        assert_eq!(
            report(Step::Week, &steps),
            "\
week      active   dau    wau    mau  dau/mau  new  returning  lost
2026-W45     900   300    900  12000     2.5%    4          5     0
2026-W46   12000  4000  12000  12000    33.3%    4          5     0
"
        );
        assert!(report(Step::Day, &steps).starts_with("day          dau"));
        assert_eq!(report(Step::Day, &[]).lines().count(), 1);
        let weeks = steps.map(|step| StepFigures {
            daily: None,
            ..step
        });
        assert_eq!(
            report(Step::Week, &weeks).lines().last().unwrap(),
            "2026-W46   12000  12000  12000   100.0%    4          5     0"
        );
    }

    #[test]
    fn retention_is_a_triangle_with_a_last_row_for_all() {
        let cohort = |first: &str, users, came_back: &[u64]| Cohort {
            first: day(first),
            users,
            came_back: came_back.to_vec(),
        };
        let cohorts = vec![
            cohort("2026-09-01", 100, &[50, 20]),
            cohort("2026-10-01", 300, &[30]),
            cohort("2026-11-01", 0, &[]),
        ];
        let table = retention(&Retention {
            by: Step::Month,
            cohorts,
        });
        assert_eq!(
            table,
            "\
month    users   +1   +2
2026-09    100  50%  20%
2026-10    300  10%
2026-11      0
all        400  20%  20%
"
        );
        let none = Retention {
            by: Step::Day,
            cohorts: Vec::new(),
        };
        assert_eq!(retention(&none), "day  users\n");
    }

    #[test]
    fn streaks_show_users_on_one_line() {
        let streak = Streak {
            user: "a\nb".to_owned(),
            periods: 12,
            first: day("2026-11-01"),
            last: day("2026-11-12"),
        };
        assert_eq!(
            streaks(&[streak], Granularity::Day),
            "user  days       first        last\na\\nb    12  2026-11-01  2026-11-12\n"
        );
    }
}
