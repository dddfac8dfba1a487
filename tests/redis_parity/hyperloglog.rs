//! The forms of the HyperLogLog commands. Only the keys `bad:*` are written to by others, so that a
//! string that is no longer valid is met by every command.

use super::families::Family;
use super::grammar::Arg::{AtMillis, Bytes, Element, Key, Keys, Maybe, Repeat, Value, Word};

const BAD: super::grammar::Arg = Word(&["bad:1", "bad:2"]);

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

/// Corrupted ones. They are written by SETRANGE, so that they count as `raw` already: the server makes
/// them so even where it then refuses. None ends in half a run, which the server reads past, and none
/// covers a few registers too many, which the server notices only once it has added to the string.
const CORRUPTED: &[&[u8]] = &[
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80",
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xfe",
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\xff\xfb\x7f\xf7",
    b"HYLL\x01\0\0\0\x09\0\0\0\0\0\0\0\x3f\x83",
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x00\x3f\x83\x83\x7f\xfe\x80",
];

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
        ("SETRANGE", 20, &[BAD, Word(&["0"]), Bytes(CORRUPTED)]),
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
