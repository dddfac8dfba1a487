use crate::command::script::{db_at, script};
use crate::prelude::*;
use crate::{CommandError, Db, Error, FieldTtl};

#[test]
fn integers_count_to_their_limits() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("HINCRBY h n 5", ":5"),
            ("HINCRBY h n -7", ":-2"),
            ("HGET h n", "\"-2\""),
            ("HSET h max 9223372036854775807 text x", ":2"),
            ("HINCRBY h max 0", ":9223372036854775807"),
            (
                "HINCRBY h max 1",
                "-ERR increment or decrement would overflow",
            ),
            ("HINCRBY h max -9223372036854775808", ":-1"),
            ("HINCRBY h text 1", "-ERR hash value is not an integer"),
            (
                "HINCRBY h n 1.5",
                "-ERR value is not an integer or out of range",
            ),
            (
                "HINCRBY h n x",
                "-ERR value is not an integer or out of range",
            ),
            (
                "HINCRBY h n",
                "-ERR wrong number of arguments for 'hincrby' command",
            ),
            ("SET s v", "+OK"),
            (
                "HINCRBY s n x",
                "-ERR value is not an integer or out of range",
            ),
            (
                "HINCRBY s n 1",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            (
                "HINCRBY none text x",
                "-ERR value is not an integer or out of range",
            ),
            ("EXISTS none", ":0"),
        ],
    );
}

#[test]
fn floats_count_in_eighty_bits() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("HINCRBYFLOAT h n 10.5", "\"10.5\""),
            ("HINCRBYFLOAT h n 0.1", "\"10.6\""),
            ("HINCRBYFLOAT h n -10.6", "\"0\""),
            ("HINCRBYFLOAT h zero -0.0", "\"0\""),
            ("HINCRBYFLOAT h e 5.0e3", "\"5000\""),
            ("HINCRBYFLOAT h n inf", "-ERR value is NaN or Infinity"),
            ("HINCRBYFLOAT h n -inf", "-ERR value is NaN or Infinity"),
            ("HINCRBYFLOAT h n nan", "-ERR value is not a valid float"),
            ("HINCRBYFLOAT h n x", "-ERR value is not a valid float"),
            ("HSET h text x big 1e4932", ":2"),
            ("HINCRBYFLOAT h text 1", "-ERR hash value is not a float"),
            (
                "HINCRBYFLOAT h big 1e4932",
                "-ERR increment would produce NaN or Infinity",
            ),
            ("HGET h big", "\"1e4932\""),
            ("SET s v", "+OK"),
            ("HINCRBYFLOAT s n x", "-ERR value is not a valid float"),
            (
                "HINCRBYFLOAT s n 1",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ],
    );
    assert_eq!(db.hincr_by_float("h", "e", 0.25).unwrap(), 5000.25);
    let infinite = db.hincr_by_float("h", "e", f64::INFINITY);
    assert!(matches!(
        infinite,
        Err(Error::Command(CommandError::Other(_)))
    ));
    let nan = db.hincr_by_float("h", "e", f64::NAN);
    assert!(matches!(nan, Err(Error::Command(CommandError::NotAFloat))));
}

#[test]
fn a_counted_field_keeps_its_deadline() {
    let (db, clock) = db_at(10_000);
    script(
        &db,
        &[
            ("HSET h n 1 f 1 other 1", ":3"),
            ("HPEXPIREAT h 20000 FIELDS 2 n f", "[:1 :1]"),
            ("HINCRBY h n 1", ":2"),
            ("HINCRBYFLOAT h f 1", "\"2\""),
            ("HINCRBY h other 1", ":2"),
        ],
    );
    let ttls = db.hexpires_at_ms("h", &["n", "f", "other"]).unwrap();
    assert_eq!(
        ttls,
        [FieldTtl::Ms(20_000), FieldTtl::Ms(20_000), FieldTtl::Never]
    );
    // Once it is past, counting starts anew.
    clock.set_ms(20_001);
    assert_eq!(db.hincr_by("h", "n", 5).unwrap(), 5);
    assert_eq!(db.hexpires_at_ms("h", &["n"]).unwrap(), [FieldTtl::Never]);
}
