//! Replies as `redis-cli` prints them: for people on a terminal, raw into a pipe.

use std::fmt::Write as _;

use nacredb::{Error, Reply};

/// What a command answered, raw or for people.
pub(crate) fn answer(answer: &Result<Reply, Error>, as_raw: bool) -> Vec<u8> {
    match answer {
        Ok(reply) if as_raw => raw(reply),
        Ok(reply) => pretty(reply).into_bytes(),
        Err(error) if as_raw => format!("{error}\n\n").into_bytes(),
        Err(error) => format!("(error) {error}\n").into_bytes(),
    }
}

/// For people: types are shown, strings quoted, elements numbered.
fn pretty(reply: &Reply) -> String {
    let mut out = String::new();
    write_pretty(reply, 0, &mut out);
    out
}

fn write_pretty(reply: &Reply, indent: usize, out: &mut String) {
    match reply {
        Reply::Nil => out.push_str("(nil)\n"),
        Reply::Status(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Reply::Int(number) => {
            let _ = writeln!(out, "(integer) {number}");
        }
        Reply::Bulk(bytes) => {
            quote(bytes, out);
            out.push('\n');
        }
        Reply::Array(items) if items.is_empty() => out.push_str("(empty array)\n"),
        Reply::Array(items) => write_items(&items.iter().collect::<Vec<_>>(), indent, out),
        Reply::Error(error) => {
            let _ = writeln!(out, "(error) {error}");
        }
        Reply::Map(pairs) if pairs.is_empty() => out.push_str("(empty array)\n"),
        Reply::Map(pairs) => {
            let items: Vec<_> = pairs.iter().flat_map(|(key, value)| [key, value]).collect();
            write_items(&items, indent, out);
        }
        other => {
            let _ = writeln!(out, "{other:?}");
        }
    }
}

/// The first element continues the line it stands on; the others are indented below it. Numbers are as
/// wide as the last one.
fn write_items(items: &[&Reply], indent: usize, out: &mut String) {
    let width = items.len().to_string().len();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(&" ".repeat(indent));
        }
        let _ = write!(out, "{:>width$}) ", index + 1);
        write_pretty(item, indent + width + 2, out);
    }
}

/// Bytes in double quotes, with the escapes `redis-cli` uses.
pub(crate) fn quote(bytes: &[u8], out: &mut String) {
    out.push('"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            7 => out.push_str("\\a"),
            8 => out.push_str("\\b"),
            0x20..=0x7e => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
}

/// A word as one would type it: plain if it can be, quoted if it must.
pub(crate) fn word(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return bytes.iter().map(|&byte| char::from(byte)).collect();
    }
    let mut out = String::new();
    quote(bytes, &mut out);
    out
}

/// Raw: the bytes themselves, a line for each element.
fn raw(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    write_raw(reply, &mut out);
    out.push(b'\n');
    out
}

fn write_raw(reply: &Reply, out: &mut Vec<u8>) {
    match reply {
        Reply::Nil => {}
        Reply::Status(text) => out.extend_from_slice(text.as_bytes()),
        Reply::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Reply::Bulk(bytes) => out.extend_from_slice(bytes),
        Reply::Array(items) => write_raw_items(items.iter(), out),
        Reply::Error(error) => out.extend_from_slice(error.to_string().as_bytes()),
        Reply::Map(pairs) => {
            write_raw_items(pairs.iter().flat_map(|(key, value)| [key, value]), out);
        }
        other => out.extend_from_slice(format!("{other:?}").as_bytes()),
    }
}

fn write_raw_items<'a>(items: impl Iterator<Item = &'a Reply>, out: &mut Vec<u8>) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        write_raw(item, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn simple_replies_look_as_in_redis_cli() {
        assert_eq!(pretty(&Reply::Nil), "(nil)\n");
        assert_eq!(pretty(&Reply::ok()), "OK\n");
        assert_eq!(pretty(&Reply::Int(-3)), "(integer) -3\n");
        assert_eq!(
            pretty(&Reply::Bulk(b"a\"\\\n\x00\xff".to_vec())),
            "\"a\\\"\\\\\\n\\x00\\xff\"\n"
        );
        assert_eq!(pretty(&Reply::Array(vec![])), "(empty array)\n");
    }

    #[test]
    fn nested_arrays_are_numbered_and_aligned() {
        let inner = Reply::Array(vec![bulk("x"), Reply::Nil]);
        let reply = Reply::Array(vec![bulk("0"), inner, Reply::Array(vec![])]);
        let expected = "1) \"0\"\n2) 1) \"x\"\n   2) (nil)\n3) (empty array)\n";
        assert_eq!(pretty(&reply), expected);
        let ten = Reply::Array((0..10).map(Reply::Int).collect());
        assert!(pretty(&ten).starts_with(" 1) (integer) 0\n 2) (integer) 1\n"));
        assert!(pretty(&ten).ends_with("10) (integer) 9\n"));
    }

    #[test]
    fn raw_replies_are_bytes_and_lines() {
        let reply = Reply::Array(vec![bulk("a"), Reply::Nil, Reply::Int(2)]);
        assert_eq!(raw(&reply), b"a\n\n2\n");
        assert_eq!(raw(&Reply::Bulk(vec![0, 255])), [0, 255, b'\n']);
    }
}
