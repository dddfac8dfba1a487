use crate::command::script::script;
use crate::prelude::*;
use crate::{Db, ZPopped, ZRange};

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn ranges_are_removed() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("ZADD z 1 a 2 b 3 c 4 d 5 e", ":5"),
            ("ZREMRANGEBYRANK z 0 0", ":1"),
            ("ZREMRANGEBYRANK z -1 -1", ":1"),
            ("ZREMRANGEBYRANK z 5 9", ":0"),
            ("ZREMRANGEBYSCORE z (2 3", ":1"),
            ("ZRANGE z 0 -1", r#"["b" "d"]"#),
            ("ZREMRANGEBYSCORE z -inf +inf", ":2"),
            ("EXISTS z", ":0"),
            ("ZREMRANGEBYSCORE z -inf +inf", ":0"),
            ("ZADD z 0 a 0 b 0 c", ":3"),
            ("ZREMRANGEBYLEX z (a [b", ":1"),
            ("ZREMRANGEBYLEX z - +", ":2"),
            ("EXISTS z", ":0"),
            ("SET s text", "+OK"),
            ("ZREMRANGEBYRANK s 0 1", WRONG),
            (
                "ZREMRANGEBYRANK s 0 x",
                "-ERR value is not an integer or out of range",
            ),
            ("ZREMRANGEBYSCORE s 1 x", "-ERR min or max is not a float"),
            (
                "ZREMRANGEBYLEX s 1 x",
                "-ERR min or max not valid string range item",
            ),
            (
                "ZREMRANGEBYRANK s 0 1 2",
                "-ERR wrong number of arguments for 'zremrangebyrank' command",
            ),
        ],
    );
}

#[test]
fn the_first_set_that_is_there_is_popped() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("ZADD z 1 a 2 b 3 c 4 d", ":4"),
            ("ZMPOP 1 missing MIN", "nil"),
            ("ZMPOP 2 missing z MIN", r#"["z" [["a" "1"]]]"#),
            ("ZMPOP 1 z max COUNT 2", r#"["z" [["d" "4"] ["c" "3"]]]"#),
            ("ZMPOP 1 z MIN COUNT 10", r#"["z" [["b" "2"]]]"#),
            ("EXISTS z", ":0"),
            ("SET s text", "+OK"),
            ("ZMPOP 2 missing s MIN", WRONG),
            ("ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0"),
            ("ZMPOP x z MIN", "-ERR numkeys should be greater than 0"),
            ("ZMPOP 2 z MIN", "-ERR syntax error"),
            ("ZMPOP 1 z MID", "-ERR syntax error"),
            ("ZMPOP 9223372036854775807 z MIN", "-ERR syntax error"),
            (
                "ZMPOP 1 z MIN COUNT 0",
                "-ERR count should be greater than 0",
            ),
            ("ZMPOP 1 z MIN COUNT", "-ERR syntax error"),
            ("ZMPOP 1 z MIN COUNT 1 COUNT 1", "-ERR syntax error"),
        ],
    );
}

#[test]
fn typed_removals() {
    let db = Db::open_in_memory();
    db.execute(&["ZADD", "z", "1", "a", "2", "b", "3", "c"])
        .unwrap();
    assert_eq!(db.zrem_range("z", ZRange::ranks(0, 0)).unwrap(), 1);
    let popped = db.zmpop_max(&["none", "z"], 1).unwrap();
    let expected = ZPopped {
        key: b"z".to_vec(),
        members: vec![(b"c".to_vec(), 3.0)],
    };
    assert_eq!(popped, Some(expected));
    assert_eq!(db.zmpop_min(&["z"], 9).unwrap().unwrap().members.len(), 1);
    assert_eq!(db.zmpop_min(&["z"], 9).unwrap(), None);
}
