//! `DEBUG`: what test suites ask a server for. Refused unless the server was started with it.
//!
//! What would crash or restart a server is refused: it would take the program around it along. What is about the
//! inside of Redis's own structures is unknown here.

use std::time::Duration;

use super::{Call, Run, refuse};
use crate::command;
use crate::command::args::{clip, printable};
use crate::command::digest::{OfAll, OfValue};
use crate::command::reply::Reply;
use crate::db::Db;
use crate::error::Error;
use crate::resp::Protocol;
use crate::resp::write::{
    write_array_len, write_bool, write_bulk, write_double, write_int, write_map_len, write_nil,
    write_push_len, write_set_len, write_verbatim,
};
use crate::value::number::parse_i64;

pub(super) static COMMANDS: &[(&str, Run)] = &[("DEBUG", |call| call.debug())];

const NOT_ALLOWED: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you \
    can run it from a local connection, otherwise start the server with it (ServerBuilder::allow_debug).";

const HELP: &[&str] = &[
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CHANGE-REPL-ID",
    "    Does nothing: there are no replicas.",
    "DIGEST",
    "    Returns a digest of everything in every database, equal to Redis's.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Returns digests of the values of keys.",
    "ERROR <string>",
    "    Answers with this error.",
    "LOADAOF",
    "    Syncs the file and verifies every byte of it.",
    "LOG <message>",
    "    Does nothing: there is no log file.",
    "OBJECT <key>",
    "    Shows how a value is stored.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Sets as many strings named <prefix>:<number> that are not there.",
    "PROTOCOL <type>",
    "    Answers with a value of this type of the protocol.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Does nothing: lists have no such threshold.",
    "RELOAD [option ...]",
    "    Writes the state to a new file and verifies every byte of it.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Whether expired keys are removed in the background.",
    "SLEEP <seconds>",
    "    Holds this connection; others go on.",
    "STRINGMATCH-LEN <length> <pattern>",
    "    Matches so many letters a with a pattern.",
    "HELP",
    "    Prints this help.",
];

/// The most keys that one `POPULATE` makes.
const POPULATE_MAX: i64 = 1 << 24;
/// The longest value that it makes.
const POPULATE_BYTES_MAX: i64 = 512 << 20;

impl Call<'_> {
    fn debug(&self) -> Result<Reply, Error> {
        if !self.state.hub.settings.is_debug_allowed() {
            return Err(refuse(NOT_ALLOWED));
        }
        let name = self.args.word(1)?.to_ascii_uppercase();
        match (name.as_slice(), self.args.rest(2)) {
            (b"HELP", []) => {
                let lines = HELP.iter().map(|line| Reply::Status((*line).into()));
                Ok(Reply::Array(lines.collect()))
            }
            (b"SLEEP", [seconds]) => Ok(self.sleep(seconds)),
            (b"ERROR", [text]) => Err(refuse(printable(text))),
            (b"OBJECT", [key]) => self.object(key),
            (b"DIGEST", []) => {
                let digest = self.host.read_raw(&OfAll)?;
                Ok(Reply::Status(digest.to_hex().into()))
            }
            (b"DIGEST-VALUE", keys) => {
                let digest = |key: &&[u8]| {
                    let digest = self.host.read_raw(&OfValue { key })?;
                    Ok(Reply::Status(digest.to_hex().into()))
                };
                Ok(Reply::Array(
                    keys.iter().map(digest).collect::<Result<_, Error>>()?,
                ))
            }
            (b"RELOAD", options) => self.reload(options),
            (b"LOADAOF", []) => {
                let db = self.state.hub.db.clone();
                self.state.answer_with(move || {
                    db.sync()?;
                    verify(&db)
                })
            }
            (b"SET-ACTIVE-EXPIRE", [switch]) => {
                let on = parse_i64(switch).ok_or_else(|| self.unknown())? != 0;
                self.state.hub.db.set_expires(on);
                Ok(Reply::ok())
            }
            (b"POPULATE", [count, options @ ..]) if options.len() <= 2 => {
                self.populate(count, options)
            }
            (b"PROTOCOL", [kind]) => self.protocol(kind),
            (b"STRINGMATCH-LEN", [length, pattern]) => {
                let length = self.number(length)?.clamp(0, 1 << 20);
                let text = vec![b'a'; usize::try_from(length).unwrap_or(0)];
                Ok(crate::value::glob::glob_match(pattern, &text, false).into())
            }
            // These set what there is nothing of here.
            (b"CHANGE-REPL-ID", [])
            | (
                b"QUICKLIST-PACKED-THRESHOLD"
                | b"LOG"
                | b"SET-SKIP-CHECKSUM-VALIDATION"
                | b"PAUSE-CRON"
                | b"DICT-RESIZING"
                | b"SET-DISABLE-DENY-SCRIPTS"
                | b"AOF-FLUSH-SLEEP",
                [_],
            ) => Ok(Reply::ok()),
            (
                b"SEGFAULT" | b"PANIC" | b"ASSERT" | b"OOM" | b"RESTART" | b"CRASH-AND-RECOVER"
                | b"LEAK" | b"JMAP",
                _,
            ) => {
                let name = printable(&name);
                Err(refuse(format!(
                    "ERR DEBUG {name} is refused: it would take the program around the server along"
                )))
            }
            _ => Err(self.unknown()),
        }
    }

    fn unknown(&self) -> Error {
        let name = self.args.word(1).unwrap_or_default();
        let name = printable(clip(name, 128));
        refuse(format!(
            "ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
        ))
    }

    fn number(&self, word: &[u8]) -> Result<i64, Error> {
        parse_i64(word).ok_or_else(|| refuse("ERR value is not an integer or out of range"))
    }

    /// As in Redis, what is no number is no time.
    fn sleep(&self, seconds: &[u8]) -> Reply {
        let seconds = crate::value::number::strtod(seconds).map_or(0.0, |(seconds, _)| seconds);
        let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.state.answer_after(Some(time), Reply::ok())
    }

    fn object(&self, key: &[u8]) -> Result<Reply, Error> {
        let ask = |words: &[&[u8]]| command::execute(words, self.host);
        let encoding = ask(&[b"OBJECT", b"ENCODING", key])?;
        let Some(encoding) = encoding.as_bytes() else {
            return Err(refuse("ERR no such key"));
        };
        // Version and checksum are no part of what Redis counts; the type is.
        let dumped = ask(&[b"DUMP", key])?;
        let length = dumped
            .as_bytes()
            .map_or(0, |bytes| bytes.len().saturating_sub(11));
        // Not known under a policy that counts uses, and 0 then.
        let idle_s = ask(&[b"OBJECT", b"IDLETIME", key]).ok();
        let idle_s = idle_s.and_then(|idle| idle.as_int()).unwrap_or(0);
        let unix_s = self.state.hub.unix_ms() / 1000;
        let lru = unix_s.saturating_sub(idle_s.unsigned_abs()) & 0xff_ffff;
        let encoding = printable(encoding);
        Ok(Reply::Status(
            format!(
                "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:{lru} \
                 lru_seconds_idle:{idle_s}"
            )
            .into(),
        ))
    }

    /// Memory stays as it is: what is in the file is what was written to it, which is verified byte by byte.
    fn reload(&self, options: &[&[u8]]) -> Result<Reply, Error> {
        let mut saves = true;
        for option in options {
            match option.to_ascii_uppercase().as_slice() {
                b"NOSAVE" => saves = false,
                b"MERGE" | b"NOFLUSH" => {}
                _ => {
                    return Err(refuse(
                        "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                    ));
                }
            }
        }
        let db = self.state.hub.db.clone();
        self.state.answer_with(move || {
            if saves && db.open_report().is_some() {
                db.compact()?;
            }
            verify(&db)
        })
    }

    fn populate(&self, count: &[u8], options: &[&[u8]]) -> Result<Reply, Error> {
        let refusal = "ERR value is out of range, must be positive";
        let in_range = |word: &[u8], most: i64| {
            let number = self.number(word)?;
            match number {
                ..0 => Err(refuse(refusal)),
                _ if number > most => {
                    Err(refuse(format!("ERR value is out of range, at most {most}")))
                }
                _ => Ok(number),
            }
        };
        let count = in_range(count, POPULATE_MAX)?;
        let prefix = options.first().copied().unwrap_or(b"key");
        let size = match options.get(1) {
            Some(size) => in_range(size, POPULATE_BYTES_MAX)?,
            None => 0,
        };
        for number in 0..count {
            let key = [prefix, format!(":{number}").as_bytes()].concat();
            let mut value = format!("value:{number}").into_bytes();
            if size > 0 {
                value.resize(usize::try_from(size).unwrap_or(0), 0);
            }
            command::execute(&[b"SET", &key, &value, b"NX"], self.host)?;
        }
        Ok(Reply::ok())
    }

    /// Redis's examples of each type.
    fn protocol(&self, kind: &[u8]) -> Result<Reply, Error> {
        let protocol = self.state.protocol();
        let is_third = protocol == Protocol::Resp3;
        let mut out = Vec::new();
        let bulk = |text: &str| Reply::Bulk(text.into());
        let numbers = || Reply::Array((0..3_i64).map(Reply::Int).collect());
        // For callers without bytes of their own: a transaction, and those within the process.
        let plain = match kind.to_ascii_lowercase().as_slice() {
            b"string" => return Ok(bulk("Hello World")),
            b"integer" => return Ok(Reply::Int(12_345)),
            b"null" => {
                write_nil(&mut out, protocol);
                Reply::Nil
            }
            b"double" => {
                write_double(&mut out, b"3.141", protocol);
                bulk("3.141")
            }
            b"bignum" => {
                const NUMBER: &[u8] = b"1234567999999999999999999999999999999";
                if is_third {
                    out.extend_from_slice(&[b"(", NUMBER, b"\r\n"].concat());
                } else {
                    write_bulk(&mut out, NUMBER);
                }
                Reply::Bulk(NUMBER.to_vec())
            }
            b"array" => {
                write_array_len(&mut out, 3);
                (0..3).for_each(|number| write_int(&mut out, number));
                numbers()
            }
            b"set" => {
                write_set_len(&mut out, 3, protocol);
                (0..3).for_each(|number| write_int(&mut out, number));
                numbers()
            }
            b"map" => {
                write_map_len(&mut out, 3, protocol);
                for number in 0..3 {
                    write_int(&mut out, number);
                    write_bool(&mut out, number == 1, protocol);
                }
                let pair = |number| (Reply::Int(number), Reply::from(number == 1));
                Reply::Map((0..3).map(pair).collect())
            }
            b"attrib" => {
                const TEXT: &str = "Some real reply following the attribute";
                if is_third {
                    out.extend_from_slice(
                        b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n",
                    );
                }
                write_bulk(&mut out, TEXT.as_bytes());
                bulk(TEXT)
            }
            b"push" => {
                const TEXT: &str = "Some real reply following the push reply";
                if !is_third {
                    return Err(refuse("ERR RESP2 is not supported by this command"));
                }
                write_push_len(&mut out, 2, protocol);
                write_bulk(&mut out, b"server-cpu-usage");
                write_int(&mut out, 42);
                write_bulk(&mut out, TEXT.as_bytes());
                bulk(TEXT)
            }
            b"verbatim" => {
                const TEXT: &str = "This is a verbatim\nstring";
                write_verbatim(&mut out, TEXT.as_bytes(), protocol);
                bulk(TEXT)
            }
            b"true" | b"false" => {
                let yes = kind.eq_ignore_ascii_case(b"true");
                write_bool(&mut out, yes, protocol);
                yes.into()
            }
            _ => {
                return Err(refuse(
                    "ERR Wrong protocol type name. Please use one of the following: \
                     string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
                ));
            }
        };
        if !self.state.in_exec.get() && !self.state.waits_here {
            *self.state.written.borrow_mut() = out;
        }
        Ok(plain)
    }
}

/// Reads every byte of the file back.
fn verify(db: &Db) -> Result<Reply, Error> {
    match db.check_file()? {
        Some(report) if !report.is_sound() => {
            let found = report.damage_count;
            Err(refuse(format!("ERR the file is damaged in {found} places")))
        }
        Some(_) | None => Ok(Reply::ok()),
    }
}
