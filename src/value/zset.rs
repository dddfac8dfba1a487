//! Sorted sets: members with scores, ordered by score and then by member.
//!
//! A short one is a skip list alone, the members of which are found by looking at all of them; that is what
//! Redis keeps as a listpack. A longer one has a table from members to scores beside it.
//!
//! Invariants:
//! 1. The table, where there is one, has exactly the members of the list, each with the score that its key
//!    stands for, bit for bit.
//! 2. There is a table from the first member on that passes the limits, and it stays.
//! 3. No score is NaN. -0 equals 0: in the list it has the key of 0 and a mark. Whoever adds to a short set
//!    decides whether it has that sign: Redis's listpacks have none, but what is read back from the file
//!    is what was written.
//!
//! It must not know keys, effects, or how scores are written.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

use ahash::RandomState;

use super::EncodingLimits;
use super::number::parse_double_like_c;
use crate::ds::census::Census;
use crate::ds::hash_trie::{EntryRef, HashTrie, INLINE_KEY_MAX, NO_DEADLINE, NewPayload, Payload};
use crate::ds::skiplist::{Element, Elements, Place, SkipList};

type Scores = HashTrie<Infallible, RandomState>;

/// An end of a range of scores; infinities are scores like others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScoreBound {
    /// The score itself belongs to the range.
    Inclusive(f64),
    /// The score itself does not.
    Exclusive(f64),
}

/// An end of a range of members in byte order, where all scores are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before every member.
    Min,
    /// After every member.
    Max,
    /// The member itself belongs to the range.
    Inclusive(&'a [u8]),
    /// The member itself does not.
    Exclusive(&'a [u8]),
}

impl ScoreBound {
    /// Reads a bound as `ZCOUNT` and its kin do: a score, excluded after `(`.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        match text {
            [b'(', score @ ..] => parse_double_like_c(score).map(Self::Exclusive),
            score => parse_double_like_c(score).map(Self::Inclusive),
        }
    }

    /// The score, included or not.
    #[must_use]
    pub fn score(self) -> f64 {
        match self {
            Self::Inclusive(score) | Self::Exclusive(score) => score,
        }
    }
}

impl From<f64> for ScoreBound {
    /// The score itself belongs to the range.
    fn from(score: f64) -> Self {
        Self::Inclusive(score)
    }
}

impl<'a> LexBound<'a> {
    /// Reads a bound as `ZLEXCOUNT` and its kin do: `-`, `+`, or a member after `[` or `(`.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        match text {
            // Nothing may follow, as C sees it.
            [b'-'] | [b'-', 0, ..] => Some(Self::Min),
            [b'+'] | [b'+', 0, ..] => Some(Self::Max),
            [b'[', member @ ..] => Some(Self::Inclusive(member)),
            [b'(', member @ ..] => Some(Self::Exclusive(member)),
            _ => None,
        }
    }

    /// Whether a range that begins here has this member before its end.
    fn is_before(self, member: &[u8]) -> bool {
        match self {
            Self::Min => true,
            Self::Max => false,
            Self::Inclusive(bound) => bound <= member,
            Self::Exclusive(bound) => bound < member,
        }
    }

    /// Whether a range that ends here has this member after its beginning.
    fn is_after(self, member: &[u8]) -> bool {
        match self {
            Self::Min => false,
            Self::Max => true,
            Self::Inclusive(bound) => member <= bound,
            Self::Exclusive(bound) => member < bound,
        }
    }
}

/// A sorted set. Clones in O(1); changes copy what a clone shares, a few blocks at a time.
#[derive(Clone, Debug)]
pub(crate) struct ZSetValue(Arc<Body>);

#[derive(Clone, Debug)]
struct Body {
    list: SkipList,
    table: Option<Box<Table>>,
}

#[derive(Clone, Debug)]
struct Table {
    scores: Scores,
    /// What members too long for the table's pages take beside them.
    beside_bytes: usize,
}

const SIGN: u64 = 1 << 63;

/// The integer that sorts as the score does; 0 and -0 have the same.
fn key_of(score: f64) -> u64 {
    let bits = if score == 0.0 { 0 } else { score.to_bits() };
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn element(score: f64, member: &[u8]) -> Element<'_> {
    Element {
        key: key_of(score),
        member,
        mark: score == 0.0 && score.is_sign_negative(),
    }
}

fn pair(element: Element<'_>) -> (&[u8], f64) {
    let Element { key, member, mark } = element;
    let bits = if key & SIGN != 0 { key ^ SIGN } else { !key };
    let bits = if mark { bits | SIGN } else { bits };
    (member, f64::from_bits(bits))
}

fn score_in(entry: EntryRef<'_, Infallible>) -> f64 {
    match entry.payload {
        Payload::Inline(bytes) => bytes
            .first_chunk()
            .map_or(0.0, |bits| f64::from_bits(u64::from_le_bytes(*bits))),
        Payload::Large(never) => match *never {},
    }
}

impl Table {
    fn new(hasher: &RandomState) -> Self {
        Self {
            scores: Scores::new(hasher.clone()),
            beside_bytes: 0,
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        let hash = self.scores.hash_of(member);
        self.scores.get(hash, member).map(score_in)
    }

    /// Sets a score; `is_new` says that the member is not there.
    fn set(&mut self, member: &[u8], score: f64, is_new: bool) {
        let hash = self.scores.hash_of(member);
        let bits = score.to_bits().to_le_bytes();
        if is_new && member.len() > INLINE_KEY_MAX {
            self.beside_bytes += member.len();
        }
        let payload = NewPayload::Inline(&bits);
        self.scores.insert(hash, member, 0, NO_DEADLINE, payload);
    }

    fn remove(&mut self, member: &[u8]) {
        let hash = self.scores.hash_of(member);
        let was_there = self.scores.remove(hash, member).is_some();
        if was_there && member.len() > INLINE_KEY_MAX {
            self.beside_bytes -= member.len();
        }
    }
}

impl Default for ZSetValue {
    fn default() -> Self {
        Self::new()
    }
}

impl ZSetValue {
    /// The empty set.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Body {
            list: SkipList::new(0),
            table: None,
        }))
    }

    /// Members. O(1).
    pub(crate) fn len(&self) -> u64 {
        self.0.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The score of a member. O(1); of a short set, all of it.
    pub(crate) fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0.table {
            Some(table) => table.score(member),
            None => {
                let found = self.0.list.iter().find(|found| found.member == member)?;
                Some(pair(found).1)
            }
        }
    }

    /// The rank of a member, lowest score first. O(log n).
    pub(crate) fn rank(&self, member: &[u8]) -> Option<u64> {
        match &self.0.table {
            Some(table) => self.0.list.rank(key_of(table.score(member)?), member),
            None => {
                let mut elements = self.0.list.iter();
                Some(elements.position(|found| found.member == member)? as u64)
            }
        }
    }

    /// The member at `rank`, and its score. O(log n).
    pub(crate) fn at(&self, rank: u64) -> Option<(&[u8], f64)> {
        self.0.list.at(rank).map(pair)
    }

    /// The ranks of the members with scores in a range; where there are none, an empty range. O(log n).
    pub(crate) fn ranks_by_score(&self, min: ScoreBound, max: ScoreBound) -> Range<u64> {
        // The empty member is the first of its score, and no score's key is the highest number.
        let before = |score: f64, and_it: bool| {
            self.0.list.count_before(Place {
                key: key_of(score) + u64::from(and_it),
                member: b"",
                is_after: false,
            })
        };
        let start = match min {
            ScoreBound::Inclusive(score) => before(score, false),
            ScoreBound::Exclusive(score) => before(score, true),
        };
        let end = match max {
            ScoreBound::Inclusive(score) => before(score, true),
            ScoreBound::Exclusive(score) => before(score, false),
        };
        start..end.max(start)
    }

    /// The ranks of the members in a range of bytes; where there are none, an empty range. Supposes that all
    /// scores are equal; if they are not the answer is the one that Redis's walk gives for a short set,
    /// and some range for a longer one. O(log n).
    pub(crate) fn ranks_by_lex(&self, min: LexBound<'_>, max: LexBound<'_>) -> Range<u64> {
        let list = &self.0.list;
        let (Some(first), Some(last)) = (list.at(0), list.at(self.len().saturating_sub(1))) else {
            return 0..0;
        };
        if !min.is_before(last.member) || !max.is_after(first.member) {
            return 0..0;
        }
        if self.0.table.is_none() {
            let mut members = list.iter().map(|element| element.member);
            let start = members.position(|member| min.is_before(member));
            let start = start.map_or(self.len(), |start| start as u64);
            let rest = list.range(start..self.len());
            let count = rest.take_while(|element| max.is_after(element.member));
            return start..start + count.count() as u64;
        }
        let before = |member, is_after| {
            list.count_before(Place {
                key: first.key,
                member,
                is_after,
            })
        };
        let start = match min {
            LexBound::Min => 0,
            LexBound::Max => self.len(),
            LexBound::Inclusive(member) => before(member, false),
            LexBound::Exclusive(member) => before(member, true),
        };
        let end = match max {
            LexBound::Min => 0,
            LexBound::Max => self.len(),
            LexBound::Inclusive(member) => before(member, true),
            LexBound::Exclusive(member) => before(member, false),
        };
        start..end.max(start)
    }

    /// The members with these ranks, clamped to those there are, from either end. O(log n) and the answer.
    pub(crate) fn range(&self, ranks: Range<u64>) -> Members<'_> {
        Members(self.0.list.range(ranks))
    }

    /// Whether both are one set or clones that nobody changed. May say no of others that are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Calls `found` with every member that one of both has and the other has not or has with another
    /// score, bit for bit: the score here and there. In no order. O(what they do not share) of sets with a
    /// table, else O(members).
    pub(crate) fn diff<'a>(
        &'a self,
        other: &'a Self,
        found: &mut dyn FnMut(&'a [u8], Option<f64>, Option<f64>),
    ) {
        if let (Some(one), Some(two)) = (&self.0.table, &other.0.table) {
            one.scores.diff(&two.scores, 0, &mut |here, there| {
                if let Some(either) = here.or(there) {
                    found(either.key, here.map(score_in), there.map(score_in));
                }
            });
            return;
        }
        let all = |zset: &'a Self| zset.range(0..zset.len());
        let ours: HashMap<&[u8], f64> = all(self).collect();
        let theirs: HashMap<&[u8], f64> = all(other).collect();
        for (member, here) in all(self) {
            let there = theirs.get(member).copied();
            if there.map(f64::to_bits) != Some(here.to_bits()) {
                found(member, Some(here), there);
            }
        }
        for (member, there) in all(other) {
            if !ours.contains_key(member) {
                found(member, None, Some(there));
            }
        }
    }

    /// Visits some members and answers the cursor to go on with; 0 starts, and ends. A member that is there
    /// during the whole scan is visited at least once. Any cursor is safe.
    pub(crate) fn scan(&self, cursor: u64, visit: &mut dyn FnMut(&[u8], f64)) -> u64 {
        match &self.0.table {
            Some(table) => table.scores.scan(cursor, &mut |entry| {
                visit(entry.key, score_in(entry));
            }),
            None => {
                self.range(0..self.len())
                    .for_each(|(member, score)| visit(member, score));
                0
            }
        }
    }

    /// Sets the score of a member, which is new if the answer is `None`, else the score it had: if that
    /// equals the new one nothing changes, not even the sign of a zero. The score is not NaN. O(log n).
    pub(crate) fn insert(
        &mut self,
        member: &[u8],
        score: f64,
        limits: &EncodingLimits,
        hasher: &RandomState,
    ) -> Option<f64> {
        self.prefetch(member, score);
        let old = self.score(member);
        self.replace(member, old, score, limits, hasher);
        old
    }

    /// Asks for the memory that a member with this score is going to be in, which the search for its old
    /// score then overlaps with.
    pub(crate) fn prefetch(&self, member: &[u8], score: f64) {
        if self.0.table.is_some() {
            self.0.list.prefetch(key_of(score), member);
        }
    }

    /// Whether it is short and stays so when this member, new or not, is given a score.
    pub(crate) fn stays_short(&self, member: &[u8], is_new: bool, limits: &EncodingLimits) -> bool {
        self.0.table.is_none()
            && (!is_new || self.len() < limits.zset_listpack_entries as u64)
            && member.len() <= limits.zset_listpack_value_bytes
    }

    /// As [`insert`](Self::insert), where the member is known to have the score `old`, or to be missing.
    pub(crate) fn replace(
        &mut self,
        member: &[u8],
        old: Option<f64>,
        score: f64,
        limits: &EncodingLimits,
        hasher: &RandomState,
    ) {
        debug_assert!(!score.is_nan(), "a score is a number");
        if old.is_some_and(|old| old == score) {
            return;
        }
        let stays_short = self.stays_short(member, old.is_none(), limits);
        let body = Arc::make_mut(&mut self.0);
        if body.table.is_none() && !stays_short {
            body.promote(hasher);
        }
        // The table first: its page has just been searched for the old score, and what the list is going
        // to need arrives meanwhile.
        if let Some(table) = &mut body.table {
            table.set(member, score, old.is_none());
        }
        if let Some(old) = old {
            body.list.remove(key_of(old), member);
        }
        body.list.insert(element(score, member));
    }

    /// Removes a member, and answers the score it had. O(log n).
    pub(crate) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let old = self.score(member)?;
        let body = Arc::make_mut(&mut self.0);
        body.list.remove(key_of(old), member);
        if let Some(table) = &mut body.table {
            table.remove(member);
        }
        Some(old)
    }

    /// Removes the members with these ranks, clamped to those there are. O(log n) and the members removed.
    pub(crate) fn remove_ranks(&mut self, ranks: Range<u64>) {
        let body = Arc::make_mut(&mut self.0);
        if let Some(table) = &mut body.table {
            for element in body.list.range(ranks.clone()) {
                table.remove(element.member);
            }
        }
        body.list.remove_range(ranks);
    }

    /// What goes with this value and whatever the census has seen. O(nodes that would go).
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        if !census.is_last(&self.0) {
            return 0;
        }
        let table = self.0.table.as_ref().map_or(0, |table| {
            let beside = &mut |never: &Infallible, _: &mut Census| match *never {};
            size_of::<Table>() + table.scores.exclusive_bytes(census, beside)
        });
        size_of::<Body>() + 2 * size_of::<usize>() + self.0.list.exclusive_bytes(census) + table
    }

    /// The heap bytes below this value, as if nothing were shared with another. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        let table = self.0.table.as_ref().map_or(0, |table| {
            size_of::<Table>() + table.scores.node_bytes() + table.beside_bytes
        });
        size_of::<Body>() + 2 * size_of::<usize>() + self.0.list.memory_bytes() + table
    }

    /// The name that `OBJECT ENCODING` prints.
    pub(crate) fn encoding(&self) -> &'static str {
        match self.0.table {
            Some(_) => "skiplist",
            None => "listpack",
        }
    }

    /// Asserts every invariant. O(n).
    #[cfg(any(test, fuzzing))]
    pub(crate) fn check_invariants(&self) {
        let body = &*self.0;
        body.list.check_invariants();
        if let Some(table) = &body.table {
            table.scores.check_invariants();
            assert_eq!(table.scores.len() as u64, body.list.len(), "members");
        }
        let mut beside_bytes = 0;
        for element in body.list.iter() {
            let (member, score) = pair(element);
            assert!(!score.is_nan(), "a score is NaN");
            assert_eq!(key_of(score), element.key, "key");
            if let Some(table) = &body.table {
                let found = table.score(member).map(f64::to_bits);
                assert_eq!(found, Some(score.to_bits()), "score");
                if member.len() > INLINE_KEY_MAX {
                    beside_bytes += member.len();
                }
            }
        }
        let counted = body.table.as_ref().map_or(0, |table| table.beside_bytes);
        assert_eq!(counted, beside_bytes, "beside_bytes");
    }
}

impl Body {
    /// Puts a table beside the list.
    fn promote(&mut self, hasher: &RandomState) {
        let mut table = Table::new(hasher);
        // The coin of a list that is short hardly mattered; this one nobody can foresee.
        let mut list = SkipList::new(hasher.hash_one(self.list.len()));
        for element in self.list.iter() {
            let (member, score) = pair(element);
            table.set(member, score, true);
            list.insert(element);
        }
        self.list = list;
        self.table = Some(Box::new(table));
    }
}

/// Members and their scores in order; see [`ZSetValue::range`].
#[derive(Clone, Debug)]
pub(crate) struct Members<'a>(Elements<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(pair)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        self.0.nth(n).map(pair)
    }
}

impl DoubleEndedIterator for Members<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(pair)
    }
}

impl ExactSizeIterator for Members<'_> {}

#[cfg(test)]
mod tests;
