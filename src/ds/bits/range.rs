//! Counting and finding bits inside a plain slice, in Redis's bit order: bit 0 is the highest bit of
//! byte 0.
//!
//! Called by the tree above for its chunks, and by commands for strings small enough to lie in a page.
//!
//! Invariants: ranges are clamped to the slice; an empty or reversed range counts 0 and finds nothing.

use crate::ds::popcount;

/// How many bits are set in `from_bit..to_bit`. O(bytes touched).
pub(crate) fn count_ones(bytes: &[u8], from_bit: u64, to_bit: u64) -> u64 {
    let to_bit = to_bit.min(bytes.len() as u64 * 8);
    if from_bit >= to_bit {
        return 0;
    }
    let first = (from_bit / 8) as usize;
    let last = ((to_bit - 1) / 8) as usize;
    let head_mask = 0xFFu8 >> (from_bit % 8);
    let tail_mask = tail_mask(to_bit);
    if first == last {
        return u64::from((bytes[first] & head_mask & tail_mask).count_ones());
    }
    u64::from((bytes[first] & head_mask).count_ones())
        + popcount::count_ones(&bytes[first + 1..last])
        + u64::from((bytes[last] & tail_mask).count_ones())
}

/// The bits of the last byte that lie below `to_bit` (which is not 0).
pub(super) fn tail_mask(to_bit: u64) -> u8 {
    0xFFu8 << (7 - (to_bit - 1) % 8)
}

/// The first bit in `from_bit..to_bit` that equals `bit`. O(bytes touched).
pub(crate) fn find(bytes: &[u8], bit: bool, from_bit: u64, to_bit: u64) -> Option<u64> {
    let to_bit = to_bit.min(bytes.len() as u64 * 8);
    if from_bit >= to_bit {
        return None;
    }
    // With the bytes flipped, a search for a 0 is a search for a 1.
    let flip = if bit { 0 } else { 0xFF };
    let first = (from_bit / 8) as usize;
    let head = (bytes[first] ^ flip) & (0xFFu8 >> (from_bit % 8));
    let found = if head != 0 {
        first as u64 * 8 + u64::from(head.leading_zeros())
    } else {
        let start = first + 1;
        let end = to_bit.div_ceil(8) as usize;
        let rest = bytes.get(start..end)?;
        let at = start + first_other(rest, flip)?;
        at as u64 * 8 + u64::from((bytes[at] ^ flip).leading_zeros())
    };
    (found < to_bit).then_some(found)
}

/// The first byte that is not `plain` (which is 0x00 or 0xFF).
fn first_other(bytes: &[u8], plain: u8) -> Option<usize> {
    let word = u64::from_le_bytes([plain; 8]);
    let mut at = 0;
    let (blocks, _) = bytes.as_chunks::<64>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        let other = words
            .iter()
            .fold(0, |other, w| other | (u64::from_le_bytes(*w) ^ word));
        if other != 0 {
            break;
        }
        at += 64;
    }
    let (words, _) = bytes[at..].as_chunks::<8>();
    for w in words {
        if u64::from_le_bytes(*w) != word {
            break;
        }
        at += 8;
    }
    bytes[at..]
        .iter()
        .position(|byte| *byte != plain)
        .map(|more| at + more)
}
