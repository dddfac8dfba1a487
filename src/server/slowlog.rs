//! The slow log: the last commands that took long.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// A command that took long.
#[derive(Debug, Clone)]
pub(crate) struct SlowCommand {
    pub(crate) id: u64,
    /// When, in seconds since the Unix epoch.
    pub(crate) unix_s: u64,
    pub(crate) took_us: u64,
    /// Its words, shortened.
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) address: String,
    pub(crate) name: Vec<u8>,
}

/// Most words that are kept of a command, and most bytes of each.
const WORDS_MAX: usize = 32;
const WORD_BYTES_MAX: usize = 128;

/// The words of a command as the log keeps them: long ones and the last of many shortened, with a note of how
/// much is missing.
pub(crate) fn shorten(words: &[&[u8]]) -> Vec<Vec<u8>> {
    let shown = if words.len() > WORDS_MAX {
        WORDS_MAX - 1
    } else {
        words.len()
    };
    let mut kept: Vec<Vec<u8>> = words[..shown]
        .iter()
        .map(|word| match word.len().checked_sub(WORD_BYTES_MAX) {
            None | Some(0) => word.to_vec(),
            Some(more) => {
                let note = format!("... ({more} more bytes)");
                [&word[..WORD_BYTES_MAX], note.as_bytes()].concat()
            }
        })
        .collect();
    if shown < words.len() {
        let more = words.len() - shown;
        kept.push(format!("... ({more} more arguments)").into_bytes());
    }
    kept
}

/// The slow log of a server, the newest in front.
#[derive(Debug, Default)]
pub(crate) struct SlowLog {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    commands: VecDeque<SlowCommand>,
}

impl SlowLog {
    /// Keeps one more and forgets the oldest beyond `len_max`. Its number is given here.
    pub(crate) fn add(&self, command: SlowCommand, len_max: u64) {
        let mut state = self.state.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.commands.push_front(SlowCommand { id, ..command });
        state
            .commands
            .truncate(usize::try_from(len_max).unwrap_or(usize::MAX));
    }

    /// The newest so many.
    pub(crate) fn newest(&self, count: usize) -> Vec<SlowCommand> {
        self.state
            .lock()
            .commands
            .iter()
            .take(count)
            .cloned()
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.state.lock().commands.len()
    }

    pub(crate) fn clear(&self) {
        self.state.lock().commands.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_commands_are_shortened_with_a_note() {
        let long = [b'x'; 130];
        let mut words: Vec<&[u8]> = vec![b"SET", &long];
        assert_eq!(
            shorten(&words)[1],
            [&long[..128], b"... (2 more bytes)"].concat()
        );
        words.resize(32, b"w");
        assert_eq!(shorten(&words).len(), 32);
        words.push(b"w");
        let kept = shorten(&words);
        assert_eq!(
            (kept.len(), &kept[31][..]),
            (32, &b"... (2 more arguments)"[..])
        );
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let log = SlowLog::default();
        let command = SlowCommand {
            id: 0,
            unix_s: 0,
            took_us: 1,
            words: Vec::new(),
            address: String::new(),
            name: Vec::new(),
        };
        (0..5).for_each(|_| log.add(command.clone(), 3));
        let ids: Vec<u64> = log.newest(10).iter().map(|command| command.id).collect();
        assert_eq!(ids, [4, 3, 2]);
    }
}
