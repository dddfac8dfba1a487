//! The words of one command, and the ways commands read them.

use crate::error::CommandError;
use crate::keyspace::Rules;
use crate::value::number::parse_i64;

/// A command as it was spoken: its name, then its arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Args<'a> {
    words: &'a [&'a [u8]],
}

impl<'a> Args<'a> {
    pub(crate) fn new(words: &'a [&'a [u8]]) -> Self {
        Self { words }
    }

    /// How many words, the name included.
    pub(crate) fn count(&self) -> usize {
        self.words.len()
    }

    /// The word at `index` (0 is the name), which the arity or an earlier check has made sure of;
    /// a missing one is a syntax error.
    pub(crate) fn word(&self, index: usize) -> Result<&'a [u8], CommandError> {
        self.words.get(index).copied().ok_or(CommandError::Syntax)
    }

    /// The first argument, which the arity has made sure of.
    pub(crate) fn key(&self) -> &'a [u8] {
        self.words.get(1).copied().unwrap_or_default()
    }

    /// The words from `index` on.
    pub(crate) fn rest(&self, index: usize) -> &'a [&'a [u8]] {
        self.words.get(index..).unwrap_or_default()
    }

    /// The word at `index` as a 64-bit integer.
    pub(crate) fn int(&self, index: usize) -> Result<i64, CommandError> {
        parse_i64(self.word(index)?).ok_or(CommandError::NotAnInteger)
    }

    /// The word at `index` as a 32-bit integer, with the error Redis has for those.
    pub(crate) fn int32(&self, index: usize) -> Result<i32, CommandError> {
        i32::try_from(self.int(index)?).map_err(|_wide| {
            CommandError::Other(
                "ERR value is out of range, value must between -2147483648 and 2147483647".into(),
            )
        })
    }

    /// Whether the word at `index` is this keyword, in any case.
    pub(crate) fn is(&self, index: usize, keyword: &str) -> bool {
        self.words
            .get(index)
            .is_some_and(|word| word.eq_ignore_ascii_case(keyword.as_bytes()))
    }
}

/// The words of a slice of anything that holds bytes.
pub(crate) fn refs<A: AsRef<[u8]>>(words: &[A]) -> Vec<&[u8]> {
    words.iter().map(AsRef::as_ref).collect()
}

/// Calls with the words of a slice of anything that holds bytes. Few words need no allocation.
#[cfg(feature = "server")]
pub(crate) fn with_refs<A: AsRef<[u8]>, R>(words: &[A], call: impl FnOnce(&[&[u8]]) -> R) -> R {
    let mut few: [&[u8]; 8] = [b""; 8];
    match few.get_mut(..words.len()) {
        Some(few) => {
            few.iter_mut()
                .zip(words)
                .for_each(|(to, word)| *to = word.as_ref());
            call(few)
        }
        None => call(&refs(words)),
    }
}

/// The words of a slice of pairs, in turn.
pub(crate) fn words_of<K: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(K, V)]) -> Vec<&[u8]> {
    let pairs = pairs.iter();
    pairs
        .flat_map(|(key, value)| [key.as_ref(), value.as_ref()])
        .collect()
}

/// Refuses words that one command may not write: one alone too long, or too much for a frame.
pub(crate) fn check_words(rules: Rules, words: &[&[u8]]) -> Result<(), CommandError> {
    let mut bytes = 0;
    for word in words {
        if word.len() as u64 > rules.string_bytes_max {
            return Err(CommandError::StringTooLong);
        }
        bytes += word.len() as u64 + 16;
    }
    if bytes > Rules::WRITTEN_BYTES_MAX {
        return Err(CommandError::StringTooLong);
    }
    Ok(())
}

/// The part of a word that Redis's formatting of error texts takes: up to the first zero byte, and at
/// most `bytes_max` bytes.
pub(crate) fn clip(word: &[u8], bytes_max: usize) -> &[u8] {
    let end = word.iter().position(|&byte| byte == 0);
    &word[..end.unwrap_or(word.len()).min(bytes_max)]
}

/// Bytes as an error text shows them: line breaks as spaces, as Redis does, and what is not UTF-8 as
/// replacement characters.
pub(crate) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(['\r', '\n'], " ")
}

/// Redis's refusal of a deadline that is no time; `command` in lower case.
pub(crate) fn invalid_expire_time(command: &str) -> CommandError {
    CommandError::Other(format!("ERR invalid expire time in '{command}' command").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_too_long_are_refused() {
        let rules = Rules {
            string_bytes_max: 3,
            bit_offsets: 8,
        };
        assert_eq!(check_words(rules, &[b"abc", b"", b"abc"]), Ok(()));
        let refused = Err(CommandError::StringTooLong);
        assert_eq!(check_words(rules, &[b"abc", b"abcd"]), refused);
        // A frame holds no more than this, however short the words.
        let rules = Rules {
            string_bytes_max: u64::MAX,
            ..rules
        };
        let long = vec![0; 1 << 20];
        let words = vec![long.as_slice(); 4096];
        assert_eq!(check_words(rules, &words), refused);
        assert_eq!(check_words(rules, &words[..3000]), Ok(()));
    }
}
