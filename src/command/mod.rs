//! Commands: what they are called, what they take, what they do, what they answer. No I/O, no locks,
//! no clocks.
//!
//! To add a command, write in its family's file: the typed operation (a struct that implements
//! `ReadCommand` or `WriteCommand`), its `parse` from words, one row in the family's `COMMANDS`, and its
//! typed method in the family's trait. Nothing else changes: the registry, `COMMAND`, the argument
//! checks and docs/commands.md come from the row. A new family adds one line to [`FAMILIES`]. A
//! container (`OBJECT`) has a row of its own and one row for each subcommand (`OBJECT|ENCODING`).
//!
//! Invariants:
//! 1. An operation names every key it touches in `keys()`.
//! 2. It checks everything before its first mutation; no `?` follows one.
//! 3. Its errors print Redis's exact text.
//! 4. It names each change before it makes it, as Redis's keyspace event does (`WriteTx::event`); removals,
//!    moves and copies of whole keys name themselves.

pub(crate) mod activity;
pub(crate) mod activity_select;
pub(crate) mod admin;
pub(crate) mod args;
pub(crate) mod bitmap;
pub(crate) mod bitmap_field;
pub(crate) mod bitmap_op;
pub(crate) mod bitmap_op_count;
pub(crate) mod bitmap_window;
pub(crate) mod blocking;
pub(crate) mod cluster;
pub(crate) mod connection;
#[cfg(feature = "server")]
pub(crate) mod digest;
pub(crate) mod dump;
pub(crate) mod expire;
pub(crate) mod geo;
pub(crate) mod geo_search;
pub(crate) mod hash;
pub(crate) mod hash_all;
pub(crate) mod hash_counter;
pub(crate) mod hash_ex;
pub(crate) mod hash_expire;
pub(crate) mod hyperloglog;
pub(crate) mod introspect;
pub(crate) mod key;
pub(crate) mod list;
pub(crate) mod list_move;
pub(crate) mod list_write;
pub(crate) mod memory;
pub(crate) mod object;
pub(crate) mod pubsub;
pub(crate) mod replication;
pub(crate) mod reply;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod scan_elements;
#[cfg(test)]
pub(crate) mod script;
pub(crate) mod scripting;
pub(crate) mod server;
pub(crate) mod set;
pub(crate) mod set_join;
pub(crate) mod set_random;
pub(crate) mod set_scan;
pub(crate) mod sort;
pub(crate) mod spec;
pub(crate) mod string;
pub(crate) mod string_counter;
pub(crate) mod string_lcs;
pub(crate) mod string_many;
pub(crate) mod string_options;
pub(crate) mod string_range;
#[cfg(test)]
mod table_tests;
pub(crate) mod transaction;
pub(crate) mod zset;
pub(crate) mod zset_algebra;
pub(crate) mod zset_random;
pub(crate) mod zset_range;
pub(crate) mod zset_remove;
pub(crate) mod zset_write;

use args::{Args, clip, printable};
use reply::Reply;
use run::Host;
use spec::{CommandSpec, Flag};

use crate::error::{CommandError, Error};

/// Every family's rows.
pub(crate) static FAMILIES: &[&[CommandSpec]] = &[
    string::COMMANDS,
    string_counter::COMMANDS,
    string_lcs::COMMANDS,
    string_many::COMMANDS,
    string_range::COMMANDS,
    bitmap::COMMANDS,
    bitmap_op::COMMANDS,
    bitmap_op_count::COMMANDS,
    bitmap_window::COMMANDS,
    bitmap_field::COMMANDS,
    list::COMMANDS,
    list_write::COMMANDS,
    list_move::COMMANDS,
    hyperloglog::COMMANDS,
    geo::COMMANDS,
    geo_search::COMMANDS,
    zset_range::COMMANDS,
    zset_remove::COMMANDS,
    zset_random::COMMANDS,
    zset_algebra::COMMANDS,
    hash::COMMANDS,
    hash_all::COMMANDS,
    hash_counter::COMMANDS,
    hash_ex::COMMANDS,
    hash_expire::COMMANDS,
    zset::COMMANDS,
    zset_write::COMMANDS,
    set::COMMANDS,
    set_random::COMMANDS,
    set_join::COMMANDS,
    set_scan::COMMANDS,
    key::COMMANDS,
    dump::COMMANDS,
    expire::COMMANDS,
    scan::COMMANDS,
    object::COMMANDS,
    blocking::COMMANDS,
    sort::COMMANDS,
    memory::COMMANDS,
    transaction::COMMANDS,
    server::COMMANDS,
    introspect::COMMANDS,
    connection::COMMANDS,
    pubsub::COMMANDS,
    admin::COMMANDS,
    scripting::COMMANDS,
    replication::COMMANDS,
    cluster::COMMANDS,
];

/// Every row, family by family. The row of a subcommand is called `CONTAINER|SUBCOMMAND`.
pub(crate) fn all() -> impl Iterator<Item = &'static CommandSpec> {
    FAMILIES.iter().copied().flatten()
}

/// A row, and whether it has subcommands.
#[derive(Debug, Clone, Copy)]
struct Registered {
    spec: &'static CommandSpec,
    is_container: bool,
}

/// The row of a name, in any case; of a subcommand by `CONTAINER|SUBCOMMAND`.
pub(crate) fn find(name: &[u8]) -> Option<&'static CommandSpec> {
    registered(name).map(|found| found.spec)
}

fn registered(name: &[u8]) -> Option<Registered> {
    use std::collections::HashMap;
    use std::sync::OnceLock;
    static BY_NAME: OnceLock<HashMap<&'static [u8], Registered, ahash::RandomState>> =
        OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        let mut map = HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
        map.extend(all().map(|spec| {
            let is_container = spec.subcommands().next().is_some();
            (spec.name.as_bytes(), Registered { spec, is_container })
        }));
        map
    });
    let mut upper = [0_u8; 32];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    by_name.get(&*upper).copied()
}

/// The row that a command given in words runs, by its name and, where the name is a container, by the
/// word after it.
pub(crate) fn resolve(words: &[&[u8]]) -> Result<&'static CommandSpec, CommandError> {
    let name = *words.first().ok_or_else(|| unknown(words))?;
    let found = registered(name).filter(|_| !name.contains(&b'|'));
    let Registered { spec, is_container } = found.ok_or_else(|| unknown(words))?;
    match words.get(1) {
        Some(subcommand) if is_container => {
            let full = [spec.name.as_bytes(), b"|", subcommand].concat();
            find(&full).ok_or_else(|| {
                let subcommand = printable(clip(subcommand, 128));
                let container = spec.name;
                let text = format!("ERR unknown subcommand '{subcommand}'. Try {container} HELP.");
                CommandError::Other(text.into())
            })
        }
        Some(_) | None => Ok(spec),
    }
}

/// The row that a command given in words runs, if their number fits it.
pub(crate) fn check(words: &[&[u8]]) -> Result<&'static CommandSpec, CommandError> {
    let spec = resolve(words)?;
    if !spec.takes(words.len()) {
        return Err(CommandError::WrongArity(spec.lower_name().into()));
    }
    Ok(spec)
}

/// Runs a command given in words on `host`.
pub(crate) fn execute(words: &[&[u8]], host: &dyn Host) -> Result<Reply, Error> {
    run_checked(check(words)?, words, host)
}

/// Runs a command that was checked.
pub(crate) fn run_checked(
    spec: &CommandSpec,
    words: &[&[u8]],
    host: &dyn Host,
) -> Result<Reply, Error> {
    if let Some(connection) = host.connection() {
        connection.check(spec, words)?;
    }
    // Before its arguments are looked at, as in Redis.
    if needs_memory(spec) {
        host.make_room()?;
    }
    (spec.call)(Args::new(words), host)
}

/// Whether a command may need more memory, and is refused where there is none.
pub(crate) fn needs_memory(spec: &CommandSpec) -> bool {
    spec.flags.contains(&Flag::DenyOom)
}

/// Redis's text for a name that is no command: 128 bytes of it, and of all arguments together about as
/// many.
fn unknown(words: &[&[u8]]) -> CommandError {
    const BYTES_MAX: usize = 128;
    let name = words.first().copied().unwrap_or_default();
    let mut args = Vec::new();
    for word in words.iter().skip(1) {
        let left = BYTES_MAX.saturating_sub(args.len());
        if left == 0 {
            break;
        }
        args.push(b'\'');
        args.extend_from_slice(clip(word, left));
        args.extend_from_slice(b"' ");
    }
    let name = printable(clip(name, BYTES_MAX));
    let args = printable(&args);
    CommandError::UnknownCommand(format!("'{name}', with args beginning with: {args}"))
}
