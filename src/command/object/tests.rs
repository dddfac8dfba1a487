use crate::command::script::{db_at, script, show};
use crate::prelude::*;
use crate::{Db, KeyType};

#[test]
fn encodings_are_those_redis_would_choose() {
    let db = Db::open_in_memory();
    let encoding = |value: &str| {
        db.set("k", value).unwrap();
        db.object_encoding("k").unwrap().unwrap()
    };
    for (value, expected) in [
        ("0", "int"),
        ("-1", "int"),
        ("9223372036854775807", "int"),
        ("-9223372036854775808", "int"),
        ("9223372036854775808", "embstr"),
        ("1.0", "embstr"),
        (" 1", "embstr"),
        ("", "embstr"),
    ] {
        assert_eq!(encoding(value), expected, "{value:?}");
    }
    assert_eq!(encoding(&"a".repeat(44)), "embstr");
    assert_eq!(encoding(&"a".repeat(45)), "raw");
    assert_eq!(encoding(&"1".repeat(45)), "raw");
    assert_eq!(encoding(&"a".repeat(5_000)), "raw");
}

#[test]
fn what_is_asked_about_a_key_has_redis_replies() {
    let (db, clock) = db_at(1_000);
    script(
        &db,
        &[
            ("OBJECT ENCODING k", "nil"),
            ("OBJECT REFCOUNT k", "nil"),
            ("OBJECT IDLETIME k", "nil"),
            ("OBJECT FREQ k", "nil"),
            ("SET k 9999", "+OK"),
            ("object Encoding k", "\"int\""),
            ("OBJECT REFCOUNT k", ":2147483647"),
            ("OBJECT IDLETIME k", ":0"),
            (
                "OBJECT FREQ k",
                "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please \
                 note that when switching between policies at runtime LRU and LFU data will take some \
                 time to adjust.",
            ),
            ("SET k 10000", "+OK"),
            ("OBJECT REFCOUNT k", ":1"),
            ("SET k -1", "+OK"),
            ("OBJECT REFCOUNT k", ":1"),
            ("SET k text", "+OK"),
            ("OBJECT REFCOUNT k", ":1"),
            ("RENAME k kk", "+OK"),
            ("COPY kk k", ":1"),
            ("OBJECT ENCODING k", "\"embstr\""),
            ("PEXPIREAT k 2000", ":1"),
        ],
    );
    clock.set_ms(3_000);
    script(&db, &[("OBJECT ENCODING k", "nil")]);
}

#[test]
fn subcommands_have_their_own_arity_and_errors() {
    let db = Db::open_in_memory();
    let long = "x".repeat(200);
    let clipped = format!(
        "-ERR unknown subcommand '{}'. Try OBJECT HELP.",
        "x".repeat(128)
    );
    script(
        &db,
        &[
            (
                "OBJECT",
                "-ERR wrong number of arguments for 'object' command",
            ),
            (
                "OBJECT FOO",
                "-ERR unknown subcommand 'FOO'. Try OBJECT HELP.",
            ),
            (
                "object Foo a",
                "-ERR unknown subcommand 'Foo'. Try OBJECT HELP.",
            ),
            (&format!("OBJECT {long}"), &clipped),
            (
                "OBJECT ENCODING",
                "-ERR wrong number of arguments for 'object|encoding' command",
            ),
            (
                "OBJECT ENCODING a b",
                "-ERR wrong number of arguments for 'object|encoding' command",
            ),
            (
                "OBJECT HELP x",
                "-ERR wrong number of arguments for 'object|help' command",
            ),
            (
                "OBJECT|ENCODING a",
                "-ERR unknown command 'OBJECT|ENCODING', with args beginning with: 'a' ",
            ),
        ],
    );
    let help = show(&db.execute(&["OBJECT", "HELP"]));
    assert!(help.starts_with("[+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    assert_eq!(KeyType::String.name(), "string");
}
