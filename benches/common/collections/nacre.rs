//! NacreDB's typed methods as a contestant.

use std::hint::black_box;
use std::ops::Range;

use nacredb::prelude::*;
use nacredb::{Reply, RunRead, ScoreBound, Snapshot, ZRange};

use super::{Collections, Kind, Op, Picks, SPAN, Touch, first_score, first_value};
use super::{chained, pair_weight, sum, weight};
use crate::common::clock::{Latencies, now};
use crate::common::data::{Key, key};
use crate::common::nacre::Nacre;

const KEY: &str = "collection";
const JOINED: [&str; 2] = ["joined:0", "joined:1"];

fn from_score<'a>(min: f64) -> ZRange<'a> {
    let ends = (
        ScoreBound::Inclusive(min),
        ScoreBound::Inclusive(f64::INFINITY),
    );
    ZRange::scores(ends.0, ends.1).limit(0, SPAN as i64)
}

fn elements<V: RunRead>(view: &V, at: u64) -> u64 {
    let (from, to) = (at as i64, (at + SPAN) as i64 - 1);
    let answer = black_box(view.lrange(KEY, from, to).expect("read"));
    sum(&answer, |element| weight(element))
}

fn members<V: RunRead>(view: &V, range: ZRange<'_>) -> u64 {
    let answer = black_box(view.zrange_with_scores(KEY, range).expect("read"));
    sum(&answer, |(member, score)| pair_weight(member, *score))
}

fn visit_members<V: RunRead>(view: &V, range: ZRange<'_>) -> u64 {
    let mut total = 0_u64;
    let add = |member: &[u8], score| total = total.wrapping_add(pair_weight(member, score));
    view.zrange_with(KEY, range, add).expect("read");
    total
}

/// The operations that change nothing; `None` for the others.
fn read<V: RunRead>(view: &V, op: Op, picks: &Picks) -> Option<u64> {
    let ranks = |&at: &u64| ZRange::ranks(at as i64, (at + SPAN) as i64 - 1);
    Some(match op {
        Op::Index => sum(&picks.at, |&at| {
            let element = view.lindex(KEY, at as i64).expect("read");
            weight(&black_box(element.expect("there")))
        }),
        Op::IndexChained => chained(picks.at.len(), |call| {
            let element = view.lindex(KEY, picks.at[call] as i64).expect("read");
            weight(&element.expect("there"))
        }),
        Op::Range => sum(&picks.at, |&at| elements(view, at)),
        Op::RangeVisit => sum(&picks.at, |&at| {
            let mut total = 0_u64;
            let add = |element: &[u8]| total = total.wrapping_add(weight(element));
            view.lrange_with(KEY, at as i64, (at + SPAN) as i64 - 1, add)
                .expect("read");
            total
        }),
        Op::Get => sum(&picks.keys, |field| {
            let value = view.hget(KEY, field).expect("read");
            weight(&black_box(value.expect("there")))
        }),
        Op::GetVisit => sum(&picks.keys, |field| {
            let value = view.hget_with(KEY, field, weight).expect("read");
            value.expect("there")
        }),
        Op::GetChained => chained(picks.at.len(), |call| {
            let value = view.hget_with(KEY, picks.keys[call], weight).expect("read");
            value.expect("there")
        }),
        Op::GetAbsent => sum(&picks.fresh, |field| {
            u64::from(view.hexists(KEY, field).expect("read"))
        }),
        Op::Contains => sum(&picks.keys, |member| {
            u64::from(view.sismember(KEY, member).expect("read"))
        }),
        Op::ContainsAbsent => sum(&picks.fresh, |member| {
            u64::from(view.sismember(KEY, member).expect("read"))
        }),
        Op::Intersect => sum(&picks.at, |_| {
            let answer = black_box(view.sinter(&JOINED).expect("read"));
            sum(&answer, |member| weight(member))
        }),
        Op::ZScore => sum(&picks.keys, |member| {
            view.zscore(KEY, member).expect("read").expect("there") as u64
        }),
        Op::ZRank => sum(&picks.keys, |member| {
            view.zrank(KEY, member).expect("read").expect("there")
        }),
        Op::ZRange => sum(&picks.at, |at| members(view, ranks(at))),
        Op::ZRangeVisit => sum(&picks.at, |at| visit_members(view, ranks(at))),
        Op::ZWindow => sum(&picks.scores, |&min| {
            let max = ScoreBound::Inclusive(min + picks.width);
            let range = ZRange::scores(ScoreBound::Inclusive(min), max);
            members(view, range.limit(0, SPAN as i64))
        }),
        Op::ZLimit => sum(&picks.scores, |&min| members(view, from_score(min))),
        Op::ZLimitVisit => sum(&picks.scores, |&min| visit_members(view, from_score(min))),
        Op::PushPop | Op::SetAt | Op::SetField | Op::AddAgain | Op::AddRemove | Op::ZUpdate => {
            return None;
        }
    })
}

impl Nacre {
    fn touch_once(&self, touch: Touch, picks: &Picks, call: usize) {
        let (key, fresh): (&Key, &Key) = (&picks.keys[call], &picks.fresh[call]);
        match touch {
            Touch::SetAt => {
                let at = picks.at[call] as i64;
                self.db.lset(KEY, at, fresh).expect("written");
            }
            Touch::Push => drop(self.db.lpush(KEY, &[fresh]).expect("written")),
            Touch::SetField => drop(self.db.hset(KEY, key, fresh).expect("written")),
            Touch::Add => drop(self.db.sadd(KEY, &[fresh]).expect("written")),
            Touch::ZUpdate => {
                self.db.zadd(KEY, picks.scores[call], key).expect("written");
            }
        }
    }

    /// What the touches of `picks` may change, as `view` sees it.
    fn seen(view: &Snapshot, touch: Touch, picks: &Picks) -> Vec<Option<Vec<u8>>> {
        let some = 0..picks.at.len().min(50);
        let bytes = |score: Option<f64>| score.map(|score| score.to_le_bytes().to_vec());
        let one = |call: usize| match touch {
            Touch::SetAt => view.lindex(KEY, picks.at[call] as i64).expect("read"),
            Touch::Push => view.lindex(KEY, call as i64).expect("read"),
            Touch::SetField => view.hget(KEY, picks.keys[call]).expect("read"),
            Touch::Add => {
                let there = view.sismember(KEY, picks.fresh[call]).expect("read");
                there.then(Vec::new)
            }
            Touch::ZUpdate => bytes(view.zscore(KEY, picks.keys[call]).expect("read")),
        };
        some.map(one).collect()
    }
}

impl Collections for Nacre {
    fn plays(&self, _kind: Kind) -> bool {
        true
    }

    fn fill(&mut self, kind: Kind, range: Range<u64>) {
        for index in range {
            let key = key(index);
            match kind {
                Kind::List => drop(self.db.rpush(KEY, &[key]).expect("written")),
                Kind::Hash => drop(self.db.hset(KEY, key, first_value(index)).expect("written")),
                Kind::Set => drop(self.db.sadd(KEY, &[key]).expect("written")),
                Kind::ZSet => drop(self.db.zadd(KEY, first_score(index), key).expect("written")),
            }
        }
    }

    fn count(&mut self, kind: Kind) -> u64 {
        let count = match kind {
            Kind::List => self.db.llen(KEY),
            Kind::Hash => self.db.hlen(KEY),
            Kind::Set => self.db.scard(KEY),
            Kind::ZSet => self.db.zcard(KEY),
        };
        count.expect("read")
    }

    fn fill_joined(&mut self, size: u64) {
        let ranges = [0..size, size / 2..size / 2 * 3];
        for (set, range) in JOINED.iter().zip(ranges) {
            for index in range {
                self.db.sadd(set, &[key(index)]).expect("written");
            }
        }
    }

    fn run(&mut self, op: Op, picks: &Picks) -> Option<u64> {
        let db = &self.db;
        Some(match op {
            Op::PushPop => sum(&picks.fresh, |fresh| {
                db.lpush(KEY, &[fresh]).expect("written");
                weight(&db.rpop(KEY).expect("written").expect("there"))
            }),
            Op::SetAt => sum(picks.at.iter().zip(&picks.fresh), |(&at, fresh)| {
                db.lset(KEY, at as i64, fresh).expect("written");
                1
            }),
            Op::SetField => sum(picks.keys.iter().zip(&picks.fresh), |(field, fresh)| {
                u64::from(db.hset(KEY, field, fresh).expect("written"))
            }),
            Op::AddAgain => sum(&picks.keys, |member| {
                db.sadd(KEY, &[member]).expect("written")
            }),
            Op::AddRemove => sum(&picks.fresh, |member| {
                let added = db.sadd(KEY, &[member]).expect("written");
                added + db.srem(KEY, &[member]).expect("written")
            }),
            Op::ZUpdate => sum(picks.keys.iter().zip(&picks.scores), |(member, &score)| {
                u64::from(db.zadd(KEY, score, member).expect("written"))
            }),
            Op::Index
            | Op::IndexChained
            | Op::Range
            | Op::RangeVisit
            | Op::Get
            | Op::GetVisit
            | Op::GetChained
            | Op::GetAbsent
            | Op::Contains
            | Op::ContainsAbsent
            | Op::Intersect
            | Op::ZScore
            | Op::ZRank
            | Op::ZRange
            | Op::ZRangeVisit
            | Op::ZWindow
            | Op::ZLimit
            | Op::ZLimitVisit => return read(db, op, picks),
        })
    }

    fn touch(&mut self, touch: Touch, picks: &Picks, fresh: bool) -> Option<Latencies> {
        let calls = picks.at.len();
        let mut latencies = Latencies::with_capacity(calls);
        let first = self.db.snapshot().expect("taken");
        let before = Self::seen(&first, touch, picks);
        for call in 0..calls {
            let snapshot = fresh.then(|| self.db.snapshot().expect("taken"));
            let started = now();
            self.touch_once(touch, picks, call);
            latencies.note(started.elapsed());
            drop(snapshot);
        }
        assert_eq!(
            before,
            Self::seen(&first, touch, picks),
            "the snapshot has not moved"
        );
        let after = Self::seen(&self.db.snapshot().expect("taken"), touch, picks);
        assert_ne!(before, after, "the writes arrived");
        drop(first);
        for call in 0..calls {
            match touch {
                Touch::Push => drop(self.db.lpop(KEY).expect("written").expect("there")),
                Touch::Add => {
                    let removed = self.db.srem(KEY, &[picks.fresh[call]]).expect("written");
                    assert_eq!(removed, 1, "there");
                }
                Touch::SetAt | Touch::SetField | Touch::ZUpdate => (),
            }
        }
        Some(latencies)
    }

    fn counted_bytes(&mut self, _kind: Kind) -> Option<u64> {
        match self.db.execute(&["MEMORY", "USAGE", KEY]) {
            Ok(Reply::Int(bytes)) => u64::try_from(bytes).ok(),
            _ => None,
        }
    }
}

/// The same data read through a snapshot, taken anew after every change: no lock.
pub(crate) struct NacreSnapshot {
    nacre: Nacre,
    view: Option<Snapshot>,
}

impl NacreSnapshot {
    /// In memory.
    pub(crate) fn in_memory() -> Self {
        Self {
            nacre: Nacre::in_memory(),
            view: None,
        }
    }
}

impl Collections for NacreSnapshot {
    fn plays(&self, _kind: Kind) -> bool {
        true
    }

    fn fill(&mut self, kind: Kind, range: Range<u64>) {
        self.nacre.fill(kind, range);
    }

    fn count(&mut self, kind: Kind) -> u64 {
        self.nacre.count(kind)
    }

    fn fill_joined(&mut self, size: u64) {
        self.nacre.fill_joined(size);
    }

    fn run(&mut self, op: Op, picks: &Picks) -> Option<u64> {
        let view = self
            .view
            .get_or_insert_with(|| self.nacre.db.snapshot().expect("taken"));
        let answer = read(view, op, picks);
        if answer.is_none() {
            self.view = None;
            // Only to keep the data the same as everybody's.
            self.nacre.run(op, picks);
        }
        answer
    }
}
