//! Commands about the server as a whole: `INFO`, `CONFIG`, `SLOWLOG`, `LATENCY`, `SAVE` and their kin.
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
    group: "server",
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
        name: "ACL",
        since: "6.0.0",
        summary: "Asks about users and categories of commands.",
        complexity: "Depends on the subcommand",
        differences: "A server's connection's; other handles refuse. There is one user, `default`.",
        example: "ACL WHOAMI",
        ..BASE
    },
    CommandSpec {
        name: "ACL|CAT",
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "6.0.0",
        summary: "Lists the categories of commands, or the commands of one.",
        complexity: "O(N) where N is the number of commands",
        example: "ACL CAT dangerous",
        ..BASE
    },
    CommandSpec {
        name: "ACL|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        since: "6.0.0",
        summary: "Lists the subcommands.",
        differences: "The texts are our own.",
        example: "ACL HELP",
        call: |_, _| Ok(help_of("ACL")),
        ..BASE
    },
    CommandSpec {
        name: "ACL|LIST",
        arity: 2,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "6.0.0",
        summary: "Lists the rules of users.",
        differences: "A server's connection's; other handles refuse. There is one user, `default`.",
        example: "ACL LIST",
        ..BASE
    },
    CommandSpec {
        name: "ACL|USERS",
        arity: 2,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "6.0.0",
        summary: "Lists the users.",
        differences: "A server's connection's; other handles refuse. There is one user, `default`.",
        example: "ACL USERS",
        ..BASE
    },
    CommandSpec {
        name: "ACL|WHOAMI",
        arity: 2,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "6.0.0",
        summary: "Returns the name of the connection's user.",
        differences: "A server's connection's; other handles refuse. There is one user, `default`.",
        example: "ACL WHOAMI",
        ..BASE
    },
    CommandSpec {
        name: "BGREWRITEAOF",
        arity: 1,
        flags: &[Flag::Admin, Flag::NoScript, Flag::NoAsyncLoading],
        summary: "Starts a compaction of the file.",
        complexity: "O(1); O(N) in the background, where N is the number of keys",
        example: "BGREWRITEAOF",
        ..BASE
    },
    CommandSpec {
        name: "BGSAVE",
        arity: -1,
        flags: &[Flag::Admin, Flag::NoScript, Flag::NoAsyncLoading],
        summary: "Starts a compaction of the file.",
        complexity: "O(1); O(N) in the background, where N is the number of keys",
        differences: "A server's connection's; other handles refuse. The same as BGREWRITEAOF: there is one file.",
        example: "BGSAVE",
        ..BASE
    },
    CommandSpec {
        name: "CONFIG",
        since: "2.0.0",
        summary: "Reads and changes settings.",
        complexity: "Depends on the subcommand",
        example: "CONFIG GET maxmemory",
        ..BASE
    },
    CommandSpec {
        name: "CONFIG|GET",
        arity: -3,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.0.0",
        summary: "Returns settings whose names match patterns.",
        complexity: "O(N) where N is the number of settings",
        differences: "A server's connection's; other handles refuse. The settings that exist here.",
        example: "CONFIG GET maxmemory*",
        ..BASE
    },
    CommandSpec {
        name: "CONFIG|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        since: "5.0.0",
        summary: "Lists the subcommands.",
        differences: "The texts are our own.",
        example: "CONFIG HELP",
        call: |_, _| Ok(help_of("CONFIG")),
        ..BASE
    },
    CommandSpec {
        name: "CONFIG|RESETSTAT",
        arity: 2,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.0.0",
        summary: "Sets the counters of INFO to zero.",
        example: "CONFIG RESETSTAT",
        ..BASE
    },
    CommandSpec {
        name: "CONFIG|REWRITE",
        arity: 2,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.8.0",
        summary: "Refuses: there is no configuration file.",
        example: "CONFIG REWRITE",
        ..BASE
    },
    CommandSpec {
        name: "CONFIG|SET",
        arity: -4,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.0.0",
        summary: "Changes settings, all of them or none.",
        complexity: "O(N) where N is the number of settings",
        differences: "A server's connection's; other handles refuse. The settings that exist here; docs/server.md says which have an effect.",
        example: "CONFIG SET timeout 300",
        ..BASE
    },
    CommandSpec {
        name: "DEBUG",
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        summary: "What test suites ask a server for.",
        complexity: "Depends on the subcommand",
        differences: "A server's connection's; other handles refuse. Refused unless the server is started with it. DIGEST is Redis's for the same content. RELOAD and LOADAOF verify the file and leave memory as it is. SLEEP holds one connection. JMAP and what would crash a server are refused.",
        example: "DEBUG SLEEP 0",
        ..BASE
    },
    CommandSpec {
        name: "INFO",
        arity: -1,
        flags: &[Flag::Loading, Flag::Stale],
        summary: "Returns figures about the server.",
        complexity: "O(S) where S is the number of shards",
        differences: "A server's connection's; other handles refuse. Fields of what there is none of here are 0; so are keyspace_hits and keyspace_misses, which are not counted.",
        example: "INFO server",
        ..BASE
    },
    CommandSpec {
        name: "LASTSAVE",
        arity: 1,
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        summary: "Returns when the file was last compacted, in seconds since the Unix epoch.",
        example: "LASTSAVE",
        ..BASE
    },
    CommandSpec {
        name: "LATENCY",
        since: "2.8.13",
        summary: "Asks for how long things took.",
        complexity: "Depends on the subcommand",
        example: "LATENCY LATEST",
        ..BASE
    },
    CommandSpec {
        name: "LATENCY|DOCTOR",
        arity: 2,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.8.13",
        summary: "Describes what took long, in words.",
        differences: "A server's connection's; other handles refuse. The texts are our own.",
        example: "LATENCY DOCTOR",
        ..BASE
    },
    CommandSpec {
        name: "LATENCY|GRAPH",
        arity: 3,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.8.13",
        summary: "Draws what an event took over time.",
        example: "LATENCY GRAPH command",
        ..BASE
    },
    CommandSpec {
        name: "LATENCY|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        since: "2.8.13",
        summary: "Lists the subcommands.",
        differences: "The texts are our own.",
        example: "LATENCY HELP",
        call: |_, _| Ok(help_of("LATENCY")),
        ..BASE
    },
    CommandSpec {
        name: "LATENCY|HISTOGRAM",
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "7.0.0",
        summary: "Returns how often commands took how long.",
        complexity: "O(N) where N is the number of commands",
        example: "LATENCY HISTOGRAM get",
        ..BASE
    },
    CommandSpec {
        name: "LATENCY|HISTORY",
        arity: 3,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.8.13",
        summary: "Returns what an event took over time.",
        example: "LATENCY HISTORY command",
        ..BASE
    },
    CommandSpec {
        name: "LATENCY|LATEST",
        arity: 2,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.8.13",
        summary: "Returns what each event took last and at most.",
        example: "LATENCY LATEST",
        ..BASE
    },
    CommandSpec {
        name: "LATENCY|RESET",
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        since: "2.8.13",
        summary: "Forgets what events took.",
        example: "LATENCY RESET",
        ..BASE
    },
    CommandSpec {
        name: "LOLWUT",
        arity: -1,
        flags: &[Flag::ReadOnly, Flag::Fast],
        since: "5.0.0",
        summary: "Draws the name of this database, and its version.",
        differences: "A server's connection's; other handles refuse. Our own drawing.",
        example: "LOLWUT",
        ..BASE
    },
    CommandSpec {
        name: "MODULE",
        since: "4.0.0",
        summary: "Asks about modules.",
        differences: "A server's connection's; other handles refuse. There are no modules.",
        example: "MODULE LIST",
        ..BASE
    },
    CommandSpec {
        name: "MODULE|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        since: "5.0.0",
        summary: "Lists the subcommands.",
        differences: "The texts are our own.",
        example: "MODULE HELP",
        call: |_, _| Ok(help_of("MODULE")),
        ..BASE
    },
    CommandSpec {
        name: "MODULE|LIST",
        arity: 2,
        flags: &[Flag::Admin, Flag::NoScript],
        since: "4.0.0",
        summary: "Lists the modules: none.",
        differences: "A server's connection's; other handles refuse. There are no modules.",
        example: "MODULE LIST",
        ..BASE
    },
    CommandSpec {
        name: "MONITOR",
        arity: 1,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale],
        summary: "Shows every command that the server runs, from here on.",
        example: "MONITOR",
        ..BASE
    },
    CommandSpec {
        name: "ROLE",
        arity: 1,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::Fast],
        since: "2.8.12",
        summary: "Says that this is a primary without replicas.",
        example: "ROLE",
        ..BASE
    },
    CommandSpec {
        name: "SAVE",
        arity: 1,
        flags: &[
            Flag::Admin,
            Flag::NoScript,
            Flag::NoAsyncLoading,
            Flag::NoMulti,
        ],
        summary: "Compacts the file, and answers when that is done.",
        complexity: "O(N) where N is the number of keys",
        differences: "A server's connection's; other handles refuse. Others go on meanwhile.",
        example: "SAVE",
        ..BASE
    },
    CommandSpec {
        name: "SHUTDOWN",
        arity: -1,
        flags: &[
            Flag::Admin,
            Flag::NoScript,
            Flag::Loading,
            Flag::Stale,
            Flag::NoMulti,
            Flag::AllowBusy,
        ],
        summary: "Syncs and ends the server.",
        complexity: "O(1), and the sync",
        differences: "A server's connection's; other handles refuse. SAVE compacts before; NOSAVE still syncs.",
        example: "SHUTDOWN",
        ..BASE
    },
    CommandSpec {
        name: "SLOWLOG",
        since: "2.2.12",
        summary: "Asks for commands that took long.",
        complexity: "Depends on the subcommand",
        example: "SLOWLOG LEN",
        ..BASE
    },
    CommandSpec {
        name: "SLOWLOG|GET",
        flags: &[Flag::Admin, Flag::Loading, Flag::Stale],
        since: "2.2.12",
        summary: "Returns commands that took long, the newest first.",
        complexity: "O(N) where N is the number returned",
        example: "SLOWLOG GET 10",
        ..BASE
    },
    CommandSpec {
        name: "SLOWLOG|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        since: "6.2.0",
        summary: "Lists the subcommands.",
        differences: "The texts are our own.",
        example: "SLOWLOG HELP",
        call: |_, _| Ok(help_of("SLOWLOG")),
        ..BASE
    },
    CommandSpec {
        name: "SLOWLOG|LEN",
        arity: 2,
        flags: &[Flag::Admin, Flag::Loading, Flag::Stale],
        since: "2.2.12",
        summary: "Counts the commands kept because they took long.",
        example: "SLOWLOG LEN",
        ..BASE
    },
    CommandSpec {
        name: "SLOWLOG|RESET",
        arity: 2,
        flags: &[Flag::Admin, Flag::Loading, Flag::Stale],
        since: "2.2.12",
        summary: "Forgets them.",
        complexity: "O(N) where N is their number",
        example: "SLOWLOG RESET",
        ..BASE
    },
    CommandSpec {
        name: "WAIT",
        arity: 3,
        flags: &[Flag::NoScript],
        group: "generic",
        since: "3.0.0",
        summary: "Waits for replicas: there are none.",
        example: "WAIT 0 0",
        ..BASE
    },
    CommandSpec {
        name: "WAITAOF",
        arity: 4,
        flags: &[Flag::NoScript],
        group: "generic",
        since: "7.2.0",
        summary: "Waits until the connection's writes are on disk.",
        complexity: "O(1), and the sync",
        differences: "A server's connection's; other handles refuse. There are no replicas.",
        example: "WAITAOF 1 0 0",
        ..BASE
    },
];
