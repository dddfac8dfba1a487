//! Moves bytes between a socket (or a pipe) and a [`Client`]: one task for each connection.
//!
//! Invariants:
//! 1. Requests are run as soon as they are whole and answers are sent as soon as the socket takes them; neither
//!    waits for the other, so that a client may send much before it reads.
//! 2. Memory is bounded: what is read and not run by the limit of queries, what is written and not read by the
//!    limits of output, and where there is none by [`UNSENT_BYTES_MAX`], past which no request is run.
//! 3. A task that is given much to do yields to the others of its thread.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::client::{Client, Next, Waiting};
use super::record::{End, Unblock};
use crate::resp::write::write_error;
use crate::resp::{Limits, RequestParser};

/// Room for reading: at first, and at most.
const READ_BYTES: usize = 1 << 10;
const READ_BYTES_MAX: usize = 64 << 10;
/// An empty buffer larger than this is given back.
const KEPT_BYTES_MAX: usize = 64 << 10;
/// Answers are sent when they are so long, whatever is still to be run.
const SEND_BYTES: usize = 64 << 10;
/// While so much is unsent no more is run, unless the client has a limit of its own.
const UNSENT_BYTES_MAX: usize = 256 << 20;
/// The same for clients who have not given the password.
const UNSENT_STRANGER_BYTES_MAX: usize = 64 << 10;
/// Requests read and not run while a command waits.
const AHEAD_BYTES_MAX: usize = 1 << 20;
/// Steps of a task before it yields.
const STEPS: usize = 16;
/// How long it may run commands before it yields.
const TURN_NS: u64 = 1_000_000;

/// Serves a connection until it ends.
pub(crate) async fn drive(stream: impl AsyncRead + AsyncWrite + Unpin, client: Client) {
    let mut driver = Driver::new(stream, client);
    poll_fn(|context| driver.poll(context)).await;
}

struct Driver<S> {
    // Dropped before the stream: whoever sees the end of the socket finds the connection gone.
    client: Client,
    stream: S,
    parser: RequestParser,
    out: Vec<u8>,
    /// How much of `out` was sent.
    sent: usize,
    read_bytes: usize,
    waiting: Option<Waiting>,
    paused: Option<Paused>,
    /// No more requests are run; the connection ends when the answers are sent.
    closes: bool,
    is_known: bool,
    /// Requests may be left that are whole: they are run before it is looked whether the client is gone.
    is_behind: bool,
    /// It has run commands for long enough: others come first.
    had_its_turn: bool,
    /// The other side sends no more.
    at_end: bool,
}

/// A command that waits for the end of a pause.
struct Paused {
    words: Vec<Vec<u8>>,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Whether a step has done anything.
#[derive(PartialEq, Eq)]
enum Step {
    Done,
    Nothing,
    /// The connection is over.
    Over,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    fn new(stream: S, client: Client) -> Self {
        let mut limits = Limits::default();
        let settings = &client.state.hub.settings;
        let bulk_bytes_max = settings.bulk_bytes_max.load(Ordering::Relaxed);
        limits.bulk_bytes_max = usize::try_from(bulk_bytes_max).unwrap_or(usize::MAX);
        limits.authenticated = client.state.is_authenticated.get();
        Self {
            stream,
            client,
            parser: RequestParser::with_limits(limits),
            out: Vec::new(),
            sent: 0,
            read_bytes: READ_BYTES,
            waiting: None,
            paused: None,
            closes: false,
            is_known: false,
            is_behind: false,
            had_its_turn: false,
            at_end: false,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_known {
            self.client.state.record.wake_with(context.waker());
            self.is_known = true;
        }
        for _ in 0..STEPS {
            let mut is_idle = true;
            for step in [
                Self::fetch,
                Self::execute,
                Self::wait,
                Self::send,
                Self::read,
            ] {
                match step(self, context) {
                    Step::Over => return Poll::Ready(()),
                    Step::Done => is_idle = false,
                    Step::Nothing => {}
                }
            }
            if is_idle {
                return Poll::Pending;
            }
            if std::mem::take(&mut self.had_its_turn) {
                break;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Looks what others have for the connection.
    fn fetch(&mut self, _context: &mut Context<'_>) -> Step {
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        let mail = if self.closes {
            // Only what was asked for is still sent.
            self.client.take_mail(&mut Vec::new())
        } else {
            self.client.take_mail(&mut self.out)
        };
        let Some(mail) = mail else {
            return Step::Nothing;
        };
        match mail.end {
            Some(End::Now) => return Step::Over,
            Some(End::Flushed) => self.closes = true,
            None => {}
        }
        if let (Some(how), Some(waiting)) = (mail.unblock, &self.waiting)
            && let Some(reply) = waiting.unblocked(how)
        {
            self.client.answer(waiting, &reply, &mut self.out);
            self.client.end_batch();
            self.waiting = None;
        }
        Step::Done
    }

    /// Looks whether what a command waits for is there.
    fn wait(&mut self, context: &mut Context<'_>) -> Step {
        if let Some(waiting) = &mut self.waiting {
            let Poll::Ready(reply) = waiting.poll(context) else {
                return Step::Nothing;
            };
            self.client.answer(waiting, &reply, &mut self.out);
            self.client.end_batch();
            self.waiting = None;
            return Step::Done;
        }
        if let Some(paused) = &mut self.paused {
            if paused.ended.as_mut().poll(context).is_pending() {
                return Step::Nothing;
            }
            let words = std::mem::take(&mut paused.words);
            self.paused = None;
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let mut began_ns = self.client.state.hub.now_ns();
            let record = &self.client.state.record;
            record.is_paused.store(false, Ordering::Relaxed);
            let next = self.client.run(&words, &mut began_ns, &mut self.out);
            self.follow(next, &words);
            self.client.end_batch();
            return Step::Done;
        }
        Step::Nothing
    }

    /// Does what follows a command.
    fn follow(&mut self, next: Next, words: &[&[u8]]) {
        match next {
            Next::Go => {}
            Next::Wait(waiting) => self.waiting = Some(waiting),
            Next::Close => self.closes = true,
            Next::Paused { until_ms } => {
                let record = &self.client.state.record;
                record.is_paused.store(true, Ordering::Relaxed);
                let hub = self.client.state.hub.clone();
                let ended = async move {
                    let left_ms = until_ms.saturating_sub(hub.now_ms());
                    hub.pause.ended(left_ms).await;
                };
                self.paused = Some(Paused {
                    words: words.iter().map(|word| word.to_vec()).collect(),
                    ended: Box::pin(ended),
                });
            }
        }
    }

    fn may_run(&self) -> bool {
        if self.closes || self.waiting.is_some() || self.paused.is_some() {
            return false;
        }
        let state = &self.client.state;
        let unsent = self.unsent();
        if !state.is_authenticated.get() {
            return unsent < UNSENT_STRANGER_BYTES_MAX;
        }
        let limit = state.hub.settings.output_limit(state.record.output_class());
        limit.hard_bytes != 0 || unsent < UNSENT_BYTES_MAX
    }

    /// Runs the requests that are whole. Their answers are sent when all that they wrote is acknowledged.
    fn execute(&mut self, _context: &mut Context<'_>) -> Step {
        if !self.may_run() {
            return Step::Nothing;
        }
        let hub = std::sync::Arc::clone(&self.client.state.hub);
        let unanswered = self.out.len();
        match hub.db.together(|| self.execute_all()) {
            Ok(step) => step,
            Err(error) => {
                // Which of them is in the file nobody knows: no answer would be true.
                self.out.truncate(unanswered);
                write_error(&mut self.out, &error.to_string());
                self.closes = true;
                self.waiting = None;
                Step::Done
            }
        }
    }

    fn execute_all(&mut self) -> Step {
        let mut step = Step::Nothing;
        let mut began_ns = None;
        let mut turn_ends_ns = u64::MAX;
        self.is_behind = false;
        // What was asked for before may have changed it.
        let is_authenticated = self.client.state.is_authenticated.get();
        self.parser.set_authenticated(is_authenticated);
        loop {
            let request = match self.parser.next() {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(error) => {
                    write_error(&mut self.out, &format!("ERR {error}"));
                    self.closes = true;
                    step = Step::Done;
                    break;
                }
            };
            step = Step::Done;
            let began_ns = began_ns.get_or_insert_with(|| {
                let now_ns = self.client.state.hub.now_ns();
                turn_ends_ns = now_ns + TURN_NS;
                now_ns
            });
            // Most commands have few words: they need no allocation.
            let mut few: [&[u8]; 8] = [b""; 8];
            let mut many = Vec::new();
            let words = match few.get_mut(..request.word_count()) {
                Some(few) => {
                    few.iter_mut()
                        .zip(request.words())
                        .for_each(|(to, word)| *to = word);
                    &*few
                }
                None => {
                    many.extend(request.words());
                    &many[..]
                }
            };
            let was_authenticated = self.client.state.is_authenticated.get();
            match self.client.run(words, began_ns, &mut self.out) {
                Next::Go => {}
                next @ (Next::Wait(_) | Next::Close | Next::Paused { .. }) => {
                    let owned: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
                    let words: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
                    self.follow(next, &words);
                    break;
                }
            }
            let is_authenticated = self.client.state.is_authenticated.get();
            if is_authenticated != was_authenticated {
                self.parser.set_authenticated(is_authenticated);
            }
            self.had_its_turn = *began_ns > turn_ends_ns;
            if self.had_its_turn || self.out.len() - self.sent >= SEND_BYTES {
                self.is_behind = true;
                break;
            }
        }
        if step == Step::Done {
            let state = &self.client.state;
            let active_ns = began_ns.unwrap_or_else(|| state.hub.now_ns());
            let active_ms = active_ns / 1_000_000;
            state.record.active_ms.store(active_ms, Ordering::Relaxed);
            self.client.end_batch();
        }
        step
    }

    /// Sends what the socket takes.
    fn send(&mut self, context: &mut Context<'_>) -> Step {
        let mut step = Step::Nothing;
        while self.unsent() > 0 {
            let rest = &self.out[self.sent..];
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(0) | Err(_)) => return Step::Over,
                Poll::Ready(Ok(sent)) => {
                    self.sent += sent;
                    self.is_active();
                    let counts = &self.client.state.hub.counts;
                    counts
                        .output_bytes
                        .fetch_add(sent as u64, Ordering::Relaxed);
                    step = Step::Done;
                }
                Poll::Pending => break,
            }
        }
        let unsent = self.unsent();
        let record = &self.client.state.record;
        record.unsent_bytes.store(unsent, Ordering::Relaxed);
        if unsent == 0 {
            if self.closes && !self.must_finish() {
                // The other side may still be sending: it is told that no more will be read.
                let _closed = Pin::new(&mut self.stream).poll_shutdown(context);
                return Step::Over;
            }
            self.out.clear();
            self.sent = 0;
            if self.out.capacity() > KEPT_BYTES_MAX {
                self.out = Vec::new();
            }
        } else {
            if self.sent >= KEPT_BYTES_MAX && self.sent * 2 >= self.out.len() {
                self.out.drain(..self.sent);
                self.sent = 0;
            }
            let state = &self.client.state;
            let limit = state.hub.settings.output_limit(record.output_class());
            if limit.hard_bytes != 0 && unsent as u64 > limit.hard_bytes {
                return Step::Over;
            }
        }
        step
    }

    /// Whether a command is at work that nobody can end.
    fn must_finish(&self) -> bool {
        let waiting = self.waiting.as_ref();
        waiting.is_some_and(|waiting| waiting.unblocked(Unblock::Timeout).is_none())
    }

    /// Notes that something was read or sent.
    fn is_active(&self) {
        let state = &self.client.state;
        let now_ms = state.hub.now_ms();
        state.record.active_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Reads what came.
    fn read(&mut self, context: &mut Context<'_>) -> Step {
        if self.closes || self.is_behind {
            return Step::Nothing;
        }
        if self.at_end {
            // All that it had sent was run, and as much was answered as it took.
            return if self.must_finish() {
                Step::Nothing
            } else {
                Step::Over
            };
        }
        let buffered = self.parser.buffered_bytes();
        let is_held = !self.may_run();
        // Where nothing is to be sent, only reading tells that nobody is there any more.
        let is_told = self.unsent() > 0 || !self.client.state.is_authenticated.get();
        if is_held && is_told && buffered >= AHEAD_BYTES_MAX {
            return Step::Nothing;
        }
        let state = &self.client.state;
        if buffered as u64 > state.hub.settings.query_bytes_max.load(Ordering::Relaxed) {
            return Step::Over;
        }
        let buffer = self.parser.spare(self.read_bytes);
        let room = buffer.capacity() - buffer.len();
        let read = match pin!(self.stream.read_buf(buffer)).poll(context) {
            Poll::Ready(Err(_)) => return Step::Over,
            Poll::Ready(Ok(0)) => {
                // Nobody is there any more to wait for anything; what is at work is finished.
                self.at_end = true;
                return Step::Done;
            }
            Poll::Ready(Ok(read)) => read,
            Poll::Pending => {
                if buffered == 0 && self.read_bytes > READ_BYTES {
                    self.read_bytes = READ_BYTES;
                    self.parser.shrink();
                }
                return Step::Nothing;
            }
        };
        self.is_active();
        if read == room {
            self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
        }
        let state = &self.client.state;
        state
            .hub
            .counts
            .input_bytes
            .fetch_add(read as u64, Ordering::Relaxed);
        state
            .record
            .query_bytes
            .store(self.parser.buffered_bytes(), Ordering::Relaxed);
        Step::Done
    }
}
