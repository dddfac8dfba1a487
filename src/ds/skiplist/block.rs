//! A block: neighbouring elements of a skip list, packed into one allocation.
//!
//! ```text
//! count u16 | heap u16 | dead u16 | slots, 10 bytes each: key u64, place u16 | free | heap
//! ```
//! Slots are sorted; the heap grows down from the end and holds each member after its length (one byte
//! or two). A place counts from the end of the block, so that a longer copy needs no new places; its
//! top bit is the element's mark. An element too long to share a block is alone in one, its member right
//! behind the slot.
//!
//! Invariants:
//! 1. Slots ascend strictly by key, then member.
//! 2. `heap` bytes at the end are in use, `dead` of them by removed members.
//! 3. No block is longer than `PAGE_MAX`, except of one element that is alone.
//!
//! Called by the list only. It must not read past a slot's own member.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Element;
use crate::ds::census::Census;
use crate::ds::config::{BLOCK_BYTES_MAX, BLOCK_STEP};

const HEAD: usize = 6;
const SLOT: usize = 10;
const MARK: u16 = 1 << 15;
/// The place of a member that lies right behind its slot.
const ALONE: u16 = MARK - 1;
/// What an allocation has besides the bytes: two counts, and the allocator's own word.
const OVERHEAD: usize = 24;
/// The longest page.
pub(super) const PAGE_MAX: usize = BLOCK_BYTES_MAX - OVERHEAD;

/// Elements in order. Never empty in a tree. Clones in O(1).
#[derive(Clone, Debug)]
pub(super) struct Block(Arc<[u8]>);

impl Block {
    /// Whether the block goes with this reference and those the census has seen.
    pub(super) fn is_last(&self, census: &mut Census) -> bool {
        census.is_last(&self.0)
    }
}

#[inline]
fn half(bytes: &[u8], at: usize) -> u16 {
    let mut word = [0; 2];
    word.copy_from_slice(&bytes[at..at + 2]);
    u16::from_le_bytes(word)
}

#[inline]
fn put_half(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 2].copy_from_slice(&(value as u16).to_le_bytes());
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
    cost(member) > PAGE_MAX / 8
}

/// The length of a page for this many bytes: whole steps.
fn page_len(bytes: usize) -> usize {
    ((bytes + OVERHEAD).next_multiple_of(BLOCK_STEP) - OVERHEAD).min(PAGE_MAX)
}

/// Writes one element's slot at `at` and its record into the heap.
fn put(page: &mut [u8], at: usize, element: Element<'_>) {
    let (count, heap) = (usize::from(half(page, 0)), usize::from(half(page, 2)));
    let slot = HEAD + SLOT * at;
    page.copy_within(slot..HEAD + SLOT * count, slot + SLOT);
    let member = element.member;
    let heap = heap + record_len(member);
    let mut start = page.len() - heap;
    if member.len() < 128 {
        page[start] = member.len() as u8;
        start += 1;
    } else {
        page[start] = member.len() as u8 | 0x80;
        page[start + 1] = (member.len() >> 7) as u8;
        start += 2;
    }
    page[start..start + member.len()].copy_from_slice(member);
    page[slot..slot + 8].copy_from_slice(&element.key.to_le_bytes());
    let mark = if element.mark { usize::from(MARK) } else { 0 };
    put_half(page, slot + 8, heap | mark);
    put_half(page, 0, count + 1);
    put_half(page, 2, heap);
}

impl Block {
    /// A block of these elements, which ascend, are at least one, and fit.
    pub(super) fn build<'a>(elements: impl Iterator<Item = Element<'a>> + Clone) -> Self {
        if let Some(first) = elements.clone().next()
            && is_alone(first.member)
        {
            return Self::alone(first);
        }
        let bytes = HEAD + elements.clone().map(|e| cost(e.member)).sum::<usize>();
        let mut page = vec![0; page_len(bytes)];
        for (at, element) in elements.enumerate() {
            put(&mut page, at, element);
        }
        Self(page.into())
    }

    fn alone(element: Element<'_>) -> Self {
        let mut page = Vec::with_capacity(HEAD + SLOT + element.member.len());
        page.extend_from_slice(&[1, 0, 0, 0, 0, 0]);
        page.extend_from_slice(&element.key.to_le_bytes());
        let mark = if element.mark { MARK } else { 0 };
        page.extend_from_slice(&(ALONE | mark).to_le_bytes());
        page.extend_from_slice(element.member);
        Self(page.into())
    }

    /// Elements.
    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(half(&self.0, 0))
    }

    /// The bytes of its allocation.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.0.len() + OVERHEAD
    }

    /// A load of its count, to have it at hand.
    pub(super) fn touch(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Whether its one element shares no block.
    pub(super) fn is_alone(&self) -> bool {
        self.len() == 1 && half(&self.0, HEAD + 8) & !MARK == ALONE
    }

    /// The bytes of a page that elements use.
    fn used_bytes(&self) -> usize {
        HEAD + SLOT * self.len() + usize::from(half(&self.0, 2)) - usize::from(half(&self.0, 4))
    }

    #[inline]
    fn key(&self, at: usize) -> u64 {
        let slot = HEAD + SLOT * at;
        let mut word = [0; 8];
        word.copy_from_slice(&self.0[slot..slot + 8]);
        u64::from_le_bytes(word)
    }

    #[inline]
    fn member_at(&self, place: u16) -> &[u8] {
        let page = &*self.0;
        let place = place & !MARK;
        if place == ALONE {
            return &page[HEAD + SLOT..];
        }
        let at = page.len() - usize::from(place);
        let low = usize::from(page[at]);
        if low < 128 {
            &page[at + 1..at + 1 + low]
        } else {
            let len = low & 0x7f | usize::from(page[at + 1]) << 7;
            &page[at + 2..at + 2 + len]
        }
    }

    #[inline]
    fn member(&self, at: usize) -> &[u8] {
        self.member_at(half(&self.0, HEAD + SLOT * at + 8))
    }

    /// The element at `at`, which is below `len()`.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Element<'_> {
        let place = half(&self.0, HEAD + SLOT * at + 8);
        Element {
            key: self.key(at),
            member: self.member_at(place),
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
        let (mut low, mut size) = (0, self.len());
        while size > 0 {
            let half = size / 2;
            let at = low + half;
            let order = match self.key(at).cmp(&key) {
                Ordering::Equal => self.member(at).cmp(member),
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
        let (slots, heap) = (HEAD + SLOT * self.len(), usize::from(half(&self.0, 2)));
        if slots + heap + cost > self.0.len() {
            let used = self.used_bytes() + cost;
            if used > PAGE_MAX {
                return false;
            }
            let mut page = vec![0; page_len(used)];
            if slots + heap + cost <= page.len() {
                page[..slots].copy_from_slice(&self.0[..slots]);
                let from = page.len() - heap;
                page[from..].copy_from_slice(&self.0[self.0.len() - heap..]);
                put(&mut page, at, element);
            } else {
                // The room is there once the dead members are gone.
                let before = self.elements(0..at);
                let after = self.elements(at..self.len());
                let all = before.chain(std::iter::once(element)).chain(after);
                all.enumerate()
                    .for_each(|(at, element)| put(&mut page, at, element));
            }
            self.0 = page.into();
        } else {
            put(Arc::make_mut(&mut self.0), at, element);
        }
        true
    }

    /// Removes the element at `at`.
    pub(super) fn remove(&mut self, at: usize) {
        let count = self.len();
        let place = usize::from(half(&self.0, HEAD + SLOT * at + 8) & !MARK);
        let gone = record_len(self.member(at));
        let page = Arc::make_mut(&mut self.0);
        let slot = HEAD + SLOT * at;
        page.copy_within(slot + SLOT..HEAD + SLOT * count, slot);
        put_half(page, 0, count - 1);
        let (heap, dead) = (usize::from(half(page, 2)), usize::from(half(page, 4)));
        if place == heap {
            put_half(page, 2, heap - gone);
        } else if place != usize::from(ALONE) {
            put_half(page, 4, dead + gone);
        }
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
        if !self.is_alone() && self.0.len() > 2 * self.used_bytes() + BLOCK_STEP {
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
        assert!(self.len() > 0, "an empty block");
        let (heap, dead) = (usize::from(half(&self.0, 2)), usize::from(half(&self.0, 4)));
        if self.is_alone() {
            assert!(is_alone(self.member(0)) && heap == 0 && dead == 0, "alone");
            return;
        }
        assert!(self.0.len() <= PAGE_MAX, "too long");
        assert!(HEAD + SLOT * self.len() + heap <= self.0.len(), "overlap");
        let records: usize = (0..self.len()).map(|at| record_len(self.member(at))).sum();
        assert_eq!(records + dead, heap, "heap");
        for at in 0..self.len() {
            assert!(!is_alone(self.member(at)), "not alone");
            let place = usize::from(half(&self.0, HEAD + SLOT * at + 8) & !MARK);
            assert!(place <= heap, "place");
        }
    }
}
