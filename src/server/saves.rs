//! Compactions of the file as `SAVE`, `BGSAVE` and `LASTSAVE` see them.
//!
//! Invariant: at most one that a client has asked for is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// What a server knows of compactions.
#[derive(Debug)]
pub(crate) struct Saves {
    is_under_way: Arc<AtomicBool>,
    /// How many had finished when somebody looked last, and when the last of them was noticed, in seconds since the
    /// Unix epoch.
    last: Mutex<(u64, u64)>,
}

/// One that a client has asked for. It is over when this is dropped.
#[derive(Debug)]
pub(crate) struct Save {
    is_under_way: Arc<AtomicBool>,
}

impl Drop for Save {
    fn drop(&mut self) {
        self.is_under_way.store(false, Ordering::Release);
    }
}

impl Saves {
    /// Nothing is older than the opening.
    pub(crate) fn new(unix_s: u64) -> Self {
        Self {
            is_under_way: Arc::default(),
            last: Mutex::new((0, unix_s)),
        }
    }

    /// Begins one, unless one is under way.
    pub(crate) fn begin(&self) -> Option<Save> {
        let is_first = !self.is_under_way.swap(true, Ordering::AcqRel);
        is_first.then(|| Save {
            is_under_way: Arc::clone(&self.is_under_way),
        })
    }

    /// Whether one that a client has asked for is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        self.is_under_way.load(Ordering::Acquire)
    }

    /// Notices whether more have finished by now, and says when the last one had.
    pub(crate) fn last_unix_s(&self, finished: u64, unix_s: u64) -> u64 {
        let mut last = self.last.lock();
        if last.0 != finished {
            *last = (finished, unix_s);
        }
        last.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_is_under_way() {
        let saves = Saves::new(0);
        let first = saves.begin();
        assert!(first.is_some() && saves.begin().is_none());
        drop(first);
        assert!(!saves.is_under_way() && saves.begin().is_some());
    }

    #[test]
    fn the_time_moves_when_one_more_has_finished() {
        let saves = Saves::new(7);
        assert_eq!(saves.last_unix_s(0, 9), 7);
        assert_eq!(saves.last_unix_s(1, 10), 10);
        assert_eq!(saves.last_unix_s(1, 12), 10);
    }
}
