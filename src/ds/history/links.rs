//! `LinkCounts`: for every period, how many of its marks have their user's previous mark in which
//! period. `History` counts the distinct users of a window by it.
//!
//! A mark is counted once, in the row of its period: as a *first* if its user has no earlier mark, in
//! the column of the earlier mark's period otherwise. So a window `from..=to` has as many users as it
//! has marks that are firsts or lie in a column below `from`.
//!
//! Rows and columns are cut into tiles of 32 by 32 cells with their sums, so that a change touches one
//! tile and a window adds up whole tiles. Clones share rows and tiles until one is changed.
//!
//! Invariants (`check_invariants` tests them):
//! 1. A cell lies below the diagonal: its column is less than its row.
//! 2. No sum overflows a `u32`: a row counts users, and so does a column, for a mark is the previous
//!    one of at most one mark. Only totals of whole tiles are wider.
//! 3. A stored tile is not all zero, and a stored tile row has marks.

use std::mem::size_of;
use std::sync::Arc;

use super::sorted::Sorted;
use super::tile::{TILE, Tile, accumulate, change, sum};

/// What an `Arc` adds to what it holds.
const COUNTS_BYTES: usize = 2 * size_of::<usize>();

#[derive(Clone, Default)]
pub(super) struct LinkCounts {
    rows: Arc<Sorted<Arc<TileRow>>>,
}

/// 32 rows.
#[derive(Clone, Default)]
struct TileRow {
    marks_total: u64,
    firsts_total: u64,
    marks: [u32; TILE],
    firsts: [u32; TILE],
    columns: Sorted<Column>,
    /// What the tiles' counts take besides the tiles.
    cells_bytes: usize,
}

#[derive(Clone, Default)]
struct Column {
    total: u64,
    tile: Arc<Tile>,
}

/// The tile that `period` lies in, and its place there.
#[inline]
fn split(period: u32) -> (u32, usize) {
    (period / TILE as u32, period as usize % TILE)
}

fn join(key: u32, at: usize) -> u32 {
    key * TILE as u32 + at as u32
}

#[inline]
fn change_total(total: &mut u64, by: i32) {
    debug_assert!(total.checked_add_signed(by.into()).is_some());
    *total = total.wrapping_add_signed(by.into());
}

impl TileRow {
    #[inline]
    fn change(&mut self, row: usize, previous: Option<u32>, by: i32) {
        change_total(&mut self.marks_total, by);
        change(&mut self.marks[row], by);
        let Some(previous) = previous else {
            change_total(&mut self.firsts_total, by);
            change(&mut self.firsts[row], by);
            return;
        };
        let (key, cell) = split(previous);
        let at = self.columns.find_or_insert(key, Column::default);
        let column = self.columns.value_mut(at);
        self.cells_bytes -= column.tile.cells_bytes();
        change_total(&mut column.total, by);
        if column.total == 0 {
            self.columns.remove(at);
            return;
        }
        let tile = Arc::make_mut(&mut column.tile);
        tile.change(row, cell, by);
        self.cells_bytes += tile.cells_bytes();
    }

    /// Which of these rows lie in `from..=to`, this being tile row `key`.
    fn clip(key: u32, from: u32, to: u32) -> (usize, usize) {
        let ((first_key, first), (last_key, last)) = (split(from), split(to));
        let low = if key == first_key { first } else { 0 };
        let high = if key == last_key { last } else { TILE - 1 };
        (low, high)
    }

    /// The marks in rows `low..=high`.
    fn marks(&self, low: usize, high: usize) -> u64 {
        match (low, high) {
            (0, high) if high == TILE - 1 => self.marks_total,
            _ => sum(&self.marks[low..=high]),
        }
    }

    /// The firsts in rows `low..=high`.
    fn firsts(&self, low: usize, high: usize) -> u64 {
        match (low, high) {
            (0, high) if high == TILE - 1 => self.firsts_total,
            _ => sum(&self.firsts[low..=high]),
        }
    }
}

impl LinkCounts {
    /// A mark in `period` appears between its user's marks in `previous` and `next`.
    #[inline]
    pub(super) fn insert(&mut self, period: u32, previous: Option<u32>, next: Option<u32>) {
        let rows = Arc::make_mut(&mut self.rows);
        Self::change(rows, period, previous, 1);
        if let Some(next) = next {
            if cfg!(nacre_bug = "relink_forgotten") {
                return;
            }
            Self::change(rows, next, Some(period), 1);
            Self::change(rows, next, previous, -1);
        }
    }

    /// The reverse of [`LinkCounts::insert`].
    #[inline]
    pub(super) fn remove(&mut self, period: u32, previous: Option<u32>, next: Option<u32>) {
        let rows = Arc::make_mut(&mut self.rows);
        if let Some(next) = next {
            Self::change(rows, next, previous, 1);
            Self::change(rows, next, Some(period), -1);
        }
        Self::change(rows, period, previous, -1);
    }

    /// Changes one count.
    pub(super) fn add(&mut self, period: u32, previous: Option<u32>, by: i32) {
        Self::change(Arc::make_mut(&mut self.rows), period, previous, by);
    }

    #[inline]
    fn change(rows: &mut Sorted<Arc<TileRow>>, period: u32, previous: Option<u32>, by: i32) {
        let (key, row) = split(period);
        let at = rows.find_or_insert(key, Arc::default);
        let tile_row = Arc::make_mut(rows.value_mut(at));
        tile_row.change(row, previous, by);
        if tile_row.marks_total == 0 {
            rows.remove(at);
        }
    }

    /// Changes a whole tile: `by` yields the 32 changes of each of its rows. Their sum fits an `i32`.
    /// `period` and `previous` are its first row and column.
    pub(super) fn add_tile<'a>(
        &mut self,
        period: u32,
        previous: u32,
        by: impl Iterator<Item = &'a [i32]> + Clone,
    ) {
        if by.clone().all(|row| row.iter().all(|&by| by == 0)) {
            return;
        }
        let rows = Arc::make_mut(&mut self.rows);
        let at = rows.find_or_insert(split(period).0, Arc::default);
        let tile_row = Arc::make_mut(rows.value_mut(at));
        let column_at = tile_row
            .columns
            .find_or_insert(split(previous).0, Column::default);
        let column = tile_row.columns.value_mut(column_at);
        tile_row.cells_bytes -= column.tile.cells_bytes();
        let tile = Arc::make_mut(&mut column.tile);
        for (row, by) in by.enumerate() {
            let row_sum = tile.change_row(row, by);
            change(&mut tile_row.marks[row], row_sum);
            change_total(&mut tile_row.marks_total, row_sum);
            change_total(&mut column.total, row_sum);
        }
        tile_row.cells_bytes += tile.cells_bytes();
        if column.total == 0 {
            tile_row.cells_bytes -= tile.cells_bytes();
            tile_row.columns.remove(column_at);
        }
        if tile_row.marks_total == 0 {
            rows.remove(at);
        }
    }

    /// The tile rows that `from..=to` touches, with which of their rows lie in it.
    fn rows(&self, from: u32, to: u32) -> impl Iterator<Item = (u32, &TileRow, usize, usize)> {
        let range = self.rows.range(split(from).0, split(to).0);
        range.map(move |at| {
            let key = self.rows.key(at);
            let (low, high) = TileRow::clip(key, from, to);
            (key, &*self.rows.values()[at], low, high)
        })
    }

    /// The users with a mark in `from..=to`.
    pub(super) fn count(&self, from: u32, to: u32) -> u64 {
        if from > to {
            return 0;
        }
        let (edge_key, edge) = split(from);
        let range = self.rows.range(edge_key, split(to).0);
        // Firsts and what lies left of the edge, or all marks but what lies right of it: the fewer tiles.
        let from_left = range.len() > 2 * range.start;
        let mut users = 0u64;
        let mut edge_sums = [0; TILE];
        for (_, row, low, high) in self.rows(from, to) {
            let (left_end, right_start) = match row.columns.find(edge_key) {
                Ok(at) => {
                    let tile = &row.columns.values()[at].tile;
                    tile.sum_columns(low, high, &mut edge_sums);
                    (at, at + 1)
                }
                Err(at) => (at, at),
            };
            let columns = if from_left {
                &row.columns.values()[..left_end]
            } else {
                &row.columns.values()[right_start..]
            };
            let linked = if (low, high) == (0, TILE - 1) {
                columns.iter().map(|column| column.total).sum()
            } else {
                let mut row_sums = [0; TILE];
                for column in columns {
                    accumulate(&mut row_sums, column.tile.row_sums());
                }
                sum(&row_sums[low..=high])
            };
            users = if from_left {
                users + row.firsts(low, high) + linked
            } else {
                users + row.marks(low, high) - linked
            };
        }
        if from_left {
            users + sum(&edge_sums[..edge])
        } else {
            users - sum(&edge_sums[edge..])
        }
    }

    /// The marks in `from..=to`.
    pub(super) fn marks(&self, from: u32, to: u32) -> u64 {
        self.rows(from, to)
            .filter(|_| from <= to)
            .map(|(_, row, low, high)| row.marks(low, high))
            .sum()
    }

    /// The marks in `from..=to` that are their users' first.
    pub(super) fn firsts(&self, from: u32, to: u32) -> u64 {
        self.rows(from, to)
            .filter(|_| from <= to)
            .map(|(_, row, low, high)| row.firsts(low, high))
            .sum()
    }

    /// The periods of `from..=to` that have marks, ascending, with their number.
    pub(super) fn periods(&self, from: u32, to: u32) -> impl Iterator<Item = (u32, u64)> {
        self.rows(from, to)
            .filter(move |_| from <= to)
            .flat_map(|(key, row, low, high)| {
                (low..=high).map(move |at| {
                    let period = join(key, at);
                    (period, u64::from(row.marks[at]))
                })
            })
            .filter(|&(_, marks)| marks != 0)
    }

    /// The first and the last period with marks.
    pub(super) fn span(&self) -> Option<(u32, u32)> {
        let with_marks = |(key, row): (u32, &Arc<TileRow>), last: bool| {
            let is_used = |&count: &u32| count != 0;
            let at = if last {
                row.marks.iter().rposition(is_used)
            } else {
                row.marks.iter().position(is_used)
            };
            at.map(|at| join(key, at))
        };
        let first = with_marks(self.rows.iter().next()?, false)?;
        Some((first, with_marks(self.rows.iter().next_back()?, true)?))
    }

    /// All that this holds on the heap.
    pub(super) fn memory_bytes(&self) -> usize {
        let rows = self.rows.values().iter().map(|row| {
            let tiles = row.columns.len() * (size_of::<Tile>() + COUNTS_BYTES) + row.cells_bytes;
            size_of::<TileRow>() + COUNTS_BYTES + row.columns.heap_bytes() + tiles
        });
        size_of::<Sorted<Arc<TileRow>>>()
            + COUNTS_BYTES
            + self.rows.heap_bytes()
            + rows.sum::<usize>()
    }

    /// Every link that is counted, with its count: period, previous period.
    #[cfg(any(test, fuzzing))]
    pub(super) fn all(&self) -> Vec<((u32, Option<u32>), u32)> {
        self.check_invariants();
        let mut all = Vec::new();
        for (key, row) in self.rows.iter() {
            for at in 0..TILE {
                all.push(((join(key, at), None), row.firsts[at]));
            }
            for (column_key, column) in row.columns.iter() {
                for (at, cell, count) in column.tile.counts() {
                    let (period, previous) = (join(key, at), join(column_key, cell));
                    assert!(previous < period);
                    all.push(((period, Some(previous)), count));
                }
            }
        }
        all.retain(|&(_, count)| count != 0);
        all
    }

    #[cfg(any(test, fuzzing))]
    fn check_invariants(&self) {
        self.rows.check_invariants();
        for (_, row) in self.rows.iter() {
            row.columns.check_invariants();
            assert!(row.marks_total > 0);
            assert_eq!(row.marks_total, sum(&row.marks));
            assert_eq!(row.firsts_total, sum(&row.firsts));
            let mut marks = row.firsts;
            let mut cells_bytes = 0;
            for Column { total, tile } in row.columns.values() {
                assert!(*total > 0);
                tile.check_invariants();
                assert_eq!(*total, sum(tile.row_sums()));
                accumulate(&mut marks, tile.row_sums());
                cells_bytes += tile.cells_bytes();
            }
            assert_eq!(cells_bytes, row.cells_bytes);
            assert_eq!(marks, row.marks);
        }
    }
}
