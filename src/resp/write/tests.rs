use super::*;
use crate::error::CommandError;

fn both(write: impl Fn(&mut Vec<u8>, Protocol)) -> [String; 2] {
    [Protocol::Resp2, Protocol::Resp3].map(|protocol| {
        let mut out = Vec::new();
        write(&mut out, protocol);
        String::from_utf8(out).unwrap()
    })
}

#[test]
fn integers_are_written_in_full() {
    for number in [0, 7, 9, 10, -1, 1234567890, i64::MAX, i64::MIN] {
        let mut out = Vec::new();
        write_int(&mut out, number);
        assert_eq!(out, format!(":{number}\r\n").as_bytes());
    }
}

#[test]
fn each_version_has_its_types() {
    let nil = both(write_nil);
    assert_eq!(nil, ["$-1\r\n", "_\r\n"]);
    let nil = both(write_nil_array);
    assert_eq!(nil, ["*-1\r\n", "_\r\n"]);
    let map = both(|out, protocol| write_map_len(out, 6, protocol));
    assert_eq!(map, ["*12\r\n", "%6\r\n"]);
    let set = both(|out, protocol| write_set_len(out, 12, protocol));
    assert_eq!(set, ["*12\r\n", "~12\r\n"]);
    let push = both(|out, protocol| write_push_len(out, 3, protocol));
    assert_eq!(push, ["*3\r\n", ">3\r\n"]);
    let double = both(|out, protocol| write_double(out, b"-1.5", protocol));
    assert_eq!(double, ["$4\r\n-1.5\r\n", ",-1.5\r\n"]);
    let yes = both(|out, protocol| write_bool(out, true, protocol));
    assert_eq!(yes, [":1\r\n", "#t\r\n"]);
    let no = both(|out, protocol| write_bool(out, false, protocol));
    assert_eq!(no, [":0\r\n", "#f\r\n"]);
    let text = both(|out, protocol| write_verbatim(out, b"a\r\nb", protocol));
    assert_eq!(text, ["$4\r\na\r\nb\r\n", "=8\r\ntxt:a\r\nb\r\n"]);
}

#[test]
fn a_line_stays_one_line() {
    let mut out = Vec::new();
    write_error(&mut out, "ERR a\r\n+OK");
    write_status(&mut out, "a\nb");
    assert_eq!(out, b"-ERR a  +OK\r\n+a b\r\n");
}

#[test]
fn a_reply_is_written_to_its_depth() {
    let reply = Reply::Array(vec![
        Reply::ok(),
        Reply::Bulk(b"\r\n".to_vec()),
        Reply::Error(CommandError::Syntax),
        Reply::Map(vec![(Reply::Int(-3), Reply::Array(vec![Reply::Nil]))]),
    ]);
    let written = both(|out, protocol| write_reply(out, &reply, protocol));
    let head = "*4\r\n+OK\r\n$2\r\n\r\n\r\n-ERR syntax error\r\n";
    assert_eq!(written[0], format!("{head}*2\r\n:-3\r\n*1\r\n$-1\r\n"));
    assert_eq!(written[1], format!("{head}%1\r\n:-3\r\n*1\r\n_\r\n"));
}
