//! The transaction gate: at most one transaction at a time, and a place for writers to wait for it.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::lock;
use crate::error::StorageError;

/// Held by the running transaction, and for a moment by writers that had to wait for one.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    mutex: Mutex<()>,
    /// Number of the thread that holds the gate; 0 for none.
    owner: AtomicU64,
}

/// The gate, held. Released on drop.
#[derive(Debug)]
pub(crate) struct GateGuard<'a> {
    gate: &'a Gate,
    _held: MutexGuard<'a, ()>,
}

/// A number of this thread's own; never 0.
fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|&number| number)
}

impl Gate {
    /// Whether this thread holds the gate.
    pub(crate) fn is_mine(&self) -> bool {
        self.owner.load(Ordering::Acquire) == thread_number()
    }

    /// Waits until no transaction runs, and keeps it so while the guard lives.
    pub(crate) fn wait(&self) -> Result<GateGuard<'_>, StorageError> {
        let me = thread_number();
        if self.is_mine() {
            return Err(StorageError::Reentrant);
        }
        // From inside a visitor the wait is bounded: the transaction may want the visitor's shard.
        let held = match lock::wait_inside() {
            None => self.mutex.lock(),
            Some(wait) => self
                .mutex
                .try_lock_for(wait)
                .ok_or(StorageError::Reentrant)?,
        };
        self.owner.store(me, Ordering::Release);
        Ok(GateGuard {
            gate: self,
            _held: held,
        })
    }
}

impl Drop for GateGuard<'_> {
    fn drop(&mut self) {
        self.gate.owner.store(0, Ordering::Release);
    }
}
