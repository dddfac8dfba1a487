use super::*;
use std::collections::BTreeSet;

fn images(disk: &SimDisk, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    let states = disk.crash_states(disk.ops(), 16, 0, 1);
    assert!(states.is_exhaustive());
    let possible = states.possible();
    let all: Vec<_> = states.map(|image| image.read(name).ok()).collect();
    assert_eq!(all.len() as u128, possible);
    all.into_iter().collect()
}

fn named_file(disk: &SimDisk, name: &str, bytes: &[u8]) -> Arc<dyn StorageFile> {
    let file = disk.create_new(name).unwrap();
    disk.sync_dir().unwrap();
    assert_eq!(file.write_at(bytes, 0).unwrap(), bytes.len());
    file.sync_data().unwrap();
    file
}

fn filled(byte: u8, sectors: usize) -> Vec<u8> {
    vec![byte; sectors * 512]
}

#[test]
fn reads_return_what_was_written_across_sectors_and_zeros_in_holes() {
    let disk = SimDisk::new();
    let file = disk.create_new("f").unwrap();
    let bytes: Vec<u8> = (0..2000_u32).map(|i| (i % 251) as u8 + 1).collect();
    assert_eq!(file.write_at(&bytes, 700).unwrap(), 2000);
    assert_eq!(file.size().unwrap(), 2700);
    let mut back = vec![9; 3000];
    assert_eq!(file.read_at(&mut back, 0).unwrap(), 2700);
    assert!(back[..700].iter().all(|&byte| byte == 0));
    assert_eq!(back[700..2700], bytes);
    assert_eq!(back[2700], 9);
    assert_eq!(file.read_at(&mut back, 2700).unwrap(), 0);
    assert_eq!(file.read_at(&mut back, u64::MAX).unwrap(), 0);
}

#[test]
fn model_agrees_with_a_vector_under_random_writes_and_cuts() {
    for seed in 0..200_u64 {
        let mut rng = crash::SplitMix(seed);
        let disk = SimDisk::new();
        let file = disk.create_new("f").unwrap();
        let mut expected: Vec<u8> = Vec::new();
        for _ in 0..30 {
            let at = (rng.next() % 40_000) as usize;
            match rng.next() % 4 {
                0 => {
                    file.set_len(at as u64).unwrap();
                    expected.resize(at, 0);
                }
                1 => file.sync_data().unwrap(),
                _ => {
                    let bytes = vec![rng.next() as u8; (rng.next() % 1500) as usize];
                    file.write_at(&bytes, at as u64).unwrap();
                    if !bytes.is_empty() {
                        expected.resize(expected.len().max(at + bytes.len()), 0);
                        expected[at..at + bytes.len()].copy_from_slice(&bytes);
                    }
                }
            }
            assert_eq!(disk.read("f").unwrap(), expected, "seed {seed}");
        }
        file.sync_data().unwrap();
        disk.sync_dir().unwrap();
        let image = disk.crash_states(disk.ops(), 0, 0, 0).next().unwrap();
        assert_eq!(image.read("f").unwrap(), expected, "seed {seed}");
    }
}

#[test]
fn each_unsynced_sector_survives_alone() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", &filled(1, 3));
    file.write_at(&filled(2, 3), 0).unwrap();
    let found = images(&disk, "f");
    assert_eq!(found.len(), 8);
    for bits in 0..8_usize {
        let mut expected = Vec::new();
        for sector in 0..3 {
            expected.extend(filled(1 + (bits >> sector & 1) as u8, 1));
        }
        assert!(found.contains(&Some(expected)));
    }
}

#[test]
fn intermediate_versions_of_a_sector_survive() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", b"0");
    for byte in [b"1", b"2", b"1", b"3"] {
        file.write_at(byte, 0).unwrap();
    }
    let expected: BTreeSet<_> = ["0", "1", "2", "3"]
        .iter()
        .map(|text| Some(text.as_bytes().to_vec()))
        .collect();
    assert_eq!(images(&disk, "f"), expected);
}

#[test]
fn a_length_survives_without_its_bytes_and_bytes_without_their_length() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", b"ab");
    file.write_at(b"cd", 2).unwrap();
    let found = images(&disk, "f");
    let expected: BTreeSet<_> = [&b"ab"[..], b"ab\0\0", b"abcd"]
        .iter()
        .map(|bytes| Some(bytes.to_vec()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn an_unsynced_cut_can_be_undone_by_a_crash_and_a_synced_one_cannot() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", &filled(7, 4));
    file.set_len(100).unwrap();
    assert!(images(&disk, "f").contains(&Some(filled(7, 4))));
    file.sync_data().unwrap();
    assert_eq!(images(&disk, "f"), [Some(vec![7; 100])].into());
    file.set_len(2048).unwrap();
    file.sync_data().unwrap();
    let mut expected = vec![7; 100];
    expected.resize(2048, 0);
    assert_eq!(images(&disk, "f"), [Some(expected)].into());
}

#[test]
fn what_sync_confirmed_is_in_every_crash_state() {
    for seed in 0..300_u64 {
        let mut rng = crash::SplitMix(seed);
        let disk = SimDisk::new();
        let file = disk.create_new("f").unwrap();
        disk.sync_dir().unwrap();
        let mut synced: Vec<u8> = Vec::new();
        for _ in 0..12 {
            let byte = rng.next() as u8 | 1;
            let end = file.size().unwrap();
            file.write_at(&vec![byte; (rng.next() % 700) as usize + 1], end)
                .unwrap();
            if rng.next().is_multiple_of(3) {
                file.sync_data().unwrap();
                synced = disk.read("f").unwrap();
            }
        }
        for at in disk.crash_points() {
            for image in disk.crash_states(at, 8, 20, seed) {
                let found = image.read("f").unwrap_or_default();
                let common = found.len().min(synced.len());
                if at == disk.ops() {
                    assert!(
                        found.starts_with(&synced),
                        "seed {seed}\n{}",
                        image.origin()
                    );
                }
                // Append-only: a byte is what was written there, or zero.
                let wrong = (0..common).find(|&i| found[i] != synced[i] && found[i] != 0);
                assert_eq!(wrong, None, "seed {seed}");
            }
        }
    }
}

#[test]
fn names_survive_only_a_directory_sync_each_change_alone() {
    let disk = SimDisk::new();
    let old = named_file(&disk, "db", b"old");
    let new = disk.create_new("tmp").unwrap();
    new.write_at(b"new", 0).unwrap();
    new.sync_data().unwrap();
    disk.rename("tmp", "db").unwrap();
    let found: BTreeSet<_> = disk
        .crash_states(disk.ops(), 10, 0, 1)
        .map(|image| (image.read("db").unwrap(), image.list("").unwrap().len()))
        .collect();
    let expected = [
        (b"old".to_vec(), 1),
        (b"old".to_vec(), 2),
        (b"new".to_vec(), 1),
    ];
    assert_eq!(found, expected.into());
    assert_eq!(old.links().unwrap(), 0);
    disk.sync_dir().unwrap();
    assert_eq!(images(&disk, "db"), [Some(b"new".to_vec())].into());
}

#[test]
fn a_synced_file_under_an_unsynced_name_can_be_gone() {
    let disk = SimDisk::new();
    let file = disk.create_new("f").unwrap();
    file.write_at(b"x", 0).unwrap();
    file.sync_all().unwrap();
    assert_eq!(images(&disk, "f"), [None, Some(b"x".to_vec())].into());
}

#[test]
fn a_rename_before_the_sync_of_its_file_can_leave_it_empty() {
    let disk = SimDisk::new();
    named_file(&disk, "db", b"old");
    let new = disk.create_new("tmp").unwrap();
    new.write_at(b"new", 0).unwrap();
    disk.rename("tmp", "db").unwrap();
    disk.sync_dir().unwrap();
    let expected = [Some(vec![]), Some(vec![0; 3]), Some(b"new".to_vec())];
    assert_eq!(images(&disk, "db"), expected.into());
}

#[test]
fn a_failed_sync_marks_the_bytes_clean_and_a_second_one_writes_nothing() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", b"A");
    file.write_at(b"B", 0).unwrap();
    disk.inject(Fault::on(
        SimCall::Sync,
        0,
        FaultAction::Fail(io::ErrorKind::Other),
    ));
    file.sync_data().unwrap_err();
    file.sync_data().unwrap();
    file.sync_data().unwrap();
    assert_eq!(
        images(&disk, "f"),
        [Some(b"A".to_vec()), Some(b"B".to_vec())].into()
    );
    assert_eq!(disk.read("f").unwrap(), b"B");
    file.evict_cache(0).unwrap();
    assert_eq!(disk.read("f").unwrap(), b"A");
    assert_eq!(images(&disk, "f"), [Some(b"A".to_vec())].into());
}

#[test]
fn a_failed_sync_is_healed_only_where_the_bytes_are_written_again() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", &filled(1, 2));
    file.write_at(&filled(2, 2), 0).unwrap();
    disk.inject(Fault::on(
        SimCall::Sync,
        0,
        FaultAction::Fail(io::ErrorKind::Other),
    ));
    file.sync_data().unwrap_err();
    file.write_at(&filled(3, 1), 0).unwrap();
    file.sync_data().unwrap();
    let expected = [[filled(3, 1), filled(1, 1)], [filled(3, 1), filled(2, 1)]];
    let expected: BTreeSet<_> = expected.iter().map(|parts| Some(parts.concat())).collect();
    assert_eq!(images(&disk, "f"), expected);
}

#[test]
fn a_failed_directory_sync_settles_nothing_until_one_succeeds() {
    let disk = SimDisk::new();
    let file = disk.create_new("a").unwrap();
    file.sync_all().unwrap();
    disk.inject(Fault::on(
        SimCall::SyncDir,
        0,
        FaultAction::Fail(io::ErrorKind::Other),
    ));
    disk.sync_dir().unwrap_err();
    assert_eq!(images(&disk, "a"), [None, Some(vec![])].into());
    disk.sync_dir().unwrap();
    assert_eq!(images(&disk, "a"), [Some(vec![])].into());
}

#[test]
fn a_lost_write_is_read_from_the_cache_and_never_from_the_disk() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", b"A");
    disk.inject(Fault::on(SimCall::Write, 0, FaultAction::LoseWrite));
    file.write_at(b"B", 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(disk.read("f").unwrap(), b"B");
    assert_eq!(images(&disk, "f"), [Some(b"A".to_vec())].into());
}

#[test]
fn dirty_bytes_stay_when_the_cache_is_evicted() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", b"A");
    file.write_at(b"B", 0).unwrap();
    file.evict_cache(0).unwrap();
    assert_eq!(disk.read("f").unwrap(), b"B");
    file.sync_data().unwrap();
    assert_eq!(images(&disk, "f"), [Some(b"B".to_vec())].into());
}

#[test]
fn faults_count_their_own_calls_once_or_forever() {
    let disk = SimDisk::new();
    let file = disk.create_new("f").unwrap();
    let full = FaultAction::Fail(io::ErrorKind::StorageFull);
    disk.inject(Fault::on(SimCall::Write, 1, full));
    file.write_at(b"1", 0).unwrap();
    file.size().unwrap();
    assert_eq!(
        file.write_at(b"2", 1).unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    file.write_at(b"3", 1).unwrap();
    assert_eq!(disk.read("f").unwrap(), b"13");
    disk.inject(Fault::on(SimCall::Write, 0, full).forever());
    for _ in 0..3 {
        file.write_at(b"4", 2).unwrap_err();
    }
    assert_eq!(disk.faults_struck(), 4);
    disk.clear_faults();
    disk.inject(Fault::on(SimCall::Write, 0, FaultAction::Short(2)));
    assert_eq!(file.write_at(b"abcd", 2).unwrap(), 2);
    assert_eq!(disk.read("f").unwrap(), b"13ab");
    disk.inject(Fault::any(
        0,
        FaultAction::FailAfter(io::ErrorKind::Interrupted),
    ));
    disk.rename("f", "g").unwrap_err();
    assert_eq!(disk.list("").unwrap(), ["g"]);
}

#[test]
fn a_power_cut_stops_every_call_until_the_restart_and_old_handles_for_good() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", b"A");
    assert!(file.try_lock().unwrap());
    file.write_at(b"B", 0).unwrap();
    disk.inject(Fault::any(0, FaultAction::PowerCut));
    assert!(SimDisk::is_power_cut(&file.size().unwrap_err()));
    assert!(SimDisk::is_power_cut(&disk.list("").unwrap_err()));
    disk.restart(Survival::Nothing);
    assert!(SimDisk::is_power_cut(&file.size().unwrap_err()));
    assert_eq!(disk.read("f").unwrap(), b"A");
    let again = disk.open("f", Access::ReadWrite).unwrap();
    assert!(again.try_lock().unwrap());
    drop(file);
    let third = disk.open("f", Access::ReadWrite).unwrap();
    assert!(!third.try_lock().unwrap());
}

#[test]
fn everything_survives_is_the_live_disk() {
    for seed in 0..100_u64 {
        let mut rng = crash::SplitMix(seed);
        let disk = SimDisk::new();
        let file = disk.create_new("f").unwrap();
        disk.create_new("other").unwrap();
        for _ in 0..10 {
            match rng.next() % 6 {
                0 => file.set_len(rng.next() % 3000).unwrap(),
                1 => file.sync_data().unwrap(),
                2 => drop(disk.remove("other")),
                3 => drop(disk.create_new("other")),
                _ => drop(
                    file.write_at(&vec![rng.next() as u8; 600], rng.next() % 2000)
                        .unwrap(),
                ),
            }
        }
        let (live, names) = (disk.read("f").unwrap(), disk.list("").unwrap());
        disk.restart(Survival::Everything);
        assert_eq!(disk.read("f").unwrap(), live, "seed {seed}");
        assert_eq!(disk.list("").unwrap(), names, "seed {seed}");
    }
}

#[test]
fn locks_belong_to_handles_and_end_with_them() {
    let disk = SimDisk::new();
    let first = disk.create_new("f").unwrap();
    let second = disk.open("f", Access::ReadWrite).unwrap();
    assert!(first.try_lock().unwrap());
    assert!(first.try_lock().unwrap());
    assert!(!second.try_lock().unwrap());
    let clone = Arc::clone(&first);
    drop(first);
    assert!(!second.try_lock().unwrap());
    drop(clone);
    assert!(second.try_lock().unwrap());
}

#[test]
fn a_full_disk_takes_what_fits_and_space_comes_back() {
    let disk = SimDisk::new();
    disk.set_capacity(Some(1000));
    let file = disk.create_new("f").unwrap();
    assert_eq!(file.write_at(&[1; 800], 0).unwrap(), 800);
    assert_eq!(file.write_at(&[2; 800], 800).unwrap(), 200);
    let full = io::ErrorKind::StorageFull;
    assert_eq!(file.write_at(&[3; 1], 1000).unwrap_err().kind(), full);
    assert_eq!(file.write_at(&[3; 1], 0).unwrap(), 1);
    assert_eq!(file.allocate(0, 2000).unwrap_err().kind(), full);
    let other = disk.create_new("g").unwrap();
    assert_eq!(other.write_at(&[1], 0).unwrap_err().kind(), full);
    disk.remove("f").unwrap();
    assert_eq!(other.write_at(&[1], 0).unwrap_err().kind(), full);
    drop(file);
    assert_eq!(other.write_at(&[1], 0).unwrap(), 1);
    let far = io::ErrorKind::FileTooLarge;
    assert_eq!(other.write_at(&[1], u64::MAX).unwrap_err().kind(), far);
    assert_eq!(other.write_at(&[1], 1 << 50).unwrap_err().kind(), far);
}

#[test]
fn a_killed_process_leaves_everything_readable_and_still_unsynced() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", b"A");
    file.write_at(b"B", 0).unwrap();
    let after = disk.killed_at(disk.ops());
    assert_eq!(after.read("f").unwrap(), b"B");
    assert!(
        after
            .open("f", Access::ReadWrite)
            .unwrap()
            .try_lock()
            .unwrap()
    );
    assert_eq!(images(&after, "f").len(), 2);
}

#[test]
fn a_flipped_bit_is_read_and_survives() {
    let disk = SimDisk::new();
    named_file(&disk, "f", b"A");
    disk.flip_bit("f", 0, 1).unwrap();
    assert_eq!(disk.read("f").unwrap(), b"C");
    assert_eq!(images(&disk, "f"), [Some(b"C".to_vec())].into());
    disk.flip_bit("f", 1, 0).unwrap_err();
    disk.flip_bit("g", 0, 0).unwrap_err();
}

#[test]
fn sampled_states_are_repeatable_and_among_the_possible_ones() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", &filled(1, 8));
    file.write_at(&filled(2, 8), 0).unwrap();
    let all = images(&disk, "f");
    let sample = |seed| -> Vec<_> {
        disk.crash_states(disk.ops(), 3, 50, seed)
            .map(|image| image.read("f").ok())
            .collect()
    };
    let drawn = sample(5);
    assert_eq!(drawn.len(), 52);
    assert_eq!(drawn, sample(5));
    assert_ne!(drawn, sample(6));
    assert!(drawn.iter().all(|image| all.contains(image)));
    assert_eq!(drawn[0], Some(filled(1, 8)));
    assert_eq!(drawn[1], Some(filled(2, 8)));
}

#[test]
fn crash_points_reach_every_state_that_any_moment_has() {
    for seed in 0..60_u64 {
        let mut rng = crash::SplitMix(seed);
        let disk = SimDisk::new();
        let file = disk.create_new("f").unwrap();
        for step in 0..8_u8 {
            match rng.next() % 5 {
                0 => file.sync_data().unwrap(),
                1 => disk.sync_dir().unwrap(),
                2 => drop(disk.rename("f", "g")),
                _ => drop(file.write_at(&[step + 1; 20], rng.next() % 60).unwrap()),
            }
        }
        let visit = |points: Vec<usize>| -> BTreeSet<_> {
            points
                .into_iter()
                .flat_map(|at| disk.crash_states(at, 16, 0, 0))
                .map(|image| (image.read("f").ok(), image.read("g").ok()))
                .collect()
        };
        assert_eq!(
            visit(disk.crash_points()),
            visit((0..=disk.ops()).collect()),
            "seed {seed}"
        );
    }
}

#[test]
fn an_image_crashes_again_with_its_own_history() {
    let disk = SimDisk::new();
    let file = named_file(&disk, "f", b"A");
    file.write_at(b"B", 0).unwrap();
    let image = disk.crash_states(disk.ops(), 4, 0, 0).next().unwrap();
    assert_eq!(image.ops(), 0);
    let again = image.open("f", Access::ReadWrite).unwrap();
    again.write_at(b"C", 0).unwrap();
    assert_eq!(
        images(&image, "f"),
        [Some(b"A".to_vec()), Some(b"C".to_vec())].into()
    );
    assert_eq!(image.crash_states(0, 4, 0, 0).count(), 1);
    assert_eq!(disk.read("f").unwrap(), b"B");
}

#[test]
fn names_with_slashes_and_missing_files_are_refused() {
    let disk = SimDisk::new();
    for name in ["", ".", "..", "a/b", "/", "a\0"] {
        let error = disk.create_new(name).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
    let missing = io::ErrorKind::NotFound;
    assert_eq!(
        disk.open("f", Access::ReadOnly).unwrap_err().kind(),
        missing
    );
    assert_eq!(disk.remove("f").unwrap_err().kind(), missing);
    assert_eq!(disk.rename("f", "g").unwrap_err().kind(), missing);
    assert_eq!(Storage::identity(&disk, "f").unwrap_err().kind(), missing);
    disk.create_new("f").unwrap();
    let reader = disk.open("f", Access::ReadOnly).unwrap();
    assert_eq!(
        reader.write_at(b"x", 0).unwrap_err().kind(),
        io::ErrorKind::PermissionDenied
    );
}
