//! Commands about a cluster: `CLUSTER`, `READONLY`, `READWRITE`, `ASKING`.
//!
//! The rows only say what there is; the caller's connection runs it.
use super::introspect::help_of;
use super::run::serve;
use super::spec::{CommandSpec, Flag, KeyPositions};

const DIFFERENCES: &str =
    "A server's connection's; other handles refuse. The cluster has one node.";

/// What the rows here have in common.
const BASE: CommandSpec = CommandSpec {
    name: "",
    arity: 2,
    flags: &[Flag::Stale],
    keys: KeyPositions::NONE,
    group: "cluster",
    since: "3.0.0",
    summary: "",
    complexity: "O(1)",
    redis_complexity: "",
    differences: DIFFERENCES,
    example: "",
    call: serve,
};

const NODES_COMPLEXITY: &str = "O(N) where N is the number of nodes";

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "ASKING",
        arity: 1,
        flags: &[Flag::Fast],
        summary: "Lets the next command read a slot that is being moved here. Changes nothing.",
        example: "ASKING",
        ..BASE
    },
    CommandSpec {
        name: "CLUSTER",
        arity: -2,
        flags: &[],
        summary: "Asks about the cluster.",
        complexity: "Depends on the subcommand",
        example: "CLUSTER MYID",
        ..BASE
    },
    CommandSpec {
        name: "CLUSTER|COUNTKEYSINSLOT",
        arity: 3,
        summary: "Counts the keys of a slot.",
        complexity: "O(N) where N is the number of all keys",
        redis_complexity: "O(1)",
        example: "CLUSTER COUNTKEYSINSLOT 15495",
        ..BASE
    },
    CommandSpec {
        name: "CLUSTER|GETKEYSINSLOT",
        arity: 4,
        summary: "Lists keys of a slot.",
        complexity: "O(N) where N is the number of all keys",
        redis_complexity: "O(N) where N is the number of requested keys",
        example: "CLUSTER GETKEYSINSLOT 15495 10",
        ..BASE
    },
    CommandSpec {
        name: "CLUSTER|HELP",
        flags: &[Flag::Loading, Flag::Stale],
        since: "5.0.0",
        summary: "Lists the subcommands.",
        differences: "The texts are our own.",
        example: "CLUSTER HELP",
        call: |_, _| Ok(help_of("CLUSTER")),
        ..BASE
    },
    CommandSpec {
        name: "CLUSTER|INFO",
        summary: "Describes the state of the cluster.",
        example: "CLUSTER INFO",
        ..BASE
    },
    CommandSpec {
        name: "CLUSTER|KEYSLOT",
        arity: 3,
        summary: "Returns the slot of a key.",
        complexity: "O(N) where N is the length of the key",
        example: "CLUSTER KEYSLOT user:{42}",
        ..BASE
    },
    CommandSpec {
        name: "CLUSTER|MYID",
        summary: "Returns the name of the node.",
        example: "CLUSTER MYID",
        ..BASE
    },
    CommandSpec {
        name: "CLUSTER|NODES",
        summary: "Describes the nodes, a line for each.",
        complexity: NODES_COMPLEXITY,
        example: "CLUSTER NODES",
        ..BASE
    },
    CommandSpec {
        name: "CLUSTER|SHARDS",
        since: "7.0.0",
        summary: "Says which nodes have which slots.",
        complexity: NODES_COMPLEXITY,
        example: "CLUSTER SHARDS",
        ..BASE
    },
    CommandSpec {
        name: "CLUSTER|SLOTS",
        summary: "Says which nodes have which slots.",
        complexity: NODES_COMPLEXITY,
        example: "CLUSTER SLOTS",
        ..BASE
    },
    CommandSpec {
        name: "READONLY",
        arity: 1,
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        summary: "Lets the connection read from a replica. Changes nothing.",
        example: "READONLY",
        ..BASE
    },
    CommandSpec {
        name: "READWRITE",
        arity: 1,
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        summary: "Ends READONLY. Changes nothing.",
        example: "READWRITE",
        ..BASE
    },
];
