//! Where the keys of a command stand that has no fixed places for them: after their number, or after an
//! option.
//!
//! Called by `COMMAND GETKEYS`, for the commands with [`Flag::MovableKeys`](super::spec::Flag).

use super::args::Args;
use super::spec::CommandSpec;

/// Where to look.
enum Place {
    /// A fixed key at this place or none, and the number of the others at that one, before them.
    Counted {
        fixed: Option<usize>,
        count: usize,
    },
    /// A key at place 1, and one after the last `STORE` of the options of `SORT`.
    Sorted,
    /// A key at place 1, and one after `STORE` and after `STOREDIST` among the options.
    Radius,
}

fn place(name: &str) -> Option<Place> {
    let counted = |fixed, count| Some(Place::Counted { fixed, count });
    match name {
        "LMPOP" | "SINTERCARD" | "ZDIFF" | "ZINTER" | "ZINTERCARD" | "ZMPOP" | "ZUNION" => {
            counted(None, 1)
        }
        "BLMPOP" | "BZMPOP" => counted(None, 2),
        "ZDIFFSTORE" | "ZINTERSTORE" | "ZUNIONSTORE" => counted(Some(1), 2),
        "SORT" | "SORT_RO" => Some(Place::Sorted),
        "GEORADIUS" | "GEORADIUSBYMEMBER" => Some(Place::Radius),
        _ => None,
    }
}

/// The places of a command's keys, in the order in which Redis tells them; `None` if their number is
/// none.
pub(super) fn positions(spec: &CommandSpec, words: &[&[u8]]) -> Option<Vec<usize>> {
    let args = Args::new(words);
    match place(spec.name)? {
        Place::Counted { fixed, count } => {
            let keys = usize::try_from(args.int(count).ok()?).ok()?;
            let end = (count + 1).checked_add(keys)?;
            if keys == 0 || end > args.count() {
                return None;
            }
            let listed = count + 1..end;
            Some(fixed.into_iter().chain(listed).collect())
        }
        Place::Sorted => {
            let mut stored = None;
            let mut at = 2;
            while at < args.count() {
                if args.is(at, "LIMIT") {
                    at += 2;
                } else if args.is(at, "BY") || args.is(at, "GET") {
                    at += 1;
                } else if args.is(at, "STORE") && at + 1 < args.count() {
                    stored = Some(at + 1);
                    at += 1;
                }
                at += 1;
            }
            Some([1].into_iter().chain(stored).collect())
        }
        Place::Radius => {
            let after = |name| (5..args.count() - 1).find(|&at| args.is(at, name));
            let stored = ["STORE", "STOREDIST"].into_iter().filter_map(after);
            Some([1].into_iter().chain(stored.map(|at| at + 1)).collect())
        }
    }
}
