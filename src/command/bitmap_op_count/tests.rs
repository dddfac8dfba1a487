use std::hash::BuildHasher;

use crate::command::script::script;
use crate::prelude::*;
use crate::{BitOp, BitOpCount, BitRange, Db};

#[test]
fn operations_ranges_and_refusals_in_words() {
    let db = Db::open_in_memory();
    let numkeys = "-ERR numkeys should be greater than 0";
    let too_many = "-ERR Number of keys can't be greater than number of args";
    let number = "-ERR number of keys that have a bit should be greater than 0";
    script(
        &db,
        &[
            ("SET a abc", "+OK"),
            ("SET b abdefg", "+OK"),
            ("SET c \\xff", "+OK"),
            ("SADD set 1", ":1"),
            ("BITOPCOUNT AND 2 a b", ":8"),
            ("bitopcount or 2 a b", ":24"),
            ("BITOPCOUNT XOR 2 a b", ":16"),
            ("BITOPCOUNT ANDNOT 2 b a", ":14"),
            ("BITOPCOUNT ANDNOT 1 a", ":10"),
            ("BITOPCOUNT NOT 1 a", ":14"),
            ("BITOPCOUNT NOT 1 a 0 0", ":5"),
            ("BITOPCOUNT NOT 1 missing", ":0"),
            ("BITOPCOUNT ATLEAST 2 2 a b", ":8"),
            ("BITOPCOUNT AtLeast 1 3 a b missing", ":24"),
            ("BITOPCOUNT EXACTLY 1 2 a b", ":16"),
            ("BITOPCOUNT EXACTLY 9 2 a b", ":0"),
            ("BITOPCOUNT ATLEAST 9223372036854775807 2 a b", ":0"),
            ("BITOPCOUNT OR 2 a b 1 1", ":3"),
            ("BITOPCOUNT OR 2 a b -1 -1", ":5"),
            ("BITOPCOUNT OR 2 a b 0 7 BIT", ":3"),
            ("BITOPCOUNT OR 2 a b 1 1 byte", ":3"),
            ("BITOPCOUNT OR 2 a b -1 -2", ":0"),
            ("BITOPCOUNT OR 2 a b 5 4 BIT", ":0"),
            ("BITOPCOUNT AND 1 missing", ":0"),
            ("BITOPCOUNT AND 2 a missing", ":0"),
            (
                "BITOPCOUNT AND 2 a set",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            ("BITOPCOUNT DIFF 2 a b", "-ERR syntax error"),
            ("BITOPCOUNT OR 2 a b 0", "-ERR syntax error"),
            ("BITOPCOUNT OR 2 a b 0 1 NIBBLE", "-ERR syntax error"),
            ("BITOPCOUNT OR 2 a b 0 1 BIT more", "-ERR syntax error"),
            (
                "BITOPCOUNT OR 2 a b x 1",
                "-ERR value is not an integer or out of range",
            ),
            ("BITOPCOUNT OR 0 a b", numkeys),
            ("BITOPCOUNT OR -1 a b", numkeys),
            ("BITOPCOUNT OR x a b", numkeys),
            ("BITOPCOUNT OR 3 a b", too_many),
            ("BITOPCOUNT OR 9223372036854775807 a b", too_many),
            ("BITOPCOUNT ATLEAST 0 2 a b", number),
            ("BITOPCOUNT EXACTLY -1 2 a b", number),
            ("BITOPCOUNT ATLEAST 1 0 a", numkeys),
            ("BITOPCOUNT ATLEAST 1 1", too_many),
            (
                "BITOPCOUNT ATLEAST x 1 a",
                "-ERR value is not an integer or out of range",
            ),
            (
                "BITOPCOUNT NOT 2 a b",
                "-ERR BITOPCOUNT NOT must be called with a single source key.",
            ),
            (
                "BITOPCOUNT OR 1",
                "-ERR wrong number of arguments for 'bitopcount' command",
            ),
        ],
    );
}

#[test]
fn its_keys_are_found_after_their_number() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("COMMAND GETKEYS BITOPCOUNT OR 2 a b 0 1", "[\"a\" \"b\"]"),
            (
                "COMMAND GETKEYS BITOPCOUNT atleast 1 2 a b 0 1",
                "[\"a\" \"b\"]",
            ),
            ("COMMAND GETKEYS BITOPCOUNT EXACTLY 2 1 a", "[\"a\"]"),
            (
                "COMMAND GETKEYS BITOPCOUNT ATLEAST 1 3 a b",
                "-ERR Invalid arguments specified for command",
            ),
        ],
    );
}

#[test]
fn snapshots_and_transactions_count_what_they_hold() {
    let db = Db::open_in_memory();
    db.setbit("a", 4_294_967_295, true).unwrap();
    db.setbit("b", 4_294_967_295, true).unwrap();
    let count = |from: &Db| from.bitop_count(BitOpCount::And, &["a", "b"], BitRange::all());
    let before = db.snapshot().unwrap();
    db.setbit("b", 4_294_967_295, false).unwrap();
    assert_eq!(count(&db).unwrap(), 0);
    let held = before.bitop_count(BitOpCount::And, &["a", "b"], BitRange::all());
    assert_eq!(held.unwrap(), 1);
    let keys = ["a", "b"];
    let within = db.transaction(|tx| {
        tx.setbit("b", 4_294_967_295, true)?;
        tx.bitop_count(BitOpCount::AtLeast(2), &keys, BitRange::all())
    });
    assert_eq!(within.unwrap(), 1);
}

#[test]
fn random_strings_agree_with_what_bitop_makes() {
    let seed = match std::env::var("NACRE_SEED") {
        Ok(text) => text.parse().expect("NACRE_SEED is a number"),
        Err(_) => std::collections::hash_map::RandomState::new().hash_one(1),
    };
    eprintln!("NACRE_SEED={seed}");
    let mut state: u64 = seed;
    let mut below = |n: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % n
    };
    let db = Db::open_in_memory();
    for round in 0..60 {
        let strings: Vec<Vec<u8>> = (0..1 + below(6))
            .map(|_| {
                let max = if below(2) == 0 { 20 } else { 20_000 };
                let len = below(max);
                let density = below(4);
                (0..len)
                    .map(|_| {
                        if below(4) < density {
                            below(256) as u8
                        } else {
                            0
                        }
                    })
                    .collect()
            })
            .collect();
        let keys: Vec<String> = (0..strings.len()).map(|i| format!("k{i}")).collect();
        for (key, string) in keys.iter().zip(&strings) {
            db.set(key, string).unwrap();
        }
        let len = strings.iter().map(Vec::len).max().unwrap_or(0);
        let (a, b) = (
            below(400_000) as i64 - 200_000,
            below(400_000) as i64 - 200_000,
        );
        let number = 1 + below(strings.len() as u64 + 1);
        for range in [
            BitRange::all(),
            BitRange::bits(a..=b),
            BitRange::bytes(a / 8..=b / 8),
            BitRange::bits_from(a),
        ] {
            for (op, made) in [
                (BitOpCount::And, BitOp::And),
                (BitOpCount::Or, BitOp::Or),
                (BitOpCount::Xor, BitOp::Xor),
                (BitOpCount::Not, BitOp::Not),
            ] {
                let keys = match op == BitOpCount::Not {
                    true => &keys[..1],
                    false => &keys[..],
                };
                db.bitop(made, "made", keys).unwrap();
                let expected = db.bitcount("made", range).unwrap();
                let counted = db.bitop_count(op, keys, range).unwrap();
                assert_eq!(counted, expected, "{op:?} {range:?}, round {round}");
            }
            let had = |wanted: &dyn Fn(u64, bool) -> bool| {
                let byte = |at: usize| {
                    (0..8).fold(0, |byte, bit| {
                        let has = |string: &Vec<u8>| {
                            string
                                .get(at)
                                .is_some_and(|byte| byte >> (7 - bit) & 1 == 1)
                        };
                        let count = strings.iter().filter(|string| has(string)).count();
                        byte | u8::from(wanted(count as u64, has(&strings[0]))) << (7 - bit)
                    })
                };
                let bytes: Vec<u8> = (0..len).map(byte).collect();
                db.set("made", bytes).unwrap();
                db.bitcount("made", range).unwrap()
            };
            for (op, expected) in [
                (
                    BitOpCount::AtLeast(number),
                    had(&|count, _| count >= number),
                ),
                (
                    BitOpCount::Exactly(number),
                    had(&|count, _| count == number),
                ),
                (BitOpCount::AndNot, had(&|count, first| first && count == 1)),
            ] {
                let counted = db.bitop_count(op, &keys, range).unwrap();
                assert_eq!(counted, expected, "{op:?} {range:?}, round {round}");
            }
        }
    }
}
