use super::*;
use crate::command::spec::CommandSpec;
use crate::error::CommandError;

fn both(line: &str, reply: &Reply) -> [String; 2] {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    [Protocol::Resp2, Protocol::Resp3].map(|protocol| {
        let mut out = Vec::new();
        write_answer(&mut out, &words, reply, protocol);
        String::from_utf8(out).unwrap()
    })
}

fn array(items: impl IntoIterator<Item = Reply>) -> Reply {
    Reply::Array(items.into_iter().collect())
}

const MEMBER: &str = "$1\r\nm\r\n";

fn member_and_score() -> [Reply; 2] {
    [Reply::from("m"), Reply::from("1")]
}

#[test]
fn options_count_where_options_stand() {
    let reply = array(member_and_score());
    let flat = [
        "ZRANGE WITHSCORES 0 -1",
        "ZINTER 1 WITHSCORES",
        "ZINTER 2 WITHSCORES withscores",
        "ZINTER x withscores",
        "ZRANDMEMBER WITHSCORES 1",
        "HRANDFIELD WITHVALUES 1",
    ];
    for line in flat {
        let [second, third] = both(line, &reply);
        assert_eq!(second, third, "{line}");
    }
    let paired = [
        "zrange k 0 -1 rev withscores",
        "ZINTER 1 WITHSCORES WITHSCORES",
        "ZRANDMEMBER k 1 WITHSCORES",
        "ZPOPMIN k 1",
    ];
    for line in paired {
        let [second, third] = both(line, &reply);
        assert_eq!(second, format!("*2\r\n{MEMBER}$1\r\n1\r\n"), "{line}");
        assert_eq!(third, format!("*1\r\n*2\r\n{MEMBER},1\r\n"), "{line}");
    }
}

#[test]
fn a_shape_that_does_not_fit_changes_nothing() {
    let replies = [
        Reply::Int(1),
        Reply::ok(),
        Reply::Error(CommandError::Syntax),
        Reply::Map(vec![(Reply::Int(1), Reply::Int(2))]),
        array([]),
    ];
    let lines = [
        "ZPOPMIN k 9",
        "ZSCORE k m",
        "ZMPOP 1 k MIN",
        "COMMAND",
        "GEOPOS k m",
    ];
    for reply in &replies {
        for line in lines {
            let plain = both("GET k", reply);
            assert_eq!(both(line, reply), plain, "{line}: {reply:?}");
        }
    }
    // Nor does one whose parts are others.
    let odd = array([Reply::Int(1), array([Reply::Nil]), Reply::Int(2)]);
    for line in lines {
        assert_eq!(both(line, &odd), both("GET k", &odd), "{line}");
    }
}

#[test]
fn who_waited_in_vain_gets_no_array() {
    let [second, third] = both("BLMOVE a b LEFT LEFT 1", &Reply::Nil);
    assert_eq!((&*second, &*third), ("*-1\r\n", "_\r\n"));
    let queued = [Shape::of(&[b"BLMOVE"]), Shape::of(&[b"BLPOP"])];
    let mut out = Vec::new();
    let reply = array([Reply::Nil, Reply::Nil, Reply::Nil]);
    write_exec(&mut out, &queued, &reply, Protocol::Resp2);
    assert_eq!(out, b"*3\r\n$-1\r\n*-1\r\n$-1\r\n");
    out.clear();
    write_exec(&mut out, &queued, &Reply::Nil, Protocol::Resp2);
    assert_eq!(out, b"*-1\r\n");
}

#[test]
fn names_too_long_for_the_table_are_plain() {
    let name = [b'A'; NAME_LEN_MAX + 1];
    assert!(matches!(Shape::of(&[&name]), Shape(Plain)));
    assert!(matches!(Shape::of(&[]), Shape(Plain)));
    let name_len = |spec: &CommandSpec| spec.name.len();
    let longest = crate::command::all().map(name_len).max();
    assert!(longest <= Some(NAME_LEN_MAX));
}
