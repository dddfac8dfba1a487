//! Typed operations on lists, hashes, sets and sorted sets, on a keyspace and on a plain map: every
//! answer must be the map's. Part of target `operations`.

use std::collections::BTreeMap;

use nacredb::prelude::*;
use nacredb::{CommandError, Error, FieldExpire, RunRead, RunWrite, ZAddOptions, ZRange};

use super::input::Input;
use super::model::{Value, assert_collection, in_order};

/// Collections, with their deadlines.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Collections(BTreeMap<Vec<u8>, (Value, Option<u64>)>);

/// The collection of a key, which begins empty; where the key holds another type, the answer must
/// say so, and the step ends.
macro_rules! collection {
    ($model:expr, $key:expr, $kind:ident, $answer:expr) => {{
        let fresh = || (Value::$kind(Default::default()), None);
        let (value, _) = $model.0.entry($key.clone()).or_insert_with(fresh);
        match value {
            Value::$kind(held) => (held, $answer.expect("the right type")),
            _ => match $answer {
                Err(Error::Command(CommandError::WrongType)) => return,
                other => panic!("another type, and {other:?}"),
            },
        }
    }};
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(_) => false,
        Value::List(held) => held.is_empty(),
        Value::Hash(held) => held.is_empty(),
        Value::Set(held) => held.is_empty(),
        Value::SortedSet(held) => held.is_empty(),
    }
}

impl Collections {
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.0.keys()
    }

    /// Removes what has expired: keys and fields live in the millisecond that they name.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        let lives = |deadline: &Option<u64>| deadline.is_none_or(|at_ms| at_ms >= now_ms);
        self.0.retain(|_, (value, deadline)| {
            if let Value::Hash(fields) = value {
                fields.retain(|_, (_, deadline)| lives(deadline));
            }
            lives(deadline) && !is_empty(value)
        });
    }

    /// Panics unless the keyspace holds these; it may hold more.
    pub(crate) fn assert_held(&self, db: &impl RunRead) {
        for (key, (value, deadline)) in &self.0 {
            assert_collection(db, key, value);
            let found = db.expires_at_ms(key).expect("a deadline").ms();
            assert_eq!(found, *deadline, "deadline of {key:?}");
        }
    }

    /// One operation on both sides.
    pub(crate) fn operate(&mut self, input: &mut Input<'_>, db: &impl RunWrite, now_ms: u64) {
        // A key whose type differs from the operation's now and then.
        let kind = input.below(4);
        let key = key(input, kind);
        match input.below(16) {
            0 => {
                let removed = db.del(&key).expect("DEL");
                assert_eq!(removed, self.0.remove(&key).is_some(), "DEL");
            }
            1 => {
                let to = self::key(input, kind);
                let answer = db.rename(&key, &to);
                match self.0.remove(&key) {
                    None => assert!(answer.is_err(), "RENAME of nothing"),
                    Some(entry) => {
                        answer.expect("RENAME");
                        self.0.insert(to, entry);
                    }
                }
            }
            2 | 3 => {
                let to = self::key(input, kind);
                if to != key {
                    let copied = db.copy(&key, &to, true).expect("COPY");
                    let entry = self.0.get(&key).cloned();
                    assert_eq!(copied, entry.is_some(), "COPY");
                    if let Some(entry) = entry {
                        self.0.insert(to, entry);
                    }
                }
            }
            4 => {
                let at_ms = now_ms + 1 + u64::from(input.byte());
                let found = db.expire_at_ms(&key, at_ms).expect("PEXPIREAT");
                let entry = self.0.get_mut(&key);
                assert_eq!(found, entry.is_some(), "PEXPIREAT");
                if let Some((_, deadline)) = entry {
                    *deadline = Some(at_ms);
                }
            }
            _ => {
                match kind {
                    0 => self.list(input, db, &key),
                    1 => self.hash(input, db, &key, now_ms),
                    2 => self.set(input, db, &key),
                    _ => self.sorted_set(input, db, &key),
                }
                self.0.retain(|_, (value, _)| !is_empty(value));
            }
        }
    }

    fn list(&mut self, input: &mut Input<'_>, db: &impl RunWrite, key: &Vec<u8>) {
        let (from, to) = (i64::from(input.byte()) - 128, i64::from(input.byte()) - 128);
        match input.below(10) {
            0..=2 => {
                let values = members(input);
                let (list, len) = collection!(self, key, List, db.rpush(key, &values));
                list.extend(values);
                assert_eq!(len, list.len() as u64, "RPUSH");
            }
            3 | 4 => {
                let values = members(input);
                let (list, len) = collection!(self, key, List, db.lpush(key, &values));
                list.splice(0..0, values.into_iter().rev());
                assert_eq!(len, list.len() as u64, "LPUSH");
            }
            5 => {
                let (list, popped) = collection!(self, key, List, db.lpop(key));
                let expected = (!list.is_empty()).then(|| list.remove(0));
                assert_eq!(popped, expected, "LPOP");
            }
            6 => {
                let (list, popped) = collection!(self, key, List, db.rpop(key));
                assert_eq!(popped, list.pop(), "RPOP");
            }
            7 => {
                let (pivot, value) = (member(input), member(input));
                let answer = db.linsert_before(key, &pivot, &value);
                let (list, len) = collection!(self, key, List, answer);
                if let Some(at) = list.iter().position(|element| *element == pivot) {
                    list.insert(at, value);
                    assert_eq!(len, Some(list.len() as u64), "LINSERT");
                } else {
                    assert!(matches!(len, None | Some(0)), "LINSERT");
                }
            }
            8 => {
                let value = member(input);
                let (list, removed) = collection!(self, key, List, db.lrem(key, 0, &value));
                let before = list.len();
                list.retain(|element| *element != value);
                assert_eq!(removed, (before - list.len()) as u64, "LREM");
            }
            _ => {
                let (list, ()) = collection!(self, key, List, db.ltrim(key, from, to));
                let len = list.len() as i64;
                let place = |at: i64| if at < 0 { (len + at).max(0) } else { at };
                let end = if to < 0 { len + to } else { to };
                let (from, end) = (place(from), (end + 1).clamp(0, len));
                if from >= end {
                    list.clear();
                } else {
                    *list = list[from as usize..end as usize].to_vec();
                }
            }
        }
    }

    fn hash(&mut self, input: &mut Input<'_>, db: &impl RunWrite, key: &Vec<u8>, now_ms: u64) {
        match input.below(8) {
            0..=3 => {
                let pairs: Vec<_> = members(input)
                    .into_iter()
                    .map(|field| (field, member(input)))
                    .collect();
                let (hash, added) = collection!(self, key, Hash, db.hset_many(key, &pairs));
                let before = hash.len();
                for (field, value) in pairs {
                    hash.insert(field, (value, None));
                }
                assert_eq!(added, (hash.len() - before) as u64, "HSET");
            }
            4 => {
                let fields = members(input);
                let (hash, removed) = collection!(self, key, Hash, db.hdel(key, &fields));
                let before = hash.len();
                hash.retain(|field, _| !fields.contains(field));
                assert_eq!(removed, (before - hash.len()) as u64, "HDEL");
            }
            5 | 6 => {
                let (field, at_ms) = (member(input), now_ms - 20 + u64::from(input.byte()));
                let answer = db.hexpire_at_ms(key, &[&field], at_ms);
                let (hash, done) = collection!(self, key, Hash, answer);
                let expected = match hash.get_mut(&field) {
                    None => FieldExpire::NoField,
                    Some(_) if at_ms <= now_ms => {
                        hash.remove(&field);
                        FieldExpire::Removed
                    }
                    Some((_, deadline)) => {
                        *deadline = Some(at_ms);
                        FieldExpire::Set
                    }
                };
                assert_eq!(done, [expected], "HPEXPIREAT");
            }
            _ => {
                let field = member(input);
                let (hash, done) = collection!(self, key, Hash, db.hpersist(key, &[&field]));
                let expected = hash
                    .get_mut(&field)
                    .map(|(_, deadline)| deadline.take().is_some());
                assert_eq!(done, [expected], "HPERSIST");
            }
        }
    }

    fn set(&mut self, input: &mut Input<'_>, db: &impl RunWrite, key: &Vec<u8>) {
        let words = members(input);
        match input.below(8) {
            0..=3 => {
                let (set, added) = collection!(self, key, Set, db.sadd(key, &words));
                let before = set.len();
                set.extend(words);
                assert_eq!(added, (set.len() - before) as u64, "SADD");
            }
            4 | 5 => {
                let (set, removed) = collection!(self, key, Set, db.srem(key, &words));
                let before = set.len();
                set.retain(|member| !words.contains(member));
                assert_eq!(removed, (before - set.len()) as u64, "SREM");
            }
            6 => {
                let count = u64::from(input.byte() % 8);
                let (set, popped) = collection!(self, key, Set, db.spop_count(key, count));
                assert_eq!(popped.len(), set.len().min(count as usize), "SPOP");
                for member in popped {
                    assert!(set.remove(&member), "SPOP of {member:?}");
                }
            }
            _ => {
                // Of sets only: what another type does is in the tests of the commands.
                let other = self::key(input, 2);
                let held = |key: &Vec<u8>| match self.0.get(key) {
                    None => Some(Default::default()),
                    Some((Value::Set(set), _)) => Some(set.clone()),
                    Some(_) => None,
                };
                let (Some(left), Some(right)) = (held(key), held(&other)) else {
                    return;
                };
                let to = self::key(input, 2);
                let both: std::collections::BTreeSet<Vec<u8>> =
                    left.intersection(&right).cloned().collect();
                let len = db.sinterstore(&to, &[key, &other]).expect("SINTERSTORE");
                assert_eq!(len, both.len() as u64, "SINTERSTORE");
                self.0.insert(to, (Value::Set(both), None));
            }
        }
    }

    fn sorted_set(&mut self, input: &mut Input<'_>, db: &impl RunWrite, key: &Vec<u8>) {
        let words = members(input);
        match input.below(8) {
            0..=3 => {
                let items: Vec<_> = words
                    .into_iter()
                    .map(|member| (score(input), member))
                    .collect();
                let answer = db.zadd_with(key, &items, ZAddOptions::new());
                let (zset, added) = collection!(self, key, SortedSet, answer);
                let before = zset.len();
                zset.extend(items.into_iter().map(|(score, member)| (member, score)));
                assert_eq!(added.added, (zset.len() - before) as u64, "ZADD");
            }
            4 | 5 => {
                let (zset, removed) = collection!(self, key, SortedSet, db.zrem(key, &words));
                let before = zset.len();
                zset.retain(|member, _| !words.contains(member));
                assert_eq!(removed, (before - zset.len()) as u64, "ZREM");
            }
            6 => {
                let by = score(input);
                let member = member(input);
                let (zset, sum) = collection!(self, key, SortedSet, db.zincr_by(key, by, &member));
                let score = zset.entry(member).or_insert(0.0);
                *score += by;
                assert_eq!(sum, *score, "ZINCRBY");
            }
            _ => {
                let (from, count) = (input.byte() % 8, input.byte());
                let to = from.saturating_add(count);
                let ranks = ZRange::ranks(i64::from(from), i64::from(to));
                let (zset, removed) = collection!(self, key, SortedSet, db.zrem_range(key, ranks));
                let members = in_order(zset);
                let members = members.iter().skip(usize::from(from));
                let members: Vec<_> = members.take(usize::from(to - from) + 1).collect();
                assert_eq!(removed, members.len() as u64, "ZREMRANGEBYRANK");
                for (member, _) in members {
                    zset.remove(member);
                }
            }
        }
    }
}

/// A key from few, mostly of its type's own.
fn key(input: &mut Input<'_>, kind: usize) -> Vec<u8> {
    match input.byte() {
        choice @ 0..=239 => vec![b"LHSZ"[kind], b'0' + choice % 3],
        choice => vec![b"LHSZ"[usize::from(choice) % 4], b'0'],
    }
}

fn member(input: &mut Input<'_>) -> Vec<u8> {
    match input.byte() {
        choice @ 0..=119 => vec![b'a' + choice % 12],
        choice @ 120..=229 => (i32::from(choice) - 170).to_string().into_bytes(),
        230..=239 => (input.number() as i64).to_string().into_bytes(),
        choice => vec![choice; usize::from(input.byte())],
    }
}

/// At least one; now and then so many that the short forms end.
fn members(input: &mut Input<'_>) -> Vec<Vec<u8>> {
    match input.byte() {
        choice @ 0..=243 => (0..choice % 5 + 1).map(|_| member(input)).collect(),
        choice => {
            let (first, count) = (input.byte(), 1 + u32::from(input.short() % 600));
            let name = |number: u32| match choice % 2 {
                0 => number.to_string().into_bytes(),
                _ => format!("member {number}").into_bytes(),
            };
            (0..count).map(|at| name(u32::from(first) + at)).collect()
        }
    }
}

/// Sums of these are exact.
fn score(input: &mut Input<'_>) -> f64 {
    match input.byte() {
        choice @ 0..=199 => f64::from(choice % 7),
        choice => f64::from(choice) / 4.0 - 57.0,
    }
}
