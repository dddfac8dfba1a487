//! One acknowledgement for several operations of a caller who answers for them together, as a server does for a
//! pipeline: the frames are written, and synced where the ack class asks, once for all of them.
//!
//! Invariants:
//! 1. [`Engine::together`] says nothing before everything that was done within it is acknowledged.
//! 2. Only the caller's own operations are put off; what it serves to others who wait is acknowledged at once.
//! 3. Not much more than [`PUT_OFF_BYTES_MAX`] of frames wait.

use std::cell::Cell;

use super::Engine;
use crate::error::StorageError;

/// So many bytes of the log are put off at most.
const PUT_OFF_BYTES_MAX: u64 = 256 << 10;

/// What a thread has put off.
#[derive(Debug, Clone, Copy)]
struct PutOff {
    /// The address of the engine whose operations are put off.
    engine: usize,
    /// Where the first and the last frame end.
    span: Option<(u64, u64)>,
}

thread_local! {
    static PUT_OFF: Cell<Option<PutOff>> = const { Cell::new(None) };
}

/// Puts back what was put off before, whatever happens.
struct Restore(Option<PutOff>);

impl Drop for Restore {
    fn drop(&mut self) {
        PUT_OFF.set(self.0);
    }
}

impl Engine {
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Runs operations on this thread and acknowledges them together: the second result is for all of them.
    pub(crate) fn together<R>(&self, work: impl FnOnce() -> R) -> (R, Result<(), StorageError>) {
        if self.log().is_none() {
            return (work(), Ok(()));
        }
        let engine = self.address();
        let restore = Restore(PUT_OFF.replace(Some(PutOff { engine, span: None })));
        let result = work();
        let span = PUT_OFF.get().and_then(|put_off| put_off.span);
        drop(restore);
        let confirmed = span.map_or(Ok(()), |(_, end_lsn)| self.acknowledge(end_lsn));
        (result, confirmed)
    }

    /// Acknowledges an operation of the caller's, or puts that off.
    #[inline]
    pub(super) fn acknowledge_in_turn(&self, end_lsn: u64) -> Result<(), StorageError> {
        match PUT_OFF.get() {
            Some(put_off) if put_off.engine == self.address() => self.put_off(put_off, end_lsn),
            Some(_) | None => self.acknowledge(end_lsn),
        }
    }

    fn put_off(&self, put_off: PutOff, end_lsn: u64) -> Result<(), StorageError> {
        let first = put_off.span.map_or(end_lsn, |(first, _)| first);
        let is_much = end_lsn.saturating_sub(first) > PUT_OFF_BYTES_MAX;
        let span = (!is_much).then_some((first, end_lsn));
        PUT_OFF.set(Some(PutOff { span, ..put_off }));
        if is_much {
            // What comes before it is written with it.
            return self.acknowledge(end_lsn);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::prelude::*;
    use crate::storage::backend::Storage;
    use crate::storage::memory::MemoryStorage;
    use crate::{Ack, Db};

    fn in_storage() -> Db {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let db = Db::builder().storage(storage).ack(Ack::Always).open("db");
        db.unwrap()
    }

    /// How far the log is synced, and how far it goes.
    fn marks(db: &Db) -> (u64, u64) {
        let file = db.stats().unwrap().file.unwrap();
        (file.durable_lsn, file.end_lsn)
    }

    #[test]
    fn several_operations_share_one_acknowledgement() {
        let (db, other) = (in_storage(), in_storage());
        let before = marks(&db);
        assert_eq!(before.0, before.1);
        let (result, confirmed) = db.engine().together(|| {
            (0..100).try_for_each(|n| db.set(format!("k{n}"), "v"))?;
            // Another database is not meant.
            other.set("k", "v")?;
            let (durable, end) = marks(&other);
            assert_eq!(durable, end);
            assert_eq!(marks(&db).0, before.0);
            Ok::<_, crate::Error>(())
        });
        result.unwrap();
        confirmed.unwrap();
        let (durable, end) = marks(&db);
        assert!(durable == end && end > before.1);
        db.set("k", "v").unwrap();
        let (durable, end) = marks(&db);
        assert_eq!(durable, end, "one by one again");
    }

    #[test]
    fn much_is_not_put_off() {
        let db = in_storage();
        let before = marks(&db).0;
        let large = vec![b'x'; 200 << 10];
        let ((), confirmed) = db.engine().together(|| {
            (0..3).for_each(|n| db.set(format!("k{n}"), &large[..]).unwrap());
            assert!(marks(&db).0 > before);
        });
        confirmed.unwrap();
    }
}
