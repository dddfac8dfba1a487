//! What a key holds, as commands see it.

use super::tx::Now;
use crate::ds::bits::Source;
use crate::ds::hash_trie::{EntryRef, NO_DEADLINE, Payload};
use crate::error::CommandError;
use crate::value::{
    HashValue, ListValue, SetValue, StringValue, Value, ZSetValue, first_difference,
};

/// Entry tags: type and encoding of an inline value. A large value carries its own type; its tag
/// only says how a string came to be.
pub(crate) mod tag {
    /// A string as `SET` leaves it: `int`, `embstr` or `raw` by its content.
    pub(crate) const STRING: u8 = 0;
    /// A string that was edited in place: always `raw`.
    pub(crate) const STRING_RAW: u8 = 1;
}

/// The data type of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// A string; bitmaps are strings.
    String,
    /// A list.
    List,
    /// A hash: fields with values.
    Hash,
    /// A set.
    Set,
    /// A sorted set: members with scores.
    SortedSet,
}

impl KeyType {
    pub(crate) const ALL: [Self; 5] = [
        Self::String,
        Self::List,
        Self::Hash,
        Self::Set,
        Self::SortedSet,
    ];

    /// The name as `TYPE` prints it.
    ///
    /// ```
    /// assert_eq!(nacredb::KeyType::String.name(), "string");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Hash => "hash",
            Self::Set => "set",
            Self::SortedSet => "zset",
        }
    }
}

/// A key's entry, borrowed from its shard.
#[derive(Debug)]
pub(crate) struct Entry<'a>(EntryRef<'a, Value>);

/// What an edit of a whole string has to keep or may reuse of the entry before it. Only an [`Entry`]
/// makes one, so it cannot name a place that is not there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    pub(super) inline_bytes: Option<usize>,
    pub(super) tag: u8,
    pub(super) expires_at_ms: Option<u64>,
}

/// The bytes of a string, where they lie.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StringRef<'a> {
    /// In the page, in one piece.
    Inline(&'a [u8]),
    /// Beside the page.
    Large(&'a StringValue),
}

/// Whether an entry is a hash that has fields with deadlines.
#[inline]
fn has_field_deadlines(large: Option<&Value>) -> bool {
    matches!(large, Some(Value::Hash(hash)) if hash.with_deadline_count() > 0)
}

/// Whether an entry's deadline has passed, or that of each of its fields: such a hash is as good as
/// empty, and no key holds an empty one.
fn is_past(large: Option<&Value>, expires_at_ms: u64, now_ms: u64) -> bool {
    super::expiry::is_past(expires_at_ms, now_ms)
        || matches!(large, Some(Value::Hash(hash)) if hash.is_all_past(now_ms))
}

/// As [`is_gone`], of a value and its deadline.
#[inline]
pub(super) fn is_value_gone(large: Option<&Value>, expires_at_ms: u64, now: &Now<'_>) -> bool {
    (expires_at_ms != NO_DEADLINE || has_field_deadlines(large))
        && is_past(large, expires_at_ms, now.ms())
}

/// As [`Entry::is_expired`]; the time is asked for only if it matters.
#[inline]
pub(super) fn is_gone(entry: &EntryRef<'_, Value>, now: &Now<'_>) -> bool {
    is_value_gone(large_of(entry), entry.expires_at_ms, now)
}

#[inline]
fn large_of<'a>(entry: &EntryRef<'a, Value>) -> Option<&'a Value> {
    match entry.payload {
        Payload::Large(value) => Some(value),
        Payload::Inline(_) => None,
    }
}

impl<'a> Entry<'a> {
    #[inline]
    pub(crate) fn new(entry: EntryRef<'a, Value>) -> Self {
        Self(entry)
    }

    pub(crate) fn key(&self) -> &'a [u8] {
        self.0.key
    }

    #[inline]
    pub(crate) fn expires_at_ms(&self) -> Option<u64> {
        (self.0.expires_at_ms != NO_DEADLINE).then_some(self.0.expires_at_ms)
    }

    /// Whether the time has to be asked for to know whether it is there.
    pub(crate) fn may_expire(&self) -> bool {
        self.0.expires_at_ms != NO_DEADLINE || has_field_deadlines(large_of(&self.0))
    }

    /// Whether its deadline has passed, or that of each of its fields.
    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        is_past(large_of(&self.0), self.0.expires_at_ms, now_ms)
    }

    pub(crate) fn key_type(&self) -> KeyType {
        match self.0.payload {
            Payload::Inline(_) | Payload::Large(Value::String(_)) => KeyType::String,
            Payload::Large(Value::List(_)) => KeyType::List,
            Payload::Large(Value::Hash(_)) => KeyType::Hash,
            Payload::Large(Value::Set(_)) => KeyType::Set,
            Payload::Large(Value::SortedSet(_)) => KeyType::SortedSet,
        }
    }

    /// The value, unless it is a string that lies in the page.
    pub(crate) fn large(&self) -> Option<&'a Value> {
        large_of(&self.0)
    }

    /// The entry as a string.
    #[inline]
    pub(crate) fn string(&self) -> Result<StringRef<'a>, CommandError> {
        match self.0.payload {
            Payload::Inline(bytes) => Ok(StringRef::Inline(bytes)),
            Payload::Large(Value::String(string)) => Ok(StringRef::Large(string)),
            Payload::Large(_) => Err(CommandError::WrongType),
        }
    }

    /// The entry as a list.
    pub(crate) fn list(&self) -> Result<&'a ListValue, CommandError> {
        match self.0.payload {
            Payload::Large(Value::List(list)) => Ok(list),
            Payload::Inline(_) | Payload::Large(_) => Err(CommandError::WrongType),
        }
    }

    /// The entry as a hash.
    pub(crate) fn hash(&self) -> Result<&'a HashValue, CommandError> {
        match self.0.payload {
            Payload::Large(Value::Hash(hash)) => Ok(hash),
            Payload::Inline(_) | Payload::Large(_) => Err(CommandError::WrongType),
        }
    }

    /// The entry as a set.
    pub(crate) fn set(&self) -> Result<&'a SetValue, CommandError> {
        match self.0.payload {
            Payload::Large(Value::Set(set)) => Ok(set),
            Payload::Inline(_) | Payload::Large(_) => Err(CommandError::WrongType),
        }
    }

    /// The entry as a sorted set.
    pub(crate) fn zset(&self) -> Result<&'a ZSetValue, CommandError> {
        match self.0.payload {
            Payload::Large(Value::SortedSet(zset)) => Ok(zset),
            Payload::Inline(_) | Payload::Large(_) => Err(CommandError::WrongType),
        }
    }

    /// The bytes of the value beside its page; 0 for one that lies in it.
    pub(crate) fn beside_bytes(&self) -> usize {
        match self.0.payload {
            Payload::Inline(_) => 0,
            Payload::Large(value) => value.memory_bytes(),
        }
    }

    /// The bytes of key, entry and value, as if nothing were shared. O(1).
    pub(crate) fn memory_bytes(&self) -> usize {
        self.0.memory_bytes() + self.beside_bytes()
    }

    /// What [`WriteTx::replace_string`](super::WriteTx::replace_string) has to know of it.
    pub(crate) fn before(&self) -> Before {
        Before {
            inline_bytes: match self.0.payload {
                Payload::Inline(bytes) => Some(bytes.len()),
                Payload::Large(_) => None,
            },
            tag: self.0.tag,
            expires_at_ms: self.expires_at_ms(),
        }
    }

    /// Whether the string was edited in place since it was set.
    pub(crate) fn is_edited(&self) -> bool {
        self.0.tag == tag::STRING_RAW
    }
}

impl<'a> StringRef<'a> {
    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Large(string) => string.len(),
        }
    }

    /// The whole value if it lies in one piece.
    #[inline]
    pub(crate) fn contiguous(&self) -> Option<&'a [u8]> {
        match self {
            Self::Inline(bytes) => Some(bytes),
            Self::Large(string) => string.as_contiguous(),
        }
    }

    /// Appends `len` bytes from `offset`, as far as there are any.
    pub(crate) fn read_into(&self, offset: u64, len: u64, out: &mut Vec<u8>) {
        match self {
            Self::Inline(bytes) => {
                let start = usize::try_from(offset)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                let end = usize::try_from(offset.saturating_add(len)).unwrap_or(usize::MAX);
                out.extend_from_slice(&bytes[start..end.clamp(start, bytes.len())]);
            }
            Self::Large(string) => string.read_into(offset, len, out),
        }
    }

    /// The first byte at which both differ; the shorter one's length if there is none. `None` if they are
    /// equal. O(what they do not share).
    pub(crate) fn first_difference(&self, other: &Self) -> Option<u64> {
        let source = |string: &Self| match *string {
            Self::Inline(bytes) => Source::Bytes(bytes),
            Self::Large(string) => string.as_source(),
        };
        first_difference(source(self), source(other))
    }

    /// A copy of the whole value.
    pub(crate) fn to_vec(self) -> Vec<u8> {
        match self {
            Self::Inline(bytes) => bytes.to_vec(),
            Self::Large(string) => {
                let mut out = Vec::new();
                string.read_into(0, u64::MAX, &mut out);
                out
            }
        }
    }
}
