use crate::command::script::{Numbers, script};
use crate::prelude::*;
use crate::value::geo::Point;
use crate::{Db, GeoSearch, GeoUnit};

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

fn sicily() -> Db {
    let db = Db::open_in_memory();
    let places = [
        (13.361389, 38.115556, "Palermo"),
        (15.087269, 37.502669, "Catania"),
        (12.758489, 38.788135, "edge1"),
        (17.241510, 38.788135, "edge2"),
    ];
    assert_eq!(db.geoadd("g", &places).unwrap(), 4);
    db
}

#[test]
fn places_are_found_in_circles_and_boxes() {
    script(
        &sicily(),
        &[
            (
                "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC",
                r#"["Catania" "Palermo"]"#,
            ),
            (
                "GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHDIST",
                r#"[["Catania" "56.4413"] ["Palermo" "190.4424"] ["edge2" "279.7403"] ["edge1" "279.7405"]]"#,
            ),
            (
                "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km DESC COUNT 1 WITHHASH WITHCOORD",
                r#"[["Catania" :3479447370796909 ["15.08726745843887329" "37.50266842333162032"]]]"#,
            ),
            (
                "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 400 km COUNT 2",
                r#"["Catania" "Palermo"]"#,
            ),
            ("GEORADIUS g 15 37 200 km", r#"["Palermo" "Catania"]"#),
            (
                "GEORADIUS_RO g 15 37 200 km DESC",
                r#"["Palermo" "Catania"]"#,
            ),
            ("GEORADIUS g 15 37 200 km COUNT 1 ANY", r#"["Palermo"]"#),
            ("GEORADIUSBYMEMBER g Palermo 1 m", r#"["Palermo"]"#),
            (
                "GEORADIUSBYMEMBER_RO g Palermo 0 m WITHDIST",
                r#"[["Palermo" "0.0000"]]"#,
            ),
            ("GEORADIUS missing 15 37 200 km", "[]"),
            ("GEORADIUSBYMEMBER missing nobody x y", "[]"),
        ],
    );
}

#[test]
fn what_is_found_is_stored() {
    script(
        &sicily(),
        &[
            ("GEOSEARCHSTORE to g FROMLONLAT 15 37 BYRADIUS 200 km", ":2"),
            ("ZSCORE to Palermo", "\"3479099956230698\""),
            (
                "GEORADIUS g 15 37 200 km COUNT 1 STORE a STOREDIST to",
                ":1",
            ),
            ("EXISTS a", ":0"),
            ("ZRANGE to 0 -1", r#"["Catania"]"#),
            ("ZCOUNT to 56.44 56.45", ":1"),
            ("GEORADIUSBYMEMBER g Palermo 1 m STORE g", ":1"),
            ("ZRANGE g 0 -1", r#"["Palermo"]"#),
            (
                "GEOSEARCHSTORE to g FROMLONLAT 0 0 BYRADIUS 1 m STOREDIST",
                ":0",
            ),
            ("EXISTS to", ":0"),
            ("SET to text", "+OK"),
            ("GEORADIUS missing 15 37 200 km STORE to", ":0"),
            ("EXISTS to", ":0"),
        ],
    );
}

#[test]
fn refusals_come_in_the_order_of_redis() {
    script(
        &sicily(),
        &[
            ("SET s text", "+OK"),
            ("GEOSEARCH s FOO FOO FOO FOO FOO", WRONG),
            ("GEORADIUS s x y z q", WRONG),
            ("GEORADIUS g 15 37 x km", "-ERR need numeric radius"),
            ("GEORADIUS g 15 37 -1 km", "-ERR radius cannot be negative"),
            (
                "GEORADIUS g 15 37 1 parsec",
                "-ERR unsupported unit provided. please use M, KM, FT, MI",
            ),
            (
                "GEORADIUS g 15 97 1 km",
                "-ERR invalid longitude,latitude pair 15.000000,97.000000",
            ),
            ("GEORADIUS g 15 37 1 km COUNT 0", "-ERR COUNT must be > 0"),
            (
                "GEORADIUS g 15 37 1 km COUNT x",
                "-ERR value is not an integer or out of range",
            ),
            ("GEORADIUS g 15 37 1 km COUNT", "-ERR syntax error"),
            (
                "GEORADIUS g 15 37 1 km ANY",
                "-ERR the ANY argument requires COUNT argument",
            ),
            ("GEORADIUS_RO g 15 37 1 km STORE to", "-ERR syntax error"),
            (
                "GEORADIUS g 15 37 1 km WITHDIST STORE to",
                "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
            (
                "GEOSEARCHSTORE to g FROMLONLAT 15 37 BYRADIUS 1 km WITHHASH",
                "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
            (
                "GEORADIUSBYMEMBER g nobody 1 km",
                "-ERR could not decode requested zset member",
            ),
            (
                "GEOSEARCH g FROMMEMBER nobody BYRADIUS x km",
                "-ERR could not decode requested zset member",
            ),
            (
                "GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 -1 km",
                "-ERR height or width cannot be negative",
            ),
            (
                "GEOSEARCH g FROMLONLAT 15 37 BYBOX x 1 km",
                "-ERR need numeric width",
            ),
            (
                "GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 x km",
                "-ERR need numeric height",
            ),
            (
                "GEOsearch g BYRADIUS 1 km ASC ASC",
                "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOsearch",
            ),
            (
                "GEOSEARCH g FROMLONLAT 15 37 ASC ASC",
                "-ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH",
            ),
            (
                "GEOSEARCH g FROMLONLAT 15 37 FROMMEMBER Palermo BYRADIUS 1 km",
                "-ERR syntax error",
            ),
            (
                "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 km BYBOX 1 1 km",
                "-ERR syntax error",
            ),
            ("EXISTS to", ":0"),
        ],
    );
}

#[test]
fn a_search_finds_what_looking_at_all_finds() {
    let random = Numbers::seeded(21);
    let number = || (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
    let db = Db::open_in_memory();
    let mut all = Vec::new();
    for at in 0..2000 {
        let (longitude, latitude) = (number() * 40.0 - 20.0, number() * 100.0 - 50.0);
        let member = format!("m{at}");
        db.geoadd("g", &[(longitude, latitude, &member)]).unwrap();
        let place = Point::new(longitude, latitude).unwrap();
        all.push((Point::from_score(place.score()), member.into_bytes()));
    }
    for _ in 0..200 {
        let (longitude, latitude) = (number() * 40.0 - 20.0, number() * 100.0 - 50.0);
        let radius = number() * number() * 2000.0;
        let center = Point::new(longitude, latitude).unwrap();
        let mut near: Vec<_> = all
            .iter()
            .map(|(place, member)| (center.distance_m(*place), member))
            .filter(|(distance, _)| *distance <= radius * 1000.0)
            .collect();
        near.sort_by(|one, other| one.0.total_cmp(&other.0));
        let search = GeoSearch::around(longitude, latitude).within(radius, GeoUnit::Kilometres);
        let found = db.geosearch("g", search.nearest_first()).unwrap();
        let found: Vec<_> = found.iter().map(|found| &found.member).collect();
        assert_eq!(
            found,
            near.iter().map(|(_, member)| *member).collect::<Vec<_>>()
        );
        let nearest = db.geosearch("g", search.count(5)).unwrap();
        let nearest: Vec<_> = nearest.iter().map(|found| &found.member).collect();
        assert_eq!(nearest, found[..found.len().min(5)]);
        assert_eq!(
            db.geosearch("g", search.any(5)).unwrap().len(),
            found.len().min(5)
        );
    }
}

#[test]
fn typed_searches_refuse_what_is_no_length() {
    let db = sicily();
    let around = GeoSearch::around(15.0, 37.0);
    assert!(
        db.geosearch("g", around.within(-1.0, GeoUnit::Miles))
            .is_err()
    );
    assert!(
        db.geosearch("g", around.within(f64::NAN, GeoUnit::Miles))
            .is_err()
    );
    assert!(
        db.geosearch("g", around.within_box(1.0, -1.0, GeoUnit::Feet))
            .is_err()
    );
    assert!(db.geosearch("g", GeoSearch::around(0.0, 91.0)).is_err());
    assert!(
        db.geosearch("g", GeoSearch::around_member("nobody"))
            .is_err()
    );
    assert!(
        db.geosearch("missing", GeoSearch::around_member("nobody"))
            .unwrap()
            .is_empty()
    );
    let box_of_all = around.within_box(400.0, 400.0, GeoUnit::Kilometres);
    assert_eq!(
        db.geosearch("g", box_of_all.farthest_first()).unwrap()[0].member,
        b"edge1"
    );
    assert_eq!(
        db.geosearch_store_distances("to", "g", box_of_all).unwrap(),
        4
    );
    assert_eq!(
        db.geosearch_store("to", "g", box_of_all.count(1)).unwrap(),
        1
    );
}
