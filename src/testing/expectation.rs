//! What a test expects of the difference between two moments.
//!
//! Called by [`assert_diff!`](crate::assert_diff) and [`assert_no_diff!`](crate::assert_no_diff). Invariant:
//! lines are compared whole and each counts once; their order, which follows from the keys, is not compared.

use std::fmt::Write as _;

use super::TestDb;
use crate::{Db, Snapshot};

/// Something that has a content now: a snapshot, or a database, of which one is taken.
pub trait Moment {
    /// The content.
    ///
    /// # Panics
    /// If it is a database that was closed.
    fn moment(&self) -> Snapshot;
}

impl Moment for Snapshot {
    fn moment(&self) -> Snapshot {
        self.clone()
    }
}

impl Moment for Db {
    #[track_caller]
    fn moment(&self) -> Snapshot {
        match self.snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => panic!("no snapshot of this database: {error}"),
        }
    }
}

impl Moment for TestDb {
    #[track_caller]
    fn moment(&self) -> Snapshot {
        Db::moment(self)
    }
}

impl<M: Moment + ?Sized> Moment for &M {
    #[track_caller]
    fn moment(&self) -> Snapshot {
        M::moment(self)
    }
}

/// Asserts what differs between two moments: the lines of [`Diff`](crate::Diff), all of them, in any order.
/// Each may be a [`Snapshot`](crate::Snapshot), a [`Db`](crate::Db) or a [`TestDb`](crate::testing::TestDb).
///
/// Lines are given one by one or several in one text; blanks around them do not matter, and empty lines mean
/// nothing. Without lines the difference is printed, to be looked at and copied.
///
/// It costs what changed, not what is there: see [`Snapshot::diff`](crate::Snapshot::diff).
///
/// ```
/// use nacredb::{assert_diff, prelude::*, testing};
///
/// let db = testing::db();
/// let before = db.snapshot()?;
/// db.zadd("board", 3.0, "ada")?;
/// db.rpush("log", &["ada scored"])?;
/// assert_diff!(before, db); // prints
/// assert_diff!(before, db, r#"+ zset "board" = {ada 3}"#, r#"+ list "log" = ["ada scored"]"#);
/// assert_diff!(
///     before,
///     db,
///     r#"
///     + zset "board" = {ada 3}
///     + list "log" = ["ada scored"]
///     "#
/// );
/// # Ok::<(), nacredb::Error>(())
/// ```
///
/// # Panics
/// If other lines are found than expected, with those that are missing, those that are too many, and both
/// sides.
#[macro_export]
macro_rules! assert_diff {
    ($before:expr, $after:expr $(,)?) => {
        $crate::testing::print_diff(&$before, &$after)
    };
    ($before:expr, $after:expr, $($line:expr),+ $(,)?) => {
        $crate::testing::check_diff(
            &$before,
            &$after,
            &[$(::core::convert::AsRef::<str>::as_ref(&$line)),+],
        )
    };
}

/// Asserts that two moments hold the same; see [`assert_diff!`](crate::assert_diff).
///
/// ```
/// use nacredb::{assert_no_diff, prelude::*, testing};
///
/// let db = testing::db();
/// db.set("k", "v")?;
/// let before = db.snapshot()?;
/// assert_eq!(db.incr("k").unwrap_err().to_string(), "ERR value is not an integer or out of range");
/// assert_no_diff!(before, db);
/// # Ok::<(), nacredb::Error>(())
/// ```
///
/// # Panics
/// If they do not, with what differs.
#[macro_export]
macro_rules! assert_no_diff {
    ($before:expr, $after:expr $(,)?) => {
        $crate::testing::check_no_diff(&$before, &$after)
    };
}

/// Prints what differs.
#[doc(hidden)]
#[track_caller]
pub fn print_diff(before: &dyn Moment, after: &dyn Moment) {
    eprint!("{}", before.moment().diff(&after.moment()));
}

/// Asserts that what differs is what was expected.
#[doc(hidden)]
#[track_caller]
pub fn check_diff(before: &dyn Moment, after: &dyn Moment, expected: &[&str]) {
    let found = before.moment().diff(&after.moment()).to_string();
    if let Some(complaint) = complaint(&found, expected) {
        panic!("{complaint}");
    }
}

/// Asserts that nothing differs.
#[doc(hidden)]
#[track_caller]
pub fn check_no_diff(before: &dyn Moment, after: &dyn Moment) {
    check_diff(before, after, &[]);
}

/// What is wrong with the lines that were found, if anything is.
fn complaint(found: &str, expected: &[&str]) -> Option<String> {
    let found: Vec<&str> = found.lines().collect();
    let lines = expected.iter().flat_map(|text| text.lines());
    let expected: Vec<&str> = lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let mut unexpected = found.clone();
    let mut missing = Vec::new();
    for line in &expected {
        match unexpected.iter().position(|other| other == line) {
            Some(at) => {
                unexpected.remove(at);
            }
            None => missing.push(*line),
        }
    }
    if missing.is_empty() && unexpected.is_empty() {
        return None;
    }
    let mut text = "the difference is not the expected one\n".to_owned();
    list("missing", &missing, &mut text);
    list("not expected", &unexpected, &mut text);
    list("expected in all", &expected, &mut text);
    list("found in all", &found, &mut text);
    Some(text)
}

fn list(title: &str, lines: &[&str], text: &mut String) {
    let _infallible = writeln!(text, "{title}:");
    for line in lines {
        let _infallible = writeln!(text, "    {line}");
    }
    if lines.is_empty() {
        text.push_str("    (nothing)\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_may_come_in_any_order_and_each_counts_once() {
        assert_eq!(complaint("+ a\n- b\n", &["- b", "  + a  "]), None);
        assert_eq!(complaint("+ a\n- b\n", &["\n  + a\n\n  - b\n"]), None);
        assert_eq!(complaint("", &[]), None);
        assert_eq!(complaint("", &["  \n"]), None);
        assert!(complaint("+ a\n", &["+ a", "+ a"]).is_some());
        assert!(complaint("+ a\n", &[]).is_some());
        assert!(complaint("+ a\n", &["+ a b"]).is_some());
    }

    #[test]
    fn a_complaint_shows_what_is_missing_what_is_too_much_and_both_sides() {
        let text = complaint("+ a\n- b\n", &["+ a", "+ c"]).unwrap();
        let expected = "the difference is not the expected one
missing:
    + c
not expected:
    - b
expected in all:
    + a
    + c
found in all:
    + a
    - b
";
        assert_eq!(text, expected);
        assert!(
            complaint("", &["+ a"])
                .unwrap()
                .contains("found in all:\n    (nothing)")
        );
    }
}
