//! Random commands on every type, for programs whose crashes are looked at: few keys, so that they meet.
//!
//! Most change something, many change several things at once; some are refused, for the wrong type or an index
//! out of range, and then nothing may have changed.

use crate::session::mix;

/// A seeded random source.
#[derive(Debug, Clone)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = mix(self.0);
        (self.0 >> 16) % bound
    }

    fn one_of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

/// One command in words.
pub(crate) type Words = Vec<Vec<u8>>;

/// The logical databases that are used; the others must stay empty.
pub(crate) const DATABASES: [&str; 4] = ["0", "1", "2", "15"];

/// Templates, a word each: `L` a list's key, `H` a hash's, `S` a set's, `Z` a sorted set's, `T` a string's, `K` any
/// key, `m` a member or field, `v` a value, `n` a small number, `i` an index, `t` a moment, `d` a database. `m+`
/// stands for several, `mv+` and `nm+` for several pairs.
const TEMPLATES: &[&str] = &[
    "RPUSH L v+",
    "RPUSH L v+",
    "LPUSH L v+",
    "LPUSHX L v",
    "LINSERT L BEFORE m v",
    "LINSERT L AFTER m v",
    "LSET L i v",
    "LREM L i m",
    "LTRIM L n -2",
    "LPOP L n",
    "RPOP L n",
    "LMOVE L L LEFT RIGHT",
    "LMPOP 2 L L RIGHT COUNT n",
    "HSET H mv+",
    "HSET H mv+",
    "HSETNX H m v",
    "HDEL H m+",
    "HINCRBY H m n",
    "HSETEX H PXAT t FIELDS 2 m v m v",
    "HSETEX H FNX KEEPTTL FIELDS 1 m v",
    "HPEXPIREAT H t FIELDS 2 m m",
    "HPEXPIREAT H t FIELDS 3 m m m",
    "HPERSIST H FIELDS 2 m m",
    "HGETEX H PXAT t FIELDS 1 m",
    "HGETDEL H FIELDS 2 m m",
    "SADD S m+",
    "SADD S m+",
    "SADD S n n n n",
    "SREM S m+",
    "SPOP S n",
    "SMOVE S S m",
    "SUNIONSTORE S S S",
    "SINTERSTORE S S S",
    "SDIFFSTORE S S S",
    "ZADD Z nm+",
    "ZADD Z nm+",
    "ZADD Z GT CH nm+",
    "ZINCRBY Z n m",
    "ZREM Z m+",
    "ZPOPMIN Z n",
    "ZPOPMAX Z n",
    "ZREMRANGEBYSCORE Z n 40",
    "ZREMRANGEBYRANK Z 0 n",
    "ZUNIONSTORE Z 2 Z S",
    "ZRANGESTORE Z Z 1 n",
    "GEOADD Z 13.4 52.5 m 2.35 48.85 m",
    "SET T v",
    "SET T v PXAT t",
    "SET T n",
    "SET K v",
    "GETSET T v",
    "GETDEL T",
    "GETEX T PXAT t",
    "APPEND T v",
    "SETRANGE T n v",
    "SETBIT T n 1",
    "BITOP XOR T T T",
    "INCRBY T n",
    "MSET T v T v T v",
    "MSETNX T v T v",
    "PFADD T m+",
    "PFMERGE T T",
    "SORT L ALPHA STORE L",
    "SORT S ALPHA STORE L",
    "DEL K",
    "DEL K K K",
    "UNLINK K K",
    "RENAME K K",
    "RENAMENX K K",
    "COPY K K REPLACE",
    "COPY K K DB d REPLACE",
    "MOVE K d",
    "MOVE K d",
    "PEXPIREAT K t",
    "PEXPIREAT K t NX",
    "PERSIST K",
    "PERSIST K",
    "SWAPDB d d",
    "FLUSHDB",
    "FLUSHALL",
];

/// Flushes are drawn again so often: otherwise there would never be much to lose.
const FLUSHES_SPARED: u64 = 4;

fn key(word: &str, chance: &mut Chance) -> Vec<u8> {
    let kind = match word {
        "K" => chance.one_of(&["list", "hash", "set", "zset", "text"]),
        // Now and then a key of another type.
        _ if chance.below(25) == 0 => chance.one_of(&["list", "hash", "set", "zset", "text"]),
        "L" => "list",
        "H" => "hash",
        "S" => "set",
        "Z" => "zset",
        _ => "text",
    };
    format!("{kind} {}", chance.below(3)).into_bytes()
}

fn member(chance: &mut Chance) -> Vec<u8> {
    format!("m{}", chance.below(12)).into_bytes()
}

fn value(chance: &mut Chance) -> Vec<u8> {
    let len = match chance.below(16) {
        0 => 700 + chance.below(2000),
        1 | 2 => 60 + chance.below(300),
        3..=8 => return member(chance),
        _ => chance.below(20),
    };
    let byte = b'a' + chance.below(26) as u8;
    vec![byte; len as usize]
}

/// A moment that has passed now and then; mostly one that passes soon, or never in a test.
fn moment(now_ms: u64, chance: &mut Chance) -> u64 {
    match chance.below(8) {
        0 => now_ms - chance.below(5),
        1..=4 => now_ms + chance.below(400),
        _ => now_ms + 10_000_000 + chance.below(1000),
    }
}

/// Draws one command.
pub(crate) fn command(now_ms: u64, chance: &mut Chance) -> Words {
    let mut template = chance.one_of(TEMPLATES);
    for _ in 0..FLUSHES_SPARED {
        if template.starts_with("FLUSH") {
            template = chance.one_of(TEMPLATES);
        }
    }
    let mut words = Words::new();
    for (at, word) in template.split(' ').enumerate() {
        let many = word.strip_suffix('+');
        let times = many.map_or(1, |_| match chance.below(6) {
            0 => 20 + chance.below(60),
            _ => 1 + chance.below(5),
        });
        let letters = many.unwrap_or(word);
        if at == 0 || letters.len() > 2 || letters.starts_with(|c: char| !c.is_alphabetic()) {
            words.push(word.as_bytes().to_vec());
            continue;
        }
        for _ in 0..times {
            match letters {
                "L" | "H" | "S" | "Z" | "T" | "K" => words.push(key(letters, chance)),
                "m" => words.push(member(chance)),
                "v" => words.push(value(chance)),
                "n" => words.push(chance.below(60).to_string().into_bytes()),
                "i" => words.push((chance.below(9) as i64 - 4).to_string().into_bytes()),
                "t" => words.push(moment(now_ms, chance).to_string().into_bytes()),
                "d" => words.push(chance.one_of(&DATABASES).as_bytes().to_vec()),
                "mv" => words.extend([member(chance), value(chance)]),
                "nm" => words.extend([chance.below(60).to_string().into_bytes(), member(chance)]),
                other => words.push(other.as_bytes().to_vec()),
            }
        }
    }
    words
}
