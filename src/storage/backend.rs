//! The disk as the engine sees it: one directory, a few names in it, and the files behind them.
//!
//! Everything the crate does to a disk goes through these two traits, so that a simulated disk can
//! stand in for the real one and crash between any two calls. Implementations: `os` (the real one),
//! `memory` (never fails, never syncs) and `sim` (a live and a durable image, faults, crashes).
//!
//! Invariants an implementation keeps:
//! 1. `write_at` may be short; it never writes past what it reports.
//! 2. What `sync_data` has confirmed survives a crash: the bytes and the length of the file.
//! 3. A name change (`create_new`, `rename`, `remove`) survives a crash only after `sync_dir`.
//! 4. `rename` is atomic: after a crash the name resolves to the old or to the new file, whole.

use std::fmt;
use std::io;
use std::sync::Arc;

/// Which file a name or a handle resolves to: device and inode, or their stand-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// The device.
    pub device: u64,
    /// The inode on it.
    pub inode: u64,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only; no lock is taken that would shut a writer out of other files.
    ReadOnly,
    /// Reading and writing.
    ReadWrite,
}

/// The directory that holds the database file and, while a compaction runs, its successor.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Opens an existing file.
    ///
    /// # Errors
    /// `NotFound` if there is none; whatever the system says otherwise.
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn StorageFile>>;

    /// Creates a file that must not exist, readable and writable by its owner only.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one; `StorageFull` and the like from the system.
    fn create_new(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;

    /// Lets `to` resolve to what `from` resolves to, atomically, and removes the name `from`.
    ///
    /// # Errors
    /// What the system says; both names are then as before.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name. The file lives on while a handle is open.
    ///
    /// # Errors
    /// `NotFound`, or what the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes every name change so far survive a crash.
    ///
    /// # Errors
    /// What the system says; then no name change since the last success may be relied on.
    fn sync_dir(&self) -> io::Result<()>;

    /// The names in the directory that start with `prefix`.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, prefix: &str) -> io::Result<Vec<String>>;

    /// What the name resolves to at this moment.
    ///
    /// # Errors
    /// `NotFound`, or what the system says.
    fn identity(&self, name: &str) -> io::Result<FileIdentity>;
}

/// An open file. All offsets and lengths are in bytes.
pub trait StorageFile: Send + Sync + fmt::Debug {
    /// Reads into `buf` from `offset`; may be short; 0 at or past the end.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes from `buf` at `offset`; may be short; extends the file.
    ///
    /// # Errors
    /// `StorageFull` and the like; a prefix may have been written.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;

    /// The file's length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn size(&self) -> io::Result<u64>;

    /// Cuts or extends (with zeros) the file.
    ///
    /// # Errors
    /// What the system says; the length is then as before.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes the file's bytes and its length survive a crash (`fdatasync`).
    ///
    /// # Errors
    /// What the system says. After a failure nothing since the last success may be relied on, and
    /// a later success proves nothing: callers never retry on the same file.
    fn sync_data(&self) -> io::Result<()>;

    /// As [`sync_data`](Self::sync_data), with the file's attributes (`fsync`).
    ///
    /// # Errors
    /// As `sync_data`.
    fn sync_all(&self) -> io::Result<()>;

    /// Asks for space in `[offset, offset + len)` without changing the length. A hint.
    ///
    /// A failure gives back what a full disk had already handed over: no write behind the end may run beside
    /// it.
    ///
    /// # Errors
    /// `StorageFull` if there is none, `Unsupported` where the system cannot.
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()>;

    /// Takes the exclusive advisory lock, or says `false` if another open file has it.
    ///
    /// # Errors
    /// What the system says.
    fn try_lock(&self) -> io::Result<bool>;

    /// Drops the system's cached copy of the file from the byte `from` on (or from a little before it),
    /// so that the next reads there come from the disk.
    ///
    /// # Errors
    /// What the system says.
    fn evict_cache(&self, from: u64) -> io::Result<()>;

    /// Which file this is.
    ///
    /// # Errors
    /// What the system says.
    fn identity(&self) -> io::Result<FileIdentity>;

    /// How many names the file has; 0 once it was removed or replaced.
    ///
    /// # Errors
    /// What the system says.
    fn links(&self) -> io::Result<u64>;

    /// Gives this file the owner, mode and extended attributes of `original`, where the system has such.
    ///
    /// # Errors
    /// What the system says.
    fn adopt_attributes(&self, original: &dyn StorageFile) -> io::Result<()>;

    /// The system's handle, for [`adopt_attributes`](Self::adopt_attributes); `None` where there is none.
    fn as_file(&self) -> Option<&std::fs::File> {
        None
    }
}
