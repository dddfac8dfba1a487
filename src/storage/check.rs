//! Verifying every byte of a file without changing any.
//!
//! Called by `nacre check` and by copies before they get their name. Invariants:
//! 1. Nothing is written, cut or removed, and no lock is taken.
//! 2. One damaged part does not hide another: blocks are checked one by one.
//! 3. Memory is bounded by the largest block or frame and by a fixed number of findings.

use std::sync::Arc;

use super::FileInfo;
use super::backend::{Access, Storage, StorageFile};
use super::block::{BlockEntry, read_index};
use super::bytes::read_up_to;
use super::frame::{FrameKind, frame_time};
use super::header::SNAPSHOT_OFFSET;
use super::load::{BadPayload, Loader, read_blocks};
use super::open::{accept_headers, ends_cleanly};
use super::scan::{FrameScanner, Layout, Step, Tail, judge_tail};
use crate::error::StorageError;

/// More findings than this are counted, not listed.
const MAX_LISTED: usize = 1000;

/// A place where the file is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// File position.
    pub offset: u64,
    /// Log position, if it lies in the log.
    pub lsn: Option<u64>,
    /// What does not fit.
    pub what: &'static str,
}

/// What `check` found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// What the header says.
    pub info: FileInfo,
    /// Length of the file.
    pub file_bytes: u64,
    /// Blocks in the snapshot.
    pub blocks: u64,
    /// Entries in them.
    pub entries: u64,
    /// Transactions in the log.
    pub frames: u64,
    /// LSN after the last good frame.
    pub end_lsn: u64,
    /// The time of the last frame, 0 if the log has none.
    pub last_time_ms: u64,
    /// The file ends with the mark of a clean close.
    pub clean: bool,
    /// Bytes of a torn tail: no damage, the next open cuts them off.
    pub tail_bytes: u64,
    /// What stands there.
    pub tail_reason: Option<&'static str>,
    /// Everything that is not as it was written, the first thousand.
    pub damage: Vec<Damage>,
    /// All findings, listed or not.
    pub damage_count: u64,
}

impl CheckReport {
    /// Whether every byte is as it was written, a torn tail aside.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage_count == 0
    }

    fn note(&mut self, error: StorageError) -> Result<(), StorageError> {
        let StorageError::Corrupt { offset, lsn, what } = error else {
            return Err(error);
        };
        self.damage_count += 1;
        if self.damage.len() < MAX_LISTED {
            self.damage.push(Damage { offset, lsn, what });
        }
        Ok(())
    }
}

/// Told where a check has come to: the position in the file, and the file's length.
pub type OnChecked<'a> = &'a mut dyn FnMut(u64, u64);

/// Verifies a file. Damage is in the report; the file is not modified.
///
/// # Errors
/// `Io`, and what makes the file unreadable as a whole: `NotADatabase`, `UnsupportedVersion`,
/// `UnsupportedFeatures`, `Corrupt` if neither header serves.
pub fn check(storage: &dyn Storage, name: &str) -> Result<CheckReport, StorageError> {
    check_with(storage, name, &Opaque, &mut |_, _| ())
}

/// As [`check`]; payloads that `loader` refuses are damage too, and `progress` is told after every
/// block and frame.
///
/// # Errors
/// As [`check`].
pub fn check_with(
    storage: &dyn Storage,
    name: &str,
    loader: &dyn Loader,
    progress: OnChecked<'_>,
) -> Result<CheckReport, StorageError> {
    let file = storage
        .open(name, Access::ReadOnly)
        .map_err(|error| StorageError::io("open", error))?;
    check_file(&file, loader, progress)
}

/// Takes any payload.
#[derive(Debug)]
pub(super) struct Opaque;

impl Loader for Opaque {
    fn begin(&self, _info: &FileInfo) -> Result<(), StorageError> {
        Ok(())
    }

    fn block(&self, _shard: u32, _payload: &[u8]) -> Result<(), BadPayload> {
        Ok(())
    }

    fn frame(&self, _lsn: u64, _end_lsn: u64, _payload: &[u8]) -> Result<(), BadPayload> {
        Ok(())
    }
}

/// What the header of a file says, without reading further.
///
/// # Errors
/// As [`check`].
pub fn info(storage: &dyn Storage, name: &str) -> Result<FileInfo, StorageError> {
    let file = storage
        .open(name, Access::ReadOnly)
        .map_err(|error| StorageError::io("open", error))?;
    Ok(FileInfo::of(&accept_headers(file.as_ref())?.0))
}

pub(super) fn check_file(
    file: &Arc<dyn StorageFile>,
    loader: &dyn Loader,
    progress: OnChecked<'_>,
) -> Result<CheckReport, StorageError> {
    // So that the bytes come from the disk; a refusal only makes the check weaker.
    let _ = file.evict_cache(0);
    let (header, damaged) = accept_headers(file.as_ref())?;
    let size = file
        .size()
        .map_err(|error| StorageError::io("stat", error))?;
    let mut report = CheckReport {
        info: FileInfo::of(&header),
        file_bytes: size,
        blocks: 0,
        entries: 0,
        frames: 0,
        end_lsn: header.base_lsn,
        last_time_ms: 0,
        clean: false,
        tail_bytes: 0,
        tail_reason: None,
        damage: Vec::new(),
        damage_count: 0,
    };
    for (bad, offset) in [(damaged.a, 0), (damaged.b, SNAPSHOT_OFFSET / 2)] {
        if bad {
            report.note(super::header::corrupt(offset, "a header copy"))?;
        }
    }
    if let Err(error) = header.check_ranges(size) {
        report.note(error)?;
        return Ok(report);
    }
    let layout = Layout::of(&header);
    match read_index(file.as_ref(), &header) {
        Ok(index) => {
            report.blocks = index.blocks.len() as u64;
            report.entries = index.entries;
            for (number, block) in index.blocks.iter().enumerate() {
                let one = std::slice::from_ref(block);
                let mut judge = |block: &BlockEntry, payload: &[u8]| {
                    let taken = loader.block(block.shard, payload);
                    taken.map_err(|bad| super::header::corrupt(block.offset, bad.what))
                };
                let checked = read_blocks(file.as_ref(), layout.seed, one, number, &mut judge);
                if let Err(error) = checked {
                    report.note(error)?;
                }
                progress(block.offset + block.stored_len(), size);
            }
        }
        Err(error) => report.note(error)?,
    }
    let gap_at = SNAPSHOT_OFFSET + header.snapshot_len;
    let mut gap = vec![0; (header.log_off - gap_at) as usize];
    read_up_to(file.as_ref(), &mut gap, gap_at)?;
    if let Some(at) = gap.iter().position(|byte| *byte != 0) {
        let offset = gap_at + at as u64;
        report.note(super::header::corrupt(offset, "padding before the log"))?;
    }
    report.clean = ends_cleanly(file.as_ref(), layout, size)?;
    check_log(file, layout, size, &mut report, loader, progress)?;
    progress(size, size);
    Ok(report)
}

fn check_log(
    file: &Arc<dyn StorageFile>,
    layout: Layout,
    size: u64,
    report: &mut CheckReport,
    loader: &dyn Loader,
    progress: OnChecked<'_>,
) -> Result<(), StorageError> {
    let mut scanner = FrameScanner::new(file, layout, size);
    let reason = loop {
        let step = match scanner.step() {
            Ok(step) => step,
            Err(error) => {
                report.end_lsn = scanner.lsn();
                return report.note(error);
            }
        };
        match step {
            Step::Frame(frame) => {
                if let Some(time) = frame_time(frame.header.kind, frame.payload()) {
                    report.last_time_ms = report.last_time_ms.max(time);
                }
                if frame.header.kind == FrameKind::Data as u8 {
                    report.frames += 1;
                    let lsn = frame.header.lsn;
                    if let Err(bad) = loader.frame(lsn, frame.end_lsn(), frame.payload()) {
                        report.note(layout.corrupt(lsn, bad.what))?;
                    }
                }
                report.end_lsn = frame.end_lsn();
                progress(layout.position(report.end_lsn), size);
            }
            Step::End => return Ok(()),
            Step::Bad(reason) => break reason,
        }
    };
    let bad = layout.position(scanner.lsn());
    report.tail_bytes = size - bad;
    report.tail_reason = Some(reason);
    match judge_tail(file.as_ref(), layout, bad, size)? {
        Tail::Torn => Ok(()),
        Tail::Rot { .. } | Tail::Hostile => report.note(layout.corrupt(scanner.lsn(), reason)),
    }
}
