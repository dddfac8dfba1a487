//! `nacre activity`: who was active when: csv files in; tables, heatmaps and pages out.
//!
//! [`store`] and [`questions`] know the database: the one takes the marks of [`import_file`], the other
//! answers in plain [`figures`], which everything that shows something takes.

mod arguments;
mod csv_rows;
mod figures;
mod heatmap;
mod html;
mod import;
mod import_file;
mod questions;
mod resume;
mod show;
mod source;
mod store;
mod svg;
mod tables;
mod times;

use std::io;

pub(crate) use arguments::{ActivityTask, HELP, parse};

use crate::Failure;
use arguments::Action;
use import_file::Csv;
use store::MarkStore;

/// Does it; the answer is the exit code.
pub(crate) fn run(task: &ActivityTask) -> Result<u8, Failure> {
    let Action::Import(import) = &task.action else {
        return show::run(task);
    };
    // A file that is not understood leaves no database behind.
    let Some(csv) = Csv::open(import)? else {
        return Ok(1);
    };
    let mut store = MarkStore::open(task, import)?;
    let code = csv.import(import, &mut store, &mut io::stdout().lock())?;
    store.close()?;
    Ok(code)
}
