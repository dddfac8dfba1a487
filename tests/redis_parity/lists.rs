//! The forms of the list commands. Few different elements, so that searches find several; other types
//! under the same keys, so that every refusal is met.

use super::families::Family;
use super::grammar::Arg;
use Arg::{
    AtMillis, Bytes, Count, Index, Int, Key, Keys, Maybe, Options, Pattern, Repeat, Value, Word,
};

const FEW: Arg = Bytes(&[
    b"a",
    b"b",
    b"c",
    b"",
    b"\x00",
    b"\xff\r\n",
    b"1",
    b"01",
    b"-1",
    b"9223372036854775807",
    b"1.0",
    b"a longer element than the others, by far",
]);

const SIDE: Arg = Word(&["LEFT", "RIGHT", "LEFT", "RIGHT", "LEFT", "RIGHT", "UP"]);

const LPOS_OPTIONS: Arg = Options(
    3,
    &[
        &[Word(&["RANK"]), Word(&["1", "-1", "2", "-2", "3", "0"])],
        &[Word(&["RANK"]), Int],
        &[Word(&["COUNT"]), Count],
        &[Word(&["MAXLEN"]), Count],
        &[Word(&["RANK", "COUNT", "MAXLEN", "FOO"])],
    ],
);

const POP_COUNT: Arg = Maybe(40, &[Word(&["COUNT"]), Count]);

/// Lists.
pub(crate) const FAMILY: Family = Family {
    name: "lists",
    forms: &[
        ("LPUSH", 40, &[Key, Repeat(5, &[FEW])]),
        ("RPUSH", 40, &[Key, Repeat(5, &[FEW])]),
        ("LPUSH", 20, &[Key, Repeat(3, &[Value])]),
        ("RPUSH", 20, &[Key, Repeat(3, &[Value])]),
        ("RPUSH", 8, &[Key, Repeat(300, &[FEW])]),
        ("LPUSH", 4, &[Key, Repeat(60, &[Value])]),
        ("LPUSHX", 15, &[Key, Repeat(3, &[FEW])]),
        ("RPUSHX", 15, &[Key, Repeat(3, &[Value])]),
        ("LPOP", 25, &[Key]),
        ("RPOP", 25, &[Key]),
        ("LPOP", 20, &[Key, Count]),
        ("RPOP", 20, &[Key, Count]),
        ("LLEN", 20, &[Key]),
        ("LRANGE", 40, &[Key, Index, Index]),
        ("LINDEX", 40, &[Key, Index]),
        ("LSET", 40, &[Key, Index, FEW]),
        ("LSET", 20, &[Key, Index, Value]),
        (
            "LINSERT",
            40,
            &[
                Key,
                Word(&["BEFORE", "AFTER", "BEFORE", "AFTER", "FOO"]),
                FEW,
                FEW,
            ],
        ),
        (
            "LINSERT",
            15,
            &[Key, Word(&["BEFORE", "AFTER"]), FEW, Value],
        ),
        ("LREM", 25, &[Key, Index, FEW]),
        ("LREM", 15, &[Key, Word(&["0", "1", "-1", "2"]), FEW]),
        ("LTRIM", 20, &[Key, Index, Index]),
        ("LTRIM", 20, &[Key, Word(&["0", "1", "2"]), Index]),
        ("LTRIM", 20, &[Key, Index, Word(&["-1", "-2", "-3"])]),
        ("LPOS", 30, &[Key, FEW]),
        ("LPOS", 60, &[Key, FEW, LPOS_OPTIONS]),
        ("LMOVE", 40, &[Key, Key, SIDE, SIDE]),
        ("RPOPLPUSH", 25, &[Key, Key]),
        ("LMPOP", 20, &[Word(&["1"]), Key, SIDE, POP_COUNT]),
        ("LMPOP", 20, &[Word(&["2"]), Key, Key, SIDE, POP_COUNT]),
        ("LMPOP", 15, &[Count, Keys(4), SIDE, POP_COUNT]),
        ("LMPOP", 5, &[Int, Keys(3), SIDE, POP_COUNT]),
        ("SET", 6, &[Key, Value]),
        ("APPEND", 4, &[Key, Value]),
        ("GET", 6, &[Key]),
        ("MGET", 4, &[Keys(4)]),
        ("SETBIT", 3, &[Key, Word(&["7"]), Word(&["1"])]),
        ("INCR", 3, &[Key]),
        ("STRLEN", 3, &[Key]),
        ("DEL", 8, &[Keys(2)]),
        ("RENAME", 8, &[Key, Key]),
        ("COPY", 12, &[Key, Key, Maybe(50, &[Word(&["REPLACE"])])]),
        ("PEXPIREAT", 8, &[Key, AtMillis]),
        ("PEXPIRETIME", 8, &[Key]),
        ("PERSIST", 4, &[Key]),
        ("TYPE", 8, &[Key]),
        ("EXISTS", 4, &[Keys(3)]),
        ("OBJECT", 10, &[Word(&["ENCODING", "REFCOUNT"]), Key]),
        (
            "SCAN",
            2,
            &[
                Word(&["0"]),
                Word(&["COUNT"]),
                Word(&["1000"]),
                Maybe(60, &[Word(&["TYPE"]), Word(&["list", "string"])]),
                Maybe(30, &[Word(&["MATCH"]), Pattern]),
            ],
        ),
        ("FLUSHALL", 1, &[]),
    ],
};
