//! The second version of Redis's protocol, as far as a client needs it: requests out, replies in,
//! many in flight.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A reply as it came over the wire. The two forms of nil (`$-1` and `*-1`) count as one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wire {
    Status(Vec<u8>),
    Error(Vec<u8>),
    Int(i64),
    Bulk(Vec<u8>),
    Nil,
    Array(Vec<Wire>),
}

/// A longer array is cut short where it is printed.
const ITEMS_SHOWN: usize = 60;

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(text) => write!(f, "status {}", quoted(text)),
            Self::Error(text) => write!(f, "error {}", quoted(text)),
            Self::Int(number) => write!(f, "(integer) {number}"),
            Self::Bulk(bytes) => f.write_str(&quoted(bytes)),
            Self::Nil => f.write_str("nil"),
            Self::Array(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    if at == ITEMS_SHOWN {
                        return write!(f, ", ... ({} items)]", items.len());
                    }
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
        }
    }
}

/// Bytes in the form redis-cli prints and reads: quoted, escaped, and shortened when long.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 400;
    let mut text = String::from("\"");
    for &byte in bytes.iter().take(SHOWN) {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    if bytes.len() > SHOWN {
        text.push_str(&format!("... ({} bytes)", bytes.len()));
    }
    text
}

/// A connection. Requests are collected by [`push`](Self::push), sent by [`send`](Self::send), and
/// answered in order by [`reply`](Self::reply).
pub(crate) struct Client {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
    pending: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(path: &Path) -> io::Result<Self> {
        let writer = UnixStream::connect(path)?;
        Ok(Self {
            reader: BufReader::with_capacity(1 << 16, writer.try_clone()?),
            writer,
            pending: Vec::new(),
        })
    }

    pub(crate) fn push<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        self.pending
            .extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            let word = word.as_ref();
            self.pending
                .extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            self.pending.extend_from_slice(word);
            self.pending.extend_from_slice(b"\r\n");
        }
    }

    pub(crate) fn send(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// Sends one request and waits for its reply.
    pub(crate) fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<Wire> {
        self.push(words);
        self.send()?;
        self.reply()
    }

    /// Whether the server has begun to answer. Does not wait.
    pub(crate) fn has_reply(&mut self) -> bool {
        let set = |client: &Self, nonblocking| client.writer.set_nonblocking(nonblocking);
        set(self, true).expect("the socket can be set");
        let begun = matches!(self.reader.fill_buf(), Ok(bytes) if !bytes.is_empty());
        set(self, false).expect("the socket can be set");
        begun
    }

    pub(crate) fn reply(&mut self) -> io::Result<Wire> {
        let line = self.line()?;
        let (&kind, rest) = line.split_first().ok_or_else(|| broken("an empty line"))?;
        Ok(match kind {
            b'+' => Wire::Status(rest.to_vec()),
            b'-' => Wire::Error(rest.to_vec()),
            b':' => Wire::Int(number(rest)?),
            b'$' => {
                let Ok(len) = usize::try_from(number(rest)?) else {
                    return Ok(Wire::Nil);
                };
                let mut bytes = vec![0; len + 2];
                self.reader.read_exact(&mut bytes)?;
                bytes.truncate(len);
                Wire::Bulk(bytes)
            }
            b'*' => {
                let Ok(count) = usize::try_from(number(rest)?) else {
                    return Ok(Wire::Nil);
                };
                Wire::Array(
                    (0..count)
                        .map(|_| self.reply())
                        .collect::<io::Result<_>>()?,
                )
            }
            _ => return Err(broken("an unknown kind of reply")),
        })
    }

    /// Sends bytes as they are and nothing behind them: all that is answered before the server hangs up.
    pub(crate) fn last_words(mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        // Refused where the server hangs up before the end.
        let _ = self.writer.write_all(bytes);
        let _ = self.writer.shutdown(std::net::Shutdown::Write);
        let mut answers = Vec::new();
        self.reader.read_to_end(&mut answers)?;
        Ok(answers)
    }

    /// The bytes of a reply in either version of the protocol.
    pub(crate) fn raw_reply(&mut self) -> io::Result<Vec<u8>> {
        let line = self.line()?;
        let mut bytes = [&line[..], b"\r\n"].concat();
        let (&kind, rest) = line.split_first().ok_or_else(|| broken("an empty line"))?;
        let parts = match kind {
            b'$' | b'=' => {
                if let Ok(len) = usize::try_from(number(rest)?) {
                    let text_at = bytes.len();
                    bytes.resize(text_at + len + 2, 0);
                    self.reader.read_exact(&mut bytes[text_at..])?;
                }
                0
            }
            b'*' | b'~' | b'>' => number(rest)?,
            b'%' => 2 * number(rest)?,
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => 0,
            _ => return Err(broken("an unknown kind of reply")),
        };
        for _ in 0..parts {
            bytes.extend(self.raw_reply()?);
        }
        Ok(bytes)
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(whole) => Ok(whole.to_vec()),
            None => Err(broken("the connection ended")),
        }
    }
}

fn number(digits: &[u8]) -> io::Result<i64> {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| broken("not a number"))
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
