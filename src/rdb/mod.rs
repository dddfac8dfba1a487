//! Redis's serialization of one value: what `DUMP` gives away and `RESTORE` takes.
//!
//! A payload is the kind of encoding (one byte), the value, the version of the format (two bytes, little
//! endian) and the CRC-64 of all that. Called by `command`; knows no keys and no commands.
//!
//! ```text
//! kind | value ... | version (u16) | checksum (u64)
//! ```
//!
//! Invariants:
//! 1. Any bytes are read or refused: no panic, time in proportion to what they hold, and no allocation
//!    that what was read so far does not account for. A length that a payload merely announces is no
//!    reason to allocate.
//! 2. An [`Object`] is one that a key may hold: a collection has elements, and a set, a hash or a sorted
//!    set no member twice; no score is NaN.
//! 3. What is written Redis 7.0 reads, and reading it gives what was written.
//! 4. Whatever is read here, Redis 7.0 reads as the same, save for sets in listpacks, which came later.
//!    It is stricter: nothing may follow the value, and every length must be the true one.

mod crc64;
mod listpack;
mod lzf;
mod packed;
mod read;
mod write;
mod ziplist;

use crate::error::CommandError;

pub(crate) use write::{hash, list, set, sorted_set, string};

/// The version that Redis 7.0 writes, and the newest it reads.
const VERSION: u16 = 10;

/// Bytes after the value.
const FOOTER_BYTES: usize = 10;

/// How a value is held in a collection of Redis's, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// All in one string of bytes.
    Packed,
    /// One string for each element.
    Plain,
}

/// A value that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Object {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    Hash(Vec<FieldValue>),
    /// Members and scores.
    SortedSet(Vec<(Vec<u8>, f64)>),
}

/// A field of a hash, and its value.
type FieldValue = (Vec<u8>, Vec<u8>);

/// What is wrong with a value that cannot be read: Redis does not say either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Malformed;

/// The numbers that say how a value is encoded.
mod kind {
    pub(super) const STRING: u8 = 0;
    pub(super) const LIST: u8 = 1;
    pub(super) const SET: u8 = 2;
    /// Scores in decimal digits.
    pub(super) const ZSET: u8 = 3;
    pub(super) const HASH: u8 = 4;
    /// Scores in binary.
    pub(super) const ZSET_2: u8 = 5;
    pub(super) const HASH_ZIPMAP: u8 = 9;
    pub(super) const LIST_ZIPLIST: u8 = 10;
    pub(super) const SET_INTSET: u8 = 11;
    pub(super) const ZSET_ZIPLIST: u8 = 12;
    pub(super) const HASH_ZIPLIST: u8 = 13;
    /// Several ziplists.
    pub(super) const LIST_QUICKLIST: u8 = 14;
    pub(super) const HASH_LISTPACK: u8 = 16;
    pub(super) const ZSET_LISTPACK: u8 = 17;
    /// Several listpacks, and elements that stand alone.
    pub(super) const LIST_QUICKLIST_2: u8 = 18;
    /// Of Redis 7.2.
    pub(super) const SET_LISTPACK: u8 = 20;
}

/// What a length begins with (its upper two bits, or all of it), and what stands in place of a length.
mod length {
    pub(super) const BITS_14: u8 = 0b01;
    pub(super) const BITS_32: u8 = 0x80;
    pub(super) const BITS_64: u8 = 0x81;
    pub(super) const INT_8: u8 = 0xc0;
    pub(super) const INT_16: u8 = 0xc1;
    pub(super) const INT_32: u8 = 0xc2;
    pub(super) const LZF: u8 = 0xc3;
}

/// What a node of a list holds.
mod node {
    /// One element.
    pub(super) const PLAIN: u64 = 1;
    /// A listpack of them.
    pub(super) const PACKED: u64 = 2;
}

/// Reads a payload.
///
/// # Errors
/// In Redis's words, if it was not written by a Redis of 7.0 or before, or is damaged.
pub(crate) fn decode(payload: &[u8]) -> Result<Object, CommandError> {
    let value = payload.len().checked_sub(FOOTER_BYTES);
    let whole = value.map(|at| payload.split_at(at)).and_then(check_footer);
    let Some(value) = whole else {
        let text = "ERR DUMP payload version or checksum are wrong";
        return Err(CommandError::Other(text.into()));
    };
    read::object(value).map_err(|Malformed| CommandError::Other("ERR Bad data format".into()))
}

/// The value before a footer that fits it.
fn check_footer<'a>((value, footer): (&'a [u8], &[u8])) -> Option<&'a [u8]> {
    let (version, checksum) = footer.split_first_chunk()?;
    let sum = crc64::extend(crc64::extend(0, value), version);
    let fits = u16::from_le_bytes(*version) <= VERSION && sum.to_le_bytes() == checksum;
    fits.then_some(value)
}

/// The payload of a value.
fn with_footer(mut value: Vec<u8>) -> Vec<u8> {
    value.extend_from_slice(&VERSION.to_le_bytes());
    let sum = crc64::extend(0, &value);
    value.extend_from_slice(&sum.to_le_bytes());
    value
}

#[cfg(test)]
mod tests;
