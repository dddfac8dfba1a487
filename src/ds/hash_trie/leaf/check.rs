//! The invariants of a leaf, asserted.

use std::hash::BuildHasher;

use super::reshape::live_bytes;
use super::{
    Entry, HAS_DEADLINE, LARGE, LONG_KEY, Node, find, group_len, group_of, leaf_ref, offset_in,
    tag_of,
};
use crate::ds::config::{INLINE_KEY_MAX, LINE, STEP};
use crate::ds::hash_trie::{NO_DEADLINE, hash_of};
use crate::ds::pages::{LeafRef, Shape};

/// Asserts every invariant of a leaf; returns its entries and deadlines.
pub(in crate::ds::hash_trie) fn check<L, S: BuildHasher>(
    node: &Node<L>,
    hasher: &S,
) -> (usize, usize) {
    let LeafRef { page, groups } = leaf_ref(node);
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
