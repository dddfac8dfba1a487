//! The forms of the hash commands that both sides have. Few fields are as long as the limit of
//! a `listpack`, so that hashes of either encoding are met; few commands set many fields.

use super::families::Family;
use super::grammar::Arg::{
    self, AtMillis, Bytes, Count, Cursor, Element, Float, Int, Key, Keys, Maybe, Options, Pattern,
    Repeat, Seconds, Text, Value, Word,
};

const LONG: [u8; 64] = [b'L'; 64];
const LONGER: [u8; 65] = [b'M'; 65];

const FIELD: Arg = Bytes(&[
    b"f",
    b"g",
    b"h",
    b"field:1",
    b"field:2",
    b"field:3",
    b"",
    b"\x00\xff",
    b"12",
    b"-7",
    b"cr\r\nlf",
    b"key:1",
    b"counter",
    b"float",
    b"a",
    b"b",
    b"f",
    b"g",
    b"h",
    b"counter",
    b"float",
]);
const RARE_FIELD: Arg = Bytes(&[&LONG, &LONGER, b"f", b"g"]);

/// A hash that passes the number of fields of a `listpack` again and again.
const WIDE: Arg = Word(&["wide"]);

/// No large negative count: the server would answer for hours.
const RANDOM_COUNT: Arg = Bytes(&[
    b"0",
    b"1",
    b"2",
    b"3",
    b"5",
    b"10",
    b"200",
    b"-0",
    b"-1",
    b"-2",
    b"-5",
    b"-20",
    b"abc",
    b"",
    b"1.5",
    b" 1",
    b"9223372036854775807",
    b"4611686018427387903",
    b"4611686018427387904",
    b"9223372036854775808",
    b"-9223372036854775808",
]);

const SCAN_OPTIONS: Arg = Options(
    2,
    &[
        &[Word(&["MATCH"]), Pattern],
        &[Word(&["COUNT"]), Count],
        &[Word(&["MATCH", "COUNT", "TYPE", "FOO"])],
    ],
);

pub(crate) const FAMILY: Family = Family {
    name: "hashes",
    forms: &[
        ("HSET", 90, &[Key, Repeat(4, &[FIELD, Value])]),
        ("HSET", 8, &[Key, RARE_FIELD, Value]),
        ("HSET", 6, &[Key, FIELD, Bytes(&[&LONG, &LONGER])]),
        ("HSET", 10, &[Key, Repeat(60, &[Element, Value])]),
        ("HSET", 3, &[Key, FIELD]),
        ("HMSET", 30, &[Key, Repeat(4, &[FIELD, Value])]),
        ("HSETNX", 30, &[Key, FIELD, Value]),
        ("HSETNX", 4, &[Key, RARE_FIELD, Bytes(&[&LONG, &LONGER])]),
        ("HGET", 40, &[Key, FIELD]),
        ("HMGET", 25, &[Key, Repeat(5, &[FIELD])]),
        ("HMGET", 6, &[Key, Repeat(5, &[Element])]),
        ("HGETALL", 40, &[Key]),
        ("HKEYS", 12, &[Key]),
        ("HVALS", 12, &[Key]),
        ("HDEL", 50, &[Key, Repeat(4, &[FIELD])]),
        ("HDEL", 10, &[Key, Repeat(100, &[Element])]),
        ("HEXISTS", 15, &[Key, FIELD]),
        ("HLEN", 15, &[Key]),
        ("HSTRLEN", 15, &[Key, FIELD]),
        ("HINCRBY", 40, &[Key, FIELD, Int]),
        ("HINCRBY", 30, &[Key, Word(&["counter"]), Int]),
        ("HINCRBY", 3, &[Key, RARE_FIELD, Int]),
        ("HINCRBYFLOAT", 40, &[Key, FIELD, Float]),
        ("HINCRBYFLOAT", 30, &[Key, Word(&["float"]), Float]),
        ("HRANDFIELD", 12, &[Key]),
        ("HRANDFIELD", 20, &[Key, RANDOM_COUNT]),
        (
            "HRANDFIELD",
            20,
            &[
                Key,
                RANDOM_COUNT,
                Word(&["WITHVALUES", "WITHVALUES", "FOO"]),
            ],
        ),
        ("HSCAN", 16, &[Key, Cursor, SCAN_OPTIONS]),
        ("HSET", 6, &[WIDE, Repeat(300, &[Element, Text])]),
        ("HDEL", 6, &[WIDE, Repeat(300, &[Element])]),
        ("HMGET", 6, &[WIDE, Repeat(20, &[Element])]),
        ("HGETALL", 4, &[WIDE]),
        ("HSCAN", 3, &[WIDE, Cursor, SCAN_OPTIONS]),
        ("HRANDFIELD", 3, &[WIDE, RANDOM_COUNT]),
        ("HLEN", 4, &[WIDE]),
        ("OBJECT", 6, &[Word(&["ENCODING"]), WIDE]),
        ("DEL", 1, &[WIDE]),
        ("OBJECT", 40, &[Word(&["ENCODING"]), Key]),
        ("OBJECT", 3, &[Word(&["REFCOUNT"]), Key]),
        ("TYPE", 8, &[Key]),
        ("EXISTS", 4, &[Keys(3)]),
        ("DEL", 14, &[Keys(2)]),
        ("SET", 8, &[Key, Value]),
        ("GET", 5, &[Key]),
        ("APPEND", 2, &[Key, Value]),
        ("SETRANGE", 2, &[Key, Word(&["3"]), Value]),
        ("INCR", 2, &[Key]),
        ("BITCOUNT", 2, &[Key]),
        ("MGET", 3, &[Keys(3)]),
        ("STRLEN", 2, &[Key]),
        ("GETDEL", 2, &[Key]),
        ("RENAME", 6, &[Key, Key]),
        ("RENAMENX", 4, &[Key, Key]),
        ("COPY", 10, &[Key, Key, Maybe(50, &[Word(&["REPLACE"])])]),
        ("PEXPIREAT", 6, &[Key, AtMillis]),
        ("EXPIRE", 4, &[Key, Seconds]),
        ("PERSIST", 4, &[Key]),
        ("PEXPIRETIME", 10, &[Key]),
        (
            "SCAN",
            2,
            &[Cursor, Word(&["TYPE"]), Word(&["hash", "string", "HASH"])],
        ),
        ("FLUSHALL", 1, &[]),
    ],
};
