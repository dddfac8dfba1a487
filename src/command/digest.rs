//! Digests of what is stored, which do not depend on the order of keys, members and fields: byte for byte those of
//! Redis 7.0 for the same content.
//!
//! A server's `DEBUG DIGEST` answers them. Keys that have expired are not in it; Redis counts them in until it removes them. Deadlines count as
//! being there; those of fields do not, which Redis 7.0 has not.

use sha1_smol::Sha1;

use super::run::{Keys, ReadCommand};
use crate::error::CommandError;
use crate::keyspace::{DATABASES, Entry, KeyType, ReadTx, StringRef};

/// Twenty bytes that stand for any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Digest([u8; 20]);

impl Digest {
    pub(crate) fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn toggle(&mut self, hash: &Sha1) {
        for (byte, other) in self.0.iter_mut().zip(hash.digest().bytes()) {
            *byte ^= other;
        }
    }

    /// Takes something in whose place does not matter.
    fn add(&mut self, bytes: &[u8]) {
        self.toggle(&Sha1::from(bytes));
    }

    /// Takes something in whose place matters.
    fn chain_with(&mut self, hash: &Sha1) {
        self.toggle(hash);
        self.0 = Sha1::from(self.0).digest().bytes();
    }

    fn chain(&mut self, bytes: &[u8]) {
        self.chain_with(&Sha1::from(bytes));
    }

    /// Takes in a pair whose place does not matter.
    fn add_pair(&mut self, one: &[u8], other: &[u8]) {
        let mut pair = Self::default();
        pair.chain(one);
        pair.chain(other);
        self.add(&pair.0);
    }

    /// Takes in the value of a key, and whether it has a deadline.
    fn chain_value(&mut self, entry: &Entry<'_>, now_ms: u64) -> Result<(), CommandError> {
        let number: u32 = match entry.key_type() {
            KeyType::String => 0,
            KeyType::List => 1,
            KeyType::Set => 2,
            KeyType::SortedSet => 3,
            KeyType::Hash => 4,
        };
        self.chain(&number.to_be_bytes());
        match entry.key_type() {
            KeyType::String => {
                let mut hash = Sha1::new();
                match entry.string()? {
                    StringRef::Inline(bytes) => hash.update(bytes),
                    StringRef::Large(string) => feed(string, &mut hash),
                }
                self.chain_with(&hash);
            }
            KeyType::List => entry.list()?.iter().for_each(|element| self.chain(element)),
            KeyType::Set => {
                let members = entry.set()?.iter();
                members.for_each(|member| member.with(|member| self.add(member)));
            }
            KeyType::SortedSet => {
                let zset = entry.zset()?;
                for (member, score) in zset.range(0..zset.len()) {
                    self.add_pair(member, seventeen_digits(score).as_bytes());
                }
            }
            KeyType::Hash => {
                let fields = entry.hash()?.iter();
                for field in fields.filter(|field| field.expires_at_ms >= now_ms) {
                    self.add_pair(field.field, field.value);
                }
            }
        }
        if entry.expires_at_ms().is_some() {
            self.add(b"!!expire!!");
        }
        Ok(())
    }
}

/// A string piece by piece, its gaps as the zeros they are.
fn feed(string: &crate::value::StringValue, hash: &mut Sha1) {
    const PIECE: u64 = 64 << 10;
    let mut piece = Vec::new();
    let mut at = 0;
    while at < string.len() {
        piece.clear();
        string.read_into(at, PIECE, &mut piece);
        hash.update(&piece);
        at += PIECE;
    }
}

/// A number as C's `%.17g` prints it.
fn seventeen_digits(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:.16e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..17).contains(&exponent) {
        let after_point = usize::try_from(16 - exponent).unwrap_or(0);
        return trimmed(&format!("{number:.after_point$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.unsigned_abs())
}

/// `DEBUG DIGEST`: everything in every database.
pub(crate) struct OfAll;

impl ReadCommand for OfAll {
    type Output = Digest;

    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn is_peek(&self) -> bool {
        true
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Digest, CommandError> {
        let now_ms = tx.now.ms();
        let mut whole = Digest::default();
        for database in 0..DATABASES {
            let mut is_named = false;
            for table in tx.in_database(database).tables() {
                let entries = table.keys().iter().map(Entry::new);
                for entry in entries.filter(|entry| !entry.is_expired(now_ms)) {
                    if !is_named {
                        whole.chain(&u32::from(database).to_be_bytes());
                        is_named = true;
                    }
                    let mut one = Digest::default();
                    one.chain(entry.key());
                    one.chain_value(&entry, now_ms)?;
                    whole.add(&one.0);
                }
            }
        }
        Ok(whole)
    }
}

/// `DEBUG DIGEST-VALUE`: one value, whatever its key; zeros for none.
pub(crate) struct OfValue<'a> {
    pub(crate) key: &'a [u8],
}

impl ReadCommand for OfValue<'_> {
    type Output = Digest;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn is_peek(&self) -> bool {
        true
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Digest, CommandError> {
        let mut digest = Digest::default();
        if let Some(entry) = tx.entry(self.key) {
            digest.chain_value(&entry, tx.now.ms())?;
        }
        Ok(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Db, RunRead as _};

    #[test]
    fn digests_are_those_of_redis() {
        let db = Db::open_in_memory();
        let digest = || db.read(OfAll).unwrap().to_hex();
        assert_eq!(digest(), "0".repeat(40));
        for line in [
            "SET k v",
            "ZADD z 1.5 a 3 b 0.1 c",
            "SADD s 1 2 x",
            "HSET h f v g w",
            "RPUSH l a b",
            "EXPIRE k 100",
        ] {
            db.execute(&line.split(' ').collect::<Vec<_>>()).unwrap();
        }
        db.database(3)
            .unwrap()
            .execute(&["SET", "kk", "vv"])
            .unwrap();
        // What a redis-server 7.0.15 answered.
        assert_eq!(digest(), "da42afdb92a8285fb976f435ad4784500b455499");
        for (key, value) in [
            ("z", "2db57ebb71f2d2f353ef7db6e340689a6d17bc40"),
            ("s", "4c6eef6b7853d1b76391c849d71b0d35d3faf18f"),
            ("h", "d127864ed50239662bf61bafc9bda63c17da5b37"),
            ("l", "62f55a532623cf6c3d81081db480b6fd8461eb3f"),
            ("k", "311b17018163335616e089f6b951c82c477335ac"),
            ("none", "0000000000000000000000000000000000000000"),
        ] {
            let key = key.as_bytes();
            assert_eq!(db.read(OfValue { key }).unwrap().to_hex(), value);
        }
    }

    #[test]
    fn numbers_are_printed_as_c_does() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (1.5, "1.5"),
            (0.1, "0.10000000000000001"),
            (1e-5, "1.0000000000000001e-05"),
            (0.0001, "0.0001"),
            (1e17, "1e+17"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e16, "10000000000000000"),
            (-2.5e300, "-2.5000000000000001e+300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(seventeen_digits(number), text);
        }
    }
}
