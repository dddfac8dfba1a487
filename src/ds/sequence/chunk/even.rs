//! A chunk whose items are equally long: the items alone, one after the other, wherever in the buffer.
//!
//! Nothing else is kept in the buffer, neither lengths nor positions: where an item lies follows from its
//! number. `chunk` calls this and holds the buffer. Free room is before and after the items; both ends
//! take an item without moving any, the middle by moving the shorter side that can move.
//!
//! Invariants:
//! 1. `stride >= 1`: empty items are for the other form.
//! 2. The items, `count * stride` bytes from `start` on, end within the buffer.

/// Equally long items in a buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Even {
    start: u16,
    count: u16,
    stride: u16,
}

/// Where the room of a buffer goes that its items do not fill.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Before,
    After,
}

impl Even {
    /// So many items of this length, to be written at [`start`](Self::start).
    pub(super) fn placed(count: usize, stride: usize, capacity: usize, room: Room) -> Self {
        let start = match room {
            Room::Before => capacity - count * stride,
            Room::After => 0,
        };
        Self {
            start: start as u16,
            count: count as u16,
            stride: stride as u16,
        }
    }

    pub(super) fn count(self) -> usize {
        usize::from(self.count)
    }

    /// The length of each item.
    pub(super) fn stride(self) -> usize {
        usize::from(self.stride)
    }

    /// The bytes of all items.
    pub(super) fn item_bytes(self) -> usize {
        self.count() * self.stride()
    }

    pub(super) fn start(self) -> usize {
        usize::from(self.start)
    }

    fn end(self) -> usize {
        self.start() + self.item_bytes()
    }

    fn at(self, i: usize) -> usize {
        self.start() + i * self.stride()
    }

    /// Item `i`, which is there.
    #[inline]
    pub(super) fn get(self, bytes: &[u8], i: usize) -> &[u8] {
        &bytes[self.at(i)..][..self.stride()]
    }

    /// The items `from..to`, one after the other.
    pub(super) fn span(self, bytes: &[u8], from: usize, to: usize) -> &[u8] {
        &bytes[self.at(from)..self.at(to)]
    }

    /// The side whose items move away for one more in front of number `i` of a buffer of `capacity`
    /// bytes, none at an end; `None` if that side has no room.
    fn side_with_room(self, capacity: usize, i: usize) -> Option<Room> {
        let before = self.start() >= self.stride();
        let after = capacity - self.end() >= self.stride();
        let is_front_shorter = 2 * i < self.count();
        if i > 0 && after && (i == self.count() || !before || !is_front_shorter) {
            Some(Room::After)
        } else if before && i < self.count().max(1) {
            Some(Room::Before)
        } else {
            None
        }
    }

    /// Whether one more item can be put in front of number `i` of a buffer of `capacity` bytes, at a
    /// cost that few pushes share.
    #[inline]
    pub(super) fn has_room(self, capacity: usize, i: usize) -> bool {
        let free = capacity - self.item_bytes();
        // All items are moved for an eighth of a buffer, but not for each item of the last few.
        self.side_with_room(capacity, i).is_some() || free >= self.stride().max(capacity / 8)
    }

    /// Puts an item of the right length in front of number `i`. There is room.
    #[inline]
    pub(super) fn insert(&mut self, bytes: &mut [u8], i: usize, item: &[u8]) {
        let side = self
            .side_with_room(bytes.len(), i)
            .unwrap_or_else(|| self.make_room(bytes, i));
        let (at, stride) = (self.at(i), self.stride());
        let at = match side {
            Room::Before => {
                bytes.copy_within(self.start()..at, self.start() - stride);
                self.start -= self.stride;
                at - stride
            }
            Room::After => {
                bytes.copy_within(at..self.end(), at + stride);
                at
            }
        };
        self.count += 1;
        bytes[at..at + stride].copy_from_slice(item);
    }

    /// Moves all items so that each side has half of the free room, or the asking one an item's.
    #[cold]
    fn make_room(&mut self, bytes: &mut [u8], i: usize) -> Room {
        let free = bytes.len() - self.item_bytes();
        let (start, side) = if i == 0 {
            ((free / 2).max(self.stride()), Room::Before)
        } else {
            ((free / 2).min(free - self.stride()), Room::After)
        };
        bytes.copy_within(self.start()..self.end(), start);
        self.start = start as u16;
        side
    }

    /// Removes the items `from..to`.
    pub(super) fn remove(&mut self, bytes: &mut [u8], from: usize, to: usize) {
        let gone = (to - from) * self.stride();
        if from < self.count() - to {
            bytes.copy_within(self.start()..self.at(from), self.start() + gone);
            self.start += gone as u16;
        } else {
            bytes.copy_within(self.at(to)..self.end(), self.at(from));
        }
        self.count -= (to - from) as u16;
    }

    /// Writes `new`, which is as long, in place of item `i`.
    pub(super) fn replace(self, bytes: &mut [u8], i: usize, new: &[u8]) {
        let at = self.at(i);
        bytes[at..at + self.stride()].copy_from_slice(new);
    }

    #[cfg(test)]
    pub(super) fn check_invariants(self, bytes: &[u8]) {
        assert!(self.stride >= 1);
        assert!(self.end() <= bytes.len(), "items past the end");
    }
}
