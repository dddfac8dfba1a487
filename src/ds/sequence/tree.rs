//! The counted tree of a sequence: pieces (chunks, and long items alone) below nodes that know how many
//! items each child has.
//!
//! All pieces lie at height 0. Every change of structure is one of three: children of a node are replaced
//! and the node is built anew ([`arrange`]), two trees are joined, or a tree is split. Each copies what
//! a clone shares on its path, and nothing else.
//!
//! Invariants:
//! 1. A node of height h has children of height h - 1; below the root at least half of
//!    [`SEQUENCE_FANOUT`] of them, at the root at least two.
//! 2. `lens`, `len` and `bytes` of a node are exact; `ends[i]` is the number of items in its children up
//!    to number i, or `i32::MAX` past that number and for children that are not there.
//! 3. Two chunks next to each other below one node would not fit into half a chunk
//!    ([`Chunk::should_join`]); no chunk is empty.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::chunk::Chunk;
use crate::ds::census::Census;
use crate::ds::config::{CHUNK_ITEM_MAX, SEQUENCE_FANOUT as FANOUT};

/// The fewest children of a node that is not the root.
const FEWEST: usize = FANOUT / 2;
/// A child is found in two steps: its group, and its place there.
const GROUP: usize = if FANOUT.is_multiple_of(8) { 8 } else { 2 };
/// The reference counts in front of what an `Arc` holds.
const ARC_HEADER_BYTES: usize = 16;

/// A tree, or a child of a node.
#[derive(Clone, Default)]
pub(super) enum Tree {
    #[default]
    Empty,
    /// Short items.
    Chunk(Chunk),
    /// One item that is too long for a chunk.
    Long(Arc<[u8]>),
    Node(Arc<Node>),
}

/// A chunk's form lies beside its address and costs a child no room.
const _: () = assert!(size_of::<Tree>() == 24);

#[derive(Clone)]
pub(super) struct Node {
    height: u32,
    used: usize,
    len: u64,
    bytes: usize,
    ends: [i32; FANOUT],
    lens: [u64; FANOUT],
    children: [Tree; FANOUT],
}

/// A change at one place.
#[derive(Clone, Copy)]
pub(super) enum Edit<'a> {
    /// In front of the item there.
    Insert(&'a [u8]),
    /// So many items from there on, but not a whole piece of more than one item.
    Remove(usize),
    /// The item there.
    Set(&'a [u8]),
}

/// What an edit did to a subtree.
enum Outcome {
    /// Its root is what it was; it has perhaps become too small for its place.
    Done,
    /// These are to stand in its place.
    Replaced(Vec<Tree>),
}

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

impl Tree {
    pub(super) fn of_item(item: &[u8]) -> Self {
        if item.len() > CHUNK_ITEM_MAX {
            Self::Long(Arc::from(item))
        } else {
            Self::Chunk(Chunk::of(item, false, End::Last))
        }
    }

    /// How many items.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Chunk(chunk) => chunk.count() as u64,
            Self::Long(_) => 1,
            Self::Node(node) => node.len,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The heap bytes below.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Chunk(chunk) => chunk.memory_bytes(),
            Self::Long(item) => ARC_HEADER_BYTES + item.len().next_multiple_of(8),
            Self::Node(node) => node.bytes,
        }
    }

    /// What goes with this tree and whatever the census has seen.
    pub(super) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        match self {
            Self::Chunk(chunk) => chunk.exclusive_bytes(census),
            Self::Long(item) if census.is_last(item) => self.memory_bytes(),
            Self::Node(node) if census.is_last(node) => {
                let children = node.children[..node.used].iter();
                let below: usize = children.map(|tree| tree.exclusive_bytes(census)).sum();
                ARC_HEADER_BYTES + size_of::<Node>() + below
            }
            Self::Empty | Self::Long(_) | Self::Node(_) => 0,
        }
    }

    /// Whether both are one allocation, read alike.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, Self::Empty) => true,
            (Self::Chunk(one), Self::Chunk(two)) => one.is_same(two),
            (Self::Long(one), Self::Long(two)) => Arc::ptr_eq(one, two),
            (Self::Node(one), Self::Node(two)) => Arc::ptr_eq(one, two),
            (Self::Empty | Self::Chunk(_) | Self::Long(_) | Self::Node(_), _) => false,
        }
    }

    /// The subtrees, in order, if it has any.
    pub(super) fn children(&self) -> Option<&[Tree]> {
        match self {
            Self::Node(node) => Some(&node.children[..node.used]),
            Self::Empty | Self::Chunk(_) | Self::Long(_) => None,
        }
    }

    fn height(&self) -> u32 {
        match self {
            Self::Empty | Self::Chunk(_) | Self::Long(_) => 0,
            Self::Node(node) => node.height,
        }
    }

    /// Whether it may not stay below a node for want of children.
    fn is_small(&self) -> bool {
        matches!(self, Self::Node(node) if node.used < FEWEST)
    }

    /// The piece that holds item `at`, and the number of its first item.
    #[inline]
    pub(super) fn piece_at(&self, at: u64) -> Option<(&Tree, u64)> {
        let mut tree = self;
        let mut start = 0;
        while let Self::Node(node) = tree {
            let (i, before) = node.find(at - start);
            tree = &node.children[i];
            start += before;
        }
        (at < start + tree.len()).then_some((tree, start))
    }

    /// Changes what lies at item `at`, which is there.
    pub(super) fn edit(&mut self, at: u64, edit: Edit<'_>) {
        if let Outcome::Replaced(trees) = self.edit_below(at, edit) {
            *self = root_of(trees, 0..usize::MAX);
        }
        self.lower();
    }

    fn edit_below(&mut self, at: u64, edit: Edit<'_>) -> Outcome {
        match self {
            Self::Empty => Outcome::Done,
            Self::Node(node) => Arc::make_mut(node).edit(at, edit),
            Self::Chunk(chunk) => edit_chunk(chunk, at as usize, edit),
            Self::Long(_) => match edit {
                Edit::Insert(item) => Outcome::Replaced(vec![Self::of_item(item), self.take()]),
                Edit::Remove(_) => Outcome::Replaced(Vec::new()),
                Edit::Set(item) => {
                    *self = Self::of_item(item);
                    Outcome::Done
                }
            },
        }
    }

    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// A root with one child is that child.
    fn lower(&mut self) {
        while let Self::Node(node) = self {
            if node.used > 1 {
                return;
            }
            let child = Arc::make_mut(node).children[0].take();
            *self = child;
        }
    }

    /// The first or last piece.
    pub(super) fn edge(&self, end: End) -> &Tree {
        let mut tree = self;
        while let Self::Node(node) = tree {
            tree = &node.children[node.at(end)];
        }
        tree
    }

    /// Takes the first or last piece out.
    pub(super) fn take_edge(&mut self, end: End) -> Self {
        let Self::Node(node) = self else {
            return self.take();
        };
        let piece = Arc::make_mut(node).take_edge(end);
        self.lower();
        piece
    }

    /// This and then `right`.
    pub(super) fn join(self, right: Self) -> Self {
        match (self, right) {
            (Self::Empty, tree) | (tree, Self::Empty) => tree,
            (left, right) => match join(left, right) {
                (one, None) => one,
                (left, Some(right)) => root_of(vec![left, right], 0..0),
            },
        }
    }

    /// The items before number `at`, and the rest.
    pub(super) fn split(self, at: u64) -> (Self, Self) {
        if at == 0 {
            return (Self::Empty, self);
        }
        if at >= self.len() {
            return (self, Self::Empty);
        }
        match self {
            Self::Empty | Self::Long(_) => (self, Self::Empty),
            Self::Chunk(chunk) => {
                let (left, right) = chunk.split(at as usize);
                (Self::Chunk(left), Self::Chunk(right))
            }
            Self::Node(mut node) => {
                let (i, before) = node.find(at);
                let mut children = Arc::make_mut(&mut node).take_children();
                let right = children.split_off(i + 1);
                let middle = children.pop().unwrap_or_default();
                let (inner_left, inner_right) = middle.split(at - before);
                let left = root_of(children, 0..0).join(inner_left);
                (left, inner_right.join(root_of(right, 0..0)))
            }
        }
    }
}

fn edit_chunk(chunk: &mut Chunk, at: usize, edit: Edit<'_>) -> Outcome {
    let item = match edit {
        Edit::Remove(count) if chunk.count() == count => return Outcome::Replaced(Vec::new()),
        Edit::Remove(count) => {
            chunk.remove(at, at + count);
            chunk.shrink();
            return Outcome::Done;
        }
        Edit::Set(item) if chunk.replace(at, item) => return Outcome::Done,
        Edit::Set(item) if chunk.count() == 1 => {
            return Outcome::Replaced(vec![Tree::of_item(item)]);
        }
        Edit::Set(item) => {
            chunk.remove(at, at + 1);
            item
        }
        Edit::Insert(item) => item,
    };
    if chunk.insert(at, item) {
        return Outcome::Done;
    }
    if item.len() <= CHUNK_ITEM_MAX {
        let middle = chunk.middle();
        let (mut left, mut right) = chunk.split(middle);
        let fits = if at <= middle {
            left.insert(at, item)
        } else {
            right.insert(at - middle, item)
        };
        if fits {
            let halves = [left, right].into_iter().filter(|half| half.count() > 0);
            return Outcome::Replaced(halves.map(Tree::Chunk).collect());
        }
    }
    // Alone: it is too long for a chunk, or it is of another length than many short ones, which would
    // not fit into half a chunk with their lengths and positions.
    let (left, right) = chunk.split(at);
    let mut trees = Vec::with_capacity(3);
    trees.extend((left.count() > 0).then_some(Tree::Chunk(left)));
    trees.push(Tree::of_item(item));
    trees.extend((right.count() > 0).then_some(Tree::Chunk(right)));
    Outcome::Replaced(trees)
}

/// A root over trees of one height; `near` as for [`arrange`].
fn root_of(mut trees: Vec<Tree>, near: Range<usize>) -> Tree {
    while trees.len() > 1 {
        trees = arrange(trees, near.clone());
    }
    trees.pop().unwrap_or_default()
}

/// Nodes over these children, each with enough of them if there are enough in all. Where children have
/// become neighbours or smaller, `near` says: there chunks are joined, and nodes that are too small
/// share with a neighbour.
fn arrange(mut children: Vec<Tree>, near: Range<usize>) -> Vec<Tree> {
    let mut i = near.start.saturating_sub(1);
    let mut end = near.end;
    while i + 1 < children.len() && i < end {
        let merged = match (&children[i], &children[i + 1]) {
            (Tree::Chunk(left), Tree::Chunk(right)) if left.should_join(right) => {
                Some((Tree::Chunk(left.join(right)), None))
            }
            (left, right) if left.is_small() || right.is_small() => {
                let (left, right) = (children[i].take(), children[i + 1].take());
                Some(join(left, right))
            }
            _ => None,
        };
        match merged {
            Some((one, None)) => {
                children[i] = one;
                children.remove(i + 1);
                end = end.saturating_sub(1).max(i + 1);
            }
            Some((left, Some(right))) => {
                children[i] = left;
                children[i + 1] = right;
                i += 1;
            }
            None => i += 1,
        }
    }
    let count = children.len();
    if count == 0 {
        return Vec::new();
    }
    let nodes = count.div_ceil(FANOUT);
    let mut children = children.into_iter();
    (0..nodes)
        .map(|i| {
            let share = count * (i + 1) / nodes - count * i / nodes;
            Tree::Node(Arc::new(Node::over(children.by_ref().take(share))))
        })
        .collect()
}

/// Joins two trees that are not empty into one or two of the height of the higher.
fn join(left: Tree, right: Tree) -> (Tree, Option<Tree>) {
    match (left.height().cmp(&right.height()), left, right) {
        (Ordering::Equal, Tree::Node(mut left), Tree::Node(mut right)) => {
            let mut children = Arc::make_mut(&mut left).take_children();
            let seam = children.len();
            children.append(&mut Arc::make_mut(&mut right).take_children());
            one_or_two(arrange(children, seam..seam))
        }
        (Ordering::Greater, Tree::Node(mut node), right) => {
            let more = Arc::make_mut(&mut node).join_at(End::Last, right);
            (Tree::Node(node), more)
        }
        (Ordering::Less, left, Tree::Node(mut node)) => {
            match Arc::make_mut(&mut node).join_at(End::First, left) {
                Some(more) => (more, Some(Tree::Node(node))),
                None => (Tree::Node(node), None),
            }
        }
        (_, Tree::Chunk(left), Tree::Chunk(right)) if left.should_join(&right) => {
            (Tree::Chunk(left.join(&right)), None)
        }
        (_, left, right) => (left, Some(right)),
    }
}

fn one_or_two(trees: Vec<Tree>) -> (Tree, Option<Tree>) {
    let mut trees = trees.into_iter();
    (trees.next().unwrap_or_default(), trees.next())
}

/// A number of items as `ends` keeps it.
fn end_of(items: u64) -> i32 {
    i32::try_from(items).unwrap_or(i32::MAX)
}

impl Node {
    fn over(trees: impl Iterator<Item = Tree>) -> Self {
        let mut node = Self {
            height: 0,
            used: 0,
            len: 0,
            bytes: ARC_HEADER_BYTES + size_of::<Self>(),
            ends: [i32::MAX; FANOUT],
            lens: [0; FANOUT],
            children: [const { Tree::Empty }; FANOUT],
        };
        for tree in trees {
            node.push(tree);
        }
        node
    }

    /// Adds a child at the end; there is room.
    fn push(&mut self, tree: Tree) {
        self.height = tree.height() + 1;
        self.lens[self.used] = tree.len();
        self.len += tree.len();
        self.ends[self.used] = end_of(self.len);
        self.bytes += tree.memory_bytes();
        self.children[self.used] = tree;
        self.used += 1;
    }

    /// The child that holds item `at` (the last one if there is none), and the items before it.
    #[inline]
    fn find(&self, at: u64) -> (usize, u64) {
        if self.len >= i32::MAX as u64 {
            return self.find_far(at);
        }
        // No branch depends on the position: that would be mispredicted at every level.
        let at = end_of(at);
        let groups = self.ends.as_chunks::<GROUP>().0;
        let (_, firsts) = groups.split_last().unwrap_or((&[0; GROUP], &[]));
        let group: usize = firsts
            .iter()
            .map(|ends| usize::from(ends[GROUP - 1] <= at))
            .sum();
        let within: i32 = groups[group].iter().map(|&end| i32::from(end <= at)).sum();
        let i = (group * GROUP + within as usize).min(self.used.saturating_sub(1));
        let before = if i == 0 { 0 } else { self.ends[i - 1] };
        (i, before as u64)
    }

    /// [`find`](Self::find) for any length.
    #[cold]
    fn find_far(&self, at: u64) -> (usize, u64) {
        let mut before = 0;
        let last = self.used - 1;
        for (i, len) in self.lens[..last].iter().enumerate() {
            if at < before + len {
                return (i, before);
            }
            before += len;
        }
        (last, before)
    }

    /// Makes `ends` agree with `lens` from child `i` on.
    fn count_from(&mut self, i: usize) {
        let mut end: u64 = self.lens[..i].iter().sum();
        for (len, slot) in self.lens[i..self.used].iter().zip(&mut self.ends[i..]) {
            end += len;
            *slot = end_of(end);
        }
        self.ends[self.used..].fill(i32::MAX);
    }

    fn at(&self, end: End) -> usize {
        match end {
            End::First => 0,
            End::Last => self.used - 1,
        }
    }

    /// Empties the node.
    fn take_children(&mut self) -> Vec<Tree> {
        let children = &mut self.children[..self.used];
        let taken = children.iter_mut().map(Tree::take).collect();
        *self = Self {
            height: self.height,
            ..Self::over(std::iter::empty())
        };
        taken
    }

    /// Puts `tree` where a child was, whose items and bytes are given.
    fn put(&mut self, i: usize, tree: Tree, old_bytes: usize) {
        let (old_len, len) = (self.lens[i], tree.len());
        self.bytes = self.bytes - old_bytes + tree.memory_bytes();
        self.children[i] = tree;
        if len != old_len {
            self.len = self.len - old_len + len;
            self.lens[i] = len;
            self.count_from(i);
        }
    }

    fn edit(&mut self, at: u64, edit: Edit<'_>) -> Outcome {
        let (i, before) = self.find(at);
        let mut child = self.children[i].take();
        let old_bytes = child.memory_bytes();
        let outcome = child.edit_below(at - before, edit);
        let replaced = match outcome {
            Outcome::Done => {
                self.put(i, child, old_bytes);
                if matches!(edit, Edit::Insert(_)) || !self.is_crowded(i) {
                    return Outcome::Done;
                }
                vec![self.children[i].take()]
            }
            Outcome::Replaced(trees) => trees,
        };
        let near = i..i + replaced.len();
        let mut children = self.take_children();
        children.splice(i..=i, replaced);
        let mut nodes = arrange(children, near);
        match nodes.pop() {
            // One node again: it stays where it is.
            Some(Tree::Node(only)) if nodes.is_empty() => {
                *self = Arc::unwrap_or_clone(only);
                Outcome::Done
            }
            last => {
                nodes.extend(last);
                Outcome::Replaced(nodes)
            }
        }
    }

    /// Whether child `i` is too small to stay as it is.
    fn is_crowded(&self, i: usize) -> bool {
        let joins = |left: usize| match (self.children.get(left), self.children.get(left + 1)) {
            (Some(Tree::Chunk(left)), Some(Tree::Chunk(right))) => left.should_join(right),
            _ => false,
        };
        (self.children[i].is_small() && self.used > 1) || joins(i) || (i > 0 && joins(i - 1))
    }

    fn take_edge(&mut self, end: End) -> Tree {
        let i = self.at(end);
        let mut child = self.children[i].take();
        let old_bytes = child.memory_bytes();
        let Tree::Node(below) = &mut child else {
            if end == End::First {
                // The rest moves up; cheaper than to build the node anew.
                self.children[..self.used].rotate_left(1);
                self.lens[..self.used].rotate_left(1);
            }
            self.used -= 1;
            self.len -= self.lens[self.used];
            self.lens[self.used] = 0;
            self.bytes -= old_bytes;
            self.count_from(0);
            return child;
        };
        let piece = Arc::make_mut(below).take_edge(end);
        self.put(i, child, old_bytes);
        if self.children[i].is_small() && self.used > 1 {
            let children = self.take_children();
            if let Some(Tree::Node(node)) = arrange(children, i..i + 1).pop() {
                *self = Arc::unwrap_or_clone(node);
            }
        }
        piece
    }

    /// Joins a lower tree to one end; answers what has to stand beside this node on that side.
    fn join_at(&mut self, end: End, tree: Tree) -> Option<Tree> {
        let i = self.at(end);
        let child = self.children[i].take();
        let old_bytes = child.memory_bytes();
        let (left, right) = match end {
            End::First => join(tree, child),
            End::Last => join(child, tree),
        };
        let Some(right) = right else {
            self.put(i, left, old_bytes);
            return None;
        };
        let (kept, new) = match end {
            End::First => (right, left),
            End::Last => (left, right),
        };
        self.put(i, kept, old_bytes);
        if self.used < FANOUT {
            self.push(new);
            if end == End::First {
                self.children[..self.used].rotate_right(1);
                self.lens[..self.used].rotate_right(1);
                self.count_from(0);
            }
            return None;
        }
        let mut children = self.take_children();
        match end {
            End::First => children.insert(0, new),
            End::Last => children.push(new),
        }
        // One child too many: two nodes.
        let nodes = arrange(children, 0..0);
        let (first, last) = one_or_two(nodes);
        let (mine, more) = match end {
            End::First => (last.unwrap_or_default(), first),
            End::Last => (first, last.unwrap_or_default()),
        };
        if let Tree::Node(node) = mine {
            *self = Arc::unwrap_or_clone(node);
        }
        Some(more)
    }

    #[cfg(test)]
    fn check_invariants(&self, is_root: bool) {
        let fewest = if is_root { 2 } else { FEWEST };
        assert!(
            self.used >= fewest,
            "{} children, root: {is_root}",
            self.used
        );
        let children = &self.children[..self.used];
        for (i, child) in children.iter().enumerate() {
            assert_eq!(child.height() + 1, self.height);
            assert_eq!(child.len(), self.lens[i]);
            child.check_below(false);
        }
        assert!(
            self.children[self.used..].iter().all(Tree::is_empty),
            "left over"
        );
        assert_eq!(self.len, children.iter().map(Tree::len).sum::<u64>());
        let mut end = 0;
        for (i, &found) in self.ends.iter().enumerate() {
            end += self.lens[i];
            assert_eq!(found, if i < self.used { end_of(end) } else { i32::MAX });
        }
        for at in [0, self.len / 2, self.len - 1, self.len] {
            assert_eq!(self.find(at), self.find_far(at));
        }
        let below: usize = children.iter().map(Tree::memory_bytes).sum();
        assert_eq!(self.bytes, ARC_HEADER_BYTES + size_of::<Self>() + below);
        for pair in children.windows(2) {
            if let [Tree::Chunk(left), Tree::Chunk(right)] = pair {
                assert!(!left.should_join(right), "two small neighbours");
            }
        }
    }
}

#[cfg(test)]
impl Tree {
    pub(super) fn check_invariants(&self) {
        self.check_below(true);
    }

    fn check_below(&self, is_root: bool) {
        match self {
            Self::Empty => assert!(is_root, "an empty child"),
            Self::Chunk(chunk) => {
                chunk.check_invariants();
                assert!(chunk.count() > 0, "an empty chunk");
            }
            Self::Long(item) => assert!(item.len() > CHUNK_ITEM_MAX),
            Self::Node(node) => node.check_invariants(is_root),
        }
    }
}
