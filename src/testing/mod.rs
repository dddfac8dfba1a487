//! A test kit: unit tests of code that uses a database, without a server, a file or a sleep.
//!
//! ```
//! use nacredb::{Ttl, assert_diff, prelude::*, testing};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), nacredb::Error> {
//! let db = testing::db(); // empty, in memory, its clock stands still
//! db.load("HSET user:1 name 'Ada Lovelace' visits 3");
//!
//! let before = db.snapshot()?;
//! db.hincr_by("user:1", "visits", 1)?; // what is tested
//! db.set("session:7", "user:1")?;
//! db.expire("session:7", Duration::from_secs(60))?;
//! assert_diff!(
//!     before,
//!     db,
//!     r#"+ string "session:7" = "user:1" expires 1700000060000"#,
//!     r#"~ hash "user:1": visits "3" → "4""#,
//! );
//!
//! db.advance(Duration::from_secs(61));
//! assert_eq!(db.ttl_ms("session:7")?, Ttl::NoKey);
//! # Ok(()) }
//! ```
//!
//! [`db`] makes a database for one test. [`TestDb::fork`] makes one from another in O(1), so that many tests
//! begin with one large content. [`TestDb::advance`] moves everything that depends on time.
//! [`assert_diff!`](crate::assert_diff) compares two moments. [`disk`] is a disk whose calls fail when they
//! are told to and whose power goes. [`TestDb::load`] and [`dump_text`] read and write contents as
//! commands, one a line.
//!
//! Everything random follows from a seed, the same each time: `RANDOMKEY`, `SPOP`, the order of hashes, and
//! [`TestDb::random`] for the code under test. `NACRE_TEST_SEED=7` is another one, `NACRE_TEST_SEED=random`
//! one that nobody knows; a test that fails prints it.
//!
//! docs/testing-kit.md is the way through all of this.

mod disk;
mod expectation;
mod fixture;
#[cfg(feature = "server")]
mod server;

pub use disk::{TestDisk, disk, disk_with};
pub use expectation::Moment;
#[doc(hidden)]
pub use expectation::{check_diff, check_no_diff, print_diff};
pub use fixture::{FixtureError, dump_text, load};
#[cfg(feature = "server")]
pub use server::{TestServer, server};

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::sys::rng::{Rng, entropy, mix};
use crate::{Builder, Db, ManualClock};

/// What the clock of a test shows at first, in milliseconds since the Unix epoch: Tuesday, 14 November 2023,
/// 22:13:20 UTC.
pub const START_MS: u64 = 1_700_000_000_000;

/// The seed where `NACRE_TEST_SEED` does not give another.
const SEED: u64 = 1;
const SEED_VARIABLE: &str = "NACRE_TEST_SEED";

/// How long to wait for another thread before a test is said to have failed.
const PATIENCE: Duration = Duration::from_secs(10);
const NAP: Duration = Duration::from_millis(1);

/// A database for one test: in memory, empty, at [`START_MS`], with the seed of the environment.
///
/// ```
/// use nacredb::{prelude::*, testing};
///
/// let db = testing::db();
/// db.set("k", "v")?;
/// assert_eq!(db.time_ms()?, testing::START_MS);
/// # Ok::<(), nacredb::Error>(())
/// ```
///
/// # Panics
/// If `NACRE_TEST_SEED` is neither a number nor `random`.
#[must_use]
pub fn db() -> TestDb {
    db_with(Db::builder())
}

/// As [`db`], opened with the other settings of `builder`; its clock and its seed are the kit's.
///
/// ```
/// use nacredb::{Db, EvictionPolicy, prelude::*, testing};
///
/// let db = testing::db_with(Db::builder().max_memory(1, EvictionPolicy::NoEviction));
/// db.set("k", "the first write finds room")?;
/// assert!(db.set("k", "the second does not").is_err());
/// # Ok::<(), nacredb::Error>(())
/// ```
///
/// # Panics
/// As [`db`].
#[must_use]
pub fn db_with(builder: Builder) -> TestDb {
    TestDb::in_memory(builder, seed())
}

/// As [`db`], with this seed whatever the environment says.
///
/// ```
/// use nacredb::{prelude::*, testing};
///
/// let draw = |seed| {
///     let db = testing::db_seeded(seed);
///     db.sadd("hat", &["ada", "bob", "eve", "joe"])?;
///     db.spop_count("hat", 4)
/// };
/// assert_eq!(draw(7)?, draw(7)?);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[must_use]
pub fn db_seeded(seed: u64) -> TestDb {
    TestDb::in_memory(Db::builder(), seed)
}

/// A database of the test kit: a [`Db`] whose clock stands still until the test moves it.
///
/// It has all methods of [`Db`]; [`Deref`] gives it for code that wants one: `Service::new((*db).clone())`.
pub struct TestDb {
    db: Db,
    seed: u64,
    random: Rng,
}

impl Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl fmt::Debug for TestDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDb")
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.seed;
            eprintln!("the seed of the test's database: {SEED_VARIABLE}={seed}");
        }
    }
}

impl TestDb {
    fn new(db: Db, seed: u64) -> Self {
        Self {
            db,
            seed,
            // A stream of its own: what the database draws does not change what the test draws.
            random: Rng::seeded(mix(seed)),
        }
    }

    fn in_memory(builder: Builder, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new(START_MS));
        let builder = builder.clock(clock).seed(seed);
        Self::new(builder.open_in_memory(), seed)
    }

    /// A branch for one test: it begins with this database's content, and neither sees the other's later
    /// writes, nor the other's time. It is in memory, whatever it is a branch of.
    ///
    /// # Complexity
    /// O(1): however much the base holds.
    ///
    /// # Examples
    /// ```
    /// use nacredb::{prelude::*, testing::{self, TestDb}};
    /// use std::sync::LazyLock;
    /// use std::time::Duration;
    ///
    /// // Made once for all tests of a file, by the first of them.
    /// static BASE: LazyLock<TestDb> = LazyLock::new(|| {
    ///     let db = testing::db();
    ///     for user in 0..10_000 {
    ///         db.hset(format!("user:{user}"), "name", "somebody").unwrap();
    ///     }
    ///     db
    /// });
    ///
    /// let db = BASE.fork();
    /// db.del("user:7")?;
    /// db.advance(Duration::from_secs(60));
    /// assert_eq!(BASE.db_size()?, 10_000);
    /// assert_eq!(BASE.time_ms()?, testing::START_MS);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the database was closed.
    #[must_use]
    #[track_caller]
    pub fn fork(&self) -> Self {
        match self.db.fork() {
            Ok(db) => Self::new(db, self.seed),
            Err(error) => panic!("no branch of this database: {error}"),
        }
    }

    /// Moves the clock forward, and with it everything that waits for a time: keys and fields expire, calls
    /// that block end by their timeout, in whatever thread they are, a file is synced.
    ///
    /// A call in another thread has to block before the clock is moved: [`until_blocked`](Self::until_blocked)
    /// waits for that.
    ///
    /// ```
    /// use nacredb::{prelude::*, testing};
    /// use std::time::Duration;
    ///
    /// let db = testing::db();
    /// std::thread::scope(|scope| {
    ///     let job = scope.spawn(|| db.blpop(&["jobs"], Some(Duration::from_secs(5))));
    ///     db.until_blocked(1);
    ///     db.advance(Duration::from_secs(5)); // five seconds are over, now
    ///     assert_eq!(job.join().unwrap()?, None);
    ///     Ok::<(), nacredb::Error>(())
    /// })?;
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    pub fn advance(&self, by: Duration) {
        self.told(self.db.advance(by));
    }

    /// Sets the clock, in milliseconds since the Unix epoch, forward or back; [`Db::set_time_ms`] says what
    /// going back does.
    pub fn set_time_ms(&self, now_ms: u64) {
        self.told(self.db.set_time_ms(now_ms));
    }

    /// What the clock shows, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.db.engine().clock.now_ms()
    }

    fn told(&self, moved: Result<(), crate::Error>) {
        debug_assert!(moved.is_ok(), "the clock of a TestDb can be moved");
    }

    /// The seed that everything random in this database follows from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A random word that follows from the seed, for what the code under test draws itself: a token, the jitter of
    /// a deadline.
    pub fn random(&self) -> u64 {
        self.random.next_u64()
    }

    /// Waits until so many calls wait for something to take, as [`Db::blpop`] does.
    ///
    /// # Panics
    /// If they do not within ten seconds.
    #[track_caller]
    pub fn until_blocked(&self, calls: usize) {
        let waiting = || self.db.stats().map_or(0, |stats| stats.blocked_calls);
        let wanted = calls as u64;
        assert!(
            eventually(|| waiting() >= wanted),
            "{} of {calls} calls block after {PATIENCE:?}",
            waiting()
        );
    }

    /// Runs commands, one a line; see [`load`](fn@load) for the form.
    ///
    /// # Panics
    /// With the line's number and text, if one is no command or is refused.
    #[track_caller]
    pub fn load(&self, text: impl AsRef<[u8]>) {
        if let Err(error) = load(&self.db, text) {
            panic!("{error}");
        }
    }

    /// The content as commands; see [`dump_text`](fn@dump_text).
    ///
    /// # Panics
    /// If the database was closed.
    #[must_use]
    pub fn dump_text(&self) -> String {
        dump_text(self)
    }
}

/// Whether something comes true in time.
fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let naps = PATIENCE.as_millis() / NAP.as_millis();
    for _ in 0..naps {
        if is_so() {
            return true;
        }
        std::thread::sleep(NAP);
    }
    is_so()
}

fn seed() -> u64 {
    let Ok(text) = std::env::var(SEED_VARIABLE) else {
        return SEED;
    };
    match parse_seed(&text) {
        Some(seed) => seed,
        None => panic!("{SEED_VARIABLE} is {text:?}; it has to be a number, or `random`"),
    }
}

fn parse_seed(text: &str) -> Option<u64> {
    match text.trim() {
        "random" => Some(entropy()),
        text => match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        },
    }
}

#[cfg(test)]
mod tests;
