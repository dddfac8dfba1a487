use std::time::Duration;

use crate::Clock;
use crate::Db;
use crate::command::script::{db_at, script};
use crate::prelude::*;

/// When the databases here are opened, in milliseconds since the Unix epoch.
const START_MS: u64 = 1_000_000;

#[test]
fn mset_and_msetnx_set_all_or_nothing() {
    let (db, clock) = db_at(START_MS);
    script(
        &db,
        &[
            ("MSET a 1 b 2 a 3", "+OK"),
            ("MGET a b c", "[\"3\" \"2\" nil]"),
            ("MGET a a", "[\"3\" \"3\"]"),
            ("MSETNX c 1 b 2", ":0"),
            ("GET c", "nil"),
            ("MSETNX c 1 d 2 c 5", ":1"),
            ("MGET c d", "[\"5\" \"2\"]"),
            ("SET e old PX 5", "+OK"),
        ],
    );
    clock.advance(Duration::from_millis(6));
    script(
        &db,
        &[
            ("MGET e", "[nil]"),
            ("MSETNX e new f 1", ":1"),
            ("MGET e f", "[\"new\" \"1\"]"),
        ],
    );
}

#[test]
fn mset_takes_the_deadline_away() {
    let (db, clock) = db_at(START_MS);
    script(&db, &[("SET a 1 PX 5", "+OK"), ("MSET a 2", "+OK")]);
    clock.advance(Duration::from_millis(6));
    script(&db, &[("GET a", "\"2\"")]);
}

#[test]
fn odd_words_are_refused_with_the_name_of_the_command() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("MSET", "-ERR wrong number of arguments for 'mset' command"),
            (
                "MSET a",
                "-ERR wrong number of arguments for 'mset' command",
            ),
            (
                "MSET a b c",
                "-ERR wrong number of arguments for 'mset' command",
            ),
            (
                "MSETNX a b c",
                "-ERR wrong number of arguments for 'msetnx' command",
            ),
            ("MGET", "-ERR wrong number of arguments for 'mget' command"),
            ("MGET a c", "[nil nil]"),
        ],
    );
}

#[test]
fn typed_forms_agree_with_words() {
    let db = Db::open_in_memory();
    db.mset(vec![
        ("a".to_owned(), b"1".to_vec()),
        ("b".to_owned(), vec![0, 255]),
    ])
    .unwrap();
    assert!(!db.mset_nx([("b", "3")]).unwrap());
    let expected = [Some(vec![0, 255]), None, Some(b"1".to_vec())];
    assert_eq!(db.mget(&["b", "x", "a"]).unwrap(), expected);
    let mut seen = Vec::new();
    db.mget_with(&["b", "x", "a"], |at, value| {
        seen.push((at, value.map(<[u8]>::to_vec)))
    })
    .unwrap();
    assert!(seen.into_iter().eq(expected.into_iter().enumerate()));
}

#[test]
fn no_keys_at_all_change_nothing() {
    let db = Db::open_in_memory();
    assert!(db.mget::<&str>(&[]).unwrap().is_empty());
    db.mset::<&str, &str>([]).unwrap();
    assert!(db.mset_nx::<&str, &str>([]).unwrap());
}

#[test]
fn many_keys_over_many_shards_are_found_again() {
    let db = Db::open_in_memory();
    let pairs: Vec<(String, String)> = (0..500)
        .map(|i| (format!("key:{i}"), format!("value:{i}")))
        .collect();
    db.mset(pairs.iter().map(|(key, value)| (key, value)))
        .unwrap();
    let keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
    let values = db.mget(&keys).unwrap();
    let expected = pairs
        .iter()
        .map(|(_, value)| Some(value.clone().into_bytes()));
    assert!(values.into_iter().eq(expected));
}
