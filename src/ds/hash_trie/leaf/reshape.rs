//! A leaf in another shape: longer, shorter, without gaps, in two, or two in one.
//!
//! Called by the leaf when an entry does not fit and by the trie when runs split and merge. Entries
//! are moved with their side objects, never copied. How long a page is made and how many groups it
//! gets is decided here and nowhere else.

use std::hash::BuildHasher;

use super::{
    ENTRY_HEAD, Entry, GROUP_SLOTS, HAS_DEADLINE, LARGE, LEAF_FULL, LEAF_SLOTS, LONG_KEY, NoRoom,
    Node, Page, Side, VALUE_MASK, claim_slot, group_len, group_of, group_of_mut, leaf_mut,
    leaf_ref, offset_in, set_offset, set_used,
};
use crate::ds::config::{LINE, MAX_GROUPS, MAX_PAGE, MAX_STEPS, STEP};
use crate::ds::hash_trie::{NO_DEADLINE, hash_of};
use crate::ds::pages::{LeafMut, LeafRef};

/// Bytes of live entries.
pub(super) fn live_bytes<L>(page: &Page<L>, groups: usize) -> usize {
    usize::from(page.used) - groups * LINE - usize::from(page.garbage)
}

/// Steps of a page with these groups and this many bytes of entries.
pub(super) fn steps_for(groups: usize, entries_bytes: usize) -> usize {
    (LINE + groups * LINE + entries_bytes).div_ceil(STEP)
}

/// The groups a page of `steps` should have if it fills up with entries like those it has.
fn groups_for(count: usize, live: usize, steps: usize) -> usize {
    let expected = count * (steps * STEP - 2 * LINE) / live.max(1);
    let expected = expected.max(count).min(LEAF_SLOTS);
    // Four fifths full on average: groups fill unevenly.
    (expected * 5)
        .div_ceil(GROUP_SLOTS * 4)
        .clamp(1, MAX_GROUPS)
}

/// Room to grow that a page is given beyond its need. An eighth saves 4 bytes a key of 80 but copies
/// pages twice as often: inserts into a large map then cost a fifth more.
fn headroom(live: usize) -> usize {
    live / 4
}

/// Reshapes a leaf so that an entry fits which did not; false if no page is long enough.
#[cold]
#[inline(never)]
pub(super) fn make_room<L: Clone, S: BuildHasher>(
    node: &mut Node<L>,
    hasher: &S,
    no_room: &NoRoom,
) -> bool {
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

pub(super) fn empty_leaf<L: Clone>(steps: usize, groups: usize) -> Node<L> {
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
pub(in crate::ds::hash_trie) type Halves<L> = (Option<Node<L>>, Option<Node<L>>);

/// Parts a leaf by bit `bit` (counted from the top) of the rotated hash.
pub(in crate::ds::hash_trie) fn split<L: Clone, S: BuildHasher>(
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
        let mut groups = groups_for(count, live, MAX_STEPS);
        if steps_for(groups, live) > MAX_STEPS {
            // Nearly everything went to this side. With as many groups as now it fits, as it did.
            groups = from.groups;
        }
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
pub(in crate::ds::hash_trie) fn fit_together<L>(a: &Node<L>, b: &Node<L>) -> bool {
    let (a, b) = (leaf_ref(a), leaf_ref(b));
    let count = usize::from(a.page.count) + usize::from(b.page.count);
    let live = live_bytes(a.page, a.groups) + live_bytes(b.page, b.groups);
    let groups = count.div_ceil(GROUP_SLOTS);
    LINE + groups * LINE + live <= MAX_PAGE / 2 && groups * 2 <= MAX_GROUPS + 1
}

/// True if a leaf can most likely take a further entry of `len` bytes.
pub(in crate::ds::hash_trie) fn has_room<L>(node: &Node<L>, len: usize) -> bool {
    let leaf = leaf_ref(node);
    let bytes = LINE + leaf.groups * LINE + live_bytes(leaf.page, leaf.groups) + len;
    bytes <= MAX_PAGE - MAX_PAGE / 16 && usize::from(leaf.page.count) < LEAF_FULL
}

/// Entries in a leaf.
pub(in crate::ds::hash_trie) fn count<L>(node: &Node<L>) -> usize {
    usize::from(leaf_ref(node).page.count)
}

/// True if a leaf is so empty that joining it with its neighbour may be worth a look at that one.
pub(in crate::ds::hash_trie) fn is_sparse<L>(node: &Node<L>) -> bool {
    let leaf = leaf_ref(node);
    live_bytes(leaf.page, leaf.groups) < MAX_PAGE / 4
}

/// Joins two leaves that fit together.
pub(in crate::ds::hash_trie) fn merge<L: Clone, S: BuildHasher>(
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

/// Moves a leaf that uses less than half of its page to a shorter one.
pub(in crate::ds::hash_trie) fn shrink<L: Clone, S: BuildHasher>(node: &mut Node<L>, hasher: &S) {
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
