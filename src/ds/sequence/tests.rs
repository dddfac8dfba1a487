use std::collections::VecDeque;

use super::*;
use crate::ds::config::{CHUNK_BYTES, CHUNK_ITEM_MAX};

/// splitmix64, and the length that most items have for a while, if any.
struct Rng(u64, Option<u64>);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn item(&mut self) -> Vec<u8> {
        let longest = longest();
        let len = match self.below(40) {
            1.. if self.1.is_some() => self.1.unwrap_or(0),
            0 => self.below(longest * 4),
            1 => longest,
            2 => longest + 1,
            3 => 0,
            4 => 126 + self.below(4),
            5..10 => self.below(longest),
            _ => self.below(8),
        };
        let first = self.next() as u8;
        (0..len).map(|i| first.wrapping_add(i as u8)).collect()
    }
}

fn longest() -> u64 {
    CHUNK_ITEM_MAX as u64
}

fn expect_same(sequence: &Sequence, model: &VecDeque<Vec<u8>>) {
    sequence.check_invariants();
    assert_eq!(sequence.len(), model.len() as u64);
    assert!(sequence.iter().eq(model.iter().map(Vec::as_slice)));
    assert!(
        sequence
            .iter()
            .rev()
            .eq(model.iter().rev().map(Vec::as_slice))
    );
}

/// One random change of both; answers the number of its kind.
fn change(rng: &mut Rng, sequence: &mut Sequence, model: &mut VecDeque<Vec<u8>>, grow: u64) -> u64 {
    let len = model.len() as u64;
    let kind = rng.below(100 + grow);
    match kind {
        0..14 => {
            let from = rng.below(len + 1);
            let most = if rng.below(60) == 0 { len } else { 6 };
            let count = rng.below(most + 1).min(len - from);
            let gone = sequence.remove(from, count);
            let cut: Vec<Vec<u8>> = model
                .drain(from as usize..(from + count) as usize)
                .collect();
            if let Some(gone) = gone {
                gone.check_invariants();
                assert!(gone.iter().eq(cut.iter().map(Vec::as_slice)));
            }
        }
        14..17 => assert_eq!(sequence.pop_front(), model.pop_front()),
        24..27 => assert_eq!(sequence.pop_back(), model.pop_back()),
        17..24 => {
            let count = 1 + rng.below(3);
            sequence.remove(0, count);
            model.drain(..count.min(len) as usize);
        }
        27..34 => {
            let count = (1 + rng.below(3)).min(len);
            sequence.remove(len - count, count);
            model.truncate((len - count) as usize);
        }
        34..49 => {
            let (i, item) = (rng.below(len + 2), rng.item());
            assert_eq!(sequence.set(i, &item), i < len);
            if i < len {
                model[i as usize] = item;
            }
        }
        49..65 => {
            let (i, item) = (rng.below(len + 1), rng.item());
            sequence.insert(i, &item);
            model.insert(i as usize, item);
        }
        65..68 => {
            let (i, items) = (rng.below(len + 1), rng.below(40));
            for _ in 0..items {
                let item = rng.item();
                sequence.insert(i, &item);
                model.insert(i as usize, item);
            }
        }
        68..75 => {
            let from = rng.below(len + 1);
            let to = from + rng.below(50);
            let expected: Vec<&[u8]> = model
                .iter()
                .skip(from as usize)
                .take((to - from) as usize)
                .map(Vec::as_slice)
                .collect();
            assert!(sequence.range(from, to).eq(expected.iter().copied()));
            assert!(
                sequence
                    .range(from, to)
                    .rev()
                    .eq(expected.iter().rev().copied())
            );
            assert_eq!(
                sequence.get(from),
                model.get(from as usize).map(Vec::as_slice)
            );
        }
        75..87 => {
            let item = rng.item();
            sequence.push_front(&item);
            model.push_front(item);
        }
        _ => {
            let item = rng.item();
            sequence.push_back(&item);
            model.push_back(item);
        }
    }
    kind
}

fn steps() -> u64 {
    let text = std::env::var("NACRE_SEQUENCE_STEPS");
    let otherwise = if cfg!(miri) { 100 } else { 100_000 };
    text.map_or(otherwise, |text| text.parse().unwrap())
}

fn run_against_model(seed: u64) {
    eprintln!("seed {seed}");
    let mut rng = Rng(seed, None);
    let mut sequence = Sequence::new();
    let mut model = VecDeque::new();
    let mut held: Vec<(Sequence, VecDeque<Vec<u8>>)> = Vec::new();
    let mut grow = 0;
    for step in 0..steps() {
        if step % 500 == 0 {
            // Phases of growth and of shrinking.
            grow = if model.len() > 3000 { 0 } else { rng.below(60) };
            let most = if rng.below(4) == 0 { longest() } else { 6 };
            let len = rng.below(most);
            rng.1 = (rng.below(3) > 0).then_some(len);
        }
        change(&mut rng, &mut sequence, &mut model, grow);
        assert_eq!(sequence.len(), model.len() as u64);
        match rng.below(400) {
            0 => held.push((sequence.clone(), model.clone())),
            1 | 2 if !held.is_empty() => {
                let i = rng.below(held.len() as u64) as usize;
                let (sequence, model) = held.swap_remove(i);
                expect_same(&sequence, &model);
            }
            3 if !held.is_empty() => {
                // A clone goes on as the sequence, and the other is held.
                let i = rng.below(held.len() as u64) as usize;
                let other = (sequence.clone(), model.clone());
                (sequence, model) = std::mem::replace(&mut held[i], other);
            }
            4..8 => expect_same(&sequence, &model),
            _ => {}
        }
        if held.len() > 8 {
            let (sequence, model) = held.remove(0);
            expect_same(&sequence, &model);
        }
    }
    expect_same(&sequence, &model);
    for (sequence, model) in held {
        expect_same(&sequence, &model);
    }
}

#[test]
fn agrees_with_a_deque_of_vectors() {
    let seeds = if cfg!(miri) { 1 } else { 10 };
    for seed in 1..=seeds {
        run_against_model(seed);
    }
}

#[test]
fn every_step_keeps_the_invariants() {
    for usual in [None, Some(1), Some(5), Some(longest())] {
        check_every_step(Rng(77, usual));
    }
}

fn check_every_step(mut rng: Rng) {
    let mut sequence = Sequence::new();
    let mut model = VecDeque::new();
    for _ in 0..steps() / 20 {
        change(&mut rng, &mut sequence, &mut model, 12);
        expect_same(&sequence, &model);
        if model.len() > 400 {
            sequence.remove(10, 300);
            model.drain(10..310);
        }
    }
}

#[test]
fn both_ends_work_as_stack_and_as_queue() {
    let count: u32 = if cfg!(miri) { 60 } else { 3000 };
    let mut sequence = Sequence::new();
    for i in 0..count {
        sequence.push_front(&i.to_le_bytes());
    }
    sequence.check_invariants();
    for i in 0..count {
        let last = sequence.len() - 1;
        assert_eq!(sequence.get(last), Some(i.to_le_bytes().as_slice()));
        sequence.remove(last, 1);
    }
    assert!(sequence.is_empty());
    assert_eq!(sequence.memory_bytes(), 0);
    for i in 0..count {
        sequence.push_back(&i.to_le_bytes());
        sequence.push_back(&i.to_le_bytes());
        sequence.remove(sequence.len() - 1, 1);
    }
    assert_eq!(sequence.len(), u64::from(count));
    sequence.check_invariants();
}

#[test]
fn a_queue_that_stays_short_stays_small() {
    let mut sequence = Sequence::new();
    for i in 0..if cfg!(miri) { 60 } else { 1000_u32 } {
        sequence.push_front(&i.to_le_bytes());
        if sequence.len() > 4 {
            sequence.remove(sequence.len() - 1, 1);
        }
        assert!(sequence.memory_bytes() <= 2 * (16 + CHUNK_BYTES));
        sequence.check_invariants();
    }
}

#[test]
fn one_place_takes_any_number_of_items() {
    let count: u32 = if cfg!(miri) { 60 } else { 2000 };
    let mut sequence = Sequence::new();
    sequence.push_back(b"first");
    sequence.push_back(b"last");
    for i in 0..count {
        sequence.insert(1, &i.to_le_bytes());
    }
    sequence.check_invariants();
    assert_eq!(sequence.get(0), Some(b"first".as_slice()));
    assert_eq!(sequence.get(1), Some((count - 1).to_le_bytes().as_slice()));
    assert_eq!(sequence.get(u64::from(count) + 1), Some(b"last".as_slice()));
    assert_eq!(sequence.get(u64::from(count) + 2), None);
}

#[test]
fn removing_leaves_no_dust() {
    let count: u64 = if cfg!(miri) { 200 } else { 20_000 };
    let mut sequence = Sequence::new();
    for i in 0..count {
        sequence.push_back(&i.to_le_bytes());
    }
    let full = sequence.memory_bytes();
    // Seven of eight go, one by one.
    for i in 0..count / 8 {
        for _ in 0..7 {
            sequence.remove(i, 1);
        }
    }
    sequence.check_invariants();
    assert_eq!(sequence.len(), count / 8);
    for (at, item) in sequence.iter().enumerate() {
        assert_eq!(item, (at as u64 * 8 + 7).to_le_bytes());
    }
    assert!(
        sequence.memory_bytes() < full / 2,
        "{} of {full} bytes are left",
        sequence.memory_bytes()
    );
}

#[test]
fn a_write_under_a_clone_copies_a_path_only() {
    let count: u64 = if cfg!(miri) { 200 } else { 20_000 };
    let mut sequence = Sequence::new();
    for i in 0..count {
        sequence.push_back(&i.to_le_bytes());
    }
    let held = sequence.clone();
    sequence.set(count / 2, b"new");
    sequence.insert(count / 3, b"more");
    sequence.remove(count / 4, 1);
    assert!(
        held.iter()
            .enumerate()
            .all(|(i, item)| item == (i as u64).to_le_bytes())
    );
    let mut shared = 0;
    for i in 0..count {
        let at = held.get(i).unwrap().as_ptr();
        shared += u64::from(sequence.iter().any(|item| item.as_ptr() == at));
        if i > 300 {
            break;
        }
    }
    assert!(shared > 100, "{shared} items are shared");
}

#[test]
fn memory_is_counted_as_if_nothing_were_shared() {
    let mut sequence = Sequence::new();
    for i in 0..500_u32 {
        sequence.push_back(&i.to_le_bytes());
    }
    let alone = sequence.memory_bytes();
    let clone = sequence.clone();
    assert_eq!(clone.memory_bytes(), alone);
    assert!(alone > 500 * 4);
    assert_eq!(Sequence::new().memory_bytes(), 0);
}

#[test]
fn items_of_one_length_take_their_bytes_and_little_more() {
    let count: u64 = if cfg!(miri) { 200 } else { 20_000 };
    for from_front in [false, true] {
        let mut sequence = Sequence::new();
        for i in 0..count {
            match from_front {
                false => sequence.push_back(&i.to_le_bytes()),
                true => sequence.push_front(&i.to_le_bytes()),
            }
        }
        sequence.check_invariants();
        let even = sequence.memory_bytes();
        // Another length among them, everywhere, and back.
        for i in (0..count).step_by(7) {
            assert!(sequence.set(i, b"other len"));
        }
        sequence.check_invariants();
        assert!(sequence.memory_bytes() > even);
        for i in 0..count {
            let at = if from_front { count - 1 - i } else { i };
            let number = i.to_le_bytes();
            let expected = if at % 7 == 0 {
                &b"other len"[..]
            } else {
                &number
            };
            assert_eq!(sequence.get(at), Some(expected));
        }
        // Full chunks, and for each a share of the nodes above: those have at least two children.
        let chunks = count.div_ceil((CHUNK_BYTES / 8) as u64) + 2;
        assert!(even <= chunks as usize * (16 + CHUNK_BYTES + 220), "{even}");
    }
}

#[test]
fn a_full_chunk_takes_an_item_of_another_length_anywhere() {
    let per_chunk = CHUNK_BYTES as u64;
    let count = if cfg!(miri) { per_chunk } else { 4 * per_chunk };
    for at in [0, 1, count / 2, count - 1, count] {
        for other in [b"".as_slice(), b"12345"] {
            let mut sequence = Sequence::new();
            for _ in 0..count {
                sequence.push_back(b"x");
            }
            sequence.insert(at, other);
            sequence.check_invariants();
            assert_eq!(sequence.get(at), Some(other));
            assert!(sequence.set(count / 3, other));
            sequence.check_invariants();
            let others = sequence.iter().filter(|&item| item == other).count();
            assert_eq!(others, if at == count / 3 { 1 } else { 2 });
            assert_eq!(sequence.len(), count + 1);
        }
    }
}
