//! Completion, hints and help from the command table.

use std::borrow::Cow;
use std::fmt::Write as _;

use nacredb::CommandInfo;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

/// What the line editor asks about the commands.
#[derive(Debug)]
pub(crate) struct Commands {
    /// No colours.
    pub(crate) plain: bool,
}

/// Names the shell itself understands.
const OWN: &[&str] = &["HELP", "EXIT", "QUIT"];

fn find(name: &str) -> Option<CommandInfo> {
    let name = name.to_ascii_uppercase();
    nacredb::commands().find(|command| command.name() == name)
}

/// Shown behind the cursor; nothing to accept.
#[derive(Debug)]
pub(crate) struct Shown(String);

impl Hint for Shown {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Completer for Commands {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _ctx: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(candidates(line.get(..pos).unwrap_or(line)))
    }
}

/// Where the word to complete starts, and what it may become.
fn candidates(before: &str) -> (usize, Vec<Pair>) {
    let start = before
        .rfind(char::is_whitespace)
        .map_or(0, |blank| blank + 1);
    let typed = &before[start..];
    let earlier: Vec<_> = before[..start].split_whitespace().collect();
    let prefix = match earlier.as_slice() {
        [] => String::new(),
        [help] if help.eq_ignore_ascii_case("help") => String::new(),
        [container] => format!("{}|", container.to_ascii_uppercase()),
        _ => return (start, Vec::new()),
    };
    let lower = typed.chars().any(|symbol| symbol.is_ascii_lowercase());
    let wanted = prefix.clone() + &typed.to_ascii_uppercase();
    let own = OWN.iter().copied().filter(|_| earlier.is_empty());
    let mut names: Vec<_> = nacredb::commands()
        .map(CommandInfo::name)
        .chain(own)
        .filter_map(|name| {
            let rest = name.starts_with(&wanted).then(|| &name[prefix.len()..])?;
            (!rest.contains('|')).then_some(rest)
        })
        .map(|name| {
            if lower {
                name.to_ascii_lowercase()
            } else {
                name.to_owned()
            }
        })
        .collect();
    names.sort();
    let pair = |name: String| Pair {
        replacement: name.clone() + " ",
        display: name,
    };
    (start, names.into_iter().map(pair).collect())
}

impl Hinter for Commands {
    type Hint = Shown;

    fn hint(&self, line: &str, pos: usize, _ctx: &Context<'_>) -> Option<Shown> {
        (pos == line.len()).then(|| hint(line)).flatten().map(Shown)
    }
}

/// What the command does, and once a blank is typed the words that its example still has.
fn hint(line: &str) -> Option<String> {
    let typed: Vec<_> = line.split_whitespace().collect();
    let command = find(typed.first()?)?;
    if typed.len() == 1 && !line.ends_with(char::is_whitespace) {
        return Some(format!("   {}", command.summary()));
    }
    let mut example = command.example().split(' ').skip(typed.len()).peekable();
    example.peek()?;
    let rest: Vec<_> = example.collect();
    let blank = if line.ends_with(char::is_whitespace) {
        ""
    } else {
        " "
    };
    Some(format!("{blank}{}", rest.join(" ")))
}

impl Highlighter for Commands {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.plain {
            true => Cow::Borrowed(hint),
            false => Cow::Owned(format!("\x1b[90m{hint}\x1b[0m")),
        }
    }
}

impl Validator for Commands {}
impl Helper for Commands {}

/// The answer to `help` and `help NAME ..`.
pub(crate) fn help(names: &[Vec<u8>]) -> String {
    if names.is_empty() {
        return overview();
    }
    let words: Vec<_> = names
        .iter()
        .map(|name| String::from_utf8_lossy(name))
        .collect();
    let full = words.join("|");
    match find(&full) {
        Some(command) => about(command),
        None => format!("There is no command {}.\n", words.join(" ")),
    }
}

fn overview() -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for command in nacredb::commands().filter(|command| !command.name().contains('|')) {
        match groups
            .iter_mut()
            .find(|(group, _)| *group == command.group())
        {
            Some((_, names)) => names.push(command.name()),
            None => groups.push((command.group(), vec![command.name()])),
        }
    }
    let mut text = String::new();
    for (group, names) in groups {
        let _ = write!(text, "{group}:");
        let mut column = 80;
        for name in names {
            if column + name.len() + 1 > 78 {
                text.push_str("\n ");
                column = 1;
            }
            let _ = write!(text, " {name}");
            column += name.len() + 1;
        }
        text.push('\n');
    }
    text + "\nhelp NAME tells about one; exit leaves.\n"
}

fn about(command: CommandInfo) -> String {
    let mut text = format!("{}\n", command.name().replace('|', " "));
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<12}{value}");
        }
    };
    row("", command.summary());
    row("example", command.example());
    row("cost", command.complexity());
    row("in Redis", command.redis_complexity());
    row("differs", command.differences());
    row("group", command.group());
    row("since", command.since());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str) -> Vec<String> {
        let (_, pairs) = candidates(line);
        pairs.into_iter().map(|pair| pair.display).collect()
    }

    #[test]
    fn names_complete_in_the_case_they_are_typed_in() {
        assert!(completed("ge").contains(&"getrange".to_owned()));
        assert!(completed("GETR").contains(&"GETRANGE".to_owned()));
        assert!(completed("").contains(&"EXIT".to_owned()));
        assert!(completed("").iter().all(|name| !name.contains('|')));
        assert!(completed("object enc").contains(&"encoding".to_owned()));
        assert!(completed("help SETR").contains(&"SETRANGE".to_owned()));
        assert!(completed("set ge").is_empty());
        assert_eq!(candidates("object enc").0, 7);
    }

    #[test]
    fn hints_follow_what_is_typed() {
        assert!(hint("strlen").is_some_and(|hint| hint.starts_with("   ")));
        assert_eq!(hint("setrange ").as_deref(), Some("key 5 value"));
        assert_eq!(hint("setrange mine").as_deref(), Some(" 5 value"));
        assert_eq!(hint("setrange a b c d"), None);
        assert_eq!(hint("nonsense "), None);
    }

    #[test]
    fn help_knows_every_command() {
        for command in nacredb::commands() {
            let words: Vec<_> = command
                .name()
                .split('|')
                .map(|word| word.as_bytes().to_vec())
                .collect();
            assert!(
                help(&words).contains(command.summary()),
                "{}",
                command.name()
            );
        }
        assert!(help(&[]).contains(" GETRANGE"));
        assert!(help(&[b"no".to_vec()]).contains("no command"));
    }
}
