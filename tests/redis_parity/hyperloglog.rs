//! The forms of the HyperLogLog commands. Only the keys `bad:*` are written to by others, so that a
//! string that is no longer valid is met by every command.

use super::families::Family;
use super::grammar::Arg::{self, AtMillis, Bytes, Element, Key, Keys, Maybe, Repeat, Value, Word};

const BAD: Arg = Word(&["bad:1", "bad:2"]);

/// Strings that are a HyperLogLog, or that every command refuses by their header.
const STRINGS: &[&[u8]] = &[
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff",
    b"HYLL\x01\0\0\0\x05\0\0\0\0\0\0\0\x7f\xff",
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xfb\x87",
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x80\x84\x80\x80\x80\x7f\xfa",
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0",
    b"HYLL\x00\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff",
    b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff",
    b"hyll",
    b"12",
];

/// Corrupted ones. They are written by SETRANGE, so that they count as `raw` already (the server makes them so
/// even where it then refuses), to a key of their own each, and copied from there, so that nothing is left
/// after them of what was there before. None ends in half a run, which the server reads past, and none covers
/// a few registers too many, which the server notices only once it has added to the string.
const CORRUPTED: [&[Arg]; 5] = [
    &[
        Word(&["raw:1"]),
        Word(&["0"]),
        Bytes(&[b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80"]),
    ],
    &[
        Word(&["raw:2"]),
        Word(&["0"]),
        Bytes(&[b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xfe"]),
    ],
    &[
        Word(&["raw:3"]),
        Word(&["0"]),
        Bytes(&[b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\xff\xfb\x7f\xf7"]),
    ],
    &[
        Word(&["raw:4"]),
        Word(&["0"]),
        Bytes(&[b"HYLL\x01\0\0\0\x09\0\0\0\0\0\0\0\x3f\x83"]),
    ],
    &[
        Word(&["raw:5"]),
        Word(&["0"]),
        Bytes(&[b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x00\x3f\x83\x83\x7f\xfe\x80"]),
    ],
];
const RAW: Arg = Word(&["raw:1", "raw:2", "raw:3", "raw:4", "raw:5"]);

pub(crate) const FAMILY: Family = Family {
    name: "hyperloglogs",
    forms: &[
        ("PFADD", 40, &[Key]),
        ("PFADD", 80, &[Key, Repeat(4, &[Element])]),
        ("PFADD", 60, &[Key, Repeat(120, &[Element])]),
        ("PFADD", 20, &[Key, Repeat(4, &[Value])]),
        ("PFADD", 40, &[BAD, Element]),
        ("PFCOUNT", 60, &[Key]),
        ("PFCOUNT", 30, &[Keys(4)]),
        ("PFCOUNT", 20, &[BAD, Maybe(30, &[Key])]),
        ("PFMERGE", 25, &[Keys(4)]),
        ("PFMERGE", 10, &[Key, BAD]),
        ("PFMERGE", 6, &[BAD, Keys(2)]),
        ("GET", 40, &[Key]),
        ("GET", 15, &[BAD]),
        ("STRLEN", 10, &[Key]),
        ("SET", 30, &[BAD, Bytes(STRINGS)]),
        ("SETRANGE", 3, CORRUPTED[0]),
        ("SETRANGE", 3, CORRUPTED[1]),
        ("SETRANGE", 3, CORRUPTED[2]),
        ("SETRANGE", 3, CORRUPTED[3]),
        ("SETRANGE", 3, CORRUPTED[4]),
        ("COPY", 30, &[RAW, BAD, Word(&["REPLACE"])]),
        ("DEL", 20, &[BAD]),
        ("COPY", 10, &[Key, BAD, Word(&["REPLACE"])]),
        ("SET", 2, &[Key, Value]),
        ("DEL", 4, &[Keys(2)]),
        ("PEXPIREAT", 4, &[Key, AtMillis]),
        ("PEXPIRETIME", 6, &[Key]),
        ("OBJECT", 15, &[Word(&["ENCODING"]), Key]),
        ("OBJECT", 6, &[Word(&["ENCODING"]), BAD]),
        ("TYPE", 3, &[Key]),
    ],
};
