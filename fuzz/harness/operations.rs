//! Target `operations`: typed operations on a database in a file, on transactions that commit and
//! that do not, on snapshots and on forks, against a plain map. Also: time, closing and reopening,
//! compaction. Every answer and the whole content must be the map's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nacredb::prelude::*;
use nacredb::storage::check;
use nacredb::storage::memory::MemoryStorage;
use nacredb::{BitOp, BitRange, CommandError, Db, Error, ManualClock, Snapshot};

use super::collections::Collections;
use super::disk::NAME;
use super::input::Input;

/// More than this makes an input slow, not deep.
const STEPS_MAX: usize = 400;
/// Snapshots and forks alive at once.
const KEPT_MAX: usize = 4;
const START_MS: u64 = 1_000_000;

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    value: Vec<u8>,
    deadline: Option<u64>,
}

type Strings = BTreeMap<Vec<u8>, Entry>;

/// Strings, and collections under keys that no string has.
#[derive(Debug, Clone, Default)]
struct Model {
    strings: Strings,
    collections: Collections,
}

/// Something that can be read and written, and what it should hold.
struct World {
    db: Db,
    model: Model,
    /// What its clock shows; a fork has a clock of its own.
    now_ms: u64,
}

impl World {
    /// Removes what has expired from the model: a key lives in the millisecond it names.
    fn expire(&mut self) {
        let now_ms = self.now_ms;
        self.model
            .strings
            .retain(|_, entry| entry.deadline.is_none_or(|at_ms| at_ms >= now_ms));
        self.model.collections.expire(now_ms);
    }
}

struct Run<'a> {
    input: Input<'a>,
    clock: Arc<ManualClock>,
    disk: Arc<MemoryStorage>,
    worlds: Vec<World>,
    snapshots: Vec<(Snapshot, Model)>,
}

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let clock = Arc::new(ManualClock::new(START_MS));
    let disk = Arc::new(MemoryStorage::new());
    let shard_bits = u32::from(input.byte() % 7);
    let db = open(&disk, &clock, shard_bits);
    let mut run = Run {
        input,
        clock,
        disk,
        worlds: vec![World {
            db,
            model: Model::default(),
            now_ms: START_MS,
        }],
        snapshots: Vec::new(),
    };
    for _ in 0..STEPS_MAX {
        if run.input.is_empty() {
            break;
        }
        run.step();
    }
    for (snapshot, model) in &run.snapshots {
        assert_holds(snapshot, model);
    }
    for world in &mut run.worlds {
        world.expire();
        assert_holds(&world.db, &world.model);
    }
    run.reopen();
    assert!(check(run.disk.as_ref(), NAME).expect("readable").is_sound());
}

fn open(disk: &Arc<MemoryStorage>, clock: &Arc<ManualClock>, shard_bits: u32) -> Db {
    Db::builder()
        .storage(disk.clone())
        .clock(clock.clone())
        .seed(1)
        .shard_bits(shard_bits)
        .load_threads(1)
        .open(NAME)
        .expect("opened")
}

/// Panics unless the keyspace holds exactly this.
fn assert_holds(keyspace: &impl nacredb::RunRead, model: &Model) {
    let mut keys = keyspace.keys("*").expect("keys");
    keys.sort();
    let mut expected: Vec<_> = model.strings.keys().cloned().collect();
    expected.extend(model.collections.keys().cloned());
    expected.sort();
    assert_eq!(keys, expected, "keys");
    model.collections.assert_held(keyspace);
    for (key, entry) in &model.strings {
        let value = keyspace.get(key).expect("a value");
        assert_eq!(value.as_ref(), Some(&entry.value), "{key:?}");
        let deadline = keyspace.expires_at_ms(key).expect("a deadline").ms();
        assert_eq!(deadline, entry.deadline, "deadline of {key:?}");
    }
}

impl Run<'_> {
    fn step(&mut self) {
        match self.input.byte() {
            choice @ 0..=179 => {
                let at = self.input.below(self.worlds.len());
                let world = &mut self.worlds[at];
                world.expire();
                let World { db, model, now_ms } = world;
                act(choice, &mut self.input, db, model, *now_ms);
            }
            180..=209 => self.transaction(),
            210..=219 => {
                let at = self.input.below(self.worlds.len());
                if self.snapshots.len() >= KEPT_MAX {
                    let oldest = self.input.below(self.snapshots.len());
                    let (snapshot, model) = self.snapshots.remove(oldest);
                    assert_holds(&snapshot, &model);
                }
                let world = &mut self.worlds[at];
                world.expire();
                let snapshot = world.db.snapshot().expect("a snapshot");
                self.snapshots.push((snapshot, world.model.clone()));
            }
            220..=227 => {
                if self.worlds.len() >= KEPT_MAX {
                    let mut gone = self.worlds.pop().expect("a fork");
                    gone.expire();
                    assert_holds(&gone.db, &gone.model);
                }
                let world = &self.worlds[self.input.below(self.worlds.len())];
                let fork = World {
                    db: world.db.fork().expect("a fork"),
                    model: world.model.clone(),
                    now_ms: world.now_ms,
                };
                self.worlds.push(fork);
            }
            228..=239 => {
                let at = self.input.below(self.worlds.len());
                let by_ms = u64::from(self.input.byte());
                let world = &mut self.worlds[at];
                world.now_ms += by_ms;
                let by = Duration::from_millis(by_ms);
                world.db.advance(by).expect("a manual clock");
            }
            240..=244 => self.reopen(),
            245..=249 => {
                self.worlds[0].db.compact().expect("compacted");
            }
            _ => {
                let at = self.input.below(self.worlds.len());
                let world = &mut self.worlds[at];
                world.expire();
                assert_holds(&world.db, &world.model);
            }
        }
    }

    /// Several operations that take effect together, or not at all.
    fn transaction(&mut self) {
        let at = self.input.below(self.worlds.len());
        let steps = 1 + self.input.below(8);
        let commits = self.input.below(3) > 0;
        let world = &mut self.worlds[at];
        world.expire();
        let World { db, model, now_ms } = world;
        let before = model.clone();
        let input = &mut self.input;
        let outcome = db.transaction(|tx| {
            for _ in 0..steps {
                act(input.byte(), input, tx, model, *now_ms);
            }
            if commits {
                Ok(())
            } else {
                Err(Error::Command(CommandError::NoSuchKey))
            }
        });
        match outcome {
            Ok(()) => assert!(commits),
            Err(Error::Command(CommandError::NoSuchKey)) => {
                assert!(!commits);
                *model = before;
            }
            Err(error) => panic!("the transaction fails: {error}"),
        }
    }

    /// The first database, from its file.
    fn reopen(&mut self) {
        let world = &mut self.worlds[0];
        world.expire();
        let World { db, model, .. } = world;
        db.close().expect("closed");
        let closed = db.get("a");
        assert!(closed.is_err(), "a closed handle answers {closed:?}");
        *db = open(&self.disk, &self.clock, 3);
        assert_holds(db, model);
        assert!(db.open_report().is_some_and(|report| report.clean));
    }
}

fn key(input: &mut Input<'_>) -> Vec<u8> {
    match input.byte() {
        choice @ 0..=219 => vec![b'a' + choice % 8],
        220..=229 => Vec::new(),
        choice => vec![choice; usize::from(input.byte())],
    }
}

fn value(input: &mut Input<'_>) -> Vec<u8> {
    match input.byte() {
        0..=99 => input.some_bytes(40).to_vec(),
        100..=199 => (input.number() as i64).to_string().into_bytes(),
        choice => vec![choice; usize::from(input.short()) % 6000],
    }
}

/// A number as Redis reads it: no sign but a minus, no leading zeros.
fn integer(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// One operation on both sides, on a string or on a collection.
fn act(
    choice: u8,
    input: &mut Input<'_>,
    db: &impl nacredb::RunWrite,
    model: &mut Model,
    now_ms: u64,
) {
    if choice.is_multiple_of(2) {
        operate(input, db, &mut model.strings, now_ms);
    } else {
        model.collections.operate(input, db, now_ms);
    }
}

/// One operation on a string on both sides.
fn operate(input: &mut Input<'_>, db: &impl nacredb::RunWrite, model: &mut Strings, now_ms: u64) {
    let target = key(input);
    let held = model.get(&target).cloned();
    match input.below(20) {
        0..=2 => {
            let value = value(input);
            db.set(&target, &value).expect("SET");
            let deadline = None;
            model.insert(target, Entry { value, deadline });
        }
        3 | 4 => {
            let bytes = value(input);
            let len = db.append(&target, &bytes).expect("APPEND");
            let entry = model.entry(target).or_insert(Entry {
                value: Vec::new(),
                deadline: None,
            });
            entry.value.extend_from_slice(&bytes);
            assert_eq!(len, entry.value.len() as u64, "APPEND");
        }
        5 | 6 => {
            let offset = usize::from(input.short()) % 9000;
            let bytes = value(input);
            let len = db
                .set_range(&target, offset as u64, &bytes)
                .expect("SETRANGE");
            let mut entry = held.unwrap_or(Entry {
                value: Vec::new(),
                deadline: None,
            });
            if !bytes.is_empty() {
                let end = offset + bytes.len();
                entry.value.resize(entry.value.len().max(end), 0);
                entry.value[offset..end].copy_from_slice(&bytes);
                model.insert(target, entry.clone());
            }
            assert_eq!(len, entry.value.len() as u64, "SETRANGE");
        }
        7 => {
            let by = input.number() as i64;
            let answer = db.incr_by(&target, by);
            let current = held.as_ref().map_or(Some(0), |entry| integer(&entry.value));
            match (current, current.and_then(|number| number.checked_add(by))) {
                (None, _) => {
                    let refused = Err(CommandError::NotAnInteger);
                    assert_eq!(answer.map_err(command_error), refused);
                }
                (Some(_), None) => {
                    assert_eq!(answer.map_err(command_error), Err(CommandError::Overflow));
                }
                (Some(_), Some(sum)) => {
                    assert_eq!(answer.expect("INCRBY"), sum);
                    let deadline = held.and_then(|entry| entry.deadline);
                    let value = sum.to_string().into_bytes();
                    model.insert(target, Entry { value, deadline });
                }
            }
        }
        8 => {
            let removed = db.del(&target).expect("DEL");
            assert_eq!(removed, model.remove(&target).is_some(), "DEL");
        }
        9 => {
            let to = key(input);
            let answer = db.rename(&target, &to);
            match model.remove(&target) {
                None => assert_eq!(answer.map_err(command_error), Err(CommandError::NoSuchKey)),
                Some(entry) => {
                    answer.expect("RENAME");
                    model.insert(to, entry);
                }
            }
        }
        10 => {
            let to = key(input);
            let replace = input.flag();
            if to != target {
                let copied = db.copy(&target, &to, replace).expect("COPY");
                let copies = held.is_some() && (replace || !model.contains_key(&to));
                assert_eq!(copied, copies, "COPY");
                if let (true, Some(entry)) = (copies, held) {
                    model.insert(to, entry);
                }
            }
        }
        11 | 12 => {
            let at_ms = now_ms.saturating_sub(50) + u64::from(input.byte());
            let found = db.expire_at_ms(&target, at_ms).expect("PEXPIREAT");
            assert_eq!(found, held.is_some(), "PEXPIREAT");
            if at_ms <= now_ms {
                model.remove(&target);
            } else if let Some(entry) = model.get_mut(&target) {
                entry.deadline = Some(at_ms);
            }
        }
        13 => {
            let had = db.persist(&target).expect("PERSIST");
            let entry = model.get_mut(&target);
            let deadline = entry.and_then(|entry| entry.deadline.take());
            assert_eq!(had, deadline.is_some(), "PERSIST");
        }
        14 => {
            let pairs: Vec<_> = (0..1 + input.below(4))
                .map(|_| (key(input), value(input)))
                .collect();
            db.mset(pairs.iter().map(|(key, value)| (key, value)))
                .expect("MSET");
            for (key, value) in pairs {
                let deadline = None;
                model.insert(key, Entry { value, deadline });
            }
        }
        15 | 16 => {
            let bit = usize::from(input.short()) % 70_000;
            let on = input.flag();
            let old = db.setbit(&target, bit as u64, on).expect("SETBIT");
            let entry = model.entry(target).or_insert(Entry {
                value: Vec::new(),
                deadline: None,
            });
            let len = entry.value.len().max(bit / 8 + 1);
            entry.value.resize(len, 0);
            let (byte, mask) = (&mut entry.value[bit / 8], 0x80 >> (bit % 8));
            assert_eq!(old, *byte & mask != 0, "SETBIT");
            *byte = if on { *byte | mask } else { *byte & !mask };
        }
        17 => {
            let value = held.map(|entry| entry.value).unwrap_or_default();
            let ones: u32 = value.iter().map(|byte| byte.count_ones()).sum();
            let count = db.bitcount(&target, BitRange::all()).expect("BITCOUNT");
            assert_eq!(count, u64::from(ones), "BITCOUNT");
        }
        18 => {
            let from: Vec<_> = (0..1 + input.below(3)).map(|_| key(input)).collect();
            let (op, join): (_, fn(u8, u8) -> u8) = match input.below(3) {
                0 => (BitOp::And, |left, right| left & right),
                1 => (BitOp::Or, |left, right| left | right),
                _ => (BitOp::Xor, |left, right| left ^ right),
            };
            let values: Vec<&[u8]> = from
                .iter()
                .map(|key| model.get(key).map_or(&[][..], |entry| &entry.value))
                .collect();
            let len = values.iter().map(|value| value.len()).max().unwrap_or(0);
            let byte = |value: &[u8], at: usize| value.get(at).copied().unwrap_or(0);
            let joined = |at: usize| {
                let first = byte(values[0], at);
                values[1..]
                    .iter()
                    .fold(first, |all, value| join(all, byte(value, at)))
            };
            let value: Vec<u8> = (0..len).map(joined).collect();
            let answer = db.bitop(op, &target, &from).expect("BITOP");
            assert_eq!(answer, len as u64, "BITOP");
            if len == 0 {
                model.remove(&target);
            } else {
                let deadline = None;
                model.insert(target, Entry { value, deadline });
            }
        }
        _ => {
            let (start, end) = (input.number() as i64, input.number() as i64);
            let found = db.get_range(&target, start, end).expect("GETRANGE");
            let value = held.map(|entry| entry.value).unwrap_or_default();
            assert_eq!(found, slice(&value, start, end), "GETRANGE {start} {end}");
        }
    }
}

/// Redis's range: negative positions count from the end, everything is clamped.
fn slice(value: &[u8], start: i64, end: i64) -> Vec<u8> {
    let len = value.len() as i128;
    let place = |position: i64| match i128::from(position) {
        position if position < 0 => (len + position).max(0),
        position => position,
    };
    // Both before the first byte and in the wrong order: nothing, although clamping makes them equal.
    if start < 0 && end < 0 && start > end {
        return Vec::new();
    }
    let (start, end) = (place(start), (place(end) + 1).min(len));
    if start >= end {
        return Vec::new();
    }
    value[start as usize..end as usize].to_vec()
}

fn command_error(error: Error) -> CommandError {
    match error {
        Error::Command(error) => error,
        other => panic!("not a command's error: {other}"),
    }
}
