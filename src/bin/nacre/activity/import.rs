//! `nacre activity .. import`: marks from the rows of a csv file, in batches.
//!
//! Called by `import_file` with a [`Sink`]. Invariants:
//! 1. A row that is not understood is counted and, the first of them, told; it never stops the import.
//! 2. A batch and the note of how far it reaches go to the sink together.

use std::fmt::Write as _;
use std::io::Read;

use nacredb::{Granularity, Time};

use super::csv_rows::{Place, Row, Rows};
use super::times::{TimeFormat, short};
use crate::Failure;

/// Rows and bytes of users' names in a batch.
const BATCH_ROWS: u64 = 20_000;
const BATCH_BYTES: usize = 8 << 20;

/// The largest number a user may have.
const USER_MAX: u32 = u32::MAX - 1;

/// Who was active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum User {
    Number(u32),
    Name(Vec<u8>),
}

/// Who was active when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) user: User,
    pub(crate) time: Time,
}

/// How far the rows that were handed over reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Reading may go on here.
    pub(crate) place: Place,
    /// All rows of the file before it, and how many of them were not understood.
    pub(crate) rows: u64,
    pub(crate) bad: u64,
}

impl Reached {
    /// With what this run has read.
    fn and(self, outcome: &Outcome, place: Place) -> Self {
        Self {
            place,
            rows: self.rows + outcome.rows,
            bad: self.bad + outcome.bad,
        }
    }
}

/// Where marks go.
pub(crate) trait Sink {
    /// Marks all of them and then notes how far they reach at least; tells how many were new.
    fn mark(&mut self, marks: Vec<Mark>, reached: Reached) -> Result<u64, Failure>;
}

/// What a row must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) format: TimeFormat,
    pub(crate) granularity: Granularity,
    /// Users have names; else they are numbers.
    pub(crate) named: bool,
    /// How many rows that are not understood are told.
    pub(crate) bad_rows_shown: usize,
}

/// What became of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) rows: u64,
    pub(crate) bad: u64,
    pub(crate) new_marks: u64,
    /// Line and reason of the first rows that were not understood.
    pub(crate) told: Vec<(u64, String)>,
}

impl Outcome {
    /// 0 if all rows were good, 1 if not.
    pub(crate) fn exit_code(&self) -> u8 {
        u8::from(self.bad > 0)
    }

    /// What was done, for standard output.
    pub(crate) fn summary(&self) -> String {
        let good = self.rows - self.bad;
        let known = good.saturating_sub(self.new_marks);
        format!(
            "{good} rows imported: {} new marks, {known} known before\n",
            self.new_marks
        )
    }

    /// What was not understood, for standard error.
    pub(crate) fn complaint(&self) -> Option<String> {
        if self.bad == 0 {
            return None;
        }
        let mut text = format!(
            "{} of {} rows were not understood and left out",
            self.bad, self.rows
        );
        for (line, reason) in &self.told {
            let _ = write!(text, "\n  line {line}: {reason}");
        }
        let untold = self.bad - self.told.len() as u64;
        if untold > 0 && !self.told.is_empty() {
            let _ = write!(text, "\n  and {untold} more");
        }
        Some(text)
    }
}

/// Marks what the rows say. `before` is what earlier runs have read; `on_place` hears how far this one is.
pub(crate) fn import<R: Read>(
    rows: &mut Rows<R>,
    before: Reached,
    expected: &Expected,
    sink: &mut impl Sink,
    mut on_place: impl FnMut(Place),
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    loop {
        let (mut marks, mut name_bytes) = (Vec::new(), 0);
        let rows_before = outcome.rows;
        let mut reached = before.and(&outcome, rows.place());
        let ended = loop {
            let here = before.and(&outcome, rows.place());
            let Some(row) = rows.next()? else {
                break true;
            };
            reached = here;
            outcome.rows += 1;
            match read(row, expected) {
                Ok(mark) => {
                    if let User::Name(name) = &mark.user {
                        name_bytes += name.len();
                    }
                    marks.push(mark);
                }
                Err(reason) => {
                    outcome.bad += 1;
                    if outcome.told.len() < expected.bad_rows_shown {
                        outcome.told.push((row.line, reason));
                    }
                }
            }
            if outcome.rows - rows_before == BATCH_ROWS || name_bytes >= BATCH_BYTES {
                break false;
            }
        };
        // The last row of a batch is read again by the next run, unless it is known to be finished: a
        // file that grows may end in half a row.
        if ended && rows.ends_with_line() {
            reached = before.and(&outcome, rows.place());
        }
        if outcome.rows > rows_before {
            outcome.new_marks += sink.mark(marks, reached)?;
            on_place(rows.place());
        }
        if ended {
            return Ok(outcome);
        }
    }
}

/// The mark a row makes, or why it makes none.
fn read(row: Row<'_>, expected: &Expected) -> Result<Mark, String> {
    let cell = row.time.ok_or("the row is too short to have a time")?;
    let cell = std::str::from_utf8(cell).map_err(|_| "the time is no UTF-8")?;
    let time = expected.format.read(cell)?.time(expected.granularity)?;
    let user = row.user.ok_or("the row is too short to have a user")?;
    if user.is_empty() {
        return Err("the user is empty".to_owned());
    }
    let user = if expected.named {
        User::Name(user.to_vec())
    } else {
        User::Number(number(user)?)
    };
    Ok(Mark { user, time })
}

fn number(cell: &[u8]) -> Result<u32, String> {
    let text = String::from_utf8_lossy(cell);
    let digits = cell.iter().all(u8::is_ascii_digit);
    match text.parse() {
        Ok(number @ ..=USER_MAX) if digits => Ok(number),
        _ if digits => Err(format!(
            "user {} is above {USER_MAX}; --named takes any",
            short(&text)
        )),
        _ => Err(format!(
            "user `{}` is no number; --named takes names",
            short(&text)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::csv_rows::{Column, Dialect, Known};
    use super::*;

    /// Keeps what it is given; refuses after so many batches.
    #[derive(Default)]
    struct Memory {
        marks: Vec<Mark>,
        reached: Vec<Reached>,
        batches_max: Option<usize>,
    }

    impl Sink for Memory {
        fn mark(&mut self, marks: Vec<Mark>, reached: Reached) -> Result<u64, Failure> {
            if self.batches_max == Some(self.reached.len()) {
                return Err(Failure::Usage("full".to_owned()));
            }
            let new = marks
                .iter()
                .filter(|mark| !self.marks.contains(mark))
                .count() as u64;
            self.marks.extend(marks);
            self.reached.push(reached);
            Ok(new)
        }
    }

    const ROWS: usize = BATCH_ROWS as usize * 2 + 5;

    const NOTHING: Reached = Reached {
        place: Place::START,
        rows: 0,
        bad: 0,
    };

    fn dialect(text: &str) -> Dialect {
        let known = Known {
            user: Column::Number(1),
            time: Column::Number(2),
            delimiter: Some(b','),
            no_header: true,
            format: Some(TimeFormat::Iso),
        };
        Dialect::detect(text.as_bytes(), true, &known).unwrap()
    }

    fn expected(named: bool, bad_rows_shown: usize) -> Expected {
        Expected {
            format: TimeFormat::Iso,
            granularity: Granularity::Day,
            named,
            bad_rows_shown,
        }
    }

    fn run(text: &str, from: Reached, named: bool, sink: &mut Memory) -> Result<Outcome, Failure> {
        let rest = &text.as_bytes()[from.place.bytes as usize..];
        let mut rows = Rows::new(rest, from.place, &dialect(text))?;
        import(&mut rows, from, &expected(named, 3), sink, |_| {})
    }

    const BAD: &str = "\
1,2026-11-21
x,2026-11-21
4294967295,2026-11-21
,2026-11-21
5
6,yesterday
+7,2026-11-21
8,2026-11-22
1,2026-11-21
";

    #[test]
    fn bad_rows_are_counted_and_the_first_told() {
        let mut sink = Memory::default();
        let outcome = run(BAD, NOTHING, false, &mut sink).unwrap();
        assert_eq!((outcome.rows, outcome.bad, outcome.exit_code()), (9, 6, 1));
        assert_eq!(sink.marks.len(), 3);
        let complaint = outcome.complaint().unwrap();
        assert!(complaint.starts_with("6 of 9 rows"), "{complaint}");
        assert!(
            complaint.contains("line 2: user `x` is no number"),
            "{complaint}"
        );
        assert!(
            complaint.contains("line 3: user 4294967295 is above 4294967294"),
            "{complaint}"
        );
        assert!(
            complaint.contains("line 4: the user is empty"),
            "{complaint}"
        );
        assert!(complaint.ends_with("and 3 more"), "{complaint}");
        assert_eq!(sink.reached.last().unwrap().bad, 6);
    }

    #[test]
    fn names_may_be_anything_but_empty() {
        let mut sink = Memory::default();
        let outcome = run(BAD, NOTHING, true, &mut sink).unwrap();
        assert_eq!((outcome.rows, outcome.bad), (9, 3));
        assert_eq!(sink.marks[1].user, User::Name(b"x".to_vec()));
    }

    #[test]
    fn a_clean_import_has_nothing_to_complain_of() {
        let mut sink = Memory::default();
        let outcome = run("1,2026-11-21\n2,2026-11-21\n", NOTHING, false, &mut sink).unwrap();
        assert_eq!((outcome.complaint(), outcome.exit_code()), (None, 0));
        assert_eq!(
            outcome.summary(),
            "2 rows imported: 2 new marks, 0 known before\n"
        );
        assert_eq!(
            sink.reached,
            [Reached {
                place: Place { bytes: 26, line: 3 },
                rows: 2,
                bad: 0
            }]
        );
    }

    #[test]
    fn an_import_that_broke_off_goes_on_where_the_last_batch_ended() {
        let text: String = (0..ROWS)
            .map(|user| format!("{user},2026-11-21\n"))
            .collect();
        let mut sink = Memory {
            batches_max: Some(1),
            ..Memory::default()
        };
        assert!(run(&text, NOTHING, false, &mut sink).is_err());
        let first = *sink.reached.last().unwrap();
        assert!(first.rows > 0 && first.rows < BATCH_ROWS);
        sink.batches_max = None;
        run(&text, first, false, &mut sink).unwrap();
        let users: std::collections::BTreeSet<_> = sink
            .marks
            .iter()
            .map(|mark| match mark.user {
                User::Number(number) => number as usize,
                User::Name(_) => panic!("a name"),
            })
            .collect();
        assert!(users.into_iter().eq(0..ROWS));
        let last = sink.reached.last().unwrap();
        assert_eq!(last.rows as usize, ROWS);
        assert_eq!(last.place.bytes as usize, text.len());
    }

    #[test]
    fn a_last_row_without_a_line_end_is_read_again() {
        let mut sink = Memory::default();
        run("1,2026-11-21\n2,2026-11-2", NOTHING, true, &mut sink).unwrap();
        let reached = *sink.reached.last().unwrap();
        assert_eq!(reached.place, Place { bytes: 13, line: 2 });
        assert_eq!((reached.rows, reached.bad), (1, 0));
        let grown = "1,2026-11-21\n2,2026-11-22\n";
        let outcome = run(grown, reached, true, &mut sink).unwrap();
        assert_eq!((outcome.rows, outcome.bad, outcome.new_marks), (1, 0, 1));
    }
}
