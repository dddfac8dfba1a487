use std::sync::atomic::{AtomicBool, Ordering};

use crate::command::script::{db_at, script};
use crate::prelude::*;
use crate::{Db, Error, StorageError};

#[test]
fn every_reply_is_that_of_redis() {
    let (db, _clock) = db_at(1_234_567);
    let arity = |name: &str| format!("-ERR wrong number of arguments for '{name}' command");
    let int = "-ERR value is not an integer or out of range";
    let int32 = "-ERR value is out of range, value must between -2147483648 and 2147483647";
    let index = "-ERR DB index is out of range";
    script(
        &db,
        &[
            ("PING", "+PONG"),
            ("ping hello", "\"hello\""),
            ("PING ''", "\"\""),
            ("PING a b", &arity("ping")),
            ("ECHO hello", "\"hello\""),
            ("ECHO", &arity("echo")),
            ("TIME", "[\"1234\" \"567000\"]"),
            ("TIME x", &arity("time")),
            ("SELECT 0", "+OK"),
            ("SELECT 16", index),
            ("SELECT -1", index),
            ("SELECT x", int),
            ("SELECT 1.5", int),
            ("SELECT 99999999999", int32),
            ("SELECT", &arity("select")),
            ("DBSIZE", ":0"),
            ("SET a 1", "+OK"),
            ("DBSIZE", ":1"),
            ("DBSIZE x", &arity("dbsize")),
            ("FLUSHDB x", "-ERR syntax error"),
            ("FLUSHDB SYNC ASYNC", "-ERR syntax error"),
            ("FLUSHALL SYNC x", "-ERR syntax error"),
            ("DBSIZE", ":1"),
        ],
    );
    for flush in ["FLUSHDB", "flushdb sync", "FLUSHALL", "FLUSHALL ASYNC"] {
        script(
            &db,
            &[
                ("SET a 1", "+OK"),
                (flush, "+OK"),
                ("DBSIZE", ":0"),
                ("GET a", "nil"),
            ],
        );
    }
}

#[test]
fn unknown_commands_are_quoted_as_redis_quotes_them() {
    let db = Db::open_in_memory();
    let (x, y) = ("x".repeat(200), "y".repeat(100));
    let (x128, y128) = ("x".repeat(128), "y".repeat(100));
    let line = format!("{x} {y} {y} z");
    // 128 bytes of arguments in all, quotes and spaces included.
    let rest = "y".repeat(25);
    let clipped =
        format!("-ERR unknown command '{x128}', with args beginning with: '{y128}' '{rest}' ");
    let invalid = format!(r"foo {} {y} z", r"\xff".repeat(60));
    let (replaced, rest) = ("\u{fffd}".repeat(60), "y".repeat(65));
    let shown =
        format!("-ERR unknown command 'foo', with args beginning with: '{replaced}' '{rest}' ");
    script(
        &db,
        &[
            (&line, &clipped),
            // Bytes are counted, not what they are shown as.
            (&invalid, &shown),
            (
                "foo",
                "-ERR unknown command 'foo', with args beginning with: ",
            ),
            (
                r"foo\x0d\x0abar a\x00b\x0a",
                "-ERR unknown command 'foo  bar', with args beginning with: 'a' ",
            ),
        ],
    );
    let none: [&str; 0] = [];
    assert!(db.execute(&none).is_err());
}

#[test]
fn a_snapshot_answers_with_its_own_time_and_content() {
    let (db, clock) = db_at(1_000);
    db.set("a", "1").unwrap();
    let snapshot = db.snapshot().unwrap();
    db.flush_all().unwrap();
    clock.set_ms(9_000);
    assert_eq!(
        (snapshot.time_ms().unwrap(), db.time_ms().unwrap()),
        (1_000, 9_000)
    );
    assert_eq!((snapshot.db_size().unwrap(), db.db_size().unwrap()), (1, 0));
    snapshot.ping().unwrap();
}

#[test]
fn a_flush_waits_for_a_transaction_and_comes_after_it() {
    let db = Db::open_in_memory();
    let done = AtomicBool::new(false);
    crossbeam::thread::scope(|scope| {
        db.transaction(|tx| {
            tx.set("a", "1")?;
            scope.spawn(|_| {
                db.flush_all().unwrap();
                done.store(true, Ordering::Release);
            });
            for _ in 0..100 {
                std::thread::yield_now();
            }
            assert!(!done.load(Ordering::Acquire));
            assert!(tx.exists("a")?);
            Ok::<(), Error>(())
        })
        .unwrap();
    })
    .unwrap();
    assert_eq!(db.db_size().unwrap(), 0);
}

#[test]
fn nothing_is_flushed_inside_ones_own_visitor() {
    let db = Db::open_in_memory();
    db.set("a", "1").unwrap();
    let refused = db.get_with("a", |_| db.flush_all()).unwrap().unwrap();
    assert!(matches!(
        refused,
        Err(Error::Storage(StorageError::Reentrant))
    ));
    assert!(db.exists("a").unwrap());
}
