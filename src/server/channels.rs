//! Who listens to which channel, and how a message reaches them.
//!
//! Invariants:
//! 1. A listener is in `channels` (or `patterns`) exactly while its connection says that it listens.
//! 2. A message is put into the listeners' boxes under the lock, so that each of them sees the messages of a
//!    channel in the same order. Boxes never wait.
//! 3. Whoever listens already when `PUBLISH` begins gets the message, or is ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;

use super::record::Record;
use super::settings::Settings;
use crate::resp::Protocol;
use crate::resp::write::{write_bulk, write_push_len};
use crate::value::glob::glob_match;

/// What is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Channel,
    Pattern,
    Shard,
}

impl Kind {
    /// The word in front of what a listener is told when it begins.
    pub(crate) fn began(self) -> &'static str {
        match self {
            Self::Channel => "subscribe",
            Self::Pattern => "psubscribe",
            Self::Shard => "ssubscribe",
        }
    }

    /// The word in front of what a listener is told when it ends.
    pub(crate) fn ended(self) -> &'static str {
        match self {
            Self::Channel => "unsubscribe",
            Self::Pattern => "punsubscribe",
            Self::Shard => "sunsubscribe",
        }
    }
}

type Listeners = BTreeMap<u64, Arc<Record>>;
type Lines = HashMap<Vec<u8>, Listeners, ahash::RandomState>;

/// The channels of a server.
#[derive(Debug)]
pub(crate) struct Channels {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    channels: Lines,
    shard_channels: Lines,
    patterns: BTreeMap<Vec<u8>, Listeners>,
}

impl State {
    fn listeners(&self, kind: Kind, name: &[u8]) -> Option<&Listeners> {
        match kind {
            Kind::Channel => self.channels.get(name),
            Kind::Shard => self.shard_channels.get(name),
            Kind::Pattern => self.patterns.get(name),
        }
    }
}

impl Channels {
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = || ahash::RandomState::with_seeds(seed, !seed, seed.rotate_left(17), 1);
        Self {
            state: Mutex::new(State {
                channels: Lines::with_hasher(hasher()),
                shard_channels: Lines::with_hasher(hasher()),
                patterns: BTreeMap::new(),
            }),
        }
    }

    /// Lets a connection listen.
    pub(crate) fn join(&self, kind: Kind, name: &[u8], listener: &Arc<Record>) {
        let mut state = self.state.lock();
        let listeners = match kind {
            Kind::Channel => state.channels.entry(name.to_vec()).or_default(),
            Kind::Shard => state.shard_channels.entry(name.to_vec()).or_default(),
            Kind::Pattern => state.patterns.entry(name.to_vec()).or_default(),
        };
        listeners.insert(listener.id, Arc::clone(listener));
    }

    /// Ends what [`join`](Self::join) began.
    pub(crate) fn leave(&self, kind: Kind, name: &[u8], listener: &Record) {
        fn leave_line(listeners: Option<&mut Listeners>, id: u64) -> bool {
            listeners.is_some_and(|listeners| {
                listeners.remove(&id);
                listeners.is_empty()
            })
        }
        let mut state = self.state.lock();
        match kind {
            Kind::Channel => {
                if leave_line(state.channels.get_mut(name), listener.id) {
                    state.channels.remove(name);
                }
            }
            Kind::Shard => {
                if leave_line(state.shard_channels.get_mut(name), listener.id) {
                    state.shard_channels.remove(name);
                }
            }
            Kind::Pattern => {
                if leave_line(state.patterns.get_mut(name), listener.id) {
                    state.patterns.remove(name);
                }
            }
        }
    }

    /// Sends a message to whoever listens, and says to how many.
    pub(crate) fn publish(
        &self,
        kind: Kind,
        channel: &[u8],
        message: &[u8],
        settings: &Settings,
        now_ms: u64,
    ) -> u64 {
        let send = |listener: &Record, parts: &[&[u8]]| {
            listener.send(
                settings.output_limit(listener.output_class()),
                now_ms,
                |out| {
                    let protocol = protocol_of(listener);
                    write_push_len(out, parts.len(), protocol);
                    parts.iter().for_each(|part| write_bulk(out, part));
                },
            );
        };
        let word: &[u8] = match kind {
            Kind::Shard => b"smessage",
            Kind::Channel | Kind::Pattern => b"message",
        };
        let mut count = 0;
        let state = self.state.lock();
        for listener in state
            .listeners(kind, channel)
            .into_iter()
            .flat_map(Listeners::values)
        {
            send(listener, &[word, channel, message]);
            count += 1;
        }
        if kind == Kind::Channel {
            for (pattern, listeners) in &state.patterns {
                if glob_match(pattern, channel, false) {
                    for listener in listeners.values() {
                        send(listener, &[b"pmessage", pattern, channel, message]);
                        count += 1;
                    }
                }
            }
        }
        count
    }

    /// The names that somebody listens to, of those that match.
    pub(crate) fn names(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Vec<u8>> {
        let state = self.state.lock();
        let is_asked =
            |name: &&Vec<u8>| pattern.is_none_or(|pattern| glob_match(pattern, name, false));
        match kind {
            Kind::Channel => state.channels.keys().filter(is_asked).cloned().collect(),
            Kind::Shard => state
                .shard_channels
                .keys()
                .filter(is_asked)
                .cloned()
                .collect(),
            Kind::Pattern => state.patterns.keys().filter(is_asked).cloned().collect(),
        }
    }

    /// How many listen to this.
    pub(crate) fn listener_count(&self, kind: Kind, name: &[u8]) -> usize {
        self.state
            .lock()
            .listeners(kind, name)
            .map_or(0, Listeners::len)
    }

    /// How many different patterns are listened to.
    pub(crate) fn pattern_count(&self) -> usize {
        self.state.lock().patterns.len()
    }

    /// How many different channels are listened to.
    pub(crate) fn channel_count(&self, kind: Kind) -> usize {
        let state = self.state.lock();
        match kind {
            Kind::Channel => state.channels.len(),
            Kind::Shard => state.shard_channels.len(),
            Kind::Pattern => state.patterns.len(),
        }
    }
}

/// The version of the protocol that a connection speaks.
pub(crate) fn protocol_of(listener: &Record) -> Protocol {
    match listener.protocol.load(std::sync::atomic::Ordering::Relaxed) {
        3 => Protocol::Resp3,
        _ => Protocol::Resp2,
    }
}
