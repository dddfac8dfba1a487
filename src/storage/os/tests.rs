use super::super::backend::{Access, Storage};
use super::*;
use rustix::io::FdFlags;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn bytes_written_at_an_offset_are_read_back() {
    let temp = directory();
    let (storage, name) = OsStorage::for_path(temp.path().join("db")).unwrap();
    assert_eq!(name, "db");
    assert_eq!(storage.directory(), temp.path().canonicalize().unwrap());
    let file = storage.create_new(&name).unwrap();
    assert_eq!(file.write_at(b"abc", 2).unwrap(), 3);
    assert_eq!(file.write_at(b"", 9).unwrap(), 0);
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    storage.sync_dir().unwrap();
    file.evict_cache(0).unwrap();
    let mut back = [9; 8];
    assert_eq!(file.read_at(&mut back, 0).unwrap(), 5);
    assert_eq!(&back[..5], b"\0\0abc");
    file.set_len(3).unwrap();
    assert_eq!(file.size().unwrap(), 3);
    assert_eq!(file.read_at(&mut back, 3).unwrap(), 0);
    assert_eq!(
        storage.create_new(&name).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    let mode = fs::metadata(temp.path().join("db")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_link_leads_to_the_directory_of_its_target() {
    let temp = directory();
    let (home, data) = (temp.path().join("home"), temp.path().join("data"));
    fs::create_dir(&home).unwrap();
    fs::create_dir(&data).unwrap();
    symlink("../home/second", home.join("db")).unwrap();
    symlink(data.join("real"), home.join("second")).unwrap();
    for exists in [false, true] {
        let (storage, name) = OsStorage::for_path(home.join("db")).unwrap();
        assert_eq!(
            (storage.directory(), name.as_str()),
            (data.canonicalize().unwrap().as_path(), "real")
        );
        if !exists {
            storage.create_new(&name).unwrap();
        }
    }
    symlink("loop", home.join("loop")).unwrap();
    OsStorage::for_path(home.join("loop")).unwrap_err();
}

#[test]
fn a_link_put_there_later_is_not_followed() {
    let temp = directory();
    let (storage, name) = OsStorage::for_path(temp.path().join("db")).unwrap();
    fs::write(temp.path().join("other"), b"x").unwrap();
    symlink("other", temp.path().join("db")).unwrap();
    storage.open(&name, Access::ReadWrite).unwrap_err();
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let temp = directory();
    fs::create_dir(temp.path().join("dir")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        temp.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    for name in ["dir", "pipe"] {
        let (storage, name) = OsStorage::for_path(temp.path().join(name)).unwrap();
        storage.open(&name, Access::ReadOnly).unwrap_err();
        storage.open(&name, Access::ReadWrite).unwrap_err();
    }
    for path in ["/", "..", ""] {
        OsStorage::for_path(path).unwrap_err();
    }
    OsStorage::for_path(temp.path().join("missing/db")).unwrap_err();
}

#[test]
fn the_lock_shuts_out_other_handles_until_its_own_is_dropped() {
    let temp = directory();
    let (storage, name) = OsStorage::for_path(temp.path().join("db")).unwrap();
    let first = storage.create_new(&name).unwrap();
    let second = storage.open(&name, Access::ReadWrite).unwrap();
    assert!(first.try_lock().unwrap());
    assert!(!second.try_lock().unwrap());
    drop(first);
    assert!(second.try_lock().unwrap());
}

#[test]
fn descriptors_are_closed_on_exec_and_above_the_standard_ones() {
    use std::os::fd::AsRawFd;
    let temp = directory();
    let (storage, name) = OsStorage::for_path(temp.path().join("db")).unwrap();
    let file = storage.create_new(&name).unwrap();
    let file = file.as_file().unwrap();
    assert!(file.as_raw_fd() >= 3);
    let flags = rustix::io::fcntl_getfd(file).unwrap();
    assert!(flags.contains(FdFlags::CLOEXEC));
}

#[test]
fn a_rename_moves_the_identity_and_unlinks_the_replaced_file() {
    let temp = directory();
    let (storage, name) = OsStorage::for_path(temp.path().join("db")).unwrap();
    let old = storage.create_new(&name).unwrap();
    let new = storage.create_new(".db.new").unwrap();
    assert_eq!(storage.identity(&name).unwrap(), old.identity().unwrap());
    assert_eq!(storage.list(".db").unwrap(), [".db.new"]);
    storage.rename(".db.new", &name).unwrap();
    assert_eq!(storage.identity(&name).unwrap(), new.identity().unwrap());
    assert_eq!((old.links().unwrap(), new.links().unwrap()), (0, 1));
    fs::hard_link(temp.path().join("db"), temp.path().join("alias")).unwrap();
    assert_eq!(new.links().unwrap(), 2);
    storage.remove(&name).unwrap();
    assert_eq!(
        storage.identity(&name).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
}

#[test]
fn a_directory_that_is_moved_stays_the_right_one() {
    let temp = directory();
    fs::create_dir(temp.path().join("a")).unwrap();
    let (storage, name) = OsStorage::for_path(temp.path().join("a/db")).unwrap();
    fs::rename(temp.path().join("a"), temp.path().join("b")).unwrap();
    storage.create_new(&name).unwrap();
    assert!(temp.path().join("b/db").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn space_is_taken_ahead_without_changing_the_length() {
    let temp = directory();
    let (storage, name) = OsStorage::for_path(temp.path().join("db")).unwrap();
    let file = storage.create_new(&name).unwrap();
    file.write_at(b"x", 0).unwrap();
    match file.allocate(0, 1 << 20) {
        Ok(()) => {
            let metadata = fs::metadata(temp.path().join("db")).unwrap();
            assert_eq!(metadata.len(), 1);
            assert!(metadata.blocks() * 512 >= 1 << 20);
        }
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
    }
    file.allocate(0, 0).unwrap();
    file.allocate(u64::MAX, 2).unwrap_err();
}

#[test]
fn mode_and_extended_attributes_are_adopted() {
    let temp = directory();
    let (storage, name) = OsStorage::for_path(temp.path().join("db")).unwrap();
    let old = storage.create_new(&name).unwrap();
    let path = temp.path().join("db");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    let marked = rustix::fs::setxattr(&path, "user.note", b"kept", flags).is_ok();
    let new = storage.create_new("new").unwrap();
    new.adopt_attributes(old.as_ref()).unwrap();
    let path = temp.path().join("new");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    if marked {
        let mut value = [0; 16];
        let len = rustix::fs::getxattr(&path, "user.note", &mut value[..]).unwrap();
        assert_eq!(&value[..len], b"kept");
    }
}

#[test]
fn a_local_directory_is_no_network() {
    let temp = directory();
    let (storage, _) = OsStorage::for_path(temp.path().join("db")).unwrap();
    assert!(!storage.is_network_fs().unwrap());
}

#[test]
fn interrupted_calls_are_repeated_and_empty_writes_are_errors() {
    let mut left = 3;
    let result = uninterrupted(|| {
        left -= 1;
        if left > 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(7)
    });
    assert_eq!(result.unwrap(), 7);
    assert_eq!(nonzero(0, 1).unwrap_err().kind(), io::ErrorKind::WriteZero);
    assert_eq!(nonzero(0, 0).unwrap(), 0);
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs the path of a file system smaller than 1 GiB in NACRE_SMALL_FS"]
fn space_that_a_full_disk_gave_in_part_is_given_back() {
    let small = std::env::var("NACRE_SMALL_FS").unwrap();
    let temp = tempfile::tempdir_in(small).unwrap();
    let (storage, name) = OsStorage::for_path(temp.path().join("db")).unwrap();
    let file = storage.create_new(&name).unwrap();
    file.write_at(&[7; 5000], 0).unwrap();
    let error = file.allocate(5000, 1 << 30).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let metadata = fs::metadata(temp.path().join("db")).unwrap();
    assert_eq!(metadata.len(), 5000);
    assert!(metadata.blocks() * 512 <= 8192, "{}", metadata.blocks());
    let mut back = [0; 5000];
    assert_eq!(file.read_at(&mut back, 0).unwrap(), 5000);
    assert_eq!(back, [7; 5000]);
}
