use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, ScopedJoinHandle};

use super::*;
use crate::command::script::{db_at, say, show, words};
use crate::prelude::*;
use crate::{Reply, StorageError};

type Answer<T> = Result<Option<T>, Error>;

fn waiting(db: &Db) -> usize {
    db.engine().observers.waiters.count()
}

/// Returns when so many wait.
fn until_waiting(db: &Db, count: usize) {
    while waiting(db) != count {
        thread::yield_now();
    }
}

fn pair(key: &str, element: &str) -> Option<Element> {
    Some((key.into(), element.into()))
}

/// Runs a command in words on a thread of its own, and returns when it waits.
fn wait_in<'s>(
    scope: &'s thread::Scope<'s, '_>,
    db: &'s Db,
    line: &'static str,
) -> ScopedJoinHandle<'s, String> {
    let before = waiting(db);
    let handle = scope.spawn(move || say(db, line));
    until_waiting(db, before + 1);
    handle
}

/// Counts how often it was woken.
#[derive(Default)]
struct Alarm(AtomicU64);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll<T>(future: &mut Blocked<T>, waker: &Waker) -> Poll<Answer<T>> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

fn ready<T>(polled: Poll<Answer<T>>) -> Option<T> {
    match polled {
        Poll::Ready(answer) => answer.unwrap(),
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn what_is_there_is_taken_at_once() {
    let (db, _) = db_at(1_000);
    db.rpush("l", &["a", "b", "c", "d", "e"]).unwrap();
    let lines = [
        ("BLPOP no l 0", r#"["l" "a"]"#),
        ("BRPOP l l 0", r#"["l" "e"]"#),
        ("BLMPOP 0 2 no l RIGHT COUNT 2", r#"["l" ["d" "c"]]"#),
        ("BLMOVE l to LEFT RIGHT 0", r#""b""#),
        ("EXISTS l", ":0"),
        ("BRPOPLPUSH to to 0", r#""b""#),
        ("BLMPOP 0 1 to LEFT", r#"["to" ["b"]]"#),
    ];
    for (line, expected) in lines {
        assert_eq!(say(&db, line), expected, "{line}");
    }
    say(&db, "ZADD z 1 a 2.5 b 2.5 c 9 d");
    let lines = [
        ("BZPOPMIN no z 0", r#"["z" "a" "1"]"#),
        (
            "BZMPOP 0 2 no z MAX COUNT 2",
            r#"["z" [["d" "9"] ["c" "2.5"]]]"#,
        ),
        ("BZPOPMAX z 0", r#"["z" "b" "2.5"]"#),
        ("EXISTS z", ":0"),
    ];
    for (line, expected) in lines {
        assert_eq!(say(&db, line), expected, "{line}");
    }
}

#[test]
fn arguments_are_refused_with_the_texts_of_redis() {
    let (db, _) = db_at(1_000);
    db.set("s", "v").unwrap();
    let lines = [
        ("BLPOP s x", "-ERR timeout is not a float or out of range"),
        ("BLPOP s nan", "-ERR timeout is not a float or out of range"),
        ("BLPOP s -0.5", "-ERR timeout is negative"),
        ("BLPOP s 1e30", "-ERR timeout is negative"),
        ("BLPOP s inf", "-ERR timeout is negative"),
        (
            "BLPOP no s 0",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "BZPOPMIN s 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "BLMOVE s s LEFT LEFT 0",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("BLMOVE a b LEFT UP 0", "-ERR syntax error"),
        ("BLMOVE a b LEFT UP x", "-ERR syntax error"),
        (
            "BLMOVE a b LEFT RIGHT x",
            "-ERR timeout is not a float or out of range",
        ),
        (
            "BLMPOP x 0 a LEFT",
            "-ERR timeout is not a float or out of range",
        ),
        ("BLMPOP 0 0 a LEFT", "-ERR numkeys should be greater than 0"),
        ("BLMPOP 0 2 a LEFT", "-ERR syntax error"),
        ("BLMPOP 0 1 a UP", "-ERR syntax error"),
        ("BLMPOP 0 1 a LEFT COUNT", "-ERR syntax error"),
        (
            "BLMPOP 0 1 a LEFT COUNT 0",
            "-ERR count should be greater than 0",
        ),
        ("BLMPOP 0 1 a LEFT COUNT 1 COUNT 1", "-ERR syntax error"),
        ("BZMPOP 0 1 a LEFT", "-ERR syntax error"),
        ("BZMPOP 0 x a MIN", "-ERR numkeys should be greater than 0"),
    ];
    for (line, expected) in lines {
        assert_eq!(say(&db, line), expected, "{line}");
    }
    assert_eq!(waiting(&db), 0);
    assert!(db.blpop::<&str>(&[], None).is_err());
    assert!(db.blmpop(&["l"], Side::Left, 0, None).is_err());
}

#[test]
fn those_who_wait_are_served_in_order_of_arrival() {
    let (db, _) = db_at(1_000);
    thread::scope(|scope| {
        let (mut threads, mut expected) = (Vec::new(), Vec::new());
        for number in 0..8 {
            threads.push(wait_in(scope, &db, "BLPOP other l 0"));
            expected.push(format!("[\"l\" \"{number}\"]"));
        }
        // The writer takes nothing for itself: when it is back, all is handed over.
        db.rpush("l", &["0", "1", "2"]).unwrap();
        assert_eq!((waiting(&db), db.llen("l").unwrap()), (5, 0));
        db.rpush("l", &["3", "4", "5", "6", "7", "left"]).unwrap();
        let answers: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        assert_eq!(answers, expected);
    });
    assert_eq!(db.lrange("l", 0, -1).unwrap(), [b"left"]);
    assert!(!db.engine().observers.any());
}

#[test]
fn whatever_makes_a_key_ready_serves() {
    let ways = [
        "RPUSH l v",
        "LPUSH l v",
        "RENAME from l",
        "RENAMENX from l",
        "COPY from l",
        "LMOVE from l LEFT RIGHT",
        "RPOPLPUSH from l",
        "SWAPDB 0 3",
        "SORT from BY nosort STORE l",
    ];
    for way in ways {
        let (db, _) = db_at(1_000);
        db.rpush("from", &["v"]).unwrap();
        db.database(3).unwrap().rpush("l", &["v"]).unwrap();
        thread::scope(|scope| {
            let thread = wait_in(scope, &db, "BLPOP l 0");
            // None of these does.
            for line in ["SET l x", "DEL l", "RPUSH other v", "PING"] {
                say(&db, line);
            }
            db.database(1).unwrap().rpush("l", &["elsewhere"]).unwrap();
            assert_eq!(waiting(&db), 1);
            assert!(!say(&db, way).starts_with('-'), "{way}");
            assert_eq!(thread.join().unwrap(), r#"["l" "v"]"#, "{way}");
        });
        assert_eq!(say(&db, "EXISTS l"), ":0", "{way}");
    }
    let (db, _) = db_at(1_000);
    db.database(2).unwrap().rpush("l", &["v"]).unwrap();
    thread::scope(|scope| {
        let thread = wait_in(scope, &db, "BLPOP l 0");
        assert_eq!(say(&db.database(2).unwrap(), "MOVE l 0"), ":1");
        assert_eq!(thread.join().unwrap(), r#"["l" "v"]"#);
    });
}

#[test]
fn a_key_of_another_type_is_not_ready() {
    let (db, _) = db_at(1_000);
    thread::scope(|scope| {
        let sorted = wait_in(scope, &db, "BZPOPMIN k 0");
        let list = wait_in(scope, &db, "BLPOP k 0");
        db.set("k", "text").unwrap();
        assert_eq!(waiting(&db), 2);
        db.del("k").unwrap();
        // The list overtakes who waits for a sorted set.
        db.rpush("k", &["v"]).unwrap();
        assert_eq!(list.join().unwrap(), r#"["k" "v"]"#);
        assert_eq!(waiting(&db), 1);
        say(&db, "ZADD k 1.5 m");
        assert_eq!(sorted.join().unwrap(), r#"["k" "m" "1.5"]"#);
    });
}

#[test]
fn exec_serves_at_its_end_with_the_key_that_was_ready_first() {
    let (db, _) = db_at(1_000);
    let mut session = db.session();
    thread::scope(|scope| {
        let thread = wait_in(scope, &db, "BLPOP a b 0");
        for line in ["MULTI", "RPUSH b 1", "RPUSH a 2", "RPUSH b 3", "LLEN b"] {
            session.execute(&words(line)).unwrap();
        }
        let answer = show(&session.execute(&["EXEC"]));
        assert_eq!(answer, "[:1 :1 :2 :2]");
        assert_eq!(thread.join().unwrap(), r#"["b" "1"]"#);
        assert_eq!(say(&db, "LRANGE b 0 -1"), r#"["3"]"#);
        // What a transaction takes back is never seen.
        let thread = wait_in(scope, &db, "BLPOP c 0");
        db.transaction(|tx| {
            tx.rpush("c", &["x"])?;
            tx.del("c")?;
            Ok::<_, Error>(())
        })
        .unwrap();
        assert_eq!(waiting(&db), 1);
        db.transaction(|tx| {
            tx.rpush("c", &["y", "z"])?;
            assert_eq!(tx.lpop("c")?, Some(b"y".to_vec()));
            Ok::<_, Error>(())
        })
        .unwrap();
        assert_eq!(thread.join().unwrap(), r#"["c" "z"]"#);
    });
}

#[test]
fn in_a_transaction_nothing_waits() {
    let (db, _) = db_at(1_000);
    let mut session = db.session();
    db.rpush("l", &["a"]).unwrap();
    let queued = [
        "MULTI",
        "BLPOP no 0",
        "BLMOVE no l LEFT LEFT 0",
        "BZPOPMAX no 0",
        "BLMPOP 0 1 no LEFT",
        "BLPOP no l 0",
        "BLPOP l 0",
    ];
    for line in queued {
        session.execute(&words(line)).unwrap();
    }
    let answer = show(&session.execute(&["EXEC"]));
    assert_eq!(answer, r#"[nil nil nil nil ["l" "a"] nil]"#);
}

#[test]
fn a_call_that_would_wait_for_its_own_thread_is_refused() {
    let db = Db::open_in_memory();
    let refused = db.transaction(|tx| {
        tx.set("k", "v")?;
        db.blpop(&["l"], None).map(|_| ())
    });
    assert!(matches!(
        refused,
        Err(Error::Storage(StorageError::Reentrant))
    ));
    assert_eq!(waiting(&db), 0);
}

#[test]
fn chains_are_followed() {
    let (db, _) = db_at(1_000);
    thread::scope(|scope| {
        // So many lists that some lie in other shards than the one before.
        let links = [
            "BLMOVE l0 l1 LEFT RIGHT 0",
            "BLMOVE l1 l2 LEFT RIGHT 0",
            "BRPOPLPUSH l2 l3 0",
            "BLMOVE l3 l4 LEFT LEFT 0",
        ];
        let threads: Vec<_> = links.iter().map(|line| wait_in(scope, &db, line)).collect();
        let last = wait_in(scope, &db, "BLPOP l4 0");
        db.rpush("l0", &["v"]).unwrap();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), r#""v""#);
        }
        assert_eq!(last.join().unwrap(), r#"["l4" "v"]"#);
        assert_eq!(db.db_size().unwrap(), 0);
        // A destination of another type refuses, and the next in line is served.
        db.set("text", "v").unwrap();
        let refused = wait_in(scope, &db, "BLMOVE l0 text LEFT LEFT 0");
        let next = wait_in(scope, &db, "BLPOP l0 0");
        db.rpush("l0", &["w"]).unwrap();
        assert!(refused.join().unwrap().starts_with("-WRONGTYPE"));
        assert_eq!(next.join().unwrap(), r#"["l0" "w"]"#);
        // A list onto itself.
        let ring = wait_in(scope, &db, "BRPOPLPUSH l0 l0 0");
        db.rpush("l0", &["a", "b"]).unwrap();
        assert_eq!(ring.join().unwrap(), r#""b""#);
        assert_eq!(say(&db, "LRANGE l0 0 -1"), r#"["b" "a"]"#);
    });
}

#[test]
fn a_timeout_is_counted_on_the_clock_of_the_database() {
    let (db, clock) = db_at(1_000);
    thread::scope(|scope| {
        let late = wait_in(scope, &db, "BLPOP l 2");
        let soon = wait_in(scope, &db, "BLMOVE l to LEFT LEFT 0.5");
        let never = wait_in(scope, &db, "BLPOP l 0");
        db.advance(Duration::from_millis(499)).unwrap();
        assert_eq!(waiting(&db), 3);
        db.advance(Duration::from_millis(1)).unwrap();
        assert_eq!(soon.join().unwrap(), "nil");
        assert_eq!(waiting(&db), 2);
        db.advance(Duration::from_secs(9)).unwrap();
        assert_eq!(late.join().unwrap(), "nil");
        // Who has timed out is out of the line.
        db.rpush("l", &["v"]).unwrap();
        assert_eq!(never.join().unwrap(), r#"["l" "v"]"#);
        // A clock that was moved behind the database's back is noticed at the next occasion.
        let forgotten = wait_in(scope, &db, "BLPOP l 1");
        clock.set_ms(100_000);
        db.advance(Duration::ZERO).unwrap();
        assert_eq!(forgotten.join().unwrap(), "nil");
    });
    assert_eq!(db.blpop(&["l"], Some(Duration::ZERO)).unwrap(), None);
    // The system's clock.
    let db = Db::open_in_memory();
    assert_eq!(say(&db, "BLPOP l 0.01"), "nil");
    assert_eq!(say(&db, "BLMPOP 0.001 1 l LEFT"), "nil");
    assert!(!db.engine().observers.any());
}

#[test]
fn closing_and_poisoning_end_every_wait() {
    let (db, _) = db_at(1_000);
    let mut future = db.bpop_async(&["l"], Side::Left, None).unwrap();
    assert!(poll(&mut future, Waker::noop()).is_pending());
    thread::scope(|scope| {
        let thread = wait_in(scope, &db, "BLPOP l 0");
        db.close().unwrap();
        assert_eq!(thread.join().unwrap(), "-IOERR the database is closed");
    });
    let Poll::Ready(Err(Error::Storage(StorageError::Closed))) = poll(&mut future, Waker::noop())
    else {
        panic!("the future goes on");
    };
    assert!(say(&db, "BLPOP l 0").starts_with("-IOERR"));
    let db = Db::open_in_memory();
    thread::scope(|scope| {
        let thread = wait_in(scope, &db, "BLPOP l 0");
        db.engine().poison("a test".to_owned());
        assert!(
            thread
                .join()
                .unwrap()
                .starts_with("-IOERR the handle is poisoned")
        );
    });
}

#[test]
fn a_future_is_woken_and_takes_when_it_is_polled() {
    let (db, _) = db_at(1_000);
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(Arc::clone(&alarm));
    let mut first = db.bpop_async(&["a", "b"], Side::Left, None).unwrap();
    let mut second = db.bpop_async(&["b"], Side::Right, None).unwrap();
    assert_eq!(waiting(&db), 0, "it does nothing before it is polled");
    assert!(poll(&mut first, &waker).is_pending() && poll(&mut second, Waker::noop()).is_pending());
    db.rpush("b", &["1", "2", "3"]).unwrap();
    assert_eq!(alarm.0.load(Ordering::Relaxed), 1);
    assert_eq!(db.llen("b").unwrap(), 3, "nothing is taken for it");
    assert!(
        poll(&mut second, Waker::noop()).is_pending(),
        "it is not its turn"
    );
    assert_eq!(ready(poll(&mut first, &waker)), pair("b", "1"));
    assert_eq!(ready(poll(&mut second, Waker::noop())), pair("b", "3"));
    // What is there is taken by the first poll.
    let mut third = db.blmpop_async(&["b"], Side::Left, 5, None).unwrap();
    let taken = ready(poll(&mut third, &waker));
    assert_eq!(taken, Some((b"b".to_vec(), vec![b"2".to_vec()])));
    assert_eq!((waiting(&db), db.db_size().unwrap()), (0, 0));
}

#[test]
fn a_dropped_future_loses_nothing() {
    let (db, _) = db_at(1_000);
    let mut dropped = db.bpop_async(&["l"], Side::Left, None).unwrap();
    let mut unpolled = db.bpop_async(&["l"], Side::Left, None).unwrap();
    for future in [&mut dropped, &mut unpolled] {
        assert!(poll(future, Waker::noop()).is_pending());
    }
    thread::scope(|scope| {
        let thread = wait_in(scope, &db, "BLPOP l 0");
        db.rpush("l", &["v"]).unwrap();
        assert_eq!(
            waiting(&db),
            3,
            "the first has been called and has not looked"
        );
        // A newcomer does not overtake.
        let newcomer = wait_in(scope, &db, "BLPOP l 0");
        drop(dropped);
        assert_eq!(waiting(&db), 3);
        drop(unpolled);
        assert_eq!(thread.join().unwrap(), r#"["l" "v"]"#);
        assert_eq!(waiting(&db), 1);
        db.rpush("l", &["w"]).unwrap();
        assert_eq!(newcomer.join().unwrap(), r#"["l" "w"]"#);
    });
    drop(db.blmove_async("a", "b", Side::Left, Side::Left, None));
}

#[test]
fn the_timeout_of_a_future_comes_from_the_background_thread() {
    let db = Db::open_in_memory();
    let (sender, receiver) = crossbeam::channel::bounded(8);
    struct Send(crossbeam::channel::Sender<()>);
    impl Wake for Send {
        fn wake(self: Arc<Self>) {
            let _full = self.0.try_send(());
        }
    }
    let waker = Waker::from(Arc::new(Send(sender)));
    let soon = Some(Duration::from_millis(20));
    let mut future = db.bzpop_async(&["z"], true, soon).unwrap();
    assert!(poll(&mut future, &waker).is_pending());
    receiver.recv().unwrap();
    assert_eq!(ready(poll(&mut future, &waker)), None);
    // On a manual clock it is the clock's mover.
    let (db, _) = db_at(1_000);
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(Arc::clone(&alarm));
    let mut future = db.bpop_async(&["l"], Side::Left, soon).unwrap();
    assert!(poll(&mut future, &waker).is_pending());
    db.advance(Duration::from_millis(20)).unwrap();
    assert_eq!(alarm.0.load(Ordering::Relaxed), 1);
    assert_eq!(ready(poll(&mut future, &waker)), None);
}

#[test]
fn a_writer_that_must_not_wait_leaves_the_service_to_who_waits() {
    let (db, _) = db_at(1_000);
    thread::scope(|scope| {
        let thread = wait_in(scope, &db, "BLMOVE from to LEFT LEFT 0");
        let done = db.transaction(|tx| {
            // The destination's shard is frozen until the end of this.
            tx.set("to", "x")?;
            tx.del("to")?;
            db.rpush("from", &["v"])?;
            Ok::<_, Error>(())
        });
        done.unwrap();
        assert_eq!(thread.join().unwrap(), r#""v""#);
    });
    assert_eq!(say(&db, "LRANGE to 0 -1"), r#"["v"]"#);
}

#[test]
fn what_was_taken_is_in_the_file() {
    let storage = Arc::new(crate::storage::memory::MemoryStorage::new());
    let open = || Db::builder().storage(storage.clone()).open("db").unwrap();
    let db = open();
    thread::scope(|scope| {
        let thread = wait_in(scope, &db, "BLMOVE from to LEFT LEFT 0");
        db.rpush("from", &["v", "w"]).unwrap();
        assert_eq!(thread.join().unwrap(), r#""v""#);
    });
    db.close().unwrap();
    let db = open();
    assert_eq!(say(&db, "LRANGE from 0 -1"), r#"["w"]"#);
    assert_eq!(say(&db, "LRANGE to 0 -1"), r#"["v"]"#);
}

/// What goes in comes out, once: pushers, threads and futures that pop and move, timeouts and drops.
#[test]
fn under_stress_nothing_is_lost_or_doubled() {
    const PUSHERS: u64 = 2;
    const POPPERS: u64 = 4;
    let pushed_by_one: u64 = if cfg!(miri) { 20 } else { 3_000 };
    let db = Db::open_in_memory();
    let lists = ["a", "b", "c", "d"];
    let found = parking_lot::Mutex::new(Vec::new());
    let total = PUSHERS * pushed_by_one;
    let taken = AtomicU64::new(0);
    let take = |element: Vec<u8>| {
        found.lock().push(String::from_utf8(element).unwrap());
        taken.fetch_add(1, Ordering::Relaxed);
    };
    let done = || taken.load(Ordering::Relaxed) == total;
    thread::scope(|scope| {
        for pusher in 0..PUSHERS {
            let db = &db;
            scope.spawn(move || {
                for number in 0..pushed_by_one {
                    let list = lists[number as usize % 3];
                    let element = format!("{pusher}:{number}");
                    if number % 5 == 0 {
                        db.transaction(|tx| tx.rpush(list, &[&element]).map(|_| ()))
                            .unwrap();
                    } else {
                        db.rpush(list, &[&element]).unwrap();
                    }
                }
            });
        }
        // What was moved to `d` is found there.
        scope.spawn(|| {
            let soon = Some(Duration::from_millis(2));
            while !done() {
                let (left, right) = (Side::Left, Side::Right);
                db.blmove("a", "d", left, right, soon).unwrap();
            }
        });
        for popper in 0..POPPERS {
            let (db, take, done) = (&db, &take, &done);
            scope.spawn(move || {
                let soon = Some(Duration::from_millis(1 + popper));
                while !done() {
                    if let Some((_, element)) = db.blpop(&lists, soon).unwrap() {
                        take(element);
                    }
                }
            });
        }
        // Futures: some are dropped after they were woken.
        scope.spawn(|| {
            let mut round = 0_u64;
            while !done() {
                round += 1;
                let mut future = db.bpop_async(&["b", "d"], Side::Left, None).unwrap();
                for _ in 0..round % 7 {
                    if let Poll::Ready(answer) = poll(&mut future, Waker::noop()) {
                        take(answer.unwrap().unwrap().1);
                        break;
                    }
                    thread::yield_now();
                }
            }
        });
    });
    let found = found.into_inner();
    let distinct: BTreeSet<_> = found.iter().collect();
    assert_eq!((found.len() as u64, distinct.len() as u64), (total, total));
    assert_eq!((db.db_size().unwrap(), waiting(&db)), (0, 0));
    assert!(!db.engine().observers.any());
    assert_eq!(db.execute(&["PING"]).unwrap(), Reply::Status("PONG".into()));
}
