//! Sessions through the public API: MULTI, EXEC, DISCARD, WATCH, UNWATCH and SELECT, by the rules of
//! Redis 7.0.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nacredb::{CommandError, Db, Error, EvictionPolicy, ManualClock, Reply, Session, prelude::*};

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn show(reply: &Reply) -> String {
    match reply {
        Reply::Nil => "nil".to_owned(),
        Reply::Status(text) => text.to_string(),
        Reply::Int(number) => format!(":{number}"),
        Reply::Bulk(bytes) => format!("'{}'", bytes.escape_ascii()),
        Reply::Array(items) => {
            let items: Vec<_> = items.iter().map(show).collect();
            format!("[{}]", items.join(" "))
        }
        Reply::Error(error) => format!("-{error}"),
        Reply::Map(_) | _ => panic!("{reply:?}"),
    }
}

fn say(session: &mut Session, line: &str) -> String {
    match session.execute(&words(line)) {
        Ok(reply) => show(&reply),
        Err(error) => format!("-{error}"),
    }
}

/// Lines and what they are answered.
#[track_caller]
fn talk(session: &mut Session, lines: &[(&str, &str)]) {
    for (at, (line, expected)) in lines.iter().enumerate() {
        assert_eq!(say(session, line), *expected, "line {at}: {line}");
    }
}

fn frames(path: &std::path::Path) -> u64 {
    let mut data = 0;
    for frame in nacredb::inspect::log(path, 0).unwrap() {
        data += u64::from(!frame.unwrap().effects().unwrap().is_empty());
    }
    data
}

#[test]
fn exec_runs_what_was_queued_and_answers_for_each() {
    let db = Db::open_in_memory();
    let mut session = db.session();
    talk(
        &mut session,
        &[
            ("MULTI", "OK"),
            ("SET a 1", "QUEUED"),
            ("INCR a", "QUEUED"),
            ("GET a", "QUEUED"),
        ],
    );
    assert!(session.is_queueing());
    assert_eq!(db.get("a").unwrap(), None);
    talk(
        &mut session,
        &[
            ("EXEC", "[OK :2 '2']"),
            ("EXEC", "-ERR EXEC without MULTI"),
            ("DISCARD", "-ERR DISCARD without MULTI"),
            ("MULTI", "OK"),
            ("EXEC", "[]"),
            ("MULTI", "OK"),
            ("SET a x", "QUEUED"),
            ("DISCARD", "OK"),
            ("GET a", "'2'"),
        ],
    );
}

#[test]
fn what_cannot_be_queued_makes_exec_refuse() {
    let mut session = Db::open_in_memory().session();
    for bad in ["NOSUCH x", "GET", "OBJECT nosuch", "UNWATCH x"] {
        talk(&mut session, &[("MULTI", "OK"), ("SET a 1", "QUEUED")]);
        assert!(say(&mut session, bad).starts_with("-ERR "), "{bad}");
        talk(
            &mut session,
            &[
                ("SET b 1", "QUEUED"),
                (
                    "EXEC",
                    "-EXECABORT Transaction discarded because of previous errors.",
                ),
                ("EXISTS a b", ":0"),
                ("MULTI", "OK"),
                ("EXEC", "[]"),
            ],
        );
    }
    // Redis refuses these two and goes on queueing.
    talk(
        &mut session,
        &[
            ("MULTI", "OK"),
            ("MULTI", "-ERR MULTI calls can not be nested"),
            ("WATCH a", "-ERR WATCH inside MULTI is not allowed"),
            ("SET a 1", "QUEUED"),
            ("EXEC", "[OK]"),
            ("MULTI", "OK"),
            (
                "EXEC now",
                "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
            ),
            ("EXEC", "-ERR EXEC without MULTI"),
        ],
    );
}

#[test]
fn a_command_that_is_refused_inside_exec_undoes_nothing() {
    let mut session = Db::open_in_memory().session();
    talk(
        &mut session,
        &[
            ("MULTI", "OK"),
            ("SET a text", "QUEUED"),
            ("INCR a", "QUEUED"),
            ("SET b 1 NX XX", "QUEUED"),
            ("SET c 3", "QUEUED"),
            (
                "EXEC",
                "[OK -ERR value is not an integer or out of range -ERR syntax error OK]",
            ),
            ("MGET a b c", "['text' nil '3']"),
        ],
    );
}

#[test]
fn select_inside_a_transaction_holds_from_there_on() {
    let db = Db::open_in_memory();
    let mut session = db.session();
    talk(
        &mut session,
        &[
            ("MULTI", "OK"),
            ("SET k zero", "QUEUED"),
            ("SELECT 3", "QUEUED"),
            ("SET k three", "QUEUED"),
            ("SELECT 16", "QUEUED"),
            ("EXEC", "[OK OK OK -ERR DB index is out of range]"),
            ("GET k", "'three'"),
            ("SELECT 1", "OK"),
            ("GET k", "nil"),
        ],
    );
    assert_eq!(session.selected(), 1);
    session.select(3).unwrap();
    assert_eq!(session.get("k").unwrap(), Some(b"three".to_vec()));
    assert_eq!(db.get("k").unwrap(), Some(b"zero".to_vec()));
    session.reset();
    assert_eq!(session.selected(), 0);
    session.select(16).unwrap_err();
}

#[test]
fn one_frame_for_one_exec_and_none_for_one_that_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::open(&path).unwrap();
    let mut session = db.session();
    let script = [
        "SET before 1",
        "MULTI",
        "SET a 1",
        "SELECT 2",
        "SET b 2",
        "INCR a",
        "APPEND b x",
        "EXEC",
        "MULTI",
        "GET b",
        "EXEC",
        "WATCH b",
        "MULTI",
        "SET b lost",
        "DISCARD",
    ];
    for line in script {
        assert!(!say(&mut session, line).starts_with('-'), "{line}");
    }
    db.close().unwrap();
    assert_eq!(frames(&path), 2);
    let db = Db::open(&path).unwrap();
    assert_eq!(
        db.database(2).unwrap().get("b").unwrap(),
        Some(b"2x".to_vec())
    );
}

#[test]
fn a_touched_key_keeps_exec_from_running() {
    let clock = Arc::new(ManualClock::new(1_000_000));
    // What is there before, what another handle does, whether that touches `k` of database 0.
    let cases: &[(&str, &str, bool)] = &[
        ("SET k v", "SET k v", true),
        ("SET k v", "SET other v", false),
        ("SET k v", "GET k", false),
        ("SET k v", "DEL k", true),
        ("PING", "DEL k", false),
        ("PING", "SET k v", true),
        ("SET k v", "EXPIRE k 100", true),
        ("SET k v", "PERSIST k", false),
        ("SET k v", "RENAME k other", true),
        ("SET from v", "RENAME from k", true),
        ("SET from v", "COPY from k", true),
        ("SET k v", "COPY k to", false),
        ("SET k v", "MOVE k 5", true),
        ("SET k v", "SETRANGE k 0 w", true),
        ("SET k v", "FLUSHALL", true),
        ("SET k v", "FLUSHDB", true),
        ("PING", "FLUSHALL", false),
        ("PING", "FLUSHDB", false),
        ("SET k v", "SWAPDB 0 1", true),
        ("SET k v", "SWAPDB 1 2", false),
        ("PING", "SWAPDB 0 1", false),
        ("PING", "SWAPDB 1 0", false),
        ("SET k v", "SWAPDB 0 0", false),
    ];
    for &(before, touch, touched) in cases {
        for by_transaction in [false, true] {
            let db = Db::builder().clock(clock.clone()).open_in_memory();
            let mut session = db.session();
            let mut other = db.session();
            say(&mut session, before);
            talk(&mut session, &[("WATCH k", "OK")]);
            if by_transaction {
                say(&mut other, "MULTI");
                say(&mut other, touch);
                say(&mut other, "EXEC");
            } else {
                say(&mut other, touch);
            }
            let answer = if touched { "nil" } else { "[OK]" };
            let context = format!("{before}, {touch}, in a transaction: {by_transaction}");
            say(&mut session, "MULTI");
            say(&mut session, "SET done 1");
            assert_eq!(say(&mut session, "EXEC"), answer, "{context}");
            assert_eq!(db.exists("done").unwrap(), !touched, "{context}");
            // The watch has ended with EXEC.
            say(&mut other, "SET k again");
            talk(&mut session, &[("MULTI", "OK"), ("EXEC", "[]")]);
        }
    }
}

#[test]
fn databases_that_change_places_touch_what_is_in_either() {
    let db = Db::open_in_memory();
    let mut session = db.session();
    db.database(1).unwrap().set("k", "v").unwrap();
    talk(&mut session, &[("WATCH k", "OK")]);
    db.swap_databases(0, 1).unwrap();
    talk(&mut session, &[("MULTI", "OK"), ("EXEC", "nil")]);
    // A key of database 1, watched there, from a session that has gone elsewhere.
    talk(
        &mut session,
        &[("SELECT 4", "OK"), ("WATCH k", "OK"), ("SELECT 0", "OK")],
    );
    db.set("k", "w").unwrap();
    talk(&mut session, &[("MULTI", "OK"), ("EXEC", "[]")]);
    talk(
        &mut session,
        &[("SELECT 4", "OK"), ("WATCH k", "OK"), ("SELECT 0", "OK")],
    );
    assert!(db.move_to_database("k", 4).unwrap());
    talk(&mut session, &[("MULTI", "OK"), ("EXEC", "nil")]);
}

#[test]
fn a_key_that_expires_is_touched_and_one_that_had_expired_is_not() {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let db = Db::builder().clock(clock.clone()).open_in_memory();
    let mut session = db.session();
    // Expired and not removed; expired and removed by the clock's tick; expired and removed by a writer.
    for removal in ["", "tick", "DEL k", "FLUSHDB", "SWAPDB 0 9"] {
        let remove = |db: &Db| match removal {
            "" => {}
            "tick" => db.advance(Duration::ZERO).unwrap(),
            line => drop(db.execute(&words(line)).unwrap()),
        };
        say(&mut session, "SET k v PX 10");
        talk(&mut session, &[("WATCH k", "OK")]);
        clock.set_ms(nacredb::Clock::now_ms(&*clock) + 100);
        remove(&db);
        talk(&mut session, &[("MULTI", "OK"), ("EXEC", "nil")]);

        say(&mut session, "SET k v PX 10");
        clock.set_ms(nacredb::Clock::now_ms(&*clock) + 100);
        talk(&mut session, &[("WATCH k", "OK")]);
        remove(&db);
        talk(&mut session, &[("MULTI", "OK"), ("EXEC", "[]")]);

        say(&mut session, "SET k v PX 10");
        clock.set_ms(nacredb::Clock::now_ms(&*clock) + 100);
        talk(&mut session, &[("WATCH k", "OK")]);
        remove(&db);
        db.set("k", "new").unwrap();
        talk(&mut session, &[("MULTI", "OK"), ("EXEC", "nil")]);
        db.flush_all().unwrap();
    }
}

#[test]
fn unwatch_discard_and_reset_end_the_watch() {
    let db = Db::open_in_memory();
    let mut session = db.session();
    for end in ["UNWATCH", "DISCARD", "reset", "typed"] {
        talk(&mut session, &[("WATCH k l", "OK")]);
        db.set("k", "v").unwrap();
        match end {
            "DISCARD" => talk(&mut session, &[("MULTI", "OK"), ("DISCARD", "OK")]),
            "reset" => session.reset(),
            "typed" => session.unwatch(),
            line => talk(&mut session, &[(line, "OK")]),
        }
        talk(&mut session, &[("MULTI", "OK"), ("EXEC", "[]")]);
    }
    // UNWATCH after MULTI comes too late.
    talk(&mut session, &[("WATCH k", "OK")]);
    db.set("k", "w").unwrap();
    talk(
        &mut session,
        &[("MULTI", "OK"), ("UNWATCH", "QUEUED"), ("EXEC", "nil")],
    );
    talk(
        &mut session,
        &[("MULTI", "OK"), ("UNWATCH", "QUEUED"), ("EXEC", "[OK]")],
    );
}

#[test]
fn the_own_write_of_a_session_touches_too() {
    let db = Db::open_in_memory();
    let mut session = db.session();
    talk(
        &mut session,
        &[
            ("WATCH k", "OK"),
            ("SET k v", "OK"),
            ("MULTI", "OK"),
            (
                "NOSUCH",
                "-ERR unknown command 'NOSUCH', with args beginning with: ",
            ),
            (
                "EXEC",
                "-EXECABORT Transaction discarded because of previous errors.",
            ),
            ("WATCH k", "OK"),
            ("SET k v", "OK"),
            ("MULTI", "OK"),
            ("GET k", "QUEUED"),
            ("EXEC", "nil"),
        ],
    );
}

#[test]
fn counters_of_two_threads_lose_no_update() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 300;
    let db = Db::open_in_memory();
    db.set("counter", "0").unwrap();
    let retried = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (db, retried) = (&db, &retried);
            scope.spawn(move || {
                let mut session = db.session();
                let next = |session: &Session| {
                    let value = session.get("counter").unwrap().unwrap();
                    String::from_utf8(value).unwrap().parse::<u64>().unwrap() + 1
                };
                for _ in 0..ROUNDS {
                    loop {
                        session.watch(&["counter"]).unwrap();
                        let next = next(&session);
                        let done = if thread % 2 == 0 {
                            let set =
                                |tx: &nacredb::Transaction<'_>| tx.set("counter", next.to_string());
                            session.transaction::<_, Error>(set).unwrap().is_some()
                        } else {
                            say(&mut session, "MULTI");
                            say(&mut session, &format!("SET counter {next}"));
                            say(&mut session, "EXEC") == "[OK]"
                        };
                        if done {
                            break;
                        }
                        retried.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let expected = (THREADS * ROUNDS).to_string();
    assert_eq!(db.get("counter").unwrap(), Some(expected.into_bytes()));
}

#[test]
fn nobody_writes_between_two_commands_of_a_transaction() {
    let db = Db::open_in_memory();
    db.mset([("a", "0"), ("b", "0")]).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1..2000_u32 {
                let number = number.to_string();
                db.mset([("a", number.as_str()), ("b", number.as_str())])
                    .unwrap();
            }
        });
        let mut session = db.session();
        while !writer.is_finished() {
            for line in ["MULTI", "GET a", "GET b", "GET a"] {
                say(&mut session, line);
            }
            let Reply::Array(values) = session.execute(&["EXEC"]).unwrap() else {
                panic!("EXEC answers an array");
            };
            assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
        }
    });
}

#[test]
fn a_panic_inside_a_transaction_leaves_no_trace() {
    let db = Db::open_in_memory();
    let mut session = db.session();
    session.watch(&["a"]).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        session.transaction(|tx| -> Result<(), Error> {
            tx.set("a", "1")?;
            panic!("in the middle");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(db.get("a").unwrap(), None);
    talk(
        &mut session,
        &[("MULTI", "OK"), ("SET a 2", "QUEUED"), ("EXEC", "[OK]")],
    );
}

#[test]
fn typed_methods_are_refused_while_commands_are_queued() {
    let db = Db::open_in_memory();
    let mut session = db.session();
    talk(&mut session, &[("MULTI", "OK")]);
    assert!(session.get("k").is_err() && session.set("k", "v").is_err());
    assert!(session.select(1).is_err() && session.watch(&["k"]).is_err());
    let refused = session.transaction(|_| Ok::<_, Error>(()));
    assert!(matches!(
        refused,
        Err(Error::Command(CommandError::Other(_)))
    ));
    talk(&mut session, &[("EXEC", "[]")]);
    session.set("k", "v").unwrap();
}

#[test]
fn plain_handles_refuse_what_needs_a_session() {
    let db = Db::open_in_memory();
    for line in ["MULTI", "EXEC", "DISCARD", "WATCH k", "UNWATCH"] {
        let name = words(line)[0];
        let error = db.execute(&words(line)).unwrap_err().to_string();
        assert_eq!(error, format!("ERR {name} needs a session of its own"));
    }
}

#[test]
fn a_session_reads_and_refuses_to_write_where_nothing_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::open(&path).unwrap();
    db.set("k", "v").unwrap();
    db.close().unwrap();
    let db = Db::builder().read_only(true).open(&path).unwrap();
    let mut session = db.session();
    talk(
        &mut session,
        &[
            ("WATCH k", "OK"),
            ("MULTI", "OK"),
            ("GET k", "QUEUED"),
            ("EXEC", "['v']"),
            ("MULTI", "OK"),
            ("SET k w", "QUEUED"),
            ("EXEC", "-IOERR the database is open read-only"),
            ("GET k", "'v'"),
        ],
    );
    db.close().unwrap();
    assert!(say(&mut session, "WATCH k").starts_with("-IOERR"));
    talk(&mut session, &[("MULTI", "OK")]);
    assert!(say(&mut session, "EXEC").starts_with("-IOERR"));
    assert!(!session.is_queueing());
}

#[test]
fn a_watch_inside_the_own_transaction_does_not_wait_for_itself() {
    let db = Db::open_in_memory();
    let mut session = db.session();
    let outcome = db.transaction(|tx| {
        tx.set("k", "v")?;
        session.watch(&["k"])?;
        session.transaction(|_| Ok::<_, Error>(()))
    });
    let error = outcome.unwrap_err();
    assert!(matches!(
        error,
        Error::Storage(nacredb::StorageError::Reentrant)
    ));
}

#[test]
fn an_exec_that_cannot_begin_ends_the_watch_too() {
    let db = Db::open_in_memory();
    let mut session = db.session();
    let outcome = db.transaction(|tx| {
        session.watch(&["k"])?;
        assert_eq!(say(&mut session, "MULTI"), "OK");
        let refused = session.execute(&["EXEC"]).unwrap_err();
        assert!(matches!(
            refused,
            Error::Storage(nacredb::StorageError::Reentrant)
        ));
        tx.set("k", "touched")
    });
    outcome.unwrap();
    talk(&mut session, &[("MULTI", "OK"), ("EXEC", "[]")]);
    session.watch(&["k"]).unwrap();
    let outcome = db.transaction(|tx| {
        let refused = session.transaction(|_| Ok::<_, Error>(()));
        assert!(refused.is_err());
        tx.set("k", "again")
    });
    outcome.unwrap();
    assert_eq!(session.transaction(|_| Ok::<_, Error>(7)).unwrap(), Some(7));
}

/// A database that has no room while `large` is there.
fn full(policy: EvictionPolicy) -> Db {
    let db = Db::builder().max_memory(200_000, policy).open_in_memory();
    db.set("large", vec![1; 400_000]).unwrap();
    db
}

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.";
const OOM_ABORT: &str = "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.";
const ABORT: &str = "-EXECABORT Transaction discarded because of previous errors.";

#[test]
fn without_memory_nothing_is_queued() {
    let db = full(EvictionPolicy::NoEviction);
    let mut session = db.session();
    for line in [
        "GET k",
        "SET k v",
        "PING",
        "DEL large",
        "UNWATCH",
        "WATCH k",
        "MULTI",
        "SELECT 1",
        "OBJECT HELP",
    ] {
        talk(
            &mut session,
            &[
                ("GET k", "nil"),
                ("MULTI", "OK"),
                (line, OOM),
                ("EXEC", ABORT),
                ("MULTI", "OK"),
                (line, OOM),
                ("DISCARD", "OK"),
                ("EXEC", "-ERR EXEC without MULTI"),
            ],
        );
    }
    // What is no command, or has the wrong number of words, is that before it is too much.
    talk(
        &mut session,
        &[
            ("MULTI", "OK"),
            ("GET", "-ERR wrong number of arguments for 'get' command"),
            ("EXEC", ABORT),
            ("MULTI", "OK"),
            ("EXEC", "[]"),
            ("DEL large", ":1"),
            ("MULTI", "OK"),
            ("GET k", "QUEUED"),
            ("EXEC", "[nil]"),
        ],
    );
}

#[test]
fn exec_is_refused_whole_where_a_queued_command_needs_memory() {
    let db = full(EvictionPolicy::NoEviction);
    let mut session = db.session();
    let mut queue = |lines: &[&str], answer: &str, run: bool| {
        db.del("large").unwrap();
        db.set("k", "old").unwrap();
        talk(&mut session, &[("WATCH other", "OK"), ("MULTI", "OK")]);
        for line in lines {
            talk(&mut session, &[(line, "QUEUED")]);
        }
        db.set("large", vec![1; 400_000]).unwrap();
        talk(&mut session, &[("EXEC", answer)]);
        assert_eq!(db.get("k").unwrap().is_none(), run, "{lines:?}");
        // The watch has ended, whatever the answer was.
        db.del("large").unwrap();
        db.set("other", "touched").unwrap();
        talk(&mut session, &[("MULTI", "OK"), ("EXEC", "[]")]);
    };
    queue(&["DEL k", "EXISTS k"], "[:1 :0]", true);
    queue(&["DEL k", "SET k v"], OOM_ABORT, false);
    queue(&["SET k v", "GET k"], OOM_ABORT, false);
    queue(&[], "[]", false);
    // A queue that is spoilt or whose watched key was touched takes no more commands: what comes after
    // does not count.
    db.del("large").unwrap();
    let spoil = [("MULTI", "OK"), ("GET k", "QUEUED")];
    talk(&mut session, &spoil);
    say(&mut session, "NOSUCH");
    talk(&mut session, &[("SET k v", "QUEUED")]);
    db.set("large", vec![1; 400_000]).unwrap();
    talk(&mut session, &[("EXEC", ABORT)]);
    db.del("large").unwrap();
    talk(&mut session, &[("WATCH k", "OK"), ("MULTI", "OK")]);
    db.set("k", "touched").unwrap();
    talk(&mut session, &[("SET k v", "QUEUED")]);
    db.set("large", vec![1; 400_000]).unwrap();
    talk(&mut session, &[("EXEC", "nil")]);
}

#[test]
fn a_queue_makes_room_by_eviction() {
    let db = full(EvictionPolicy::AllKeysRandom);
    let mut session = db.session();
    talk(
        &mut session,
        &[
            ("MULTI", "OK"),
            ("GET large", "QUEUED"),
            ("SET k v", "QUEUED"),
            ("EXEC", "[nil OK]"),
        ],
    );
    assert_eq!(db.stats().unwrap().evicted_keys, 1);
}
