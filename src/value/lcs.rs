//! The longest common subsequence of two strings, as LCS answers it.
//!
//! Called by the LCS command. The table of all prefixes takes 4 * (n + 1) * (m + 1) bytes; it is
//! refused past the caller's limit (Redis: proto-max-bulk-len), which also bounds the time.
//!
//! Invariants:
//! 1. Where several subsequences are longest, Redis's: from the ends, a step that keeps the length is
//!    taken in the second string first.
//! 2. Ranges are maximal runs of matches that are contiguous in both strings, last first.

use std::ops::Range;

/// Why no answer was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LcsError {
    /// A string is longer than 2^32 - 3 bytes.
    TooLong,
    /// The table would be larger than the limit.
    PastLimit,
    /// The system has no memory for the table.
    OutOfMemory,
}

impl LcsError {
    /// Redis's text, code word first.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::TooLong => "ERR String too long for LCS",
            Self::PastLimit => {
                "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
            }
            Self::OutOfMemory => {
                "ERR Insufficient memory, failed allocating transient memory for LCS"
            }
        }
    }
}

/// The subsequence and where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lcs {
    pub(crate) string: Vec<u8>,
    /// The matching runs, last first, as IDX lists them.
    pub(crate) matches: Vec<LcsMatch>,
}

/// A run that both strings have: `a` in the first, `b` in the second, equally long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LcsMatch {
    pub(crate) a: Range<usize>,
    pub(crate) b: Range<usize>,
}

/// What the table would take, or why it is refused.
fn table_cells(a: &[u8], b: &[u8], limit_bytes: u64) -> Result<usize, LcsError> {
    let longest = (u32::MAX - 2) as usize;
    if a.len() > longest || b.len() > longest {
        return Err(LcsError::TooLong);
    }
    let cells = (a.len() as u128 + 1) * (b.len() as u128 + 1);
    if cells * 4 > u128::from(limit_bytes) {
        return Err(LcsError::PastLimit);
    }
    usize::try_from(cells).map_err(|_| LcsError::OutOfMemory)
}

/// How long the longest common subsequence is. O(n * m / 64) time, O(min(n, m)) memory; refused by
/// the same limit as [`lcs`], as Redis does.
///
/// # Errors
/// If the table of [`lcs`] would be past `limit_bytes`.
pub(crate) fn lcs_length(a: &[u8], b: &[u8], limit_bytes: u64) -> Result<u64, LcsError> {
    table_cells(a, b, limit_bytes)?;
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.is_empty() {
        return Ok(0);
    }
    // A row of the table grows by 0 or 1 from cell to cell. `flat` holds the cells where it does
    // not grow, and one addition per word carries the growth of a whole row (Crochemore et al.).
    let words = short.len().div_ceil(64);
    // Which positions of `short` hold a byte; rows only for the bytes that occur in it.
    let mut row_of = [None; 256];
    let mut places: Vec<u64> = Vec::new();
    for (i, byte) in short.iter().enumerate() {
        let row = *row_of[usize::from(*byte)].get_or_insert_with(|| {
            places.resize(places.len() + words, 0);
            places.len() - words
        });
        places[row + i / 64] |= 1 << (i % 64);
    }
    let mut flat = vec![u64::MAX; words];
    for byte in long {
        let Some(row) = row_of[usize::from(*byte)] else {
            continue;
        };
        let mut carry = false;
        for (word, place) in flat.iter_mut().zip(&places[row..row + words]) {
            let matched = *word & place;
            let (sum, first) = word.overflowing_add(matched);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            *word = sum | (*word & !place);
        }
    }
    let grown = |(i, word): (usize, &u64)| {
        let used = (short.len() - i * 64).min(64);
        u64::from((!word & (u64::MAX >> (64 - used))).count_ones())
    };
    Ok(flat.iter().enumerate().map(grown).sum())
}

/// The longest common subsequence and its matching runs. O(n * m) time and memory.
///
/// # Errors
/// If the table would be past `limit_bytes`, or the system has no memory for it.
pub(crate) fn lcs(a: &[u8], b: &[u8], limit_bytes: u64) -> Result<Lcs, LcsError> {
    let cells = table_cells(a, b, limit_bytes)?;
    let mut table: Vec<u32> = Vec::new();
    table
        .try_reserve_exact(cells)
        .map_err(|_| LcsError::OutOfMemory)?;
    table.resize(cells, 0);
    let width = b.len() + 1;
    for (i, byte) in a.iter().enumerate() {
        let (above, row) = table[i * width..(i + 2) * width].split_at_mut(width);
        let mut left = 0;
        for (j, other) in b.iter().enumerate() {
            left = if byte == other {
                above[j] + 1
            } else {
                left.max(above[j + 1])
            };
            row[j + 1] = left;
        }
    }
    let mut found = Lcs {
        string: Vec::with_capacity(table[cells - 1] as usize),
        matches: Vec::new(),
    };
    let (mut i, mut j) = (a.len(), b.len());
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            (i, j) = (i - 1, j - 1);
            found.string.push(a[i]);
            match found.matches.last_mut() {
                Some(run) if run.a.start == i + 1 && run.b.start == j + 1 => {
                    (run.a.start, run.b.start) = (i, j);
                }
                _ => found.matches.push(LcsMatch {
                    a: i..i + 1,
                    b: j..j + 1,
                }),
            }
        } else if table[(i - 1) * width + j] > table[i * width + j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    found.string.reverse();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 512 << 20;

    #[test]
    fn the_example_of_the_manual_holds() {
        let found = lcs(b"ohmytext", b"mynewtext", LIMIT).unwrap();
        assert_eq!(found.string, b"mytext");
        let expected = [LcsMatch { a: 4..8, b: 5..9 }, LcsMatch { a: 2..4, b: 0..2 }];
        assert_eq!(found.matches, expected);
        assert_eq!(lcs_length(b"ohmytext", b"mynewtext", LIMIT), Ok(6));
    }

    #[test]
    fn empty_strings_have_nothing_in_common() {
        for (a, b) in [
            (b"".as_slice(), b"".as_slice()),
            (b"", b"abc"),
            (b"abc", b""),
        ] {
            assert_eq!(lcs(a, b, LIMIT), Ok(Lcs::default()));
            assert_eq!(lcs_length(a, b, LIMIT), Ok(0));
        }
    }

    #[test]
    fn a_table_past_the_limit_is_refused() {
        let a = vec![b'x'; 99];
        assert!(lcs(&a, &a, 40_000).is_ok());
        assert_eq!(lcs(&a, &a, 39_999), Err(LcsError::PastLimit));
        assert_eq!(lcs_length(&a, &a, 39_999), Err(LcsError::PastLimit));
        let long = vec![b'x'; 1 << 20];
        assert_eq!(lcs(&long, &long, LIMIT), Err(LcsError::PastLimit));
    }

    #[test]
    fn the_length_alone_agrees_with_the_table() {
        let mut seed = 7u64;
        let mut next = |n: u64| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        for _ in 0..if cfg!(miri) { 3 } else { 500 } {
            let letters = 1 + next(6);
            // Runs of one letter leave whole words of the row without a match.
            let longest_run = 1 + next(2) * 90;
            let mut text = |max: u64| -> Vec<u8> {
                let len = next(max) as usize;
                let mut text = Vec::new();
                while text.len() < len {
                    let letter = b'a' + next(letters) as u8;
                    text.resize(text.len() + 1 + next(longest_run) as usize, letter);
                }
                text
            };
            let (a, b) = (text(400), text(300));
            let found = lcs(&a, &b, LIMIT).unwrap();
            assert_eq!(lcs_length(&a, &b, LIMIT), Ok(found.string.len() as u64));
            assert_eq!(lcs_length(&b, &a, LIMIT), Ok(found.string.len() as u64));
            let mut runs = found.matches.clone();
            runs.reverse();
            let joined: Vec<u8> = runs
                .iter()
                .flat_map(|run| a[run.a.clone()].to_vec())
                .collect();
            assert_eq!(joined, found.string);
            for run in &runs {
                assert_eq!(a[run.a.clone()], b[run.b.clone()]);
            }
            for pair in runs.windows(2) {
                assert!(pair[0].a.end <= pair[1].a.start && pair[0].b.end <= pair[1].b.start);
                assert!(pair[0].a.end < pair[1].a.start || pair[0].b.end < pair[1].b.start);
            }
        }
    }
}
