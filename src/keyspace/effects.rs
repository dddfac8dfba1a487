//! A shard as effects: what the sealed snapshot of a file holds.

use super::Shard;
use super::entry::{Entry, StringRef};
use crate::effect::Effect;

/// Strings longer than this are written in pieces, so that a snapshot block stays bounded and the
/// zeros of a sparse string are not written at all.
const PIECE_BYTES: u64 = 64 * 1024;

/// Hands over effects that rebuild `entry` on an empty key.
pub(crate) fn entry_effects(entry: &Entry<'_>, emit: &mut dyn FnMut(&Effect<'_>)) {
    let key = entry.key();
    let Ok(string) = entry.string() else { return };
    let expires_at_ms = entry.expires_at_ms();
    if string.len() <= PIECE_BYTES {
        let raw = entry.is_edited();
        match string.contiguous() {
            Some(value) => emit(&Effect::StringSet {
                key,
                value,
                raw,
                expires_at_ms,
            }),
            None => {
                let value = string.to_vec();
                emit(&Effect::StringSet {
                    key,
                    value: &value,
                    raw,
                    expires_at_ms,
                });
            }
        }
        return;
    }
    if let StringRef::Large(large) = string {
        large.for_each_chunk(0, string.len(), &mut |offset, bytes| {
            emit(&Effect::StringWrite { key, offset, bytes });
        });
    }
    emit(&Effect::StringWrite {
        key,
        offset: string.len(),
        bytes: &[],
    });
    if expires_at_ms.is_some() {
        emit(&Effect::KeyExpire { key, expires_at_ms });
    }
}

/// The entries of a shard in the order of its trie, which is the order that loads fastest.
pub(crate) fn entries(shard: &Shard) -> impl Iterator<Item = Entry<'_>> {
    shard.keys.iter().map(Entry::new)
}
