//! The activities that somebody has opened, and how commits reach their indexes.
//!
//! `engine` hands every committed batch to [`Activities::committed`] while the shards it changed are
//! locked, and freezes the indexes while all are: an index is thus always that of some moment of the keys
//! it has followed. Invariants:
//! 1. Lock order: shards, then the table of activities, then one index. Nothing here waits for a shard.
//! 2. An activity whose definition was changed, or whose database was cleared or swapped, is over: it is
//!    never asked again, and whoever has it opens it anew. Whoever asks makes sure with the index locked.
//! 3. A batch changes each index under one lock: nobody sees a part of a transaction.
//!
//! It must not know how an index is settled.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::calendar::parse_key_suffix;
use super::definition::{ActivityOptions, DEFINITION_SUFFIX};
use super::index::Index;
use crate::effect::{DATABASES, Effect};
use crate::sys::reclaim::drop_elsewhere;
use crate::sys::rng::entropy;

/// An activity that is open in an engine.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) name: Box<[u8]>,
    pub(crate) options: ActivityOptions,
    /// Whether there is a definition, or only the wish of whoever opened it.
    is_defined: AtomicBool,
    is_over: AtomicBool,
    /// Held by whoever settles the index.
    pub(crate) settling: Mutex<()>,
    index: Mutex<Index>,
}

impl Live {
    pub(crate) fn new(name: &[u8], options: ActivityOptions, is_defined: bool) -> Self {
        Self {
            name: name.into(),
            options,
            is_defined: AtomicBool::new(is_defined),
            is_over: AtomicBool::new(false),
            settling: Mutex::new(()),
            index: Mutex::default(),
        }
    }

    /// Whether what is known of it no longer counts.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Whether there is a definition, or only the wish of whoever opened it.
    #[inline]
    pub(crate) fn is_defined(&self) -> bool {
        self.is_defined.load(Ordering::Acquire)
    }

    /// The key of the definition has changed. Unless this defines as it is what was not defined yet, the
    /// activity is over.
    #[cold]
    fn redefine(&self, effect: &Effect<'_>) {
        let fields = self.options.to_fields();
        let words = fields
            .iter()
            .flat_map(|(field, value)| [*field, value.as_slice()]);
        if let Effect::HashSet { pairs, .. } = effect
            && !self.is_defined()
            && pairs.iter().eq(words)
        {
            self.is_defined.store(true, Ordering::Release);
        } else {
            self.end();
        }
    }

    /// From here on it is over, and what was derived is freed, whoever still has it.
    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        let index = std::mem::take(&mut *self.index());
        if !index.is_empty() {
            drop_elsewhere(index);
        }
    }

    /// The index, locked. Writers of the activity wait meanwhile: only for what is short.
    #[inline]
    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock()
    }

    /// Whether nobody holds it but the table, which has nothing to keep of it.
    fn is_idle(this: &Arc<Self>) -> bool {
        this.is_over() || (Arc::strong_count(this) == 1 && this.index().is_empty())
    }
}

/// An effect on a key of an activity's period.
struct Change<'t, 'e> {
    live: &'t Live,
    period: u32,
    effect: Effect<'e>,
    is_target: bool,
}

impl Change<'_, '_> {
    #[inline]
    fn apply(&self, index: &mut Index) {
        let &Self {
            period, is_target, ..
        } = self;
        match self.effect {
            Effect::StringWrite { offset, bytes, .. } => index.written(period, offset, bytes),
            Effect::KeyExpire { expires_at_ms, .. } => index.expires(period, expires_at_ms),
            Effect::KeyCopy { .. } if !is_target => {}
            Effect::KeyMove { .. } if !is_target && cfg!(nacre_bug = "move_unseen") => {}
            Effect::StringSet { .. }
            | Effect::KeyRemove { .. }
            | Effect::KeyMove { .. }
            | Effect::KeyCopy { .. }
            | Effect::ListInsert { .. }
            | Effect::ListRemove { .. }
            | Effect::ListSet { .. }
            | Effect::HashSet { .. }
            | Effect::HashRemove { .. }
            | Effect::HashExpire { .. }
            | Effect::SetAdd { .. }
            | Effect::SetRemove { .. }
            | Effect::ZSetAdd { .. }
            | Effect::ZSetRemove { .. } => index.changed(period, 0),
            Effect::KeysClear
            | Effect::Database { .. }
            | Effect::DatabaseClear
            | Effect::DatabasesSwap { .. } => {}
        }
    }
}

/// The activities of one logical database.
type Names = HashMap<Box<[u8]>, Arc<Live>, ahash::RandomState>;

/// What [`Activities::open`] did.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) live: Arc<Live>,
    /// Whether it was not open before.
    pub(crate) is_new: bool,
    /// How many others are open no more.
    pub(crate) forgotten: usize,
}

/// Every open activity of an engine.
pub(crate) struct Activities {
    databases: RwLock<[Names; DATABASES as usize]>,
}

impl fmt::Debug for Activities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activities").finish_non_exhaustive()
    }
}

impl Default for Activities {
    fn default() -> Self {
        let [a, b, c, d] = std::array::from_fn(|_| entropy());
        let hasher = ahash::RandomState::with_seeds(a, b, c, d);
        Self {
            databases: RwLock::new(std::array::from_fn(|_| Names::with_hasher(hasher.clone()))),
        }
    }
}

/// An index as a snapshot found it.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) database: u8,
    pub(crate) name: Box<[u8]>,
    pub(crate) options: ActivityOptions,
    pub(crate) index: Index,
}

impl Activities {
    /// The activity, if it is open; one that is not defined, only if it was opened as this wish says.
    pub(crate) fn find(
        &self,
        database: u8,
        name: &[u8],
        otherwise: &ActivityOptions,
    ) -> Option<Arc<Live>> {
        let databases = self.databases.read();
        let live = databases[usize::from(database)].get(name)?;
        let is_it = !live.is_over() && (live.is_defined() || live.options == *otherwise);
        is_it.then(|| Arc::clone(live))
    }

    /// Opens it, in place of one that is over or was opened otherwise, and forgets those that nobody needs.
    /// The caller has read the definition and holds every shard still: nothing is committed meanwhile.
    pub(crate) fn open(
        &self,
        database: u8,
        name: &[u8],
        options: ActivityOptions,
        is_defined: bool,
    ) -> Opened {
        let mut databases = self.databases.write();
        let names = &mut databases[usize::from(database)];
        if let Some(live) = names.get(name) {
            if !live.is_over() && live.options == options {
                return Opened {
                    live: Arc::clone(live),
                    is_new: false,
                    forgotten: 0,
                };
            }
            live.end();
        }
        let live = Arc::new(Live::new(name, options, is_defined));
        let old = names.insert(name.into(), Arc::clone(&live));
        let mut forgotten = usize::from(old.is_some());
        // Looked through only when the table has doubled: O(1) for each that was opened.
        if names.len() == names.capacity() {
            let before = names.len();
            names.retain(|_, other| Arc::ptr_eq(other, &live) || !Live::is_idle(other));
            forgotten += before - names.len();
            names.reserve(names.len());
        }
        Opened {
            live,
            is_new: true,
            forgotten,
        }
    }

    /// Forgets an activity and what was derived for it. Says whether it was there.
    pub(crate) fn close(&self, database: u8, name: &[u8]) -> bool {
        let mut databases = self.databases.write();
        let Some(live) = databases[usize::from(database)].remove(name) else {
            return false;
        };
        // Before a commit misses it; what is long waits for nobody who asks.
        live.is_over.store(true, Ordering::Release);
        drop(databases);
        live.end();
        true
    }

    /// Ends every activity: the engine is closed.
    pub(crate) fn end_all(&self) {
        let databases = self.databases.read();
        let lives = databases.iter().flat_map(HashMap::values);
        lives.for_each(|live| live.end());
    }

    /// Lets the indexes follow what was committed: encoded effects, of which the first is in database 0
    /// unless it says otherwise.
    pub(crate) fn committed<'e>(&self, effects: impl Iterator<Item = Effect<'e>>) {
        let databases = self.databases.read();
        let mut database = 0;
        let end_all = |names: &Names| names.values().for_each(|live| live.end());
        // Most batches have one change: the last needs no room.
        let (mut last, mut others) = (None, Vec::new());
        let mut note = |names, key, effect, is_target| {
            if let Some(change) = change(names, key, effect, is_target) {
                others.extend(last.replace(change));
            }
        };
        for effect in effects {
            match effect {
                Effect::Database { index } => database = usize::from(index),
                Effect::KeysClear => databases.iter().for_each(end_all),
                Effect::DatabaseClear => end_all(&databases[database]),
                Effect::DatabasesSwap { one, two } => {
                    end_all(&databases[usize::from(one)]);
                    end_all(&databases[usize::from(two)]);
                }
                Effect::KeyMove {
                    from,
                    to,
                    database: other,
                }
                | Effect::KeyCopy {
                    from,
                    to,
                    database: other,
                } => {
                    note(&databases[database], from, effect, false);
                    let other = other.map_or(database, usize::from);
                    note(&databases[other], to, effect, true);
                }
                Effect::StringSet { key, .. }
                | Effect::StringWrite { key, .. }
                | Effect::KeyRemove { key }
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
                    note(&databases[database], key, effect, true);
                }
            }
        }
        let Some(last) = last else { return };
        if others.is_empty() {
            return apply(&[last]);
        }
        others.push(last);
        let place = |change: &Change<'_, '_>| std::ptr::from_ref(change.live).addr();
        others.sort_by_key(place);
        others
            .chunk_by(|one, other| place(one) == place(other))
            .for_each(apply);
    }

    /// Every index that was ever asked for, as of now. Called under the locks of all shards.
    pub(crate) fn freeze(&self) -> Vec<Frozen> {
        let databases = self.databases.read();
        let mut frozen = Vec::new();
        for (database, names) in databases.iter().enumerate() {
            for live in names.values().filter(|live| !live.is_over()) {
                let index = live.index();
                if index.is_begun() {
                    frozen.push(Frozen {
                        database: database as u8,
                        name: live.name.clone(),
                        options: live.options.clone(),
                        index: index.clone(),
                    });
                }
            }
        }
        frozen
    }
}

/// What an effect changes of the activity that its key belongs to, if that is open. One on its definition
/// ends it.
#[inline]
fn change<'t, 'e>(
    names: &'t Names,
    key: &[u8],
    effect: Effect<'e>,
    is_target: bool,
) -> Option<Change<'t, 'e>> {
    if names.is_empty() {
        return None;
    }
    let colon = key.iter().rposition(|&byte| byte == b':')?;
    let live = names.get(&key[..colon]).filter(|live| !live.is_over())?;
    let suffix = &key[colon + 1..];
    let period = parse_key_suffix(live.options.granularity(), suffix);
    if period.is_none() && suffix == DEFINITION_SUFFIX {
        live.redefine(&effect);
    }
    Some(Change {
        live,
        period: period?,
        effect,
        is_target,
    })
}

/// Makes changes of one activity.
#[inline]
fn apply(changes: &[Change<'_, '_>]) {
    let Some(Change { live, .. }) = changes.first() else {
        return;
    };
    let mut index = live.index();
    if !live.is_over() {
        changes.iter().for_each(|change| change.apply(&mut index));
    }
}
