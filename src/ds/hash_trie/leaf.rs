//! The leaf page: an index of one-line groups, then entries as plain bytes.
//!
//! Called by the trie, which knows where a leaf hangs; this module knows what lies in one.
//!
//! ```text
//! head | group 0 | .. | group G-1 | entries, in order of arrival, with gaps | free
//! group: 21 tags (a byte of hash each), 1 control byte, 21 offsets (u16)
//! entry: u32 (value length 11 bits, flags 5, key length 8, tag 8) | deadline 8? | key | value
//! ```
//!
//! A lookup reads one group and one entry: the group's place follows from the hash and from the
//! number of groups, which the pointer to the page carries.
//!
//! Invariants:
//! 1. A group's first `n` places are in use (`n` in its control byte), the others are not.
//! 2. An entry lies in its home group or, if the groups between were full, in a later one (cyclic);
//!    every full group that was passed over has its overflow bit set.
//! 3. Entries lie within `used`; the bytes in there that belong to no entry are counted as `garbage`.
//! 4. A large value and a long key lie in the side table; the entry has the place. Every place that
//!    is not free belongs to exactly one entry.
//! 5. `earliest_ms` is at most every deadline in the page, and `NO_DEADLINE` if there is none.

#[cfg(any(test, fuzzing))]
mod check;
mod reshape;
mod side;

use std::hash::BuildHasher;
use std::sync::Arc;

#[cfg(any(test, fuzzing))]
pub(super) use self::check::check;
pub(super) use self::reshape::{
    Halves, count, fit_together, has_room, is_sparse, merge, shrink, split,
};
use self::reshape::{make_room, steps_for};
use self::side::Item;
pub(super) use self::side::{Side, side_bytes};
use super::{EntryRef, NO_DEADLINE, NewPayload, OldPayload, Payload};
use crate::ds::config::{INLINE_KEY_MAX, LINE, MAX_GROUPS, STEP};
use crate::ds::pages::{Leaf, LeafMut, LeafRef, NodePtr, View, ViewMut, equal_bytes};

/// Entries a group can index.
pub(super) const GROUP_SLOTS: usize = 21;
/// The most entries of a leaf.
pub(super) const LEAF_SLOTS: usize = MAX_GROUPS * GROUP_SLOTS;
/// The entries at which a leaf with every group counts as full: where entries are so short that groups
/// and not bytes run out, a search for a key that is not there would pass over most groups.
const LEAF_FULL: usize = LEAF_SLOTS - LEAF_SLOTS / 8;

const CONTROL: usize = GROUP_SLOTS;
const OFFSETS: usize = GROUP_SLOTS + 1;
const COUNT_MASK: u8 = 31;
const OVERFLOWED: u8 = 128;

pub(super) const ENTRY_HEAD: usize = 4;
const VALUE_MASK: u32 = (1 << 11) - 1;
const HAS_DEADLINE: u32 = 1 << 11;
const LARGE: u32 = 1 << 12;
const LONG_KEY: u32 = 1 << 13;
const KEY_SHIFT: u32 = 16;
const TAG_SHIFT: u32 = 24;

pub(super) type Node<L> = NodePtr<Side<L>>;
type Page<L> = Leaf<Side<L>>;

/// The fixed part of an entry, decoded.
#[derive(Clone, Copy)]
struct Entry {
    word: u32,
    offset: usize,
}

impl Entry {
    #[inline]
    fn at(bytes: &[u8], offset: usize) -> Self {
        let mut word = [0; ENTRY_HEAD];
        word.copy_from_slice(&bytes[offset..offset + ENTRY_HEAD]);
        Entry {
            word: u32::from_le_bytes(word),
            offset,
        }
    }

    #[inline]
    fn is(self, flag: u32) -> bool {
        self.word & flag != 0
    }

    #[inline]
    fn tag(self) -> u8 {
        (self.word >> TAG_SHIFT) as u8
    }

    #[inline]
    fn key_at(self) -> usize {
        self.offset + ENTRY_HEAD + if self.is(HAS_DEADLINE) { 8 } else { 0 }
    }

    #[inline]
    fn key_len(self) -> usize {
        (self.word >> KEY_SHIFT & 255) as usize
    }

    #[inline]
    fn value_at(self) -> usize {
        self.key_at() + self.key_len()
    }

    /// Length of the value in the page.
    #[inline]
    fn value_len(self) -> usize {
        if self.is(LARGE) {
            0
        } else {
            (self.word & VALUE_MASK) as usize
        }
    }

    #[inline]
    fn end(self) -> usize {
        self.value_at() + self.value_len()
    }

    #[inline]
    fn len(self) -> usize {
        self.end() - self.offset
    }

    /// The large value's place.
    #[inline]
    fn value_place(self) -> u16 {
        (self.word & VALUE_MASK) as u16
    }

    /// The long key's place.
    fn key_place(self, bytes: &[u8]) -> u16 {
        u16::from_le_bytes([bytes[self.key_at()], bytes[self.key_at() + 1]])
    }

    #[inline]
    fn expires_at_ms(self, bytes: &[u8]) -> u64 {
        if !self.is(HAS_DEADLINE) {
            return NO_DEADLINE;
        }
        let deadline = bytes.get(self.offset + ENTRY_HEAD..);
        match deadline.and_then(<[u8]>::first_chunk) {
            Some(deadline) => u64::from_le_bytes(*deadline),
            None => NO_DEADLINE,
        }
    }

    #[inline]
    fn key<L>(self, page: &Page<L>) -> &[u8] {
        if self.is(LONG_KEY) {
            let place = self.key_place(&page.bytes);
            return page
                .side
                .as_ref()
                .and_then(|side| side.key(place))
                .unwrap_or_default();
        }
        &page.bytes[self.key_at()..self.value_at()]
    }

    /// Whether this is the entry of `key`. One bounds check; a long key lies elsewhere.
    #[inline]
    fn has_key<L>(self, page: &Page<L>, key: &[u8]) -> bool {
        if self.is(LONG_KEY) {
            return self.has_long_key(page, key);
        }
        let at = self.key_at();
        self.key_len() == key.len()
            && match page.bytes.get(at..at + key.len()) {
                Some(own) => equal_keys(own, key),
                None => false,
            }
    }

    #[inline(never)]
    fn has_long_key<L>(self, page: &Page<L>, key: &[u8]) -> bool {
        self.key(page) == key
    }

    #[inline]
    fn view<L>(self, page: &Page<L>) -> EntryRef<'_, L> {
        if self.is(LARGE | LONG_KEY) {
            return self.view_beside(page);
        }
        // Bounds are checked without a panic, so that a caller pays only for the parts it uses.
        let (key_at, value_at) = (self.key_at(), self.value_at());
        EntryRef {
            key: page.bytes.get(key_at..value_at).unwrap_or_default(),
            tag: self.tag(),
            expires_at_ms: self.expires_at_ms(&page.bytes),
            payload: Payload::Inline(page.bytes.get(value_at..self.end()).unwrap_or_default()),
        }
    }

    /// The large value, if it has one.
    #[inline]
    fn large<L>(self, page: &Page<L>) -> Option<&L> {
        if !self.is(LARGE) {
            return None;
        }
        page.side.as_ref()?.value(self.value_place())
    }

    /// An entry that has something beside the page.
    #[inline(never)]
    fn view_beside<L>(self, page: &Page<L>) -> EntryRef<'_, L> {
        let large = self.large(page);
        EntryRef {
            key: self.key(page),
            tag: self.tag(),
            expires_at_ms: self.expires_at_ms(&page.bytes),
            payload: match large {
                Some(value) => Payload::Large(value),
                None => Payload::Inline(&page.bytes[self.value_at()..self.end()]),
            },
        }
    }
}

/// Whether two keys of the same length are equal. Up to 16 bytes it is two overlapping words and
/// no call.
#[inline]
fn equal_keys(a: &[u8], b: &[u8]) -> bool {
    if a.len() > 16 || a.len() != b.len() {
        return a == b;
    }
    let n = a.len();
    if n >= 8 {
        let word = |bytes: &[u8], at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        return (word(a, 0) ^ word(b, 0)) | (word(a, n - 8) ^ word(b, n - 8)) == 0;
    }
    if n >= 4 {
        let word = |bytes: &[u8], at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(word)
        };
        return (word(a, 0) ^ word(b, 0)) | (word(a, n - 4) ^ word(b, n - 4)) == 0;
    }
    a == b
}

/// Where the index has an entry.
#[derive(Clone, Copy)]
struct Place {
    group: usize,
    index: usize,
    entry: Entry,
}

#[inline]
fn tag_of(hash: u64) -> u8 {
    hash as u8
}

/// The group where the search for a hash begins. Takes bits that neither the tags nor the trie
/// use (short of a trie more than forty bits deep, where it only costs time).
#[inline]
fn home_group(hash: u64, groups: usize) -> usize {
    (usize::from((hash >> 8) as u16) * groups) >> 16
}

#[inline]
fn group_of(bytes: &[u8], group: usize) -> &[u8; LINE] {
    let (lines, _) = bytes.as_chunks::<LINE>();
    &lines[group]
}

#[inline]
fn group_of_mut(bytes: &mut [u8], group: usize) -> &mut [u8; LINE] {
    let (lines, _) = bytes.as_chunks_mut::<LINE>();
    &mut lines[group]
}

#[inline]
fn group_len(line: &[u8; LINE]) -> usize {
    usize::from(line[CONTROL] & COUNT_MASK).min(GROUP_SLOTS)
}

#[inline]
fn offset_in(line: &[u8; LINE], index: usize) -> usize {
    usize::from(u16::from_le_bytes([
        line[OFFSETS + 2 * index],
        line[OFFSETS + 2 * index + 1],
    ]))
}

fn set_offset(line: &mut [u8; LINE], index: usize, offset: usize) {
    line[OFFSETS + 2 * index..OFFSETS + 2 * index + 2]
        .copy_from_slice(&(offset as u16).to_le_bytes());
}

/// The places of a group whose tags fit a hash, as bits.
#[inline]
fn candidates_in(line: &[u8; LINE], hash: u64) -> u32 {
    const ALL: u32 = (1 << GROUP_SLOTS) - 1;
    let live = (1u32 << (line[CONTROL] & COUNT_MASK)) - 1;
    equal_bytes(line, tag_of(hash)) & live & ALL
}

/// As [`find`], for the paths that must be short: looks at the first entry that fits in the home group,
/// which it nearly always is, without a loop or a call.
#[inline(always)]
fn find_inline<L>(page: &Page<L>, groups: usize, hash: u64, key: &[u8]) -> Option<Place> {
    let group = home_group(hash, groups);
    let line = group_of(&page.bytes, group);
    // Without a candidate, one past the last place.
    let index = (candidates_in(line, hash) | 1 << GROUP_SLOTS).trailing_zeros() as usize;
    if index < GROUP_SLOTS {
        let entry = Entry::at(&page.bytes, offset_in(line, index));
        if entry.has_key(page, key) {
            return Some(Place {
                group,
                index,
                entry,
            });
        }
    } else if line[CONTROL] & OVERFLOWED == 0 {
        return None;
    }
    find(page, groups, hash, key)
}

/// The entry of a key. Cost: one group and, nearly always, one entry.
#[inline(never)]
fn find<L>(page: &Page<L>, groups: usize, hash: u64, key: &[u8]) -> Option<Place> {
    let mut group = home_group(hash, groups);
    for _ in 0..groups {
        let line = group_of(&page.bytes, group);
        let mut candidates = candidates_in(line, hash);
        while candidates != 0 {
            let index = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            let entry = Entry::at(&page.bytes, offset_in(line, index));
            if entry.has_key(page, key) {
                return Some(Place {
                    group,
                    index,
                    entry,
                });
            }
        }
        if line[CONTROL] & OVERFLOWED == 0 {
            return None;
        }
        group = if group + 1 == groups { 0 } else { group + 1 };
    }
    None
}

/// The entry of a key.
#[inline]
pub(super) fn get<'a, L>(
    leaf: LeafRef<'a, Side<L>>,
    hash: u64,
    key: &[u8],
) -> Option<EntryRef<'a, L>> {
    find_inline(leaf.page, leaf.groups, hash, key).map(|place| place.entry.view(leaf.page))
}

/// Whether a leaf has a key: as [`get`], without looking at the rest of the entry.
#[inline]
pub(super) fn contains<L>(leaf: LeafRef<'_, Side<L>>, hash: u64, key: &[u8]) -> bool {
    find_inline(leaf.page, leaf.groups, hash, key).is_some()
}

/// The large value of a key, `None` for one in the page, and its deadline.
#[inline]
pub(super) fn large<'a, L>(
    leaf: LeafRef<'a, Side<L>>,
    hash: u64,
    key: &[u8],
) -> Option<(Option<&'a L>, u64)> {
    let entry = find_inline(leaf.page, leaf.groups, hash, key)?.entry;
    Some((
        entry.large(leaf.page),
        entry.expires_at_ms(&leaf.page.bytes),
    ))
}

/// The entries of a leaf, in the order of its index.
pub(super) struct Entries<'a, L> {
    leaf: LeafRef<'a, Side<L>>,
    group: usize,
    index: usize,
}

impl<L> Clone for Entries<'_, L> {
    fn clone(&self) -> Self {
        Entries {
            leaf: self.leaf,
            group: self.group,
            index: self.index,
        }
    }
}

impl<'a, L> Entries<'a, L> {
    pub(super) fn of(leaf: LeafRef<'a, Side<L>>) -> Self {
        Entries {
            leaf,
            group: 0,
            index: 0,
        }
    }

    fn next_entry(&mut self) -> Option<Entry> {
        while self.group < self.leaf.groups {
            let line = group_of(&self.leaf.page.bytes, self.group);
            if self.index < group_len(line) {
                let offset = offset_in(line, self.index);
                self.index += 1;
                return Some(Entry::at(&self.leaf.page.bytes, offset));
            }
            self.group += 1;
            self.index = 0;
        }
        None
    }
}

impl<'a, L> Iterator for Entries<'a, L> {
    type Item = EntryRef<'a, L>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().map(|entry| entry.view(self.leaf.page))
    }
}

/// The first deadline in a leaf.
pub(super) fn first_deadline_ms<L>(leaf: LeafRef<'_, Side<L>>) -> u64 {
    if leaf.page.deadlines == 0 {
        return NO_DEADLINE;
    }
    let mut entries = Entries::of(leaf);
    let mut first = NO_DEADLINE;
    while let Some(entry) = entries.next_entry() {
        first = first.min(entry.expires_at_ms(&leaf.page.bytes));
    }
    first
}

fn set_used<L>(page: &mut Page<L>, used: usize) {
    page.used = used as u16;
}

/// A new entry, not yet placed.
pub(super) struct NewEntry<'a> {
    pub(super) hash: u64,
    pub(super) key: &'a [u8],
    pub(super) tag: u8,
    pub(super) expires_at_ms: u64,
}

impl NewEntry<'_> {
    fn key_len(&self) -> usize {
        if self.key.len() > INLINE_KEY_MAX {
            2
        } else {
            self.key.len()
        }
    }

    pub(super) fn len<L>(&self, value: &NewPayload<'_, L>) -> usize {
        let deadline = if self.expires_at_ms == NO_DEADLINE {
            0
        } else {
            8
        };
        let value = match value {
            NewPayload::Inline(bytes) => bytes.len(),
            NewPayload::Large(_) => 0,
        };
        ENTRY_HEAD + deadline + self.key_len() + value
    }
}

/// What left the leaf.
pub(super) struct Removed<L> {
    pub(super) payload: OldPayload<L>,
    pub(super) had_deadline: bool,
}

/// Why an entry could not be placed.
enum NoRoom {
    /// This many bytes are needed beyond those in use.
    Bytes(usize),
    /// The groups are full; and this many bytes are needed too.
    Index(usize),
}

/// A leaf of one entry.
pub(super) fn new_leaf<L: Clone>(entry: &NewEntry<'_>, value: NewPayload<'_, L>) -> Node<L> {
    let steps = steps_for(1, entry.len(&value));
    let mut node = Node::new_leaf(steps.max((4 * LINE).div_ceil(STEP)), 1, &[]);
    let leaf = leaf_mut(&mut node);
    set_used(leaf.page, LINE);
    if place_new(leaf, entry, value).is_err() {
        unreachable!("one entry always fits a page of its own");
    }
    note_deadline(&node, entry.expires_at_ms);
    node
}

/// Keeps the bound after a change that set a deadline, or took one away.
fn note_deadline<L>(node: &Node<L>, expires_at_ms: u64) {
    if expires_at_ms < node.earliest_ms() {
        node.set_earliest_ms(expires_at_ms);
    } else if leaf_ref(node).page.deadlines == 0 {
        node.set_earliest_ms(NO_DEADLINE);
    }
}

/// A node known to be a leaf, for change.
fn leaf_mut<L: Clone>(node: &mut Node<L>) -> LeafMut<'_, Side<L>> {
    match node.unique_mut() {
        ViewMut::Leaf(leaf) => leaf,
        ViewMut::Inner(_) | ViewMut::Chain(_) => unreachable!("the caller saw a leaf"),
    }
}

/// A node known to be a leaf.
pub(super) fn leaf_ref<L>(node: &Node<L>) -> LeafRef<'_, Side<L>> {
    match node.view() {
        View::Leaf(leaf) => leaf,
        View::Inner(_) | View::Chain(_) => unreachable!("the caller saw a leaf"),
    }
}

/// Writes an entry's bytes at `offset`. The key and the value go to the side table where they must;
/// `kept_key` is the place of a long key that is already there.
fn write_entry<L>(
    page: &mut Page<L>,
    offset: usize,
    entry: &NewEntry<'_>,
    value: NewPayload<'_, L>,
    kept_key: Option<u16>,
) {
    let mut word = u32::from(entry.tag) << TAG_SHIFT | (entry.key_len() as u32) << KEY_SHIFT;
    let mut at = offset + ENTRY_HEAD;
    if entry.expires_at_ms != NO_DEADLINE {
        word |= HAS_DEADLINE;
        page.bytes[at..at + 8].copy_from_slice(&entry.expires_at_ms.to_le_bytes());
        at += 8;
    }
    if entry.key.len() > INLINE_KEY_MAX {
        word |= LONG_KEY;
        let place = match kept_key {
            Some(place) => place,
            None => Side::put(&mut page.side, Item::Key(Arc::from(entry.key))),
        };
        page.bytes[at..at + 2].copy_from_slice(&place.to_le_bytes());
        at += 2;
    } else {
        page.bytes[at..at + entry.key.len()].copy_from_slice(entry.key);
        at += entry.key.len();
    }
    match value {
        NewPayload::Inline(bytes) => {
            word |= bytes.len() as u32;
            page.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        }
        NewPayload::Large(large) => {
            word |= LARGE | u32::from(Side::put(&mut page.side, Item::Value(large)));
        }
    }
    page.bytes[offset..offset + ENTRY_HEAD].copy_from_slice(&word.to_le_bytes());
}

/// A free place in the index for a hash; passing over full groups marks them.
fn claim_slot<L>(page: &mut Page<L>, groups: usize, hash: u64, offset: usize) {
    let mut group = home_group(hash, groups);
    loop {
        let line = group_of_mut(&mut page.bytes, group);
        let n = group_len(line);
        if n < GROUP_SLOTS {
            line[n] = tag_of(hash);
            set_offset(line, n, offset);
            line[CONTROL] += 1;
            return;
        }
        line[CONTROL] |= OVERFLOWED;
        group = if group + 1 == groups { 0 } else { group + 1 };
    }
}

/// How many entries a leaf of these groups takes.
fn slots_of(groups: usize) -> usize {
    if groups == MAX_GROUPS {
        LEAF_FULL
    } else {
        groups * GROUP_SLOTS
    }
}

/// Places an entry whose key the leaf does not have.
fn place_new<'a, L>(
    leaf: LeafMut<'_, Side<L>>,
    entry: &NewEntry<'_>,
    value: NewPayload<'a, L>,
) -> Result<(), (NoRoom, NewPayload<'a, L>)> {
    let LeafMut { page, groups } = leaf;
    let len = entry.len(&value);
    let offset = usize::from(page.used);
    if usize::from(page.count) >= slots_of(groups) {
        return Err((NoRoom::Index(len), value));
    }
    if len > page.bytes.len() - offset {
        return Err((NoRoom::Bytes(len), value));
    }
    claim_slot(page, groups, entry.hash, offset);
    write_entry(page, offset, entry, value, None);
    set_used(page, offset + len);
    page.count += 1;
    page.deadlines += u16::from(entry.expires_at_ms != NO_DEADLINE);
    Ok(())
}

/// Replaces the entry at `place`, which has the same key.
fn replace<'a, L>(
    leaf: LeafMut<'_, Side<L>>,
    place: Place,
    entry: &NewEntry<'_>,
    value: NewPayload<'a, L>,
) -> Result<Removed<L>, (NoRoom, NewPayload<'a, L>)> {
    let page = leaf.page;
    let old = place.entry;
    let (old_len, len) = (old.len(), entry.len(&value));
    let used = usize::from(page.used);
    let offset = if len <= old_len {
        page.garbage += (old_len - len) as u16;
        old.offset
    } else if len <= page.bytes.len() - used {
        set_used(page, used + len);
        page.garbage += old_len as u16;
        set_offset(
            group_of_mut(&mut page.bytes, place.group),
            place.index,
            used,
        );
        used
    } else {
        // The old entry stays until the new one is written.
        return Err((NoRoom::Bytes(len), value));
    };
    let kept_key = old.is(LONG_KEY).then(|| old.key_place(&page.bytes));
    let removed = take_payload(page, old);
    write_entry(page, offset, entry, value, kept_key);
    page.deadlines += u16::from(entry.expires_at_ms != NO_DEADLINE);
    page.deadlines -= u16::from(removed.had_deadline);
    Ok(removed)
}

/// Takes a large value out of the side table.
fn take_payload<L>(page: &mut Page<L>, entry: Entry) -> Removed<L> {
    let large = if entry.is(LARGE) {
        Side::take(&mut page.side, entry.value_place())
    } else {
        None
    };
    let payload = match large {
        Some(Item::Value(value)) => OldPayload::Large(value),
        Some(Item::Free(_) | Item::Key(_)) | None => OldPayload::Inline,
    };
    Removed {
        payload,
        had_deadline: entry.is(HAS_DEADLINE),
    }
}

/// Inserts or replaces; hands the value back if even the longest page has no room for it.
pub(super) fn upsert<'a, L: Clone, S: BuildHasher>(
    node: &mut Node<L>,
    hasher: &S,
    entry: &NewEntry<'_>,
    value: NewPayload<'a, L>,
) -> Result<Option<Removed<L>>, NewPayload<'a, L>> {
    let mut value = value;
    loop {
        let leaf = leaf_mut(node);
        let done = match find(leaf.page, leaf.groups, entry.hash, entry.key) {
            Some(place) => replace(leaf, place, entry, value).map(Some),
            None => place_new(leaf, entry, value).map(|()| None),
        };
        match done {
            Ok(removed) => {
                note_deadline(node, entry.expires_at_ms);
                return Ok(removed);
            }
            Err((no_room, back)) => {
                if !make_room(node, hasher, &no_room) {
                    return Err(back);
                }
                value = back;
            }
        }
    }
}

/// Removes the entry of a key. The page keeps its length: see `shrink`.
pub(super) fn remove<L: Clone>(node: &mut Node<L>, hash: u64, key: &[u8]) -> Option<Removed<L>> {
    let LeafMut { page, groups } = leaf_mut(node);
    let Place {
        group,
        index,
        entry,
    } = find(page, groups, hash, key)?;
    if entry.is(LONG_KEY) {
        Side::take(&mut page.side, entry.key_place(&page.bytes));
    }
    let removed = take_payload(page, entry);
    let line = group_of_mut(&mut page.bytes, group);
    let last = group_len(line) - 1;
    line[index] = line[last];
    set_offset(line, index, offset_in(line, last));
    line[CONTROL] -= 1;
    if entry.end() == usize::from(page.used) {
        set_used(page, entry.offset);
    } else {
        page.garbage += entry.len() as u16;
    }
    page.count -= 1;
    page.deadlines -= u16::from(removed.had_deadline);
    note_deadline(node, NO_DEADLINE);
    Some(removed)
}

/// The inline value of a key, for a change that keeps its length.
pub(super) fn inline_mut<'a, L: Clone>(
    node: &'a mut Node<L>,
    hash: u64,
    key: &[u8],
) -> Option<&'a mut [u8]> {
    let LeafMut { page, groups } = leaf_mut(node);
    let entry = find(page, groups, hash, key)?.entry;
    (!entry.is(LARGE)).then(|| &mut page.bytes[entry.value_at()..entry.end()])
}

/// The large value of a key, for change.
pub(super) fn large_mut<'a, L: Clone>(
    node: &'a mut Node<L>,
    hash: u64,
    key: &[u8],
) -> Option<&'a mut L> {
    let LeafMut { page, groups } = leaf_mut(node);
    let entry = find(page, groups, hash, key)?.entry;
    if !entry.is(LARGE) {
        return None;
    }
    page.side.as_mut()?.value_mut(entry.value_place())
}

/// Sets the tag of a key; false if it is absent.
pub(super) fn set_tag<L: Clone>(node: &mut Node<L>, hash: u64, key: &[u8], tag: u8) -> bool {
    let LeafMut { page, groups } = leaf_mut(node);
    let Some(place) = find(page, groups, hash, key) else {
        return false;
    };
    page.bytes[place.entry.offset + ENTRY_HEAD - 1] = tag;
    true
}

/// Overwrites an inline value by one of the same length, if the key is there, has no deadline and
/// nothing beside the page; false, and nothing done, otherwise.
#[inline]
pub(super) fn overwrite<L>(
    leaf: LeafMut<'_, Side<L>>,
    hash: u64,
    key: &[u8],
    tag: u8,
    value: &[u8],
) -> bool {
    let LeafMut { page, groups } = leaf;
    let Some(Place { entry, .. }) = find_inline(page, groups, hash, key) else {
        return false;
    };
    if entry.is(LARGE | LONG_KEY | HAS_DEADLINE) || entry.value_len() != value.len() {
        return false;
    }
    let at = entry.value_at();
    page.bytes[at..at + value.len()].copy_from_slice(value);
    if entry.tag() != tag {
        page.bytes[entry.offset + ENTRY_HEAD - 1] = tag;
    }
    true
}

/// What became of a new deadline.
pub(super) enum DeadlineSet {
    /// The key is not there.
    Absent,
    /// Set. Whether there was one before.
    Done { had_deadline: bool },
    /// The entry must grow and the page has no room.
    NoRoom,
}

/// Sets or clears the deadline of a key, in the page.
pub(super) fn set_deadline<L: Clone>(
    node: &mut Node<L>,
    hash: u64,
    key: &[u8],
    expires_at_ms: u64,
) -> DeadlineSet {
    let LeafMut { page, groups } = leaf_mut(node);
    let Some(Place {
        group,
        index,
        entry,
    }) = find(page, groups, hash, key)
    else {
        return DeadlineSet::Absent;
    };
    let had_deadline = entry.is(HAS_DEADLINE);
    let has_deadline = expires_at_ms != NO_DEADLINE;
    let (body, body_end, head_end) = (entry.key_at(), entry.end(), entry.offset + ENTRY_HEAD);
    let mut offset = entry.offset;
    match (had_deadline, has_deadline) {
        (false, false) | (true, true) => {}
        (true, false) => {
            page.bytes.copy_within(body..body_end, head_end);
            page.garbage += 8;
        }
        (false, true) => {
            let used = usize::from(page.used);
            let len = entry.len() + 8;
            if len > page.bytes.len() - used {
                return DeadlineSet::NoRoom;
            }
            page.bytes
                .copy_within(body..body_end, used + ENTRY_HEAD + 8);
            page.garbage += entry.len() as u16;
            set_used(page, used + len);
            set_offset(group_of_mut(&mut page.bytes, group), index, used);
            offset = used;
        }
    }
    let mut word = entry.word & !HAS_DEADLINE;
    if has_deadline {
        word |= HAS_DEADLINE;
        let at = offset + ENTRY_HEAD;
        page.bytes[at..at + 8].copy_from_slice(&expires_at_ms.to_le_bytes());
    }
    page.bytes[offset..offset + ENTRY_HEAD].copy_from_slice(&word.to_le_bytes());
    page.deadlines += u16::from(has_deadline);
    page.deadlines -= u16::from(had_deadline);
    note_deadline(node, expires_at_ms);
    DeadlineSet::Done { had_deadline }
}
