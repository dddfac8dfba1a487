//! State changes a second time: how they are encoded, and what they do to a plain model.

use std::collections::BTreeMap;

use nacredb::{Db, Reply};

use super::disk::{WHOLE_MAX, ask, keys, range, strlen};
use super::input::Input;

/// Longest string there can be.
const LEN_MAX: u64 = 1 << 60;

#[derive(Debug, Clone)]
pub(crate) enum Change {
    Set {
        key: Vec<u8>,
        value: Vec<u8>,
        raw: bool,
        deadline: Option<u64>,
    },
    Write {
        key: Vec<u8>,
        offset: u64,
        bytes: Vec<u8>,
    },
    Remove {
        key: Vec<u8>,
    },
    Expire {
        key: Vec<u8>,
        deadline: Option<u64>,
    },
    Move {
        from: Vec<u8>,
        to: Vec<u8>,
    },
    Copy {
        from: Vec<u8>,
        to: Vec<u8>,
    },
    Clear,
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn slice(out: &mut Vec<u8>, bytes: &[u8]) {
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A key, from few, so that changes meet.
fn key(input: &mut Input<'_>) -> Vec<u8> {
    match input.byte() {
        choice @ 0..=199 => vec![b'a' + choice % 6],
        200..=219 => Vec::new(),
        choice @ 220..=239 => vec![choice; usize::from(input.byte()) * 8],
        _ => input.some_bytes(64).to_vec(),
    }
}

fn value(input: &mut Input<'_>) -> Vec<u8> {
    match input.byte() {
        0..=199 => input.some_bytes(64).to_vec(),
        // Beyond what fits into a page beside its key.
        choice => {
            let len = usize::from(input.short()) % 10_000;
            let seed = input.byte();
            (0..len)
                .map(|at| seed.wrapping_add((at % usize::from(choice)) as u8))
                .collect()
        }
    }
}

impl Change {
    pub(crate) fn read(input: &mut Input<'_>) -> Self {
        match input.below(16) {
            0..=4 => Self::Set {
                key: key(input),
                value: value(input),
                raw: input.flag(),
                deadline: input.flag().then(|| input.number()),
            },
            5..=8 => Self::Write {
                key: key(input),
                offset: match input.below(3) {
                    0 => input.number(),
                    _ => u64::from(input.short()),
                },
                bytes: value(input),
            },
            9 | 10 => Self::Remove { key: key(input) },
            11 | 12 => Self::Expire {
                key: key(input),
                deadline: input.flag().then(|| input.number()),
            },
            13 => Self::Move {
                from: key(input),
                to: key(input),
            },
            14 => Self::Copy {
                from: key(input),
                to: key(input),
            },
            _ if input.below(4) == 0 => Self::Clear,
            _ => Self::Copy {
                from: vec![b'a'],
                to: key(input),
            },
        }
    }

    /// Whether a snapshot may hold it: it concerns one key.
    pub(crate) fn fits_a_block(&self) -> bool {
        !matches!(self, Self::Move { .. } | Self::Copy { .. } | Self::Clear)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Set {
                key,
                value,
                raw,
                deadline,
            } => {
                out.push(1 + u8::from(*raw) + 2 * u8::from(deadline.is_some()));
                slice(out, key);
                if let Some(at_ms) = *deadline {
                    varint(out, at_ms);
                }
                slice(out, value);
            }
            Self::Write { key, offset, bytes } => {
                out.push(5);
                slice(out, key);
                varint(out, *offset);
                slice(out, bytes);
            }
            Self::Remove { key } => {
                out.push(6);
                slice(out, key);
            }
            Self::Expire {
                key,
                deadline: Some(at_ms),
            } => {
                out.push(7);
                slice(out, key);
                varint(out, *at_ms);
            }
            Self::Expire {
                key,
                deadline: None,
            } => {
                out.push(8);
                slice(out, key);
            }
            Self::Move { from, to } => {
                out.push(9);
                slice(out, from);
                slice(out, to);
            }
            Self::Copy { from, to } => {
                out.push(10);
                slice(out, from);
                slice(out, to);
            }
            Self::Clear => out.push(11),
        }
    }
}

/// A string that may be far longer than memory: what was written where, in order.
#[derive(Debug, Clone, Default, PartialEq)]
struct Value {
    len: u64,
    writes: Vec<(u64, Vec<u8>)>,
    deadline: Option<u64>,
}

impl Value {
    fn read(&self, from: u64, to: u64) -> Vec<u8> {
        let (from, to) = (from.min(self.len), to.min(self.len));
        let mut out = vec![0; to.saturating_sub(from) as usize];
        for (offset, bytes) in &self.writes {
            let start = (*offset).max(from);
            let end = (offset + bytes.len() as u64).min(to);
            if start < end {
                let source = &bytes[(start - offset) as usize..(end - offset) as usize];
                out[(start - from) as usize..(end - from) as usize].copy_from_slice(source);
            }
        }
        out
    }
}

/// What the changes should lead to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Model {
    keys: BTreeMap<Vec<u8>, Value>,
}

/// A change that cannot be: nothing has recorded it in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit;

impl Model {
    pub(crate) fn apply(&mut self, change: &Change) -> Result<(), Misfit> {
        let bad_deadline = |deadline: &Option<u64>| *deadline == Some(u64::MAX);
        match change {
            Change::Set { deadline, .. } | Change::Expire { deadline, .. }
                if bad_deadline(deadline) =>
            {
                return Err(Misfit);
            }
            Change::Set {
                key,
                value,
                deadline,
                ..
            } => {
                let value = Value {
                    len: value.len() as u64,
                    writes: vec![(0, value.clone())],
                    deadline: *deadline,
                };
                self.keys.insert(key.clone(), value);
            }
            Change::Write { key, offset, bytes } => {
                let end = offset.checked_add(bytes.len() as u64).ok_or(Misfit)?;
                if end > LEN_MAX {
                    return Err(Misfit);
                }
                let value = self.keys.entry(key.clone()).or_default();
                value.len = value.len.max(end);
                value.writes.push((*offset, bytes.clone()));
            }
            Change::Remove { key } => {
                self.keys.remove(key);
            }
            Change::Expire { key, deadline } => {
                if let Some(value) = self.keys.get_mut(key) {
                    value.deadline = *deadline;
                }
            }
            Change::Move { from, to } => {
                let value = self.keys.remove(from).ok_or(Misfit)?;
                self.keys.insert(to.clone(), value);
            }
            Change::Copy { from, to } => {
                let value = self.keys.get(from).ok_or(Misfit)?.clone();
                self.keys.insert(to.clone(), value);
            }
            Change::Clear => self.keys.clear(),
        }
        Ok(())
    }

    /// Panics unless the database holds exactly this.
    pub(crate) fn assert_held(&self, db: &Db) {
        let expected: Vec<Vec<u8>> = self.keys.keys().cloned().collect();
        assert_eq!(keys(db), expected, "keys");
        for (key, value) in &self.keys {
            assert_eq!(strlen(db, key), value.len, "length of {key:?}");
            if value.len <= WHOLE_MAX {
                let whole = ask(db, &[b"GET", key]);
                assert_eq!(whole, Reply::Bulk(value.read(0, value.len)), "{key:?}");
            }
            let mut pieces = vec![(0, 64), (value.len.saturating_sub(64), value.len)];
            for (offset, bytes) in &value.writes {
                let end = offset + bytes.len() as u64;
                pieces.push((offset.saturating_sub(16), offset.saturating_add(16)));
                pieces.push((end.saturating_sub(16), end + 16));
            }
            for (from, to) in pieces {
                let found = range(db, key, from, to);
                assert_eq!(found, value.read(from, to), "{from}..{to} of {key:?}");
            }
            let deadline = match value.deadline {
                None => -1,
                // What Redis's replies cannot say is only asked for.
                Some(at_ms) => match i64::try_from(at_ms) {
                    Ok(at_ms) => at_ms,
                    Err(_) => {
                        ask(db, &[b"PEXPIRETIME", key]);
                        continue;
                    }
                },
            };
            let found = ask(db, &[b"PEXPIRETIME", key]);
            assert_eq!(found, Reply::Int(deadline), "deadline of {key:?}");
        }
    }
}
