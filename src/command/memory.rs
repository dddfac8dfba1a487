//! What keys and values take: `MEMORY` and its subcommands.
//!
//! Figures are of this library's structures, as if nothing were shared with a snapshot, and differ from
//! Redis's by nature. Nothing here walks a value: each figure is kept up to date by whoever changes it.

use super::args::Args;
use super::object::help;
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{Entry, ReadTx, Shard};

/// What the rows here have in common.
const BASE: CommandSpec = CommandSpec {
    name: "",
    arity: 2,
    flags: &[],
    keys: KeyPositions::NONE,
    group: "server",
    since: "4.0.0",
    summary: "",
    complexity: "O(1)",
    redis_complexity: "",
    differences: "",
    example: "",
    call: |_, _| Err(CommandError::Syntax.into()),
};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "MEMORY",
        arity: -2,
        summary: "Tells what keys and values take; has subcommands.",
        complexity: "That of the subcommand",
        example: "MEMORY HELP",
        ..BASE
    },
    CommandSpec {
        name: "MEMORY|DOCTOR",
        summary: "Says in words whether what is taken comes near what may be.",
        differences: "The texts are our own.",
        example: "MEMORY DOCTOR",
        call: |_, host| {
            let totals = host.read_raw(&DatasetSize)?;
            let (keys, bytes) = (totals.keys, totals.bytes);
            let each = bytes.checked_div(keys).unwrap_or(0);
            Ok(Reply::Bulk(
                format!(
                    "{keys} keys take {bytes} bytes with their values, {each} each. What snapshots \
                     keep beside them is not counted."
                )
                .into_bytes(),
            ))
        },
        ..BASE
    },
    CommandSpec {
        name: "MEMORY|MALLOC-STATS",
        summary: "Returns what the memory allocator says: nothing, for it is the program's.",
        differences: "The allocator is the program's own choice and tells nothing.",
        example: "MEMORY MALLOC-STATS",
        call: |_, _| Ok(Reply::from("Stats not supported for the current allocator")),
        ..BASE
    },
    CommandSpec {
        name: "MEMORY|PURGE",
        summary: "Asks the memory allocator for what it keeps: it has none to ask for.",
        differences: "Does nothing: what is freed goes back to the program's allocator at once.",
        example: "MEMORY PURGE",
        call: |_, _| Ok(Reply::ok()),
        ..BASE
    },
    CommandSpec {
        name: "MEMORY|STATS",
        summary: "Returns how many keys there are, and what they and their values take.",
        redis_complexity: "",
        differences: "Three figures, those of a library's memory: dataset.bytes, keys.count and \
             keys.bytes-per-key. What a snapshot keeps beside them is Snapshot::pinned_bytes.",
        example: "MEMORY STATS",
        call: |_, host| {
            let totals = host.read_raw(&DatasetSize)?;
            let pair = |name: &str, number| (Reply::from(name), Reply::from(number));
            Ok(Reply::Map(vec![
                pair("dataset.bytes", totals.bytes),
                pair("keys.count", totals.keys),
                pair(
                    "keys.bytes-per-key",
                    totals.bytes.checked_div(totals.keys).unwrap_or(0),
                ),
            ]))
        },
        ..BASE
    },
    CommandSpec {
        name: "MEMORY|USAGE",
        arity: -3,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::range(2, 2, 1),
        summary: "Returns how many bytes a key and its value take.",
        redis_complexity: "O(N) where N is the number of samples",
        differences: "The figures are those of other structures. They are exact without looking at \
             any sample: SAMPLES is checked and makes no difference. An expired key is missing, even where Redis \
             has not removed it yet.",
        example: "MEMORY USAGE key",
        call: |args, host| {
            check_samples(args)?;
            host.read(&Usage { key: args.word(2)? })
        },
        ..BASE
    },
    CommandSpec {
        name: "MEMORY|HELP",
        flags: &[Flag::Loading, Flag::Stale],
        summary: "Lists the subcommands.",
        differences: "Those there are.",
        example: "MEMORY HELP",
        call: |_, _| Ok(help(HELP)),
        ..BASE
    },
];

const HELP: &[&str] = &[
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Say in words what is taken.",
    "MALLOC-STATS",
    "    Return what the memory allocator says: nothing.",
    "PURGE",
    "    Do nothing: freed memory is not kept back.",
    "STATS",
    "    Return how many keys there are and what they and their values take.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return how many bytes a <key> and its value take.",
    "HELP",
    "    Prints this help.",
];

/// Checks the options of `MEMORY USAGE`, which only Redis needs.
fn check_samples(args: Args<'_>) -> Result<(), CommandError> {
    let mut at = 3;
    while at < args.count() {
        if !args.is(at, "SAMPLES") || at + 1 == args.count() || args.int(at + 1)? < 0 {
            return Err(CommandError::Syntax);
        }
        at += 2;
    }
    Ok(())
}

/// `MEMORY USAGE`.
struct Usage<'a> {
    key: &'a [u8],
}

impl ReadCommand for Usage<'_> {
    type Output = Option<u64>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn is_peek(&self) -> bool {
        true
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Option<u64>, CommandError> {
        let bytes = |entry: Entry<'_>| entry.memory_bytes() as u64;
        Ok(tx.entry(self.key).map(bytes))
    }
}

/// `MEMORY STATS`: of all databases.
struct DatasetSize;

struct Totals {
    keys: u64,
    bytes: u64,
}

impl ReadCommand for DatasetSize {
    type Output = Totals;

    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Totals, CommandError> {
        let shards = tx.shards();
        let tables = shards.iter().flat_map(|shard| shard.tables());
        Ok(Totals {
            keys: tables.map(|table| table.keys().len() as u64).sum(),
            bytes: shards
                .iter()
                .map(|shard| Shard::memory_bytes(shard) as u64)
                .sum(),
        })
    }
}

/// Reading what keys and values take.
pub trait MemoryRead: RunRead {
    /// Returns how many bytes `key` and its value take, `None` if there is none: the key, its entry in
    /// a page, and everything below the value, as if nothing were shared with a snapshot. Room that a
    /// page keeps for later keys is not counted. Redis: `MEMORY USAGE`.
    ///
    /// # Complexity
    /// O(1).
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.set("k", vec![1; 100_000])?;
    /// assert!((100_000..110_000).contains(&db.memory_usage("k")?.unwrap_or(0)));
    /// assert_eq!(db.memory_usage("missing")?, None);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "MEMORY USAGE")]
    fn memory_usage(&self, key: impl AsRef<[u8]>) -> Result<Option<u64>, Error> {
        let key = key.as_ref();
        self.read(Usage { key })
    }
}

impl<T: RunRead> MemoryRead for T {}

#[cfg(test)]
mod tests;
