//! Target `rdb_payload`: any bytes as the value of a payload, with the version and the checksum that belong
//! to them. It is refused and changes nothing, or it is taken: then what the key holds is given away and
//! taken again, as the same.
//!
//! The first byte chooses the version, and how the key is taken; the rest is the value.

use nacredb::prelude::*;
use nacredb::{Db, KeyType, RestoreOptions, ScanOptions};

/// Everything that a key holds, as words.
type Content = (Option<KeyType>, Option<&'static str>, Vec<Vec<u8>>);

pub(crate) fn run(data: &[u8]) {
    let Some((&choice, value)) = data.split_first() else {
        return;
    };
    let version = match choice & 0x0f {
        version @ 0..=10 => version,
        // Most inputs are of the version that is written.
        _ => 10,
    };
    let payload = sealed(value, version);
    let db = Db::builder().seed(1).open_in_memory();
    let mut options = RestoreOptions::new();
    if choice & 0x80 != 0 {
        db.rpush("k", &["there", "before"]).expect("a list");
        options = options.replace();
    }
    let before = content(&db, "k");
    if db.restore("k", &payload, options).is_err() {
        assert!(content(&db, "k") == before, "a refusal changes the key");
        return;
    }
    let taken = content(&db, "k");
    assert!(taken.0.is_some(), "nothing is taken");
    let given = db.dump("k").expect("a dump").expect("a value");
    assert!(db.restore("k", &given, RestoreOptions::new()).is_err());
    db.restore("again", &given, RestoreOptions::new())
        .expect("what was given away is taken");
    assert!(content(&db, "again") == taken, "another value comes back");
    assert_eq!(db.scan(0, ScanOptions::new()).expect("keys").1.len(), 2);
}

fn content(db: &Db, key: &str) -> Content {
    let kind = db.key_type(key).expect("a type");
    let words = match kind {
        Some(KeyType::String) => db.get(key).expect("a string").into_iter().collect(),
        Some(KeyType::List) => db.lrange(key, 0, -1).expect("a list"),
        Some(KeyType::Set) => {
            let mut members = db.smembers(key).expect("a set");
            members.sort();
            members
        }
        Some(KeyType::Hash) => {
            let mut fields = db.hget_all(key).expect("a hash");
            fields.sort();
            fields
                .into_iter()
                .flat_map(|(field, value)| [field, value])
                .collect()
        }
        Some(KeyType::SortedSet) => {
            let count = db.zcard(key).expect("a sorted set");
            let all = nacredb::ZRange::ranks(0, -1);
            let members = db.zrange_with_scores(key, all).expect("members");
            assert_eq!(members.len() as u64, count);
            let words = members.into_iter();
            words
                .flat_map(|(member, score)| [member, score.to_bits().to_le_bytes().to_vec()])
                .collect()
        }
        _ => Vec::new(),
    };
    (kind, db.object_encoding(key).expect("an encoding"), words)
}

/// A value with its footer.
fn sealed(value: &[u8], version: u8) -> Vec<u8> {
    let mut payload = value.to_vec();
    payload.extend([version, 0]);
    let sum = crc64(&payload);
    payload.extend(sum.to_le_bytes());
    payload
}

/// Jones's, bit by bit.
fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u64::from(byte), |sum, _| match sum & 1 {
            0 => sum >> 1,
            _ => (sum >> 1) ^ 0x95ac_9329_ac4b_c9b5,
        })
    })
}
