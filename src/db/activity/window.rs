//! Windows of periods, and what is counted in them.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use super::ActivityReader;
use super::members::Members;
use super::user::User;
use crate::activity::calendar::Period;
use crate::error::{CommandError, Error};

/// The users who were active in a range of periods; see [`ActivityReader::active`].
#[derive(Debug, Clone)]
pub struct Window {
    pub(super) reader: ActivityReader,
    /// The first period's number.
    pub(super) from: u32,
    /// The last period's number.
    pub(super) to: u32,
}

/// What names a window: a period or a range of periods, each a [`Period`] or its text; `..` for all.
pub trait IntoWindow {
    /// The first and the last period; `None` for none before and none after.
    ///
    /// # Errors
    /// [`CommandError::Other`] for a text that is no period and a range that is empty.
    fn into_window(self) -> Result<(Option<Period>, Option<Period>), CommandError>;
}

/// A period or its text.
pub trait AsPeriod {
    /// The period.
    ///
    /// # Errors
    /// [`CommandError::Other`] for a text that is no period.
    fn as_period(&self) -> Result<Period, CommandError>;
}

impl AsPeriod for Period {
    fn as_period(&self) -> Result<Period, CommandError> {
        Ok(*self)
    }
}

impl AsPeriod for &str {
    fn as_period(&self) -> Result<Period, CommandError> {
        self.parse()
    }
}

impl AsPeriod for String {
    fn as_period(&self) -> Result<Period, CommandError> {
        self.parse()
    }
}

impl AsPeriod for &String {
    fn as_period(&self) -> Result<Period, CommandError> {
        self.parse()
    }
}

fn before(period: Period) -> Result<Period, CommandError> {
    period.previous().ok_or_else(empty)
}

fn empty() -> CommandError {
    CommandError::Other("ERR the window is empty: it ends before it begins".into())
}

macro_rules! into_window {
    ($($period:ty),*) => {$(
        impl IntoWindow for $period {
            fn into_window(self) -> Result<(Option<Period>, Option<Period>), CommandError> {
                let period = self.as_period()?;
                Ok((Some(period), Some(period)))
            }
        }
    )*};
}

into_window!(Period, &str, String, &String);

impl IntoWindow for RangeFull {
    fn into_window(self) -> Result<(Option<Period>, Option<Period>), CommandError> {
        Ok((None, None))
    }
}

impl<P: AsPeriod> IntoWindow for RangeInclusive<P> {
    fn into_window(self) -> Result<(Option<Period>, Option<Period>), CommandError> {
        Ok((
            Some(self.start().as_period()?),
            Some(self.end().as_period()?),
        ))
    }
}

impl<P: AsPeriod> IntoWindow for Range<P> {
    fn into_window(self) -> Result<(Option<Period>, Option<Period>), CommandError> {
        let end = before(self.end.as_period()?)?;
        Ok((Some(self.start.as_period()?), Some(end)))
    }
}

impl<P: AsPeriod> IntoWindow for RangeFrom<P> {
    fn into_window(self) -> Result<(Option<Period>, Option<Period>), CommandError> {
        Ok((Some(self.start.as_period()?), None))
    }
}

impl<P: AsPeriod> IntoWindow for RangeTo<P> {
    fn into_window(self) -> Result<(Option<Period>, Option<Period>), CommandError> {
        Ok((None, Some(before(self.end.as_period()?)?)))
    }
}

impl<P: AsPeriod> IntoWindow for RangeToInclusive<P> {
    fn into_window(self) -> Result<(Option<Period>, Option<Period>), CommandError> {
        Ok((None, Some(self.end.as_period()?)))
    }
}

impl Window {
    pub(super) fn new(reader: ActivityReader, window: impl IntoWindow) -> Result<Self, Error> {
        let (from, to) = window.into_window()?;
        let from = match from {
            Some(period) => reader.numbers_in(period)?.0,
            None => 0,
        };
        let to = match to {
            Some(period) => reader.numbers_in(period)?.1,
            None => reader.last_number(),
        };
        if from > to {
            return Err(empty().into());
        }
        Ok(Self { reader, from, to })
    }

    /// The first period.
    #[must_use]
    pub fn first(&self) -> Option<Period> {
        self.reader.period(self.from)
    }

    /// The last period.
    #[must_use]
    pub fn last(&self) -> Option<Period> {
        self.reader.period(self.to)
    }

    /// How many users were active in any of its periods, each counted once.
    ///
    /// # Complexity
    /// O(P/32) for P periods with marks before its end, in about a tenth of a microsecond for a year of
    /// days, however many users there are: the marks are counted whose user's previous mark lies before the window.
    ///
    /// # Errors
    /// [`CommandError::Other`] if the activity was defined anew with other options;
    /// [`StorageError`](crate::StorageError) where the handle may not be used.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error};
    /// # let logins = Db::open_in_memory().activity("login")?;
    /// logins.mark_many([(1, "2026-11-01"), (1, "2026-11-02"), (2, "2026-11-02")])?;
    /// assert_eq!(logins.active("2026-11-01".."2026-12-01")?.count()?, 2);
    /// assert_eq!(logins.active("2026-11-01")?.count()?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn count(&self) -> Result<u64, Error> {
        let (from, to) = (self.from, self.to);
        self.reader.ask(|history| history.count(from, to))
    }

    /// How many marks lie in it: each user counts once for each period.
    ///
    /// # Complexity
    /// As [`count`](Self::count).
    ///
    /// # Errors
    /// As [`count`](Self::count).
    pub fn marks(&self) -> Result<u64, Error> {
        let (from, to) = (self.from, self.to);
        self.reader.ask(|history| history.marks(from, to))
    }

    /// Whether this user was active in any of its periods.
    ///
    /// # Complexity
    /// O(1) for each 512 periods.
    ///
    /// # Errors
    /// As [`count`](Self::count); [`CommandError::Other`] for a user that the activity cannot have.
    pub fn contains<'u>(&self, user: impl Into<User<'u>>) -> Result<bool, Error> {
        let (from, to) = (self.from, self.to);
        match self.reader.find_user(user.into())? {
            Some(user) => self.reader.ask(|history| history.any(user, from, to)),
            None => Ok(false),
        }
    }

    /// The periods of the window with marks, and how many users were active in each.
    ///
    /// # Complexity
    /// O(P) for P periods with marks.
    ///
    /// # Errors
    /// As [`count`](Self::count).
    pub fn periods(&self) -> Result<Vec<(Period, u64)>, Error> {
        let (from, to) = (self.from, self.to);
        let periods: Vec<(u32, u64)> = self
            .reader
            .ask(|history| history.periods(from, to).collect())?;
        let shown = |(period, users)| Some((self.reader.period(period)?, users));
        Ok(periods.into_iter().filter_map(shown).collect())
    }

    /// Its users, to join with others, to count and to list.
    #[must_use]
    pub fn members(&self) -> Members {
        self.at_least(1)
    }

    /// The users who were active in at least `periods` of its periods; 0 is taken as 1.
    #[must_use]
    pub fn at_least(&self, periods: u32) -> Members {
        Members::counted(self.clone(), periods.max(1), u32::MAX)
    }

    /// The users who were active in exactly `periods` of its periods; 0 finds nobody.
    #[must_use]
    pub fn exactly(&self, periods: u32) -> Members {
        Members::counted(self.clone(), periods.max(1), periods)
    }

    /// The users who were active in every one of its periods.
    #[must_use]
    pub fn in_every_period(&self) -> Members {
        let periods = (self.to - self.from).saturating_add(1);
        Members::counted(self.clone(), periods, u32::MAX)
    }
}
