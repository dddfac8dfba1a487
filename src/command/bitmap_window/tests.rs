use crate::prelude::*;
use crate::{Db, Reply};

fn db() -> Db {
    let db = Db::open_in_memory();
    let logins = db.activity("login").unwrap();
    let marks = [
        (1, "2026-11-01"),
        (2, "2026-11-01"),
        (1, "2026-11-02"),
        (3, "2026-11-09"),
        (1, "2026-11-09"),
    ];
    logins.mark_many(marks).unwrap();
    db.setbit("vip", 1, true).unwrap();
    db.sadd("staff", &["2", "3"]).unwrap();
    db
}

fn ask(db: &Db, words: &str) -> Reply {
    let words: Vec<&str> = words.split(' ').collect();
    db.execute(&words).unwrap()
}

fn refusal(db: &Db, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    db.execute(&words).unwrap_err().to_string()
}

fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.as_bytes().to_vec())
}

#[test]
fn counts_take_periods_and_joins() {
    let db = db();
    for (words, count) in [
        ("COUNT login - +", 3),
        ("count login 2026-11-01 2026-11-02", 2),
        ("COUNT login - + ATLEAST 2", 1),
        ("COUNT login - + EXACTLY 1", 2),
        ("COUNT login 2026-11-01 2026-11-02 EVERY", 1),
        ("COUNT login - + AND 1 vip", 1),
        ("COUNT login - + NOT 1 vip", 2),
        ("COUNT login 2026-11-01 2026-11-01 OR 2 vip staff", 3),
        (
            "COUNT login - + ATLEAST 1 AND 1 staff NOT 1 login:2026-11-09",
            1,
        ),
        ("COUNT nothing - +", 0),
    ] {
        assert_eq!(
            ask(&db, &format!("BITWINDOW {words}")),
            Reply::Int(count),
            "{words}"
        );
    }
}

#[test]
fn each_question_answers_in_its_shape() {
    let db = db();
    let changes = [
        ("active", 2),
        ("new", 1),
        ("retained", 1),
        ("returning", 0),
        ("lost", 1),
    ];
    let changes = changes.map(|(name, count)| (bulk(name), Reply::Int(count)));
    assert_eq!(
        ask(&db, "BITWINDOW CHANGES login 2026-11-08 2026-11-14"),
        Reply::Map(changes.into())
    );
    let users = Reply::Array(vec![bulk("1"), bulk("2")]);
    assert_eq!(ask(&db, "BITWINDOW MEMBERS login - + LIMIT 2"), users);
    let day = |text, users| Reply::Array(vec![bulk(text), Reply::Int(users)]);
    assert_eq!(
        ask(&db, "BITWINDOW PERIODS login 2026-11-02 +"),
        Reply::Array(vec![day("2026-11-02", 1), day("2026-11-09", 2)])
    );
    let span = Reply::Array(vec![bulk("2026-11-01"), bulk("2026-11-09")]);
    assert_eq!(ask(&db, "BITWINDOW SPAN login"), span);
    assert_eq!(ask(&db, "BITWINDOW SEEN login 1"), span);
    assert_eq!(ask(&db, "BITWINDOW SEEN login 9"), Reply::Nil);
    assert_eq!(
        ask(&db, "BITWINDOW STREAK login 1 2026-11-03"),
        Reply::Int(2)
    );
    let top = Reply::Array(vec![bulk("1"), bulk("2026-11-01"), Reply::Int(2)]);
    assert_eq!(
        ask(&db, "BITWINDOW TOPSTREAKS login - + 1"),
        Reply::Array(vec![top])
    );
    let cohort = |start, counts: &[i64]| {
        let counts = counts.iter().map(|&count| Reply::Int(count)).collect();
        Reply::Array(vec![bulk(start), Reply::Array(counts)])
    };
    let weeks = [
        cohort("2026-10-26", &[2, 1, 1]),
        cohort("2026-11-02", &[0, 0]),
        cohort("2026-11-09", &[1]),
    ];
    assert_eq!(
        ask(&db, "BITWINDOW RETENTION login - + WEEK"),
        Reply::Array(weeks.into())
    );
    let row = Reply::Array(vec![
        bulk("2026-11-09"),
        Reply::Int(2),
        Reply::Int(2),
        Reply::Int(3),
    ]);
    assert_eq!(
        ask(&db, "BITWINDOW ROLLING login 2026-11-09 2026-11-30"),
        Reply::Array(vec![row])
    );
}

#[test]
fn wrong_words_are_refused() {
    let db = db();
    for (words, text) in [
        (
            "COUNT login 2026-11-02 2026-11-01",
            "ERR the window is empty: it ends before it begins",
        ),
        (
            "COUNT login - + ATLEAST 0",
            "ERR number of periods should be greater than 0",
        ),
        ("COUNT login - + ATLEAST", "ERR syntax error"),
        ("COUNT login - + MAYBE 1 vip", "ERR syntax error"),
        (
            "COUNT login - + AND 0",
            "ERR numkeys should be greater than 0",
        ),
        (
            "COUNT login - + AND 2 vip",
            "ERR Number of keys can't be greater than number of args",
        ),
        (
            "MEMBERS login - + AND 3 vip LIMIT 1",
            "ERR Number of keys can't be greater than number of args",
        ),
        (
            "MEMBERS login - + LIMIT -1",
            "ERR value is out of range, must be positive",
        ),
        ("RETENTION login - + YEAR", "ERR syntax error"),
        (
            "TOPSTREAKS login - + -1",
            "ERR value is out of range, must be positive",
        ),
        (
            "COUNT login - + AND 1 list",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ] {
        db.del("list").unwrap();
        db.rpush("list", &["x"]).unwrap();
        assert_eq!(refusal(&db, &format!("BITWINDOW {words}")), text, "{words}");
    }
    assert!(
        refusal(&db, "BITWINDOW COUNT login 2026-02-30 +").contains("'2026-02-30' is no period")
    );
    assert!(refusal(&db, "BITWINDOW COUNT login 2026-11-21T07 +").contains("granularity"));
}

#[test]
fn a_transaction_says_that_it_does_not_answer() {
    let db = db();
    let refused = db.transaction(|_| Ok::<(), crate::Error>(())).is_ok();
    assert!(refused);
    let mut session = db.session();
    session.execute(&["MULTI"]).unwrap();
    session.execute(&["BITWINDOW", "SPAN", "login"]).unwrap();
    let Reply::Array(replies) = session.execute(&["EXEC"]).unwrap() else {
        panic!("EXEC answers an array");
    };
    assert!(
        matches!(&replies[..], [Reply::Error(error)] if error.to_string().contains("transaction"))
    );
    let words = ["BITWINDOW", "SPAN", "login"];
    assert!(matches!(session.execute(&words).unwrap(), Reply::Array(_)));
}

#[test]
fn help_tells_every_subcommand() {
    let db = db();
    let Reply::Array(lines) = ask(&db, "BITWINDOW HELP") else {
        panic!("no lines");
    };
    let subcommands = crate::commands().filter_map(|row| row.name().strip_prefix("BITWINDOW|"));
    for subcommand in subcommands {
        let first_word = |text: &str| text.split(' ').next() == Some(subcommand);
        let is_told = |line: &Reply| matches!(line, Reply::Status(text) if first_word(text));
        assert!(lines.iter().any(is_told), "{subcommand}");
    }
    assert_eq!(
        refusal(&db, "BITWINDOW MARK login"),
        "ERR unknown subcommand 'MARK'. Try BITWINDOW HELP."
    );
}
