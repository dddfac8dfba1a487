//! `nacre info`: what is in a file, while it may be in use. Nothing is locked, repaired or changed.

use std::io::{self, Write as _};
use std::path::Path;

use nacredb::inspect::{self, FileInfo, FrameKind};
use nacredb::{Db, Error};

use crate::json::Object;
use crate::time::{size, utc};
use crate::{Failure, progress, say};

/// Keys of a larger file are not counted: that takes loading it.
const COUNT_KEYS_BYTES_MAX: u64 = 256 << 20;

/// What the log tells when it is read from end to end.
#[derive(Debug, Default)]
struct LogSummary {
    transactions: u64,
    end_lsn: u64,
    durable_lsn: u64,
    opened_ms: Option<u64>,
    closed_ms: Option<u64>,
    written_ms: Option<u64>,
    /// The last frame is that of a clean close.
    closed: bool,
    /// What ended the reading before the end of the log.
    damage: Option<Error>,
}

fn read_log(path: &Path, base_lsn: u64) -> Result<LogSummary, Error> {
    let mut summary = LogSummary {
        end_lsn: base_lsn,
        durable_lsn: base_lsn,
        ..LogSummary::default()
    };
    for frame in inspect::log(path, 0)? {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                summary.damage = Some(error);
                break;
            }
        };
        let at = Some(frame.unix_ms()).filter(|at| *at > 0);
        summary.end_lsn = frame.end_lsn();
        summary.durable_lsn = summary.durable_lsn.max(frame.durable_lsn());
        summary.written_ms = at.or(summary.written_ms);
        summary.closed = frame.kind() == FrameKind::Close;
        match frame.kind() {
            FrameKind::Data => summary.transactions += 1,
            FrameKind::Open => summary.opened_ms = at,
            FrameKind::Close => {
                summary.closed_ms = at;
                summary.durable_lsn = frame.end_lsn();
            }
            FrameKind::Time | FrameKind::Pad | _ => {}
        }
    }
    Ok(summary)
}

/// How many keys there are and how many of them have a deadline.
fn count_keys(path: &Path, file_bytes: u64) -> Option<(u64, u64)> {
    if file_bytes > COUNT_KEYS_BYTES_MAX {
        return None;
    }
    let db = Db::builder().read_only(true).open(path).ok()?;
    let stats = db.stats().ok()?;
    Some((stats.keys, stats.keys_with_deadline))
}

pub(crate) fn run(path: &Path, as_json: bool) -> Result<u8, Failure> {
    let at = Failure::at(path);
    let info = inspect::info(path).map_err(&at)?;
    let file_bytes = progress::file_bytes(path);
    let log = read_log(path, info.base_lsn).map_err(&at)?;
    let keys = count_keys(path, file_bytes);
    let text = if as_json {
        json(&info, file_bytes, &log, keys)
    } else {
        table(&info, file_bytes, &log, keys)
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    if let Some(error) = &log.damage {
        say(&format!("{}: {}", path.display(), crate::plain(error)));
        return Ok(2);
    }
    Ok(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parent(info: &FileInfo) -> Option<String> {
    (info.parent_id != [0; 16]).then(|| hex(&info.parent_id))
}

fn table(info: &FileInfo, file_bytes: u64, log: &LogSummary, keys: Option<(u64, u64)>) -> String {
    let (major, minor) = info.version;
    let mut rows = vec![
        (
            "format",
            format!("{major}.{minor}, written by {}", info.writer),
        ),
        ("id", hex(&info.file_id)),
        ("created", utc(info.created_ms)),
        ("size", size(file_bytes)),
        ("snapshot", size(info.snapshot_bytes)),
        (
            "log",
            format!(
                "{} from byte {} on, {} transactions",
                size(file_bytes.saturating_sub(info.log_offset)),
                info.log_offset,
                log.transactions
            ),
        ),
        (
            "LSN",
            format!(
                "{} to {}, synced at least to {}",
                info.base_lsn, log.end_lsn, log.durable_lsn
            ),
        ),
    ];
    if let Some(parent) = parent(info) {
        rows.push((
            "continues",
            format!("{parent} from LSN {} on", info.parent_end_lsn),
        ));
    }
    if info.features != (0, 0, 0) {
        let (compat, ro_compat, incompat) = info.features;
        rows.push((
            "features",
            format!("{compat:#x} {ro_compat:#x} {incompat:#x}"),
        ));
    }
    rows.push((
        "keys",
        match keys {
            Some((keys, deadlines)) => format!("{keys}, {deadlines} of them with a deadline"),
            None => "not counted".to_owned(),
        },
    ));
    let time = |at: Option<u64>| at.map_or_else(|| "-".to_owned(), utc);
    rows.push(("opened", time(log.opened_ms)));
    rows.push(("written", time(log.written_ms)));
    rows.push((
        "closed",
        if log.closed {
            time(log.closed_ms)
        } else {
            "no: in use, or its process ended without closing it".to_owned()
        },
    ));
    rows.iter()
        .map(|(name, value)| format!("{name:<10} {value}\n"))
        .collect()
}

fn json(info: &FileInfo, file_bytes: u64, log: &LogSummary, keys: Option<(u64, u64)>) -> String {
    let (major, minor) = info.version;
    let (compat, ro_compat, incompat) = info.features;
    let object = Object::new()
        .string("format", &format!("{major}.{minor}"))
        .string("writer", &info.writer)
        .string("id", &hex(&info.file_id))
        .number("created_ms", info.created_ms)
        .number("file_bytes", file_bytes)
        .number("snapshot_bytes", info.snapshot_bytes)
        .number("log_offset", info.log_offset)
        .number("log_bytes", file_bytes.saturating_sub(info.log_offset))
        .number("transactions", log.transactions)
        .number("base_lsn", info.base_lsn)
        .number("end_lsn", log.end_lsn)
        .number("durable_lsn", log.durable_lsn);
    let object = match parent(info) {
        Some(parent) => object.string("parent_id", &parent),
        None => object.json("parent_id", "null"),
    };
    object
        .number("parent_end_lsn", info.parent_end_lsn)
        .number("features_compat", compat)
        .number("features_ro_compat", ro_compat)
        .number("features_incompat", incompat)
        .maybe("keys", keys.map(|(keys, _)| keys))
        .maybe("keys_with_deadline", keys.map(|(_, deadlines)| deadlines))
        .maybe("opened_ms", log.opened_ms)
        .maybe("written_ms", log.written_ms)
        .maybe("closed_ms", log.closed_ms.filter(|_| log.closed))
        .bool("closed", log.closed)
        .bool("log_sound", log.damage.is_none())
        .end()
        + "\n"
}
