//! `CONFIG`, `INFO`, `DEBUG`, `MEMORY` and keyspace notifications over sockets, beside a real redis-server.
//!
//! Without a redis-server the comparisons are skipped with a word about it, unless `NACRE_REQUIRE_REDIS=1`.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "every reply that is not the expected one is a failure"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nacredb::server::Server;
use nacredb::{Ack, Db, EvictionPolicy, prelude::*};

/// An answer, as far as these tests tell them apart.
#[derive(Debug, Clone, PartialEq)]
enum Wire {
    Nil,
    Text(String),
    Error(String),
    Int(i64),
    List(Vec<Wire>),
    /// What only version 3 has, with its first byte.
    Other(char, String),
}

/// A connection.
struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    fn new(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let timeout = Some(Duration::from_secs(60));
        stream.set_read_timeout(timeout).expect("a timeout");
        Self {
            reader: BufReader::new(stream),
        }
    }

    fn send(&mut self, words: &[&str]) {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        let stream = self.reader.get_mut();
        stream.write_all(request.as_bytes()).expect("it reads");
    }

    fn call(&mut self, words: &[&str]) -> Wire {
        self.send(words);
        self.answer()
    }

    fn line(&mut self, line: &str) -> Wire {
        self.call(&line.split(' ').collect::<Vec<_>>())
    }

    fn answer(&mut self) -> Wire {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("an answer");
        let rest = line.trim_end()[1..].to_owned();
        let first = line.chars().next().expect("a type");
        match first {
            '+' => Wire::Text(rest),
            '-' => Wire::Error(rest),
            ':' => Wire::Int(rest.parse().expect("a number")),
            '$' | '=' => {
                let Ok(len) = rest.parse::<usize>() else {
                    return Wire::Nil;
                };
                let mut bytes = vec![0; len + 2];
                self.reader.read_exact(&mut bytes).expect("a text");
                bytes.truncate(len);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if first == '=' {
                    Wire::Other('=', text)
                } else {
                    Wire::Text(text)
                }
            }
            '*' | '~' | '>' | '%' => {
                let Ok(len) = rest.parse::<usize>() else {
                    return Wire::Nil;
                };
                let len = if first == '%' { len * 2 } else { len };
                Wire::List((0..len).map(|_| self.answer()).collect())
            }
            _ => Wire::Other(first, rest),
        }
    }

    fn text(&mut self, line: &str) -> String {
        match self.line(line) {
            Wire::Text(text) | Wire::Other('=', text) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn settings(&mut self, pattern: &str) -> BTreeMap<String, String> {
        let Wire::List(words) = self.call(&["CONFIG", "GET", pattern]) else {
            panic!("no list");
        };
        let pairs = words.chunks(2).map(|pair| match pair {
            [Wire::Text(name), Wire::Text(value)] => (name.clone(), value.clone()),
            other => panic!("{other:?}"),
        });
        pairs.collect()
    }

    /// The fields of `INFO`, by section.
    fn info(&mut self, sections: &str) -> BTreeMap<String, BTreeMap<String, String>> {
        let text = self.text(format!("INFO {sections}").trim_end());
        let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut section = String::new();
        for line in text.split("\r\n").filter(|line| !line.is_empty()) {
            if let Some(name) = line.strip_prefix("# ") {
                section = name.to_owned();
                found.entry(section.clone()).or_default();
            } else {
                let (name, value) = line.split_once(':').expect("a field");
                let fields = found.get_mut(&section).expect("a heading before");
                fields.insert(name.to_owned(), value.to_owned());
            }
        }
        found
    }
}

/// A server of ours in memory, and a connection.
fn ours() -> (Server, Client) {
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .allow_debug(true)
        .start(Db::open_in_memory())
        .expect("loopback is there");
    let client = Client::new(server.addresses()[0].port());
    (server, client)
}

/// A real redis-server.
struct Redis {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn redis() -> Option<Redis> {
    let dir = tempfile::tempdir().expect("a directory");
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let spawned = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--save", ""])
        .args(["--bind", "127.0.0.1", "--enable-debug-command", "yes"])
        .arg("--dir")
        .arg(dir.path())
        .stdout(Stdio::null())
        .spawn();
    let Ok(child) = spawned else {
        let required = std::env::var_os("NACRE_REQUIRE_REDIS").is_some_and(|value| value == "1");
        assert!(!required, "no redis-server, and NACRE_REQUIRE_REDIS is set");
        eprintln!("skipped: redis-server is not installed");
        return None;
    };
    let redis = Redis {
        child,
        port,
        _dir: dir,
    };
    for _ in 0..500 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(redis);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("redis-server does not listen");
}

#[test]
fn settings_have_redis_names_and_defaults() {
    let Some(redis) = redis() else { return };
    let theirs = Client::new(redis.port).settings("*");
    let (_server, mut client) = ours();
    // Those that say how the two were started, and that there is another file here.
    let own = [
        "port",
        "bind",
        "dir",
        "dbfilename",
        "appendfilename",
        "appenddirname",
        "save",
        "unixsocket",
        "pidfile",
        "enable-debug-command",
    ];
    for (name, value) in client.settings("*") {
        let redis = theirs
            .get(&name)
            .unwrap_or_else(|| panic!("Redis has no {name}"));
        if !own.contains(&name.as_str()) {
            assert_eq!(&value, redis, "{name}");
        }
    }
}

#[test]
fn settings_are_refused_as_redis_refuses_them() {
    let Some(redis) = redis() else { return };
    let mut theirs = Client::new(redis.port);
    let (_server, mut client) = ours();
    for line in [
        "CONFIG SET maxmemory abc",
        "CONFIG SET maxmemory -1",
        "CONFIG SET maxmemory 50%",
        "CONFIG SET maxmemory 10kb",
        "CONFIG GET maxmemory",
        "CONFIG SET maxmemory 0",
        "CONFIG SET maxmemory-policy foo",
        "CONFIG SET maxmemory-policy ALLKEYS-LFU",
        "CONFIG GET maxmemory-policy",
        "CONFIG SET maxmemory-samples 0",
        "CONFIG SET timeout abc",
        "CONFIG SET timeout -1",
        "CONFIG SET timeout 99999999999",
        "CONFIG SET protected-mode maybe",
        "CONFIG SET foo 1",
        "CONFIG SET timeout 1 foo 1",
        "CONFIG GET timeout",
        "CONFIG SET save 1",
        "CONFIG SET save abc",
        "CONFIG SET databases 3",
        "CONFIG SET databases 3 foo 1",
        "CONFIG SET notify-keyspace-events QQ",
        "CONFIG SET notify-keyspace-events gKE$lshzxetdmnA",
        "CONFIG GET notify-keyspace-events",
        "CONFIG SET notify-keyspace-events ",
        "CONFIG SET auto-aof-rewrite-percentage -1",
        "CONFIG SET maxclients 0",
        "CONFIG SET maxmemory 1gb maxmemory 2gb",
        "CONFIG SET hash-max-listpack-value 1 hash-max-listpack-value 2",
        "CONFIG SET client-output-buffer-limit foo",
        "CONFIG SET appendfsync sometimes",
        "CONFIG SET maxmemory 1 foo",
        "CONFIG SET timeout",
        "CONFIG SET slowlog-log-slower-than 5x",
        "CONFIG SET slowlog-max-len -1",
        "CONFIG SET hash-max-listpack-entries -4",
        "CONFIG SET proto-max-bulk-len 5",
        "CONFIG SET client-query-buffer-limit 5",
        "CONFIG SET loglevel xx",
        "CONFIG SET timeout 5 maxmemory 7mb hz no",
        "CONFIG GET maxmemory",
        "CONFIG REWRITE",
        "CONFIG RESETSTAT",
        "CONFIG GET nope",
        "CONFIG NOPE",
        "CONFIG",
        "DEBUG NONSENSE",
        "DEBUG SLEEP",
        "DEBUG OBJECT nokey",
        "DEBUG POPULATE -1",
        "DEBUG POPULATE 10 pre 5",
        "GET pre:3",
        "DEBUG POPULATE 3",
        "GET key:1",
        "DEBUG DIGEST",
        "DEBUG DIGEST-VALUE key:1 none",
        "DEBUG STRINGMATCH-LEN",
        "DEBUG PROTOCOL foo",
        "DEBUG ERROR boo",
        "DEBUG SET-ACTIVE-EXPIRE 1",
        "DEBUG CHANGE-REPL-ID",
        "MEMORY PURGE",
        "MEMORY NOPE",
        "INFO nosection",
        "INFO modules",
    ] {
        assert_eq!(client.line(line), theirs.line(line), "{line}");
    }
}

#[test]
fn debug_protocol_answers_redis_bytes() {
    let Some(redis) = redis() else { return };
    let mut theirs = Client::new(redis.port);
    let (_server, mut client) = ours();
    for version in ["2", "3"] {
        client.call(&["HELLO", version]);
        theirs.call(&["HELLO", version]);
        for kind in [
            "string", "integer", "double", "null", "array", "set", "map", "verbatim", "true",
            "false", "bignum",
        ] {
            let words = ["DEBUG", "PROTOCOL", kind];
            assert_eq!(client.call(&words), theirs.call(&words), "{version} {kind}");
        }
    }
}

#[test]
fn info_has_redis_fields() {
    let Some(redis) = redis() else { return };
    let mut theirs = Client::new(redis.port);
    let (_server, mut client) = ours();
    let not_here = BTreeSet::from([
        "atomicvar_api",
        "gcc_version",
        "allocator_frag_ratio",
        "allocator_frag_bytes",
        "allocator_rss_ratio",
        "allocator_rss_bytes",
        "rss_overhead_ratio",
        "rss_overhead_bytes",
        "used_cpu_sys_main_thread",
        "used_cpu_user_main_thread",
    ]);
    for side in [&mut client, &mut theirs] {
        side.line("SET k v EX 100");
        side.line("GET k");
        side.line("NOSUCH");
    }
    for sections in [
        "",
        "all",
        "everything",
        "server CLIENTS keyspace",
        "default commandstats",
    ] {
        let (own, redis) = (client.info(sections), theirs.info(sections));
        let names = |info: &BTreeMap<String, BTreeMap<String, String>>| {
            info.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(&own), names(&redis), "INFO {sections}");
        for (section, fields) in &redis {
            if matches!(section.as_str(), "Commandstats" | "Latencystats") {
                continue;
            }
            for name in fields
                .keys()
                .filter(|name| !not_here.contains(name.as_str()))
            {
                assert!(own[section].contains_key(name), "{section}: {name}");
            }
        }
    }
    let own = client.info("everything");
    assert_eq!(own["Server"]["redis_version"], "7.0.15");
    assert!(own["Keyspace"]["db0"].starts_with("keys=1,expires=1,avg_ttl="));
    assert!(own["Commandstats"]["cmdstat_get"].starts_with("calls=1,usec="));
    assert!(own["Latencystats"]["latency_percentiles_usec_get"].starts_with("p50="));
    assert_eq!(own["Errorstats"]["errorstat_ERR"], "count=1");
    assert_eq!(own["Stats"]["total_error_replies"], "1");
}

#[test]
fn info_counts_what_happened_and_forgets_it_when_asked() {
    let (server, mut client) = ours();
    client.line("DEBUG SET-ACTIVE-EXPIRE 0");
    client.line("SET gone v PX 1");
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(client.info("stats")["Stats"]["expired_keys"], "0");
    client.line("SET gone w");
    assert_eq!(
        client.info("stats")["Stats"]["expired_keys"],
        "0",
        "it was replaced"
    );
    client.line("SET gone v PX 1");
    std::thread::sleep(Duration::from_millis(20));
    client.line("DEL gone");
    assert_eq!(client.info("stats")["Stats"]["expired_keys"], "1");
    for n in 0..50 {
        client.call(&["SET", &format!("k{n}"), &"x".repeat(2000)]);
    }
    client.line("CONFIG SET maxmemory 50kb maxmemory-policy allkeys-lru");
    client.line("SET one more");
    let stats = client.info("stats")["Stats"].clone();
    assert_ne!(stats["evicted_keys"], "0");
    let memory = client.info("memory")["Memory"].clone();
    assert_eq!(memory["maxmemory"], "51200");
    assert_eq!(memory["maxmemory_policy"], "allkeys-lru");
    let peak: u64 = memory["used_memory_peak"].parse().unwrap();
    let used: u64 = memory["used_memory"].parse().unwrap();
    assert!(used <= peak && used == server.db().stats().unwrap().memory_bytes);
    client.line("CONFIG RESETSTAT");
    let stats = client.info("stats")["Stats"].clone();
    assert_eq!(
        (&*stats["evicted_keys"], &*stats["expired_keys"]),
        ("0", "0")
    );
}

#[test]
fn settings_reach_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path().join("db")).unwrap();
    let server = Server::builder().bind("127.0.0.1:0").start(db).unwrap();
    let mut client = Client::new(server.addresses()[0].port());
    let ok = Wire::Text("OK".to_owned());
    let line = "CONFIG SET appendfsync always maxmemory-policy volatile-ttl maxmemory 1gb \
                hash-max-ziplist-entries 1 auto-aof-rewrite-percentage 0 maxmemory-samples 7";
    assert_eq!(client.line(line), ok);
    let settings = server.db().settings();
    assert_eq!(settings.ack, Ack::Always);
    assert_eq!(settings.eviction_policy, EvictionPolicy::VolatileTtl);
    assert_eq!(settings.max_memory_bytes, Some(1 << 30));
    assert_eq!(settings.compaction.growth_percent, 0);
    assert_eq!(settings.max_memory_samples, 7);
    client.line("HSET h a 1 b 2");
    assert_eq!(client.text("OBJECT ENCODING h"), "hashtable");
    assert_eq!(client.settings("appendonly")["appendonly"], "yes");
    let info = client.info("persistence")["Persistence"].clone();
    assert_eq!(info["aof_enabled"], "1");
    assert_ne!(info["aof_current_size"], "0");
    // A password that is set holds for those who come.
    client.line("CONFIG SET requirepass secret");
    let mut stranger = Client::new(server.addresses()[0].port());
    assert_eq!(
        stranger.line("GET k"),
        Wire::Error("NOAUTH Authentication required.".to_owned())
    );
    // DEBUG was not asked for.
    let Wire::Error(refusal) = client.line("DEBUG SLEEP 0") else {
        panic!("allowed");
    };
    let start =
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\"";
    assert!(refusal.starts_with(start), "{refusal}");
}

#[test]
fn debug_reload_writes_and_verifies_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path().join("db")).unwrap();
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .allow_debug(true)
        .start(db)
        .unwrap();
    let mut client = Client::new(server.addresses()[0].port());
    client.line("DEBUG POPULATE 1000");
    let before = client.text("DEBUG DIGEST");
    for line in ["DEBUG RELOAD", "DEBUG LOADAOF", "DEBUG RELOAD NOSAVE"] {
        assert_eq!(client.text(line), "OK");
    }
    assert_eq!(client.text("DEBUG DIGEST"), before);
    let file = server.db().stats().unwrap().file.unwrap();
    assert_eq!((file.compactions, file.durable_lsn), (1, file.end_lsn));
    drop(server);
    let reopened = Db::open(dir.path().join("db")).unwrap();
    assert_eq!(reopened.db_size().unwrap(), 1000);
    for refused in [
        "DEBUG SEGFAULT",
        "DEBUG PANIC",
        "DEBUG JMAP",
        "DEBUG RESTART",
    ] {
        let (_server, mut client) = ours();
        assert!(matches!(client.line(refused), Wire::Error(_)), "{refused}");
    }
}

#[test]
fn debug_sleep_holds_its_own_connection_only() {
    let (server, mut sleeper) = ours();
    let mut other = Client::new(server.addresses()[0].port());
    sleeper.send(&["DEBUG", "SLEEP", "0.3"]);
    assert_eq!(other.text("PING"), "PONG");
    assert_eq!(sleeper.answer(), Wire::Text("OK".to_owned()));
    sleeper.line("MULTI");
    sleeper.line("DEBUG SLEEP 0.3");
    sleeper.line("DEBUG PROTOCOL map");
    assert!(matches!(sleeper.line("EXEC"), Wire::List(both) if both.len() == 2));
}

/// The messages that a listener got until the mark.
fn messages(listener: &mut Client, other: &mut Client) -> Vec<(String, String)> {
    // Not within a transaction of the other connection.
    other.call(&["PUBLISH", "__key_end__", ""]);
    let mut found = Vec::new();
    loop {
        let Wire::List(parts) = listener.answer() else {
            panic!("a message has parts");
        };
        let [_, _, Wire::Text(channel), Wire::Text(message)] = &parts[..] else {
            panic!("{parts:?}");
        };
        if channel == "__key_end__" {
            return found;
        }
        found.push((channel.clone(), message.clone()));
    }
}

#[test]
fn events_are_published_as_redis_publishes_them() {
    let Some(redis) = redis() else { return };
    let (server, mut client) = ours();
    let mut theirs = Client::new(redis.port);
    let ports = [server.addresses()[0].port(), redis.port];
    let [mut own_listener, mut redis_listener] = ports.map(Client::new);
    let [mut own_other, mut redis_other] = ports.map(Client::new);
    for side in [&mut client, &mut theirs] {
        side.line("CONFIG SET notify-keyspace-events KEAn");
        side.line("DEBUG SET-ACTIVE-EXPIRE 0");
    }
    for listener in [&mut own_listener, &mut redis_listener] {
        listener.line("PSUBSCRIBE __key*");
    }
    let mut compared = 0;
    for line in include_str!("redis_parity/events.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "PASSES" {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        }
        // Those that wait for another, or for a time, and those that our feed names otherwise.
        let is_plain = !line.starts_with("BLOCKED") && !line.starts_with("EXPIRES");
        let (command, differs) = match line.split_once(" | ") {
            Some((command, _)) => (command, true),
            None => (line.trim_end_matches(" |"), line.ends_with(" |")),
        };
        if !is_plain {
            continue;
        }
        client.line(command);
        theirs.line(command);
        // The publisher is a task of its own: what it has to tell is there before the next answer to CONFIG SET.
        client.line("CONFIG SET notify-keyspace-events KEAn");
        let own = messages(&mut own_listener, &mut own_other);
        let redis = messages(&mut redis_listener, &mut redis_other);
        if !differs {
            assert_eq!(own, redis, "{command}");
            compared += own.len();
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn events_come_while_asked_for_and_only_of_the_classes_asked_for() {
    let (server, mut client) = ours();
    let port = server.addresses()[0].port();
    let (mut listener, mut other) = (Client::new(port), Client::new(port));
    listener.line("PSUBSCRIBE __key*");
    client.line("SET before v");
    client.line("CONFIG SET notify-keyspace-events Kl");
    client.line("SET a v");
    client.line("LPUSH list v");
    client.line("CONFIG SET notify-keyspace-events E$");
    client.line("LPUSH list w");
    client.line("SET b v");
    client.line("CONFIG SET notify-keyspace-events  ");
    client.call(&["CONFIG", "SET", "notify-keyspace-events", ""]);
    client.line("SET c v");
    let told = |channel: &str, message: &str| (channel.to_owned(), message.to_owned());
    assert_eq!(
        messages(&mut listener, &mut other),
        [
            told("__keyspace@0__:list", "lpush"),
            told("__keyevent@0__:set", "b"),
        ]
    );
    // By itself, too, and what expires.
    client.line("CONFIG SET notify-keyspace-events Ex");
    client.line("SET short v PX 1");
    let Wire::List(parts) = listener.answer() else {
        panic!("no message");
    };
    assert_eq!(parts[2], Wire::Text("__keyevent@0__:expired".to_owned()));
    assert_eq!(parts[3], Wire::Text("short".to_owned()));
}
