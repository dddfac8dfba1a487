//! The picture: a year of days, a column for each week, as on a contribution graph.

use std::fmt::Write as _;

use crate::calendar::Day;

const WEEKS: i64 = 53;
/// From nothing to much. Without colours the character tells; with colours it is a square.
const PLAIN: [char; 5] = ['.', '-', '+', '*', '#'];
const COLOURS: [u8; 5] = [237, 22, 28, 34, 46];

/// The last 53 weeks up to `newest`, from the number of commits on each day.
pub(crate) fn heat_map(newest: Day, colours: bool, commits_on: impl Fn(Day) -> u64) -> String {
    let monday = newest.0 - newest.weekday();
    let first = monday - 7 * (WEEKS - 1);
    let days: Vec<u64> = (first..=newest.0).map(|day| commits_on(Day(day))).collect();
    let steps = steps(&days);

    let mut text = months(first);
    for weekday in 0..7 {
        let label = ["Mon", "", "Wed", "", "Fri", "", ""];
        let _ = write!(text, "{:<4}", label[weekday as usize]);
        for week in 0..WEEKS {
            let Some(&count) = days.get((week * 7 + weekday) as usize) else {
                break;
            };
            cell(level(count, &steps), colours, &mut text);
        }
        text.push('\n');
    }
    text.push_str("\n    less ");
    for level in 0..PLAIN.len() {
        cell(level, colours, &mut text);
    }
    text + " more\n"
}

/// The names of the months, each above the week that it starts in.
fn months(first: i64) -> String {
    let mut line = " ".repeat(4);
    for week in 0..WEEKS {
        let column = 4 + week as usize;
        let (name, starts) = Day(first + 7 * week).month();
        if starts && line.len() <= column {
            let _ = write!(line, "{:>width$}{name} ", "", width = column - line.len());
        }
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

/// Quarters of the days that saw any commit.
fn steps(days: &[u64]) -> [u64; 3] {
    let mut busy: Vec<u64> = days.iter().copied().filter(|count| *count > 0).collect();
    busy.sort_unstable();
    let at = |quarter: usize| busy.get(busy.len() * quarter / 4).copied().unwrap_or(1);
    [at(1), at(2), at(3)]
}

fn level(count: u64, steps: &[u64; 3]) -> usize {
    match count {
        0 => 0,
        _ => 1 + steps.iter().filter(|step| count > **step).count(),
    }
}

fn cell(level: usize, colours: bool, text: &mut String) {
    if colours {
        let _ = write!(text, "\x1b[38;5;{}m\u{25a0}\x1b[0m", COLOURS[level]);
    } else {
        text.push(PLAIN[level]);
    }
}
