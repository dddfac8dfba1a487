//! A disk in memory that fails on command and shows every state a power cut can leave.
//!
//! Called by tests: this crate's crash suite, and users' own. A run is recorded as the operations that
//! changed the disk; afterwards [`SimDisk::crash_states`] gives, for any moment of the run, the disks that
//! can be found after a power cut there, without running anything again.
//!
//! What may survive a power cut: of every 512-byte sector written since the file's last sync, the synced
//! content or any version written since; of the file's length, the synced one or any since, whatever
//! happened to the sectors; of the name changes since the last directory sync, any subset, in order. A
//! rename is one change. Bytes that a surviving length covers and no surviving sector filled are zero.
//!
//! Invariants:
//! 1. Every change goes through `Model::apply` and, while recording, into the history.
//! 2. Handles and locks belong to one run: a crash image or a restart has none.
//! 3. No call depends on time, addresses or hash order.
//!
//! It must not be used to keep data.

mod crash;
mod fault;
mod model;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use crash::CrashStates;
pub use fault::{Fault, FaultAction, SimCall};

use super::backend::{Access, FileIdentity, Storage, StorageFile};
use crash::{CrashPoint, Pick};
use fault::Faults;
use model::{Content, Event, Inode, Model, NameChange};
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest file, in bytes: bounds what a write at a mad offset costs.
const FILE_LIMIT: u64 = 16 << 30;

/// No two disks of a process share a device number, nor do a disk and its crash images.
static NEXT_DEVICE: AtomicU64 = AtomicU64::new(1);

/// What every call answers between a power cut and the restart, and every old handle after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PowerLost;

impl fmt::Display for PowerLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated disk has no power")
    }
}

impl std::error::Error for PowerLost {}

/// What a restart finds of the unsynced changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// None of them.
    Nothing,
    /// All of them.
    Everything,
    /// A random part of them, repeatable by its seed.
    Random(u64),
}

#[derive(Debug, Default)]
struct History {
    /// The disk before the first event; `None` until there is one.
    base: Option<Box<Model>>,
    events: Vec<Event>,
    off: bool,
}

#[derive(Debug)]
struct Disk {
    model: Model,
    history: History,
    faults: Faults,
    calls: usize,
    power: bool,
    /// Handles of an earlier epoch lost their power.
    epoch: u64,
    device: u64,
    capacity_bytes: Option<u64>,
    next_handle: u64,
    /// Inode to the handle that holds its lock.
    locks: HashMap<usize, u64>,
    /// Inode to the number of its open handles.
    handles: HashMap<usize, usize>,
    origin: Option<(Arc<CrashPoint>, Pick)>,
}

/// A simulated directory with its files. Clones share it.
///
/// ```
/// use nacredb::storage::backend::{Storage, StorageFile};
/// use nacredb::storage::sim::SimDisk;
///
/// let disk = SimDisk::new();
/// let file = disk.create_new("a").unwrap();
/// disk.sync_dir().unwrap();
/// file.write_at(b"hello", 0).unwrap();
/// // Unsynced: the length and the sector, each there or not.
/// let images = disk.crash_states(disk.ops(), 10, 0, 1);
/// let lengths: Vec<usize> = images.map(|image| image.read("a").unwrap().len()).collect();
/// assert_eq!(lengths, [0, 5, 5]);
/// file.sync_data().unwrap();
/// assert_eq!(disk.crash_states(disk.ops(), 10, 0, 1).count(), 1);
/// ```
#[derive(Clone)]
pub struct SimDisk {
    shared: Arc<Mutex<Disk>>,
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk = self.shared.lock();
        f.debug_struct("SimDisk")
            .field("names", &disk.model.names)
            .field("calls", &disk.calls)
            .field("ops", &disk.history.events.len())
            .finish_non_exhaustive()
    }
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

/// What is left of a call once faults had their say.
#[derive(Default)]
struct Plan {
    limit: Option<usize>,
    lose: bool,
    lose_sync: Option<io::ErrorKind>,
    fail_after: Option<io::ErrorKind>,
}

impl Plan {
    fn done<T>(&self, result: T) -> io::Result<T> {
        match self.fail_after {
            Some(kind) => Err(simulated(kind)),
            None => Ok(result),
        }
    }
}

fn simulated(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, format!("simulated fault: {kind}"))
}

fn power_lost() -> io::Error {
    io::Error::other(PowerLost)
}

fn checked_name(name: &str) -> io::Result<()> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a file name",
        ));
    }
    Ok(())
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Disk {
    fn new(model: Model, origin: Option<(Arc<CrashPoint>, Pick)>) -> Self {
        Self {
            model,
            history: History::default(),
            faults: Faults::default(),
            calls: 0,
            power: true,
            epoch: 0,
            device: NEXT_DEVICE.fetch_add(1, Ordering::Relaxed),
            capacity_bytes: None,
            next_handle: 0,
            locks: HashMap::new(),
            handles: HashMap::new(),
            origin,
        }
    }

    fn record(&mut self, event: Event) {
        if !self.history.off {
            if self.history.base.is_none() {
                self.history.base = Some(Box::new(self.model.clone()));
            }
            self.model.apply(&event);
            self.history.events.push(event);
        } else {
            self.model.apply(&event);
        }
    }

    /// The disk after `at` operations.
    fn model_at(&self, at: usize) -> Model {
        let events = &self.history.events;
        match &self.history.base {
            Some(base) if at < events.len() => {
                let mut model = Model::clone(base);
                for event in &events[..at] {
                    model.apply(event);
                }
                model
            }
            _ => self.model.clone(),
        }
    }

    fn inode(&self, name: &str) -> io::Result<usize> {
        self.model.names.get(name).copied().ok_or_else(not_found)
    }

    fn linked(&self, inode: usize) -> u64 {
        self.model
            .names
            .values()
            .filter(|&&known| known == inode)
            .count() as u64
    }

    fn identity(&self, inode: usize) -> FileIdentity {
        FileIdentity {
            device: self.device,
            inode: inode as u64,
        }
    }

    /// Bytes in use: of files that have a name or a handle, the length or what was allocated.
    fn used_bytes(&self) -> u64 {
        let files = self.model.inodes.iter().enumerate();
        files
            .filter(|(inode, _)| self.linked(*inode) > 0 || self.handles.contains_key(inode))
            .map(|(_, file)| file.live.len().max(file.allocated))
            .sum()
    }

    /// How far the file may reach, given what the rest of the disk uses.
    fn reach(&self, inode: usize) -> u64 {
        let Some(capacity) = self.capacity_bytes else {
            return FILE_LIMIT;
        };
        let file = &self.model.inodes[inode];
        let own = file.live.len().max(file.allocated);
        let others = self.used_bytes().saturating_sub(own);
        capacity.saturating_sub(others).max(own).min(FILE_LIMIT)
    }

    fn beyond(end: u64) -> io::Error {
        if end > FILE_LIMIT {
            io::Error::from(io::ErrorKind::FileTooLarge)
        } else {
            io::Error::from(io::ErrorKind::StorageFull)
        }
    }
}

impl SimDisk {
    /// An empty disk that records its history.
    #[must_use]
    pub fn new() -> Self {
        Self::from_disk(Disk::new(Model::default(), None))
    }

    /// An empty disk without a history: for long runs. It can only be crashed at its present moment.
    #[must_use]
    pub fn without_history() -> Self {
        let disk = Self::new();
        disk.shared.lock().history.off = true;
        disk
    }

    fn from_disk(disk: Disk) -> Self {
        Self {
            shared: Arc::new(Mutex::new(disk)),
        }
    }

    fn from_crash(point: Arc<CrashPoint>, pick: Pick) -> Self {
        let model = point.model(pick);
        Self::from_disk(Disk::new(model, Some((point, pick))))
    }

    /// How many operations changed the disk: the moments of [`crash_states`](Self::crash_states).
    #[must_use]
    pub fn ops(&self) -> usize {
        self.shared.lock().history.events.len()
    }

    /// How many calls were made, reads and failures included: what faults are counted in.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared.lock().calls
    }

    /// How many calls a fault has struck.
    #[must_use]
    pub fn faults_struck(&self) -> usize {
        self.shared.lock().faults.struck()
    }

    /// The recorded operations in words, one a line, numbered from 1: a crash at moment `n` comes after
    /// line `n`.
    #[must_use]
    pub fn trace(&self) -> String {
        let disk = self.shared.lock();
        let events = disk.history.events.iter().enumerate();
        events
            .map(|(at, event)| format!("{:4} {event}\n", at + 1))
            .collect()
    }

    /// What survived the crash that this disk is an image of, in words; empty for a new disk.
    #[must_use]
    pub fn origin(&self) -> String {
        let origin = self.shared.lock().origin.clone();
        origin.map_or_else(String::new, |(point, pick)| point.describe(pick))
    }

    /// The moments at which everything possible shortly before is still possible: those before a sync,
    /// and the end. Crashing only there visits every state, each once or nearly so.
    #[must_use]
    pub fn crash_points(&self) -> Vec<usize> {
        let disk = self.shared.lock();
        let events = &disk.history.events;
        (0..=events.len())
            .filter(|&at| events.get(at).is_none_or(Event::narrows))
            .collect()
    }

    /// The disks that can be found if the power failed after the first `at` operations, each a new disk.
    ///
    /// All of them if there are at most 2^`limit_exhaustive`; otherwise the one where nothing unsynced
    /// survived, the one where everything did, and `sample` random ones drawn by `seed`. The first is always
    /// the one where nothing survived.
    #[must_use]
    pub fn crash_states(
        &self,
        at: usize,
        limit_exhaustive: usize,
        sample: usize,
        seed: u64,
    ) -> CrashStates {
        let model = self.shared.lock().model_at(at);
        CrashStates::new(&model, limit_exhaustive, sample, seed)
    }

    /// The disk as a new process finds it if the old one was killed after the first `at` operations: nothing
    /// is lost, but what was unsynced still is.
    #[must_use]
    pub fn killed_at(&self, at: usize) -> Self {
        let model = self.shared.lock().model_at(at);
        Self::from_disk(Disk::new(model, None))
    }

    /// Ends a power cut, or makes one now: every handle loses its power, and the disk holds what survived.
    /// The recorded operations and the planned faults are gone.
    pub fn restart(&self, survival: Survival) {
        let mut disk = self.shared.lock();
        let (seed, pick) = match survival {
            Survival::Nothing => (0, Pick::Nothing),
            Survival::Everything => (0, Pick::Everything),
            Survival::Random(seed) => (seed, Pick::Random(seed, (seed % 3) as u8)),
        };
        let point = Arc::new(CrashPoint::new(&disk.model, seed));
        let off = disk.history.off;
        let mut new = Disk::new(point.model(pick), Some((point, pick)));
        new.history.off = off;
        new.epoch = disk.epoch + 1;
        new.capacity_bytes = disk.capacity_bytes;
        *disk = new;
    }

    /// Whether the error says that the simulated power is gone.
    #[must_use]
    pub fn is_power_cut(error: &io::Error) -> bool {
        error
            .get_ref()
            .is_some_and(|source| source.is::<PowerLost>())
    }

    /// Plans a fault.
    pub fn inject(&self, fault: Fault) {
        self.shared.lock().faults.arm(fault);
    }

    /// Forgets the planned faults.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Sets how many bytes fit, or lifts the limit. What is already there stays.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.shared.lock().capacity_bytes = bytes;
    }

    /// How many bytes the files use.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.shared.lock().used_bytes()
    }

    /// Turns one bit of the file around, on the disk and in the cache: rot at rest.
    ///
    /// # Errors
    /// `NotFound` if there is no such file; `InvalidInput` if it has no such byte or a byte no such bit.
    pub fn flip_bit(&self, name: &str, offset: u64, bit: u8) -> io::Result<()> {
        let mut disk = self.shared.lock();
        let inode = disk.inode(name)?;
        if bit > 7 || offset >= disk.model.inodes[inode].live.len() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        disk.record(Event::Flip { inode, offset, bit });
        Ok(())
    }

    /// Gives the file a second name, as a hard link does.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists`.
    pub fn hard_link(&self, name: &str, new: &str) -> io::Result<()> {
        checked_name(new)?;
        let mut disk = self.shared.lock();
        let inode = disk.inode(name)?;
        if disk.model.names.contains_key(new) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        disk.record(Event::Name(NameChange::Link(Arc::from(new), inode)));
        Ok(())
    }

    /// The file's bytes as reads would return them, without a call being counted.
    ///
    /// # Errors
    /// `NotFound`; `OutOfMemory` if they do not fit.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let disk = self.shared.lock();
        let content = &disk.model.inodes[disk.inode(name)?].live;
        let mut bytes = Vec::new();
        let len = usize::try_from(content.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes
            .try_reserve_exact(len)
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.resize(len, 0);
        content.read(&mut bytes, 0);
        Ok(bytes)
    }

    /// Puts a file there as if it had always been: synced, under a synced name. Replaces one of that name.
    /// The recorded operations are forgotten: the history begins here.
    ///
    /// # Errors
    /// `InvalidInput` if `name` is not a file name.
    pub fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        checked_name(name)?;
        let mut content = Content::default();
        let (first, sectors) = content.overlay(bytes, 0);
        for (number, sector) in (first..).zip(sectors) {
            content.set_sector(number, sector);
        }
        content.set_len(bytes.len() as u64);
        let mut disk = self.shared.lock();
        let inode = disk.model.inodes.len();
        disk.model.inodes.push(Inode::at_rest(content));
        disk.model.names.insert(Arc::from(name), inode);
        disk.model.durable_names.insert(Arc::from(name), inode);
        disk.history.base = None;
        disk.history.events.clear();
        Ok(())
    }

    /// Counts a call and lets the faults decide about it.
    fn enter(&self, call: SimCall, epoch: Option<u64>) -> io::Result<(MutexGuard<'_, Disk>, Plan)> {
        let mut disk = self.shared.lock();
        disk.calls += 1;
        if !disk.power || epoch.is_some_and(|epoch| epoch != disk.epoch) {
            return Err(power_lost());
        }
        let mut plan = Plan::default();
        match disk.faults.next(call) {
            None => {}
            Some(FaultAction::Fail(kind)) => {
                if call == SimCall::Sync || call == SimCall::SyncDir {
                    plan.lose_sync = Some(kind);
                } else {
                    return Err(simulated(kind));
                }
            }
            Some(FaultAction::FailAfter(kind)) => plan.fail_after = Some(kind),
            Some(FaultAction::Short(bytes)) => plan.limit = Some(bytes),
            Some(FaultAction::LoseWrite) => plan.lose = true,
            Some(FaultAction::PowerCut) => {
                disk.power = false;
                return Err(power_lost());
            }
        }
        Ok((disk, plan))
    }

    fn handle(&self, disk: &mut Disk, inode: usize, access: Access) -> Arc<dyn StorageFile> {
        let handle = disk.next_handle;
        disk.next_handle += 1;
        *disk.handles.entry(inode).or_insert(0) += 1;
        Arc::new(SimFile {
            disk: self.clone(),
            inode,
            handle,
            epoch: disk.epoch,
            access,
        })
    }
}

impl Storage for SimDisk {
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        let (mut disk, plan) = self.enter(SimCall::Open, None)?;
        checked_name(name)?;
        let inode = disk.inode(name)?;
        plan.done(())?;
        Ok(self.handle(&mut disk, inode, access))
    }

    fn create_new(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let (mut disk, plan) = self.enter(SimCall::Create, None)?;
        checked_name(name)?;
        if disk.model.names.contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let inode = disk.model.inodes.len();
        disk.record(Event::Create(Arc::from(name), inode));
        plan.done(())?;
        Ok(self.handle(&mut disk, inode, Access::ReadWrite))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (mut disk, plan) = self.enter(SimCall::Rename, None)?;
        checked_name(to)?;
        let inode = disk.inode(from)?;
        if disk.model.names.get(to) != Some(&inode) {
            disk.record(Event::Name(NameChange::Rename(
                Arc::from(from),
                Arc::from(to),
                inode,
            )));
        }
        plan.done(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let (mut disk, plan) = self.enter(SimCall::Remove, None)?;
        disk.inode(name)?;
        disk.record(Event::Name(NameChange::Remove(Arc::from(name))));
        plan.done(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let (mut disk, plan) = self.enter(SimCall::SyncDir, None)?;
        if let Some(kind) = plan.lose_sync {
            if kind != io::ErrorKind::Interrupted {
                disk.record(Event::SyncDir { failed: true });
            }
            return Err(simulated(kind));
        }
        disk.record(Event::SyncDir { failed: false });
        plan.done(())
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let (disk, plan) = self.enter(SimCall::List, None)?;
        let names = disk
            .model
            .names
            .keys()
            .filter(|name| name.starts_with(prefix));
        plan.done(names.map(ToString::to_string).collect())
    }

    fn identity(&self, name: &str) -> io::Result<FileIdentity> {
        let (disk, plan) = self.enter(SimCall::Identity, None)?;
        plan.done(disk.identity(disk.inode(name)?))
    }
}

/// An open file of a simulated disk.
struct SimFile {
    disk: SimDisk,
    inode: usize,
    handle: u64,
    epoch: u64,
    access: Access,
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimFile(inode {}, handle {})", self.inode, self.handle)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut disk = self.disk.shared.lock();
        if disk.epoch != self.epoch {
            return;
        }
        if disk.locks.get(&self.inode) == Some(&self.handle) {
            disk.locks.remove(&self.inode);
        }
        if let Some(count) = disk.handles.get_mut(&self.inode) {
            *count -= 1;
            if *count == 0 {
                disk.handles.remove(&self.inode);
            }
        }
    }
}

impl SimFile {
    fn enter(&self, call: SimCall) -> io::Result<(MutexGuard<'_, Disk>, Plan)> {
        self.disk.enter(call, Some(self.epoch))
    }

    fn writable(&self) -> io::Result<()> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let (mut disk, plan) = self.enter(SimCall::Sync)?;
        let inode = self.inode;
        if let Some(kind) = plan.lose_sync {
            if kind != io::ErrorKind::Interrupted {
                disk.record(Event::Sync {
                    inode,
                    failed: true,
                });
            }
            return Err(simulated(kind));
        }
        disk.record(Event::Sync {
            inode,
            failed: false,
        });
        plan.done(())
    }
}

impl StorageFile for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let (disk, plan) = self.enter(SimCall::Read)?;
        let count = plan.limit.unwrap_or(buf.len()).min(buf.len());
        let count = disk.model.inodes[self.inode]
            .live
            .read(&mut buf[..count], offset);
        plan.done(count)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        let (mut disk, plan) = self.enter(SimCall::Write)?;
        self.writable()?;
        let mut count = plan.limit.unwrap_or(buf.len()).min(buf.len());
        if count > 0 {
            let end = offset.saturating_add(count as u64);
            let reach = disk.reach(self.inode);
            if end > reach {
                count = usize::try_from(reach.saturating_sub(offset)).unwrap_or(count);
                if count == 0 {
                    return Err(Disk::beyond(end));
                }
            }
            let live = &disk.model.inodes[self.inode].live;
            let (first, sectors) = live.overlay(&buf[..count], offset);
            let len = live.len().max(offset + count as u64);
            disk.record(Event::Write {
                inode: self.inode,
                first,
                sectors,
                len,
                lost: plan.lose,
            });
        }
        plan.done(count)
    }

    fn size(&self) -> io::Result<u64> {
        let (disk, plan) = self.enter(SimCall::Size)?;
        plan.done(disk.model.inodes[self.inode].live.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut disk, plan) = self.enter(SimCall::SetLen)?;
        self.writable()?;
        if len > disk.reach(self.inode) {
            return Err(Disk::beyond(len));
        }
        let file = &mut disk.model.inodes[self.inode];
        if len < file.live.len() {
            file.allocated = file.allocated.min(len);
        }
        disk.record(Event::SetLen {
            inode: self.inode,
            len,
        });
        plan.done(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let (mut disk, plan) = self.enter(SimCall::Allocate)?;
        self.writable()?;
        let end = offset.saturating_add(len);
        if end > disk.reach(self.inode) {
            return Err(Disk::beyond(end));
        }
        let file = &mut disk.model.inodes[self.inode];
        file.allocated = file.allocated.max(end);
        plan.done(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        let (mut disk, plan) = self.enter(SimCall::Lock)?;
        let holder = *disk.locks.entry(self.inode).or_insert(self.handle);
        plan.done(holder == self.handle)
    }

    fn evict_cache(&self, from: u64) -> io::Result<()> {
        let (mut disk, plan) = self.enter(SimCall::Evict)?;
        disk.record(Event::Evict {
            inode: self.inode,
            from,
        });
        plan.done(())
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        let (disk, plan) = self.enter(SimCall::Identity)?;
        plan.done(disk.identity(self.inode))
    }

    fn links(&self) -> io::Result<u64> {
        let (disk, plan) = self.enter(SimCall::Links)?;
        plan.done(disk.linked(self.inode))
    }

    fn adopt_attributes(&self, _original: &dyn StorageFile) -> io::Result<()> {
        let (_disk, plan) = self.enter(SimCall::Attributes)?;
        self.writable()?;
        plan.done(())
    }
}
