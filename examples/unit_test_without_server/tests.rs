//! Each test takes a branch of one base, so that all begin with the same users and none sees another's changes or
//! time.

use std::sync::LazyLock;
use std::time::Duration;

use nacredb::testing::{self, TestDb};
use nacredb::{Ack, Db, assert_diff, assert_no_diff, prelude::*};

use crate::accounts::{Accounts, Login};

static BASE: LazyLock<TestDb> = LazyLock::new(|| {
    let db = testing::db();
    db.load(
        "
        HSET user:ada password 'difference engine'
        HSET user:eve password apple
        ZADD board 10 ada 7 eve
        ",
    );
    db
});

const MINUTE: Duration = Duration::from_secs(60);

/// The service on a database of a test.
fn accounts(db: &TestDb) -> Accounts<impl Fn() -> u64> {
    Accounts::new(Db::clone(db), || db.random())
}

fn token(login: Login) -> String {
    match login {
        Login::Welcome(token) => token,
        refused @ (Login::Refused | Login::Locked(_)) => panic!("not let in: {refused:?}"),
    }
}

#[test]
fn a_login_writes_a_session_and_nothing_else() {
    let db = BASE.fork();
    let before = db.snapshot().unwrap();
    let token = token(accounts(&db).login("ada", "difference engine").unwrap());
    let session = format!("session:{token}");
    let end_ms = db.expires_at_ms(&session).unwrap().ms().unwrap();
    assert_diff!(
        before,
        db,
        format!("+ string \"{session}\" = \"ada\" expires {end_ms}"),
    );
    let left_ms = end_ms - db.now_ms();
    assert!(
        (30 * 60_000..31 * 60_000).contains(&left_ms),
        "{left_ms} ms"
    );
}

#[test]
fn three_wrong_passwords_lock_a_user_out_for_a_quarter_of_an_hour() {
    let db = BASE.fork();
    let accounts = accounts(&db);
    for _ in 0..3 {
        assert_eq!(accounts.login("ada", "apple").unwrap(), Login::Refused);
        db.advance(MINUTE);
    }
    // The right one does not help now, and another user is not affected.
    let right = || accounts.login("ada", "difference engine").unwrap();
    assert_eq!(right(), Login::Locked(14 * MINUTE));
    token(accounts.login("eve", "apple").unwrap());
    db.advance(14 * MINUTE - Duration::from_millis(1));
    assert_eq!(right(), Login::Locked(Duration::from_millis(1)));
    db.advance(Duration::from_millis(2));
    token(right());
}

#[test]
fn a_refused_login_changes_the_counter_only() {
    let db = BASE.fork();
    let before = db.snapshot().unwrap();
    accounts(&db).login("nobody", "x").unwrap();
    assert_diff!(
        before,
        db,
        r#"+ string "failures:nobody" = "1" expires 1700000900000"#
    );
}

#[test]
fn a_session_ends_half_an_hour_after_it_was_last_used() {
    let db = BASE.fork();
    let accounts = accounts(&db);
    let token = token(accounts.login("ada", "difference engine").unwrap());
    for _ in 0..10 {
        db.advance(29 * MINUTE);
        assert_eq!(accounts.user_of(&token).unwrap().as_deref(), Some("ada"));
    }
    db.advance(32 * MINUTE);
    let before = db.snapshot().unwrap();
    assert_eq!(accounts.user_of(&token).unwrap(), None);
    assert_eq!(accounts.score(&token, 5.0).unwrap(), None);
    assert_no_diff!(before, db);
}

#[test]
fn a_logout_leaves_no_trace() {
    let db = BASE.fork();
    let accounts = accounts(&db);
    let token = token(accounts.login("eve", "apple").unwrap());
    accounts.logout(&token).unwrap();
    assert_no_diff!(*BASE, db);
    accounts.logout("no such token").unwrap();
    assert_no_diff!(*BASE, db);
}

#[test]
fn points_move_a_user_up_the_board() {
    let db = BASE.fork();
    let accounts = accounts(&db);
    let token = token(accounts.login("eve", "apple").unwrap());
    let before = db.snapshot().unwrap();
    assert_eq!(accounts.score(&token, 4.5).unwrap(), Some(11.5));
    let diff = before.diff(&db.snapshot().unwrap()).to_string();
    assert!(diff.contains(r#"~ zset "board": eve 7 → 11.5"#), "{diff}");
    let top = accounts.top(2).unwrap();
    assert_eq!(top, [("eve".to_owned(), 11.5), ("ada".to_owned(), 10.0)]);
}

#[test]
fn a_score_that_was_told_survives_a_power_cut() {
    let disk = testing::disk_with(Db::builder().ack(Ack::Always));
    let db = disk.open().unwrap();
    accounts(&db).register("ada", "difference engine").unwrap();
    let token = token(accounts(&db).login("ada", "difference engine").unwrap());
    accounts(&db).score(&token, 3.0).unwrap();

    let db = disk.crash_and_reopen().unwrap();
    assert_eq!(accounts(&db).top(1).unwrap(), [("ada".to_owned(), 3.0)]);
    assert_eq!(
        accounts(&db).user_of(&token).unwrap().as_deref(),
        Some("ada")
    );
}

#[test]
fn a_full_disk_is_an_error_and_changes_nothing() {
    let disk = testing::disk();
    let db = disk.open().unwrap();
    accounts(&db).register("ada", "difference engine").unwrap();
    disk.full_after(0);
    // The write that finds the disk full is kept and told as unconfirmed; those after it are refused.
    assert!(accounts(&db).register("eve", "apple").is_err());
    let before = db.snapshot().unwrap();
    assert!(accounts(&db).register("joe", "pear").is_err());
    assert_no_diff!(before, db);
    disk.make_room();
    assert!(accounts(&db).register("joe", "pear").unwrap());
}
