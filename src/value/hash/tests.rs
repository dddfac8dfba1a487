//! Hashes against a `HashMap`, and what a step from packed to table may and may not change.

use std::collections::HashMap;

use super::*;

const LIMITS: EncodingLimits = EncodingLimits {
    hash_listpack_entries: 8,
    hash_listpack_value_bytes: 16,
    ..EncodingLimits::REDIS
};

fn hasher() -> ahash::RandomState {
    ahash::RandomState::with_seeds(1, 2, 3, 4)
}

fn hash_of(pairs: &[(&str, &str)]) -> HashValue {
    let mut hash = HashValue::new();
    for (field, value) in pairs {
        hash.insert(field.as_bytes(), value.as_bytes(), &LIMITS, &hasher());
    }
    hash.check_invariants();
    hash
}

fn fields(hash: &HashValue) -> Vec<String> {
    hash.iter()
        .map(|f| String::from_utf8_lossy(f.field).into_owned())
        .collect()
}

#[test]
fn a_value_is_two_words() {
    assert_eq!(size_of::<HashValue>(), 16);
    assert_eq!(HashValue::new().memory_bytes(), 0);
}

#[test]
fn a_packed_hash_keeps_the_order_of_insertion() {
    let mut hash = hash_of(&[("c", "1"), ("a", "2"), ("b", "3")]);
    assert_eq!(
        hash.insert(b"a", b"longer", &LIMITS, &hasher()),
        Some(NO_DEADLINE)
    );
    assert_eq!(fields(&hash), ["c", "a", "b"]);
    assert_eq!(hash.remove(b"a"), Some(NO_DEADLINE));
    assert_eq!(hash.remove(b"a"), None);
    assert_eq!(hash.insert(b"a", b"", &LIMITS, &hasher()), None);
    assert_eq!(fields(&hash), ["c", "b", "a"]);
    assert_eq!(hash.encoding(), "listpack");
}

#[test]
fn a_limit_passed_makes_a_table_for_good() {
    let long = "x".repeat(17);
    for (field, value) in [("f", long.as_str()), (long.as_str(), "v")] {
        let mut hash = hash_of(&[("a", "1"), (field, value)]);
        assert_eq!(hash.encoding(), "hashtable");
        hash.remove(field.as_bytes());
        assert_eq!((hash.encoding(), hash.len()), ("hashtable", 1));
        assert_eq!(hash.get(b"a").map(|f| f.value), Some(b"1".as_slice()));
    }
    let mut hash = hash_of(&[]);
    for i in 0..8_u8 {
        hash.insert(&[i], b"v", &LIMITS, &hasher());
    }
    assert_eq!(hash.encoding(), "listpack");
    hash.insert(&[0], b"w", &LIMITS, &hasher());
    assert_eq!(hash.encoding(), "listpack");
    hash.insert(&[8], b"v", &LIMITS, &hasher());
    assert_eq!((hash.encoding(), hash.len()), ("hashtable", 9));
}

#[test]
fn a_deadline_makes_a_table_that_keeps_the_limits() {
    let mut hash = hash_of(&[("a", "1"), ("b", "2")]);
    assert_eq!(hash.set_expires_at_ms(b"x", 5, &hasher()), None);
    assert_eq!(
        hash.set_expires_at_ms(b"a", NO_DEADLINE, &hasher()),
        Some(NO_DEADLINE)
    );
    assert_eq!(hash.encoding(), "listpack");
    assert_eq!(
        hash.set_expires_at_ms(b"a", 5, &hasher()),
        Some(NO_DEADLINE)
    );
    assert_eq!(hash.set_expires_at_ms(b"a", 7, &hasher()), Some(5));
    assert_eq!(hash.encoding(), "listpackex");
    assert_eq!(hash.with_deadline_count(), 1);
    assert!(hash.next_expiry_ms() <= 7);
    let mut due = Vec::new();
    assert!(!hash.collect_expired(6, 10, &mut |field| due.push(field.to_vec())));
    assert!(due.is_empty());
    hash.collect_expired(7, 10, &mut |field| due.push(field.to_vec()));
    assert_eq!(due, [b"a"]);
    assert!(!hash.is_all_past(8), "b has no deadline");
    hash.set_expires_at_ms(b"b", 9, &hasher());
    assert!(!hash.is_all_past(9) && hash.is_all_past(10));
    assert_eq!(
        hash.set_expires_at_ms(b"b", NO_DEADLINE, &hasher()),
        Some(9)
    );
    // A new value has no deadline.
    assert_eq!(hash.insert(b"a", b"3", &LIMITS, &hasher()), Some(7));
    assert_eq!(
        (hash.with_deadline_count(), hash.encoding()),
        (0, "listpackex")
    );
    hash.insert(b"long", &[0; 17], &LIMITS, &hasher());
    assert_eq!(hash.encoding(), "hashtable");
    hash.check_invariants();
}

/// A recovered database showed a hash without fields: the field with the latest deadline had left it, and
/// the bound that it left behind hid that all others were past.
#[test]
fn all_are_past_whatever_deadline_was_the_latest_once() {
    let mut hash = hash_of(&[("a", "1"), ("b", "2"), ("c", "3")]);
    for (field, at_ms) in [(b"a", 5), (b"b", 1000), (b"c", 2000)] {
        hash.set_expires_at_ms(field, at_ms, &hasher());
    }
    hash.remove(b"c");
    assert!(!hash.is_all_past(6));
    hash.set_expires_at_ms(b"b", 4, &hasher());
    assert!(!hash.is_all_past(5) && hash.is_all_past(6));
}

#[test]
fn many_at_once_are_as_many_one_by_one() {
    for count in [0, 3, 8, 9, 30_usize] {
        let pairs: Vec<(Vec<u8>, Vec<u8>)> = (0..count)
            .map(|i| (vec![(i % 20) as u8], vec![i as u8; i % 20]))
            .collect();
        let mut one_by_one = hash_of(&[("seed", "s")]);
        let mut at_once = one_by_one.clone();
        let mut new = 0;
        for (field, value) in &pairs {
            new += usize::from(
                one_by_one
                    .insert(field, value, &LIMITS, &hasher())
                    .is_none(),
            );
        }
        let words = pairs
            .iter()
            .map(|(field, value)| (field.as_slice(), value.as_slice()));
        assert_eq!(at_once.insert_all(words, &LIMITS, &hasher()), new);
        at_once.check_invariants();
        assert_eq!(at_once.encoding(), one_by_one.encoding());
        assert_eq!(at_once.len(), one_by_one.len());
        for field in one_by_one.iter() {
            assert_eq!(at_once.get(field.field), Some(field));
        }
        if at_once.encoding() == "listpack" {
            assert!(at_once.iter().eq(one_by_one.iter()));
        }
    }
}

#[test]
fn long_fields_and_values_are_counted() {
    let mut hash = hash_of(&[]);
    let before = hash.memory_bytes();
    hash.insert(&[1; 4096], &[2; 100_000], &LIMITS, &hasher());
    assert!(hash.memory_bytes() > before + 104_096);
    hash.check_invariants();
    hash.insert(&[1; 4096], b"short", &LIMITS, &hasher());
    hash.check_invariants();
    assert!(hash.memory_bytes() < 10_000);
    hash.remove(&[1; 4096]);
    hash.check_invariants();
}

/// SplitMix64.
struct Rng(std::cell::Cell<u64>);

impl Rng {
    fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let word = self.0.get();
        let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&self, n: usize) -> usize {
        hash_trie::below(self.next(), n)
    }
}

type Model = HashMap<Vec<u8>, (Vec<u8>, u64)>;

fn assert_same(hash: &HashValue, model: &Model, what: &str) {
    hash.check_invariants();
    assert_eq!(hash.len(), model.len(), "{what}");
    for field in hash.iter() {
        let (value, expires_at_ms) = &model[field.field];
        assert_eq!(
            (field.value, field.expires_at_ms),
            (value.as_slice(), *expires_at_ms),
            "{what}"
        );
    }
    let deadlines = model.values().filter(|(_, at_ms)| *at_ms != NO_DEADLINE);
    assert_eq!(hash.with_deadline_count(), deadlines.count(), "{what}");
}

#[test]
fn agrees_with_a_map_while_snapshots_are_held() {
    let seed =
        std::env::var("NACRE_SEED").map_or(0x4a5_4e5d, |seed| seed.parse().expect("a number"));
    eprintln!("seed {seed}");
    let steps: usize = if cfg!(miri) { 300 } else { 60_000 };
    let rng = Rng(std::cell::Cell::new(seed));
    let hasher = hasher();
    let mut hash = HashValue::new();
    let mut model = Model::new();
    let mut held: Vec<(HashValue, Model)> = Vec::new();
    // How many names there are changes, so that the hash grows and empties again and again.
    let mut names = 4;
    for step in 0..steps {
        if rng.below(500) == 0 {
            names = [2, 8, 40, 300][rng.below(4)];
            if rng.below(3) == 0 {
                (hash, model) = (HashValue::new(), Model::new());
            }
        }
        let name = rng.below(names);
        let mut field = format!("f{name}").into_bytes();
        if name % 11 == 5 {
            field.resize(60, b'.');
        }
        match rng.below(if model.len() > names { 20 } else { 10 }) {
            0..=3 => {
                let len = [3, 3, 10, 100, 300][rng.below(5)];
                let value = vec![rng.below(256) as u8; rng.below(len)];
                let old = hash.insert(&field, &value, &LIMITS, &hasher);
                let known = model.insert(field, (value, NO_DEADLINE));
                assert_eq!(old, known.map(|(_, at_ms)| at_ms), "step {step}");
            }
            4 => {
                let pairs: Vec<(Vec<u8>, Vec<u8>)> = (0..rng.below(12))
                    .map(|_| {
                        (
                            format!("f{}", rng.below(names)).into_bytes(),
                            vec![1; rng.below(20)],
                        )
                    })
                    .collect();
                let words = pairs.iter().map(|(f, v)| (f.as_slice(), v.as_slice()));
                let new = hash.insert_all(words, &LIMITS, &hasher);
                let before = model.len();
                model.extend(pairs.into_iter().map(|(f, v)| (f, (v, NO_DEADLINE))));
                assert_eq!(new, model.len() - before, "step {step}");
            }
            5 => {
                let at_ms = [NO_DEADLINE, rng.next() % 1000][rng.below(2)];
                let old = hash.set_expires_at_ms(&field, at_ms, &hasher);
                let known = model
                    .get_mut(&field)
                    .map(|(_, known)| std::mem::replace(known, at_ms));
                assert_eq!(old, known, "step {step}");
            }
            6 => {
                let now_ms = rng.next() % 1000;
                let mut due = Vec::new();
                while hash.collect_expired(now_ms, 1_000, &mut |field| due.push(field.to_vec())) {}
                assert_eq!(
                    due.len(),
                    model.values().filter(|(_, at_ms)| *at_ms <= now_ms).count()
                );
                assert!(
                    due.iter().all(|field| model[field].1 <= now_ms),
                    "step {step}"
                );
            }
            7 if rng.below(8) == 0 => {
                held.push((hash.clone(), model.clone()));
                if held.len() > 4 {
                    let (hash, model) = held.swap_remove(rng.below(4));
                    assert_same(&hash, &model, &format!("held, step {step}"));
                }
            }
            _ => {
                assert_eq!(
                    hash.get(&field).map(|f| f.value.to_vec()),
                    model.get(&field).map(|v| v.0.clone())
                );
                let old = hash.remove(&field);
                assert_eq!(
                    old,
                    model.remove(&field).map(|(_, at_ms)| at_ms),
                    "step {step}"
                );
            }
        }
        assert_eq!(hash.len(), model.len(), "step {step}");
        if step % 50 == 0 {
            assert_same(&hash, &model, &format!("step {step}"));
        }
        if let Some(chosen) = hash.random(&|| rng.next()) {
            assert!(model.contains_key(chosen.field), "step {step}");
        }
    }
}

#[test]
fn a_scan_visits_every_field_that_stays() {
    let mut hash = HashValue::new();
    for i in 0..500_u32 {
        hash.insert(&i.to_le_bytes(), b"v", &LIMITS, &hasher());
    }
    let mut seen = vec![false; 500];
    let mut cursor = 0;
    let mut steps = 0;
    loop {
        cursor = hash.scan(cursor, &mut |f| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(f.field);
            let i = u32::from_le_bytes(bytes) as usize;
            if i < 500 {
                seen[i] = true;
            }
        });
        steps += 1;
        // It grows and shrinks meanwhile.
        hash.insert(
            &(1000 + steps as u32).to_le_bytes(),
            &[0; 100],
            &LIMITS,
            &hasher(),
        );
        hash.remove(&(2 * steps as u32 + 1).to_le_bytes());
        if cursor == 0 {
            break;
        }
    }
    assert!((0..500).step_by(2).all(|i| seen[i]));
    let packed = hash_of(&[("a", "1"), ("b", "2")]);
    let mut visited = 0;
    assert_eq!(packed.scan(77, &mut |_| visited += 1), 0);
    assert_eq!(visited, 2);
}
