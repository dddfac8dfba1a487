//! What a command answers to a caller that spoke in words.

use std::borrow::Cow;

use crate::error::CommandError;

/// A reply in Redis's shapes. [`Db::execute`](crate::Db::execute) returns it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// Nothing: a missing key, a condition not met.
    Nil,
    /// A status line such as `OK`.
    Status(Cow<'static, str>),
    /// An integer; also how Redis answers yes (1) and no (0).
    Int(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// Several replies in order.
    Array(Vec<Reply>),
    /// The error of a command inside a transaction: an element of what `EXEC` answers.
    Error(CommandError),
    /// Pairs; a flat array of twice as many elements to a client of the second protocol version.
    Map(Vec<(Reply, Reply)>),
}

impl Reply {
    /// The status `OK`.
    #[must_use]
    pub fn ok() -> Self {
        Self::Status(Cow::Borrowed("OK"))
    }

    /// The bytes of a bulk or a status reply.
    ///
    /// ```
    /// use nacredb::Reply;
    /// assert_eq!(Reply::Bulk(b"v".to_vec()).as_bytes(), Some(&b"v"[..]));
    /// assert_eq!(Reply::Nil.as_bytes(), None);
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bulk(bytes) => Some(bytes),
            Self::Status(text) => Some(text.as_bytes()),
            Self::Nil | Self::Int(_) | Self::Array(_) | Self::Map(_) | Self::Error(_) => None,
        }
    }

    /// The number of an integer reply.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Nil
            | Self::Status(_)
            | Self::Bulk(_)
            | Self::Array(_)
            | Self::Map(_)
            | Self::Error(_) => None,
        }
    }
}

impl From<()> for Reply {
    fn from((): ()) -> Self {
        Self::ok()
    }
}

impl From<i64> for Reply {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Reply {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Reply {
    fn from(yes: bool) -> Self {
        Self::Int(i64::from(yes))
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::Bulk(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bulk(bytes)
    }
}

impl<T: Into<Reply>> From<Option<T>> for Reply {
    fn from(reply: Option<T>) -> Self {
        reply.map_or(Self::Nil, Into::into)
    }
}

impl<T: Into<Reply>> From<Vec<T>> for Reply {
    fn from(replies: Vec<T>) -> Self {
        Self::Array(replies.into_iter().map(Into::into).collect())
    }
}
