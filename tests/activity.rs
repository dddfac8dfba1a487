//! Activities by their stories: what a mark writes, what a definition fixes, who sees what.

use std::sync::Arc;

use nacredb::{
    ActivityOptions, BitRange, Bucket, Db, Error, Granularity, ManualClock, Period, Snapshot,
    StorageError, Time, UserId, Zone, prelude::*,
};

fn text<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("this is refused"),
        Err(error) => error.to_string(),
    }
}

fn day(text: &str) -> Period {
    text.parse().unwrap()
}

#[test]
fn a_mark_is_a_bit_of_an_ordinary_key() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let logins = db.activity("login")?;
    assert!(logins.mark(7, "2026-11-21")?);
    assert!(!logins.mark(7, "2026-11-21")?);
    assert!(db.getbit("login:2026-11-21", 7)?);
    assert_eq!(db.get("login:2026-11-21")?, Some(vec![0b0000_0001]));
    assert!(logins.unmark(7, "2026-11-21")?);
    assert!(!logins.unmark(7, "2026-11-21")?);
    assert!(!logins.unmark(8, "2026-11-22")?);
    assert!(
        !db.exists("login:2026-11-22")?,
        "taking back nothing makes no key"
    );
    assert_eq!(logins.active(..)?.count()?, 0);
    Ok(())
}

#[test]
fn moments_become_periods_by_the_clocks_of_the_zone() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let zone = Zone::parse("+05:30")?;
    let options = ActivityOptions::new(Granularity::Hour).zone(zone);
    let visits = db.define_activity("visit", &options)?;
    // 2026-11-21T19:00:00Z is half past midnight there.
    visits.mark(1, Time::UnixMs(1_795_287_600_000))?;
    assert!(db.getbit("visit:2026-11-22T00", 1)?);
    assert_eq!(
        visits.period_at(Time::UnixMs(1_795_287_600_000))?,
        day("2026-11-22T00")
    );
    let weeks = db.define_activity("sale", &ActivityOptions::new(Granularity::Week))?;
    weeks.mark(1, Time::UnixMs(1_795_287_600_000))?;
    assert!(db.getbit("sale:2026-W47", 1)?);
    Ok(())
}

#[test]
fn a_longer_period_stands_for_those_it_is_made_of() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let hours = db.define_activity("visit", &ActivityOptions::new(Granularity::Hour))?;
    hours.mark_many([
        (1, "2026-11-20T23"),
        (2, "2026-11-21T00"),
        (3, "2026-11-21T23"),
        (4, "2026-11-22T00"),
    ])?;
    assert_eq!(hours.active("2026-11-21")?.count()?, 2);
    assert_eq!(hours.active("2026-11-20".."2026-11-22")?.count()?, 3);
    assert_eq!(hours.active("2026-W47")?.count()?, 4);
    let days = db.activity("login")?;
    days.mark_many([
        (1, "2026-11-15"),
        (2, "2026-11-16"),
        (3, "2026-11-22"),
        (4, "2026-11-23"),
    ])?;
    assert_eq!(days.active("2026-W47")?.count()?, 2);
    assert_eq!(days.active("2026-W46"..="2026-W47")?.count()?, 3);
    // The calendar's last week has five days.
    days.mark(9, "9999-12-31")?;
    assert_eq!(days.active("9999-W52")?.count()?, 1);
    assert!(text(days.active("2026-11-16T07")).contains("granularity"));
    Ok(())
}

#[test]
fn a_definition_is_kept_and_cannot_be_another() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("a.nacre");
    let hours = ActivityOptions::new(Granularity::Hour).named_users("people");
    {
        let db = Db::open(&path)?;
        db.define_activity("visit", &hours)?
            .mark("ada", "2026-11-21T07")?;
        db.close()?;
    }
    let db = Db::open(&path)?;
    let visits = db.activity("visit")?;
    assert_eq!(visits.options(), &hours);
    assert_eq!(
        visits.active("2026-11-21T00"..="2026-11-21T23")?.count()?,
        1
    );
    let refused = text(db.define_activity("visit", &ActivityOptions::default()));
    assert_eq!(
        refused,
        "ERR the activity is defined already, with other options"
    );
    assert_eq!(
        db.hget("visit:activity", "granularity")?,
        Some(b"hour".to_vec())
    );
    Ok(())
}

#[test]
fn a_handle_whose_activity_was_defined_otherwise_says_so() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let logins = db.activity("login")?;
    logins.mark(1, "2026-11-21")?;
    db.hset("login:activity", "granularity", "hour")?;
    let refused = "ERR the activity was defined anew, with other options: open it again";
    assert_eq!(text(logins.active(..)?.count()), refused);
    assert_eq!(text(logins.mark(2, "2026-11-21")), refused);
    let hours = db.activity("login")?;
    assert_eq!(hours.active(..)?.count()?, 0, "no hour has a key");
    db.hset("login:activity", "version", "9")?;
    assert!(text(db.activity("login")).contains("its field 'version'"));
    db.del("login:activity")?;
    db.set("login:activity", "x")?;
    assert!(text(db.activity("login")).starts_with("WRONGTYPE"));
    Ok(())
}

#[test]
fn a_cleared_database_takes_the_marks_and_the_next_mark_defines_anew() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let weeks = ActivityOptions::new(Granularity::Week);
    let sales = db.define_activity("sale", &weeks)?;
    sales.mark_many((0..100).map(|user| (user, "2026-W47")))?;
    assert_eq!(sales.active(..)?.count()?, 100);
    db.flush_db()?;
    assert_eq!(sales.active(..)?.count()?, 0);
    sales.mark(5, "2026-W48")?;
    assert_eq!(db.activity("sale")?.options(), &weeks);
    assert_eq!(sales.active("2026-W01".."2027-W01")?.count()?, 1);
    Ok(())
}

#[test]
fn databases_keep_their_activities_apart() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let other = db.database(1)?;
    let (here, there) = (db.activity("login")?, other.activity("login")?);
    here.mark(1, "2026-11-21")?;
    there.mark_many([(2, "2026-11-21"), (3, "2026-11-21")])?;
    assert_eq!(
        (here.active(..)?.count()?, there.active(..)?.count()?),
        (1, 2)
    );
    db.execute(&["SWAPDB", "0", "1"])?;
    assert_eq!(
        (here.active(..)?.count()?, there.active(..)?.count()?),
        (2, 1)
    );
    let joined = here.active(..)?.members().and(there.active(..)?.members());
    assert!(text(joined.count()).contains("different databases"));
    Ok(())
}

#[test]
fn named_users_share_a_dictionary() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let named = ActivityOptions::default().named_users("people");
    let logins = db.define_activity("login", &named)?;
    let orders = db.define_activity("order", &named)?;
    logins.mark("ada", "2026-11-20")?;
    logins.mark("grace", "2026-11-20")?;
    // A number is a name as well, however large.
    logins.mark(u64::MAX, "2026-11-20")?;
    orders.mark("grace", "2026-11-21")?;
    assert_eq!(db.hget("people:ids", "grace")?, Some(b"1".to_vec()));
    assert_eq!(
        db.lrange("people:names", 0, 1)?,
        [b"ada".to_vec(), b"grace".to_vec()]
    );
    let both = logins
        .active(..)?
        .members()
        .and(orders.active(..)?.members());
    let users = both.iter()?.collect::<Result<Vec<_>, _>>()?;
    assert_eq!(users, [UserId::Name(b"grace".to_vec())]);
    assert!(logins.active(..)?.contains(u64::MAX)?);
    assert!(!logins.active(..)?.contains("nobody")?);
    assert_eq!(db.hlen("people:ids")?, 3, "asking gives nobody a number");
    db.sadd("vip", &["grace", "nobody"])?;
    assert_eq!(logins.active(..)?.members().and_key("vip").count()?, 1);
    let plain = db.activity("visit")?;
    plain.mark(1, "2026-11-20")?;
    let joined = logins.active(..)?.members().or(plain.active(..)?.members());
    assert!(text(joined.count()).contains("different dictionaries"));
    assert_eq!(
        orders.mark_many([
            ("ada", "2026-11-01"),
            ("alan", "2026-11-01"),
            ("alan", "2026-11-01")
        ])?,
        2
    );
    assert_eq!(db.hget("people:ids", "alan")?, Some(b"3".to_vec()));
    Ok(())
}

#[test]
fn users_and_times_out_of_range_are_refused_and_nothing_is_changed() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let logins = db.activity("login")?;
    logins.mark(u32::MAX - 1, "2026-11-21")?;
    let keys = db.db_size()?;
    for refused in [
        text(logins.mark(u32::MAX, "2026-11-21")),
        text(logins.mark(-1, "2026-11-21")),
        text(logins.mark(u64::MAX, "2026-11-21")),
    ] {
        assert!(refused.contains("out of range"), "{refused}");
    }
    assert!(text(logins.mark("ada", "2026-11-21")).contains("dictionary"));
    assert!(text(logins.mark(1, "2026-11-31")).contains("no period"));
    assert!(text(logins.mark(1, "2026-W47")).contains("granularity"));
    assert!(text(logins.mark(1, Time::UnixMs(i64::MAX))).contains("years 1 to 9999"));
    assert!(text(logins.mark(1, Time::UnixMs(i64::MIN))).contains("years 1 to 9999"));
    let backwards = "ERR the window is empty: it ends before it begins";
    assert_eq!(text(logins.active("2026-11-02".."2026-11-02")), backwards);
    assert_eq!(text(logins.active("2026-11-02"..="2026-11-01")), backwards);
    assert_eq!(text(logins.active(.."0001-01-01")), backwards);
    assert_eq!(db.db_size()?, keys);
    // The last bit of the longest string is nobody's.
    db.setbit("login:2026-11-21", u64::from(u32::MAX), true)?;
    assert_eq!(logins.active(..)?.count()?, 1);
    assert_eq!(logins.active("0001-01-01"..="9999-12-31")?.count()?, 1);
    Ok(())
}

#[test]
fn the_ends_of_the_calendar_are_days_like_others() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let logins = db.activity("login")?;
    logins.mark_many([(1, "0001-01-01"), (1, "9999-12-31"), (2, "9999-12-31")])?;
    let (first, last) = (logins.active("0001-01-01")?, logins.active("9999-12-31")?);
    assert_eq!(
        (first.count()?, last.count()?, last.new_users()?),
        (1, 2, 1)
    );
    assert_eq!(first.changes()?.new, 1);
    assert_eq!(logins.active(..)?.changes()?.active, 2);
    assert_eq!(logins.current_streak(1, "0001-01-02")?, 1);
    assert!(text(logins.active(..)?.rolling()).contains("more than 100000 rows"));
    assert!(text(logins.active(..)?.retention(Bucket::Day)).contains("more than 4096 rows"));
    assert_eq!(
        logins
            .active(..)?
            .top_streaks(usize::MAX)
            .map(|top| top.len())
            .unwrap_or(2),
        2
    );
    Ok(())
}

#[test]
fn a_snapshot_answers_for_its_own_moment() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let logins = db.activity("login")?;
    let unindexed = db.snapshot()?;
    logins.mark(1, "2026-11-20")?;
    assert_eq!(logins.active(..)?.count()?, 1);
    let before = db.snapshot()?;
    logins.mark(2, "2026-11-21")?;
    db.del("login:2026-11-20")?;
    let unsettled = db.snapshot()?;
    db.flush_all()?;
    let count = |snapshot: &Snapshot| snapshot.activity("login")?.active(..)?.count();
    assert_eq!(
        (count(&unindexed)?, count(&before)?, count(&unsettled)?),
        (0, 1, 1)
    );
    let users = unsettled.activity("login")?.active(..)?.members().iter()?;
    assert_eq!(users.collect::<Result<Vec<_>, _>>()?, [UserId::Number(2)]);
    let other = before.activity("login")?.active(..)?.members();
    let joined = unsettled
        .activity("login")?
        .active(..)?
        .members()
        .and(other);
    assert!(text(joined.count()).contains("different databases or snapshots"));
    Ok(())
}

#[test]
fn a_branch_has_activities_of_its_own() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let logins = db.activity("login")?;
    logins.mark(1, "2026-11-20")?;
    assert_eq!(logins.active(..)?.count()?, 1);
    let branch = db.fork()?;
    let branched = branch.activity("login")?;
    branched.mark(2, "2026-11-20")?;
    assert_eq!(
        (logins.active(..)?.count()?, branched.active(..)?.count()?),
        (1, 2)
    );
    Ok(())
}

#[test]
fn a_transaction_s_marks_are_seen_when_it_commits_and_never_if_it_does_not() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let logins = db.activity("login")?;
    logins.mark(1, "2026-11-20")?;
    assert_eq!(logins.active(..)?.count()?, 1);
    db.transaction(|tx| {
        tx.setbit("login:2026-11-20", 2, true)?;
        tx.setbit("login:2026-11-21", 3, true)?;
        assert_eq!(logins.active(..)?.count()?, 1, "before the commit");
        Ok::<(), Error>(())
    })?;
    assert_eq!(logins.active(..)?.count()?, 3);
    let undone: Result<(), Error> = db.transaction(|tx| {
        tx.del("login:2026-11-20")?;
        Err(StorageError::Cancelled.into())
    });
    assert!(undone.is_err());
    assert_eq!(logins.active(..)?.count()?, 3);
    Ok(())
}

#[test]
fn questions_work_without_kept_indexes_and_on_a_read_only_file()
-> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("a.nacre");
    {
        let db = Db::builder().activity_indexes(false).open(&path)?;
        let logins = db.activity("login")?;
        logins.mark_many((0..500).map(|user| (user, "2026-11-20")))?;
        logins.mark(3, "2026-11-21")?;
        assert_eq!(logins.active(..)?.count()?, 500);
        assert_eq!(logins.active(..)?.at_least(2).count()?, 1);
        db.hset("login:activity", "granularity", "hour")?;
        assert!(text(logins.active(..)?.count()).contains("defined anew"));
        db.hset("login:activity", "granularity", "day")?;
        db.close()?;
    }
    let db = Db::builder().read_only(true).open(&path)?;
    let logins = db.activity("login")?;
    assert_eq!(logins.active(..)?.count()?, 500);
    assert!(matches!(
        logins.mark(1, "2026-11-22"),
        Err(Error::Storage(StorageError::ReadOnly))
    ));
    Ok(())
}

#[test]
fn marks_are_gone_with_their_deadline_whoever_removes_the_key_later() -> Result<(), Error> {
    let clock = Arc::new(ManualClock::new(1_000));
    let db = Db::builder().clock(clock.clone()).open_in_memory();
    let logins = db.activity("login")?;
    logins.mark_many([(1, "2026-11-20"), (1, "2026-11-21"), (2, "2026-11-21")])?;
    assert_eq!(logins.active(..)?.count()?, 2);
    db.expire_at_ms("login:2026-11-21", 2_000)?;
    let before = db.snapshot()?;
    clock.set_ms(2_000);
    assert_eq!(logins.active(..)?.count()?, 2, "its last millisecond");
    clock.set_ms(2_001);
    let after = db.snapshot()?;
    assert_eq!(logins.active(..)?.count()?, 1);
    let count = |snapshot: &Snapshot| snapshot.activity("login")?.active(..)?.count();
    assert_eq!((count(&before)?, count(&after)?), (2, 1));
    // Taken off in time, a deadline ends nothing.
    db.expire_at_ms("login:2026-11-20", 3_000)?;
    db.persist("login:2026-11-20")?;
    clock.set_ms(4_000);
    assert_eq!(logins.active(..)?.count()?, 1);
    logins.mark(5, "2026-11-21")?;
    assert_eq!(logins.active("2026-11-21")?.count()?, 1);
    Ok(())
}

#[test]
fn a_closed_database_answers_no_question() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let logins = db.activity("login")?;
    logins.mark(1, "2026-11-20")?;
    assert_eq!(logins.active(..)?.count()?, 1);
    db.close()?;
    assert!(matches!(
        logins.active(..)?.count(),
        Err(Error::Storage(StorageError::Closed))
    ));
    assert!(matches!(
        db.activity("login"),
        Err(Error::Storage(StorageError::Closed))
    ));
    Ok(())
}

#[test]
fn a_question_inside_a_visitor_answers_or_is_refused_and_never_hangs() -> Result<(), Error> {
    let db = Db::builder().shard_bits(0).open_in_memory();
    let logins = db.activity("login")?;
    logins.mark(1, "2026-11-20")?;
    let asked = db.get_with("login:2026-11-20", |_| {
        logins.active(..).and_then(|all| all.count())
    })?;
    assert!(
        matches!(asked, Some(Err(Error::Storage(StorageError::Reentrant)))),
        "the index is not built yet, and its keys are locked by this thread: {asked:?}"
    );
    assert_eq!(logins.active(..)?.count()?, 1);
    let asked = db.get_with("login:2026-11-20", |_| {
        logins.active(..).and_then(|all| all.count())
    })?;
    assert_eq!(asked.transpose()?, Some(1));
    Ok(())
}

#[test]
fn far_and_lonely_users_take_neither_time_nor_memory() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let logins = db.activity("login")?;
    let first = day("2026-01-01");
    for at in 0..200 {
        logins.mark(4_294_967_000_u32 - at, first.plus(i64::from(at)).unwrap())?;
    }
    logins.unload()?;
    assert_eq!(logins.active(..)?.count()?, 200);
    assert!(logins.index_bytes()? < 4 << 20, "{}", logins.index_bytes()?);
    db.del("login:2026-01-05")?;
    assert_eq!(logins.active(..)?.count()?, 199);
    Ok(())
}

#[test]
fn many_names_that_were_opened_once_are_forgotten() -> Result<(), Error> {
    let db = Db::open_in_memory();
    for name in 0..5000 {
        let activity = db.activity(format!("page {name}"))?;
        activity.mark(1, "2026-11-20")?;
    }
    let kept = db.activity("page 7")?;
    assert_eq!(kept.active(..)?.count()?, 1);
    kept.mark(2, "2026-11-20")?;
    assert_eq!(kept.active(..)?.count()?, 2);
    assert_eq!(db.bitcount("page 7:2026-11-20", BitRange::all())?, 2);
    Ok(())
}
