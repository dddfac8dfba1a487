//! A chunk of a sequence: a run of short byte strings in one allocation, found by number in O(1).
//!
//! A head, a table of positions that grows from the front of the buffer, and the items themselves, which
//! are laid down from its end: `head | spare | table | free | items`. An item is its length (one byte, or
//! two from 128 on) and its bytes; where it lies says nothing about its number. So both ends, and the
//! middle, take an item by moving at most table entries, of two bytes each.
//!
//! Invariants:
//! 1. `HEAD <= table`, and the table ends at or before `heap`, the lowest byte of the items.
//! 2. Every table entry is the position of a whole item at or above `heap`; no two overlap.
//! 3. `dead` counts the bytes above `heap` that no entry leads to. An empty chunk has none.
//! 4. No chunk is longer than [`CHUNK_BYTES`], and no item in one than [`CHUNK_ITEM_MAX`].

use std::sync::Arc;

use crate::ds::census::Census;
use crate::ds::config::{CHUNK_BYTES, CHUNK_ITEM_MAX};

/// Bytes before the table: its position, the number of items, `heap` and `dead`, two bytes each.
const HEAD: usize = 8;
/// Bytes of a table entry.
const SLOT: usize = 2;
/// What `Arc` and the allocator put before the buffer.
const BEFORE_BUFFER: usize = 24;
/// At most so many bytes of the table's room are set aside for items put in front.
const FRONT_ROOM: usize = 128;
/// The reference counts before the buffer.
const ARC_HEADER_BYTES: usize = 16;

/// Short byte strings in order. Clones in O(1); a change copies the chunk if a clone is alive.
#[derive(Clone)]
pub(super) struct Chunk(Arc<[u8]>);

#[derive(Clone, Copy)]
struct Head {
    table: usize,
    count: usize,
    heap: usize,
    dead: usize,
}

fn read(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn write(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 2].copy_from_slice(&(value as u16).to_le_bytes());
}

/// The bytes an item of this length takes, its table entry left out.
fn stored(len: usize) -> usize {
    len + if len < 128 { 1 } else { 2 }
}

/// The item at this position, its length left out.
fn item(bytes: &[u8], at: usize) -> &[u8] {
    let first = usize::from(bytes[at]);
    if first < 128 {
        &bytes[at + 1..at + 1 + first]
    } else {
        let len = (first & 127) | usize::from(bytes[at + 1]) << 7;
        &bytes[at + 2..at + 2 + len]
    }
}

/// Writes an item with its length at this position.
fn write_item(bytes: &mut [u8], at: usize, item: &[u8]) {
    let len = item.len();
    let start = if len < 128 {
        bytes[at] = len as u8;
        at + 1
    } else {
        bytes[at] = (len & 127) as u8 | 128;
        bytes[at + 1] = (len >> 7) as u8;
        at + 2
    };
    bytes[start..start + len].copy_from_slice(item);
}

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

impl Head {
    fn of(bytes: &[u8]) -> Self {
        Self {
            table: read(bytes, 0),
            count: read(bytes, 2),
            heap: read(bytes, 4),
            dead: read(bytes, 6),
        }
    }

    fn empty(capacity: usize) -> Self {
        Self {
            table: HEAD,
            count: 0,
            heap: capacity,
            dead: 0,
        }
    }

    fn store(self, bytes: &mut [u8]) {
        write(bytes, 0, self.table);
        write(bytes, 2, self.count);
        write(bytes, 4, self.heap);
        write(bytes, 6, self.dead);
    }

    fn slot(self, i: usize) -> usize {
        self.table + SLOT * i
    }

    fn table_end(self) -> usize {
        self.slot(self.count)
    }

    /// Lets the table start at `table`.
    fn move_table(&mut self, bytes: &mut [u8], table: usize) {
        bytes.copy_within(self.table..self.table_end(), table);
        self.table = table;
    }

    /// Puts an item in front of number `i`. There is room.
    fn insert(&mut self, bytes: &mut [u8], i: usize, item: &[u8]) {
        let data = stored(item.len());
        // The shorter part of the table makes room; so a chunk filled from the front moves nothing.
        let moves_front = 2 * i < self.count || (i == 0 && self.table > HEAD);
        let free = self.heap - self.table_end();
        if moves_front {
            if free < data {
                self.move_table(bytes, HEAD + SLOT);
            } else if self.table == HEAD {
                let room = (free - data) / 2 / SLOT * SLOT;
                self.move_table(bytes, HEAD + room.clamp(SLOT, FRONT_ROOM));
            }
        } else if free < data + SLOT {
            self.move_table(bytes, HEAD);
        }
        self.heap -= data;
        write_item(bytes, self.heap, item);
        let at = self.slot(i);
        if moves_front {
            bytes.copy_within(self.table..at, self.table - SLOT);
            self.table -= SLOT;
        } else {
            bytes.copy_within(at..self.table_end(), at + SLOT);
        }
        self.count += 1;
        write(bytes, self.slot(i), self.heap);
    }
}

impl Chunk {
    /// A chunk of one item, in a buffer as long as chunks get or just long enough.
    pub(super) fn of(item: &[u8], at_full_length: bool) -> Self {
        let capacity = if at_full_length {
            CHUNK_BYTES
        } else {
            capacity_for(HEAD + SLOT + stored(item.len()))
        };
        let mut chunk = Self::empty(capacity);
        chunk.insert(0, item);
        chunk
    }

    fn empty(capacity: usize) -> Self {
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, capacity).collect();
        Head::empty(capacity).store(Arc::make_mut(&mut bytes));
        Self(bytes)
    }

    /// Some of the items of `parts` (chunk, first, end), one part after the other.
    fn copy_of(parts: &[(&Chunk, usize, usize)], capacity: usize) -> Self {
        let mut chunk = Self::empty(capacity);
        let bytes = Arc::make_mut(&mut chunk.0);
        let mut head = Head::empty(capacity);
        for &(from, first, end) in parts {
            let source = Head::of(&from.0);
            for i in first..end {
                let at = read(&from.0, source.slot(i));
                let len = stored(item(&from.0, at).len());
                head.heap -= len;
                bytes[head.heap..head.heap + len].copy_from_slice(&from.0[at..at + len]);
                write(bytes, head.table_end(), head.heap);
                head.count += 1;
            }
        }
        head.store(bytes);
        chunk
    }

    /// How many items.
    pub(super) fn count(&self) -> usize {
        read(&self.0, 2)
    }

    /// Item `i`, which is there.
    #[inline]
    pub(super) fn get(&self, i: usize) -> &[u8] {
        let bytes = &*self.0;
        let table = read(bytes, 0);
        if table != HEAD {
            return self.get_after_room(table, i);
        }
        // This position does not wait for the head: both lines are fetched at the same time.
        item(bytes, read(bytes, HEAD + SLOT * i))
    }

    /// [`get`](Self::get) where the table has room in front. Not inlined, for otherwise it would be
    /// merged with the other case.
    #[inline(never)]
    fn get_after_room(&self, table: usize, i: usize) -> &[u8] {
        item(&self.0, read(&self.0, table + SLOT * i))
    }

    /// The bytes in use, head and table included.
    fn live_bytes(&self) -> usize {
        let head = Head::of(&self.0);
        HEAD + SLOT * head.count + self.0.len() - head.heap - head.dead
    }

    /// The heap bytes it takes.
    pub(super) fn memory_bytes(&self) -> usize {
        ARC_HEADER_BYTES + self.0.len()
    }

    pub(super) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        if census.is_last(&self.0) {
            self.memory_bytes()
        } else {
            0
        }
    }

    /// Whether a push of this many bytes would be taken.
    pub(super) fn takes(&self, item_len: usize) -> bool {
        self.live_bytes() + SLOT + stored(item_len) <= CHUNK_BYTES / 8 * 7
    }

    /// Whether two neighbours leave so much room that they have to be one.
    pub(super) fn should_join(&self, next: &Self) -> bool {
        self.live_bytes() + next.live_bytes() <= CHUNK_BYTES / 2
    }

    /// Puts an item in front of number `i` (at the end if `i` is the count) and says whether there
    /// was room; nothing is changed if not.
    pub(super) fn insert(&mut self, i: usize, item: &[u8]) -> bool {
        if item.len() > CHUNK_ITEM_MAX {
            return false;
        }
        let mut head = Head::of(&self.0);
        let data = stored(item.len());
        let free = head.heap - head.table_end() + head.table - HEAD;
        if free < data + SLOT {
            let needed = self.live_bytes() + data + SLOT;
            // Less than a quarter of dead bytes is not worth a move: that would be done again soon.
            let capacity = if head.dead * 4 >= self.0.len() {
                capacity_for(needed)
            } else {
                capacity_for(needed.max(self.0.len() + 1))
            };
            let is_longer = capacity > self.0.len();
            if needed > capacity || !(is_longer || head.dead * 4 >= self.0.len()) {
                return false;
            }
            self.repack(capacity);
            head = Head::of(&self.0);
        }
        let bytes = Arc::make_mut(&mut self.0);
        head.insert(bytes, i, item);
        head.store(bytes);
        true
    }

    /// Removes the items `from..to`.
    pub(super) fn remove(&mut self, from: usize, to: usize) {
        let bytes = Arc::make_mut(&mut self.0);
        let mut head = Head::of(bytes);
        if to - from == head.count {
            Head::empty(bytes.len()).store(bytes);
            return;
        }
        for i in (from..to).rev() {
            let at = read(bytes, head.slot(i));
            let len = stored(item(bytes, at).len());
            if at == head.heap {
                head.heap += len;
            } else {
                head.dead += len;
            }
        }
        let gone = SLOT * (to - from);
        if from < head.count - to {
            bytes.copy_within(head.table..head.slot(from), head.table + gone);
            head.table += gone;
        } else {
            bytes.copy_within(head.slot(to)..head.table_end(), head.slot(from));
        }
        head.count -= to - from;
        head.store(bytes);
    }

    /// Writes `new` in place of item `i` if it lies there without moving another; says whether.
    pub(super) fn replace(&mut self, i: usize, new: &[u8]) -> bool {
        let (old, len) = (stored(self.get(i).len()), stored(new.len()));
        if len > old {
            return false;
        }
        let bytes = Arc::make_mut(&mut self.0);
        let mut head = Head::of(bytes);
        let at = read(bytes, head.slot(i));
        write_item(bytes, at, new);
        if len < old {
            head.dead += old - len;
            head.store(bytes);
        }
        true
    }

    /// The items before number `i`, and the rest.
    pub(super) fn split(&self, i: usize) -> (Self, Self) {
        (self.part(0, i), self.part(i, self.count()))
    }

    /// The number of the item at which two halves are about equally long.
    pub(super) fn middle(&self) -> usize {
        let all = self.live_bytes() - HEAD;
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
        let bytes = self.live_bytes() + next.live_bytes() - HEAD;
        Self::copy_of(
            &[(self, 0, self.count()), (next, 0, next.count())],
            capacity_for(bytes),
        )
    }

    /// Gives back room that is not worth keeping where nothing is pushed any more.
    pub(super) fn settle(&mut self) {
        let live = self.live_bytes();
        if live < self.0.len() / 4 * 3 {
            self.repack(capacity_for(live));
        }
    }

    /// Gives back room where far less is left than there was.
    pub(super) fn shrink(&mut self) {
        let live = self.live_bytes();
        if live * 4 < self.0.len() {
            let capacity = capacity_for(live * 2);
            if capacity < self.0.len() {
                self.repack(capacity);
            }
        }
    }

    fn part(&self, from: usize, to: usize) -> Self {
        let items: usize = (from..to).map(|i| SLOT + stored(self.get(i).len())).sum();
        Self::copy_of(&[(self, from, to)], capacity_for(HEAD + items))
    }

    fn repack(&mut self, capacity: usize) {
        *self = Self::copy_of(&[(self, 0, self.count())], capacity);
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        let head = Head::of(&self.0);
        assert!(self.0.len() <= CHUNK_BYTES, "no chunk is longer");
        assert!(head.table >= HEAD && head.table_end() <= head.heap);
        assert!(head.heap <= self.0.len());
        let mut spans: Vec<(usize, usize)> = (0..head.count)
            .map(|i| {
                let at = read(&self.0, head.slot(i));
                assert!(at >= head.heap && item(&self.0, at).len() <= CHUNK_ITEM_MAX);
                (at, at + stored(item(&self.0, at).len()))
            })
            .collect();
        spans.sort_unstable();
        let used: usize = spans.iter().map(|(from, to)| to - from).sum();
        assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        assert_eq!(used + head.dead, self.0.len() - head.heap, "dead bytes");
        assert!(head.count > 0 || head.dead == 0);
    }
}
