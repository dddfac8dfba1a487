//! `SORT` and `SORT_RO`: the elements of a list, a set or a sorted set in another order, or what keys named
//! after them hold.
//!
//! Invariants:
//! 1. A pattern that names other keys asks for all of them before anything is locked: so such a sort holds
//!    every shard.
//! 2. The order is Redis's, where it has one: equal numbers by bytes; elements with equal texts keep their
//!    order, or fall as its partial sort lets them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use super::args::{Args, check_words, clip};
use super::reply::Reply;
use super::run::{Host, Keys, ReadCommand, RunRead, RunWrite, WriteCommand};
use super::spec::{CommandSpec, Flag, KeyPositions, Stored};
use super::string::copy;
use crate::error::{CommandError, Error};
use crate::keyspace::{Event, KeyType, ReadTx, WriteTx};
use crate::value::number::strtod;
use crate::value::partial_sort;
use crate::value::set::Member;

const SORT: CommandSpec = CommandSpec {
    name: "SORT",
    arity: -2,
    flags: &[Flag::Write, Flag::DenyOom, Flag::MovableKeys],
    keys: KeyPositions::FIRST.and_stored(Stored::Sort),
    group: "generic",
    since: "1.0.0",
    summary: "Returns, or stores at a key, the elements of a list, a set or a sorted set in order.",
    complexity: "O(N+M*log(M)) where N is the size of the collection and M of the part that is sorted; with a \
                 pattern that names keys, no other command runs meanwhile",
    redis_complexity: "O(N+M*log(M)) where N is the size of the collection and M of the answer",
    differences: "ALPHA compares bytes, whatever the locale. The encoding of a short sorted set stays.",
    example: "SORT key LIMIT 0 10 DESC ALPHA STORE to",
    call: |args, host| answer(args, host, true),
};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    SORT,
    CommandSpec {
        name: "SORT_RO",
        flags: &[Flag::ReadOnly, Flag::MovableKeys],
        keys: KeyPositions::FIRST,
        since: "7.0.0",
        summary: "Returns the elements of a list, a set or a sorted set in order.",
        example: "SORT_RO key LIMIT 0 10 DESC ALPHA",
        call: |args, host| answer(args, host, false),
        ..SORT
    },
];

/// The part of a pattern that C's functions for texts see.
fn text(pattern: &[u8]) -> &[u8] {
    clip(pattern, usize::MAX)
}

/// Where the star is, if there is one.
fn star(pattern: &[u8]) -> Option<usize> {
    text(pattern).iter().position(|&byte| byte == b'*')
}

/// A pattern that names a key, or a field of one, for each element.
struct Pattern<'a> {
    before: &'a [u8],
    after: &'a [u8],
    field: Option<&'a [u8]>,
}

impl<'a> Pattern<'a> {
    /// `None` if it names none.
    fn parse(pattern: &'a [u8]) -> Option<Self> {
        let star = star(pattern)?;
        let (before, after) = (&pattern[..star], &pattern[star + 1..]);
        let seen = text(after);
        let arrow = seen.windows(2).position(|two| two == b"->");
        // An arrow at the end belongs to the key.
        let arrow = arrow.filter(|&at| at + 2 < seen.len());
        Some(Self {
            before,
            after: &after[..arrow.unwrap_or(after.len())],
            field: arrow.map(|at| &after[at + 2..]),
        })
    }

    /// What is there for `element`: a string or a field.
    fn look<'t>(
        &self,
        tx: &ReadTx<'t>,
        element: &[u8],
    ) -> Result<Option<Cow<'t, [u8]>>, CommandError> {
        let key = [self.before, element, self.after].concat();
        let Some(entry) = tx.entry(&key) else {
            return Ok(None);
        };
        match (self.field, entry.key_type()) {
            (None, KeyType::String) => {
                let string = entry.string()?;
                Ok(Some(match string.contiguous() {
                    Some(bytes) => Cow::Borrowed(bytes),
                    None => Cow::Owned(copy(string)?),
                }))
            }
            (Some(field), KeyType::Hash) => {
                let fields = tx.hash(&key)?;
                let found = fields.and_then(|fields| fields.get(field));
                Ok(found.map(|found| Cow::Borrowed(found.value)))
            }
            _ => Ok(None),
        }
    }
}

/// What an answer has for each element.
#[derive(Debug, Clone, Copy)]
enum Get<'a> {
    /// The element itself.
    Element,
    /// What the pattern names; nothing if it names nothing.
    Pattern(&'a [u8]),
}

impl<'a> Get<'a> {
    fn new(pattern: &'a [u8]) -> Self {
        if text(pattern) == b"#" {
            Self::Element
        } else {
            Self::Pattern(pattern)
        }
    }
}

/// How [`SortRead::sort`] sorts, and what it answers.
///
/// ```
/// # use nacredb::{Db, SortOptions, prelude::*};
/// # let db = Db::open_in_memory();
/// db.rpush("ids", &["1", "2"])?;
/// db.mset([("rank:1", "20"), ("rank:2", "10"), ("name:1", "ada"), ("name:2", "grace")])?;
/// let by_rank = SortOptions::new().by("rank:*").get("name:*");
/// assert_eq!(db.sort("ids", &by_rank)?, [Some(b"grace".to_vec()), Some(b"ada".to_vec())]);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SortOptions<'a> {
    by: Option<&'a [u8]>,
    /// Whether one of the patterns to sort by named no keys: then nothing is sorted.
    keeps_order: bool,
    gets: Vec<Get<'a>>,
    limit: Option<(i64, i64)>,
    descending: bool,
    alphabetic: bool,
}

impl<'a> SortOptions<'a> {
    /// By the elements themselves, which are numbers; all of them, the lowest first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sorts by what the keys hold that `pattern` names, with the element in place of the first `*`; by a
    /// field of a hash, if `->` and its name follow. A pattern without `*` means that nothing is sorted.
    pub fn by<P: AsRef<[u8]> + ?Sized>(mut self, pattern: &'a P) -> Self {
        let pattern = pattern.as_ref();
        self.keeps_order |= star(pattern).is_none();
        self.by = Some(pattern);
        self
    }

    /// Answers what the keys hold that `pattern` names in place of the element, or, with several, each in
    /// turn. `#` is the element itself.
    pub fn get<P: AsRef<[u8]> + ?Sized>(mut self, pattern: &'a P) -> Self {
        self.gets.push(Get::new(pattern.as_ref()));
        self
    }

    /// Answers at most `count` elements, from the one at `offset` on; a negative count is no limit.
    #[must_use]
    pub fn limit(mut self, offset: i64, count: i64) -> Self {
        self.limit = Some((offset, count));
        self
    }

    /// The highest first.
    #[must_use]
    pub fn desc(mut self) -> Self {
        self.descending = true;
        self
    }

    /// By bytes rather than by numbers.
    #[must_use]
    pub fn alpha(mut self) -> Self {
        self.alphabetic = true;
        self
    }

    /// The options among the words, and the key to store at if that is one of them.
    fn parse(args: Args<'a>, may_store: bool) -> Result<(Self, Option<&'a [u8]>), CommandError> {
        let mut options = Self::new();
        let mut stored = None;
        let mut at = 2;
        while at < args.count() {
            let after = args.count() - at - 1;
            let mut words = 1;
            if args.is(at, "ASC") {
                options.descending = false;
            } else if args.is(at, "DESC") {
                options.descending = true;
            } else if args.is(at, "ALPHA") {
                options.alphabetic = true;
            } else if args.is(at, "LIMIT") && after >= 2 {
                options.limit = Some((args.int(at + 1)?, args.int(at + 2)?));
                words = 3;
            } else if may_store && args.is(at, "STORE") && after >= 1 {
                stored = Some(args.word(at + 1)?);
                words = 2;
            } else if args.is(at, "BY") && after >= 1 {
                options = options.by(args.word(at + 1)?);
                words = 2;
            } else if args.is(at, "GET") && after >= 1 {
                options = options.get(args.word(at + 1)?);
                words = 2;
            } else {
                return Err(CommandError::Syntax);
            }
            at += words;
        }
        Ok((options, stored))
    }

    /// Whether it looks at keys that only the elements name.
    fn has_lookups(&self) -> bool {
        let sorts = !self.keeps_order && self.by.is_some();
        let named = |get: &Get<'_>| match get {
            Get::Element => false,
            Get::Pattern(pattern) => star(pattern).is_some(),
        };
        sorts || self.gets.iter().any(named)
    }

    /// The positions that the limit leaves of `len`.
    fn wanted(&self, len: usize) -> Range<usize> {
        let Some((offset, count)) = self.limit else {
            return 0..len;
        };
        let start = usize::try_from(offset.max(0))
            .unwrap_or(usize::MAX)
            .min(len);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        start..start.saturating_add(count).min(len)
    }
}

/// An element, and what it is sorted by.
struct Item<'t> {
    element: Cow<'t, [u8]>,
    number: f64,
    /// The text that a pattern names, where that decides.
    text: Option<Cow<'t, [u8]>>,
}

/// As C compares texts: up to the first zero byte.
fn collate(one: &[u8], other: &[u8]) -> Ordering {
    text(one).cmp(text(other))
}

/// The elements of a collection.
enum Elements<'t> {
    List(&'t crate::value::ListValue),
    Set(&'t crate::value::SetValue),
    SortedSet(&'t crate::value::ZSetValue),
}

impl<'t> Elements<'t> {
    fn at(tx: &ReadTx<'t>, key: &[u8]) -> Result<Option<Self>, CommandError> {
        let Some(entry) = tx.entry(key) else {
            return Ok(None);
        };
        Ok(Some(match entry.key_type() {
            KeyType::List => Self::List(entry.list()?),
            KeyType::Set => Self::Set(entry.set()?),
            KeyType::SortedSet => Self::SortedSet(entry.zset()?),
            KeyType::String | KeyType::Hash => return Err(CommandError::WrongType),
        }))
    }

    fn len(&self) -> usize {
        let len = match self {
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
            Self::SortedSet(zset) => zset.len(),
        };
        usize::try_from(len).unwrap_or(usize::MAX)
    }

    fn is_set(&self) -> bool {
        matches!(self, Self::Set(_))
    }

    /// Those at the wanted positions of its own order, or of that from its end. A set has only one.
    fn part(&self, wanted: Range<usize>, reversed: bool) -> Vec<Cow<'t, [u8]>> {
        let len = self.len();
        let Range { start, end } = if reversed && !self.is_set() {
            len - wanted.end..len - wanted.start
        } else {
            wanted
        };
        let (from, to) = (start as u64, end as u64);
        let mut found: Vec<Cow<'t, [u8]>> = match self {
            Self::List(list) => list.range(from, to).map(Cow::Borrowed).collect(),
            Self::SortedSet(zset) => {
                let members = zset.range(from..to);
                members.map(|(member, _)| Cow::Borrowed(member)).collect()
            }
            Self::Set(set) => {
                let part = set.iter().skip(start).take(end - start);
                part.map(|member| match member {
                    Member::Word(word) => Cow::Borrowed(word),
                    Member::Int(_) => Cow::Owned(member.to_vec()),
                })
                .collect()
            }
        };
        if reversed && !self.is_set() {
            found.reverse();
        }
        found
    }
}

/// Elements of the collection at `key`, in order.
fn sorted<'t>(
    tx: &ReadTx<'t>,
    key: &[u8],
    options: &SortOptions<'_>,
    stores: bool,
) -> Result<Vec<Cow<'t, [u8]>>, CommandError> {
    let Some(elements) = Elements::at(tx, key)? else {
        return Ok(Vec::new());
    };
    let wanted = options.wanted(elements.len());
    // What is stored must not depend on the order of a table of hashes.
    let is_forced = options.keeps_order && elements.is_set() && stores;
    if options.keeps_order && !is_forced {
        return Ok(elements.part(wanted, options.descending));
    }
    let alphabetic = options.alphabetic || is_forced;
    let by = options.by.filter(|_| !is_forced).and_then(Pattern::parse);
    let mut all = Vec::with_capacity(elements.len());
    let mut is_number = true;
    for element in elements.part(0..elements.len(), false) {
        let found = match &by {
            Some(pattern) => pattern.look(tx, &element)?,
            None => None,
        };
        let mut number = 0.0;
        if !alphabetic {
            let text = match (&by, &found) {
                (Some(_), found) => found.as_deref(),
                (None, _) => Some(&*element),
            };
            if let Some(text) = text {
                let parsed = strtod(text).filter(|&(_, in_range)| in_range);
                is_number &= parsed.is_some();
                number = parsed.map_or(0.0, |(number, _)| number);
            }
        }
        all.push(Item {
            element,
            number,
            text: found.filter(|_| alphabetic),
        });
    }
    if !is_number {
        return Err(CommandError::Other(
            "ERR One or more scores can't be converted into double".into(),
        ));
    }
    let compare_texts: fn(&[u8], &[u8]) -> Ordering = if stores { Ord::cmp } else { collate };
    let ascending = |one: &Item<'_>, other: &Item<'_>| {
        if !alphabetic {
            // None is NaN, and -0 equals 0.
            let by_number = one.number.partial_cmp(&other.number);
            by_number
                .unwrap_or(Ordering::Equal)
                .then_with(|| one.element.cmp(&other.element))
        } else if by.is_some() {
            match (&one.text, &other.text) {
                (Some(one), Some(other)) => compare_texts(one, other),
                (one, other) => one.is_some().cmp(&other.is_some()),
            }
        } else {
            compare_texts(&one.element, &other.element)
        }
    };
    let compare = |one: &Item<'_>, other: &Item<'_>| {
        let order = ascending(one, other);
        if options.descending {
            order.reverse()
        } else {
            order
        }
    };
    // Equal numbers with equal bytes are the same, so that a part is as good as the whole.
    let is_part = wanted.len() < all.len() && (by.is_some() || !alphabetic);
    if wanted.is_empty() {
        return Ok(Vec::new());
    } else if is_part {
        partial_sort(&mut all, wanted.start..=wanted.end - 1, compare);
    } else {
        all.sort_by(compare);
    }
    let part = all.drain(wanted).map(|item| item.element);
    Ok(part.collect())
}

/// What is answered for the elements.
fn gather<'t>(
    tx: &ReadTx<'t>,
    elements: Vec<Cow<'t, [u8]>>,
    options: &SortOptions<'_>,
) -> Result<Vec<Option<Cow<'t, [u8]>>>, CommandError> {
    if options.gets.is_empty() {
        return Ok(elements.into_iter().map(Some).collect());
    }
    let gets = options.gets.iter().map(|get| match get {
        Get::Element => Ok(()),
        Get::Pattern(pattern) => Err(Pattern::parse(pattern)),
    });
    let gets: Vec<Result<(), Option<Pattern<'_>>>> = gets.collect();
    let mut found = Vec::with_capacity(elements.len().saturating_mul(gets.len()));
    for element in elements {
        for get in &gets {
            found.push(match get {
                Ok(()) => Some(element.clone()),
                Err(Some(pattern)) => pattern.look(tx, &element)?,
                Err(None) => None,
            });
        }
    }
    Ok(found)
}

/// A sort that is answered.
struct Sort<'a> {
    key: &'a [u8],
    options: &'a SortOptions<'a>,
}

impl ReadCommand for Sort<'_> {
    type Output = Vec<Option<Vec<u8>>>;

    fn keys(&self) -> Keys<'_> {
        if self.options.has_lookups() {
            Keys::All
        } else {
            Keys::One(self.key)
        }
    }

    fn execute(&self, tx: &ReadTx<'_>) -> Result<Self::Output, CommandError> {
        let elements = sorted(tx, self.key, self.options, false)?;
        let found = gather(tx, elements, self.options)?.into_iter();
        Ok(found.map(|found| found.map(Cow::into_owned)).collect())
    }
}

/// A sort that is stored.
struct SortStore<'a> {
    from: &'a [u8],
    to: &'a [u8],
    options: &'a SortOptions<'a>,
}

impl WriteCommand for SortStore<'_> {
    /// How many elements there are.
    type Output = u64;

    fn keys(&self) -> Keys<'_> {
        if self.options.has_lookups() {
            Keys::All
        } else {
            Keys::Two(self.from, self.to)
        }
    }

    fn needs_memory(&self) -> bool {
        true
    }

    fn execute(&self, tx: &mut WriteTx<'_>) -> Result<u64, CommandError> {
        let read = tx.as_read();
        let elements = sorted(&read, self.from, self.options, true)?;
        let found = gather(&read, elements, self.options)?;
        let found: Vec<Vec<u8>> = found
            .into_iter()
            .map(|found| found.unwrap_or_default().into_owned())
            .collect();
        let values: Vec<&[u8]> = found.iter().map(Vec::as_slice).collect();
        check_words(tx.rules, &values)?;
        tx.list_store(self.to, &values, Event::SortStore);
        Ok(values.len() as u64)
    }
}

/// `SORT` or `SORT_RO`.
fn answer(args: Args<'_>, host: &dyn Host, may_store: bool) -> Result<Reply, Error> {
    let (options, stored) = SortOptions::parse(args, may_store)?;
    let (key, options) = (args.word(1)?, &options);
    match stored {
        Some(to) => host.write(&SortStore {
            from: key,
            to,
            options,
        }),
        None => host.read(&Sort { key, options }),
    }
}

/// Sorting.
pub trait SortRead: RunRead {
    /// Returns the elements of the list, set or sorted set at `key` in order, or what patterns name for
    /// them, `None` where that is nothing. Redis: `SORT`, `SORT_RO`.
    ///
    /// With a pattern that names keys, the whole database is locked meanwhile.
    ///
    /// # Complexity
    /// O(N+M*log(M)) where N is the size of the collection and M of the part that is sorted.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if `key` holds another type, [`CommandError::Other`] for an element or a
    /// value that is no number, unless [`alpha`](SortOptions::alpha) is asked for.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, SortOptions, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("numbers", &["3", "10", "2"])?;
    /// let highest = db.sort("numbers", &SortOptions::new().desc().limit(0, 1))?;
    /// assert_eq!(highest, [Some(b"10".to_vec())]);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sort(
        &self,
        key: impl AsRef<[u8]>,
        options: &SortOptions<'_>,
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let key = key.as_ref();
        self.read(Sort { key, options })
    }
}

impl<T: RunRead> SortRead for T {}

/// Storing what is sorted.
pub trait SortWrite: RunWrite {
    /// Lets `to`, which may be `from`, hold a list of what [`sort`](SortRead::sort) returns, with empty
    /// elements for what is nothing, and nothing else; returns how many there are. Without any, `to` is
    /// removed. Redis: `SORT` with `STORE`.
    ///
    /// # Complexity
    /// As [`sort`](SortRead::sort).
    ///
    /// # Errors
    /// As [`sort`](SortRead::sort), and [`CommandError::StringTooLong`] for more than 4 GB; nothing is
    /// changed.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, SortOptions, prelude::*};
    /// # let db = Db::open_in_memory();
    /// db.rpush("numbers", &["3", "10", "2"])?;
    /// assert_eq!(db.sort_store("sorted", "numbers", &SortOptions::new())?, 3);
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    fn sort_store(
        &self,
        to: impl AsRef<[u8]>,
        from: impl AsRef<[u8]>,
        options: &SortOptions<'_>,
    ) -> Result<u64, Error> {
        let (to, from) = (to.as_ref(), from.as_ref());
        self.write(SortStore { from, to, options })
    }
}

impl<T: RunWrite> SortWrite for T {}

#[cfg(test)]
mod tests;
