//! Hashes: what commands see of them, and the only code that changes them.
//!
//! A field whose deadline has passed is not there for any read, nor counted, from the next
//! millisecond on. It is removed, as an ordinary effect, by the next write to its hash or by the
//! expirer, whichever comes first; a hash that loses its last field goes with it.
//!
//! Invariants:
//! 1. The caller of a mutator has checked that `key` holds a hash or nothing.
//! 2. A field that is due is removed by an effect of its own before an effect that builds on its
//!    absence: replay has no clock.
//! 3. No effect holds more than [`EFFECT_BYTES_MAX`] of items, unless one alone is longer.

use super::apply::Misfit;
use super::entry::Entry;
use super::expiry::{is_past, stored};
use super::pieces::{EFFECT_BYTES_MAX, SNAPSHOT_BYTES_MAX, pieces, word_pieces};
use super::tx::{Cause, Now, ReadTx, WriteTx};
use crate::ds::hash_trie::{self, NO_DEADLINE};
use crate::effect::{Effect, Items};
use crate::error::CommandError;
pub(crate) use crate::value::hash::FieldRef;
use crate::value::{HashValue, Value};

/// Fields that are due and that one write removes at most: the rest is the expirer's.
const DUE_PER_WRITE: usize = 64;

/// The fields of a hash that are there now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    hash: &'a HashValue,
    now: &'a Now<'a>,
}

impl<'a> ReadTx<'a> {
    /// The hash at `key`; `None` if there is nothing.
    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> Result<Option<Fields<'a>>, CommandError> {
        match self.large(key) {
            None => Ok(None),
            Some(Some(Value::Hash(hash))) => Ok(Some(Fields {
                hash,
                now: self.now,
            })),
            Some(_) => Err(CommandError::WrongType),
        }
    }
}

impl<'a> Fields<'a> {
    /// Whether a field of this deadline is gone.
    #[inline]
    fn is_gone(&self, expires_at_ms: u64) -> bool {
        expires_at_ms != NO_DEADLINE && is_past(expires_at_ms, self.now.ms())
    }

    /// Whether a field may be gone that is still in the hash.
    fn has_gone(&self) -> bool {
        self.is_gone(self.hash.next_expiry_ms())
    }

    /// How many. O(1), and O(those gone) until they are removed.
    pub(crate) fn len(&self) -> usize {
        let mut gone = 0;
        if self.has_gone() {
            let until_ms = self.now.ms() - 1;
            (self.hash).collect_expired(until_ms, usize::MAX, &mut |_| gone += 1);
        }
        self.hash.len() - gone
    }

    /// The field of this name.
    #[inline]
    pub(crate) fn get(&self, field: &[u8]) -> Option<FieldRef<'a>> {
        let found = self.hash.get(field)?;
        (!self.is_gone(found.expires_at_ms)).then_some(found)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = FieldRef<'a>> + use<'a> {
        let fields = *self;
        let all = self.hash.iter();
        all.filter(move |field| !fields.is_gone(field.expires_at_ms))
    }

    /// Visits some from `cursor` on, about `count`, and returns the cursor of the next; 0 starts and
    /// ends.
    pub(crate) fn scan(&self, cursor: u64, count: u64, visit: &mut dyn FnMut(FieldRef<'_>)) -> u64 {
        let mut cursor = cursor;
        let mut seen = 0;
        loop {
            cursor = self.hash.scan(cursor, &mut |field| {
                seen += 1;
                if !self.is_gone(field.expires_at_ms) {
                    visit(field);
                }
            });
            if cursor == 0 || seen >= count {
                return cursor;
            }
        }
    }

    /// `count` fields chosen with equal chances for each, each as often as it is chosen.
    pub(crate) fn random_repeated(
        &self,
        count: usize,
        random: &dyn Fn() -> u64,
    ) -> Vec<FieldRef<'a>> {
        if self.has_gone() {
            let there: Vec<_> = self.iter().collect();
            let picks = if there.is_empty() { 0 } else { count };
            let pick = |_| there[hash_trie::below(random(), there.len())];
            return (0..picks).map(pick).collect();
        }
        (0..count).map_while(|_| self.hash.random(random)).collect()
    }

    /// `count` different fields, or all if there are fewer, chosen with equal chances for each.
    pub(crate) fn random_distinct(
        &self,
        count: usize,
        random: &dyn Fn() -> u64,
    ) -> Vec<FieldRef<'a>> {
        let len = self.hash.len();
        if self.has_gone() || count >= len / 3 {
            let mut there: Vec<_> = self.iter().collect();
            if count >= there.len() {
                return there;
            }
            for i in 0..count {
                let other = i + hash_trie::below(random(), there.len() - i);
                there.swap(i, other);
            }
            there.truncate(count);
            return there;
        }
        // Every third choice at most is one that was made before.
        let mut seen = std::collections::HashSet::new();
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count {
            let Some(field) = self.hash.random(random) else {
                break;
            };
            if seen.insert(field.field) {
                chosen.push(field);
            }
        }
        chosen
    }
}

/// What a mutator needs to know besides the hash.
struct Edit<'a> {
    limits: crate::value::EncodingLimits,
    hasher: &'a ahash::RandomState,
    now: &'a Now<'a>,
}

impl Edit<'_> {
    /// Removes fields that are due, and says which.
    fn take_due(&self, hash: &mut HashValue, limit: usize) -> Vec<Vec<u8>> {
        let mut due = Vec::new();
        let next_ms = hash.next_expiry_ms();
        if next_ms != NO_DEADLINE && is_past(next_ms, self.now.ms()) {
            let until_ms = self.now.ms() - 1;
            hash.collect_expired(until_ms, limit, &mut |field| due.push(field.to_vec()));
            for field in &due {
                hash.remove(field);
            }
        }
        due
    }

    /// Whether a field that had this deadline, if it was there, was seen by nobody.
    fn is_new(&self, replaced: Option<u64>) -> bool {
        replaced.is_none_or(|at_ms| at_ms != NO_DEADLINE && is_past(at_ms, self.now.ms()))
    }

    fn set(&self, hash: &mut HashValue, pairs: &[&[u8]]) -> usize {
        let pairs = pairs.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        if pairs.len() > 1 && hash.with_deadline_count() == 0 {
            return hash.insert_all(pairs, &self.limits, self.hasher);
        }
        let insert = |(field, value)| hash.insert(field, value, &self.limits, self.hasher);
        pairs
            .map(insert)
            .filter(|&replaced| self.is_new(replaced))
            .count()
    }
}

impl<'a> WriteTx<'a> {
    /// Sets fields of the hash at `key`, which begins where there is none; `pairs` are fields and
    /// values in turn. Fields so set have no deadline. Says how many are new.
    pub(crate) fn hash_set(&mut self, key: &[u8], pairs: &[&[u8]]) -> usize {
        let edit = self.hash_edit();
        let fresh = || Value::Hash(HashValue::new());
        let (due, was_emptied, new) = self.upsert_value(key, fresh, |value| match value {
            Value::Hash(hash) => {
                let due = edit.take_due(hash, DUE_PER_WRITE);
                let was_emptied = !due.is_empty() && hash.is_empty();
                if was_emptied {
                    *hash = HashValue::new();
                }
                (due, was_emptied, edit.set(hash, pairs))
            }
            Value::String(_) | Value::List(_) | Value::Set(_) | Value::SortedSet(_) => {
                (Vec::new(), false, 0)
            }
        });
        self.because(Cause::Expired, |tx| tx.record_hash_removed(key, &due));
        if was_emptied {
            // The key has gone with its last field, as it does in replay: what begins is another.
            let (table, hash) = self.at(key);
            table.set_expires_at_ms(hash, key, NO_DEADLINE);
            self.because(Cause::Expired, |tx| {
                tx.batch.record(&Effect::KeyRemove { key })
            });
            self.batch.arrives = true;
        }
        for pairs in pieces(pairs, 2, EFFECT_BYTES_MAX, |word| word.len()) {
            let pairs = Items::new(pairs);
            self.batch.record(&Effect::HashSet { key, pairs });
        }
        new
    }

    /// Removes fields of the hash at `key`, and the key with the last of them. Says how many were
    /// there.
    pub(crate) fn hash_remove(&mut self, key: &[u8], fields: &[&[u8]]) -> usize {
        let edit = self.hash_edit();
        let done = self.edit_hash(key, |hash| {
            let mut due = edit.take_due(hash, DUE_PER_WRITE);
            let mut removed = Vec::new();
            for &field in fields {
                match hash.remove(field) {
                    // One of more that are due than were taken.
                    Some(at_ms) if edit.is_new(Some(at_ms)) => due.push(field.to_vec()),
                    Some(_) => removed.push(field),
                    None => {}
                }
            }
            (due, removed)
        });
        let Some((due, removed)) = done else {
            return 0;
        };
        self.because(Cause::Expired, |tx| tx.record_hash_removed(key, &due));
        self.record_hash_removed(key, &removed);
        self.drop_empty(key);
        removed.len()
    }

    /// Sets or clears the deadline of fields of the hash at `key`; those that are not there are left
    /// out.
    pub(crate) fn hash_expire(&mut self, key: &[u8], fields: &[&[u8]], expires_at_ms: Option<u64>) {
        let edit = self.hash_edit();
        let done = self.edit_hash(key, |hash| {
            let due = edit.take_due(hash, DUE_PER_WRITE);
            let at_ms = stored(expires_at_ms);
            let is_set =
                |field: &&&[u8]| hash.set_expires_at_ms(field, at_ms, edit.hasher).is_some();
            let set: Vec<&[u8]> = fields.iter().filter(is_set).copied().collect();
            (due, set)
        });
        let Some((due, set)) = done else { return };
        self.because(Cause::Expired, |tx| tx.record_hash_removed(key, &due));
        for fields in word_pieces(&set, EFFECT_BYTES_MAX) {
            self.batch.record(&Effect::HashExpire {
                key,
                fields: Items::new(fields),
                expires_at_ms,
            });
        }
        self.drop_empty(key);
    }

    /// Removes up to `limit` fields of the hash at `key` that are due, and the key with the last of
    /// them; a key that is gone altogether counts as one. Says how many.
    pub(crate) fn hash_remove_due(&mut self, key: &[u8], limit: usize) -> usize {
        if self.purge_expired(key) {
            return 1;
        }
        let edit = self.hash_edit();
        let due = self.edit_hash(key, |hash| edit.take_due(hash, limit));
        let due = due.unwrap_or_default();
        self.record_hash_removed(key, &due);
        self.drop_empty(key);
        let (table, hash) = self.at(key);
        table.settle_field_deadline(hash, key);
        due.len()
    }

    fn hash_edit(&self) -> Edit<'a> {
        Edit {
            limits: self.encoding.limits(),
            hasher: self.layout.hasher(),
            now: self.now,
        }
    }

    fn edit_hash<R>(&mut self, key: &[u8], edit: impl FnOnce(&mut HashValue) -> R) -> Option<R> {
        self.edit_value(key, |value| match value {
            Value::Hash(hash) => Some(edit(hash)),
            Value::String(_) | Value::List(_) | Value::Set(_) | Value::SortedSet(_) => None,
        })?
    }

    fn record_hash_removed<F: AsRef<[u8]>>(&mut self, key: &[u8], fields: &[F]) {
        if fields.is_empty() {
            return;
        }
        let fields: Vec<&[u8]> = fields.iter().map(AsRef::as_ref).collect();
        for fields in word_pieces(&fields, EFFECT_BYTES_MAX) {
            let fields = Items::new(fields);
            self.batch.record(&Effect::HashRemove { key, fields });
        }
    }

    /// Applies a hash's effect from a file.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "every effect that is no hash's is a misfit here"
    )]
    pub(super) fn apply_hash(&mut self, effect: &Effect<'_>) -> Result<(), Misfit> {
        let (Some(key), _) = effect.keys() else {
            return Err(Misfit);
        };
        if let Some(entry) = self.entry(key) {
            entry.hash().map_err(|_wrong_type| Misfit)?;
        }
        match *effect {
            Effect::HashSet { key, pairs } => {
                let pairs: Vec<&[u8]> = pairs.iter().collect();
                if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
                    return Err(Misfit);
                }
                self.hash_set(key, &pairs);
            }
            Effect::HashRemove { key, fields } => {
                let fields: Vec<&[u8]> = fields.iter().collect();
                self.hash_remove(key, &fields);
            }
            Effect::HashExpire {
                key,
                fields,
                expires_at_ms,
            } => {
                let fields: Vec<&[u8]> = fields.iter().collect();
                self.hash_expire(key, &fields, expires_at_ms);
            }
            _ => return Err(Misfit),
        }
        Ok(())
    }
}

/// Hands over effects that rebuild the hash of `entry` on an empty key.
pub(super) fn hash_effects(entry: &Entry<'_>, emit: &mut dyn FnMut(&Effect<'_>)) {
    let key = entry.key();
    let Ok(hash) = entry.hash() else { return };
    let mut fields = hash.iter();
    loop {
        let mut pairs: Vec<&[u8]> = Vec::new();
        let mut deadlines: Vec<(u64, &[u8])> = Vec::new();
        let mut bytes = 0;
        while bytes < SNAPSHOT_BYTES_MAX
            && let Some(field) = fields.next()
        {
            bytes += field.field.len() + field.value.len();
            pairs.extend([field.field, field.value]);
            if field.expires_at_ms != NO_DEADLINE {
                deadlines.push((field.expires_at_ms, field.field));
            }
        }
        if pairs.is_empty() {
            return;
        }
        let pairs = Items::new(&pairs);
        emit(&Effect::HashSet { key, pairs });
        deadlines.sort_unstable();
        for same in deadlines.chunk_by(|a, b| a.0 == b.0) {
            let fields: Vec<&[u8]> = same.iter().map(|&(_, field)| field).collect();
            emit(&Effect::HashExpire {
                key,
                fields: Items::new(&fields),
                expires_at_ms: Some(same[0].0),
            });
        }
    }
}
