//! How an activity was defined: its granularity, its time zone, and where its users' names are.
//!
//! Kept in the hash `NAME:activity`, so that it is saved, copied and read like everything else. `live`
//! watches that key: whoever changes it ends what was derived under the old definition.

use super::calendar::{Granularity, Zone};
use crate::error::CommandError;
use crate::keyspace::ReadTx;

/// What follows the name in the key of the definition.
pub(crate) const DEFINITION_SUFFIX: &[u8] = b"activity";
/// What follows the name in the key of the hash from users' names to numbers.
pub(crate) const IDS_SUFFIX: &[u8] = b"ids";
/// What follows the name in the key of the list of users' names, by number.
pub(crate) const NAMES_SUFFIX: &[u8] = b"names";
/// The version of the definition that is written.
const VERSION: &[u8] = b"1";

const VERSION_FIELD: &[u8] = b"version";
const GRANULARITY_FIELD: &[u8] = b"granularity";
const ZONE_FIELD: &[u8] = b"zone";
const DICTIONARY_FIELD: &[u8] = b"dictionary";

/// How an activity counts time and names its users: fixed when it is defined.
///
/// ```
/// use nacredb::{ActivityOptions, Granularity, Zone};
/// let options = ActivityOptions::new(Granularity::Day).zone(Zone::parse("+01:00")?);
/// assert_eq!(options.granularity(), Granularity::Day);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityOptions {
    granularity: Granularity,
    zone: Zone,
    dictionary: Option<Box<str>>,
}

impl Default for ActivityOptions {
    /// Days in UTC, users by number.
    fn default() -> Self {
        Self::new(Granularity::Day)
    }
}

impl ActivityOptions {
    /// Periods of this length, in UTC; users by number.
    #[must_use]
    pub fn new(granularity: Granularity) -> Self {
        Self {
            granularity,
            zone: Zone::UTC,
            dictionary: None,
        }
    }

    /// Lets days and hours begin as clocks in `zone` show.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Lets users have names, or numbers of any size, in place of numbers below 2^32 - 1. Each is given the
    /// next free number when it is first marked; both directions are kept in the same file, in the hash
    /// `DICTIONARY:ids` and the list `DICTIONARY:names`. Activities that name the same dictionary have the
    /// same users, and only those can be joined.
    #[must_use]
    pub fn named_users(mut self, dictionary: impl Into<String>) -> Self {
        self.dictionary = Some(dictionary.into().into_boxed_str());
        self
    }

    /// The length of a period.
    #[must_use]
    pub fn granularity(&self) -> Granularity {
        self.granularity
    }

    /// Whose clocks days and hours follow.
    #[must_use]
    pub fn time_zone(&self) -> &Zone {
        &self.zone
    }

    /// The name of the dictionary of users' names; `None` if users have numbers.
    #[must_use]
    pub fn dictionary(&self) -> Option<&str> {
        self.dictionary.as_deref()
    }

    /// The fields and values of the definition's hash.
    pub(crate) fn to_fields(&self) -> Vec<(&'static [u8], Vec<u8>)> {
        let mut fields: Vec<(&'static [u8], Vec<u8>)> = vec![
            (VERSION_FIELD, VERSION.to_vec()),
            (GRANULARITY_FIELD, self.granularity.to_string().into_bytes()),
            (ZONE_FIELD, self.zone.to_string().into_bytes()),
        ];
        if let Some(dictionary) = &self.dictionary {
            fields.push((DICTIONARY_FIELD, dictionary.as_bytes().to_vec()));
        }
        fields
    }

    /// How the activity of this name was defined, if it was.
    ///
    /// # Errors
    /// If what is there is no definition that this version can read.
    pub(crate) fn read(tx: &ReadTx<'_>, name: &[u8]) -> Result<Option<Self>, CommandError> {
        let Some(fields) = tx.hash(&key_of(name, DEFINITION_SUFFIX))? else {
            return Ok(None);
        };
        let text = |field: &[u8]| match fields.get(field) {
            Some(found) => match std::str::from_utf8(found.value) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(unreadable(field)),
            },
            None => Ok(None),
        };
        let need = |field: &[u8]| text(field)?.ok_or_else(|| unreadable(field));
        if need(VERSION_FIELD)?.as_bytes() != VERSION {
            return Err(unreadable(VERSION_FIELD));
        }
        let granularity = need(GRANULARITY_FIELD)?.parse();
        Ok(Some(Self {
            granularity: granularity.map_err(|_| unreadable(GRANULARITY_FIELD))?,
            zone: Zone::parse(need(ZONE_FIELD)?)?,
            dictionary: text(DICTIONARY_FIELD)?.map(Into::into),
        }))
    }
}

fn unreadable(field: &[u8]) -> CommandError {
    let field = field.escape_ascii();
    let text = format!("ERR the activity's definition cannot be read: its field '{field}'");
    CommandError::Other(text.into())
}

/// The key of an activity that ends so.
pub(crate) fn key_of(name: &[u8], suffix: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 1 + suffix.len());
    key.extend_from_slice(name);
    key.push(b':');
    key.extend_from_slice(suffix);
    key
}
