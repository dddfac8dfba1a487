//! NacreDB as a contestant: in memory, and on a file in each class of acknowledgement.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nacredb::prelude::*;
use nacredb::{Ack, Builder, CompactionPolicy, Db, Error, Reply};
use tempfile::TempDir;

use super::bitmap::Bitmaps;
use super::data::{Calls, Key, Values, first8};
use super::durable::Durable;
use super::stall::Compacts;
use super::store::Store;

/// How long `Buffered` may keep writes to itself here: as long as kevy-embedded's tick.
pub(crate) const WINDOW: Duration = Duration::from_millis(100);

/// A database and, if it has a file, the directory of that file.
#[derive(Debug, Clone)]
pub(crate) struct Nacre {
    pub(crate) db: Db,
    ack: Option<Ack>,
    directory: Option<Arc<TempDir>>,
}

/// Without compactions that a bench did not ask for.
pub(crate) fn builder(ack: Ack) -> Builder {
    let policy = CompactionPolicy {
        growth_percent: 0,
        ..CompactionPolicy::default()
    };
    Db::builder().ack(ack).compaction(policy)
}

impl Nacre {
    /// In memory.
    pub(crate) fn in_memory() -> Self {
        Self {
            db: Db::open_in_memory(),
            ack: None,
            directory: None,
        }
    }

    /// On a new file.
    pub(crate) fn on_file(ack: Ack) -> Self {
        let directory = Arc::new(super::scratch());
        let db = builder(ack)
            .open(directory.path().join("bench.nacre"))
            .expect("opens");
        Self {
            db,
            ack: Some(ack),
            directory: Some(directory),
        }
    }

    /// Where its file is.
    pub(crate) fn path(&self) -> PathBuf {
        let directory = self.directory.as_ref().expect("on a file");
        directory.path().join("bench.nacre")
    }

    /// Closes it and opens the file again.
    pub(crate) fn reopen(self) -> Self {
        let path = self.path();
        self.db.close().expect("closes");
        let Self { db, ack, directory } = self;
        drop(db);
        let db = builder(ack.unwrap_or_default())
            .open(path)
            .expect("opens again");
        Self { db, ack, directory }
    }

    /// Runs a command that answers a number.
    pub(crate) fn number(&self, words: &[&[u8]]) -> u64 {
        match self.db.execute(words) {
            Ok(Reply::Int(number)) => u64::try_from(number).expect("not negative"),
            other => panic!("{:?} answered {other:?}", String::from_utf8_lossy(words[0])),
        }
    }
}

impl Store for Nacre {
    #[inline]
    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.db.set(key, value).expect("written");
    }

    #[inline]
    fn visit8(&mut self, key: &[u8]) -> u64 {
        self.db.get_with(key, first8).expect("read").expect("there")
    }

    #[inline]
    fn copy8(&mut self, key: &[u8]) -> u64 {
        first8(&std::hint::black_box(
            self.db.get(key).expect("read").expect("there"),
        ))
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.db.get(key).expect("read")
    }

    fn count(&mut self) -> u64 {
        self.db.stats().expect("open").keys
    }

    fn remove(&mut self, key: &[u8]) {
        assert!(self.db.del(key).expect("removed"), "there");
    }

    fn handle(&self) -> Option<Self> {
        Some(self.clone())
    }

    /// Where every write waits for the disk, a thousand at a time.
    fn load(&mut self, calls: &Calls, values: &Values, version: u32) {
        if self.ack != Some(Ack::Always) {
            return self.set_all(calls, values, version);
        }
        let calls: Vec<(&Key, &u32)> = calls.keys.iter().zip(&calls.indices).collect();
        for some in calls.chunks(1000) {
            let written: Result<(), Error> = self.db.transaction(|tx| {
                some.iter()
                    .try_for_each(|&(key, &index)| tx.set(key, values.of(index, version)))
            });
            written.expect("written");
        }
    }

    fn writes_max(&self) -> usize {
        if self.ack == Some(Ack::Always) {
            super::synced_writes_max()
        } else {
            usize::MAX
        }
    }
}

impl Durable for Nacre {
    fn reopen(self) -> Self {
        Self::reopen(self)
    }
}

impl Compacts for Nacre {
    fn compact(&mut self) {
        self.db.compact().expect("compacted");
    }

    fn reopen(self) -> Self {
        Self::reopen(self)
    }
}

impl Bitmaps for Nacre {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.db.set(key, value).expect("written");
    }

    fn set_bit(&mut self, key: &[u8], offset: u64, on: bool) -> bool {
        let (offset, on) = (offset.to_string(), if on { "1" } else { "0" });
        self.number(&[b"SETBIT", key, offset.as_bytes(), on.as_bytes()]) == 1
    }

    fn count_bits(&mut self, key: &[u8], range: Option<(i64, i64)>) -> u64 {
        match range {
            None => self.number(&[b"BITCOUNT", key]),
            Some((from, to)) => {
                let (from, to) = (from.to_string(), to.to_string());
                self.number(&[b"BITCOUNT", key, from.as_bytes(), to.as_bytes()])
            }
        }
    }

    fn count_any(&mut self, keys: &[Vec<u8>]) -> u64 {
        let mut words: Vec<&[u8]> = vec![b"BITOP", b"OR", b"any"];
        words.extend(keys.iter().map(Vec::as_slice));
        self.number(&words);
        self.number(&[b"BITCOUNT", b"any"])
    }

    fn remove(&mut self, key: &[u8]) {
        self.number(&[b"DEL", key]);
    }

    fn far_keys(&self) -> u64 {
        1000
    }
}

/// Makes a file below `directory` from what `load` writes, compacted into a snapshot or left a log.
pub(crate) fn fill(directory: &Path, sealed: bool, load: &mut dyn FnMut(&mut Nacre)) {
    let db = builder(Ack::Buffered(WINDOW))
        .open(directory.join("bench.nacre"))
        .expect("opens");
    let mut nacre = Nacre {
        db,
        ack: None,
        directory: None,
    };
    load(&mut nacre);
    if sealed {
        nacre.db.compact().expect("compacted");
    }
    nacre.db.close().expect("closes");
}

/// Opens what [`fill`] made.
pub(crate) fn open_with(directory: &Path, threads: usize) -> Nacre {
    let path = directory.join("bench.nacre");
    let db = builder(Ack::EverySec)
        .load_threads(threads)
        .open(path)
        .expect("opens");
    Nacre {
        db,
        ack: None,
        directory: None,
    }
}
