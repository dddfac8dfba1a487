//! Windows of activities in words: `BITWINDOW` and its subcommands.
//!
//! The words are turned into a [`Question`], which the host answers: what it takes to answer one lies above
//! this layer. Marks need no command of their own, as they are made by `SETBIT`.

use super::args::Args;
use super::object::help;
use super::reply::Reply;
use super::run::Host;
use super::spec::{CommandSpec, Flag, KeyPositions};
use crate::error::{CommandError, Error};
use crate::value::number::parse_i64;

/// A row of a subcommand about one activity.
const fn row(
    name: &'static str,
    arity: i32,
    summary: &'static str,
    complexity: &'static str,
    example: &'static str,
    call: fn(Args<'_>, &dyn Host) -> Result<Reply, Error>,
) -> CommandSpec {
    CommandSpec {
        name,
        arity,
        flags: &[Flag::ReadOnly],
        keys: KeyPositions::range(2, 2, 1),
        group: "bitmap",
        since: "0.1.0",
        summary,
        complexity,
        redis_complexity: "",
        differences: "Redis has no such command.",
        example,
        call,
    }
}

pub(crate) static COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "BITWINDOW",
        arity: -2,
        flags: &[],
        keys: KeyPositions::NONE,
        group: "bitmap",
        since: "0.1.0",
        summary: "Asks about windows of an activity: the bitmaps at NAME:2026-11-21 and so on; has subcommands.",
        complexity: "That of the subcommand",
        redis_complexity: "",
        differences: "Redis has no such command. `-` and `+` stand for the first and the last period; \
                      HELP lists what words each subcommand takes.",
        example: "BITWINDOW COUNT a - +",
        call: |_, _| Err(CommandError::Syntax.into()),
    },
    row(
        "BITWINDOW|CHANGES",
        5,
        "Returns how many users were active, new, retained, returning and lost, compared with the window of \
         the same length before.",
        "O(P/32) for P periods",
        "BITWINDOW CHANGES a 2026-11-01 2026-11-30",
        |args, host| ask(args, host, Ask::Changes(window(args)?)),
    ),
    row(
        "BITWINDOW|COUNT",
        -5,
        "Returns how many users were active in a window: in any period, in `ATLEAST` or `EXACTLY` k, or in \
         `EVERY` one; and also `AND`, `OR` or `NOT` in each of numkeys bitmaps or sets.",
        "O(P/32) for P periods; with options one pass over the bitmaps",
        "BITWINDOW COUNT a 2026-11-01 2026-11-30 ATLEAST 3 AND 1 b",
        |args, host| ask(args, host, Ask::Count(choice(args, args.count())?)),
    ),
    row(
        "BITWINDOW|MEMBERS",
        -5,
        "Returns the users that `COUNT` counts, in the order of their numbers, at most `LIMIT` of them.",
        "One pass over the bitmaps",
        "BITWINDOW MEMBERS a 2026-11-01 2026-11-30 LIMIT 10",
        |args, host| {
            let (end, limit) = limit(args)?;
            ask(args, host, Ask::Members(choice(args, end)?, limit))
        },
    ),
    row(
        "BITWINDOW|PERIODS",
        5,
        "Returns the periods of a window that have marks, each with its number of users.",
        "O(P) for P periods",
        "BITWINDOW PERIODS a - +",
        |args, host| ask(args, host, Ask::Periods(window(args)?)),
    ),
    row(
        "BITWINDOW|RETENTION",
        6,
        "Returns, for the users who were first active in each `DAY`, `WEEK` or `MONTH` of a window, how many \
         were active in it and in each later one.",
        "O(cells) once the counts are kept; else one pass over all users",
        "BITWINDOW RETENTION a 2026-11-01 2026-11-30 WEEK",
        |args, host| ask(args, host, Ask::Retention(window(args)?, bucket(args)?)),
    ),
    row(
        "BITWINDOW|ROLLING",
        5,
        "Returns each period of a window with its distinct users of the day, the week and the month that end \
         with it.",
        "O(P/32) for each row",
        "BITWINDOW ROLLING a 2026-11-01 2026-11-30",
        |args, host| ask(args, host, Ask::Rolling(window(args)?)),
    ),
    row(
        "BITWINDOW|SEEN",
        4,
        "Returns the first and the last period in which a user was active.",
        "O(1) for each 512 periods",
        "BITWINDOW SEEN a 7",
        |args, host| {
            let user = args.word(3)?;
            ask(args, host, Ask::Seen { user })
        },
    ),
    row(
        "BITWINDOW|SPAN",
        3,
        "Returns the first and the last period with marks.",
        "O(1)",
        "BITWINDOW SPAN a",
        |args, host| ask(args, host, Ask::Span),
    ),
    row(
        "BITWINDOW|STREAK",
        5,
        "Returns in how many periods in a row, up to this one, a user was active.",
        "O(length / 64)",
        "BITWINDOW STREAK a 7 2026-11-21",
        |args, host| {
            let (user, at) = (args.word(3)?, period(args, 4)?);
            ask(args, host, Ask::Streak { user, at })
        },
    ),
    row(
        "BITWINDOW|TOPSTREAKS",
        6,
        "Returns the users with the longest streaks in a window, each with its first period and its length.",
        "One pass over all users",
        "BITWINDOW TOPSTREAKS a - + 10",
        |args, host| {
            let count = args.int(5)?;
            let count = usize::try_from(count)
                .map_err(|_negative| other("ERR value is out of range, must be positive"))?;
            ask(args, host, Ask::TopStreaks(window(args)?, count))
        },
    ),
    CommandSpec {
        name: "BITWINDOW|HELP",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        keys: KeyPositions::NONE,
        group: "bitmap",
        since: "0.1.0",
        summary: "Lists the subcommands and what words they take.",
        complexity: "O(1)",
        redis_complexity: "",
        differences: "Redis has no such command.",
        example: "BITWINDOW HELP",
        call: |_, _| Ok(help(HELP)),
    },
];

const HELP: &[&str] = &[
    "BITWINDOW <subcommand> <activity> [<arg> ...]. <from> and <to> are periods as in keys, both",
    "included, or - and + for the first and the last one. Subcommands are:",
    "CHANGES <activity> <from> <to>",
    "    Return how many users were active, new, retained, returning and lost.",
    "COUNT <activity> <from> <to> [ATLEAST <k>|EXACTLY <k>|EVERY]",
    "      [AND|OR|NOT <numkeys> <key> [<key> ...]] ...",
    "    Return how many users were active, joined with bitmaps or sets from left to right.",
    "MEMBERS <activity> <from> <to> [<as for COUNT>] [LIMIT <count>]",
    "    Return the users that COUNT counts.",
    "PERIODS <activity> <from> <to>",
    "    Return the periods with marks and how many users each has.",
    "RETENTION <activity> <from> <to> DAY|WEEK|MONTH",
    "    Return for each cohort its start and how many were active in it and in each later one.",
    "ROLLING <activity> <from> <to>",
    "    Return each period with its users of the day, the week and the month that end with it.",
    "SEEN <activity> <user>",
    "    Return the first and the last period of a user.",
    "SPAN <activity>",
    "    Return the first and the last period with marks.",
    "STREAK <activity> <user> <at>",
    "    Return in how many periods in a row up to <at> a user was active.",
    "TOPSTREAKS <activity> <from> <to> <count>",
    "    Return the users with the longest streaks, each with its first period and length.",
    "HELP",
    "    Prints this help.",
];

/// A question about the activity `name`.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) ask: Ask<'a>,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Ask<'a> {
    Changes(Bounds<'a>),
    Count(Chosen<'a>),
    Members(Chosen<'a>, usize),
    Periods(Bounds<'a>),
    Retention(Bounds<'a>, BucketWord),
    Rolling(Bounds<'a>),
    Seen { user: &'a [u8] },
    Span,
    Streak { user: &'a [u8], at: &'a str },
    TopStreaks(Bounds<'a>, usize),
}

/// The texts of a window's first and last period, where it has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<'a> {
    pub(crate) from: Option<&'a str>,
    pub(crate) to: Option<&'a str>,
}

/// Users who were active in so many periods of a window, joined with keys.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) window: Bounds<'a>,
    pub(crate) periods: Periods,
    pub(crate) joins: Vec<(JoinWord, &'a [&'a [u8]])>,
}

/// In how many periods of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Periods {
    Any,
    AtLeast(u32),
    Exactly(u32),
    Every,
}

/// How keys are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinWord {
    And,
    Or,
    Not,
}

/// What users are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BucketWord {
    Day,
    Week,
    Month,
}

fn other(text: &'static str) -> CommandError {
    CommandError::Other(text.into())
}

fn ask(args: Args<'_>, host: &dyn Host, ask: Ask<'_>) -> Result<Reply, Error> {
    let name = args.word(2)?;
    host.ask_activity(&Question { name, ask })
}

fn window(args: Args<'_>) -> Result<Bounds<'_>, CommandError> {
    let from = args.word(3)? != b"-";
    let to = args.word(4)? != b"+";
    Ok(Bounds {
        from: from.then(|| period(args, 3)).transpose()?,
        to: to.then(|| period(args, 4)).transpose()?,
    })
}

/// The text of a period; whether it is one, the activity says.
fn period(args: Args<'_>, at: usize) -> Result<&str, CommandError> {
    std::str::from_utf8(args.word(at)?)
        .map_err(|_| other("ERR a period is written 2026-11-21, 2026-11-21T07 or 2026-W47"))
}

fn bucket(args: Args<'_>) -> Result<BucketWord, CommandError> {
    let buckets = [
        ("DAY", BucketWord::Day),
        ("WEEK", BucketWord::Week),
        ("MONTH", BucketWord::Month),
    ];
    let named = buckets.into_iter().find(|(name, _)| args.is(5, name));
    Ok(named.ok_or(CommandError::Syntax)?.1)
}

/// The limit that ends the words, and where the words before it end.
fn limit(args: Args<'_>) -> Result<(usize, usize), CommandError> {
    let count = args.count();
    if count < 7 || !args.is(count - 2, "LIMIT") {
        return Ok((count, usize::MAX));
    }
    let limit = usize::try_from(args.int(count - 1)?);
    let limit = limit.map_err(|_negative| other("ERR value is out of range, must be positive"))?;
    Ok((count - 2, limit))
}

/// The window and the options between it and `end`.
fn choice(args: Args<'_>, end: usize) -> Result<Chosen<'_>, CommandError> {
    let mut chosen = Chosen {
        window: window(args)?,
        periods: Periods::Any,
        joins: Vec::new(),
    };
    let mut at = 5;
    if at < end && args.is(at, "EVERY") {
        chosen.periods = Periods::Every;
        at += 1;
    } else if at < end && (args.is(at, "ATLEAST") || args.is(at, "EXACTLY")) {
        let number = args.int(at + 1)?;
        let number = u32::try_from(number).ok().filter(|&number| number > 0);
        let number =
            number.ok_or_else(|| other("ERR number of periods should be greater than 0"))?;
        chosen.periods = match args.is(at, "EXACTLY") {
            true => Periods::Exactly(number),
            false => Periods::AtLeast(number),
        };
        at += 2;
    }
    while at < end {
        let joins = [
            ("AND", JoinWord::And),
            ("OR", JoinWord::Or),
            ("NOT", JoinWord::Not),
        ];
        let named = joins.into_iter().find(|(name, _)| args.is(at, name));
        let (_, join) = named.ok_or(CommandError::Syntax)?;
        let count = parse_i64(args.word(at + 1)?).and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|&count| count > 0);
        let count = count.ok_or_else(|| other("ERR numkeys should be greater than 0"))?;
        let from = at + 2;
        let keys = args
            .rest(from)
            .get(..count)
            .filter(|_| count <= end.saturating_sub(from));
        let keys =
            keys.ok_or_else(|| other("ERR Number of keys can't be greater than number of args"))?;
        chosen.joins.push((join, keys));
        at = from + count;
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests;
