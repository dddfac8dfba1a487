//! Randomness: entropy for seeds, salts and ids, and a small generator for random choices.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::{Clock, SystemClock};

/// 64 bits that differ from call to call and from process to process: the standard library keys its
/// hasher from the system's entropy, and its SipHash turns a counter into independent-looking words.
pub(crate) fn entropy() -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(CALLS.fetch_add(1, Ordering::Relaxed));
    // Forked siblings share the keys and the counter, but neither of these.
    hasher.write_u32(std::process::id());
    hasher.write_u64(SystemClock.now_ms());
    hasher.finish()
}

/// SplitMix64 (Steele, Lea, Flood 2014) over an atomic counter: any thread may draw.
#[derive(Debug)]
pub(crate) struct Rng(AtomicU64);

impl Rng {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mix(state)
    }
}

/// SplitMix64's finisher: a bijection that spreads every input bit over the word.
pub(crate) fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_differs_between_calls() {
        let first = entropy();
        assert!((0..100).all(|_| entropy() != first));
    }

    #[test]
    fn a_seed_fixes_the_sequence() {
        let (one, two) = (Rng::seeded(7), Rng::seeded(7));
        assert!((0..100).all(|_| one.next_u64() == two.next_u64()));
    }
}
