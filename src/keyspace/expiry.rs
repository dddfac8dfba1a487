//! Deadlines: when an entry counts as gone.

use crate::ds::hash_trie::NO_DEADLINE;

/// Whether a deadline has passed. As in Redis, an entry still lives in the millisecond it names.
#[inline]
pub(crate) fn is_past(expires_at_ms: u64, now_ms: u64) -> bool {
    expires_at_ms < now_ms
}

/// The form a deadline has in an entry.
#[inline]
pub(crate) fn stored(expires_at_ms: Option<u64>) -> u64 {
    expires_at_ms.map_or(NO_DEADLINE, |at_ms| at_ms.min(NO_DEADLINE - 1))
}
