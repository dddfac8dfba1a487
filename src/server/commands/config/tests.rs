use std::collections::BTreeSet;

use super::table::{How, SETTINGS};
use crate::server::{LocalConnection, Server};
use crate::{Db, Reply};

fn server() -> Server {
    Server::builder().start(Db::open_in_memory()).unwrap()
}

fn ask(connection: &mut LocalConnection, line: &str) -> Result<Reply, String> {
    let words: Vec<&str> = line.split(' ').collect();
    connection
        .execute(&words)
        .map_err(|error| error.to_string())
}

fn get(connection: &mut LocalConnection, name: &str) -> String {
    let reply = connection.execute(&["CONFIG", "GET", name]).unwrap();
    let Reply::Map(pairs) = reply else {
        panic!("{reply:?}");
    };
    let value = pairs[0].1.as_bytes().unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}

#[test]
fn names_are_lower_case_and_no_two_are_equal() {
    let mut names = BTreeSet::new();
    for setting in SETTINGS {
        for name in setting.names {
            assert_eq!(name.to_ascii_lowercase(), **name);
            assert!(names.insert(name), "{name}");
        }
    }
}

#[test]
fn what_is_shown_can_be_set_again() {
    let server = server();
    let mut connection = server.local();
    for setting in SETTINGS {
        let name = setting.names[0];
        let shown = get(&mut connection, name);
        let set = connection.execute(&["CONFIG", "SET", name, &shown]);
        if matches!(setting.how, How::Fixed(_)) {
            assert!(set.is_err(), "{name}");
        } else {
            assert_eq!(set.unwrap(), Reply::ok(), "{name} {shown:?}");
        }
        assert_eq!(get(&mut connection, name), shown, "{name}");
    }
}

#[test]
fn all_are_changed_or_none() {
    let server = server();
    let mut connection = server.local();
    let refused = ask(
        &mut connection,
        "CONFIG SET timeout 9 maxmemory 10mb hz 50 requirepass secret maxmemory-policy worst",
    );
    let refused = refused.unwrap_err();
    assert!(
        refused.starts_with(
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of"
        ),
        "{refused}"
    );
    for (name, value) in [
        ("timeout", "0"),
        ("maxmemory", "0"),
        ("hz", "10"),
        ("requirepass", ""),
    ] {
        assert_eq!(get(&mut connection, name), value);
    }
    assert!(server.db().settings().max_memory_bytes.is_none());
    ask(
        &mut connection,
        "CONFIG SET timeout 9 maxmemory 10mb maxmemory-policy allkeys-lfu",
    )
    .unwrap();
    assert_eq!(server.db().settings().max_memory_bytes, Some(10 << 20));
    assert_eq!(get(&mut connection, "maxmemory"), "10485760");
    assert_eq!(get(&mut connection, "MAXMEMORY-POLICY"), "allkeys-lfu");
}

#[test]
fn refusals_are_those_of_redis() {
    let server = server();
    let mut connection = server.local();
    for (line, text) in [
        (
            "CONFIG SET nope 1",
            "ERR Unknown option or number of arguments for CONFIG SET - 'nope'",
        ),
        (
            "CONFIG SET maxmemory abc",
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value",
        ),
        (
            "CONFIG SET timeout 1 timeout 2",
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter",
        ),
        (
            "CONFIG SET databases 3",
            "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config",
        ),
        ("CONFIG SET timeout 1 hz", "ERR syntax error"),
        (
            "CONFIG SET save 900",
            "ERR CONFIG SET failed (possibly related to argument 'save') - Invalid save parameters",
        ),
        (
            "CONFIG REWRITE",
            "ERR The server is running without a config file",
        ),
    ] {
        assert_eq!(ask(&mut connection, line).unwrap_err(), text, "{line}");
    }
}

#[test]
fn patterns_find_each_name_once_and_old_names_too() {
    let server = server();
    let mut connection = server.local();
    let names = |connection: &mut LocalConnection, line: &str| {
        let Reply::Map(pairs) = ask(connection, line).unwrap() else {
            panic!("no map");
        };
        let name = |(name, _): &(Reply, Reply)| {
            String::from_utf8(name.as_bytes().unwrap().to_vec()).unwrap()
        };
        pairs.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&mut connection, "CONFIG GET hash-max-*-value HASH-max-zip*"),
        [
            "hash-max-ziplist-entries",
            "hash-max-listpack-value",
            "hash-max-ziplist-value"
        ]
    );
    assert!(names(&mut connection, "CONFIG GET nope").is_empty());
}

#[test]
fn limits_of_output_are_set_class_by_class() {
    let server = server();
    let mut connection = server.local();
    let set = |connection: &mut LocalConnection, value: &str| {
        connection.execute(&["CONFIG", "SET", "client-output-buffer-limit", value])
    };
    set(&mut connection, "normal 1mb 2kb 3 replica 5 4 1").unwrap();
    assert_eq!(
        get(&mut connection, "client-output-buffer-limit"),
        "normal 1048576 2048 3 slave 5 4 1 pubsub 33554432 8388608 60"
    );
    for refused in ["", "normal 1 2", "normal 1 2 x", "nobody 1 2 3"] {
        assert!(set(&mut connection, refused).is_err(), "{refused}");
    }
}
