//! Who was active when: analytics over periods of time.
//!
//! [`calendar`] knows the periods: hours, days and weeks as consecutive numbers, and the zone they are
//! reckoned in.

pub(crate) mod calendar;
