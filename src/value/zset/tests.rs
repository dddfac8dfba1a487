use std::collections::BTreeMap;

use super::*;

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

fn hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

/// Limits that a test passes soon.
fn limits(entries: usize) -> EncodingLimits {
    EncodingLimits {
        zset_listpack_entries: entries,
        ..EncodingLimits::default()
    }
}

fn set_of(items: &[(f64, &str)], entries: usize) -> ZSetValue {
    let mut set = ZSetValue::new();
    for (score, member) in items {
        set.insert(member.as_bytes(), *score, &limits(entries), &hasher());
    }
    set.check_invariants();
    set
}

fn members(set: &ZSetValue) -> Vec<(String, f64)> {
    set.range(0..u64::MAX)
        .map(|(member, score)| (String::from_utf8_lossy(member).into_owned(), score))
        .collect()
}

fn names(set: &ZSetValue, ranks: Range<u64>) -> String {
    let names = set.range(ranks).map(|(member, _)| member);
    names.map(String::from_utf8_lossy).collect()
}

#[test]
fn keys_sort_as_scores_do() {
    let scores = [
        f64::NEG_INFINITY,
        -1e300,
        -1.5,
        -1.0,
        -f64::MIN_POSITIVE,
        -5e-324,
        0.0,
        5e-324,
        0.1,
        1.0,
        1e300,
        f64::INFINITY,
    ];
    for pair in scores.windows(2) {
        assert!(key_of(pair[0]) < key_of(pair[1]), "{pair:?}");
    }
    assert_eq!(key_of(-0.0), key_of(0.0));
    for score in scores.into_iter().chain([-0.0]) {
        let (_, back) = pair(element(score, b""));
        assert_eq!(back.to_bits(), score.to_bits());
    }
    assert!(key_of(f64::INFINITY) < u64::MAX && key_of(f64::NEG_INFINITY) > 0);
}

#[test]
fn equal_scores_sort_by_member_and_minus_zero_equals_zero() {
    for entries in [0, 128] {
        let mut set = set_of(&[(0.0, "b"), (-0.0, "a"), (0.0, "c"), (-1.0, "z")], entries);
        assert_eq!(names(&set, 0..9), "zabc");
        let sign = set.score(b"a").map(f64::is_sign_negative);
        assert_eq!(sign, Some(true), "the sign is kept");
        // Equal: nothing changes.
        let old = set.insert(b"a", 0.0, &limits(entries), &hasher());
        assert_eq!(old, Some(0.0));
        let sign = set.score(b"a").map(f64::is_sign_negative);
        assert_eq!(sign, Some(true));
        let zero = ScoreBound::Inclusive(-0.0);
        assert_eq!(set.ranks_by_score(zero, zero), 1..4);
        assert_eq!(set.remove(b"a"), Some(0.0));
        set.check_invariants();
    }
}

#[test]
fn infinities_are_scores_and_bounds() {
    for entries in [0, 128] {
        let set = set_of(
            &[(f64::INFINITY, "p"), (f64::NEG_INFINITY, "n"), (1.0, "a")],
            entries,
        );
        assert_eq!(names(&set, 0..9), "nap");
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        let (min, max) = (ScoreBound::Inclusive(low), ScoreBound::Inclusive(high));
        assert_eq!(set.ranks_by_score(min, max), 0..3);
        let (min, max) = (ScoreBound::Exclusive(low), ScoreBound::Exclusive(high));
        assert_eq!(set.ranks_by_score(min, max), 1..2);
        assert!(set.ranks_by_score(max, min).is_empty());
    }
}

#[test]
fn ranges_by_score_and_by_bytes_take_and_leave_their_ends() {
    use LexBound::{Exclusive, Inclusive, Max, Min};
    for entries in [0, 128] {
        let set = set_of(&[(1.0, "a"), (2.0, "b"), (2.0, "c"), (3.0, "d")], entries);
        let by = |min, max| names(&set, set.ranks_by_score(min, max));
        assert_eq!(
            by(ScoreBound::Inclusive(2.0), ScoreBound::Inclusive(2.0)),
            "bc"
        );
        assert_eq!(
            by(ScoreBound::Exclusive(1.0), ScoreBound::Exclusive(3.0)),
            "bc"
        );
        assert_eq!(
            by(ScoreBound::Exclusive(2.0), ScoreBound::Inclusive(9.0)),
            "d"
        );
        assert_eq!(
            by(ScoreBound::Exclusive(2.0), ScoreBound::Exclusive(2.0)),
            ""
        );

        let set = set_of(&[(0.0, "a"), (0.0, "b"), (0.0, "bb"), (0.0, "c")], entries);
        let by = |min, max| names(&set, set.ranks_by_lex(min, max));
        assert_eq!(by(Min, Max), "abbbc");
        assert_eq!(by(Inclusive(b"b"), Exclusive(b"c")), "bbb");
        assert_eq!(by(Exclusive(b"b"), Inclusive(b"c")), "bbc");
        assert_eq!(by(Exclusive(b""), Exclusive(b"ba")), "ab");
        assert_eq!(by(Max, Min), "");
        assert_eq!(by(Inclusive(b"c"), Inclusive(b"a")), "");
    }
    let empty = ZSetValue::new();
    assert_eq!(empty.ranks_by_lex(Min, Max), 0..0);
    assert_eq!(empty.at(0), None);
    assert_eq!(empty.rank(b""), None);
}

#[test]
fn a_set_is_promoted_past_a_limit_and_stays() {
    let mut set = ZSetValue::new();
    for i in 0..128_u32 {
        set.insert(
            &i.to_be_bytes(),
            f64::from(i),
            &EncodingLimits::default(),
            &hasher(),
        );
    }
    // A score that changes is no new member.
    set.insert(&[0; 4], 5.5, &EncodingLimits::default(), &hasher());
    assert_eq!(set.encoding(), "listpack");
    set.insert(b"more", 0.0, &EncodingLimits::default(), &hasher());
    assert_eq!(set.encoding(), "skiplist");
    set.remove_ranks(1..u64::MAX);
    assert_eq!((set.encoding(), set.len()), ("skiplist", 1));
    set.check_invariants();

    let mut set = set_of(&[(1.0, "a")], 128);
    set.insert(&[b'x'; 64], 1.0, &EncodingLimits::default(), &hasher());
    assert_eq!(set.encoding(), "listpack");
    let clone = set.clone();
    set.insert(&[b'x'; 65], 1.0, &EncodingLimits::default(), &hasher());
    assert_eq!((set.encoding(), clone.encoding()), ("skiplist", "listpack"));
    set.check_invariants();
    clone.check_invariants();
}

#[test]
fn a_value_is_one_counted_reference() {
    assert_eq!(size_of::<ZSetValue>(), size_of::<usize>());
    let set = set_of(&[(1.0, "a")], 0);
    let clone = set.clone();
    assert!(Arc::ptr_eq(&set.0, &clone.0));
}

#[test]
fn a_scan_visits_every_member() {
    for entries in [0, 1000] {
        let mut set = ZSetValue::new();
        for i in 0..500_u32 {
            set.insert(&i.to_be_bytes(), 1.0, &limits(entries), &hasher());
        }
        let (mut cursor, mut seen) = (0, std::collections::BTreeSet::new());
        loop {
            cursor = set.scan(cursor, &mut |member, score| {
                assert_eq!(score, 1.0);
                seen.insert(member.to_vec());
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), 500);
        set.scan(u64::MAX, &mut |_, _| {});
    }
}

/// The model: scores by member.
type Model = BTreeMap<Vec<u8>, f64>;

fn compare(set: &ZSetValue, model: &Model) {
    set.check_invariants();
    let mut expected: Vec<(f64, &[u8])> = model.iter().map(|(m, s)| (*s, m.as_slice())).collect();
    expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    let found: Vec<(f64, &[u8])> = set.range(0..u64::MAX).map(|(m, s)| (s, m)).collect();
    assert_eq!(found, expected);
    let back: Vec<(f64, &[u8])> = set.range(0..u64::MAX).rev().map(|(m, s)| (s, m)).collect();
    assert!(back.iter().eq(expected.iter().rev()));
}

#[test]
fn a_random_history_agrees_with_a_map() {
    let rounds = if cfg!(miri) { 400 } else { 60_000 };
    for seed in 1..=4_u64 {
        let mut rng = Rng(seed);
        let entries = [0, 16, 128, 16][seed as usize % 4];
        let (mut set, mut model) = (ZSetValue::new(), Model::new());
        let mut held: Vec<(ZSetValue, Model)> = Vec::new();
        for round in 0..rounds {
            let number = rng.below(3_000);
            let len = if number.is_multiple_of(97) {
                300
            } else {
                4 + number as usize % 11
            };
            let member = format!("{number:0len$}").into_bytes();
            let context = || format!("seed {seed}, round {round}");
            match rng.below(16) {
                0..9 => {
                    let score = rng.below(40) as f64 - 20.5;
                    let old = set.insert(&member, score, &limits(entries), &hasher());
                    assert_eq!(old, model.insert(member, score), "{}", context());
                }
                9..13 => assert_eq!(set.remove(&member), model.remove(&member), "{}", context()),
                13 => {
                    assert_eq!(set.score(&member), model.get(&member).copied());
                    let rank = model.get(&member).map(|score| {
                        let before = |(m, s): &(&Vec<u8>, &f64)| (**s, *m) < (*score, &member);
                        model.iter().filter(before).count() as u64
                    });
                    assert_eq!(set.rank(&member), rank, "{}", context());
                    if let Some(rank) = rank {
                        assert_eq!(set.at(rank).map(|(m, _)| m), Some(member.as_slice()));
                    }
                }
                14 if rng.below(40) == 0 => {
                    let start = rng.below(set.len() + 1);
                    let ranks = start..start + rng.below(200);
                    let gone: Vec<Vec<u8>> =
                        set.range(ranks.clone()).map(|(m, _)| m.to_vec()).collect();
                    set.remove_ranks(ranks);
                    model.retain(|member, _| !gone.contains(member));
                }
                _ if rng.below(200) == 0 => {
                    if held.len() == 4 {
                        let (set, model) = held.swap_remove(rng.below(4) as usize);
                        compare(&set, &model);
                    }
                    held.push((set.clone(), model.clone()));
                }
                _ => {}
            }
            if round % 5_000 == 0 {
                compare(&set, &model);
            }
        }
        held.push((set, model));
        for (set, model) in &held {
            compare(set, model);
        }
    }
}
