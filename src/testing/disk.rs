//! A disk whose calls fail when a test says so, and whose power goes.
//!
//! Over [`SimDisk`], which can do more: see there. Invariant: no space is ever set aside for a file, so that
//! the disk is full after exactly as many bytes as a test says.

use std::io::ErrorKind;
use std::sync::Arc;

use super::{START_MS, TestDb, seed};
use crate::storage::sim::{Fault, FaultAction, SimCall, SimDisk, Survival};
use crate::{Builder, Db, Error, ManualClock};

/// The name of the file on the disk.
const NAME: &str = "test.nacre";

/// An empty disk in memory, for a database with the settings of [`Db::builder`].
///
/// ```
/// use nacredb::{prelude::*, testing};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), nacredb::Error> {
/// let disk = testing::disk();
/// let db = disk.open()?;
/// db.set("early", "1")?;
/// db.advance(Duration::from_secs(1)); // `Ack::EverySec`: synced once a second
/// db.set("late", "1")?;
///
/// let db = disk.crash_and_reopen()?;
/// assert_eq!(db.keys("*")?, [b"early"]);
/// # Ok(()) }
/// ```
#[must_use]
pub fn disk() -> TestDisk {
    disk_with(Db::builder())
}

/// As [`disk`], for a database with the settings of `builder`, e.g. another [`Ack`](crate::Ack) class; the
/// clock, the seed and the storage are the kit's.
///
/// ```
/// use nacredb::{Ack, Db, prelude::*, testing};
///
/// # fn main() -> Result<(), nacredb::Error> {
/// let disk = testing::disk_with(Db::builder().ack(Ack::Always));
/// disk.open()?.set("k", "v")?;
/// assert_eq!(disk.crash_and_reopen()?.get("k")?, Some(b"v".to_vec()));
/// # Ok(()) }
/// ```
#[must_use]
pub fn disk_with(builder: Builder) -> TestDisk {
    let disk = TestDisk {
        sim: SimDisk::new(),
        builder,
        clock: Arc::new(ManualClock::new(START_MS)),
        seed: seed(),
    };
    disk.set_nothing_aside();
    disk
}

/// A simulated disk with one database file. Clones share it, and the clock of the databases on it, which goes
/// on over a crash.
#[derive(Debug, Clone)]
pub struct TestDisk {
    sim: SimDisk,
    builder: Builder,
    clock: Arc<ManualClock>,
    seed: u64,
}

impl TestDisk {
    fn set_nothing_aside(&self) {
        let refusal = FaultAction::Fail(ErrorKind::Unsupported);
        self.sim
            .inject(Fault::on(SimCall::Allocate, 0, refusal).forever());
    }

    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// Those of [`Db::open`]; [`StorageError::AlreadyOpen`](crate::StorageError::AlreadyOpen) while it is open.
    pub fn open(&self) -> Result<TestDb, Error> {
        let builder = self.builder.clone().clock(Arc::clone(&self.clock) as _);
        let storage = Arc::new(self.sim.clone());
        let db = builder.seed(self.seed).storage(storage).open(NAME)?;
        Ok(TestDb::new(db, self.seed))
    }

    fn fail_next(&self, call: SimCall) {
        let action = FaultAction::Fail(ErrorKind::Other);
        self.sim.inject(Fault::on(call, 0, action));
    }

    /// Lets the next write to the file fail. Nothing is written.
    pub fn fail_next_write(&self) {
        self.fail_next(SimCall::Write);
    }

    /// Lets the next sync fail, as Linux does: what was to be synced may never reach the disk, and the next sync
    /// says nothing of it. The database then writes all it holds to a new file;
    /// [`until_healed`](TestDb::until_healed) waits for that.
    pub fn fail_next_sync(&self) {
        self.fail_next(SimCall::Sync);
    }

    /// Lets the disk be full once so many more bytes are written.
    ///
    /// ```
    /// use nacredb::{Error, StorageError, prelude::*, testing};
    ///
    /// # fn main() -> Result<(), Error> {
    /// let disk = testing::disk();
    /// let db = disk.open()?;
    /// disk.full_after(100);
    /// db.set("short", "1")?;
    /// assert!(db.set("long", [0; 1_000]).is_err());
    /// assert!(matches!(db.set("k", "v"), Err(Error::Storage(StorageError::DiskFull))));
    /// disk.make_room();
    /// db.set("k", "v")?;
    /// # Ok(()) }
    /// ```
    pub fn full_after(&self, bytes: u64) {
        let used = self.sim.used_bytes();
        self.sim.set_capacity(Some(used.saturating_add(bytes)));
    }

    /// Ends what [`full_after`](Self::full_after) began.
    pub fn make_room(&self) {
        self.sim.set_capacity(None);
    }

    /// Cuts the power and opens the database as a new process finds it. What was not synced is lost, all of it,
    /// which is the worst that can happen: what is still there is what the [`Ack`](crate::Ack) class has
    /// promised. Handles from before have no disk any more; planned faults are gone.
    ///
    /// # Errors
    /// Those of [`Db::open`].
    pub fn crash_and_reopen(&self) -> Result<TestDb, Error> {
        self.restart(Survival::Nothing)
    }

    /// As [`crash_and_reopen`](Self::crash_and_reopen), with a random part of what was not synced, which
    /// `seed` decides.
    ///
    /// # Errors
    /// Those of [`Db::open`].
    pub fn crash_by_chance_and_reopen(&self, seed: u64) -> Result<TestDb, Error> {
        self.restart(Survival::Random(seed))
    }

    /// Kills the process and opens the database as a new one finds it: what the operating system had is still
    /// there, what was only in memory is lost ([`Ack::Buffered`](crate::Ack::Buffered)).
    ///
    /// # Errors
    /// Those of [`Db::open`].
    pub fn kill_and_reopen(&self) -> Result<TestDb, Error> {
        self.restart(Survival::Everything)
    }

    fn restart(&self, survival: Survival) -> Result<TestDb, Error> {
        self.sim.restart(survival);
        self.set_nothing_aside();
        self.open()
    }

    /// The disk itself, for faults of other calls, every crash state there can be, and bits that rot.
    #[must_use]
    pub fn sim(&self) -> &SimDisk {
        &self.sim
    }
}

impl TestDb {
    /// Waits until what a failed sync has left on no disk is in a new file, and writes are accepted again. At
    /// once where nothing failed.
    ///
    /// # Panics
    /// If that does not happen within ten seconds.
    #[track_caller]
    pub fn until_healed(&self) {
        let heals = || {
            let stats = self.stats();
            let file = stats.ok().and_then(|stats| stats.file);
            file.is_some_and(|file| file.healing)
        };
        assert!(super::eventually(|| !heals()), "the file did not heal");
    }
}
