//! The log as a list of frames, for people: `nacre log`.
//!
//! Called by tools. Invariants: reads only; every entry verified; stops at the first frame that does
//! not, saying whether that is a torn tail (the end) or damage (an error).

use super::backend::{Access, Storage};
use super::frame::{FrameKind, frame_time};
use super::open::{accept_headers, refuse_rot};
use super::scan::{FrameScanner, Layout, Step};
use crate::error::StorageError;

/// One frame of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// Its LSN.
    pub lsn: u64,
    /// The LSN after it.
    pub end_lsn: u64,
    /// The time when it was written, to 10 ms; 0 if the log does not tell.
    pub unix_ms: u64,
    /// What it is.
    pub kind: FrameKind,
    /// How many operations the engine counted in it.
    pub ops: u16,
    /// What was known to be synced when it was written.
    pub durable_lsn: u64,
    /// The engine's bytes (of a DATA frame).
    pub payload: Vec<u8>,
}

/// Iterates over the frames of a file.
#[derive(Debug)]
pub struct LogReader {
    scanner: FrameScanner,
    file: std::sync::Arc<dyn super::backend::StorageFile>,
    layout: Layout,
    size: u64,
    from_lsn: u64,
    time_ms: u64,
    done: bool,
}

/// The frames of a file from `from_lsn` on (0: all that the file has). The file may be in use.
///
/// # Errors
/// `Io`, `NotADatabase` and the like, as for an open.
pub fn read_log(
    storage: &dyn Storage,
    name: &str,
    from_lsn: u64,
) -> Result<LogReader, StorageError> {
    let file = storage
        .open(name, Access::ReadOnly)
        .map_err(|error| StorageError::io("open", error))?;
    let (header, _) = accept_headers(file.as_ref())?;
    let size = file
        .size()
        .map_err(|error| StorageError::io("stat", error))?;
    header.check_ranges(size)?;
    let layout = Layout::of(&header);
    Ok(LogReader {
        scanner: FrameScanner::new(&file, layout, size),
        file,
        layout,
        size,
        from_lsn,
        time_ms: 0,
        done: false,
    })
}

impl LogReader {
    fn read(&mut self) -> Result<Option<LogEntry>, StorageError> {
        loop {
            let bad = match self.scanner.step()? {
                Step::End => return Ok(None),
                Step::Bad(_) => true,
                Step::Frame(frame) => {
                    let payload = frame.payload();
                    if let Some(time) = frame_time(frame.header.kind, payload) {
                        self.time_ms = time;
                    }
                    let kind = FrameKind::from_u8(frame.header.kind);
                    if let Some(kind) = kind
                        && frame.header.lsn >= self.from_lsn
                    {
                        return Ok(Some(LogEntry {
                            lsn: frame.header.lsn,
                            end_lsn: frame.end_lsn(),
                            unix_ms: self.time_ms,
                            kind,
                            ops: frame.header.ops,
                            durable_lsn: frame.header.durable_lsn,
                            payload: payload.to_vec(),
                        }));
                    }
                    false
                }
            };
            if bad {
                let at = self.layout.position(self.scanner.lsn());
                refuse_rot(self.file.as_ref(), self.layout, at, self.size)?;
                return Ok(None);
            }
        }
    }
}

impl Iterator for LogReader {
    type Item = Result<LogEntry, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let entry = self.read();
        self.done = !matches!(entry, Ok(Some(_)));
        entry.transpose()
    }
}
