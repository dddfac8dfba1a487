use std::collections::BTreeSet;

use super::branch::Node;
use super::*;
use crate::ds::config::{BLOCK_STEPS_MAX, FANOUT, PREFIX_BYTES, STEP};

const BLOCK_BYTES_MAX: usize = BLOCK_STEPS_MAX * STEP;

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

fn element(key: u64, member: &[u8]) -> Element<'_> {
    Element {
        key,
        member,
        mark: false,
    }
}

fn depth(list: &SkipList) -> usize {
    let mut depth = 0;
    let mut node = list.root.as_ref();
    while let Some(Node::Branch(branch)) = node {
        depth += 1;
        node = Some(branch.child(0));
    }
    depth
}

/// Depth at most what branches with the fewest children need.
fn assert_balanced(list: &SkipList) {
    list.check_invariants();
    let mut nodes = list.len().max(1) as f64;
    let mut most = 2;
    while nodes > 1.0 {
        nodes /= (FANOUT / 4) as f64;
        most += 1;
    }
    assert!(
        depth(list) <= most,
        "{} levels for {}",
        depth(list),
        list.len()
    );
}

/// Bytes per element of blocks that are at least this full.
fn assert_dense(list: &SkipList, member_len: usize, least: f64) {
    let used = (10 + 1 + member_len) as u64 * list.len();
    let fill = used as f64 / list.memory_bytes() as f64;
    assert!(fill >= least, "{fill:.2} of {} bytes", list.memory_bytes());
}

#[test]
fn a_hundred_inserts_before_one_pivot_stay_balanced() {
    // Each goes between the pivot and the one before; then many more, and in the other direction.
    for (seed, count) in [(1, 100_u64), (2, 20_000)] {
        let count = if cfg!(miri) { count.min(200) } else { count };
        let mut list = SkipList::new(seed);
        assert!(list.insert(element(1 << 40, b"pivot")));
        assert!(list.insert(element(1 << 41, b"above")));
        for i in 0..count {
            assert!(list.insert(element((1 << 40) - (count - i), b"before")));
            if count <= 100 {
                list.check_invariants();
            }
        }
        assert_eq!(list.rank(1 << 40, b"pivot"), Some(count));
        assert_balanced(&list);

        let mut list = SkipList::new(seed);
        list.insert(element(1 << 40, b"pivot"));
        list.insert(element(1, b"below"));
        for i in 0..count {
            assert!(list.insert(element((1 << 40) - 1 - i, b"before")));
        }
        assert_eq!(list.rank(1 << 40, b"pivot"), Some(count + 1));
        assert_balanced(&list);
    }
}

#[test]
fn elements_in_order_fill_their_blocks() {
    let count: u64 = if cfg!(miri) { 100 } else { 5_000 };
    let mut up = SkipList::new(1);
    (0..count).for_each(|i| assert!(up.insert(element(i, b"member"))));
    assert_balanced(&up);
    let mut down = SkipList::new(1);
    (0..count)
        .rev()
        .for_each(|i| assert!(down.insert(element(i, b"member"))));
    assert_balanced(&down);
    // Small blocks in tests: the rest are branches and allocations.
    assert_dense(&up, 6, 0.45);
    assert_dense(&down, 6, 0.4);
}

#[test]
fn equal_keys_are_ordered_by_member() {
    let count: u64 = if cfg!(miri) { 60 } else { 3_000 };
    let mut list = SkipList::new(3);
    let mut rng = Rng(3);
    let mut model = BTreeSet::new();
    // Longer common beginnings than a separator holds.
    let common = "c".repeat(PREFIX_BYTES + 1);
    for _ in 0..count {
        let member = format!("{common}{}", rng.below(count)).into_bytes();
        assert_eq!(list.insert(element(7, &member)), model.insert(member));
    }
    list.check_invariants();
    for (rank, member) in model.iter().enumerate() {
        assert_eq!(list.rank(7, member), Some(rank as u64));
    }
    let missing = format!("{common}x").into_bytes();
    assert_eq!(list.rank(7, &missing), None);
    assert!(!list.remove(7, &missing) && !list.remove(8, common.as_bytes()));
    for (gone, member) in model.iter().enumerate() {
        assert!(list.remove(7, member));
        assert_eq!(list.len(), model.len() as u64 - gone as u64 - 1);
    }
    assert!(list.is_empty() && list.memory_bytes() == 0);
}

#[test]
fn a_mark_is_kept_and_not_compared() {
    let mut list = SkipList::new(1);
    let marked = |key, member| Element {
        key,
        member,
        mark: true,
    };
    let long = vec![b'l'; BLOCK_BYTES_MAX * 2];
    for i in 0..200 {
        assert!(list.insert(marked(i, b"m")));
        assert!(list.insert(element(i, b"n")));
        assert!(!list.insert(element(i, b"m")));
    }
    assert!(list.insert(marked(5, &long)));
    assert!(list.iter().all(|e| e.mark == (e.member != b"n")));
    assert!(list.remove(5, &long));
    list.check_invariants();
}

#[test]
fn long_members_lie_alone_and_their_neighbours_together() {
    let mut list = SkipList::new(1);
    let long = |i: u64| vec![b'a' + (i % 26) as u8; 1000 + i as usize];
    for i in 0..20_u64 {
        assert!(list.insert(element(i * 1000, &long(i))));
    }
    // Rising before one and falling after another: not a block for each.
    for i in 0..300_u64 {
        assert!(list.insert(element(4000, format!("a{i:06}").as_bytes())));
        assert!(list.insert(element(7000, format!("z{:06}", 999 - i).as_bytes())));
        list.check_invariants();
    }
    let longs: usize = (0..20).map(|i| long(i).len() + 40).sum();
    assert!(
        list.memory_bytes() - longs < 600 * 80,
        "{}",
        list.memory_bytes()
    );
    for i in 0..20_u64 {
        assert!(list.rank(i * 1000, &long(i)).is_some());
        assert!(list.remove(i * 1000, &long(i)));
        list.check_invariants();
    }
    assert_eq!(list.len(), 600);
}

#[test]
fn ranges_go_both_ways_from_any_rank_and_meet() {
    let mut list = SkipList::new(1);
    (0..500).for_each(|i| assert!(list.insert(element(i * 2, b""))));
    let keys = |ranks: Range<u64>| list.range(ranks).map(|e| e.key / 2).collect::<Vec<_>>();
    assert_eq!(keys(3..6), [3, 4, 5]);
    assert_eq!(keys(498..u64::MAX), [498, 499]);
    assert_eq!(keys(500..u64::MAX), []);
    #[allow(clippy::reversed_empty_ranges, reason = "callers may pass one")]
    let none = keys(9..3);
    assert_eq!(none, []);
    let back: Vec<u64> = list.range(3..6).rev().map(|e| e.key / 2).collect();
    assert_eq!(back, [5, 4, 3]);
    let mut both = list.range(100..400);
    let mut seen = 0;
    while let (Some(front), Some(back)) = (both.next(), both.next_back()) {
        assert_eq!((front.key / 2, back.key / 2), (100 + seen, 399 - seen));
        seen += 1;
    }
    assert_eq!((seen, both.next()), (150, None));
    let mut skipping = list.range(0..500);
    assert_eq!(skipping.nth(123).map(|e| e.key / 2), Some(123));
    assert_eq!(
        (skipping.next().map(|e| e.key / 2), skipping.len()),
        (Some(124), 375)
    );
    assert_eq!(skipping.nth(1000), None);
    let place = |key, is_after| Place {
        key,
        member: b"",
        is_after,
    };
    assert_eq!(list.count_before(place(20, false)), 10);
    assert_eq!(list.count_before(place(20, true)), 11);
    assert_eq!(list.count_before(place(21, true)), 11);
    assert_eq!(list.count_before(place(u64::MAX, true)), 500);
}

#[test]
fn every_range_of_ranks_can_be_removed_while_a_clone_lives() {
    let count: u64 = if cfg!(miri) { 40 } else { 700 };
    let mut list = SkipList::new(5);
    let mut rng = Rng(5);
    let mut keys: Vec<u64> = (0..count).collect();
    for i in (1..keys.len()).rev() {
        keys.swap(i, rng.below(i as u64 + 1) as usize);
    }
    keys.iter()
        .for_each(|key| assert!(list.insert(element(*key, b"member"))));
    for start in (0..count).step_by(7) {
        for len in [0, 1, 2, 5, 13, 50, 100, 350, count] {
            let mut cut = list.clone();
            cut.remove_range(start..start + len);
            cut.check_invariants();
            let end = (start + len).min(count);
            let left = (0..start).chain(end..count);
            assert!(cut.iter().map(|e| e.key).eq(left), "{start}..{end}");
        }
    }
    list.check_invariants();
    assert!(list.iter().map(|e| e.key).eq(0..count));
}

#[test]
fn removing_nearly_all_gives_the_memory_back() {
    let count: u64 = if cfg!(miri) { 100 } else { 20_000 };
    let mut list = SkipList::new(9);
    (0..count).for_each(|i| assert!(list.insert(element(i, b"member"))));
    let full = list.memory_bytes();
    (0..count)
        .filter(|i| i % 100 != 0)
        .for_each(|i| assert!(list.remove(i, b"member")));
    assert_balanced(&list);
    assert!(
        list.memory_bytes() < full / 20,
        "{} of {full}",
        list.memory_bytes()
    );
}

#[test]
fn a_write_copies_only_its_path() {
    let mut list = SkipList::new(1);
    (0..2_000).for_each(|i| assert!(list.insert(element(i, b"member"))));
    let clone = list.clone();
    assert!(list.remove(1_000, b"member"));
    let blocks = |list: &SkipList| {
        let mut found = BTreeSet::new();
        let mut nodes: Vec<&Node> = list.root.iter().collect();
        while let Some(node) = nodes.pop() {
            match node {
                Node::Block(block) => drop(found.insert(std::ptr::from_ref(block.get(0).member))),
                Node::Branch(branch) => nodes.extend((0..branch.len()).map(|at| branch.child(at))),
            }
        }
        found
    };
    let (mine, theirs) = (blocks(&list), blocks(&clone));
    assert!(mine.difference(&theirs).count() <= 1);
    assert!(clone.rank(1_000, b"member").is_some());
}

/// What the list holds, in a `BTreeSet`.
type Model = BTreeSet<(u64, Vec<u8>)>;

fn compare(list: &SkipList, model: &Model) {
    list.check_invariants();
    assert_eq!(list.len(), model.len() as u64);
    let found = list.iter().map(|e| (e.key, e.member));
    assert!(found.eq(model.iter().map(|(key, member)| (*key, member.as_slice()))));
    let back = list.iter().rev().map(|e| (e.key, e.member));
    assert!(
        back.eq(model
            .iter()
            .rev()
            .map(|(key, member)| (*key, member.as_slice())))
    );
}

/// A history of random operations, clones held at random. `keys` small means many equal keys.
fn history(seed: u64, rounds: u64, keys: u64, members: u64) {
    let mut rng = Rng(seed);
    let (mut list, mut model) = (SkipList::new(seed), Model::new());
    let mut held: Vec<(SkipList, Model)> = Vec::new();
    let mut removing = 0;
    for round in 0..rounds {
        let context = || format!("seed {seed}, round {round}");
        if round % (rounds / 8).max(1) == 0 {
            compare(&list, &model);
            // Grow and shrink by turns.
            removing = [3, 8, 5, 9][(round / (rounds / 8).max(1)) as usize % 4];
        }
        let key = rng.below(keys);
        let number = rng.below(members);
        let member = match number % 61 {
            0 => vec![b'x'; BLOCK_BYTES_MAX / 8 + number as usize % 50],
            1..20 => format!("same beginning {number}").into_bytes(),
            _ => number.to_be_bytes()[8 - number as usize % 9..].to_vec(),
        };
        match rng.below(16) {
            choice @ 0..10 if choice >= removing => {
                let inserted = list.insert(element(key, &member));
                assert_eq!(inserted, model.insert((key, member)), "{}", context());
            }
            0..9 => {
                // Mostly one that is there.
                let found = list.at(rng.below(list.len().max(1)));
                let (key, member) = found.map_or((key, member), |e| (e.key, e.member.to_vec()));
                let removed = list.remove(key, &member);
                assert_eq!(removed, model.remove(&(key, member)), "{}", context());
            }
            10..12 => {
                let removed = list.remove(key, &member);
                assert_eq!(removed, model.remove(&(key, member)), "{}", context());
            }
            12 if rng.below(300) == 0 => {
                let start = rng.below(list.len() + 1);
                let ranks = start..start + rng.below(1 + list.len() / 3);
                let gone: Vec<(u64, Vec<u8>)> = list
                    .range(ranks.clone())
                    .map(|e| (e.key, e.member.to_vec()))
                    .collect();
                list.remove_range(ranks);
                gone.iter()
                    .for_each(|gone| assert!(model.remove(gone), "{}", context()));
            }
            13 if rng.below(rounds / 16 + 1) == 0 => {
                if held.len() == 3 {
                    let (list, model) = held.swap_remove(rng.below(3) as usize);
                    compare(&list, &model);
                }
                held.push((list.clone(), model.clone()));
            }
            14 if rng.below(50) == 0 => {
                let place = (key, member);
                let before = model.range(..&place).count() as u64;
                let (key, member) = (place.0, &place.1[..]);
                let is_after = rng.below(2) == 0;
                let there = model.contains(&place);
                let found = list.count_before(Place {
                    key,
                    member,
                    is_after,
                });
                let expected = before + u64::from(is_after && there);
                assert_eq!(found, expected, "{}", context());
                assert_eq!(
                    list.rank(key, member),
                    there.then_some(before),
                    "{}",
                    context()
                );
            }
            _ => {
                let rank = rng.below(list.len() + 1);
                let found = list.at(rank);
                assert_eq!(found.is_some(), rank < list.len(), "{}", context());
                if let Some(e) = found {
                    assert_eq!(list.rank(e.key, e.member), Some(rank), "{}", context());
                }
            }
        }
    }
    held.push((list, model));
    held.iter().for_each(|(list, model)| compare(list, model));
}

#[test]
fn random_histories_agree_with_a_set() {
    let rounds = if cfg!(miri) { 300 } else { 150_000 };
    for (seed, keys, members) in [
        (1, 1_000_000, 1_000_000),
        (2, 3, 5_000),
        (3, 1, 3_000),
        (4, 100, 100),
        (5, 50_000, 4),
        (6, 40, 200_000),
        (7, 2_000, 2_000),
    ] {
        history(seed, rounds, keys, members);
    }
}

#[test]
fn readers_of_a_clone_and_a_writer_do_not_meet() {
    let count: u64 = if cfg!(miri) { 60 } else { 4_000 };
    let mut list = SkipList::new(1);
    (0..count).for_each(|i| assert!(list.insert(element(i, b"member"))));
    let clone = list.clone();
    #[allow(clippy::disallowed_methods, reason = "a scoped thread of a test")]
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..3 {
                assert!(clone.iter().map(|e| e.key).eq(0..count));
            }
        });
        for i in 0..count {
            assert!(list.remove(i, b"member"));
            assert!(list.insert(element(i + count, b"member")));
        }
    });
    clone.check_invariants();
    assert!(list.iter().map(|e| e.key).eq(count..2 * count));
}
