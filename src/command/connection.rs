//! Commands about the caller's own connection: `AUTH`, `HELLO`, `RESET`, `QUIT`, `CLIENT`.
//!
//! The rows only say what there is; the caller's connection runs it.
use super::introspect::help_of;
use super::run::serve;
use super::spec::{CommandSpec, Flag, KeyPositions};

const DIFFERENCES: &str = "A server's connection's; other handles refuse.";

/// What the rows here have in common.
const BASE: CommandSpec = CommandSpec {
    name: "",
    arity: -2,
    flags: &[],
    keys: KeyPositions::NONE,
    group: "connection",
    since: "1.0.0",
    summary: "",
    complexity: "O(1)",
    redis_complexity: "",
    differences: DIFFERENCES,
    example: "",
    call: serve,
};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "AUTH",
        flags: &[
            Flag::NoScript,
            Flag::Loading,
            Flag::Stale,
            Flag::Fast,
            Flag::NoAuth,
            Flag::AllowBusy,
        ],
        summary: "Gives the password.",
        example: "AUTH password",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT",
        since: "2.4.0",
        summary: "Asks about connections and changes them.",
        complexity: "Depends on the subcommand",
        example: "CLIENT ID",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|CACHING",
        arity: 3,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "6.0.0",
        summary: "Would track the keys of the next command.",
        differences: "A server's connection's; other handles refuse. Nothing is tracked.",
        example: "CLIENT CACHING YES",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|GETNAME",
        arity: 2,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.6.9",
        summary: "Returns the name of the connection.",
        example: "CLIENT GETNAME",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|GETREDIR",
        arity: 2,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "6.0.0",
        summary: "Returns where notices of tracked keys go: nowhere.",
        differences: "A server's connection's; other handles refuse. Nothing is tracked.",
        example: "CLIENT GETREDIR",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        since: "5.0.0",
        summary: "Lists the subcommands.",
        differences: "The texts are our own.",
        example: "CLIENT HELP",
        call: |_, _| Ok(help_of("CLIENT")),
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|ID",
        arity: 2,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "5.0.0",
        summary: "Returns the number of the connection.",
        example: "CLIENT ID",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|INFO",
        arity: 2,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "6.2.0",
        summary: "Describes the connection in a line.",
        example: "CLIENT INFO",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|KILL",
        arity: -3,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.4.0",
        summary: "Ends connections.",
        complexity: "O(N) where N is the number of connections",
        example: "CLIENT KILL ID 7",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|LIST",
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.4.0",
        summary: "Describes connections, a line for each.",
        complexity: "O(N) where N is the number of connections",
        example: "CLIENT LIST",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|NO-EVICT",
        arity: 3,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "7.0.0",
        summary: "Takes the connection out of client eviction.",
        differences: "A server's connection's; other handles refuse. Kept and shown; there is no client eviction.",
        example: "CLIENT NO-EVICT ON",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|PAUSE",
        arity: -3,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.9.50",
        summary: "Lets commands wait for some time.",
        example: "CLIENT PAUSE 100 WRITE",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|REPLY",
        arity: 3,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "3.2.0",
        summary: "Switches replies to the connection on or off.",
        example: "CLIENT REPLY ON",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|SETINFO",
        arity: 4,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "7.2.0",
        summary: "Names the library the client uses, or its version.",
        example: "CLIENT SETINFO LIB-NAME lib",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|SETNAME",
        arity: 3,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.6.9",
        summary: "Names the connection.",
        example: "CLIENT SETNAME name",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|TRACKING",
        arity: -3,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "6.0.0",
        summary: "Switches the tracking of keys, which stays off.",
        differences: "A server's connection's; other handles refuse. Nothing is tracked.",
        example: "CLIENT TRACKING OFF",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|TRACKINGINFO",
        arity: 2,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "6.2.0",
        summary: "Says what is tracked: nothing.",
        differences: "A server's connection's; other handles refuse. Nothing is tracked.",
        example: "CLIENT TRACKINGINFO",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|UNBLOCK",
        arity: -3,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "5.0.0",
        summary: "Ends the wait of another connection.",
        example: "CLIENT UNBLOCK 7",
        ..BASE
    },
    CommandSpec {
        name: "CLIENT|UNPAUSE",
        arity: 2,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "6.2.0",
        summary: "Lets waiting commands go on.",
        complexity: "O(N) where N is the number of waiting connections",
        example: "CLIENT UNPAUSE",
        ..BASE
    },
    CommandSpec {
        name: "HELLO",
        arity: -1,
        flags: &[
            Flag::NoScript,
            Flag::Loading,
            Flag::Stale,
            Flag::Fast,
            Flag::NoAuth,
            Flag::AllowBusy,
        ],
        since: "6.0.0",
        summary: "Agrees on a version of the protocol, and describes the server.",
        example: "HELLO 3",
        ..BASE
    },
    CommandSpec {
        name: "QUIT",
        arity: -1,
        flags: &[
            Flag::NoScript,
            Flag::Loading,
            Flag::Stale,
            Flag::Fast,
            Flag::NoAuth,
            Flag::AllowBusy,
        ],
        summary: "Ends the connection.",
        example: "QUIT",
        ..BASE
    },
    CommandSpec {
        name: "RESET",
        arity: 1,
        flags: &[
            Flag::NoScript,
            Flag::Loading,
            Flag::Stale,
            Flag::Fast,
            Flag::NoAuth,
            Flag::AllowBusy,
        ],
        since: "6.2.0",
        summary: "Puts the connection into the state it began with.",
        example: "RESET",
        ..BASE
    },
];
