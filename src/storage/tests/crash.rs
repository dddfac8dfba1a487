//! Power cuts at every operation of small workloads, and again while recovering.
//!
//! State: transaction number i has the payload i; a snapshot says how many came before it. Whatever
//! survives must be a gapless beginning that holds everything acknowledged as durable.

use super::super::sim::SimDisk;
use super::super::*;
use super::fixture::*;

/// Transaction `i`: its number, and bytes that repeat between transactions, so that stale ones fit.
fn payload(i: u32) -> Vec<u8> {
    let mut bytes = i.to_le_bytes().to_vec();
    bytes.resize(4 + (i as usize * 37) % 300, 0);
    bytes
}

fn number(payload: &[u8]) -> u32 {
    super::super::bytes::u32_at(payload, 0)
}

/// How many transactions the content amounts to; panics if they are not a gapless beginning.
fn count(content: &Content) -> u32 {
    let blocks = content.blocks.lock().clone();
    let mut next = blocks.first().map_or(0, |(_, payload)| number(payload));
    for frame in content.frames.lock().iter() {
        assert_eq!(*frame, payload(next), "not a gapless beginning");
        next += 1;
    }
    next
}

/// What had been promised once so many operations had been made.
#[derive(Debug, Default)]
struct Promises(Vec<(usize, u32)>);

impl Promises {
    fn note(&mut self, disk: &SimDisk, count: u32) {
        self.0.push((disk.ops(), count));
    }

    fn at(&self, ops: usize) -> u32 {
        let kept = self.0.iter().filter(|(when, _)| *when <= ops);
        kept.map(|(_, count)| *count).max().unwrap_or(0)
    }
}

/// Opens, appends, compacts, closes, by a script; notes what is durable when.
fn run(disk: &SimDisk, script: &str, stamp_base: u64, from: u32, promises: &mut Promises) -> u32 {
    let (store, _, content) = open(disk, stamp_base).unwrap();
    let mut next = count(&content);
    assert!(next >= from);
    promises.note(disk, next);
    let mut stamps = stamp_base;
    for step in script.chars() {
        stamps += 1;
        match step {
            'a' | 'e' | 'b' => {
                let ack = match step {
                    'a' => Ack::Always,
                    'e' => Ack::EverySec,
                    _ => Ack::Buffered,
                };
                put(&store, &payload(next), ack).unwrap();
                next += 1;
                if step == 'a' {
                    promises.note(disk, next);
                }
            }
            's' => {
                store.log().sync().unwrap();
                promises.note(disk, next);
            }
            'c' => {
                // The snapshot is older than the log's end by one transaction.
                let at = store.log().end_lsn();
                let before = next;
                put(&store, &payload(next), Ack::Buffered).unwrap();
                next += 1;
                compact(&store, stamps, at, &[&before.to_le_bytes()]).unwrap();
                promises.note(disk, next);
            }
            'x' => store.close(1).unwrap(),
            other => panic!("no step {other}"),
        }
    }
    next
}

/// All crashes of one script, and for each state all crashes of the recovery and of a second script.
fn crash_twice(script: &str, second: &str, limit: usize, sample: usize) -> (u64, u64) {
    let disk = SimDisk::new();
    let mut promises = Promises::default();
    run(&disk, script, 100, 0, &mut promises);
    let mut once = 0;
    let mut twice = 0;
    for at in disk.crash_points() {
        for image in disk.crash_states(at, limit, sample, at as u64) {
            once += 1;
            let mut again = Promises::default();
            let durable = promises.at(at);
            run(&image, second, 200, durable, &mut again);
            for at in image.crash_points() {
                for image in image.crash_states(at, limit.min(4), sample.min(4), at as u64) {
                    twice += 1;
                    let (store, _, content) = open(&image, 300).unwrap();
                    let found = count(&content);
                    assert!(
                        found >= again.at(at).max(durable),
                        "{script} {second} {found}"
                    );
                    put(&store, &payload(found), Ack::Always).unwrap();
                    drop(store);
                    let (report, content) = peek(&image).unwrap();
                    assert_eq!(count(&content), found + 1);
                    assert!(report.clean);
                    assert!(check(&image, NAME).unwrap().is_sound());
                }
            }
        }
    }
    (once, twice)
}

#[test]
fn every_state_of_a_power_cut_is_a_gapless_beginning_with_all_promises() {
    let mut total = (0, 0);
    for (script, second) in [
        ("eea", "ee"),
        ("aebs", "eb"),
        ("aec", "ea"),
        ("cecb", "e"),
        ("ax", "ee"),
    ] {
        let (once, twice) = crash_twice(script, second, 6, 24);
        total = (total.0 + once, total.1 + twice);
    }
    assert!(total.0 > 300 && total.1 > 5_000, "{total:?}");
}
