//! Word kernels over bytes: population count and the bytewise `or`, `and`, `xor`, `not`.
//!
//! Called by `ds::bits`. Every kernel is one safe loop over 64-bit words that the compiler
//! vectorises; the same loop is compiled a second and a third time for processors with AVX2 and
//! with AVX-512 VPOPCNTDQ, and the best one that the processor has is called.
//!
//! Invariants:
//! 1. The variants compute the same thing: they are one body under different target features.
//! 2. The only unsafe act is calling a variant, right after the processor was asked for its features.
//!
//! It must not know of bit ranges, chunks or trees.
#![cfg_attr(
    all(target_arch = "x86_64", not(miri)),
    expect(
        unsafe_code,
        reason = "a function compiled for more features than the crate may only be called unsafely"
    )
)]

mod many;

pub(crate) use many::Plane;

/// Defines `$name` as the best variant of the `#[inline(always)]` function `$body`.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident, $body:path, ($($arg:ident: $ty:ty),*) $(-> $ret:ty)?) => {
        $(#[$doc])*
        #[inline]
        pub(crate) fn $name($($arg: $ty),*) $(-> $ret)? {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
                fn avx512($($arg: $ty),*) $(-> $ret)? {
                    $body($($arg),*)
                }
                #[target_feature(enable = "avx2,popcnt")]
                fn avx2($($arg: $ty),*) $(-> $ret)? {
                    $body($($arg),*)
                }
                if is_x86_feature_detected!("avx512vpopcntdq")
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("popcnt")
                {
                    // SAFETY: the processor has every feature that the function was compiled for.
                    return unsafe { avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
                    // SAFETY: as above.
                    return unsafe { avx2($($arg),*) };
                }
            }
            $body($($arg),*)
        }
    };
}

kernel! {
    /// How many bits of `bytes` are set.
    count_ones, count_body, (bytes: &[u8]) -> u64
}
kernel! {
    /// `into |= from` over the shorter of the two.
    or_into, or_body, (into: &mut [u8], from: &[u8])
}
kernel! {
    /// `into &= from` over the shorter of the two.
    and_into, and_body, (into: &mut [u8], from: &[u8])
}
kernel! {
    /// `into ^= from` over the shorter of the two.
    xor_into, xor_body, (into: &mut [u8], from: &[u8])
}
kernel! {
    /// `into = !from` over the shorter of the two.
    not_into, not_body, (into: &mut [u8], from: &[u8])
}

kernel! {
    /// `into &= !from` over the shorter of the two.
    and_not_into, and_not_body, (into: &mut [u8], from: &[u8])
}
kernel! {
    /// Joins all of `of` by `or` in `out`; sources read as zeros past their end.
    or_many, many::or_body, (of: &[&[u8]], out: &mut [u8])
}
kernel! {
    /// Joins all of `of` by `and` in `out`; sources read as zeros past their end.
    and_many, many::and_body, (of: &[&[u8]], out: &mut [u8])
}
kernel! {
    /// Joins all of `of` by `xor` in `out`; sources read as zeros past their end.
    xor_many, many::xor_body, (of: &[&[u8]], out: &mut [u8])
}
kernel! {
    /// Sets the bits of `out` that at least `least` and at most `most` of `of` have; sources read as
    /// zeros past their end. `least` is at most their number. `planes` is scratch memory that the next
    /// call may use again.
    counted, many::counted_body, (
        of: &[&[u8]], least: u32, most: u32, planes: &mut Vec<Plane>, out: &mut [u8]
    )
}

#[inline(always)]
fn count_body(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut total = 0;
    for word in words {
        total += u64::from(u64::from_le_bytes(*word).count_ones());
    }
    for byte in rest {
        total += u64::from(byte.count_ones());
    }
    total
}

#[cfg(test)]
kernel! {
    /// The sum of the whole words of `bytes`: a plain read, that others are held against.
    sum_words, sum_body, (bytes: &[u8]) -> u64
}

#[cfg(test)]
#[inline(always)]
fn sum_body(bytes: &[u8]) -> u64 {
    let words = bytes.as_chunks::<8>().0.iter();
    words.fold(0, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
}

#[inline(always)]
fn or_body(into: &mut [u8], from: &[u8]) {
    zip_body(into, from, |a, b| a | b);
}

#[inline(always)]
fn and_body(into: &mut [u8], from: &[u8]) {
    zip_body(into, from, |a, b| a & b);
}

#[inline(always)]
fn xor_body(into: &mut [u8], from: &[u8]) {
    zip_body(into, from, |a, b| a ^ b);
}

#[inline(always)]
fn not_body(into: &mut [u8], from: &[u8]) {
    zip_body(into, from, |_, b| !b);
}

#[inline(always)]
fn and_not_body(into: &mut [u8], from: &[u8]) {
    zip_body(into, from, |a, b| a & !b);
}

/// Bytewise, so the order of bytes in a word does not matter.
#[inline(always)]
fn zip_body(into: &mut [u8], from: &[u8], op: impl Fn(u64, u64) -> u64) {
    let len = into.len().min(from.len());
    let (into_words, into_rest) = into[..len].as_chunks_mut::<8>();
    let (from_words, from_rest) = from[..len].as_chunks::<8>();
    for (a, b) in into_words.iter_mut().zip(from_words) {
        *a = op(u64::from_le_bytes(*a), u64::from_le_bytes(*b)).to_le_bytes();
    }
    for (a, b) in into_rest.iter_mut().zip(from_rest) {
        *a = (op(u64::from(*a), u64::from(*b)) & 0xFF) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, mut seed: u64) -> Vec<u8> {
        (0..len)
            .map(|_| {
                seed = seed
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (seed >> 56) as u8
            })
            .collect()
    }

    #[test]
    fn every_length_and_alignment_agrees_with_a_byte_loop() {
        let lens: &[usize] = if cfg!(miri) {
            &[0, 1, 9, 70]
        } else {
            &[0, 1, 7, 8, 9, 63, 64, 65, 511, 777, 4096, 5001]
        };
        for &len in lens {
            for start in 0..if cfg!(miri) { 2 } else { 9 } {
                let a = noise(len + start, 1);
                let b = noise(len + start, 2);
                let (a, b) = (&a[start..], &b[start..]);
                let ones: u64 = a.iter().map(|x| u64::from(x.count_ones())).sum();
                assert_eq!(count_ones(a), ones);
                assert_eq!(count_body(a), ones);
                type Kernel = fn(&mut [u8], &[u8]);
                type Model = fn(u8, u8) -> u8;
                let cases: [(Kernel, Model); 5] = [
                    (or_into, |x, y| x | y),
                    (and_into, |x, y| x & y),
                    (xor_into, |x, y| x ^ y),
                    (not_into, |_, y| !y),
                    (and_not_into, |x, y| x & !y),
                ];
                for (kernel, op) in cases {
                    let mut out = a.to_vec();
                    kernel(&mut out, b);
                    let expected: Vec<u8> = a.iter().zip(b).map(|(x, y)| op(*x, *y)).collect();
                    assert_eq!(out, expected, "length {len}, start {start}");
                }
            }
        }
    }

    #[test]
    fn the_shorter_side_decides() {
        let mut out = vec![0u8; 20];
        or_into(&mut out, &[0xFF; 11]);
        assert_eq!(out, [[0xFFu8; 11].as_slice(), &[0; 9]].concat());
        let mut out = vec![0u8; 3];
        xor_into(&mut out, &[0x11; 64]);
        assert_eq!(out, [0x11; 3]);
    }

    #[test]
    fn many_sources_agree_with_a_byte_loop() {
        type Fold = (fn(&[&[u8]], &mut [u8]), fn(u8, u8) -> u8);
        let folds: [Fold; 6] = [
            (or_many, |x, y| x | y),
            (many::or_body, |x, y| x | y),
            (and_many, |x, y| x & y),
            (many::and_body, |x, y| x & y),
            (xor_many, |x, y| x ^ y),
            (many::xor_body, |x, y| x ^ y),
        ];
        let (lens, counts): (&[usize], &[usize]) = if cfg!(miri) {
            (&[9, 130], &[1, 9, 17])
        } else {
            (
                &[0, 1, 64, 70, 1023, 1024, 1500, 4096],
                &[0, 1, 2, 3, 8, 9, 10, 16, 17, 33, 300],
            )
        };
        let sizes = lens
            .iter()
            .flat_map(|len| counts.iter().map(move |n| (*len, *n)));
        let mut planes = Vec::new();
        for ((len, count), ragged) in
            sizes.flat_map(|size| (0..3).map(move |ragged| (size, ragged)))
        {
            // All end together, some end somewhere else, one ends just before.
            let ends = |i: usize| match ragged {
                1 if i % 5 == 1 => len * (i % 7) / 5,
                1 if i % 5 == 3 => len.saturating_sub(477),
                2 if i == 0 => len.saturating_sub(1),
                _ => len,
            };
            let dense = |i: usize| {
                let mut bytes = noise(ends(i), i as u64);
                or_body(&mut bytes, &noise(ends(i), !i as u64));
                bytes
            };
            let owned: Vec<Vec<u8>> = (0..count).map(dense).collect();
            let of: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
            let byte = |i: usize, at: usize| of[i].get(at).copied().unwrap_or(0);
            let mut out = vec![0x5A; len];
            for (nth, (fold, op)) in folds.iter().enumerate() {
                fold(&of, &mut out);
                let expected = |at: usize| (0..count).map(|i| byte(i, at)).reduce(op).unwrap_or(0);
                let agrees = out.iter().enumerate().all(|(at, out)| *out == expected(at));
                assert!(agrees, "fold {nth} of {count}, length {len}");
            }
            let have: Vec<u32> = (0..len * 8)
                .map(|bit| {
                    (0..count)
                        .map(|i| u32::from(byte(i, bit / 8) >> (bit % 8) & 1))
                        .sum()
                })
                .collect();
            let all = count as u32;
            for (least, most) in [
                (0, all / 3),
                (all / 2, all),
                (all / 2, all * 2 / 3),
                (all, all),
            ] {
                for kernel in [counted, many::counted_body] {
                    kernel(&of, least, most, &mut planes, &mut out);
                    let agrees = have.iter().enumerate().all(|(bit, n)| {
                        (out[bit / 8] >> (bit % 8) & 1 == 1) == (least..=most).contains(n)
                    });
                    assert!(agrees, "{least}..={most} of {count}, length {len}");
                }
            }
        }
    }
}
