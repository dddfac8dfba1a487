//! From a file to a keyspace: the engine's half of opening.
//!
//! `storage` verifies blocks and frames and hands over their payloads; here they become effects again
//! and go through the same mutators as live commands, with recording off. Blocks arrive from several
//! threads, frames in log order.
//!
//! Invariants:
//! 1. Replay reads no clock and no randomness.
//! 2. Correctness does not depend on the hash function: a key goes to the shard that it hashes to
//!    here, wherever the file has it.

use std::sync::OnceLock;

use crossbeam::utils::CachePadded;
use parking_lot::Mutex;

use super::lock::Slot;
use crate::effect::{Effect, codec};
use crate::error::StorageError;
use crate::keyspace::{Batch, Layout, Now, ReachMut, Rules, Shard, ShardSource, ShardSourceMut};
use crate::keyspace::{STRING_BYTES_LIMIT, WriteTx};
use crate::storage::{AppBytes, BadPayload, FileInfo, Loader};

/// Version of the engine's bytes in the header.
const APP_VERSION: u8 = 1;

/// The engine's bytes in the file's header: hash seeds and number of shards.
pub(crate) fn app_bytes(layout: &Layout) -> AppBytes {
    let mut app = [0; 64];
    for (field, seed) in app.chunks_exact_mut(8).zip(layout.seeds()) {
        field.copy_from_slice(&seed.to_le_bytes());
    }
    app[32] = layout.shard_bits() as u8;
    app[63] = APP_VERSION;
    app
}

fn layout_of(app: &AppBytes) -> Result<Layout, StorageError> {
    let shard_bits = u32::from(app[32]);
    if app[63] != APP_VERSION || shard_bits > Layout::SHARD_BITS_MAX {
        let what = "the header's engine part is of no known form";
        return Err(StorageError::Corrupt {
            offset: 0,
            lsn: None,
            what,
        });
    }
    let mut seeds = [0; 4];
    for (seed, field) in seeds.iter_mut().zip(app.chunks_exact(8)) {
        let mut word = [0; 8];
        word.copy_from_slice(field);
        *seed = u64::from_le_bytes(word);
    }
    Ok(Layout::new(seeds, shard_bits))
}

/// The shards being filled.
#[derive(Debug, Default)]
pub(crate) struct Loading {
    target: OnceLock<Target>,
}

#[derive(Debug)]
struct Target {
    layout: Layout,
    slots: Box<[CachePadded<Mutex<Slot>>]>,
}

/// Shards behind their locks; `&Target` is used by one thread at a time (frames) or for one key at a
/// time (blocks), so no lock is ever waited for.
struct Exclusive<'a> {
    guards: Vec<parking_lot::MutexGuard<'a, Slot>>,
}

impl ShardSource for Exclusive<'_> {
    fn shard(&self, index: usize) -> &Shard {
        &self.guards[index].shard
    }

    fn all(&self) -> Vec<&Shard> {
        self.guards.iter().map(|guard| &guard.shard).collect()
    }
}

impl ShardSourceMut for Exclusive<'_> {
    fn shard_mut(&mut self, index: usize) -> &mut Shard {
        &mut self.guards[index].shard
    }

    fn all_mut(&mut self) -> Vec<&mut Shard> {
        self.guards
            .iter_mut()
            .map(|guard| &mut guard.shard)
            .collect()
    }
}

const NOT_EFFECTS: BadPayload = BadPayload {
    what: "the payload does not decode",
};
const MISFIT: BadPayload = BadPayload {
    what: "an effect does not fit the state before it",
};

impl Loading {
    /// The filled shards.
    pub(crate) fn finish(self) -> Result<(Layout, Vec<Shard>), StorageError> {
        let Some(Target { layout, slots }) = self.target.into_inner() else {
            return Err(StorageError::Poisoned {
                what: "the file was not loaded".into(),
            });
        };
        let slots = slots.into_vec().into_iter();
        let shards = slots
            .map(|slot| slot.into_inner().into_inner().shard)
            .collect();
        Ok((layout, shards))
    }

    fn target(&self) -> Result<&Target, BadPayload> {
        self.target.get().ok_or(BadPayload {
            what: "content before the header",
        })
    }
}

/// Runs `work` with a transaction for replay: no clock, no randomness, no recording.
fn replay<R>(layout: &Layout, reach: ReachMut<'_>, work: impl FnOnce(&mut WriteTx<'_>) -> R) -> R {
    let mut reach = reach;
    let rules = Rules {
        string_bytes_max: STRING_BYTES_LIMIT,
        bit_offsets: 1 << 63,
    };
    work(&mut WriteTx {
        reach: reach.reborrow(),
        layout,
        now: &Now::new(&|| 0),
        rules,
        random: &|| 0,
        batch: &mut Batch::default(),
    })
}

impl Loader for Loading {
    fn begin(&self, info: &FileInfo) -> Result<(), StorageError> {
        let layout = layout_of(&info.app)?;
        let empty = || {
            CachePadded::new(Mutex::new(Slot {
                shard: layout.empty_shard(),
                frozen: false,
            }))
        };
        let slots = (0..layout.shard_count()).map(|_| empty()).collect();
        let target = Target {
            slots,
            layout: layout.clone(),
        };
        self.target
            .set(target)
            .map_err(|_again| StorageError::Poisoned {
                what: "the file was loaded twice".into(),
            })
    }

    fn block(&self, _shard: u32, payload: &[u8]) -> Result<(), BadPayload> {
        let Target { layout, slots } = self.target()?;
        let mut locked: Option<(usize, parking_lot::MutexGuard<'_, Slot>)> = None;
        for effect in codec::decode(payload) {
            let effect = effect.map_err(|_bad| NOT_EFFECTS)?;
            let (Some(key), None) = effect.keys() else {
                return Err(BadPayload {
                    what: "a snapshot block moves keys",
                });
            };
            let hash = layout.hash(key);
            let index = layout.shard_of(hash);
            // Neighbours lie in the same shard: the lock is taken once for a run of them.
            let held = locked.take().filter(|(at, _)| *at == index);
            let mut guard = match held {
                Some((_, guard)) => guard,
                None => slots[index].lock(),
            };
            let reach = ReachMut::One {
                shard: &mut guard.shard,
                hash,
            };
            replay(layout, reach, |tx| tx.apply(&effect)).map_err(|_misfit| MISFIT)?;
            locked = Some((index, guard));
        }
        Ok(())
    }

    fn frame(&self, _lsn: u64, _end_lsn: u64, payload: &[u8]) -> Result<(), BadPayload> {
        let Target { layout, slots } = self.target()?;
        for effect in codec::decode(payload) {
            let effect = effect.map_err(|_bad| NOT_EFFECTS)?;
            apply_frame_effect(layout, slots, &effect)?;
        }
        Ok(())
    }
}

fn apply_frame_effect(
    layout: &Layout,
    slots: &[CachePadded<Mutex<Slot>>],
    effect: &Effect<'_>,
) -> Result<(), BadPayload> {
    let applied = if let (Some(key), None) = effect.keys() {
        let hash = layout.hash(key);
        let mut guard = slots[layout.shard_of(hash)].lock();
        replay(
            layout,
            ReachMut::One {
                shard: &mut guard.shard,
                hash,
            },
            |tx| tx.apply(effect),
        )
    } else {
        let mut all = Exclusive {
            guards: slots.iter().map(|slot| slot.lock()).collect(),
        };
        replay(layout, ReachMut::Many(&mut all), |tx| tx.apply(effect))
    };
    applied.map_err(|_misfit| MISFIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_round_trips_through_the_header() {
        let layout = Layout::new([1, u64::MAX, 3, 1 << 40], 7);
        let back = layout_of(&app_bytes(&layout)).unwrap();
        assert_eq!(
            (back.seeds(), back.shard_bits()),
            (layout.seeds(), layout.shard_bits())
        );
    }

    #[test]
    fn unknown_engine_bytes_are_refused() {
        assert!(layout_of(&[0; 64]).is_err());
        let mut app = app_bytes(&Layout::new([0; 4], 3));
        app[32] = 11;
        assert!(layout_of(&app).is_err());
    }
}
