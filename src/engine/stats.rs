//! Figures about a running database.

use std::sync::atomic::Ordering;

use super::Engine;
use crate::effect::DATABASES;
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
    /// Keys removed since the database was opened because their deadline had passed. One that a write replaces
    /// after its deadline is not among them.
    pub expired_keys: u64,
    /// The logical databases that have keys, by number.
    pub databases: Vec<DatabaseStats>,
    /// Calls that wait for something to take, as [`Db::blpop`](crate::Db::blpop) does.
    pub blocked_calls: u64,
    /// Figures of the file; `None` in memory.
    pub file: Option<FileStats>,
}

/// Figures about a logical database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DatabaseStats {
    /// Its number.
    pub index: u8,
    /// Its keys, those included that have expired and not been removed yet.
    pub keys: u64,
    /// Those with a deadline.
    pub keys_with_deadline: u64,
    /// How long keys with a deadline have left on average, in milliseconds: of one in each shard, taken by
    /// chance.
    pub ttl_ms: u64,
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

/// What is added up of a logical database.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    keys: u64,
    keys_with_deadline: u64,
    sampled: u64,
    left_ms: u64,
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
        let mut memory_bytes = 0;
        let mut databases = [Tally::default(); DATABASES as usize];
        let now_ms = self.clock.now_ms();
        for index in 0..self.slots.len() {
            let slot = self.lock_to_read(index)?;
            memory_bytes += slot.shard.memory_bytes() as u64;
            for (index, table) in slot.shard.databases() {
                let tally = &mut databases[usize::from(index)];
                tally.keys += table.keys().len() as u64;
                tally.keys_with_deadline += table.keys().with_deadline_count() as u64;
                let (random, random2) = (self.rng.next_u64(), self.rng.next_u64());
                if let Some(entry) = table.keys().random_with_deadline(random, random2) {
                    let left_ms = entry.expires_at_ms.saturating_sub(now_ms);
                    tally.sampled += 1;
                    tally.left_ms = tally.left_ms.saturating_add(left_ms);
                }
            }
        }
        let databases: Vec<DatabaseStats> = (0..DATABASES)
            .zip(databases)
            .filter(|(_, tally)| tally.keys > 0)
            .map(|(index, tally)| DatabaseStats {
                index,
                keys: tally.keys,
                keys_with_deadline: tally.keys_with_deadline,
                ttl_ms: tally.left_ms.checked_div(tally.sampled).unwrap_or(0),
            })
            .collect();
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
            keys: databases.iter().map(|database| database.keys).sum(),
            keys_with_deadline: databases
                .iter()
                .map(|database| database.keys_with_deadline)
                .sum(),
            databases,
            expired_keys: self.memory.expired_keys.load(Ordering::Relaxed),
            memory_bytes,
            max_memory_bytes: self.memory.limit(),
            evicted_keys: self.memory.evicted_keys.load(Ordering::Relaxed),
            blocked_calls: self.observers.waiters.count() as u64,
            file,
        })
    }
}
