//! Several connections of each side: sessions with MULTI, WATCH and SELECT, and calls that wait.
//!
//! A stream is a list of steps, each a command on one of a few connections. On our side a connection is a
//! session on a thread of its own. After each step both sides must have answered the same connections with
//! the same replies, and the same connections must still wait.

#![allow(
    clippy::disallowed_methods,
    reason = "each connection has a thread of its own"
)]

use std::fmt::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nacredb::{Db, Error, EvictionPolicy, prelude::*};

use super::pair::{Command, error_line, shown, wire};
use super::resp::{Client, Wire};
use super::rng::Rng;
use super::server::RedisServer;

/// Steps of one stream.
const STREAM_LEN: usize = 80;
/// How long our side may take for what the server has done.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to each side.
struct Connection {
    redis: Client,
    commands: Sender<Command>,
    replies: Receiver<Wire>,
    thread: Option<JoinHandle<()>>,
    waits: bool,
}

impl Connection {
    fn open(server: &mut RedisServer, db: &Db) -> Self {
        let (commands, asked) = channel::<Command>();
        let (answer, replies) = channel();
        let mut session = db.session();
        let thread = thread::spawn(move || {
            for command in asked {
                let reply = match session.execute(&command) {
                    Ok(reply) => wire(reply),
                    Err(Error::Command(error)) => Wire::Error(error_line(&error.to_string())),
                    Err(error) => Wire::Error(format!("no command's error: {error}").into_bytes()),
                };
                if answer.send(reply).is_err() {
                    break;
                }
            }
        });
        Self {
            redis: server.client(),
            commands,
            replies,
            thread: Some(thread),
            waits: false,
        }
    }
}

/// What our side may use where there is a limit, and the database that something larger is put into so that
/// there is no room. The server is told another limit.
const LIMIT_BYTES: u64 = 1 << 20;
const BALLAST_DATABASE: u8 = 15;

struct Both {
    db: Db,
    connections: Vec<Connection>,
    control: Client,
    said: Vec<String>,
}

impl Both {
    fn new(server: &mut RedisServer, connections: usize) -> Self {
        let db = Db::builder()
            .seed(1)
            .max_memory(LIMIT_BYTES, EvictionPolicy::NoEviction)
            .open_in_memory();
        let mut control = server.client();
        control.call(&["FLUSHALL"]).expect("the server answers");
        let connections = (0..connections).map(|_| Connection::open(server, &db));
        let mut both = Self {
            connections: connections.collect(),
            db,
            control,
            said: Vec::new(),
        };
        both.limit(false);
        both
    }

    /// Lets both sides be out of memory, or not.
    fn limit(&mut self, is_full: bool) {
        self.said.push(format!("out of memory: {is_full}"));
        let bytes = if is_full { "1" } else { "0" };
        let set = self.control.call(&["CONFIG", "SET", "maxmemory", bytes]);
        assert_eq!(
            set.expect("the server answers"),
            Wire::Status(b"OK".to_vec())
        );
        let db = self.db.database(BALLAST_DATABASE).expect("there are 16");
        db.del("ballast").expect("it is open");
        if is_full {
            // No zeros: whole pages of them take nothing.
            let ballast = vec![1; 2 * LIMIT_BYTES as usize];
            db.set("ballast", ballast).expect("there is room before");
        }
    }

    /// Tells both sides the same on one connection; says what differs.
    fn step(&mut self, at: usize, command: Command) -> Result<(), String> {
        self.said.push(format!("{at}> {}", shown(&command)));
        // A wait with an end is waited for, so that nothing depends on when it ends.
        let ends = command.last().is_some_and(|word| word.starts_with(b"0.0"));
        let connection = &mut self.connections[at];
        connection.redis.push(&command);
        connection.redis.send().expect("the server takes requests");
        connection.commands.send(command).expect("the thread lives");
        connection.waits = true;
        // The server has done with the command, and with what follows from it, before the second PONG.
        for _ in 0..2 {
            self.control.call(&["PING"]).expect("the server answers");
        }
        if ends {
            let connection = &mut self.connections[at];
            while !connection.redis.has_reply() {
                thread::sleep(Duration::from_millis(1));
            }
        }
        for (at, connection) in self.connections.iter_mut().enumerate() {
            if !connection.waits || !connection.redis.has_reply() {
                continue;
            }
            connection.waits = false;
            let redis = connection.redis.reply().expect("the server answers");
            let ours = match connection.replies.recv_timeout(PATIENCE) {
                Ok(reply) => reply,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("{at}> Redis: {redis}; ours waits"));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(format!("{at}> a panic")),
            };
            if redis != ours && !is_unordered(&redis, &ours) {
                return Err(format!("{at}> Redis: {redis}\n   ours:  {ours}"));
            }
        }
        let waiting = self.connections.iter().filter(|it| it.waits).count() as u64;
        let blocked = || self.db.stats().expect("it is open").blocked_calls;
        for _ in 0..PATIENCE.as_millis() {
            if blocked() == waiting {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        if blocked() != waiting {
            return Err(format!("Redis: {waiting} wait; ours: {}", blocked()));
        }
        Ok(())
    }

    /// Asks for the whole of some databases on the first connection, which does not wait.
    fn audit(&mut self, databases: u8) -> Result<(), String> {
        let words = |line: String| line.split(' ').map(|word| word.into()).collect::<Command>();
        self.step(0, words("DISCARD".into()))?;
        for database in 0..databases {
            self.step(0, words(format!("SELECT {database}")))?;
            self.step(0, words("DBSIZE".into()))?;
            for key in KEYS.into_iter().chain(STORED) {
                self.step(0, words(format!("TYPE {key}")))?;
                let reads = [
                    "GET",
                    "LRANGE 0 -1",
                    "ZRANGE 0 -1 WITHSCORES",
                    "HGETALL",
                    "SMEMBERS",
                ];
                for read in reads {
                    let (name, rest) = read.split_once(' ').unwrap_or((read, ""));
                    let line = format!("{name} {key} {rest}");
                    self.step(0, words(line.trim_end().to_owned()))?;
                }
            }
        }
        Ok(())
    }

    /// Ends every wait and every thread.
    fn close(mut self) {
        self.db.close().expect("it closes");
        for connection in self.connections.drain(..) {
            let Connection {
                commands, thread, ..
            } = connection;
            drop(commands);
            if let Some(thread) = thread {
                thread.join().expect("the thread ends");
            }
        }
    }
}

/// Whether two arrays hold the same in any order: what a set answers.
fn is_unordered(redis: &Wire, ours: &Wire) -> bool {
    let (Wire::Array(redis), Wire::Array(ours)) = (redis, ours) else {
        return false;
    };
    let sorted = |items: &[Wire]| {
        let mut texts: Vec<String> = items.iter().map(Wire::to_string).collect();
        texts.sort();
        texts
    };
    sorted(redis) == sorted(ours) && redis.iter().all(|item| matches!(item, Wire::Bulk(_)))
}

const KEYS: [&str; 6] = ["a", "b", "c", "d", "y", "z"];
/// What only options STORE write. Redis 7.0 does not notice that somebody waits for a key where such an option
/// replaces a value of another type; ours does.
const STORED: [&str; 2] = ["s", "u"];

/// Chooses a line by weight and fills it in: `K` a key, `L` a list's key, `Z` a sorted set's, `V` a value,
/// `D` a database, `S` a side.
fn line(rng: &mut Rng, forms: &[(u64, &str)]) -> String {
    let total: u64 = forms.iter().map(|(weight, _)| weight).sum();
    let mut left = rng.below(total);
    let mut chosen = forms[0].1;
    for (weight, form) in forms {
        if left < *weight {
            chosen = form;
            break;
        }
        left -= weight;
    }
    let mut out = Vec::new();
    for word in chosen.split(' ') {
        let number = rng.below(20).to_string();
        out.push(match word {
            "K" => (*rng.pick(&KEYS)).to_owned(),
            "L" => (*rng.pick(&KEYS[..4])).to_owned(),
            "Z" => (*rng.pick(&KEYS[4..])).to_owned(),
            "V" => number,
            "D" => (*rng.pick(&["0", "1", "1", "2", "0", "16", "x"])).to_owned(),
            "S" => (*rng.pick(&["LEFT", "RIGHT", "left"])).to_owned(),
            other => other.to_owned(),
        });
    }
    out.join(" ")
}

const SESSION_FORMS: &[(u64, &str)] = &[
    (60, "MULTI"),
    (70, "EXEC"),
    (8, "DISCARD"),
    (40, "WATCH K"),
    (10, "WATCH K K"),
    (5, "UNWATCH"),
    (25, "SELECT D"),
    (20, "SET K V"),
    (4, "SET K V XX"),
    (4, "SET K V NX GET"),
    (10, "GET K"),
    (10, "INCR K"),
    (6, "APPEND K V"),
    (4, "SETRANGE K 1 V"),
    (8, "DEL K K"),
    (10, "RPUSH K V V"),
    (6, "LPOP K"),
    (3, "LSET K 0 V"),
    (3, "LREM K 0 V"),
    (6, "SADD K V V"),
    (4, "SREM K V"),
    (6, "HSET K V V"),
    (4, "HDEL K V"),
    (6, "ZADD K V V"),
    (4, "ZREM K V"),
    (4, "ZINCRBY K 0 V"),
    (4, "EXPIRE K 1000"),
    (2, "EXPIRE K -1"),
    (3, "PERSIST K"),
    (6, "RENAME K K"),
    (4, "RENAMENX K K"),
    (4, "COPY K K"),
    (6, "COPY K K DB D"),
    (4, "COPY K K DB D REPLACE"),
    (8, "MOVE K D"),
    (6, "SWAPDB D D"),
    (3, "FLUSHDB"),
    (2, "FLUSHALL"),
    (5, "EXISTS K K"),
    (4, "TYPE K"),
    (4, "DBSIZE"),
    (3, "BLPOP K 0.01"),
    (3, "NOSUCH K"),
    (2, "GET"),
    (2, "EXEC now"),
    (1, "MULTI now"),
    (1, "WATCH"),
    (1, "OBJECT nosuch K"),
];

const BLOCKING_FORMS: &[(u64, &str)] = &[
    (10, "BLPOP L 0"),
    (10, "BLPOP L L L 0"),
    (8, "BRPOP L L 0"),
    (8, "BLMOVE L L S S 0"),
    (4, "BRPOPLPUSH L L 0"),
    (6, "BLMPOP 0 2 L L S COUNT 2"),
    (6, "BZPOPMIN Z Z 0"),
    (6, "BZPOPMAX Z 0"),
    (4, "BZMPOP 0 2 Z Z MAX COUNT 2"),
    (4, "BLPOP L s 0"),
    (4, "BZPOPMIN u Z 0"),
    (2, "BLPOP L 0.001"),
    (2, "BZPOPMIN Z 0.001"),
];

/// What never waits.
const WRITING_FORMS: &[(u64, &str)] = &[
    (20, "RPUSH L V"),
    (10, "LPUSH L V V V"),
    (16, "ZADD Z V V V V"),
    (3, "DEL L"),
    (2, "SET K V"),
    (6, "RENAME K K"),
    (4, "COPY K K REPLACE"),
    (4, "COPY K K DB D"),
    (4, "MOVE K D"),
    (6, "SELECT D"),
    (6, "LMOVE L L S S"),
    (3, "LPOP L"),
    (3, "ZPOPMIN Z"),
    (3, "SORT L BY nosort STORE s"),
    (3, "ZUNIONSTORE u 2 Z Z"),
    (3, "ZRANGESTORE u Z 0 1"),
    (3, "DEL s u"),
    (12, "MULTI"),
    (16, "EXEC"),
    (1, "DISCARD"),
    (2, "BLPOP L x"),
    (2, "BLPOP L -1"),
    (2, "BLMOVE L L UP DOWN 0"),
    (2, "BLMPOP 0 0 L S"),
    (2, "BZMPOP 0 1 Z MIN COUNT 0"),
    (1, "FLUSHALL"),
];

/// Runs streams until so many commands were told, or one differs.
fn run(
    connections: usize,
    commands: u64,
    first_seed: u64,
    mut next: impl FnMut(&mut Rng, usize, &Both) -> Option<String>,
) {
    let Some(mut server) = RedisServer::start(1) else {
        return;
    };
    for seed in first_seed..first_seed + commands.div_ceil(STREAM_LEN as u64) {
        let mut rng = Rng::seeded(seed);
        let mut both = Both::new(&mut server, connections);
        let mut outcome = Ok(());
        for _ in 0..STREAM_LEN {
            let free: Vec<usize> = (0..connections)
                .filter(|&at| !both.connections[at].waits)
                .collect();
            let at = *rng.pick(&free);
            let Some(line) = next(&mut rng, at, &both) else {
                continue;
            };
            if let "FULL" | "ROOM" = line.as_str() {
                both.limit(line == "FULL");
                continue;
            }
            let command = line.split(' ').map(|word| word.into()).collect();
            outcome = both.step(at, command);
            if outcome.is_err() {
                break;
            }
        }
        both.limit(false);
        let outcome = outcome.and_then(|()| both.audit(3));
        if let Err(difference) = outcome {
            let mut text = format!("seed {seed}:\n");
            for line in &both.said {
                let _ = writeln!(text, "    {line}");
            }
            panic!("{text}{difference}");
        }
        both.close();
    }
}

/// Two sessions that queue, watch, select, and touch each other's keys.
pub(crate) fn sessions(commands: u64, first_seed: u64) {
    run(2, commands, first_seed, |rng, _, _| {
        Some(line(rng, SESSION_FORMS))
    });
}

/// As [`sessions`], with both sides out of memory now and then. `FLUSHALL` would make room on ours.
pub(crate) fn sessions_at_limit(commands: u64, first_seed: u64) {
    let forms = SESSION_FORMS.iter().filter(|(_, form)| *form != "FLUSHALL");
    let forms: Vec<(u64, &str)> = forms.copied().chain([(15, "FULL"), (40, "ROOM")]).collect();
    run(2, commands, first_seed, |rng, _, _| Some(line(rng, &forms)));
}

/// Connections that wait, and one that never does.
pub(crate) fn blocking(commands: u64, first_seed: u64) {
    run(5, commands, first_seed, |rng, at, _| {
        let forms = match at {
            0 => WRITING_FORMS,
            _ if rng.percent(70) => BLOCKING_FORMS,
            _ => WRITING_FORMS,
        };
        Some(line(rng, forms))
    });
}
