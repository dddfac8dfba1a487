//! Little-endian base-128 integers (LEB128), and a bounds-checked cursor over bytes.

/// Appends `value`, seven bits a byte, lowest first.
pub(crate) fn write(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`write`] takes for `value`.
pub(crate) fn len(value: u64) -> usize {
    // Seven bits a byte; zero takes one byte too.
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Reads bytes front to back; every method answers `None` where the bytes end or do not fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that are left.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    /// A varint of at most ten bytes; over-long forms of the same number are refused, so that every
    /// state has one encoding.
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return (byte != 0 || shift == 0).then_some(value);
            }
        }
        None
    }

    pub(crate) fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let count = usize::try_from(count).ok()?;
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    /// A length as varint, then that many bytes.
    pub(crate) fn slice(&mut self) -> Option<&'a [u8]> {
        let count = self.varint()?;
        self.take(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_round_trips() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1_u64 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                write(&mut bytes, value);
                let mut reader = Reader::new(&bytes);
                assert_eq!(reader.varint(), Some(value));
                assert!(reader.is_empty());
            }
        }
    }

    #[test]
    fn overlong_and_overflowing_forms_are_refused() {
        assert_eq!(Reader::new(&[0x80, 0x00]).varint(), None);
        assert_eq!(Reader::new(&[0xff; 10]).varint(), None);
        assert_eq!(Reader::new(&[0x80; 3]).varint(), None);
        let mut top = [0xff; 10];
        top[9] = 1;
        assert_eq!(Reader::new(&top).varint(), Some(u64::MAX));
    }

    #[test]
    fn a_length_past_the_end_takes_nothing() {
        assert_eq!(Reader::new(&[5, 1, 2]).slice(), None);
        assert_eq!(Reader::new(&[2, 1, 2]).slice(), Some(&[1, 2][..]));
    }
}
