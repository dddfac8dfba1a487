//! Searches in a row of bits: bytes whose bits run from the lowest of the first byte up. `timelines`
//! stores a user's periods as such rows; `longest_run` is for the rows of words it hands out.
//!
//! `flip` is 0 to search for ones, `u64::MAX` to search for zeros.

/// Up to eight bytes as a word, the bits above them zero.
#[inline]
pub(super) fn load(bytes: &[u8]) -> u64 {
    match bytes.try_into() {
        Ok(bytes) => u64::from_le_bytes(bytes),
        Err(_) => bytes
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// The lowest `bits` bits, which is at most 64 and not 0.
#[inline]
fn low_mask(bits: usize) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The last bit below `end` that is set, or clear.
#[inline]
pub(super) fn last_below(row: &[u8], end: usize, flip: u64) -> Option<usize> {
    let mut end = end.min(row.len() * 8);
    while end > 0 {
        let stop = end.div_ceil(8);
        let start = stop.saturating_sub(8);
        let word = (load(&row[start..stop]) ^ flip) & low_mask(end - start * 8);
        if word != 0 {
            return Some(start * 8 + 63 - word.leading_zeros() as usize);
        }
        end = start * 8;
    }
    None
}

/// The first bit at or after `from` that is set, or clear.
#[inline]
pub(super) fn first_from(row: &[u8], mut from: usize, flip: u64) -> Option<usize> {
    let bits = row.len() * 8;
    while from < bits {
        let start = from / 8;
        let stop = (start + 8).min(row.len());
        let word = (load(&row[start..stop]) ^ flip) >> (from % 8);
        if word != 0 {
            let bit = from + word.trailing_zeros() as usize;
            return (bit < bits).then_some(bit);
        }
        from = stop * 8;
    }
    None
}

/// The first bit at or after `from` that is set.
#[inline]
pub(super) fn next_one(words: &[u64], from: usize) -> Option<usize> {
    let (first, rest) = words.get(from / 64..)?.split_first()?;
    let word = first & u64::MAX << (from % 64);
    if word != 0 {
        return Some(from / 64 * 64 + word.trailing_zeros() as usize);
    }
    let skipped = rest.iter().position(|&word| word != 0)?;
    Some((from / 64 + 1 + skipped) * 64 + rest[skipped].trailing_zeros() as usize)
}

/// The earliest of the longest runs of ones, if it is longer than `floor`: its start and its length.
pub(super) fn longest_run(words: &[u64], floor: usize) -> Option<(usize, usize)> {
    let (mut start, mut longest) = (0, floor);
    // The run that ends where the word starts.
    let mut run = 0;
    for (at, &word) in words.iter().enumerate() {
        let ones = word.trailing_ones() as usize;
        run += ones;
        if run > longest {
            (start, longest) = (at * 64 + ones - run, run);
        }
        if ones == 64 {
            continue;
        }
        run = word.leading_ones() as usize;
        if longest >= 63 {
            continue;
        }
        // Where a longer run starts within the word; of those left, where one longer by one does.
        let mut starts = run_starts(word, longest + 1);
        while starts != 0 {
            start = at * 64 + starts.trailing_zeros() as usize;
            longest += 1;
            starts &= word >> longest;
        }
    }
    (longest > floor).then_some((start, longest))
}

/// The bits with which `len` ones (at most 63) start.
fn run_starts(word: u64, len: usize) -> u64 {
    let (mut starts, mut known) = (word, 1);
    while known < len {
        let step = known.min(len - known);
        starts &= starts >> step;
        known += step;
    }
    starts
}

/// Turns 64 words of 64 bits: bit `b` of word `w` becomes bit `w` of word `b`.
pub(super) fn transpose(words: &mut [u64; 64]) {
    for distance in [32, 16, 8, 4, 2, 1] {
        // Ones and zeros in turns of this length, ones first.
        let mask = u64::MAX / ((1 << distance) + 1);
        for block in (0..64).step_by(2 * distance) {
            for low in block..block + distance {
                let high = low + distance;
                let swapped = (words[low] >> distance ^ words[high]) & mask;
                words[low] ^= swapped << distance;
                words[high] ^= swapped;
            }
        }
    }
}
