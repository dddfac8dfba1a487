//! Who worked on a repository, and when: every author of `git log` as a user of an activity.
//!
//! `cargo run --release --example git_activity [REPOSITORY [FILE]]`
//!
//! A commit marks its author on its day. Marking again changes nothing, so that a second run, or one
//! after a crash, adds what is new and nothing twice. Then the file is closed and opened again, and the
//! questions are asked: each is a call, and the marks are ordinary bitmaps that plain commands read too.

#![allow(
    clippy::disallowed_methods,
    reason = "an example shows how long things take"
)]

mod history;

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use nacredb::prelude::*;
use nacredb::{
    Activity, ActivityOptions, BitOp, BitRange, Bucket, Changes, Db, Granularity, Period,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const MONTHS: i64 = 12;
const WEEKS: u32 = 53;

/// The first day of the month that lies so many months before a day's.
fn month_before(day: Period, months: i64) -> Result<Period> {
    let (year, month, _) = day.year_month_day();
    let months = i64::from(year) * 12 + i64::from(month) - 1 - months;
    let (year, month) = (u16::try_from(months / 12)?, months % 12 + 1);
    Ok(Period::day(year, u8::try_from(month)?, 1)?)
}

/// Active authors of each month, and what became of them since as many days before.
fn months(commits: &Activity, oldest: Period, newest: Period, out: &mut String) -> Result<()> {
    writeln!(out, "month    authors  new  retained  returning  lost")?;
    for back in (0..MONTHS).rev() {
        let month = month_before(newest, back)?..month_before(newest, back - 1)?;
        if month.end <= oldest {
            continue;
        }
        let label = month.start.to_string();
        let Changes {
            active,
            new,
            retained,
            returning,
            lost,
        } = commits.active(month)?.changes()?;
        writeln!(
            out,
            "{label:.7} {active:>8} {new:>4} {retained:>9} {returning:>10} {lost:>5}"
        )?;
    }
    Ok(())
}

/// Of the authors who first committed in a month, how many did in that one and in each later one.
fn retention(commits: &Activity, newest: Period, out: &mut String) -> Result<()> {
    writeln!(out, "\nfirst in  and active then, a month later, ...")?;
    let window = commits.active(month_before(newest, MONTHS - 1)?..)?;
    for cohort in window.retention(Bucket::Month)? {
        let row = cohort.active.iter().map(|authors| format!("{authors:>4}"));
        writeln!(
            out,
            "{:.7} {}",
            cohort.start.to_string(),
            String::from_iter(row)
        )?;
    }
    Ok(())
}

fn streaks(commits: &Activity, out: &mut String) -> Result<()> {
    writeln!(out, "\nmost days in a row                          from")?;
    for top in commits.active(..)?.top_streaks(5)? {
        let (author, streak) = (top.user.to_string(), top.streak);
        writeln!(out, "{:>5}  {author:<35}  {}", streak.periods, streak.first)?;
    }
    Ok(())
}

/// Different authors in windows that end with the newest day: asked, and worked out by plain commands
/// on a fork, of which the file sees nothing.
fn windows(db: &Db, commits: &Activity, newest: Period, out: &mut String) -> Result<()> {
    let branch = db.fork()?;
    writeln!(out, "\nthe last  authors   asked    by BITOP and BITCOUNT")?;
    for days in [1, 7, 30, 365] {
        let first = newest.plus(1 - days).ok_or("before the calendar")?;
        let started = Instant::now();
        let authors = commits.active(first..=newest)?.count()?;
        let asked = started.elapsed();

        let started = Instant::now();
        let all = (0..days).filter_map(|back| newest.plus(-back));
        let keys: Vec<_> = all.map(|day| format!("commit:{day}")).collect();
        branch.bitop(BitOp::Or, "window", &keys)?;
        let counted = branch.bitcount("window", BitRange::all())?;
        let by_commands = started.elapsed();
        assert_eq!(authors, counted);
        writeln!(
            out,
            "{days:>3} days {authors:>8}   {asked:<7.0?}  {by_commands:.0?}"
        )?;
    }
    Ok(())
}

/// A year of days, a column for each week: the more authors, the stronger.
fn calendar(commits: &Activity, newest: Period, out: &mut String) -> Result<()> {
    let last = newest.week_of().number();
    let weeks = (last + 1).saturating_sub(WEEKS)..=last;
    let monday = Period::from_number(Granularity::Week, *weeks.start());
    let first = monday.ok_or("before the calendar")?.day_of();
    let mut cells = [['.'; WEEKS as usize]; 7];
    for (day, authors) in commits.active(first..=newest)?.periods()? {
        let week = day.week_of().number() - weeks.start();
        let strength = ['.', '-', '+', '*', '#'][authors.min(4) as usize];
        cells[usize::from(day.weekday()) - 1][week as usize] = strength;
    }
    writeln!(
        out,
        "\n1 - 2 + 3 * 4 # authors a day, weeks from {first} on"
    )?;
    for (day, cells) in ["Mon", "", "Wed", "", "Fri", "", "Sun"].iter().zip(cells) {
        writeln!(out, "{day:3} {}", String::from_iter(cells))?;
    }
    Ok(())
}

/// The repository and the file: its own for each repository, if nothing is said.
fn arguments() -> Result<(PathBuf, PathBuf)> {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let repository = words.next().unwrap_or_else(|| ".".into());
    if repository.to_string_lossy().starts_with('-') {
        return Err("usage: git_activity [REPOSITORY [FILE]]".into());
    }
    let mut hasher = DefaultHasher::new();
    repository.canonicalize().ok().hash(&mut hasher);
    let name = format!("git-activity-{:016x}.nacre", hasher.finish());
    let file = words.next();
    Ok((repository, file.unwrap_or(std::env::temp_dir().join(name))))
}

fn run() -> Result<String> {
    let (repository, file) = arguments()?;
    let mut out = String::new();
    let history = history::read(&repository).or_else(|why| {
        writeln!(out, "{why}: here is a team that never was")?;
        Ok::<_, std::fmt::Error>(history::sample())
    })?;

    let started = Instant::now();
    let db = Db::open(&file)?;
    let options = ActivityOptions::default().named_users("author");
    let commits = db.define_activity("commit", &options)?;
    let marks = history.iter().map(|(author, day)| (author, *day));
    let new = commits.mark_many(marks)?;
    db.close()?;
    let (read, took) = (history.len(), started.elapsed());
    writeln!(out, "{read} commits, {new} new marks in {took:.0?}")?;

    let started = Instant::now();
    let db = Db::open(&file)?;
    let commits = db.activity("commit")?;
    let Some((oldest, newest)) = commits.span()? else {
        return Ok(out + "no commits yet\n");
    };
    let (authors, took) = (commits.active(..)?.count()?, started.elapsed());
    writeln!(
        out,
        "authors: {authors}, from {oldest} to {newest}; opened again in {took:.0?}\n"
    )?;
    months(&commits, oldest, newest, &mut out)?;
    retention(&commits, newest, &mut out)?;
    streaks(&commits, &mut out)?;
    windows(&db, &commits, newest, &mut out)?;
    calendar(&commits, newest, &mut out)?;
    writeln!(out, "\nThe file is {}", file.display())?;
    db.close()?;
    Ok(out)
}

fn main() -> Result<()> {
    let text = run()?;
    // A reader that goes away is no failure.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
}
