//! `MONITOR`: the line that shows a command to whoever looks on.

use std::io::Write as _;

use super::hub::Hub;
use super::record::Record;
use crate::command::spec::{CommandSpec, Flag};

/// What an onlooker may leave unread where no limit is set.
const UNREAD_BYTES_MAX: u64 = 256 << 20;

/// A word as the line quotes it.
pub(crate) fn write_quoted(out: &mut Vec<u8>, word: &[u8]) {
    out.push(b'"');
    for &byte in word {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x20..=0x7e => out.push(byte),
            // A vector takes what is written to it.
            _ => drop(write!(out, "\\x{byte:02x}")),
        }
    }
    out.push(b'"');
}

/// The words of a command, with what is secret covered.
pub(crate) fn redacted<'a>(spec: &CommandSpec, words: &[&'a [u8]]) -> Vec<&'a [u8]> {
    const COVER: &[u8] = b"(redacted)";
    let mut shown = words.to_vec();
    match spec.name {
        "AUTH" => shown.iter_mut().skip(1).for_each(|word| *word = COVER),
        "HELLO" => {
            let auth = words
                .iter()
                .position(|word| word.eq_ignore_ascii_case(b"AUTH"));
            let secret = auth.into_iter().flat_map(|at| [at + 1, at + 2]);
            secret.for_each(|at| {
                if let Some(word) = shown.get_mut(at) {
                    *word = COVER;
                }
            });
        }
        "CONFIG|SET" => {
            for at in (3..words.len()).step_by(2) {
                if words[at - 1].eq_ignore_ascii_case(b"requirepass") {
                    shown[at] = COVER;
                }
            }
        }
        _ => {}
    }
    shown
}

/// Shows a command to everybody who looks on.
#[cold]
pub(crate) fn show(hub: &Hub, by: &Record, database: u8, spec: &CommandSpec, words: &[&[u8]]) {
    if spec.flags.contains(&Flag::Admin) || spec.flags.contains(&Flag::SkipMonitor) {
        return;
    }
    let now_ms = hub.unix_ms();
    let mut line = Vec::new();
    let (seconds, micros) = (now_ms / 1000, now_ms % 1000 * 1000);
    // No peer has port 0: it is a path.
    let (mark, address) = match by.address.strip_suffix(":0") {
        Some(path) => ("unix:", path),
        None => ("", by.address.as_str()),
    };
    // A vector takes what is written to it.
    drop(write!(
        line,
        "+{seconds}.{micros:06} [{database} {mark}{address}]"
    ));
    for word in redacted(spec, words) {
        line.push(b' ');
        write_quoted(&mut line, word);
    }
    line.extend_from_slice(b"\r\n");
    hub.monitors.show(|monitor| {
        let mut limit = hub.settings.output_limit(monitor.output_class());
        if limit.hard_bytes == 0 {
            // What others do must not take all memory for one who does not read.
            limit.hard_bytes = UNREAD_BYTES_MAX;
        }
        monitor.send(limit, hub.now_ms(), |out| out.extend_from_slice(&line));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::find;

    #[test]
    fn odd_bytes_are_escaped() {
        let mut out = Vec::new();
        write_quoted(&mut out, b"a\"\\\n\x01\xff");
        assert_eq!(out, br#""a\"\\\n\x01\xff""#);
    }

    #[test]
    fn passwords_are_covered() {
        let shown = |line: &str| {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let name = if words[0] == b"CONFIG" {
                "CONFIG|SET"
            } else {
                line.split(' ').next().unwrap()
            };
            let shown = redacted(find(name.as_bytes()).unwrap(), &words);
            String::from_utf8(shown.join(&b' ')).unwrap()
        };
        assert_eq!(shown("AUTH u p"), "AUTH (redacted) (redacted)");
        assert_eq!(
            shown("HELLO 3 AUTH u p SETNAME n"),
            "HELLO 3 AUTH (redacted) (redacted) SETNAME n"
        );
        assert_eq!(
            shown("CONFIG SET timeout 1 requirepass p"),
            "CONFIG SET timeout 1 requirepass (redacted)"
        );
    }
}
