//! The command line: subcommands, options, help.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::Parser;

use crate::Failure;
use crate::activity::{self, ActivityTask};
use crate::serve::{self, ServeTask};

const HELP: &str = "\
nacre: a NacreDB file from the command line

  nacre shell FILE|--memory      type commands; reads them from a pipe as well
  nacre exec FILE COMMAND ..     run one command
  nacre info FILE                what is in the file, without opening it for writing
  nacre check FILE               verify every byte; changes nothing
  nacre log FILE                 the append log as readable commands, one frame a line
  nacre compact FILE             rewrite the file as one snapshot without history
  nacre activity FILE NAME ..    who was active when: csv files in, reports out; has its own --help
  nacre serve FILE|--memory      a server for clients of Redis; has its own --help

shell, exec:
  --raw, --no-raw     plain bytes, or for people; by default whichever fits standard output
exec:
  -x                  read the last argument from standard input
info:
  --json              one JSON object
log:
  --from LSN          start at this log position
  --limit N           stop after N frames
  --full              do not shorten long values
  --json              one JSON object a line; bytes that are no UTF-8 in base64

  -h, --help          this text
  -V, --version       the version

`exec` opens the file for reading only where the command only reads, so it works while another
process has the file open. `shell` and `exec` make the file if there is none.

Exit codes: 0 fine; 1 an error reply, or (check) a torn tail that the next open cuts off;
2 the file is damaged; 3 it could not be opened or read, or is no database; 64 wrong usage.

Environment: NACRE_HISTORY names the shell's history file (empty for none); NO_COLOR.
";

/// Where a shell's commands go.
#[derive(Debug)]
pub(crate) enum Database {
    /// Gone with the shell.
    Memory,
    /// This file.
    File(PathBuf),
}

/// One command to run.
#[derive(Debug)]
pub(crate) struct ExecTask {
    pub(crate) path: PathBuf,
    pub(crate) words: Vec<Vec<u8>>,
    /// The last word comes from standard input.
    pub(crate) last_from_stdin: bool,
    /// Plain bytes or for people; by default whichever fits standard output.
    pub(crate) raw: Option<bool>,
}

/// Which frames to list, and how.
#[derive(Debug)]
pub(crate) struct LogTask {
    pub(crate) path: PathBuf,
    pub(crate) from_lsn: u64,
    pub(crate) limit: u64,
    pub(crate) json: bool,
    pub(crate) full: bool,
}

/// What the tool is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    Print(String),
    Shell {
        database: Database,
        raw: Option<bool>,
    },
    Exec(ExecTask),
    Info {
        path: PathBuf,
        json: bool,
    },
    Check {
        path: PathBuf,
    },
    Log(LogTask),
    Compact {
        path: PathBuf,
    },
    Activity(ActivityTask),
    Serve(ServeTask),
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Every option any subcommand knows; each takes what it allows.
#[derive(Debug, Default)]
struct Given {
    values: Vec<OsString>,
    json: bool,
    full: bool,
    memory: bool,
    last_from_stdin: bool,
    raw: Option<bool>,
    from_lsn: Option<u64>,
    limit: Option<u64>,
}

/// Reads the command line.
pub(crate) fn parse() -> Result<Task, Failure> {
    parse_from(Parser::from_env())
}

fn parse_from(mut parser: Parser) -> Result<Task, Failure> {
    let name = match parser.next()? {
        None => return Err(Failure::Usage("say what to do".to_owned())),
        Some(Short('h') | Long("help")) => return Ok(Task::Print(HELP.to_owned())),
        Some(Short('V') | Long("version")) => return Ok(version()),
        Some(Value(name)) => name.to_string_lossy().into_owned(),
        Some(other) => return Err(other.unexpected().into()),
    };
    let allowed: &[&str] = match name.as_str() {
        "help" => return Ok(Task::Print(HELP.to_owned())),
        "version" => return Ok(version()),
        "activity" => return activity(&mut parser),
        "serve" => return serve(&mut parser),
        "shell" => &["memory", "raw", "no-raw"],
        "exec" => &["x", "raw", "no-raw"],
        "info" => &["json"],
        "log" => &["json", "full", "from", "limit"],
        "check" | "compact" => &[],
        _ => return Err(Failure::Usage(format!("there is no command `{name}`"))),
    };
    let Some(given) = options(&mut parser, allowed, name == "exec")? else {
        return Ok(Task::Print(HELP.to_owned()));
    };
    task(&name, given)
}

/// The rest of a command line that has its own help.
fn activity(parser: &mut Parser) -> Result<Task, Failure> {
    let task = match activity::parse(parser) {
        Err(Failure::Usage(text)) => return Err(Failure::UsageOf("activity", text)),
        parsed => parsed?,
    };
    Ok(task.map_or_else(|| Task::Print(activity::HELP.to_owned()), Task::Activity))
}

/// The rest of the command line of `serve`, which has its own help too.
fn serve(parser: &mut Parser) -> Result<Task, Failure> {
    let task = match serve::parse(parser) {
        Err(Failure::Usage(text)) => return Err(Failure::UsageOf("serve", text)),
        parsed => parsed?,
    };
    Ok(task.map_or_else(|| Task::Print(serve::HELP.to_owned()), Task::Serve))
}

fn version() -> Task {
    Task::Print(format!("nacre {}\n", env!("CARGO_PKG_VERSION")))
}

/// The rest of the command line; `None` if it asks for help. With `command_last`, everything from the
/// second value on belongs to that value.
fn options(
    parser: &mut Parser,
    allowed: &[&str],
    command_last: bool,
) -> Result<Option<Given>, Failure> {
    let mut given = Given::default();
    while let Some(argument) = parser.next()? {
        let option = match &argument {
            Short('h') | Long("help") => return Ok(None),
            Short('x') => "x",
            Long(name) => name,
            Short(_) => "",
            Value(_) => {
                let Value(value) = argument else {
                    continue;
                };
                given.values.push(value);
                if command_last && given.values.len() == 2 {
                    given.values.extend(parser.raw_args()?);
                }
                continue;
            }
        };
        let Some(option) = allowed.iter().copied().find(|known| *known == option) else {
            return Err(argument.unexpected().into());
        };
        match option {
            "x" => given.last_from_stdin = true,
            "raw" => given.raw = Some(true),
            "no-raw" => given.raw = Some(false),
            "json" => given.json = true,
            "full" => given.full = true,
            "memory" => given.memory = true,
            "from" => given.from_lsn = Some(number(option, parser)?),
            _ => given.limit = Some(number(option, parser)?),
        }
    }
    Ok(Some(given))
}

fn number(option: &str, parser: &mut Parser) -> Result<u64, Failure> {
    let value = parser.value()?;
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| {
        let value = value.to_string_lossy();
        Failure::Usage(format!("--{option} takes a number, not `{value}`"))
    })
}

fn task(name: &str, given: Given) -> Result<Task, Failure> {
    let mut values = given.values.into_iter();
    if given.memory {
        return match values.next() {
            None => Ok(shell(Database::Memory, given.raw)),
            Some(_) => Err(Failure::Usage("either FILE or --memory".to_owned())),
        };
    }
    let path = values.next().map(PathBuf::from);
    let path = path.ok_or_else(|| Failure::Usage(format!("`nacre {name}` takes a FILE")))?;
    if name == "exec" {
        let words: Vec<_> = values.map(bytes).collect();
        if words.is_empty() {
            return Err(Failure::Usage("say which command to run".to_owned()));
        }
        return Ok(Task::Exec(ExecTask {
            path,
            words,
            last_from_stdin: given.last_from_stdin,
            raw: given.raw,
        }));
    }
    if let Some(extra) = values.next() {
        let extra = extra.to_string_lossy();
        return Err(Failure::Usage(format!(
            "`{extra}` is one argument too many"
        )));
    }
    Ok(match name {
        "shell" => shell(Database::File(path), given.raw),
        "info" => Task::Info {
            path,
            json: given.json,
        },
        "check" => Task::Check { path },
        "compact" => Task::Compact { path },
        _ => Task::Log(LogTask {
            path,
            from_lsn: given.from_lsn.unwrap_or(0),
            limit: given.limit.unwrap_or(u64::MAX),
            json: given.json,
            full: given.full,
        }),
    })
}

fn shell(database: Database, raw: Option<bool>) -> Task {
    Task::Shell { database, raw }
}

#[cfg(unix)]
fn bytes(word: OsString) -> Vec<u8> {
    use std::os::unix::ffi::OsStringExt as _;
    word.into_vec()
}

#[cfg(not(unix))]
fn bytes(word: OsString) -> Vec<u8> {
    word.to_string_lossy().into_owned().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, Failure> {
        parse_from(Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn options_of_exec_end_at_the_command() {
        let Ok(Task::Exec(task)) = parsed("exec --raw f -x SET k -1 --json") else {
            panic!("not exec");
        };
        assert_eq!(task.words, ["SET", "k", "-1", "--json"].map(Vec::from));
        assert!(task.last_from_stdin);
        assert_eq!(task.raw, Some(true));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "",
            "frobnicate f",
            "check",
            "check a b",
            "check --json f",
            "log f --from x",
            "log f --from -1",
            "exec f",
            "shell f --memory",
            "--nonsense",
            "log -z f",
        ] {
            assert!(matches!(parsed(line), Err(Failure::Usage(_))), "{line}");
        }
    }

    #[test]
    fn numbers_of_log_are_read() {
        let Ok(Task::Log(task)) = parsed("log f --from 12 --limit=3 --json") else {
            panic!("not log");
        };
        assert_eq!((task.from_lsn, task.limit, task.json), (12, 3, true));
        assert!(matches!(parsed("log --help"), Ok(Task::Print(_))));
    }

    #[test]
    fn an_activity_has_its_own_help() {
        let Ok(Task::Print(help)) = parsed("activity --help") else {
            panic!("no help");
        };
        assert!(help.starts_with("nacre activity:"));
        let failure = parsed("activity f web dance");
        assert!(matches!(failure, Err(Failure::UsageOf("activity", _))));
        assert!(matches!(
            parsed("activity f web report"),
            Ok(Task::Activity(_))
        ));
    }
}
