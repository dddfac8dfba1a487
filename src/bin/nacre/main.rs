//! `nacre`: a NacreDB file from the command line.
//!
//! Each subcommand has a file of its own; they use the library's public interface and nothing else.
//! Invariants:
//! 1. What was asked for goes to standard output, everything else to standard error.
//! 2. A reader that goes away (`nacre log f | head`) ends the tool quietly.
//! 3. Exit codes: 0 fine; 1 an error reply, a torn tail, or rows that were not understood; 2 the file is damaged; 3 the file could not
//!    be opened or read; 64 the command line makes no sense.

mod activity;
mod arguments;
mod check;
mod compact;
mod complete;
mod exec;
mod info;
mod json;
mod log;
mod print;
mod progress;
mod serve;
mod shell;
mod time;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use arguments::Task;
use nacredb::{Db, Error, StorageError};

/// Why the tool ends without having done what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// The same, for a subcommand with a help of its own.
    UsageOf(&'static str, String),
    /// What was asked for cannot be done; says why.
    Refused(String),
    /// The database said no; says what was being done or to what.
    Database(String, Error),
    /// Standard input, output or the terminal.
    Stream(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Stream(error)
    }
}

impl Failure {
    /// A failure on this file.
    pub(crate) fn at(path: &Path) -> impl Fn(Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::Database(path.clone(), error)
    }

    /// Says what went wrong, and ends with the code for it.
    fn report(&self) -> u8 {
        let (code, text) = match self {
            Self::Usage(text) => (64, format!("{text}\nTry `nacre --help`.")),
            Self::UsageOf(command, text) => (64, format!("{text}\nTry `nacre {command} --help`.")),
            Self::Refused(text) => (1, text.clone()),
            Self::Database(place, error) => {
                let code = match error {
                    Error::Command(_) => 1,
                    Error::Storage(StorageError::Corrupt { .. }) => 2,
                    Error::Storage(_) | _ => 3,
                };
                (code, format!("{place}: {}", plain(error)))
            }
            Self::Stream(error) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
            Self::Stream(error) => (3, error.to_string()),
        };
        say(&text);
        code
    }
}

/// An error's text without the code word that only Redis clients need.
fn plain(error: &Error) -> String {
    match error {
        Error::Storage(error) => error.to_string(),
        Error::Command(_) | _ => {
            let text = error.to_string();
            text.strip_prefix("ERR ").unwrap_or(&text).to_owned()
        }
    }
}

/// A message to the user, on standard error. If nobody reads that either, there is nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "nacre: {text}");
}

/// Tells what opening the file had to repair, if anything.
pub(crate) fn say_repairs(path: &Path, db: &Db) {
    let Some(report) = db.open_report() else {
        return;
    };
    let path = path.display();
    if let Some(at) = report.cut_at.filter(|_| report.cut_bytes > 0) {
        let reason = report.cut_reason.unwrap_or("an unfinished frame");
        let bytes = report.cut_bytes;
        say(&format!(
            "{path}: the last write was not finished: {bytes} bytes from byte {at} on left out ({reason})"
        ));
    }
    if report.header_a_damaged || report.header_b_damaged {
        say(&format!(
            "{path}: one of the two headers is damaged; `nacre compact` repairs it"
        ));
    }
}

fn run() -> Result<u8, Failure> {
    match arguments::parse()? {
        Task::Print(text) => {
            io::stdout().write_all(text.as_bytes())?;
            Ok(0)
        }
        Task::Shell { database, raw } => shell::run(&database, raw),
        Task::Exec(task) => exec::run(task),
        Task::Info { path, json } => info::run(&path, json),
        Task::Check { path } => check::run(&path),
        Task::Log(task) => log::run(&task),
        Task::Compact { path } => compact::run(&path),
        Task::Activity(task) => activity::run(&task),
        Task::Serve(task) => serve::run(task),
    }
}

fn main() -> ExitCode {
    ExitCode::from(run().unwrap_or_else(|failure| failure.report()))
}
