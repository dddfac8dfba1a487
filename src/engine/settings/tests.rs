use std::sync::Arc;
use std::time::Duration;

use super::{ack_of, ack_word};
use crate::prelude::*;
use crate::storage::backend::Storage;
use crate::storage::memory::MemoryStorage;
use crate::{
    Ack, CompactionPolicy, Db, EncodingLimits, Error, EvictionPolicy, ManualClock, StorageError,
};

fn in_storage(ack: Ack) -> Db {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let builder = Db::builder().storage(storage).ack(ack);
    builder.open("db").unwrap()
}

/// Where the log ends, how far it is written, and how far it is safe.
fn marks(db: &Db) -> (u64, u64, u64) {
    let file = db.stats().unwrap().file.unwrap();
    (file.end_lsn, file.written_lsn, file.durable_lsn)
}

fn wait_until(done: impl Fn() -> bool) {
    for _ in 0..3000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it has not happened in 30 s");
}

#[test]
fn ack_classes_survive_their_word() {
    for ack in [
        Ack::Always,
        Ack::EverySec,
        Ack::No,
        Ack::Buffered(Duration::ZERO),
        Ack::Buffered(Duration::from_micros(1500)),
    ] {
        assert_eq!(ack_of(ack_word(ack)), ack);
    }
    let longest = ack_of(ack_word(Ack::Buffered(Duration::MAX)));
    assert!(matches!(longest, Ack::Buffered(window) if window > Duration::from_secs(1 << 40)));
}

#[test]
fn a_limit_that_comes_later_counts_what_is_there() {
    let db = Db::open_in_memory();
    for n in 0..200 {
        db.set(format!("key {n}"), vec![b'x'; 5_000]).unwrap();
    }
    let all = db.stats().unwrap().memory_bytes;
    db.set_max_memory(all * 2, EvictionPolicy::AllKeysRandom)
        .unwrap();
    db.set("more", "v").unwrap();
    assert_eq!(db.db_size().unwrap(), 201, "there is room");
    db.set_max_memory(all / 2, EvictionPolicy::AllKeysRandom)
        .unwrap();
    db.set("more", "v").unwrap();
    let after = db.stats().unwrap();
    assert!(after.memory_bytes <= all / 2 + 10_000, "{after:?}");
    assert!(after.evicted_keys > 50);
    assert_eq!(after.max_memory_bytes, Some(all / 2));
}

#[test]
fn a_limit_that_went_and_came_back_counts_what_was_written_between() {
    let db = Db::open_in_memory();
    let big = EvictionPolicy::NoEviction;
    db.set_max_memory(1 << 30, big).unwrap();
    db.set("before", vec![1; 100_000]).unwrap();
    db.set_max_memory(0, big).unwrap();
    assert_eq!(db.settings().max_memory_bytes, None);
    db.del("before").unwrap();
    db.set("between", vec![1; 500_000]).unwrap();
    db.set_max_memory(400_000, big).unwrap();
    assert!(db.set("after", "v").is_err(), "more is taken");
    db.del("between").unwrap();
    db.set("after", "v").unwrap();
    db.set_max_memory(0, big).unwrap();
    db.set("any", vec![1; 500_000]).unwrap();
    db.set("more", "v").unwrap();
}

#[test]
fn uses_are_known_from_when_a_policy_asks_for_them() {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let db = Db::builder().clock(clock).open_in_memory();
    db.set("k", "v").unwrap();
    assert!(db.execute(&["OBJECT", "FREQ", "k"]).is_err());
    db.set_max_memory(1 << 30, EvictionPolicy::AllKeysLru)
        .unwrap();
    db.advance(Duration::from_secs(10)).unwrap();
    let idle = || db.execute(&["OBJECT", "IDLETIME", "k"]).unwrap().as_int();
    assert_eq!(idle(), Some(10));
    db.get("k").unwrap();
    assert_eq!(idle(), Some(0));
    // A word that says when says nothing of how often.
    db.set_max_memory(1 << 30, EvictionPolicy::AllKeysLfu)
        .unwrap();
    let count = || db.execute(&["OBJECT", "FREQ", "k"]).unwrap().as_int();
    assert_eq!(count(), Some(5));
}

#[test]
fn limits_of_short_forms_hold_for_writes_from_then_on() {
    let db = Db::open_in_memory();
    db.execute(&["HSET", "h", "a", "1", "b", "2"]).unwrap();
    db.set_encoding_limits(EncodingLimits {
        hash_listpack_entries: 2,
        ..EncodingLimits::REDIS
    });
    let form = |key| db.execute(&["OBJECT", "ENCODING", key]).unwrap();
    assert_eq!(form("h").as_bytes(), Some(&b"listpack"[..]));
    db.execute(&["HSET", "h", "c", "3"]).unwrap();
    assert_eq!(form("h").as_bytes(), Some(&b"hashtable"[..]));
    assert_eq!(db.settings().encoding_limits.hash_listpack_entries, 2);
}

#[test]
fn writes_after_always_are_safe_when_they_are_answered() {
    let db = in_storage(Ack::No);
    db.set("k", "v").unwrap();
    let (end, written, durable) = marks(&db);
    assert_eq!(end, written);
    assert!(durable < end, "nobody has synced");
    db.set_ack(Ack::Always).unwrap();
    for n in 0..10 {
        db.set("k", format!("{n}")).unwrap();
        let (end, _, durable) = marks(&db);
        assert_eq!(end, durable);
    }
}

#[test]
fn writes_after_every_second_are_synced_soon() {
    let db = in_storage(Ack::No);
    db.set("k", "v").unwrap();
    db.set_ack(Ack::EverySec).unwrap();
    db.set("k", "w").unwrap();
    wait_until(|| marks(&db).0 == marks(&db).2);
}

#[test]
fn writes_after_buffered_reach_the_file_and_go_back_to_being_written_at_once() {
    let db = in_storage(Ack::EverySec);
    for _ in 0..3 {
        let window = Duration::from_millis(1);
        db.set_ack(Ack::Buffered(window)).unwrap();
        db.set("k", "v").unwrap();
        wait_until(|| marks(&db).0 == marks(&db).1);
        db.set_ack(Ack::No).unwrap();
        db.set("k", "w").unwrap();
        assert_eq!(marks(&db).0, marks(&db).1);
    }
    db.close().unwrap();
    assert!(db.set_ack(Ack::Always).is_err());
}

#[test]
fn a_compaction_follows_the_policy_that_is_set() {
    let db = in_storage(Ack::No);
    let off = CompactionPolicy {
        growth_percent: 0,
        ..CompactionPolicy::default()
    };
    db.set_compaction_policy(off);
    assert_eq!(db.settings().compaction, off);
    for _ in 0..100 {
        db.set("k", vec![0; 10_000]).unwrap();
    }
    assert_eq!(db.stats().unwrap().file.unwrap().compactions, 0);
    db.set_compaction_policy(CompactionPolicy {
        min_bytes: 1,
        growth_percent: 100,
        bytes_per_second: None,
    });
    wait_until(|| db.stats().unwrap().file.unwrap().compactions > 0);
}

#[test]
fn a_branch_begins_with_the_settings_as_of_then() {
    let db = Db::open_in_memory();
    db.set_max_memory(1 << 20, EvictionPolicy::VolatileTtl)
        .unwrap();
    db.set_max_memory_samples(9);
    let fork = db.fork().unwrap();
    assert_eq!(fork.settings(), db.settings());
    fork.set_max_memory(0, EvictionPolicy::NoEviction).unwrap();
    assert_eq!(db.settings().max_memory_bytes, Some(1 << 20));
}

#[test]
fn a_limit_set_amid_writes_counts_exactly() {
    let db = Db::open_in_memory();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|thread| {
                let db = &db;
                scope.spawn(move || {
                    for n in 0..3000 {
                        let key = format!("{thread} {}", n % 500);
                        db.set(&key, vec![0; n % 300]).unwrap();
                    }
                })
            })
            .collect();
        let policies = [EvictionPolicy::AllKeysLru, EvictionPolicy::AllKeysLfu];
        for round in 0_usize.. {
            let bytes = if round.is_multiple_of(3) { 0 } else { 1 << 30 };
            db.set_max_memory(bytes, policies[round % 2]).unwrap();
            if writers.iter().all(|writer| writer.is_finished()) {
                break;
            }
        }
    });
    db.set_max_memory(1 << 30, EvictionPolicy::NoEviction)
        .unwrap();
    let engine = db.engine();
    assert_eq!(engine.memory.used_bytes(), db.stats().unwrap().memory_bytes);
}

#[test]
fn a_setting_is_not_changed_from_under_the_lock_of_a_shard() {
    let db = Db::open_in_memory();
    db.set("k", "v").unwrap();
    let refused = db.get_with("k", |_| {
        let memory = db.set_max_memory(1 << 30, EvictionPolicy::AllKeysLru);
        (memory, db.set_ack(Ack::No))
    });
    let Some((memory, ack)) = refused.unwrap() else {
        panic!("the key is there");
    };
    for error in [memory.unwrap_err(), ack.unwrap_err()] {
        assert!(
            matches!(error, Error::Storage(StorageError::Reentrant)),
            "{error}"
        );
    }
    assert_eq!(db.settings().max_memory_bytes, None);
    // Nothing was begun: counting is right from the first time that it is asked for.
    db.set_max_memory(1 << 30, EvictionPolicy::AllKeysLru)
        .unwrap();
}
