//! Large frames, many blocks, many threads, and reading the log as a list.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::backend::Storage;
use super::super::memory::MemoryStorage;
use super::super::sim::SimDisk;
use super::super::*;
use super::fixture::*;

#[test]
fn frames_larger_than_the_read_buffer_come_back_whole() {
    let disk = SimDisk::without_history();
    let (store, _, _) = open(&disk, 1).unwrap();
    let mut random = Random(4);
    let mut expected = Vec::new();
    for len in [
        1 << 20,
        (1 << 20) - 32,
        (5 << 20) + 3,
        0,
        1,
        (1 << 20) - 33,
        9 << 20,
    ] {
        let payload: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
        put(&store, &payload, Ack::EverySec).unwrap();
        expected.push(payload);
    }
    let at = store.log().end_lsn();
    drop(store);
    let (store, _, content) = open(&disk, 2).unwrap();
    assert_eq!(content.all(), expected);
    // As blocks, and as frames that a compaction copies.
    let blocks: Vec<_> = expected.iter().map(Vec::as_slice).collect();
    for payload in &expected {
        put(&store, payload, Ack::No).unwrap();
    }
    assert!(
        compact(&store, 3, at + 8, &blocks).is_err(),
        "not a frame boundary"
    );
    let at = store.log().end_lsn();
    put(&store, b"behind", Ack::No).unwrap();
    compact(&store, 4, at, &blocks).unwrap();
    drop(store);
    let (_, _, content) = open(&disk, 5).unwrap();
    expected.sort();
    let mut found = content.all();
    assert_eq!(found.pop().unwrap(), b"behind");
    found.sort();
    assert_eq!(found, expected);
    let bytes = disk.read(NAME).unwrap();
    let mut bad = bytes.clone();
    bad[8192 + 32 + 700_000] ^= 1;
    disk.put(NAME, &bad).unwrap();
    assert!(!check(&disk, NAME).unwrap().is_sound());
}

#[test]
fn a_payload_that_is_too_large_is_refused_before_it_is_applied() {
    assert!(Log::check_payload(MAX_PAYLOAD_LEN).is_ok());
    assert!(matches!(
        Log::check_payload(MAX_PAYLOAD_LEN + 1),
        Err(StorageError::TooLarge { .. })
    ));
}

#[test]
fn blocks_load_on_several_threads_and_runs_stay_in_order() {
    let disk = SimDisk::without_history();
    let (store, _, _) = open(&disk, 1).unwrap();
    let mut compaction = store
        .begin_compaction(&plan(2, store.log().end_lsn()))
        .unwrap();
    let mut expected = Vec::new();
    for shard in 0..40u32 {
        for part in 0..5u32 {
            let payload: Vec<u8> = [shard.to_le_bytes(), part.to_le_bytes()].concat();
            let stored = compaction.write_block(shard, 1, &payload).unwrap();
            assert_eq!(stored, 40);
            expected.push((shard, payload));
        }
    }
    compaction.finish().unwrap();
    drop(store);
    for threads in [1, 2, 4, 1000] {
        let content = Content::default();
        let mut options = options(9);
        options.threads = threads;
        options.read_only = true;
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let (_, report) = Store::open(storage, NAME, &options, &content).unwrap();
        assert_eq!((report.blocks, report.entries), (200, 200));
        let mut found = content.blocks.lock().clone();
        found.sort_by_key(|(shard, _)| *shard);
        // A stable sort: inside a shard the order is the one in which they came.
        assert_eq!(found, expected, "{threads} threads");
    }
}

#[test]
fn the_log_reads_as_a_list_with_times_that_never_go_back() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    let start = stamp(1).unix_ms;
    for (now, payload) in [
        (5, b"a"),
        (9, b"b"),
        (10, b"c"),
        (3, b"d"),
        (500, b"e"),
        (1, b"f"),
    ] {
        store.log().append(start + now, 7, payload).unwrap();
    }
    store.close(start + 400).unwrap();
    let entries: Vec<_> = read_log(&disk, NAME, 0)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let seen: Vec<_> = entries
        .iter()
        .filter(|entry| entry.kind == FrameKind::Data)
        .map(|entry| (entry.unix_ms - start, entry.payload[0], entry.ops))
        .collect();
    let expected = [
        (0, b'a'),
        (0, b'b'),
        (10, b'c'),
        (10, b'd'),
        (500, b'e'),
        (500, b'f'),
    ];
    assert_eq!(seen, expected.map(|(now, payload)| (now, payload, 7)));
    let kinds: Vec<_> = entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == FrameKind::Time)
            .count(),
        2
    );
    assert_eq!(kinds.first(), Some(&FrameKind::Open));
    assert_eq!(kinds.last(), Some(&FrameKind::Close));
    assert_eq!(entries.last().unwrap().unix_ms, start + 500);
    let from = entries[3].lsn;
    let rest: Vec<_> = read_log(&disk, NAME, from)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rest, entries[3..]);
    drop(store);
    let (_, report, _) = open(&disk, 2).unwrap();
    assert_eq!(report.last_time_ms, start + 500);
}

#[test]
fn a_copy_opens_on_its_own_and_the_original_goes_on() {
    let disk = SimDisk::new();
    let other = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    let at = put(&store, b"a", Ack::Always).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(other.clone());
    let mut copy = store.begin_copy(storage, NAME, &plan(2, at)).unwrap();
    copy.write_block(0, 1, b"state a").unwrap();
    put(&store, b"b", Ack::Always).unwrap();
    copy.finish().unwrap();
    let (copied, report, content) = open(&other, 3).unwrap();
    assert_eq!(content.all(), [b"state a".to_vec()]);
    assert_eq!(report.end_lsn, at);
    assert_eq!(copied.info().parent_id, store.info().file_id);
    assert_ne!(copied.info().file_id, store.info().file_id);
    drop(store);
    assert_eq!(peek(&disk).unwrap().1.all(), [b"a".to_vec(), b"b".to_vec()]);
}

#[test]
fn back_pressure_syncs_when_too_much_is_unsynced_or_too_old() {
    let disk = SimDisk::new();
    let content = Content::default();
    let mut options = options(1);
    options.limits.max_unsynced_bytes = 1000;
    options.limits.max_unsynced_age_ms = 100;
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let (store, _) = Store::open(storage, NAME, &options, &content).unwrap();
    let log = store.log();
    let start = stamp(1).unix_ms;
    let put_at = |now: u64, len: usize, ack| {
        let appended = log.append(start + now, 1, &vec![1; len]).unwrap();
        log.commit(appended.end_lsn, ack).unwrap();
        log.durable_lsn() == log.end_lsn()
    };
    assert!(!put_at(0, 500, Ack::EverySec));
    assert!(
        !put_at(0, 600, Ack::No),
        "syncing is the system's business then"
    );
    assert!(put_at(0, 10, Ack::EverySec));
    assert!(!put_at(50, 10, Ack::EverySec));
    assert!(!put_at(150, 10, Ack::EverySec));
    assert!(put_at(151, 10, Ack::EverySec));
    assert_eq!(log.stats().throttled, 2);
    // The sync thread: not before the interval is over.
    assert!(!put_at(160, 10, Ack::EverySec));
    log.tick(start + 999).unwrap();
    assert!(log.durable_lsn() < log.end_lsn());
    log.tick(start + 1000).unwrap();
    assert_eq!(log.durable_lsn(), log.end_lsn());
}

#[test]
fn a_large_backlog_of_buffered_frames_is_written_by_its_maker() {
    let disk = SimDisk::new();
    let content = Content::default();
    let mut options = options(1);
    options.limits.max_backlog_bytes = 1000;
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let (store, _) = Store::open(storage, NAME, &options, &content).unwrap();
    let mut most = 0;
    for _ in 0..100 {
        put(&store, &[1; 200], Ack::Buffered).unwrap();
        most = most.max(store.log().end_lsn() - store.log().written_lsn());
    }
    assert!((700..=1000).contains(&most), "{most}");
}

/// Four writers in every ack class, a sync thread and a compactor. Nothing is lost, nothing doubled,
/// each writer's order is kept.
#[test]
fn writers_syncs_and_compactions_run_together() {
    let storage = MemoryStorage::new();
    let content = Content::default();
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    let (store, _) = Store::open(Arc::clone(&shared), NAME, &options(1), &content).unwrap();
    let each = if cfg!(miri) { 20 } else { 4000u32 };
    // Appends and snapshots exclude each other, as shard locks would.
    let applied = parking_lot::Mutex::new([0u32; 4]);
    let done = AtomicBool::new(false);
    let acks = [Ack::Always, Ack::EverySec, Ack::No, Ack::Buffered];
    let write = |writer: usize| {
        for i in 0..each {
            let appended = {
                let mut applied = applied.lock();
                applied[writer] += 1;
                let payload = [(writer as u32).to_le_bytes(), i.to_le_bytes()].concat();
                store.log().append(u64::from(i), 1, &payload).unwrap()
            };
            store.log().commit(appended.end_lsn, acks[writer]).unwrap();
            match acks[writer] {
                Ack::Always => assert!(store.log().durable_lsn() >= appended.end_lsn),
                Ack::EverySec | Ack::No => {
                    assert!(store.log().written_lsn() >= appended.end_lsn);
                }
                Ack::Buffered => {}
            }
        }
    };
    let mut compactions = 0;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| scope.spawn(move || write(writer)))
            .collect();
        let ticker = scope.spawn(|| {
            let mut now = 0;
            while !done.load(Ordering::Relaxed) {
                now += 500;
                store.log().tick(now).unwrap();
                std::thread::yield_now();
            }
        });
        while !writers.iter().all(|writer| writer.is_finished()) {
            compactions += 1;
            let (at, state) = {
                let applied = applied.lock();
                (store.log().end_lsn(), *applied)
            };
            let block: Vec<u8> = state.iter().flat_map(|n| n.to_le_bytes()).collect();
            compact(&store, 100 + compactions, at, &[&block]).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        ticker.join().unwrap();
        for writer in writers {
            writer.join().unwrap();
        }
    });
    assert!(compactions > 2);
    drop(store);
    let content = Content::default();
    let (_, report) = Store::open(shared, NAME, &options(2), &content).unwrap();
    assert_eq!(report.cut_bytes, 0);
    let mut counts = [0u32; 4];
    for (_, block) in content.blocks.lock().iter() {
        for (count, field) in counts.iter_mut().zip(block.chunks_exact(4)) {
            *count = super::super::bytes::u32_at(field, 0);
        }
    }
    for frame in content.frames.lock().iter() {
        let writer = super::super::bytes::u32_at(frame, 0) as usize;
        assert_eq!(counts[writer], super::super::bytes::u32_at(frame, 4));
        counts[writer] += 1;
    }
    assert_eq!(counts, [each; 4]);
}
