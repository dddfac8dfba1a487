//! A hash: fields with values, and a deadline for each field that wants one.
//!
//! `keyspace/hash` changes and reads it; nobody else does.
//!
//! A short hash is packed in one allocation, in order of insertion, as Redis's listpack is. Past a
//! limit, or once a field gets a deadline, it is a hash trie whose entries are the fields: the trie's
//! own deadline slot is the field's, so finding the fields that are due costs what it costs for keys.
//!
//! Invariants:
//! 1. No field occurs twice. A packed hash holds field, value, field, value.
//! 2. A packed hash keeps the limits it was changed under and has no deadlines; a table never becomes
//!    packed again.
//! 3. `large_bytes` is the sum over what lies beside the table's pages.
//! 4. `latest_ms` is at least every deadline in the table.
//!
//! It must not read a clock: a field whose deadline has passed is here until it is removed, and
//! `keyspace` decides who sees it.

use std::collections::HashMap;
use std::sync::Arc;

use super::EncodingLimits;
use crate::ds::census::Census;
use crate::ds::hash_trie::{
    self, EntryRef, HashTrie, INLINE_KEY_MAX, INLINE_VALUE_MAX, NO_DEADLINE, NewPayload,
    OldPayload, Payload,
};
use crate::ds::packed::{self, Packed};

/// A value too long for a page, and its share of a page's side table.
type Large = Arc<[u8]>;
type Fields = HashTrie<Large, ahash::RandomState>;

/// What an item beside a page takes there, apart from its bytes: its place and two reference counts.
const BESIDE_BYTES: usize = size_of::<Large>() + 3 * size_of::<usize>();

/// The fields of one key. Clones in O(1); 16 bytes in size.
#[derive(Clone, Debug)]
pub(crate) enum HashValue {
    /// Field, value, field, value.
    Packed(Packed),
    /// A table.
    Table(Arc<Table>),
}

/// The table of a hash that is not packed.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    fields: Fields,
    large_bytes: usize,
    latest_ms: u64,
    /// Whether it is a table only because a field has, or had, a deadline.
    keeps_limits: bool,
}

/// One field, seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldRef<'a> {
    pub(crate) field: &'a [u8],
    pub(crate) value: &'a [u8],
    /// The deadline, or `NO_DEADLINE`.
    pub(crate) expires_at_ms: u64,
}

impl Default for HashValue {
    fn default() -> Self {
        Self::Packed(Packed::new())
    }
}

impl HashValue {
    /// The empty hash.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Fields, those past their deadline included. O(1).
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Packed(packed) => packed.len() / 2,
            Self::Table(table) => table.fields.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The field of this name. O(1); for a packed hash O(fields), of which there are few.
    #[inline]
    pub(crate) fn get(&self, field: &[u8]) -> Option<FieldRef<'_>> {
        match self {
            Self::Packed(packed) => {
                let mut strings = packed.iter();
                while let (Some(name), Some(value)) = (strings.next(), strings.next()) {
                    if name == field {
                        return Some(FieldRef::of(name, value));
                    }
                }
                None
            }
            Self::Table(table) => {
                let fields = &table.fields;
                fields.get(fields.hash_of(field), field).map(FieldRef::from)
            }
        }
    }

    /// Every field. A packed hash in order of insertion.
    pub(crate) fn iter(&self) -> Iter<'_> {
        match self {
            Self::Packed(packed) => Iter::Packed(packed.iter()),
            Self::Table(table) => Iter::Table(table.fields.iter()),
        }
    }

    /// Whether both are one hash or clones that nobody changed. May say no of others that are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Packed(one), Self::Packed(two)) => one.is_same(two),
            (Self::Table(one), Self::Table(two)) => Arc::ptr_eq(one, two),
            (Self::Packed(_) | Self::Table(_), _) => false,
        }
    }

    /// Calls `found` with every field that one of both has and the other has not or has otherwise, in no
    /// order; and with equal ones whose deadline is before `horizon_ms`. O(what they do not share) of
    /// tables, else O(fields).
    pub(crate) fn diff<'a>(
        &'a self,
        other: &'a Self,
        horizon_ms: u64,
        found: &mut dyn FnMut(Option<FieldRef<'a>>, Option<FieldRef<'a>>),
    ) {
        let is_equal = |here: FieldRef<'_>, there: Option<FieldRef<'_>>| {
            there == Some(here) && here.expires_at_ms >= horizon_ms
        };
        if let (Self::Table(one), Self::Table(two)) = (self, other) {
            one.fields
                .diff(&two.fields, horizon_ms, &mut |here, there| {
                    let (here, there) = (here.map(FieldRef::from), there.map(FieldRef::from));
                    if !here.is_some_and(|here| is_equal(here, there)) {
                        found(here, there);
                    }
                });
            return;
        }
        let ours: HashMap<_, _> = self.iter().map(|field| (field.field, field)).collect();
        let theirs: HashMap<_, _> = other.iter().map(|field| (field.field, field)).collect();
        for here in self.iter() {
            let there = theirs.get(here.field).copied();
            if !is_equal(here, there) {
                found(Some(here), there);
            }
        }
        for there in other.iter() {
            if !ours.contains_key(there.field) {
                found(None, Some(there));
            }
        }
    }

    /// Visits some fields from `cursor` on and returns the cursor of the next; 0 starts and ends. A
    /// packed hash is visited whole, whatever the cursor, for it has no places in between.
    pub(crate) fn scan(&self, cursor: u64, visit: &mut dyn FnMut(FieldRef<'_>)) -> u64 {
        match self {
            Self::Packed(_) => {
                self.iter().for_each(visit);
                0
            }
            Self::Table(table) => {
                let fields = &table.fields;
                fields.scan(cursor, &mut |entry| visit(FieldRef::from(entry)))
            }
        }
    }

    /// A field chosen with equal chances for each; `None` if there is none. `random` gives words.
    pub(crate) fn random(&self, random: &dyn Fn() -> u64) -> Option<FieldRef<'_>> {
        match self {
            Self::Packed(packed) => {
                let at = hash_trie::below(random(), packed.len() / 2);
                let mut strings = packed.iter_from(2 * at);
                Some(FieldRef::of(strings.next()?, strings.next()?))
            }
            Self::Table(table) => table.fields.random_fair(random).map(FieldRef::from),
        }
    }

    /// Fields with a deadline. O(1).
    pub(crate) fn with_deadline_count(&self) -> usize {
        match self {
            Self::Packed(_) => 0,
            Self::Table(table) => table.fields.with_deadline_count(),
        }
    }

    /// A lower bound of the deadlines; `NO_DEADLINE` if there are none. O(1).
    pub(crate) fn next_expiry_ms(&self) -> u64 {
        match self {
            Self::Packed(_) => NO_DEADLINE,
            Self::Table(table) => table.fields.next_expiry_ms(),
        }
    }

    /// Whether every field has a deadline, and all of them are before `now_ms`. O(1) as long as no deadline
    /// has passed, and where none was ever taken back; otherwise it stops at the first that has not.
    pub(crate) fn is_all_past(&self, now_ms: u64) -> bool {
        match self {
            Self::Packed(_) => false,
            Self::Table(table) => {
                let fields = &table.fields;
                let is_past = |entry: EntryRef<'_, Large>| entry.expires_at_ms < now_ms;
                fields.with_deadline_count() == fields.len()
                    && fields.next_expiry_ms() < now_ms
                    // The latest may be one that was taken back, or left with its field.
                    && (table.latest_ms < now_ms || fields.iter().all(is_past))
            }
        }
    }

    /// Reports up to `limit` fields whose deadline is at most `now_ms`; true if there may be more.
    /// Costs what is found, not what is there.
    pub(crate) fn collect_expired(
        &self,
        now_ms: u64,
        limit: usize,
        found: &mut dyn FnMut(&[u8]),
    ) -> bool {
        match self {
            Self::Packed(_) => false,
            Self::Table(table) => {
                let fields = &table.fields;
                fields.collect_expired(now_ms, limit, &mut |field, _| found(field))
            }
        }
    }

    /// Sets a field, without a deadline. Answers the deadline of what was replaced; `None` if the
    /// field is new.
    pub(crate) fn insert(
        &mut self,
        field: &[u8],
        value: &[u8],
        limits: &EncodingLimits,
        hasher: &ahash::RandomState,
    ) -> Option<u64> {
        if let Self::Packed(packed) = self {
            let at = packed.find(field, 0, 2);
            let len = packed.len() / 2 + usize::from(at.is_none());
            if is_short(field, value, limits) && len <= limits.hash_listpack_entries {
                match at {
                    Some(at) => packed.splice(at + 1, 1, &[value]),
                    None => packed.splice(packed.len(), 0, &[field, value]),
                }
                return at.map(|_| NO_DEADLINE);
            }
        }
        let table = self.as_table(hasher, false);
        let replaced = table.insert(field, value);
        table.keeps_limits = table.keeps_limits
            && is_short(field, value, limits)
            && table.fields.len() <= limits.hash_listpack_entries;
        replaced
    }

    /// Sets many fields, the last of a name counting. Answers how many are new. One copy of a packed
    /// hash, however many there are.
    pub(crate) fn insert_all<'a>(
        &mut self,
        pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        limits: &EncodingLimits,
        hasher: &ahash::RandomState,
    ) -> usize {
        let mut pairs = pairs;
        let mut new = 0;
        if let Self::Packed(packed) = self {
            let before = packed.clone();
            let mut strings: Vec<&[u8]> = before.iter().collect();
            let mut fits = true;
            while fits && let Some((field, value)) = pairs.next() {
                match strings.iter().step_by(2).position(|&name| name == field) {
                    Some(at) => strings[2 * at + 1] = value,
                    None => {
                        strings.extend([field, value]);
                        new += 1;
                    }
                }
                fits = is_short(field, value, limits)
                    && strings.len() / 2 <= limits.hash_listpack_entries;
            }
            if fits {
                packed.splice(0, packed.len(), &strings);
                return new;
            }
            *self = Self::new();
            let table = self.as_table(hasher, false);
            for pair in strings.chunks_exact(2) {
                table.insert(pair[0], pair[1]);
            }
        }
        for (field, value) in pairs {
            new += usize::from(self.insert(field, value, limits, hasher).is_none());
        }
        new
    }

    /// Removes a field. Answers the deadline it had; `None` if it was absent.
    pub(crate) fn remove(&mut self, field: &[u8]) -> Option<u64> {
        match self {
            Self::Packed(packed) => {
                let at = packed.find(field, 0, 2)?;
                packed.splice(at, 2, &[]);
                Some(NO_DEADLINE)
            }
            Self::Table(table) => {
                // A look first: removing what is not there must not copy the table's head.
                let hash = table.fields.hash_of(field);
                let expires_at_ms = table.fields.get(hash, field)?.expires_at_ms;
                Arc::make_mut(table).remove(hash, field);
                Some(expires_at_ms)
            }
        }
    }

    /// Sets the deadline of a field, or clears it with `NO_DEADLINE`. Answers the deadline it had;
    /// `None` if it was absent.
    pub(crate) fn set_expires_at_ms(
        &mut self,
        field: &[u8],
        expires_at_ms: u64,
        hasher: &ahash::RandomState,
    ) -> Option<u64> {
        let before = self.get(field)?.expires_at_ms;
        if before != expires_at_ms {
            let table = self.as_table(hasher, true);
            let hash = table.fields.hash_of(field);
            table.fields.set_expires_at_ms(hash, field, expires_at_ms);
            if table.fields.with_deadline_count() == 0 {
                table.latest_ms = 0;
            } else if expires_at_ms != NO_DEADLINE {
                table.latest_ms = table.latest_ms.max(expires_at_ms);
            }
        }
        Some(before)
    }

    /// The hash as a table, unshared.
    fn as_table(&mut self, hasher: &ahash::RandomState, keeps_limits: bool) -> &mut Table {
        if let Self::Packed(packed) = self {
            let mut table = Table {
                fields: Fields::new(hasher.clone()),
                large_bytes: 0,
                latest_ms: 0,
                keeps_limits,
            };
            let mut strings = packed.iter();
            while let (Some(field), Some(value)) = (strings.next(), strings.next()) {
                table.insert(field, value);
            }
            *self = Self::Table(Arc::new(table));
        }
        match self {
            Self::Table(table) => Arc::make_mut(table),
            Self::Packed(_) => unreachable!("a packed hash was just made a table"),
        }
    }

    /// What `OBJECT ENCODING` answers: `listpackex`, Redis 7.4's name for short hashes with
    /// deadlines, is for us a table that keeps the limits of a packed one.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Table(table) if table.keeps_limits => "listpackex",
            Self::Table(_) => "hashtable",
        }
    }

    /// What goes with this value and whatever the census has seen. O(nodes that would go).
    pub(crate) fn exclusive_bytes(&self, census: &mut Census) -> usize {
        match self {
            Self::Packed(packed) => packed.exclusive_bytes(census),
            Self::Table(table) if census.is_last(table) => {
                let head = size_of::<Table>() + 2 * size_of::<usize>();
                let beside = &mut |value: &Large, census: &mut Census| {
                    if census.is_last(value) {
                        value.len() + 2 * size_of::<usize>()
                    } else {
                        0
                    }
                };
                head + table.fields.exclusive_bytes(census, beside)
            }
            Self::Table(_) => 0,
        }
    }

    /// The heap bytes below this value, as if nothing were shared with another. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Packed(packed) => packed.memory_bytes(),
            Self::Table(table) => {
                let head = size_of::<Table>() + 2 * size_of::<usize>();
                head + table.fields.node_bytes() + table.large_bytes
            }
        }
    }
}

/// Whether a packed hash may hold this pair.
fn is_short(field: &[u8], value: &[u8], limits: &EncodingLimits) -> bool {
    field.len().max(value.len()) <= limits.hash_listpack_value_bytes
}

/// What a value of this length takes beside its page.
fn value_beside_bytes(len: usize) -> usize {
    if len > INLINE_VALUE_MAX {
        len + BESIDE_BYTES
    } else {
        0
    }
}

/// What a field of this length takes beside its page.
fn field_beside_bytes(len: usize) -> usize {
    if len > INLINE_KEY_MAX {
        len + BESIDE_BYTES
    } else {
        0
    }
}

impl Table {
    /// Sets a field; answers the deadline of what was replaced.
    fn insert(&mut self, field: &[u8], value: &[u8]) -> Option<u64> {
        let hash = self.fields.hash_of(field);
        let before = match self.fields.with_deadline_count() {
            0 => NO_DEADLINE,
            _ => (self.fields.get(hash, field)).map_or(NO_DEADLINE, |entry| entry.expires_at_ms),
        };
        let payload = if value.len() > INLINE_VALUE_MAX {
            NewPayload::Large(Arc::from(value))
        } else {
            NewPayload::Inline(value)
        };
        self.large_bytes += value_beside_bytes(value.len());
        match self.fields.insert(hash, field, 0, NO_DEADLINE, payload) {
            OldPayload::None => {
                self.large_bytes += field_beside_bytes(field.len());
                None
            }
            OldPayload::Inline => Some(before),
            OldPayload::Large(old) => {
                self.large_bytes -= value_beside_bytes(old.len());
                Some(before)
            }
        }
    }

    fn remove(&mut self, hash: u64, field: &[u8]) {
        match self.fields.remove(hash, field) {
            None | Some(OldPayload::None) => return,
            Some(OldPayload::Inline) => {}
            Some(OldPayload::Large(old)) => self.large_bytes -= value_beside_bytes(old.len()),
        }
        self.large_bytes -= field_beside_bytes(field.len());
    }
}

impl<'a> FieldRef<'a> {
    /// The deadline, if there is one.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        (self.expires_at_ms != NO_DEADLINE).then_some(self.expires_at_ms)
    }

    fn of(field: &'a [u8], value: &'a [u8]) -> Self {
        Self {
            field,
            value,
            expires_at_ms: NO_DEADLINE,
        }
    }
}

impl<'a> From<EntryRef<'a, Large>> for FieldRef<'a> {
    #[inline]
    fn from(entry: EntryRef<'a, Large>) -> Self {
        Self {
            field: entry.key,
            value: match entry.payload {
                Payload::Inline(bytes) => bytes,
                Payload::Large(bytes) => bytes,
            },
            expires_at_ms: entry.expires_at_ms,
        }
    }
}

/// The fields of a hash.
#[derive(Debug)]
pub(crate) enum Iter<'a> {
    Packed(packed::Iter<'a>),
    Table(hash_trie::Iter<'a, Large>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = FieldRef<'a>;

    fn next(&mut self) -> Option<FieldRef<'a>> {
        match self {
            Self::Packed(strings) => Some(FieldRef::of(strings.next()?, strings.next()?)),
            Self::Table(entries) => entries.next().map(FieldRef::from),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Self::Packed(strings) => strings.len() / 2,
            Self::Table(entries) => entries.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(any(test, fuzzing))]
impl HashValue {
    /// Asserts every invariant. O(fields), of a packed hash O(fields^2).
    pub(crate) fn check_invariants(&self) {
        match self {
            Self::Packed(packed) => {
                packed.check_invariants();
                assert_eq!(packed.len() % 2, 0, "a field without a value");
                for (i, field) in packed.iter().step_by(2).enumerate() {
                    assert_eq!(packed.find(field, 0, 2), Some(2 * i), "a field twice");
                }
            }
            Self::Table(table) => {
                table.fields.check_invariants();
                let deadlines = self.iter().map(|f| f.expires_at_ms);
                let latest_ms = deadlines.filter(|&at_ms| at_ms != NO_DEADLINE).max();
                assert!(
                    latest_ms.is_none_or(|at_ms| at_ms <= table.latest_ms),
                    "latest_ms"
                );
                let beside = self
                    .iter()
                    .map(|f| field_beside_bytes(f.field.len()) + value_beside_bytes(f.value.len()));
                assert_eq!(beside.sum::<usize>(), table.large_bytes, "large_bytes");
            }
        }
    }
}

#[cfg(test)]
mod tests;
