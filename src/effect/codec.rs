//! Effects as bytes: a tag, then varints and length-prefixed slices.
//!
//! A frame's payload and a snapshot block's payload are both a plain sequence of these. Tags are part
//! of the file format (docs/file-format.md); a tag is never reused.

use super::Effect;
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
        Effect::KeyMove { from, to } => {
            out.push(KEY_MOVE);
            slice(from, out);
            slice(to, out);
        }
        Effect::KeyCopy { from, to } => {
            out.push(KEY_COPY);
            slice(from, out);
            slice(to, out);
        }
        Effect::KeysClear => out.push(KEYS_CLEAR),
    }
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
        KEY_MOVE => Effect::KeyMove {
            from: reader.slice()?,
            to: reader.slice()?,
        },
        KEY_COPY => Effect::KeyCopy {
            from: reader.slice()?,
            to: reader.slice()?,
        },
        KEYS_CLEAR => Effect::KeysClear,
        _ => return None,
    })
}

/// A deadline; `u64::MAX` stands for "none" in memory and is not a time.
fn deadline(reader: &mut Reader<'_>) -> Option<u64> {
    reader.varint().filter(|&at_ms| at_ms != u64::MAX)
}

#[cfg(test)]
mod tests {
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
            },
            Effect::KeyCopy {
                from: b"a",
                to: b"b",
            },
            Effect::KeysClear,
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
