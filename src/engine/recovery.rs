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

use super::lock::{Locked, Slot};
use crate::effect::{Effect, codec};
use crate::error::StorageError;
use crate::keyspace::WriteTx;
use crate::keyspace::{Batch, Layout, Misfit, Now, ReachMut, Rules, STRING_BYTES_LIMIT, Shard};
use crate::storage::{AppBytes, BadPayload, FileInfo, Loader};
use crate::value::{EncodingLimits, EncodingSwitch};

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
#[derive(Debug)]
pub(crate) struct Loading {
    rules: Rules,
    encoding: EncodingLimits,
    target: OnceLock<Target>,
}

#[derive(Debug)]
struct Target {
    rules: Rules,
    encoding: EncodingSwitch,
    layout: Layout,
    slots: Box<[CachePadded<Mutex<Slot>>]>,
}

const NOT_EFFECTS: BadPayload = BadPayload {
    what: "the payload does not decode",
};
const MISFIT: BadPayload = BadPayload {
    what: "an effect does not fit the state before it",
};

impl Loading {
    /// Nothing yet. Short forms of collections are chosen anew, by these limits.
    pub(crate) fn new(encoding: EncodingLimits) -> Self {
        Self {
            // The file's strings are as long as they are, whatever the limits for new ones.
            rules: Rules {
                string_bytes_max: STRING_BYTES_LIMIT,
                bit_offsets: 1 << 63,
            },
            encoding,
            target: OnceLock::new(),
        }
    }

    /// The filled shards.
    pub(crate) fn finish(self) -> Result<(Layout, Vec<Shard>), StorageError> {
        let Some(Target { layout, slots, .. }) = self.target.into_inner() else {
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

/// Encoded effects on their way back into state, front to back. The locks are taken once for a run of
/// effects in the same shard, and never waited for: frames come from one thread, and the blocks of two
/// threads hold different shards.
struct Replay<'t> {
    target: &'t Target,
    database: u8,
    held: Option<(usize, parking_lot::MutexGuard<'t, Slot>)>,
}

impl<'t> Replay<'t> {
    fn new(target: &'t Target) -> Self {
        Self {
            target,
            database: 0,
            held: None,
        }
    }

    fn effect(&mut self, effect: &Effect<'_>) -> Result<(), BadPayload> {
        if let Effect::Database { index } = *effect {
            self.database = index;
            return Ok(());
        }
        let Target { layout, slots, .. } = self.target;
        let applied = match effect.keys() {
            (Some(key), None) => {
                let hash = layout.hash(key);
                let index = layout.shard_of(hash);
                let held = self.held.take().filter(|(at, _)| *at == index);
                let (_, guard) = self
                    .held
                    .insert(held.unwrap_or_else(|| (index, slots[index].lock())));
                let reach = ReachMut::One {
                    shard: &mut guard.shard,
                    hash,
                };
                self.target.apply(self.database, reach, effect)
            }
            (Some(one), Some(two)) => {
                let index = |key| layout.shard_of(layout.hash(key));
                let mut indexes = vec![index(one), index(two)];
                indexes.sort_unstable();
                indexes.dedup();
                self.with_several(indexes, effect)
            }
            (None, _) => self.with_several((0..slots.len()).collect(), effect),
        };
        applied.map_err(|_misfit| MISFIT)
    }

    fn with_several(&mut self, indexes: Vec<usize>, effect: &Effect<'_>) -> Result<(), Misfit> {
        let Target { slots, .. } = self.target;
        self.held = None;
        let mut locked = Locked::of(slots, indexes);
        let reach = ReachMut::Many(&mut locked);
        self.target.apply(self.database, reach, effect)
    }
}

impl Target {
    /// Applies one effect: without clock, randomness and recording.
    fn apply(&self, database: u8, reach: ReachMut<'_>, effect: &Effect<'_>) -> Result<(), Misfit> {
        let mut batch = Batch::new(false);
        batch.database = database;
        let mut reach = reach;
        let mut tx = WriteTx {
            reach: reach.reborrow(),
            layout: &self.layout,
            now: &Now::new(&|| 0),
            rules: self.rules,
            encoding: &self.encoding,
            random: &|| 0,
            batch: &mut batch,
        };
        tx.apply(effect)
    }
}

impl Loader for Loading {
    fn begin(&self, info: &FileInfo) -> Result<(), StorageError> {
        let layout = layout_of(&info.app)?;
        let empty = || CachePadded::new(Mutex::new(Slot::new(layout.empty_shard())));
        let slots = (0..layout.shard_count()).map(|_| empty()).collect();
        let target = Target {
            rules: self.rules,
            encoding: EncodingSwitch::new(self.encoding),
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
        let mut replay = Replay::new(self.target()?);
        for effect in codec::decode(payload) {
            let effect = effect.map_err(|_bad| NOT_EFFECTS)?;
            // Blocks are loaded in no order: each effect must stay in its shard.
            if !matches!(effect, Effect::Database { .. }) && !stays_with_one_key(&effect) {
                return Err(BadPayload {
                    what: "a snapshot block moves keys",
                });
            }
            replay.effect(&effect)?;
        }
        Ok(())
    }

    fn frame(&self, _lsn: u64, _end_lsn: u64, payload: &[u8]) -> Result<(), BadPayload> {
        let mut replay = Replay::new(self.target()?);
        for effect in codec::decode(payload) {
            replay.effect(&effect.map_err(|_bad| NOT_EFFECTS)?)?;
        }
        Ok(())
    }
}

fn stays_with_one_key(effect: &Effect<'_>) -> bool {
    matches!(effect.keys(), (Some(_), None))
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
