//! `nacre log`: the append log, one frame a line, changes as the commands that would make them.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write as _};

use nacredb::inspect::{self, FrameKind, LogFrame};
use nacredb::{Effect, Error, Items};

use crate::arguments::LogTask;
use crate::json::{self, Object};
use crate::time::utc;
use crate::{Failure, print};

/// Longer values are shortened for people, unless they ask for all.
const SHOWN_BYTES_MAX: usize = 64;

pub(crate) fn run(task: &LogTask) -> Result<u8, Failure> {
    let at = Failure::at(&task.path);
    let mut out = BufWriter::new(io::stdout().lock());
    let limit = usize::try_from(task.limit).unwrap_or(usize::MAX);
    let frames = inspect::log(&task.path, task.from_lsn).map_err(&at)?;
    for frame in frames.take(limit) {
        let line = frame.and_then(|frame| {
            if task.json {
                as_json(&frame)
            } else {
                as_text(&frame, task.full)
            }
        });
        match line {
            Ok(line) => writeln!(out, "{line}")?,
            Err(error) => {
                out.flush()?;
                return Err(at(error));
            }
        }
    }
    out.flush()?;
    Ok(0)
}

fn kind(frame: &LogFrame) -> &'static str {
    match frame.kind() {
        FrameKind::Open => "open",
        FrameKind::Data => "data",
        FrameKind::Time => "time",
        FrameKind::Close => "close",
        FrameKind::Pad => "pad",
        _ => "unknown",
    }
}

fn as_text(frame: &LogFrame, full: bool) -> Result<String, Error> {
    let time = match frame.unix_ms() {
        0 => "-".to_owned(),
        at => utc(at),
    };
    let effects = frame.effects()?;
    let commands: Vec<_> = effects.iter().map(|effect| command(effect, full)).collect();
    let head = format!("{:<10} {time:<24} {:<5}", frame.lsn(), kind(frame));
    Ok(match commands.is_empty() {
        true => head.trim_end().to_owned(),
        false => format!("{head} {}", commands.join("; ")),
    })
}

fn value(bytes: &[u8], full: bool) -> String {
    if full || bytes.len() <= SHOWN_BYTES_MAX {
        return print::word(bytes);
    }
    let mut text = String::new();
    print::quote(&bytes[..SHOWN_BYTES_MAX], &mut text);
    format!("{text}...({} bytes)", bytes.len())
}

/// An effect as the command that has it. A write without bytes extends the string with zeros, for which
/// there is no command: it is shown with an empty value.
fn command(effect: &Effect<'_>, full: bool) -> String {
    let word = print::word;
    match *effect {
        Effect::StringSet {
            key,
            value: bytes,
            raw: _,
            expires_at_ms,
        } => {
            let deadline = expires_at_ms.map_or_else(String::new, |at| format!(" PXAT {at}"));
            format!("SET {} {}{deadline}", word(key), value(bytes, full))
        }
        Effect::StringWrite { key, offset, bytes } => {
            format!("SETRANGE {} {offset} {}", word(key), value(bytes, full))
        }
        Effect::KeyRemove { key } => format!("DEL {}", word(key)),
        Effect::KeyExpire { key, expires_at_ms } => match expires_at_ms {
            Some(at) => format!("PEXPIREAT {} {at}", word(key)),
            None => format!("PERSIST {}", word(key)),
        },
        Effect::KeyMove { from, to, database } => match database {
            Some(database) => format!("MOVE {} {database}", word(from)),
            None => format!("RENAME {} {}", word(from), word(to)),
        },
        Effect::KeyCopy { from, to, database } => {
            let database = database.map_or_else(String::new, |index| format!(" DB {index}"));
            format!("COPY {} {}{database} REPLACE", word(from), word(to))
        }
        Effect::KeysClear => "FLUSHALL".to_owned(),
        Effect::Database { index } => format!("SELECT {index}"),
        Effect::DatabaseClear => "FLUSHDB".to_owned(),
        Effect::DatabasesSwap { one, two } => format!("SWAPDB {one} {two}"),
        Effect::ListInsert { key, index, values } => {
            format!("LIST.INSERT {} {index}{}", word(key), words(values, full))
        }
        Effect::ListRemove { key, index, count } => {
            format!("LIST.REMOVE {} {index} {count}", word(key))
        }
        Effect::ListSet {
            key,
            index,
            value: bytes,
        } => format!("LSET {} {index} {}", word(key), value(bytes, full)),
        Effect::HashSet { key, pairs } => format!("HSET {}{}", word(key), words(pairs, full)),
        Effect::HashRemove { key, fields } => format!("HDEL {}{}", word(key), words(fields, full)),
        Effect::HashExpire {
            key,
            fields,
            expires_at_ms,
        } => {
            let deadline = match expires_at_ms {
                Some(at) => format!("HPEXPIREAT {} {at}", word(key)),
                None => format!("HPERSIST {}", word(key)),
            };
            format!("{deadline} FIELDS {}{}", fields.len(), words(fields, full))
        }
        Effect::SetAdd { key, members } => format!("SADD {}{}", word(key), words(members, full)),
        Effect::SetRemove { key, members } => format!("SREM {}{}", word(key), words(members, full)),
        Effect::ZSetAdd { key, pairs } => {
            let mut text = format!("ZADD {}", word(key));
            let mut pairs = pairs.iter();
            while let (Some(score), Some(member)) = (pairs.next(), pairs.next()) {
                let _ = write!(text, " {} {}", score_of(score), value(member, full));
            }
            text
        }
        Effect::ZSetRemove { key, members } => {
            format!("ZREM {}{}", word(key), words(members, full))
        }
        _ => format!("{effect:?}"),
    }
}

/// Several words, each after a space.
fn words(items: Items<'_>, full: bool) -> String {
    items.iter().fold(String::new(), |mut text, item| {
        let _ = write!(text, " {}", value(item, full));
        text
    })
}

/// A score from the bytes of its bits; NaN, which no file holds, where they are no eight.
fn score_of(bytes: &[u8]) -> f64 {
    bytes.try_into().map_or(f64::NAN, f64::from_le_bytes)
}

fn as_json(frame: &LogFrame) -> Result<String, Error> {
    let effects: Vec<_> = frame.effects()?.iter().map(effect_json).collect();
    let object = Object::new()
        .number("lsn", frame.lsn())
        .number("end_lsn", frame.end_lsn())
        .maybe("unix_ms", Some(frame.unix_ms()).filter(|at| *at > 0))
        .string("kind", kind(frame))
        .number("durable_lsn", frame.durable_lsn());
    let object = match frame.kind() == FrameKind::Data {
        true => object.json("effects", &json::array(&effects)),
        false => object,
    };
    Ok(object.end())
}

fn effect_json(effect: &Effect<'_>) -> String {
    let named = |name: &str| Object::new().string("command", name);
    let object = match *effect {
        Effect::StringSet {
            key,
            value,
            raw,
            expires_at_ms,
        } => named("SET")
            .bytes("key", key)
            .bytes("value", value)
            .bool("edited_in_place", raw)
            .maybe("expires_at_ms", expires_at_ms),
        Effect::StringWrite { key, offset, bytes } => named("SETRANGE")
            .bytes("key", key)
            .number("offset", offset)
            .bytes("value", bytes),
        Effect::KeyRemove { key } => named("DEL").bytes("key", key),
        Effect::KeyExpire { key, expires_at_ms } => {
            let name = if expires_at_ms.is_some() {
                "PEXPIREAT"
            } else {
                "PERSIST"
            };
            named(name)
                .bytes("key", key)
                .maybe("expires_at_ms", expires_at_ms)
        }
        Effect::KeyMove { from, to, database } => {
            named(if database.is_some() { "MOVE" } else { "RENAME" })
                .bytes("from", from)
                .bytes("to", to)
                .maybe("database", database.map(u64::from))
        }
        Effect::KeyCopy { from, to, database } => named("COPY")
            .bytes("from", from)
            .bytes("to", to)
            .maybe("database", database.map(u64::from)),
        Effect::KeysClear => named("FLUSHALL"),
        Effect::Database { index } => named("SELECT").number("database", u64::from(index)),
        Effect::DatabaseClear => named("FLUSHDB"),
        Effect::DatabasesSwap { one, two } => named("SWAPDB")
            .number("one", u64::from(one))
            .number("two", u64::from(two)),
        Effect::ListInsert { key, index, values } => named("LIST.INSERT")
            .bytes("key", key)
            .number("index", index)
            .json("values", &items_json(values)),
        Effect::ListRemove { key, index, count } => named("LIST.REMOVE")
            .bytes("key", key)
            .number("index", index)
            .number("count", count),
        Effect::ListSet { key, index, value } => named("LSET")
            .bytes("key", key)
            .number("index", index)
            .bytes("value", value),
        Effect::HashSet { key, pairs } => named("HSET")
            .bytes("key", key)
            .json("pairs", &items_json(pairs)),
        Effect::HashRemove { key, fields } => named("HDEL")
            .bytes("key", key)
            .json("fields", &items_json(fields)),
        Effect::HashExpire {
            key,
            fields,
            expires_at_ms,
        } => named("HPEXPIREAT")
            .bytes("key", key)
            .json("fields", &items_json(fields))
            .maybe("expires_at_ms", expires_at_ms),
        Effect::SetAdd { key, members } => named("SADD")
            .bytes("key", key)
            .json("members", &items_json(members)),
        Effect::SetRemove { key, members } => named("SREM")
            .bytes("key", key)
            .json("members", &items_json(members)),
        Effect::ZSetAdd { key, pairs } => {
            let mut pairs = pairs.iter();
            let mut scored = Vec::new();
            while let (Some(score), Some(member)) = (pairs.next(), pairs.next()) {
                let score = format!("{}", score_of(score));
                let pair = Object::new()
                    .string("score", &score)
                    .bytes("member", member);
                scored.push(pair.end());
            }
            named("ZADD")
                .bytes("key", key)
                .json("members", &json::array(&scored))
        }
        Effect::ZSetRemove { key, members } => named("ZREM")
            .bytes("key", key)
            .json("members", &items_json(members)),
        _ => named("?").string("effect", &format!("{effect:?}")),
    };
    object.end()
}

fn items_json(items: Items<'_>) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| Object::new().bytes("item", item).end())
        .collect();
    json::array(&items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_read_as_commands() {
        let set = Effect::StringSet {
            key: b"a b",
            value: b"\xff",
            raw: false,
            expires_at_ms: Some(7),
        };
        assert_eq!(command(&set, false), r#"SET "a b" "\xff" PXAT 7"#);
        let write = Effect::StringWrite {
            key: b"k",
            offset: 3,
            bytes: b"xyz",
        };
        assert_eq!(command(&write, false), "SETRANGE k 3 xyz");
        let persist = Effect::KeyExpire {
            key: b"k",
            expires_at_ms: None,
        };
        assert_eq!(command(&persist, false), "PERSIST k");
        let copy = Effect::KeyCopy {
            from: b"a",
            to: b"",
            database: None,
        };
        assert_eq!(command(&copy, false), "COPY a \"\" REPLACE");
        assert_eq!(command(&Effect::KeysClear, false), "FLUSHALL");
        assert_eq!(
            effect_json(&set),
            r#"{"command":"SET","key":"a b","value_base64":"/w==","edited_in_place":false,"expires_at_ms":7}"#
        );
    }

    #[test]
    fn long_values_are_shortened_unless_asked_for() {
        let set = Effect::StringSet {
            key: b"k",
            value: &[b'x'; 100],
            raw: false,
            expires_at_ms: None,
        };
        assert!(command(&set, false).ends_with("x\"...(100 bytes)"));
        assert_eq!(command(&set, true), format!("SET k {}", "x".repeat(100)));
    }
}
