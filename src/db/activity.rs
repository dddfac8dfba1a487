//! Activities: who did something in which period, and every question about it.
//!
//! An [`Activity`] marks, an [`ActivityReader`] asks; a database gives the one, a snapshot the other. The
//! marks are ordinary bitmaps, one for each period, at keys like `login:2026-11-21`; what makes questions
//! fast is derived from them in memory and follows every write to those keys, whoever makes it.
//!
//! It must not hold a lock while it calls the engine.

mod members;
mod questions;
mod user;
mod window;
mod words;

pub use members::{Members, Users};
pub use questions::{Bucket, Changes, Cohort, Rolling, Streak, TopStreak};
pub use user::{User, UserId};
pub use window::{AsPeriod, IntoWindow, Window};

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Db;
use crate::activity::calendar::{Granularity, Period, Time, period_of};
use crate::activity::definition::{
    ActivityOptions, DEFINITION_SUFFIX, IDS_SUFFIX, NAMES_SUFFIX, key_of,
};
use crate::activity::index::{History, USERS_MAX};
use crate::activity::live::Live;
use crate::command::activity::{Define, Dictionary, FindUsers, NameUsers, NumberUsers, SetBits};
use crate::command::bitmap::BitmapWrite;
use crate::command::run::{RunRead, RunWrite};
use crate::engine::activity::redefined;
use crate::engine::snapshot::Snapshot;
use crate::error::{CommandError, Error};

/// Marks are written when so many have come together.
const MARKS_TOGETHER: usize = 1 << 22;
/// About as many bytes are recorded at once at most.
const BYTES_TOGETHER: usize = 1 << 30;
/// Names are looked up when so many have come together.
const NAMES_TOGETHER: usize = 1 << 14;
/// How often a question is asked again whose activity was cleared or defined meanwhile.
const REOPENINGS_MAX: usize = 8;

/// Questions about an activity: of a database as it is now, or of a snapshot.
///
/// Every question has one moment: what it answers was true of all keys together, also while others
/// write. The first question builds the index of all marks, which then follows them; later ones cost what
/// their documentation says. Clones share it.
#[derive(Debug, Clone)]
pub struct ActivityReader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    source: Source,
    name: Box<[u8]>,
    options: ActivityOptions,
    dictionary: Option<Dictionary>,
    live: Mutex<Option<Arc<Live>>>,
}

#[derive(Debug)]
enum Source {
    Live(Db),
    Snapshot(Snapshot),
}

/// An activity of a database: marks, and as an [`ActivityReader`] every question about them.
#[derive(Debug, Clone)]
pub struct Activity {
    reader: ActivityReader,
    db: Db,
}

impl Deref for Activity {
    type Target = ActivityReader;

    fn deref(&self) -> &ActivityReader {
        &self.reader
    }
}

impl Db {
    /// The activity of this name: as it was defined, or, if it was not, counted in days in UTC with
    /// numbered users. Nothing is written; the first mark defines it.
    ///
    /// The marks of a day are the bitmap at the key `NAME:2026-11-21` (an hour's at `NAME:2026-11-21T07`, a
    /// week's at `NAME:2026-W47`), in which the bit of a user's number is set: commands for strings and bits
    /// read and change it as they like, and every question sees what they did. A key of another type
    /// counts as empty. The definition is the hash at `NAME:activity`.
    ///
    /// # Errors
    /// [`CommandError::Other`] if the definition cannot be read; [`StorageError`](crate::StorageError)
    /// where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, prelude::*};
    /// let db = Db::open_in_memory();
    /// let logins = db.activity("login")?;
    /// logins.mark(7, "2026-11-20")?;
    /// logins.mark(9, "2026-11-20")?;
    /// logins.mark(7, "2026-11-21")?;
    /// assert_eq!(logins.active("2026-11-01".."2026-12-01")?.count()?, 2);
    /// assert_eq!(db.bitcount("login:2026-11-20", nacredb::BitRange::all())?, 2);
    /// db.setbit("login:2026-11-21", 12, true)?;
    /// assert_eq!(logins.active("2026-11-21")?.count()?, 2);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn activity(&self, name: impl AsRef<[u8]>) -> Result<Activity, Error> {
        self.open_activity(name.as_ref(), &ActivityOptions::default())
    }

    /// Defines the activity of this name, or opens it if it is defined so already.
    ///
    /// # Errors
    /// [`CommandError::Other`] if it is defined with other options, or its definition cannot be read;
    /// nothing is changed. [`StorageError`](crate::StorageError) from the file.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{ActivityOptions, Db, Error, Granularity, Zone};
    /// # let db = Db::open_in_memory();
    /// let options = ActivityOptions::new(Granularity::Hour).zone(Zone::parse("+01:00")?);
    /// let visits = db.define_activity("visit", &options)?;
    /// visits.mark(7, "2026-11-21T07")?;
    /// assert!(db.define_activity("visit", &ActivityOptions::default()).is_err());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn define_activity(
        &self,
        name: impl AsRef<[u8]>,
        options: &ActivityOptions,
    ) -> Result<Activity, Error> {
        let name = name.as_ref();
        self.define(name, options)?;
        let activity = self.open_activity(name, options)?;
        if activity.options() != options {
            return Err(redefined());
        }
        Ok(activity)
    }

    fn define(&self, name: &[u8], options: &ActivityOptions) -> Result<(), Error> {
        let key = key_of(name, DEFINITION_SUFFIX);
        let define = Define {
            name,
            key: &key,
            options,
        };
        if self.write(define)? != *options {
            let text = "ERR the activity is defined already, with other options";
            return Err(CommandError::Other(text.into()).into());
        }
        Ok(())
    }

    fn open_activity(&self, name: &[u8], otherwise: &ActivityOptions) -> Result<Activity, Error> {
        let live = self
            .engine()
            .open_activity(self.database, name, otherwise)?;
        let options = live.options.clone();
        let source = Source::Live(self.clone());
        Ok(Activity {
            reader: ActivityReader::new(source, name, options, Some(live)),
            db: self.clone(),
        })
    }
}

impl Snapshot {
    /// The activity of this name as of this snapshot; see [`Db::activity`].
    ///
    /// An index that was built when the snapshot was taken is shared with it; otherwise its first question
    /// builds one.
    ///
    /// # Errors
    /// As [`Db::activity`].
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error};
    /// # let db = Db::open_in_memory();
    /// let logins = db.activity("login")?;
    /// logins.mark(7, "2026-11-20")?;
    /// let before = db.snapshot()?;
    /// logins.mark(9, "2026-11-20")?;
    /// assert_eq!(before.activity("login")?.active("2026-11-20")?.count()?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn activity(&self, name: impl AsRef<[u8]>) -> Result<ActivityReader, Error> {
        let name = name.as_ref();
        let options = self.activity_options(name)?.unwrap_or_default();
        let source = Source::Snapshot(self.clone());
        Ok(ActivityReader::new(source, name, options, None))
    }
}

impl ActivityReader {
    fn new(source: Source, name: &[u8], options: ActivityOptions, live: Option<Arc<Live>>) -> Self {
        let dictionary = options.dictionary().map(|dictionary| Dictionary {
            ids: key_of(dictionary.as_bytes(), IDS_SUFFIX),
            names: key_of(dictionary.as_bytes(), NAMES_SUFFIX),
        });
        Self {
            shared: Arc::new(Shared {
                source,
                name: name.into(),
                options,
                dictionary,
                live: Mutex::new(live),
            }),
        }
    }

    /// The activity's name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.shared.name
    }

    /// How it counts time and names its users.
    #[must_use]
    pub fn options(&self) -> &ActivityOptions {
        &self.shared.options
    }

    /// The period of this activity in which `time` lies.
    ///
    /// # Errors
    /// [`CommandError::Other`] for a moment outside the years 1 to 9999, a text that is no period, and a
    /// period of another granularity.
    pub fn period_at(&self, time: impl IntoTime) -> Result<Period, Error> {
        let number = self.number_at(time)?;
        self.period(number).ok_or_else(|| {
            CommandError::Other("ERR the time lies outside the years 1 to 9999".into()).into()
        })
    }

    #[inline]
    fn number_at(&self, time: impl IntoTime) -> Result<u32, Error> {
        let options = &self.shared.options;
        match time.into_time()? {
            Time::UnixMs(unix_ms) => Ok(period_of(
                options.granularity(),
                options.time_zone(),
                unix_ms,
            )?),
            Time::Period(period) => self.number_of(period),
        }
    }

    fn number_of(&self, period: Period) -> Result<u32, Error> {
        let own = self.shared.options.granularity();
        if period.granularity() == own {
            return Ok(period.number());
        }
        let other = period.granularity();
        let text = format!("ERR '{period}' is of granularity '{other}'; the activity's is '{own}'");
        Err(CommandError::Other(text.into()).into())
    }

    /// The first and the last of the activity's periods that a period is made of: a day of 24 hours, a week
    /// of 7 days.
    fn numbers_in(&self, period: Period) -> Result<(u32, u32), Error> {
        let own = self.shared.options.granularity();
        let parts = match (period.granularity(), own) {
            (Granularity::Day, Granularity::Hour) => 24,
            (Granularity::Week, Granularity::Hour) => 7 * 24,
            (Granularity::Week, Granularity::Day) => 7,
            (Granularity::Hour | Granularity::Day | Granularity::Week, _) => {
                let number = self.number_of(period)?;
                return Ok((number, number));
            }
        };
        let first = period.number() * parts;
        // The calendar's last week ends with its last day.
        Ok((first, (first + parts - 1).min(own.last_number())))
    }

    fn period(&self, number: u32) -> Option<Period> {
        Period::from_number(self.shared.options.granularity(), number)
    }

    /// The activity as the engine has it open; opened anew if it was cleared or defined meanwhile.
    #[inline]
    fn live(&self, db: &Db) -> Result<Arc<Live>, Error> {
        // A forked child must not wait for a lock that a thread of its parent held.
        db.engine().check_process()?;
        let shared = &*self.shared;
        if let Some(live) = &*shared.live.lock()
            && !live.is_over()
        {
            return Ok(Arc::clone(live));
        }
        let engine = db.engine();
        let live = engine.open_activity(db.database, &shared.name, &shared.options)?;
        if live.options != shared.options {
            return Err(redefined());
        }
        *shared.live.lock() = Some(Arc::clone(&live));
        Ok(live)
    }

    /// Asks the history as of now, or as of the snapshot. While `ask` runs, others that mark or ask wait.
    #[inline]
    fn ask<R>(&self, ask: impl FnOnce(&mut History) -> R) -> Result<R, Error> {
        let shared = &*self.shared;
        let snapshot = match &shared.source {
            Source::Live(db) => {
                let mut ask = Some(ask);
                for _ in 0..REOPENINGS_MAX {
                    let live = self.live(db)?;
                    let engine = db.engine();
                    let answer = engine.ask_activity(db.database, &live, |history| {
                        ask.take().map(|ask| ask(history))
                    })?;
                    if let Some(answer) = answer.flatten() {
                        return Ok(answer);
                    }
                }
                let snapshot = self.moment()?;
                return snapshot
                    .ask_activity(&shared.name, &shared.options, |history| {
                        ask.take().map(|ask| ask(history))
                    })?
                    .ok_or_else(redefined);
            }
            Source::Snapshot(snapshot) => snapshot,
        };
        snapshot.ask_activity(&shared.name, &shared.options, ask)
    }

    /// The history as of now, to ask at length: nobody waits meanwhile, but what is marked is copied
    /// block by block.
    fn history(&self) -> Result<History, Error> {
        self.ask(|history| history.clone())
    }

    /// The keyspace as of now, or the snapshot.
    fn moment(&self) -> Result<Snapshot, Error> {
        match &self.shared.source {
            Source::Live(db) => db.snapshot(),
            Source::Snapshot(snapshot) => Ok(snapshot.clone()),
        }
    }

    /// The user's number, if there is such a user.
    fn find_user(&self, user: User<'_>) -> Result<Option<u32>, Error> {
        let Some(dictionary) = &self.shared.dictionary else {
            return user.number().map(Some);
        };
        let mut digits: user::Digits = user::NO_DIGITS;
        let find = FindUsers {
            dictionary,
            names: &[user.name(&mut digits)],
        };
        let found = match &self.shared.source {
            Source::Live(db) => db.read(find)?,
            Source::Snapshot(snapshot) => snapshot.read(find)?,
        };
        Ok(found.into_iter().next().flatten())
    }

    /// Who the users of these numbers are.
    fn name_users(&self, users: &[u32], moment: Option<&Snapshot>) -> Result<Vec<UserId>, Error> {
        let Some(dictionary) = &self.shared.dictionary else {
            return Ok(users.iter().map(|&user| UserId::Number(user)).collect());
        };
        let name = NameUsers { dictionary, users };
        let names = match (moment, &self.shared.source) {
            (Some(snapshot), _) | (None, Source::Snapshot(snapshot)) => snapshot.read(name)?,
            (None, Source::Live(db)) => db.read(name)?,
        };
        let ids = users.iter().zip(names);
        let id = |(&user, name): (&u32, Option<Vec<u8>>)| match name {
            Some(name) => UserId::Name(name),
            // Marked past the dictionary, by a write to the period's key.
            None => UserId::Number(user),
        };
        Ok(ids.map(id).collect())
    }

    /// The users who were active in these periods.
    ///
    /// A window is a period or a range of periods, given as [`Period`]s or as texts: `"2026-11-21"`,
    /// `"2026-11-01".."2026-12-01"`, `"2026-11-01"..="2026-11-30"`, `..` for all. A longer period stands for
    /// those it is made of: a day for its 24 hours, a week for its days.
    ///
    /// # Errors
    /// [`CommandError::Other`] for a text that is no period, a shorter period than the activity's, and a window
    /// that is empty or ends before it begins.
    pub fn active(&self, window: impl IntoWindow) -> Result<Window, Error> {
        Window::new(self.clone(), window)
    }

    /// What the index takes in memory, in bytes.
    ///
    /// # Errors
    /// As [`Window::count`].
    pub fn index_bytes(&self) -> Result<usize, Error> {
        self.ask(|history| history.memory_bytes())
    }
}

/// What says when something happened: [`Time`], a [`Period`], its text, a [`SystemTime`](std::time::SystemTime).
pub trait IntoTime {
    /// The time.
    ///
    /// # Errors
    /// [`CommandError::Other`] for a text that is no period.
    fn into_time(self) -> Result<Time, CommandError>;
}

impl IntoTime for Time {
    fn into_time(self) -> Result<Time, CommandError> {
        Ok(self)
    }
}

impl IntoTime for Period {
    fn into_time(self) -> Result<Time, CommandError> {
        Ok(self.into())
    }
}

impl IntoTime for std::time::SystemTime {
    fn into_time(self) -> Result<Time, CommandError> {
        Ok(self.into())
    }
}

impl IntoTime for &str {
    fn into_time(self) -> Result<Time, CommandError> {
        Ok(Time::Period(self.parse()?))
    }
}

impl Activity {
    /// Marks the user as active at this time; says whether that is new. In words: `SETBIT`.
    ///
    /// # Complexity
    /// O(1), plus O(height) of the period's bitmap; while a snapshot lives, the first mark in a block of
    /// users copies the block. A named user costs a look into the dictionary.
    ///
    /// # Errors
    /// [`CommandError::Other`] for a user's number of 2^32 - 1 or more, a name where users have numbers, and
    /// times that [`ActivityReader::period_at`] refuses; [`CommandError::WrongType`] if the period's key
    /// holds another type; nothing is changed. [`StorageError`](crate::StorageError) from the file.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{ActivityOptions, Db, Error};
    /// # let db = Db::open_in_memory();
    /// let orders = db.define_activity("order", &ActivityOptions::default().named_users("people"))?;
    /// assert!(orders.mark("ada", std::time::SystemTime::now())?);
    /// assert!(!orders.mark("ada", std::time::SystemTime::now())?);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn mark<'u>(&self, user: impl Into<User<'u>>, time: impl IntoTime) -> Result<bool, Error> {
        let period = self.number_at(time)?;
        self.ensure_defined()?;
        let user = match &self.shared.dictionary {
            None => user.into().number()?,
            Some(dictionary) => self.number_user(dictionary, user.into())?,
        };
        let was_marked = self.with_key(period, |key| self.db.setbit(key, u64::from(user), true))?;
        Ok(!was_marked)
    }

    /// Takes a mark back; says whether there was one. In words: `SETBIT` to 0.
    ///
    /// # Errors
    /// As [`mark`](Self::mark).
    pub fn unmark<'u>(
        &self,
        user: impl Into<User<'u>>,
        time: impl IntoTime,
    ) -> Result<bool, Error> {
        let period = self.number_at(time)?;
        let Some(user) = self.find_user(user.into())? else {
            return Ok(false);
        };
        // A bit that is not set needs no key.
        self.with_key(period, |key| {
            use crate::command::bitmap::BitmapRead;
            Ok(self.db.getbit(key, u64::from(user))?
                && self.db.setbit(key, u64::from(user), false)?)
        })
    }

    /// Marks many users at many times, in any order; says how many marks are new.
    ///
    /// Marks are gathered, some millions at once, and written period by period, each period's in one change
    /// (unless the activity's name is longer than 100 bytes); all together is not one change. Marking again what is marked changes nothing, so whoever was interrupted starts over.
    ///
    /// # Complexity
    /// O(log n) for each mark of n that are gathered, and what the bitmaps' bytes cost to write.
    ///
    /// # Errors
    /// As [`mark`](Self::mark); what was gathered and written before the refused mark is kept, what was
    /// only gathered is not.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error};
    /// # let db = Db::open_in_memory();
    /// let logins = db.activity("login")?;
    /// let marks = (0..1000).map(|user| (user, "2026-11-21"));
    /// assert_eq!(logins.mark_many(marks)?, 1000);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn mark_many<'u, U: Into<User<'u>>, T: IntoTime>(
        &self,
        marks: impl IntoIterator<Item = (U, T)>,
    ) -> Result<u64, Error> {
        self.ensure_defined()?;
        let mut gathered = Gathered::default();
        let mut new = 0;
        for (user, time) in marks {
            let period = self.number_at(time)?;
            match &self.shared.dictionary {
                None => gathered.add(period, user.into().number()?),
                Some(dictionary) => {
                    let mut digits: user::Digits = user::NO_DIGITS;
                    let name = user.into().name(&mut digits).to_vec();
                    gathered.add_named(period, name);
                    if gathered.names.len() >= NAMES_TOGETHER {
                        gathered.number_names(&self.db, dictionary)?;
                    }
                }
            }
            if gathered.count >= MARKS_TOGETHER {
                new += self.write_gathered(&mut gathered)?;
            }
        }
        new += self.write_gathered(&mut gathered)?;
        Ok(new)
    }

    fn write_gathered(&self, gathered: &mut Gathered) -> Result<u64, Error> {
        if let Some(dictionary) = &self.shared.dictionary {
            gathered.number_names(&self.db, dictionary)?;
        }
        let mut new = 0;
        let mut periods: Vec<(u32, Vec<u32>)> = gathered.periods.drain().collect();
        gathered.count = 0;
        periods.sort_unstable_by_key(|(period, _)| *period);
        for (period, mut bits) in periods {
            bits.sort_unstable();
            // Each run of bits may name the key, whose length is the caller's.
            let together = (BYTES_TOGETHER / (self.shared.name.len() + 96)).max(1);
            for bits in bits.chunks(together) {
                new += self.with_key(period, |key| self.db.write(SetBits { key, bits }))?;
            }
        }
        Ok(new)
    }

    /// Calls `call` with the key of a period.
    #[inline]
    fn with_key<R>(&self, period: u32, call: impl FnOnce(&[u8]) -> R) -> R {
        let granularity = self.shared.options.granularity();
        crate::activity::with_period_key(&self.shared.name, granularity, period, call)
    }

    /// Writes the definition where there is none.
    #[inline]
    fn ensure_defined(&self) -> Result<(), Error> {
        let is_defined = |live: &Arc<Live>| live.is_defined() && !live.is_over();
        if self.shared.live.lock().as_ref().is_some_and(is_defined)
            || self.reader.live(&self.db)?.is_defined()
        {
            return Ok(());
        }
        self.db.define(&self.shared.name, &self.shared.options)
    }

    #[inline]
    fn number_user(&self, dictionary: &Dictionary, user: User<'_>) -> Result<u32, Error> {
        let mut digits: user::Digits = user::NO_DIGITS;
        let names = &[user.name(&mut digits)];
        let find = FindUsers { dictionary, names };
        if let [Some(user)] = self.db.read(find)?[..] {
            return Ok(user);
        }
        let number = NumberUsers { dictionary, names };
        Ok(self.db.write(number)?.first().copied().unwrap_or(USERS_MAX))
    }

    /// Gives up the index, which the next question builds anew.
    ///
    /// # Errors
    /// [`StorageError::Closed`](crate::StorageError::Closed) and its kin.
    pub fn unload(&self) -> Result<(), Error> {
        let engine = self.db.engine();
        engine.close_activity(self.db.database, &self.shared.name)
    }
}

/// Marks that wait to be written.
#[derive(Default)]
struct Gathered {
    count: usize,
    periods: HashMap<u32, Vec<u32>>,
    /// Users whose numbers are not known yet.
    names: Vec<(u32, Vec<u8>)>,
}

impl Gathered {
    fn add(&mut self, period: u32, user: u32) {
        self.count += 1;
        self.periods.entry(period).or_default().push(user);
    }

    fn add_named(&mut self, period: u32, name: Vec<u8>) {
        self.names.push((period, name));
    }

    fn number_names(&mut self, db: &Db, dictionary: &Dictionary) -> Result<(), Error> {
        let named = std::mem::take(&mut self.names);
        if named.is_empty() {
            return Ok(());
        }
        let names: Vec<&[u8]> = named.iter().map(|(_, name)| name.as_slice()).collect();
        let names = &names[..];
        let found = db.read(FindUsers { dictionary, names })?;
        let known: Option<Vec<u32>> = found.into_iter().collect();
        let users = match known {
            Some(users) => users,
            None => db.write(NumberUsers { dictionary, names })?,
        };
        for ((period, _), user) in named.iter().zip(users) {
            self.add(*period, user);
        }
        Ok(())
    }
}
