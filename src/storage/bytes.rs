//! Little-endian fields and whole reads and writes: the bottom of the storage modules.
//!
//! Called by every other file of `storage`. Invariants:
//! 1. `Interrupted` is retried, a write of 0 bytes is `WriteZero`: nothing here loops for ever.
//! 2. A failed `write_all_at` says how many bytes it wrote, so that the caller can cut them off.
//!
//! It knows no format and keeps no state.

use std::io;

use super::backend::StorageFile;
use crate::error::StorageError;

/// The little-endian `u16` at `at`; the caller has checked the length.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let mut field = [0; 2];
    field.copy_from_slice(&bytes[at..at + 2]);
    u16::from_le_bytes(field)
}

/// The little-endian `u32` at `at`; the caller has checked the length.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

/// The little-endian `u64` at `at`; the caller has checked the length.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(field)
}

/// Puts `field` at `at`; the caller has made the room.
pub(super) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// CRC-32 of `parts` one after another, continued from `seed` (a CRC itself, 0 to start afresh).
pub(super) fn crc(seed: u32, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// The seed of every checksum in a file with this salt: the CRC of the salt's bytes.
pub(super) fn salt_seed(salt: u64) -> u32 {
    if cfg!(nacre_bug = "no_salt") {
        return 0;
    }
    crc(0, &[&salt.to_le_bytes()])
}

/// Reads until `buf` is full or the file ends; says how many bytes came.
pub(super) fn read_up_to(
    file: &dyn StorageFile,
    buf: &mut [u8],
    offset: u64,
) -> Result<usize, StorageError> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StorageError::io("read", error)),
        }
    }
    Ok(done)
}

/// Fills `buf` or fails with `UnexpectedEof`.
pub(super) fn read_exact(
    file: &dyn StorageFile,
    buf: &mut [u8],
    offset: u64,
) -> Result<(), StorageError> {
    if read_up_to(file, buf, offset)? == buf.len() {
        return Ok(());
    }
    let short = io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the file became shorter while it was read",
    );
    Err(StorageError::io("read", short))
}

/// Writes all of `buf`, or says how much of it went out before the error.
pub(super) fn write_all_at(
    file: &dyn StorageFile,
    buf: &[u8],
    offset: u64,
) -> Result<(), (u64, io::Error)> {
    let mut done = 0;
    while done < buf.len() {
        match file.write_at(&buf[done..], offset + done as u64) {
            Ok(0) => return Err((done as u64, io::ErrorKind::WriteZero.into())),
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((done as u64, error)),
        }
    }
    Ok(())
}

/// Whether `error` says that there is no room: such a write may succeed later.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// An error of a write that nothing depends on yet: no room is `DiskFull`, all else as it is.
pub(super) fn write_error(op: &'static str, error: io::Error) -> StorageError {
    if is_full(&error) {
        StorageError::DiskFull
    } else {
        StorageError::io(op, error)
    }
}

/// A zeroed buffer, or an error where an infallible one would abort the process.
pub(super) fn zeroed(len: usize) -> Result<Vec<u8>, StorageError> {
    let mut buf = Vec::new();
    grow_zeroed(&mut buf, len)?;
    Ok(buf)
}

/// Makes `buf` exactly `len` bytes long, with zeros where it grew.
pub(super) fn grow_zeroed(buf: &mut Vec<u8>, len: usize) -> Result<(), StorageError> {
    if len > buf.len() {
        buf.try_reserve_exact(len - buf.len())
            .map_err(|_| StorageError::io("allocate", io::ErrorKind::OutOfMemory.into()))?;
    }
    buf.resize(len, 0);
    Ok(())
}

/// `len` rounded up to a multiple of `unit`, a power of two; `None` past the 64-bit range.
pub(super) fn round_up(len: u64, unit: u64) -> Option<u64> {
    debug_assert!(unit.is_power_of_two());
    Some(len.checked_add(unit - 1)? & !(unit - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crc_continues_from_its_seed() {
        assert_eq!(crc(0, &[b"123456789"]), 0xcbf4_3926);
        assert_eq!(crc(crc(0, &[b"1234"]), &[b"56", b"789"]), 0xcbf4_3926);
    }

    #[test]
    fn salts_give_different_seeds() {
        assert_ne!(salt_seed(1), salt_seed(2));
    }

    #[test]
    fn rounding_up_stops_at_the_end_of_the_range() {
        assert_eq!(round_up(0, 8), Some(0));
        assert_eq!(round_up(1, 8), Some(8));
        assert_eq!(round_up(4096, 4096), Some(4096));
        assert_eq!(round_up(u64::MAX - 3, 8), None);
    }

    #[test]
    fn a_buffer_that_cannot_exist_is_an_error() {
        assert!(zeroed(isize::MAX as usize).is_err());
    }
}
