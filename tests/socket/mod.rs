//! Clients of the server's tests: sockets that say what they are told and show what they hear, byte for byte, and a
//! real redis-server to say the same to.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nacredb::Db;
use nacredb::server::{Server, ServerBuilder};

/// No test waits longer for an answer: it then fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream whose reads end with an error when nothing comes.
pub(crate) trait Stream: Read + Write + Send {
    fn another(&self) -> io::Result<Box<dyn Stream>>;
    fn end_writing(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn another(&self) -> io::Result<Box<dyn Stream>> {
        self.set_read_timeout(Some(PATIENCE))?;
        self.set_write_timeout(Some(PATIENCE))?;
        self.set_nodelay(true)?;
        Ok(Box::new(self.try_clone()?))
    }

    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Stream for UnixStream {
    fn another(&self) -> io::Result<Box<dyn Stream>> {
        self.set_read_timeout(Some(PATIENCE))?;
        self.set_write_timeout(Some(PATIENCE))?;
        Ok(Box::new(self.try_clone()?))
    }

    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A client.
pub(crate) struct Socket {
    reader: BufReader<Box<dyn Stream>>,
    writer: Box<dyn Stream>,
}

/// A request of these words.
pub(crate) fn request<W: AsRef<[u8]>>(words: &[W]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

impl Socket {
    fn new(stream: Box<dyn Stream>) -> Self {
        let reader = stream.another().expect("a stream has two ends");
        Self {
            reader: BufReader::new(reader),
            writer: stream,
        }
    }

    pub(crate) fn tcp(server: &Server) -> Self {
        let stream = TcpStream::connect(server.addresses()[0]).expect("the server listens");
        Self::new(Box::new(stream))
    }

    pub(crate) fn unix(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Box::new(UnixStream::connect(path)?)))
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        Self::new(Box::new(stream))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).expect("the server reads");
    }

    /// As [`send`](Self::send), whether the server reads or not.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// Says a line, its words separated by spaces, without waiting for an answer.
    pub(crate) fn say(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        self.send(&request(&words));
    }

    /// Says a line and hears its one answer.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.hear()
    }

    /// The next answer or message, escaped.
    pub(crate) fn hear(&mut self) -> String {
        let bytes = self.hear_raw().expect("the server answers");
        bytes.escape_ascii().to_string()
    }

    pub(crate) fn hear_raw(&mut self) -> io::Result<Vec<u8>> {
        let broken = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
        let mut bytes = Vec::new();
        let mut left = 1;
        while left > 0 {
            left -= 1;
            let at = bytes.len();
            self.reader.read_until(b'\n', &mut bytes)?;
            let line = bytes[at..].strip_suffix(b"\r\n");
            let line = line.ok_or_else(|| broken("the connection ended"))?;
            let (&kind, rest) = line.split_first().ok_or_else(|| broken("an empty line"))?;
            let number = || -> io::Result<i64> {
                let digits = std::str::from_utf8(rest).ok();
                let number = digits.and_then(|digits| digits.parse().ok());
                number.ok_or_else(|| broken("no number"))
            };
            match kind {
                b'$' | b'=' => {
                    if let Ok(len) = usize::try_from(number()?) {
                        let from = bytes.len();
                        bytes.resize(from + len + 2, 0);
                        self.reader.read_exact(&mut bytes[from..])?;
                    }
                }
                b'*' | b'~' | b'>' => left += usize::try_from(number()?).unwrap_or(0),
                b'%' => left += 2 * usize::try_from(number()?).unwrap_or(0),
                b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => {}
                _ => return Err(broken("an unknown kind of answer")),
            }
        }
        Ok(bytes)
    }

    /// Everything until the server ends the connection, escaped.
    pub(crate) fn hear_out(&mut self) -> String {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!(
                "the connection does not end: {error}, after {}",
                bytes.escape_ascii()
            ),
        }
        bytes.escape_ascii().to_string()
    }

    /// Says that nothing more will come.
    pub(crate) fn end_writing(&self) {
        // The server may have ended it already.
        let _told = self.writer.end_writing();
    }

    /// The number that the server gave the connection.
    pub(crate) fn id(&mut self) -> String {
        let id = self.ask("CLIENT ID");
        id.trim_start_matches(':')
            .trim_end_matches("\\r\\n")
            .to_owned()
    }
}

/// A server of ours on TCP.
pub(crate) fn serve() -> Server {
    serve_as(Server::builder())
}

pub(crate) fn serve_as(builder: ServerBuilder) -> Server {
    let db = Db::open_in_memory();
    let started = builder.bind("127.0.0.1:0").start(db);
    started.expect("loopback is there")
}

/// Waits until something holds; the test fails if it never does.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} does not come true");
}

/// Waits until a connection waits in a blocking command.
pub(crate) fn until_blocked(asker: &mut Socket, id: &str) {
    until("a blocked connection", || {
        let list = asker.ask(&format!("CLIENT LIST ID {id}"));
        list.contains("flags=b")
    });
}

/// A redis-server of the tests' own, on a Unix socket. It ends with its handle.
pub(crate) struct Redis {
    child: Child,
    directory: tempfile::TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Already gone is as good as ended.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Redis {
    /// Starts one, or says why there is none.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("redis-server");
        command
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(directory.path().join("redis.sock"))
            .arg("--dir")
            .arg(directory.path())
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => {
                let redis = Self { child, directory };
                until("redis-server", || UnixStream::connect(redis.path()).is_ok());
                Some(redis)
            }
            Err(error) => {
                assert!(
                    std::env::var_os("NACRE_REQUIRE_REDIS").is_none_or(|value| value != "1"),
                    "redis-server is not installed and NACRE_REQUIRE_REDIS=1: {error}"
                );
                eprintln!("redis-server is not installed: a comparison is skipped");
                None
            }
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }
}

/// A step of a conversation: who speaks, what is said (nothing to listen only), and how many answers and messages are
/// heard then. A line that begins with `~` is compared without its digits.
pub(crate) type Step<'a> = (char, &'a str, usize);

/// Has the same conversation with a real Redis and with ours, and compares every byte of it.
pub(crate) fn compare(options: &[&str], builder: ServerBuilder, steps: &[Step<'_>]) {
    let Some(redis) = Redis::start(options) else {
        return;
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("ours.sock");
    let server = builder.unix_socket(&path).start(Db::open_in_memory());
    let server = server.expect("the directory takes a socket");
    let theirs = converse(&redis.path(), steps);
    let ours = converse(&path, steps);
    let mut differences = Vec::new();
    for (at, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
        let (who, line, _) = steps.get(at).copied().unwrap_or_default();
        if ours != theirs {
            differences.push(format!(
                "step {at}, {who}: {line}\n  Redis: {theirs}\n  ours:  {ours}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    drop(server);
}

/// What is heard at each step.
fn converse(path: &Path, steps: &[Step<'_>]) -> Vec<String> {
    let mut sockets: Vec<(char, Socket)> = Vec::new();
    let shown = |text: String, masked: bool| {
        let text = text.replace(&path.display().to_string(), "PATH");
        match masked {
            true => without_numbers(&text),
            false => text,
        }
    };
    let mut heard = Vec::new();
    for &(who, line, answers) in steps {
        if !sockets.iter().any(|(name, _)| *name == who) {
            let socket = Socket::unix(path).expect("the server listens");
            sockets.push((who, socket));
        }
        let socket = sockets.iter_mut().find(|(name, _)| *name == who);
        let (_, socket) = socket.expect("it was just made");
        let masked = line.starts_with('~');
        let line = line.trim_start_matches('~');
        if !line.is_empty() {
            socket.say(line);
        }
        let texts: Vec<String> = (0..answers)
            .map(|at| match socket.hear_raw() {
                Ok(bytes) => bytes.escape_ascii().to_string(),
                Err(error) => format!("(answer {at}: {error})"),
            })
            .collect();
        heard.push(shown(texts.concat(), masked));
    }
    // Whatever was not asked for would come now.
    for (who, socket) in &mut sockets {
        socket.end_writing();
        heard.push(format!(
            "{who} at the end: {}",
            shown(socket.hear_out(), true)
        ));
    }
    heard
}

/// A text in which every number is the same.
fn without_numbers(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' if shown.ends_with('N') => {}
            '0'..='9' => shown.push('N'),
            _ => shown.push(letter),
        }
    }
    shown
}
