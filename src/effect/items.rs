//! Several byte strings in one effect: elements, members, or pairs in turn.
//!
//! Live, they are the caller's words; read from a file, they are one run of bytes whose lengths were
//! checked when it was decoded. Both compare by content.

use std::fmt;

use crate::sys::varint::{self, Reader};

/// The byte strings of one [`Effect`](super::Effect), in order.
#[derive(Clone, Copy)]
pub struct Items<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    Words(&'a [&'a [u8]]),
    /// Length-prefixed, and known to be well-formed.
    Packed {
        bytes: &'a [u8],
        len: usize,
    },
}

impl<'a> Items<'a> {
    /// These byte strings.
    #[must_use]
    pub fn new(words: &'a [&'a [u8]]) -> Self {
        Self(Form::Words(words))
    }

    /// How many byte strings.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Form::Words(words) => words.len(),
            Form::Packed { len, .. } => len,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The byte strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (words, packed) = match self.0 {
            Form::Words(words) => (words, &[][..]),
            Form::Packed { bytes, .. } => (&[][..], bytes),
        };
        let mut reader = Reader::new(packed);
        let packed = std::iter::from_fn(move || (!reader.is_empty()).then(|| reader.slice())?);
        words.iter().copied().chain(packed)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self.0 {
            Form::Words(words) => {
                let len = |word: &&[u8]| varint::len(word.len() as u64) + word.len();
                varint::write(out, words.iter().map(len).sum::<usize>() as u64);
                for word in words {
                    varint::write(out, word.len() as u64);
                    out.extend_from_slice(word);
                }
            }
            Form::Packed { bytes, .. } => {
                varint::write(out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        }
    }

    /// `None` if the bytes are no such run.
    pub(super) fn decode(reader: &mut Reader<'a>) -> Option<Self> {
        let bytes = reader.slice()?;
        let mut each = Reader::new(bytes);
        let mut len = 0;
        while !each.is_empty() {
            each.slice()?;
            len += 1;
        }
        Some(Self(Form::Packed { bytes, len }))
    }

    /// As [`decode`](Self::decode), for items that come in twos.
    pub(super) fn decode_pairs(reader: &mut Reader<'a>) -> Option<Self> {
        Self::decode(reader).filter(|items| items.len().is_multiple_of(2))
    }
}

impl PartialEq for Items<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Items<'_> {}

impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_packed_bytes_are_the_same_items() {
        let long = [7; 200];
        for words in [&[][..], &[b"".as_slice()], &[b"a".as_slice(), b"", &long]] {
            let items = Items::new(words);
            let mut bytes = Vec::new();
            items.encode(&mut bytes);
            let packed = Items::decode(&mut Reader::new(&bytes)).unwrap();
            assert_eq!(packed, items);
            assert_eq!(packed.iter().collect::<Vec<_>>(), words);
            let mut again = Vec::new();
            packed.encode(&mut again);
            assert_eq!(again, bytes);
        }
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        for bytes in [&[2, 5, 1][..], &[1, 0x80], &[9]] {
            assert_eq!(Items::decode(&mut Reader::new(bytes)), None);
        }
        let three = [3, 0, 0, 0];
        assert_eq!(Items::decode_pairs(&mut Reader::new(&three)), None);
    }
}
