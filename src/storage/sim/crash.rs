//! Which disks can be found after a power cut, counted and enumerated.
//!
//! Called by the simulated disk's `crash_states`. A state is picked by a mixed-radix index: first the
//! name changes that survived, then for each file that still has a name its length, then for each
//! unsynced sector below that length one of its versions.
//!
//! Invariants:
//! 1. Different indices give disks that differ in a name, a length or a byte.
//! 2. The first choice everywhere is what certainly survives; `latest` is what was written last.
//! 3. The same point, index and seed give the same disk on every machine.

use super::SimDisk;
use super::model::{Content, Inode, Model, NameChange, Names, SECTOR, Sector};
use super::model::{cut_sector, same_bytes};
use std::fmt::Write as _;
use std::sync::Arc;

/// More undecided name changes than this are sampled, not enumerated.
const NAME_CHANGES_EXHAUSTIVE: usize = 12;
/// How many outcomes of the names are then drawn.
const NAME_OUTCOMES_SAMPLED: usize = 1024;

/// A small generator with a one-word state (Weyl sequence and finaliser), for repeatable choices.
#[derive(Clone, Copy, Debug)]
pub(super) struct SplitMix(pub(super) u64);

impl SplitMix {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// One length that a file can have, and what can then be in it.
#[derive(Debug)]
struct LengthOption {
    base: Content,
    sectors: Vec<SectorOptions>,
    states: u128,
}

/// Everything that one unsynced sector can be.
#[derive(Debug)]
struct SectorOptions {
    number: u64,
    versions: Vec<Sector>,
    latest: usize,
}

/// Everything that one file can be.
#[derive(Debug, Default)]
struct FileOptions {
    lengths: Vec<LengthOption>,
    latest: usize,
    states: u128,
}

/// One outcome of the name changes.
#[derive(Debug)]
struct NameOutcome {
    names: Names,
    kept: Vec<bool>,
    inodes: Vec<usize>,
    states: u128,
}

/// Everything that can be found on the disk after a power cut at one moment.
#[derive(Debug)]
pub(super) struct CrashPoint {
    files: Vec<FileOptions>,
    outcomes: Vec<NameOutcome>,
    latest: usize,
    changes: Vec<NameChange>,
    states: u128,
}

/// How one state is picked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pick {
    Index(u128),
    Nothing,
    Everything,
    /// Seed, and how to weigh: 0 evenly, 1 mostly what was written last, 2 mostly what was there before.
    Random(u64, u8),
}

/// Answers one choice after the other.
struct Picker {
    pick: Pick,
    rng: SplitMix,
}

impl Picker {
    fn new(pick: Pick) -> Self {
        let seed = if let Pick::Random(seed, _) = pick {
            seed
        } else {
            0
        };
        Self {
            pick,
            rng: SplitMix(seed),
        }
    }

    /// Chooses among groups of `sizes` states each; an index is reduced to the one inside the group.
    fn group(&mut self, sizes: impl ExactSizeIterator<Item = u128>, latest: usize) -> usize {
        let count = sizes.len();
        match &mut self.pick {
            Pick::Index(index) => {
                let mut at = 0;
                for size in sizes {
                    if *index < size {
                        break;
                    }
                    *index -= size;
                    at += 1;
                }
                at.min(count - 1)
            }
            Pick::Nothing => 0,
            Pick::Everything => latest,
            Pick::Random(..) => self.weighed(count, latest),
        }
    }

    /// Splits off the part of an index that belongs to one of several independent parts.
    fn part(&mut self, states: u128) -> Option<u128> {
        if let Pick::Index(index) = &mut self.pick {
            let own = *index % states;
            let rest = *index / states;
            *index = own;
            Some(rest)
        } else {
            None
        }
    }

    fn restore(&mut self, rest: Option<u128>) {
        if let (Pick::Index(index), Some(rest)) = (&mut self.pick, rest) {
            *index = rest;
        }
    }

    fn choice(&mut self, count: usize, latest: usize) -> usize {
        match &mut self.pick {
            Pick::Index(index) => {
                let chosen = (*index % count as u128) as usize;
                *index /= count as u128;
                chosen
            }
            Pick::Nothing => 0,
            Pick::Everything => latest,
            Pick::Random(..) => self.weighed(count, latest),
        }
    }

    fn weighed(&mut self, count: usize, latest: usize) -> usize {
        let weigh = if let Pick::Random(_, weigh) = self.pick {
            weigh
        } else {
            0
        };
        match weigh {
            1 if self.rng.below(8) != 0 => latest,
            2 if self.rng.below(8) != 0 => 0,
            _ => self.rng.below(count),
        }
    }
}

/// Where `item` stands in `list`, at the end if it is new.
fn find_or_push<T>(list: &mut Vec<T>, item: T, same: impl Fn(&T, &T) -> bool) -> usize {
    if let Some(at) = list.iter().position(|known| same(known, &item)) {
        return at;
    }
    list.push(item);
    list.len() - 1
}

fn file_options(inode: &Inode) -> FileOptions {
    let mut lengths: Vec<u64> = vec![inode.durable.len()];
    let mut latest = 0;
    for &len in inode.limbo_lens.iter().chain(&inode.pending_lens) {
        latest = find_or_push(&mut lengths, len, |a, b| a == b);
    }
    let mut numbers: Vec<u64> = inode
        .pending
        .keys()
        .chain(inode.limbo.keys())
        .copied()
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut options = FileOptions {
        latest,
        ..FileOptions::default()
    };
    for len in lengths {
        let base = inode.durable.with_len(len);
        let mut sectors = Vec::new();
        let mut states: u128 = 1;
        for &number in &numbers {
            let start = number * SECTOR as u64;
            if start >= len {
                break;
            }
            let keep = (len - start).min(SECTOR as u64) as usize;
            let mut versions = vec![base.sector(number)];
            let mut latest = 0;
            let later = [&inode.limbo, &inode.pending]
                .into_iter()
                .filter_map(|map| map.get(&number))
                .flatten();
            for version in later {
                latest = find_or_push(&mut versions, cut_sector(version, keep), same_bytes);
            }
            if versions.len() > 1 {
                states = states.saturating_mul(versions.len() as u128);
                sectors.push(SectorOptions {
                    number,
                    versions,
                    latest,
                });
            }
        }
        options.states = options.states.saturating_add(states);
        options.lengths.push(LengthOption {
            base,
            sectors,
            states,
        });
    }
    options
}

impl CrashPoint {
    pub(super) fn new(model: &Model, seed: u64) -> Self {
        let count = model.changes.len();
        let mut masks: Vec<Vec<bool>> = Vec::new();
        if count <= NAME_CHANGES_EXHAUSTIVE {
            for bits in 0..1_u32 << count {
                masks.push((0..count).map(|at| bits >> at & 1 == 1).collect());
            }
        } else {
            let mut rng = SplitMix(seed);
            masks.push(vec![false; count]);
            for _ in 0..NAME_OUTCOMES_SAMPLED {
                masks.push((0..count).map(|_| rng.next() & 1 == 1).collect());
            }
            masks.push(vec![true; count]);
        }
        let mut files: Vec<FileOptions> = Vec::new();
        files.resize_with(model.inodes.len(), FileOptions::default);
        let mut outcomes: Vec<NameOutcome> = Vec::new();
        let mut latest = 0;
        for kept in masks {
            let mut names = model.durable_names.clone();
            for (change, _) in model.changes.iter().zip(&kept).filter(|(_, keep)| **keep) {
                change.apply(&mut names);
            }
            if let Some(at) = outcomes.iter().position(|known| known.names == names) {
                latest = at;
                continue;
            }
            latest = outcomes.len();
            let mut inodes: Vec<usize> = names.values().copied().collect();
            inodes.sort_unstable();
            inodes.dedup();
            let mut states: u128 = 1;
            for &inode in &inodes {
                if files[inode].lengths.is_empty() {
                    files[inode] = file_options(&model.inodes[inode]);
                }
                states = states.saturating_mul(files[inode].states);
            }
            outcomes.push(NameOutcome {
                names,
                kept,
                inodes,
                states,
            });
        }
        let states = outcomes
            .iter()
            .fold(0_u128, |sum, outcome| sum.saturating_add(outcome.states));
        Self {
            files,
            outcomes,
            latest,
            changes: model.changes.clone(),
            states,
        }
    }

    pub(super) fn model(&self, pick: Pick) -> Model {
        self.build(pick, None)
    }

    /// What survived, in words.
    pub(super) fn describe(&self, pick: Pick) -> String {
        let mut text = String::new();
        self.build(pick, Some(&mut text));
        text
    }

    fn build(&self, pick: Pick, mut text: Option<&mut String>) -> Model {
        let mut picker = Picker::new(pick);
        let sizes = self.outcomes.iter().map(|outcome| outcome.states);
        let outcome = &self.outcomes[picker.group(sizes, self.latest)];
        if let Some(text) = &mut text {
            for (change, kept) in self.changes.iter().zip(&outcome.kept) {
                let verdict = if *kept { "kept" } else { "lost" };
                let _ = writeln!(text, "{verdict}: {change}");
            }
        }
        let mut inodes = vec![Inode::default(); self.files.len()];
        for &inode in &outcome.inodes {
            let options = &self.files[inode];
            let rest = picker.part(options.states);
            let sizes = options.lengths.iter().map(|length| length.states);
            let length = &options.lengths[picker.group(sizes, options.latest)];
            let mut content = length.base.clone();
            for sector in &length.sectors {
                let chosen = picker.choice(sector.versions.len(), sector.latest);
                if chosen > 0 {
                    content.set_sector(sector.number, sector.versions[chosen].clone());
                }
                if let Some(text) = &mut text {
                    let _ = writeln!(
                        text,
                        "#{inode} sector {}: version {chosen} of {}",
                        sector.number,
                        sector.versions.len() - 1
                    );
                }
            }
            if let Some(text) = &mut text {
                let _ = writeln!(text, "#{inode} length {}", content.len());
            }
            inodes[inode] = Inode::at_rest(content);
            picker.restore(rest);
        }
        Model {
            inodes,
            durable_names: outcome.names.clone(),
            names: outcome.names.clone(),
            changes: Vec::new(),
        }
    }
}

/// The disks that can be found after a power cut at one moment; see
/// [`SimDisk::crash_states`](super::SimDisk::crash_states).
#[derive(Debug, Clone)]
pub struct CrashStates {
    point: Arc<CrashPoint>,
    exhaustive: bool,
    next: u128,
    end: u128,
    seed: u64,
}

impl CrashStates {
    pub(super) fn new(model: &Model, limit_exhaustive: usize, sample: usize, seed: u64) -> Self {
        let point = Arc::new(CrashPoint::new(model, seed));
        let exhaustive = point.states <= 1_u128 << limit_exhaustive.min(100);
        let end = if exhaustive {
            point.states
        } else {
            sample as u128 + 2
        };
        Self {
            point,
            exhaustive,
            next: 0,
            end,
            seed,
        }
    }

    /// How many different disks are possible at this moment (saturating).
    #[must_use]
    pub fn possible(&self) -> u128 {
        self.point.states
    }

    /// Whether the iterator visits every one of them.
    #[must_use]
    pub fn is_exhaustive(&self) -> bool {
        self.exhaustive
    }
}

impl Iterator for CrashStates {
    type Item = SimDisk;

    fn next(&mut self) -> Option<SimDisk> {
        if self.next >= self.end {
            return None;
        }
        let at = self.next;
        self.next += 1;
        let pick = if self.exhaustive {
            Pick::Index(at)
        } else {
            match at {
                0 => Pick::Nothing,
                1 => Pick::Everything,
                _ => {
                    let seed = SplitMix(self.seed ^ (at as u64).rotate_left(32)).next();
                    Pick::Random(seed, (at % 3) as u8)
                }
            }
        };
        Some(SimDisk::from_crash(Arc::clone(&self.point), pick))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}
