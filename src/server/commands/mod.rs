//! What a connection's own commands do. Their rows are in the command table (`command::connection`, `pubsub`
//! and `admin`); a test holds that each row has one function here.
//!
//! To add one: its row there, its function in the file of its family here, and a line in that file's table.

mod about;
mod cluster;
mod config;
mod connection;
mod debug;
mod info;
mod persistence;
mod pubsub;
mod slow;

use std::collections::HashMap;
use std::sync::OnceLock;

use super::client::State;
use crate::command;
use crate::command::args::{Args, printable};
use crate::command::reply::Reply;
use crate::command::run::Host;
use crate::error::{CommandError, Error};

use config::policy_name;
pub(super) use connection::NO_AUTH_HELLO;

/// A command under way.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) args: Args<'a>,
    /// The database as the command sees it.
    pub(super) host: &'a dyn Host,
}

/// What a command does.
type Run = fn(Call<'_>) -> Result<Reply, Error>;

/// Every family's functions, by the names of their rows.
static FAMILIES: &[&[(&str, Run)]] = &[
    about::COMMANDS,
    cluster::COMMANDS,
    config::COMMANDS,
    connection::COMMANDS,
    debug::COMMANDS,
    info::COMMANDS,
    persistence::COMMANDS,
    pubsub::COMMANDS,
    slow::COMMANDS,
];

fn find(name: &str) -> Option<Run> {
    static BY_NAME: OnceLock<HashMap<&'static str, Run>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| FAMILIES.iter().copied().flatten().copied().collect());
    by_name.get(name).copied()
}

/// Runs a command of a connection's own.
pub(super) fn serve(call: Call<'_>) -> Result<Reply, Error> {
    let spec = command::resolve(call.args.rest(0))?;
    match find(spec.name) {
        Some(run) => run(call),
        None => Err(refuse(format!("ERR {} is not answered here", spec.name))),
    }
}

/// The refusal of a subcommand with words that fit its row and nothing else.
fn wrong_words(args: Args<'_>) -> Error {
    let word = |at| printable(args.word(at).unwrap_or_default());
    let container = word(0).to_ascii_uppercase();
    let subcommand = word(1);
    refuse(format!(
        "ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {container} HELP."
    ))
}

/// A refusal with this text.
fn refuse(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    CommandError::Other(text.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_a_connection_has_a_function_and_every_function_a_row() {
        let rows = [
            command::connection::COMMANDS,
            command::pubsub::COMMANDS,
            command::admin::COMMANDS,
            command::cluster::COMMANDS,
        ];
        let rows = rows.into_iter().flatten().map(|spec| spec.name);
        // Containers answer nothing themselves, and their help comes from the table.
        let answers = |name: &&str| {
            let is_container = command::find(name.as_bytes())
                .is_some_and(|spec| spec.subcommands().next().is_some());
            !is_container && !name.ends_with("|HELP")
        };
        let mut rows: Vec<&str> = rows.filter(answers).collect();
        let mut functions: Vec<&str> = FAMILIES
            .iter()
            .copied()
            .flatten()
            .map(|(name, _)| *name)
            .collect();
        rows.sort_unstable();
        functions.sort_unstable();
        assert_eq!(functions, rows);
    }
}
