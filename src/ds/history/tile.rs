//! `Tile`: 32 by 32 counts of a larger table, with the sums of their rows and columns. `links` lays
//! them out.
//!
//! A tile with few counts lists them: far from the diagonal, where a user comes back after long, most
//! tiles have but a handful. A tile that once had more than [`FEW`] keeps an array.
//!
//! Invariants (`check_invariants` tests them): the sums are exact, and none overflows (see `links`);
//! listed counts are not zero, and ascend by their cell.

use std::mem::size_of;

/// The rows, and the columns, of a tile.
pub(super) const TILE: usize = 1 << 5;
/// The most counts that are listed.
const FEW: usize = 128;

#[derive(Clone, Default)]
pub(super) struct Tile {
    row_sums: [u32; TILE],
    column_sums: [u32; TILE],
    cells: Cells,
}

#[derive(Clone)]
enum Cells {
    /// Which cell, row by row, and its count.
    Few(Vec<(u16, u32)>),
    All(Box<[[u32; TILE]; TILE]>),
}

impl Default for Cells {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

#[inline]
pub(super) fn change(count: &mut u32, by: i32) {
    debug_assert!(count.checked_add_signed(by).is_some(), "a count is exact");
    *count = count.wrapping_add_signed(by);
}

pub(super) fn sum(counts: &[u32]) -> u64 {
    counts.iter().map(|&count| u64::from(count)).sum()
}

/// Adds place by place. A sum may wrap on the way, what it is in the end is exact.
#[inline]
pub(super) fn accumulate(sums: &mut [u32; TILE], counts: &[u32; TILE]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum = sum.wrapping_add(*count);
    }
}

fn split(cell: u16) -> (usize, usize) {
    (usize::from(cell) / TILE, usize::from(cell) % TILE)
}

impl Cells {
    #[inline]
    fn change(&mut self, row: usize, column: usize, by: i32) {
        match self {
            Self::All(cells) => change(&mut cells[row][column], by),
            Self::Few(few) => {
                let cell = (row * TILE + column) as u16;
                match few.binary_search_by_key(&cell, |&(cell, _)| cell) {
                    Ok(at) => {
                        change(&mut few[at].1, by);
                        if few[at].1 == 0 {
                            few.remove(at);
                        }
                    }
                    Err(at) if few.len() < FEW => {
                        debug_assert!(by > 0);
                        few.insert(at, (cell, by as u32));
                    }
                    Err(_) => {
                        let mut cells = Box::new([[0; TILE]; TILE]);
                        for &(cell, count) in &*few {
                            let (row, column) = split(cell);
                            cells[row][column] = count;
                        }
                        change(&mut cells[row][column], by);
                        *self = Self::All(cells);
                    }
                }
            }
        }
    }
}

impl Tile {
    #[inline]
    pub(super) fn change(&mut self, row: usize, column: usize, by: i32) {
        change(&mut self.row_sums[row], by);
        change(&mut self.column_sums[column], by);
        self.cells.change(row, column, by);
    }

    /// Changes the counts of a row; returns the sum of the changes, which fits an `i32`.
    pub(super) fn change_row(&mut self, row: usize, by: &[i32]) -> i32 {
        if let Cells::All(cells) = &mut self.cells {
            for (cell, &by) in cells[row].iter_mut().zip(by) {
                *cell = cell.wrapping_add_signed(by);
            }
        } else {
            let changes = by.iter().enumerate().filter(|(_, by)| **by != 0);
            changes.for_each(|(column, &by)| self.cells.change(row, column, by));
        }
        for (sum, &by) in self.column_sums.iter_mut().zip(by) {
            *sum = sum.wrapping_add_signed(by);
        }
        let row_sum = by.iter().sum();
        change(&mut self.row_sums[row], row_sum);
        row_sum
    }

    pub(super) fn row_sums(&self) -> &[u32; TILE] {
        &self.row_sums
    }

    /// Adds the sums of the columns, in rows `low..=high`, to `sums`.
    #[inline]
    pub(super) fn sum_columns(&self, low: usize, high: usize, sums: &mut [u32; TILE]) {
        if (low, high) == (0, TILE - 1) {
            accumulate(sums, &self.column_sums);
            return;
        }
        match &self.cells {
            Cells::Few(few) => {
                for &(cell, count) in few {
                    let (row, column) = split(cell);
                    if (low..=high).contains(&row) {
                        sums[column] = sums[column].wrapping_add(count);
                    }
                }
            }
            Cells::All(cells) if high - low < TILE / 2 => {
                for cells in &cells[low..=high] {
                    accumulate(sums, cells);
                }
            }
            Cells::All(cells) => {
                accumulate(sums, &self.column_sums);
                for cells in cells[..low].iter().chain(&cells[high + 1..]) {
                    for (sum, count) in sums.iter_mut().zip(cells) {
                        *sum = sum.wrapping_sub(*count);
                    }
                }
            }
        }
    }

    /// What the counts take on the heap.
    #[inline]
    pub(super) fn cells_bytes(&self) -> usize {
        match &self.cells {
            Cells::Few(few) => few.capacity() * size_of::<(u16, u32)>(),
            Cells::All(_) => size_of::<[[u32; TILE]; TILE]>(),
        }
    }

    /// The counts that are not zero, with their row and column.
    #[cfg(any(test, fuzzing))]
    pub(super) fn counts(&self) -> Vec<(usize, usize, u32)> {
        match &self.cells {
            Cells::Few(few) => {
                let counts = few.iter().map(|&(cell, count)| (split(cell), count));
                counts
                    .map(|((row, column), count)| (row, column, count))
                    .collect()
            }
            Cells::All(cells) => {
                let places = (0..TILE * TILE).map(|cell| (cell / TILE, cell % TILE));
                let counts = places.map(|(row, column)| (row, column, cells[row][column]));
                counts.filter(|&(_, _, count)| count != 0).collect()
            }
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check_invariants(&self) {
        let (mut row_sums, mut column_sums) = ([0; TILE], [0; TILE]);
        let counts = self.counts();
        assert!(counts.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1)));
        for (row, column, count) in counts {
            assert!(count > 0);
            row_sums[row] += count;
            column_sums[column] += count;
        }
        assert_eq!((row_sums, column_sums), (self.row_sums, self.column_sums));
    }
}
