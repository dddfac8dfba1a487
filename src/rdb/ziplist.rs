//! The older forms of short collections, which are only read: ziplists (up to Redis 6.2) and zipmaps (up to
//! 2.4).
//!
//! ```text
//! ziplist: bytes in all (u32) | place of the last entry (u32) | entries (u16) | entries ... | 0xff
//! entry:   bytes of the entry before | what it is | its bytes
//!
//! zipmap:  fields (u8) | fields ... | 0xff
//! field:   length | name | length | unused bytes (u8) | value | the unused bytes
//! ```
//!
//! Invariant: no byte that is not accounted for, and every length is the true one.

use super::Malformed;
use super::packed::{Bytes, Item};

const END: u8 = 0xff;
/// Where a length of one byte could stand: four more bytes hold it.
const LONG: u8 = 254;
/// So many entries or more: they have to be counted.
const UNCOUNTED: u16 = u16::MAX;
const HEAD_BYTES: usize = 10;

/// The elements of a ziplist, at most so many.
pub(super) fn read(bytes: &[u8], items_max: usize) -> Result<Vec<Item<'_>>, Malformed> {
    let mut rest = Bytes::new(bytes);
    let total = u32::from_le_bytes(rest.array()?) as usize;
    let tail = u32::from_le_bytes(rest.array()?) as usize;
    let count = u16::from_le_bytes(rest.array()?);
    let mut items = Vec::new();
    let (mut last, mut before) = (HEAD_BYTES, 0);
    while rest.peek() != Some(END) {
        if items.len() >= items_max {
            return Err(Malformed);
        }
        last = bytes.len() - rest.len();
        if read_len(&mut rest)? != before {
            return Err(Malformed);
        }
        items.push(read_item(&mut rest)?);
        before = bytes.len() - rest.len() - last;
    }
    let is_counted = count == UNCOUNTED || usize::from(count) == items.len();
    if is_counted && total == bytes.len() && tail == last && rest.len() == 1 {
        Ok(items)
    } else {
        Err(Malformed)
    }
}

/// A length of one byte, or of four behind a mark.
fn read_len(rest: &mut Bytes<'_>) -> Result<usize, Malformed> {
    match rest.byte()? {
        LONG => Ok(u32::from_le_bytes(rest.array()?) as usize),
        END => Err(Malformed),
        short => Ok(usize::from(short)),
    }
}

fn read_item<'a>(rest: &mut Bytes<'a>) -> Result<Item<'a>, Malformed> {
    let first = rest.byte()?;
    let len = match first {
        0..0x40 => u64::from(first),
        0x40..0x80 => u64::from(u16::from_be_bytes([first & 0x3f, rest.byte()?])),
        0x80 => u64::from(u32::from_be_bytes(rest.array()?)),
        0xc0 => return rest.int::<2>().map(Item::Int),
        0xd0 => return rest.int::<4>().map(Item::Int),
        0xe0 => return rest.int::<8>().map(Item::Int),
        0xf0 => return rest.int::<3>().map(Item::Int),
        0xfe => return rest.int::<1>().map(Item::Int),
        // 0 to 12, without bytes of their own.
        0xf1..=0xfd => return Ok(Item::Int(i64::from(first) - 0xf1)),
        _ => return Err(Malformed),
    };
    rest.take(len).map(Item::Word)
}

/// The fields and values of a zipmap, in turn, at most about so many.
pub(super) fn read_zipmap(bytes: &[u8], items_max: usize) -> Result<Vec<Item<'_>>, Malformed> {
    let mut rest = Bytes::new(bytes);
    let count = rest.byte()?;
    let mut items = Vec::new();
    while rest.peek() != Some(END) {
        if items.len() >= items_max {
            return Err(Malformed);
        }
        let len = read_len(&mut rest)?;
        items.push(Item::Word(rest.take(len as u64)?));
        let len = read_len(&mut rest)?;
        let unused = rest.byte()?;
        items.push(Item::Word(rest.take(len as u64)?));
        rest.take(u64::from(unused))?;
    }
    let is_counted = count >= LONG || usize::from(count) == items.len() / 2;
    if is_counted && rest.len() == 1 {
        Ok(items)
    } else {
        Err(Malformed)
    }
}
