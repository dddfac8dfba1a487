//! kevy-embedded 7 as a contestant, with its own defaults except that it never rewrites its log unasked.

use std::hint::black_box;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use kevy_embedded::{AppendFsync, BitOp, Config, Store as Inner};
use tempfile::TempDir;

use crate::common::bitmap::Bitmaps;
use crate::common::collections::{Collections, Kind, Op, Picks, SPAN};
use crate::common::collections::{chained, sum, weight};
use crate::common::collections::{first_score, first_value, pair_weight};
use crate::common::data::{first8, key};
use crate::common::durable::Durable;
use crate::common::scratch;
use crate::common::stall::Compacts;
use crate::common::store::Store;

/// How it keeps its writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// Not at all.
    None,
    /// As snapshots only.
    SnapshotOnly,
    /// In a buffer of the process, which goes to the file every 100 ms: no staging ring.
    Buffered,
    /// Its default: in a shared mapping that outlives the process, synced every second.
    EverySec,
    /// On disk before a write returns.
    Always,
}

/// A store and, if it has files, their directory.
#[derive(Clone)]
pub(crate) struct Kevy {
    store: Inner,
    log: Log,
    directory: Option<Arc<TempDir>>,
}

fn config(at: &Path, log: Log) -> Config {
    let config = Config::default().with_auto_aof_rewrite_disabled();
    match log {
        Log::None => config.without_aof(),
        Log::SnapshotOnly => config.with_persist(at).without_aof(),
        Log::Buffered => config.with_persist(at).with_stage_ring(0),
        Log::EverySec => config.with_persist(at),
        Log::Always => config
            .with_persist(at)
            .with_appendfsync(AppendFsync::Always),
    }
}

impl Kevy {
    /// On a new directory, or in memory.
    pub(crate) fn new(log: Log) -> Self {
        let directory = Arc::new(scratch());
        let store = Inner::open(config(directory.path(), log)).expect("opens");
        Self {
            store,
            log,
            directory: Some(directory),
        }
    }

    /// What it wraps, of a store in memory.
    pub(crate) fn into_store(self) -> Inner {
        self.store
    }

    /// On files that are there.
    pub(crate) fn open(at: &Path, log: Log) -> Self {
        Self {
            store: Inner::open(config(at, log)).expect("opens"),
            log,
            directory: None,
        }
    }
}

/// Makes files in `at`: a log, or a snapshot.
pub(crate) fn fill(at: &Path, log: bool, load: &mut dyn FnMut(&mut Kevy)) {
    let mut kevy = Kevy::open(
        at,
        if log {
            Log::EverySec
        } else {
            Log::SnapshotOnly
        },
    );
    load(&mut kevy);
    if !log {
        assert!(kevy.store.save_snapshot().expect("saved"), "a snapshot");
    }
    kevy.store.shutdown().expect("closes");
}

impl Store for Kevy {
    #[inline]
    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.store.set(key, value).expect("written");
    }

    #[inline]
    fn visit8(&mut self, key: &[u8]) -> u64 {
        self.store
            .get_with(key, |value| first8(value.expect("there")))
            .expect("read")
    }

    #[inline]
    fn copy8(&mut self, key: &[u8]) -> u64 {
        first8(&std::hint::black_box(
            self.store.get(key).expect("read").expect("there"),
        ))
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.store.get(key).expect("read")
    }

    fn count(&mut self) -> u64 {
        self.store.dbsize() as u64
    }

    fn remove(&mut self, key: &[u8]) {
        assert_eq!(self.store.del(&[key]).expect("removed"), 1);
    }

    fn handle(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn writes_max(&self) -> usize {
        if self.log == Log::Always {
            crate::common::synced_writes_max()
        } else {
            usize::MAX
        }
    }
}

fn reopened(kevy: Kevy) -> Kevy {
    kevy.store.shutdown().expect("closes");
    let Kevy {
        store,
        log,
        directory,
    } = kevy;
    drop(store);
    let at = directory.as_ref().expect("on files").path().to_path_buf();
    Kevy {
        store: Inner::open(config(&at, log)).expect("opens again"),
        log,
        directory,
    }
}

impl Durable for Kevy {
    fn reopen(self) -> Self {
        reopened(self)
    }
}

impl Compacts for Kevy {
    fn compact(&mut self) {
        assert!(
            self.store.rewrite_aof().expect("rewritten").is_some(),
            "a rewrite"
        );
    }

    fn reopen(self) -> Self {
        reopened(self)
    }
}

impl Bitmaps for Kevy {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.store.set(key, value).expect("written");
    }

    fn set_bit(&mut self, key: &[u8], offset: u64, on: bool) -> bool {
        self.store
            .setbit(key, offset, u8::from(on))
            .expect("written")
            == 1
    }

    fn count_bits(&mut self, key: &[u8], range: Option<(i64, i64)>) -> u64 {
        self.store.bitcount(key, range).expect("counted")
    }

    fn count_any(&mut self, keys: &[Vec<u8>]) -> u64 {
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        self.store
            .bitop(BitOp::Or, b"any", &keys)
            .expect("combined");
        self.store.bitcount(b"any", None).expect("counted")
    }

    fn remove(&mut self, key: &[u8]) {
        self.store.del(&[key]).expect("removed");
    }

    fn far_keys(&self) -> u64 {
        2
    }

    fn copies(&self) -> bool {
        true
    }
}

const KEY: &[u8] = b"collection";
const JOINED: [&[u8]; 2] = [b"joined:0", b"joined:1"];

fn pairs(answer: Vec<(Vec<u8>, f64)>) -> u64 {
    sum(&black_box(answer), |(member, score)| {
        pair_weight(member, *score)
    })
}

impl Collections for Kevy {
    fn plays(&self, _kind: Kind) -> bool {
        true
    }

    fn fill(&mut self, kind: Kind, range: Range<u64>) {
        for index in range {
            let key = &key(index)[..];
            let written = match kind {
                Kind::List => self.store.rpush(KEY, &[key]),
                Kind::Hash => self.store.hset(KEY, &[(key, &first_value(index))]),
                Kind::Set => self.store.sadd(KEY, &[key]),
                Kind::ZSet => self.store.zadd(KEY, &[(first_score(index), key)]),
            };
            written.expect("written");
        }
    }

    fn count(&mut self, kind: Kind) -> u64 {
        let count = match kind {
            Kind::List => self.store.llen(KEY),
            Kind::Hash => self.store.hlen(KEY),
            Kind::Set => self.store.scard(KEY),
            Kind::ZSet => self.store.zcard(KEY),
        };
        count.expect("read") as u64
    }

    fn fill_joined(&mut self, size: u64) {
        let ranges = [0..size, size / 2..size / 2 * 3];
        for (set, range) in JOINED.into_iter().zip(ranges) {
            for index in range {
                self.store.sadd(set, &[&key(index)]).expect("written");
            }
        }
    }

    fn run(&mut self, op: Op, picks: &Picks) -> Option<u64> {
        let store = &self.store;
        let last = |at: u64| (at + SPAN) as i64 - 1;
        Some(match op {
            Op::Index => sum(&picks.at, |&at| {
                let element = store.lindex(KEY, at as i64).expect("read");
                weight(&black_box(element.expect("there")))
            }),
            Op::IndexChained => chained(picks.at.len(), |call| {
                let element = store.lindex(KEY, picks.at[call] as i64).expect("read");
                weight(&element.expect("there"))
            }),
            Op::Range => sum(&picks.at, |&at| {
                let answer = store.lrange(KEY, at as i64, last(at)).expect("read");
                sum(&black_box(answer), |element| weight(element))
            }),
            Op::PushPop => sum(&picks.fresh, |fresh| {
                store.lpush(KEY, &[fresh]).expect("written");
                weight(&store.rpop(KEY, 1).expect("written")[0])
            }),
            Op::SetAt => sum(picks.at.iter().zip(&picks.fresh), |(&at, fresh)| {
                store.lset(KEY, at as i64, fresh).expect("written");
                1
            }),
            Op::Get => sum(&picks.keys, |field| {
                let value = store.hget(KEY, field).expect("read");
                weight(&black_box(value.expect("there")))
            }),
            Op::GetAbsent => sum(&picks.fresh, |field| {
                u64::from(store.hexists(KEY, field).expect("read"))
            }),
            Op::SetField => sum(picks.keys.iter().zip(&picks.fresh), |(field, fresh)| {
                store.hset(KEY, &[(field, fresh)]).expect("written") as u64
            }),
            Op::Contains => sum(&picks.keys, |member| {
                u64::from(store.sismember(KEY, member).expect("read"))
            }),
            Op::ContainsAbsent => sum(&picks.fresh, |member| {
                u64::from(store.sismember(KEY, member).expect("read"))
            }),
            Op::AddAgain => sum(&picks.keys, |member| {
                store.sadd(KEY, &[member]).expect("written") as u64
            }),
            Op::AddRemove => sum(&picks.fresh, |member| {
                let added = store.sadd(KEY, &[member]).expect("written");
                (added + store.srem(KEY, &[member]).expect("written")) as u64
            }),
            Op::Intersect => sum(&picks.at, |_| {
                let answer = store.sinter(&JOINED).expect("read");
                sum(&black_box(answer), |member| weight(member))
            }),
            Op::ZUpdate => sum(picks.keys.iter().zip(&picks.scores), |(member, &score)| {
                store.zadd(KEY, &[(score, member)]).expect("written") as u64
            }),
            Op::ZScore => sum(&picks.keys, |member| {
                store.zscore(KEY, member).expect("read").expect("there") as u64
            }),
            Op::ZRank => sum(&picks.keys, |member| {
                store.zrank(KEY, member).expect("read").expect("there") as u64
            }),
            Op::ZRange => sum(&picks.at, |&at| {
                pairs(store.zrange(KEY, at as i64, last(at)).expect("read"))
            }),
            Op::ZWindow => sum(&picks.scores, |&min| {
                let max = min + picks.width;
                let answer = store.zrange_by_score_limit(KEY, min, max, 0, SPAN as usize);
                pairs(answer.expect("read"))
            }),
            Op::ZLimit => sum(&picks.scores, |&min| {
                let max = f64::INFINITY;
                let answer = store.zrange_by_score_limit(KEY, min, max, 0, SPAN as usize);
                pairs(answer.expect("read"))
            }),
            Op::RangeVisit | Op::GetVisit | Op::GetChained | Op::ZRangeVisit | Op::ZLimitVisit => {
                return None;
            }
        })
    }

    fn is_slow(&self, op: Op) -> bool {
        op == Op::ZLimit
    }
}
