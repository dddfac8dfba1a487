//! `INFO`: figures of the server, under Redis's names where they mean the same here.
//!
//! A field is there because tools read it. Where it is about something that there is none of here (replicas,
//! forks, a second file) it says so in the way Redis says it of a server without any. Two are not counted:
//! `keyspace_hits` and `keyspace_misses`, for which every read would have to touch a counter.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::connection::REDIS_VERSION;
use super::{Call, Run, policy_name};
use crate::Stats;
use crate::command::reply::Reply;
use crate::error::Error;
use crate::server::channels::Kind;
use crate::server::hub::Hub;
use crate::server::stats::{BUCKETS, CommandCounts};
use crate::sys::process::{self, ProcessFigures};

pub(super) static COMMANDS: &[(&str, Run)] = &[("INFO", |call| call.info())];

/// A part of the answer.
struct Section {
    name: &'static str,
    title: &'static str,
    /// Whether it is shown if none is named.
    is_default: bool,
    write: fn(&mut Page<'_>),
}

const fn section(title: &'static str, name: &'static str, write: fn(&mut Page<'_>)) -> Section {
    Section {
        name,
        title,
        is_default: true,
        write,
    }
}

const fn more(title: &'static str, name: &'static str, write: fn(&mut Page<'_>)) -> Section {
    Section {
        is_default: false,
        ..section(title, name, write)
    }
}

/// In Redis's order.
static SECTIONS: &[Section] = &[
    section("Server", "server", |page| page.server()),
    section("Clients", "clients", |page| page.clients()),
    section("Memory", "memory", |page| page.memory()),
    section("Persistence", "persistence", |page| page.persistence()),
    section("Stats", "stats", |page| page.stats()),
    section("Replication", "replication", |page| page.replication()),
    section("CPU", "cpu", |page| page.cpu()),
    section("Modules", "modules", |_| ()),
    more("Commandstats", "commandstats", |page| page.commands()),
    section("Errorstats", "errorstats", |page| page.errors()),
    more("Latencystats", "latencystats", |page| page.latencies()),
    section("Cluster", "cluster", |page| {
        page.field("cluster_enabled", u8::from(page.hub.settings.is_cluster))
    }),
    section("Keyspace", "keyspace", |page| page.keyspace()),
];

/// Whether one of these words asks for a section.
fn is_asked(section: &Section, words: &[&[u8]]) -> bool {
    words.iter().any(|word| match () {
        () if word.eq_ignore_ascii_case(b"all") => true,
        () if word.eq_ignore_ascii_case(b"everything") => true,
        () if word.eq_ignore_ascii_case(b"default") => section.is_default,
        () => word.eq_ignore_ascii_case(section.name.as_bytes()),
    })
}

impl Call<'_> {
    fn info(&self) -> Result<Reply, Error> {
        let words = match self.args.rest(1) {
            [] => &[&b"default"[..]],
            words => words,
        };
        let mut page = Page::new(&self.state.hub)?;
        for section in SECTIONS.iter().filter(|section| is_asked(section, words)) {
            if !page.text.is_empty() {
                page.text.push_str("\r\n");
            }
            page.line(format_args!("# {}", section.title));
            (section.write)(&mut page);
        }
        Ok(Reply::Bulk(page.text.into_bytes()))
    }
}

/// The answer while it is written.
struct Page<'a> {
    hub: &'a Hub,
    stats: Stats,
    peak_bytes: u64,
    process: ProcessFigures,
    text: String,
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Bytes as people read them.
fn human(bytes: u64) -> String {
    let scaled =
        |by: u32, unit: &str| format!("{:.2}{unit}", bytes as f64 / 1024_f64.powi(by as i32));
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..0x10_0000 => scaled(1, "K"),
        0x10_0000..0x4000_0000 => scaled(2, "M"),
        0x4000_0000..0x100_0000_0000 => scaled(3, "G"),
        _ => scaled(4, "T"),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

impl<'a> Page<'a> {
    fn new(hub: &'a Hub) -> Result<Self, Error> {
        let (stats, peak_bytes) = match hub.measure() {
            Some(measured) => measured,
            // Says why not.
            None => (hub.db.stats()?, 0),
        };
        Ok(Self {
            hub,
            stats,
            peak_bytes,
            process: process::figures(),
            text: String::new(),
        })
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // A string takes what is written to it.
        let _infallible = self.text.write_fmt(line);
        self.text.push_str("\r\n");
    }

    fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        self.line(format_args!("{name}:{value}"));
    }

    /// A number of bytes, and the same as people read it.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.line(format_args!("{name}_human:{}", human(bytes)));
    }

    /// Fields that are zero here.
    fn zeros(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.field(name, 0));
    }

    fn server(&mut self) {
        let uptime_s = self.hub.now_ms() / 1000;
        let unix_ms = self.hub.unix_ms();
        self.field("redis_version", REDIS_VERSION);
        self.field("nacredb_version", env!("CARGO_PKG_VERSION"));
        self.field("redis_git_sha1", "00000000");
        self.field("redis_git_dirty", 0);
        self.field("redis_build_id", "0");
        self.field("redis_mode", self.hub.settings.mode());
        self.field("os", process::machine());
        self.field("arch_bits", usize::BITS);
        self.field("monotonic_clock", "POSIX clock_gettime");
        self.field("multiplexing_api", "tokio");
        self.field("process_id", std::process::id());
        self.field("process_supervised", "no");
        let run_id = self.hub.run_id.clone();
        self.field("run_id", run_id);
        self.field("tcp_port", load(&self.hub.port));
        self.field("server_time_usec", unix_ms.saturating_mul(1000));
        self.field("uptime_in_seconds", uptime_s);
        self.field("uptime_in_days", uptime_s / 86_400);
        self.field("hz", 10);
        self.field("configured_hz", 10);
        self.field("lru_clock", (unix_ms / 1000) & 0xff_ffff);
        self.field("executable", "");
        self.field("config_file", "");
        self.field("io_threads_active", 0);
    }

    fn clients(&mut self) {
        let clients = self.hub.clients();
        let unsent = clients
            .iter()
            .map(|client| client.unsent_bytes.load(Ordering::Relaxed));
        let unsent = unsent.max().unwrap_or(0);
        let query = clients
            .iter()
            .map(|client| client.query_bytes.load(Ordering::Relaxed));
        let query = query.max().unwrap_or(0);
        let blocked = clients
            .iter()
            .filter(|client| client.is_blocked.load(Ordering::Relaxed))
            .count();
        self.field("connected_clients", clients.len());
        self.field("cluster_connections", 0);
        self.field("maxclients", load(&self.hub.settings.clients_max));
        self.field("client_recent_max_input_buffer", query);
        self.field("client_recent_max_output_buffer", unsent);
        self.field("blocked_clients", blocked);
        self.field("tracking_clients", 0);
        self.field("clients_in_timeout_table", 0);
    }

    fn memory(&mut self) {
        let used = self.stats.memory_bytes;
        let resident = self.process.resident_bytes;
        let peak = self.peak_bytes;
        self.bytes("used_memory", used);
        self.bytes("used_memory_rss", resident);
        self.bytes("used_memory_peak", peak);
        let percent = ratio(used, peak) * 100.0;
        self.line(format_args!("used_memory_peak_perc:{percent:.2}%"));
        self.zeros(&["used_memory_overhead", "used_memory_startup"]);
        self.field("used_memory_dataset", used);
        self.field("used_memory_dataset_perc", "100.00%");
        self.field("allocator_allocated", used);
        self.field("allocator_active", resident);
        self.field("allocator_resident", resident);
        self.bytes("total_system_memory", process::machine_bytes());
        self.bytes("used_memory_lua", 0);
        self.zeros(&[
            "used_memory_vm_eval",
            "used_memory_scripts_eval",
            "number_of_cached_scripts",
            "number_of_functions",
            "number_of_libraries",
            "used_memory_vm_functions",
        ]);
        self.bytes("used_memory_vm_total", 0);
        self.field("used_memory_functions", 0);
        self.bytes("used_memory_scripts", 0);
        self.bytes("maxmemory", self.stats.max_memory_bytes.unwrap_or(0));
        let policy = policy_name(self.hub.db.settings().eviction_policy);
        self.field("maxmemory_policy", policy);
        let fragmentation = ratio(resident, used);
        self.line(format_args!("mem_fragmentation_ratio:{fragmentation:.2}"));
        let between = i128::from(resident) - i128::from(used);
        self.field("mem_fragmentation_bytes", between);
        self.zeros(&[
            "mem_not_counted_for_evict",
            "mem_replication_backlog",
            "mem_total_replication_buffers",
            "mem_clients_slaves",
            "mem_clients_normal",
            "mem_cluster_links",
            "mem_aof_buffer",
        ]);
        self.field("mem_allocator", "system");
        self.zeros(&[
            "active_defrag_running",
            "lazyfree_pending_objects",
            "lazyfreed_objects",
        ]);
    }

    fn persistence(&mut self) {
        let file = self.stats.file.clone();
        let saved_s = self.hub.last_save_s();
        self.zeros(&[
            "loading",
            "async_loading",
            "current_cow_peak",
            "current_cow_size",
            "current_cow_size_age",
        ]);
        self.field("current_fork_perc", "0.00");
        self.zeros(&["current_save_keys_processed", "current_save_keys_total"]);
        let frames = file.as_ref().map_or(0, |file| file.log.frames);
        self.field("rdb_changes_since_last_save", frames);
        // One file is both: what saves it rewrites its log.
        let is_saving = u8::from(self.hub.saves.is_under_way());
        self.field("rdb_bgsave_in_progress", is_saving);
        self.field("rdb_last_save_time", saved_s);
        let has_failed = file
            .as_ref()
            .is_some_and(|file| file.compaction_error.is_some());
        let compacted = if has_failed { "err" } else { "ok" };
        let compactions = file.as_ref().map_or(0, |file| file.compactions);
        self.field("rdb_last_bgsave_status", compacted);
        self.field("rdb_last_bgsave_time_sec", -1);
        self.field("rdb_current_bgsave_time_sec", -1);
        self.field("rdb_saves", compactions);
        self.zeros(&[
            "rdb_last_cow_size",
            "rdb_last_load_keys_expired",
            "rdb_last_load_keys_loaded",
        ]);
        self.field("aof_enabled", u8::from(file.is_some()));
        self.field("aof_rewrite_in_progress", is_saving);
        self.zeros(&["aof_rewrite_scheduled"]);
        self.field("aof_last_rewrite_time_sec", -1);
        self.field("aof_current_rewrite_time_sec", -1);
        self.field("aof_last_bgrewrite_status", compacted);
        self.field("aof_rewrites", compactions);
        self.field("aof_rewrites_consecutive_failures", u8::from(has_failed));
        let is_healing = file.as_ref().is_some_and(|file| file.healing);
        self.field(
            "aof_last_write_status",
            if is_healing { "err" } else { "ok" },
        );
        self.zeros(&[
            "aof_last_cow_size",
            "module_fork_in_progress",
            "module_fork_last_cow_size",
        ]);
        if let Some(file) = file {
            let size = file.snapshot_bytes.saturating_add(file.log_bytes);
            self.field("aof_current_size", size);
            self.field("aof_base_size", file.snapshot_bytes);
            self.field("aof_pending_rewrite", 0);
            let unwritten = file.end_lsn.saturating_sub(file.written_lsn);
            self.field("aof_buffer_length", unwritten);
            self.zeros(&["aof_pending_bio_fsync", "aof_delayed_fsync"]);
        }
    }

    fn stats(&mut self) {
        let counts = &self.hub.counts;
        let removed = self.hub.removed(&self.stats);
        let (connections, commands) = (load(&counts.connections), load(&counts.commands));
        let (read, written) = (load(&counts.input_bytes), load(&counts.output_bytes));
        let (per_second, rejected) = (
            load(&counts.commands_per_second),
            load(&counts.rejected_connections),
        );
        let errors = load(&counts.errors);
        let channels = &self.hub.channels;
        let [plain, sharded] =
            [Kind::Channel, Kind::Shard].map(|kind| channels.channel_count(kind));
        let patterns = channels.pattern_count();
        self.field("total_connections_received", connections);
        self.field("total_commands_processed", commands);
        self.field("instantaneous_ops_per_sec", per_second);
        self.field("total_net_input_bytes", read);
        self.field("total_net_output_bytes", written);
        self.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
        for rate in ["input", "output", "input_repl", "output_repl"] {
            self.line(format_args!("instantaneous_{rate}_kbps:0.00"));
        }
        self.field("rejected_connections", rejected);
        self.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
        self.field("expired_keys", removed.expired);
        self.field("expired_stale_perc", "0.00");
        self.zeros(&[
            "expired_time_cap_reached_count",
            "expire_cycle_cpu_milliseconds",
        ]);
        self.field("evicted_keys", removed.evicted);
        self.zeros(&[
            "evicted_clients",
            "total_eviction_exceeded_time",
            "current_eviction_exceeded_time",
            "keyspace_hits",
            "keyspace_misses",
        ]);
        self.field("pubsub_channels", plain);
        self.field("pubsub_patterns", patterns);
        self.field("pubsubshard_channels", sharded);
        self.zeros(&[
            "latest_fork_usec",
            "total_forks",
            "migrate_cached_sockets",
            "slave_expires_tracked_keys",
            "active_defrag_hits",
            "active_defrag_misses",
            "active_defrag_key_hits",
            "active_defrag_key_misses",
            "total_active_defrag_time",
            "current_active_defrag_time",
            "tracking_total_keys",
            "tracking_total_items",
            "tracking_total_prefixes",
            "unexpected_error_replies",
        ]);
        self.field("total_error_replies", errors);
        self.zeros(&[
            "dump_payload_sanitizations",
            "total_reads_processed",
            "total_writes_processed",
            "io_threaded_reads_processed",
            "io_threaded_writes_processed",
            "reply_buffer_shrinks",
            "reply_buffer_expands",
        ]);
    }

    fn replication(&mut self) {
        self.field("role", "master");
        self.field("connected_slaves", 0);
        self.field("master_failover_state", "no-failover");
        let run_id = self.hub.run_id.clone();
        self.field("master_replid", run_id);
        self.field("master_replid2", "0".repeat(40));
        self.field("master_repl_offset", 0);
        self.field("second_repl_offset", -1);
        self.field("repl_backlog_active", 0);
        self.field("repl_backlog_size", 1 << 20);
        self.zeros(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
    }

    fn cpu(&mut self) {
        let ProcessFigures {
            cpu_user_s,
            cpu_system_s,
            ..
        } = self.process;
        self.line(format_args!("used_cpu_sys:{cpu_system_s:.6}"));
        self.line(format_args!("used_cpu_user:{cpu_user_s:.6}"));
        self.field("used_cpu_sys_children", "0.000000");
        self.field("used_cpu_user_children", "0.000000");
    }

    fn commands(&mut self) {
        for (name, counts) in self.hub.counts.commands_by_name() {
            let (calls, nanos) = (load(&counts.calls), load(&counts.nanos));
            let micros = nanos / 1000;
            let per_call = nanos as f64 / 1000.0 / calls.max(1) as f64;
            let (rejected, failed) = (load(&counts.rejected), load(&counts.failed));
            let name = name.to_ascii_lowercase();
            self.line(format_args!(
                "cmdstat_{name}:calls={calls},usec={micros},usec_per_call={per_call:.2},\
                 rejected_calls={rejected},failed_calls={failed}"
            ));
        }
    }

    fn errors(&mut self) {
        for (code, count) in self.hub.counts.errors_by_code() {
            self.line(format_args!("errorstat_{code}:count={count}"));
        }
    }

    fn latencies(&mut self) {
        for (name, counts) in self.hub.counts.commands_by_name() {
            if load(&counts.calls) == 0 {
                continue;
            }
            let name = name.to_ascii_lowercase();
            let [p50, p99, p999] =
                [50.0, 99.0, 99.9].map(|percent| percentile_us(&counts, percent));
            self.line(format_args!(
                "latency_percentiles_usec_{name}:p50={p50:.3},p99={p99:.3},p99.9={p999:.3}"
            ));
        }
    }

    fn keyspace(&mut self) {
        for database in std::mem::take(&mut self.stats.databases) {
            let (index, keys) = (database.index, database.keys);
            let (expires, ttl_ms) = (database.keys_with_deadline, database.ttl_ms);
            self.line(format_args!(
                "db{index}:keys={keys},expires={expires},avg_ttl={ttl_ms}"
            ));
        }
    }
}

/// The microseconds that so many percent of a command's calls took at most: the end of their bucket.
fn percentile_us(counts: &CommandCounts, percent: f64) -> f64 {
    let calls: [u64; BUCKETS] = counts.buckets.each_ref().map(load);
    let all: u64 = calls.iter().sum();
    let wanted = (all as f64 * percent / 100.0).ceil() as u64;
    let mut below = 0;
    for (power, count) in calls.iter().enumerate() {
        below += count;
        if below >= wanted {
            return (1_u64 << power) as f64 / 1000.0;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_printed_as_redis_does() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (941_000, "918.95K"),
            (6_709_248, "6.40M"),
            (25_276_510_208, "23.54G"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn percentiles_are_the_ends_of_buckets() {
        let counts = CommandCounts::default();
        counts.buckets[10].store(98, Ordering::Relaxed);
        counts.buckets[20].store(2, Ordering::Relaxed);
        assert_eq!(percentile_us(&counts, 50.0), 1.024);
        assert_eq!(percentile_us(&counts, 99.0), 1048.576);
        assert_eq!(percentile_us(&CommandCounts::default(), 99.0), 0.001);
    }
}
