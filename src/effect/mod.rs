//! The vocabulary of state changes.
//!
//! An [`Effect`] is the smallest absolute, deterministic description of one change: deadlines, not
//! TTLs; results, not increments; the member that was chosen, not the choice. Keyspace mutators record
//! effects, storage carries them as opaque bytes, recovery hands them back to the same mutators, and
//! compaction writes the whole state as effects. Replay therefore needs no clock, no randomness and no
//! command code.
//!
//! Invariants:
//! 1. Applying the same effects in the same order to the same state gives the same state.
//! 2. Decoding never panics and never allocates more than the bytes it is given.

pub(crate) mod codec;
mod items;

pub use items::Items;

/// How many logical databases there are, as in a Redis without configuration: they are numbered below
/// this, in files too.
pub(crate) const DATABASES: u8 = 16;

/// One state change. Borrows its bytes from the caller or from the frame it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect<'a> {
    /// `key` now holds this string and nothing else.
    StringSet {
        /// The key.
        key: &'a [u8],
        /// The whole value.
        value: &'a [u8],
        /// Whether the value was edited in place, which `OBJECT ENCODING` shows as `raw`.
        raw: bool,
        /// When the key expires, in milliseconds since the Unix epoch.
        expires_at_ms: Option<u64>,
    },
    /// The string at `key` (empty if missing) has these bytes at `offset`, zeros before them where it
    /// was shorter. Without bytes it is extended to `offset`.
    StringWrite {
        /// The key.
        key: &'a [u8],
        /// Where, in bytes.
        offset: u64,
        /// What is there now.
        bytes: &'a [u8],
    },
    /// `key` is gone.
    KeyRemove {
        /// The key.
        key: &'a [u8],
    },
    /// `key` expires at this time, or no longer does.
    KeyExpire {
        /// The key.
        key: &'a [u8],
        /// When, in milliseconds since the Unix epoch; `None` for never.
        expires_at_ms: Option<u64>,
    },
    /// What `from` held, deadline included, is now at `to`; `from` is gone.
    KeyMove {
        /// The old key.
        from: &'a [u8],
        /// The new key.
        to: &'a [u8],
        /// The logical database of `to`, if it is another one.
        database: Option<u8>,
    },
    /// `to` now holds what `from` holds, deadline included.
    KeyCopy {
        /// The key that stays.
        from: &'a [u8],
        /// The key that is replaced.
        to: &'a [u8],
        /// The logical database of `to`, if it is another one.
        database: Option<u8>,
    },
    /// Every key of every logical database is gone.
    KeysClear,
    /// No change: the effects after this one are in this logical database. Before the first, they are
    /// in database 0.
    Database {
        /// The database's number, below 16.
        index: u8,
    },
    /// Every key of the logical database is gone.
    DatabaseClear,
    /// Two logical databases have changed their content.
    DatabasesSwap {
        /// One.
        one: u8,
        /// The other.
        two: u8,
    },
    /// The list at `key` (empty if missing) has these values from `index` on, and what was there after
    /// them.
    ListInsert {
        /// The key.
        key: &'a [u8],
        /// Where the first value is now, from the front.
        index: u64,
        /// The values.
        values: Items<'a>,
    },
    /// The list at `key` has lost the values `index..index + count`; the key is gone if none is left.
    ListRemove {
        /// The key.
        key: &'a [u8],
        /// The first that is gone, from the front.
        index: u64,
        /// How many are.
        count: u64,
    },
    /// The list at `key` has this value at `index`.
    ListSet {
        /// The key.
        key: &'a [u8],
        /// Where, from the front.
        index: u64,
        /// What is there now.
        value: &'a [u8],
    },
    /// The hash at `key` (empty if missing) has these values, without deadlines.
    HashSet {
        /// The key.
        key: &'a [u8],
        /// Fields and values in turn.
        pairs: Items<'a>,
    },
    /// The hash at `key` has lost these fields; the key is gone if none is left.
    HashRemove {
        /// The key.
        key: &'a [u8],
        /// The fields.
        fields: Items<'a>,
    },
    /// These fields of the hash at `key` expire at this time, or no longer do.
    HashExpire {
        /// The key.
        key: &'a [u8],
        /// The fields.
        fields: Items<'a>,
        /// When, in milliseconds since the Unix epoch; `None` for never.
        expires_at_ms: Option<u64>,
    },
    /// The set at `key` (empty if missing) has these members.
    SetAdd {
        /// The key.
        key: &'a [u8],
        /// The members.
        members: Items<'a>,
    },
    /// The set at `key` has lost these members; the key is gone if none is left.
    SetRemove {
        /// The key.
        key: &'a [u8],
        /// The members.
        members: Items<'a>,
    },
    /// The sorted set at `key` (empty if missing) has these members with these scores.
    ZSetAdd {
        /// The key.
        key: &'a [u8],
        /// Scores and members in turn; a score is the eight bytes of its bits, lowest first.
        pairs: Items<'a>,
    },
    /// The sorted set at `key` has lost these members; the key is gone if none is left.
    ZSetRemove {
        /// The key.
        key: &'a [u8],
        /// The members.
        members: Items<'a>,
    },
}

impl<'a> Effect<'a> {
    /// The keys it touches: none where it touches all or no particular one.
    #[must_use]
    pub fn keys(&self) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
        match *self {
            Effect::StringSet { key, .. }
            | Effect::StringWrite { key, .. }
            | Effect::KeyRemove { key }
            | Effect::KeyExpire { key, .. }
            | Effect::ListInsert { key, .. }
            | Effect::ListRemove { key, .. }
            | Effect::ListSet { key, .. }
            | Effect::HashSet { key, .. }
            | Effect::HashRemove { key, .. }
            | Effect::HashExpire { key, .. }
            | Effect::SetAdd { key, .. }
            | Effect::SetRemove { key, .. }
            | Effect::ZSetAdd { key, .. }
            | Effect::ZSetRemove { key, .. } => (Some(key), None),
            Effect::KeyMove { from, to, .. } | Effect::KeyCopy { from, to, .. } => {
                (Some(from), Some(to))
            }
            Effect::KeysClear
            | Effect::Database { .. }
            | Effect::DatabaseClear
            | Effect::DatabasesSwap { .. } => (None, None),
        }
    }
}
