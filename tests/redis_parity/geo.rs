//! The forms of the commands of places. Many places are the same or close, so that distances tie.

use super::families::Family;
use super::grammar::Arg::{
    self, Bytes, Decimal, Float, Int, Key, Keys, Maybe, Member, Options, Repeat, Value, Word,
};

/// A few longitudes and latitudes that meet again, and the limits.
const LONGITUDES: Arg = Bytes(&[
    b"13.361389",
    b"15.087269",
    b"15",
    b"13.5",
    b"0",
    b"180",
    b"-180",
    b"179.9",
    b"-179.9",
    b"180.0001",
    b"nan",
    b"inf",
    b"x",
]);
const LATITUDES: Arg = Bytes(&[
    b"38.115556",
    b"37.502669",
    b"37",
    b"38",
    b"0",
    b"85.05112878",
    b"-85.05112878",
    b"85.0512",
    b"66.5",
    b"-80.5",
    b"x",
]);
const NEAR: &[Arg] = &[Decimal(12, 16), Decimal(36, 39)];
const FAR: &[Arg] = &[Decimal(-180, 180), Decimal(-85, 85)];
const KNOWN: &[Arg] = &[LONGITUDES, LATITUDES];

const UNIT: Arg = Word(&["m", "km", "km", "km", "ft", "mi", "KM", "parsec"]);
const LENGTH: Arg = Bytes(&[
    b"0", b"1", b"10", b"50", b"100", b"200", b"500", b"1000", b"5000", b"20000", b"1e3", b"0.5",
    b"300.25", b"-1", b"x", b"inf", b"123456",
]);

const EXTRAS: &[&[Arg]] = &[
    &[Word(&["WITHDIST"])],
    &[Word(&["WITHHASH"])],
    &[Word(&["WITHCOORD"])],
    &[Word(&["ASC", "DESC"])],
    &[
        Word(&["COUNT"]),
        Word(&["1", "2", "3", "5", "10", "100", "0", "-1", "x"]),
    ],
    &[Word(&["ANY"])],
    &[Word(&["COUNT"]), Word(&["1", "2", "5"]), Word(&["ANY"])],
];
const PLAIN: &[&[Arg]] = &[
    &[Word(&["ASC", "DESC"])],
    &[Word(&["COUNT"]), Word(&["1", "2", "3", "5", "10", "100"])],
    &[Word(&["COUNT"]), Word(&["1", "2", "5"]), Word(&["ANY"])],
    &[Word(&["WITHDIST", "STOREDIST", "FOO"])],
];
const STORE: &[Arg] = &[Word(&["STORE", "STOREDIST"]), Key];
const MESSY: &[&[Arg]] = &[
    &[Word(&["FROMMEMBER"]), Member],
    &[Word(&["FROMLONLAT"]), LONGITUDES, LATITUDES],
    &[Word(&["BYRADIUS"]), LENGTH, UNIT],
    &[Word(&["BYBOX"]), LENGTH, LENGTH, UNIT],
    &[Word(&["STORE", "STOREDIST"]), Key],
    &[Word(&["COUNT", "FROMMEMBER", "BYBOX"])],
    &[Word(&["WITHDIST", "ASC", "ANY"])],
];

pub(crate) const FAMILY: Family = Family {
    name: "geo",
    forms: &[
        (
            "GEOADD",
            60,
            &[Key, Repeat(6, &[Decimal(12, 16), Decimal(36, 39), Member])],
        ),
        (
            "GEOADD",
            30,
            &[
                Key,
                Repeat(4, &[Decimal(-180, 180), Decimal(-85, 85), Member]),
            ],
        ),
        ("GEOADD", 25, &[Key, LONGITUDES, LATITUDES, Member]),
        (
            "GEOADD",
            30,
            &[
                Key,
                Options(2, &[&[Word(&["NX", "XX", "CH"])]]),
                Repeat(3, &[Decimal(13, 15), Decimal(37, 38), Member]),
            ],
        ),
        ("GEOADD", 4, &[Key, Float, Float, Value]),
        ("GEOPOS", 20, &[Key, Repeat(4, &[Member])]),
        ("GEOPOS", 2, &[Key]),
        ("GEOHASH", 20, &[Key, Repeat(4, &[Member])]),
        ("GEODIST", 30, &[Key, Member, Member, Maybe(70, &[UNIT])]),
        (
            "GEORADIUS",
            30,
            &[Key, NEAR[0], NEAR[1], LENGTH, UNIT, Options(3, EXTRAS)],
        ),
        (
            "GEORADIUS",
            30,
            &[Key, FAR[0], FAR[1], LENGTH, UNIT, Options(3, EXTRAS)],
        ),
        (
            "GEORADIUS",
            15,
            &[Key, KNOWN[0], KNOWN[1], LENGTH, UNIT, Options(3, MESSY)],
        ),
        (
            "GEORADIUS",
            15,
            &[
                Key,
                NEAR[0],
                NEAR[1],
                LENGTH,
                UNIT,
                Options(2, PLAIN),
                STORE[0],
                STORE[1],
            ],
        ),
        (
            "GEORADIUS_RO",
            12,
            &[Key, NEAR[0], NEAR[1], LENGTH, UNIT, Options(3, EXTRAS)],
        ),
        (
            "GEORADIUS_RO",
            4,
            &[Key, NEAR[0], NEAR[1], LENGTH, UNIT, STORE[0], STORE[1]],
        ),
        (
            "GEORADIUSBYMEMBER",
            30,
            &[Key, Member, LENGTH, UNIT, Options(3, EXTRAS)],
        ),
        (
            "GEORADIUSBYMEMBER",
            12,
            &[
                Key,
                Member,
                LENGTH,
                UNIT,
                STORE[0],
                STORE[1],
                Options(2, PLAIN),
            ],
        ),
        (
            "GEORADIUSBYMEMBER_RO",
            8,
            &[Key, Member, LENGTH, UNIT, Options(3, EXTRAS)],
        ),
        (
            "GEOSEARCH",
            40,
            &[
                Key,
                Word(&["FROMMEMBER"]),
                Member,
                Word(&["BYRADIUS"]),
                LENGTH,
                UNIT,
                Options(3, EXTRAS),
            ],
        ),
        (
            "GEOSEARCH",
            40,
            &[
                Key,
                Options(1, EXTRAS),
                Word(&["BYBOX"]),
                LENGTH,
                LENGTH,
                UNIT,
                Word(&["FROMLONLAT"]),
                FAR[0],
                FAR[1],
                Options(2, EXTRAS),
            ],
        ),
        (
            "GEOSEARCH",
            40,
            &[
                Key,
                Word(&["FROMLONLAT"]),
                NEAR[0],
                NEAR[1],
                Word(&["BYBOX"]),
                Decimal(0, 500),
                Decimal(0, 500),
                Word(&["km"]),
                Options(3, EXTRAS),
            ],
        ),
        (
            "GEOSEARCH",
            25,
            &[Key, Options(4, MESSY), Options(2, EXTRAS)],
        ),
        (
            "GEOSEARCHSTORE",
            25,
            &[
                Key,
                Key,
                Word(&["FROMLONLAT"]),
                NEAR[0],
                NEAR[1],
                Word(&["BYRADIUS"]),
                LENGTH,
                UNIT,
                Options(2, PLAIN),
            ],
        ),
        (
            "GEOSEARCHSTORE",
            12,
            &[Key, Key, Options(4, MESSY), Options(2, PLAIN)],
        ),
        (
            "ZRANGE",
            10,
            &[Key, Word(&["0"]), Word(&["-1"]), Word(&["WITHSCORES"])],
        ),
        ("SET", 3, &[Key, Value]),
        ("DEL", 6, &[Keys(2)]),
        ("TYPE", 2, &[Key]),
        ("EXPIRE", 2, &[Key, Int]),
        ("OBJECT", 6, &[Word(&["ENCODING"]), Key]),
    ],
};
