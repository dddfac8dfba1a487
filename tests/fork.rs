#![cfg(target_os = "linux")]
#![expect(
    unsafe_code,
    reason = "only a forked child can show what a forked child sees"
)]
//! A handle that came through `fork()` is refused, and the parent does not notice.

use std::future::Future;
use std::os::unix::process::CommandExt;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use nacredb::prelude::*;
use nacredb::{Blocked, Db, Error, Side, StorageError};
use parking_lot::Mutex;

unsafe extern "C" {
    /// Ends the process in so many seconds.
    safe fn alarm(seconds: u32) -> u32;
}

/// Held by each test: a child of another one would hold on to an open file's lock until it ends.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs `look` in a forked child; says whether it answered yes. One that hangs has not.
fn in_child(look: impl Fn() -> bool + Send + Sync + 'static) -> bool {
    let mut command = Command::new("true");
    let hook = move || {
        alarm(20);
        if look() {
            Ok(())
        } else {
            Err(std::io::Error::from_raw_os_error(77))
        }
    };
    // SAFETY: the child only looks at handles of its own copy, and waits for no other thread: what it
    // allocates the C library's fork has made safe, and whether our locks are is what is tested.
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
    let _alone = ALONE.lock();
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
    let _alone = ALONE.lock();
    assert!(!in_child(|| false));
}

/// Keeps the locks of sessions, waits and subscriptions busy while it lives.
struct Busy {
    done: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Busy {
    fn new(db: &Db) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let keys: Vec<String> = (0..2_000).map(|n| format!("busy {n}")).collect();
        let start = |work: fn(&Db, &[String])| {
            let (db, done, keys) = (db.clone(), Arc::clone(&done), keys.clone());
            #[allow(clippy::disallowed_methods, reason = "a test's own thread")]
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    work(&db, &keys);
                }
            })
        };
        let threads = vec![
            start(|db, keys| {
                let mut session = db.session();
                session.watch(&keys[..50]).unwrap();
            }),
            start(|db, keys| drop(waiting(db, keys))),
            start(|db, _| {
                // Many that wait, so that looking for one among them takes a while under the lock.
                let mut feeds: Vec<_> = (0..2_000).map(|_| db.subscribe("*").unwrap()).collect();
                let mut context = Context::from_waker(Waker::noop());
                for feed in &mut feeds {
                    assert!(feed.poll_recv(&mut context).is_pending());
                }
                for _ in 0..5_000 {
                    let last = feeds.last_mut().unwrap();
                    assert!(last.poll_recv(&mut context).is_pending());
                }
            }),
        ];
        Self { done, threads }
    }

    fn end(self) {
        self.done.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

fn waiting<K: AsRef<[u8]>>(db: &Db, keys: &[K]) -> Blocked<(Vec<u8>, Vec<u8>)> {
    let mut future = db.bpop_async(keys, Side::Left, None).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(&mut future).poll(&mut context).is_pending());
    future
}

#[test]
fn a_forked_child_waits_for_no_lock_that_a_thread_of_its_parent_held() {
    let _alone = ALONE.lock();
    let db = Db::open_in_memory();
    let busy = Busy::new(&db);
    let refused = |error: &Error| matches!(error, Error::Storage(StorageError::ForkedHandle));
    for _ in 0..100 {
        let mut session = db.session();
        session.watch(&["k"]).unwrap();
        let mut feed = db.subscribe("nothing").unwrap();
        let mut second = db.session();
        second.watch(&["k"]).unwrap();
        let mut future = waiting(&db, &["k"]);
        let dropped = (session, waiting(&db, &["l"]), db.subscribe("*").unwrap());
        let dropped = Mutex::new(Some(dropped));
        let look = move || {
            let mut context = Context::from_waker(Waker::noop());
            drop(dropped.lock().take());
            second.unwatch();
            let polled = pin!(&mut future).poll(&mut context);
            matches!(polled, Poll::Ready(Err(error)) if refused(&error))
                && refused(&feed.try_recv().unwrap_err())
                && refused(&feed.recv().unwrap_err())
        };
        let look = Mutex::new(look);
        assert!(in_child(move || (*look.lock())()));
    }
    busy.end();
    // The parent's own were not touched.
    let mut session = db.session();
    session.watch(&["k"]).unwrap();
    let mut future = waiting(&db, &["k"]);
    db.rpush("k", &["v"]).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let taken = pin!(&mut future).poll(&mut context);
    assert!(matches!(taken, Poll::Ready(Ok(Some(_)))));
}

/// Noting the use of a key looked for its shard before it asked whether this is the process that opened the
/// database.
#[test]
fn a_forked_child_is_refused_where_uses_are_counted_too() {
    let _alone = ALONE.lock();
    let db = Db::builder()
        .max_memory(1 << 30, nacredb::EvictionPolicy::AllKeysLru)
        .shard_bits(0)
        .open_in_memory();
    db.set("k", "v").unwrap();
    let (inside, entered) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let reader = db.clone();
    #[allow(
        clippy::disallowed_methods,
        reason = "a thread that holds a lock while the test forks"
    )]
    let visit = std::thread::spawn(move || {
        reader.get_with("k", |_| {
            inside.send(()).unwrap();
            left.recv().unwrap();
        })
    });
    entered.recv().unwrap();
    let refused = in_child(move || {
        let asked = [db.get("k").map(drop), db.set("k", "w")];
        let refused = |asked: &Result<(), Error>| {
            matches!(asked, Err(Error::Storage(StorageError::ForkedHandle)))
        };
        asked.iter().all(refused)
    });
    leave.send(()).unwrap();
    visit.join().unwrap().unwrap();
    assert!(refused);
}
