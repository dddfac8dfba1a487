use std::time::Duration;

use crate::command::script::{db_at, say, script};
use crate::prelude::*;
use crate::{Db, FieldExpire, FieldExpireIf, FieldTtl};

const NOT_POSITIVE: &str = "-ERR Number of fields must be a positive integer";
const NO_FIELDS: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
const NO_MATCH: &str = "-ERR The `numfields` parameter must match the number of arguments";

#[test]
fn deadlines_are_set_in_every_unit() {
    let (db, _clock) = db_at(10_000);
    script(
        &db,
        &[
            ("HEXPIRE h 10 FIELDS 2 a b", "[:-2 :-2]"),
            ("HTTL h FIELDS 1 a", "[:-2]"),
            ("HPERSIST h FIELDS 1 a", "[:-2]"),
            ("HSET h a 1 b 2 c 3", ":3"),
            ("HTTL h FIELDS 2 a x", "[:-1 :-2]"),
            ("HPTTL h FIELDS 1 a", "[:-1]"),
            ("HEXPIRETIME h FIELDS 1 a", "[:-1]"),
            ("HPEXPIRETIME h FIELDS 2 a x", "[:-1 :-2]"),
            ("HPERSIST h FIELDS 2 a x", "[:-1 :-2]"),
            ("HEXPIRE h 10 FIELDS 2 a x", "[:1 :-2]"),
            ("HTTL h FIELDS 3 a b x", "[:10 :-1 :-2]"),
            ("HPTTL h FIELDS 1 a", "[:10000]"),
            ("HEXPIRETIME h FIELDS 1 a", "[:20]"),
            ("HPEXPIRETIME h FIELDS 1 a", "[:20000]"),
            ("HPEXPIRE h 1500 FIELDS 1 a", "[:1]"),
            ("HPTTL h FIELDS 1 a", "[:1500]"),
            // Rounded up, unlike TTL.
            ("HTTL h FIELDS 1 a", "[:2]"),
            ("HPEXPIRE h 1001 FIELDS 1 a", "[:1]"),
            ("HTTL h FIELDS 1 a", "[:2]"),
            ("HEXPIREAT h 30 FIELDS 1 a", "[:1]"),
            ("HPEXPIRETIME h FIELDS 1 a", "[:30000]"),
            ("HPEXPIREAT h 30001 FIELDS 1 a", "[:1]"),
            ("HEXPIRETIME h FIELDS 1 a", "[:31]"),
            ("HPERSIST h FIELDS 3 a a b", "[:1 :-1 :-1]"),
            ("HTTL h FIELDS 1 a", "[:-1]"),
            ("OBJECT ENCODING h", "\"listpackex\""),
            ("TTL h", ":-1"),
        ],
    );
}

#[test]
fn conditions_look_at_the_deadline_before() {
    let (db, _clock) = db_at(10_000);
    script(
        &db,
        &[
            ("HSET h a 1 b 2", ":2"),
            ("HPEXPIREAT h 20000 XX FIELDS 1 a", "[:0]"),
            ("HPEXPIREAT h 20000 GT FIELDS 1 a", "[:0]"),
            ("HPEXPIREAT h 20000 NX FIELDS 2 a a", "[:1 :0]"),
            ("HPEXPIREAT h 20000 LT FIELDS 1 b", "[:1]"),
            ("HPEXPIREAT h 20000 NX FIELDS 1 a", "[:0]"),
            ("HPEXPIREAT h 20000 gt FIELDS 1 a", "[:0]"),
            ("HPEXPIREAT h 20000 LT FIELDS 1 a", "[:0]"),
            ("HPEXPIREAT h 20001 GT FIELDS 2 a a", "[:1 :0]"),
            ("HPEXPIREAT h 19999 LT FIELDS 2 b b", "[:1 :0]"),
            ("HPEXPIREAT h 25000 XX FIELDS 2 a a", "[:1 :1]"),
            ("HPEXPIRETIME h FIELDS 2 a b", "[:25000 :19999]"),
            // A deadline in the past removes, if the condition holds.
            ("HPEXPIREAT h 5 GT FIELDS 1 a", "[:0]"),
            ("HPEXPIREAT h 5 LT FIELDS 2 a a", "[:2 :-2]"),
            ("HGETALL h", "{\"b\"=\"2\"}"),
            ("HEXPIRE h 0 FIELDS 2 b x", "[:2 :-2]"),
            ("EXISTS h", ":0"),
        ],
    );
}

#[test]
fn what_does_not_fit_is_refused_in_the_order_of_redis() {
    let (db, _clock) = db_at(10_000);
    db.hset("h", "f", "v").unwrap();
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let no_int = "-ERR value is not an integer or out of range";
    let too_few = "-ERR Parameter `numFields` should be greater than 0";
    let invalid = |command| format!("-ERR invalid expire time in '{command}' command");
    script(
        &db,
        &[
            ("SET s v", "+OK"),
            ("HEXPIRE s x FOO 1 f g", wrong),
            ("HTTL s FOO 1 f", wrong),
            ("HPERSIST s FOO 1 f", wrong),
            ("HEXPIRE h x FOO 1 f", no_int),
            (
                "HEXPIRE h -1 FOO 1 f",
                "-ERR invalid expire time, must be >= 0",
            ),
            ("HEXPIRE h 1 FOO 1 f", NO_FIELDS),
            ("HEXPIRE h 1 FOO FIELDS 1 f", NO_FIELDS),
            ("HEXPIRE h 1 NX XX FIELDS 1 f", NO_FIELDS),
            ("HEXPIRE h 1 FIELDS x f", too_few),
            ("HEXPIRE h 1 FIELDS 0 f", too_few),
            ("HEXPIRE h 1 FIELDS -1 f", too_few),
            ("HEXPIRE h 1 FIELDS 2 f", NO_MATCH),
            ("HEXPIRE h 1 FIELDS 1 f g", NO_MATCH),
            ("HEXPIRE h 1 NX FIELDS 1", NO_MATCH),
            ("HEXPIRE none x FIELDS 1 f", no_int),
            ("HEXPIRE none 1 FIELDS 2 f", NO_MATCH),
            (
                "HEXPIRE h 1 FIELDS 1",
                "-ERR wrong number of arguments for 'hexpire' command",
            ),
            ("HTTL h FOO 1 f", NO_FIELDS),
            ("HTTL h FIELDS 0 f", NOT_POSITIVE),
            ("HTTL h FIELDS x f", NOT_POSITIVE),
            ("HTTL h FIELDS 2 f", NO_MATCH),
            ("HTTL none FIELDS 2 f", NO_MATCH),
            ("HPERSIST h FIELDS 0 f", NOT_POSITIVE),
            ("HPERSIST h FIELDS 2 f", NO_MATCH),
            (
                "HTTL h FIELDS 1",
                "-ERR wrong number of arguments for 'httl' command",
            ),
            ("HTTL h FIELDS 1 f", "[:-1]"),
        ],
    );
    let max = (1_i64 << 46) - 1;
    for (line, command) in [
        (format!("HPEXPIREAT h {} FIELDS 1 f", max + 1), "hpexpireat"),
        (format!("HPEXPIRE h {} FIELDS 1 f", max - 9_999), "hpexpire"),
        (
            format!("HEXPIREAT h {} FIELDS 1 f", max / 1000 + 1),
            "hexpireat",
        ),
        (format!("HEXPIRE h {} FIELDS 1 f", i64::MAX), "hexpire"),
    ] {
        assert_eq!(say(&db, &line), invalid(command), "{line}");
    }
    assert!(db.hexpire("h", &["f"], Duration::MAX).is_err());
    assert!(db.hexpire_at_ms("h", &["f"], u64::MAX).is_err());
    assert_eq!(say(&db, "HTTL h FIELDS 1 f"), "[:-1]");
    assert_eq!(say(&db, &format!("HPEXPIREAT h {max} FIELDS 1 f")), "[:1]");
}

#[test]
fn a_new_value_has_no_deadline() {
    let (db, clock) = db_at(10_000);
    script(
        &db,
        &[
            ("HSET h a 1 b 2 c 3", ":3"),
            ("HPEXPIREAT h 20000 FIELDS 3 a b c", "[:1 :1 :1]"),
            ("HSET h a 4", ":0"),
            ("HMSET h b 5", "+OK"),
            ("HPTTL h FIELDS 3 a b c", "[:-1 :-1 :10000]"),
        ],
    );
    clock.set_ms(20_001);
    script(
        &db,
        &[
            ("HLEN h", ":2"),
            // A field that is past counts as new.
            ("HSETNX h c 6", ":1"),
            ("HDEL h c", ":1"),
            ("HPEXPIREAT h 30000 FIELDS 2 a b", "[:1 :1]"),
        ],
    );
    clock.set_ms(30_001);
    script(
        &db,
        &[
            ("HSET h a 7", ":1"),
            ("HDEL h b", ":0"),
            ("HEXPIRE h 10 FIELDS 2 a b", "[:1 :-2]"),
            ("HPERSIST h FIELDS 2 a b", "[:1 :-2]"),
            ("HGETALL h", "{\"a\"=\"7\"}"),
        ],
    );
}

#[test]
fn a_hash_goes_with_its_last_field() {
    let (db, clock) = db_at(10_000);
    let expiring = |key: &str| {
        db.hset_many(key, &[("a", "1"), ("b", "2")]).unwrap();
        db.hexpire_at_ms(key, &["a", "b"], 20_000).unwrap();
    };
    for key in ["one", "two", "three", "four", "five"] {
        expiring(key);
    }
    clock.set_ms(20_001);
    script(
        &db,
        &[
            ("EXISTS one", ":0"),
            ("TYPE one", "+none"),
            ("HLEN one", ":0"),
            ("KEYS *", "[]"),
            ("SCAN 0 COUNT 1000", "[\"0\" []]"),
            ("RANDOMKEY", "nil"),
            ("RENAME one x", "-ERR no such key"),
            ("COPY one x", ":0"),
            ("EXPIRE one 10", ":0"),
            // Anything can begin in its place.
            ("SETRANGE one 0 text", ":4"),
            ("INCR two", ":1"),
            ("HSET three a 1", ":1"),
            ("HLEN three", ":1"),
            ("HINCRBY four a 1", ":1"),
            ("DBSIZE", ":5"),
        ],
    );
    assert!(removed(&db) >= 1);
    assert_eq!(db.db_size().unwrap(), 4);
    assert_eq!(removed(&db), 0);
}

/// How many keys and fields the expirer removes that have expired by now.
fn removed(db: &Db) -> usize {
    let steps = std::iter::repeat_with(|| db.engine().expire_some());
    steps.take_while(|&removed| removed > 0).sum()
}

#[test]
fn the_expirer_removes_fields_that_are_due() {
    let (db, clock) = db_at(10_000);
    for key in ["few", "many"] {
        let len = if key == "few" { 3 } else { 1_000 };
        let fields: Vec<_> = (0..len).map(|i| format!("f{i}")).collect();
        let pairs: Vec<_> = fields.iter().map(|field| (field, "v")).collect();
        db.hset_many(key, &pairs).unwrap();
        for (i, field) in fields.iter().enumerate() {
            if i % 2 == 0 {
                db.hexpire_at_ms(key, &[field], 20_000 + i as u64).unwrap();
            }
        }
    }
    assert_eq!(removed(&db), 0);
    let held = db.snapshot().unwrap();
    clock.set_ms(20_101);
    assert_eq!(removed(&db), 2 + 51);
    assert_eq!(db.hlen("many").unwrap(), 949);
    db.rename("many", "moved").unwrap();
    db.copy("moved", "copied", false).unwrap();
    clock.set_ms(50_000);
    assert_eq!(removed(&db), 2 * 449);
    for key in ["moved", "copied"] {
        assert_eq!(db.hlen(key).unwrap(), 500);
        assert_eq!(db.httl_ms(key, &["f1"]).unwrap(), [FieldTtl::Never]);
    }
    assert_eq!(removed(&db), 0);
    drop(held);
}

#[test]
fn typed_calls_say_what_they_did() {
    let (db, _clock) = db_at(10_000);
    db.hset("h", "f", "v").unwrap();
    let in_ms = |ms| Duration::from_millis(ms);
    let set = [FieldExpire::Set];
    assert_eq!(db.hexpire("h", &["f"], in_ms(5_000)).unwrap(), set);
    assert_eq!(
        db.hexpire("h", &["f"], Duration::from_nanos(1)).unwrap(),
        set
    );
    assert_eq!(db.httl_ms("h", &["f"]).unwrap(), [FieldTtl::Ms(1)]);
    let later = FieldExpireIf::Later;
    assert_eq!(db.hexpire_with("h", &["f"], in_ms(9), later).unwrap(), set);
    let done = db.hexpire_at_ms_with("h", &["f"], 10_009, later).unwrap();
    assert_eq!(done, [FieldExpire::NotMet]);
    assert_eq!(
        db.hexpires_at_ms("h", &["f"]).unwrap(),
        [FieldTtl::Ms(10_009)]
    );
    assert_eq!(db.hpersist("h", &["f", "x"]).unwrap(), [Some(true), None]);
    assert_eq!(
        db.hexpire("h", &["f"], in_ms(0)).unwrap(),
        [FieldExpire::Removed]
    );
    assert_eq!(
        db.hexpire("h", &["f"], in_ms(1)).unwrap(),
        [FieldExpire::NoField]
    );
}

#[test]
fn a_transaction_and_a_snapshot_have_the_methods() {
    let db = Db::open_in_memory();
    db.transaction(|tx| {
        tx.hset("h", "f", "v")?;
        tx.hexpire_at_ms("h", &["f"], 4_102_444_800_000)
    })
    .unwrap();
    let snapshot = db.snapshot().unwrap();
    let ttl = snapshot.hexpires_at_ms("h", &["f"]).unwrap();
    assert_eq!(ttl, [FieldTtl::Ms(4_102_444_800_000)]);
}
