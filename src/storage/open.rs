//! Opening: lock, judge the headers, load the snapshot, replay the log, judge where it stops, cut,
//! mark, and only then accept writes. Also making a file that is not there yet.
//!
//! Called by `Store::open` and, for its reading half, by `check` and `reader`. Invariants:
//! 1. A file that is foreign, newer or damaged is not modified. Nothing is written before the whole
//!    file was read and accepted.
//! 2. A file without a clean end is synced and dropped from the cache before it is read: after a
//!    failed sync the cache shows bytes that the disk does not have. The mark of a clean end itself is
//!    read from the disk before it is believed. Without it the directory is synced too: the name may
//!    be one that a crash takes back.
//! 3. A torn tail is cut off physically, and the cut is synced, before the first append.
//! 4. An OPEN frame is synced before the first append of a user.
//! 5. A new database appears under its name complete: what stands there before is an empty file,
//!    which holds the lock and counts as absent.
//!
//! It starts no threads but those of `load`.

use std::io;
use std::sync::Arc;

use super::backend::{Access, Storage, StorageFile};
use super::block::read_index;
use super::bytes::{read_exact, read_up_to, write_error};
use super::file_writer::{FileWriter, remove_stale};
use super::frame::{CLOSE_FRAME_LEN, FrameHeader, FrameKind, content_fault, frame_crc, frame_time};
use super::header::{
    AppBytes, DamagedHeaders, HEADER_LEN, Header, SNAPSHOT_OFFSET, choose, foreign,
};
use super::load::{Loader, load_blocks};
use super::log::{Continue, Log, LogLimits};
use super::registry::open_locked;
use super::scan::{FrameScanner, Layout, Step, Tail, judge_tail};
use super::{FileInfo, Stamp};
use crate::error::StorageError;

/// How a database file is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Changes nothing on the disk and refuses writes.
    pub read_only: bool,
    /// Makes the file if there is none.
    pub create: bool,
    /// How many threads load the snapshot; 1 stays on the caller's.
    pub threads: usize,
    /// The engine's bytes for the header, should the file be made.
    pub app: AppBytes,
    /// Bounds of the appender.
    pub limits: LogLimits,
    /// The time of the open, and fresh random bytes.
    pub stamp: Stamp,
}

impl OpenOptions {
    /// Opens for writing, makes the file if there is none, loads on one thread.
    #[must_use]
    pub fn new(stamp: Stamp) -> Self {
        Self {
            read_only: false,
            create: true,
            threads: 1,
            app: [0; 64],
            limits: LogLimits::default(),
            stamp,
        }
    }
}

/// What was found when a file was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenReport {
    /// The file was made.
    pub created: bool,
    /// The file ended with the mark of a clean close.
    pub clean: bool,
    /// Blocks of the snapshot.
    pub blocks: u64,
    /// Entries in them.
    pub entries: u64,
    /// Transactions replayed from the log.
    pub frames: u64,
    /// LSN after the last good frame found.
    pub end_lsn: u64,
    /// Bytes behind the last good frame: cut off, or ignored when opened read-only.
    pub cut_bytes: u64,
    /// File position of the first of them.
    pub cut_at: Option<u64>,
    /// What stood there.
    pub cut_reason: Option<&'static str>,
    /// The first header is damaged; the second served. A compaction repairs it.
    pub header_a_damaged: bool,
    /// The second header is damaged. A compaction repairs it.
    pub header_b_damaged: bool,
    /// Temporary files of an earlier crash that were removed.
    pub stale_removed: u64,
    /// The time of the last frame, 0 if the log has none.
    pub last_time_ms: u64,
}

/// A file whose content was accepted.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) header: Header,
    pub(super) log: Log,
    pub(super) report: OpenReport,
}

/// Opens the file, or makes it.
pub(super) fn open(
    storage: &Arc<dyn Storage>,
    name: &str,
    options: &OpenOptions,
    loader: &dyn Loader,
) -> Result<Opened, StorageError> {
    let read_only = options.read_only;
    let (mut file, made_name) = open_or_claim(storage.as_ref(), name, options)?;
    let mut report = OpenReport::default();
    if size_of(file.as_ref())? == 0 {
        if read_only || !(options.create || made_name) {
            return Err(StorageError::NotADatabase {
                what: "the file is empty",
            });
        }
        match make(storage, name, options, file.as_ref(), made_name) {
            Ok(made) => file = made,
            Err(error) => {
                if made_name {
                    let _ = storage.remove(name);
                }
                return Err(error);
            }
        }
        report.created = true;
    }
    let (header, damaged) = accept_headers(file.as_ref())?;
    if header.is_read_only_here() && !read_only {
        return Err(StorageError::UnsupportedFeatures {
            bits: header.ro_compat,
        });
    }
    let mut size = size_of(file.as_ref())?;
    header.check_ranges(size)?;
    let layout = Layout::of(&header);
    report.clean = ends_cleanly(file.as_ref(), layout, size)?;
    if report.clean && !read_only {
        // The mark of a clean end vouches for everything before it, but it may itself be in the cache
        // only, if the last sync of the close failed or was not reached.
        refresh(file.as_ref(), size - CLOSE_FRAME_LEN as u64, read_only)?;
        size = size_of(file.as_ref())?;
        report.clean = ends_cleanly(file.as_ref(), layout, size)?;
    }
    if !report.clean {
        if !read_only {
            // The last run may have died between a rename and the sync of the directory.
            storage
                .sync_dir()
                .map_err(|error| StorageError::io("sync", error))?;
        }
        refresh(file.as_ref(), 0, read_only)?;
        let (again, _) = accept_headers(file.as_ref())?;
        size = size_of(file.as_ref())?;
        if again != header {
            return Err(super::header::corrupt(
                0,
                "the headers on the disk are not those in the cache",
            ));
        }
        header.check_ranges(size)?;
    }
    note_headers(&mut report, damaged);
    loader.begin(&FileInfo::of(&header))?;
    let index = read_index(file.as_ref(), &header)?;
    report.blocks = index.blocks.len() as u64;
    report.entries = index.entries;
    load_blocks(file.as_ref(), layout.seed, &index, options.threads, loader)?;
    drop(index);
    let found = replay(&file, layout, size, loader, &mut report)?;
    let log = Log::new(Arc::clone(&file), found, options.limits.clone(), read_only);
    if !read_only {
        make_writable(file.as_ref(), &log, layout, size, options, &mut report)?;
        report.stale_removed = remove_stale(storage.as_ref(), name);
    }
    Ok(Opened {
        header,
        log,
        report,
    })
}

/// Opens and locks what the name resolves to; an absent name is claimed with an empty file.
/// Says whether it was.
fn open_or_claim(
    storage: &dyn Storage,
    name: &str,
    options: &OpenOptions,
) -> Result<(Arc<dyn StorageFile>, bool), StorageError> {
    if options.read_only {
        let file = storage
            .open(name, Access::ReadOnly)
            .map_err(|error| StorageError::io("open", error))?;
        return Ok((file, false));
    }
    let mut made = false;
    for _ in 0..16 {
        match open_locked(storage, name) {
            Err(StorageError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && options.create && !made =>
            {
                match storage.create_new(name) {
                    Ok(_) => made = true,
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(write_error("create", error)),
                }
            }
            Err(error) => return Err(error),
            Ok(file) => return Ok((file, made)),
        }
    }
    Err(StorageError::Locked)
}

/// Writes an empty database beside the empty file that holds the lock, and puts it in its place.
fn make(
    storage: &Arc<dyn Storage>,
    name: &str,
    options: &OpenOptions,
    placeholder: &dyn StorageFile,
    made_name: bool,
) -> Result<Arc<dyn StorageFile>, StorageError> {
    let stamp = &options.stamp;
    let header = Header::new(stamp.file_id(), stamp.salt(), stamp.unix_ms, 0, options.app);
    // A file that the user made keeps the mode that the user gave it.
    let original = (!made_name).then_some(placeholder);
    let mut writer = FileWriter::create(Arc::clone(storage), name, header, original, 0)?;
    writer.seal_snapshot()?;
    writer.complete()?;
    let file = Arc::clone(writer.file());
    writer
        .publish(name)
        .map_err(|error| StorageError::io("rename", error))?;
    storage
        .sync_dir()
        .map_err(|error| StorageError::io("sync", error))?;
    Ok(file)
}

fn size_of(file: &dyn StorageFile) -> Result<u64, StorageError> {
    file.size().map_err(|error| StorageError::io("stat", error))
}

/// Reads both header copies, as far as the file goes.
pub(super) fn read_headers(file: &dyn StorageFile) -> Result<(Vec<u8>, Vec<u8>), StorageError> {
    let mut both = vec![0; SNAPSHOT_OFFSET as usize];
    let got = read_up_to(file, &mut both, 0)?;
    both.truncate(got);
    let second = both.split_off(got.min(HEADER_LEN));
    Ok((both, second))
}

/// Reads the headers and chooses one; a file that is too short for them is none of ours.
pub(super) fn accept_headers(
    file: &dyn StorageFile,
) -> Result<(Header, DamagedHeaders), StorageError> {
    let (a, b) = read_headers(file)?;
    if a.len() + b.len() < SNAPSHOT_OFFSET as usize {
        return Err(StorageError::NotADatabase { what: foreign(&a) });
    }
    choose(&a, &b)
}

pub(super) fn note_headers(report: &mut OpenReport, damaged: DamagedHeaders) {
    report.header_a_damaged = damaged.a;
    report.header_b_damaged = damaged.b;
}

/// Whether the file ends with a CLOSE frame that verifies: everything before it was synced.
pub(super) fn ends_cleanly(
    file: &dyn StorageFile,
    layout: Layout,
    size: u64,
) -> Result<bool, StorageError> {
    let Some(start) = size.checked_sub(CLOSE_FRAME_LEN as u64) else {
        return Ok(false);
    };
    if start < layout.log_off {
        return Ok(false);
    }
    let mut frame = [0; CLOSE_FRAME_LEN];
    read_exact(file, &mut frame, start)?;
    let header = FrameHeader::decode(&frame);
    Ok(header.kind == FrameKind::Close as u8
        && header.frame_len() == CLOSE_FRAME_LEN as u64
        && header.lsn == layout.lsn(start)
        && header.durable_lsn == header.lsn
        && header.crc == frame_crc(layout.seed, &frame)
        && content_fault(&header, &frame[super::frame::FRAME_HEADER_LEN..]).is_none())
}

/// Makes the next reads behind `from` come from the disk.
fn refresh(file: &dyn StorageFile, from: u64, read_only: bool) -> Result<(), StorageError> {
    if read_only {
        let _ = file.evict_cache(from);
        return Ok(());
    }
    file.sync_data()
        .map_err(|error| StorageError::io("sync", error))?;
    match file.evict_cache(from) {
        Err(error) if error.kind() != io::ErrorKind::Unsupported => {
            Err(StorageError::io("evict", error))
        }
        _ => Ok(()),
    }
}

/// Hands all good frames to the loader and judges what stands behind them.
fn replay(
    file: &Arc<dyn StorageFile>,
    layout: Layout,
    size: u64,
    loader: &dyn Loader,
    report: &mut OpenReport,
) -> Result<Continue, StorageError> {
    let mut scanner = FrameScanner::new(file, layout, size);
    let reason = loop {
        match scanner.step()? {
            Step::Frame(frame) => {
                if let Some(time) = frame_time(frame.header.kind, frame.payload()) {
                    report.last_time_ms = report.last_time_ms.max(time);
                }
                if frame.header.kind == FrameKind::Data as u8 {
                    let lsn = frame.header.lsn;
                    loader
                        .frame(lsn, frame.end_lsn(), frame.payload())
                        .map_err(|bad| layout.corrupt(lsn, bad.what))?;
                    report.frames += 1;
                }
            }
            Step::End => break None,
            Step::Bad(reason) => break Some(reason),
        }
    };
    let end_lsn = scanner.lsn();
    let prev_crc = scanner.last_crc();
    drop(scanner);
    report.end_lsn = end_lsn;
    if let Some(reason) = reason {
        let bad = layout.position(end_lsn);
        refuse_rot(file.as_ref(), layout, bad, size)?;
        report.cut_at = Some(bad);
        report.cut_bytes = size - bad;
        report.cut_reason = Some(reason);
    }
    Ok(Continue {
        layout,
        end_lsn,
        prev_crc,
        time_ms: report.last_time_ms,
    })
}

/// An error if the bytes at `bad` were safely on disk once.
pub(super) fn refuse_rot(
    file: &dyn StorageFile,
    layout: Layout,
    bad: u64,
    size: u64,
) -> Result<(), StorageError> {
    let lsn = layout.lsn(bad);
    match judge_tail(file, layout, bad, size)? {
        Tail::Torn => Ok(()),
        Tail::Rot { .. } => Err(layout.corrupt(
            lsn,
            "bytes that were synced have gone bad; a later frame proves it",
        )),
        Tail::Hostile => Err(layout.corrupt(
            lsn,
            "the log stops here and what follows looks made up; it is left as it is",
        )),
    }
}

/// Cuts a torn tail off and writes the OPEN frame, each of them synced.
fn make_writable(
    file: &dyn StorageFile,
    log: &Log,
    layout: Layout,
    size: u64,
    options: &OpenOptions,
    report: &mut OpenReport,
) -> Result<(), StorageError> {
    let end = layout.position(report.end_lsn);
    if end < size && !cfg!(nacre_bug = "no_truncation") {
        file.set_len(end)
            .map_err(|error| StorageError::io("truncate", error))?;
        file.sync_data()
            .map_err(|error| StorageError::io("sync", error))?;
    }
    log.mark_open(&options.stamp, report.cut_bytes)
}
