//! The text of a period, as it ends the keys of a series: `NAME:2026-11-21`.
//!
//! Called for every write to a key that may belong to a series, so nothing here allocates.
//! Invariant: reading takes exactly the texts that writing makes.

use super::{Granularity, Period, date};

/// No period's text is longer.
pub(crate) const SUFFIX_BYTES_MAX: usize = 13;

/// The number of the period with this text.
pub(crate) fn parse_key_suffix(granularity: Granularity, text: &[u8]) -> Option<u32> {
    match granularity {
        Granularity::Day => parse_day(text.try_into().ok()?),
        Granularity::Hour => {
            let (day, rest) = text.split_first_chunk()?;
            let &[b'T', tens, ones] = rest else {
                return None;
            };
            let hour = two_digits(tens, ones).filter(|hour| *hour < 24)?;
            Some(granularity.number_at(parse_day(day)?, hour))
        }
        Granularity::Week => {
            let &[a, b, c, d, b'-', b'W', tens, ones] = text else {
                return None;
            };
            let year = two_digits(a, b)? * 100 + two_digits(c, d)?;
            date::week_number(year, two_digits(tens, ones)?)
        }
    }
}

fn parse_day(text: &[u8; 10]) -> Option<u32> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h] = text else {
        return None;
    };
    let year = two_digits(a, b)? * 100 + two_digits(c, d)?;
    date::day_number(year, two_digits(e, f)?, two_digits(g, h)?)
}

fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens * 10 + ones))
}

/// The text of the period with this number; `None` if it is past the end of the calendar.
pub(crate) fn write_suffix(
    granularity: Granularity,
    number: u32,
    out: &mut [u8; SUFFIX_BYTES_MAX],
) -> Option<&str> {
    Period::from_number(granularity, number).map(|period| write(period, out))
}

pub(super) fn write(period: Period, out: &mut [u8; SUFFIX_BYTES_MAX]) -> &str {
    let length = match period.granularity {
        Granularity::Week => {
            let (year, week) = date::year_week(period.number);
            put_year(out, year);
            out[4..6].copy_from_slice(b"-W");
            put_two_digits(out, 6, week);
            8
        }
        Granularity::Day => put_day(out, period.number),
        Granularity::Hour => {
            let end = put_day(out, period.number / 24);
            out[end] = b'T';
            put_two_digits(out, end + 1, period.number % 24);
            end + 3
        }
    };
    // ASCII by construction.
    std::str::from_utf8(&out[..length]).unwrap_or_default()
}

/// Where the text ends.
fn put_day(out: &mut [u8; SUFFIX_BYTES_MAX], number: u32) -> usize {
    let (year, month, day) = date::year_month_day(number);
    put_year(out, year);
    out[4] = b'-';
    put_two_digits(out, 5, month);
    out[7] = b'-';
    put_two_digits(out, 8, day);
    10
}

fn put_year(out: &mut [u8; SUFFIX_BYTES_MAX], year: u32) {
    put_two_digits(out, 0, year / 100);
    put_two_digits(out, 2, year % 100);
}

/// `value` is below 100.
fn put_two_digits(out: &mut [u8; SUFFIX_BYTES_MAX], at: usize, value: u32) {
    out[at] = b'0' + (value / 10) as u8;
    out[at + 1] = b'0' + (value % 10) as u8;
}
