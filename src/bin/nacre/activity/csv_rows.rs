//! Rows of a csv file: how the file is written, and its rows one after the other.
//!
//! Called by `import`. A [`Dialect`] is found from the first bytes alone, so reading may start at any row.
//! A row that goes on for ever (a quote that is never closed) ends in an error, not in a full memory.

use std::io::{self, Read};

use csv::{ByteRecord, ReaderBuilder, Terminator};

use super::times::TimeFormat;

/// How much of a file decides how it is read.
pub(crate) const SAMPLE_BYTES: usize = 64 << 10;

/// Rows of the sample that are looked at.
const SAMPLE_ROWS: usize = 500;

/// A longer row is an unclosed quote.
const ROW_BYTES_MAX: usize = 16 << 20;

const BUFFER_BYTES: usize = 256 << 10;

/// What may part the columns.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Which column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Column {
    /// Counted from 1.
    Number(usize),
    Name(String),
}

impl Column {
    pub(crate) fn from_option(text: &str) -> Self {
        match text.parse() {
            Ok(number) if number > 0 => Self::Number(number),
            _ => Self::Name(text.to_owned()),
        }
    }

    /// As it is told: `user`, 3.
    fn label(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Name(name) => format!("`{name}`"),
        }
    }

    fn find(&self, first: &ByteRecord) -> Option<usize> {
        match self {
            Self::Number(number) => Some(number - 1).filter(|index| *index < first.len()),
            Self::Name(name) => first.iter().position(|cell| {
                cell.trim_ascii()
                    .eq_ignore_ascii_case(name.trim().as_bytes())
            }),
        }
    }
}

/// What the command line says of a file; the rest is found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) user: Column,
    pub(crate) time: Column,
    pub(crate) delimiter: Option<u8>,
    pub(crate) no_header: bool,
    pub(crate) format: Option<TimeFormat>,
}

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) has_header: bool,
    /// Indexes of the columns, from 0.
    pub(crate) user: usize,
    pub(crate) time: usize,
    pub(crate) format: TimeFormat,
}

impl Dialect {
    /// How the file with this beginning is written. `whole` if that is all of it: else its last row may
    /// be cut off and does not count. An error says what to do about it.
    pub(crate) fn detect(sample: &[u8], whole: bool, known: &Known) -> Result<Self, String> {
        let delimiter = known
            .delimiter
            .map_or_else(|| delimiter(sample, whole, known), Ok)?;
        let rows = sample_rows(sample, whole, delimiter);
        let Some((first, rest)) = rows.split_first() else {
            return Err("there are no rows".to_owned());
        };
        let missing = |column: &Column| match column {
            Column::Number(number) => {
                format!(
                    "there is no column {number}: the first row has {}",
                    first.len()
                )
            }
            Column::Name(name) => {
                let names: Vec<_> = first.iter().map(String::from_utf8_lossy).collect();
                format!(
                    "there is no column `{name}`: the first row has {}",
                    names.join(", ")
                )
            }
        };
        let user = known.user.find(first).ok_or_else(|| missing(&known.user))?;
        let time = known.time.find(first).ok_or_else(|| missing(&known.time))?;
        let cells = |rows: &[ByteRecord]| -> Vec<String> {
            let cells = rows.iter().filter_map(|row| row.get(time));
            cells
                .map(|cell| String::from_utf8_lossy(cell.trim_ascii()).into_owned())
                .collect()
        };
        let named = [&known.user, &known.time]
            .into_iter()
            .any(|column| matches!(column, Column::Name(_)));
        let reads = |format: &TimeFormat, rows: &[ByteRecord]| {
            cells(rows).iter().any(|cell| format.read(cell).is_ok())
        };
        let detect =
            |rows: &[ByteRecord]| TimeFormat::detect(cells(rows).iter().map(String::as_str));
        let has_header = !known.no_header
            && (named
                || match &known.format {
                    Some(format) => !reads(format, &rows[..1]),
                    None => detect(&rows[..1]).is_err() && detect(rest).is_ok(),
                });
        let body = if has_header { rest } else { &rows };
        let format = match &known.format {
            Some(format) => format.clone(),
            None => detect(body)?,
        };
        if !body.is_empty() && !reads(&format, body) {
            let reasons = cells(body)
                .into_iter()
                .filter_map(|cell| format.read(&cell).err());
            let reason = reasons.map(String::from).next().unwrap_or_default();
            return Err(format!(
                "none of the first rows has a time that can be read: {reason}"
            ));
        }
        Ok(Self {
            delimiter,
            has_header,
            user,
            time,
            format,
        })
    }

    /// In words, for the user and to tell whether two imports read a file alike.
    pub(crate) fn describe(&self) -> String {
        let delimiter = match self.delimiter {
            b'\t' => "tab".to_owned(),
            other => format!("`{}`", char::from(other)),
        };
        format!(
            "columns {} and {} between {delimiter}, {} header, times {}",
            self.user + 1,
            self.time + 1,
            if self.has_header { "a" } else { "no" },
            self.format.name()
        )
    }
}

fn builder(delimiter: u8) -> ReaderBuilder {
    let mut builder = ReaderBuilder::new();
    builder
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        // A row ends right behind its line end, so that reading can go on there; the carriage return
        // that may come before it is trimmed as space.
        .terminator(Terminator::Any(b'\n'))
        .buffer_capacity(BUFFER_BYTES);
    builder
}

fn sample_rows(sample: &[u8], whole: bool, delimiter: u8) -> Vec<ByteRecord> {
    let reader = builder(delimiter).from_reader(sample);
    let mut rows: Vec<_> = reader
        .into_byte_records()
        .map_while(Result::ok)
        .take(SAMPLE_ROWS)
        .collect();
    if !whole && rows.len() < SAMPLE_ROWS {
        rows.pop();
    }
    rows
}

/// The delimiter that finds both columns and parts every row alike, into the most columns.
fn delimiter(sample: &[u8], whole: bool, known: &Known) -> Result<u8, String> {
    let columns = [&known.user, &known.time];
    let mut is_found = [false; 2];
    let candidates = DELIMITERS.into_iter().rev().filter_map(|delimiter| {
        let rows = sample_rows(sample, whole, delimiter);
        let first = rows.first()?;
        let found = columns.map(|column| column.find(first).is_some());
        for (ever, now) in is_found.iter_mut().zip(found) {
            *ever |= now;
        }
        if found.contains(&false) {
            return None;
        }
        let alike = rows.iter().filter(|row| row.len() == first.len()).count();
        let mostly_alike = alike * 10 >= rows.len() * 9;
        Some(((first.len() > 1, mostly_alike, first.len()), delimiter))
    });
    match candidates.max() {
        Some((_, delimiter)) => Ok(delimiter),
        None => {
            let end = sample
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(sample.len());
            let first = String::from_utf8_lossy(&sample[..end.min(200)]);
            let missing = match is_found {
                [false, true] => format!("column {} is", known.user.label()),
                [true, false] => format!("column {} is", known.time.label()),
                _ => {
                    let [user, time] = columns.map(Column::label);
                    format!("columns {user} and {time} are")
                }
            };
            Err(format!(
                "{missing} not in the first row, whatever delimiter is tried: {}",
                first.trim_end()
            ))
        }
    }
}

/// Gives up when a row takes more than a row may, and knows what it gave last.
#[derive(Debug)]
struct Allowance<R> {
    inner: R,
    left: usize,
    last_byte: u8,
}

impl<R: Read> Read for Allowance<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let text = "a row is longer than 16 MiB: is a quote not closed?";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let length = out.len().min(self.left);
        let read = self.inner.read(&mut out[..length])?;
        self.left -= read;
        if let Some(&last) = out[..read].last() {
            self.last_byte = last;
        }
        Ok(read)
    }
}

/// Where a row starts or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) bytes: u64,
    /// Counted from 1.
    pub(crate) line: u64,
}

impl Place {
    pub(crate) const START: Self = Self { bytes: 0, line: 1 };
}

/// The two cells of a row that count, without the space around them; `None` where the row is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<'r> {
    pub(crate) line: u64,
    pub(crate) user: Option<&'r [u8]>,
    pub(crate) time: Option<&'r [u8]>,
}

/// The rows from a place on.
#[derive(Debug)]
pub(crate) struct Rows<R> {
    reader: csv::Reader<Allowance<R>>,
    start: Place,
    user: usize,
    time: usize,
    record: ByteRecord,
}

impl<R: Read> Rows<R> {
    /// `input` gives the bytes from `start` on; a header is passed over there, and only there, where the
    /// file starts.
    pub(crate) fn new(input: R, start: Place, dialect: &Dialect) -> io::Result<Self> {
        let input = Allowance {
            inner: input,
            left: ROW_BYTES_MAX,
            last_byte: b'\n',
        };
        let mut rows = Self {
            reader: builder(dialect.delimiter).from_reader(input),
            start,
            user: dialect.user,
            time: dialect.time,
            record: ByteRecord::new(),
        };
        if dialect.has_header && start == Place::START {
            rows.next()?;
        }
        Ok(rows)
    }

    pub(crate) fn next(&mut self) -> io::Result<Option<Row<'_>>> {
        loop {
            self.reader.get_mut().left = ROW_BYTES_MAX;
            if !self.reader.read_byte_record(&mut self.record)? {
                return Ok(None);
            }
            // A blank line with a carriage return.
            if self.record.as_slice() != b"\r" {
                break;
            }
        }
        // Blank lines count as the beginning of the row below them, and its own end as a line.
        let from = self.record.position().map_or(1, csv::Position::line);
        let within = self
            .record
            .as_slice()
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        let passed = (self.reader.position().line() - from).saturating_sub(within as u64);
        Ok(Some(Row {
            line: self.start.line + from - 1 + passed.saturating_sub(1),
            user: self.record.get(self.user).map(<[u8]>::trim_ascii),
            time: self.record.get(self.time).map(<[u8]>::trim_ascii),
        }))
    }

    /// Whether the bytes read so far end with a line; at the end of the file: whether the last row is
    /// finished.
    pub(crate) fn ends_with_line(&self) -> bool {
        self.reader.get_ref().last_byte == b'\n'
    }

    /// Where the next row starts.
    pub(crate) fn place(&self) -> Place {
        let position = self.reader.position();
        Place {
            bytes: self.start.bytes + position.byte(),
            line: self.start.line + position.line() - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(user: &str, time: &str) -> Known {
        Known {
            user: Column::from_option(user),
            time: Column::from_option(time),
            delimiter: None,
            no_header: false,
            format: None,
        }
    }

    fn detected(sample: &str, user: &str, time: &str) -> Dialect {
        Dialect::detect(sample.as_bytes(), true, &known(user, time)).unwrap()
    }

    fn refused(sample: &str, known: &Known) -> String {
        Dialect::detect(sample.as_bytes(), true, known).unwrap_err()
    }

    #[test]
    fn delimiters_are_found() {
        for delimiter in [",", ";", "\t", "|"] {
            let sample =
                "id,at,x\n7,2026-11-21 10:00,a\n8,2026-11-22 10:00,b\n".replace(',', delimiter);
            let dialect = detected(&sample, "ID", "at");
            assert_eq!(char::from(dialect.delimiter).to_string(), delimiter);
            assert_eq!(
                (dialect.user, dialect.time, dialect.has_header),
                (0, 1, true)
            );
        }
        // A comma in quotes parts nothing.
        assert_eq!(
            detected("a;b\n\"x,y\";2026-11-21\n", "a", "b").delimiter,
            b';'
        );
    }

    #[test]
    fn headers_are_found_where_columns_have_numbers() {
        let with = detected("user,at\n7,1790000000\n", "1", "2");
        assert!(with.has_header);
        let without = detected("7,1790000000\n8,1790000000\n", "1", "2");
        assert!(!without.has_header);
        assert_eq!(without.format, TimeFormat::UnixSeconds);
        let first_is_bad = Known {
            no_header: true,
            ..known("1", "2")
        };
        let rows = b"7,?\n8,1790000000\n9,1790000000\n";
        assert!(
            !Dialect::detect(rows, true, &first_is_bad)
                .unwrap()
                .has_header
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert!(refused("a,b\n1,2\n", &known("user", "b")).contains("a,b"));
        assert!(
            refused(
                "a,b\n1,2\n",
                &Known {
                    delimiter: Some(b','),
                    ..known("c", "b")
                }
            )
            .contains("a, b")
        );
        assert!(
            refused(
                "a,b\n",
                &Known {
                    delimiter: Some(b','),
                    ..known("1", "3")
                }
            )
            .contains("column 3")
        );
        assert!(
            refused(
                "",
                &Known {
                    delimiter: Some(b','),
                    ..known("1", "2")
                }
            )
            .contains("no rows")
        );
        assert!(refused("a,b\n1,03/04/2026\n", &known("a", "b")).contains("--time-format"));
        let unix = Known {
            format: Some(TimeFormat::UnixSeconds),
            ..known("a", "b")
        };
        assert!(refused("a,b\n1,2026-11-21\n", &unix).contains("2026-11-21"));
        for (user, time, told) in [
            ("c", "b", "column `c` is not in the first row"),
            ("a", "3", "column 3 is not in the first row"),
            ("c", "d", "columns `c` and `d` are not in the first row"),
        ] {
            let reason = refused("a,b\n1,2026-11-21\n", &known(user, time));
            assert!(reason.starts_with(told), "{reason}");
        }
        assert!(refused("\u{0}\n", &known("a", "b")).contains("not in the first row"));
    }

    #[test]
    fn a_row_cut_by_the_sample_does_not_count() {
        let sample = b"a,b\n1,2026-11-21\n2,2026-1";
        let dialect = Dialect::detect(sample, false, &known("a", "b")).unwrap();
        assert_eq!(dialect.format, TimeFormat::Iso);
    }

    #[test]
    fn rows_know_their_line_and_reading_goes_on_anywhere() {
        let text =
            "\u{feff}u,t\r\n\n1 , 2026-11-21\r\n\r\n\"a\nb\",\"2026-11-22\"\r\n3\r\n4,2026-11-24";
        let dialect = detected(text, "u", "t");
        let mut rows = Rows::new(text.as_bytes(), Place::START, &dialect).unwrap();
        let mut all = Vec::new();
        let mut places = vec![rows.place()];
        while let Some(row) = rows.next().unwrap() {
            let own =
                |cell: Option<&[u8]>| cell.map(|cell| String::from_utf8(cell.to_vec()).unwrap());
            all.push((row.line, own(row.user), own(row.time)));
            places.push(rows.place());
        }
        let row = |line, user: &str, time: Option<&str>| {
            (line, Some(user.to_owned()), time.map(str::to_owned))
        };
        assert_eq!(
            all,
            [
                row(3, "1", Some("2026-11-21")),
                row(5, "a\nb", Some("2026-11-22")),
                row(7, "3", None),
                row(8, "4", Some("2026-11-24")),
            ]
        );
        for (index, place) in places.iter().enumerate().skip(1) {
            let rest = &text.as_bytes()[place.bytes as usize..];
            let mut rows = Rows::new(rest, *place, &dialect).unwrap();
            for expected in &all[index..] {
                let row = rows.next().unwrap().unwrap();
                assert_eq!(row.line, expected.0);
                assert_eq!(
                    row.user.map(<[u8]>::to_vec),
                    expected.1.clone().map(String::into_bytes)
                );
            }
            assert_eq!(rows.next().unwrap(), None);
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_is_an_error() {
        let dialect = detected("1,2026-11-21\n", "1", "2");
        let input = io::repeat(b'x').take(40 << 20);
        let mut rows = Rows::new("1,\"".as_bytes().chain(input), Place::START, &dialect).unwrap();
        let error = rows.next().unwrap_err().to_string();
        assert!(error.contains("quote"), "{error}");
    }

    #[test]
    fn files_longer_than_a_row_may_be_are_read_to_the_end() {
        let dialect = detected("1,2026-11-21\n", "1", "2");
        let count = 2_000_000_u64;
        let text = b"1234,2026-11-21\n".repeat(count as usize);
        let mut rows = Rows::new(text.as_slice(), Place::START, &dialect).unwrap();
        let mut found = 0;
        while rows.next().unwrap().is_some() {
            found += 1;
        }
        assert_eq!(found, count);
        assert_eq!(rows.place().bytes, text.len() as u64);
    }
}
