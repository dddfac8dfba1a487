//! Keyspace events: which are published, and the publisher.
//!
//! `CONFIG SET notify-keyspace-events` says which classes are published. While there are any, a task of the first
//! thread reads the database's changes and publishes their events to `__keyspace@<db>__:<key>` and
//! `__keyevent@<db>__:<event>`; while there are none, nobody subscribes and writes pay nothing.
//!
//! Invariants:
//! 1. Events are published in the order of the log, those of a change in Redis's.
//! 2. What was changed before the classes are set again is published, or not, by those from before.
//! 3. A publisher that falls too far behind loses events, never memory: the feed is bounded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::channels::Kind;
use super::hub::Hub;
use crate::error::{Error, StorageError};
use crate::{Change, FeedLimits, Subscription};

/// Channels named after keys: `K`.
const KEYSPACE: u32 = 1 << 0;
/// Channels named after events: `E`.
const KEYEVENT: u32 = 1 << 1;
/// Everything but `K`, `E`, `m` and `n`.
const ALL: u32 = bit(b'g')
    | bit(b'$')
    | bit(b'l')
    | bit(b's')
    | bit(b'h')
    | bit(b'z')
    | bit(b'x')
    | bit(b'e')
    | bit(b't')
    | bit(b'd');

/// The letters of classes, each with the bit of its place, in the order that Redis prints them in.
const LETTERS: &[u8] = b"g$lshzxetdnKEm";

/// The bit of a class's letter; none for any other.
const fn bit(letter: u8) -> u32 {
    match letter {
        b'K' => KEYSPACE,
        b'E' => KEYEVENT,
        b'g' => 1 << 2,
        b'$' => 1 << 3,
        b'l' => 1 << 4,
        b's' => 1 << 5,
        b'h' => 1 << 6,
        b'z' => 1 << 7,
        b'x' => 1 << 8,
        b'e' => 1 << 9,
        b't' => 1 << 10,
        b'm' => 1 << 11,
        b'd' => 1 << 12,
        b'n' => 1 << 13,
        _ => 0,
    }
}

/// The classes that these letters name; `None` if one names none.
pub(super) fn parse(letters: &[u8]) -> Option<u32> {
    letters.iter().try_fold(0, |classes, &letter| {
        let named = if letter == b'A' { ALL } else { bit(letter) };
        (named != 0).then_some(classes | named)
    })
}

/// The letters of these classes, as Redis prints them: it does not show `n` beside `A`.
pub(super) fn print(classes: u32) -> String {
    let has_all = classes & ALL == ALL;
    let mut printed = String::new();
    if has_all {
        printed.push('A');
    }
    for &letter in LETTERS {
        let bit = bit(letter);
        let is_shown = bit & ALL == 0 && letter != b'n';
        if classes & bit != 0 && (!has_all || is_shown) {
            printed.push(letter.into());
        }
    }
    printed
}

/// What the publisher reads, and who it is.
#[derive(Debug, Default)]
pub(super) struct Notifier {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    subscription: Option<Subscription>,
    publisher: Option<Waker>,
}

/// Publishes events of these classes from here on.
pub(super) fn set(hub: &Hub, classes: u32) -> Result<(), Error> {
    let mut state = hub.notifier.state.lock();
    // What is still to be told is told by the rules it was made under.
    drain(hub, &mut state.subscription);
    let is_any = classes & (KEYSPACE | KEYEVENT) != 0 && classes & !(KEYSPACE | KEYEVENT) != 0;
    match (is_any, &state.subscription) {
        (true, None) => state.subscription = Some(hub.db.subscribe("*")?),
        (false, Some(_)) => state.subscription = None,
        (true, Some(_)) | (false, None) => {}
    }
    hub.settings.notify.store(classes, Ordering::Relaxed);
    if let Some(publisher) = &state.publisher {
        publisher.wake_by_ref();
    }
    Ok(())
}

fn drain(hub: &Hub, subscription: &mut Option<Subscription>) {
    // Not more than a feed keeps: writers may be as fast as this.
    for _ in 0..FeedLimits::default().frames {
        let Some(reader) = subscription else {
            return;
        };
        match reader.try_recv() {
            Ok(Some(change)) => tell(hub, &change),
            Ok(None) => return,
            Err(error) => recover(hub, subscription, &error),
        }
    }
}

/// Goes on after what cannot be told any more.
fn recover(hub: &Hub, subscription: &mut Option<Subscription>, error: &Error) {
    *subscription = match error {
        Error::Storage(StorageError::Lagged { .. }) => hub.db.subscribe("*").ok(),
        // The database is closed, or gives up: there will be no more changes.
        Error::Storage(_) | Error::Command(_) => None,
    };
}

/// Publishes the events of a change that somebody may want.
fn tell(hub: &Hub, change: &Change) {
    let classes = hub.settings.notify.load(Ordering::Relaxed);
    let database = change.database();
    let publish = |channel: &[u8], message: &[u8]| {
        let now_ms = hub.now_ms();
        hub.channels
            .publish(Kind::Channel, channel, message, &hub.settings, now_ms);
    };
    for event in change.events() {
        let letter = u8::try_from(event.class().letter()).unwrap_or_default();
        if classes & bit(letter) == 0 {
            continue;
        }
        let (key, event) = (change.key(), event.name().as_bytes());
        if classes & KEYSPACE != 0 {
            let channel = [format!("__keyspace@{database}__:").as_bytes(), key].concat();
            publish(&channel, event);
        }
        if classes & KEYEVENT != 0 {
            let channel = [format!("__keyevent@{database}__:").as_bytes(), event].concat();
            publish(&channel, key);
        }
    }
}

/// How many changes are told before other tasks have their turn.
const CHANGES_PER_TURN: usize = 128;

/// The publisher: runs as long as its thread.
pub(super) async fn publish(hub: Arc<Hub>) {
    let publisher = Publisher { hub };
    std::future::poll_fn(|context| publisher.poll(context)).await;
}

/// Ends the subscription with the task.
struct Publisher {
    hub: Arc<Hub>,
}

impl Publisher {
    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.hub.notifier.state.lock();
        let State {
            subscription,
            publisher,
        } = &mut *state;
        *publisher = Some(context.waker().clone());
        for _ in 0..CHANGES_PER_TURN {
            let Some(reader) = subscription else {
                return Poll::Pending;
            };
            match reader.poll_recv(context) {
                Poll::Ready(Ok(change)) => tell(&self.hub, &change),
                Poll::Ready(Err(error)) => recover(&self.hub, subscription, &error),
                Poll::Pending => return Poll::Pending,
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        *self.hub.notifier.state.lock() = State::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_printed_as_redis_prints_them() {
        for (given, printed) in [
            ("", ""),
            ("gKE$lshzxetdmnA", "AKEm"),
            ("KEm", "KEm"),
            ("Kg$", "g$K"),
            ("g", "g"),
            ("AKE", "AKE"),
            ("nxE", "xnE"),
            ("AKEn", "AKE"),
            ("mnd", "dnm"),
            ("KEd", "dKE"),
        ] {
            assert_eq!(print(parse(given.as_bytes()).unwrap()), printed, "{given}");
        }
        assert_eq!(parse(b"KQ"), None);
        assert_eq!(parse(b"K E"), None);
    }
}
