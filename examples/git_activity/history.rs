//! Where commits come from: `git log`, or a team that never was.

use std::path::Path;
use std::process::{Command, Stdio};

use nacredb::Period;

/// Who wrote a commit, and on which day as the author's clock had it.
pub(crate) type Commit = (String, Period);

/// All commits of a repository, or why there are none.
pub(crate) fn read(repository: &Path) -> Result<Vec<Commit>, String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).stdin(Stdio::null());
    git.args(["log", "--date=short", "--format=%ad %aN"]);
    let said = git.output();
    let said = said.map_err(|error| format!("git does not start ({error})"))?;
    if !said.status.success() {
        let why = String::from_utf8_lossy(&said.stderr);
        let why = why.lines().next().unwrap_or("git log failed").to_owned();
        return Err(why);
    }
    let lines = String::from_utf8_lossy(&said.stdout);
    // A line without a date of the calendar is passed over, and names may not steer the terminal.
    let commit = |line: &str| {
        let (day, author) = line.split_once(' ')?;
        let author = author.chars().filter(|symbol| !symbol.is_control());
        Some((author.take(40).collect(), day.parse().ok()?))
    };
    Ok(lines.lines().filter_map(commit).collect())
}

/// Two years of forty people, the same each time.
pub(crate) fn sample() -> Vec<Commit> {
    let (mut commits, mut random) = (Vec::new(), 1_u64);
    let mut day = Period::day(2024, 11, 21).ok();
    for number in 0..=730 {
        for person in 0..40 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // They join one after the other, some for a while only, and little happens at weekends.
            let stays = if person % 3 == 0 { 730 } else { 90 };
            let is_here = (person * 18..person * 18 + stays).contains(&number);
            let weekend = day.is_some_and(|day| day.weekday() > 5);
            let often = if weekend { 6 } else { 60 } / (person % 8 + 1);
            if is_here && (random >> 33) % 100 < often {
                commits.extend(day.map(|day| (format!("Author {person}"), day)));
            }
        }
        day = day.and_then(Period::next);
    }
    commits
}
