//! The append log: frames enter a buffer under a short lock and leave it in combined writes.
//!
//! Called by `engine`: [`Log::append`] under its shard locks, [`Log::commit`] after unlocking,
//! [`Log::tick`] from its sync thread, [`Log::close`] at the end. `handover` swaps the file below it.
//!
//! Locks, always taken in this order: the sync role, `io`, `state`.
//!
//! Invariants:
//! 1. `durable <= written <= end`. `written..end` is held in memory: first `io.out`, then `state.buf`.
//! 2. `append` does no I/O and waits for none: it takes `state` only, and nobody holds `state`
//!    during a call to the disk.
//! 3. Whoever holds `io` is the flusher; it writes everything that is queued in one call.
//! 4. Whoever holds the sync role is the only one to sync or to swap the file. `io` is free while a
//!    sync runs, so writes go on.
//! 5. A failed sync, a failed write that is not for want of room, and a failed cut poison the file:
//!    it is not written or synced again, until a hand-over puts another file in its place.
//! 6. After a write that found no room the file is cut back to `written`, the frames stay in memory.
//!
//! It starts no thread, reads no clock and knows nothing about what the payloads mean.

mod state;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crossbeam::utils::CachePadded;
use parking_lot::{Condvar, Mutex};

use super::Stamp;
use super::backend::StorageFile;
use super::bytes::{is_full, write_all_at};
use super::closed::ClosedFile;
use super::frame::{FrameKind, MAX_PAYLOAD_LEN, close_payload, open_payload};
use super::registry::OwnerProcess;
use super::scan::Layout;
use crate::error::StorageError;
pub(super) use state::{Io, State};

/// When a commit is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ack {
    /// After a sync: survives a power cut. Commits that wait together share one sync.
    Always,
    /// After the write: survives the death of the process; a power cut may take the last second.
    EverySec,
    /// After the write; syncing is left to the operating system.
    No,
    /// At once, from memory: the death of the process may take what was not flushed yet.
    Buffered,
}

/// Bounds of the appender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLimits {
    /// [`Log::tick`] syncs when this much time has passed since its last sync; `None`: never.
    pub sync_interval_ms: Option<u64>,
    /// With more unsynced bytes than this an `EverySec` commit waits for a sync.
    pub max_unsynced_bytes: u64,
    /// With unsynced frames older than this an `EverySec` commit waits for a sync.
    pub max_unsynced_age_ms: u64,
    /// With more unwritten bytes than this a `Buffered` commit writes them.
    pub max_backlog_bytes: u64,
    /// Space is asked for ahead of the log's end in pieces up to this size; 0: not at all.
    pub max_reserve_bytes: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            sync_interval_ms: Some(1000),
            max_unsynced_bytes: 64 << 20,
            max_unsynced_age_ms: 10_000,
            max_backlog_bytes: 1 << 20,
            max_reserve_bytes: 64 << 20,
        }
    }
}

/// Where an appended frame stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The frame's own LSN.
    pub lsn: u64,
    /// The LSN after it: what [`Log::commit`] waits for.
    pub end_lsn: u64,
}

/// Counters of the appender since the file was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogStats {
    /// Frames of transactions appended.
    pub frames: u64,
    /// Calls that wrote queued frames.
    pub writes: u64,
    /// Bytes that they wrote.
    pub written_bytes: u64,
    /// Syncs that succeeded.
    pub syncs: u64,
    /// Commits that waited because too much was unsynced.
    pub throttled: u64,
    /// The file has no name any more: somebody removed or replaced it. Writes go on.
    pub unlinked: bool,
}

/// An interval that never passes.
const NEVER_MS: u64 = u64::MAX;

const MODE_OK: u8 = 0;
const MODE_FULL: u8 = 1;
const MODE_POISONED: u8 = 2;
const MODE_CLOSED: u8 = 3;
const MODE_READ_ONLY: u8 = 4;

/// The append log of one open file. All methods may be called from any thread.
#[derive(Debug)]
pub struct Log {
    pub(super) state: CachePadded<Mutex<State>>,
    pub(super) io: CachePadded<Mutex<Io>>,
    role_taken: Mutex<bool>,
    role_free: Condvar,
    pub(super) end: CachePadded<AtomicU64>,
    pub(super) written: CachePadded<AtomicU64>,
    pub(super) durable: AtomicU64,
    base: AtomicU64,
    mode: AtomicU8,
    fault: Mutex<Option<Arc<io::Error>>>,
    limits: LogLimits,
    /// As in `limits` at first; `NEVER_MS` for never.
    sync_interval_ms: AtomicU64,
    last_sync_ms: AtomicU64,
    overdue: AtomicBool,
    full_calls: AtomicU32,
    frames: AtomicU64,
    writes: AtomicU64,
    written_bytes: AtomicU64,
    syncs: AtomicU64,
    throttled: AtomicU64,
    unlinked: AtomicBool,
    owner: OwnerProcess,
}

/// Where a log continues: what recovery found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Continue {
    pub(super) layout: Layout,
    pub(super) end_lsn: u64,
    pub(super) prev_crc: u32,
    pub(super) time_ms: u64,
}

impl Log {
    /// A log that goes on behind what is in `file`, all of which is durable.
    pub(super) fn new(
        file: Arc<dyn StorageFile>,
        from: Continue,
        limits: LogLimits,
        read_only: bool,
    ) -> Self {
        let state = State::new(from.layout.seed, from.end_lsn, from.prev_crc, from.time_ms);
        Self {
            state: CachePadded::new(Mutex::new(state)),
            io: CachePadded::new(Mutex::new(Io::new(file, from.layout))),
            role_taken: Mutex::new(false),
            role_free: Condvar::new(),
            end: CachePadded::new(AtomicU64::new(from.end_lsn)),
            written: CachePadded::new(AtomicU64::new(from.end_lsn)),
            durable: AtomicU64::new(from.end_lsn),
            base: AtomicU64::new(from.layout.base_lsn),
            mode: AtomicU8::new(if read_only { MODE_READ_ONLY } else { MODE_OK }),
            fault: Mutex::new(None),
            sync_interval_ms: AtomicU64::new(limits.sync_interval_ms.unwrap_or(NEVER_MS)),
            limits,
            last_sync_ms: AtomicU64::new(0),
            overdue: AtomicBool::new(false),
            full_calls: AtomicU32::new(0),
            frames: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            unlinked: AtomicBool::new(false),
            owner: OwnerProcess::current(),
        }
    }

    /// Whether a write may start now. To be asked before a command changes anything in memory.
    ///
    /// On a full disk every so often a call tries to write what is queued, so that writing resumes
    /// by itself. O(1) otherwise.
    ///
    /// # Errors
    /// `DiskFull`, `DurabilityLost` (a heal is needed), `Closed`, `ReadOnly`.
    pub fn check_writable(&self) -> Result<(), StorageError> {
        match self.mode.load(Ordering::Acquire) {
            MODE_OK => Ok(()),
            MODE_FULL => {
                let calls = self.full_calls.fetch_add(1, Ordering::Relaxed);
                let due = calls.is_power_of_two() || calls.is_multiple_of(256);
                if due && self.flush().is_ok() {
                    return Ok(());
                }
                Err(StorageError::DiskFull)
            }
            MODE_READ_ONLY => Err(StorageError::ReadOnly),
            MODE_CLOSED => Err(StorageError::Closed),
            _ => Err(self.durability_lost()),
        }
    }

    /// Appends one transaction. Places it in memory only: [`commit`](Self::commit) makes it safe.
    ///
    /// `now_ms` is the operation's time; the log keeps it to 10 ms. The order of calls is the order
    /// of the log. O(payload), no I/O; after [`check_writable`](Self::check_writable) only the
    /// payload's length can fail.
    ///
    /// # Errors
    /// `TooLarge` for a payload of more than [`MAX_PAYLOAD_LEN`] bytes; nothing was appended.
    pub fn append(&self, now_ms: u64, ops: u16, payload: &[u8]) -> Result<Appended, StorageError> {
        Self::check_payload(payload.len() as u64)?;
        let durable = self.durable.load(Ordering::Acquire);
        let mut state = self.state.lock();
        if state.mark_time(now_ms, durable) > self.limits.max_unsynced_age_ms {
            self.overdue.store(true, Ordering::Relaxed);
        }
        let lsn = state.end_lsn;
        state.push(FrameKind::Data, ops, durable, payload);
        let end_lsn = state.end_lsn;
        // Under the lock, so that `end` never goes back.
        self.end.store(end_lsn, Ordering::Release);
        drop(state);
        self.frames.fetch_add(1, Ordering::Relaxed);
        Ok(Appended { lsn, end_lsn })
    }

    /// Changes how much time may pass before [`tick`](Self::tick) syncs; `None`: any.
    pub fn set_sync_interval_ms(&self, interval: Option<u64>) {
        self.sync_interval_ms
            .store(interval.unwrap_or(NEVER_MS), Ordering::Relaxed);
    }

    /// Whether a payload of this length fits into one frame.
    ///
    /// # Errors
    /// `TooLarge` if not.
    pub fn check_payload(len: u64) -> Result<(), StorageError> {
        if len > MAX_PAYLOAD_LEN {
            return Err(StorageError::TooLarge {
                bytes: len,
                limit: MAX_PAYLOAD_LEN,
            });
        }
        Ok(())
    }

    /// Waits until everything before `end_lsn` is as safe as `ack` asks, doing the work itself if
    /// nobody else is at it. Not to be called with locks held that an appender may want.
    ///
    /// # Errors
    /// `Unconfirmed` if the disk is full (the frames stay queued), `DurabilityLost` after a failed
    /// sync or write, `Closed` if the log was closed with the frame unwritten.
    pub fn commit(&self, end_lsn: u64, ack: Ack) -> Result<(), StorageError> {
        match ack {
            Ack::Always => self.sync_to(end_lsn),
            Ack::No => self.flush_to(end_lsn),
            Ack::EverySec => {
                self.flush_to(end_lsn)?;
                let written = self.written.load(Ordering::Relaxed);
                let unsynced = written.saturating_sub(self.durable.load(Ordering::Relaxed));
                if unsynced > self.limits.max_unsynced_bytes || self.overdue.load(Ordering::Relaxed)
                {
                    self.throttled.fetch_add(1, Ordering::Relaxed);
                    return self.sync_to(end_lsn);
                }
                Ok(())
            }
            Ack::Buffered => {
                match self.mode.load(Ordering::Relaxed) {
                    MODE_POISONED => return Err(self.durability_lost()),
                    MODE_CLOSED => return self.flush_to(end_lsn),
                    _ => {}
                }
                let backlog = self
                    .end
                    .load(Ordering::Relaxed)
                    .saturating_sub(self.written.load(Ordering::Relaxed));
                if backlog > self.limits.max_backlog_bytes {
                    return self.flush_to(end_lsn);
                }
                Ok(())
            }
        }
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn flush(&self) -> Result<(), StorageError> {
        self.flush_to(self.end.load(Ordering::Acquire))
    }

    /// Writes and syncs everything that is queued.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn sync(&self) -> Result<(), StorageError> {
        self.sync_to(self.end.load(Ordering::Acquire))
    }

    /// To be called every now and then (10 to 1000 ms) by the engine's sync thread: writes what is
    /// queued, retries on a full disk, and syncs when the interval has passed.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); on `DurabilityLost` a heal is due.
    pub fn tick(&self, now_ms: u64) -> Result<(), StorageError> {
        if self.mode.load(Ordering::Acquire) >= MODE_CLOSED {
            return Ok(());
        }
        let interval = self.sync_interval_ms.load(Ordering::Relaxed);
        if interval != NEVER_MS {
            let last = self.last_sync_ms.load(Ordering::Relaxed);
            let due = now_ms < last || now_ms - last >= interval;
            if due && self.durable_lsn() < self.end_lsn() {
                self.last_sync_ms.store(now_ms, Ordering::Relaxed);
                return self.sync();
            }
        }
        self.flush()
    }

    /// Flushes, syncs, and marks the log as cleanly closed. Further writes are refused. Closing
    /// twice is fine.
    ///
    /// # Errors
    /// As [`commit`](Self::commit). On a full disk the log stays open and closing may be tried
    /// again; otherwise it is closed without the mark, and the next open examines the file.
    pub fn close(&self, now_ms: u64) -> Result<(), StorageError> {
        // In a child the locks may have been copied while another thread held them.
        self.owner.check()?;
        let _role = self.take_role();
        let mut io = self.io.lock();
        if self.mode.load(Ordering::Acquire) >= MODE_CLOSED {
            return Ok(());
        }
        if self.mode.load(Ordering::Acquire) == MODE_POISONED {
            self.mode.store(MODE_CLOSED, Ordering::Release);
            io.file = Arc::new(ClosedFile);
            return Err(self.durability_lost());
        }
        self.flush_io(&mut io)?;
        self.mode.store(MODE_CLOSED, Ordering::Release);
        let closed = self.write_close(&mut io, now_ms);
        if io.reserved_to > 0 {
            // Gives space beyond the end back; the length stays what it is.
            let end = io.layout.position(self.written.load(Ordering::Relaxed));
            let _ = closed.is_ok() && io.file.set_len(end).is_ok();
        }
        // The lock goes with the file.
        io.file = Arc::new(ClosedFile);
        closed
    }

    /// Closes, if this is the process that opened, at the time of the last frame; for drops.
    pub(super) fn close_at_last_time(&self) {
        if self.owner.check().is_ok() {
            let _ = self.close(self.last_time_ms());
        }
    }

    /// The last two steps of closing: everything durable, then a frame that says so, durable too.
    fn write_close(&self, io: &mut Io, now_ms: u64) -> Result<(), StorageError> {
        // An appender that asked before the mode changed may still have added a frame.
        self.flush_io(io)?;
        self.sync_file(io.file.as_ref(), io.layout)?;
        let time_ms = {
            let mut state = self.state.lock();
            let at = state.end_lsn;
            let durable = self.durable.load(Ordering::Relaxed);
            if durable != at {
                return Err(StorageError::Closed);
            }
            let time_ms = now_ms.max(state.time_ms);
            state.push(FrameKind::Close, 0, at, &close_payload(at, time_ms));
            self.end.store(state.end_lsn, Ordering::Release);
            time_ms
        };
        self.flush_io(io)?;
        self.last_sync_ms.store(time_ms, Ordering::Relaxed);
        self.sync_file(io.file.as_ref(), io.layout)
    }

    /// Marks that the file was opened for writing, durably: the first frame after recovery.
    pub(super) fn mark_open(&self, stamp: &Stamp, cut_bytes: u64) -> Result<(), StorageError> {
        {
            let mut state = self.state.lock();
            let at = state.end_lsn;
            state.time_ms = state.time_ms.max(stamp.unix_ms);
            let payload = open_payload(&stamp.epoch(), at, cut_bytes, state.time_ms);
            state.push(FrameKind::Open, 0, at, &payload);
            self.end.store(state.end_lsn, Ordering::Release);
        }
        self.last_sync_ms.store(stamp.unix_ms, Ordering::Relaxed);
        self.sync()
    }

    /// Appends a PAD frame with `len` zeros. No release writes one yet; every release reads it.
    #[cfg(test)]
    pub(super) fn push_padding(&self, len: usize) {
        let durable = self.durable.load(Ordering::Acquire);
        let mut state = self.state.lock();
        state.push(FrameKind::Pad, 0, durable, &vec![0; len]);
        self.end.store(state.end_lsn, Ordering::Release);
    }

    /// LSN after the last appended frame.
    #[must_use]
    pub fn end_lsn(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Everything before this LSN is in the file.
    #[must_use]
    pub fn written_lsn(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Everything before this LSN survives a power cut.
    #[must_use]
    pub fn durable_lsn(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Length of the log: what a compaction would fold into the snapshot.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.end_lsn() - self.base.load(Ordering::Acquire)
    }

    /// The time of the last frame, as the log knows it.
    #[must_use]
    pub fn last_time_ms(&self) -> u64 {
        self.state.lock().time_ms
    }

    /// Whether the file is poisoned and only a compaction into a new one makes it writable again.
    #[must_use]
    pub fn needs_heal(&self) -> bool {
        self.mode.load(Ordering::Acquire) == MODE_POISONED
    }

    /// What poisoned the file or filled the disk, while that lasts.
    #[must_use]
    pub fn fault(&self) -> Option<Arc<io::Error>> {
        self.fault.lock().clone()
    }

    /// Counters since the file was opened.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        LogStats {
            frames: self.frames.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            written_bytes: self.written_bytes.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
            unlinked: self.unlinked.load(Ordering::Relaxed),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.mode.load(Ordering::Acquire) >= MODE_CLOSED
    }

    fn durability_lost(&self) -> StorageError {
        StorageError::DurabilityLost {
            since_lsn: self.durable_lsn(),
        }
    }

    fn flush_to(&self, end_lsn: u64) -> Result<(), StorageError> {
        if self.written.load(Ordering::Acquire) >= end_lsn {
            return Ok(());
        }
        let mut io = self.io.lock();
        if self.written.load(Ordering::Acquire) >= end_lsn {
            return Ok(());
        }
        if self.mode.load(Ordering::Acquire) >= MODE_CLOSED {
            return Err(StorageError::Closed);
        }
        self.flush_io(&mut io)
    }

    /// Writes everything that is queued, as the flusher.
    pub(super) fn flush_io(&self, io: &mut Io) -> Result<(), StorageError> {
        if self.mode.load(Ordering::Acquire) == MODE_POISONED {
            return Err(self.durability_lost());
        }
        let end_lsn = io.take(&mut self.state.lock());
        if io.out.is_empty() {
            return Ok(());
        }
        let written = self.written.load(Ordering::Relaxed);
        let position = io.layout.position(written);
        io.reserve_ahead(position, self.limits.max_reserve_bytes);
        match write_all_at(io.file.as_ref(), &io.out, position) {
            Ok(()) => {
                let len = io.out.len() as u64;
                io.clear_out();
                self.written.store(written + len, Ordering::Release);
                self.writes.fetch_add(1, Ordering::Relaxed);
                self.written_bytes.fetch_add(len, Ordering::Relaxed);
                if self.mode.load(Ordering::Relaxed) == MODE_FULL {
                    self.set_mode_if(MODE_FULL, MODE_OK);
                    *self.fault.lock() = None;
                }
                Ok(())
            }
            Err((_, error)) if is_full(&error) => {
                // What came through of the write must go, or the next attempt could leave a frame
                // whose head and tail are of two writes.
                if let Err(cut) = io.file.set_len(position) {
                    return Err(self.disk_failed(cut));
                }
                let source = Arc::new(error);
                *self.fault.lock() = Some(Arc::clone(&source));
                self.set_mode_if(MODE_OK, MODE_FULL);
                self.full_calls.store(1, Ordering::Relaxed);
                Err(StorageError::Unconfirmed {
                    lsn: end_lsn,
                    source,
                })
            }
            Err((_, error)) => Err(self.disk_failed(error)),
        }
    }

    /// Poisons the file, unless the call failed because this is a forked child.
    fn disk_failed(&self, error: io::Error) -> StorageError {
        if let Err(forked) = self.owner.check() {
            return forked;
        }
        self.poison(error);
        self.durability_lost()
    }

    fn set_mode_if(&self, from: u8, to: u8) {
        let _ = self
            .mode
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Nothing may be written to this file or expected of it any more.
    pub(super) fn poison(&self, error: io::Error) {
        *self.fault.lock() = Some(Arc::new(error));
        self.set_mode_if(MODE_OK, MODE_POISONED);
        self.set_mode_if(MODE_FULL, MODE_POISONED);
    }

    /// Another file is in place: whatever was wrong with the last one is over.
    pub(super) fn recovered(&self) {
        *self.fault.lock() = None;
        self.set_mode_if(MODE_FULL, MODE_OK);
        self.set_mode_if(MODE_POISONED, MODE_OK);
        self.unlinked.store(false, Ordering::Relaxed);
    }

    pub(super) fn set_base(&self, base_lsn: u64) {
        self.base.store(base_lsn, Ordering::Release);
    }

    fn sync_to(&self, end_lsn: u64) -> Result<(), StorageError> {
        let end_lsn = end_lsn.min(self.end.load(Ordering::Acquire));
        loop {
            if self.durable.load(Ordering::Acquire) >= end_lsn {
                return Ok(());
            }
            match self.mode.load(Ordering::Acquire) {
                MODE_POISONED => return Err(self.durability_lost()),
                MODE_CLOSED | MODE_READ_ONLY => return Err(StorageError::Closed),
                _ => {}
            }
            let mut taken = self.role_taken.lock();
            if *taken {
                self.role_free.wait(&mut taken);
                continue;
            }
            *taken = true;
            drop(taken);
            let _role = Role(self);
            // A leader may have finished between the first look and taking the role.
            if self.durable.load(Ordering::Acquire) < end_lsn {
                self.sync_as_leader()?;
            }
        }
    }

    fn sync_as_leader(&self) -> Result<(), StorageError> {
        let (file, layout) = {
            let mut io = self.io.lock();
            if self.mode.load(Ordering::Acquire) >= MODE_CLOSED {
                return Err(StorageError::Closed);
            }
            self.flush_io(&mut io)?;
            (Arc::clone(&io.file), io.layout)
        };
        self.sync_file(file.as_ref(), layout)
    }

    /// Syncs what is written so far, as the holder of the sync role.
    fn sync_file(&self, file: &dyn StorageFile, layout: Layout) -> Result<(), StorageError> {
        if self.mode.load(Ordering::Acquire) == MODE_POISONED {
            return Err(self.durability_lost());
        }
        let target = self.written.load(Ordering::Acquire);
        self.state.lock().unsynced_since_ms = None;
        self.overdue.store(false, Ordering::Relaxed);
        if self.durable.load(Ordering::Acquire) >= target {
            return Ok(());
        }
        if file.size().is_ok_and(|size| size < layout.position(target)) {
            self.poison(io::Error::other("the file became shorter than its log"));
            return Err(self.durability_lost());
        }
        let mut synced = file.sync_data();
        if cfg!(nacre_bug = "sync_retried") && synced.is_err() {
            synced = file.sync_data();
        }
        if let Err(error) = synced {
            return Err(self.disk_failed(error));
        }
        if file.links().is_ok_and(|links| links == 0) {
            self.unlinked.store(true, Ordering::Relaxed);
        }
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.durable.fetch_max(target, Ordering::AcqRel);
        Ok(())
    }

    /// Waits for the sync role and takes it.
    pub(super) fn take_role(&self) -> Role<'_> {
        let mut taken = self.role_taken.lock();
        while *taken {
            self.role_free.wait(&mut taken);
        }
        *taken = true;
        Role(self)
    }
}

/// The right to sync and to swap the file; given back when dropped.
#[derive(Debug)]
pub(super) struct Role<'a>(&'a Log);

impl Drop for Role<'_> {
    fn drop(&mut self) {
        *self.0.role_taken.lock() = false;
        self.0.role_free.notify_all();
    }
}
