//! The change feed: everything committed, once, in the order of the log.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use nacredb::prelude::*;
use nacredb::{
    Ack, Change, ChangeKind, Db, Effect, Error, EventClass, EvictionPolicy, FeedLimits,
    ManualClock, StorageError, Subscription, inspect,
};
use parking_lot::Mutex;

/// Database, key, events but for `new`, as Redis's `A` leaves it out.
type Row = (u8, String, Vec<&'static str>);

fn row(change: &Change) -> Row {
    let key = String::from_utf8_lossy(change.key()).into_owned();
    let events = change.events().iter();
    let events = events.filter(|event| event.class() != EventClass::New);
    let events = events.map(|event| event.name());
    (change.database(), key, events.collect())
}

fn drain(subscription: &mut Subscription) -> Vec<Change> {
    std::iter::from_fn(|| subscription.try_recv().unwrap()).collect()
}

fn rows(subscription: &mut Subscription) -> Vec<(u8, String, Vec<&'static str>)> {
    let changes = drain(subscription).into_iter();
    let changes = changes.filter(|change| change.kind() != ChangeKind::Arrive);
    changes.map(|change| row(&change)).collect()
}

fn plain(rows: &[(&str, &'static str)]) -> Vec<Row> {
    rows.iter()
        .map(|&(key, event)| (0, key.to_owned(), vec![event]))
        .collect()
}

fn is_lagged<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Storage(StorageError::Lagged { .. })))
}

#[test]
fn events_are_named_as_redis_names_them() {
    let clock = Arc::new(ManualClock::new(1_000));
    let db = Db::builder().clock(clock.clone()).open_in_memory();
    let mut feed = db.subscribe("*").unwrap();
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        db.execute(&words).unwrap();
    };
    for (line, expected) in [
        ("SET k v", &[("k", "set")][..]),
        ("GET k", &[]),
        ("SET k v XX GET", &[("k", "set")]),
        ("SET k v NX", &[]),
        ("PEXPIREAT k 5000", &[("k", "expire")]),
        ("PERSIST k", &[("k", "persist")]),
        ("SETRANGE k 2000 x", &[("k", "setrange")]),
        ("RENAME k j", &[("k", "rename_from"), ("j", "rename_to")]),
        ("COPY j k", &[("k", "copy_to")]),
        ("DEL j k missing", &[("j", "del"), ("k", "del")]),
        ("RPUSH l a", &[("l", "rpush")]),
        ("RPUSH l b c", &[("l", "rpush")]),
        ("LSET l 0 z", &[("l", "lset")]),
        ("LPOP l", &[("l", "lpop")]),
        ("RPOP l", &[("l", "rpop")]),
        ("LPOP l", &[("l", "lpop"), ("l", "del")]),
        ("HSET h f v", &[("h", "hset")]),
        ("HDEL h f", &[("h", "hdel"), ("h", "del")]),
        ("SADD s m", &[("s", "sadd")]),
        ("SREM s m", &[("s", "srem"), ("s", "del")]),
        ("ZADD z 1 m", &[("z", "zadd")]),
        ("ZREM z m", &[("z", "zrem"), ("z", "del")]),
    ] {
        run(line);
        assert_eq!(rows(&mut feed), plain(expected), "{line}");
    }
    run("SET k v PX 500");
    assert_eq!(rows(&mut feed), [(0, "k".into(), vec!["set", "expire"])]);
    run("MOVE k 3");
    let moved = [
        (0, "k".into(), vec!["move_from"]),
        (3, "k".into(), vec!["move_to"]),
    ];
    assert_eq!(rows(&mut feed), moved);
    run("SWAPDB 3 4");
    let swapped = [
        (3, String::new(), Vec::new()),
        (4, String::new(), Vec::new()),
    ];
    assert_eq!(rows(&mut feed), swapped);
    db.advance(Duration::from_millis(501)).unwrap();
    assert_eq!(rows(&mut feed), [(4, "k".into(), vec!["expired"])]);
    // Found by a command instead of by the expirer.
    run("SET k v PX 500");
    clock.set_ms(9_000);
    run("SETRANGE k 0 x");
    assert_eq!(
        rows(&mut feed)[1..],
        plain(&[("k", "expired"), ("k", "setrange")])[..]
    );
    db.database(5).unwrap().flush_db().unwrap();
    db.flush_all().unwrap();
    let cleared = drain(&mut feed);
    let kinds: Vec<_> = cleared.iter().map(Change::kind).collect();
    assert_eq!(kinds, [ChangeKind::DatabaseCleared, ChangeKind::AllCleared]);
    assert_eq!(cleared[0].database(), 5);
}

#[test]
fn new_keys_are_told_apart_from_replaced_ones() {
    let db = Db::open_in_memory();
    let mut feed = db.subscribe("*").unwrap();
    let mut said = |line: &str| -> Vec<String> {
        let words: Vec<&str> = line.split(' ').collect();
        db.execute(&words).unwrap();
        let changes = drain(&mut feed);
        let named = |change: &Change| {
            let key = String::from_utf8_lossy(change.key()).into_owned();
            let events = change.events().iter();
            let events = events.map(|event| format!("{} {event} {key}", event.class().letter()));
            events.collect::<Vec<_>>()
        };
        changes.iter().flat_map(named).collect()
    };
    assert_eq!(said("SET k v"), ["n new k", "$ set k"]);
    assert_eq!(said("SET k v EX 9"), ["$ set k", "g expire k"]);
    assert_eq!(said("SET k v KEEPTTL"), ["$ set k"]);
    let renamed = ["n new j", "g rename_from k", "g rename_to j"];
    assert_eq!(said("RENAME k j"), renamed);
    assert_eq!(said("SADD s a b"), ["n new s", "s sadd s"]);
    assert_eq!(said("SUNIONSTORE t s"), ["n new t", "s sunionstore t"]);
    assert_eq!(said("SUNIONSTORE t s"), ["s sunionstore t"]);
    assert_eq!(said("SUNIONSTORE t none"), ["g del t"]);
    assert_eq!(said("SPOP s 9"), ["s spop s", "g del s"]);
}

#[test]
fn a_large_command_is_named_once() {
    let db = Db::open_in_memory();
    let mut feed = db.subscribe("*").unwrap();
    let large: Vec<Vec<u8>> = (0..30).map(|n| vec![n; 100_000]).collect();
    let mut named_once = |event: &str| {
        let changes = drain(&mut feed);
        assert!(changes.len() > 1, "{event}: one effect");
        let events = changes.iter().flat_map(Change::events);
        let events: Vec<_> = events
            .filter(|event| event.class() != EventClass::New)
            .collect();
        assert_eq!(events, [event]);
    };
    db.rpush("l", &large).unwrap();
    named_once("rpush");
    db.ltrim("l", 1, -2).unwrap();
    named_once("ltrim");
    db.sadd("s", &large).unwrap();
    named_once("sadd");
    let pairs: Vec<_> = large.iter().map(|field| (field, field)).collect();
    db.hset_many("h", &pairs).unwrap();
    named_once("hset");
}

#[test]
fn what_a_transaction_left_undone_names_nothing_after_it() {
    let db = Db::open_in_memory();
    db.execute(&["SADD", "s", "a"]).unwrap();
    db.set("k", "v").unwrap();
    let mut feed = db.subscribe("*").unwrap();
    db.transaction(|tx| {
        // Adds nothing; its name must not stick to what follows.
        tx.sadd("s", &["a"])?;
        tx.del("k")
    })
    .unwrap();
    assert_eq!(rows(&mut feed), plain(&[("k", "del")]));
}

#[test]
fn evicted_keys_are_told_apart() {
    let db = Db::builder()
        .max_memory(30_000, EvictionPolicy::AllKeysRandom)
        .open_in_memory();
    let mut feed = db.subscribe("*").unwrap();
    for n in 0..20 {
        db.set(format!("k{n}"), vec![1; 4_000]).unwrap();
    }
    let kinds: Vec<_> = drain(&mut feed).iter().map(Change::kind).collect();
    let evicted = kinds
        .iter()
        .filter(|kind| **kind == ChangeKind::Evicted)
        .count();
    assert_eq!(evicted as u64, db.stats().unwrap().evicted_keys);
    assert!(evicted > 8);
    assert_eq!(kinds.len(), 20 + evicted);
}

#[test]
fn patterns_choose_keys_as_psubscribe_does() {
    let db = Db::open_in_memory();
    let mut feeds = ["user:*", "?", "*", "user:[12]", "nothing", ""].map(|pattern| {
        let feed = db.subscribe(pattern).unwrap();
        (pattern, feed)
    });
    for key in ["user:1", "a", "user:3", ""] {
        db.set(key, "v").unwrap();
    }
    db.rename("user:1", "a").unwrap();
    for (pattern, feed) in &mut feeds {
        let keys: Vec<String> = rows(feed).into_iter().map(|(_, key, _)| key).collect();
        let expected: &[&str] = match *pattern {
            "user:*" => &["user:1", "user:3", "user:1"],
            "?" => &["a", "a"],
            "*" => &["user:1", "a", "user:3", "", "user:1", "a"],
            "user:[12]" => &["user:1", "user:1"],
            "" => &[""],
            _ => &[],
        };
        assert_eq!(keys, expected, "{pattern}");
    }
}

#[test]
fn a_transaction_comes_in_one_piece_with_values_and_one_position() {
    let db = Db::open_in_memory();
    let mut feed = db.subscribe("*").unwrap();
    let gone: Result<(), Error> = db.transaction(|tx| {
        tx.set("rolled", "back")?;
        tx.append("rolled", "x")?;
        Err(nacredb::CommandError::NoSuchKey.into())
    });
    assert!(gone.is_err() && feed.try_recv().unwrap().is_none());
    db.transaction(|tx| {
        tx.set("one", "1")?;
        assert!(feed.try_recv()?.is_none(), "not before the commit");
        tx.set("two", "2")?;
        tx.del("one")
    })
    .unwrap();
    db.set("three", "3").unwrap();
    let changes = drain(&mut feed);
    let positions: Vec<_> = changes.iter().map(Change::lsn).collect();
    assert_eq!(changes.len(), 4);
    assert!(positions[0] == positions[2] && positions[2] < positions[3]);
    assert_eq!(changes[2].end_lsn(), positions[3]);
    let set = |value| Effect::StringSet {
        key: b"two",
        value,
        raw: false,
        expires_at_ms: None,
    };
    assert_eq!(changes[1].effect(), set(b"2"));
    assert_eq!(changes[2].effect(), Effect::KeyRemove { key: b"one" });
}

#[test]
fn the_order_is_that_of_the_log_whatever_the_threads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::builder().ack(Ack::No).open(&path).unwrap();
    db.set("before", "v").unwrap();
    let mut feed = db.subscribe("*").unwrap();
    let mut late = None;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let db = &db;
            scope.spawn(move || {
                for n in 0..300 {
                    let key = format!("{}", (n * 7 + thread) % 40);
                    match n % 5 {
                        0 => drop(db.del(&key).unwrap()),
                        1 => db
                            .transaction(|tx| {
                                tx.set(&key, "t")?;
                                tx.set("shared", &key)
                            })
                            .unwrap(),
                        2 => drop(db.database(2).unwrap().incr(format!("n{key}")).unwrap()),
                        _ => db.set(&key, n.to_string()).unwrap(),
                    }
                }
            });
        }
        late = Some(db.subscribe("*").unwrap());
    });
    let from = feed.resume_lsn();
    let seen = drain(&mut feed);
    let late = drain(late.as_mut().unwrap());
    db.close().unwrap();
    let mut logged = Vec::new();
    for frame in inspect::log(&path, 0).unwrap() {
        let frame = frame.unwrap();
        for effect in frame.effects().unwrap() {
            if !matches!(effect, Effect::Database { .. }) && frame.lsn() >= from {
                logged.push((frame.lsn(), frame.end_lsn(), format!("{effect:?}")));
            }
        }
    }
    let row = |change: &Change| {
        (
            change.lsn(),
            change.end_lsn(),
            format!("{:?}", change.effect()),
        )
    };
    let seen: Vec<_> = seen.iter().map(row).collect();
    assert!(seen.len() > 1_000, "{}", seen.len());
    assert_eq!(seen, logged);
    let late: Vec<_> = late.iter().map(row).collect();
    assert_eq!(late[..], seen[seen.len() - late.len()..]);
    assert!(matches!(
        feed.try_recv(),
        Err(Error::Storage(StorageError::Closed))
    ));
}

#[test]
fn one_who_falls_behind_is_told_and_goes_on() {
    let limits = FeedLimits {
        frames: 10,
        ..FeedLimits::default()
    };
    let db = Db::builder().feed_limits(limits).open_in_memory();
    let mut slow = db.subscribe("*").unwrap();
    let mut quick = db.subscribe("*").unwrap();
    for n in 0..25 {
        db.set(format!("k{n}"), "v").unwrap();
        assert_eq!(drain(&mut quick).len(), 1);
    }
    let Err(Error::Storage(StorageError::Lagged { oldest_lsn })) = slow.try_recv() else {
        panic!("15 changes were missed");
    };
    let rest = drain(&mut slow);
    assert_eq!((rest.len(), rest[0].lsn()), (10, oldest_lsn));
    assert_eq!(rest[0].key(), b"k15");
    // Bytes are bounded too, but the newest frame is always there.
    let limits = FeedLimits {
        bytes: 1_000,
        ..FeedLimits::default()
    };
    let db = Db::builder().feed_limits(limits).open_in_memory();
    let mut feed = db.subscribe("*").unwrap();
    db.set("a", "v").unwrap();
    db.set("large", vec![1; 50_000]).unwrap();
    assert!(is_lagged(feed.try_recv()));
    assert_eq!(drain(&mut feed).len(), 1);
}

#[test]
fn a_subscription_resumes_where_another_stopped() {
    let db = Db::open_in_memory();
    let keep = db.subscribe("*").unwrap();
    let mut first = db.subscribe("*").unwrap();
    for n in 0..6 {
        db.set(format!("k{n}"), "v").unwrap();
    }
    db.mset([("m1", "1"), ("m2", "2")]).unwrap();
    for n in 0..4 {
        assert_eq!(first.recv().unwrap().key(), format!("k{n}").as_bytes());
    }
    let resume = first.resume_lsn();
    drop(first);
    let mut second = db.subscribe_from("*", resume).unwrap();
    assert_eq!(second.recv().unwrap().key(), b"k4");
    assert_eq!(second.recv().unwrap().key(), b"k5");
    assert_eq!(second.recv().unwrap().key(), b"m1");
    // In the middle of a frame: all of it comes again.
    let mut third = db.subscribe_from("m*", second.resume_lsn()).unwrap();
    assert_eq!(drain(&mut third).len(), 2);
    let end = third.resume_lsn();
    drop((keep, second, third));
    // Nobody kept anything.
    db.set("unseen", "v").unwrap();
    assert!(is_lagged(db.subscribe_from("*", resume)));
    assert!(
        is_lagged(db.subscribe_from("*", end)),
        "a change was missed"
    );
}

#[test]
fn the_past_is_kept_without_subscribers_where_it_is_asked_for() {
    let limits = FeedLimits {
        always: true,
        ..FeedLimits::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    for db in [
        Db::builder().feed_limits(limits).open_in_memory(),
        Db::builder().feed_limits(limits).open(&path).unwrap(),
    ] {
        let start = db.subscribe("*").unwrap().resume_lsn();
        db.set("a", "v").unwrap();
        let snapshot = db.snapshot().unwrap();
        db.set("b", "v").unwrap();
        let mut feed = db.subscribe_from("*", start).unwrap();
        assert_eq!(rows(&mut feed), plain(&[("a", "set"), ("b", "set")]));
        let mut after = db.subscribe_from("*", snapshot.lsn()).unwrap();
        assert_eq!(
            rows(&mut after),
            plain(&[("b", "set")]),
            "what the snapshot has not"
        );
    }
}

#[test]
fn a_waiting_receiver_wakes() {
    let db = Db::open_in_memory();
    let mut feed = db.subscribe("*").unwrap();
    let short = Duration::from_millis(1);
    assert!(feed.recv_timeout(short).unwrap().is_none());
    std::thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            let mut keys = Vec::new();
            loop {
                match feed.recv() {
                    Ok(change) => keys.push(change.key().to_vec()),
                    Err(error) => return (keys, error),
                }
            }
        });
        for n in 0..100_u8 {
            db.set([n], "v").unwrap();
        }
        db.close().unwrap();
        let (keys, error) = receiver.join().unwrap();
        assert_eq!(keys, (0..100).map(|n| vec![n]).collect::<Vec<_>>());
        assert!(matches!(error, Error::Storage(StorageError::Closed)));
    });
    // The database goes with its last handle, and does not wait for subscribers.
    let db = Db::open_in_memory();
    let mut feed = db.subscribe("*").unwrap();
    drop(db);
    assert!(feed.recv().is_err());
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_task_is_woken_once_for_each_time_it_waits() {
    let db = Db::open_in_memory();
    let mut feed = db.subscribe("k*").unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    assert!(feed.poll_recv(&mut context).is_pending());
    assert!(feed.poll_recv(&mut context).is_pending());
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    db.set("other", "v").unwrap();
    db.set("other", "v").unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 1, "something has come");
    assert!(feed.poll_recv(&mut context).is_pending(), "nothing of ours");
    db.set("k", "v").unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 2);
    {
        let mut next = pin!(feed.next_change());
        let Poll::Ready(Ok(change)) = next.as_mut().poll(&mut context) else {
            panic!("it is there");
        };
        assert_eq!(change.key(), b"k");
    }
    assert!(feed.poll_recv(&mut context).is_pending());
    drop(feed);
    db.set("k", "v").unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 2, "nobody waits any more");
}

#[test]
fn a_branch_has_a_feed_of_its_own() {
    let db = Db::open_in_memory();
    let mut feed = db.subscribe("*").unwrap();
    let branch = db.fork().unwrap();
    let mut of_branch = branch.subscribe("*").unwrap();
    branch.set("there", "v").unwrap();
    db.set("here", "v").unwrap();
    assert_eq!(rows(&mut feed), plain(&[("here", "set")]));
    assert_eq!(rows(&mut of_branch), plain(&[("there", "set")]));
}

#[test]
fn a_wait_inside_a_visitor_or_a_transaction_is_refused() {
    let db = Db::open_in_memory();
    db.set("k", "v").unwrap();
    let mut feed = db.subscribe("*").unwrap();
    let refused = |error| matches!(error, Error::Storage(StorageError::Reentrant));
    db.get_with("k", |_| {
        assert!(refused(feed.recv().unwrap_err()));
        assert!(refused(db.subscribe("*").unwrap_err()));
        assert!(feed.try_recv().unwrap().is_none());
    })
    .unwrap();
    db.transaction(|tx| {
        tx.set("k", "w")?;
        assert!(refused(feed.recv().unwrap_err()));
        Ok::<(), Error>(())
    })
    .unwrap();
    assert_eq!(rows(&mut feed), plain(&[("k", "set")]));
    // A drop inside a visitor leaves.
    db.get_with("k", |_| drop(feed)).unwrap();
    db.set("k", "x").unwrap();
}

#[test]
fn subscribers_that_come_and_go_see_no_gap() {
    let db = Db::open_in_memory();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..3_000 {
                    db.incr("n").unwrap();
                }
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while done.load(Ordering::SeqCst) < 2 {
                    let mut feed = db.subscribe("n").unwrap();
                    let mut last = None;
                    for _ in 0..50 {
                        let timeout = Duration::from_millis(20);
                        let Some(change) = feed.recv_timeout(timeout).unwrap() else {
                            break;
                        };
                        let Effect::StringSet { value, .. } = change.effect() else {
                            panic!("INCR sets");
                        };
                        let value: u64 = std::str::from_utf8(value).unwrap().parse().unwrap();
                        assert!(
                            last.is_none_or(|last| value == last + 1),
                            "{last:?}, {value}"
                        );
                        last = Some(value);
                    }
                }
            });
        }
    });
}

/// Ends a subscription when it is woken, as an executor that has shut down drops a task with all it has.
#[derive(Default)]
struct Ending(Mutex<Option<Subscription>>);

impl Wake for Ending {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().take());
    }
}

#[test]
fn a_subscription_may_end_where_it_is_woken() {
    let db = Db::open_in_memory();
    for has_other in [false, true] {
        let _other = has_other.then(|| db.subscribe("*").unwrap());
        let ending = Arc::new(Ending::default());
        let mut feed = db.subscribe("*").unwrap();
        let waker = Waker::from(Arc::clone(&ending));
        assert!(
            feed.poll_recv(&mut Context::from_waker(&waker))
                .is_pending()
        );
        *ending.0.lock() = Some(feed);
        db.set("k", "v").unwrap();
        assert!(ending.0.lock().is_none(), "it has ended");
        db.set("k", "w").unwrap();
    }
}

/// The last handle of a task: its subscription goes with it.
#[derive(Debug)]
struct Last(#[expect(dead_code, reason = "it only ends with it")] Subscription);

impl Wake for Last {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn another_waker_takes_the_place_of_one_that_ends_a_subscription() {
    let db = Db::open_in_memory();
    let mut feed = db.subscribe("*").unwrap();
    let last = Arc::new(Last(db.subscribe("*").unwrap()));
    let waker = Waker::from(last);
    assert!(
        feed.poll_recv(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    let mut context = Context::from_waker(Waker::noop());
    assert!(feed.poll_recv(&mut context).is_pending());
}

#[test]
fn a_position_from_before_a_reopen_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let limits = FeedLimits {
        always: true,
        ..FeedLimits::default()
    };
    let db = Db::builder().feed_limits(limits).open(&path).unwrap();
    let start = db.subscribe("*").unwrap().resume_lsn();
    db.set("a", "v").unwrap();
    let mut feed = db.subscribe_from("*", start).unwrap();
    assert_eq!(drain(&mut feed).len(), 1);
    let end = feed.resume_lsn();
    // What no log has reached yet is no position of this one.
    assert!(is_lagged(db.subscribe_from("*", end + 1)));
    db.close().unwrap();
    let db = Db::builder().feed_limits(limits).open(&path).unwrap();
    assert!(is_lagged(db.subscribe_from("*", start)));
    db.set("b", "v").unwrap();
    assert!(is_lagged(db.subscribe_from("*", end)));
    drop(db);
    let db = Db::open(&path).unwrap();
    let end = db.subscribe("*").unwrap().resume_lsn();
    db.set("c", "v").unwrap();
    assert!(is_lagged(db.subscribe_from("*", end)), "nobody kept it");
}

#[test]
fn a_value_that_is_taken_in_is_a_new_key_whatever_it_replaces() {
    let db = Db::open_in_memory();
    db.set("string", "v").unwrap();
    db.rpush("list", &["a"]).unwrap();
    db.sadd("set", &["a"]).unwrap();
    db.hset("hash", "f", "v").unwrap();
    db.zadd("zset", 1.0, "m").unwrap();
    let keys = ["string", "list", "set", "hash", "zset"];
    let payloads = keys.map(|key| db.dump(key).unwrap().unwrap());
    let mut feed = db.subscribe("*").unwrap();
    for (key, payload) in keys.into_iter().zip(&payloads) {
        db.execute(&[b"RESTORE", key.as_bytes(), b"5000", payload, b"REPLACE"])
            .unwrap();
        let changes = drain(&mut feed);
        let events = changes
            .iter()
            .flat_map(Change::events)
            .map(|event| event.name());
        assert_eq!(events.collect::<Vec<_>>(), ["new", "restore"], "{key}");
    }
    let past = [
        &b"RESTORE"[..],
        b"set",
        b"1",
        &payloads[2],
        b"ABSTTL",
        b"REPLACE",
    ];
    db.execute(&past).unwrap();
    assert_eq!(drain(&mut feed)[0].events(), ["del"]);
}
