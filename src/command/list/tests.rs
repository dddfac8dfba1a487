use super::{clamp, position};
use crate::command::script::script;
use crate::prelude::*;
use crate::{CommandError, Db, Error, LposOptions};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NO_INT: &str = "-ERR value is not an integer or out of range";

#[test]
fn indexes_become_positions_as_in_redis() {
    assert_eq!(position(3, 0), Some(0));
    assert_eq!(position(3, 2), Some(2));
    assert_eq!(position(3, -1), Some(2));
    assert_eq!(position(3, -3), Some(0));
    for index in [3, -4, i64::MAX, i64::MIN] {
        assert_eq!(position(3, index), None, "{index}");
    }
    assert_eq!(position(0, 0), None);
    for (start, end, expected) in [
        (0, -1, (0, 3)),
        (-2, -1, (1, 3)),
        (1, 1, (1, 2)),
        (i64::MIN, i64::MAX, (0, 3)),
        (-100, 0, (0, 1)),
        (2, 1, (0, 0)),
        (3, 9, (0, 0)),
        (0, -4, (0, 0)),
        (i64::MAX, i64::MIN, (0, 0)),
    ] {
        assert_eq!(clamp(3, start, end), expected, "{start} {end}");
    }
    assert_eq!(clamp(0, 0, -1), (0, 0));
}

#[test]
fn elements_are_read_by_index_and_range() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("RPUSH l a '' \\x00\\xff c", ":4"),
            ("LLEN l", ":4"),
            ("LLEN missing", ":0"),
            ("LINDEX l 0", "\"a\""),
            ("LINDEX l 1", "\"\""),
            ("LINDEX l -2", "\"\\x00\\xff\""),
            ("LINDEX l 4", "nil"),
            ("LINDEX l -5", "nil"),
            ("LINDEX l -9223372036854775808", "nil"),
            ("LINDEX l 9223372036854775808", NO_INT),
            ("LINDEX l x", NO_INT),
            // Nothing is there to index.
            ("LINDEX missing x", "nil"),
            ("LRANGE l 0 -1", "[\"a\" \"\" \"\\x00\\xff\" \"c\"]"),
            ("LRANGE l -2 100", "[\"\\x00\\xff\" \"c\"]"),
            ("LRANGE l -100 0", "[\"a\"]"),
            ("LRANGE l 2 1", "[]"),
            ("LRANGE l 4 9", "[]"),
            ("LRANGE missing 0 -1", "[]"),
            ("LRANGE missing x 0", NO_INT),
            ("LRANGE l 0 x", NO_INT),
            ("TYPE l", "+list"),
            ("OBJECT ENCODING l", "\"quicklist\""),
            ("OBJECT REFCOUNT l", ":1"),
            ("SET s text", "+OK"),
            ("LLEN s", WRONG_TYPE),
            ("LINDEX s 0", WRONG_TYPE),
            ("LINDEX s x", WRONG_TYPE),
            ("LRANGE s 0 -1", WRONG_TYPE),
            ("LRANGE s x -1", NO_INT),
            ("LPOS s a", WRONG_TYPE),
            ("GET l", WRONG_TYPE),
            ("APPEND l x", WRONG_TYPE),
            ("INCR l", WRONG_TYPE),
            ("SETBIT l 0 1", WRONG_TYPE),
            ("MGET l s", "[nil \"text\"]"),
            ("LLEN", "-ERR wrong number of arguments for 'llen' command"),
            (
                "LRANGE l 0",
                "-ERR wrong number of arguments for 'lrange' command",
            ),
        ],
    );
}

#[test]
fn lpos_knows_every_option() {
    let db = Db::open_in_memory();
    let rank_zero = "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the \
         second ... or use negative to start from the end of the list";
    script(
        &db,
        &[
            ("RPUSH l a b a c a", ":5"),
            ("LPOS l a", ":0"),
            ("LPOS l c", ":3"),
            ("LPOS l x", "nil"),
            ("LPOS missing a", "nil"),
            ("LPOS missing a COUNT 2", "[]"),
            ("LPOS l x COUNT 0", "[]"),
            ("LPOS l a RANK 2", ":2"),
            ("LPOS l a RANK -1", ":4"),
            ("LPOS l a rank -3", ":0"),
            ("LPOS l a RANK 4", "nil"),
            ("LPOS l a RANK 9223372036854775807", "nil"),
            ("LPOS l a RANK -9223372036854775807", "nil"),
            ("LPOS l a RANK -9223372036854775808", ":4"),
            ("LPOS l a RANK -9223372036854775808 COUNT 1", "[:4 :2 :0]"),
            ("LPOS l a COUNT 0", "[:0 :2 :4]"),
            ("LPOS l a COUNT 2", "[:0 :2]"),
            ("LPOS l a RANK 2 COUNT 5", "[:2 :4]"),
            ("LPOS l a RANK -2 COUNT 9223372036854775807", "[:2 :0]"),
            ("LPOS l a MAXLEN 1", ":0"),
            ("LPOS l c MAXLEN 3", "nil"),
            ("LPOS l c MAXLEN 4", ":3"),
            ("LPOS l c RANK -1 MAXLEN 2", ":3"),
            ("LPOS l b RANK -1 MAXLEN 3 COUNT 0", "[]"),
            (
                "LPOS l a RANK -1 MAXLEN 9223372036854775807 COUNT 0",
                "[:4 :2 :0]",
            ),
            ("LPOS l a RANK 1 RANK -1", ":4"),
            ("LPOS l a RANK 0", rank_zero),
            ("LPOS missing a RANK 0", rank_zero),
            ("LPOS l a RANK x", NO_INT),
            ("LPOS l a COUNT -1", "-ERR COUNT can't be negative"),
            ("LPOS l a COUNT x", "-ERR COUNT can't be negative"),
            ("LPOS l a MAXLEN -1", "-ERR MAXLEN can't be negative"),
            ("LPOS l a MAXLEN 1.5", "-ERR MAXLEN can't be negative"),
            ("LPOS l a FOO 1", "-ERR syntax error"),
            ("LPOS l a RANK", "-ERR syntax error"),
            ("LPOS l a RANK 0 FOO", rank_zero),
            (
                "LPOS l",
                "-ERR wrong number of arguments for 'lpos' command",
            ),
        ],
    );
}

#[test]
fn typed_reads_agree_with_the_words() -> Result<(), Error> {
    let db = Db::open_in_memory();
    assert_eq!(db.lrange("l", 0, -1)?, Vec::<Vec<u8>>::new());
    db.rpush("l", &["a", "b", "a"])?;
    let mut seen = Vec::new();
    db.lrange_with("l", -2, -1, |element| seen.push(element.to_vec()))?;
    assert_eq!(seen, [b"b", b"a"]);
    assert_eq!(db.lpos("l", "a")?, Some(0));
    let options = LposOptions::new().rank(-1).count(1).max_len(1);
    assert_eq!(db.lpos_with("l", "a", options)?, [2]);
    assert!(matches!(
        db.lpos_with("l", "a", LposOptions::new().rank(0)),
        Err(Error::Command(CommandError::Other(_)))
    ));
    db.set("s", "text")?;
    assert!(matches!(
        db.lrange_with("s", 0, -1, |_| panic!("no list")),
        Err(Error::Command(CommandError::WrongType))
    ));
    Ok(())
}

#[test]
fn a_snapshot_keeps_the_list_it_saw() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let many: Vec<String> = (0..3000).map(|i| format!("element {i}")).collect();
    db.rpush("l", &many)?;
    let snapshot = db.snapshot()?;
    db.lset("l", 1500, "new")?;
    db.ltrim("l", 1000, 1999)?;
    db.lpush("l", &["front"])?;
    assert_eq!(db.llen("l")?, 1001);
    assert_eq!(db.lindex("l", 501)?, Some(b"new".to_vec()));
    let before: Vec<Vec<u8>> = many.iter().map(|text| text.clone().into_bytes()).collect();
    assert_eq!(snapshot.lrange("l", 0, -1)?, before);
    Ok(())
}
