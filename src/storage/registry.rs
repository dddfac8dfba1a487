//! Who may use a file: one opener in the world, one in the process, and no forked child.
//!
//! Called by recovery and compaction, which get every file they write through [`open_locked`] or
//! [`register`].
//!
//! Invariants:
//! 1. While a file returned here lives, no other call of this process gets the same device and inode.
//! 2. A file returned by [`open_locked`] is locked, and was what its name resolved to after the lock was
//!    taken.
//! 3. A forked child neither writes nor syncs nor cuts through a file that its parent opened, and its drop
//!    leaves the parent's lock and entry alone.
//!
//! It must not unlock explicitly: the lock belongs to the open file, which a forked child shares.

use super::backend::{Access, FileIdentity, Storage, StorageFile};
use crate::error::StorageError;
use crate::sys::fork::process_token;
use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::sync::Arc;

/// How often the name may turn out to resolve to another file before opening gives up.
const ATTEMPTS: usize = 16;

/// The files that this process has open for writing. A vector: there are few.
static OPEN_FILES: Mutex<Vec<FileIdentity>> = Mutex::new(Vec::new());

/// The process that created a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnerProcess {
    token: u64,
}

impl OwnerProcess {
    /// The calling process.
    pub(crate) fn current() -> Self {
        Self {
            token: process_token(),
        }
    }

    /// Refuses in a forked child. Costs two loads on Linux, a `getpid` call elsewhere.
    ///
    /// # Errors
    /// `ForkedHandle` if this is another process than the one that made the token.
    pub(crate) fn check(self) -> Result<(), StorageError> {
        if self == Self::current() {
            Ok(())
        } else {
            Err(StorageError::ForkedHandle)
        }
    }
}

/// What a file's write calls answer in a forked child.
#[derive(Debug)]
struct Forked;

impl fmt::Display for Forked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        StorageError::ForkedHandle.fmt(f)
    }
}

impl std::error::Error for Forked {}

/// An entry in the table of open files; leaves it when dropped.
#[derive(Debug)]
struct Registration {
    identity: FileIdentity,
    owner: OwnerProcess,
}

impl Registration {
    fn new(identity: FileIdentity) -> Result<Self, StorageError> {
        let mut open = OPEN_FILES.lock();
        if open.contains(&identity) {
            return Err(StorageError::AlreadyOpen);
        }
        open.push(identity);
        Ok(Self {
            identity,
            owner: OwnerProcess::current(),
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // In a child the table may have been copied while another thread held its lock.
        if self.owner.check().is_ok() {
            OPEN_FILES.lock().retain(|known| *known != self.identity);
        }
    }
}

/// A file that stands in the table. Fields drop in order: the lock goes before the entry, so that whoever
/// finds no entry finds no lock either.
#[derive(Debug)]
struct RegisteredFile {
    file: Arc<dyn StorageFile>,
    registration: Registration,
}

impl RegisteredFile {
    fn own(&self) -> io::Result<&dyn StorageFile> {
        match self.registration.owner.check() {
            Ok(()) => Ok(self.file.as_ref()),
            Err(_) => Err(io::Error::new(io::ErrorKind::PermissionDenied, Forked)),
        }
    }
}

impl StorageFile for RegisteredFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.own()?.write_at(buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.own()?.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.own()?.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.own()?.sync_all()
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.own()?.allocate(offset, len)
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.own()?.try_lock()
    }

    fn evict_cache(&self, from: u64) -> io::Result<()> {
        self.file.evict_cache(from)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(self.registration.identity)
    }

    fn links(&self) -> io::Result<u64> {
        self.file.links()
    }

    fn adopt_attributes(&self, original: &dyn StorageFile) -> io::Result<()> {
        self.own()?.adopt_attributes(original)
    }

    fn as_file(&self) -> Option<&std::fs::File> {
        self.file.as_file()
    }
}

/// Enters a file in the table and locks it: for files that this process has just created.
///
/// # Errors
/// `AlreadyOpen` if this process has the file, `Locked` if another has; `Io`.
pub(crate) fn register(file: Arc<dyn StorageFile>) -> Result<Arc<dyn StorageFile>, StorageError> {
    let identity = file
        .identity()
        .map_err(|error| StorageError::io("stat", error))?;
    let registration = Registration::new(identity)?;
    match file.try_lock() {
        Ok(true) => Ok(Arc::new(RegisteredFile { file, registration })),
        Ok(false) => Err(StorageError::Locked),
        Err(error) => Err(StorageError::io("lock", error)),
    }
}

/// Opens the file that `name` resolves to, for reading and writing, locked and entered in the table.
///
/// The lock is taken on the file that was opened; if meanwhile a compaction gave the name to another file,
/// the lock is worth nothing and opening starts again.
///
/// # Errors
/// `AlreadyOpen` if this process has the file, `Locked` if another has or if the name kept changing; `Io`.
pub(crate) fn open_locked(
    storage: &dyn Storage,
    name: &str,
) -> Result<Arc<dyn StorageFile>, StorageError> {
    for _ in 0..ATTEMPTS {
        let file = storage
            .open(name, Access::ReadWrite)
            .map_err(|error| StorageError::io("open", error))?;
        let file = register(file)?;
        let opened = file
            .identity()
            .map_err(|error| StorageError::io("stat", error))?;
        match storage.identity(name) {
            Ok(named) if named == opened => return Ok(file),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StorageError::io("stat", error)),
        }
    }
    Err(StorageError::Locked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::memory::MemoryStorage;
    use crate::storage::sim::{Fault, FaultAction, SimCall, SimDisk};

    #[test]
    fn a_second_open_in_the_process_is_refused_until_the_first_is_dropped() {
        let disk = SimDisk::new();
        disk.put("db", b"x").unwrap();
        let first = open_locked(&disk, "db").unwrap();
        disk.hard_link("db", "alias").unwrap();
        for name in ["db", "alias"] {
            let error = open_locked(&disk, name).unwrap_err();
            assert!(matches!(error, StorageError::AlreadyOpen), "{error}");
        }
        drop(first);
        open_locked(&disk, "alias").unwrap();
    }

    #[test]
    fn a_lock_held_elsewhere_is_locked_and_leaves_no_entry() {
        let disk = SimDisk::new();
        disk.put("db", b"x").unwrap();
        // A handle that is not in the table stands for another process.
        let other = disk.open("db", Access::ReadWrite).unwrap();
        assert!(other.try_lock().unwrap());
        for _ in 0..2 {
            let error = open_locked(&disk, "db").unwrap_err();
            assert!(matches!(error, StorageError::Locked), "{error}");
        }
        drop(other);
        open_locked(&disk, "db").unwrap();
    }

    /// Gives `db` to another file each time it was opened, `swaps` times.
    #[derive(Debug)]
    struct SwappingStorage {
        inner: MemoryStorage,
        swaps: Mutex<usize>,
    }

    impl Storage for SwappingStorage {
        fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn StorageFile>> {
            let file = self.inner.open(name, access)?;
            let mut swaps = self.swaps.lock();
            if *swaps > 0 {
                *swaps -= 1;
                self.inner.create_new("tmp")?;
                self.inner.rename("tmp", name)?;
            }
            Ok(file)
        }
        fn create_new(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
            self.inner.create_new(name)
        }
        fn rename(&self, from: &str, to: &str) -> io::Result<()> {
            self.inner.rename(from, to)
        }
        fn remove(&self, name: &str) -> io::Result<()> {
            self.inner.remove(name)
        }
        fn sync_dir(&self) -> io::Result<()> {
            self.inner.sync_dir()
        }
        fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
            self.inner.list(prefix)
        }
        fn identity(&self, name: &str) -> io::Result<FileIdentity> {
            self.inner.identity(name)
        }
    }

    #[test]
    fn a_name_that_was_swapped_while_opening_is_opened_again() {
        for (swaps, opens) in [(0, true), (15, true), (16, false)] {
            let inner = MemoryStorage::new();
            inner.create_new("db").unwrap();
            let storage = SwappingStorage {
                inner: inner.clone(),
                swaps: Mutex::new(swaps),
            };
            match open_locked(&storage, "db") {
                Ok(file) => {
                    assert!(opens);
                    assert_eq!(file.identity().unwrap(), inner.identity("db").unwrap());
                }
                Err(error) => assert!(!opens && matches!(error, StorageError::Locked)),
            }
        }
    }

    #[test]
    fn failures_leave_no_entry() {
        let disk = SimDisk::new();
        disk.put("db", b"x").unwrap();
        for call in [SimCall::Open, SimCall::Identity, SimCall::Lock] {
            for skip in 0..2 {
                disk.clear_faults();
                let fail = FaultAction::Fail(io::ErrorKind::Other);
                disk.inject(Fault::on(call, skip, fail));
                if skip == 0 {
                    let error = open_locked(&disk, "db").unwrap_err();
                    assert!(matches!(error, StorageError::Io { .. }), "{error}");
                }
                disk.clear_faults();
                open_locked(&disk, "db").unwrap();
            }
        }
    }

    #[test]
    fn another_process_may_not_write() {
        let disk = SimDisk::new();
        disk.put("db", b"x").unwrap();
        let foreign = OwnerProcess {
            token: process_token().wrapping_add(1),
        };
        assert!(matches!(foreign.check(), Err(StorageError::ForkedHandle)));
        OwnerProcess::current().check().unwrap();
        let file = disk.open("db", Access::ReadWrite).unwrap();
        let identity = file.identity().unwrap();
        let mut registration = Registration::new(identity).unwrap();
        registration.owner = foreign;
        let file = RegisteredFile { file, registration };
        for result in [
            file.write_at(b"y", 0).map(drop),
            file.set_len(0),
            file.sync_data(),
            file.sync_all(),
            file.allocate(0, 1),
        ] {
            let error = result.unwrap_err();
            assert!(error.get_ref().is_some_and(|source| source.is::<Forked>()));
        }
        assert_eq!(disk.read("db").unwrap(), b"x");
        // The child's drop must not take the parent's entry away.
        drop(file);
        assert!(OPEN_FILES.lock().contains(&identity));
        OPEN_FILES.lock().retain(|known| *known != identity);
    }
}
