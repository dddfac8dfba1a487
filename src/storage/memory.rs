//! A directory that lives in memory: for databases that no disk is to hold.
//!
//! Called by `engine` for in-memory databases, and by tests. Files are plain byte vectors; syncs do
//! nothing; nothing survives the last handle on the storage.
//!
//! Invariants:
//! 1. A file lives while a name or a handle has it.
//! 2. A request for more memory than there is fails with `OutOfMemory` and changes nothing.

use super::backend::{Access, FileIdentity, Storage, StorageFile};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Identities never repeat within a process.
static NEXT_INODE: AtomicU64 = AtomicU64::new(0);
/// The device number of all memory storages: no system hands it out.
const DEVICE: u64 = u64::MAX;

#[derive(Debug)]
struct Inode {
    number: u64,
    bytes: Mutex<Vec<u8>>,
    locked: AtomicBool,
    links: AtomicU64,
}

type Names = BTreeMap<String, Arc<Inode>>;

/// A directory in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    names: Arc<Mutex<Names>>,
}

impl MemoryStorage {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[derive(Debug)]
struct MemoryFile {
    inode: Arc<Inode>,
    access: Access,
    holds_lock: AtomicBool,
}

impl MemoryFile {
    fn open(inode: Arc<Inode>, access: Access) -> Arc<dyn StorageFile> {
        Arc::new(Self {
            inode,
            access,
            holds_lock: AtomicBool::new(false),
        })
    }

    fn writable(&self) -> io::Result<()> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        if *self.holds_lock.get_mut() {
            self.inode.locked.store(false, Ordering::Release);
        }
    }
}

fn lookup(names: &Names, name: &str) -> io::Result<Arc<Inode>> {
    Ok(Arc::clone(names.get(name).ok_or(io::ErrorKind::NotFound)?))
}

fn unlink(inode: Option<Arc<Inode>>) {
    if let Some(inode) = inode {
        inode.links.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lengthens `bytes` with zeros to `len`, or says that there is no memory.
fn grow(bytes: &mut Vec<u8>, len: u64) -> io::Result<()> {
    let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
    if len > bytes.len() {
        bytes
            .try_reserve(len - bytes.len())
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.resize(len, 0);
    }
    Ok(())
}

impl Storage for MemoryStorage {
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        let inode = lookup(&self.names.lock(), name)?;
        Ok(MemoryFile::open(inode, access))
    }

    fn create_new(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut names = self.names.lock();
        if names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = Arc::new(Inode {
            number: NEXT_INODE.fetch_add(1, Ordering::Relaxed),
            bytes: Mutex::new(Vec::new()),
            locked: AtomicBool::new(false),
            links: AtomicU64::new(1),
        });
        names.insert(name.to_owned(), Arc::clone(&inode));
        Ok(MemoryFile::open(inode, Access::ReadWrite))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut names = self.names.lock();
        let inode = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        unlink(names.insert(to.to_owned(), inode));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let inode = self.names.lock().remove(name);
        unlink(Some(inode.ok_or(io::ErrorKind::NotFound)?));
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let names = self.names.lock();
        Ok(names
            .keys()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect())
    }

    fn identity(&self, name: &str) -> io::Result<FileIdentity> {
        let inode = lookup(&self.names.lock(), name)?.number;
        Ok(FileIdentity {
            device: DEVICE,
            inode,
        })
    }
}

impl StorageFile for MemoryFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.inode.bytes.lock();
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| bytes.get(offset..))
            .unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.writable()?;
        if buf.is_empty() {
            return Ok(0);
        }
        let end = offset
            .checked_add(buf.len() as u64)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let mut bytes = self.inode.bytes.lock();
        grow(&mut bytes, end)?;
        bytes[offset as usize..end as usize].copy_from_slice(buf);
        Ok(buf.len())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.inode.bytes.lock().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.writable()?;
        let mut bytes = self.inode.bytes.lock();
        if len < bytes.len() as u64 {
            bytes.truncate(len as usize);
            return Ok(());
        }
        grow(&mut bytes, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn allocate(&self, _offset: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        if self.holds_lock.load(Ordering::Acquire) {
            return Ok(true);
        }
        let taken = !self.inode.locked.swap(true, Ordering::Acquire);
        if taken {
            self.holds_lock.store(true, Ordering::Release);
        }
        Ok(taken)
    }

    fn evict_cache(&self, _from: u64) -> io::Result<()> {
        Ok(())
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(FileIdentity {
            device: DEVICE,
            inode: self.inode.number,
        })
    }

    fn links(&self) -> io::Result<u64> {
        Ok(self.inode.links.load(Ordering::Relaxed))
    }

    fn adopt_attributes(&self, _original: &dyn StorageFile) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_back_and_holes_are_zero() {
        let storage = MemoryStorage::new();
        let file = storage.create_new("f").unwrap();
        assert_eq!(file.write_at(b"abc", 2).unwrap(), 3);
        let mut back = [9; 8];
        assert_eq!(file.read_at(&mut back, 0).unwrap(), 5);
        assert_eq!(&back, b"\0\0abc\x09\x09\x09");
        assert_eq!(file.read_at(&mut back, u64::MAX).unwrap(), 0);
        file.set_len(3).unwrap();
        file.set_len(5).unwrap();
        assert_eq!(file.read_at(&mut back, 0).unwrap(), 5);
        assert_eq!(&back[..5], b"\0\0a\0\0");
    }

    #[test]
    fn a_mad_offset_is_refused_and_changes_nothing() {
        let storage = MemoryStorage::new();
        let file = storage.create_new("f").unwrap();
        let error = file.write_at(b"x", u64::MAX).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        let error = file.write_at(b"x", 1 << 62).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        file.set_len(1 << 62).unwrap_err();
        assert_eq!(file.size().unwrap(), 0);
    }

    #[test]
    fn a_rename_replaces_and_the_replaced_file_lives_on_in_its_handle() {
        let storage = MemoryStorage::new();
        let old = storage.create_new("db").unwrap();
        old.write_at(b"old", 0).unwrap();
        let new = storage.create_new("tmp").unwrap();
        storage.rename("tmp", "db").unwrap();
        assert_eq!(old.links().unwrap(), 0);
        assert_eq!(storage.identity("db").unwrap(), new.identity().unwrap());
        assert_ne!(old.identity().unwrap(), new.identity().unwrap());
        assert_eq!(old.size().unwrap(), 3);
        assert_eq!(storage.list("").unwrap(), ["db"]);
        storage.remove("db").unwrap();
        assert_eq!(
            storage.remove("db").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn the_lock_is_exclusive_and_ends_with_its_handle() {
        let storage = MemoryStorage::new();
        let first = storage.create_new("f").unwrap();
        let second = storage.open("f", Access::ReadWrite).unwrap();
        assert!(first.try_lock().unwrap());
        assert!(first.try_lock().unwrap());
        assert!(!second.try_lock().unwrap());
        drop(second);
        let third = storage.open("f", Access::ReadWrite).unwrap();
        assert!(!third.try_lock().unwrap());
        drop(first);
        assert!(third.try_lock().unwrap());
    }

    #[test]
    fn a_read_only_handle_refuses_changes() {
        let storage = MemoryStorage::new();
        storage.create_new("f").unwrap();
        let file = storage.open("f", Access::ReadOnly).unwrap();
        let denied = io::ErrorKind::PermissionDenied;
        assert_eq!(file.write_at(b"x", 0).unwrap_err().kind(), denied);
        assert_eq!(file.set_len(0).unwrap_err().kind(), denied);
    }
}
