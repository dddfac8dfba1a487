//! One shard: a persistent map from keys to entries. And how keys are spread over shards.

use crate::ds::hash_trie::HashTrie;
use crate::value::Value;

/// The map of one shard.
pub(crate) type Keys = HashTrie<Value, ahash::RandomState>;

/// The keys whose hash starts with this shard's number. Clones in O(1).
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    pub(crate) keys: Keys,
}

/// How keys become hashes and hashes become shards: fixed for the life of a file.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    seeds: [u64; 4],
    hasher: ahash::RandomState,
    shard_bits: u32,
}

impl Layout {
    /// At most 2^10 shards: a snapshot clones one root for each.
    pub(crate) const SHARD_BITS_MAX: u32 = 10;

    pub(crate) fn new(seeds: [u64; 4], shard_bits: u32) -> Self {
        let [a, b, c, d] = seeds;
        Self {
            seeds,
            hasher: ahash::RandomState::with_seeds(a, b, c, d),
            shard_bits: shard_bits.min(Self::SHARD_BITS_MAX),
        }
    }

    pub(crate) fn seeds(&self) -> [u64; 4] {
        self.seeds
    }

    pub(crate) fn shard_bits(&self) -> u32 {
        self.shard_bits
    }

    pub(crate) fn shard_count(&self) -> usize {
        1 << self.shard_bits
    }

    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        Keys::hash_key(&self.hasher, key)
    }

    /// The shard of a hash: its top bits.
    #[inline]
    pub(crate) fn shard_of(&self, hash: u64) -> usize {
        // A rotation instead of a shift: a shift by 64 bits, for one shard, is not defined.
        (hash.rotate_left(self.shard_bits) as usize) & (self.shard_count() - 1)
    }

    /// The shard a scan cursor stands in, and its position there. Cursors are ordered like hashes: the
    /// shard's number in the top bits, the position in that shard's map below.
    pub(crate) fn cursor_parts(&self, cursor: u64) -> (usize, u64) {
        (self.shard_of(cursor), cursor & self.position_mask())
    }

    /// The cursor of a position in a shard; the position 0 of the shard after the last one is 0, the
    /// end.
    pub(crate) fn cursor(&self, shard: usize, position: u64) -> u64 {
        let shard = (shard & (self.shard_count() - 1)) as u64;
        shard.rotate_right(self.shard_bits) | (position & self.position_mask())
    }

    fn position_mask(&self) -> u64 {
        u64::MAX >> self.shard_bits
    }

    pub(crate) fn empty_shard(&self) -> Shard {
        Shard {
            keys: Keys::with_skip_bits(self.hasher.clone(), self.shard_bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_the_top_bits_of_the_hash() {
        let layout = Layout::new([1, 2, 3, 4], 6);
        assert_eq!(layout.shard_of(0), 0);
        assert_eq!(layout.shard_of(u64::MAX), 63);
        assert_eq!(layout.shard_of(1 << 58), 1);
        let single = Layout::new([1, 2, 3, 4], 0);
        assert_eq!(single.shard_of(u64::MAX), 0);
    }

    #[test]
    fn a_cursor_names_a_shard_and_a_position_in_it() {
        for bits in [0, 1, 6, Layout::SHARD_BITS_MAX] {
            let layout = Layout::new([1, 2, 3, 4], bits);
            let last = layout.shard_count() - 1;
            for (shard, position) in [(0, 0), (0, 7), (last, 0), (last, u64::MAX >> bits)] {
                let cursor = layout.cursor(shard, position);
                assert_eq!(
                    layout.cursor_parts(cursor),
                    (shard, position),
                    "{bits} bits"
                );
            }
            assert_eq!(layout.cursor(last + 1, 0), 0);
        }
    }
}
