//! Requests as they come over a connection: one parser for each connection, which owns the bytes that
//! were read and not yet answered.
//!
//! Called by servers: read into [`RequestParser::spare`], then [`RequestParser::next`] until it has no
//! more. The words of a request are slices of that buffer; nothing is copied but the words of inline
//! commands, whose quotes must go.
//!
//! Invariants:
//! 1. `start <= at <= buffer.len()`. The request being read begins at `start`; all before `at` is
//!    understood.
//! 2. The ranges of its words count from `start`, so that they hold when bytes move to the front. An
//!    inline command's are ranges of `unquoted`.
//! 3. Bytes move to the front only over at least as many that are done with, so that moving costs no
//!    more than reading did.

use std::fmt;
use std::ops::Range;

use super::inline;
use crate::value::number::parse_i64;

/// How much a request may ask for. Past a limit stands a [`ProtocolError`], as in Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest word, in bytes: Redis's `proto-max-bulk-len`, 512 MB by default.
    pub bulk_bytes_max: usize,
    /// The most words. By default as many as Redis 7 allows, 2^31 - 1.
    pub multibulk_max: usize,
    /// The longest line, its end left out: an inline command's or a length's. 64 KB by default, never
    /// less than 2 bytes.
    pub inline_bytes_max: usize,
    /// Whether the client may send more than what it takes to say who it is: 10 words of 16 KB. True by
    /// default. See [`RequestParser::set_authenticated`].
    pub authenticated: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bulk_bytes_max: 512 << 20,
            multibulk_max: i32::MAX as usize,
            inline_bytes_max: 64 << 10,
            authenticated: true,
        }
    }
}

/// Most words of a client that has not said who it is.
const UNAUTHENTICATED_WORDS_MAX: usize = 10;
/// Longest word of a client that has not said who it is.
const UNAUTHENTICATED_BYTES_MAX: usize = 16 << 10;

/// An empty buffer (or words) larger than this is given back.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// Why a connection's bytes are no request. The connection can only be closed: nothing says where the
/// next request would begin.
///
/// [`fmt::Display`] prints Redis's text without the code word `ERR `.
///
/// ```
/// use nacredb::resp::{ProtocolError, RequestParser};
/// let mut parser = RequestParser::new();
/// parser.feed(b"*1\r\nGET\r\n");
/// let error = parser.next().unwrap_err();
/// assert_eq!(error, ProtocolError::ExpectedBulk(b'G'));
/// assert_eq!(error.to_string(), "Protocol error: expected '$', got 'G'");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The number of words is no number or too large.
    InvalidMultibulkLength,
    /// A word's length is no number, negative or too large.
    InvalidBulkLength,
    /// This byte stands where a word's `$` must.
    ExpectedBulk(u8),
    /// More words than a client may send before it has said who it is.
    UnauthenticatedMultibulkLength,
    /// A longer word than a client may send before it has said who it is.
    UnauthenticatedBulkLength,
    /// An inline command longer than a line may be.
    TooBigInlineRequest,
    /// The line with the number of words does not end.
    TooBigMultibulkCount,
    /// The line with a word's length does not end.
    TooBigBulkCount,
    /// An inline command's quote is not closed, or a closing one stands inside a word.
    UnbalancedQuotes,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol error: ")?;
        match self {
            Self::InvalidMultibulkLength => f.write_str("invalid multibulk length"),
            Self::InvalidBulkLength => f.write_str("invalid bulk length"),
            Self::ExpectedBulk(got) => write!(f, "expected '$', got '{}'", char::from(*got)),
            Self::UnauthenticatedMultibulkLength => f.write_str("unauthenticated multibulk length"),
            Self::UnauthenticatedBulkLength => f.write_str("unauthenticated bulk length"),
            Self::TooBigInlineRequest => f.write_str("too big inline request"),
            Self::TooBigMultibulkCount => f.write_str("too big mbulk count string"),
            Self::TooBigBulkCount => f.write_str("too big bulk count string"),
            Self::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// A whole request: at least one word. Its words live in the parser's buffer.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    bytes: &'a [u8],
    words: &'a [Range<usize>],
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("word_count", &self.word_count())
            .finish_non_exhaustive()
    }
}

impl<'a> Request<'a> {
    /// How many words it has, the command's name included.
    #[must_use]
    pub fn word_count(&self) -> usize {
        self.words.len()
    }

    /// The word at a position; 0 is the command's name.
    #[must_use]
    pub fn word(&self, at: usize) -> Option<&'a [u8]> {
        self.words.get(at).map(|range| &self.bytes[range.clone()])
    }

    /// All words in order, none of them copied.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let bytes = self.bytes;
        self.words.iter().map(move |range| &bytes[range.clone()])
    }
}

/// What the byte at `at` belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The first one of a request. All before it is done with.
    Request,
    /// The line that says how long the next word is; this many words are still to come.
    Length { words: usize },
    /// A word of this length, the first of so many that are still to come.
    Word { words: usize, len: usize },
}

/// Reads requests out of bytes that come in any pieces.
///
/// # Complexity
/// O(bytes) for all requests together, whatever the pieces: no byte is looked at twice. Memory is in
/// proportion to the bytes that came and are not yet done with.
///
/// ```
/// use nacredb::resp::RequestParser;
/// # fn main() -> Result<(), nacredb::resp::ProtocolError> {
/// let mut parser = RequestParser::new();
/// parser.feed(b"*2\r\n$3\r\nGET\r\n$5\r\nhel");
/// assert!(parser.next()?.is_none()); // More must come first.
/// parser.feed(b"lo\r\nPING\r\n");
///
/// let request = parser.next()?.expect("the first one is whole");
/// assert_eq!(request.words().collect::<Vec<_>>(), [&b"GET"[..], b"hello"]);
/// let request = parser.next()?.expect("a line is a request as well");
/// assert_eq!(request.word(0), Some(&b"PING"[..]));
/// assert!(parser.next()?.is_none());
/// # Ok(()) }
/// ```
pub struct RequestParser {
    buffer: Vec<u8>,
    start: usize,
    at: usize,
    /// How many bytes from `at` on are known not to end the line there.
    scanned: usize,
    expected: Expected,
    words: Vec<Range<usize>>,
    /// The words of an inline command, without quotes.
    unquoted: Vec<u8>,
    limits: Limits,
    failed: Option<ProtocolError>,
}

// Without what clients sent: it may be long, and a password.
impl fmt::Debug for RequestParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestParser")
            .field("buffered_bytes", &self.buffered_bytes())
            .field("expected", &self.expected)
            .field("limits", &self.limits)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl Default for RequestParser {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestParser {
    /// A parser with Redis's limits.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A parser with other limits.
    #[must_use]
    pub fn with_limits(mut limits: Limits) -> Self {
        limits.inline_bytes_max = limits.inline_bytes_max.max(ONE_DIGIT_LINE);
        Self {
            buffer: Vec::new(),
            start: 0,
            at: 0,
            scanned: 0,
            expected: Expected::Request,
            words: Vec::new(),
            unquoted: Vec::new(),
            limits,
            failed: None,
        }
    }

    /// Whether the client has said who it is, from the next length on. See [`Limits::authenticated`].
    pub fn set_authenticated(&mut self, authenticated: bool) {
        self.limits.authenticated = authenticated;
    }

    /// How many bytes came and are not yet done with: those of the request handed out last, and all
    /// behind it. A server that limits them holds a client's memory in proportion.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Takes bytes that came: [`spare`](Self::spare) and a copy.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.spare(bytes.len()).extend_from_slice(bytes);
    }

    /// The buffer, with room for at least this many bytes, or for the rest of a long word: to read a
    /// socket into. Only append to it.
    ///
    /// Ends the request handed out last. Room for a long word grows with what came of it; room that one
    /// took is given back.
    ///
    /// # Complexity
    /// O(1) amortised over the bytes appended.
    pub fn spare(&mut self, at_least: usize) -> &mut Vec<u8> {
        if self.expected == Expected::Request {
            self.done();
        }
        let live = self.buffer.len() - self.start;
        let is_large = self.buffer.capacity() > KEPT_BYTES_MAX;
        if is_large && live.saturating_add(at_least) <= KEPT_BYTES_MAX / 2 {
            self.move_to_front();
            self.buffer.shrink_to(live + at_least);
        } else if self.start >= live {
            self.move_to_front();
        }
        match self.wanted(live) {
            Some(wanted) => {
                let room = self.buffer.capacity() - self.buffer.len();
                if room < wanted.min(at_least) {
                    self.buffer.reserve_exact(wanted.min(live.max(at_least)));
                }
            }
            None => self.buffer.reserve(at_least),
        }
        &mut self.buffer
    }

    /// How many bytes a long request still needs, where room for them can be had to the byte: it then
    /// doubles, or is the last that the request takes.
    fn wanted(&self, live: usize) -> Option<usize> {
        let Expected::Word { words, len } = self.expected else {
            return None;
        };
        let missing = self.missing(len);
        let is_long = missing.max(live) > KEPT_BYTES_MAX;
        let is_enough = words == 1 || missing >= live;
        (missing > 0 && is_long && is_enough).then_some(missing)
    }

    fn move_to_front(&mut self) {
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
    }

    /// Gives back what memory it can: for connections that are silent.
    pub fn shrink(&mut self) {
        if self.expected == Expected::Request {
            self.done();
        }
        self.move_to_front();
        self.buffer.shrink_to_fit();
        self.words.shrink_to_fit();
        self.unquoted = Vec::new();
    }

    /// The next whole request; `None` if more bytes must come first. The one before it is done with.
    ///
    /// # Complexity
    /// O(bytes of the request); O(1) while it waits for more of a long word.
    ///
    /// # Errors
    /// [`ProtocolError`] if the bytes are no request, and the same one from then on.
    #[expect(
        clippy::should_implement_trait,
        reason = "a request borrows from its parser, which no Iterator's item may"
    )]
    pub fn next(&mut self) -> Result<Option<Request<'_>>, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.advance() {
            Ok(Some(form)) => Ok(Some(Request {
                bytes: match form {
                    Form::Multibulk => &self.buffer[self.start..],
                    Form::Inline => &self.unquoted,
                },
                words: &self.words,
            })),
            Ok(None) => Ok(None),
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// Forgets the request that ends at `at`.
    fn done(&mut self) {
        self.start = self.at;
        if self.words.capacity() > KEPT_BYTES_MAX / size_of::<Range<usize>>() {
            self.words = Vec::new();
        }
        self.words.clear();
        self.unquoted.clear();
    }

    /// Reads on until a request is whole.
    fn advance(&mut self) -> Result<Option<Form>, ProtocolError> {
        loop {
            match self.expected {
                Expected::Request => {
                    self.done();
                    match self.buffer.get(self.at) {
                        None => return Ok(None),
                        Some(b'*') => {
                            let Some(words) = self.multibulk_len()? else {
                                return Ok(None);
                            };
                            if words > 0 {
                                self.expected = Expected::Length { words };
                            }
                        }
                        Some(_) => {
                            let Some(line) = self.inline_line()? else {
                                return Ok(None);
                            };
                            let line = &self.buffer[line];
                            inline::split(line, &mut self.unquoted, &mut self.words)
                                .ok_or(ProtocolError::UnbalancedQuotes)?;
                            if !self.words.is_empty() {
                                return Ok(Some(Form::Inline));
                            }
                        }
                    }
                }
                Expected::Length { words } => {
                    let Some(len) = self.bulk_len()? else {
                        return Ok(None);
                    };
                    self.expected = Expected::Word { words, len };
                }
                Expected::Word { words, len } => {
                    if self.missing(len) > 0 {
                        return Ok(None);
                    }
                    let from = self.at - self.start;
                    self.words.push(from..from + len);
                    // What ends a word is not looked at, as in Redis.
                    self.at += len + LINE_END;
                    if words == 1 {
                        self.expected = Expected::Request;
                        return Ok(Some(Form::Multibulk));
                    }
                    self.expected = Expected::Length { words: words - 1 };
                }
            }
        }
    }

    /// How many bytes of the word of this length at `at`, and of its line end, have not come.
    fn missing(&self, len: usize) -> usize {
        len.saturating_add(LINE_END)
            .saturating_sub(self.buffer.len() - self.at)
    }

    /// How far the first `end` is from `at`; `None` if it has not come.
    fn find(&mut self, end: u8, too_big: ProtocolError) -> Result<Option<usize>, ProtocolError> {
        let line = &self.buffer[self.at..];
        let most = self.limits.inline_bytes_max.saturating_add(1);
        let line = &line[..line.len().min(most)];
        let unseen = &line[self.scanned..];
        if let Some(at) = unseen.iter().position(|&byte| byte == end) {
            let at = self.scanned + at;
            self.scanned = at;
            return Ok(Some(at));
        }
        self.scanned = line.len();
        match line.len() < most {
            true => Ok(None),
            false => Err(too_big),
        }
    }

    /// The number behind the first byte of the line at `at`, which is then behind `at`.
    fn line_number(
        &mut self,
        too_big: ProtocolError,
    ) -> Result<Option<(u8, Option<i64>)>, ProtocolError> {
        // Most lines: whole, and of one digit.
        if let [first, digit @ b'0'..=b'9', b'\r', _, ..] = self.buffer[self.at..] {
            self.at += ONE_DIGIT_LINE + LINE_END;
            self.scanned = 0;
            return Ok(Some((first, Some(i64::from(digit - b'0')))));
        }
        let Some(len) = self.find(b'\r', too_big)? else {
            return Ok(None);
        };
        let Some(line) = self.buffer.get(self.at..self.at + len + LINE_END) else {
            return Ok(None);
        };
        let first = line[0];
        let number = line.get(1..len).and_then(parse_i64);
        self.at += len + LINE_END;
        self.scanned = 0;
        Ok(Some((first, number)))
    }

    /// The number of words that a request announces, none if it is negative.
    fn multibulk_len(&mut self) -> Result<Option<usize>, ProtocolError> {
        let Some((_, number)) = self.line_number(ProtocolError::TooBigMultibulkCount)? else {
            return Ok(None);
        };
        let number = number.ok_or(ProtocolError::InvalidMultibulkLength)?.max(0);
        let words = usize::try_from(number)
            .ok()
            .filter(|&words| words <= self.limits.multibulk_max)
            .ok_or(ProtocolError::InvalidMultibulkLength)?;
        if words > UNAUTHENTICATED_WORDS_MAX && !self.limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        Ok(Some(words))
    }

    /// The length that a word announces.
    fn bulk_len(&mut self) -> Result<Option<usize>, ProtocolError> {
        let Some((first, number)) = self.line_number(ProtocolError::TooBigBulkCount)? else {
            return Ok(None);
        };
        if first != b'$' {
            return Err(ProtocolError::ExpectedBulk(first));
        }
        let len = number
            .and_then(|number| usize::try_from(number).ok())
            .filter(|&len| len <= self.limits.bulk_bytes_max)
            .ok_or(ProtocolError::InvalidBulkLength)?;
        if len > UNAUTHENTICATED_BYTES_MAX && !self.limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        Ok(Some(len))
    }

    /// The line at `at` without its end, which is then behind `at`.
    fn inline_line(&mut self) -> Result<Option<Range<usize>>, ProtocolError> {
        let Some(len) = self.find(b'\n', ProtocolError::TooBigInlineRequest)? else {
            return Ok(None);
        };
        let line = self.at..self.at + len;
        self.at = line.end + 1;
        self.scanned = 0;
        Ok(Some(match self.buffer[line.clone()] {
            [.., b'\r'] => line.start..line.end - 1,
            _ => line,
        }))
    }
}

/// How a request was written.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// A number of words, each with its length.
    Multibulk,
    /// A line.
    Inline,
}

/// The bytes of `\r\n`.
const LINE_END: usize = 2;
/// The bytes of the line of a number below 10, its end left out.
const ONE_DIGIT_LINE: usize = 2;

#[cfg(test)]
mod tests;
