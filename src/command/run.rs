//! How commands are run without knowing by whom: the seam between `command` and `engine`.
//!
//! A typed operation implements [`ReadCommand`] or [`WriteCommand`]. The database, a snapshot and a
//! transaction implement [`RunRead`] (and [`RunWrite`]); the family traits (`StringCommands`, ...)
//! hang the public methods on those, so that all three get the same methods from one definition and a
//! snapshot cannot write. Callers that speak in words go through [`Host`], which can be a `dyn`.

use super::args::{Args, clip, printable};
use super::bitmap_window::Question;
use super::blocking::{Take, TakeNow};
use super::reply::Reply;
use super::spec::CommandSpec;
use crate::error::{CommandError, Error, StorageError};
use crate::keyspace::{ReadTx, WriteTx};

/// The keys an operation touches. Named before anything is locked.
#[derive(Debug, Clone, Copy)]
pub enum Keys<'a> {
    /// None at all.
    None,
    /// One.
    One(&'a [u8]),
    /// Two, perhaps the same.
    Two(&'a [u8], &'a [u8]),
    /// Every `step`-th of these words, from the first.
    List {
        /// The words.
        words: &'a [&'a [u8]],
        /// The distance from one key to the next.
        step: usize,
    },
    /// The keys of one shard: the one this scan cursor stands in.
    AtCursor(u64),
    /// Every key there is.
    All,
}

/// A typed operation that changes nothing.
pub trait ReadCommand {
    /// What it answers.
    type Output;
    /// The keys it touches.
    fn keys(&self) -> Keys<'_>;
    /// Whether it only looks at its keys: what is looked at counts as unused still.
    fn is_peek(&self) -> bool {
        false
    }
    /// Runs it.
    #[allow(
        private_interfaces,
        reason = "only this crate builds and reads transactions"
    )]
    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError>;
}

/// A typed operation that may change state. It checks everything before its first change: an error
/// means that nothing was changed and nothing recorded.
pub trait WriteCommand {
    /// What it answers.
    type Output;
    /// The keys it touches.
    fn keys(&self) -> Keys<'_>;
    /// Whether it may need more memory, so that it is refused where there is none left: the
    /// `denyoom` flag of its rows.
    fn needs_memory(&self) -> bool {
        false
    }
    /// Runs it.
    #[allow(
        private_interfaces,
        reason = "only this crate builds and reads transactions"
    )]
    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output, CommandError>;
}

/// Something that reading commands run on: a database, a snapshot, a transaction.
pub trait RunRead {
    /// Runs one.
    ///
    /// # Errors
    /// What the command answers, or [`StorageError`](crate::StorageError) where the handle may not
    /// be used.
    #[doc(hidden)]
    fn read<C: ReadCommand>(&self, command: C) -> Result<C::Output, Error>;

    /// How a key was used.
    #[doc(hidden)]
    fn usage(&self, key: &[u8]) -> Usage {
        let _ = key;
        Usage::Untracked
    }
}

/// Something that writing commands run on: a database, a transaction.
pub trait RunWrite: RunRead {
    /// Runs one.
    ///
    /// # Errors
    /// What the command answers (nothing changed), or [`StorageError`](crate::StorageError).
    #[doc(hidden)]
    fn write<C: WriteCommand>(&self, command: C) -> Result<C::Output, Error>;
}

/// What a [`Host`] calls with the shards of a command that reads.
pub(crate) type ReadCall<'a> = &'a mut dyn FnMut(&ReadTx<'_>) -> Result<(), CommandError>;
/// What a [`Host`] calls with the shards of a command that writes.
pub(crate) type WriteCall<'a> = &'a mut dyn FnMut(&mut WriteTx<'_>) -> Result<(), CommandError>;

/// How a key was used, as far as the database's eviction policy asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// Nobody asks.
    Untracked,
    /// Seconds since its last use.
    IdleSeconds(u64),
    /// Redis's logarithmic counter of its uses.
    Frequency(u8),
}

/// As [`RunRead`] and [`RunWrite`] together, for callers that speak in words.
pub(crate) trait Host {
    fn read_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error>;

    /// As [`read_with`](Self::read_with), for calls that do not count as a use of their keys.
    fn peek_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        self.read_with(keys, call)
    }

    /// Makes room for a command that may need memory, by evicting keys, or refuses it. Called before
    /// it runs.
    fn make_room(&self) -> Result<(), Error>;

    /// How a key was used.
    fn usage(&self, key: &[u8]) -> Usage {
        let _ = key;
        Usage::Untracked
    }

    fn write_with(&self, keys: Keys<'_>, call: WriteCall<'_>) -> Result<(), Error>;

    /// Lets the commands from here on work in another logical database. Handles that others share
    /// cannot.
    fn select(&self, database: u8) -> Result<(), Error> {
        if database == self.database() {
            return Ok(());
        }
        let text = "ERR this handle stays in its database: SELECT takes a session or a transaction";
        Err(CommandError::Other(text.into()).into())
    }

    /// The logical database that commands work in.
    fn database(&self) -> u8;

    /// Runs an operation that may wait until there is something to take; no timeout is for ever. Hosts that
    /// must not wait answer nil.
    fn block(&self, take: Take, timeout_ms: Option<u64>) -> Result<Reply, Error> {
        let _waits_not = timeout_ms;
        let mut taken = None;
        let now = TakeNow::new(&take);
        if now.needs_memory() {
            self.make_room()?;
        }
        self.write_with(now.keys(), &mut |tx| {
            taken = now.execute(tx)?;
            Ok(())
        })?;
        Ok(take.reply(taken))
    }

    /// Answers a question about an activity. Only what reads all of a database can.
    fn ask_activity(&self, question: &Question<'_>) -> Result<Reply, Error> {
        let _nobody_knows = question;
        let text = "ERR BITWINDOW is not answered in a transaction: ask the database or a fork";
        Err(CommandError::Other(text.into()).into())
    }

    /// The connection that the caller speaks through, if it is one to a server.
    fn connection(&self) -> Option<&dyn Connection> {
        None
    }

    /// Takes a step of the caller's own transaction. Only a session has one.
    fn transact(&self, step: Step<'_>) -> Result<Reply, Error> {
        Err(step.refusal())
    }
}

/// A connection to a server, as the commands about it see it. The table has their rows; whoever has the
/// connection runs them.
pub(crate) trait Connection {
    /// Runs a command of the connection's own, whose words fit its row. What it reads of the database it
    /// reads through `host`, so that it sees a transaction from inside.
    fn serve(&self, args: Args<'_>, host: &dyn Host) -> Result<Reply, Error>;

    /// Refuses a command, whose turn to run has come, for reasons of the server's own.
    fn check(&self, spec: &CommandSpec, words: &[&[u8]]) -> Result<(), CommandError> {
        let _may_run = (spec, words);
        Ok(())
    }
}

/// Lets the caller's connection run one of its own commands.
pub(crate) fn serve(args: Args<'_>, host: &dyn Host) -> Result<Reply, Error> {
    match host.connection() {
        Some(connection) => connection.serve(args, host),
        None => {
            let name = printable(clip(args.word(0)?, 64)).to_ascii_uppercase();
            let text = format!("ERR {name} needs a connection to a server");
            Err(CommandError::Other(text.into()).into())
        }
    }
}

/// What a caller that speaks in words does with its transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    Multi,
    Exec,
    Discard,
    /// With the keys to watch.
    Watch(&'a [&'a [u8]]),
    Unwatch,
}

impl Step<'_> {
    /// What handles without a session of their own answer.
    pub(crate) fn refusal(self) -> Error {
        let name = match self {
            Self::Multi => "MULTI",
            Self::Exec => "EXEC",
            Self::Discard => "DISCARD",
            Self::Watch(_) => "WATCH",
            Self::Unwatch => "UNWATCH",
        };
        CommandError::Other(format!("ERR {name} needs a session of its own").into()).into()
    }
}

impl dyn Host + '_ {
    /// Runs a reading operation and puts its answer into Redis's shape.
    pub(crate) fn read<C>(&self, command: &C) -> Result<Reply, Error>
    where
        C: ReadCommand,
        C::Output: Into<Reply>,
    {
        self.read_raw(command).map(Into::into)
    }

    /// Runs a writing operation and puts its answer into Redis's shape.
    pub(crate) fn write<C>(&self, command: &C) -> Result<Reply, Error>
    where
        C: WriteCommand,
        C::Output: Into<Reply>,
    {
        self.write_raw(command).map(Into::into)
    }

    /// As [`read`](Self::read), for answers whose shape depends on more than their type.
    pub(crate) fn read_raw<C: ReadCommand>(&self, command: &C) -> Result<C::Output, Error> {
        let mut output = None;
        let mut call = |tx: &ReadTx<'_>| {
            output = Some(command.execute(tx)?);
            Ok(())
        };
        if command.is_peek() {
            self.peek_with(command.keys(), &mut call)?;
        } else {
            self.read_with(command.keys(), &mut call)?;
        }
        output.ok_or_else(not_run)
    }

    /// As [`write`](Self::write), for answers whose shape depends on more than their type.
    pub(crate) fn write_raw<C: WriteCommand>(&self, command: &C) -> Result<C::Output, Error> {
        if command.needs_memory() {
            self.make_room()?;
        }
        let mut output = None;
        self.write_with(command.keys(), &mut |tx| {
            output = Some(command.execute(tx)?);
            Ok(())
        })?;
        output.ok_or_else(not_run)
    }
}

/// A host that answers success has run the call; one that has not is broken.
fn not_run() -> Error {
    StorageError::Poisoned {
        what: "a host did not run its command".into(),
    }
    .into()
}
