//! Users chosen from windows, bitmaps and sets: counted and listed without a temporary key.

use super::user::{User, UserId};
use super::window::Window;
use super::{ActivityReader, Source};
use crate::activity::calendar::Granularity;
use crate::activity::index::USERS_MAX;
use crate::activity::with_period_key;
use crate::command::activity_select::{Choice, Select, Selected, Wanted};
use crate::command::run::RunRead;
use crate::engine::snapshot::Snapshot;
use crate::error::{CommandError, Error};

/// Joins may lie within one another this deep. A chain of the same join counts once.
const DEPTH_MAX: usize = 32;
/// How many users are read at once to be listed.
const USERS_TOGETHER: usize = 1 << 14;

/// A choice of users: who was active in a window, on so many days of it, and in which other windows,
/// bitmaps and sets. Nothing is computed before it is asked; each question has one moment of its own.
///
/// A bitmap is a string whose bits are users' numbers, as `SETBIT` makes them; a set holds users' numbers in
/// decimal digits, or their names if the activity has a dictionary.
///
/// ```
/// # use nacredb::{Db, Error, prelude::*};
/// # let db = Db::open_in_memory();
/// let (logins, orders) = (db.activity("login")?, db.activity("order")?);
/// logins.mark_many([(1, "2026-11-01"), (1, "2026-11-02"), (2, "2026-11-02"), (3, "2026-11-02")])?;
/// orders.mark(2, "2026-11-02")?;
/// db.sadd("staff", &["3"])?;
/// let november = || "2026-11-01".."2026-12-01";
/// let idle = logins.active(november())?.members().and_not(orders.active(november())?.members());
/// assert_eq!(idle.count()?, 2);
/// assert_eq!(idle.and_not_key("staff").count()?, 1);
/// assert_eq!(logins.active(november())?.at_least(2).count()?, 1);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Members {
    reader: ActivityReader,
    tree: Tree,
    depth: usize,
}

#[derive(Debug, Clone)]
enum Tree {
    Counted {
        window: Window,
        at_least: u32,
        at_most: u32,
    },
    Key(Vec<u8>),
    And(Vec<Tree>),
    Or(Vec<Tree>),
    AndNot(Box<Tree>, Box<Tree>),
    /// Joined deeper than is evaluated.
    TooDeep,
}

/// A choice with the keys it needs, at one moment.
#[derive(Debug)]
struct Compiled {
    moment: Snapshot,
    choice: Choice,
    keys: Vec<Vec<u8>>,
    has_names: bool,
}

impl Members {
    pub(super) fn counted(window: Window, at_least: u32, at_most: u32) -> Self {
        Self {
            reader: window.reader.clone(),
            tree: Tree::Counted {
                window,
                at_least,
                at_most,
            },
            depth: 1,
        }
    }

    fn join(self, other: Self, join: impl FnOnce(Tree, Tree) -> (Tree, bool)) -> Self {
        let depth = self.depth.max(other.depth);
        let (tree, is_longer) = join(self.tree, other.tree);
        // A longer chain is as deep as before, unless what was added is.
        let depth = if is_longer {
            depth.max(other.depth + 1)
        } else {
            depth + 1
        };
        let tree = if depth > DEPTH_MAX {
            Tree::TooDeep
        } else {
            tree
        };
        Self {
            reader: self.reader,
            tree,
            depth: depth.min(DEPTH_MAX + 1),
        }
    }

    fn key(&self, key: &[u8]) -> Self {
        Self {
            reader: self.reader.clone(),
            tree: Tree::Key(key.to_vec()),
            depth: 1,
        }
    }

    /// Those who are also among `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join(other, |one, two| {
            if let Tree::And(mut all) = one {
                all.push(two);
                return (Tree::And(all), true);
            }
            (Tree::And(vec![one, two]), false)
        })
    }

    /// These and those among `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.join(other, |one, two| {
            if let Tree::Or(mut all) = one {
                all.push(two);
                return (Tree::Or(all), true);
            }
            (Tree::Or(vec![one, two]), false)
        })
    }

    /// Those who are not among `other`.
    #[must_use]
    pub fn and_not(self, other: Self) -> Self {
        // Without one and without another is without either.
        self.join(other, |one, two| {
            if let Tree::AndNot(from, without) = one {
                let mut all = match *without {
                    Tree::Or(all) => all,
                    without @ (Tree::Counted { .. }
                    | Tree::Key(_)
                    | Tree::And(_)
                    | Tree::AndNot(..)
                    | Tree::TooDeep) => vec![without],
                };
                all.push(two);
                return (Tree::AndNot(from, Box::new(Tree::Or(all))), true);
            }
            (Tree::AndNot(Box::new(one), Box::new(two)), false)
        })
    }

    /// Those who are also in the bitmap or set at `key`. A set holds users' names where they have names,
    /// else their numbers in decimal.
    #[must_use]
    pub fn and_key(self, key: impl AsRef<[u8]>) -> Self {
        let key = self.key(key.as_ref());
        self.and(key)
    }

    /// These and those in the bitmap or set at `key`; see [`and_key`](Self::and_key).
    #[must_use]
    pub fn or_key(self, key: impl AsRef<[u8]>) -> Self {
        let key = self.key(key.as_ref());
        self.or(key)
    }

    /// Those who are not in the bitmap or set at `key`; see [`and_key`](Self::and_key).
    #[must_use]
    pub fn and_not_key(self, key: impl AsRef<[u8]>) -> Self {
        let key = self.key(key.as_ref());
        self.and_not(key)
    }

    /// How many they are.
    ///
    /// # Complexity
    /// One pass over the chunks of the bitmaps that decide, near the speed of memory; chunks of zeros,
    /// and what a join needs no more, are stepped over. Sets are read member by member.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] for a key that is neither bitmap nor set; [`CommandError::Other`] for a
    /// set with something that is no user, joins of activities of different databases or dictionaries, and
    /// joins more than 32 deep; else as [`Window::count`].
    pub fn count(&self) -> Result<u64, Error> {
        let compiled = self.compile()?;
        Ok(compiled.select(0, USERS_MAX, Wanted::Count)?.count)
    }

    /// Whether this user is among them.
    ///
    /// # Errors
    /// As [`count`](Self::count); [`CommandError::Other`] for a user that the activity cannot have.
    pub fn contains<'u>(&self, user: impl Into<User<'u>>) -> Result<bool, Error> {
        let Some(user) = self.reader.find_user(user.into())? else {
            return Ok(false);
        };
        let compiled = self.compile()?;
        Ok(compiled.select(user, user + 1, Wanted::Count)?.count > 0)
    }

    /// Who they are, in the order of their numbers, as of the moment of this call.
    ///
    /// # Complexity
    /// As [`count`](Self::count), plus O(1) for each user, or a look into the dictionary. Some thousands
    /// are read at once.
    ///
    /// # Errors
    /// As [`count`](Self::count).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Error, UserId};
    /// # let logins = Db::open_in_memory().activity("login")?;
    /// logins.mark_many([(5, "2026-11-01"), (3, "2026-11-02")])?;
    /// let users = logins.active(..)?.members().iter()?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(users, [UserId::Number(3), UserId::Number(5)]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn iter(&self) -> Result<Users, Error> {
        Ok(Users {
            reader: self.reader.clone(),
            compiled: self.compile()?,
            ready: Vec::new().into_iter(),
            next: Some(0),
        })
    }

    fn compile(&self) -> Result<Compiled, Error> {
        let mut compiled = Compiled {
            moment: self.reader.moment()?,
            choice: Choice::Or(Vec::new()),
            keys: Vec::new(),
            has_names: false,
        };
        compiled.choice = self.choose(&self.tree, &mut compiled)?;
        if let Some(dictionary) = &self.reader.shared.dictionary {
            compiled.keys.push(dictionary.ids.clone());
            compiled.has_names = true;
        }
        Ok(compiled)
    }

    fn choose(&self, tree: &Tree, compiled: &mut Compiled) -> Result<Choice, Error> {
        let refuse = |text: &'static str| Err(CommandError::Other(text.into()).into());
        let all = |trees: &[Tree], compiled: &mut Compiled| {
            let choices = trees.iter().map(|tree| self.choose(tree, compiled));
            choices.collect::<Result<Vec<_>, Error>>()
        };
        match tree {
            Tree::Counted {
                window,
                at_least,
                at_most,
            } => {
                let (own, other) = (&self.reader.shared, &window.reader.shared);
                if !own.source.is_same(&other.source) {
                    return refuse(
                        "ERR activities of different databases or snapshots cannot be joined",
                    );
                }
                if own.options.dictionary() != other.options.dictionary() {
                    return refuse(
                        "ERR activities with different dictionaries of users cannot be joined",
                    );
                }
                let first = compiled.keys.len();
                compiled.add_window(window)?;
                Ok(Choice::Counted {
                    keys: first..compiled.keys.len(),
                    at_least: *at_least,
                    at_most: *at_most,
                })
            }
            Tree::Key(key) => {
                compiled.keys.push(key.clone());
                Ok(Choice::Key(compiled.keys.len() - 1))
            }
            Tree::And(trees) => Ok(Choice::And(all(trees, compiled)?)),
            Tree::Or(trees) => Ok(Choice::Or(all(trees, compiled)?)),
            Tree::AndNot(one, two) => Ok(Choice::AndNot(
                Box::new(self.choose(one, compiled)?),
                Box::new(self.choose(two, compiled)?),
            )),
            Tree::TooDeep => refuse("ERR joins of users lie more than 32 deep within one another"),
        }
    }
}

impl Source {
    /// Whether two readers ask the same database, or the same snapshot of it.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Live(one), Self::Live(other)) => {
                std::ptr::eq(one.engine(), other.engine()) && one.database == other.database
            }
            (Self::Snapshot(one), Self::Snapshot(other)) => one.is_same(other),
            (Self::Live(_) | Self::Snapshot(_), _) => false,
        }
    }
}

impl Compiled {
    /// Names the keys of a window's periods, as far as they have marks.
    fn add_window(&mut self, window: &Window) -> Result<(), Error> {
        let shared = &window.reader.shared;
        let periods: Vec<(u32, u64)> =
            self.moment
                .ask_activity(&shared.name, &shared.options, |history| {
                    history.periods(window.from, window.to).collect()
                })?;
        let granularity: Granularity = shared.options.granularity();
        for (period, _) in periods {
            let key = with_period_key(&shared.name, granularity, period, <[u8]>::to_vec);
            self.keys.push(key);
        }
        Ok(())
    }

    fn select(&self, from: u32, to: u32, wanted: Wanted) -> Result<Selected, Error> {
        let keys: Vec<&[u8]> = self.keys.iter().map(Vec::as_slice).collect();
        self.moment.read(Select {
            choice: &self.choice,
            keys: &keys,
            has_names: self.has_names,
            from,
            to,
            wanted,
        })
    }
}

/// The users of a choice, in the order of their numbers; made by [`Members::iter`].
///
/// It holds a snapshot while it lives. After an error it ends.
#[derive(Debug)]
pub struct Users {
    reader: ActivityReader,
    compiled: Compiled,
    ready: std::vec::IntoIter<UserId>,
    /// The first user who was not looked for yet.
    next: Option<u32>,
}

impl Users {
    fn read_more(&mut self) -> Result<(), Error> {
        let Some(from) = self.next.take() else {
            return Ok(());
        };
        let wanted = Wanted::First(USERS_TOGETHER);
        let users = self.compiled.select(from, USERS_MAX, wanted)?.users;
        if users.len() == USERS_TOGETHER {
            self.next = users.last().map(|last| last + 1);
        }
        let moment = Some(&self.compiled.moment);
        self.ready = self.reader.name_users(&users, moment)?.into_iter();
        Ok(())
    }
}

impl Iterator for Users {
    type Item = Result<UserId, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(user) = self.ready.next() {
            return Some(Ok(user));
        }
        match self.read_more() {
            Ok(()) => self.ready.next().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}
