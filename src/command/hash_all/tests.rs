use std::collections::BTreeMap;

use crate::command::script::{db_at, script};
use crate::prelude::*;
use crate::{Db, ElementScanOptions};

#[test]
fn a_short_hash_is_answered_in_order_of_insertion() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("HGETALL h", "{}"),
            ("HKEYS h", "[]"),
            ("HVALS h", "[]"),
            ("HSET h c 1 a 2 b 3", ":3"),
            ("HSET h a longer", ":0"),
            ("HGETALL h", "{\"c\"=\"1\" \"a\"=\"longer\" \"b\"=\"3\"}"),
            ("HKEYS h", "[\"c\" \"a\" \"b\"]"),
            ("HVALS h", "[\"1\" \"longer\" \"3\"]"),
            ("HDEL h c", ":1"),
            ("HSET h c 4", ":1"),
            ("HKEYS h", "[\"a\" \"b\" \"c\"]"),
            (
                "HSCAN h 0",
                "[\"0\" [\"a\" \"longer\" \"b\" \"3\" \"c\" \"4\"]]",
            ),
            (
                "HSCAN h 77 COUNT 1",
                "[\"0\" [\"a\" \"longer\" \"b\" \"3\" \"c\" \"4\"]]",
            ),
            ("HSCAN h 0 MATCH [bc]", "[\"0\" [\"b\" \"3\" \"c\" \"4\"]]"),
            ("HSCAN h 0 NOVALUES MATCH c", "[\"0\" [\"c\"]]"),
            ("HSCAN x 0", "[\"0\" []]"),
            ("HRANDFIELD h 9", "[\"a\" \"b\" \"c\"]"),
            (
                "HRANDFIELD h 3 WITHVALUES",
                "[\"a\" \"longer\" \"b\" \"3\" \"c\" \"4\"]",
            ),
            ("HRANDFIELD h 0", "[]"),
            ("HRANDFIELD h 0 withvalues", "[]"),
            ("HRANDFIELD x", "nil"),
            ("HRANDFIELD x 3", "[]"),
            ("HRANDFIELD x -3 WITHVALUES", "[]"),
        ],
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let db = Db::open_in_memory();
    db.hset("h", "f", "v").unwrap();
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let no_int = "-ERR value is not an integer or out of range";
    script(
        &db,
        &[
            ("SET s v", "+OK"),
            ("HGETALL s", wrong),
            ("HKEYS s", wrong),
            ("HVALS s", wrong),
            ("HSCAN s 0", wrong),
            ("HSCAN s 0 FOO", wrong),
            ("HRANDFIELD s", wrong),
            ("HRANDFIELD s 1", wrong),
            (
                "HGETALL",
                "-ERR wrong number of arguments for 'hgetall' command",
            ),
            (
                "HSCAN h",
                "-ERR wrong number of arguments for 'hscan' command",
            ),
            ("HSCAN h x", "-ERR invalid cursor"),
            ("HSCAN s x", "-ERR invalid cursor"),
            // Redis looks at options only if there is a hash.
            ("HSCAN x 0 FOO", "[\"0\" []]"),
            ("HSCAN h 0 FOO", "-ERR syntax error"),
            ("HSCAN h 0 MATCH", "-ERR syntax error"),
            ("HSCAN h 0 COUNT", "-ERR syntax error"),
            ("HSCAN h 0 COUNT 0", "-ERR syntax error"),
            ("HSCAN h 0 COUNT x", no_int),
            ("HSCAN h 0 TYPE hash", "-ERR syntax error"),
            ("HRANDFIELD h x", no_int),
            ("HRANDFIELD s x", no_int),
            ("HRANDFIELD s 1 FOO", "-ERR syntax error"),
            ("HRANDFIELD h 1 WITHVALUES x", "-ERR syntax error"),
            (
                "HRANDFIELD h -9223372036854775808",
                "-ERR value is out of range, value must between \
                 -9223372036854775807 and 9223372036854775807",
            ),
            (
                "HRANDFIELD h -4611686018427387904 WITHVALUES",
                "-ERR value is out of range",
            ),
            ("HRANDFIELD h 9223372036854775807", "[\"f\"]"),
            // Ours: a reply has to fit into memory.
            (
                "HRANDFIELD h -9223372036854775807",
                "-ERR value is out of range",
            ),
        ],
    );
}

fn fill(db: &Db, fields: usize) {
    let pairs: Vec<_> = (0..fields)
        .map(|i| (format!("f{i}"), format!("v{i}")))
        .collect();
    db.hset_many("h", &pairs).unwrap();
}

#[test]
fn random_fields_are_different_and_equally_likely() {
    for fields in [12, 300] {
        let (db, _clock) = db_at(1_000);
        fill(&db, fields);
        for count in [1, 5, fields / 2, fields - 1, fields, fields * 2] {
            let chosen = db.hrand_fields("h", count as u64).unwrap();
            let different: BTreeMap<_, _> = chosen.iter().cloned().collect();
            assert_eq!(
                (chosen.len(), different.len()),
                (count.min(fields), count.min(fields))
            );
            let of_it = |(field, value): &(Vec<u8>, Vec<u8>)| field[1..] == value[1..];
            assert!(chosen.iter().all(of_it));
        }
        let mut seen = BTreeMap::new();
        let draws = fields * 100;
        let repeated = db.hrand_fields_repeated("h", draws as u64 / 2).unwrap();
        assert_eq!(repeated.len(), draws / 2);
        let one_by_one = (0..draws / 2).flat_map(|_| db.hrand_fields("h", 1).unwrap());
        for (field, _) in repeated.into_iter().chain(one_by_one) {
            *seen.entry(field).or_insert(0_i32) += 1;
        }
        assert_eq!(seen.len(), fields);
        // Poisson with mean 100: ten standard deviations.
        assert!(seen.values().all(|n| (*n - 100).abs() < 100), "{seen:?}");
    }
}

#[test]
fn a_walk_finds_every_field_that_stays() {
    let db = Db::open_in_memory();
    fill(&db, 1_000);
    let options = ElementScanOptions::new().count(7);
    let mut found = BTreeMap::new();
    let (mut cursor, mut calls) = (0, 0);
    loop {
        let (next, some) = db.hscan("h", cursor, options).unwrap();
        assert!(some.len() < 200, "one call answers {}", some.len());
        found.extend(some);
        db.hdel("h", &[format!("f{}", 2 * calls)]).unwrap();
        db.hset("h", format!("new {calls}"), "v").unwrap();
        cursor = next;
        calls += 1;
        if cursor == 0 {
            break;
        }
    }
    assert!(calls > 5);
    for i in (1..1_000).step_by(2) {
        assert_eq!(
            found[format!("f{i}").as_bytes()],
            format!("v{i}").into_bytes()
        );
    }
    // Any number is a safe cursor.
    for cursor in [1, u64::MAX, 1 << 63] {
        db.hscan("h", cursor, options).unwrap();
    }
}

#[test]
fn fields_that_are_past_are_not_there() {
    for fields in [10, 300] {
        let (db, clock) = db_at(10_000);
        fill(&db, fields);
        let past: Vec<_> = (0..fields / 2).map(|i| format!("f{i}")).collect();
        db.hexpire_at_ms("h", &past, 20_000).unwrap();
        let there = |len: usize| {
            assert_eq!(db.hlen("h").unwrap(), len as u64);
            assert_eq!(db.hget_all("h").unwrap().len(), len);
            assert_eq!(db.hkeys("h").unwrap().len(), len);
            assert_eq!(db.hvals("h").unwrap().len(), len);
            assert_eq!(db.hrand_fields("h", 1_000).unwrap().len(), len);
            let options = ElementScanOptions::new().count(1_000);
            assert_eq!(db.hscan("h", 0, options).unwrap().1.len(), len);
        };
        there(fields);
        clock.set_ms(20_000);
        there(fields);
        clock.set_ms(20_001);
        there(fields - fields / 2);
        assert_eq!(db.hget("h", "f0").unwrap(), None);
        assert!(!db.hexists("h", "f0").unwrap());
        for (field, _) in db.hrand_fields_repeated("h", 200).unwrap() {
            assert!(!past.iter().any(|past| past.as_bytes() == field));
        }
    }
}
