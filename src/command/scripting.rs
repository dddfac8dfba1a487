//! Scripts and functions: `EVAL`, `FCALL`, `SCRIPT`, `FUNCTION` and their kin.
//!
//! Nothing runs them here. Housekeeping is answered as a server without scripts and functions does, so that clients
//! which look around find their way; what would need an interpreter says that there is none.

use super::args::{Args, printable};
use super::introspect::help_of;
use super::reply::Reply;
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};

const NOT_BUILT_IN: &str =
    "ERR scripting is not built in: there is no interpreter for scripts and functions";
const REFUSED: &str = "Refuses: there is no interpreter.";
const NONE_THERE: &str = "There are none.";
/// What `FUNCTION DUMP` answers where there are no functions: a version and a checksum of nothing.
const NO_FUNCTIONS: &[u8] = b"\n\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda";

/// What the rows here have in common.
const BASE: CommandSpec = CommandSpec {
    name: "",
    arity: -2,
    flags: &[Flag::NoScript],
    keys: KeyPositions::NONE,
    group: "scripting",
    since: "2.6.0",
    summary: "",
    complexity: "O(1)",
    redis_complexity: "",
    differences: NONE_THERE,
    example: "",
    call: |_, _| Err(refuse(NOT_BUILT_IN)),
};

/// What the rows of calls have in common.
const CALL: CommandSpec = CommandSpec {
    arity: -3,
    flags: &[
        Flag::NoScript,
        Flag::Stale,
        Flag::SkipMonitor,
        Flag::NoMandatoryKeys,
        Flag::MovableKeys,
    ],
    keys: KeyPositions::counted(2),
    redis_complexity: "Depends on the script",
    ..BASE
};

/// The flags of a call that changes nothing.
const READS: &[Flag] = &[
    Flag::ReadOnly,
    Flag::NoScript,
    Flag::Stale,
    Flag::SkipMonitor,
    Flag::NoMandatoryKeys,
    Flag::MovableKeys,
];

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "EVAL",
        summary: "Would run a script.",
        differences: REFUSED,
        example: "EVAL script 0",
        call: |args, _| eval(args),
        ..CALL
    },
    CommandSpec {
        name: "EVAL_RO",
        flags: READS,
        since: "7.0.0",
        summary: "Would run a script that only reads.",
        differences: REFUSED,
        example: "EVAL_RO script 0",
        call: |args, _| eval(args),
        ..CALL
    },
    CommandSpec {
        name: "EVALSHA",
        summary: "Would run a script that is known already.",
        example: "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
        call: |args, _| evalsha(args),
        ..CALL
    },
    CommandSpec {
        name: "EVALSHA_RO",
        flags: READS,
        since: "7.0.0",
        summary: "Would run a script that is known already and only reads.",
        example: "EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
        call: |args, _| evalsha(args),
        ..CALL
    },
    CommandSpec {
        name: "FCALL",
        since: "7.0.0",
        summary: "Would call a function.",
        example: "FCALL function 0",
        call: |_, _| Err(refuse("ERR Function not found")),
        ..CALL
    },
    CommandSpec {
        name: "FCALL_RO",
        flags: READS,
        since: "7.0.0",
        summary: "Would call a function that only reads.",
        example: "FCALL_RO function 0",
        call: |_, _| Err(refuse("ERR Function not found")),
        ..CALL
    },
    CommandSpec {
        name: "SCRIPT",
        flags: &[],
        summary: "Asks about scripts.",
        example: "SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
        ..BASE
    },
    CommandSpec {
        name: "SCRIPT|DEBUG",
        arity: 3,
        since: "3.2.0",
        summary: "Switches the debugging of scripts, which stays off.",
        example: "SCRIPT DEBUG NO",
        call: |args, _| script_debug(args),
        ..BASE
    },
    CommandSpec {
        name: "SCRIPT|EXISTS",
        arity: -3,
        summary: "Says of scripts whether they are known: none is.",
        complexity: "O(N) where N is the number of scripts",
        example: "SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
        call: |args, _| Ok(Reply::Array(vec![Reply::Int(0); args.rest(2).len()])),
        ..BASE
    },
    CommandSpec {
        name: "SCRIPT|FLUSH",
        summary: "Forgets all scripts.",
        example: "SCRIPT FLUSH",
        call: |args, _| script_flush(args),
        ..BASE
    },
    CommandSpec {
        name: "SCRIPT|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        since: "5.0.0",
        summary: "Lists the subcommands.",
        differences: "The texts are our own.",
        example: "SCRIPT HELP",
        call: |_, _| Ok(help_of("SCRIPT")),
        ..BASE
    },
    CommandSpec {
        name: "SCRIPT|KILL",
        arity: 2,
        flags: &[Flag::NoScript, Flag::AllowBusy],
        summary: "Ends the script that runs.",
        example: "SCRIPT KILL",
        call: |_, _| Err(not_busy()),
        ..BASE
    },
    CommandSpec {
        name: "SCRIPT|LOAD",
        arity: 3,
        flags: &[Flag::NoScript, Flag::Stale],
        summary: "Would make a script known.",
        differences: REFUSED,
        example: "SCRIPT LOAD script",
        ..BASE
    },
    CommandSpec {
        name: "FUNCTION",
        flags: &[],
        since: "7.0.0",
        summary: "Asks about functions.",
        example: "FUNCTION LIST",
        ..BASE
    },
    CommandSpec {
        name: "FUNCTION|DELETE",
        arity: 3,
        flags: &[Flag::Write, Flag::NoScript],
        since: "7.0.0",
        summary: "Deletes a library of functions.",
        example: "FUNCTION DELETE library",
        call: |_, _| Err(refuse("ERR Library not found")),
        ..BASE
    },
    CommandSpec {
        name: "FUNCTION|DUMP",
        arity: 2,
        since: "7.0.0",
        summary: "Returns all libraries in bytes for FUNCTION RESTORE.",
        example: "FUNCTION DUMP",
        call: |_, _| Ok(Reply::Bulk(NO_FUNCTIONS.to_vec())),
        ..BASE
    },
    CommandSpec {
        name: "FUNCTION|FLUSH",
        flags: &[Flag::Write, Flag::NoScript],
        since: "7.0.0",
        summary: "Deletes all libraries.",
        example: "FUNCTION FLUSH",
        call: |args, _| function_flush(args),
        ..BASE
    },
    CommandSpec {
        name: "FUNCTION|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        since: "7.0.0",
        summary: "Lists the subcommands.",
        differences: "The texts are our own.",
        example: "FUNCTION HELP",
        call: |_, _| Ok(help_of("FUNCTION")),
        ..BASE
    },
    CommandSpec {
        name: "FUNCTION|KILL",
        arity: 2,
        flags: &[Flag::NoScript, Flag::AllowBusy],
        since: "7.0.0",
        summary: "Ends the function that runs.",
        example: "FUNCTION KILL",
        call: |_, _| Err(not_busy()),
        ..BASE
    },
    CommandSpec {
        name: "FUNCTION|LIST",
        since: "7.0.0",
        summary: "Lists the libraries.",
        example: "FUNCTION LIST",
        call: |args, _| function_list(args),
        ..BASE
    },
    CommandSpec {
        name: "FUNCTION|LOAD",
        arity: -3,
        flags: &[Flag::Write, Flag::DenyOom, Flag::NoScript],
        since: "7.0.0",
        summary: "Would create a library.",
        differences: REFUSED,
        example: "FUNCTION LOAD library",
        ..BASE
    },
    CommandSpec {
        name: "FUNCTION|RESTORE",
        arity: -3,
        flags: &[Flag::Write, Flag::DenyOom, Flag::NoScript],
        since: "7.0.0",
        summary: "Restores what FUNCTION DUMP has returned.",
        differences: "Only what a server without functions has returned.",
        example: "FUNCTION RESTORE dump",
        call: |args, _| function_restore(args),
        ..BASE
    },
    CommandSpec {
        name: "FUNCTION|STATS",
        arity: 2,
        flags: &[Flag::NoScript, Flag::AllowBusy],
        since: "7.0.0",
        summary: "Returns figures about functions.",
        example: "FUNCTION STATS",
        call: |_, _| Ok(function_stats()),
        ..BASE
    },
];

fn refuse(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    CommandError::Other(text.into()).into()
}

fn not_busy() -> Error {
    refuse("NOTBUSY No scripts in execution right now.")
}

/// Checks the count of keys, as every call does before it looks for its script.
fn check_key_count(args: Args<'_>) -> Result<(), Error> {
    let keys = args.int(2)?;
    if keys < 0 {
        return Err(refuse("ERR Number of keys can't be negative"));
    }
    if usize::try_from(keys).map_or(true, |keys| keys > args.rest(3).len()) {
        return Err(refuse(
            "ERR Number of keys can't be greater than number of args",
        ));
    }
    Ok(())
}

fn eval(args: Args<'_>) -> Result<Reply, Error> {
    check_key_count(args)?;
    Err(refuse(NOT_BUILT_IN))
}

fn evalsha(args: Args<'_>) -> Result<Reply, Error> {
    const DIGITS: usize = 40;
    if args.word(1)?.len() == DIGITS {
        check_key_count(args)?;
    }
    Err(refuse("NOSCRIPT No matching script. Please use EVAL."))
}

fn script_debug(args: Args<'_>) -> Result<Reply, Error> {
    match () {
        () if args.is(2, "NO") => Ok(Reply::ok()),
        () if args.is(2, "YES") || args.is(2, "SYNC") => Err(refuse(NOT_BUILT_IN)),
        () => Err(refuse("ERR Use SCRIPT DEBUG YES/SYNC/NO")),
    }
}

fn is_sync_or_async(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"SYNC") || word.eq_ignore_ascii_case(b"ASYNC")
}

fn script_flush(args: Args<'_>) -> Result<Reply, Error> {
    match args.rest(2) {
        [] => Ok(Reply::ok()),
        [word] if is_sync_or_async(word) => Ok(Reply::ok()),
        _ => Err(refuse("ERR SCRIPT FLUSH only support SYNC|ASYNC option")),
    }
}

fn function_flush(args: Args<'_>) -> Result<Reply, Error> {
    match args.rest(2) {
        [] => Ok(Reply::ok()),
        [word] if is_sync_or_async(word) => Ok(Reply::ok()),
        [_] => Err(refuse("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")),
        _ => {
            let subcommand = printable(args.word(1)?);
            Err(refuse(format!(
                "ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try FUNCTION HELP."
            )))
        }
    }
}

fn function_list(args: Args<'_>) -> Result<Reply, Error> {
    let (mut with_code, mut is_named) = (false, false);
    let mut rest = args.rest(2);
    loop {
        rest = match rest {
            [] => return Ok(Reply::Array(Vec::new())),
            [word, more @ ..] if !with_code && word.eq_ignore_ascii_case(b"WITHCODE") => {
                with_code = true;
                more
            }
            [word, more @ ..] if !is_named && word.eq_ignore_ascii_case(b"LIBRARYNAME") => {
                is_named = true;
                let [_name, more @ ..] = more else {
                    return Err(refuse("ERR library name argument was not given"));
                };
                more
            }
            [word, ..] => {
                let word = printable(word);
                return Err(refuse(format!("ERR Unknown argument {word}")));
            }
        };
    }
}

fn function_restore(args: Args<'_>) -> Result<Reply, Error> {
    match args.rest(3) {
        [] => {}
        [policy]
            if ["FLUSH", "APPEND", "REPLACE"]
                .iter()
                .any(|known| policy.eq_ignore_ascii_case(known.as_bytes())) => {}
        [_] => {
            return Err(refuse(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
        _ => {
            let subcommand = printable(args.word(1)?);
            return Err(refuse(format!(
                "ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try FUNCTION HELP."
            )));
        }
    }
    if args.word(2)? == NO_FUNCTIONS {
        return Ok(Reply::ok());
    }
    Err(refuse("ERR DUMP payload version or checksum are wrong"))
}

fn function_stats() -> Reply {
    let text = |text: &str| Reply::from(text);
    let none = Reply::Map(vec![
        (text("libraries_count"), Reply::Int(0)),
        (text("functions_count"), Reply::Int(0)),
    ]);
    Reply::Map(vec![
        (text("running_script"), Reply::Nil),
        (text("engines"), Reply::Map(vec![(text("LUA"), none)])),
    ])
}

#[cfg(test)]
mod tests {
    use crate::Db;
    use crate::command::script::script;

    #[test]
    fn a_database_without_scripts_answers_as_a_server_without_scripts() {
        let sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
        let no_script = "-NOSCRIPT No matching script. Please use EVAL.";
        let not_busy = "-NOTBUSY No scripts in execution right now.";
        let many = "-ERR Number of keys can't be greater than number of args";
        let evalsha = |rest: &str| format!("EVALSHA {sha} {rest}");
        script(
            &Db::open_in_memory(),
            &[
                ("SCRIPT EXISTS a b", "[:0 :0]"),
                ("SCRIPT FLUSH", "+OK"),
                ("SCRIPT FLUSH sync", "+OK"),
                (
                    "SCRIPT FLUSH x",
                    "-ERR SCRIPT FLUSH only support SYNC|ASYNC option",
                ),
                ("SCRIPT KILL", not_busy),
                ("SCRIPT DEBUG no", "+OK"),
                ("SCRIPT DEBUG x", "-ERR Use SCRIPT DEBUG YES/SYNC/NO"),
                ("EVALSHA short x", no_script),
                (&evalsha("0"), no_script),
                (&evalsha("1"), many),
                (&evalsha("-1"), "-ERR Number of keys can't be negative"),
                (
                    &evalsha("x"),
                    "-ERR value is not an integer or out of range",
                ),
                ("EVAL x 9223372036854775807 a", many),
                ("FCALL f x", "-ERR Function not found"),
                ("FUNCTION LIST LIBRARYNAME a WITHCODE", "[]"),
                ("FUNCTION LIST a", "-ERR Unknown argument a"),
                ("FUNCTION DELETE a", "-ERR Library not found"),
                ("FUNCTION KILL", not_busy),
                ("FUNCTION FLUSH ASYNC", "+OK"),
                (
                    "FUNCTION STATS",
                    "{\"running_script\"=nil \"engines\"={\"LUA\"={\"libraries_count\"=:0 \"functions_count\"=:0}}}",
                ),
                (
                    "FUNCTION RESTORE \\x0a\\x00\\x5d\\x9b\\x5c\\x40\\x0f\\x7f\\xa2\\xda APPEND",
                    "+OK",
                ),
            ],
        );
    }

    #[test]
    fn what_needs_an_interpreter_says_that_there_is_none() {
        let db = Db::open_in_memory();
        for line in [
            "EVAL x 0",
            "EVAL_RO x 1 a",
            "SCRIPT LOAD x",
            "FUNCTION LOAD x",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let error = db.execute(&words).unwrap_err().to_string();
            assert!(
                error.starts_with("ERR scripting is not built in"),
                "{error}"
            );
        }
    }
}
