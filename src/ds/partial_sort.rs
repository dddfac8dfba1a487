//! Sorting of which only a part of the result is wanted, in a fixed order even where elements are equal.
//!
//! Called where ties must fall as they do in Redis, whose partial sort is the quicksort of Bentley and
//! McIlroy ("Engineering a Sort Function", 1993) without the branches that lie outside of the wanted part.
//! It is not stable, but the same comparisons in the same order give the same permutation.
//!
//! Invariants:
//! 1. The elements at the wanted positions are those of the whole slice sorted; the others are somewhere.
//! 2. O(n log n) whatever the input: a branch that splits badly for too long is sorted by std's stable sort.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

/// Below this, insertion.
const SMALL: usize = 7;
/// From this on, the pivot is chosen from nine.
const LARGE: usize = 40;

/// Sorts `all` as far as the positions in `wanted` are concerned. Without any, nothing is said of the
/// order.
pub(crate) fn partial_sort<T>(
    all: &mut [T],
    wanted: RangeInclusive<usize>,
    mut compare: impl FnMut(&T, &T) -> Ordering,
) {
    let depth = 4 * (usize::BITS - all.len().leading_zeros());
    sort(all, 0, &wanted, &mut compare, depth);
}

/// The position of the median of three.
fn median<T>(
    all: &[T],
    (a, b, c): (usize, usize, usize),
    compare: &mut impl FnMut(&T, &T) -> Ordering,
) -> usize {
    if compare(&all[a], &all[b]).is_lt() {
        if compare(&all[b], &all[c]).is_lt() {
            b
        } else if compare(&all[a], &all[c]).is_lt() {
            c
        } else {
            a
        }
    } else if compare(&all[b], &all[c]).is_gt() {
        b
    } else if compare(&all[a], &all[c]).is_lt() {
        a
    } else {
        c
    }
}

fn pivot<T>(all: &[T], compare: &mut impl FnMut(&T, &T) -> Ordering) -> usize {
    let len = all.len();
    let (mut low, mut middle, mut high) = (0, len / 2, len - 1);
    if len > SMALL {
        if len > LARGE {
            let step = len / 8;
            low = median(all, (low, low + step, low + 2 * step), compare);
            middle = median(all, (middle - step, middle, middle + step), compare);
            high = median(all, (high - 2 * step, high - step, high), compare);
        }
        middle = median(all, (low, middle, high), compare);
    }
    middle
}

/// Exchanges the first `len` elements with those before `end`, pairwise.
fn exchange<T>(all: &mut [T], low: usize, high: usize, len: usize) {
    for at in 0..len {
        all.swap(low + at, high + at);
    }
}

/// As [`partial_sort`], of a part that starts at position `offset`.
fn sort<T>(
    mut all: &mut [T],
    mut offset: usize,
    wanted: &RangeInclusive<usize>,
    compare: &mut impl FnMut(&T, &T) -> Ordering,
    mut depth: u32,
) {
    loop {
        let len = all.len();
        if len < SMALL {
            for end in 1..len {
                let mut at = end;
                while at > 0 && compare(&all[at - 1], &all[at]).is_gt() {
                    all.swap(at - 1, at);
                    at -= 1;
                }
            }
            return;
        }
        if depth == 0 {
            return all.sort_by(|one, other| compare(one, other));
        }
        depth -= 1;
        let chosen = pivot(all, compare);
        all.swap(0, chosen);
        // Those equal to the pivot gather at both ends, then move between the others.
        let (mut equal_low, mut low) = (1, 1);
        let (mut equal_high, mut high) = (len - 1, len - 1);
        loop {
            while low <= high {
                match compare(&all[low], &all[0]) {
                    Ordering::Greater => break,
                    Ordering::Equal => {
                        all.swap(equal_low, low);
                        equal_low += 1;
                    }
                    Ordering::Less => {}
                }
                low += 1;
            }
            while low <= high {
                match compare(&all[high], &all[0]) {
                    Ordering::Less => break,
                    Ordering::Equal => {
                        all.swap(high, equal_high);
                        equal_high -= 1;
                    }
                    Ordering::Greater => {}
                }
                high -= 1;
            }
            if low > high {
                break;
            }
            all.swap(low, high);
            low += 1;
            high -= 1;
        }
        let less = low - equal_low;
        let moved = equal_low.min(less);
        exchange(all, 0, low - moved, moved);
        let more = equal_high - high;
        let moved = more.min(len - 1 - equal_high);
        exchange(all, low, len - moved, moved);
        let touches = |start: usize, len: usize| {
            len > 1 && *wanted.start() < start + len && *wanted.end() >= start
        };
        let after = len - more;
        let (left, right) = std::mem::take(&mut all).split_at_mut(after);
        if touches(offset, less) {
            sort(&mut left[..less], offset, wanted, compare, depth);
        }
        if !touches(offset + after, more) {
            return;
        }
        all = right;
        offset += after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
        let mut state = seed;
        move |below| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        }
    }

    #[test]
    fn wanted_positions_hold_what_a_whole_sort_puts_there() {
        let mut next = numbers(1);
        for round in 0..if cfg!(miri) { 20 } else { 3000 } {
            let len = next(if round % 10 == 0 { 500 } else { 60 });
            let values = 1 + next(len + 2);
            let all: Vec<u64> = (0..len).map(|_| next(values)).collect();
            let mut sorted = all.clone();
            sorted.sort_unstable();
            let start = next(len + 1) as usize;
            let end = start + next(len + 1) as usize;
            let mut part = all.clone();
            partial_sort(&mut part, start..=end, u64::cmp);
            let end = (end + 1).min(part.len());
            if start < end {
                assert_eq!(part[start..end], sorted[start..end], "round {round}");
            }
            part.sort_unstable();
            assert_eq!(part, sorted);
        }
    }

    #[test]
    fn bad_splits_end() {
        // All alike, rising, falling, an organ pipe.
        let len = if cfg!(miri) { 100 } else { 20_000 };
        let shapes: [fn(usize, usize) -> usize; 4] = [
            |_, _| 0,
            |at, _| at,
            |at, len| len - at,
            |at, len| at.min(len - at),
        ];
        for shape in shapes {
            let mut all: Vec<usize> = (0..len).map(|at| shape(at, len)).collect();
            let mut compared = 0_u64;
            partial_sort(&mut all, 0..=len, |one, other| {
                compared += 1;
                one.cmp(other)
            });
            assert!(all.is_sorted());
            assert!(compared < 100 * len as u64);
        }
    }
}
