//! The moment when the log changes files.
//!
//! Called by `compact` at the end of a compaction or a heal. Invariants:
//! 1. At every point the file that the name resolves to holds every acknowledged frame. Frames that
//!    are not in the old file yet are acknowledged to nobody but `Buffered` commits.
//! 2. From the rename until the directory is synced nothing is acknowledged as durable.
//! 3. Appends go on: `state` is held for copies in memory only. What is appended meanwhile is sealed
//!    for the old file and resealed when the swap has succeeded; if it fails, nothing has to be undone.
//! 4. A poisoned file's frames are not read back: what it wrote must be in the snapshot already.
//!
//! It never touches the old file's bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Stamp;
use super::backend::{Storage, StorageFile};
use super::file_writer::FileWriter;
use super::frame::{
    FRAME_HEADER_LEN, FrameHeader, FrameKind, OPEN_PAYLOAD_LEN, Place, frame_len, open_payload,
    push_frame, reseal,
};
use super::log::{Io, Log};
use super::scan::{FrameScanner, Layout, Step};
use crate::error::StorageError;

/// Copies the frames in `[writer.end_lsn(), to_lsn)` from a file into the new one.
pub(super) fn copy_frames(
    file: &Arc<dyn StorageFile>,
    layout: Layout,
    to_lsn: u64,
    writer: &mut FileWriter,
) -> Result<(), StorageError> {
    let from_lsn = writer.end_lsn();
    if from_lsn >= to_lsn {
        return Ok(());
    }
    let durable = writer.header().base_lsn;
    let mut scanner = FrameScanner::between(file, layout, from_lsn, to_lsn);
    loop {
        let at = scanner.lsn();
        match scanner.step()? {
            Step::Frame(frame) => writer.write_frame(frame.bytes, durable)?,
            Step::End => return Ok(()),
            Step::Bad(what) => return Err(layout.corrupt(at, what)),
        }
    }
}

/// What stands in the way of replacing `name` by another file, if anything.
pub(super) fn obstacle(
    storage: &dyn Storage,
    name: &str,
    file: &dyn StorageFile,
) -> Result<(), StorageError> {
    let blocked = |reason: String| StorageError::CompactionBlocked {
        reason: reason.into(),
    };
    let links = file
        .links()
        .map_err(|error| StorageError::io("stat", error))?;
    if links > 1 {
        return Err(blocked(format!(
            "the file has {links} names; a swap would leave the others behind"
        )));
    }
    let ours = file
        .identity()
        .map_err(|error| StorageError::io("stat", error))?;
    match storage.identity(name) {
        Ok(identity) if identity == ours => Ok(()),
        Ok(_) => Err(blocked("another file stands under the name".to_owned())),
        Err(error) => Err(blocked(format!(
            "the file's name cannot be looked up: {error}"
        ))),
    }
}

impl Log {
    /// Lets the log go on in the file that `writer` has prepared up to some frame boundary.
    /// Answers the old file, to be closed when no lock is held.
    ///
    /// # Errors
    /// Any failure before the rename leaves the old file in place and the log as it was. A failed
    /// sync of the directory is no error here: the new file is in place then, and poisoned.
    pub(super) fn hand_over(
        &self,
        writer: &mut FileWriter,
        storage: &dyn Storage,
        name: &str,
        parent_id: [u8; 16],
        stamp: &Stamp,
    ) -> Result<Arc<dyn StorageFile>, StorageError> {
        let _role = self.take_role();
        let mut io = self.io.lock();
        if self.is_closed() {
            return Err(StorageError::Closed);
        }
        let (at, time_ms) = {
            let mut state = self.state.lock();
            io.take(&mut state);
            let at = state.end_lsn;
            let time_ms = state.time_ms.max(stamp.unix_ms);
            state.time_ms = time_ms;
            // Holds the place of the new file's OPEN frame; written to the old one on failure.
            let payload = open_payload(&stamp.epoch(), at, 0, time_ms);
            let durable = self.durable.load(Ordering::Relaxed);
            state.push(FrameKind::Open, 0, durable, &payload);
            self.end.store(state.end_lsn, Ordering::Release);
            (at, time_ms)
        };
        self.copy_rest(&io, writer, at)?;
        write_open(writer, at, time_ms, stamp)?;
        writer.set_parent(parent_id, at);
        writer.complete()?;
        obstacle(storage, name, io.file.as_ref())?;
        if let Err(error) = writer.publish(name) {
            let reason = format!("the new file cannot take the name: {error}").into();
            if obstacle(storage, name, io.file.as_ref()).is_err() {
                // Nobody knows which file the name means now.
                self.poison(error);
            }
            return Err(StorageError::CompactionBlocked { reason });
        }
        let dir = if cfg!(nacre_bug = "ack_before_dirsync") {
            Ok(())
        } else {
            storage.sync_dir()
        };
        let old = self.swap(&mut io, writer);
        match dir {
            Ok(()) => {
                self.durable.fetch_max(writer.end_lsn(), Ordering::AcqRel);
                self.recovered();
            }
            Err(error) => self.poison(error),
        }
        Ok(old)
    }

    /// The frames between what the writer has and `at`: from the old file, then from memory.
    fn copy_rest(&self, io: &Io, writer: &mut FileWriter, at: u64) -> Result<(), StorageError> {
        let written = self.written.load(Ordering::Relaxed);
        if self.needs_heal() && writer.end_lsn() < written {
            return Err(StorageError::DurabilityLost {
                since_lsn: self.durable_lsn(),
            });
        }
        copy_frames(&io.file, io.layout, written, writer)?;
        let skip = writer.end_lsn() - written;
        let Some(rest) = io.out.get(skip as usize..) else {
            return Err(out_of_step());
        };
        let durable = writer.header().base_lsn;
        writer.write_frames(&mut rest.to_vec(), durable)?;
        if writer.end_lsn() != at {
            return Err(out_of_step());
        }
        Ok(())
    }

    /// Puts the new file below the log; everything in `writer` counts as written.
    fn swap(&self, io: &mut Io, writer: &FileWriter) -> Arc<dyn StorageFile> {
        let layout = writer.layout();
        let end_lsn = writer.end_lsn();
        let mut state = self.state.lock();
        state
            .buf
            .drain(..frame_len(OPEN_PAYLOAD_LEN as u32) as usize);
        let mut prev_crc = writer.last_crc();
        let mut rest = state.buf.as_mut_slice();
        while rest.len() >= FRAME_HEADER_LEN {
            let len = FrameHeader::decode(rest).frame_len() as usize;
            let (frame, behind) = rest.split_at_mut(len);
            prev_crc = reseal(frame, layout.seed, prev_crc, end_lsn);
            rest = behind;
        }
        state.prev_crc = prev_crc;
        state.seed = layout.seed;
        state.unsynced_since_ms = None;
        io.out.clear();
        io.layout = layout;
        io.reserved_to = 0;
        self.written.store(end_lsn, Ordering::Release);
        self.set_base(layout.base_lsn);
        std::mem::replace(&mut io.file, Arc::clone(writer.file()))
    }
}

fn out_of_step() -> StorageError {
    StorageError::Poisoned {
        what: "the compaction's snapshot does not end at a frame of the log".into(),
    }
}

/// The OPEN frame of the new file. Whoever sees it sees a file that was synced up to it.
fn write_open(
    writer: &mut FileWriter,
    at: u64,
    time_ms: u64,
    stamp: &Stamp,
) -> Result<(), StorageError> {
    let mut frame = Vec::new();
    let place = Place {
        seed: 0,
        lsn: at,
        prev_crc: 0,
        durable_lsn: at,
    };
    let payload = open_payload(&stamp.epoch(), at, 0, time_ms);
    push_frame(&mut frame, place, FrameKind::Open, 0, &payload);
    writer.write_frame(&mut frame, at)
}
