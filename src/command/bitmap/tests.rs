use std::time::Duration;

use crate::command::script::{db_at, say, script};
use crate::prelude::*;
use crate::{BitRange, Clock, CommandError, Db, Error, Field, FieldOps};

/// When the databases here are opened, in milliseconds since the Unix epoch.
const START_MS: u64 = 1_000_000;

#[test]
fn bits_are_set_read_and_refused_as_in_redis() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SETBIT k 7 1", ":0"),
            ("SETBIT k 7 1", ":1"),
            ("GETBIT k 7", ":1"),
            ("GETBIT k 6", ":0"),
            ("GETBIT k 4294967295", ":0"),
            ("GETBIT missing 0", ":0"),
            ("GET k", "\"\\x01\""),
            ("SETBIT k 7 0", ":1"),
            ("SETBIT k 16 0", ":0"),
            ("STRLEN k", ":3"),
            (
                "SETBIT k 4294967296 1",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "SETBIT k 4294967296 2",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "SETBIT k -1 1",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "SETBIT k #1 1",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "SETBIT k x y",
                "-ERR bit offset is not an integer or out of range",
            ),
            ("SETBIT k 1 2", "-ERR bit is not an integer or out of range"),
            (
                "SETBIT k 1 01",
                "-ERR bit is not an integer or out of range",
            ),
            (
                "SETBIT k 1 ''",
                "-ERR bit is not an integer or out of range",
            ),
            (
                "GETBIT k 4294967296",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "GETBIT k -1",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "SETBIT k 1",
                "-ERR wrong number of arguments for 'setbit' command",
            ),
            (
                "GETBIT k",
                "-ERR wrong number of arguments for 'getbit' command",
            ),
        ],
    );
}

#[test]
fn a_bit_that_stays_still_creates_extends_and_makes_raw() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SETBIT new 9 0", ":0"),
            ("GET new", "\"\\x00\\x00\""),
            ("OBJECT ENCODING new", "\"raw\""),
            ("SET n 12", "+OK"),
            ("SETBIT n 0 0", ":0"),
            ("OBJECT ENCODING n", "\"raw\""),
            ("GET n", "\"12\""),
            ("SETBIT n 23 0", ":0"),
            ("GET n", "\"12\\x00\""),
        ],
    );
}

#[test]
fn deadlines_stay_and_what_has_expired_counts_as_missing() {
    let (db, clock) = db_at(START_MS);
    script(
        &db,
        &[("SET k \u{7f} PX 100", "+OK"), ("SETBIT k 0 1", ":0")],
    );
    assert_eq!(say(&db, "PEXPIRETIME k"), format!(":{}", START_MS + 100));
    clock.advance(Duration::from_millis(101));
    script(
        &db,
        &[
            ("GETBIT k 1", ":0"),
            ("BITCOUNT k", ":0"),
            ("SETBIT k 1 1", ":0"),
            ("BITCOUNT k", ":1"),
            ("PTTL k", ":-1"),
        ],
    );
}

#[test]
fn counts_follow_redis_down_to_what_it_does_not_read() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SET k foobar", "+OK"),
            ("BITCOUNT k", ":26"),
            ("BITCOUNT k 0 0", ":4"),
            ("BITCOUNT k 1 1", ":6"),
            ("BITCOUNT k 1 1 BYTE", ":6"),
            ("BITCOUNT k 5 30 BIT", ":17"),
            ("BITCOUNT k -7 -1 bit", ":4"),
            ("BITCOUNT k 100 200", ":0"),
            ("BITCOUNT k -100 -200", ":0"),
            ("BITCOUNT k -200 -100", ":4"),
            ("BITCOUNT k -1 -2 zz", ":0"),
            ("BITCOUNT k -9223372036854775808 9223372036854775807", ":26"),
            (
                "BITCOUNT k -9223372036854775808 9223372036854775807 BIT",
                ":26",
            ),
            ("BITCOUNT k 0 1 zz", "-ERR syntax error"),
            ("BITCOUNT k 0", "-ERR syntax error"),
            ("BITCOUNT k 0 1 BIT x", "-ERR syntax error"),
            (
                "BITCOUNT k a 1 zz",
                "-ERR value is not an integer or out of range",
            ),
            ("BITCOUNT missing a b c", ":0"),
            ("SETRANGE empty 0 ''", ":0"),
            ("SET empty ''", "+OK"),
            ("BITCOUNT empty", ":0"),
            ("BITCOUNT empty 0 -1", ":0"),
            (
                "BITCOUNT",
                "-ERR wrong number of arguments for 'bitcount' command",
            ),
        ],
    );
}

#[test]
fn positions_follow_redis_past_the_end_and_before_it() {
    let db = Db::open_in_memory();
    db.set("ones", [0xFF, 0xFF]).unwrap();
    db.set("k", [0xFF, 0xF0, 0x00]).unwrap();
    db.set("empty", "").unwrap();
    script(
        &db,
        &[
            ("BITPOS ones 0", ":16"),
            ("BITPOS ones 0 1", ":16"),
            ("BITPOS ones 0 0 -1", ":-1"),
            ("BITPOS ones 0 2", ":-1"),
            ("BITPOS ones 1 5", ":-1"),
            ("BITPOS k 0", ":12"),
            ("BITPOS k 1 2", ":-1"),
            ("BITPOS k 1 1", ":8"),
            ("BITPOS k 0 0 11 BIT", ":-1"),
            ("BITPOS k 0 3 12 BIT", ":12"),
            ("BITPOS k 1 -13 -1 BIT", ":11"),
            ("BITPOS k 1 9 1 BIT", ":-1"),
            ("BITPOS k 1 -100 -200", ":0"),
            ("BITPOS k 0 -1", ":16"),
            ("BITPOS empty 0", ":-1"),
            ("BITPOS empty 1", ":-1"),
            ("BITPOS missing 0", ":0"),
            ("BITPOS missing 1", ":-1"),
            ("BITPOS missing 0 a b c", ":0"),
            ("BITPOS missing 2", "-ERR The bit argument must be 1 or 0."),
            (
                "BITPOS missing x",
                "-ERR value is not an integer or out of range",
            ),
            (
                "BITPOS k 1 x 0 zz",
                "-ERR value is not an integer or out of range",
            ),
            ("BITPOS k 1 0 x zz", "-ERR syntax error"),
            (
                "BITPOS k 1 0 x",
                "-ERR value is not an integer or out of range",
            ),
            ("BITPOS k 1 0 1 BIT x", "-ERR syntax error"),
            (
                "BITPOS k",
                "-ERR wrong number of arguments for 'bitpos' command",
            ),
        ],
    );
}

/// The definition of a range in another way: which bits lie in it.
fn naive(bits: &[bool], start: i64, end: i64) -> Vec<(u64, bool)> {
    let len = bits.len() as i64;
    let absolute = |at: i64| if at < 0 { (len + at).max(0) } else { at };
    let range = absolute(start)..=absolute(end);
    let numbered = bits.iter().copied().enumerate();
    numbered
        .filter(|(at, _)| range.contains(&(*at as i64)))
        .map(|(at, bit)| (at as u64, bit))
        .collect()
}

#[test]
fn ranges_of_bits_agree_with_looking_at_each() {
    let db = Db::open_in_memory();
    let bytes = [0x00, 0xA5, 0xFF];
    db.set("k", bytes).unwrap();
    let bits: Vec<bool> = (0..24)
        .map(|at| bytes[at / 8] & 0x80 >> (at % 8) != 0)
        .collect();
    for start in -27..27 {
        for end in -27..27 {
            let inside = naive(&bits, start, end);
            let range = BitRange::bits(start..=end);
            let reversed = start < 0 && end < 0 && start > end;
            let ones = inside.iter().filter(|(_, bit)| *bit).count() as u64;
            let expected = if reversed { 0 } else { ones };
            assert_eq!(db.bitcount("k", range).unwrap(), expected, "{range:?}");
            for wanted in [false, true] {
                let first = inside.iter().find(|(_, bit)| *bit == wanted);
                let found = db.bitpos("k", wanted, range).unwrap();
                assert_eq!(found, first.map(|(at, _)| *at), "{wanted} {range:?}");
            }
        }
        let open = BitRange::bits_from(start);
        let inside = naive(&bits, start, 23);
        let ones = inside.iter().filter(|(_, bit)| *bit).count() as u64;
        assert_eq!(db.bitcount("k", open).unwrap(), ones, "{open:?}");
    }
}

#[test]
fn the_last_bit_of_all_costs_little_and_past_it_is_refused() {
    let db = Db::open_in_memory();
    assert!(!db.setbit("k", u64::from(u32::MAX), true).unwrap());
    assert_eq!(db.strlen("k").unwrap(), 1 << 29);
    let last = Some(u64::from(u32::MAX));
    assert_eq!(db.bitpos("k", true, BitRange::all()).unwrap(), last);
    assert_eq!(db.bitcount("k", BitRange::bits(-1..=-1)).unwrap(), 1);
    for offset in [1 << 32, 1 << 63, u64::MAX] {
        for refused in [
            db.setbit("k", offset, true).unwrap_err(),
            db.getbit("k", offset).unwrap_err(),
        ] {
            let text = "ERR bit offset is not an integer or out of range";
            assert_eq!(refused.to_string(), text);
            assert!(matches!(refused, Error::Command(CommandError::Other(_))));
        }
    }
}

#[test]
fn sparse_strings_reach_to_the_last_bit_a_word_can_name() {
    let db = Db::builder().sparse_strings().open_in_memory();
    script(
        &db,
        &[
            ("SETBIT k 9223372036854775807 1", ":0"),
            ("GETBIT k 9223372036854775807", ":1"),
            ("SETBIT k 9223372036854775807 1", ":1"),
            ("BITCOUNT k", ":1"),
            ("BITCOUNT k -1 -1 BIT", ":1"),
            ("BITPOS k 1", ":9223372036854775807"),
            ("BITPOS k 0", ":0"),
            ("STRLEN k", ":1152921504606846976"),
        ],
    );
    assert!(db.setbit("k", 1 << 63, true).is_err());
}

#[test]
fn short_and_long_strings_agree_with_a_plain_array() {
    let db = Db::open_in_memory();
    let mut state = 0x5eed_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    for bytes in [8_usize, 1_500, 20_000] {
        let mut model = Vec::new();
        let key = format!("k{bytes}");
        for round in 0..2_000 {
            let bit = random(bytes as u64 * 8);
            let on = random(3) > 0;
            let (at, mask) = ((bit / 8) as usize, 0x80_u8 >> (bit % 8));
            if at >= model.len() {
                model.resize(at + 1, 0);
            }
            let was = model[at] & mask != 0;
            model[at] = if on {
                model[at] | mask
            } else {
                model[at] & !mask
            };
            let held = (round % 500 == 0).then(|| db.snapshot().unwrap());
            assert_eq!(db.setbit(&key, bit, on).unwrap(), was, "{bytes} {round}");
            assert_eq!(db.getbit(&key, bit).unwrap(), on);
            drop(held);
        }
        let ones: u32 = model.iter().map(|byte| byte.count_ones()).sum();
        assert_eq!(db.bitcount(&key, BitRange::all()).unwrap(), u64::from(ones));
        assert_eq!(db.get(&key).unwrap(), Some(model));
    }
}

#[test]
fn a_snapshot_keeps_its_bits() {
    let db = Db::open_in_memory();
    db.setbit("k", 3, true).unwrap();
    let snapshot = db.snapshot().unwrap();
    db.setbit("k", 3, false).unwrap();
    db.setbit("k", 100_000, true).unwrap();
    assert!(snapshot.getbit("k", 3).unwrap());
    assert_eq!(snapshot.bitcount("k", BitRange::all()).unwrap(), 1);
    assert!(!db.getbit("k", 3).unwrap());
}

#[test]
fn what_changes_nothing_is_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path().join("db")).unwrap();
    let end_lsn = || db.stats().unwrap().file.unwrap().end_lsn;
    db.setbit("short", 7, true).unwrap();
    db.setbit("long", 1_000_000, true).unwrap();
    let before = end_lsn();
    for key in ["short", "long"] {
        db.setbit(key, 0, false).unwrap();
        db.bitfield(
            key,
            &FieldOps::new()
                .set(Field::unsigned(4), 0)
                .get(Field::signed(9)),
        )
        .unwrap();
    }
    db.setbit("short", 7, true).unwrap();
    db.setbit("long", 1_000_000, true).unwrap();
    db.bitfield("missing", &FieldOps::new().get(Field::unsigned(8)))
        .unwrap();
    assert_eq!(end_lsn(), before);
    db.setbit("short", 8, false).unwrap();
    assert!(end_lsn() > before);
}

#[test]
fn bits_survive_a_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let db = Db::open(&path).unwrap();
    for bit in [7, 8, 9_000, 1_000_000, u64::from(u32::MAX)] {
        db.setbit("k", bit, true).unwrap();
    }
    db.setbit("k", 8, false).unwrap();
    db.set("n", "12").unwrap();
    db.setbit("n", 0, false).unwrap();
    db.close().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20);
    let db = Db::open(&path).unwrap();
    assert_eq!(db.bitcount("k", BitRange::all()).unwrap(), 4);
    assert!(!db.getbit("k", 8).unwrap() && db.getbit("k", 9_000).unwrap());
    assert_eq!(say(&db, "OBJECT ENCODING n"), "\"raw\"");
}
