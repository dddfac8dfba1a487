//! Figures about a running database.

use std::sync::atomic::Ordering;

use super::Engine;
use crate::error::StorageError;
use crate::storage::LogStats;

/// Figures about a running database, as of one moment. [`Db::stats`](crate::Db::stats) returns it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stats {
    /// Keys of all databases, those included that have expired and not been removed yet.
    pub keys: u64,
    /// Keys with a deadline.
    pub keys_with_deadline: u64,
    /// Bytes that keys and values of all databases take, as if nothing were shared with a snapshot or
    /// a branch: pages with the room they keep free, and everything below values. What a snapshot keeps
    /// beside that is [`Snapshot::pinned_bytes`](crate::Snapshot::pinned_bytes).
    pub memory_bytes: u64,
    /// How many they may take; `None` for any number.
    pub max_memory_bytes: Option<u64>,
    /// Keys evicted since the database was opened.
    pub evicted_keys: u64,
    /// Calls that wait for something to take, as [`Db::blpop`](crate::Db::blpop) does.
    pub blocked_calls: u64,
    /// Figures of the file; `None` in memory.
    pub file: Option<FileStats>,
}

/// Figures about the file of a running database.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileStats {
    /// Bytes before the log: headers and sealed snapshot.
    pub snapshot_bytes: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// The log position after the last change.
    pub end_lsn: u64,
    /// Everything before this log position is in the file.
    pub written_lsn: u64,
    /// Everything before this log position survives a power cut.
    pub durable_lsn: u64,
    /// Compactions finished since the file was opened.
    pub compactions: u64,
    /// Why the last compaction failed, if it did.
    pub compaction_error: Option<StorageError>,
    /// A sync failed, and the state is being written to a new file.
    pub healing: bool,
    /// What the appender counted.
    pub log: LogStats,
}

impl Engine {
    /// Compactions finished since the file was opened.
    #[cfg(feature = "server")]
    pub(crate) fn compactions(&self) -> u64 {
        self.compactor.done()
    }

    /// Figures as of now. Locks every shard for a moment, one after the other.
    pub(crate) fn stats(&self) -> Result<Stats, StorageError> {
        self.check_readable()?;
        let (mut keys, mut keys_with_deadline, mut memory_bytes) = (0, 0, 0);
        for index in 0..self.slots.len() {
            let slot = self.lock_to_read(index)?;
            memory_bytes += slot.shard.memory_bytes() as u64;
            for table in slot.shard.tables() {
                keys += table.keys().len() as u64;
                keys_with_deadline += table.keys().with_deadline_count() as u64;
            }
        }
        let file = self.store().map(|store| {
            let log = store.log();
            FileStats {
                snapshot_bytes: store.info().log_offset,
                log_bytes: log.log_bytes(),
                end_lsn: log.end_lsn(),
                written_lsn: log.written_lsn(),
                durable_lsn: log.durable_lsn(),
                compactions: self.compactor.done(),
                compaction_error: self.compactor.last_error(),
                healing: log.needs_heal(),
                log: log.stats(),
            }
        });
        Ok(Stats {
            keys,
            keys_with_deadline,
            memory_bytes,
            max_memory_bytes: self.memory.limit(),
            evicted_keys: self.memory.evicted_keys.load(Ordering::Relaxed),
            blocked_calls: self.observers.waiters.count() as u64,
            file,
        })
    }
}
