//! What a disk holds, now and after a power cut: files, names, and what of either is unsynced.
//!
//! Called by the simulated disk for every operation and again when a recorded run is replayed up to
//! a crash point, so that both see the same machine.
//!
//! Invariants:
//! 1. `Model::apply` is the only way to change a model, and a function of model and event alone.
//! 2. `durable` holds what certainly survives; `pending` and `limbo` hold what may.
//! 3. A sector that is neither in `pending` nor in `limbo`, and that no lost write touched, is equal in
//!    `live` and `durable`.
//! 4. Bytes at or past a file's length are zero in `live`.
//!
//! It must not fail: the caller has checked names, lengths and space.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What a device writes whole or not at all, in bytes.
pub(super) const SECTOR: usize = 512;
/// Sectors that are shared and copied together.
const CHUNK: usize = 32;

/// The bytes of one sector; `None` is all zeros.
pub(super) type Sector = Option<Arc<[u8; SECTOR]>>;
type Chunk = [Sector; CHUNK];
pub(super) type Names = BTreeMap<Arc<str>, usize>;

/// Whether two sectors hold the same bytes.
pub(super) fn same_bytes(a: &Sector, b: &Sector) -> bool {
    const ZEROS: [u8; SECTOR] = [0; SECTOR];
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (Some(x), None) | (None, Some(x)) => **x == ZEROS,
    }
}

/// A sector's first `keep` bytes, zeros behind them.
pub(super) fn cut_sector(sector: &Sector, keep: usize) -> Sector {
    let old = sector.as_ref()?;
    if keep == 0 {
        return None;
    }
    if old[keep..].iter().all(|&byte| byte == 0) {
        return sector.clone();
    }
    let mut bytes = **old;
    bytes[keep..].fill(0);
    Some(Arc::new(bytes))
}

/// The bytes of a file: sparse, and shared between images until they are written to.
#[derive(Clone, Default)]
pub(super) struct Content {
    chunks: Arc<Vec<Option<Arc<Chunk>>>>,
    len: u64,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.len = len;
    }

    pub(super) fn sector(&self, number: u64) -> Sector {
        let number = number as usize;
        self.chunks
            .get(number / CHUNK)?
            .as_ref()?
            .get(number % CHUNK)?
            .clone()
    }

    pub(super) fn set_sector(&mut self, number: u64, sector: Sector) {
        let number = number as usize;
        let at = number / CHUNK;
        if at >= self.chunks.len() && sector.is_none() {
            return;
        }
        let chunks = Arc::make_mut(&mut self.chunks);
        if at >= chunks.len() {
            chunks.resize(at + 1, None);
        }
        let chunk = chunks[at].get_or_insert_with(|| Arc::new([const { None }; CHUNK]));
        Arc::make_mut(chunk)[number % CHUNK] = sector;
    }

    /// The numbers of the sectors at or after `first` that hold bytes.
    pub(super) fn filled_from(&self, first: u64) -> Vec<u64> {
        let mut found = Vec::new();
        for (at, chunk) in self.chunks.iter().enumerate().skip(first as usize / CHUNK) {
            let Some(chunk) = chunk else { continue };
            for (within, sector) in chunk.iter().enumerate() {
                let number = (at * CHUNK + within) as u64;
                if sector.is_some() && number >= first {
                    found.push(number);
                }
            }
        }
        found
    }

    /// Reads up to the length; says how many bytes.
    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> usize {
        let end = self.len.min(offset.saturating_add(buf.len() as u64));
        let mut at = offset;
        while at < end {
            let within = (at % SECTOR as u64) as usize;
            let count = (SECTOR - within).min((end - at) as usize);
            let target = &mut buf[(at - offset) as usize..][..count];
            let number = at as usize / SECTOR;
            let chunk = self.chunks.get(number / CHUNK).and_then(Option::as_ref);
            match chunk.and_then(|chunk| chunk[number % CHUNK].as_ref()) {
                Some(sector) => target.copy_from_slice(&sector[within..within + count]),
                None => target.fill(0),
            }
            at += count as u64;
        }
        end.saturating_sub(offset) as usize
    }

    /// The sectors that hold `bytes` at `offset` once they are laid over this content.
    pub(super) fn overlay(&self, bytes: &[u8], offset: u64) -> (u64, Vec<Sector>) {
        let first = offset / SECTOR as u64;
        let mut sectors = Vec::new();
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let within = (at % SECTOR as u64) as usize;
            let count = (SECTOR - within).min(bytes.len() - done);
            let mut sector = match self.sector(at / SECTOR as u64) {
                Some(old) if count < SECTOR => *old,
                _ => [0; SECTOR],
            };
            sector[within..within + count].copy_from_slice(&bytes[done..done + count]);
            sectors.push(Some(Arc::new(sector)));
            done += count;
        }
        (first, sectors)
    }

    /// The same bytes with the length `len`, and zeros where it was cut.
    pub(super) fn with_len(&self, len: u64) -> Self {
        let mut copy = self.clone();
        let edge = len / SECTOR as u64;
        for number in self.filled_from(edge) {
            let keep = if number == edge {
                (len % SECTOR as u64) as usize
            } else {
                0
            };
            let old = self.sector(number);
            let cut = cut_sector(&old, keep);
            if !same_bytes(&old, &cut) || keep == 0 {
                copy.set_sector(number, cut);
            }
        }
        copy.len = len;
        copy
    }
}

/// A file: what reads see, what certainly survives, and what may survive.
#[derive(Clone, Default, Debug)]
pub(super) struct Inode {
    pub(super) live: Content,
    pub(super) durable: Content,
    /// Every version of a sector since the last sync, oldest first.
    pub(super) pending: BTreeMap<u64, Vec<Sector>>,
    /// Versions that a failed sync left behind: perhaps on the disk, and no later sync writes them.
    pub(super) limbo: BTreeMap<u64, Vec<Sector>>,
    /// Every length since the last sync, oldest first.
    pub(super) pending_lens: Vec<u64>,
    pub(super) limbo_lens: Vec<u64>,
    /// Space asked for in advance, in bytes from the file's start.
    pub(super) allocated: u64,
}

impl Inode {
    /// A file that lies on the disk as it reads.
    pub(super) fn at_rest(content: Content) -> Self {
        Self {
            live: content.clone(),
            durable: content,
            ..Self::default()
        }
    }

    fn put(&mut self, number: u64, sector: Sector) {
        self.live.set_sector(number, sector.clone());
        self.pending.entry(number).or_default().push(sector);
    }

    fn write(&mut self, first: u64, sectors: &[Sector], len: u64, lost: bool) {
        for (number, sector) in (first..).zip(sectors) {
            if lost {
                self.live.set_sector(number, sector.clone());
            } else {
                self.put(number, sector.clone());
            }
        }
        if len != self.live.len() {
            self.live.set_len(len);
            self.pending_lens.push(len);
        }
    }

    fn set_len(&mut self, len: u64) {
        if len < self.live.len() {
            let edge = len / SECTOR as u64;
            let mut cut = self.live.filled_from(edge);
            cut.extend(self.durable.filled_from(edge));
            cut.extend(self.limbo.range(edge..).map(|(&number, _)| number));
            cut.sort_unstable();
            cut.dedup();
            for number in cut {
                let keep = if number == edge {
                    (len % SECTOR as u64) as usize
                } else {
                    0
                };
                let sector = cut_sector(&self.live.sector(number), keep);
                self.put(number, sector);
            }
        }
        if len != self.live.len() {
            self.live.set_len(len);
            self.pending_lens.push(len);
        }
    }

    fn sync(&mut self) {
        for (number, versions) in std::mem::take(&mut self.pending) {
            let last = versions.last().cloned().flatten();
            self.durable.set_sector(number, last);
            self.limbo.remove(&number);
        }
        if let Some(&len) = self.pending_lens.last() {
            self.durable.set_len(len);
            self.pending_lens.clear();
            self.limbo_lens.clear();
        }
    }

    /// The device refused: the system calls the pages clean, and what of them is on the disk is unknown.
    fn fail_sync(&mut self) {
        for (number, versions) in std::mem::take(&mut self.pending) {
            self.limbo.entry(number).or_default().extend(versions);
        }
        self.limbo_lens.append(&mut self.pending_lens);
    }

    /// Clean pages leave the cache; the disk turns out to have none of what is in limbo.
    fn evict(&mut self, from: u64) {
        let first = from / SECTOR as u64;
        let mut numbers = self.live.filled_from(first);
        numbers.extend(self.durable.filled_from(first));
        for number in numbers {
            if !self.pending.contains_key(&number) {
                self.live.set_sector(number, self.durable.sector(number));
                self.limbo.remove(&number);
            }
        }
        let edge = self.live.len() / SECTOR as u64;
        let keep = (self.live.len() % SECTOR as u64) as usize;
        self.live
            .set_sector(edge, cut_sector(&self.live.sector(edge), keep));
    }

    fn flip(&mut self, offset: u64, bit: u8) {
        let number = offset / SECTOR as u64;
        for content in [&mut self.live, &mut self.durable] {
            let mut bytes = content.sector(number).map_or([0; SECTOR], |sector| *sector);
            bytes[(offset % SECTOR as u64) as usize] ^= 1 << bit;
            content.set_sector(number, Some(Arc::new(bytes)));
        }
    }
}

/// A change of names.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Link(Arc<str>, usize),
    Rename(Arc<str>, Arc<str>, usize),
    Remove(Arc<str>),
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut Names) {
        match self {
            Self::Link(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Rename(from, to, inode) => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl fmt::Display for NameChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(name, inode) => write!(f, "create {name} = #{inode}"),
            Self::Rename(from, to, inode) => write!(f, "rename {from} -> {to} (#{inode})"),
            Self::Remove(name) => write!(f, "remove {name}"),
        }
    }
}

/// One operation that changed the disk.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A new, empty file under a new name.
    Create(Arc<str>, usize),
    Name(NameChange),
    SyncDir {
        failed: bool,
    },
    Write {
        inode: usize,
        first: u64,
        sectors: Vec<Sector>,
        len: u64,
        lost: bool,
    },
    SetLen {
        inode: usize,
        len: u64,
    },
    Sync {
        inode: usize,
        failed: bool,
    },
    Evict {
        inode: usize,
        from: u64,
    },
    Flip {
        inode: usize,
        offset: u64,
        bit: u8,
    },
}

impl Event {
    /// Whether fewer states are possible after it than before: the moment before is worth a crash.
    pub(super) fn narrows(&self) -> bool {
        match self {
            Self::SyncDir { .. } | Self::Sync { .. } | Self::Evict { .. } | Self::Flip { .. } => {
                true
            }
            Self::Create(..) | Self::Name(_) | Self::Write { .. } | Self::SetLen { .. } => false,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(name, inode) => write!(f, "create {name} = #{inode}"),
            Self::Name(change) => change.fmt(f),
            Self::SyncDir { failed } => write!(f, "sync directory{}", failure(*failed)),
            Self::Write {
                inode,
                first,
                sectors,
                len,
                lost,
            } => write!(
                f,
                "write #{inode} sectors {first}..{} length {len}{}",
                first + sectors.len() as u64,
                if *lost { " (lost)" } else { "" }
            ),
            Self::SetLen { inode, len } => write!(f, "set length #{inode} to {len}"),
            Self::Sync { inode, failed } => write!(f, "sync #{inode}{}", failure(*failed)),
            Self::Evict { inode, from } => write!(f, "evict #{inode} from {from}"),
            Self::Flip { inode, offset, bit } => write!(f, "flip #{inode} byte {offset} bit {bit}"),
        }
    }
}

fn failure(failed: bool) -> &'static str {
    if failed { " (failed)" } else { "" }
}

/// A directory and its files.
#[derive(Clone, Default, Debug)]
pub(super) struct Model {
    pub(super) inodes: Vec<Inode>,
    /// What names resolve to now.
    pub(super) names: Names,
    /// What names certainly resolve to after a power cut, but for `changes`.
    pub(super) durable_names: Names,
    /// Name changes since the last directory sync, oldest first.
    pub(super) changes: Vec<NameChange>,
}

impl Model {
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Create(name, inode) => {
                debug_assert_eq!(*inode, self.inodes.len());
                self.inodes.push(Inode::default());
                self.change(NameChange::Link(name.clone(), *inode));
            }
            Event::Name(change) => self.change(change.clone()),
            // A journal that could not be written stops the file system: a later sync that succeeds means
            // what it says, unlike one of a file.
            Event::SyncDir { failed: true } => {}
            Event::SyncDir { failed: false } => {
                self.changes.clear();
                self.durable_names.clone_from(&self.names);
            }
            Event::Write {
                inode,
                first,
                sectors,
                len,
                lost,
            } => self.inodes[*inode].write(*first, sectors, *len, *lost),
            Event::SetLen { inode, len } => self.inodes[*inode].set_len(*len),
            Event::Sync {
                inode,
                failed: false,
            } => self.inodes[*inode].sync(),
            Event::Sync {
                inode,
                failed: true,
            } => self.inodes[*inode].fail_sync(),
            Event::Evict { inode, from } => self.inodes[*inode].evict(*from),
            Event::Flip { inode, offset, bit } => self.inodes[*inode].flip(*offset, *bit),
        }
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }
}
