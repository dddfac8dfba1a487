//! Hashes in a file: what a reopen finds, from the log and from a sealed snapshot, and what happens to
//! fields whose deadline passes meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use nacredb::storage::memory::MemoryStorage;
use nacredb::{Clock, Db, Error, FieldTtl, FieldValue, ManualClock, Snapshot, prelude::*};

/// Fields, values and deadlines of every hash, and the keys' own deadlines.
type Dump = BTreeMap<Vec<u8>, (Vec<(FieldValue, FieldTtl)>, nacredb::Ttl)>;

fn dump(snapshot: &Snapshot) -> Result<Dump, Error> {
    let mut all = Dump::new();
    for key in snapshot.keys("*")? {
        let mut fields = Vec::new();
        for (field, value) in snapshot.hget_all(&key)? {
            let ttl = snapshot.hexpires_at_ms(&key, &[&field])?[0];
            fields.push(((field, value), ttl));
        }
        assert_eq!(snapshot.hlen(&key)?, fields.len() as u64);
        fields.sort_by(|one, two| one.0.cmp(&two.0));
        all.insert(key.clone(), (fields, snapshot.expires_at_ms(&key)?));
    }
    Ok(all)
}

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % n
    }
}

/// One change of some hash.
fn change(db: &Db, rng: &mut Rng, now_ms: u64) -> Result<(), Error> {
    let key = [
        format!("hash {}", rng.below(6)),
        format!("copy {}", rng.below(3)),
    ];
    let key = &key[usize::from(rng.below(8) == 0)];
    let names = [3, 40, 2_000][rng.below(3) as usize];
    let field = format!("field {}", rng.below(names));
    let longest = if rng.below(30) == 0 { 3_000 } else { 40 };
    let value = "v".repeat(rng.below(longest) as usize);
    let at_ms = now_ms + rng.below(20_000);
    match rng.below(16) {
        0..=4 => drop(db.hset(key, field, value)?),
        5 => {
            let pairs: Vec<_> = (0..rng.below(60))
                .map(|i| (format!("field {i}"), &value))
                .collect();
            db.hset_many(key, &pairs)?;
        }
        6 | 7 => drop(db.hdel(key, &[field])?),
        8..=10 => drop(db.hexpire_at_ms(key, &[field], at_ms)?),
        11 => drop(db.hpersist(key, &[field])?),
        12 => drop(db.hincr_by(key, "counter", 1)?),
        13 => drop(db.hget_del(key, &[field])?),
        14 if rng.below(4) == 0 => {
            let fields = db.hkeys(key)?;
            db.hexpire_at_ms(key, &fields, at_ms)?;
        }
        14 => {
            let to = format!("copy {}", rng.below(3));
            if to != *key {
                db.copy(key, to, true)?;
            }
        }
        _ if rng.below(10) == 0 => drop(db.expire_at_ms(key, at_ms)?),
        _ => {}
    }
    Ok(())
}

#[test]
fn a_reopen_finds_the_hashes_as_they_were() -> Result<(), Error> {
    for seed in 0..4 {
        let storage = Arc::new(MemoryStorage::new());
        let clock = Arc::new(ManualClock::new(1_000_000));
        let open = || {
            let builder = Db::builder().storage(storage.clone()).clock(clock.clone());
            builder.shard_bits(2).open("db")
        };
        let mut rng = Rng(seed);
        let (mut longest, mut with_deadline) = (0, 0);
        for round in 0..4 {
            let db = open()?;
            for step in 0..1_500 {
                change(&db, &mut rng, clock.now_ms())?;
                if step % 100 == 99 {
                    clock.set_ms(clock.now_ms() + rng.below(1_000));
                }
                if step % 500 == 250 {
                    db.advance(std::time::Duration::ZERO)?;
                }
            }
            if round % 2 == 1 {
                db.compact()?;
            }
            let before = dump(&db.snapshot()?)?;
            db.close()?;
            let db = open()?;
            let after = dump(&db.snapshot()?)?;
            assert_eq!(after, before, "seed {seed}, round {round}");
            let lens = after.values().map(|(fields, _)| fields.len());
            longest = lens.max().unwrap_or(0).max(longest);
            let all = after.values().flat_map(|(fields, _)| fields);
            with_deadline += all.filter(|(_, ttl)| *ttl != FieldTtl::Never).count();
            db.close()?;
        }
        assert!(
            longest > 50 && with_deadline > 50,
            "{longest}, {with_deadline}"
        );
    }
    Ok(())
}

#[test]
fn a_hash_that_lost_its_last_field_to_time_begins_anew_here_and_after_a_reopen() -> Result<(), Error>
{
    let storage = Arc::new(MemoryStorage::new());
    let clock = Arc::new(ManualClock::new(1_000_000));
    let open = || {
        let builder = Db::builder().storage(storage.clone()).clock(clock.clone());
        builder.open("db")
    };
    let db = open()?;
    db.hset_many("h", &[("soon", "1"), ("late", "2")])?;
    db.hexpire_at_ms("h", &["late"], 2_000_000)?;
    db.hexpire_at_ms("h", &["soon"], 1_000_100)?;
    // From here on the latest deadline is known for an upper bound only.
    db.hdel("h", &["late"])?;
    db.expire_at_ms("h", 9_000_000)?;
    clock.set_ms(1_000_200);
    assert!(db.hset("h", "new", "3")?);
    let before = dump(&db.snapshot()?)?;
    assert_eq!(db.expires_at_ms("h")?, nacredb::Ttl::Never);
    assert_eq!(db.object_encoding("h")?, Some("listpack"));
    db.close()?;
    assert_eq!(dump(&open()?.snapshot()?)?, before);
    Ok(())
}
