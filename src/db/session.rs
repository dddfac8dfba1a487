//! [`Session`]: what Redis keeps for each connection, for callers that speak to a database as to a
//! server.
//!
//! Invariants:
//! 1. Between `MULTI` and `EXEC` nothing runs; what cannot be queued spoils the transaction. Where there is
//!    no room in memory nothing can be queued, and `EXEC` refuses what would need more.
//! 2. `EXEC` is one [`Transaction`]: one frame, and nobody else's change between its commands. A command
//!    that is refused then has changed nothing, and the others stand.
//! 3. Whatever ends a transaction ends the watch.

use std::cell::{Cell, RefCell};

use super::{Blocked, Db};
use crate::command::bitmap_window::Question;
use crate::command::blocking::Take;
use crate::command::reply::Reply;
use crate::command::run::{Connection, Host, Keys, ReadCall, ReadCommand, RunRead, RunWrite};
use crate::command::run::{Step, Usage, WriteCall, WriteCommand};
use crate::command::server::check_database;
use crate::command::spec::{CommandSpec, Flag};
use crate::command::{self, args};
use crate::engine::transaction::Transaction;
use crate::engine::watch::Watch;
use crate::error::{CommandError, Error};

/// A caller's own view of a database: the selected logical database, the commands queued after `MULTI`,
/// and the watched keys. Made by [`Db::session`].
///
/// [`execute`](Self::execute) takes commands in words, with the rules of Redis 7.0: an error while
/// commands are queued makes `EXEC` refuse, an error of a command that `EXEC` runs is an element of its
/// answer and undoes nothing. The typed methods of the prelude work on a session too, and
/// [`transaction`](Self::transaction) is the typed form of `MULTI` and `EXEC`.
///
/// ```
/// use nacredb::{Db, Error, Reply, prelude::*};
///
/// let db = Db::open_in_memory();
/// let mut session = db.session();
/// session.execute(&["MULTI"])?;
/// session.execute(&["INCR", "visits"])?;
/// session.execute(&["SELECT", "1"])?;
/// session.execute(&["INCR", "visits"])?;
/// assert_eq!(db.get("visits")?, None, "nothing has run yet");
/// let answers = session.execute(&["EXEC"])?;
/// assert_eq!(answers, Reply::Array(vec![Reply::Int(1), Reply::ok(), Reply::Int(1)]));
/// assert_eq!(session.selected(), 1);
///
/// // Optimistic: nothing happens if somebody else has written in between.
/// session.watch(&["visits"])?;
/// let seen = session.get("visits")?;
/// db.database(1)?.set("visits", "100")?;
/// let done: Option<()> = session.transaction(|tx| tx.set("copy", seen.unwrap_or_default()))?;
/// assert_eq!(done, None);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Session {
    db: Db,
    state: State,
}

/// A command in words, to be run by `EXEC`.
#[derive(Debug)]
struct Queued {
    spec: &'static CommandSpec,
    words: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct State {
    /// The commands since `MULTI`, if there was one.
    queue: Option<Vec<Queued>>,
    /// Whether one could not be queued.
    spoilt: bool,
    watch: Watch,
}

impl State {
    /// Whether the queue has a command that may need memory.
    fn needs_memory(&self) -> bool {
        let queued = self.queue.iter().flatten();
        queued.map(|queued| queued.spec).any(command::needs_memory)
    }

    /// Whether `EXEC` will not run the queue, so that there is no sense in queueing more.
    fn is_lost(&self) -> bool {
        self.spoilt || self.watch.is_touched()
    }

    /// Ends the transaction, without running it.
    fn discard(&mut self) -> Vec<Queued> {
        self.spoilt = false;
        self.queue.take().unwrap_or_default()
    }
}

fn refuse(text: &'static str) -> Error {
    CommandError::Other(text.into()).into()
}

/// What `EXEC` answers that cannot even begin, for the reason that is the text of another refusal.
fn discarded_because(error: &CommandError) -> Error {
    let text = error.to_string();
    let reason = text.strip_prefix("ERR ").unwrap_or(&text);
    let text = format!("EXECABORT Transaction discarded because of: {reason}");
    CommandError::Other(text.into()).into()
}

/// The commands that are not queued.
fn is_step(spec: &CommandSpec) -> bool {
    matches!(
        spec.name,
        "MULTI" | "EXEC" | "DISCARD" | "WATCH" | "QUIT" | "RESET"
    )
}

impl Session {
    pub(super) fn new(db: Db) -> Self {
        let watch = Watch::new(std::sync::Arc::clone(&db.handle.engine));
        let state = State {
            queue: None,
            spoilt: false,
            watch,
        };
        Self { db, state }
    }

    /// The database, at the selected logical database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The number of the selected logical database.
    #[must_use]
    pub fn selected(&self) -> u8 {
        self.db.database
    }

    /// Selects a logical database. Redis: `SELECT`.
    ///
    /// # Errors
    /// `ERR DB index is out of range` if there is no such database; a refusal between `MULTI` and `EXEC`.
    pub fn select(&mut self, database: u8) -> Result<(), Error> {
        self.check_not_queueing()?;
        check_database(database)?;
        self.db.database = database;
        Ok(())
    }

    /// The queued commands.
    #[cfg(feature = "server")]
    pub(crate) fn queued_commands(
        &self,
    ) -> impl Iterator<Item = (&'static CommandSpec, &[Vec<u8>])> {
        let queued = self.state.queue.iter().flatten();
        queued.map(|queued| (queued.spec, queued.words.as_slice()))
    }

    /// Ends the transaction without running it, and the watch.
    #[cfg(feature = "server")]
    pub(crate) fn discard(&mut self) {
        self.state.discard();
        self.state.watch.clear();
    }

    /// How many commands are queued; `None` outside `MULTI`.
    #[cfg(feature = "server")]
    pub(crate) fn queued(&self) -> Option<usize> {
        self.state.queue.as_ref().map(Vec::len)
    }

    /// Whether commands are being queued: after `MULTI`, before `EXEC`.
    #[must_use]
    pub fn is_queueing(&self) -> bool {
        self.state.queue.is_some()
    }

    /// Forgets queued commands and watched keys and selects database 0. Redis: `RESET`.
    pub fn reset(&mut self) {
        self.state.discard();
        self.state.watch.clear();
        self.db.database = 0;
    }

    /// Lets the next [`transaction`](Self::transaction) or `EXEC` do nothing if one of these keys is
    /// touched before. A key that is missing may be watched; one that expires counts as touched.
    /// Redis: `WATCH`.
    ///
    /// # Errors
    /// `ERR WATCH inside MULTI is not allowed`; [`StorageError`](crate::StorageError) where the handle
    /// may not be used.
    pub fn watch<K: AsRef<[u8]>>(&mut self, keys: &[K]) -> Result<(), Error> {
        if self.is_queueing() {
            return Err(refuse("ERR WATCH inside MULTI is not allowed"));
        }
        for key in keys {
            self.state.watch.add(self.db.database, key.as_ref())?;
        }
        Ok(())
    }

    /// Forgets the watched keys. Redis: `UNWATCH`.
    pub fn unwatch(&mut self) {
        self.state.watch.clear();
    }

    /// Runs `body` as one transaction if no watched key was touched, and says `None` without running it
    /// if one was. The watch ends. As with [`Db::transaction`], an error or a panic in `body` leaves no
    /// trace.
    ///
    /// # Errors
    /// What `body` answers; what [`Db::transaction`] answers; a refusal between `MULTI` and `EXEC`.
    pub fn transaction<R, E: From<Error>>(
        &mut self,
        body: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<Option<R>, E> {
        self.check_not_queueing()?;
        let engine = self.db.engine();
        engine.transaction_if_untouched(self.db.database, &mut self.state.watch, body)
    }

    /// Runs a command given in words, or queues it after `MULTI`: the answer then is the status `QUEUED`.
    /// `EXEC` answers an array, in which [`Reply::Error`] stands for a command that was refused, or
    /// [`Reply::Nil`] if a watched key was touched.
    ///
    /// # Errors
    /// [`Error::Command`] with Redis's text; nothing was changed. `EXECABORT` if a command could not be
    /// queued. [`Error::Storage`] from the file; `EXEC` has then done nothing unless it is
    /// [`Unconfirmed`](crate::StorageError::Unconfirmed).
    pub fn execute<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Result<Reply, Error> {
        let words = args::refs(words);
        match command::check(&words) {
            Ok(spec) => self.run(spec, &words, &Way::HERE),
            Err(error) => Err(self.refuse_to_queue(error)),
        }
    }

    /// As [`execute`](Self::execute), but a command that has to wait (`BLPOP` and its kin) answers a future
    /// and waits when that is polled, so that it does not block the thread.
    ///
    /// ```
    /// # use nacredb::{Db, Outcome, Reply, prelude::*};
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # let db = Db::open_in_memory();
    /// let mut session = db.session();
    /// let Outcome::Waits(job) = session.begin(&["BLPOP", "jobs", "0"])? else { panic!("no job yet") };
    /// let (mut job, mut context) = (pin!(job), Context::from_waker(Waker::noop()));
    /// assert!(job.as_mut().poll(&mut context).is_pending());
    /// db.rpush("jobs", &["tidy up"])?;
    /// let Poll::Ready(answer) = job.as_mut().poll(&mut context) else { panic!("it was woken") };
    /// let pair = [&b"jobs"[..], b"tidy up"].map(|bytes| Reply::Bulk(bytes.to_vec()));
    /// assert_eq!(answer?, Some(Reply::Array(pair.to_vec())));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`execute`](Self::execute); the future's are those of [`Db::blpop`].
    pub fn begin<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Result<Outcome, Error> {
        let words = args::refs(words);
        let spec = match command::check(&words) {
            Ok(spec) => spec,
            Err(error) => return Err(self.refuse_to_queue(error)),
        };
        let later = RefCell::new(None);
        let way = Way {
            later: Some(&later),
            ..Way::HERE
        };
        let reply = self.run(spec, &words, &way)?;
        Ok(match later.into_inner() {
            Some(blocked) => Outcome::Waits(blocked),
            None => Outcome::Done(reply),
        })
    }

    /// Runs a command that was checked, or queues it.
    pub(crate) fn run(
        &mut self,
        spec: &'static CommandSpec,
        words: &[&[u8]],
        way: &Way<'_>,
    ) -> Result<Reply, Error> {
        if self.is_queueing() && spec.flags.contains(&Flag::NoMulti) {
            self.state.spoilt = true;
            return Err(refuse("ERR Command not allowed inside a transaction"));
        }
        // A queue takes memory, too: all but its end is refused where there is none. What ails the file
        // is for EXEC to say.
        let ends = matches!(spec.name, "EXEC" | "DISCARD");
        if self.is_queueing()
            && !ends
            && let Err(error @ Error::Command(_)) = self.db.make_room()
        {
            self.state.spoilt = true;
            return Err(error);
        }
        let is_lost = self.state.is_lost();
        if let Some(queue) = self.state.queue.as_mut().filter(|_| !is_step(spec)) {
            if !is_lost {
                let words = words.iter().map(|word| word.to_vec()).collect();
                queue.push(Queued { spec, words });
            }
            return Ok(Reply::Status("QUEUED".into()));
        }
        let host = Running {
            db: &self.db,
            database: Cell::new(self.db.database),
            state: RefCell::new(&mut self.state),
            way,
        };
        let reply = command::run_checked(spec, words, &host);
        self.db.database = host.database.get();
        reply
    }

    /// A command that is none spoils the transaction; an `EXEC` of the wrong length ends it.
    pub(crate) fn refuse_to_queue(&mut self, error: CommandError) -> Error {
        if matches!(&error, CommandError::WrongArity(name) if name == "exec") {
            self.state.discard();
            self.state.watch.clear();
            return discarded_because(&error);
        }
        self.state.spoilt |= self.is_queueing();
        error.into()
    }

    fn check_not_queueing(&self) -> Result<(), Error> {
        if self.is_queueing() {
            let text = "ERR a typed method cannot be queued; end MULTI with EXEC or DISCARD first";
            return Err(refuse(text));
        }
        Ok(())
    }
}

impl RunRead for Session {
    fn read<C: ReadCommand>(&self, command: C) -> Result<C::Output, Error> {
        self.check_not_queueing()?;
        self.db.read(command)
    }
}

impl RunWrite for Session {
    fn write<C: WriteCommand>(&self, command: C) -> Result<C::Output, Error> {
        self.check_not_queueing()?;
        self.db.write(command)
    }
}

/// What came of a command that may have to wait. [`Session::begin`] answers it.
#[derive(Debug)]
pub enum Outcome {
    /// It has run.
    Done(Reply),
    /// It waits for something to take; nothing taken in time is `None`, which is
    /// [`Reply::Nil`] in words.
    Waits(Blocked<Reply>),
}

/// How a session's command is run.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    /// The connection that the session is part of.
    pub(crate) connection: Option<&'a dyn Connection>,
    /// Where a command that waits is left, for whoever must not wait on this thread.
    pub(crate) later: Option<&'a RefCell<Option<Blocked<Reply>>>>,
}

impl Way<'_> {
    /// On this thread, which waits.
    pub(crate) const HERE: Self = Self {
        connection: None,
        later: None,
    };
}

/// A session while one of its commands runs.
struct Running<'a> {
    db: &'a Db,
    database: Cell<u8>,
    state: RefCell<&'a mut State>,
    way: &'a Way<'a>,
}

/// A transaction whose caller has a connection.
struct Inside<'a> {
    tx: &'a Transaction<'a>,
    connection: &'a dyn Connection,
}

impl Running<'_> {
    fn exec(&self) -> Result<Reply, Error> {
        let mut state = self.state.borrow_mut();
        if state.queue.is_none() {
            return Err(refuse("ERR EXEC without MULTI"));
        }
        let spoilt = state.spoilt;
        let room = match state.needs_memory() {
            true => self.db.make_room(),
            false => Ok(()),
        };
        // Taken before anything can panic: the session is out of the transaction in any case.
        let queue = state.discard();
        if let Err(error) = room {
            state.watch.clear();
            return Err(match error {
                Error::Command(error) => discarded_because(&error),
                error @ Error::Storage(_) => error,
            });
        }
        if spoilt {
            state.watch.clear();
            let text = "EXECABORT Transaction discarded because of previous errors.";
            return Err(refuse(text));
        }
        let engine = self.db.engine();
        let done =
            engine.transaction_if_untouched(self.database.get(), &mut state.watch, |tx| {
                tx.assume_room();
                let inside = self
                    .way
                    .connection
                    .map(|connection| Inside { tx, connection });
                let host: &dyn Host = match &inside {
                    Some(inside) => inside,
                    None => tx,
                };
                let replies: Result<Vec<Reply>, Error> =
                    queue.iter().map(|queued| run(queued, host)).collect();
                Ok::<_, Error>((replies?, host.database()))
            })?;
        Ok(match done {
            Some((replies, database)) => {
                self.database.set(database);
                Reply::Array(replies)
            }
            None => Reply::Nil,
        })
    }
}

/// Runs a queued command. What it refuses is its answer; what the handle refuses ends the transaction.
fn run(queued: &Queued, host: &dyn Host) -> Result<Reply, Error> {
    let words: Vec<&[u8]> = queued.words.iter().map(Vec::as_slice).collect();
    match command::run_checked(queued.spec, &words, host) {
        Ok(reply) => Ok(reply),
        Err(Error::Command(error)) => Ok(Reply::Error(error)),
        Err(error @ Error::Storage(_)) => Err(error),
    }
}

impl Host for Running<'_> {
    fn read_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        let engine = self.db.engine();
        engine.read(self.database.get(), &keys, |tx| call(tx))
    }

    fn peek_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        let engine = self.db.engine();
        engine.peek(self.database.get(), &keys, |tx| call(tx))
    }

    fn make_room(&self) -> Result<(), Error> {
        self.db.make_room()
    }

    fn usage(&self, key: &[u8]) -> Usage {
        self.db.engine().usage(key)
    }

    fn write_with(&self, keys: Keys<'_>, call: WriteCall<'_>) -> Result<(), Error> {
        let engine = self.db.engine();
        engine.write(self.database.get(), &keys, |tx| call(tx))
    }

    fn select(&self, database: u8) -> Result<(), Error> {
        check_database(database)?;
        self.database.set(database);
        Ok(())
    }

    fn database(&self) -> u8 {
        self.database.get()
    }

    fn block(&self, take: Take, timeout_ms: Option<u64>) -> Result<Reply, Error> {
        let db = self.db.database(self.database.get())?;
        let Some(later) = self.way.later else {
            return db.block(take, timeout_ms);
        };
        *later.borrow_mut() = Some(db.take_later(take, timeout_ms));
        Ok(Reply::Nil)
    }

    fn connection(&self) -> Option<&dyn Connection> {
        self.way.connection
    }

    fn ask_activity(&self, question: &Question<'_>) -> Result<Reply, Error> {
        self.db.database(self.database.get())?.answer(question)
    }

    fn transact(&self, step: Step<'_>) -> Result<Reply, Error> {
        if matches!(step, Step::Exec) {
            return self.exec();
        }
        let mut state = self.state.borrow_mut();
        match step {
            Step::Multi if state.queue.is_some() => {
                return Err(refuse("ERR MULTI calls can not be nested"));
            }
            Step::Multi => state.queue = Some(Vec::new()),
            Step::Discard if state.queue.is_none() => {
                return Err(refuse("ERR DISCARD without MULTI"));
            }
            Step::Discard => {
                state.discard();
                state.watch.clear();
            }
            Step::Watch(_) if state.queue.is_some() => {
                return Err(refuse("ERR WATCH inside MULTI is not allowed"));
            }
            Step::Watch(keys) => {
                for key in keys {
                    state.watch.add(self.database.get(), key)?;
                }
            }
            Step::Unwatch | Step::Exec => state.watch.clear(),
        }
        Ok(Reply::ok())
    }
}

impl Host for Inside<'_> {
    fn read_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        self.tx.read_with(keys, call)
    }

    fn peek_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        self.tx.peek_with(keys, call)
    }

    fn make_room(&self) -> Result<(), Error> {
        Host::make_room(self.tx)
    }

    fn usage(&self, key: &[u8]) -> Usage {
        Host::usage(self.tx, key)
    }

    fn write_with(&self, keys: Keys<'_>, call: WriteCall<'_>) -> Result<(), Error> {
        self.tx.write_with(keys, call)
    }

    fn select(&self, database: u8) -> Result<(), Error> {
        self.tx.select(database)
    }

    fn database(&self) -> u8 {
        Host::database(self.tx)
    }

    fn connection(&self) -> Option<&dyn Connection> {
        Some(self.connection)
    }

    fn transact(&self, step: Step<'_>) -> Result<Reply, Error> {
        self.tx.transact(step)
    }
}
