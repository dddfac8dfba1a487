//! Places in sorted sets: `GEOADD`, `GEODIST`, `GEOHASH`, `GEOPOS`. `geo_search` finds them again.
//!
//! A place is the score of its name, in the form of [`value::geo`](crate::value::geo); every command of
//! sorted sets works on it.
//!
//! Invariant: every place is within its limits before one is added.

use super::args::{Args, check_words, refs};
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, WriteTx};
use crate::value::geo::Point;
use crate::value::number::parse_double;

/// What the rows here have in common.
const READ: CommandSpec = CommandSpec {
    name: "",
    arity: -2,
    flags: &[Flag::ReadOnly],
    keys: KeyPositions::FIRST,
    group: "geo",
    since: "3.2.0",
    summary: "",
    complexity: "O(M) where M is the number of members asked for",
    redis_complexity: "",
    differences: "",
    example: "",
    call: |_, _| Ok(Reply::Nil),
};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "GEOADD",
        arity: -5,
        flags: &[Flag::Write, Flag::DenyOom],
        summary: "Gives members of a sorted set places, on a condition if wanted.",
        complexity: "O(M*log(N)) where M is the number of places and N the size of the set",
        example: "GEOADD key 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
        call: |args, host| host.write(&Add::parse(args)?),
        ..READ
    },
    CommandSpec {
        name: "GEODIST",
        arity: -4,
        summary: "Returns the distance between two members.",
        complexity: "O(1)",
        redis_complexity: "O(log(N)) where N is the size of the set",
        example: "GEODIST key Palermo Catania km",
        call: |args, host| {
            let unit = match args.count() {
                4 => GeoUnit::Metres,
                5 => GeoUnit::parse(args.word(4)?)?,
                _ => return Err(CommandError::Syntax.into()),
            };
            let found = host.read_raw(&Places {
                key: args.word(1)?,
                members: &args.rest(2)[..2],
            })?;
            let distance = distance(&found.unwrap_or_default(), unit);
            Ok(distance.map_or(Reply::Nil, distance_reply))
        },
        ..READ
    },
    CommandSpec {
        name: "GEOHASH",
        summary: "Returns the places of members as geohashes of eleven letters.",
        example: "GEOHASH key Palermo Catania",
        call: |args, host| {
            let geohash = |point: Point| Reply::Bulk(point.geohash().to_vec());
            places(args, geohash, host)
        },
        ..READ
    },
    CommandSpec {
        name: "GEOPOS",
        summary: "Returns the places of members as longitudes and latitudes.",
        example: "GEOPOS key Palermo Catania",
        call: |args, host| places(args, point_reply, host),
        ..READ
    },
];

/// A unit of length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeoUnit {
    /// `m`
    Metres,
    /// `km`
    Kilometres,
    /// `ft`: 0.3048 m
    Feet,
    /// `mi`: 1609.34 m
    Miles,
}

impl GeoUnit {
    pub(super) fn parse(word: &[u8]) -> Result<Self, CommandError> {
        let named: [(&[u8], _); 4] = [
            (b"m", Self::Metres),
            (b"km", Self::Kilometres),
            (b"ft", Self::Feet),
            (b"mi", Self::Miles),
        ];
        let mut named = named
            .into_iter()
            .filter(|(name, _)| word.eq_ignore_ascii_case(name));
        named.next().map(|(_, unit)| unit).ok_or_else(|| {
            CommandError::Other("ERR unsupported unit provided. please use M, KM, FT, MI".into())
        })
    }

    /// How many metres one is.
    #[must_use]
    pub fn metres(self) -> f64 {
        match self {
            Self::Metres => 1.0,
            Self::Kilometres => 1000.0,
            Self::Feet => 0.3048,
            Self::Miles => 1609.34,
        }
    }
}

/// The words at these places as longitude and latitude.
pub(super) fn parse_point(args: Args<'_>, at: usize) -> Result<Point, CommandError> {
    let number = |at| parse_double(args.word(at)?).ok_or(CommandError::NotAFloat);
    point(number(at)?, number(at + 1)?)
}

pub(super) fn point(longitude: f64, latitude: f64) -> Result<Point, CommandError> {
    Point::new(longitude, latitude).ok_or_else(|| {
        let text = format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        CommandError::Other(text.into())
    })
}

pub(super) fn distance_reply(distance: f64) -> Reply {
    const PARTS: i64 = 10_000;
    // Redis counts ten-thousandths, which rounds once more than printing the number would.
    let count = (distance * PARTS as f64).round_ties_even() as i64;
    let (whole, parts) = (count / PARTS, (count % PARTS).unsigned_abs());
    Reply::Bulk(format!("{whole}.{parts:04}").into_bytes())
}

/// A coordinate as Redis prints it: 17 decimals, without the zeros at their end.
fn degrees(number: f64) -> Reply {
    let text = format!("{number:.17}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    Reply::from(if text == "-0" { "0" } else { text })
}

pub(super) fn point_reply(point: Point) -> Reply {
    Reply::Array(vec![degrees(point.longitude), degrees(point.latitude)])
}

/// `GEOADD`.
struct Add<'a> {
    key: &'a [u8],
    options: GeoAddOptions,
    /// Scores and members.
    items: Vec<(f64, &'a [u8])>,
}

/// Whom [`GeoWrite::geoadd_with`] gives places, and whom it counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct GeoAddOptions {
    only_new: bool,
    only_known: bool,
    count_changed: bool,
}

impl GeoAddOptions {
    /// All; the new ones.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only members that are not there yet.
    #[must_use]
    pub fn nx(mut self) -> Self {
        self.only_new = true;
        self
    }

    /// Only members that are there.
    #[must_use]
    pub fn xx(mut self) -> Self {
        self.only_known = true;
        self
    }

    /// Count those whose place has changed as well.
    #[must_use]
    pub fn ch(mut self) -> Self {
        self.count_changed = true;
        self
    }

    fn is_contradictory(self) -> bool {
        self.only_new && self.only_known
    }
}

impl<'a> Add<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut options = GeoAddOptions::new();
        let mut at = 2;
        loop {
            if args.is(at, "NX") {
                options.only_new = true;
            } else if args.is(at, "XX") {
                options.only_known = true;
            } else if args.is(at, "CH") {
                options.count_changed = true;
            } else {
                break;
            }
            at += 1;
        }
        let words = args.rest(at);
        if !words.len().is_multiple_of(3) || options.is_contradictory() || words.is_empty() {
            return Err(CommandError::Syntax);
        }
        let items = (at..args.count()).step_by(3).map(|at| {
            let point = parse_point(args, at)?;
            Ok((point.score(), args.word(at + 2)?))
        });
        Ok(Self {
            key: args.word(1)?,
            options,
            items: items.collect::<Result<_, CommandError>>()?,
        })
    }
}

impl WriteCommand for Add<'_> {
    /// How many members are new, or new or changed.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let entry = tx.entry(self.key);
        let is_missing = entry.is_none();
        entry.map(|entry| entry.zset()).transpose()?;
        let members: Vec<&[u8]> = self.items.iter().map(|(_, member)| *member).collect();
        check_words(tx.rules, &members)?;
        let GeoAddOptions {
            only_new,
            only_known,
            count_changed,
        } = self.options;
        if is_missing && only_known {
            return Ok(0);
        }
        let mut counted = 0;
        tx.event(Event::ZAdd);
        tx.zset_add_with(self.key, &self.items, |old, score| match old {
            None if only_known => None,
            None => {
                counted += 1;
                Some(score)
            }
            Some(_) if only_new => None,
            Some(old) => {
                counted += u64::from(count_changed && old != score);
                Some(score)
            }
        });
        Ok(counted)
    }
}

/// The places of members: `GEOPOS`, `GEOHASH`, `GEODIST`.
struct Places<'a> {
    key: &'a [u8],
    members: &'a [&'a [u8]],
}

impl ReadCommand for Places<'_> {
    /// `None` if there is no such key.
    type Output = Option<Vec<Option<Point>>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            return Ok(None);
        };
        let zset = entry.zset()?;
        let members = self.members.iter();
        let place = |member: &&[u8]| zset.score(member).map(Point::from_score);
        Ok(Some(members.map(place).collect()))
    }
}

fn distance(places: &[Option<Point>], unit: GeoUnit) -> Option<f64> {
    match places {
        &[Some(one), Some(other)] => Some(one.distance_m(other) / unit.metres()),
        _ => None,
    }
}

/// A reply for each member among the words.
fn places(
    args: Args<'_>,
    reply: impl Fn(Point) -> Reply,
    host: &dyn super::run::Host,
) -> Result<Reply, Error> {
    let members = args.rest(2);
    let found = host.read_raw(&Places {
        key: args.word(1)?,
        members,
    })?;
    let found = found.unwrap_or_else(|| vec![None; members.len()]);
    let replies = found.into_iter();
    Ok(Reply::Array(
        replies
            .map(|place| place.map_or(Reply::Nil, &reply))
            .collect(),
    ))
}

/// Asking for places.
pub trait GeoRead: RunRead {
    /// Returns the places of `members` of the sorted set at `key` as longitude and latitude in degrees, each
    /// `None` if there is no such member. A place is stored with 26 bits for each coordinate, to about
    /// 0.6 m. Redis: `GEOPOS`.
    ///
    /// # Complexity
    /// O(M) where M is the number of members asked for.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.geoadd("sicily", &[(13.361389, 38.115556, "Palermo")])?;
    /// let (longitude, latitude) = db.geopos("sicily", &["Palermo"])?[0].unwrap();
    /// assert!((longitude - 13.361389).abs() < 1e-5 && (latitude - 38.115556).abs() < 1e-5);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn geopos<M: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        members: &[M],
    ) -> Result<Vec<Option<(f64, f64)>>, Error> {
        let found = self.read(Places {
            key: key.as_ref(),
            members: &refs(members),
        })?;
        let found = found
            .unwrap_or_else(|| vec![None; members.len()])
            .into_iter();
        Ok(found
            .map(|place| place.map(|point| (point.longitude, point.latitude)))
            .collect())
    }

    /// Returns the distance between two members of the sorted set at `key`, or `None` if one is missing. The
    /// earth counts as a sphere, which is up to 0.5 % wrong. Redis: `GEODIST`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, GeoUnit, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.geoadd("sicily", &[
    ///     (13.361389, 38.115556, "Palermo"),
    ///     (15.087269, 37.502669, "Catania"),
    /// ])?;
    /// let distance = db.geodist("sicily", "Palermo", "Catania", GeoUnit::Kilometres)?.unwrap();
    /// assert_eq!(distance.round(), 166.0);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn geodist(
        &self,
        key: impl AsRef<[u8]>,
        one: impl AsRef<[u8]>,
        other: impl AsRef<[u8]>,
        unit: GeoUnit,
    ) -> Result<Option<f64>, Error> {
        let found = self.read(Places {
            key: key.as_ref(),
            members: &[one.as_ref(), other.as_ref()],
        })?;
        Ok(distance(&found.unwrap_or_default(), unit))
    }

    /// Returns the places of `members` of the sorted set at `key` as geohashes of eleven letters, each `None`
    /// if there is no such member. Redis: `GEOHASH`.
    ///
    /// # Complexity
    /// O(M) where M is the number of members asked for.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.geoadd("sicily", &[(13.361389, 38.115556, "Palermo")])?;
    /// assert_eq!(db.geohash("sicily", &["Palermo"])?, [Some("sqc8b49rny0".to_owned())]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn geohash<M: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        members: &[M],
    ) -> Result<Vec<Option<String>>, Error> {
        let found = self.read(Places {
            key: key.as_ref(),
            members: &refs(members),
        })?;
        let text = |point: Point| point.geohash().iter().copied().map(char::from).collect();
        let found = found
            .unwrap_or_else(|| vec![None; members.len()])
            .into_iter();
        Ok(found.map(|place| place.map(text)).collect())
    }
}

impl<T: RunRead> GeoRead for T {}

/// Giving places.
pub trait GeoWrite: RunWrite {
    /// Gives members of the sorted set at `key`, which is created if it is missing, places as longitude and
    /// latitude in degrees; returns how many are new. Redis: `GEOADD`.
    ///
    /// # Complexity
    /// O(M*log(N)) where M is the number of places and N the size of the set.
    ///
    /// # Errors
    /// [`CommandError::Other`] for a longitude beyond 180 or a latitude beyond 85.05112878 degrees,
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::StringTooLong`] past the
    /// limit, [`CommandError::Syntax`] without places; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.geoadd("sicily", &[(13.361389, 38.115556, "Palermo")])?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn geoadd<M: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        places: &[(f64, f64, M)],
    ) -> Result<u64, Error> {
        self.geoadd_with(key, places, GeoAddOptions::new())
    }

    /// As [`geoadd`](Self::geoadd), with options. Redis: `GEOADD` with `NX`, `XX`, `CH`.
    ///
    /// # Complexity
    /// As [`geoadd`](Self::geoadd).
    ///
    /// # Errors
    /// As [`geoadd`](Self::geoadd), and [`CommandError::Syntax`] for both conditions.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, GeoAddOptions, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.geoadd("ships", &[(13.36, 38.11, "Ada")])?;
    /// let moved = GeoAddOptions::new().xx().ch();
    /// assert_eq!(db.geoadd_with("ships", &[(13.37, 38.12, "Ada"), (0.0, 0.0, "Eve")], moved)?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn geoadd_with<M: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        places: &[(f64, f64, M)],
        options: GeoAddOptions,
    ) -> Result<u64, Error> {
        if places.is_empty() || options.is_contradictory() {
            return Err(CommandError::Syntax.into());
        }
        let items = places.iter().map(|(longitude, latitude, member)| {
            Ok((point(*longitude, *latitude)?.score(), member.as_ref()))
        });
        self.write(Add {
            key: key.as_ref(),
            options,
            items: items.collect::<Result<_, CommandError>>()?,
        })
    }
}

impl<T: RunWrite> GeoWrite for T {}

#[cfg(test)]
mod tests;
