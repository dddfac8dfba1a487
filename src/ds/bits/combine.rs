//! `and`, `or`, `xor` and `not` of whole strings, and how many bits the result would have.
//!
//! The sources are walked together, subtree by subtree. What one source alone decides is shared
//! with it, not copied: a part that only one of them has (`or`, `xor`), a part that is full (`or`), a
//! part that all others fill (`and`). So the cost follows the chunks that really meet.
//!
//! Invariants:
//! 1. The result is as long as the longest source; shorter ones read as zeros past their end.
//! 2. `views[base..]` are the sources that have something in the current subtree; the ones that have
//!    nothing there are counted by their absence.

use std::sync::Arc;

use super::{Bits, CHUNK_LEN, FANOUT, Node, Slot, Tree, ZEROS, height_for, span};
use crate::ds::popcount;

/// How [`Bits::combine`] joins its sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BitOp {
    And,
    Or,
    Xor,
    /// The inverse of the first source; any others are ignored.
    Not,
}

/// What [`Bits::combine`] reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    Bits(&'a Bits),
    Bytes(&'a [u8]),
}

impl Source<'_> {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bits(bits) => bits.len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

/// What one source has in the current subtree.
#[derive(Clone, Copy)]
pub(super) enum View<'a> {
    /// A subtree with at least one bit; its height may be lower, then it is the first descendant.
    Tree(&'a Slot, u32),
    /// Not empty.
    Bytes(&'a [u8]),
}

impl<'a> View<'a> {
    pub(super) fn of(source: &Source<'a>) -> Option<Self> {
        match source {
            Source::Bits(bits) => {
                (bits.root.ones > 0).then_some(Self::Tree(&bits.root, bits.height))
            }
            Source::Bytes(bytes) => (!bytes.is_empty()).then_some(Self::Bytes(bytes)),
        }
    }

    /// What it has in slot `i` of a node of `height`.
    pub(super) fn child(self, height: u32, i: usize) -> Option<Self> {
        match self {
            Self::Tree(_, own) if own < height => (i == 0).then_some(self),
            Self::Tree(slot, own) => match &slot.tree {
                Tree::Node(node) => {
                    let slot = &node.slots[i];
                    (slot.ones > 0).then_some(Self::Tree(slot, own - 1))
                }
                Tree::Absent | Tree::Chunk(_) => None,
            },
            Self::Bytes(bytes) => {
                let below = span(height - 1);
                let start = (i as u64).saturating_mul(below);
                let rest = bytes.get(usize::try_from(start).ok()?..)?;
                let len = rest.len().min(usize::try_from(below).unwrap_or(usize::MAX));
                (len > 0).then_some(Self::Bytes(&rest[..len]))
            }
        }
    }

    pub(super) fn is_full(self, height: u32) -> bool {
        match self {
            Self::Tree(slot, own) => own == height && slot.is_full(height),
            Self::Bytes(_) => false,
        }
    }

    /// The stored bytes of a chunk.
    pub(super) fn chunk(self) -> &'a [u8] {
        match self {
            Self::Tree(slot, _) => match &slot.tree {
                Tree::Chunk(chunk) => chunk,
                Tree::Absent | Tree::Node(_) => &[],
            },
            Self::Bytes(bytes) => bytes,
        }
    }

    /// This subtree as a slot of `height`, sharing what it has.
    fn share(self, height: u32) -> Slot {
        match self {
            Self::Tree(slot, own) => {
                let mut slot = slot.clone();
                for _ in own..height {
                    slot.lift();
                }
                slot
            }
            Self::Bytes(bytes) => {
                let mut slot = Slot::default();
                slot.write(height, 0, bytes);
                slot
            }
        }
    }

    /// How many bits it has, if that is known.
    pub(super) fn cached_count(self) -> Option<u64> {
        match self {
            Self::Tree(slot, _) => Some(slot.ones),
            Self::Bytes(_) => None,
        }
    }

    /// The bit at offset `bit` of a subtree of `height`.
    pub(super) fn bit(self, height: u32, bit: u64) -> bool {
        let mut view = self;
        for height in (1..=height).rev() {
            match view.child(height, super::slot_index(bit / 8, height)) {
                Some(child) => view = child,
                None => return false,
            }
        }
        let within = (bit / 8) as usize & (CHUNK_LEN - 1);
        let byte = view.chunk().get(within);
        byte.is_some_and(|byte| byte & super::mask(bit) != 0)
    }

    fn count(self) -> u64 {
        match self {
            Self::Tree(slot, _) => slot.ones,
            Self::Bytes(bytes) => popcount::count_ones(bytes),
        }
    }
}

/// What can be said of a subtree before looking into it.
enum Verdict<'a> {
    Zeros,
    /// The result is this one's part.
    Only(View<'a>),
    /// Look into it.
    Mixed,
}

/// Drops what does not matter from `views[base..]` and says what is left to do. For `And`, every
/// source has a view.
fn judge<'a>(op: BitOp, views: &mut Vec<View<'a>>, base: usize, height: u32) -> Verdict<'a> {
    match op {
        BitOp::Or => {
            if let Some(full) = views[base..].iter().find(|view| view.is_full(height)) {
                return Verdict::Only(*full);
            }
        }
        BitOp::And => {
            let mut i = base;
            while i < views.len() && views.len() - base > 1 {
                if views[i].is_full(height) {
                    views.swap_remove(i);
                } else {
                    i += 1;
                }
            }
        }
        BitOp::Xor | BitOp::Not => {}
    }
    match views[base..] {
        [] => Verdict::Zeros,
        [only] => Verdict::Only(only),
        [..] => Verdict::Mixed,
    }
}

/// Pushes what `views[base..]` have in slot `i`; false if `op` makes that slot zeros anyway.
fn push_children(op: BitOp, views: &mut Vec<View<'_>>, base: usize, height: u32, i: usize) -> bool {
    let end = views.len();
    for k in base..end {
        match views[k].child(height, i) {
            Some(child) => views.push(child),
            None if op == BitOp::And => {
                views.truncate(end);
                return false;
            }
            None => {}
        }
    }
    views.len() > end
}

/// Joins the chunks `views` in `buffer` and answers how many of its bytes count.
fn join_chunks(op: BitOp, views: &[View<'_>], buffer: &mut [u8; CHUNK_LEN]) -> usize {
    let Some((first, others)) = views.split_first() else {
        return 0;
    };
    let first = first.chunk();
    buffer[..first.len()].copy_from_slice(first);
    let mut used = first.len();
    for view in others {
        let chunk = view.chunk();
        if op == BitOp::And {
            used = used.min(chunk.len());
            popcount::and_into(&mut buffer[..used], chunk);
            continue;
        }
        let both = used.min(chunk.len());
        if op == BitOp::Or {
            popcount::or_into(&mut buffer[..both], chunk);
        } else {
            popcount::xor_into(&mut buffer[..both], chunk);
        }
        if chunk.len() > used {
            buffer[used..chunk.len()].copy_from_slice(&chunk[used..]);
            used = chunk.len();
        }
    }
    used
}

/// The subtree that `op` makes of `views[base..]`.
fn merge(op: BitOp, views: &mut Vec<View<'_>>, base: usize, height: u32) -> Slot {
    match judge(op, views, base, height) {
        Verdict::Zeros => return Slot::default(),
        Verdict::Only(view) => return view.share(height),
        Verdict::Mixed => {}
    }
    if height == 0 {
        let mut buffer = [0; CHUNK_LEN];
        let used = join_chunks(op, &views[base..], &mut buffer);
        return chunk_slot(&buffer[..used]);
    }
    let end = views.len();
    let mut node = Node::default();
    let mut ones = 0;
    for (i, slot) in node.slots.iter_mut().enumerate() {
        if push_children(op, views, base, height, i) {
            *slot = merge(op, views, end, height - 1);
            ones += slot.ones;
            views.truncate(end);
        }
    }
    node_slot(node, ones)
}

/// How many bits `merge` would set.
fn merge_count(
    op: BitOp,
    views: &mut Vec<View<'_>>,
    base: usize,
    height: u32,
    buffer: &mut [u8; CHUNK_LEN],
) -> u64 {
    match judge(op, views, base, height) {
        Verdict::Zeros => return 0,
        Verdict::Only(view) => return view.count(),
        Verdict::Mixed => {}
    }
    if height == 0 {
        let used = join_chunks(op, &views[base..], buffer);
        return popcount::count_ones(&buffer[..used]);
    }
    let end = views.len();
    let mut ones = 0;
    for i in 0..FANOUT {
        if push_children(op, views, base, height, i) {
            ones += merge_count(op, views, end, height - 1, buffer);
            views.truncate(end);
        }
    }
    ones
}

/// The inverse of `view` over the first `len` bytes of a subtree. `full[h]` is the full subtree of
/// height `h`, made once and shared by all places that need it.
fn invert(view: Option<View<'_>>, height: u32, len: u64, full: &mut Vec<Slot>) -> Slot {
    let whole = len == span(height);
    match view {
        None if whole => return full_slot(height, full),
        Some(view) if whole && view.is_full(height) => return Slot::default(),
        Some(_) | None => {}
    }
    if height == 0 {
        let mut buffer = [0xFF; CHUNK_LEN];
        if let Some(view) = view {
            popcount::not_into(&mut buffer[..len as usize], view.chunk());
        }
        return chunk_slot(&buffer[..len as usize]);
    }
    let below = span(height - 1);
    let mut node = Node::default();
    let mut ones = 0;
    for (i, slot) in node.slots.iter_mut().enumerate() {
        let len = len
            .saturating_sub((i as u64).saturating_mul(below))
            .min(below);
        if len == 0 {
            break;
        }
        *slot = invert(
            view.and_then(|view| view.child(height, i)),
            height - 1,
            len,
            full,
        );
        ones += slot.ones;
    }
    node_slot(node, ones)
}

fn full_slot(height: u32, full: &mut Vec<Slot>) -> Slot {
    while full.len() <= height as usize {
        let next = match full.last() {
            None => chunk_slot(&[0xFF; CHUNK_LEN]),
            Some(below) => {
                let node = Node {
                    slots: std::array::from_fn(|_| below.clone()),
                    below_bytes: 0,
                };
                node_slot(node, below.ones * FANOUT as u64)
            }
        };
        full.push(next);
    }
    full[height as usize].clone()
}

fn chunk_slot(bytes: &[u8]) -> Slot {
    match popcount::count_ones(bytes) {
        0 => Slot::default(),
        ones => Slot {
            ones,
            tree: Tree::Chunk(Arc::from(bytes)),
        },
    }
}

/// A slot of a new node, whose `below_bytes` is worked out here.
fn node_slot(mut node: Node, ones: u64) -> Slot {
    node.below_bytes = node.slots.iter().map(|slot| slot.tree.bytes()).sum();
    match ones {
        0 => Slot::default(),
        ones => Slot {
            ones,
            tree: Tree::Node(Arc::new(node)),
        },
    }
}

impl Bits {
    /// Joins `sources` bit by bit. The result is as long as the longest; shorter ones read as zeros.
    /// O(chunks that meet); what one source decides alone is shared with it.
    pub(crate) fn combine(op: BitOp, sources: &[Source<'_>]) -> Self {
        if op == BitOp::Not {
            let Some(source) = sources.first() else {
                return Self::new();
            };
            let len = source.len();
            let height = height_for(len);
            let root = match len {
                0 => Slot::default(),
                _ => invert(View::of(source), height, len, &mut Vec::new()),
            };
            return Self { len, height, root };
        }
        let len = sources.iter().map(Source::len).max().unwrap_or(0);
        let height = height_for(len);
        let root = match views(op, sources) {
            Some(mut views) => merge(op, &mut views, 0, height),
            None => Slot::default(),
        };
        Self { len, height, root }
    }

    /// How many bits `combine(op, sources)` would have set, without making it.
    pub(crate) fn count_combined(op: BitOp, sources: &[Source<'_>]) -> u64 {
        let len = sources.iter().map(Source::len).max().unwrap_or(0);
        if op == BitOp::Not {
            let Some(source) = sources.first() else {
                return 0;
            };
            return source.len() * 8 - View::of(source).map_or(0, View::count);
        }
        let Some(mut views) = views(op, sources) else {
            return 0;
        };
        merge_count(op, &mut views, 0, height_for(len), &mut ZEROS.clone())
    }
}

/// The sources that have something; none if that decides an `and`.
fn views<'a>(op: BitOp, sources: &[Source<'a>]) -> Option<Vec<View<'a>>> {
    let views: Vec<_> = sources.iter().filter_map(View::of).collect();
    (op != BitOp::And || views.len() == sources.len()).then_some(views)
}
