//! A report as one page: no scripts, nothing loaded, light or dark as the reader's system is.
//!
//! Called by `report --html`. The page holds what it is given; it computes shares only.

use std::fmt::Write as _;

use nacredb::Period;

use super::figures::{Days, Retention, Step, StepFigures, grouped, percent, share};
use super::svg::{self, MEAN_FROM_DAYS, MEAN_ONLY_FROM_DAYS, STYLE, escape};

/// What only a page has.
const PAGE_STYLE: &str = "\
*{box-sizing:border-box}\
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif}\
main{max-width:960px;margin:0 auto;padding:32px 24px 48px}\
h1{font-size:24px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}\
h2{font-size:17px;margin:36px 0 10px}\
p{margin:0 0 12px;color:var(--soft);max-width:70ch}\
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin:20px 0 12px}\
dl div{border:1px solid var(--rule);border-radius:8px;padding:10px 14px}\
dt{color:var(--soft);font-size:13px}dd{margin:0;font-size:22px;font-weight:600}\
.wide{overflow-x:auto}.tall{overflow:auto;max-height:440px;border:1px solid var(--rule);border-radius:8px}\
.years{max-height:440px}.full svg{width:100%;min-width:640px;height:auto}\
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;white-space:nowrap}\
.tall table{width:100%}\
th,td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--rule)}\
th:first-child,td:first-child{text-align:left}th{font-weight:600;color:var(--soft)}\
.tall th{position:sticky;top:0;background:var(--page)}.tall tr:last-child td{border-bottom:0}\
.triangle td,.triangle th{border:2px solid var(--page);padding:3px 9px}\
.triangle td.r0,.triangle td.r1{background:var(--l1)}.triangle td.r0{background:var(--l0)}\
.triangle td.r2{background:var(--l2)}.triangle td.r3{background:var(--l3)}.triangle td.r4{background:var(--l4)}\
.triangle .r0,.triangle .r1,.triangle .r2{color:#10171c}.triangle .r3,.triangle .r4{color:#ffffff}\
@media(prefers-color-scheme:dark){.triangle .r0,.triangle .r1,.triangle .r2{color:#f2f6f8}\
.triangle .r3,.triangle .r4{color:#0d1316}}";

/// What a page shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    /// The activity's name.
    pub(crate) name: String,
    /// What it is counted in, e.g. `day, Europe/Berlin`.
    pub(crate) reckoning: String,
    /// The first and the last day.
    pub(crate) span: (Period, Period),
    pub(crate) by: Step,
    /// From the oldest to the newest.
    pub(crate) steps: Vec<StepFigures>,
    /// None if periods are weeks.
    pub(crate) days: Days,
    pub(crate) retention: Retention,
}

impl Page {
    /// The whole document.
    pub(crate) fn render(&self) -> String {
        let name = escape(&self.name);
        let mut out = String::new();
        let _ = write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>Activity of {name}</title>\n<style>{STYLE}{PAGE_STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>Activity of {name}</h1>\n"
        );
        self.write_head(&mut out);
        if !self.days.active.is_empty() {
            self.write_days(&mut out);
        }
        self.write_retention(&mut out);
        self.write_steps(&mut out);
        out.push_str("</main>\n</body>\n</html>\n");
        out
    }

    fn write_days(&self, out: &mut String) {
        out.push_str("<h2>Daily users</h2>\n");
        out.push_str(match self.days.active.len() {
            0..MEAN_FROM_DAYS => "",
            MEAN_FROM_DAYS..MEAN_ONLY_FROM_DAYS => {
                "<p>Thin: every day. Bold: the mean of it and the six days before.</p>\n"
            }
            _ => "<p>The mean of every day and the six before.</p>\n",
        });
        let _ = write!(
            out,
            "<div class=\"wide full\">{}</div>\n<h2>Calendar</h2>\n<div class=\"wide years\">{}</div>\n",
            svg::line(&format!("Daily users of {}", self.name), &self.days).element(),
            svg::heatmap(&format!("Calendar of {}", self.name), &self.days).element()
        );
    }

    fn write_head(&self, out: &mut String) {
        let (first, last) = self.span;
        let reckoning = escape(&self.reckoning);
        let _ = writeln!(out, "<p>{first} to {last}, counted by {reckoning}</p>");
        let Some(newest) = self.steps.last() else {
            return;
        };
        let (month, stickiness) = match newest.daily {
            Some(_) => ("In 30 days", "DAU/MAU"),
            None => ("In 4 weeks", "WAU/MAU"),
        };
        let daily = newest.daily.map(|daily| grouped(daily.round() as u64));
        let mut tiles: Vec<_> = daily
            .into_iter()
            .map(|daily| ("Daily users", daily))
            .collect();
        tiles.extend([
            ("In 7 days", grouped(newest.weekly)),
            (month, grouped(newest.monthly)),
            (stickiness, percent(newest.stickiness())),
        ]);
        let back = match self.retention.by {
            Step::Day => "Back the next day",
            Step::Week => "Back the next week",
            Step::Month => "Back the next month",
        };
        tiles.extend(self.retention.mean(1).map(|mean| (back, percent(mean))));
        out.push_str("<dl>");
        for (what, number) in tiles {
            let _ = write!(out, "<div><dt>{what}</dt><dd>{number}</dd></div>");
        }
        let _ = writeln!(out, "</dl>\n<p>As of {}.</p>", self.by.label(newest.first));
    }

    fn write_retention(&self, out: &mut String) {
        let by = self.retention.by;
        if self.retention.cohorts.is_empty() {
            return;
        }
        let _ = write!(
            out,
            "<h2>Retention</h2>\n<p>Of the users first seen in a {step}, how many were active so many \
             {step}s later.</p>\n<div class=\"wide\"><table class=\"triangle\"><tr><th>{step}</th><th>users</th>",
            step = by.name()
        );
        for step in 1..=self.retention.steps() {
            let _ = write!(out, "<th>+{step}</th>");
        }
        out.push_str("</tr>\n");
        for cohort in &self.retention.cohorts {
            let label = by.label(cohort.first);
            let _ = write!(
                out,
                "<tr><th>{label}</th><td>{}</td>",
                grouped(cohort.users)
            );
            for came_back in &cohort.came_back {
                let share = (cohort.users > 0).then(|| share(*came_back as f64, cohort.users));
                write_share(share, Some(*came_back), out);
            }
            out.push_str("</tr>\n");
        }
        let users = self
            .retention
            .cohorts
            .iter()
            .map(|cohort| cohort.users)
            .sum();
        let _ = write!(out, "<tr><th>all</th><td>{}</td>", grouped(users));
        for step in 1..=self.retention.steps() {
            write_share(self.retention.mean(step), None, out);
        }
        out.push_str("</tr>\n</table></div>\n");
    }

    fn write_steps(&self, out: &mut String) {
        let by = self.by.name();
        let with_days = self.steps.iter().all(|step| step.daily.is_some());
        let (what, stickiness) = if with_days {
            (
                "DAU, WAU and MAU are the different users of a day, of 7 and of 30 days",
                "DAU/MAU",
            )
        } else {
            (
                "WAU and MAU are the different users of a week and of 4 weeks",
                "WAU/MAU",
            )
        };
        let _ = write!(
            out,
            "<h2>Every {by}</h2>\n<p>{what}; new users were never seen before, returning ones not in the {by} \
             before, and lost ones were active then but not now.</p>\n<div class=\"tall\"><table><tr>"
        );
        let mut heading = vec![by];
        if self.by != Step::Day {
            heading.push("active");
        }
        if with_days {
            heading.push("DAU");
        }
        heading.extend(["WAU", "MAU", stickiness, "new", "returning", "lost"]);
        for name in heading {
            let _ = write!(out, "<th>{name}</th>");
        }
        out.push_str("</tr>\n");
        for step in self.steps.iter().rev() {
            let mut row = vec![self.by.label(step.first)];
            if self.by != Step::Day {
                row.push(grouped(step.active));
            }
            row.extend(step.daily.map(|daily| grouped(daily.round() as u64)));
            row.extend([step.weekly, step.monthly].map(grouped));
            row.push(percent(step.stickiness()));
            row.extend([step.new, step.returning, step.lost].map(grouped));
            let _ = writeln!(out, "<tr><td>{}</td></tr>", row.join("</td><td>"));
        }
        out.push_str("</table></div>\n");
    }
}

/// A cell that is the darker the more came back; `None` where there was nobody who could.
fn write_share(share: Option<f64>, came_back: Option<u64>, out: &mut String) {
    let Some(share) = share else {
        out.push_str("<td class=\"r0\">-</td>");
        return;
    };
    let class = [0.05, 0.2, 0.4, 0.6]
        .iter()
        .filter(|least| share >= **least)
        .count();
    let title = came_back
        .map(|users| format!(" title=\"{}\"", grouped(users)))
        .unwrap_or_default();
    let _ = write!(
        out,
        "<td class=\"r{class}\"{title}>{:.0}%</td>",
        share * 100.0
    );
}

#[cfg(test)]
mod tests {
    use super::super::figures::Cohort;
    use super::super::figures::tests::{day, days};
    use super::*;

    fn page(by: Step) -> Page {
        let days = days("2025-11-22", 366);
        let steps = days
            .iter()
            .filter(|(day, _)| by.start(*day) == *day)
            .map(|(first, active)| StepFigures {
                first,
                active: active * 3,
                daily: Some(active as f64),
                weekly: active * 3,
                monthly: active * 6 + 40,
                new: active / 9,
                returning: active / 13,
                lost: active / 11,
            })
            .collect();
        let cohorts = (0..12)
            .map(|week| Cohort {
                first: day("2026-08-31").plus(week * 7).unwrap(),
                users: 400 + 37 * week as u64,
                came_back: (1..12 - week as u64)
                    .map(|later| 310 / later + 3 * week as u64)
                    .collect(),
            })
            .collect();
        Page {
            name: "<web> & app".to_owned(),
            reckoning: "day, Europe/Berlin".to_owned(),
            span: (day("2025-11-22"), day("2026-11-22")),
            by,
            steps,
            days,
            retention: Retention {
                by: Step::Week,
                cohorts,
            },
        }
    }

    #[test]
    fn pages_are_whole_and_load_nothing() {
        let text = page(Step::Week).render();
        assert!(text.starts_with("<!DOCTYPE html>") && text.ends_with("</html>\n"));
        assert!(!text.contains("<web>") && text.contains("&lt;web&gt; &amp; app"));
        for word in ["<script", "src=", "href=", "url(", "@import"] {
            assert!(!text.contains(word), "{word}");
        }
        for tag in [
            "div", "table", "tr", "td", "th", "svg", "p", "h2", "dl", "dt", "dd",
        ] {
            let opened = text.matches(&format!("<{tag}>")).count()
                + text.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        assert!(text.contains("2026-W47") && text.contains("<th>+11</th>"));
    }

    #[test]
    fn a_cohort_of_nobody_has_no_share() {
        let cohort = |first, users, came_back| Cohort {
            first: day(first),
            users,
            came_back,
        };
        let page = Page {
            retention: Retention {
                by: Step::Week,
                cohorts: vec![
                    cohort("2026-11-09", 0, vec![0]),
                    cohort("2026-11-16", 3, vec![]),
                ],
            },
            ..page(Step::Week)
        };
        let text = page.render();
        let row =
            |label: &str, rest: &str| text.contains(&format!("<tr><th>{label}</th>{rest}</tr>"));
        assert!(row("2026-W46", "<td>0</td><td class=\"r0\">-</td>"));
        assert!(row("all", "<td>3</td><td class=\"r0\">-</td>"));
    }

    #[test]
    fn a_page_of_nothing_is_a_page() {
        let page = Page {
            steps: Vec::new(),
            days: Days {
                first: day("2026-01-01"),
                active: Vec::new(),
            },
            retention: Retention {
                by: Step::Day,
                cohorts: Vec::new(),
            },
            ..page(Step::Day)
        };
        let text = page.render();
        assert!(!text.contains("<svg") && text.ends_with("</html>\n"));
        assert!(!text.contains("NaN"));
    }
}
