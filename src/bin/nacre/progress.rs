//! Signs of life during long work, on standard error, and only if that is a terminal.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nacredb::{Builder, Db, Error};

/// Smaller files are done before one could read a bar.
const WORTH_A_BAR_BYTES: u64 = 64 << 20;

/// A bar over `bytes`, invisible if they are few.
pub(crate) fn bar(what: &'static str, bytes: u64) -> ProgressBar {
    if bytes < WORTH_A_BAR_BYTES {
        return ProgressBar::hidden();
    }
    let template = "{msg} {wide_bar} {bytes}/{total_bytes} {eta}";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(bytes)
        .with_style(style.unwrap_or_else(|_fixed| ProgressStyle::default_bar()))
        .with_message(what)
}

/// Length of a file, 0 if it is not there.
pub(crate) fn file_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |data| data.len())
}

/// Opens a database, with a spinner if it is large.
pub(crate) fn open(builder: Builder, path: &Path) -> Result<Db, Error> {
    let bytes = file_bytes(path);
    if bytes < WORTH_A_BAR_BYTES {
        return builder.open(path);
    }
    let spinner = ProgressBar::new_spinner().with_message(format!("opening {}", path.display()));
    spinner.enable_steady_tick(Duration::from_millis(100));
    let opened = builder.open(path);
    spinner.finish_and_clear();
    opened
}
