//! `nacre exec`: one command, one reply.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use nacredb::{Db, Error};

use crate::arguments::ExecTask;
use crate::{Failure, print, progress, say_repairs};

/// No value is longer than a string may be; one byte more makes the command refuse it.
const STDIN_BYTES_MAX: u64 = (512 << 20) + 1;

pub(crate) fn run(mut task: ExecTask) -> Result<u8, Failure> {
    if task.last_from_stdin {
        let mut last = Vec::new();
        io::stdin().take(STDIN_BYTES_MAX).read_to_end(&mut last)?;
        task.words.push(last);
    }
    let builder = Db::builder().read_only(!may_write(&task.words));
    let at = Failure::at(&task.path);
    let db = progress::open(builder, &task.path).map_err(&at)?;
    say_repairs(&task.path, &db);
    let reply = db.execute(&task.words);
    let raw = task.raw.unwrap_or_else(|| !io::stdout().is_terminal());
    let mut out = io::stdout().lock();
    out.write_all(&print::answer(&reply, raw))?;
    out.flush()?;
    db.close().map_err(&at)?;
    Ok(match reply {
        Ok(_) => 0,
        Err(Error::Command(_)) => 1,
        Err(_) => 3,
    })
}

/// Whether the command, or any of its subcommands, changes anything.
fn may_write(words: &[Vec<u8>]) -> bool {
    let name = words.first().map(|word| word.to_ascii_uppercase());
    let name = name.unwrap_or_default();
    nacredb::commands().any(|command| {
        let container = command.name().split('|').next().unwrap_or_default();
        container.as_bytes() == name && command.is_write()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_commands_do_not_ask_for_the_file() {
        let word = |text: &str| vec![text.as_bytes().to_vec()];
        for name in ["get", "OBJECT", "dbsize", "nonsense", ""] {
            assert!(!may_write(&word(name)), "{name}");
        }
        for name in ["set", "GETEX", "flushall"] {
            assert!(may_write(&word(name)), "{name}");
        }
    }
}
