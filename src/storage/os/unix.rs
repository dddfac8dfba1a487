//! The disk of Unix systems, through positional calls and a directory handle.
//!
//! Called through [`OsStorage`]. The invariants are those of the parent module.

use super::super::backend::{Access, FileIdentity, Storage, StorageFile};
use super::{nonzero, resolve, uninterrupted};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory of the file system.
#[derive(Debug)]
pub struct OsStorage {
    directory: File,
    path: PathBuf,
}

fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    uninterrupted(|| call().map_err(io::Error::from))
}

/// Lifts a descriptor out of the range of standard input, output and error.
fn lifted(fd: OwnedFd) -> io::Result<File> {
    use std::os::fd::AsRawFd;
    if fd.as_raw_fd() >= 3 {
        return Ok(File::from(fd));
    }
    let high = retry(|| rustix::io::fcntl_dupfd_cloexec(&fd, 3))?;
    Ok(File::from(high))
}

fn identity_of(metadata: &Metadata) -> FileIdentity {
    FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}

impl OsStorage {
    /// The directory in which the file at `path` lies, whether it exists or not, and its name there.
    ///
    /// # Errors
    /// What the system says about the directory; `InvalidInput` if the path names no file, leads through
    /// too many links, or ends in a name that is not UTF-8.
    pub fn for_path(path: impl AsRef<Path>) -> io::Result<(Self, String)> {
        let (path, name) = resolve(path.as_ref())?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = lifted(retry(|| rustix::fs::open(&path, flags, Mode::empty()))?)?;
        Ok((Self { directory, path }, name))
    }

    /// The directory's path, free of links.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.path
    }

    /// Whether the directory lies on another machine (NFS, SMB, AFS, Coda, Ceph, Lustre), where locks and
    /// syncs do not keep what they promise. FUSE and 9P are taken for local: most often they are.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_network_fs(&self) -> io::Result<bool> {
        is_network(&self.directory)
    }

    fn open_file(&self, name: &str, flags: OFlags, access: Access) -> io::Result<Arc<OsFile>> {
        // Never a link: links were resolved. Never waiting for the other end of a pipe.
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::NONBLOCK;
        let flags = flags
            | match access {
                Access::ReadOnly => OFlags::RDONLY,
                Access::ReadWrite => OFlags::RDWR,
            };
        let mode = Mode::RUSR | Mode::WUSR;
        let fd = retry(|| rustix::fs::openat(&self.directory, name, flags, mode))?;
        let file = lifted(fd)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        Ok(Arc::new(OsFile { file }))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_network(directory: &File) -> io::Result<bool> {
    const NETWORK: [u32; 9] = [
        0x6969,      // NFS
        0x517b,      // SMB
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x7375_7245, // Coda
        0x5346_414f, // AFS
        0x6b41_4653, // kAFS
        0x00c3_6400, // Ceph
        0x0bd0_0bd0, // Lustre
    ];
    let kind = retry(|| rustix::fs::fstatfs(directory))?.f_type;
    Ok(NETWORK.contains(&(kind as u32)))
}

#[cfg(target_vendor = "apple")]
fn is_network(directory: &File) -> io::Result<bool> {
    const LOCAL: u32 = 0x1000;
    let flags = retry(|| rustix::fs::fstatfs(directory))?.f_flags;
    Ok(flags & LOCAL == 0)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn is_network(_directory: &File) -> io::Result<bool> {
    Ok(false)
}

impl Storage for OsStorage {
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        Ok(self.open_file(name, OFlags::empty(), access)?)
    }

    fn create_new(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        Ok(self.open_file(name, OFlags::CREATE | OFlags::EXCL, Access::ReadWrite)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        retry(|| rustix::fs::renameat(&self.directory, from, &self.directory, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        retry(|| rustix::fs::unlinkat(&self.directory, name, AtFlags::empty()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        match self.directory.sync_all() {
            // The file system has no such thing for directories; there is nothing more to be had.
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
            result => result,
        }
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.directory)? {
            let entry = entry?;
            if entry.file_type() == FileType::Directory {
                continue;
            }
            if let Ok(name) = entry.file_name().to_str()
                && name.starts_with(prefix)
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn identity(&self, name: &str) -> io::Result<FileIdentity> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let stat = retry(|| rustix::fs::statat(&self.directory, name, flags))?;
        #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
        Ok(FileIdentity {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        })
    }
}

/// An open file of the file system.
#[derive(Debug)]
struct OsFile {
    file: File,
}

impl StorageFile for OsFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        uninterrupted(|| self.file.read_at(buf, offset))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        nonzero(
            uninterrupted(|| self.file.write_at(buf, offset))?,
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

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        allocate(&self.file, offset, len)
    }

    fn try_lock(&self) -> io::Result<bool> {
        loop {
            return match self.file.try_lock() {
                Ok(()) => Ok(true),
                Err(std::fs::TryLockError::WouldBlock) => Ok(false),
                Err(std::fs::TryLockError::Error(error))
                    if error.kind() == io::ErrorKind::Interrupted =>
                {
                    continue;
                }
                Err(std::fs::TryLockError::Error(error)) => Err(error),
            };
        }
    }

    fn evict_cache(&self, from: u64) -> io::Result<()> {
        evict(&self.file, from)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(identity_of(&self.file.metadata()?))
    }

    fn links(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.nlink())
    }

    fn adopt_attributes(&self, original: &dyn StorageFile) -> io::Result<()> {
        let Some(original) = original.as_file() else {
            return Ok(());
        };
        let (theirs, ours) = (original.metadata()?, self.file.metadata()?);
        let (uid, gid) = (theirs.uid(), theirs.gid());
        // Only the superuser gives files away; a group one belongs to can be given by anybody.
        let mut same_group = ours.gid() == gid;
        if ours.uid() != uid || !same_group {
            let fd = self.file.as_fd();
            let owner = Some(rustix::fs::Uid::from_raw(uid));
            let group = Some(rustix::fs::Gid::from_raw(gid));
            same_group |= retry(|| rustix::fs::fchown(fd, owner, group)).is_ok()
                || retry(|| rustix::fs::fchown(fd, None, group)).is_ok();
        }
        copy_extended(original, &self.file);
        // Bits that were meant for a group which did not come along must not go to another one.
        let mode = theirs.mode() & if same_group { 0o777 } else { 0o707 };
        let permissions = std::fs::Permissions::from_mode(mode);
        self.file.set_permissions(permissions)
    }

    fn as_file(&self) -> Option<&File> {
        Some(&self.file)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    offset.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
    let result = retry(|| fallocate(file, FallocateFlags::KEEP_SIZE, offset, len));
    if result.is_err() {
        // A full disk may have given a part, which would stay taken behind the end. Cutting to the length
        // that the file has frees it; punching a hole there does nothing on ext4.
        file.set_len(file.metadata()?.len())?;
    }
    result
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn allocate(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn evict(file: &File, from: u64) -> io::Result<()> {
    /// The kernel keeps what lies only partly in the range: no page of its cache is larger than this.
    const CACHE_PAGE_MAX: u64 = 2 << 20;
    let from = from - from % CACHE_PAGE_MAX;
    let advice = rustix::fs::Advice::DontNeed;
    retry(|| rustix::fs::fadvise(file, from, None, advice))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn evict(_file: &File, _from: u64) -> io::Result<()> {
    Ok(())
}

/// Copies extended attributes, access lists among them, as far as the system lets us.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn copy_extended(from: &File, to: &File) {
    use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
    /// Linux's own limit for a list and for a value.
    const LARGEST: usize = 64 << 10;
    let mut names = vec![0_u8; LARGEST];
    let Ok(len) = flistxattr(from, &mut names[..]) else {
        return;
    };
    let mut value = vec![0_u8; LARGEST];
    for name in names[..len].split(|&byte| byte == 0) {
        if name.is_empty() {
            continue;
        }
        if let Ok(len) = fgetxattr(from, name, &mut value[..]) {
            let _ = fsetxattr(to, name, &value[..len], XattrFlags::empty());
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn copy_extended(_from: &File, _to: &File) {}
