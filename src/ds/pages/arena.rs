//! Where nodes get their memory: a few shared pools of slabs.
//!
//! Called by `pages` only. A slab is 64 KB of cells of one step; a bitmap at its front says which are
//! taken, so pages of every length mix in it and what is freed joins with its neighbours. Slabs are
//! cut from regions of anonymous memory; large regions ask for huge pages.
//!
//! Why not the system's allocator: it pays a header and padding for aligned blocks of these lengths,
//! never uses huge pages unasked (a lookup in a large map then waits for the page tables as long
//! as for the data), and hands out cold memory after a snapshot, when a page just freed is warm.
//!
//! Invariants:
//! 1. A slab's header is touched only under the lock of its pool, but for `pool`, which never changes.
//! 2. A cell is taken while it belongs to a header, to a live node or to a run in a cache.
//! 3. A slab's `bound` is at least the length of its longest free run (lengths above `LONGEST` count as
//!    `LONGEST`), and it hangs in the list of its bound.
//! 4. A region is given back when nothing in it is taken; a small one is kept for the next need.
//!
//! Memory is reserved as needed and never limited here: running out aborts, as `Vec` does.

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::ds::config::{MAX_STEPS, STEP};

const SLAB: usize = 1 << 16;
const CELLS: usize = SLAB / STEP;
const WORDS: usize = CELLS / 64;
const HEADER_CELLS: usize = size_of::<Slab>().div_ceil(STEP);
const SLAB_CELLS: u32 = (CELLS - HEADER_CELLS) as u32;

/// The longest run that is asked for.
const LONGEST: usize = MAX_STEPS;
const POOLS: usize = 4;
const REGION_MIN: usize = 4 * SLAB;
const REGION_MAX: usize = 32 << 20;
/// Regions from this size on ask for huge pages.
const HUGE_REGION: usize = 4 << 20;
const HUGE_PAGE: usize = 2 << 20;
/// A cache of freed runs may always hold this much, and a sixty-fourth of the pool.
const CACHE_MIN_BYTES: usize = 128 << 10;

#[repr(C)]
struct Slab {
    taken: [u64; WORDS],
    free_cells: u32,
    bound: u32,
    pool: usize,
    region: usize,
    before: Option<NonNull<Slab>>,
    after: Option<NonNull<Slab>>,
}

/// A freed run in a cache; it lies in its own first bytes.
struct FreeRun {
    next: Option<NonNull<FreeRun>>,
}

struct Region {
    memory: region::Memory,
    /// Slabs that fit.
    slabs: usize,
    /// Slabs cut so far.
    cut: usize,
    /// Of those, how many have nothing taken.
    empty: usize,
}

struct Pool {
    /// Slabs by bound.
    lists: [Option<NonNull<Slab>>; LONGEST + 1],
    /// Freed runs by length.
    cached: [Option<NonNull<FreeRun>>; LONGEST + 1],
    cached_bytes: usize,
    regions: Vec<Option<Region>>,
    /// The region that slabs are cut from.
    current: usize,
    mapped_bytes: usize,
}

// SAFETY: a pool's pointers lead into its own regions, which do not belong to a thread.
unsafe impl Send for Pool {}

static POOL: [Mutex<Pool>; POOLS] = [const { Mutex::new(Pool::new()) }; POOLS];
static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static HOME: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The pool this thread takes from. Threads are dealt out in turn.
fn home() -> usize {
    HOME.try_with(|home| {
        if home.get() == usize::MAX {
            home.set(NEXT_THREAD.fetch_add(1, Ordering::Relaxed) % POOLS);
        }
        home.get()
    })
    .unwrap_or(0)
}

/// Memory of `steps` steps, aligned to a step, owned by the caller. Its bytes are anything.
pub(super) fn allocate(steps: usize) -> NonNull<u8> {
    assert!((1..=LONGEST).contains(&steps), "a node of {steps} steps");
    let home = home();
    POOL[home].lock().allocate(steps, home)
}

/// Gives memory back.
///
/// # Safety
/// `base` came from `allocate(steps)` and is not used afterwards.
pub(super) unsafe fn release(base: NonNull<u8>, steps: usize) {
    let slab = slab_of(base);
    // SAFETY: the run is not yet released, so its slab is there; `pool` never changes.
    let pool = unsafe { (*slab.as_ptr()).pool };
    // SAFETY: by the caller's promise, and under the lock of the slab's pool.
    let emptied = unsafe { POOL[pool].lock().release(base, steps) };
    // Unmapping takes a while: without the lock.
    drop(emptied);
}

fn slab_of(base: NonNull<u8>) -> NonNull<Slab> {
    let offset = base.addr().get() % SLAB;
    // SAFETY: slabs are aligned to their length and every run lies in one slab, so the start of the
    // slab lies in the same region, `offset` bytes before.
    unsafe { base.byte_sub(offset).cast() }
}

/// The first free run of `n` cells.
fn find_run(taken: &[u64; WORDS], n: usize) -> Option<usize> {
    for i in 0..WORDS {
        let next = if i + 1 < WORDS {
            taken[i + 1]
        } else {
            u64::MAX
        };
        let mut starts = !(u128::from(taken[i]) | u128::from(next) << 64);
        if starts as u64 == 0 {
            continue;
        }
        // Bit `b` of `starts` says that `have` cells from `b` on are free.
        let mut have = 1;
        while have < n {
            let shift = have.min(n - have);
            starts &= starts >> shift;
            have += shift;
        }
        if starts as u64 != 0 {
            return Some(i * 64 + (starts as u64).trailing_zeros() as usize);
        }
    }
    None
}

/// Sets or clears `n` bits from `at` on.
fn mark(taken: &mut [u64; WORDS], at: usize, n: usize, as_taken: bool) {
    let bits = ((1u128 << n) - 1) << (at % 64);
    for (i, bits) in [(at / 64, bits as u64), (at / 64 + 1, (bits >> 64) as u64)] {
        if bits != 0 {
            debug_assert_eq!(taken[i] & bits, if as_taken { 0 } else { bits });
            taken[i] = if as_taken {
                taken[i] | bits
            } else {
                taken[i] & !bits
            };
        }
    }
}

/// Length of the free run around the free cells `at..at + n`, at most `LONGEST`.
fn run_around(taken: &[u64; WORDS], at: usize, n: usize) -> usize {
    let is_free = |cell: usize| taken[cell / 64] >> (cell % 64) & 1 == 0;
    let (mut from, mut to) = (at, at + n);
    while to - from < LONGEST && to < CELLS && is_free(to) {
        to += 1;
    }
    while to - from < LONGEST && from > 0 && is_free(from - 1) {
        from -= 1;
    }
    (to - from).min(LONGEST)
}

impl Pool {
    const fn new() -> Self {
        Pool {
            lists: [None; LONGEST + 1],
            cached: [None; LONGEST + 1],
            cached_bytes: 0,
            regions: Vec::new(),
            current: 0,
            mapped_bytes: 0,
        }
    }

    fn allocate(&mut self, steps: usize, own_index: usize) -> NonNull<u8> {
        if let Some(run) = self.cached[steps] {
            // SAFETY: a cached run is ours alone and starts with its `FreeRun` (`cache`).
            self.cached[steps] = unsafe { (*run.as_ptr()).next };
            self.cached_bytes -= steps * STEP;
            return run.cast();
        }
        if let Some(run) = self.take_run(steps) {
            return run;
        }
        if self.cached_bytes >= SLAB {
            // Cached runs of other lengths may join to one of this length.
            self.flush();
            if let Some(run) = self.take_run(steps) {
                return run;
            }
        }
        self.cut_slab(own_index);
        match self.take_run(steps) {
            Some(run) => run,
            None => unreachable!("a fresh slab has room for every node"),
        }
    }

    /// A run from a slab that has one, the tightest list first.
    fn take_run(&mut self, steps: usize) -> Option<NonNull<u8>> {
        let mut list = steps;
        while list <= LONGEST {
            let Some(slab) = self.lists[list] else {
                list += 1;
                continue;
            };
            let at = slab.as_ptr();
            // SAFETY: slabs in the lists are in mapped regions, and we hold the lock.
            let header = unsafe { &mut *at };
            let Some(cell) = find_run(&header.taken, steps) else {
                // SAFETY: as above.
                unsafe { self.relist(slab, steps as u32 - 1) };
                continue;
            };
            mark(&mut header.taken, cell, steps, true);
            if header.free_cells == SLAB_CELLS
                && let Some(Some(region)) = self.regions.get_mut(header.region)
            {
                region.empty -= 1;
            }
            header.free_cells -= steps as u32;
            if header.free_cells < header.bound {
                let bound = header.free_cells;
                // SAFETY: as above.
                unsafe { self.relist(slab, bound) };
            }
            // SAFETY: the cell lies in the slab.
            return Some(unsafe { slab.cast::<u8>().add(cell * STEP) });
        }
        None
    }

    /// # Safety
    /// `base` is a run of `steps` cells taken from this pool and not used by anybody.
    unsafe fn release(&mut self, base: NonNull<u8>, steps: usize) -> Option<Region> {
        let limit = CACHE_MIN_BYTES.max(self.mapped_bytes / 64);
        if self.cached_bytes + steps * STEP <= limit {
            let run = base.cast::<FreeRun>();
            // SAFETY: the run is at least one cell, aligned, and nobody else's.
            unsafe {
                run.write(FreeRun {
                    next: self.cached[steps],
                })
            };
            self.cached[steps] = Some(run);
            self.cached_bytes += steps * STEP;
            return None;
        }
        // SAFETY: by the caller's promise.
        unsafe { self.give_back(base, steps) }
    }

    /// Gives every cached run back to its slab. Emptied regions are kept for the caller's need.
    fn flush(&mut self) {
        for steps in 1..=LONGEST {
            while let Some(run) = self.cached[steps] {
                // SAFETY: a cached run is ours alone and starts with its `FreeRun`.
                self.cached[steps] = unsafe { (*run.as_ptr()).next };
                self.cached_bytes -= steps * STEP;
                // SAFETY: nobody uses a cached run.
                drop(unsafe { self.give_back(run.cast(), steps) });
            }
        }
    }

    /// Marks a run free; returns its region if that is now to be unmapped.
    ///
    /// # Safety
    /// As for `release`; the run is in no cache.
    unsafe fn give_back(&mut self, base: NonNull<u8>, steps: usize) -> Option<Region> {
        let slab = slab_of(base);
        let cell = (base.addr().get() - slab.addr().get()) / STEP;
        // SAFETY: the slab has a taken run, so its region is mapped, and we hold the lock.
        let header = unsafe { &mut *slab.as_ptr() };
        mark(&mut header.taken, cell, steps, false);
        header.free_cells += steps as u32;
        let run = run_around(&header.taken, cell, steps) as u32;
        let (bound, is_empty, region) = (
            header.bound.max(run),
            header.free_cells == SLAB_CELLS,
            header.region,
        );
        // SAFETY: as above.
        unsafe { self.relist(slab, bound) };
        if is_empty {
            self.slab_emptied(region)
        } else {
            None
        }
    }

    /// Counts an emptied slab and takes its region out if nothing in it is taken, unless it is small
    /// and the only one of that kind.
    fn slab_emptied(&mut self, index: usize) -> Option<Region> {
        let region = self.regions.get_mut(index)?.as_mut()?;
        region.empty += 1;
        if region.empty < region.cut {
            return None;
        }
        let is_small = region.slabs * SLAB < HUGE_REGION;
        let others = self.regions.iter().enumerate().any(|(i, other)| {
            i != index && other.as_ref().is_some_and(|other| other.empty == other.cut)
        });
        // Most of what is left may be runs in the cache.
        if is_small && !others {
            return None;
        }
        let region = self.regions[index].take()?;
        for i in 0..region.cut {
            let slab = region.slab(i);
            // SAFETY: the region is still mapped; its slabs are in the lists and nothing refers to
            // them afterwards.
            unsafe { self.unlist(slab) };
        }
        self.mapped_bytes -= region.slabs * SLAB;
        Some(region)
    }

    /// Cuts a slab from the current region, or from a new one.
    fn cut_slab(&mut self, own_index: usize) {
        let has_room = |region: &Option<Region>| region.as_ref().is_some_and(|r| r.cut < r.slabs);
        if !self.regions.get(self.current).is_some_and(has_room) {
            self.current = match self.regions.iter().position(has_room) {
                Some(index) => index,
                None => self.map_region(),
            };
        }
        let index = self.current;
        let Some(Some(region)) = self.regions.get_mut(index) else {
            return;
        };
        let slab = region.slab(region.cut);
        region.cut += 1;
        region.empty += 1;
        let mut taken = [0; WORDS];
        mark(&mut taken, 0, HEADER_CELLS, true);
        let header = Slab {
            taken,
            free_cells: SLAB_CELLS,
            bound: LONGEST as u32,
            pool: own_index,
            region: index,
            before: None,
            after: None,
        };
        // SAFETY: the slab lies in the region, which nobody has used from there on.
        unsafe {
            slab.write(header);
            self.enlist(slab);
        }
    }

    fn map_region(&mut self) -> usize {
        let len = (self.mapped_bytes / 2)
            .next_power_of_two()
            .clamp(REGION_MIN, REGION_MAX);
        let memory = region::Memory::map(len);
        self.mapped_bytes += len;
        let region = Region {
            memory,
            slabs: len / SLAB,
            cut: 0,
            empty: 0,
        };
        match self.regions.iter().position(Option::is_none) {
            Some(index) => {
                self.regions[index] = Some(region);
                index
            }
            None => {
                self.regions.push(Some(region));
                self.regions.len() - 1
            }
        }
    }

    /// Moves a slab to the list of a new bound.
    ///
    /// # Safety
    /// The slab is in a list of this pool.
    unsafe fn relist(&mut self, slab: NonNull<Slab>, bound: u32) {
        // SAFETY: the slab is mapped and the lock is held.
        unsafe {
            if (*slab.as_ptr()).bound != bound {
                self.unlist(slab);
                (*slab.as_ptr()).bound = bound;
                self.enlist(slab);
            }
        }
    }

    /// # Safety
    /// The slab is mapped and in no list.
    unsafe fn enlist(&mut self, slab: NonNull<Slab>) {
        // SAFETY: the slab and the head of its list are mapped and the lock is held.
        unsafe {
            let head = &mut self.lists[(*slab.as_ptr()).bound as usize];
            let after = head.replace(slab);
            (*slab.as_ptr()).before = None;
            (*slab.as_ptr()).after = after;
            if let Some(after) = after {
                (*after.as_ptr()).before = Some(slab);
            }
        }
    }

    /// # Safety
    /// The slab is in the list of its bound.
    unsafe fn unlist(&mut self, slab: NonNull<Slab>) {
        // SAFETY: the slab and its neighbours are mapped and the lock is held.
        unsafe {
            let Slab {
                before,
                after,
                bound,
                ..
            } = ptr::read(slab.as_ptr());
            match before {
                Some(before) => (*before.as_ptr()).after = after,
                None => self.lists[bound as usize] = after,
            }
            if let Some(after) = after {
                (*after.as_ptr()).before = before;
            }
        }
    }
}

impl Region {
    fn slab(&self, index: usize) -> NonNull<Slab> {
        debug_assert!(index < self.slabs);
        // SAFETY: the memory holds `slabs` slabs.
        unsafe { self.memory.base().add(index * SLAB).cast() }
    }
}

/// Anonymous memory, mapped.
#[cfg(all(unix, not(miri)))]
mod region {
    use memmap2::{Advice, MmapMut};

    use super::*;

    pub(super) struct Memory {
        mapping: MmapMut,
        base: NonNull<u8>,
    }

    impl Memory {
        /// `len` bytes, aligned to a slab, and to a huge page if there is room for several.
        pub(super) fn map(len: usize) -> Self {
            let align = if len >= HUGE_REGION { HUGE_PAGE } else { SLAB };
            // What is mapped for the sake of alignment is never touched.
            let Ok(mut mapping) = MmapMut::map_anon(len + align) else {
                match Layout::from_size_align(len, align) {
                    Ok(layout) => handle_alloc_error(layout),
                    Err(_) => std::process::abort(),
                }
            };
            let start = mapping.as_mut_ptr();
            let skipped = start.addr().next_multiple_of(align) - start.addr();
            if align == HUGE_PAGE {
                // Only advice: without huge pages everything works, more slowly.
                let _ = mapping.advise_range(Advice::HugePage, skipped, len);
            }
            // SAFETY: `skipped` is less than `align`, so the result lies in the mapping and is not null.
            let base = unsafe { NonNull::new_unchecked(start.add(skipped)) };
            Memory { mapping, base }
        }

        pub(super) fn base(&self) -> NonNull<u8> {
            let _ = &self.mapping;
            self.base
        }
    }
}

/// Memory from the system's allocator, where there is no mapping.
#[cfg(not(all(unix, not(miri))))]
mod region {
    use std::alloc::{alloc_zeroed, dealloc};

    use super::*;

    pub(super) struct Memory {
        layout: Layout,
        base: NonNull<u8>,
    }

    impl Memory {
        pub(super) fn map(len: usize) -> Self {
            let _ = (HUGE_REGION, HUGE_PAGE);
            let Ok(layout) = Layout::from_size_align(len, SLAB) else {
                std::process::abort()
            };
            // SAFETY: the layout is not empty.
            match NonNull::new(unsafe { alloc_zeroed(layout) }) {
                Some(base) => Memory { layout, base },
                None => handle_alloc_error(layout),
            }
        }

        pub(super) fn base(&self) -> NonNull<u8> {
            self.base
        }
    }

    impl Drop for Memory {
        fn drop(&mut self) {
            // SAFETY: allocated with this layout in `map`.
            unsafe { dealloc(self.base.as_ptr(), self.layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_where_they_are_and_nowhere_else() {
        let mut state = 1u64;
        let mut word = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695);
            state ^ state >> 29
        };
        for round in 0..if cfg!(miri) { 20 } else { 2_000 } {
            let sparse = round % 4;
            let taken: [u64; WORDS] = std::array::from_fn(|_| match sparse {
                0 => word(),
                1 => word() & word() & word(),
                2 => word() & word() & word() & word() & word(),
                _ => word() | word(),
            });
            let is_free = |cell: usize| taken[cell / 64] >> (cell % 64) & 1 == 0;
            for n in 1..=LONGEST {
                let expected = (0..CELLS - n + 1).find(|&at| (at..at + n).all(is_free));
                assert_eq!(find_run(&taken, n), expected, "{n} in {taken:x?}");
            }
        }
    }

    #[test]
    fn what_is_allocated_does_not_overlap_and_all_of_it_comes_back() {
        let mut pool = Pool::new();
        let mut state = 3u64;
        let mut live: Vec<(NonNull<u8>, usize)> = Vec::new();
        let mut word = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695);
            state >> 33
        };
        for round in 0..if cfg!(miri) { 300 } else { 40_000 } {
            let growing = (round / 5_000usize).is_multiple_of(2);
            if live.is_empty() || word() % 3 < if growing { 2 } else { 1 } {
                let steps = 1 + word() as usize % LONGEST;
                let base = pool.allocate(steps, 0);
                assert_eq!(base.addr().get() % STEP, 0);
                // SAFETY: the run is ours; a byte at each end shows an overlap when it is read.
                unsafe {
                    base.write(steps as u8);
                    base.add(steps * STEP - 1).write(live.len() as u8);
                    base.add(1).write(live.len() as u8);
                }
                live.push((base, steps));
            } else {
                let at = word() as usize % live.len();
                let (base, steps) = live.swap_remove(at);
                if let Some(&(moved, n)) = live.get(at) {
                    // SAFETY: the run is ours.
                    unsafe {
                        moved.add(1).write(at as u8);
                        moved.add(n * STEP - 1).write(at as u8);
                    }
                }
                // SAFETY: taken from this pool and not used again.
                drop(unsafe { pool.release(base, steps) });
            }
            if round % 1_000 == 0 {
                for (i, &(base, steps)) in live.iter().enumerate() {
                    // SAFETY: the run is ours.
                    let bytes = unsafe {
                        [
                            base.read(),
                            base.add(1).read(),
                            base.add(steps * STEP - 1).read(),
                        ]
                    };
                    assert_eq!(bytes, [steps as u8, i as u8, i as u8]);
                }
            }
        }
        let most = pool.mapped_bytes;
        for (base, steps) in live {
            // SAFETY: as above.
            drop(unsafe { pool.release(base, steps) });
        }
        pool.flush();
        assert_eq!(pool.cached_bytes, 0);
        assert!(
            cfg!(miri) || pool.mapped_bytes < most,
            "{} of {most} kept",
            pool.mapped_bytes
        );
        for region in pool.regions.iter().flatten() {
            assert_eq!(region.empty, region.cut, "something is still taken");
        }
    }
}
