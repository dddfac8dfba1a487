//! LZF, the compression of strings: runs of bytes, and copies of what came shortly before.
//!
//! ```text
//! 000nnnnn                   n + 1 bytes follow
//! nnnooooo oooooooo          n + 2 bytes, n of 1 to 6, from o + 1 bytes back
//! 111ooooo nnnnnnnn oooooooo n + 9 bytes, from o + 1 bytes back
//! ```
//!
//! Invariant: what [`Packer::pack`] writes, [`unpack`] reads. Redis reads it too; it packs otherwise, and
//! about as tightly.

use super::Malformed;

/// The most bytes in one run.
const RUN_MAX: usize = 1 << 5;
/// The longest way back.
const BACK_MAX: usize = 1 << 13;
/// The fewest and the most bytes of one copy.
const COPY_MIN: usize = 3;
const COPY_MAX: usize = 264;
/// The most that one byte can stand for: three bytes are a copy of 264.
const RATIO_MAX: usize = COPY_MAX / 3;
/// The longest string of Redis's.
const UNPACKED_BYTES_MAX: usize = 512 << 20;

/// The `len` bytes that `packed` stands for. Memory grows as they come.
pub(super) fn unpack(packed: &[u8], len: u64) -> Result<Vec<u8>, Malformed> {
    let len = usize::try_from(len).map_err(|_long| Malformed)?;
    // Nothing stands for nothing: Redis reads a first byte in any case.
    if len == 0
        || len
            > packed
                .len()
                .saturating_mul(RATIO_MAX)
                .min(UNPACKED_BYTES_MAX)
    {
        return Err(Malformed);
    }
    let mut out = Vec::new();
    let mut rest = packed;
    while let Some((&control, after)) = rest.split_first() {
        rest = after;
        let control = usize::from(control);
        if control < RUN_MAX {
            let (run, after) = rest.split_at_checked(control + 1).ok_or(Malformed)?;
            out.extend_from_slice(run);
            rest = after;
        } else {
            let mut next = || {
                let (&byte, after) = rest.split_first().ok_or(Malformed)?;
                rest = after;
                Ok(usize::from(byte))
            };
            let count = match control >> 5 {
                7 => 9 + next()?,
                count => count + 2,
            };
            let back = ((control & 0x1f) << 8 | next()?) + 1;
            let from = out.len().checked_sub(back).ok_or(Malformed)?;
            if back >= count {
                out.extend_from_within(from..from + count);
            } else {
                // The copy reads what it writes.
                for at in from..from + count {
                    out.push(out[at]);
                }
            }
        }
        if out.len() > len {
            return Err(Malformed);
        }
    }
    if out.len() == len {
        Ok(out)
    } else {
        Err(Malformed)
    }
}

/// Packs strings. One serves for many: what it remembers of one does no harm to the next.
#[derive(Default)]
pub(super) struct Packer {
    /// Where three bytes were seen last, by their hash.
    seen: Vec<u32>,
}

impl Packer {
    const HASH_BITS: u32 = 14;

    /// These bytes in at most `len_max`; `None` if it takes more.
    pub(super) fn pack(&mut self, bytes: &[u8], len_max: usize) -> Option<Vec<u8>> {
        self.seen.resize(1 << Self::HASH_BITS, 0);
        let mut out = Vec::new();
        let (mut run_from, mut at) = (0, 0);
        while let Some(&[a, b, c]) = bytes[at..].first_chunk() {
            let hash = u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9e37_79b1);
            let seen = &mut self.seen[(hash >> (u32::BITS - Self::HASH_BITS)) as usize];
            let before = *seen as usize;
            *seen = u32::try_from(at).ok()?;
            let is_near = before < at && at - before <= BACK_MAX;
            if !is_near || bytes[before..before + COPY_MIN] != [a, b, c] {
                at += 1;
                continue;
            }
            let same = bytes[before..].iter().zip(&bytes[at..]).take(COPY_MAX);
            let count = same.take_while(|(one, other)| one == other).count();
            write_runs(&bytes[run_from..at], &mut out);
            let [high, low] = ((at - before - 1) as u16).to_be_bytes();
            if count < 9 {
                out.push((count as u8 - 2) << 5 | high);
            } else {
                out.extend([7 << 5 | high, (count - 9) as u8]);
            }
            out.push(low);
            at += count;
            run_from = at;
            if out.len() > len_max {
                return None;
            }
        }
        write_runs(&bytes[run_from..], &mut out);
        (out.len() <= len_max).then_some(out)
    }
}

fn write_runs(bytes: &[u8], out: &mut Vec<u8>) {
    for run in bytes.chunks(RUN_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(packer: &mut Packer, bytes: &[u8]) -> Option<usize> {
        let packed = packer.pack(bytes, bytes.len())?;
        assert_eq!(unpack(&packed, bytes.len() as u64).as_deref(), Ok(bytes));
        Some(packed.len())
    }

    #[test]
    fn what_is_packed_unpacks() {
        let mut packer = Packer::default();
        // 3 bytes for each copy of 264, and the first byte as it is.
        let zeros = round(&mut packer, &[0; 264 * 100 + 1]);
        assert_eq!(zeros, Some(302));
        let text = b"to be, or not to be: that is the question: whether to be or not".repeat(3);
        assert!(round(&mut packer, &text).is_some_and(|len| len < text.len() / 2));
        // As far back as it goes, and one further.
        for (back, shorter) in [(BACK_MAX, true), (BACK_MAX + 1, false)] {
            let mut word = 1_u32;
            let mut draw = |_| {
                word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (word >> 24) as u8
            };
            let mut bytes: Vec<u8> = (0..back).map(&mut draw).collect();
            bytes.extend_from_within(..250);
            let packed = Packer::default()
                .pack(&bytes, 2 * bytes.len())
                .expect("room");
            assert_eq!(unpack(&packed, bytes.len() as u64), Ok(bytes.clone()));
            let plain = back + back.div_ceil(RUN_MAX);
            assert_eq!(packed.len() < plain + 50, shorter, "{} bytes", packed.len());
        }
        // Every length of a copy, and short strings of few letters.
        for len in 1..600_usize {
            let bytes: Vec<u8> = (0..len).map(|i| b"ab"[i * i / 7 % 2]).collect();
            round(&mut packer, &bytes);
            round(&mut packer, &[b"xyz".repeat(2), vec![b'.'; len]].concat());
        }
        assert_eq!(packer.pack(b"abcdefgh", 8), None);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(unpack(&[0, b'a'], 1).as_deref(), Ok(&b"a"[..]));
        for (packed, len) in [
            // Another length.
            (&[0, b'a'][..], 2),
            (&[0, b'a'], 0),
            // Cut off: a run, a copy, a long copy.
            (&[1, b'a'], 2),
            (&[0, b'a', 1 << 5], 4),
            (&[0, b'a', 7 << 5, 0], 10),
            // From before the first byte.
            (&[0, b'a', 1 << 5, 1], 4),
            (&[1 << 5, 0], 3),
            // More than so few bytes can stand for.
            (&[0, b'a', 7 << 5, 255, 0], 441),
            (&[0, b'a'], u64::MAX),
        ] {
            assert_eq!(unpack(packed, len), Err(Malformed), "{packed:?}, {len}");
        }
        assert_eq!(unpack(&[0, b'a', 7 << 5, 255, 0], 265), Ok(vec![b'a'; 265]));
    }
}
