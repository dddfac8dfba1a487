//! Writing a whole new file under a temporary name: for creation, compaction, healing and copies.
//!
//! Called by `open` (an empty database) and `compact`. Invariants:
//! 1. The file is made new, locked at once, and its header area stays zero until the rest is
//!    complete: before that it is no database to anyone.
//! 2. `complete` syncs everything before `publish` renames; what is published verifies.
//! 3. After a failed write or sync the writer refuses everything: such a file is never used.
//! 4. Whatever fails, dropping the writer removes the temporary name.
//!
//! It does not touch the file that it will replace.

use std::io;
use std::sync::Arc;

use super::backend::{Access, Storage, StorageFile};
use super::block::{BlockEntry, read_index, seal_block, seal_snapshot};
use super::bytes::{round_up, write_all_at, write_error, zeroed};
use super::frame::{FRAME_HEADER_LEN, FrameHeader, reseal};
use super::header::{Header, SECTION_ALIGN, SNAPSHOT_OFFSET, choose};
use super::open::read_headers;
use super::registry::{OwnerProcess, register};
use super::scan::Layout;
use crate::error::StorageError;

/// Written at once.
const CHUNK: usize = if cfg!(miri) { 4096 } else { 1 << 20 };
/// Synced at least this often, so that the last sync is short.
const SYNC_EVERY: u64 = 32 << 20;

/// A file that has no name of its own yet.
#[derive(Debug)]
pub(super) struct FileWriter {
    storage: Arc<dyn Storage>,
    temp: String,
    file: Arc<dyn StorageFile>,
    header: Header,
    seed: u32,
    out: Vec<u8>,
    out_at: u64,
    synced_to: u64,
    reserved_to: u64,
    blocks: Vec<BlockEntry>,
    next_lsn: u64,
    prev_crc: u32,
    published: bool,
    failed: bool,
    owner: OwnerProcess,
}

/// The start of every temporary name that belongs to the database `name`.
pub(super) fn temp_prefix(name: &str) -> String {
    format!(".{name}.compact-")
}

/// Removes temporary files that a crash left behind: those whose lock is free.
pub(super) fn remove_stale(storage: &dyn Storage, name: &str) -> u64 {
    let mut removed = 0;
    for temp in storage.list(&temp_prefix(name)).unwrap_or_default() {
        let free = storage
            .open(&temp, Access::ReadWrite)
            .is_ok_and(|file| file.try_lock().unwrap_or(false));
        if free && storage.remove(&temp).is_ok() {
            removed += 1;
        }
    }
    removed
}

impl FileWriter {
    /// Creates the file. `original` lends its attributes; `estimate` bytes are asked for.
    pub(super) fn create(
        storage: Arc<dyn Storage>,
        name: &str,
        header: Header,
        original: Option<&dyn StorageFile>,
        estimate: u64,
    ) -> Result<Self, StorageError> {
        let mut temp = temp_prefix(name);
        for byte in &header.file_id[..8] {
            temp.push_str(&format!("{byte:02x}"));
        }
        let file = storage
            .create_new(&temp)
            .map_err(|error| write_error("create", error))?;
        let file = match register(file) {
            Ok(file) => file,
            Err(error) => {
                let _ = storage.remove(&temp);
                return Err(error);
            }
        };
        let seed = header.seed();
        let writer = Self {
            storage,
            temp,
            file,
            seed,
            out: Vec::new(),
            out_at: SNAPSHOT_OFFSET,
            synced_to: 0,
            reserved_to: 0,
            blocks: Vec::new(),
            next_lsn: header.base_lsn,
            prev_crc: seed,
            published: false,
            failed: false,
            owner: OwnerProcess::current(),
            header,
        };
        // From here on a failure drops the writer, which removes the name.
        writer.prepare(original, estimate)
    }

    fn prepare(
        mut self,
        original: Option<&dyn StorageFile>,
        estimate: u64,
    ) -> Result<Self, StorageError> {
        if let Some(original) = original {
            self.file.adopt_attributes(original).map_err(|error| {
                StorageError::CompactionBlocked {
                    reason: format!("owner and mode of the file cannot be kept: {error}").into(),
                }
            })?;
        }
        if estimate > 0 {
            match self.file.allocate(0, estimate) {
                Ok(()) => self.reserved_to = estimate,
                Err(error) if super::bytes::is_full(&error) => {
                    return Err(StorageError::DiskFull);
                }
                Err(_) => {}
            }
        }
        Ok(self)
    }

    pub(super) fn file(&self) -> &Arc<dyn StorageFile> {
        &self.file
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn layout(&self) -> Layout {
        Layout::of(&self.header)
    }

    /// LSN after the last frame.
    pub(super) fn end_lsn(&self) -> u64 {
        self.next_lsn
    }

    /// Checksum of the last frame.
    pub(super) fn last_crc(&self) -> u32 {
        self.prev_crc
    }

    /// File position of the next byte.
    fn position(&self) -> u64 {
        self.out_at + self.out.len() as u64
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        if bytes.len() >= CHUNK {
            self.flush()?;
            write_all_at(self.file.as_ref(), bytes, self.out_at)
                .map_err(|(_, error)| self.fail("write", error))?;
            self.out_at += bytes.len() as u64;
            return Ok(());
        }
        self.out.extend_from_slice(bytes);
        if self.out.len() >= CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    /// Notes a failure: what the file holds from here on is not known.
    fn fail(&mut self, op: &'static str, error: io::Error) -> StorageError {
        self.failed = true;
        write_error(op, error)
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        if self.failed {
            return Err(StorageError::Poisoned {
                what: "the new file was given up after an error".into(),
            });
        }
        write_all_at(self.file.as_ref(), &self.out, self.out_at)
            .map_err(|(_, error)| self.fail("write", error))?;
        self.out_at += self.out.len() as u64;
        self.out.clear();
        Ok(())
    }

    /// Adds a block to the snapshot. Answers how many bytes it takes in the file.
    pub(super) fn write_block(
        &mut self,
        shard: u32,
        entries: u32,
        payload: &[u8],
    ) -> Result<u64, StorageError> {
        super::log::Log::check_payload(payload.len() as u64)?;
        let number = u32::try_from(self.blocks.len())
            .ok()
            .filter(|number| *number < u32::MAX)
            .ok_or(StorageError::TooLarge {
                bytes: u64::from(u32::MAX) + 1,
                limit: u64::from(u32::MAX),
            })?;
        let (header, entry) =
            seal_block(self.seed, self.position(), number, shard, entries, payload);
        self.put(&header)?;
        self.put(payload)?;
        self.put(&[0; 8][..payload.len().wrapping_neg() % 8])?;
        self.blocks.push(entry);
        if self.out_at - self.synced_to >= SYNC_EVERY {
            self.sync_so_far()?;
        }
        Ok(entry.stored_len())
    }

    /// Ends the snapshot; the log starts behind it.
    pub(super) fn seal_snapshot(&mut self) -> Result<(), StorageError> {
        let tail = seal_snapshot(
            self.seed,
            self.header.base_lsn,
            &self.blocks,
            self.position(),
        );
        self.blocks = Vec::new();
        self.put(&tail)?;
        let end = self.position();
        self.header.snapshot_len = end - SNAPSHOT_OFFSET;
        self.header.log_off = round_up(end, SECTION_ALIGN).unwrap_or(u64::MAX);
        let gap = zeroed((self.header.log_off - end) as usize)?;
        self.put(&gap)
    }

    /// Adds a frame of another file, at its own LSN. The frame must be the next one.
    pub(super) fn write_frame(
        &mut self,
        frame: &mut [u8],
        durable_lsn: u64,
    ) -> Result<(), StorageError> {
        let header = FrameHeader::decode(frame);
        if header.lsn != self.next_lsn {
            return Err(StorageError::Poisoned {
                what: "a compaction's frames do not follow its snapshot".into(),
            });
        }
        self.prev_crc = reseal(frame, self.seed, self.prev_crc, durable_lsn);
        self.put(frame)?;
        self.next_lsn += frame.len() as u64;
        Ok(())
    }

    /// Adds every frame of `frames` (whole, verified, the next ones).
    pub(super) fn write_frames(
        &mut self,
        frames: &mut [u8],
        durable_lsn: u64,
    ) -> Result<(), StorageError> {
        let mut rest = frames;
        while rest.len() >= FRAME_HEADER_LEN {
            let len = FrameHeader::decode(rest).frame_len() as usize;
            let (frame, behind) = rest.split_at_mut(len);
            self.write_frame(frame, durable_lsn)?;
            rest = behind;
        }
        Ok(())
    }

    /// Notes what this file continues.
    pub(super) fn set_parent(&mut self, id: [u8; 16], end_lsn: u64) {
        self.header.parent_id = id;
        self.header.parent_end_lsn = end_lsn;
    }

    /// Syncs what was written so far, so that the sync in `complete` is short.
    pub(super) fn sync_so_far(&mut self) -> Result<(), StorageError> {
        self.flush()?;
        self.file
            .sync_data()
            .map_err(|error| self.fail("sync", error))?;
        self.synced_to = self.out_at;
        Ok(())
    }

    /// Writes the headers, syncs, reads headers and footer back.
    pub(super) fn complete(&mut self) -> Result<(), StorageError> {
        self.flush()?;
        let copy = self.header.encode();
        let both = [copy.as_slice(), copy.as_slice()].concat();
        write_all_at(self.file.as_ref(), &both, 0)
            .map_err(|(_, error)| self.fail("write", error))?;
        if self.reserved_to > self.out_at {
            self.file
                .set_len(self.out_at)
                .map_err(|error| self.fail("truncate", error))?;
        }
        if !cfg!(nacre_bug = "rename_before_sync") {
            self.file
                .sync_all()
                .map_err(|error| self.fail("sync", error))?;
        }
        let (a, b) = read_headers(self.file.as_ref())?;
        let (header, damaged) = choose(&a, &b)?;
        if header != self.header || damaged.a || damaged.b {
            return Err(super::header::corrupt(
                0,
                "the new file's headers read back differently",
            ));
        }
        read_index(self.file.as_ref(), &self.header).map(|_| ())
    }

    /// Gives the file its name. On failure the old name stands and the temporary one goes.
    pub(super) fn publish(&mut self, name: &str) -> io::Result<()> {
        if let Err(error) = self.storage.rename(&self.temp, name) {
            // A rename can report a failure after it happened: the name tells.
            let named = self.storage.identity(name);
            if !named.is_ok_and(|named| self.file.identity().is_ok_and(|own| own == named)) {
                return Err(error);
            }
        }
        self.published = true;
        if cfg!(nacre_bug = "rename_before_sync") {
            self.file.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        // A forked child's copy is not the child's to remove.
        if !self.published && self.owner.check().is_ok() {
            // Best effort: what stays is removed by the next open.
            let _ = self.storage.remove(&self.temp);
        }
    }
}
