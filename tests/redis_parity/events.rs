//! The change feed against keyspace notifications: one of each command that changes something, and the
//! events that each side names for it, in order.
//!
//! `events.txt` has a command in each line. Where our events differ, because an effect does not tell which
//! command left it, they follow behind a bar; such a line fails too once both sides agree.

use std::sync::Arc;
use std::time::Duration;

use nacredb::{Change, Db, ManualClock, Subscription};

use super::resp::{Client, Wire};
use super::server::RedisServer;

const LINES: &str = include_str!("events.txt");
/// What marks the end of a command's events.
const END: &str = "__keyevent@end__:end";

/// Database, event and key of each change, in order.
type Events = Vec<String>;

struct Redis {
    client: Client,
    listener: Client,
}

impl Redis {
    fn new(server: &mut RedisServer) -> Self {
        let mut client = server.client();
        let mut listener = server.client();
        let set = client.call(&["CONFIG", "SET", "notify-keyspace-events", "EA"]);
        assert_eq!(set.unwrap(), Wire::Status(b"OK".to_vec()));
        listener.call(&["PSUBSCRIBE", "__keyevent@*"]).unwrap();
        Self { client, listener }
    }

    fn run(&mut self, words: &[&str]) -> Events {
        let reply = self.client.call(words).unwrap();
        assert!(!matches!(reply, Wire::Error(_)), "{words:?}: {reply}");
        self.client.call(&["PUBLISH", END, ""]).unwrap();
        let mut events = Vec::new();
        loop {
            let Wire::Array(parts) = self.listener.reply().unwrap() else {
                panic!("a message has parts");
            };
            let [_, _, Wire::Bulk(channel), Wire::Bulk(key)] = &parts[..] else {
                panic!("{parts:?}");
            };
            let channel = String::from_utf8_lossy(channel);
            if channel == END {
                return events;
            }
            let named = channel.trim_start_matches("__keyevent@");
            let named = named.replace("__:", ":");
            events.push(format!("{named}={}", String::from_utf8_lossy(key)));
        }
    }
}

struct Ours {
    db: Db,
    clock: Arc<ManualClock>,
    feed: Subscription,
}

impl Ours {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(1_700_000_000_000));
        let db = Db::builder().clock(clock.clone()).seed(1).open_in_memory();
        let feed = db.subscribe("*").unwrap();
        Self { db, clock, feed }
    }

    fn run(&mut self, words: &[&str]) -> Events {
        let reply = self.db.execute(words);
        reply.unwrap_or_else(|error| panic!("{words:?}: {error}"));
        self.events()
    }

    fn events(&mut self) -> Events {
        let changes = std::iter::from_fn(|| self.feed.try_recv().unwrap());
        let name = |change: Change| {
            let key = String::from_utf8_lossy(change.key()).into_owned();
            let named = |event: &&str| format!("{}:{event}={key}", change.database());
            change.events().iter().map(named).collect::<Vec<_>>()
        };
        changes.flat_map(name).collect()
    }
}

pub(crate) fn compare(server: &mut RedisServer) {
    let mut redis = Redis::new(server);
    let mut ours = Ours::new();
    let mut wrong = Vec::new();
    for line in LINES.lines() {
        let (command, known) = match line.split_once('|') {
            Some((command, known)) => (command.trim(), Some(known.trim())),
            None => (line.trim(), None),
        };
        if command.is_empty() || command.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        let (theirs, own) = if let ["EXPIRES", key] = words[..] {
            // A deadline that passes, found by a read there and by the expirer here.
            std::thread::sleep(Duration::from_millis(20));
            ours.clock.set_ms(1_700_000_000_000 + 20);
            ours.db.advance(Duration::ZERO).unwrap();
            (redis.run(&["GET", key]), ours.events())
        } else {
            (redis.run(&words), ours.run(&words))
        };
        let (theirs, own) = (theirs.join(" "), own.join(" "));
        if known.unwrap_or(&theirs) != own || known == Some(&theirs) {
            wrong.push(format!("{command} | {own}\n    Redis: {theirs}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} commands:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
