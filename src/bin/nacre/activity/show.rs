//! The reading actions: open the file for reading only, ask, show.
//!
//! Called by `activity`. They work while another process has the file open.

use std::env;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use nacredb::prelude::*;
use nacredb::{Db, Error, StorageError};

use super::arguments::{Action, ActivityTask, Span};
use super::figures::{Days, Step};
use super::heatmap::{self, Ink};
use super::html::Page;
use super::questions::Questions;
use super::store::{activity, definition_key};
use super::{svg, tables};
use crate::{Failure, progress, say_repairs};

/// Names that are told where there is no such activity.
const NAMES_TOLD: usize = 10;

/// Shows it; the answer is the exit code.
pub(crate) fn run(task: &ActivityTask) -> Result<u8, Failure> {
    let at = Failure::at(&task.path);
    let db = progress::open(Db::builder().read_only(true), &task.path).map_err(&at)?;
    say_repairs(&task.path, &db);
    let questions = questions(&db, task)?;
    match &task.action {
        // Opened for writing, elsewhere.
        Action::Import(_) => {}
        Action::Report { by, span, html } => {
            let by = by.unwrap_or_else(|| questions.shortest_step());
            match html {
                None => write(None, &tables::report(by, &questions.steps(by, *span)?))?,
                Some(to) => write(Some(to), &page(&questions, &task.name, by, *span)?.render())?,
            }
        }
        Action::Retention { by, span, weeks } => {
            let retention = questions.retention(*by, *span, *weeks)?;
            write(None, &tables::retention(&retention))?;
        }
        Action::Heatmap { span, svg } => {
            let days = questions.days(questions.last_year(*span)?)?;
            match svg {
                None => write(None, &calendar(&days))?,
                Some(to) => {
                    let title = format!("Active users of {}", task.name);
                    write(Some(to), &svg::heatmap(&title, &days).standalone())?;
                }
            }
        }
        Action::TopStreaks { count, span } => {
            let streaks = questions.streaks(*count, *span)?;
            write(None, &tables::streaks(&streaks, questions.granularity()))?;
        }
    }
    db.close().map_err(&at)?;
    Ok(0)
}

/// The activity to ask, or which others there are.
fn questions(db: &Db, task: &ActivityTask) -> Result<Questions, Failure> {
    let at = Failure::at(&task.path);
    let (name, path) = (&task.name, task.path.display());
    let found = activity(db, name).map_err(&at)?;
    let Some(found) = found else {
        let others = names(db).map_err(&at)?;
        return Err(Failure::Refused(match others.is_empty() {
            true => format!("{path}: there is no activity `{name}`, nor any other"),
            false => format!("{path}: there is no activity `{name}`, but {others}"),
        }));
    };
    let questions = Questions::new(found, name, &task.path)?;
    questions.ok_or_else(|| {
        Failure::Refused(format!(
            "{path}: nothing is marked in the activity `{name}`"
        ))
    })
}

/// The names of the activities that were defined, as far as they are told.
fn names(db: &Db) -> Result<String, Error> {
    let keys = db.keys(definition_key("*"))?;
    let names = keys.iter().filter_map(|key| {
        let end = key.len().checked_sub(definition_key("").len())?;
        Some(String::from_utf8_lossy(&key[..end]).into_owned())
    });
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    let untold = names.len().saturating_sub(NAMES_TOLD);
    names.truncate(NAMES_TOLD);
    if untold > 0 {
        names.push(format!("{untold} more"));
    }
    Ok(names.join(", "))
}

fn page(questions: &Questions, name: &str, by: Step, span: Span) -> Result<Page, Failure> {
    let bounds = questions.bounds(span)?;
    let by_month = by == Step::Month;
    let cohorts = if by_month { Step::Month } else { Step::Week };
    let days = match questions.shortest_step() {
        Step::Day => questions.days(bounds)?,
        Step::Week | Step::Month => Days {
            first: bounds.0,
            active: Vec::new(),
        },
    };
    let ends = Span { from: None, ..span };
    Ok(Page {
        name: name.to_owned(),
        reckoning: questions.reckoning(),
        span: bounds,
        by,
        steps: questions.steps(by, span)?,
        days,
        retention: questions.retention(cohorts, ends, cohorts.weeks_followed())?,
    })
}

/// For the terminal, or whatever standard output is.
fn calendar(days: &Days) -> String {
    let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_coloured = io::stdout().is_terminal() && !no_colour;
    let background = env::var("COLORFGBG").ok();
    let ink = Ink::fitting(is_coloured, background.as_deref());
    heatmap::terminal(days, ink, columns())
}

/// How wide the terminal is.
fn columns() -> usize {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stdout())
        && size.ws_col > 0
    {
        return size.ws_col.into();
    }
    let said = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    said.unwrap_or(80)
}

/// Writes to standard output, or to a file if it is not called `-`.
fn write(to: Option<&Path>, text: &str) -> Result<(), Failure> {
    match to.filter(|to| *to != Path::new("-")) {
        None => {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            Ok(out.flush()?)
        }
        Some(to) => fs::write(to, text).map_err(|error| {
            let source = error.into();
            Failure::at(to)(Error::Storage(StorageError::Io {
                op: "write",
                source,
            }))
        }),
    }
}
