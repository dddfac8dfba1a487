use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::command::script::Numbers;
use crate::prelude::*;
use crate::storage::memory::MemoryStorage;
use crate::{Ack, Builder, Clock, CommandError, Db, Error, EvictionPolicy, ManualClock, Reply};

use EvictionPolicy::{
    AllKeysLfu, AllKeysLru, AllKeysRandom, NoEviction, VolatileLfu, VolatileLru, VolatileRandom,
    VolatileTtl,
};

/// Bytes of each value: beside the pages, so that each eviction frees its share.
const VALUE_BYTES: usize = 4_000;

fn limited(policy: EvictionPolicy, bytes: u64) -> (Db, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let builder = Db::builder().clock(clock.clone()).seed(7);
    (builder.max_memory(bytes, policy).open_in_memory(), clock)
}

fn later(clock: &ManualClock, ms: u64) {
    assert!(clock.advance(Duration::from_millis(ms)));
}

fn used(db: &Db) -> u64 {
    db.stats().unwrap().memory_bytes
}

fn key(n: usize) -> String {
    format!("key {n}")
}

fn put(db: &Db, n: usize) {
    db.set(key(n), vec![n as u8 | 1; VALUE_BYTES]).unwrap();
}

fn kept(db: &Db, keys: std::ops::Range<usize>) -> usize {
    keys.filter(|&n| db.exists(key(n)).unwrap()).count()
}

fn is_oom<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Command(CommandError::OutOfMemory)))
}

/// A limit that `count` of the keys fit into, and a database filled with them and a little more.
fn fill(policy: EvictionPolicy, count: usize) -> (Db, Arc<ManualClock>) {
    let bytes = (count * (VALUE_BYTES + 200)) as u64;
    let (db, clock) = limited(policy, bytes);
    for n in 0..count {
        put(&db, n);
        clock.set_ms(1_000_000 + n as u64 * 100);
    }
    assert_eq!(db.stats().unwrap().evicted_keys, 0);
    (db, clock)
}

#[test]
fn without_eviction_writers_are_refused_and_nothing_changes() {
    let (db, _) = limited(NoEviction, 20_000);
    db.set("number", "1").unwrap();
    db.set("large", vec![1; 30_000]).unwrap();
    let before = used(&db);
    assert!(before > 20_000);
    assert!(is_oom(db.set("k", "v")));
    assert!(is_oom(db.incr("number")));
    let soon = Some(Duration::from_millis(1));
    assert!(is_oom(db.blmove(
        "from",
        "to",
        crate::Side::Left,
        crate::Side::Right,
        soon
    )));
    assert!(is_oom(db.transaction(|tx| tx.append("number", "2"))));
    let text = "OOM command not allowed when used memory > 'maxmemory'.";
    for words in [
        &["SET", "k", "v"][..],
        &["SET", "k", "v", "NONSENSE"],
        &["HSET", "h", "f", "v"],
        &["APPEND", "number", "2"],
        &["SETBIT", "b", "1", "1"],
        &["COPY", "number", "k"],
    ] {
        let error = db.execute(words).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.redis_code().as_str()),
            (text, "OOM")
        );
    }
    assert_eq!(used(&db), before);
    // What needs no memory runs, and makes room.
    assert_eq!(db.get("number").unwrap(), Some(b"1".to_vec()));
    db.rename("number", "other").unwrap();
    db.persist("other").unwrap();
    assert!(db.execute(&["SET", "too", "few", "EX"]).is_err());
    db.del("large").unwrap();
    assert_eq!(db.execute(&["SET", "k", "v"]).unwrap(), Reply::ok());
    assert_eq!(db.stats().unwrap().evicted_keys, 0);
}

#[test]
fn a_wrong_number_of_words_comes_before_the_refusal() {
    let (db, _) = limited(NoEviction, 1_000);
    db.set("large", vec![1; 30_000]).unwrap();
    let error = db.execute(&["SET", "k"]).unwrap_err().to_string();
    assert!(error.starts_with("ERR wrong number"), "{error}");
}

#[test]
fn lru_keeps_what_was_used() {
    let (db, clock) = fill(AllKeysLru, 400);
    clock.set_ms(2_000_000);
    // Half of the keys are read, the older ones; only looking at the others does not count.
    for n in 0..200 {
        db.get(key(n)).unwrap();
    }
    for n in 200..400 {
        assert!(db.ttl_ms(key(n)).is_ok() && db.exists(key(n)).unwrap());
        db.object_encoding(key(n)).unwrap();
        db.memory_usage(key(n)).unwrap();
    }
    for n in 400..550 {
        later(&clock, 100);
        put(&db, n);
    }
    let (used, unused, fresh) = (kept(&db, 0..200), kept(&db, 200..400), kept(&db, 400..550));
    assert!(
        used > 180 && unused < 90 && fresh > 145,
        "{used}, {unused}, {fresh}"
    );
    assert_eq!(
        db.stats().unwrap().evicted_keys as usize,
        550 - used - unused - fresh
    );
}

#[test]
fn lfu_keeps_what_is_used_often() {
    let (db, clock) = fill(AllKeysLfu, 400);
    for _ in 0..40 {
        for n in 0..200 {
            db.get(key(n)).unwrap();
        }
    }
    // Recent, but rare.
    for n in 200..400 {
        db.get(key(n)).unwrap();
    }
    for n in 400..550 {
        later(&clock, 100);
        put(&db, n);
    }
    let (often, rare) = (kept(&db, 0..200), kept(&db, 200..400));
    assert!(often > 190, "{often}, {rare}");
    assert!(rare < 140, "{often}, {rare}");
}

#[test]
fn random_eviction_prefers_nobody() {
    let (db, _) = fill(AllKeysRandom, 400);
    for n in 400..800 {
        put(&db, n);
    }
    let (old, fresh) = (kept(&db, 0..400), kept(&db, 400..800));
    // Each old key has outlived about 400 choices among 400.
    assert!((90..220).contains(&old) && fresh > 180, "{old}, {fresh}");
}

#[test]
fn volatile_policies_leave_keys_without_a_deadline() {
    for policy in [VolatileLru, VolatileLfu, VolatileRandom, VolatileTtl] {
        let (db, clock) = fill(policy, 300);
        let at_ms = |n: usize| 10_000_000 + n as u64 * 1_000;
        for n in (0..300).filter(|n| n % 3 == 0) {
            assert!(db.expire_at_ms(key(n), at_ms(n)).unwrap());
        }
        for n in 300..350 {
            later(&clock, 100);
            put(&db, n);
        }
        let volatile: Vec<usize> = (0..300)
            .step_by(3)
            .filter(|&n| db.exists(key(n)).unwrap())
            .collect();
        let others = (0..350).filter(|n| *n >= 300 || n % 3 != 0);
        assert_eq!(
            others.filter(|&n| !db.exists(key(n)).unwrap()).count(),
            0,
            "{policy:?}"
        );
        assert!(
            (35..65).contains(&volatile.len()),
            "{policy:?}: {}",
            volatile.len()
        );
        if policy == VolatileTtl {
            // Five samples and a pool: mostly the nearest deadlines.
            let late = volatile.iter().filter(|&&n| n >= 150).count();
            assert!(late > 38, "{late} of {}", volatile.len());
        }
        // When all are gone, the next is refused.
        let mut n = 350;
        while db.set(key(n), vec![1; VALUE_BYTES]).is_ok() {
            n += 1;
        }
        assert!(n > 370, "{policy:?}: {n}");
        assert_eq!(kept(&db, 0..300), 200, "{policy:?}");
        assert!(is_oom(db.set("one", "more")), "{policy:?}");
    }
}

#[test]
fn expired_keys_go_first() {
    let (db, clock) = fill(AllKeysLru, 300);
    for n in 250..300 {
        db.expire_at_ms(key(n), 1_900_000).unwrap();
    }
    clock.set_ms(2_000_000);
    for n in 300..340 {
        put(&db, n);
    }
    assert_eq!(kept(&db, 0..250), 250);
    assert_eq!(kept(&db, 300..340), 40);
    assert_eq!(db.stats().unwrap().evicted_keys, 0);
}

#[test]
fn every_database_is_evicted_from() {
    let (db, _) = limited(AllKeysRandom, 400_000);
    for n in 0..300 {
        put(&db.database((n % 3) as u8 * 7).unwrap(), n);
    }
    for index in [0, 7, 14] {
        let left = db.database(index).unwrap().db_size().unwrap();
        assert!((10..70).contains(&left), "database {index}: {left}");
    }
}

#[test]
fn a_long_random_load_stays_below_the_limit() {
    for (seed, policy) in [(1, AllKeysLru), (2, AllKeysLfu), (3, AllKeysRandom)] {
        let limit = 300_000;
        let (db, clock) = limited(policy, limit);
        let numbers = Numbers::seeded(seed);
        let draw = |below: u64| numbers.next() % below;
        let mut peak = 0;
        for step in 0..8_000 {
            let key = format!("key {}", draw(3_000));
            let len = if draw(20) == 0 {
                draw(9_000)
            } else {
                draw(200)
            } as usize;
            match draw(6) {
                0 => drop(db.get(&key).unwrap()),
                1 => drop(db.append(&key, vec![7; len / 4]).unwrap()),
                2 => drop(db.del(&key).unwrap()),
                3 => drop(
                    db.expire_at_ms(&key, 1_000_000 + step * 20 + draw(9_000))
                        .unwrap(),
                ),
                _ => db.set(&key, vec![7; len]).unwrap(),
            }
            later(&clock, draw(30));
            peak = peak.max(used(&db));
        }
        // One command is what passes the limit: nine thousand bytes, or a page that is copied larger.
        assert!(peak <= limit + 16_000, "{policy:?}, seed {seed}: {peak}");
        assert!(
            db.stats().unwrap().evicted_keys > 200,
            "{policy:?}, seed {seed}"
        );
        let counted: u64 = db.stats().unwrap().keys;
        assert!(counted > 100, "{policy:?}, seed {seed}: {counted}");
    }
}

#[test]
fn threads_evict_together() {
    let db = Db::builder()
        .seed(3)
        .max_memory(500_000, AllKeysLru)
        .open_in_memory();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let db = &db;
            scope.spawn(move || {
                for n in 0..500 {
                    put(db, n * 4 + thread);
                    db.get(key(n)).unwrap();
                }
            });
        }
    });
    // Each thread may be one value above.
    assert!(used(&db) <= 500_000 + 4 * 5_000, "{}", used(&db));
    let counted: usize = db.snapshot().unwrap().iter().count();
    assert!((80..130).contains(&counted), "{counted}");
}

#[test]
fn evictions_are_in_the_log_and_a_reopen_agrees() {
    let storage = Arc::new(MemoryStorage::new());
    let open = |builder: Builder| {
        builder
            .storage(storage.clone())
            .ack(Ack::No)
            .open("a.nacre")
    };
    let limited = || Db::builder().seed(5).max_memory(100_000, AllKeysLru);
    let db = open(limited()).unwrap();
    for n in 0..100 {
        put(&db, n);
    }
    let evicted = db.stats().unwrap().evicted_keys;
    assert!(evicted > 70, "{evicted}");
    let before: BTreeSet<Vec<u8>> = db
        .snapshot()
        .unwrap()
        .iter()
        .map(|record| record.key().to_vec())
        .collect();
    db.close().unwrap();
    // Half the limit: recovery itself evicts nothing, the next write does.
    let db = open(Db::builder().max_memory(50_000, AllKeysLru)).unwrap();
    let after: BTreeSet<Vec<u8>> = db
        .snapshot()
        .unwrap()
        .iter()
        .map(|record| record.key().to_vec())
        .collect();
    assert_eq!(before, after);
    assert!(used(&db) > 50_000);
    db.set("k", "v").unwrap();
    assert!(used(&db) <= 51_000, "{}", used(&db));
}

#[test]
fn a_snapshot_keeps_evicted_keys_and_says_what_it_pins() {
    let (db, _) = fill(AllKeysLru, 100);
    let snapshot = db.snapshot().unwrap();
    assert_eq!(snapshot.pinned_bytes(), 0);
    for n in 100..250 {
        put(&db, n);
    }
    let kept = kept(&db, 0..100);
    assert!(kept < 10, "{kept}");
    assert_eq!(snapshot.iter().count(), 100);
    let pinned = snapshot.pinned_bytes();
    assert!(pinned as usize > (100 - kept) * VALUE_BYTES, "{pinned}");
    let second = db.snapshot().unwrap();
    assert_eq!(second.pinned_bytes(), 0);
}

#[test]
fn a_transaction_looks_before_its_first_change_only() {
    let (db, _) = limited(NoEviction, 50_000);
    let whole = db.transaction(|tx| {
        for n in 0..30 {
            tx.set(key(n), vec![1; VALUE_BYTES])?;
        }
        Ok::<(), Error>(())
    });
    assert!(whole.is_ok(), "there was room when it began to write");
    assert_eq!(kept(&db, 0..30), 30);
    let refused = db.transaction(|tx| {
        assert!(tx.exists(key(3))?);
        tx.set("k", "v")
    });
    assert!(is_oom(refused));
    db.transaction(|tx| tx.del(key(3))).unwrap();
    assert_eq!(kept(&db, 0..30), 29);
}

#[test]
fn a_transaction_that_reads_everything_first_finds_room_all_the_same() {
    let (db, _) = fill(AllKeysLru, 50);
    // One more, so that the limit is passed when the transaction begins.
    db.set("last", vec![1; 30_000]).unwrap();
    let limit = db.stats().unwrap().max_memory_bytes.unwrap();
    assert!(used(&db) > limit);
    for round in 0..3 {
        db.transaction(|tx| {
            // Freezes every shard.
            let before = tx.db_size()?;
            tx.set(format!("new {round}"), vec![1; 30_000])?;
            assert_eq!(tx.db_size()?, before + 1);
            Ok::<(), Error>(())
        })
        .unwrap();
        assert!(db.exists(format!("new {round}")).unwrap());
    }
    assert!(used(&db) <= limit + 31_000, "{}", used(&db));
    assert!(db.stats().unwrap().evicted_keys > 10);
}

#[test]
fn a_transaction_evicts_nothing_where_nothing_may_go_or_be_written() {
    let (db, _) = limited(NoEviction, 50_000);
    db.set("large", vec![1; 60_000]).unwrap();
    let whole = db.transaction(|tx| {
        assert_eq!(tx.db_size()?, 1);
        tx.expire("large", Duration::from_secs(1))
    });
    assert!(whole.unwrap());
    let storage = Arc::new(MemoryStorage::new());
    let builder = || Db::builder().storage(storage.clone());
    let db = builder().open("a.nacre").unwrap();
    db.set("large", vec![1; 60_000]).unwrap();
    db.close().unwrap();
    let read_only = builder().read_only(true).max_memory(10_000, AllKeysLru);
    let db = read_only.open("a.nacre").unwrap();
    let mut session = db.session();
    session.execute(&["MULTI"]).unwrap();
    session.execute(&["STRLEN", "large"]).unwrap();
    let lengths = Reply::Array(vec![Reply::Int(60_000)]);
    assert_eq!(session.execute(&["EXEC"]).unwrap(), lengths);
    assert_eq!(db.stats().unwrap().evicted_keys, 0);
}

#[test]
fn a_transaction_evicts_what_it_has_not_touched() {
    let (db, clock) = fill(AllKeysLru, 50);
    later(&clock, 1_000);
    let there = db.transaction(|tx| {
        // All that is in these shards is frozen, and stays.
        let seen: Vec<_> = (0..10).map(|n| tx.get(key(n)).unwrap()).collect();
        put(&db_free(&db), 900);
        tx.set("new", vec![1; 20_000])?;
        for (n, value) in seen.iter().enumerate() {
            assert_eq!(&tx.get(key(n))?, value);
        }
        Ok::<usize, Error>(seen.iter().flatten().count())
    });
    // Room was made, if it had to be, before it looked.
    assert_eq!(kept(&db, 0..10), there.unwrap());
    // Its keys count as used when they were written: the next to go are others.
    for n in 1_000..1_020 {
        put(&db, n);
    }
    assert!(db.exists("new").unwrap());
}

/// A database of its own: writing to the first one inside its transaction would wait for itself.
fn db_free(db: &Db) -> Db {
    db.fork().unwrap()
}

#[test]
fn a_branch_has_the_limit_and_a_count_of_its_own() {
    let (db, _) = fill(AllKeysLru, 100);
    let branch = db.fork().unwrap();
    for n in 100..200 {
        put(&branch, n);
    }
    assert_eq!(kept(&db, 0..100), 100);
    let left = branch.db_size().unwrap();
    assert!((90..=101).contains(&left), "{left}");
    assert_eq!(
        branch.stats().unwrap().max_memory_bytes,
        db.stats().unwrap().max_memory_bytes
    );
}

#[test]
fn one_who_waits_for_a_transaction_evicts_after_it() {
    let (db, _) = fill(AllKeysRandom, 60);
    let (frozen, wait) = std::sync::mpsc::channel();
    let (done, go) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let holder = &db;
        scope.spawn(move || {
            holder.transaction(|tx| {
                // Touches every shard.
                assert!(tx.db_size()? > 0);
                frozen.send(()).unwrap();
                go.recv().unwrap();
                Ok::<(), Error>(())
            })
        });
        wait.recv().unwrap();
        // Above the limit already, so that the writer must evict, and can only wait.
        let writer = scope.spawn(|| {
            for n in 100..130 {
                put(&db, n);
            }
        });
        std::thread::yield_now();
        done.send(()).unwrap();
        writer.join().unwrap();
    });
    assert!(db.stats().unwrap().evicted_keys > 20);
}

#[test]
fn what_is_idle_and_what_is_frequent_can_be_asked() {
    let (db, clock) = limited(AllKeysLru, 1 << 20);
    db.set("k", "v").unwrap();
    later(&clock, 5_000);
    let say = |words: &[&str]| db.execute(words);
    assert_eq!(say(&["OBJECT", "IDLETIME", "k"]).unwrap(), Reply::Int(5));
    assert_eq!(say(&["OBJECT", "IDLETIME", "missing"]).unwrap(), Reply::Nil);
    assert!(say(&["OBJECT", "FREQ", "k"]).is_err());
    assert_eq!(say(&["EXISTS", "k"]).unwrap(), Reply::Int(1));
    assert_eq!(say(&["TYPE", "k"]).unwrap(), Reply::Status("string".into()));
    assert_eq!(db.object_idle_time("k").unwrap(), Some(5));
    assert_eq!(say(&["TOUCH", "k"]).unwrap(), Reply::Int(1));
    assert_eq!(db.object_idle_time("k").unwrap(), Some(0));
    later(&clock, 7_000);
    db.transaction(|tx| tx.get("k")).unwrap();
    assert_eq!(db.object_idle_time("k").unwrap(), Some(0));
    db.transaction(|tx| tx.set("fresh", "v")).unwrap();
    assert_eq!(db.object_idle_time("fresh").unwrap(), Some(0));

    let (db, _) = limited(VolatileLfu, 1 << 20);
    db.set("k", "v").unwrap();
    assert_eq!(db.object_frequency("k").unwrap(), Some(5));
    for _ in 0..50 {
        db.get("k").unwrap();
    }
    assert!(db.object_frequency("k").unwrap() > Some(6));
    let error = db.object_idle_time("k").unwrap_err().to_string();
    assert!(
        error.starts_with("ERR An LFU maxmemory policy is selected"),
        "{error}"
    );
    db.advance(Duration::from_secs(60 * 200)).unwrap();
    assert_eq!(db.object_frequency("k").unwrap(), Some(0));
}

#[test]
fn a_write_inside_a_visitor_evicts_elsewhere() {
    let (db, _) = fill(AllKeysRandom, 60);
    for n in 60..80 {
        put(&db, n);
    }
    let mut inside = None;
    let visited = (0..80).find(|&n| db.exists(key(n)).unwrap()).unwrap();
    db.get_with(key(visited), |_| {
        // Whatever it answers, it must answer.
        inside = Some(db.set("inside", vec![1; VALUE_BYTES]));
    })
    .unwrap();
    assert!(inside.is_some());
    assert!(db.exists(key(visited)).unwrap());
}
