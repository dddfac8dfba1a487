//! `nacre activity`: who was active when: csv files in; tables, heatmaps and pages out.
//!
//! The files here know nothing of a database: [`import_file`] hands marks to an [`import_file::Store`],
//! everything that shows something takes plain [`figures`].

#![expect(
    dead_code,
    reason = "the part of the library that it asks is not here yet"
)]

mod arguments;
mod csv_rows;
mod figures;
mod heatmap;
mod html;
mod import;
mod import_file;
mod resume;
mod source;
mod svg;
mod tables;
mod times;
