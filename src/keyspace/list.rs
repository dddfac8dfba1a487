//! The mutators of lists.
//!
//! Invariants:
//! 1. No key holds an empty list: the mutator that removes the last element removes the key.
//! 2. No effect holds more than about [`EFFECT_BYTES_MAX`] of elements, unless one element alone does.
//!
//! Positions count from the front and are those of elements that are there: commands see to that.

use super::apply::Misfit;
use super::event::Event;
use super::pieces::{EFFECT_BYTES_MAX, word_pieces};
use super::tx::{Dropped, WriteTx};
use crate::effect::{Effect, Items};
use crate::error::CommandError;
use crate::value::{ListValue, Value};

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The front: `LEFT`.
    Left,
    /// The back: `RIGHT`.
    Right,
}

impl WriteTx<'_> {
    /// How many elements the list at `key` has; 0 if there is none.
    ///
    /// # Errors
    /// If `key` holds another type.
    pub(crate) fn list_len(&self, key: &[u8]) -> Result<u64, CommandError> {
        match self.entry(key) {
            Some(entry) => Ok(entry.list()?.len()),
            None => Ok(0),
        }
    }

    /// Puts `values` one after the other at this end of the list at `key`, which is created if it is
    /// missing, and answers its length.
    ///
    /// # Errors
    /// If `key` holds another type; nothing is changed.
    pub(crate) fn list_push(
        &mut self,
        key: &[u8],
        side: Side,
        values: &[&[u8]],
    ) -> Result<u64, CommandError> {
        if values.is_empty() {
            return self.list_len(key);
        }
        let push = |list: &mut ListValue| {
            let len = list.len();
            for value in values {
                match side {
                    Side::Left => list.push_front(value),
                    Side::Right => list.push_back(value),
                }
            }
            len
        };
        let len = match self.edit_lasting_list(key, push) {
            Some(len) => len,
            None => {
                let len = self.list_len(key)?;
                self.edit_list(key, len > 0, push)
            }
        };
        let mut index = len;
        for piece in word_pieces(values, EFFECT_BYTES_MAX) {
            match side {
                Side::Left if piece.len() > 1 => {
                    let reversed: Vec<&[u8]> = piece.iter().rev().copied().collect();
                    self.record_list_insert(key, 0, &reversed);
                }
                Side::Left => self.record_list_insert(key, 0, piece),
                Side::Right => self.record_list_insert(key, index, piece),
            }
            index += piece.len() as u64;
        }
        Ok(len + values.len() as u64)
    }

    /// Puts `value` in front of the element at `index` of the list at `key`, which is there.
    pub(crate) fn list_insert(&mut self, key: &[u8], index: u64, value: &[u8]) {
        self.edit_list(key, true, |list| list.insert(index, value));
        self.record_list_insert(key, index, &[value]);
    }

    /// Removes the elements `index..index + count` of the list at `key`, and the key with the last.
    pub(crate) fn list_remove(&mut self, key: &[u8], index: u64, count: u64) {
        let (table, hash) = self.at(key);
        let mut is_empty = false;
        let gone = table.edit(hash, key, |value| {
            let Value::List(list) = value else {
                return None;
            };
            let gone = list.remove(index, count);
            is_empty = list.len() == 0;
            gone
        });
        if let Some(gone) = gone.flatten() {
            self.batch.dropped.push(Dropped::Value(Value::List(gone)));
        }
        self.batch.record(&Effect::ListRemove { key, index, count });
        if is_empty {
            self.erase(key);
        }
    }

    /// Removes the element at this end of the list at `key`, and the key with the last, and answers it;
    /// `None` if there is no list.
    ///
    /// # Errors
    /// If `key` holds another type; nothing is changed.
    pub(crate) fn list_pop(
        &mut self,
        key: &[u8],
        side: Side,
    ) -> Result<Option<Vec<u8>>, CommandError> {
        let pop = |list: &mut ListValue| {
            let len = list.len();
            let element = match side {
                Side::Left => list.pop_front(),
                Side::Right => list.pop_back(),
            };
            (len, element)
        };
        let (len, element) = match self.edit_lasting_list(key, pop) {
            Some(popped) => popped,
            None if self.list_len(key)? == 0 => return Ok(None),
            None => self.edit_list(key, true, pop),
        };
        let index = match side {
            Side::Left => 0,
            Side::Right => len - 1,
        };
        let count = 1;
        self.batch.record(&Effect::ListRemove { key, index, count });
        if len == 1 {
            self.erase(key);
        }
        Ok(element)
    }

    /// Replaces the element at `index` of the list at `key`.
    pub(crate) fn list_set(&mut self, key: &[u8], index: u64, value: &[u8]) {
        let (table, hash) = self.at(key);
        table.edit(hash, key, |old| {
            if let Value::List(list) = old {
                list.set(index, value);
            }
        });
        self.batch.record(&Effect::ListSet { key, index, value });
    }

    /// Lets `key` hold a list of these elements and nothing else; without any it holds nothing.
    pub(crate) fn list_store(&mut self, key: &[u8], values: &[&[u8]], event: Event) {
        if values.is_empty() {
            self.erase(key);
        } else {
            self.displace(key);
            self.event(event);
            // Nothing is at the key: there is no type to refuse.
            let _ = self.list_push(key, Side::Right, values);
        }
    }

    /// Lets the list at `key` hold these elements, at least one, in place of its own, and keep its
    /// deadline.
    ///
    /// # Errors
    /// If `key` holds another type; nothing is changed.
    pub(crate) fn list_replace(
        &mut self,
        key: &[u8],
        values: &[&[u8]],
    ) -> Result<(), CommandError> {
        let before = self.list_len(key)?;
        self.list_push(key, Side::Right, values)?;
        self.list_remove(key, 0, before);
        Ok(())
    }

    /// `ListInsert` from a file.
    pub(super) fn apply_list_insert(
        &mut self,
        key: &[u8],
        index: u64,
        values: &Items<'_>,
    ) -> Result<(), Misfit> {
        let len = self.list_len(key).map_err(|_wrong_type| Misfit)?;
        if index > len {
            return Err(Misfit);
        }
        if values.is_empty() {
            return Ok(());
        }
        self.edit_list(key, len > 0, |list| {
            for (at, value) in values.iter().enumerate() {
                list.insert(index + at as u64, value);
            }
        });
        let values = *values;
        self.batch
            .record(&Effect::ListInsert { key, index, values });
        Ok(())
    }

    /// `ListRemove` from a file. A list that is not there has nothing to lose.
    pub(super) fn apply_list_remove(
        &mut self,
        key: &[u8],
        index: u64,
        count: u64,
    ) -> Result<(), Misfit> {
        let len = self.list_len(key).map_err(|_wrong_type| Misfit)?;
        if len == 0 {
            return Ok(());
        }
        if index.checked_add(count).is_none_or(|end| end > len) {
            return Err(Misfit);
        }
        self.list_remove(key, index, count);
        Ok(())
    }

    /// `ListSet` from a file.
    pub(super) fn apply_list_set(
        &mut self,
        key: &[u8],
        index: u64,
        value: &[u8],
    ) -> Result<(), Misfit> {
        if index >= self.list_len(key).map_err(|_wrong_type| Misfit)? {
            return Err(Misfit);
        }
        self.list_set(key, index, value);
        Ok(())
    }

    fn record_list_insert(&mut self, key: &[u8], index: u64, values: &[&[u8]]) {
        let values = Items::new(values);
        self.batch
            .record(&Effect::ListInsert { key, index, values });
    }

    /// Changes the list at `key` with one search for it, if that is enough: a list is there, and no key
    /// of its table has a deadline, so that it cannot have expired. `None` otherwise: nothing is changed.
    fn edit_lasting_list<R>(
        &mut self,
        key: &[u8],
        edit: impl FnOnce(&mut ListValue) -> R,
    ) -> Option<R> {
        let (table, hash) = self.at(key);
        if table.keys().with_deadline_count() > 0 {
            return None;
        }
        let edited = table.edit(hash, key, |value| match value {
            Value::List(list) => Some(edit(list)),
            Value::String(_) | Value::Hash(_) | Value::Set(_) | Value::SortedSet(_) => None,
        });
        edited.flatten()
    }

    /// Changes the list at `key`, or the new one that it gets where there is none to see. One that the
    /// caller has seen is not looked for again.
    fn edit_list<R>(
        &mut self,
        key: &[u8],
        is_there: bool,
        edit: impl FnOnce(&mut ListValue) -> R,
    ) -> R {
        let edit = |value: &mut Value| match value {
            Value::List(list) => edit(list),
            Value::String(_) | Value::Hash(_) | Value::Set(_) | Value::SortedSet(_) => {
                unreachable!("the caller has seen that no other type is there")
            }
        };
        if is_there {
            let (table, hash) = self.at(key);
            match table.edit(hash, key, edit) {
                Some(result) => result,
                None => unreachable!("the caller has seen it"),
            }
        } else {
            self.upsert_value(key, || Value::List(ListValue::new()), edit)
        }
    }
}

#[cfg(test)]
mod tests;
