//! How values of settings are written: Redis's rules and refusals.

/// What a setting's text means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// `yes` or `no`.
    Switch,
    /// A number between these two.
    Number(i64, i64),
    /// The same for bytes, with units.
    Bytes(i64, i64),
    /// One of these; its place is its number.
    OneOf(&'static [&'static str]),
}

impl Kind {
    /// A number that an `int` of Redis holds.
    pub(super) const COUNT: Self = Self::Number(0, i32::MAX as i64);

    /// What the text means, or why it means nothing.
    pub(super) fn parse(self, text: &str) -> Result<i64, String> {
        match self {
            Self::Switch => match () {
                () if text.eq_ignore_ascii_case("yes") => Ok(1),
                () if text.eq_ignore_ascii_case("no") => Ok(0),
                () => Err("argument must be 'yes' or 'no'".to_owned()),
            },
            Self::Number(least, most) => {
                let number = crate::value::number::parse_i64(text.as_bytes());
                let number = number.ok_or("argument couldn't be parsed into an integer")?;
                between(number, least, most)
            }
            Self::Bytes(least, most) => {
                let bytes = parse_bytes(text).ok_or("argument must be a memory value")?;
                between(bytes, least, most)
            }
            Self::OneOf(names) => {
                let place = names
                    .iter()
                    .position(|name| text.eq_ignore_ascii_case(name));
                let place = place.and_then(|place| i64::try_from(place).ok());
                place.ok_or_else(|| {
                    let names = names.join(", ");
                    format!("argument(s) must be one of the following: {names}")
                })
            }
        }
    }

    /// A meaning as text.
    pub(super) fn print(self, value: i64) -> String {
        match self {
            Self::Switch => if value == 0 { "no" } else { "yes" }.to_owned(),
            Self::Number(..) | Self::Bytes(..) => value.to_string(),
            Self::OneOf(names) => {
                let name = usize::try_from(value)
                    .ok()
                    .and_then(|place| names.get(place));
                (*name.unwrap_or(&"buffered")).to_owned()
            }
        }
    }
}

fn between(number: i64, least: i64, most: i64) -> Result<i64, String> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(format!(
        "argument must be between {least} and {most} inclusive"
    ))
}

/// Bytes with a unit: `k` is 1000 of them, `kb` 1024.
pub(super) fn parse_bytes(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("100b", Some(100)),
            ("10kb", Some(10_240)),
            ("1K", Some(1000)),
            ("2Mb", Some(2 << 20)),
            ("1g", Some(1_000_000_000)),
            ("1GB", Some(1 << 30)),
            ("", None),
            ("kb", None),
            ("-1", None),
            ("1.5gb", None),
            ("50%", None),
            ("1 gb", None),
            ("9223372036854775807gb", None),
            ("99999999999999999999", None),
            ("1é", None),
        ] {
            assert_eq!(parse_bytes(text), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused_as_redis_does() {
        let refused = Kind::COUNT.parse("-1").unwrap_err();
        assert_eq!(
            refused,
            "argument must be between 0 and 2147483647 inclusive"
        );
        assert!(Kind::COUNT.parse("1x").unwrap_err().contains("parsed"));
        assert!(Kind::Switch.parse("maybe").is_err());
        assert_eq!(Kind::OneOf(&["a", "b"]).parse("B"), Ok(1));
        assert_eq!(
            Kind::OneOf(&["a", "b"]).parse("c").unwrap_err(),
            "argument(s) must be one of the following: a, b"
        );
    }
}
