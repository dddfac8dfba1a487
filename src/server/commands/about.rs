//! What a server says of itself and shows of others: `MONITOR`, `ROLE`, `ACL`, `MODULE`, `LOLWUT`.

use super::{Call, Run, refuse, wrong_words};
use crate::command::args::printable;
use crate::command::introspect::{CATEGORIES, commands_of};
use crate::command::reply::Reply;
use crate::error::Error;
use crate::value::number::parse_i64;

/// The only user.
const USER: &str = "default";

pub(super) static COMMANDS: &[(&str, Run)] = &[
    ("ACL|CAT", |call| call.categories()),
    ("ACL|LIST", |call| {
        // The password is nobody's business, nor is a hash of it.
        let access = match call.state.hub.settings.has_password() {
            true => "on",
            false => "on nopass",
        };
        Ok(vec![format!("user {USER} {access} ~* &* +@all").as_str()].into())
    }),
    ("ACL|USERS", |_| Ok(vec![USER].into())),
    ("ACL|WHOAMI", |_| Ok(USER.into())),
    ("LOLWUT", |call| call.draw_shell()),
    ("MODULE|LIST", |_| Ok(Reply::Array(Vec::new()))),
    ("MONITOR", |call| {
        call.check_can_be_told("MONITOR")?;
        call.state.hub.monitors.join(&call.state.record);
        Ok(Reply::ok())
    }),
    ("ROLE", |_| {
        let replicas = Reply::Array(Vec::new());
        Ok(Reply::Array(vec!["master".into(), Reply::Int(0), replicas]))
    }),
];

/// A shell that grows by one ring of mother-of-pearl after the other.
fn shell(columns: usize, rows: usize) -> String {
    const RINGS: &[u8] = b" .:-=+*#";
    let mut text = String::new();
    for row in 0..rows {
        let line: String = (0..columns)
            .map(|column| {
                // Everything is measured from the hinge, in the middle of the lower edge.
                let x = (2 * column + 1) as f64 / columns as f64 - 1.0;
                let y = (rows - row) as f64 / rows as f64;
                let from_hinge = x.hypot(y);
                let angle = y.atan2(x);
                let edge = 0.72 + 0.28 * angle.sin();
                if from_hinge > edge {
                    return ' ';
                }
                let ring = from_hinge / edge * 3.0 * RINGS.len() as f64;
                char::from(RINGS[ring as usize % RINGS.len()])
            })
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

impl Call<'_> {
    /// Refuses where nobody can be sent to, or where a command has no place for what it would send.
    fn check_can_be_told(&self, name: &str) -> Result<(), Error> {
        if self.state.waits_here {
            return Err(refuse("ERR this connection cannot be sent to"));
        }
        if self.state.in_exec.get() {
            return Err(refuse(format!(
                "ERR {name} isn't allowed for DENY BLOCKING client"
            )));
        }
        Ok(())
    }

    fn categories(&self) -> Result<Reply, Error> {
        let names = match self.args.rest(2) {
            [] => return Ok(CATEGORIES.to_vec().into()),
            [category] => commands_of(category).ok_or_else(|| {
                let category = printable(category);
                refuse(format!("ERR Unknown category '{category}'"))
            })?,
            _ => return Err(wrong_words(self.args)),
        };
        let names = names.iter().map(|name| Reply::from(name.as_str()));
        Ok(Reply::Array(names.collect()))
    }

    /// `LOLWUT [VERSION n] [columns [rows]]`.
    fn draw_shell(&self) -> Result<Reply, Error> {
        const COLUMNS: i64 = 60;
        const ROWS: i64 = 16;
        let mut rest = self.args.rest(1);
        let number = |word: &[u8]| parse_i64(word).ok_or(crate::error::CommandError::NotAnInteger);
        if let [word, version, more @ ..] = rest
            && word.eq_ignore_ascii_case(b"VERSION")
        {
            // There is one drawing only.
            number(version)?;
            rest = more;
        }
        let asked = |at: usize, otherwise: i64, most: i64| match rest.get(at) {
            Some(word) => number(word).map(|asked| asked.clamp(1, most)),
            None => Ok(otherwise),
        };
        let (columns, rows) = (asked(0, COLUMNS, 200)?, asked(1, ROWS, 80)?);
        let mut text = shell(columns as usize, rows as usize);
        text.push_str(concat!("\nNacreDB ", env!("CARGO_PKG_VERSION"), "\n"));
        Ok(Reply::from(text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_is_as_large_as_it_is_asked_for() {
        let text = shell(60, 16);
        assert_eq!(text.lines().count(), 16);
        assert!(text.lines().all(|line| line.len() <= 60));
        assert!(text.lines().last().is_some_and(|line| line.len() > 40));
        assert_eq!(shell(1, 1).lines().count(), 1);
    }
}
