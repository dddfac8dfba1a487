//! The command table as a client sees it: `COMMAND` and its subcommands.
//!
//! Everything comes from the rows of the table; nothing here knows a command by its name but the few that
//! Redis files under other categories than their group's.

use super::args::Args;
use super::object::help;
use super::reply::Reply;
use super::spec::{CommandSpec, Flag, KeyPositions};
use super::{all, find, resolve};
use crate::error::CommandError;
use crate::value::glob::glob_match;

/// What a command is called, takes and does: the typed form of `COMMAND`. See [`commands`].
#[derive(Debug, Clone, Copy)]
pub struct CommandInfo {
    spec: &'static CommandSpec,
}

/// Every command and subcommand this build knows, in the order of the documentation.
///
/// ```
/// let get = nacredb::commands().find(|command| command.name() == "GET");
/// assert!(get.is_some_and(|command| !command.is_write() && command.group() == "string"));
/// ```
pub fn commands() -> impl Iterator<Item = CommandInfo> {
    all().map(|spec| CommandInfo { spec })
}

impl CommandInfo {
    /// The name in upper case; a subcommand's is `CONTAINER|SUBCOMMAND`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.spec.name
    }

    /// How many words it takes, the name included; a negative number means "at least".
    #[must_use]
    pub fn arity(self) -> i32 {
        self.spec.arity
    }

    /// Redis's documentation group, e.g. `string`.
    #[must_use]
    pub fn group(self) -> &'static str {
        self.spec.group
    }

    /// The Redis version that brought it; NacreDB's where Redis has no such command.
    #[must_use]
    pub fn since(self) -> &'static str {
        self.spec.since
    }

    /// What it does, in a sentence.
    #[must_use]
    pub fn summary(self) -> &'static str {
        self.spec.summary
    }

    /// What it costs here.
    #[must_use]
    pub fn complexity(self) -> &'static str {
        self.spec.complexity
    }

    /// What it costs in Redis, where that differs; empty where it does not.
    #[must_use]
    pub fn redis_complexity(self) -> &'static str {
        self.spec.redis_complexity
    }

    /// What differs from Redis; empty where nothing does.
    #[must_use]
    pub fn differences(self) -> &'static str {
        self.spec.differences
    }

    /// An example call, its words separated by spaces.
    #[must_use]
    pub fn example(self) -> &'static str {
        self.spec.example
    }

    /// Whether it may change the database.
    #[must_use]
    pub fn is_write(self) -> bool {
        self.spec.flags.contains(&Flag::Write)
    }
}

/// What the rows here have in common.
const BASE: CommandSpec = CommandSpec {
    name: "",
    arity: 2,
    flags: &[Flag::Loading, Flag::Stale],
    keys: KeyPositions::NONE,
    group: "server",
    since: "7.0.0",
    summary: "",
    complexity: "O(N) where N is the number of commands",
    redis_complexity: "",
    differences: "",
    example: "",
    call: |_, _| Ok(Reply::Nil),
};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "COMMAND",
        arity: -1,
        since: "2.8.13",
        summary: "Returns what there is to know about every command.",
        differences: INFO_DIFFERENCES,
        example: "COMMAND",
        call: |_, _| Ok(every_info()),
        ..BASE
    },
    CommandSpec {
        name: "COMMAND|COUNT",
        since: "2.8.13",
        summary: "Counts the commands.",
        example: "COMMAND COUNT",
        call: |_, _| Ok((top_rows().count() as u64).into()),
        ..BASE
    },
    CommandSpec {
        name: "COMMAND|DOCS",
        arity: -2,
        summary: "Returns the documentation of commands, of all by default.",
        differences: "Summary, first version, group, complexity and subcommands; no history and no \
            description of the arguments. The texts are our own.",
        example: "COMMAND DOCS GET",
        call: |args, _| Ok(docs(args)),
        ..BASE
    },
    CommandSpec {
        name: "COMMAND|GETKEYS",
        arity: -4,
        since: "2.8.13",
        summary: "Returns the keys among the words of a command.",
        complexity: "O(N) where N is the number of words",
        example: "COMMAND GETKEYS MGET a b",
        call: |args, _| Ok(keys_of(args.rest(2))?),
        ..BASE
    },
    CommandSpec {
        name: "COMMAND|HELP",
        since: "5.0.0",
        summary: "Lists the subcommands.",
        complexity: "O(1)",
        differences: "There is no GETKEYSANDFLAGS.",
        example: "COMMAND HELP",
        call: |_, _| Ok(help(HELP)),
        ..BASE
    },
    CommandSpec {
        name: "COMMAND|INFO",
        arity: -2,
        since: "2.8.13",
        summary: "Returns what there is to know about commands, about all by default.",
        differences: INFO_DIFFERENCES,
        example: "COMMAND INFO GET",
        call: |args, _| {
            Ok(match args.rest(2) {
                [] => every_info(),
                names => Reply::Array(names.iter().map(|name| named_info(name)).collect()),
            })
        },
        ..BASE
    },
    CommandSpec {
        name: "COMMAND|LIST",
        arity: -2,
        summary: "Lists the names of commands and subcommands.",
        differences: "In the table's order.",
        example: "COMMAND LIST FILTERBY PATTERN get*",
        call: |args, _| Ok(list(args)?),
        ..BASE
    },
];

const INFO_DIFFERENCES: &str = "Commands in the table's order. No tips; one key specification for \
    each command, with the access flags RO access or RW update.";

const HELP: &[&str] = &[
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
    "HELP",
    "    Prints this help.",
];

/// The rows of commands, without those of subcommands.
fn top_rows() -> impl Iterator<Item = &'static CommandSpec> {
    all().filter(|spec| !spec.is_subcommand())
}

fn text(text: &str) -> Reply {
    Reply::from(text)
}

fn status(text: impl Into<std::borrow::Cow<'static, str>>) -> Reply {
    Reply::Status(text.into())
}

fn every_info() -> Reply {
    Reply::Array(top_rows().map(info).collect())
}

fn named_info(name: &[u8]) -> Reply {
    find(name).map_or(Reply::Nil, info)
}

/// The ten elements of a command's entry in `COMMAND INFO`.
fn info(spec: &'static CommandSpec) -> Reply {
    let int = |number: i32| Reply::Int(number.into());
    let flags = spec.flags.iter().map(|flag| status(flag.name()));
    Reply::Array(vec![
        text(&spec.lower_name()),
        int(spec.arity),
        Reply::Array(flags.collect()),
        int(spec.keys.first),
        int(spec.keys.last),
        int(spec.keys.step),
        Reply::Array(
            categories(spec)
                .map(|name| status(format!("@{name}")))
                .collect(),
        ),
        Reply::Array(Vec::new()),
        Reply::Array(key_specification(spec).into_iter().collect()),
        Reply::Array(spec.subcommands().map(info).collect()),
    ])
}

/// Where the keys stand, in the form that Redis 7 has for it.
fn key_specification(spec: &CommandSpec) -> Option<Reply> {
    let KeyPositions {
        first, last, step, ..
    } = spec.keys;
    if first == 0 {
        return None;
    }
    let int = |number: i32| Reply::Int(number.into());
    let access: &[&'static str] = if spec.flags.contains(&Flag::Write) {
        &["RW", "update"]
    } else {
        &["RO", "access"]
    };
    let part = |kind: &str, spec: Vec<(Reply, Reply)>| {
        Reply::Map(vec![
            (text("type"), text(kind)),
            (text("spec"), Reply::Map(spec)),
        ])
    };
    // A range's last key counts from the first one, unless it counts from the end.
    let last = if last >= 0 { last - first } else { last };
    Some(Reply::Map(vec![
        (
            text("flags"),
            Reply::Array(access.iter().map(|&flag| status(flag)).collect()),
        ),
        (
            text("begin_search"),
            part("index", vec![(text("index"), int(first))]),
        ),
        (
            text("find_keys"),
            part(
                "range",
                vec![
                    (text("lastkey"), int(last)),
                    (text("keystep"), int(step)),
                    (text("limit"), int(0)),
                ],
            ),
        ),
    ]))
}

/// The access control categories, in Redis's order.
pub(crate) const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// The access control categories of a command, in Redis's order. A container is of none: its subcommands are.
fn categories(spec: &'static CommandSpec) -> impl Iterator<Item = &'static str> + use<> {
    let is_container = spec.subcommands().next().is_some() && spec.name != "COMMAND";
    CATEGORIES
        .into_iter()
        .filter(move |category| match *category {
            "slow" => !spec.flags.contains(&Flag::Fast),
            _ => !is_container && is_of(spec, category),
        })
}

fn is_of(spec: &CommandSpec, category: &str) -> bool {
    let name = spec.name;
    let has = |flag: Flag| spec.flags.contains(&flag);
    let group = |group: &str| spec.group == group;
    let sorts = name.starts_with("SORT");
    let waits_for_others = matches!(name, "WAIT" | "WAITAOF");
    let asks_cluster = matches!(name, "ASKING" | "READONLY" | "READWRITE");
    let rules = has(Flag::Admin) || matches!(name, "LASTSAVE" | "ROLE");
    match category {
        "keyspace" => {
            matches!(name, "DBSIZE" | "FLUSHALL" | "FLUSHDB" | "SWAPDB")
                || (group("generic") && !sorts && !waits_for_others)
        }
        "read" => has(Flag::ReadOnly) && !group("scripting"),
        "write" => has(Flag::Write),
        "set" | "list" => group(category) || sorts,
        "sortedset" => group("sorted-set") || sorts,
        "pubsub" => has(Flag::PubSub),
        "admin" => rules,
        "fast" => has(Flag::Fast),
        "blocking" => has(Flag::Blocking),
        "dangerous" => {
            let all = ["FLUSHALL", "FLUSHDB", "KEYS", "SWAPDB", "INFO", "RESTORE"];
            rules || sorts || all.contains(&name)
        }
        "connection" => {
            group("connection")
                || waits_for_others
                || asks_cluster
                || name.split('|').next() == Some("COMMAND")
        }
        "transaction" => group("transactions"),
        _ => group(category),
    }
}

/// The commands of an access control category; `None` if there is no such category.
#[cfg(feature = "server")]
pub(crate) fn commands_of(category: &[u8]) -> Option<Vec<String>> {
    let mut named = CATEGORIES.into_iter();
    let known = named.find(|known| known.as_bytes().eq_ignore_ascii_case(category))?;
    let is_of = |spec: &&'static CommandSpec| categories(spec).any(|of| of == known);
    Some(all().filter(is_of).map(CommandSpec::lower_name).collect())
}

/// `COMMAND DOCS`: names that are no command's are left out.
fn docs(args: Args<'_>) -> Reply {
    let entry = |spec: &'static CommandSpec| (text(&spec.lower_name()), documentation(spec));
    Reply::Map(match args.rest(2) {
        [] => top_rows().map(entry).collect(),
        names => names
            .iter()
            .filter_map(|name| find(name))
            .map(entry)
            .collect(),
    })
}

fn documentation(spec: &'static CommandSpec) -> Reply {
    let mut fields = vec![
        (text("summary"), text(spec.summary)),
        (text("since"), text(spec.since)),
        (text("group"), text(spec.group)),
        (text("complexity"), text(spec.complexity)),
    ];
    let subcommands: Vec<_> = spec
        .subcommands()
        .map(|spec| (text(&spec.lower_name()), documentation(spec)))
        .collect();
    if !subcommands.is_empty() {
        fields.push((text("subcommands"), Reply::Map(subcommands)));
    }
    Reply::Map(fields)
}

/// `COMMAND LIST`.
fn list(args: Args<'_>) -> Result<Reply, CommandError> {
    let wanted: Box<dyn Fn(&'static CommandSpec) -> bool> = match args.count() {
        2 => Box::new(|_| true),
        5 if args.is(2, "FILTERBY") => {
            let value = args.word(4)?;
            if args.is(3, "PATTERN") {
                Box::new(|spec| glob_match(value, spec.lower_name().as_bytes(), true))
            } else if args.is(3, "ACLCAT") {
                Box::new(|spec| {
                    categories(spec).any(|name| name.as_bytes().eq_ignore_ascii_case(value))
                })
            } else if args.is(3, "MODULE") {
                Box::new(|_| false)
            } else {
                return Err(CommandError::Syntax);
            }
        }
        _ => return Err(CommandError::Syntax),
    };
    let names = all().filter(|spec| wanted(spec));
    Ok(Reply::Array(
        names.map(|spec| text(&spec.lower_name())).collect(),
    ))
}

/// `COMMAND GETKEYS`: the keys among the words of a command.
fn keys_of(words: &[&[u8]]) -> Result<Reply, CommandError> {
    let refuse = |text: &'static str| Err(CommandError::Other(text.into()));
    let Ok(spec) = resolve(words) else {
        return refuse("ERR Invalid command specified");
    };
    if !spec.keys.any() {
        return refuse("ERR The command has no key arguments");
    }
    if !spec.takes(words.len()) {
        return refuse("ERR Invalid number of arguments specified for command");
    }
    let Some(positions) = spec.keys.among(words) else {
        if spec.flags.contains(&Flag::NoMandatoryKeys) {
            return Ok(Reply::Array(Vec::new()));
        }
        return refuse("ERR Invalid arguments specified for command");
    };
    let keys = positions.into_iter().map(|at| words[at].to_vec().into());
    Ok(Reply::Array(keys.collect()))
}

/// The `HELP` of a container, from the rows of its subcommands.
pub(crate) fn help_of(container: &'static str) -> Reply {
    let head = format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let mut lines = vec![head];
    for spec in find(container.as_bytes())
        .into_iter()
        .flat_map(CommandSpec::subcommands)
    {
        let name = spec.name.rsplit('|').next().unwrap_or_default();
        lines.push(name.to_owned());
        lines.push(format!("    {}", spec.summary));
    }
    let status = |line: String| Reply::Status(line.into());
    Reply::Array(lines.into_iter().map(status).collect())
}

#[cfg(test)]
mod tests;
