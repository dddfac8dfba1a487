#![cfg(target_os = "linux")]
#![expect(
    unsafe_code,
    reason = "only a forked child can show what a forked child sees"
)]
//! A handle that came through `fork()` is refused, and the parent does not notice.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nacredb::prelude::*;
use nacredb::{Db, Error, StorageError};

/// Runs `look` in a forked child; says whether it answered yes.
fn in_child(look: impl Fn() -> bool + Send + Sync + 'static) -> bool {
    let mut command = Command::new("true");
    let hook = move || {
        if look() {
            Ok(())
        } else {
            Err(std::io::Error::from_raw_os_error(77))
        }
    };
    // SAFETY: the child only looks at handles of its own copy; no other thread of this test holds a lock
    // or allocates while it forks.
    unsafe { command.pre_exec(hook) };
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(77), "{error}");
            false
        }
    }
}

#[test]
fn a_forked_child_is_refused_and_the_parent_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::open(&path).unwrap();
    db.set("a", "1").unwrap();
    let refused = |result: Result<(), Error>| {
        matches!(result, Err(Error::Storage(StorageError::ForkedHandle)))
    };
    let inherited = db.clone();
    assert!(in_child(move || {
        refused(inherited.get("a").map(drop))
            && refused(inherited.set("a", "2"))
            && refused(inherited.snapshot().map(drop))
            && refused(inherited.transaction(|tx| tx.set("a", "2")))
            && refused(inherited.sync())
            && refused(inherited.close())
    }));
    // The child's end must not have released the lock or written anything.
    assert!(matches!(
        Db::open(&path),
        Err(Error::Storage(StorageError::AlreadyOpen))
    ));
    db.set("b", "2").unwrap();
    db.close().unwrap();
    let db = Db::open(&path).unwrap();
    assert!(db.open_report().unwrap().clean);
    assert_eq!(db.get("a").unwrap(), Some(b"1".to_vec()));
    assert_eq!(db.get("b").unwrap(), Some(b"2".to_vec()));
}

#[test]
fn the_check_can_fail() {
    assert!(!in_child(|| false));
}
