//! Disks that are full, fail, or are changed behind the database's back.

use std::io;
use std::sync::Arc;

use super::super::backend::{Access, Storage};
use super::super::sim::{Fault, FaultAction, SimCall, SimDisk, Survival};
use super::super::*;
use super::fixture::*;

fn eio() -> FaultAction {
    FaultAction::Fail(io::ErrorKind::Other)
}

fn lost<T: std::fmt::Debug>(result: Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::DurabilityLost { .. }))
}

#[test]
fn a_full_disk_refuses_new_writes_keeps_the_old_and_recovers_by_itself() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"fits", Ack::EverySec).unwrap();
    disk.set_capacity(Some(disk.used_bytes() + 100));
    let end = store.log().end_lsn();
    let refused = put(&store, &[1; 500], Ack::EverySec);
    assert!(
        matches!(refused, Err(StorageError::Unconfirmed { .. })),
        "{refused:?}"
    );
    assert_eq!(store.log().written_lsn(), end);
    assert!(
        check(&disk, NAME).unwrap().tail_bytes == 0,
        "partial bytes are cut back"
    );
    for _ in 0..10 {
        assert!(matches!(
            put(&store, b"no", Ack::EverySec),
            Err(StorageError::DiskFull)
        ));
    }
    assert!(matches!(
        store.log().tick(0),
        Err(StorageError::Unconfirmed { .. })
    ));
    assert!(!store.log().needs_heal());
    assert!(store.log().fault().is_some());
    disk.set_capacity(None);
    // Some call soon tries again, without the sync thread's help.
    let tries = (0..300).position(|_| store.log().check_writable().is_ok());
    assert!(tries.is_some());
    assert!(store.log().fault().is_none());
    put(&store, b"again", Ack::EverySec).unwrap();
    store.close(0).unwrap();
    drop(store);
    let (report, content) = peek(&disk).unwrap();
    assert!(report.clean);
    assert_eq!(
        content.all(),
        [b"fits".to_vec(), vec![1; 500], b"again".to_vec()]
    );
}

#[test]
fn a_close_on_a_full_disk_may_be_tried_again() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"buffered", Ack::Buffered).unwrap();
    disk.set_capacity(Some(disk.used_bytes()));
    assert!(matches!(
        store.close(0),
        Err(StorageError::Unconfirmed { .. })
    ));
    disk.set_capacity(None);
    store.close(0).unwrap();
    assert_eq!(peek(&disk).unwrap().1.all(), [b"buffered".to_vec()]);
}

#[test]
fn a_compaction_frees_a_full_disk_without_writing_to_the_old_file() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, &[7; 60_000], Ack::EverySec).unwrap();
    let at = store.log().end_lsn();
    disk.set_capacity(Some(disk.used_bytes()));
    assert!(put(&store, b"held in memory", Ack::EverySec).is_err());
    let before = store.log().end_lsn();
    let refused = compact(&store, 2, at, &[b"small"]);
    assert!(
        matches!(refused, Err(StorageError::DiskFull)),
        "{refused:?}"
    );
    assert_eq!(disk.list(".").unwrap(), Vec::<String>::new());
    disk.set_capacity(Some(disk.used_bytes() + 16_384));
    // The old file has no room still: what waits in memory goes to the new one only.
    let full = FaultAction::Fail(io::ErrorKind::StorageFull);
    disk.inject(Fault::on(SimCall::Write, 0, full));
    compact(&store, 3, at, &[b"small"]).unwrap();
    assert!(store.log().end_lsn() > before);
    store.log().check_writable().unwrap();
    drop(store);
    assert_eq!(
        peek(&disk).unwrap().1.all(),
        [b"small".to_vec(), b"held in memory".to_vec()]
    );
}

#[test]
fn a_failed_sync_poisons_is_never_repeated_and_heals_into_a_new_file() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"safe", Ack::Always).unwrap();
    let safe = store.log().durable_lsn();
    put(&store, b"doubtful", Ack::EverySec).unwrap();
    disk.inject(Fault::on(SimCall::Sync, 0, eio()));
    let StorageError::DurabilityLost { since_lsn } = store.log().sync().unwrap_err() else {
        panic!("not lost");
    };
    assert_eq!(since_lsn, safe);
    assert!(store.log().needs_heal());
    let ops = disk.ops();
    assert!(lost(store.log().sync()));
    assert!(lost(store.log().tick(u64::MAX)));
    assert!(lost(put(&store, b"refused", Ack::No)));
    let raced = store.log().append(0, 1, b"raced").unwrap();
    assert!(lost(store.log().commit(raced.end_lsn, Ack::EverySec)));
    assert_eq!(disk.ops(), ops, "a poisoned file is left alone");
    // A snapshot from before the failure cannot heal: the rest would be read from the bad file.
    assert!(lost(compact(&store, 2, safe, &[b"safe"])));
    assert!(store.log().needs_heal());
    // From now on until the swap there is one more appender that had asked before.
    let at = store.log().end_lsn();
    store.log().append(0, 1, b"late").unwrap();
    compact(&store, 3, at, &[b"safe, doubtful, raced"]).unwrap();
    assert!(!store.log().needs_heal());
    put(&store, b"healed", Ack::Always).unwrap();
    disk.restart(Survival::Nothing);
    drop(store);
    let content = open(&disk, 4).unwrap().2;
    assert_eq!(
        content.all(),
        [&b"safe, doubtful, raced"[..], b"late", b"healed"]
    );
}

#[test]
fn after_a_failed_sync_and_a_kill_the_next_open_reads_what_the_disk_has() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"safe", Ack::Always).unwrap();
    put(&store, b"doubtful", Ack::EverySec).unwrap();
    disk.inject(Fault::on(SimCall::Sync, 0, eio()));
    assert!(lost(store.log().sync()));
    drop(store);
    disk.clear_faults();
    // No power cut: the cache still shows the doubtful frame.
    let (store, _, content) = open(&disk, 2).unwrap();
    assert_eq!(content.all(), [b"safe".to_vec()]);
    put(&store, b"next", Ack::Always).unwrap();
    disk.restart(Survival::Nothing);
    drop(store);
    assert_eq!(
        peek(&disk).unwrap().1.all(),
        [b"safe".to_vec(), b"next".to_vec()]
    );
}

#[test]
fn a_write_error_and_a_failed_cut_poison() {
    for (call, fault) in [
        (SimCall::Write, eio()),
        (SimCall::Write, FaultAction::Short(0)),
        (SimCall::SetLen, eio()),
    ] {
        let disk = SimDisk::new();
        let (store, _, _) = open(&disk, 1).unwrap();
        put(&store, b"safe", Ack::Always).unwrap();
        if call == SimCall::SetLen {
            disk.set_capacity(Some(disk.used_bytes() + 10));
        }
        disk.inject(Fault::on(call, 0, fault));
        assert!(lost(put(&store, &[5; 5000], Ack::EverySec)));
        assert!(store.log().needs_heal());
        disk.clear_faults();
        disk.set_capacity(None);
        compact(&store, 2, store.log().end_lsn(), &[b"all"]).unwrap();
        drop(store);
        assert_eq!(peek(&disk).unwrap().1.all(), [b"all".to_vec()]);
    }
}

#[test]
fn short_and_interrupted_calls_are_carried_on() {
    let disk = SimDisk::new();
    let faults = [
        Fault::on(SimCall::Write, 0, FaultAction::Short(5)),
        Fault::on(
            SimCall::Write,
            3,
            FaultAction::Fail(io::ErrorKind::Interrupted),
        ),
        Fault::on(SimCall::Write, 4, FaultAction::Short(1)),
        Fault::on(SimCall::Read, 0, FaultAction::Short(7)),
        Fault::on(
            SimCall::Read,
            2,
            FaultAction::Fail(io::ErrorKind::Interrupted),
        ),
    ];
    for fault in faults {
        disk.inject(fault);
    }
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"whole", Ack::Always).unwrap();
    drop(store);
    assert!(disk.faults_struck() >= 3);
    disk.clear_faults();
    assert_eq!(peek(&disk).unwrap().1.all(), [b"whole".to_vec()]);
    assert!(check(&disk, NAME).unwrap().is_sound());
}

#[test]
fn a_file_that_somebody_shortened_is_noticed_at_the_next_sync() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    put(&store, b"there", Ack::Always).unwrap();
    put(&store, b"there too", Ack::EverySec).unwrap();
    disk.open(NAME, Access::ReadWrite)
        .unwrap()
        .set_len(12_300)
        .unwrap();
    assert!(lost(store.log().sync()));
    compact(&store, 2, store.log().end_lsn(), &[b"healed"]).unwrap();
    drop(store);
    assert_eq!(peek(&disk).unwrap().1.all(), [b"healed".to_vec()]);
}

#[test]
fn a_removed_file_is_reported_and_not_put_back() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    disk.remove(NAME).unwrap();
    put(&store, b"into the void", Ack::Always).unwrap();
    assert!(store.log().stats().unlinked);
    let end = store.log().end_lsn();
    let blocked = compact(&store, 2, end, &[b"x"]);
    assert!(matches!(
        blocked,
        Err(StorageError::CompactionBlocked { .. })
    ));
    // A copy saves the state.
    let mut copy = store
        .begin_copy(Arc::new(disk.clone()), "saved", &plan(3, end))
        .unwrap();
    copy.write_block(0, 1, b"saved state").unwrap();
    copy.finish().unwrap();
    assert!(check(&disk, "saved").unwrap().is_sound());
}

#[test]
fn a_swap_that_cannot_be_leaves_the_old_file_active_and_no_temporary_one() {
    let rename = |kind| Fault::on(SimCall::Rename, 0, FaultAction::Fail(kind));
    for case in 0..4 {
        let disk = SimDisk::new();
        let (store, _, _) = open(&disk, 1).unwrap();
        let at = put(&store, b"before", Ack::Always).unwrap();
        match case {
            0 => disk.inject(rename(io::ErrorKind::ResourceBusy)),
            1 => disk.inject(rename(io::ErrorKind::CrossesDevices)),
            2 => disk.inject(rename(io::ErrorKind::PermissionDenied)),
            _ => disk.hard_link(NAME, "alias").unwrap(),
        }
        let blocked = compact(&store, 2, at, &[b"x"]);
        assert!(
            matches!(blocked, Err(StorageError::CompactionBlocked { .. })),
            "{blocked:?}"
        );
        assert_eq!(disk.list(".").unwrap(), Vec::<String>::new());
        put(&store, b"after", Ack::Always).unwrap();
        disk.restart(Survival::Nothing);
        drop(store);
        assert_eq!(
            peek(&disk).unwrap().1.all(),
            [b"before".to_vec(), b"after".to_vec()]
        );
    }
}

#[test]
fn a_dropped_compaction_leaves_nothing_and_a_second_one_waits_its_turn() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    let end = put(&store, b"x", Ack::Always).unwrap();
    let mut running = store.begin_compaction(&plan(2, end)).unwrap();
    running.write_block(0, 1, b"x").unwrap();
    let second = store.begin_compaction(&plan(3, end)).map(|_| ());
    assert!(matches!(
        second,
        Err(StorageError::CompactionBlocked { .. })
    ));
    assert_eq!(disk.list(".").unwrap().len(), 1);
    drop(running);
    assert_eq!(disk.list(".").unwrap().len(), 0);
    compact(&store, 4, end, &[b"x"]).unwrap();
    // A compaction that outlives the log is refused.
    let late = store
        .begin_compaction(&plan(5, store.log().end_lsn()))
        .unwrap();
    store.close(0).unwrap();
    assert!(matches!(late.finish(), Err(StorageError::Closed)));
    assert_eq!(disk.list(".").unwrap().len(), 0);
}

#[test]
fn a_new_file_whose_write_or_sync_failed_is_never_used() {
    for call in [SimCall::Write, SimCall::Sync] {
        let disk = SimDisk::without_history();
        let (store, _, _) = open(&disk, 1).unwrap();
        let at = put(&store, b"old", Ack::Always).unwrap();
        let mut compaction = store.begin_compaction(&plan(2, at)).unwrap();
        disk.inject(Fault::on(call, 0, eio()));
        let block = vec![1; 33 << 20];
        compaction.write_block(0, 1, &block).unwrap_err();
        disk.clear_faults();
        compaction.finish().unwrap_err();
        drop(store);
        assert_eq!(peek(&disk).unwrap().1.all(), [b"old".to_vec()]);
        assert_eq!(disk.list(".").unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_buffered_commit_on_a_lost_or_closed_log_is_no_success() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    let log = store.log();
    let early = log.append(0, 1, b"x").unwrap();
    disk.inject(Fault::on(SimCall::Write, 0, eio()));
    assert!(lost(log.flush()));
    assert!(lost(log.commit(early.end_lsn, Ack::Buffered)));
    drop(store);
    disk.clear_faults();
    let (store, _, _) = open(&disk, 2).unwrap();
    store.close(0).unwrap();
    let late = store.log().append(0, 1, b"x").unwrap();
    for ack in [Ack::Always, Ack::EverySec, Ack::No, Ack::Buffered] {
        let refused = store.log().commit(late.end_lsn, ack);
        assert!(
            matches!(refused, Err(StorageError::Closed)),
            "{ack:?} {refused:?}"
        );
    }
}

#[test]
fn a_directory_that_cannot_be_synced_after_the_rename_needs_a_heal() {
    let disk = SimDisk::new();
    let (store, _, _) = open(&disk, 1).unwrap();
    let at = put(&store, b"before", Ack::Always).unwrap();
    let durable = store.log().durable_lsn();
    disk.inject(Fault::on(SimCall::SyncDir, 0, eio()));
    assert!(lost(compact(&store, 2, at, &[b"snapshot"])));
    assert_eq!(store.log().durable_lsn(), durable);
    assert!(store.log().needs_heal());
    compact(&store, 3, store.log().end_lsn(), &[b"healed"]).unwrap();
    put(&store, b"after", Ack::Always).unwrap();
    disk.restart(Survival::Nothing);
    drop(store);
    assert_eq!(
        peek(&disk).unwrap().1.all(),
        [b"healed".to_vec(), b"after".to_vec()]
    );
}

#[test]
fn stale_temporary_files_go_when_their_lock_is_free() {
    let disk = SimDisk::new();
    drop(open(&disk, 1).unwrap());
    disk.create_new(".db.nacre.compact-00").unwrap();
    let busy = disk.create_new(".db.nacre.compact-01").unwrap();
    assert!(busy.try_lock().unwrap());
    disk.create_new(".other.nacre.compact-02").unwrap();
    let (store, report, _) = open(&disk, 2).unwrap();
    assert_eq!(report.stale_removed, 1);
    drop(store);
    assert_eq!(disk.list(".").unwrap().len(), 2);
}

/// Every call of a small life fails once, and from then on, in several ways. Whatever happens, what
/// was promised is there after a power cut.
#[test]
fn every_single_fault_leaves_the_promises_kept() {
    let kinds = [io::ErrorKind::Other, io::ErrorKind::StorageFull];
    let mut runs = 0;
    for kind in kinds {
        for action in [FaultAction::Fail(kind), FaultAction::FailAfter(kind)] {
            for forever in [false, true] {
                for skip in 0.. {
                    let fault = Fault::any(skip, action);
                    let fault = if forever { fault.forever() } else { fault };
                    let disk = SimDisk::new();
                    disk.inject(fault);
                    let promised = life(&disk);
                    let struck = disk.faults_struck() > 0;
                    disk.restart(Survival::Nothing);
                    if promised > 0 || disk.read(NAME).is_ok() {
                        let content = open(&disk, 9).unwrap().2.all();
                        let whole: Vec<_> = (0..content.len() as u8).map(|i| vec![i]).collect();
                        assert!(
                            content.len() >= promised,
                            "{kind} {action:?} {forever} {skip}"
                        );
                        assert_eq!(content, whole, "{kind} {action:?} {forever} {skip}");
                    }
                    runs += 1;
                    if !struck {
                        break;
                    }
                }
            }
        }
    }
    assert!(runs > 400, "{runs}");
}

/// Opens, appends, compacts, appends, closes, going on after errors as an engine would; answers how
/// many transactions were acknowledged as durable.
fn life(disk: &SimDisk) -> usize {
    let mut promised = 0;
    let mut applied = 0u8;
    let Ok((store, _, _)) = open(disk, 1) else {
        return 0;
    };
    for round in 0..2u64 {
        for _ in 0..2 {
            if store.log().check_writable().is_ok() {
                let appended = store.log().append(0, 1, &[applied]).unwrap();
                applied += 1;
                if store.log().commit(appended.end_lsn, Ack::Always).is_ok() {
                    promised = usize::from(applied);
                }
            }
        }
        let payloads: Vec<_> = (0..applied).map(|i| vec![i]).collect();
        let blocks: Vec<_> = payloads.iter().map(Vec::as_slice).collect();
        let ready = round == 0 || store.log().needs_heal();
        if ready && compact(&store, 20 + round, store.log().end_lsn(), &blocks).is_ok() {
            promised = usize::from(applied);
        }
    }
    if store.close(0).is_ok() {
        promised = usize::from(applied);
    }
    promised
}
