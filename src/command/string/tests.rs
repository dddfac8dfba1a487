use std::time::Duration;

use super::*;
use crate::command::script::{Numbers, db_at, say, script};
use crate::prelude::*;
use crate::{Clock, Db, ManualClock, StorageError};
use std::sync::Arc;

/// When the databases here are opened, in milliseconds since the Unix epoch.
const START_MS: u64 = 1_000_000;

/// The deadline of a key, as `GETEX` and `SET` see it.
fn deadline_of(db: &Db, key: &str) -> Option<u64> {
    let read = DeadlineOf {
        key: key.as_bytes(),
    };
    db.read(read).unwrap()
}

struct DeadlineOf<'a> {
    key: &'a [u8],
}

impl ReadCommand for DeadlineOf<'_> {
    type Output = Option<u64>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Option<u64>, CommandError> {
        Ok(tx.entry(self.key).and_then(|entry| entry.expires_at_ms()))
    }
}

#[test]
fn set_options_combine_as_in_redis() {
    let (db, _) = db_at(START_MS);
    script(
        &db,
        &[
            ("GET k", "nil"),
            ("SET k one XX", "nil"),
            ("SET k one NX", "+OK"),
            ("SET k two NX", "nil"),
            ("SET k two XX", "+OK"),
            ("SET k three NX GET", "\"two\""),
            ("GET k", "\"two\""),
            ("SET k three GET", "\"two\""),
            ("SET k four XX GET", "\"three\""),
            ("SET missing v XX GET", "nil"),
            ("GET missing", "nil"),
            ("SET missing v NX GET", "nil"),
            ("GET missing", "\"v\""),
            ("set K v nx get", "nil"),
            ("SET k five nX Nx NX", "nil"),
            ("SET k five GET GET EX 1 EX 20", "\"four\""),
        ],
    );
    assert_eq!(deadline_of(&db, "k"), Some(START_MS + 20_000));
    script(&db, &[("SET k v KEEPTTL KEEPTTL", "+OK")]);
    assert_eq!(deadline_of(&db, "k"), Some(START_MS + 20_000));
    script(&db, &[("SET k v", "+OK")]);
    assert_eq!(deadline_of(&db, "k"), None);
}

#[test]
fn set_takes_every_kind_of_time() {
    let (db, clock) = db_at(START_MS);
    for (line, deadline) in [
        ("SET k v EX 7", START_MS + 7_000),
        ("SET k v px 7", START_MS + 7),
        ("SET k v EXAT 7000", 7_000_000),
        ("SET k v PXAT 7000001", 7_000_001),
        ("SETEX k 9 v", START_MS + 9_000),
        ("PSETEX k 9 v", START_MS + 9),
        ("SET k v PXAT 9223372036854775807", i64::MAX as u64),
        ("SET k v EXAT 9223372036854775", 9_223_372_036_854_775_000),
    ] {
        assert_eq!(say(&db, line), "+OK", "{line}");
        assert_eq!(deadline_of(&db, "k"), Some(deadline), "{line}");
    }
    script(&db, &[("PSETEX k 9 v", "+OK")]);
    clock.set_ms(START_MS + 9);
    script(&db, &[("GET k", "\"v\"")]);
    clock.set_ms(START_MS + 10);
    script(
        &db,
        &[
            ("GET k", "nil"),
            ("SET k new XX", "nil"),
            ("SET k new NX KEEPTTL", "+OK"),
        ],
    );
    assert_eq!(deadline_of(&db, "k"), None);
    script(&db, &[("SET k v PXAT 1", "+OK"), ("GET k", "nil")]);
}

#[test]
fn set_refuses_with_the_texts_of_redis_and_changes_nothing() {
    let (db, _) = db_at(START_MS);
    script(&db, &[("SET k old PX 500", "+OK")]);
    script(
        &db,
        &[
            ("SET k", "-ERR wrong number of arguments for 'set' command"),
            ("SET k v EX", "-ERR syntax error"),
            ("SET k v EX 0", "-ERR invalid expire time in 'set' command"),
            (
                "SET k v EXAT 0",
                "-ERR invalid expire time in 'set' command",
            ),
            (
                "SET k v EX abc",
                "-ERR value is not an integer or out of range",
            ),
            ("SET k v PX -1", "-ERR invalid expire time in 'set' command"),
            (
                "SET k v EX 9223372036854775807",
                "-ERR invalid expire time in 'set' command",
            ),
            (
                "SET k v EX 9223372036854775",
                "-ERR invalid expire time in 'set' command",
            ),
            (
                "SET k v PX 9223372036854775807",
                "-ERR invalid expire time in 'set' command",
            ),
            (
                "SET k v PX 9223372036854775808",
                "-ERR value is not an integer or out of range",
            ),
            (
                "SET k v EXAT 9223372036854776",
                "-ERR invalid expire time in 'set' command",
            ),
            ("SET k v EX 1 PX 20", "-ERR syntax error"),
            ("SET k v EX PX 20", "-ERR syntax error"),
            ("SET k v NX XX", "-ERR syntax error"),
            ("SET k v XX NX", "-ERR syntax error"),
            ("SET k v KEEPTTL EX 1", "-ERR syntax error"),
            ("SET k v EX 1 KEEPTTL", "-ERR syntax error"),
            ("SET k v PERSIST", "-ERR syntax error"),
            ("SET k v FOO", "-ERR syntax error"),
            ("SET k v ''", "-ERR syntax error"),
            ("SET k v EX abc FOO", "-ERR syntax error"),
            ("SETEX k 0 v", "-ERR invalid expire time in 'setex' command"),
            (
                "SETEX k -1 v",
                "-ERR invalid expire time in 'setex' command",
            ),
            (
                "SETEX k abc v",
                "-ERR value is not an integer or out of range",
            ),
            (
                "SETEX k 9223372036854776 v",
                "-ERR invalid expire time in 'setex' command",
            ),
            (
                "PSETEX k 0 v",
                "-ERR invalid expire time in 'psetex' command",
            ),
            (
                "PSETEX k 9223372036854775807 v",
                "-ERR invalid expire time in 'psetex' command",
            ),
            (
                "SETEX k 1",
                "-ERR wrong number of arguments for 'setex' command",
            ),
            (
                "SETNX k",
                "-ERR wrong number of arguments for 'setnx' command",
            ),
        ],
    );
    script(&db, &[("GET k", "\"old\"")]);
    assert_eq!(deadline_of(&db, "k"), Some(START_MS + 500));
}

#[test]
fn getex_changes_only_the_deadline() {
    let (db, clock) = db_at(START_MS);
    script(
        &db,
        &[
            ("GETEX k EX 10", "nil"),
            ("GETEX k EX abc", "nil"),
            ("SET k v PX 500", "+OK"),
            ("GETEX k", "\"v\""),
        ],
    );
    assert_eq!(deadline_of(&db, "k"), Some(START_MS + 500));
    script(&db, &[("GETEX k PERSIST PERSIST", "\"v\"")]);
    assert_eq!(deadline_of(&db, "k"), None);
    for (line, deadline) in [
        ("GETEX k EX 7", START_MS + 7_000),
        ("GETEX k px 3 PX 7", START_MS + 7),
        ("GETEX k EXAT 7000", 7_000_000),
        ("GETEX k PXAT 7000001", 7_000_001),
    ] {
        assert_eq!(say(&db, line), "\"v\"", "{line}");
        assert_eq!(deadline_of(&db, "k"), Some(deadline), "{line}");
    }
    script(
        &db,
        &[
            ("GETEX k EX", "-ERR syntax error"),
            ("GETEX missing EX", "-ERR syntax error"),
            ("GETEX k KEEPTTL", "-ERR syntax error"),
            ("GETEX k NX", "-ERR syntax error"),
            ("GETEX k GET", "-ERR syntax error"),
            ("GETEX k EX 1 PERSIST", "-ERR syntax error"),
            ("GETEX k PERSIST EX 1", "-ERR syntax error"),
            ("GETEX k EX 1 PX 1", "-ERR syntax error"),
            (
                "GETEX k EX abc",
                "-ERR value is not an integer or out of range",
            ),
            (
                "GETEX k EX 0",
                "-ERR invalid expire time in 'getex' command",
            ),
            (
                "GETEX k PXAT -1",
                "-ERR invalid expire time in 'getex' command",
            ),
            (
                "GETEX k PX 9223372036854775807",
                "-ERR invalid expire time in 'getex' command",
            ),
            (
                "GETEX",
                "-ERR wrong number of arguments for 'getex' command",
            ),
        ],
    );
    assert_eq!(deadline_of(&db, "k"), Some(7_000_001));
    let this_moment = format!("GETEX k PXAT {START_MS}");
    assert_eq!(say(&db, &this_moment), "\"v\"");
    script(&db, &[("GETEX k", "nil")]);

    script(&db, &[("SET k v PX 5", "+OK")]);
    clock.advance(Duration::from_millis(6));
    script(&db, &[("GETEX k PERSIST", "nil"), ("GET k", "nil")]);
}

#[test]
fn getset_getdel_and_setnx_answer_what_was_there() {
    let (db, _) = db_at(START_MS);
    script(
        &db,
        &[
            ("GETSET k one", "nil"),
            ("SET k one PX 500", "+OK"),
            ("GETSET k two", "\"one\""),
            ("SETNX k three", ":0"),
            ("GETDEL k", "\"two\""),
            ("GETDEL k", "nil"),
            ("SETNX k three", ":1"),
            ("GET k", "\"three\""),
            (
                "GETDEL",
                "-ERR wrong number of arguments for 'getdel' command",
            ),
            (
                "GETSET k",
                "-ERR wrong number of arguments for 'getset' command",
            ),
        ],
    );
    assert_eq!(deadline_of(&db, "k"), None);
    db.set_with("k", "v", SetOptions::new().ttl_ms(5)).unwrap();
    db.get_set("k", "w").unwrap();
    assert_eq!(deadline_of(&db, "k"), None);
}

#[test]
fn expired_strings_are_not_seen_by_those_that_remove_or_replace() {
    let (db, clock) = db_at(START_MS);
    for line in [
        "GETDEL k",
        "GETSET k new",
        "SET k new GET",
        "GETEX k",
        "GET k",
    ] {
        script(&db, &[("SET k v PX 5", "+OK")]);
        clock.advance(Duration::from_millis(6));
        assert_eq!(say(&db, line), "nil", "{line}");
    }
    script(&db, &[("SET k v PX 5", "+OK")]);
    clock.advance(Duration::from_millis(6));
    script(&db, &[("SETNX k again", ":1"), ("GET k", "\"again\"")]);
    assert_eq!(deadline_of(&db, "k"), None);
}

#[test]
fn typed_options_reach_every_form() {
    let (db, _) = db_at(START_MS);
    assert!(!db.set_with("k", "v", SetOptions::new().xx()).unwrap());
    assert!(db.set_with("k", "v", SetOptions::new().xx().nx()).unwrap());
    let cases = [
        (SetOptions::new().ttl_ms(3), Some(START_MS + 3)),
        (SetOptions::new().keep_ttl(), Some(START_MS + 3)),
        (
            SetOptions::new().ttl(Duration::from_micros(1)),
            Some(START_MS + 1),
        ),
        (
            SetOptions::new().ttl(Duration::from_micros(1001)),
            Some(START_MS + 2),
        ),
        (
            SetOptions::new().ttl_ms(1).expires_at_ms(2_000_000),
            Some(2_000_000),
        ),
        (SetOptions::default(), None),
    ];
    for (options, deadline) in cases {
        assert!(db.set_with("k", "v", options).unwrap());
        assert_eq!(deadline_of(&db, "k"), deadline, "{options:?}");
    }
    let cases = [
        (GetExOptions::new().ttl_ms(3), Some(START_MS + 3)),
        (GetExOptions::default(), Some(START_MS + 3)),
        (
            GetExOptions::new().ttl(Duration::from_secs(1)),
            Some(START_MS + 1_000),
        ),
        (
            GetExOptions::new().expires_at_ms(2_000_000),
            Some(2_000_000),
        ),
        (GetExOptions::new().ttl_ms(1).persist(), None),
    ];
    for (options, deadline) in cases {
        assert_eq!(db.get_ex("k", options).unwrap(), Some(b"v".to_vec()));
        assert_eq!(deadline_of(&db, "k"), deadline, "{options:?}");
    }
    let refused = |error: Error, name: &str| {
        let text = format!("ERR invalid expire time in '{name}' command");
        assert_eq!(error.to_string(), text);
    };
    for ms in [0, i64::MAX as u64, u64::MAX] {
        refused(
            db.set_with("k", "w", SetOptions::new().ttl_ms(ms))
                .unwrap_err(),
            "set",
        );
        refused(
            db.get_ex("k", GetExOptions::new().ttl_ms(ms)).unwrap_err(),
            "getex",
        );
        refused(db.set_ex("k", "w", ms).unwrap_err(), "setex");
        refused(db.pset_ex("k", "w", ms).unwrap_err(), "psetex");
    }
    let forever = SetOptions::new().ttl(Duration::MAX);
    refused(db.set_with("k", "w", forever).unwrap_err(), "set");
    assert_eq!(db.get("k").unwrap(), Some(b"v".to_vec()));
}

#[test]
fn keys_and_values_are_any_bytes_of_any_size() {
    let db = Db::open_in_memory();
    let every_byte: Vec<u8> = (0..=255).collect();
    for len in [0, 1, 44, 1023, 1024, 1025, 4096, 4097, 100_000] {
        let value: Vec<u8> = every_byte.iter().copied().cycle().take(len).collect();
        let key = [&every_byte[..], &len.to_be_bytes()].concat();
        db.set(&key, &value).unwrap();
        assert_eq!(db.get(&key).unwrap().as_ref(), Some(&value));
        let mut out = b"what was there".to_vec();
        assert!(db.get_into(&key, &mut out).unwrap());
        assert_eq!(out, value);
        let same = db.get_with(&key, |bytes| bytes == value).unwrap();
        assert_eq!(same, Some(true));
        assert_eq!(db.get_del(&key).unwrap(), Some(value));
        assert!(!db.get_into(&key, &mut out).unwrap());
        assert!(out.is_empty());
        assert_eq!(db.get_with(&key, |_| ()).unwrap(), None);
    }
    db.set("", "of the empty key").unwrap();
    assert_eq!(db.get("").unwrap(), Some(b"of the empty key".to_vec()));
}

#[test]
fn a_string_longer_than_a_reply_is_refused_before_anything_changes() {
    let db = Db::builder().sparse_strings().open_in_memory();
    db.set_range("k", COPY_BYTES_MAX, "x").unwrap();
    let text = CommandError::StringTooLong.to_string();
    let mut out = b"old".to_vec();
    let refusals = [
        db.get("k").unwrap_err(),
        db.get_into("k", &mut out).unwrap_err(),
        db.get_with("k", |_| ()).unwrap_err(),
        db.get_del("k").unwrap_err(),
        db.get_set("k", "v").unwrap_err(),
        db.get_ex("k", GetExOptions::new().ttl_ms(5)).unwrap_err(),
        db.mget(&["k"]).unwrap_err(),
        db.mget_with(&["k"], |_, _| ()).unwrap_err(),
    ];
    for error in refusals {
        assert_eq!(error.to_string(), text);
    }
    assert!(out.is_empty());
    assert_eq!(db.strlen("k").unwrap(), COPY_BYTES_MAX + 1);
    assert_eq!(deadline_of(&db, "k"), None);
}

#[test]
fn snapshots_read_and_transactions_write() {
    let db = Db::open_in_memory();
    db.set("k", "before").unwrap();
    let snapshot = db.snapshot().unwrap();
    let result: Result<(), Error> = db.transaction(|tx| {
        assert_eq!(tx.get_set("k", "within")?, Some(b"before".to_vec()));
        assert_eq!(db.get("k")?, Some(b"before".to_vec()));
        tx.append("k", "!")?;
        tx.incr("n")?;
        Ok(())
    });
    result.unwrap();
    assert_eq!(db.get("k").unwrap(), Some(b"within!".to_vec()));
    assert_eq!(snapshot.get("k").unwrap(), Some(b"before".to_vec()));
    assert_eq!(snapshot.strlen("n").unwrap(), 0);
    let failed: Result<(), Error> = db.transaction(|tx| {
        tx.set("k", "lost")?;
        Err(StorageError::Cancelled.into())
    });
    assert!(failed.is_err());
    assert_eq!(db.get("k").unwrap(), Some(b"within!".to_vec()));
}

/// A value, its deadline, and whether it was edited.
type Content = (Vec<u8>, Option<u64>, bool);

/// Everything that can be seen of the keys `k0` to `k15`: value, deadline, encoding.
fn contents(db: &Db) -> Vec<Option<Content>> {
    let seen = |number| {
        let key = format!("k{number}");
        let value = db.get(&key).unwrap()?;
        let edited = db
            .read(IsEdited {
                key: key.as_bytes(),
            })
            .unwrap();
        Some((value, deadline_of(db, &key), edited))
    };
    (0..16).map(seen).collect()
}

struct IsEdited<'a> {
    key: &'a [u8],
}

impl ReadCommand for IsEdited<'_> {
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<bool, CommandError> {
        Ok(tx.entry(self.key).is_some_and(|entry| entry.is_edited()))
    }
}

#[test]
#[cfg_attr(miri, ignore = "opens files")]
fn replay_rebuilds_what_random_commands_made() {
    for seed in 0..8 {
        let numbers = Numbers::seeded(seed);
        let below = |bound: u64| numbers.next() % bound;
        let clock = Arc::new(ManualClock::new(START_MS));
        let dir = tempfile::tempdir().unwrap();
        let open = || {
            let builder = Db::builder().clock(clock.clone()).shard_bits(2);
            builder.open(dir.path().join("strings.nacre")).unwrap()
        };
        let db = open();
        for _ in 0..800 {
            let key = format!("k{}", below(16));
            let other = format!("k{}", below(16));
            let number = below(30);
            let filling = "x".repeat([0, 3, 900, 5_000][below(4) as usize]);
            // Most of the random commands succeed; those refused must leave nothing either.
            let line = match below(16) {
                0 => format!("SET {key} {number}"),
                1 => format!("SET {key} {number} PX {}", number + 1),
                2 => format!("SET {key} {filling}y KEEPTTL GET"),
                3 => format!("SET {key} {number} NX"),
                4 | 5 => format!("INCRBY {key} {number}"),
                6 => format!("DECR {key}"),
                7 => format!("INCRBYFLOAT {key} 0.{number}"),
                8 | 9 => format!("APPEND {key} {filling}{number}"),
                10 => format!("APPEND {key} ''"),
                11 => format!("SETRANGE {key} {} {filling}", number * 97),
                12 => format!("MSET {key} {number} {other} 1"),
                13 => format!("MSETNX {key} {number} {other} 1"),
                14 => format!("GETEX {key} PX {}", number + 1),
                _ => format!("GETDEL {key}"),
            };
            say(&db, &line);
            if below(8) == 0 {
                clock.advance(Duration::from_millis(below(12)));
            }
        }
        let before = contents(&db);
        db.close().unwrap();
        let db = open();
        assert_eq!(contents(&db), before, "seed {seed}");
        db.compact().unwrap();
        db.close().unwrap();
        assert_eq!(contents(&open()), before, "compacted, seed {seed}");
    }
}

#[test]
fn only_edits_of_a_string_that_was_there_make_it_raw() {
    let db = Db::open_in_memory();
    let edited = |key: &str| {
        db.read(IsEdited {
            key: key.as_bytes(),
        })
        .unwrap()
    };
    for (line, raw) in [
        ("APPEND k 1", false),
        ("APPEND k ''", true),
        ("INCR k", false),
        ("SETRANGE k 0 ''", false),
        ("SETRANGE k 0 5", true),
        ("GETEX k PX 50", true),
        ("INCRBYFLOAT k 1.5", false),
        ("APPEND k 0", true),
        ("SET k 1 KEEPTTL", false),
    ] {
        say(&db, line);
        assert_eq!(edited("k"), raw, "{line}");
    }
    say(&db, "SETRANGE new 0 5");
    assert!(edited("new"));
}
