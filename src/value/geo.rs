//! Places on the earth as scores of a sorted set: 52-bit geohashes, distances, and the ranges of scores
//! that hold the neighbourhood of a place.
//!
//! Called by the commands of `command::geo`. A score interleaves 26 bits of latitude (even bits) and 26
//! of longitude (odd bits), each a fraction of its limits; so a cell, which is a prefix of those bits, is
//! one range of scores.
//!
//! Invariants:
//! 1. Scores, decoded places and the order of the cells of an area are those of Redis 7.0, in every bit:
//!    the operations stand in its order.
//! 2. Any float is a score, and any float a radius: nothing here fails or panics.
//! 3. [`Area::cells`] are at most nine and disjoint, but for very large areas, whose cells may touch
//!    again behind the earth.
//!
//! It must not know sorted sets: it makes ranges and judges places.

use std::ops::Range;

/// The limit of longitudes, east and west.
pub(crate) const LONGITUDE_MAX: f64 = 180.0;
/// The limit of latitudes, north and south: that of the Web Mercator projection (EPSG:3857).
pub(crate) const LATITUDE_MAX: f64 = 85.051_128_78;
/// The radius with which Redis measures distances, in metres.
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
/// Half the equator of the projection, in metres.
const MERCATOR_MAX_M: f64 = 20_037_726.37;
const RADIANS_PER_DEGREE: f64 = std::f64::consts::PI / 180.0;
/// The bits of each coordinate in a score.
const STEPS_MAX: u32 = 26;

/// A place, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) longitude: f64,
    pub(crate) latitude: f64,
}

/// The coordinates of a cell along both axes, each of `steps` bits and counted from the south-west. On
/// the limits of the earth one may have a bit more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    x: u32,
    y: u32,
    steps: u32,
}

/// The edges of a cell, in degrees.
#[derive(Debug, Clone, Copy)]
struct Edges {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl Point {
    /// The place, if it lies within the limits.
    pub(crate) fn new(longitude: f64, latitude: f64) -> Option<Self> {
        let is_within = (-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&longitude)
            && (-LATITUDE_MAX..=LATITUDE_MAX).contains(&latitude);
        is_within.then_some(Self {
            longitude,
            latitude,
        })
    }

    /// The score that stands for it.
    pub(crate) fn score(self) -> f64 {
        Cell::around(self, STEPS_MAX, LATITUDE_MAX).bits() as f64
    }

    /// The place that a score stands for: the middle of its cell.
    pub(crate) fn from_score(score: f64) -> Self {
        let edges = Cell::from_bits(bits_of(score)).edges();
        let middle = |low: f64, high: f64, limit: f64| ((low + high) / 2.0).clamp(-limit, limit);
        Self {
            longitude: middle(edges.west, edges.east, LONGITUDE_MAX),
            latitude: middle(edges.south, edges.north, LATITUDE_MAX),
        }
    }

    /// The distance to another place by the haversine formula, in metres.
    pub(crate) fn distance_m(self, other: Self) -> f64 {
        let radians = |degrees: f64| degrees * RADIANS_PER_DEGREE;
        let (own, others) = (radians(self.latitude), radians(other.latitude));
        let u = ((others - own) / 2.0).sin();
        let v = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        let chord = u * u + own.cos() * others.cos() * v * v;
        // Between opposite places rounding may pass 1, of which there is no arc sine.
        2.0 * EARTH_RADIUS_M * chord.sqrt().min(1.0).asin()
    }

    /// The geohash of other systems: eleven letters, the last always `0`, as the score has bits for ten.
    pub(crate) fn geohash(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::around(self, STEPS_MAX, 90.0).bits();
        let mut text = [LETTERS[0]; 11];
        for (at, letter) in text.iter_mut().take(10).enumerate() {
            *letter = LETTERS[(bits >> (52 - (at + 1) * 5) & 0x1f) as usize];
        }
        text
    }
}

/// A score as the whole number that it stands for; what is none becomes what x86-64 makes of it.
fn bits_of(score: f64) -> u64 {
    const HALF: f64 = (1_u64 << 63) as f64;
    let signed = |number: f64| {
        let fits = (-HALF..HALF).contains(&number);
        if fits { number as i64 } else { i64::MIN }.cast_unsigned()
    };
    if score >= HALF {
        signed(score - HALF) ^ 1 << 63
    } else {
        signed(score)
    }
}

/// The bits of `word`, lowest first, at every other place from the lowest.
fn spread(word: u32) -> u64 {
    let mut spread = u64::from(word);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        spread = (spread | spread << shift) & mask;
    }
    spread
}

/// The inverse of [`spread`]; the bits between are not looked at.
fn gather(spread: u64) -> u32 {
    let mut word = spread & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        word = (word | word >> shift) & mask;
    }
    word as u32
}

impl Cell {
    /// The cell of this many steps that holds a place.
    fn around(point: Point, steps: u32, latitude_max: f64) -> Self {
        let scale = (1_u64 << steps) as f64;
        let along = |degrees: f64, limit: f64| ((degrees + limit) / (limit + limit) * scale) as u32;
        Self {
            x: along(point.longitude, LONGITUDE_MAX),
            y: along(point.latitude, latitude_max),
            steps,
        }
    }

    fn from_bits(bits: u64) -> Self {
        Self {
            x: gather(bits >> 1),
            y: gather(bits),
            steps: STEPS_MAX,
        }
    }

    fn bits(self) -> u64 {
        spread(self.y) | spread(self.x) << 1
    }

    fn edges(self) -> Edges {
        let scale = (1_u64 << self.steps) as f64;
        let edge = |index: u32, limit: f64| f64::from(index) / scale * (limit + limit) - limit;
        Edges {
            west: edge(self.x, LONGITUDE_MAX),
            east: edge(self.x.wrapping_add(1), LONGITUDE_MAX),
            south: edge(self.y, LATITUDE_MAX),
            north: edge(self.y.wrapping_add(1), LATITUDE_MAX),
        }
    }

    /// The cell this many cells to the east and north, around the earth.
    fn moved(self, east: i32, north: i32) -> Self {
        let mask = (1_u32 << self.steps) - 1;
        let along = |at: u32, by: i32| match by {
            0 => at,
            by => at.wrapping_add_signed(by) & mask,
        };
        Self {
            x: along(self.x, east),
            y: along(self.y, north),
            steps: self.steps,
        }
    }

    /// The scores that lie in it.
    fn scores(self) -> Range<f64> {
        let shift = 2 * (STEPS_MAX - self.steps);
        let bits = self.bits();
        (bits << shift) as f64..(bits.wrapping_add(1) << shift) as f64
    }
}

/// What an area looks like. Lengths are in the unit of the [`Area`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// Everything up to a distance.
    Circle { radius: f64 },
    /// Everything up to half a height to the north and south and half a width to the east and west.
    Rectangle { width: f64, height: f64 },
}

/// The neighbourhood of a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) center: Point,
    pub(crate) shape: Shape,
    /// How many metres the unit of the lengths has.
    pub(crate) unit_m: f64,
}

impl Area {
    /// The distance of a place from the centre in metres, if it lies within.
    pub(crate) fn distance_within_m(&self, point: Point) -> Option<f64> {
        match self.shape {
            Shape::Circle { radius } => {
                let distance = self.center.distance_m(point);
                // Not the same as `<=` for a limit that is no number.
                let is_beyond = distance > radius * self.unit_m;
                (!is_beyond).then_some(distance)
            }
            Shape::Rectangle { width, height } => {
                let corner = Point {
                    longitude: point.longitude,
                    latitude: self.center.latitude,
                };
                let beside = Point {
                    longitude: self.center.longitude,
                    latitude: point.latitude,
                };
                let is_beyond = point.distance_m(corner) > height * self.unit_m / 2.0
                    || point.distance_m(beside) > width * self.unit_m / 2.0;
                (!is_beyond).then(|| self.center.distance_m(point))
            }
        }
    }

    /// The radius of a circle that holds it, in metres.
    fn reach_m(&self) -> f64 {
        self.unit_m
            * match self.shape {
                Shape::Circle { radius } => radius,
                Shape::Rectangle { width, height } => {
                    (width / 2.0 * (width / 2.0) + height / 2.0 * (height / 2.0)).sqrt()
                }
            }
    }

    /// The edges of a box in degrees that holds it, unless it lies around a pole.
    fn bounds(&self) -> Edges {
        let (across, up) = match self.shape {
            Shape::Circle { radius } => (radius, radius),
            Shape::Rectangle { width, height } => (width / 2.0, height / 2.0),
        };
        let degrees = |radians: f64| radians / RADIANS_PER_DEGREE;
        let Point {
            longitude,
            latitude,
        } = self.center;
        let up = degrees(self.unit_m * up / EARTH_RADIUS_M);
        // Parallels are shorter towards the nearer pole.
        let narrow = if latitude < 0.0 {
            latitude - up
        } else {
            latitude + up
        };
        let shrunk = (narrow * RADIANS_PER_DEGREE).cos();
        let across = degrees(self.unit_m * across / EARTH_RADIUS_M / shrunk);
        Edges {
            west: longitude - across,
            east: longitude + across,
            south: latitude - up,
            north: latitude + up,
        }
    }

    /// How many steps a cell has that is about as large as the area.
    fn steps(&self) -> u32 {
        let mut reach_m = self.reach_m();
        if reach_m == 0.0 {
            return STEPS_MAX;
        }
        let mut steps = 1_i32;
        while reach_m < MERCATOR_MAX_M {
            reach_m *= 2.0;
            steps += 1;
        }
        let latitude = self.center.latitude.abs();
        // Two fewer than would do, and fewer where cells are narrow.
        steps -= 2 + i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        steps.clamp(1, STEPS_MAX as i32).cast_unsigned()
    }

    /// Ranges of scores that hold every place of the area, and others: the cell of its centre and those
    /// of its eight neighbours that it can reach into, in the order in which Redis visits them.
    pub(crate) fn cells(&self) -> Vec<Range<f64>> {
        let bounds = self.bounds();
        let steps = self.steps();
        let mut center = Cell::around(self.center, steps, LATITUDE_MAX);
        let is_narrow = center.moved(0, 1).edges().north < bounds.north
            || center.moved(0, -1).edges().south > bounds.south
            || center.moved(1, 0).edges().east < bounds.east
            || center.moved(-1, 0).edges().west > bounds.west;
        if steps > 1 && is_narrow {
            center = Cell::around(self.center, steps - 1, LATITUDE_MAX);
        }
        let own = center.edges();
        let knows_sides = center.steps >= 2;
        // Whether nothing of the area lies beyond a side of the cell.
        let is_held = |side: (i32, i32)| {
            knows_sides
                && ((side.1 < 0 && own.south < bounds.south)
                    || (side.1 > 0 && own.north > bounds.north)
                    || (side.0 < 0 && own.west < bounds.west)
                    || (side.0 > 0 && own.east > bounds.east))
        };
        const SIDES: [(i32, i32); 8] = [
            (0, 1),
            (0, -1),
            (1, 0),
            (-1, 0),
            (1, 1),
            (-1, 1),
            (1, -1),
            (-1, -1),
        ];
        let mut cells = vec![center];
        for side in SIDES.into_iter().filter(|&side| !is_held(side)) {
            let cell = center.moved(side.0, side.1);
            // On coarse steps two sides are the same cell.
            if cells.len() < 2 || cells.last() != Some(&cell) {
                cells.push(cell);
            }
        }
        cells.into_iter().map(Cell::scores).collect()
    }
}

#[cfg(test)]
mod tests;
