//! `nacre compact`: the file rewritten as one sealed snapshot.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use nacredb::{CompactionRequest, Db, Error, StorageError};

use crate::time::size;
use crate::{Failure, progress, say_repairs};

pub(crate) fn run(path: &Path) -> Result<u8, Failure> {
    let at = Failure::at(path);
    if let Err(error) = std::fs::metadata(path) {
        // Opening would make the file.
        let source = error.into();
        let op = "open";
        return Err(at(Error::Storage(StorageError::Io { op, source })));
    }
    let db = progress::open(Db::builder(), path).map_err(&at)?;
    say_repairs(path, &db);
    let before = progress::file_bytes(path);
    let bar = progress::bar("compacting", before);
    let shown = bar.clone();
    let request = CompactionRequest::new().on_progress(move |done| {
        let share = done.keys_done as f64 / done.keys_total.max(1) as f64;
        shown.set_position((before as f64 * share) as u64);
        ControlFlow::Continue(())
    });
    let compacted = db.compact_with(request);
    bar.finish_and_clear();
    compacted.map_err(&at)?;
    db.close().map_err(&at)?;
    let after = progress::file_bytes(path);
    writeln!(io::stdout(), "{} -> {}", size(before), size(after))?;
    Ok(0)
}
