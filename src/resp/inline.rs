//! The words of an inline command: a line as a person types it. Called by `request`, the test kit and the tool.
//!
//! The rules are those of Redis's `sdssplitargs`, but for a zero byte, which is an ordinary one here:
//! Redis takes it for the end of what came and never answers.

use std::ops::Range;

/// Space to C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// The words of a line as a person types it, by the rules of `redis-cli` and of inline commands: parted by blanks;
/// double quotes understand `\n \r \t \b \a \\ \"` and `\xHH`, single quotes only `\'`. `None` if a quote is not closed, or
/// something other than a blank follows a closing one.
///
/// ```
/// use nacredb::resp::split_words;
/// assert_eq!(split_words(b"SET name 'Ada L.'"), Some(vec![b"SET".to_vec(), b"name".to_vec(), b"Ada L.".to_vec()]));
/// assert_eq!(split_words(b"SET name 'Ada"), None);
/// ```
///
/// # Complexity
/// O(bytes).
#[must_use]
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut bytes, mut words) = (Vec::new(), Vec::new());
    split(line, &mut bytes, &mut words)?;
    Some(words.into_iter().map(|word| bytes[word].to_vec()).collect())
}

/// Appends the words of `line` to `bytes` and where they stand there to `words`. `None` if a quote is not
/// closed, or something other than space follows a closing one.
pub(super) fn split(line: &[u8], bytes: &mut Vec<u8>, words: &mut Vec<Range<usize>>) -> Option<()> {
    let mut rest = line;
    loop {
        let spaces = rest.iter().take_while(|&&byte| is_space(byte)).count();
        rest = &rest[spaces..];
        if rest.is_empty() {
            return Some(());
        }
        let start = bytes.len();
        rest = word(rest, bytes)?;
        words.push(start..bytes.len());
    }
}

/// Appends the word that `rest` begins with; what follows it.
fn word<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            // Not every space ends a word: the others are part of it.
            b' ' | b'\n' | b'\r' | b'\t' => break,
            b'"' => return closed(double_quoted(rest, bytes)?),
            b'\'' => return closed(single_quoted(rest, bytes)?),
            byte => bytes.push(byte),
        }
    }
    Some(rest)
}

/// What follows a closing quote, if it is space or nothing.
fn closed(rest: &[u8]) -> Option<&[u8]> {
    rest.first()
        .is_none_or(|&byte| is_space(byte))
        .then_some(rest)
}

fn double_quoted<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'x', high, low, after @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'x', &rest[2..]),
            },
            [b'\\', escaped, after @ ..] => match escaped {
                b'n' => (b'\n', after),
                b'r' => (b'\r', after),
                b't' => (b'\t', after),
                b'b' => (0x08, after),
                b'a' => (0x07, after),
                escaped => (*escaped, after),
            },
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        bytes.push(byte);
        rest = after;
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match rest {
            [b'\'', after @ ..] => return Some(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        bytes.push(byte);
        rest = after;
    }
}

#[cfg(test)]
mod tests;
