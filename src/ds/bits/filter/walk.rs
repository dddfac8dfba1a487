//! The walk over a plan's sources: subtree by subtree down to blocks, which are joined and handed on.
//!
//! Called by [`Plan`] alone. Invariants:
//! 1. Blocks are chunks of the tree, so a source's part of a block is one slice.
//! 2. What is needed for a block was allocated when the walk began, or is kept for the next block.

use std::ops::ControlFlow;

use super::super::{CHUNK_LEN, FANOUT, range, span};
use super::{Item, Join, Left, Plan, push_child};
use crate::ds::popcount::{self, Plane};

/// What a walk's result goes to.
pub(super) trait Sink {
    /// Takes so many set bits of a subtree without seeing them; false if it wants to see them.
    fn ones(&mut self, ones: u64) -> bool;
    fn block(&mut self, first_bit: u64, bytes: &[u8]) -> ControlFlow<()>;
}

pub(super) struct Count(pub(super) u64);

impl Sink for Count {
    fn ones(&mut self, ones: u64) -> bool {
        self.0 += ones;
        true
    }

    fn block(&mut self, _: u64, bytes: &[u8]) -> ControlFlow<()> {
        self.0 += popcount::count_ones(bytes);
        ControlFlow::Continue(())
    }
}

pub(super) struct Blocks<'a>(pub(super) &'a mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>);

impl Sink for Blocks<'_> {
    fn ones(&mut self, _: u64) -> bool {
        false
    }

    fn block(&mut self, first_bit: u64, bytes: &[u8]) -> ControlFlow<()> {
        if is_zeros(bytes) {
            return ControlFlow::Continue(());
        }
        (self.0)(first_bit, bytes)
    }
}

pub(super) struct Walk<'a, 's> {
    /// The lists of the subtrees on the way down.
    items: Vec<Item<'a>>,
    from_bit: u64,
    to_bit: u64,
    /// The last one in the range that any source has.
    last_bit: u64,
    scratch: Scratch<'a>,
    /// The results of the groups that lie within one another.
    buffers: Vec<[u8; CHUNK_LEN]>,
    sink: &'s mut dyn Sink,
}

struct Scratch<'a> {
    chunks: Vec<&'a [u8]>,
    planes: Vec<Plane>,
}

static FULL: [u8; CHUNK_LEN] = [0xFF; CHUNK_LEN];

impl<'a, 's> Walk<'a, 's> {
    /// A walk of the bits `from_bit..to_bit`, the last of which that any source has is `last_bit`.
    pub(super) fn new(
        plan: &Plan<'a>,
        from_bit: u64,
        to_bit: u64,
        last_bit: u64,
        sink: &'s mut dyn Sink,
    ) -> Self {
        let len = plan.items.len();
        let mut items = Vec::with_capacity(len * (plan.height as usize + 1));
        items.extend_from_slice(&plan.items);
        Self {
            items,
            from_bit,
            to_bit,
            last_bit,
            scratch: Scratch {
                chunks: Vec::with_capacity(len),
                planes: Vec::new(),
            },
            buffers: vec![[0; CHUNK_LEN]; plan.groups],
            sink,
        }
    }

    /// Walks a tree of `height`.
    pub(super) fn run(&mut self, height: u32) -> ControlFlow<()> {
        self.subtree(0, height, 0)
    }

    /// Walks the subtree that starts at byte `start`, meets the range, and whose list starts at `at`.
    fn subtree(&mut self, at: usize, height: u32, start: u64) -> ControlFlow<()> {
        let first_bit = start * 8;
        let bits = span(height).saturating_mul(8);
        let whole = self.from_bit <= first_bit && first_bit.saturating_add(bits) <= self.to_bit;
        if whole {
            let taken = match self.items[at] {
                Item::Full => self.sink.ones(bits),
                Item::View(view) => match view.cached_count() {
                    Some(ones) => self.sink.ones(ones),
                    None => false,
                },
                Item::Group { .. } => false,
            };
            if taken {
                return ControlFlow::Continue(());
            }
        }
        if height == 0 {
            return self.block(at, start, whole);
        }
        let below = span(height - 1);
        let slot_of = |bit: u64| ((bit / 8).saturating_sub(start) / below) as usize;
        let last = slot_of(self.last_bit).min(FANOUT - 1);
        for i in slot_of(self.from_bit)..=last {
            let end = self.items.len();
            if push_child(&mut self.items, at, height, i) != Left::Zeros {
                self.subtree(end, height - 1, start + i as u64 * below)?;
                self.items.truncate(end);
            }
        }
        ControlFlow::Continue(())
    }

    /// Hands the block at byte `start` on, without what lies outside the range.
    fn block(&mut self, at: usize, start: u64, whole: bool) -> ControlFlow<()> {
        let bytes = bytes(&self.items, at, &mut self.scratch, &mut self.buffers);
        if whole {
            return self.sink.block(start * 8, bytes);
        }
        let first_bit = start * 8;
        let from = self.from_bit.saturating_sub(first_bit);
        let to = (self.to_bit - first_bit).min(bytes.len() as u64 * 8);
        if from >= to {
            return ControlFlow::Continue(());
        }
        let (first, last) = ((from / 8) as usize, ((to - 1) / 8) as usize);
        let mut edge = [0; CHUNK_LEN];
        let edge = &mut edge[..=last - first];
        edge.copy_from_slice(&bytes[first..=last]);
        edge[0] &= 0xFF >> (from % 8);
        edge[last - first] &= range::tail_mask(to);
        self.sink.block(first_bit + first as u64 * 8, edge)
    }
}

/// The bytes that the filter at `items[at]` has in a block; those past their end are zeros. `buffers`
/// are as many as the groups that lie within one another there.
fn bytes<'b, 'a: 'b>(
    items: &[Item<'a>],
    at: usize,
    scratch: &mut Scratch<'a>,
    buffers: &'b mut [[u8; CHUNK_LEN]],
) -> &'b [u8] {
    match items[at] {
        Item::Full => &FULL,
        Item::View(view) => view.chunk(),
        Item::Group { join, items: below } => {
            let operands = &items[at + 1..at + 1 + below];
            let used = join_operands(join, operands, scratch, buffers);
            &buffers[0][..used]
        }
    }
}

/// Joins a block of `operands` in the first of `buffers` and answers how many of its bytes count.
fn join_operands<'a>(
    join: Join,
    operands: &[Item<'a>],
    scratch: &mut Scratch<'a>,
    buffers: &mut [[u8; CHUNK_LEN]],
) -> usize {
    let Some((buffer, others)) = buffers.split_first_mut() else {
        return 0;
    };
    let mut used = join_views(join, operands, scratch, buffer);
    let mut at = 0;
    while at < operands.len() {
        let this = at;
        at += operands[this].size();
        if matches!(operands[this], Item::View(_)) && !matches!(join, Join::AndNot) {
            continue;
        }
        if let (Join::And | Join::AndNot, Some(have)) = (join, used)
            && is_zeros(&buffer[..have])
        {
            return 0;
        }
        let other = bytes(operands, this, scratch, others);
        used = Some(match used {
            None => {
                buffer[..other.len()].copy_from_slice(other);
                other.len()
            }
            Some(have) => join_two(join, buffer, have, other),
        });
    }
    used.unwrap_or(0)
}

/// Joins the first `used` bytes of `buffer`, and `other`; answers how many bytes count then.
fn join_two(join: Join, buffer: &mut [u8; CHUNK_LEN], used: usize, other: &[u8]) -> usize {
    let both = used.min(other.len());
    match join {
        Join::And => {
            popcount::and_into(&mut buffer[..both], other);
            return both;
        }
        Join::AndNot => {
            popcount::and_not_into(&mut buffer[..used], other);
            return used;
        }
        Join::Or => popcount::or_into(&mut buffer[..both], other),
        Join::Xor => popcount::xor_into(&mut buffer[..both], other),
        // It has views only.
        Join::Counted { .. } => return used,
    }
    if other.len() > used {
        buffer[used..other.len()].copy_from_slice(&other[used..]);
    }
    used.max(other.len())
}

fn is_zeros(bytes: &[u8]) -> bool {
    range::find(bytes, true, 0, u64::MAX).is_none()
}

/// Joins the views that are operands themselves, where their order does not matter; none if there are
/// none.
fn join_views<'a>(
    join: Join,
    operands: &[Item<'a>],
    scratch: &mut Scratch<'a>,
    buffer: &mut [u8; CHUNK_LEN],
) -> Option<usize> {
    let Scratch { chunks, planes } = scratch;
    if let Join::AndNot = join {
        return None;
    }
    chunks.clear();
    let mut at = 0;
    let (mut shortest, mut longest) = (CHUNK_LEN, 0);
    while let Some(item) = operands.get(at) {
        if let Item::View(view) = item {
            let chunk = view.chunk();
            shortest = shortest.min(chunk.len());
            longest = longest.max(chunk.len());
            chunks.push(chunk);
        }
        at += item.size();
    }
    if chunks.is_empty() {
        return None;
    }
    Some(match join {
        Join::And => {
            popcount::and_many(chunks, &mut buffer[..shortest]);
            shortest
        }
        Join::Or => {
            popcount::or_many(chunks, &mut buffer[..longest]);
            longest
        }
        Join::Xor => {
            popcount::xor_many(chunks, &mut buffer[..longest]);
            longest
        }
        Join::Counted { least, most } => {
            // No source has to have a bit where enough of them were full.
            let used = if least > 0 { longest } else { CHUNK_LEN };
            let number = |n: i64| u32::try_from(n.max(0)).unwrap_or(u32::MAX);
            let (least, most) = (number(least), number(most));
            popcount::counted(chunks, least, most, planes, &mut buffer[..used]);
            used
        }
        Join::AndNot => return None,
    })
}
