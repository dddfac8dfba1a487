//! The forms of the commands of sets.

use super::families::Family;
use super::grammar::Arg::{
    self, AtMillis, Bytes, Count, Cursor, Element, Index, Int, Key, Keys, Maybe, Number, Options,
    Pattern, Repeat, Text, Value, Word,
};

/// Words that meet each other, and integers in more than one form.
const MEMBER: Arg = Bytes(&[
    b"",
    b"a",
    b"b",
    b"c",
    b"key:1",
    b"1",
    b"01",
    b"-1",
    b"-0",
    b"1.0",
    b"32767",
    b"32768",
    b"-32769",
    b"2147483648",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"\x00\xff",
    b"two words",
    b"cr\r\nlf",
]);

/// How many keys follow, mostly right.
const NUMKEYS: Arg = Word(&["1", "2", "2", "3", "4", "0", "-1", "x"]);

pub(crate) const FAMILY: Family = Family {
    name: "sets",
    forms: &[
        ("SADD", 60, &[Key, Repeat(8, &[Index])]),
        ("SADD", 40, &[Key, Repeat(6, &[MEMBER])]),
        ("SADD", 12, &[Key, Repeat(400, &[Number])]),
        ("SADD", 10, &[Key, Repeat(60, &[Element])]),
        ("SADD", 3, &[Key, Repeat(500, &[Element])]),
        ("SADD", 10, &[Key, Repeat(3, &[Value])]),
        ("SREM", 25, &[Key, Repeat(6, &[Index])]),
        ("SREM", 25, &[Key, Repeat(8, &[MEMBER])]),
        ("SREM", 8, &[Key, Repeat(300, &[Number])]),
        ("SREM", 6, &[Key, Repeat(60, &[Element])]),
        ("SISMEMBER", 12, &[Key, Index]),
        ("SISMEMBER", 12, &[Key, MEMBER]),
        ("SMISMEMBER", 12, &[Key, Repeat(5, &[MEMBER])]),
        ("SMISMEMBER", 8, &[Key, Repeat(5, &[Index])]),
        ("SCARD", 20, &[Key]),
        ("SMEMBERS", 30, &[Key]),
        ("SMOVE", 20, &[Key, Key, MEMBER]),
        ("SMOVE", 20, &[Key, Key, Index]),
        ("SPOP", 12, &[Key]),
        ("SPOP", 14, &[Key, Count]),
        ("SPOP", 3, &[Key, Int]),
        ("SRANDMEMBER", 10, &[Key]),
        ("SRANDMEMBER", 10, &[Key, Count]),
        (
            "SRANDMEMBER",
            10,
            &[Key, Word(&["-5", "-1", "-30", "5", "1000", "0", "-0", "x"])],
        ),
        ("SINTER", 20, &[Keys(3)]),
        ("SUNION", 20, &[Keys(6)]),
        ("SDIFF", 20, &[Keys(4)]),
        ("SINTERSTORE", 14, &[Key, Keys(3)]),
        ("SUNIONSTORE", 14, &[Key, Keys(6)]),
        ("SDIFFSTORE", 14, &[Key, Keys(4)]),
        (
            "SINTERCARD",
            20,
            &[
                NUMKEYS,
                Keys(4),
                Options(
                    1,
                    &[
                        &[Word(&["LIMIT"]), Count],
                        &[Word(&["LIMIT"]), Int],
                        &[Word(&["LIMIT", "FOO"])],
                    ],
                ),
            ],
        ),
        ("SINTERCARD", 12, &[Word(&["2"]), Key, Key]),
        (
            "SSCAN",
            14,
            &[
                Key,
                Cursor,
                Options(
                    2,
                    &[
                        &[Word(&["MATCH"]), Pattern],
                        &[Word(&["COUNT"]), Count],
                        &[Word(&["MATCH", "COUNT", "TYPE", "FOO"])],
                    ],
                ),
            ],
        ),
        ("SET", 6, &[Key, Value]),
        ("GET", 4, &[Key]),
        ("DEL", 8, &[Keys(2)]),
        ("COPY", 8, &[Key, Key, Maybe(60, &[Word(&["REPLACE"])])]),
        ("RENAME", 4, &[Key, Key]),
        ("PEXPIREAT", 10, &[Key, AtMillis]),
        ("PEXPIRETIME", 10, &[Key]),
        ("OBJECT", 40, &[Word(&["ENCODING"]), Key]),
        ("OBJECT", 3, &[Word(&["REFCOUNT"]), Key]),
        ("TYPE", 8, &[Key]),
        ("EXISTS", 4, &[Keys(3)]),
        ("APPEND", 2, &[Key, Value]),
        (
            "COMMAND",
            3,
            &[
                Word(&["GETKEYS"]),
                Word(&["SINTERCARD", "SMOVE", "SUNIONSTORE"]),
                NUMKEYS,
                Keys(4),
            ],
        ),
        ("SINTERCARD", 2, &[Text, Keys(2)]),
    ],
};
