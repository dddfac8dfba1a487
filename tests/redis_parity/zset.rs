//! The forms of the commands of sorted sets: adding, removing, scores, ranks, counts.

use super::families::Family;
use super::grammar::Arg::{
    self, AtMillis, Bytes, Count, Cursor, Element, Float, Int, Key, Keys, Maybe, Options, Pattern,
    Repeat, Text, Value, Word,
};

/// Few, so that they tie and are overwritten; limits; what is no score.
const SCORE: Arg = Word(&[
    "0",
    "0",
    "1",
    "1",
    "2",
    "3",
    "-1",
    "0.5",
    "1.5",
    "-0",
    "-0.0",
    "10",
    "100",
    "1e17",
    "1e21",
    "123456789012345678",
    "9007199254740993",
    "0.1",
    "1e-7",
    "1e300",
    "5e-324",
    "1.7976931348623157e308",
    "inf",
    "-inf",
    "+inf",
    "0x10",
    "nan",
    "x",
]);

/// Scores that are all valid.
const PLAIN: Arg = Word(&["0", "1", "2", "3", "-1.5", "2.25", "7", "1e9"]);

const MEMBER: Arg = Bytes(&[
    b"",
    b"a",
    b"b",
    b"c",
    b"aa",
    b"ab",
    b"B",
    b"\x00",
    b"\xff\xfe",
    b"1",
    b"1.0",
    b"-5",
    b"12345678901",
    b"two words",
    b"cr\r\nlf",
    b"nx",
    b"sixty-four bytes are the most that a short sorted set has in each",
    b"sixty-five bytes are too many for a short sorted set: it is promo",
]);

/// None is a score: no damage to a command gives one of these another score than 0.
const LEX_MEMBER: Arg = Bytes(&[
    b"",
    b"a",
    b"b",
    b"c",
    b"aa",
    b"ab",
    b"B",
    b"\x00",
    b"\xff\xfe",
    b"two words",
    b"cr\r\nlf",
]);

/// Bounds of ranges of scores as C's `strtod` reads them, or does not.
const BOUND: Arg = Word(&[
    "-inf", "+inf", "inf", "(-inf", "(inf", "0", "(0", "-0", "1", "(1", "2", "(2", "3", "(3", "10",
    "0.5", "(0.5", "1e17", "(1e400", "-1e400", "1e-400", "0x10", "(", "", " 1", "1 ", "((1", "nan",
    "(nan", "x", "(x", "+", "1e", "infinity", "0x", "(0x1p1",
]);

const LEX_BOUND: Arg = Word(&[
    "-", "+", "[a", "(a", "[b", "(b", "[", "(", "[aa", "(c", "[z", "(B", "[1", "-x", "+x", "a", "",
    "[\u{e9}",
]);

const ADD_OPTIONS: Arg = Options(2, &[&[Word(&["NX", "XX", "GT", "LT", "CH", "CH", "INCR"])]]);

const SCAN_OPTIONS: Arg = Options(
    2,
    &[
        &[Word(&["MATCH"]), Pattern],
        &[Word(&["COUNT"]), Count],
        &[Word(&["MATCH", "COUNT", "TYPE", "FOO"])],
    ],
);

pub(crate) const FAMILY: Family = Family {
    name: "sorted sets",
    forms: &[
        ("ZADD", 60, &[Key, SCORE, MEMBER]),
        ("ZADD", 80, &[Key, ADD_OPTIONS, SCORE, MEMBER]),
        ("ZADD", 60, &[Key, ADD_OPTIONS, Repeat(6, &[PLAIN, MEMBER])]),
        (
            "ZADD",
            30,
            &[Key, Word(&["CH"]), Repeat(40, &[PLAIN, Element])],
        ),
        ("ZADD", 12, &[Key, Repeat(150, &[PLAIN, Element])]),
        ("ZADD", 20, &[Key, Float, Value]),
        ("ZADD", 20, &[Key, Repeat(10, &[Word(&["0"]), MEMBER])]),
        ("ZADD", 6, &[Key, ADD_OPTIONS]),
        ("ZINCRBY", 50, &[Key, SCORE, MEMBER]),
        ("ZINCRBY", 20, &[Key, Float, MEMBER]),
        ("ZINCRBY", 20, &[Key, PLAIN, Element]),
        ("ZINCRBY", 4, &[Key, ADD_OPTIONS, SCORE]),
        ("ZREM", 40, &[Key, Repeat(4, &[MEMBER])]),
        ("ZREM", 30, &[Key, Repeat(60, &[Element])]),
        ("ZSCORE", 30, &[Key, MEMBER]),
        ("ZSCORE", 20, &[Key, Element]),
        ("ZMSCORE", 30, &[Key, Repeat(4, &[MEMBER])]),
        ("ZCARD", 20, &[Key]),
        ("ZRANK", 40, &[Key, MEMBER]),
        ("ZRANK", 30, &[Key, Element]),
        ("ZREVRANK", 30, &[Key, MEMBER]),
        ("ZREVRANK", 20, &[Key, Element]),
        ("ZRANK", 3, &[Key, MEMBER, Word(&["WITHSCORE"])]),
        ("ZCOUNT", 60, &[Key, BOUND, BOUND]),
        ("ZCOUNT", 10, &[Key, Float, Int]),
        ("ZPOPMIN", 20, &[Key, Maybe(60, &[Count])]),
        ("ZPOPMAX", 20, &[Key, Maybe(60, &[Count])]),
        ("ZPOPMAX", 3, &[Key, Count, Text]),
        ("ZSCAN", 12, &[Key, Cursor, SCAN_OPTIONS]),
        // Where all scores are equal, which they are under these keys only.
        ("ZADD", 40, &[LEX, Repeat(6, &[Word(&["0"]), LEX_MEMBER])]),
        ("ZADD", 8, &[LEX, Repeat(80, &[Word(&["0"]), Element])]),
        ("ZREM", 12, &[LEX, Repeat(40, &[Element])]),
        ("ZLEXCOUNT", 60, &[LEX, LEX_BOUND, LEX_BOUND]),
        ("ZPOPMAX", 4, &[LEX, Count]),
        ("ZSCAN", 4, &[LEX, Cursor, SCAN_OPTIONS]),
        ("DEL", 6, &[LEX]),
        ("ZLEXCOUNT", 4, &[Word(&["missing"]), LEX_BOUND, LEX_BOUND]),
        ("SET", 4, &[Key, Value]),
        ("GET", 4, &[Key]),
        ("APPEND", 3, &[Key, Value]),
        ("DEL", 10, &[Keys(2)]),
        ("COPY", 8, &[Key, Key, Maybe(70, &[Word(&["REPLACE"])])]),
        ("RENAME", 6, &[Key, Key]),
        ("PEXPIREAT", 5, &[Key, AtMillis]),
        ("PEXPIRETIME", 8, &[Key]),
        ("OBJECT", 25, &[Word(&["ENCODING"]), Key]),
        ("OBJECT", 4, &[Word(&["REFCOUNT", "IDLETIME"]), Key]),
        ("TYPE", 6, &[Key]),
        ("EXISTS", 6, &[Keys(3)]),
        ("FLUSHALL", 1, &[]),
    ],
};

const LEX: Arg = Word(&["lex:1", "lex:2"]);
