use super::*;
use crate::prelude::*;
use crate::{Reply, assert_diff, assert_no_diff};

#[test]
fn seeds_are_numbers_or_drawn() {
    assert_eq!(parse_seed("7"), Some(7));
    assert_eq!(parse_seed(" 0xff\n"), Some(255));
    assert_eq!(parse_seed("seven"), None);
    assert_eq!(parse_seed("-1"), None);
    assert_ne!(parse_seed("random"), parse_seed("random"));
}

/// Answers of commands that choose by chance.
fn draws(db: &TestDb) -> Vec<String> {
    for n in 0..50 {
        db.set(format!("key:{n}"), "x").unwrap();
        db.sadd("set", &[format!("member:{n}")]).unwrap();
        db.hset("hash", format!("field:{n}"), "x").unwrap();
        db.zadd("zset", f64::from(n), format!("member:{n}"))
            .unwrap();
    }
    let commands = [
        "RANDOMKEY",
        "KEYS *",
        "SCAN 0",
        "SPOP set 3",
        "SRANDMEMBER set -5",
        "HRANDFIELD hash -5",
        "ZRANDMEMBER zset -5",
        "SMEMBERS set",
    ];
    let say = |command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        format!("{:?}", db.execute(&words).unwrap())
    };
    let mut said: Vec<String> = commands.into_iter().map(say).collect();
    said.push(db.random().to_string());
    said
}

#[test]
fn everything_random_follows_from_the_seed() {
    assert_eq!(draws(&db_seeded(7)), draws(&db_seeded(7)));
    let (one, two) = (draws(&db_seeded(7)), draws(&db_seeded(8)));
    let same = one.iter().zip(&two).filter(|(one, two)| one == two).count();
    assert_eq!(same, 0, "{one:?} {two:?}");
    let base = db_seeded(7);
    base.set("k", "v").unwrap();
    assert_eq!(draws(&base.fork()), draws(&base.fork()));
}

#[test]
fn a_fork_has_its_own_content_and_time() {
    let base = db();
    base.load("SET k v\nEXPIRE k 60");
    let (one, two) = (base.fork(), base.fork());
    one.advance(Duration::from_secs(61));
    two.del("k").unwrap();
    assert_eq!(one.get("k").unwrap(), None);
    assert_eq!(base.get("k").unwrap(), Some(b"v".to_vec()));
    assert_eq!((base.now_ms(), one.now_ms()), (START_MS, START_MS + 61_000));
    assert_diff!(base, two, r#"- string "k" = "v""#);
    assert_no_diff!(base, base.fork());
}

#[test]
fn time_may_be_set_back_and_what_was_removed_stays_removed() {
    let db = db();
    db.load("SET k v PXAT 1700000005000\nSET later v PXAT 1700000009000\nSET set-back v PX 1000");
    db.set_time_ms(START_MS - 1_000);
    assert_eq!(db.time_ms().unwrap(), START_MS - 1_000);
    assert_eq!(db.ttl_ms("set-back").unwrap(), crate::Ttl::Ms(2_000));
    db.set_time_ms(START_MS + 5_001);
    assert_eq!(db.keys("*").unwrap(), [b"later"]);
    db.set_time_ms(START_MS);
    assert_eq!(db.keys("*").unwrap(), [b"later"]);
    db.set_time_ms(0);
    db.set_time_ms(u64::MAX);
    assert_eq!(db.db_size().unwrap(), 0);
    db.advance(Duration::MAX);
}

#[test]
#[should_panic(expected = "line 3: INCR a: ERR value is not an integer or out of range")]
fn a_fixture_that_is_refused_says_where() {
    db().load("SET a x\n\n  INCR a\nSET b 1");
}

#[test]
fn fixtures_are_read_by_the_rules_of_redis_cli() {
    let db = db();
    db.load(
        "# a comment\r\n  SET  a\t'it\\'s \\n'  \r\n\nSET \"b\\x41\\n\\q\" \"\"\nSELECT 3\nSET c 3\n\
         MULTI\nINCR c\nINCR c\nEXEC",
    );
    assert_eq!(db.get("a").unwrap(), Some(b"it's \\n".to_vec()));
    assert_eq!(db.get("bA\nq").unwrap(), Some(Vec::new()));
    let third = db.database(3).unwrap();
    assert_eq!(third.get("c").unwrap(), Some(b"5".to_vec()));
    let error = |text: &str| load(&db, text).unwrap_err().to_string();
    assert_eq!(error("SET a 'b"), "line 1: SET a 'b: unbalanced quotes");
    assert_eq!(
        error("SET a \"b\"c"),
        "line 1: SET a \"b\"c: unbalanced quotes"
    );
    assert_eq!(
        error("\nMULTI\nSET a 1"),
        "line 3: SET a 1: MULTI without EXEC"
    );
    let error = error("MULTI\nLPUSH a 1\nEXEC");
    assert!(error.starts_with("line 3: EXEC: WRONGTYPE"), "{error}");
    assert!(load(&db, "").is_ok() && load(&db, "\n#").is_ok());
}

#[test]
fn a_dump_makes_the_same_content_again() {
    let db = db();
    db.load(
        r#"
        SET s "a b"
        SET "\xff\n" ""
        SET late v PXAT 1700000100000
        SETBIT bits 800000 1
        SETRANGE zeros 100000 "\x00"
        EXPIRE bits 50
        RPUSH l a "" 'b c'
        HSET h name "Ada L" age 36
        HPEXPIREAT h 1700000100000 FIELDS 1 age
        SADD ints 3 1 2
        ZADD z 1.5 b -inf a 1e300 c
        EXPIRE z 100
        SELECT 4
        SET k v
        "#,
    );
    for n in 0..200 {
        db.rpush("long", &[n.to_string()]).unwrap();
        db.zadd("z2", f64::from(n), format!("m{n}")).unwrap();
    }
    let text = db.dump_text();
    let copy = super::db();
    copy.load(&text);
    assert_no_diff!(db, copy);
    assert_eq!(copy.dump_text(), text);
    assert!(text.contains("RPUSH l a \"\" \"b c\"\n"), "{text}");
    assert!(
        text.contains("ZADD z -inf a 1.5 b 1e+300 c\nPEXPIREAT z 1700000100000\n"),
        "{text}"
    );
    assert!(text.ends_with("SELECT 4\nSET k v\n"), "{text}");
    assert_eq!(super::db().dump_text(), "");
}

#[test]
fn blocked_calls_and_waits_for_changes_end_when_the_clock_is_moved() {
    let db = db();
    let mut changes = db.subscribe("*").unwrap();
    std::thread::scope(|scope| {
        let pop = scope.spawn(|| db.execute(&["BLPOP", "l", "5"]).unwrap());
        let forever = scope.spawn(|| db.execute(&["BLPOP", "m", "0"]).unwrap());
        db.until_blocked(2);
        db.advance(Duration::from_millis(4_999));
        assert!(!pop.is_finished());
        db.set_time_ms(START_MS + 5_000);
        assert_eq!(pop.join().unwrap(), Reply::Nil);
        db.rpush("m", &["v"]).unwrap();
        forever.join().unwrap();
    });
    let tells = |change: Option<crate::Change>| change.map(|change| change.key().to_vec());
    while changes.try_recv().unwrap().is_some() {}
    let handle = db.fork();
    let mut never = handle.subscribe("*").unwrap();
    std::thread::scope(|scope| {
        // It may begin before the clock is moved or after: then it takes another minute.
        let wait = scope.spawn(move || never.recv_timeout(Duration::from_secs(60)).unwrap());
        while !wait.is_finished() {
            handle.advance(Duration::from_secs(60));
        }
        assert_eq!(tells(wait.join().unwrap()), None);
    });
}
