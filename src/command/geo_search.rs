//! Finding places: `GEOSEARCH`, `GEOSEARCHSTORE`, and the older `GEORADIUS` and `GEORADIUSBYMEMBER`.
//!
//! Invariants:
//! 1. Words are read where the key is seen already, for Redis's order of errors: the type first, and a
//!    member that must be there where its option stands.
//! 2. What is found, its order, and which of several equally far count, are those of Redis.

use super::args::{Args, printable};
use super::geo::{GeoUnit, distance_reply, parse_point, point, point_reply};
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions, Stored};
use super::zset_range::Copied;
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, WriteTx};
use crate::value::ZSetValue;
use crate::value::geo::{Area, Point, Shape};
use crate::value::number::parse_double;
use crate::value::partial_sort;
use crate::value::zset::ScoreBound;

/// What the rows here have in common.
const SEARCH: CommandSpec = CommandSpec {
    name: "GEOSEARCH",
    arity: -7,
    flags: &[Flag::ReadOnly],
    keys: KeyPositions::FIRST,
    group: "geo",
    since: "6.2.0",
    summary: "Returns the members of a sorted set with places in a circle or a box.",
    complexity: "O(N+log(M)) where N is the number of members in the cells around the area, which are up to \
                 nine, and M the size of the set",
    redis_complexity: "",
    differences: "",
    example: "GEOSEARCH key FROMLONLAT 15 37 BYBOX 400 400 km ASC COUNT 3 ANY WITHCOORD WITHDIST WITHHASH",
    call: |args, host| answer(args, Form::Search, host),
};

/// What the rows of searches around words' first place have in common.
const RADIUS: CommandSpec = CommandSpec {
    name: "GEORADIUS",
    arity: -6,
    flags: &[Flag::Write, Flag::DenyOom, Flag::MovableKeys],
    keys: KeyPositions::FIRST.and_stored(Stored::Radius),
    since: "3.2.0",
    summary: "Returns, or stores at a key, the members of a sorted set with places in a circle.",
    example: "GEORADIUS key 15 37 200 km COUNT 3 STORE to",
    call: |args, host| answer(args, Form::Radius { stores: true }, host),
    ..SEARCH
};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    RADIUS,
    CommandSpec {
        name: "GEORADIUSBYMEMBER",
        arity: -5,
        summary: "Returns, or stores at a key, the members of a sorted set with places around one of them.",
        example: "GEORADIUSBYMEMBER key Palermo 200 km STORE to",
        call: |args, host| answer(args, Form::Member { stores: true }, host),
        ..RADIUS
    },
    CommandSpec {
        name: "GEORADIUSBYMEMBER_RO",
        arity: -5,
        since: "3.2.10",
        summary: "Returns the members of a sorted set with places around one of them.",
        example: "GEORADIUSBYMEMBER_RO key Palermo 200 km WITHDIST",
        call: |args, host| answer(args, Form::Member { stores: false }, host),
        ..SEARCH
    },
    CommandSpec {
        name: "GEORADIUS_RO",
        arity: -6,
        since: "3.2.10",
        summary: "Returns the members of a sorted set with places in a circle.",
        example: "GEORADIUS_RO key 15 37 200 km DESC",
        call: |args, host| answer(args, Form::Radius { stores: false }, host),
        ..SEARCH
    },
    SEARCH,
    CommandSpec {
        name: "GEOSEARCHSTORE",
        arity: -8,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::range(1, 2, 1),
        summary: "Lets a key hold the members of a sorted set with places in a circle or a box.",
        example: "GEOSEARCHSTORE to key FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST",
        call: |args, host| answer(args, Form::SearchStore, host),
        ..SEARCH
    },
];

/// Which command's words they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Radius { stores: bool },
    Member { stores: bool },
    Search,
    SearchStore,
}

impl Form {
    /// Where the sorted set's key stands.
    fn key_at(self) -> usize {
        match self {
            Self::SearchStore => 2,
            Self::Radius { .. } | Self::Member { .. } | Self::Search => 1,
        }
    }

    /// Where the options start.
    fn options_at(self) -> usize {
        match self {
            Self::Radius { .. } => 6,
            Self::Member { .. } => 5,
            Self::Search => 2,
            Self::SearchStore => 3,
        }
    }

    fn is_search(self) -> bool {
        matches!(self, Self::Search | Self::SearchStore)
    }

    /// Whether options may name a key to store at.
    fn has_store_option(self) -> bool {
        matches!(
            self,
            Self::Radius { stores: true } | Self::Member { stores: true }
        )
    }

    /// The key that the answer goes to, if the words are all right.
    fn stored(self, args: Args<'_>) -> Option<&[u8]> {
        if self == Self::SearchStore {
            return args.word(1).ok();
        }
        if !self.has_store_option() {
            return None;
        }
        let (mut stored, mut at) = (None, self.options_at());
        while at + 1 < args.count() {
            if args.is(at, "STORE") || args.is(at, "STOREDIST") {
                stored = args.word(at + 1).ok();
                at += 1;
            } else if args.is(at, "COUNT") {
                at += 1;
            }
            at += 1;
        }
        stored
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As the cells and the sorted set have them.
    None,
    Nearest,
    Farthest,
}

/// What is wanted of those in an area.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    order: Order,
    /// 0 for all.
    count: u64,
    /// Whether those found first will do.
    any: bool,
    with_distance: bool,
    with_hash: bool,
    with_place: bool,
    stores_distance: bool,
}

const EVERYTHING: Wanted = Wanted {
    order: Order::None,
    count: 0,
    any: false,
    with_distance: false,
    with_hash: false,
    with_place: false,
    stores_distance: false,
};

/// A member in an area.
#[derive(Debug, Clone, Copy)]
struct Found<'z> {
    member: &'z [u8],
    score: f64,
    place: Point,
    distance_m: f64,
}

fn other(text: &'static str) -> CommandError {
    CommandError::Other(text.into())
}

/// The place of a member that must have one.
fn place_of(zset: &ZSetValue, member: &[u8]) -> Result<Point, CommandError> {
    let place = zset.score(member).map(Point::from_score);
    place.ok_or_else(|| other("ERR could not decode requested zset member"))
}

/// Word `at` as a length that is not negative, with the texts for what it is not.
fn length(args: Args<'_>, at: usize, not_a_number: &'static str) -> Result<f64, CommandError> {
    parse_double(args.word(at)?).ok_or(other(not_a_number))
}

/// The words at `at`: a radius and its unit.
fn circle(args: Args<'_>, at: usize) -> Result<(Shape, GeoUnit), CommandError> {
    let radius = length(args, at, "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err(other("ERR radius cannot be negative"));
    }
    Ok((
        Shape::Circle { radius },
        GeoUnit::parse(args.word(at + 1)?)?,
    ))
}

/// The words at `at`: width, height and their unit.
fn rectangle(args: Args<'_>, at: usize) -> Result<(Shape, GeoUnit), CommandError> {
    let width = length(args, at, "ERR need numeric width")?;
    let height = length(args, at + 1, "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return Err(other("ERR height or width cannot be negative"));
    }
    let unit = GeoUnit::parse(args.word(at + 2)?)?;
    Ok((Shape::Rectangle { width, height }, unit))
}

/// Options as they are read.
#[derive(Default)]
struct Parsed {
    center: Option<Point>,
    has_member: bool,
    shape: Option<(Shape, GeoUnit)>,
}

/// What words ask for; `None` if they are all right and there is no `zset`.
fn parse(
    args: Args<'_>,
    form: Form,
    zset: Option<&ZSetValue>,
) -> Result<Option<(Area, Wanted)>, CommandError> {
    let mut parsed = Parsed::default();
    match form {
        Form::Radius { .. } => {
            parsed.center = Some(parse_point(args, 2)?);
            parsed.shape = Some(circle(args, 4)?);
        }
        Form::Member { .. } => {
            if let Some(zset) = zset {
                parsed.center = Some(place_of(zset, args.word(2)?)?);
                parsed.shape = Some(circle(args, 3)?);
            }
        }
        Form::Search | Form::SearchStore => {}
    }
    let mut wanted = EVERYTHING;
    let mut at = form.options_at();
    while at < args.count() {
        at += 1 + match option(args, at, form, zset, &mut parsed, &mut wanted)? {
            Some(words) => words,
            None => return Err(CommandError::Syntax),
        };
    }
    let has_extras = wanted.with_distance || wanted.with_hash || wanted.with_place;
    if has_extras && form.stored(args).is_some() {
        let who = if form == Form::SearchStore {
            "GEOSEARCHSTORE"
        } else {
            "STORE option in GEORADIUS"
        };
        let text =
            format!("ERR {who} is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
        return Err(CommandError::Other(text.into()));
    }
    let one_of = |what: &str| {
        let name = args.word(0).unwrap_or_default();
        let text = format!(
            "ERR exactly one of {what} can be specified for {}",
            printable(name)
        );
        CommandError::Other(text.into())
    };
    if form.is_search() && parsed.center.is_none() && !parsed.has_member {
        return Err(one_of("FROMMEMBER or FROMLONLAT"));
    }
    if form.is_search() && parsed.shape.is_none() {
        return Err(one_of("BYRADIUS and BYBOX"));
    }
    if wanted.any && wanted.count == 0 {
        return Err(other("ERR the ANY argument requires COUNT argument"));
    }
    if wanted.count > 0 && wanted.order == Order::None && !wanted.any {
        wanted.order = Order::Nearest;
    }
    let (Some(_), Some(center), Some((shape, unit))) = (zset, parsed.center, parsed.shape) else {
        return Ok(None);
    };
    let area = Area {
        center,
        shape,
        unit_m: unit.metres(),
    };
    Ok(Some((area, wanted)))
}

/// Reads the option at `at`; answers how many words belong to it, `None` if it is none.
fn option(
    args: Args<'_>,
    at: usize,
    form: Form,
    zset: Option<&ZSetValue>,
    parsed: &mut Parsed,
    wanted: &mut Wanted,
) -> Result<Option<usize>, CommandError> {
    let after = args.count() - at - 1;
    let is_search = form.is_search();
    let (is_circle, is_rectangle) = match parsed.shape {
        Some((Shape::Circle { .. }, _)) => (true, false),
        Some((Shape::Rectangle { .. }, _)) => (false, true),
        None => (false, false),
    };
    let is_from_place = parsed.center.is_some() && !parsed.has_member;
    let words = if args.is(at, "WITHDIST") {
        wanted.with_distance = true;
        0
    } else if args.is(at, "WITHHASH") {
        wanted.with_hash = true;
        0
    } else if args.is(at, "WITHCOORD") {
        wanted.with_place = true;
        0
    } else if args.is(at, "ANY") {
        wanted.any = true;
        0
    } else if args.is(at, "ASC") {
        wanted.order = Order::Nearest;
        0
    } else if args.is(at, "DESC") {
        wanted.order = Order::Farthest;
        0
    } else if args.is(at, "COUNT") && after >= 1 {
        let count = u64::try_from(args.int(at + 1)?)
            .ok()
            .filter(|&count| count > 0);
        wanted.count = count.ok_or_else(|| other("ERR COUNT must be > 0"))?;
        1
    } else if form.has_store_option() && args.is(at, "STORE") && after >= 1 {
        wanted.stores_distance = false;
        1
    } else if form.has_store_option() && args.is(at, "STOREDIST") && after >= 1 {
        wanted.stores_distance = true;
        1
    } else if is_search && args.is(at, "FROMMEMBER") && after >= 1 && !is_from_place {
        if let Some(zset) = zset {
            parsed.center = Some(place_of(zset, args.word(at + 1)?)?);
        }
        parsed.has_member = true;
        1
    } else if is_search && args.is(at, "FROMLONLAT") && after >= 2 && !parsed.has_member {
        parsed.center = Some(parse_point(args, at + 1)?);
        2
    } else if is_search && args.is(at, "BYRADIUS") && after >= 2 && !is_rectangle {
        parsed.shape = Some(circle(args, at + 1)?);
        2
    } else if is_search && args.is(at, "BYBOX") && after >= 3 && !is_circle {
        parsed.shape = Some(rectangle(args, at + 1)?);
        3
    } else if form == Form::SearchStore && args.is(at, "STOREDIST") {
        wanted.stores_distance = true;
        0
    } else {
        return Ok(None);
    };
    Ok(Some(words))
}

/// Those in an area, in the order that is wanted.
fn search<'z>(zset: &'z ZSetValue, area: &Area, wanted: &Wanted) -> Vec<Found<'z>> {
    let stop_at = if wanted.any {
        usize::try_from(wanted.count).unwrap_or(usize::MAX)
    } else {
        usize::MAX
    };
    let mut found = Vec::new();
    for scores in area.cells() {
        let (min, max) = (
            ScoreBound::Inclusive(scores.start),
            ScoreBound::Exclusive(scores.end),
        );
        for (member, score) in zset.range(zset.ranks_by_score(min, max)) {
            if found.len() >= stop_at {
                break;
            }
            let place = Point::from_score(score);
            if let Some(distance_m) = area.distance_within_m(place) {
                found.push(Found {
                    member,
                    score,
                    place,
                    distance_m,
                });
            }
        }
    }
    let kept = match wanted.count {
        0 => found.len(),
        count => found
            .len()
            .min(usize::try_from(count).unwrap_or(usize::MAX)),
    };
    let nearest = |one: &Found<'_>, other: &Found<'_>| one.distance_m.total_cmp(&other.distance_m);
    let compare: &dyn Fn(&Found<'_>, &Found<'_>) -> std::cmp::Ordering = match wanted.order {
        Order::None => return found.into_iter().take(kept).collect(),
        Order::Nearest => &nearest,
        Order::Farthest => &|one, other| nearest(other, one),
    };
    if kept == found.len() {
        found.sort_by(compare);
    } else {
        partial_sort(&mut found, 0..=kept.saturating_sub(1), compare);
        found.truncate(kept);
    }
    found
}

/// What is told of one in an area.
fn reply(found: &Found<'_>, area: &Area, wanted: &Wanted) -> Reply {
    let member = Reply::Bulk(found.member.to_vec());
    if !(wanted.with_distance || wanted.with_hash || wanted.with_place) {
        return member;
    }
    let mut parts = vec![member];
    if wanted.with_distance {
        parts.push(distance_reply(found.distance_m / area.unit_m));
    }
    if wanted.with_hash {
        let fits = found.score.abs() < 9.2e18;
        parts.push(Reply::Int(if fits { found.score as i64 } else { i64::MIN }));
    }
    if wanted.with_place {
        parts.push(point_reply(found.place));
    }
    Reply::Array(parts)
}

/// A search in words that is answered.
struct Answer<'a> {
    args: Args<'a>,
    form: Form,
    key: &'a [u8],
}

impl ReadCommand for Answer<'_> {
    type Output = Reply;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Reply, CommandError> {
        let entry = tx.entry(self.key);
        let zset = entry.map(|entry| entry.zset()).transpose()?;
        let asked = parse(self.args, self.form, zset)?;
        let replies = match (zset, asked) {
            (Some(zset), Some((area, wanted))) => {
                let found = search(zset, &area, &wanted);
                found
                    .iter()
                    .map(|found| reply(found, &area, &wanted))
                    .collect()
            }
            _ => Vec::new(),
        };
        Ok(Reply::Array(replies))
    }
}

/// Stores what a search has found; answers how many.
fn store(
    tx: &mut WriteTx<'_>,
    to: &[u8],
    from: &[u8],
    event: Event,
    asked: impl FnOnce(Option<&ZSetValue>) -> Result<Option<(Area, Wanted)>, CommandError>,
) -> Result<u64, CommandError> {
    let entry = tx.entry(from);
    let zset = entry.map(|entry| entry.zset()).transpose()?;
    let asked = asked(zset)?;
    let mut copied = Copied::default();
    if let (Some(zset), Some((area, wanted))) = (zset, asked) {
        for found in search(zset, &area, &wanted) {
            let score = if wanted.stores_distance {
                found.distance_m / area.unit_m
            } else {
                found.score
            };
            copied.push(found.member, score);
        }
    }
    copied.store_whole(tx, to, event)
}

/// A search in words that is stored.
struct Store<'a> {
    args: Args<'a>,
    form: Form,
    from: &'a [u8],
    to: &'a [u8],
}

impl WriteCommand for Store<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::Two(self.to, self.from)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let event = match self.form {
            Form::Radius { .. } | Form::Member { .. } => Event::GeoRadiusStore,
            Form::Search | Form::SearchStore => Event::GeoSearchStore,
        };
        store(tx, self.to, self.from, event, |zset| {
            parse(self.args, self.form, zset)
        })
    }
}

/// Any of the commands here.
fn answer(args: Args<'_>, form: Form, host: &dyn Host) -> Result<Reply, Error> {
    let from = args.word(form.key_at())?;
    match form.stored(args) {
        Some(to) => host.write(&Store {
            args,
            form,
            from,
            to,
        }),
        None => host.read(&Answer {
            args,
            form,
            key: from,
        }),
    }
}

/// Where a [`GeoSearch`] starts from.
#[derive(Debug, Clone, Copy)]
enum Start<'a> {
    Place(f64, f64),
    Member(&'a [u8]),
}

/// Which places [`GeoSearchRead::geosearch`] looks for.
///
/// ```
/// # use nacredb::{Db, GeoSearch, GeoUnit, prelude::*};
/// # let db = Db::open_in_memory();
/// db.geoadd("sicily", &[(13.361389, 38.115556, "Palermo"), (15.087269, 37.502669, "Catania")])?;
/// let near = GeoSearch::around(15.0, 37.0).within(100.0, GeoUnit::Kilometres);
/// let found = db.geosearch("sicily", near)?;
/// assert_eq!(found[0].member, b"Catania");
/// assert_eq!(found[0].distance.round(), 56.0);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct GeoSearch<'a> {
    from: Start<'a>,
    shape: Shape,
    unit: GeoUnit,
    wanted: Wanted,
}

impl<'a> GeoSearch<'a> {
    fn new(from: Start<'a>) -> Self {
        Self {
            from,
            shape: Shape::Circle { radius: 0.0 },
            unit: GeoUnit::Metres,
            wanted: EVERYTHING,
        }
    }

    /// Around a place, as longitude and latitude in degrees. Redis: `FROMLONLAT`.
    #[must_use]
    pub fn around(longitude: f64, latitude: f64) -> Self {
        Self::new(Start::Place(longitude, latitude))
    }

    /// Around a member of the sorted set. Redis: `FROMMEMBER`.
    pub fn around_member<M: AsRef<[u8]> + ?Sized>(member: &'a M) -> Self {
        Self::new(Start::Member(member.as_ref()))
    }

    /// Up to this distance. Redis: `BYRADIUS`.
    #[must_use]
    pub fn within(mut self, radius: f64, unit: GeoUnit) -> Self {
        (self.shape, self.unit) = (Shape::Circle { radius }, unit);
        self
    }

    /// In a box of this size, in the middle of which the search starts. Redis: `BYBOX`.
    #[must_use]
    pub fn within_box(mut self, width: f64, height: f64, unit: GeoUnit) -> Self {
        (self.shape, self.unit) = (Shape::Rectangle { width, height }, unit);
        self
    }

    /// The nearest first. Redis: `ASC`.
    #[must_use]
    pub fn nearest_first(mut self) -> Self {
        self.wanted.order = Order::Nearest;
        self
    }

    /// The farthest first. Redis: `DESC`.
    #[must_use]
    pub fn farthest_first(mut self) -> Self {
        self.wanted.order = Order::Farthest;
        self
    }

    /// At most this many: the first of the order, which is the nearest first if none is given. 0 is no
    /// limit. Redis: `COUNT`.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        (self.wanted.count, self.wanted.any) = (count, false);
        self
    }

    /// At most this many, those found first, which is cheaper. 0 is no limit. Redis: `COUNT` with `ANY`.
    #[must_use]
    pub fn any(mut self, count: u64) -> Self {
        (self.wanted.count, self.wanted.any) = (count, count > 0);
        self
    }

    fn resolve(&self, zset: Option<&ZSetValue>) -> Result<Option<(Area, Wanted)>, CommandError> {
        let (width, height) = match self.shape {
            Shape::Circle { radius } => (radius, radius),
            Shape::Rectangle { width, height } => (width, height),
        };
        if width.is_nan() || height.is_nan() {
            return Err(CommandError::NotAFloat);
        }
        if width < 0.0 || height < 0.0 {
            return Err(match self.shape {
                Shape::Circle { .. } => other("ERR radius cannot be negative"),
                Shape::Rectangle { .. } => other("ERR height or width cannot be negative"),
            });
        }
        let center = match (self.from, zset) {
            (Start::Place(longitude, latitude), _) => point(longitude, latitude)?,
            (Start::Member(member), Some(zset)) => place_of(zset, member)?,
            (Start::Member(_), None) => return Ok(None),
        };
        let area = Area {
            center,
            shape: self.shape,
            unit_m: self.unit.metres(),
        };
        let mut wanted = self.wanted;
        if wanted.count > 0 && wanted.order == Order::None && !wanted.any {
            wanted.order = Order::Nearest;
        }
        Ok(Some((area, wanted)))
    }
}

/// A member that a search has found.
#[derive(Debug, Clone, PartialEq)]
pub struct GeoFound {
    /// The member.
    pub member: Vec<u8>,
    /// How far it is from where the search started, in the unit of the search.
    pub distance: f64,
    /// Its score: the 52 bits of its place.
    pub score: f64,
    /// Its longitude in degrees.
    pub longitude: f64,
    /// Its latitude in degrees.
    pub latitude: f64,
}

struct TypedSearch<'a> {
    key: &'a [u8],
    search: GeoSearch<'a>,
}

impl ReadCommand for TypedSearch<'_> {
    type Output = Vec<GeoFound>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Vec<GeoFound>, CommandError> {
        let entry = tx.entry(self.key);
        let zset = entry.map(|entry| entry.zset()).transpose()?;
        let (Some(zset), Some((area, wanted))) = (zset, self.search.resolve(zset)?) else {
            return Ok(Vec::new());
        };
        let found = search(zset, &area, &wanted).into_iter();
        Ok(found
            .map(|found| GeoFound {
                member: found.member.to_vec(),
                distance: found.distance_m / area.unit_m,
                score: found.score,
                longitude: found.place.longitude,
                latitude: found.place.latitude,
            })
            .collect())
    }
}

struct TypedStore<'a> {
    to: &'a [u8],
    from: &'a [u8],
    search: GeoSearch<'a>,
}

impl WriteCommand for TypedStore<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::Two(self.to, self.from)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let event = Event::GeoSearchStore;
        store(tx, self.to, self.from, event, |zset| {
            self.search.resolve(zset)
        })
    }
}

/// Finding places.
pub trait GeoSearchRead: RunRead {
    /// Returns the members of the sorted set at `key` with places in an area. Redis: `GEOSEARCH`,
    /// `GEORADIUS`, `GEORADIUSBYMEMBER`.
    ///
    /// # Complexity
    /// O(N+log(M)) where N is the number of members in the cells around the area, which are up to nine, and M
    /// the size of the set.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; [`CommandError::Other`] for a place beyond the
    /// limits, a member that is not there, or a negative length; [`CommandError::NotAFloat`] for a length
    /// that is NaN.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, GeoSearch, GeoUnit, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.geoadd("sicily", &[(13.361389, 38.115556, "Palermo"), (15.087269, 37.502669, "Catania")])?;
    /// let near = GeoSearch::around_member("Palermo").within(200.0, GeoUnit::Kilometres);
    /// assert_eq!(db.geosearch("sicily", near.farthest_first())?[0].member, b"Catania");
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn geosearch(
        &self,
        key: impl AsRef<[u8]>,
        search: GeoSearch<'_>,
    ) -> Result<Vec<GeoFound>, Error> {
        let key = key.as_ref();
        self.read(TypedSearch { key, search })
    }
}

impl<T: RunRead> GeoSearchRead for T {}

/// Storing places that are found.
pub trait GeoSearchWrite: RunWrite {
    /// Lets `to`, which may be `from`, hold the members of the sorted set at `from` with places in an area,
    /// and nothing else; returns how many they are. Without any, `to` is removed. Redis: `GEOSEARCHSTORE`,
    /// and the option `STORE` of `GEORADIUS` and `GEORADIUSBYMEMBER`.
    ///
    /// # Complexity
    /// O(N+log(M)) where N is the number of members in the cells around the area, which are up to nine, and M
    /// the size of the set; and O(K*log(K)) where K is the size of the answer.
    ///
    /// # Errors
    /// As [`geosearch`](GeoSearchRead::geosearch), and [`CommandError::StringTooLong`] for more than 4 GB;
    /// nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, GeoSearch, GeoUnit, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.geoadd("sicily", &[(13.361389, 38.115556, "Palermo")])?;
    /// let near = GeoSearch::around(13.0, 38.0).within(100.0, GeoUnit::Kilometres);
    /// assert_eq!(db.geosearch_store("near", "sicily", near)?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn geosearch_store(
        &self,
        to: impl AsRef<[u8]>,
        from: impl AsRef<[u8]>,
        search: GeoSearch<'_>,
    ) -> Result<u64, Error> {
        let (to, from) = (to.as_ref(), from.as_ref());
        self.write(TypedStore { to, from, search })
    }

    /// As [`geosearch_store`](Self::geosearch_store), with distances, in the unit of the search, for scores.
    /// Redis: the option `STOREDIST`.
    ///
    /// # Complexity
    /// As [`geosearch_store`](Self::geosearch_store).
    ///
    /// # Errors
    /// As [`geosearch_store`](Self::geosearch_store).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, GeoSearch, GeoUnit, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.geoadd("sicily", &[(13.361389, 38.115556, "Palermo")])?;
    /// let near = GeoSearch::around(13.0, 38.0).within(100.0, GeoUnit::Kilometres);
    /// assert_eq!(db.geosearch_store_distances("near", "sicily", near)?, 1);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn geosearch_store_distances(
        &self,
        to: impl AsRef<[u8]>,
        from: impl AsRef<[u8]>,
        mut search: GeoSearch<'_>,
    ) -> Result<u64, Error> {
        search.wanted.stores_distance = true;
        self.geosearch_store(to, from, search)
    }
}

impl<T: RunWrite> GeoSearchWrite for T {}

#[cfg(test)]
mod tests;
