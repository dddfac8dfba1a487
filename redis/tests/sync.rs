//! The synchronous connection, where it has to be like redis-rs's own.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use nacredb_redis::{Client, Connection};
use redis::{
    Cmd, Commands, ConnectionLike, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd,
    pipe,
};

fn connect() -> Connection {
    let client = Client::open_in_memory().expect("the server starts");
    client.get_connection().expect("a connection")
}

fn value(con: &mut Connection, words: &[&str]) -> Value {
    let mut cmd = Cmd::new();
    cmd.arg(words);
    con.req_command(&cmd).expect("the connection is open")
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

#[test]
fn answers_have_the_shapes_of_resp2() {
    let con = &mut connect();
    assert_eq!(value(con, &["SET", "s", "v"]), Value::Okay);
    assert_eq!(value(con, &["GET", "s"]), bulk("v"));
    assert_eq!(value(con, &["GET", "missing"]), Value::Nil);
    assert_eq!(value(con, &["PING"]), Value::SimpleString("PONG".into()));
    assert_eq!(value(con, &["INCR", "n"]), Value::Int(1));
    assert_eq!(value(con, &["ZADD", "z", "1.5", "m"]), Value::Int(1));
    assert_eq!(value(con, &["ZSCORE", "z", "m"]), bulk("1.5"));
    let pair = Value::Array(vec![bulk("m"), bulk("1.5")]);
    assert_eq!(value(con, &["ZRANGE", "z", "0", "-1", "WITHSCORES"]), pair);
    assert_eq!(value(con, &["HSET", "h", "f", "v"]), Value::Int(1));
    let pair = Value::Array(vec![bulk("f"), bulk("v")]);
    assert_eq!(value(con, &["HGETALL", "h"]), pair);
    assert_eq!(value(con, &["SADD", "set", "m"]), Value::Int(1));
    assert_eq!(
        value(con, &["SMEMBERS", "set"]),
        Value::Array(vec![bulk("m")])
    );
    assert_eq!(value(con, &["LPOP", "missing", "2"]), Value::Nil);
}

#[test]
fn answers_have_the_shapes_of_resp3_if_asked_for() -> RedisResult<()> {
    let client = Client::builder().resp3(true).open_in_memory()?;
    let con = &mut client.get_connection()?;
    for words in [["ZADD", "z", "1.5", "m"], ["HSET", "h", "f", "v"]] {
        assert_eq!(value(con, &words), Value::Int(1));
    }
    assert_eq!(value(con, &["SADD", "set", "m"]), Value::Int(1));
    assert_eq!(value(con, &["SET", "s", "v"]), Value::Okay);
    assert_eq!(value(con, &["GET", "missing"]), Value::Nil);
    assert_eq!(value(con, &["ZSCORE", "z", "m"]), Value::Double(1.5));
    let map = Value::Map(vec![(bulk("f"), bulk("v"))]);
    assert_eq!(value(con, &["HGETALL", "h"]), map);
    let set = Value::Set(vec![bulk("m")]);
    assert_eq!(value(con, &["SMEMBERS", "set"]), set);
    // In a transaction as well, whether it comes as a pipeline or word by word.
    let (score, fields): (f64, HashMap<String, String>) =
        pipe().atomic().zscore("z", "m").hgetall("h").query(con)?;
    assert_eq!((score, &*fields["f"]), (1.5, "v"));
    assert_eq!(value(con, &["MULTI"]), Value::Okay);
    let queued = Value::SimpleString("QUEUED".into());
    assert_eq!(value(con, &["SMEMBERS", "set"]), queued);
    assert_eq!(value(con, &["ZSCORE", "z", "m"]), queued);
    let both = Value::Array(vec![set, Value::Double(1.5)]);
    assert_eq!(value(con, &["EXEC"]), both);
    // The connection may change its mind.
    value(con, &["HELLO", "2"]);
    assert_eq!(value(con, &["ZSCORE", "z", "m"]), bulk("1.5"));
    Ok(())
}

#[test]
fn typed_answers_are_read_in_both_versions() -> RedisResult<()> {
    for resp3 in [false, true] {
        let client = Client::builder().resp3(resp3).open_in_memory()?;
        let con = &mut client.get_connection()?;
        let () = con.hset_multiple("h", &[("a", 1), ("b", 2)])?;
        let fields: HashMap<String, i64> = con.hgetall("h")?;
        assert_eq!(fields, HashMap::from([("a".into(), 1), ("b".into(), 2)]));
        let () = con.zadd_multiple("z", &[(1.5, "a"), (2.0, "b")])?;
        let scores: Vec<(String, f64)> = con.zrange_withscores("z", 0, -1)?;
        assert_eq!(scores, [("a".to_owned(), 1.5), ("b".to_owned(), 2.0)]);
        let () = con.sadd("s", &["x", "y"])?;
        let members: BTreeSet<String> = con.smembers("s")?;
        assert_eq!(members, BTreeSet::from(["x".into(), "y".into()]));
        let score: Option<f64> = con.zscore("z", "nobody")?;
        assert_eq!(score, None);
        let popped: Vec<(String, f64)> = con.zpopmin("z", 1)?;
        assert_eq!(popped, [("a".to_owned(), 1.5)]);
        let yes: bool = con.sismember("s", "x")?;
        assert!(yes);
    }
    Ok(())
}

#[test]
fn typed_commands_work() -> RedisResult<()> {
    use redis::TypedCommands;
    let con = &mut connect();
    TypedCommands::set(con, "k", 42)?;
    assert_eq!(TypedCommands::get_int(con, "k")?, Some(42));
    assert_eq!(TypedCommands::incr(con, "k", 1)?, 43);
    assert_eq!(TypedCommands::get(con, "missing")?, None);
    assert!(TypedCommands::exists(con, "k")?);
    Ok(())
}

fn refusal(con: &mut Connection, words: &[&str]) -> RedisError {
    let mut cmd = Cmd::new();
    cmd.arg(words);
    cmd.query::<Value>(con).expect_err("it is refused")
}

#[test]
fn refusals_are_those_of_a_server() {
    let con = &mut connect();
    value(con, &["LPUSH", "list", "v"]);
    let error = refusal(con, &["INCR", "list"]);
    assert_eq!(error.kind(), ErrorKind::Extension);
    assert_eq!(error.code(), Some("WRONGTYPE"));
    assert_eq!(
        error.detail(),
        Some("Operation against a key holding the wrong kind of value")
    );
    let error = refusal(con, &["SET", "s"]);
    assert_eq!(error.kind(), ServerErrorKind::ResponseError.into());
    assert_eq!(
        error.detail(),
        Some("wrong number of arguments for 'set' command")
    );
    let error = refusal(con, &["EXEC"]);
    assert_eq!(error.detail(), Some("EXEC without MULTI"));
    // An error text cannot end early.
    let error = refusal(con, &["NO\r\nSUCH"]);
    assert!(error.detail().expect("a text").contains("NO  SUCH"));
}

#[test]
fn a_script_is_refused_in_plain_words() {
    let con = &mut connect();
    let error = redis::Script::new("return 1")
        .invoke::<i64>(con)
        .expect_err("there are no scripts");
    assert_eq!(error.kind(), ServerErrorKind::ResponseError.into());
    let detail = error.detail().unwrap_or_default();
    assert!(detail.starts_with("scripting is not built in"), "{error}");
}

#[test]
fn a_pipeline_answers_each_command() -> RedisResult<()> {
    let con = &mut connect();
    let (old, new): (Option<i64>, i64) = pipe()
        .get("n")
        .cmd("INCRBY")
        .arg("n")
        .arg(5)
        .set("other", 1)
        .ignore()
        .query(con)?;
    assert_eq!((old, new), (None, 5));
    let mut many = pipe();
    for number in 0..1000 {
        many.cmd("RPUSH").arg("list").arg(number);
    }
    let lengths: Vec<i64> = many.query(con)?;
    assert_eq!(lengths, (1..=1000).collect::<Vec<i64>>());
    Ok(())
}

#[test]
fn an_error_in_a_pipeline_is_told_by_index_and_others_have_run() -> RedisResult<()> {
    let con = &mut connect();
    for atomic in [false, true] {
        let () = con.flushall()?;
        let mut pipeline = pipe();
        if atomic {
            pipeline.atomic();
        }
        pipeline
            .set("a", 1)
            .cmd("INCR")
            .arg("a")
            .lpush("a", 1)
            .incr("a", 1);
        let error = pipeline.query::<Value>(con).expect_err("LPUSH is refused");
        assert!(error.to_string().contains("ndex 2"), "{error}");
        assert_eq!(con.get::<_, i64>("a")?, 3);
        let results: Vec<RedisResult<i64>> = pipeline.ignore_errors().query(con).or_else(|_| {
            // What SET answers is no number.
            Ok::<_, RedisError>(Vec::new())
        })?;
        if !results.is_empty() {
            assert_eq!(results.iter().filter(|result| result.is_err()).count(), 2);
        }
    }
    let results: Vec<RedisResult<i64>> = pipe()
        .atomic()
        .cmd("INCR")
        .arg("n")
        .lpush("n", 1)
        .cmd("INCR")
        .arg("n")
        .ignore_errors()
        .query(con)?;
    let [Ok(1), Err(error), Ok(2)] = &results[..] else {
        panic!("{results:?}");
    };
    assert_eq!(error.code(), Some("WRONGTYPE"));
    Ok(())
}

#[test]
fn what_cannot_be_queued_aborts_the_transaction() -> RedisResult<()> {
    let con = &mut connect();
    let error = pipe()
        .atomic()
        .set("a", 1)
        .cmd("NOSUCH")
        .query::<Value>(con)
        .expect_err("it is aborted");
    assert_eq!(error.kind(), ServerErrorKind::ExecAbort.into());
    assert!(error.to_string().contains("index 1"), "{error}");
    assert_eq!(con.get::<_, Option<i64>>("a")?, None);
    // The connection is out of the transaction.
    assert_eq!(con.incr::<_, _, i64>("a", 1)?, 1);
    assert_eq!(value(con, &["MULTI"]), Value::Okay);
    refusal(con, &["NOSUCH"]);
    assert_eq!(
        refusal(con, &["EXEC"]).kind(),
        ServerErrorKind::ExecAbort.into()
    );
    Ok(())
}

#[test]
fn a_transaction_runs_again_when_a_watched_key_was_touched() -> RedisResult<()> {
    let client = Client::open_in_memory()?;
    let (con, other) = (&mut client.get_connection()?, &mut client.get_connection()?);
    let () = con.set("n", 1)?;
    let mut attempts = 0;
    let (after,): (i64,) = redis::transaction(con, &["n"], |con, pipeline| {
        attempts += 1;
        let now: i64 = con.get("n")?;
        if attempts == 1 {
            let () = other.set("n", 10)?;
        }
        pipeline.set("n", now + 1).ignore().get("n").query(con)
    })?;
    assert_eq!((after, attempts), (11, 2));
    // The watch has ended, and was this connection's alone.
    let () = other.set("n", 0)?;
    let (n,): (i64,) = pipe().atomic().incr("n", 1).query(con)?;
    assert_eq!(n, 1);
    let empty: Option<Vec<i64>> = {
        let () = cmd("WATCH").arg("n").query(con)?;
        let () = other.incr("n", 1)?;
        pipe().atomic().get("n").query(con)?
    };
    assert_eq!(empty, None);
    Ok(())
}

#[test]
fn scans_go_through_all_pages() -> RedisResult<()> {
    let con = &mut connect();
    let keys: BTreeSet<String> = (0..500).map(|number| format!("key:{number}")).collect();
    for key in &keys {
        let () = con.set(key, 1)?;
    }
    let () = con.set("other", 1)?;
    let scanned: RedisResult<BTreeSet<String>> = con.scan_match("key:*")?.collect();
    assert_eq!(scanned?, keys);
    let members: Vec<(String, i64)> = (0..500).map(|at| (format!("m{at}"), at)).collect();
    let () = con.hset_multiple("h", &members)?;
    let scanned: RedisResult<BTreeSet<(String, i64)>> = con.hscan("h")?.collect();
    assert_eq!(scanned?, members.iter().cloned().collect());
    let scores: Vec<(i64, String)> = members.iter().map(|(m, at)| (*at, m.clone())).collect();
    let () = con.zadd_multiple("z", &scores)?;
    let scanned: RedisResult<BTreeSet<(String, i64)>> = con.zscan("z")?.collect();
    assert_eq!(scanned?, members.into_iter().collect());
    // What a cursor is.
    let (cursor, page): (u64, Vec<String>) = cmd("SCAN").arg(0).arg("COUNT").arg(10).query(con)?;
    assert!(cursor > 0 && page.len() >= 10);
    let Value::Array(parts) = value(con, &["SCAN", "0"]) else {
        panic!("a scan answers two things");
    };
    assert!(matches!(
        &parts[..],
        [Value::BulkString(_), Value::Array(_)]
    ));
    Ok(())
}

#[test]
fn the_selected_database_is_the_connections_own() -> RedisResult<()> {
    let client = Client::open_in_memory()?;
    let (con, other) = (&mut client.get_connection()?, &mut client.get_connection()?);
    let () = cmd("SELECT").arg(3).query(con)?;
    let () = con.set("k", "v")?;
    assert_eq!((con.get_db(), other.get_db()), (3, 0));
    assert!(!other.exists::<_, bool>("k")?);
    let error = cmd("SELECT").arg(99).exec(con).expect_err("there are 16");
    assert_eq!(error.detail(), Some("DB index is out of range"));
    Ok(())
}

#[test]
fn a_blocking_command_waits_on_its_thread() -> RedisResult<()> {
    let client = Client::open_in_memory()?;
    let mut con = client.get_connection()?;
    let nothing: Option<(String, String)> = con.blpop("jobs", 0.01)?;
    assert_eq!(nothing, None);
    let mut waiting = client.get_connection()?;
    let worker = std::thread::spawn(move || waiting.blpop::<_, (String, String)>("jobs", 0.0));
    std::thread::sleep(Duration::from_millis(20));
    let () = con.rpush("jobs", "tidy up")?;
    let job = worker.join().expect("the worker works")?;
    assert_eq!(job, ("jobs".to_owned(), "tidy up".to_owned()));
    Ok(())
}

#[test]
fn the_handshake_of_clients_is_answered() {
    let con = &mut connect();
    assert!(matches!(value(con, &["HELLO"]), Value::Array(_)));
    for lib in [["LIB-NAME", "redis-rs"], ["LIB-VER", "1.8.1"]] {
        let words = ["CLIENT", "SETINFO", lib[0], lib[1]];
        assert_eq!(value(con, &words), Value::Okay);
    }
    assert_eq!(value(con, &["CLIENT", "SETNAME", "me"]), Value::Okay);
    assert_eq!(value(con, &["CLIENT", "GETNAME"]), bulk("me"));
    let error = refusal(con, &["AUTH", "secret"]);
    assert!(error.to_string().contains("without any password"));
}

#[test]
fn nothing_can_be_sent_to_it() {
    let con = &mut connect();
    for words in [
        &["SUBSCRIBE", "news"][..],
        &["PSUBSCRIBE", "news.*"],
        &["SSUBSCRIBE", "news"],
        &["UNSUBSCRIBE"],
        &["MONITOR"],
    ] {
        let error = refusal(con, words);
        assert_eq!(error.detail(), Some("this connection cannot be sent to"));
    }
    assert_eq!(
        value(con, &["PUBSUB", "NUMSUB", "news"]),
        Value::Array(vec![bulk("news"), Value::Int(0)])
    );
}

#[test]
fn an_ended_connection_says_so() -> RedisResult<()> {
    let client = Client::open_in_memory()?;
    let (con, other) = (&mut client.get_connection()?, &mut client.get_connection()?);
    assert!(con.check_connection() && con.is_open());
    assert_eq!(value(con, &["QUIT"]), Value::Okay);
    assert!(!con.is_open() && !con.check_connection());
    let error = con.get::<_, Value>("k").expect_err("it has ended");
    assert!(error.is_connection_dropped());
    let con = &mut client.get_connection()?;
    let id: i64 = cmd("CLIENT").arg("ID").query(con)?;
    let killed: i64 = cmd("CLIENT").arg("KILL").arg("ID").arg(id).query(other)?;
    assert_eq!(killed, 1);
    assert!(!con.is_open() && other.is_open());
    Ok(())
}

#[test]
fn the_connection_outlives_its_client() -> RedisResult<()> {
    let mut con = Client::open_in_memory()?.get_connection()?;
    let () = con.set("k", "v")?;
    assert_eq!(con.get::<_, String>("k")?, "v");
    assert!(con.is_open());
    Ok(())
}

#[test]
fn packed_bytes_that_are_no_command_are_refused() {
    let con = &mut connect();
    for bytes in [&b"*2\r\n$3\r\nGET\r\n"[..], b"", b"*1\r\nGET\r\n"] {
        let error = con.req_packed_command(bytes).expect_err("it is none");
        assert_eq!(error.kind(), ErrorKind::Client);
    }
    let too_few = con.req_packed_commands(b"*1\r\n$4\r\nPING\r\n", 0, 2);
    assert_eq!(
        too_few.expect_err("one is missing").kind(),
        ErrorKind::Client
    );
    // The connection is none the worse.
    assert_eq!(
        con.req_packed_command(b"*1\r\n$4\r\nPING\r\n").ok(),
        Some(Value::SimpleString("PONG".into()))
    );
}

#[test]
fn a_mutable_reference_and_a_box_are_connections() -> RedisResult<()> {
    fn visit(con: &mut dyn ConnectionLike) -> RedisResult<i64> {
        cmd("INCR").arg("visits").query(con)
    }
    let mut con = Box::new(connect());
    assert_eq!(visit(&mut *con)?, 1);
    assert_eq!(visit(&mut con)?, 2);
    Ok(())
}

#[test]
fn a_file_is_kept() -> RedisResult<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("test.nacre");
    let () = Client::open(&path)?.get_connection()?.set("k", "v")?;
    let mut con = Client::open(&path)?.get_connection()?;
    assert_eq!(con.get::<_, String>("k")?, "v");
    let error = Client::open(directory.path()).expect_err("a directory is no database");
    assert_eq!(error.kind(), ErrorKind::Io);
    Ok(())
}

#[cfg(feature = "r2d2")]
#[test]
fn a_pool_of_r2d2_gives_connections() {
    let client = Client::open_in_memory().expect("the server starts");
    let pool = r2d2::Pool::builder().max_size(4).build(client);
    let pool = pool.expect("a pool");
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let pool = pool.clone();
            std::thread::spawn(move || {
                let mut con = pool.get().expect("a connection");
                (0..100).for_each(|_| con.incr::<_, _, ()>("n", 1).expect("it counts"));
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it counts"));
    let mut con = pool.get().expect("a connection");
    assert_eq!(con.get::<_, i64>("n").ok(), Some(800));
    // An ended one is not given again.
    let () = cmd("QUIT").query(&mut *con).expect("it ends");
    drop(con);
    for _ in 0..4 {
        assert!(pool.get().expect("a connection").is_open());
    }
}
