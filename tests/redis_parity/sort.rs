//! The forms of `SORT`. The collections are `list:*`, `set:*`, `zset:*`; what patterns name lies around them.
//!
//! Sorted sets get a member too long for a listpack first: the server makes a `skiplist` of whatever
//! sorted set it sorts. Ties of sets and sorted sets that only texts decide, which fall in the order of
//! their tables, are not asked for: those texts are all different.

use super::families::Family;
use super::grammar::Arg::{
    self, AtMillis, Bytes, Element, Index, Int, Key, Maybe, Options, Repeat, Word,
};

const LIST: Arg = Word(&["list:1", "list:2", "list:3"]);
const SET: Arg = Word(&["set:1", "set:2"]);
const ZSET: Arg = Word(&["zset:1", "zset:2"]);
const SOURCE: Arg = Word(&[
    "list:1", "list:2", "list:3", "set:1", "set:2", "zset:1", "zset:2", "missing",
]);
const LONG: Arg = Bytes(&[b"a member that is too long for a listpack: it has sixty-five bytes."]);

const NUMBER: Arg = Bytes(&[
    b"0",
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"6",
    b"7",
    b"8",
    b"9",
    b"10",
    b"11",
    b"12",
    b"-1",
    b"-2",
    b"100",
    b"1.5",
    b"-0",
    b"1.50",
    b"3.0",
    b"9223372036854775807",
    b"9223372036854775806",
    b"inf",
    b"-inf",
]);
/// For whole numbers, which sets hold otherwise.
const WHOLE: Arg = Bytes(&[
    b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9", b"10", b"11", b"12", b"-1", b"-2",
    b"100", b"300",
]);
const WORD: Arg = Bytes(&[
    b"a",
    b"b",
    b"c",
    b"aa",
    b"B",
    b"",
    b"x y",
    b"1",
    b"2",
    b"10",
    b"\xff",
    b"\xc3\xa9",
]);

const WEIGHT_KEY: Arg = Word(&[
    "w_1", "w_2", "w_3", "w_4", "w_5", "w_10", "w_a", "w_b", "w_", "w_x y",
]);
/// Numbers as C reads them, or not. None is out of range: the server does not reset `errno` before it
/// looks at it, so that one such number fails every sort that follows.
const ODD: Arg = Bytes(&[
    b"",
    b" 1",
    b"1 ",
    b"2\x00x",
    b"0x10",
    b"nan",
    b"inf",
    b"x",
    b"+5",
    b".5",
    b"5.",
    b"1e3",
    b"00",
    b"--1",
    b"infinity",
    b" ",
    b"\x00",
]);
const HASH_KEY: Arg = Word(&["h_1", "h_2", "h_3", "h_4", "h_a", "h_b", "h_1->", "w_1"]);
const FIELD: Arg = Word(&["f", "g", "->", "f->g"]);

const BY: &[Arg] = &[
    Word(&["BY"]),
    Bytes(&[
        b"w_*",
        b"w_*",
        b"h_*->f",
        b"h_*->g",
        b"*",
        b"w_*->",
        b"h_*->f->g",
        b"w_*_*",
        b"*_1",
    ]),
];
const BY_NOTHING: &[Arg] = &[Word(&["BY"]), Bytes(&[b"nosort", b"#", b"", b"w\x00*"])];
const GET: &[Arg] = &[
    Word(&["GET"]),
    Bytes(&[
        b"#",
        b"w_*",
        b"h_*->f",
        b"h_*->g",
        b"w_1",
        b"*",
        b"#x",
        b"#\x00",
        b"w_*\x00->f",
        b"h_*->",
    ]),
];
const LIMIT: &[Arg] = &[
    Word(&["LIMIT"]),
    Word(&["0", "1", "2", "5", "-1", "100"]),
    Word(&["0", "1", "3", "10", "-1", "-5"]),
];
const ANY_LIMIT: &[Arg] = &[Word(&["LIMIT"]), Index, Index];
const STORE: &[Arg] = &[Word(&["STORE"]), Word(&["to", "list:3", "list:2"])];
const ORDER: &[Arg] = &[Word(&["ASC", "DESC"])];
const ALPHA: &[Arg] = &[Word(&["ALPHA"])];

const PLAIN: Arg = Options(4, &[ORDER, ALPHA, LIMIT, ANY_LIMIT, GET, STORE]);
const NUMERIC: Arg = Options(3, &[ORDER, LIMIT, GET, STORE]);
const MESSY: Arg = Options(
    4,
    &[
        ORDER,
        ALPHA,
        LIMIT,
        GET,
        STORE,
        BY_NOTHING,
        &[Word(&["BY", "GET", "LIMIT", "STORE", "FOO"])],
    ],
);

pub(crate) const FAMILY: Family = Family {
    name: "sort",
    forms: &[
        ("RPUSH", 60, &[LIST, Repeat(12, &[NUMBER])]),
        ("RPUSH", 15, &[LIST, Repeat(60, &[Int])]),
        ("RPUSH", 10, &[LIST, Repeat(60, &[WHOLE])]),
        ("RPUSH", 10, &[LIST, Repeat(6, &[WORD])]),
        ("SADD", 30, &[SET, Repeat(12, &[WHOLE])]),
        ("SADD", 4, &[SET, Repeat(6, &[WORD])]),
        (
            "ZADD",
            25,
            &[ZSET, Word(&["0"]), LONG, Repeat(12, &[Int, WHOLE])],
        ),
        ("ZREM", 25, &[ZSET, LONG]),
        (
            "ZADD",
            8,
            &[ZSET, Word(&["0"]), LONG, Repeat(50, &[WHOLE, Element])],
        ),
        ("SET", 60, &[WEIGHT_KEY, NUMBER]),
        ("SET", 10, &[WEIGHT_KEY, ODD]),
        ("HSET", 40, &[HASH_KEY, FIELD, NUMBER]),
        ("DEL", 10, &[WEIGHT_KEY]),
        ("DEL", 14, &[LIST]),
        ("DEL", 8, &[SET]),
        ("DEL", 8, &[ZSET]),
        ("SORT", 80, &[LIST, PLAIN]),
        ("SORT", 60, &[LIST, BY[0], BY[1], PLAIN]),
        ("SORT", 20, &[LIST, BY_NOTHING[0], BY_NOTHING[1], PLAIN]),
        ("SORT", 50, &[SET, PLAIN]),
        ("SORT", 40, &[SET, BY[0], BY[1], NUMERIC]),
        (
            "SORT",
            15,
            &[
                SET,
                BY_NOTHING[0],
                BY_NOTHING[1],
                STORE[0],
                STORE[1],
                LIMIT[0],
                LIMIT[1],
                LIMIT[2],
            ],
        ),
        ("SORT", 50, &[ZSET, PLAIN]),
        ("SORT", 40, &[ZSET, BY[0], BY[1], NUMERIC]),
        ("SORT", 20, &[ZSET, BY_NOTHING[0], BY_NOTHING[1], PLAIN]),
        ("SORT", 20, &[LIST, MESSY]),
        ("SORT", 10, &[Key, PLAIN]),
        ("SORT_RO", 20, &[LIST, PLAIN]),
        ("SORT_RO", 20, &[SOURCE, Maybe(50, ORDER), Maybe(50, LIMIT)]),
        ("SORT_RO", 20, &[LIST, BY[0], BY[1], NUMERIC]),
        (
            "COMMAND",
            5,
            &[
                Word(&["GETKEYS"]),
                Word(&["SORT", "SORT_RO"]),
                SOURCE,
                PLAIN,
            ],
        ),
        ("SET", 4, &[Key, ODD]),
        ("SET", 2, &[LIST, ODD]),
        ("PEXPIREAT", 6, &[WEIGHT_KEY, AtMillis]),
        ("TYPE", 3, &[LIST]),
        (
            "LRANGE",
            12,
            &[
                Word(&["to", "list:3", "list:2"]),
                Word(&["0"]),
                Word(&["-1"]),
            ],
        ),
    ],
};
