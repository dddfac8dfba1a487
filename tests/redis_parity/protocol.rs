//! The bytes of answers: what our encoder makes of our replies beside what the server sends, in both
//! versions of the protocol.
//!
//! `protocol.txt` has every command of the table in each form whose answer has a form of its own; each of
//! its titles starts anew. Of a line that begins with `~` only the kind of the answer is compared: what it
//! says is different, or never the same.

use std::collections::BTreeSet;
use std::fmt::Write;

use nacredb::resp::write::write_error;
use nacredb::resp::{Protocol, Shape, write_answer, write_exec};
use nacredb::{Db, Reply, Session};

use super::pair::{Command, shown};
use super::resp::{Client, quoted};
use super::sequences;
use super::server::RedisServer;
use super::table::is_newer;

/// What a server does for one connection.
struct Ours {
    session: Session,
    protocol: Protocol,
    queued: Vec<Shape>,
}

impl Ours {
    fn answer(&mut self, command: &Command) -> Vec<u8> {
        let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        let mut out = Vec::new();
        let is_queueing = self.session.is_queueing();
        match self.session.execute(&words) {
            Ok(reply) if is_queueing && !self.session.is_queueing() => {
                write_exec(&mut out, &self.queued, &reply, self.protocol);
            }
            Ok(reply) => {
                if reply == Reply::Status("QUEUED".into()) {
                    self.queued.push(Shape::of(&words));
                }
                write_answer(&mut out, &words, &reply, self.protocol);
            }
            Err(error) => write_error(&mut out, &error.to_string()),
        }
        if !self.session.is_queueing() {
            self.queued.clear();
        }
        out
    }
}

fn ask(redis: &mut Client, words: &[Vec<u8>]) -> Vec<u8> {
    redis.push(words);
    redis.send().expect("the server takes requests");
    redis.raw_reply().expect("the server answers")
}

pub(crate) fn compare(server: &mut RedisServer) {
    let script = sequences::read(include_str!("protocol.txt"));
    let mut report = String::new();
    for (protocol, version) in [(Protocol::Resp2, "2"), (Protocol::Resp3, "3")] {
        for (title, commands) in &script {
            let mut redis = server.client();
            ask(&mut redis, &["HELLO", version].map(Vec::from));
            ask(&mut redis, &["FLUSHALL"].map(Vec::from));
            let mut ours = Ours {
                session: Db::open_in_memory().session(),
                protocol,
                queued: Vec::new(),
            };
            for command in commands {
                let (command, compared) = match command.split_first() {
                    Some((mark, command)) if mark == b"~" => (command.to_vec(), 1),
                    _ => (command.clone(), usize::MAX),
                };
                let theirs = ask(&mut redis, &command);
                let own = ours.answer(&command);
                let cut = |bytes: &[u8]| quoted(&bytes[..bytes.len().min(compared)]);
                if cut(&theirs) != cut(&own) {
                    let command = shown(&command);
                    let (theirs, own) = (quoted(&theirs), quoted(&own));
                    let _ = writeln!(report, "{version}, {title}: {command}");
                    let _ = writeln!(report, "  Redis: {theirs}\n  ours:  {own}");
                }
            }
        }
    }
    assert!(report.is_empty(), "answers differ:\n{report}");

    let mut told = BTreeSet::new();
    for command in script.iter().flat_map(|(_, commands)| commands) {
        let words = command.iter().filter(|word| *word != b"~");
        let upper = words.map(|word| String::from_utf8_lossy(word).to_ascii_uppercase());
        let upper: Vec<String> = upper.collect();
        told.insert(upper[0].clone());
        told.insert(upper[..upper.len().min(2)].join("|"));
    }
    let missing: Vec<&str> = nacredb::commands()
        .map(|row| row.name())
        .filter(|name| !is_newer(name.as_bytes()) && !told.contains(*name))
        .collect();
    assert!(missing.is_empty(), "not in protocol.txt: {missing:?}");
}
