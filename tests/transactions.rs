//! Transactions through the public API: atomic, isolated, rolled back on errors and panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nacredb::prelude::*;
use nacredb::{CommandError, Db, Error, StorageError};

fn number(db: &impl StringRead, key: &str) -> i64 {
    let value = db.get(key).unwrap().unwrap();
    String::from_utf8(value).unwrap().parse().unwrap()
}

#[test]
fn a_committed_transaction_is_visible_whole() {
    let db = Db::open_in_memory();
    db.transaction(|tx| {
        tx.set("a", "1")?;
        assert_eq!(tx.get("a")?, Some(b"1".to_vec()));
        assert_eq!(db.get("a")?, None, "nobody else sees it before the commit");
        tx.set("b", "2")
    })
    .unwrap();
    assert_eq!((number(&db, "a"), number(&db, "b")), (1, 2));
}

#[test]
fn an_error_rolls_back() {
    let db = Db::open_in_memory();
    db.set("a", "before").unwrap();
    let refused: Result<(), Error> = db.transaction(|tx| {
        tx.set("a", "after")?;
        tx.set("new", "x")?;
        Err(CommandError::Syntax.into())
    });
    assert!(matches!(refused, Err(Error::Command(CommandError::Syntax))));
    assert_eq!(db.get("a").unwrap(), Some(b"before".to_vec()));
    assert_eq!(db.get("new").unwrap(), None);
}

#[test]
fn a_panic_rolls_back_and_the_database_goes_on() {
    let db = Db::open_in_memory();
    db.set("a", "before").unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        db.transaction(|tx| -> Result<(), Error> {
            tx.set("a", "after")?;
            panic!("in the middle");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(db.get("a").unwrap(), Some(b"before".to_vec()));
    db.set("a", "later").unwrap();
    db.transaction(|tx| tx.set("b", "x")).unwrap();
    assert_eq!(db.get("a").unwrap(), Some(b"later".to_vec()));
}

#[test]
fn a_write_on_the_database_inside_its_transaction_is_refused_not_a_deadlock() {
    let db = Db::open_in_memory();
    let inner = db.transaction(|tx| -> Result<_, Error> {
        tx.set("a", "1")?;
        Ok((db.set("a", "2"), db.transaction(|tx| tx.set("b", "1"))))
    });
    let (write, transaction) = inner.unwrap();
    assert!(matches!(
        write,
        Err(Error::Storage(StorageError::Reentrant))
    ));
    assert!(matches!(
        transaction,
        Err(Error::Storage(StorageError::Reentrant))
    ));
    assert_eq!(db.get("a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_call_inside_a_visitor_that_would_deadlock_is_refused() {
    let db = Db::open_in_memory();
    db.set("a", "1").unwrap();
    let inner = db.get_with("a", |_| db.set("a", "2")).unwrap().unwrap();
    assert!(matches!(
        inner,
        Err(Error::Storage(StorageError::Reentrant))
    ));
    assert_eq!(db.get("a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn money_moved_by_many_threads_is_never_lost_or_made() {
    const ACCOUNTS: u64 = 8;
    let db = Db::open_in_memory();
    for account in 0..ACCOUNTS {
        db.set(format!("account:{account}"), "100").unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watcher = {
            let (db, stop) = (db.clone(), Arc::clone(&stop));
            scope.spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    let snapshot = db.snapshot().unwrap();
                    let total: i64 = (0..ACCOUNTS)
                        .map(|a| number(&snapshot, &format!("account:{a}")))
                        .sum();
                    assert_eq!(total, 100 * ACCOUNTS as i64);
                }
            })
        };
        let movers: Vec<_> = (0..4_u64)
            .map(|mover| {
                let db = db.clone();
                scope.spawn(move || {
                    for step in 0..500_u64 {
                        let from = format!("account:{}", (mover + step) % ACCOUNTS);
                        let to = format!("account:{}", (mover * 3 + step * 7 + 1) % ACCOUNTS);
                        db.transaction(|tx| -> Result<(), Error> {
                            tx.set(&from, (number(tx, &from) - 1).to_string())?;
                            tx.set(&to, (number(tx, &to) + 1).to_string())
                        })
                        .unwrap();
                    }
                })
            })
            .collect();
        movers.into_iter().for_each(|mover| mover.join().unwrap());
        stop.store(true, Ordering::Release);
        watcher.join().unwrap();
    });
}

#[test]
fn plain_writers_and_transactions_do_not_lose_updates_of_each_other() {
    let db = Db::open_in_memory();
    db.set("n", "0").unwrap();
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let db = db.clone();
            scope.spawn(move || {
                for step in 0..300 {
                    db.set(format!("noise:{worker}:{step}"), "x").unwrap();
                    db.transaction(|tx| tx.set("n", (number(tx, "n") + 1).to_string()))
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(number(&db, "n"), 900);
}

/// A read that met a lock held by another thread once took it for a call from inside its own visitor and
/// was refused.
#[test]
fn readers_and_writers_of_the_same_key_wait_for_each_other() {
    let db = Db::open_in_memory();
    db.set("a", "1").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    db.get_with("a", |value| assert_eq!(value, b"1")).unwrap();
                    db.set("a", "1").unwrap();
                }
            });
        }
    });
}

#[test]
fn visitors_that_want_each_others_shards_get_an_answer() {
    let db = Db::open_in_memory();
    db.set("a", "1").unwrap();
    db.set("b", "1").unwrap();
    std::thread::scope(|scope| {
        for (mine, other) in [("a", "b"), ("b", "a")] {
            let db = &db;
            scope.spawn(move || {
                for _ in 0..200 {
                    let nested = db.get_with(mine, |_| db.get(other)).unwrap().unwrap();
                    let refused = matches!(nested, Err(Error::Storage(StorageError::Reentrant)));
                    assert!(refused || nested.unwrap().is_some());
                }
            });
        }
    });
}
