//! How connections end, and what must not outlive them: stories of what a review found.

#![cfg(unix)]

mod socket;

use std::time::Duration;

use nacredb::server::Server;
use nacredb::{Db, prelude::*};
use socket::{Socket, request};

fn start(db: &Db) -> Server {
    let server = Server::builder().bind("127.0.0.1:0").threads(1);
    server.start(db.clone()).expect("loopback is there")
}

fn wait_until(done: impl Fn() -> bool) {
    for _ in 0..2000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it did not happen in ten seconds");
}

/// It had sent so much ahead that nothing was read any more, and so nobody noticed that it was gone.
#[test]
fn one_who_waits_and_leaves_takes_nothing_however_much_it_had_sent() {
    let db = Db::open_in_memory();
    let server = start(&db);
    let mut socket = Socket::tcp(&server);
    socket.say("BLPOP jobs 0");
    socket.send(&request(&[&b"ECHO"[..], &vec![b'x'; 3 << 20]]));
    wait_until(|| db.stats().unwrap().blocked_calls == 1);
    drop(socket);
    wait_until(|| server.client_count() == 0);
    db.rpush("jobs", &["a"]).unwrap();
    assert_eq!(db.llen("jobs").unwrap(), 1);
}

/// It was silent while it waited; the job that it then worked on must not cost it the connection.
#[test]
fn one_who_was_answered_late_was_not_silent() {
    let db = Db::open_in_memory();
    let builder = Server::builder()
        .bind("127.0.0.1:0")
        .timeout(Duration::from_secs(1));
    let server = builder.start(db.clone()).unwrap();
    let mut worker = Socket::tcp(&server);
    let mut local = server.local();
    worker.say("BLPOP jobs 0");
    std::thread::sleep(Duration::from_millis(2500));
    db.rpush("jobs", &["a"]).unwrap();
    assert!(worker.hear().contains("jobs"));
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(worker.ask("PING"), "+PONG\\r\\n");
    // Nobody reads what a connection within the process says, so it is never silent.
    assert!(local.is_open() && local.execute(&["PING"]).is_ok());
}

/// Messages from before the end of listening came after its answer and were taken for later answers.
#[test]
fn nothing_is_heard_after_the_end_of_listening_was_answered() {
    let db = Db::open_in_memory();
    let builder = Server::builder().bind("127.0.0.1:0").threads(2);
    let server = builder.start(db).unwrap();
    let pings = "PING\r\n".repeat(300);
    let mut speaker = Socket::tcp(&server);
    let mut listener = Socket::tcp(&server);
    std::thread::scope(|scope| {
        let rounds = scope.spawn(move || {
            for _ in 0..60 {
                let script = format!("SUBSCRIBE news\r\n{pings}UNSUBSCRIBE news\r\nECHO end\r\n");
                listener.send(script.as_bytes());
                while !listener.hear().contains("unsubscribe") {}
                assert_eq!(listener.hear(), "$3\\r\\nend\\r\\n");
            }
        });
        while !rounds.is_finished() {
            speaker.ask("PUBLISH news text");
        }
    });
}

/// The limits of strangers stayed with one who had waited for a pause to say the password.
#[test]
fn one_who_said_the_password_during_a_pause_is_no_stranger() {
    let db = Db::open_in_memory();
    let builder = Server::builder().bind("127.0.0.1:0").password("secret");
    let server = builder.start(db).unwrap();
    let mut other = Socket::tcp(&server);
    assert_eq!(other.ask("AUTH secret"), "+OK\\r\\n");
    assert_eq!(other.ask("CLIENT PAUSE 300 ALL"), "+OK\\r\\n");
    let mut late = Socket::tcp(&server);
    assert_eq!(late.ask("AUTH secret"), "+OK\\r\\n");
    let many: Vec<String> = (0..30).map(|n| format!("key{n}")).collect();
    assert_eq!(late.ask(&format!("DEL {}", many.join(" "))), ":0\\r\\n");
}

/// Whoever came second was told that all was over while connections were still at work.
#[test]
fn everybody_who_waits_for_the_end_waits_for_it() {
    let db = Db::open_in_memory();
    let server = start(&db);
    let mut socket = Socket::tcp(&server);
    assert_eq!(socket.ask("PING"), "+PONG\\r\\n");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| server.wait());
        let ends = scope.spawn(|| server.shutdown().map(|()| server.client_count()));
        assert_eq!(ends.join().unwrap().unwrap(), 0);
        waits.join().unwrap().unwrap();
    });
}

/// The old server removed its successor's socket when it was dropped.
#[test]
fn a_server_removes_its_own_socket_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let begin = || {
        Server::builder()
            .unix_socket(&path)
            .start(Db::open_in_memory())
            .unwrap()
    };
    let old = begin();
    old.shutdown().unwrap();
    let new = begin();
    drop(old);
    assert_eq!(Socket::unix(&path).unwrap().ask("PING"), "+PONG\\r\\n");
    drop(new);
    assert!(!path.exists());
}

/// One connection's pipeline kept all others of its thread waiting.
#[test]
fn a_long_pipeline_lets_others_have_their_turn() {
    let db = Db::open_in_memory();
    for n in 0..20_000 {
        db.set(format!("key:{n}"), "v").unwrap();
    }
    let server = start(&db);
    let (mut long, mut short) = (Socket::tcp(&server), Socket::tcp(&server));
    short.ask("PING");
    let script = "KEYS nomatch*x\r\n".repeat(400) + "SET done 1\r\n";
    long.send(script.as_bytes());
    assert_eq!(short.ask("PING"), "+PONG\\r\\n");
    // Its turn came before the pipeline's end.
    assert!(!db.exists("done").unwrap());
    (0..400).for_each(|_| assert_eq!(long.hear(), "*0\\r\\n"));
    assert_eq!(long.hear(), "+OK\\r\\n");
}

/// What was there to take was not given to one who had said all that it would say.
#[test]
fn one_who_says_no_more_is_still_answered() {
    let db = Db::open_in_memory();
    db.rpush("jobs", &["a"]).unwrap();
    let server = start(&db);
    let mut socket = Socket::tcp(&server);
    socket.send(b"GET k\r\nBLPOP jobs 0\r\nPING\r\n");
    socket.end_writing();
    assert_eq!(socket.hear(), "$-1\\r\\n");
    assert_eq!(socket.hear(), "*2\\r\\n$4\\r\\njobs\\r\\n$1\\r\\na\\r\\n");
    assert_eq!(socket.hear(), "+PONG\\r\\n");
}

/// The whole answer of EXEC was swallowed, and the client waited for ever.
#[test]
fn a_transaction_cannot_switch_replies_off() {
    let server = start(&Db::open_in_memory());
    let mut socket = Socket::tcp(&server);
    socket.send(b"MULTI\r\nCLIENT REPLY SKIP\r\nPING\r\nEXEC\r\nPING\r\n");
    assert_eq!(socket.hear(), "+OK\\r\\n");
    assert_eq!(socket.hear(), "+QUEUED\\r\\n");
    assert_eq!(socket.hear(), "+QUEUED\\r\\n");
    let answers = socket.hear();
    assert!(
        answers.starts_with("*2\\r\\n-ERR") && answers.ends_with("+PONG\\r\\n"),
        "{answers}"
    );
    assert_eq!(socket.hear(), "+PONG\\r\\n");
}

/// Each write of a pipeline was written to the file by itself, and synced by itself where the ack class asks.
#[test]
fn the_writes_of_a_pipeline_are_acknowledged_together() {
    let dir = tempfile::tempdir().unwrap();
    let builder = Db::builder().ack(nacredb::Ack::Always);
    let db = builder.open(dir.path().join("db")).unwrap();
    let server = start(&db);
    let mut socket = Socket::tcp(&server);
    let syncs = || db.stats().unwrap().file.unwrap().log.syncs;
    let before = syncs();
    socket.send("SET k v\r\n".repeat(2000).as_bytes());
    (0..2000).for_each(|_| assert_eq!(socket.hear(), "+OK\\r\\n"));
    assert!(syncs() - before < 200, "{}", syncs() - before);
    let file = db.stats().unwrap().file.unwrap();
    assert_eq!(file.durable_lsn, file.end_lsn);
}
