use std::time::Duration;

use super::*;

/// A walk through the calendar that only ever adds a day, and knows no formula but the leap rule.
struct Walk {
    year: u16,
    month: u8,
    day: u8,
    iso_year: u16,
    week: u8,
    weekday: u8,
}

impl Walk {
    /// 0001-01-01, a Monday.
    fn start() -> Self {
        Self {
            year: 1,
            month: 1,
            day: 1,
            iso_year: 1,
            week: 1,
            weekday: 1,
        }
    }

    fn month_days(&self) -> u8 {
        match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if self.year.is_multiple_of(400) => 29,
            2 if self.year.is_multiple_of(4) && !self.year.is_multiple_of(100) => 29,
            2 => 28,
            _ => 31,
        }
    }

    fn step(&mut self) {
        self.day += 1;
        if self.day > self.month_days() {
            (self.month, self.day) = (self.month + 1, 1);
        }
        if self.month > 12 {
            (self.year, self.month) = (self.year + 1, 1);
        }
        self.weekday = self.weekday % 7 + 1;
        if self.weekday == 1 {
            self.week += 1;
            // A week belongs to the year that has four of its days, so from the 29th of December on
            // its Monday is in the next one.
            if (self.month == 12 && self.day >= 29) || (self.month == 1 && self.day <= 4) {
                (self.iso_year, self.week) = (self.iso_year + u16::from(self.week > 50), 1);
            }
        }
    }
}

fn text(granularity: Granularity, number: u32) -> String {
    let mut out = [0; SUFFIX_BYTES_MAX];
    write_suffix(granularity, number, &mut out)
        .unwrap()
        .to_owned()
}

fn parsed(granularity: Granularity, text: &str) -> Option<u32> {
    parse_key_suffix(granularity, text.as_bytes())
}

#[test]
fn every_day_of_the_calendar_is_what_a_walk_finds() {
    let mut walk = Walk::start();
    for number in 0..date::DAYS {
        let day = Period::from_number(Granularity::Day, number).unwrap();
        let Walk {
            year,
            month,
            day: of_month,
            ..
        } = walk;
        assert_eq!(day.year_month_day(), (year, month, of_month), "{number}");
        assert_eq!(Period::day(year, month, of_month), Ok(day));
        assert_eq!(day.weekday(), walk.weekday, "{day}");
        assert_eq!(
            day.week_of(),
            Period::week(walk.iso_year, walk.week).unwrap(),
            "{day}"
        );
        walk.step();
    }
    assert_eq!((walk.year, walk.month, walk.day), (10_000, 1, 1));
}

#[test]
fn every_day_and_week_has_one_text_that_reads_back() {
    let mut walk = Walk::start();
    for number in 0..date::DAYS {
        let mut out = [0; SUFFIX_BYTES_MAX];
        let day = write_suffix(Granularity::Day, number, &mut out).unwrap();
        assert_eq!(parsed(Granularity::Day, day), Some(number));
        if number % 97 == 0 {
            assert_eq!(
                day,
                format!("{:04}-{:02}-{:02}", walk.year, walk.month, walk.day)
            );
        }
        if walk.weekday == 1 {
            let week = write_suffix(Granularity::Week, number / 7, &mut out).unwrap();
            assert_eq!(parsed(Granularity::Week, week), Some(number / 7));
            assert_eq!(week, format!("{:04}-W{:02}", walk.iso_year, walk.week));
        }
        walk.step();
    }
}

#[test]
fn texts_of_hours_read_back() {
    for number in (0..date::DAYS * 24)
        .step_by(997)
        .chain([date::DAYS * 24 - 1])
    {
        let hour = text(Granularity::Hour, number);
        assert_eq!(parsed(Granularity::Hour, &hour), Some(number), "{hour}");
    }
    let hour = Period::hour(2026, 11, 21, 7).unwrap();
    assert_eq!(hour.to_string(), "2026-11-21T07");
    assert_eq!(hour.day_of(), Period::day(2026, 11, 21).unwrap());
    assert_eq!(hour.plus(17).unwrap().to_string(), "2026-11-22T00");
    assert_eq!(hour.week_of().to_string(), "2026-W47");
}

#[test]
fn known_dates_have_their_weeks() {
    for (day, week, weekday) in [
        ("2020-12-31", "2020-W53", 4),
        ("2021-01-03", "2020-W53", 7),
        ("2021-01-04", "2021-W01", 1),
        ("2024-12-30", "2025-W01", 1),
        ("2026-01-01", "2026-W01", 4),
        ("2027-01-01", "2026-W53", 5),
        ("2026-11-21", "2026-W47", 6),
        ("0001-01-01", "0001-W01", 1),
        ("9999-12-31", "9999-W52", 5),
    ] {
        let day: Period = day.parse().unwrap();
        assert_eq!(day.week_of().to_string(), week, "{day}");
        assert_eq!(day.weekday(), weekday, "{day}");
    }
    let week: Period = "2026-W53".parse().unwrap();
    assert_eq!(week.year_month_day(), (2026, 12, 28));
    assert_eq!(week.next().unwrap().to_string(), "2027-W01");
}

#[test]
fn the_epoch_is_where_others_put_it() {
    assert_eq!(Period::day(1970, 1, 1).unwrap().number(), date::EPOCH_DAY);
    assert_eq!(
        Period::day(2026, 11, 21).unwrap().number(),
        date::EPOCH_DAY + 20_778
    );
}

#[test]
fn other_texts_are_refused() {
    for (granularity, wrong) in [
        (
            Granularity::Day,
            &[
                "",
                "2026-1-1",
                "2026-02-29",
                "1900-02-29",
                "2026-13-01",
                "2026-00-01",
                "2026-01-00",
                "2026-04-31",
                "0000-01-01",
                "2026-11-21T07",
                "2026-11-2",
                "2026-11-211",
                "2026/11/21",
                "+026-11-21",
                "2026-11- 1",
                "2026-W47",
                "2026:11:21",
                "20261-1-21",
                "2026-11-2\u{b2}",
            ][..],
        ),
        (
            Granularity::Hour,
            &[
                "2026-11-21",
                "2026-11-21T24",
                "2026-11-21T7",
                "2026-11-21t07",
                "2026-11-21 07",
                "2026-02-29T01",
                "2026-11-21T077",
                "2026-11-21T-1",
                "0000-11-21T07",
            ],
        ),
        (
            Granularity::Week,
            &[
                "2026-W54",
                "2026-W00",
                "2025-W53",
                "2026-W1",
                "2026W47",
                "0000-W01",
                "2026-w47",
                "2026-11-21",
                "2026-W477",
                "2026-W",
            ],
        ),
    ] {
        for text in wrong {
            assert_eq!(parsed(granularity, text), None, "{text}");
        }
    }
    for text in [
        "2026-02-29",
        "2026-1-1",
        "2026-W54",
        "2026-11-21T24",
        "",
        "today",
    ] {
        assert!(text.parse::<Period>().is_err(), "{text}");
    }
    let error = "2026-02-29".parse::<Period>().unwrap_err().to_string();
    assert!(
        error.starts_with("ERR '2026-02-29' is no period"),
        "{error}"
    );
    assert!(
        "x\n"
            .repeat(9999)
            .parse::<Period>()
            .unwrap_err()
            .to_string()
            .len()
            < 200
    );
    assert!(Period::day(2026, 2, 29).is_err());
    assert!(Period::day(10_000, 1, 1).is_err());
    assert!(Period::hour(2026, 2, 28, 24).is_err());
    assert!(Period::week(2025, 53).is_err());
    assert!(Period::week(u16::MAX, u8::MAX).is_err());
}

#[test]
fn periods_end_with_the_calendar() {
    for (granularity, last) in [
        (Granularity::Hour, "9999-12-31T23"),
        (Granularity::Day, "9999-12-31"),
        (Granularity::Week, "9999-W52"),
    ] {
        let last: Period = last.parse().unwrap();
        assert_eq!(last.next(), None);
        assert_eq!(last.plus(i64::MAX), None);
        assert_eq!(last.plus(i64::MIN), None);
        assert_eq!(Period::from_number(granularity, last.number()), Some(last));
        assert_eq!(Period::from_number(granularity, last.number() + 1), None);
        assert_eq!(Period::from_number(granularity, u32::MAX), None);
        let first = last.plus(-i64::from(last.number())).unwrap();
        assert_eq!(first.number(), 0);
        assert_eq!(first.previous(), None);
        assert_eq!(first.next().unwrap().previous(), Some(first));
        let mut out = [0; SUFFIX_BYTES_MAX];
        assert_eq!(write_suffix(granularity, last.number() + 1, &mut out), None);
    }
}

#[test]
fn granularities_are_read_by_name() {
    for granularity in [Granularity::Hour, Granularity::Day, Granularity::Week] {
        assert_eq!(granularity.to_string().parse(), Ok(granularity));
    }
    assert_eq!("DAY".parse(), Ok(Granularity::Day));
    assert!("month".parse::<Granularity>().is_err());
}

#[test]
fn periods_are_ordered_in_time_and_padded_as_told() {
    let day = |text: &str| text.parse::<Period>().unwrap();
    assert!(day("2026-01-31") < day("2026-02-01"));
    assert_eq!(format!("{:>12}|", day("2026-02-01")), "  2026-02-01|");
}

#[test]
fn system_times_become_milliseconds_rounded_down() {
    let ms = |nanos: u64| Duration::from_nanos(nanos);
    assert_eq!(Time::from(UNIX_EPOCH + ms(1_999_999)), Time::UnixMs(1));
    assert_eq!(Time::from(UNIX_EPOCH - ms(1)), Time::UnixMs(-1));
    assert_eq!(Time::from(UNIX_EPOCH - ms(1_000_000)), Time::UnixMs(-1));
    assert_eq!(Time::from(UNIX_EPOCH - ms(1_000_001)), Time::UnixMs(-2));
    let day = Period::day(2026, 11, 21).unwrap();
    assert_eq!(Time::from(day), Time::Period(day));
}

mod zones {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    /// Milliseconds of a time in UTC.
    fn utc(day: &str, hour: i64, minute: i64) -> i64 {
        let day = i64::from(day.parse::<Period>().unwrap().number());
        (day - i64::from(date::EPOCH_DAY)) * DAY_MS + (hour * 60 + minute) * 60_000
    }

    fn hour(zone: &str, unix_ms: i64) -> String {
        let zone = Zone::parse(zone).unwrap();
        text(
            Granularity::Hour,
            period_of(Granularity::Hour, &zone, unix_ms).unwrap(),
        )
    }

    #[test]
    fn a_moment_has_its_hour_day_and_week() {
        let at = utc("2026-11-22", 23, 59) + 59_999;
        let of = |granularity, zone: &str| {
            let zone = Zone::parse(zone).unwrap();
            text(granularity, period_of(granularity, &zone, at).unwrap())
        };
        assert_eq!(of(Granularity::Day, "UTC"), "2026-11-22");
        assert_eq!(of(Granularity::Week, "UTC"), "2026-W47");
        assert_eq!(of(Granularity::Day, "+00:01"), "2026-11-23");
        assert_eq!(of(Granularity::Week, "+00:01"), "2026-W48");
        assert_eq!(of(Granularity::Hour, "-12:00"), "2026-11-22T11");
        assert_eq!(of(Granularity::Hour, "+05:45"), "2026-11-23T05");
    }

    #[test]
    fn times_before_1970_round_down() {
        assert_eq!(hour("UTC", -1), "1969-12-31T23");
        assert_eq!(hour("UTC", 0), "1970-01-01T00");
        assert_eq!(hour("-00:30", 1_799_999), "1969-12-31T23");
        assert_eq!(hour("-00:30", 1_800_000), "1970-01-01T00");
        assert_eq!(hour("UTC", utc("1600-02-29", 12, 0)), "1600-02-29T12");
    }

    #[test]
    fn times_outside_the_calendar_are_refused() {
        let first = utc("0001-01-01", 0, 0);
        let last = utc("9999-12-31", 24, 0) - 1;
        assert_eq!(hour("UTC", first), "0001-01-01T00");
        assert_eq!(hour("UTC", last), "9999-12-31T23");
        assert_eq!(hour("+14:00", first - 14 * 3_600_000), "0001-01-01T00");
        assert_eq!(hour("-23:59", last + 23 * 3_600_000), "9999-12-31T23");
        for (zone, at) in [
            ("UTC", first - 1),
            ("UTC", last + 1),
            ("-00:01", first),
            ("+00:01", last),
            ("+23:59", i64::MAX),
            ("-23:59", i64::MIN),
        ] {
            let zone = Zone::parse(zone).unwrap();
            for granularity in [Granularity::Hour, Granularity::Day, Granularity::Week] {
                assert!(period_of(granularity, &zone, at).is_err(), "{zone} {at}");
            }
        }
    }

    #[test]
    fn offsets_are_read_and_written_alike() {
        for name in [
            "UTC", "+02:00", "-03:30", "+23:59", "-23:59", "+00:01", "-00:01",
        ] {
            assert_eq!(Zone::parse(name).unwrap().to_string(), name);
        }
        assert_eq!(Zone::parse("+00:00"), Ok(Zone::UTC));
        assert_eq!(Zone::parse("-00:00"), Ok(Zone::UTC));
        assert_eq!("utc".parse(), Ok(Zone::UTC));
        for wrong in [
            "",
            "+2:00",
            "+0200",
            "+24:00",
            "+02:60",
            "02:00",
            "+02:0a",
            "+",
            "Z0",
            "+\u{b2}:00",
        ] {
            assert!(Zone::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(not(feature = "zones"))]
    #[test]
    fn a_name_says_that_it_needs_the_feature() {
        let error = Zone::parse("Europe/Berlin").unwrap_err().to_string();
        assert!(
            error.contains("'Europe/Berlin'") && error.contains("feature"),
            "{error}"
        );
    }

    #[cfg(feature = "zones")]
    mod named {
        use super::*;

        #[test]
        fn clocks_change_when_the_zone_says() {
            let berlin = |day, h, m| hour("Europe/Berlin", utc(day, h, m));
            // Forward at 01:00 UTC: the hour from 2 to 3 is missing.
            assert_eq!(berlin("2026-03-29", 0, 59), "2026-03-29T01");
            assert_eq!(berlin("2026-03-29", 1, 0), "2026-03-29T03");
            // Back at 01:00 UTC: the hour from 2 to 3 comes twice and is one period.
            assert_eq!(berlin("2026-10-25", 0, 0), "2026-10-25T02");
            assert_eq!(berlin("2026-10-25", 1, 59), "2026-10-25T02");
            assert_eq!(berlin("2026-10-25", 2, 0), "2026-10-25T03");
            let york = |day, h, m| hour("America/New_York", utc(day, h, m));
            assert_eq!(york("2026-03-08", 6, 59), "2026-03-08T01");
            assert_eq!(york("2026-03-08", 7, 0), "2026-03-08T03");
            assert_eq!(york("2026-11-01", 5, 59), "2026-11-01T01");
            assert_eq!(york("2026-11-01", 6, 59), "2026-11-01T01");
            assert_eq!(york("2026-11-01", 7, 0), "2026-11-01T02");
            // A day of 25 hours is one day.
            assert_eq!(york("2026-11-01", 4, 0), "2026-11-01T00");
            assert_eq!(york("2026-11-02", 4, 59), "2026-11-01T23");
            assert_eq!(york("2026-11-02", 5, 0), "2026-11-02T00");
        }

        #[test]
        fn offsets_may_be_no_whole_hours_and_skip_days() {
            assert_eq!(
                hour("Asia/Kathmandu", utc("2026-06-01", 18, 15)),
                "2026-06-02T00"
            );
            assert_eq!(
                hour("Asia/Kathmandu", utc("2026-06-01", 18, 14)),
                "2026-06-01T23"
            );
            // Lord Howe Island moves its clocks by half an hour.
            assert_eq!(
                hour("Australia/Lord_Howe", utc("2026-07-01", 13, 30)),
                "2026-07-02T00"
            );
            assert_eq!(
                hour("Australia/Lord_Howe", utc("2026-12-01", 13, 0)),
                "2026-12-02T00"
            );
            // Samoa had no 30th of December 2011.
            assert_eq!(
                hour("Pacific/Apia", utc("2011-12-30", 9, 59)),
                "2011-12-29T23"
            );
            assert_eq!(
                hour("Pacific/Apia", utc("2011-12-30", 10, 0)),
                "2011-12-31T00"
            );
        }

        #[test]
        fn the_table_and_the_database_agree() {
            for name in [
                "Europe/Berlin",
                "America/New_York",
                "Australia/Lord_Howe",
                "Africa/Casablanca",
            ] {
                let zone = Zone::parse(name).unwrap();
                let known = jiff::tz::TimeZoneDatabase::bundled().get(name).unwrap();
                let (start, end) = (utc("1850-01-01", 0, 0), utc("2150-01-01", 0, 0));
                for at in (start..end).step_by(31 * 3_600_000) {
                    let local = known.to_datetime(jiff::Timestamp::from_millisecond(at).unwrap());
                    let expected = Period::hour(
                        local.year() as u16,
                        local.month() as u8,
                        local.day() as u8,
                        local.hour() as u8,
                    );
                    let found = period_of(Granularity::Hour, &zone, at).unwrap();
                    assert_eq!(found, expected.unwrap().number(), "{name} {local}");
                }
            }
        }

        #[test]
        fn names_are_known_in_any_case_and_written_in_theirs() {
            let zone = Zone::parse("europe/berlin").unwrap();
            assert_eq!(zone.to_string(), "Europe/Berlin");
            assert_eq!(zone, Zone::parse("Europe/Berlin").unwrap());
            assert_ne!(zone, Zone::parse("Europe/Paris").unwrap());
            for wrong in [
                "Europe/Atlantis",
                "Etc/Unknown",
                "../etc/passwd",
                "Europe/Berlin\0",
                " ",
            ] {
                assert!(Zone::parse(wrong).is_err(), "{wrong}");
            }
        }

        #[test]
        fn every_zone_covers_the_calendar() {
            for name in jiff::tz::TimeZoneDatabase::bundled().available() {
                let zone = Zone::parse(name.as_str()).unwrap();
                for day in [
                    "0001-01-03",
                    "1899-12-31",
                    "2099-12-31",
                    "2100-01-01",
                    "9999-12-29",
                ] {
                    assert!(zone.local(utc(day, 0, 0)).is_some(), "{name} {day}");
                }
                for at in [i64::MIN, i64::MAX] {
                    assert_eq!(zone.local(at), None);
                }
            }
        }

        #[test]
        fn the_last_hours_of_the_calendar_have_a_local_time() {
            assert_eq!(
                hour("Europe/Berlin", utc("9999-12-31", 22, 59)),
                "9999-12-31T23"
            );
            let berlin = Zone::parse("Europe/Berlin").unwrap();
            assert_eq!(berlin.local(utc("9999-12-31", 23, 0)), None);
        }
    }
}

#[test]
fn periods_are_debugged_as_they_are_written() {
    let periods: Vec<Period> = ["2026-11-21", "2026-11-21T07", "2026-W47"]
        .into_iter()
        .map(|text| text.parse().unwrap())
        .collect();
    assert_eq!(
        format!("{periods:?}"),
        "[2026-11-21, 2026-11-21T07, 2026-W47]"
    );
}
