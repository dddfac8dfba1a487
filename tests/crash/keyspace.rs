//! Crashes of the whole database: every type, deadlines, several logical databases, transactions and compactions,
//! through the public interface.
//!
//! The oracle: what is found, in all databases, is what readers saw after some commit, whole, and not before the
//! last one that was promised to survive this kind of end. A reader's open finds the same and changes nothing.

use crate::commands::Chance;
use crate::live::{Content, Live, Shape, Trail, as_of, content, open, run};
use crate::promise::End;
use crate::session::{NAME, mix};
use crate::states_wanted;
use nacredb::Ack;
use nacredb::storage::backend::Storage;
use nacredb::storage::check;
use nacredb::storage::sim::{Fault, FaultAction, SimDisk};
use std::io;
use std::time::Duration;

/// A run's seed, its disk, and what it left.
struct Recorded {
    seed: u64,
    shape: Shape,
    disk: SimDisk,
    trail: Trail,
    /// When the database is opened again.
    now_ms: u64,
    /// The states as they are seen then.
    views: Vec<Content>,
}

fn shape(seed: u64) -> Shape {
    let acks = [
        Ack::Always,
        Ack::EverySec,
        Ack::No,
        Ack::Buffered(Duration::from_millis(1)),
    ];
    Shape {
        ack: acks[(seed % 4) as usize],
        shard_bits: (mix(seed) % 4) as u32,
    }
}

impl Recorded {
    fn new(seed: u64, shape: Shape, disk: SimDisk, trail: Trail) -> Self {
        // Some deadlines pass while the machine is down.
        let now_ms = trail.now_ms + mix(seed) % 300;
        let views = trail.states.iter().map(|state| as_of(state, now_ms));
        Self {
            seed,
            shape,
            disk,
            now_ms,
            views: views.collect(),
            trail,
        }
    }

    fn fail(&self, what: &str, (at, image): (usize, &SimDisk)) -> ! {
        panic!(
            "{what}\nseed {}, {:?}\n{}\n{}--- the run ended at {at}; of what was unsynced:\n{}--- then:\n{}",
            self.seed,
            self.shape,
            self.trail.steps.join("\n"),
            self.disk.trace(),
            image.origin(),
            image.trace()
        );
    }

    /// Opens what is left and compares. Answers which state it is.
    fn recover(&self, at: usize, image: &SimDisk, end: End, number: u64) -> usize {
        let (least, most) = self.trail.bounds(at, end);
        let look = |read_only| {
            let (db, _) = open(image, self.shape, self.now_ms, read_only)?;
            let found = content(&db)?;
            Ok::<_, nacredb::Error>((db, found))
        };
        let read = number.is_multiple_of(5).then(|| {
            let before = image.read(NAME).ok();
            let read = look(true);
            assert_eq!(image.read(NAME).ok(), before, "a reader changes the file");
            read.map(|(_reader, found)| found)
        });
        let (_db, found) = look(false).unwrap_or_else(|error| {
            self.fail(&format!("does not open: {error}"), (at, image));
        });
        match read {
            Some(Ok(read)) if read != found => {
                self.fail(&differs("a reader found", &read, &found), (at, image));
            }
            // There may be no whole file yet: that is not a reader's to make.
            Some(Err(error)) if most > 0 => {
                self.fail(&format!("not for a reader: {error}"), (at, image));
            }
            Some(_) | None => {}
        }
        let names = image.list("").unwrap_or_default();
        if names != [NAME] {
            self.fail(&format!("left behind: {names:?}"), (at, image));
        }
        if number.is_multiple_of(7) {
            let report = check(image, NAME);
            if !report.as_ref().is_ok_and(|report| report.is_sound()) {
                self.fail(&format!("unsound after recovery: {report:?}"), (at, image));
            }
        }
        let range = &self.views[least..=most];
        let Some(back) = range.iter().rev().position(|view| *view == found) else {
            let near = range
                .iter()
                .min_by_key(|view| difference(view, &found).len());
            let what = match self.views.iter().position(|view| *view == found) {
                Some(other) => format!("state {other} was found, {least} to {most} may be"),
                None => differs(
                    &format!("no state from {least} to {most}; the nearest has"),
                    near.expect("a state"),
                    &found,
                ),
            };
            self.fail(&what, (at, image));
        };
        // Nothing that its drop does is looked at.
        image.inject(Fault::any(0, FaultAction::PowerCut));
        most - back
    }

    /// Looks at the states of one run: ends of every kind, and runs that go on from some of them.
    fn visit(&self, breadth: (usize, usize), again: usize, visited: &mut Visited) {
        for at in self.disk.crash_points() {
            if visited.killed.is_multiple_of(2) {
                visited.killed += 1;
                visited.states += 1;
                let image = self.disk.killed_at(at);
                self.recover(at, &image, End::Killed, visited.states as u64);
            } else {
                visited.killed += 1;
            }
            let images = self
                .disk
                .crash_states(at, breadth.0, breadth.1, self.seed ^ at as u64);
            for image in images {
                visited.states += 1;
                if again == 0 || !visited.states.is_multiple_of(again) {
                    let number = visited.states as u64;
                    let found = self.recover(at, &image, End::PowerCut, number);
                    visited.lossy += usize::from(found + 1 < self.views.len());
                    continue;
                }
                let seed = mix(visited.states as u64);
                let second = self.go_on(image, seed);
                visited.seconds += 1;
                second.visit((3, 4), 0, visited);
            }
        }
    }

    /// Opens what a crash left, goes on for a while, and leaves it again.
    fn go_on(&self, image: SimDisk, seed: u64) -> Self {
        let shared = Live::open(&image, self.shape, self.now_ms, seed)
            .unwrap_or_else(|error| self.fail(&format!("does not open: {error}"), (0, &image)));
        run(&shared, 4 + seed % 4);
        let trail = shared.lock().abandon();
        Self::new(seed, self.shape, image, trail)
    }
}

fn difference<'a>(one: &'a Content, two: &'a Content) -> Vec<&'a (u8, Vec<u8>)> {
    let keys = one
        .keys()
        .chain(two.keys().filter(|at| !one.contains_key(*at)));
    keys.filter(|at| one.get(*at) != two.get(*at)).collect()
}

fn differs(what: &str, expected: &Content, found: &Content) -> String {
    let mut text = what.to_owned();
    for at in difference(expected, found) {
        let key = String::from_utf8_lossy(&at.1);
        text += &format!(
            "\n  {key:?} in database {}: {:?}\n  and found was {:?}",
            at.0,
            expected.get(at),
            found.get(at)
        );
    }
    text
}

#[derive(Default)]
struct Visited {
    states: usize,
    /// Ends at which something was missing, rightly.
    lossy: usize,
    seconds: usize,
    killed: usize,
}

/// One program from its seed.
fn record(seed: u64) -> Recorded {
    let disk = SimDisk::new();
    let shape = shape(seed);
    let shared = Live::open(&disk, shape, 1_000_000, mix(seed)).expect("a new database");
    run(&shared, 12 + mix(seed ^ 1) % 40);
    let trail = shared.lock().abandon();
    Recorded::new(seed, shape, disk, trail)
}

#[test]
fn every_crash_leaves_the_keyspace_as_some_commit_left_it() {
    let wanted = states_wanted() / 5;
    let mut visited = Visited::default();
    let mut seed = 0;
    while visited.states < wanted {
        record(seed).visit((4, 6), 40, &mut visited);
        seed += 1;
    }
    println!(
        "whole keyspaces: {} states of {seed} programs, {} of them run on; {} states had lost something",
        visited.states, visited.seconds, visited.lossy
    );
    assert!(visited.states >= wanted);
    // Otherwise nothing was tested.
    assert!(visited.lossy * 20 > visited.states);
}

#[test]
fn a_failing_call_loses_no_promised_commit_of_the_keyspace() {
    let wanted = states_wanted() / 40;
    let mut visited = Visited::default();
    let (mut seed, mut struck) = (0, 0);
    while visited.states < wanted {
        let mut chance = Chance(mix(seed ^ 0xfa17));
        let kinds = [io::ErrorKind::Other, io::ErrorKind::StorageFull];
        let kind = kinds[chance.below(2) as usize];
        let action = match chance.below(4) {
            0 => FaultAction::Short(chance.below(700) as usize + 1),
            1 => FaultAction::FailAfter(kind),
            _ => FaultAction::Fail(kind),
        };
        let disk = SimDisk::new();
        let shape = shape(seed);
        let shared = Live::open(&disk, shape, 1_000_000, mix(seed)).expect("a new database");
        shared.lock().may_fail();
        disk.inject(Fault::any(chance.below(60) as usize, action));
        run(&shared, 12);
        struck += disk.faults_struck();
        let trail = shared.lock().abandon();
        disk.clear_faults();
        let recorded = Recorded::new(seed, shape, disk, trail);
        recorded.visit_power_cuts(&mut visited);
        seed += 1;
    }
    println!(
        "whole keyspaces after a failing call: {} states, {struck} calls struck in {seed} programs",
        visited.states
    );
    assert!(struck > 0);
}

impl Recorded {
    /// Power cuts at the end of the run only: after a failing call nothing else was promised.
    fn visit_power_cuts(&self, visited: &mut Visited) {
        let at = self.disk.ops();
        for image in self.disk.crash_states(at, 3, 6, self.seed) {
            visited.states += 1;
            self.recover(at, &image, End::PowerCut, visited.states as u64);
        }
    }
}
