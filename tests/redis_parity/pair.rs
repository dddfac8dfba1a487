//! Two databases that are told the same: a real Redis and ours. Replies are compared one by one; a
//! difference is reduced to the shortest history that still shows it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use nacredb::{Db, Error, EvictionPolicy, ManualClock, Reply};

use super::chance::{drawn, popped};
use super::known::{Agreement, agreement, as_text, number, scan_reply};
use super::resp::{Client, Wire, quoted};

/// A command in words.
pub(crate) type Command = Vec<Vec<u8>>;

/// How many commands are in flight to the server.
const IN_FLIGHT: usize = 256;
/// How many times a history may be replayed to shorten it.
const REPLAYS_MAX: usize = 600;

pub(crate) struct Pair {
    redis: Client,
    db: Db,
    clock: Arc<ManualClock>,
    /// Whose uses of keys are asked for.
    policy: EvictionPolicy,
    /// Keys whose value may come from `INCRBYFLOAT`.
    sums: BTreeSet<Vec<u8>>,
}

/// Replies that do not agree.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    pub(crate) index: usize,
    pub(crate) redis: Wire,
    pub(crate) ours: Wire,
}

impl Difference {
    /// Whether neither side can have changed anything, so that the stream may go on.
    fn is_harmless(&self, command: &Command) -> bool {
        let only_looks = is(command, "OBJECT") || is(command, "COMMAND");
        only_looks || matches!((&self.redis, &self.ours), (Wire::Error(_), Wire::Error(_)))
    }

    /// What differences of one cause have in common: the command and the kinds of the replies.
    pub(crate) fn signature(&self, command: &Command) -> String {
        let kind = |reply: &Wire| match reply {
            Wire::Error(text) => {
                let text = String::from_utf8_lossy(text);
                text.split('\'').next().unwrap_or_default().to_owned()
            }
            Wire::Status(_) => "status".to_owned(),
            Wire::Int(_) => "integer".to_owned(),
            Wire::Bulk(_) => "bulk".to_owned(),
            Wire::Nil => "nil".to_owned(),
            Wire::Array(_) => "array".to_owned(),
        };
        let name = command.first().map(|name| name.to_ascii_uppercase());
        let name = String::from_utf8_lossy(&name.unwrap_or_default()).into_owned();
        format!("{name}: {} / {}", kind(&self.redis), kind(&self.ours))
    }
}

/// A command as one types it into redis-cli.
pub(crate) fn shown(command: &Command) -> String {
    let plain = |word: &Vec<u8>| {
        !word.is_empty()
            && word.iter().all(|byte| byte.is_ascii_graphic())
            && !word.iter().any(|byte| b"\"'\\".contains(byte))
            && word.len() <= 400
    };
    let word = |word: &Vec<u8>| match plain(word) {
        true => String::from_utf8_lossy(word).into_owned(),
        false => quoted(word),
    };
    command.iter().map(word).collect::<Vec<_>>().join(" ")
}

impl Pair {
    pub(crate) fn new(redis: Client) -> Self {
        Self::with_policy(redis, EvictionPolicy::NoEviction, "noeviction")
    }

    /// With a policy, whose name Redis knows too, and so high a limit that nobody meets it.
    pub(crate) fn with_policy(mut redis: Client, policy: EvictionPolicy, name: &str) -> Self {
        let set = redis.call(&["CONFIG", "SET", "maxmemory-policy", name]);
        assert_eq!(
            set.expect("the server answers"),
            Wire::Status(b"OK".to_vec())
        );
        let clock = Arc::new(ManualClock::default());
        let mut pair = Self {
            redis,
            db: Db::open_in_memory(),
            clock,
            policy,
            sums: BTreeSet::new(),
        };
        pair.reset();
        pair
    }

    /// Empties both sides and sets our clock by the server's.
    fn reset(&mut self) {
        let flushed = self.ask_redis(&["FLUSHALL"]);
        assert_eq!(flushed, Wire::Status(b"OK".to_vec()));
        self.sums.clear();
        let Wire::Array(time) = self.ask_redis(&["TIME"]) else {
            panic!("TIME is not answered");
        };
        let part = |at: usize| match time.get(at) {
            Some(Wire::Bulk(digits)) => String::from_utf8_lossy(digits)
                .parse::<u64>()
                .expect("digits"),
            other => panic!("TIME answers {other:?}"),
        };
        self.clock.set_ms(part(0) * 1000 + part(1) / 1000);
        let limit = match self.policy {
            EvictionPolicy::NoEviction => 0,
            _ => 1 << 40,
        };
        self.db = Db::builder()
            .clock(self.clock.clone())
            .seed(1)
            .max_memory(limit, self.policy)
            .open_in_memory();
    }

    pub(crate) fn ask_redis<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Wire {
        self.redis.call(words).expect("the server answers")
    }

    /// Runs a command on our side. A panic is a reply like any other here: one that never agrees.
    pub(crate) fn ask_ours<W: AsRef<[u8]>>(&self, words: &[W]) -> Wire {
        match catch_unwind(AssertUnwindSafe(|| self.db.execute(words))) {
            Ok(Ok(reply)) => wire(reply),
            Ok(Err(Error::Command(error))) => Wire::Error(error_line(&error.to_string())),
            Ok(Err(error)) => Wire::Error(format!("not a command's error: {error}").into_bytes()),
            Err(_) => Wire::Error(b"a panic".to_vec()),
        }
    }

    /// Empties both sides, tells them these commands, and answers what they say to the last one.
    pub(crate) fn ask_both(&mut self, history: &[&[&[u8]]]) -> (Wire, Wire) {
        self.reset();
        let mut answers = (Wire::Nil, Wire::Nil);
        for command in history {
            answers = (self.ask_redis(command), self.ask_ours(command));
        }
        answers
    }

    /// Tells both sides the same. Differences that cannot have changed anything are collected; the
    /// first other one ends the run.
    fn run(&mut self, commands: &[Command]) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut start = 0;
        while start < commands.len() {
            let batch = &commands[start..batch_end(commands, start)];
            if is(&batch[0], "DBSIZE") {
                // Redis counts expired keys that nobody has touched: touch them.
                self.ask_redis(&["SCAN", "0", "COUNT", "1000000"]);
                self.db.advance(Duration::ZERO).expect("a manual clock");
            }
            for command in batch {
                self.redis.push(command);
            }
            self.redis.send().expect("the server takes requests");
            let ours: Vec<Wire> = batch.iter().map(|words| self.ask_ours(words)).collect();
            for (at, ours) in ours.into_iter().enumerate() {
                let redis = as_text(self.redis.reply().expect("the server answers"));
                let command = &batch[at];
                if let Err((redis, ours)) = self.compare(command, redis, ours) {
                    let difference = Difference {
                        index: start + at,
                        redis,
                        ours,
                    };
                    let harmless = difference.is_harmless(command);
                    found.push(difference);
                    if !harmless {
                        for _ in at + 1..batch.len() {
                            self.redis.reply().expect("the server answers");
                        }
                        return found;
                    }
                }
            }
            start += batch.len();
        }
        found
    }

    /// Empties both sides, tells them these commands, and asks for the whole keyspace at the end. The
    /// questions are appended to the commands.
    pub(crate) fn run_and_audit(&mut self, commands: &mut Vec<Command>) -> Vec<Difference> {
        self.reset();
        let mut found = self.run(commands);
        let whole = found
            .iter()
            .all(|difference| difference.is_harmless(&commands[difference.index]));
        if whole {
            let questions = self.audit();
            let answers = self.run(&questions).into_iter();
            found.extend(answers.map(|difference| Difference {
                index: difference.index + commands.len(),
                ..difference
            }));
            commands.extend(questions);
        }
        found
    }

    /// The commands that read the whole keyspace: every key, and of each its type, content, deadline
    /// and encoding.
    fn audit(&mut self) -> Vec<Command> {
        let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect();
        let mut commands: Vec<Command> = vec![words(&[b"KEYS", b"*"]), words(&[b"DBSIZE"])];
        let Wire::Array(keys) = self.ask_redis(&["KEYS", "*"]) else {
            panic!("KEYS is not answered");
        };
        for key in &keys {
            let Wire::Bulk(key) = key else {
                panic!("KEYS answers {key}");
            };
            commands.push(words(&[b"TYPE", key]));
            commands.push(words(&[b"PEXPIRETIME", key]));
            commands.push(words(&[b"OBJECT", b"ENCODING", key]));
            commands.push(match self.ask_redis(&[b"TYPE", key.as_slice()]) {
                Wire::Status(kind) if kind == b"list" => words(&[b"LRANGE", key, b"0", b"-1"]),
                Wire::Status(kind) if kind == b"hash" => words(&[b"HGETALL", key]),
                Wire::Status(kind) if kind == b"set" => words(&[b"SMEMBERS", key]),
                Wire::Status(kind) if kind == b"zset" => {
                    words(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"])
                }
                _ => words(&[b"GET", key]),
            });
        }
        commands
    }

    fn compare(&mut self, command: &Command, redis: Wire, ours: Wire) -> Result<(), (Wire, Wire)> {
        let mut agreement = agreement(command);
        if is(command, "INCRBYFLOAT") {
            self.sums.extend(command.get(1).cloned());
        }
        if agreement == Agreement::EncodingOfSum
            && !command.get(2).is_some_and(|key| self.sums.contains(key))
        {
            agreement = Agreement::Exact;
        }
        if !agreement.holds(&redis, &ours) {
            return Err((redis, ours));
        }
        match (agreement, &redis, &ours) {
            (Agreement::ExistingKey, Wire::Bulk(theirs), Wire::Bulk(own)) => {
                let there = |pair: &mut Self, key: &[u8]| {
                    let words: [&[u8]; 2] = [b"EXISTS", key];
                    let both = (pair.ask_redis(&words), pair.ask_ours(&words));
                    both == (Wire::Int(1), Wire::Int(1))
                };
                if there(self, theirs) && there(self, own) {
                    Ok(())
                } else {
                    Err((redis, ours))
                }
            }
            (Agreement::Figure, Wire::Int(_), Wire::Nil) => {
                let words: [&[u8]; 2] = [b"EXISTS", &command[2]];
                match self.ask_redis(&words) == Wire::Int(0) {
                    true => Ok(()),
                    false => Err((redis, ours)),
                }
            }
            (Agreement::Drawn, _, _) => match drawn(self, command, &redis, &ours) {
                true => Ok(()),
                false => Err((redis, ours)),
            },
            (Agreement::Popped, _, _) => match popped(self, command, &redis, &ours) {
                true => Ok(()),
                false => Err((redis, ours)),
            },
            (Agreement::HashOrder { .. }, _, _) if redis != ours => {
                let words: [&[u8]; 3] = [b"OBJECT", b"ENCODING", &command[1]];
                let encoding = self.ask_redis(&words);
                match encoding == Wire::Bulk(b"listpack".to_vec()) {
                    true => Err((redis, ours)),
                    false => Ok(()),
                }
            }
            (Agreement::ChosenFields, Wire::Bulk(_) | Wire::Array(_), _) => {
                let words: [&[u8]; 2] = [b"HGETALL", &command[1]];
                let whole = self.ask_redis(&words);
                let with_values = command.len() == 4;
                match chosen_from(&whole, &ours, with_values) {
                    true => Ok(()),
                    false => Err((whole, ours)),
                }
            }
            (Agreement::Scan, Wire::Array(_), Wire::Array(_)) => {
                let theirs = walk(command, |words| self.ask_redis(words));
                let own = walk(command, |words| self.ask_ours(words));
                match theirs == own {
                    true => Ok(()),
                    false => Err((theirs, own)),
                }
            }
            _ => Ok(()),
        }
    }

    /// The shortest history found that still ends in a difference, with that difference.
    pub(crate) fn minimise(
        &mut self,
        history: &[Command],
        original: &Difference,
    ) -> (Vec<Command>, Difference) {
        let mut best = history[..=original.index].to_vec();
        let mut difference = original.clone();
        let mut replays = 0;
        let target = original.signature(&best[original.index]);
        let mut fails = |pair: &mut Self, candidate: &[Command]| {
            replays += 1;
            if replays > REPLAYS_MAX {
                return None;
            }
            pair.reset();
            let last = candidate.len() - 1;
            let found = pair.run(candidate);
            let same = |found: &Difference| {
                found.index == last && found.signature(&candidate[last]) == target
            };
            found.into_iter().find(same)
        };
        // First only what names a key of the failing command, then ever smaller pieces.
        if let Some(last) = best.last() {
            let touches = |command: &Command| command[1..].iter().any(|word| last.contains(word));
            let related: Vec<Command> = best.iter().filter(|c| touches(c)).cloned().collect();
            if related.last() == Some(last)
                && let Some(found) = fails(self, &related)
            {
                (best, difference) = (related, found);
            }
        }
        let mut piece = best.len().div_ceil(2);
        while piece > 0 {
            let mut at = 0;
            while at < best.len() - 1 {
                let end = (at + piece).min(best.len() - 1);
                let mut candidate = best.clone();
                candidate.drain(at..end);
                match fails(self, &candidate) {
                    Some(found) => (best, difference) = (candidate, found),
                    None => at = end,
                }
            }
            piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
        }
        (best, difference)
    }
}

/// Whether a reply of `HRANDFIELD` holds nothing that `HGETALL` does not answer.
fn chosen_from(whole: &Wire, chosen: &Wire, with_values: bool) -> bool {
    let items = |wire: &Wire| match wire {
        Wire::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let (whole, chosen) = (items(whole), items(chosen));
    let known: Vec<&[Wire]> = whole.chunks(2).collect();
    if with_values {
        return chosen.chunks(2).all(|pair| known.contains(&pair));
    }
    let is_field = |field: &Wire| known.iter().any(|pair| pair[0] == *field);
    chosen.iter().all(is_field)
}

fn is(command: &Command, name: &str) -> bool {
    command
        .first()
        .is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
}

/// Where the batch that starts at `start` ends. A command whose comparison asks further questions
/// stands alone: both sides are then in the state right after it.
fn batch_end(commands: &[Command], start: usize) -> usize {
    let alone = |command: &Command| {
        is(command, "DBSIZE")
            || matches!(
                agreement(command),
                Agreement::Scan
                    | Agreement::ExistingKey
                    | Agreement::HashOrder { .. }
                    | Agreement::ChosenFields
                    | Agreement::Drawn
                    | Agreement::Popped
                    | Agreement::Figure
            )
    };
    let rest = &commands[start..commands.len().min(start + IN_FLIGHT)];
    match rest.iter().position(alone) {
        Some(0) => start + 1,
        Some(before) => start + before,
        None => start + rest.len(),
    }
}

/// Everything a `SCAN` or one of its kin with these options finds from cursor 0 to the end, sorted,
/// once each.
fn walk(command: &Command, mut ask: impl FnMut(&Command) -> Wire) -> Wire {
    let mut command = command.clone();
    let cursor_at = if is(&command, "SCAN") { 1 } else { 2 };
    let step = if is(&command, "HSCAN") || is(&command, "ZSCAN") {
        2
    } else {
        1
    };
    let is_zset = is(&command, "ZSCAN");
    command[cursor_at] = b"0".to_vec();
    let mut found_all = BTreeSet::new();
    for _ in 0..100_000 {
        let reply = ask(&command);
        let Some((cursor, found)) = scan_reply(&reply) else {
            return reply;
        };
        found_all.extend(found.chunks(step).map(|item| match (is_zset, item) {
            (true, [member, score]) => {
                let score = number(score).map(|score| score.to_string());
                [member, score.unwrap_or_default().as_bytes()].concat()
            }
            _ => item.concat(),
        }));
        if cursor == b"0" {
            return Wire::Array(found_all.into_iter().map(Wire::Bulk).collect());
        }
        command[cursor_at] = cursor.to_vec();
    }
    Wire::Error(b"the walk does not end".to_vec())
}

/// Our reply as it would go over the wire.
pub(crate) fn wire(reply: Reply) -> Wire {
    match reply {
        Reply::Nil => Wire::Nil,
        Reply::Status(text) => Wire::Status(text.as_bytes().to_vec()),
        Reply::Int(number) => Wire::Int(number),
        Reply::Bulk(bytes) => Wire::Bulk(bytes),
        Reply::Array(items) => Wire::Array(items.into_iter().map(wire).collect()),
        Reply::Error(error) => Wire::Error(error_line(&error.to_string())),
        Reply::Map(pairs) => {
            let flat = pairs.into_iter().flat_map(|(key, value)| [key, value]);
            Wire::Array(flat.map(wire).collect())
        }
        other => panic!("a reply that has no form on the wire: {other:?}"),
    }
}

/// An error as one line: what ends a line on the wire becomes a space, as in Redis.
pub(crate) fn error_line(text: &str) -> Vec<u8> {
    text.replace(['\r', '\n'], " ").into_bytes()
}
