//! Redis's data types over `ds`; no keys, no expiry.
//!
//! A [`Value`] is what an entry of the keyspace holds when it does not fit inline in a page.

pub(crate) mod number;
pub(crate) mod string;

pub(crate) use string::StringValue;

/// A value too large to lie inline beside its key. Clones in O(1).
#[derive(Debug, Clone)]
pub(crate) enum Value {
    String(StringValue),
}

impl Value {
    /// The type's name as `TYPE` prints it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
        }
    }
}
