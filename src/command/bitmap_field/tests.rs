use std::time::Duration;

use super::Overflow::{Fail, Sat, Wrap};
use crate::command::script::{db_at, script};
use crate::prelude::*;
use crate::{Clock, Db, Field, FieldOps};

/// When the databases here are opened, in milliseconds since the Unix epoch.
const START_MS: u64 = 1_000_000;

#[test]
fn operations_and_refusals_are_those_of_redis() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("BITFIELD f", "[]"),
            ("BITFIELD f GET u8 0", "[:0]"),
            ("EXISTS f", ":0"),
            (
                "BITFIELD f SET i8 0 -1 GET u8 0 INCRBY u8 0 10",
                "[:0 :255 :9]",
            ),
            ("BITFIELD f SET u4 #1 3 get u8 0", "[:9 :3]"),
            ("BITFIELD f INCRBY i5 100 1 GET u4 0", "[:1 :0]"),
            ("STRLEN f", ":14"),
            (
                "BITFIELD f OVERFLOW SAT INCRBY u2 0 9 OVERFLOW FAIL INCRBY u2 0 1 GET u2 0",
                "[:3 nil :3]",
            ),
            ("BITFIELD f overflow wrap INCRBY u2 0 9", "[:0]"),
            (
                "BITFIELD f GET u64 0",
                "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            ),
            (
                "BITFIELD f GET i65 0",
                "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            ),
            (
                "BITFIELD f GET u0 x",
                "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            ),
            (
                "BITFIELD f GET U8 0",
                "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            ),
            (
                "BITFIELD f GET u08 0",
                "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            ),
            (
                "BITFIELD f GET '' 0",
                "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            ),
            (
                "BITFIELD f GET u8 x",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "BITFIELD f GET u8 #-1",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "BITFIELD f GET u8 ##1",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "BITFIELD f GET u8 4294967296 GET x 0",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "BITFIELD f SET u8 4294967296 x",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "BITFIELD f GET u8 #536870912",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "BITFIELD f GET u8 #9223372036854775807",
                "-ERR bit offset is not an integer or out of range",
            ),
            (
                "BITFIELD f SET u8 0 x",
                "-ERR value is not an integer or out of range",
            ),
            ("BITFIELD f SET u8 0", "-ERR syntax error"),
            ("BITFIELD f GET u8", "-ERR syntax error"),
            ("BITFIELD f OVERFLOW", "-ERR syntax error"),
            (
                "BITFIELD f OVERFLOW no GET u8 0",
                "-ERR Invalid OVERFLOW type specified",
            ),
            ("BITFIELD f DROP u8 0", "-ERR syntax error"),
            ("BITFIELD_RO f OVERFLOW sat GET u4 #1", "[:3]"),
            (
                "BITFIELD_RO f SET u8 0 1",
                "-ERR BITFIELD_RO only supports the GET subcommand",
            ),
            (
                "BITFIELD_RO f SET u8 0 x",
                "-ERR value is not an integer or out of range",
            ),
            (
                "BITFIELD",
                "-ERR wrong number of arguments for 'bitfield' command",
            ),
        ],
    );
}

#[test]
fn a_field_that_fails_still_creates_extends_and_makes_raw() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("BITFIELD f OVERFLOW FAIL SET u8 0 256", "[nil]"),
            ("STRLEN f", ":1"),
            ("OBJECT ENCODING f", "\"raw\""),
            ("SET n 12", "+OK"),
            ("BITFIELD n GET u8 100", "[:0]"),
            ("OBJECT ENCODING n", "\"int\""),
            ("BITFIELD n OVERFLOW FAIL SET u8 0 256", "[nil]"),
            ("OBJECT ENCODING n", "\"raw\""),
            ("GET n", "\"12\""),
            ("BITFIELD n SET u8 20 0", "[:0]"),
            ("GET n", "\"12\\x00\\x00\""),
        ],
    );
}

#[test]
fn numbers_at_the_ends_of_64_bits_behave_as_in_redis() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            (
                "BITFIELD g OVERFLOW SAT INCRBY i24 41 -9223372036854775808",
                "[:-8388608]",
            ),
            ("BITFIELD g SET i64 0 -9223372036854775808", "[:4194304]"),
            (
                "BITFIELD g OVERFLOW SAT INCRBY i64 0 -1",
                "[:-9223372036854775808]",
            ),
            (
                "BITFIELD g OVERFLOW SAT INCRBY i64 0 -9223372036854775808",
                "[:-9223372036854775808]",
            ),
            ("BITFIELD f SET i8 0 -9223372036854775808", "[:0]"),
            (
                "BITFIELD f OVERFLOW SAT SET i8 0 -9223372036854775808 GET i8 0",
                "[:0 :127]",
            ),
            (
                "BITFIELD f OVERFLOW SAT SET i8 0 -9223372036854775680 GET i8 0",
                "[:127 :-128]",
            ),
            (
                "BITFIELD f OVERFLOW SAT SET i8 0 -9223372036854775681 GET i8 0",
                "[:-128 :127]",
            ),
            (
                "BITFIELD f OVERFLOW SAT SET u8 0 -1 GET u8 0",
                "[:127 :255]",
            ),
            (
                "BITFIELD f SET i64 3 -9223372036854775808 GET i64 3",
                "[:-576460752303423488 :-9223372036854775808]",
            ),
            ("BITFIELD f INCRBY i64 3 -1", "[:9223372036854775807]"),
            (
                "BITFIELD f OVERFLOW SAT INCRBY i64 3 1",
                "[:9223372036854775807]",
            ),
            ("BITFIELD f OVERFLOW FAIL INCRBY i64 3 1", "[nil]"),
            (
                "BITFIELD f SET u63 1 9223372036854775807 GET u63 1",
                "[:8070450532247928831 :9223372036854775807]",
            ),
            (
                "BITFIELD f OVERFLOW SAT INCRBY u63 1 -9223372036854775808",
                "[:0]",
            ),
        ],
    );
}

#[test]
fn a_field_may_reach_past_the_last_offset() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            (
                "BITFIELD f SET i64 4294967295 -1 GET i64 4294967295",
                "[:0 :-1]",
            ),
            ("STRLEN f", ":536870920"),
            ("BITCOUNT f", ":64"),
        ],
    );
    let sparse = Db::builder().sparse_strings().open_in_memory();
    script(
        &sparse,
        &[
            ("BITFIELD f SET u1 9223372036854775807 1", "[:0]"),
            ("BITFIELD f GET i8 9223372036854775807", "[:-128]"),
            (
                "BITFIELD f SET u2 9223372036854775807 1",
                "-ERR bit offset is not an integer or out of range",
            ),
        ],
    );
}

#[test]
fn deadlines_stay() {
    let (db, clock) = db_at(START_MS);
    script(
        &db,
        &[
            ("SET k a PX 100", "+OK"),
            ("BITFIELD k SET u8 0 98", "[:97]"),
            ("PTTL k", ":100"),
        ],
    );
    clock.advance(Duration::from_millis(101));
    script(
        &db,
        &[
            ("BITFIELD k GET u8 0", "[:0]"),
            ("BITFIELD k INCRBY u8 0 1", "[:1]"),
            ("PTTL k", ":-1"),
        ],
    );
}

/// The bits of a field one by one.
fn naive(bytes: &[u8], signed: bool, bits: u32, offset: u64) -> i128 {
    let bit = |at: u64| {
        bytes
            .get((at / 8) as usize)
            .map_or(0, |byte| byte >> (7 - at % 8) & 1)
    };
    let plain = (0..u64::from(bits)).fold(0, |n, i| n << 1 | i128::from(bit(offset + i)));
    if signed && plain >> (bits - 1) & 1 == 1 {
        plain - (1 << bits)
    } else {
        plain
    }
}

#[test]
fn fields_of_every_width_agree_with_reading_bit_by_bit() {
    let db = Db::open_in_memory();
    let mut state = 0x5eed_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state ^ state >> 29
    };
    for (key, len) in [("short", 40), ("long", 9_000)] {
        db.set(key, vec![0xA7; len]).unwrap();
        for bits in 1..=64 {
            for round in 0..12 {
                let signed = bits == 64 || round % 2 == 0;
                let field = if signed {
                    Field::signed(bits)
                } else {
                    Field::unsigned(bits)
                };
                let offset = random() % (len as u64 * 8 + 20);
                let field = field.at(offset);
                let by = random() as i64 >> (random() % 64);
                let before = db.get(key).unwrap().unwrap();
                let old = naive(&before, signed, bits, offset);
                let (min, max) = if signed {
                    (-(1_i128 << (bits - 1)), (1 << (bits - 1)) - 1)
                } else {
                    (0, (1 << bits) - 1)
                };
                let sum = old + i128::from(by);
                let overflow = [Wrap, Sat, Fail][round % 3];
                let expected = match overflow {
                    Sat => Some(sum.clamp(min, max)),
                    Fail => (min..=max).contains(&sum).then_some(sum),
                    Wrap => Some((sum - min).rem_euclid(1 << bits) + min),
                };
                let context = format!("{key} {field:?} {old} {by} {overflow:?}");
                let ops = FieldOps::new()
                    .get(field)
                    .overflow(overflow)
                    .incr_by(field, by);
                let answers = db.bitfield(key, &ops).unwrap();
                let wide = |n: Option<i64>| n.map(i128::from);
                assert_eq!(wide(answers[0]), Some(old), "{context}");
                assert_eq!(wide(answers[1]), expected, "{context}");
                let after = db.get(key).unwrap().unwrap();
                let now = naive(&after, signed, bits, offset);
                assert_eq!(now, expected.unwrap_or(old), "{context}");
                // Nothing beside the field has changed.
                for near in [offset.saturating_sub(8), offset + u64::from(bits)] {
                    let width = (offset - near.min(offset)).clamp(1, 8) as u32;
                    if near != offset {
                        let (was, is) = (
                            naive(&before, false, width, near),
                            naive(&after, false, width, near),
                        );
                        assert_eq!(was, is, "{context}");
                    }
                }
            }
        }
    }
}

#[test]
fn typed_fields_are_checked_like_words() {
    let db = Db::open_in_memory();
    for field in [
        Field::unsigned(0),
        Field::unsigned(64),
        Field::signed(65),
        Field::signed(u32::MAX),
    ] {
        let error = db.bitfield("k", &FieldOps::new().get(field)).unwrap_err();
        assert!(error.to_string().starts_with("ERR Invalid bitfield type"));
        assert!(
            db.bitfield("k", &FieldOps::new().set(field.at_slot(u64::MAX), 1))
                .is_err()
        );
    }
    let far = FieldOps::new().set(Field::signed(64).at(u64::MAX), 1);
    assert!(db.bitfield("k", &far).is_err() && db.bitfield_ro("k", &far).is_err());
    assert!(
        db.bitfield_ro("k", &FieldOps::new().set(Field::signed(8), 1))
            .is_err()
    );
    assert_eq!(db.bitfield_ro("k", &FieldOps::new()).unwrap(), []);
    assert!(!db.exists("k").unwrap());
}
