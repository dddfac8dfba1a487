use std::collections::BTreeSet;

use super::parse_cursor;
use crate::command::script::{Numbers, db_at, script, show, words};
use crate::prelude::*;
use crate::{Db, KeyType, ScanOptions};

fn scan_all(db: &Db, options: ScanOptions<'_>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut cursor = 0;
    loop {
        let (next, keys) = db.scan(cursor, options).unwrap();
        all.extend(keys);
        cursor = next;
        if cursor == 0 {
            return all;
        }
    }
}

#[test]
fn a_scan_answers_every_key_whatever_its_count() {
    let db = Db::builder().seed(3).open_in_memory();
    let expected: BTreeSet<_> = (0..2_000)
        .map(|n| format!("key {n}").into_bytes())
        .collect();
    for key in &expected {
        db.set(key, "").unwrap();
    }
    for count in [0, 1, 2, 7, 10, 100, 1_999, 2_000, 5_000, u64::MAX] {
        let found = scan_all(&db, ScanOptions::new().count(count));
        assert_eq!(found.len(), expected.len(), "COUNT {count}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }
    assert_eq!(db.scan(0, ScanOptions::new().count(u64::MAX)).unwrap().0, 0);
}

#[test]
fn a_small_count_gives_a_small_answer() {
    let db = Db::builder().seed(3).open_in_memory();
    for n in 0..100_000 {
        db.set(format!("key {n}"), "").unwrap();
    }
    let (_, keys) = db.scan(0, ScanOptions::new().count(1)).unwrap();
    assert!((1..=200).contains(&keys.len()), "{} keys", keys.len());
    let (_, keys) = db.scan(0, ScanOptions::new().count(5_000)).unwrap();
    assert!((5_000..=5_200).contains(&keys.len()), "{} keys", keys.len());
}

#[test]
fn keys_that_stay_are_found_while_others_come_and_go() {
    for seed in 0..20 {
        let db = Db::builder().seed(seed).open_in_memory();
        let stay: BTreeSet<_> = (0..300).map(|n| format!("stay {n}").into_bytes()).collect();
        for key in &stay {
            db.set(key, "").unwrap();
        }
        let mut found = BTreeSet::new();
        let (mut cursor, mut step) = (0, 0_u64);
        loop {
            let (next, keys) = db.scan(cursor, ScanOptions::new().count(3)).unwrap();
            found.extend(keys);
            // Grows to several times its size, then shrinks again.
            for n in 0..200 {
                let key = format!("other {}", (step / 2 * 200) + n);
                if step.is_multiple_of(2) {
                    db.set(key, "").unwrap();
                } else {
                    db.del(key).unwrap();
                }
            }
            step += 1;
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        assert!(found.is_superset(&stay), "seed {seed}");
    }
}

#[test]
fn options_filter_what_is_answered_and_not_what_is_walked() {
    let (db, clock) = db_at(1_000);
    for n in 0..50 {
        db.set(format!("user:{n}"), "").unwrap();
        db.set(format!("city:{n}"), "").unwrap();
    }
    db.set("user:gone", "").unwrap();
    db.expire_at_ms("user:gone", 1_500).unwrap();
    clock.set_ms(2_000);
    let users = ScanOptions::new().matching("user:*").count(7);
    assert_eq!(scan_all(&db, users).len(), 50);
    let strings = users.key_type(KeyType::String);
    assert_eq!(scan_all(&db, strings).len(), 50);
    assert_eq!(db.keys("*:7").unwrap().len(), 2);
    assert_eq!(db.keys("*").unwrap().len(), 100);
    assert_eq!(db.snapshot().unwrap().keys("city:*").unwrap().len(), 50);
    let reply = db.execute(&words("SCAN 0 COUNT 1000 TYPE zset"));
    assert_eq!(show(&reply), "[\"0\" []]");
    let reply = db.execute(&words("SCAN 0 count 1000 Match user:7 type STRING"));
    assert_eq!(show(&reply), "[\"0\" [\"user:7\"]]");
}

#[test]
fn every_refusal_has_the_text_of_redis() {
    let db = Db::open_in_memory();
    let cursor = "-ERR invalid cursor";
    let int = "-ERR value is not an integer or out of range";
    let syntax = "-ERR syntax error";
    let empty = "[\"0\" []]";
    script(
        &db,
        &[
            ("SCAN", "-ERR wrong number of arguments for 'scan' command"),
            ("KEYS", "-ERR wrong number of arguments for 'keys' command"),
            (
                "KEYS a b",
                "-ERR wrong number of arguments for 'keys' command",
            ),
            ("SCAN x", cursor),
            ("SCAN x COUNT 0", cursor),
            ("SCAN 0 COUNT 0", syntax),
            ("SCAN 0 COUNT -1", syntax),
            ("SCAN 0 COUNT x", int),
            ("SCAN 0 COUNT 9223372036854775808", int),
            ("SCAN 0 COUNT 10 COUNT x", int),
            ("SCAN 0 COUNT", syntax),
            ("SCAN 0 MATCH", syntax),
            ("SCAN 0 TYPE", syntax),
            ("SCAN 0 FOO", syntax),
            ("SCAN 0 FOO 1", syntax),
            ("SCAN 0 COUNT 1 FOO", syntax),
            ("SCAN 0 MATCH a MATCH b", empty),
            ("SCAN 0 COUNT 9223372036854775807", empty),
            ("SCAN 18446744073709551615", empty),
        ],
    );
}

#[test]
fn cursors_are_read_as_redis_reads_them() {
    for (text, cursor) in [
        ("0", Some(0)),
        ("", Some(0)),
        ("00", Some(0)),
        ("+1", Some(1)),
        ("-1", Some(u64::MAX)),
        ("-18446744073709551615", Some(1)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("-18446744073709551616", None),
        (" 1", None),
        ("\t1", None),
        ("1 ", None),
        ("1a", None),
        ("0x10", None),
        ("--1", None),
        ("-", None),
        ("+", None),
        ("0\0", Some(0)),
        ("7\0z", Some(7)),
        ("/", None),
        (":", None),
    ] {
        assert_eq!(parse_cursor(text.as_bytes()), cursor, "{text:?}");
    }
}

#[test]
fn any_number_is_a_safe_cursor() {
    let db = Db::builder().seed(5).open_in_memory();
    for n in 0..500 {
        db.set(format!("key {n}"), "").unwrap();
    }
    let random = Numbers::seeded(11);
    for _ in 0..5_000 {
        let mut cursor = random.next() >> (random.next() % 64);
        let mut calls = 0;
        while cursor != 0 && calls < 2_000 {
            cursor = db.scan(cursor, ScanOptions::new().count(50)).unwrap().0;
            calls += 1;
        }
        assert!(calls < 2_000, "a scan ends");
    }
}

#[test]
fn only_the_lone_star_matches_the_empty_key() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SET '' x", "+OK"),
            ("KEYS *", "[\"\"]"),
            ("KEYS **", "[]"),
            ("KEYS ''", "[\"\"]"),
            ("SCAN 0 MATCH * COUNT 100", "[\"0\" [\"\"]]"),
            ("SCAN 0 MATCH ? COUNT 100", "[\"0\" []]"),
        ],
    );
}
