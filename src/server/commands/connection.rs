//! `AUTH`, `HELLO`, `RESET`, `QUIT`, and `CLIENT`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Call, Run, refuse, wrong_words};
use crate::command::args::printable;
use crate::command::reply::Reply;
use crate::error::{CommandError, Error};
use crate::resp::Protocol;
use crate::server::client::Replies;
use crate::server::pause::Paused;
use crate::server::record::{End, Names, Record, Unblock};

/// What one is told who says HELLO without the password.
pub(in crate::server) const NO_AUTH_HELLO: &str = "NOAUTH HELLO must be called with the client already \
    authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client \
    and select the RESP protocol version at the same time";

/// The version of Redis whose commands these are: what clients ask for to know what they may send.
pub(in crate::server) const REDIS_VERSION: &str = "7.0.15";

pub(super) static COMMANDS: &[(&str, Run)] = &[
    ("AUTH", |call| call.auth()),
    ("HELLO", |call| call.hello()),
    ("RESET", |call| Ok(call.reset())),
    ("QUIT", |call| {
        call.state.closes.set(true);
        Ok(Reply::ok())
    }),
    ("CLIENT|CACHING", |_| {
        Err(refuse(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT \
             mode enabled",
        ))
    }),
    ("CLIENT|GETNAME", |call| {
        let name = call.state.record.names.lock().name.clone();
        Ok(if name.is_empty() {
            Reply::Nil
        } else {
            Reply::Bulk(name)
        })
    }),
    ("CLIENT|GETREDIR", |_| Ok(Reply::Int(-1))),
    ("CLIENT|ID", |call| Ok(call.state.record.id.into())),
    ("CLIENT|INFO", |call| {
        Ok(Reply::Bulk(call.describe(&call.state.record)))
    }),
    ("CLIENT|KILL", |call| call.kill()),
    ("CLIENT|LIST", |call| call.list()),
    ("CLIENT|NO-EVICT", |call| call.no_evict()),
    ("CLIENT|PAUSE", |call| call.pause()),
    ("CLIENT|REPLY", |call| call.switch_replies()),
    ("CLIENT|SETINFO", |call| call.set_info()),
    ("CLIENT|SETNAME", |call| {
        call.set_name(
            call.args.word(2)?,
            "Client names cannot contain spaces, newlines or special characters.",
        )?;
        Ok(Reply::ok())
    }),
    ("CLIENT|TRACKING", |call| match call.args.rest(2) {
        [word] if word.eq_ignore_ascii_case(b"OFF") => Ok(Reply::ok()),
        [word, ..] if word.eq_ignore_ascii_case(b"ON") => Err(refuse(
            "ERR keys are not tracked: there is no server-assisted caching",
        )),
        _ => Err(CommandError::Syntax.into()),
    }),
    ("CLIENT|TRACKINGINFO", |_| {
        Ok(Reply::Map(vec![
            ("flags".into(), vec!["off"].into()),
            ("redirect".into(), Reply::Int(-1)),
            ("prefixes".into(), Reply::Array(Vec::new())),
        ]))
    }),
    ("CLIENT|UNBLOCK", |call| call.unblock()),
    ("CLIENT|UNPAUSE", |call| {
        call.state.hub.pause.end();
        Ok(Reply::ok())
    }),
];

/// Whether it can stand in a line of `CLIENT LIST`.
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

impl Call<'_> {
    fn auth(&self) -> Result<Reply, Error> {
        let settings = &self.state.hub.settings;
        let (user, password) = match self.args.rest(1) {
            [password] => (None, *password),
            [user, password] => (Some(*user), *password),
            _ => return Err(CommandError::Syntax.into()),
        };
        if user.is_none() && !settings.has_password() {
            return Err(refuse(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure \
                 your configuration is correct?",
            ));
        }
        self.log_in(user.unwrap_or(b"default"), password)?;
        Ok(Reply::ok())
    }

    fn log_in(&self, user: &[u8], password: &[u8]) -> Result<(), Error> {
        let settings = &self.state.hub.settings;
        let is_right = !settings.has_password() || settings.is_password(password);
        if user != b"default" || !is_right {
            return Err(refuse(
                "WRONGPASS invalid username-password pair or user is disabled.",
            ));
        }
        self.state.is_authenticated.set(true);
        Ok(())
    }

    fn hello(&self) -> Result<Reply, Error> {
        let state = self.state;
        let mut version = None;
        let mut rest = self.args.rest(1);
        if let [word, more @ ..] = rest {
            let asked = crate::value::number::parse_i64(word)
                .ok_or_else(|| refuse("ERR Protocol version is not an integer or out of range"))?;
            if !(2..=3).contains(&asked) {
                return Err(refuse("NOPROTO unsupported protocol version"));
            }
            version = u8::try_from(asked).ok();
            rest = more;
        }
        let (mut login, mut name) = (None, None);
        loop {
            rest = match rest {
                [] => break,
                [word, user, password, more @ ..] if word.eq_ignore_ascii_case(b"AUTH") => {
                    login = Some((*user, *password));
                    more
                }
                [word, named, more @ ..] if word.eq_ignore_ascii_case(b"SETNAME") => {
                    name = Some(*named);
                    more
                }
                [word, ..] => {
                    let word = printable(word);
                    return Err(refuse(format!("ERR Syntax error in HELLO option '{word}'")));
                }
            };
        }
        if let Some((user, password)) = login {
            self.log_in(user, password)?;
        }
        if !state.is_authenticated.get() {
            return Err(refuse(NO_AUTH_HELLO));
        }
        if let Some(name) = name {
            self.set_name(
                name,
                "Client names cannot contain spaces, newlines or special characters.",
            )?;
        }
        if let Some(version) = version {
            state.set_protocol(version);
        }
        let text = |text: &str| Reply::from(text);
        let proto = match state.protocol() {
            Protocol::Resp2 => 2_i64,
            Protocol::Resp3 => 3,
        };
        Ok(Reply::Map(vec![
            (text("server"), text("redis")),
            (text("version"), text(REDIS_VERSION)),
            (text("proto"), proto.into()),
            (text("id"), state.record.id.into()),
            (text("mode"), text(state.hub.settings.mode())),
            (text("role"), text("master")),
            (text("modules"), Reply::Array(Vec::new())),
        ]))
    }

    fn reset(&self) -> Reply {
        let state = self.state;
        state
            .subscriptions
            .borrow_mut()
            .end_all(&state.hub.channels, &state.record);
        state.hub.monitors.leave(&state.record);
        state.record.names.lock().name.clear();
        state.record.no_evict.store(false, Ordering::Relaxed);
        state.replies.set(Replies::On);
        state.set_protocol(2);
        state
            .is_authenticated
            .set(!state.hub.settings.has_password());
        state.resets.set(true);
        Reply::Status("RESET".into())
    }

    fn set_name(&self, name: &[u8], refusal: &'static str) -> Result<(), Error> {
        if !is_plain(name) {
            return Err(refuse(format!("ERR {refusal}")));
        }
        self.state.record.names.lock().name = name.to_vec();
        Ok(())
    }

    fn set_info(&self) -> Result<Reply, Error> {
        let value = self.args.word(3)?;
        let set: fn(&mut Names) -> &mut Vec<u8> = match () {
            () if self.args.is(2, "LIB-NAME") => |names| &mut names.library,
            () if self.args.is(2, "LIB-VER") => |names| &mut names.library_version,
            () => {
                let option = printable(self.args.word(2)?);
                return Err(refuse(format!("ERR Unrecognized option '{option}'")));
            }
        };
        if !is_plain(value) {
            let option = printable(self.args.word(2)?).to_ascii_lowercase();
            let text =
                format!("ERR {option} cannot contain spaces, newlines or special characters.");
            return Err(refuse(text));
        }
        *set(&mut self.state.record.names.lock()) = value.to_vec();
        Ok(Reply::ok())
    }

    fn no_evict(&self) -> Result<Reply, Error> {
        let on = match () {
            () if self.args.is(2, "ON") => true,
            () if self.args.is(2, "OFF") => false,
            () => return Err(CommandError::Syntax.into()),
        };
        self.state.record.no_evict.store(on, Ordering::Relaxed);
        Ok(Reply::ok())
    }

    fn switch_replies(&self) -> Result<Reply, Error> {
        if self.state.in_exec.get() {
            return Err(refuse(
                "ERR a transaction cannot switch the replies of its connection",
            ));
        }
        let replies = match () {
            () if self.args.is(2, "ON") => Replies::On,
            () if self.args.is(2, "OFF") => Replies::Off,
            () if self.args.is(2, "SKIP") => match self.state.replies.get() {
                Replies::Off => Replies::Off,
                Replies::On | Replies::SkipNext | Replies::Skipping => Replies::SkipNext,
            },
            () => return Err(CommandError::Syntax.into()),
        };
        self.state.replies.set(replies);
        Ok(Reply::ok())
    }

    fn pause(&self) -> Result<Reply, Error> {
        let hub = &self.state.hub;
        let what = match self.args.count() {
            3 => Paused::All,
            4 if self.args.is(3, "ALL") => Paused::All,
            4 if self.args.is(3, "WRITE") => Paused::Writes,
            4 => return Err(refuse("ERR CLIENT PAUSE mode must be WRITE or ALL")),
            _ => return Err(wrong_words(self.args)),
        };
        let millis = self
            .args
            .int(2)
            .map_err(|_error| refuse("ERR timeout is not an integer or out of range"))?;
        let millis =
            u64::try_from(millis).map_err(|_negative| refuse("ERR timeout is negative"))?;
        let now_ms = hub.now_ms();
        hub.pause.begin(what, now_ms.saturating_add(millis), now_ms);
        Ok(Reply::ok())
    }

    fn unblock(&self) -> Result<Reply, Error> {
        let how = match self.args.rest(3) {
            [] => Unblock::Timeout,
            [word] if word.eq_ignore_ascii_case(b"TIMEOUT") => Unblock::Timeout,
            [word] if word.eq_ignore_ascii_case(b"ERROR") => Unblock::Error,
            [_] => {
                return Err(refuse(
                    "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
                ));
            }
            _ => return Err(wrong_words(self.args)),
        };
        let id = u64::try_from(self.args.int(2)?).unwrap_or(0);
        let client = self.state.hub.client(id);
        Ok(client.is_some_and(|client| client.unblock(how)).into())
    }

    fn list(&self) -> Result<Reply, Error> {
        let hub = &self.state.hub;
        let clients = match self.args.rest(2) {
            [] => hub.clients(),
            [word, name] if word.eq_ignore_ascii_case(b"TYPE") => {
                let kind = ClientType::named(name)?;
                let all = hub.clients().into_iter();
                all.filter(|client| ClientType::of(client) == kind)
                    .collect()
            }
            [word, ids @ ..] if word.eq_ignore_ascii_case(b"ID") && !ids.is_empty() => {
                let mut named = Vec::new();
                for id in ids {
                    let id =
                        crate::value::number::parse_i64(id).and_then(|id| u64::try_from(id).ok());
                    let id = id.ok_or_else(|| refuse("ERR Invalid client ID"))?;
                    named.extend(hub.client(id));
                }
                named
            }
            _ => return Err(CommandError::Syntax.into()),
        };
        let lines = clients.iter().map(|client| self.describe(client));
        Ok(Reply::Bulk(lines.collect::<Vec<_>>().concat()))
    }

    /// A line of `CLIENT LIST`.
    fn describe(&self, client: &Record) -> Vec<u8> {
        let now_ms = self.state.hub.now_ms();
        let load = |count: &std::sync::atomic::AtomicUsize| count.load(Ordering::Relaxed);
        let mut flags = String::new();
        for (flag, is_set) in [
            ('O', client.is_monitor.load(Ordering::Relaxed)),
            ('x', client.queued.load(Ordering::Relaxed) >= 0),
            ('b', client.is_blocked.load(Ordering::Relaxed)),
            ('P', client.is_listener()),
            ('e', client.no_evict.load(Ordering::Relaxed)),
        ] {
            if is_set {
                flags.push(flag);
            }
        }
        if flags.is_empty() {
            flags.push('N');
        }
        let age_s = now_ms.saturating_sub(client.began_ms) / 1000;
        let idle_s = now_ms.saturating_sub(client.active_ms.load(Ordering::Relaxed)) / 1000;
        let names = client.names.lock().clone();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let query = load(&client.query_bytes);
        let unsent = load(&client.unsent_bytes) + client.mail_bytes();
        let last = client.last_command.lock().to_ascii_lowercase();
        let mut line = String::new();
        // A string takes what is written to it.
        let _infallible = writeln!(
            line,
            "id={} addr={} laddr={} fd=-1 name={} age={age_s} idle={idle_s} flags={flags} db={} sub={} psub={} \
             ssub={} multi={} qbuf={query} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl={unsent} oll=0 omem={unsent} \
             tot-mem={} events=r cmd={last} user=default redir=-1 resp={} lib-name={} lib-ver={}",
            client.id,
            client.address,
            client.local_address,
            text(&names.name),
            client.database.load(Ordering::Relaxed),
            load(&client.channels),
            load(&client.patterns),
            load(&client.shard_channels),
            client.queued.load(Ordering::Relaxed),
            query + unsent + size_of::<Record>(),
            client.protocol.load(Ordering::Relaxed),
            text(&names.library),
            text(&names.library_version),
        );
        line.into_bytes()
    }

    fn kill(&self) -> Result<Reply, Error> {
        let state = self.state;
        if let [address] = self.args.rest(2) {
            let clients = state.hub.clients();
            let mut at = clients
                .iter()
                .filter(|client| client.address.as_bytes() == *address);
            let Some(client) = at.next() else {
                return Err(refuse("ERR No such client"));
            };
            self.end(client);
            return Ok(Reply::ok());
        }
        let mut filter = Filter::default();
        let mut skips_me = true;
        for pair in self.args.rest(2).chunks(2) {
            let [word, value] = pair else {
                return Err(CommandError::Syntax.into());
            };
            match word.to_ascii_uppercase().as_slice() {
                b"ID" => {
                    let id = crate::value::number::parse_i64(value)
                        .and_then(|id| u64::try_from(id).ok());
                    let id = id.filter(|&id| id > 0);
                    let id = id.ok_or_else(|| refuse("ERR client-id should be greater than 0"))?;
                    filter.id = Some(id);
                }
                b"ADDR" => filter.address = Some(value),
                b"LADDR" => filter.local_address = Some(value),
                b"TYPE" => filter.kind = Some(ClientType::named(value)?),
                b"USER" if *value == b"default" => {}
                b"USER" => {
                    let user = printable(value);
                    return Err(refuse(format!("ERR No such user '{user}'")));
                }
                b"SKIPME" if value.eq_ignore_ascii_case(b"yes") => skips_me = true,
                b"SKIPME" if value.eq_ignore_ascii_case(b"no") => skips_me = false,
                _ => return Err(CommandError::Syntax.into()),
            }
        }
        let mut killed = 0_u64;
        for client in state.hub.clients() {
            let is_me = client.id == state.record.id;
            if filter.fits(&client) && !(is_me && skips_me) {
                self.end(&client);
                killed += 1;
            }
        }
        Ok(killed.into())
    }

    fn end(&self, client: &Arc<Record>) {
        if client.id == self.state.record.id {
            // It hears of it first.
            self.state.closes.set(true);
        } else {
            client.end(End::Now);
        }
    }
}

/// The kinds of connections that `CLIENT LIST TYPE` tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientType {
    Normal,
    PubSub,
    Primary,
    Replica,
}

impl ClientType {
    fn named(name: &[u8]) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Self::Normal),
            b"pubsub" => Ok(Self::PubSub),
            b"master" => Ok(Self::Primary),
            b"slave" | b"replica" => Ok(Self::Replica),
            _ => {
                let name = printable(name);
                Err(refuse(format!("ERR Unknown client type '{name}'")))
            }
        }
    }

    fn of(client: &Record) -> Self {
        if client.is_listener() {
            Self::PubSub
        } else {
            Self::Normal
        }
    }
}

/// Which connections `CLIENT KILL` means.
#[derive(Debug, Default)]
struct Filter<'a> {
    id: Option<u64>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    kind: Option<ClientType>,
}

impl Filter<'_> {
    fn fits(&self, client: &Record) -> bool {
        self.id.is_none_or(|id| client.id == id)
            && self
                .address
                .is_none_or(|address| client.address.as_bytes() == address)
            && self
                .local_address
                .is_none_or(|address| client.local_address.as_bytes() == address)
            && self.kind.is_none_or(|kind| ClientType::of(client) == kind)
    }
}
