//! Commands: what they are called, what they take, what they do, what they answer. No I/O, no locks,
//! no clocks.
//!
//! To add a command, write in its family's file: the typed operation (a struct that implements
//! `ReadCommand` or `WriteCommand`), its `parse` from words, one row in the family's `COMMANDS`, and its
//! typed method in the family's trait. Nothing else changes: the registry, `COMMAND`, the argument
//! checks and docs/commands.md come from the row. A new family adds one line to [`FAMILIES`].
//!
//! Invariants:
//! 1. An operation names every key it touches in `keys()`.
//! 2. It checks everything before its first mutation; no `?` follows one.
//! 3. Its errors print Redis's exact text.

pub(crate) mod args;
pub(crate) mod reply;
pub(crate) mod run;
pub(crate) mod spec;
pub(crate) mod string;
pub(crate) mod string_counter;
pub(crate) mod string_lcs;
pub(crate) mod string_many;
pub(crate) mod string_options;
pub(crate) mod string_range;
#[cfg(test)]
pub(crate) mod testing;

use args::Args;
use reply::Reply;
use run::Host;
use spec::CommandSpec;

use crate::error::{CommandError, Error};

/// Every family's rows.
pub(crate) static FAMILIES: &[&[CommandSpec]] = &[
    string::COMMANDS,
    string_counter::COMMANDS,
    string_lcs::COMMANDS,
    string_many::COMMANDS,
    string_range::COMMANDS,
];

/// Every row, family by family.
pub(crate) fn all() -> impl Iterator<Item = &'static CommandSpec> {
    FAMILIES.iter().copied().flatten()
}

/// The row of a name, in any case.
pub(crate) fn find(name: &[u8]) -> Option<&'static CommandSpec> {
    use std::collections::HashMap;
    use std::sync::OnceLock;
    static BY_NAME: OnceLock<HashMap<&'static [u8], &'static CommandSpec, ahash::RandomState>> =
        OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        let mut map = HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
        map.extend(all().map(|spec| (spec.name.as_bytes(), spec)));
        map
    });
    let mut upper = [0_u8; 32];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    by_name.get(&*upper).copied()
}

/// Runs a command given in words on `host`.
pub(crate) fn execute(words: &[&[u8]], host: &dyn Host) -> Result<Reply, Error> {
    let Some(&name) = words.first() else {
        return Err(unknown(words).into());
    };
    let Some(spec) = find(name) else {
        return Err(unknown(words).into());
    };
    if !spec.takes(words.len()) {
        return Err(CommandError::WrongArity(spec.name.to_ascii_lowercase().into()).into());
    }
    (spec.call)(Args::new(words), host)
}

/// Redis's text for a name that is no command: the name and the first arguments, 128 bytes each at most.
fn unknown(words: &[&[u8]]) -> CommandError {
    let clip = |word: &[u8]| {
        let clipped = word.get(..128).unwrap_or(word);
        String::from_utf8_lossy(clipped).into_owned()
    };
    let name = words.first().map(|name| clip(name)).unwrap_or_default();
    let mut text = format!("'{name}', with args beginning with: ");
    for word in words.iter().skip(1) {
        if text.len() >= 128 + name.len() {
            break;
        }
        text.push_str(&format!("'{}' ", clip(word)));
    }
    CommandError::UnknownCommand(text)
}
