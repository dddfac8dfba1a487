//! Writing values as Redis 7.0 does.
//!
//! The bytes are Redis's own for values that it holds in the same order, but for how strings are compressed
//! and for integers of an intset, which take no more bytes than those that are there need. Hash tables have
//! no order that two servers would share either.

use super::listpack::{self, Listpack};
use super::lzf::Packer;
use super::packed::ITEMS;
use super::{Form, kind, length, node, with_footer};
use crate::value::number::{I64Text, parse_i64};

/// Strings of no more bytes are not compressed.
const UNCOMPRESSED_BYTES_MAX: usize = 20;
/// A compressed string is at least so much shorter.
const SAVED_BYTES_MIN: usize = 4;
/// Bytes of one node of a list; one that holds a single element may have more.
const NODE_BYTES_MAX: usize = 8 << 10;
/// What Redis expects a list's element to take besides its bytes.
const NODE_ITEM_BYTES: usize = 8;

/// The payload of a string.
pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Payload::new(kind::STRING);
    out.string(bytes);
    out.finish()
}

/// The payload of a list of these elements.
pub(crate) fn list<'a>(elements: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Payload::new(kind::LIST_QUICKLIST_2);
    // How many there are is known at the end.
    let mut nodes = Payload::default();
    let (mut pack, mut items, mut count) = (Listpack::new(), 0, 0);
    for element in elements {
        let stands_alone = Listpack::item_bytes_max(element.len()) > listpack::BYTES_MAX;
        let fits = pack.len() + element.len() + NODE_ITEM_BYTES <= NODE_BYTES_MAX;
        if !pack.is_empty() && (stands_alone || !fits) {
            nodes.node(std::mem::replace(&mut pack, Listpack::new()), items);
            items = 0;
            count += 1;
        }
        if stands_alone {
            nodes.len(node::PLAIN);
            nodes.string(element);
            count += 1;
        } else {
            pack.push(element);
            items += 1;
        }
    }
    if !pack.is_empty() {
        nodes.node(pack, items);
        count += 1;
    }
    out.len(count);
    out.bytes.append(&mut nodes.bytes);
    out.finish()
}

/// The payload of a set of these members. In the packed form they are integers, ascending.
pub(crate) fn set<M: AsRef<[u8]>>(members: &[M], form: Form) -> Vec<u8> {
    let members = members.iter().map(AsRef::as_ref);
    let numbers = match form {
        Form::Packed => members.clone().map(parse_i64).collect::<Option<Vec<_>>>(),
        Form::Plain => None,
    };
    if let Some(numbers) = numbers {
        let mut out = Payload::new(kind::SET_INTSET);
        out.packed(&intset(&numbers), numbers.len());
        return out.finish();
    }
    let mut out = Payload::new(kind::SET);
    out.len(members.len() as u64);
    members.for_each(|member| out.string(member));
    out.finish()
}

fn intset(numbers: &[i64]) -> Vec<u8> {
    let fits = |width: usize| {
        let bits = u64::BITS as usize - 8 * width;
        numbers
            .iter()
            .all(|number| number << bits >> bits == *number)
    };
    let width = [2, 4].into_iter().find(|&width| fits(width)).unwrap_or(8);
    let mut bytes = Vec::with_capacity(8 + numbers.len() * width);
    bytes.extend_from_slice(&(width as u32).to_le_bytes());
    bytes.extend_from_slice(&(numbers.len() as u32).to_le_bytes());
    let numbers = numbers.iter().map(|number| number.to_le_bytes());
    numbers.for_each(|number| bytes.extend_from_slice(&number[..width]));
    bytes
}

/// The payload of a hash of these fields and values.
pub(crate) fn hash(fields: &[(&[u8], &[u8])], form: Form) -> Vec<u8> {
    let words = || fields.iter().flat_map(|&(field, value)| [field, value]);
    if let Some(pack) = listpack(form, words()) {
        let mut out = Payload::new(kind::HASH_LISTPACK);
        out.packed(&pack, 2 * fields.len());
        return out.finish();
    }
    let mut out = Payload::new(kind::HASH);
    out.len(fields.len() as u64);
    words().for_each(|word| out.string(word));
    out.finish()
}

/// The payload of a sorted set of these members, lowest first.
pub(crate) fn sorted_set(members: &[(&[u8], f64)], form: Form) -> Vec<u8> {
    if form == Form::Packed {
        let scores: Vec<_> = members.iter().map(|&(_, score)| text(score)).collect();
        let words = members.iter().zip(&scores);
        let words = words.flat_map(|(&(member, _), score)| [member, score.as_slice()]);
        if let Some(pack) = listpack(form, words) {
            let mut out = Payload::new(kind::ZSET_LISTPACK);
            out.packed(&pack, 2 * members.len());
            return out.finish();
        }
    }
    let mut out = Payload::new(kind::ZSET_2);
    out.len(members.len() as u64);
    // Each goes in front of those before it where Redis builds its list again.
    for &(member, score) in members.iter().rev() {
        out.string(member);
        out.bytes.extend_from_slice(&score.to_le_bytes());
    }
    out.finish()
}

/// A listpack of these words, if that is the form and there is not too much of them.
fn listpack<'a>(form: Form, words: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    if form != Form::Packed {
        return None;
    }
    let mut pack = Listpack::new();
    for word in words {
        if pack.len() + Listpack::item_bytes_max(word.len()) > listpack::BYTES_MAX {
            return None;
        }
        pack.push(word);
    }
    Some(pack.into_bytes())
}

/// A score as Redis puts it into a listpack: an integer in plain digits, else as C's `%.17g` does.
fn text(score: f64) -> Vec<u8> {
    const DIGITS: i32 = 17;
    // The largest that Redis takes for an integer.
    const WHOLE_MAX: f64 = (i64::MAX / 2) as f64;
    if score.abs() <= WHOLE_MAX && score.fract() == 0.0 {
        return I64Text::new(score as i64).as_bytes().to_vec();
    }
    if score.is_infinite() {
        return if score > 0.0 { b"inf" } else { &b"-inf"[..] }.to_vec();
    }
    let scientific = format!("{score:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..DIGITS).contains(&exponent) {
        let decimals = (DIGITS - 1 - exponent) as usize;
        return trimmed(&format!("{score:.decimals$}")).into_bytes();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let mantissa = trimmed(mantissa);
    format!("{mantissa}e{sign}{:02}", exponent.abs()).into_bytes()
}

/// A payload that is being written.
#[derive(Default)]
struct Payload {
    bytes: Vec<u8>,
    packer: Packer,
    /// How many elements its packed strings have.
    items: usize,
}

impl Payload {
    fn new(kind: u8) -> Self {
        Self {
            bytes: vec![kind],
            packer: Packer::default(),
            items: 0,
        }
    }

    fn len(&mut self, len: u64) {
        if let Ok(len @ 0..64) = u8::try_from(len) {
            self.bytes.push(len);
        } else if let Ok(len @ 0..0x4000) = u16::try_from(len) {
            let [high, low] = len.to_be_bytes();
            self.bytes.extend([length::BITS_14 << 6 | high, low]);
        } else if let Ok(len) = u32::try_from(len) {
            self.bytes.push(length::BITS_32);
            self.bytes.extend_from_slice(&len.to_be_bytes());
        } else {
            self.bytes.push(length::BITS_64);
            self.bytes.extend_from_slice(&len.to_be_bytes());
        }
    }

    /// A string: as a number of up to 32 bits if it is one, else compressed if that helps.
    fn string(&mut self, bytes: &[u8]) {
        if let Some(number) = parse_i64(bytes).and_then(|number| i32::try_from(number).ok()) {
            let word = number.to_le_bytes();
            let (first, len) = match number {
                -0x80..0x80 => (length::INT_8, 1),
                -0x8000..0x8000 => (length::INT_16, 2),
                _ => (length::INT_32, 4),
            };
            self.bytes.push(first);
            self.bytes.extend_from_slice(&word[..len]);
            return;
        }
        if bytes.len() > UNCOMPRESSED_BYTES_MAX
            && let Some(packed) = self.packer.pack(bytes, bytes.len() - SAVED_BYTES_MIN)
        {
            self.bytes.push(length::LZF);
            self.len(packed.len() as u64);
            self.len(bytes.len() as u64);
            self.bytes.extend_from_slice(&packed);
            return;
        }
        self.len(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn node(&mut self, pack: Listpack, items: usize) {
        self.len(node::PACKED);
        self.packed(&pack.into_bytes(), items);
    }

    /// A string of so many elements. It is compressed only while whoever reads it may take it for what it is.
    fn packed(&mut self, bytes: &[u8], items: usize) {
        self.items += items;
        if self.items <= ITEMS {
            self.string(bytes);
        } else {
            self.len(bytes.len() as u64);
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn finish(self) -> Vec<u8> {
        with_footer(self.bytes)
    }
}
