//! A shard as effects: what the sealed snapshot of a file holds.

use super::Table;
use super::entry::{Entry, KeyType, StringRef};
use super::hash::hash_effects;
use super::set::set_effects;
use super::zset;
use crate::effect::{Effect, Items};

/// Strings longer than this are written in pieces, so that a snapshot block stays bounded and the
/// zeros of a sparse string are not written at all.
const PIECE_BYTES: u64 = 64 * 1024;

/// Hands over effects that rebuild `entry` on an empty key.
pub(crate) fn entry_effects(entry: &Entry<'_>, emit: &mut dyn FnMut(&Effect<'_>)) {
    let key = entry.key();
    match entry.key_type() {
        KeyType::String => string_effects(entry, emit),
        KeyType::Set => set_effects(entry, emit),
        KeyType::SortedSet => {
            if let Ok(zset) = entry.zset() {
                zset::snapshot_effects(key, zset, emit);
            }
        }
        KeyType::List => list_effects(entry, emit),
        KeyType::Hash => hash_effects(entry, emit),
    }
    let expires_at_ms = entry.expires_at_ms();
    let is_sealed = !cfg!(nacre_bug = "deadline_unsealed");
    if expires_at_ms.is_some() && entry.key_type() != KeyType::String && is_sealed {
        emit(&Effect::KeyExpire { key, expires_at_ms });
    }
}

fn list_effects(entry: &Entry<'_>, emit: &mut dyn FnMut(&Effect<'_>)) {
    let key = entry.key();
    let Ok(list) = entry.list() else { return };
    let mut index = 0;
    let mut piece: Vec<&[u8]> = Vec::new();
    let mut bytes = 0;
    let mut flush = |piece: &mut Vec<&[u8]>| {
        if !piece.is_empty() {
            let values = Items::new(piece);
            emit(&Effect::ListInsert { key, index, values });
            index += piece.len() as u64;
            piece.clear();
        }
    };
    for value in list.iter() {
        // An element costs a length beside its bytes.
        let more = value.len() as u64 + 2;
        if bytes + more > PIECE_BYTES {
            flush(&mut piece);
            bytes = 0;
        }
        piece.push(value);
        bytes += more;
    }
    flush(&mut piece);
}

fn string_effects(entry: &Entry<'_>, emit: &mut dyn FnMut(&Effect<'_>)) {
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

/// The entries of a table in the order of its trie, which is the order that loads fastest.
pub(crate) fn entries(table: &Table) -> impl Iterator<Item = Entry<'_>> {
    table.keys().iter().map(Entry::new)
}
