//! Iteration over everything a snapshot holds.
//!
//! For exports, checks and comparisons. Invariants:
//! 1. It takes no lock and sees no write made after the snapshot was taken.
//! 2. Keys whose deadline had passed when the snapshot was taken are left out, as for every read.

use super::snapshot::Snapshot;
use crate::command::run::Host;
use crate::error::CommandError;
use crate::keyspace::{Entry, KeyType, StringRef};

/// One key of a snapshot and what it holds, borrowed from the snapshot.
#[derive(Debug)]
pub struct Record<'a> {
    entry: Entry<'a>,
}

impl<'a> Record<'a> {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.entry.key()
    }

    /// The type of its value.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.entry.key_type()
    }

    /// When it expires, in milliseconds since the Unix epoch; `None` for never.
    #[must_use]
    pub fn expires_at_ms(&self) -> Option<u64> {
        self.entry.expires_at_ms()
    }

    /// The length of its string, in bytes.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if it holds another type.
    pub fn string_len(&self) -> Result<u64, CommandError> {
        Ok(self.entry.string()?.len())
    }

    /// Calls `visit` with its string, from front to back, in the pieces it is held in, and with the
    /// offset of each. Zeros that a long string does not hold are left out: a string shorter than
    /// [`string_len`](Self::string_len) after its last piece ends in zeros.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if it holds another type.
    pub fn visit_string(&self, mut visit: impl FnMut(u64, &[u8])) -> Result<(), CommandError> {
        match self.entry.string()? {
            StringRef::Inline(bytes) => visit(0, bytes),
            StringRef::Large(string) => string.for_each_chunk(0, string.len(), &mut visit),
        }
        Ok(())
    }

    /// A copy of its string.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if it holds another type.
    pub fn string_to_vec(&self) -> Result<Vec<u8>, CommandError> {
        Ok(self.entry.string()?.to_vec())
    }
}

impl Snapshot {
    /// Every key with what it holds, in the order of the keys' hashes: the same each time, and no
    /// other order.
    ///
    /// # Complexity
    /// O(N) for N keys; nothing is copied.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("a", "1")?;
    /// db.set("b", "22")?;
    /// let snapshot = db.snapshot()?;
    /// db.del("a")?;
    /// let bytes: u64 = snapshot.iter().map(|record| record.string_len().unwrap_or(0)).sum();
    /// assert_eq!(bytes, 3);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        let taken_at_ms = self.taken_at_ms();
        let database = Host::database(self);
        self.shards()
            .iter()
            .flat_map(move |shard| shard.table(database).keys().iter())
            .map(Entry::new)
            .filter(move |entry| !entry.is_expired(taken_at_ms))
            .map(|entry| Record { entry })
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::{Db, KeyType, ManualClock};
    use std::sync::Arc;

    #[test]
    fn a_snapshot_iterates_over_what_was_live_when_it_was_taken() {
        let clock = Arc::new(ManualClock::new(1_000));
        let db = Db::builder().clock(clock.clone()).open_in_memory();
        for n in 0..500 {
            db.set(format!("key {n}"), vec![b'x'; n * 7]).unwrap();
        }
        db.set("gone", "").unwrap();
        db.expire_at_ms("gone", 1_500).unwrap();
        db.expire_at_ms("key 1", 9_000).unwrap();
        clock.set_ms(2_000);
        let snapshot = db.snapshot().unwrap();
        db.flush_all().unwrap();
        clock.set_ms(10_000);

        let mut seen: Vec<_> = snapshot
            .iter()
            .map(|record| {
                assert_eq!(record.key_type(), KeyType::String);
                let mut len = 0;
                record
                    .visit_string(|offset, bytes| {
                        assert_eq!(offset, len);
                        len += bytes.len() as u64;
                    })
                    .unwrap();
                assert_eq!(len, record.string_len().unwrap());
                assert_eq!(len, record.string_to_vec().unwrap().len() as u64);
                (len, record.key().to_vec(), record.expires_at_ms())
            })
            .collect();
        seen.sort();
        let expected: Vec<_> = (0..500_u64)
            .map(|n| {
                (
                    n * 7,
                    format!("key {n}").into_bytes(),
                    (n == 1).then_some(9_000),
                )
            })
            .collect();
        assert_eq!(seen, expected);
    }
}
