//! Strings as bitmaps: what commands ask of a [`StringRef`] bit by bit, and the mutators of bits.
//!
//! Called by the bitmap commands. Invariants:
//! 1. A bit that stays what it is in a string that is long enough and `raw` already records nothing
//!    and unshares nothing.
//! 2. Zeros that a long string does not hold are not recorded either.
//!
//! It must not check limits: commands do, before they change anything.

use super::entry::{StringRef, is_gone, tag};
use super::event::Event;
use super::tx::WriteTx;
use crate::ds::bits::{BitOp, Source};
use crate::ds::hash_trie::{INLINE_VALUE_MAX, NO_DEADLINE, NewPayload, Payload};
use crate::effect::Effect;
use crate::error::CommandError;
use crate::value::{StringValue, Value, string};

impl<'a> StringRef<'a> {
    /// The byte at `offset`; 0 past the end.
    pub(crate) fn byte(&self, offset: u64) -> u8 {
        match self {
            Self::Inline(bytes) => usize::try_from(offset)
                .ok()
                .and_then(|at| bytes.get(at))
                .copied()
                .unwrap_or(0),
            Self::Large(string) => string.byte(offset),
        }
    }

    /// The bit at offset `bit`, counted from the highest bit of byte 0; unset past the end.
    pub(crate) fn get_bit(&self, bit: u64) -> bool {
        self.byte(bit / 8) & mask(bit) != 0
    }

    /// How many of the bits `from_bit..to_bit_exclusive` are set.
    pub(crate) fn count_ones(&self, from_bit: u64, to_bit_exclusive: u64) -> u64 {
        match self {
            Self::Inline(bytes) => string::count_ones(bytes, from_bit, to_bit_exclusive),
            Self::Large(string) => string.count_ones(from_bit, to_bit_exclusive),
        }
    }

    /// The first of the bits `from_bit..to_bit_exclusive`, clamped to the end, that equals `bit`.
    pub(crate) fn find_bit(&self, bit: bool, from_bit: u64, to_bit_exclusive: u64) -> Option<u64> {
        match self {
            Self::Inline(bytes) => string::find(bytes, bit, from_bit, to_bit_exclusive),
            Self::Large(string) => string.find(bit, from_bit, to_bit_exclusive),
        }
    }

    /// The string as a source of [`StringValue::combine`].
    pub(crate) fn as_source(&self) -> Source<'a> {
        match self {
            Self::Inline(bytes) => Source::Bytes(bytes),
            Self::Large(string) => string.as_source(),
        }
    }
}

/// Neighbouring chunks are recorded together until they have this length.
const PIECE_BYTES: usize = 64 * 1024;

/// The place of `bit` in its byte.
fn mask(bit: u64) -> u8 {
    0x80 >> (bit % 8)
}

/// `sources` joined bit by bit, as long as the longest; shorter ones read as zeros.
pub(crate) fn combine(op: BitOp, sources: &[StringRef<'_>]) -> StringValue {
    let sources: Vec<Source<'_>> = sources.iter().map(StringRef::as_source).collect();
    StringValue::combine(op, &sources)
}

impl WriteTx<'_> {
    /// Sets or clears a bit of the string at `key` and answers what it was. The string is created or
    /// extended as far as that bit and becomes `raw`; the deadline stays. The caller has checked the
    /// offset; what changes is Redis's `setbit`, and that a string becomes `raw` is no event.
    ///
    /// # Errors
    /// If `key` holds another type; nothing is changed.
    pub(crate) fn set_bit(&mut self, key: &[u8], bit: u64, on: bool) -> Result<bool, CommandError> {
        let now = self.now;
        self.event(Event::SetBit);
        let (table, hash) = self.at(key);
        let Some(entry) = table.keys().get(hash, key) else {
            self.write_string(key, bit / 8, &[if on { mask(bit) } else { 0 }]);
            return Ok(false);
        };
        let offset = bit / 8;
        let is_gone = is_gone(&entry, now);
        let old = match entry.payload {
            _ if is_gone => StringRef::Inline(&[]),
            Payload::Inline(bytes) => StringRef::Inline(bytes),
            Payload::Large(Value::String(string)) => StringRef::Large(string),
            Payload::Large(_) => return Err(CommandError::WrongType),
        };
        let is_settled = !is_gone && entry.tag == tag::STRING_RAW && offset < old.len();
        let grows = offset >= old.len();
        let is_inline = matches!(old, StringRef::Inline(_));
        let old_byte = old.byte(offset);
        let was_on = old_byte & mask(bit) != 0;
        let byte = if on {
            old_byte | mask(bit)
        } else {
            old_byte & !mask(bit)
        };
        if !is_settled {
            if !grows && was_on == on {
                self.batch.event = None;
            }
            self.write_string(key, offset, &[byte]);
            return Ok(was_on);
        }
        if was_on == on {
            return Ok(was_on);
        }
        if is_inline {
            if let Some(inline) = table.inline_mut(hash, key) {
                inline[offset as usize] = byte;
            }
        } else {
            table.edit(hash, key, |value| {
                if let Value::String(string) = value {
                    string.set_bit(bit, on);
                }
            });
        }
        self.batch.record(&Effect::StringWrite {
            key,
            offset,
            bytes: &[byte],
        });
        Ok(was_on)
    }

    /// Lets `key` hold `value`, edited in place and without a deadline, and nothing else.
    pub(crate) fn set_string_value(&mut self, key: &[u8], value: StringValue) {
        let len = value.len();
        if len <= INLINE_VALUE_MAX as u64 {
            let mut bytes = Vec::new();
            value.read_into(0, len, &mut bytes);
            self.put_string(key, &bytes, true, None);
            return;
        }
        // What is recorded now builds on an empty key.
        self.displace(key);
        let (table, hash) = self.at(key);
        let payload = NewPayload::Large(Value::String(value.clone()));
        table.insert(hash, key, tag::STRING_RAW, NO_DEADLINE, payload);
        let mut written = 0;
        if self.batch.recording {
            // Every piece names the key: neighbours are joined, so that a long key costs little.
            let piece_bytes = PIECE_BYTES.max(key.len() * 16);
            let mut piece: Vec<u8> = Vec::new();
            let batch = &mut *self.batch;
            let mut flush = |end: u64, piece: &mut Vec<u8>| {
                if !piece.is_empty() {
                    let offset = end - piece.len() as u64;
                    let bytes = piece.as_slice();
                    batch.record(&Effect::StringWrite { key, offset, bytes });
                    piece.clear();
                }
            };
            value.for_each_chunk(0, len, &mut |offset, bytes| {
                if offset != written || piece.len() >= piece_bytes {
                    flush(written, &mut piece);
                }
                piece.extend_from_slice(bytes);
                written = offset + bytes.len() as u64;
            });
            flush(written, &mut piece);
        }
        if written < len {
            self.batch.record(&Effect::StringWrite {
                key,
                offset: len,
                bytes: &[],
            });
        }
    }
}
