//! What the commands of sorted sets read and print in words: ends of ranges (`5`, `(5`, `-inf`; `[m`, `(m`,
//! `-`, `+`), and scores.
//!
//! Called by the commands that take ranges of scores or of members.

use super::args::Args;
use super::reply::Reply;
use crate::error::CommandError;
use crate::value::number::{score_text, strtod};
use crate::value::zset::{LexBound, ScoreBound};

fn score_bound(word: &[u8]) -> Result<ScoreBound, CommandError> {
    let (text, bound): (_, fn(f64) -> ScoreBound) = match word {
        [b'(', rest @ ..] => (rest, ScoreBound::Exclusive),
        whole => (whole, ScoreBound::Inclusive),
    };
    let number = strtod(text).map(|(score, _)| bound(score));
    number.ok_or(CommandError::Other("ERR min or max is not a float".into()))
}

/// The words at these places as the ends of a range of scores.
pub(super) fn score_bounds(
    args: Args<'_>,
    min: usize,
    max: usize,
) -> Result<(ScoreBound, ScoreBound), CommandError> {
    Ok((score_bound(args.word(min)?)?, score_bound(args.word(max)?)?))
}

fn lex_bound(word: &[u8]) -> Result<LexBound<'_>, CommandError> {
    match word {
        [b'-'] | [b'-', 0, ..] => Ok(LexBound::Min),
        [b'+'] | [b'+', 0, ..] => Ok(LexBound::Max),
        [b'[', member @ ..] => Ok(LexBound::Inclusive(member)),
        [b'(', member @ ..] => Ok(LexBound::Exclusive(member)),
        _ => Err(CommandError::Other(
            "ERR min or max not valid string range item".into(),
        )),
    }
}

/// The words at these places as the ends of a range of members.
pub(super) fn lex_bounds<'a>(
    args: Args<'a>,
    min: usize,
    max: usize,
) -> Result<(LexBound<'a>, LexBound<'a>), CommandError> {
    Ok((lex_bound(args.word(min)?)?, lex_bound(args.word(max)?)?))
}

/// A score as a reply.
pub(super) fn score_reply(score: f64) -> Reply {
    Reply::Bulk(score_text(score))
}
