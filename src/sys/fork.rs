#![expect(
    unsafe_code,
    reason = "asks the kernel to wipe one page of our own in forked children"
)]
//! Telling a process from its forked children, at the cost of two loads.
//!
//! The kernel clears one marked page in every child (`MADV_WIPEONFORK`). The page holds a number that
//! only this process has: a handle remembers it, and a child that inherited the handle finds another.
//! Where the kernel cannot do that, the process id serves, at the cost of a system call.

#[cfg(target_os = "linux")]
use std::sync::OnceLock;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that this process has and its forked children do not.
#[inline]
pub(crate) fn process_token() -> u64 {
    #[cfg(target_os = "linux")]
    if let Some(mark) = mark() {
        let token = mark.load(Ordering::Relaxed);
        return if token == 0 { new_token(mark) } else { token };
    }
    u64::from(std::process::id())
}

#[cfg(target_os = "linux")]
#[cold]
fn new_token(mark: &AtomicU64) -> u64 {
    let token = super::rng::entropy() | 1;
    match mark.compare_exchange(0, token, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => token,
        Err(other) => other,
    }
}

#[cfg(target_os = "linux")]
#[inline]
fn mark() -> Option<&'static AtomicU64> {
    static MARK: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
    *MARK.get_or_init(|| {
        const PAGE_BYTES: usize = 4096;
        let mut page = memmap2::MmapMut::map_anon(PAGE_BYTES).ok()?;
        let start = page.as_mut_ptr();
        let advice = rustix::mm::Advice::LinuxWipeOnFork;
        // SAFETY: the range is a private anonymous mapping of ours that nothing else refers to; the
        // advice changes its content in forked children only, where it is read as an atomic.
        unsafe { rustix::mm::madvise(start.cast(), PAGE_BYTES, advice) }.ok()?;
        // Never unmapped: the reference below lives as long as the process.
        std::mem::forget(page);
        // SAFETY: the mapping is page-aligned, zero-filled, readable, writable and never unmapped, and
        // is only ever accessed through this atomic.
        Some(unsafe { AtomicU64::from_ptr(start.cast()) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_stays_the_same_within_a_process() {
        let token = process_token();
        assert_ne!(token, 0);
        assert!((0..100).all(|_| process_token() == token));
    }
}
