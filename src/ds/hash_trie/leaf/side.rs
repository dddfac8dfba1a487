//! What a page cannot hold: large values and long keys, in a table beside it.
//!
//! Called by the leaf. A place that is not free belongs to one entry; free places form a list, so
//! taking and putting are O(1). The table exists only beside pages that ever needed one.

use std::sync::Arc;

use crate::ds::census::Census;

/// What a page cannot hold: large values and long keys, by place.
#[derive(Clone)]
pub(in crate::ds::hash_trie) struct Side<L> {
    items: Vec<Item<L>>,
    /// First free place, or `items.len()`.
    free: u16,
}

#[derive(Clone)]
pub(super) enum Item<L> {
    /// Free; the next free place.
    Free(u16),
    Value(L),
    Key(Arc<[u8]>),
}

/// What one place of the table takes.
pub(in crate::ds::hash_trie) const fn side_bytes<L>() -> usize {
    size_of::<Item<L>>()
}

impl<L> Side<L> {
    pub(super) fn put(side: &mut Option<Box<Self>>, item: Item<L>) -> u16 {
        let side = side.get_or_insert_with(|| {
            Box::new(Side {
                items: Vec::new(),
                free: 0,
            })
        });
        let place = side.free;
        match side.items.get_mut(usize::from(place)) {
            Some(slot) => {
                if let Item::Free(next) = *slot {
                    side.free = next;
                }
                *slot = item;
            }
            None => {
                side.items.push(item);
                side.free = place + 1;
            }
        }
        place
    }

    pub(super) fn take(side: &mut Option<Box<Self>>, place: u16) -> Option<Item<L>> {
        let table = side.as_mut()?;
        let slot = table.items.get_mut(usize::from(place))?;
        let item = std::mem::replace(slot, Item::Free(table.free));
        table.free = place;
        Some(item)
    }

    #[inline]
    pub(super) fn value(&self, place: u16) -> Option<&L> {
        match self.items.get(usize::from(place))? {
            Item::Value(value) => Some(value),
            Item::Free(_) | Item::Key(_) => None,
        }
    }

    pub(super) fn value_mut(&mut self, place: u16) -> Option<&mut L> {
        match self.items.get_mut(usize::from(place))? {
            Item::Value(value) => Some(value),
            Item::Free(_) | Item::Key(_) => None,
        }
    }

    pub(super) fn key(&self, place: u16) -> Option<&[u8]> {
        match self.items.get(usize::from(place))? {
            Item::Key(key) => Some(key),
            Item::Free(_) | Item::Value(_) => None,
        }
    }

    /// Bytes of the table and its long keys.
    pub(in crate::ds::hash_trie) fn allocated_bytes(&self) -> usize {
        let keys: usize = (self.items.iter())
            .map(|item| match item {
                Item::Key(key) => key.len() + 2 * size_of::<usize>(),
                Item::Free(_) | Item::Value(_) => 0,
            })
            .sum();
        size_of::<Self>() + self.items.capacity() * size_of::<Item<L>>() + keys
    }

    /// What goes with this table if its owner goes: the table, long keys that no other owner has, and
    /// what `visit` says of each large value.
    pub(in crate::ds::hash_trie) fn exclusive_bytes(
        &self,
        census: &mut Census,
        visit: &mut dyn FnMut(&L, &mut Census) -> usize,
    ) -> usize {
        let table = size_of::<Self>() + self.items.capacity() * size_of::<Item<L>>();
        let beside = self.items.iter().map(|item| match item {
            Item::Key(key) if census.is_last(key) => key.len() + 2 * size_of::<usize>(),
            Item::Value(value) => visit(value, census),
            Item::Key(_) | Item::Free(_) => 0,
        });
        table + beside.sum::<usize>()
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn taken(&self) -> usize {
        self.items
            .iter()
            .filter(|item| !matches!(item, Item::Free(_)))
            .count()
    }
}
