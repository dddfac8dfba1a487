//! A calendar of active users: weeks across, weekdays down, the busier a day the stronger its colour.
//!
//! Here are the levels and the places of the days, which [`super::svg`] draws as well, and the calendar
//! for a terminal. More than [`WEEKS_IN_A_BLOCK`] weeks are drawn as a block for each year.

use std::fmt::Write as _;

use nacredb::Period;

use super::figures::{Days, grouped, month_name};

/// A whole year, whatever weekday it starts on, and as many weeks as a year back from any day touches.
const WEEKS_IN_A_BLOCK: u32 = 54;

/// Levels of days on which anybody was active.
pub(crate) const LEVELS: usize = 4;

/// The level of a day by its number of users: a quarter of the days that had any is on each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scale {
    /// The most users of each level; ascending.
    up_to: [u64; LEVELS],
}

impl Scale {
    pub(crate) fn of(days: &Days) -> Self {
        let mut some: Vec<_> = days
            .active
            .iter()
            .copied()
            .filter(|active| *active > 0)
            .collect();
        some.sort_unstable();
        let mut up_to = [0; LEVELS];
        for (level, up_to) in up_to.iter_mut().enumerate() {
            let last = some.len() * (level + 1) / LEVELS;
            *up_to = some.get(last.saturating_sub(1)).copied().unwrap_or(0);
        }
        Self { up_to }
    }

    /// 0 for a day without users, else 1 to [`LEVELS`].
    pub(crate) fn level(&self, active: u64) -> usize {
        if active == 0 {
            return 0;
        }
        self.up_to
            .partition_point(|up_to| *up_to < active)
            .min(LEVELS - 1)
            + 1
    }

    /// How many users a level, from 1 on, stands for; `None` if for none.
    pub(crate) fn range(&self, level: usize) -> Option<String> {
        let up_to = *self.up_to.get(level.checked_sub(1)?)?;
        let below = level.checked_sub(2).map_or(0, |below| self.up_to[below]);
        match up_to.checked_sub(below)? {
            0 => None,
            1 => Some(grouped(up_to)),
            _ => Some(format!("{}\u{2013}{}", grouped(below + 1), grouped(up_to))),
        }
    }
}

/// One day in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) day: Period,
    pub(crate) active: u64,
    /// From 0.
    pub(crate) week: u32,
    /// 0 is Monday.
    pub(crate) weekday: u32,
}

/// Weeks side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) cells: Vec<Cell>,
    pub(crate) weeks: u32,
    /// The week of each month's first day, or of the block's; year and month.
    months: Vec<(u32, u16, u8)>,
}

impl Block {
    fn new(days: impl IntoIterator<Item = (Period, u64)>) -> Self {
        let mut block = Self {
            cells: Vec::new(),
            weeks: 0,
            months: Vec::new(),
        };
        let mut first_week = None;
        for (day, active) in days {
            let week = day.week_of().number();
            let week = week - *first_week.get_or_insert(week);
            let (year, month, of_month) = day.year_month_day();
            if of_month == 1 || block.cells.is_empty() {
                block.months.push((week, year, month));
            }
            block.weeks = week + 1;
            let weekday = u32::from(day.weekday()) - 1;
            block.cells.push(Cell {
                day,
                active,
                week,
                weekday,
            });
        }
        block
    }
}

/// The names of months that can be written side by side, in the week where each stands. The first one
/// and January tell the year. `weeks_wide` is how many weeks a name takes.
pub(crate) fn month_names(block: &Block, weeks_wide: impl Fn(&str) -> u32) -> Vec<(u32, String)> {
    /// A month with fewer weeks than these is only the end of one.
    const WHOLE_WEEKS: u32 = 3;
    let name_of = |shown: &str| shown.get(..3).unwrap_or(shown).to_owned();
    let mut shown: Vec<(u32, String)> = Vec::new();
    for &(week, year, month) in &block.months {
        let name = month_name(month);
        let with_year = format!("{name} {year}");
        let Some((before, name_before)) = shown.last() else {
            shown.push((week, with_year));
            continue;
        };
        let ends_at = |name: &str| week + weeks_wide(name);
        if before + weeks_wide(name_before) <= week {
            let name = if month == 1 {
                with_year
            } else {
                name.to_owned()
            };
            if ends_at(&name) <= block.weeks {
                shown.push((week, name));
            }
        } else if shown.len() == 1
            && month == 1
            && before + weeks_wide(&name_of(name_before)) <= week
            && ends_at(&with_year) <= block.weeks
        {
            // January's year is enough.
            let first = (*before, name_of(name_before));
            shown = vec![first, (week, with_year)];
        } else if shown.len() == 1
            && week - before < WHOLE_WEEKS
            && ends_at(&with_year) <= block.weeks
        {
            // Of two that overlap, the end of a month gives way to a whole one.
            shown = vec![(week, with_year)];
        }
    }
    shown
}

/// The days as one block, or as one for each year if they are too many.
pub(crate) fn blocks(days: &Days) -> Vec<Block> {
    let Some(last) = days.last() else {
        return Vec::new();
    };
    let weeks = last.week_of().number() - days.first.week_of().number() + 1;
    if weeks <= WEEKS_IN_A_BLOCK {
        return vec![Block::new(days.iter())];
    }
    let all: Vec<_> = days.iter().collect();
    let years =
        all.chunk_by(|(one, _), (other, _)| one.year_month_day().0 == other.year_month_day().0);
    years.map(|year| Block::new(year.iter().copied())).collect()
}

/// How the terminal shows a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Blocks in 256 colours, for a dark background.
    OnDark,
    /// And for a light one.
    OnLight,
    /// The level's digit, a dot for none.
    Digits,
}

/// Columns before the first week.
const MARGIN: usize = 4;

impl Ink {
    /// What fits standard output. `background` is `COLORFGBG`, where a terminal says what it is like.
    pub(crate) fn fitting(is_coloured: bool, background: Option<&str>) -> Self {
        let background = background.and_then(|colours| colours.rsplit(';').next());
        match background {
            _ if !is_coloured => Self::Digits,
            Some("7" | "15") => Self::OnLight,
            _ => Self::OnDark,
        }
    }

    /// A day of this level, `width` columns wide.
    fn day(self, level: usize, width: usize) -> String {
        // From the background to the strongest contrast with it.
        const ON_DARK: [u8; LEVELS + 1] = [236, 23, 30, 37, 123];
        const ON_LIGHT: [u8; LEVELS + 1] = [254, 152, 73, 30, 23];
        let block = |colour: u8| format!("\x1b[48;5;{colour}m{:width$}\x1b[0m", "");
        match self {
            Self::OnDark => block(ON_DARK[level]),
            Self::OnLight => block(ON_LIGHT[level]),
            Self::Digits if level == 0 => format!("{:<width$}", "."),
            Self::Digits => format!("{level:<width$}"),
        }
    }
}

/// The calendar for a terminal of this width.
pub(crate) fn terminal(days: &Days, ink: Ink, columns: usize) -> String {
    let scale = Scale::of(days);
    let mut out = String::new();
    for block in blocks(days) {
        let weeks = block.weeks as usize;
        let width = if MARGIN + weeks * 2 <= columns { 2 } else { 1 };
        let mut line = " ".repeat(MARGIN);
        let weeks_wide = |name: &str| (name.len() + 1).div_ceil(width) as u32;
        for (week, name) in month_names(&block, weeks_wide) {
            let at = MARGIN + week as usize * width;
            let _ = write!(
                line,
                "{:gap$}{name}",
                "",
                gap = at.saturating_sub(line.len())
            );
        }
        out.push_str(&line);
        out.push('\n');
        for weekday in 0..7 {
            let name = ["Mon", "", "Wed", "", "Fri", "", "Sun"][weekday as usize];
            let mut line = format!("{name:<MARGIN$}");
            let mut week = 0;
            for cell in block.cells.iter().filter(|cell| cell.weekday == weekday) {
                line.push_str(&" ".repeat((cell.week - week) as usize * width));
                line.push_str(&ink.day(scale.level(cell.active), width));
                week = cell.week + 1;
            }
            out.push_str(line.trim_end_matches(' '));
            out.push('\n');
        }
        out.push('\n');
    }
    let key = |level| match ink {
        Ink::OnDark | Ink::OnLight => ink.day(level, 2),
        Ink::Digits => format!("{}=", ink.day(level, 2)),
    };
    let _ = write!(out, "{:MARGIN$}{} none", "", key(0));
    for level in 1..=LEVELS {
        if let Some(range) = scale.range(level) {
            let _ = write!(out, "  {} {range}", key(level));
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::{day, days};
    use super::*;

    #[test]
    fn a_quarter_of_the_days_is_on_each_level() {
        let days = Days {
            first: day("2026-01-01"),
            active: (0..=100).collect(),
        };
        let scale = Scale::of(&days);
        assert_eq!(scale.up_to, [25, 50, 75, 100]);
        let level = |active| scale.level(active);
        assert_eq!(
            [0, 1, 25, 26, 75, 76, 100, 999].map(level),
            [0, 1, 1, 2, 3, 4, 4, 4]
        );
        assert_eq!(scale.range(1).as_deref(), Some("1\u{2013}25"));
        assert_eq!(scale.range(4).as_deref(), Some("76\u{2013}100"));
        assert_eq!((scale.range(0), scale.range(5)), (None, None));
    }

    #[test]
    fn few_different_numbers_leave_levels_out() {
        let of = |active: &[u64]| {
            Scale::of(&Days {
                first: day("2026-01-01"),
                active: active.to_vec(),
            })
        };
        let same = of(&[7, 7, 7, 0]);
        assert_eq!(same.level(7), 1);
        assert_eq!(same.range(1).as_deref(), Some("1\u{2013}7"));
        assert_eq!(same.range(2), None);
        let two = of(&[1, 1, 2]);
        assert_eq!((two.level(1), two.level(2)), (1, 4));
        assert_eq!(of(&[]).level(3), 4);
        assert_eq!(of(&[0]).range(1), None);
    }

    #[test]
    fn every_day_has_its_place() {
        let days = days("2026-01-01", 365);
        let blocks = blocks(&days);
        assert_eq!(blocks.len(), 1);
        let block = &blocks[0];
        assert_eq!((block.cells.len(), block.weeks), (365, 53));
        assert_eq!((block.cells[0].week, block.cells[0].weekday), (0, 3));
        let last = block.cells.last().unwrap();
        assert_eq!((last.week, last.weekday), (52, 3));
        assert_eq!(block.months.len(), 12);
        assert_eq!(block.months[..2], [(0, 2026, 1), (4, 2026, 2)]);
    }

    #[test]
    fn many_years_have_a_block_each() {
        let blocks = blocks(&days("2024-12-31", 400));
        assert_eq!(
            blocks
                .iter()
                .map(|block| block.cells.len())
                .collect::<Vec<_>>(),
            [1, 365, 34]
        );
        assert!(
            super::blocks(&Days {
                first: day("2026-01-01"),
                active: Vec::new()
            })
            .is_empty()
        );
    }

    #[test]
    fn plain_calendars_are_digits_under_months() {
        let days = Days {
            first: day("2026-10-21"),
            active: (0..32).collect(),
        };
        assert_eq!(
            terminal(&days, Ink::Digits, 80),
            "    Oct 2026
Mon   1 2 3 4
      1 2 3 4
Wed . 1 2 3 4
    1 2 2 3 4
Fri 1 2 3 3 4
    1 2 3 4 4
Sun 1 2 3 4

    . = none  1 = 1\u{2013}7  2 = 8\u{2013}15  3 = 16\u{2013}23  4 = 24\u{2013}31
"
        );
    }

    #[test]
    fn ink_fits_the_terminal() {
        assert_eq!(Ink::fitting(false, Some("0;15")), Ink::Digits);
        assert_eq!(Ink::fitting(true, Some("0;default;15")), Ink::OnLight);
        assert_eq!(Ink::fitting(true, Some("15;0")), Ink::OnDark);
        assert_eq!(Ink::fitting(true, None), Ink::OnDark);
    }

    #[test]
    fn a_year_fits_into_eighty_columns() {
        let shown = terminal(&days("2025-11-22", 366), Ink::Digits, 80);
        assert!(
            shown.lines().all(|line| line.chars().count() <= 80),
            "{shown}"
        );
        assert!(
            shown.starts_with("      Dec Jan 2026     Apr May"),
            "{shown}"
        );
        let colours = terminal(&days("2025-11-22", 366), Ink::OnDark, 80);
        assert_eq!(colours.matches("\x1b[0m").count(), 366 + 5);
    }
}
