//! State changes a second time: which there are, and how they are encoded. What they do is in `model`.

use super::input::Input;

/// Byte strings of one change: elements, members, or pairs in turn.
pub(crate) type Words = Vec<Vec<u8>>;

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
        database: Option<u8>,
    },
    Copy {
        from: Vec<u8>,
        to: Vec<u8>,
        database: Option<u8>,
    },
    Clear,
    Database(u8),
    DatabaseClear,
    Swap(u8, u8),
    ListInsert {
        key: Vec<u8>,
        index: u64,
        values: Words,
    },
    ListRemove {
        key: Vec<u8>,
        index: u64,
        count: u64,
    },
    ListSet {
        key: Vec<u8>,
        index: u64,
        value: Vec<u8>,
    },
    HashSet {
        key: Vec<u8>,
        pairs: Words,
    },
    HashRemove {
        key: Vec<u8>,
        fields: Words,
    },
    HashExpire {
        key: Vec<u8>,
        fields: Words,
        deadline: Option<u64>,
    },
    SetAdd {
        key: Vec<u8>,
        members: Words,
    },
    SetRemove {
        key: Vec<u8>,
        members: Words,
    },
    /// Scores and members in turn.
    ZSetAdd {
        key: Vec<u8>,
        pairs: Words,
    },
    ZSetRemove {
        key: Vec<u8>,
        members: Words,
    },
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

fn items(out: &mut Vec<u8>, words: &[Vec<u8>]) {
    let mut run = Vec::new();
    for word in words {
        slice(&mut run, word);
    }
    slice(out, &run);
}

fn keyed(out: &mut Vec<u8>, tag: u8, key: &[u8], words: &[Vec<u8>]) {
    out.push(tag);
    slice(out, key);
    items(out, words);
}

/// A member or a field, from few.
fn member(input: &mut Input<'_>) -> Vec<u8> {
    match input.byte() {
        choice @ 0..=99 => vec![b'a' + choice % 10],
        choice @ 100..=199 => (i32::from(choice) - 150).to_string().into_bytes(),
        200..=209 => (input.number() as i64).to_string().into_bytes(),
        _ => value(input),
    }
}

/// A key of a collection: each type mostly keeps to its own, so that few changes are refused.
fn collection_key(input: &mut Input<'_>, own: u8) -> Vec<u8> {
    match input.byte() {
        choice @ 0..=247 => vec![own, b'0' + choice % 3],
        _ => key(input),
    }
}

/// A few members, or so many that the collection leaves its short form.
fn members(input: &mut Input<'_>) -> Words {
    match input.byte() {
        choice @ 0..=239 => (0..choice % 6).map(|_| member(input)).collect(),
        choice => {
            let (first, count) = (input.short(), input.short() % 700);
            let name = |number: u16| match choice % 2 {
                0 => number.to_string().into_bytes(),
                _ => format!("member {number}").into_bytes(),
            };
            (0..count).map(|at| name(first.wrapping_add(at))).collect()
        }
    }
}

/// Eight bytes of a score, mostly.
fn score(input: &mut Input<'_>) -> Vec<u8> {
    let score = match input.byte() {
        choice @ 0..=149 => f64::from(choice % 5),
        150..=189 => f64::from(input.short()) / 3.0 - 100.0,
        190..=199 => -0.0,
        200..=209 => f64::INFINITY,
        210..=219 => f64::NEG_INFINITY,
        220..=250 => f64::from_bits(input.number()),
        251 => f64::NAN,
        252 => return input.some_bytes(12).to_vec(),
        _ => 1e300,
    };
    score.to_bits().to_le_bytes().to_vec()
}

/// Two words for each of some members, the last of which is missing now and then.
fn pairs(
    input: &mut Input<'_>,
    mut pair: impl FnMut(&mut Input<'_>, Vec<u8>) -> [Vec<u8>; 2],
) -> Words {
    let members = members(input);
    let mut words = Vec::new();
    for member in members {
        words.extend(pair(input, member));
    }
    if input.byte() == 255 {
        words.pop();
    }
    words
}

/// A place in a list: mostly one that small lists have.
fn index(input: &mut Input<'_>) -> u64 {
    match input.byte() {
        choice @ 0..=239 => u64::from(choice % 4),
        240..=250 => u64::from(input.short() % 600),
        _ => input.number(),
    }
}

fn database(input: &mut Input<'_>) -> u8 {
    match input.byte() {
        choice @ 0..=199 => choice % 3,
        choice @ 200..=253 => choice % 16,
        // There are no more.
        choice => choice % 20,
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
        let choice = input.byte();
        if choice >= 144 {
            return Self::read_collection(choice, input);
        }
        match choice % 16 {
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
                database: None,
            },
            14 => Self::Copy {
                from: key(input),
                to: key(input),
                database: None,
            },
            _ if input.below(4) == 0 => Self::Clear,
            _ => Self::Copy {
                from: vec![b'a'],
                to: key(input),
                database: None,
            },
        }
    }

    fn read_collection(choice: u8, input: &mut Input<'_>) -> Self {
        match choice {
            144..=155 => Self::Database(database(input)),
            156 | 157 => Self::DatabaseClear,
            158..=161 => Self::Swap(database(input), database(input)),
            162..=169 => {
                // What a collection holds and what it shares with its copy both matter.
                let own = b"LHSZa"[input.below(5)];
                let (from, to) = (collection_key(input, own), collection_key(input, own));
                let database = input.flag().then(|| database(input));
                match choice % 2 {
                    0 => Self::Move { from, to, database },
                    _ => Self::Copy { from, to, database },
                }
            }
            170..=173 => Self::Expire {
                key: {
                    let own = b"LHSZ"[input.below(4)];
                    collection_key(input, own)
                },
                deadline: input.flag().then(|| input.number()),
            },
            174..=185 => Self::ListInsert {
                key: collection_key(input, b'L'),
                index: index(input),
                values: members(input),
            },
            186..=191 => Self::ListRemove {
                key: collection_key(input, b'L'),
                index: index(input),
                count: index(input),
            },
            192..=195 => Self::ListSet {
                key: collection_key(input, b'L'),
                index: index(input),
                value: value(input),
            },
            196..=205 => Self::HashSet {
                key: collection_key(input, b'H'),
                pairs: pairs(input, |input, field| [field, member(input)]),
            },
            206..=211 => Self::HashRemove {
                key: collection_key(input, b'H'),
                fields: members(input),
            },
            212..=219 => Self::HashExpire {
                key: collection_key(input, b'H'),
                fields: members(input),
                deadline: input.flag().then(|| input.number()),
            },
            220..=229 => Self::SetAdd {
                key: collection_key(input, b'S'),
                members: members(input),
            },
            230..=235 => Self::SetRemove {
                key: collection_key(input, b'S'),
                members: members(input),
            },
            236..=247 => Self::ZSetAdd {
                key: collection_key(input, b'Z'),
                pairs: pairs(input, |input, member| [score(input), member]),
            },
            _ => Self::ZSetRemove {
                key: collection_key(input, b'Z'),
                members: members(input),
            },
        }
    }

    /// Whether a snapshot may hold it: it concerns one key.
    pub(crate) fn fits_a_block(&self) -> bool {
        !matches!(
            self,
            Self::Move { .. }
                | Self::Copy { .. }
                | Self::Clear
                | Self::DatabaseClear
                | Self::Swap(..)
        )
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
            Self::Move { from, to, database } => transfer(out, [9, 15], *database, from, to),
            Self::Copy { from, to, database } => transfer(out, [10, 16], *database, from, to),
            Self::Clear => out.push(11),
            Self::Database(index) => out.extend([12, *index]),
            Self::DatabaseClear => out.push(13),
            Self::Swap(one, two) => out.extend([14, *one, *two]),
            Self::ListInsert { key, index, values } => {
                out.push(17);
                slice(out, key);
                varint(out, *index);
                items(out, values);
            }
            Self::ListRemove { key, index, count } => {
                out.push(18);
                slice(out, key);
                varint(out, *index);
                varint(out, *count);
            }
            Self::ListSet { key, index, value } => {
                out.push(19);
                slice(out, key);
                varint(out, *index);
                slice(out, value);
            }
            Self::HashSet { key, pairs } => keyed(out, 20, key, pairs),
            Self::HashRemove { key, fields } => keyed(out, 21, key, fields),
            Self::HashExpire {
                key,
                fields,
                deadline,
            } => {
                keyed(out, 23 - u8::from(deadline.is_some()), key, fields);
                if let Some(at_ms) = *deadline {
                    varint(out, at_ms);
                }
            }
            Self::SetAdd { key, members } => keyed(out, 24, key, members),
            Self::SetRemove { key, members } => keyed(out, 25, key, members),
            Self::ZSetAdd { key, pairs } => keyed(out, 26, key, pairs),
            Self::ZSetRemove { key, members } => keyed(out, 27, key, members),
        }
    }
}

fn transfer(out: &mut Vec<u8>, tags: [u8; 2], database: Option<u8>, from: &[u8], to: &[u8]) {
    match database {
        None => out.push(tags[0]),
        Some(database) => out.extend([tags[1], database]),
    }
    slice(out, from);
    slice(out, to);
}
