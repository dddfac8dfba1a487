//! What a subscriber gets: one change of one key, named by its effect and by Redis's events.
//!
//! Built by `feed` from a committed frame. Effects say what became of a key, not which command did it, so
//! where several commands leave the same effect the event is the commonest one's. [`Change::events`] lists
//! what that makes different from Redis, and `tests/redis_parity/events.txt` shows it command by command,
//! beside a real one.
//!
//! A large command leaves several effects of one kind, each a change of its own.

use std::sync::Arc;

use crate::effect::{Effect, codec};
use crate::keyspace::Cause;

/// A committed batch, kept.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) lsn: u64,
    pub(super) end_lsn: u64,
    pub(super) bytes: Box<[u8]>,
    /// Why, for effects that no command asked for: by their number.
    pub(super) causes: Box<[(u32, Cause)]>,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It holds another string.
    StringSet,
    /// Some bytes of its string changed.
    StringWrite,
    /// It is gone.
    Remove,
    /// It is gone, or fields of its hash are, because a deadline has passed.
    Expired,
    /// It is gone because memory was needed.
    Evicted,
    /// It has another deadline.
    Expire,
    /// It has no deadline any more.
    Persist,
    /// It is gone; another key, or this one in another database, has what it held.
    MoveFrom,
    /// It has what another key, or this one in another database, held.
    MoveTo,
    /// It has what another key holds.
    CopyTo,
    /// Its list has more values.
    ListInsert,
    /// Its list has fewer.
    ListRemove,
    /// A value of its list is another one.
    ListSet,
    /// Its hash has new values.
    HashSet,
    /// Its hash has fewer fields.
    HashRemove,
    /// Fields of its hash have another deadline, or none.
    HashExpire,
    /// Its set has more members.
    SetAdd,
    /// Its set has fewer.
    SetRemove,
    /// Its sorted set has more members, or other scores.
    SortedSetAdd,
    /// Its sorted set has fewer members.
    SortedSetRemove,
    /// Every key of the database is gone.
    DatabaseCleared,
    /// Every key of every database is gone.
    AllCleared,
    /// The database has changed its content with another one.
    DatabasesSwapped,
}

/// One change of one key. [`Subscription`](crate::Subscription) yields it.
#[derive(Debug, Clone)]
pub struct Change {
    frame: Arc<Frame>,
    /// Where in the frame its effect begins.
    offset: usize,
    database: u8,
    key: Vec<u8>,
    kind: ChangeKind,
    events: &'static [&'static str],
}

impl Change {
    /// The logical database of the key.
    #[must_use]
    pub fn database(&self) -> u8 {
        self.database
    }

    /// The key; empty for a change of whole databases, which every subscription gets.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// What became of it.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        self.kind
    }

    /// The keyspace events that Redis would publish for this, as far as the effect tells: what became of
    /// the key is known, not by which command. The same names as in Redis 7.0 come of `SET` and its kin,
    /// `SETRANGE`, `GETDEL`, `DEL`, the `EXPIRE` family, `PERSIST`, `RENAME`, `COPY`, `MOVE`, `LPUSH`,
    /// `LPOP`, `RPOP`, `LSET`, `HSET`, `HDEL`, `SADD`, `SREM`, `SMOVE`, `ZADD`, `ZREM`, `GEOADD`, of keys that expire
    /// or are evicted, and of a collection that goes with its last element. The others:
    ///
    /// | event | also where Redis says |
    /// |---|---|
    /// | `set` | `incrby`, `incrbyfloat`, `pfadd`; `append` and `setbit` that begin a string |
    /// | `setrange` | `append`, `setbit`; nothing, where `PFCOUNT` keeps what it has counted |
    /// | `set`, `expire` | `set` or `incrby` alone, where a whole string is replaced and its deadline stays: `SET .. KEEPTTL`, `INCR` |
    /// | `lpush`, of values at the front | `rpush`, `linsert`, `sortstore`, where the list was empty or they come first |
    /// | `rpush`, of values elsewhere | `linsert` |
    /// | `lpop`, at the front; else `rpop` | `lrem`; `ltrim`, once for each end that was cut, so never for none; `rpop` of a last value |
    /// | `hset` | `hincrby`, `hincrbyfloat` |
    /// | `srem` | `spop`; for a whole set only `del` |
    /// | `zadd` | `zincr` |
    /// | `zrem` | `zpopmin`, `zpopmax`, `zremrangebyrank`, `-score` and `-lex` |
    /// | `sadd`, `zadd`, after a `del` if the key was there | `sinterstore`, `zunionstore`, `geosearchstore` and their kin |
    /// | `hexpire`, `hpersist`, `hexpired` | as in 7.4: 7.0 has no deadlines of fields |
    /// | `flushdb`, `flushall`, `swapdb` | nothing |
    ///
    /// A large command leaves several effects of one kind, each a change of its own.
    #[must_use]
    pub fn events(&self) -> &'static [&'static str] {
        self.events
    }

    /// The log position of the frame it is in. The changes of one command or transaction share it and
    /// come one after the other.
    #[must_use]
    pub fn lsn(&self) -> u64 {
        self.frame.lsn
    }

    /// The log position after that frame: from where to resume once all changes with this
    /// [`lsn`](Self::lsn) are dealt with.
    #[must_use]
    pub fn end_lsn(&self) -> u64 {
        self.frame.end_lsn
    }

    /// The whole change, values included.
    #[must_use]
    pub fn effect(&self) -> Effect<'_> {
        match codec::decode(&self.frame.bytes[self.offset..]).next() {
            Some(Ok(effect)) => effect,
            // It was decoded when the change was made.
            Some(Err(_)) | None => unreachable!("a committed effect decodes"),
        }
    }
}

/// Hands over the changes of a frame, in order, of keys that `wants` says yes to.
pub(super) fn changes(
    frame: &Arc<Frame>,
    wants: impl Fn(&[u8]) -> bool,
    mut emit: impl FnMut(Change),
) {
    let mut effects = codec::decode(&frame.bytes);
    let mut database = 0;
    let mut number = 0;
    let mut causes = frame.causes.iter().copied().peekable();
    loop {
        let offset = frame.bytes.len() - effects.remaining_bytes();
        // What was committed was encoded by this process: it decodes.
        let Some(Ok(effect)) = effects.next() else {
            return;
        };
        if let Effect::Database { index } = effect {
            database = index;
            continue;
        }
        let cause = causes
            .next_if(|&(at, _)| at == number)
            .map(|(_, cause)| cause);
        number += 1;
        for (database, key, (kind, events)) in named(&effect, database, cause) {
            if key.is_none_or(&wants) {
                emit(Change {
                    frame: Arc::clone(frame),
                    offset,
                    database,
                    key: key.unwrap_or_default().to_vec(),
                    kind,
                    events,
                });
            }
        }
    }
}

type Name = (ChangeKind, &'static [&'static str]);
type Named<'a> = (u8, Option<&'a [u8]>, Name);

/// The keys that an effect changes, with their databases, and how that is called.
fn named<'a>(
    effect: &Effect<'a>,
    database: u8,
    cause: Option<Cause>,
) -> impl Iterator<Item = Named<'a>> {
    use ChangeKind as Kind;
    let one = |key: &'a [u8], kind, events| [Some((database, Some(key), (kind, events))), None];
    let all = |database, kind, events| -> Named<'a> { (database, None, (kind, events)) };
    let changed: [Option<Named<'a>>; 2] = match *effect {
        Effect::StringSet {
            key, expires_at_ms, ..
        } => {
            let events: &[&str] = match expires_at_ms {
                Some(_) => &["set", "expire"],
                None => &["set"],
            };
            one(key, Kind::StringSet, events)
        }
        Effect::StringWrite { key, .. } => one(key, Kind::StringWrite, &["setrange"]),
        Effect::KeyRemove { key } => match cause {
            Some(Cause::Expired) => one(key, Kind::Expired, &["expired"]),
            Some(Cause::Evicted) => one(key, Kind::Evicted, &["evicted"]),
            None => one(key, Kind::Remove, &["del"]),
        },
        Effect::KeyExpire { key, expires_at_ms } => match expires_at_ms {
            Some(_) => one(key, Kind::Expire, &["expire"]),
            None => one(key, Kind::Persist, &["persist"]),
        },
        Effect::KeyMove {
            from,
            to,
            database: target,
        } => {
            let (source, destination): (&[&str], &[&str]) = match target {
                None => (&["rename_from"], &["rename_to"]),
                Some(_) => (&["move_from"], &["move_to"]),
            };
            let target = target.unwrap_or(database);
            [
                Some((database, Some(from), (Kind::MoveFrom, source))),
                Some((target, Some(to), (Kind::MoveTo, destination))),
            ]
        }
        Effect::KeyCopy {
            to,
            database: target,
            ..
        } => {
            let target = target.unwrap_or(database);
            [Some((target, Some(to), (Kind::CopyTo, &["copy_to"]))), None]
        }
        Effect::ListInsert { key, index, .. } => {
            let events = if index == 0 { &["lpush"] } else { &["rpush"] };
            one(key, Kind::ListInsert, events)
        }
        Effect::ListRemove { key, index, .. } => {
            let events = if index == 0 { &["lpop"] } else { &["rpop"] };
            one(key, Kind::ListRemove, events)
        }
        Effect::ListSet { key, .. } => one(key, Kind::ListSet, &["lset"]),
        Effect::HashSet { key, .. } => one(key, Kind::HashSet, &["hset"]),
        Effect::HashRemove { key, .. } => match cause {
            Some(Cause::Expired) => one(key, Kind::Expired, &["hexpired"]),
            Some(Cause::Evicted) | None => one(key, Kind::HashRemove, &["hdel"]),
        },
        Effect::HashExpire {
            key, expires_at_ms, ..
        } => {
            let events = match expires_at_ms {
                Some(_) => &["hexpire"],
                None => &["hpersist"],
            };
            one(key, Kind::HashExpire, events)
        }
        Effect::SetAdd { key, .. } => one(key, Kind::SetAdd, &["sadd"]),
        Effect::SetRemove { key, .. } => one(key, Kind::SetRemove, &["srem"]),
        Effect::ZSetAdd { key, .. } => one(key, Kind::SortedSetAdd, &["zadd"]),
        Effect::ZSetRemove { key, .. } => one(key, Kind::SortedSetRemove, &["zrem"]),
        Effect::KeysClear => [Some(all(database, Kind::AllCleared, &["flushall"])), None],
        Effect::DatabaseClear => [
            Some(all(database, Kind::DatabaseCleared, &["flushdb"])),
            None,
        ],
        Effect::DatabasesSwap { one, two } => [
            Some(all(one, Kind::DatabasesSwapped, &["swapdb"])),
            Some(all(two, Kind::DatabasesSwapped, &["swapdb"])),
        ],
        Effect::Database { .. } => [None, None],
    };
    changed.into_iter().flatten()
}
