//! The disk of systems without Unix calls, through the standard library alone.
//!
//! Called through [`OsStorage`]. Weaker than the Unix one where the standard library is: a directory cannot
//! be synced, space cannot be asked for, and a file is told from another by its time of creation.

use super::super::backend::{Access, FileIdentity, Storage, StorageFile};
use super::{nonzero, resolve, uninterrupted};
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory of the file system.
#[derive(Debug)]
pub struct OsStorage {
    path: PathBuf,
}

impl OsStorage {
    /// The directory in which the file at `path` lies, whether it exists or not, and its name there.
    ///
    /// # Errors
    /// What the system says about the directory; `InvalidInput` if the path names no file, leads through
    /// too many links, or ends in a name that is not UTF-8.
    pub fn for_path(path: impl AsRef<Path>) -> io::Result<(Self, String)> {
        let (path, name) = resolve(path.as_ref())?;
        Ok((Self { path }, name))
    }

    /// The directory's path, free of links.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.path
    }

    /// Whether the directory lies on another machine. Unknown here, and taken for local.
    ///
    /// # Errors
    /// None here.
    pub fn is_network_fs(&self) -> io::Result<bool> {
        Ok(false)
    }
}

fn identity_of(metadata: &Metadata) -> io::Result<FileIdentity> {
    let mut hasher = DefaultHasher::new();
    metadata.created()?.hash(&mut hasher);
    Ok(FileIdentity {
        device: 0,
        inode: hasher.finish(),
    })
}

impl Storage for OsStorage {
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(access == Access::ReadWrite);
        let file = options.open(self.path.join(name))?;
        Ok(Arc::new(OsFile { file }))
    }

    fn create_new(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let file = options.open(self.path.join(name))?;
        Ok(Arc::new(OsFile { file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string()
                && name.starts_with(prefix)
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn identity(&self, name: &str) -> io::Result<FileIdentity> {
        identity_of(&std::fs::metadata(self.path.join(name))?)
    }
}

/// An open file of the file system.
#[derive(Debug)]
struct OsFile {
    file: File,
}

#[cfg(windows)]
fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buf, offset)
}

#[cfg(windows)]
fn write_at(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, buf, offset)
}

#[cfg(not(windows))]
fn read_at(_file: &File, _buf: &mut [u8], _offset: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(windows))]
fn write_at(_file: &File, _buf: &[u8], _offset: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

impl StorageFile for OsFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        uninterrupted(|| read_at(&self.file, buf, offset))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        nonzero(
            uninterrupted(|| write_at(&self.file, buf, offset))?,
            buf.len(),
        )
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn allocate(&self, _offset: u64, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn evict_cache(&self, _from: u64) -> io::Result<()> {
        Ok(())
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        identity_of(&self.file.metadata()?)
    }

    fn links(&self) -> io::Result<u64> {
        // Unknown here; the file had a name when it was opened.
        Ok(1)
    }

    fn adopt_attributes(&self, original: &dyn StorageFile) -> io::Result<()> {
        match original.as_file() {
            Some(original) => self
                .file
                .set_permissions(original.metadata()?.permissions()),
            None => Ok(()),
        }
    }

    fn as_file(&self) -> Option<&File> {
        Some(&self.file)
    }
}
