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

use std::hash::BuildHasher;
use std::sync::Arc;

use super::{EntryRef, NO_DEADLINE, NewPayload, OldPayload, Payload, hash_of};
use crate::ds::config::{INLINE_KEY_MAX, LINE, MAX_GROUPS, MAX_PAGE, MAX_STEPS, STEP};
use crate::ds::pages::{Leaf, LeafMut, LeafRef, NodePtr, View, ViewMut, equal_bytes};

/// Entries a group can index.
pub(super) const GROUP_SLOTS: usize = 21;
/// The most entries of a leaf.
pub(super) const LEAF_SLOTS: usize = MAX_GROUPS * GROUP_SLOTS;

const CONTROL: usize = GROUP_SLOTS;
const OFFSETS: usize = GROUP_SLOTS + 1;
const COUNT_MASK: u8 = 31;
const OVERFLOWED: u8 = 128;

const ENTRY_HEAD: usize = 4;
const VALUE_MASK: u32 = (1 << 11) - 1;
const HAS_DEADLINE: u32 = 1 << 11;
const LARGE: u32 = 1 << 12;
const LONG_KEY: u32 = 1 << 13;
const KEY_SHIFT: u32 = 16;
const TAG_SHIFT: u32 = 24;

/// What a page cannot hold: large values and long keys, by place.
#[derive(Clone)]
pub(super) struct Side<L> {
    items: Vec<Item<L>>,
    /// First free place, or `items.len()`.
    free: u16,
}

#[derive(Clone)]
enum Item<L> {
    /// Free; the next free place.
    Free(u16),
    Value(L),
    Key(Arc<[u8]>),
}

impl<L> Side<L> {
    fn put(side: &mut Option<Box<Self>>, item: Item<L>) -> u16 {
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

    fn take(side: &mut Option<Box<Self>>, place: u16) -> Option<Item<L>> {
        let table = side.as_mut()?;
        let slot = table.items.get_mut(usize::from(place))?;
        let item = std::mem::replace(slot, Item::Free(table.free));
        table.free = place;
        Some(item)
    }

    fn value(&self, place: u16) -> Option<&L> {
        match self.items.get(usize::from(place))? {
            Item::Value(value) => Some(value),
            Item::Free(_) | Item::Key(_) => None,
        }
    }

    fn key(&self, place: u16) -> Option<&[u8]> {
        match self.items.get(usize::from(place))? {
            Item::Key(key) => Some(key),
            Item::Free(_) | Item::Value(_) => None,
        }
    }

    /// Bytes of the table and its long keys.
    pub(super) fn allocated_bytes(&self) -> usize {
        let keys: usize = (self.items.iter())
            .map(|item| match item {
                Item::Key(key) => key.len() + 2 * size_of::<usize>(),
                Item::Free(_) | Item::Value(_) => 0,
            })
            .sum();
        size_of::<Self>() + self.items.capacity() * size_of::<Item<L>>() + keys
    }

    #[cfg(any(test, fuzzing))]
    fn taken(&self) -> usize {
        self.items
            .iter()
            .filter(|item| !matches!(item, Item::Free(_)))
            .count()
    }
}

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
        let mut deadline = [0; 8];
        deadline.copy_from_slice(&bytes[self.offset + ENTRY_HEAD..self.offset + ENTRY_HEAD + 8]);
        u64::from_le_bytes(deadline)
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

    #[inline]
    fn view<L>(self, page: &Page<L>) -> EntryRef<'_, L> {
        let large = if self.is(LARGE) {
            page.side
                .as_ref()
                .and_then(|side| side.value(self.value_place()))
        } else {
            None
        };
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

/// The entry of a key. Cost: one group and, nearly always, one entry.
#[inline]
fn find<L>(page: &Page<L>, groups: usize, hash: u64, key: &[u8]) -> Option<Place> {
    let mut group = home_group(hash, groups);
    for _ in 0..groups {
        let line = group_of(&page.bytes, group);
        let live = (1u32 << group_len(line)) - 1;
        let mut candidates = equal_bytes(line, tag_of(hash)) & live;
        while candidates != 0 {
            let index = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            let entry = Entry::at(&page.bytes, offset_in(line, index));
            if entry.key(page) == key {
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
    find(leaf.page, leaf.groups, hash, key).map(|place| place.entry.view(leaf.page))
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

/// Bytes of live entries.
fn live_bytes<L>(page: &Page<L>, groups: usize) -> usize {
    usize::from(page.used) - groups * LINE - usize::from(page.garbage)
}

/// Steps of a page with these groups and this many bytes of entries.
fn steps_for(groups: usize, entries_bytes: usize) -> usize {
    (LINE + groups * LINE + entries_bytes).div_ceil(STEP)
}

/// The groups a page of `steps` should have if it fills up with entries like those it has.
fn groups_for(count: usize, live: usize, steps: usize) -> usize {
    let expected = count * (steps * STEP - 2 * LINE) / live.max(1);
    let expected = expected.clamp(count, LEAF_SLOTS);
    // Four fifths full on average: groups fill unevenly.
    (expected * 5)
        .div_ceil(GROUP_SLOTS * 4)
        .clamp(1, MAX_GROUPS)
}

/// Room to grow that a page is given beyond its need.
fn headroom(live: usize) -> usize {
    live / 8
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
    /// Every group is full; and this many bytes are needed too.
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

/// Places an entry whose key the leaf does not have.
fn place_new<'a, L>(
    leaf: LeafMut<'_, Side<L>>,
    entry: &NewEntry<'_>,
    value: NewPayload<'a, L>,
) -> Result<(), (NoRoom, NewPayload<'a, L>)> {
    let LeafMut { page, groups } = leaf;
    let len = entry.len(&value);
    let offset = usize::from(page.used);
    if usize::from(page.count) >= groups * GROUP_SLOTS {
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

/// Reshapes a leaf so that an entry fits which did not; false if no page is long enough.
#[cold]
#[inline(never)]
fn make_room<L: Clone, S: BuildHasher>(node: &mut Node<L>, hasher: &S, no_room: &NoRoom) -> bool {
    let LeafRef { page, groups } = leaf_ref(node);
    let count = usize::from(page.count) + 1;
    let garbage = usize::from(page.garbage);
    let (more, index_full) = match *no_room {
        NoRoom::Bytes(more) => (more, false),
        NoRoom::Index(more) => (more, true),
    };
    let live = live_bytes(page, groups) + more;
    let steps = steps_for(groups, live + headroom(live)).min(MAX_STEPS);
    let mut wanted = groups_for(count, live, (2 * steps).min(MAX_STEPS));
    if index_full {
        wanted = wanted.max(groups + 1);
    }
    if wanted > MAX_GROUPS {
        return false;
    }
    let new_groups = if steps_for(wanted, live) <= MAX_STEPS {
        wanted.max(groups)
    } else {
        groups
    };
    if (index_full && new_groups == groups) || steps_for(new_groups, live) > MAX_STEPS {
        return false;
    }
    // A full page of entries that keep changing length would be compacted again and again.
    let is_longest = page.bytes.len() + LINE == MAX_PAGE;
    if is_longest && !index_full && count > 2 && garbage < MAX_PAGE / 16 {
        return false;
    }
    let steps = steps_for(new_groups, live + headroom(live)).min(MAX_STEPS);
    if new_groups != groups {
        rebuild(node, hasher, steps, new_groups);
    } else {
        repack(node, steps);
    }
    true
}

/// Moves a leaf to a page of `steps`, without gaps, its index as it is.
fn repack<L: Clone>(node: &mut Node<L>, steps: usize) {
    let LeafMut { page, groups } = leaf_mut(node);
    let index_bytes = groups * LINE;
    let mut to;
    if page.garbage == 0 {
        let used = usize::from(page.used);
        to = Node::new_leaf(steps, groups, &page.bytes[..used]);
        leaf_mut(&mut to).page.used = page.used;
    } else {
        to = Node::new_leaf(steps, groups, &page.bytes[..index_bytes]);
        let new = leaf_mut(&mut to).page;
        let mut used = index_bytes;
        for group in 0..groups {
            let line = group_of(&page.bytes, group);
            for index in 0..group_len(line) {
                let entry = Entry::at(&page.bytes, offset_in(line, index));
                let len = entry.len();
                new.bytes[used..used + len]
                    .copy_from_slice(&page.bytes[entry.offset..entry.offset + len]);
                set_offset(group_of_mut(&mut new.bytes, group), index, used);
                used += len;
            }
        }
        set_used(new, used);
    }
    let new = leaf_mut(&mut to).page;
    new.count = page.count;
    new.deadlines = page.deadlines;
    new.side = page.side.take();
    to.set_earliest_ms(node.earliest_ms());
    *node = to;
}

/// Moves a leaf to a page of `steps` with another number of groups.
fn rebuild<L: Clone, S: BuildHasher>(node: &mut Node<L>, hasher: &S, steps: usize, groups: usize) {
    let mut to = empty_leaf(steps, groups);
    let from = leaf_mut(node);
    let mut deadline = NO_DEADLINE;
    for_each_offset(from.page, from.groups, |page, offset| {
        let entry = Entry::at(&page.bytes, offset);
        let hash = hash_of(hasher, entry.key(page));
        deadline = deadline.min(move_entry(page, entry, leaf_mut(&mut to), hash));
    });
    to.set_earliest_ms(deadline);
    *node = to;
}

fn empty_leaf<L: Clone>(steps: usize, groups: usize) -> Node<L> {
    let mut node = Node::new_leaf(steps, groups, &[]);
    set_used(leaf_mut(&mut node).page, groups * LINE);
    node
}

fn for_each_offset<L>(
    page: &mut Page<L>,
    groups: usize,
    mut visit: impl FnMut(&mut Page<L>, usize),
) {
    for group in 0..groups {
        for index in 0..group_len(group_of(&page.bytes, group)) {
            let offset = offset_in(group_of(&page.bytes, group), index);
            visit(page, offset);
        }
    }
}

/// Moves an entry to a leaf that has room for it; the old one is left without its side objects and
/// must be given up. Returns the deadline.
fn move_entry<L>(page: &mut Page<L>, entry: Entry, to: LeafMut<'_, Side<L>>, hash: u64) -> u64 {
    let LeafMut { page: new, groups } = to;
    let (offset, len) = (usize::from(new.used), entry.len());
    claim_slot(new, groups, hash, offset);
    new.bytes[offset..offset + len].copy_from_slice(&page.bytes[entry.offset..entry.offset + len]);
    if entry.is(LONG_KEY)
        && let Some(key) = Side::take(&mut page.side, entry.key_place(&page.bytes))
    {
        let place = Side::put(&mut new.side, key);
        let at = offset + (entry.key_at() - entry.offset);
        new.bytes[at..at + 2].copy_from_slice(&place.to_le_bytes());
    }
    if entry.is(LARGE)
        && let Some(value) = Side::take(&mut page.side, entry.value_place())
    {
        let place = Side::put(&mut new.side, value);
        let word = (entry.word & !VALUE_MASK) | u32::from(place);
        new.bytes[offset..offset + ENTRY_HEAD].copy_from_slice(&word.to_le_bytes());
    }
    set_used(new, offset + len);
    new.count += 1;
    new.deadlines += u16::from(entry.is(HAS_DEADLINE));
    entry.expires_at_ms(&page.bytes)
}

/// The halves of a split leaf; a half without entries is absent.
pub(super) type Halves<L> = (Option<Node<L>>, Option<Node<L>>);

/// Parts a leaf by bit `bit` (counted from the top) of the rotated hash.
pub(super) fn split<L: Clone, S: BuildHasher>(
    mut node: Node<L>,
    hasher: &S,
    skip_bits: u32,
    bit: u32,
) -> Halves<L> {
    let goes_right = |hash: u64| hash.rotate_left(skip_bits) << bit >> 63 == 1;
    let mut hashes = [0u64; LEAF_SLOTS];
    let (mut counts, mut bytes) = ([0usize; 2], [0usize; 2]);
    let from = leaf_mut(&mut node);
    let mut at = 0;
    for_each_offset(from.page, from.groups, |page, offset| {
        let entry = Entry::at(&page.bytes, offset);
        let hash = hash_of(hasher, entry.key(page));
        hashes[at] = hash;
        at += 1;
        let side = usize::from(goes_right(hash));
        counts[side] += 1;
        bytes[side] += entry.len();
    });
    if counts[1] == 0 {
        return (Some(node), None);
    }
    if counts[0] == 0 {
        return (None, Some(node));
    }
    let mut halves = [0, 1].map(|side| {
        let (count, live) = (counts[side], bytes[side]);
        let groups = groups_for(count, live, MAX_STEPS);
        empty_leaf(
            steps_for(groups, live + headroom(live)).min(MAX_STEPS),
            groups,
        )
    });
    let mut deadlines = [NO_DEADLINE; 2];
    let mut at = 0;
    for_each_offset(from.page, from.groups, |page, offset| {
        let side = usize::from(goes_right(hashes[at]));
        let entry = Entry::at(&page.bytes, offset);
        let deadline = move_entry(page, entry, leaf_mut(&mut halves[side]), hashes[at]);
        deadlines[side] = deadlines[side].min(deadline);
        at += 1;
    });
    let [left, right] = halves;
    left.set_earliest_ms(deadlines[0]);
    right.set_earliest_ms(deadlines[1]);
    (Some(left), Some(right))
}

/// True if two leaves together fill at most half of the longest page.
pub(super) fn fit_together<L>(a: &Node<L>, b: &Node<L>) -> bool {
    let (a, b) = (leaf_ref(a), leaf_ref(b));
    let count = usize::from(a.page.count) + usize::from(b.page.count);
    let live = live_bytes(a.page, a.groups) + live_bytes(b.page, b.groups);
    let groups = count.div_ceil(GROUP_SLOTS);
    LINE + groups * LINE + live <= MAX_PAGE / 2 && groups * 2 <= MAX_GROUPS + 1
}

/// True if a leaf can most likely take a further entry of `len` bytes.
pub(super) fn has_room<L>(node: &Node<L>, len: usize) -> bool {
    let leaf = leaf_ref(node);
    let bytes = LINE + leaf.groups * LINE + live_bytes(leaf.page, leaf.groups) + len;
    bytes <= MAX_PAGE - MAX_PAGE / 16 && usize::from(leaf.page.count) < LEAF_SLOTS
}

/// Entries in a leaf.
pub(super) fn count<L>(node: &Node<L>) -> usize {
    usize::from(leaf_ref(node).page.count)
}

/// True if a leaf is so empty that joining it with its neighbour may be worth a look at that one.
pub(super) fn is_sparse<L>(node: &Node<L>) -> bool {
    let leaf = leaf_ref(node);
    live_bytes(leaf.page, leaf.groups) < MAX_PAGE / 4
}

/// Joins two leaves that fit together.
pub(super) fn merge<L: Clone, S: BuildHasher>(
    mut a: Node<L>,
    mut b: Node<L>,
    hasher: &S,
) -> Node<L> {
    let mut count = 0;
    let mut live = 0;
    for node in [&a, &b] {
        let leaf = leaf_ref(node);
        count += usize::from(leaf.page.count);
        live += live_bytes(leaf.page, leaf.groups);
    }
    let groups = groups_for(
        count,
        live,
        steps_for(1, live + headroom(live)).min(MAX_STEPS),
    );
    let mut to = empty_leaf(
        steps_for(groups, live + headroom(live)).min(MAX_STEPS),
        groups,
    );
    let mut deadline = NO_DEADLINE;
    for node in [&mut a, &mut b] {
        let from = leaf_mut(node);
        for_each_offset(from.page, from.groups, |page, offset| {
            let entry = Entry::at(&page.bytes, offset);
            let hash = hash_of(hasher, entry.key(page));
            deadline = deadline.min(move_entry(page, entry, leaf_mut(&mut to), hash));
        });
    }
    to.set_earliest_ms(deadline);
    to
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

/// Moves a leaf that uses less than half of its page to a shorter one.
pub(super) fn shrink<L: Clone, S: BuildHasher>(node: &mut Node<L>, hasher: &S) {
    let LeafRef { page, groups } = leaf_ref(node);
    let live = live_bytes(page, groups);
    let now = page.bytes.len() + LINE;
    let count = usize::from(page.count);
    if (LINE + groups * LINE + live) * 2 > now || count == 0 {
        return;
    }
    let steps = steps_for(1, live + headroom(live)).min(MAX_STEPS);
    let wanted = groups_for(count, live, steps);
    let steps = steps_for(wanted, live + headroom(live)).min(MAX_STEPS);
    if steps * STEP < now {
        rebuild(node, hasher, steps, wanted);
    }
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
    match page
        .side
        .as_mut()?
        .items
        .get_mut(usize::from(entry.value_place()))?
    {
        Item::Value(value) => Some(value),
        Item::Free(_) | Item::Key(_) => None,
    }
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

/// Asserts every invariant of a leaf; returns its entries and deadlines.
#[cfg(any(test, fuzzing))]
pub(super) fn check<L, S: BuildHasher>(node: &Node<L>, hasher: &S) -> (usize, usize) {
    let LeafRef { page, groups } = leaf_ref(node);
    use crate::ds::pages::Shape;
    assert_eq!(
        node.shape(),
        Shape::Leaf {
            steps: (page.bytes.len() + LINE) / STEP,
            groups
        }
    );
    let mut count = 0;
    let mut deadlines = 0;
    let mut side_items = 0;
    let mut extents = Vec::new();
    for group in 0..groups {
        let line = group_of(&page.bytes, group);
        for index in 0..group_len(line) {
            let entry = Entry::at(&page.bytes, offset_in(line, index));
            let key = entry.key(page);
            let hash = hash_of(hasher, key);
            assert_eq!(line[index], tag_of(hash), "tag of {key:?}");
            let found = find(page, groups, hash, key).expect("every entry can be found");
            assert_eq!(
                (found.group, found.index),
                (group, index),
                "found elsewhere"
            );
            assert_eq!(
                key.len() > INLINE_KEY_MAX,
                entry.is(LONG_KEY),
                "place of a key"
            );
            let expires_at_ms = entry.expires_at_ms(&page.bytes);
            assert!(
                node.earliest_ms() <= expires_at_ms,
                "bound above a deadline"
            );
            assert_eq!(entry.is(HAS_DEADLINE), expires_at_ms != NO_DEADLINE);
            if entry.is(LARGE) {
                side_items += 1;
                assert!(
                    page.side
                        .as_ref()
                        .is_some_and(|s| s.value(entry.value_place()).is_some())
                );
            }
            side_items += usize::from(entry.is(LONG_KEY));
            count += 1;
            deadlines += usize::from(entry.is(HAS_DEADLINE));
            extents.push((entry.offset, entry.end()));
        }
    }
    assert_eq!(count, usize::from(page.count), "count");
    assert_eq!(deadlines, usize::from(page.deadlines), "deadlines");
    assert!(
        deadlines > 0 || node.earliest_ms() == NO_DEADLINE,
        "bound without a deadline"
    );
    assert_eq!(
        side_items,
        page.side.as_ref().map_or(0, |side| side.taken()),
        "side table"
    );
    extents.sort_unstable();
    let mut end = groups * LINE;
    let mut live = 0;
    for (from, to) in extents {
        assert!(from >= end, "entries overlap");
        end = to;
        live += to - from;
    }
    assert!(end <= usize::from(page.used) && usize::from(page.used) <= page.bytes.len());
    assert_eq!(live, live_bytes(page, groups), "garbage");
    (count, deadlines)
}
