//! Replicas: `REPLICAOF`, `FAILOVER`, `PSYNC` and their kin. There are none; the commands say so, in Redis's words where it
//! has some.

use super::args::Args;
use super::reply::Reply;
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};

const NO_REPLICATION: &str =
    "ERR there is no replication: this database has no primary and no replicas";

/// What the rows here have in common.
const BASE: CommandSpec = CommandSpec {
    name: "",
    arity: 1,
    flags: &[
        Flag::Admin,
        Flag::NoScript,
        Flag::NoAsyncLoading,
        Flag::NoMulti,
    ],
    keys: KeyPositions::NONE,
    group: "server",
    since: "1.0.0",
    summary: "",
    complexity: "O(1)",
    redis_complexity: "",
    differences: "Refuses: there is no replication.",
    example: "",
    call: |_, _| Err(refuse(NO_REPLICATION)),
};

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "FAILOVER",
        arity: -1,
        flags: &[Flag::Admin, Flag::NoScript, Flag::Stale],
        since: "6.2.0",
        summary: "Would make a replica the primary.",
        example: "FAILOVER",
        call: |args, _| {
            Err(refuse(match args.count() {
                2 if args.is(1, "ABORT") => "ERR No failover in progress.",
                _ => "ERR FAILOVER requires connected replicas.",
            }))
        },
        ..BASE
    },
    CommandSpec {
        name: "PSYNC",
        arity: -3,
        since: "2.8.0",
        summary: "Would send a replica what it lacks.",
        example: "PSYNC ? -1",
        ..BASE
    },
    CommandSpec {
        name: "REPLCONF",
        arity: -1,
        flags: &[
            Flag::Admin,
            Flag::NoScript,
            Flag::Loading,
            Flag::Stale,
            Flag::AllowBusy,
        ],
        since: "3.0.0",
        summary: "Would set up a replica's connection.",
        example: "REPLCONF listening-port 6380",
        ..BASE
    },
    CommandSpec {
        name: "REPLICAOF",
        arity: 3,
        flags: REPLICA_FLAGS,
        since: "5.0.0",
        summary: "Follows a primary, or none.",
        differences: "None is the only choice.",
        example: "REPLICAOF NO ONE",
        call: |args, _| follow(args),
        ..BASE
    },
    CommandSpec {
        name: "SLAVEOF",
        arity: 3,
        flags: REPLICA_FLAGS,
        summary: "The older name of REPLICAOF.",
        differences: "None is the only choice.",
        example: "SLAVEOF NO ONE",
        call: |args, _| follow(args),
        ..BASE
    },
    CommandSpec {
        name: "SYNC",
        summary: "Would send a replica everything.",
        example: "SYNC",
        ..BASE
    },
];

const REPLICA_FLAGS: &[Flag] = &[
    Flag::Admin,
    Flag::NoScript,
    Flag::Stale,
    Flag::NoAsyncLoading,
];

fn refuse(text: &'static str) -> Error {
    CommandError::Other(text.into()).into()
}

fn follow(args: Args<'_>) -> Result<Reply, Error> {
    if args.is(1, "NO") && args.is(2, "ONE") {
        Ok(Reply::ok())
    } else {
        Err(refuse(NO_REPLICATION))
    }
}

#[cfg(test)]
mod tests {
    use crate::Db;
    use crate::command::script::script;

    #[test]
    fn nobody_can_be_followed_and_nobody_follows() {
        let none = "-ERR there is no replication: this database has no primary and no replicas";
        script(
            &Db::open_in_memory(),
            &[
                ("REPLICAOF no one", "+OK"),
                ("REPLICAOF 127.0.0.1 6379", none),
                ("PSYNC ? -1", none),
                ("FAILOVER", "-ERR FAILOVER requires connected replicas."),
                ("FAILOVER abort", "-ERR No failover in progress."),
            ],
        );
    }
}
