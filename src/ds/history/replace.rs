//! Makes whole bitmaps the marks of their periods: the way to fill a history from one bitmap per
//! period. `History::replace` is the only entry.
//!
//! Works group by group and segment by segment, on rows of words: of every row that changes, the
//! chain of marks between the first and the last difference is unlinked and linked anew. What the
//! chains change is summed up in an array as large as the window, and reaches the counts tile by tile.

use super::History;
use super::cohorts::Mark;
use super::links::LinkCounts;
use super::row::transpose;
use super::tile::TILE;
use super::timelines::{GROUP, Rows, SEGMENT_WORDS, join, split};

/// Groups whose changes are summed up before they are counted: few enough that no sum overflows.
const BATCH: usize = 1 << 16;

/// Bitmaps of one segment's periods.
struct Piece<'a> {
    segment: u32,
    /// Ascending; as long as `bitmaps`.
    periods: &'a [u32],
    bitmaps: &'a [&'a [u8]],
    /// The bits of a row that the bitmaps decide.
    mask: [u64; SEGMENT_WORDS],
}

/// The part of a user's row, bits `first..=last`, that changes, and the marks around it: the chains of
/// the old marks and of the new ones run from and to these.
struct Gap {
    first: usize,
    last: usize,
    previous: Option<u32>,
    next: Option<u32>,
}

/// Changes of the links between periods of a window; none are kept if the window is empty.
struct Changes {
    /// A multiple of `TILE`.
    start: u32,
    width: usize,
    cells: Vec<i32>,
}

impl Changes {
    fn new(periods: &[u32], groups: usize) -> Self {
        let (first, last) = match periods {
            [first, .., last] => (*first, *last),
            _ => (0, 0),
        };
        let start = first / TILE as u32 * TILE as u32;
        let width = ((last - start) as usize / TILE + 1) * TILE;
        // Clearing and reading the array must not cost more than it saves.
        let pays = periods.len() > 1 && groups * GROUP * periods.len() > width * width / 4;
        let width = if pays { width } else { 0 };
        let cells = vec![0; width * width];
        Self {
            start,
            width,
            cells,
        }
    }

    #[inline]
    fn add(&mut self, links: &mut LinkCounts, period: u32, previous: Option<u32>, by: i32) {
        let inside = |period: u32| {
            let at = period.wrapping_sub(self.start) as usize;
            (at < self.width).then_some(at)
        };
        match (inside(period), previous.and_then(inside)) {
            (Some(row), Some(column)) => self.cells[row * self.width + column] += by,
            _ => links.add(period, previous, by),
        }
    }

    fn apply(&mut self, links: &mut LinkCounts) {
        let (start, width) = (self.start, self.width);
        for row in (0..width).step_by(TILE) {
            for column in (0..=row).step_by(TILE) {
                let rows = self.cells[row * width..].chunks(width).take(TILE);
                let tile = rows.map(|cells| &cells[column..column + TILE]);
                links.add_tile(start + row as u32, start + column as u32, tile);
            }
        }
        self.cells.fill(0);
    }
}

/// See [`History::replace`].
pub(super) fn replace(history: &mut History, first_user: u32, periods: &[u32], bits: &[&[u8]]) {
    debug_assert!(first_user.is_multiple_of(GROUP as u32) && periods.is_sorted_by(|a, b| a < b));
    debug_assert_eq!(periods.len(), bits.len());
    let groups = bits.iter().map(|bits| bits.len() / 8).min().unwrap_or(0);
    let mut bitmaps = bits;
    for periods in periods.chunk_by(|&a, &b| split(a).0 == split(b).0) {
        let (now, later) = bitmaps.split_at(periods.len().min(bitmaps.len()));
        bitmaps = later;
        let mut mask = [0; SEGMENT_WORDS];
        for &period in periods {
            let bit = split(period).1;
            mask[bit / 64] |= 1 << (bit % 64);
        }
        let piece = Piece {
            segment: split(periods[0]).0,
            periods,
            bitmaps: now,
            mask,
        };
        let mut changes = Changes::new(periods, groups);
        for batch in (0..groups).step_by(BATCH) {
            for group in batch..groups.min(batch + BATCH) {
                let user = group
                    .checked_mul(GROUP)
                    .and_then(|users| u32::try_from(users).ok())
                    .and_then(|users| first_user.checked_add(users));
                if let Some(user) = user {
                    piece.replace_group(history, &mut changes, group, user);
                }
            }
            changes.apply(&mut history.links);
        }
    }
}

impl Piece<'_> {
    /// What the rows of the group become. Redis's bit order makes the first user the highest bit.
    fn new_rows(&self, old: &Rows, group: usize) -> Rows {
        let mut new = *old;
        let mut bitmaps = self.periods.iter().zip(self.bitmaps).peekable();
        for (at, &mask) in self.mask.iter().enumerate().filter(|(_, mask)| **mask != 0) {
            let mut turned = [0; 64];
            while let Some((&period, bitmap)) =
                bitmaps.next_if(|(period, _)| split(**period).1 / 64 == at)
            {
                let bytes = bitmap[group * 8..].first_chunk();
                turned[split(period).1 % 64] = bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes));
            }
            transpose(&mut turned);
            for (row, turned) in new.iter_mut().zip(turned.iter().rev()) {
                row[at] = row[at] & !mask | turned;
            }
        }
        new
    }

    fn replace_group(&self, history: &mut History, changes: &mut Changes, group: usize, user: u32) {
        let stored = history.timelines.rows(self.segment, user);
        let old = stored.map_or([[0; SEGMENT_WORDS]; GROUP], |rows| *rows);
        let new = self.new_rows(&old, group);
        if old == new {
            return;
        }
        // Of a user with one change the cohorts are corrected; others are taken out and counted anew.
        let mut recount = Vec::new();
        let rows = old.iter().zip(&new).zip(user..=user | 63);
        for ((old, new), user) in rows.filter(|((old, new), _)| old != new) {
            let Some(gap) = self.gap(history, user, old, new) else {
                continue;
            };
            gap.relink(history, changes, self.segment, old, new);
            let Some(cohorts) = &mut history.cohorts else {
                continue;
            };
            if gap.first == gap.last {
                let (at, bit) = (gap.first / 64, gap.first % 64);
                let by = if new[at] >> bit & 1 != 0 { 1 } else { -1 };
                let mark = Mark {
                    user,
                    period: join(self.segment, gap.first),
                    previous: gap.previous,
                    next: gap.next,
                };
                cohorts.change_mark(&history.timelines, mark, by);
            } else {
                cohorts.add_user(&history.timelines, user, -1);
                recount.push(user);
            }
        }
        history.timelines.put_rows(self.segment, user, Some(&new));
        if let Some(cohorts) = &mut history.cohorts {
            for user in recount {
                cohorts.add_user(&history.timelines, user, 1);
            }
        }
    }

    /// What differs between a user's rows, if anything does.
    fn gap(
        &self,
        history: &History,
        user: u32,
        old: &[u64; SEGMENT_WORDS],
        new: &[u64; SEGMENT_WORDS],
    ) -> Option<Gap> {
        let differs = |at: &usize| old[*at] != new[*at];
        let first = (0..SEGMENT_WORDS).find(differs)?;
        let last = (0..SEGMENT_WORDS).rev().find(differs)?;
        let first = first * 64 + (old[first] ^ new[first]).trailing_zeros() as usize;
        let last = last * 64 + 63 - (old[last] ^ new[last]).leading_zeros() as usize;
        let after = join(self.segment, last).checked_add(1);
        Some(Gap {
            first,
            last,
            previous: history.timelines.previous(user, join(self.segment, first)),
            next: after.and_then(|after| history.timelines.next(user, after)),
        })
    }
}

impl Gap {
    /// Unlinks the old marks, and links the new ones.
    fn relink(
        &self,
        history: &mut History,
        changes: &mut Changes,
        segment: u32,
        old: &[u64; SEGMENT_WORDS],
        new: &[u64; SEGMENT_WORDS],
    ) {
        let (first, last) = (self.first, self.last);
        for (row, by) in [(old, -1), (new, 1)] {
            let mut previous = self.previous;
            let words = row.iter().enumerate();
            for (at, &word) in words.take(last / 64 + 1).skip(first / 64) {
                let mut word = word;
                if at == first / 64 {
                    word &= u64::MAX << (first % 64);
                }
                if at == last / 64 {
                    word &= u64::MAX >> (63 - last % 64);
                }
                while word != 0 {
                    let period = join(segment, at * 64 + word.trailing_zeros() as usize);
                    changes.add(&mut history.links, period, previous, by);
                    previous = Some(period);
                    word &= word - 1;
                }
            }
            if let Some(next) = self.next {
                changes.add(&mut history.links, next, previous, by);
            }
        }
    }
}
