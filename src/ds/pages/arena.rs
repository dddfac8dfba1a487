//! Where nodes get their memory.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use crate::ds::config::STEP;

fn layout(steps: usize) -> Layout {
    match Layout::from_size_align(steps * STEP, STEP) {
        Ok(layout) => layout,
        Err(_) => unreachable!("a few steps always make a layout"),
    }
}

/// Memory of `steps` steps, aligned to a step, owned by the caller.
pub(super) fn allocate(steps: usize) -> NonNull<u8> {
    assert!(steps > 0);
    let layout = layout(steps);
    // SAFETY: the layout is not empty.
    match NonNull::new(unsafe { alloc(layout) }) {
        Some(base) => base,
        None => handle_alloc_error(layout),
    }
}

/// Gives memory back.
///
/// # Safety
/// `base` came from `allocate(steps)` and is not used afterwards.
pub(super) unsafe fn release(base: NonNull<u8>, steps: usize) {
    // SAFETY: same layout as in `allocate`, by the caller's promise.
    unsafe { dealloc(base.as_ptr(), layout(steps)) };
}
