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
    },
    /// `to` now holds what `from` holds, deadline included.
    KeyCopy {
        /// The key that stays.
        from: &'a [u8],
        /// The key that is replaced.
        to: &'a [u8],
    },
    /// Every key is gone.
    KeysClear,
}

impl<'a> Effect<'a> {
    /// The keys it touches: none for [`KeysClear`](Effect::KeysClear), which touches all.
    #[must_use]
    pub fn keys(&self) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
        match *self {
            Effect::StringSet { key, .. }
            | Effect::StringWrite { key, .. }
            | Effect::KeyRemove { key }
            | Effect::KeyExpire { key, .. } => (Some(key), None),
            Effect::KeyMove { from, to } | Effect::KeyCopy { from, to } => (Some(from), Some(to)),
            Effect::KeysClear => (None, None),
        }
    }
}
