//! `nacre shell`: commands typed by a person, or read from a pipe.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use nacredb::resp::split_words;
use nacredb::{Db, Reply, Session};
use rustyline::config::Configurer as _;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, Editor};

use crate::arguments::Database;
use crate::complete::{self, Commands};
use crate::{Failure, print, progress, say, say_repairs};

/// A line from a pipe is at most this long: a value of the greatest length, every byte escaped.
const LINE_BYTES_MAX: u64 = 4 * (512 << 20) + 4096;
const HISTORY_LINES_MAX: usize = 10_000;

/// What a line asked for.
enum Outcome {
    /// This is to be printed.
    Answer(Vec<u8>),
    /// As `Answer`, and it is an error.
    Refusal(Vec<u8>),
    /// A blank line.
    Nothing,
    /// The end.
    Leave,
}

pub(crate) fn run(database: &Database, raw: Option<bool>) -> Result<u8, Failure> {
    let interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
    let (db, name) = match database {
        Database::Memory => (Db::open_in_memory(), "memory".to_owned()),
        Database::File(path) => (open(path, interactive)?, name_of(path)),
    };
    let result = if interactive {
        converse(&mut db.session(), &name, raw.unwrap_or(false))
    } else {
        obey(&mut db.session(), raw)
    };
    let closed = db.close();
    let code = result?;
    closed.map_err(Failure::at(Path::new(&name)))?;
    Ok(code)
}

fn open(path: &Path, interactive: bool) -> Result<Db, Failure> {
    let db = progress::open(Db::builder(), path).map_err(Failure::at(path))?;
    say_repairs(path, &db);
    if interactive && db.open_report().is_some_and(|report| report.created) {
        say(&format!("made {}", path.display()));
    }
    Ok(db)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn answer(session: &mut Session, line: &[u8], as_raw: bool) -> Outcome {
    let Some(words) = split_words(line) else {
        return Outcome::Refusal(b"Invalid argument(s)\n".to_vec());
    };
    let Some(name) = words.first() else {
        return Outcome::Nothing;
    };
    match name.to_ascii_lowercase().as_slice() {
        b"exit" | b"quit" => Outcome::Leave,
        b"help" | b"?" => Outcome::Answer(complete::help(&words[1..]).into_bytes()),
        _ => {
            let answered: Result<Reply, _> = session.execute(&words);
            let text = print::answer(&answered, as_raw);
            match answered {
                Ok(_) => Outcome::Answer(text),
                Err(_) => Outcome::Refusal(text),
            }
        }
    }
}

/// Lines from a pipe or a file. Output is held back only while more input is there already. The code is
/// 1 if any command was refused.
fn obey(session: &mut Session, raw: Option<bool>) -> Result<u8, Failure> {
    let as_raw = raw.unwrap_or_else(|| !io::stdout().is_terminal());
    let mut out = BufWriter::new(io::stdout().lock());
    let mut input = io::BufReader::with_capacity(1 << 16, io::stdin());
    let mut code = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if !input.buffer().contains(&b'\n') {
            out.flush()?;
        }
        let read = io::Read::take(&mut input, LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        if read as u64 == LINE_BYTES_MAX {
            return Err(Failure::Usage(
                "a line is too long to be a command".to_owned(),
            ));
        }
        match answer(session, &line, as_raw) {
            Outcome::Answer(text) => out.write_all(&text)?,
            Outcome::Refusal(text) => {
                out.write_all(&text)?;
                code = 1;
            }
            Outcome::Nothing => {}
            Outcome::Leave => break,
        }
    }
    out.flush()?;
    Ok(code)
}

/// A person at a terminal.
fn converse(session: &mut Session, name: &str, as_raw: bool) -> Result<u8, Failure> {
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::<Commands, DefaultHistory>::with_config(config).map_err(terminal)?;
    editor
        .set_max_history_size(HISTORY_LINES_MAX)
        .map_err(terminal)?;
    editor.set_helper(Some(Commands { plain }));
    let history = history_file();
    if let Some(path) = &history {
        // There is none the first time.
        let _ = editor.load_history(path);
    }
    let result = loop {
        let line = match editor.readline(&prompt(session, name)) {
            Ok(line) => line,
            // Ctrl-C gives the line up, Ctrl-D leaves.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break Ok(0),
            Err(error) => break Err(terminal(error)),
        };
        if !line.trim().is_empty() {
            editor.add_history_entry(line.as_str()).map_err(terminal)?;
        }
        match answer(session, line.as_bytes(), as_raw) {
            Outcome::Answer(text) | Outcome::Refusal(text) => {
                let mut out = io::stdout().lock();
                if let Err(error) = out.write_all(&text).and_then(|()| out.flush()) {
                    break Err(error.into());
                }
            }
            Outcome::Nothing => {}
            Outcome::Leave => break Ok(0),
        }
    };
    if let Some(path) = &history
        && let Err(error) = save(&mut editor, path)
    {
        say(&format!(
            "the history is not kept: {}: {error}",
            path.display()
        ));
    }
    result
}

/// As redis-cli has it: the selected database unless it is the first, and whether commands are queued.
fn prompt(session: &Session, name: &str) -> String {
    let database = match session.selected() {
        0 => String::new(),
        selected => format!("[{selected}]"),
    };
    let queueing = if session.is_queueing() { "(TX)" } else { "" };
    format!("{name}{database}{queueing}> ")
}

fn save(editor: &mut Editor<Commands, DefaultHistory>, path: &Path) -> Result<(), ReadlineError> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    editor.save_history(path)
}

fn terminal(error: ReadlineError) -> Failure {
    if let ReadlineError::Io(error) = error {
        return Failure::Stream(error);
    }
    Failure::Stream(io::Error::other(error.to_string()))
}

/// `$NACRE_HISTORY`, or a file where the platform keeps such things; never beside the database.
fn history_file() -> Option<PathBuf> {
    if let Some(chosen) = env::var_os("NACRE_HISTORY") {
        return (!chosen.is_empty()).then(|| PathBuf::from(chosen));
    }
    let directory = |name: &str| {
        let value = env::var_os(name).map(PathBuf::from);
        value.filter(|path| path.is_absolute())
    };
    let state = if cfg!(windows) {
        directory("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        directory("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        let home = || directory("HOME").map(|home| home.join(".local/state"));
        directory("XDG_STATE_HOME").or_else(home)
    };
    Some(state?.join("nacre").join("history"))
}
