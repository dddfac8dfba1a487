//! Programs that were written for Redis, against a server in this process: redis-cli and redis-benchmark, redis-py,
//! ioredis, and the calls that RedisInsight makes when it connects and looks around.
//!
//! What is not installed is skipped with a word about it, unless `NACRE_REQUIRE_CLIENTS=1`. `NACRE_PYTHON` names the
//! interpreter that has redis-py, `NACRE_NODE_PATH` the folder of Node packages that has ioredis.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use nacredb::server::Server;
use nacredb::{Db, prelude::*};

fn server() -> (Server, String) {
    let db = Db::open_in_memory();
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .start(db)
        .expect("loopback is there");
    let port = server.addresses()[0].port().to_string();
    (server, port)
}

/// Whether a program is there; says so if it is not, and fails if it has to be.
fn is_there(what: &str, command: &mut Command) -> bool {
    let ran = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = ran.is_ok_and(|status| status.success());
    if !is_there {
        assert!(
            std::env::var_os("NACRE_REQUIRE_CLIENTS").is_none(),
            "{what} is not installed"
        );
        eprintln!("skipped: {what} is not installed");
    }
    is_there
}

/// Runs a program to its end, which must be a good one.
fn run(command: &mut Command, input: &[u8]) -> String {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it was there a moment ago");
    let mut stdin = child.stdin.take().expect("piped");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // It may end before it has read everything.
            let _sent = stdin.write_all(input);
        });
        child.wait_with_output()
    });
    let Output {
        status,
        stdout,
        stderr,
    } = output.expect("it ends");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    assert!(
        status.success(),
        "{command:?}: {status}\n{stdout}\n{stderr}"
    );
    assert!(!stderr.contains("Error"), "{command:?}\n{stderr}");
    format!("{stdout}{stderr}")
}

fn redis_cli(port: &str, words: &[&str], input: &[u8]) -> String {
    run(
        Command::new("redis-cli").args(["-p", port]).args(words),
        input,
    )
}

#[test]
fn redis_cli_finds_everything_it_asks_for() {
    if !is_there("redis-cli", Command::new("redis-cli").arg("--version")) {
        return;
    }
    let (server, port) = server();
    let db = server.db();
    let say = |words: &[&str], input: &str| redis_cli(&port, words, input.as_bytes());
    let answers = say(
        &[],
        "SET greeting \"good evening\"\nGET greeting\nINCR greeting\nSELECT 1\nDBSIZE\n",
    );
    assert_eq!(
        answers,
        "OK\ngood evening\nERR value is not an integer or out of range\n\nOK\n0\n"
    );
    // As at a prompt, where it asks for the commands there are.
    let answers = say(
        &["--no-raw", "-3"],
        "HELLO 3\nHSET h f v\nHGETALL h\nZADD z 1.5 m\nZSCORE z m\n",
    );
    assert!(
        answers.contains("1# \"f\" => \"v\"") && answers.contains("(double) 1.5"),
        "{answers}"
    );

    for n in 0..300 {
        db.set(format!("key:{n}"), "x".repeat(n)).unwrap();
    }
    db.rpush("long list", &["a"; 500]).unwrap();
    let report = say(&["--bigkeys"], "");
    assert!(
        report.contains("Biggest   list found") && report.contains("has 500 items"),
        "{report}"
    );
    let report = say(&["--memkeys"], "");
    assert!(report.contains("Biggest   list found"), "{report}");
    let keys = say(&["--scan", "--pattern", "key:1*"], "");
    assert_eq!(keys.lines().count(), 111);
    let figures = say(&["-r", "2", "-i", "0.01", "INFO", "keyspace"], "");
    assert!(figures.contains("db0:keys=304"), "{figures}");
    // --stat and --latency go on until they are ended.
    for (option, word) in [("--stat", "304"), ("--latency", "")] {
        let seconds = Command::new("timeout")
            .args([
                "-s",
                "INT",
                "1.5",
                "stdbuf",
                "-oL",
                "redis-cli",
                "-p",
                &port,
            ])
            .args([option, "--raw"])
            .output()
            .expect("coreutils are there");
        let text = String::from_utf8_lossy(&seconds.stdout);
        assert!(!text.is_empty() && text.contains(word), "{option}: {text}");
    }
    let mut pipe = Vec::new();
    for n in 0..10_000 {
        let (key, value) = (format!("pipe:{n}"), n.to_string());
        write!(
            pipe,
            "*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n",
            key.len(),
            value.len()
        )
        .unwrap();
    }
    let report = redis_cli(&port, &["--pipe"], &pipe);
    assert!(report.contains("errors: 0, replies: 10000"), "{report}");
    assert_eq!(db.get("pipe:9999").unwrap(), Some(b"9999".to_vec()));
    server.shutdown().unwrap();
}

#[test]
fn redis_benchmark_runs_its_tests() {
    if !is_there(
        "redis-benchmark",
        Command::new("redis-benchmark").arg("--version"),
    ) {
        return;
    }
    let (server, port) = server();
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", &port, "-n", "2000", "-c", "20", "-P", "16", "--csv"]);
    command.args([
        "-t",
        "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,mset",
    ]);
    let report = run(&mut command, b"");
    assert!(report.lines().count() >= 18, "{report}");
    assert!(!report.to_lowercase().contains("error"), "{report}");
    server.shutdown().unwrap();
}

#[test]
fn redis_py_works_in_both_protocols_and_both_styles() {
    let python = std::env::var_os("NACRE_PYTHON").unwrap_or_else(|| OsString::from("python3"));
    if !is_there(
        "redis-py",
        Command::new(&python).args(["-c", "import redis.asyncio"]),
    ) {
        return;
    }
    let (server, port) = server();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/redis_py.py");
    let said = run(Command::new(&python).args([script, &port]), b"");
    assert!(said.contains("fine with redis-py"), "{said}");
    server.shutdown().unwrap();
}

#[test]
fn ioredis_works() {
    let packages = std::env::var_os("NACRE_NODE_PATH").unwrap_or_default();
    let mut probe = Command::new("node");
    probe
        .env("NODE_PATH", &packages)
        .args(["-e", "require('ioredis')"]);
    if !is_there("ioredis", &mut probe) {
        return;
    }
    let (server, port) = server();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/ioredis.js");
    let said = run(
        Command::new("node")
            .env("NODE_PATH", &packages)
            .args([script, &port]),
        b"",
    );
    assert!(said.contains("fine with ioredis"), "{said}");
    server.shutdown().unwrap();
}

/// What RedisInsight asks when it connects and while one looks at keys. An error is an answer where it has
/// another way to go on; those are marked.
#[test]
fn redisinsight_is_answered() {
    use std::io::{BufRead as _, BufReader, Read as _};
    let (server, _) = server();
    let db = server.db();
    db.set("text", "value").unwrap();
    db.hset("user:1", "name", "Ada").unwrap();
    db.rpush("list", &["a", "b"]).unwrap();
    db.sadd("set", &["a"]).unwrap();
    db.zadd("scores", 1.0, "a").unwrap();
    let mut socket = TcpStream::connect(server.addresses()[0]).unwrap();
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    /// Reads an answer and says how it begins.
    fn answer(reader: &mut BufReader<TcpStream>) -> String {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let count: i64 = line[1..].trim_end().parse().unwrap_or(0);
        match line.as_bytes()[0] {
            b'$' if count >= 0 => {
                let mut bytes = vec![0; usize::try_from(count).unwrap() + 2];
                reader.read_exact(&mut bytes).unwrap();
                line += &String::from_utf8_lossy(&bytes);
            }
            b'*' => (0..count).for_each(|_| line += &answer(reader)),
            _ => {}
        }
        line
    }
    let asked = [
        ("INFO", "redis_version:"),
        ("MODULE LIST", "*0"),
        ("CONFIG GET databases", "16"),
        ("CONFIG GET io-threads", ""),
        ("CLIENT LIST", "id="),
        ("DBSIZE", ":5"),
        // It is no cluster: this is an error in Redis as well.
        ("CLUSTER INFO", "-ERR"),
        ("ACL CAT dangerous", "keys"),
        ("COMMAND INFO ft._LIST json.get", "*2"),
        ("HELLO", "server"),
        ("SCAN 0 MATCH * COUNT 10000 TYPE hash", "user:1"),
        ("TYPE text", "+string"),
        ("TTL text", ":-1"),
        ("MEMORY USAGE text SAMPLES 0", ":"),
        ("EXISTS text", ":1"),
        ("EXPIRE text 100", ":1"),
        ("PERSIST text", ":1"),
        ("RENAME text words", "+OK"),
        ("RENAMENX words text", ":1"),
        ("GETRANGE text 0 2", "val"),
        ("STRLEN text", ":5"),
        ("HLEN user:1", ":1"),
        ("HSCAN user:1 0 MATCH * COUNT 500", "Ada"),
        ("HTTL user:1 FIELDS 1 name", ":-1"),
        ("HEXPIRE user:1 100 FIELDS 1 name", ":1"),
        ("HPERSIST user:1 FIELDS 1 name", ":1"),
        ("LLEN list", ":2"),
        ("LRANGE list 0 499", "*2"),
        ("LSET list 0 c", "+OK"),
        ("SCARD set", ":1"),
        ("SSCAN set 0 MATCH * COUNT 500", "a"),
        ("ZCARD scores", ":1"),
        ("ZSCAN scores 0 MATCH * COUNT 500", "1"),
        ("ZRANGE scores 0 499 WITHSCORES", "a"),
        ("OBJECT ENCODING scores", "listpack"),
        ("UNLINK set", ":1"),
        ("DEL list", ":1"),
        ("SLOWLOG GET 50", "*"),
        ("SLOWLOG LEN", ":"),
        ("CONFIG GET slowlog*", "slowlog-max-len"),
        ("PUBSUB CHANNELS", "*0"),
        ("MEMORY DOCTOR", "$"),
        ("INFO everything", "# Keyspace"),
    ];
    for (line, expected) in asked {
        socket.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let text = answer(&mut reader);
        let is_error = text.starts_with('-');
        assert!(
            text.contains(expected) && is_error == expected.starts_with('-'),
            "{line}: {text}"
        );
    }
    server.shutdown().unwrap();
}
