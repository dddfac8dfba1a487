//! Listpacks: elements in one string of bytes, each with its length behind it.
//!
//! ```text
//! bytes in all (u32) | elements (u16) | elements ... | 0xff
//! element: what it is | its bytes | the length of those two, seven bits a byte
//! ```
//!
//! Invariants:
//! 1. What is read has no byte that is not accounted for, and every length is the true one.
//! 2. What is written is what Redis writes for the same elements.

use super::Malformed;
use super::packed::{Bytes, Item};
use crate::value::number::parse_i64;

const HEAD_BYTES: usize = 6;
const END: u8 = 0xff;
/// So many elements or more: they have to be counted.
const UNCOUNTED: u16 = u16::MAX;
/// Redis makes none of more bytes.
pub(super) const BYTES_MAX: usize = 1 << 30;

/// The elements of a listpack, at most so many.
pub(super) fn read(bytes: &[u8], items_max: usize) -> Result<Vec<Item<'_>>, Malformed> {
    let mut rest = Bytes::new(bytes);
    let total = u32::from_le_bytes(rest.array()?);
    let count = u16::from_le_bytes(rest.array()?);
    if total as usize != bytes.len() {
        return Err(Malformed);
    }
    let mut items = Vec::new();
    while rest.peek() != Some(END) {
        if items.len() >= items_max {
            return Err(Malformed);
        }
        let before = rest.len();
        items.push(read_item(&mut rest)?);
        let back = back_len(before - rest.len());
        if rest.take(back.as_slice().len() as u64)? != back.as_slice() {
            return Err(Malformed);
        }
    }
    let fits = count == UNCOUNTED || usize::from(count) == items.len();
    if fits && rest.len() == 1 {
        Ok(items)
    } else {
        Err(Malformed)
    }
}

fn read_item<'a>(rest: &mut Bytes<'a>) -> Result<Item<'a>, Malformed> {
    let first = rest.byte()?;
    let low = |bits: u32| u64::from(first & ((1 << bits) - 1));
    let len = match first {
        0..0x80 => return Ok(Item::Int(i64::from(first))),
        0x80..0xc0 => low(6),
        0xc0..0xe0 => {
            let unsigned = low(5) << 8 | u64::from(rest.byte()?);
            // Thirteen bits, the highest of which is the sign.
            return Ok(Item::Int((unsigned as i64) << 51 >> 51));
        }
        0xe0..0xf0 => low(4) << 8 | u64::from(rest.byte()?),
        0xf0 => u64::from(u32::from_le_bytes(rest.array()?)),
        0xf1 => return rest.int::<2>().map(Item::Int),
        0xf2 => return rest.int::<3>().map(Item::Int),
        0xf3 => return rest.int::<4>().map(Item::Int),
        0xf4 => return rest.int::<8>().map(Item::Int),
        0xf5..=END => return Err(Malformed),
    };
    rest.take(len).map(Item::Word)
}

/// The length that stands behind an element: to be read from its last byte, the lowest seven bits first.
/// All but the first byte are marked: there is more to come.
struct BackLen {
    bytes: [u8; 5],
    len: usize,
}

impl BackLen {
    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn back_len(bytes: usize) -> BackLen {
    // Redis's limits, one off where the length would just fit.
    let len = match bytes {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    let mut back = BackLen { bytes: [0; 5], len };
    for (at, byte) in back.bytes[..len].iter_mut().rev().enumerate() {
        let goes_on = if at + 1 < len { 0x80 } else { 0 };
        *byte = (bytes >> (7 * at)) as u8 & 0x7f | goes_on;
    }
    back
}

/// A listpack that is being written.
#[derive(Debug)]
pub(super) struct Listpack {
    bytes: Vec<u8>,
    count: usize,
}

impl Listpack {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; HEAD_BYTES],
            count: 0,
        }
    }

    /// The bytes it would have now.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() + 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The most bytes that an element of so many takes.
    pub(super) fn item_bytes_max(len: usize) -> usize {
        len.saturating_add(5 + 5)
    }

    /// Adds an element, as a number if it is one. It has fewer than [`BYTES_MAX`] bytes.
    pub(super) fn push(&mut self, word: &[u8]) {
        let start = self.bytes.len();
        match parse_i64(word) {
            Some(number) => self.write_int(number),
            None => self.write_word(word),
        }
        let back = back_len(self.bytes.len() - start);
        self.bytes.extend_from_slice(back.as_slice());
        self.count += 1;
    }

    fn write_int(&mut self, number: i64) {
        let bytes = number.to_le_bytes();
        let (first, len) = match number {
            0..128 => return self.bytes.push(bytes[0]),
            -4096..4096 => {
                let [low, high, ..] = bytes;
                return self.bytes.extend([0xc0 | high & 0x1f, low]);
            }
            -0x8000..0x8000 => (0xf1, 2),
            -0x80_0000..0x80_0000 => (0xf2, 3),
            -0x8000_0000..0x8000_0000 => (0xf3, 4),
            _ => (0xf4, 8),
        };
        self.bytes.push(first);
        self.bytes.extend_from_slice(&bytes[..len]);
    }

    fn write_word(&mut self, word: &[u8]) {
        let [high, low] = (word.len() as u16).to_be_bytes();
        match word.len() {
            0..64 => self.bytes.push(0x80 | low),
            64..4096 => self.bytes.extend([0xe0 | high, low]),
            len => {
                self.bytes.push(0xf0);
                self.bytes.extend_from_slice(&(len as u32).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(word);
    }

    /// The finished bytes.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let total = self.bytes.len() as u32;
        let count = u16::try_from(self.count).unwrap_or(UNCOUNTED);
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..HEAD_BYTES].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}
