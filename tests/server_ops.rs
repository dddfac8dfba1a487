//! A server as its operator meets it: housekeeping, slow commands, limits, floods, strangers, and the end.

#![cfg(unix)]

mod socket;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use nacredb::server::Server;
use nacredb::{Db, prelude::*};
use socket::{Redis, Socket, compare, request, serve, serve_as, until, until_blocked};

#[test]
fn housekeeping_answers_as_redis_does() {
    let sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
    let exists = format!("SCRIPT EXISTS {sha} x");
    let evalsha = format!("EVALSHA {sha} 2 a");
    compare(
        &[],
        Server::builder(),
        &[
            ('a', "SLOWLOG GET", 1),
            ('a', "SLOWLOG GET -1", 1),
            ('a', "SLOWLOG GET -2", 1),
            ('a', "SLOWLOG GET x", 1),
            ('a', "SLOWLOG GET 1 2", 1),
            ('a', "SLOWLOG LEN", 1),
            ('a', "SLOWLOG RESET", 1),
            ('a', "SLOWLOG NOSUCH", 1),
            ('a', "LATENCY LATEST", 1),
            ('a', "LATENCY HISTORY command", 1),
            ('a', "LATENCY GRAPH command", 1),
            ('a', "LATENCY RESET command fork", 1),
            ('a', "LATENCY HISTOGRAM nothing", 1),
            ('a', "ROLE", 1),
            ('a', "MODULE LIST", 1),
            ('a', "ACL WHOAMI", 1),
            ('a', "ACL USERS", 1),
            ('a', "ACL LIST", 1),
            ('a', "ACL CAT", 1),
            ('a', "ACL CAT nosuch", 1),
            ('a', "ACL CAT a b", 1),
            ('a', "SHUTDOWN ABORT", 1),
            ('a', "SHUTDOWN ABORT NOW", 1),
            ('a', "SHUTDOWN SAVE NOSAVE", 1),
            ('a', "SHUTDOWN x", 1),
            ('a', "BGSAVE x", 1),
            ('a', "LOLWUT VERSION x", 1),
            ('a', exists.as_str(), 1),
            ('a', "SCRIPT FLUSH", 1),
            ('a', "SCRIPT FLUSH x", 1),
            ('a', "SCRIPT KILL", 1),
            ('a', "SCRIPT DEBUG x", 1),
            ('a', evalsha.as_str(), 1),
            ('a', "EVALSHA x 0", 1),
            ('a', "EVAL x 2 a", 1),
            ('a', "EVAL x -1 a", 1),
            ('a', "FCALL f 0", 1),
            ('a', "FCALL_RO f 0", 1),
            ('a', "FUNCTION LIST", 1),
            ('a', "FUNCTION LIST LIBRARYNAME", 1),
            ('a', "FUNCTION LIST x", 1),
            ('a', "FUNCTION STATS", 1),
            ('a', "FUNCTION DUMP", 1),
            ('a', "FUNCTION KILL", 1),
            ('a', "FUNCTION DELETE x", 1),
            ('a', "FUNCTION FLUSH x", 1),
            ('a', "FUNCTION FLUSH SYNC x", 1),
            ('a', "FUNCTION RESTORE x", 1),
            ('a', "FUNCTION RESTORE x y", 1),
            ('a', "REPLICAOF NO ONE", 1),
            ('a', "FAILOVER", 1),
            ('a', "FAILOVER ABORT", 1),
            ('a', "READONLY", 1),
            ('a', "CLUSTER INFO", 1),
            ('a', "COMMAND GETKEYS EVAL x 1 a b", 1),
            ('a', "COMMAND GETKEYS EVAL x 0 a b", 1),
            ('a', "~HELLO 3", 1),
            ('a', "FUNCTION STATS", 1),
            ('a', "LATENCY HISTOGRAM nothing", 1),
            ('a', "ROLE", 1),
        ],
    );
}

#[test]
fn categories_are_those_of_redis() {
    let Some(redis) = Redis::start(&[]) else {
        return;
    };
    let server = serve();
    let mut theirs = Socket::unix(&redis.path()).expect("it listens");
    let mut ours = Socket::tcp(&server);
    let names = |list: &str| -> std::collections::BTreeSet<String> {
        let parts = list.split("\\r\\n").skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    // The first part is the length of the array, then lengths and names by turns.
    let listed = |socket: &mut Socket, line: &str| {
        let list = socket.ask(line);
        let mut parts = list.splitn(2, "\\r\\n");
        let _count = parts.next();
        names(parts.next().unwrap_or_default())
    };
    let known_to_us = listed(&mut ours, "COMMAND LIST");
    let known_to_redis = listed(&mut theirs, "COMMAND LIST");
    let mut differences = Vec::new();
    for category in listed(&mut theirs, "ACL CAT") {
        let line = format!("ACL CAT {category}");
        let (theirs, ours) = (listed(&mut theirs, &line), listed(&mut ours, &line));
        let missing = theirs
            .difference(&ours)
            .filter(|name| known_to_us.contains(*name));
        differences.extend(missing.map(|name| format!("{name} is not @{category}")));
        let surplus = ours
            .difference(&theirs)
            .filter(|name| known_to_redis.contains(*name));
        differences.extend(surplus.map(|name| format!("{name} is @{category}")));
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn a_command_that_takes_long_is_in_the_slow_log_and_the_histogram() {
    let server = serve();
    let mut client = Socket::tcp(&server);
    client.ask("CLIENT SETNAME slow");
    let mut words = vec!["MSET".to_owned()];
    words.extend((0..800_000).map(|n| n.to_string()));
    client.send(&request(&words));
    assert_eq!(client.hear(), "+OK\\r\\n");
    let list = client.ask("SLOWLOG GET 1");
    assert!(
        list.contains("MSET") && list.contains("more arguments)"),
        "{list}"
    );
    assert!(
        list.contains("127.0.0.1:") && list.ends_with("$4\\r\\nslow\\r\\n"),
        "{list}"
    );
    assert_ne!(client.ask("SLOWLOG LEN"), ":0\\r\\n");
    assert_eq!(client.ask("SLOWLOG RESET"), "+OK\\r\\n");
    assert_eq!(client.ask("SLOWLOG LEN"), ":0\\r\\n");
    let counts = client.ask("LATENCY HISTOGRAM mset get");
    assert!(
        counts.starts_with("*2\\r\\n$4\\r\\nmset\\r\\n*4\\r\\n$5\\r\\ncalls\\r\\n:1\\r\\n$14\\r\\nhistogram_usec\\r\\n*2\\r\\n"),
        "{counts}"
    );
}

#[test]
fn a_database_in_memory_has_nothing_to_save() {
    let server = serve();
    let mut client = Socket::tcp(&server);
    let none = "-ERR there is no file: the database is in memory\\r\\n";
    for line in ["SAVE", "BGSAVE", "BGREWRITEAOF", "SHUTDOWN SAVE"] {
        assert_eq!(client.ask(line), none, "{line}");
    }
    assert_eq!(
        client.ask("WAITAOF 1 0 0"),
        "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\\r\\n"
    );
    assert_eq!(client.ask("WAITAOF 0 0 0"), "*2\\r\\n:0\\r\\n:0\\r\\n");
    assert_eq!(
        client.ask("WAITAOF 2 0 0"),
        "-ERR value is out of range, value must between 0 and 1\\r\\n"
    );
    assert_eq!(
        client.ask("WAITAOF 0 -1 0"),
        "-ERR value is out of range, must be positive\\r\\n"
    );
    assert_eq!(client.ask("WAITAOF 0 1 5"), "*2\\r\\n:0\\r\\n:0\\r\\n");
}

#[test]
fn a_save_is_a_compaction_and_one_at_a_time() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let db = Db::open(directory.path().join("saved.db")).expect("a new file");
    let server = Server::builder().bind("127.0.0.1:0").start(db.clone());
    let server = server.expect("loopback is there");
    let (mut client, mut other) = (Socket::tcp(&server), Socket::tcp(&server));
    client.ask("SET k v");
    assert_eq!(client.ask("WAITAOF 1 0 0"), "*2\\r\\n:1\\r\\n:0\\r\\n");
    let compactions = || db.stats().expect("open").file.expect("a file").compactions;
    assert_eq!(client.ask("SAVE"), "+OK\\r\\n");
    assert_eq!(compactions(), 1);

    let pause = db.pause_compaction();
    assert_eq!(client.ask("BGSAVE"), "+Background saving started\\r\\n");
    let busy = "-ERR Background save already in progress\\r\\n";
    assert_eq!(client.ask("BGSAVE SCHEDULE"), busy);
    assert_eq!(client.ask("SAVE"), busy);
    assert_eq!(
        client.ask("BGREWRITEAOF"),
        "-ERR Background append only file rewriting already in progress\\r\\n"
    );
    drop(pause);
    until("the end of the save", || compactions() == 2);
    until("the next one", || {
        client.ask("BGREWRITEAOF") == "+Background append only file rewriting started\\r\\n"
    });
    until("the end of the rewrite", || compactions() == 3);
    assert!(client.ask("LASTSAVE").len() >= 10);

    // SAVE lets others work.
    until("the end of all saves", || client.ask("SAVE") == "+OK\\r\\n");
    let pause = db.pause_compaction();
    let id = client.id();
    client.say("SAVE");
    until_blocked(&mut other, &id);
    assert_eq!(other.ask("SET k w"), "+OK\\r\\n");
    drop(pause);
    assert_eq!(client.hear(), "+OK\\r\\n");
}

#[test]
fn much_may_be_sent_before_anything_is_read() {
    const COMMANDS: usize = 100_000;
    let server = serve();
    let mut client = Socket::tcp(&server);
    client.send(&b"INCR k\r\n".repeat(COMMANDS));
    for n in 1..=COMMANDS {
        assert_eq!(client.hear(), format!(":{n}\\r\\n"));
    }
}

#[test]
fn what_was_sent_before_the_end_is_run() {
    let server = serve();
    let mut other = Socket::tcp(&server);
    let value = "x".repeat(100_000);
    other.ask(&format!("SET large {value}"));
    for n in 0..20 {
        // Many short requests with long answers, which nobody reads, and a write behind them.
        let mut client = Socket::tcp(&server);
        client.ask("PING");
        let mut lines = b"GET large\r\n".repeat(60);
        lines.extend_from_slice(format!("SET done {n}\r\n").as_bytes());
        client.send(&lines);
        client.end_writing();
        until("the end of the client", || server.client_count() == 1);
        let length = n.to_string().len();
        assert_eq!(other.ask("GET done"), format!("${length}\\r\\n{n}\\r\\n"));
    }
}

#[test]
fn protocol_errors_are_those_of_redis() {
    let Some(redis) = Redis::start(&[]) else {
        return;
    };
    let server = serve();
    let inline_too_long = vec![b'x'; 70_000];
    for bytes in [
        &b"*x\r\n"[..],
        b"*1048577\r\n",
        b"*2147483648\r\n",
        b"*1\r\n+PING\r\n",
        b"*1\r\n$x\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$536870913\r\n",
        b"PING\r\n*1\r\n:1\r\nPING\r\n",
        b"SET k \"unbalanced\r\n",
        b"*1\r\n$4\r\nQUIT\r\nPING\r\n",
        b"QUIT\r\nPING\r\n",
        &inline_too_long,
    ] {
        let mut theirs = Socket::unix(&redis.path()).expect("it listens");
        let mut ours = Socket::tcp(&server);
        for socket in [&mut theirs, &mut ours] {
            socket.send(bytes);
            socket.end_writing();
        }
        let shown = bytes[..bytes.len().min(60)].escape_ascii();
        assert_eq!(ours.hear_out(), theirs.hear_out(), "{shown}");
    }
}

#[test]
fn inline_commands_are_those_of_redis() {
    let Some(redis) = Redis::start(&[]) else {
        return;
    };
    let server = serve();
    let script: &[u8] = b"\r\n\n  PING  \nSET k \"a b\\x41\\n\"\r\nGET k\r\nset 'it''s' 1\r\nECHO 'x \\' y'\r\n*0\r\n*-1\r\nECHO \"\"\r\n";
    let mut theirs = Socket::unix(&redis.path()).expect("it listens");
    let mut ours = Socket::tcp(&server);
    for socket in [&mut theirs, &mut ours] {
        socket.send(script);
        socket.end_writing();
    }
    assert_eq!(ours.hear_out(), theirs.hear_out());
}

/// Requests of several forms, and what they are answered.
fn small_script() -> (Vec<u8>, &'static str) {
    let mut script = request(&["SET", "k", "a\r\nb"]);
    script.extend_from_slice(b"GET k\r\n");
    script.extend(request(&["MULTI"]));
    script.extend_from_slice(b"PING\n");
    script.extend(request(&["EXEC"]));
    script.extend(request(&["DEL", "k"]));
    let answers =
        "+OK\\r\\n$4\\r\\na\\r\\nb\\r\\n+OK\\r\\n+QUEUED\\r\\n*1\\r\\n+PONG\\r\\n:1\\r\\n";
    (script, answers)
}

#[test]
fn requests_may_come_in_any_two_pieces() {
    let server = serve();
    let (script, answers) = small_script();
    for at in 0..=script.len() {
        let mut client = Socket::tcp(&server);
        client.send(&script[..at]);
        // Whatever was whole is answered before the rest is sent.
        std::thread::sleep(Duration::from_millis(1));
        client.send(&script[at..]);
        client.end_writing();
        assert_eq!(client.hear_out(), answers, "split at {at}");
    }
}

#[test]
fn requests_may_come_byte_by_byte() {
    let server = serve();
    let (script, answers) = small_script();
    let mut client = Socket::tcp(&server);
    for byte in script {
        client.send(&[byte]);
        std::thread::sleep(Duration::from_millis(1));
    }
    client.end_writing();
    assert_eq!(client.hear_out(), answers);
}

#[test]
fn browsers_are_cut_off() {
    let server = serve();
    for sent in [
        "POST / HTTP/1.1\r\nHost: example.org\r\n\r\nSET k stolen\r\n",
        "GET / HTTP/1.1\r\nHost: example.org\r\n\r\nSET k stolen\r\n",
    ] {
        let mut browser = Socket::tcp(&server);
        browser.send(sent.as_bytes());
        let heard = browser.hear_out();
        assert!(!heard.contains("+OK"), "{heard}");
    }
    assert_eq!(Socket::tcp(&server).ask("EXISTS k"), ":0\\r\\n");
}

#[test]
fn a_listener_that_does_not_read_is_ended() {
    let server = serve();
    let (mut deaf, mut sender) = (Socket::tcp(&server), Socket::tcp(&server));
    let id = deaf.id();
    assert!(deaf.ask("SUBSCRIBE c").starts_with("*3"));
    let message = "x".repeat(1 << 20);
    // The limit is 32 MiB, and what the sockets hold.
    let mut sent = 0;
    until("the end of the listener", || {
        sent += 1;
        sender.ask(&format!("PUBLISH c {message}")) == ":0\\r\\n"
    });
    assert!(sent > 32, "{sent}");
    assert_eq!(
        sender.ask(&format!("CLIENT LIST ID {id}")),
        "$0\\r\\n\\r\\n"
    );
}

#[test]
fn one_more_than_there_may_be_is_refused() {
    let server = serve_as(Server::builder().clients_max(2));
    let mut first = Socket::tcp(&server);
    let mut second = Socket::tcp(&server);
    assert_eq!(first.ask("PING"), "+PONG\\r\\n");
    assert_eq!(second.ask("PING"), "+PONG\\r\\n");
    let refusal = "-ERR max number of clients reached\\r\\n";
    assert_eq!(Socket::tcp(&server).hear_out(), refusal);
    drop(second);
    until("a free place", || server.client_count() == 1);
    assert_eq!(Socket::tcp(&server).ask("PING"), "+PONG\\r\\n");
}

#[test]
fn the_silent_are_ended_but_not_those_who_wait_or_listen() {
    let server = serve_as(Server::builder().timeout(Duration::from_secs(1)));
    let mut silent = Socket::tcp(&server);
    let (mut waiter, mut listener) = (Socket::tcp(&server), Socket::tcp(&server));
    waiter.say("BLPOP list 0");
    listener.ask("SUBSCRIBE c");
    silent.ask("PING");
    assert_eq!(silent.hear_out(), "");
    let mut other = Socket::tcp(&server);
    assert_eq!(other.ask("RPUSH list a"), ":1\\r\\n");
    assert_eq!(waiter.hear(), "*2\\r\\n$4\\r\\nlist\\r\\n$1\\r\\na\\r\\n");
    assert_eq!(other.ask("PUBLISH c text"), ":1\\r\\n");
}

/// An address of this machine that others could use; nothing is sent to find it.
fn outer_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn strangers_from_elsewhere_need_a_password_to_be_set() {
    let Some(outer) = outer_address() else {
        eprintln!("this machine has no outer address: skipped");
        return;
    };
    let serve = |builder: nacredb::server::ServerBuilder| {
        let started = builder.bind("0.0.0.0:0").start(Db::open_in_memory());
        started.expect("a free port")
    };
    let connect = |server: &Server, ip: IpAddr| {
        let address = SocketAddr::new(ip, server.addresses()[0].port());
        Socket::of(TcpStream::connect(address).expect("it listens"))
    };
    let server = serve(Server::builder());
    let told = connect(&server, outer).hear_out();
    assert!(
        told.starts_with("-DENIED ") && told.ends_with("\\r\\n"),
        "{told}"
    );
    assert_eq!(
        connect(&server, [127, 0, 0, 1].into()).ask("PING"),
        "+PONG\\r\\n"
    );
    let server = serve(Server::builder().protected_mode(false));
    assert_eq!(connect(&server, outer).ask("PING"), "+PONG\\r\\n");
    let server = serve(Server::builder().password("secret"));
    let refused = "-NOAUTH Authentication required.\\r\\n";
    assert_eq!(connect(&server, outer).ask("PING"), refused);
}

#[test]
fn a_unix_socket_is_the_users_alone_and_outlives_no_server() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("server.sock");
    let start = || {
        Server::builder()
            .unix_socket(&path)
            .start(Db::open_in_memory())
    };
    // What a server that has crashed leaves.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a new path"));
    let server = start().expect("nobody listens there any more");
    let mode = std::fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let mut client = Socket::unix(&path).expect("it listens");
    assert_eq!(client.ask("PING"), "+PONG\\r\\n");
    assert!(start().is_err(), "two servers at one path");
    assert_eq!(client.ask("PING"), "+PONG\\r\\n");
    drop(server);
    assert!(!path.exists());
    // A file that is no socket stays.
    std::fs::write(&path, "precious").expect("a new file");
    assert!(start().is_err());
    assert_eq!(std::fs::read(&path).expect("it is there"), b"precious");
}

#[test]
fn a_server_that_ends_has_answered_and_synced() {
    for how in ["SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN SAVE NOW FORCE"] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("kept.db");
        let db = Db::open(&path).expect("a new file");
        let server = Server::builder().bind("127.0.0.1:0").start(db.clone());
        let server = server.expect("loopback is there");
        let (mut waiter, mut idle) = (Socket::tcp(&server), Socket::tcp(&server));
        let mut client = Socket::tcp(&server);
        let id = waiter.id();
        waiter.say("BLPOP nothing 0");
        until_blocked(&mut client, &id);
        idle.ask("PING");
        let mut lines = b"INCR k\r\n".repeat(1000);
        lines.extend_from_slice(how.as_bytes());
        lines.extend_from_slice(b"\r\nINCR k\r\n");
        client.send(&lines);
        let heard = client.hear_out();
        assert!(
            heard.starts_with(":1\\r\\n:2") && heard.ends_with(":1000\\r\\n"),
            "{heard}"
        );
        server.wait().expect("synced");
        assert_eq!(
            (waiter.hear_out(), idle.hear_out()),
            (String::new(), String::new())
        );
        assert!(TcpStream::connect(server.addresses()[0]).is_err());
        let file = db.stats().expect("open").file.expect("a file");
        assert_eq!(file.durable_lsn, file.end_lsn);
        assert_eq!(file.compactions, u64::from(how.contains(" SAVE")));
        drop(server);
        db.close().expect("closed");
        let db = Db::open(&path).expect("the file");
        assert_eq!(db.get(b"k").expect("open"), Some(b"1000".to_vec()));
    }
}

#[test]
fn ten_thousand_connections_are_served() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // What may not be raised stays as it is.
    let _raised = setrlimit(Resource::Nofile, raised);
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // Both ends of a connection are in this process, beside other tests.
    let fits = descriptors.saturating_sub(400) / 2;
    let count = fits.min(10_000) as usize;
    if count < 10_000 {
        eprintln!("{descriptors} descriptors: {count} connections instead of 10000");
    }
    let server = serve_as(Server::builder().clients_max(20_000));
    let address = server.addresses()[0];
    let mut streams: Vec<TcpStream> = (0..count)
        .map(|_| TcpStream::connect(address).expect("one more fits"))
        .collect();
    for stream in &mut streams {
        stream.write_all(b"INCR k\r\n").expect("it is read");
    }
    let mut answer = [0; 3];
    for stream in &mut streams {
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("it can be set");
        stream.read_exact(&mut answer).expect("it is answered");
        assert_eq!(answer[0], b':');
    }
    assert_eq!(server.client_count(), count);
    drop(streams);
    until("the end of all", || server.client_count() == 0);
}
