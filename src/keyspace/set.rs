//! Sets: what commands see of them, and the only code that changes them.
//!
//! Invariants:
//! 1. The caller of a mutator has checked that `key` holds a set or nothing.
//! 2. Only what changed is recorded: members that came, members that went.
//! 3. No effect holds more than [`EFFECT_BYTES_MAX`] of members, unless one alone is longer.
//! 4. No key holds a set without members: it goes with the last one.

use super::apply::Misfit;
use super::entry::{Entry, tag};
use super::event::Event;
use super::pieces::{EFFECT_BYTES_MAX, SNAPSHOT_BYTES_MAX, word_pieces};
use super::tx::{Dropped, ReadTx, WriteTx};
use crate::ds::hash_trie::{NO_DEADLINE, NewPayload, OldPayload};
use crate::effect::{Effect, Items};
use crate::error::CommandError;
use crate::value::{SetValue, Value};

impl<'a> ReadTx<'a> {
    /// The set at `key`; `None` if there is nothing.
    #[inline]
    pub(crate) fn set(&self, key: &[u8]) -> Result<Option<&'a SetValue>, CommandError> {
        match self.large(key) {
            None => Ok(None),
            Some(Some(Value::Set(set))) => Ok(Some(set)),
            Some(_) => Err(CommandError::WrongType),
        }
    }
}

/// A value that the caller knows to be a set.
fn as_set(value: &mut Value) -> &mut SetValue {
    match value {
        Value::Set(set) => set,
        Value::String(_) | Value::List(_) | Value::Hash(_) | Value::SortedSet(_) => {
            unreachable!("the caller has checked that it is a set")
        }
    }
}

impl WriteTx<'_> {
    /// Adds members to the set at `key`, which begins empty where there is none; says how many were not
    /// there.
    pub(crate) fn set_add(&mut self, key: &[u8], members: &[&[u8]]) -> u64 {
        if members.is_empty() {
            return 0;
        }
        let (hasher, limits) = (self.layout.hasher(), self.encoding.limits());
        let fresh = || Value::Set(SetValue::new());
        let added: Vec<&[u8]> = self.upsert_value(key, fresh, |value| {
            let set = as_set(value);
            let added = members.iter().copied();
            added
                .filter(|member| set.insert(hasher, &limits, member))
                .collect()
        });
        self.record_members(&added, |members| Effect::SetAdd { key, members });
        added.len() as u64
    }

    /// Removes members of the set at `key`, and `key` with the last of them; says how many were there.
    pub(crate) fn set_remove(&mut self, key: &[u8], members: &[&[u8]]) -> u64 {
        let removed: Option<Vec<&[u8]>> = self.edit_value(key, |value| {
            let set = as_set(value);
            let removed = members.iter().copied();
            removed.filter(|member| set.remove(member)).collect()
        });
        let removed = removed.unwrap_or_default();
        if !cfg!(nacre_bug = "removal_unrecorded") {
            self.record_members(&removed, |members| Effect::SetRemove { key, members });
        }
        if !removed.is_empty() {
            self.drop_empty(key);
        }
        removed.len() as u64
    }

    /// Lets `key` hold this set and nothing else, without a deadline; nothing at all if the set is empty.
    /// This is called `event`.
    pub(crate) fn set_store(&mut self, key: &[u8], set: SetValue, event: Event) {
        if set.len() == 0 {
            self.erase(key);
            return;
        }
        self.displace(key);
        self.event(event);
        if self.batch.recording {
            set.for_each_piece(EFFECT_BYTES_MAX, &mut |members| {
                let members = Items::new(members);
                self.batch.record(&Effect::SetAdd { key, members });
            });
        } else {
            // Only counted.
            let members = Items::new(&[]);
            self.batch.record(&Effect::SetAdd { key, members });
        }
        let (table, hash) = self.at(key);
        let payload = NewPayload::Large(Value::Set(set));
        let old = table.insert(hash, key, tag::STRING, NO_DEADLINE, payload);
        if let OldPayload::Large(value) = old {
            self.batch.dropped.push(Dropped::Value(value));
        }
    }

    fn record_members<'e>(
        &mut self,
        members: &'e [&'e [u8]],
        effect: impl Fn(Items<'e>) -> Effect<'e>,
    ) {
        for piece in word_pieces(members, EFFECT_BYTES_MAX) {
            self.batch.record(&effect(Items::new(piece)));
        }
    }

    /// Applies an effect on a set.
    pub(super) fn apply_set(&mut self, effect: &Effect<'_>) -> Result<(), Misfit> {
        let (Effect::SetAdd { key, members } | Effect::SetRemove { key, members }) = *effect else {
            return Err(Misfit);
        };
        if let Some(entry) = self.entry(key) {
            entry.set().map_err(|_wrong_type| Misfit)?;
        }
        if members.is_empty() {
            return Err(Misfit);
        }
        let members: Vec<&[u8]> = members.iter().collect();
        if matches!(effect, Effect::SetAdd { .. }) {
            self.set_add(key, &members);
        } else {
            self.set_remove(key, &members);
        }
        Ok(())
    }
}

/// Hands over effects that rebuild a set on an empty key.
pub(super) fn set_effects(entry: &Entry<'_>, emit: &mut dyn FnMut(&Effect<'_>)) {
    let (key, Ok(set)) = (entry.key(), entry.set()) else {
        return;
    };
    set.for_each_piece(SNAPSHOT_BYTES_MAX, &mut |members| {
        let members = Items::new(members);
        emit(&Effect::SetAdd { key, members });
    });
}
