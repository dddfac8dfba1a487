//! A chunk of items of any length: a table of positions from the front of the buffer, and the items
//! themselves, which are laid down from its end: `dead | spare | table | free | items`.
//!
//! An item is its length (one byte, or two from 128 on) and its bytes; where it lies says nothing about its
//! number. So both ends, and the middle, take an item by moving at most table entries, of two bytes each.
//! `chunk` calls this and holds the buffer and the handle, [`Mixed`].
//!
//! Invariants:
//! 1. `HEAD <= table`, and the table ends at or before `heap`, the lowest byte of the items.
//! 2. Every table entry is the position of a whole item at or above `heap`; no two overlap.
//! 3. `dead`, the first two bytes, counts the bytes above `heap` that no entry leads to.

/// Bytes before the table: `dead`.
pub(super) const HEAD: usize = 2;
/// Bytes of a table entry.
pub(super) const SLOT: usize = 2;
/// At most so many bytes of the table's room are set aside for items put in front.
const FRONT_ROOM: usize = 128;

/// What a handle on such a chunk knows: all but `dead`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Mixed {
    table: u16,
    count: u16,
    heap: u16,
}

/// The same and `dead`, for a change.
#[derive(Clone, Copy)]
pub(super) struct Head {
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
pub(super) fn stored(len: usize) -> usize {
    len + if len < 128 { 1 } else { 2 }
}

/// The item at this position, its length left out.
#[inline]
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

impl Mixed {
    pub(super) fn count(self) -> usize {
        usize::from(self.count)
    }

    /// Item `i`, which is there. Not inlined, for otherwise it would be merged with the other form, and
    /// lookups that do not depend on each other would overlap less.
    #[inline(never)]
    pub(super) fn get(self, bytes: &[u8], i: usize) -> &[u8] {
        item(bytes, read(bytes, usize::from(self.table) + SLOT * i))
    }

    pub(super) fn open(self, bytes: &[u8]) -> Head {
        Head {
            table: usize::from(self.table),
            count: self.count(),
            heap: usize::from(self.heap),
            dead: read(bytes, 0),
        }
    }
}

impl Head {
    /// No item yet, in a buffer of `capacity` bytes.
    pub(super) fn empty(capacity: usize) -> Self {
        Self {
            table: HEAD,
            count: 0,
            heap: capacity,
            dead: 0,
        }
    }

    pub(super) fn close(self, bytes: &mut [u8]) -> Mixed {
        write(bytes, 0, self.dead);
        Mixed {
            table: self.table as u16,
            count: self.count as u16,
            heap: self.heap as u16,
        }
    }

    /// The bytes that no entry leads to.
    pub(super) fn dead(self) -> usize {
        self.dead
    }

    /// The bytes in use of a buffer of `capacity` bytes, `dead` and the table included.
    pub(super) fn live_bytes(self, capacity: usize) -> usize {
        HEAD + SLOT * self.count + capacity - self.heap - self.dead
    }

    /// The bytes that an item and its table entry can get.
    pub(super) fn free_bytes(self) -> usize {
        self.heap - self.table_end() + self.table - HEAD
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
    pub(super) fn insert(&mut self, bytes: &mut [u8], i: usize, item: &[u8]) {
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

    /// Removes the items `from..to`.
    pub(super) fn remove(&mut self, bytes: &mut [u8], from: usize, to: usize) {
        if to - from == self.count {
            *self = Self::empty(bytes.len());
            return;
        }
        for i in (from..to).rev() {
            let at = read(bytes, self.slot(i));
            let len = stored(item(bytes, at).len());
            if at == self.heap {
                self.heap += len;
            } else {
                self.dead += len;
            }
        }
        let gone = SLOT * (to - from);
        if from < self.count - to {
            bytes.copy_within(self.table..self.slot(from), self.table + gone);
            self.table += gone;
        } else {
            bytes.copy_within(self.slot(to)..self.table_end(), self.slot(from));
        }
        self.count -= to - from;
    }

    /// Writes `new`, which is no longer than item `i`, in its place.
    pub(super) fn replace(&mut self, bytes: &mut [u8], i: usize, new: &[u8]) {
        let at = read(bytes, self.slot(i));
        self.dead += stored(item(bytes, at).len()) - stored(new.len());
        write_item(bytes, at, new);
    }

    #[cfg(test)]
    pub(super) fn check_invariants(self, bytes: &[u8], longest: usize) {
        assert!(self.table >= HEAD && self.table_end() <= self.heap);
        assert!(self.heap <= bytes.len());
        let mut spans: Vec<(usize, usize)> = (0..self.count)
            .map(|i| {
                let at = read(bytes, self.slot(i));
                assert!(at >= self.heap && item(bytes, at).len() <= longest);
                (at, at + stored(item(bytes, at).len()))
            })
            .collect();
        spans.sort_unstable();
        let used: usize = spans.iter().map(|(from, to)| to - from).sum();
        assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        assert_eq!(used + self.dead, bytes.len() - self.heap, "dead bytes");
        assert!(self.count > 0 || self.dead == 0);
    }
}
