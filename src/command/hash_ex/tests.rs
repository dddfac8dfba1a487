use std::time::Duration;

use crate::command::script::{db_at, say, script};
use crate::prelude::*;
use crate::{FieldTtl, HashSetOptions};

const NO_FIELDS: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
const NOT_POSITIVE: &str = "-ERR Number of fields must be a positive integer";
const NO_MATCH: &str = "-ERR The `numfields` parameter must match the number of arguments";
const NO_INT: &str = "-ERR value is not an integer or out of range";
const NEGATIVE: &str = "-ERR invalid expire time, must be >= 0";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn hgetdel_reads_and_removes() {
    let (db, _clock) = db_at(10_000);
    script(
        &db,
        &[
            ("HGETDEL h FIELDS 2 a b", "[nil nil]"),
            ("HSET h a 1 b 2 c 3", ":3"),
            ("HGETDEL h FIELDS 3 a x a", "[\"1\" nil nil]"),
            ("HGETDEL h fields 1 b", "[\"2\"]"),
            ("HGETALL h", "{\"c\"=\"3\"}"),
            ("HGETDEL h FIELDS 1 c", "[\"3\"]"),
            ("EXISTS h", ":0"),
            ("SET s v", "+OK"),
            ("HGETDEL s FOO 1 f", WRONG_TYPE),
            ("HGETDEL h FOO 1 f", NO_FIELDS),
            ("HGETDEL h FIELDS x f", NOT_POSITIVE),
            ("HGETDEL h FIELDS 0 f", NOT_POSITIVE),
            ("HGETDEL h FIELDS 2 f", NO_MATCH),
            (
                "HGETDEL h FIELDS 1",
                "-ERR wrong number of arguments for 'hgetdel' command",
            ),
        ],
    );
}

#[test]
fn hgetex_reads_and_sets_deadlines() {
    let (db, clock) = db_at(10_000);
    script(
        &db,
        &[
            ("HGETEX h EX 10 FIELDS 2 a b", "[nil nil]"),
            ("EXISTS h", ":0"),
            ("HSET h a 1 b 2 c 3", ":3"),
            ("HGETEX h FIELDS 2 a x", "[\"1\" nil]"),
            ("HTTL h FIELDS 1 a", "[:-1]"),
            ("HGETEX h EX 10 FIELDS 2 a x", "[\"1\" nil]"),
            ("HPEXPIRETIME h FIELDS 2 a b", "[:20000 :-1]"),
            ("HGETEX h FIELDS 1 a", "[\"1\"]"),
            ("HPEXPIRETIME h FIELDS 1 a", "[:20000]"),
            ("HGETEX h px 1500 FIELDS 1 a", "[\"1\"]"),
            ("HPEXPIRETIME h FIELDS 1 a", "[:11500]"),
            ("HGETEX h EXAT 30 FIELDS 1 a", "[\"1\"]"),
            ("HPEXPIRETIME h FIELDS 1 a", "[:30000]"),
            ("HGETEX h PXAT 30001 FIELDS 2 a b", "[\"1\" \"2\"]"),
            ("HPEXPIRETIME h FIELDS 2 a b", "[:30001 :30001]"),
            ("HGETEX h PERSIST FIELDS 3 a c x", "[\"1\" \"3\" nil]"),
            ("HPEXPIRETIME h FIELDS 3 a b c", "[:-1 :30001 :-1]"),
            // Not after now: read and gone.
            ("HGETEX h EX 0 FIELDS 2 c c", "[\"3\" nil]"),
            ("HGETEX h PXAT 10000 FIELDS 1 a", "[\"1\"]"),
            ("HGETALL h", "{\"b\"=\"2\"}"),
        ],
    );
    clock.set_ms(30_002);
    assert_eq!(say(&db, "HGETEX h PERSIST FIELDS 1 b"), "[nil]");
    assert!(!db.exists("h").unwrap());
    script(
        &db,
        &[
            ("HSET h a 1", ":1"),
            ("SET s v", "+OK"),
            ("HGETEX s EX x FIELDS 1 f", WRONG_TYPE),
            ("HGETEX h EX x FOO 1 f", NO_INT),
            ("HGETEX h EX -1 FOO 1 f", NEGATIVE),
            (
                "HGETEX h PXAT 70368744177664 FIELDS 1 a",
                "-ERR invalid expire time in 'hgetex' command",
            ),
            ("HGETEX h EX 1 PX 1 FIELDS 1 a", NO_FIELDS),
            ("HGETEX h KEEPTTL FIELDS 1 a", NO_FIELDS),
            ("HGETEX h EX 1 a", NO_FIELDS),
            ("HGETEX h EX 1 FIELDS", NOT_POSITIVE),
            ("HGETEX h FIELDS 0 a", NOT_POSITIVE),
            ("HGETEX h FIELDS 2 a", NO_MATCH),
            ("HGETEX h PERSIST FIELDS 1", NO_MATCH),
            (
                "HGETEX h FIELDS 1",
                "-ERR wrong number of arguments for 'hgetex' command",
            ),
        ],
    );
}

#[test]
fn hsetex_sets_all_or_none() {
    let (db, _clock) = db_at(10_000);
    script(
        &db,
        &[
            ("HSETEX h FXX FIELDS 1 a 1", ":0"),
            ("EXISTS h", ":0"),
            ("HSETEX h FNX FIELDS 2 a 1 b 2", ":1"),
            ("HSETEX h FNX FIELDS 2 c 1 b 3", ":0"),
            ("HSETEX h FXX FIELDS 2 c 1 b 3", ":0"),
            ("HGETALL h", "{\"a\"=\"1\" \"b\"=\"2\"}"),
            ("HSETEX h FXX EX 10 FIELDS 2 a 3 b 4", ":1"),
            ("HPEXPIRETIME h FIELDS 2 a b", "[:20000 :20000]"),
            ("HMGET h a b", "[\"3\" \"4\"]"),
            ("HSETEX h KEEPTTL FIELDS 2 a 5 c 6", ":1"),
            ("HPEXPIRETIME h FIELDS 3 a b c", "[:20000 :20000 :-1]"),
            ("HSETEX h FIELDS 1 a 6", ":1"),
            ("HPEXPIRETIME h FIELDS 2 a b", "[:-1 :20000]"),
            ("HSETEX h PX 1 fnx FIELDS 1 d 1", ":1"),
            ("HPEXPIRETIME h FIELDS 1 d", "[:10001]"),
            ("HSETEX h EXAT 30 FIELDS 1 d 1", ":1"),
            ("HPEXPIRETIME h FIELDS 1 d", "[:30000]"),
            ("HSETEX h PXAT 30001 FIELDS 3 d 1 d 2 e 3", ":1"),
            ("HPEXPIRETIME h FIELDS 2 d e", "[:30001 :30001]"),
            ("HGET h d", "\"2\""),
            // Not after now: set and gone.
            ("HSETEX h PXAT 10000 FIELDS 2 d 1 new 2", ":1"),
            ("HMGET h d new", "[nil nil]"),
            ("HSETEX none EX 0 FIELDS 1 a 1", ":1"),
            ("EXISTS none", ":0"),
        ],
    );
}

#[test]
fn hsetex_refuses_the_first_word_that_does_not_fit() {
    let (db, _clock) = db_at(10_000);
    let arity = "-ERR wrong number of arguments for 'hsetex' command";
    let one_expiry = "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
    let one_condition = "-ERR Only one of FXX or FNX arguments can be specified";
    let count = "-ERR invalid number of fields";
    script(
        &db,
        &[
            ("SET s v", "+OK"),
            ("HSETEX s FOO FIELDS 1 a 1", "-ERR unknown argument: FOO"),
            ("HSETEX s FIELDS 1 a 1", WRONG_TYPE),
            ("HSETEX h FIELDS 1 a", arity),
            ("HSETEX h FIELDS 1 a 1 b", arity),
            (
                "HSETEX h FIELDS 2 a 1",
                "-ERR wrong number of arguments for 'hsetex' command",
            ),
            ("HSETEX h FIELDS 1 a 1 b 2", arity),
            ("HSETEX h EX 1 FIELDS 1", arity),
            ("HSETEX h EX 1 FIELDS 1 a", arity),
            ("HSETEX h FNX KEEPTTL EX 1", one_expiry),
            ("HSETEX h FNX FNX FIELDS 1 a 1", one_condition),
            ("HSETEX h FNX FXX FIELDS 1 a 1", one_condition),
            ("HSETEX h EX 1 PX 1 FIELDS 1 a 1", one_expiry),
            ("HSETEX h KEEPTTL EX x FIELDS 1 a 1", one_expiry),
            ("HSETEX h EX x FOO 1 a 1", NO_INT),
            ("HSETEX h EX -1 FOO 1 a 1", NEGATIVE),
            (
                "HSETEX h EX 70368744178 FOO 1 a 1",
                "-ERR invalid expire time in 'hsetex' command",
            ),
            (
                "HSETEX h FNX KEEPTTL PERSIST x",
                "-ERR unknown argument: PERSIST",
            ),
            ("HSETEX h FNX FXX", arity),
            ("HSETEX h FIELDS x a 1", count),
            ("HSETEX h FIELDS 0 a 1", count),
            ("HSETEX h FIELDS 2147483648 a 1", count),
            ("HSETEX h FNX EX 1 KEEPTTL", one_expiry),
            ("HSETEX h FNX KEEPTTL FIELDS 1", arity),
            ("HSETEX h 1 2 3 EX 4", "-ERR unknown argument: 1"),
            ("HSETEX h FNX KEEPTTL fnx FIELDS", one_condition),
            ("EXISTS h", ":0"),
        ],
    );
    // A deadline without its number, at the end.
    assert_eq!(
        say(&db, "HSETEX h FNX FIELDS2 1 EX"),
        "-ERR unknown argument: FIELDS2"
    );
    assert_eq!(say(&db, "HSETEX h FXX"), arity);
}

#[test]
fn typed_calls_take_the_same_options() {
    let (db, _clock) = db_at(10_000);
    let pairs = [("a", "1"), ("b", "2")];
    let options = HashSetOptions::new();
    assert!(
        db.hset_ex("h", &pairs, options.ttl(Duration::from_secs(5)))
            .unwrap()
    );
    assert!(
        !db.hset_ex("h", &pairs[..1], options.if_none_exists())
            .unwrap()
    );
    assert!(
        db.hset_ex("h", &pairs[..1], options.if_all_exist().keep_ttl())
            .unwrap()
    );
    let never = FieldTtl::Never;
    assert_eq!(
        db.httl_ms("h", &["a", "b"]).unwrap(),
        [FieldTtl::Ms(5_000); 2]
    );
    assert!(
        db.hset_ex("h", &pairs[1..], options.expires_at_ms(30_000))
            .unwrap()
    );
    assert_eq!(db.httl_ms("h", &["b"]).unwrap(), [FieldTtl::Ms(20_000)]);
    let one = Some(b"1".to_vec());
    let read = db
        .hget_ex("h", &["a", "x"], Duration::from_secs(1))
        .unwrap();
    assert_eq!(read, [one.clone(), None]);
    assert_eq!(db.httl_ms("h", &["a"]).unwrap(), [FieldTtl::Ms(1_000)]);
    assert_eq!(
        db.hget_ex_at_ms("h", &["a"], 40_000).unwrap(),
        std::slice::from_ref(&one)
    );
    assert_eq!(
        db.hexpires_at_ms("h", &["a"]).unwrap(),
        [FieldTtl::Ms(40_000)]
    );
    assert_eq!(
        db.hget_persist("h", &["a"]).unwrap(),
        std::slice::from_ref(&one)
    );
    assert_eq!(db.httl_ms("h", &["a"]).unwrap(), [never]);
    assert_eq!(db.hget_del("h", &["a", "a"]).unwrap(), [one, None]);
    assert!(db.hset_ex("h", &[] as &[(&str, &str)], options).unwrap());
    assert!(
        db.hset_ex("h", &pairs, options.expires_at_ms(u64::MAX))
            .is_err()
    );
}
