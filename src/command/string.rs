//! Strings: `GET`, `SET`, `MGET`, `MSET`.

use super::run::{Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::keyspace::{ReadTx, WriteTx};
use std::cell::Cell;

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "GET",
        arity: 2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "string",
        since: "1.0.0",
        summary: "Returns the string value of a key.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "",
        example: "GET key",
        call: |args, host| host.read(&Get { key: args.word(1)? }),
    },
    CommandSpec {
        name: "MGET",
        arity: -2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: KeyPositions::range(1, -1, 1),
        group: "string",
        since: "1.0.0",
        summary: "Returns the string values of several keys.",
        complexity: "O(N) where N is the number of keys",
        redis_complexity: "",
        differences: "",
        example: "MGET a b",
        call: |args, host| host.read(&MGet { keys: args.rest(1) }),
    },
];

/// `GET`.
struct Get<'a> {
    key: &'a [u8],
}

impl ReadCommand for Get<'_> {
    type Output = Option<Vec<u8>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            return Ok(None);
        };
        Ok(Some(entry.string()?.to_vec()))
    }
}

/// `GET` by visitor. The closure runs once, under the key's shard lock.
struct GetWith<'a, F> {
    key: &'a [u8],
    visit: Cell<Option<F>>,
}

impl<R, F: FnOnce(&[u8]) -> R> ReadCommand for GetWith<'_, F> {
    type Output = Option<R>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            return Ok(None);
        };
        let string = entry.string()?;
        let Some(visit) = self.visit.take() else {
            return Ok(None);
        };
        Ok(Some(match string.contiguous() {
            Some(bytes) => visit(bytes),
            None => visit(&string.to_vec()),
        }))
    }
}

/// `MGET`.
struct MGet<'a> {
    keys: &'a [&'a [u8]],
}

impl ReadCommand for MGet<'_> {
    type Output = Vec<Option<Vec<u8>>>;

    fn keys(&self) -> Keys<'_> {
        Keys::List {
            words: self.keys,
            step: 1,
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let value = |key: &&[u8]| Some(tx.entry(key)?.string().ok()?.to_vec());
        Ok(self.keys.iter().map(value).collect())
    }
}

/// `SET` in its plainest form.
struct Set<'a> {
    key: &'a [u8],
    value: &'a [u8],
}

impl WriteCommand for Set<'_> {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<(), CommandError> {
        if self.value.len() as u64 > tx.rules.string_bytes_max {
            return Err(CommandError::StringTooLong);
        }
        tx.set_string(self.key, self.value, None);
        Ok(())
    }
}

/// Reading strings.
pub trait StringRead: RunRead {
    /// Returns the string at `key`, or `None` if there is none. Redis: `GET`.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        self.read(Get { key: key.as_ref() })
    }

    /// Calls `visit` with the string at `key` without copying it, and returns what it answers.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    fn get_with<R>(
        &self,
        key: impl AsRef<[u8]>,
        visit: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Error> {
        self.read(GetWith {
            key: key.as_ref(),
            visit: Cell::new(Some(visit)),
        })
    }
}

impl<T: RunRead> StringRead for T {}

/// Writing strings.
pub trait StringWrite: RunWrite {
    /// Lets `key` hold `value`, whatever it held, without a deadline. Redis: `SET`.
    ///
    /// # Errors
    /// [`CommandError::StringTooLong`] past the limit; nothing is changed.
    fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.write(Set {
            key: key.as_ref(),
            value: value.as_ref(),
        })
    }
}

impl<T: RunWrite> StringWrite for T {}
