//! Node sizes of the persistent structures, with the reason for each.
//!
//! Read by `ds` only. Under `cfg(test)` and `--cfg small_nodes` the nodes are tiny, so that splits,
//! merges and every deep shape are reached after a handful of entries.

/// One cache line: the size of a leaf's head and of each group of its index.
pub(crate) const LINE: usize = 64;

/// Every node of a hash trie is a whole number of steps long and aligned to a step; the low bits
/// of a node's address, free because of that, carry its shape.
#[cfg(not(any(test, small_nodes)))]
pub(crate) const STEP: usize = 256;
/// See the full-sized one.
#[cfg(any(test, small_nodes))]
pub(crate) const STEP: usize = 64;

/// The longest leaf page, in steps.
#[cfg(not(any(test, small_nodes)))]
pub(crate) const MAX_STEPS: usize = 16;
/// See the full-sized one.
#[cfg(any(test, small_nodes))]
pub(crate) const MAX_STEPS: usize = 8;

/// The longest leaf page, in bytes.
pub(crate) const MAX_PAGE: usize = STEP * MAX_STEPS;

/// The most index groups that fit into the shape bits of a node's address.
pub(crate) const MAX_GROUPS: usize = STEP / 16 - 1;

/// The widest inner node has two to this power slots.
#[cfg(not(any(test, small_nodes)))]
pub(crate) const INNER_BITS_MAX: u32 = 6;
/// See the full-sized one.
#[cfg(any(test, small_nodes))]
pub(crate) const INNER_BITS_MAX: u32 = 2;

/// Values up to this length lie in the leaf page itself.
#[cfg(not(any(test, small_nodes)))]
pub(crate) const INLINE_VALUE_MAX: usize = 1024;
/// See the full-sized one.
#[cfg(any(test, small_nodes))]
pub(crate) const INLINE_VALUE_MAX: usize = 128;

/// Keys up to this length lie in the leaf page itself; longer ones beside it.
#[cfg(not(any(test, small_nodes)))]
pub(crate) const INLINE_KEY_MAX: usize = 255;
/// See the full-sized one.
#[cfg(any(test, small_nodes))]
pub(crate) const INLINE_KEY_MAX: usize = 40;

const _: () = {
    assert!(STEP.is_power_of_two() && STEP >= LINE && MAX_STEPS <= 16 && INNER_BITS_MAX <= 6);
    assert!(MAX_GROUPS >= 1 && MAX_PAGE <= 1 << 15);
    assert!(INLINE_KEY_MAX <= 255 && INLINE_VALUE_MAX < 2048);
    // Head, one group and the longest entry make at most one page: a page of one entry never splits.
    assert!(2 * LINE + 12 + INLINE_KEY_MAX + INLINE_VALUE_MAX <= MAX_PAGE);
};
