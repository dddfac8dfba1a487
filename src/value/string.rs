//! The large form of a string: what does not fit into a page of the keyspace.
//!
//! A thin name over [`Bits`], for a bitmap is a string: GET after SETBIT must agree. A string of up to
//! 4 KiB is one piece of memory; a longer one is chunks of that size.
//!
//! Invariants:
//! 1. The contents are exactly those of the `Bits`; nothing is kept beside it.
//!
//! It must not check Redis's limits: commands do, before they change anything.

use crate::ds::bits::{self, Bits, Source};
pub(crate) use crate::ds::bits::{BitOp, Filter, Plan, first_difference};

/// A string of any length. Clones in O(1); writes copy what a clone shares, one chunk at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct StringValue {
    bits: Bits,
}

impl StringValue {
    /// The empty string.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A copy of `bytes`. O(n).
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Bits::from_bytes(bytes).into()
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.bits.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// The byte at `offset`; 0 past the end.
    pub(crate) fn byte(&self, offset: u64) -> u8 {
        self.bits.byte(offset)
    }

    /// Appends the bytes `offset..offset + len`, clamped to the end, to `out`. Allocates that many.
    pub(crate) fn read_into(&self, offset: u64, len: u64, out: &mut Vec<u8>) {
        self.bits.read_into(offset, len, out);
    }

    /// The whole string as one slice, where it lies in one piece.
    pub(crate) fn as_contiguous(&self) -> Option<&[u8]> {
        self.bits.as_contiguous()
    }

    /// Visits the stored runs of `from..to_exclusive` in order; what lies between is zeros.
    pub(crate) fn for_each_chunk(
        &self,
        from: u64,
        to_exclusive: u64,
        visit: &mut dyn FnMut(u64, &[u8]),
    ) {
        self.bits.for_each_chunk(from, to_exclusive, visit);
    }

    /// Writes `bytes` at `offset`, extending with zeros; empty `bytes` extend to `offset`.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.bits.write(offset, bytes);
    }

    /// Writes `bytes` at the end. Amortised O(bytes).
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.bits.write(self.bits.len(), bytes);
    }

    /// Cuts the string to `len` bytes if it is longer.
    pub(crate) fn truncate(&mut self, len: u64) {
        self.bits.truncate(len);
    }

    /// The bit at offset `bit`, counted from the highest bit of byte 0; unset past the end.
    pub(crate) fn get_bit(&self, bit: u64) -> bool {
        self.bits.get_bit(bit)
    }

    /// Sets or clears a bit, extending the string to its byte, and answers what it was.
    pub(crate) fn set_bit(&mut self, bit: u64, on: bool) -> bool {
        self.bits.set_bit(bit, on)
    }

    /// How many of the bits `from_bit..to_bit_exclusive` are set, from cached counts.
    pub(crate) fn count_ones(&self, from_bit: u64, to_bit_exclusive: u64) -> u64 {
        self.bits.count_ones(from_bit, to_bit_exclusive)
    }

    /// The first of the bits `from_bit..to_bit_exclusive`, clamped to the end, that equals `bit`.
    pub(crate) fn find(&self, bit: bool, from_bit: u64, to_bit_exclusive: u64) -> Option<u64> {
        self.bits.find(bit, from_bit, to_bit_exclusive)
    }

    /// The string as a source of [`StringValue::combine`].
    pub(crate) fn as_source(&self) -> Source<'_> {
        Source::Bits(&self.bits)
    }

    /// Joins `sources` bit by bit; see [`Bits::combine`].
    pub(crate) fn combine(op: BitOp, sources: &[Source<'_>]) -> Self {
        Bits::combine(op, sources).into()
    }

    /// The structure itself.
    pub(crate) fn bits(&self) -> &Bits {
        &self.bits
    }

    /// The heap bytes below this value, as if nothing were shared with another.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bits.memory_bytes()
    }
}

impl From<Bits> for StringValue {
    fn from(bits: Bits) -> Self {
        Self { bits }
    }
}

/// [`StringValue::count_ones`] for a string that lies in a page.
pub(crate) fn count_ones(bytes: &[u8], from_bit: u64, to_bit_exclusive: u64) -> u64 {
    bits::count_ones(bytes, from_bit, to_bit_exclusive)
}

/// [`StringValue::find`] for a string that lies in a page.
pub(crate) fn find(bytes: &[u8], bit: bool, from_bit: u64, to_bit_exclusive: u64) -> Option<u64> {
    bits::find(bytes, bit, from_bit, to_bit_exclusive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_after_set_bit_agrees() {
        let mut value = StringValue::from_bytes(b"ab");
        assert!(!value.set_bit(6, true));
        value.append(b"!");
        assert_eq!(value.as_contiguous(), Some(b"cb!".as_slice()));
        let mut out = Vec::new();
        value.read_into(1, 100, &mut out);
        assert_eq!(out, b"b!");
        assert_eq!(value.count_ones(0, 8), 4);
        assert_eq!(count_ones(b"c", 0, 8), 4);
        assert_eq!(find(b"c", true, 0, 8), value.find(true, 0, 8));
    }

    #[test]
    fn appending_byte_by_byte_keeps_the_clone() {
        let mut value = StringValue::new();
        let mut expected = Vec::new();
        let mut held = value.clone();
        let len = if cfg!(miri) { 300 } else { 20_000 };
        for i in 0..len {
            if i == len / 2 {
                held = value.clone();
            }
            value.append(&[i as u8]);
            expected.push(i as u8);
        }
        let mut out = Vec::new();
        value.read_into(0, u64::MAX, &mut out);
        assert_eq!(out, expected);
        out.clear();
        held.read_into(0, u64::MAX, &mut out);
        assert_eq!(out, expected[..len / 2]);
    }
}
