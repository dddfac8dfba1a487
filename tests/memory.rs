//! Limits on memory, seen from outside: what the file says of evictions.

use std::collections::BTreeSet;

use nacredb::prelude::*;
use nacredb::{Db, Effect, Error, EvictionPolicy, Snapshot, inspect};

#[test]
fn each_eviction_is_one_removal_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::builder()
        .max_memory(100_000, EvictionPolicy::AllKeysLru)
        .open(&path)
        .unwrap();
    for n in 0..60 {
        db.set(format!("key {n}"), vec![1; 4_000]).unwrap();
    }
    let evicted = db.stats().unwrap().evicted_keys as usize;
    db.close().unwrap();
    let mut removed = Vec::new();
    for frame in inspect::log(&path, 0).unwrap() {
        for effect in frame.unwrap().effects().unwrap() {
            if let Effect::KeyRemove { key } = effect {
                removed.push(key.to_vec());
            }
        }
    }
    assert!(evicted > 25, "{evicted}");
    assert_eq!(removed.len(), evicted);
    let different: BTreeSet<_> = removed.iter().collect();
    assert_eq!(different.len(), evicted, "each once");
}

/// A database with one large value of each type, and the keys.
fn large_values() -> Result<(Db, [&'static str; 5]), Error> {
    let db = Db::builder().seed(9).open_in_memory();
    db.set("string", vec![1; 300_000])?;
    let words: Vec<String> = (0..20_000).map(|n| format!("member {n}")).collect();
    let run = |command: &str, key: &str, arguments: Vec<String>| -> Result<(), Error> {
        for some in arguments.chunks(1_000) {
            let head = [command.to_owned(), key.to_owned()];
            let words: Vec<String> = head.into_iter().chain(some.iter().cloned()).collect();
            db.execute(&words)?;
        }
        Ok(())
    };
    let pairs = |name: fn(usize) -> String| {
        let pair = |(n, word): (usize, &String)| [name(n), word.clone()];
        words.iter().enumerate().flat_map(pair).collect::<Vec<_>>()
    };
    run("RPUSH", "list", words.clone())?;
    run("HSET", "hash", pairs(|n| format!("field {n}")))?;
    run("SADD", "set", words.clone())?;
    run("ZADD", "zset", pairs(|n| n.to_string()))?;
    Ok((db, ["string", "list", "hash", "set", "zset"]))
}

/// How much more a snapshot pins after `change`.
fn pinned_by(snapshot: &Snapshot, change: impl FnOnce()) -> u64 {
    let before = snapshot.pinned_bytes();
    change();
    snapshot.pinned_bytes() - before
}

#[test]
fn a_snapshot_pins_the_nodes_that_changed_and_no_others() -> Result<(), Error> {
    let changes: [&[&str]; 5] = [
        &["SETRANGE", "string", "100000", "x"],
        &["LSET", "list", "10000", "other"],
        &["HSET", "hash", "field 777", "other"],
        &["SREM", "set", "member 777"],
        &["ZADD", "zset", "-5", "member 777"],
    ];
    for (at, change) in changes.into_iter().enumerate() {
        // A fresh one each: snapshots that were dropped are freed by a thread of its own.
        let (db, keys) = large_values()?;
        let key = keys[at];
        let whole = db.memory_usage(key)?.unwrap_or(0);
        assert!(whole > 100_000, "{key}: {whole}");
        let snapshot = db.snapshot()?;
        let one = pinned_by(&snapshot, || drop(db.execute(change).unwrap()));
        assert!(one > 0 && one < whole / 5, "{key}: {one} of {whole}");
        // A copy inside the snapshot would keep it whole too: the snapshot alone does not free it.
        let second = db.snapshot()?;
        let removed = pinned_by(&snapshot, || assert!(db.del(key).unwrap()));
        assert_eq!(removed, 0, "{key}: the second snapshot has the rest too");
        drop(second);
        // Freeing is done by a thread of its own.
        let enough = whole / 10 * 9;
        while snapshot.pinned_bytes() < enough {
            std::thread::yield_now();
        }
        let all = snapshot.pinned_bytes();
        assert!(
            all < whole + whole / 10 + 300_000,
            "{key}: {all} of {whole}"
        );
    }
    Ok(())
}

#[test]
fn what_a_snapshot_holds_twice_is_counted_once() -> Result<(), Error> {
    for at in 0..5 {
        let (db, keys) = large_values()?;
        let key = keys[at];
        db.execute(&["COPY", key, "copy"])?;
        let whole = db.memory_usage(key)?.unwrap_or(0);
        let snapshot = db.snapshot()?;
        db.del(key)?;
        let first = snapshot.pinned_bytes();
        assert!(first < whole / 5, "{key}: the copy is still there: {first}");
        db.del("copy")?;
        // What was removed is freed by a thread of its own.
        while snapshot.pinned_bytes() < whole / 10 * 9 {
            std::thread::yield_now();
        }
        let both = snapshot.pinned_bytes();
        assert!(both < whole + 20_000, "{key}: {both} of {whole}");
    }
    Ok(())
}
