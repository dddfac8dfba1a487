use crate::Db;
use crate::command::script::{db_at, say, script};
use crate::prelude::*;

#[test]
fn fields_are_set_read_and_removed() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("HSET h a 1", ":1"),
            ("HSET h a 2 b 3 c ''", ":2"),
            ("HSET h d 1 d 2", ":1"),
            ("HGET h a", "\"2\""),
            ("HGET h c", "\"\""),
            ("HGET h d", "\"2\""),
            ("HGET h x", "nil"),
            ("HGET x a", "nil"),
            ("HMGET h a x b a", "[\"2\" nil \"3\" \"2\"]"),
            ("HMGET x a b", "[nil nil]"),
            ("HEXISTS h c", ":1"),
            ("HEXISTS h x", ":0"),
            ("HEXISTS x a", ":0"),
            ("HLEN h", ":4"),
            ("HLEN x", ":0"),
            ("HSTRLEN h a", ":1"),
            ("HSTRLEN h c", ":0"),
            ("HSTRLEN h x", ":0"),
            ("HSTRLEN x a", ":0"),
            ("HSETNX h a 9", ":0"),
            ("HSETNX h e 9", ":1"),
            ("HSETNX new e 9", ":1"),
            ("HGET h a", "\"2\""),
            ("HMSET h a 7 f 8", "+OK"),
            ("HGET h a", "\"7\""),
            ("HDEL h a a x", ":1"),
            ("HDEL x a", ":0"),
            ("HDEL h b c d e", ":4"),
            ("EXISTS h", ":1"),
            ("TYPE h", "+hash"),
            ("HDEL h f", ":1"),
            ("EXISTS h", ":0"),
            ("TYPE h", "+none"),
            ("HSET h \\x00\\xff \\xfe", ":1"),
            ("HGET h \\x00\\xff", "\"\\xfe\""),
        ],
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let db = Db::open_in_memory();
    let arity = |name| format!("-ERR wrong number of arguments for '{name}' command");
    for (line, name) in [
        ("HSET", "hset"),
        ("HSET h", "hset"),
        ("HSET h f", "hset"),
        ("HSET h f v g", "hset"),
        ("HMSET h f v g", "hmset"),
        ("HMSET h f", "hmset"),
        ("HSETNX h f v w", "hsetnx"),
        ("HGET h", "hget"),
        ("HMGET h", "hmget"),
        ("HDEL h", "hdel"),
        ("HEXISTS h", "hexists"),
        ("HLEN", "hlen"),
        ("HSTRLEN h", "hstrlen"),
    ] {
        assert_eq!(say(&db, line), arity(name), "{line}");
    }
    db.set("s", "v").unwrap();
    for line in [
        "HSET s f v",
        "HMSET s f v",
        "HSETNX s f v",
        "HGET s f",
        "HMGET s f",
        "HDEL s f",
        "HEXISTS s f",
        "HLEN s",
        "HSTRLEN s f",
    ] {
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(say(&db, line), wrong, "{line}");
    }
    script(&db, &[("GET s", "\"v\""), ("HSET h f v", ":1")]);
    for line in ["GET h", "INCR h", "APPEND h x", "GETBIT h 0"] {
        assert!(say(&db, line).starts_with("-WRONGTYPE"), "{line}");
    }
    // What replaces a whole key does not mind.
    script(&db, &[("SETEX h 10 v", "+OK"), ("GET h", "\"v\"")]);
}

#[test]
fn a_hash_is_a_listpack_up_to_the_limits() {
    let db = Db::open_in_memory();
    let encoding = |key| db.object_encoding(key).unwrap();
    for i in 0..512 {
        db.hset("h", format!("f{i}"), "x".repeat(64)).unwrap();
    }
    assert_eq!(encoding("h"), Some("listpack"));
    db.hset("h", "f512", "v").unwrap();
    assert_eq!(encoding("h"), Some("hashtable"));
    assert_eq!(db.hlen("h").unwrap(), 513);
    db.hdel("h", &["f512"]).unwrap();
    assert_eq!(encoding("h"), Some("hashtable"));
    db.hset("long value", "f", "x".repeat(65)).unwrap();
    db.hset("long field", "f".repeat(65), "x").unwrap();
    db.hset("not set", "f", "x").unwrap();
    db.hset_nx("not set", "f", "x".repeat(65)).unwrap();
    assert_eq!(encoding("long value"), Some("hashtable"));
    assert_eq!(encoding("long field"), Some("hashtable"));
    assert_eq!(encoding("not set"), Some("listpack"));
    let pairs: Vec<_> = (0..513).map(|i| (format!("{i}"), "v")).collect();
    assert_eq!(db.hset_many("many", &pairs).unwrap(), 513);
    assert_eq!(encoding("many"), Some("hashtable"));
    assert_eq!(db.hset_many("many", &[] as &[(&str, &str)]).unwrap(), 0);
    assert_eq!(db.hset_many("none", &[] as &[(&str, &str)]).unwrap(), 0);
    assert!(!db.exists("none").unwrap());
}

#[test]
fn a_key_keeps_its_deadline_and_goes_with_it() {
    let (db, clock) = db_at(10_000);
    script(
        &db,
        &[
            ("HSET h f v", ":1"),
            ("PEXPIREAT h 20000", ":1"),
            ("HSET h g w", ":1"),
            ("PEXPIRETIME h", ":20000"),
            ("RENAME h i", "+OK"),
            ("COPY i j", ":1"),
            ("HSET j g x", ":0"),
            ("HGETALL i", "{\"f\"=\"v\" \"g\"=\"w\"}"),
            ("HGETALL j", "{\"f\"=\"v\" \"g\"=\"x\"}"),
        ],
    );
    clock.set_ms(20_001);
    script(
        &db,
        &[
            ("HGET i f", "nil"),
            ("HLEN j", ":0"),
            ("HSET i a b", ":1"),
            ("TTL i", ":-1"),
            ("HLEN i", ":1"),
            ("HDEL j f", ":0"),
            ("EXISTS j", ":0"),
        ],
    );
}

#[test]
fn a_large_hash_is_shared_with_its_copy_and_its_snapshot() {
    let db = Db::open_in_memory();
    let pairs: Vec<_> = (0..2_000)
        .map(|i| (format!("field {i}"), "v".repeat(i % 300)))
        .collect();
    db.hset_many("h", &pairs).unwrap();
    db.copy("h", "copy", false).unwrap();
    let snapshot = db.snapshot().unwrap();
    for (i, (field, _)) in pairs.iter().enumerate() {
        if i % 3 == 0 {
            db.hdel("h", &[field]).unwrap();
        } else {
            db.hset("h", field, "changed").unwrap();
        }
    }
    assert_eq!(db.hlen("h").unwrap(), 2_000 - 667);
    for (field, value) in &pairs {
        assert_eq!(
            db.hget("copy", field).unwrap().as_deref(),
            Some(value.as_bytes())
        );
        assert_eq!(
            snapshot.hget("h", field).unwrap().as_deref(),
            Some(value.as_bytes())
        );
    }
}
