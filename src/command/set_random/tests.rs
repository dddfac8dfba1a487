use std::collections::BTreeSet;

use crate::Db;
use crate::command::script::{db_at, say, script};
use crate::prelude::*;

#[test]
fn counts_and_refusals_are_those_of_redis() {
    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    const POSITIVE: &str = "-ERR value is out of range, must be positive";
    const NO_INT: &str = "-ERR value is not an integer or out of range";
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SET str v", "+OK"),
            ("SADD s 7", ":1"),
            ("SPOP str", WRONG_TYPE),
            ("SPOP str -1", POSITIVE),
            ("SPOP none -1", POSITIVE),
            ("SPOP none x", POSITIVE),
            ("SPOP none 9223372036854775808", POSITIVE),
            ("SPOP none 0", "[]"),
            ("SPOP none 5", "[]"),
            ("SPOP none", "nil"),
            ("SPOP s x 2", "-ERR syntax error"),
            ("SPOP str 0", WRONG_TYPE),
            ("SPOP s 0", "[]"),
            ("SRANDMEMBER none", "nil"),
            ("SRANDMEMBER none 5", "[]"),
            ("SRANDMEMBER none x", NO_INT),
            (
                "SRANDMEMBER none -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and \
                 9223372036854775807",
            ),
            ("SRANDMEMBER none -9223372036854775807", "[]"),
            ("SRANDMEMBER none 9223372036854775807", "[]"),
            ("SRANDMEMBER none 9223372036854775808", NO_INT),
            ("SRANDMEMBER str -3", WRONG_TYPE),
            ("SRANDMEMBER str", WRONG_TYPE),
            ("SRANDMEMBER s 1 2", "-ERR syntax error"),
            ("SRANDMEMBER s", "\"7\""),
            ("SRANDMEMBER s 0", "[]"),
            ("SRANDMEMBER s 9223372036854775807", "[\"7\"]"),
            ("SRANDMEMBER s -3", "[\"7\" \"7\" \"7\"]"),
            // Redis would try.
            (
                "SRANDMEMBER s -9223372036854775807",
                "-ERR value is out of range",
            ),
            ("SPOP s", "\"7\""),
            ("EXISTS s", ":0"),
            ("SADD s 1 2 3", ":3"),
            ("SPOP s 3", "[\"1\" \"2\" \"3\"]"),
            ("EXISTS s", ":0"),
        ],
    );
}

#[test]
fn what_is_popped_was_there_and_is_not_any_more() {
    let db = Db::builder().seed(8).open_in_memory();
    for members in [20, 100, 2_000] {
        let all: BTreeSet<Vec<u8>> = (0..members).map(|n| format!("m{n}").into_bytes()).collect();
        db.sadd("s", &all.iter().collect::<Vec<_>>()).unwrap();
        let mut left = all.clone();
        while let Some(member) = db.spop("s").unwrap() {
            assert!(left.remove(&member));
            if left.len() < members / 2 {
                break;
            }
        }
        assert_eq!(db.scard("s").unwrap(), left.len() as u64);
        for count in [1, 3, members as u64 / 4, u64::MAX] {
            let popped = db.spop_count("s", count).unwrap();
            assert_eq!(popped.len() as u64, count.min(left.len() as u64));
            assert!(popped.iter().all(|member| left.remove(member)));
        }
        assert!(left.is_empty() && !db.exists("s").unwrap());
    }
}

#[test]
fn choices_without_repetition_are_different_and_with_it_they_are_many() {
    let db = Db::builder().seed(9).open_in_memory();
    let all: BTreeSet<Vec<u8>> = (0..1_000).map(|n| format!("m{n}").into_bytes()).collect();
    db.sadd("s", &all.iter().collect::<Vec<_>>()).unwrap();
    for count in [1, 10, 100, 999, 1_000, 5_000] {
        let chosen = db.srandmember_count("s", count).unwrap();
        assert_eq!(chosen.len() as u64, count.min(1_000));
        let different: BTreeSet<_> = chosen.iter().cloned().collect();
        assert_eq!(different.len(), chosen.len());
        assert!(different.is_subset(&all));
    }
    let repeated = db.srandmember_repeated("s", 5_000).unwrap();
    assert_eq!(repeated.len(), 5_000);
    assert!(repeated.iter().all(|member| all.contains(member)));
    assert_eq!(db.scard("s").unwrap(), 1_000);
}

#[test]
fn repeated_members_that_would_take_too_much_are_refused() {
    let db = Db::open_in_memory();
    db.sadd("s", &[vec![b'x'; 1 << 20]]).unwrap();
    assert_eq!(db.srandmember_repeated("s", 10).unwrap().len(), 10);
    assert_eq!(say(&db, "SRANDMEMBER s -600"), "-ERR value is out of range");
}

#[test]
fn few_that_stay_are_a_new_set_with_the_deadline_of_the_old_one() {
    let (db, _clock) = db_at(1_000);
    let all: Vec<String> = (0..600).map(|n| n.to_string()).collect();
    db.sadd("s", &all).unwrap();
    script(
        &db,
        &[
            ("PEXPIREAT s 5000", ":1"),
            ("OBJECT ENCODING s", "\"hashtable\""),
        ],
    );
    assert_eq!(db.spop_count("s", 400).unwrap().len(), 400);
    assert_eq!(say(&db, "OBJECT ENCODING s"), "\"hashtable\"");
    let popped = db.spop_count("s", 170).unwrap();
    let different: BTreeSet<_> = popped.iter().collect();
    assert_eq!((popped.len(), different.len()), (170, 170));
    assert!(!db.smismember("s", &popped).unwrap().contains(&true));
    script(
        &db,
        &[
            ("SCARD s", ":30"),
            ("OBJECT ENCODING s", "\"intset\""),
            ("PEXPIRETIME s", ":5000"),
        ],
    );
}
