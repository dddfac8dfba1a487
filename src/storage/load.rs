//! Handing a file's content to the engine: blocks in parallel, then frames in order.
//!
//! Called by `open`. Invariants:
//! 1. A block or a frame is handed over only after it verified.
//! 2. Blocks of one run (neighbours with the same shard) go to one thread, in order; one block is
//!    in memory per thread.
//! 3. With one thread everything happens on the caller's: no thread is started.
//!
//! It writes nothing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::backend::StorageFile;
use super::block::{BlockEntry, SnapshotIndex, open_block};
use super::bytes::{grow_zeroed, read_exact};
use super::header::corrupt;
use crate::error::StorageError;

/// A payload that verified and that the engine cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPayload {
    /// What does not fit.
    pub what: &'static str,
}

/// Receives a file's content while it is opened.
pub trait Loader: Sync {
    /// The file was recognised; the content follows. Called once, first.
    ///
    /// # Errors
    /// Whatever makes the engine refuse the file; the open fails with it and nothing was changed.
    fn begin(&self, info: &super::FileInfo) -> Result<(), StorageError>;

    /// One block of the snapshot. Called from several threads at once if the options allow it;
    /// neighbouring blocks of one shard come in order on one thread.
    ///
    /// # Errors
    /// `BadPayload` makes the open fail as `Corrupt`.
    fn block(&self, shard: u32, payload: &[u8]) -> Result<(), BadPayload>;

    /// One transaction, in log order, after all blocks, on the thread that opens.
    ///
    /// # Errors
    /// `BadPayload` makes the open fail as `Corrupt`.
    fn frame(&self, lsn: u64, end_lsn: u64, payload: &[u8]) -> Result<(), BadPayload>;
}

/// Reads, verifies and hands over all blocks, on up to `threads` threads.
pub(super) fn load_blocks(
    file: &dyn StorageFile,
    seed: u32,
    index: &SnapshotIndex,
    threads: usize,
    loader: &dyn Loader,
) -> Result<(), StorageError> {
    let mut hand_over = |block: &BlockEntry, payload: &[u8]| {
        loader
            .block(block.shard, payload)
            .map_err(|bad| corrupt(block.offset, bad.what))
    };
    let runs = runs(&index.blocks);
    if threads.min(runs.len()) <= 1 {
        return read_blocks(file, seed, &index.blocks, 0, &mut hand_over);
    }
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let first: Mutex<Option<(usize, StorageError)>> = Mutex::new(None);
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let run = next.fetch_add(1, Ordering::Relaxed);
            let Some(&(from, to)) = runs.get(run) else {
                return;
            };
            let mut hand_over = |block: &BlockEntry, payload: &[u8]| {
                loader
                    .block(block.shard, payload)
                    .map_err(|bad| corrupt(block.offset, bad.what))
            };
            let blocks = &index.blocks[from..to];
            if let Err(error) = read_blocks(file, seed, blocks, from, &mut hand_over) {
                failed.store(true, Ordering::Relaxed);
                let mut first = first.lock();
                if first.as_ref().is_none_or(|(earlier, _)| run < *earlier) {
                    *first = Some((run, error));
                }
            }
        }
    };
    let panicked = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads.min(runs.len()))
            .map(|_| scope.spawn(work))
            .collect();
        work();
        workers.into_iter().any(|worker| worker.join().is_err())
    });
    if panicked {
        return Err(StorageError::Poisoned {
            what: "a thread that loads the snapshot panicked".into(),
        });
    }
    first.into_inner().map_or(Ok(()), |(_, error)| Err(error))
}

/// Neighbouring blocks of one shard, as ranges of the index.
fn runs(blocks: &[BlockEntry]) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut from = 0;
    for run in blocks.chunk_by(|a, b| a.shard == b.shard) {
        runs.push((from, from + run.len()));
        from += run.len();
    }
    runs
}

/// Receives a verified block.
pub(super) type EachBlock<'a> = dyn FnMut(&BlockEntry, &[u8]) -> Result<(), StorageError> + 'a;

/// Reads and verifies blocks one after another; the first has number `first`.
pub(super) fn read_blocks(
    file: &dyn StorageFile,
    seed: u32,
    blocks: &[BlockEntry],
    first: usize,
    each: &mut EachBlock<'_>,
) -> Result<(), StorageError> {
    let mut buf = Vec::new();
    for (number, block) in (first..).zip(blocks) {
        grow_zeroed(&mut buf, block.stored_len() as usize)?;
        read_exact(file, &mut buf, block.offset)?;
        each(block, open_block(seed, number as u32, block, &buf)?)?;
    }
    Ok(())
}
