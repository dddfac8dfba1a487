//! Whoever waits for something to take (`BLPOP` and its kin), in order of arrival for each key.
//!
//! A call that finds nothing joins the lines of its keys, under the locks of their shards. A commit that may
//! have made a key ready says so in [`Pending`](super::commit::Pending); its writer then serves the line of
//! that key, before it unlocks the shards: it runs the operation of the first in it, as a write of its own,
//! and hands over what was taken. So the first in line gets it even if its thread sleeps, and nobody else
//! sees it. An operation that needs another shard (`BLMOVE`) is run right after the shards were unlocked. A
//! [`Future`](std::future::Future) is called instead and takes for itself when it is polled: what it never
//! looks at is never taken for it.
//!
//! Invariants:
//! 1. Lines change, and waiters leave them, under one lock, the last in the lock order. Whoever takes a
//!    waiter out of its lines ends its wait: served, timed out, given up.
//! 2. A waiter is taken out to be served only under the lock of a shard whose key is ready for it: its
//!    operation takes something or refuses, and the wait is over either way.
//! 3. A newcomer does not take from a key for which others wait.
//! 4. Nobody is woken, and no waker is called or dropped, under a lock of this module. Whoever was served is woken when
//!    the writer has unlocked its shards.
//! 5. After the handle was closed or poisoned nobody waits.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Engine;
use super::commit::{Pending, free};
use super::observe::Committed;
use crate::command::blocking::{Take, Taken};
use crate::command::run::{Keys, WriteCommand};
use crate::effect::Effect;
use crate::error::{CommandError, Error, StorageError};
use crate::keyspace::{
    DATABASES, Dropped, Entry, KeyType, ReachMut, ShardSource, ShardSourceMut, WriteTx,
};

/// A key in a logical database.
pub(crate) type Place = (u8, Vec<u8>);

/// What was taken, and where its frame ends.
type Outcome = Result<Option<(Taken, Option<u64>)>, Error>;

/// One call that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// The order of arrival.
    number: u64,
    database: u8,
    take: Take,
    deadline_ms: Option<u64>,
    /// It is a future: it is called, and takes for itself.
    is_task: bool,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug)]
struct Progress {
    stage: Stage,
    /// It should look for itself.
    called: bool,
    waker: Option<Waker>,
}

#[derive(Debug)]
enum Stage {
    /// It stands in its lines.
    Waiting,
    /// Somebody has taken it out and runs its operation.
    Claimed,
    /// It is over.
    Done(Outcome),
    /// It is over and its caller knows.
    Told,
}

impl Waiter {
    fn places(&self) -> VecDeque<Place> {
        let keys = self.take.keys().iter();
        keys.map(|key| (self.database, key.clone())).collect()
    }

    fn is_due(&self, now_ms: u64) -> bool {
        self.deadline_ms.is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// Ends the wait, once the waiter stands in no line.
    fn settle(&self, outcome: Outcome) {
        let mut progress = self.progress.lock();
        progress.stage = Stage::Done(outcome);
        let waker = progress.waker.take();
        drop(progress);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Lets it look for itself; says no if its wait has ended, and somebody else is to look.
    fn call(&self) -> bool {
        let mut progress = self.progress.lock();
        if !matches!(progress.stage, Stage::Waiting) {
            return false;
        }
        progress.called = true;
        let waker = progress.waker.take();
        drop(progress);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// What came of it, told once.
    fn told(progress: &mut Progress) -> Option<Outcome> {
        if !matches!(progress.stage, Stage::Done(_)) {
            return None;
        }
        match std::mem::replace(&mut progress.stage, Stage::Told) {
            Stage::Done(outcome) => Some(outcome),
            Stage::Waiting | Stage::Claimed | Stage::Told => None,
        }
    }
}

#[derive(Debug, Default)]
struct Lines {
    /// Who waits for which key, in order of arrival.
    keys: [HashMap<Vec<u8>, VecDeque<Arc<Waiter>>>; DATABASES as usize],
    /// Those with a deadline, the earliest first.
    deadlines: BTreeMap<(u64, u64), Arc<Waiter>>,
    arrived: u64,
    /// The handle was closed or poisoned.
    ended: bool,
}

impl Lines {
    fn line(&self, database: u8, key: &[u8]) -> Option<&VecDeque<Arc<Waiter>>> {
        self.keys[usize::from(database)].get(key)
    }

    /// The first who waits for a key of this type.
    fn first(&self, database: u8, key: &[u8], kind: KeyType) -> Option<&Arc<Waiter>> {
        let mut line = self.line(database, key)?.iter();
        line.find(|waiter| waiter.take.wants() == kind)
    }

    /// Takes a waiter out of every line; says whether it stood there.
    fn remove(&mut self, waiter: &Waiter, observers: &super::observe::Observers) -> bool {
        let mut progress = waiter.progress.lock();
        if !matches!(progress.stage, Stage::Waiting) {
            return false;
        }
        progress.stage = Stage::Claimed;
        drop(progress);
        let keys = &mut self.keys[usize::from(waiter.database)];
        for key in waiter.take.keys() {
            if let Some(line) = keys.get_mut(key) {
                // A line is in order of arrival.
                if let Ok(at) = line.binary_search_by_key(&waiter.number, |other| other.number) {
                    line.remove(at);
                }
                if line.is_empty() {
                    keys.remove(key);
                }
            }
        }
        if let Some(at_ms) = waiter.deadline_ms {
            self.deadlines.remove(&(at_ms, waiter.number));
        }
        observers.waiters.count.fetch_sub(1, Ordering::Relaxed);
        observers.left(1);
        true
    }
}

/// The lines of an engine.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// How many wait. Changes under the lock of `lines`.
    count: AtomicUsize,
    lines: Mutex<Lines>,
}

impl Waiters {
    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The keys with a line that the batch may have made ready, in its order, each once: whoever serves
    /// a line serves all that can be.
    pub(super) fn ready(&self, batch: &Committed<'_>) -> Option<Box<Waits>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        // Locked once, and only for a batch that may make something ready.
        let locked = OnceCell::new();
        let keys_of = |database: u8| {
            let lines = locked.get_or_init(|| self.lines.lock());
            &lines.keys[usize::from(database)]
        };
        let mut ready = VecDeque::new();
        let mut seen = HashSet::new();
        let mut add = |database: u8, key: &[u8]| {
            let keys = keys_of(database);
            if let Some((known, _)) = keys.get_key_value(key)
                && seen.insert((database, known.as_slice()))
            {
                ready.push_back((database, known.clone()));
            }
        };
        let mut database = 0;
        for effect in batch.effects().flatten() {
            match effect {
                Effect::Database { index } => database = index,
                Effect::ListInsert { key, .. } | Effect::ZSetAdd { key, .. } => add(database, key),
                Effect::KeyMove {
                    to,
                    database: other,
                    ..
                }
                | Effect::KeyCopy {
                    to,
                    database: other,
                    ..
                } => add(other.unwrap_or(database), to),
                Effect::DatabasesSwap { one, two } => {
                    for database in [one, two] {
                        let mut keys: Vec<_> = keys_of(database).keys().collect();
                        keys.sort_unstable();
                        keys.iter().for_each(|key| add(database, key));
                    }
                }
                Effect::StringSet { .. }
                | Effect::StringWrite { .. }
                | Effect::KeyRemove { .. }
                | Effect::KeyExpire { .. }
                | Effect::KeysClear
                | Effect::DatabaseClear
                | Effect::ListRemove { .. }
                | Effect::ListSet { .. }
                | Effect::HashSet { .. }
                | Effect::HashRemove { .. }
                | Effect::HashExpire { .. }
                | Effect::SetAdd { .. }
                | Effect::SetRemove { .. }
                | Effect::ZSetRemove { .. } => {}
            }
        }
        let served = Vec::new();
        (!ready.is_empty()).then(|| Box::new(Waits { ready, served }))
    }
}

/// How a call that may wait begins.
#[derive(Debug)]
pub(crate) enum Begun {
    /// There was something.
    Done(Taken),
    Waits(Arc<Waiter>),
}

/// What a commit leaves to do for those who wait, when its shards are unlocked.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// Keys with a line that may be ready.
    ready: VecDeque<Place>,
    /// Those who were served and are to be woken.
    served: Vec<(Arc<Waiter>, Outcome)>,
}

/// What became of an attempt to serve the first in a line.
enum Service {
    /// The line has nobody for what the key holds, or the key holds nothing.
    Nobody,
    /// The first's operation needs a shard that is not locked.
    Elsewhere(Arc<Waiter>),
    /// The first is a future.
    Call(Arc<Waiter>),
    Served(Arc<Waiter>, Outcome, Pending),
}

/// Settles a claimed waiter in any case: a panic of its operation must not leave it waiting.
struct Claim(Option<Arc<Waiter>>);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(waiter) = self.0.take() {
            let what = "the operation panicked on the thread of a writer".into();
            waiter.settle(Err(StorageError::Poisoned { what }.into()));
        }
    }
}

/// A first attempt: takes, or joins the lines.
struct Join<'a> {
    engine: &'a Engine,
    database: u8,
    take: &'a Take,
    touched: Vec<&'a [u8]>,
    timeout_ms: Option<u64>,
    is_task: bool,
    may_wait: bool,
}

enum Joined {
    Taken(Taken),
    Waits(Arc<Waiter>),
    Refused(StorageError),
}

impl WriteCommand for Join<'_> {
    type Output = Joined;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: &self.touched,
            step: 1,
        }
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Joined, CommandError> {
        let kind = self.take.wants();
        let lines = || self.engine.observers.waiters.lines.lock();
        for key in self.take.keys() {
            let Some(found) = tx.entry(key).map(|entry| entry.key_type()) else {
                continue;
            };
            if found != kind {
                return Err(CommandError::WrongType);
            }
            if lines().first(self.database, key, kind).is_none() {
                return self.take.take(key, tx).map(Joined::Taken);
            }
        }
        if !self.may_wait {
            return Ok(Joined::Refused(StorageError::Reentrant));
        }
        let mut lines = lines();
        if lines.ended {
            return Ok(Joined::Refused(self.engine.refusal()));
        }
        lines.arrived += 1;
        let timeout_ms = self.timeout_ms;
        let waiter = Arc::new(Waiter {
            number: lines.arrived,
            database: self.database,
            take: self.take.clone(),
            deadline_ms: timeout_ms.map(|millis| tx.now.ms().saturating_add(millis)),
            is_task: self.is_task,
            progress: Mutex::new(Progress {
                stage: Stage::Waiting,
                called: false,
                waker: None,
            }),
            changed: Condvar::new(),
        });
        let keys = &mut lines.keys[usize::from(self.database)];
        for key in self.take.keys() {
            let line = keys.entry(key.clone()).or_default();
            // A key that was named twice counts once.
            if line.back().is_none_or(|last| last.number != waiter.number) {
                line.push_back(Arc::clone(&waiter));
            }
        }
        if let Some(at_ms) = waiter.deadline_ms {
            let place = (at_ms, waiter.number);
            lines.deadlines.insert(place, Arc::clone(&waiter));
        }
        let observers = &self.engine.observers;
        observers.waiters.count.fetch_add(1, Ordering::Relaxed);
        observers.joined();
        Ok(Joined::Waits(waiter))
    }
}

impl Engine {
    /// Takes what there is, or joins the lines to wait for it.
    pub(crate) fn begin_take(
        &self,
        database: u8,
        take: &Take,
        timeout_ms: Option<u64>,
        is_task: bool,
    ) -> Result<Begun, Error> {
        if take.needs_memory() {
            self.make_room()?;
        }
        let join = Join {
            engine: self,
            database,
            take,
            touched: take.touched(),
            timeout_ms,
            is_task,
            may_wait: self.check_may_wait().is_ok(),
        };
        match self.write(database, &join.keys(), |tx| join.execute(tx))? {
            Joined::Taken(taken) => Ok(Begun::Done(taken)),
            Joined::Refused(error) => Err(error.into()),
            Joined::Waits(waiter) => {
                if is_task && timeout_ms.is_some() && self.clock.runs_by_itself() {
                    self.start_background();
                    self.background.look();
                }
                Ok(Begun::Waits(waiter))
            }
        }
    }

    /// Waits on this thread for what comes of it: `None` after the timeout.
    pub(crate) fn wait_taken(&self, waiter: &Waiter) -> Result<Option<Taken>, Error> {
        let mut progress = waiter.progress.lock();
        loop {
            if let Some(outcome) = Waiter::told(&mut progress) {
                drop(progress);
                return self.tell(outcome);
            }
            if std::mem::take(&mut progress.called) {
                drop(progress);
                self.serve(waiter.places());
                progress = waiter.progress.lock();
                continue;
            }
            let waits = matches!(progress.stage, Stage::Waiting);
            let Some(at_ms) = waiter.deadline_ms.filter(|_| waits) else {
                waiter.changed.wait(&mut progress);
                continue;
            };
            let now_ms = self.clock.now_ms();
            if at_ms <= now_ms {
                drop(progress);
                self.end_wait(waiter, Ok(None));
                progress = waiter.progress.lock();
            } else if self.clock.runs_by_itself() {
                let left = Duration::from_millis(at_ms - now_ms);
                let _timed_out = waiter.changed.wait_for(&mut progress, left);
            } else {
                // Whoever moves the clock ends the wait.
                waiter.changed.wait(&mut progress);
            }
        }
    }

    /// What a future does when it is polled.
    pub(crate) fn poll_taken(
        &self,
        waiter: &Arc<Waiter>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Taken>, Error>> {
        loop {
            let waker = context.waker().clone();
            let mut progress = waiter.progress.lock();
            if let Some(outcome) = Waiter::told(&mut progress) {
                drop(progress);
                return Poll::Ready(self.tell(outcome));
            }
            let before = progress.waker.replace(waker);
            let called = std::mem::take(&mut progress.called);
            let waits = matches!(progress.stage, Stage::Waiting);
            drop(progress);
            // It may be the last handle of a task, whose end may end other waits.
            drop(before);
            if called {
                if let Err(error) = self.take_for_itself(waiter) {
                    self.end_wait(waiter, Err(error.into()));
                }
            } else if waits && waiter.is_due(self.clock.now_ms()) {
                self.end_wait(waiter, Ok(None));
            } else {
                return Poll::Pending;
            }
        }
    }

    /// Ends a wait that has not ended yet.
    pub(crate) fn end_wait(&self, waiter: &Waiter, outcome: Outcome) {
        let mut lines = self.observers.waiters.lines.lock();
        let removed = lines.remove(waiter, &self.observers);
        drop(lines);
        if !removed {
            return;
        }
        let was_called = waiter.progress.lock().called;
        waiter.settle(outcome);
        if was_called || waiter.is_task {
            // It was to look for itself and has not: the next in line gets what is there.
            self.serve(waiter.places());
        }
    }

    /// Ends the waits whose time has passed.
    pub(crate) fn end_waits_due(&self) {
        while self.observers.waiters.count.load(Ordering::Relaxed) != 0 {
            let now_ms = self.clock.now_ms();
            let lines = self.observers.waiters.lines.lock();
            let first = lines.deadlines.first_key_value();
            let due = first.map(|(_, waiter)| Arc::clone(waiter));
            drop(lines);
            match due.filter(|waiter| waiter.is_due(now_ms)) {
                Some(waiter) => self.end_wait(&waiter, Ok(None)),
                None => return,
            }
        }
    }

    /// How long until the first wait is to end by its timeout.
    pub(crate) fn next_wait_end(&self) -> Option<Duration> {
        if self.observers.waiters.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let lines = self.observers.waiters.lines.lock();
        let (&(at_ms, _), _) = lines.deadlines.first_key_value()?;
        drop(lines);
        let left_ms = at_ms.saturating_sub(self.clock.now_ms());
        Some(Duration::from_millis(left_ms))
    }

    /// Ends every wait, and lets nobody wait any more: the handle was closed or poisoned.
    #[cold]
    pub(crate) fn end_all_waits(&self) {
        let mut ended = Vec::new();
        let mut lines = self.observers.waiters.lines.lock();
        lines.ended = true;
        let all: Vec<_> = lines
            .keys
            .iter()
            .flat_map(HashMap::values)
            .flatten()
            .cloned()
            .collect();
        for waiter in all {
            if lines.remove(&waiter, &self.observers) {
                ended.push(waiter);
            }
        }
        drop(lines);
        for waiter in ended {
            waiter.settle(Err(self.refusal().into()));
        }
    }

    /// Waits for the acknowledgement of what was taken, as for any write.
    fn tell(&self, outcome: Outcome) -> Result<Option<Taken>, Error> {
        let Some((taken, end_lsn)) = outcome? else {
            return Ok(None);
        };
        if let Some(end_lsn) = end_lsn {
            self.acknowledge(end_lsn)?;
        }
        Ok(Some(taken))
    }

    /// Serves the lines of keys that a commit may have made ready, as far as these shards allow, which are
    /// still locked.
    #[cold]
    pub(super) fn serve_locked(
        &self,
        waits: &mut Waits,
        shards: &mut dyn ShardSourceMut,
        holds: &dyn Fn(usize) -> bool,
        dropped: &mut Vec<Dropped>,
    ) {
        let mut later = VecDeque::new();
        while let Some((database, key)) = waits.ready.pop_front() {
            // What comes after something that has to wait for other shards waits too: the order stays.
            let is_next = later.is_empty();
            if !is_next || !holds(self.layout.shard_of(self.layout.hash(&key))) {
                later.push_back((database, key));
                continue;
            }
            loop {
                match self.serve_first(database, &key, shards, holds) {
                    Service::Nobody => break,
                    Service::Elsewhere(_) | Service::Call(_) => {
                        later.push_back((database, key));
                        break;
                    }
                    Service::Served(waiter, outcome, pending) => {
                        waits.served.push((waiter, outcome));
                        dropped.extend(pending.dropped);
                        let more = pending.waits.into_iter();
                        waits.ready.extend(more.flat_map(|waits| waits.ready));
                    }
                }
            }
        }
        waits.ready = later;
    }

    /// Wakes those who were served, and serves who is left. No shard is locked.
    #[cold]
    pub(super) fn finish_waits(&self, waits: Waits) {
        for (waiter, outcome) in waits.served {
            waiter.settle(outcome);
        }
        self.serve(waits.ready);
    }

    /// Serves the lines of keys that may be ready, and of those that this makes ready. No shard is locked.
    #[cold]
    pub(crate) fn serve(&self, mut places: VecDeque<Place>) {
        while let Some((database, key)) = places.pop_front() {
            let mut next = self.first_to_serve(database, &key);
            while let Some(first) = next.take() {
                let mut touched = vec![key.as_slice()];
                touched.extend(first.take.other());
                let shards = self.shards_of(&Keys::List {
                    words: &touched,
                    step: 1,
                });
                let service = match self.lock_many_to_write(shards) {
                    Ok(mut locked) => {
                        let held = locked.indexes().to_vec();
                        let holds = |index| held.contains(&index);
                        let service = self.serve_first(database, &key, &mut locked, &holds);
                        locked.slots_mut().for_each(|(_, slot)| self.account(slot));
                        service
                    }
                    // This thread must not wait here: the first in line looks for itself.
                    Err(StorageError::Reentrant) => Service::Call(first),
                    // Whoever closed or poisoned the handle has ended every wait.
                    Err(_) => return,
                };
                match service {
                    Service::Nobody => break,
                    Service::Elsewhere(waiter) => next = Some(waiter),
                    Service::Call(waiter) => {
                        if waiter.call() {
                            break;
                        }
                        // It gave up meanwhile, and stands in no line any more.
                        next = self.first_to_serve(database, &key);
                    }
                    Service::Served(waiter, outcome, pending) => {
                        waiter.settle(outcome);
                        pending.dropped.into_iter().for_each(free);
                        let more = pending.waits.into_iter();
                        places.extend(more.flat_map(|waits| waits.ready));
                        next = self.first_to_serve(database, &key);
                    }
                }
            }
        }
    }

    /// Whoever stands first in the line of a key, whatever type it waits for.
    fn first_to_serve(&self, database: u8, key: &[u8]) -> Option<Arc<Waiter>> {
        let lines = self.observers.waiters.lines.lock();
        lines.line(database, key)?.front().cloned()
    }

    /// The type of what a key of a locked shard holds.
    fn held_type(&self, database: u8, key: &[u8], shards: &dyn ShardSource) -> Option<KeyType> {
        let hash = self.layout.hash(key);
        let table = shards.shard(self.layout.shard_of(hash)).table(database);
        let entry = Entry::new(table.keys().get(hash, key)?);
        let expired = entry.may_expire() && entry.is_expired(self.clock.now_ms());
        (!expired).then(|| entry.key_type())
    }

    /// Runs the operation of the first in a line who waits for what the key holds.
    fn serve_first(
        &self,
        database: u8,
        key: &[u8],
        shards: &mut dyn ShardSourceMut,
        holds: &dyn Fn(usize) -> bool,
    ) -> Service {
        let Some(kind) = self.held_type(database, key, &*shards) else {
            return Service::Nobody;
        };
        let mut lines = self.observers.waiters.lines.lock();
        let Some(waiter) = lines.first(database, key, kind).cloned() else {
            return Service::Nobody;
        };
        let is_held = |key| holds(self.layout.shard_of(self.layout.hash(key)));
        if !waiter.take.other().is_none_or(is_held) {
            return Service::Elsewhere(waiter);
        }
        if waiter.is_task {
            return Service::Call(waiter);
        }
        if !lines.remove(&waiter, &self.observers) {
            return Service::Nobody;
        }
        drop(lines);
        let (outcome, pending) = self.take_claimed(&waiter, key, shards);
        Service::Served(waiter, outcome, pending)
    }

    /// Runs the operation of a waiter that was taken out of its lines.
    fn take_claimed(
        &self,
        waiter: &Arc<Waiter>,
        key: &[u8],
        shards: &mut dyn ShardSourceMut,
    ) -> (Outcome, Pending) {
        if let Err(error) = self.check_writable() {
            return (Err(error.into()), Pending::default());
        }
        let mut claim = Claim(Some(Arc::clone(waiter)));
        let read_clock = || self.clock.now_ms();
        let (taken, mut pending) =
            self.execute(waiter.database, ReachMut::Many(shards), &read_clock, |tx| {
                waiter.take.take(key, tx)
            });
        claim.0 = None;
        let outcome = match (taken, pending.refused.take()) {
            (Ok(taken), None) => Ok(Some((taken, pending.end_lsn))),
            (Ok(_), Some(error)) => Err(error.into()),
            (Err(error), _) => Err(error.into()),
        };
        (outcome, pending)
    }

    /// Takes for a future that was called, if it is its turn. An error ends its wait.
    fn take_for_itself(&self, waiter: &Arc<Waiter>) -> Result<(), StorageError> {
        let touched = waiter.take.touched();
        let shards = self.shards_of(&Keys::List {
            words: &touched,
            step: 1,
        });
        let mut locked = self.lock_many_to_write(shards)?;
        let kind = waiter.take.wants();
        for key in waiter.take.keys() {
            if self.held_type(waiter.database, key, &locked) != Some(kind) {
                continue;
            }
            let mut lines = self.observers.waiters.lines.lock();
            let first = lines.first(waiter.database, key, kind);
            let is_first = first.is_some_and(|first| first.number == waiter.number);
            if !is_first || !lines.remove(waiter, &self.observers) {
                continue;
            }
            drop(lines);
            let (outcome, pending) = self.take_claimed(waiter, key, &mut locked);
            locked.slots_mut().for_each(|(_, slot)| self.account(slot));
            drop(locked);
            waiter.settle(outcome);
            pending.dropped.into_iter().for_each(free);
            let mut places = waiter.places();
            places.extend(pending.waits.into_iter().flat_map(|waits| waits.ready));
            self.serve(places);
            return Ok(());
        }
        drop(locked);
        if !matches!(waiter.progress.lock().stage, Stage::Waiting) {
            // Its wait has just ended: it leaves its turn to the next.
            self.serve(waiter.places());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
