//! Settings, as the builder collects them.

use std::sync::Arc;
use std::time::Duration;

use super::feed::FeedLimits;
use super::memory::MemoryLimit;
use crate::keyspace::Rules;
use crate::storage::backend::Storage;
use crate::sys::clock::{Clock, SystemClock};
pub(crate) use crate::value::EncodingLimits;

/// When a write counts as done. What each class promises after a crash, a power cut and a disk
/// error is in docs/durability.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ack {
    /// When it is on disk: a sync that several writers share. Nothing acknowledged is ever lost.
    Always,
    /// When the operating system has it; a background thread syncs once a second. The end of the
    /// process loses nothing; a power cut loses at most a second and the sync under way.
    #[default]
    EverySec,
    /// When the operating system has it, which syncs when it likes.
    No,
    /// When memory has it; the file gets it within this time. The end of the process loses at
    /// most this much.
    Buffered(Duration),
}

/// The two knobs of automatic compaction, and its speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionPolicy {
    /// No automatic compaction while the file is smaller than this. Redis:
    /// `auto-aof-rewrite-min-size`.
    pub min_bytes: u64,
    /// How much the file grows over its size after the last compaction, in percent, before the next
    /// one; 0 switches automatic compaction off. Redis: `auto-aof-rewrite-percentage`.
    pub growth_percent: u32,
    /// At most this many bytes a second are written while compacting; `None` for as many as the
    /// disk takes.
    pub bytes_per_second: Option<u64>,
}

impl Default for CompactionPolicy {
    fn default() -> Self {
        Self {
            min_bytes: 64 << 20,
            growth_percent: 100,
            bytes_per_second: None,
        }
    }
}

/// Who goes when keys and values take more than they may: Redis's `maxmemory-policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EvictionPolicy {
    /// Nobody: commands that may need memory are refused with
    /// [`CommandError::OutOfMemory`](crate::CommandError::OutOfMemory).
    #[default]
    NoEviction,
    /// The keys that were not used for the longest time.
    AllKeysLru,
    /// The keys that are used least often.
    AllKeysLfu,
    /// Keys by chance.
    AllKeysRandom,
    /// As [`AllKeysLru`](Self::AllKeysLru), among keys with a deadline.
    VolatileLru,
    /// As [`AllKeysLfu`](Self::AllKeysLfu), among keys with a deadline.
    VolatileLfu,
    /// Keys by chance, among those with a deadline.
    VolatileRandom,
    /// The keys with the nearest deadline.
    VolatileTtl,
}

impl EvictionPolicy {
    /// Every policy, each at the place of its number.
    pub(crate) const ALL: [Self; 8] = [
        Self::NoEviction,
        Self::AllKeysLru,
        Self::AllKeysLfu,
        Self::AllKeysRandom,
        Self::VolatileLru,
        Self::VolatileLfu,
        Self::VolatileRandom,
        Self::VolatileTtl,
    ];
}

/// Everything an engine is built from.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) ack: Ack,
    pub(crate) compaction: CompactionPolicy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rules: Rules,
    pub(crate) encoding: EncodingLimits,
    pub(crate) memory: MemoryLimit,
    pub(crate) feed: FeedLimits,
    pub(crate) shard_bits: u32,
    pub(crate) read_only: bool,
    pub(crate) load_threads: usize,
    pub(crate) seed: Option<u64>,
    /// Whether indexes of activities are kept.
    pub(crate) activity_indexes: bool,
    /// A directory other than the real one.
    pub(crate) storage: Option<Arc<dyn Storage>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ack: Ack::default(),
            compaction: CompactionPolicy::default(),
            clock: Arc::new(SystemClock),
            rules: Rules {
                string_bytes_max: 512 << 20,
                bit_offsets: 1 << 32,
            },
            encoding: EncodingLimits::default(),
            memory: MemoryLimit::default(),
            feed: FeedLimits::default(),
            shard_bits: 6,
            read_only: false,
            load_threads: 2,
            seed: None,
            activity_indexes: true,
            storage: None,
        }
    }
}
