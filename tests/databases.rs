//! Logical databases: what stays apart, what crosses, and what a reopen finds.

use nacredb::{Db, Error, Reply, prelude::*};

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
