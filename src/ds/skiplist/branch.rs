//! A branch: the children of one stretch of a skip list, with how many elements each has and where it
//! begins.
//!
//! Invariants:
//! 1. Every element before child `i > 0` is below its separator, every element from there on is not; if
//!    the separator is not exact that holds for the prefix only, equality allowed on both sides, and the
//!    child's first element decides. The separator of child 0 means nothing.
//! 2. `counts[i]` is the number of elements below child `i`, and is not 0.
//! 3. Children below one branch have the same depth.
//!
//! Called by the list only.

use std::cmp::Ordering;
use std::hint::black_box;
use std::sync::Arc;

use super::Element;
use super::block::Block;
use crate::ds::census::Census;
use crate::ds::config::{FANOUT, LINE, PREFIX_BYTES};

/// Fewer children than this and a branch seeks a neighbour's.
pub(super) const CHILDREN_MIN: usize = FANOUT / 4;

/// A node of the tree.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Block(Block),
    Branch(Arc<Branch>),
}

/// Where a child begins: a key and the beginning of a member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Separator {
    pub(super) key: u64,
    prefix: Prefix,
}

#[derive(Clone, Copy, Debug)]
struct Prefix {
    len: u8,
    /// Whether the prefix alone decides.
    is_exact: bool,
    bytes: [u8; PREFIX_BYTES],
}

impl Separator {
    /// Between two elements: as short as tells them apart.
    pub(super) fn between(before: Element<'_>, after: Element<'_>) -> Self {
        let needed = if before.key < after.key {
            0
        } else {
            let pairs = before.member.iter().zip(after.member);
            pairs.take_while(|(a, b)| a == b).count() + 1
        };
        let len = needed.min(PREFIX_BYTES).min(after.member.len());
        let mut prefix = Prefix {
            len: len as u8,
            is_exact: needed <= PREFIX_BYTES,
            bytes: [0; PREFIX_BYTES],
        };
        prefix.bytes[..len].copy_from_slice(&after.member[..len]);
        Self {
            key: after.key,
            prefix,
        }
    }

    /// One that nothing looks at.
    pub(super) fn none() -> Self {
        Self {
            key: 0,
            prefix: Prefix {
                len: 0,
                is_exact: true,
                bytes: [0; PREFIX_BYTES],
            },
        }
    }
}

/// A child outside its branch.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) separator: Separator,
    pub(super) count: u64,
    pub(super) node: Node,
}

/// Up to `FANOUT` children.
#[derive(Debug)]
pub(super) struct Branch {
    len: usize,
    keys: [u64; FANOUT],
    pub(super) counts: [u64; FANOUT],
    prefixes: [Prefix; FANOUT],
    children: [Option<Node>; FANOUT],
}

impl Clone for Branch {
    fn clone(&self) -> Self {
        // Counting a reference waits for the child's cache line: ask for all before waiting for one.
        let children = self.children[..self.len].iter().flatten();
        children.for_each(Node::prefetch);
        Self {
            len: self.len,
            keys: self.keys,
            counts: self.counts,
            prefixes: self.prefixes,
            // Written in place: the clone of an array is made beside it first.
            children: std::array::from_fn(|at| self.children[at].clone()),
        }
    }
}

impl Node {
    fn prefetch(&self) {
        match self {
            Self::Block(block) => block.prefetch(),
            // A load does as well: these are few and at hand.
            Self::Branch(branch) => {
                black_box(Arc::strong_count(branch));
            }
        }
    }

    /// The first element below.
    pub(super) fn first(&self) -> Element<'_> {
        let mut node = self;
        loop {
            match node {
                Self::Block(block) => return block.get(0),
                Self::Branch(branch) => node = branch.child(0),
            }
        }
    }

    /// Whether it is a block of one element that shares none.
    pub(super) fn is_alone(&self) -> bool {
        match self {
            Self::Block(block) => block.is_alone(),
            Self::Branch(_) => false,
        }
    }

    /// The bytes of this node's own allocation.
    pub(super) fn allocated_bytes(&self) -> usize {
        match self {
            Self::Block(block) => block.allocated_bytes(),
            Self::Branch(_) => Branch::BYTES,
        }
    }

    /// What goes with this node and whatever the census has seen.
    pub(super) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        match self {
            Self::Block(block) if block.is_last(census) => self.allocated_bytes(),
            Self::Branch(branch) if census.is_last(branch) => {
                let children = branch.children[..branch.len].iter().flatten();
                let below: usize = children.map(|node| node.exclusive_bytes(census)).sum();
                self.allocated_bytes() + below
            }
            Self::Block(_) | Self::Branch(_) => 0,
        }
    }

    /// The bytes of this node and of every node below.
    pub(super) fn bytes_below(&self) -> usize {
        self.allocated_bytes()
            + match self {
                Self::Block(_) => 0,
                Self::Branch(branch) => {
                    let children = branch.children[..branch.len].iter().flatten();
                    children.map(Self::bytes_below).sum()
                }
            }
    }
}

impl Branch {
    /// The bytes of its allocation.
    pub(super) const BYTES: usize = size_of::<Self>() + 24;

    /// A branch of these children, at most `FANOUT`.
    pub(super) fn new(children: impl IntoIterator<Item = Child>) -> Self {
        let mut branch = Self {
            len: 0,
            keys: [0; FANOUT],
            counts: [0; FANOUT],
            prefixes: [Separator::none().prefix; FANOUT],
            children: [const { None }; FANOUT],
        };
        for child in children {
            branch.insert(branch.len, child);
        }
        branch
    }

    /// Children.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The child at `at`, which is below `len()`.
    #[inline]
    pub(super) fn child(&self, at: usize) -> &Node {
        match &self.children[at] {
            Some(child) => child,
            None => unreachable!("children are dense"),
        }
    }

    /// As [`child`](Self::child), for change.
    #[inline]
    pub(super) fn child_mut(&mut self, at: usize) -> &mut Node {
        match &mut self.children[at] {
            Some(child) => child,
            None => unreachable!("children are dense"),
        }
    }

    /// Whether child `at > 0` begins at or before this element.
    #[inline]
    fn begins_by(&self, at: usize, key: u64, member: &[u8]) -> bool {
        if self.keys[at] != key {
            return self.keys[at] < key;
        }
        let prefix = &self.prefixes[at];
        let beginning = &prefix.bytes[..usize::from(prefix.len)];
        let head = &member[..member.len().min(beginning.len())];
        match head.cmp(beginning) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => {
                prefix.is_exact || {
                    let first = self.child(at).first();
                    (first.key, first.member) <= (key, member)
                }
            }
        }
    }

    /// The child that has this element, or would have it.
    #[inline]
    pub(super) fn choose(&self, key: u64, member: &[u8]) -> usize {
        // A search waits for one cache line after the other; these loads fetch them all at once.
        let lines = self.keys[..self.len].iter().step_by(LINE / 8);
        black_box(lines.fold(0, |sum, key| sum ^ key));
        let (mut low, mut high) = (1, self.len);
        while low < high {
            let middle = (low + high) / 2;
            if self.begins_by(middle, key, member) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low - 1
    }

    /// The child that has the element at `rank`, and the rank below it; the last child if there is none.
    #[inline]
    pub(super) fn choose_rank(&self, rank: u64) -> (usize, u64) {
        let mut rest = rank;
        for at in 0..self.len - 1 {
            if rest < self.counts[at] {
                return (at, rest);
            }
            rest -= self.counts[at];
        }
        (self.len - 1, rest)
    }

    /// Elements below the children before `at`.
    #[inline]
    pub(super) fn count_before(&self, at: usize) -> u64 {
        self.counts[..at].iter().sum()
    }

    /// Elements below.
    pub(super) fn count(&self) -> u64 {
        self.count_before(self.len)
    }

    pub(super) fn separator(&self, at: usize) -> Separator {
        Separator {
            key: self.keys[at],
            prefix: self.prefixes[at],
        }
    }

    pub(super) fn set_separator(&mut self, at: usize, separator: Separator) {
        self.keys[at] = separator.key;
        self.prefixes[at] = separator.prefix;
    }

    /// Puts a child at `at`; there is room.
    pub(super) fn insert(&mut self, at: usize, child: Child) {
        let len = self.len;
        self.keys.copy_within(at..len, at + 1);
        self.counts.copy_within(at..len, at + 1);
        self.prefixes.copy_within(at..len, at + 1);
        self.children[at..=len].rotate_right(1);
        self.set_separator(at, child.separator);
        self.counts[at] = child.count;
        self.children[at] = Some(child.node);
        self.len += 1;
    }

    /// Takes the children `range` out and hands over their nodes.
    pub(super) fn remove(&mut self, range: std::ops::Range<usize>, gone: &mut dyn FnMut(Node)) {
        let (len, gap) = (self.len, range.len());
        for child in &mut self.children[range.clone()] {
            child.take().into_iter().for_each(&mut *gone);
        }
        self.keys.copy_within(range.end..len, range.start);
        self.counts.copy_within(range.end..len, range.start);
        self.prefixes.copy_within(range.end..len, range.start);
        self.children[range.start..len].rotate_left(gap);
        self.len -= gap;
    }

    /// All children, taken out.
    pub(super) fn take_children(&mut self) -> Vec<Child> {
        let mut children = Vec::with_capacity(FANOUT + 2);
        for at in 0..self.len {
            if let Some(node) = self.children[at].take() {
                children.push(Child {
                    separator: self.separator(at),
                    count: self.counts[at],
                    node,
                });
            }
        }
        self.len = 0;
        children
    }

    /// Asserts that the separator of every child but the first divides what is before from what is not.
    #[cfg(any(test, fuzzing))]
    pub(super) fn check_separator(&self, at: usize, last_before: Element<'_>) {
        let first = self.child(at).first();
        assert!(self.begins_by(at, first.key, first.member), "begins late");
        let (key, member) = (last_before.key, last_before.member);
        assert!(!self.begins_by(at, key, member), "begins early");
    }
}
