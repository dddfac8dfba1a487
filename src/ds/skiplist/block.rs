//! A block: neighbouring elements of a skip list, packed into one page of `pages`.
//!
//! ```text
//! head: count, used, garbage | slots, 10 bytes each: key u64, place u16 | free | heap
//! ```
//! Slots are sorted; the heap grows down from the end and holds each member after its length (one byte
//! or two). A place counts from the end of the page, so that a longer copy needs no new places; its
//! top bit is the element's mark. An element too long to share a block is alone in one, its member beside
//! the page. Pages lie in slabs on huge pages, which is half of what makes a random access fast.
//!
//! Invariants:
//! 1. Slots ascend strictly by key, then member.
//! 2. `used` bytes at the end are the heap, `garbage` of them those of removed members.
//! 3. A page has `BLOCK_STEPS_MAX` steps at most.
//!
//! Called by the list only. It must not read past a slot's own member.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Element;
use crate::ds::config::{BLOCK_STEPS_MAX, LINE, STEP};
use crate::ds::pages::{Leaf, NodePtr, Shape, View, ViewMut};

/// A member too long to share a block.
type Beside = Arc<[u8]>;

const SLOT: usize = 10;
const MARK: u16 = 1 << 15;
/// The place of a member that lies beside the page.
const ALONE: u16 = MARK - 1;
/// The bytes of the longest page.
const PAGE_MAX: usize = BLOCK_STEPS_MAX * STEP - LINE;
/// The longest member that shares a block takes an eighth of the longest page.
const SHARED_MAX: usize = PAGE_MAX / 8 - SLOT - 2;

/// Elements in order. Never empty in a tree. Clones in O(1).
#[derive(Clone, Debug)]
pub(super) struct Block(NodePtr<Beside>);

#[inline(always)]
fn half(bytes: &[u8], at: usize) -> u16 {
    let mut word = [0; 2];
    word.copy_from_slice(&bytes[at..at + 2]);
    u16::from_le_bytes(word)
}

/// The bytes that a member takes in the heap.
fn record_len(member: &[u8]) -> usize {
    1 + usize::from(member.len() >= 128) + member.len()
}

/// The bytes that an element takes in a block it shares.
fn cost(member: &[u8]) -> usize {
    SLOT + record_len(member)
}

/// Whether a member is too long to share a block.
pub(super) fn is_alone(member: &[u8]) -> bool {
    member.len() > SHARED_MAX
}

/// The steps of a page for this many bytes.
fn steps_for(bytes: usize) -> usize {
    (bytes + LINE).div_ceil(STEP).min(BLOCK_STEPS_MAX)
}

/// Writes one slot at `at`.
fn put_slot(page: &mut Leaf<Beside>, at: usize, element: Element<'_>, place: u16) {
    let slot = SLOT * at;
    let end = SLOT * usize::from(page.count);
    page.bytes.copy_within(slot..end, slot + SLOT);
    page.bytes[slot..slot + 8].copy_from_slice(&element.key.to_le_bytes());
    let place = place | if element.mark { MARK } else { 0 };
    page.bytes[slot + 8..slot + SLOT].copy_from_slice(&place.to_le_bytes());
    page.count += 1;
}

/// Writes one element's slot at `at` and its record into the heap; there is room.
fn put(page: &mut Leaf<Beside>, at: usize, element: Element<'_>) {
    let member = element.member;
    let heap = usize::from(page.used) + record_len(member);
    let start = page.bytes.len() - heap;
    let text = if member.len() < 128 {
        page.bytes[start] = member.len() as u8;
        start + 1
    } else {
        page.bytes[start] = member.len() as u8 | 0x80;
        page.bytes[start + 1] = (member.len() >> 7) as u8;
        start + 2
    };
    page.bytes[text..text + member.len()].copy_from_slice(member);
    page.used = heap as u16;
    put_slot(page, at, element, heap as u16);
}

impl Block {
    /// A block of these elements, which ascend, are at least one, and fit.
    pub(super) fn build<'a>(elements: impl Iterator<Item = Element<'a>> + Clone) -> Self {
        if let Some(first) = elements.clone().next()
            && is_alone(first.member)
        {
            let mut block = Self(NodePtr::new_leaf(steps_for(SLOT), 1, &[]));
            let page = block.page_mut();
            put_slot(page, 0, first, ALONE);
            page.side = Some(Box::new(first.member.into()));
            return block;
        }
        let bytes = elements.clone().map(|e| cost(e.member)).sum::<usize>();
        let mut block = Self(NodePtr::new_leaf(steps_for(bytes), 1, &[]));
        let page = block.page_mut();
        for (at, element) in elements.enumerate() {
            put(page, at, element);
        }
        block
    }

    #[inline(always)]
    fn page(&self) -> &Leaf<Beside> {
        match self.0.view() {
            View::Leaf(leaf) => leaf.page,
            View::Inner(_) | View::Chain(_) => unreachable!("blocks are leaves"),
        }
    }

    /// The page for change, copied first if it is shared.
    #[inline]
    fn page_mut(&mut self) -> &mut Leaf<Beside> {
        match self.0.unique_mut() {
            ViewMut::Leaf(leaf) => leaf.page,
            ViewMut::Inner(_) | ViewMut::Chain(_) => unreachable!("blocks are leaves"),
        }
    }

    fn steps(&self) -> usize {
        match self.0.shape() {
            Shape::Leaf { steps, .. } => steps,
            Shape::Inner { .. } | Shape::Chain => unreachable!("blocks are leaves"),
        }
    }

    /// Elements.
    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.page().count)
    }

    /// The bytes of its allocations.
    pub(super) fn allocated_bytes(&self) -> usize {
        let beside = self.page().side.as_ref();
        self.0.allocated_bytes()
            + beside.map_or(0, |member| {
                size_of::<Beside>() + 2 * size_of::<usize>() + member.len()
            })
    }

    /// Asks for the line with its count.
    pub(super) fn prefetch(&self) {
        self.0.prefetch();
    }

    /// Asks for its slots, of which a search would otherwise wait for one line after the other.
    #[inline]
    pub(super) fn prefetch_slots(&self) {
        self.0
            .prefetch_front(1 + self.steps() * (STEP / LINE) * 3 / 8);
    }

    /// Whether its one element shares no block.
    pub(super) fn is_alone(&self) -> bool {
        self.page().side.is_some()
    }

    /// The bytes of a page that elements use.
    fn used_bytes(&self) -> usize {
        let page = self.page();
        SLOT * usize::from(page.count) + usize::from(page.used) - usize::from(page.garbage)
    }

    #[inline(always)]
    fn key(page: &Leaf<Beside>, at: usize) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&page.bytes[SLOT * at..SLOT * at + 8]);
        u64::from_le_bytes(word)
    }

    #[inline(always)]
    fn place(page: &Leaf<Beside>, at: usize) -> u16 {
        half(&page.bytes, SLOT * at + 8)
    }

    #[inline(always)]
    fn member_at(page: &Leaf<Beside>, place: u16) -> &[u8] {
        let place = place & !MARK;
        if place == ALONE {
            return page.side.as_ref().map_or(&[], |member| member);
        }
        match page.bytes[page.bytes.len() - usize::from(place)..] {
            [len @ 0..128, ref rest @ ..] => &rest[..usize::from(len)],
            [low, high, ref rest @ ..] => &rest[..usize::from(low & 0x7f) | usize::from(high) << 7],
            [] | [_] => unreachable!("a record begins with its length"),
        }
    }

    /// The element at `at`, which is below `len()`.
    #[inline(always)]
    pub(super) fn get(&self, at: usize) -> Element<'_> {
        let page = self.page();
        let place = Self::place(page, at);
        Element {
            key: Self::key(page, at),
            member: Self::member_at(page, place),
            mark: place & MARK != 0,
        }
    }

    pub(super) fn elements(
        &self,
        range: std::ops::Range<usize>,
    ) -> impl Iterator<Item = Element<'_>> + Clone {
        range.map(|at| self.get(at))
    }

    /// Where an element is, or where it belongs.
    #[inline]
    pub(super) fn search(&self, key: u64, member: &[u8]) -> Result<usize, usize> {
        self.prefetch_slots();
        let page = self.page();
        let (mut low, mut size) = (0, usize::from(page.count));
        while size > 0 {
            let half = size / 2;
            let at = low + half;
            let order = match Self::key(page, at).cmp(&key) {
                Ordering::Equal => Self::member_at(page, Self::place(page, at)).cmp(member),
                order @ (Ordering::Less | Ordering::Greater) => order,
            };
            match order {
                Ordering::Less => {
                    low = at + 1;
                    size -= half + 1;
                }
                Ordering::Greater => size = half,
                Ordering::Equal => return Ok(at),
            }
        }
        Err(low)
    }

    /// Inserts an element at its place `at`; false, and nothing done, if the block is full or either
    /// has to be alone.
    pub(super) fn insert(&mut self, at: usize, element: Element<'_>) -> bool {
        if is_alone(element.member) || self.is_alone() {
            return false;
        }
        let cost = cost(element.member);
        let page = self.page();
        let (slots, heap) = (SLOT * usize::from(page.count), usize::from(page.used));
        if slots + heap + cost <= page.bytes.len() {
            put(self.page_mut(), at, element);
            return true;
        }
        let used = self.used_bytes() + cost;
        if used > PAGE_MAX {
            return false;
        }
        let steps = steps_for(used);
        if slots + heap + cost <= steps * STEP - LINE {
            let mut longer = Self(NodePtr::new_leaf(steps, 1, &page.bytes[..slots]));
            let to = longer.page_mut();
            let start = to.bytes.len() - heap;
            to.bytes[start..].copy_from_slice(&page.bytes[page.bytes.len() - heap..]);
            (to.count, to.used, to.garbage) = (page.count, page.used, page.garbage);
            put(to, at, element);
            *self = longer;
        } else {
            // The room is there once the dead members are gone.
            let before = self.elements(0..at);
            let after = self.elements(at..self.len());
            *self = Self::build(before.chain(std::iter::once(element)).chain(after));
        }
        true
    }

    /// Removes the element at `at`.
    pub(super) fn remove(&mut self, at: usize) {
        let page = self.page_mut();
        let place = Self::place(page, at) & !MARK;
        // A member beside the page goes with the block, which is now empty.
        if place != ALONE {
            let gone = record_len(Self::member_at(page, place)) as u16;
            if place == page.used {
                page.used -= gone;
            } else {
                page.garbage += gone;
            }
        }
        let (slot, end) = (SLOT * at, SLOT * usize::from(page.count));
        page.bytes.copy_within(slot + SLOT..end, slot);
        page.count -= 1;
    }

    /// Whether it holds so little that it should join a neighbour.
    pub(super) fn is_sparse(&self) -> bool {
        self.used_bytes() < PAGE_MAX / 4 && !self.is_alone()
    }

    /// Both together, if that leaves room to grow.
    pub(super) fn joined(&self, next: &Self) -> Option<Self> {
        let fits = !self.is_alone()
            && !next.is_alone()
            && self.used_bytes() + next.used_bytes() <= PAGE_MAX / 4 * 3;
        fits.then(|| {
            Self::build(
                self.elements(0..self.len())
                    .chain(next.elements(0..next.len())),
            )
        })
    }

    /// Gives memory back if most of it is unused.
    pub(super) fn shrink(&mut self) {
        if self.steps() > 2 * steps_for(self.used_bytes()) {
            *self = Self::build(self.elements(0..self.len()));
        }
    }

    /// Cuts a block into two as if `element` were in it at `at`: `part` of 256 parts of its bytes, about,
    /// go to the first.
    pub(super) fn split(&self, at: usize, element: Element<'_>, part: usize) -> (Self, Self) {
        let all = self
            .elements(0..at)
            .chain(std::iter::once(element))
            .chain(self.elements(at..self.len()));
        let total: usize = all.clone().map(|e| cost(e.member)).sum();
        let (mut cut, mut bytes) = (0, 0);
        for element in all.clone() {
            bytes += cost(element.member);
            if bytes > total * part / 256 {
                break;
            }
            cut += 1;
        }
        let cut = cut.clamp(1, self.len());
        (
            Self::build(all.clone().take(cut)),
            Self::build(all.skip(cut)),
        )
    }

    /// Asserts the invariants.
    #[cfg(any(test, fuzzing))]
    pub(super) fn check(&self) {
        let page = self.page();
        assert!(page.count > 0, "an empty block");
        if self.is_alone() {
            assert!(is_alone(self.get(0).member), "alone");
            assert_eq!((page.count, page.used, page.garbage), (1, 0, 0), "alone");
            return;
        }
        assert!(self.steps() <= BLOCK_STEPS_MAX, "too long");
        let heap = usize::from(page.used);
        assert!(SLOT * self.len() + heap <= page.bytes.len(), "overlap");
        let elements = self.elements(0..self.len());
        let records: usize = elements.map(|e| record_len(e.member)).sum();
        assert_eq!(records + usize::from(page.garbage), heap, "heap");
        for at in 0..self.len() {
            assert!(!is_alone(self.get(at).member), "not alone");
            assert!(Self::place(page, at) & !MARK <= page.used, "place");
        }
    }
}
