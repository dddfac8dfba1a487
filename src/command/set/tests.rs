use crate::command::script::{db_at, say, script};
use crate::prelude::*;
use crate::{Db, KeyType};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn members_come_and_go_with_the_replies_of_redis() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SADD s 1 2 3 2", ":3"),
            ("SADD s 1", ":0"),
            ("TYPE s", "+set"),
            ("OBJECT ENCODING s", "\"intset\""),
            ("OBJECT REFCOUNT s", ":1"),
            ("SREM s 1 1 9", ":1"),
            ("SREM none 1", ":0"),
            ("SCARD s", ":2"),
            ("SCARD none", ":0"),
            ("SISMEMBER s 2", ":1"),
            ("SISMEMBER s 02", ":0"),
            ("SISMEMBER none x", ":0"),
            ("SMISMEMBER s 2 9 3", "[:1 :0 :1]"),
            ("SMISMEMBER none x y", "[:0 :0]"),
            ("SADD s -5 10", ":2"),
            ("SMEMBERS s", "[\"-5\" \"2\" \"3\" \"10\"]"),
            ("SMEMBERS none", "[]"),
            ("SADD s '' \\x00\\xff", ":2"),
            ("OBJECT ENCODING s", "\"hashtable\""),
            ("SISMEMBER s ''", ":1"),
            ("SISMEMBER s \\x00\\xff", ":1"),
            ("SREM s '' \\x00\\xff -5 2 3", ":5"),
            ("SMEMBERS s", "[\"10\"]"),
            ("OBJECT ENCODING s", "\"hashtable\""),
            ("SREM s 10", ":1"),
            ("EXISTS s", ":0"),
        ],
    );
}

#[test]
fn a_member_moves_from_one_set_to_another() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SET str v", "+OK"),
            ("SADD s a b", ":2"),
            ("SMOVE none str x", ":0"),
            ("SMOVE s str x", WRONG_TYPE),
            ("SMOVE str s x", WRONG_TYPE),
            ("SMOVE s s a", ":1"),
            ("SMOVE s s x", ":0"),
            ("SMOVE s d x", ":0"),
            ("EXISTS d", ":0"),
            ("SMOVE s d a", ":1"),
            ("SMEMBERS d", "[\"a\"]"),
            ("SADD d b", ":1"),
            ("SMOVE s d b", ":1"),
            ("EXISTS s", ":0"),
            ("SCARD d", ":2"),
        ],
    );
}

#[test]
fn refusals_have_the_text_of_redis_and_change_nothing() {
    let db = Db::open_in_memory();
    script(&db, &[("SET str v", "+OK")]);
    for line in [
        "SADD str 1",
        "SREM str 1",
        "SCARD str",
        "SISMEMBER str x",
        "SMISMEMBER str x",
        "SMEMBERS str",
    ] {
        assert_eq!(say(&db, line), WRONG_TYPE, "{line}");
    }
    for line in [
        "SADD s",
        "SREM s",
        "SMISMEMBER s",
        "SMEMBERS a b",
        "SMOVE a b",
    ] {
        let name = line.split(' ').next().unwrap().to_lowercase();
        let text = format!("-ERR wrong number of arguments for '{name}' command");
        assert_eq!(say(&db, line), text);
    }
    script(
        &db,
        &[
            ("SADD s 1", ":1"),
            ("GET s", WRONG_TYPE),
            ("APPEND s x", WRONG_TYPE),
            ("SET s v", "+OK"),
            ("TYPE s", "+string"),
        ],
    );
}

#[test]
fn a_set_expires_and_begins_anew() {
    let (db, clock) = db_at(1_000);
    script(&db, &[("SADD s a b", ":2"), ("PEXPIREAT s 2000", ":1")]);
    script(&db, &[("SADD s c", ":1"), ("PEXPIRETIME s", ":2000")]);
    clock.set_ms(2_001);
    script(
        &db,
        &[
            ("SCARD s", ":0"),
            ("SISMEMBER s a", ":0"),
            ("SREM s a", ":0"),
            ("SADD s z", ":1"),
            ("SMEMBERS s", "[\"z\"]"),
            ("PTTL s", ":-1"),
        ],
    );
}

#[test]
fn typed_methods_do_the_same() {
    let db = Db::open_in_memory();
    assert_eq!(db.sadd("s", &["a", "b", "a"]).unwrap(), 2);
    assert_eq!(db.sadd::<&str>("s", &[]).unwrap(), 0);
    assert_eq!(db.sadd::<&str>("none", &[]).unwrap(), 0);
    assert!(!db.exists("none").unwrap());
    assert_eq!(db.smismember("s", &["b", "c"]).unwrap(), [true, false]);
    let mut seen = Vec::new();
    db.smembers_with("s", |member| seen.push(member.to_vec()))
        .unwrap();
    seen.sort();
    assert_eq!(seen, [b"a", b"b"]);
    assert!(db.smove("s", "t", "a").unwrap());
    assert_eq!(db.srem("s", &["a", "b"]).unwrap(), 1);
    assert_eq!(db.key_type("s").unwrap(), None);
    assert_eq!(db.key_type("t").unwrap(), Some(KeyType::Set));
    let refused = db.transaction(|tx| {
        tx.sadd("t", &["x"])?;
        tx.sadd("s", &["y"])?;
        tx.set("str", "v")?;
        tx.sadd("str", &["z"])
    });
    assert!(refused.is_err());
    assert_eq!(db.smembers("t").unwrap(), [b"a"]);
    assert!(!db.exists("s").unwrap());
}

#[test]
fn a_snapshot_keeps_its_members() {
    let db = Db::open_in_memory();
    let members: Vec<String> = (0..5_000).map(|n| format!("member:{n}")).collect();
    db.sadd("s", &members).unwrap();
    let snapshot = db.snapshot().unwrap();
    db.srem("s", &members[1_000..]).unwrap();
    db.sadd("s", &["new"]).unwrap();
    assert_eq!(snapshot.scard("s").unwrap(), 5_000);
    assert!(snapshot.sismember("s", &members[4_999]).unwrap());
    assert!(!snapshot.sismember("s", "new").unwrap());
    assert_eq!(db.scard("s").unwrap(), 1_001);
}

#[test]
fn sets_of_every_form_survive_reopening_and_compaction() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sets.db");
    let open = || Db::builder().seed(3).open(&path).unwrap();
    let sorted = |db: &Db, key: &str| {
        let mut members = db.smembers(key).unwrap();
        members.sort();
        members
    };
    let keys = ["ints", "words", "table", "wide", "stored", "popped"];
    let mut expected = Vec::new();
    {
        let db = open();
        db.sadd("ints", &["1", "-70000", "9223372036854775807"])
            .unwrap();
        db.sadd("words", &["a", "", "\0\n"]).unwrap();
        let many: Vec<String> = (0..20_000).map(|n| format!("{n:09}")).collect();
        db.sadd("table", &many).unwrap();
        db.srem("table", &many[10..500]).unwrap();
        // More than one effect of the log, and of the snapshot, holds.
        let wide: Vec<Vec<u8>> = (0..30_u8).map(|n| vec![n; 100_000]).collect();
        db.sadd("wide", &wide).unwrap();
        db.sunionstore("stored", &["table", "wide"]).unwrap();
        db.sadd("popped", &many[..200]).unwrap();
        db.spop_count("popped", 150).unwrap();
        db.sadd("gone", &["x"]).unwrap();
        db.spop("gone").unwrap();
        for key in keys {
            expected.push(sorted(&db, key));
        }
    }
    for compact in [true, false] {
        let db = open();
        for (key, expected) in keys.iter().zip(&expected) {
            assert_eq!(&sorted(&db, key), expected, "{key}");
        }
        assert!(!db.exists("gone").unwrap());
        assert_eq!(db.object_encoding("ints").unwrap(), Some("intset"));
        if compact {
            db.compact().unwrap();
        }
    }
}
