//! Lists, changed in place: `LINSERT`, `LPUSH`, `LPUSHX`, `LREM`, `LSET`, `LTRIM`, `RPUSH`, `RPUSHX`; and
//! the typed methods of everything that writes lists.
//!
//! Invariant: lengths and types are checked before anything changes.

use super::args::{Args, refs};
use super::list::{clamp, position};
use super::list_move::{KeyAndElements, ListMove, ListMultiPop, ListPop, ListPopOne, push_event};
use super::reply::Reply;
use super::run::{Host, Keys, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::string::{VALUE_LENGTH, check_length};
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, Rules, Side, WriteTx};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "LINSERT",
        arity: 5,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::FIRST,
        group: "list",
        since: "2.2.0",
        summary: "Inserts an element before or after the first that equals another.",
        complexity: "O(N) where N is the number of elements up to that one",
        redis_complexity: "",
        differences: VALUE_LENGTH,
        example: "LINSERT list BEFORE a element",
        call: |args, host| {
            let done = host.write_raw(&Insert::parse(args)?)?;
            Ok(Reply::Int(match done {
                Inserted::At(len) => i64::try_from(len).unwrap_or(i64::MAX),
                Inserted::NoPivot => -1,
                Inserted::NoList => 0,
            }))
        },
    },
    push(
        "LPUSH",
        "1.0.0",
        "Puts elements at the front of a list, which is created if it is missing.",
        "LPUSH list a b",
        |args, host| host.write(&Push::parse(args, Side::Left)?),
    ),
    push(
        "LPUSHX",
        "2.2.0",
        "Puts elements at the front of a list that exists.",
        "LPUSHX list a b",
        |args, host| host.write(&Push::parse(args, Side::Left)?.only_if_present()),
    ),
    CommandSpec {
        name: "LREM",
        arity: 4,
        flags: &[Flag::Write],
        keys: KeyPositions::FIRST,
        group: "list",
        since: "1.0.0",
        summary: "Removes elements that equal a value: some from the front or from the back, or all.",
        complexity: "O(N + M log N) where N is the length of the list and M the number removed",
        redis_complexity: "O(N+M)",
        differences: "",
        example: "LREM list -2 a",
        call: |args, host| {
            host.write(&Remove {
                key: args.word(1)?,
                count: args.int(2)?,
                element: args.word(3)?,
            })
        },
    },
    CommandSpec {
        name: "LSET",
        arity: 4,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: KeyPositions::FIRST,
        group: "list",
        since: "1.0.0",
        summary: "Replaces an element of a list by its index.",
        complexity: "O(log N) where N is the length of the list",
        redis_complexity: "O(N), O(1) at the ends",
        differences: VALUE_LENGTH,
        example: "LSET list 0 element",
        call: |args, host| {
            host.write(&Set {
                key: args.word(1)?,
                index: args.int(2),
                element: args.word(3)?,
            })
        },
    },
    CommandSpec {
        name: "LTRIM",
        arity: 4,
        flags: &[Flag::Write],
        keys: KeyPositions::FIRST,
        group: "list",
        since: "1.0.0",
        summary: "Removes what lies before one index of a list and after another.",
        complexity: "O(log N) where N is the length of the list",
        redis_complexity: "O(N) where N is the number of elements removed",
        differences: "",
        example: "LTRIM list 1 -2",
        call: |args, host| {
            host.write(&Trim {
                key: args.word(1)?,
                start: args.int(2)?,
                end: args.int(3)?,
            })
        },
    },
    push(
        "RPUSH",
        "1.0.0",
        "Puts elements at the back of a list, which is created if it is missing.",
        "RPUSH list a b",
        |args, host| host.write(&Push::parse(args, Side::Right)?),
    ),
    push(
        "RPUSHX",
        "2.2.0",
        "Puts elements at the back of a list that exists.",
        "RPUSHX list a b",
        |args, host| host.write(&Push::parse(args, Side::Right)?.only_if_present()),
    ),
];

/// The row of a command that pushes.
const fn push(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    example: &'static str,
    call: fn(Args<'_>, &dyn Host) -> Result<Reply, Error>,
) -> CommandSpec {
    CommandSpec {
        name,
        arity: -3,
        flags: &[Flag::Write, Flag::DenyOom, Flag::Fast],
        keys: KeyPositions::FIRST,
        group: "list",
        since,
        summary,
        complexity: "O(N) where N is the number of elements pushed",
        redis_complexity: "",
        differences: VALUE_LENGTH,
        example,
        call,
    }
}

/// `LPUSH`, `RPUSH`, `LPUSHX`, `RPUSHX`.
struct Push<'a> {
    key: &'a [u8],
    side: Side,
    elements: &'a [&'a [u8]],
    only_if_present: bool,
}

impl<'a> Push<'a> {
    fn new(key: &'a [u8], side: Side, elements: &'a [&'a [u8]]) -> Self {
        Self {
            key,
            side,
            elements,
            only_if_present: false,
        }
    }

    fn parse(args: Args<'a>, side: Side) -> Result<Self, CommandError> {
        Ok(Self::new(args.word(1)?, side, args.rest(2)))
    }

    fn only_if_present(mut self) -> Self {
        self.only_if_present = true;
        self
    }

    fn name(&self) -> &'static str {
        match (self.side, self.only_if_present) {
            (Side::Left, false) => "lpush",
            (Side::Left, true) => "lpushx",
            (Side::Right, false) => "rpush",
            (Side::Right, true) => "rpushx",
        }
    }
}

impl WriteCommand for Push<'_> {
    /// The length afterwards.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        if self.elements.is_empty() {
            return Err(CommandError::WrongArity(self.name().into()));
        }
        let mut bytes = 0;
        for element in self.elements {
            check_length(tx.rules, 0, element.len())?;
            bytes += element.len() as u64 + 16;
        }
        // All of them together are one frame.
        if bytes > Rules::WRITTEN_BYTES_MAX {
            return Err(CommandError::StringTooLong);
        }
        if self.only_if_present && tx.list_len(self.key)? == 0 {
            return Ok(0);
        }
        tx.event(push_event(self.side));
        tx.list_push(self.key, self.side, self.elements)
    }
}

/// Where `LINSERT` puts its element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    After,
}

/// `LINSERT`.
struct Insert<'a> {
    key: &'a [u8],
    place: Place,
    pivot: &'a [u8],
    element: &'a [u8],
}

/// What an [`Insert`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inserted {
    /// The list is so long now.
    At(u64),
    NoPivot,
    NoList,
}

impl Inserted {
    fn len(self) -> Option<u64> {
        match self {
            Self::At(len) => Some(len),
            Self::NoPivot | Self::NoList => None,
        }
    }
}

impl<'a> Insert<'a> {
    fn new(key: &'a [u8], place: Place, pivot: &'a [u8], element: &'a [u8]) -> Self {
        Self {
            key,
            place,
            pivot,
            element,
        }
    }

    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let place = if args.is(2, "AFTER") {
            Place::After
        } else if args.is(2, "BEFORE") {
            Place::Before
        } else {
            return Err(CommandError::Syntax);
        };
        Ok(Self::new(
            args.word(1)?,
            place,
            args.word(3)?,
            args.word(4)?,
        ))
    }
}

impl WriteCommand for Insert<'_> {
    type Output = Inserted;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<Inserted, CommandError> {
        check_length(tx.rules, 0, self.element.len())?;
        let Some(entry) = tx.entry(self.key) else {
            return Ok(Inserted::NoList);
        };
        let list = entry.list()?;
        let len = list.len();
        let Some(pivot) = list.iter().position(|element| element == self.pivot) else {
            return Ok(Inserted::NoPivot);
        };
        let index = pivot as u64 + u64::from(self.place == Place::After);
        tx.event(Event::LInsert);
        tx.list_insert(self.key, index, self.element);
        Ok(Inserted::At(len + 1))
    }
}

/// `LSET`. Its index may be a refusal that only counts where there is a list.
struct Set<'a> {
    key: &'a [u8],
    index: Result<i64, CommandError>,
    element: &'a [u8],
}

impl WriteCommand for Set<'_> {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<(), CommandError> {
        check_length(tx.rules, 0, self.element.len())?;
        let entry = tx.entry(self.key).ok_or(CommandError::NoSuchKey)?;
        let len = entry.list()?.len();
        let index = position(len, self.index.clone()?)
            .ok_or(CommandError::Other("ERR index out of range".into()))?;
        tx.event(Event::LSet);
        tx.list_set(self.key, index, self.element);
        Ok(())
    }
}

/// `LREM`.
struct Remove<'a> {
    key: &'a [u8],
    count: i64,
    element: &'a [u8],
}

impl WriteCommand for Remove<'_> {
    /// How many are gone.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        tx.event(Event::LRem);
        let Some(entry) = tx.entry(self.key) else {
            return Ok(0);
        };
        let list = entry.list()?;
        let len = list.len();
        let most = match self.count {
            0 => usize::MAX,
            count => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
        };
        // From the back of the list: then a removal moves nothing that is still to be removed.
        let found: Vec<u64> = if self.count < 0 {
            let from_back = (1..).zip(list.iter().rev());
            let matches = from_back.filter(|(_, element)| *element == self.element);
            matches.map(|(at, _)| len - at).take(most).collect()
        } else {
            let matches = (0..)
                .zip(list.iter())
                .filter(|(_, element)| *element == self.element);
            let mut found: Vec<u64> = matches.map(|(at, _)| at).take(most).collect();
            found.reverse();
            found
        };
        let removed = found.len() as u64;
        if removed == len || removed == 0 {
            if removed > 0 {
                tx.list_remove(self.key, 0, len);
            }
            return Ok(removed);
        }
        // Every run names the key again. Where that would be longer than what stays, that is said instead.
        let runs = found
            .chunk_by(|later, earlier| *later == earlier + 1)
            .count();
        if runs.saturating_mul(self.key.len() + 16) > list.memory_bytes() {
            let mut gone = found.iter().rev().copied().peekable();
            let stays = (0..).zip(list.iter());
            let kept: Vec<Vec<u8>> = stays
                .filter(|&(at, _)| gone.next_if_eq(&at).is_none())
                .map(|(_, element)| element.to_vec())
                .collect();
            tx.list_replace(self.key, &refs(&kept))?;
            return Ok(removed);
        }
        for run in found.chunk_by(|later, earlier| *later == earlier + 1) {
            let first = run.last().copied().unwrap_or_default();
            tx.list_remove(self.key, first, run.len() as u64);
        }
        Ok(removed)
    }
}

/// `LTRIM`.
struct Trim<'a> {
    key: &'a [u8],
    start: i64,
    end: i64,
}

impl WriteCommand for Trim<'_> {
    type Output = ();

    fn keys(&self) -> Keys<'_> {
        Keys::One(self.key)
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<(), CommandError> {
        let len = tx.list_len(self.key)?;
        let (from, to) = clamp(len, self.start, self.end);
        tx.event(Event::LTrim);
        // Redis publishes one that cuts nothing too, and lets it touch who watches the key.
        if len > 0 && (from, to) == (0, len) && tx.is_observed() {
            tx.list_remove(self.key, len, 0);
        }
        if to < len {
            tx.list_remove(self.key, to, len - to);
        }
        if to > from && from > 0 {
            tx.list_remove(self.key, 0, from);
        }
        Ok(())
    }
}

/// Changing lists. Indexes count from 0 at the front and from -1 at the back; a list that loses its last
/// element is gone, and its key with it.
pub trait ListWrite: RunWrite {
    /// Puts elements at the front of the list at `key`, one after the other, so that the last of them is
    /// the first of the list; creates the list if it is missing. Returns its length. Redis: `LPUSH`.
    ///
    /// # Complexity
    /// O(N) where N is the number of elements pushed.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; [`CommandError::StringTooLong`] if an
    /// element is longer than a string may be; [`CommandError::WrongArity`] without elements. Nothing is
    /// changed then.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.lpush("list", &["a", "b"])?, 2);
    /// assert_eq!(db.lrange("list", 0, -1)?, [b"b", b"a"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lpush<V: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, elements: &[V]) -> Result<u64, Error> {
        push_all(self, key.as_ref(), Side::Left, elements, false)
    }

    /// Puts elements at the back of the list at `key`, which is created if it is missing. Returns its
    /// length. Redis: `RPUSH`.
    ///
    /// # Complexity
    /// O(N) where N is the number of elements pushed.
    ///
    /// # Errors
    /// As [`lpush`](Self::lpush).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.rpush("list", &["a", "b"])?, 2);
    /// assert_eq!(db.lrange("list", 0, -1)?, [b"a", b"b"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn rpush<V: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, elements: &[V]) -> Result<u64, Error> {
        push_all(self, key.as_ref(), Side::Right, elements, false)
    }

    /// As [`lpush`](Self::lpush), if there is a list at `key`. Returns its length, 0 if there is none.
    /// Redis: `LPUSHX`.
    ///
    /// # Complexity
    /// O(N) where N is the number of elements pushed.
    ///
    /// # Errors
    /// As [`lpush`](Self::lpush).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.lpushx("list", &["a"])?, 0);
    /// db.lpush("list", &["a"])?;
    /// assert_eq!(db.lpushx("list", &["b"])?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lpushx<V: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, elements: &[V]) -> Result<u64, Error> {
        push_all(self, key.as_ref(), Side::Left, elements, true)
    }

    /// As [`rpush`](Self::rpush), if there is a list at `key`. Returns its length, 0 if there is none.
    /// Redis: `RPUSHX`.
    ///
    /// # Complexity
    /// O(N) where N is the number of elements pushed.
    ///
    /// # Errors
    /// As [`lpush`](Self::lpush).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// assert_eq!(db.rpushx("list", &["a"])?, 0);
    /// db.rpush("list", &["a"])?;
    /// assert_eq!(db.rpushx("list", &["b"])?, 2);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn rpushx<V: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, elements: &[V]) -> Result<u64, Error> {
        push_all(self, key.as_ref(), Side::Right, elements, true)
    }

    /// Removes and returns the first element. `None` if there is no list. Redis: `LPOP`.
    ///
    /// # Complexity
    /// O(1) amortised, and the copy.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed then.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "b"])?;
    /// assert_eq!(db.lpop("list")?, Some(b"a".to_vec()));
    /// assert_eq!(db.lpop("nobody")?, None);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lpop(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        self.write(ListPopOne {
            key: key.as_ref(),
            side: Side::Left,
        })
    }

    /// Removes and returns the last element. `None` if there is no list. Redis: `RPOP`.
    ///
    /// # Complexity
    /// O(1) amortised, and the copy.
    ///
    /// # Errors
    /// As [`lpop`](Self::lpop).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "b"])?;
    /// assert_eq!(db.rpop("list")?, Some(b"b".to_vec()));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn rpop(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        self.write(ListPopOne {
            key: key.as_ref(),
            side: Side::Right,
        })
    }

    /// Removes and returns up to `count` elements from the front, the first first. `None` if there is no
    /// list. Redis: `LPOP` with a count.
    ///
    /// # Complexity
    /// O(N + log M) where N is the number of elements returned and M the length of the list.
    ///
    /// # Errors
    /// As [`lpop`](Self::lpop).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "b", "c"])?;
    /// assert_eq!(db.lpop_many("list", 2)?, Some(vec![b"a".to_vec(), b"b".to_vec()]));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lpop_many(&self, key: impl AsRef<[u8]>, count: u64) -> Result<Option<Vec<Vec<u8>>>, Error> {
        self.write(ListPop::new(key.as_ref(), Side::Left, count))
    }

    /// Removes and returns up to `count` elements from the back, the last first. `None` if there is no
    /// list. Redis: `RPOP` with a count.
    ///
    /// # Complexity
    /// As [`lpop_many`](Self::lpop_many).
    ///
    /// # Errors
    /// As [`lpop`](Self::lpop).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "b", "c"])?;
    /// assert_eq!(db.rpop_many("list", 2)?, Some(vec![b"c".to_vec(), b"b".to_vec()]));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn rpop_many(&self, key: impl AsRef<[u8]>, count: u64) -> Result<Option<Vec<Vec<u8>>>, Error> {
        self.write(ListPop::new(key.as_ref(), Side::Right, count))
    }

    /// Removes and returns up to `count` elements, at least one, from this side of the first of `keys`
    /// that holds a list, with that key. `None` if none does. Redis: `LMPOP`.
    ///
    /// # Complexity
    /// O(N + M) where N is the number of keys and M that of elements returned.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if a key that comes before any list holds another type; a refusal
    /// if there are no keys or `count` is 0. Nothing is changed then.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Side, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("second", &["a", "b"])?;
    /// let popped = db.lmpop(&["first", "second"], Side::Right, 1)?;
    /// assert_eq!(popped, Some((b"second".to_vec(), vec![b"b".to_vec()])));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lmpop<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        side: Side,
        count: u64,
    ) -> Result<Option<KeyAndElements>, Error> {
        self.write(ListMultiPop::new(&refs(keys), side, count)?)
    }

    /// Removes an element from one side of the list at `from`, puts it at a side of the list at `to`
    /// (created if it is missing) and returns it. `None` if there is no list at `from`. The two may be the
    /// same list. Redis: `LMOVE`.
    ///
    /// # Complexity
    /// O(1) amortised, and the copy.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if a key holds another type; nothing is changed then.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Side, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("todo", &["a", "b"])?;
    /// assert_eq!(db.lmove("todo", "doing", Side::Left, Side::Right)?, Some(b"a".to_vec()));
    /// assert_eq!(db.lrange("doing", 0, -1)?, [b"a"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lmove(
        &self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
        from_side: Side,
        to_side: Side,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.write(ListMove {
            from: from.as_ref(),
            to: to.as_ref(),
            from_side,
            to_side,
        })
    }

    /// Removes the last element of the list at `from` and puts it in front of the list at `to`: a
    /// [`lmove`](Self::lmove) from right to left. Redis: `RPOPLPUSH`.
    ///
    /// # Complexity
    /// O(1) amortised, and the copy.
    ///
    /// # Errors
    /// As [`lmove`](Self::lmove).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("ring", &["a", "b", "c"])?;
    /// assert_eq!(db.rpoplpush("ring", "ring")?, Some(b"c".to_vec()));
    /// assert_eq!(db.lrange("ring", 0, -1)?, [b"c", b"a", b"b"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn rpoplpush(
        &self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.lmove(from, to, Side::Right, Side::Left)
    }

    /// Puts `element` before the first element that equals `pivot` and returns the new length. `None` if
    /// there is no list or no such element. Redis: `LINSERT` with `BEFORE`.
    ///
    /// # Complexity
    /// O(N) where N is the number of elements up to that one.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; [`CommandError::StringTooLong`] if
    /// `element` is longer than a string may be. Nothing is changed then.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "c"])?;
    /// assert_eq!(db.linsert_before("list", "c", "b")?, Some(3));
    /// assert_eq!(db.linsert_before("list", "x", "b")?, None);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn linsert_before(
        &self,
        key: impl AsRef<[u8]>,
        pivot: impl AsRef<[u8]>,
        element: impl AsRef<[u8]>,
    ) -> Result<Option<u64>, Error> {
        let (key, pivot) = (key.as_ref(), pivot.as_ref());
        self.write(Insert::new(key, Place::Before, pivot, element.as_ref()))
            .map(Inserted::len)
    }

    /// Puts `element` after the first element that equals `pivot` and returns the new length. `None` if
    /// there is no list or no such element. Redis: `LINSERT` with `AFTER`.
    ///
    /// # Complexity
    /// As [`linsert_before`](Self::linsert_before).
    ///
    /// # Errors
    /// As [`linsert_before`](Self::linsert_before).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "c"])?;
    /// assert_eq!(db.linsert_after("list", "a", "b")?, Some(3));
    /// assert_eq!(db.lrange("list", 0, -1)?, [b"a", b"b", b"c"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn linsert_after(
        &self,
        key: impl AsRef<[u8]>,
        pivot: impl AsRef<[u8]>,
        element: impl AsRef<[u8]>,
    ) -> Result<Option<u64>, Error> {
        let (key, pivot) = (key.as_ref(), pivot.as_ref());
        self.write(Insert::new(key, Place::After, pivot, element.as_ref()))
            .map(Inserted::len)
    }

    /// Replaces the element at `index`. Redis: `LSET`.
    ///
    /// # Complexity
    /// O(log N) where N is the length of the list.
    ///
    /// # Errors
    /// [`CommandError::NoSuchKey`] if there is no list; a refusal if `index` is past an end;
    /// [`CommandError::WrongType`]; [`CommandError::StringTooLong`]. Nothing is changed then.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "b"])?;
    /// db.lset("list", -1, "c")?;
    /// assert_eq!(db.lrange("list", 0, -1)?, [b"a", b"c"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lset(
        &self,
        key: impl AsRef<[u8]>,
        index: i64,
        element: impl AsRef<[u8]>,
    ) -> Result<(), Error> {
        self.write(Set {
            key: key.as_ref(),
            index: Ok(index),
            element: element.as_ref(),
        })
    }

    /// Removes elements that equal `element` and returns how many: the first `count`, the last `-count`
    /// if it is negative, or all if it is 0. Redis: `LREM`.
    ///
    /// # Complexity
    /// O(N + M log N) where N is the length of the list and M the number removed.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed then.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("list", &["a", "b", "a", "a"])?;
    /// assert_eq!(db.lrem("list", -2, "a")?, 2);
    /// assert_eq!(db.lrange("list", 0, -1)?, [b"a", b"b"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn lrem(
        &self,
        key: impl AsRef<[u8]>,
        count: i64,
        element: impl AsRef<[u8]>,
    ) -> Result<u64, Error> {
        self.write(Remove {
            key: key.as_ref(),
            count,
            element: element.as_ref(),
        })
    }

    /// Keeps only the elements from `start` to `end`, both included. Redis: `LTRIM`.
    ///
    /// # Complexity
    /// O(log N) where N is the length of the list; long parts are freed by another thread.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type; nothing is changed then.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("log", &["a", "b", "c"])?;
    /// db.ltrim("log", -2, -1)?;
    /// assert_eq!(db.lrange("log", 0, -1)?, [b"b", b"c"]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn ltrim(&self, key: impl AsRef<[u8]>, start: i64, end: i64) -> Result<(), Error> {
        self.write(Trim {
            key: key.as_ref(),
            start,
            end,
        })
    }
}

impl<T: RunWrite> ListWrite for T {}

/// Pushes the elements of a typed call; one alone, the common case, needs no list of words.
fn push_all<T: RunWrite + ?Sized, V: AsRef<[u8]>>(
    host: &T,
    key: &[u8],
    side: Side,
    elements: &[V],
    only_if_present: bool,
) -> Result<u64, Error> {
    let push = |elements: &[&[u8]]| {
        host.write(Push {
            key,
            side,
            elements,
            only_if_present,
        })
    };
    match elements {
        [one] => push(&[one.as_ref()]),
        many => push(&refs(many)),
    }
}

#[cfg(test)]
mod tests;
