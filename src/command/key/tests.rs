use crate::command::script::{db_at, script};
use crate::prelude::*;
use crate::{CommandError, Db, Error, KeyType, Ttl};

const WRONG: &str = "-ERR wrong number of arguments for";

#[test]
fn keys_are_counted_as_often_as_they_are_named() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SET a 1", "+OK"),
            ("SET b 2", "+OK"),
            ("EXISTS a", ":1"),
            ("EXISTS a a b c", ":3"),
            ("TOUCH a b c", ":2"),
            ("DEL a a", ":1"),
            ("UNLINK a b c", ":1"),
            ("EXISTS a b", ":0"),
            ("DEL", &format!("{WRONG} 'del' command")),
            ("UNLINK", &format!("{WRONG} 'unlink' command")),
            ("EXISTS", &format!("{WRONG} 'exists' command")),
            ("TOUCH", &format!("{WRONG} 'touch' command")),
        ],
    );
}

#[test]
fn keys_are_bytes_of_any_kind() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            (r"SET \x00\xff\x0a v", "+OK"),
            ("SET '' empty", "+OK"),
            (r"EXISTS \x00\xff\x0a '' \x00", ":2"),
            ("TYPE ''", "+string"),
            ("TYPE gone", "+none"),
            (r"RENAME \x00\xff\x0a \xff", "+OK"),
            (r"DEL '' \xff", ":2"),
        ],
    );
}

#[test]
fn an_expired_key_is_not_there() {
    let (db, clock) = db_at(1_000);
    script(&db, &[("SET a 1", "+OK"), ("PEXPIREAT a 2000", ":1")]);
    clock.set_ms(2_000);
    script(&db, &[("EXISTS a", ":1")]);
    clock.set_ms(2_001);
    script(
        &db,
        &[
            ("EXISTS a", ":0"),
            ("TOUCH a", ":0"),
            ("TYPE a", "+none"),
            ("RENAME a b", "-ERR no such key"),
            ("RENAMENX a b", "-ERR no such key"),
            ("COPY a b", ":0"),
            ("RANDOMKEY", "nil"),
            ("DBSIZE", ":1"),
            ("DEL a", ":0"),
            ("DBSIZE", ":0"),
        ],
    );
}

#[test]
fn rename_moves_value_and_deadline_over_what_is_there() {
    let (db, clock) = db_at(1_000);
    script(
        &db,
        &[
            ("RENAME a b", "-ERR no such key"),
            ("RENAME a a", "-ERR no such key"),
            ("RENAMENX a a", "-ERR no such key"),
            ("SET a 1", "+OK"),
            ("PEXPIREAT a 5000", ":1"),
            ("SET b 2", "+OK"),
            ("PEXPIREAT b 9000", ":1"),
            ("RENAME a a", "+OK"),
            ("RENAMENX a a", ":0"),
            ("RENAMENX a b", ":0"),
            ("GET b", "\"2\""),
            ("RENAME a b", "+OK"),
            ("GET a", "nil"),
            ("GET b", "\"1\""),
            ("PEXPIRETIME b", ":5000"),
            ("RENAMENX b c", ":1"),
            ("PEXPIRETIME c", ":5000"),
            ("SET d 4", "+OK"),
            ("RENAME d c", "+OK"),
            ("PEXPIRETIME c", ":-1"),
            ("RENAME a", &format!("{WRONG} 'rename' command")),
            ("RENAMENX a b c", &format!("{WRONG} 'renamenx' command")),
            ("SET old 1", "+OK"),
            ("PEXPIREAT old 1500", ":1"),
        ],
    );
    clock.set_ms(2_000);
    // What has expired is no obstacle.
    script(&db, &[("RENAMENX c old", ":1"), ("GET old", "\"4\"")]);
}

#[test]
fn copy_takes_value_and_deadline() {
    let (db, _clock) = db_at(1_000);
    let same = "-ERR source and destination objects are the same";
    let int32 = "-ERR value is out of range, value must between -2147483648 and 2147483647";
    script(
        &db,
        &[
            ("COPY a b", ":0"),
            ("SET a 1", "+OK"),
            ("PEXPIREAT a 5000", ":1"),
            ("COPY a b", ":1"),
            ("PEXPIRETIME b", ":5000"),
            ("SET b 2", "+OK"),
            ("COPY a b", ":0"),
            ("COPY a b replace", ":1"),
            ("GET b", "\"1\""),
            ("PEXPIRETIME b", ":5000"),
            ("COPY a b REPLACE REPLACE DB 0 DB 0", ":1"),
            ("COPY a a", same),
            ("COPY gone gone REPLACE", same),
            ("COPY a a DB 0", same),
            ("COPY a b DB 16", "-ERR DB index is out of range"),
            ("COPY a b DB -1", "-ERR DB index is out of range"),
            (
                "COPY a b DB x",
                "-ERR value is not an integer or out of range",
            ),
            ("COPY a b DB 2147483648", int32),
            ("COPY a b DB", "-ERR syntax error"),
            ("COPY a b REPLACE DB", "-ERR syntax error"),
            (
                "COPY a b DB x FOO",
                "-ERR value is not an integer or out of range",
            ),
            ("COPY a b FOO DB x", "-ERR syntax error"),
            ("COPY a", &format!("{WRONG} 'copy' command")),
        ],
    );
}

#[test]
fn a_copy_of_a_long_value_is_independent() {
    let db = Db::open_in_memory();
    let long = vec![b'x'; 1 << 20];
    db.set("a", &long).unwrap();
    assert!(db.copy("a", "b", false).unwrap());
    db.set("a", "short").unwrap();
    assert_eq!(db.get("b").unwrap(), Some(long));
}

#[test]
fn random_keys_reach_every_key_and_only_live_ones() {
    let (db, clock) = db_at(1_000);
    assert_eq!(db.random_key().unwrap(), None);
    for n in 0..20 {
        db.set(format!("live {n}"), "").unwrap();
        db.set(format!("gone {n}"), "").unwrap();
        db.expire_at_ms(format!("gone {n}"), 1_001).unwrap();
    }
    clock.set_ms(2_000);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        let key = db.random_key().unwrap().expect("there are live keys");
        assert!(key.starts_with(b"live"));
        seen.insert(key);
    }
    assert_eq!(seen.len(), 20);
}

#[test]
fn a_random_key_is_found_among_many_expired_ones() {
    let (db, clock) = db_at(1_000);
    for n in 0..3_000 {
        db.set(format!("gone {n}"), "").unwrap();
        db.expire_at_ms(format!("gone {n}"), 1_001).unwrap();
    }
    clock.set_ms(2_000);
    assert_eq!(db.random_key().unwrap(), None);
    db.set("live", "").unwrap();
    assert_eq!(db.random_key().unwrap(), Some(b"live".to_vec()));
}

#[test]
fn typed_calls_answer_as_the_words_do() {
    let (db, _clock) = db_at(1_000);
    db.set("a", "1").unwrap();
    assert_eq!(db.key_type("a").unwrap(), Some(KeyType::String));
    assert_eq!(db.key_type("b").unwrap(), None);
    assert!(db.rename_nx("a", "b").unwrap());
    assert_eq!(db.exists_many(&["a", "b", "b"]).unwrap(), 2);
    assert!(matches!(
        db.rename("a", "c"),
        Err(Error::Command(CommandError::NoSuchKey))
    ));
    assert!(db.copy("b", "b", true).is_err());
    assert_eq!(db.del_many(&["a", "b"]).unwrap(), 1);
    assert_eq!(db.del_many::<&str>(&[]).unwrap(), 0);
    assert_eq!(db.ttl_ms("b").unwrap(), Ttl::NoKey);
}

#[test]
fn a_transaction_and_a_snapshot_have_the_same_calls() {
    let db = Db::open_in_memory();
    db.set("a", "1").unwrap();
    let snapshot = db.snapshot().unwrap();
    db.transaction(|tx| {
        tx.rename("a", "b")?;
        assert!(tx.exists("b")?);
        assert!(db.exists("a")?, "others see the state before");
        tx.flush_all()?;
        assert_eq!(tx.db_size()?, 0);
        tx.set("c", "3")
    })
    .unwrap();
    assert_eq!(db.keys("*").unwrap(), [b"c"]);
    assert_eq!(snapshot.keys("*").unwrap(), [b"a"]);
    assert_eq!(snapshot.random_key().unwrap(), Some(b"a".to_vec()));
}
