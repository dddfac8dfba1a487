//! Reference-counted nodes behind thin pointers: the one place of the hash trie with `unsafe`.
//!
//! A [`NodePtr`] owns one share of a node: a leaf page (a head and plain bytes), an inner node (slots
//! of further pointers) or a chain (a list of leaves). `hash_trie` gives them meaning; this module
//! only allocates, counts, copies and frees, and hands out ordinary references.
//!
//! Why not `Arc`: the count lies in the node's own first line and there is no weak count, so "is
//! this mine" is a plain load; a pointer is one word whatever the node's length; and the node's shape
//! (kind, length, number of index groups) lies in the low bits of the pointer, so that a lookup
//! goes to the right line of a page without reading its head first.
//!
//! Invariants:
//! 1. Every node starts with its count (`AtomicU32`) and, at byte 8, its earliest deadline.
//! 2. The shape bits of every pointer to a node agree with how the node was allocated; they never
//!    change while the node lives (a leaf that grows is a new node).
//! 3. A `&mut` to a node's contents is given only while its count is 1 and the only pointer is
//!    borrowed mutably; nobody else can then reach the node, so nobody can raise the count.
//! 4. Every byte of a leaf is initialised.
//!
//! It must not know what the bytes mean, and no safe caller can break memory safety through it.
#![expect(
    unsafe_code,
    reason = "reference-counted nodes of varying length need raw allocation"
)]

mod arena;

use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::config::{INNER_BITS_MAX, LINE, MAX_GROUPS, MAX_STEPS, STEP};

/// The shape bits of a pointer: the low four say the length, the rest the number of groups.
const SHAPE_MASK: usize = STEP - 1;
const LENGTH_MASK: usize = 15;
const GROUPS_SHIFT: u32 = 4;
const CHAIN_LENGTH: usize = 15;
/// More shares than this abort the process, as with `Arc`: the count must not wrap.
const MAX_SHARES: u32 = u32::MAX / 2;

/// One share of a node. `T` is what a leaf may keep beside its bytes.
pub(crate) struct NodePtr<T> {
    tagged: NonNull<u8>,
    owns: PhantomData<T>,
}

/// A leaf page: head and bytes.
#[repr(C, align(64))]
pub(crate) struct Leaf<T> {
    shares: AtomicU32,
    /// Entries in the page.
    pub(crate) count: u16,
    /// Entries that carry a deadline.
    pub(crate) deadlines: u16,
    earliest_ms: AtomicU64,
    /// Objects that cannot lie in the page.
    pub(crate) side: Option<Box<T>>,
    /// End of the used part of `bytes`.
    pub(crate) used: u16,
    /// Dead bytes within the used part.
    pub(crate) garbage: u16,
    spare: [u32; 9],
    /// The page after its head.
    pub(crate) bytes: [u8],
}

/// An inner node: a power of two of slots, cut into aligned runs; a run's first slot has the child.
#[repr(C)]
pub(crate) struct Inner<T> {
    shares: AtomicU32,
    unused: u32,
    earliest_ms: AtomicU64,
    /// Bit `i` is set if a run starts at slot `i`.
    pub(crate) starts: u64,
    /// The children, at the first slot of their run. A run without entries has none.
    pub(crate) slots: [Option<NodePtr<T>>],
}

/// Leaves of entries whose hash bits are used up.
#[repr(C)]
pub(crate) struct Chain<T> {
    shares: AtomicU32,
    unused: u32,
    earliest_ms: AtomicU64,
    /// The leaves, none empty.
    pub(crate) leaves: Vec<NodePtr<T>>,
}

/// A borrowed leaf and the number of its index groups.
pub(crate) struct LeafRef<'a, T> {
    pub(crate) page: &'a Leaf<T>,
    pub(crate) groups: usize,
}

impl<T> Clone for LeafRef<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for LeafRef<'_, T> {}

/// A leaf borrowed for change and the number of its index groups.
pub(crate) struct LeafMut<'a, T> {
    pub(crate) page: &'a mut Leaf<T>,
    pub(crate) groups: usize,
}

/// A node, seen.
pub(crate) enum View<'a, T> {
    Leaf(LeafRef<'a, T>),
    Inner(&'a Inner<T>),
    Chain(&'a Chain<T>),
}

/// A node, open to change.
pub(crate) enum ViewMut<'a, T> {
    Leaf(LeafMut<'a, T>),
    Inner(&'a mut Inner<T>),
    Chain(&'a mut Chain<T>),
}

/// What a pointer's shape bits say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Leaf { steps: usize, groups: usize },
    Inner { bits: u32 },
    Chain,
}

impl Shape {
    fn encode(self) -> usize {
        match self {
            Shape::Leaf { steps, groups } => (steps - 1) | (groups << GROUPS_SHIFT),
            Shape::Inner { bits } => bits as usize,
            Shape::Chain => CHAIN_LENGTH,
        }
    }

    /// Length of the allocation, in steps.
    fn steps<T>(self) -> usize {
        match self {
            Shape::Leaf { steps, .. } => steps,
            Shape::Inner { bits } => {
                let head = size_of::<AtomicU64>() * 3;
                (head + (size_of::<usize>() << bits)).div_ceil(STEP)
            }
            Shape::Chain => size_of::<Chain<T>>().div_ceil(STEP),
        }
    }
}

// SAFETY: a node is shared like the contents of an `Arc`: the count is atomic, contents change only
// while one pointer exists (invariant 3), and `T` values may be read and dropped on any thread.
unsafe impl<T: Send + Sync> Send for NodePtr<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for NodePtr<T> {}

impl<T> NodePtr<T> {
    /// An empty leaf of `steps` steps with `groups` index groups; `head` is copied to the front of its
    /// bytes (as much as fits), the rest is zero.
    ///
    /// # Panics
    /// If the shape is out of range.
    pub(crate) fn new_leaf(steps: usize, groups: usize, head: &[u8]) -> Self {
        assert!((1..=MAX_STEPS).contains(&steps) && (1..=MAX_GROUPS).contains(&groups));
        let len = steps * STEP - LINE;
        let head = &head[..head.len().min(len)];
        let base = arena::allocate(steps);
        let page = Self::leaf_at(base, len);
        // SAFETY: `base` is an allocation of `steps * STEP` bytes, aligned to at least a line, that
        // nobody else refers to: its first line is the head, the `len` bytes after it are the page's.
        unsafe {
            ptr::addr_of_mut!((*page).shares).write(AtomicU32::new(1));
            ptr::addr_of_mut!((*page).count).write(0);
            ptr::addr_of_mut!((*page).deadlines).write(0);
            ptr::addr_of_mut!((*page).earliest_ms).write(AtomicU64::new(u64::MAX));
            ptr::addr_of_mut!((*page).side).write(None);
            ptr::addr_of_mut!((*page).used).write(0);
            ptr::addr_of_mut!((*page).garbage).write(0);
            ptr::addr_of_mut!((*page).spare).write([0; 9]);
            let bytes = ptr::addr_of_mut!((*page).bytes).cast::<u8>();
            ptr::copy_nonoverlapping(head.as_ptr(), bytes, head.len());
            ptr::write_bytes(bytes.add(head.len()), 0, len - head.len());
        }
        Self::tag(base, Shape::Leaf { steps, groups })
    }

    /// An inner node of two to the power `bits` empty slots, in one run.
    ///
    /// # Panics
    /// If `bits` is out of range.
    pub(crate) fn new_inner(bits: u32) -> Self {
        assert!((1..=INNER_BITS_MAX).contains(&bits));
        let shape = Shape::Inner { bits };
        let base = arena::allocate(shape.steps::<T>());
        let node = Self::inner_at(base, 1 << bits);
        // SAFETY: the allocation is long enough for the head and the slots and ours alone; every
        // field and every slot is written.
        unsafe {
            ptr::addr_of_mut!((*node).shares).write(AtomicU32::new(1));
            ptr::addr_of_mut!((*node).unused).write(0);
            ptr::addr_of_mut!((*node).earliest_ms).write(AtomicU64::new(u64::MAX));
            ptr::addr_of_mut!((*node).starts).write(1);
            let slots = ptr::addr_of_mut!((*node).slots).cast::<Option<NodePtr<T>>>();
            for i in 0..1usize << bits {
                slots.add(i).write(None);
            }
        }
        Self::tag(base, shape)
    }

    /// A chain of these leaves.
    pub(crate) fn new_chain(leaves: Vec<NodePtr<T>>) -> Self {
        let base = arena::allocate(Shape::Chain.steps::<T>());
        let chain = Chain {
            shares: AtomicU32::new(1),
            unused: 0,
            earliest_ms: AtomicU64::new(u64::MAX),
            leaves,
        };
        // SAFETY: the allocation is long enough, aligned and ours alone.
        unsafe { base.cast::<Chain<T>>().write(chain) };
        Self::tag(base, Shape::Chain)
    }

    fn tag(base: NonNull<u8>, shape: Shape) -> Self {
        let bits = shape.encode();
        debug_assert!(bits <= SHAPE_MASK && base.addr().get() & SHAPE_MASK == 0);
        NodePtr {
            tagged: base.map_addr(|addr| addr | bits),
            owns: PhantomData,
        }
    }

    #[inline]
    fn base(&self) -> NonNull<u8> {
        let bits = self.tagged.addr().get() & SHAPE_MASK;
        // SAFETY: the shape bits were set by `tag` within the node's own allocation, so taking them
        // off stays within it and gives its non-null start.
        unsafe { self.tagged.byte_sub(bits) }
    }

    #[inline]
    fn leaf_at(base: NonNull<u8>, len: usize) -> *mut Leaf<T> {
        ptr::slice_from_raw_parts_mut(base.as_ptr(), len) as *mut Leaf<T>
    }

    #[inline]
    fn inner_at(base: NonNull<u8>, slots: usize) -> *mut Inner<T> {
        let first = base.as_ptr().cast::<Option<NodePtr<T>>>();
        ptr::slice_from_raw_parts_mut(first, slots) as *mut Inner<T>
    }

    /// The node's shape, read from the pointer alone.
    #[inline]
    pub(crate) fn shape(&self) -> Shape {
        let bits = self.tagged.addr().get() & SHAPE_MASK;
        let groups = bits >> GROUPS_SHIFT;
        let length = bits & LENGTH_MASK;
        if groups > 0 {
            Shape::Leaf {
                steps: length + 1,
                groups,
            }
        } else if length == CHAIN_LENGTH {
            Shape::Chain
        } else {
            Shape::Inner {
                bits: length as u32,
            }
        }
    }

    /// Bytes this node itself takes, without what it points to.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.shape().steps::<T>() * STEP
    }

    /// The node's contents.
    #[inline]
    pub(crate) fn view(&self) -> View<'_, T> {
        let base = self.base();
        match self.shape() {
            // SAFETY (all three): the shape is how the node was allocated (invariant 2), and while
            // `self` is borrowed shared nobody holds a `&mut` to the node (invariant 3).
            Shape::Leaf { steps, groups } => {
                // SAFETY: see above.
                let page = unsafe { &*Self::leaf_at(base, steps * STEP - LINE) };
                View::Leaf(LeafRef { page, groups })
            }
            Shape::Inner { bits } => {
                // SAFETY: see above.
                View::Inner(unsafe { &*Self::inner_at(base, 1 << bits) })
            }
            // SAFETY: see above.
            Shape::Chain => View::Chain(unsafe { base.cast().as_ref() }),
        }
    }

    /// True if this is the only share.
    #[inline]
    pub(crate) fn is_unique(&mut self) -> bool {
        // Acquire pairs with the Release of the `drop` that gave up the other share: what was read
        // through it happened before what is now written.
        self.shares().load(Ordering::Acquire) == 1
    }

    /// The node's address and how many shares of it there are at this moment.
    pub(crate) fn owners(&self) -> (usize, usize) {
        // Acquire, as in `is_unique`: whoever finds itself alone sees what the others had written.
        let shares = self.shares().load(Ordering::Acquire);
        (self.base().addr().get(), shares as usize)
    }

    #[inline]
    fn shares(&self) -> &AtomicU32 {
        // SAFETY: every node starts with its count (invariant 1) and lives while `self` does.
        unsafe { self.base().cast::<AtomicU32>().as_ref() }
    }

    #[inline]
    fn earliest(&self) -> &AtomicU64 {
        // SAFETY: every node has its earliest deadline at byte 8 (invariant 1), aligned, and lives
        // while `self` does.
        unsafe { self.base().byte_add(8).cast::<AtomicU64>().as_ref() }
    }

    /// A lower bound of the deadlines below this node.
    #[inline]
    pub(crate) fn earliest_ms(&self) -> u64 {
        self.earliest().load(Ordering::Relaxed)
    }

    /// Notes a better bound. Allowed on a shared node: its contents cannot change meanwhile, so
    /// whatever bound anybody works out holds for everybody.
    #[inline]
    pub(crate) fn set_earliest_ms(&self, earliest_ms: u64) {
        self.earliest().store(earliest_ms, Ordering::Relaxed);
    }

    /// Asks for the node's first line ahead of its use.
    #[inline]
    pub(crate) fn prefetch(&self) {
        prefetch_lines(self.base(), 1);
    }

    /// Asks for the first `lines` lines of the node, as far as it has them, ahead of their use.
    #[inline]
    pub(crate) fn prefetch_front(&self, lines: usize) {
        prefetch_lines(self.base(), lines.min(self.allocated_bytes() / LINE));
    }

    /// Asks for all of the node ahead of its use.
    #[inline]
    pub(crate) fn prefetch_all(&self) {
        prefetch_lines(self.base(), self.allocated_bytes() / LINE);
    }

    /// The node's contents for change if this is the only share.
    #[inline]
    pub(crate) fn mut_if_unique(&mut self) -> Option<ViewMut<'_, T>> {
        // SAFETY: the count is 1.
        self.is_unique().then(|| unsafe { self.open() })
    }

    /// The node's contents for change.
    ///
    /// # Safety
    /// The count is 1.
    #[inline]
    unsafe fn open(&mut self) -> ViewMut<'_, T> {
        let base = self.base();
        match self.shape() {
            // SAFETY (all three): the shape is how the node was allocated (invariant 2); the count is
            // 1 (the caller's promise) and the only pointer is borrowed mutably for the life of the
            // result (invariant 3).
            Shape::Leaf { steps, groups } => {
                // SAFETY: see above.
                let page = unsafe { &mut *Self::leaf_at(base, steps * STEP - LINE) };
                ViewMut::Leaf(LeafMut { page, groups })
            }
            Shape::Inner { bits } => {
                // SAFETY: see above.
                ViewMut::Inner(unsafe { &mut *Self::inner_at(base, 1 << bits) })
            }
            // SAFETY: see above.
            Shape::Chain => ViewMut::Chain(unsafe { base.cast().as_mut() }),
        }
    }
}

impl<T: Clone> NodePtr<T> {
    /// The node's contents for change; a shared node is copied first and this share moves to the copy.
    #[inline]
    pub(crate) fn unique_mut(&mut self) -> ViewMut<'_, T> {
        if !self.is_unique() {
            *self = self.duplicate();
        }
        // SAFETY: the count was 1, or the share has just moved to a copy, whose count is 1.
        unsafe { self.open() }
    }

    /// A copy of the node with a count of its own; children are shared with the original.
    #[cold]
    #[inline(never)]
    fn duplicate(&self) -> Self {
        let copy = match (self.view(), self.shape()) {
            (View::Leaf(leaf), Shape::Leaf { steps, groups }) => {
                let side = leaf.page.side.clone();
                let mut copy = Self::new_leaf(steps, groups, &leaf.page.bytes);
                if let ViewMut::Leaf(to) = copy.unique_mut() {
                    to.page.count = leaf.page.count;
                    to.page.deadlines = leaf.page.deadlines;
                    to.page.used = leaf.page.used;
                    to.page.garbage = leaf.page.garbage;
                    to.page.side = side;
                }
                copy
            }
            (View::Inner(inner), Shape::Inner { bits }) => {
                // Each child's count lies in a line of its own: ask for all before waiting for one.
                inner.slots.iter().flatten().for_each(NodePtr::prefetch);
                let mut copy = Self::new_inner(bits);
                if let ViewMut::Inner(to) = copy.unique_mut() {
                    to.starts = inner.starts;
                    to.slots.clone_from_slice(&inner.slots);
                }
                copy
            }
            (View::Chain(chain), _) => Self::new_chain(chain.leaves.clone()),
            (View::Leaf(_) | View::Inner(_), _) => unreachable!("view and shape agree"),
        };
        copy.set_earliest_ms(self.earliest_ms());
        copy
    }
}

impl<T> Clone for NodePtr<T> {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: the new share is made from a live one, which keeps the node alive.
        if self.shares().fetch_add(1, Ordering::Relaxed) > MAX_SHARES {
            std::process::abort();
        }
        NodePtr {
            tagged: self.tagged,
            owns: PhantomData,
        }
    }
}

impl<T> Drop for NodePtr<T> {
    #[inline]
    fn drop(&mut self) {
        if self.shares().fetch_sub(1, Ordering::Release) == 1 {
            self.free();
        }
    }
}

impl<T> NodePtr<T> {
    /// Drops the contents and frees the node. Called by the holder of the last share only.
    #[inline(never)]
    fn free(&mut self) {
        // Pairs with the Release of the other shares' drops: their reads happened before this.
        fence(Ordering::Acquire);
        let base = self.base();
        let shape = self.shape();
        // SAFETY: the last share is gone, so nobody refers to the node; its contents were made by the
        // constructor of this shape and are dropped exactly once. The head of a leaf or inner node
        // has nothing else to drop.
        unsafe {
            match shape {
                Shape::Leaf { steps, .. } => {
                    let page = Self::leaf_at(base, steps * STEP - LINE);
                    ptr::drop_in_place(ptr::addr_of_mut!((*page).side));
                }
                Shape::Inner { bits } => {
                    let node = Self::inner_at(base, 1 << bits);
                    ptr::drop_in_place(ptr::addr_of_mut!((*node).slots));
                }
                Shape::Chain => ptr::drop_in_place(base.cast::<Chain<T>>().as_ptr()),
            }
            arena::release(base, shape.steps::<T>());
        }
    }
}

impl<T> Inner<T> {
    /// Lowers the bound to a new deadline.
    #[inline]
    pub(crate) fn note_deadline(&mut self, expires_at_ms: u64) {
        let earliest = self.earliest_ms.get_mut();
        *earliest = (*earliest).min(expires_at_ms);
    }
}

impl<T> Chain<T> {
    /// Lowers the bound to a new deadline.
    pub(crate) fn note_deadline(&mut self, expires_at_ms: u64) {
        let earliest = self.earliest_ms.get_mut();
        *earliest = (*earliest).min(expires_at_ms);
    }
}

impl<T> fmt::Debug for NodePtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodePtr").field(&self.shape()).finish()
    }
}

/// Asks for lines of memory ahead of their use.
#[inline]
fn prefetch_lines(base: NonNull<u8>, lines: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for i in 0..lines {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let line = base.as_ptr().wrapping_add(i * LINE);
        // SAFETY: a prefetch touches nothing that a program can see; SSE is part of x86_64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (base, lines);
}

/// Which of the first 24 bytes of a line equal `byte`: bit `i` stands for byte `i`.
#[inline]
pub(crate) fn equal_bytes(line: &[u8; LINE], byte: u8) -> u32 {
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&line[at..at + 8]);
        u64::from_le_bytes(word)
    };
    let (a, b, c) = (word(0), word(8), word(16));
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86_64.
    unsafe {
        equal_bytes_sse2(a, b, c, byte)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        equal_bytes_in_word(a, byte)
            | equal_bytes_in_word(b, byte) << 8
            | equal_bytes_in_word(c, byte) << 16
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn equal_bytes_sse2(a: u64, b: u64, c: u64, byte: u8) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let wanted = _mm_set1_epi8(byte.cast_signed());
    let low = _mm_set_epi64x(b.cast_signed(), a.cast_signed());
    let high = _mm_set_epi64x(0, c.cast_signed());
    let low = _mm_movemask_epi8(_mm_cmpeq_epi8(low, wanted)).cast_unsigned();
    let high = _mm_movemask_epi8(_mm_cmpeq_epi8(high, wanted)).cast_unsigned();
    low | (high & 0xff) << 16
}

/// Which bytes of a little-endian word equal `byte`, as eight bits.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn equal_bytes_in_word(word: u64, byte: u8) -> u32 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW_7: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differing = word ^ (ONES * u64::from(byte));
    // The top bit of each byte that is zero, without carries between bytes.
    let equal = !(((differing & LOW_7) + LOW_7) | differing | LOW_7);
    // Gathers the eight top bits into the top byte.
    ((equal >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

#[cfg(test)]
mod tests;
