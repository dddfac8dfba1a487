//! Payloads of `DUMP` between the two sides: each takes what the other gives away, whatever the type and
//! the size, and of damaged ones ours takes none that Redis does not take as the same.
//!
//! The server checks payloads throughout (`sanitize-dump-payload yes`), as ours always does.

use super::pair::{Command, Pair};
use super::resp::Wire;
use super::rng::Rng;

/// Values that are exchanged.
const VALUES: u64 = 400;
/// Damaged payloads made of each, and of those that are long.
const DAMAGED: (usize, usize) = (30, 3);
const LONG_BYTES: usize = 4096;
/// What ours reads and Redis 7.0 does not.
const SET_LISTPACK: u8 = 20;
/// Numbers of elements around the limits of the encodings.
const COUNTS: &[usize] = &[1, 2, 3, 10, 50, 127, 128, 129, 511, 512, 513, 900];
/// Lengths of elements around them, and around those of lengths.
const LENGTHS: &[usize] = &[4, 8, 11, 12, 20, 21, 62, 63, 64, 65, 100, 127, 128, 300];

/// How a value's elements are made.
#[derive(Clone, Copy)]
enum Content {
    /// Bytes that nothing can compress.
    Random,
    /// Letters that repeat.
    Letters,
    /// Integers of few digits, and of many.
    Numbers,
}

struct Maker {
    rng: Rng,
    content: Content,
}

impl Maker {
    fn element(&mut self, len: usize) -> Vec<u8> {
        match self.content {
            Content::Random => (0..len).map(|_| (self.rng.next() >> 32) as u8).collect(),
            Content::Letters => {
                let from = self.rng.next().to_string().into_bytes();
                from.into_iter().cycle().take(len).collect()
            }
            Content::Numbers => {
                let shift = self.rng.below(64);
                let number = (self.rng.next() as i64) >> shift;
                number.to_string().into_bytes()
            }
        }
    }

    fn score(&mut self) -> String {
        match self.rng.below(8) {
            0 => "inf".into(),
            1 => "-inf".into(),
            2 => "-0.0".into(),
            3 => (self.rng.next() as i64 >> self.rng.below(64)).to_string(),
            4 => f64::from_bits(self.rng.next() >> 2).to_string(),
            _ => (self.rng.between(-1_000_000, 1_000_000) as f64 / 777.0).to_string(),
        }
    }

    /// Commands that build a value at `k`.
    fn value(&mut self) -> Vec<Command> {
        let kind = *self.rng.pick(&["SET", "RPUSH", "SADD", "HSET", "ZADD"]);
        let word = |text: &str| text.as_bytes().to_vec();
        if kind == "SET" {
            let longer = self.rng.index(20_000);
            let len = *self
                .rng
                .pick(&[0, 1, 2, 5, 10, 11, 12, 20, 21, 22, 100, 5000, longer]);
            return vec![vec![word("SET"), word("k"), self.element(len)]];
        }
        let count = *self.rng.pick(COUNTS);
        let most = *self.rng.pick(LENGTHS);
        let mut commands = Vec::new();
        let mut left = count;
        while left > 0 {
            let mut command = vec![word(kind), word("k")];
            for _ in 0..left.min(100) {
                let len = match self.rng.below(10) {
                    0 if kind == "RPUSH" && count < 20 => self.rng.index(20_000).max(4),
                    _ => most - self.rng.index(most.min(5)).min(most - 4),
                };
                if kind == "ZADD" {
                    command.push(self.score().into_bytes());
                }
                command.push(self.element(len));
                if kind == "HSET" {
                    command.push(self.element(len));
                }
            }
            left -= left.min(100);
            commands.push(command);
        }
        commands
    }
}

/// What one side holds at a key: type, encoding, and the content in an order of its own.
fn content(ask: &mut dyn FnMut(&[&str]) -> Wire, key: &str) -> Vec<String> {
    let kind = ask(&["TYPE", key]);
    let Wire::Status(name) = &kind else {
        panic!("TYPE answers {kind}");
    };
    let (question, step): (&[&str], _) = match name.as_slice() {
        b"string" => (&["GET", key], 1),
        b"list" => (&["LRANGE", key, "0", "-1"], 1),
        b"set" => (&["SMEMBERS", key], 1),
        b"hash" => (&["HGETALL", key], 2),
        b"zset" => (&["ZRANGE", key, "0", "-1", "WITHSCORES"], 2),
        _ => (&["EXISTS", key], 1),
    };
    let is_zset = name == b"zset";
    let (list, answer) = (name == b"list", ask(question));
    let mut parts: Vec<String> = match &answer {
        Wire::Array(items) => {
            let text = |pair: &[Wire]| match pair {
                [member, Wire::Bulk(score)] if is_zset => {
                    let score = super::known::number(score).expect("a score");
                    format!("{member:?} {score}")
                }
                words => format!("{words:?}"),
            };
            items.chunks(step).map(text).collect()
        }
        other => vec![format!("{other:?}")],
    };
    if !list {
        parts.sort();
    }
    parts.push(format!("{kind}"));
    parts
}

fn bulk(reply: Wire) -> Vec<u8> {
    match reply {
        Wire::Bulk(bytes) => bytes,
        other => panic!("DUMP answers {other}"),
    }
}

/// Jones's CRC-64, bit by bit.
fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u64::from(byte), |sum, _| match sum & 1 {
            0 => sum >> 1,
            _ => (sum >> 1) ^ 0x95ac_9329_ac4b_c9b5,
        })
    })
}

/// A value with a footer that fits it.
fn sealed(value: &[u8]) -> Vec<u8> {
    let mut payload = value.to_vec();
    payload.extend(10_u16.to_le_bytes());
    let sum = crc64(&payload);
    payload.extend(sum.to_le_bytes());
    payload
}

/// One to three bytes otherwise, or bytes that are missing or there twice.
fn damaged(rng: &mut Rng, payload: &[u8]) -> Vec<u8> {
    let mut value = payload[..payload.len() - 10].to_vec();
    // What stands in front says more.
    let place = |rng: &mut Rng, len: usize| match rng.percent(50) {
        true => rng.index(len.min(16)),
        false => rng.index(len),
    };
    for _ in 0..=rng.below(3) {
        let at = place(rng, value.len());
        match rng.below(10) {
            0 if value.len() > 1 => drop(value.remove(at)),
            1 => value.insert(at, value[at]),
            2 if value.len() > 2 => value.truncate(at.max(1)),
            3 => value[at] = *rng.pick(&[0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xff]),
            _ => value[at] ^= 1 << rng.below(8),
        }
    }
    sealed(&value)
}

fn restore<'a>(key: &'a str, payload: &'a [u8]) -> [&'a [u8]; 5] {
    [b"RESTORE", key.as_bytes(), b"0", payload, b"REPLACE"]
}

pub(crate) fn exchange(pair: &mut Pair, first_seed: u64) {
    let set = pair.ask_redis(&["CONFIG", "SET", "sanitize-dump-payload", "yes"]);
    assert_eq!(set, Wire::Status(b"OK".to_vec()));
    let (mut same_bytes, mut taken) = (0, 0);
    for seed in first_seed..first_seed + VALUES {
        let mut rng = Rng::seeded(seed);
        let content = *rng.pick(&[Content::Random, Content::Letters, Content::Numbers]);
        // Every other value is given away compressed too.
        let compression = if seed % 2 == 0 { "no" } else { "yes" };
        pair.ask_redis(&["CONFIG", "SET", "rdbcompression", compression]);
        let mut maker = Maker { rng, content };
        for command in maker.value() {
            pair.ask_redis(&command);
            pair.ask_ours(&command);
        }
        same_bytes += u32::from(pass_both_ways(pair, seed));
        let payload = bulk(pair.ask_redis(&["DUMP", "k"]));
        let times = match payload.len() {
            0..LONG_BYTES => DAMAGED.0,
            _ => DAMAGED.1,
        };
        for _ in 0..times {
            let payload = damaged(&mut maker.rng, &payload);
            if payload[0] == SET_LISTPACK {
                continue;
            }
            taken += u32::from(take(pair, seed, &payload));
        }
        pair.ask_redis(&["FLUSHALL"]);
        pair.ask_ours(&["FLUSHALL"]);
    }
    assert!(
        same_bytes > VALUES as u32 / 8,
        "{same_bytes} payloads alike"
    );
    assert!(taken > VALUES as u32, "{taken} damaged payloads taken");
}

/// Both sides give away `k` and take what the other gave. Says whether the payloads were the same.
fn pass_both_ways(pair: &mut Pair, seed: u64) -> bool {
    let ok = Wire::Status(b"OK".to_vec());
    let theirs = bulk(pair.ask_redis(&["DUMP", "k"]));
    let ours = bulk(pair.ask_ours(&["DUMP", "k"]));
    for (key, payload) in [("of redis", &theirs), ("of ours", &ours)] {
        let (there, here) = (
            pair.ask_redis(&restore(key, payload)),
            pair.ask_ours(&restore(key, payload)),
        );
        assert_eq!((&there, &here), (&ok, &ok), "seed {seed}: {key}");
    }
    let expected = content(&mut |words| pair.ask_redis(words), "k");
    for key in ["k", "of redis", "of ours"] {
        let there = content(&mut |words| pair.ask_redis(words), key);
        let here = content(&mut |words| pair.ask_ours(words), key);
        assert!(there == expected, "seed {seed}: {key} there");
        assert!(here == expected, "seed {seed}: {key} here");
        let encoding = ["OBJECT", "ENCODING", key];
        let both = (pair.ask_redis(&encoding), pair.ask_ours(&encoding));
        assert_eq!(both.0, both.1, "seed {seed}: {key}");
    }
    // What the server gives away again tells apart every byte, but for how they were compressed.
    let encoding = pair.ask_redis(&["OBJECT", "ENCODING", "k"]);
    let has_order = encoding != Wire::Bulk(b"hashtable".to_vec());
    let again = bulk(pair.ask_redis(&["DUMP", "of ours"]));
    assert!(!has_order || again == theirs, "seed {seed}: other bytes");
    theirs == ours
}

/// Tells both sides to take a damaged payload; says whether ours did.
fn take(pair: &mut Pair, seed: u64, payload: &[u8]) -> bool {
    let (there, here) = (
        pair.ask_redis(&restore("damaged", payload)),
        pair.ask_ours(&restore("damaged", payload)),
    );
    let hex: String = payload
        .iter()
        .take(200)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match here {
        Wire::Status(_) => {
            assert_eq!(there, here, "seed {seed}: only ours takes {hex}");
            let there = content(&mut |words| pair.ask_redis(words), "damaged");
            let here = content(&mut |words| pair.ask_ours(words), "damaged");
            assert!(there == here, "seed {seed}: another value of {hex}");
            true
        }
        here => {
            let refused = Wire::Error(b"ERR Bad data format".to_vec());
            assert_eq!(here, refused, "seed {seed}: {hex}");
            false
        }
    }
}
