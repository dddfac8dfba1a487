//! What the connections of a server share: the database, the settings, who is connected, who listens to what,
//! and the counts that `INFO` shows.
//!
//! Invariants:
//! 1. Locks here are held for moments and never while a command runs; none is taken under another but a
//!    box's under that of the channels.
//! 2. A connection is in `clients` from before its first byte is read until its task has ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::channels::Channels;
use super::latency::Latency;
use super::notify::Notifier;
use super::pause::Pause;
use super::record::{End, Record};
use super::saves::Saves;
use super::settings::Settings;
use super::slowlog::SlowLog;
use super::stats::Counts;
use crate::Stats;
use crate::command::server::ServerRead as _;
use crate::db::Db;
use crate::sys::clock::Stopwatch;
use crate::sys::rng::entropy;

/// The shared part of a server.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) db: Db,
    pub(crate) settings: Settings,
    pub(crate) channels: Channels,
    pub(crate) monitors: Monitors,
    pub(crate) counts: Counts,
    pub(crate) slowlog: SlowLog,
    pub(crate) latency: Latency,
    pub(crate) pause: Pause,
    pub(crate) saves: Saves,
    clients: Mutex<BTreeMap<u64, Arc<Record>>>,
    next_client_id: AtomicU64,
    stopwatch: Stopwatch,
    /// Forty hexadecimal digits that no other run has.
    pub(crate) run_id: String,
    /// Says that the server is to end, and how.
    stop: watch::Sender<Option<Stop>>,
    /// The port that is listened on; 0 for none.
    pub(crate) port: AtomicU64,
    /// Where is listened, once it is.
    pub(crate) listens: OnceLock<Listens>,
    pub(super) notifier: Notifier,
    /// Most memory that keys and values were seen to take.
    memory_peak: AtomicU64,
    /// What the database had counted when the counts were set to zero.
    counted_before: Mutex<Removed>,
}

/// Where a server listens, as `CONFIG GET` shows it.
#[derive(Debug)]
pub(crate) struct Listens {
    /// Addresses with a space between them.
    pub(crate) bind: String,
    pub(crate) unix_socket: String,
}

/// How many keys the database has removed by itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Removed {
    pub(crate) expired: u64,
    pub(crate) evicted: u64,
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// As it is asked for: the file is synced.
    Sync,
    /// The file is compacted before.
    Save,
}

/// Who sees every command.
#[derive(Debug, Default)]
pub(crate) struct Monitors {
    is_any: AtomicBool,
    all: Mutex<Vec<Arc<Record>>>,
}

impl Monitors {
    #[inline]
    pub(crate) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Relaxed)
    }

    pub(crate) fn join(&self, monitor: &Arc<Record>) {
        let mut all = self.all.lock();
        if !monitor.is_monitor.swap(true, Ordering::Relaxed) {
            all.push(Arc::clone(monitor));
        }
        self.is_any.store(true, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self, monitor: &Record) {
        if !monitor.is_monitor.swap(false, Ordering::Relaxed) {
            return;
        }
        let mut all = self.all.lock();
        all.retain(|other| other.id != monitor.id);
        self.is_any.store(!all.is_empty(), Ordering::Relaxed);
    }

    /// Shows all of them a line.
    pub(crate) fn show(&self, show: impl Fn(&Record)) {
        self.all.lock().iter().for_each(|monitor| show(monitor));
    }
}

impl Hub {
    pub(crate) fn new(db: Db, settings: Settings) -> Arc<Self> {
        let run_id = (0..3)
            .map(|_| format!("{:016x}", entropy()))
            .collect::<String>();
        let opened_s = db.time_ms().unwrap_or_default() / 1000;
        Arc::new(Self {
            saves: Saves::new(opened_s),
            db,
            settings,
            channels: Channels::new(entropy()),
            monitors: Monitors::default(),
            counts: Counts::default(),
            slowlog: SlowLog::default(),
            latency: Latency::default(),
            pause: Pause::default(),
            clients: Mutex::default(),
            next_client_id: AtomicU64::new(1),
            stopwatch: Stopwatch::start(),
            run_id: run_id[..40].to_owned(),
            stop: watch::Sender::new(None),
            port: AtomicU64::new(0),
            listens: OnceLock::new(),
            notifier: Notifier::default(),
            memory_peak: AtomicU64::new(0),
            counted_before: Mutex::default(),
        })
    }

    /// Milliseconds since the server began: a clock that only goes forward.
    pub(crate) fn now_ms(&self) -> u64 {
        self.stopwatch.elapsed().as_millis() as u64
    }

    /// As [`now_ms`](Self::now_ms), in nanoseconds.
    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        self.stopwatch.elapsed().as_nanos() as u64
    }

    /// The database's time, in milliseconds since the Unix epoch; 0 once it is closed.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.db.time_ms().unwrap_or_default()
    }

    /// When the file was last compacted, or the server began, in seconds since the Unix epoch.
    pub(crate) fn last_save_s(&self) -> u64 {
        let finished = self.db.engine().compactions();
        self.saves.last_unix_s(finished, self.unix_ms() / 1000)
    }

    /// Figures of the database, and the most memory that was seen to be taken; `None` once it is closed.
    pub(crate) fn measure(&self) -> Option<(Stats, u64)> {
        let stats = self.db.stats().ok()?;
        let before = self
            .memory_peak
            .fetch_max(stats.memory_bytes, Ordering::Relaxed);
        let peak = before.max(stats.memory_bytes);
        Some((stats, peak))
    }

    /// How many keys the database has removed since the counts were set to zero.
    pub(crate) fn removed(&self, stats: &Stats) -> Removed {
        let before = *self.counted_before.lock();
        Removed {
            expired: stats.expired_keys.saturating_sub(before.expired),
            evicted: stats.evicted_keys.saturating_sub(before.evicted),
        }
    }

    /// Sets what was counted to zero.
    pub(crate) fn reset_counts(&self) {
        self.counts.reset();
        if let Ok(stats) = self.db.stats() {
            *self.counted_before.lock() = Removed {
                expired: stats.expired_keys,
                evicted: stats.evicted_keys,
            };
        }
    }

    /// A record for one more connection; `None` if there are too many.
    pub(crate) fn admit(&self, address: String, local_address: String) -> Option<Arc<Record>> {
        let clients_max = self.settings.clients_max.load(Ordering::Relaxed);
        if self.client_count() as u64 >= clients_max {
            self.counts
                .rejected_connections
                .fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.admit_always(address, local_address, false))
    }

    /// A record for one more connection without a task, however many there are.
    pub(crate) fn admit_local(&self, address: String) -> Arc<Record> {
        self.admit_always(address.clone(), address, true)
    }

    fn admit_always(&self, address: String, local_address: String, is_local: bool) -> Arc<Record> {
        let id = self.next_client_id.fetch_add(1, Ordering::Relaxed);
        let mut record = Record::new(id, address, local_address, self.now_ms());
        record.is_local = is_local;
        let record = Arc::new(record);
        self.clients.lock().insert(id, Arc::clone(&record));
        self.counts.connections.fetch_add(1, Ordering::Relaxed);
        record
    }

    /// Forgets a connection that has ended.
    pub(crate) fn dismiss(&self, record: &Record) {
        self.clients.lock().remove(&record.id);
        self.monitors.leave(record);
    }

    /// All connections, by number.
    pub(crate) fn clients(&self) -> Vec<Arc<Record>> {
        self.clients.lock().values().cloned().collect()
    }

    pub(crate) fn client(&self, id: u64) -> Option<Arc<Record>> {
        self.clients.lock().get(&id).cloned()
    }

    pub(crate) fn client_count(&self) -> usize {
        self.clients.lock().len()
    }

    /// Lets the server end.
    pub(crate) fn stop(&self, how: Stop) {
        self.stop.send_if_modified(|stop| {
            let is_first = stop.is_none();
            stop.get_or_insert(how);
            is_first
        });
    }

    /// Waits until the server is to end.
    pub(crate) async fn stopped(&self) -> Stop {
        let mut stop = self.stop.subscribe();
        match stop.wait_for(Option::is_some).await {
            Ok(stop) => stop.unwrap_or(Stop::Sync),
            Err(_gone) => Stop::Sync,
        }
    }

    /// Whether the file is to be compacted when the server has ended.
    pub(crate) fn saves_at_end(&self) -> bool {
        *self.stop.borrow() == Some(Stop::Save)
    }

    /// Waits until there is no connection but those of the callers' own threads.
    pub(crate) async fn emptied(&self) {
        while self.clients().iter().any(|client| !client.is_local) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Ends every connection.
    pub(crate) fn end_all(&self) {
        self.clients()
            .iter()
            .for_each(|client| client.end(End::Flushed));
    }

    /// What has to be done once in a while: ends the silent and those who do not read.
    pub(crate) fn round(&self) {
        let now_ms = self.now_ms();
        self.counts.sample(now_ms);
        self.last_save_s();
        let _peak = self.measure();
        let timeout_ms = self
            .settings
            .timeout_s
            .load(Ordering::Relaxed)
            .saturating_mul(1000);
        for client in self.clients() {
            client.check_limit(self.settings.output_limit(client.output_class()), now_ms);
            let may_be_silent = client.is_local
                || client.is_listener()
                || [&client.is_monitor, &client.is_blocked, &client.is_paused]
                    .iter()
                    .any(|is| is.load(Ordering::Acquire));
            // One that has just been answered was active then.
            let silent_ms = now_ms.saturating_sub(client.active_ms.load(Ordering::Relaxed));
            if timeout_ms != 0 && silent_ms > timeout_ms && !may_be_silent {
                client.end(End::Now);
            }
        }
    }
}
