//! Cohorts: of the users who first appeared in one bucket of periods, how many were active in another.
//!
//! [`Cohorts`] keeps the counts for one uniform bucketing while marks come and go; `History` tells it
//! of every change. [`scan`] counts for any bounds by reading every user's timeline.
//!
//! Invariants:
//! 1. A user counts in the row of the bucket of its first mark over all history, once for every bucket
//!    it has a mark in. A user whose first mark is before the origin counts nowhere.
//! 2. The buckets lie within `limit` of each other; a caller drops what `is_within_limit` denies.

use std::mem::size_of;
use std::sync::Arc;

use super::MAX_ROW_PERIODS;
use super::row;
use super::sorted::Sorted;
use super::timelines::Timelines;

/// Equal buckets of periods: bucket `b` starts with period `origin + b * width`. Nothing before
/// `origin` is in a bucket, and a width of 0 counts as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) origin: u32,
    pub(crate) width: u32,
}

impl Buckets {
    #[inline]
    fn of(self, period: u32) -> Option<u32> {
        Some(period.checked_sub(self.origin)? / self.width.max(1))
    }

    /// The first period behind a bucket.
    fn end(self, bucket: u32) -> Option<u32> {
        let periods = u64::from(self.width.max(1)) * (u64::from(bucket) + 1);
        u32::try_from(u64::from(self.origin) + periods).ok()
    }
}

#[derive(Clone)]
pub(super) struct Cohorts {
    pub(super) buckets: Buckets,
    limit: u32,
    /// The lowest and the highest bucket so far.
    span: Option<(u32, u32)>,
    /// By first bucket: the counts of that bucket and of those behind it.
    rows: Arc<Sorted<Arc<Vec<u32>>>>,
}

/// A mark between its user's neighbouring marks.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) user: u32,
    pub(super) period: u32,
    pub(super) previous: Option<u32>,
    pub(super) next: Option<u32>,
}

impl Cohorts {
    /// Counts what `timelines` holds now. `None` if its buckets span more than `limit`.
    pub(super) fn count(
        buckets: Buckets,
        limit: u32,
        timelines: &Timelines,
        span: Option<(u32, u32)>,
    ) -> Option<Self> {
        let mut cohorts = Self {
            buckets,
            limit,
            span: None,
            rows: Arc::default(),
        };
        let Some((from, to)) = span else {
            return Some(cohorts);
        };
        // The first and the last mark alone are too far apart.
        if let (Some(low), Some(high)) = (buckets.of(from), buckets.of(to))
            && high - low >= limit
        {
            return None;
        }
        if to - from < MAX_ROW_PERIODS {
            timelines.for_each_row(from, to, |_, words| {
                let next = |period: u32| {
                    let bit = row::next_one(words, (period - from) as usize)?;
                    Some(from + bit as u32)
                };
                cohorts.add_first(next(from), 1, next);
            });
        } else {
            timelines.for_each_group(from, to, |group| {
                for user in group..=group | 63 {
                    cohorts.add_user(timelines, user, 1);
                }
            });
        }
        cohorts.is_within_limit().then_some(cohorts)
    }

    pub(super) fn is_within_limit(&self) -> bool {
        self.span.is_none_or(|(low, high)| high - low < self.limit)
    }

    /// Counts all that a user has, or takes it out.
    pub(super) fn add_user(&mut self, timelines: &Timelines, user: u32, by: i32) {
        let first = timelines.next(user, 0);
        self.add_first(first, by, |from| timelines.next(user, from));
    }

    /// Counts all that a user has whose first mark is in period `first`.
    fn add_first(&mut self, first: Option<u32>, by: i32, next: impl Fn(u32) -> Option<u32>) {
        if let Some(bucket) = first.and_then(|first| self.buckets.of(first)) {
            self.add_buckets(bucket, bucket, by, next);
        }
    }

    /// Counts `bucket`, and every later one that has a mark, in the row `first_bucket`. `next` finds
    /// the user's first mark in a period or later.
    #[inline]
    fn add_buckets(
        &mut self,
        first_bucket: u32,
        mut bucket: u32,
        by: i32,
        next: impl Fn(u32) -> Option<u32>,
    ) {
        let rows = Arc::make_mut(&mut self.rows);
        let at = rows.find_or_insert(first_bucket, Arc::default);
        let counts = Arc::make_mut(rows.value_mut(at));
        loop {
            let column = (bucket - first_bucket) as usize;
            if bucket - first_bucket >= self.limit {
                break;
            }
            if column >= counts.len() {
                counts.resize(column + 1, 0);
            }
            debug_assert!(counts[column].checked_add_signed(by).is_some());
            counts[column] = counts[column].wrapping_add_signed(by);
            let later = self.buckets.end(bucket).and_then(&next);
            match later.and_then(|period| self.buckets.of(period)) {
                Some(later) => bucket = later,
                None => break,
            }
        }
        let (low, high) = self.span.unwrap_or((first_bucket, bucket));
        self.span = Some((low.min(first_bucket), high.max(bucket)));
    }

    /// Counts a mark that came, or one that goes. `timelines` may hold it or not.
    #[inline]
    pub(super) fn change_mark(&mut self, timelines: &Timelines, mark: Mark, by: i32) {
        let Some(bucket) = self.buckets.of(mark.period) else {
            // A first mark before the origin takes its user out of all cohorts.
            if mark.previous.is_none() {
                self.move_user(timelines, mark, None, by);
            }
            return;
        };
        let is_in_bucket = |period: Option<u32>| {
            period.is_some_and(|period| self.buckets.of(period) == Some(bucket))
        };
        if is_in_bucket(mark.previous) || is_in_bucket(mark.next) {
            // Of two marks in the first bucket either makes the same user.
            return;
        }
        if mark.previous.is_none() {
            self.add_buckets(bucket, bucket, by, |_| None);
            self.move_user(timelines, mark, Some(bucket), by);
            return;
        }
        let first = timelines.next(mark.user, 0);
        if let Some(first_bucket) = first.and_then(|first| self.buckets.of(first)) {
            self.add_buckets(first_bucket, bucket, by, |_| None);
        }
    }

    /// The user's first mark becomes `mark`, in `bucket`, or `mark.next` again: its buckets from
    /// `mark.next` on move to the other row.
    fn move_user(&mut self, timelines: &Timelines, mark: Mark, bucket: Option<u32>, by: i32) {
        let Some(next_bucket) = mark.next.and_then(|next| self.buckets.of(next)) else {
            return;
        };
        let next = |from| timelines.next(mark.user, from);
        self.add_buckets(next_bucket, next_bucket, -by, next);
        if let Some(bucket) = bucket {
            self.add_buckets(bucket, next_bucket, by, next);
        }
    }

    /// For every first bucket of `from..=to` the counts of it and of the buckets behind it, up to `to`.
    /// `None` if they are more than are kept.
    pub(super) fn triangle(&self, from: u32, to: u32) -> Option<Vec<Vec<u64>>> {
        if from <= to && to - from >= self.limit {
            return None;
        }
        let row = |first: u32| {
            let counts = self.rows.get(first).map_or(&[][..], |counts| counts);
            let counts = counts.iter().map(|&count| u64::from(count));
            let padded = counts.chain(std::iter::repeat(0));
            padded.take((to - first) as usize + 1).collect()
        };
        Some((from..=to).map(row).collect())
    }

    /// That the counts are those of `timelines`.
    #[cfg(any(test, fuzzing))]
    pub(super) fn assert_counts(&self, timelines: &Timelines, span: Option<(u32, u32)>) {
        let trimmed = |cohorts: &Self| -> Vec<(u32, Vec<u32>)> {
            let trim = |counts: &[u32]| {
                let len = counts.iter().rposition(|&count| count != 0);
                counts[..len.map_or(0, |last| last + 1)].to_vec()
            };
            let rows = cohorts
                .rows
                .iter()
                .map(|(first, counts)| (first, trim(counts)));
            rows.filter(|(_, counts)| !counts.is_empty()).collect()
        };
        let counted = Self::count(self.buckets, self.limit, timelines, span);
        assert!(counted.is_some_and(|counted| trimmed(&counted) == trimmed(self)));
    }

    /// All that this holds on the heap.
    pub(super) fn memory_bytes(&self) -> usize {
        let rows = self.rows.values().iter();
        let rows =
            rows.map(|counts| counts.capacity() * size_of::<u32>() + size_of::<[usize; 5]>());
        size_of::<Sorted<Arc<Vec<u32>>>>() + self.rows.heap_bytes() + rows.sum::<usize>()
    }
}

/// The triangle for the buckets between ascending `bounds`: bucket `i` is `bounds[i]..bounds[i + 1]`.
/// A user belongs to the bucket of its first mark over all history, of which `span` is the span.
/// The caller bounds the window from the first bound to the last: it is read as one row per user.
pub(super) fn scan(
    bounds: &[u32],
    timelines: &Timelines,
    span: Option<(u32, u32)>,
) -> Vec<Vec<u64>> {
    let len = bounds.len().saturating_sub(1);
    let mut triangle: Vec<Vec<u64>> = (0..len).map(|row| vec![0; len - row]).collect();
    let (Some((first, last)), Some(&start), Some(&end)) = (span, bounds.first(), bounds.last())
    else {
        return triangle;
    };
    let from = start.max(first);
    let to = end.saturating_sub(1).min(last);
    // A bound's bit in the rows; one outside the window is clipped to it.
    let bit = |bound: u32| (bound.clamp(from, to.saturating_add(1)) - from) as usize;
    let bits: Vec<usize> = if from <= to && end > 0 {
        bounds.iter().map(|&bound| bit(bound)).collect()
    } else {
        return triangle;
    };
    timelines.for_each_row(from, to, |user, words| {
        if start > first && timelines.previous(user, start).is_some() {
            return;
        }
        let mut row: Option<&mut Vec<u64>> = None;
        let mut skipped = 0;
        let mut rows = triangle.iter_mut();
        for (at, range) in bits.windows(2).enumerate() {
            let cohort = if row.is_none() { rows.next() } else { None };
            if !any(words, range[0], range[1]) {
                continue;
            }
            if row.is_none() {
                row = cohort;
                skipped = at;
            }
            if let Some(counts) = &mut row {
                counts[at - skipped] += 1;
            }
        }
    });
    triangle
}

/// Whether a bit of `from..end` is set.
#[inline]
fn any(words: &[u64], from: usize, end: usize) -> bool {
    if from >= end {
        return false;
    }
    let (first, last) = (from / 64, (end - 1) / 64);
    let low = u64::MAX << (from % 64);
    let high = u64::MAX >> (63 - (end - 1) % 64);
    if first == last {
        return words[first] & low & high != 0;
    }
    words[first] & low != 0
        || words[last] & high != 0
        || words[first + 1..last].iter().any(|&word| word != 0)
}
