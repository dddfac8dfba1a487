//! `Timelines`: for every user the periods with a mark, as bits that lie next to each other.
//!
//! Periods are cut into segments of 512. A segment has a block for every group of 64 users that has
//! marks in it: 64 rows of equal width, which is as many bytes (an even number) as the group's first
//! and last mark in the segment need. Chunks of 256 blocks hang below a segment, sparse as they come.
//! `History` builds on it; clones share segments, chunks and blocks until one is changed.
//!
//! Invariants (`check_invariants` tests them):
//! 1. A block has a mark, a chunk a block, and a segment a chunk.
//! 2. A block holds `64 * width` bytes, `width` is even and at most 64, and the block's first byte is
//!    even. A block that loses marks keeps its width until it is rewritten whole, or empty.
//! 3. `blocks_bytes` is what the blocks of this value take.

use std::iter::repeat_n;
use std::mem::size_of;
use std::sync::Arc;

use super::row;
use super::sorted::Sorted;

const SEGMENT_SHIFT: u32 = 9;
/// The periods of a segment.
pub(super) const SEGMENT: usize = 1 << SEGMENT_SHIFT;
/// The words that a segment's row takes at most.
pub(super) const SEGMENT_WORDS: usize = SEGMENT / 64;
const GROUP_SHIFT: u32 = 6;
/// The users of a group.
pub(super) const GROUP: usize = 1 << GROUP_SHIFT;
const CHUNK_SHIFT: u32 = GROUP_SHIFT + 8;
/// The groups of a chunk.
const CHUNK: usize = 1 << (CHUNK_SHIFT - GROUP_SHIFT);
/// A row is a multiple of this many bytes wide.
const GRAIN: usize = 2;
/// What an `Arc` adds to what it holds.
const COUNTS_BYTES: usize = 2 * size_of::<usize>();

/// The rows of a group's users in one segment, each the whole segment.
pub(super) type Rows = [[u64; SEGMENT_WORDS]; GROUP];

type Segment = Arc<Sorted<Arc<Chunk>>>;

#[derive(Clone, Default)]
pub(super) struct Timelines {
    segments: Arc<Sorted<Segment>>,
    blocks_bytes: usize,
}

#[derive(Clone)]
struct Chunk {
    blocks: [Option<Arc<[u8]>>; CHUNK],
    /// Which byte of the segment a block's rows start with.
    first_bytes: [u8; CHUNK],
    used: u32,
}

/// A view of a block.
#[derive(Clone, Copy)]
struct Block<'a> {
    bytes: &'a [u8],
    first_byte: usize,
}

/// Where a user's row is.
#[derive(Clone, Copy)]
struct Place {
    chunk: u32,
    slot: usize,
    row: usize,
}

impl Default for Chunk {
    fn default() -> Self {
        Self {
            blocks: [const { None }; CHUNK],
            first_bytes: [0; CHUNK],
            used: 0,
        }
    }
}

#[inline]
fn place(user: u32) -> Place {
    Place {
        chunk: user >> CHUNK_SHIFT,
        slot: (user >> GROUP_SHIFT) as usize % CHUNK,
        row: user as usize % GROUP,
    }
}

/// The segment of `period`, and its bit there.
#[inline]
pub(super) fn split(period: u32) -> (u32, usize) {
    (period >> SEGMENT_SHIFT, period as usize % SEGMENT)
}

#[inline]
pub(super) fn join(segment: u32, bit: usize) -> u32 {
    segment << SEGMENT_SHIFT | bit as u32
}

impl<'a> Block<'a> {
    fn width(self) -> usize {
        self.bytes.len() / GROUP
    }

    #[inline]
    fn row(self, row: usize) -> &'a [u8] {
        let width = self.width();
        &self.bytes[row * width..][..width]
    }

    /// The last bit below `end` of the segment.
    #[inline]
    fn last_below(self, row: usize, end: usize) -> Option<usize> {
        let start = self.first_byte * 8;
        let end = end.checked_sub(start)?;
        row::last_below(self.row(row), end, 0).map(|bit| start + bit)
    }

    #[inline]
    fn first_from(self, row: usize, from: usize) -> Option<usize> {
        let start = self.first_byte * 8;
        row::first_from(self.row(row), from.saturating_sub(start), 0).map(|bit| start + bit)
    }

    #[inline]
    fn contains(self, row: usize, bit: usize) -> bool {
        let byte = (bit / 8).checked_sub(self.first_byte);
        byte.and_then(|byte| self.row(row).get(byte))
            .is_some_and(|byte| byte >> (bit % 8) & 1 != 0)
    }
}

impl Chunk {
    #[inline]
    fn block(&self, slot: usize) -> Option<Block<'_>> {
        let first_byte = self.first_bytes[slot].into();
        let bytes = self.blocks[slot].as_deref()?;
        Some(Block { bytes, first_byte })
    }

    /// Makes the block's rows hold the bytes `from..end` of the segment, as zeros where they are new.
    fn widen(&mut self, slot: usize, from: usize, end: usize) {
        let Some(block) = self.block(slot) else {
            let zeros = repeat_n(0, (end - from) * GROUP).collect();
            self.blocks[slot] = Some(zeros);
            self.first_bytes[slot] = from as u8;
            self.used += 1;
            return;
        };
        let (first, width) = (block.first_byte, block.width());
        let from = from.min(first);
        let new_width = end.max(first + width) - from;
        let mut wider: Arc<[u8]> = repeat_n(0, new_width * GROUP).collect();
        let rows = Arc::make_mut(&mut wider).chunks_exact_mut(new_width);
        for (new, old) in rows.zip(block.bytes.chunks_exact(width)) {
            new[first - from..][..width].copy_from_slice(old);
        }
        self.blocks[slot] = Some(wider);
        self.first_bytes[slot] = from as u8;
    }

    fn block_bytes(&self, slot: usize) -> usize {
        let bytes = self.blocks[slot].as_deref();
        bytes.map_or(0, |bytes| bytes.len() + COUNTS_BYTES)
    }

    fn drop_block(&mut self, slot: usize) {
        if self.blocks[slot].take().is_some() {
            self.used -= 1;
        }
    }
}

impl Timelines {
    #[inline]
    fn block_at(&self, segment_at: usize, place: Place) -> Option<Block<'_>> {
        let chunk = self.segments.values()[segment_at].get(place.chunk)?;
        chunk.block(place.slot)
    }

    fn block(&self, segment: u32, place: Place) -> Option<Block<'_>> {
        self.block_at(self.segments.find(segment).ok()?, place)
    }

    pub(super) fn contains(&self, user: u32, period: u32) -> bool {
        let (segment, bit) = split(period);
        let place = place(user);
        self.block(segment, place)
            .is_some_and(|block| block.contains(place.row, bit))
    }

    /// Who of the eight users from `first_user` on, a multiple of 8, was active in `period`: the first is
    /// the highest bit.
    #[inline]
    pub(super) fn byte(&self, first_user: u32, period: u32) -> u8 {
        let ((segment, bit), place) = (split(period), place(first_user));
        let Some(block) = self.block(segment, place) else {
            return 0;
        };
        let width = block.width();
        let Some(at) = (bit / 8).checked_sub(block.first_byte) else {
            return 0;
        };
        if at >= width {
            return 0;
        }
        let rows = block.bytes[place.row * width..][..8 * width].chunks_exact(width);
        rows.fold(0, |byte, row| byte << 1 | (row[at] >> (bit % 8) & 1))
    }

    /// A user's block in the segment of a period, and where the segments before and after it end and
    /// start.
    #[inline]
    fn around(&self, segment: u32, place: Place) -> (Option<Block<'_>>, usize, usize) {
        match self.segments.find(segment) {
            Ok(at) => (self.block_at(at, place), at, at + 1),
            Err(at) => (None, at, at),
        }
    }

    /// The last mark in the segments below place `end`.
    fn last_in(&self, end: usize, place: Place) -> Option<u32> {
        (0..end).rev().find_map(|at| {
            let bit = self.block_at(at, place)?.last_below(place.row, SEGMENT)?;
            Some(join(self.segments.key(at), bit))
        })
    }

    /// The first mark in the segments from place `start` up.
    fn first_in(&self, start: usize, place: Place) -> Option<u32> {
        (start..self.segments.len()).find_map(|at| {
            let bit = self.block_at(at, place)?.first_from(place.row, 0)?;
            Some(join(self.segments.key(at), bit))
        })
    }

    /// The last mark before period `before`.
    #[inline]
    pub(super) fn previous(&self, user: u32, before: u32) -> Option<u32> {
        let ((segment, end), place) = (split(before), place(user));
        let (block, below, _) = self.around(segment, place);
        match block.and_then(|block| block.last_below(place.row, end)) {
            Some(bit) => Some(join(segment, bit)),
            None => self.last_in(below, place),
        }
    }

    /// The first mark in period `from` or later.
    #[inline]
    pub(super) fn next(&self, user: u32, from: u32) -> Option<u32> {
        let ((segment, from), place) = (split(from), place(user));
        let (block, _, above) = self.around(segment, place);
        match block.and_then(|block| block.first_from(place.row, from)) {
            Some(bit) => Some(join(segment, bit)),
            None => self.first_in(above, place),
        }
    }

    /// The marks before and after `period`, or `None` if there is a mark in it and `on` is true, or
    /// none and false: then nothing is to change.
    #[inline]
    pub(super) fn neighbours(
        &self,
        user: u32,
        period: u32,
        on: bool,
    ) -> Option<(Option<u32>, Option<u32>)> {
        let ((segment, bit), place) = (split(period), place(user));
        let (block, below, above) = self.around(segment, place);
        if let Some(block) = block {
            // The change will need the line of the block's counts, which lies before its first row: waiting
            // for that and for the user's row at once is waiting once.
            std::hint::black_box(block.bytes[0]);
        }
        if block.is_some_and(|block| block.contains(place.row, bit)) == on {
            return None;
        }
        let previous = match block.and_then(|block| block.last_below(place.row, bit)) {
            Some(bit) => Some(join(segment, bit)),
            None => self.last_in(below, place),
        };
        let next = match block.and_then(|block| block.first_from(place.row, bit + 1)) {
            Some(bit) => Some(join(segment, bit)),
            None => self.first_in(above, place),
        };
        Some((previous, next))
    }

    pub(super) fn last(&self, user: u32) -> Option<u32> {
        if self.contains(user, u32::MAX) {
            return Some(u32::MAX);
        }
        self.previous(user, u32::MAX)
    }

    /// The first period of the run of marks that `period`, which has one, belongs to.
    pub(super) fn run_start(&self, user: u32, period: u32) -> u32 {
        let place = place(user);
        let (mut segment, mut bit) = split(period);
        // Everything from `bit` on is known to be marked.
        while let Some(block) = self.block(segment, place) {
            let start = block.first_byte * 8;
            let row = block.row(place.row);
            if let Some(gap) = row::last_below(row, bit + 1 - start, u64::MAX) {
                return join(segment, start + gap + 1);
            }
            if start > 0 || segment == 0 || !self.contains(user, join(segment, 0) - 1) {
                return join(segment, start);
            }
            (segment, bit) = (segment - 1, SEGMENT - 1);
        }
        period
    }

    /// The last period of the run of marks that `period`, which has one, belongs to.
    pub(super) fn run_end(&self, user: u32, period: u32) -> u32 {
        let place = place(user);
        let (mut segment, mut bit) = split(period);
        while let Some(block) = self.block(segment, place) {
            let start = block.first_byte * 8;
            let row = block.row(place.row);
            if let Some(gap) = row::first_from(row, bit - start, u64::MAX) {
                return join(segment, start + gap - 1);
            }
            let last = join(segment, start + row.len() * 8 - 1);
            let is_more = last
                .checked_add(1)
                .is_some_and(|next| self.contains(user, next));
            if !is_more {
                return last;
            }
            (segment, bit) = (split(last).0 + 1, 0);
        }
        period
    }

    /// Sets a mark that is not there.
    #[inline]
    pub(super) fn set(&mut self, user: u32, period: u32) {
        let (segment, bit) = split(period);
        let Place { chunk, slot, row } = place(user);
        let segments = Arc::make_mut(&mut self.segments);
        let at = segments.find_or_insert(segment, Arc::default);
        let chunks = Arc::make_mut(segments.value_mut(at));
        let at = chunks.find_or_insert(chunk, Arc::default);
        let chunk = Arc::make_mut(chunks.value_mut(at));
        let byte = bit / 8;
        let holds = chunk.block(slot).is_some_and(|block| {
            (block.first_byte..block.first_byte + block.width()).contains(&byte)
        });
        if !holds {
            self.blocks_bytes -= chunk.block_bytes(slot);
            let from = byte / GRAIN * GRAIN;
            chunk.widen(slot, from, from + GRAIN);
            self.blocks_bytes += chunk.block_bytes(slot);
        }
        let first_byte = usize::from(chunk.first_bytes[slot]);
        if let Some(bytes) = &mut chunk.blocks[slot] {
            let bytes = Arc::make_mut(bytes);
            let width = bytes.len() / GROUP;
            bytes[row * width + byte - first_byte] |= 1 << (bit % 8);
        }
    }

    /// Removes a mark that is there.
    pub(super) fn unset(&mut self, user: u32, period: u32) {
        let (segment, bit) = split(period);
        let place = place(user);
        let segments = Arc::make_mut(&mut self.segments);
        let Ok(segment_at) = segments.find(segment) else {
            return;
        };
        let chunks = Arc::make_mut(segments.value_mut(segment_at));
        let Ok(chunk_at) = chunks.find(place.chunk) else {
            return;
        };
        let chunk = Arc::make_mut(chunks.value_mut(chunk_at));
        let first_byte = usize::from(chunk.first_bytes[place.slot]);
        let Some(bytes) = &mut chunk.blocks[place.slot] else {
            return;
        };
        let bytes = Arc::make_mut(bytes);
        let width = bytes.len() / GROUP;
        bytes[place.row * width + bit / 8 - first_byte] &= !(1 << (bit % 8));
        if bytes.iter().all(|&byte| byte == 0) {
            self.put_rows(segment, user, None);
        }
    }

    /// What the users of `user`'s group have in `segment`, if they have marks there.
    pub(super) fn rows(&self, segment: u32, user: u32) -> Option<Box<Rows>> {
        let block = self.block(segment, place(user))?;
        let mut rows = Box::new([[0; SEGMENT_WORDS]; GROUP]);
        for (row, words) in rows.iter_mut().enumerate() {
            let (first_word, shift) = (block.first_byte / 8, block.first_byte % 8 * 8);
            for (at, bytes) in block.row(row).chunks(8).enumerate() {
                let word = row::load(bytes);
                words[first_word + at] |= word << shift;
                if let (1.., Some(above)) = (shift, words.get_mut(first_word + at + 1)) {
                    *above |= word >> (64 - shift);
                }
            }
        }
        Some(rows)
    }

    /// Makes these the rows of `user`'s group in `segment`; nothing, or zeros, drop the block.
    pub(super) fn put_rows(&mut self, segment: u32, user: u32, rows: Option<&Rows>) {
        let mut used = [0; SEGMENT_WORDS];
        for row in rows.into_iter().flatten() {
            for (used, word) in used.iter_mut().zip(row) {
                *used |= word;
            }
        }
        let is_used = |byte: &usize| used[byte / 8] >> (byte % 8 * 8) & 0xFF != 0;
        let first = (0..SEGMENT / 8).find(is_used);
        let last = (0..SEGMENT / 8).rev().find(is_used);
        let place = place(user);
        let segments = Arc::make_mut(&mut self.segments);
        let segment_at = segments.find_or_insert(segment, Arc::default);
        let chunks = Arc::make_mut(segments.value_mut(segment_at));
        let chunk_at = chunks.find_or_insert(place.chunk, Arc::default);
        let chunk = Arc::make_mut(chunks.value_mut(chunk_at));
        self.blocks_bytes -= chunk.block_bytes(place.slot);
        chunk.drop_block(place.slot);
        let (Some(rows), Some(first), Some(last)) = (rows, first, last) else {
            if chunk.used == 0 {
                chunks.remove(chunk_at);
            }
            if chunks.is_empty() {
                segments.remove(segment_at);
            }
            return;
        };
        let (from, end) = (first / GRAIN * GRAIN, last / GRAIN * GRAIN + GRAIN);
        chunk.widen(place.slot, from, end);
        self.blocks_bytes += chunk.block_bytes(place.slot);
        if let Some(bytes) = &mut chunk.blocks[place.slot] {
            let stored = Arc::make_mut(bytes).chunks_exact_mut(end - from);
            for (stored, row) in stored.zip(rows) {
                let mut bytes = [0; SEGMENT / 8];
                for (bytes, word) in bytes.chunks_exact_mut(8).zip(row) {
                    bytes.copy_from_slice(&word.to_le_bytes());
                }
                stored.copy_from_slice(&bytes[from..end]);
            }
        }
    }

    /// The first group at or after `user`'s that has marks: its first user.
    pub(super) fn group_from(&self, user: u32) -> Option<u32> {
        let from = place(user);
        let groups = self.segments.values().iter().filter_map(|chunks| {
            let start = chunks.find(from.chunk).unwrap_or_else(|at| at);
            (start..chunks.len()).find_map(|at| {
                let key = chunks.key(at);
                let first_slot = if key == from.chunk { from.slot } else { 0 };
                let blocks = &chunks.values()[at].blocks;
                let slot = (first_slot..CHUNK).find(|&slot| blocks[slot].is_some())?;
                Some(key << CHUNK_SHIFT | (slot as u32) << GROUP_SHIFT)
            })
        });
        groups.min()
    }

    /// Calls `visit` for every group with a block in a segment that `from..=to` touches, ascending:
    /// with its first user.
    pub(super) fn for_each_group(&self, from: u32, to: u32, mut visit: impl FnMut(u32)) {
        self.for_each_group_blocks(from, to, |user, _| visit(user));
    }

    /// As above, with the group's blocks and the first periods of their segments.
    fn for_each_group_blocks(
        &self,
        from: u32,
        to: u32,
        mut visit: impl FnMut(u32, &[(u32, Block)]),
    ) {
        let mut chunks: Vec<(u32, u32, &Chunk)> = Vec::new();
        for at in self.segments.range(split(from).0, split(to).0) {
            let segment = self.segments.key(at);
            let below = self.segments.values()[at].iter();
            chunks.extend(below.map(|(key, chunk)| (key, segment, &**chunk)));
        }
        chunks.sort_unstable_by_key(|&(key, segment, _)| (key, segment));
        let mut blocks = Vec::new();
        for chunks in chunks.chunk_by(|a, b| a.0 == b.0) {
            for slot in 0..CHUNK {
                blocks.clear();
                blocks.extend(chunks.iter().filter_map(|&(_, segment, chunk)| {
                    Some((join(segment, 0), chunk.block(slot)?))
                }));
                if !blocks.is_empty() {
                    visit(
                        chunks[0].0 << CHUNK_SHIFT | (slot as u32) << GROUP_SHIFT,
                        &blocks,
                    );
                }
            }
        }
    }

    /// Calls `visit` for every user with a mark in `from..=to`, ascending, with the bits of the window:
    /// bit `i`, from the lowest of the first word up, is period `from + i`. Takes memory for 64 rows.
    pub(super) fn for_each_row(&self, from: u32, to: u32, mut visit: impl FnMut(u32, &[u64])) {
        if from > to {
            return;
        }
        let bits = (to - from) as usize + 1;
        let width = bits.div_ceil(64);
        let last_mask = u64::MAX >> (width * 64 - bits);
        let mut rows = vec![0u64; width * GROUP];
        self.for_each_group_blocks(from, to, |user, blocks| {
            rows.fill(0);
            for (segment_start, block) in blocks {
                // Where the rows' first bit is in the window, or before it.
                let start =
                    i64::from(*segment_start) + block.first_byte as i64 * 8 - i64::from(from);
                let shift = start.rem_euclid(64) as u32;
                let first_word = start.div_euclid(64);
                let stored = block.bytes.chunks_exact(block.width());
                for (stored, words) in stored.zip(rows.chunks_exact_mut(width)) {
                    for (bytes, at) in stored.chunks(8).zip(first_word..) {
                        let word = row::load(bytes);
                        if let Some(low) = usize::try_from(at).ok().and_then(|at| words.get_mut(at))
                        {
                            *low |= word << shift;
                        }
                        let above = usize::try_from(at + 1).ok();
                        if let (1.., Some(high)) = (shift, above.and_then(|at| words.get_mut(at))) {
                            *high |= word >> (64 - shift);
                        }
                    }
                }
            }
            for (words, user) in rows.chunks_exact_mut(width).zip(user..=user | 63) {
                words[width - 1] &= last_mask;
                if words.iter().any(|&word| word != 0) {
                    visit(user, words);
                }
            }
        });
    }

    /// All that this holds on the heap.
    pub(super) fn memory_bytes(&self) -> usize {
        let segments = self.segments.values().iter().map(|chunks| {
            size_of::<Sorted<Arc<Chunk>>>()
                + COUNTS_BYTES
                + chunks.heap_bytes()
                + chunks.len() * (size_of::<Chunk>() + COUNTS_BYTES)
        });
        size_of::<Sorted<Segment>>()
            + COUNTS_BYTES
            + self.segments.heap_bytes()
            + segments.sum::<usize>()
            + self.blocks_bytes
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check_invariants(&self) {
        self.segments.check_invariants();
        let mut blocks_bytes = 0;
        for chunks in self.segments.values() {
            chunks.check_invariants();
            assert!(!chunks.is_empty());
            for chunk in chunks.values() {
                let used = chunk.blocks.iter().flatten().count();
                assert!(used > 0 && used == chunk.used as usize);
                for slot in 0..CHUNK {
                    blocks_bytes += chunk.block_bytes(slot);
                    let Some(block) = chunk.block(slot) else {
                        continue;
                    };
                    assert_eq!(block.bytes.len() % (GROUP * GRAIN), 0);
                    assert_eq!(block.first_byte % GRAIN, 0);
                    assert!(block.first_byte + block.width() <= SEGMENT / 8);
                    assert!(block.bytes.iter().any(|&byte| byte != 0));
                }
            }
        }
        assert_eq!(blocks_bytes, self.blocks_bytes);
    }
}
