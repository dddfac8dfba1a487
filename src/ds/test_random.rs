//! Random numbers for tests of structures, from a seed that is printed.
//!
//! `NACRE_SEED` repeats what a failed test has printed.

use std::hash::BuildHasher;

/// splitmix64.
pub(in crate::ds) struct Rng(pub(in crate::ds) u64);

impl Rng {
    pub(in crate::ds) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(in crate::ds) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(in crate::ds) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// The seed that was asked for, or another each time.
pub(in crate::ds) fn seed() -> u64 {
    let seed = match std::env::var("NACRE_SEED") {
        Ok(text) => text.parse().expect("NACRE_SEED is a number"),
        Err(_) => std::collections::hash_map::RandomState::new().hash_one(1),
    };
    eprintln!("NACRE_SEED={seed}");
    seed
}
