//! `nacre check`: whether every byte is as it was written.

use std::io::{self, Write as _};
use std::path::Path;

use nacredb::inspect::{self, CheckReport};

use crate::time::{size, utc};
use crate::{Failure, progress};

pub(crate) fn run(path: &Path) -> Result<u8, Failure> {
    let bar = progress::bar("checking", progress::file_bytes(path));
    let report = inspect::check_with(path, |done, _total| bar.set_position(done));
    bar.finish_and_clear();
    let report = report.map_err(Failure::at(path))?;
    let mut out = io::stdout().lock();
    describe(&report, &mut out)?;
    let code = verdict(&report, &mut out)?;
    out.flush()?;
    Ok(code)
}

fn describe(report: &CheckReport, out: &mut impl io::Write) -> io::Result<()> {
    let (major, minor) = report.info.version;
    let bytes = size(report.file_bytes);
    let (blocks, entries) = (report.blocks, report.entries);
    let (frames, from, to) = (report.frames, report.info.base_lsn, report.end_lsn);
    writeln!(out, "file      {bytes}, format {major}.{minor}")?;
    writeln!(out, "snapshot  {entries} entries in {blocks} blocks")?;
    write!(out, "log       {frames} transactions, LSN {from} to {to}")?;
    if report.last_time_ms > 0 {
        write!(out, ", last at {}", utc(report.last_time_ms))?;
    }
    writeln!(
        out,
        "{}",
        if report.clean { ", closed cleanly" } else { "" }
    )
}

fn verdict(report: &CheckReport, out: &mut impl io::Write) -> io::Result<u8> {
    if report.is_sound() && report.tail_bytes == 0 {
        writeln!(out, "ok")?;
        return Ok(0);
    }
    if report.is_sound() {
        let bytes = report.tail_bytes;
        let at = report.file_bytes.saturating_sub(bytes);
        let reason = report.tail_reason.unwrap_or("an unfinished frame");
        writeln!(
            out,
            "torn tail: {bytes} bytes from byte {at} on: {reason}\n\
             Nothing that was synced is affected. Opening the file cuts them off."
        )?;
        return Ok(1);
    }
    for damage in &report.damage {
        write!(out, "damage at byte {}", damage.offset)?;
        if let Some(lsn) = damage.lsn {
            write!(out, " (LSN {lsn})")?;
        }
        writeln!(out, ": {}", damage.what)?;
    }
    let listed = report.damage.len() as u64;
    if report.damage_count > listed {
        writeln!(out, "and {} more", report.damage_count - listed)?;
    }
    let plural = if report.damage_count == 1 { "" } else { "s" };
    writeln!(out, "corrupt: {} problem{plural}", report.damage_count)?;
    Ok(2)
}
