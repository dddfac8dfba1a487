//! One function on an embedded database, on a server and on a cluster; and the rules of a cluster without one.

mod support;

use std::collections::BTreeSet;

use nacredb::{Db, server::Server};
use nacredb_redis::{Client, Connection};
use redis::{
    Cmd, Commands, ConnectionLike as _, ErrorKind, RedisResult, ServerErrorKind, Value, cmd, pipe,
};

/// Something like an application: it never asks where it runs.
fn app<C: Commands>(con: &mut C) -> RedisResult<(i64, String, Vec<String>, BTreeSet<String>)> {
    let () = con.del(&["{ada}:visits", "{ada}:name", "{ada}:tags"])?;
    let () = con.set("{ada}:name", "Ada")?;
    let () = con.incr("{ada}:visits", 41)?;
    let visits: i64 = con.incr("{ada}:visits", 1)?;
    let () = con.sadd("{ada}:tags", &["x", "y"])?;
    let () = con.sadd("{ada}:more", &["y", "z"])?;
    let tags: BTreeSet<String> = con.sunion(&["{ada}:tags", "{ada}:more"])?;
    for day in 0..10 {
        let () = con.setbit(format!("{{active}}:{day}"), 7 * day, true)?;
    }
    let days: Vec<String> = (0..10).map(|day| format!("{{active}}:{day}")).collect();
    let active: i64 = con.bit_or("{active}:all", &days)?;
    assert_eq!(active, 8);
    let () = con.zadd("board", "ada", visits)?;
    let () = con.zadd("board", "bob", 7)?;
    let board = con.zrevrange("board", 0, -1)?;
    // Keys of many slots: a cluster's client splits MGET, a single node refuses it.
    let names: Vec<String> = ["{ada}:name", "{ada}:visits"]
        .iter()
        .map(|key| con.get(key))
        .collect::<RedisResult<_>>()?;
    assert_eq!(names, ["Ada", "42"]);
    Ok((visits, con.get("{ada}:name")?, board, tags))
}

#[test]
fn one_function_runs_embedded_on_a_server_and_on_a_cluster() -> RedisResult<()> {
    let embedded = Client::builder().cluster_strict(true).open_in_memory()?;
    let expected = app(&mut embedded.get_connection()?)?;
    assert_eq!(expected.0, 42);
    // Over the socket as well.
    assert_eq!(
        app(&mut embedded.redis_client()?.get_connection()?)?,
        expected
    );
    if !support::has_redis() {
        return Ok(());
    }
    let redis = support::Redis::start(&[]);
    assert_eq!(app(&mut redis.client().get_connection()?)?, expected);
    let cluster = support::Cluster::start();
    assert_eq!(app(&mut cluster.client().get_connection()?)?, expected);
    Ok(())
}

#[test]
fn a_cluster_client_takes_the_embedded_server_for_a_cluster() -> RedisResult<()> {
    let server = Server::builder().bind("127.0.0.1:0").cluster_strict(true);
    let server = server.start(Db::open_in_memory()).expect("it starts");
    let url = format!("redis://{}/", server.addresses()[0]);
    let client = redis::cluster::ClusterClient::new([url])?;
    let mut con = client.get_connection()?;
    app(&mut con)?;
    // It asks for replicas in vain.
    let () = con.mset(&[("a", 1), ("b", 2), ("c", 3)])?;
    let numbers: Vec<i64> = con.mget(&["a", "b", "c"])?;
    assert_eq!(numbers, [1, 2, 3]);
    Ok(())
}

/// What a connection answers, the errors as their texts.
fn answer(con: &mut dyn redis::ConnectionLike, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let mut cmd = Cmd::new();
    cmd.arg(words);
    match con.req_command(&cmd) {
        Ok(Value::ServerError(error)) => {
            format!("{} {}", error.code(), error.details().unwrap_or_default())
        }
        Ok(Value::Array(items)) if line == "EXEC" => {
            let items = items.into_iter().map(|item| match item {
                Value::ServerError(error) => {
                    format!("{} {}", error.code(), error.details().unwrap_or_default())
                }
                item => format!("{item:?}"),
            });
            items.collect::<Vec<_>>().join(", ")
        }
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("no answer: {error}"),
    }
}

/// Lines that a node of a cluster answers according to its rules. Each block begins anew.
const RULES: &[&[&str]] = &[
    &[
        "MSET a 1 b 2",
        "MSET {t}a 1 {t}b 2",
        "MGET a b",
        "DEL a b",
        "EXISTS a b",
        "EXISTS a a",
    ],
    &[
        "SELECT 1",
        "SELECT 0",
        "SELECT abc",
        "SELECT 99",
        "SELECT -1",
    ],
    // Within a transaction: each command is looked at when it is queued, all of them by EXEC.
    &["MULTI", "SET a 1", "SET b 1", "EXEC", "EXEC", "GET a"],
    &["MULTI", "SET a 1", "MSET a 1 b 1", "GET a", "EXEC", "GET a"],
    &["MULTI", "SET a 1", "SET b 1", "NOSUCH", "EXEC", "PING"],
    &["MULTI", "SET {t}a 1", "GET {t}a", "INCR {t}b", "EXEC"],
    &[
        "MULTI", "SELECT 1", "SELECT 0", "MOVE a 1", "SET a 1", "EXEC",
    ],
    &["MULTI", "SELECT abc", "SWAPDB 0 1", "PING", "EXEC"],
    &["MULTI", "SET a 1", "SET b 1", "DISCARD", "EXEC"],
    &["WATCH a b", "WATCH a", "MULTI", "SET b 1", "EXEC", "GET b"],
    &[
        "WATCH a", "SET a 5", "MULTI", "SET a 1", "SET b 1", "EXEC", "MULTI", "SET a 2", "EXEC",
    ],
    &[
        "WATCH a", "MULTI", "SET a 1", "SET b 1", "EXEC", "SET a 2", "MULTI", "GET a", "EXEC",
    ],
    &[
        "MOVE a 1",
        "MOVE a x",
        "MOVE a b 1",
        "SWAPDB 0 1",
        "SWAPDB x 1",
    ],
    &[
        "SET a 1",
        "COPY a b",
        "COPY a {a}b DB 1",
        "COPY a {a}b DB 0",
        "COPY a {a}b DB x",
    ],
    &[
        "COPY a {a}b DB 99",
        "COPY a {a}b DB -1",
        "COPY a {a}b REPLACE DB 1",
        "COPY a {a}b DB",
    ],
    &[
        "SORT a BY w_*",
        "SORT a BY nosort",
        "SORT a GET #",
        "SORT a GET w_*",
        "SORT_RO a BY w_*",
    ],
    &[
        "SORT a LIMIT 0 1 BY w_*",
        "SORT a LIMIT x 1 BY w_*",
        "SORT a NO BY w_*",
        "SORT a STORE b",
    ],
    &[
        "SORT a ASC DESC ALPHA GET x",
        "SORT a STORE {a}b BY w_*",
        "SORT a BY",
        "SORT a GET",
    ],
    &[
        "RENAME a b",
        "SUNION a b",
        "SINTERCARD 2 a b",
        "ZUNIONSTORE {a}d 2 a b",
        "SINTERCARD x a b",
    ],
    &[
        "BITOP OR {a}d a b",
        "LMOVE a b LEFT RIGHT",
        "BLPOP a b 1",
        "PFMERGE a b",
        "SMOVE a b m",
    ],
    &[
        "SPUBLISH a m",
        "PUBLISH a m",
        "MULTI",
        "SPUBLISH a 1",
        "SPUBLISH b 1",
        "EXEC",
    ],
    &[
        "CLUSTER KEYSLOT a",
        "CLUSTER KEYSLOT {}a",
        "CLUSTER KEYSLOT {user}x",
        "CLUSTER KEYSLOT",
    ],
    &[
        "CLUSTER NOSUCH",
        "CLUSTER",
        "READONLY",
        "READWRITE",
        "ASKING",
        "READONLY x",
    ],
    &[
        "CLUSTER COUNTKEYSINSLOT 99999",
        "CLUSTER COUNTKEYSINSLOT x",
        "CLUSTER COUNTKEYSINSLOT -1",
    ],
    &[
        "CLUSTER GETKEYSINSLOT 1 -1",
        "CLUSTER GETKEYSINSLOT 1 x",
        "CLUSTER GETKEYSINSLOT 99999 1",
    ],
    &[
        "SET a 1",
        "CLUSTER COUNTKEYSINSLOT 15495",
        "CLUSTER GETKEYSINSLOT 15495 10",
    ],
    &["KEYS *", "SCAN 0", "DBSIZE", "FLUSHALL", "RANDOMKEY"],
    &["CLUSTER INFO"],
];

#[test]
fn the_rules_are_those_of_a_node_that_has_every_slot() -> RedisResult<()> {
    let embedded = Client::builder().cluster_strict(true).open_in_memory()?;
    if !support::has_redis() {
        return Ok(());
    }
    let redis = support::Redis::start(&["--cluster-enabled", "yes"]);
    let con = &mut redis.client().get_connection()?;
    let slots = cmd("CLUSTER")
        .arg("ADDSLOTSRANGE")
        .arg(0)
        .arg(16383)
        .clone();
    slots.exec(con)?;
    support::wait_until("the node has every slot", || {
        con.set::<_, _, ()>("a", 1).is_ok()
    });
    let mut differences = Vec::new();
    for lines in RULES {
        let ours = &mut embedded.get_connection()?;
        let theirs = &mut redis.client().get_connection()?;
        for line in ["FLUSHALL"].iter().chain(*lines) {
            let (ours, theirs) = (answer(ours, line), answer(theirs, line));
            if ours != theirs {
                differences.push(format!("{line} of {lines:?}: {ours} and not {theirs}"));
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
    Ok(())
}

fn strict() -> Connection {
    let client = Client::builder().cluster_strict(true).open_in_memory();
    client
        .and_then(|client| client.get_connection())
        .expect("a connection")
}

#[test]
fn keys_of_many_slots_are_refused() -> RedisResult<()> {
    let con = &mut strict();
    let error = con.mget::<_, Value>(&["a", "b"]).expect_err("two slots");
    assert_eq!(error.kind(), ServerErrorKind::CrossSlot.into());
    assert_eq!(
        error.detail(),
        Some("Keys in request don't hash to the same slot")
    );
    // A pipeline of single keys is none of the cluster's business, a transaction is.
    let (): () = pipe().set("a", 1).set("b", 1).query(con)?;
    let error = pipe()
        .atomic()
        .incr("a", 1)
        .incr("b", 1)
        .query::<Value>(con)
        .expect_err("two slots");
    assert_eq!(error.kind(), ServerErrorKind::CrossSlot.into());
    assert_eq!(con.get::<_, i64>("a")?, 1);
    let (a, b): (i64, i64) = pipe().atomic().incr("{t}a", 1).incr("{t}b", 1).query(con)?;
    assert_eq!((a, b), (1, 1));
    Ok(())
}

#[test]
fn there_is_one_database() {
    let con = &mut strict();
    assert_eq!(
        answer(con, "SELECT 1"),
        "ERR SELECT is not allowed in cluster mode"
    );
    assert_eq!(answer(con, "SELECT 0"), "ok");
    assert_eq!(con.get_db(), 0);
}

#[test]
fn the_rules_hold_over_the_socket() -> RedisResult<()> {
    let client = Client::builder().cluster_strict(true).open_in_memory()?;
    let con = &mut client.redis_client()?.get_connection()?;
    let error = con.sunion::<_, Value>(&["a", "b"]).expect_err("two slots");
    assert_eq!(error.kind(), ServerErrorKind::CrossSlot.into());
    Ok(())
}

#[test]
fn a_server_that_is_no_cluster_says_so() -> RedisResult<()> {
    let con = &mut Client::open_in_memory()?.get_connection()?;
    for line in [
        "CLUSTER INFO",
        "CLUSTER SLOTS",
        "READONLY",
        "READWRITE",
        "ASKING",
    ] {
        assert_eq!(
            answer(con, line),
            "ERR This instance has cluster support disabled"
        );
    }
    let () = con.mset(&[("a", 1), ("b", 2)])?;
    Ok(())
}

/// What a real cluster's client refuses or splits, of the code that runs embedded: docs for who moves on.
#[test]
fn what_differs_on_a_real_cluster_is_known() -> RedisResult<()> {
    if !support::has_redis() {
        return Ok(());
    }
    let cluster = support::Cluster::start();
    let con = &mut cluster.client().get_connection()?;
    // Split by slot.
    let () = con.mset(&[("a", 1), ("b", 2), ("c", 3)])?;
    assert_eq!(con.mget::<_, Vec<i64>>(&["a", "b", "c"])?, [1, 2, 3]);
    assert_eq!(con.del::<_, i64>(&["a", "b", "c"])?, 3);
    // Refused by the server.
    let error = con.sunion::<_, Value>(&["a", "b"]).expect_err("two slots");
    assert_eq!(error.kind(), ServerErrorKind::CrossSlot.into());
    // Refused by the client: there is another kind of pipeline.
    let error = pipe()
        .get("a")
        .query::<Value>(con)
        .expect_err("no pipelines");
    assert_eq!(error.kind(), ErrorKind::Client);
    let (n,): (i64,) = redis::cluster::cluster_pipe().incr("a", 1).query(con)?;
    assert_eq!(n, 1);
    assert!(con.scan::<String>().is_err(), "a scan of which node?");
    // Asked of all nodes.
    assert_eq!(con.keys::<_, Vec<String>>("*")?, ["a"]);
    assert_eq!(con.get_db(), 0);
    Ok(())
}
