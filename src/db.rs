//! The public face: [`Db`], its [`Builder`], and what they hand out.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::command;
use crate::command::bitmap_window::Question;
use crate::command::blocking::Take;
use crate::command::reply::Reply;
use crate::command::run::{Host, Keys, ReadCall, ReadCommand, RunRead, RunWrite, Usage};
use crate::command::run::{WriteCall, WriteCommand};
use crate::command::server::check_database;
use crate::engine::Engine;
use crate::engine::compactor::{CompactionHandle, CompactionPause, CompactionRequest};
use crate::engine::feed::{FeedLimits, Subscription};
use crate::engine::options::{Ack, CompactionPolicy, EncodingLimits, EvictionPolicy, Options};
use crate::engine::settings::Settings;
use crate::engine::snapshot::Snapshot;
use crate::engine::stats::Stats;
use crate::engine::transaction::Transaction;
use crate::error::{CommandError, Error, StorageError};
use crate::inspect::check_in;
use crate::storage::backend::Storage;
use crate::storage::os::OsStorage;
use crate::storage::{CheckReport, CompactionReport, OpenReport};
use crate::sys::clock::Clock;

mod activity;
mod blocking;
mod session;

pub use activity::{
    Activity, ActivityReader, AsPeriod, Bucket, Changes, Cohort, IntoTime, IntoWindow, Members,
    Rolling, Streak, TopStreak, User, UserId, Users, Window,
};
pub use blocking::Blocked;
#[cfg(feature = "server")]
pub(crate) use session::Way;
pub use session::{Outcome, Session};

/// A database: a handle that clones cheaply and may be used from any thread.
#[derive(Debug, Clone)]
pub struct Db {
    handle: Arc<Handle>,
    database: u8,
}

/// Closes the engine with the last clone of its [`Db`].
#[derive(Debug)]
struct Handle {
    engine: Arc<Engine>,
    options: Options,
    /// The file, if there is one.
    opened: Option<Opened>,
}

/// How a file was found, and where.
#[derive(Debug)]
struct Opened {
    report: OpenReport,
    storage: Arc<dyn Storage>,
    name: String,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Whoever wants to know calls `Db::close`; what is not marked as clean is examined at the
        // next open.
        let _closed = self.engine.close();
    }
}

/// How a database is opened. Start with [`Db::builder`].
#[derive(Debug, Clone, Default)]
pub struct Builder {
    options: Options,
}

impl Builder {
    /// Takes the time from `clock`, e.g. a [`ManualClock`](crate::ManualClock).
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.options.clock = clock;
        self
    }

    /// Up to where collections keep their short forms, as `OBJECT ENCODING` shows; Redis's limits unless
    /// set. Redis: `hash-max-listpack-entries` and its kin.
    #[must_use]
    pub fn encoding_limits(mut self, limits: EncodingLimits) -> Self {
        self.options.encoding = limits;
        self
    }

    /// Makes every random choice (`RANDOMKEY`, hash seeds) follow from `seed`: for tests.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }

    /// Lifts the limits of strings from 512 MB and bit offsets below 2^32, as in Redis, to bit offsets
    /// below 2^63. Long strings are sparse: zeros cost nothing.
    #[must_use]
    pub fn sparse_strings(mut self) -> Self {
        self.options.rules.string_bytes_max = 1 << 60;
        self.options.rules.bit_offsets = 1 << 63;
        self
    }

    /// A database in memory.
    #[must_use]
    pub fn open_in_memory(self) -> Db {
        let engine = Engine::in_memory(&self.options, None);
        Db::from_engine(engine, self.options, None)
    }

    /// When a write counts as done; [`Ack::EverySec`] unless set.
    #[must_use]
    pub fn ack(mut self, ack: Ack) -> Self {
        self.options.ack = ack;
        self
    }

    /// When the file is compacted by itself, and how fast.
    #[must_use]
    pub fn compaction(mut self, policy: CompactionPolicy) -> Self {
        self.options.compaction = policy;
        self
    }

    /// Lets keys and values of all databases take at most about `bytes`, 0 for any number, and says what
    /// happens then. Redis: `maxmemory`, `maxmemory-policy`.
    ///
    /// A command that may need memory looks before it runs. If more than `bytes` are used, expired keys
    /// go, then keys that `policy` chooses, until no more is used; each is an ordinary removal, in the
    /// file too. If none may go the command is refused, and nothing is changed. So the limit is passed by
    /// what is written between two looks: by one command for each thread, and by a whole transaction,
    /// which looks when it begins, while every key may still go, and if no room could be made then, once
    /// more before its first change. So a transaction evicts even if it only reads. Between `MULTI` and
    /// `EXEC` every command looks before it is queued. One look evicts at most 4096 keys.
    ///
    /// Counted is what [`Stats::memory_bytes`] counts: what snapshots and branches keep alive comes on
    /// top. Uses for the LRU and LFU policies are kept in four bytes for each of a few more slots than
    /// there are keys, and lost when the database is closed.
    ///
    /// ```
    /// # use nacredb::{CommandError, Db, Error, EvictionPolicy, prelude::*};
    /// let cache = Db::builder()
    ///     .max_memory(1 << 20, EvictionPolicy::AllKeysLru)
    ///     .open_in_memory();
    /// for n in 0..100 {
    ///     cache.set(format!("page {n}"), vec![b'x'; 50_000])?;
    /// }
    /// assert!(cache.db_size()? < 25);
    /// assert!(cache.exists("page 99")?);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn max_memory(mut self, bytes: u64, policy: EvictionPolicy) -> Self {
        self.options.memory.bytes = bytes;
        self.options.memory.policy = policy;
        self
    }

    /// How many keys are looked at for each that is evicted, at most 64; 5 unless set. More choose
    /// better and slower. Redis: `maxmemory-samples`.
    #[must_use]
    pub fn max_memory_samples(mut self, samples: usize) -> Self {
        self.options.memory.samples = samples;
        self
    }

    /// Whether indexes of activities are kept in memory and follow every write; they are unless this is
    /// called with `false`. Without, a question reads the marks of a snapshot anew and forgets them: writes
    /// pay nothing and questions cost O(marks).
    #[must_use]
    pub fn activity_indexes(mut self, are_kept: bool) -> Self {
        self.options.activity_indexes = are_kept;
        self
    }

    /// How much of the past [`Db::subscribe_from`] can go back to.
    #[must_use]
    pub fn feed_limits(mut self, limits: FeedLimits) -> Self {
        self.options.feed = limits;
        self
    }

    /// Opens for reading only: the file must exist and is not changed, not even repaired.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.options.read_only = read_only;
        self
    }

    /// Spreads keys over 2^`bits` shards, at most 2^10; 2^6 unless set. More shards let more threads
    /// write at once and make a snapshot dearer. An existing file keeps the number it was made with.
    #[must_use]
    pub fn shard_bits(mut self, bits: u32) -> Self {
        self.options.shard_bits = bits;
        self
    }

    /// How many threads load the snapshot when a file is opened; 2 unless set.
    #[must_use]
    pub fn load_threads(mut self, threads: usize) -> Self {
        self.options.load_threads = threads.clamp(1, 64);
        self
    }

    /// Works in `storage` instead of the real file system: in memory, or on a simulated disk that can
    /// fail and crash. [`open`](Self::open) then takes a plain name.
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.options.storage = Some(storage);
        self
    }

    /// Opens the database file at `path`, and makes it if there is none.
    ///
    /// # Errors
    /// Those of [`Db::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Db, Error> {
        let path = path.as_ref();
        let (storage, name) = match &self.options.storage {
            Some(storage) => (Arc::clone(storage), path.to_string_lossy().into_owned()),
            None => {
                let (storage, name) = OsStorage::for_path(path)
                    .map_err(|error| StorageError::io("find the directory", error))?;
                (Arc::new(storage) as Arc<dyn Storage>, name)
            }
        };
        let (engine, report) = Engine::open(Arc::clone(&storage), &name, &self.options)?;
        let opened = Opened {
            report,
            storage,
            name,
        };
        Ok(Db::from_engine(engine, self.options, Some(opened)))
    }
}

impl Db {
    /// Starts a description of how to open a database.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A database in memory, gone with its last handle.
    #[must_use]
    pub fn open_in_memory() -> Self {
        Self::builder().open_in_memory()
    }

    /// Opens the database file at `path`, and makes it if there is none.
    ///
    /// A file that ends in the middle of a frame, as a crash leaves it, is cut back to its last whole
    /// frame; [`open_report`](Self::open_report) says by how much.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("app.nacre");
    /// use nacredb::{Db, prelude::*};
    /// let db = Db::open(&path)?;
    /// db.set("greeting", "hello")?;
    /// db.close()?;
    /// assert_eq!(Db::open(&path)?.get("greeting")?, Some(b"hello".to_vec()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`StorageError`]: `Locked` and `AlreadyOpen` if it is in use; `NotADatabase`,
    /// `UnsupportedVersion`, `UnsupportedFeatures` and `Corrupt` if the file is not one to work with,
    /// which leave it unmodified; `DiskFull`, `Io`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::builder().open(path)
    }

    fn from_engine(engine: Arc<Engine>, options: Options, opened: Option<Opened>) -> Self {
        Self {
            handle: Arc::new(Handle {
                engine,
                options,
                opened,
            }),
            database: 0,
        }
    }

    /// A handle whose commands work in the logical database `index` of the 16 there are. A fresh handle
    /// works in database 0. Redis: `SELECT`.
    ///
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// let db = Db::open_in_memory();
    /// let cache = db.database(1)?;
    /// cache.set("k", "v")?;
    /// assert_eq!(db.get("k")?, None);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// `ERR DB index is out of range` if there is no such database.
    pub fn database(&self, index: u8) -> Result<Self, Error> {
        check_database(index)?;
        Ok(Self {
            handle: Arc::clone(&self.handle),
            database: index,
        })
    }

    /// What was found when the file was opened; `None` in memory.
    #[must_use]
    pub fn open_report(&self) -> Option<&OpenReport> {
        self.handle.opened.as_ref().map(|opened| &opened.report)
    }

    /// Verifies every byte of the file as [`inspect::check`](crate::inspect::check) does, while it is in use;
    /// `None` in memory. What is written meanwhile may show as a torn tail, which is no damage.
    ///
    /// # Complexity
    /// O(file).
    ///
    /// # Errors
    /// As [`inspect::check`](crate::inspect::check).
    pub fn check_file(&self) -> Result<Option<CheckReport>, Error> {
        let check = |opened: &Opened| check_in(&*opened.storage, &opened.name, &mut |_, _| ());
        self.handle.opened.as_ref().map(check).transpose()
    }

    /// Figures about the database as of now.
    ///
    /// # Errors
    /// [`StorageError::Closed`] after [`close`](Self::close).
    pub fn stats(&self) -> Result<Stats, Error> {
        Ok(self.engine().stats()?)
    }

    /// What was set when the database was opened, or since.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.engine().current_settings()
    }

    /// Changes the limit of memory and what happens when it is reached: [`Builder::max_memory`] of a
    /// database in use. If more is taken already, keys go with the next commands that may need memory. Uses
    /// of keys are known from here on if the policy asks for others than before.
    ///
    /// ```
    /// # use nacredb::{Db, Error, EvictionPolicy, prelude::*};
    /// let db = Db::open_in_memory();
    /// db.set("old", vec![b'x'; 50_000])?;
    /// db.set_max_memory(10_000, EvictionPolicy::AllKeysLru)?;
    /// db.set("new", "v")?;
    /// assert!(!db.exists("old")?);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Complexity
    /// O(shards) where there was no limit or the policy asks for other uses than before; O(1) otherwise.
    ///
    /// # Errors
    /// [`StorageError::Closed`] after [`close`](Self::close); [`StorageError::Reentrant`] in a visitor.
    pub fn set_max_memory(&self, bytes: u64, policy: EvictionPolicy) -> Result<(), Error> {
        Ok(self.engine().set_max_memory(bytes, policy)?)
    }

    /// [`Builder::max_memory_samples`] of a database in use.
    pub fn set_max_memory_samples(&self, samples: usize) {
        self.engine().memory.set_samples(samples);
    }

    /// [`Builder::encoding_limits`] of a database in use. Collections keep the form they have until a write
    /// finds them past a limit.
    pub fn set_encoding_limits(&self, limits: EncodingLimits) {
        self.engine().settings.encoding.set(limits);
    }

    /// [`Builder::ack`] of a database in use: for writes that begin after this has returned.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("app.nacre");
    /// use nacredb::{Ack, Db, prelude::*};
    /// let db = Db::open(&path)?;
    /// db.set_ack(Ack::Always)?;
    /// db.set("k", "v")?;
    /// let file = db.stats()?.file.expect("a file");
    /// assert_eq!(file.durable_lsn, file.end_lsn);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`StorageError::Closed`] after [`close`](Self::close); [`StorageError::Io`] if [`Ack::Buffered`] needs
    /// a thread that does not start: the class is then as before.
    pub fn set_ack(&self, ack: Ack) -> Result<(), Error> {
        Ok(self.engine().set_ack(ack)?)
    }

    /// Whether expired keys are removed although nobody writes to them. None of them shows either way.
    #[cfg(feature = "server")]
    pub(crate) fn set_expires(&self, expires: bool) {
        self.engine().settings.set_expires(expires);
    }

    /// [`Builder::compaction`] of a database in use. A compaction under way goes on at its speed.
    pub fn set_compaction_policy(&self, policy: CompactionPolicy) {
        self.engine().settings.set_compaction(policy);
    }

    /// Runs `work` on this thread and acknowledges all that it writes to this database at once, when it ends: one write
    /// to the file, and one sync under [`Ack::Always`], instead of one for each operation. They are no transaction:
    /// others see each of them at once, and a crash may leave a beginning of them. What an operation
    /// answers within `work` is so in memory; it is as safe as the ack class says once this returns.
    ///
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.together(|| (0..100).try_for_each(|n| db.set(format!("key {n}"), "v")))??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`StorageError::Unconfirmed`] if it is all applied, and the file may not have it.
    pub fn together<R>(&self, work: impl FnOnce() -> R) -> Result<R, Error> {
        let (result, confirmed) = self.engine().together(work);
        confirmed?;
        Ok(result)
    }

    /// Waits until everything written so far is on disk, whatever the ack class.
    ///
    /// # Errors
    /// [`StorageError::DurabilityLost`] if a sync failed; the engine then heals by itself.
    pub fn sync(&self) -> Result<(), Error> {
        Ok(self.engine().sync()?)
    }

    /// Writes and syncs what is left, ends the threads and closes the file. Every clone of the handle is
    /// closed with it. The last handle's drop does the same, without telling how it went.
    ///
    /// # Errors
    /// What kept the last writes from the disk; the handle is closed all the same.
    pub fn close(&self) -> Result<(), Error> {
        self.engine().check_may_wait()?;
        Ok(self.engine().close()?)
    }

    /// Writes the state to a new file that takes the old one's place, and waits for it. Writers go on
    /// meanwhile. Redis: `BGREWRITEAOF`, `BGSAVE`.
    ///
    /// # Errors
    /// What ended it; the old file is then still in place and in use.
    pub fn compact(&self) -> Result<CompactionReport, Error> {
        self.compact_with(CompactionRequest::new())
    }

    /// As [`compact`](Self::compact), with a byte budget and reports.
    ///
    /// # Errors
    /// As [`compact`](Self::compact); [`StorageError::Cancelled`] if the callback said so.
    pub fn compact_with(&self, request: CompactionRequest) -> Result<CompactionReport, Error> {
        self.engine().check_may_wait()?;
        Ok(self.start_compaction(request)?.wait()?)
    }

    /// Starts a compaction and returns at once.
    ///
    /// # Errors
    /// [`StorageError::CompactionBlocked`] in memory; [`StorageError::Closed`].
    pub fn start_compaction(&self, request: CompactionRequest) -> Result<CompactionHandle, Error> {
        Ok(self.engine().start_compaction(request)?)
    }

    /// Keeps compactions, automatic ones too, from making progress while the guard lives.
    #[must_use]
    pub fn pause_compaction(&self) -> CompactionPause {
        self.handle.engine.pause_compaction()
    }

    #[inline]
    pub(crate) fn engine(&self) -> &Engine {
        &self.handle.engine
    }

    /// Runs a command given in words, as Redis would: same argument rules, replies and error texts.
    ///
    /// ```
    /// # fn main() -> Result<(), nacredb::Error> {
    /// use nacredb::{Db, Reply};
    /// let db = Db::open_in_memory();
    /// assert_eq!(db.execute(&["SET", "greeting", "hello"])?, Reply::ok());
    /// assert_eq!(db.execute(&["get", "greeting"])?, Reply::Bulk(b"hello".to_vec()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Command`] with Redis's text; nothing was changed. [`Error::Storage`] from the file.
    pub fn execute<A: AsRef<[u8]>>(&self, words: &[A]) -> Result<Reply, Error> {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        command::execute(&words, self)
    }

    /// A session: it selects databases, queues commands between `MULTI` and `EXEC`, and watches keys, as
    /// a connection to Redis does. It begins in this handle's database.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// The keyspace at this moment: readable from any thread, unaffected by later writes.
    ///
    /// # Complexity
    /// O(1): it clones one root for each shard, whatever they hold. While it lives, the first write to a
    /// page copies that page.
    ///
    /// # Errors
    /// [`StorageError::Closed`] after [`close`](Self::close).
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        self.engine().snapshot()?.database(self.database)
    }

    /// The changes that are committed from now on, of keys that match a pattern as `PSUBSCRIBE` does,
    /// in every database. A branch does not inherit it.
    ///
    /// A change is an effect: what became of a key, with the values. With it come the keyspace events that Redis
    /// would publish ([`Change::events`](crate::Change::events)). The order is that of the log, by LSN; all
    /// changes of a command or transaction have one LSN and come
    /// together. What is in the database already is not told: to have that too, subscribe, take a
    /// [`snapshot`](Self::snapshot), and skip the changes before its [`lsn`](crate::Snapshot::lsn).
    ///
    /// A writer never waits for a subscriber. Changes are kept in one ring in memory, for all subscriptions
    /// together, which [`Builder::feed_limits`] bounds: 16 MiB of encoded effects and 65,536 frames unless set,
    /// and always the newest frame, however large. A subscriber that is further behind gets
    /// [`StorageError::Lagged`]. Of a frame it is at, a subscription keeps every change that matches until it is
    /// handed over. While nobody subscribes, a write pays for this with one look at a counter; while somebody
    /// does, its effects are encoded (with a file they are anyway) and copied once, under one lock for all
    /// writers.
    ///
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// # let db = Db::open_in_memory();
    /// let mut users = db.subscribe("user:*")?;
    /// db.set("user:1", "Ada")?;
    /// db.set("page:1", "..")?;
    /// db.del("user:1")?;
    /// let change = users.recv()?;
    /// assert_eq!(change.key(), b"user:1");
    /// assert_eq!(change.events(), ["new", "set"]);
    /// assert_eq!(users.recv()?.events(), ["del"]);
    /// assert!(users.try_recv()?.is_none());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`StorageError::Closed`] after [`close`](Self::close); [`StorageError::Reentrant`] in a visitor.
    pub fn subscribe(&self, pattern: impl AsRef<[u8]>) -> Result<Subscription, Error> {
        Ok(self.engine().subscribe(pattern.as_ref(), None)?)
    }

    /// As [`subscribe`](Self::subscribe), from a log position on: one that
    /// [`Subscription::resume_lsn`] or [`Change::end_lsn`](crate::Change::end_lsn) gave, as far as it is
    /// still kept. That is as long as the ring in memory has it, which forgets everything when the last
    /// subscription ends, unless [`FeedLimits::always`] is set.
    ///
    /// The ring does not outlive the handle and is not read back from the file: after a reopen positions from
    /// before it are refused. Whoever is refused reads the database anew. A position of
    /// another file means nothing here, and so does one of a database in memory after the process that had it;
    /// that they are refused is likely and not certain.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe); [`StorageError::Lagged`] if it is kept no longer, or is
    /// beyond the end of the log.
    pub fn subscribe_from(
        &self,
        pattern: impl AsRef<[u8]>,
        lsn: u64,
    ) -> Result<Subscription, Error> {
        Ok(self.engine().subscribe(pattern.as_ref(), Some(lsn))?)
    }

    /// A writable branch in memory: it starts with this database's content, and neither sees the other's
    /// later writes. A manual clock is branched too: moving one does not move the other. Its settings are those
    /// of this database as of now.
    ///
    /// # Complexity
    /// O(1), as [`snapshot`](Self::snapshot).
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub fn fork(&self) -> Result<Self, Error> {
        let snapshot = self.snapshot()?;
        let mut options = self.handle.options.clone();
        self.engine().settings_into(&mut options);
        if let Some(clock) = self.engine().clock.branch() {
            options.clock = clock;
        }
        Ok(Self::from_engine(
            Engine::in_memory(&options, Some(&snapshot)),
            options,
            None,
        ))
    }

    /// Runs `body` as one transaction: all of its changes or none, in one frame of the log. An error
    /// or a panic in `body` leaves no trace.
    ///
    /// Other writers wait for keys the transaction has touched (and for their neighbours in the same
    /// shard); readers do not wait and see the state before it.
    ///
    /// # Errors
    /// What `body` answers: nothing was changed. A [`StorageError`] from the commit;
    /// [`StorageError::Unconfirmed`] means that it is applied, others that it is not.
    pub fn transaction<R, E: From<Error>>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.engine().transaction(self.database, body)
    }

    /// Moves a manual clock forward, removes what has expired, ends the waits whose timeout has passed, and
    /// brings a file to the disk as often as its [`Ack`] class asks. A compaction that has become due is started and
    /// not waited for.
    ///
    /// # Errors
    /// A refusal if the database's clock moves by itself; nothing is changed.
    pub fn advance(&self, by: Duration) -> Result<(), Error> {
        if !self.engine().clock.advance(by) {
            return Err(clock_refusal());
        }
        self.engine().time_was_moved();
        Ok(())
    }

    /// Sets a manual clock, in milliseconds since the Unix epoch. Forward it is as [`advance`](Self::advance).
    ///
    /// Back, deadlines stay what they are: keys live longer by as much, waits take longer, `TIME` answers the
    /// earlier time. What has expired and was removed does not come back. Times in a file's log never go
    /// back: it keeps the latest until the clock has passed that again.
    ///
    /// ```
    /// # use nacredb::{Db, ManualClock, Ttl, prelude::*};
    /// # use std::sync::Arc;
    /// let db = Db::builder().clock(Arc::new(ManualClock::new(5_000))).open_in_memory();
    /// db.set("k", "v")?;
    /// db.expire_at_ms("k", 9_000)?;
    /// db.set_time_ms(1_000)?;
    /// assert_eq!(db.ttl_ms("k")?, Ttl::Ms(8_000));
    /// db.set_time_ms(9_001)?;
    /// assert_eq!(db.get("k")?, None);
    /// db.set_time_ms(1_000)?;
    /// assert_eq!(db.get("k")?, None);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub fn set_time_ms(&self, now_ms: u64) -> Result<(), Error> {
        if !self.engine().clock.set(now_ms) {
            return Err(clock_refusal());
        }
        self.engine().time_was_moved();
        Ok(())
    }
}

fn clock_refusal() -> Error {
    let text = "ERR the clock of this database moves by itself";
    CommandError::Other(text.into()).into()
}

impl RunRead for Db {
    #[inline]
    fn read<C: ReadCommand>(&self, command: C) -> Result<C::Output, Error> {
        if command.is_peek() {
            return self
                .engine()
                .peek(self.database, &command.keys(), |tx| command.execute(tx));
        }
        self.engine()
            .read(self.database, &command.keys(), |tx| command.execute(tx))
    }

    fn usage(&self, key: &[u8]) -> Usage {
        self.engine().usage(key)
    }
}

impl RunWrite for Db {
    #[inline]
    fn write<C: WriteCommand>(&self, command: C) -> Result<C::Output, Error> {
        if command.needs_memory() {
            self.engine().make_room()?;
        }
        self.engine()
            .write(self.database, &command.keys(), |tx| command.execute(tx))
    }
}

impl Host for Db {
    fn read_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        self.engine().read(self.database, &keys, |tx| call(tx))
    }

    fn peek_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        self.engine().peek(self.database, &keys, |tx| call(tx))
    }

    fn make_room(&self) -> Result<(), Error> {
        self.engine().make_room()
    }

    fn usage(&self, key: &[u8]) -> Usage {
        self.engine().usage(key)
    }

    fn write_with(&self, keys: Keys<'_>, call: WriteCall<'_>) -> Result<(), Error> {
        self.engine().write(self.database, &keys, |tx| call(tx))
    }

    fn database(&self) -> u8 {
        self.database
    }

    fn ask_activity(&self, question: &Question<'_>) -> Result<Reply, Error> {
        self.answer(question)
    }

    fn block(&self, take: Take, timeout_ms: Option<u64>) -> Result<Reply, Error> {
        let taken = self.take(&take, timeout_ms)?;
        Ok(take.reply(taken))
    }
}
