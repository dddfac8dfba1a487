//! Frames that verify and stand in the wrong place: what a disk with a bad memory, or a tool with a bad
//! idea, can leave. The salt tells files apart, the chain tells the pasts of one file apart.

use crate::session::{NAME, Session, Shape, Tx};
use nacredb::storage::Ack;
use nacredb::storage::sim::{Fault, FaultAction, SimDisk};

const SHAPE: Shape = Shape {
    min: 40,
    max: 40,
    repeats: false,
};

/// Appends some transactions durably; answers what the log holds then, and the file's bytes as a power cut
/// would leave them.
fn run(disk: &SimDisk, generation: u32, seed: u64, appends: usize) -> (Vec<Tx>, Vec<u8>, usize) {
    let (mut session, _) = Session::open(disk, SHAPE, generation, seed).unwrap();
    for _ in 0..appends {
        session.append(Ack::Always).unwrap();
    }
    let log_offset = session.store.info().log_offset as usize;
    let bytes = disk.read(NAME).unwrap();
    disk.inject(Fault::any(0, FaultAction::PowerCut));
    (session.content.clone(), bytes, log_offset)
}

/// What is replayed from these bytes; nothing if they are refused.
fn replayed(bytes: &[u8]) -> Vec<Tx> {
    let disk = SimDisk::new();
    disk.put(NAME, bytes).unwrap();
    Session::open(&disk, SHAPE, 9, 9).map_or_else(|_| Vec::new(), |(session, _)| session.content)
}

#[test]
fn frames_of_another_file_are_never_replayed() {
    let (ours, mut bytes, log_offset) = run(&SimDisk::new(), 1, 100, 3);
    let (theirs, other, other_log_offset) = run(&SimDisk::new(), 2, 200, 3);
    assert_eq!(log_offset, other_log_offset);
    assert_eq!(bytes.len(), other.len());
    assert_eq!(replayed(&bytes), ours);
    assert_eq!(replayed(&other), theirs);
    // Everything behind any byte of the log comes from the other file.
    for from in (log_offset..bytes.len()).rev() {
        bytes[from] = other[from];
        let found = replayed(&bytes);
        assert!(
            found.len() <= ours.len() && found == ours[..found.len()],
            "{from}: {found:?}"
        );
    }
}

#[test]
fn frames_of_another_past_are_never_replayed() {
    let disk = SimDisk::new();
    let (_, _, log_offset) = run(&disk, 1, 300, 2);
    let past = || disk.killed_at(disk.ops());
    let (ours, bytes, _) = run(&past(), 2, 300, 3);
    let (theirs, other, _) = run(&past(), 3, 300, 3);
    assert_eq!(bytes.len(), other.len());
    assert_eq!(replayed(&bytes), ours);
    assert_eq!(replayed(&other), theirs);
    // The sectors, or the bytes, of the other past show through from any place on.
    for from in log_offset..bytes.len() {
        let mut mixed = bytes[..from].to_vec();
        mixed.extend(&other[from..]);
        let found = replayed(&mixed);
        let is_prefix = |of: &[Tx]| found.len() <= of.len() && found == of[..found.len()];
        // Where only what both share lies before, it is simply the other past.
        assert!(is_prefix(&ours) || is_prefix(&theirs), "{from}: {found:?}");
    }
}
