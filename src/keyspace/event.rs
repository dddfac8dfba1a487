//! Redis's keyspace events: what they are called, and what a batch has to say.
//!
//! An operation names the change that it is about to make ([`WriteTx::event`]); the first effect of the
//! change takes the name, and the further ones, of which a large change needs several, are silent. What
//! is the same for every command (`del`, `expired`, `evicted`, `new`, moves and copies) nobody has to
//! name: it follows from the effect. An effect that nobody has named says nothing.
//!
//! Invariants:
//! 1. Where nobody listens an operation pays for one store of a byte and says nothing.
//! 2. What is said of an effect stands in Redis's order: `expired`, `new`, the command's own name, `del`.

use std::fmt;

use super::entry::is_gone;
use super::tx::{Batch, Cause, WriteTx};
use crate::effect::Effect;

/// What kind of [`Event`] it is: a flag of Redis's `notify-keyspace-events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventClass {
    /// Of keys whatever they hold: `g`.
    Generic,
    /// Of strings: `$`.
    String,
    /// Of lists: `l`.
    List,
    /// Of sets: `s`.
    Set,
    /// Of hashes: `h`.
    Hash,
    /// Of sorted sets: `z`.
    SortedSet,
    /// A deadline has passed: `x`.
    Expired,
    /// Memory was needed: `e`.
    Evicted,
    /// A key was not there before: `n`, which Redis's `A` leaves out.
    New,
}

impl EventClass {
    /// Its letter in `notify-keyspace-events`.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Generic => 'g',
            Self::String => '$',
            Self::List => 'l',
            Self::Set => 's',
            Self::Hash => 'h',
            Self::SortedSet => 'z',
            Self::Expired => 'x',
            Self::Evicted => 'e',
            Self::New => 'n',
        }
    }
}

/// Writes the enum of all events from their names.
macro_rules! events {
    ($($class:ident { $($event:ident $name:literal,)* })*) => {
        /// A keyspace event as Redis 7.0 publishes it.
        ///
        /// It compares with its name: `event == "lpush"`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[doc = concat!("`", $name, "`")] $event,)*)*
        }

        impl Event {
            /// Its name: what follows `__keyevent@0__:`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($(Self::$event => $name,)*)* }
            }

            /// Which flag of `notify-keyspace-events` asks for it.
            #[must_use]
            pub fn class(self) -> EventClass {
                match self { $($(Self::$event)|* => EventClass::$class,)* }
            }
        }
    };
}

events! {
    Generic {
        Del "del",
        Expire "expire",
        Persist "persist",
        RenameFrom "rename_from",
        RenameTo "rename_to",
        MoveFrom "move_from",
        MoveTo "move_to",
        CopyTo "copy_to",
        Restore "restore",
    }
    String {
        Set "set",
        SetRange "setrange",
        SetBit "setbit",
        Append "append",
        IncrBy "incrby",
        IncrByFloat "incrbyfloat",
        PfAdd "pfadd",
    }
    List {
        LPush "lpush",
        RPush "rpush",
        LPop "lpop",
        RPop "rpop",
        LInsert "linsert",
        LSet "lset",
        LRem "lrem",
        LTrim "ltrim",
        SortStore "sortstore",
    }
    Set {
        SAdd "sadd",
        SRem "srem",
        SPop "spop",
        SInterStore "sinterstore",
        SUnionStore "sunionstore",
        SDiffStore "sdiffstore",
    }
    Hash {
        HSet "hset",
        HDel "hdel",
        HIncrBy "hincrby",
        HIncrByFloat "hincrbyfloat",
        HExpire "hexpire",
        HPersist "hpersist",
        HExpired "hexpired",
    }
    SortedSet {
        ZAdd "zadd",
        ZIncr "zincr",
        ZRem "zrem",
        ZPopMin "zpopmin",
        ZPopMax "zpopmax",
        ZRemRangeByRank "zremrangebyrank",
        ZRemRangeByScore "zremrangebyscore",
        ZRemRangeByLex "zremrangebylex",
        ZInterStore "zinterstore",
        ZUnionStore "zunionstore",
        ZDiffStore "zdiffstore",
        ZRangeStore "zrangestore",
        GeoSearchStore "geosearchstore",
        GeoRadiusStore "georadiusstore",
    }
    Expired {
        Expired "expired",
    }
    Evicted {
        Evicted "evicted",
    }
    New {
        New "new",
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq<str> for Event {
    fn eq(&self, name: &str) -> bool {
        self.name() == name
    }
}

impl PartialEq<&str> for Event {
    fn eq(&self, name: &&str) -> bool {
        self.name() == *name
    }
}

impl WriteTx<'_> {
    /// Names the change that the operation makes next.
    #[inline]
    pub(crate) fn event(&mut self, event: Event) {
        self.batch.event = Some(event);
    }

    /// Says one more event of the change that was just made.
    pub(crate) fn also(&mut self, event: Event) {
        if self.batch.says_events
            && let Some(number) = self.batch.count.checked_sub(1)
        {
            self.batch.events.push((number, event));
        }
    }

    /// Notices, where somebody listens, what the next effect finds at `key` of a database and replaces: an
    /// entry past its deadline was not there any more.
    #[inline]
    pub(super) fn notice_before(&mut self, database: u8, key: &[u8]) {
        if self.batch.says_events {
            self.look_before(database, key);
        }
    }

    #[cold]
    fn look_before(&mut self, database: u8, key: &[u8]) {
        let now = self.now;
        let (table, hash) = self.at_in(database, key);
        let entry = table.keys().get(hash, key);
        let was_gone = entry.map(|entry| is_gone(&entry, now));
        self.batch.arrives = was_gone != Some(false);
        if was_gone == Some(true) {
            self.batch.say_next(Event::Expired);
        }
    }

    /// Removes what is at `key`, to make room for what the operation puts there next: what was there to see
    /// is replaced, and nothing is said of its end.
    pub(crate) fn displace(&mut self, key: &[u8]) {
        self.purge_expired(key);
        let event = self.batch.event.take();
        let said = self.batch.events.len();
        self.batch.displaced = self.erase(key);
        self.batch.arrives = true;
        self.batch.events.truncate(said);
        self.batch.event = event;
    }

    /// As [`displace`](Self::displace), where what comes is told as a key that was not there.
    pub(crate) fn displace_as_new(&mut self, key: &[u8]) {
        self.displace(key);
        self.batch.displaced = false;
    }
}

impl Batch {
    fn say_next(&mut self, event: Event) {
        self.events.push((self.count, event));
    }

    /// Says what there is to say of the effect that is recorded next.
    #[cold]
    pub(super) fn say(&mut self, effect: &Effect<'_>) {
        let displaced = std::mem::take(&mut self.displaced);
        let arrives = std::mem::take(&mut self.arrives) && !displaced;
        match (effect, self.cause) {
            (Effect::KeyRemove { .. }, Some(Cause::Expired)) => self.say_next(Event::Expired),
            (Effect::KeyRemove { .. }, Some(Cause::Evicted)) => self.say_next(Event::Evicted),
            (Effect::HashRemove { .. }, Some(_)) => self.say_next(Event::HExpired),
            (Effect::KeyRemove { .. }, None) => {
                let named = self.event.take();
                named.into_iter().for_each(|event| self.say_next(event));
                self.say_next(Event::Del);
            }
            (Effect::KeyMove { database, .. }, _) => {
                self.say_next(Event::New);
                let (from, to) = match database {
                    None => (Event::RenameFrom, Event::RenameTo),
                    Some(_) => (Event::MoveFrom, Event::MoveTo),
                };
                self.say_next(from);
                self.say_next(to);
            }
            (Effect::KeyCopy { .. }, _) => {
                self.say_next(Event::New);
                self.say_next(Event::CopyTo);
            }
            (
                Effect::KeysClear
                | Effect::Database { .. }
                | Effect::DatabaseClear
                | Effect::DatabasesSwap { .. },
                _,
            ) => {}
            (
                Effect::StringSet { .. }
                | Effect::StringWrite { .. }
                | Effect::KeyExpire { .. }
                | Effect::ListInsert { .. }
                | Effect::ListRemove { .. }
                | Effect::ListSet { .. }
                | Effect::HashSet { .. }
                | Effect::HashRemove { .. }
                | Effect::HashExpire { .. }
                | Effect::SetAdd { .. }
                | Effect::SetRemove { .. }
                | Effect::ZSetAdd { .. }
                | Effect::ZSetRemove { .. },
                _,
            ) => {
                if arrives {
                    self.say_next(Event::New);
                }
                let named = self.event.take();
                named.into_iter().for_each(|event| self.say_next(event));
            }
        }
    }
}
