//! Reading frames in order, and judging the place where they stop.
//!
//! Called by `open`, `handover` (copying), `check` and `reader`. Invariants:
//! 1. A frame is handed out only after its LSN, its chain, its length and its checksum fit.
//! 2. Nothing is allocated for a length before LSN, chain and the file's size allow it; a frame
//!    longer than one buffer is checked piece by piece before its memory is taken.
//! 3. `judge_tail` says rot only on proof: a frame further on that verifies and claims that the bad
//!    place was synced. Its checksum work is bounded by a small multiple of the tail's length.
//!
//! It never writes.

use std::sync::Arc;

use super::backend::StorageFile;
use super::bytes::{crc, grow_zeroed, read_exact, read_up_to};
use super::frame::{FRAME_HEADER_LEN, FrameHeader, FrameKind, content_fault, frame_crc};
use super::header::Header;
use crate::error::StorageError;

/// How much is read at once.
const CHUNK: u64 = if cfg!(miri) { 4096 } else { 1 << 20 };

/// Where a file's log lies and what its checksums hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) base_lsn: u64,
    pub(super) log_off: u64,
    pub(super) seed: u32,
}

impl Layout {
    pub(super) fn of(header: &Header) -> Self {
        Self {
            base_lsn: header.base_lsn,
            log_off: header.log_off,
            seed: header.seed(),
        }
    }

    /// The file position of `lsn`, which is not before the log's start.
    pub(super) fn position(&self, lsn: u64) -> u64 {
        self.log_off + (lsn - self.base_lsn)
    }

    /// The LSN at a file position, which is not before the log's start.
    pub(super) fn lsn(&self, position: u64) -> u64 {
        self.base_lsn + (position - self.log_off)
    }

    /// The error for bad bytes at a place in the log.
    pub(super) fn corrupt(&self, lsn: u64, what: &'static str) -> StorageError {
        StorageError::Corrupt {
            offset: self.position(lsn),
            lsn: Some(lsn),
            what,
        }
    }
}

/// A verified frame.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) header: FrameHeader,
    /// The whole frame: header, payload, padding.
    pub(super) bytes: &'a mut [u8],
}

impl Frame<'_> {
    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[FRAME_HEADER_LEN..FRAME_HEADER_LEN + self.header.len as usize]
    }

    pub(super) fn end_lsn(&self) -> u64 {
        self.header.lsn + self.header.frame_len()
    }
}

/// What the next place in the log holds.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A frame that fits.
    Frame(Frame<'a>),
    /// The exact end.
    End,
    /// Something else; the scanner stays before it.
    Bad(&'static str),
}

/// Reads verified frames one after another.
#[derive(Debug)]
pub(super) struct FrameScanner {
    file: Arc<dyn StorageFile>,
    layout: Layout,
    /// File position of the next frame.
    next: u64,
    /// File position where reading stops.
    end: u64,
    /// Checksum of the frame before; `None` when the scan started in the middle.
    prev_crc: Option<u32>,
    /// File bytes from `window_off` on.
    window: Vec<u8>,
    window_off: u64,
}

impl FrameScanner {
    /// A scan of the whole log of a file that is `end` bytes long.
    pub(super) fn new(file: &Arc<dyn StorageFile>, layout: Layout, end: u64) -> Self {
        Self {
            file: Arc::clone(file),
            layout,
            next: layout.log_off,
            end,
            prev_crc: Some(layout.seed),
            window: Vec::new(),
            window_off: layout.log_off,
        }
    }

    /// A scan of the frames in `[from_lsn, to_lsn)`, both frame boundaries; the first frame's chain
    /// is taken as it is.
    pub(super) fn between(
        file: &Arc<dyn StorageFile>,
        layout: Layout,
        from_lsn: u64,
        to_lsn: u64,
    ) -> Self {
        let next = layout.position(from_lsn);
        Self {
            file: Arc::clone(file),
            layout,
            next,
            end: layout.position(to_lsn),
            prev_crc: (next == layout.log_off).then_some(layout.seed),
            window: Vec::new(),
            window_off: next,
        }
    }

    /// LSN of the next frame: the end of what was handed out.
    pub(super) fn lsn(&self) -> u64 {
        self.layout.lsn(self.next)
    }

    /// Checksum of the last frame handed out; the seed if there was none.
    pub(super) fn last_crc(&self) -> u32 {
        self.prev_crc.unwrap_or(self.layout.seed)
    }

    /// The next frame.
    ///
    /// # Errors
    /// A failed read; `Corrupt` for a frame that verifies and whose content cannot be.
    pub(super) fn step(&mut self) -> Result<Step<'_>, StorageError> {
        let left = self.end - self.next;
        if left == 0 {
            return Ok(Step::End);
        }
        if left < FRAME_HEADER_LEN as u64 {
            return Ok(Step::Bad("the file ends inside a frame's header"));
        }
        self.fill(FRAME_HEADER_LEN as u64)?;
        let at = (self.next - self.window_off) as usize;
        let header = FrameHeader::decode(&self.window[at..]);
        if let Some(reason) = self.misplaced(&header, left) {
            let zeros = self.window[at..at + FRAME_HEADER_LEN]
                .iter()
                .all(|b| *b == 0);
            return Ok(Step::Bad(if zeros { "zeros" } else { reason }));
        }
        let frame_len = header.frame_len();
        if frame_len > CHUNK && self.long_crc(frame_len)? != header.crc {
            return Ok(Step::Bad("a frame's checksum"));
        }
        self.fill(frame_len)?;
        let at = (self.next - self.window_off) as usize;
        let bytes = &mut self.window[at..at + frame_len as usize];
        if frame_len <= CHUNK && frame_crc(self.layout.seed, bytes) != header.crc {
            return Ok(Step::Bad("a frame's checksum"));
        }
        let (payload, padding) = bytes[FRAME_HEADER_LEN..].split_at(header.len as usize);
        let fault = if padding.iter().any(|byte| *byte != 0) {
            Some("a frame's padding")
        } else {
            content_fault(&header, payload)
        };
        if let Some(what) = fault {
            return Err(self.layout.corrupt(header.lsn, what));
        }
        self.next += frame_len;
        self.prev_crc = Some(header.crc);
        Ok(Step::Frame(Frame { header, bytes }))
    }

    /// Why the header cannot be the next frame's, judged before its payload is read.
    fn misplaced(&self, header: &FrameHeader, left: u64) -> Option<&'static str> {
        if header.lsn != self.layout.lsn(self.next) {
            return Some("a frame of another place");
        }
        let chained = cfg!(nacre_bug = "no_chain")
            || self.prev_crc.is_none_or(|prev| prev == header.prev_crc);
        if !chained {
            return Some("a frame that does not follow the one before it");
        }
        if header.durable_lsn > header.lsn {
            return Some("a frame that claims to be synced before it was written");
        }
        if header.frame_len() > left {
            return Some("the file ends inside a frame");
        }
        None
    }

    /// Sees to it that the window holds `need` bytes from `next` on; they are inside the file.
    fn fill(&mut self, need: u64) -> Result<(), StorageError> {
        let held_to = self.window_off + self.window.len() as u64;
        if self.next + need <= held_to {
            return Ok(());
        }
        let keep_from = ((self.next - self.window_off) as usize).min(self.window.len());
        self.window.copy_within(keep_from.., 0);
        let kept = self.window.len() - keep_from;
        self.window_off = self.next;
        let want = need.max(CHUNK).min(self.end - self.next) as usize;
        if self.window.capacity() > 4 * CHUNK as usize && want <= CHUNK as usize {
            // The last frame was a huge one: give its memory back.
            self.window.truncate(kept);
            self.window.shrink_to(CHUNK as usize);
        }
        grow_zeroed(&mut self.window, want.max(kept))?;
        read_exact(
            self.file.as_ref(),
            &mut self.window[kept..],
            self.next + kept as u64,
        )
    }

    /// The checksum of a frame of `len` bytes, read piece by piece.
    fn long_crc(&self, len: u64) -> Result<u32, StorageError> {
        stream_crc(self.file.as_ref(), self.layout.seed, self.next + 4, len - 4)
    }
}

/// The checksum of `len` bytes of the file, in pieces.
fn stream_crc(file: &dyn StorageFile, seed: u32, from: u64, len: u64) -> Result<u32, StorageError> {
    let mut piece = vec![0; len.min(CHUNK) as usize];
    let mut sum = seed;
    let mut done = 0;
    while done < len {
        let n = (len - done).min(CHUNK) as usize;
        read_exact(file, &mut piece[..n], from + done)?;
        sum = crc(sum, &[&piece[..n]]);
        done += n as u64;
    }
    Ok(sum)
}

/// What the bytes behind the last good frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing proves that they were ever synced: a write that a crash cut short.
    Torn,
    /// A frame at this LSN proves that the bad place was safely on disk once.
    Rot { witness_lsn: u64 },
    /// More candidates than an honest file can have.
    Hostile,
}

/// Judges the bytes from `bad` (a file position) to `size`.
///
/// A candidate must name its own position, fit into the file and claim `durable_lsn` past the bad
/// place before its checksum is computed, so an honest torn tail costs one pass over its bytes.
pub(super) fn judge_tail(
    file: &dyn StorageFile,
    layout: Layout,
    bad: u64,
    size: u64,
) -> Result<Tail, StorageError> {
    let bad_lsn = layout.lsn(bad);
    let mut budget = (size - bad).saturating_mul(4).saturating_add(CHUNK);
    let mut window = vec![0; CHUNK as usize];
    let mut from = bad + 8;
    while from + FRAME_HEADER_LEN as u64 <= size {
        let want = (size - from).min(CHUNK) as usize;
        let got = read_up_to(file, &mut window[..want], from)?;
        if got < FRAME_HEADER_LEN {
            break;
        }
        let mut at = 0;
        while at + FRAME_HEADER_LEN <= got {
            let position = from + at as u64;
            let header = FrameHeader::decode(&window[at..]);
            let candidate = header.lsn == layout.lsn(position)
                && header.durable_lsn > bad_lsn
                && header.durable_lsn <= header.lsn
                && FrameKind::from_u8(header.kind).is_some()
                && header.frame_len() <= size - position;
            if candidate {
                let Some(rest) = budget.checked_sub(header.frame_len()) else {
                    return Ok(Tail::Hostile);
                };
                budget = rest;
                let sum = stream_crc(file, layout.seed, position + 4, header.frame_len() - 4)?;
                if sum == header.crc {
                    return Ok(Tail::Rot {
                        witness_lsn: header.lsn,
                    });
                }
            }
            at += 8;
        }
        from += at as u64;
    }
    Ok(Tail::Torn)
}
