//! Activities where it is easy to go wrong: transactions, the calendar's ends, clocks set back, handles that
//! were closed, and calls from within visitors and transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nacredb::prelude::*;
use nacredb::{
    Activity, ActivityOptions, Bucket, CommandError, Db, Error, Granularity, ManualClock, Period,
    Snapshot, StorageError, UserId, Window,
};

fn all(activity: &Activity) -> Window {
    activity.active(..).unwrap()
}

fn day(text: &str) -> Period {
    text.parse().unwrap()
}

/// Lets `look` look on another thread for as long as `act` acts.
fn meanwhile(look: impl Fn() + Send + Sync, act: impl FnOnce()) {
    struct End<'a>(&'a AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = End(&is_over);
        let (is_over, look) = (&is_over, &look);
        std::thread::Builder::new()
            .spawn_scoped(scope, move || {
                while !is_over.load(Ordering::Relaxed) {
                    look();
                }
            })
            .unwrap();
        act();
    });
}

#[test]
fn a_question_sees_all_of_a_transaction_or_nothing() {
    let db = Db::open_in_memory();
    let activity = db.activity("login").unwrap();
    let (one, two) = ("login:2026-01-01", "login:2026-01-02");
    activity.mark(1, day("2026-01-01")).unwrap();
    let window = all(&activity);
    meanwhile(
        || assert_eq!((window.marks().unwrap(), window.count().unwrap()), (1, 1)),
        || {
            for _ in 0..20_000 {
                for (from, to) in [(one, two), (two, one)] {
                    let moved: Result<(), Error> = db.transaction(|tx| {
                        tx.setbit(from, 1, false)?;
                        tx.setbit(to, 1, true)?;
                        Ok(())
                    });
                    moved.unwrap();
                }
            }
        },
    );
}

#[test]
fn marks_of_a_period_that_come_together_are_seen_together() {
    let db = Db::open_in_memory();
    let activity = db.activity("login").unwrap();
    activity.mark(0, "2026-01-01").unwrap();
    let window = all(&activity);
    let users: Vec<u32> = (1..200).map(|user| user * 1000).collect();
    meanwhile(
        || {
            let count = window.marks().unwrap();
            assert_eq!((count - 1) % 199, 0, "{count}");
        },
        || {
            for at in 1..1000 {
                let on = day("2026-01-01").plus(at).unwrap();
                activity
                    .mark_many(users.iter().map(|&user| (user, on)))
                    .unwrap();
            }
        },
    );
}

#[test]
fn clocks_that_are_set_back_bring_marks_back() {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let db = Db::builder().clock(clock.clone()).open_in_memory();
    let activity = db.activity("login").unwrap();
    activity.mark(1, "2026-01-01").unwrap();
    activity.mark(2, "2026-01-02").unwrap();
    db.expire_at_ms("login:2026-01-01", 1_000_100).unwrap();
    let count = |at_ms| {
        clock.set_ms(at_ms);
        let seen = all(&activity).count().unwrap();
        let keys = u64::from(db.getbit("login:2026-01-01", 1).unwrap())
            + u64::from(db.getbit("login:2026-01-02", 2).unwrap());
        assert_eq!(seen, keys, "at {at_ms}");
        seen
    };
    let seen = [
        1_000_000, 1_000_100, 1_000_101, 1_000_100, 1_000_200, 999_000,
    ]
    .map(count);
    assert_eq!(seen, [2, 2, 1, 2, 1, 2]);
    // A new index that begins while the key is gone.
    clock.set_ms(1_000_150);
    activity.unload().unwrap();
    let seen = [1_000_150, 1_000_050, 1_000_101].map(count);
    assert_eq!(seen, [1, 2, 1]);
    db.persist("login:2026-01-01").unwrap();
}

#[test]
fn a_transaction_that_began_before_a_deadline_writes_to_what_is_gone() {
    let clock = Arc::new(ManualClock::new(1_000));
    let db = Db::builder().clock(clock.clone()).open_in_memory();
    let activity = db.activity("login").unwrap();
    activity.mark(1, "2026-01-01").unwrap();
    db.expire_at_ms("login:2026-01-01", 1_100).unwrap();
    assert_eq!(all(&activity).count().unwrap(), 1);
    let written: Result<(), Error> = db.transaction(|tx| {
        tx.setbit("login:2026-01-01", 2, true)?;
        clock.set_ms(1_200);
        assert_eq!(all(&activity).count().unwrap(), 0);
        Ok(())
    });
    written.unwrap();
    let bits = u64::from(db.getbit("login:2026-01-01", 2).unwrap());
    assert_eq!((all(&activity).count().unwrap(), bits), (0, 0));
    let written: Result<(), Error> = db.transaction(|tx| {
        tx.setbit("login:2026-01-01", 2, true)?;
        Ok(())
    });
    written.unwrap();
    assert_eq!(all(&activity).count().unwrap(), 1);
}

#[test]
fn the_first_and_the_last_periods_and_users_count_like_others() {
    let ends = [
        (Granularity::Hour, "0001-01-01T00", "9999-12-31T23"),
        (Granularity::Day, "0001-01-01", "9999-12-31"),
        (Granularity::Week, "0001-W01", "9999-W52"),
    ];
    for (granularity, first, last) in ends {
        let db = Db::open_in_memory();
        let options = ActivityOptions::new(granularity);
        let activity = db.define_activity("a", &options).unwrap();
        assert_eq!(all(&activity).changes().unwrap().active, 0);
        assert_eq!(all(&activity).rolling().unwrap(), []);
        assert!(all(&activity).retention(Bucket::Month).is_ok());
        let highest = u32::MAX - 1;
        for user in [0, highest] {
            assert!(activity.mark(user, first).unwrap());
            assert!(activity.mark(user, last).unwrap());
        }
        assert!(activity.mark(u32::MAX, first).is_err());
        assert!(activity.mark(-1, first).is_err());
        let one = activity.active(first).unwrap();
        let changes = one.changes().unwrap();
        assert_eq!((changes.active, changes.new, changes.lost), (2, 2, 0));
        let changes = activity.active(last).unwrap().changes().unwrap();
        assert_eq!((changes.active, changes.new, changes.returning), (2, 0, 2));
        let changes = all(&activity).changes().unwrap();
        assert_eq!((changes.active, changes.new), (2, 2));
        assert_eq!(all(&activity).count().unwrap(), 2);
        assert_eq!(all(&activity).marks().unwrap(), 4);
        assert_eq!(all(&activity).new_users().unwrap(), 2);
        let top = all(&activity).top_streaks(usize::MAX).unwrap();
        assert_eq!(top.len(), 2);
        assert_eq!(
            (top[1].user.clone(), top[1].streak.periods),
            (UserId::Number(highest), 1)
        );
        assert_eq!(all(&activity).top_streaks(0).unwrap(), []);
        assert_eq!(activity.current_streak(highest, last).unwrap(), 1);
        assert_eq!(activity.current_streak(highest, first).unwrap(), 1);
        for bucket in [Bucket::Day, Bucket::Week, Bucket::Month] {
            assert!(all(&activity).retention(bucket).is_err());
            let ends = [activity.active(first), activity.active(last)];
            for window in ends.map(Result::unwrap) {
                let _may_be_refused = window.retention(bucket);
            }
        }
        assert!(all(&activity).rolling().is_err());
        assert_eq!(one.rolling().unwrap()[0].month, 2);
        assert_eq!(all(&activity).members().count().unwrap(), 2);
        assert_eq!(all(&activity).at_least(2).count().unwrap(), 2);
        assert_eq!(all(&activity).exactly(0).count().unwrap(), 0);
        assert_eq!(all(&activity).in_every_period().count().unwrap(), 0);
        assert!(all(&activity).members().contains(highest).unwrap());
        let listed = all(&activity).members().iter().unwrap().count();
        assert_eq!(listed, 2);
        // Nothing before the first, nothing after the last.
        assert!(activity.active(..first).is_err());
        assert!(activity.active(last..=first).is_err());
        assert!(activity.unmark(highest, last).unwrap());
        assert_eq!(activity.active(last).unwrap().count().unwrap(), 1);
    }
}

#[test]
fn bits_past_the_last_user_are_nobodys() {
    let db = Db::builder().sparse_strings().open_in_memory();
    let activity = db.activity("a").unwrap();
    assert_eq!(all(&activity).count().unwrap(), 0);
    for key in ["a:2026-01-01", "a:2026-01-02"] {
        for bit in [
            u64::from(u32::MAX) - 1,
            u64::from(u32::MAX),
            1 << 32,
            1 << 40,
            (1 << 63) - 1,
        ] {
            db.setbit(key, bit, true).unwrap();
        }
        db.set_range(key, (1 << 29) - 20, vec![0xFF; 100]).unwrap();
        db.set_range(key, (1 << 29) - 20, vec![0xFF; 30]).unwrap();
        db.set_range(key, (1 << 60) - 30, vec![0xFF; 30]).unwrap();
        let _longer = db.append(key, "abc");
        assert_eq!(all(&activity).count().unwrap(), 20 * 8 - 1);
        activity.unload().unwrap();
        assert_eq!(all(&activity).count().unwrap(), 20 * 8 - 1);
    }
    assert_eq!(all(&activity).at_least(2).count().unwrap(), 20 * 8 - 1);
    let last = all(&activity).members().iter().unwrap().last().unwrap();
    assert_eq!(last.unwrap(), UserId::Number(u32::MAX - 1));
}

#[test]
fn deep_joins_are_refused_and_long_ones_are_not() {
    let db = Db::open_in_memory();
    let activity = db.activity("a").unwrap();
    activity.mark(1, "2026-01-01").unwrap();
    let members = || all(&activity).members();
    let mut deep = members();
    let mut left = members();
    let mut without = members();
    for at in 0..10_000 {
        deep = if at % 2 == 0 {
            members().and(deep)
        } else {
            members().or(deep)
        };
        left = if at % 2 == 0 {
            left.and_key("k")
        } else {
            left.or_key("k")
        };
        without = members().and_not(without).and_not_key("k");
    }
    for joined in [deep, left, without] {
        assert!(matches!(
            joined.count(),
            Err(Error::Command(CommandError::Other(_)))
        ));
        assert!(joined.iter().is_err());
    }
    let mut without = members();
    for _ in 0..31 {
        without = members().and_not(without).and_not_key("k");
    }
    without.count().unwrap();
    let mut long = members();
    for _ in 0..20_000 {
        long = long.or_key("k");
    }
    assert_eq!(long.count().unwrap(), 1);
}

#[test]
fn an_activity_that_is_not_defined_any_more_is_whatever_its_handle_takes_it_for() {
    let db = Db::open_in_memory();
    let options = ActivityOptions::new(Granularity::Hour);
    let hours = db.define_activity("a", &options).unwrap();
    hours.mark(1, "2026-01-01T07").unwrap();
    assert_eq!(all(&hours).count().unwrap(), 1);
    db.execute(&["FLUSHALL"]).unwrap();
    let days = db.activity("a").unwrap();
    assert_eq!(days.options().granularity(), Granularity::Day);
    assert_eq!(all(&days).count().unwrap(), 0);
    assert_eq!(all(&hours).count().unwrap(), 0);
    let days = db.activity("a").unwrap();
    assert_eq!(days.options().granularity(), Granularity::Day);
    assert_eq!(all(&days).count().unwrap(), 0);
    let snapshot: Snapshot = db.snapshot().unwrap();
    let reader = snapshot.activity("a").unwrap();
    assert_eq!(reader.active(..).unwrap().count().unwrap(), 0);
    assert!(hours.mark(1, "2026-01-01T07").unwrap());
    assert_eq!(all(&hours).count().unwrap(), 1);
    assert!(days.mark(1, "2026-01-01").is_err());
    assert!(all(&days).count().is_err());
}

#[test]
fn questions_within_transactions_and_visitors_end() {
    let db = Db::open_in_memory();
    let activity = db.activity("a").unwrap();
    activity.mark(1, "2026-01-01").unwrap();
    db.set("other", "x").unwrap();
    let asked: Result<u64, Error> = db.transaction(|tx| {
        tx.setbit("a:2026-01-01", 2, true)?;
        activity.unload()?;
        let before = all(&activity).count()?;
        assert!(matches!(
            activity.mark(3, "2026-01-01"),
            Err(Error::Storage(StorageError::Reentrant))
        ));
        Ok(before)
    });
    assert_eq!(asked.unwrap(), 1);
    assert_eq!(all(&activity).count().unwrap(), 2);
    let settled = db
        .get_with("a:2026-01-01", |_| all(&activity).count())
        .unwrap();
    assert_eq!(settled.unwrap().unwrap(), 2);
    db.set("a:2026-01-02", "abc").unwrap();
    let unsettled = db
        .get_with("a:2026-01-02", |_| all(&activity).count())
        .unwrap()
        .unwrap();
    assert!(matches!(
        unsettled,
        Err(Error::Storage(StorageError::Reentrant))
    ));
    assert!(all(&activity).count().is_ok());
}

#[test]
fn a_closed_handle_and_one_that_only_reads_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let db = Db::open(&path).unwrap();
    let activity = db.activity("a").unwrap();
    activity.mark(1, "2026-01-01").unwrap();
    assert_eq!(all(&activity).count().unwrap(), 1);
    let snapshot = db.snapshot().unwrap();
    db.close().unwrap();
    let closed = |error: Error| matches!(error, Error::Storage(StorageError::Closed));
    assert!(closed(all(&activity).count().unwrap_err()));
    assert!(closed(all(&activity).members().count().unwrap_err()));
    assert!(closed(activity.mark(1, "2026-01-01").unwrap_err()));
    assert!(closed(activity.unload().unwrap_err()));
    assert!(closed(db.activity("b").unwrap_err()));
    let reader = snapshot.activity("a").unwrap();
    assert_eq!(reader.active(..).unwrap().count().unwrap(), 1);
    let db = Db::builder().read_only(true).open(&path).unwrap();
    let activity = db.activity("a").unwrap();
    assert_eq!(all(&activity).count().unwrap(), 1);
    assert_eq!(all(&activity).members().count().unwrap(), 1);
    assert!(matches!(
        activity.mark(1, "2026-01-01").unwrap_err(),
        Error::Storage(StorageError::ReadOnly)
    ));
    assert!(db.activity("b").unwrap().mark(1, "2026-01-01").is_err());
    activity.unload().unwrap();
    assert_eq!(all(&activity).count().unwrap(), 1);
}

#[test]
fn whatever_evicts_serves_or_stores_is_followed() {
    let db = Db::open_in_memory();
    let activity = db.activity("a").unwrap();
    activity
        .mark_many((0..9).map(|user| (user, "2026-01-01")))
        .unwrap();
    assert_eq!(all(&activity).count().unwrap(), 9);
    db.execute(&["RPUSH", "numbers", "2", "1"]).unwrap();
    db.execute(&["SORT", "numbers", "STORE", "a:2026-01-01"])
        .unwrap();
    assert_eq!(all(&activity).count().unwrap(), 0);
    db.execute(&["SET", "a:2026-01-01", "\u{1}"]).unwrap();
    assert_eq!(all(&activity).count().unwrap(), 1);
    db.execute(&["GETDEL", "a:2026-01-01"]).unwrap();
    assert_eq!(all(&activity).count().unwrap(), 0);
    db.execute(&["BITFIELD", "a:2026-01-01", "SET", "u8", "0", "255"])
        .unwrap();
    assert_eq!(all(&activity).count().unwrap(), 8);
    db.execute(&["BITOP", "NOT", "a:2026-01-02", "a:2026-01-01"])
        .unwrap();
    assert_eq!(activity.active("2026-01-02").unwrap().count().unwrap(), 0);
    db.execute(&["COPY", "a:2026-01-01", "a:2026-01-03"])
        .unwrap();
    assert_eq!(all(&activity).marks().unwrap(), 16);
    db.execute(&["RENAME", "a:2026-01-03", "elsewhere"])
        .unwrap();
    assert_eq!(all(&activity).marks().unwrap(), 8);
    db.execute(&["COPY", "a:2026-01-01", "a:2026-01-04", "DB", "1"])
        .unwrap();
    assert_eq!(all(&activity).marks().unwrap(), 8);
    let other = db.database(1).unwrap().activity("a").unwrap();
    assert_eq!(all(&other).marks().unwrap(), 8);
    db.execute(&["SWAPDB", "0", "1"]).unwrap();
    assert_eq!(all(&other).count().unwrap(), 8);
    let swapped = other.active("2026-01-04").unwrap();
    assert_eq!(swapped.count().unwrap(), 0);
    assert_eq!(activity.active("2026-01-04").unwrap().count().unwrap(), 8);
    db.execute(&["INCRBY", "a:2026-01-05", "1000"]).unwrap();
    let bits = db
        .bitcount("a:2026-01-05", nacredb::BitRange::all())
        .unwrap();
    assert_eq!(
        activity.active("2026-01-05").unwrap().count().unwrap(),
        bits
    );
    db.execute(&["PFADD", "a:2026-01-06", "x"]).unwrap();
    let bits = db
        .bitcount("a:2026-01-06", nacredb::BitRange::all())
        .unwrap();
    assert_eq!(
        activity.active("2026-01-06").unwrap().count().unwrap(),
        bits
    );
}
