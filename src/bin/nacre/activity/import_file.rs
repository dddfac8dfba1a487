//! An import from end to end: finds out how the file is written and where to go on, marks its rows,
//! says what became of them.
//!
//! Called by the subcommand with a [`Store`], which is the database's part: it keeps a note for each file
//! in the hash [`super::resume::key`].

use std::io::Write;
use std::path::Path;

use nacredb::{Error, Granularity, StorageError, Zone};

use super::arguments::ImportTask;
use super::csv_rows::Dialect;
use super::import::{Expected, Mark, Reached, Sink, import};
use super::resume::Note;
use super::source::{Notes, Source, skipped};
use crate::{Failure, progress, say};

/// An activity and the notes of its imports.
pub(crate) trait Store {
    /// What its periods are.
    fn granularity(&self) -> Granularity;

    /// Whose clocks local times are by.
    fn zone(&self) -> &Zone;

    /// Whether users have names; else they are numbers.
    fn is_named(&self) -> bool;

    /// The note of this file, if there is one.
    fn note(&mut self, file: &str) -> Result<Option<String>, Failure>;

    /// Marks all of them and keeps the note, the file's name first, which must never be safe before the
    /// marks are; tells how many marks were new.
    fn mark(&mut self, marks: Vec<Mark>, note: Option<(&str, &str)>) -> Result<u64, Failure>;
}

/// Hands marks to a store with the note of how far they reach.
struct Noting<'s, S> {
    store: &'s mut S,
    /// The file's name and its notes; `None` for what comes only once.
    notes: Option<(String, Notes)>,
}

impl<S: Store> Sink for Noting<'_, S> {
    fn mark(&mut self, marks: Vec<Mark>, reached: Reached) -> Result<u64, Failure> {
        let note = match &mut self.notes {
            Some((name, notes)) => Some((name.as_str(), notes.note(reached)?.to_text())),
            None => None,
        };
        let note = note.as_ref().map(|(name, text)| (*name, text.as_str()));
        self.store.mark(marks, note)
    }
}

/// A csv file that is understood.
pub(crate) struct Csv {
    source: Source,
    dialect: Dialect,
}

impl Csv {
    /// Finds out how it is written; `None` if that cannot be, and the user is told why.
    pub(crate) fn open(task: &ImportTask) -> Result<Option<Self>, Failure> {
        let path = task.csv.as_deref();
        let name = path.unwrap_or(Path::new("standard input"));
        let source = Source::open(path).map_err(|error| {
            let source = error.into();
            Failure::at(name)(Error::Storage(StorageError::Io { op: "open", source }))
        })?;
        let name = name.display();
        match source.dialect(&task.known) {
            Ok(dialect) => {
                say(&format!("{name}: {}", dialect.describe()));
                Ok(Some(Self { source, dialect }))
            }
            Err(reason) => {
                say(&format!("{name}: {reason}"));
                Ok(None)
            }
        }
    }

    /// Imports its rows; the answer is the exit code.
    pub(crate) fn import(
        self,
        task: &ImportTask,
        store: &mut impl Store,
        out: &mut impl Write,
    ) -> Result<u8, Failure> {
        let Self { source, dialect } = self;
        let expected = Expected {
            format: dialect.format.clone(),
            granularity: store.granularity(),
            named: store.is_named(),
            bad_rows_shown: task.bad_rows_shown,
        };
        let users = if expected.named { "names" } else { "numbers" };
        let settings = format!(
            "{}; users by {users}; by {}, {}",
            dialect.describe(),
            expected.granularity,
            store.zone()
        );
        let (mut notes, mut note) = (None, None);
        if let Some(path) = source.path() {
            let name = path.to_string_lossy().into_owned();
            if !task.restart {
                note = store.note(&name)?.and_then(|text| Note::from_text(&text));
            }
            notes = Some((name, Notes::new(path, settings.clone())?));
        }
        let bar = progress::bar("importing", source.bytes());
        let (mut rows, before) = source.rows(&dialect, note.as_ref(), &settings)?;
        if let Some(text) = skipped(before) {
            say(&text);
        }
        let mut sink = Noting { store, notes };
        let imported = import(&mut rows, before, &expected, &mut sink, |place| {
            bar.set_position(place.bytes);
        });
        bar.finish_and_clear();
        let outcome = imported?;
        out.write_all(outcome.summary().as_bytes())?;
        if let Some(text) = outcome.complaint() {
            say(&text);
        }
        Ok(outcome.exit_code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::PathBuf;

    use nacredb::Time;

    use super::super::csv_rows::{Column, Known};
    use super::super::import::User;
    use super::*;

    #[derive(Default)]
    struct Memory {
        marks: BTreeSet<(u32, String)>,
        notes: BTreeMap<String, String>,
        batches_left: Option<usize>,
    }

    impl Store for Memory {
        fn granularity(&self) -> Granularity {
            Granularity::Day
        }

        fn zone(&self) -> &Zone {
            &Zone::UTC
        }

        fn is_named(&self) -> bool {
            false
        }

        fn note(&mut self, file: &str) -> Result<Option<String>, Failure> {
            Ok(self.notes.get(file).cloned())
        }

        fn mark(&mut self, marks: Vec<Mark>, note: Option<(&str, &str)>) -> Result<u64, Failure> {
            if let Some(left) = &mut self.batches_left {
                *left = left
                    .checked_sub(1)
                    .ok_or(Failure::Usage("full".to_owned()))?;
            }
            let before = self.marks.len();
            for mark in marks {
                match (mark.user, mark.time) {
                    (User::Number(user), Time::Period(day)) => {
                        self.marks.insert((user, day.to_string()));
                    }
                    other => panic!("{other:?}"),
                }
            }
            if let Some((file, text)) = note {
                self.notes.insert(file.to_owned(), text.to_owned());
            }
            Ok((self.marks.len() - before) as u64)
        }
    }

    fn task(path: PathBuf) -> ImportTask {
        ImportTask {
            csv: Some(path),
            known: Known {
                user: Column::Name("user".to_owned()),
                time: Column::Name("at".to_owned()),
                delimiter: None,
                no_header: false,
                format: None,
            },
            granularity: None,
            zone: None,
            named: false,
            bad_rows_shown: 1,
            restart: false,
        }
    }

    fn imported(task: &ImportTask, store: &mut Memory) -> Result<(u8, String), Failure> {
        let mut out = Vec::new();
        let code = match Csv::open(task)? {
            Some(csv) => csv.import(task, store, &mut out)?,
            None => 1,
        };
        Ok((code, String::from_utf8(out).unwrap()))
    }

    #[test]
    fn a_second_import_reads_only_what_was_added() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let mut text = "at;user\n2026-11-21 10:00;7\n2026-11-22;8\nnever;8\n".to_owned();
        fs::write(&path, &text).unwrap();
        let mut task = task(path.clone());
        let mut store = Memory::default();
        let summary = |new, known| {
            format!(
                "{} rows imported: {new} new marks, {known} known before\n",
                new + known
            )
        };
        assert_eq!(imported(&task, &mut store).unwrap(), (1, summary(2, 0)));
        assert_eq!(imported(&task, &mut store).unwrap(), (0, summary(0, 0)));
        text.push_str("2026-11-23;9\n");
        fs::write(&path, &text).unwrap();
        assert_eq!(imported(&task, &mut store).unwrap(), (0, summary(1, 0)));
        task.restart = true;
        assert_eq!(imported(&task, &mut store).unwrap(), (1, summary(0, 3)));
        let all: Vec<_> = store
            .marks
            .iter()
            .map(|(user, day)| format!("{user} {day}"))
            .collect();
        assert_eq!(all, ["7 2026-11-21", "8 2026-11-22", "9 2026-11-23"]);
    }

    #[test]
    fn an_import_that_broke_off_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let count = 70_000;
        let rows: String = (0..count)
            .map(|user| format!("{user},2026-11-21\n"))
            .collect();
        fs::write(&path, format!("user,at\n{rows}")).unwrap();
        let task = task(path);
        let mut store = Memory {
            batches_left: Some(2),
            ..Memory::default()
        };
        assert!(imported(&task, &mut store).is_err());
        let done = store.marks.len();
        assert!(done > 0 && done < count);
        store.batches_left = None;
        let (code, said) = imported(&task, &mut store).unwrap();
        assert_eq!((code, store.marks.len()), (0, count));
        assert!(
            said.starts_with(&format!(
                "{} rows imported: {} new",
                count - done + 1,
                count - done
            )),
            "{said}"
        );
    }

    #[test]
    fn a_file_that_is_not_understood_or_not_there_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, "user,at\n1,03/04/2026\n").unwrap();
        let mut store = Memory::default();
        assert_eq!(
            imported(&task(path), &mut store).unwrap(),
            (1, String::new())
        );
        let missing = imported(&task(dir.path().join("none.csv")), &mut store);
        assert!(matches!(missing, Err(Failure::Database(..))));
        assert!(store.marks.is_empty() && store.notes.is_empty());
    }
}
