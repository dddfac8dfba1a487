use super::*;

fn point(longitude: f64, latitude: f64) -> Point {
    Point::new(longitude, latitude).unwrap()
}

const PALERMO: (f64, f64) = (13.361389, 38.115556);
const CATANIA: (f64, f64) = (15.087269, 37.502669);

/// Numbers that follow from a seed, between 0 and 1.
fn numbers(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn places_are_the_scores_that_redis_stores() {
    let palermo = point(PALERMO.0, PALERMO.1);
    assert_eq!(palermo.score(), 3_479_099_956_230_698.0);
    assert_eq!(point(CATANIA.0, CATANIA.1).score(), 3_479_447_370_796_909.0);
    let stored = Point::from_score(palermo.score());
    assert_eq!(format!("{:.17}", stored.longitude), "13.36138933897018433");
    assert_eq!(format!("{:.17}", stored.latitude), "38.11555639549629859");
    assert_eq!(&stored.geohash(), b"sqc8b49rny0");
    let corner = point(180.0, LATITUDE_MAX);
    assert_eq!(corner.score(), 13_510_798_882_111_488.0);
    assert_eq!(Point::from_score(corner.score()).longitude, 180.0);
}

#[test]
fn the_distance_is_that_of_redis() {
    let stored = |(longitude, latitude)| Point::from_score(point(longitude, latitude).score());
    let distance = stored(PALERMO).distance_m(stored(CATANIA));
    assert_eq!(format!("{distance:.4}"), "166274.1516");
    assert_eq!(stored(PALERMO).distance_m(stored(PALERMO)), 0.0);
}

#[test]
fn limits_are_the_edges_of_the_projection() {
    assert!(Point::new(180.0, 85.05112878).is_some());
    assert!(Point::new(-180.0, -85.05112878).is_some());
    assert!(Point::new(180.000_000_1, 0.0).is_none());
    assert!(Point::new(0.0, 85.051_128_79).is_none());
    assert!(Point::new(f64::NAN, 0.0).is_none());
    assert!(Point::new(0.0, f64::INFINITY).is_none());
}

#[test]
fn bits_are_spread_and_gathered() {
    for word in [0, 1, 2, 0x1234_5678, u32::MAX] {
        assert_eq!(gather(spread(word)), word);
        assert_eq!(gather(spread(word) | 0xaaaa_aaaa_aaaa_aaaa), word);
    }
    assert_eq!(spread(0b1011), 0b100_0101);
}

#[test]
fn any_score_is_a_place() {
    for score in [
        0.0,
        -0.0,
        -1.0,
        1.5,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        9_223_372_036_854_775_808.0,
        -9_223_372_036_854_775_808.0,
        1e-300,
    ] {
        let place = Point::from_score(score);
        assert!(Point::new(place.longitude, place.latitude).is_some());
        place.geohash();
    }
}

#[test]
fn a_place_and_its_score_agree_to_the_cell() {
    let mut next = numbers(1);
    for _ in 0..1000 {
        let place = point(next() * 360.0 - 180.0, (next() - 0.5) * 170.0);
        let stored = Point::from_score(place.score());
        assert_eq!(stored.score(), place.score());
        assert!(place.distance_m(stored) < 0.6);
    }
}

#[test]
fn cells_hold_every_place_of_the_area() {
    let mut next = numbers(2);
    let rounds = if cfg!(miri) { 20 } else { 3_000 };
    let mut within = 0;
    for round in 0..rounds {
        let center = point((next() - 0.5) * 340.0, (next() - 0.5) * 130.0);
        let size = 10_f64.powf(next() * 5.0);
        let area = Area {
            center,
            unit_m: 1.0,
            shape: if round % 2 == 0 {
                Shape::Circle { radius: size }
            } else {
                Shape::Rectangle {
                    width: size,
                    height: size * (0.1 + next()),
                }
            },
        };
        let cells = area.cells();
        assert!((1..=9).contains(&cells.len()));
        let degrees = size / EARTH_RADIUS_M / RADIANS_PER_DEGREE;
        for _ in 0..20 {
            let longitude = center.longitude + (next() - 0.5) * degrees * 6.0;
            let latitude = center.latitude + (next() - 0.5) * degrees * 2.4;
            let Some(place) = Point::new(longitude, latitude) else {
                continue;
            };
            let place = Point::from_score(place.score());
            if area.distance_within_m(place).is_some() {
                within += 1;
                let score = place.score();
                assert!(
                    cells.iter().any(|cell| cell.contains(&score)),
                    "{area:?} {place:?}"
                );
            }
        }
    }
    assert!(within > rounds * 2);
}

#[test]
fn cells_of_one_area_do_not_overlap() {
    let mut next = numbers(3);
    for _ in 0..2000 {
        let area = Area {
            center: point((next() - 0.5) * 340.0, (next() - 0.5) * 160.0),
            unit_m: 1000.0,
            shape: Shape::Circle {
                radius: next() * 1000.0,
            },
        };
        let cells = area.cells();
        for (at, one) in cells.iter().enumerate() {
            let others = &cells[at + 1..];
            let touches = |other: &Range<f64>| one.start < other.end && other.start < one.end;
            assert!(!others.iter().any(touches), "{area:?}");
        }
    }
}

#[test]
fn lengths_that_are_no_lengths_have_cells() {
    for length in [0.0, f64::MIN_POSITIVE, 1e300, f64::INFINITY] {
        for latitude in [0.0, 85.0, -85.0] {
            let circle = Shape::Circle { radius: length };
            let rectangle = Shape::Rectangle {
                width: length,
                height: 1.0,
            };
            for shape in [circle, rectangle] {
                let area = Area {
                    center: point(180.0, latitude),
                    unit_m: 1609.34,
                    shape,
                };
                assert!((1..=9).contains(&area.cells().len()));
                area.distance_within_m(point(0.0, 0.0));
            }
        }
    }
}
