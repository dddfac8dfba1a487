//! Times in csv files: which format a column has, and what a cell of it says.
//!
//! Called by `csv_rows` to find the format and by `import` for every row. What two countries read
//! differently is never guessed.

use std::borrow::Cow;

use jiff::fmt::strtime;
use nacredb::{Granularity, Period, Time};

use crate::Failure;

/// The number of 1970-01-01, and of the days around which every zone has its clocks in the calendar.
const EPOCH_DAY: i64 = 719_162;
const UNIX_MS_MIN: i64 = (1 - EPOCH_DAY) * 86_400_000;
const UNIX_MS_MAX: i64 = (3_652_058 - EPOCH_DAY) * 86_400_000;

/// Plain numbers below this may be anything: years, dates such as 20261121, counters.
const UNIX_SECONDS_CERTAIN: u64 = 100_000_000;

/// Why a cell is no time.
type Reason = Cow<'static, str>;

/// How a column's times are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    UnixSeconds,
    UnixMs,
    UnixUs,
    /// A date, perhaps with a time, perhaps with an offset.
    Iso,
    /// As `strftime` would write it.
    Pattern(String),
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    UnixMs(i64),
    /// By the clocks of the zone the activity is kept in.
    Local {
        day: Period,
        hour: Option<u8>,
    },
}

impl Moment {
    /// The mark's time; a local one in the granularity it is kept in.
    pub(crate) fn time(self, granularity: Granularity) -> Result<Time, Reason> {
        let (day, hour) = match self {
            Self::UnixMs(ms) => return Ok(Time::UnixMs(ms)),
            Self::Local { day, hour } => (day, hour),
        };
        Ok(Time::Period(match granularity {
            Granularity::Day => day,
            Granularity::Week => day.week_of(),
            Granularity::Hour => {
                let hour = hour.ok_or("the time has no hour")?;
                let (year, month, day) = day.year_month_day();
                Period::hour(year, month, day, hour).map_err(|_| "there is no such hour")?
            }
        }))
    }
}

impl TimeFormat {
    /// The format `--time-format` names; `None` for `auto`.
    pub(crate) fn from_option(text: &str) -> Result<Option<Self>, Failure> {
        Ok(Some(match text {
            "auto" => return Ok(None),
            "unix" => Self::UnixSeconds,
            "unix-ms" => Self::UnixMs,
            "unix-us" => Self::UnixUs,
            "iso" => Self::Iso,
            pattern if pattern.contains('%') => Self::Pattern(pattern.to_owned()),
            other => {
                return Err(Failure::Usage(format!(
                    "--time-format takes auto, unix, unix-ms, unix-us, iso or a pattern such as \
                     %d/%m/%Y, not `{other}`"
                )));
            }
        }))
    }

    /// As `--time-format` takes it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::UnixSeconds => "unix",
            Self::UnixMs => "unix-ms",
            Self::UnixUs => "unix-us",
            Self::Iso => "iso",
            Self::Pattern(pattern) => pattern,
        }
    }

    /// What the cell says.
    pub(crate) fn read(&self, cell: &str) -> Result<Moment, Reason> {
        if cell.is_empty() {
            return Err("the time is empty".into());
        }
        let moment = match self {
            Self::UnixSeconds => unix_ms(cell, 3).map(Moment::UnixMs),
            Self::UnixMs => unix_ms(cell, 0).map(Moment::UnixMs),
            Self::UnixUs => unix_ms(cell, -3).map(Moment::UnixMs),
            Self::Iso => iso(cell),
            Self::Pattern(pattern) => return by_pattern(pattern, cell).and_then(in_calendar),
        };
        let moment =
            moment.ok_or_else(|| format!("`{}` is no time ({})", short(cell), self.name()))?;
        in_calendar(moment)
    }

    /// The format these cells have in common, or what to tell whoever could know it.
    pub(crate) fn detect<'c>(cells: impl IntoIterator<Item = &'c str>) -> Result<Self, String> {
        let mut found: Option<(Self, &str)> = None;
        let (mut known, mut unknown) = (0_usize, 0_usize);
        let mut first_unknown = "";
        for cell in cells {
            let format = match Look::at(cell) {
                Look::Empty => continue,
                Look::Format(format) => format,
                Look::Small => {
                    return Err(format!(
                        "`{cell}` may be a date, a year or a unix time: say --time-format unix, or \
                         a pattern such as %Y%m%d"
                    ));
                }
                Look::DayOrMonthFirst => {
                    return Err(format!(
                        "`{cell}` may have the day or the month first: say --time-format %d/%m/%Y \
                         or %m/%d/%Y, with a time of day as in %d/%m/%Y %H:%M"
                    ));
                }
                Look::Unknown => {
                    if unknown == 0 {
                        first_unknown = cell;
                    }
                    unknown += 1;
                    continue;
                }
            };
            known += 1;
            match &found {
                Some((before, example)) if *before != format => {
                    return Err(format!(
                        "`{example}` looks like {} and `{cell}` like {}: say --time-format",
                        before.name(),
                        format.name()
                    ));
                }
                Some(_) => {}
                None => found = Some((format, cell)),
            }
        }
        match found {
            Some((format, _)) if known >= unknown => Ok(format),
            _ if known + unknown == 0 => Err("the column with the times is empty".to_owned()),
            _ => Err(format!(
                "`{}` is in no format that is known: say --time-format, with a pattern such as \
                 %d.%m.%Y %H:%M",
                short(first_unknown)
            )),
        }
    }
}

/// What a single cell looks like.
enum Look {
    Empty,
    Format(TimeFormat),
    /// A number that is too small to be sure.
    Small,
    DayOrMonthFirst,
    Unknown,
}

impl Look {
    fn at(cell: &str) -> Self {
        if cell.is_empty() {
            return Self::Empty;
        }
        if iso(cell).is_some() {
            return Self::Format(TimeFormat::Iso);
        }
        let whole = cell.split_once('.').map_or(cell, |(whole, _)| whole);
        if unix_ms(cell, 0).is_some()
            && let Ok(number) = whole.parse::<i64>()
        {
            return match number.unsigned_abs() {
                0..UNIX_SECONDS_CERTAIN => Self::Small,
                UNIX_SECONDS_CERTAIN..100_000_000_000 => Self::Format(TimeFormat::UnixSeconds),
                100_000_000_000..100_000_000_000_000 => Self::Format(TimeFormat::UnixMs),
                100_000_000_000_000..100_000_000_000_000_000 => Self::Format(TimeFormat::UnixUs),
                _ => Self::Unknown,
            };
        }
        let mut parts = cell.splitn(3, ['/', '.', '-']);
        let number = |part: Option<&str>| {
            part.is_some_and(|part| {
                (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let year = |part: &str| part.bytes().take_while(u8::is_ascii_digit).count() >= 2;
        if number(parts.next()) && number(parts.next()) && parts.next().is_some_and(year) {
            return Self::DayOrMonthFirst;
        }
        Self::Unknown
    }
}

/// A decimal number as milliseconds, rounded down; a unit of it is 10^`digits` of them.
fn unix_ms(text: &str, digits: i32) -> Option<i64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let mut ms: i64 = whole.parse().ok()?;
    let mut rest = fraction.bytes();
    let mut exact = true;
    for _ in 0..digits {
        let digit = rest.next().map_or(0, |byte| i64::from(byte - b'0'));
        ms = ms.checked_mul(10)?.checked_add(digit)?;
    }
    for _ in digits..0 {
        exact &= ms % 10 == 0;
        ms /= 10;
    }
    exact &= rest.all(|byte| byte == b'0');
    Some(match (negative, exact) {
        (false, _) => ms,
        (true, true) => -ms,
        (true, false) => -ms - 1,
    })
}

/// Reads a text from its start.
struct Cursor<'t> {
    rest: &'t [u8],
}

impl Cursor<'_> {
    fn take(&mut self, wanted: &[u8]) -> bool {
        match self.rest.split_first() {
            Some((byte, rest)) if wanted.contains(byte) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn two_digits(&mut self) -> Option<u8> {
        let (&[tens, ones], rest) = self.rest.split_first_chunk()?;
        if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
            return None;
        }
        self.rest = rest;
        Some((tens - b'0') * 10 + (ones - b'0'))
    }

    /// What is left of a time after its minutes: seconds and their fraction, in milliseconds. A leap
    /// second counts as the one before it.
    fn seconds_ms(&mut self) -> Option<i64> {
        if !self.take(b":") {
            return Some(0);
        }
        let seconds = self.two_digits().filter(|seconds| *seconds <= 60)?;
        let mut ms = i64::from(seconds.min(59)) * 1000;
        if self.take(b".,") {
            let digits = self
                .rest
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let (fraction, rest) = self.rest.split_at(digits);
            for (digit, unit) in fraction.iter().zip([100, 10, 1]) {
                ms += i64::from(digit - b'0') * unit;
            }
            self.rest = rest;
            (digits > 0).then_some(())?;
        }
        Some(ms)
    }

    /// Minutes east of UTC; `Some(None)` if nothing is said of it.
    fn offset_minutes(&mut self) -> Option<Option<i64>> {
        if self.rest.is_empty() {
            return Some(None);
        }
        let spaced = self.take(b" ");
        if matches!(self.rest, b"Z" | b"z") || (spaced && matches!(self.rest, b"UTC" | b"GMT")) {
            self.rest = b"";
            return Some(Some(0));
        }
        let sign = if self.take(b"-") { -1 } else { 1 };
        if sign == 1 && !self.take(b"+") {
            return None;
        }
        let hours = self.two_digits().filter(|hours| *hours < 24)?;
        let minutes = if self.take(b":") || !self.rest.is_empty() {
            self.two_digits().filter(|minutes| *minutes < 60)?
        } else {
            0
        };
        Some(Some(sign * (i64::from(hours) * 60 + i64::from(minutes))))
    }
}

/// `2026-11-21`, `2026-11-21 07:30`, `2026-11-21T07:30:00.5+01:00` and what lies between.
fn iso(text: &str) -> Option<Moment> {
    let (date, rest) = text.as_bytes().split_at_checked(10)?;
    let day: Period = std::str::from_utf8(date).ok()?.parse().ok()?;
    if rest.is_empty() {
        return Some(Moment::Local { day, hour: None });
    }
    let mut cursor = Cursor { rest };
    if !cursor.take(b"Tt ") {
        return None;
    }
    let hour = cursor.two_digits().filter(|hour| *hour < 24)?;
    let minute = cursor
        .take(b":")
        .then(|| cursor.two_digits())?
        .filter(|minute| *minute < 60)?;
    let ms = cursor.seconds_ms()?;
    let offset = cursor.offset_minutes()?;
    if !cursor.rest.is_empty() {
        return None;
    }
    Some(match offset {
        None => Moment::Local {
            day,
            hour: Some(hour),
        },
        Some(east) => {
            let days = i64::from(day.number()) - EPOCH_DAY;
            let minutes = (days * 24 + i64::from(hour)) * 60 + i64::from(minute) - east;
            Moment::UnixMs(minutes * 60_000 + ms)
        }
    })
}

fn by_pattern(pattern: &str, cell: &str) -> Result<Moment, Reason> {
    let wrong = |error: jiff::Error| -> Reason { format!("`{}`: {error}", short(cell)).into() };
    let parts = strtime::parse(pattern, cell).map_err(wrong)?;
    // Seconds since 1970 (%s) and offsets (%z) fix a moment, whatever the zone.
    if parts.offset().is_some() || pattern.contains("%s") {
        let at = parts.to_timestamp().map_err(wrong)?;
        return Ok(Moment::UnixMs(at.as_millisecond()));
    }
    let date = parts.to_date().map_err(wrong)?;
    let year = u16::try_from(date.year()).map_err(|_| "the time lies before the year 1")?;
    let (month, of_month) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    let day = Period::day(year, month, of_month).map_err(|error| error.to_string())?;
    let hour = match parts.hour() {
        Some(_) => Some(parts.to_time().map_err(wrong)?.hour().unsigned_abs()),
        None => None,
    };
    Ok(Moment::Local { day, hour })
}

/// Moments whose local date may lie outside the calendar are refused here, row by row.
fn in_calendar(moment: Moment) -> Result<Moment, Reason> {
    match moment {
        Moment::UnixMs(ms) if !(UNIX_MS_MIN..UNIX_MS_MAX).contains(&ms) => {
            Err("the time lies outside the years 1 to 9999".into())
        }
        Moment::UnixMs(_) | Moment::Local { .. } => Ok(moment),
    }
}

/// A cell in a message.
pub(crate) fn short(cell: &str) -> String {
    const CHARS_MAX: usize = 40;
    let mut text: String = cell
        .chars()
        .take(CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if cell.chars().nth(CHARS_MAX).is_some() {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Period {
        text.parse().unwrap()
    }

    fn ms(format: &TimeFormat, cell: &str) -> Option<i64> {
        match format.read(cell).ok()? {
            Moment::UnixMs(ms) => Some(ms),
            Moment::Local { .. } => None,
        }
    }

    #[test]
    fn unix_times_round_down_to_milliseconds() {
        assert_eq!(
            ms(&TimeFormat::UnixSeconds, "1790000000"),
            Some(1_790_000_000_000)
        );
        assert_eq!(
            ms(&TimeFormat::UnixSeconds, "1790000000.1239"),
            Some(1_790_000_000_123)
        );
        assert_eq!(ms(&TimeFormat::UnixSeconds, "-0.0001"), Some(-1));
        assert_eq!(ms(&TimeFormat::UnixSeconds, "-1.5"), Some(-1500));
        assert_eq!(ms(&TimeFormat::UnixMs, "-5.0"), Some(-5));
        assert_eq!(
            ms(&TimeFormat::UnixUs, "1790000000123999"),
            Some(1_790_000_000_123)
        );
        assert_eq!(ms(&TimeFormat::UnixUs, "-1"), Some(-1));
        for wrong in [
            "",
            "-",
            "1e9",
            " 1",
            "0x1",
            "1.2.3",
            "9223372036854775807",
            "--1",
            "+1",
            ".",
        ] {
            assert!(TimeFormat::UnixSeconds.read(wrong).is_err(), "{wrong}");
        }
        for outside in ["-62135596800", "253402300800", "999999999999999"] {
            let reason = TimeFormat::UnixSeconds.read(outside).unwrap_err();
            assert!(reason.contains("years 1 to 9999"), "{reason}");
        }
    }

    #[test]
    fn iso_times_with_an_offset_are_moments() {
        let noon = 1_795_262_400_000; // 2026-11-21T12:00Z
        for (text, expected) in [
            ("2026-11-21T12:00:00Z", noon),
            ("2026-11-21 12:00:00 UTC", noon),
            ("2026-11-21t12:00z", noon),
            ("2026-11-21T13:00:00+01:00", noon),
            ("2026-11-21 06:30:00.250 -0530", noon + 250),
            ("2026-11-21T14+02", 0),
            ("2026-11-21T14:00+02", noon),
            ("2026-11-21T11:59:60Z", noon - 1000),
            ("2026-11-21T12:00:00,123456789+00:00", noon + 123),
            ("2026-11-22T00:30:00+12:30", noon),
        ] {
            let expected = Some(expected).filter(|ms| *ms > 0);
            assert_eq!(ms(&TimeFormat::Iso, text), expected, "{text}");
        }
    }

    #[test]
    fn iso_times_without_an_offset_are_local() {
        let local = |hour| {
            Ok(Moment::Local {
                day: day("2026-11-21"),
                hour,
            })
        };
        assert_eq!(TimeFormat::Iso.read("2026-11-21"), local(None));
        for text in [
            "2026-11-21 07:30",
            "2026-11-21T07:30:59",
            "2026-11-21 07:00:00.5",
        ] {
            assert_eq!(TimeFormat::Iso.read(text), local(Some(7)), "{text}");
        }
        for wrong in [
            "2026-02-29",
            "2026-11-21T",
            "2026-11-21 7:30",
            "2026-11-21 24:00",
            "2026-11-21 07:60",
            "2026-11-21 07:30:61",
            "2026-11-21 07:30:00.",
            "2026-11-21 07:30 x",
            "2026-11-21 07:30+",
            "2026-11-21 07:30+24:00",
            "2026-11-21 07:30ZZ",
            "2026-11-21T07:30:00+01:00 ",
            "2026-W47",
            "2026-11-2\u{b2} 07:30",
            "21/11/2026",
        ] {
            assert!(TimeFormat::Iso.read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_read_what_strftime_writes() {
        let pattern = |text: &str| TimeFormat::Pattern(text.to_owned());
        let local = |hour| {
            Ok(Moment::Local {
                day: day("2026-11-21"),
                hour,
            })
        };
        assert_eq!(pattern("%d/%m/%Y").read("21/11/2026"), local(None));
        assert_eq!(
            pattern("%d.%m.%Y %H:%M").read("21.11.2026 07:05"),
            local(Some(7))
        );
        assert_eq!(
            pattern("%m/%d/%Y %I:%M %p").read("11/21/2026 07:05 PM"),
            local(Some(19))
        );
        assert_eq!(pattern("%Y%m%d").read("20261121"), local(None));
        let noon = Ok(Moment::UnixMs(1_795_262_400_000));
        assert_eq!(
            pattern("%d/%b/%Y:%T %z").read("21/Nov/2026:13:00:00 +0100"),
            noon
        );
        assert_eq!(pattern("%s").read("1795262400"), noon);
        for (format, cell) in [
            ("%d/%m/%Y", "32/11/2026"),
            ("%Q!", "x"),
            ("%d/%m/%Y", "21/11/2026x"),
        ] {
            assert!(pattern(format).read(cell).is_err(), "{format} {cell}");
        }
        assert!(pattern("%Y-%m-%d").read("-001-01-01").is_err());
    }

    #[test]
    fn formats_are_found_in_the_first_rows() {
        let detect = |cells: &[&str]| TimeFormat::detect(cells.iter().copied());
        assert_eq!(
            detect(&["1790000000", "1790000000.5"]),
            Ok(TimeFormat::UnixSeconds)
        );
        assert_eq!(detect(&["", "1790000000000"]), Ok(TimeFormat::UnixMs));
        assert_eq!(detect(&["1790000000000000"]), Ok(TimeFormat::UnixUs));
        assert_eq!(
            detect(&["2026-11-21", "n/a", "2026-11-21 07:30Z"]),
            Ok(TimeFormat::Iso)
        );
        assert_eq!(detect(&["2026-11-21T07:30:00Z"]), Ok(TimeFormat::Iso));
    }

    #[test]
    fn what_could_be_two_things_is_not_guessed() {
        let refused = |cells: &[&str]| TimeFormat::detect(cells.iter().copied()).unwrap_err();
        assert!(refused(&["03/04/2026"]).contains("%d/%m/%Y"));
        assert!(refused(&["3.4.2026 10:00"]).contains("%d/%m/%Y"));
        assert!(refused(&["2026-11-21", "03-04-26"]).contains("%d/%m/%Y"));
        assert!(refused(&["20261121"]).contains("%Y%m%d"));
        assert!(refused(&["1790000000", "1790000000000"]).contains("unix-ms"));
        assert!(refused(&["1790000000", "2026-11-21"]).contains("iso"));
        assert!(refused(&["", ""]).contains("empty"));
        assert!(refused(&["yesterday", "today"]).contains("`yesterday`"));
        assert!(refused(&["1790000000000000000"]).contains("no format"));
    }

    #[test]
    fn local_times_take_the_granularity_of_the_activity() {
        let at = Moment::Local {
            day: day("2026-11-21"),
            hour: Some(7),
        };
        let period = |text: &str| Ok(Time::Period(text.parse().unwrap()));
        assert_eq!(at.time(Granularity::Hour), period("2026-11-21T07"));
        assert_eq!(at.time(Granularity::Day), period("2026-11-21"));
        assert_eq!(at.time(Granularity::Week), period("2026-W47"));
        let date = Moment::Local {
            day: day("2026-11-21"),
            hour: None,
        };
        assert!(date.time(Granularity::Hour).is_err());
        assert_eq!(
            Moment::UnixMs(-5).time(Granularity::Hour),
            Ok(Time::UnixMs(-5))
        );
    }

    #[test]
    fn options_name_formats() {
        assert_eq!(TimeFormat::from_option("auto").unwrap(), None);
        for name in ["unix", "unix-ms", "unix-us", "iso", "%d/%m/%Y"] {
            let format = TimeFormat::from_option(name).unwrap().unwrap();
            assert_eq!(format.name(), name);
        }
        assert!(TimeFormat::from_option("rfc").is_err());
    }
}
