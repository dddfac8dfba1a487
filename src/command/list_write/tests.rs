use crate::command::script::{db_at, script};
use crate::prelude::*;
use crate::{CommandError, Db, Error, Side};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NO_INT: &str = "-ERR value is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";

#[test]
fn pushes_stack_up_at_either_end() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("LPUSHX l a", ":0"),
            ("RPUSHX l a", ":0"),
            ("EXISTS l", ":0"),
            ("LPUSH l a b", ":2"),
            ("RPUSH l c ''", ":4"),
            ("LPUSHX l d e", ":6"),
            ("RPUSHX l f", ":7"),
            (
                "LRANGE l 0 -1",
                "[\"e\" \"d\" \"b\" \"a\" \"c\" \"\" \"f\"]",
            ),
            ("SET s text", "+OK"),
            ("LPUSH s a", WRONG_TYPE),
            ("RPUSHX s a", WRONG_TYPE),
            ("GET s", "\"text\""),
            (
                "LPUSH l",
                "-ERR wrong number of arguments for 'lpush' command",
            ),
            (
                "RPUSHX l",
                "-ERR wrong number of arguments for 'rpushx' command",
            ),
        ],
    );
}

#[test]
fn a_push_onto_an_expired_list_starts_anew() {
    let (db, clock) = db_at(1_000);
    script(&db, &[("RPUSH l a b", ":2"), ("PEXPIREAT l 2000", ":1")]);
    clock.set_ms(2_001);
    script(
        &db,
        &[
            ("LPUSHX l c", ":0"),
            ("LSET l 0 c", "-ERR no such key"),
            ("RPUSH l c", ":1"),
            ("LRANGE l 0 -1", "[\"c\"]"),
            ("PTTL l", ":-1"),
        ],
    );
}

#[test]
fn insert_stands_before_or_after_the_first_pivot() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("RPUSH l a b a", ":3"),
            ("LINSERT l BEFORE a x", ":4"),
            ("LINSERT l after a y", ":5"),
            ("LINSERT l AFTER missing z", ":-1"),
            ("LINSERT nobody BEFORE a z", ":0"),
            ("LRANGE l 0 -1", "[\"x\" \"a\" \"y\" \"b\" \"a\"]"),
            ("LINSERT l BESIDE a z", SYNTAX),
            ("LINSERT nobody BESIDE a z", SYNTAX),
            ("SET s text", "+OK"),
            ("LINSERT s BEFORE a z", WRONG_TYPE),
            (
                "LINSERT l BEFORE a",
                "-ERR wrong number of arguments for 'linsert' command",
            ),
        ],
    );
}

#[test]
fn set_replaces_one_element() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("RPUSH l a b c", ":3"),
            ("LSET l 0 x", "+OK"),
            ("LSET l -1 a-much-longer-element-than-before", "+OK"),
            ("LSET l 1 ''", "+OK"),
            (
                "LRANGE l 0 -1",
                "[\"x\" \"\" \"a-much-longer-element-than-before\"]",
            ),
            ("LSET l 3 z", "-ERR index out of range"),
            ("LSET l -4 z", "-ERR index out of range"),
            ("LSET l x z", NO_INT),
            ("LSET missing x z", "-ERR no such key"),
            ("SET s text", "+OK"),
            ("LSET s x z", WRONG_TYPE),
        ],
    );
}

#[test]
fn remove_counts_from_either_end() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("RPUSH l a b a c a a", ":6"),
            ("LREM l 1 a", ":1"),
            ("LRANGE l 0 -1", "[\"b\" \"a\" \"c\" \"a\" \"a\"]"),
            ("LREM l -2 a", ":2"),
            ("LRANGE l 0 -1", "[\"b\" \"a\" \"c\"]"),
            ("LREM l 0 x", ":0"),
            ("LREM l 5 b", ":1"),
            ("LREM missing 0 a", ":0"),
            ("LREM missing x a", NO_INT),
            ("SET s text", "+OK"),
            ("LREM s 0 a", WRONG_TYPE),
            ("RPUSH l a", ":3"),
            ("LREM l -9223372036854775808 a", ":2"),
            ("LREM l 0 c", ":1"),
            ("EXISTS l", ":0"),
        ],
    );
}

#[test]
fn trim_keeps_what_lies_between() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("RPUSH l a b c d e", ":5"),
            ("LTRIM l 1 -2", "+OK"),
            ("LRANGE l 0 -1", "[\"b\" \"c\" \"d\"]"),
            ("LTRIM l -100 100", "+OK"),
            ("LTRIM l 1 100", "+OK"),
            ("LRANGE l 0 -1", "[\"c\" \"d\"]"),
            ("LTRIM l 0 0", "+OK"),
            ("LRANGE l 0 -1", "[\"c\"]"),
            ("LTRIM l 5 9", "+OK"),
            ("EXISTS l", ":0"),
            ("LTRIM l 0 1", "+OK"),
            ("LTRIM l x 1", NO_INT),
            ("SET s text", "+OK"),
            ("LTRIM s 0 1", WRONG_TYPE),
        ],
    );
}

#[test]
fn many_scattered_removals_under_a_long_key_are_told_by_what_stays() -> Result<(), Error> {
    let dir = tempfile::tempdir().unwrap();
    let open = || Db::open(dir.path().join("lists.nacre"));
    let key = vec![b'k'; 2000];
    let db = open()?;
    let elements: Vec<String> = (0..4000)
        .map(|i| {
            if i % 2 == 0 {
                "gone".into()
            } else {
                format!("{i}")
            }
        })
        .collect();
    db.rpush(&key, &elements)?;
    db.expire_at_ms(&key, u64::MAX / 2)?;
    let before = db.stats()?.file.map_or(0, |file| file.log_bytes);
    assert_eq!(db.lrem(&key, 0, "gone")?, 2000);
    let written = db.stats()?.file.map_or(0, |file| file.log_bytes) - before;
    assert!(written < 100_000, "{written} bytes are logged");
    let expected = db.lrange(&key, 0, -1)?;
    assert_eq!(expected.len(), 2000);
    db.close()?;
    let db = open()?;
    assert_eq!(db.lrange(&key, 0, -1)?, expected);
    assert!(matches!(db.expires_at_ms(&key)?, crate::Ttl::Ms(_)));
    Ok(())
}

#[test]
fn a_push_of_nothing_is_refused() -> Result<(), Error> {
    let db = Db::open_in_memory();
    let nothing: [&str; 0] = [];
    let error = db.rpush("l", &nothing).unwrap_err();
    let text = "ERR wrong number of arguments for 'rpush' command";
    assert_eq!(error.to_string(), text);
    assert!(matches!(
        db.lpushx("l", &nothing),
        Err(Error::Command(CommandError::WrongArity(_)))
    ));
    assert!(!db.exists("l")?);
    Ok(())
}

#[test]
fn lists_survive_a_reopen_and_a_compaction() -> Result<(), Error> {
    let dir = tempfile::tempdir().unwrap();
    let open = || Db::open(dir.path().join("lists.nacre"));
    let db = open()?;
    let long = vec![b'x'; 100_000];
    for i in 0..5_000_u32 {
        db.rpush("l", &[format!("element {i}")])?;
    }
    db.lset("l", 2_500, &long)?;
    db.lpush("l", &[&long[..], b"", b"first"])?;
    db.linsert_after("l", "element 7", "inserted")?;
    db.lrem("l", 1, "element 9")?;
    db.ltrim("l", 0, -11)?;
    db.lmove("l", "other", Side::Right, Side::Left)?;
    db.rpush("short", &["a", "b"])?;
    db.lpop_many("short", 2)?;
    let expected = db.lrange("l", 0, -1)?;
    assert_eq!(expected.len(), 4_992);
    db.close()?;
    let db = open()?;
    assert_eq!(db.lrange("l", 0, -1)?, expected);
    assert_eq!(db.lrange("other", 0, -1)?, [b"element 4989"]);
    assert!(!db.exists("short")?);
    db.compact()?;
    db.rpush("l", &["after"])?;
    db.close()?;
    let db = open()?;
    assert_eq!(db.llen("l")?, 4_993);
    assert_eq!(db.lrange("l", 0, -2)?, expected);
    Ok(())
}
