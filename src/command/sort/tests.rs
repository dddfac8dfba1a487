use super::Pattern;
use crate::command::script::script;
use crate::prelude::*;
use crate::{CommandError, Db, Error, SortOptions};

const NOT_NUMBERS: &str = "-ERR One or more scores can't be converted into double";

#[test]
fn lists_are_sorted_by_number_or_text() {
    script(
        &Db::open_in_memory(),
        &[
            ("RPUSH l 3 10 2 1.5 -1", ":5"),
            ("SORT l", r#"["-1" "1.5" "2" "3" "10"]"#),
            ("SORT l DESC LIMIT 1 2", r#"["3" "2"]"#),
            ("SORT l ALPHA", r#"["-1" "1.5" "10" "2" "3"]"#),
            ("SORT_RO l LIMIT -5 1", r#"["-1"]"#),
            ("SORT l LIMIT 3 -1", r#"["3" "10"]"#),
            ("SORT l LIMIT 9 9", "[]"),
            ("SORT l LIMIT 0 0", "[]"),
            ("SORT missing", "[]"),
            ("RPUSH l x", ":6"),
            ("SORT l", NOT_NUMBERS),
            ("SORT l LIMIT 0 0", NOT_NUMBERS),
            ("SORT l ALPHA DESC LIMIT 0 1", r#"["x"]"#),
            ("SORT l BY nosort", r#"["3" "10" "2" "1.5" "-1" "x"]"#),
            ("SORT l BY nosort DESC LIMIT 1 2", r#"["-1" "1.5"]"#),
        ],
    );
}

#[test]
fn equal_numbers_fall_by_bytes() {
    script(
        &Db::open_in_memory(),
        &[
            ("RPUSH l 1.0 1 01 +1 1e0", ":5"),
            ("SORT l", r#"["+1" "01" "1" "1.0" "1e0"]"#),
            ("SORT l DESC LIMIT 0 2", r#"["1e0" "1.0"]"#),
            ("SORT l BY missing_*", r#"["+1" "01" "1" "1.0" "1e0"]"#),
            (
                "SORT l BY missing_* ALPHA",
                r#"["1.0" "1" "01" "+1" "1e0"]"#,
            ),
        ],
    );
}

#[test]
fn patterns_name_keys_and_fields() {
    script(
        &Db::open_in_memory(),
        &[
            ("SADD s 1 2 3", ":3"),
            ("MSET w_1 30 w_2 20 w_3 10 n_1 one n_2 two", "+OK"),
            ("HSET h_1 f 5 g ada", ":2"),
            ("HSET h_2 f 4", ":1"),
            ("SORT s BY w_*", r#"["3" "2" "1"]"#),
            (
                "SORT s BY w_* DESC GET n_* GET #",
                r#"["one" "1" "two" "2" nil "3"]"#,
            ),
            ("SORT s BY h_*->f GET h_*->g", r#"[nil nil "ada"]"#),
            ("SORT s BY w_* GET n_1", "[nil nil nil]"),
            ("SORT s BY n_*", NOT_NUMBERS),
            ("SORT s BY n_* ALPHA", r#"["3" "1" "2"]"#),
            ("SORT s BY h_* GET w_*->f", "[nil nil nil]"),
            ("SET h_3-> 1", "+OK"),
            ("SORT s GET h_*->", r#"[nil nil "1"]"#),
        ],
    );
}

#[test]
fn sorted_sets_keep_their_order_where_nothing_is_sorted() {
    script(
        &Db::open_in_memory(),
        &[
            ("ZADD z 3 a 2 b 1 c", ":3"),
            ("SORT z", NOT_NUMBERS),
            ("SORT z ALPHA", r#"["a" "b" "c"]"#),
            ("SORT z BY nosort", r#"["c" "b" "a"]"#),
            ("SORT z BY nosort DESC LIMIT 0 2", r#"["a" "b"]"#),
            ("SORT z BY w_* BY nosort", r#"["c" "b" "a"]"#),
        ],
    );
}

#[test]
fn what_is_sorted_is_stored_as_a_list() {
    script(
        &Db::open_in_memory(),
        &[
            ("RPUSH l 3 1 2", ":3"),
            ("SORT l STORE l", ":3"),
            ("LRANGE l 0 -1", r#"["1" "2" "3"]"#),
            ("SORT l GET n_* GET # LIMIT 0 1 STORE to", ":2"),
            ("LRANGE to 0 -1", r#"["" "1"]"#),
            ("SORT missing STORE to", ":0"),
            ("EXISTS to", ":0"),
            ("SADD s b a c", ":3"),
            ("SORT s BY nosort STORE to", ":3"),
            ("LRANGE to 0 -1", r#"["a" "b" "c"]"#),
            ("SORT l STORE a STORE b", ":3"),
            ("EXISTS a b", ":1"),
        ],
    );
}

#[test]
fn refusals() {
    script(
        &Db::open_in_memory(),
        &[
            ("SET t text", "+OK"),
            ("HSET h f v", ":1"),
            (
                "SORT t",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            (
                "SORT h BY nosort",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            ("SORT t FOO", "-ERR syntax error"),
            ("SORT t LIMIT 1", "-ERR syntax error"),
            ("SORT t BY", "-ERR syntax error"),
            ("SORT t STORE", "-ERR syntax error"),
            ("SORT_RO t STORE to", "-ERR syntax error"),
            (
                "SORT t LIMIT x 1",
                "-ERR value is not an integer or out of range",
            ),
        ],
    );
}

/// What stands before the star and after it, and the field.
type Parts = (&'static [u8], &'static [u8], Option<&'static [u8]>);

#[test]
fn patterns_are_read_as_c_reads_them() {
    let parts = |pattern: &'static [u8]| {
        let pattern = Pattern::parse(pattern)?;
        Some((pattern.before, pattern.after, pattern.field))
    };
    let plain = |before, after| -> Option<Parts> { Some((before, after, None)) };
    assert_eq!(parts(b"none"), None);
    assert_eq!(parts(b"a\0*"), None);
    assert_eq!(parts(b"w_*"), plain(b"w_", b""));
    assert_eq!(parts(b"a*b*c"), plain(b"a", b"b*c"));
    assert_eq!(parts(b"a*->"), plain(b"a", b"->"));
    assert_eq!(parts(b"->*"), plain(b"->", b""));
    let field: Option<Parts> = Some((b"a", b"b", Some(b"f->g")));
    assert_eq!(parts(b"a*b->f->g"), field);
}

#[test]
fn typed_sorts() {
    let db = Db::open_in_memory();
    db.rpush("l", &["3", "1", "2"]).unwrap();
    let options = SortOptions::new().desc().limit(0, 2);
    let expected = [Some(b"3".to_vec()), Some(b"2".to_vec())];
    assert_eq!(db.sort("l", &options).unwrap(), expected);
    assert_eq!(
        db.snapshot().unwrap().sort("l", &options).unwrap(),
        expected
    );
    assert_eq!(
        db.sort_store("to", "l", &SortOptions::new().by("x_*"))
            .unwrap(),
        3
    );
    db.set("s", "text").unwrap();
    assert!(matches!(
        db.sort("s", &options),
        Err(Error::Command(CommandError::WrongType))
    ));
}
