//! Differences in words: one line each.
//!
//! Called where a [`Diff`] or a part of it is printed; see there for the form. Invariants:
//! 1. A line has no line break in it, whatever keys and values hold.
//! 2. The same difference is the same line: what has no order is sorted.
//! 3. A line is bounded, whatever values hold; only keys and names of parts are never cut.

use std::fmt::{self, Display, Formatter, Write};

use super::{Diff, Difference, DifferenceKind, FieldContent, KeyContent, PartDifference};
use crate::keyspace::StringRef;
use crate::value::Value;
use crate::value::number::write_double;

/// The longest string that is shown whole.
const STRING_SHOWN_MAX: u64 = 64;
/// How many bytes of a longer one are shown.
const EXCERPT_BYTES: u64 = 32;
/// The largest collection that is shown whole.
const ELEMENTS_SHOWN_MAX: u64 = 8;
/// How many parts of one are shown.
const PARTS_SHOWN_MAX: usize = 16;

/// Writes bytes in double quotes as `redis-cli` reads them: text as it is, what cannot be printed as an
/// escape.
pub(crate) fn write_quoted(bytes: &[u8], out: &mut dyn Write) -> fmt::Result {
    out.write_char('"')?;
    write_escaped(bytes, out)?;
    out.write_char('"')
}

fn write_escaped(bytes: &[u8], out: &mut dyn Write) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' => out.write_str("\\\"")?,
                '\\' => out.write_str("\\\\")?,
                '\n' => out.write_str("\\n")?,
                '\r' => out.write_str("\\r")?,
                '\t' => out.write_str("\\t")?,
                letter if letter.is_control() => {
                    let mut bytes = [0; 4];
                    for byte in letter.encode_utf8(&mut bytes).bytes() {
                        write!(out, "\\x{byte:02x}")?;
                    }
                }
                letter => out.write_char(letter)?,
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

/// Whether a word needs no quotes.
pub(crate) fn is_plain(word: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:@/+".contains(byte);
    !word.is_empty() && word.iter().all(is_plain)
}

/// A name of a part: plain words as they are, others quoted.
struct Name<'a>(&'a [u8]);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self.0) {
            Ok(word) if is_plain(self.0) => f.write_str(word),
            Ok(_) | Err(_) => write_quoted(self.0, f),
        }
    }
}

/// A value: quoted, cut if it is long.
struct Shown<'a>(&'a [u8]);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        excerpt(StringRef::Inline(self.0), 0, f)
    }
}

/// A string from a byte on, whole if it is short. What is left out is marked, and then the length is told.
fn excerpt(string: StringRef<'_>, from: u64, f: &mut Formatter<'_>) -> fmt::Result {
    let len = string.len();
    let is_whole = from == 0 && len <= STRING_SHOWN_MAX;
    let shown = if is_whole { len } else { EXCERPT_BYTES };
    let mut bytes = Vec::new();
    string.read_into(from, shown, &mut bytes);
    let before = if from > 0 { "…" } else { "" };
    let after = if from.saturating_add(shown) < len {
        "…"
    } else {
        ""
    };
    write!(f, "\"{before}")?;
    write_escaped(&bytes, f)?;
    write!(f, "{after}\"")?;
    if !is_whole {
        write!(f, " ({len} bytes)")?;
    }
    Ok(())
}

/// A score as commands answer it.
pub(crate) struct Score(pub(crate) f64);

impl Display for Score {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        write_double(self.0, &mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// A deadline, or that there is none.
struct Deadline(Option<u64>);

impl Display for Deadline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at_ms) => write!(f, "{at_ms}"),
            None => f.write_str("none"),
        }
    }
}

/// Writes items with commas between them.
fn joined<T>(
    f: &mut Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        each(f, item)?;
    }
    Ok(())
}

impl Display for KeyContent {
    /// The value: a string quoted, a collection with its elements if there are at most 8, else their number.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let size = self.size();
        if size > ELEMENTS_SHOWN_MAX && !matches!(self.value, Value::String(_)) {
            return write!(f, "({size} elements)");
        }
        match &self.value {
            Value::String(string) => excerpt(StringRef::Large(string), 0, f),
            Value::List(list) => {
                f.write_char('[')?;
                joined(f, list.iter(), |f, element| write!(f, "{}", Shown(element)))?;
                f.write_char(']')
            }
            Value::Hash(hash) => {
                let mut fields: Vec<_> = self.fields(hash).collect();
                fields.sort_unstable_by_key(|field| field.field);
                f.write_char('{')?;
                joined(f, fields, |f, field| {
                    write!(f, "{} {}", Name(field.field), Shown(field.value))?;
                    match field.deadline_ms() {
                        Some(at_ms) => write!(f, " expires {at_ms}"),
                        None => Ok(()),
                    }
                })?;
                f.write_char('}')
            }
            Value::Set(set) => {
                let mut members: Vec<_> = set.iter().map(|member| member.to_vec()).collect();
                members.sort_unstable();
                f.write_char('{')?;
                joined(f, &members, |f, member| write!(f, "{}", Name(member)))?;
                f.write_char('}')
            }
            Value::SortedSet(zset) => {
                f.write_char('{')?;
                joined(f, zset.range(0..zset.len()), |f, (member, score)| {
                    write!(f, "{} {}", Name(member), Score(score))
                })?;
                f.write_char('}')
            }
        }
    }
}

/// Writes parts, each marked; `name` and `value` say how.
fn parts<N, V>(
    f: &mut Formatter<'_>,
    parts: &[PartDifference<N, V>],
    name: impl Fn(&mut Formatter<'_>, &N) -> fmt::Result,
    value: impl Fn(&mut Formatter<'_>, &V) -> fmt::Result,
    change: impl Fn(&mut Formatter<'_>, &V, &V) -> fmt::Result,
) -> fmt::Result {
    let shown = &parts[..parts.len().min(PARTS_SHOWN_MAX)];
    joined(f, shown, |f, part| {
        match (&part.before, &part.after) {
            (None, Some(_)) => f.write_char('+')?,
            (Some(_), None) => f.write_char('-')?,
            (Some(_), Some(_)) | (None, None) => {}
        }
        name(f, &part.name)?;
        match (&part.before, &part.after) {
            (None, Some(only)) | (Some(only), None) => value(f, only),
            (Some(before), Some(after)) => change(f, before, after),
            (None, None) => Ok(()),
        }
    })?;
    match parts.len() - shown.len() {
        0 => Ok(()),
        more => write!(f, ", and {more} more"),
    }
}

fn field(f: &mut Formatter<'_>, field: &FieldContent) -> fmt::Result {
    write!(f, " {}", Shown(&field.value))?;
    match field.expires_at_ms {
        Some(at_ms) => write!(f, " expires {at_ms}"),
        None => Ok(()),
    }
}

fn field_change(f: &mut Formatter<'_>, before: &FieldContent, after: &FieldContent) -> fmt::Result {
    if before.value != after.value {
        f.write_char(' ')?;
        change_of_strings(
            StringRef::Inline(&before.value),
            StringRef::Inline(&after.value),
            f,
        )?;
    }
    if before.expires_at_ms != after.expires_at_ms {
        let (before, after) = (
            Deadline(before.expires_at_ms),
            Deadline(after.expires_at_ms),
        );
        write!(f, " expires {before} → {after}")?;
    }
    Ok(())
}

/// Both strings, from where they differ if one is long.
fn change_of_strings(
    before: StringRef<'_>,
    after: StringRef<'_>,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    let is_long = before.len().max(after.len()) > STRING_SHOWN_MAX;
    let from = if is_long {
        before.first_difference(&after).unwrap_or(0)
    } else {
        0
    };
    if from > 0 {
        write!(f, "from byte {from}: ")?;
    }
    excerpt(before, from, f)?;
    f.write_str(" → ")?;
    excerpt(after, from, f)
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (mark, name) = match &self.kind {
            DifferenceKind::Added(content) => ('+', content.key_type().name()),
            DifferenceKind::Removed(content) => ('-', content.key_type().name()),
            DifferenceKind::Replaced { before, .. } => ('~', before.key_type().name()),
            DifferenceKind::List(_) => ('~', "list"),
            DifferenceKind::Hash(_) => ('~', "hash"),
            DifferenceKind::Set(_) => ('~', "set"),
            DifferenceKind::SortedSet(_) => ('~', "zset"),
            DifferenceKind::Deadline { .. } => ('~', "expires"),
        };
        write!(f, "{mark} ")?;
        if self.database != 0 {
            write!(f, "db{} ", self.database)?;
        }
        write!(f, "{name} ")?;
        write_quoted(&self.key, f)?;
        match &self.kind {
            DifferenceKind::Added(content) => {
                write!(f, " = {content}")?;
                match content.expires_at_ms {
                    Some(at_ms) => write!(f, " expires {at_ms}"),
                    None => Ok(()),
                }
            }
            DifferenceKind::Removed(content) => match &content.value {
                Value::String(_) => write!(f, " = {content}"),
                Value::List(_) | Value::Hash(_) | Value::Set(_) | Value::SortedSet(_) => {
                    let size = content.size();
                    let ending = if size == 1 { "" } else { "s" };
                    write!(f, " ({size} element{ending})")
                }
            },
            DifferenceKind::Replaced { before, after } => match (&before.value, &after.value) {
                (Value::String(before), Value::String(after)) => {
                    f.write_str(": ")?;
                    change_of_strings(StringRef::Large(before), StringRef::Large(after), f)
                }
                _ => write!(f, ": {before} → {} {after}", after.key_type().name()),
            },
            DifferenceKind::List(differences) => {
                f.write_str(": ")?;
                parts(
                    f,
                    differences,
                    |f, at| write!(f, "[{at}]"),
                    |f, element| write!(f, " {}", Shown(element)),
                    |f, before, after| {
                        f.write_char(' ')?;
                        change_of_strings(StringRef::Inline(before), StringRef::Inline(after), f)
                    },
                )
            }
            DifferenceKind::Hash(differences) => {
                f.write_str(": ")?;
                let name = |f: &mut Formatter<'_>, name: &Vec<u8>| write!(f, "{}", Name(name));
                parts(f, differences, name, field, field_change)
            }
            DifferenceKind::Set(differences) => {
                f.write_str(": ")?;
                parts(
                    f,
                    differences,
                    |f, name| write!(f, "{}", Name(name)),
                    |_, ()| Ok(()),
                    |_, (), ()| Ok(()),
                )
            }
            DifferenceKind::SortedSet(differences) => {
                f.write_str(": ")?;
                parts(
                    f,
                    differences,
                    |f, name| write!(f, "{}", Name(name)),
                    |f, score| write!(f, " {}", Score(*score)),
                    |f, before, after| write!(f, " {} → {}", Score(*before), Score(*after)),
                )
            }
            DifferenceKind::Deadline {
                before_ms,
                after_ms,
            } => write!(f, ": {} → {}", Deadline(*before_ms), Deadline(*after_ms)),
        }
    }
}

impl Display for Diff {
    /// One line for each difference, each with a line break after it; nothing if there is none.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.iter()
            .try_for_each(|difference| writeln!(f, "{difference}"))
    }
}
