//! Rivals at distinct users of windows of days: what each offers for it.

use kevy_embedded::{BitOp, Store};
use roaring::{MultiOps, RoaringBitmap};

use crate::common::activity::{Days, day_key};
use crate::common::table::Figures;
use crate::kevy::{Kevy, Log};
use crate::redis::{Answer, Redis};

/// A bitmap of `roaring` for each day, and the union of those of a window.
#[derive(Debug, Default)]
pub(crate) struct Roaring {
    days: Vec<RoaringBitmap>,
}

impl Days for Roaring {
    fn put(&mut self, _day: u32, mut bits: Vec<u8>) {
        // It counts a byte's bits from the lowest.
        bits.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        self.days.push(RoaringBitmap::from_lsb0_bytes(0, &bits));
    }

    fn count(&mut self, from: u32, to: u32) -> u64 {
        self.days[from as usize..=to as usize].union().len()
    }
}

fn keys(from: u32, to: u32) -> Vec<Vec<u8>> {
    (from..=to).map(day_key).collect()
}

/// kevy: `BITOP` into a key, and `BITCOUNT`.
pub(crate) struct KevyDays {
    store: Store,
    keys: Vec<Vec<u8>>,
}

impl KevyDays {
    /// In memory.
    pub(crate) fn new() -> Self {
        Self {
            store: Kevy::new(Log::None).into_store(),
            keys: Vec::new(),
        }
    }
}

impl Days for KevyDays {
    fn put(&mut self, day: u32, bits: Vec<u8>) {
        self.keys.push(day_key(day));
        self.store.set(&day_key(day), &bits).expect("written");
    }

    fn count(&mut self, from: u32, to: u32) -> u64 {
        let keys = &self.keys[from as usize..=to as usize];
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let any = self.store.bitop(BitOp::Or, b"any", &keys);
        any.expect("combined");
        self.store.bitcount(b"any", None).expect("counted")
    }
}

/// Redis: the same commands, and the time that the server says they took it.
pub(crate) struct RedisDays {
    redis: Redis,
}

impl RedisDays {
    /// In memory.
    pub(crate) fn new() -> Self {
        Self {
            redis: Redis::new(None),
        }
    }

    /// What the server has spent on both commands since its counts began, in microseconds.
    fn spent_us(&mut self) -> f64 {
        assert!(matches!(
            self.redis.call(&[b"INFO", b"commandstats"]),
            Answer::Bulk
        ));
        let info = String::from_utf8_lossy(&self.redis.bulk);
        let spent = info.lines().filter_map(|line| {
            let (name, rest) = line.split_once(":calls=1,usec=")?;
            let is_ours = ["cmdstat_bitop", "cmdstat_bitcount"].contains(&name);
            let digits = rest.split(',').next()?;
            is_ours.then(|| digits.parse::<f64>().expect("a number"))
        });
        spent.sum()
    }
}

impl Days for RedisDays {
    fn put(&mut self, day: u32, bits: Vec<u8>) {
        self.redis.call(&[b"SET", &day_key(day), &bits]);
    }

    fn count(&mut self, from: u32, to: u32) -> u64 {
        let keys = keys(from, to);
        let mut words: Vec<&[u8]> = vec![b"BITOP", b"OR", b"any"];
        words.extend(keys.iter().map(Vec::as_slice));
        self.redis.number(&words);
        self.redis.number(&[b"BITCOUNT", b"any"])
    }

    fn count_all(&mut self, windows: &[(u32, u32)], each: &mut Figures) -> Vec<u64> {
        let count = |&(from, to): &(u32, u32)| {
            self.redis.call(&[b"CONFIG", b"RESETSTAT"]);
            let count = self.count(from, to);
            each.note(self.spent_us());
            count
        };
        windows.iter().map(count).collect()
    }
}
