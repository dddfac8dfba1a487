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

/// A disk that fails a sync: the writer that waited is told that its change is applied, the engine writes
/// everything to a new file by itself, and then takes writes again.
#[test]
fn a_failed_sync_heals_into_a_new_file() {
    use nacredb::storage::sim::{Fault, FaultAction, SimCall};
    let disk = SimDisk::new();
    let db = Db::builder()
        .ack(Ack::Always)
        .storage(Arc::new(disk.clone()))
        .open("db")
        .unwrap();
    db.set("before", "1").unwrap();
    disk.inject(Fault::on(
        SimCall::Sync,
        0,
        FaultAction::Fail(std::io::ErrorKind::Other),
    ));
    let told = db.set("during", "2");
    assert!(
        matches!(told, Err(Error::Storage(StorageError::Unconfirmed { .. }))),
        "{told:?}"
    );
    assert_eq!(db.get("during").unwrap(), Some(b"2".to_vec()));
    let healed = (0..2_000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        db.set("after", "3").is_ok()
    });
    assert!(healed, "{:?}", db.stats().unwrap());
    db.close().unwrap();
    let db = Db::builder().storage(Arc::new(disk)).open("db").unwrap();
    for (key, value) in [("before", "1"), ("during", "2"), ("after", "3")] {
        assert_eq!(db.get(key).unwrap(), Some(value.as_bytes().to_vec()));
    }
}

/// A full disk refuses writes before they change anything, and takes them again when there is space.
#[test]
fn a_full_disk_refuses_writes_and_recovers_by_itself() {
    let disk = SimDisk::new();
    let db = Db::builder()
        .ack(Ack::No)
        .storage(Arc::new(disk.clone()))
        .open("db")
        .unwrap();
    db.set("small", "1").unwrap();
    disk.set_capacity(Some(disk.used_bytes() + 200_000));
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for number in 0..200 {
        let key = format!("key:{number}");
        match db.set(&key, [b'x'; 20_000]) {
            Ok(()) => acknowledged.push(key),
            Err(Error::Storage(StorageError::Unconfirmed { .. })) => acknowledged.push(key),
            Err(Error::Storage(StorageError::DiskFull)) => {
                refused += 1;
                assert_eq!(
                    db.get(&key).unwrap(),
                    None,
                    "a refused write changes nothing"
                );
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refused > 100 && !acknowledged.is_empty());
    disk.set_capacity(None);
    let recovered = (0..2_000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        db.set("later", "1").is_ok()
    });
    assert!(recovered);
    db.close().unwrap();
    let db = Db::builder().storage(Arc::new(disk)).open("db").unwrap();
    for key in acknowledged {
        assert!(db.get(&key).unwrap().is_some(), "{key}");
    }
    assert!(db.get("later").unwrap().is_some());
}

#[test]
fn a_compaction_can_be_cancelled_paused_and_watched() {
    use nacredb::CompactionRequest;
    use std::ops::ControlFlow;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::open(&path).unwrap();
    for number in 0..20_000 {
        db.set(format!("key:{number}"), [b'x'; 100]).unwrap();
    }
    let cancelled =
        db.compact_with(CompactionRequest::new().on_progress(|_| ControlFlow::Break(())));
    assert!(matches!(
        cancelled,
        Err(Error::Storage(StorageError::Cancelled))
    ));
    let panicked = db.compact_with(CompactionRequest::new().on_progress(|_| panic!("mine")));
    assert!(matches!(
        panicked,
        Err(Error::Storage(StorageError::CompactionBlocked { .. }))
    ));
    let pause = db.pause_compaction();
    let running = db.start_compaction(CompactionRequest::new()).unwrap();
    db.set("while", "paused").unwrap();
    running.cancel();
    assert!(matches!(running.wait(), Err(StorageError::Cancelled)));
    drop(pause);
    let (sender, receiver) = std::sync::mpsc::channel();
    let inner = db.clone();
    let request = CompactionRequest::new().on_progress(move |progress| {
        let refused = matches!(
            inner.compact(),
            Err(Error::Storage(StorageError::Reentrant))
        );
        let _ = sender.send((progress, refused));
        ControlFlow::Continue(())
    });
    db.compact_with(request).unwrap();
    let seen: Vec<_> = receiver.iter().collect();
    assert!(seen.len() > 5 && seen.iter().all(|(_, refused)| *refused));
    let last = seen.last().unwrap().0;
    assert!(last.keys_done <= last.keys_total && last.bytes_written > 2_000_000);
    db.close().unwrap();
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "no temporary file stays"
    );
}

#[test]
fn calls_that_would_wait_for_themselves_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path().join("a.nacre")).unwrap();
    db.set("a", "1").unwrap();
    let reentrant = |result: Result<(), Error>| {
        assert!(
            matches!(result, Err(Error::Storage(StorageError::Reentrant))),
            "{result:?}"
        );
    };
    db.get_with("a", |_| {
        reentrant(db.close());
        reentrant(db.compact().map(drop));
    })
    .unwrap();
    db.transaction(|tx| {
        reentrant(db.close());
        reentrant(db.compact().map(drop));
        tx.set("a", "2")
    })
    .unwrap();
    db.compact().unwrap();
    db.close().unwrap();
}

/// Asks until the answer is yes; a minute is for machines that are very busy.
fn eventually(what: &str, mut yes: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if yes() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("never: {what}");
}

#[test]
fn a_file_that_outgrows_the_policy_is_compacted_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let policy = nacredb::CompactionPolicy {
        min_bytes: 200_000,
        growth_percent: 100,
        bytes_per_second: None,
    };
    let db = Db::builder().compaction(policy).open(&path).unwrap();
    for number in 0..10_000 {
        db.set(format!("key:{}", number % 50), [b'x'; 100]).unwrap();
    }
    eventually("a compaction", || {
        db.stats().unwrap().file.unwrap().compactions > 0
    });
    db.close().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < 1_500_000);
    let db = Db::open(&path).unwrap();
    assert_eq!(db.stats().unwrap().keys, 50);
}

#[test]
fn expired_keys_leave_memory_and_the_file_as_effects() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::open(&path).unwrap();
    for number in 0..500 {
        db.execute(&["SET", &format!("short:{number}"), "x", "PX", "50"])
            .unwrap();
    }
    db.set("long", "x").unwrap();
    eventually("the expirer removes them", || db.stats().unwrap().keys == 1);
    db.close().unwrap();
    let removed = nacredb::inspect::log(&path, 0)
        .unwrap()
        .map(|frame| {
            let frame = frame.unwrap();
            let effects = frame.effects().unwrap();
            effects
                .iter()
                .filter(|effect| matches!(effect, nacredb::Effect::KeyRemove { .. }))
                .count()
        })
        .sum::<usize>();
    assert_eq!(removed, 500);
}
