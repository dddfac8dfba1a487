use crate::command::reply::Reply;
use crate::command::script::{db_at, script, show, words};

#[test]
fn a_row_is_listed_in_redis_shape() {
    let (db, _clock) = db_at(0);
    let get = "[[\"get\" :2 [+readonly +fast] :1 :1 :1 [+@read +@string +@fast] [] \
               [{\"flags\"=[+RO +access] \
               \"begin_search\"={\"type\"=\"index\" \"spec\"={\"index\"=:1}} \
               \"find_keys\"={\"type\"=\"range\" \
               \"spec\"={\"lastkey\"=:0 \"keystep\"=:1 \"limit\"=:0}}}] []]]";
    let ping = "[[\"ping\" :-1 [+fast] :0 :0 :0 [+@fast +@connection] [] [] []]]";
    let time = "[[\"time\" :1 [+loading +stale +fast] :0 :0 :0 [+@fast] [] [] []]]";
    let docs = "{\"dbsize\"={\"summary\"=\"Counts all keys, those that have expired and are not removed \
                yet included.\" \"since\"=\"1.0.0\" \"group\"=\"server\" \"complexity\"=\"O(1)\"}}";
    script(
        &db,
        &[
            ("COMMAND INFO get", get),
            ("COMMAND INFO PING", ping),
            ("COMMAND INFO time", time),
            ("COMMAND INFO foo get|x", "[nil nil]"),
            ("COMMAND DOCS dbsize foo", docs),
            ("COMMAND DOCS foo", "{}"),
        ],
    );
    let object = show(&db.execute(&words("COMMAND INFO OBJECT object|encoding")));
    assert!(
        object.starts_with("[[\"object\" :-2 [] :0 :0 :0 [+@slow] [] [] [[\"object|encoding\" :3")
    );
    let keys = show(&db.execute(&words("COMMAND INFO keys flushall dbsize object|help")));
    for part in [
        "[+@keyspace +@read +@slow +@dangerous]",
        "[+@keyspace +@write +@slow +@dangerous]",
        "[+@keyspace +@read +@fast]",
        "[+@keyspace +@slow]",
    ] {
        assert!(keys.contains(part), "{part} in {keys}");
    }
}

#[test]
fn every_form_agrees_on_how_many_commands_there_are() {
    let (db, _clock) = db_at(0);
    let len = |line: &str| match db.execute(&words(line)).unwrap() {
        Reply::Array(replies) => replies.len() as i64,
        Reply::Map(pairs) => pairs.len() as i64,
        Reply::Int(number) => number,
        other @ (Reply::Nil | Reply::Status(_) | Reply::Bulk(_) | Reply::Error(_)) => {
            panic!("{other:?}")
        }
    };
    let count = len("COMMAND COUNT");
    assert!(count > 20);
    assert_eq!(len("COMMAND"), count);
    assert_eq!(len("COMMAND INFO"), count);
    assert_eq!(len("COMMAND DOCS"), count);
    let subcommands = len("COMMAND LIST FILTERBY PATTERN *|*");
    assert_eq!(len("COMMAND LIST"), count + subcommands);
    assert_eq!(len("COMMAND LIST"), crate::commands().count() as i64);
}

#[test]
fn lists_are_filtered() {
    let (db, _clock) = db_at(0);
    script(
        &db,
        &[
            (
                "COMMAND LIST FILTERBY PATTERN FLUSH*",
                "[\"flushdb\" \"flushall\"]",
            ),
            (
                "command list filterby pattern OBJECT|e*",
                "[\"object|encoding\"]",
            ),
            (
                "COMMAND LIST FILTERBY ACLCAT HyperLogLog",
                "[\"pfadd\" \"pfcount\" \"pfmerge\"]",
            ),
            ("COMMAND LIST FILTERBY ACLCAT @dangerous", "[]"),
            ("COMMAND LIST FILTERBY MODULE x", "[]"),
            ("COMMAND LIST FILTERBY", "-ERR syntax error"),
            ("COMMAND LIST FILTERBY MODULE", "-ERR syntax error"),
            ("COMMAND LIST FILTERBY MODULE a b", "-ERR syntax error"),
            ("COMMAND LIST FILTERBY FOO x", "-ERR syntax error"),
            ("COMMAND LIST FOO BAR x", "-ERR syntax error"),
        ],
    );
}

#[test]
fn keys_are_found_among_the_words() {
    let (db, _clock) = db_at(0);
    let arguments = "-ERR Invalid number of arguments specified for command";
    let no_keys = "-ERR The command has no key arguments";
    let unknown = "-ERR Invalid command specified";
    let arity = "-ERR wrong number of arguments for 'command|getkeys' command";
    script(
        &db,
        &[
            ("COMMAND GETKEYS get a", "[\"a\"]"),
            ("COMMAND GETKEYS mget a b c", "[\"a\" \"b\" \"c\"]"),
            ("COMMAND GETKEYS RENAME a b", "[\"a\" \"b\"]"),
            ("COMMAND GETKEYS COPY a b DB 0", "[\"a\" \"b\"]"),
            ("COMMAND GETKEYS object encoding a", "[\"a\"]"),
            ("COMMAND GETKEYS get a b", arguments),
            ("COMMAND GETKEYS object encoding", arguments),
            ("COMMAND GETKEYS object help", no_keys),
            ("COMMAND GETKEYS ping a", no_keys),
            ("COMMAND GETKEYS foo a", unknown),
            ("COMMAND GETKEYS object foo a", unknown),
            ("COMMAND GETKEYS get", arity),
            ("COMMAND GETKEYS", arity),
            (
                "COMMAND COUNT x",
                "-ERR wrong number of arguments for 'command|count' command",
            ),
            (
                "COMMAND FOO",
                "-ERR unknown subcommand 'FOO'. Try COMMAND HELP.",
            ),
        ],
    );
}

/// The server does not skip the word after `STORE`, which may be another one; `SORT` itself does.
#[test]
fn the_last_store_that_a_word_follows_names_the_key_of_sort() {
    let (db, _clock) = db_at(0);
    script(
        &db,
        &[
            ("COMMAND GETKEYS SORT k STORE to", r#"["k" "to"]"#),
            ("COMMAND GETKEYS SORT k STORE a STORE b", r#"["k" "b"]"#),
            ("COMMAND GETKEYS SORT k STORE STORE to", r#"["k" "to"]"#),
            ("COMMAND GETKEYS SORT k STORE STORE", r#"["k" "STORE"]"#),
            (
                "COMMAND GETKEYS SORT k STORE STORE STORE",
                r#"["k" "STORE"]"#,
            ),
            ("COMMAND GETKEYS SORT k STORE", r#"["k"]"#),
            ("COMMAND GETKEYS SORT k STORE BY STORE to", r#"["k" "BY"]"#),
            ("COMMAND GETKEYS SORT k GET STORE to", r#"["k"]"#),
            ("COMMAND GETKEYS SORT k BY STORE STORE to", r#"["k" "to"]"#),
            (
                "COMMAND GETKEYS SORT k LIMIT STORE a STORE to",
                r#"["k" "to"]"#,
            ),
            ("COMMAND GETKEYS SORT k LIMIT 0 STORE to", r#"["k"]"#),
            ("RPUSH k 2 1", ":2"),
            ("SORT k STORE STORE to", "-ERR syntax error"),
            ("SORT k STORE STORE STORE to", ":2"),
            ("SORT k STORE STORE", ":2"),
            ("LRANGE to 0 -1", r#"["1" "2"]"#),
            ("LRANGE STORE 0 -1", r#"["1" "2"]"#),
        ],
    );
}
