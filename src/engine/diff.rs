//! What differs between two snapshots.
//!
//! Called by [`Snapshot::diff`]. Invariants:
//! 1. Two snapshots are compared as readers see them: what had expired when one was taken is not in it.
//! 2. A page, a table or a value that both hold in one allocation is not looked into, unless a deadline in
//!    it is before the later of the two moments.
//! 3. The order is that of databases and keys; within a key the value comes before the deadline.
//!
//! It must not copy values: a [`KeyContent`] shares what the snapshot has.

mod text;

pub(crate) use text::{Score, is_plain, write_quoted};

use std::collections::{BTreeMap, BTreeSet};

use super::snapshot::Snapshot;
use crate::ds::hash_trie::EntryRef;
use crate::keyspace::{DATABASES, Entry, FieldRef, KeyType, StringRef, Table, has_expired};
use crate::value::{HashValue, ListValue, SetValue, StringValue, Value, ZSetValue};

/// What differs between two snapshots; [`Snapshot::diff`] makes it.
///
/// It prints as one line for each difference, in the order of databases and keys:
///
/// ```
/// use nacredb::{Db, prelude::*};
///
/// let db = Db::open_in_memory();
/// db.hset("user:1", "name", "Ada")?;
/// db.rpush("jobs", &["a", "b", "c"])?;
/// let before = db.snapshot()?;
/// db.hset("user:1", "name", "Eve")?;
/// db.hset("user:1", "mail", "eve@example.org")?;
/// db.del("jobs")?;
/// db.set("visits", "1")?;
/// db.expire_at_ms("visits", 1_900_000_000_000)?;
/// let diff = before.diff(&db.snapshot()?);
/// assert_eq!(
///     diff.to_string(),
///     r#"- list "jobs" (3 elements)
/// ~ hash "user:1": +mail "eve@example.org", name "Ada" → "Eve"
/// + string "visits" = "1" expires 1900000000000
/// "#
/// );
/// # Ok::<(), nacredb::Error>(())
/// ```
///
/// `+` is a key that is new, `-` one that is gone, `~` one that changed; parts of a value are marked alike.
/// Keys of other databases than 0 have the database's number before them (`db3`). Elements of lists are
/// named by their number, removed ones by the number they had. Long values are cut: a string of more than
/// 64 bytes is shown from the first byte that differs on, of a new collection 8 elements, of a
/// changed one 16 parts, with how many more there are.
#[derive(Debug, Clone, Default)]
pub struct Diff {
    differences: Vec<Difference>,
    pages: u64,
}

/// One difference between two snapshots: of a key's value, or of its deadline.
#[derive(Debug, Clone)]
pub struct Difference {
    database: u8,
    key: Vec<u8>,
    kind: DifferenceKind,
}

/// What differs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// The key is new.
    Added(KeyContent),
    /// The key is gone.
    Removed(KeyContent),
    /// The key holds another string, or a value of another type.
    Replaced {
        /// What it held.
        before: KeyContent,
        /// What it holds.
        after: KeyContent,
    },
    /// Elements of its list differ, each at its number: the one it had, of removed ones; the one it has, of
    /// all others.
    List(Vec<PartDifference<u64, Vec<u8>>>),
    /// Fields of its hash differ.
    Hash(Vec<PartDifference<Vec<u8>, FieldContent>>),
    /// Members of its set differ.
    Set(Vec<PartDifference<Vec<u8>, ()>>),
    /// Members of its sorted set differ, or their scores.
    SortedSet(Vec<PartDifference<Vec<u8>, f64>>),
    /// The key expires at another time, in milliseconds since the Unix epoch; `None` for never.
    Deadline {
        /// When it would have expired.
        before_ms: Option<u64>,
        /// When it expires.
        after_ms: Option<u64>,
    },
}

/// A part of a collection that was added, removed or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartDifference<N, V> {
    /// Which part: the number of an element, the name of a field, a member.
    pub name: N,
    /// What it was; `None` if it was not there.
    pub before: Option<V>,
    /// What it is; `None` if it is gone.
    pub after: Option<V>,
}

/// What a field of a hash holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldContent {
    /// Its value.
    pub value: Vec<u8>,
    /// When it expires, in milliseconds since the Unix epoch; `None` for never.
    pub expires_at_ms: Option<u64>,
}

/// What a key held when a snapshot was taken. It shares the value with the snapshot and keeps it alive.
#[derive(Debug, Clone)]
pub struct KeyContent {
    value: Value,
    expires_at_ms: Option<u64>,
    taken_at_ms: u64,
}

impl Diff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    /// How many differences there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.differences.len()
    }

    /// The differences, by database and key; where value and deadline of a key differ, in this order.
    pub fn iter(&self) -> std::slice::Iter<'_, Difference> {
        self.differences.iter()
    }

    /// How many pages of keys were read to find them, of up to 4 KB: what a diff costs beside what it
    /// reports. Pages that both snapshots share are not read.
    #[must_use]
    pub fn pages_read(&self) -> u64 {
        self.pages
    }
}

impl<'a> IntoIterator for &'a Diff {
    type Item = &'a Difference;
    type IntoIter = std::slice::Iter<'a, Difference>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Difference {
    /// The number of the logical database.
    #[must_use]
    pub fn database(&self) -> u8 {
        self.database
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// What differs.
    #[must_use]
    pub fn kind(&self) -> &DifferenceKind {
        &self.kind
    }
}

impl KeyContent {
    fn of(entry: &Entry<'_>, taken_at_ms: u64) -> Self {
        let value = match entry.large() {
            Some(value) => value.clone(),
            None => {
                let bytes = entry.string().map(StringRef::to_vec).unwrap_or_default();
                Value::String(StringValue::from_bytes(&bytes))
            }
        };
        Self {
            value,
            expires_at_ms: entry.expires_at_ms(),
            taken_at_ms,
        }
    }

    /// The type of the value.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        match self.value {
            Value::String(_) => KeyType::String,
            Value::List(_) => KeyType::List,
            Value::Hash(_) => KeyType::Hash,
            Value::Set(_) => KeyType::Set,
            Value::SortedSet(_) => KeyType::SortedSet,
        }
    }

    /// The bytes of a string, the elements of a list, the fields of a hash, the members of a set.
    ///
    /// # Complexity
    /// O(1); for a hash of which fields had expired, O(fields).
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.value {
            Value::String(string) => string.len(),
            Value::List(list) => list.len(),
            Value::Hash(hash) if hash.next_expiry_ms() < self.taken_at_ms => {
                self.fields(hash).count() as u64
            }
            Value::Hash(hash) => hash.len() as u64,
            Value::Set(set) => set.len(),
            Value::SortedSet(zset) => zset.len(),
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn string(&self) -> Option<Vec<u8>> {
        match &self.value {
            Value::String(string) => Some(StringRef::Large(string).to_vec()),
            Value::List(_) | Value::Hash(_) | Value::Set(_) | Value::SortedSet(_) => None,
        }
    }

    /// When the key expires, in milliseconds since the Unix epoch; `None` for never.
    #[must_use]
    pub fn expires_at_ms(&self) -> Option<u64> {
        self.expires_at_ms
    }

    fn fields<'a>(&self, hash: &'a HashValue) -> impl Iterator<Item = FieldRef<'a>> {
        let taken_at_ms = self.taken_at_ms;
        let live = move |field: &FieldRef<'_>| !has_expired(field.expires_at_ms, taken_at_ms);
        hash.iter().filter(live)
    }
}

impl FieldContent {
    fn of(field: &FieldRef<'_>) -> Self {
        Self {
            value: field.value.to_vec(),
            expires_at_ms: field.deadline_ms(),
        }
    }
}

impl Snapshot {
    /// What is different in `other`: the keys that it has and this one has not, those it has not, and those
    /// it has otherwise, with the elements, fields, members and deadlines that differ. All logical
    /// databases are compared, whichever the snapshots look at.
    ///
    /// Snapshots of a database and of its branches are compared by what they do not share. Any two can be
    /// compared, in the time of reading both.
    ///
    /// # Complexity
    /// O(C) for C changes between snapshots of one database or of its branches, each the reading of
    /// a page, whatever the number of keys; plus O(log N) for each changed list or long string of N
    /// elements or bytes, and O(N) for a changed collection in its short form, which has a few hundred
    /// elements at most, and for a list whose elements have all moved, as a queue's do. Where keys expired between the two, O(pages that hold them). O(N) for N
    /// keys of databases that were not branched from each other.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, DifferenceKind, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.zadd("board", 10.0, "ada")?;
    /// let before = db.snapshot()?;
    /// db.zadd("board", 12.0, "ada")?;
    /// let diff = before.diff(&db.snapshot()?);
    /// assert_eq!(diff.to_string(), "~ zset \"board\": ada 10 → 12\n");
    /// let DifferenceKind::SortedSet(members) = diff.iter().next().unwrap().kind() else { panic!() };
    /// assert_eq!((members[0].before, members[0].after), (Some(10.0), Some(12.0)));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn diff(&self, other: &Self) -> Diff {
        let mut comparison = Comparison {
            before_ms: self.taken_at_ms(),
            after_ms: other.taken_at_ms(),
            found: BTreeMap::new(),
        };
        let pages = comparison.run(self, other);
        let differences = comparison.found.into_iter();
        let differences = differences.flat_map(|((database, key), kinds)| {
            kinds.into_iter().map(move |kind| Difference {
                database,
                key: key.clone(),
                kind,
            })
        });
        Diff {
            differences: differences.collect(),
            pages,
        }
    }
}

/// The differences found so far.
struct Comparison {
    before_ms: u64,
    after_ms: u64,
    found: BTreeMap<(u8, Vec<u8>), Vec<DifferenceKind>>,
}

impl Comparison {
    /// No deadline from here on has passed at either moment.
    fn horizon_ms(&self) -> u64 {
        self.before_ms.max(self.after_ms)
    }

    fn run(&mut self, before: &Snapshot, after: &Snapshot) -> u64 {
        let mut pages = 0;
        for database in 0..DATABASES {
            if before.layout().is_same(after.layout()) {
                for (one, two) in before.shards().iter().zip(after.shards()) {
                    pages += self.tables(database, one.table(database), two.table(database));
                }
                continue;
            }
            // Keys lie elsewhere in the other: every key of both is looked for there.
            for (snapshot, other) in [(before, after), (after, before)] {
                for shard in snapshot.shards() {
                    let keys = shard.table(database).keys();
                    pages += keys.diff(&keys.empty_like(), 0, &mut |entry, _| {
                        let Some(entry) = entry else { return };
                        let hash = other.layout().hash(entry.key);
                        let shard = &other.shards()[other.layout().shard_of(hash)];
                        let found = shard.table(database).keys().get(hash, entry.key);
                        if std::ptr::eq(snapshot, before) {
                            self.pair(database, Some(entry), found);
                        } else if found.is_none() {
                            self.pair(database, None, Some(entry));
                        }
                    });
                }
            }
        }
        pages
    }

    /// Compares the tables of one shard.
    fn tables(&mut self, database: u8, before: &Table, after: &Table) -> u64 {
        let horizon_ms = self.horizon_ms();
        let (ours, theirs) = (before.keys(), after.keys());
        let pages = ours.diff(theirs, horizon_ms, &mut |here, there| {
            self.pair(database, here, there);
        });
        // Fields expire in pages that nothing else tells apart.
        let mut due = BTreeSet::new();
        for table in [before, after] {
            let until_ms = horizon_ms.saturating_sub(1);
            table.collect_field_deadlines(until_ms, usize::MAX, &mut |key| {
                due.insert(key.to_vec());
            });
        }
        for key in due {
            let hash = ours.hash_of(&key);
            self.pair(database, ours.get(hash, &key), theirs.get(hash, &key));
        }
        pages
    }

    /// Compares what a key held before and after, of which one may be nothing.
    fn pair(
        &mut self,
        database: u8,
        before: Option<EntryRef<'_, Value>>,
        after: Option<EntryRef<'_, Value>>,
    ) {
        let live = |entry: Option<_>, taken_at_ms| {
            let entry = entry.map(Entry::new);
            entry.filter(|entry: &Entry<'_>| !entry.is_expired(taken_at_ms))
        };
        let (before_ms, after_ms) = (self.before_ms, self.after_ms);
        let mut kinds = Vec::new();
        let key = match (live(before, before_ms), live(after, after_ms)) {
            (None, None) => return,
            (None, Some(after)) => {
                kinds.push(DifferenceKind::Added(KeyContent::of(&after, after_ms)));
                after.key()
            }
            (Some(before), None) => {
                kinds.push(DifferenceKind::Removed(KeyContent::of(&before, before_ms)));
                before.key()
            }
            (Some(before), Some(after)) => {
                kinds.extend(self.values(&before, &after));
                let (before_ms, after_ms) = (before.expires_at_ms(), after.expires_at_ms());
                if before_ms != after_ms {
                    kinds.push(DifferenceKind::Deadline {
                        before_ms,
                        after_ms,
                    });
                }
                before.key()
            }
        };
        if !kinds.is_empty() {
            self.found.insert((database, key.to_vec()), kinds);
        }
    }

    fn values(&self, before: &Entry<'_>, after: &Entry<'_>) -> Option<DifferenceKind> {
        if let (Ok(one), Ok(two)) = (before.string(), after.string()) {
            one.first_difference(&two)?;
        }
        match (before.large(), after.large()) {
            (Some(Value::List(one)), Some(Value::List(two))) => {
                list(one, two).map(DifferenceKind::List)
            }
            (Some(Value::Hash(one)), Some(Value::Hash(two))) => {
                self.hash(one, two).map(DifferenceKind::Hash)
            }
            (Some(Value::Set(one)), Some(Value::Set(two))) => {
                set(one, two).map(DifferenceKind::Set)
            }
            (Some(Value::SortedSet(one)), Some(Value::SortedSet(two))) => {
                zset(one, two).map(DifferenceKind::SortedSet)
            }
            _ => Some(DifferenceKind::Replaced {
                before: KeyContent::of(before, self.before_ms),
                after: KeyContent::of(after, self.after_ms),
            }),
        }
    }

    fn hash(&self, before: &HashValue, after: &HashValue) -> Option<Parts<Vec<u8>, FieldContent>> {
        let horizon_ms = self.horizon_ms();
        if before.is_same(after) && before.next_expiry_ms() >= horizon_ms {
            return None;
        }
        let mut parts = Vec::new();
        before.diff(after, horizon_ms, &mut |here, there| {
            let here = here.filter(|field| !has_expired(field.expires_at_ms, self.before_ms));
            let there = there.filter(|field| !has_expired(field.expires_at_ms, self.after_ms));
            let Some(either) = here.or(there).filter(|_| here != there) else {
                return;
            };
            parts.push(PartDifference {
                name: either.field.to_vec(),
                before: here.as_ref().map(FieldContent::of),
                after: there.as_ref().map(FieldContent::of),
            });
        });
        sorted(parts)
    }
}

type Parts<N, V> = Vec<PartDifference<N, V>>;

/// Parts by name; `None` if there are none.
fn sorted<N: Ord, V>(mut parts: Parts<N, V>) -> Option<Parts<N, V>> {
    parts.sort_by(|one, two| one.name.cmp(&two.name));
    (!parts.is_empty()).then_some(parts)
}

/// Elements that differ at their places where both lists are equally long; otherwise those between what
/// both begin and end with.
fn list(before: &ListValue, after: &ListValue) -> Option<Parts<u64, Vec<u8>>> {
    if before.is_same(after) {
        return None;
    }
    let mut parts = Vec::new();
    if before.len() == after.len() {
        before.each_difference(after, &mut |at, here, there| {
            parts.push(PartDifference {
                name: at,
                before: Some(here.to_vec()),
                after: Some(there.to_vec()),
            });
        });
    } else {
        let shorter = before.len().min(after.len());
        let first = before.common(after, false);
        let last = before.common(after, true).min(shorter - first);
        for (at, element) in (first..).zip(before.range(first, before.len() - last)) {
            parts.push(PartDifference {
                name: at,
                before: Some(element.to_vec()),
                after: None,
            });
        }
        for (at, element) in (first..).zip(after.range(first, after.len() - last)) {
            parts.push(PartDifference {
                name: at,
                before: None,
                after: Some(element.to_vec()),
            });
        }
    }
    (!parts.is_empty()).then_some(parts)
}

fn set(before: &SetValue, after: &SetValue) -> Option<Parts<Vec<u8>, ()>> {
    if before.is_same(after) {
        return None;
    }
    let mut parts = Vec::new();
    before.diff(after, &mut |member, is_added| {
        parts.push(PartDifference {
            name: member.to_vec(),
            before: (!is_added).then_some(()),
            after: is_added.then_some(()),
        });
    });
    sorted(parts)
}

fn zset(before: &ZSetValue, after: &ZSetValue) -> Option<Parts<Vec<u8>, f64>> {
    if before.is_same(after) {
        return None;
    }
    let mut parts = Vec::new();
    before.diff(after, &mut |member, before, after| {
        parts.push(PartDifference {
            name: member.to_vec(),
            before,
            after,
        });
    });
    sorted(parts)
}

#[cfg(test)]
mod tests;
