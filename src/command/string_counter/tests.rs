use std::time::Duration;

use crate::Clock;
use crate::command::script::{db_at, say, script};
use crate::prelude::*;
use crate::{CommandError, Db, Error};

/// When the databases here are opened, in milliseconds since the Unix epoch.
const START_MS: u64 = 1_000_000;

#[test]
fn integers_count_up_and_down_to_their_limits() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("INCR n", ":1"),
            ("INCR n", ":2"),
            ("INCRBY n 40", ":42"),
            ("DECR n", ":41"),
            ("DECRBY n 50", ":-9"),
            ("DECRBY n -9", ":0"),
            ("GET n", "\"0\""),
            ("SET n 9223372036854775807", "+OK"),
            ("INCR n", "-ERR increment or decrement would overflow"),
            ("INCRBY n -9223372036854775808", ":-1"),
            ("DECRBY n 9223372036854775807", ":-9223372036854775808"),
            ("DECR n", "-ERR increment or decrement would overflow"),
            ("INCRBY n -1", "-ERR increment or decrement would overflow"),
            ("GET n", "\"-9223372036854775808\""),
            (
                "DECRBY n -9223372036854775808",
                "-ERR decrement would overflow",
            ),
            (
                "DECRBY n abc",
                "-ERR value is not an integer or out of range",
            ),
            (
                "INCRBY n 1.5",
                "-ERR value is not an integer or out of range",
            ),
            (
                "INCRBY n 9223372036854775808",
                "-ERR value is not an integer or out of range",
            ),
            (
                "INCRBY n ''",
                "-ERR value is not an integer or out of range",
            ),
            ("INCR", "-ERR wrong number of arguments for 'incr' command"),
            (
                "INCRBY n",
                "-ERR wrong number of arguments for 'incrby' command",
            ),
        ],
    );
}

#[test]
fn what_is_no_integer_to_redis_is_none_here() {
    let db = Db::open_in_memory();
    let long = "1".repeat(5_000);
    for text in [
        "",
        " 1",
        "1 ",
        "+1",
        "01",
        "-0",
        "1.0",
        "a",
        "9223372036854775808",
        &long,
    ] {
        db.set("k", text).unwrap();
        let error = db.incr("k").unwrap_err();
        assert!(
            matches!(error, Error::Command(CommandError::NotAnInteger)),
            "{text:?}"
        );
        assert_eq!(db.get("k").unwrap().unwrap(), text.as_bytes());
    }
}

#[test]
fn a_counter_keeps_its_deadline_whether_its_length_changes_or_not() {
    let (db, clock) = db_at(START_MS);
    script(
        &db,
        &[
            ("SET n 8 PX 5", "+OK"),
            ("INCR n", ":9"),
            ("INCR n", ":10"),
            ("INCRBYFLOAT n 0.5", "\"10.5\""),
        ],
    );
    clock.advance(Duration::from_millis(5));
    script(&db, &[("GET n", "\"10.5\"")]);
    clock.advance(Duration::from_millis(1));
    script(&db, &[("GET n", "nil"), ("INCR n", ":1")]);
    clock.advance(Duration::from_millis(1_000_000));
    script(&db, &[("GET n", "\"1\"")]);
}

#[test]
fn counting_on_an_edited_string_agrees_with_a_fresh_one() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("SET n 1", "+OK"),
            ("APPEND n 0", ":2"),
            ("INCR n", ":11"),
            ("SETRANGE n 0 2", ":2"),
            ("DECR n", ":20"),
            ("DECR n", ":19"),
            ("SETRANGE n 1 ''", ":2"),
            ("GET n", "\"19\""),
        ],
    );
}

#[test]
fn an_old_snapshot_does_not_see_a_counter_move_in_place() {
    let db = Db::open_in_memory();
    db.incr_by("n", 5).unwrap();
    let snapshot = db.snapshot().unwrap();
    assert_eq!(db.incr("n").unwrap(), 6);
    assert_eq!(snapshot.get("n").unwrap(), Some(b"5".to_vec()));
    assert_eq!(db.get("n").unwrap(), Some(b"6".to_vec()));
}

#[test]
fn floats_add_in_80_bits_and_print_for_people() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("INCRBYFLOAT z 10.5", "\"10.5\""),
            ("INCRBYFLOAT z -0.5", "\"10\""),
            ("INCR z", ":11"),
            ("INCRBYFLOAT z 0.1", "\"11.1\""),
            ("INCRBYFLOAT z 2.0e2", "\"211.10000000000000001\""),
            ("SET z 3.0e3", "+OK"),
            ("INCRBYFLOAT z 0", "\"3000\""),
            ("SET z 0.1", "+OK"),
            ("INCRBYFLOAT z 0.2", "\"0.3\""),
            ("INCRBYFLOAT z -0.3", "\"0\""),
            (
                "INCRBYFLOAT z inf",
                "-ERR increment would produce NaN or Infinity",
            ),
            (
                "INCRBYFLOAT z -inf",
                "-ERR increment would produce NaN or Infinity",
            ),
            ("INCRBYFLOAT z nan", "-ERR value is not a valid float"),
            ("INCRBYFLOAT z abc", "-ERR value is not a valid float"),
            ("INCRBYFLOAT z 1e5000", "-ERR value is not a valid float"),
            ("INCRBYFLOAT z ''", "-ERR value is not a valid float"),
            ("GET z", "\"0\""),
            ("SET z abc", "+OK"),
            ("INCRBYFLOAT z 1", "-ERR value is not a valid float"),
            (
                "INCRBYFLOAT z",
                "-ERR wrong number of arguments for 'incrbyfloat' command",
            ),
        ],
    );
    db.set("long", "0".repeat(5_000)).unwrap();
    assert_eq!(say(&db, "INCRBYFLOAT long 1"), "\"1\"");
    db.set("long", "0".repeat(6_000)).unwrap();
    assert_eq!(
        say(&db, "INCRBYFLOAT long 1"),
        "-ERR value is not a valid float"
    );
}

#[test]
fn typed_floats_are_the_text_read_back() {
    let db = Db::open_in_memory();
    assert_eq!(db.incr_by_float("z", 0.1).unwrap(), 0.1);
    assert_eq!(db.incr_by_float("z", 0.2).unwrap(), 0.3);
    assert_eq!(db.incr_by_float("z", -1e300).unwrap(), -1e300);
    assert!(db.incr_by_float("z", f64::NAN).is_err());
    assert!(db.incr_by_float("z", f64::INFINITY).is_err());
    assert_eq!(db.incr_by_float("new", -0.0).unwrap(), 0.0);
    assert_eq!(db.get("new").unwrap(), Some(b"0".to_vec()));
}

#[test]
fn typed_integers_agree_with_words() {
    let db = Db::open_in_memory();
    assert_eq!(db.incr("n").unwrap(), 1);
    assert_eq!(db.decr("n").unwrap(), 0);
    assert_eq!(db.incr_by("n", i64::MIN).unwrap(), i64::MIN);
    assert_eq!(db.decr_by("n", -5).unwrap(), i64::MIN + 5);
    let text = db.decr_by("n", i64::MIN).unwrap_err().to_string();
    assert_eq!(text, "ERR decrement would overflow");
}
