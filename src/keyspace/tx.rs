//! What a command works with: the shards of its keys, the time, the limits, and the batch of effects.
//!
//! `engine` builds a [`ReadTx`] or [`WriteTx`] over shards it has locked (or owns, in a transaction
//! and in a snapshot) and gives it to one command. A command touches only keys it has named before;
//! touching another is a bug and panics in [`ShardSource`].

use std::cell::Cell;

use super::entry::{Entry, is_gone, is_value_gone};
use super::event::Event;
use super::shard::{Layout, Shard};
use super::table::Table;
use crate::effect::{Effect, codec};
use crate::value::{EncodingSwitch, Value};

/// Limits a command has to keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Longest string, in bytes; Redis's `proto-max-bulk-len`.
    pub(crate) string_bytes_max: u64,
    /// Highest bit offset `SETBIT` and its kin accept, plus one.
    pub(crate) bit_offsets: u64,
}

impl Rules {
    /// The most bytes of arguments that one command may write: what a frame of the log holds, with room
    /// for the lengths and tags around them.
    pub(crate) const WRITTEN_BYTES_MAX: u64 = (1 << 32) - (64 << 20);
}

/// The time of one operation: read from its source at most once, and only if asked.
pub(crate) struct Now<'a> {
    read: &'a dyn Fn() -> u64,
    known: Cell<Option<u64>>,
}

impl std::fmt::Debug for Now<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Now").field(&self.known.get()).finish()
    }
}

impl<'a> Now<'a> {
    pub(crate) fn new(read: &'a dyn Fn() -> u64) -> Self {
        Self {
            read,
            known: Cell::new(None),
        }
    }

    #[inline]
    pub(crate) fn ms(&self) -> u64 {
        if let Some(ms) = self.known.get() {
            return ms;
        }
        let ms = (self.read)();
        self.known.set(Some(ms));
        ms
    }
}

/// Shards by number, for commands with several keys.
pub(crate) trait ShardSource {
    fn shard(&self, index: usize) -> &Shard;
    /// Every shard, in order; only for commands that named all keys.
    fn all(&self) -> Vec<&Shard>;
}

/// As [`ShardSource`], to change.
pub(crate) trait ShardSourceMut: ShardSource {
    fn shard_mut(&mut self, index: usize) -> &mut Shard;
    fn all_mut(&mut self) -> Vec<&mut Shard>;
}

/// The shards a read may touch.
#[derive(Clone, Copy)]
pub(crate) enum Reach<'a> {
    /// One key's shard, with that key's hash.
    One { shard: &'a Shard, hash: u64 },
    /// Several.
    Many(&'a dyn ShardSource),
}

/// What a reading command sees.
pub(crate) struct ReadTx<'a> {
    pub(crate) reach: Reach<'a>,
    pub(crate) layout: &'a Layout,
    pub(crate) now: &'a Now<'a>,
    pub(crate) rules: &'a Rules,
    pub(crate) encoding: &'a EncodingSwitch,
    pub(crate) random: &'a dyn Fn() -> u64,
    /// The logical database that keys are looked for in.
    pub(crate) database: u8,
}

impl std::fmt::Debug for ReadTx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadTx")
            .field("now", self.now)
            .finish_non_exhaustive()
    }
}

/// The place of a key among several shards. Out of line, so that the way of one key can be inlined.
#[inline(never)]
fn place_among<'a>(shards: &'a dyn ShardSource, layout: &Layout, key: &[u8]) -> (&'a Shard, u64) {
    let hash = layout.hash(key);
    (shards.shard(layout.shard_of(hash)), hash)
}

impl<'a> ReadTx<'a> {
    /// The entry at `key`, unless it is missing or expired.
    #[inline]
    pub(crate) fn entry(&self, key: &[u8]) -> Option<Entry<'a>> {
        let (shard, hash) = self.place(key);
        let entry = shard.table(self.database).keys().get(hash, key)?;
        (!is_gone(&entry, self.now)).then(|| Entry::new(entry))
    }

    /// The deadline of what lies at `key`, also if it has passed.
    pub(crate) fn deadline(&self, key: &[u8]) -> Option<u64> {
        let (shard, hash) = self.place(key);
        let entry = shard.table(self.database).keys().get(hash, key)?;
        Entry::new(entry).expires_at_ms()
    }

    /// The value beside the pages at `key`, unless it is missing or expired; `None` within for a string
    /// that lies in its page. As [`entry`](Self::entry), in fewer steps.
    #[inline]
    pub(crate) fn large(&self, key: &[u8]) -> Option<Option<&'a Value>> {
        let (shard, hash) = self.place(key);
        let (large, expires_at_ms) = shard.table(self.database).keys().large(hash, key)?;
        (!is_value_gone(large, expires_at_ms, self.now)).then_some(large)
    }

    /// The shard of a key and the key's hash.
    #[inline]
    fn place(&self, key: &[u8]) -> (&'a Shard, u64) {
        match self.reach {
            Reach::One { shard, hash } => (shard, hash),
            Reach::Many(shards) => place_among(shards, self.layout, key),
        }
    }

    /// This operation in another database.
    pub(crate) fn in_database(&self, database: u8) -> ReadTx<'a> {
        ReadTx { database, ..*self }
    }

    /// The database's table in the shard of this number; only for commands that named a cursor in it,
    /// or all keys.
    pub(crate) fn table(&self, index: usize) -> &'a Table {
        let shard = match self.reach {
            Reach::One { shard, .. } => shard,
            Reach::Many(shards) => shards.shard(index),
        };
        shard.table(self.database)
    }

    /// The database's tables, in the order of the shards; only for commands that named all keys.
    pub(crate) fn tables(&self) -> Vec<&'a Table> {
        let shards = self.shards().into_iter();
        shards.map(|shard| shard.table(self.database)).collect()
    }

    /// Every shard, in order; only for commands that named all keys.
    pub(crate) fn shards(&self) -> Vec<&'a Shard> {
        match self.reach {
            Reach::One { shard, .. } => vec![shard],
            Reach::Many(shards) => shards.all(),
        }
    }
}

/// The effects of one operation, encoded as they happen.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Encoded effects, front to back.
    pub(crate) bytes: Vec<u8>,
    /// How many.
    pub(crate) count: u32,
    /// Whether anybody wants them: recovery and databases without a log record nothing.
    pub(crate) recording: bool,
    /// The logical database of what is recorded next.
    pub(crate) database: u8,
    /// That of what was recorded last; encoded effects begin in database 0.
    pub(super) recorded_database: u8,
    /// How many keys are gone because their deadline has passed.
    pub(crate) expired_keys: u32,
    /// Which effects no command asked for, by their number (those that only name a database not
    /// counted), ascending. Kept while recording.
    pub(crate) causes: Vec<(u32, Cause)>,
    /// Why what is recorded now changes, where no command asked for it.
    pub(super) cause: Option<Cause>,
    /// Whether anybody observes what is recorded.
    pub(crate) is_observed: bool,
    /// Whether somebody wants to know what Redis would say: a feed, which follows the whole keyspace.
    pub(crate) says_events: bool,
    /// What there is to say of which effect, by its number as in `causes`, in order. Kept while events are
    /// said.
    pub(crate) events: Vec<(u32, Event)>,
    /// What the next change is called.
    pub(super) event: Option<Event>,
    /// Whether the next change begins a key that was not there.
    pub(super) arrives: bool,
    /// Whether it does so in place of what was there a moment ago.
    pub(super) displaced: bool,
    /// What was replaced or removed and may be large: dropped after the locks are released, and by
    /// the background thread where that would take long.
    pub(crate) dropped: Vec<Dropped>,
}

/// Why something changed that no command asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A deadline has passed.
    Expired,
    /// Memory was needed.
    Evicted,
}

/// Something that left the keyspace and may take long to free.
#[derive(Debug)]
pub(crate) enum Dropped {
    /// The value of one key.
    Value(Value),
    /// A whole shard.
    Shard(Shard),
    /// A database's part of a shard.
    Table(Table),
}

impl Batch {
    /// An empty one, in database 0.
    pub(crate) fn new(recording: bool) -> Self {
        Self {
            recording,
            ..Self::default()
        }
    }

    /// Begins the next command of a transaction: what the one before has named and not done is void.
    pub(crate) fn begin_command(&mut self) {
        self.event = None;
        self.arrives = false;
        self.displaced = false;
    }

    #[inline]
    pub(crate) fn record(&mut self, effect: &Effect<'_>) {
        if self.says_events {
            self.say(effect);
        }
        self.count += 1;
        if cfg!(nacre_bug = "third_effect_lost") && self.count == 3 {
            return;
        }
        if self.recording {
            if let Some(cause) = self.cause {
                self.causes.push((self.count - 1, cause));
            }
            if self.database != self.recorded_database {
                self.recorded_database = self.database;
                let index = self.database;
                codec::encode(&Effect::Database { index }, &mut self.bytes);
            }
            codec::encode(effect, &mut self.bytes);
        }
    }
}

/// The shards a write may touch.
pub(crate) enum ReachMut<'a> {
    /// One key's shard, with that key's hash.
    One { shard: &'a mut Shard, hash: u64 },
    /// Several.
    Many(&'a mut dyn ShardSourceMut),
}

impl ReachMut<'_> {
    /// The same shards for a shorter time.
    #[inline]
    pub(crate) fn reborrow(&mut self) -> ReachMut<'_> {
        match self {
            Self::One { shard, hash } => ReachMut::One { shard, hash: *hash },
            Self::Many(shards) => ReachMut::Many(&mut **shards),
        }
    }

    /// The same shards, to read.
    #[inline]
    pub(crate) fn as_read(&self) -> Reach<'_> {
        match self {
            Self::One { shard, hash } => Reach::One { shard, hash: *hash },
            Self::Many(shards) => Reach::Many(&**shards),
        }
    }
}

/// What a writing command sees. Every mutator is a method of this type in one of the type files
/// (`string`, `key`, ...), and records its effect.
pub(crate) struct WriteTx<'a> {
    pub(crate) reach: ReachMut<'a>,
    pub(crate) layout: &'a Layout,
    pub(crate) now: &'a Now<'a>,
    pub(crate) rules: Rules,
    pub(crate) encoding: &'a EncodingSwitch,
    pub(crate) random: &'a dyn Fn() -> u64,
    pub(crate) batch: &'a mut Batch,
}

impl std::fmt::Debug for WriteTx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteTx")
            .field("now", self.now)
            .finish_non_exhaustive()
    }
}

impl WriteTx<'_> {
    /// Whether anybody observes what this operation does.
    pub(crate) fn is_observed(&self) -> bool {
        self.batch.is_observed
    }

    /// This operation's reading half.
    pub(crate) fn as_read(&self) -> ReadTx<'_> {
        ReadTx {
            reach: self.reach.as_read(),
            layout: self.layout,
            now: self.now,
            rules: &self.rules,
            encoding: self.encoding,
            random: self.random,
            database: self.batch.database,
        }
    }

    /// The entry at `key`, unless it is missing or expired.
    #[inline]
    pub(crate) fn entry(&self, key: &[u8]) -> Option<Entry<'_>> {
        self.as_read().entry(key)
    }

    /// The table of `key` in the selected database, and the key's hash.
    #[inline]
    pub(crate) fn at(&mut self, key: &[u8]) -> (&mut Table, u64) {
        self.at_in(self.batch.database, key)
    }

    /// As [`at`](Self::at), in a database of choice.
    #[inline]
    pub(super) fn at_in(&mut self, database: u8, key: &[u8]) -> (&mut Table, u64) {
        let (shard, hash) = match &mut self.reach {
            ReachMut::One { shard, hash } => (&mut **shard, *hash),
            ReachMut::Many(shards) => {
                let hash = self.layout.hash(key);
                (shards.shard_mut(self.layout.shard_of(hash)), hash)
            }
        };
        (shard.table_mut(database), hash)
    }

    /// Runs `work`; what it records was asked for by no command.
    pub(crate) fn because<R>(&mut self, cause: Cause, work: impl FnOnce(&mut Self) -> R) -> R {
        let outer = self.batch.cause;
        // What `work` finds to be gone itself is part of the same.
        self.batch.cause = outer.or(Some(cause));
        let result = work(self);
        self.batch.cause = outer;
        result
    }

    /// Every shard the operation may touch.
    pub(super) fn shards_mut(&mut self) -> Vec<&mut Shard> {
        match &mut self.reach {
            ReachMut::One { shard, .. } => vec![&mut **shard],
            ReachMut::Many(shards) => shards.all_mut(),
        }
    }
}
