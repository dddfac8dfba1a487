//! Limits on memory, seen from outside: what the file says of evictions.

use std::collections::BTreeSet;

use nacredb::prelude::*;
use nacredb::{Db, Effect, EvictionPolicy, inspect};

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
