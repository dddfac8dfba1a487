//! One connection's side of the server: a session, who it says it is, what it listens to, and how its
//! commands are run, counted and answered. No sockets.
//!
//! Called by `driver` with the requests of a socket or a pipe, and by `local` with a caller's own words.
//!
//! Invariants:
//! 1. Whoever has not given the password runs nothing but what the table marks for it.
//! 2. Answers are written in the order of the requests. What others send comes after the answer of the command that
//!    was running, but for a message the command itself has sent to its own connection, which comes before.
//! 3. A command that waits has written nothing yet; its answer is written by [`Client::answer`].

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use super::channels::protocol_of;
use super::cluster;
use super::commands::{self, Call};
use super::hub::Hub;
use super::monitor;
use super::record::{Mail, Record, Unblock};
use super::slowlog::{SlowCommand, shorten};
use super::stats::Tally;
use super::subscriptions::Subscriptions;
use crate::command::args::Args;
use crate::command::reply::Reply;
use crate::command::run::{Connection, Host};
use crate::command::spec::{CommandSpec, Flag};
use crate::command::{self};
use crate::db::{Blocked, Session, Way};
use crate::error::{CommandError, Error};
use crate::resp::write::{write_array_len, write_bulk, write_error};
use crate::resp::{Protocol, Shape, write_answer, write_exec};

/// An answer that is still to come.
pub(crate) struct Later {
    answer: Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>,
    /// What is answered when another connection ends the wait; work under way cannot be ended.
    if_ended: Option<Reply>,
}

/// What follows a command.
#[derive(Debug)]
pub(crate) enum Next {
    /// The next one.
    Go,
    /// Nothing, until this is done.
    Wait(Waiting),
    /// It has not run: a pause lasts until then, in milliseconds of the server's stopwatch.
    Paused { until_ms: u64 },
    /// The end, once the answers are sent.
    Close,
}

/// What came of a command.
#[derive(Debug)]
pub(super) enum Called {
    /// Its answer; a name that is no command's has no row.
    Done(Option<&'static CommandSpec>, Result<Reply, Error>),
    Waits(Waiting),
    Paused {
        until_ms: u64,
    },
    /// It is none of Redis's protocol, and nobody who speaks it would mean it.
    Stranger,
}

/// A command that waits for something.
pub(crate) struct Waiting {
    spec: &'static CommandSpec,
    shape: Shape,
    what: What,
}

/// Where a command waits that has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// On the caller's thread.
    Here,
    /// In a future.
    Later,
}

enum What {
    /// For something to take.
    Take(Blocked<Reply>),
    /// For something else.
    Answer(Later),
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Waiting").field(&self.spec.name).finish()
    }
}

impl Waiting {
    /// The answer, once it is there.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Reply, Error>> {
        match &mut self.what {
            What::Take(blocked) => {
                let taken = Pin::new(blocked).poll(context);
                taken.map(|taken| Ok(taken?.unwrap_or(Reply::Nil)))
            }
            What::Answer(later) => later.answer.as_mut().poll(context),
        }
    }

    /// What it waits to take.
    pub(super) fn into_blocked(self) -> Option<Blocked<Reply>> {
        match self.what {
            What::Take(blocked) => Some(blocked),
            What::Answer(_) => None,
        }
    }

    /// The answer to one whose wait another connection ends.
    pub(crate) fn unblocked(&self, how: Unblock) -> Option<Result<Reply, Error>> {
        let in_time = match &self.what {
            What::Take(_) => Reply::Nil,
            What::Answer(later) => later.if_ended.clone()?,
        };
        match how {
            Unblock::Timeout => Some(Ok(in_time)),
            Unblock::Error => {
                let text = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
                Some(Err(CommandError::Other(text.into()).into()))
            }
        }
    }
}

/// Whether answers are sent: `CLIENT REPLY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replies {
    On,
    Off,
    /// Not to the command that runs, but to the one after the next.
    SkipNext,
    /// Not to the next one.
    Skipping,
}

/// What a connection's own commands see of it and change.
pub(crate) struct State {
    pub(crate) hub: Arc<Hub>,
    pub(crate) record: Arc<Record>,
    pub(crate) is_authenticated: Cell<bool>,
    pub(crate) replies: Cell<Replies>,
    pub(crate) subscriptions: RefCell<Subscriptions>,
    /// Whether the connection ends after this command.
    pub(crate) closes: Cell<bool>,
    /// Whether the session is to begin anew.
    pub(crate) resets: Cell<bool>,
    /// An answer in bytes, for those that are none of [`Reply`]'s.
    pub(crate) written: RefCell<Vec<u8>>,
    pub(crate) later: RefCell<Option<Later>>,
    /// Whether the command that runs is one of a transaction's.
    pub(crate) in_exec: Cell<bool>,
    /// Whether commands run on the caller's thread: there is no task, and nobody to send messages to.
    pub(crate) waits_here: bool,
}

impl State {
    pub(crate) fn protocol(&self) -> Protocol {
        protocol_of(&self.record)
    }

    pub(crate) fn set_protocol(&self, version: u8) {
        self.record.protocol.store(version, Ordering::Relaxed);
    }

    /// Leaves work that takes long to a thread of its own, whose answer comes later; does it here where
    /// nothing may wait.
    pub(crate) fn answer_with(
        &self,
        work: impl FnOnce() -> Result<Reply, Error> + Send + 'static,
    ) -> Result<Reply, Error> {
        if self.waits_here || self.in_exec.get() {
            return work();
        }
        let work = tokio::task::spawn_blocking(work);
        self.answer_later(None, async move {
            work.await.unwrap_or_else(|_panic| {
                let text = "ERR the command panicked; the server goes on";
                Err(CommandError::Other(text.into()).into())
            })
        });
        Ok(Reply::Nil)
    }

    /// Gives an answer after some time, or when another connection ends the wait; no time is for ever. At once
    /// where nothing waits: in a transaction, and for ever where nobody could end it.
    pub(crate) fn answer_after(&self, time: Option<Duration>, reply: Reply) -> Reply {
        if self.in_exec.get() {
            return reply;
        }
        if self.waits_here {
            time.into_iter().for_each(std::thread::sleep);
            return reply;
        }
        self.answer_later(Some(reply.clone()), async move {
            match time {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
            Ok(reply)
        });
        Reply::Nil
    }

    /// Ends the connection after a command that has no answer if it succeeds.
    pub(crate) fn leaves_unanswered(&self) {
        self.replies.set(Replies::Off);
        self.closes.set(true);
    }

    fn answer_later(
        &self,
        if_ended: Option<Reply>,
        answer: impl Future<Output = Result<Reply, Error>> + Send + 'static,
    ) {
        *self.later.borrow_mut() = Some(Later {
            answer: Box::pin(answer),
            if_ended,
        });
    }
}

impl Connection for State {
    fn serve(&self, args: Args<'_>, host: &dyn Host) -> Result<Reply, Error> {
        commands::serve(Call {
            state: self,
            args,
            host,
        })
    }

    fn check(&self, spec: &CommandSpec, words: &[&[u8]]) -> Result<(), CommandError> {
        match self.hub.settings.is_cluster {
            true => cluster::check_command(spec, words),
            false => Ok(()),
        }
    }
}

/// A connection without its socket.
pub(crate) struct Client {
    session: Session,
    pub(crate) state: State,
    /// The shapes of what the queued commands will answer.
    queued: Vec<Shape>,
    tally: Tally,
    /// The last command that others see.
    shown: &'static str,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.state.record.id)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(hub: Arc<Hub>, record: Arc<Record>, waits_here: bool) -> Self {
        let is_authenticated = !hub.settings.has_password();
        Self {
            session: hub.db.session(),
            state: State {
                hub,
                record,
                is_authenticated: Cell::new(is_authenticated),
                replies: Cell::new(Replies::On),
                subscriptions: RefCell::default(),
                closes: Cell::new(false),
                resets: Cell::new(false),
                written: RefCell::default(),
                later: RefCell::default(),
                in_exec: Cell::new(false),
                waits_here,
            },
            queued: Vec::new(),
            tally: Tally::default(),
            shown: "",
        }
    }

    /// Runs a command and writes its answer behind `out`. `began_ns` is when the one before it ended, by the
    /// server's stopwatch, and becomes when this one did.
    pub(crate) fn run(&mut self, words: &[&[u8]], began_ns: &mut u64, out: &mut Vec<u8>) -> Next {
        match self.call(words, began_ns, Waits::Later) {
            Called::Done(spec, reply) => {
                if spec.is_some_and(ends_messages) {
                    // What was sent to it before comes before its answer.
                    self.state.record.take_own_mail(out);
                }
                self.write(spec, words, &reply, out);
                if self.state.closes.get() {
                    Next::Close
                } else {
                    Next::Go
                }
            }
            Called::Waits(mut waiting) => {
                waiting.shape = Shape::of(words);
                Next::Wait(waiting)
            }
            Called::Paused { until_ms } => Next::Paused { until_ms },
            Called::Stranger => Next::Close,
        }
    }

    /// Runs a command.
    pub(super) fn call(&mut self, words: &[&[u8]], began_ns: &mut u64, waits: Waits) -> Called {
        let spec = match command::check(words) {
            Ok(spec) => spec,
            Err(error) => {
                if is_of_another_protocol(words) {
                    return Called::Stranger;
                }
                if matches!(error, CommandError::WrongArity(_))
                    && let Ok(spec) = command::resolve(words)
                {
                    self.state.hub.counts.count_rejected(spec.name);
                }
                return Called::Done(None, Err(self.session.refuse_to_queue(error)));
            }
        };
        if let Err(error) = self.admit(spec, words) {
            self.state.hub.counts.count_rejected(spec.name);
            if spec.name == "EXEC" {
                self.session.discard();
            }
            let error = self.session.refuse_to_queue(error);
            return Called::Done(Some(spec), Err(error));
        }
        let hub = &self.state.hub;
        let writes = spec.flags.contains(&Flag::Write)
            || matches!(spec.name, "EXEC" | "PUBLISH" | "SPUBLISH");
        if let Some(until_ms) = hub.pause.until(writes, || hub.now_ms())
            && spec.name != "CLIENT|UNPAUSE"
            && !self.state.waits_here
        {
            return Called::Paused { until_ms };
        }
        let later = RefCell::new(None);
        let way = Way {
            connection: Some(&self.state),
            later: (waits == Waits::Later).then_some(&later),
        };
        self.state.in_exec.set(spec.name == "EXEC");
        let reply = self.session.run(spec, words, &way);
        let hub = &self.state.hub;
        if hub.monitors.is_any() {
            // Afterwards, as in Redis: who looks on at itself sees the answer first.
            let database = self.session.selected();
            monitor::show(hub, &self.state.record, database, spec, words);
        }
        if self.state.resets.take() {
            self.session.reset();
        }
        let what = match (later.into_inner(), self.state.later.take()) {
            (Some(blocked), _) => What::Take(blocked),
            (None, Some(later)) => What::Answer(later),
            (None, None) => {
                self.count(spec, words, began_ns, &reply);
                return Called::Done(Some(spec), reply);
            }
        };
        if self.state.waits_here {
            // Nobody can end the wait, and its answer does not come back here.
            self.tally
                .count(spec.name, 0, false, &self.state.hub.counts);
        } else {
            self.state.record.is_blocked.store(true, Ordering::Release);
        }
        Called::Waits(Waiting {
            spec,
            shape: Shape::PLAIN,
            what,
        })
    }

    /// Writes the answer of a command that has waited.
    pub(crate) fn answer(
        &mut self,
        waited: &Waiting,
        reply: &Result<Reply, Error>,
        out: &mut Vec<u8>,
    ) {
        let state = &self.state;
        // It is silent from here on, not from when it asked.
        state
            .record
            .active_ms
            .store(state.hub.now_ms(), Ordering::Relaxed);
        state.record.is_blocked.store(false, Ordering::Release);
        // What a command takes is what it works, not what it waits for.
        self.tally
            .count(waited.spec.name, 0, reply.is_err(), &self.state.hub.counts);
        let protocol = self.state.protocol();
        self.write_with(Some(waited.spec), reply, out, |out, reply| {
            waited.shape.write(out, reply, protocol);
        });
    }

    /// Whether a command may run now.
    fn admit(&self, spec: &CommandSpec, words: &[&[u8]]) -> Result<(), CommandError> {
        let state = &self.state;
        if !state.is_authenticated.get() && !spec.flags.contains(&Flag::NoAuth) {
            return Err(no_auth(words));
        }
        if state.record.is_monitor.load(Ordering::Relaxed) && is_for_replicas(spec) {
            let text = "ERR Replica can't interact with the keyspace";
            return Err(CommandError::Other(text.into()));
        }
        if state.hub.settings.is_cluster {
            cluster::check_slots(spec, words, &self.session)?;
        }
        if state.record.is_listener() && state.protocol() == Protocol::Resp2 {
            let is_allowed = matches!(
                spec.name,
                "PING"
                    | "QUIT"
                    | "RESET"
                    | "SUBSCRIBE"
                    | "UNSUBSCRIBE"
                    | "PSUBSCRIBE"
                    | "PUNSUBSCRIBE"
                    | "SSUBSCRIBE"
                    | "SUNSUBSCRIBE"
            );
            if !is_allowed {
                let name = spec.lower_name();
                let text = format!(
                    "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
                     are allowed in this context"
                );
                return Err(CommandError::Other(text.into()));
            }
        }
        Ok(())
    }

    /// Counts a command that has run, and keeps it if it took long.
    fn count(
        &mut self,
        spec: &'static CommandSpec,
        words: &[&[u8]],
        began_ns: &mut u64,
        reply: &Result<Reply, Error>,
    ) {
        let hub = &self.state.hub;
        if self.state.waits_here {
            self.tally.count(spec.name, 0, reply.is_err(), &hub.counts);
            return;
        }
        let now_ns = hub.now_ns();
        let took_ns = now_ns.saturating_sub(*began_ns);
        *began_ns = now_ns;
        self.tally
            .count(spec.name, took_ns, reply.is_err(), &hub.counts);
        let slow_us = hub.settings.slowlog_us.load(Ordering::Relaxed);
        let took_us = took_ns / 1000;
        if slow_us >= 0
            && took_us >= slow_us.unsigned_abs()
            && !spec.flags.contains(&Flag::SkipSlowlog)
        {
            let names = self.state.record.names.lock().name.clone();
            let command = SlowCommand {
                id: 0,
                unix_s: hub.unix_ms() / 1000,
                took_us,
                words: shorten(&monitor::redacted(spec, words)),
                address: self.state.record.address.clone(),
                name: names,
            };
            let len_max = hub.settings.slowlog_len_max.load(Ordering::Relaxed);
            hub.slowlog.add(command, len_max);
        }
        let slow_ms = hub.settings.latency_ms.load(Ordering::Relaxed);
        let took_ms = took_ns / 1_000_000;
        if slow_ms != 0 && took_ms >= slow_ms {
            let is_fast = spec.flags.contains(&Flag::Fast);
            let event = if is_fast { "fast-command" } else { "command" };
            hub.latency.add(event, hub.unix_ms() / 1000, took_ms);
        }
    }

    /// Writes the answer of a command with these words, if one is wanted.
    fn write(
        &mut self,
        spec: Option<&'static CommandSpec>,
        words: &[&[u8]],
        reply: &Result<Reply, Error>,
        out: &mut Vec<u8>,
    ) {
        let protocol = self.state.protocol();
        let is_pubsub_ping =
            spec.is_some_and(|spec| spec.name == "PING") && self.is_pubsub_context();
        let queued = match spec {
            Some(spec) if spec.name == "EXEC" => Some(std::mem::take(&mut self.queued)),
            Some(_) if self.session.is_queueing() => {
                if matches!(reply, Ok(Reply::Status(text)) if text == "QUEUED") {
                    self.queued.push(Shape::of(words));
                }
                None
            }
            Some(_) | None => {
                self.queued.clear();
                None
            }
        };
        self.write_with(spec, reply, out, |out, reply| match &queued {
            Some(queued) => write_exec(out, queued, reply, protocol),
            None if is_pubsub_ping => {
                write_array_len(out, 2);
                write_bulk(out, b"pong");
                let said = words.get(1).copied().unwrap_or_default();
                write_bulk(out, said);
            }
            None => write_answer(out, words, reply, protocol),
        });
    }

    fn write_with(
        &self,
        spec: Option<&'static CommandSpec>,
        reply: &Result<Reply, Error>,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>, &Reply),
    ) {
        let state = &self.state;
        let mut written = state.written.borrow_mut();
        let replies = state.replies.get();
        state.replies.set(match replies {
            Replies::SkipNext => Replies::Skipping,
            Replies::Skipping => Replies::On,
            Replies::On | Replies::Off => replies,
        });
        if replies != Replies::On {
            // What a listener is told is no answer.
            if spec.is_some_and(|spec| spec.flags.contains(&Flag::PubSub)) && reply.is_ok() {
                out.append(&mut written);
            }
            written.clear();
            return;
        }
        match reply {
            Ok(_) if !written.is_empty() => out.append(&mut written),
            Ok(reply) => write(out, reply),
            Err(error) => {
                written.clear();
                let text = error.to_string();
                state.hub.counts.count_error(&text);
                write_error(out, &text);
            }
        }
    }

    fn is_pubsub_context(&self) -> bool {
        self.state.record.is_listener() && self.state.protocol() == Protocol::Resp2
    }

    /// The number of the selected database.
    pub(super) fn selected(&self) -> u8 {
        self.session.selected()
    }

    /// Ends a pipeline: shows others what the connection is about, and adds what was counted.
    pub(crate) fn end_batch(&mut self) {
        let record = &self.state.record;
        record
            .database
            .store(self.session.selected(), Ordering::Relaxed);
        let queued = self
            .session
            .queued()
            .map_or(-1, |queued| i64::try_from(queued).unwrap_or(i64::MAX));
        record.queued.store(queued, Ordering::Relaxed);
        if let Some(name) = self.tally.name()
            && !std::ptr::eq(name, self.shown)
        {
            *record.last_command.lock() = name;
            self.shown = name;
        }
        self.tally.add_to(&self.state.hub.counts);
    }

    /// What others have for it; their messages go behind `out`.
    #[inline]
    pub(crate) fn take_mail(&self, out: &mut Vec<u8>) -> Option<Mail> {
        self.state.record.take_mail(out)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let state = &self.state;
        state
            .subscriptions
            .borrow_mut()
            .end_all(&state.hub.channels, &state.record);
        state.hub.dismiss(&state.record);
    }
}

/// Whether a command reads or changes what replicas have. Whoever looks on counts as one, and may not.
fn is_for_replicas(spec: &CommandSpec) -> bool {
    let has = |flag: Flag| spec.flags.contains(&flag);
    let runs_scripts = spec.group == "scripting" && spec.keys.any();
    let publishes = matches!(spec.name, "PUBLISH" | "SPUBLISH");
    has(Flag::Write) || has(Flag::ReadOnly) || runs_scripts || publishes
}

/// What one is told who has not given the password.
fn no_auth(words: &[&[u8]]) -> CommandError {
    let is_hello = words
        .first()
        .is_some_and(|name| name.eq_ignore_ascii_case(b"HELLO"));
    let text = if is_hello {
        commands::NO_AUTH_HELLO
    } else {
        "NOAUTH Authentication required."
    };
    CommandError::Other(text.into())
}

/// Whether these are the words of a browser that was led here.
fn is_of_another_protocol(words: &[&[u8]]) -> bool {
    let name = words.first().copied().unwrap_or_default();
    name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"HOST:")
}

/// Whether messages from before it must not follow its answer: those it has sent to itself, and those it wants no
/// more.
fn ends_messages(spec: &'static CommandSpec) -> bool {
    matches!(
        spec.name,
        "PUBLISH"
            | "SPUBLISH"
            | "UNSUBSCRIBE"
            | "PUNSUBSCRIBE"
            | "SUNSUBSCRIBE"
            | "RESET"
            | "HELLO"
            | "QUIT"
    )
}
