//! Databases in files through the public API: reopen, locks, read-only, compaction.

use nacredb::prelude::*;
use nacredb::storage::sim::SimDisk;
use nacredb::{Ack, Db, Error, StorageError};
use std::sync::Arc;

#[test]
fn what_was_written_is_there_after_a_reopen_with_every_ack_class() {
    let window = std::time::Duration::from_millis(5);
    for ack in [Ack::Always, Ack::EverySec, Ack::No, Ack::Buffered(window)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.nacre");
        let db = Db::builder().ack(ack).open(&path).unwrap();
        assert!(db.open_report().unwrap().created);
        for number in 0..500 {
            db.set(format!("key:{number}"), vec![b'v'; number * 7])
                .unwrap();
        }
        db.transaction(|tx| tx.set("last", "one")).unwrap();
        db.close().unwrap();
        assert!(matches!(
            db.get("last"),
            Err(Error::Storage(StorageError::Closed))
        ));

        let db = Db::open(&path).unwrap();
        assert!(db.open_report().unwrap().clean);
        for number in 0..500 {
            let value = db.get(format!("key:{number}")).unwrap().unwrap();
            assert_eq!(value, vec![b'v'; number * 7]);
        }
        assert_eq!(db.get("last").unwrap(), Some(b"one".to_vec()));
    }
}

#[test]
fn a_second_opener_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::open(&path).unwrap();
    assert!(matches!(
        Db::open(&path),
        Err(Error::Storage(StorageError::AlreadyOpen))
    ));
    drop(db);
    Db::open(&path).unwrap();
}

#[test]
fn compaction_keeps_everything_and_drops_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::open(&path).unwrap();
    for round in 0..20 {
        for number in 0..200 {
            db.set(
                format!("key:{number}"),
                format!("{round}:{}", "x".repeat(number)),
            )
            .unwrap();
        }
    }
    db.set("big", vec![7; 300_000]).unwrap();
    let before = std::fs::metadata(&path).unwrap().len();
    db.compact().unwrap();
    db.set("after", "compaction").unwrap();
    db.close().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < before / 2);
    let db = Db::open(&path).unwrap();
    for number in 0..200 {
        let expected = format!("19:{}", "x".repeat(number)).into_bytes();
        assert_eq!(db.get(format!("key:{number}")).unwrap(), Some(expected));
    }
    assert_eq!(db.get("big").unwrap(), Some(vec![7; 300_000]));
    assert_eq!(db.get("after").unwrap(), Some(b"compaction".to_vec()));
}

#[test]
fn compaction_under_writers_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::open(&path).unwrap();
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let db = db.clone();
            scope.spawn(move || {
                for number in 0..5_000 {
                    db.set(format!("{worker}:{number}"), number.to_string())
                        .unwrap();
                }
            });
        }
        for _ in 0..5 {
            db.compact().unwrap();
        }
    });
    db.close().unwrap();
    let db = Db::open(&path).unwrap();
    for worker in 0..2 {
        for number in 0..5_000 {
            let value = db.get(format!("{worker}:{number}")).unwrap();
            assert_eq!(value, Some(number.to_string().into_bytes()));
        }
    }
}

#[test]
fn a_read_only_open_reads_and_refuses_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::open(&path).unwrap();
    db.set("a", "1").unwrap();
    db.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let db = Db::builder().read_only(true).open(&path).unwrap();
    assert_eq!(db.get("a").unwrap(), Some(b"1".to_vec()));
    assert!(matches!(
        db.set("a", "2"),
        Err(Error::Storage(StorageError::ReadOnly))
    ));
    assert!(matches!(
        db.transaction(|tx| tx.set("a", "2")),
        Err(Error::Storage(StorageError::ReadOnly))
    ));
    db.close().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_simulated_disk_serves_as_well() {
    let disk = SimDisk::new();
    let db = Db::builder()
        .storage(Arc::new(disk.clone()))
        .open("db")
        .unwrap();
    db.set("a", "1").unwrap();
    db.compact().unwrap();
    db.close().unwrap();
    let db = Db::builder().storage(Arc::new(disk)).open("db").unwrap();
    assert_eq!(db.get("a").unwrap(), Some(b"1".to_vec()));
}
