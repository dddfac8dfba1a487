//! Where commits come from: `git log`, or a made-up team where there is none.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::calendar::Day;

/// What the database needs to know of a commit.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) hash: String,
    pub(crate) day: Day,
    pub(crate) email: String,
    pub(crate) name: String,
}

/// The fields of a line of `git log`, oldest commit first.
const FORMAT: &str = "--format=%H%x1f%ad%x1f%aE%x1f%aN";

/// A running `git log`.
#[derive(Debug)]
pub(crate) struct GitLog {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl GitLog {
    /// Starts it, or says why not.
    pub(crate) fn start(repository: &Path) -> Result<Self, String> {
        let git = || {
            let mut git = Command::new("git");
            git.arg("-C").arg(repository).stdin(Stdio::null());
            git
        };
        let probe = git()
            .args(["rev-parse", "--verify", "--quiet", "HEAD"])
            .output();
        let probe = probe.map_err(|error| format!("git does not start ({error})"))?;
        if !probe.status.success() {
            let said = String::from_utf8_lossy(&probe.stderr);
            let why = said.lines().next().unwrap_or("no commits yet");
            return Err(format!("no history in {}: {why}", repository.display()));
        }
        let mut child = git()
            .args(["log", "--reverse", "--date=short", FORMAT])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("git does not start ({error})"))?;
        let stdout = child.stdout.take().ok_or("git log has no output")?;
        let lines = BufReader::new(stdout);
        Ok(Self { child, lines })
    }

    /// The next commit. Lines that are none (a date before year 0, say) are passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Commit>, Box<dyn std::error::Error>> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.lines.read_until(b'\n', &mut line)? == 0 {
                let status = self.child.wait()?;
                if !status.success() {
                    return Err(format!("git log ended with {status}").into());
                }
                return Ok(None);
            }
            let text = String::from_utf8_lossy(&line);
            let mut fields = text.trim_end_matches('\n').splitn(4, '\x1f');
            let mut field = || fields.next().unwrap_or_default().to_owned();
            let (hash, date, email, name) = (field(), field(), field(), field());
            if let Some(day) = Day::parse(&date) {
                return Ok(Some(Commit {
                    hash,
                    day,
                    email,
                    name,
                }));
            }
        }
    }
}

/// A year of a team of eight that never was, the same each time.
pub(crate) fn sample() -> Vec<Commit> {
    let team = [
        "Ada", "Brook", "Chidi", "Dorota", "Emre", "Fumiko", "Grace", "Hugo",
    ];
    let newest = Day::parse("2026-11-21").map_or(0, |day| day.0);
    let mut commits = Vec::new();
    let mut random = 1_u64;
    for day in (newest - 400..=newest).map(Day) {
        for (index, name) in team.iter().enumerate() {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let weekend = day.weekday() >= 5;
            // The first of the team commit most; little happens at weekends.
            let often = if weekend { 6 } else { 60 } / (index as u64 + 1);
            let dice = (random >> 33) % 100;
            for number in 0..often.saturating_sub(dice).div_ceil(12) {
                commits.push(Commit {
                    hash: format!("{day}-{index}-{number}"),
                    day,
                    email: format!("{}@example.org", name.to_lowercase()),
                    name: (*name).to_owned(),
                });
            }
        }
    }
    commits
}
