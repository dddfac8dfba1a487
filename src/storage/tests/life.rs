//! Creating, writing, closing, reopening, compacting.

use super::super::sim::{SimDisk, Survival};
use super::super::*;
use super::fixture::*;

#[test]
fn what_was_written_is_there_after_a_clean_close() {
    let disk = SimDisk::new();
    let (store, report, _) = open(&disk, 1).unwrap();
    assert!(report.created && !report.clean);
    for i in 0..100u32 {
        put(&store, &i.to_le_bytes(), Ack::EverySec).unwrap();
    }
    store.close(1_700_000_000_500).unwrap();
    assert!(matches!(
        put(&store, b"x", Ack::No),
        Err(StorageError::Closed)
    ));
    drop(store);
    let (store, report, content) = open(&disk, 2).unwrap();
    assert!(report.clean && !report.created);
    assert_eq!((report.frames, report.cut_bytes), (100, 0));
    let expected: Vec<_> = (0..100u32).map(|i| i.to_le_bytes().to_vec()).collect();
    assert_eq!(content.all(), expected);
    drop(store);
    let found = check(&disk, NAME).unwrap();
    assert!(found.is_sound() && found.clean, "{found:?}");
    assert_eq!(found.frames, 100);
}

#[test]
fn an_acknowledged_always_survives_a_power_cut_that_keeps_nothing_else() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"durable", Ack::Always).unwrap();
    assert_eq!(store.log().durable_lsn(), store.log().end_lsn());
    put(&store, b"written", Ack::EverySec).unwrap();
    put(&store, b"buffered", Ack::Buffered).unwrap();
    disk.restart(Survival::Nothing);
    drop(store);
    let (_, _, content) = open(&disk, 2).unwrap();
    assert_eq!(content.all(), [b"durable".to_vec()]);
}

#[test]
fn a_compaction_keeps_the_snapshot_and_the_frames_behind_it() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"a", Ack::Always).unwrap();
    let at = put(&store, b"b", Ack::Always).unwrap();
    put(&store, b"c", Ack::EverySec).unwrap();
    put(&store, b"d", Ack::Buffered).unwrap();
    let id = store.info().file_id;
    let before = store.log().end_lsn();
    let report = compact(&store, 7, at, &[b"block of a", b"block of b"]).unwrap();
    assert_eq!(report.snapshot_bytes, store.info().snapshot_bytes);
    assert_eq!(store.info().parent_id, id);
    assert_eq!(store.info().app, [3; 64]);
    assert_eq!(store.info().base_lsn, at);
    // The snapshot's place stays, the OPEN frame is new.
    assert_eq!(store.log().end_lsn(), before + 72);
    assert_eq!(store.log().durable_lsn(), before + 72);
    put(&store, b"e", Ack::Always).unwrap();
    disk.restart(Survival::Nothing);
    drop(store);
    let (store, report, content) = open(&disk, 2).unwrap();
    assert_eq!(
        content.all(),
        [&b"block of a"[..], b"block of b", b"c", b"d", b"e"]
    );
    assert_eq!((report.blocks, report.entries, report.frames), (2, 2, 3));
    assert!(check(&disk, NAME).unwrap().is_sound());
    drop(store);
    assert_eq!(disk.list(".").unwrap(), Vec::<String>::new());
}

#[test]
fn an_unconfirmed_tail_is_cut_and_reported() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"kept", Ack::Always).unwrap();
    drop(store);
    let mut bytes = disk.read(NAME).unwrap();
    let end = bytes.len() as u64;
    bytes.extend_from_slice(&[0xee; 100]);
    let torn = SimDisk::new();
    torn.put(NAME, &bytes).unwrap();
    let (report, _) = peek(&torn).unwrap();
    assert_eq!((report.cut_at, report.cut_bytes), (Some(end), 100));
    assert_eq!(
        torn.read(NAME).unwrap(),
        bytes,
        "a read-only open changes nothing"
    );
    let (store, report, content) = open(&torn, 2).unwrap();
    assert_eq!((report.cut_at, report.cut_bytes), (Some(end), 100));
    assert_eq!(content.all(), [b"kept".to_vec()]);
    drop(store);
    let (_, report, _) = open(&torn, 3).unwrap();
    assert_eq!(report.cut_bytes, 0);
}

#[test]
fn a_second_opener_is_locked_out_and_a_reader_is_not() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"x", Ack::EverySec).unwrap();
    assert!(matches!(
        open(&disk, 2).map(|_| ()),
        Err(StorageError::Locked | StorageError::AlreadyOpen)
    ));
    compact(&store, 3, store.log().end_lsn(), &[b"x"]).unwrap();
    assert!(matches!(
        open(&disk, 4).map(|_| ()),
        Err(StorageError::Locked | StorageError::AlreadyOpen)
    ));
    assert_eq!(peek(&disk).unwrap().1.all(), [b"x".to_vec()]);
    drop(store);
    open(&disk, 5).unwrap();
}
