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
    /// How many more elements may come out of packed strings.
    items_left: usize,
}

/// An element takes some hundred bytes while it is read, so what small payloads unpack to has a limit: so many
/// elements, and one for each byte of the payload. Elements that are not compressed take two bytes at least.
pub(super) const ITEMS: usize = 512 << 10;

impl<'a> Bytes<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self {
            rest,
            items_left: ITEMS + rest.len(),
        }
    }

    /// The most elements that the next packed string may have.
    pub(super) fn items_left(&self) -> usize {
        self.items_left
    }

    /// Counts elements of a packed string.
    pub(super) fn took_items(&mut self, count: usize) {
        self.items_left = self.items_left.saturating_sub(count);
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
