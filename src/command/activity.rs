//! What activities change: marks, many at once, users' names, definitions.
//!
//! Typed operations without a row of their own: in words the same is done with `SETBIT`, `HSET` and `RPUSH`.
//! Called by `db::activity`.

use super::run::{Keys, ReadCommand, WriteCommand};
use crate::activity::definition::ActivityOptions;
use crate::error::CommandError;
use crate::keyspace::{Event, ReadTx, Rules, Side, StringRef, WriteTx};

/// Marks whose bytes lie at most this far apart are written together: about what recording another write
/// to the key costs.
const GAP_BYTES: u64 = 48;
/// So many bytes are written at once at most.
const RUN_BYTES_MAX: u64 = 64 * 1024;

/// Sets many bits of one string, and says how many were not set. The bits ascend; they may repeat.
pub(crate) struct SetBits<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) bits: &'a [u32],
}

impl WriteCommand for SetBits<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        if let Some(entry) = tx.as_read().entry(self.key) {
            entry.string()?;
        }
        tx.event(Event::SetBit);
        let mut new = 0;
        let mut bits = self.bits;
        let mut run = Vec::new();
        while let Some(&first) = bits.first() {
            let from = u64::from(first / 8);
            let mut end = from + 1;
            let mut joins = |bit: u32| {
                let byte = u64::from(bit / 8);
                let is_near = byte < end + GAP_BYTES && byte - from < RUN_BYTES_MAX;
                if is_near {
                    end = byte + 1;
                }
                is_near
            };
            let count = bits.iter().take_while(|&&bit| joins(bit)).count();
            let (these, rest) = bits.split_at(count);
            bits = rest;
            run.clear();
            let old = tx.as_read().entry(self.key);
            let old = old.map_or(Ok(StringRef::Inline(&[])), |entry| entry.string())?;
            old.read_into(from, end - from, &mut run);
            run.resize((end - from) as usize, 0);
            let before = new;
            for &bit in these {
                let byte = &mut run[(u64::from(bit / 8) - from) as usize];
                let mask = 0x80 >> (bit % 8);
                new += u64::from(*byte & mask == 0);
                *byte |= mask;
            }
            if new > before {
                tx.write_string(self.key, from, &run);
            }
        }
        Ok(new)
    }
}

/// The keys of a dictionary of users' names.
#[derive(Debug)]
pub(crate) struct Dictionary {
    pub(crate) ids: Vec<u8>,
    pub(crate) names: Vec<u8>,
}

/// The numbers of these names, as far as they have one.
pub(crate) struct FindUsers<'a> {
    pub(crate) dictionary: &'a Dictionary,
    pub(crate) names: &'a [&'a [u8]],
}

impl ReadCommand for FindUsers<'_> {
    type Output = Vec<Option<u32>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(&self.dictionary.ids)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(ids) = tx.hash(&self.dictionary.ids)? else {
            return Ok(vec![None; self.names.len()]);
        };
        let find = |name: &&[u8]| match ids.get(name) {
            Some(found) => number(found.value).map(Some),
            None => Ok(None),
        };
        self.names.iter().map(find).collect()
    }
}

/// The number of a user in a dictionary.
fn number(value: &[u8]) -> Result<u32, CommandError> {
    let text = std::str::from_utf8(value).ok();
    let number = text.and_then(|text| text.parse().ok());
    number
        .filter(|&number| number < u32::MAX)
        .ok_or_else(|| other("ERR the dictionary of users holds something else than their numbers"))
}

fn other(text: &'static str) -> CommandError {
    CommandError::Other(text.into())
}

/// Gives these names numbers, as far as they have none, and says the numbers of all.
pub(crate) struct NumberUsers<'a> {
    pub(crate) dictionary: &'a Dictionary,
    pub(crate) names: &'a [&'a [u8]],
}

impl WriteCommand for NumberUsers<'_> {
    type Output = Vec<u32>;

    fn keys(&self) -> Keys<'_> {
        Keys::Two(&self.dictionary.ids, &self.dictionary.names)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Vec<u32>, CommandError> {
        let Dictionary { ids, names } = self.dictionary;
        let first = tx.list_len(names)?;
        let read = tx.as_read();
        let known = read.hash(ids)?;
        let mut new: Vec<&[u8]> = Vec::new();
        let mut fresh = std::collections::HashMap::new();
        let mut numbers = Vec::with_capacity(self.names.len());
        for &name in self.names {
            let found = known.and_then(|known| known.get(name));
            let user = match found {
                Some(found) => number(found.value)?,
                None => *fresh.entry(name).or_insert_with(|| {
                    new.push(name);
                    u32::try_from(first + new.len() as u64 - 1).unwrap_or(u32::MAX)
                }),
            };
            numbers.push(user);
        }
        let bytes: u64 = new.iter().map(|name| name.len() as u64 * 2 + 32).sum();
        if bytes > Rules::WRITTEN_BYTES_MAX || first + new.len() as u64 >= u64::from(u32::MAX) {
            return Err(other("ERR there are too many names of users"));
        }
        if !new.is_empty() {
            let digits: Vec<String> = (first..first + new.len() as u64)
                .map(|user| user.to_string())
                .collect();
            let pairs: Vec<&[u8]> = new
                .iter()
                .zip(&digits)
                .flat_map(|(&name, digits)| [name, digits.as_bytes()])
                .collect();
            tx.event(Event::HSet);
            tx.hash_set(ids, &pairs);
            tx.event(Event::RPush);
            tx.list_push(names, Side::Right, &new)?;
        }
        Ok(numbers)
    }
}

/// The names of these users, as far as they have one.
pub(crate) struct NameUsers<'a> {
    pub(crate) dictionary: &'a Dictionary,
    pub(crate) users: &'a [u32],
}

impl ReadCommand for NameUsers<'_> {
    type Output = Vec<Option<Vec<u8>>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(&self.dictionary.names)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(entry) = tx.entry(&self.dictionary.names) else {
            return Ok(vec![None; self.users.len()]);
        };
        let names = entry.list()?;
        let name = |&user: &u32| names.get(u64::from(user)).map(<[u8]>::to_vec);
        Ok(self.users.iter().map(name).collect())
    }
}

/// Defines an activity, unless it was defined; says how it is defined then.
pub(crate) struct Define<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) key: &'a [u8],
    pub(crate) options: &'a ActivityOptions,
}

impl WriteCommand for Define<'_> {
    type Output = ActivityOptions;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<ActivityOptions, CommandError> {
        if let Some(options) = ActivityOptions::read(&tx.as_read(), self.name)? {
            return Ok(options);
        }
        let fields = self.options.to_fields();
        let pairs: Vec<&[u8]> = fields
            .iter()
            .flat_map(|(field, value)| [*field, value.as_slice()])
            .collect();
        tx.event(Event::HSet);
        tx.hash_set(self.key, &pairs);
        Ok(self.options.clone())
    }
}
