//! Periods of time: hours, days and weeks of the Gregorian calendar as consecutive numbers.
//!
//! Callers: everything in `activity`, and whoever passes a [`Period`] or a [`Zone`] to it.
//! Invariants:
//! 1. Day 0 is 0001-01-01, a Monday. So week `day / 7` is an ISO week, and hour `day * 24 + h` is the
//!    hour `h` of that day by the wall clock.
//! 2. A [`Period`] lies within the years 1 to 9999 (a week: by its ISO year), and its text has four
//!    digits for the year. Every period has exactly one text; no other text is taken for it.
//! 3. Nothing here asks what time it is.

mod date;
mod suffix;
mod zone;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::CommandError;

pub(crate) use suffix::{SUFFIX_BYTES_MAX, parse_key_suffix, write_suffix};
pub use zone::Zone;

/// How long a [`Period`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Granularity {
    /// An hour by the wall clock: the one that comes twice when clocks go back counts once.
    Hour,
    /// A calendar day.
    Day,
    /// An ISO week, Monday to Sunday.
    Week,
}

impl Granularity {
    /// Its name: `hour`, `day` or `week`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    /// The number of the last period, which touches the end of the year 9999.
    fn number_max(self) -> u32 {
        match self {
            Self::Hour => date::DAYS * 24 - 1,
            Self::Day => date::DAYS - 1,
            Self::Week => (date::DAYS - 1) / 7,
        }
    }

    /// The number of the last period of the calendar.
    pub(crate) fn last_number(self) -> u32 {
        self.number_at(date::DAYS - 1, 23)
    }

    /// The number of the period this hour of this day lies in.
    fn number_at(self, day: u32, hour: u32) -> u32 {
        match self {
            Self::Hour => day * 24 + hour,
            Self::Day => day,
            Self::Week => day / 7,
        }
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Granularity {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, CommandError> {
        [Self::Hour, Self::Day, Self::Week]
            .into_iter()
            .find(|known| text.eq_ignore_ascii_case(known.name()))
            .ok_or_else(|| {
                refuse(format!(
                    "ERR a period is an hour, a day or a week, not '{}'",
                    shown(text)
                ))
            })
    }
}

/// An hour, a day or a week of the years 1 to 9999.
///
/// Its text is `2026-11-21T07`, `2026-11-21` or `2026-W47`. Periods of one granularity are ordered in
/// time; those of different ones by granularity first.
///
/// ```
/// # fn main() -> Result<(), nacredb::CommandError> {
/// use nacredb::Period;
///
/// let day: Period = "2026-12-31".parse()?;
/// assert_eq!(day.next(), Some(Period::day(2027, 1, 1)?));
/// assert_eq!(day.week_of().to_string(), "2026-W53");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    granularity: Granularity,
    number: u32,
}

impl Period {
    /// A day.
    ///
    /// # Errors
    /// [`CommandError::Other`] if there is no such date, or its year is not 1 to 9999.
    pub fn day(year: u16, month: u8, day: u8) -> Result<Self, CommandError> {
        let number = date::day_number(year.into(), month.into(), day.into());
        let number = number
            .ok_or_else(|| refuse(format!("ERR there is no day {year:04}-{month:02}-{day:02}")))?;
        Ok(Self {
            granularity: Granularity::Day,
            number,
        })
    }

    /// An hour of a day, 0 to 23.
    ///
    /// # Errors
    /// [`CommandError::Other`] if there is no such date or hour, or its year is not 1 to 9999.
    pub fn hour(year: u16, month: u8, day: u8, hour: u8) -> Result<Self, CommandError> {
        let date = Self::day(year, month, day)?;
        if hour > 23 {
            return Err(refuse(format!("ERR there is no hour {hour}")));
        }
        Ok(Self {
            granularity: Granularity::Hour,
            number: Granularity::Hour.number_at(date.number, hour.into()),
        })
    }

    /// An ISO week: week 1 of a year is the one with its 4th of January.
    ///
    /// # Errors
    /// [`CommandError::Other`] if the year has no such week, or is not 1 to 9999.
    pub fn week(iso_year: u16, week: u8) -> Result<Self, CommandError> {
        let number = date::week_number(iso_year.into(), week.into());
        let number = number
            .ok_or_else(|| refuse(format!("ERR there is no week {iso_year:04}-W{week:02}")))?;
        Ok(Self {
            granularity: Granularity::Week,
            number,
        })
    }

    /// The period with this number; `None` if it is past the end of the year 9999.
    #[must_use]
    pub fn from_number(granularity: Granularity, number: u32) -> Option<Self> {
        (number <= granularity.number_max()).then_some(Self {
            granularity,
            number,
        })
    }

    /// How many periods lie between the start of 0001-01-01 and this one.
    #[must_use]
    pub fn number(self) -> u32 {
        self.number
    }

    /// How long it is.
    #[must_use]
    pub fn granularity(self) -> Granularity {
        self.granularity
    }

    /// The one after it; `None` after the last of the calendar.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.plus(1)
    }

    /// The one before it; `None` before the first of the calendar.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        self.plus(-1)
    }

    /// The one so many later, or earlier if negative; `None` outside the calendar.
    #[must_use]
    pub fn plus(self, periods: i64) -> Option<Self> {
        let number = i64::from(self.number).checked_add(periods)?;
        Self::from_number(self.granularity, u32::try_from(number).ok()?)
    }

    /// The number of its first day.
    fn first_day(self) -> u32 {
        match self.granularity {
            Granularity::Hour => self.number / 24,
            Granularity::Day => self.number,
            Granularity::Week => self.number * 7,
        }
    }

    /// The day it lies in; of a week, its Monday.
    #[must_use]
    pub fn day_of(self) -> Self {
        Self {
            granularity: Granularity::Day,
            number: self.first_day(),
        }
    }

    /// The week it lies in.
    #[must_use]
    pub fn week_of(self) -> Self {
        Self {
            granularity: Granularity::Week,
            number: self.first_day() / 7,
        }
    }

    /// The weekday of its first day: 1 is Monday, 7 is Sunday.
    #[must_use]
    pub fn weekday(self) -> u8 {
        // Below 8, so nothing is cut off.
        (self.first_day() % 7 + 1) as u8
    }

    /// Year, month and day of its first day.
    #[must_use]
    pub fn year_month_day(self) -> (u16, u8, u8) {
        let (year, month, day) = date::year_month_day(self.first_day());
        // Four digits and two and two: nothing is cut off.
        (year as u16, month as u8, day as u8)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; SUFFIX_BYTES_MAX];
        f.pad(suffix::write(*self, &mut text))
    }
}

/// As it is shown: a number of days is no help to a reader.
impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Period {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, CommandError> {
        let granularity = match text.len() {
            13 => Granularity::Hour,
            8 => Granularity::Week,
            _ => Granularity::Day,
        };
        let number = parse_key_suffix(granularity, text.as_bytes());
        let number = number.ok_or_else(|| {
            refuse(format!(
                "ERR '{}' is no period; one is written 2026-11-21, 2026-11-21T07 or 2026-W47",
                shown(text)
            ))
        })?;
        Ok(Self {
            granularity,
            number,
        })
    }
}

/// When something happened: at a moment, which a zone turns into a period, or in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Time {
    /// Milliseconds since the start of 1970 in UTC, negative before it.
    UnixMs(i64),
    /// A period by the local calendar.
    Period(Period),
}

impl From<SystemTime> for Time {
    /// Rounds down to a millisecond; what no 64 bits can hold becomes the nearest that they can.
    fn from(time: SystemTime) -> Self {
        let ms = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => {
                let ms = before.duration().as_nanos().div_ceil(1_000_000);
                i64::try_from(ms).map_or(i64::MIN, |ms| -ms)
            }
        };
        Self::UnixMs(ms)
    }
}

impl From<Period> for Time {
    fn from(period: Period) -> Self {
        Self::Period(period)
    }
}

/// The number of the period a moment lies in by the clocks of the zone.
pub(crate) fn period_of(
    granularity: Granularity,
    zone: &Zone,
    unix_ms: i64,
) -> Result<u32, CommandError> {
    let (day, hour) = zone
        .local(unix_ms)
        .ok_or_else(|| refuse("ERR the time lies outside the years 1 to 9999".to_owned()))?;
    Ok(granularity.number_at(day, hour))
}

fn refuse(text: String) -> CommandError {
    CommandError::Other(text.into())
}

/// A caller's text in a message: one line, not longer than is readable.
fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let mut short: String = text
        .chars()
        .take(CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        short.push_str("...");
    }
    short
}

/// Moments whose local date may lie in the calendar; outside it, in seconds, no zone needs asking.
const UNIX_SECONDS: RangeInclusive<i64> = {
    let first = -(date::EPOCH_DAY as i64) * 86_400;
    (first - 2 * 86_400)..=(first + (date::DAYS as i64 + 2) * 86_400)
};
