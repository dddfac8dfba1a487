//! How far an import got, kept beside its marks, so that a second run goes on there.
//!
//! Called by `import`. Invariants:
//! 1. A note is written behind the marks of the rows before it, so it never promises more.
//! 2. It is believed only if the file still starts with the same bytes, has the same bytes before the
//!    place, and is read in the same way. A file that has grown since passes.
//! 3. Marks are idempotent: where a note is not believed, reading all rows again does no harm.

use std::io::{self, Read, Seek, SeekFrom};

use super::csv_rows::{Place, SAMPLE_BYTES};

/// Bytes before the place that must be the same.
const TAIL_BYTES: u64 = 4096;

const VERSION: &str = "1";

/// The hash that keeps the notes of an activity, one field for each file.
pub(crate) fn key(activity: &str) -> String {
    format!("{activity}:import")
}

/// How far an import got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) place: Place,
    /// Rows before it, and how many of them were not understood.
    pub(crate) rows: u64,
    pub(crate) bad: u64,
    pub(crate) print: Fingerprint,
    /// How the file was read.
    pub(crate) settings: String,
}

/// What a file looks like up to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    head_bytes: u64,
    head_crc: u32,
    tail_crc: u32,
}

impl Fingerprint {
    /// Of the bytes before `at`. Moves the position of the file.
    pub(crate) fn take(file: &mut (impl Read + Seek), at: u64) -> io::Result<Self> {
        let head_bytes = at.min(SAMPLE_BYTES as u64);
        let tail_bytes = at.min(TAIL_BYTES);
        Ok(Self {
            head_bytes,
            head_crc: crc(file, 0, head_bytes)?,
            tail_crc: crc(file, at - tail_bytes, tail_bytes)?,
        })
    }
}

fn crc(file: &mut (impl Read + Seek), from: u64, length: u64) -> io::Result<u32> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(crc32fast::hash(&bytes))
}

impl Note {
    /// One line; the settings come last, whatever is in them.
    pub(crate) fn to_text(&self) -> String {
        let Fingerprint {
            head_bytes,
            head_crc,
            tail_crc,
        } = self.print;
        format!(
            "{VERSION} {} {} {} {} {head_bytes} {head_crc} {tail_crc} {}",
            self.place.bytes, self.place.line, self.rows, self.bad, self.settings
        )
    }

    /// `None` if it is none of this version.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(9, ' ');
        parts.next().filter(|version| *version == VERSION)?;
        let mut number = || parts.next()?.parse::<u64>().ok();
        let place = Place {
            bytes: number()?,
            line: number()?,
        };
        let (rows, bad) = (number()?, number()?);
        let print = Fingerprint {
            head_bytes: number()?,
            head_crc: u32::try_from(number()?).ok()?,
            tail_crc: u32::try_from(number()?).ok()?,
        };
        Some(Self {
            place,
            rows,
            bad,
            print,
            settings: parts.next()?.to_owned(),
        })
    }

    /// Whether the file is still the one it was taken from, and read in the same way.
    pub(crate) fn fits(&self, file: &mut (impl Read + Seek), settings: &str) -> io::Result<bool> {
        let length = file.seek(SeekFrom::End(0))?;
        if self.settings != settings || length < self.place.bytes || self.place.line == 0 {
            return Ok(false);
        }
        Ok(Fingerprint::take(file, self.place.bytes)? == self.print)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn note(file: &[u8], bytes: u64) -> Note {
        Note {
            place: Place { bytes, line: 3 },
            rows: 2,
            bad: 1,
            print: Fingerprint::take(&mut Cursor::new(file), bytes).unwrap(),
            settings: "columns 1 and 2, zone UTC".to_owned(),
        }
    }

    fn fits(note: &Note, file: &[u8]) -> bool {
        note.fits(&mut Cursor::new(file), "columns 1 and 2, zone UTC")
            .unwrap()
    }

    #[test]
    fn notes_read_back() {
        let note = note(b"hello world", 5);
        assert_eq!(Note::from_text(&note.to_text()), Some(note));
        for text in [
            "",
            "1",
            "2 1 1 1 1 1 1 1 x",
            "1 1 1 1 1 1 1 1",
            "1 -1 1 1 1 1 1 1 x",
            "1 1 1 1 1 1 1 4294967296 x",
        ] {
            assert_eq!(Note::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_that_grew_fits_and_one_that_changed_does_not() {
        let file = vec![b'a'; 200_000];
        let at = note(&file, 150_000);
        assert!(fits(&at, &file));
        assert!(fits(&at, &[&file[..], b"more"].concat()));
        assert!(fits(&at, &file[..150_000]));
        assert!(!fits(&at, &file[..149_999]));
        for changed in [0, 60_000, 149_000, 149_999] {
            let mut other = file.clone();
            other[changed] = b'b';
            assert!(!fits(&at, &other), "{changed}");
        }
        let mut cursor = Cursor::new(&file);
        assert!(!at.fits(&mut cursor, "columns 2 and 1, zone UTC").unwrap());
    }

    #[test]
    fn a_forged_place_is_no_panic() {
        let mut at = note(b"abc", 2);
        at.place.line = 0;
        assert!(!fits(&at, b"abc"));
        at.place = Place {
            bytes: u64::MAX,
            line: 1,
        };
        assert!(!fits(&at, b"abc"));
    }
}
