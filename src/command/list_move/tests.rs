use crate::command::script::{db_at, script};
use crate::prelude::*;
use crate::{Db, Error, Side};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const SYNTAX: &str = "-ERR syntax error";
const NOT_POSITIVE: &str = "-ERR value is out of range, must be positive";
const NO_KEYS: &str = "-ERR numkeys should be greater than 0";
const NO_COUNT: &str = "-ERR count should be greater than 0";

#[test]
fn pops_take_from_either_end() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("RPUSH l a b c d e", ":5"),
            ("LPOP l", "\"a\""),
            ("RPOP l", "\"e\""),
            ("LPOP l 0", "[]"),
            ("RPOP l 2", "[\"d\" \"c\"]"),
            ("LPOP l 9223372036854775807", "[\"b\"]"),
            ("EXISTS l", ":0"),
            ("LPOP l", "nil"),
            ("LPOP l 0", "nil"),
            ("RPOP l 3", "nil"),
            ("LPOP l -1", NOT_POSITIVE),
            ("LPOP l x", NOT_POSITIVE),
            ("RPOP l 99999999999999999999", NOT_POSITIVE),
            ("SET s text", "+OK"),
            ("LPOP s", WRONG_TYPE),
            ("LPOP s 0", WRONG_TYPE),
            ("LPOP s x", NOT_POSITIVE),
            ("RPOP s", WRONG_TYPE),
            (
                "LPOP l 1 2",
                "-ERR wrong number of arguments for 'lpop' command",
            ),
            ("RPOP", "-ERR wrong number of arguments for 'rpop' command"),
        ],
    );
}

#[test]
fn lmpop_takes_from_the_first_list_there_is() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("RPUSH l a b c d", ":4"),
            ("SET s text", "+OK"),
            ("LMPOP 2 missing l LEFT", "[\"l\" [\"a\"]]"),
            ("LMPOP 2 l s right count 2", "[\"l\" [\"d\" \"c\"]]"),
            ("LMPOP 2 missing s LEFT", WRONG_TYPE),
            ("LMPOP 2 missing nobody LEFT", "nil"),
            (
                "LMPOP 1 l LEFT COUNT 9223372036854775807",
                "[\"l\" [\"b\"]]",
            ),
            ("EXISTS l", ":0"),
            ("LMPOP 0 l LEFT", NO_KEYS),
            ("LMPOP -1 l LEFT", NO_KEYS),
            ("LMPOP x l LEFT", NO_KEYS),
            ("LMPOP 2 l LEFT", SYNTAX),
            ("LMPOP 3 l LEFT", SYNTAX),
            ("LMPOP 9223372036854775807 l LEFT", SYNTAX),
            ("LMPOP 1 l UP", SYNTAX),
            ("LMPOP 1 l LEFT COUNT", SYNTAX),
            ("LMPOP 1 l LEFT FOO 1", SYNTAX),
            ("LMPOP 1 l LEFT COUNT 1 x", SYNTAX),
            ("LMPOP 1 l LEFT COUNT 0", NO_COUNT),
            ("LMPOP 1 l LEFT COUNT x", NO_COUNT),
            (
                "LMPOP 1 l",
                "-ERR wrong number of arguments for 'lmpop' command",
            ),
        ],
    );
}

#[test]
fn moves_go_from_any_side_to_any_side() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("RPUSH l a b c", ":3"),
            ("LMOVE l m LEFT LEFT", "\"a\""),
            ("LMOVE l m RIGHT left", "\"c\""),
            ("LMOVE l m LEFT RIGHT", "\"b\""),
            ("EXISTS l", ":0"),
            ("LRANGE m 0 -1", "[\"c\" \"a\" \"b\"]"),
            ("LMOVE l m LEFT RIGHT", "nil"),
            ("RPOPLPUSH m l", "\"b\""),
            ("RPOPLPUSH missing l", "nil"),
            ("LRANGE l 0 -1", "[\"b\"]"),
            ("LMOVE l m UP LEFT", SYNTAX),
            ("LMOVE missing m LEFT UP", SYNTAX),
            ("SET s text", "+OK"),
            ("LMOVE s l LEFT LEFT", WRONG_TYPE),
            ("LMOVE l s LEFT LEFT", WRONG_TYPE),
            ("LMOVE missing s LEFT LEFT", "nil"),
            ("RPOPLPUSH l s", WRONG_TYPE),
            ("LRANGE l 0 -1", "[\"b\"]"),
            (
                "RPOPLPUSH l",
                "-ERR wrong number of arguments for 'rpoplpush' command",
            ),
        ],
    );
}

#[test]
fn a_list_turns_in_itself() {
    let (db, _clock) = db_at(1_000);
    script(
        &db,
        &[
            ("RPUSH l a b c", ":3"),
            ("PEXPIREAT l 5000", ":1"),
            ("LMOVE l l LEFT RIGHT", "\"a\""),
            ("LRANGE l 0 -1", "[\"b\" \"c\" \"a\"]"),
            ("RPOPLPUSH l l", "\"a\""),
            ("LRANGE l 0 -1", "[\"a\" \"b\" \"c\"]"),
            ("LMOVE l l LEFT LEFT", "\"a\""),
            ("LMOVE l l RIGHT RIGHT", "\"c\""),
            ("LRANGE l 0 -1", "[\"a\" \"b\" \"c\"]"),
            ("LTRIM l 0 0", "+OK"),
            ("LMOVE l l LEFT RIGHT", "\"a\""),
            ("RPOPLPUSH l l", "\"a\""),
            ("LRANGE l 0 -1", "[\"a\"]"),
            ("PEXPIRETIME l", ":5000"),
        ],
    );
}

#[test]
fn a_transaction_takes_its_pops_back() -> Result<(), Error> {
    let db = Db::open_in_memory();
    db.rpush("jobs", &["a", "b"])?;
    let refused: Result<(), Error> = db.transaction(|tx| {
        assert_eq!(tx.lpop("jobs")?, Some(b"a".to_vec()));
        assert_eq!(
            tx.lmove("jobs", "doing", Side::Left, Side::Right)?,
            Some(b"b".to_vec())
        );
        assert!(!tx.exists("jobs")?);
        tx.lset("nobody", 0, "x")
    });
    assert!(refused.is_err());
    assert_eq!(db.lrange("jobs", 0, -1)?, [b"a", b"b"]);
    assert_eq!(db.llen("doing")?, 0);
    Ok(())
}
