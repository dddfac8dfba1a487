//! What can go wrong, in three enums.
//!
//! [`CommandError`] is an argument or a type that a command refuses: its text is Redis's, the state is
//! unchanged and nothing was logged. [`StorageError`] is the file or the disk. [`Error`] is either.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;

/// A command was refused. [`fmt::Display`] prints Redis's exact text, code word included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// The key holds another type.
    WrongType,
    /// A value or an argument is not a 64-bit signed integer.
    NotAnInteger,
    /// A value or an argument is not a float.
    NotAFloat,
    /// An increment or decrement leaves the 64-bit range.
    Overflow,
    /// Arguments that fit no form of the command.
    Syntax,
    /// The number of arguments does not fit; holds the command's name in lower case.
    WrongArity(Cow<'static, str>),
    /// No such command; holds the name and the start of the arguments as Redis prints them.
    UnknownCommand(String),
    /// The key that must exist does not.
    NoSuchKey,
    /// A string would grow past the limit (512 MB unless the builder lifts it).
    StringTooLong,
    /// Keys and values take more than they may, and nothing may be evicted. Commands that need no
    /// memory still run.
    OutOfMemory,
    /// Any other refusal: the whole text as Redis prints it, code word first.
    Other(Cow<'static, str>),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongType => {
                f.write_str("WRONGTYPE Operation against a key holding the wrong kind of value")
            }
            Self::NotAnInteger => f.write_str("ERR value is not an integer or out of range"),
            Self::NotAFloat => f.write_str("ERR value is not a valid float"),
            Self::Overflow => f.write_str("ERR increment or decrement would overflow"),
            Self::Syntax => f.write_str("ERR syntax error"),
            Self::WrongArity(name) => {
                write!(f, "ERR wrong number of arguments for '{name}' command")
            }
            Self::UnknownCommand(text) => write!(f, "ERR unknown command {text}"),
            Self::NoSuchKey => f.write_str("ERR no such key"),
            Self::StringTooLong => {
                f.write_str("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
            }
            Self::OutOfMemory => {
                f.write_str("OOM command not allowed when used memory > 'maxmemory'.")
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for CommandError {}

/// The file or the disk refused, or the handle may no longer be used.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StorageError {
    /// The operating system refused an operation.
    Io {
        /// Which operation, e.g. `"open"` or `"sync"`.
        op: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The file is not one of ours (or too short to be one). It was not modified.
    NotADatabase {
        /// What was found instead.
        what: &'static str,
    },
    /// The file was written by a newer version. It was not modified.
    UnsupportedVersion {
        /// The major version in the file.
        found: u16,
        /// The newest major version this build reads.
        supported: u16,
    },
    /// The file needs features this build does not have. It was not modified.
    UnsupportedFeatures {
        /// The unknown bits of the header's `incompat` word.
        bits: u64,
    },
    /// Bytes that were safely on disk have gone bad. The file was not modified.
    Corrupt {
        /// Where in the file, in bytes from its start.
        offset: u64,
        /// The log position, if the damage lies in the log.
        lsn: Option<u64>,
        /// What does not fit.
        what: &'static str,
    },
    /// Another process has the file open.
    Locked,
    /// This process has the file open already, perhaps under another path.
    AlreadyOpen,
    /// The database was opened read-only.
    ReadOnly,
    /// The disk is full. The operation was refused before it changed anything; reads go on, and
    /// writes resume by themselves when there is space.
    DiskFull,
    /// The write is applied in memory, but its frame is not as safe as the ack class asks: the disk is
    /// full, or a sync failed. After a reopen it is either wholly there or wholly absent. Doing it
    /// again would do it twice.
    Unconfirmed {
        /// The log position that would confirm it.
        lsn: u64,
        /// Why the file does not have it.
        source: Arc<io::Error>,
    },
    /// A sync failed: everything after `since_lsn` may be lost on a power cut until the engine has
    /// healed into a new file. The operation was refused before it changed anything; reads go on.
    DurabilityLost {
        /// The last log position known to be on disk.
        since_lsn: u64,
    },
    /// One frame cannot hold this much.
    TooLarge {
        /// How many bytes were asked for.
        bytes: u64,
        /// How many fit.
        limit: u64,
    },
    /// The compaction cannot swap its file in; the old file stays active and correct.
    CompactionBlocked {
        /// What stands in the way.
        reason: Cow<'static, str>,
    },
    /// The work was cancelled by its caller; nothing changed.
    Cancelled,
    /// The handle came through a `fork()` of the process: only the parent may use it.
    ForkedHandle,
    /// A background thread panicked, or an invariant broke: the handle refuses work, the file is fine.
    Poisoned {
        /// What happened.
        what: Cow<'static, str>,
    },
    /// A subscription asked for changes that are no longer kept, or for a position that is none of this log;
    /// nothing is wrong with the database.
    Lagged {
        /// The first log position that is still kept.
        oldest_lsn: u64,
    },
    /// The database was closed.
    Closed,
    /// The database was called from inside its own transaction closure or visitor on the same
    /// thread, in a way that would wait for itself. Nothing changed.
    Reentrant,
}

impl StorageError {
    /// Wraps what the operating system said about `op`.
    pub(crate) fn io(op: &'static str, source: io::Error) -> Self {
        Self::Io {
            op,
            source: Arc::new(source),
        }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { op, source } => write!(f, "{op}: {source}"),
            Self::NotADatabase { what } => write!(f, "not a NacreDB file: {what}"),
            Self::UnsupportedVersion { found, supported } => write!(
                f,
                "the file has format version {found}; this build reads versions up to {supported}"
            ),
            Self::UnsupportedFeatures { bits } => {
                write!(
                    f,
                    "the file needs features this build does not have (bits {bits:#x})"
                )
            }
            Self::Corrupt {
                offset,
                lsn: Some(lsn),
                what,
            } => {
                write!(f, "corrupt at byte {offset} (LSN {lsn}): {what}")
            }
            Self::Corrupt {
                offset,
                lsn: None,
                what,
            } => {
                write!(f, "corrupt at byte {offset}: {what}")
            }
            Self::Locked => f.write_str("another process has the file open"),
            Self::AlreadyOpen => f.write_str("this process has the file open already"),
            Self::ReadOnly => f.write_str("the database is open read-only"),
            Self::DiskFull => f.write_str("the disk is full; nothing was changed"),
            Self::Unconfirmed { lsn, source } => {
                write!(
                    f,
                    "applied in memory, not yet in the file (LSN {lsn}): {source}"
                )
            }
            Self::DurabilityLost { since_lsn } => {
                write!(
                    f,
                    "a sync failed: what follows LSN {since_lsn} is not known to be on disk"
                )
            }
            Self::TooLarge { bytes, limit } => {
                write!(f, "{bytes} bytes in one frame, and {limit} fit")
            }
            Self::CompactionBlocked { reason } => write!(f, "compaction is blocked: {reason}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::ForkedHandle => {
                f.write_str("the handle belongs to the process that opened it, not to its fork")
            }
            Self::Poisoned { what } => write!(f, "the handle is poisoned: {what}"),
            Self::Lagged { oldest_lsn } => {
                write!(f, "only changes from LSN {oldest_lsn} on are kept")
            }
            Self::Closed => f.write_str("the database is closed"),
            Self::Reentrant => {
                f.write_str("a call inside the database's own closure would wait for itself")
            }
        }
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Unconfirmed { source, .. } => Some(source.as_ref()),
            Self::NotADatabase { .. }
            | Self::UnsupportedVersion { .. }
            | Self::UnsupportedFeatures { .. }
            | Self::Corrupt { .. }
            | Self::Locked
            | Self::AlreadyOpen
            | Self::ReadOnly
            | Self::DiskFull
            | Self::DurabilityLost { .. }
            | Self::TooLarge { .. }
            | Self::CompactionBlocked { .. }
            | Self::Cancelled
            | Self::ForkedHandle
            | Self::Poisoned { .. }
            | Self::Lagged { .. }
            | Self::Closed
            | Self::Reentrant => None,
        }
    }
}

/// Whatever a call on a database can answer instead of its result.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The command was refused; nothing changed.
    Command(CommandError),
    /// The file, the disk or the handle; each variant says what state is left.
    Storage(StorageError),
}

impl Error {
    /// The code word a Redis client would see first: `WRONGTYPE`, `ERR`, ...
    #[must_use]
    pub fn redis_code(&self) -> String {
        self.to_string()
            .split(' ')
            .next()
            .unwrap_or("ERR")
            .to_owned()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(error) => error.fmt(f),
            Self::Storage(error) => write!(f, "IOERR {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Command(error) => Some(error),
            Self::Storage(error) => Some(error),
        }
    }
}

impl From<CommandError> for Error {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}
