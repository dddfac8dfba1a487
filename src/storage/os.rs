//! The real disk: the directory of the database file, and files in it.
//!
//! Called by `engine` and `bin` through [`OsStorage::for_path`].
//!
//! Invariants:
//! 1. Names are resolved against the directory handle (on Unix), so that a directory that is moved while
//!    the database is open stays the right one; symbolic links are resolved once, when opening, so that a
//!    successor lies beside the file it replaces.
//! 2. No descriptor below 3: a stray print of the host must not reach a database.
//! 3. Interrupted calls are repeated; a write that moves nothing is an error.
//! 4. Locks are never released explicitly: a forked child shares the lock and would take it from its parent.
//!
//! It must not map files.

#[cfg(not(unix))]
mod plain;
#[cfg(not(unix))]
pub use plain::OsStorage;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::OsStorage;

#[cfg(all(test, unix))]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

/// As many symbolic links in a row as Linux follows.
const LINKS_FOLLOWED: usize = 40;

/// Where the file really is: its directory, free of links, and its name there.
fn resolve(path: &Path) -> io::Result<(PathBuf, String)> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_FOLLOWED {
        let name = path.file_name().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file")
        })?;
        let name = name.to_str().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the file's name is not UTF-8")
        })?;
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let directory = parent.canonicalize()?;
        let full = directory.join(name);
        match full.read_link() {
            Ok(target) => path = directory.join(target),
            Err(_) => return Ok((directory, name.to_owned())),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "too many symbolic links",
    ))
}

/// Repeats a call that a signal interrupted.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A write that moves nothing would be repeated for ever.
fn nonzero(written: usize, asked: usize) -> io::Result<usize> {
    if written == 0 && asked > 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(written)
}
