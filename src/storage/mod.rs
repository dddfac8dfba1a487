//! Bytes in the one file: headers, sealed snapshot, append log, recovery, the swap of a compaction.
//!
//! Called by `engine` (and, for `check`, `info` and `read_log`, by tools). Payloads are opaque here:
//! this module knows frames and blocks, not keys. docs/file-format.md describes the bytes,
//! docs/durability.md what is promised when.
//!
//! Invariants:
//! 1. Nothing that was synced is ever overwritten: headers and snapshot are written once, the log
//!    grows, and only an unsynced tail is cut.
//! 2. All I/O goes through `backend`; time and randomness come in with a [`Stamp`].
//! 3. No thread is started except while the snapshot is loaded.

pub mod backend;
mod block;
mod bytes;
mod check;
mod closed;
mod compact;
mod file_writer;
mod frame;
mod handover;
mod header;
mod load;
mod log;
pub mod memory;
mod open;
pub mod os;
mod reader;
pub(crate) mod registry;
mod scan;
pub mod sim;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;

use crate::error::StorageError;
use backend::Storage;
use header::Header;

pub use check::{CheckReport, Damage, OnChecked, check, check_with, info};
pub use compact::{Compaction, CompactionPlan, CompactionReport};
pub use frame::{FrameKind, MAX_PAYLOAD_LEN};
pub use header::AppBytes;
pub use load::{BadPayload, Loader};
pub use log::{Ack, Appended, Log, LogLimits, LogStats};
pub use open::{OpenOptions, OpenReport};
pub use reader::{LogEntry, LogReader, read_log};

/// The time, and random bytes that were never used before: what a new file or a new session of
/// writing is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Milliseconds since 1970.
    pub unix_ms: u64,
    /// Fresh for every open, compaction and copy.
    pub random: [u8; 32],
}

impl Stamp {
    fn file_id(&self) -> [u8; 16] {
        let mut id = [0; 16];
        id.copy_from_slice(&self.random[..16]);
        id
    }

    fn salt(&self) -> u64 {
        bytes::u64_at(&self.random, 16)
    }

    fn epoch(&self) -> [u8; 16] {
        let mut epoch = [0; 16];
        epoch.copy_from_slice(&self.random[16..]);
        epoch
    }
}

/// What a file's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// Format version, major and minor.
    pub version: (u16, u16),
    /// Identifies the file; every compaction and copy gets a new one.
    pub file_id: [u8; 16],
    /// When the file was made.
    pub created_ms: u64,
    /// The snapshot holds everything before this LSN; the log starts here.
    pub base_lsn: u64,
    /// Length of the snapshot with its index and footer.
    pub snapshot_bytes: u64,
    /// Where the log starts in the file.
    pub log_offset: u64,
    /// The file that this one continues; zeros if none.
    pub parent_id: [u8; 16],
    /// Up to where it continues it.
    pub parent_end_lsn: u64,
    /// The engine's bytes.
    pub app: AppBytes,
    /// The program that wrote it.
    pub writer: String,
    /// Feature words: compat, ro_compat, incompat.
    pub features: (u64, u64, u64),
}

impl FileInfo {
    fn of(header: &Header) -> Self {
        Self {
            version: (header::MAJOR, header.minor),
            file_id: header.file_id,
            created_ms: header.created_ms,
            base_lsn: header.base_lsn,
            snapshot_bytes: header.snapshot_len,
            log_offset: header.log_off,
            parent_id: header.parent_id,
            parent_end_lsn: header.parent_end_lsn,
            app: header.app,
            writer: header.writer.clone(),
            features: (header.compat, header.ro_compat, header.incompat),
        }
    }
}

/// An open database file.
#[derive(Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    storage: Arc<dyn Storage>,
    name: String,
    read_only: bool,
    log: Log,
    header: Mutex<Header>,
    compacting: AtomicBool,
}

impl Store {
    /// Opens a file, or makes it, and hands its content to `loader`.
    ///
    /// # Errors
    /// `NotADatabase`, `UnsupportedVersion`, `UnsupportedFeatures`, `Corrupt`: the file was not
    /// modified. `Locked`, `AlreadyOpen`. `DiskFull` and `Io` from the system; also from `loader`.
    pub fn open(
        storage: Arc<dyn Storage>,
        name: &str,
        options: &OpenOptions,
        loader: &dyn Loader,
    ) -> Result<(Self, OpenReport), StorageError> {
        let opened = open::open(&storage, name, options, loader)?;
        let inner = Inner {
            storage,
            name: name.to_owned(),
            read_only: options.read_only,
            log: opened.log,
            header: Mutex::new(opened.header),
            compacting: AtomicBool::new(false),
        };
        let store = Self {
            inner: Arc::new(inner),
        };
        Ok((store, opened.report))
    }

    /// The append log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.inner.log
    }

    /// What the file's header says.
    #[must_use]
    pub fn info(&self) -> FileInfo {
        FileInfo::of(&self.inner.header.lock())
    }

    /// Flushes, syncs, marks the file as cleanly closed. See [`Log::close`].
    ///
    /// # Errors
    /// As [`Log::close`].
    pub fn close(&self, now_ms: u64) -> Result<(), StorageError> {
        self.inner.log.close(now_ms)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Best effort: what is not marked as clean is examined by the next open.
        self.inner.log.close_at_last_time();
    }
}
