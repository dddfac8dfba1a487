//! Who is active: a number, or a name where the activity has a dictionary.

use std::fmt;
use std::io::Write;

use crate::activity::index::USERS_MAX;
use crate::error::{CommandError, Error};

/// A user, as it is given: a number of any type, or a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum User<'a> {
    /// A number: below 2^32 - 1, or any if the activity has a dictionary.
    Number(i128),
    /// A name in the activity's dictionary.
    Name(&'a [u8]),
}

macro_rules! from_numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for User<'_> {
            fn from(number: $number) -> Self {
                Self::Number(i128::from(number))
            }
        }
    )*};
}

from_numbers!(u8, u16, u32, u64, i32, i64, i128);

impl From<usize> for User<'_> {
    fn from(number: usize) -> Self {
        Self::Number(number as i128)
    }
}

impl<'a> From<&'a str> for User<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name.as_bytes())
    }
}

impl<'a> From<&'a String> for User<'a> {
    fn from(name: &'a String) -> Self {
        Self::Name(name.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for User<'a> {
    fn from(name: &'a [u8]) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a UserId> for User<'a> {
    fn from(user: &'a UserId) -> Self {
        match user {
            UserId::Number(number) => Self::Number(i128::from(*number)),
            UserId::Name(name) => Self::Name(name),
        }
    }
}

/// Room for the digits of a number.
pub(super) type Digits = [u8; 40];
/// An empty room.
pub(super) const NO_DIGITS: Digits = [0; 40];

impl<'a> User<'a> {
    /// The bit of a user who has no name.
    pub(super) fn number(self) -> Result<u32, Error> {
        let refuse = |text: String| Err(CommandError::Other(text.into()).into());
        match self {
            Self::Number(number) => match u32::try_from(number) {
                Ok(number) if number < USERS_MAX => Ok(number),
                Ok(_) | Err(_) => refuse(format!(
                    "ERR the user's number {number} is out of range: 0 to 4294967294 without a dictionary"
                )),
            },
            Self::Name(_) => refuse(
                "ERR the activity's users have numbers: a name needs one defined with a dictionary"
                    .to_owned(),
            ),
        }
    }

    /// The name of a user who has one: a number's is its decimal digits.
    pub(super) fn name(self, digits: &'a mut [u8]) -> &'a [u8] {
        match self {
            Self::Name(name) => name,
            Self::Number(number) => {
                let room = digits.len();
                let mut rest = &mut digits[..];
                // 40 bytes hold every number of 128 bits.
                let _fits = write!(rest, "{number}");
                let len = room - rest.len();
                &digits[..len]
            }
        }
    }
}

/// A user, as it is answered.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UserId {
    /// The user's number.
    Number(u32),
    /// The user's name in the activity's dictionary.
    Name(Vec<u8>),
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "Number({number})"),
            Self::Name(name) => write!(f, "Name(\"{}\")", name.escape_ascii()),
        }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => String::from_utf8_lossy(name).fmt(f),
        }
    }
}
