use crate::command::script::{db_at, say, script};
use crate::prelude::*;
use crate::{CommandError, Db, Error};

const NOT_VALID: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPTED: &str = "-INVALIDOBJ Corrupted HLL object detected";

#[test]
fn adding_counting_and_merging() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("PFCOUNT a", ":0"),
            ("PFADD a", ":1"),
            ("PFADD a", ":0"),
            (
                "GET a",
                r#""HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff""#,
            ),
            ("PFCOUNT a", ":0"),
            (
                "GET a",
                r#""HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff""#,
            ),
            ("PFADD a x y z", ":1"),
            ("PFADD a x", ":0"),
            ("PFCOUNT a", ":3"),
            ("PFADD b z w", ":1"),
            ("PFCOUNT a b missing", ":4"),
            ("PFMERGE to a b missing", "+OK"),
            ("PFCOUNT to", ":4"),
            ("PFMERGE a", "+OK"),
            ("PFCOUNT a", ":3"),
            ("PFMERGE fresh", "+OK"),
            ("PFCOUNT fresh", ":0"),
            (
                "PFADD",
                "-ERR wrong number of arguments for 'pfadd' command",
            ),
            (
                "PFCOUNT",
                "-ERR wrong number of arguments for 'pfcount' command",
            ),
        ],
    );
}

#[test]
fn strings_that_are_none_are_refused_and_kept() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SET s text", "+OK"),
            ("SET n 12", "+OK"),
            ("PFADD s x", NOT_VALID),
            ("PFCOUNT s", NOT_VALID),
            ("PFCOUNT n", NOT_VALID),
            ("PFCOUNT missing s", NOT_VALID),
            ("PFADD ok x", ":1"),
            ("PFMERGE ok s", NOT_VALID),
            ("PFMERGE s ok", NOT_VALID),
            (
                r"SET bad HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f",
                "+OK",
            ),
            ("PFCOUNT bad", CORRUPTED),
            ("PFCOUNT bad ok", CORRUPTED),
            ("PFMERGE to bad", CORRUPTED),
            ("EXISTS to", ":0"),
            ("GET s", "\"text\""),
            ("OBJECT ENCODING s", "\"embstr\""),
        ],
    );
}

#[test]
fn a_deadline_stays_and_looking_makes_it_raw() {
    let (db, _clock) = db_at(1_000_000);
    script(
        &db,
        &[
            ("PFADD k x", ":1"),
            ("PEXPIREAT k 2000000", ":1"),
            ("PFADD k y", ":1"),
            ("PFCOUNT k", ":2"),
            ("PFMERGE k k", "+OK"),
            ("PEXPIRETIME k", ":2000000"),
            ("OBJECT ENCODING k", "\"raw\""),
        ],
    );
    let bytes = db.get("k").unwrap().unwrap();
    for line in ["PFADD copy x", "PFCOUNT copy"] {
        db.set("copy", &bytes).unwrap();
        assert_eq!(say(&db, "OBJECT ENCODING copy"), "\"embstr\"");
        say(&db, line);
        assert_eq!(say(&db, "OBJECT ENCODING copy"), "\"raw\"", "{line}");
    }
}

#[test]
fn dense_strings_are_changed_in_place() {
    let db = Db::open_in_memory();
    let copy = Db::open_in_memory();
    for chunk in 0..200 {
        let elements: Vec<String> = (0..37).map(|i| format!("{chunk}:{i}")).collect();
        db.pfadd("k", &elements).unwrap();
        for element in &elements {
            copy.pfadd("k", &[element]).unwrap();
        }
        assert_eq!(db.get("k").unwrap(), copy.get("k").unwrap(), "{chunk}");
    }
    assert_eq!(db.strlen("k").unwrap(), 12_304);
    let count = db.pfcount(&["k"]).unwrap();
    assert!((7200..7600).contains(&count), "{count}");
    let stale = db.get("k").unwrap();
    assert_eq!(db.pfcount_and_keep("k").unwrap(), count);
    assert_ne!(db.get("k").unwrap(), stale);
    assert_eq!(db.pfcount(&["k"]).unwrap(), count);
}

#[test]
fn a_snapshot_counts_without_keeping() {
    let db = Db::open_in_memory();
    db.pfadd("k", &["x", "y"]).unwrap();
    let snapshot = db.snapshot().unwrap();
    assert_eq!(snapshot.pfcount(&["k"]).unwrap(), 2);
    db.set("k", "text").unwrap();
    assert!(matches!(
        db.pfcount(&["k"]),
        Err(Error::Command(CommandError::Other(_)))
    ));
    assert_eq!(snapshot.pfcount(&["k"]).unwrap(), 2);
}
