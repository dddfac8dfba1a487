//! Logical databases: what stays apart, what crosses, and what a reopen finds.

use std::sync::Arc;
use std::time::Duration;

use nacredb::{Clock, Db, Error, EvictionPolicy, ManualClock, Reply, prelude::*};

fn index_refused<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert_eq!(
        result.unwrap_err().to_string(),
        "ERR DB index is out of range"
    );
}

#[test]
fn databases_are_apart() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let other = db.database(15)?;
    db.set("k", "zero")?;
    other.set("k", "fifteen")?;
    assert_eq!(db.get("k")?, Some(b"zero".to_vec()));
    assert_eq!((db.db_size()?, other.db_size()?), (1, 1));
    assert_eq!(other.keys("*")?, [b"k"]);
    let held = db.snapshot()?;
    other.flush_db()?;
    assert_eq!((db.db_size()?, other.db_size()?), (1, 0));
    assert_eq!(held.database(15)?.get("k")?, Some(b"fifteen".to_vec()));
    other.flush_all()?;
    assert_eq!(db.db_size()?, 0);
    assert_eq!(db.get("k")?, None);
    index_refused(db.database(16));
    index_refused(held.database(16));
    index_refused(db.swap_databases(0, 16));
    index_refused(db.move_to_database("k", 16));
    index_refused(db.copy_to_database("k", "k", 16, true));
    Ok(())
}

#[test]
fn keys_cross_databases_with_their_deadlines() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let other = db.database(3)?;
    db.set("k", "v")?;
    db.execute(&["PEXPIREAT", "k", "99999999999999"])?;
    assert!(db.copy_to_database("k", "copy", 3, false)?);
    assert!(!db.copy_to_database("k", "copy", 3, false)?);
    assert!(db.move_to_database("k", 3)?);
    assert!(!db.move_to_database("k", 3)?);
    for key in ["k", "copy"] {
        let at = other.execute(&["PEXPIRETIME", key])?;
        assert_eq!(at, Reply::Int(99_999_999_999_999));
    }
    let refused = other.move_to_database("k", 3).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "ERR source and destination objects are the same"
    );
    Ok(())
}

#[test]
fn a_transaction_selects() -> Result<(), Error> {
    let db = Db::open_in_memory();
    db.database(2)?.transaction(|tx| {
        tx.set("k", "two")?;
        assert!(tx.move_to_database("k", 4)?);
        Ok::<_, Error>(())
    })?;
    assert_eq!(db.database(4)?.get("k")?, Some(b"two".to_vec()));
    Ok(())
}

#[test]
fn a_reopen_finds_every_database_from_the_log_and_from_the_snapshot() -> Result<(), Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    for compact in [false, true] {
        let db = Db::open(&path)?;
        if !compact {
            for index in 0..16 {
                let database = db.database(index)?;
                database.set("k", index.to_string())?;
                database.set(format!("only:{index}"), "v")?;
            }
            db.swap_databases(1, 2)?;
            db.database(5)?.move_to_database("only:5", 6)?;
            db.database(7)?
                .copy_to_database("only:7", "copy", 8, false)?;
            db.database(9)?.flush_db()?;
        } else {
            db.compact()?;
        }
        db.close()?;
        let db = Db::open(&path)?;
        let read = |index: u8, key: &str| db.database(index).unwrap().get(key);
        assert_eq!(read(1, "k")?, Some(b"2".to_vec()), "compacted: {compact}");
        assert_eq!(read(2, "only:1")?, Some(b"v".to_vec()));
        assert_eq!(read(6, "only:5")?, Some(b"v".to_vec()));
        assert_eq!(read(8, "copy")?, Some(b"v".to_vec()));
        let sizes: Vec<u64> = (0..16)
            .map(|index| db.database(index)?.db_size())
            .collect::<Result<_, _>>()?;
        assert_eq!(sizes, [2, 2, 2, 2, 2, 1, 3, 2, 3, 0, 2, 2, 2, 2, 2, 2]);
        db.close()?;
    }
    Ok(())
}

/// One that notes uses, and its clock.
fn with_uses(policy: EvictionPolicy) -> (Db, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let builder = Db::builder().clock(clock.clone()).seed(3);
    (builder.max_memory(1 << 30, policy).open_in_memory(), clock)
}

#[test]
fn keys_keep_their_uses_from_one_database_to_another() -> Result<(), Error> {
    let (db, clock) = with_uses(EvictionPolicy::AllKeysLru);
    let later = |seconds| assert!(clock.advance(Duration::from_secs(seconds)));
    let idle = |index: u8, key: &str| -> Result<Reply, Error> {
        db.database(index)?.execute(&["OBJECT", "IDLETIME", key])
    };
    later(1_000);
    for n in 0..40 {
        db.set(format!("k{n}"), "v")?;
    }
    later(7);
    db.move_to_database("k1", 5)?;
    db.copy_to_database("k2", "k2", 6, false)?;
    assert_eq!(idle(5, "k1")?, Reply::Int(7));
    db.swap_databases(0, 9)?;
    for n in 3..40 {
        assert_eq!(idle(9, &format!("k{n}"))?, Reply::Int(7), "k{n}");
    }
    Ok(())
}

#[test]
fn keys_keep_their_counts_of_uses_from_one_database_to_another() -> Result<(), Error> {
    let (db, _clock) = with_uses(EvictionPolicy::AllKeysLfu);
    let count = |index: u8, key: &str| -> Result<i64, Error> {
        let reply = db.database(index)?.execute(&["OBJECT", "FREQ", key])?;
        let Reply::Int(count) = reply else {
            panic!("{reply:?}");
        };
        Ok(count)
    };
    for key in ["moved", "swapped"] {
        db.set(key, "v")?;
        for _ in 0..2_000 {
            db.get(key)?;
        }
    }
    let before = [count(0, "moved")?, count(0, "swapped")?];
    assert!(before.iter().all(|&count| count > 12), "{before:?}");
    db.move_to_database("moved", 5)?;
    db.swap_databases(0, 9)?;
    assert_eq!([count(5, "moved")?, count(9, "swapped")?], before);
    Ok(())
}
