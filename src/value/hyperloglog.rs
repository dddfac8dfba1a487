//! HyperLogLog: an estimate of how many different elements were seen, in at most 12,304 bytes of a
//! string, byte for byte as Redis lays it out.
//!
//! Called by the commands of `command::hyperloglog`, which read the string, change a [`HyperLogLog`] and
//! write back what differs. The string is a header of 16 bytes (`HYLL`, the encoding, three zeros, the
//! last estimate as 8 bytes little endian, whose highest bit says that it is out of date) and then
//! 16,384 registers of 6 bits, either all of them (dense) or as runs (sparse):
//!
//! | byte(s) | run |
//! |---|---|
//! | `00nnnnnn` | n + 1 registers of 0 |
//! | `01nnnnnn nnnnnnnn` | n + 1 registers of 0 |
//! | `1vvvvvnn` | n + 1 registers of v + 1 |
//!
//! Invariants:
//! 1. The same elements in the same order give the same bytes as in Redis 7.0.
//! 2. Bytes are not trusted: whatever they hold, there is an error or an answer in bounded time.
//! 3. What fails changes nothing.
//!
//! It must not know keys, nor where the string lies.

use crate::error::CommandError;

/// Registers of one HyperLogLog, and the bits of a hash that choose one.
pub(crate) const REGISTERS: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 14;
/// The bits of a hash among which the first set one is looked for.
const RANK_BITS: usize = 64 - INDEX_BITS as usize;
const REGISTER_BITS: usize = 6;
const REGISTER_MAX: u8 = (1 << REGISTER_BITS) - 1;

/// Bytes before the registers.
pub(crate) const HEADER_BYTES: usize = 16;
/// The length of the dense form.
pub(crate) const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * REGISTER_BITS / 8;
/// The sparse form does not grow past this; Redis's `hll-sparse-max-bytes` unless configured.
const SPARSE_BYTES_MAX: usize = 3000;
/// Past this, no sparse string is read: the longest valid one has two bytes for each register.
pub(crate) const STRING_BYTES_MAX: u64 = (HEADER_BYTES + 2 * REGISTERS) as u64 * 2;

const MAGIC: &[u8] = b"HYLL";
const ENCODING_AT: usize = 4;
/// Where the estimate lies, and the byte with the bit that says it is out of date.
pub(crate) const ESTIMATE_AT: usize = 8;
pub(crate) const STALE_AT: usize = 15;
pub(crate) const STALE_BIT: u8 = 0x80;

const ZERO_RUN_MAX: usize = 64;
const VALUE_MAX: u8 = 32;
const VALUE_RUN_MAX: usize = 4;

/// How the registers are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Dense,
    Sparse,
}

/// Redis's refusal of a string that is no HyperLogLog.
pub(crate) fn not_valid() -> CommandError {
    CommandError::Other("WRONGTYPE Key is not a valid HyperLogLog string value.".into())
}

/// Redis's refusal of one whose runs do not add up.
pub(crate) fn corrupted() -> CommandError {
    CommandError::Other("INVALIDOBJ Corrupted HLL object detected".into())
}

/// The encoding that the header of a string of `len` bytes names.
///
/// # Errors
/// If it is not the header of a HyperLogLog of that length.
pub(crate) fn encoding(header: &[u8], len: u64) -> Result<Encoding, CommandError> {
    if header.len() < HEADER_BYTES || !header.starts_with(MAGIC) {
        return Err(not_valid());
    }
    match header[ENCODING_AT] {
        0 if len == DENSE_BYTES as u64 => Ok(Encoding::Dense),
        1 => Ok(Encoding::Sparse),
        _ => Err(not_valid()),
    }
}

/// The last estimate that a header holds, unless it is out of date.
pub(crate) fn estimate(header: &[u8]) -> Option<u64> {
    let bytes = header.get(ESTIMATE_AT..HEADER_BYTES)?;
    let is_fresh = bytes[STALE_AT - ESTIMATE_AT] & STALE_BIT == 0;
    is_fresh.then(|| {
        bytes
            .iter()
            .rev()
            .fold(0, |sum, &b| sum << 8 | u64::from(b))
    })
}

/// The register an element belongs to, and the value that it must have at least.
pub(crate) fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element);
    let index = (hash & (REGISTERS as u64 - 1)) as usize;
    let rank = (hash >> INDEX_BITS | 1 << RANK_BITS).trailing_zeros() + 1;
    (index, rank as u8)
}

/// MurmurHash64A (Appleby, public domain) with Redis's seed, little endian on every machine.
fn murmur(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    const SHIFT: u32 = 47;
    const SEED: u64 = 0xadc8_3b19;
    let scramble = |word: u64| {
        let word = word.wrapping_mul(FACTOR);
        (word ^ word >> SHIFT).wrapping_mul(FACTOR)
    };
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash ^ scramble(u64::from_le_bytes(*word))).wrapping_mul(FACTOR);
    }
    if !tail.is_empty() {
        let mut word = [0; 8];
        word[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(FACTOR);
    hash ^ hash >> SHIFT
}

/// The byte of the dense form in which a register starts, and the bit there. The last register is the
/// only one that lies in one byte where another would reach into the next.
pub(crate) fn dense_place(index: usize) -> (usize, u32) {
    let bit = index * REGISTER_BITS;
    (HEADER_BYTES + bit / 8, (bit % 8) as u32)
}

/// The register that starts at bit `shift` of `low`, which `high` follows.
pub(crate) fn dense_get(low: u8, high: u8, shift: u32) -> u8 {
    ((u16::from_le_bytes([low, high]) >> shift) as u8) & REGISTER_MAX
}

/// The two bytes with that register set.
pub(crate) fn dense_set(low: u8, high: u8, shift: u32, value: u8) -> [u8; 2] {
    let old = u16::from_le_bytes([low, high]) & !(u16::from(REGISTER_MAX) << shift);
    (old | u16::from(value) << shift).to_le_bytes()
}

/// A run of the sparse form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    value: u8,
    /// Registers.
    len: usize,
    /// Bytes it takes.
    bytes: usize,
}

/// The run at the start of `bytes`, which are not none. One that is cut off reads on as a zero byte.
fn run(bytes: &[u8]) -> Run {
    let first = bytes[0];
    let count = usize::from(first & 0x3f);
    match first >> 6 {
        0 => Run {
            value: 0,
            len: count + 1,
            bytes: 1,
        },
        1 => Run {
            value: 0,
            len: (count << 8 | bytes.get(1).copied().map_or(0, usize::from)) + 1,
            bytes: 2,
        },
        _ => Run {
            value: (first >> 2 & 0x1f) + 1,
            len: usize::from(first & 3) + 1,
            bytes: 1,
        },
    }
}

/// The runs of the sparse form, to its end.
fn runs(mut bytes: &[u8]) -> impl Iterator<Item = Run> + '_ {
    std::iter::from_fn(move || {
        let next = (!bytes.is_empty()).then(|| run(bytes))?;
        bytes = bytes.get(next.bytes..).unwrap_or_default();
        Some(next)
    })
}

fn push_zeros(len: usize, out: &mut Vec<u8>) {
    let count = len - 1;
    if len > ZERO_RUN_MAX {
        out.extend_from_slice(&[0x40 | (count >> 8) as u8, count as u8]);
    } else {
        out.push(count as u8);
    }
}

fn value_run(value: u8, len: usize) -> u8 {
    0x80 | (value - 1) << 2 | (len - 1) as u8
}

/// All registers, one byte each, of one HyperLogLog or of several joined.
#[derive(Debug, Clone)]
pub(crate) struct Registers(Vec<u8>);

impl Registers {
    /// Those of nothing seen.
    pub(crate) fn new() -> Self {
        Self(vec![0; REGISTERS])
    }

    /// Those that are not 0, by index.
    fn set(&self) -> impl Iterator<Item = (usize, u8)> + '_ {
        let all = self.0.iter().copied().enumerate();
        all.filter(|&(_, value)| value > 0)
    }

    /// Raises each to the one of `other`. They are undefined after an error.
    ///
    /// # Errors
    /// If the runs of `other` do not add up.
    pub(crate) fn join(&mut self, other: &HyperLogLog) -> Result<(), CommandError> {
        match other.encoding {
            Encoding::Dense => {
                let (triples, _) = other.bytes[HEADER_BYTES..].as_chunks::<3>();
                for (own, &[low, middle, high]) in self.0.chunks_exact_mut(4).zip(triples) {
                    let packed = u32::from_le_bytes([low, middle, high, 0]);
                    for (at, register) in own.iter_mut().enumerate() {
                        let value = (packed >> (at * REGISTER_BITS)) as u8 & REGISTER_MAX;
                        *register = value.max(*register);
                    }
                }
            }
            Encoding::Sparse => {
                let mut at = 0;
                for run in runs(&other.bytes[HEADER_BYTES..]) {
                    let end = at + run.len;
                    if run.value > 0 {
                        let own = self.0.get_mut(at..end).ok_or_else(corrupted)?;
                        for register in own {
                            *register = run.value.max(*register);
                        }
                    }
                    at = end;
                }
                if at != REGISTERS {
                    return Err(corrupted());
                }
            }
        }
        Ok(())
    }

    /// The estimate of how many different elements they have seen.
    pub(crate) fn count(&self) -> u64 {
        let mut histogram = Histogram::new();
        for &value in &self.0 {
            histogram.0[usize::from(value)] += 1;
        }
        histogram.estimate()
    }
}

/// How many registers have each value.
struct Histogram([u32; REGISTER_MAX as usize + 1]);

impl Histogram {
    fn new() -> Self {
        Self([0; REGISTER_MAX as usize + 1])
    }

    /// Ertl's improved estimator ("New cardinality estimation algorithms for HyperLogLog sketches",
    /// 2017, algorithm 6), in the order of operations that gives Redis's digits.
    fn estimate(&self) -> u64 {
        /// 1 / (2 ln 2).
        const ALPHA: f64 = 0.721_347_520_444_481_7;
        let m = REGISTERS as f64;
        let registers = |value: usize| f64::from(self.0[value]);
        let mut z = m * tau((m - registers(RANK_BITS + 1)) / m);
        for value in (1..=RANK_BITS).rev() {
            z = (z + registers(value)) * 0.5;
        }
        z += m * sigma(registers(0) / m);
        (ALPHA * m * m / z).round() as u64
    }
}

/// The sum of `x^(2^k) * 2^(k-1)` over k from 0.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut factor, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * factor;
        factor += factor;
        if sum == before {
            return sum;
        }
    }
}

/// A third of `1 - x` without the sum of `(1 - x^(2^-k))^2 * 2^-k` over k from 1.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut factor, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        factor *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * factor;
        if sum == before {
            return sum / 3.0;
        }
    }
}

/// A HyperLogLog as the bytes of its string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HyperLogLog {
    bytes: Vec<u8>,
    encoding: Encoding,
}

impl HyperLogLog {
    /// One that has seen nothing, sparse.
    pub(crate) fn new() -> Self {
        let mut bytes = MAGIC.to_vec();
        bytes.push(1);
        bytes.resize(HEADER_BYTES, 0);
        push_zeros(REGISTERS, &mut bytes);
        Self {
            bytes,
            encoding: Encoding::Sparse,
        }
    }

    /// The one that a string is.
    ///
    /// # Errors
    /// If the header is not that of a HyperLogLog of this length.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Result<Self, CommandError> {
        let encoding = encoding(&bytes, bytes.len() as u64)?;
        Ok(Self { bytes, encoding })
    }

    /// The bytes of the string.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How its registers are laid out.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The estimate of how many different elements it has seen. O(registers), not from the header.
    ///
    /// # Errors
    /// If its runs do not add up.
    pub(crate) fn count(&self) -> Result<u64, CommandError> {
        if self.encoding == Encoding::Dense {
            let mut registers = Registers::new();
            registers.join(self)?;
            return Ok(registers.count());
        }
        let (mut histogram, mut registers) = (Histogram::new(), 0);
        for run in runs(&self.bytes[HEADER_BYTES..]) {
            registers += run.len;
            if registers > REGISTERS {
                return Err(corrupted());
            }
            histogram.0[usize::from(run.value)] += run.len as u32;
        }
        if registers != REGISTERS {
            return Err(corrupted());
        }
        Ok(histogram.estimate())
    }

    /// Marks the estimate in the header as out of date.
    pub(crate) fn make_stale(&mut self) {
        self.bytes[STALE_AT] |= STALE_BIT;
    }

    /// Sees an element; says whether that changed a register.
    ///
    /// # Errors
    /// If its runs do not add up, as far as they are read; nothing is changed.
    pub(crate) fn add(&mut self, element: &[u8]) -> Result<bool, CommandError> {
        let (index, value) = place(element);
        self.raise(index, value)
    }

    /// Raises each register to the one of `registers`.
    ///
    /// # Errors
    /// If its runs do not add up; it is then to be thrown away.
    pub(crate) fn raise_all(&mut self, registers: &Registers) -> Result<(), CommandError> {
        for (index, value) in registers.set() {
            self.raise(index, value)?;
        }
        Ok(())
    }

    /// Raises one register to `value`; says whether it was below.
    fn raise(&mut self, index: usize, value: u8) -> Result<bool, CommandError> {
        match self.encoding {
            Encoding::Dense => Ok(self.raise_dense(index, value)),
            Encoding::Sparse => self.raise_sparse(index, value),
        }
    }

    fn raise_dense(&mut self, index: usize, value: u8) -> bool {
        let (at, shift) = dense_place(index);
        let (low, high) = (self.bytes[at], self.bytes.get(at + 1).copied().unwrap_or(0));
        if dense_get(low, high, shift) >= value {
            return false;
        }
        let [low, high] = dense_set(low, high, shift, value);
        self.bytes[at] = low;
        if let Some(byte) = self.bytes.get_mut(at + 1) {
            *byte = high;
        }
        true
    }

    /// As Redis does it: the run that holds the register is cut into up to three, and then a few
    /// neighbours are joined. A value or a length that the sparse form cannot hold makes it dense.
    fn raise_sparse(&mut self, index: usize, value: u8) -> Result<bool, CommandError> {
        if value > VALUE_MAX {
            self.make_dense()?;
            return Ok(self.raise_dense(index, value));
        }
        let mut previous = None;
        let (mut at, mut first) = (HEADER_BYTES, 0);
        let old = loop {
            let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty());
            let run = run(rest.ok_or_else(corrupted)?);
            if index < first + run.len {
                break run;
            }
            previous = Some(at);
            at += run.bytes;
            first += run.len;
        };
        if old.value >= value {
            return Ok(false);
        }
        if at + old.bytes > self.bytes.len() {
            return Err(corrupted()); // half a run
        }
        let mut cut = Vec::with_capacity(5);
        let rest = |len: usize, cut: &mut Vec<u8>| match (len, old.value) {
            (0, _) => {}
            (_, 0) => push_zeros(len, cut),
            (_, kept) => cut.push(value_run(kept, len)),
        };
        rest(index - first, &mut cut);
        cut.push(value_run(value, 1));
        rest(first + old.len - 1 - index, &mut cut);
        let len = self.bytes.len() + cut.len() - old.bytes;
        if cut.len() > old.bytes && len > SPARSE_BYTES_MAX {
            self.make_dense()?;
            return Ok(self.raise_dense(index, value));
        }
        self.bytes.splice(at..at + old.bytes, cut);
        self.join_runs(previous.unwrap_or(HEADER_BYTES));
        self.make_stale();
        Ok(true)
    }

    /// Joins neighbouring runs of one value among the first five from `at`.
    fn join_runs(&mut self, mut at: usize) {
        for _ in 0..5 {
            let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) else {
                return;
            };
            let this = run(rest);
            let next = rest
                .get(this.bytes..)
                .filter(|rest| !rest.is_empty())
                .map(run);
            match next {
                Some(next)
                    if this.value > 0
                        && next.value == this.value
                        && this.len + next.len <= VALUE_RUN_MAX =>
                {
                    self.bytes[at + 1] = value_run(this.value, this.len + next.len);
                    self.bytes.remove(at);
                }
                _ => at += this.bytes,
            }
        }
    }

    /// Lays out all registers.
    ///
    /// # Errors
    /// If its runs do not add up; nothing is changed.
    pub(crate) fn make_dense(&mut self) -> Result<(), CommandError> {
        if self.encoding == Encoding::Dense {
            return Ok(());
        }
        let mut registers = Registers::new();
        registers.join(self)?;
        self.bytes.truncate(HEADER_BYTES);
        self.bytes.resize(DENSE_BYTES, 0);
        self.bytes[ENCODING_AT] = 0;
        self.encoding = Encoding::Dense;
        for (index, value) in registers.set() {
            self.raise_dense(index, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
