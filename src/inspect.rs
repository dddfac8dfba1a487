//! Looking at a database file without opening it as a database: what its header says, whether every
//! byte is as it was written, and its log as a list of frames.
//!
//! For tools and for support. Nothing here takes the lock or changes the file; it may be in use.

use std::path::Path;

use crate::effect::{Effect, codec};
use crate::error::{Error, StorageError};
use crate::storage::backend::Storage;
use crate::storage::os::OsStorage;
use crate::storage::{self, BadPayload, Loader, LogEntry, LogReader};

pub use crate::storage::{CheckReport, Damage, FileInfo, FrameKind};

const UNREADABLE: &str = "the payload does not decode";

fn locate(path: &Path) -> Result<(OsStorage, String), Error> {
    let located = OsStorage::for_path(path);
    Ok(located.map_err(|error| StorageError::io("find the directory", error))?)
}

/// What the header of the file says.
///
/// # Errors
/// [`StorageError`]: `NotADatabase`, `UnsupportedVersion`, `UnsupportedFeatures`, `Corrupt` if neither
/// copy of the header serves; `Io`.
pub fn info(path: impl AsRef<Path>) -> Result<FileInfo, Error> {
    let (storage, name) = locate(path.as_ref())?;
    Ok(storage::info(&storage, &name)?)
}

/// Verifies every byte of the file: both headers, every block of the snapshot, every frame of the log,
/// and that frames hold what the engine can read. What is damaged is in the report.
///
/// # Complexity
/// O(file); memory for one block and one frame at a time.
///
/// # Errors
/// As [`info`].
pub fn check(path: impl AsRef<Path>) -> Result<CheckReport, Error> {
    check_with(path, |_done, _total| ())
}

/// As [`check`]; `progress` is told often how many bytes of the file are done, and of how many.
///
/// # Errors
/// As [`info`].
pub fn check_with(
    path: impl AsRef<Path>,
    mut progress: impl FnMut(u64, u64),
) -> Result<CheckReport, Error> {
    let (storage, name) = locate(path.as_ref())?;
    check_in(&storage, &name, &mut progress)
}

/// As [`check_with`], of a file in any storage.
pub(crate) fn check_in(
    storage: &dyn Storage,
    name: &str,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<CheckReport, Error> {
    Ok(storage::check_with(storage, name, &Decodes, progress)?)
}

/// Takes payloads that decode, and keeps nothing of them.
struct Decodes;

fn decodes(payload: &[u8]) -> Result<(), BadPayload> {
    let all = codec::decode(payload).try_for_each(|effect| effect.map(|_effect| ()));
    all.map_err(|_bad| BadPayload { what: UNREADABLE })
}

impl Loader for Decodes {
    fn begin(&self, _info: &FileInfo) -> Result<(), StorageError> {
        Ok(())
    }

    fn block(&self, _shard: u32, payload: &[u8]) -> Result<(), BadPayload> {
        decodes(payload)
    }

    fn frame(&self, _lsn: u64, _end_lsn: u64, payload: &[u8]) -> Result<(), BadPayload> {
        decodes(payload)
    }
}

/// The frames of the file's log from `from_lsn` on (0 for all that it has), in order.
///
/// # Errors
/// As [`info`]. An item is an error where the log is damaged, and the last one then.
pub fn log(path: impl AsRef<Path>, from_lsn: u64) -> Result<LogFrames, Error> {
    let (storage, name) = locate(path.as_ref())?;
    Ok(LogFrames {
        reader: storage::read_log(&storage, &name, from_lsn)?,
    })
}

/// Iterates over the frames of a log; see [`log`].
#[derive(Debug)]
pub struct LogFrames {
    reader: LogReader,
}

impl Iterator for LogFrames {
    type Item = Result<LogFrame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.reader.next()?;
        Some(entry.map(|entry| LogFrame { entry }).map_err(Error::from))
    }
}

/// One frame of a log.
#[derive(Debug, Clone)]
pub struct LogFrame {
    entry: LogEntry,
}

impl LogFrame {
    /// Its log position.
    #[must_use]
    pub fn lsn(&self) -> u64 {
        self.entry.lsn
    }

    /// The log position after it.
    #[must_use]
    pub fn end_lsn(&self) -> u64 {
        self.entry.end_lsn
    }

    /// When it was written, in milliseconds since the Unix epoch, to 10 ms; 0 if the log does not tell.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.entry.unix_ms
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.entry.kind
    }

    /// The log position that was known to be on disk when it was written.
    #[must_use]
    pub fn durable_lsn(&self) -> u64 {
        self.entry.durable_lsn
    }

    /// The changes it holds, in order.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if they do not decode.
    pub fn effects(&self) -> Result<Vec<Effect<'_>>, Error> {
        if self.entry.kind != FrameKind::Data {
            return Ok(Vec::new());
        }
        let effects: Result<_, _> = codec::decode(&self.entry.payload).collect();
        Ok(effects.map_err(|_bad| StorageError::Corrupt {
            offset: 0,
            lsn: Some(self.entry.lsn),
            what: UNREADABLE,
        })?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::{OpenOptions, Stamp, Store};

    #[test]
    fn a_frame_that_verifies_and_does_not_decode_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.nacre");
        let (storage, name) = OsStorage::for_path(&path).unwrap();
        let options = OpenOptions::new(Stamp {
            unix_ms: 1,
            random: [7; 32],
        });
        let (store, _) = Store::open(Arc::new(storage), &name, &options, &Decodes).unwrap();
        let mut good = Vec::new();
        codec::encode(&Effect::KeysClear, &mut good);
        let good = store.log().append(2, 1, &good).unwrap();
        store.log().append(2, 1, b"\xffnonsense").unwrap();
        store.close(3).unwrap();
        drop(store);

        let mut seen = 0;
        let report = check_with(&path, |done, total| {
            assert!(seen <= done && done <= total);
            seen = done;
        });
        let report = report.unwrap();
        assert_eq!((report.damage_count, report.frames), (1, 2));
        assert_eq!(report.damage[0].lsn, Some(good.end_lsn));
        assert_eq!(report.damage[0].what, UNREADABLE);
        assert_eq!(seen, report.file_bytes);
    }
}
