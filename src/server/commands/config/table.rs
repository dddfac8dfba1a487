//! The settings: what each is called, what its text means, and whom it changes.
//!
//! A row is [`How::Number`] or [`How::Text`] where a change has an effect, [`How::Kept`] where it has none here
//! and programs expect to read back what they have set, and [`How::Fixed`] where it cannot change.

use std::sync::atomic::Ordering;

use super::kind::{Kind, parse_bytes};
use crate::server::hub::Hub;
use crate::server::limits::{OutputClass, OutputLimit};
use crate::server::notify;
use crate::{Ack, EncodingLimits, EvictionPolicy};

/// One setting.
pub(super) struct Setting {
    /// What it is called; the first is the newest.
    pub(super) names: &'static [&'static str],
    pub(super) how: How,
}

/// What a setting is.
pub(super) enum How {
    Fixed(fn(&Hub) -> String),
    /// What it is unless changed.
    Kept(Kind, &'static str),
    Number {
        kind: Kind,
        get: fn(&Hub) -> i64,
        set: fn(&Hub, i64) -> Result<(), String>,
    },
    Text {
        get: fn(&Hub) -> Vec<u8>,
        set: fn(&Hub, &[u8]) -> Result<(), String>,
    },
}

const fn fixed(names: &'static [&'static str], get: fn(&Hub) -> String) -> Setting {
    let how = How::Fixed(get);
    Setting { names, how }
}

const fn kept(names: &'static [&'static str], kind: Kind, default: &'static str) -> Setting {
    let how = How::Kept(kind, default);
    Setting { names, how }
}

const fn number(
    names: &'static [&'static str],
    kind: Kind,
    get: fn(&Hub) -> i64,
    set: fn(&Hub, i64) -> Result<(), String>,
) -> Setting {
    let how = How::Number { kind, get, set };
    Setting { names, how }
}

const fn text(
    names: &'static [&'static str],
    get: fn(&Hub) -> Vec<u8>,
    set: fn(&Hub, &[u8]) -> Result<(), String>,
) -> Setting {
    let how = How::Text { get, set };
    Setting { names, how }
}

/// A number of `hub.settings` in an atomic of its own.
macro_rules! atomic {
    ($name:literal, $kind:expr, $field:ident) => {
        number(
            &[$name],
            $kind,
            |hub| signed(hub.settings.$field.load(Ordering::Relaxed)),
            |hub, value| {
                let value = value.unsigned_abs();
                hub.settings.$field.store(value, Ordering::Relaxed);
                Ok(())
            },
        )
    };
}

/// One of [`EncodingLimits`].
macro_rules! encoding {
    ($names:expr, $field:ident) => {
        number(
            $names,
            Kind::Number(0, i64::MAX),
            |hub| limit(hub.db.settings().encoding_limits.$field),
            |hub, value| {
                let limits = EncodingLimits {
                    $field: usize::try_from(value).unwrap_or(usize::MAX),
                    ..hub.db.settings().encoding_limits
                };
                hub.db.set_encoding_limits(limits);
                Ok(())
            },
        )
    };
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn limit(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

const MIB: i64 = 1 << 20;
const NO: fn(&Hub) -> String = |_| "no".to_owned();
const YES: fn(&Hub) -> String = |_| "yes".to_owned();
const ZERO: fn(&Hub) -> String = |_| "0".to_owned();
const NONE: fn(&Hub) -> String = |_| String::new();

/// Redis's order, which its refusal shows.
const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];

/// Each at the place of its name.
const POLICIES_NAMED: [EvictionPolicy; 8] = [
    EvictionPolicy::VolatileLru,
    EvictionPolicy::VolatileLfu,
    EvictionPolicy::VolatileRandom,
    EvictionPolicy::VolatileTtl,
    EvictionPolicy::AllKeysLru,
    EvictionPolicy::AllKeysLfu,
    EvictionPolicy::AllKeysRandom,
    EvictionPolicy::NoEviction,
];

/// What `maxmemory-policy` calls a policy.
pub(in crate::server) fn policy_name(policy: EvictionPolicy) -> &'static str {
    let mut named = POLICIES.iter().zip(POLICIES_NAMED);
    named
        .find(|(_, known)| *known == policy)
        .map_or("", |(name, _)| name)
}

fn set_memory(hub: &Hub, bytes: Option<u64>, policy: EvictionPolicy) -> Result<(), String> {
    let set = hub.db.set_max_memory(bytes.unwrap_or(0), policy);
    set.map_err(|error| error.to_string())
}

/// The numbers of `appendfsync`; above, the microseconds of what only the library can set.
fn ack_number(ack: Ack) -> i64 {
    match ack {
        Ack::EverySec => 0,
        Ack::Always => 1,
        Ack::No => 2,
        Ack::Buffered(window) => {
            let micros = i64::try_from(window.as_micros()).unwrap_or(i64::MAX);
            micros.saturating_add(3)
        }
    }
}

fn set_ack(hub: &Hub, number: i64) -> Result<(), String> {
    let ack = match number {
        0 => Ack::EverySec,
        1 => Ack::Always,
        2 => Ack::No,
        more => Ack::Buffered(std::time::Duration::from_micros(
            more.saturating_sub(3).unsigned_abs(),
        )),
    };
    hub.db.set_ack(ack).map_err(|error| error.to_string())
}

fn words(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value);
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// `save`: seconds and changes by turns. Nothing is saved by it: the file has every change already.
fn set_save(hub: &Hub, value: &[u8]) -> Result<(), String> {
    const REFUSED: &str = "Invalid save parameters";
    let words = words(value);
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(REFUSED.to_owned());
    }
    for [seconds, changes] in pairs {
        let seconds = seconds.parse::<u32>().map_err(|_bad| REFUSED)?;
        let _changes = changes.parse::<u32>().map_err(|_bad| REFUSED)?;
        if seconds == 0 {
            return Err(REFUSED.to_owned());
        }
    }
    hub.settings.keep("save", words.join(" "));
    Ok(())
}

fn show_output_limits(hub: &Hub) -> Vec<u8> {
    let shown = OutputClass::ALL.map(|class| {
        let OutputLimit {
            hard_bytes,
            soft_bytes,
            soft_seconds,
        } = hub.settings.output_limit(class);
        let name = class.name();
        format!("{name} {hard_bytes} {soft_bytes} {soft_seconds}")
    });
    shown.join(" ").into_bytes()
}

fn set_output_limits(hub: &Hub, value: &[u8]) -> Result<(), String> {
    let words = words(value);
    let (lines, rest) = words.as_chunks::<4>();
    if !rest.is_empty() || lines.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    let mut limits = Vec::new();
    for [class, hard, soft, seconds] in lines {
        let class = OutputClass::named(class).ok_or_else(|| {
            "Invalid client class specified in buffer limit configuration.".to_owned()
        })?;
        let limit = (|| {
            Some(OutputLimit {
                hard_bytes: parse_bytes(hard)?.unsigned_abs(),
                soft_bytes: parse_bytes(soft)?.unsigned_abs(),
                soft_seconds: seconds.parse::<u32>().ok()?.into(),
            })
        })();
        let limit = limit.ok_or_else(|| {
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.".to_owned()
        })?;
        limits.push((class, limit));
    }
    for (class, limit) in limits {
        hub.settings.set_output_limit(class, limit);
    }
    Ok(())
}

/// Every setting there is.
pub(super) static SETTINGS: &[Setting] = &[
    // Memory.
    number(
        &["maxmemory"],
        Kind::Bytes(0, i64::MAX),
        |hub| signed(hub.db.settings().max_memory_bytes.unwrap_or(0)),
        |hub, bytes| {
            let policy = hub.db.settings().eviction_policy;
            set_memory(hub, Some(bytes.unsigned_abs()), policy)
        },
    ),
    number(
        &["maxmemory-policy"],
        Kind::OneOf(POLICIES),
        |hub| {
            let policy = hub.db.settings().eviction_policy;
            let place = POLICIES_NAMED.iter().position(|known| *known == policy);
            limit(place.unwrap_or(0))
        },
        |hub, place| {
            let place = usize::try_from(place).unwrap_or(0);
            let policy = POLICIES_NAMED.get(place).copied().unwrap_or_default();
            set_memory(hub, hub.db.settings().max_memory_bytes, policy)
        },
    ),
    number(
        &["maxmemory-samples"],
        Kind::Number(1, i32::MAX as i64),
        |hub| limit(hub.db.settings().max_memory_samples),
        |hub, samples| {
            let samples = usize::try_from(samples).unwrap_or(usize::MAX);
            hub.db.set_max_memory_samples(samples);
            Ok(())
        },
    ),
    kept(&["maxmemory-eviction-tenacity"], Kind::Number(0, 100), "10"),
    fixed(&["maxmemory-clients"], ZERO),
    kept(&["lfu-log-factor"], Kind::COUNT, "10"),
    kept(&["lfu-decay-time"], Kind::COUNT, "1"),
    kept(&["active-expire-effort"], Kind::Number(1, 10), "1"),
    fixed(&["activedefrag"], NO),
    kept(&["activerehashing"], Kind::Switch, "yes"),
    kept(&["lazyfree-lazy-eviction"], Kind::Switch, "no"),
    kept(&["lazyfree-lazy-expire"], Kind::Switch, "no"),
    kept(&["lazyfree-lazy-server-del"], Kind::Switch, "no"),
    kept(&["lazyfree-lazy-user-del"], Kind::Switch, "no"),
    kept(&["lazyfree-lazy-user-flush"], Kind::Switch, "no"),
    // Short forms of collections.
    encoding!(
        &["hash-max-listpack-entries", "hash-max-ziplist-entries"],
        hash_listpack_entries
    ),
    encoding!(
        &["hash-max-listpack-value", "hash-max-ziplist-value"],
        hash_listpack_value_bytes
    ),
    encoding!(&["set-max-intset-entries"], set_intset_entries),
    encoding!(
        &["zset-max-listpack-entries", "zset-max-ziplist-entries"],
        zset_listpack_entries
    ),
    encoding!(
        &["zset-max-listpack-value", "zset-max-ziplist-value"],
        zset_listpack_value_bytes
    ),
    kept(
        &["list-max-listpack-size", "list-max-ziplist-size"],
        Kind::Number(i32::MIN as i64, i32::MAX as i64),
        "-2",
    ),
    kept(&["list-compress-depth"], Kind::COUNT, "0"),
    kept(&["hll-sparse-max-bytes"], Kind::Bytes(0, i64::MAX), "3000"),
    kept(&["stream-node-max-bytes"], Kind::Bytes(0, i64::MAX), "4096"),
    kept(
        &["stream-node-max-entries"],
        Kind::Number(0, i64::MAX),
        "100",
    ),
    // The file.
    text(
        &["save"],
        |hub| hub.settings.kept("save").unwrap_or_default().into_bytes(),
        set_save,
    ),
    fixed(&["appendonly"], |hub| {
        let has_file = hub.db.open_report().is_some();
        if has_file { "yes" } else { "no" }.to_owned()
    }),
    number(
        &["appendfsync"],
        Kind::OneOf(&["everysec", "always", "no"]),
        |hub| ack_number(hub.db.settings().ack),
        set_ack,
    ),
    number(
        &["auto-aof-rewrite-percentage"],
        Kind::COUNT,
        |hub| i64::from(hub.db.settings().compaction.growth_percent),
        |hub, percent| {
            let mut policy = hub.db.settings().compaction;
            policy.growth_percent = u32::try_from(percent).unwrap_or(u32::MAX);
            hub.db.set_compaction_policy(policy);
            Ok(())
        },
    ),
    number(
        &["auto-aof-rewrite-min-size"],
        Kind::Bytes(0, i64::MAX),
        |hub| signed(hub.db.settings().compaction.min_bytes),
        |hub, bytes| {
            let mut policy = hub.db.settings().compaction;
            policy.min_bytes = bytes.unsigned_abs();
            hub.db.set_compaction_policy(policy);
            Ok(())
        },
    ),
    // Where the file is, is nobody's business who cannot see the machine.
    fixed(&["dir"], |_| ".".to_owned()),
    fixed(&["dbfilename"], NONE),
    fixed(&["appendfilename"], NONE),
    fixed(&["appenddirname"], NONE),
    kept(&["no-appendfsync-on-rewrite"], Kind::Switch, "no"),
    kept(&["stop-writes-on-bgsave-error"], Kind::Switch, "yes"),
    kept(&["rdbcompression"], Kind::Switch, "yes"),
    fixed(&["rdbchecksum"], YES),
    kept(&["aof-use-rdb-preamble"], Kind::Switch, "yes"),
    kept(&["aof-load-truncated"], Kind::Switch, "yes"),
    kept(&["aof-rewrite-incremental-fsync"], Kind::Switch, "yes"),
    kept(&["rdb-save-incremental-fsync"], Kind::Switch, "yes"),
    // Connections.
    atomic!("timeout", Kind::COUNT, timeout_s),
    atomic!("tcp-keepalive", Kind::COUNT, tcp_keepalive_s),
    atomic!("maxclients", Kind::Number(1, u32::MAX as i64), clients_max),
    atomic!(
        "client-query-buffer-limit",
        Kind::Bytes(MIB, i64::MAX),
        query_bytes_max
    ),
    atomic!(
        "proto-max-bulk-len",
        Kind::Bytes(MIB, i64::MAX),
        bulk_bytes_max
    ),
    text(
        &["client-output-buffer-limit"],
        show_output_limits,
        set_output_limits,
    ),
    number(
        &["protected-mode"],
        Kind::Switch,
        |hub| hub.settings.protected_mode.load(Ordering::Relaxed).into(),
        |hub, on| {
            hub.settings
                .protected_mode
                .store(on != 0, Ordering::Relaxed);
            Ok(())
        },
    ),
    text(
        &["requirepass"],
        |hub| hub.settings.password().unwrap_or_default(),
        |hub, password| {
            hub.settings.set_password(password);
            Ok(())
        },
    ),
    fixed(&["databases"], |_| "16".to_owned()),
    fixed(&["port"], |hub| {
        hub.port.load(Ordering::Relaxed).to_string()
    }),
    fixed(&["bind"], |hub| {
        hub.listens
            .get()
            .map_or_else(String::new, |at| at.bind.clone())
    }),
    fixed(&["unixsocket"], |hub| {
        hub.listens
            .get()
            .map_or_else(String::new, |at| at.unix_socket.clone())
    }),
    fixed(&["tls-port"], ZERO),
    fixed(&["io-threads"], |_| "1".to_owned()),
    fixed(&["io-threads-do-reads"], NO),
    fixed(&["daemonize"], NO),
    fixed(&["supervised"], NO),
    fixed(&["pidfile"], NONE),
    fixed(&["logfile"], NONE),
    kept(
        &["loglevel"],
        Kind::OneOf(&["debug", "verbose", "notice", "warning"]),
        "notice",
    ),
    fixed(&["aclfile"], NONE),
    fixed(&["cluster-enabled"], NO),
    fixed(&["enable-debug-command"], |hub| {
        Kind::Switch.print(hub.settings.is_debug_allowed().into())
    }),
    fixed(&["enable-module-command"], NO),
    fixed(&["enable-protected-configs"], NO),
    // Observation.
    text(
        &["notify-keyspace-events"],
        |hub| notify::print(hub.settings.notify.load(Ordering::Relaxed)).into_bytes(),
        |hub, classes| {
            let classes = notify::parse(classes)
                .ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
            notify::set(hub, classes).map_err(|error| error.to_string())
        },
    ),
    number(
        &["slowlog-log-slower-than"],
        Kind::Number(-1, i64::MAX),
        |hub| hub.settings.slowlog_us.load(Ordering::Relaxed),
        |hub, micros| {
            hub.settings.slowlog_us.store(micros, Ordering::Relaxed);
            Ok(())
        },
    ),
    atomic!(
        "slowlog-max-len",
        Kind::Number(0, i64::MAX),
        slowlog_len_max
    ),
    atomic!(
        "latency-monitor-threshold",
        Kind::Number(0, i64::MAX),
        latency_ms
    ),
    kept(&["latency-tracking"], Kind::Switch, "yes"),
    fixed(&["latency-tracking-info-percentiles"], |_| {
        "50 99 99.9".to_owned()
    }),
    kept(&["acllog-max-len"], Kind::Number(0, i64::MAX), "128"),
    kept(
        &["tracking-table-max-keys"],
        Kind::Number(0, i64::MAX),
        "1000000",
    ),
    kept(&["hz"], Kind::COUNT, "10"),
    kept(&["dynamic-hz"], Kind::Switch, "yes"),
    kept(
        &["busy-reply-threshold", "lua-time-limit"],
        Kind::Number(0, i64::MAX),
        "5000",
    ),
    kept(&["shutdown-timeout"], Kind::COUNT, "10"),
    // Replicas, of which there are none.
    fixed(&["replicaof", "slaveof"], NONE),
    fixed(&["masterauth"], NONE),
    kept(
        &["replica-read-only", "slave-read-only"],
        Kind::Switch,
        "yes",
    ),
    kept(
        &["replica-serve-stale-data", "slave-serve-stale-data"],
        Kind::Switch,
        "yes",
    ),
    kept(&["replica-priority", "slave-priority"], Kind::COUNT, "100"),
    kept(
        &["min-replicas-to-write", "min-slaves-to-write"],
        Kind::COUNT,
        "0",
    ),
    kept(
        &["min-replicas-max-lag", "min-slaves-max-lag"],
        Kind::COUNT,
        "10",
    ),
    kept(&["repl-timeout"], Kind::Number(1, i32::MAX as i64), "60"),
    kept(&["repl-backlog-size"], Kind::Bytes(1, i64::MAX), "1048576"),
    kept(&["repl-diskless-sync"], Kind::Switch, "yes"),
];
