use std::collections::BTreeSet;

use bitvec::prelude::{BitSlice, Msb0};

use super::*;
use crate::ds::test_random::{Rng, seed};

impl Rng {
    /// Below `rare` once in ten times, below `often` otherwise.
    fn short(&mut self, often: u64, rare: u64) -> u64 {
        let n = if self.one_in(10) { rare } else { often };
        self.below(n)
    }

    /// Zeros, ones, or noise, as bitmaps have them.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        match self.below(5) {
            0 => vec![0; len],
            1 => vec![0xFF; len],
            2 => (0..len)
                .map(|_| if self.one_in(50) { 1 } else { 0 })
                .collect(),
            _ => (0..len).map(|_| self.next() as u8).collect(),
        }
    }
}

fn whole(bits: &Bits) -> Vec<u8> {
    let mut out = b"before".to_vec();
    bits.read_into(0, u64::MAX, &mut out);
    assert_eq!(&out[..6], b"before");
    out.split_off(6)
}

fn assert_same(bits: &Bits, model: &[u8]) {
    bits.check_invariants();
    assert_eq!(bits.len(), model.len() as u64);
    assert!(whole(bits) == model, "contents differ");
    assert_eq!(bits.count_ones(0, u64::MAX), count_ones(model, 0, u64::MAX));
    if let Some(bytes) = bits.as_contiguous() {
        assert!(bytes == model);
    }
}

// bitvec is the oracle; Miri rejects its pointers (Stacked Borrows), so there a plain loop stands in.

fn model_set_bit(model: &mut Vec<u8>, bit: u64, on: bool) -> bool {
    let at = (bit / 8) as usize;
    if model.len() <= at {
        model.resize(at + 1, 0);
    }
    if cfg!(miri) {
        let mask = 1 << (7 - bit % 8);
        let old = model[at] & mask != 0;
        model[at] = (model[at] & !mask) | if on { mask } else { 0 };
        return old;
    }
    BitSlice::<u8, Msb0>::from_slice_mut(model).replace(bit as usize, on)
}

fn model_count(model: &[u8], from: u64, to: u64) -> u64 {
    let range = model_range(model, from, to);
    if cfg!(miri) {
        let set = |bit: &usize| model[bit / 8] >> (7 - bit % 8) & 1 == 1;
        return range.filter(set).count() as u64;
    }
    BitSlice::<u8, Msb0>::from_slice(model)[range].count_ones() as u64
}

fn model_find(model: &[u8], bit: bool, from: u64, to: u64) -> Option<u64> {
    let mut range = model_range(model, from, to);
    if cfg!(miri) {
        let equal = |at: &usize| (model[at / 8] >> (7 - at % 8) & 1 == 1) == bit;
        return range.find(equal).map(|at| at as u64);
    }
    let bits = &BitSlice::<u8, Msb0>::from_slice(model)[range];
    let found = if bit {
        bits.first_one()
    } else {
        bits.first_zero()
    };
    found.map(|at| at as u64 + from)
}

/// The range in bits, clamped as the documentation says.
fn model_range(model: &[u8], from: u64, to: u64) -> std::ops::Range<usize> {
    let to = (to as usize).min(model.len() * 8);
    (from as usize).min(to)..to
}

fn model_write(model: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if model.len() < offset + bytes.len() {
        model.resize(offset + bytes.len(), 0);
    }
    model[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// One run of `steps` operations on strings of up to about `max_len` bytes.
fn run_model(rng: &mut Rng, steps: u64, max_len: u64) {
    let mut bits = Bits::new();
    let mut model = Vec::new();
    let mut held: Vec<(Bits, Vec<u8>)> = Vec::new();
    for step in 0..steps {
        let bit = rng.below(max_len * 8);
        match rng.below(100) {
            0..60 => {
                let on = !rng.one_in(3);
                assert_eq!(bits.set_bit(bit, on), model_set_bit(&mut model, bit, on));
            }
            60..75 => {
                let expected = model_count(&model, bit, bit + 1) == 1;
                assert_eq!(bits.get_bit(bit), expected);
                assert_eq!(
                    bits.byte(bit / 8),
                    model.get(bit as usize / 8).copied().unwrap_or(0)
                );
            }
            75..83 => {
                let longest = if rng.one_in(20) {
                    3 * CHUNK_LEN as u64
                } else {
                    40
                };
                let len = rng.below(longest.min(max_len)) as usize;
                let offset = rng.below(max_len - len as u64);
                let bytes = rng.bytes(len);
                bits.write(offset, &bytes);
                model_write(&mut model, offset as usize, &bytes);
            }
            83..86 => {
                let len = rng.below(30) as usize;
                let bytes = rng.bytes(len);
                if bits.len() + (len as u64) < max_len {
                    bits.write(bits.len(), &bytes);
                    model.extend_from_slice(&bytes);
                }
            }
            86..92 => {
                let len = rng.short(200, max_len * 8);
                let to = bit + len;
                let expected = model_count(&model, bit, to);
                assert_eq!(bits.count_ones(bit, to), expected, "{bit}..{to}");
                assert_eq!(count_ones(&model, bit, to), expected);
            }
            92..97 => {
                let len = rng.short(200, max_len * 8);
                let (to, on) = (bit + len, rng.one_in(2));
                let expected = model_find(&model, on, bit, to);
                assert_eq!(bits.find(on, bit, to), expected, "{on} in {bit}..{to}");
                assert_eq!(find(&model, on, bit, to), expected);
            }
            97 => {
                let (from, len) = (rng.below(max_len), rng.below(max_len));
                let mut out = Vec::new();
                bits.read_into(from, len, &mut out);
                let start = (from as usize).min(model.len());
                let end = ((from + len) as usize).min(model.len());
                assert!(out == model[start..end]);
            }
            98 => {
                if rng.one_in(10) {
                    let len = rng.below(max_len);
                    bits.truncate(len);
                    model.truncate(len as usize);
                }
            }
            _ => {
                if rng.one_in(2) && held.len() < 4 {
                    held.push((bits.clone(), model.clone()));
                } else if let Some((old, expected)) = held.pop() {
                    assert_same(&old, &expected);
                    if rng.one_in(10) {
                        // Go on from the old one, as a rolled-back transaction does.
                        (bits, model) = (old, expected);
                    }
                }
            }
        }
        if step % 5000 == 0 {
            assert_same(&bits, &model);
        }
    }
    assert_same(&bits, &model);
    for (old, expected) in held {
        assert_same(&old, &expected);
    }
}

#[test]
fn a_million_random_operations_agree_with_a_vector() {
    let mut rng = Rng(seed());
    let (rounds, steps) = if cfg!(miri) { (1, 150) } else { (5, 52_000) };
    for _ in 0..rounds {
        for chunks_in_4ths in [1, 6, 30, 200] {
            run_model(&mut rng, steps, CHUNK_LEN as u64 * chunks_in_4ths / 4 + 50);
        }
    }
}

#[test]
fn sparse_strings_of_any_length_agree_with_a_set_of_bits() {
    let mut rng = Rng(seed());
    let rounds = if cfg!(miri) { 1 } else { 60 };
    for _ in 0..rounds {
        let scale = 1u64 << (10 + rng.below(54));
        let mut bits = Bits::new();
        let mut model = BTreeSet::new();
        let mut len = 0u64;
        let mut before = (bits.clone(), model.clone());
        for step in 0..if cfg!(miri) { 60 } else { 1500 } {
            let near = model.first().copied().unwrap_or(0) + rng.below(100_000).min(scale - 1);
            let bit = if rng.one_in(2) {
                rng.below(scale)
            } else {
                near.min(scale - 1)
            };
            let on = !rng.one_in(4);
            assert_eq!(
                bits.set_bit(bit, on),
                if on {
                    !model.insert(bit)
                } else {
                    model.remove(&bit)
                }
            );
            len = len.max(bit / 8 + 1);
            if rng.one_in(200) {
                len = rng.below(len + 1);
                bits.truncate(len);
                model.split_off(&(len * 8));
            }
            assert_eq!(bits.len(), len);
            let (a, b) = (rng.below(scale), rng.below(scale));
            let (from, to) = (a.min(b), a.max(b));
            assert_eq!(
                bits.find(true, from, to),
                model.range(from..to).next().copied()
            );
            if step % 10 == 0 {
                assert_eq!(
                    bits.count_ones(from, to),
                    model.range(from..to).count() as u64
                );
                let clear = (from..to.min(len * 8)).find(|bit| !model.contains(bit));
                assert_eq!(bits.find(false, from, to), clear);
                bits.check_invariants();
            }
            if step % 300 == 0 {
                before.0.check_invariants();
                assert_eq!(before.0.count_ones(0, u64::MAX), before.1.len() as u64);
                before = (bits.clone(), model.clone());
            }
        }
        let inverse = Bits::combine(BitOp::Not, &[Source::Bits(&bits)]);
        inverse.check_root_invariants();
        assert_eq!(
            inverse.count_ones(0, u64::MAX),
            len * 8 - model.len() as u64
        );
        for bit in &model {
            assert!(!inverse.get_bit(*bit));
        }
        assert_eq!(
            inverse.find(true, 0, u64::MAX),
            bits.find(false, 0, u64::MAX)
        );
        assert_eq!(inverse.find(false, 0, u64::MAX), model.first().copied());
        let back = Bits::combine(BitOp::Not, &[Source::Bits(&inverse)]);
        back.check_invariants();
        assert_eq!(back.count_ones(0, u64::MAX), model.len() as u64);
    }
}

impl Bits {
    /// As `check_invariants`, without the walk: for values with more chunks than can be walked.
    fn check_root_invariants(&self) {
        assert_eq!(self.height, height_for(self.len));
        assert!(self.root.ones <= self.len * 8);
    }
}

#[test]
fn combinations_agree_with_a_byte_loop() {
    let mut rng = Rng(seed());
    for _ in 0..if cfg!(miri) { 3 } else { 400 } {
        let max = CHUNK_LEN as u64 * (1 + rng.short(8, 100));
        let mut plain: Vec<Vec<u8>> = Vec::new();
        let mut trees: Vec<Bits> = Vec::new();
        for k in 0..rng.below(6) as usize {
            if k > 0 && rng.one_in(4) {
                // A changed clone: most of it is shared.
                let (mut bits, mut bytes) = (trees[k - 1].clone(), plain[k - 1].clone());
                let bit = rng.below(max * 8);
                bits.set_bit(bit, true);
                model_set_bit(&mut bytes, bit, true);
                trees.push(bits);
                plain.push(bytes);
                continue;
            }
            let mut bytes = Vec::new();
            let len = rng.below(max);
            while (bytes.len() as u64) < len {
                let run = rng.below(3 * CHUNK_LEN as u64) as usize;
                bytes.extend(rng.bytes(run));
            }
            bytes.truncate(len as usize);
            trees.push(Bits::from_bytes(&bytes));
            plain.push(bytes);
        }
        let as_slices: Vec<bool> = plain.iter().map(|_| rng.one_in(4)).collect();
        let sources: Vec<Source<'_>> = (plain.iter().zip(&trees).zip(&as_slices))
            .map(|((bytes, bits), slice)| {
                if *slice {
                    Source::Bytes(bytes)
                } else {
                    Source::Bits(bits)
                }
            })
            .collect();
        let len = plain.iter().map(Vec::len).max().unwrap_or(0);
        for op in [BitOp::And, BitOp::Or, BitOp::Xor, BitOp::Not] {
            let mut expected = vec![0; len];
            for (at, byte) in expected.iter_mut().enumerate() {
                let column = plain
                    .iter()
                    .map(|bytes| bytes.get(at).copied().unwrap_or(0));
                *byte = match op {
                    BitOp::And => column.fold(0xFF, |a, b| a & b),
                    BitOp::Or => column.fold(0, |a, b| a | b),
                    BitOp::Xor => column.fold(0, |a, b| a ^ b),
                    BitOp::Not => column.take(1).fold(0, |_, b| !b),
                };
            }
            if op == BitOp::Not {
                expected.truncate(plain.first().map_or(0, Vec::len));
            }
            let result = Bits::combine(op, &sources);
            assert_same(&result, &expected);
            assert_eq!(
                Bits::count_combined(op, &sources),
                result.count_ones(0, u64::MAX),
                "{op:?}"
            );
        }
        for (bits, bytes) in trees.iter().zip(&plain) {
            assert_same(bits, bytes);
        }
    }
}

#[test]
fn plain_slices_agree_with_bitvec_at_every_bit() {
    let mut rng = Rng(seed());
    for len in if cfg!(miri) {
        vec![3]
    } else {
        vec![0, 1, 2, 9, 17, 90]
    } {
        for _ in 0..4 {
            let bytes = rng.bytes(len);
            let bits = len as u64 * 8;
            for from in 0..bits + 3 {
                for to in 0..bits + 3 {
                    let expected = model_count(&bytes, from, to);
                    assert_eq!(count_ones(&bytes, from, to), expected);
                    for on in [false, true] {
                        assert_eq!(find(&bytes, on, from, to), model_find(&bytes, on, from, to));
                    }
                }
            }
        }
    }
}

#[test]
fn one_bit_far_out_takes_one_chunk() {
    let mut bits = Bits::new();
    assert!(!bits.set_bit(4_294_967_295, true));
    assert_eq!(bits.len(), 512 << 20);
    assert_eq!(bits.allocated_chunks(), 1);
    assert!(
        bits.memory_bytes() < 16 << 10,
        "{} bytes",
        bits.memory_bytes()
    );
    assert_eq!(bits.find(true, 0, u64::MAX), Some(4_294_967_295));
    assert_eq!(bits.byte((512 << 20) - 1), 1);
    assert!(bits.set_bit(4_294_967_295, false));
    assert_eq!((bits.allocated_chunks(), bits.memory_bytes()), (0, 0));
    assert_eq!(bits.len(), 512 << 20);
}

#[test]
fn the_last_bit_of_all_can_be_set_and_found() {
    let mut bits = Bits::new();
    let last = MAX_LEN * 8 - 1;
    bits.set_bit(last, true);
    bits.check_invariants();
    assert_eq!(bits.len(), MAX_LEN);
    assert_eq!(bits.find(true, 0, u64::MAX), Some(last));
    assert_eq!(bits.count_ones(1, u64::MAX), 1);
    let inverse = Bits::combine(BitOp::Not, &[Source::Bits(&bits)]);
    assert_eq!(inverse.find(false, 0, u64::MAX), Some(last));
    assert_eq!(inverse.count_ones(0, u64::MAX), last);
    assert!(inverse.memory_bytes() > 0);
    let nothing = Bits::combine(BitOp::And, &[Source::Bits(&bits), Source::Bits(&inverse)]);
    assert_eq!(
        (nothing.len(), nothing.count_ones(0, u64::MAX)),
        (MAX_LEN, 0)
    );
    let all = Bits::combine(BitOp::Xor, &[Source::Bits(&bits), Source::Bits(&inverse)]);
    assert_eq!(all.count_ones(0, u64::MAX), MAX_LEN * 8);
    assert_eq!(all.find(false, 0, u64::MAX), None);
}

#[test]
fn a_write_under_a_clone_copies_one_chunk() {
    let len = 40 * CHUNK_LEN;
    let mut bits = Bits::from_bytes(&vec![7; len]);
    let before = bits.clone();
    bits.set_bit(0, true);
    let mut differing = 0;
    for chunk in 0..40 {
        let at = chunk * CHUNK_LEN as u64;
        let (a, b) = (before.chunk_at(at).unwrap(), bits.chunk_at(at).unwrap());
        differing += u64::from(!std::ptr::eq(a, b));
    }
    assert_eq!(differing, 1);
    // Unshared again: in place.
    drop(before);
    let at = bits.chunk_at(0).unwrap().as_ptr();
    bits.set_bit(1, true);
    assert!(std::ptr::eq(at, bits.chunk_at(0).unwrap().as_ptr()));
    // A bit that stays what it is copies nothing.
    let before = bits.clone();
    assert!(bits.set_bit(1, true));
    assert!(bits.root.tree.is_same(&before.root.tree));
}

#[test]
fn a_part_that_one_source_decides_is_shared() {
    let mut left = Bits::new();
    left.write(0, &[1; CHUNK_LEN]);
    let mut right = Bits::new();
    right.write(5 * CHUNK_LEN as u64, &[2; CHUNK_LEN]);
    let both = Bits::combine(BitOp::Or, &[Source::Bits(&left), Source::Bits(&right)]);
    assert!(std::ptr::eq(
        both.chunk_at(0).unwrap(),
        left.chunk_at(0).unwrap()
    ));
    let at = 5 * CHUNK_LEN as u64;
    assert!(std::ptr::eq(
        both.chunk_at(at).unwrap(),
        right.chunk_at(at).unwrap()
    ));
}

#[test]
fn a_short_source_is_shared_into_a_tall_result() {
    let short = Bits::from_bytes(&[3; 40]);
    for far in [CHUNK_LEN as u64 * 8, 1 << 34, 1 << 60] {
        let mut long = Bits::new();
        long.set_bit(far, true);
        for op in [BitOp::Or, BitOp::Xor] {
            let both = Bits::combine(op, &[Source::Bits(&short), Source::Bits(&long)]);
            both.check_invariants();
            assert_eq!(both.len(), far / 8 + 1);
            assert_eq!(both.count_ones(0, u64::MAX), 81);
            assert!(std::ptr::eq(
                both.chunk_at(0).unwrap(),
                short.chunk_at(0).unwrap()
            ));
            assert!(both.get_bit(far));
        }
        long.set_bit(far, false);
        let only = Bits::combine(BitOp::Or, &[Source::Bits(&short), Source::Bits(&long)]);
        only.check_invariants();
        assert_eq!((only.len(), only.byte(39)), (far / 8 + 1, 3));
    }
}

#[test]
fn zeros_take_no_memory() {
    let bits = Bits::from_bytes(&vec![0; 100 * CHUNK_LEN]);
    assert_eq!(
        (bits.len(), bits.memory_bytes()),
        (100 * CHUNK_LEN as u64, 0)
    );
    let mut bits = Bits::from_bytes(&vec![9; 100 * CHUNK_LEN]);
    bits.write(0, &vec![0; 100 * CHUNK_LEN]);
    assert_eq!(
        (bits.len(), bits.memory_bytes()),
        (100 * CHUNK_LEN as u64, 0)
    );
    bits.write(10, b"x");
    bits.write(3, &[0; 20]);
    bits.check_invariants();
    assert_eq!(bits.allocated_chunks(), 0);
}

#[test]
fn a_small_string_takes_its_own_size() {
    let bits = Bits::from_bytes(&[b'x'; 100]);
    assert!(
        bits.memory_bytes() <= 100 + GRAIN + 16,
        "{} bytes",
        bits.memory_bytes()
    );
    assert_eq!(bits.as_contiguous(), Some([b'x'; 100].as_slice()));
}

#[test]
fn an_empty_write_extends_and_never_shortens() {
    let mut bits = Bits::new();
    bits.write(9, b"");
    assert_eq!(whole(&bits), [0; 9]);
    assert_eq!(bits.as_contiguous(), Some([0; 9].as_slice()));
    bits.write(2, b"");
    assert_eq!(bits.len(), 9);
    assert_eq!(Bits::new().as_contiguous(), Some([].as_slice()));
}

#[test]
fn what_was_cut_reads_as_zeros_when_the_string_grows_again() {
    for keep in [
        0,
        1,
        10,
        CHUNK_LEN - 1,
        CHUNK_LEN,
        CHUNK_LEN + 1,
        3 * CHUNK_LEN,
    ] {
        let mut bits = Bits::from_bytes(&vec![0xEE; 4 * CHUNK_LEN]);
        let held = bits.clone();
        bits.truncate(keep as u64);
        bits.check_invariants();
        bits.write(4 * CHUNK_LEN as u64, b"");
        let mut expected = vec![0xEE; keep];
        expected.resize(4 * CHUNK_LEN, 0);
        assert_same(&bits, &expected);
        assert_same(&held, &vec![0xEE; 4 * CHUNK_LEN]);
    }
}

#[test]
fn bits_go_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Bits>();
}
