//! Files that were cut, bent, mixed up or made up.

use std::sync::Arc;

use super::super::bytes::put as put_bytes;
use super::super::sim::SimDisk;
use super::super::*;
use super::fixture::*;

/// A closed file with a snapshot of two blocks and every kind of frame that is written.
pub(super) fn reference() -> (Vec<u8>, Vec<Vec<u8>>) {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"folded into the snapshot", Ack::No).unwrap();
    compact(
        &store,
        2,
        store.log().end_lsn(),
        &[b"first block", b"second"],
    )
    .unwrap();
    put(&store, b"one", Ack::Always).unwrap();
    store
        .log()
        .append(1_800_000_000_000, 2, b"two, later")
        .unwrap();
    put(&store, &[0; 24], Ack::EverySec).unwrap();
    drop(store);
    let (store, _, _) = open(&disk, 3).unwrap();
    put(&store, b"three", Ack::EverySec).unwrap();
    store.close(1_800_000_000_900).unwrap();
    let all = peek(&disk).unwrap().1.all();
    assert_eq!(all.len(), 6);
    (disk.read(NAME).unwrap(), all)
}

fn disk_with(bytes: &[u8]) -> SimDisk {
    let disk = SimDisk::without_history();
    disk.put(NAME, bytes).unwrap();
    disk
}

/// Opens for writing; if that is refused, the file must be as it was.
fn open_or_untouched(bytes: &[u8]) -> Result<(OpenReport, Vec<Vec<u8>>), StorageError> {
    let disk = disk_with(bytes);
    match open(&disk, 9) {
        Ok((_, report, content)) => Ok((report, content.all())),
        Err(error) => {
            assert_eq!(disk.read(NAME).unwrap(), bytes, "refused and modified");
            Err(error)
        }
    }
}

#[test]
fn every_flipped_bit_is_an_error_or_harmless_and_check_sees_it() {
    let (bytes, all) = reference();
    assert!(check(&disk_with(&bytes), NAME).unwrap().is_sound());
    let mut refused = 0;
    // Inside the header page's zeros every bit is covered by the same checksum: some are enough.
    let interesting = (0..bytes.len()).filter(|at| *at >= 8192 || at % 4096 < 240 || at % 64 == 0);
    for at in interesting {
        for bit in 0..8 {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << bit;
            match open_or_untouched(&bad) {
                Ok((_, found)) => assert_eq!(found, all, "byte {at} bit {bit}"),
                Err(_) => refused += 1,
            }
            if let Ok(report) = check(&disk_with(&bad), NAME) {
                let seen = !report.is_sound() || report.tail_bytes > 0;
                assert!(seen, "byte {at} bit {bit} unseen");
            }
        }
    }
    assert!(refused > 3000, "{refused}");
}

#[test]
fn every_zeroed_sector_is_an_error_or_harmless() {
    let (bytes, all) = reference();
    for at in (0..bytes.len()).step_by(512) {
        let mut bad = bytes.clone();
        let end = (at + 512).min(bad.len());
        bad[at..end].fill(0);
        if let Ok((report, found)) = open_or_untouched(&bad) {
            // Zeros up to the very end leave no proof that anything stood there.
            let cut = report.cut_bytes > 0 && end == bytes.len();
            assert!(
                found == all || (cut && all.starts_with(&found)),
                "sector at {at}"
            );
        }
    }
}

#[test]
fn a_cut_at_every_length_is_refused_or_a_gapless_beginning() {
    let (bytes, all) = reference();
    for len in 0..bytes.len() {
        match open_or_untouched(&bytes[..len]) {
            Ok((report, _)) if len == 0 => assert!(report.created),
            Ok((report, found)) => {
                assert!(all.starts_with(&found) && found.len() >= 2, "length {len}");
                assert!(!report.created && len >= 12_288, "length {len}");
            }
            Err(StorageError::NotADatabase { .. }) => assert!(len < 8192, "length {len}"),
            Err(StorageError::Corrupt { .. }) => assert!((8192..12_288).contains(&len)),
            Err(error) => panic!("length {len}: {error}"),
        }
    }
}

/// The file positions of the DATA frames.
fn data_frames(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let disk = disk_with(bytes);
    let info = info(&disk, NAME).unwrap();
    let at = |lsn: u64| (info.log_offset + lsn - info.base_lsn) as usize;
    read_log(&disk, NAME, 0)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.kind == FrameKind::Data)
        .map(|entry| at(entry.lsn)..at(entry.end_lsn))
        .collect()
}

/// Three transactions; the middle one says `middle`, all else is the same.
fn history(stamp: u64, middle: &[u8]) -> Vec<u8> {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, stamp).unwrap();
    for payload in [&b"first"[..], middle, b"third", b"last"] {
        put(&store, payload, Ack::Always).unwrap();
    }
    disk.read(NAME).unwrap()
}

#[test]
fn a_frame_of_another_file_at_the_same_place_is_refused() {
    let ours = history(1, b"middle");
    let other = history(2, b"MIDDLE");
    let frames = data_frames(&ours);
    assert_eq!(frames, data_frames(&other));
    let mut mixed = ours.clone();
    for frame in &frames {
        mixed[frame.clone()].copy_from_slice(&other[frame.clone()]);
    }
    assert!(open_or_untouched(&mixed).unwrap().1.is_empty());
    // Even where the chain fits: every frame of another file hangs on that file's salt.
    let mut all = ours[..8192].to_vec();
    all.extend_from_slice(&other[8192..]);
    assert!(matches!(
        open_or_untouched(&all),
        Err(StorageError::Corrupt { .. })
    ));
}

#[test]
fn a_frame_of_another_history_of_the_same_file_is_refused() {
    let ours = history(1, b"middle");
    let other = history(1, b"MIDDLE");
    let frames = data_frames(&ours);
    let mut mixed = ours.clone();
    mixed[frames[1].clone()].copy_from_slice(&other[frames[1].clone()]);
    let refused = open_or_untouched(&mixed);
    assert!(
        matches!(refused, Err(StorageError::Corrupt { lsn: Some(_), .. })),
        "{refused:?}"
    );
}

#[test]
fn rot_in_a_synced_frame_is_named_with_its_place_and_nothing_is_cut() {
    let bytes = history(1, b"middle");
    let frames = data_frames(&bytes);
    for frame in &frames[..3] {
        let mut bad = bytes.clone();
        bad[frame.start + 33] ^= 1;
        let Err(StorageError::Corrupt { offset, lsn, .. }) = open_or_untouched(&bad) else {
            panic!("accepted");
        };
        assert_eq!(offset, frame.start as u64);
        assert!(lsn.is_some());
        let found = check(&disk_with(&bad), NAME).unwrap();
        assert_eq!(found.damage[0].offset, frame.start as u64);
        let read: Vec<_> = read_log(&disk_with(&bad), NAME, 0).unwrap().collect();
        assert!(read.last().unwrap().is_err());
    }
}

#[test]
fn foreign_files_are_named_and_left_alone() {
    let cut_off = &reference().0[..5000];
    let cases: [(&[u8], &str); 6] = [
        (cut_off, "cut off inside its headers"),
        (b"x", "too short to hold the headers"),
        (&[0; 8191], "it does not start with the magic bytes"),
        (&[7; 9000], "it does not start with the magic bytes"),
        (b"REDIS0011", "a Redis RDB file"),
        (b"SQLite format 3\0....", "an SQLite database"),
    ];
    for (bytes, expected) in cases {
        match open_or_untouched(bytes) {
            Err(StorageError::NotADatabase { what }) => assert_eq!(what, expected),
            other => panic!("{other:?}"),
        }
    }
}

/// Garbage that looks like frames is dismissed before checksums are computed, or the budget ends it.
#[test]
fn a_tail_made_of_lookalikes_is_refused_without_quadratic_work() {
    let bytes = history(1, b"middle");
    let disk = disk_with(&bytes);
    let info = info(&disk, NAME).unwrap();
    let mut bad = bytes.clone();
    let start = bad.len();
    bad.resize(start + 256 * 1024, 0);
    let end = bad.len();
    for at in (start + 8..end - 32).step_by(32) {
        let lsn = info.base_lsn + at as u64 - info.log_offset;
        let len = (end - at - 32) as u32 & !7;
        put_bytes(&mut bad, at + 4, &len.to_le_bytes());
        put_bytes(&mut bad, at + 8, &lsn.to_le_bytes());
        bad[at + 20] = 2;
        put_bytes(&mut bad, at + 24, &lsn.to_le_bytes());
    }
    assert!(matches!(
        open_or_untouched(&bad),
        Err(StorageError::Corrupt { .. })
    ));
}

#[test]
fn a_length_that_the_file_cannot_hold_is_a_torn_tail_and_takes_no_memory() {
    let bytes = history(1, b"middle");
    let last = data_frames(&bytes).pop().unwrap();
    let mut bad = bytes[..last.end].to_vec();
    put_bytes(&mut bad, last.start + 4, &u32::MAX.to_le_bytes());
    let (report, found) = open_or_untouched(&bad).unwrap();
    assert_eq!(report.cut_reason, Some("the file ends inside a frame"));
    assert_eq!(found.len(), 3);
}

#[test]
fn a_payload_that_the_loader_refuses_is_corrupt() {
    for compacted in [false, true] {
        let disk = SimDisk::new();
        let (store, _, _) = open(&disk, 1).unwrap();
        let end = put(&store, b"refused", Ack::No).unwrap();
        if compacted {
            compact(&store, 2, end, &[b"refused"]).unwrap();
        }
        drop(store);
        let refused = open(&disk, 3).map(|_| ());
        assert!(matches!(
            refused,
            Err(StorageError::Corrupt {
                what: "refused",
                ..
            })
        ));
    }
}

#[test]
fn one_damaged_header_serves_and_a_compaction_repairs_it() {
    let (bytes, all) = reference();
    for (at, a) in [(100, true), (4196, false)] {
        let mut bad = bytes.clone();
        bad[at] ^= 8;
        let disk = disk_with(&bad);
        let (store, report, content) = open(&disk, 9).unwrap();
        assert_eq!((report.header_a_damaged, report.header_b_damaged), (a, !a));
        assert_eq!(content.all(), all);
        assert!(!check(&disk, NAME).unwrap().is_sound());
        compact(&store, 10, store.log().end_lsn(), &[b"x"]).unwrap();
        assert!(check(&disk, NAME).unwrap().is_sound());
    }
}

#[test]
fn random_damage_never_panics_and_never_invents() {
    let (bytes, all) = reference();
    let seed = 0x5eed;
    let mut random = Random(seed);
    let rounds = if cfg!(miri) { 20 } else { 4000 };
    for round in 0..rounds {
        let mut bad = bytes.clone();
        for _ in 0..=random.below(6) {
            let at = random.below(bad.len() as u64) as usize;
            match random.below(4) {
                0 => bad[at] = random.next() as u8,
                1 => bad.truncate(at.max(1)),
                2 => {
                    let end = (at + random.below(600) as usize).min(bad.len());
                    bad[at..end].fill(0);
                }
                _ => bad.extend((0..random.below(64)).map(|n| n as u8)),
            }
        }
        if let Ok((_, found)) = open_or_untouched(&bad) {
            assert!(all.starts_with(&found), "seed {seed} round {round}");
        }
    }
}

#[test]
fn a_snapshot_block_that_rotted_does_not_hide_the_others_from_check() {
    let (bytes, _) = reference();
    for threads in [1, 3] {
        let mut bad = bytes.clone();
        bad[8192 + 40] ^= 1;
        let disk = disk_with(&bad);
        let mut options = options(4);
        options.threads = threads;
        let content = Content::default();
        let storage: Arc<dyn backend::Storage> = Arc::new(disk.clone());
        let refused = Store::open(storage, NAME, &options, &content).map(|_| ());
        assert!(
            matches!(refused, Err(StorageError::Corrupt { offset: 8192, .. })),
            "{refused:?}"
        );
        let found = check(&disk, NAME).unwrap();
        assert_eq!((found.blocks, found.damage_count, found.frames), (2, 1, 4));
    }
}
