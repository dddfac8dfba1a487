//! The words of a command.

use std::ops::Deref;

use redis::{Arg, Cmd};

/// As many words as most commands have at most.
const FEW: usize = 8;

/// Words that stand elsewhere. A few of them need no allocation.
pub(crate) struct Words<'a> {
    few: [&'a [u8]; FEW],
    many: Vec<&'a [u8]>,
    count: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn new(words: impl ExactSizeIterator<Item = &'a [u8]>) -> Self {
        let count = words.len();
        let (mut few, mut many) = ([&b""[..]; FEW], Vec::new());
        match few.get_mut(..count) {
            Some(few) => few.iter_mut().zip(words).for_each(|(to, word)| *to = word),
            None => many.extend(words),
        }
        Self { few, many, count }
    }

    /// The words of a command; `None` if only the command itself can write all of them, as it can a cursor.
    pub(crate) fn of(cmd: &'a Cmd) -> Option<Self> {
        let is_plain = !cmd.in_scan_mode();
        is_plain.then(|| {
            Self::new(cmd.args_iter().map(|arg| match arg {
                Arg::Simple(bytes) => bytes,
                // The cursor: only commands in scan mode have one.
                _ => b"0",
            }))
        })
    }
}

impl<'a> Deref for Words<'a> {
    type Target = [&'a [u8]];

    fn deref(&self) -> &Self::Target {
        self.few.get(..self.count).unwrap_or(&self.many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_words_is_kept_in_order() {
        for count in [0, 1, 7, 8, 9, 100] {
            let words: Vec<Vec<u8>> = (0..count).map(|at: u32| at.to_be_bytes().into()).collect();
            let kept = Words::new(words.iter().map(Vec::as_slice));
            assert_eq!(*kept, *words, "{count}");
        }
    }

    #[test]
    fn a_command_with_a_cursor_has_to_write_itself() {
        assert_eq!(
            *Words::of(redis::cmd("GET").arg("k")).expect("it is plain"),
            [b"GET".as_slice(), b"k"]
        );
        assert!(Words::of(redis::cmd("SCAN").cursor_arg(7)).is_none());
    }
}
