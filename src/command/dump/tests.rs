use crate::command::script::{Numbers, db_at, say, script, show};
use crate::prelude::*;
use crate::{CommandError, Db, Error, RestoreOptions, ZAddOptions};

const NOW_MS: u64 = 1_000_000;

/// What Redis 7.0.15 answers to DUMP of the string 10, and of the set of 1, 2 and -3.
const TEN: &str = r"\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbb";
const INTS: &str = r"\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\xfd\xff\x01\x00\x02\x00\x0a\x00\xd1\xb7\x8e\xd9\xbc\x07\xc2\x7f";

/// Everything a key holds, in text: a set's members in order.
fn content(db: &Db, key: &str) -> String {
    let encoding = db.object_encoding(key).unwrap();
    let value = match db.key_type(key).unwrap().map(crate::KeyType::name) {
        Some("string") => say(db, &format!("GET {key}")),
        Some("list") => say(db, &format!("LRANGE {key} 0 -1")),
        Some("set") => say(db, &format!("SORT {key} ALPHA")),
        Some("hash") => {
            let mut all = db.hget_all(key).unwrap();
            all.sort();
            format!("{all:?}")
        }
        Some("zset") => say(db, &format!("ZRANGE {key} 0 -1 WITHSCORES")),
        _ => "nothing".into(),
    };
    format!("{encoding:?} {value}")
}

fn words(numbers: &Numbers, count: usize, len: usize) -> Vec<Vec<u8>> {
    let word = |_| {
        let letters = (0..len).map(|_| b'a' + (numbers.next() % 26) as u8);
        letters.collect()
    };
    let mut words: Vec<Vec<u8>> = (0..count).map(word).collect();
    words.sort();
    words.dedup();
    words
}

fn add<M: AsRef<[u8]>>(db: &Db, key: &str, members: &[(f64, M)]) {
    db.zadd_with(key, members, ZAddOptions::new()).unwrap();
}

/// Values of every type, and of sizes on both sides of every limit.
fn fill(db: &Db) -> Vec<String> {
    let numbers = Numbers::seeded(7);
    for (i, len) in [0, 1, 11, 20, 21, 63, 64, 100, 5_000, 16_384, 70_000]
        .into_iter()
        .enumerate()
    {
        let letters: Vec<u8> = (0..len).map(|_| numbers.next() as u8).collect();
        db.set(format!("random{i}"), letters).unwrap();
        db.set(format!("same{i}"), vec![b'x'; len]).unwrap();
    }
    let ints = [
        "0",
        "-128",
        "128",
        "32768",
        "-2147483648",
        "2147483648",
        "007",
        "-0",
    ];
    for (i, text) in ints.into_iter().enumerate() {
        db.set(format!("number{i}"), text).unwrap();
    }
    db.set("edited", "12").unwrap();
    db.append("edited", "3").unwrap();
    for (i, (count, len)) in [
        (1, 1),
        (30, 10),
        (127, 20),
        (128, 64),
        (129, 20),
        (5, 65),
        (512, 8),
        (513, 8),
        (3_000, 30),
        (3, 9_000),
    ]
    .into_iter()
    .enumerate()
    {
        let words = words(&numbers, count, len);
        db.rpush(format!("list{i}"), &words).unwrap();
        db.sadd(format!("set{i}"), &words).unwrap();
        let pairs: Vec<_> = words.iter().map(|word| (word, &words[0])).collect();
        db.hset_many(format!("hash{i}"), &pairs).unwrap();
        let scores = words.iter().enumerate();
        let scored: Vec<_> = scores
            .map(|(i, word)| ((i as f64 - 3.0) / 7.0, word))
            .collect();
        add(db, &format!("zset{i}"), &scored);
        for shift in [1_u64, 1 << 20, 1 << 40] {
            let ints: Vec<_> = (0..count as u64).map(|i| (i * shift).to_string()).collect();
            db.sadd(format!("ints{i}:{shift}"), &ints).unwrap();
        }
    }
    let mut keys = db.keys("*").unwrap();
    keys.sort();
    let keys = keys.into_iter().map(|key| String::from_utf8(key).unwrap());
    keys.collect()
}

#[test]
fn every_value_passes_through_a_payload() {
    let db = Db::open_in_memory();
    for key in fill(&db) {
        let before = content(&db, &key);
        let payload = db.dump(&key).unwrap().expect("a value");
        let options = RestoreOptions::new();
        db.restore("again", &payload, options)
            .unwrap_or_else(|error| panic!("{key}: {error}"));
        // What was edited in place is a fresh string again, as in Redis.
        let fresh = before.replacen("Some(\"raw\") \"123\"", "Some(\"int\") \"123\"", 1);
        assert!(content(&db, "again") == fresh, "{key}");
        // The same value gives the same bytes, but where there is no order.
        let again = db.dump("again").unwrap().expect("a value");
        let has_order = !fresh.starts_with("Some(\"hashtable\")");
        assert!(!has_order || again == payload, "{key}");
        assert!(db.del("again").unwrap());
    }
}

#[test]
fn restored_values_are_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Db::open(folder.path().join("db")).unwrap();
    let db = open();
    // More than fits into one effect, of each kind.
    let words = words(&Numbers::seeded(3), 40_000, 60);
    let other = Db::open_in_memory();
    other.rpush("list", &words).unwrap();
    other.sadd("set", &words).unwrap();
    let pairs: Vec<_> = words.iter().map(|word| (word, word)).collect();
    other.hset_many("hash", &pairs).unwrap();
    let scored: Vec<_> = words.iter().map(|word| (-0.0, word)).collect();
    add(&other, "zset", &scored);
    other.set("string", vec![b'v'; 3_000_000]).unwrap();
    let keys = ["list", "set", "hash", "zset", "string"];
    for key in keys {
        let payload = other.dump(key).unwrap().unwrap();
        let options = RestoreOptions::new().replace().expires_at_ms(u64::MAX / 2);
        db.restore(key, payload, options).unwrap();
    }
    db.close().unwrap();
    let db = open();
    for key in keys {
        assert!(content(&db, key) == content(&other, key), "{key}");
        assert_eq!(
            db.expires_at_ms(key).unwrap().ms(),
            Some(u64::MAX / 2),
            "{key}"
        );
    }
}

#[test]
fn the_replies_are_those_of_redis() {
    let (db, _) = db_at(NOW_MS);
    script(
        &db,
        &[
            ("DUMP none", "nil"),
            (&format!("RESTORE k 0 {TEN}"), "+OK"),
            ("GET k", "\"10\""),
            ("OBJECT ENCODING k", "\"int\""),
            ("PTTL k", ":-1"),
            (
                &format!("RESTORE i 5000 {INTS} IDLETIME 7 absttl Replace"),
                "+OK",
            ),
            ("EXISTS i", ":0"),
            (&format!("RESTORE i 5000 {INTS} FREQ 255 freq 0"), "+OK"),
            ("SMEMBERS i", "[\"-3\" \"1\" \"2\"]"),
            ("PTTL i", ":5000"),
            (&format!("RESTORE k 2000000 {INTS} REPLACE ABSTTL"), "+OK"),
            ("PTTL k", ":1000000"),
            (&format!("RESTORE k 0 {TEN} REPLACE"), "+OK"),
            ("PTTL k", ":-1"),
            // An option's argument may be an option's name.
            (&format!("RESTORE k 0 {TEN} IDLETIME REPLACE"), NO_INT),
            ("DUMP", "-ERR wrong number of arguments for 'dump' command"),
            (
                "RESTORE k 0",
                "-ERR wrong number of arguments for 'restore' command",
            ),
        ],
    );
    let dumped = db.execute(&["DUMP", "k"]);
    assert_eq!(
        show(&dumped),
        show(&Ok(crate::Reply::Bulk(
            crate::command::script::words(TEN).remove(0)
        )))
    );
}

const NO_INT: &str = "-ERR value is not an integer or out of range";

#[test]
fn refusals_come_in_the_order_of_redis() {
    let (db, clock) = db_at(NOW_MS);
    const BUSY: &str = "-BUSYKEY Target key name already exists.";
    const TTL: &str = "-ERR Invalid TTL value, must be >= 0";
    const IDLE: &str = "-ERR Invalid IDLETIME value, must be >= 0";
    const FREQ: &str = "-ERR Invalid FREQ value, must be >= 0 and <= 255";
    const FOOTER: &str = "-ERR DUMP payload version or checksum are wrong";
    const SYNTAX: &str = "-ERR syntax error";
    let feed = db.subscribe("*").unwrap();
    // A stream: version and checksum are right.
    let stream = r"\x13\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x1d\x1d\x00\x00\x00\x0a\x00\x01\x01\x00\x01\x01\x01\x81\x61\x02\x00\x01\x02\x01\x00\x01\x00\x01\x81\x62\x02\x04\x01\xff\x01\x01\x01\x01\x01\x00\x00\x01\x00\x0a\x00\x6f\x43\x34\xec\xd7\xfa\x5a\xec";
    script(
        &db,
        &[
            ("RPUSH k a", ":1"),
            ("RESTORE k x payload IDLETIME -1 FREQ", IDLE),
            ("RESTORE k x payload IDLETIME", SYNTAX),
            ("RESTORE k x payload IDLETIME 1 FREQ 1", SYNTAX),
            ("RESTORE k x payload FREQ 1 IDLETIME 1", SYNTAX),
            ("RESTORE k x payload FREQ 256", FREQ),
            ("RESTORE k x payload FREQ -1 nonsense", FREQ),
            ("RESTORE k x payload FREQ x", NO_INT),
            ("RESTORE k x payload nonsense", SYNTAX),
            ("RESTORE k x payload", BUSY),
            ("RESTORE k -1 payload", BUSY),
            ("RESTORE k x payload REPLACE", NO_INT),
            ("RESTORE none x payload", NO_INT),
            ("RESTORE none -1 payload", TTL),
            ("RESTORE none 0 payload", FOOTER),
            ("RESTORE none 0 ''", FOOTER),
            (
                &format!("RESTORE k 1 {stream} ABSTTL REPLACE"),
                "-ERR Bad data format",
            ),
            (
                &format!("RESTORE none {} {TEN}", i64::MAX),
                "-ERR invalid expire time in 'restore' command",
            ),
            ("LRANGE k 0 -1", "[\"a\"]"),
            ("EXISTS none", ":0"),
        ],
    );
    let mut feed = feed;
    assert_eq!(
        feed.try_recv().unwrap().map(|change| change.key().to_vec()),
        Some(b"k".to_vec())
    );
    assert!(
        feed.try_recv().unwrap().is_none(),
        "a refusal changes nothing"
    );
    // A deadline that has passed: nothing is there afterwards.
    script(
        &db,
        &[
            (&format!("RESTORE other {NOW_MS} {TEN} ABSTTL"), "+OK"),
            ("EXISTS other k", ":1"),
            (&format!("RESTORE k {NOW_MS} {TEN} ABSTTL"), BUSY),
            (&format!("RESTORE k {NOW_MS} {TEN} ABSTTL REPLACE"), "+OK"),
            ("EXISTS other k", ":0"),
            // A key that has expired is in nobody's way.
            (&format!("RESTORE k 1 {INTS}"), "+OK"),
        ],
    );
    clock.set_ms(NOW_MS + 2);
    assert_eq!(say(&db, &format!("RESTORE k 0 {INTS}")), "+OK");
    assert_eq!(say(&db, "PTTL k"), ":-1");
}

#[test]
fn a_transaction_that_watches_sees_a_restore() {
    let db = Db::open_in_memory();
    let payload = {
        db.set("from", "v").unwrap();
        db.dump("from").unwrap().unwrap()
    };
    let mut session = db.session();
    session.execute(&["WATCH", "k"]).unwrap();
    db.restore("k", payload, RestoreOptions::new()).unwrap();
    session.execute(&["MULTI"]).unwrap();
    session.execute(&["DEL", "k"]).unwrap();
    assert_eq!(session.execute(&["EXEC"]).unwrap(), crate::Reply::Nil);
}

#[test]
fn deadlines_of_fields_have_no_place() {
    let (db, clock) = db_at(NOW_MS);
    script(
        &db,
        &[
            ("HSET h a 1 b 2", ":2"),
            ("HPEXPIRE h 5 FIELDS 1 b", "[:1]"),
            (
                "DUMP h",
                "-ERR DUMP has no form for a hash whose fields have deadlines",
            ),
        ],
    );
    // Once the field is gone, there is none left.
    clock.set_ms(NOW_MS + 6);
    let payload = db.dump("h").unwrap().unwrap();
    db.restore("again", payload, RestoreOptions::new()).unwrap();
    script(&db, &[("HGETALL again", "{\"a\"=\"1\"}")]);
}

#[test]
fn signs_of_zero_are_kept_where_redis_keeps_them() {
    let db = Db::open_in_memory();
    let long = "x".repeat(65);
    add(&db, "long", &[(-0.0, "a"), (0.0, &long)]);
    // Before the long member the set was short.
    assert_eq!(say(&db, "ZSCORE long a"), "\"0\"");
    db.del("long").unwrap();
    db.zadd("long", 0.0, &long).unwrap();
    db.zadd("long", -0.0, "a").unwrap();
    let payload = db.dump("long").unwrap().unwrap();
    db.restore("again", &payload, RestoreOptions::new())
        .unwrap();
    assert_eq!(say(&db, "ZSCORE again a"), "\"-0\"");
}

#[test]
fn strings_past_the_limits_are_refused() {
    let refused = |result: Result<(), Error>| {
        assert!(
            matches!(result, Err(Error::Command(CommandError::StringTooLong))),
            "{result:?}"
        );
    };
    let sparse = Db::builder().sparse_strings().open_in_memory();
    sparse.setbit("k", (512 << 23) + 8, true).unwrap();
    refused(sparse.dump("k").map(drop));
}
