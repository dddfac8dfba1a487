//! Node sizes of the persistent structures, with the reason for each.
//!
//! Read by `ds` only. In the crate's own unit tests and under `--cfg small_nodes` the nodes are tiny,
//! so that splits, merges and every deep shape are reached after a handful of entries.

/// A benchmark that includes these files is compiled under `cfg(test)` too, but measures real nodes.
const SMALL: bool =
    cfg!(small_nodes) || (cfg!(test) && equal(env!("CARGO_CRATE_NAME"), env!("CARGO_PKG_NAME")));

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// One cache line: the size of a leaf's head and of each group of its index.
pub(crate) const LINE: usize = 64;

/// Every node of a hash trie is a whole number of steps long and aligned to a step; the low bits
/// of a node's address, free because of that, carry its shape.
pub(crate) const STEP: usize = if SMALL { 64 } else { 256 };

/// The longest leaf page, in steps.
pub(crate) const MAX_STEPS: usize = if SMALL { 8 } else { 16 };

/// The longest leaf page, in bytes.
pub(crate) const MAX_PAGE: usize = STEP * MAX_STEPS;

/// The most index groups that fit into the shape bits of a node's address.
pub(crate) const MAX_GROUPS: usize = STEP / 16 - 1;

/// The widest inner node has two to this power slots.
pub(crate) const INNER_BITS_MAX: u32 = if SMALL { 2 } else { 6 };

/// Values up to this length lie in the leaf page itself.
pub(crate) const INLINE_VALUE_MAX: usize = if SMALL { 128 } else { 1024 };

/// Keys up to this length lie in the leaf page itself; longer ones beside it.
pub(crate) const INLINE_KEY_MAX: usize = if SMALL { 40 } else { 255 };

/// The longest chunk of a sequence, in bytes: a page with what the allocator and `Arc` put before it.
pub(crate) const CHUNK_BYTES: usize = if SMALL { 104 } else { 4072 };

/// Longer items of a sequence lie alone.
pub(crate) const CHUNK_ITEM_MAX: usize = if SMALL { 24 } else { 1024 };

/// The most children of a sequence's node: few enough that copying a path stays cheap.
pub(crate) const SEQUENCE_FANOUT: usize = if SMALL { 4 } else { 32 };

const _: () = {
    // Either half of a full chunk of unlike items has room for one more, wherever the cut between items falls.
    assert!(CHUNK_BYTES / 2 + CHUNK_ITEM_MAX * 3 / 2 + 16 <= CHUNK_BYTES && CHUNK_BYTES < 1 << 16);
    assert!(CHUNK_ITEM_MAX < 1 << 14 && SEQUENCE_FANOUT >= 4);
};

/// The longest block of a skip list, in steps: copied whole by the first write under a clone.
pub(crate) const BLOCK_STEPS_MAX: usize = if SMALL { 4 } else { 8 };

/// The most children of a branch of a skip list: a copied branch counts a reference for each. With 16 or 24
/// a write with a fresh snapshot gains 3 %, and every other loses 5; with 64 the first loses 7 %.
pub(crate) const FANOUT: usize = if SMALL { 8 } else { 48 };

/// How much of a member a branch of a skip list keeps; equal scores with longer common beginnings cost
/// a look into a block for each comparison.
pub(crate) const PREFIX_BYTES: usize = if SMALL { 3 } else { 22 };

const _: () = {
    assert!(BLOCK_STEPS_MAX <= MAX_STEPS && BLOCK_STEPS_MAX * STEP >= 4 * LINE);
    assert!(FANOUT >= 8 && FANOUT.is_multiple_of(4) && PREFIX_BYTES <= 255);
    assert!(STEP.is_power_of_two() && STEP >= LINE && MAX_STEPS <= 16 && INNER_BITS_MAX <= 6);
    assert!(MAX_GROUPS >= 1 && MAX_PAGE <= 1 << 15);
    assert!(INLINE_KEY_MAX <= 255 && INLINE_VALUE_MAX < 2048);
    // A page of one entry can take a longer version of it beside the old one: it never splits.
    assert!(2 * LINE + 2 * (12 + INLINE_KEY_MAX + INLINE_VALUE_MAX) <= MAX_PAGE);
};
