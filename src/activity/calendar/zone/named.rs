//! A zone of the IANA database: a sorted table of its clock changes, searched instead of computed.
//!
//! Called by `zone` only. Invariants:
//! 1. `changes` is sorted by time and starts before the calendar, so every search finds an entry.
//! 2. From `table_end_seconds` on, the database itself is asked: by then only rules are known, and they
//!    go on for ever.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// 2100-01-01 in UTC.
const TABLE_END_SECONDS: i64 = 4_102_444_800;

/// What its clocks show, from a moment on until the next entry.
#[derive(Debug, Clone, Copy)]
struct Change {
    from_seconds: i64,
    offset_seconds: i32,
}

/// A zone with a name.
pub(super) struct Named {
    zone: TimeZone,
    changes: Vec<Change>,
}

impl Named {
    /// The zone with this name, in any case.
    pub(super) fn find(name: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        // `Etc/Unknown` would count as UTC.
        zone.iana_name().filter(|_| !zone.is_unknown())?;
        let mut changes = vec![Change {
            from_seconds: i64::MIN,
            offset_seconds: zone.to_offset(Timestamp::MIN).seconds(),
        }];
        for change in zone.following(Timestamp::MIN) {
            let from_seconds = change.timestamp().as_second();
            if from_seconds >= TABLE_END_SECONDS {
                break;
            }
            let offset_seconds = change.offset().seconds();
            // Many changes are of the law or of the name, not of the clocks.
            if changes
                .last()
                .is_some_and(|last| last.offset_seconds != offset_seconds)
            {
                changes.push(Change {
                    from_seconds,
                    offset_seconds,
                });
            }
        }
        Some(Self { zone, changes })
    }

    /// Its name as the database writes it.
    pub(super) fn name(&self) -> &str {
        self.zone.iana_name().unwrap_or_default()
    }

    /// Seconds its clocks are ahead of UTC at a moment.
    pub(super) fn offset_seconds(&self, unix_seconds: i64) -> i64 {
        if unix_seconds < TABLE_END_SECONDS {
            let after = self
                .changes
                .partition_point(|change| change.from_seconds <= unix_seconds);
            return self.changes[after - 1].offset_seconds.into();
        }
        // The last hours of the year 9999 have no timestamp of their own.
        let at = Timestamp::from_second(unix_seconds).unwrap_or(Timestamp::MAX);
        self.zone.to_offset(at).seconds().into()
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Named {}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
