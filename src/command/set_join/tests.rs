use crate::Db;
use crate::command::script::{db_at, say, script};
use crate::prelude::*;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn results_and_their_order_are_those_of_redis() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SADD a 5 1 3 9", ":4"),
            ("SADD b 3 1 7", ":3"),
            ("SADD w x 3", ":2"),
            ("SINTER a", "[\"1\" \"3\" \"5\" \"9\"]"),
            ("SINTER a b", "[\"1\" \"3\"]"),
            ("SINTER a b none", "[]"),
            ("SINTER a b w", "[\"3\"]"),
            ("SUNION a b", "[\"1\" \"3\" \"5\" \"7\" \"9\"]"),
            ("SUNION none", "[]"),
            ("SDIFF a b", "[\"5\" \"9\"]"),
            ("SDIFF a none b w", "[\"5\" \"9\"]"),
            ("SDIFF a a", "[]"),
            ("SDIFF none a", "[]"),
            ("SDIFF w a", "[\"x\"]"),
            // All integers, though not in a set of integers.
            ("SREM w x", ":1"),
            ("SADD w 200 30", ":2"),
            ("OBJECT ENCODING w", "\"hashtable\""),
            ("SUNION w b", "[\"1\" \"3\" \"7\" \"30\" \"200\"]"),
            ("SDIFF w b", "[\"30\" \"200\"]"),
        ],
    );
}

#[test]
fn the_type_of_every_key_counts_even_if_the_result_is_empty() {
    let db = Db::open_in_memory();
    script(&db, &[("SET str v", "+OK"), ("SADD a 1", ":1")]);
    for line in [
        "SINTER none str",
        "SINTER str none",
        "SUNION none str",
        "SDIFF none str",
        "SDIFF a str",
        "SINTERSTORE d none str",
        "SUNIONSTORE d a str",
        "SDIFFSTORE d none str",
        "SINTERCARD 2 none str",
    ] {
        assert_eq!(say(&db, line), WRONG_TYPE, "{line}");
    }
    assert_eq!(say(&db, "EXISTS d"), ":0");
}

#[test]
fn a_stored_result_replaces_what_was_there() {
    let (db, clock) = db_at(1_000);
    script(
        &db,
        &[
            ("SADD a 1 2 3", ":3"),
            ("SADD b 2 3 4", ":3"),
            ("SET d text", "+OK"),
            ("PEXPIREAT d 5000", ":1"),
            ("SINTERSTORE d a b", ":2"),
            ("SMEMBERS d", "[\"2\" \"3\"]"),
            ("PTTL d", ":-1"),
            ("OBJECT ENCODING d", "\"intset\""),
            ("SUNIONSTORE a a b", ":4"),
            ("SMEMBERS a", "[\"1\" \"2\" \"3\" \"4\"]"),
            ("SDIFFSTORE a a b", ":1"),
            ("SMEMBERS a", "[\"1\"]"),
            ("SDIFFSTORE d b b", ":0"),
            ("EXISTS d", ":0"),
            ("SINTERSTORE b none", ":0"),
            ("EXISTS b", ":0"),
            ("SUNIONSTORE d none gone", ":0"),
            ("SADD w x y", ":2"),
            ("SUNIONSTORE d a w", ":3"),
            ("OBJECT ENCODING d", "\"hashtable\""),
            ("PEXPIREAT w 2000", ":1"),
        ],
    );
    clock.set_ms(2_001);
    script(
        &db,
        &[("SUNIONSTORE d a w", ":1"), ("SMEMBERS d", "[\"1\"]")],
    );
}

#[test]
fn stored_differences_have_the_encoding_of_redis() {
    let db = Db::open_in_memory();
    // Much is removed from few: Redis takes a copy, which keeps the encoding that it had first.
    let few: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    db.sadd("first", &few).unwrap();
    db.sadd("first", &["word"]).unwrap();
    db.sadd("w", &["word"]).unwrap();
    script(
        &db,
        &[
            ("SDIFFSTORE d first w", ":8"),
            ("OBJECT ENCODING d", "\"intset\""),
            ("SDIFFSTORE d first w w", ":8"),
            ("OBJECT ENCODING d", "\"hashtable\""),
        ],
    );
}

#[test]
fn members_are_counted_up_to_the_limit() {
    let db = Db::open_in_memory();
    let numkeys = "-ERR numkeys should be greater than 0";
    let negative = "-ERR LIMIT can't be negative";
    script(
        &db,
        &[
            ("SADD a 1 2 3 4", ":4"),
            ("SADD b 2 3 4 x", ":4"),
            ("SET str v", "+OK"),
            ("SINTERCARD 1 a", ":4"),
            ("SINTERCARD 2 a b", ":3"),
            ("SINTERCARD 2 a none", ":0"),
            ("SINTERCARD 2 a b LIMIT 2", ":2"),
            ("SINTERCARD 2 a b limit 0", ":3"),
            ("SINTERCARD 2 a b LIMIT 9", ":3"),
            ("SINTERCARD 1 a LIMIT 1 LIMIT 0", ":4"),
            ("SINTERCARD 0 a", numkeys),
            ("SINTERCARD x a", numkeys),
            ("SINTERCARD -1 a", numkeys),
            (
                "SINTERCARD 2 a",
                "-ERR Number of keys can't be greater than number of args",
            ),
            (
                "SINTERCARD 9223372036854775807 a",
                "-ERR Number of keys can't be greater than number of args",
            ),
            (
                "SINTERCARD 1",
                "-ERR wrong number of arguments for 'sintercard' command",
            ),
            ("SINTERCARD 1 a b", "-ERR syntax error"),
            ("SINTERCARD 1 a LIMIT", "-ERR syntax error"),
            ("SINTERCARD 1 a LIMIT x", negative),
            ("SINTERCARD 1 a LIMIT -1", negative),
            ("SINTERCARD 1 str LIMIT -1", negative),
            ("SINTERCARD 1 str", WRONG_TYPE),
            ("COMMAND GETKEYS SINTERCARD 2 a b LIMIT 3", "[\"a\" \"b\"]"),
        ],
    );
}

#[test]
fn typed_methods_do_the_same() {
    let db = Db::open_in_memory();
    let numbers = |range: std::ops::Range<u32>| range.map(|n| format!("n{n}")).collect::<Vec<_>>();
    db.sadd("a", &numbers(0..3_000)).unwrap();
    db.sadd("b", &numbers(2_000..6_000)).unwrap();
    db.sadd("c", &numbers(2_500..2_600)).unwrap();
    assert_eq!(db.sinter(&["a", "b"]).unwrap().len(), 1_000);
    assert_eq!(db.sinter(&["a", "b", "c"]).unwrap().len(), 100);
    assert_eq!(db.sinter::<&str>(&[]).unwrap().len(), 0);
    assert_eq!(db.sunion(&["a", "b", "c"]).unwrap().len(), 6_000);
    assert_eq!(db.sdiff(&["a", "b"]).unwrap().len(), 2_000);
    assert_eq!(db.sdiff(&["c", "b", "a"]).unwrap().len(), 0);
    assert_eq!(db.sintercard(&["a", "b"], 0).unwrap(), 1_000);
    assert_eq!(db.sintercard(&["a", "b"], 7).unwrap(), 7);
    assert_eq!(db.sinterstore("d", &["a", "b"]).unwrap(), 1_000);
    assert_eq!(db.sdiffstore("d", &["d", "c"]).unwrap(), 900);
    assert_eq!(db.sunionstore("d", &["d", "c"]).unwrap(), 1_000);
    assert_eq!(db.sunionstore::<&str>("d", &[]).unwrap(), 0);
    assert!(!db.exists("d").unwrap());
}
