//! Who worked on a repository, and when: `git log` into bitmaps, one for each day.
//!
//! `cargo run --release --example git_activity [REPOSITORY] [--file FILE]`
//!
//! Every author gets a number, from a counter. A commit sets the author's bit in the bitmap of its day
//! and counts up the day and the author. A thousand commits are one transaction, and each commit leaves
//! a key of its own, so that a second run, or one after a crash, adds what is new and nothing twice.
//! Then the file is closed and opened again, and BITOP OR + BITCOUNT on a fork answer how many different
//! authors were active in the last 1, 7, 30 and 365 days.

#![allow(
    clippy::disallowed_methods,
    reason = "an example shows how long things take"
)]

mod calendar;
mod history;
mod report;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use calendar::Day;
use history::{Commit, GitLog};
use nacredb::{BitOp, BitRange, Db, Transaction, prelude::*};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const COMMITS_PER_TRANSACTION: usize = 1000;
const TOP: usize = 10;

struct Arguments {
    repository: PathBuf,
    file: Option<PathBuf>,
}

fn arguments() -> Result<Option<Arguments>> {
    let mut repository = None;
    let mut file = None;
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("-h" | "--help") => return Ok(None),
            Some("--file") => {
                file = Some(PathBuf::from(words.next().ok_or("--file takes a path")?));
            }
            Some(option) if option.starts_with('-') => {
                return Err(format!("there is no option {option}").into());
            }
            _ if repository.is_some() => return Err("one repository at a time".into()),
            _ => repository = Some(PathBuf::from(word)),
        }
    }
    let repository = repository.unwrap_or_else(|| PathBuf::from("."));
    Ok(Some(Arguments { repository, file }))
}

/// A file of its own for every repository, in the system's temporary directory.
fn default_file(source: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    source.hash(&mut hasher);
    let name = format!("git-activity-{:016x}.nacre", hasher.finish());
    std::env::temp_dir().join(name)
}

/// How many commits were read, and how many of them were new.
#[derive(Default)]
struct Imported {
    read: usize,
    new: usize,
}

/// Puts commits into the database, a thousand in a transaction.
fn import(db: &Db, mut next: impl FnMut() -> Result<Option<Commit>>) -> Result<Imported> {
    let mut done = Imported::default();
    let mut batch = Vec::new();
    loop {
        let commit = next()?;
        let at_end = commit.is_none();
        batch.extend(commit);
        if batch.len() == COMMITS_PER_TRANSACTION || (at_end && !batch.is_empty()) {
            done.new += db.transaction(|tx| {
                let mut new = 0;
                for commit in &batch {
                    new += usize::from(add(tx, commit)?);
                }
                Ok::<_, nacredb::Error>(new)
            })?;
            done.read += batch.len();
            batch.clear();
        }
        if at_end {
            return Ok(done);
        }
    }
}

/// Adds one commit, unless it is there already.
fn add(tx: &Transaction<'_>, commit: &Commit) -> std::result::Result<bool, nacredb::Error> {
    if !tx.set_nx(format!("commit:{}", commit.hash), "")? {
        return Ok(false);
    }
    let lookup = format!("author:id:{}", commit.email);
    let id = match tx.get(&lookup)?.and_then(|id| String::from_utf8(id).ok()) {
        Some(id) => id.parse().unwrap_or(0),
        None => {
            let id = tx.incr("author:count")? as u64 - 1;
            tx.set(&lookup, id.to_string())?;
            tx.set(format!("author:{id}:name"), &commit.name)?;
            id
        }
    };
    tx.setbit(format!("active:{}", commit.day), id, true)?;
    tx.incr(format!("commits:{}", commit.day))?;
    tx.incr(format!("author:{id}:commits"))?;
    Ok(true)
}

/// What the bitmaps of all days say together.
struct Activity {
    newest: Day,
    days: usize,
    /// On how many days each author was active, by author number.
    days_by_author: HashMap<u64, u64>,
}

/// Walks over a snapshot: nobody has to wait meanwhile.
fn activity(db: &Db) -> Result<Activity> {
    let mut found = Activity {
        newest: Day(0),
        days: 0,
        days_by_author: HashMap::new(),
    };
    for record in db.snapshot()?.iter() {
        let Some(date) = record.key().strip_prefix(b"active:") else {
            continue;
        };
        let Some(day) = Day::parse(&String::from_utf8_lossy(date)) else {
            continue;
        };
        found.newest = found.newest.max(day);
        found.days += 1;
        for (index, byte) in record.string_to_vec()?.into_iter().enumerate() {
            // Bit 0 is the highest of the first byte, as in Redis.
            for bit in (0..8).filter(|bit| byte & 0x80 >> bit != 0) {
                let author = index as u64 * 8 + bit;
                *found.days_by_author.entry(author).or_default() += 1;
            }
        }
    }
    Ok(found)
}

fn number(db: &Db, key: &str) -> Result<u64> {
    let value = db.get(key)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&value).parse().unwrap_or(0))
}

/// Different authors in windows that end with the newest day, on a fork: the file sees none of it.
fn windows(db: &Db, newest: Day, out: &mut String) -> Result<()> {
    let branch = db.fork()?;
    for days in [1, 7, 30, 365] {
        let keys: Vec<String> = (0..days)
            .map(|back| format!("active:{}", Day(newest.0 - back)))
            .collect();
        let started = Instant::now();
        branch.bitop(BitOp::Or, "window", &keys)?;
        let authors = branch.bitcount("window", BitRange::all())?;
        let took = started.elapsed();
        let plural = if days == 1 { " " } else { "s" };
        writeln!(
            out,
            "  last {days:>3} day{plural} {authors:>7}    {took:.1?}"
        )?;
    }
    Ok(())
}

fn top_authors(db: &Db, activity: &Activity, out: &mut String) -> Result<()> {
    let mut ranked = Vec::new();
    for (&author, &days) in &activity.days_by_author {
        ranked.push((
            days,
            number(db, &format!("author:{author}:commits"))?,
            author,
        ));
    }
    ranked.sort_by_key(|&(days, commits, author)| (std::cmp::Reverse((days, commits)), author));
    for (days, commits, author) in ranked.into_iter().take(TOP) {
        let name = db.get(format!("author:{author}:name"))?.unwrap_or_default();
        // Names come from strangers: nothing of them may steer the terminal.
        let name: String = String::from_utf8_lossy(&name)
            .chars()
            .filter(|symbol| !symbol.is_control())
            .take(40)
            .collect();
        writeln!(out, "  {name:<40} {days:>6} {commits:>8}")?;
    }
    Ok(())
}

/// Everything the database knows, as text.
fn report(db: &Db, colours: bool) -> Result<String> {
    let mut out = String::new();
    let activity = activity(db)?;
    let authors = number(db, "author:count")?;
    writeln!(
        out,
        "authors {authors}, active days {}, newest day {}\n\nDifferent authors in the",
        activity.days, activity.newest
    )?;
    windows(db, activity.newest, &mut out)?;
    writeln!(
        out,
        "\n  {:<40} {:>6} {:>8}",
        "Top authors", "days", "commits"
    )?;
    top_authors(db, &activity, &mut out)?;
    let counts: HashMap<Day, u64> = (0..53 * 7)
        .map(|back| Day(activity.newest.0 - back))
        .map(|day| Ok((day, number(db, &format!("commits:{day}"))?)))
        .collect::<Result<_>>()?;
    writeln!(out, "\nCommits a day\n")?;
    out += &report::heat_map(activity.newest, colours, |day| {
        counts.get(&day).copied().unwrap_or(0)
    });
    Ok(out)
}

fn run() -> Result<()> {
    let Some(arguments) = arguments()? else {
        let usage = "usage: git_activity [REPOSITORY] [--file FILE]\n";
        io::stdout().write_all(usage.as_bytes())?;
        return Ok(());
    };
    let repository = &arguments.repository;
    let log = GitLog::start(repository);
    let source = match &log {
        Ok(_) => absolute(repository),
        Err(why) => {
            writeln!(io::stderr(), "{why}\nShowing a made-up team instead.\n")?;
            "a made-up team".to_owned()
        }
    };
    let file = arguments.file.unwrap_or_else(|| default_file(&source));

    let started = Instant::now();
    let db = Db::open(&file)?;
    let imported = match log {
        Ok(mut log) => import(&db, || log.next())?,
        Err(_) => {
            let mut commits = history::sample().into_iter();
            import(&db, || Ok(commits.next()))?
        }
    };
    db.close()?;
    let took = started.elapsed();

    let reopening = Instant::now();
    let db = Db::open(&file)?;
    let opened = reopening.elapsed();

    let colours = io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let Imported { read, new } = imported;
    let mut text = String::new();
    writeln!(
        text,
        "{source}: {read} commits, {new} of them new ({took:.1?})"
    )?;
    writeln!(
        text,
        "{}: {} keys, opened again in {opened:.1?}",
        file.display(),
        db.db_size()?
    )?;
    text += &report(&db, colours)?;
    db.close()?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn absolute(path: &Path) -> String {
    let path = path.canonicalize();
    path.map_or_else(|_| ".".to_owned(), |path| path.display().to_string())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let closed = error.downcast_ref::<io::Error>();
            if closed.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
                return ExitCode::SUCCESS;
            }
            let _ = writeln!(io::stderr(), "git_activity: {error}");
            ExitCode::FAILURE
        }
    }
}
