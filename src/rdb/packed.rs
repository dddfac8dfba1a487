//! Elements of listpacks and ziplists, and the bytes they are read from.

use super::Malformed;
use crate::value::number::{I64Text, parse_double};

/// An element, where it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item<'a> {
    /// Kept as a number.
    Int(i64),
    /// Kept as bytes.
    Word(&'a [u8]),
}

impl Item<'_> {
    /// A copy of the element's bytes.
    pub(super) fn to_vec(self) -> Vec<u8> {
        match self {
            Self::Int(number) => I64Text::new(number).as_bytes().to_vec(),
            Self::Word(word) => word.to_vec(),
        }
    }

    /// The score that the element is.
    pub(super) fn score(self) -> Result<f64, Malformed> {
        match self {
            Self::Int(number) => Ok(number as f64),
            Self::Word(text) => score(text),
        }
    }
}

/// The score of a text. Redis takes what is no number for 0, and cuts a long text.
pub(super) fn score(text: &[u8]) -> Result<f64, Malformed> {
    const TEXT_BYTES_MAX: usize = 127;
    let text = Some(text).filter(|text| text.len() <= TEXT_BYTES_MAX);
    text.and_then(parse_double).ok_or(Malformed)
}

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
    /// How many more bytes of elements may be unpacked.
    unpacked_bytes_left: usize,
}

/// An element takes some forty times its bytes while it is read, so what small payloads unpack to has a limit:
/// so many bytes of elements, and as many as the payload has times a factor that real ones stay below.
const UNPACKED_BYTES: usize = 32 << 20;
const UNPACKED_FACTOR: usize = 8;

impl<'a> Bytes<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self {
            rest,
            unpacked_bytes_left: UNPACKED_BYTES + rest.len().saturating_mul(UNPACKED_FACTOR),
        }
    }

    /// Counts bytes of elements that were unpacked; refuses them if they are too many.
    pub(super) fn unpacked(&mut self, bytes: usize) -> Result<(), Malformed> {
        let left = self.unpacked_bytes_left.checked_sub(bytes);
        self.unpacked_bytes_left = left.ok_or(Malformed)?;
        Ok(())
    }

    /// How many are left.
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The first one, which stays.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next `len`.
    pub(super) fn take(&mut self, len: u64) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(len).map_err(|_long| Malformed)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N`.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next `N` as an integer, little endian.
    pub(super) fn int<const N: usize>(&mut self) -> Result<i64, Malformed> {
        let bytes: [u8; N] = self.array()?;
        let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut word = [if is_negative { 0xff } else { 0 }; 8];
        word[..N].copy_from_slice(&bytes);
        Ok(i64::from_le_bytes(word))
    }
}
