//! What can be set of a running server. `CONFIG` reads and writes it; connections look at it as they go.
//!
//! Invariant: each setting is one value that is replaced whole; no two depend on each other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::limits::{OutputClass, OutputLimit};

/// The settings of a server.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Silent connections are ended after so many seconds; 0 for never.
    pub(crate) timeout_s: AtomicU64,
    /// Seconds between probes of silent TCP connections; 0 for none.
    pub(crate) tcp_keepalive_s: AtomicU64,
    pub(crate) clients_max: AtomicU64,
    /// Whether strangers from other machines are refused while there is no password.
    pub(crate) protected_mode: AtomicBool,
    password: RwLock<Option<Vec<u8>>>,
    output_limits: RwLock<[OutputLimit; 3]>,
    /// Bytes of requests that a connection may be behind.
    pub(crate) query_bytes_max: AtomicU64,
    /// The longest word of a request.
    pub(crate) bulk_bytes_max: AtomicU64,
    /// Commands that take longer, in microseconds, go to the slow log; negative for none.
    pub(crate) slowlog_us: AtomicI64,
    pub(crate) slowlog_len_max: AtomicU64,
    /// Events that take as long or longer, in milliseconds, are kept for `LATENCY`; 0 for none.
    pub(crate) latency_ms: AtomicU64,
    /// Which keyspace events are published: the bits of [`super::notify`].
    pub(crate) notify: AtomicU32,
    /// Whether `DEBUG` is answered.
    pub(crate) debug_allowed: AtomicBool,
    /// Whether the rules of a cluster are kept. It does not change while the server runs.
    pub(crate) is_cluster: bool,
    /// What has no effect and is read back, by name.
    kept: RwLock<BTreeMap<&'static str, String>>,
    /// Held by whoever changes several.
    pub(crate) changing: Mutex<()>,
}

const MIB: u64 = 1 << 20;

impl Default for Settings {
    /// Redis's defaults.
    fn default() -> Self {
        Self {
            timeout_s: AtomicU64::new(0),
            tcp_keepalive_s: AtomicU64::new(300),
            clients_max: AtomicU64::new(10_000),
            protected_mode: AtomicBool::new(true),
            password: RwLock::new(None),
            output_limits: RwLock::new([
                OutputLimit::default(),
                OutputLimit {
                    hard_bytes: 256 * MIB,
                    soft_bytes: 64 * MIB,
                    soft_seconds: 60,
                },
                OutputLimit {
                    hard_bytes: 32 * MIB,
                    soft_bytes: 8 * MIB,
                    soft_seconds: 60,
                },
            ]),
            query_bytes_max: AtomicU64::new(1024 * MIB),
            bulk_bytes_max: AtomicU64::new(512 * MIB),
            slowlog_us: AtomicI64::new(10_000),
            slowlog_len_max: AtomicU64::new(128),
            latency_ms: AtomicU64::new(0),
            notify: AtomicU32::new(0),
            debug_allowed: AtomicBool::new(false),
            is_cluster: false,
            kept: RwLock::default(),
            changing: Mutex::default(),
        }
    }
}

impl Settings {
    pub(crate) fn output_limit(&self, class: OutputClass) -> OutputLimit {
        self.output_limits.read()[class as usize]
    }

    pub(crate) fn set_output_limit(&self, class: OutputClass, limit: OutputLimit) {
        self.output_limits.write()[class as usize] = limit;
    }

    /// What was kept under this name.
    pub(crate) fn kept(&self, name: &str) -> Option<String> {
        self.kept.read().get(name).cloned()
    }

    /// Keeps this for whoever asks for it.
    pub(crate) fn keep(&self, name: &'static str, value: String) {
        self.kept.write().insert(name, value);
    }

    /// What kind of server this is, in the words of Redis.
    pub(crate) fn mode(&self) -> &'static str {
        match self.is_cluster {
            true => "cluster",
            false => "standalone",
        }
    }

    /// The password, if one is asked for.
    pub(crate) fn password(&self) -> Option<Vec<u8>> {
        self.password.read().clone()
    }

    /// Asks for a password from here on; for none if it is empty.
    pub(crate) fn set_password(&self, password: &[u8]) {
        *self.password.write() = (!password.is_empty()).then(|| password.to_vec());
    }

    pub(crate) fn has_password(&self) -> bool {
        self.password.read().is_some()
    }

    /// Whether this is the password. Takes as long whichever byte differs.
    pub(crate) fn is_password(&self, given: &[u8]) -> bool {
        let password = self.password.read();
        let Some(password) = password.as_deref() else {
            return false;
        };
        // Every given byte is compared with one of the password's, so that the time tells nothing but
        // the length of what was given.
        let mut differs = u8::from(given.len() != password.len());
        for (at, byte) in given.iter().enumerate() {
            differs |= byte ^ password.get(at % password.len().max(1)).unwrap_or(&0);
        }
        std::hint::black_box(differs) == 0
    }

    pub(crate) fn is_debug_allowed(&self) -> bool {
        self.debug_allowed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_is_the_password() {
        let settings = Settings::default();
        assert!(!settings.is_password(b""));
        settings.set_password(b"secret");
        assert!(settings.is_password(b"secret"));
        for wrong in ["", "s", "secre", "secrets", "secretsecret", "Secret"] {
            assert!(!settings.is_password(wrong.as_bytes()), "{wrong}");
        }
        settings.set_password(b"");
        assert!(!settings.has_password());
    }
}
