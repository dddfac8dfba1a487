//! Activities: opening them, settling their indexes, and asking them, live or in a snapshot.
//!
//! Called by `db`. A question waits until nothing of its activity is unsettled: whoever comes first reads
//! the keys that have changed, a step at a time, each under the locks of their shards and then of the index,
//! so that writers go on between two steps. If writers are faster than that, the question is answered
//! from a snapshot, whose keys stand still.
//!
//! Lock order: settling, shards, one index. Invariant: nobody waits for a shard while holding an index.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::Engine;
use super::lock::wait_inside;
use super::observe::Observers;
use super::snapshot::Snapshot;
use crate::activity::calendar::{Granularity, parse_key_suffix};
use crate::activity::definition::{ActivityOptions, DEFINITION_SUFFIX, key_of};
use crate::activity::index::{History, Index, Step};
use crate::activity::live::Live;
use crate::activity::with_period_key;
use crate::command::run::{Host, Keys};
use crate::error::{CommandError, Error, StorageError};
use crate::keyspace::ReadTx;

/// How often a question settles an index that writers unsettle anew, before it asks a snapshot.
const SETTLINGS_MAX: usize = 4;
/// How often one settling starts from the front again.
const RESTARTS_MAX: usize = 64;

/// An activity in a snapshot.
#[derive(Debug)]
pub(crate) struct SnapshotActivity {
    database: u8,
    name: Box<[u8]>,
    options: ActivityOptions,
    index: Mutex<Index>,
}

/// The activities that a snapshot was asked about, or that were live when it was taken.
pub(crate) type SnapshotActivities = Mutex<Vec<Arc<SnapshotActivity>>>;

impl Observers {
    /// The indexes as of now. Called under the locks of all shards.
    pub(super) fn freeze_activities(&self) -> SnapshotActivities {
        if self.activity_count.load(Ordering::Relaxed) == 0 {
            return SnapshotActivities::default();
        }
        let frozen = self.activities.freeze().into_iter();
        let activities = frozen.map(|frozen| {
            Arc::new(SnapshotActivity {
                database: frozen.database,
                name: frozen.name,
                options: frozen.options,
                index: Mutex::new(frozen.index),
            })
        });
        Mutex::new(activities.collect())
    }
}

impl Engine {
    /// The activity of this name, as it was defined, or as `otherwise` says if it was not. From here on
    /// its index follows its keys.
    pub(crate) fn open_activity(
        &self,
        database: u8,
        name: &[u8],
        otherwise: &ActivityOptions,
    ) -> Result<Arc<Live>, Error> {
        self.check_readable()?;
        let observers = &self.observers;
        if let Some(live) = observers.activities.find(database, name, otherwise) {
            return Ok(live);
        }
        let mut opened = None;
        let define = |tx: &ReadTx<'_>| {
            let definition = ActivityOptions::read(tx, name)?;
            let is_defined = definition.is_some();
            Ok((definition.unwrap_or_else(|| otherwise.clone()), is_defined))
        };
        if !self.activity_indexes {
            let key = key_of(name, DEFINITION_SUFFIX);
            let (options, is_defined) = self.peek(database, &Keys::One(&key), define)?;
            return Ok(Arc::new(Live::new(name, options, is_defined)));
        }
        self.peek(database, &Keys::All, |tx| {
            let (options, is_defined) = define(tx)?;
            let open = observers
                .activities
                .open(database, name, options, is_defined);
            if open.is_new {
                observers.activity_count.fetch_add(1, Ordering::Relaxed);
                observers.joined();
            }
            opened = Some(open);
            Ok(())
        })?;
        let Some(opened) = opened else {
            return Err(StorageError::Closed.into());
        };
        self.forget_activities(opened.forgotten);
        Ok(opened.live)
    }

    /// Gives up what was derived for an activity; the next question derives it anew.
    pub(crate) fn close_activity(&self, database: u8, name: &[u8]) -> Result<(), Error> {
        self.check_readable()?;
        let is_closed = self.observers.activities.close(database, name);
        self.forget_activities(usize::from(is_closed));
        Ok(())
    }

    fn forget_activities(&self, count: usize) {
        if count > 0 {
            let observers = &self.observers;
            observers.activity_count.fetch_sub(count, Ordering::Relaxed);
            observers.left(count);
        }
    }

    /// Asks the history of an activity, as of now; says `None` if the activity is over.
    #[inline]
    pub(crate) fn ask_activity<R>(
        &self,
        database: u8,
        live: &Live,
        ask: impl FnOnce(&mut History) -> R,
    ) -> Result<Option<R>, Error> {
        self.check_readable()?;
        let now_ms = || self.clock.now_ms();
        let settlings = if self.activity_indexes {
            SETTLINGS_MAX
        } else {
            0
        };
        for _ in 0..settlings {
            let mut index = live.index();
            if live.is_over() {
                return Ok(None);
            }
            if index.is_settled(&now_ms) {
                return Ok(Some(ask(index.history_mut())));
            }
            drop(index);
            self.settle(database, live)?;
        }
        let snapshot = self.snapshot()?.database(database)?;
        snapshot
            .ask_activity(&live.name, &live.options, ask)
            .map(Some)
    }

    #[cold]
    fn settle(&self, database: u8, live: &Live) -> Result<(), Error> {
        let _settling = match wait_inside() {
            None => live.settling.lock(),
            // Whoever settles may be waiting for a shard of ours.
            Some(wait) => live
                .settling
                .try_lock_for(wait)
                .ok_or(StorageError::Reentrant)?,
        };
        let wants_listing = {
            let mut index = live.index();
            index.begin_listing();
            index.wants_listing()
        };
        if wants_listing {
            let snapshot = self.snapshot()?.database(database)?;
            let periods = snapshot.periods(&live.name, live.options.granularity());
            live.index().list(&periods);
        }
        let mut restarts = 0;
        let mut reached = 0;
        while !live.is_over() && restarts < RESTARTS_MAX {
            let Some(step) = live.index().next_step() else {
                break;
            };
            restarts += usize::from(step.first_user < reached);
            reached = step.first_user;
            with_step_keys(
                &live.name,
                live.options.granularity(),
                &step,
                |keys, words| {
                    self.peek(database, &keys, |tx| {
                        live.index().take_step(&step, words, tx);
                        Ok(())
                    })
                },
            )?;
        }
        Ok(())
    }
}

/// Calls `call` with the keys that a step reads: to be locked, and as words.
fn with_step_keys<R>(
    name: &[u8],
    granularity: Granularity,
    step: &Step,
    call: impl FnOnce(Keys<'_>, &[&[u8]]) -> R,
) -> R {
    let key = |&period: &u32| with_period_key(name, granularity, period, <[u8]>::to_vec);
    let keys: Vec<Vec<u8>> = step.periods.iter().map(key).collect();
    let words: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let keys = Keys::List {
        words: &words,
        step: 1,
    };
    call(keys, &words)
}

impl Snapshot {
    /// The periods for which an activity of this name has keys.
    fn periods(&self, name: &[u8], granularity: Granularity) -> Vec<u32> {
        let database = Host::database(self);
        let shards = self.shards().iter();
        let keys = shards.flat_map(|shard| shard.table(database).keys().iter());
        keys.filter_map(|entry| {
            let suffix = entry.key.strip_prefix(name)?.strip_prefix(b":")?;
            parse_key_suffix(granularity, suffix)
        })
        .collect()
    }

    /// How the activity was defined when the snapshot was taken.
    pub(crate) fn activity_options(&self, name: &[u8]) -> Result<Option<ActivityOptions>, Error> {
        let key = key_of(name, DEFINITION_SUFFIX);
        let mut options = None;
        self.read_with(Keys::One(&key), &mut |tx| {
            options = ActivityOptions::read(tx, name)?;
            Ok(())
        })?;
        Ok(options)
    }

    fn find_activity(
        &self,
        name: &[u8],
        options: &ActivityOptions,
    ) -> Result<Arc<SnapshotActivity>, Error> {
        let database = Host::database(self);
        let is_it = |activity: &&Arc<SnapshotActivity>| {
            activity.database == database && *activity.name == *name && activity.options == *options
        };
        if let Some(activity) = self.activities().lock().iter().find(is_it) {
            return Ok(Arc::clone(activity));
        }
        let defined = self.activity_options(name)?;
        if defined.is_some_and(|defined| defined != *options) {
            return Err(redefined());
        }
        let activity = Arc::new(SnapshotActivity {
            database,
            name: name.into(),
            options: options.clone(),
            index: Mutex::default(),
        });
        let mut activities = self.activities().lock();
        // Another may have been faster.
        if let Some(activity) = activities.iter().find(is_it) {
            return Ok(Arc::clone(activity));
        }
        activities.push(Arc::clone(&activity));
        Ok(activity)
    }

    /// Asks the history of an activity, as of this snapshot.
    pub(crate) fn ask_activity<R>(
        &self,
        name: &[u8],
        options: &ActivityOptions,
        ask: impl FnOnce(&mut History) -> R,
    ) -> Result<R, Error> {
        let activity = self.find_activity(name, options)?;
        let mut index = activity.index.lock();
        index.begin_listing();
        if index.wants_listing() {
            index.list(&self.periods(name, options.granularity()));
        }
        while !index.is_settled(&|| self.taken_at_ms()) {
            let Some(step) = index.next_step() else { break };
            with_step_keys(name, options.granularity(), &step, |keys, words| {
                self.read_with(keys, &mut |tx| {
                    index.take_step(&step, words, tx);
                    Ok(())
                })
            })?;
        }
        Ok(ask(index.history_mut()))
    }
}

/// What a handle answers whose activity was defined otherwise since it was opened.
#[cold]
pub(crate) fn redefined() -> Error {
    let text = "ERR the activity was defined anew, with other options: open it again";
    CommandError::Other(text.into()).into()
}

#[cfg(test)]
mod tests;
