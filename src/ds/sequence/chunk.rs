//! A chunk of a sequence: a run of short byte strings in one allocation, found by number in O(1).
//!
//! In one of two forms. As long as all items are equally long ([`even`]) the buffer holds them and nothing
//! else: no byte is spent on an item but its own, and since the form lies in the handle, a lookup
//! touches no line of the buffer but the item's. Items of different lengths ([`mixed`]) have their lengths
//! before them and a table of their positions. The first item of another length turns the one form into
//! the other; copies of items that are equally long again turn it back.
//!
//! Invariants:
//! 1. Those of the form.
//! 2. No chunk is longer than [`CHUNK_BYTES`], and no item in one than [`CHUNK_ITEM_MAX`].

mod even;
mod mixed;

use std::sync::Arc;

use super::tree::End;
use crate::ds::census::Census;
use crate::ds::config::{CHUNK_BYTES, CHUNK_ITEM_MAX};
use even::{Even, Room};
use mixed::{HEAD, Head, Mixed, SLOT, stored};

/// What `Arc` and the allocator put before the buffer.
const BEFORE_BUFFER: usize = 24;
/// The reference counts before the buffer.
const ARC_HEADER_BYTES: usize = 16;

/// Short byte strings in order. Clones in O(1); a change copies the chunk if a clone is alive.
#[derive(Clone)]
pub(super) struct Chunk {
    bytes: Arc<[u8]>,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Even(Even),
    Mixed(Mixed),
}

/// Items of a chunk: those from one number up to another.
type Part<'a> = (&'a Chunk, usize, usize);

/// The length of a buffer for this many bytes: a size in which allocators deal, at most
/// [`CHUNK_BYTES`].
fn capacity_for(bytes: usize) -> usize {
    let whole = (bytes + BEFORE_BUFFER).next_power_of_two();
    let less = whole / 4 * 3;
    let whole = if less >= bytes + BEFORE_BUFFER {
        less
    } else {
        whole
    };
    (whole.max(64) - BEFORE_BUFFER).min(CHUNK_BYTES)
}

fn zeroed(capacity: usize) -> Arc<[u8]> {
    std::iter::repeat_n(0, capacity).collect()
}

impl Chunk {
    /// A chunk of one item, in a buffer as long as chunks get or just long enough, for more to be put
    /// at this end.
    pub(super) fn of(item: &[u8], at_full_length: bool, end: End) -> Self {
        let capacity = |bytes| {
            if at_full_length {
                CHUNK_BYTES
            } else {
                capacity_for(bytes)
            }
        };
        if item.is_empty() {
            let mut chunk = Self::mixed(&[], capacity(HEAD + SLOT + stored(0)));
            let fits = chunk.insert(0, item);
            debug_assert!(fits, "the buffer was made for it");
            return chunk;
        }
        let room = match end {
            End::First => Room::Before,
            End::Last => Room::After,
        };
        let mut bytes = zeroed(capacity(item.len()));
        let even = Even::placed(1, item.len(), bytes.len(), room);
        even.replace(Arc::make_mut(&mut bytes), 0, item);
        let form = Form::Even(even);
        Self { bytes, form }
    }

    /// The items of `parts` in the form that suits them, in a buffer for `slack` times their bytes.
    fn packed(parts: &[Part<'_>], slack: usize) -> Self {
        if let Some(stride) = even_len(parts) {
            let count: usize = parts.iter().map(|(_, from, to)| to - from).sum();
            return Self::even(
                parts,
                stride,
                capacity_for(count * stride * slack),
                Room::After,
            );
        }
        let items: usize = parts
            .iter()
            .map(|&(chunk, from, to)| chunk.mixed_item_bytes(from, to))
            .sum();
        Self::mixed(parts, capacity_for((HEAD + items) * slack))
    }

    /// The items of `parts`, all of this length.
    fn even(parts: &[Part<'_>], stride: usize, capacity: usize, room: Room) -> Self {
        let count = parts.iter().map(|(_, from, to)| to - from).sum();
        let even = Even::placed(count, stride, capacity, room);
        let mut bytes = zeroed(capacity);
        let buffer = Arc::make_mut(&mut bytes);
        let mut at = even.start();
        for &(chunk, from, to) in parts {
            if let Form::Even(source) = chunk.form {
                let span = source.span(&chunk.bytes, from, to);
                buffer[at..at + span.len()].copy_from_slice(span);
                at += span.len();
            } else {
                for i in from..to {
                    buffer[at..at + stride].copy_from_slice(chunk.get(i));
                    at += stride;
                }
            }
        }
        let form = Form::Even(even);
        Self { bytes, form }
    }

    /// The items of `parts`, of any length.
    fn mixed(parts: &[Part<'_>], capacity: usize) -> Self {
        let mut bytes = zeroed(capacity);
        let buffer = Arc::make_mut(&mut bytes);
        let mut head = Head::empty(capacity);
        let mut count = 0;
        for &(chunk, from, to) in parts {
            for i in from..to {
                head.insert(buffer, count, chunk.get(i));
                count += 1;
            }
        }
        let form = Form::Mixed(head.close(buffer));
        Self { bytes, form }
    }

    /// How many items.
    pub(super) fn count(&self) -> usize {
        match self.form {
            Form::Even(even) => even.count(),
            Form::Mixed(mixed) => mixed.count(),
        }
    }

    /// Item `i`, which is there.
    #[inline]
    pub(super) fn get(&self, i: usize) -> &[u8] {
        match self.form {
            Form::Even(even) => even.get(&self.bytes, i),
            Form::Mixed(mixed) => mixed.get(&self.bytes, i),
        }
    }

    /// The bytes in use, all but free room.
    fn live_bytes(&self) -> usize {
        match self.form {
            Form::Even(even) => even.item_bytes(),
            Form::Mixed(mixed) => mixed.open(&self.bytes).live_bytes(self.bytes.len()),
        }
    }

    /// What the items `from..to` take where lengths differ.
    fn mixed_item_bytes(&self, from: usize, to: usize) -> usize {
        match self.form {
            Form::Even(even) => (to - from) * (SLOT + stored(even.stride())),
            Form::Mixed(_) => (from..to).map(|i| SLOT + stored(self.get(i).len())).sum(),
        }
    }

    /// [`live_bytes`](Self::live_bytes) where lengths differ.
    fn mixed_bytes(&self) -> usize {
        match self.form {
            Form::Even(_) => HEAD + self.mixed_item_bytes(0, self.count()),
            Form::Mixed(_) => self.live_bytes(),
        }
    }

    /// The bytes that would be in use with one more item of this length.
    fn bytes_with(&self, item_len: usize) -> usize {
        match self.form {
            Form::Even(even) if even.stride() == item_len => even.item_bytes() + item_len,
            Form::Even(_) | Form::Mixed(_) => self.mixed_bytes() + SLOT + stored(item_len),
        }
    }

    /// The heap bytes it takes.
    pub(super) fn memory_bytes(&self) -> usize {
        ARC_HEADER_BYTES + self.bytes.len()
    }

    /// Whether both are one buffer, read alike.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bytes, &other.bytes) && self.form == other.form
    }

    pub(super) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        if census.is_last(&self.bytes) {
            self.memory_bytes()
        } else {
            0
        }
    }

    /// Whether a push of this many bytes would be taken.
    pub(super) fn takes(&self, item_len: usize) -> bool {
        self.bytes_with(item_len) <= CHUNK_BYTES / 8 * 7
    }

    /// Whether two neighbours leave so much room that they have to be one. Measured as if lengths
    /// differed, in either form: so an answer changes with the items only, and copies that are even
    /// again never become small neighbours.
    pub(super) fn should_join(&self, next: &Self) -> bool {
        self.mixed_bytes() + next.mixed_bytes() <= CHUNK_BYTES / 2
    }

    /// Puts an item in front of number `i` (at the end if `i` is the count) and says whether there
    /// was room; nothing is changed if not.
    pub(super) fn insert(&mut self, i: usize, item: &[u8]) -> bool {
        if let Form::Even(even) = &mut self.form
            && even.stride() == item.len()
            && even.has_room(self.bytes.len(), i)
        {
            even.insert(Arc::make_mut(&mut self.bytes), i, item);
            return true;
        }
        if item.len() > CHUNK_ITEM_MAX {
            return false;
        }
        let needed = self.bytes_with(item.len());
        if needed > CHUNK_BYTES {
            return false;
        }
        let len = self.bytes.len();
        match self.form {
            Form::Even(even) if even.stride() == item.len() => {
                let capacity = capacity_for(needed.max(len + 1));
                if capacity <= len {
                    return false;
                }
                let room = if i == 0 { Room::Before } else { Room::After };
                *self = Self::even(&[(self, 0, even.count())], even.stride(), capacity, room);
            }
            Form::Even(even) => {
                let capacity = capacity_for(needed.max(len));
                *self = Self::mixed(&[(self, 0, even.count())], capacity);
            }
            Form::Mixed(mixed) => {
                let head = mixed.open(&self.bytes);
                if head.free_bytes() < stored(item.len()) + SLOT {
                    // Less than a quarter of dead bytes is not worth a move: that would be done
                    // again soon.
                    let is_worth_a_move = head.dead() * 4 >= len;
                    let capacity = if is_worth_a_move {
                        capacity_for(needed)
                    } else {
                        capacity_for(needed.max(len + 1))
                    };
                    if !(capacity > len || is_worth_a_move) {
                        return false;
                    }
                    *self = Self::mixed(&[(self, 0, mixed.count())], capacity);
                }
            }
        }
        let bytes = Arc::make_mut(&mut self.bytes);
        match &mut self.form {
            Form::Even(even) => even.insert(bytes, i, item),
            Form::Mixed(mixed) => {
                let mut head = mixed.open(bytes);
                head.insert(bytes, i, item);
                *mixed = head.close(bytes);
            }
        }
        true
    }

    /// Removes the items `from..to`.
    pub(super) fn remove(&mut self, from: usize, to: usize) {
        let bytes = Arc::make_mut(&mut self.bytes);
        match &mut self.form {
            Form::Even(even) => even.remove(bytes, from, to),
            Form::Mixed(mixed) => {
                let mut head = mixed.open(bytes);
                head.remove(bytes, from, to);
                *mixed = head.close(bytes);
            }
        }
    }

    /// Writes `new` in place of item `i` if it lies there without moving another; says whether.
    pub(super) fn replace(&mut self, i: usize, new: &[u8]) -> bool {
        match &mut self.form {
            Form::Even(even) => {
                if even.stride() != new.len() {
                    return false;
                }
                even.replace(Arc::make_mut(&mut self.bytes), i, new);
            }
            Form::Mixed(mixed) => {
                if stored(new.len()) > stored(mixed.get(&self.bytes, i).len()) {
                    return false;
                }
                let bytes = Arc::make_mut(&mut self.bytes);
                let mut head = mixed.open(bytes);
                head.replace(bytes, i, new);
                *mixed = head.close(bytes);
            }
        }
        true
    }

    /// The items before number `i`, and the rest.
    pub(super) fn split(&self, i: usize) -> (Self, Self) {
        (
            Self::packed(&[(self, 0, i)], 1),
            Self::packed(&[(self, i, self.count())], 1),
        )
    }

    /// The number of the item at which two halves are about equally long.
    pub(super) fn middle(&self) -> usize {
        let all = self.mixed_item_bytes(0, self.count());
        let mut before = 0;
        for i in 0..self.count() {
            let len = SLOT + stored(self.get(i).len());
            if 2 * before + len >= all {
                return i.max(1);
            }
            before += len;
        }
        self.count()
    }

    /// The items of both.
    pub(super) fn join(&self, next: &Self) -> Self {
        Self::packed(&[(self, 0, self.count()), (next, 0, next.count())], 1)
    }

    /// Gives back room that is not worth keeping where nothing is pushed any more.
    pub(super) fn settle(&mut self) {
        if self.live_bytes() < self.bytes.len() / 4 * 3 {
            *self = Self::packed(&[(self, 0, self.count())], 1);
        }
    }

    /// Gives back room where far less is left than there was.
    pub(super) fn shrink(&mut self) {
        let live = self.live_bytes();
        if live * 4 < self.bytes.len() && capacity_for(live * 2) < self.bytes.len() {
            *self = Self::packed(&[(self, 0, self.count())], 2);
        }
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        assert!(self.bytes.len() <= CHUNK_BYTES, "no chunk is longer");
        match self.form {
            Form::Even(even) => {
                even.check_invariants(&self.bytes);
                assert!(even.stride() <= CHUNK_ITEM_MAX);
            }
            Form::Mixed(mixed) => {
                let head = mixed.open(&self.bytes);
                head.check_invariants(&self.bytes, CHUNK_ITEM_MAX);
            }
        }
    }
}

/// The length of all these items, if it is one and not 0.
fn even_len(parts: &[Part<'_>]) -> Option<usize> {
    let &(chunk, from, _) = parts.iter().find(|(_, from, to)| from < to)?;
    let len = chunk.get(from).len();
    let is_even = len > 0
        && parts.iter().all(|&(chunk, from, to)| match chunk.form {
            Form::Even(even) => from == to || even.stride() == len,
            Form::Mixed(_) => (from..to).all(|i| chunk.get(i).len() == len),
        });
    is_even.then_some(len)
}
