use std::time::Duration;

use crate::command::script::{db_at, script};
use crate::prelude::*;
use crate::{ExpireOptions, Ttl};

#[test]
fn deadlines_are_set_in_every_unit() {
    let (db, _clock) = db_at(10_000);
    script(
        &db,
        &[
            ("EXPIRE k 10", ":0"),
            ("TTL k", ":-2"),
            ("PTTL k", ":-2"),
            ("EXPIRETIME k", ":-2"),
            ("PEXPIRETIME k", ":-2"),
            ("PERSIST k", ":0"),
            ("SET k v", "+OK"),
            ("TTL k", ":-1"),
            ("PTTL k", ":-1"),
            ("EXPIRETIME k", ":-1"),
            ("PEXPIRETIME k", ":-1"),
            ("PERSIST k", ":0"),
            ("EXPIRE k 10", ":1"),
            ("PEXPIRETIME k", ":20000"),
            ("EXPIRETIME k", ":20"),
            ("PTTL k", ":10000"),
            ("TTL k", ":10"),
            ("PEXPIRE k 1500", ":1"),
            ("PTTL k", ":1500"),
            ("TTL k", ":2"),
            ("PEXPIRE k 1499", ":1"),
            ("TTL k", ":1"),
            ("PEXPIRE k 499", ":1"),
            ("TTL k", ":0"),
            ("EXPIREAT k 30", ":1"),
            ("PEXPIRETIME k", ":30000"),
            ("PEXPIREAT k 30501", ":1"),
            ("PEXPIRETIME k", ":30501"),
            ("EXPIRETIME k", ":31"),
            ("PERSIST k", ":1"),
            ("TTL k", ":-1"),
        ],
    );
}

#[test]
fn a_deadline_that_is_not_after_now_removes_the_key() {
    let (db, _clock) = db_at(10_000);
    for line in [
        "EXPIRE k 0",
        "EXPIRE k -1",
        "EXPIRE k -9223372036854775",
        "PEXPIRE k 0",
        "EXPIREAT k 10",
        "EXPIREAT k -5",
        "PEXPIREAT k 10000",
        "PEXPIREAT k -9223372036854775808",
    ] {
        script(&db, &[("SET k v", "+OK"), (line, ":1"), ("DBSIZE", ":0")]);
    }
    script(
        &db,
        &[
            ("SET k v", "+OK"),
            ("PEXPIREAT k 10001", ":1"),
            ("EXISTS k", ":1"),
            // The conditions come first.
            ("EXPIRE k -1 GT", ":0"),
            ("EXISTS k", ":1"),
            ("EXPIRE k -1 LT", ":1"),
            ("EXISTS k", ":0"),
        ],
    );
}

#[test]
fn conditions_hold_or_nothing_changes() {
    let (db, _clock) = db_at(10_000);
    script(
        &db,
        &[
            ("SET k v", "+OK"),
            ("EXPIRE k 10 GT", ":0"),
            ("EXPIRE k 10 XX", ":0"),
            ("EXPIRE k 10 XX LT", ":0"),
            ("TTL k", ":-1"),
            ("EXPIRE k 10 LT", ":1"),
            ("EXPIRE k 100 nx", ":0"),
            ("EXPIRE k 10 GT", ":0"),
            ("EXPIRE k 10 LT", ":0"),
            ("EXPIRE k 11 XX gt", ":1"),
            ("EXPIRE k 10 xx lt", ":1"),
            ("TTL k", ":10"),
            ("PERSIST k", ":1"),
            ("EXPIRE k 20 NX NX", ":1"),
            ("TTL k", ":20"),
        ],
    );
}

#[test]
fn errors_come_in_the_order_of_redis() {
    let (db, _clock) = db_at(10_000);
    let nx = "-ERR NX and XX, GT or LT options at the same time are not compatible";
    let gt = "-ERR GT and LT options at the same time are not compatible";
    let int = "-ERR value is not an integer or out of range";
    let arity = "-ERR wrong number of arguments for 'expire' command";
    script(
        &db,
        &[
            ("EXPIRE k 10 NX XX", nx),
            ("EXPIRE k 10 NX GT", nx),
            ("EXPIRE k 10 LT NX", nx),
            ("EXPIRE k 10 GT LT NX", nx),
            ("EXPIRE k 10 GT LT", gt),
            ("EXPIRE k x GT LT", gt),
            ("EXPIRE k x", int),
            ("EXPIRE k 1.5", int),
            ("EXPIRE k 9223372036854775808", int),
            ("EXPIRE k x FOO", "-ERR Unsupported option FOO"),
            (
                r"EXPIRE k 1 a\x0d\x0ab\x00c",
                "-ERR Unsupported option a  b",
            ),
            ("EXPIRE k", arity),
            (
                "TTL k k",
                "-ERR wrong number of arguments for 'ttl' command",
            ),
            (
                "PERSIST",
                "-ERR wrong number of arguments for 'persist' command",
            ),
        ],
    );
}

#[test]
fn deadlines_beyond_64_bits_are_refused_before_the_key_is_looked_at() {
    let (db, _clock) = db_at(10_000);
    let refusal = |name: &str| format!("-ERR invalid expire time in '{name}' command");
    script(
        &db,
        &[
            ("EXPIRE k 9223372036854775807", &refusal("expire")),
            ("EXPIRE k 9223372036854775", &refusal("expire")),
            ("EXPIRE k -9223372036854776", &refusal("expire")),
            ("PEXPIRE k 9223372036854775807", &refusal("pexpire")),
            ("PEXPIRE k 9223372036854765808", &refusal("pexpire")),
            ("EXPIREAT k 9223372036854776", &refusal("expireat")),
            ("EXPIREAT k -9223372036854776", &refusal("expireat")),
            ("PEXPIREAT k 9223372036854775807", ":0"),
            ("PEXPIRE k 9223372036854765807", ":0"),
            ("SET k v", "+OK"),
            ("PEXPIREAT k 9223372036854775807", ":1"),
            ("PEXPIRETIME k", ":9223372036854775807"),
            ("EXPIRETIME k", ":9223372036854776"),
            ("PTTL k", ":9223372036854765807"),
            ("EXPIREAT k 9223372036854775", ":1"),
            ("PEXPIRETIME k", ":9223372036854775000"),
        ],
    );
}

#[test]
fn typed_calls_keep_every_limit() {
    let (db, clock) = db_at(10_000);
    assert!(!db.expire("k", Duration::from_secs(1)).unwrap());
    db.set("k", "v").unwrap();
    assert!(db.expire("k", Duration::from_nanos(1)).unwrap());
    assert_eq!(db.ttl_ms("k").unwrap(), Ttl::Ms(1), "rounded up");
    assert!(db.expire("k", Duration::MAX).is_err());
    assert!(db.expire_at_ms("k", u64::MAX).is_err());
    assert_eq!(db.expires_at_ms("k").unwrap(), Ttl::Ms(10_001));
    let excluding = ExpireOptions::new().gt().lt();
    assert!(db.expire_at_ms_with("k", 20_000, excluding).is_err());
    let later = ExpireOptions::new().xx().gt();
    assert!(db.expire_with("k", Duration::from_secs(1), later).unwrap());
    assert_eq!(db.ttl_ms("k").unwrap().secs(), Some(1));
    clock.set_ms(11_001);
    assert_eq!(db.ttl_ms("k").unwrap(), Ttl::NoKey);
    db.set("k", "v").unwrap();
    assert!(db.expire("k", Duration::ZERO).unwrap());
    assert!(!db.exists("k").unwrap());
}

#[test]
fn setting_a_deadline_lets_the_value_alone() {
    let (db, _clock) = db_at(10_000);
    let long = vec![7_u8; 100_000];
    db.set("long", &long).unwrap();
    db.expire_at_ms("long", 20_000).unwrap();
    assert_eq!(db.get("long").unwrap(), Some(long));
    script(&db, &[("OBJECT ENCODING long", "\"raw\"")]);
}
