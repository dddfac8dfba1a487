//! The forms of every command, by family, with their weights. Each family's streams also draw the
//! commands that show what it has done (`TYPE`, `TTL`, `OBJECT ENCODING`, ...).

use super::grammar::{Arg, Form};
use Arg::{
    AtMillis, AtSeconds, Bit, BitIndex, BitOffset, Bytes, Count, Cursor, FieldOffset, FieldType,
    Float, Index, Int, Key, Keys, Maybe, Millis, Offset, Options, Pairs, Pattern, Seconds,
    SmallKey, Text, Value, Word,
};

/// A family: its name in reports, and its forms.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) forms: &'static [Form],
}

const SET_OPTIONS: Arg = Options(
    3,
    &[
        &[Word(&["NX", "XX"])],
        &[Word(&["GET"])],
        &[Word(&["KEEPTTL"])],
        &[Word(&["EX"]), Seconds],
        &[Word(&["PX"]), Millis],
        &[Word(&["EXAT"]), AtSeconds],
        &[Word(&["PXAT"]), AtMillis],
        &[Word(&["EX", "PX", "EXAT", "PXAT", "PERSIST"])],
    ],
);

const GETEX_OPTIONS: Arg = Options(
    2,
    &[
        &[Word(&["PERSIST"])],
        &[Word(&["EX"]), Seconds],
        &[Word(&["PX"]), Millis],
        &[Word(&["EXAT"]), AtSeconds],
        &[Word(&["PXAT"]), AtMillis],
        &[Word(&["NX", "KEEPTTL", "EX"])],
    ],
);

const EXPIRE_OPTIONS: Arg = Options(2, &[&[Word(&["NX", "XX", "GT", "LT", "FOO"])]]);

const RANGE_UNIT: &[Arg] = &[Word(&["BYTE", "BIT", "BITS"])];

const FIELD_OPTIONS: Arg = Options(
    4,
    &[
        &[Word(&["GET"]), FieldType, FieldOffset],
        &[Word(&["SET"]), FieldType, FieldOffset, Int],
        &[Word(&["INCRBY"]), FieldType, FieldOffset, Int],
        &[Word(&["OVERFLOW"]), Word(&["WRAP", "SAT", "FAIL", "NONE"])],
    ],
);

/// Of a string, a list, an intset, a hash and a sorted set; then damaged, and none.
const PAYLOADS: &[&[u8]] = &[
    b"\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbb",
    b"\x01\x03\x01\x61\xc0\xfb\x00\x0a\x00\x49\xdd\xaa\xbb\xef\xeb\xd2\x65",
    b"\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\xfd\xff\x01\x00\x02\x00\x0a\x00\xd1\xb7\x8e\xd9\xbc\x07\xc2\x7f",
    b"\x10\x12\x12\x00\x00\x00\x04\x00\x81\x66\x02\x81\x76\x02\x81\x6e\x02\x0c\x01\xff\x0a\x00\x01\x36\x94\x81\xd3\x5b\x89\x74",
    b"\x05\x03\x01\x62\x00\x00\x00\x00\x00\x00\x00\x40\x01\x61\x00\x00\x00\x00\x00\x00\xf8\x3f\x01\x63\x00\x00\x00\x00\x00\x00\xf0\xff\x0a\x00\x71\x65\x02\x86\xe4\x6a\x3a\xc7",
    b"\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbc",
    b"payload",
];

/// Strings and numbers in them.
pub(crate) const STRINGS: Family = Family {
    name: "strings",
    forms: &[
        ("GET", 40, &[Key]),
        ("SET", 60, &[Key, Value]),
        ("SET", 90, &[Key, Value, SET_OPTIONS]),
        ("GETEX", 40, &[Key, GETEX_OPTIONS]),
        ("GETDEL", 15, &[Key]),
        ("GETSET", 15, &[Key, Value]),
        ("SETNX", 15, &[Key, Value]),
        ("SETEX", 15, &[Key, Seconds, Value]),
        ("PSETEX", 15, &[Key, Millis, Value]),
        ("MGET", 15, &[Keys(6)]),
        ("MSET", 20, &[Pairs(4)]),
        ("MSETNX", 15, &[Pairs(3)]),
        ("APPEND", 40, &[Key, Value]),
        ("STRLEN", 20, &[Key]),
        ("GETRANGE", 30, &[Key, Index, Index]),
        ("SUBSTR", 8, &[Key, Index, Index]),
        ("SETRANGE", 40, &[Key, Offset, Value]),
        ("INCR", 20, &[Key]),
        ("DECR", 20, &[Key]),
        ("INCRBY", 30, &[Key, Int]),
        ("DECRBY", 30, &[Key, Int]),
        ("INCRBYFLOAT", 40, &[Key, Float]),
        (
            "LCS",
            14,
            &[
                SmallKey,
                SmallKey,
                Options(
                    3,
                    &[
                        &[Word(&["LEN"])],
                        &[Word(&["IDX"])],
                        &[Word(&["WITHMATCHLEN"])],
                        &[Word(&["MINMATCHLEN"]), Index],
                        &[Word(&["MINMATCHLEN"])],
                    ],
                ),
            ],
        ),
        ("DEL", 8, &[Keys(3)]),
        ("PTTL", 8, &[Key]),
        ("PEXPIRETIME", 12, &[Key]),
        ("PEXPIREAT", 8, &[Key, AtMillis]),
        ("OBJECT", 20, &[Word(&["ENCODING"]), Key]),
        ("TYPE", 4, &[Key]),
        ("EXISTS", 4, &[Keys(3)]),
        (
            "NOSUCHCOMMAND",
            2,
            &[Text, Value, Maybe(50, &[Key, Key, Value])],
        ),
        ("FLUSHALL", 1, &[]),
    ],
};

/// Bits in strings.
pub(crate) const BITMAPS: Family = Family {
    name: "bitmaps",
    forms: &[
        ("SETBIT", 90, &[Key, BitOffset, Bit]),
        ("GETBIT", 40, &[Key, BitIndex]),
        ("BITCOUNT", 25, &[Key]),
        ("BITCOUNT", 50, &[Key, Index, Index]),
        ("BITCOUNT", 40, &[Key, Index, Index, Maybe(90, RANGE_UNIT)]),
        ("BITCOUNT", 3, &[Key, Index]),
        ("BITPOS", 25, &[Key, Bit]),
        ("BITPOS", 30, &[Key, Bit, Index]),
        (
            "BITPOS",
            60,
            &[Key, Bit, Index, Index, Maybe(60, RANGE_UNIT)],
        ),
        (
            "BITOP",
            50,
            &[Word(&["AND", "OR", "XOR", "NOT", "DIFF"]), Key, Keys(4)],
        ),
        ("BITOP", 20, &[Word(&["NOT"]), Key, Key]),
        ("BITFIELD", 80, &[Key, FIELD_OPTIONS]),
        (
            "BITFIELD_RO",
            25,
            &[
                Key,
                Options(3, &[&[Word(&["GET"]), FieldType, FieldOffset]]),
            ],
        ),
        ("BITFIELD_RO", 5, &[Key, FIELD_OPTIONS]),
        ("SET", 40, &[Key, Value]),
        ("SET", 8, &[Key, Value, Word(&["PXAT"]), AtMillis]),
        ("GET", 10, &[Key]),
        ("STRLEN", 12, &[Key]),
        ("APPEND", 15, &[Key, Value]),
        ("SETRANGE", 15, &[Key, Offset, Value]),
        ("INCRBY", 5, &[Key, Int]),
        ("DEL", 12, &[Keys(2)]),
        ("PEXPIREAT", 6, &[Key, AtMillis]),
        ("PEXPIRETIME", 8, &[Key]),
        ("OBJECT", 12, &[Word(&["ENCODING"]), Key]),
    ],
};

/// Keys as such: expiry, renaming, scanning, introspection.
pub(crate) const KEYS: Family = Family {
    name: "keys",
    forms: &[
        ("SET", 60, &[Key, Value]),
        ("SET", 30, &[Key, Value, SET_OPTIONS]),
        ("APPEND", 12, &[Key, Value]),
        ("SETRANGE", 6, &[Key, Offset, Value]),
        ("INCR", 8, &[Key]),
        ("GET", 10, &[Key]),
        ("DEL", 14, &[Keys(4)]),
        ("UNLINK", 10, &[Keys(4)]),
        ("EXISTS", 14, &[Keys(5)]),
        ("TOUCH", 10, &[Keys(5)]),
        ("TYPE", 10, &[Key]),
        ("EXPIRE", 30, &[Key, Seconds, EXPIRE_OPTIONS]),
        ("PEXPIRE", 30, &[Key, Millis, EXPIRE_OPTIONS]),
        ("EXPIREAT", 40, &[Key, AtSeconds, EXPIRE_OPTIONS]),
        ("PEXPIREAT", 40, &[Key, AtMillis, EXPIRE_OPTIONS]),
        ("TTL", 14, &[Key]),
        ("PTTL", 14, &[Key]),
        ("EXPIRETIME", 14, &[Key]),
        ("PEXPIRETIME", 20, &[Key]),
        ("PERSIST", 14, &[Key]),
        ("RENAME", 20, &[Key, Key]),
        ("RENAMENX", 20, &[Key, Key]),
        ("DUMP", 10, &[Key]),
        (
            "RESTORE",
            40,
            &[
                Key,
                Word(&["0", "0", "0", "7000000000000", "100", "-1", "x"]),
                Bytes(PAYLOADS),
                Options(
                    2,
                    &[
                        &[Word(&["REPLACE"])],
                        &[Word(&["REPLACE"])],
                        &[Word(&["ABSTTL"])],
                        &[Word(&["IDLETIME", "FREQ"]), Word(&["-1", "256", "x"])],
                        &[Word(&["IDLETIME", "FREQ", "NX"])],
                    ],
                ),
            ],
        ),
        (
            "COPY",
            30,
            &[
                Key,
                Key,
                Options(
                    2,
                    &[
                        &[Word(&["REPLACE"])],
                        &[
                            Word(&["DB"]),
                            Word(&["0", "0", "1", "-1", "x", "99999999999"]),
                        ],
                        &[Word(&["DB"])],
                    ],
                ),
            ],
        ),
        ("KEYS", 20, &[Pattern]),
        (
            "SCAN",
            12,
            &[
                Cursor,
                Options(
                    3,
                    &[
                        &[Word(&["MATCH"]), Pattern],
                        &[Word(&["COUNT"]), Count],
                        &[
                            Word(&["TYPE"]),
                            Word(&["string", "STRING", "list", "foo", ""]),
                        ],
                        &[Word(&["MATCH", "COUNT", "TYPE", "FOO"])],
                    ],
                ),
            ],
        ),
        ("RANDOMKEY", 4, &[]),
        ("DBSIZE", 6, &[]),
        (
            "FLUSHALL",
            1,
            &[Maybe(60, &[Word(&["ASYNC", "SYNC", "FOO"])])],
        ),
        (
            "FLUSHDB",
            1,
            &[Maybe(60, &[Word(&["ASYNC", "SYNC", "FOO"])])],
        ),
        ("OBJECT", 30, &[Word(&["ENCODING"]), Key]),
        (
            "OBJECT",
            8,
            &[Word(&["REFCOUNT", "IDLETIME", "FREQ", "FOO"]), Key],
        ),
        ("OBJECT", 1, &[Word(&["HELP"])]),
        (
            "MEMORY",
            8,
            &[
                Word(&["USAGE"]),
                Key,
                Options(
                    2,
                    &[
                        &[Word(&["SAMPLES"]), Count],
                        &[Word(&["SAMPLES"]), Word(&["0", "5", "-1", "x"])],
                        &[Word(&["SAMPLES", "FOO"])],
                    ],
                ),
            ],
        ),
        ("MEMORY", 1, &[Word(&["USAGE", "FOO"])]),
        ("PING", 3, &[Maybe(50, &[Value])]),
        ("ECHO", 3, &[Value]),
        ("TIME", 1, &[]),
        ("SELECT", 4, &[Word(&["0", "16", "-1", "x"])]),
        (
            "COMMAND",
            3,
            &[
                Word(&["GETKEYS"]),
                Word(&["GET", "MSET", "SET", "FOO", "PING"]),
                Keys(4),
            ],
        ),
        (
            "NOSUCHCOMMAND",
            2,
            &[Text, Value, Maybe(50, &[Key, Key, Value])],
        ),
    ],
};
