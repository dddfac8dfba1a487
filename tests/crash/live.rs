//! An open database on a simulated disk that writes down, after every commit, what it holds and what it has
//! promised.
//!
//! Invariants:
//! 1. One commit changes the content once: `states[n]` is what readers saw after the n-th.
//! 2. `moments` tells for every moment of the disk how many commits had begun and how many were promised to
//!    survive which end. A promise is noted after it was made, a commit before it begins.

use crate::commands::{Chance, DATABASES, Words, command};
use crate::promise::{End, Moment, bounds};
use crate::session::NAME;
use nacredb::prelude::*;
use nacredb::storage::sim::SimDisk;
use nacredb::{
    Ack, CompactionPolicy, CompactionRequest, Db, Error, FieldTtl, KeyType, ManualClock, Session,
    Snapshot, ZRange,
};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// What a key holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Held {
    /// With the name of its encoding, which tells whether it was edited in place.
    String(Vec<u8>, Vec<u8>),
    List(Vec<Vec<u8>>),
    /// Fields with their values and deadlines.
    Hash(BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>),
    Set(BTreeSet<Vec<u8>>),
    /// In order, with the bits of the scores.
    SortedSet(Vec<(Vec<u8>, u64)>),
}

/// Everything there is to see: database and key, value, the key's deadline.
pub(crate) type Content = BTreeMap<(u8, Vec<u8>), (Held, Option<u64>)>;

fn held(snapshot: &Snapshot, key: &[u8], key_type: KeyType) -> Result<Held, Error> {
    Ok(match key_type {
        KeyType::String => {
            let encoding = snapshot.object_encoding(key)?;
            let encoding = encoding.map_or(Vec::new(), |name| name.as_bytes().to_vec());
            Held::String(snapshot.get(key)?.unwrap_or_default(), encoding)
        }
        KeyType::List => Held::List(snapshot.lrange(key, 0, -1)?),
        KeyType::Hash => {
            let pairs = snapshot.hget_all(key)?;
            let fields: Vec<&[u8]> = pairs.iter().map(|(field, _)| field.as_slice()).collect();
            let deadlines = snapshot.hexpires_at_ms(key, &fields)?;
            let at_ms = |deadline| match deadline {
                FieldTtl::Ms(at_ms) => Some(at_ms),
                FieldTtl::Never => None,
                FieldTtl::NoField => panic!("a field is there and is not"),
            };
            let pairs = pairs.iter().cloned().zip(deadlines);
            let fields = pairs.map(|((field, value), deadline)| (field, (value, at_ms(deadline))));
            Held::Hash(fields.collect())
        }
        KeyType::Set => Held::Set(snapshot.smembers(key)?.into_iter().collect()),
        KeyType::SortedSet => {
            let members = snapshot.zrange_with_scores(key, ZRange::ranks(0, -1))?;
            let bits = |(member, score): (Vec<u8>, f64)| (member, score.to_bits());
            Held::SortedSet(members.into_iter().map(bits).collect())
        }
        other => panic!("an unknown type: {other:?}"),
    })
}

/// Everything there is to see in all databases.
pub(crate) fn content(db: &Db) -> Result<Content, Error> {
    let moment = db.snapshot()?;
    let mut content = Content::new();
    for index in 0..16 {
        let snapshot = moment.database(index)?;
        for record in snapshot.iter() {
            let held = held(&snapshot, record.key(), record.key_type())?;
            let entry = (held, record.expires_at_ms());
            content.insert((index, record.key().to_vec()), entry);
        }
    }
    Ok(content)
}

/// What is still to be seen of a content at `now_ms`.
pub(crate) fn as_of(content: &Content, now_ms: u64) -> Content {
    let past = |deadline: Option<u64>| deadline.is_some_and(|at_ms| at_ms < now_ms);
    let mut later = Content::new();
    for (at, (held, deadline)) in content {
        let mut held = held.clone();
        if let Held::Hash(fields) = &mut held {
            fields.retain(|_, (_, deadline)| !past(*deadline));
            if fields.is_empty() {
                continue;
            }
        }
        if !past(*deadline) {
            later.insert(at.clone(), (held, *deadline));
        }
    }
    later
}

/// What a run was and what it promised.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub(crate) states: Vec<Content>,
    /// What was done, for whoever reads about a failure.
    pub(crate) steps: Vec<String>,
    moments: Vec<Moment>,
    pub(crate) now_ms: u64,
}

impl Trail {
    /// Which states may be found if the run ended at moment `at`: first and last.
    pub(crate) fn bounds(&self, at: usize, end: End) -> (usize, usize) {
        let (least, most) = bounds(&self.moments, at, end);
        (least, most.max(least).min(self.states.len() - 1))
    }
}

/// How a database is opened in these tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) ack: Ack,
    pub(crate) shard_bits: u32,
}

/// Opens the database on `disk` with its clock at `now_ms`.
pub(crate) fn open(
    disk: &SimDisk,
    shape: Shape,
    now_ms: u64,
    read_only: bool,
) -> Result<(Db, Arc<ManualClock>), Error> {
    let clock = Arc::new(ManualClock::new(now_ms));
    let never = CompactionPolicy {
        growth_percent: 0,
        ..CompactionPolicy::default()
    };
    let db = Db::builder()
        .storage(Arc::new(disk.clone()))
        .clock(clock.clone())
        .seed(now_ms)
        .ack(shape.ack)
        .shard_bits(shape.shard_bits)
        .load_threads(1 + (now_ms % 2) as usize)
        .compaction(never)
        .read_only(read_only)
        .open(NAME)?;
    Ok((db, clock))
}

/// An open database and its trail.
#[derive(Debug)]
pub(crate) struct Live {
    disk: SimDisk,
    shape: Shape,
    clock: Arc<ManualClock>,
    /// `None` between two runs.
    open: Option<(Db, Session)>,
    chance: Chance,
    trail: Trail,
    written: usize,
    durable: usize,
    /// Whether calls may fail: then an error is an answer, else a failure of the test.
    faulty: bool,
    /// Whether one has, and nothing has healed the database since.
    failed: bool,
}

/// A live database that a compaction's callback can reach, too.
pub(crate) type Shared = Arc<Mutex<Live>>;

impl Live {
    /// Opens the database or makes it; what is in it was promised to survive.
    pub(crate) fn open(
        disk: &SimDisk,
        shape: Shape,
        now_ms: u64,
        seed: u64,
    ) -> Result<Shared, Error> {
        let (db, clock) = open(disk, shape, now_ms, false)?;
        let mut live = Self {
            disk: disk.clone(),
            shape,
            clock,
            chance: Chance(seed),
            trail: Trail::default(),
            written: 0,
            durable: 0,
            faulty: false,
            failed: false,
            open: None,
        };
        live.trail.states.push(content(&db)?);
        live.open = Some((db.clone(), db.session()));
        live.note(false);
        Ok(Arc::new(Mutex::new(live)))
    }

    pub(crate) fn may_fail(&mut self) {
        self.faulty = true;
    }

    fn sent(&self) -> usize {
        self.trail.states.len() - 1
    }

    fn note(&mut self, begins: bool) {
        self.trail.moments.push(Moment {
            ops: self.disk.ops(),
            begun: self.sent() + usize::from(begins),
            written: self.written,
            durable: self.durable,
        });
    }

    fn db(&self) -> Db {
        let (db, _) = self.open.as_ref().expect("an open database");
        db.clone()
    }

    /// Everything so far was promised to survive a power cut.
    fn all_durable(&mut self) {
        self.durable_up_to(self.sent());
    }

    fn durable_up_to(&mut self, commits: usize) {
        self.durable = self.durable.max(commits);
        self.written = self.written.max(commits);
        self.note(false);
    }

    /// Judges an answer: whether the promise of the ack class was made.
    fn confirmed<T: std::fmt::Debug>(&mut self, what: &str, result: Result<T, Error>) -> bool {
        match result {
            Ok(_) => true,
            Err(Error::Command(_)) => false,
            Err(error) => {
                assert!(self.faulty, "{what}: {error}\n{}", self.disk.trace());
                self.trail.steps.push(format!("    {what}: {error}"));
                // A failed sync may lose what was written; a power cut is what comes next.
                self.written = self.durable;
                self.failed = true;
                false
            }
        }
    }

    /// Does one thing that commits once or not at all, and notes what there is then.
    fn commit<T: std::fmt::Debug>(
        &mut self,
        what: String,
        work: impl FnOnce(&Db, &mut Session) -> Result<T, Error>,
    ) {
        self.note(true);
        let number = self.sent() + 1;
        self.trail.steps.push(format!("{number}: {what}"));
        let (db, mut session) = self.open.take().expect("an open database");
        let result = work(&db, &mut session);
        let now = content(&db).expect("reading does not fail");
        self.open = Some((db, session));
        self.trail.states.push(now);
        if self.confirmed(&what, result) {
            match self.shape.ack {
                Ack::Always => self.all_durable(),
                Ack::EverySec | Ack::No => self.written = self.sent(),
                Ack::Buffered(_) => {}
            }
        }
        self.note(false);
    }

    fn select(&mut self) -> Words {
        let index = self.chance.below(DATABASES.len() as u64) as usize;
        vec![b"SELECT".to_vec(), DATABASES[index].as_bytes().to_vec()]
    }

    fn command(&mut self) -> Words {
        let now_ms = nacredb::Clock::now_ms(&*self.clock);
        command(now_ms, &mut self.chance)
    }

    /// One command, a transaction in words, a closure's transaction, or one that is given up.
    pub(crate) fn write(&mut self) {
        let select = self.select();
        match self.chance.below(12) {
            0 | 1 => {
                let mut queued = vec![select];
                for _ in 0..2 + self.chance.below(5) {
                    queued.push(self.command());
                    if self.chance.below(4) == 0 {
                        queued.push(self.select());
                    }
                }
                self.commit(text(&queued), |_, session| {
                    session.execute(&["MULTI"])?;
                    for words in &queued {
                        // A command that is refused here refuses the transaction.
                        let _queued = session.execute(words);
                    }
                    session.execute(&["EXEC"])
                });
            }
            2 => {
                let given_up = self.chance.below(2) == 0;
                let number = self.sent().to_string();
                let what = format!("a closure's transaction, given up: {given_up}");
                self.commit(what, |db, _| {
                    db.transaction(|tx| {
                        tx.rpush("list 0", &[&number, "x"])?;
                        tx.sadd("set 1", &[&number])?;
                        tx.zadd("zset 2", 7.5, &number)?;
                        tx.hset("hash 0", &number, "v")?;
                        tx.del("text 1")?;
                        if given_up {
                            let refusal = nacredb::CommandError::WrongType;
                            return Err(Error::Command(refusal));
                        }
                        Ok(())
                    })
                });
            }
            _ => {
                let words = self.command();
                self.commit(text(&[select.clone(), words.clone()]), |_, session| {
                    session.execute(&select)?;
                    session.execute(&words)
                });
            }
        }
    }

    fn sync(&mut self) {
        self.trail.steps.push("sync".to_owned());
        let result = self.db().sync();
        if self.confirmed("sync", result) {
            self.all_durable();
        }
    }

    /// Time passes: what has expired is removed, in commits that change nothing that can be seen.
    fn pass(&mut self) {
        let by_ms = self.chance.below(200);
        self.trail.steps.push(format!("{by_ms} ms pass"));
        self.note(false);
        let result = self.db().advance(Duration::from_millis(by_ms));
        self.confirmed("advance", result);
        self.note(false);
    }

    /// Closes and opens again. Whether there is a database then.
    fn reopen(&mut self) -> bool {
        self.trail.steps.push("reopen".to_owned());
        let (db, _) = self.open.take().expect("an open database");
        let result = db.close();
        drop(db);
        if self.confirmed("close", result) {
            self.all_durable();
        }
        let now_ms = nacredb::Clock::now_ms(&*self.clock);
        match open(&self.disk, self.shape, now_ms, false) {
            Ok((db, clock)) => {
                self.clock = clock;
                let found = content(&db).expect("reading does not fail");
                self.open = Some((db.clone(), db.session()));
                if self.faulty {
                    // What a failed close left behind is checked by the end of the run.
                    self.trail.states.push(found);
                } else {
                    let expected = as_of(&self.trail.states[self.sent()], now_ms);
                    assert_eq!(found, expected, "after a clean close");
                }
                self.note(false);
                true
            }
            Err(error) => {
                assert!(self.faulty, "reopen: {error}");
                false
            }
        }
    }

    /// What the run was; the process ends without closing anything.
    pub(crate) fn abandon(&mut self) -> Trail {
        use nacredb::storage::sim::{Fault, FaultAction};
        self.note(false);
        let mut trail = std::mem::take(&mut self.trail);
        trail.now_ms = nacredb::Clock::now_ms(&*self.clock);
        self.disk.inject(Fault::any(0, FaultAction::PowerCut));
        self.open = None;
        trail
    }
}

fn text(commands: &[Words]) -> String {
    let word = |word: &Vec<u8>| {
        let shown = String::from_utf8_lossy(&word[..word.len().min(24)]).into_owned();
        shown + if word.len() > 24 { ".." } else { "" }
    };
    let words = |words: &Words| words.iter().map(word).collect::<Vec<_>>().join(" ");
    commands.iter().map(words).collect::<Vec<_>>().join("; ")
}

/// Writes, compacts, syncs, waits and reopens, `steps` times.
pub(crate) fn run(shared: &Shared, steps: u64) {
    for _ in 0..steps {
        let draw = shared.lock().chance.below(40);
        match draw {
            0 | 1 => shared.lock().sync(),
            2 | 3 => shared.lock().pass(),
            4 => {
                if !shared.lock().reopen() {
                    return;
                }
            }
            5 | 6 => compact(shared, draw == 5),
            _ => shared.lock().write(),
        }
        let failed = std::mem::take(&mut shared.lock().failed);
        if failed {
            // As the engine's thread would soon: a new file heals a poisoned one.
            compact(shared, false);
        }
    }
}

/// Compacts while writes go on: from the callback between two blocks, or from this thread.
fn compact(shared: &Shared, beside: bool) {
    let (db, more, before) = {
        let mut live = shared.lock();
        live.trail.steps.push(format!("compact, beside: {beside}"));
        live.note(false);
        (live.db(), live.chance.below(5), live.sent())
    };
    let result = if beside {
        let handle = db.start_compaction(CompactionRequest::new());
        for _ in 0..more {
            shared.lock().write();
        }
        handle.and_then(|handle| handle.wait().map_err(Error::from))
    } else {
        let inner = Arc::clone(shared);
        let mut left = more;
        db.compact_with(CompactionRequest::new().on_progress(move |_| {
            if left > 0 {
                left -= 1;
                inner.lock().write();
            }
            ControlFlow::Continue(())
        }))
    };
    let mut live = shared.lock();
    if live.confirmed("compact", result) {
        // What this thread wrote beside it may have come after the new file was in place.
        let durable = if beside { before } else { live.sent() };
        live.durable_up_to(durable);
    }
}
