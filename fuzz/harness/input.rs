//! The fuzzer's bytes, read as choices. Reading past the end gives zeros, so that every input means
//! something.

/// A cursor over the bytes.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        first
    }

    /// A number below `bound`, which is not 0 and at most 256.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Any number, with a liking for small ones and for limits.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            choice @ 0..=159 => u64::from(choice),
            160..=199 => u64::from(self.short()),
            choice @ 200..=239 => {
                // A power of two, one less, or one more.
                let power = 1_u64 << (self.byte() % 64);
                power.wrapping_add(u64::from(choice % 3)).wrapping_sub(1)
            }
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    /// Up to `most` bytes; their number is drawn first.
    pub(crate) fn some_bytes(&mut self, most: usize) -> &'a [u8] {
        let len = match self.byte() {
            choice @ 0..=249 => usize::from(choice),
            _ => usize::from(self.short()),
        };
        let (taken, rest) = self.bytes.split_at(len.min(most).min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }
}
