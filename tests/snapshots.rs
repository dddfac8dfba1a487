//! Snapshots and forks through the public API.

use nacredb::Db;
use nacredb::prelude::*;

#[test]
fn a_snapshot_keeps_its_moment() {
    let db = Db::open_in_memory();
    db.set("a", "1").unwrap();
    let snapshot = db.snapshot().unwrap();
    db.set("a", "2").unwrap();
    db.set("b", "3").unwrap();
    assert_eq!(snapshot.get("a").unwrap(), Some(b"1".to_vec()));
    assert_eq!(snapshot.get("b").unwrap(), None);
    assert_eq!(db.get("a").unwrap(), Some(b"2".to_vec()));
}

#[test]
fn a_snapshot_outlives_its_database_and_crosses_threads() {
    let db = Db::open_in_memory();
    db.set("a", "1").unwrap();
    let snapshot = db.snapshot().unwrap();
    drop(db);
    let other = snapshot.clone();
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(move || other.get("a").unwrap());
        reader.join().unwrap()
    });
    assert_eq!(read, Some(b"1".to_vec()));
    assert_eq!(snapshot.get("a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_fork_and_its_origin_do_not_see_each_other() {
    let db = Db::open_in_memory();
    db.set("a", "1").unwrap();
    let fork = db.fork().unwrap();
    let fork_of_fork = fork.fork().unwrap();
    fork.set("a", "fork").unwrap();
    db.set("a", "origin").unwrap();
    assert_eq!(db.get("a").unwrap(), Some(b"origin".to_vec()));
    assert_eq!(fork.get("a").unwrap(), Some(b"fork".to_vec()));
    assert_eq!(fork_of_fork.get("a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_fork_has_a_manual_clock_of_its_own() {
    use nacredb::{Clock, ManualClock};
    use std::{sync::Arc, time::Duration};
    let clock = Arc::new(ManualClock::new(1_000));
    let db = Db::builder().clock(clock.clone()).open_in_memory();
    db.execute(&["SET", "a", "1", "PX", "500"]).unwrap();
    let fork = db.fork().unwrap();
    fork.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(fork.get("a").unwrap(), None);
    assert_eq!(db.get("a").unwrap(), Some(b"1".to_vec()));
    assert_eq!(clock.now_ms(), 1_000);
}
