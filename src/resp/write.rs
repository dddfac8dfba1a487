//! Answers as bytes: a whole [`Reply`], or piece by piece.
//!
//! Called by servers. Every function appends to a buffer that the caller sends. A header
//! ([`write_array_len`], [`write_map_len`], ...) announces elements, which the caller writes next.

use crate::command::reply::Reply;

/// The version of the protocol that a client speaks: what it asked for with `HELLO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Version 2, which every connection begins with.
    #[default]
    Resp2,
    /// Version 3: with types of its own for nil, maps, sets, floats and truth values.
    Resp3,
}

fn write_header(out: &mut Vec<u8>, kind: u8, len: usize) {
    // No slice is longer than this.
    write_number(out, kind, i64::try_from(len).unwrap_or(i64::MAX));
}

/// A line of `kind` and a number, put together on the stack: many answers are little more.
fn write_number(out: &mut Vec<u8>, kind: u8, number: i64) {
    // The kind, a sign, 19 digits and the line end.
    let mut line = [0; 23];
    let mut start = line.len() - 2;
    line[start..].copy_from_slice(b"\r\n");
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        line[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        line[start] = b'-';
    }
    start -= 1;
    line[start] = kind;
    out.extend_from_slice(&line[start..]);
}

/// A line of `kind`. What would end it early becomes a space.
fn write_line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend(text.iter().map(|&byte| match byte {
        b'\r' | b'\n' => b' ',
        byte => byte,
    }));
    out.extend_from_slice(b"\r\n");
}

/// Bytes.
pub fn write_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() + 32);
    write_header(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// A status such as `OK`, line breaks as spaces.
pub fn write_status(out: &mut Vec<u8>, text: &str) {
    write_line(out, b'+', text.as_bytes());
}

/// An error, code word first, line breaks as spaces.
pub fn write_error(out: &mut Vec<u8>, text: &str) {
    write_line(out, b'-', text.as_bytes());
}

/// An integer.
pub fn write_int(out: &mut Vec<u8>, number: i64) {
    write_number(out, b':', number);
}

/// Nothing, where something else would be a single value.
pub fn write_nil(out: &mut Vec<u8>, protocol: Protocol) {
    out.extend_from_slice(match protocol {
        Protocol::Resp2 => b"$-1\r\n",
        Protocol::Resp3 => b"_\r\n",
    });
}

/// Nothing, where something else would be an array. Version 3 knows one nil only.
pub fn write_nil_array(out: &mut Vec<u8>, protocol: Protocol) {
    out.extend_from_slice(match protocol {
        Protocol::Resp2 => b"*-1\r\n",
        Protocol::Resp3 => b"_\r\n",
    });
}

/// The header of an array of so many elements.
pub fn write_array_len(out: &mut Vec<u8>, len: usize) {
    write_header(out, b'*', len);
}

/// The header of so many pairs; of an array of twice as many elements in version 2.
pub fn write_map_len(out: &mut Vec<u8>, pairs: usize, protocol: Protocol) {
    match protocol {
        Protocol::Resp2 => write_header(out, b'*', pairs.saturating_mul(2)),
        Protocol::Resp3 => write_header(out, b'%', pairs),
    }
}

/// The header of a set of so many elements; of an array in version 2.
pub fn write_set_len(out: &mut Vec<u8>, len: usize, protocol: Protocol) {
    match protocol {
        Protocol::Resp2 => write_header(out, b'*', len),
        Protocol::Resp3 => write_header(out, b'~', len),
    }
}

/// The header of a message of so many elements that answers no request; of an array in version 2.
pub fn write_push_len(out: &mut Vec<u8>, len: usize, protocol: Protocol) {
    match protocol {
        Protocol::Resp2 => write_header(out, b'*', len),
        Protocol::Resp3 => write_header(out, b'>', len),
    }
}

/// A float in the text that commands give it; bytes in version 2.
pub fn write_double(out: &mut Vec<u8>, text: &[u8], protocol: Protocol) {
    match protocol {
        Protocol::Resp2 => write_bulk(out, text),
        Protocol::Resp3 => write_line(out, b',', text),
    }
}

/// A truth value; 1 or 0 in version 2.
pub fn write_bool(out: &mut Vec<u8>, yes: bool, protocol: Protocol) {
    out.extend_from_slice(match (protocol, yes) {
        (Protocol::Resp2, true) => b":1\r\n",
        (Protocol::Resp2, false) => b":0\r\n",
        (Protocol::Resp3, true) => b"#t\r\n",
        (Protocol::Resp3, false) => b"#f\r\n",
    });
}

/// Text for a person to read; bytes in version 2.
pub fn write_verbatim(out: &mut Vec<u8>, text: &[u8], protocol: Protocol) {
    const FORMAT: &[u8] = b"txt:";
    match protocol {
        Protocol::Resp2 => write_bulk(out, text),
        Protocol::Resp3 => {
            write_header(out, b'=', FORMAT.len() + text.len());
            out.extend_from_slice(FORMAT);
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// A reply in the shape that it has.
///
/// ```
/// use nacredb::Reply;
/// use nacredb::resp::{Protocol, write_reply};
/// let mut out = Vec::new();
/// write_reply(&mut out, &Reply::Array(vec![Reply::Int(7), Reply::Nil]), Protocol::Resp2);
/// assert_eq!(out, b"*2\r\n:7\r\n$-1\r\n");
/// ```
///
/// # Complexity
/// O(bytes written).
pub fn write_reply(out: &mut Vec<u8>, reply: &Reply, protocol: Protocol) {
    match reply {
        Reply::Nil => write_nil(out, protocol),
        Reply::Status(text) => write_status(out, text),
        Reply::Int(number) => write_int(out, *number),
        Reply::Bulk(bytes) => write_bulk(out, bytes),
        Reply::Array(items) => {
            write_array_len(out, items.len());
            for item in items {
                write_reply(out, item, protocol);
            }
        }
        Reply::Error(error) => write_error(out, &error.to_string()),
        Reply::Map(pairs) => {
            write_map_len(out, pairs.len(), protocol);
            for (key, value) in pairs {
                write_reply(out, key, protocol);
                write_reply(out, value, protocol);
            }
        }
    }
}

#[cfg(test)]
mod tests;
