use std::collections::BTreeSet;

use crate::command::script::script;
use crate::prelude::*;
use crate::{Db, ElementScanOptions};

#[test]
fn short_sets_are_answered_whole_and_refusals_are_those_of_redis() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SET str v", "+OK"),
            ("SADD s 2 3", ":2"),
            ("SSCAN s 0", "[\"0\" [\"2\" \"3\"]]"),
            ("SSCAN s 5", "[\"0\" [\"2\" \"3\"]]"),
            ("SSCAN s 0 MATCH 3", "[\"0\" [\"3\"]]"),
            ("SSCAN s 0 match * count 1", "[\"0\" [\"2\" \"3\"]]"),
            ("SSCAN none 0", "[\"0\" []]"),
            ("SSCAN s x", "-ERR invalid cursor"),
            ("SSCAN none x", "-ERR invalid cursor"),
            ("SSCAN none 0 FOO", "[\"0\" []]"),
            (
                "SSCAN str 0 FOO",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            ("SSCAN s 0 FOO", "-ERR syntax error"),
            ("SSCAN s 0 COUNT", "-ERR syntax error"),
            ("SSCAN s 0 COUNT 0", "-ERR syntax error"),
            ("SSCAN s 0 COUNT -1", "-ERR syntax error"),
            (
                "SSCAN s 0 COUNT x",
                "-ERR value is not an integer or out of range",
            ),
            ("SSCAN s 0 TYPE string", "-ERR syntax error"),
            (
                "SSCAN s",
                "-ERR wrong number of arguments for 'sscan' command",
            ),
        ],
    );
}

#[test]
fn a_scan_answers_every_member_in_bounded_steps() {
    let db = Db::builder().seed(4).open_in_memory();
    let all: BTreeSet<Vec<u8>> = (0..5_000).map(|n| format!("m{n}").into_bytes()).collect();
    db.sadd("s", &all.iter().collect::<Vec<_>>()).unwrap();
    let mut seen = BTreeSet::new();
    let (mut cursor, mut calls) = (0, 0);
    loop {
        let (next, members) = db
            .sscan("s", cursor, ElementScanOptions::new().count(50))
            .unwrap();
        assert!(members.len() < 200, "{} members", members.len());
        seen.extend(members);
        calls += 1;
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    assert!(calls > 10 && calls <= 5_000 / 50);
    assert_eq!(seen, all);
    let options = ElementScanOptions::new().matching("m12*").count(u64::MAX);
    let (cursor, members) = db.sscan("s", 0, options).unwrap();
    assert_eq!((cursor, members.len()), (0, 111));
    for cursor in [1, u64::MAX, 1 << 63] {
        db.sscan("s", cursor, ElementScanOptions::new()).unwrap();
    }
}
