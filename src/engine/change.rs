//! What a subscriber gets: one change of one key, with its effect and Redis's events for it.
//!
//! Built by `feed` from a committed frame. What became of the key follows from the effect; the events are
//! what the batch has said, which knows by which command (`keyspace::event`).
//! `tests/redis_parity/events.txt` shows them command by command, beside a real Redis.
//!
//! A large command leaves several effects of one kind, each a change of its own; one of them has the events.

use std::sync::Arc;

use crate::effect::{Effect, codec};
use crate::keyspace::{Cause, Event};

/// A committed batch, kept.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) lsn: u64,
    pub(super) end_lsn: u64,
    pub(super) bytes: Box<[u8]>,
    /// Why, for effects that no command asked for: by their number.
    pub(super) causes: Box<[(u32, Cause)]>,
    /// What Redis would say of an effect: by its number.
    pub(super) events: Box<[(u32, Event)]>,
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
    /// It is about to get what another key, or this one in another database, holds: [`MoveTo`](Self::MoveTo)
    /// follows. Redis publishes its `new` before it says from where.
    Arrive,
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
    events: Vec<Event>,
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

    /// The keyspace events that Redis 7.0 would publish for this, by name and class, in order. One who publishes
    /// the events of all changes one after the other does what Redis does: the names are those of the
    /// commands (`incrby` for `DECR`, `lpush` for what `RPOPLPUSH` puts), and a command is named once,
    /// whatever it takes to carry it out.
    ///
    /// There may be none: the further changes of a large command, what `PFCOUNT` keeps for the next one, and
    /// what concerns whole databases, of which Redis says nothing either. Where a command changes nothing
    /// and Redis publishes it all the same (`LTRIM` that cuts nothing, `PFMERGE` of what is known),
    /// there is a change that changes nothing.
    ///
    /// Different from Redis:
    /// - A deadline that passes is an event when it is found out, by the expirer or by a write; there also
    ///   by a read.
    /// - Deadlines of fields are those of Redis 7.4: `hexpire`, `hpersist`, `hexpired`.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
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
    let mut said = &*frame.events;
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
        let events;
        (events, said) = said.split_at(said.partition_point(|&(at, _)| at <= number));
        number += 1;
        for part in parts(&effect, database, cause, events) {
            if part.key.is_none_or(&wants) {
                emit(Change {
                    frame: Arc::clone(frame),
                    offset,
                    database: part.database,
                    key: part.key.unwrap_or_default().to_vec(),
                    kind: part.kind,
                    events: part.events.iter().map(|&(_, event)| event).collect(),
                });
            }
        }
    }
}

/// What an effect does to one key, or to all of a database.
struct Part<'a> {
    database: u8,
    key: Option<&'a [u8]>,
    kind: ChangeKind,
    events: &'a [(u32, Event)],
}

/// What an effect does to which key, in the order of its events.
fn parts<'a>(
    effect: &Effect<'a>,
    database: u8,
    cause: Option<Cause>,
    events: &'a [(u32, Event)],
) -> impl Iterator<Item = Part<'a>> {
    use ChangeKind as Kind;
    let part = |database, key, kind, events| {
        Some(Part {
            database,
            key,
            kind,
            events,
        })
    };
    let one = |key, kind| [part(database, Some(key), kind, events), None, None];
    let all = |database, kind| part(database, None, kind, events);
    let changed: [Option<Part<'a>>; 3] = match *effect {
        Effect::StringSet { key, .. } => one(key, Kind::StringSet),
        Effect::StringWrite { key, .. } => one(key, Kind::StringWrite),
        Effect::KeyRemove { key } => match cause {
            Some(Cause::Expired) => one(key, Kind::Expired),
            Some(Cause::Evicted) => one(key, Kind::Evicted),
            None => one(key, Kind::Remove),
        },
        Effect::KeyExpire { key, expires_at_ms } => match expires_at_ms {
            Some(_) => one(key, Kind::Expire),
            None => one(key, Kind::Persist),
        },
        Effect::KeyMove {
            from,
            to,
            database: target,
        } => {
            let target = target.unwrap_or(database);
            let is_source =
                |&(_, event): &(u32, Event)| matches!(event, Event::RenameFrom | Event::MoveFrom);
            let at = events.iter().position(is_source).unwrap_or_default();
            let (before, events) = events.split_at(at);
            let (source, events) = events.split_at(events.len().min(1));
            [
                part(target, Some(to), Kind::Arrive, before),
                part(database, Some(from), Kind::MoveFrom, source),
                part(target, Some(to), Kind::MoveTo, events),
            ]
        }
        Effect::KeyCopy {
            to,
            database: target,
            ..
        } => {
            let target = target.unwrap_or(database);
            [part(target, Some(to), Kind::CopyTo, events), None, None]
        }
        Effect::ListInsert { key, .. } => one(key, Kind::ListInsert),
        Effect::ListRemove { key, .. } => one(key, Kind::ListRemove),
        Effect::ListSet { key, .. } => one(key, Kind::ListSet),
        Effect::HashSet { key, .. } => one(key, Kind::HashSet),
        Effect::HashRemove { key, .. } => match cause {
            Some(Cause::Expired) => one(key, Kind::Expired),
            Some(Cause::Evicted) | None => one(key, Kind::HashRemove),
        },
        Effect::HashExpire { key, .. } => one(key, Kind::HashExpire),
        Effect::SetAdd { key, .. } => one(key, Kind::SetAdd),
        Effect::SetRemove { key, .. } => one(key, Kind::SetRemove),
        Effect::ZSetAdd { key, .. } => one(key, Kind::SortedSetAdd),
        Effect::ZSetRemove { key, .. } => one(key, Kind::SortedSetRemove),
        Effect::KeysClear => [all(database, Kind::AllCleared), None, None],
        Effect::DatabaseClear => [all(database, Kind::DatabaseCleared), None, None],
        Effect::DatabasesSwap { one, two } => [
            all(one, Kind::DatabasesSwapped),
            all(two, Kind::DatabasesSwapped),
            None,
        ],
        Effect::Database { .. } => [None, None, None],
    };
    changed.into_iter().flatten()
}
