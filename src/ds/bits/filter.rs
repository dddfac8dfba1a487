//! Combinations of bitmaps that are counted or walked without being made: `and`, `or`, `xor`, `and not`,
//! and "in at least so many of these".
//!
//! A [`Plan`] is the filter as a flat list. All its sources are walked together, subtree by subtree, as
//! in `combine`: for each subtree the list is copied without what does not matter there. So zeros of any
//! length cost nothing, an `and` looks at nothing where one operand has nothing, a subtree that one
//! source decides is counted by its cached count, and blocks are joined only where chunks really meet.
//!
//! Invariants:
//! 1. A source that has nothing in a subtree is not in that subtree's list.
//! 2. A list has at least one item, and a group at least two operands, except a [`Join::Counted`],
//!    which has at least one.
//! 3. A subtree's list is no longer than that of the one above it.
//!
//! It must not make a result: `combine` does. `walk` holds the way down and the joining of blocks.

mod walk;

use std::ops::ControlFlow;

use super::combine::View;
use super::{Source, height_for, span};
use walk::{Blocks, Count, Sink, Walk};

/// Which bits are wanted.
pub(crate) enum Filter<'a> {
    /// The set bits of a bitmap.
    Source(Source<'a>),
    /// What all have; nothing if there are none.
    And(Vec<Filter<'a>>),
    /// What any has.
    Or(Vec<Filter<'a>>),
    /// What an odd number of them has.
    Xor(Vec<Filter<'a>>),
    /// What the first has and the second has not.
    AndNot(Box<Filter<'a>>, Box<Filter<'a>>),
    /// What at least `at_least` (0 is taken as 1) and at most `at_most` of them have.
    Counted {
        of: Vec<Source<'a>>,
        at_least: u32,
        at_most: u32,
    },
}

/// The filters that may lie within one another, the outermost included.
pub(crate) const DEPTH_MAX: usize = 64;

/// A filter made ready to be counted and walked.
pub(crate) struct Plan<'a> {
    /// The simplified list at the root; empty for a filter without any bit.
    items: Vec<Item<'a>>,
    /// The length of the longest source, in bytes.
    len: u64,
    /// The height of a tree of that length.
    height: u32,
    /// The groups that lie within one another.
    groups: usize,
}

/// A filter as a list: a group is followed by the items of its operands.
#[derive(Clone, Copy)]
enum Item<'a> {
    /// All bits.
    Full,
    View(View<'a>),
    /// The next `items` items are its operands.
    Group {
        join: Join,
        items: usize,
    },
}

#[derive(Clone, Copy)]
enum Join {
    And,
    Or,
    Xor,
    AndNot,
    /// `least` may be 0 or less once full operands were taken out.
    Counted {
        least: i64,
        most: i64,
    },
}

/// What a filter has in a subtree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Zeros,
    Full,
    /// What the pushed items say.
    Items,
}

impl Item<'_> {
    /// The items it takes, itself included.
    fn size(&self) -> usize {
        match self {
            Self::Full | Self::View(_) => 1,
            Self::Group { items, .. } => 1 + items,
        }
    }
}

/// A group that is being pushed.
struct Open {
    join: Join,
    start: usize,
    operands: usize,
}

impl Open {
    fn new(join: Join, items: &mut Vec<Item<'_>>) -> Self {
        let start = items.len();
        items.push(Item::Group { join, items: 0 });
        Self {
            join,
            start,
            operands: 0,
        }
    }

    /// Takes in the operand that was pushed from `from` on, `is_first` or not; answers what the group
    /// has if that decides it.
    fn operand(
        &mut self,
        items: &mut Vec<Item<'_>>,
        from: usize,
        left: Left,
        is_first: bool,
    ) -> Option<Left> {
        match (&mut self.join, left) {
            (Join::And, Left::Zeros) => return Some(Left::Zeros),
            (Join::AndNot, Left::Zeros) if is_first => return Some(Left::Zeros),
            (Join::AndNot, Left::Full) if !is_first => return Some(Left::Zeros),
            (Join::Or, Left::Full) => return Some(Left::Full),
            (Join::And, Left::Full) => items.truncate(from),
            (Join::Counted { least, most }, Left::Full) => {
                *least -= 1;
                *most -= 1;
                items.truncate(from);
            }
            (Join::Or | Join::Xor | Join::AndNot | Join::Counted { .. }, Left::Zeros) => {}
            (_, Left::Full | Left::Items) => self.operands += 1,
        }
        None
    }

    /// Ends the group; without a decision, with its operands simplified.
    fn close(mut self, items: &mut Vec<Item<'_>>, decided: Option<Left>) -> Left {
        let start = self.start;
        let left = decided.unwrap_or_else(|| self.decide());
        match left {
            Left::Zeros => items.truncate(start),
            Left::Full => {
                items.truncate(start);
                items.push(Item::Full);
            }
            Left::Items if self.operands == 1 && !matches!(self.join, Join::Counted { .. }) => {
                items.remove(start);
                if matches!(items[start], Item::Full) {
                    return Left::Full;
                }
            }
            Left::Items => {
                items[start] = Item::Group {
                    join: self.join,
                    items: items.len() - start - 1,
                };
            }
        }
        left
    }

    fn decide(&mut self) -> Left {
        match self.join {
            // All that were left out are full.
            Join::And if self.operands == 0 => Left::Full,
            Join::Counted { least, most } => {
                let operands = self.operands as i64;
                let least = least.max(0);
                if least > operands.min(most) {
                    return Left::Zeros;
                }
                if most >= operands {
                    if least == 0 {
                        return Left::Full;
                    }
                    if least == 1 {
                        self.join = Join::Or;
                    } else if least == operands {
                        self.join = Join::And;
                    }
                }
                Left::Items
            }
            Join::Or | Join::Xor | Join::AndNot if self.operands == 0 => Left::Zeros,
            Join::And | Join::Or | Join::Xor | Join::AndNot => Left::Items,
        }
    }
}

fn push_source<'a>(source: &Source<'a>, height: u32, items: &mut Vec<Item<'a>>) -> Left {
    push_view(View::of(source), height, items)
}

fn push_view<'a>(view: Option<View<'a>>, height: u32, items: &mut Vec<Item<'a>>) -> Left {
    match view {
        None => Left::Zeros,
        Some(view) if view.is_full(height) => {
            items.push(Item::Full);
            Left::Full
        }
        Some(view) => {
            items.push(Item::View(view));
            Left::Items
        }
    }
}

/// Pushes what the filter at `items[at]` has in slot `i` of a node of `height`. Nothing is left pushed
/// if that is zeros.
fn push_child(items: &mut Vec<Item<'_>>, at: usize, height: u32, i: usize) -> Left {
    match items[at] {
        Item::Full => {
            items.push(Item::Full);
            Left::Full
        }
        Item::View(view) => push_view(view.child(height, i), height - 1, items),
        Item::Group { join, items: below } => {
            let mut open = Open::new(join, items);
            let mut decided = None;
            let (first, end) = (at + 1, at + 1 + below);
            let mut at = first;
            while at < end && decided.is_none() {
                let from = items.len();
                let left = push_child(items, at, height, i);
                decided = open.operand(items, from, left, at == first);
                at += items[at].size();
            }
            open.close(items, decided)
        }
    }
}

impl<'a> Plan<'a> {
    /// None if filters lie within one another more than [`DEPTH_MAX`] deep.
    pub(crate) fn new(filter: &Filter<'a>) -> Option<Self> {
        let mut size = Size::default();
        size.measure(filter, 0)?;
        let height = height_for(size.len);
        let mut items = Vec::with_capacity(size.items);
        push_filter(filter, height, &mut items);
        Some(Self {
            items,
            len: size.len,
            height,
            groups: size.groups,
        })
    }

    /// How many of the bits `from_bit..to_bit_exclusive` it has.
    /// O(chunks that meet); what one source decides alone is counted by its cached count.
    pub(crate) fn count(&self, from_bit: u64, to_bit_exclusive: u64) -> u64 {
        let mut count = Count(0);
        // It never breaks off.
        let _ = self.walk(from_bit, to_bit_exclusive, &mut count);
        count.0
    }

    /// Visits the result in `from_bit..to_bit_exclusive` block by block, in order, as (first bit, bytes
    /// of at most a chunk), until `visit` breaks off. What lies between the blocks is zeros, and so are
    /// the bits of a block that lie outside the range.
    pub(crate) fn for_each_block(
        &self,
        from_bit: u64,
        to_bit_exclusive: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.walk(from_bit, to_bit_exclusive, &mut Blocks(visit))
    }

    /// Visits the bits it has in `from_bit..to_bit_exclusive`, in order, until `visit` breaks off.
    pub(crate) fn for_each_set_bit(
        &self,
        from_bit: u64,
        to_bit_exclusive: u64,
        mut visit: impl FnMut(u64) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.for_each_block(from_bit, to_bit_exclusive, &mut |first_bit, block| {
            let (words, rest) = block.as_chunks::<8>();
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            let mut bit = first_bit;
            for word in words.iter().chain([&last]) {
                let mut word = u64::from_be_bytes(*word);
                while word != 0 {
                    let zeros = word.leading_zeros();
                    word ^= 1 << 63 >> zeros;
                    visit(bit + u64::from(zeros))?;
                }
                bit += 64;
            }
            ControlFlow::Continue(())
        })
    }

    /// Whether it has this bit. O(sources * height).
    pub(crate) fn get_bit(&self, bit: u64) -> bool {
        !self.items.is_empty() && bit / 8 < span(self.height) && self.has(0, bit)
    }

    /// Whether the filter at `items[at]` has `bit`, which lies below the root.
    fn has(&self, at: usize, bit: u64) -> bool {
        let (join, below) = match self.items[at] {
            Item::Full => return true,
            Item::View(view) => return view.bit(self.height, bit),
            Item::Group { join, items } => (join, items),
        };
        let mut at = at + 1;
        let end = at + below;
        let mut operands = std::iter::from_fn(|| {
            let this = (at < end).then_some(at)?;
            at += self.items[this].size();
            Some(self.has(this, bit))
        });
        match join {
            Join::And => operands.all(|has| has),
            Join::Or => operands.any(|has| has),
            Join::Xor => operands.fold(false, |odd, has| odd ^ has),
            Join::AndNot => operands.next() == Some(true) && operands.next() == Some(false),
            Join::Counted { least, most } => {
                let count = operands.filter(|has| *has).count() as i64;
                (least..=most).contains(&count)
            }
        }
    }

    fn walk(&self, from_bit: u64, to_bit: u64, sink: &mut dyn Sink) -> ControlFlow<()> {
        let end_bit = to_bit.min(self.len * 8);
        if self.items.is_empty() || from_bit >= end_bit {
            return ControlFlow::Continue(());
        }
        Walk::new(self, from_bit, to_bit, end_bit - 1, sink).run(self.height)
    }
}

/// How much a filter is.
#[derive(Default)]
struct Size {
    /// The length of its longest source.
    len: u64,
    items: usize,
    /// The groups that lie within one another.
    groups: usize,
}

impl Size {
    /// Takes in a filter within `depth` others; `None` if that is too deep.
    fn measure(&mut self, filter: &Filter<'_>, depth: usize) -> Option<()> {
        if depth >= DEPTH_MAX {
            return None;
        }
        self.items += 1;
        if let Filter::Source(source) = filter {
            self.len = self.len.max(source.len());
            return Some(());
        }
        self.groups = self.groups.max(depth + 1);
        match filter {
            Filter::Source(_) => {}
            Filter::Counted { of, .. } => {
                self.items += of.len();
                self.len = of.iter().map(Source::len).fold(self.len, u64::max);
            }
            Filter::And(of) | Filter::Or(of) | Filter::Xor(of) => {
                for filter in of {
                    self.measure(filter, depth + 1)?;
                }
            }
            Filter::AndNot(first, second) => {
                self.measure(first, depth + 1)?;
                self.measure(second, depth + 1)?;
            }
        }
        Some(())
    }
}

/// Pushes what a filter, which is not too deep, has in a tree of `height`.
fn push_filter<'a>(filter: &Filter<'a>, height: u32, items: &mut Vec<Item<'a>>) -> Left {
    let (join, of): (_, &mut dyn Iterator<Item = &Filter<'a>>) = match filter {
        Filter::Source(source) => return push_source(source, height, items),
        Filter::Counted {
            of,
            at_least,
            at_most,
        } => {
            let join = Join::Counted {
                least: i64::from(*at_least).max(1),
                most: i64::from(*at_most),
            };
            let mut open = Open::new(join, items);
            for source in of {
                let from = items.len();
                let left = push_source(source, height, items);
                open.operand(items, from, left, false);
            }
            return open.close(items, None);
        }
        Filter::And(of) if of.is_empty() => return Left::Zeros,
        Filter::And(of) => (Join::And, &mut of.iter()),
        Filter::Or(of) => (Join::Or, &mut of.iter()),
        Filter::Xor(of) => (Join::Xor, &mut of.iter()),
        Filter::AndNot(first, second) => (
            Join::AndNot,
            &mut [first.as_ref(), second.as_ref()].into_iter(),
        ),
    };
    let mut open = Open::new(join, items);
    let mut decided = None;
    for (nth, filter) in of.enumerate() {
        let from = items.len();
        let left = push_filter(filter, height, items);
        decided = open.operand(items, from, left, nth == 0);
        if decided.is_some() {
            break;
        }
    }
    open.close(items, decided)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod timing;
