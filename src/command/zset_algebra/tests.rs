use crate::command::script::script;
use crate::prelude::*;
use crate::{Aggregate, CommandError, Db, Error, ZInputs};

fn two() -> Db {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("ZADD a 1 x 2 y 3 z", ":3"),
            ("ZADD b 10 y 20 z 30 w", ":3"),
            ("SADD s x y 7", ":3"),
        ],
    );
    db
}

#[test]
fn sets_are_joined() {
    script(
        &two(),
        &[
            (
                "ZUNION 2 a b WITHSCORES",
                r#"["x" "1" "y" "12" "z" "23" "w" "30"]"#,
            ),
            ("ZUNION 2 a missing", r#"["x" "y" "z"]"#),
            ("ZINTER 2 a b WITHSCORES", r#"["y" "12" "z" "23"]"#),
            (
                "ZINTER 2 a b WEIGHTS 2 -1 AGGREGATE MIN WITHSCORES",
                r#"["z" "-20" "y" "-10"]"#,
            ),
            (
                "ZUNION 2 a b AGGREGATE MAX WITHSCORES",
                r#"["x" "1" "y" "10" "z" "20" "w" "30"]"#,
            ),
            ("ZINTER 2 a missing", "[]"),
            ("ZDIFF 2 a b WITHSCORES", r#"["x" "1"]"#),
            ("ZDIFF 2 a missing", r#"["x" "y" "z"]"#),
            ("ZDIFF 2 a a", "[]"),
            ("ZINTERCARD 2 a b", ":2"),
            ("ZINTERCARD 2 a b LIMIT 1", ":1"),
            ("ZINTERCARD 2 a b LIMIT 0", ":2"),
            ("ZINTERCARD 2 a missing", ":0"),
        ],
    );
}

#[test]
fn plain_sets_have_score_one() {
    script(
        &two(),
        &[
            ("ZINTER 2 a s WITHSCORES", r#"["x" "2" "y" "3"]"#),
            (
                "ZUNION 1 s WEIGHTS 5 WITHSCORES",
                r#"["7" "5" "x" "5" "y" "5"]"#,
            ),
            ("ZDIFF 2 s a", r#"["7"]"#),
            ("ZDIFF 2 a s", r#"["z"]"#),
            ("SADD n 1 2 3", ":3"),
            ("ZUNIONSTORE to 1 n", ":3"),
            ("ZRANGE to 0 -1 WITHSCORES", r#"["1" "1" "2" "1" "3" "1"]"#),
        ],
    );
}

#[test]
fn infinities_that_meet_are_zero() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("ZADD a inf x", ":1"),
            ("ZADD b -inf x", ":1"),
            ("ZUNION 2 a b WITHSCORES", r#"["x" "0"]"#),
            ("ZINTER 2 a b WITHSCORES", r#"["x" "0"]"#),
            ("ZUNION 1 a WEIGHTS 0 WITHSCORES", r#"["x" "0"]"#),
            ("ZINTER 2 a a WEIGHTS inf -inf WITHSCORES", r#"["x" "0"]"#),
        ],
    );
}

#[test]
fn answers_are_stored_in_place_of_what_was_there() {
    script(
        &two(),
        &[
            ("ZUNIONSTORE a 2 a b", ":4"),
            ("ZRANGE a 0 -1", r#"["x" "y" "z" "w"]"#),
            ("PEXPIREAT b 99999999999999", ":1"),
            ("ZINTERSTORE b 2 a b AGGREGATE MIN", ":3"),
            ("PEXPIRETIME b", ":-1"),
            ("ZDIFFSTORE b 2 b b", ":0"),
            ("EXISTS b", ":0"),
            ("ZUNIONSTORE s 1 missing", ":0"),
            ("EXISTS s", ":0"),
        ],
    );
}

#[test]
fn types_are_checked_before_options() {
    let db = two();
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    script(
        &db,
        &[
            ("SET t text", "+OK"),
            ("ZUNION 2 a t FOO", wrong),
            ("ZUNION 2 a b FOO", "-ERR syntax error"),
            ("ZUNION 3 a t", "-ERR syntax error"),
            (
                "ZUNION 0 t",
                "-ERR at least 1 input key is needed for 'zunion' command",
            ),
            (
                "ZINTERSTORE to -1 t",
                "-ERR at least 1 input key is needed for 'zinterstore' command",
            ),
            ("ZDIFF x a", "-ERR value is not an integer or out of range"),
            (
                "ZUNION 2 a b WEIGHTS 1 x",
                "-ERR weight value is not a float",
            ),
            (
                "ZUNION 2 a b WEIGHTS 1 nan",
                "-ERR weight value is not a float",
            ),
            ("ZUNION 2 a b WEIGHTS 1", "-ERR syntax error"),
            ("ZUNION 2 a b AGGREGATE AVG", "-ERR syntax error"),
            ("ZDIFF 2 a b WEIGHTS 1 2", "-ERR syntax error"),
            ("ZUNIONSTORE to 2 a b WITHSCORES", "-ERR syntax error"),
            ("ZINTERCARD 2 a b WITHSCORES", "-ERR syntax error"),
            ("ZINTERCARD 2 a b LIMIT -1", "-ERR LIMIT can't be negative"),
            ("ZINTERCARD 2 a b LIMIT x", "-ERR LIMIT can't be negative"),
            ("EXISTS to", ":0"),
        ],
    );
}

#[test]
fn typed_joins() {
    let db = two();
    let inputs = ZInputs::new(&["a", "b"]).weights(&[1.0, 0.5]);
    let found = db
        .zinter(&inputs.clone().aggregate(Aggregate::Max))
        .unwrap();
    assert_eq!(found, [(b"y".to_vec(), 5.0), (b"z".to_vec(), 10.0)]);
    assert_eq!(db.zunion_store("to", &inputs).unwrap(), 4);
    assert_eq!(db.zinter_store("to", &inputs).unwrap(), 2);
    assert_eq!(db.zdiff_store("to", &["a", "s"]).unwrap(), 1);
    assert_eq!(db.zinter_card(&["a", "b"], Some(0)).unwrap(), 0);
    assert_eq!(db.zinter_card(&["a", "b"], None).unwrap(), 2);
    let none: [&str; 0] = [];
    for bad in [
        ZInputs::new(&none),
        ZInputs::new(&["a"]).weights(&[1.0, 2.0]),
    ] {
        assert!(matches!(
            db.zunion(&bad),
            Err(Error::Command(CommandError::Syntax))
        ));
    }
    let nan = ZInputs::new(&["a"]).weights(&[f64::NAN]);
    assert!(db.zunion(&nan).is_err());
}

/// How many scores at `key` are 0 and how many -0.
fn zeros(db: &Db, key: &str) -> (usize, usize) {
    let members = db
        .zrange_with_scores(key, crate::ZRange::ranks(0, -1))
        .unwrap();
    let zeros = members.iter().filter(|(_, score)| *score == 0.0);
    let (negative, positive): (Vec<_>, Vec<_>) =
        zeros.partition(|(_, score)| score.is_sign_negative());
    (positive.len(), negative.len())
}

/// Figures are those of Redis 7.0.15, whose listpacks hold -0 as the integer 0.
#[test]
fn the_sign_of_zero_is_kept_where_redis_keeps_it() {
    let long = "x".repeat(70);
    let db = Db::open_in_memory();
    let say = |line: &str| {
        crate::command::script::show(&db.execute(&line.split(' ').collect::<Vec<_>>()))
    };
    say(&format!("ZADD big 1 {long}"));
    for n in 0..200 {
        say(&format!("ZADD big -0 m{n}"));
    }
    say(&format!("ZREM big {long}"));
    assert_eq!(zeros(&db, "big"), (0, 200));
    for (line, expected) in [
        ("ZUNIONSTORE to 1 big", (0, 200)),
        ("ZUNIONSTORE to 2 big big", (0, 200)),
        ("ZUNIONSTORE to 1 big WEIGHTS -1", (200, 0)),
        ("ZINTERSTORE to 1 big", (0, 200)),
        ("ZDIFFSTORE to 1 big", (0, 200)),
        ("ZRANGESTORE to big 0 -1", (0, 200)),
        ("ZRANGESTORE to big -inf inf BYSCORE", (128, 72)),
        ("ZRANGESTORE to big - + BYLEX", (128, 72)),
        ("ZRANGESTORE to big 0 99", (100, 0)),
        ("ZUNIONSTORE to 1 to WEIGHTS -1", (100, 0)),
    ] {
        say(line);
        assert_eq!(zeros(&db, "to"), expected, "{line}");
    }
    assert_eq!(say("ZSCORE to m0"), "\"0\"");
    assert_eq!(
        say("ZUNION 1 to WEIGHTS -1").len(),
        say("ZUNION 1 to").len()
    );
    assert!(say("ZUNION 1 to WEIGHTS -1 WITHSCORES").ends_with("\"-0\"]"));
    // One that is long because of a member: as soon as that is there.
    assert_eq!(say(&format!("ZADD z -0 a -0 b -0 {long} -0 y")), ":4");
    assert_eq!(zeros(&db, "z"), (2, 2));
    assert_eq!(say(&format!("ZADD z3 1 {long} -0 a -0 b -0 c")), ":4");
    assert_eq!(zeros(&db, "z3"), (0, 3));
    say("ZRANGESTORE to z3 0 -1");
    assert_eq!(zeros(&db, "to"), (3, 0));
    say("ZUNIONSTORE to 1 z3");
    assert_eq!(zeros(&db, "to"), (0, 3));
    // What is answered is the sum, whatever is kept.
    assert_eq!(say("ZINCRBY small -0 x"), "\"-0\"");
    assert_eq!(say("ZSCORE small x"), "\"0\"");
    assert_eq!(say("ZINCRBY z3 0 a"), "\"0\"");
    assert_eq!(say("ZSCORE z3 a"), "\"-0\"");
}

#[test]
fn the_signs_of_zeros_outlast_a_reopen_and_a_compaction() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nacre");
    let mut db = Db::open(&path).unwrap();
    let members: Vec<(f64, String)> = (0..300).map(|n| (0.0, format!("m{n:03}"))).collect();
    db.zadd_with("key", &members, crate::ZAddOptions::new())
        .unwrap();
    db.zunion_store("key", &ZInputs::new(&["key"]).weights(&[-1.0]))
        .unwrap();
    for _ in 0..2 {
        assert_eq!(zeros(&db, "key"), (0, 300));
        db.close().unwrap();
        db = Db::open(&path).unwrap();
        assert_eq!(zeros(&db, "key"), (0, 300));
        db.compact().unwrap();
    }
}
