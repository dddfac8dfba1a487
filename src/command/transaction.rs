//! Transactions of a caller that speaks in words: `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`.
//!
//! The rows only say which step is meant; the host takes it, if it is a session.

use super::run::Step;
use super::spec::{CommandSpec, Flag, KeyPositions};

const DIFFERENCES: &str = "A session's; other handles refuse.";

/// What the rows here have in common.
const BASE: CommandSpec = CommandSpec {
    name: "",
    arity: 1,
    flags: &[
        Flag::NoScript,
        Flag::Loading,
        Flag::Stale,
        Flag::Fast,
        Flag::AllowBusy,
    ],
    keys: KeyPositions::NONE,
    group: "transactions",
    since: "2.2.0",
    summary: "",
    complexity: "O(1)",
    redis_complexity: "",
    differences: DIFFERENCES,
    example: "",
    call: |_, host| host.transact(Step::Multi),
};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "MULTI",
        since: "1.2.0",
        summary: "Queues the commands from here on for EXEC.",
        example: "MULTI",
        ..BASE
    },
    CommandSpec {
        name: "EXEC",
        flags: &[
            Flag::NoScript,
            Flag::Loading,
            Flag::Stale,
            Flag::SkipSlowlog,
        ],
        since: "1.2.0",
        summary: "Runs the queued commands as one: nobody else's command comes between, and the file has \
            all of them or none.",
        complexity: "Depends on the queued commands, and O(N) where N is the number of watched keys",
        redis_complexity: "Depends on the queued commands",
        example: "EXEC",
        call: |_, host| host.transact(Step::Exec),
        ..BASE
    },
    CommandSpec {
        name: "DISCARD",
        since: "2.0.0",
        summary: "Forgets the queued commands and the watched keys.",
        complexity: "O(N) where N is the number of queued commands",
        redis_complexity: "",
        example: "DISCARD",
        call: |_, host| host.transact(Step::Discard),
        ..BASE
    },
    CommandSpec {
        name: "WATCH",
        arity: -2,
        keys: KeyPositions::range(1, -1, 1),
        summary: "Lets the next EXEC answer nil and do nothing if one of these keys is touched before.",
        complexity: "O(1) for each key",
        example: "WATCH a b",
        call: |args, host| host.transact(Step::Watch(args.rest(1))),
        ..BASE
    },
    CommandSpec {
        name: "UNWATCH",
        summary: "Forgets the watched keys.",
        complexity: "O(N) where N is the number of watched keys",
        redis_complexity: "O(1)",
        example: "UNWATCH",
        call: |_, host| host.transact(Step::Unwatch),
        ..BASE
    },
];
