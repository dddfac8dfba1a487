//! Test of the test: small logs with known mistakes, and the enumerator must find each of them.
//!
//! A record is length, checksum and payload; recovery reads records until one does not fit. The variants
//! leave out what reliable logs do: cut the tail before appending, chain the checksums, sync the
//! directory before acknowledging, sync a file before renaming it, never trust a second sync.

use super::super::backend::{Access, Storage, StorageFile};
use super::{Fault, FaultAction, SimCall, SimDisk};
use std::io;
use std::sync::Arc;

const NAME: &str = "log";

/// What a log does right.
#[derive(Clone, Copy, Debug)]
struct Variant {
    cut_tail: bool,
    sync_cut: bool,
    chain: bool,
    sync_directory: bool,
    sync_before_rename: bool,
    distrust_failed_sync: bool,
}

const RIGHT: Variant = Variant {
    cut_tail: true,
    sync_cut: true,
    chain: true,
    sync_directory: true,
    sync_before_rename: true,
    distrust_failed_sync: true,
};

struct Log {
    file: Arc<dyn StorageFile>,
    variant: Variant,
    end: u64,
    last: u32,
    poisoned: bool,
}

fn checksum(seed: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&(payload.len() as u32).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

impl Log {
    fn create(disk: &SimDisk, variant: Variant, records: &[Vec<u8>]) -> io::Result<Self> {
        let _ = disk.remove("log.new");
        let file = disk.create_new("log.new")?;
        let mut log = Self {
            file,
            variant,
            end: 0,
            last: 0,
            poisoned: false,
        };
        for record in records {
            log.append(record)?;
        }
        if variant.sync_before_rename {
            log.file.sync_all()?;
        }
        disk.rename("log.new", NAME)?;
        if variant.sync_directory {
            disk.sync_dir()?;
        }
        if !variant.sync_before_rename {
            log.file.sync_all()?;
        }
        Ok(log)
    }

    fn open(disk: &SimDisk, variant: Variant) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let file = match disk.open(NAME, Access::ReadWrite) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Self::create(disk, variant, &[])?, Vec::new()));
            }
            Err(error) => return Err(error),
        };
        let size = file.size()?;
        let mut bytes = vec![0; size as usize];
        file.read_at(&mut bytes, 0)?;
        let (mut at, mut last, mut records) = (0, 0, Vec::new());
        while let Some(header) = bytes.get(at..at + 8) {
            let len = u32::from_le_bytes(header[..4].try_into().unwrap()) as usize;
            let crc = u32::from_le_bytes(header[4..].try_into().unwrap());
            let Some(payload) = bytes.get(at + 8..).and_then(|rest| rest.get(..len)) else {
                break;
            };
            let seed = if variant.chain { last } else { 0 };
            if len == 0 || crc != checksum(seed, payload) {
                break;
            }
            records.push(payload.to_vec());
            last = crc;
            at += 8 + len;
        }
        if variant.cut_tail && at as u64 != size {
            file.set_len(at as u64)?;
            if variant.sync_cut {
                file.sync_data()?;
            }
        }
        let log = Self {
            file,
            variant,
            end: at as u64,
            last,
            poisoned: false,
        };
        Ok((log, records))
    }

    fn append(&mut self, payload: &[u8]) -> io::Result<()> {
        let seed = if self.variant.chain { self.last } else { 0 };
        let crc = checksum(seed, payload);
        let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
        bytes.extend(crc.to_le_bytes());
        bytes.extend(payload);
        assert_eq!(self.file.write_at(&bytes, self.end)?, bytes.len());
        self.end += bytes.len() as u64;
        self.last = crc;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.poisoned {
            return Err(io::ErrorKind::Other.into());
        }
        let result = self.file.sync_data();
        self.poisoned = self.variant.distrust_failed_sync && result.is_err();
        result
    }
}

fn record(number: u8) -> Vec<u8> {
    // Not a divisor of the sector, so that records are torn.
    vec![number; 300]
}

/// A prefix of `sent` that holds the first `synced`.
fn is_wrong(found: &[Vec<u8>], sent: &[Vec<u8>], synced: usize) -> bool {
    found.len() < synced || found.len() > sent.len() || found != &sent[..found.len()]
}

#[derive(Default, Debug)]
struct Outcome {
    states: usize,
    wrong: usize,
}

/// Appends and syncs; crashes; recovers and appends other records; crashes again; recovers.
fn crash_twice(variant: Variant) -> Outcome {
    let mut outcome = Outcome::default();
    let disk = SimDisk::new();
    let mut sent = Vec::new();
    // (moment, records sent, records synced)
    let mut moments = vec![(0, 0, 0)];
    let mut log = Log::create(&disk, variant, &[]).unwrap();
    let mut synced = 0;
    for number in 1..=5 {
        sent.push(record(number));
        log.append(&sent[sent.len() - 1]).unwrap();
        moments.push((disk.ops(), sent.len(), synced));
        if number == 1 || number == 5 {
            log.sync().unwrap();
            synced = sent.len();
            moments.push((disk.ops(), sent.len(), synced));
        }
    }
    for at in disk.crash_points() {
        let &(_, sent_then, synced_then) = moments
            .iter()
            .rev()
            .find(|(moment, ..)| *moment <= at)
            .unwrap();
        // What was appended may be there as soon as the call was made.
        let possible = &sent[..sent_then];
        for first in disk.crash_states(at, 12, 200, 1) {
            outcome.states += 1;
            let (mut log, found) = match Log::open(&first, variant) {
                Ok(opened) => opened,
                Err(error) => panic!("{error}"),
            };
            if is_wrong(&found, possible, synced_then) {
                outcome.wrong += 1;
                continue;
            }
            // The same record that was lost: then what stands behind it on the disk fits again.
            let mut expected = found;
            let mut synced_again = expected.len();
            if !variant.sync_cut {
                synced_again = synced_then;
            }
            let mut steps = vec![(0, expected.len(), synced_again)];
            expected.push(record(expected.len() as u8 + 1));
            log.append(&expected[expected.len() - 1]).unwrap();
            steps.push((first.ops(), expected.len(), synced_again));
            log.sync().unwrap();
            steps.push((first.ops(), expected.len(), expected.len()));
            for at in first.crash_points() {
                let &(_, sent, synced) = steps
                    .iter()
                    .rev()
                    .find(|(moment, ..)| *moment <= at)
                    .unwrap();
                for second in first.crash_states(at, 6, 10, 2) {
                    outcome.states += 1;
                    let (_, found) = Log::open(&second, variant).unwrap();
                    if is_wrong(&found, &expected[..sent], synced) {
                        outcome.wrong += 1;
                    }
                }
            }
        }
    }
    outcome
}

/// Replaces the log by one with fewer records, as a compaction does, and crashes.
fn crash_while_replacing(variant: Variant) -> Outcome {
    let mut outcome = Outcome::default();
    let disk = SimDisk::new();
    let mut log = Log::create(&disk, RIGHT, &[record(1), record(2)]).unwrap();
    log.sync().unwrap();
    drop(log);
    let before = disk.ops();
    let mut log = Log::create(&disk, variant, &[record(1), record(2)]).unwrap();
    let replaced = disk.ops();
    log.append(&record(3)).unwrap();
    log.sync().unwrap();
    let acknowledged = disk.ops();
    let sent = [record(1), record(2), record(3)];
    for at in before..=acknowledged {
        let synced = if at >= acknowledged { 3 } else { 2 };
        let sent = &sent[..if at > replaced { 3 } else { 2 }];
        for image in disk.crash_states(at, 12, 100, 3) {
            outcome.states += 1;
            let (_, found) = Log::open(&image, variant).unwrap();
            outcome.wrong += usize::from(is_wrong(&found, sent, synced));
        }
    }
    outcome
}

/// A sync fails, the log goes on or not, and then the power fails.
fn crash_after_a_failed_sync(variant: Variant) -> Outcome {
    let mut outcome = Outcome::default();
    let disk = SimDisk::new();
    let mut log = Log::create(&disk, RIGHT, &[record(1)]).unwrap();
    log.variant = variant;
    log.append(&record(2)).unwrap();
    let fail = FaultAction::Fail(io::ErrorKind::Other);
    disk.inject(Fault::on(SimCall::Sync, 0, fail));
    log.sync().unwrap_err();
    let synced = if log.sync().is_ok() { 2 } else { 1 };
    for image in disk.crash_states(disk.ops(), 12, 0, 0) {
        outcome.states += 1;
        let (_, found) = Log::open(&image, variant).unwrap();
        outcome.wrong += usize::from(is_wrong(&found, &[record(1), record(2)], synced));
    }
    outcome
}

#[test]
fn a_right_log_survives_every_state() {
    let outcomes = [
        crash_twice(RIGHT),
        crash_while_replacing(RIGHT),
        crash_after_a_failed_sync(RIGHT),
    ];
    for outcome in &outcomes {
        assert_eq!(outcome.wrong, 0, "{outcomes:?}");
    }
    assert!(outcomes[0].states > 800, "{outcomes:?}");
}

#[test]
fn every_known_mistake_is_found() {
    let no_cut = Variant {
        cut_tail: false,
        ..RIGHT
    };
    let no_cut_no_chain = Variant {
        chain: false,
        ..no_cut
    };
    let no_directory_sync = Variant {
        sync_directory: false,
        ..RIGHT
    };
    let rename_first = Variant {
        sync_before_rename: false,
        ..RIGHT
    };
    let sync_retried = Variant {
        distrust_failed_sync: false,
        ..RIGHT
    };
    let outcomes = [
        ("no cut, no chain", crash_twice(no_cut_no_chain)),
        ("no cut", crash_twice(no_cut)),
        (
            "no directory sync",
            crash_while_replacing(no_directory_sync),
        ),
        ("rename before sync", crash_while_replacing(rename_first)),
        ("sync retried", crash_after_a_failed_sync(sync_retried)),
    ];
    for (name, outcome) in &outcomes {
        assert!(outcome.wrong > 0, "{name}: {outcome:?}");
    }
}
