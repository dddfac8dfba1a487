//! When and how often the keys of a shard were used, approximately: what LRU and LFU policies choose by.
//!
//! One word for each key in a table beside the shard, mapped by the key's hash without regard to
//! collisions. `memory` and `evict` keep and read it under the shard's lock. Invariants:
//! 1. Nothing of the keyspace knows of it: a use unshares no page, and snapshots do not carry it.
//! 2. It exists only under a policy that asks for it.
//! 3. An error makes a key look used more than it was, never less: keys that collide share the latest
//!    use, or one count of both. There are two to four words for each key, so that one key in three or
//!    four shares its word, and no more than that.
//! 4. The logical database plays no part: `SWAPDB`, `MOVE` and a copy to another database find the word
//!    where it was, and keys of one name share it. A key that is renamed begins anew.

use super::options::EvictionPolicy;

/// Milliseconds of a tick, by which idle times are measured: 32 bits of them are 17 years.
const TICK_MS: u64 = 125;
const MS_PER_MINUTE: u64 = 60_000;
/// Words of a table at least.
const WORDS_MIN: usize = 16;

/// The counter of a key that has just come, so that it is not the next to go.
const COUNT_START: u8 = 5;
/// How much rarer it gets with each step that a use is counted. Redis: `lfu-log-factor`.
const LOG_FACTOR: u64 = 10;
/// Minutes until a counter falls by one. Redis: `lfu-decay-time`.
const DECAY_MINUTES: u64 = 1;

/// What is kept of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tracking {
    /// Nothing.
    Off,
    /// The tick of the last one, plus one.
    LastUse,
    /// A counter that grows with the logarithm of their number and falls with time (Morris; lowest 8
    /// bits), and the minute it was worked out in, plus one.
    Frequency,
}

impl Tracking {
    /// Each at the place of its number.
    pub(crate) const ALL: [Self; 3] = [Self::Off, Self::LastUse, Self::Frequency];

    /// What is kept under this limit, 0 for none.
    pub(crate) fn under(limit_bytes: u64, policy: EvictionPolicy) -> Self {
        match limit_bytes {
            0 => Self::Off,
            _ => Self::of(policy),
        }
    }

    fn of(policy: EvictionPolicy) -> Self {
        match policy {
            EvictionPolicy::AllKeysLru | EvictionPolicy::VolatileLru => Self::LastUse,
            EvictionPolicy::AllKeysLfu | EvictionPolicy::VolatileLfu => Self::Frequency,
            EvictionPolicy::NoEviction
            | EvictionPolicy::AllKeysRandom
            | EvictionPolicy::VolatileRandom
            | EvictionPolicy::VolatileTtl => Self::Off,
        }
    }
}

/// The uses of a shard's keys. Times are milliseconds since the database was opened.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// A power of two of words, or none; 0 is a key that was not used since the database was opened.
    words: Box<[u32]>,
}

impl Uses {
    /// Makes room for this many keys. What is known stays known.
    pub(crate) fn reserve(&mut self, keys: usize) {
        if keys.saturating_mul(2) <= self.words.len() {
            return;
        }
        let len = keys.saturating_mul(2).next_power_of_two().max(WORDS_MIN);
        let old = &self.words;
        // The lower bits of the place stay: what shared a word has each a copy of it.
        self.words = match old.len() {
            0 => vec![0; len].into_boxed_slice(),
            old_len => (0..len).map(|at| old[at & (old_len - 1)]).collect(),
        };
    }

    fn place(&self, hash: u64) -> usize {
        hash as usize & (self.words.len() - 1)
    }

    fn word(&self, hash: u64) -> u32 {
        match self.words.len() {
            0 => 0,
            _ => self.words[self.place(hash)],
        }
    }

    /// Notes a use of a key at this time.
    pub(crate) fn note(
        &mut self,
        tracking: Tracking,
        hash: u64,
        at_ms: u64,
        random: &dyn Fn() -> u64,
    ) {
        if self.words.is_empty() {
            self.reserve(1);
        }
        let place = self.place(hash);
        let word = &mut self.words[place];
        *word = match tracking {
            Tracking::Off => return,
            Tracking::LastUse => tick(at_ms).saturating_add(1).max(*word),
            Tracking::Frequency => {
                let count = match *word {
                    0 => COUNT_START,
                    word => counted(decayed(word, at_ms), random),
                };
                let minute = minute(at_ms).saturating_add(1).min(u32::MAX >> 8);
                (minute << 8) | u32::from(count)
            }
        };
    }

    /// Ticks since the last use.
    pub(crate) fn idle_ticks(&self, hash: u64, at_ms: u64) -> u32 {
        let last = self.word(hash).saturating_sub(1);
        tick(at_ms).saturating_sub(last)
    }

    /// Seconds since the last use.
    pub(crate) fn idle_seconds(&self, hash: u64, at_ms: u64) -> u64 {
        u64::from(self.idle_ticks(hash, at_ms)) * TICK_MS / 1000
    }

    /// The counter of uses, as of this time.
    pub(crate) fn frequency(&self, hash: u64, at_ms: u64) -> u8 {
        match self.word(hash) {
            0 => decayed((1 << 8) | u32::from(COUNT_START), at_ms),
            word => decayed(word, at_ms),
        }
    }
}

fn tick(at_ms: u64) -> u32 {
    u32::try_from(at_ms / TICK_MS).unwrap_or(u32::MAX)
}

fn minute(at_ms: u64) -> u32 {
    u32::try_from(at_ms / MS_PER_MINUTE).unwrap_or(u32::MAX)
}

/// The counter of a word after the time since.
fn decayed(word: u32, at_ms: u64) -> u8 {
    let since = minute(at_ms).saturating_sub((word >> 8).saturating_sub(1));
    let steps = u64::from(since) / DECAY_MINUTES;
    (word as u8).saturating_sub(u8::try_from(steps).unwrap_or(u8::MAX))
}

/// The counter after one more use: one higher with a chance that falls as it grows.
fn counted(count: u8, random: &dyn Fn() -> u64) -> u8 {
    let above = u64::from(count.saturating_sub(COUNT_START));
    let one_in = above * LOG_FACTOR + 1;
    let hit = (u128::from(random()) * u128::from(one_in)) >> 64 == 0;
    count.saturating_add(u8::from(hit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::rng::Rng;

    #[test]
    fn idle_times_count_from_the_last_use_and_survive_growth() {
        let (mut uses, random) = (Uses::default(), || 0);
        uses.reserve(8);
        assert_eq!(uses.idle_seconds(5, 10_000), 10, "since the opening");
        uses.note(Tracking::LastUse, 5, 60_000, &random);
        assert_eq!(uses.idle_seconds(5, 60_010), 0);
        uses.note(Tracking::LastUse, 5, 50_000, &random);
        assert_eq!(uses.idle_seconds(5, 63_100), 3, "never earlier");
        uses.reserve(1000);
        assert!(uses.words.len() >= 2000);
        assert_eq!(uses.idle_seconds(5, 160_000), 100);
        assert_eq!(uses.idle_seconds(6, 160_000), 160);
        uses.note(Tracking::LastUse, 5, u64::MAX, &random);
        assert_eq!(uses.idle_ticks(5, u64::MAX), 1);
    }

    #[test]
    fn counters_grow_with_the_logarithm_and_fall_with_time() {
        let rng = Rng::seeded(1);
        let random = || rng.next_u64();
        let mut uses = Uses::default();
        assert_eq!(uses.frequency(9, 0), COUNT_START);
        let mut seen = Vec::new();
        for n in 1..=100_000 {
            uses.note(Tracking::Frequency, 9, 0, &random);
            if [1, 100, 1000, 100_000].contains(&n) {
                seen.push(uses.frequency(9, 0));
            }
        }
        // Redis documents 10, 18 and 142 for 100, 1000 and 100 K uses with this factor.
        assert_eq!(seen[0], COUNT_START);
        assert!((7..14).contains(&seen[1]), "{seen:?}");
        assert!((14..25).contains(&seen[2]), "{seen:?}");
        assert!((120..170).contains(&seen[3]), "{seen:?}");
        assert_eq!(uses.frequency(9, 7 * MS_PER_MINUTE), seen[3] - 7);
        assert_eq!(uses.frequency(9, 900 * MS_PER_MINUTE), 0);
        uses.note(Tracking::Frequency, 9, u64::MAX, &random);
        assert!(uses.frequency(9, u64::MAX) <= 1);
    }
}
