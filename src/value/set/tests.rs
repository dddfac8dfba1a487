//! The set against `std::collections::HashSet`, in every form.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::*;

type Model = HashSet<Vec<u8>>;

/// A small seeded generator (splitmix64).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn hasher() -> Hasher {
    Hasher::with_seeds(1, 2, 3, 4)
}

/// A set under test and what it should be.
struct Pair {
    set: SetValue,
    model: Model,
    limits: EncodingLimits,
}

impl Pair {
    fn new() -> Self {
        Self {
            set: SetValue::new(),
            model: Model::new(),
            limits: EncodingLimits::default(),
        }
    }

    fn of(members: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut pair = Self::new();
        members.into_iter().for_each(|member| pair.insert(&member));
        pair
    }

    fn insert(&mut self, member: &[u8]) {
        let added = self.set.insert(&hasher(), &self.limits, member);
        assert_eq!(added, self.model.insert(member.to_vec()), "{member:?}");
    }

    fn remove(&mut self, member: &[u8]) {
        assert_eq!(
            self.set.remove(member),
            self.model.remove(member),
            "{member:?}"
        );
    }

    fn compare(&self) {
        compare(&self.set, &self.model);
    }
}

fn compare(set: &SetValue, model: &Model) {
    set.check_invariants();
    assert_eq!(set.len(), model.len() as u64);
    assert_eq!(set.iter().len(), model.len());
    let members: Model = set.iter().map(Member::to_vec).collect();
    assert_eq!(&members, model);
}

fn number(n: usize) -> Vec<u8> {
    n.to_string().into_bytes()
}

/// Integers, words, binary and long members, by the flavour of a run.
fn member_of(rng: &mut Rng, flavour: usize, universe: usize) -> Vec<u8> {
    let n = rng.below(universe);
    match flavour {
        0 => number(n),
        1 => format!("{:x}", n * 7 + 10).into_bytes(),
        2 if n.is_multiple_of(10) => vec![n as u8; 20 + n % 400],
        2 if n.is_multiple_of(3) => n.to_le_bytes()[..2].to_vec(),
        _ => format!("m{n}").into_bytes(),
    }
}

fn run_model(seed: u64, flavour: usize, universe: usize, steps: usize) {
    let mut rng = Rng(seed);
    let mut pair = Pair::new();
    pair.limits.set_intset_entries = 100;
    let mut held: Vec<(SetValue, Model)> = Vec::new();
    let mut growing = true;
    for step in 0..steps {
        if step % (2 * universe) == 0 {
            growing = !growing || pair.model.is_empty();
        }
        let member = member_of(&mut rng, flavour, universe);
        assert_eq!(pair.set.contains(&member), pair.model.contains(&member));
        let mut probe = Probe::new(Member::Word(&member));
        assert_eq!(probe.is_in(&pair.set), pair.model.contains(&member));
        if rng.below(100) < if growing { 65 } else { 30 } {
            pair.insert(&member);
        } else {
            pair.remove(&member);
        }
        if rng.below(steps / 40 + 1) == 0 {
            pair.compare();
            held.push((pair.set.clone(), pair.model.clone()));
        }
        if held.len() > 6 {
            let (set, model) = held.swap_remove(rng.below(6));
            compare(&set, &model);
        }
    }
    held.iter().for_each(|(set, model)| compare(set, model));
    let rest: Vec<_> = pair.model.iter().cloned().collect();
    rest.iter().for_each(|member| pair.remove(member));
    pair.compare();
    assert_eq!(pair.set.encoding(), "intset", "seed {seed}");
}

#[test]
fn behaves_like_a_hash_set_in_every_form() {
    let steps = if cfg!(miri) { 400 } else { 40_000 };
    for (seed, (flavour, universe)) in
        [(0, 90), (0, 400), (1, 20), (1, 2_000), (2, 300), (3, 5_000)]
            .into_iter()
            .enumerate()
    {
        run_model(seed as u64, flavour, universe, steps);
    }
}

/// Longer, by `NACRE_MODEL_STEPS`.
#[test]
fn behaves_like_a_hash_set_for_as_long_as_one_likes() {
    let steps = std::env::var("NACRE_MODEL_STEPS").ok();
    let steps: usize = steps.and_then(|steps| steps.parse().ok()).unwrap_or(20_000);
    let steps = if cfg!(miri) { 300 } else { steps };
    for (flavour, universe) in [(0, 300), (1, 60), (2, 20_000), (3, 50_000)] {
        run_model(7, flavour, universe, steps / 4);
    }
}

#[test]
fn encodings_change_as_redis_does_it() {
    let mut pair = Pair::of((0..512).map(number));
    assert_eq!(pair.set.encoding(), "intset");
    pair.insert(b"7");
    assert_eq!(pair.set.encoding(), "intset");
    pair.insert(b"512");
    assert_eq!(pair.set.encoding(), "hashtable");
    (1..513).for_each(|n| pair.remove(&number(n)));
    assert_eq!(pair.set.encoding(), "hashtable");
    pair.remove(b"0");
    pair.compare();

    for word in [
        "a",
        "01",
        "-0",
        "+1",
        " 1",
        "",
        "9223372036854775808",
        "1.0",
    ] {
        let mut pair = Pair::of((0..3).map(number));
        pair.insert(word.as_bytes());
        assert_eq!(pair.set.encoding(), "hashtable", "{word:?}");
        pair.remove(word.as_bytes());
        assert_eq!(pair.set.encoding(), "hashtable", "{word:?}");
        pair.compare();
    }
    let ends = [i64::MIN.to_string(), i64::MAX.to_string()];
    let mut pair = Pair::of(ends.map(String::into_bytes));
    assert_eq!(pair.set.encoding(), "intset");
    pair.insert(b"x");
    pair.compare();
}

#[test]
fn integers_come_in_ascending_order() {
    let pair = Pair::of([5, -3, 70_000, 1 << 40, 0].map(|n: i64| n.to_string().into_bytes()));
    let members: Vec<_> = pair.set.iter().map(Member::to_vec).collect();
    assert_eq!(
        members,
        [&b"-3"[..], b"0", b"5", b"70000", b"1099511627776"]
    );
}

#[test]
fn a_few_words_take_little_and_many_or_long_ones_become_a_table() {
    let mut pair = Pair::of((0..WORDS_MAX).map(|n| format!("w{n}").into_bytes()));
    assert!(matches!(pair.set, SetValue::Words(_)));
    assert!(pair.set.memory_bytes() < 200, "{}", pair.set.memory_bytes());
    pair.insert(b"one more");
    assert!(matches!(pair.set, SetValue::Table(_)));
    pair.compare();
    let pair = Pair::of([vec![1; 300], vec![2; 300]]);
    assert!(matches!(pair.set, SetValue::Table(_)));
    pair.compare();
    // Many integers, then a word.
    let mut pair = Pair::of((0..400).map(number));
    pair.insert(b"word");
    assert!(matches!(pair.set, SetValue::Table(_)));
    pair.compare();
    assert!(size_of::<SetValue>() <= 24);
}

/// Chi squared over how often each member comes, in standard deviations from its mean.
fn deviation(seen: &HashMap<Vec<u8>, usize>, members: usize, draws: usize) -> f64 {
    let expected = draws as f64 / members as f64;
    let chi: f64 = seen
        .values()
        .map(|&count| (count as f64 - expected).powi(2) / expected)
        .sum();
    let chi = chi + (members - seen.len()) as f64 * expected;
    let freedom = (members - 1) as f64;
    (chi - freedom) / (2.0 * freedom).sqrt()
}

#[test]
fn every_member_is_drawn_with_the_same_chance() {
    let rng = RefCell::new(Rng(3));
    let draws = if cfg!(miri) { 300 } else { 60_000 };
    for members in [
        (0..100).map(number).collect::<Vec<_>>(),
        (0..25).map(|n| format!("w{n}").into_bytes()).collect(),
        (0..900).map(|n| format!("w{n}").into_bytes()).collect(),
    ] {
        let pair = Pair::of(members.clone());
        let mut seen = HashMap::new();
        for _ in 0..draws {
            let member = pair
                .set
                .random(&|| rng.borrow_mut().next())
                .expect("not empty");
            *seen.entry(member.to_vec()).or_default() += 1;
        }
        let off = deviation(&seen, members.len(), draws);
        assert!(off.abs() < 5.0, "{off} of {}", members.len());
    }
    assert!(SetValue::new().random(&|| 0).is_none());
}

#[test]
fn samples_are_different_members_with_the_same_chance() {
    let rng = RefCell::new(Rng(4));
    let rounds = if cfg!(miri) { 20 } else { 1_500 };
    for (members, count) in [(30_usize, 7_usize), (30, 29), (700, 20), (700, 300)] {
        let words = (0..members).map(|n| format!("w{n}").into_bytes());
        let pair = Pair::of(words);
        let mut seen = HashMap::new();
        for _ in 0..rounds {
            let sample = pair.set.sample(count as u64, &|| rng.borrow_mut().next());
            let sample: Model = sample.into_iter().map(Member::to_vec).collect();
            assert_eq!(sample.len(), count);
            assert!(sample.is_subset(&pair.model));
            for member in sample {
                *seen.entry(member).or_default() += 1;
            }
        }
        // Members of one sample differ, so the counts spread less than independent draws do.
        let off = deviation(&seen, members, rounds * count);
        assert!(off < 5.0, "{off} for {count} of {members}");
        assert_eq!(pair.set.sample(u64::MAX, &|| 0).len(), members);
        assert!(pair.set.sample(0, &|| 0).is_empty());
    }
}

#[test]
fn a_scan_sees_every_member_that_stays() {
    let mut rng = Rng(5);
    let members = if cfg!(miri) { 60 } else { 3_000 };
    let mut pair = Pair::of((0..members).map(|n| format!("m{n}").into_bytes()));
    let mut seen = Model::new();
    let mut cursor = 0;
    loop {
        cursor = pair.set.scan(cursor, &mut |member| {
            seen.insert(member.to_vec());
        });
        if cursor == 0 {
            break;
        }
        // Only members of odd numbers come and go.
        let n = rng.below(members) | 1;
        pair.remove(format!("m{n}").as_bytes());
        pair.insert(format!("x{n}").as_bytes());
        pair.remove(format!("m{}", ((n + 2) % members) | 1).as_bytes());
    }
    assert!(
        (0..members)
            .step_by(2)
            .all(|n| seen.contains(format!("m{n}").as_bytes()))
    );
    for set in [&pair.set, &Pair::of([b"a".to_vec()]).set, &SetValue::new()] {
        for cursor in [1, u64::MAX, 1 << 63, 12_345] {
            set.scan(cursor, &mut |_| {});
        }
    }
}
