//! Channels: `SUBSCRIBE`, `PUBLISH`, `PUBSUB` and their kin.
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
    group: "pubsub",
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
        name: "PSUBSCRIBE",
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::PubSub],
        since: "2.0.0",
        summary: "Listens to all channels whose names match patterns.",
        complexity: "O(N) where N is the number of patterns",
        example: "PSUBSCRIBE news.*",
        ..BASE
    },
    CommandSpec {
        name: "PUBLISH",
        arity: 3,
        flags: &[Flag::PubSub, Flag::Loading, Flag::Stale, Flag::Fast],
        since: "2.0.0",
        summary: "Sends a message to a channel.",
        complexity: "O(N + M) where N is the number of listeners and M that of patterns",
        example: "PUBLISH news text",
        ..BASE
    },
    CommandSpec {
        name: "PUBSUB",
        since: "2.8.0",
        summary: "Asks about channels.",
        complexity: "Depends on the subcommand",
        example: "PUBSUB CHANNELS",
        ..BASE
    },
    CommandSpec {
        name: "PUBSUB|CHANNELS",
        flags: &[Flag::PubSub, Flag::Loading, Flag::Stale],
        since: "2.8.0",
        summary: "Lists the channels that somebody listens to.",
        complexity: "O(N) where N is the number of channels",
        example: "PUBSUB CHANNELS news.*",
        ..BASE
    },
    CommandSpec {
        name: "PUBSUB|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        since: "6.2.0",
        summary: "Lists the subcommands.",
        differences: "The texts are our own.",
        example: "PUBSUB HELP",
        call: |_, _| Ok(help_of("PUBSUB")),
        ..BASE
    },
    CommandSpec {
        name: "PUBSUB|NUMPAT",
        arity: 2,
        flags: &[Flag::PubSub, Flag::Loading, Flag::Stale],
        since: "2.8.0",
        summary: "Counts the patterns that somebody listens to.",
        example: "PUBSUB NUMPAT",
        ..BASE
    },
    CommandSpec {
        name: "PUBSUB|NUMSUB",
        flags: &[Flag::PubSub, Flag::Loading, Flag::Stale],
        since: "2.8.0",
        summary: "Counts the listeners of channels.",
        complexity: "O(N) where N is the number of channels asked for",
        example: "PUBSUB NUMSUB news",
        ..BASE
    },
    CommandSpec {
        name: "PUBSUB|SHARDCHANNELS",
        flags: &[Flag::PubSub, Flag::Loading, Flag::Stale],
        since: "7.0.0",
        summary: "Lists the shard channels that somebody listens to.",
        complexity: "O(N) where N is the number of channels",
        example: "PUBSUB SHARDCHANNELS",
        ..BASE
    },
    CommandSpec {
        name: "PUBSUB|SHARDNUMSUB",
        flags: &[Flag::PubSub, Flag::Loading, Flag::Stale],
        since: "7.0.0",
        summary: "Counts the listeners of shard channels.",
        complexity: "O(N) where N is the number of channels asked for",
        example: "PUBSUB SHARDNUMSUB orders",
        ..BASE
    },
    CommandSpec {
        name: "PUNSUBSCRIBE",
        arity: -1,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::PubSub],
        since: "2.0.0",
        summary: "Listens to patterns no longer, to none by default.",
        complexity: "O(N) where N is the number of patterns",
        example: "PUNSUBSCRIBE news.*",
        ..BASE
    },
    CommandSpec {
        name: "SPUBLISH",
        arity: 3,
        flags: &[Flag::PubSub, Flag::Loading, Flag::Stale, Flag::Fast],
        keys: KeyPositions::FIRST,
        since: "7.0.0",
        summary: "Sends a message to a shard channel.",
        complexity: "O(N) where N is the number of listeners",
        example: "SPUBLISH orders text",
        ..BASE
    },
    CommandSpec {
        name: "SSUBSCRIBE",
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::PubSub],
        keys: KeyPositions::range(1, -1, 1),
        since: "7.0.0",
        summary: "Listens to shard channels.",
        complexity: "O(N) where N is the number of channels",
        example: "SSUBSCRIBE orders",
        ..BASE
    },
    CommandSpec {
        name: "SUBSCRIBE",
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::PubSub],
        since: "2.0.0",
        summary: "Listens to channels.",
        complexity: "O(N) where N is the number of channels",
        example: "SUBSCRIBE news",
        ..BASE
    },
    CommandSpec {
        name: "SUNSUBSCRIBE",
        arity: -1,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::PubSub],
        keys: KeyPositions::range(1, -1, 1),
        since: "7.0.0",
        summary: "Listens to shard channels no longer, to none by default.",
        complexity: "O(N) where N is the number of channels",
        example: "SUNSUBSCRIBE orders",
        ..BASE
    },
    CommandSpec {
        name: "UNSUBSCRIBE",
        arity: -1,
        flags: &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::PubSub],
        since: "2.0.0",
        summary: "Listens to channels no longer, to none by default.",
        complexity: "O(N) where N is the number of channels",
        example: "UNSUBSCRIBE news",
        ..BASE
    },
];
