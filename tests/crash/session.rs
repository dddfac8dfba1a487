//! A small engine over the store: an ordered list of transactions, snapshots of it, and a record of what
//! was promised when.
//!
//! Invariants:
//! 1. The n-th transaction of a generation has the same bytes in every run, so that a transaction that was
//!    lost and written again meets its own remains on the disk.
//! 2. `trail` tells for every moment of the disk what had been sent by then and what had been promised.

use crate::promise::Moment;
use nacredb::StorageError;
use nacredb::storage::sim::SimDisk;
use nacredb::storage::{
    Ack, BadPayload, CompactionPlan, FileInfo, Loader, LogLimits, OpenOptions, OpenReport, Stamp,
    Store,
};
use parking_lot::Mutex;
use std::sync::Arc;

pub(crate) const NAME: &str = "db.nacre";

/// A transaction: the how-many-eth it is, and which run of the program sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tx {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// What the sizes and the bytes of transactions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Payload lengths vary between these, in bytes.
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// A transaction of a later run has the same bytes as the one it stands for.
    pub(crate) repeats: bool,
}

pub(crate) fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Shape {
    fn payload(self, tx: Tx) -> Vec<u8> {
        let span = u64::from(self.max - self.min + 1);
        let len = u64::from(self.min) + mix(u64::from(tx.index)) % span;
        let mut bytes = Vec::with_capacity(len as usize + 8);
        bytes.extend(tx.index.to_le_bytes());
        bytes.extend(tx.generation.to_le_bytes());
        bytes.resize(8 + len as usize, (tx.index + 1) as u8);
        bytes
    }
}

fn parse(shape: Shape, payload: &[u8]) -> Result<Tx, BadPayload> {
    let word = |at: usize| {
        let bytes = payload
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_le_bytes).ok_or(BadPayload {
            what: "a transaction without a head",
        })
    };
    let tx = Tx {
        index: word(0)?,
        generation: word(4)?,
    };
    if payload != shape.payload(tx) {
        return Err(BadPayload {
            what: "a transaction that is not whole",
        });
    }
    Ok(tx)
}

/// Collects what an open finds.
struct Collector {
    shape: Shape,
    found: Mutex<Vec<Tx>>,
}

impl Loader for Collector {
    fn begin(&self, _info: &FileInfo) -> Result<(), StorageError> {
        Ok(())
    }

    fn block(&self, _shard: u32, payload: &[u8]) -> Result<(), BadPayload> {
        let mut found = self.found.lock();
        for pair in payload.chunks(8) {
            let (index, generation) = pair.split_at(4);
            found.push(Tx {
                index: u32::from_le_bytes(index.try_into().unwrap()),
                generation: u32::from_le_bytes(generation.try_into().unwrap()),
            });
        }
        Ok(())
    }

    fn frame(&self, _lsn: u64, _end_lsn: u64, payload: &[u8]) -> Result<(), BadPayload> {
        self.found.lock().push(parse(self.shape, payload)?);
        Ok(())
    }
}

/// An open database, and what it has promised.
pub(crate) struct Session {
    pub(crate) disk: SimDisk,
    pub(crate) store: Store,
    pub(crate) shape: Shape,
    pub(crate) content: Vec<Tx>,
    pub(crate) trail: Vec<Moment>,
    ends: Vec<u64>,
    generation: u32,
    seed: u64,
    stamps: u64,
    now_ms: u64,
    written: usize,
    durable: usize,
}

fn stamp(seed: u64, generation: u32, number: u64, unix_ms: u64) -> Stamp {
    let mut random = [0; 32];
    for (at, chunk) in random.chunks_mut(8).enumerate() {
        let word = mix(seed ^ mix(u64::from(generation) << 32 | number << 8 | at as u64));
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    Stamp { unix_ms, random }
}

impl Session {
    /// Opens the database or makes it, as run `generation`. No two runs on one disk may have the same number.
    pub(crate) fn open(
        disk: &SimDisk,
        shape: Shape,
        generation: u32,
        seed: u64,
    ) -> Result<(Self, OpenReport), StorageError> {
        let now_ms = 1_000_000 + u64::from(generation) * 100_000;
        let mut options = OpenOptions::new(stamp(seed, generation, 0, now_ms));
        options.limits = LogLimits {
            max_reserve_bytes: 4096,
            ..LogLimits::default()
        };
        let collector = Collector {
            shape,
            found: Mutex::new(Vec::new()),
        };
        let (store, report) = Store::open(Arc::new(disk.clone()), NAME, &options, &collector)?;
        let content = collector.found.into_inner();
        let known = content.len();
        let moment = Moment {
            ops: disk.ops(),
            begun: known,
            written: known,
            durable: known,
        };
        let session = Self {
            disk: disk.clone(),
            store,
            shape,
            ends: vec![0; known],
            content,
            trail: vec![moment],
            generation,
            seed,
            stamps: 1,
            now_ms,
            written: known,
            durable: known,
        };
        Ok((session, report))
    }

    pub(crate) fn note(&mut self) {
        let log = self.store.log();
        let below = |lsn: u64| self.ends.iter().take_while(|&&end| end <= lsn).count();
        self.durable = self.durable.max(below(log.durable_lsn()));
        if log.needs_heal() {
            // A sync failed: the system may drop what it could not write.
            self.written = self.durable;
        }
        self.written = self.written.max(self.durable);
        self.trail.push(Moment {
            ops: self.disk.ops(),
            begun: self.content.len(),
            written: self.written,
            durable: self.durable,
        });
    }

    /// Sends one transaction and waits as long as `ack` says.
    pub(crate) fn append(&mut self, ack: Ack) -> Result<(), StorageError> {
        self.store.log().check_writable()?;
        let tx = Tx {
            index: self.content.len() as u32,
            generation: if self.shape.repeats {
                0
            } else {
                self.generation
            },
        };
        self.now_ms += 7;
        let payload = self.shape.payload(tx);
        let appended = self.store.log().append(self.now_ms, 1, &payload)?;
        self.content.push(tx);
        self.ends.push(appended.end_lsn);
        self.note();
        let result = self.store.log().commit(appended.end_lsn, ack);
        if result.is_ok() {
            match ack {
                Ack::Always => {
                    self.durable = self.content.len();
                    self.written = self.content.len();
                }
                Ack::EverySec | Ack::No => self.written = self.content.len(),
                Ack::Buffered => {}
            }
        }
        self.note();
        result
    }

    pub(crate) fn flush(&mut self) -> Result<(), StorageError> {
        let result = self.store.log().flush();
        if result.is_ok() {
            self.written = self.content.len();
        }
        self.note();
        result
    }

    pub(crate) fn sync(&mut self) -> Result<(), StorageError> {
        let result = self.store.log().sync();
        if result.is_ok() {
            self.durable = self.content.len();
            self.written = self.content.len();
        }
        self.note();
        result
    }

    /// Lets `by_ms` pass and calls what the engine's thread calls.
    pub(crate) fn tick(&mut self, by_ms: u64) -> Result<(), StorageError> {
        self.now_ms += by_ms;
        let result = self.store.log().tick(self.now_ms);
        self.note();
        result
    }

    /// Writes a snapshot and swaps it in; `beside` transactions are sent between the two.
    pub(crate) fn compact(&mut self, beside: &[Ack]) -> Result<(), StorageError> {
        let number = self.stamps;
        self.stamps += 1;
        self.now_ms += 3;
        let plan = CompactionPlan {
            snapshot_lsn: self.store.log().end_lsn(),
            app: [0; 64],
            estimate_bytes: 2048,
            stamp: stamp(self.seed, self.generation, number, self.now_ms),
        };
        let snapshot = self.content.clone();
        let result = self.compact_as(&plan, &snapshot, beside);
        if result.is_ok() {
            self.durable = self.content.len();
            self.written = self.content.len();
        }
        self.note();
        result
    }

    fn compact_as(
        &mut self,
        plan: &CompactionPlan,
        snapshot: &[Tx],
        beside: &[Ack],
    ) -> Result<(), StorageError> {
        let mut compaction = self.store.begin_compaction(plan)?;
        for (shard, part) in snapshot.chunks(4).enumerate() {
            let mut payload = Vec::new();
            for tx in part {
                payload.extend(tx.index.to_le_bytes());
                payload.extend(tx.generation.to_le_bytes());
            }
            compaction.write_block(shard as u32, part.len() as u32, &payload)?;
        }
        for &ack in beside {
            // A refused write is the writer's affair, not the compaction's.
            let _ = self.append(ack);
        }
        compaction.finish()?;
        Ok(())
    }

    /// Brings a poisoned or full log back, as the engine does. `Ok` if it is writable then.
    pub(crate) fn heal(&mut self) -> Result<(), StorageError> {
        for _ in 0..3 {
            if self.store.log().check_writable().is_ok() {
                return Ok(());
            }
            let _ = self.compact(&[]);
        }
        self.store.log().check_writable()
    }

    pub(crate) fn close(mut self) -> (Vec<Tx>, Vec<Moment>, Result<(), StorageError>) {
        let result = self.store.close(self.now_ms);
        if result.is_ok() {
            self.durable = self.content.len();
            self.written = self.content.len();
        } else {
            // Perhaps because of a sync, after which the log is no more able to say so.
            self.written = self.durable;
        }
        self.note();
        let trail = std::mem::take(&mut self.trail);
        (std::mem::take(&mut self.content), trail, result)
    }
}
