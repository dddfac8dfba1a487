use crate::Db;
use crate::command::script::script;
use crate::prelude::*;

#[test]
fn every_form_answers_as_redis_does() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("MSET a ohmytext b mynewtext", "+OK"),
            ("LCS a b", "\"mytext\""),
            ("LCS a b LEN", ":6"),
            ("LCS a b len withmatchlen", ":6"),
            ("LCS a b MINMATCHLEN 4", "\"mytext\""),
            (
                "LCS a b IDX",
                "{\"matches\"=[[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] \"len\"=:6}",
            ),
            (
                "LCS a b IDX MINMATCHLEN 4",
                "{\"matches\"=[[[:4 :7] [:5 :8]]] \"len\"=:6}",
            ),
            (
                "LCS a b IDX MINMATCHLEN 3 MINMATCHLEN -5 WITHMATCHLEN",
                "{\"matches\"=[[[:4 :7] [:5 :8] :4] [[:2 :3] [:0 :1] :2]] \"len\"=:6}",
            ),
            (
                "LCS a a IDX",
                "{\"matches\"=[[[:0 :7] [:0 :7]]] \"len\"=:8}",
            ),
            ("LCS a missing", "\"\""),
            ("LCS a missing LEN", ":0"),
            ("LCS a missing IDX", "{\"matches\"=[] \"len\"=:0}"),
        ],
    );
}

#[test]
fn refusals_are_those_of_redis() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("LCS a", "-ERR wrong number of arguments for 'lcs' command"),
            ("LCS a b FOO", "-ERR syntax error"),
            (
                "LCS a b IDX LEN",
                "-ERR If you want both the length and indexes, please just use IDX.",
            ),
            ("LCS a b IDX LEN FOO", "-ERR syntax error"),
            ("LCS a b MINMATCHLEN", "-ERR syntax error"),
            (
                "LCS a b MINMATCHLEN x",
                "-ERR value is not an integer or out of range",
            ),
            ("SETRANGE a 20000 x", ":20001"),
            ("SETRANGE b 20000 x", ":20001"),
            (
                "LCS a b LEN",
                "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
            ),
            (
                "LCS a b",
                "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
            ),
            ("LCS a b FOO", "-ERR syntax error"),
        ],
    );
}

#[test]
fn strings_past_all_limits_are_refused_uncopied() {
    let db = Db::builder().sparse_strings().open_in_memory();
    db.set_range("long", 1 << 50, "x").unwrap();
    let text = db.lcs("long", "missing").unwrap_err().to_string();
    assert_eq!(text, "ERR String too long for LCS");
    db.set_range("less", 1 << 30, "x").unwrap();
    let text = db.lcs_len("less", "missing").unwrap_err().to_string();
    assert!(text.starts_with("ERR Insufficient memory"), "{text}");
}

#[test]
fn typed_forms_agree_with_words() {
    let db = Db::open_in_memory();
    db.mset([("a", "ohmytext"), ("b", "mynewtext")]).unwrap();
    assert_eq!(db.lcs("a", "b").unwrap(), b"mytext");
    assert_eq!(db.lcs_len("b", "a").unwrap(), 6);
    let found = db.lcs_matches("a", "b", 3).unwrap();
    assert_eq!((found.len, found.matches.len()), (6, 1));
    assert_eq!(found.matches[0].len(), 4);
    assert_eq!(db.lcs_matches("a", "b", 0).unwrap().matches.len(), 2);
    let snapshot = db.snapshot().unwrap();
    db.set("a", "").unwrap();
    assert_eq!(snapshot.lcs_len("a", "b").unwrap(), 6);
}
