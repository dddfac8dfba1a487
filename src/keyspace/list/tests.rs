use super::*;
use crate::effect::codec;
use crate::keyspace::effects::{entries, entry_effects};
use crate::keyspace::{Batch, Layout, Now, ReachMut, Rules, Shard};
use crate::value::{EncodingLimits, EncodingSwitch};

/// One shard, its clock, and the effects recorded so far.
struct Keyspace {
    layout: Layout,
    shard: Shard,
    batch: Batch,
    now_ms: u64,
}

impl Keyspace {
    fn new() -> Self {
        let layout = Layout::new([1, 2, 3, 4], 0);
        Self {
            shard: layout.empty_shard(),
            layout,
            batch: Batch::new(true),
            now_ms: 1_000,
        }
    }

    fn change<R>(&mut self, key: &[u8], call: impl FnOnce(&mut WriteTx<'_>) -> R) -> R {
        let now_ms = self.now_ms;
        let clock = move || now_ms;
        call(&mut WriteTx {
            reach: ReachMut::One {
                hash: self.layout.hash(key),
                shard: &mut self.shard,
            },
            layout: &self.layout,
            now: &Now::new(&clock),
            rules: Rules {
                string_bytes_max: 1 << 29,
                bit_offsets: 1 << 32,
            },
            encoding: &EncodingSwitch::new(EncodingLimits::REDIS),
            random: &|| 0,
            batch: &mut self.batch,
        })
    }

    fn elements(&mut self, key: &[u8]) -> Option<Vec<Vec<u8>>> {
        self.change(key, |tx| {
            let entry = tx.entry(key)?;
            let list = entry.list().expect("a list");
            Some(list.iter().map(<[u8]>::to_vec).collect())
        })
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        let decoded = codec::decode(&self.batch.bytes);
        decoded.map(|effect| effect.expect("it decodes")).collect()
    }

    /// What a replay of the effects gives, without a clock.
    fn replayed(&self, key: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut replay = Self::new();
        replay.now_ms = 0;
        replay.change(key, |tx| tx.apply_all(&self.batch.bytes));
        replay.elements(key)
    }
}

fn insert<'a>(index: u64, values: &'a [&'a [u8]]) -> Effect<'a> {
    Effect::ListInsert {
        key: b"k",
        index,
        values: Items::new(values),
    }
}

#[test]
fn every_mutator_records_what_it_did() {
    let mut keyspace = Keyspace::new();
    keyspace.change(b"k", |tx| {
        assert_eq!(tx.list_push(b"k", Side::Left, &[b"b", b"a"]), Ok(2));
        assert_eq!(tx.list_push(b"k", Side::Right, &[b"c", b"d"]), Ok(4));
        tx.list_insert(b"k", 1, b"new");
        tx.list_set(b"k", 4, b"last");
        tx.list_remove(b"k", 0, 1);
        tx.list_replace(b"k", &[b"x", b"y"]).expect("a list");
    });
    let remove = |index, count| Effect::ListRemove {
        key: b"k",
        index,
        count,
    };
    let set = Effect::ListSet {
        key: b"k",
        index: 4,
        value: b"last",
    };
    assert_eq!(
        keyspace.effects(),
        [
            insert(0, &[b"a", b"b"]),
            insert(2, &[b"c", b"d"]),
            insert(1, &[b"new"]),
            set,
            remove(0, 1),
            insert(4, &[b"x", b"y"]),
            remove(0, 4),
        ]
    );
    let elements = keyspace.elements(b"k");
    assert_eq!(elements, Some(vec![b"x".to_vec(), b"y".to_vec()]));
    assert_eq!(keyspace.replayed(b"k"), elements);
}

#[test]
fn the_last_element_takes_the_key_along() {
    let mut keyspace = Keyspace::new();
    keyspace.change(b"k", |tx| {
        tx.list_push(b"k", Side::Right, &[b"a", b"b"])
            .expect("free");
        tx.list_remove(b"k", 0, 2);
        assert!(tx.entry(b"k").is_none());
    });
    let last = keyspace.effects().last().copied();
    assert_eq!(last, Some(Effect::KeyRemove { key: b"k" }));
    assert_eq!(keyspace.replayed(b"k"), None);
}

#[test]
fn a_list_over_an_expired_key_replays_to_the_same() {
    let mut keyspace = Keyspace::new();
    keyspace.change(b"k", |tx| {
        tx.list_push(b"k", Side::Right, &[b"old"]).expect("free");
        tx.expire(b"k", Some(2_000));
    });
    keyspace.now_ms = 3_000;
    keyspace.change(b"k", |tx| {
        assert_eq!(tx.list_push(b"k", Side::Left, &[b"new"]), Ok(1));
    });
    assert_eq!(keyspace.elements(b"k"), Some(vec![b"new".to_vec()]));
    assert_eq!(keyspace.replayed(b"k"), Some(vec![b"new".to_vec()]));
}

#[test]
fn much_is_recorded_in_pieces() {
    let big = vec![7; 400_000];
    let values = [&big[..], b"a", &big, &big, b"b", &big, b"c"];
    for side in [Side::Left, Side::Right] {
        let mut keyspace = Keyspace::new();
        keyspace
            .change(b"k", |tx| tx.list_push(b"k", side, &values))
            .expect("free");
        let effects = keyspace.effects();
        assert!(effects.len() > 1, "{} effects", effects.len());
        for effect in effects {
            let Effect::ListInsert { values, .. } = effect else {
                panic!("{effect:?}");
            };
            assert!(values.iter().map(<[u8]>::len).sum::<usize>() <= EFFECT_BYTES_MAX);
        }
        let mut expected: Vec<Vec<u8>> = values.iter().map(|value| value.to_vec()).collect();
        if side == Side::Left {
            expected.reverse();
        }
        assert_eq!(keyspace.elements(b"k"), Some(expected.clone()));
        assert_eq!(keyspace.replayed(b"k"), Some(expected));
    }
    let longer = vec![1; EFFECT_BYTES_MAX + 1];
    let words = [&longer[..], b"a"];
    assert_eq!(
        word_pieces(&words, EFFECT_BYTES_MAX)
            .map(<[_]>::len)
            .collect::<Vec<_>>(),
        [1, 1]
    );
    assert_eq!(word_pieces(&[], EFFECT_BYTES_MAX).count(), 0);
}

#[test]
fn a_snapshot_writes_bounded_pieces_that_rebuild_the_list() {
    let mut keyspace = Keyspace::new();
    let values: Vec<Vec<u8>> = (0..20_000_u32)
        .map(|i| {
            vec![
                i as u8;
                if i % 5_000 == 0 {
                    70_000
                } else {
                    (i % 40) as usize
                }
            ]
        })
        .collect();
    let words: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    keyspace
        .change(b"k", |tx| tx.list_push(b"k", Side::Right, &words))
        .expect("free");
    keyspace.change(b"k", |tx| tx.expire(b"k", Some(5_000)));
    let mut written = Vec::new();
    let mut longest = 0;
    for entry in entries(keyspace.shard.table(0)) {
        entry_effects(&entry, &mut |effect| {
            let before = written.len();
            codec::encode(effect, &mut written);
            longest = longest.max(written.len() - before);
        });
    }
    assert!(longest < 71_000, "a piece of {longest} bytes");
    let mut rebuilt = Keyspace::new();
    rebuilt.change(b"k", |tx| tx.apply_all(&written));
    assert_eq!(rebuilt.elements(b"k"), Some(values));
    let expires_at_ms = rebuilt.change(b"k", |tx| tx.entry(b"k").and_then(|e| e.expires_at_ms()));
    assert_eq!(expires_at_ms, Some(5_000));
}

#[test]
fn effects_that_do_not_fit_are_refused() {
    let mut keyspace = Keyspace::new();
    let remove = |index, count| Effect::ListRemove {
        key: b"k",
        index,
        count,
    };
    let set = |index| Effect::ListSet {
        key: b"k",
        index,
        value: b"v",
    };
    keyspace.change(b"k", |tx| {
        assert_eq!(tx.apply(&insert(1, &[b"a"])), Err(Misfit));
        assert_eq!(tx.apply(&insert(0, &[])), Ok(()));
        assert!(tx.entry(b"k").is_none(), "no empty list comes to be");
        assert_eq!(tx.apply(&remove(3, 4)), Ok(()));
        assert_eq!(tx.apply(&set(0)), Err(Misfit));
        assert_eq!(tx.apply(&insert(0, &[b"a", b"b"])), Ok(()));
        assert_eq!(tx.apply(&insert(3, &[b"c"])), Err(Misfit));
        assert_eq!(tx.apply(&set(2)), Err(Misfit));
        assert_eq!(tx.apply(&remove(1, 2)), Err(Misfit));
        assert_eq!(tx.apply(&remove(u64::MAX, u64::MAX)), Err(Misfit));
        assert_eq!(tx.apply(&remove(1, 0)), Ok(()));
        assert_eq!(tx.apply(&remove(0, 1)), Ok(()));
    });
    assert_eq!(keyspace.elements(b"k"), Some(vec![b"b".to_vec()]));
    keyspace.change(b"k", |tx| {
        tx.set_string(b"k", b"text", None);
        for effect in [insert(0, &[b"a"]), remove(0, 1), set(0)] {
            assert_eq!(tx.apply(&effect), Err(Misfit));
        }
    });
}
