//! `ZRANDMEMBER`: members of a sorted set by chance, each with the same.

use super::args::Args;
use super::reply::Reply;
use super::run::{Keys, ReadCommand, RunRead};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::zset::score_reply;
use crate::error::{CommandError, Error};
use crate::keyspace::ReadTx;
use crate::value::ZSetValue;

/// The most members that one call draws with repetition; the others are as many as there are.
const DRAWS_MAX: u64 = 1 << 24;

pub(crate) static COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "ZRANDMEMBER",
    arity: -2,
    flags: &[Flag::ReadOnly],
    keys: KeyPositions::FIRST,
    group: "sorted-set",
    since: "6.2.0",
    summary: "Returns random members of a sorted set.",
    complexity: "O(M*log(N)) where N is the size of the set and M the number of members returned",
    redis_complexity: "O(M) where M is the number of members returned",
    differences: "Scores are printed in the shortest form, as in Redis 7.2; Redis 7.0 prints 17 digits. More \
                  than 16,777,216 members with repetition are refused.",
    example: "ZRANDMEMBER key 5 WITHSCORES",
    call: |args, host| {
        let key = args.word(1)?;
        if args.count() == 2 {
            let one = host.read_raw(&Random { key, count: 1 })?;
            let member = one.and_then(|mut found| found.pop());
            return Ok(member.map_or(Reply::Nil, |(member, _)| Reply::Bulk(member)));
        }
        let (count, with_scores) = parse(args)?;
        let found = host.read_raw(&Random { key, count })?;
        let mut replies = Vec::new();
        for (member, score) in found.unwrap_or_default() {
            replies.push(Reply::Bulk(member));
            if with_scores {
                replies.push(score_reply(score));
            }
        }
        Ok(Reply::Array(replies))
    },
}];

/// How many, negative for repetitions, and whether with scores.
fn parse(args: Args<'_>) -> Result<(i64, bool), CommandError> {
    let count = args.int(2)?;
    let refuse = |text: &'static str| Err(CommandError::Other(text.into()));
    if count == i64::MIN {
        return refuse(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        );
    }
    let with_scores = args.count() == 4 && args.is(3, "WITHSCORES");
    if args.count() > 3 && !with_scores {
        return Err(CommandError::Syntax);
    }
    if with_scores && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return refuse("ERR value is out of range");
    }
    Ok((count, with_scores))
}

/// `ZRANDMEMBER`. Positive: as many different members, and no more than there are; negative: as many,
/// with repetitions.
struct Random<'a> {
    key: &'a [u8],
    count: i64,
}

impl ReadCommand for Random<'_> {
    /// `None` if there is no such key.
    type Output = Option<Vec<(Vec<u8>, f64)>>;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let Some(entry) = tx.entry(self.key) else {
            return Ok(None);
        };
        let zset = entry.zset()?;
        let count = self.count.unsigned_abs();
        let ranks = if self.count >= 0 {
            different(zset, count, tx.random)
        } else if count > DRAWS_MAX {
            return Err(CommandError::Other("ERR value is out of range".into()));
        } else {
            (0..count).map(|_| below(zset.len(), tx.random)).collect()
        };
        let member = |(member, score): (&[u8], f64)| (member.to_vec(), score);
        let members = ranks
            .into_iter()
            .filter_map(|rank| zset.at(rank).map(member));
        Ok(Some(members.collect()))
    }
}

/// A number below `limit`, which is not 0, each with the same chance.
fn below(limit: u64, random: &dyn Fn() -> u64) -> u64 {
    // Lemire's method: what would be drawn once too often is drawn again.
    let fair = limit.wrapping_neg() % limit;
    loop {
        let product = u128::from(random()) * u128::from(limit);
        if product as u64 >= fair {
            return (product >> 64) as u64;
        }
    }
}

/// Ranks of `count` members, or of all if they are no more, each choice with the same chance.
fn different(zset: &ZSetValue, count: u64, random: &dyn Fn() -> u64) -> Vec<u64> {
    let len = zset.len();
    if count >= len {
        return (0..len).collect();
    }
    if count > len / 3 {
        // The first of all in random order.
        let mut ranks: Vec<u64> = (0..len).collect();
        for at in 0..count {
            let other = at + below(len - at, random);
            ranks.swap(at as usize, other as usize);
        }
        ranks.truncate(count as usize);
        return ranks;
    }
    let mut seen =
        std::collections::HashSet::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
    let mut ranks = Vec::with_capacity(count as usize);
    while (ranks.len() as u64) < count {
        let rank = below(len, random);
        if seen.insert(rank) {
            ranks.push(rank);
        }
    }
    ranks
}

/// Members of sorted sets by chance.
pub trait ZRandomRead: RunRead {
    /// Returns a member of the sorted set at `key` by chance, or `None` if there is none.
    /// Redis: `ZRANDMEMBER`.
    ///
    /// # Complexity
    /// O(log(N)) where N is the size of the set.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "board", "1", "ada"])?;
    /// assert_eq!(db.zrandmember("board")?, Some(b"ada".to_vec()));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zrandmember(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        let key = key.as_ref();
        let one = self.read(Random { key, count: 1 })?;
        Ok(one
            .and_then(|mut found| found.pop())
            .map(|(member, _)| member))
    }

    /// Returns members of the sorted set at `key` by chance, with their scores: `count` different ones, or
    /// all if there are no more; or, if it is negative, that many without its sign, with repetitions.
    /// Redis: `ZRANDMEMBER` with a count.
    ///
    /// # Complexity
    /// O(M*log(N)) where N is the size of the set and M of the answer.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::Other`] for more than
    /// 16,777,216 members with repetition.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// # db.execute(&["ZADD", "board", "1", "ada", "2", "grace"])?;
    /// assert_eq!(db.zrandmember_count("board", 5)?.len(), 2);
    /// assert_eq!(db.zrandmember_count("board", -5)?.len(), 5);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn zrandmember_count(
        &self,
        key: impl AsRef<[u8]>,
        count: i64,
    ) -> Result<Vec<(Vec<u8>, f64)>, Error> {
        let key = key.as_ref();
        Ok(self.read(Random { key, count })?.unwrap_or_default())
    }
}

impl<T: RunRead> ZRandomRead for T {}

#[cfg(test)]
mod tests;
