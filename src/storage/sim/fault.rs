//! What a test can make a simulated disk do wrong.
//!
//! Called by tests through [`SimDisk::inject`](super::SimDisk::inject), and by the simulated disk, which
//! asks before every call what is to happen to it.
//!
//! Invariants:
//! 1. A fault counts only the calls it is about, from the moment it was injected.
//! 2. The first armed fault that is due decides; the others still count the call.

use std::io;

/// The calls of [`Storage`](crate::storage::backend::Storage) and its files, as faults name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SimCall {
    /// `open`
    Open,
    /// `create_new`
    Create,
    /// `rename`
    Rename,
    /// `remove`
    Remove,
    /// `sync_dir`
    SyncDir,
    /// `list`
    List,
    /// `identity`, of a name or of a handle
    Identity,
    /// `read_at`
    Read,
    /// `write_at`
    Write,
    /// `size`
    Size,
    /// `set_len`
    SetLen,
    /// `sync_data` and `sync_all`
    Sync,
    /// `allocate`
    Allocate,
    /// `try_lock`
    Lock,
    /// `evict_cache`
    Evict,
    /// `links`
    Links,
    /// `adopt_attributes`
    Attributes,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultAction {
    /// It fails and does nothing. A sync that fails so (with any kind but `Interrupted`) behaves as Linux
    /// does: the unsynced bytes count as clean from then on, reads go on returning them, each sector may
    /// or may not be on the disk, and the next sync succeeds without writing them. A directory sync that
    /// fails settles nothing; the next one can.
    Fail(io::ErrorKind),
    /// It is carried out, and reports a failure all the same.
    FailAfter(io::ErrorKind),
    /// A read or a write moves at most so many bytes and succeeds.
    Short(usize),
    /// A write reports success, and reads return it from the cache, but it never reaches the disk.
    LoseWrite,
    /// The power fails before the call: this and every later call fails until
    /// [`SimDisk::restart`](super::SimDisk::restart).
    PowerCut,
}

/// One planned fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    call: Option<SimCall>,
    skip: usize,
    lasting: bool,
    action: FaultAction,
}

impl Fault {
    /// Strikes the call after `skip` further ones of any kind, once.
    #[must_use]
    pub fn any(skip: usize, action: FaultAction) -> Self {
        Self {
            call: None,
            skip,
            lasting: false,
            action,
        }
    }

    /// Strikes the call after `skip` further ones of this kind, once.
    #[must_use]
    pub fn on(call: SimCall, skip: usize, action: FaultAction) -> Self {
        Self {
            call: Some(call),
            ..Self::any(skip, action)
        }
    }

    /// Strikes every such call from there on.
    #[must_use]
    pub fn forever(self) -> Self {
        Self {
            lasting: true,
            ..self
        }
    }
}

/// The faults that are armed.
#[derive(Debug, Default)]
pub(super) struct Faults {
    armed: Vec<Fault>,
    struck: usize,
}

impl Faults {
    pub(super) fn arm(&mut self, fault: Fault) {
        self.armed.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.armed.clear();
    }

    /// How many calls were struck.
    pub(super) fn struck(&self) -> usize {
        self.struck
    }

    /// What happens to this call.
    pub(super) fn next(&mut self, call: SimCall) -> Option<FaultAction> {
        if self.armed.is_empty() {
            return None;
        }
        let mut action = None;
        self.armed.retain_mut(|fault| {
            if fault.call.is_some_and(|kind| kind != call) {
                return true;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return true;
            }
            if action.is_some() {
                return true;
            }
            action = Some(fault.action);
            fault.lasting
        });
        self.struck += usize::from(action.is_some());
        action
    }
}
