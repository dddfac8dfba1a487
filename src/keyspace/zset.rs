//! The mutators of sorted sets.

use std::ops::Range;

use super::event::Event;
use super::pieces::{SNAPSHOT_BYTES_MAX, pieces};
use super::tx::WriteTx;
use crate::effect::{Effect, Items};
use crate::value::{Value, ZSetValue};

fn zset_of(value: &mut Value) -> &mut ZSetValue {
    match value {
        Value::SortedSet(zset) => zset,
        Value::String(_) | Value::List(_) | Value::Hash(_) | Value::Set(_) => {
            unreachable!("the caller has checked the type")
        }
    }
}

/// Hands over effects that add these members.
pub(super) fn add_effects(key: &[u8], items: &[(f64, &[u8])], emit: &mut dyn FnMut(&Effect<'_>)) {
    if let [(score, member)] = items {
        let pair: [&[u8]; 2] = [&score.to_bits().to_le_bytes(), member];
        let pairs = Items::new(&pair);
        return emit(&Effect::ZSetAdd { key, pairs });
    }
    for piece in pieces(items, 1, SNAPSHOT_BYTES_MAX, |(_, member)| {
        member.len() + 16
    }) {
        let scores: Vec<[u8; 8]> = piece
            .iter()
            .map(|(score, _)| score.to_bits().to_le_bytes())
            .collect();
        let pairs = scores.iter().zip(piece);
        let words: Vec<&[u8]> = pairs
            .flat_map(|(score, (_, member))| [score.as_slice(), member])
            .collect();
        let pairs = Items::new(&words);
        emit(&Effect::ZSetAdd { key, pairs });
    }
}

/// Hands over effects that rebuild a sorted set, of a bounded part of it at a time.
pub(super) fn snapshot_effects(key: &[u8], zset: &ZSetValue, emit: &mut dyn FnMut(&Effect<'_>)) {
    let mut members = zset.range(0..zset.len()).peekable();
    let mut items = Vec::new();
    while members.peek().is_some() {
        items.clear();
        let mut bytes = 0;
        while let Some((member, score)) = members.next_if(|_| bytes < SNAPSHOT_BYTES_MAX / 2) {
            bytes += member.len() + 16;
            items.push((score, member));
        }
        add_effects(key, &items, emit);
    }
}

/// The items of a [`ZSetAdd`](Effect::ZSetAdd); `None` if they cannot have been recorded.
pub(super) fn scored<'a>(pairs: Items<'a>) -> Option<Vec<(f64, &'a [u8])>> {
    let mut words = pairs.iter();
    let mut items = Vec::new();
    while let Some(score) = words.next() {
        let score = f64::from_bits(u64::from_le_bytes(score.try_into().ok()?));
        items.push((score, words.next()?));
        if score.is_nan() {
            return None;
        }
    }
    (!items.is_empty()).then_some(items)
}

/// Which members keep the sign of a score that is -0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ZeroSigns {
    /// Those that are added to a set which is long by then: Redis's listpacks have no -0.
    OfLong,
    /// All.
    All,
}

impl WriteTx<'_> {
    /// Gives members of the sorted set at `key`, which is created if it is missing, these scores, none of
    /// which is NaN. The caller has checked the type.
    pub(crate) fn zset_add(&mut self, key: &[u8], items: &[(f64, &[u8])]) {
        self.zset_add_with(key, items, |_, score| Some(score));
    }

    /// As [`zset_add`](Self::zset_add) of what was recorded: each score is what it was.
    pub(super) fn zset_restore(&mut self, key: &[u8], items: &[(f64, &[u8])]) {
        self.zset_edit(key, items, ZeroSigns::All, |_, score| Some(score));
    }

    /// As [`zset_add`](Self::zset_add), where `choose` makes of each member's score before, if it has one,
    /// and the given one the score it shall have; none leaves it alone. For a missing key it chooses
    /// one for the first member.
    pub(crate) fn zset_add_with(
        &mut self,
        key: &[u8],
        items: &[(f64, &[u8])],
        choose: impl FnMut(Option<f64>, f64) -> Option<f64>,
    ) {
        self.zset_edit(key, items, ZeroSigns::OfLong, choose);
    }

    fn zset_edit(
        &mut self,
        key: &[u8],
        items: &[(f64, &[u8])],
        signs: ZeroSigns,
        mut choose: impl FnMut(Option<f64>, f64) -> Option<f64>,
    ) {
        if items.is_empty() {
            return;
        }
        let (limits, hasher) = (self.encoding.limits(), self.layout.hasher());
        let mut changed: Vec<(f64, &[u8])> = Vec::new();
        let fresh = || Value::SortedSet(ZSetValue::new());
        self.upsert_value(key, fresh, |value| {
            let zset = zset_of(value);
            for &(score, member) in items {
                zset.prefetch(member, score);
                let old = zset.score(member);
                if let Some(score) = choose(old, score)
                    && old.is_none_or(|old| old != score)
                {
                    let is_zero = score == 0.0 && signs == ZeroSigns::OfLong;
                    let score = match is_zero && zset.stays_short(member, old.is_none(), &limits) {
                        true => 0.0,
                        false => score,
                    };
                    zset.replace(member, old, score, &limits, hasher);
                    changed.push((score, member));
                }
            }
        });
        let batch = &mut *self.batch;
        add_effects(key, &changed, &mut |effect| batch.record(effect));
    }

    /// Removes members of the sorted set at `key`, and the key with the last of them; answers how many were
    /// there. The caller has checked the type.
    pub(crate) fn zset_remove(&mut self, key: &[u8], members: &[&[u8]]) -> u64 {
        let removed = self.edit_value(key, |value| {
            let zset = zset_of(value);
            let there = members
                .iter()
                .filter(|member| zset.remove(member).is_some());
            there.copied().collect::<Vec<_>>()
        });
        let removed = removed.unwrap_or_default();
        self.record_zset_remove(key, &removed);
        removed.len() as u64
    }

    /// Removes the members with these ranks, and the key with the last of them; answers what they were, the
    /// lowest first. The caller has checked the type.
    pub(crate) fn zset_remove_ranks(
        &mut self,
        key: &[u8],
        ranks: Range<u64>,
    ) -> Vec<(Vec<u8>, f64)> {
        let removed = self.edit_value(key, |value| {
            let zset = zset_of(value);
            let members = zset.range(ranks.clone());
            let removed: Vec<_> = members.map(|(m, score)| (m.to_vec(), score)).collect();
            zset.remove_ranks(ranks);
            removed
        });
        let removed = removed.unwrap_or_default();
        let members: Vec<&[u8]> = removed.iter().map(|(m, _)| m.as_slice()).collect();
        self.record_zset_remove(key, &members);
        removed
    }

    fn record_zset_remove(&mut self, key: &[u8], removed: &[&[u8]]) {
        if removed.is_empty() {
            return;
        }
        for piece in pieces(removed, 1, SNAPSHOT_BYTES_MAX, |member| member.len() + 8) {
            let members = Items::new(piece);
            self.batch.record(&Effect::ZSetRemove { key, members });
        }
        self.drop_empty(key);
    }

    /// Lets `key` hold a sorted set of these members and nothing else, without a deadline; without members
    /// it is removed. This is called `event`.
    pub(crate) fn zset_replace(
        &mut self,
        key: &[u8],
        items: &[(f64, &[u8])],
        signs: ZeroSigns,
        event: Event,
    ) {
        if items.is_empty() {
            self.erase(key);
            return;
        }
        self.displace(key);
        self.event(event);
        self.zset_edit(key, items, signs, |_, score| Some(score));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_eight_bytes_are_scores() {
        let one = 1.0_f64.to_bits().to_le_bytes();
        let nan = f64::NAN.to_bits().to_le_bytes();
        assert_eq!(
            scored(Items::new(&[&one, b"m", &one, b""])),
            Some(vec![(1.0, b"m".as_slice()), (1.0, b"")])
        );
        for words in [
            &[][..],
            &[one.as_slice(), b"m", &nan, b"n"],
            &[&one[..7], b"m"],
            &[b"123456789", b"m"],
        ] {
            assert_eq!(scored(Items::new(words)), None);
        }
    }

    #[test]
    fn a_snapshot_is_written_in_pieces_that_rebuild_it() {
        let limits = crate::value::EncodingLimits::REDIS;
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let (mut zset, mut again) = (ZSetValue::new(), ZSetValue::new());
        for i in 0..10_000_u32 {
            let member = format!("member {i}");
            // The first to be written are those whose sign a set that is still short could lose.
            zset.insert(
                member.as_bytes(),
                f64::from(i % 100) * -0.0,
                &limits,
                &hasher,
            );
        }
        zset.insert(&[b'x'; 200_000], -0.0, &limits, &hasher);
        let mut count = 0;
        snapshot_effects(b"k", &zset, &mut |effect| {
            count += 1;
            let Effect::ZSetAdd { key, pairs } = effect else {
                panic!("{effect:?}");
            };
            let items = scored(*pairs).expect("scores and members");
            let bytes: usize = items.iter().map(|(_, m)| m.len() + 16).sum();
            assert!(
                *key == b"k".as_slice()
                    && (items.len() == 1 || bytes <= SNAPSHOT_BYTES_MAX + 200_016)
            );
            for (score, member) in items {
                again.insert(member, score, &limits, &hasher);
            }
        });
        assert!((4..20).contains(&count), "{count} effects");
        let members = |zset: &ZSetValue| {
            let members = zset.range(0..zset.len());
            members
                .map(|(m, score)| (m.to_vec(), score.to_bits()))
                .collect::<Vec<_>>()
        };
        assert!(members(&zset) == members(&again));
    }
}
