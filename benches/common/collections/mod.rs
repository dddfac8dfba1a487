//! `collections`: one list, one hash, one set and one sorted set of many elements.
//!
//! Each type gets processes of its own, filled with that type and nothing else, so that their resident
//! memory is its memory. Then every operation goes round the contestants, repetition by repetition.
//!
//! 1. All contestants get the same calls in the same order, and read what they are asked for: the sums
//!    they answer must agree with the first one's, or the bench ends.
//! 2. A contestant that cannot do an operation says so; one that needs milliseconds for a call gets few
//!    calls, and its sum over the first of them is compared.

pub(crate) mod nacre;
pub(crate) mod std_types;

use std::time::Duration;

use super::child::{self, Answer, Contestant, Running};
use super::clock::{Latencies, measure, resident_bytes};
use super::data::{Key, Random, key, mix};
use super::table::{Figures, Table, short};
use super::{keys, rounds, say};

const WORKLOAD: &str = "collections";
/// How many calls every contestant also makes before the clock starts, to compare the answers.
const CHECKED: usize = 10;
/// How many calls a slow one makes.
const FEW: usize = 10;
/// Elements in an answer of a range.
pub(crate) const SPAN: u64 = 100;
/// Scores are whole numbers below this.
pub(crate) const SCORES: u64 = 1_000_000_000;
/// How many writes are timed one by one under a snapshot.
const TOUCHES: usize = 1_000;

/// A type of collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Elements of 16 bytes.
    List,
    /// Fields of 16 bytes with values of 16 bytes.
    Hash,
    /// Members of 16 bytes.
    Set,
    /// Members of 16 bytes with whole scores.
    ZSet,
}

const KINDS: [Kind; 4] = [Kind::List, Kind::Hash, Kind::Set, Kind::ZSet];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Hash => "hash",
            Self::Set => "set",
            Self::ZSet => "zset",
        }
    }

    /// Bytes of an element that are the user's own.
    fn payload_bytes(self) -> u64 {
        match self {
            Self::List | Self::Set => 16,
            Self::Hash => 32,
            Self::ZSet => 24,
        }
    }
}

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// `LINDEX` at a random place, the element copied.
    Index,
    /// The same, where the place of each call waits for the last answer.
    IndexChained,
    /// `LRANGE` of 100 elements from a random place, copied.
    Range,
    /// The same, nothing copied.
    RangeVisit,
    /// `LPUSH` and then `RPOP`.
    PushPop,
    /// `LSET` at a random place.
    SetAt,
    /// `HGET`, the value copied.
    Get,
    /// The same, nothing copied.
    GetVisit,
    /// The same, where the field of each call waits for the last answer.
    GetChained,
    /// `HEXISTS` of a field that is not there.
    GetAbsent,
    /// `HSET` of a field that is there.
    SetField,
    /// `SISMEMBER` of a member.
    Contains,
    /// `SISMEMBER` of something else.
    ContainsAbsent,
    /// `SADD` of a member that is there.
    AddAgain,
    /// `SADD` of a new member and then `SREM` of it.
    AddRemove,
    /// `SINTER` of two sets a tenth as large, with half of their members in common.
    Intersect,
    /// `ZADD` of a new score for a member.
    ZUpdate,
    /// `ZSCORE`.
    ZScore,
    /// `ZRANK`.
    ZRank,
    /// `ZRANGE` of 100 members with scores from a random rank, copied.
    ZRange,
    /// The same, nothing copied.
    ZRangeVisit,
    /// `ZRANGEBYSCORE` between two scores with about 100 members between them, `LIMIT 0 100`, copied.
    ZWindow,
    /// `ZRANGEBYSCORE` from a random score to infinity, `LIMIT 0 100`, copied.
    ZLimit,
    /// The same, nothing copied.
    ZLimitVisit,
}

/// An operation as the parent sees it.
struct Row {
    op: Op,
    kind: Kind,
    name: &'static str,
    title: &'static str,
    calls: usize,
    goal: &'static str,
}

const fn row(
    op: Op,
    kind: Kind,
    name: &'static str,
    title: &'static str,
    calls: usize,
    goal: &'static str,
) -> Row {
    Row {
        op,
        kind,
        name,
        title,
        calls,
        goal,
    }
}

#[rustfmt::skip]
const ROWS: [Row; 24] = {
    use Kind::{Hash, List, Set, ZSet};
    const TWICE: &str = "2 × std";
    const NEAR: &str = "1.3 × std";
    const ORDERED: &str = "kevy / 3, or 1.5 × std";
    const MANY: usize = 100_000;
    const SOME: usize = 2_000;
    [
        row(Op::Index, List, "index", "LINDEX", MANY, TWICE),
        row(Op::IndexChained, List, "index-chained", "LINDEX, each after the last", MANY, ""),
        row(Op::Range, List, "range", "LRANGE of 100", SOME, TWICE),
        row(Op::RangeVisit, List, "range-visit", "LRANGE of 100, lent", SOME, TWICE),
        row(Op::PushPop, List, "push-pop", "LPUSH, RPOP", MANY, ""),
        row(Op::SetAt, List, "set-at", "LSET", MANY, ""),
        row(Op::Get, Hash, "get", "HGET", MANY, NEAR),
        row(Op::GetVisit, Hash, "get-visit", "HGET, lent", MANY, NEAR),
        row(Op::GetChained, Hash, "get-chained", "HGET, lent, each after the last", MANY, ""),
        row(Op::GetAbsent, Hash, "get-absent", "HEXISTS, absent", MANY, ""),
        row(Op::SetField, Hash, "set-field", "HSET", MANY, ""),
        row(Op::Contains, Set, "contains", "SISMEMBER", MANY, NEAR),
        row(Op::ContainsAbsent, Set, "contains-absent", "SISMEMBER, absent", MANY, ""),
        row(Op::AddAgain, Set, "add-again", "SADD, there already", MANY, ""),
        row(Op::AddRemove, Set, "add-remove", "SADD, SREM", MANY, ""),
        row(Op::Intersect, Set, "intersect", "SINTER of two tenths", 3, "1 × std"),
        row(Op::ZUpdate, ZSet, "update", "ZADD, another score", MANY, ORDERED),
        row(Op::ZScore, ZSet, "score", "ZSCORE", MANY, ""),
        row(Op::ZRank, ZSet, "rank", "ZRANK", MANY, ORDERED),
        row(Op::ZRange, ZSet, "range", "ZRANGE of 100", SOME, ORDERED),
        row(Op::ZRangeVisit, ZSet, "range-visit", "ZRANGE of 100, lent", SOME, ""),
        row(Op::ZWindow, ZSet, "window", "by score, 100 between", SOME, ORDERED),
        row(Op::ZLimit, ZSet, "limit", "by score to +inf, LIMIT 0 100", SOME, ORDERED),
        row(Op::ZLimitVisit, ZSet, "limit-visit", "the same, lent", SOME, ""),
    ]
};

/// A write that is timed alone while a snapshot lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    /// `LSET` at a random place.
    SetAt,
    /// `LPUSH`.
    Push,
    /// `HSET` of a field that is there.
    SetField,
    /// `SADD` of a new member.
    Add,
    /// `ZADD` of a new score for a member.
    ZUpdate,
}

const TOUCHED: [(Kind, Touch, &str, &str); 5] = [
    (Kind::List, Touch::SetAt, "set-at", "LSET"),
    (Kind::List, Touch::Push, "push", "LPUSH"),
    (Kind::Hash, Touch::SetField, "set-field", "HSET"),
    (Kind::Set, Touch::Add, "add", "SADD, new"),
    (Kind::ZSet, Touch::ZUpdate, "update", "ZADD, another score"),
];

/// Calls, spelt out before the clock starts. Elements are named by numbers below the size.
#[derive(Debug)]
pub(crate) struct Picks {
    /// Which elements, or which places.
    pub(crate) at: Vec<u64>,
    /// The same as keys.
    pub(crate) keys: Vec<Key>,
    /// A new element, value or member for each call.
    pub(crate) fresh: Vec<Key>,
    /// A new score for each call; or where a range of scores begins.
    pub(crate) scores: Vec<f64>,
    /// How far such a range goes.
    pub(crate) width: f64,
}

impl Picks {
    fn new(size: u64, count: usize, version: u64) -> Self {
        let mut random = Random::new(version);
        let at: Vec<u64> = (0..count).map(|_| random.below(size - SPAN)).collect();
        let keys = at.iter().map(|&at| key(at)).collect();
        // Numbers from 2^40 on are nobody's.
        let fresh = |call: u64| key((1 << 40) + (version << 20) + call);
        Self {
            fresh: (0..count as u64).map(fresh).collect(),
            // Up to 9/10 of the scores, so that a range from there holds its hundred.
            scores: at
                .iter()
                .map(|&at| (mix(at ^ (version << 40)) % (SCORES / 10 * 9)) as f64)
                .collect(),
            // Never a whole number: no score lies on the far end.
            width: (SCORES * SPAN / size) as f64 + 0.5,
            at,
            keys,
        }
    }

    fn first(&self, count: usize) -> Self {
        let count = count.min(self.at.len());
        Self {
            at: self.at[..count].to_vec(),
            keys: self.keys[..count].to_vec(),
            fresh: self.fresh[..count].to_vec(),
            scores: self.scores[..count].to_vec(),
            width: self.width,
        }
    }
}

/// The score with which member `index` is loaded.
pub(crate) fn first_score(index: u64) -> f64 {
    (mix(index ^ 0x5EED) % SCORES) as f64
}

/// The value with which field `index` is loaded.
pub(crate) fn first_value(index: u64) -> Key {
    key(index ^ (1 << 50))
}

/// A number from an answer's bytes, to add up.
#[inline]
pub(crate) fn weight(bytes: &[u8]) -> u64 {
    super::data::first8(bytes)
}

/// The same for a member with its score.
#[inline]
pub(crate) fn pair_weight(member: &[u8], score: f64) -> u64 {
    weight(member).wrapping_add(score as u64)
}

/// The sum of what `answer` says of each call.
#[inline]
pub(crate) fn sum<T>(calls: impl IntoIterator<Item = T>, answer: impl FnMut(T) -> u64) -> u64 {
    calls.into_iter().map(answer).fold(0, u64::wrapping_add)
}

/// As [`sum`], but which call is next waits for the last answer: the processor cannot begin it early.
#[inline]
pub(crate) fn chained(calls: usize, mut answer: impl FnMut(usize) -> u64) -> u64 {
    let nothing = std::hint::black_box(0_u64);
    let (mut last, mut total) = (0_u64, 0_u64);
    for call in 0..calls {
        last = answer(call + (last & nothing) as usize);
        total = total.wrapping_add(last);
    }
    total
}

/// A store with collections. Calls that meet an error panic: the bench ends.
pub(crate) trait Collections {
    /// Whether it takes part for this type.
    fn plays(&self, kind: Kind) -> bool;

    /// Fills the collection with elements `range`, one call for each.
    fn fill(&mut self, kind: Kind, range: std::ops::Range<u64>);

    /// How many elements it says there are.
    fn count(&mut self, kind: Kind) -> u64;

    /// Makes the two sets that are joined: elements `0..size` and `size / 2..size / 2 * 3`.
    fn fill_joined(&mut self, size: u64);

    /// Makes these calls and adds up what they answer; `None` if it cannot.
    fn run(&mut self, op: Op, picks: &Picks) -> Option<u64>;

    /// Whether a call takes milliseconds.
    fn is_slow(&self, _op: Op) -> bool {
        false
    }

    /// Times writes one by one while a snapshot lives: one for all, or a fresh one before each. `None`
    /// without snapshots.
    fn touch(&mut self, _touch: Touch, _picks: &Picks, _fresh: bool) -> Option<Latencies> {
        None
    }

    /// The collection's bytes by its own account.
    fn counted_bytes(&mut self, _kind: Kind) -> Option<u64> {
        None
    }

    /// Whether it runs in this process, so that its CPU time is this process's.
    fn in_process(&self) -> bool {
        true
    }

    /// Bytes of the process that holds the data.
    fn held_bytes(&mut self) -> u64 {
        resident_bytes(None)
    }
}

fn per(duration: Duration, calls: usize) -> f64 {
    duration.as_nanos() as f64 / calls as f64
}

/// A sum as a number that survives the way to the parent.
fn sum_of(sum: u64) -> f64 {
    (sum & ((1 << 52) - 1)) as f64
}

fn kind_named(name: &str) -> Kind {
    let found = KINDS.into_iter().find(|kind| kind.name() == name);
    found.unwrap_or_else(|| panic!("no type {name}"))
}

/// A child's part.
pub(crate) fn serve<C: Collections>(make: impl FnOnce() -> C) {
    let mut make = Some(make);
    let mut made = None;
    let mut size = 0;
    child::serve(|words| match words {
        ["load", kind, count] => {
            size = count.parse().expect("a number");
            let store = made.insert(make.take().expect("loads once")());
            load(store, kind_named(kind), size)
        }
        ["run", kind, name, round] => {
            let store = made.as_mut().expect("loaded");
            let kind = kind_named(kind);
            let wanted = |row: &&Row| row.kind == kind && row.name == *name;
            let row = ROWS.iter().find(wanted).expect("an operation");
            run_one(store, row, size, round.parse().expect("a number"))
        }
        ["touch", kind, name, round] => {
            let store = made.as_mut().expect("loaded");
            let kind = kind_named(kind);
            let found = TOUCHED.iter().find(|row| row.0 == kind && row.2 == *name);
            let touch = found.expect("a write").1;
            touch_one(store, touch, size, round.parse().expect("a number"))
        }
        ["count", kind] => {
            let store = made.as_mut().expect("loaded");
            vec![("count", store.count(kind_named(kind)) as f64)]
        }
        other => panic!("unknown line {other:?}"),
    });
}

fn load<C: Collections>(store: &mut C, kind: Kind, size: u64) -> Answer {
    if !store.plays(kind) {
        return vec![("plays", 0.0)];
    }
    let base = store.held_bytes();
    let ((), cost) = measure(|| store.fill(kind, 0..size));
    let grown = store.held_bytes().saturating_sub(base);
    assert_eq!(store.count(kind), size, "elements after loading");
    let counted = store.counted_bytes(kind);
    if kind == Kind::Set {
        store.fill_joined(size / 10);
    }
    let spent = if store.in_process() {
        cost.process
    } else {
        cost.wall
    };
    vec![
        ("plays", 1.0),
        ("ns", per(spent, size as usize)),
        ("bytes", grown as f64 / size as f64),
        (
            "counted",
            counted.map_or(f64::NAN, |bytes| bytes as f64 / size as f64),
        ),
    ]
}

fn run_one<C: Collections>(store: &mut C, row: &Row, size: u64, round: u64) -> Answer {
    let calls = if super::is_smoke() {
        row.calls.div_ceil(10)
    } else {
        row.calls
    };
    let version = round * 100 + row.op as u64 + 1;
    let mut picks = Picks::new(size, calls, version);
    // Twice the same write would be another state for who is asked twice.
    let writes = matches!(row.op, Op::PushPop | Op::SetAt | Op::SetField | Op::ZUpdate);
    let checked = if writes {
        Some(0)
    } else {
        store.run(row.op, &picks.first(CHECKED))
    };
    let Some(checked) = checked else {
        return vec![("ns", f64::NAN), ("wall", f64::NAN)];
    };
    if store.is_slow(row.op) {
        picks = picks.first(FEW);
    }
    let (sum, cost) = measure(|| store.run(row.op, &picks));
    let Some(sum) = sum else {
        return vec![("ns", f64::NAN), ("wall", f64::NAN)];
    };
    let calls = picks.at.len();
    let spent = if store.in_process() {
        cost.process
    } else {
        cost.wall
    };
    vec![
        ("ns", per(spent, calls)),
        ("wall", per(cost.wall, calls)),
        ("calls", calls as f64),
        ("checked", sum_of(checked)),
        ("sum", sum_of(sum)),
    ]
}

fn touch_one<C: Collections>(store: &mut C, touch: Touch, size: u64, round: u64) -> Answer {
    let mut answer = Vec::new();
    let names = [
        ("held50", "held99", false, 50),
        ("fresh50", "fresh99", true, 51),
    ];
    for (median, high, fresh, salt) in names {
        let picks = Picks::new(size, TOUCHES, round * 100 + salt);
        let Some(mut latencies) = store.touch(touch, &picks, fresh) else {
            return vec![("held50", f64::NAN)];
        };
        answer.push((median, latencies.percentile(0.5) / 1e3));
        answer.push((high, latencies.percentile(0.99) / 1e3));
    }
    answer
}

/// Runs all `contestants`; the one whose name begins with "nacre" is compared with each of the others.
pub(crate) fn run(contestants: &[Contestant]) {
    child::work_if_child(WORKLOAD, contestants);
    if child::is_child() {
        return;
    }
    let size = keys(1_000_000).max(2_000);
    say(&format!(
        "\n## collections: {} elements, in memory; elements, fields, values and members of 16 bytes",
        short(size as f64)
    ));
    let mut memory = Table::new(&[
        "type",
        "contestant",
        "one by one, ns each",
        "bytes an element",
        "by its own account",
        "of them the user's own",
    ]);
    let mut touched = Table::new(&[
        "type",
        "write",
        "one snapshot held, p50 µs",
        "p99",
        "a fresh snapshot before each, p50 µs",
        "p99",
    ]);
    let only = std::env::var("NACRE_BENCH_TYPE").unwrap_or_default();
    for kind in KINDS {
        if only.is_empty() || only == kind.name() {
            run_kind(kind, size, contestants, &mut memory, &mut touched);
        }
    }
    touched.print("Single writes while a snapshot lives, nacre");
    memory.print("Memory, and filling");
}

fn run_kind(
    kind: Kind,
    size: u64,
    contestants: &[Contestant],
    memory: &mut Table,
    touched: &mut Table,
) {
    let mut running = Vec::new();
    for contestant in child::chosen(contestants) {
        let mut child = Running::start(WORKLOAD, contestant);
        let answer = child.ask(&format!("load {} {size}", kind.name()));
        if answer["plays"] == 0.0 {
            continue;
        }
        memory.row(vec![
            kind.name().into(),
            child.name.into(),
            short(answer["ns"]),
            short(answer["bytes"]),
            short(answer["counted"]),
            short(kind.payload_bytes() as f64),
        ]);
        running.push(child);
    }
    time_rows(kind, &mut running);
    for (_, _, name, title) in TOUCHED.iter().filter(|row| row.0 == kind) {
        let names = ["held50", "held99", "fresh50", "fresh99"];
        let mut figures = vec![Figures::default(); names.len()];
        for round in 0..rounds(5) {
            for child in &mut running {
                let answer = child.ask(&format!("touch {} {name} {round}", kind.name()));
                if answer["held50"].is_nan() {
                    continue;
                }
                for (figures, name) in figures.iter_mut().zip(names) {
                    figures.note(answer[name]);
                }
            }
        }
        let mut cells = vec![kind.name().to_owned(), (*title).to_owned()];
        cells.extend(figures.iter().map(Figures::text));
        touched.row(cells);
    }
    for child in &mut running {
        let count = child.ask(&format!("count {}", kind.name()))["count"];
        assert_eq!(count, size as f64, "{}: elements at the end", child.name);
    }
}

fn time_rows(kind: Kind, running: &mut [Running]) {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| row.kind == kind).collect();
    let mut figures = vec![vec![Figures::default(); running.len()]; rows.len()];
    for round in 0..rounds(7) {
        for (row, figures) in rows.iter().zip(&mut figures) {
            let mut sums: Option<(f64, f64, f64)> = None;
            for (child, figures) in running.iter_mut().zip(figures) {
                let line = format!("run {} {} {round}", kind.name(), row.name);
                let answer = child.ask(&line);
                figures.note(answer["ns"]);
                if answer["ns"].is_nan() {
                    continue;
                }
                let (calls, checked, sum) = (answer["calls"], answer["checked"], answer["sum"]);
                match sums {
                    None => sums = Some((calls, checked, sum)),
                    Some((first_calls, first_checked, first_sum)) => {
                        assert_eq!(checked, first_checked, "{}: {}", child.name, row.title);
                        if calls == first_calls {
                            assert_eq!(sum, first_sum, "{}: {}", child.name, row.title);
                        }
                    }
                }
            }
        }
    }
    report(kind, &rows, running, &figures);
}

fn report(kind: Kind, rows: &[&Row], running: &[Running], figures: &[Vec<Figures>]) {
    let ours = running
        .iter()
        .position(|child| child.name.starts_with("nacre"));
    let others: Vec<usize> = (0..running.len())
        .filter(|&place| Some(place) != ours)
        .collect();
    let mut headings = vec!["ns a call".to_owned()];
    headings.extend(running.iter().map(|child| child.name.to_owned()));
    if ours.is_some() {
        headings.extend(
            others
                .iter()
                .map(|&place| format!("ours / {}", running[place].name)),
        );
    }
    headings.push("goal".to_owned());
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = Table::new(&headings);
    for (row, figures) in rows.iter().zip(figures) {
        let mut cells = vec![row.title.to_owned()];
        let text = |figures: &Figures| {
            if figures.median().is_nan() {
                "–".to_owned()
            } else {
                figures.text()
            }
        };
        cells.extend(figures.iter().map(text));
        if let Some(ours) = ours {
            let ratio = |&place: &usize| {
                if figures[place].median().is_nan() || figures[ours].median().is_nan() {
                    "–".to_owned()
                } else {
                    figures[ours].ratio(&figures[place])
                }
            };
            cells.extend(others.iter().map(ratio));
        }
        cells.push(row.goal.to_owned());
        table.row(cells);
    }
    table.print(&format!(
        "One {}: CPU of the process (a server: wall)",
        kind.name()
    ));
}
