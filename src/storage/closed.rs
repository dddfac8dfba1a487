//! The file behind a closed log: none. It takes the real file's place when a log closes, so that the
//! lock is released then and not with the last handle.

use std::io;

use super::backend::{FileIdentity, StorageFile};

/// Refuses everything.
#[derive(Debug)]
pub(super) struct ClosedFile;

fn closed<T>() -> io::Result<T> {
    Err(io::Error::new(
        io::ErrorKind::NotConnected,
        "the database is closed",
    ))
}

impl StorageFile for ClosedFile {
    fn read_at(&self, _buf: &mut [u8], _offset: u64) -> io::Result<usize> {
        closed()
    }

    fn write_at(&self, _buf: &[u8], _offset: u64) -> io::Result<usize> {
        closed()
    }

    fn size(&self) -> io::Result<u64> {
        closed()
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        closed()
    }

    fn sync_data(&self) -> io::Result<()> {
        closed()
    }

    fn sync_all(&self) -> io::Result<()> {
        closed()
    }

    fn allocate(&self, _offset: u64, _len: u64) -> io::Result<()> {
        closed()
    }

    fn try_lock(&self) -> io::Result<bool> {
        closed()
    }

    fn evict_cache(&self, _from: u64) -> io::Result<()> {
        closed()
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        closed()
    }

    fn links(&self) -> io::Result<u64> {
        closed()
    }

    fn adopt_attributes(&self, _original: &dyn StorageFile) -> io::Result<()> {
        closed()
    }
}
