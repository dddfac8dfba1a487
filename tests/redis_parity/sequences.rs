//! Written sequences: each option of each command, told to both sides in the order in which they stand
//! in `sequences.txt`. The expected replies are Redis's. Words are as redis-cli reads them: `"..."` with
//! `\r \n \t \\ \" \xHH`; a line that starts with `#` is a title and starts anew.

use super::pair::Command;

/// Titles and their commands.
pub(crate) fn all() -> Vec<(String, Vec<Command>)> {
    read(include_str!("sequences.txt"))
}

/// Titles and their commands, of any text in that form.
pub(crate) fn read(text: &str) -> Vec<(String, Vec<Command>)> {
    let mut all: Vec<(String, Vec<Command>)> = Vec::new();
    let lines = text.lines();
    for line in lines.filter(|line| !line.is_empty()) {
        match (line.strip_prefix("# "), all.last_mut()) {
            (Some(title), _) => all.push((title.to_owned(), Vec::new())),
            (None, Some((_, commands))) => commands.push(words(line)),
            (None, None) => panic!("a command before the first title: {line}"),
        }
    }
    all
}

fn words(line: &str) -> Command {
    let mut command = Vec::new();
    let mut rest = line.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match first {
            b' ' => rest = after,
            b'"' => {
                let (word, after) = quoted_word(after, line);
                command.push(word);
                rest = after;
            }
            _ => {
                let end = rest.iter().position(|&byte| byte == b' ');
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                command.push(word.to_vec());
                rest = after;
            }
        }
    }
    command
}

/// The word up to the closing quote, and what follows.
fn quoted_word<'a>(text: &'a [u8], line: &str) -> (Vec<u8>, &'a [u8]) {
    let mut word = Vec::new();
    let mut at = 0;
    loop {
        match text.get(at) {
            Some(b'"') => return (word, &text[at + 1..]),
            Some(b'\\') => {
                let byte = match text.get(at + 1) {
                    Some(b'n') => b'\n',
                    Some(b'r') => b'\r',
                    Some(b't') => b'\t',
                    Some(b'x') => {
                        let digits = text.get(at + 2..at + 4).unwrap_or_default();
                        let digits = String::from_utf8_lossy(digits);
                        at += 2;
                        u8::from_str_radix(&digits, 16)
                            .unwrap_or_else(|_| panic!("bad escape in {line}"))
                    }
                    Some(&other) => other,
                    None => panic!("the line ends in an escape: {line}"),
                };
                word.push(byte);
                at += 2;
            }
            Some(&byte) => {
                word.push(byte);
                at += 1;
            }
            None => panic!("no closing quote: {line}"),
        }
    }
}

#[test]
fn words_are_read_as_redis_cli_reads_them() {
    assert_eq!(
        words(r#"SET "two words" "\x00\r\"" "" x"#),
        [b"SET".as_slice(), b"two words", b"\x00\r\"", b"", b"x"]
    );
}
