//! What can be changed of a running database. `db` changes it; whoever works by it reads it as it goes.
//!
//! The limit of memory lies with what counts against it, in `memory`. Invariants:
//! 1. A read costs a plain load and takes no lock; only the background thread reads what a lock guards.
//! 2. A setting changes whole; two of them change one after the other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::Engine;
use super::lock;
use super::memory::MemoryLimit;
use super::options::{Ack, CompactionPolicy, EncodingLimits, EvictionPolicy, Options};
use crate::error::StorageError;
use crate::value::EncodingSwitch;

/// What was set of a database, as of one moment. [`Db::settings`](crate::Db::settings) returns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How many bytes keys and values may take; `None` for any number.
    pub max_memory_bytes: Option<u64>,
    /// What happens when they do.
    pub eviction_policy: EvictionPolicy,
    /// How many keys are looked at for each that is evicted.
    pub max_memory_samples: usize,
    /// Up to where collections keep their short forms.
    pub encoding_limits: EncodingLimits,
    /// When a write counts as done.
    pub ack: Ack,
    /// When the file is compacted by itself.
    pub compaction: CompactionPolicy,
}

/// The settings of an engine that may change.
#[derive(Debug)]
pub(crate) struct Changeable {
    pub(crate) encoding: EncodingSwitch,
    /// As [`ack_word`] makes it.
    ack: AtomicU64,
    compaction: Mutex<CompactionPolicy>,
    /// Whether what has expired is looked for in the background.
    expires: AtomicBool,
    /// Held by whoever changes something in more than one step.
    pub(super) changing: Mutex<()>,
}

/// The lowest bits say which class; those above, the microseconds of [`Ack::Buffered`].
const CLASS_BITS: u32 = 2;

fn ack_word(ack: Ack) -> u64 {
    match ack {
        Ack::Always => 0,
        Ack::EverySec => 1,
        Ack::No => 2,
        Ack::Buffered(window) => {
            let micros = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
            (micros.min(u64::MAX >> CLASS_BITS) << CLASS_BITS) | 3
        }
    }
}

fn ack_of(word: u64) -> Ack {
    match word & 3 {
        0 => Ack::Always,
        1 => Ack::EverySec,
        2 => Ack::No,
        _ => Ack::Buffered(Duration::from_micros(word >> CLASS_BITS)),
    }
}

impl Changeable {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            encoding: EncodingSwitch::new(options.encoding),
            ack: AtomicU64::new(ack_word(options.ack)),
            compaction: Mutex::new(options.compaction),
            expires: AtomicBool::new(true),
            changing: Mutex::default(),
        }
    }

    #[inline]
    pub(crate) fn ack(&self) -> Ack {
        ack_of(self.ack.load(Ordering::Relaxed))
    }

    pub(super) fn expires(&self) -> bool {
        self.expires.load(Ordering::Relaxed)
    }

    #[cfg(feature = "server")]
    pub(crate) fn set_expires(&self, expires: bool) {
        self.expires.store(expires, Ordering::Relaxed);
    }

    pub(crate) fn compaction(&self) -> CompactionPolicy {
        *self.compaction.lock()
    }

    pub(crate) fn set_compaction(&self, policy: CompactionPolicy) {
        *self.compaction.lock() = policy;
    }
}

impl Engine {
    /// The settings as of now.
    pub(crate) fn current_settings(&self) -> Settings {
        Settings {
            max_memory_bytes: self.memory.limit(),
            eviction_policy: self.memory.policy(),
            max_memory_samples: self.memory.samples(),
            encoding_limits: self.settings.encoding.limits(),
            ack: self.settings.ack(),
            compaction: self.settings.compaction(),
        }
    }

    /// Puts the settings as of now into what a branch is built from.
    pub(crate) fn settings_into(&self, options: &mut Options) {
        let now = self.current_settings();
        options.memory = MemoryLimit {
            bytes: now.max_memory_bytes.unwrap_or(0),
            policy: now.eviction_policy,
            samples: now.max_memory_samples,
        };
        options.encoding = now.encoding_limits;
        options.ack = now.ack;
        options.compaction = now.compaction;
    }

    /// Lets writes from here on count as done at another moment. What was acknowledged before keeps its
    /// promise.
    pub(crate) fn set_ack(&self, ack: Ack) -> Result<(), StorageError> {
        let _one_by_one = self.begin_change()?;
        let before = self.settings.ack.swap(ack_word(ack), Ordering::Relaxed);
        self.follow_ack()
            .inspect_err(|_kept| self.settings.ack.store(before, Ordering::Relaxed))?;
        if ack == Ack::No && before != ack_word(ack) {
            // Nobody syncs from here on.
            self.sync()?;
        }
        Ok(())
    }

    /// Those who change what takes more than one step go one by one. Not under the lock of a shard: each of them may
    /// wait for all shards.
    pub(super) fn begin_change(&self) -> Result<MutexGuard<'_, ()>, StorageError> {
        self.check_readable()?;
        if lock::wait_inside().is_some() {
            return Err(StorageError::Reentrant);
        }
        let one_by_one = self.settings.changing.lock();
        self.check_readable()?;
        Ok(one_by_one)
    }
}

#[cfg(test)]
mod tests;
