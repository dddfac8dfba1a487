use std::time::Duration;

use super::clamp;
use crate::Clock;
use crate::command::script::{db_at, say, script};
use crate::prelude::*;
use crate::{CommandError, Db, Error};

/// When the databases here are opened, in milliseconds since the Unix epoch.
const START_MS: u64 = 1_000_000;

#[test]
fn ranges_are_clamped_as_in_redis() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SET k hello", "+OK"),
            ("GETRANGE k 0 -1", "\"hello\""),
            ("GETRANGE k 1 3", "\"ell\""),
            ("GETRANGE k -3 -2", "\"ll\""),
            ("GETRANGE k 0 -100", "\"h\""),
            ("GETRANGE k -100 -200", "\"\""),
            ("GETRANGE k -200 -100", "\"h\""),
            ("GETRANGE k 3 1", "\"\""),
            ("GETRANGE k 5 9", "\"\""),
            ("GETRANGE k 4 9223372036854775807", "\"o\""),
            (
                "GETRANGE k -9223372036854775808 9223372036854775807",
                "\"hello\"",
            ),
            (
                "GETRANGE k 9223372036854775807 -9223372036854775808",
                "\"\"",
            ),
            ("SUBSTR k -2 -1", "\"lo\""),
            ("GETRANGE missing 0 -1", "\"\""),
            ("SETRANGE empty 0 ''", ":0"),
            ("GETRANGE empty 0 -1", "\"\""),
            ("STRLEN k", ":5"),
            ("STRLEN missing", ":0"),
            (
                "GETRANGE k 0 b",
                "-ERR value is not an integer or out of range",
            ),
            (
                "GETRANGE missing a 0",
                "-ERR value is not an integer or out of range",
            ),
            (
                "GETRANGE k 0",
                "-ERR wrong number of arguments for 'getrange' command",
            ),
            (
                "SUBSTR k 0",
                "-ERR wrong number of arguments for 'substr' command",
            ),
        ],
    );
}

/// The definition in another way: which positions lie in the range.
fn naive(len: i64, start: i64, end: i64) -> Vec<i64> {
    if start < 0 && end < 0 && start > end {
        return Vec::new();
    }
    let absolute = |index: i64| {
        if index < 0 {
            (len + index).max(0)
        } else {
            index
        }
    };
    (0..len)
        .filter(|&at| absolute(start) <= at && at <= absolute(end))
        .collect()
}

#[test]
fn clamping_agrees_with_counting_positions() {
    for len in 0..5 {
        for start in -7..7 {
            for end in -7..7 {
                let (offset, count) = clamp(len as u64, start, end);
                let range = offset as i64..offset as i64 + count as i64;
                let expected = naive(len, start, end);
                assert!(range.eq(expected), "{len} {start} {end}");
            }
        }
    }
}

#[test]
fn the_three_forms_of_a_range_agree() {
    let db = Db::open_in_memory();
    let value: Vec<u8> = (0..20_000_u32).map(|i| (i % 251) as u8).collect();
    for len in [5, 1_024, 3_000, 20_000] {
        db.set("k", &value[..len]).unwrap();
        for (start, end) in [
            (0, -1),
            (1, 2),
            (-5, -1),
            (1_000, 5_000),
            (2, 1),
            (19_999, 90_000),
        ] {
            let owned = db.get_range("k", start, end).unwrap();
            let expected: Vec<u8> = naive(len as i64, start, end)
                .into_iter()
                .map(|at| value[at as usize])
                .collect();
            assert_eq!(owned, expected, "{len} {start} {end}");
            let mut into = b"old".to_vec();
            assert!(db.get_range_into("k", start, end, &mut into).unwrap());
            assert_eq!(into, expected);
            let visited = db.get_range_with("k", start, end, <[u8]>::to_vec).unwrap();
            assert_eq!(visited, Some(expected));
        }
    }
    let mut into = b"old".to_vec();
    assert!(!db.get_range_into("missing", 0, -1, &mut into).unwrap());
    assert!(into.is_empty());
    assert_eq!(
        db.get_range_with("missing", 0, -1, <[u8]>::len).unwrap(),
        None
    );
}

#[test]
fn setrange_fills_with_zeros_and_writes_nothing_for_nothing() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SETRANGE k 9223372036854775807 ''", ":0"),
            ("GET k", "nil"),
            ("SETRANGE k 2 ab", ":4"),
            ("GET k", "\"\\x00\\x00ab\""),
            ("SETRANGE k 1 x", ":4"),
            ("SETRANGE k 4 yz", ":6"),
            ("GET k", "\"\\x00xabyz\""),
            ("SETRANGE k 9223372036854775807 ''", ":6"),
            ("SETRANGE k -1 x", "-ERR offset is out of range"),
            ("SETRANGE k -1 ''", "-ERR offset is out of range"),
            (
                "SETRANGE k abc x",
                "-ERR value is not an integer or out of range",
            ),
            (
                "SETRANGE k 1.5 x",
                "-ERR value is not an integer or out of range",
            ),
            (
                "SETRANGE k 536870912 x",
                "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            ),
            (
                "SETRANGE new 536870912 x",
                "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            ),
            (
                "SETRANGE k 9223372036854775807 xx",
                "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            ),
            ("STRLEN k", ":6"),
            ("GET new", "nil"),
            ("SETRANGE new 536870911 x", ":536870912"),
            ("GETRANGE new -2 -1", "\"\\x00x\""),
            (
                "APPEND new y",
                "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            ),
            ("APPEND new ''", ":536870912"),
        ],
    );
    let past = db.set_range("k", u64::MAX, "x").unwrap_err();
    assert!(matches!(past, Error::Command(CommandError::StringTooLong)));
}

#[test]
fn append_creates_extends_and_keeps_the_deadline() {
    let (db, clock) = db_at(START_MS);
    script(
        &db,
        &[
            ("APPEND k one", ":3"),
            ("APPEND k ''", ":3"),
            ("APPEND k two", ":6"),
            ("GET k", "\"onetwo\""),
            ("APPEND empty ''", ":0"),
            ("GET empty", "\"\""),
            ("SET k v PX 5", "+OK"),
            ("APPEND k w", ":2"),
            ("SETRANGE k 0 x", ":2"),
        ],
    );
    clock.advance(Duration::from_millis(6));
    script(
        &db,
        &[
            ("GET k", "nil"),
            ("APPEND k new", ":3"),
            ("GET k", "\"new\""),
        ],
    );
    script(&db, &[("SET k v PX 5", "+OK")]);
    clock.advance(Duration::from_millis(6));
    script(&db, &[("SETRANGE k 1 w", ":2"), ("GET k", "\"\\x00w\"")]);
    clock.advance(Duration::from_millis(1_000_000));
    assert_eq!(say(&db, "STRLEN k"), ":2");
}

#[test]
fn appending_walks_through_every_form_of_a_string() {
    let db = Db::open_in_memory();
    let mut expected = Vec::new();
    let mut seed = 1_u64;
    while expected.len() < 12_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let piece = seed.to_le_bytes().repeat((seed >> 60) as usize);
        expected.extend_from_slice(&piece);
        assert_eq!(db.append("k", &piece).unwrap(), expected.len() as u64);
        assert_eq!(db.get("k").unwrap().as_ref(), Some(&expected));
    }
}
