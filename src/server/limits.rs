//! Limits of what a connection may leave unread: Redis's `client-output-buffer-limit`.

/// Which limit is a connection's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputClass {
    Normal,
    Replica,
    PubSub,
}

impl OutputClass {
    /// In the order that `CONFIG GET` shows them.
    pub(crate) const ALL: [Self; 3] = [Self::Normal, Self::Replica, Self::PubSub];

    /// The name in `client-output-buffer-limit`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Replica => "slave",
            Self::PubSub => "pubsub",
        }
    }

    /// The class that settings call this.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("replica") {
            return Some(Self::Replica);
        }
        Self::ALL
            .into_iter()
            .find(|class| name.eq_ignore_ascii_case(class.name()))
    }
}

/// How many bytes may wait for a reader; 0 for any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OutputLimit {
    /// Past this it is ended at once.
    pub(crate) hard_bytes: u64,
    /// Past this it is ended after `soft_seconds`.
    pub(crate) soft_bytes: u64,
    pub(crate) soft_seconds: u64,
}

impl OutputLimit {
    /// Whether so many waiting bytes are too many by now. `over_since_ms` remembers since when the soft limit
    /// is passed.
    pub(crate) fn is_past(self, bytes: u64, over_since_ms: &mut Option<u64>, now_ms: u64) -> bool {
        if self.soft_bytes != 0 && bytes > self.soft_bytes {
            let since = *over_since_ms.get_or_insert(now_ms);
            if now_ms.saturating_sub(since) > self.soft_seconds.saturating_mul(1000) {
                return true;
            }
        } else {
            *over_since_ms = None;
        }
        self.hard_bytes != 0 && bytes > self.hard_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soft_limit_may_be_passed_for_a_while() {
        let limit = OutputLimit {
            hard_bytes: 100,
            soft_bytes: 10,
            soft_seconds: 2,
        };
        let mut since = None;
        assert!(!limit.is_past(11, &mut since, 1_000));
        assert!(!limit.is_past(50, &mut since, 3_000));
        assert!(limit.is_past(50, &mut since, 3_001));
        assert!(!limit.is_past(10, &mut since, 3_002));
        assert!(!limit.is_past(11, &mut since, 9_000));
        assert!(limit.is_past(101, &mut since, 9_000));
    }

    #[test]
    fn no_limit_is_never_passed() {
        assert!(!OutputLimit::default().is_past(u64::MAX, &mut None, u64::MAX));
    }
}
