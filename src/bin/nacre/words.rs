//! A command line into words, by Redis's quoting rules.
//!
//! Words are parted by blanks. Double quotes understand `\n \r \t \b \a \\ \"` and `\xHH`; single quotes
//! only `\'`. A closing quote must be followed by a blank or the end.

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unbalanced;

/// Splits a line.
pub(crate) fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Ok(words);
        }
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after;
    }
}

fn word(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), Unbalanced> {
    let mut word = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'"' => return closed(double_quoted(after, &mut word)?, word),
            b'\'' => return closed(single_quoted(after, &mut word)?, word),
            byte if byte.is_ascii_whitespace() => break,
            byte => word.push(byte),
        }
        rest = after;
    }
    Ok((word, rest))
}

/// A quote ends its word.
fn closed(after: &[u8], word: Vec<u8>) -> Result<(Vec<u8>, &[u8]), Unbalanced> {
    match after.first() {
        Some(byte) if !byte.is_ascii_whitespace() => Err(Unbalanced),
        Some(_) | None => Ok((word, after)),
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        rest = match rest {
            [] => return Err(Unbalanced),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..] if hex(*high, *low).is_some() => {
                word.extend(hex(*high, *low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        };
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        rest = match rest {
            [] => return Err(Unbalanced),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        };
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Result<Vec<String>, Unbalanced> {
        let words = split(line.as_bytes())?;
        Ok(words
            .into_iter()
            .map(|word| String::from_utf8(word).unwrap())
            .collect())
    }

    #[test]
    fn blanks_part_words_and_quotes_keep_them() {
        assert_eq!(texts("  set  a\tb ").unwrap(), ["set", "a", "b"]);
        assert_eq!(texts(r#"set "a b" 'c d'"#).unwrap(), ["set", "a b", "c d"]);
        assert_eq!(texts(r#"x "" ''"#).unwrap(), ["x", "", ""]);
        assert_eq!(texts("").unwrap(), Vec::<String>::new());
        assert_eq!(texts(r#"a"b""#).unwrap(), ["ab"]);
    }

    #[test]
    fn escapes_work_in_their_quotes_only() {
        assert_eq!(
            split(br#""\x00\xfF\n\q""#).unwrap(),
            [vec![0, 255, b'\n', b'q']]
        );
        assert_eq!(split(br#""\xg1""#).unwrap(), [b"xg1".to_vec()]);
        assert_eq!(split(br"'\n\''").unwrap(), [b"\\n'".to_vec()]);
        assert_eq!(split(br"\x41").unwrap(), [b"\\x41".to_vec()]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [r#""a"#, "'a", r#""a"b"#, "'a'b", r#""a\"#] {
            assert_eq!(texts(line), Err(Unbalanced), "{line}");
        }
    }
}
