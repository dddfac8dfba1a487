//! The value of a set: integers or short words in one allocation, else a hash trie of members.
//!
//! `keyspace` keeps it and changes it; `command` reads it.
//!
//! Invariants:
//! 1. Every member is there once, whatever the form. A member of the form for integers is one that Redis
//!    reads as an integer; the text of an integer is its only text.
//! 2. A set without members has the form for integers, and no allocation.
//! 3. A form is left for the next one when it no longer fits, and never taken again: [`encoding`]
//!    changes as Redis's does.
//! 4. Tries of all sets hash with one hasher: a member's hash in one set is its hash in all.
//!
//! It must not know keys, deadlines or commands.
//!
//! [`encoding`]: SetValue::encoding

use std::convert::Infallible;
use std::sync::Arc;

use super::EncodingLimits;
use super::intset::{self, IntSet};
use super::number::{I64Text, parse_i64};
use crate::ds::census::Census;
use crate::ds::hash_trie::{
    self, HashTrie, INLINE_KEY_MAX, NO_DEADLINE, NewPayload, OldPayload, below,
};
use crate::ds::packed::{self, Packed};

/// The hasher of all sets of a database.
pub(crate) type Hasher = ahash::RandomState;

/// Words stay in one allocation up to this many...
const WORDS_MAX: usize = 32;
/// ... and this many bytes: looking through them costs no more than hashing.
const WORDS_BYTES_MAX: usize = 512;

/// A set of byte strings. Clones in O(1); writes copy what a clone shares, node by node.
#[derive(Clone, Debug)]
pub(crate) enum SetValue {
    /// Only integers, up to the limit.
    Ints(IntSet),
    /// A few short words.
    Words(Packed),
    /// Everything else.
    Table(Arc<Table>),
}

/// The trie of a large set.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    members: HashTrie<Infallible, Hasher>,
    /// Bytes of the members that are too long for a page.
    beside_bytes: usize,
}

/// A member, where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Member<'a> {
    /// In the form for integers.
    Int(i64),
    /// As bytes.
    Word(&'a [u8]),
}

impl<'a> Member<'a> {
    /// Calls `read` with the member's bytes.
    #[inline]
    pub(crate) fn with<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
        match *self {
            Self::Int(number) => read(I64Text::new(number).as_bytes()),
            Self::Word(word) => read(word),
        }
    }

    /// The member as bytes that can be borrowed.
    fn text(self) -> Text<'a> {
        match self {
            Self::Int(number) => Text::Int(I64Text::new(number)),
            Self::Word(word) => Text::Word(word),
        }
    }

    /// A copy of the member's bytes.
    pub(crate) fn to_vec(self) -> Vec<u8> {
        self.with(<[u8]>::to_vec)
    }

    /// The integer that the member is, if it is one.
    pub(crate) fn number(&self) -> Option<i64> {
        match *self {
            Self::Int(number) => Some(number),
            Self::Word(word) => parse_i64(word),
        }
    }
}

/// The bytes of a member.
enum Text<'a> {
    Int(I64Text),
    Word(&'a [u8]),
}

impl Text<'_> {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Int(text) => text.as_bytes(),
            Self::Word(word) => word,
        }
    }
}

/// A member to be looked for in several sets: hashed once, and only if one of them wants a hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe<'a> {
    member: Member<'a>,
    hash: Option<u64>,
}

impl<'a> Probe<'a> {
    pub(crate) fn new(member: Member<'a>) -> Self {
        Self { member, hash: None }
    }

    /// Whether a set has it.
    #[inline]
    pub(crate) fn is_in(&mut self, set: &SetValue) -> bool {
        match (set, self.member) {
            (SetValue::Ints(ints), Member::Int(number)) => ints.contains(number),
            (SetValue::Table(table), Member::Word(word)) => {
                let members = &table.members;
                let hash = *self.hash.get_or_insert_with(|| members.hash_of(word));
                members.contains(hash, word)
            }
            (SetValue::Ints(_) | SetValue::Words(_) | SetValue::Table(_), member) => {
                member.with(|word| set.contains(word))
            }
        }
    }
}

/// What a member takes beside its page.
fn beside(member: &[u8]) -> usize {
    // The bytes, their counts of references, and their place in the page's side table.
    const AROUND: usize = 5 * size_of::<usize>();
    if member.len() > INLINE_KEY_MAX {
        member.len() + AROUND
    } else {
        0
    }
}

impl Table {
    fn new(hasher: &Hasher) -> Self {
        Self {
            members: HashTrie::new(hasher.clone()),
            beside_bytes: 0,
        }
    }

    fn put(&mut self, hash: u64, member: &[u8]) {
        let payload = NewPayload::Inline(&[]);
        let old = self.members.insert(hash, member, 0, NO_DEADLINE, payload);
        if matches!(old, OldPayload::None) {
            self.beside_bytes += beside(member);
        }
    }
}

impl SetValue {
    /// The empty set. Allocates nothing.
    pub(crate) fn new() -> Self {
        Self::Ints(IntSet::new())
    }

    /// How many members. O(1).
    pub(crate) fn len(&self) -> u64 {
        self.count() as u64
    }

    fn count(&self) -> usize {
        match self {
            Self::Ints(ints) => ints.len(),
            Self::Words(words) => words.len(),
            Self::Table(table) => table.members.len(),
        }
    }

    /// The name `OBJECT ENCODING` has for the form.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Self::Ints(_) => "intset",
            Self::Words(_) | Self::Table(_) => "hashtable",
        }
    }

    /// Whether a member is there. O(1); O(log n) among integers.
    #[inline]
    pub(crate) fn contains(&self, member: &[u8]) -> bool {
        match self {
            Self::Ints(ints) => parse_i64(member).is_some_and(|number| ints.contains(number)),
            Self::Words(words) => words.iter().any(|word| word == member),
            Self::Table(table) => {
                let hash = table.members.hash_of(member);
                table.members.contains(hash, member)
            }
        }
    }

    /// Adds a member; false, and nothing copied, if it was there. O(1) for a large set; O(n) in the short
    /// forms, and once when the set leaves one.
    pub(crate) fn insert(
        &mut self,
        hasher: &Hasher,
        limits: &EncodingLimits,
        member: &[u8],
    ) -> bool {
        match self {
            Self::Ints(ints) => {
                let Some(number) = parse_i64(member) else {
                    self.leave_ints(hasher, member);
                    return self.insert(hasher, limits, member);
                };
                let added = ints.insert(number);
                if added && ints.len() > limits.set_intset_entries {
                    self.become_table(hasher);
                }
                added
            }
            Self::Words(words) => {
                if words.iter().any(|word| word == member) {
                    return false;
                }
                if fits(words.len(), words.bytes(), member) {
                    words.splice(words.len(), 0, &[member]);
                } else {
                    self.become_table(hasher).insert_new(member);
                }
                true
            }
            Self::Table(table) => {
                let hash = table.members.hash_of(member);
                if table.members.get(hash, member).is_some() {
                    return false;
                }
                Arc::make_mut(table).put(hash, member);
                true
            }
        }
    }

    /// Removes a member; false, and nothing copied, if it was not there. O(1) for a large set; O(n) in the
    /// short forms.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        let removed = match self {
            Self::Ints(ints) => parse_i64(member).is_some_and(|number| ints.remove(number)),
            Self::Words(words) => match words.find(member, 0, 1) {
                Some(at) => {
                    words.splice(at, 1, &[]);
                    true
                }
                None => false,
            },
            Self::Table(table) => {
                let hash = table.members.hash_of(member);
                if table.members.get(hash, member).is_none() {
                    return false;
                }
                let table = Arc::make_mut(table);
                table.members.remove(hash, member);
                table.beside_bytes -= beside(member);
                true
            }
        };
        if removed && self.count() == 0 {
            *self = Self::new();
        }
        removed
    }

    /// Leaves the form for integers because of a member that is none.
    fn leave_ints(&mut self, hasher: &Hasher, member: &[u8]) {
        let mut words = Packed::new();
        for number in self.iter() {
            // Every integer moves, so that all come into the same form.
            if !number.with(|word| fits(words.len(), words.bytes(), word)) {
                self.become_table(hasher);
                return;
            }
            number.with(|word| words.splice(words.len(), 0, &[word]));
        }
        if fits(words.len(), words.bytes(), member) {
            *self = Self::Words(words);
        } else {
            self.become_table(hasher);
        }
    }

    /// Takes the last form.
    fn become_table(&mut self, hasher: &Hasher) -> &mut Table {
        let mut table = Table::new(hasher);
        for member in self.iter() {
            member.with(|word| table.put(table.members.hash_of(word), word));
        }
        *self = Self::Table(Arc::new(table));
        match self {
            Self::Table(table) => Arc::make_mut(table),
            Self::Ints(_) | Self::Words(_) => unreachable!("it has just become a table"),
        }
    }

    /// The members: ascending among integers, else in no order that a caller may rely on, but the same
    /// each time for an unchanged set.
    pub(crate) fn iter(&self) -> Iter<'_> {
        match self {
            Self::Ints(ints) => Iter::Ints(ints.iter()),
            Self::Words(words) => Iter::Words(words.iter()),
            Self::Table(table) => Iter::Table(table.members.iter()),
        }
    }

    /// Whether both are one set or clones that nobody changed. May say no of others that are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ints(one), Self::Ints(two)) => one.is_same(two),
            (Self::Words(one), Self::Words(two)) => one.is_same(two),
            (Self::Table(one), Self::Table(two)) => Arc::ptr_eq(one, two),
            (Self::Ints(_) | Self::Words(_) | Self::Table(_), _) => false,
        }
    }

    /// Calls `found` with every member that one of both has and the other has not, and with whether it is
    /// the other that has it; in no order. O(what they do not share) of tables, else O(members).
    pub(crate) fn diff<'a>(&'a self, other: &'a Self, found: &mut dyn FnMut(Member<'a>, bool)) {
        if let (Self::Table(one), Self::Table(two)) = (self, other) {
            one.members
                .diff(&two.members, 0, &mut |here, there| match (here, there) {
                    (Some(here), None) => found(Member::Word(here.key), false),
                    (None, Some(there)) => found(Member::Word(there.key), true),
                    (Some(_), Some(_)) | (None, None) => {}
                });
            return;
        }
        for (set, from, is_added) in [(self, other, false), (other, self, true)] {
            for member in set.iter() {
                if !member.with(|word| from.contains(word)) {
                    found(member, is_added);
                }
            }
        }
    }

    /// Hands over all members, in pieces of about this many bytes.
    pub(crate) fn for_each_piece(&self, bytes_max: usize, visit: &mut dyn FnMut(&[&[u8]])) {
        let mut members = self.iter().map(Member::text);
        loop {
            let mut bytes = 0;
            let mut piece: Vec<Text<'_>> = Vec::new();
            // The last one may stick out: a piece is never empty.
            while bytes < bytes_max
                && let Some(text) = members.next()
            {
                bytes += text.as_bytes().len() + 1;
                piece.push(text);
            }
            if piece.is_empty() {
                return;
            }
            let words: Vec<&[u8]> = piece.iter().map(Text::as_bytes).collect();
            visit(&words);
        }
    }

    /// Visits some members and returns the cursor to go on with; 0 starts, and a returned 0 says that
    /// all has been visited. A member that is there during the whole scan is visited at least once. Any
    /// cursor is safe. The short forms are visited whole.
    pub(crate) fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Member<'_>)) -> u64 {
        match self {
            Self::Ints(_) | Self::Words(_) => {
                self.iter().for_each(visit);
                0
            }
            Self::Table(table) => table
                .members
                .scan(cursor, &mut |entry| visit(Member::Word(entry.key))),
        }
    }

    /// A member chosen with the same chance as every other; `None` only if there is none.
    pub(crate) fn random(&self, random: &dyn Fn() -> u64) -> Option<Member<'_>> {
        match self {
            Self::Ints(ints) => ints.get(below(random(), ints.len())).map(Member::Int),
            Self::Words(words) => words.get(below(random(), words.len())).map(Member::Word),
            Self::Table(table) => {
                let entry = table.members.random_fair(random)?;
                Some(Member::Word(entry.key))
            }
        }
    }

    /// This many different members, every choice of them with the same chance; all, if there are not so
    /// many. In no random order. O(n) at most, and O(count) of a large set.
    pub(crate) fn sample(&self, count: u64, random: &dyn Fn() -> u64) -> Vec<Member<'_>> {
        let len = self.count();
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(len);
        let mut chosen = Vec::with_capacity(count);
        if let Self::Table(table) = self
            && count < len / 16
        {
            let mut seen = std::collections::HashSet::with_capacity_and_hasher(
                count,
                Hasher::with_seeds(1, 2, 3, 4),
            );
            while chosen.len() < count {
                let Some(entry) = table.members.random_fair(random) else {
                    break;
                };
                if seen.insert(entry.key) {
                    chosen.push(Member::Word(entry.key));
                }
            }
            return chosen;
        }
        // One pass that takes each with the chance that is left for it.
        for (at, member) in self.iter().enumerate() {
            let wanted = count - chosen.len();
            if wanted == 0 {
                break;
            }
            if wanted == len - at || below(random(), len - at) < wanted {
                chosen.push(member);
            }
        }
        chosen
    }

    /// What goes with this value and whatever the census has seen. O(nodes that would go).
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        match self {
            Self::Ints(ints) => ints.exclusive_bytes(census),
            Self::Words(words) => words.exclusive_bytes(census),
            Self::Table(table) if census.is_last(table) => {
                let head = size_of::<Table>() + 2 * size_of::<usize>();
                let beside = &mut |never: &Infallible, _: &mut Census| match *never {};
                head + table.members.exclusive_bytes(census, beside)
            }
            Self::Table(_) => 0,
        }
    }

    /// The heap bytes below this value, as if nothing were shared with another. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Ints(ints) => ints.memory_bytes(),
            Self::Words(words) => words.memory_bytes(),
            Self::Table(table) => {
                let counts = 2 * size_of::<usize>();
                size_of::<Table>() + counts + table.members.node_bytes() + table.beside_bytes
            }
        }
    }

    /// Asserts every invariant. O(n).
    #[cfg(any(test, fuzzing))]
    pub(crate) fn check_invariants(&self) {
        if self.count() == 0 {
            assert!(matches!(self, Self::Ints(_)), "the form of an empty set");
            assert_eq!(self.memory_bytes(), 0, "the memory of an empty set");
        }
        match self {
            Self::Ints(ints) => ints.check_invariants(),
            Self::Words(words) => {
                words.check_invariants();
                assert!(words.len() <= WORDS_MAX && words.bytes() <= WORDS_BYTES_MAX);
                for (at, word) in words.iter().enumerate() {
                    assert_eq!(words.find(word, 0, 1), Some(at), "a member twice");
                }
            }
            Self::Table(table) => {
                table.members.check_invariants();
                let members = table.members.iter();
                let sum: usize = members.map(|entry| beside(entry.key)).sum();
                assert_eq!(sum, table.beside_bytes, "beside_bytes");
            }
        }
    }
}

impl Table {
    /// Adds a member that is not there.
    fn insert_new(&mut self, member: &[u8]) {
        self.put(self.members.hash_of(member), member);
    }
}

/// Whether one more word fits the form for words.
fn fits(words: usize, bytes: usize, word: &[u8]) -> bool {
    // Its length takes two bytes at most.
    words < WORDS_MAX && bytes + word.len() + 6 <= WORDS_BYTES_MAX
}

/// The members of a [`SetValue`].
#[derive(Debug)]
pub(crate) enum Iter<'a> {
    Ints(intset::Iter<'a>),
    Words(packed::Iter<'a>),
    Table(hash_trie::Iter<'a, Infallible>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Member<'a>;

    #[inline]
    fn next(&mut self) -> Option<Member<'a>> {
        match self {
            Self::Ints(ints) => ints.next().map(Member::Int),
            Self::Words(words) => words.next().map(Member::Word),
            Self::Table(members) => members.next().map(|entry| Member::Word(entry.key)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Ints(ints) => ints.size_hint(),
            Self::Words(words) => words.size_hint(),
            Self::Table(members) => members.size_hint(),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests;
