//! Dates as numbers: the arithmetic of the Gregorian calendar, prolonged to the year 1.
//!
//! Called by the rest of `calendar`. Pure; every argument gives an answer, `None` where there is none.

/// Days in the years 1 to 9999.
pub(super) const DAYS: u32 = 3_652_059;

/// The number of 1970-01-01.
pub(super) const EPOCH_DAY: u32 = 719_162;

/// Days before each month, in a common year and in a leap year. The thirteenth is the year's length.
const DAYS_BEFORE_MONTH: [[u16; 13]; 2] = [
    [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365],
    [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366],
];

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// The number of the first day of a year of 1 to 10 000.
fn year_start(year: u32) -> u32 {
    let before = year - 1;
    before * 365 + before / 4 - before / 100 + before / 400
}

/// The number of a date, if there is such a date.
pub(super) fn day_number(year: u32, month: u32, day: u32) -> Option<u32> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let before = &DAYS_BEFORE_MONTH[usize::from(is_leap(year))];
    let (start, end) = (before[month as usize - 1], before[month as usize]);
    let within = (1..=u32::from(end - start)).contains(&day);
    within.then(|| year_start(year) + u32::from(start) + day - 1)
}

/// Year, month and day of a day below [`DAYS`]. Counts in years that start in March, so that the leap
/// day is the last one of its year.
pub(super) fn year_month_day(day: u32) -> (u32, u32, u32) {
    // Day 0 here is the 1st of March of the year 0; that year's last ten months have 306 days.
    let day = day + 306;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (era * 400 + year + u32::from(month <= 2), month, of_month)
}

/// The number of the week that holds the 4th of January of a year of 1 to 10 000.
fn first_week(iso_year: u32) -> u32 {
    (year_start(iso_year) + 3) / 7
}

/// The number of an ISO week, if the year has it.
pub(super) fn week_number(iso_year: u32, week: u32) -> Option<u32> {
    if !(1..=9999).contains(&iso_year) || !(1..=53).contains(&week) {
        return None;
    }
    let number = first_week(iso_year) + week - 1;
    // Only a 53rd week can be the first one of the next year.
    (week < 53 || number < first_week(iso_year + 1)).then_some(number)
}

/// ISO year and week of a week: the year is that of its Thursday.
pub(super) fn year_week(number: u32) -> (u32, u32) {
    let (year, ..) = year_month_day(number * 7 + 3);
    (year, number - first_week(year) + 1)
}
