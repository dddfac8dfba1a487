//! One shard: a table of keys for each logical database. And how keys are spread over shards.
//!
//! A key has the same shard in every database, so moving one between databases stays in its shard.

use std::sync::Arc;

use super::table::{Keys, Table};
use crate::ds::census::Census;
pub(crate) use crate::effect::DATABASES;

/// The tables of databases 1 and up.
type Others = [Table; DATABASES as usize - 1];

/// The keys whose hash starts with this shard's number, database by database. Clones in O(1).
///
/// Nearly every program uses database 0 only: its table lies here, and shards whose other databases
/// were never used share one array of empty tables.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    first: Table,
    others: Arc<Others>,
    /// Whether databases 1 and up were ever open to change: false means that they are empty.
    others_used: bool,
}

impl Shard {
    /// The table of a database.
    ///
    /// # Panics
    /// If there is no such database, which commands check.
    #[inline]
    pub(crate) fn table(&self, database: u8) -> &Table {
        match database {
            0 => &self.first,
            other => &self.others[usize::from(other) - 1],
        }
    }

    /// As [`table`](Self::table), to change.
    #[inline]
    pub(crate) fn table_mut(&mut self, database: u8) -> &mut Table {
        match database {
            0 => &mut self.first,
            other => {
                self.others_used = true;
                &mut Arc::make_mut(&mut self.others)[usize::from(other) - 1]
            }
        }
    }

    /// The tables of all databases, from 0 on; as far as they were ever used.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        let others: &[Table] = if self.others_used { &*self.others } else { &[] };
        std::iter::once(&self.first).chain(others)
    }

    /// The tables with their databases' numbers, those without keys left out.
    pub(crate) fn databases(&self) -> impl Iterator<Item = (u8, &Table)> {
        (0..)
            .zip(self.tables())
            .filter(|(_, table)| !table.keys().is_empty())
    }

    /// Lets two databases change their content.
    pub(crate) fn swap_databases(&mut self, one: u8, two: u8) {
        if one == two {
            return;
        }
        let first = self.table(one).clone();
        let second = std::mem::replace(self.table_mut(two), first);
        *self.table_mut(one) = second;
    }

    /// Keys of all databases. O(1).
    pub(crate) fn key_count(&self) -> usize {
        self.tables().map(|table| table.keys().len()).sum()
    }

    /// Whether no database has a key.
    pub(crate) fn is_empty(&self) -> bool {
        self.databases().next().is_none()
    }

    /// Bytes of all databases' keys and values. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        self.tables().map(Table::memory_bytes).sum()
    }

    /// Bytes of what would go with this shard and whatever the census has seen.
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        let mut bytes = self.first.exclusive_bytes(census);
        if self.others_used && census.is_last(&self.others) {
            bytes += size_of::<Others>();
            let others = self.others.iter();
            bytes += others
                .map(|table| table.exclusive_bytes(census))
                .sum::<usize>();
        }
        bytes
    }
}

/// How keys become hashes and hashes become shards: fixed for the life of a file.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    seeds: [u64; 4],
    hasher: ahash::RandomState,
    shard_bits: u32,
    empty: Shard,
}

impl Layout {
    /// At most 2^10 shards: a snapshot clones one root for each.
    pub(crate) const SHARD_BITS_MAX: u32 = 10;

    pub(crate) fn new(seeds: [u64; 4], shard_bits: u32) -> Self {
        let [a, b, c, d] = seeds;
        let hasher = ahash::RandomState::with_seeds(a, b, c, d);
        let shard_bits = shard_bits.min(Self::SHARD_BITS_MAX);
        let table = || Table::new(Keys::with_skip_bits(hasher.clone(), shard_bits));
        Self {
            seeds,
            shard_bits,
            empty: Shard {
                first: table(),
                others: Arc::new(std::array::from_fn(|_| table())),
                others_used: false,
            },
            hasher,
        }
    }

    /// The hasher of every table, of large collections too.
    pub(crate) fn hasher(&self) -> &ahash::RandomState {
        &self.hasher
    }

    pub(crate) fn seeds(&self) -> [u64; 4] {
        self.seeds
    }

    /// Whether both put every key at the same place.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.seeds, self.shard_bits) == (other.seeds, other.shard_bits)
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
        self.empty.clone()
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
    fn databases_are_apart_and_change_places() {
        use crate::ds::hash_trie::{NO_DEADLINE, NewPayload};
        let layout = Layout::new([1, 2, 3, 4], 0);
        let mut shard = layout.empty_shard();
        let hash = layout.hash(b"k");
        for database in [0, 3, DATABASES - 1] {
            let value = NewPayload::Inline(std::slice::from_ref(&database));
            shard
                .table_mut(database)
                .insert(hash, b"k", 0, NO_DEADLINE, value);
        }
        let used = |shard: &Shard| shard.databases().map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(used(&shard), [0, 3, DATABASES - 1]);
        let held = shard.clone();
        shard.swap_databases(0, 1);
        shard.swap_databases(3, 3);
        assert_eq!(used(&shard), [1, 3, DATABASES - 1]);
        assert_eq!(used(&held), [0, 3, DATABASES - 1]);
        assert!(!shard.is_empty() && layout.empty_shard().is_empty());
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
