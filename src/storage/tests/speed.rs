//! Figures, on request:
//! `cargo test --release --lib storage::tests::speed -- --ignored --nocapture --test-threads 1`
//! (with `NACRE_SPEED_DIR` on the file system to be measured).

#![allow(clippy::disallowed_methods, reason = "figures need a clock")]

use std::sync::Arc;
use std::time::Instant;

use super::super::backend::Storage;
use super::super::os::OsStorage;
use super::super::*;
use super::fixture::*;

fn on_disk() -> (tempfile::TempDir, Arc<dyn Storage>, String) {
    let dir = match std::env::var_os("NACRE_SPEED_DIR") {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }
    .unwrap();
    let (storage, name) = OsStorage::for_path(dir.path().join(NAME)).unwrap();
    (dir, Arc::new(storage), name)
}

fn open_on(storage: &Arc<dyn Storage>, name: &str, threads: usize) -> Store {
    let mut options = OpenOptions::new(stamp(1));
    options.threads = threads;
    Store::open(Arc::clone(storage), name, &options, &Discard)
        .unwrap()
        .0
}

/// A loader that takes everything and keeps nothing.
#[derive(Debug)]
struct Discard;

impl Loader for Discard {
    fn begin(&self, _: &FileInfo) -> Result<(), StorageError> {
        Ok(())
    }

    fn block(&self, _: u32, _: &[u8]) -> Result<(), BadPayload> {
        Ok(())
    }

    fn frame(&self, _: u64, _: u64, _: &[u8]) -> Result<(), BadPayload> {
        Ok(())
    }
}

/// Wall clock and this thread's processor time: on a busy machine only the second is steady.
#[derive(Debug, Clone, Copy)]
struct Timer(Instant, f64);

impl Timer {
    fn start() -> Self {
        Self(Instant::now(), Self::cpu_ns())
    }

    fn cpu_ns() -> f64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
    }
}

fn report(what: &str, count: u64, started: Timer) {
    let cpu = (Timer::cpu_ns() - started.1) / count as f64;
    let wall = started.0.elapsed().as_nanos() as f64 / count as f64;
    eprintln!(
        "{what:<44} {wall:>10.0} ns  {cpu:>10.0} ns CPU  {:>12.0} /s",
        1e9 / wall
    );
}

#[test]
#[ignore = "a measurement"]
fn commits() {
    let payload = [7; 100];
    for round in 0..3 {
        let mut buf = Vec::with_capacity(1 << 20);
        let started = Timer::start();
        for i in 0..1_000_000u64 {
            if buf.len() > (1 << 20) - 200 {
                buf.clear();
            }
            let place = frame::Place {
                seed: 1,
                lsn: i * 8,
                prev_crc: 1,
                durable_lsn: 0,
            };
            frame::push_frame(&mut buf, place, FrameKind::Data, 1, &payload);
        }
        report(
            "frame into a buffer (header, copy, CRC)",
            1_000_000,
            started,
        );
        for registered in [false, true] {
            let (_dir, storage, _) = on_disk();
            let mut file = storage.create_new("raw").unwrap();
            if registered {
                file = registry::register(file).unwrap();
            }
            file.allocate(0, 64 << 20).unwrap();
            let started = Timer::start();
            for i in 0..300_000u64 {
                file.write_at(&[7; 136], i * 136).unwrap();
            }
            let what = format!("write_at alone, registered {registered}");
            report(&what, 300_000, started);
            if registered {
                let started = Timer::start();
                for _ in 0..300_000 {
                    std::hint::black_box(std::process::id());
                }
                report("getpid", 300_000, started);
            }
        }
        {
            let (_dir, storage, name) = on_disk();
            let store = open_on(&storage, &name, 1);
            let started = Timer::start();
            for i in 0..20_000u64 {
                store.log().append(i / 1000, 1, &payload).unwrap();
            }
            report("append alone, fresh buffer", 20_000, started);
            store.log().flush().unwrap();
            let started = Timer::start();
            for i in 0..20_000u64 {
                store.log().append(i / 1000, 1, &payload).unwrap();
            }
            report("append alone, used buffer 1", 20_000, started);
            store.log().flush().unwrap();
            let started = Timer::start();
            for i in 0..20_000u64 {
                store.log().append(i / 1000, 1, &payload).unwrap();
            }
            report("append alone, used buffer 2", 20_000, started);
            let started = Timer::start();
            store.log().flush().unwrap();
            report("writing them, each", 20_000, started);
        }
        for (what, ack, count) in [
            ("buffered", Ack::Buffered, 1_000_000u64),
            ("everysec", Ack::EverySec, 300_000),
            ("always", Ack::Always, 2_000),
        ] {
            let (_dir, storage, name) = on_disk();
            let store = open_on(&storage, &name, 1);
            let log = store.log();
            let started = Timer::start();
            for i in 0..count {
                log.check_writable().unwrap();
                let appended = log.append(i / 1000, 1, &payload).unwrap();
                log.commit(appended.end_lsn, ack).unwrap();
            }
            report(&format!("{round}: {what}, 1 thread"), count, started);
        }
        for (threads, ack, count) in [
            (4, Ack::EverySec, 50_000u64),
            (4, Ack::Always, 1_000),
            (16, Ack::Always, 500),
        ] {
            let (_dir, storage, name) = on_disk();
            let store = open_on(&storage, &name, 1);
            let log = store.log();
            let started = Timer::start();
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        for i in 0..count {
                            log.check_writable().unwrap();
                            let appended = log.append(i / 1000, 1, &payload).unwrap();
                            log.commit(appended.end_lsn, ack).unwrap();
                        }
                    });
                }
            });
            report(
                &format!("{round}: {ack:?}, {threads} threads"),
                count * threads,
                started,
            );
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn opening_and_compacting() {
    let (_dir, storage, name) = on_disk();
    let store = open_on(&storage, &name, 1);
    let payload = vec![7u8; 256 << 10];
    let mebibytes = 512;
    let started = Timer::start();
    let mut compaction = store
        .begin_compaction(&plan(2, store.log().end_lsn()))
        .unwrap();
    for block in 0..mebibytes * 4 {
        compaction.write_block(block / 64, 1, &payload).unwrap();
    }
    report("compaction, MiB, writing", u64::from(mebibytes), started);
    let finishing = Timer::start();
    compaction.finish().unwrap();
    report("compaction, the hand-over", 1, finishing);
    report("compaction, MiB, in all", u64::from(mebibytes), started);
    for i in 0..1_000_000u64 {
        store.log().append(i / 1000, 1, &payload[..100]).unwrap();
    }
    store.close(0).unwrap();
    drop(store);
    for threads in [1, 2] {
        let started = Timer::start();
        let store = open_on(&storage, &name, threads);
        let what = format!("open 512 MiB + 1 M frames, {threads} threads");
        report(&what, 1, started);
        drop(store);
    }
    let started = Timer::start();
    let frames = read_log(storage.as_ref(), &name, 0).unwrap().count();
    report("read_log, frames", frames as u64, started);
}
