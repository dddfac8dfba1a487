//! Where the rows of an import come from: a file, or standard input.
//!
//! Called by `import_file`: [`Source::open`], then [`Source::dialect`], then [`Source::rows`] from the
//! start or from where an earlier import got. Only a file can be gone on with; of standard input every
//! row is read.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::csv_rows::{Dialect, Known, Place, Rows, SAMPLE_BYTES};
use super::import::Reached;
use super::resume::{Fingerprint, Note};

/// What is read, and its first bytes.
pub(crate) struct Source {
    sample: Vec<u8>,
    rest: Rest,
}

/// What follows the first bytes.
enum Rest {
    File(PathBuf, File),
    /// Standard input, or a pipe with a name: bytes come once.
    Stream(Box<dyn Read>),
}

impl Source {
    /// `None` is standard input.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let mut rest = match path {
            None => Rest::Stream(Box::new(io::stdin())),
            Some(path) => {
                let file = File::open(path)?;
                if file.metadata()?.is_file() {
                    Rest::File(path.canonicalize()?, file)
                } else {
                    Rest::Stream(Box::new(file))
                }
            }
        };
        let input: &mut dyn Read = match &mut rest {
            Rest::File(_, file) => file,
            Rest::Stream(stream) => stream,
        };
        let mut sample = Vec::new();
        input.take(SAMPLE_BYTES as u64).read_to_end(&mut sample)?;
        Ok(Self { sample, rest })
    }

    /// How it is written.
    pub(crate) fn dialect(&self, known: &Known) -> Result<Dialect, String> {
        Dialect::detect(&self.sample, self.sample.len() < SAMPLE_BYTES, known)
    }

    /// The file that an import can go on with, if it is one: its path is its field among the notes.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.rest {
            Rest::File(path, _) => Some(path),
            Rest::Stream(_) => None,
        }
    }

    /// All its bytes, 0 if nobody knows.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.rest {
            Rest::File(_, file) => file.metadata().map_or(0, |data| data.len()),
            Rest::Stream(_) => 0,
        }
    }

    /// Its rows, from where the note says if it is to be believed, and how far that is.
    pub(crate) fn rows(
        self,
        dialect: &Dialect,
        note: Option<&Note>,
        settings: &str,
    ) -> io::Result<(Rows<Box<dyn Read>>, Reached)> {
        let mut before = Reached {
            place: Place::START,
            rows: 0,
            bad: 0,
        };
        let sample = Cursor::new(self.sample);
        let input: Box<dyn Read> = match self.rest {
            Rest::Stream(stream) => Box::new(sample.chain(stream)),
            Rest::File(_, mut file) => {
                if let Some(note) = note
                    && note.fits(&mut file, settings)?
                {
                    before = Reached {
                        place: note.place,
                        rows: note.rows,
                        bad: note.bad,
                    };
                }
                file.seek(SeekFrom::Start(before.place.bytes))?;
                Box::new(file)
            }
        };
        Ok((Rows::new(input, before.place, dialect)?, before))
    }
}

/// What was not read again, for standard error.
pub(crate) fn skipped(before: Reached) -> Option<String> {
    (before.rows > 0).then(|| {
        format!(
            "going on at line {}: {} rows were read by an earlier import, {} of them not understood; \
             --restart reads them again",
            before.place.line, before.rows, before.bad
        )
    })
}

/// Makes the notes of an import.
#[derive(Debug)]
pub(crate) struct Notes {
    file: File,
    settings: String,
}

impl Notes {
    /// Looks at the file through a handle of its own.
    pub(crate) fn new(path: &Path, settings: String) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { file, settings })
    }

    /// The note that an import got this far.
    pub(crate) fn note(&mut self, reached: Reached) -> io::Result<Note> {
        Ok(Note {
            place: reached.place,
            rows: reached.rows,
            bad: reached.bad,
            print: Fingerprint::take(&mut self.file, reached.place.bytes)?,
            settings: self.settings.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::csv_rows::Column;
    use super::*;

    fn known() -> Known {
        Known {
            user: Column::Number(1),
            time: Column::Number(2),
            delimiter: None,
            no_header: false,
            format: None,
        }
    }

    /// The users of the rows that are left, and how far the earlier import was.
    fn left(path: &Path, note: Option<&Note>, settings: &str) -> (Vec<String>, Reached) {
        let source = Source::open(Some(path)).unwrap();
        assert_eq!(source.bytes(), fs::metadata(path).unwrap().len());
        let dialect = source.dialect(&known()).unwrap();
        let (mut rows, before) = source.rows(&dialect, note, settings).unwrap();
        let mut users = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            users.push(String::from_utf8(row.user.unwrap().to_vec()).unwrap());
        }
        (users, before)
    }

    #[test]
    fn a_file_is_read_from_where_its_note_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, "user,at\n1,2026-11-21\n2,2026-11-22\n").unwrap();
        let mut notes = Notes::new(&path, "s".to_owned()).unwrap();
        let place = Place { bytes: 21, line: 3 };
        let note = notes
            .note(Reached {
                place,
                rows: 1,
                bad: 0,
            })
            .unwrap();
        let (users, before) = left(&path, Some(&note), "s");
        assert_eq!((users, before.rows), (vec!["2".to_owned()], 1));
        assert!(skipped(before).unwrap().contains("line 3: 1 rows"));
        // Read in another way, or changed since: from the start.
        for settings in ["s", "t"] {
            if settings == "s" {
                fs::write(&path, "user,at\n7,2026-11-21\n2,2026-11-22\n").unwrap();
            }
            let (users, before) = left(&path, Some(&note), settings);
            assert_eq!((users.len(), before.rows), (2, 0));
            assert_eq!(skipped(before), None);
        }
        assert_eq!(left(&path, None, "s").0, ["7", "2"]);
    }

    #[test]
    fn a_file_larger_than_the_sample_is_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let count = SAMPLE_BYTES / 4;
        let rows: String = (0..count)
            .map(|user| format!("{user},2026-11-21\n"))
            .collect();
        fs::write(&path, rows).unwrap();
        let (users, _) = left(&path, None, "");
        assert!(
            users
                .into_iter()
                .eq((0..count).map(|user| user.to_string()))
        );
    }
}
