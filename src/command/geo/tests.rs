use super::distance_reply;
use crate::command::reply::Reply;
use crate::command::script::script;
use crate::prelude::*;
use crate::{CommandError, Db, Error, GeoAddOptions, GeoUnit};

const NO_UNIT: &str = "-ERR unsupported unit provided. please use M, KM, FT, MI";

fn sicily() -> Db {
    let db = Db::open_in_memory();
    let places = [
        (13.361389, 38.115556, "Palermo"),
        (15.087269, 37.502669, "Catania"),
    ];
    assert_eq!(db.geoadd("g", &places).unwrap(), 2);
    db
}

#[test]
fn places_are_told_as_redis_tells_them() {
    script(
        &sicily(),
        &[
            ("ZSCORE g Palermo", "\"3479099956230698\""),
            (
                "GEOPOS g Palermo nobody",
                r#"[["13.36138933897018433" "38.11555639549629859"] nil]"#,
            ),
            ("GEOPOS missing a b", "[nil nil]"),
            ("GEOPOS g", "[]"),
            (
                "GEOHASH g Palermo nobody Catania",
                r#"["sqc8b49rny0" nil "sqdtr74hyu0"]"#,
            ),
            ("GEODIST g Palermo Catania", "\"166274.1516\""),
            ("GEODIST g Palermo Catania KM", "\"166.2742\""),
            ("GEODIST g Palermo Catania mi", "\"103.3182\""),
            ("GEODIST g Palermo Catania ft", "\"545518.8700\""),
            ("GEODIST g Palermo nobody", "nil"),
            ("GEODIST missing a b km", "nil"),
            ("GEODIST g Palermo Catania parsec", NO_UNIT),
            ("GEODIST g Palermo Catania km m", "-ERR syntax error"),
            ("ZADD g 0 origin -5 below inf beyond", ":3"),
            ("GEODIST g origin origin", "\"0.0000\""),
            (
                "GEODIST g Palermo",
                "-ERR wrong number of arguments for 'geodist' command",
            ),
        ],
    );
}

#[test]
fn places_are_added_on_conditions() {
    script(
        &Db::open_in_memory(),
        &[
            ("GEOADD g XX 1 1 a", ":0"),
            ("EXISTS g", ":0"),
            ("GEOADD g NX 1 1 a 2 2 b", ":2"),
            ("GEOADD g NX CH 5 5 a 3 3 c", ":1"),
            ("GEOADD g CH 5 5 a 3 3 c", ":1"),
            ("GEOADD g xx ch 6 6 a 7 7 d", ":1"),
            ("GEOADD g 6 6 a", ":0"),
            ("ZCARD g", ":3"),
            (
                "GEOADD g 180 85.05112878 corner -180 -85.05112878 other",
                ":2",
            ),
            ("GEOADD g NX XX 1 1 a", "-ERR syntax error"),
            ("GEOADD g 1 1 a 2 2", "-ERR syntax error"),
            ("GEOADD g CH CH CH", "-ERR syntax error"),
            ("GEOADD g x 1 a", "-ERR value is not a valid float"),
            (
                "GEOADD g 1 1 new 181 0.5 a",
                "-ERR invalid longitude,latitude pair 181.000000,0.500000",
            ),
            (
                "GEOADD g 0 86 a",
                "-ERR invalid longitude,latitude pair 0.000000,86.000000",
            ),
            (
                "GEOADD g inf 0 a",
                "-ERR invalid longitude,latitude pair inf,0.000000",
            ),
            ("ZCARD g", ":5"),
            ("SET s text", "+OK"),
            (
                "GEOADD s 1 1 a",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ],
    );
}

#[test]
fn typed_places() {
    let db = sicily();
    let found = db.geopos("g", &["Catania", "nobody"]).unwrap();
    assert!(found[0].is_some() && found[1].is_none());
    assert_eq!(db.geopos("missing", &["a"]).unwrap(), [None]);
    let hashes = db.geohash("g", &["Catania", "nobody"]).unwrap();
    assert_eq!(hashes, [Some("sqdtr74hyu0".to_owned()), None]);
    assert_eq!(
        db.geodist("g", "Catania", "x", GeoUnit::Feet).unwrap(),
        None
    );
    let both = GeoAddOptions::new().nx().xx();
    for refused in [
        db.geoadd_with("g", &[(1.0, 1.0, "a")], both),
        db.geoadd::<&str>("g", &[]),
        db.geoadd("g", &[(f64::NAN, 1.0, "a")]),
    ] {
        assert!(matches!(
            refused,
            Err(Error::Command(
                CommandError::Syntax | CommandError::Other(_)
            ))
        ));
    }
}

/// Redis multiplies with 10,000 and rounds: for this distance that is a tie, while the number itself lies
/// above it.
#[test]
fn distances_are_rounded_as_whole_ten_thousandths() {
    assert_eq!(
        distance_reply(48_210_074.925_65),
        Reply::from("48210074.9256")
    );
    assert_eq!(distance_reply(0.0), Reply::from("0.0000"));
    assert_eq!(distance_reply(0.000_05), Reply::from("0.0000"));
    assert_eq!(distance_reply(0.000_25), Reply::from("0.0002"));
    assert_eq!(distance_reply(166_274.151_56), Reply::from("166274.1516"));
}
