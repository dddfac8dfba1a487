//! `LCS`: what two strings have in common.
//!
//! The strings are copied while their shards are locked and compared afterwards: a comparison can take
//! a hundred milliseconds. What is too long to be compared is refused before it is copied.

use std::ops::Range;

use super::args::Args;
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::string::COPY_BYTES_MAX;
use crate::error::{CommandError, Error};
use crate::keyspace::{ReadTx, StringRef};
use crate::value::lcs::{self, LcsError};

pub(crate) static COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "LCS",
    arity: -3,
    flags: &[Flag::ReadOnly],
    keys: KeyPositions::range(1, 2, 1),
    group: "string",
    since: "7.0.0",
    summary: "Finds the longest common subsequence of two strings.",
    complexity: "O(N*M) where N and M are the lengths; O(N*M/64) for the length alone",
    redis_complexity: "O(N*M) where N and M are the lengths",
    differences: "",
    example: "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
    call: |args, host| {
        let options = parse(args);
        let operands = host.read_raw(&Operands {
            a: args.word(1)?,
            b: args.word(2)?,
            refusal: options.as_ref().err(),
        })?;
        Ok(reply(&operands, &options?)?)
    },
}];

/// The form of the answer, as words ask for it.
#[derive(Default)]
struct Options {
    ranges: bool,
    length: bool,
    with_lengths: bool,
    len_min: u64,
}

fn parse(args: Args<'_>) -> Result<Options, CommandError> {
    let mut options = Options::default();
    let mut index = 3;
    while index < args.count() {
        if args.is(index, "IDX") {
            options.ranges = true;
        } else if args.is(index, "LEN") {
            options.length = true;
        } else if args.is(index, "WITHMATCHLEN") {
            options.with_lengths = true;
        } else if args.is(index, "MINMATCHLEN") && index + 1 < args.count() {
            index += 1;
            options.len_min = u64::try_from(args.int(index)?).unwrap_or(0);
        } else {
            return Err(CommandError::Syntax);
        }
        index += 1;
    }
    if options.ranges && options.length {
        let text = "ERR If you want both the length and indexes, please just use IDX.";
        return Err(CommandError::Other(text.into()));
    }
    Ok(options)
}

fn reply((a, b): &(Vec<u8>, Vec<u8>), options: &Options) -> Result<Reply, CommandError> {
    if options.length {
        return Ok(lcs::lcs_length(a, b, COPY_BYTES_MAX)
            .map_err(refused)?
            .into());
    }
    if !options.ranges {
        return Ok(lcs::lcs(a, b, COPY_BYTES_MAX)
            .map_err(refused)?
            .string
            .into());
    }
    let found = matches(a, b, options.len_min)?;
    let range = |range: &Range<u64>| {
        // Both ends are included in Redis's form; no run is empty.
        Reply::Array(vec![range.start.into(), (range.end - 1).into()])
    };
    let row = |found: &LcsMatch| {
        let mut row = vec![range(&found.a), range(&found.b)];
        if options.with_lengths {
            row.push(found.len().into());
        }
        Reply::Array(row)
    };
    let rows = found.matches.iter().map(row).collect();
    Ok(Reply::Map(vec![
        ("matches".into(), Reply::Array(rows)),
        ("len".into(), found.len.into()),
    ]))
}

fn refused(error: LcsError) -> CommandError {
    CommandError::Other(error.message().into())
}

/// Refuses what [`lcs`] would refuse, from the lengths alone.
fn check_lengths(a: u64, b: u64) -> Result<(), CommandError> {
    const LEN_MAX: u64 = u32::MAX as u64 - 2;
    if a > LEN_MAX || b > LEN_MAX {
        return Err(refused(LcsError::TooLong));
    }
    if (a + 1) * (b + 1) > COPY_BYTES_MAX / 4 {
        return Err(refused(LcsError::PastLimit));
    }
    Ok(())
}

/// Copies of the two strings; a missing one is empty.
struct Operands<'a> {
    a: &'a [u8],
    b: &'a [u8],
    /// Redis looks at the keys before it reads the options.
    refusal: Option<&'a CommandError>,
}

impl ReadCommand for Operands<'_> {
    type Output = (Vec<u8>, Vec<u8>);

    fn keys(&self) -> Keys<'_> {
        Keys::Two(self.a, self.b)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let string = |key| match tx.entry(key) {
            Some(entry) => entry.string().map_err(|_wrong_type| {
                CommandError::Other("ERR The specified keys must contain string values".into())
            }),
            None => Ok(StringRef::Inline(b"")),
        };
        let (a, b) = (string(self.a)?, string(self.b)?);
        if let Some(refusal) = self.refusal {
            return Err(refusal.clone());
        }
        check_lengths(a.len(), b.len())?;
        Ok((a.to_vec(), b.to_vec()))
    }
}

/// What [`LcsRead::lcs_matches`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LcsMatches {
    /// The runs that lie in one piece in both strings, the last one first.
    pub matches: Vec<LcsMatch>,
    /// The length of the whole subsequence in bytes, runs that are not listed included.
    pub len: u64,
}

/// A run of bytes that two strings have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LcsMatch {
    /// Where it lies in the first string, in bytes.
    pub a: Range<u64>,
    /// Where it lies in the second string, in bytes.
    pub b: Range<u64>,
}

impl LcsMatch {
    /// Its length in bytes; a run is never empty.
    #[expect(clippy::len_without_is_empty, reason = "a run is never empty")]
    #[must_use]
    pub fn len(&self) -> u64 {
        self.a.end - self.a.start
    }
}

fn matches(a: &[u8], b: &[u8], len_min: u64) -> Result<LcsMatches, CommandError> {
    let found = lcs::lcs(a, b, COPY_BYTES_MAX).map_err(refused)?;
    let wide = |range: &Range<usize>| range.start as u64..range.end as u64;
    let runs = found.matches.iter().map(|found| LcsMatch {
        a: wide(&found.a),
        b: wide(&found.b),
    });
    Ok(LcsMatches {
        matches: runs.filter(|run| run.len() >= len_min).collect(),
        len: found.string.len() as u64,
    })
}

/// Comparing strings.
pub trait LcsRead: RunRead {
    /// Returns the longest common subsequence of the strings at `a` and `b`; a missing one counts as
    /// empty. Redis: `LCS`.
    ///
    /// # Complexity
    /// O(N*M) time and memory where N and M are the lengths.
    ///
    /// # Errors
    /// [`CommandError::Other`] if a key holds another type, or where N*M is past 128 Mi (a table of
    /// 512 MB).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.mset([("a", "ohmytext"), ("b", "mynewtext")])?;
    /// assert_eq!(db.lcs("a", "b")?, b"mytext");
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lcs(&self, a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        let (a, b) = operands(self, a.as_ref(), b.as_ref())?;
        Ok(lcs::lcs(&a, &b, COPY_BYTES_MAX).map_err(refused)?.string)
    }

    /// Returns only the length of [`lcs`](Self::lcs), in bytes. Redis: `LCS` with `LEN`.
    ///
    /// # Complexity
    /// O(N*M/64) time and O(N+M) memory where N and M are the lengths.
    ///
    /// # Errors
    /// As [`lcs`](Self::lcs).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.mset([("a", "ohmytext"), ("b", "mynewtext")])?;
    /// assert_eq!(db.lcs_len("a", "b")?, 6);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lcs_len(&self, a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> Result<u64, Error> {
        let (a, b) = operands(self, a.as_ref(), b.as_ref())?;
        Ok(lcs::lcs_length(&a, &b, COPY_BYTES_MAX).map_err(refused)?)
    }

    /// Returns where [`lcs`](Self::lcs) lies in both strings: the runs of at least `len_min` bytes, the
    /// last one first. Redis: `LCS` with `IDX` and `MINMATCHLEN`.
    ///
    /// # Complexity
    /// As [`lcs`](Self::lcs).
    ///
    /// # Errors
    /// As [`lcs`](Self::lcs).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.mset([("a", "ohmytext"), ("b", "mynewtext")])?;
    /// let found = db.lcs_matches("a", "b", 4)?;
    /// assert_eq!(found.len, 6);
    /// assert_eq!((found.matches[0].a.clone(), found.matches[0].b.clone()), (4..8, 5..9));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lcs_matches(
        &self,
        a: impl AsRef<[u8]>,
        b: impl AsRef<[u8]>,
        len_min: u64,
    ) -> Result<LcsMatches, Error> {
        let (a, b) = operands(self, a.as_ref(), b.as_ref())?;
        Ok(matches(&a, &b, len_min)?)
    }
}

impl<T: RunRead> LcsRead for T {}

fn operands<T: RunRead + ?Sized>(
    host: &T,
    a: &[u8],
    b: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    host.read(Operands {
        a,
        b,
        refusal: None,
    })
}

#[cfg(test)]
mod tests;
