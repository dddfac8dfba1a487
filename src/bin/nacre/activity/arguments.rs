//! The command line of `nacre activity`.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::Parser;
use nacredb::{Granularity, Period, Zone};

use super::csv_rows::{Column, Known};
use super::figures::Step;
use super::times::TimeFormat;
use crate::Failure;

pub(crate) const HELP: &str = "\
nacre activity: who was active when

  nacre activity FILE NAME import [CSV|-]    mark what the rows of a csv file say
  nacre activity FILE NAME report            daily, weekly and monthly users; new, returning, lost
  nacre activity FILE NAME retention         how many came back after how long
  nacre activity FILE NAME heatmap           a calendar of daily users, on the terminal
  nacre activity FILE NAME top-streaks [N]   who was active the most days in a row; 10 of them

import:
  --user COL          the column with the users: a name in the first row, or a number from 1 on
  --time COL          the column with the times
  --delimiter C       one character, or `tab`; else found out: , ; tab |
  --no-header         the first row is a row like the others; else found out
  --time-format F     auto: found out; unix, unix-ms, unix-us: a number; iso: 2026-11-21, perhaps with
                      07:30:00 and an offset; or a pattern such as %d/%m/%Y. What could be two things
                      is not guessed
  --granularity G     hour, day or week, for an activity that is not there yet; else day
  --zone Z            whose days: UTC, +02:00 or Europe/Berlin, for an activity that is not there yet;
                      times without an offset are local
  --named             users have names, for an activity that is not there yet; else they are numbers
                      up to 4294967294. All activities of a file share their names
  --bad-rows N        tell the first N rows that were not understood; else 20
  --restart           read all rows, even those an earlier import has read
report, retention, heatmap, top-streaks:
  --from DAY, --to DAY  only these days; else all, for heatmap the last year
report, retention:
  --by STEP           day, week or month, whole ones; else a report goes by day, retention by week
report:
  --html OUT          a page with everything, for a browser; `-` is standard output
retention:
  --weeks N           only who came in the last N weeks; else 2 by day, 12 by week, 52 by month
heatmap:
  --svg OUT           a picture; `-` is standard output
  --terminal          on the terminal, as if nothing were said

An import that broke off goes on behind the rows that are safely marked, if the file has the same
beginning and is read in the same way; marking again what is marked changes nothing.

Exit codes of import: 0 all rows were understood; 1 some were not, and the others are imported, or
none was imported because the file could not be understood. Else as of the other commands.
";

/// Rows that are told if nothing is said.
const BAD_ROWS: usize = 20;
const STREAKS: usize = 10;

/// A csv file to import and how.
#[derive(Debug, PartialEq)]
pub(crate) struct ImportTask {
    /// `None` is standard input.
    pub(crate) csv: Option<PathBuf>,
    pub(crate) known: Known,
    pub(crate) granularity: Option<Granularity>,
    pub(crate) zone: Option<Zone>,
    pub(crate) named: bool,
    pub(crate) bad_rows_shown: usize,
    pub(crate) restart: bool,
}

/// From a day to a day, both included; `None` is as far as there is something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Option<Period>,
    pub(crate) to: Option<Period>,
}

/// What to do with an activity.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    Import(ImportTask),
    Report {
        /// By the shortest that the activity can be asked for if nothing is said.
        by: Option<Step>,
        span: Span,
        /// A page here instead of a table.
        html: Option<PathBuf>,
    },
    Retention {
        by: Step,
        span: Span,
        /// As many before the end, where no day is said that it is from.
        weeks: u32,
    },
    Heatmap {
        span: Span,
        /// A picture here instead of the terminal.
        svg: Option<PathBuf>,
    },
    TopStreaks {
        count: usize,
        span: Span,
    },
}

/// An action on an activity in a file.
#[derive(Debug, PartialEq)]
pub(crate) struct ActivityTask {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) action: Action,
}

/// Every option of any action.
#[derive(Debug, Default)]
struct Given {
    user: Option<Column>,
    time: Option<Column>,
    delimiter: Option<u8>,
    no_header: bool,
    format: Option<TimeFormat>,
    granularity: Option<Granularity>,
    zone: Option<Zone>,
    named: bool,
    bad_rows: Option<usize>,
    restart: bool,
    span: Span,
    by: Option<Step>,
    weeks: Option<u32>,
    html: Option<PathBuf>,
    svg: Option<PathBuf>,
    terminal: bool,
}

/// Reads the rest of the command line; `None` if it asks for help.
pub(crate) fn parse(parser: &mut Parser) -> Result<Option<ActivityTask>, Failure> {
    let mut values = Vec::new();
    let mut given = Given::default();
    while let Some(argument) = parser.next()? {
        let option = match argument {
            Short('h') | Long("help") => return Ok(None),
            Value(value) => {
                values.push(value);
                continue;
            }
            Long(name) => name.to_owned(),
            Short(_) => return Err(argument.unexpected().into()),
        };
        let action = values
            .get(2)
            .and_then(|action| action.to_str())
            .unwrap_or_default();
        if !allowed(action).contains(&option.as_str()) {
            return Err(Failure::Usage(match action {
                "" => format!("--{option} comes after FILE, NAME and what to do"),
                action => format!("`{action}` knows no --{option}"),
            }));
        }
        given.take(&option, parser)?;
    }
    task(values, given).map(Some)
}

/// The options of an action.
fn allowed(action: &str) -> &'static [&'static str] {
    match action {
        "import" => &[
            "user",
            "time",
            "delimiter",
            "no-header",
            "time-format",
            "granularity",
            "zone",
            "named",
            "bad-rows",
            "restart",
        ],
        "report" => &["by", "from", "to", "html"],
        "retention" => &["by", "from", "to", "weeks"],
        "heatmap" => &["from", "to", "svg", "terminal"],
        "top-streaks" => &["from", "to"],
        _ => &[],
    }
}

impl Given {
    fn take(&mut self, option: &str, parser: &mut Parser) -> Result<(), Failure> {
        match option {
            "no-header" => self.no_header = true,
            "named" => self.named = true,
            "restart" => self.restart = true,
            "terminal" => self.terminal = true,
            "html" => self.html = Some(parser.value()?.into()),
            "svg" => self.svg = Some(parser.value()?.into()),
            _ => {
                let value = parser.value()?;
                let value = value.to_str().ok_or_else(|| {
                    Failure::Usage(format!("what --{option} takes must be UTF-8"))
                })?;
                self.take_text(option, value)?;
            }
        }
        Ok(())
    }

    fn take_text(&mut self, option: &str, value: &str) -> Result<(), Failure> {
        match option {
            "user" => self.user = Some(Column::from_option(value)),
            "time" => self.time = Some(Column::from_option(value)),
            "delimiter" => self.delimiter = Some(delimiter(value)?),
            "time-format" => self.format = TimeFormat::from_option(value)?,
            "granularity" => self.granularity = Some(said(option, value)?),
            "zone" => self.zone = Some(said(option, value)?),
            "bad-rows" => self.bad_rows = Some(number("--bad-rows", value)?),
            "from" => self.span.from = Some(day(option, value)?),
            "to" => self.span.to = Some(day(option, value)?),
            "by" => self.by = Some(Step::from_option(value)?),
            _ => self.weeks = Some(number("--weeks", value)?),
        }
        Ok(())
    }
}

fn number<N: std::str::FromStr>(option: &str, value: &str) -> Result<N, Failure> {
    let wrong = |_| Failure::Usage(format!("{option} takes a number, not `{value}`"));
    value.parse().map_err(wrong)
}

/// What the library reads itself, with its reason if it does not.
fn said<T: std::str::FromStr<Err = nacredb::CommandError>>(
    option: &str,
    value: &str,
) -> Result<T, Failure> {
    value.parse().map_err(|error: nacredb::CommandError| {
        let text = error.to_string();
        Failure::Usage(format!(
            "--{option}: {}",
            text.strip_prefix("ERR ").unwrap_or(&text)
        ))
    })
}

fn day(option: &str, value: &str) -> Result<Period, Failure> {
    let period: Period = said(option, value)?;
    match period.granularity() {
        Granularity::Day => Ok(period),
        Granularity::Hour | Granularity::Week => Err(Failure::Usage(format!(
            "--{option} takes a day such as 2026-11-21, not `{value}`"
        ))),
    }
}

fn delimiter(value: &str) -> Result<u8, Failure> {
    match value.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err(Failure::Usage(format!(
            "--delimiter takes one character or `tab`, not `{value}`"
        ))),
    }
}

fn task(values: Vec<OsString>, given: Given) -> Result<ActivityTask, Failure> {
    let usage = |text: &str| Failure::Usage(text.to_owned());
    let mut values = values.into_iter();
    let (Some(path), Some(name), Some(action)) = (values.next(), values.next(), values.next())
    else {
        return Err(usage(
            "`nacre activity` takes a FILE, a NAME and what to do: import, report, retention, heatmap or top-streaks",
        ));
    };
    let name = name
        .into_string()
        .map_err(|_| usage("the NAME must be UTF-8"))?;
    let operand = values.next();
    if let Some(extra) = values.next() {
        let extra = extra.to_string_lossy();
        return Err(Failure::Usage(format!(
            "`{extra}` is one argument too many"
        )));
    }
    let span = given.span;
    if let (Some(from), Some(to)) = (span.from, span.to)
        && from > to
    {
        return Err(usage("--from is after --to"));
    }
    let action = match (action.to_str().unwrap_or_default(), operand) {
        ("import", csv) => Action::Import(import(csv, given)?),
        ("top-streaks", count) => {
            let count = count.map(|count| number("top-streaks", &count.to_string_lossy()));
            let count = count.transpose()?.unwrap_or(STREAKS);
            Action::TopStreaks { count, span }
        }
        ("report", None) => Action::Report {
            by: given.by,
            span,
            html: given.html,
        },
        ("retention", None) if given.weeks.is_some() && span.from.is_some() => {
            return Err(usage("either --from or --weeks"));
        }
        ("retention", None) => {
            let by = given.by.unwrap_or(Step::Week);
            Action::Retention {
                by,
                span,
                weeks: given.weeks.unwrap_or(by.weeks_followed()),
            }
        }
        ("heatmap", None) if given.terminal && given.svg.is_some() => {
            return Err(usage("either --svg or --terminal"));
        }
        ("heatmap", None) => Action::Heatmap {
            span,
            svg: given.svg,
        },
        ("report" | "retention" | "heatmap", Some(extra)) => {
            let extra = extra.to_string_lossy();
            return Err(Failure::Usage(format!(
                "`{extra}` is one argument too many"
            )));
        }
        (other, _) => {
            return Err(Failure::Usage(format!(
                "an activity can import, report, retention, heatmap or top-streaks, not `{other}`"
            )));
        }
    };
    Ok(ActivityTask {
        path: path.into(),
        name,
        action,
    })
}

fn import(csv: Option<OsString>, given: Given) -> Result<ImportTask, Failure> {
    let usage = |text: &str| Failure::Usage(text.to_owned());
    let user = given
        .user
        .ok_or_else(|| usage("say which column has the users: --user"))?;
    let time = given
        .time
        .ok_or_else(|| usage("say which column has the times: --time"))?;
    let named = |column: &Column| matches!(column, Column::Name(_));
    if given.no_header && (named(&user) || named(&time)) {
        return Err(usage(
            "with --no-header, --user and --time take numbers from 1 on",
        ));
    }
    if user == time {
        return Err(usage("--user and --time are the same column"));
    }
    Ok(ImportTask {
        csv: csv.filter(|csv| csv != "-").map(PathBuf::from),
        known: Known {
            user,
            time,
            delimiter: given.delimiter,
            no_header: given.no_header,
            format: given.format,
        },
        granularity: given.granularity,
        zone: given.zone,
        named: given.named,
        bad_rows_shown: given.bad_rows.unwrap_or(BAD_ROWS),
        restart: given.restart,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Action, Failure> {
        let mut parser = Parser::from_args(line.split_whitespace());
        let task = parse(&mut parser)?;
        Ok(task
            .ok_or_else(|| Failure::Usage("help".to_owned()))?
            .action)
    }

    fn import(line: &str) -> ImportTask {
        match parsed(line) {
            Ok(Action::Import(task)) => task,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn imports_are_read() {
        let task = import("f web import --user 3 --time at x.csv");
        assert_eq!(task.csv, Some(PathBuf::from("x.csv")));
        assert_eq!(task.known.user, Column::Number(3));
        assert_eq!(task.known.time, Column::Name("at".to_owned()));
        assert_eq!(
            (task.bad_rows_shown, task.named, task.restart),
            (20, false, false)
        );
        let task = import(
            "f web import - --user 1 --time 2 --delimiter tab --no-header --time-format unix \
             --granularity hour --zone +02:00 --named --bad-rows 0 --restart",
        );
        assert_eq!((task.csv, task.known.delimiter), (None, Some(b'\t')));
        assert_eq!(task.known.format, Some(TimeFormat::UnixSeconds));
        assert_eq!(task.granularity, Some(Granularity::Hour));
        assert_eq!(task.zone, Some(Zone::parse("+02:00").unwrap()));
        assert_eq!(
            (task.bad_rows_shown, task.named, task.restart),
            (0, true, true)
        );
        assert!(
            import("f web import --user a --time b --zone Europe/Berlin")
                .zone
                .is_some()
        );
    }

    #[test]
    fn reports_have_their_defaults() {
        let span = Span::default();
        assert_eq!(
            parsed("f web report").unwrap(),
            Action::Report {
                by: None,
                span,
                html: None
            }
        );
        assert_eq!(
            parsed("f web retention").unwrap(),
            Action::Retention {
                by: Step::Week,
                span,
                weeks: 12
            }
        );
        assert_eq!(
            parsed("f web heatmap --terminal").unwrap(),
            Action::Heatmap { span, svg: None }
        );
        assert_eq!(
            parsed("f web top-streaks").unwrap(),
            Action::TopStreaks { count: 10, span }
        );
        let span = Span {
            from: Some("2026-01-01".parse().unwrap()),
            to: Some("2026-01-31".parse().unwrap()),
        };
        assert_eq!(
            parsed("f web top-streaks 3 --from 2026-01-01 --to=2026-01-31").unwrap(),
            Action::TopStreaks { count: 3, span }
        );
        let svg = Some(PathBuf::from("o.svg"));
        assert_eq!(
            parsed("f web heatmap --svg o.svg").unwrap(),
            Action::Heatmap {
                span: Span::default(),
                svg
            }
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "",
            "f",
            "f web",
            "f web dance",
            "f web import",
            "f web import --user a",
            "f web import --user a --time a",
            "f web import --user a --time 2 --no-header",
            "f web import --user 1 --time 2 --delimiter ab",
            "f web import --user 1 --time 2 --delimiter \"",
            "f web import --user 1 --time 2 --time-format dmy",
            "f web import --user 1 --time 2 --zone Mars/Olympus",
            "f web import --user 1 --time 2 --granularity month",
            "f web import --user 1 --time 2 --bad-rows -1",
            "f web import a b --user 1 --time 2",
            "f web report --weeks 3",
            "f web report x",
            "f web report --by year",
            "f web report --from 2026-W01",
            "f web report --from 2026-02-02 --to 2026-02-01",
            "f web heatmap --svg a --terminal",
            "f web retention --weeks 3 --from 2026-01-01",
            "f web top-streaks many",
            "--user a f web import --time b",
            "f web import -x",
            "f web import --user",
        ] {
            assert!(matches!(parsed(line), Err(Failure::Usage(_))), "{line}");
        }
        let mut help = Parser::from_args(["f", "--help"]);
        assert_eq!(parse(&mut help).unwrap(), None);
    }
}
