//! A Redis server over a Unix socket as a contestant. Its client is written here: RESP, and pipelines.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;

use crate::common::bitmap::Bitmaps;
use crate::common::clock::resident_bytes;
use crate::common::data::{Calls, Key, Values, first8};
use crate::common::durable::Durable;
use crate::common::scratch;
use crate::common::stall::Compacts;
use crate::common::store::Store;

pub(crate) const PIPELINE: usize = 100;

/// Whether there is one on the path.
pub(crate) fn is_there() -> bool {
    let version = Command::new("redis-server")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// The server's process: ends with it.
struct Server {
    process: Mutex<Child>,
    id: u32,
    /// The socket has a directory of its own: paths of sockets must be short.
    sockets: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let process = self.process.get_mut();
        // It may have been shut down already.
        drop(process.kill());
        drop(process.wait());
    }
}

/// A connection; clones of the handle share the server.
pub(crate) struct Redis {
    server: Arc<Server>,
    stream: UnixStream,
    replies: BufReader<UnixStream>,
    request: Vec<u8>,
    pub(crate) bulk: Vec<u8>,
    fsync: Option<&'static str>,
    directory: Option<Arc<TempDir>>,
}

/// What a server answers, its bytes left in the connection's buffer.
pub(crate) enum Answer {
    /// `OK` and its like.
    Status,
    /// A number.
    Number(i64),
    /// A string, in `bulk`.
    Bulk,
    /// Nothing.
    Nil,
    /// This many answers follow.
    Array(usize),
}

impl Redis {
    /// A new server on a new directory, with or without an append-only file.
    pub(crate) fn new(fsync: Option<&'static str>) -> Self {
        let directory = scratch();
        let mut redis = Self::open(directory.path(), fsync);
        redis.directory = Some(Arc::new(directory));
        redis
    }

    /// A new server on files that are there; returns when they are loaded.
    pub(crate) fn open(at: &Path, fsync: Option<&'static str>) -> Self {
        let sockets = tempfile::Builder::new()
            .prefix("nacre-")
            .tempdir()
            .expect("a directory");
        let socket = sockets.path().join("redis");
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            "0",
            "--save",
            "",
            "--loglevel",
            "warning",
            "--daemonize",
            "no",
        ]);
        command.args(["--auto-aof-rewrite-percentage", "0"]);
        command
            .arg("--dir")
            .arg(at)
            .arg("--unixsocket")
            .arg(&socket);
        match fsync {
            Some(policy) => command.args(["--appendonly", "yes", "--appendfsync", policy]),
            None => command.args(["--appendonly", "no"]),
        };
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("starts");
        let id = process.id();
        let server = Arc::new(Server {
            process: Mutex::new(process),
            id,
            sockets,
        });
        let stream = connect(&socket);
        let mut redis = Self::on(server, stream, fsync);
        while !redis.try_ping() {
            std::thread::sleep(Duration::from_millis(1));
        }
        redis
    }

    fn on(server: Arc<Server>, stream: UnixStream, fsync: Option<&'static str>) -> Self {
        let replies = BufReader::with_capacity(1 << 16, stream.try_clone().expect("a second end"));
        let (request, bulk) = (Vec::new(), Vec::new());
        Self {
            server,
            stream,
            replies,
            request,
            bulk,
            fsync,
            directory: None,
        }
    }

    /// Adds a command to the request.
    pub(crate) fn put_command(&mut self, words: &[&[u8]]) {
        write!(self.request, "*{}\r\n", words.len()).expect("memory");
        for word in words {
            write!(self.request, "${}\r\n", word.len()).expect("memory");
            self.request.extend_from_slice(word);
            self.request.extend_from_slice(b"\r\n");
        }
    }

    pub(crate) fn send(&mut self) {
        self.stream
            .write_all(&self.request)
            .expect("the server is there");
        self.request.clear();
    }

    fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::with_capacity(32);
        self.replies
            .read_until(b'\n', &mut line)
            .expect("the server is there");
        assert!(line.ends_with(b"\r\n"), "the server has gone");
        line.truncate(line.len() - 2);
        line
    }

    pub(crate) fn answer(&mut self) -> Result<Answer, String> {
        let line = self.line();
        let text = String::from_utf8_lossy(&line[1..]).into_owned();
        match line[0] {
            b'+' => Ok(Answer::Status),
            b'-' => Err(text),
            b':' => Ok(Answer::Number(text.parse().expect("a number"))),
            b'*' => Ok(Answer::Array(text.parse().expect("a length"))),
            b'$' if text == "-1" => Ok(Answer::Nil),
            b'$' => {
                let len: usize = text.parse().expect("a length");
                self.bulk.resize(len + 2, 0);
                self.replies
                    .read_exact(&mut self.bulk)
                    .expect("the server is there");
                self.bulk.truncate(len);
                Ok(Answer::Bulk)
            }
            other => panic!("answer of kind {other}"),
        }
    }

    pub(crate) fn call(&mut self, words: &[&[u8]]) -> Answer {
        self.put_command(words);
        self.send();
        let answer = self.answer();
        answer.unwrap_or_else(|text| panic!("{}: {text}", String::from_utf8_lossy(words[0])))
    }

    pub(crate) fn number(&mut self, words: &[&[u8]]) -> u64 {
        match self.call(words) {
            Answer::Number(number) => u64::try_from(number).expect("not negative"),
            Answer::Status | Answer::Bulk | Answer::Nil | Answer::Array(_) => {
                panic!("not a number")
            }
        }
    }

    fn try_ping(&mut self) -> bool {
        self.put_command(&[b"PING"]);
        self.send();
        self.answer().is_ok()
    }

    /// Ends the server as an operator would.
    fn shut_down(&mut self, how: &[u8]) {
        self.put_command(&[b"SHUTDOWN", how]);
        self.send();
        let mut rest = Vec::new();
        let ended = self.replies.read_to_end(&mut rest);
        assert!(
            ended.is_ok() && rest.is_empty(),
            "{}",
            String::from_utf8_lossy(&rest)
        );
        let status = self.server.process.lock().wait().expect("waited for");
        assert!(status.success(), "the server: {status}");
    }

    fn reopened(mut self) -> Self {
        self.shut_down(b"NOSAVE");
        let directory = self.directory.take().expect("a directory");
        let mut redis = Self::open(directory.path(), self.fsync);
        redis.directory = Some(directory);
        redis
    }

    /// Waits until a line of `INFO persistence` says this.
    fn wait_for_info(&mut self, wanted: &str) {
        loop {
            self.call(&[b"INFO", b"persistence"]);
            let info = String::from_utf8_lossy(&self.bulk).into_owned();
            if info.lines().any(|line| line == wanted) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn connect(socket: &Path) -> UnixStream {
    for _ in 0..10_000 {
        if let Ok(stream) = UnixStream::connect(socket) {
            return stream;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("no server at {}", socket.display());
}

/// Makes files in `at`: an RDB file, or a log.
pub(crate) fn fill(at: &Path, fsync: Option<&'static str>, load: &mut dyn FnMut(&mut Redis)) {
    let mut redis = Redis::open(at, fsync);
    load(&mut redis);
    redis.shut_down(if fsync.is_some() { b"NOSAVE" } else { b"SAVE" });
}

impl Store for Redis {
    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.call(&[b"SET", key, value]);
    }

    fn visit8(&mut self, key: &[u8]) -> u64 {
        self.call(&[b"GET", key]);
        first8(&self.bulk)
    }

    fn copy8(&mut self, key: &[u8]) -> u64 {
        self.visit8(key)
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        match self.call(&[b"GET", key]) {
            Answer::Bulk => Some(self.bulk.clone()),
            Answer::Nil => None,
            Answer::Status | Answer::Number(_) | Answer::Array(_) => panic!("not a string"),
        }
    }

    fn count(&mut self) -> u64 {
        self.number(&[b"DBSIZE"])
    }

    fn remove(&mut self, key: &[u8]) {
        assert_eq!(self.number(&[b"DEL", key]), 1);
    }

    fn handle(&self) -> Option<Self> {
        let stream = connect(&self.server.sockets.path().join("redis"));
        Some(Self::on(Arc::clone(&self.server), stream, self.fsync))
    }

    fn visit_all(&mut self, keys: &[Key]) -> u64 {
        let mut sum = 0_u64;
        for some in keys.chunks(PIPELINE) {
            for key in some {
                self.put_command(&[b"GET", key]);
            }
            self.send();
            for _ in some {
                assert!(matches!(self.answer(), Ok(Answer::Bulk)), "a value");
                sum = sum.wrapping_add(first8(&self.bulk));
            }
        }
        sum
    }

    fn copy_all(&mut self, keys: &[Key]) -> u64 {
        self.visit_all(keys)
    }

    fn set_all(&mut self, calls: &Calls, values: &Values, version: u32) {
        let all: Vec<(&Key, &u32)> = calls.keys.iter().zip(&calls.indices).collect();
        for some in all.chunks(PIPELINE) {
            for (key, index) in some {
                self.put_command(&[b"SET", *key, values.of(**index, version)]);
            }
            self.send();
            for _ in some {
                assert!(matches!(self.answer(), Ok(Answer::Status)), "OK");
            }
        }
    }

    fn remove_all(&mut self, calls: &Calls) {
        for some in calls.keys.chunks(PIPELINE) {
            for key in some {
                self.put_command(&[b"DEL", key]);
            }
            self.send();
            for _ in some {
                assert!(matches!(self.answer(), Ok(Answer::Number(1))), "removed");
            }
        }
    }

    fn in_process(&self) -> bool {
        false
    }

    fn resident_bytes(&self) -> u64 {
        resident_bytes(Some(self.server.id))
    }
}

impl Durable for Redis {
    fn reopen(self) -> Self {
        self.reopened()
    }
}

impl Compacts for Redis {
    fn compact(&mut self) {
        self.call(&[b"BGREWRITEAOF"]);
        self.wait_for_info("aof_rewrite_in_progress:0");
        self.wait_for_info("aof_last_bgrewrite_status:ok");
    }

    fn reopen(self) -> Self {
        self.reopened()
    }
}

impl Bitmaps for Redis {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.call(&[b"SET", key, value]);
    }

    fn set_bit(&mut self, key: &[u8], offset: u64, on: bool) -> bool {
        let (offset, on) = (offset.to_string(), if on { b"1" } else { b"0" });
        self.number(&[b"SETBIT", key, offset.as_bytes(), on]) == 1
    }

    fn count_bits(&mut self, key: &[u8], range: Option<(i64, i64)>) -> u64 {
        match range {
            None => self.number(&[b"BITCOUNT", key]),
            Some((from, to)) => {
                let (from, to) = (from.to_string(), to.to_string());
                self.number(&[b"BITCOUNT", key, from.as_bytes(), to.as_bytes()])
            }
        }
    }

    fn count_any(&mut self, keys: &[Vec<u8>]) -> u64 {
        let mut words: Vec<&[u8]> = vec![b"BITOP", b"OR", b"any"];
        words.extend(keys.iter().map(Vec::as_slice));
        self.put_command(&words);
        self.put_command(&[b"BITCOUNT", b"any"]);
        self.send();
        let combined = self.answer();
        match (combined, self.answer()) {
            (Ok(Answer::Number(_)), Ok(Answer::Number(count))) => count.unsigned_abs(),
            _ => panic!("not numbers"),
        }
    }

    fn remove(&mut self, key: &[u8]) {
        self.number(&[b"DEL", key]);
    }

    fn far_keys(&self) -> u64 {
        2
    }

    fn resident_bytes(&self) -> u64 {
        resident_bytes(Some(self.server.id))
    }
}
