use std::time::Duration;

use crate::command::script::{db_at, say, script};
use crate::prelude::*;
use crate::{BitOp, BitRange, Clock, Db};

/// When the databases here are opened, in milliseconds since the Unix epoch.
const START_MS: u64 = 1_000_000;

#[test]
fn operations_and_refusals_are_those_of_redis() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SET a abc", "+OK"),
            ("SET b abdefg", "+OK"),
            ("BITOP AND d a b", ":6"),
            ("GET d", "\"ab`\\x00\\x00\\x00\""),
            ("OBJECT ENCODING d", "\"raw\""),
            ("BITOP or d a b", ":6"),
            ("GET d", "\"abgefg\""),
            ("BITOP Xor d a b", ":6"),
            ("GET d", "\"\\x00\\x00\\x07efg\""),
            ("BITOP NOT d a", ":3"),
            ("GET d", "\"\\x9e\\x9d\\x9c\""),
            ("BITOP AND d a missing", ":3"),
            ("GET d", "\"\\x00\\x00\\x00\""),
            ("BITOP OR d a", ":3"),
            ("GET d", "\"abc\""),
            ("BITOP XOR a a a", ":3"),
            ("GET a", "\"\\x00\\x00\\x00\""),
            ("BITOP AND d missing gone", ":0"),
            ("EXISTS d", ":0"),
            ("BITOP NOT b missing", ":0"),
            ("EXISTS b", ":0"),
            (
                "BITOP NOT d a b",
                "-ERR BITOP NOT must be called with a single source key.",
            ),
            ("BITOP DIFF d a b", "-ERR syntax error"),
            (
                "BITOP NOT d",
                "-ERR wrong number of arguments for 'bitop' command",
            ),
        ],
    );
}

#[test]
fn the_result_has_no_deadline_even_in_place() {
    let (db, clock) = db_at(START_MS);
    script(
        &db,
        &[
            ("SET n 12 PX 100", "+OK"),
            ("SET gone x PX 50", "+OK"),
            ("BITOP OR n n", ":2"),
            ("PTTL n", ":-1"),
            ("OBJECT ENCODING n", "\"raw\""),
        ],
    );
    clock.advance(Duration::from_millis(51));
    script(
        &db,
        &[
            ("BITOP OR d gone n", ":2"),
            ("GET d", "\"12\""),
            ("BITOP OR gone missing", ":0"),
        ],
    );
    assert_eq!(say(&db, "DBSIZE"), ":2");
}

#[test]
fn long_and_short_strings_agree_with_byte_by_byte() {
    let db = Db::open_in_memory();
    let bytes =
        |len: usize, step: usize| -> Vec<u8> { (0..len).map(|i| (i * step) as u8).collect() };
    let strings = [
        bytes(20_000, 7),
        bytes(5_000, 13),
        bytes(900, 3),
        bytes(0, 1),
    ];
    for (i, string) in strings.iter().enumerate() {
        db.set(format!("s{i}"), string).unwrap();
    }
    type Join = fn(u8, u8) -> u8;
    let join: [(BitOp, Join); 3] = [
        (BitOp::And, |a, b| a & b),
        (BitOp::Or, |a, b| a | b),
        (BitOp::Xor, |a, b| a ^ b),
    ];
    for (op, f) in join {
        for chosen in [
            &[0_usize, 1, 2][..],
            &[1, 2],
            &[2, 3],
            &[0, 3],
            &[2],
            &[2, 2],
        ] {
            let keys: Vec<String> = chosen.iter().map(|i| format!("s{i}")).collect();
            let len = chosen.iter().map(|&i| strings[i].len()).max().unwrap();
            let byte = |i: usize, at: usize| strings[i].get(at).copied().unwrap_or(0);
            let expected: Vec<u8> = (0..len)
                .map(|at| chosen.iter().map(|&i| byte(i, at)).reduce(f).unwrap())
                .collect();
            assert_eq!(db.bitop(op, "d", &keys).unwrap(), len as u64);
            assert_eq!(db.get("d").unwrap(), Some(expected), "{op:?} {chosen:?}");
        }
    }
    assert_eq!(db.bitop(BitOp::Not, "d", &["s0"]).unwrap(), 20_000);
    let expected = strings[0].iter().map(|byte| !byte).collect();
    assert_eq!(db.get("d").unwrap(), Some(expected));
    let none: [&str; 0] = [];
    assert!(db.bitop(BitOp::Or, "d", &none).is_err());
    assert!(db.bitop(BitOp::Not, "d", &["a", "b"]).is_err());
}

#[test]
fn a_sparse_result_survives_a_reopening_without_its_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let db = Db::open(&path).unwrap();
    db.setbit("a", u64::from(u32::MAX), true).unwrap();
    db.setbit("b", 5, true).unwrap();
    db.setbit("c", 4_000_000_000, true).unwrap();
    db.set("or", "replaced").unwrap();
    db.set("and", vec![1; 100_000]).unwrap();
    assert_eq!(
        db.bitop(BitOp::Or, "or", &["a", "b", "c"]).unwrap(),
        1 << 29
    );
    assert_eq!(db.bitop(BitOp::And, "and", &["a", "b"]).unwrap(), 1 << 29);
    assert_eq!(db.bitop(BitOp::Not, "not", &["b"]).unwrap(), 1);
    db.close().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20);
    let db = Db::open(&path).unwrap();
    assert_eq!(db.strlen("or").unwrap(), 1 << 29);
    assert_eq!(db.strlen("and").unwrap(), 1 << 29);
    assert_eq!(db.bitcount("or", BitRange::all()).unwrap(), 3);
    assert_eq!(db.bitcount("and", BitRange::all()).unwrap(), 0);
    assert!(db.getbit("or", 4_000_000_000).unwrap() && db.getbit("or", 5).unwrap());
    assert_eq!(db.get("not").unwrap(), Some(vec![0xFB]));
}

#[test]
fn a_dense_result_past_every_memory_is_refused() {
    let db = Db::builder().sparse_strings().open_in_memory();
    db.setbit("a", (1 << 63) - 1, true).unwrap();
    assert!(db.bitop(BitOp::Not, "b", &["a"]).is_err());
    assert!(!db.exists("b").unwrap());
    assert_eq!(db.bitop(BitOp::Xor, "b", &["a", "a"]).unwrap(), 1 << 60);
}
