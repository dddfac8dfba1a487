//! Files of every released format version must stay readable for ever: tests/golden/.
//!
//! The files are made once per format version, by
//! `cargo test --lib storage::tests::golden::make -- --ignored`, and never changed afterwards.

use std::path::PathBuf;

use super::super::backend::Storage;
use super::super::bytes::{crc, put as put_bytes, salt_seed, u64_at};
use super::super::sim::SimDisk;
use super::super::*;
use super::fixture::*;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn golden(name: &str) -> SimDisk {
    let disk = SimDisk::new();
    disk.put(NAME, &std::fs::read(path(name)).unwrap()).unwrap();
    disk
}

/// What every sound one of the files holds.
fn expected() -> Vec<Vec<u8>> {
    let all: [&[u8]; 6] = [
        b"shard 0",
        b"shard 1, first",
        b"shard 1, second",
        b"frame one",
        b"",
        b"frame three",
    ];
    all.map(<[u8]>::to_vec).to_vec()
}

/// A closed file with every kind of block and frame.
fn every_kind() -> Vec<u8> {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    let at = put(&store, b"folded", Ack::Always).unwrap();
    let mut compaction = store.begin_compaction(&plan(2, at)).unwrap();
    for (shard, entries, block) in [
        (0, 1, &b"shard 0"[..]),
        (1, 2, b"shard 1, first"),
        (1, 3, b"shard 1, second"),
    ] {
        compaction.write_block(shard, entries, block).unwrap();
    }
    compaction.finish().unwrap();
    let now = stamp(2).unix_ms;
    store.log().append(now + 20, 1, b"frame one").unwrap();
    store.log().append(now + 40, 2, b"").unwrap();
    store.log().sync().unwrap();
    store.log().push_padding(40);
    store.close(now + 60).unwrap();
    drop(store);
    let (store, _, _) = open(&disk, 70).unwrap();
    store
        .log()
        .append(stamp(70).unix_ms + 80, 1, b"frame three")
        .unwrap();
    store.close(stamp(70).unix_ms + 90).unwrap();
    disk.read(NAME).unwrap()
}

/// Changes a field of both headers and seals them again.
fn with_header_field(bytes: &[u8], at: usize, field: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for header in bytes[..8192].chunks_exact_mut(4096) {
        put_bytes(header, at, field);
        let sum = crc(salt_seed(u64_at(header, 56)), &[&header[..4092]]);
        put_bytes(header, 4092, &sum.to_le_bytes());
    }
    bytes
}

#[test]
#[ignore = "makes the files of a new format version"]
fn make() {
    let whole = every_kind();
    let mut torn = whole.clone();
    torn.truncate(torn.len() - 48 - 10);
    let mut rotten = whole.clone();
    let at = rotten
        .windows(9)
        .position(|bytes| bytes == b"frame one")
        .unwrap();
    rotten[at] ^= 0x20;
    let mut block = whole.clone();
    let at = block
        .windows(14)
        .position(|bytes| bytes == b"shard 1, first")
        .unwrap();
    block[at] ^= 0x20;
    let mut header = whole.clone();
    header[1000] ^= 1;
    let files = [
        ("v1-every-kind.db", whole.clone()),
        ("v1-torn.db", torn),
        ("v1-rotten-log.db", rotten),
        ("v1-rotten-block.db", block),
        ("v1-one-header.db", header),
        (
            "v2-newer.db",
            with_header_field(&whole, 12, &2u16.to_le_bytes()),
        ),
        (
            "v1-compat.db",
            with_header_field(&whole, 16, &4u64.to_le_bytes()),
        ),
        (
            "v1-ro-compat.db",
            with_header_field(&whole, 24, &2u64.to_le_bytes()),
        ),
        (
            "v1-incompat.db",
            with_header_field(&whole, 32, &1u64.to_le_bytes()),
        ),
    ];
    for (name, bytes) in files {
        assert!(
            !path(name).exists(),
            "{name} exists; golden files are never changed"
        );
        std::fs::write(path(name), bytes).unwrap();
    }
}

#[test]
fn a_file_with_every_kind_of_record_opens() {
    let disk = golden("v1-every-kind.db");
    let found = check(&disk, NAME).unwrap();
    assert!(found.is_sound() && found.clean, "{found:?}");
    assert_eq!((found.blocks, found.entries, found.frames), (3, 6, 3));
    let kinds: Vec<_> = read_log(&disk, NAME, 0)
        .unwrap()
        .map(|entry| entry.unwrap().kind)
        .collect();
    use FrameKind::{Close, Data, Open, Pad, Time};
    assert_eq!(
        kinds,
        [
            Open, Time, Data, Time, Data, Pad, Close, Open, Time, Data, Close
        ]
    );
    let (store, report, content) = open(&disk, 100).unwrap();
    assert_eq!(content.all(), expected());
    assert!(report.clean);
    assert_eq!(store.info().app, [3; 64]);
    assert_eq!(store.info().version, (1, 0));
    put(&store, b"goes on", Ack::Always).unwrap();
}

#[test]
fn a_torn_file_opens_without_its_last_frame_and_says_so() {
    let disk = golden("v1-torn.db");
    let (store, report, content) = open(&disk, 100).unwrap();
    assert_eq!(content.all(), expected()[..5]);
    assert_eq!(report.cut_bytes, 38);
    assert_eq!(report.cut_reason, Some("the file ends inside a frame"));
    drop(store);
    assert!(check(&disk, NAME).unwrap().is_sound());
}

#[test]
fn rotten_files_are_refused_by_place() {
    for (name, in_log) in [("v1-rotten-log.db", true), ("v1-rotten-block.db", false)] {
        let disk = golden(name);
        let Err(StorageError::Corrupt { offset, lsn, .. }) = open(&disk, 100).map(|_| ()) else {
            panic!("{name} was accepted");
        };
        assert_eq!(lsn.is_some(), in_log);
        assert_eq!(offset, if in_log { 12_400 } else { 8232 }, "{name}");
        assert_eq!(disk.read(NAME).unwrap(), std::fs::read(path(name)).unwrap());
        assert_eq!(check(&disk, NAME).unwrap().damage[0].offset, offset);
    }
}

#[test]
fn one_rotten_header_and_unknown_compatible_features_do_no_harm() {
    let (_, report, content) = open(&golden("v1-one-header.db"), 100).unwrap();
    assert!(report.header_a_damaged);
    assert_eq!(content.all(), expected());
    let (store, _, content) = open(&golden("v1-compat.db"), 100).unwrap();
    assert_eq!(content.all(), expected());
    assert_eq!(store.info().features, (4, 0, 0));
}

#[test]
fn newer_files_are_refused_as_their_features_ask() {
    let disk = golden("v2-newer.db");
    let refused = peek(&disk).map(|_| ());
    let Err(StorageError::UnsupportedVersion { found, supported }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((found, supported), (2, 1));
    let disk = golden("v1-incompat.db");
    let refused = peek(&disk).map(|_| ());
    assert!(matches!(
        refused,
        Err(StorageError::UnsupportedFeatures { bits: 1 })
    ));
    let disk = golden("v1-ro-compat.db");
    let refused = open(&disk, 100).map(|_| ());
    assert!(matches!(
        refused,
        Err(StorageError::UnsupportedFeatures { bits: 2 })
    ));
    assert_eq!(peek(&disk).unwrap().1.all(), expected());
    assert_eq!(disk.list(".").unwrap(), Vec::<String>::new());
}
