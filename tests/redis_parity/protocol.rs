//! The bytes of answers and of requests: what our encoder makes of our replies beside what the server sends,
//! in both versions of the protocol; and what our parser and the server make of the same bytes.
//!
//! `protocol.txt` has every command of the table in each form whose answer has a form of its own; each of
//! its titles starts anew. Of a line that begins with `~` only the kind of the answer is compared: what it
//! says is different, or never the same.

use std::collections::BTreeSet;
use std::fmt::Write;

use nacredb::resp::write::write_error;
use nacredb::resp::{Protocol, RequestParser, Shape, write_answer, write_exec};
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
    fn new(protocol: Protocol) -> Self {
        Self {
            session: Db::open_in_memory().session(),
            protocol,
            queued: Vec::new(),
        }
    }

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
            let mut ours = Ours::new(protocol);
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
        .filter(|row| !is_newer(row.name().as_bytes()) && !told.contains(row.name()))
        .filter(|row| !is_a_connections(row.example()))
        .map(|row| row.name())
        // Two would make the real one send us its database; the third it refuses without a cluster.
        .filter(|name| !matches!(*name, "PSYNC" | "SYNC" | "CLUSTER|HELP"))
        .collect();
    assert!(missing.is_empty(), "not in protocol.txt: {missing:?}");
}

/// Whether a command is one about a connection to a server, or the server: tests/server_connection.rs and
/// server_ops.rs compare those.
fn is_a_connections(example: &str) -> bool {
    let words: Vec<&str> = example.split(' ').collect();
    let reply = nacredb::Db::open_in_memory().execute(&words);
    reply.is_err_and(|error| {
        error
            .to_string()
            .ends_with("needs a connection to a server")
    })
}

/// Bytes that clients may send, each on a connection of its own.
const REQUESTS: &[&[u8]] = &[
    b"",
    b"PING",
    b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\nPING\r\n",
    // What ends a line or a word is skipped unseen.
    b"*1\rz$4\rzPINGxx*1\r\n$4\r\nPING\r\n",
    b"*0\r\n*-1\r\n*-9223372036854775808\r\nPING\n",
    b"*2147483647\r\nx\r\n",
    b"*2147483648\r\n",
    b"*9223372036854775808\r\n",
    b"*-0\r\n",
    b"*01\r\n",
    b"*+1\r\n",
    b"*\r\n",
    b"* 1\r\n",
    b"*1x\r\n",
    b"PING\r\n*1\r\nx\r\nPING\r\n",
    b"*1\r\nx",
    b"*1\r\n\r\n",
    b"*1\r\n\n\r\n",
    b"*1\r\n*1\r\n",
    b"*3\r\n$3\r\nSET\r\n:1\r\n",
    b"*1\r\n$536870912\r\n",
    b"*1\r\n$536870913\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$+4\r\n",
    b"*1\r\n$ 4\r\n",
    b"*1\r\n$\r\n",
    b"*1\r\n$04\r\n",
    b"*2\r\n$4\r\nECHO\r\n$99999999999999999999\r\n",
    b"\r\n\n \t \r\n\x0b\nPING\r\n",
    b"ECHO \r\n",
    b" ECHO\ta\r\nECHO a\rb\n",
    b"ECHO \"a\\x41\\n\\r\\t\\b\\a\\q\\x4g\\x\\\"\\\\\"\n",
    b"ECHO \"\\x4\"\nECHO \"\\x\"\n",
    b"ECHO 'a\\'b\\n\"'\r\n",
    b"ECHO a\"b c\"\nECHO a'b c'\n",
    b"ECHO \"\"\r\nECHO ''\r\n",
    b"ECHO a\\ b\nECHO a\\n\n",
    b"ECHO a\x0bb\x0c\n\x0bECHO \x0cab\n",
    b"ECHO \"a\"\x0b\n",
    b"ECHO \"a\"b\n",
    b"ECHO 'a'b\n",
    b"ECHO 'a''b'\n",
    b"'PING\r\n",
    b"\"PING\n",
    b"ECHO \"a\\\"\n",
    b"ECHO \"a\\\n",
    b"ECHO 'a\\'\n",
    b"$4\r\n+PING\r\n:1\r\n",
    b"ECHO \xff\xfe\r\n",
];

/// Compares what both sides answer to those, and to lines as long as they may be and longer.
pub(crate) fn compare_requests(server: &mut RedisServer) {
    let mut streams: Vec<Vec<u8>> = REQUESTS.iter().map(|bytes| bytes.to_vec()).collect();
    for head in ["a", "*", "*1\r\n$"] {
        // The line's length is counted from its last break.
        let line_at = head.rfind('\n').map_or(0, |at| at + 1);
        for len in [1 << 16, (1 << 16) + 1] {
            let line = vec![b'1'; len - (head.len() - line_at)];
            streams.push([head.as_bytes(), &line].concat());
        }
    }
    for bytes in &streams {
        let redis = server.client();
        let theirs = redis.last_words(bytes).expect("the server hangs up");
        let own = answers(bytes);
        let (theirs, own) = (quoted(&theirs), quoted(&own));
        assert_eq!(theirs, own, "after {}", quoted(bytes));
    }
}

/// What a server that uses the library answers.
fn answers(bytes: &[u8]) -> Vec<u8> {
    let mut ours = Ours::new(Protocol::Resp2);
    let mut parser = RequestParser::new();
    parser.feed(bytes);
    let mut out = Vec::new();
    loop {
        match parser.next() {
            Ok(Some(request)) => {
                let command = request.words().map(Vec::from).collect();
                out.extend(ours.answer(&command));
            }
            Ok(None) => return out,
            Err(error) => {
                write_error(&mut out, &format!("ERR {error}"));
                return out;
            }
        }
    }
}
