use crate::command::script::{db_at, say, script};
use crate::prelude::*;
use crate::{Db, EncodingLimits, ManualClock};
use std::sync::Arc;

#[test]
fn usage_counts_key_entry_and_value() {
    let db = Db::open_in_memory();
    let usage = |key: &str| db.memory_usage(key).unwrap().unwrap();
    db.set("k", "").unwrap();
    let least = usage("k");
    assert!((8..32).contains(&least), "{least}");
    db.set("k", "0123456789").unwrap();
    assert_eq!(usage("k"), least + 10);
    db.expire_at_ms("k", 1 << 50).unwrap();
    assert_eq!(usage("k"), least + 18, "and eight for the deadline");
    let long = "k".repeat(1_000);
    db.set(&long, "").unwrap();
    assert!((1_000..1_100).contains(&usage(&long)));
    db.set("k", vec![1; 100_000]).unwrap();
    assert!((100_000..104_000).contains(&usage("k")));
    db.set_range("k", 9_000_000, "x").unwrap();
    assert!(
        (100_000..120_000).contains(&usage("k")),
        "zeros take nothing"
    );
    assert_eq!(
        db.snapshot().unwrap().memory_usage("k").unwrap(),
        db.memory_usage("k").unwrap()
    );
    let in_transaction = db.transaction(|tx| tx.memory_usage("k")).unwrap();
    assert_eq!(in_transaction, db.memory_usage("k").unwrap());
}

#[test]
fn usage_in_words_has_redis_rules() {
    let (db, clock) = db_at(1_000);
    script(
        &db,
        &[
            ("SET k v", "+OK"),
            ("MEMORY USAGE missing", "nil"),
            ("MEMORY USAGE k SAMPLES", "-ERR syntax error"),
            (
                "MEMORY USAGE k SAMPLES x",
                "-ERR value is not an integer or out of range",
            ),
            ("MEMORY USAGE missing SAMPLES -1", "-ERR syntax error"),
            ("MEMORY USAGE k FOO 1", "-ERR syntax error"),
            (
                "MEMORY USAGE",
                "-ERR wrong number of arguments for 'memory|usage' command",
            ),
            (
                "MEMORY NOPE",
                "-ERR unknown subcommand 'NOPE'. Try MEMORY HELP.",
            ),
            (
                "MEMORY STATS x",
                "-ERR wrong number of arguments for 'memory|stats' command",
            ),
            ("PEXPIREAT k 1500", ":1"),
        ],
    );
    let plain = say(&db, "MEMORY USAGE k");
    assert_eq!(say(&db, "memory usage k samples 0 SAMPLES 5"), plain);
    clock.set_ms(2_000);
    assert_eq!(say(&db, "MEMORY USAGE k"), "nil", "expired");
}

#[test]
fn stats_sum_up_all_databases() {
    let clock = Arc::new(ManualClock::new(1));
    let limits = EncodingLimits::REDIS;
    let db = Db::builder()
        .clock(clock)
        .encoding_limits(limits)
        .open_in_memory();
    assert_eq!(
        say(&db, "MEMORY STATS"),
        "{\"dataset.bytes\"=:0 \"keys.count\"=:0 \"keys.bytes-per-key\"=:0}"
    );
    db.set("a", vec![1; 50_000]).unwrap();
    db.database(3).unwrap().set("b", vec![1; 50_000]).unwrap();
    let stats = db.stats().unwrap();
    assert!(
        (100_000..110_000).contains(&stats.memory_bytes),
        "{stats:?}"
    );
    assert_eq!((stats.max_memory_bytes, stats.evicted_keys), (None, 0));
    let expected = format!(
        "{{\"dataset.bytes\"=:{} \"keys.count\"=:2 \"keys.bytes-per-key\"=:{}}}",
        stats.memory_bytes,
        stats.memory_bytes / 2
    );
    assert_eq!(say(&db, "MEMORY STATS"), expected);
    db.flush_all().unwrap();
    assert_eq!(db.stats().unwrap().memory_bytes, 0);
}
