//! The forms of ranges of sorted sets, of what is removed and stored by them, and of sorted sets joined.

use super::families::Family;
use super::grammar::Arg::{
    self, Bytes, Count, Element, Float, Index, Int, Key, Keys, Maybe, Member, Options, Repeat,
    Value, Word,
};

/// Scores that are all valid, and tie.
const SCORE: Arg = Word(&[
    "0", "0", "1", "1", "2", "3", "3", "-1.5", "2.25", "7", "1e9", "inf", "-inf", "0.1", "-0",
]);
/// Keys in which all scores are the same.
const LEX: Arg = Word(&["lex:1", "lex:2", "lex:3"]);
/// Ends of ranges of scores as C's `strtod` reads them, or does not.
const BOUND: Arg = Bytes(&[
    b"-inf", b"+inf", b"inf", b"(-inf", b"(inf", b"0", b"(0", b"-0", b"1", b"(1", b"2", b"(2",
    b"3", b"(3", b"7", b"(7", b"0.1", b"(0.1", b"1e9", b"(1e400", b"0x1", b"(", b"", b" 1", b"1 ",
    b"nan", b"x", b"1\x00x", b"-inf", b"+inf",
]);
/// None is a score: no damage to a command gives one of these another score than 0.
const LEX_MEMBER: Arg = Bytes(&[
    b"",
    b"e",
    b"m",
    b"m1",
    b"m10",
    b"m2",
    b"m3",
    b"\x00",
    b"\xff",
    b"two words",
]);
const LEX_BOUND: Arg = Bytes(&[
    b"-", b"+", b"-", b"+", b"[e", b"(e", b"[e1", b"(e2", b"[e3", b"(e4000", b"[m", b"(m2",
    b"[m30", b"[9", b"(", b"[", b"x", b"", b"-x", b"+\x00x", b"[\xff",
]);

const LIMIT: &[Arg] = &[Word(&["LIMIT"]), Index, Index];
const SMALL_LIMIT: &[Arg] = &[
    Word(&["LIMIT"]),
    Word(&["0", "1", "2", "5", "-1"]),
    Word(&["0", "1", "3", "10", "-1", "-5"]),
];
const SCORE_OPTIONS: Arg = Options(2, &[SMALL_LIMIT, LIMIT, &[Word(&["WITHSCORES"])]]);
const LEX_OPTIONS: Arg = Options(1, &[SMALL_LIMIT, LIMIT]);
const ANY_OPTIONS: Arg = Options(
    3,
    &[
        &[Word(&["REV"])],
        &[Word(&["WITHSCORES"])],
        &[Word(&["BYSCORE", "BYLEX", "FOO"])],
        SMALL_LIMIT,
        &[Word(&["LIMIT"]), Index],
    ],
);

const WEIGHT: Arg = Word(&["1", "2", "-1", "0.5", "0", "inf", "nan", "x", "3"]);
const AGGREGATE: &[Arg] = &[Word(&["AGGREGATE"]), Word(&["SUM", "MIN", "MAX", "AVG"])];
const JOIN_OPTIONS: Arg = Options(
    3,
    &[
        AGGREGATE,
        &[Word(&["WEIGHTS"]), WEIGHT, WEIGHT],
        &[Word(&["WEIGHTS"]), WEIGHT, WEIGHT, WEIGHT],
        &[Word(&["WITHSCORES"])],
    ],
);
const STORE_OPTIONS: Arg = Options(
    2,
    &[
        AGGREGATE,
        &[Word(&["WEIGHTS"]), WEIGHT, WEIGHT],
        &[Word(&["WEIGHTS", "FOO"])],
    ],
);
const NUMBER: Arg = Word(&["1", "2", "2", "3", "0", "-1", "x", "99999999999999999999"]);

const POP_OPTIONS: Arg = Options(2, &[&[Word(&["COUNT"]), Count], &[Word(&["COUNT", "FOO"])]]);

pub(crate) const FAMILY: Family = Family {
    name: "ranges of sorted sets",
    forms: &[
        ("ZADD", 60, &[Key, Repeat(12, &[SCORE, Member])]),
        ("ZADD", 10, &[Key, Repeat(150, &[SCORE, Element])]),
        ("ZADD", 8, &[Key, Float, Value]),
        ("ZADD", 30, &[LEX, Repeat(12, &[Word(&["0"]), Element])]),
        ("ZADD", 8, &[LEX, Repeat(12, &[Word(&["0"]), LEX_MEMBER])]),
        ("ZADD", 3, &[LEX, Repeat(150, &[Word(&["0"]), Element])]),
        ("SADD", 20, &[Key, Repeat(12, &[Member])]),
        ("SADD", 6, &[Key, Repeat(6, &[Int])]),
        ("ZREM", 10, &[Key, Repeat(10, &[Member])]),
        (
            "ZRANGE",
            30,
            &[Key, Index, Index, Maybe(50, &[Word(&["WITHSCORES"])])],
        ),
        ("ZRANGE", 15, &[Key, Index, Index, ANY_OPTIONS]),
        (
            "ZRANGE",
            15,
            &[Key, BOUND, BOUND, Word(&["BYSCORE"]), SCORE_OPTIONS],
        ),
        (
            "ZRANGE",
            15,
            &[
                Key,
                BOUND,
                BOUND,
                Word(&["BYSCORE"]),
                Word(&["REV"]),
                SCORE_OPTIONS,
            ],
        ),
        (
            "ZRANGE",
            12,
            &[LEX, LEX_BOUND, LEX_BOUND, Word(&["BYLEX"]), LEX_OPTIONS],
        ),
        (
            "ZRANGE",
            12,
            &[
                LEX,
                LEX_BOUND,
                LEX_BOUND,
                Word(&["REV"]),
                Word(&["BYLEX"]),
                LEX_OPTIONS,
            ],
        ),
        (
            "ZREVRANGE",
            20,
            &[Key, Index, Index, Maybe(50, &[Word(&["WITHSCORES"])])],
        ),
        ("ZREVRANGE", 5, &[Key, Index, Index, ANY_OPTIONS]),
        ("ZRANGEBYSCORE", 40, &[Key, BOUND, BOUND, SCORE_OPTIONS]),
        ("ZREVRANGEBYSCORE", 30, &[Key, BOUND, BOUND, SCORE_OPTIONS]),
        ("ZRANGEBYLEX", 40, &[LEX, LEX_BOUND, LEX_BOUND, LEX_OPTIONS]),
        (
            "ZREVRANGEBYLEX",
            30,
            &[LEX, LEX_BOUND, LEX_BOUND, LEX_OPTIONS],
        ),
        ("ZRANGEBYLEX", 3, &[LEX, LEX_BOUND, LEX_BOUND, ANY_OPTIONS]),
        (
            "ZRANGESTORE",
            15,
            &[Key, Key, Index, Index, Maybe(40, &[Word(&["REV"])])],
        ),
        (
            "ZRANGESTORE",
            10,
            &[Key, Key, BOUND, BOUND, Word(&["BYSCORE"]), SCORE_OPTIONS],
        ),
        (
            "ZRANGESTORE",
            8,
            &[
                LEX,
                LEX,
                LEX_BOUND,
                LEX_BOUND,
                Word(&["BYLEX"]),
                LEX_OPTIONS,
            ],
        ),
        ("ZRANGESTORE", 4, &[Key, Key, Index, Index, ANY_OPTIONS]),
        ("ZREMRANGEBYRANK", 12, &[Key, Index, Index]),
        ("ZREMRANGEBYSCORE", 12, &[Key, BOUND, BOUND]),
        ("ZREMRANGEBYLEX", 12, &[LEX, LEX_BOUND, LEX_BOUND]),
        ("ZUNION", 20, &[Word(&["2"]), Key, Key, JOIN_OPTIONS]),
        ("ZUNION", 12, &[Word(&["3"]), Key, Key, Key, JOIN_OPTIONS]),
        ("ZUNION", 6, &[NUMBER, Keys(3), JOIN_OPTIONS]),
        ("ZINTER", 30, &[Word(&["2"]), Key, Key, JOIN_OPTIONS]),
        ("ZINTER", 12, &[Word(&["3"]), Key, Key, Key, JOIN_OPTIONS]),
        ("ZINTER", 6, &[NUMBER, Keys(3), JOIN_OPTIONS]),
        (
            "ZDIFF",
            20,
            &[Word(&["2"]), Key, Key, Maybe(50, &[Word(&["WITHSCORES"])])],
        ),
        ("ZDIFF", 6, &[NUMBER, Keys(3), JOIN_OPTIONS]),
        (
            "ZINTERCARD",
            15,
            &[Word(&["2"]), Key, Key, Maybe(50, &[Word(&["LIMIT"]), Int])],
        ),
        (
            "ZINTERCARD",
            5,
            &[NUMBER, Keys(3), Maybe(50, &[Word(&["LIMIT", "WEIGHTS"])])],
        ),
        (
            "ZUNIONSTORE",
            15,
            &[Key, Word(&["2"]), Key, Key, STORE_OPTIONS],
        ),
        (
            "ZINTERSTORE",
            12,
            &[Key, Word(&["2"]), Key, Key, STORE_OPTIONS],
        ),
        ("ZDIFFSTORE", 8, &[Key, Word(&["2"]), Key, Key]),
        ("ZDIFFSTORE", 3, &[Key, NUMBER, Keys(3), STORE_OPTIONS]),
        (
            "ZMPOP",
            15,
            &[Word(&["1"]), Key, Word(&["MIN", "MAX"]), POP_OPTIONS],
        ),
        (
            "ZMPOP",
            8,
            &[
                Word(&["2"]),
                Key,
                Key,
                Word(&["MIN", "MAX", "MID"]),
                POP_OPTIONS,
            ],
        ),
        ("ZMPOP", 4, &[NUMBER, Keys(2), Word(&["MIN", "MAX"])]),
        ("ZRANDMEMBER", 8, &[Key]),
        (
            "ZRANDMEMBER",
            15,
            &[
                Key,
                Word(&[
                    "0",
                    "1",
                    "3",
                    "100",
                    "-1",
                    "-7",
                    "x",
                    "-9223372036854775808",
                    "9223372036854775807",
                ]),
                Maybe(40, &[Word(&["WITHSCORES", "WITHSCORE"])]),
            ],
        ),
        (
            "COMMAND",
            3,
            &[
                Word(&["GETKEYS"]),
                Word(&["ZUNIONSTORE"]),
                Key,
                NUMBER,
                Keys(3),
            ],
        ),
        (
            "COMMAND",
            3,
            &[
                Word(&["GETKEYS"]),
                Word(&["ZMPOP", "ZUNION", "ZINTERCARD"]),
                NUMBER,
                Keys(3),
            ],
        ),
        ("SET", 4, &[Key, Value]),
        ("DEL", 8, &[Keys(2)]),
        ("OBJECT", 20, &[Word(&["ENCODING"]), Key]),
        ("TYPE", 4, &[Key]),
        ("EXPIRE", 3, &[Key, Int]),
    ],
};
