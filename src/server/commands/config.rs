//! `CONFIG`: reads and changes what is set of the server and its database, by the names that Redis has for it.
//!
//! `table` says what there is; here is how it is asked for and changed. Invariants:
//! 1. `CONFIG SET` changes everything it names or nothing: what was changed before a refusal is changed back.
//! 2. Nothing here changes where files are, or what may be reached of the machine.

mod kind;
mod table;

use super::{Call, Run, refuse};
use crate::command::args::{clip, printable};
use crate::command::reply::Reply;
use crate::error::{CommandError, Error};
use crate::server::hub::Hub;
use crate::value::glob::glob_match;

pub(super) use table::policy_name;
use table::{How, Setting};

pub(super) static COMMANDS: &[(&str, Run)] = &[
    ("CONFIG|GET", |call| Ok(call.get_settings())),
    ("CONFIG|SET", |call| call.change_settings()),
    ("CONFIG|RESETSTAT", |call| {
        call.state.hub.reset_counts();
        Ok(Reply::ok())
    }),
    ("CONFIG|REWRITE", |_| {
        Err(refuse("ERR The server is running without a config file"))
    }),
];

/// The setting of this name, and the name in the table.
fn find(name: &[u8]) -> Option<(&'static str, &'static Setting)> {
    table::SETTINGS.iter().find_map(|setting| {
        let known = setting
            .names
            .iter()
            .find(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        known.map(|known| (*known, setting))
    })
}

/// Why a setting is not changed.
fn failed(name: &str, why: &str) -> Error {
    refuse(format!(
        "ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"
    ))
}

/// What a setting was before it was changed.
enum Before {
    Number(i64),
    Text(Vec<u8>),
}

impl Setting {
    /// Its value as text.
    fn show(&self, hub: &Hub) -> Vec<u8> {
        match &self.how {
            How::Fixed(get) => get(hub).into_bytes(),
            How::Kept(_, default) => hub
                .settings
                .kept(self.names[0])
                .unwrap_or_else(|| (*default).to_owned())
                .into_bytes(),
            How::Number { kind, get, .. } => kind.print(get(hub)).into_bytes(),
            How::Text { get, .. } => get(hub),
        }
    }

    /// Gives it another value, and says what it had.
    fn change(&self, hub: &Hub, value: &[u8]) -> Result<Before, String> {
        let text = || String::from_utf8_lossy(value).into_owned();
        match &self.how {
            How::Fixed(_) => Err("can't set immutable config".to_owned()),
            How::Kept(kind, _) => {
                let before = self.show(hub);
                let number = kind.parse(&text())?;
                hub.settings.keep(self.names[0], kind.print(number));
                Ok(Before::Text(before))
            }
            How::Number { kind, get, set } => {
                let before = get(hub);
                set(hub, kind.parse(&text())?)?;
                Ok(Before::Number(before))
            }
            How::Text { get, set } => {
                let before = get(hub);
                set(hub, value)?;
                Ok(Before::Text(before))
            }
        }
    }

    /// Gives it back what it had.
    fn restore(&self, hub: &Hub, before: Before) {
        // What it had it can have again.
        let _restored = match (&self.how, before) {
            (How::Kept(..), Before::Text(value)) => {
                let value = String::from_utf8_lossy(&value).into_owned();
                hub.settings.keep(self.names[0], value);
                Ok(())
            }
            (How::Number { set, .. }, Before::Number(value)) => set(hub, value),
            (How::Text { set, .. }, Before::Text(value)) => set(hub, &value),
            (How::Fixed(_) | How::Kept(..) | How::Number { .. } | How::Text { .. }, _) => Ok(()),
        };
    }
}

impl Call<'_> {
    fn get_settings(&self) -> Reply {
        let hub = &self.state.hub;
        let patterns = self.args.rest(2);
        let is_asked = |name: &str| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| glob_match(pattern, name.as_bytes(), true))
        };
        let mut found = Vec::new();
        for setting in table::SETTINGS {
            for name in setting.names.iter().filter(|name| is_asked(name)) {
                found.push((Reply::from(*name), Reply::Bulk(setting.show(hub))));
            }
        }
        Reply::Map(found)
    }

    fn change_settings(&self) -> Result<Reply, Error> {
        let (pairs, rest) = self.args.rest(2).as_chunks();
        if !rest.is_empty() {
            return Err(CommandError::Syntax.into());
        }
        let mut chosen: Vec<(&'static str, &'static Setting, &[u8])> = Vec::new();
        for &[name, value] in pairs {
            let Some((known, setting)) = find(name) else {
                let name = printable(clip(name, 128));
                return Err(refuse(format!(
                    "ERR Unknown option or number of arguments for CONFIG SET - '{name}'"
                )));
            };
            if matches!(setting.how, How::Fixed(_)) {
                return Err(failed(known, "can't set immutable config"));
            }
            // A name and an older one for the same are two, as in Redis: the last one counts.
            if chosen.iter().any(|(other, ..)| *other == known) {
                return Err(failed(known, "duplicate parameter"));
            }
            chosen.push((known, setting, value));
        }
        let hub = &self.state.hub;
        let _one_by_one = hub.settings.changing.lock();
        let mut changed = Vec::new();
        for (name, setting, value) in chosen {
            match setting.change(hub, value) {
                Ok(before) => changed.push((setting, before)),
                Err(why) => {
                    for (setting, before) in changed.into_iter().rev() {
                        setting.restore(hub, before);
                    }
                    return Err(failed(name, &why));
                }
            }
        }
        Ok(Reply::ok())
    }
}

#[cfg(test)]
mod tests;
