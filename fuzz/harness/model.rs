//! What state changes should lead to: sixteen plain maps, of values of five types.

use std::collections::{BTreeMap, BTreeSet};

use nacredb::{Db, Reply};

use super::change::{Change, Words};
use super::disk::{DATABASES, Held, WHOLE_MAX, ask, is_string, keys, look, range, strlen};

/// Longest string there can be.
const LEN_MAX: u64 = 1 << 60;

/// A string that may be far longer than memory: what was written where, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Text {
    len: u64,
    writes: Vec<(u64, Vec<u8>)>,
}

impl Text {
    fn read(&self, from: u64, to: u64) -> Vec<u8> {
        let (from, to) = (from.min(self.len), to.min(self.len));
        let mut out = vec![0; to.saturating_sub(from) as usize];
        for (offset, bytes) in &self.writes {
            let start = (*offset).max(from);
            let end = (offset + bytes.len() as u64).min(to);
            if start < end {
                let source = &bytes[(start - offset) as usize..(end - offset) as usize];
                out[(start - from) as usize..(end - from) as usize].copy_from_slice(source);
            }
        }
        out
    }
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    String(Text),
    List(Words),
    /// Fields, with their values and deadlines.
    Hash(BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>),
    Set(BTreeSet<Vec<u8>>),
    SortedSet(BTreeMap<Vec<u8>, f64>),
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    value: Value,
    deadline: Option<u64>,
}

type Keys = BTreeMap<Vec<u8>, Entry>;

/// What the changes should lead to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    databases: Vec<Keys>,
    /// The database of the next change.
    selected: u8,
}

/// A change that cannot be: nothing has recorded it in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit;

/// The collection of a key: its own, or a new one. Evaluates to `Err(Misfit)` out of the function if
/// the key holds another type.
macro_rules! collection {
    ($keys:expr, $key:expr, $kind:ident) => {{
        let entry = $keys.entry($key.clone()).or_insert_with(|| Entry {
            value: Value::$kind(Default::default()),
            deadline: None,
        });
        let Value::$kind(held) = &mut entry.value else {
            return Err(Misfit);
        };
        held
    }};
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            databases: vec![Keys::new(); usize::from(DATABASES)],
            selected: 0,
        }
    }

    /// A payload begins: in the first database.
    pub(crate) fn begin(&mut self) {
        self.selected = 0;
    }

    fn keys(&mut self) -> &mut Keys {
        &mut self.databases[usize::from(self.selected)]
    }

    /// The collection that was just changed goes, with its key and its deadline, if it is empty.
    fn drop_empty(&mut self, key: &[u8]) {
        let is_empty = match self.keys().get(key).map(|entry| &entry.value) {
            None | Some(Value::String(_)) => false,
            Some(Value::List(held)) => held.is_empty(),
            Some(Value::Hash(held)) => held.is_empty(),
            Some(Value::Set(held)) => held.is_empty(),
            Some(Value::SortedSet(held)) => held.is_empty(),
        };
        if is_empty {
            self.keys().remove(key);
        }
    }

    pub(crate) fn apply(&mut self, change: &Change) -> Result<(), Misfit> {
        match change {
            Change::Set { deadline, .. }
            | Change::Expire { deadline, .. }
            | Change::HashExpire { deadline, .. }
                if *deadline == Some(u64::MAX) =>
            {
                return Err(Misfit);
            }
            Change::Set {
                key,
                value,
                deadline,
                ..
            } => {
                let text = Text {
                    len: value.len() as u64,
                    writes: vec![(0, value.clone())],
                };
                let entry = Entry {
                    value: Value::String(text),
                    deadline: *deadline,
                };
                self.keys().insert(key.clone(), entry);
            }
            Change::Write { key, offset, bytes } => {
                let end = offset.checked_add(bytes.len() as u64).ok_or(Misfit)?;
                if end > LEN_MAX {
                    return Err(Misfit);
                }
                let text = collection!(self.keys(), key, String);
                text.len = text.len.max(end);
                text.writes.push((*offset, bytes.clone()));
            }
            Change::Remove { key } => {
                self.keys().remove(key);
            }
            Change::Expire { key, deadline } => {
                if let Some(entry) = self.keys().get_mut(key) {
                    entry.deadline = *deadline;
                }
            }
            Change::Move { from, to, database } => {
                let database = self.other(*database)?;
                let entry = self.keys().remove(from).ok_or(Misfit)?;
                self.databases[database].insert(to.clone(), entry);
            }
            Change::Copy { from, to, database } => {
                let database = self.other(*database)?;
                let entry = self.keys().get(from).ok_or(Misfit)?.clone();
                self.databases[database].insert(to.clone(), entry);
            }
            Change::Clear => self.databases.iter_mut().for_each(Keys::clear),
            Change::Database(index) => self.selected = self.other(Some(*index))? as u8,
            Change::DatabaseClear => self.keys().clear(),
            Change::Swap(one, two) => {
                let (one, two) = (self.other(Some(*one))?, self.other(Some(*two))?);
                self.databases.swap(one, two);
            }
            Change::ListInsert { .. } | Change::ListRemove { .. } | Change::ListSet { .. } => {
                return self.apply_to_list(change);
            }
            Change::HashSet { .. } | Change::HashRemove { .. } | Change::HashExpire { .. } => {
                return self.apply_to_hash(change);
            }
            Change::SetAdd { members, .. } | Change::SetRemove { members, .. }
                if members.is_empty() =>
            {
                return Err(Misfit);
            }
            Change::SetAdd { key, members } => {
                let set = collection!(self.keys(), key, Set);
                set.extend(members.iter().cloned());
            }
            Change::SetRemove { key, members } => {
                let set = collection!(self.keys(), key, Set);
                set.retain(|member| !members.contains(member));
                self.drop_empty(key);
            }
            Change::ZSetAdd { key, pairs } => {
                if pairs.is_empty() || pairs.len() % 2 == 1 {
                    return Err(Misfit);
                }
                let zset = collection!(self.keys(), key, SortedSet);
                for pair in pairs.chunks(2) {
                    let bits: [u8; 8] = pair[0].as_slice().try_into().map_err(|_len| Misfit)?;
                    let score = f64::from_bits(u64::from_le_bytes(bits));
                    if score.is_nan() {
                        return Err(Misfit);
                    }
                    // A zero of the other sign is no other score.
                    let old = zset.entry(pair[1].clone()).or_insert(score);
                    if *old != score {
                        *old = score;
                    }
                }
            }
            Change::ZSetRemove { key, members } => {
                let zset = collection!(self.keys(), key, SortedSet);
                zset.retain(|member, _| !members.contains(member));
                self.drop_empty(key);
            }
        }
        Ok(())
    }

    fn other(&self, database: Option<u8>) -> Result<usize, Misfit> {
        let database = database.unwrap_or(self.selected);
        if database < DATABASES {
            Ok(usize::from(database))
        } else {
            Err(Misfit)
        }
    }

    fn apply_to_list(&mut self, change: &Change) -> Result<(), Misfit> {
        let (Change::ListInsert { key, .. }
        | Change::ListRemove { key, .. }
        | Change::ListSet { key, .. }) = change
        else {
            return Err(Misfit);
        };
        let list = collection!(self.keys(), key, List);
        let len = list.len() as u64;
        match change {
            Change::ListInsert { index, values, .. } => {
                if *index > len {
                    return Err(Misfit);
                }
                let at = *index as usize;
                list.splice(at..at, values.iter().cloned());
            }
            // A list that is not there has nothing to lose.
            Change::ListRemove { index, count, .. } if len > 0 => {
                let end = index.checked_add(*count).filter(|end| *end <= len);
                list.drain(*index as usize..end.ok_or(Misfit)? as usize);
            }
            Change::ListSet { index, value, .. } => {
                if *index >= len {
                    return Err(Misfit);
                }
                list[*index as usize].clone_from(value);
            }
            _ => {}
        }
        self.drop_empty(key);
        Ok(())
    }

    fn apply_to_hash(&mut self, change: &Change) -> Result<(), Misfit> {
        let (Change::HashSet { key, .. }
        | Change::HashRemove { key, .. }
        | Change::HashExpire { key, .. }) = change
        else {
            return Err(Misfit);
        };
        let hash = collection!(self.keys(), key, Hash);
        match change {
            Change::HashSet { pairs, .. } => {
                if pairs.is_empty() || pairs.len() % 2 == 1 {
                    return Err(Misfit);
                }
                for pair in pairs.chunks(2) {
                    hash.insert(pair[0].clone(), (pair[1].clone(), None));
                }
            }
            Change::HashExpire {
                fields, deadline, ..
            } => {
                for field in fields {
                    if let Some((_, old)) = hash.get_mut(field) {
                        *old = *deadline;
                    }
                }
            }
            Change::HashRemove { fields, .. } => hash.retain(|field, _| !fields.contains(field)),
            _ => {}
        }
        self.drop_empty(key);
        Ok(())
    }

    /// Panics unless the database holds exactly this.
    pub(crate) fn assert_held(&self, db: &Db) {
        for (index, expected) in self.databases.iter().enumerate() {
            let db = db.database(index as u8).expect("a database");
            let names: Vec<Vec<u8>> = expected.keys().cloned().collect();
            assert_eq!(keys(&db), names, "keys of database {index}");
            for (key, entry) in expected {
                assert_value(&db, key, &entry.value);
                let deadline = match entry.deadline {
                    None => -1,
                    // What Redis's replies cannot say is only asked for.
                    Some(at_ms) => match i64::try_from(at_ms) {
                        Ok(at_ms) => at_ms,
                        Err(_) => {
                            ask(&db, &[b"PEXPIRETIME", key]);
                            continue;
                        }
                    },
                };
                let found = ask(&db, &[b"PEXPIRETIME", key]);
                assert_eq!(found, Reply::Int(deadline), "deadline of {key:?}");
            }
        }
    }
}

fn assert_value(db: &Db, key: &[u8], value: &Value) {
    if let Value::String(text) = value {
        assert!(is_string(db, key), "{key:?} is no string");
        assert_text(db, key, text);
    } else {
        assert!(!is_string(db, key), "{key:?} is a string");
        assert_collection(db, key, value);
    }
}

/// Panics unless the key, which holds no string, holds exactly this.
pub(crate) fn assert_collection(db: &impl nacredb::RunRead, key: &[u8], value: &Value) {
    let expected = match value {
        Value::String(_) => panic!("a collection is expected at {key:?}"),
        Value::List(list) => Held::List(list.clone()),
        Value::Hash(hash) => Held::Hash(hash.clone()),
        Value::Set(set) => Held::Set(set.clone()),
        Value::SortedSet(zset) => {
            let bits = |(member, score): (Vec<u8>, f64)| (member, (score + 0.0).to_bits());
            Held::SortedSet(in_order(zset).into_iter().map(bits).collect())
        }
    };
    assert_eq!(look(db, key), expected, "{key:?}");
}

/// By score, then by member.
pub(crate) fn in_order(zset: &BTreeMap<Vec<u8>, f64>) -> Vec<(Vec<u8>, f64)> {
    let mut members: Vec<_> = zset.clone().into_iter().collect();
    // Zeros of both signs are one score: no order of all bits. The map has sorted the members.
    members.sort_by(|left, right| left.1.partial_cmp(&right.1).expect("no NaN"));
    members
}

fn assert_text(db: &Db, key: &[u8], text: &Text) {
    assert_eq!(strlen(db, key), text.len, "length of {key:?}");
    if text.len <= WHOLE_MAX {
        let whole = ask(db, &[b"GET", key]);
        assert_eq!(whole, Reply::Bulk(text.read(0, text.len)), "{key:?}");
    }
    let mut pieces = vec![(0, 64), (text.len.saturating_sub(64), text.len)];
    for (offset, bytes) in &text.writes {
        let end = offset + bytes.len() as u64;
        pieces.push((offset.saturating_sub(16), offset.saturating_add(16)));
        pieces.push((end.saturating_sub(16), end + 16));
    }
    for (from, to) in pieces {
        let found = range(db, key, from, to);
        assert_eq!(found, text.read(from, to), "{from}..{to} of {key:?}");
    }
}
