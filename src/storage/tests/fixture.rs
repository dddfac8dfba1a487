//! A loader that remembers what it was given, and short ways to open.

use std::sync::Arc;

use parking_lot::Mutex;

use super::super::sim::SimDisk;
use super::super::*;

pub(super) const NAME: &str = "db.nacre";

/// What a file held: blocks by shard, then frames in order.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) info: Mutex<Option<FileInfo>>,
    pub(super) blocks: Mutex<Vec<(u32, Vec<u8>)>>,
    pub(super) frames: Mutex<Vec<Vec<u8>>>,
}

impl Content {
    /// Blocks in a fixed order, then frames, as one list.
    pub(super) fn all(&self) -> Vec<Vec<u8>> {
        let mut blocks = self.blocks.lock().clone();
        blocks.sort();
        let blocks = blocks.into_iter().map(|(_, payload)| payload);
        blocks.chain(self.frames.lock().clone()).collect()
    }
}

impl Loader for Content {
    fn begin(&self, info: &FileInfo) -> Result<(), StorageError> {
        *self.info.lock() = Some(info.clone());
        Ok(())
    }

    fn block(&self, shard: u32, payload: &[u8]) -> Result<(), BadPayload> {
        if payload == b"refused" {
            return Err(BadPayload { what: "refused" });
        }
        self.blocks.lock().push((shard, payload.to_vec()));
        Ok(())
    }

    fn frame(&self, _: u64, _: u64, payload: &[u8]) -> Result<(), BadPayload> {
        if payload == b"refused" {
            return Err(BadPayload { what: "refused" });
        }
        self.frames.lock().push(payload.to_vec());
        Ok(())
    }
}

/// splitmix64.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// A stamp whose random bytes depend on `n`.
pub(super) fn stamp(n: u64) -> Stamp {
    let mut random = Random(n);
    let mut bytes = [0; 32];
    for part in bytes.chunks_exact_mut(8) {
        part.copy_from_slice(&random.next().to_le_bytes());
    }
    Stamp {
        unix_ms: 1_700_000_000_000 + n * 1000,
        random: bytes,
    }
}

pub(super) fn options(n: u64) -> OpenOptions {
    let mut options = OpenOptions::new(stamp(n));
    options.limits.max_reserve_bytes = 0;
    options
}

pub(super) fn open(disk: &SimDisk, n: u64) -> Result<(Store, OpenReport, Content), StorageError> {
    let content = Content::default();
    let (store, report) = Store::open(Arc::new(disk.clone()), NAME, &options(n), &content)?;
    Ok((store, report, content))
}

/// Opens read-only: neither changes the disk nor needs its lock.
pub(super) fn peek(disk: &SimDisk) -> Result<(OpenReport, Content), StorageError> {
    let content = Content::default();
    let mut options = options(0);
    options.read_only = true;
    let (_, report) = Store::open(Arc::new(disk.clone()), NAME, &options, &content)?;
    Ok((report, content))
}

pub(super) fn put(store: &Store, payload: &[u8], ack: Ack) -> Result<u64, StorageError> {
    store.log().check_writable()?;
    let appended = store.log().append(1_700_000_000_000, 1, payload)?;
    store.log().commit(appended.end_lsn, ack)?;
    Ok(appended.end_lsn)
}

/// Compacts to a snapshot with one block per payload.
pub(super) fn compact(
    store: &Store,
    n: u64,
    snapshot_lsn: u64,
    blocks: &[&[u8]],
) -> Result<CompactionReport, StorageError> {
    let mut compaction = store.begin_compaction(&plan(n, snapshot_lsn))?;
    for (shard, block) in blocks.iter().enumerate() {
        compaction.write_block(shard as u32, 1, block)?;
    }
    compaction.finish()
}

pub(super) fn plan(n: u64, snapshot_lsn: u64) -> CompactionPlan {
    CompactionPlan {
        snapshot_lsn,
        app: [3; 64],
        estimate_bytes: 0,
        stamp: stamp(n),
    }
}
