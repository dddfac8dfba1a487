//! The standard library's collections as marks: no types, no expiry, no snapshots, no lock.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::hint::black_box;
use std::ops::Range;

use super::{Collections, Kind, Op, Picks, SPAN, first_score, first_value};
use super::{chained, pair_weight, sum, weight};
use crate::common::data::key;

/// Scores here are positive: their bits sort as they do.
fn bits(score: f64) -> u64 {
    score.to_bits()
}

fn visited(pair: &(u64, Vec<u8>)) -> u64 {
    pair_weight(&pair.1, f64::from_bits(pair.0))
}

/// `VecDeque`, `HashMap`, `HashSet`, and `BTreeSet` beside a `HashMap`.
pub(crate) struct StdTypes<S> {
    with_list: bool,
    list: VecDeque<Vec<u8>>,
    hash: HashMap<Vec<u8>, Vec<u8>, S>,
    set: HashSet<Vec<u8>, S>,
    joined: [HashSet<Vec<u8>, S>; 2],
    scores: HashMap<Vec<u8>, f64, S>,
    ordered: BTreeSet<(u64, Vec<u8>)>,
}

impl<S: BuildHasher + Clone> StdTypes<S> {
    /// With this hasher in every table.
    pub(crate) fn new(hasher: S, with_list: bool) -> Self {
        let set = || HashSet::with_hasher(hasher.clone());
        Self {
            with_list,
            list: VecDeque::new(),
            hash: HashMap::with_hasher(hasher.clone()),
            set: set(),
            joined: [set(), set()],
            scores: HashMap::with_hasher(hasher.clone()),
            ordered: BTreeSet::new(),
        }
    }

    fn update(&mut self, member: &[u8], score: f64) {
        let old = self.scores.get_mut(member).expect("there");
        let found = self.ordered.take(&(bits(*old), member.to_vec()));
        let (_, member) = found.expect("there");
        *old = score;
        self.ordered.insert((bits(score), member));
    }
}

fn copied<'a>(range: impl Iterator<Item = &'a (u64, Vec<u8>)>) -> u64 {
    let pair = |pair: &(u64, Vec<u8>)| (pair.1.clone(), f64::from_bits(pair.0));
    let answer: Vec<(Vec<u8>, f64)> = range.map(pair).collect();
    let answer = black_box(answer);
    sum(&answer, |(member, score)| pair_weight(member, *score))
}

impl<S: BuildHasher + Clone> Collections for StdTypes<S> {
    fn plays(&self, kind: Kind) -> bool {
        kind != Kind::List || self.with_list
    }

    fn fill(&mut self, kind: Kind, range: Range<u64>) {
        for index in range {
            let key = key(index).to_vec();
            match kind {
                Kind::List => self.list.push_back(key),
                Kind::Hash => drop(self.hash.insert(key, first_value(index).to_vec())),
                Kind::Set => drop(self.set.insert(key)),
                Kind::ZSet => {
                    let score = first_score(index);
                    self.ordered.insert((bits(score), key.clone()));
                    self.scores.insert(key, score);
                }
            }
        }
    }

    fn count(&mut self, kind: Kind) -> u64 {
        let count = match kind {
            Kind::List => self.list.len(),
            Kind::Hash => self.hash.len(),
            Kind::Set => self.set.len(),
            Kind::ZSet => {
                assert_eq!(self.ordered.len(), self.scores.len(), "both halves");
                self.ordered.len()
            }
        };
        count as u64
    }

    fn fill_joined(&mut self, size: u64) {
        let ranges = [0..size, size / 2..size / 2 * 3];
        for (set, range) in self.joined.iter_mut().zip(ranges) {
            set.extend(range.map(|index| key(index).to_vec()));
        }
    }

    fn run(&mut self, op: Op, picks: &Picks) -> Option<u64> {
        let spans = || picks.at.iter().map(|&at| at as usize..(at + SPAN) as usize);
        let fresh_scores = picks.keys.iter().zip(&picks.scores);
        Some(match op {
            Op::Index => sum(&picks.at, |&at| {
                weight(&black_box(self.list[at as usize].clone()))
            }),
            Op::IndexChained => chained(picks.at.len(), |call| {
                weight(&black_box(self.list[picks.at[call] as usize].clone()))
            }),
            Op::Range => sum(spans(), |span| {
                let answer: Vec<Vec<u8>> = self.list.range(span).cloned().collect();
                sum(&black_box(answer), |element| weight(element))
            }),
            Op::RangeVisit => sum(spans(), |span| {
                sum(self.list.range(span), |element| weight(element))
            }),
            Op::PushPop => sum(&picks.fresh, |fresh| {
                self.list.push_front(fresh.to_vec());
                weight(&self.list.pop_back().expect("there"))
            }),
            Op::SetAt => sum(picks.at.iter().zip(&picks.fresh), |(&at, fresh)| {
                let element = &mut self.list[at as usize];
                element.clear();
                element.extend_from_slice(fresh);
                1
            }),
            Op::Get => sum(&picks.keys, |field| {
                weight(&black_box(
                    self.hash.get(field.as_slice()).expect("there").clone(),
                ))
            }),
            Op::GetVisit => sum(&picks.keys, |field| {
                weight(self.hash.get(field.as_slice()).expect("there"))
            }),
            Op::GetChained => chained(picks.at.len(), |call| {
                weight(self.hash.get(picks.keys[call].as_slice()).expect("there"))
            }),
            Op::GetAbsent => sum(&picks.fresh, |field| {
                u64::from(self.hash.contains_key(field.as_slice()))
            }),
            Op::SetField => sum(picks.keys.iter().zip(&picks.fresh), |(field, fresh)| {
                let value = self.hash.get_mut(field.as_slice()).expect("there");
                value.clear();
                value.extend_from_slice(fresh);
                0
            }),
            Op::Contains => sum(&picks.keys, |member| {
                u64::from(self.set.contains(member.as_slice()))
            }),
            Op::ContainsAbsent => sum(&picks.fresh, |member| {
                u64::from(self.set.contains(member.as_slice()))
            }),
            Op::AddAgain => sum(&picks.keys, |member| {
                // As `SADD` would: nothing is made for a member that is there.
                if self.set.contains(member.as_slice()) {
                    0
                } else {
                    u64::from(self.set.insert(member.to_vec()))
                }
            }),
            Op::AddRemove => sum(&picks.fresh, |member| {
                let added = self.set.insert(member.to_vec());
                u64::from(added) + u64::from(self.set.remove(member.as_slice()))
            }),
            Op::Intersect => sum(&picks.at, |_| {
                let [left, right] = &self.joined;
                let answer: Vec<Vec<u8>> = left.intersection(right).cloned().collect();
                sum(&black_box(answer), |member| weight(member))
            }),
            Op::ZUpdate => sum(fresh_scores, |(member, &score)| {
                self.update(member, score);
                0
            }),
            Op::ZScore => sum(&picks.keys, |member| self.scores[member.as_slice()] as u64),
            Op::ZWindow => sum(&picks.scores, |&min| {
                let range = (bits(min), Vec::new())..(bits(min + picks.width), Vec::new());
                copied(self.ordered.range(range).take(SPAN as usize))
            }),
            Op::ZLimit => sum(&picks.scores, |&min| {
                let range = (bits(min), Vec::new())..;
                copied(self.ordered.range(range).take(SPAN as usize))
            }),
            Op::ZLimitVisit => sum(&picks.scores, |&min| {
                let range = (bits(min), Vec::new())..;
                sum(self.ordered.range(range).take(SPAN as usize), visited)
            }),
            Op::ZRank | Op::ZRange | Op::ZRangeVisit => return None,
        })
    }
}

/// A sorted `Vec` beside a `HashMap`: what knows ranks in the standard library. It cannot be changed in
/// reasonable time, so changes are not timed.
pub(crate) struct SortedVec<S> {
    scores: HashMap<Vec<u8>, f64, S>,
    ordered: Vec<(u64, Vec<u8>)>,
}

impl<S: BuildHasher> SortedVec<S> {
    /// With this hasher.
    pub(crate) fn new(hasher: S) -> Self {
        Self {
            scores: HashMap::with_hasher(hasher),
            ordered: Vec::new(),
        }
    }

    fn from(&self, score: f64) -> &[(u64, Vec<u8>)] {
        let from = self.ordered.partition_point(|pair| pair.0 < bits(score));
        &self.ordered[from..]
    }
}

impl<S: BuildHasher> Collections for SortedVec<S> {
    fn plays(&self, kind: Kind) -> bool {
        kind == Kind::ZSet
    }

    fn fill(&mut self, _kind: Kind, range: Range<u64>) {
        for index in range {
            let score = first_score(index);
            self.ordered.push((bits(score), key(index).to_vec()));
            self.scores.insert(key(index).to_vec(), score);
        }
        self.ordered.sort_unstable();
    }

    fn count(&mut self, _kind: Kind) -> u64 {
        self.ordered.len() as u64
    }

    fn fill_joined(&mut self, _size: u64) {}

    #[allow(clippy::wildcard_enum_match_arm, reason = "std has no such operation")]
    fn run(&mut self, op: Op, picks: &Picks) -> Option<u64> {
        let spans = || picks.at.iter().map(|&at| at as usize..(at + SPAN) as usize);
        Some(match op {
            Op::ZUpdate => {
                for (member, &score) in picks.keys.iter().zip(&picks.scores) {
                    *self.scores.get_mut(member.as_slice()).expect("there") = score;
                }
                for pair in &mut self.ordered {
                    pair.0 = bits(self.scores[&pair.1]);
                }
                self.ordered.sort_unstable();
                return None;
            }
            Op::ZScore => sum(&picks.keys, |member| self.scores[member.as_slice()] as u64),
            Op::ZRank => sum(&picks.keys, |member| {
                let score = bits(self.scores[member.as_slice()]);
                let before = |pair: &(u64, Vec<u8>)| {
                    (pair.0, pair.1.as_slice()) < (score, member.as_slice())
                };
                self.ordered.partition_point(before) as u64
            }),
            Op::ZRange => sum(spans(), |span| copied(self.ordered[span].iter())),
            Op::ZRangeVisit => sum(spans(), |span| sum(&self.ordered[span], visited)),
            Op::ZWindow => sum(&picks.scores, |&min| {
                let max = bits(min + picks.width);
                let range = self.from(min).iter().take_while(|pair| pair.0 < max);
                copied(range.take(SPAN as usize))
            }),
            Op::ZLimit => sum(&picks.scores, |&min| {
                copied(self.from(min).iter().take(SPAN as usize))
            }),
            Op::ZLimitVisit => sum(&picks.scores, |&min| {
                sum(self.from(min).iter().take(SPAN as usize), visited)
            }),
            Op::Index
            | Op::IndexChained
            | Op::Range
            | Op::RangeVisit
            | Op::PushPop
            | Op::SetAt
            | Op::Get
            | Op::GetVisit
            | Op::GetChained
            | Op::GetAbsent
            | Op::SetField
            | Op::Contains
            | Op::ContainsAbsent
            | Op::AddAgain
            | Op::AddRemove
            | Op::Intersect => return None,
        })
    }
}
