//! Changes of a skip list: elements that come and go, blocks and branches that divide and join.
//!
//! Every function keeps the count of bytes in nodes, and leaves the invariants of the parent module but for
//! the root, which its caller sees to.

use std::ops::Range;
use std::sync::Arc;

use super::block::{Block, is_alone};
use super::branch::{Branch, CHILDREN_MIN, Child, Node, Separator};
use super::{Element, SkipList};
use crate::ds::config::FANOUT;

/// A cut is promoted a level further once in so many times.
const COIN: u64 = 16;

/// So many elements leave a block one by one; more make a new one of the rest.
const FEW: usize = 8;

/// Whether a node lies at the left or right end of the list.
#[derive(Clone, Copy)]
struct Ends {
    is_first: bool,
    is_last: bool,
}

/// One insertion on its way.
struct Insertion<'a> {
    element: Element<'a>,
    coin: &'a mut u64,
    bytes: &'a mut usize,
}

/// The next of a sequence of random numbers.
fn throw(coin: &mut u64) -> u64 {
    *coin = coin.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*coin ^ (*coin >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn child_of(separator: Separator, block: Block) -> Child {
    Child {
        separator,
        count: block.len() as u64,
        node: Node::Block(block),
    }
}

fn last_of(block: &Block) -> Element<'_> {
    block.get(block.len() - 1)
}

impl Insertion<'_> {
    /// Inserts below `node`. The answer is the nodes that now follow it; `None` if the element was there.
    fn below(&mut self, node: &mut Node, ends: Ends) -> Option<Vec<Child>> {
        let branch = match node {
            Node::Block(block) => return self.add_to_block(block, ends),
            Node::Branch(branch) => branch,
        };
        let (key, member) = (self.element.key, self.element.member);
        let branch = Arc::make_mut(branch);
        let mut at = branch.choose(key, member);
        // Next to an element that is alone, the block on its other side is the place, if there is one:
        // otherwise each would begin a block.
        if branch.child(at).is_alone() {
            let alone = branch.child(at).first();
            let is_before = (key, member) < (alone.key, alone.member);
            if is_before && at > 0 && !branch.child(at - 1).is_alone() {
                let separator = Separator::between(self.element, alone);
                branch.set_separator(at, separator);
                at -= 1;
            } else if !is_before
                && (alone.key, alone.member) != (key, member)
                && at + 1 < branch.len()
                && !branch.child(at + 1).is_alone()
            {
                let separator = Separator::between(alone, self.element);
                at += 1;
                branch.set_separator(at, separator);
            }
        }
        let child_ends = Ends {
            is_first: ends.is_first && at == 0,
            is_last: ends.is_last && at + 1 == branch.len(),
        };
        let added = self.below(branch.child_mut(at), child_ends)?;
        let moved: u64 = added.iter().map(|child| child.count).sum();
        branch.counts[at] = branch.counts[at] + 1 - moved;
        if added.is_empty() {
            return Some(added);
        }
        Some(self.add_to_branch(branch, at + 1, added, ends))
    }

    /// Adds one or two children at `at`, cutting the branch if it is full or if the coin says so.
    fn add_to_branch(
        &mut self,
        branch: &mut Branch,
        at: usize,
        added: Vec<Child>,
        ends: Ends,
    ) -> Vec<Child> {
        let total = branch.len() + added.len();
        let is_end = ends.is_last && at == branch.len();
        let cut = if total > FANOUT {
            // At the end of the list the left part stays as it is.
            if is_end {
                total - CHILDREN_MIN
            } else {
                total / 2
            }
        } else if at >= CHILDREN_MIN
            && total - at >= CHILDREN_MIN
            && throw(self.coin).is_multiple_of(COIN)
        {
            at
        } else {
            for (i, child) in added.into_iter().enumerate() {
                branch.insert(at + i, child);
            }
            return Vec::new();
        };
        let mut children = branch.take_children();
        children.splice(at..at, added);
        let right = Branch::new(children.drain(cut..));
        *branch = Branch::new(children);
        *self.bytes += Branch::BYTES;
        vec![Child {
            separator: right.separator(0),
            count: right.count(),
            node: Node::Branch(Arc::new(right)),
        }]
    }

    fn add_to_block(&mut self, block: &mut Block, ends: Ends) -> Option<Vec<Child>> {
        let element = self.element;
        let at = match block.search(element.key, element.member) {
            Ok(_) => return None,
            Err(at) => at,
        };
        let before = block.allocated_bytes();
        if block.insert(at, element) {
            *self.bytes = *self.bytes + block.allocated_bytes() - before;
            return Some(Vec::new());
        }
        let len = block.len();
        let own = || Block::build(std::iter::once(element));
        let shares = !is_alone(element.member) && !block.is_alone();
        let mut added = Vec::new();
        if at == len && (ends.is_last || !shares) {
            let separator = Separator::between(last_of(block), element);
            added.push(child_of(separator, own()));
        } else if at == 0 && (ends.is_first || !shares) {
            let separator = Separator::between(element, block.get(0));
            let rest = std::mem::replace(block, own());
            added.push(child_of(separator, rest));
        } else if shares {
            let part = 96 + (throw(self.coin) % 64) as usize;
            let (left, right) = block.split(at, element, part);
            let separator = Separator::between(last_of(&left), right.get(0));
            *block = left;
            added.push(child_of(separator, right));
        } else {
            let left = Block::build(block.elements(0..at));
            let right = Block::build(block.elements(at..len));
            added.push(child_of(Separator::between(last_of(&left), element), own()));
            added.push(child_of(Separator::between(element, right.get(0)), right));
            *block = left;
        }
        let now: usize = added.iter().map(|c| c.node.allocated_bytes()).sum();
        *self.bytes = *self.bytes + block.allocated_bytes() + now - before;
        Some(added)
    }
}

/// Removes an element below `node`; false if it is not there.
fn remove_below(node: &mut Node, key: u64, member: &[u8], bytes: &mut usize) -> bool {
    match node {
        Node::Block(block) => {
            let Ok(at) = block.search(key, member) else {
                return false;
            };
            block.remove(at);
            true
        }
        Node::Branch(branch) => {
            let branch = Arc::make_mut(branch);
            let at = branch.choose(key, member);
            if !remove_below(branch.child_mut(at), key, member, bytes) {
                return false;
            }
            branch.counts[at] -= 1;
            tidy(branch, at, bytes);
            true
        }
    }
}

/// Lets the child at `at` go if it is empty, and join or borrow from a neighbour if it has become small.
/// Answers whether anything was done to the children of `branch`.
fn tidy(branch: &mut Branch, at: usize, bytes: &mut usize) -> bool {
    if branch.counts[at] == 0 {
        branch.remove(at..at + 1, &mut |node| *bytes -= node.bytes_below());
        return true;
    }
    match branch.child_mut(at) {
        Node::Block(block) => {
            if block.is_sparse() {
                let after = Some(at).filter(|at| at + 1 < branch.len());
                for left in after.into_iter().chain(at.checked_sub(1)) {
                    if join_blocks(branch, left, bytes) {
                        return true;
                    }
                }
            }
            if let Node::Block(block) = branch.child_mut(at) {
                let before = block.allocated_bytes();
                block.shrink();
                *bytes = *bytes + block.allocated_bytes() - before;
            }
            false
        }
        Node::Branch(child) => {
            let is_small = child.len() < CHILDREN_MIN && branch.len() > 1;
            if is_small {
                let left = if at + 1 < branch.len() { at } else { at - 1 };
                even_out(branch, left, bytes);
            }
            is_small
        }
    }
}

/// Joins the blocks at `left` and after it if they fit.
fn join_blocks(branch: &mut Branch, left: usize, bytes: &mut usize) -> bool {
    let (Node::Block(one), Node::Block(two)) = (branch.child(left), branch.child(left + 1)) else {
        return false;
    };
    let Some(joined) = one.joined(two) else {
        return false;
    };
    *bytes = *bytes + joined.allocated_bytes() - one.allocated_bytes() - two.allocated_bytes();
    branch.counts[left] += branch.counts[left + 1];
    branch.remove(left + 1..left + 2, &mut drop);
    *branch.child_mut(left) = Node::Block(joined);
    true
}

/// Makes one branch of the branches at `left` and after it, or two of equal size.
fn even_out(branch: &mut Branch, left: usize, bytes: &mut usize) {
    let separator = branch.separator(left + 1);
    let mut second = None;
    branch.remove(left + 1..left + 2, &mut |node| second = Some(node));
    let (Some(Node::Branch(mut two)), Node::Branch(one)) = (second, branch.child_mut(left)) else {
        unreachable!("children have one depth");
    };
    let one = Arc::make_mut(one);
    let mut children = one.take_children();
    let moved = children.len();
    children.append(&mut Arc::make_mut(&mut two).take_children());
    if let Some(first) = children.get_mut(moved) {
        first.separator = separator;
    }
    let right = if children.len() <= FANOUT / 4 * 3 {
        Vec::new()
    } else {
        children.split_off(children.len() / 2)
    };
    *one = Branch::new(children);
    branch.counts[left] = match branch.child(left) {
        Node::Branch(one) => one.count(),
        Node::Block(_) => unreachable!("it was just seen"),
    };
    if right.is_empty() {
        *bytes -= Branch::BYTES;
        return;
    }
    let right = Branch::new(right);
    let child = Child {
        separator: right.separator(0),
        count: right.count(),
        node: Node::Branch(Arc::new(right)),
    };
    branch.insert(left + 1, child);
}

/// Removes the elements `ranks` below `node`, not all of them. May leave small nodes along the cut.
fn cut(node: &mut Node, ranks: Range<u64>, bytes: &mut usize) {
    match node {
        Node::Block(block) => {
            let before = block.allocated_bytes();
            let (start, end) = (ranks.start as usize, ranks.end as usize);
            if end - start <= FEW {
                (start..end).rev().for_each(|at| block.remove(at));
            } else {
                let rest = block
                    .elements(0..start)
                    .chain(block.elements(end..block.len()));
                *block = Block::build(rest);
            }
            *bytes = *bytes + block.allocated_bytes() - before;
        }
        Node::Branch(branch) => {
            let branch = Arc::make_mut(branch);
            let mut start = 0;
            let mut whole = 0..0;
            for at in 0..branch.len() {
                let count = branch.counts[at];
                let from = ranks.start.clamp(start, start + count) - start;
                let to = ranks.end.clamp(start, start + count) - start;
                start += count;
                if to - from == count {
                    whole = if whole.is_empty() { at } else { whole.start }..at + 1;
                } else if from < to {
                    cut(branch.child_mut(at), from..to, bytes);
                    branch.counts[at] -= to - from;
                }
            }
            branch.remove(whole, &mut |node| *bytes -= node.bytes_below());
        }
    }
}

/// Tidies the nodes above the element at `rank`, from below. Answers whether anything was done.
fn repair(node: &mut Node, rank: u64, bytes: &mut usize) -> bool {
    let Node::Branch(branch) = node else {
        return false;
    };
    let branch = Arc::make_mut(branch);
    let (at, below) = branch.choose_rank(rank);
    let deeper = repair(branch.child_mut(at), below, bytes);
    tidy(branch, at, bytes) || deeper
}

impl SkipList {
    /// Inserts an element; false, and nothing changed, if one with its key and member is there. O(log n).
    pub(crate) fn insert(&mut self, element: Element<'_>) -> bool {
        let Some(root) = &mut self.root else {
            let block = Block::build(std::iter::once(element));
            self.bytes = block.allocated_bytes();
            self.root = Some(Node::Block(block));
            self.len = 1;
            return true;
        };
        let mut insertion = Insertion {
            element,
            coin: &mut self.coin,
            bytes: &mut self.bytes,
        };
        let ends = Ends {
            is_first: true,
            is_last: true,
        };
        let Some(added) = insertion.below(root, ends) else {
            return false;
        };
        self.len += 1;
        if !added.is_empty() {
            let moved: u64 = added.iter().map(|child| child.count).sum();
            let branch = Arc::new(Branch::new(added));
            self.bytes += Branch::BYTES;
            let first = Child {
                separator: Separator::none(),
                count: self.len - moved,
                node: std::mem::replace(root, Node::Branch(branch)),
            };
            if let Node::Branch(branch) = root {
                Arc::make_mut(branch).insert(0, first);
            }
        }
        true
    }

    /// Removes an element; false if it is not there. O(log n).
    pub(crate) fn remove(&mut self, key: u64, member: &[u8]) -> bool {
        let Some(root) = &mut self.root else {
            return false;
        };
        if !remove_below(root, key, member, &mut self.bytes) {
            return false;
        }
        self.len -= 1;
        self.settle();
        true
    }

    /// Removes the elements with these ranks, clamped to those there are. O(log n) and the work of letting
    /// them go.
    pub(crate) fn remove_range(&mut self, ranks: Range<u64>) {
        let end = ranks.end.min(self.len);
        let ranks = ranks.start.min(end)..end;
        if ranks.is_empty() {
            return;
        }
        self.len -= ranks.end - ranks.start;
        if self.len == 0 {
            self.settle();
            return;
        }
        if let Some(root) = &mut self.root {
            cut(root, ranks.clone(), &mut self.bytes);
        }
        for rank in [ranks.start.checked_sub(1), Some(ranks.start)] {
            // Each turn joins two nodes or evens two out for good.
            while let (Some(rank), Some(root)) = (rank, &mut self.root) {
                let done = rank >= self.len || !repair(root, rank, &mut self.bytes);
                self.settle();
                if done {
                    break;
                }
            }
        }
    }

    /// Lets go of a root that has nothing to choose between.
    fn settle(&mut self) {
        if self.len == 0 {
            self.root = None;
            self.bytes = 0;
            return;
        }
        while let Some(Node::Branch(branch)) = &self.root {
            if branch.len() > 1 {
                return;
            }
            let only = branch.child(0).clone();
            self.root = Some(only);
            self.bytes -= Branch::BYTES;
        }
        if let Some(Node::Block(block)) = &mut self.root {
            let before = block.allocated_bytes();
            block.shrink();
            self.bytes = self.bytes + block.allocated_bytes() - before;
        }
    }
}
