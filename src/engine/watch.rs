//! `WATCH`: whether keys that a session looked at have been touched since.
//!
//! A session registers a key under the lock of its shard, with what the key held then. Whatever commits
//! an effect on the key marks the session, under the same lock. `EXEC` first freezes the shards of its
//! watched keys: from then on nobody can touch them, and the mark decides.
//!
//! Invariants:
//! 1. What is kept for a key is what the key has held since it was watched, or the session is marked.
//! 2. What had expired when the key was watched, the key itself or fields of its hash, counts as missing;
//!    what expires later is a touch, whether or not it was removed already.
//! 3. A write of the same value is a touch; the removal of what is not there is none.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::Engine;
use super::observe::Committed;
use crate::effect::Effect;
use crate::error::StorageError;
use crate::keyspace::{Cause, DATABASES, Entry, Layout, Reach, Table, has_expired};

/// What a watched key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Nothing.
    Missing,
    /// Something that had expired already.
    Expired,
    /// A value, which stays what it is until this time if nobody touches it: then it expires, or the
    /// first field of the hash that was still there does.
    Value { lasts_until_ms: Option<u64> },
}

impl Held {
    /// O(1); O(N) for a hash with N fields of which some have deadlines.
    fn at(table: &Table, layout: &Layout, key: &[u8], now_ms: u64) -> Self {
        match table.keys().get(layout.hash(key), key) {
            None => Self::Missing,
            Some(entry) => match Entry::new(entry) {
                entry if entry.is_expired(now_ms) => Self::Expired,
                entry => Self::Value {
                    lasts_until_ms: lasts_until_ms(&entry, now_ms),
                },
            },
        }
    }
}

/// When an entry that is there first changes by itself.
fn lasts_until_ms(entry: &Entry<'_>, now_ms: u64) -> Option<u64> {
    let fields = match entry.hash() {
        Ok(hash) if hash.with_deadline_count() > 0 => Some(hash.iter()),
        Ok(_) | Err(_) => None,
    };
    let deadlines = fields.into_iter().flatten();
    let deadlines = deadlines.filter_map(|field| field.deadline_ms());
    let first = deadlines.filter(|&at_ms| !has_expired(at_ms, now_ms)).min();
    first.into_iter().chain(entry.expires_at_ms()).min()
}

/// A key in a logical database.
type Place = (u8, Box<[u8]>);

/// Who watches which key, database by database.
type Places = [HashMap<Box<[u8]>, Vec<Interest>>; DATABASES as usize];

/// One session's interest in a key.
#[derive(Debug)]
struct Interest {
    touched: Arc<AtomicBool>,
    held: Held,
}

impl Interest {
    fn touch(&self) {
        self.touched.store(true, Ordering::Release);
    }

    /// The key was removed: its deadline had passed, or somebody wanted it gone.
    fn remove(&mut self) {
        match self.held {
            Held::Missing => {}
            Held::Expired => self.held = Held::Missing,
            Held::Value { .. } => self.touch(),
        }
    }

    /// Whether what was there has expired, or a part of it.
    fn has_lapsed(&self, now_ms: u64) -> bool {
        match self.held {
            Held::Value {
                lasts_until_ms: Some(at_ms),
            } => has_expired(at_ms, now_ms),
            Held::Value { .. } | Held::Missing | Held::Expired => false,
        }
    }

    /// What was past its deadline was removed: fields of a hash, or all of it.
    fn lapse(&mut self, now_ms: u64) {
        if self.has_lapsed(now_ms) {
            self.touch();
        }
    }
}

/// Every watched key of an engine, and who watches it.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// How many interests there are. Changes under the lock of `places`.
    count: AtomicUsize,
    places: Mutex<Places>,
}

/// The keys that one session watches. Ends its watches on drop.
#[derive(Debug)]
pub(crate) struct Watch {
    engine: Arc<Engine>,
    touched: Arc<AtomicBool>,
    places: HashSet<Place>,
}

impl Watch {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            touched: Arc::default(),
            places: HashSet::new(),
        }
    }

    /// Watches a key as well. Once a watched key is known to be touched there is nothing to add.
    pub(crate) fn add(&mut self, database: u8, key: &[u8]) -> Result<(), StorageError> {
        let engine = &self.engine;
        engine.check_readable()?;
        let place: Place = (database, key.into());
        if self.is_touched() || self.places.contains(&place) {
            return Ok(());
        }
        let shard = engine.layout.shard_of(engine.layout.hash(key));
        let slot = engine.lock_to_read(shard)?;
        let table = slot.shard.table(database);
        let held = Held::at(table, &engine.layout, key, engine.clock.now_ms());
        let watches = &engine.observers.watches;
        let mut places = watches.places.lock();
        let interests = places[usize::from(database)].entry(key.into());
        interests.or_default().push(Interest {
            touched: Arc::clone(&self.touched),
            held,
        });
        watches.count.fetch_add(1, Ordering::Relaxed);
        engine.observers.joined();
        drop(places);
        self.places.insert(place);
        Ok(())
    }

    /// Watches nothing from here on.
    pub(crate) fn clear(&mut self) {
        if self.engine.check_process().is_err() {
            // Of a forked child's copy nobody reads the marks, and its locks may be held for ever.
            self.places.clear();
        }
        if self.places.is_empty() {
            self.touched.store(false, Ordering::Relaxed);
            return;
        }
        let observers = &self.engine.observers;
        let mut places = observers.watches.places.lock();
        for (database, key) in self.places.drain() {
            let keys = &mut places[usize::from(database)];
            let Some(interests) = keys.get_mut(&key) else {
                continue;
            };
            interests.retain(|interest| !Arc::ptr_eq(&interest.touched, &self.touched));
            if interests.is_empty() {
                keys.remove(&key);
            }
            observers.watches.count.fetch_sub(1, Ordering::Relaxed);
            observers.left(1);
        }
        self.touched.store(false, Ordering::Relaxed);
    }

    /// Whether a watched key is known to have been touched.
    pub(crate) fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Acquire)
    }

    /// Whether a watched key was touched or has expired by now. Their shards are frozen or locked.
    pub(crate) fn is_broken(&self, now_ms: u64) -> bool {
        let places = self.engine.observers.watches.places.lock();
        let own = |(database, key): &Place| {
            let interests = places[usize::from(*database)].get(key);
            let interests = interests.into_iter().flatten();
            let mut own = interests.filter(|it| Arc::ptr_eq(&it.touched, &self.touched));
            own.next()
        };
        let has_lapsed =
            |place: &Place| own(place).is_some_and(|interest| interest.has_lapsed(now_ms));
        self.is_touched() || self.places.iter().any(has_lapsed)
    }

    /// The watched keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|(_, key)| &**key)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Watches {
    /// Marks whoever watches a key that the batch touches. `after` are the shards that it changed.
    pub(super) fn committed(
        &self,
        batch: &Committed<'_>,
        after: Reach<'_>,
        layout: &Layout,
        now_ms: &dyn Fn() -> u64,
    ) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut places = self.places.lock();
        let mut database = 0;
        let mut number = 0;
        let mut causes = batch.causes.iter().copied().peekable();
        // A batch that was just encoded decodes.
        for effect in batch.effects().flatten() {
            if let Effect::Database { index } = effect {
                database = index;
                continue;
            }
            let cause = causes.next_if(|&(at, _)| at == number);
            let has_expired = matches!(cause, Some((_, Cause::Expired)));
            number += 1;
            match effect {
                Effect::HashRemove { key, .. } if has_expired => {
                    let now_ms = now_ms();
                    each(&mut places, database, key, |interest| {
                        interest.lapse(now_ms);
                    });
                }
                Effect::KeyRemove { key } => each(&mut places, database, key, Interest::remove),
                Effect::KeyMove {
                    from,
                    to,
                    database: other,
                } => {
                    each(&mut places, database, from, Interest::remove);
                    let other = other.unwrap_or(database);
                    each(&mut places, other, to, |interest| interest.touch());
                }
                Effect::KeyCopy {
                    to,
                    database: other,
                    ..
                } => {
                    let other = other.unwrap_or(database);
                    each(&mut places, other, to, |interest| interest.touch());
                }
                Effect::KeysClear => all(&mut places, |_| true, |_, _, it| it.remove()),
                Effect::DatabaseClear => {
                    all(&mut places, |it| it == database, |_, _, it| it.remove());
                }
                Effect::DatabasesSwap { one, two } => {
                    let now_ms = now_ms();
                    let swapped = |database| database == one || database == two;
                    all(&mut places, swapped, |database, key, interest| {
                        let shard = match after {
                            Reach::One { shard, .. } => shard,
                            Reach::Many(shards) => shards.shard(layout.shard_of(layout.hash(key))),
                        };
                        let now = Held::at(shard.table(database), layout, key, now_ms);
                        let had = matches!(interest.held, Held::Value { .. });
                        let has = matches!(now, Held::Value { .. });
                        if had || has {
                            interest.touch();
                        }
                        interest.held = now;
                    });
                }
                Effect::StringSet { key, .. }
                | Effect::StringWrite { key, .. }
                | Effect::KeyExpire { key, .. }
                | Effect::ListInsert { key, .. }
                | Effect::ListRemove { key, .. }
                | Effect::ListSet { key, .. }
                | Effect::HashSet { key, .. }
                | Effect::HashRemove { key, .. }
                | Effect::HashExpire { key, .. }
                | Effect::SetAdd { key, .. }
                | Effect::SetRemove { key, .. }
                | Effect::ZSetAdd { key, .. }
                | Effect::ZSetRemove { key, .. } => {
                    each(&mut places, database, key, |interest| interest.touch());
                }
                Effect::Database { .. } => {}
            }
        }
    }
}

fn each(places: &mut Places, database: u8, key: &[u8], mut work: impl FnMut(&mut Interest)) {
    if let Some(interests) = places[usize::from(database)].get_mut(key) {
        interests.iter_mut().for_each(&mut work);
    }
}

fn all(places: &mut Places, of: impl Fn(u8) -> bool, work: impl Fn(u8, &[u8], &mut Interest)) {
    let chosen = (0..).zip(places).filter(|(database, _)| of(*database));
    for (database, keys) in chosen {
        for (key, interests) in keys {
            interests
                .iter_mut()
                .for_each(|interest| work(database, key, interest));
        }
    }
}

#[cfg(test)]
mod tests;
