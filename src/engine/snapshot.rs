//! The keyspace at one moment, kept by cloned roots.

use std::sync::Arc;

use super::activity::SnapshotActivities;
use crate::command::run::{Host, Keys, ReadCall, ReadCommand, RunRead, WriteCall};
use crate::command::server::check_database;
use crate::ds::census::Census;
use crate::error::{CommandError, Error, StorageError};
use crate::keyspace::{Layout, Now, Reach, ReadTx, Rules, Shard, ShardSource};
use crate::sys::reclaim::drop_elsewhere;
use crate::sys::rng::Rng;
use crate::value::EncodingSwitch;

/// The keyspace as it was when [`Db::snapshot`](crate::Db::snapshot) was called.
///
/// Every reading command works on it, takes no lock and sees no later write; keys that expire after
/// that moment stay visible in it. It keeps the pages that have changed since alive, and may outlive
/// its database. Cloning it costs one reference count.
#[derive(Debug, Clone)]
pub struct Snapshot {
    state: Arc<State>,
    database: u8,
}

#[derive(Debug)]
struct State {
    shards: Vec<Shard>,
    layout: Layout,
    rules: Rules,
    encoding: EncodingSwitch,
    taken_at_ms: u64,
    lsn: u64,
    random: Rng,
    activities: SnapshotActivities,
}

impl Drop for State {
    fn drop(&mut self) {
        // Pages that only this snapshot still holds can be many: their thread frees them.
        let shards = std::mem::take(&mut self.shards);
        if shards.iter().any(|shard| !shard.is_empty()) {
            drop_elsewhere(shards);
        }
        let activities = std::mem::take(self.activities.get_mut());
        if !activities.is_empty() {
            drop_elsewhere(activities);
        }
    }
}

impl ShardSource for State {
    fn shard(&self, index: usize) -> &Shard {
        &self.shards[index]
    }

    fn all(&self) -> Vec<&Shard> {
        self.shards.iter().collect()
    }
}

impl Snapshot {
    pub(crate) fn new(
        shards: Vec<Shard>,
        activities: SnapshotActivities,
        layout: Layout,
        rules: Rules,
        encoding: EncodingSwitch,
        taken_at_ms: u64,
        lsn: u64,
    ) -> Self {
        let random = Rng::seeded(lsn ^ taken_at_ms);
        let state = State {
            shards,
            layout,
            rules,
            encoding,
            taken_at_ms,
            lsn,
            random,
            activities,
        };
        Self {
            state: Arc::new(state),
            database: 0,
        }
    }

    /// The same moment, seen in the logical database `index`.
    ///
    /// # Errors
    /// `ERR DB index is out of range` if there is no such database.
    pub fn database(&self, index: u8) -> Result<Self, Error> {
        check_database(index)?;
        Ok(Self {
            state: Arc::clone(&self.state),
            database: index,
        })
    }

    /// When it was taken, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn taken_at_ms(&self) -> u64 {
        self.state.taken_at_ms
    }

    /// The log position it stands for: it holds exactly the writes before it. In memory the position in
    /// the change feed, if anybody subscribes.
    #[must_use]
    pub fn lsn(&self) -> u64 {
        self.state.lsn
    }

    /// How many bytes would be freed if this snapshot and its clones were dropped, and nothing else:
    /// pages that have changed since it was taken, and keys and values that are gone, as far as no
    /// other snapshot, branch or transaction has them too.
    ///
    /// Counted are the pages of the keyspace and the nodes of values of every type, each once; room that
    /// a page keeps free counts with it. Large values that were removed count once the thread that frees
    /// them has let go of them. Writers may go on meanwhile; a figure taken then lies between
    /// those before and after them.
    ///
    /// # Complexity
    /// O(what it alone holds), and one look at each shard.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", vec![1; 10_000])?;
    /// let snapshot = db.snapshot()?;
    /// assert_eq!(snapshot.pinned_bytes(), 0);
    /// db.del("k")?;
    /// assert!(snapshot.pinned_bytes() >= 10_000);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn pinned_bytes(&self) -> u64 {
        let mut census = Census::new();
        let shards = self.state.shards.iter();
        shards
            .map(|shard| shard.exclusive_bytes(&mut census) as u64)
            .sum()
    }

    pub(crate) fn key_count(&self) -> u64 {
        self.state
            .shards
            .iter()
            .flat_map(Shard::tables)
            .map(|table| table.keys().len() as u64)
            .sum()
    }

    pub(crate) fn shards(&self) -> &[Shard] {
        &self.state.shards
    }

    pub(super) fn activities(&self) -> &SnapshotActivities {
        &self.state.activities
    }

    /// Whether both are the same moment of the same database.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state) && self.database == other.database
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.state.layout
    }

    #[inline]
    fn run<R>(
        &self,
        keys: Keys<'_>,
        call: impl FnOnce(&ReadTx<'_>) -> Result<R, CommandError>,
    ) -> Result<R, CommandError> {
        let state = &*self.state;
        let reach = match keys {
            Keys::One(key) => {
                let hash = state.layout.hash(key);
                Reach::One {
                    shard: &state.shards[state.layout.shard_of(hash)],
                    hash,
                }
            }
            Keys::None | Keys::Two(..) | Keys::List { .. } | Keys::AtCursor(_) | Keys::All => {
                Reach::Many(state)
            }
        };
        let read_clock = || state.taken_at_ms;
        let random = || state.random.next_u64();
        let now = Now::new(&read_clock);
        let tx = ReadTx {
            reach,
            layout: &state.layout,
            now: &now,
            rules: &state.rules,
            encoding: &state.encoding,
            random: &random,
            database: self.database,
        };
        call(&tx)
    }
}

impl RunRead for Snapshot {
    #[inline]
    fn read<C: ReadCommand>(&self, command: C) -> Result<C::Output, Error> {
        Ok(self.run(command.keys(), |tx| command.execute(tx))?)
    }
}

impl Host for Snapshot {
    fn read_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        Ok(self.run(keys, |tx| call(tx))?)
    }

    fn database(&self) -> u8 {
        self.database
    }

    fn make_room(&self) -> Result<(), Error> {
        Ok(())
    }

    fn write_with(&self, _keys: Keys<'_>, _call: WriteCall<'_>) -> Result<(), Error> {
        Err(StorageError::ReadOnly.into())
    }
}
