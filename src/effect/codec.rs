//! Effects as bytes: a tag, then varints and length-prefixed slices.
//!
//! A frame's payload and a snapshot block's payload are both a plain sequence of these. Tags are part
//! of the file format (docs/file-format.md); a tag is never reused.

use super::{DATABASES, Effect, Items};
use crate::sys::varint::{self, Reader};

const STRING_SET: u8 = 1;
const STRING_SET_RAW: u8 = 2;
const STRING_SET_EXPIRING: u8 = 3;
const STRING_SET_RAW_EXPIRING: u8 = 4;
const STRING_WRITE: u8 = 5;
const KEY_REMOVE: u8 = 6;
const KEY_EXPIRE: u8 = 7;
const KEY_PERSIST: u8 = 8;
const KEY_MOVE: u8 = 9;
const KEY_COPY: u8 = 10;
const KEYS_CLEAR: u8 = 11;
const DATABASE: u8 = 12;
const DATABASE_CLEAR: u8 = 13;
const DATABASES_SWAP: u8 = 14;
const KEY_MOVE_TO: u8 = 15;
const KEY_COPY_TO: u8 = 16;
const LIST_INSERT: u8 = 17;
const LIST_REMOVE: u8 = 18;
const LIST_SET: u8 = 19;
const HASH_SET: u8 = 20;
const HASH_REMOVE: u8 = 21;
const HASH_EXPIRE: u8 = 22;
const HASH_PERSIST: u8 = 23;
const SET_ADD: u8 = 24;
const SET_REMOVE: u8 = 25;
const ZSET_ADD: u8 = 26;
const ZSET_REMOVE: u8 = 27;

/// Bytes that are no sequence of effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadEffect;

/// Appends one effect.
pub(crate) fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) {
    match *effect {
        Effect::StringSet {
            key,
            value,
            raw,
            expires_at_ms,
        } => {
            let tag = match (raw, expires_at_ms) {
                (false, None) => STRING_SET,
                (true, None) => STRING_SET_RAW,
                (false, Some(_)) => STRING_SET_EXPIRING,
                (true, Some(_)) => STRING_SET_RAW_EXPIRING,
            };
            // One reservation for the whole record keeps the hot path at one capacity check.
            out.reserve(key.len() + value.len() + 32);
            out.push(tag);
            slice(key, out);
            if let Some(at_ms) = expires_at_ms {
                varint::write(out, at_ms);
            }
            slice(value, out);
        }
        Effect::StringWrite { key, offset, bytes } => {
            out.push(STRING_WRITE);
            slice(key, out);
            varint::write(out, offset);
            slice(bytes, out);
        }
        Effect::KeyRemove { key } => {
            out.push(KEY_REMOVE);
            slice(key, out);
        }
        Effect::KeyExpire {
            key,
            expires_at_ms: Some(at_ms),
        } => {
            out.push(KEY_EXPIRE);
            slice(key, out);
            varint::write(out, at_ms);
        }
        Effect::KeyExpire {
            key,
            expires_at_ms: None,
        } => {
            out.push(KEY_PERSIST);
            slice(key, out);
        }
        Effect::KeyMove { from, to, database } => {
            transfer(KEY_MOVE, KEY_MOVE_TO, from, to, database, out);
        }
        Effect::KeyCopy { from, to, database } => {
            transfer(KEY_COPY, KEY_COPY_TO, from, to, database, out);
        }
        Effect::KeysClear => out.push(KEYS_CLEAR),
        Effect::Database { index } => out.extend_from_slice(&[DATABASE, index]),
        Effect::DatabaseClear => out.push(DATABASE_CLEAR),
        Effect::DatabasesSwap { one, two } => out.extend_from_slice(&[DATABASES_SWAP, one, two]),
        Effect::ListInsert { key, index, values } => {
            out.push(LIST_INSERT);
            slice(key, out);
            varint::write(out, index);
            values.encode(out);
        }
        Effect::ListRemove { key, index, count } => {
            out.push(LIST_REMOVE);
            slice(key, out);
            varint::write(out, index);
            varint::write(out, count);
        }
        Effect::ListSet { key, index, value } => {
            out.push(LIST_SET);
            slice(key, out);
            varint::write(out, index);
            slice(value, out);
        }
        Effect::HashSet { key, pairs } => keyed(HASH_SET, key, &pairs, out),
        Effect::HashRemove { key, fields } => keyed(HASH_REMOVE, key, &fields, out),
        Effect::HashExpire {
            key,
            fields,
            expires_at_ms: Some(at_ms),
        } => {
            keyed(HASH_EXPIRE, key, &fields, out);
            varint::write(out, at_ms);
        }
        Effect::HashExpire {
            key,
            fields,
            expires_at_ms: None,
        } => keyed(HASH_PERSIST, key, &fields, out),
        Effect::SetAdd { key, members } => keyed(SET_ADD, key, &members, out),
        Effect::SetRemove { key, members } => keyed(SET_REMOVE, key, &members, out),
        Effect::ZSetAdd { key, pairs } => keyed(ZSET_ADD, key, &pairs, out),
        Effect::ZSetRemove { key, members } => keyed(ZSET_REMOVE, key, &members, out),
    }
}

fn keyed(tag: u8, key: &[u8], items: &Items<'_>, out: &mut Vec<u8>) {
    out.push(tag);
    slice(key, out);
    items.encode(out);
}

fn transfer(tag: u8, tag_to: u8, from: &[u8], to: &[u8], database: Option<u8>, out: &mut Vec<u8>) {
    match database {
        None => out.push(tag),
        Some(database) => out.extend_from_slice(&[tag_to, database]),
    }
    slice(from, out);
    slice(to, out);
}

fn slice(bytes: &[u8], out: &mut Vec<u8>) {
    varint::write(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The effects in `payload`, front to back. Ends after the first that does not decode.
pub(crate) fn decode(payload: &[u8]) -> Effects<'_> {
    Effects {
        reader: Reader::new(payload),
        broken: false,
    }
}

/// Iterator over encoded effects; see [`decode`].
#[derive(Debug, Clone)]
pub(crate) struct Effects<'a> {
    reader: Reader<'a>,
    broken: bool,
}

impl Effects<'_> {
    /// Bytes that are not decoded yet.
    pub(crate) fn remaining_bytes(&self) -> usize {
        self.reader.remaining()
    }
}

impl<'a> Iterator for Effects<'a> {
    type Item = Result<Effect<'a>, BadEffect>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken || self.reader.is_empty() {
            return None;
        }
        let effect = one(&mut self.reader).ok_or(BadEffect);
        self.broken = effect.is_err();
        Some(effect)
    }
}

fn one<'a>(reader: &mut Reader<'a>) -> Option<Effect<'a>> {
    let tag = reader.byte()?;
    Some(match tag {
        STRING_SET | STRING_SET_RAW => Effect::StringSet {
            key: reader.slice()?,
            value: reader.slice()?,
            raw: tag == STRING_SET_RAW,
            expires_at_ms: None,
        },
        STRING_SET_EXPIRING | STRING_SET_RAW_EXPIRING => Effect::StringSet {
            key: reader.slice()?,
            expires_at_ms: Some(deadline(reader)?),
            value: reader.slice()?,
            raw: tag == STRING_SET_RAW_EXPIRING,
        },
        STRING_WRITE => Effect::StringWrite {
            key: reader.slice()?,
            offset: reader.varint()?,
            bytes: reader.slice()?,
        },
        KEY_REMOVE => Effect::KeyRemove {
            key: reader.slice()?,
        },
        KEY_EXPIRE => Effect::KeyExpire {
            key: reader.slice()?,
            expires_at_ms: Some(deadline(reader)?),
        },
        KEY_PERSIST => Effect::KeyExpire {
            key: reader.slice()?,
            expires_at_ms: None,
        },
        KEY_MOVE | KEY_MOVE_TO => Effect::KeyMove {
            database: other_database(tag == KEY_MOVE_TO, reader)?,
            from: reader.slice()?,
            to: reader.slice()?,
        },
        KEY_COPY | KEY_COPY_TO => Effect::KeyCopy {
            database: other_database(tag == KEY_COPY_TO, reader)?,
            from: reader.slice()?,
            to: reader.slice()?,
        },
        KEYS_CLEAR => Effect::KeysClear,
        DATABASE => Effect::Database {
            index: database(reader)?,
        },
        DATABASE_CLEAR => Effect::DatabaseClear,
        DATABASES_SWAP => Effect::DatabasesSwap {
            one: database(reader)?,
            two: database(reader)?,
        },
        LIST_INSERT => Effect::ListInsert {
            key: reader.slice()?,
            index: reader.varint()?,
            values: Items::decode(reader)?,
        },
        LIST_REMOVE => Effect::ListRemove {
            key: reader.slice()?,
            index: reader.varint()?,
            count: reader.varint()?,
        },
        LIST_SET => Effect::ListSet {
            key: reader.slice()?,
            index: reader.varint()?,
            value: reader.slice()?,
        },
        HASH_SET => Effect::HashSet {
            key: reader.slice()?,
            pairs: Items::decode_pairs(reader)?,
        },
        HASH_REMOVE => Effect::HashRemove {
            key: reader.slice()?,
            fields: Items::decode(reader)?,
        },
        HASH_EXPIRE => Effect::HashExpire {
            key: reader.slice()?,
            fields: Items::decode(reader)?,
            expires_at_ms: Some(deadline(reader)?),
        },
        HASH_PERSIST => Effect::HashExpire {
            key: reader.slice()?,
            fields: Items::decode(reader)?,
            expires_at_ms: None,
        },
        SET_ADD => Effect::SetAdd {
            key: reader.slice()?,
            members: Items::decode(reader)?,
        },
        SET_REMOVE => Effect::SetRemove {
            key: reader.slice()?,
            members: Items::decode(reader)?,
        },
        ZSET_ADD => Effect::ZSetAdd {
            key: reader.slice()?,
            pairs: Items::decode_pairs(reader)?,
        },
        ZSET_REMOVE => Effect::ZSetRemove {
            key: reader.slice()?,
            members: Items::decode(reader)?,
        },
        _ => return None,
    })
}

/// The number of a logical database.
fn database(reader: &mut Reader<'_>) -> Option<u8> {
    reader.byte().filter(|&index| index < DATABASES)
}

/// The database of a move that `names` one.
#[expect(clippy::option_option, reason = "whether it decodes, and what")]
fn other_database(names: bool, reader: &mut Reader<'_>) -> Option<Option<u8>> {
    if names {
        database(reader).map(Some)
    } else {
        Some(None)
    }
}

/// A deadline; `u64::MAX` stands for "none" in memory and is not a time.
fn deadline(reader: &mut Reader<'_>) -> Option<u64> {
    reader.varint().filter(|&at_ms| at_ms != u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn samples() -> Vec<Effect<'static>> {
        vec![
            Effect::StringSet {
                key: b"k",
                value: b"v",
                raw: false,
                expires_at_ms: None,
            },
            Effect::StringSet {
                key: b"",
                value: b"",
                raw: true,
                expires_at_ms: None,
            },
            Effect::StringSet {
                key: b"k",
                value: b"v",
                raw: false,
                expires_at_ms: Some(0),
            },
            Effect::StringSet {
                key: b"k",
                value: &[7; 300],
                raw: true,
                expires_at_ms: Some(9),
            },
            Effect::StringWrite {
                key: b"k",
                offset: 1 << 60,
                bytes: b"xyz",
            },
            Effect::KeyRemove { key: b"gone" },
            Effect::KeyExpire {
                key: b"k",
                expires_at_ms: Some(u64::MAX - 1),
            },
            Effect::KeyExpire {
                key: b"k",
                expires_at_ms: None,
            },
            Effect::KeyMove {
                from: b"a",
                to: b"b",
                database: None,
            },
            Effect::KeyCopy {
                from: b"a",
                to: b"b",
                database: None,
            },
            Effect::KeyMove {
                from: b"a",
                to: b"a",
                database: Some(15),
            },
            Effect::KeyCopy {
                from: b"a",
                to: b"b",
                database: Some(0),
            },
            Effect::KeysClear,
            Effect::Database { index: 3 },
            Effect::DatabaseClear,
            Effect::DatabasesSwap { one: 0, two: 15 },
            Effect::ListInsert {
                key: b"l",
                index: 300,
                values: Items::new(&[b"a", b""]),
            },
            Effect::ListRemove {
                key: b"l",
                index: 0,
                count: u64::MAX,
            },
            Effect::ListSet {
                key: b"l",
                index: 1,
                value: b"v",
            },
            Effect::HashSet {
                key: b"h",
                pairs: Items::new(&[b"field", b"value"]),
            },
            Effect::HashRemove {
                key: b"h",
                fields: Items::new(&[b"field"]),
            },
            Effect::HashExpire {
                key: b"h",
                fields: Items::new(&[b"f", b"g"]),
                expires_at_ms: Some(7),
            },
            Effect::HashExpire {
                key: b"h",
                fields: Items::new(&[b"f"]),
                expires_at_ms: None,
            },
            Effect::SetAdd {
                key: b"s",
                members: Items::new(&[]),
            },
            Effect::SetRemove {
                key: b"s",
                members: Items::new(&[b"m"]),
            },
            Effect::ZSetAdd {
                key: b"z",
                pairs: Items::new(&[&[0; 8], b"m"]),
            },
            Effect::ZSetRemove {
                key: b"z",
                members: Items::new(&[b"m"]),
            },
        ]
    }

    #[test]
    fn every_effect_round_trips() {
        let mut bytes = Vec::new();
        for effect in samples() {
            encode(&effect, &mut bytes);
        }
        let decoded: Result<Vec<_>, _> = decode(&bytes).collect();
        assert_eq!(decoded.unwrap(), samples());
    }

    #[test]
    fn the_documentation_lists_every_tag() {
        let doc = include_str!("../../docs/file-format.md");
        let (_, section) = doc.split_once("## Effects").unwrap();
        let mut documented = Vec::new();
        for row in section.lines().filter(|line| line.starts_with("| ")) {
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            let Some(tag) = cells.next().and_then(|cell| cell.parse::<u8>().ok()) else {
                continue;
            };
            documented.push((tag, cells.next().unwrap()));
        }
        let mut tags = BTreeSet::new();
        for effect in samples() {
            let mut bytes = Vec::new();
            encode(&effect, &mut bytes);
            let (_, name) = documented.iter().find(|(tag, _)| *tag == bytes[0]).unwrap();
            let first = name.split([',', ':', ' ']).next().unwrap();
            assert!(
                format!("{effect:?}").starts_with(first),
                "{effect:?} is not {name}"
            );
            tags.insert(bytes[0]);
        }
        let documented: Vec<u8> = documented.iter().map(|(tag, _)| *tag).collect();
        assert_eq!(tags.into_iter().collect::<Vec<_>>(), documented);
    }

    #[test]
    fn a_cut_anywhere_is_an_error_or_a_shorter_sequence() {
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for effect in samples() {
            encode(&effect, &mut bytes);
            ends.push(bytes.len());
        }
        for cut in 0..bytes.len() {
            let decoded: Result<Vec<_>, _> = decode(&bytes[..cut]).collect();
            match ends.iter().position(|&end| end == cut) {
                Some(whole) => assert_eq!(decoded.unwrap(), samples()[..whole]),
                None => assert_eq!(decoded, Err(BadEffect)),
            }
        }
    }

    #[test]
    fn an_unknown_tag_ends_the_sequence_with_an_error() {
        let mut effects = decode(&[0, KEYS_CLEAR]);
        assert_eq!(effects.next(), Some(Err(BadEffect)));
        assert_eq!(effects.next(), None);
    }
}
