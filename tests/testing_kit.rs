//! The test kit through its public interface: what a disk keeps, forks beside each other, what a failed
//! expectation says.

use std::sync::LazyLock;
use std::time::Duration;

use nacredb::testing::{self, Moment, TestDb, TestDisk};
use nacredb::{
    Ack, CompactionPolicy, Db, Error, StorageError, assert_diff, assert_no_diff, prelude::*,
};

const SECOND: Duration = Duration::from_secs(1);

/// What is left of keys written before and after a second has passed.
fn left(ack: Ack, end: fn(&TestDisk) -> Result<TestDb, Error>) -> Vec<Vec<u8>> {
    let disk = testing::disk_with(Db::builder().ack(ack));
    let db = disk.open().unwrap();
    db.set("early", "1").unwrap();
    db.advance(SECOND);
    db.set("late", "1").unwrap();
    let db = end(&disk).unwrap();
    let mut keys = db.keys("*").unwrap();
    keys.sort();
    keys
}

#[test]
fn a_disk_keeps_what_each_ack_class_has_promised() {
    let both: [&[u8]; 2] = [b"early", b"late"];
    let hour = Duration::from_secs(3600);
    for (ack, after_power_cut, after_kill) in [
        (Ack::Always, &both[..], &both[..]),
        (Ack::EverySec, &both[..1], &both[..]),
        (Ack::No, &both[..0], &both[..]),
        (Ack::Buffered(hour), &both[..1], &both[..1]),
    ] {
        assert_eq!(
            left(ack, TestDisk::crash_and_reopen),
            after_power_cut,
            "{ack:?}"
        );
        assert_eq!(left(ack, TestDisk::kill_and_reopen), after_kill, "{ack:?}");
    }
}

#[test]
fn a_crash_by_chance_keeps_at_least_what_was_promised() {
    let mut found = [false; 2];
    for seed in 0..40 {
        let disk = testing::disk();
        let db = disk.open().unwrap();
        db.set("early", "1").unwrap();
        db.advance(SECOND);
        db.set("late", "1").unwrap();
        let db = disk.crash_by_chance_and_reopen(seed).unwrap();
        assert!(db.get("early").unwrap().is_some());
        found[usize::from(db.get("late").unwrap().is_some())] = true;
    }
    assert_eq!(found, [true; 2], "both ends are seen");
}

#[test]
fn a_failed_sync_is_told_and_heals() {
    let disk = testing::disk_with(Db::builder().ack(Ack::Always));
    let db = disk.open().unwrap();
    disk.fail_next_sync();
    let error = db.set("k", "v").unwrap_err();
    assert!(
        matches!(error, Error::Storage(StorageError::Unconfirmed { .. })),
        "{error:?}"
    );
    db.until_healed();
    db.set("after", "1").unwrap();
    let db = disk.crash_and_reopen().unwrap();
    assert_eq!(db.get("k").unwrap(), Some(b"v".to_vec()));
    assert_eq!(db.get("after").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_failed_sync_of_every_second_comes_with_the_second() {
    let disk = testing::disk();
    let db = disk.open().unwrap();
    disk.fail_next_sync();
    db.set("k", "v").unwrap();
    let struck = disk.sim().faults_struck();
    db.advance(SECOND);
    assert!(disk.sim().faults_struck() > struck);
    db.until_healed();
    let db = disk.crash_and_reopen().unwrap();
    assert_eq!(db.get("k").unwrap(), Some(b"v".to_vec()));
}

#[test]
fn a_failed_write_is_told_and_heals() {
    let disk = testing::disk();
    let db = disk.open().unwrap();
    db.set("before", "1").unwrap();
    disk.fail_next_write();
    assert!(db.set("k", "v").is_err());
    db.until_healed();
    db.set("k", "w").unwrap();
    db.sync().unwrap();
    let db = disk.crash_and_reopen().unwrap();
    assert_eq!(db.get("k").unwrap(), Some(b"w".to_vec()));
    assert_eq!(db.get("before").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn handles_from_before_a_crash_have_no_disk() {
    let disk = testing::disk();
    let old = disk.open().unwrap();
    assert!(matches!(
        disk.open(),
        Err(Error::Storage(StorageError::AlreadyOpen))
    ));
    old.set("k", "old").unwrap();
    old.sync().unwrap();
    let new = disk.crash_and_reopen().unwrap();
    assert!(old.set("k", "lost").is_err());
    drop(old);
    new.set("other", "1").unwrap();
    assert_eq!(new.get("k").unwrap(), Some(b"old".to_vec()));
}

#[test]
fn a_file_is_looked_at_for_compaction_when_the_clock_is_moved() {
    let policy = CompactionPolicy {
        min_bytes: 10_000,
        growth_percent: 100,
        bytes_per_second: None,
    };
    let disk = testing::disk_with(Db::builder().compaction(policy));
    let db = disk.open().unwrap();
    for n in 0..2_000 {
        db.set("k", format!("{n:050}")).unwrap();
    }
    let done = || db.stats().unwrap().file.unwrap().compactions;
    assert_eq!(done(), 0);
    db.advance(Duration::from_millis(1));
    while done() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_clock_goes_on_over_a_crash() {
    let disk = testing::disk();
    let db = disk.open().unwrap();
    db.load("SET k v PX 5000");
    db.advance(SECOND);
    let db = disk.crash_and_reopen().unwrap();
    assert_eq!(db.now_ms(), testing::START_MS + 1_000);
    assert_eq!(db.ttl_ms("k").unwrap().ms(), Some(4_000));
    db.advance(5 * SECOND);
    assert_eq!(db.get("k").unwrap(), None);
}

static BASE: LazyLock<TestDb> = LazyLock::new(|| {
    let db = testing::db();
    for n in 0..20_000 {
        db.set(format!("key:{n}"), "base").unwrap();
    }
    db
});

#[test]
fn forks_of_one_base_do_not_see_each_other() {
    std::thread::scope(|scope| {
        for n in 0..8_u32 {
            scope.spawn(move || {
                let db = BASE.fork();
                let key = format!("key:{n}");
                db.set(&key, "fork").unwrap();
                db.advance(SECOND * n);
                assert_eq!(db.now_ms(), testing::START_MS + u64::from(n) * 1_000);
                assert_diff!(
                    *BASE,
                    db,
                    format!("~ string \"{key}\": \"base\" → \"fork\"")
                );
                let diff = BASE.moment().diff(&db.moment());
                assert!(diff.pages_read() <= 2, "{} pages", diff.pages_read());
            });
        }
    });
    assert_no_diff!(*BASE, BASE.fork());
}

fn panic_text(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(test).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[test]
fn a_failed_expectation_shows_both_sides() {
    let text = panic_text(|| {
        let db = testing::db();
        let before = db.snapshot().unwrap();
        db.load("SET a 1\nSET b 2");
        assert_diff!(before, db, r#"+ string "a" = "1""#, r#"+ string "b" = "3""#);
    });
    let expected = r#"the difference is not the expected one
missing:
    + string "b" = "3"
not expected:
    + string "b" = "2"
expected in all:
    + string "a" = "1"
    + string "b" = "3"
found in all:
    + string "a" = "1"
    + string "b" = "2"
"#;
    assert_eq!(text, expected);
    let text = panic_text(|| assert_no_diff!(testing::db(), BASE.fork()));
    assert!(
        text.contains("expected in all:\n    (nothing)"),
        "{}",
        text.len()
    );
}

#[test]
fn what_was_acknowledged_keeps_its_promise_when_the_class_is_left() {
    for next in [Ack::No, Ack::Always] {
        let disk = testing::disk();
        let db = disk.open().unwrap();
        db.set("k", "acknowledged within a second").unwrap();
        db.set_ack(next).unwrap();
        // No write follows.
        db.advance(Duration::from_secs(2));
        let db = disk.crash_and_reopen().unwrap();
        assert!(db.exists("k").unwrap(), "{next:?}");
    }
}
