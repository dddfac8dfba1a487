//! Compaction, healing and copies: a snapshot is written to a new file, block by block, and then
//! the file takes its place.
//!
//! Called by `engine` through `Store`. Invariants:
//! 1. One compaction at a time per file; dropping one at any point leaves no trace but time.
//! 2. Writers wait for the hand-over only; the frames since the snapshot are copied in rounds until
//!    little is left, from file to file.
//! 3. A file with several names, or whose name was given to another, is not replaced.
//!
//! It starts no thread and sets no pace: the caller sees the bytes and throttles or cancels.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::backend::Storage;
use super::file_writer::FileWriter;
use super::handover::{copy_frames, obstacle};
use super::header::{AppBytes, Header};
use super::{Inner, Stamp, Store};
use crate::error::StorageError;

/// With less than this left to copy, the hand-over begins.
const SMALL_REST: u64 = 1 << 20;
/// Writers that are faster than the copying are overtaken by the hand-over after this many rounds.
const MAX_ROUNDS: usize = 16;

/// What a compaction or a copy starts from.
#[derive(Debug, Clone)]
pub struct CompactionPlan {
    /// The log position of the engine's snapshot: an `end_lsn` read under all shard locks. To heal,
    /// one read after [`Log::needs_heal`](super::Log::needs_heal) said yes.
    pub snapshot_lsn: u64,
    /// The engine's bytes for the new header.
    pub app: AppBytes,
    /// About how large the new file becomes; 0 if not known.
    pub estimate_bytes: u64,
    /// The time, and fresh random bytes.
    pub stamp: Stamp,
}

/// What a finished compaction or copy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionReport {
    /// Length of the snapshot in the new file.
    pub snapshot_bytes: u64,
    /// Length of the log in the new file.
    pub log_bytes: u64,
}

#[derive(Debug)]
enum Goal {
    /// Takes the place of the open file.
    Replace,
    /// Becomes another file.
    Copy {
        storage: Arc<dyn Storage>,
        name: String,
    },
}

/// A new file being written. Dropping it cancels and removes it.
#[derive(Debug)]
pub struct Compaction {
    // Before `slot`: the temporary file is gone when the next compaction may start.
    writer: FileWriter,
    slot: Option<Slot>,
    inner: Arc<Inner>,
    goal: Goal,
    stamp: Stamp,
}

/// The right to compact.
#[derive(Debug)]
struct Slot(Arc<Inner>);

impl Slot {
    fn take(inner: &Arc<Inner>) -> Result<Self, StorageError> {
        if inner.compacting.swap(true, Ordering::AcqRel) {
            return Err(StorageError::CompactionBlocked {
                reason: "another compaction is running".into(),
            });
        }
        Ok(Self(Arc::clone(inner)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.compacting.store(false, Ordering::Release);
    }
}

impl Store {
    /// Starts writing the file's successor. Also heals: on a poisoned or full file too.
    ///
    /// # Errors
    /// `CompactionBlocked` if the file may not be replaced or another compaction runs; `DiskFull`;
    /// `ReadOnly`; `Closed`; `Io`. Nothing is left behind.
    pub fn begin_compaction(&self, plan: &CompactionPlan) -> Result<Compaction, StorageError> {
        let inner = &self.inner;
        if inner.read_only {
            return Err(StorageError::ReadOnly);
        }
        let slot = Slot::take(inner)?;
        // With the slot taken: a compaction that ends meanwhile would move the log's start.
        self.check_plan(plan)?;
        let file = Arc::clone(&inner.log.io.lock().file);
        obstacle(inner.storage.as_ref(), &inner.name, file.as_ref())?;
        let writer = FileWriter::create(
            Arc::clone(&inner.storage),
            &inner.name,
            new_header(plan),
            Some(file.as_ref()),
            plan.estimate_bytes,
        )?;
        Ok(Compaction {
            writer,
            slot: Some(slot),
            inner: Arc::clone(inner),
            goal: Goal::Replace,
            stamp: plan.stamp,
        })
    }

    /// Starts writing a copy of a snapshot to another name, perhaps in another directory.
    /// `finish` replaces what the name resolves to.
    ///
    /// # Errors
    /// `DiskFull`, `Io`. Nothing is left behind.
    pub fn begin_copy(
        &self,
        storage: Arc<dyn Storage>,
        name: &str,
        plan: &CompactionPlan,
    ) -> Result<Compaction, StorageError> {
        self.check_plan(plan)?;
        let mut header = new_header(plan);
        header.parent_id = self.inner.header.lock().file_id;
        header.parent_end_lsn = plan.snapshot_lsn;
        let writer = FileWriter::create(
            Arc::clone(&storage),
            name,
            header,
            None,
            plan.estimate_bytes,
        )?;
        Ok(Compaction {
            writer,
            slot: None,
            inner: Arc::clone(&self.inner),
            goal: Goal::Copy {
                storage,
                name: name.to_owned(),
            },
            stamp: plan.stamp,
        })
    }

    fn check_plan(&self, plan: &CompactionPlan) -> Result<(), StorageError> {
        let log = &self.inner.log;
        if log.is_closed() && !self.inner.read_only {
            return Err(StorageError::Closed);
        }
        let base = self.inner.header.lock().base_lsn;
        let fits = (base..=log.end_lsn()).contains(&plan.snapshot_lsn)
            && plan.snapshot_lsn.is_multiple_of(8);
        if !fits {
            return Err(StorageError::Poisoned {
                what: "a compaction's snapshot is not a place in the log".into(),
            });
        }
        Ok(())
    }
}

fn new_header(plan: &CompactionPlan) -> Header {
    Header::new(
        plan.stamp.file_id(),
        plan.stamp.salt(),
        plan.stamp.unix_ms,
        plan.snapshot_lsn,
        plan.app,
    )
}

impl Compaction {
    /// Adds one block of a shard. Answers how many bytes it takes in the file.
    ///
    /// # Errors
    /// `DiskFull`, `TooLarge`, `Io`. To be dropped then.
    pub fn write_block(
        &mut self,
        shard: u32,
        entries: u32,
        payload: &[u8],
    ) -> Result<u64, StorageError> {
        self.writer.write_block(shard, entries, payload)
    }

    /// Completes the file and puts it in its place. `stamp` of the plan dates it.
    ///
    /// # Errors
    /// `CompactionBlocked` if the name cannot be taken over, `DiskFull`, `Closed`, `Corrupt` if the
    /// old file's frames do not verify any more (heal then), `Io`: the old file stays active and
    /// correct and nothing is left behind. `DurabilityLost`: the new file is in place, but its name
    /// may not survive a power cut; a heal is due. Also if the file was poisoned after the
    /// compaction's snapshot was taken: a heal needs a newer one.
    pub fn finish(mut self) -> Result<CompactionReport, StorageError> {
        self.writer.seal_snapshot()?;
        let snapshot_bytes = self.writer.header().snapshot_len;
        match &self.goal {
            Goal::Replace => self.replace()?,
            Goal::Copy { storage, name } => {
                self.writer.complete()?;
                let found = super::check::check_file(
                    self.writer.file(),
                    &super::check::Opaque,
                    &mut |_, _| (),
                )?;
                if let Some(damage) = found.damage.first() {
                    return Err(StorageError::Corrupt {
                        offset: damage.offset,
                        lsn: damage.lsn,
                        what: damage.what,
                    });
                }
                self.writer
                    .publish(name)
                    .map_err(|error| StorageError::io("rename", error))?;
                storage
                    .sync_dir()
                    .map_err(|error| StorageError::io("sync", error))?;
            }
        }
        Ok(CompactionReport {
            snapshot_bytes,
            log_bytes: self.writer.end_lsn() - self.writer.header().base_lsn,
        })
    }

    fn replace(&mut self) -> Result<(), StorageError> {
        let inner = Arc::clone(&self.inner);
        let log = &inner.log;
        for _ in 0..MAX_ROUNDS {
            if log.needs_heal() {
                break;
            }
            // On a full disk the frames are taken from memory in the hand-over.
            let _ = log.flush();
            let written = log.written_lsn();
            if written.saturating_sub(self.writer.end_lsn()) < SMALL_REST {
                break;
            }
            let (file, layout) = {
                let io = log.io.lock();
                (Arc::clone(&io.file), io.layout)
            };
            copy_frames(&file, layout, written, &mut self.writer)?;
        }
        // Outside the hand-over, so that its own sync is short.
        self.writer.sync_so_far()?;
        let parent_id = inner.header.lock().file_id;
        let old = log.hand_over(
            &mut self.writer,
            inner.storage.as_ref(),
            &inner.name,
            parent_id,
            &self.stamp,
        )?;
        *inner.header.lock() = self.writer.header().clone();
        drop(old);
        if log.needs_heal() {
            return Err(StorageError::DurabilityLost {
                since_lsn: log.durable_lsn(),
            });
        }
        self.slot = None;
        Ok(())
    }
}
