//! One database file in memory, and ways to look at what a database holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use nacredb::storage::backend::{Access, Storage};
use nacredb::storage::memory::MemoryStorage;
use nacredb::{Builder, Db, Error, ManualClock, Reply, StorageError};

/// The file's name.
pub(crate) const NAME: &str = "fuzz.nacre";
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
    pub(crate) len: i64,
    /// The value, or its first and last bytes.
    pub(crate) bytes: Vec<u8>,
    pub(crate) deadline: Reply,
    pub(crate) encoding: Reply,
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

/// Everything there is to see.
pub(crate) fn content(db: &Db) -> BTreeMap<Vec<u8>, Seen> {
    let see = |key: Vec<u8>| {
        let len = strlen(db, &key);
        let bytes = if len <= WHOLE_MAX {
            match ask(db, &[b"GET", &key]) {
                Reply::Bulk(bytes) => bytes,
                other => panic!("GET answers {other:?}"),
            }
        } else {
            let mut ends = range(db, &key, 0, WHOLE_MAX);
            ends.extend(range(db, &key, len - WHOLE_MAX, len));
            ends
        };
        let seen = Seen {
            len: len as i64,
            bytes,
            deadline: ask(db, &[b"PEXPIRETIME", &key]),
            encoding: ask(db, &[b"OBJECT", b"ENCODING", &key]),
        };
        (key, seen)
    };
    keys(db).into_iter().map(see).collect()
}
