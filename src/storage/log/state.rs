//! The two halves of the log's memory: frames being queued, and frames being written.
//!
//! Called by `log` and `handover` under the lock named in each type's comment. Invariants:
//! 1. `State::buf` holds whole frames, ending at `end_lsn`, sealed for the current file.
//! 2. `Io::out` holds what was taken from `buf` and is not in the file yet; it precedes `buf`.
//! 3. Times in the log never go back, whatever the clock does.

use std::sync::Arc;

use super::super::backend::StorageFile;
use super::super::frame::{FrameKind, Place, frame_len, push_frame};
use super::super::scan::Layout;

/// Times in the log are this far apart at least.
const TIME_STEP_MS: u64 = 10;
/// A buffer that grew past this is given back after use.
const KEEP_CAPACITY: usize = 8 << 20;
/// Space is asked for ahead in pieces of at least this size.
const MIN_RESERVE: u64 = 256 << 10;

/// Frames that nobody has taken for writing yet. Under `Log::state`.
#[derive(Debug)]
pub(in super::super) struct State {
    pub(in super::super) buf: Vec<u8>,
    pub(in super::super) seed: u32,
    pub(in super::super) end_lsn: u64,
    pub(in super::super) prev_crc: u32,
    pub(in super::super) time_ms: u64,
    pub(in super::super) unsynced_since_ms: Option<u64>,
}

impl State {
    pub(super) fn new(seed: u32, end_lsn: u64, prev_crc: u32, time_ms: u64) -> Self {
        Self {
            buf: Vec::new(),
            seed,
            end_lsn,
            prev_crc,
            time_ms,
            unsynced_since_ms: None,
        }
    }

    /// Adds a frame. `durable` is what is durable in the file that will hold it.
    pub(in super::super) fn push(
        &mut self,
        kind: FrameKind,
        ops: u16,
        durable: u64,
        payload: &[u8],
    ) {
        let place = Place {
            seed: self.seed,
            lsn: self.end_lsn,
            prev_crc: self.prev_crc,
            durable_lsn: durable,
        };
        self.prev_crc = push_frame(&mut self.buf, place, kind, ops, payload);
        self.end_lsn += frame_len(payload.len() as u32);
    }

    /// Notes the time of the frame that comes next; answers how long something is unsynced by now.
    pub(super) fn mark_time(&mut self, now_ms: u64, durable: u64) -> u64 {
        if now_ms >= self.time_ms.saturating_add(TIME_STEP_MS) {
            self.time_ms = now_ms;
            self.push(FrameKind::Time, 0, durable, &now_ms.to_le_bytes());
        }
        let since = *self.unsynced_since_ms.get_or_insert(now_ms);
        now_ms.saturating_sub(since)
    }
}

/// The file and what is on its way into it. Under `Log::io`.
#[derive(Debug)]
pub(in super::super) struct Io {
    pub(in super::super) file: Arc<dyn StorageFile>,
    pub(in super::super) layout: Layout,
    pub(in super::super) out: Vec<u8>,
    /// Space was asked for up to this file position; 0 if never.
    pub(in super::super) reserved_to: u64,
}

impl Io {
    pub(super) fn new(file: Arc<dyn StorageFile>, layout: Layout) -> Self {
        Self {
            file,
            layout,
            out: Vec::new(),
            reserved_to: 0,
        }
    }

    /// Takes over all queued frames; answers the LSN after them.
    pub(in super::super) fn take(&mut self, state: &mut State) -> u64 {
        if self.out.is_empty() {
            std::mem::swap(&mut self.out, &mut state.buf);
        } else {
            self.out.extend_from_slice(&state.buf);
            state.buf.clear();
        }
        state.end_lsn
    }

    /// Forgets what was written.
    pub(in super::super) fn clear_out(&mut self) {
        self.out.clear();
        if self.out.capacity() > KEEP_CAPACITY {
            self.out = Vec::new();
        }
    }

    /// Asks for space behind `position` before it is needed. A hint: a refusal is not looked at,
    /// the write itself will tell.
    pub(super) fn reserve_ahead(&mut self, position: u64, max: u64) {
        let need = position + self.out.len() as u64;
        if max == 0 || need <= self.reserved_to {
            return;
        }
        let ahead = (position - self.layout.log_off).clamp(MIN_RESERVE.min(max), max);
        let _ = self.file.allocate(position, need + ahead - position);
        self.reserved_to = need + ahead;
    }
}
