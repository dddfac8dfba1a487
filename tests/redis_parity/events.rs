//! The change feed against keyspace notifications: every command that changes something, and the events that
//! each side names for it, in order; once of all classes, and once of each.
//!
//! `events.txt` has a command in each line. Where our events differ they follow behind a bar; such a line
//! fails too once both sides agree. Three lines are no commands: `EXPIRES key` lets its deadline pass and be found
//! out, `PASSES` lets deadlines pass, and
//! `BLOCKED command ; command` runs the first on a connection of its own, which waits for the second.

use std::sync::Arc;
use std::time::Duration;

use nacredb::{Change, Db, Event, ManualClock, Session, Subscription};

use super::resp::{Client, Wire};
use super::server::RedisServer;

const LINES: &str = include_str!("events.txt");
/// What marks the end of a command's events.
const END: &str = "__keyevent@end__:end";
/// Every class that the feed knows; `A` has `n` not.
const CLASSES: &str = "g$lshzxen";

/// Longer than the deadlines that are to pass.
const PAUSE: Duration = Duration::from_millis(20);

/// Database, event and key of each change, in order.
type Events = Vec<String>;

struct Redis {
    client: Client,
    other: Client,
    listener: Client,
}

impl Redis {
    fn new(server: &mut RedisServer, classes: &str) -> Self {
        let mut client = server.client();
        let mut listener = server.client();
        let flags = format!("E{classes}");
        let set = client.call(&["CONFIG", "SET", "notify-keyspace-events", &flags]);
        assert_eq!(set.unwrap(), Wire::Status(b"OK".to_vec()));
        // Only what a command meets expires.
        client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]).unwrap();
        listener.call(&["PSUBSCRIBE", "__keyevent@*"]).unwrap();
        Self {
            client,
            other: server.client(),
            listener,
        }
    }

    fn run(&mut self, words: &[&str]) -> Events {
        let reply = self.client.call(words).unwrap();
        assert!(!matches!(reply, Wire::Error(_)), "{words:?}: {reply}");
        self.events()
    }

    fn run_blocked(&mut self, waits: &[&str], words: &[&str]) -> Events {
        self.other.push(waits);
        self.other.send().unwrap();
        let reply = self.client.call(words).unwrap();
        assert!(!matches!(reply, Wire::Error(_)), "{words:?}: {reply}");
        self.other.reply().unwrap();
        self.events()
    }

    fn events(&mut self) -> Events {
        // Not within a transaction of the other connection.
        self.other.call(&["PUBLISH", END, ""]).unwrap();
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
    session: Session,
    clock: Arc<ManualClock>,
    now_ms: u64,
    feed: Subscription,
    classes: String,
}

impl Ours {
    fn new(classes: &str) -> Self {
        let now_ms = 1_700_000_000_000;
        let clock = Arc::new(ManualClock::new(now_ms));
        let db = Db::builder().clock(clock.clone()).seed(1).open_in_memory();
        let feed = db.subscribe("*").unwrap();
        Self {
            session: db.session(),
            db,
            clock,
            now_ms,
            feed,
            classes: classes.to_owned(),
        }
    }

    fn run(&mut self, words: &[&str]) -> Events {
        let reply = self.session.execute(words);
        reply.unwrap_or_else(|error| panic!("{words:?}: {error}"));
        self.events()
    }

    fn pass(&mut self, time: Duration) {
        self.now_ms += time.as_millis() as u64;
        self.clock.set_ms(self.now_ms);
    }

    fn run_blocked(&mut self, waits: &[&str], words: &[&str]) -> Events {
        std::thread::scope(|scope| {
            scope.spawn(|| self.db.execute(waits).unwrap());
            self.session.execute(words).unwrap();
        });
        self.events()
    }

    fn events(&mut self) -> Events {
        let changes = std::iter::from_fn(|| self.feed.try_recv().unwrap());
        let name = |change: Change| {
            let key = String::from_utf8_lossy(change.key()).into_owned();
            let wanted = |event: &&Event| self.classes.contains(event.class().letter());
            let named = |event: &Event| format!("{}:{event}={key}", change.database());
            let events = change.events().iter().filter(wanted).map(named);
            events.collect::<Vec<_>>()
        };
        changes.flat_map(name).collect()
    }
}

pub(crate) fn compare(server: &mut RedisServer) {
    compare_classes(server, CLASSES);
    for class in CLASSES.chars() {
        compare_classes(server, &class.to_string());
    }
}

fn compare_classes(server: &mut RedisServer, classes: &str) {
    let mut redis = Redis::new(server, classes);
    let mut ours = Ours::new(classes);
    let mut wrong = Vec::new();
    for line in LINES.lines() {
        let (command, known) = match line.split_once('|') {
            Some((command, known)) => (command.trim(), Some(known.trim())),
            None => (line.trim(), None),
        };
        if command.is_empty() || command.starts_with('#') {
            continue;
        }
        // What differs is listed once, of all classes.
        let known = known.filter(|_| classes == CLASSES);
        let words: Vec<&str> = command.split_whitespace().collect();
        // An empty word has to be written somehow.
        let words: Vec<&str> = words.iter().map(|word| word.trim_matches('"')).collect();
        let (theirs, own) = if let ["EXPIRES", key] = words[..] {
            // A deadline that passes, found by a read there and by the expirer here.
            std::thread::sleep(PAUSE);
            ours.pass(PAUSE);
            ours.db.advance(Duration::ZERO).unwrap();
            (redis.run(&["GET", key]), ours.events())
        } else if let ["PASSES"] = words[..] {
            // Deadlines that pass unseen.
            std::thread::sleep(PAUSE);
            ours.pass(PAUSE);
            continue;
        } else if let ["BLOCKED", ref both @ ..] = words[..] {
            let at = both.iter().position(|word| *word == ";").unwrap();
            let (waits, words) = (&both[..at], &both[at + 1..]);
            (
                redis.run_blocked(waits, words),
                ours.run_blocked(waits, words),
            )
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
        "{classes}: {} commands:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
