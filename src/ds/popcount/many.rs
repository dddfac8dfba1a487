//! The loops that join many byte strings in one pass: `and`, `or`, `xor`, and counting, for each bit,
//! in how many of them it is set.
//!
//! Called by the kernels above, which compile them for each processor. The result is made in pieces
//! whose intermediate state stays in the first-level cache; each step takes a group of sources, so that
//! this state is loaded and stored once a group.
//!
//! Invariants: sources read as zeros past their end; what is past the longest is not special.
#![allow(
    clippy::needless_range_loop,
    reason = "each step reads several arrays at one index"
)]

/// Words of a piece in which no source ends. Measured over 365 bitmaps: half as many cost 5 % more where
/// they come from memory, two and four times as many 10 and 20 % more where they lie in the cache.
pub(super) const WIDE: usize = 128;
/// Words of a piece in which one may.
const NARROW: usize = 8;
/// Sources that are folded in one step.
const FOLDED: usize = 8;
/// Sources that are counted in one step: as many as the lowest planes can count.
const COUNTED: usize = 16;

type Words<const W: usize> = [[u8; 8]; W];

/// One binary digit of the counters of a piece's bits.
pub(crate) type Plane = [u64; WIDE];

/// The words of a group of sources from byte `at` on. A source that ends among them is copied to one
/// of `pads`.
#[inline(always)]
fn group<'a, const W: usize, const G: usize>(
    of: &[&'a [u8]],
    at: usize,
    pads: &'a mut [Words<W>],
) -> [&'a Words<W>; G] {
    let zeros = const { &[[0; 8]; W] };
    let mut pads = pads.iter_mut();
    std::array::from_fn(|k| {
        let rest = of.get(k).and_then(|source| source.get(at..));
        let rest = rest.unwrap_or_default();
        if let Some(whole) = rest.as_chunks::<8>().0.first_chunk::<W>() {
            return whole;
        }
        match pads.next() {
            Some(pad) if !rest.is_empty() => {
                *pad = [[0; 8]; W];
                pad.as_flattened_mut()[..rest.len()].copy_from_slice(rest);
                pad
            }
            Some(_) | None => zeros,
        }
    })
}

/// Whether the piece from byte `at` on, of a result of `len` bytes, may be a wide one: no source ends
/// inside it. `ragged` says whether any source is shorter than the result.
#[inline(always)]
fn is_wide(of: &[&[u8]], len: usize, at: usize, ragged: bool) -> bool {
    let end = at + WIDE * 8;
    let ends_inside = |from: &&[u8]| at < from.len() && from.len() < end;
    end <= len && !(ragged && of.iter().any(ends_inside))
}

#[inline(always)]
fn is_ragged(of: &[&[u8]], len: usize) -> bool {
    of.iter().any(|from| from.len() < len)
}

/// Writes a piece of the result, as far as `out` goes.
#[inline(always)]
fn store<const W: usize>(piece: &[u64; W], out: &mut [u8], at: usize) {
    let rest = &mut out[at..];
    let (words, bytes) = rest.as_chunks_mut::<8>();
    if let Some(words) = words.first_chunk_mut::<W>() {
        for i in 0..W {
            words[i] = piece[i].to_le_bytes();
        }
        return;
    }
    for (to, word) in words.iter_mut().zip(piece) {
        *to = word.to_le_bytes();
    }
    if let Some(last) = piece.get(words.len()) {
        let last = last.to_le_bytes();
        bytes.copy_from_slice(&last[..bytes.len()]);
    }
}

#[inline(always)]
pub(super) fn or_body(of: &[&[u8]], out: &mut [u8]) {
    fold(of, out, |a, b| a | b);
}

#[inline(always)]
pub(super) fn and_body(of: &[&[u8]], out: &mut [u8]) {
    fold(of, out, |a, b| a & b);
}

#[inline(always)]
pub(super) fn xor_body(of: &[&[u8]], out: &mut [u8]) {
    fold(of, out, |a, b| a ^ b);
}

// No closure holds a loop over a piece: it might be compiled on its own, for any processor.

#[inline(always)]
fn fold(of: &[&[u8]], out: &mut [u8], op: impl Fn(u64, u64) -> u64 + Copy) {
    let ragged = is_ragged(of, out.len());
    let mut at = 0;
    while at < out.len() {
        if is_wide(of, out.len(), at, ragged) {
            fold_piece::<WIDE>(of, at, out, &mut [], op);
            at += WIDE * 8;
        } else {
            fold_piece::<NARROW>(of, at, out, &mut [[[0; 8]; NARROW]; FOLDED], op);
            at += NARROW * 8;
        }
    }
}

#[inline(always)]
fn fold_piece<const W: usize>(
    of: &[&[u8]],
    at: usize,
    out: &mut [u8],
    pads: &mut [Words<W>],
    op: impl Fn(u64, u64) -> u64 + Copy,
) {
    let out = &mut out[at..];
    match out.as_chunks_mut::<8>().0.first_chunk_mut::<W>() {
        Some(whole) => fold_words(of, at, whole, pads, op),
        None => {
            let mut whole = [[0; 8]; W];
            fold_words(of, at, &mut whole, pads, op);
            out.copy_from_slice(&whole.as_flattened()[..out.len()]);
        }
    }
}

#[inline(always)]
fn fold_words<const W: usize>(
    of: &[&[u8]],
    at: usize,
    into: &mut Words<W>,
    pads: &mut [Words<W>],
    op: impl Fn(u64, u64) -> u64 + Copy,
) {
    let mut rest = match of {
        [] => {
            *into = [[0; 8]; W];
            return;
        }
        [only] => {
            let [from] = group(&[only], at, pads);
            *into = *from;
            return;
        }
        [first, second, rest @ ..] => {
            let [first, second]: [&Words<W>; 2] = group(&[first, second], at, pads);
            for i in 0..W {
                let (a, b) = (u64::from_le_bytes(first[i]), u64::from_le_bytes(second[i]));
                into[i] = op(a, b).to_le_bytes();
            }
            rest
        }
    };
    while let [_, _, _, _, _, _, _, _, others @ ..] = rest {
        let from: [&Words<W>; FOLDED] = group(rest, at, pads);
        for i in 0..W {
            let x = |k: usize| u64::from_le_bytes(from[k][i]);
            let low = op(op(x(0), x(1)), op(x(2), x(3)));
            let high = op(op(x(4), x(5)), op(x(6), x(7)));
            into[i] = op(u64::from_le_bytes(into[i]), op(low, high)).to_le_bytes();
        }
        rest = others;
    }
    while let [_, _, others @ ..] = rest {
        let from: [&Words<W>; 2] = group(rest, at, pads);
        for i in 0..W {
            let x = |k: usize| u64::from_le_bytes(from[k][i]);
            into[i] = op(u64::from_le_bytes(into[i]), op(x(0), x(1))).to_le_bytes();
        }
        rest = others;
    }
    if !rest.is_empty() {
        let [from]: [&Words<W>; 1] = group(rest, at, pads);
        for i in 0..W {
            let (a, b) = (u64::from_le_bytes(into[i]), u64::from_le_bytes(from[i]));
            into[i] = op(a, b).to_le_bytes();
        }
    }
}

#[inline(always)]
pub(super) fn counted_body(
    of: &[&[u8]],
    least: u32,
    most: u32,
    planes: &mut Vec<Plane>,
    out: &mut [u8],
) {
    planes.resize(upper_planes(of.len()).max(planes.len()), [0; WIDE]);
    let planes = planes.as_mut_slice();
    let ragged = is_ragged(of, out.len());
    let mut at = 0;
    while at < out.len() {
        let is_few = of.len() <= FOLDED;
        if is_wide(of, out.len(), at, ragged) {
            match is_few {
                true => counted_few::<WIDE>(of, at, (least, most), out, &mut []),
                false => counted_piece::<WIDE>(of, at, (least, most), planes, out, &mut []),
            }
            at += WIDE * 8;
        } else {
            let pads = &mut [[[0; 8]; NARROW]; COUNTED];
            match is_few {
                true => counted_few::<NARROW>(of, at, (least, most), out, pads),
                false => counted_piece::<NARROW>(of, at, (least, most), planes, out, pads),
            }
            at += NARROW * 8;
        }
    }
}

/// The sum of three bits and its carry.
#[inline(always)]
fn add(a: u64, b: u64, c: u64) -> (u64, u64) {
    (a ^ b ^ c, (a & b) | (c & (a | b)))
}

/// Adds eight bits to three planes and returns what is carried into the fourth.
#[inline(always)]
fn add_eight(planes: (u64, u64, u64), x: impl Fn(usize) -> u64) -> ((u64, u64, u64), u64) {
    let (ones, twos, fours) = planes;
    let (ones, a) = add(ones, x(0), x(1));
    let (ones, b) = add(ones, x(2), x(3));
    let (twos, c) = add(twos, a, b);
    let (ones, a) = add(ones, x(4), x(5));
    let (ones, b) = add(ones, x(6), x(7));
    let (twos, d) = add(twos, a, b);
    let (fours, eights) = add(fours, c, d);
    ((ones, twos, fours), eights)
}

#[inline(always)]
fn majority(a: u64, b: u64, c: u64) -> u64 {
    add(a, b, c).1
}

/// A number as the digits of a comparison: all bits where its digit is 0, none where it is 1.
#[inline(always)]
fn low_digits(number: u64) -> [u64; 4] {
    std::array::from_fn(|nth| digit(number, nth))
}

#[inline(always)]
fn digit(number: u64, nth: usize) -> u64 {
    (number >> nth & 1).wrapping_sub(1)
}

/// Whether counters are above a number, as far as the digits were seen, the lowest first: a digit
/// that is greater decides, one that is equal leaves `above`.
#[inline(always)]
fn above_low(planes: [u64; 4], digits: [u64; 4]) -> u64 {
    let mut above = 0;
    for k in 0..4 {
        above = majority(planes[k], above, digits[k]);
    }
    above
}

/// What is not above this number has too few.
#[inline(always)]
fn too_few(least: u32) -> u64 {
    u64::from(least).saturating_sub(1)
}

/// As `counted_piece`, for so few sources that no counter leaves a register.
#[inline(always)]
fn counted_few<const W: usize>(
    of: &[&[u8]],
    at: usize,
    (least, most): (u32, u32),
    out: &mut [u8],
    pads: &mut [Words<W>],
) {
    let (few, most) = (low_digits(too_few(least)), low_digits(most.min(15).into()));
    let any = if least == 0 { u64::MAX } else { 0 };
    let from: [&Words<W>; FOLDED] = group(of, at, pads);
    let mut counted = [0; W];
    for i in 0..W {
        let x = |k: usize| u64::from_le_bytes(from[k][i]);
        let ((ones, twos, fours), eights) = add_eight((0, 0, 0), x);
        let planes = [ones, twos, fours, eights];
        counted[i] = (any | above_low(planes, few)) & !above_low(planes, most);
    }
    store(&counted, out, at);
}

/// The lowest four planes are local, so that the compiler knows that no source overlaps them.
#[inline(always)]
fn counted_piece<const W: usize>(
    of: &[&[u8]],
    at: usize,
    (least, most): (u32, u32),
    planes: &mut [Plane],
    out: &mut [u8],
    pads: &mut [Words<W>],
) {
    let [mut ones, mut twos, mut fours, mut eights, mut carry] = [[0; W]; 5];
    let mut used = 0;
    let mut seen = 0;
    for of in of.chunks(COUNTED) {
        let from: [&Words<W>; COUNTED] = group(of, at, pads);
        for i in 0..W {
            let x = |k: usize| u64::from_le_bytes(from[k][i]);
            let low = (ones[i], twos[i], fours[i]);
            let (low, a) = add_eight(low, x);
            let (low, b) = add_eight(low, |k| x(k + 8));
            (ones[i], twos[i], fours[i]) = low;
            (eights[i], carry[i]) = add(eights[i], a, b);
        }
        for plane in planes.iter_mut().take(used) {
            for i in 0..W {
                let sum = plane[i] ^ carry[i];
                carry[i] &= plane[i];
                plane[i] = sum;
            }
        }
        seen += of.len();
        // So many sources can carry into one plane more.
        if used < upper_planes(seen) {
            planes[used][..W].copy_from_slice(&carry);
            used += 1;
        }
    }
    let has_most = (most as usize) < of.len();
    let (few, most) = (too_few(least), u64::from(most));
    let [mut enough, mut too_many] = [[0; W]; 2];
    let (few_low, most_low) = (low_digits(few), low_digits(most));
    for i in 0..W {
        let low = [ones[i], twos[i], fours[i], eights[i]];
        enough[i] = above_low(low, few_low);
        too_many[i] = above_low(low, most_low);
    }
    for (nth, plane) in planes[..used].iter().enumerate() {
        let few = digit(few, nth + 4);
        for i in 0..W {
            enough[i] = majority(plane[i], enough[i], few);
        }
        if has_most {
            let most = digit(most, nth + 4);
            for i in 0..W {
                too_many[i] = majority(plane[i], too_many[i], most);
            }
        }
    }
    if least == 0 {
        enough = [u64::MAX; W];
    }
    if has_most {
        for i in 0..W {
            enough[i] &= !too_many[i];
        }
    }
    store(&enough, out, at);
}

/// The planes above the lowest four that count so many sources.
#[inline(always)]
fn upper_planes(sources: usize) -> usize {
    (usize::BITS - (sources / COUNTED).leading_zeros()) as usize
}
