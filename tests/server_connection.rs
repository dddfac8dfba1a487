//! What one connection may say to a server and what it hears: greeting, password, transactions, waiting, channels,
//! `CLIENT`. Where a real redis-server is installed, the same is said to both and every byte compared.

#![cfg(unix)]

mod socket;

use nacredb::server::Server;
use socket::{Socket, compare, request, serve, serve_as, until, until_blocked};

fn builder() -> nacredb::server::ServerBuilder {
    Server::builder()
}

#[test]
fn greetings_are_those_of_redis() {
    compare(
        &[],
        builder(),
        &[
            ('a', "~HELLO", 1),
            ('a', "~HELLO 3", 1),
            ('a', "~HELLO 2 SETNAME me", 1),
            ('a', "CLIENT GETNAME", 1),
            ('a', "HELLO 4", 1),
            ('a', "HELLO x", 1),
            ('a', "HELLO 3 SETNAME", 1),
            ('a', "HELLO 3 NONSENSE", 1),
            ('a', "~HELLO 3 AUTH default wrong", 1),
            ('a', "HELLO 3 AUTH nobody x", 1),
            ('a', "AUTH x", 1),
            ('a', "AUTH default x", 1),
            ('a', "AUTH nobody x", 1),
            ('a', "AUTH a b c", 1),
            ('a', "PING", 1),
            ('a', "PING hello", 1),
            ('a', "PING a b", 1),
            ('a', "ECHO text", 1),
            ('a', "SELECT 15", 1),
            ('a', "SELECT 16", 1),
            ('a', "SELECT x", 1),
            ('a', "RESET", 1),
            ('a', "CLIENT GETNAME", 1),
            ('a', "NOSUCH a b", 1),
            ('a', "CLIENT NOSUCH", 1),
            ('a', "GET", 1),
            ('a', "QUIT", 1),
        ],
    );
}

#[test]
fn nobody_without_the_password_gets_further_than_with_redis() {
    compare(
        &["--requirepass", "secret"],
        builder().password("secret"),
        &[
            ('a', "PING", 1),
            ('a', "GET k", 1),
            ('a', "NOSUCH", 1),
            ('a', "GET", 1),
            ('a', "HELLO 3", 1),
            ('a', "HELLO 3 AUTH default wrong", 1),
            ('a', "AUTH wrong", 1),
            ('a', "AUTH default wrong", 1),
            ('a', "AUTH nobody secret", 1),
            ('a', "MULTI", 1),
            ('a', "SUBSCRIBE c", 1),
            ('a', "AUTH secret", 1),
            ('a', "PING", 1),
            ('a', "RESET", 1),
            ('a', "PING", 1),
            ('a', "~HELLO 3 AUTH default secret", 1),
            ('a', "ACL WHOAMI", 1),
            ('b', "QUIT", 1),
        ],
    );
}

#[test]
fn strangers_may_send_little() {
    let server = serve_as(builder().password("secret"));
    for (sent, heard) in [
        (
            "*11\r\n",
            "-ERR Protocol error: unauthenticated multibulk length\\r\\n",
        ),
        (
            "*1\r\n$16385\r\n",
            "-ERR Protocol error: unauthenticated bulk length\\r\\n",
        ),
    ] {
        let mut stranger = Socket::tcp(&server);
        stranger.send(sent.as_bytes());
        assert_eq!(stranger.hear_out(), heard);
    }
    let mut friend = Socket::tcp(&server);
    assert_eq!(friend.ask("AUTH secret"), "+OK\\r\\n");
    let mut words = vec!["DEL".to_owned()];
    words.extend((0..20).map(|n| n.to_string()));
    friend.send(&request(&words));
    assert_eq!(friend.hear(), ":0\\r\\n");
}

#[test]
fn transactions_over_sockets_are_those_of_redis() {
    compare(
        &[],
        builder(),
        &[
            ('a', "MULTI", 1),
            ('a', "SET k 1", 1),
            ('a', "INCR k", 1),
            ('a', "LPUSH k x", 1),
            ('a', "EXEC", 1),
            ('a', "MULTI", 1),
            ('a', "MULTI", 1),
            ('a', "WATCH k", 1),
            ('a', "NOSUCH", 1),
            ('a', "EXEC", 1),
            ('a', "EXEC", 1),
            ('a', "DISCARD", 1),
            ('a', "WATCH k", 1),
            ('b', "SET k 5", 1),
            ('a', "MULTI", 1),
            ('a', "GET k", 1),
            ('a', "EXEC", 1),
            ('a', "WATCH k", 1),
            ('b', "SET k 6", 1),
            ('a', "UNWATCH", 1),
            ('a', "MULTI", 1),
            ('a', "GET k", 1),
            ('a', "EXEC", 1),
            ('a', "MULTI", 1),
            ('a', "SET k 9", 1),
            ('a', "DISCARD", 1),
            ('a', "MULTI", 1),
            ('a', "BLPOP nothing 0", 1),
            ('a', "WAIT 1 0", 1),
            ('a', "SAVE", 1),
            ('a', "EXEC", 1),
            ('a', "MULTI", 1),
            ('a', "BLPOP nothing 0", 1),
            ('a', "WAIT 1 0", 1),
            ('a', "EXEC", 1),
            ('a', "MULTI", 1),
            ('a', "RESET", 1),
            ('a', "GET k", 1),
            ('a', "SELECT 3", 1),
            ('a', "MULTI", 1),
            ('a', "SELECT 0", 1),
            ('a', "GET k", 1),
            ('a', "EXEC", 1),
            ('a', "GET k", 1),
        ],
    );
}

#[test]
fn channels_in_the_second_version_are_those_of_redis() {
    compare(
        &[],
        builder(),
        &[
            ('a', "SUBSCRIBE x y x", 3),
            ('a', "PSUBSCRIBE x*", 1),
            ('a', "SSUBSCRIBE x", 1),
            ('a', "PING", 1),
            ('a', "PING text", 1),
            ('a', "GET k", 1),
            ('a', "MULTI", 1),
            ('a', "PUBLISH x self", 1),
            ('b', "PUBLISH x one", 1),
            ('a', "", 2),
            ('b', "SPUBLISH x shard", 1),
            ('a', "", 1),
            ('b', "PUBLISH nobody one", 1),
            ('b', "PUBSUB NUMSUB x y z", 1),
            ('b', "PUBSUB NUMPAT", 1),
            ('b', "PUBSUB CHANNELS x*", 1),
            ('b', "PUBSUB SHARDCHANNELS", 1),
            ('b', "PUBSUB SHARDNUMSUB x", 1),
            ('b', "PUBSUB NOSUCH", 1),
            ('a', "UNSUBSCRIBE x nothing", 2),
            ('a', "UNSUBSCRIBE", 1),
            ('a', "UNSUBSCRIBE", 1),
            ('a', "PUNSUBSCRIBE x*", 1),
            ('a', "PUNSUBSCRIBE", 1),
            ('a', "GET k", 1),
            ('a', "SUNSUBSCRIBE", 1),
            ('a', "GET k", 1),
            ('a', "SUBSCRIBE z", 1),
            ('a', "RESET", 1),
            ('a', "GET k", 1),
            ('b', "PUBLISH z one", 1),
        ],
    );
}

#[test]
fn channels_in_the_third_version_are_those_of_redis() {
    compare(
        &[],
        builder(),
        &[
            ('a', "~HELLO 3", 1),
            ('a', "SUBSCRIBE x y", 2),
            ('a', "PSUBSCRIBE x*", 1),
            ('a', "PING", 1),
            ('a', "SET k v", 1),
            ('a', "GET k", 1),
            // Two messages to itself come before the answer.
            ('a', "PUBLISH x self", 3),
            ('b', "PUBLISH y one", 1),
            ('a', "", 1),
            ('a', "UNSUBSCRIBE nothing", 1),
            ('a', "PUNSUBSCRIBE", 1),
            ('a', "UNSUBSCRIBE y", 1),
            ('a', "UNSUBSCRIBE", 1),
            ('a', "UNSUBSCRIBE", 1),
            ('a', "QUIT", 1),
        ],
    );
}

#[test]
fn waiting_is_that_of_redis() {
    compare(
        &[],
        builder(),
        &[
            ('a', "BLPOP list 0.01", 1),
            ('a', "BLMOVE list to LEFT LEFT 0.01", 1),
            ('a', "BZPOPMIN z 0.01", 1),
            ('a', "BLPOP list -1", 1),
            ('a', "BLPOP list x", 1),
            ('b', "CLIENT UNBLOCK 999999", 1),
            ('b', "CLIENT UNBLOCK x", 1),
            ('b', "CLIENT UNBLOCK 1 NONSENSE", 1),
            ('a', "~HELLO 3", 1),
            ('a', "BLPOP list 0.01", 1),
            ('a', "BLMOVE list to LEFT LEFT 0.01", 1),
            ('a', "WAIT 0 0", 1),
            ('a', "WAIT 1 10", 1),
            ('a', "WAIT x 10", 1),
            ('a', "WAIT 1 -1", 1),
            ('a', "WAIT 1 x", 1),
        ],
    );
}

#[test]
fn a_waiting_connection_is_unblocked_either_way() {
    let server = serve();
    let (mut waiter, mut other) = (Socket::tcp(&server), Socket::tcp(&server));
    let id = waiter.id();
    assert_eq!(other.ask(&format!("CLIENT UNBLOCK {id}")), ":0\\r\\n");
    for (wait, in_time) in [("BLPOP list 0", "*-1\\r\\n"), ("WAIT 1 0", ":0\\r\\n")] {
        waiter.say(wait);
        until_blocked(&mut other, &id);
        assert_eq!(other.ask(&format!("CLIENT UNBLOCK {id}")), ":1\\r\\n");
        assert_eq!(waiter.hear(), in_time);
        waiter.say(wait);
        until_blocked(&mut other, &id);
        assert_eq!(other.ask(&format!("CLIENT UNBLOCK {id} ERROR")), ":1\\r\\n");
        assert_eq!(
            waiter.hear(),
            "-UNBLOCKED client unblocked via CLIENT UNBLOCK\\r\\n"
        );
    }
    // What comes behind a waiting command is run after it.
    waiter.say("BLPOP list 0");
    waiter.say("PING");
    until_blocked(&mut other, &id);
    assert_eq!(other.ask("RPUSH list a b"), ":2\\r\\n");
    assert_eq!(waiter.hear(), "*2\\r\\n$4\\r\\nlist\\r\\n$1\\r\\na\\r\\n");
    assert_eq!(waiter.hear(), "+PONG\\r\\n");
}

#[test]
fn a_client_that_dies_while_it_waits_takes_nothing() {
    let server = serve();
    let mut other = Socket::tcp(&server);
    for _ in 0..20 {
        let mut waiter = Socket::tcp(&server);
        let id = waiter.id();
        waiter.say("BLPOP list 0");
        until_blocked(&mut other, &id);
        drop(waiter);
        until("the end of the waiter", || {
            other.ask(&format!("CLIENT LIST ID {id}")) == "$0\\r\\n\\r\\n"
        });
        assert_eq!(other.ask("RPUSH list a"), ":1\\r\\n");
        assert_eq!(other.ask("LPOP list"), "$1\\r\\na\\r\\n");
    }
}

#[test]
fn client_commands_answer_as_redis_does() {
    compare(
        &[],
        builder(),
        &[
            ('a', "CLIENT GETNAME", 1),
            ('a', "CLIENT SETNAME worker", 1),
            ('a', "CLIENT GETNAME", 1),
            ('a', "CLIENT LIST TYPE nonsense", 1),
            ('a', "CLIENT LIST TYPE pubsub", 1),
            ('a', "CLIENT LIST TYPE replica", 1),
            ('a', "CLIENT LIST ID", 1),
            ('a', "CLIENT LIST ID x", 1),
            ('a', "CLIENT LIST ID 123456", 1),
            ('a', "CLIENT LIST NONSENSE", 1),
            ('a', "CLIENT KILL 1.2.3.4:5", 1),
            ('a', "CLIENT KILL ID 123456", 1),
            ('a', "CLIENT KILL ID 0", 1),
            ('a', "CLIENT KILL ID x", 1),
            ('a', "CLIENT KILL TYPE nonsense", 1),
            ('a', "CLIENT KILL USER nobody", 1),
            ('a', "CLIENT KILL SKIPME maybe", 1),
            ('a', "CLIENT KILL ADDR", 1),
            ('a', "CLIENT KILL TYPE pubsub", 1),
            ('a', "CLIENT KILL LADDR 1.2.3.4:5", 1),
            ('a', "CLIENT NO-EVICT on", 1),
            ('a', "CLIENT NO-EVICT x", 1),
            ('a', "CLIENT PAUSE x", 1),
            ('a', "CLIENT PAUSE -1", 1),
            ('a', "CLIENT PAUSE 1 NONSENSE", 1),
            ('a', "CLIENT PAUSE 1 ALL x", 1),
            ('a', "CLIENT UNPAUSE", 1),
            ('a', "CLIENT GETREDIR", 1),
            ('a', "CLIENT TRACKINGINFO", 1),
            ('a', "CLIENT TRACKING OFF", 1),
            ('a', "CLIENT TRACKING x", 1),
            ('a', "CLIENT CACHING YES", 1),
            ('a', "CLIENT REPLY x", 1),
            ('a', "CLIENT REPLY ON", 1),
            ('a', "CLIENT REPLY SKIP", 0),
            ('a', "PING skipped", 0),
            ('a', "PING heard", 1),
            ('a', "CLIENT REPLY OFF", 0),
            ('a', "PING unheard", 0),
            ('a', "CLIENT REPLY SKIP", 0),
            ('a', "PING unheard", 0),
            ('a', "CLIENT REPLY ON", 1),
            ('a', "PING heard", 1),
            ('b', "SUBSCRIBE c", 1),
            ('a', "CLIENT KILL TYPE pubsub", 1),
        ],
    );
}

#[test]
fn every_filter_of_kill_finds_its_connections() {
    let server = serve();
    let mut killer = Socket::tcp(&server);
    let field = |list: &str, name: &str| {
        let mut fields = list.split(' ');
        let found =
            fields.find_map(|field| field.strip_prefix(&format!("{name}=")).map(str::to_owned));
        found.expect("a field of CLIENT LIST")
    };
    for filter in ["ID", "ADDR", "TYPE", "USER", "ID SKIPME"] {
        let mut victim = Socket::tcp(&server);
        let id = victim.id();
        let list = killer.ask(&format!("CLIENT LIST ID {id}"));
        let kill = match filter {
            "ID" => format!("CLIENT KILL ID {id}"),
            "ADDR" => format!("CLIENT KILL ADDR {}", field(&list, "addr")),
            "TYPE" => {
                assert!(victim.ask("SUBSCRIBE c").starts_with("*3"));
                "CLIENT KILL TYPE pubsub".to_owned()
            }
            "USER" => "CLIENT KILL USER default".to_owned(),
            _ => format!("CLIENT KILL ID {id} SKIPME yes USER default TYPE normal"),
        };
        assert_eq!(killer.ask(&kill), ":1\\r\\n", "{kill}");
        assert_eq!(victim.hear_out(), "", "{kill}");
    }
    let mut victim = Socket::tcp(&server);
    let id = victim.id();
    let list = killer.ask(&format!("CLIENT LIST ID {id}"));
    let old = format!("CLIENT KILL {}", field(&list, "addr"));
    assert_eq!(killer.ask(&old), "+OK\\r\\n");
    assert_eq!(victim.hear_out(), "");
    // All of them share this end, the killer too.
    let mut victim = Socket::tcp(&server);
    let _id = victim.id();
    let kill = format!("CLIENT KILL LADDR {} SKIPME no", field(&list, "laddr"));
    assert_eq!(killer.ask(&kill), ":2\\r\\n");
    assert_eq!(killer.hear_out(), "");
    assert_eq!(victim.hear_out(), "");
}

#[test]
fn a_line_about_a_connection_tells_what_it_does() {
    let server = serve();
    let (mut client, mut other) = (Socket::tcp(&server), Socket::tcp(&server));
    let id = client.id();
    let ask = format!("CLIENT LIST ID {id}");
    assert!(other.ask(&ask).contains("flags=N db=0"));
    client.ask("CLIENT SETNAME worker");
    client.ask("CLIENT SETINFO LIB-NAME tests");
    client.ask("CLIENT SETINFO LIB-VER 1");
    client.ask("SELECT 7");
    client.ask("MULTI");
    client.ask("GET k");
    let list = other.ask(&ask);
    for part in [
        "name=worker ",
        " db=7 ",
        " multi=1 ",
        " flags=x ",
        " cmd=get ",
        " resp=2 ",
        " lib-name=tests ",
        " lib-ver=1\\n",
    ] {
        assert!(list.contains(part), "{part} in {list}");
    }
    client.ask("DISCARD");
    client.ask("HELLO 3");
    client.ask("SUBSCRIBE c");
    client.ask("PSUBSCRIBE p");
    client.ask("SSUBSCRIBE s");
    let list = other.ask(&ask);
    let told = " flags=P db=7 sub=1 psub=1 ssub=1 multi=-1 ";
    assert!(list.contains(told) && list.contains(" resp=3 "), "{list}");
    let info = client.ask("CLIENT INFO");
    assert!(
        info.starts_with('=') && info.contains(&format!("txt:id={id} ")),
        "{info}"
    );
}

#[test]
fn a_pause_holds_writes_or_everything_until_it_ends() {
    let server = serve();
    let (mut client, mut master) = (Socket::tcp(&server), Socket::tcp(&server));
    assert_eq!(master.ask("CLIENT PAUSE 100000000 WRITE"), "+OK\\r\\n");
    assert_eq!(client.ask("GET k"), "$-1\\r\\n");
    client.say("SET k 1");
    client.say("GET k");
    assert_eq!(master.ask("GET k"), "$-1\\r\\n");
    assert_eq!(master.ask("CLIENT UNPAUSE"), "+OK\\r\\n");
    assert_eq!(client.hear(), "+OK\\r\\n");
    assert_eq!(client.hear(), "$1\\r\\n1\\r\\n");
    assert_eq!(master.ask("CLIENT PAUSE 50 ALL"), "+OK\\r\\n");
    assert_eq!(client.ask("GET k"), "$1\\r\\n1\\r\\n");
}

#[test]
fn onlookers_see_what_redis_shows_them() {
    compare(
        &[],
        builder(),
        &[
            ('m', "MONITOR", 1),
            ('m', "~PING", 2),
            ('m', "GET k", 1),
            ('m', "PUBLISH a b", 1),
            ('m', "EVAL x 0", 1),
            ('a', "SET k v", 1),
            ('m', "~", 1),
            ('a', "SELECT 3", 1),
            ('m', "~", 1),
            ('a', "set \"\\ \r\n\t", 1),
            ('m', "~", 1),
            ('a', "AUTH secret", 1),
            ('m', "~", 1),
            ('a', "AUTH default secret", 1),
            ('m', "~", 1),
            ('a', "NOSUCH", 1),
            ('a', "GET", 1),
            ('a', "CLIENT LIST TYPE replica", 1),
            ('a', "DBSIZE", 1),
            ('m', "~", 1),
            ('a', "MULTI", 1),
            ('m', "~", 1),
            ('a', "SET k w", 1),
            ('a', "EXEC", 1),
            ('m', "~", 2),
            ('m', "RESET", 1),
            ('m', "GET k", 1),
            ('a', "MULTI", 1),
            ('a', "MONITOR", 1),
            ('a', "EXEC", 1),
        ],
    );
}
