//! Sets joined: intersection, union, difference.
//!
//! Called by the commands with sets that lie where they lie; nothing is copied but the result.
//!
//! Invariants:
//! 1. A result is visited, or stored, in the form and order that Redis gives it: integers ascending
//!    where its temporary set has the form for integers.
//! 2. Members are looked for in hash order, so that neighbours of one set meet neighbours of the other.

use super::EncodingLimits;
use super::set::{Hasher, Member, Probe, SetValue};

/// Visits the members that all `sets` have, until `visit` says no: those of the smallest, in its order.
/// Puts the sets in order of length. O(shortest length * sets).
pub(crate) fn intersect(sets: &mut [&SetValue], visit: &mut dyn FnMut(Member<'_>) -> bool) {
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else {
        return;
    };
    for member in smallest.iter() {
        let mut probe = Probe::new(member);
        if others.iter().all(|set| probe.is_in(set)) && !visit(member) {
            return;
        }
    }
}

/// Visits the members that any of `sets` has, each once. O(all lengths), and for a few sets without
/// memory.
pub(crate) fn unite(
    sets: &[&SetValue],
    hasher: &Hasher,
    limits: &EncodingLimits,
    visit: &mut dyn FnMut(Member<'_>),
) {
    /// With more sets it is cheaper to remember what was seen than to look into all before.
    const PROBED_MAX: usize = 4;
    if sets.len() > PROBED_MAX {
        union_of(sets, hasher, limits).iter().for_each(visit);
        return;
    }
    for (at, set) in sets.iter().enumerate() {
        for member in set.iter() {
            let mut probe = Probe::new(member);
            if !sets[..at].iter().any(|before| probe.is_in(before)) {
                visit(member);
            }
        }
    }
}

/// The members that any of `sets` has. Shares what the longest has alone. O(all lengths) at most.
pub(crate) fn union_of(sets: &[&SetValue], hasher: &Hasher, limits: &EncodingLimits) -> SetValue {
    let longest = (0..sets.len()).max_by_key(|&at| sets[at].len());
    let Some(longest) = longest else {
        return SetValue::new();
    };
    let mut result = fresh(sets[longest], hasher, limits);
    for (at, set) in sets.iter().enumerate() {
        if at != longest {
            for member in set.iter() {
                member.with(|word| result.insert(hasher, limits, word));
            }
        }
    }
    result
}

/// A copy of a set, in the form that adding its members one by one would give it.
fn fresh(set: &SetValue, hasher: &Hasher, limits: &EncodingLimits) -> SetValue {
    let is_ints = set.len() <= limits.set_intset_entries as u64
        && set.iter().all(|member| member.number().is_some());
    if !is_ints || matches!(set, SetValue::Ints(_)) {
        return set.clone();
    }
    let mut copy = SetValue::new();
    for member in set.iter() {
        member.with(|word| copy.insert(hasher, limits, word));
    }
    copy
}

/// Whether Redis looks for each member of the first set in the others, instead of removing theirs from a
/// copy. Its rule decides the form of the result.
fn probes(first: &SetValue, others: &[Option<&SetValue>]) -> bool {
    let there = others.iter().flatten();
    let (count, lengths) = there.fold((0, 0), |(count, lengths), set| {
        (count + 1, lengths + set.len())
    });
    first.len().saturating_mul(count + 1) / 2 <= first.len() + lengths
}

/// Visits the members of `first` that none of `others` has. O(first length * sets) or O(all lengths),
/// whichever is less.
pub(crate) fn subtract(
    first: &SetValue,
    others: &[Option<&SetValue>],
    hasher: &Hasher,
    limits: &EncodingLimits,
    visit: &mut dyn FnMut(Member<'_>),
) {
    if !probes(first, others) {
        let rest = difference_of(first, others, hasher, limits);
        rest.iter().for_each(visit);
        return;
    }
    let mut others: Vec<&SetValue> = others.iter().copied().flatten().collect();
    // Most members are found in the longest, if in any.
    others.sort_by_key(|set| std::cmp::Reverse(set.len()));
    for member in first.iter() {
        let mut probe = Probe::new(member);
        if !others.iter().any(|set| probe.is_in(set)) {
            visit(member);
        }
    }
}

/// The members of `first` that none of `others` has. The cost is that of [`subtract`].
pub(crate) fn difference_of(
    first: &SetValue,
    others: &[Option<&SetValue>],
    hasher: &Hasher,
    limits: &EncodingLimits,
) -> SetValue {
    if probes(first, others) {
        let mut result = SetValue::new();
        subtract(first, others, hasher, limits, &mut |member| {
            member.with(|word| result.insert(hasher, limits, word));
        });
        return result;
    }
    let mut result = fresh(first, hasher, limits);
    for member in others.iter().flatten().flat_map(|set| set.iter()) {
        member.with(|word| result.remove(word));
        if result.len() == 0 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    type Model = BTreeSet<Vec<u8>>;

    fn hasher() -> Hasher {
        Hasher::with_seeds(1, 2, 3, 4)
    }

    fn set(members: &Model) -> SetValue {
        let mut set = SetValue::new();
        for member in members {
            set.insert(&hasher(), &EncodingLimits::default(), member);
        }
        set
    }

    fn members(set: &SetValue) -> Model {
        set.check_invariants();
        set.iter().map(Member::to_vec).collect()
    }

    fn next(seed: &mut u64, below: usize) -> usize {
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((word ^ (word >> 31)) % below as u64) as usize
    }

    /// A set of integers, words, or both, of up to `size` members.
    fn random_set(seed: &mut u64, size: usize) -> Model {
        let (len, kind) = (next(seed, size), next(seed, 3));
        (0..len)
            .map(|_| match (kind, next(seed, 2)) {
                (0, _) | (2, 0) => next(seed, size).to_string().into_bytes(),
                _ => format!("w{}", next(seed, size)).into_bytes(),
            })
            .collect()
    }

    #[test]
    fn agrees_with_tree_sets_of_every_form_and_number() {
        let limits = EncodingLimits::default();
        let mut seed = 9;
        for round in 0..if cfg!(miri) { 5 } else { 300 } {
            let size = [8, 60, 700][round % 3];
            let count = 1 + next(&mut seed, 7);
            let models: Vec<Model> = (0..count).map(|_| random_set(&mut seed, size)).collect();
            let sets: Vec<SetValue> = models.iter().map(set).collect();
            let mut refs: Vec<&SetValue> = sets.iter().collect();

            let all = models.iter().skip(1);
            let expected = all.clone().fold(models[0].clone(), |a, b| &a & b);
            let mut found = Vec::new();
            intersect(&mut refs.clone(), &mut |member| {
                found.push(member.to_vec());
                true
            });
            assert_eq!(found.len(), expected.len(), "a member twice");
            assert_eq!(found.into_iter().collect::<Model>(), expected);
            let mut stopped = 0;
            intersect(&mut refs, &mut |_| {
                stopped += 1;
                stopped < 2
            });
            assert_eq!(stopped, expected.len().min(2));

            let refs: Vec<&SetValue> = sets.iter().collect();
            let expected = all.clone().fold(models[0].clone(), |a, b| &a | b);
            let mut found = Vec::new();
            unite(&refs, &hasher(), &limits, &mut |member| {
                found.push(member.to_vec())
            });
            assert_eq!(found.len(), expected.len(), "a member twice");
            assert_eq!(found.into_iter().collect::<Model>(), expected);
            assert_eq!(members(&union_of(&refs, &hasher(), &limits)), expected);

            let expected = all.fold(models[0].clone(), |a, b| &a - b);
            let others: Vec<Option<&SetValue>> = sets[1..]
                .iter()
                .map(|set| Some(set).filter(|set| set.len() > 0))
                .collect();
            let mut found = Vec::new();
            subtract(&sets[0], &others, &hasher(), &limits, &mut |member| {
                found.push(member.to_vec())
            });
            assert_eq!(found.len(), expected.len(), "a member twice");
            assert_eq!(found.into_iter().collect::<Model>(), expected);
            let stored = difference_of(&sets[0], &others, &hasher(), &limits);
            assert_eq!(members(&stored), expected);
            sets.iter().zip(&models).for_each(|(set, model)| {
                assert_eq!(&members(set), model, "a source changed");
            });
        }
    }

    #[test]
    fn results_take_the_form_that_single_additions_would_give_them() {
        let limits = EncodingLimits::default();
        let ints: Model = (0..10_u8).map(|n| vec![b'0' + n]).collect();
        let mut promoted = set(&ints);
        promoted.insert(&hasher(), &limits, b"word");
        promoted.remove(b"word");
        assert_eq!(promoted.encoding(), "hashtable");
        let small = set(&[b"3".to_vec()].into());
        let union = union_of(&[&small, &promoted], &hasher(), &limits);
        assert_eq!(union.encoding(), "intset");
        assert_eq!(members(&union), ints);
        let rest = difference_of(&promoted, &[Some(&small)], &hasher(), &limits);
        assert_eq!(rest.encoding(), "intset");
        // Removing from a copy of a set with a word leaves a table, whatever is left.
        promoted.insert(&hasher(), &limits, b"word");
        let word = set(&[b"word".to_vec()].into());
        let one = [Some(&word), Some(&word), Some(&small)];
        assert!(!probes(&promoted, &one));
        let rest = difference_of(&promoted, &one, &hasher(), &limits);
        assert_eq!((rest.encoding(), rest.len()), ("hashtable", 9));
    }
}
