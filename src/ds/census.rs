//! Who holds a shared node: what would be freed if some of its owners went.
//!
//! Called by the structures when a snapshot asks what it alone keeps alive. A census is told each
//! reference that would go, one by one; a node goes with its last. Invariants:
//! 1. A node is called the last at most once, so nothing is counted twice.
//! 2. Nodes with one owner, nearly all, cost nothing here.
//!
//! Counts are read while other threads may change them: the answer is as of some moment each.

use std::collections::HashMap;
use std::sync::Arc;

/// The references that have been told of, for nodes that have more than one.
#[derive(Debug)]
pub(crate) struct Census {
    seen: HashMap<usize, usize, ahash::RandomState>,
}

impl Census {
    pub(crate) fn new() -> Self {
        Self {
            seen: HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4)),
        }
    }

    /// Notes one reference to the node at `address`, which has `owners`: whether all have been noted.
    pub(crate) fn is_last_of(&mut self, address: usize, owners: usize) -> bool {
        if owners <= 1 {
            return true;
        }
        let seen = self.seen.entry(address).or_insert(0);
        *seen += 1;
        *seen == owners
    }

    /// As [`is_last_of`](Self::is_last_of), for what an `Arc` holds.
    pub(crate) fn is_last<T: ?Sized>(&mut self, node: &Arc<T>) -> bool {
        let owners = Arc::strong_count(node);
        owners == 1 || self.is_last_of(Arc::as_ptr(node).addr(), owners)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_goes_with_its_last_owner_and_once() {
        let mut census = Census::new();
        let node = Arc::new(5);
        assert!(census.is_last(&node));
        let (second, third) = (Arc::clone(&node), Arc::clone(&node));
        assert!(!census.is_last(&node) && !census.is_last(&second));
        assert!(census.is_last(&third));
        assert!(!census.is_last(&third), "once");
    }
}
