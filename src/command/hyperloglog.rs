//! HyperLogLogs: `PFADD`, `PFCOUNT`, `PFMERGE`. One is a string, and `GET` returns it.
//!
//! Invariants:
//! 1. Every string is checked, and every change made on a copy, before anything is written.
//! 2. What is written is only what changed: a register of the dense form costs two bytes in the file.
//! 3. Counting never fails for want of a place to keep the estimate.

use super::args::refs;
use super::run::{Host, Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, ReadTx, StringRef, WriteTx};
use crate::value::hyperloglog::{self as hll, Encoding, HyperLogLog, Registers};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "PFADD",
        arity: -2,
        flags: &[Flag::Write, Flag::DenyOom, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "hyperloglog",
        since: "2.8.9",
        summary: "Lets a HyperLogLog see elements; says whether its estimate may have changed.",
        complexity: "O(1) for each element",
        redis_complexity: "",
        differences: "Where a string turns out to be corrupted, nothing is added: Redis then keeps the elements \
            before the one that has no place. Half a run at the end of one is an error, where Redis reads \
            (and writes) one byte past the string.",
        example: "PFADD key a b c",
        call: |args, host| {
            host.write(&Add {
                key: args.word(1)?,
                elements: args.rest(2),
            })
        },
    },
    CommandSpec {
        name: "PFCOUNT",
        arity: -2,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::range(1, -1, 1),
        group: "hyperloglog",
        since: "2.8.9",
        summary: "Estimates how many different elements HyperLogLogs have seen together.",
        complexity: "O(1) with one key whose estimate is up to date, otherwise O(N) with large \
                     constants where N is the number of keys",
        redis_complexity: "",
        differences: "",
        example: "PFCOUNT key",
        call: |args, host| Ok(count_and_keep(args.rest(1), host)?.into()),
    },
    CommandSpec {
        name: "PFMERGE",
        arity: -2,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::range(1, -1, 1),
        group: "hyperloglog",
        since: "2.8.9",
        summary: "Lets a HyperLogLog have seen what others have.",
        complexity: "O(N) with large constants where N is the number of keys",
        redis_complexity: "",
        differences: "",
        example: "PFMERGE to a b",
        call: |args, host| host.write(&Merge { keys: args.rest(1) }),
    },
];

/// Changed bytes that are no further apart than this are written together.
const GAP_BYTES: usize = 16;

/// The header and the encoding of a string that is a HyperLogLog.
fn header(string: StringRef<'_>) -> Result<([u8; hll::HEADER_BYTES], Encoding), CommandError> {
    let mut bytes = Vec::with_capacity(hll::HEADER_BYTES);
    string.read_into(0, hll::HEADER_BYTES as u64, &mut bytes);
    let encoding = hll::encoding(&bytes, string.len())?;
    let header = bytes.try_into().map_err(|_short| hll::not_valid())?;
    Ok((header, encoding))
}

/// A copy of a string that is a HyperLogLog.
fn whole(string: StringRef<'_>) -> Result<HyperLogLog, CommandError> {
    header(string)?;
    if string.len() > hll::STRING_BYTES_MAX {
        return Err(hll::corrupted());
    }
    HyperLogLog::from_bytes(string.to_vec())
}

/// Lets the string at `key`, which was `old`, be `new`.
fn write_changes(tx: &mut WriteTx<'_>, key: &[u8], old: &[u8], new: &[u8]) {
    if old.len() > new.len() {
        let expires_at_ms = tx.entry(key).and_then(|entry| entry.expires_at_ms());
        tx.put_string(key, new, true, expires_at_ms);
        return;
    }
    let differs = |at: usize| old.get(at) != new.get(at);
    let mut at = 0;
    while let Some(start) = (at..new.len()).find(|&at| differs(at)) {
        let (mut end, mut next) = (start + 1, start + 1);
        while next < new.len() && next - end <= GAP_BYTES {
            if differs(next) {
                end = next + 1;
            }
            next += 1;
        }
        tx.write_string(key, start as u64, &new[start..end]);
        at = end;
    }
    make_raw(tx, key);
}

/// Lets the string at `key` count as edited, as Redis does with whatever it looks into.
fn make_raw(tx: &mut WriteTx<'_>, key: &[u8]) {
    let Some(entry) = tx.entry(key) else { return };
    if !entry.is_edited()
        && let Ok(string) = entry.string()
    {
        let len = string.len();
        tx.write_string(key, len, &[]);
    }
}

/// `PFADD`.
struct Add<'a> {
    key: &'a [u8],
    elements: &'a [&'a [u8]],
}

impl Add<'_> {
    /// Registers of the dense `string` that the elements raise, by index, and their new values.
    fn raised(&self, string: StringRef<'_>) -> Vec<(usize, u8)> {
        let places = self.elements.iter().map(|element| hll::place(element));
        let mut raised: Vec<(usize, u8)> = places
            .filter(|&(index, value)| {
                let (at, shift) = hll::dense_place(index);
                let (low, high) = (string.byte(at as u64), string.byte(at as u64 + 1));
                hll::dense_get(low, high, shift) < value
            })
            .collect();
        raised.sort_unstable_by_key(|&(index, value)| (index, u8::MAX - value));
        raised.dedup_by_key(|&mut (index, _)| index);
        raised
    }

    /// Pieces of the dense `string`, in order, that hold `raised` afterwards.
    fn pieces(string: StringRef<'_>, raised: &[(usize, u8)]) -> Vec<(usize, Vec<u8>)> {
        let mut pieces: Vec<(usize, Vec<u8>)> = Vec::new();
        for &(index, value) in raised {
            let (at, shift) = hll::dense_place(index);
            let len = 2.min(hll::DENSE_BYTES - at);
            let (start, bytes) = match pieces.last_mut() {
                Some(piece) if at <= piece.0 + piece.1.len() + GAP_BYTES => piece,
                _ => pieces.push_mut((at, Vec::new())),
            };
            let (known, end) = (bytes.len(), at + len - *start);
            if end > known {
                string.read_into((*start + known) as u64, (end - known) as u64, bytes);
            }
            let place = &mut bytes[at - *start..];
            let high = place.get(1).copied().unwrap_or(0);
            let set = hll::dense_set(place[0], high, shift, value);
            place[..len].copy_from_slice(&set[..len]);
        }
        pieces
    }
}

impl WriteCommand for Add<'_> {
    /// Whether the estimate may have changed.
    type Output = bool;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<bool, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            let mut new = HyperLogLog::new();
            for element in self.elements {
                new.add(element)?;
            }
            new.make_stale();
            tx.event(Event::PfAdd);
            tx.put_string(self.key, new.as_bytes(), true, None);
            return Ok(true);
        };
        let string = entry.string()?;
        let (header, encoding) = header(string)?;
        if encoding == Encoding::Dense {
            let raised = self.raised(string);
            let pieces = Self::pieces(string, &raised);
            if !pieces.is_empty() {
                tx.event(Event::PfAdd);
            }
            for (at, bytes) in &pieces {
                tx.write_string(self.key, *at as u64, bytes);
            }
            let stale = header[hll::STALE_AT] | hll::STALE_BIT;
            if !pieces.is_empty() && stale != header[hll::STALE_AT] {
                tx.write_string(self.key, hll::STALE_AT as u64, &[stale]);
            }
            make_raw(tx, self.key);
            return Ok(!pieces.is_empty());
        }
        let old = whole(string)?;
        let mut new = old.clone();
        let mut updated = false;
        for element in self.elements {
            updated |= new.add(element)?;
        }
        if updated {
            new.make_stale();
            tx.event(Event::PfAdd);
        }
        write_changes(tx, self.key, old.as_bytes(), new.as_bytes());
        Ok(updated)
    }
}

/// `PFCOUNT`, without keeping the estimate.
struct Count<'a> {
    keys: &'a [&'a [u8]],
}

/// An estimate, and whether Redis would change nothing to tell it.
#[derive(Debug, Clone, Copy)]
struct Counted {
    count: u64,
    is_settled: bool,
}

impl ReadCommand for Count<'_> {
    type Output = Counted;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Counted, CommandError> {
        if let [key] = self.keys {
            return count_one(tx, key);
        }
        let mut registers = Registers::new();
        for key in self.keys {
            if let Some(entry) = tx.entry(key) {
                registers.join(&whole(entry.string()?)?)?;
            }
        }
        Ok(Counted {
            count: registers.count(),
            is_settled: true,
        })
    }
}

fn count_one(tx: &ReadTx<'_>, key: &[u8]) -> Result<Counted, CommandError> {
    let Some(entry) = tx.entry(key) else {
        return Ok(Counted {
            count: 0,
            is_settled: true,
        });
    };
    let string = entry.string()?;
    let (header, _) = header(string)?;
    Ok(match hll::estimate(&header) {
        Some(count) => Counted {
            count,
            is_settled: entry.is_edited(),
        },
        None => Counted {
            count: whole(string)?.count()?,
            is_settled: false,
        },
    })
}

/// `PFCOUNT` of one key, and the estimate goes into its header.
struct CountAndKeep<'a> {
    key: &'a [u8],
}

impl WriteCommand for CountAndKeep<'_> {
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let counted = count_one(&tx.as_read(), self.key)?;
        if !counted.is_settled {
            let estimate = counted.count.to_le_bytes();
            tx.write_string(self.key, hll::ESTIMATE_AT as u64, &estimate);
        }
        Ok(counted.count)
    }
}

/// `PFCOUNT` in words. The estimate of a single key is kept where the database takes writes: a reader
/// is answered all the same where it does not.
fn count_and_keep(keys: &[&[u8]], host: &dyn Host) -> Result<u64, Error> {
    let counted = host.read_raw(&Count { keys })?;
    if let [key] = keys
        && !counted.is_settled
    {
        match host.write_raw(&CountAndKeep { key }) {
            Err(Error::Storage(_)) => {}
            kept => return kept,
        }
    }
    Ok(counted.count)
}

/// `PFMERGE`: the key of the result, then the sources.
struct Merge<'a> {
    keys: &'a [&'a [u8]],
}

impl WriteCommand for Merge<'_> {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<(), CommandError> {
        let Some(&to) = self.keys.first() else {
            return Ok(());
        };
        let read = tx.as_read();
        let mut registers = Registers::new();
        let mut old = None;
        let mut any_dense = false;
        for (index, key) in self.keys.iter().enumerate() {
            let Some(entry) = read.entry(key) else {
                continue;
            };
            let source = whole(entry.string()?)?;
            any_dense |= source.encoding() == Encoding::Dense;
            registers.join(&source)?;
            if index == 0 {
                old = Some(source);
            }
        }
        let mut new = old.clone().unwrap_or_else(HyperLogLog::new);
        if any_dense {
            new.make_dense()?;
        }
        new.raise_all(&registers)?;
        new.make_stale();
        tx.event(Event::PfAdd);
        match old {
            // Redis publishes one that changes nothing too, and lets it touch who watches the key.
            Some(old) if old.as_bytes() == new.as_bytes() && tx.is_observed() => {
                tx.write_string(to, old.as_bytes().len() as u64, &[]);
            }
            Some(old) => write_changes(tx, to, old.as_bytes(), new.as_bytes()),
            None => tx.put_string(to, new.as_bytes(), true, None),
        }
        Ok(())
    }
}

/// Asking HyperLogLogs.
pub trait HyperLogLogRead: RunRead {
    /// Estimates how many different elements the HyperLogLogs at `keys` have seen together, with a
    /// standard error of 0.81 %; a missing key has seen none. Changes nothing: an estimate that is out
    /// of date is worked out anew each time, unless
    /// [`pfcount_and_keep`](HyperLogLogWrite::pfcount_and_keep) keeps it. Redis: `PFCOUNT`.
    ///
    /// # Complexity
    /// O(1) for one key whose estimate is up to date, otherwise O(N) where N is the number of keys:
    /// each has 16,384 registers.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if a key holds another type, [`CommandError::Other`] if a string is
    /// no HyperLogLog or a corrupted one.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.pfadd("monday", &["ada", "grace"])?;
    /// db.pfadd("tuesday", &["grace", "edsger"])?;
    /// assert_eq!(db.pfcount(&["monday", "tuesday"])?, 3);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn pfcount<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<u64, Error> {
        let keys = refs(keys);
        Ok(self.read(Count { keys: &keys })?.count)
    }
}

impl<T: RunRead> HyperLogLogRead for T {}

/// Changing HyperLogLogs.
pub trait HyperLogLogWrite: RunWrite {
    /// Lets the HyperLogLog at `key` see `elements`; says whether its estimate may have changed. A
    /// missing key is created, which counts as a change; a deadline stays. Redis: `PFADD`.
    ///
    /// # Complexity
    /// O(1) for each element.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::Other`] if the string is
    /// no HyperLogLog or a corrupted one; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert!(db.pfadd("visitors", &["ada", "grace"])?);
    /// assert!(!db.pfadd("visitors", &["ada"])?);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn pfadd<E: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, elements: &[E]) -> Result<bool, Error> {
        self.write(Add {
            key: key.as_ref(),
            elements: &refs(elements),
        })
    }

    /// As [`pfcount`](HyperLogLogRead::pfcount) of one key, and keeps the estimate in the string until
    /// the next change. Redis: `PFCOUNT` with one key.
    ///
    /// # Complexity
    /// O(1) if the estimate is up to date, otherwise O(16,384).
    ///
    /// # Errors
    /// As [`pfcount`](HyperLogLogRead::pfcount); nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.pfadd("visitors", &["ada", "grace"])?;
    /// assert_eq!(db.pfcount_and_keep("visitors")?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn pfcount_and_keep(&self, key: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.write(CountAndKeep { key: key.as_ref() })
    }

    /// Lets the HyperLogLog at `to` have seen what those at `from` have, as well as what it has seen
    /// itself. A missing `to` is created; its deadline stays. Redis: `PFMERGE`.
    ///
    /// # Complexity
    /// O(N) where N is the number of keys: each has 16,384 registers.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if a key holds another type, [`CommandError::Other`] if a string is
    /// no HyperLogLog or a corrupted one; nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.pfadd("monday", &["ada", "grace"])?;
    /// db.pfadd("tuesday", &["grace", "edsger"])?;
    /// db.pfmerge("week", &["monday", "tuesday"])?;
    /// assert_eq!(db.pfcount(&["week"])?, 3);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn pfmerge<K: AsRef<[u8]>>(&self, to: impl AsRef<[u8]>, from: &[K]) -> Result<(), Error> {
        let mut keys = vec![to.as_ref()];
        keys.extend(refs(from));
        self.write(Merge { keys: &keys })
    }
}

impl<T: RunWrite> HyperLogLogWrite for T {}

#[cfg(test)]
mod tests;
