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
