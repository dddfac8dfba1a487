//! Whose clocks a moment is read from: UTC, a fixed offset, or a named zone with its clock changes.
//!
//! Called for every event that comes with a moment, from many threads: a zone never changes once it is
//! parsed. Names need the feature `zones`, which brings the time zone database along; no system file is
//! read.

use std::fmt;
use std::str::FromStr;
#[cfg(feature = "zones")]
use std::sync::Arc;

use super::{UNIX_SECONDS, date, refuse, shown};
use crate::error::CommandError;

#[cfg(feature = "zones")]
mod named;

/// A time zone: what the clocks show at a moment.
///
/// ```
/// # fn main() -> Result<(), nacredb::CommandError> {
/// use nacredb::Zone;
///
/// assert_eq!(Zone::default(), Zone::parse("UTC")?);
/// assert_eq!(Zone::parse("-03:30")?.to_string(), "-03:30");
/// assert!(Zone::parse("Nowhere/Else").is_err());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// Minutes east of UTC.
    Fixed(i16),
    #[cfg(feature = "zones")]
    Named(Arc<named::Named>),
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self {
        rule: Rule::Fixed(0),
    };

    /// The zone with this name: `UTC`, an offset such as `+02:00`, or, with the feature `zones`, a name
    /// of the IANA database such as `Europe/Berlin`, in any case.
    ///
    /// # Complexity
    /// O(clock changes of the zone).
    ///
    /// # Errors
    /// [`CommandError::Other`] if there is no such zone, or its name needs the feature `zones`.
    pub fn parse(name: &str) -> Result<Self, CommandError> {
        let rule = if name.eq_ignore_ascii_case("UTC") {
            Rule::Fixed(0)
        } else if name.starts_with(['+', '-']) {
            let minutes = offset_minutes(name.as_bytes());
            Rule::Fixed(minutes.ok_or_else(|| {
                let name = shown(name);
                refuse(format!(
                    "ERR '{name}' is no offset from UTC; one is written +02:00"
                ))
            })?)
        } else {
            named_rule(name)?
        };
        Ok(Self { rule })
    }

    /// The number of the day and the hour, 0 to 23, that its clocks show; `None` outside the calendar.
    pub(crate) fn local(&self, unix_ms: i64) -> Option<(u32, u32)> {
        let seconds = unix_ms.div_euclid(1000);
        if !UNIX_SECONDS.contains(&seconds) {
            return None;
        }
        let offset_seconds = match &self.rule {
            Rule::Fixed(minutes) => i64::from(*minutes) * 60,
            #[cfg(feature = "zones")]
            Rule::Named(zone) => zone.offset_seconds(seconds),
        };
        let local = seconds + offset_seconds;
        let day = local.div_euclid(86_400) + i64::from(date::EPOCH_DAY);
        let day = u32::try_from(day).ok().filter(|day| *day < date::DAYS)?;
        Some((day, (local.rem_euclid(86_400) / 3600) as u32))
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Rule::Fixed(0) => f.write_str("UTC"),
            Rule::Fixed(minutes) => {
                let sign = if *minutes < 0 { '-' } else { '+' };
                let minutes = minutes.unsigned_abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
            #[cfg(feature = "zones")]
            Rule::Named(zone) => f.write_str(zone.name()),
        }
    }
}

impl FromStr for Zone {
    type Err = CommandError;

    fn from_str(name: &str) -> Result<Self, CommandError> {
        Self::parse(name)
    }
}

/// `+02:00` up to 23:59 either way.
fn offset_minutes(text: &[u8]) -> Option<i16> {
    let &[sign, a, b, b':', c, d] = text else {
        return None;
    };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i16::from(byte - b'0'));
    let (hours, minutes) = (digit(a)? * 10 + digit(b)?, digit(c)? * 10 + digit(d)?);
    let total = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
    Some(if sign == b'-' { -total } else { total })
}

#[cfg(feature = "zones")]
fn named_rule(name: &str) -> Result<Rule, CommandError> {
    let unknown = || refuse(format!("ERR unknown time zone '{}'", shown(name)));
    let zone = named::Named::find(name).ok_or_else(unknown)?;
    Ok(Rule::Named(Arc::new(zone)))
}

#[cfg(not(feature = "zones"))]
fn named_rule(name: &str) -> Result<Rule, CommandError> {
    let name = shown(name);
    Err(refuse(format!(
        "ERR unknown time zone '{name}'; names such as Europe/Berlin need the cargo feature `zones`"
    )))
}
