//! One database file in memory, and ways to look at what a database holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nacredb::prelude::*;
use nacredb::storage::backend::{Access, Storage};
use nacredb::storage::memory::MemoryStorage;
use nacredb::{Builder, Db, Error, FieldTtl, KeyType, ManualClock, Reply, StorageError, ZRange};

/// The file's name.
pub(crate) const NAME: &str = "fuzz.nacre";
/// Logical databases.
pub(crate) const DATABASES: u8 = 16;
/// A value longer than this is looked at in pieces.
pub(crate) const WHOLE_MAX: u64 = 1 << 16;

/// A disk that holds this file alone.
pub(crate) fn disk_with(bytes: &[u8]) -> Arc<MemoryStorage> {
    let disk = Arc::new(MemoryStorage::new());
    let file = disk.create_new(NAME).expect("a new file");
    let mut done = 0;
    while done < bytes.len() {
        done += file.write_at(&bytes[done..], done as u64).expect("room");
    }
    disk
}

/// The file's bytes now.
pub(crate) fn bytes_of(disk: &MemoryStorage) -> Vec<u8> {
    let file = disk.open(NAME, Access::ReadOnly).expect("the file");
    let mut bytes = vec![0; file.size().expect("a size") as usize];
    let mut done = 0;
    while done < bytes.len() {
        match file
            .read_at(&mut bytes[done..], done as u64)
            .expect("bytes")
        {
            0 => panic!("the file is shorter than it says"),
            more => done += more,
        }
    }
    bytes
}

/// How the targets open: at time 0, where no deadline has passed, on one thread, everything random
/// following from one seed.
pub(crate) fn builder(disk: &Arc<MemoryStorage>) -> Builder {
    Db::builder()
        .storage(disk.clone())
        .clock(Arc::new(ManualClock::new(0)))
        .seed(1)
        .load_threads(1)
}

/// An error that any bytes may lead to; others mean that the file system was misused, or worse.
pub(crate) fn is_a_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Storage(
            StorageError::NotADatabase { .. }
                | StorageError::UnsupportedVersion { .. }
                | StorageError::UnsupportedFeatures { .. }
                | StorageError::Corrupt { .. }
        )
    )
}

/// What a key holds, as far as one can look without allocating what the bytes ask for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) held: Held,
    pub(crate) deadline: Reply,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Held {
    String {
        len: u64,
        /// The value, or its first and last bytes.
        bytes: Vec<u8>,
        encoding: Reply,
    },
    List(Vec<Vec<u8>>),
    /// Fields, with their values and deadlines.
    Hash(BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>),
    Set(BTreeSet<Vec<u8>>),
    /// In order, with the bits of the scores, and without the sign of zero: as in Redis, the short form
    /// does not keep it.
    SortedSet(Vec<(Vec<u8>, u64)>),
}

pub(crate) fn ask(db: &Db, words: &[&[u8]]) -> Reply {
    match db.execute(words) {
        Ok(reply) => reply,
        Err(error) => panic!("{} fails: {error}", String::from_utf8_lossy(words[0])),
    }
}

pub(crate) fn strlen(db: &Db, key: &[u8]) -> u64 {
    match ask(db, &[b"STRLEN", key]) {
        Reply::Int(len) => u64::try_from(len).expect("a length"),
        other => panic!("STRLEN answers {other:?}"),
    }
}

/// Bytes `from..to` of a string, as far as there are any.
pub(crate) fn range(db: &Db, key: &[u8], from: u64, to: u64) -> Vec<u8> {
    if to <= from {
        return Vec::new();
    }
    let (from, to) = (from.to_string(), (to - 1).to_string());
    match ask(db, &[b"GETRANGE", key, from.as_bytes(), to.as_bytes()]) {
        Reply::Bulk(bytes) => bytes,
        other => panic!("GETRANGE answers {other:?}"),
    }
}

/// Every key.
pub(crate) fn keys(db: &Db) -> Vec<Vec<u8>> {
    let Reply::Array(found) = ask(db, &[b"KEYS", b"*"]) else {
        panic!("KEYS answers no array");
    };
    let mut keys: Vec<Vec<u8>> = found
        .into_iter()
        .map(|key| match key {
            Reply::Bulk(bytes) => bytes,
            other => panic!("KEYS holds {other:?}"),
        })
        .collect();
    keys.sort();
    keys
}

/// What a key holds.
pub(crate) fn look(db: &impl nacredb::RunRead, key: &[u8]) -> Held {
    match db.key_type(key).expect("a type") {
        Some(KeyType::String) => panic!("strings are looked at by command"),
        Some(KeyType::List) => {
            let list = db.lrange(key, 0, -1).expect("LRANGE");
            assert_eq!(db.llen(key).expect("LLEN"), list.len() as u64);
            Held::List(list)
        }
        Some(KeyType::Hash) => {
            let pairs = db.hget_all(key).expect("HGETALL");
            assert_eq!(db.hlen(key).expect("HLEN"), pairs.len() as u64);
            let fields: Vec<&[u8]> = pairs.iter().map(|(field, _)| field.as_slice()).collect();
            let deadlines = db.hexpires_at_ms(key, &fields).expect("HPEXPIRETIME");
            let deadlines = deadlines.into_iter().map(|deadline| match deadline {
                FieldTtl::NoField => panic!("a field that is there and is not"),
                FieldTtl::Never => None,
                FieldTtl::Ms(at_ms) => Some(at_ms),
            });
            let len = pairs.len();
            let with_deadline = |((field, value), deadline)| (field, (value, deadline));
            let fields: BTreeMap<_, _> = pairs
                .clone()
                .into_iter()
                .zip(deadlines)
                .map(with_deadline)
                .collect();
            assert_eq!(fields.len(), len, "a field is there twice");
            Held::Hash(fields)
        }
        Some(KeyType::Set) => {
            let members = db.smembers(key).expect("SMEMBERS");
            assert_eq!(db.scard(key).expect("SCARD"), members.len() as u64);
            let len = members.len();
            let members: BTreeSet<_> = members.into_iter().collect();
            assert_eq!(members.len(), len, "a member is there twice");
            Held::Set(members)
        }
        Some(KeyType::SortedSet) => {
            let all = ZRange::ranks(0, -1);
            let members = db.zrange_with_scores(key, all).expect("ZRANGE");
            assert_eq!(db.zcard(key).expect("ZCARD"), members.len() as u64);
            for (rank, (member, score)) in members.iter().enumerate() {
                let found = db.zscore(key, member).expect("ZSCORE");
                assert_eq!(found, Some(*score), "ZSCORE of {member:?}");
                let found = db.zrank(key, member).expect("ZRANK");
                assert_eq!(found, Some(rank as u64), "ZRANK of {member:?}");
            }
            let bits = |(member, score): (Vec<u8>, f64)| (member, (score + 0.0).to_bits());
            Held::SortedSet(members.into_iter().map(bits).collect())
        }
        Some(other) => panic!("{key:?} is of an unknown type, {other:?}"),
        None => panic!("{key:?} is not there"),
    }
}

/// Whether a key holds a string.
pub(crate) fn is_string(db: &Db, key: &[u8]) -> bool {
    db.key_type(key).expect("a type") == Some(KeyType::String)
}

fn look_at_string(db: &Db, key: &[u8]) -> Held {
    let len = strlen(db, key);
    let bytes = if len <= WHOLE_MAX {
        match ask(db, &[b"GET", key]) {
            Reply::Bulk(bytes) => bytes,
            other => panic!("GET answers {other:?}"),
        }
    } else {
        let mut ends = range(db, key, 0, WHOLE_MAX);
        ends.extend(range(db, key, len - WHOLE_MAX, len));
        ends
    };
    Held::String {
        len,
        bytes,
        encoding: ask(db, &[b"OBJECT", b"ENCODING", key]),
    }
}

/// Everything there is to see, in all databases.
pub(crate) fn content(db: &Db) -> BTreeMap<(u8, Vec<u8>), Seen> {
    let mut content = BTreeMap::new();
    for index in 0..DATABASES {
        let db = db.database(index).expect("a database");
        for key in keys(&db) {
            let held = if is_string(&db, &key) {
                look_at_string(&db, &key)
            } else {
                look(&db, &key)
            };
            let deadline = ask(&db, &[b"PEXPIRETIME", &key]);
            content.insert((index, key), Seen { held, deadline });
        }
    }
    content
}
