//! Who was active when: what an activity is, and what is derived from its marks.
//!
//! [`calendar`] knows the periods: hours, days and weeks as consecutive numbers, and the zone they are
//! reckoned in. [`definition`] is what an activity is defined by, [`index`] what follows from its marks, and
//! [`live`] brings commits to the indexes that are open. `engine` settles them, `db` asks.

pub(crate) mod calendar;
pub(crate) mod definition;
pub(crate) mod index;
pub(crate) mod live;

use self::calendar::{Granularity, SUFFIX_BYTES_MAX, write_suffix};

/// Keys of up to this many bytes are made without allocating.
const SHORT_KEY_BYTES: usize = 96;

/// Calls `call` with the key that holds the marks of a period.
#[inline]
pub(crate) fn with_period_key<R>(
    name: &[u8],
    granularity: Granularity,
    period: u32,
    call: impl FnOnce(&[u8]) -> R,
) -> R {
    let mut room = [0; SUFFIX_BYTES_MAX];
    // A period past the end of the calendar has no text, and nobody marks it.
    let suffix = write_suffix(granularity, period, &mut room).unwrap_or("");
    let len = name.len() + 1 + suffix.len();
    if len > SHORT_KEY_BYTES {
        return call(&definition::key_of(name, suffix.as_bytes()));
    }
    let mut key = [0; SHORT_KEY_BYTES];
    key[..name.len()].copy_from_slice(name);
    key[name.len()] = b':';
    key[name.len() + 1..len].copy_from_slice(suffix.as_bytes());
    call(&key[..len])
}
