//! Text to numbers and back, exactly as Redis reads and prints them.
//!
//! Called by INCR and its kin, by scores, and by every argument that is a number. `LongDouble` is the
//! 80-bit float of x86-64 in software: INCRBYFLOAT answers the same bytes on every machine.
//!
//! Invariants:
//! 1. What one of the parsers accepts, Redis accepts, and the other way round.
//! 2. Text of any length is refused or read in linear time; a [`LongDouble`] of at most 5 KiB - 1.
//! 3. Nothing here depends on the locale, the platform's libm or its `long double`.

mod grisu;

use rustc_apfloat::ieee::{Double, X87DoubleExtended};
use rustc_apfloat::{Float, Round, Status, StatusAnd};

/// Reads an integer as Redis does: no sign but `-`, no spaces, no leading zeros, no `-0`.
pub(crate) fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude = 0u64; // 19 digits stay below 2^64
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// The text of an integer, on the stack.
#[derive(Debug, Clone)]
pub(crate) struct I64Text {
    bytes: [u8; Self::MAX_LEN],
    start: usize,
}

impl I64Text {
    const MAX_LEN: usize = 20;

    /// The text of `number`.
    pub(crate) fn new(number: i64) -> Self {
        let mut bytes = [0; Self::MAX_LEN];
        let mut start = Self::MAX_LEN;
        let mut rest = number.unsigned_abs();
        loop {
            start -= 1;
            bytes[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            start -= 1;
            bytes[start] = b'-';
        }
        Self { bytes, start }
    }

    /// The bytes of the text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// Appends the text of `number`.
pub(crate) fn write_i64(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(I64Text::new(number).as_bytes());
}

/// A number as it was written, checked against the grammar of C's `strtod` (without `nan`, without
/// leading spaces, and consumed to its last byte).
enum Literal {
    Infinity,
    /// `digits * 10^exponent`, without zeros at either end; no digits: zero.
    Decimal {
        digits: String,
        exponent: i64,
    },
    /// `mantissa * 2^exponent`; bits that did not fit are or-ed into the lowest one.
    Hex {
        mantissa: u128,
        exponent: i64,
    },
}

/// Past this, every exponent overflows or underflows: it keeps sums of exponents in range.
const EXPONENT_LIMIT: i64 = 1 << 40;

/// A sign (negative or not) and what follows it.
fn scan(text: &[u8]) -> Option<(bool, Literal)> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let literal = match text {
        _ if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") => {
            Literal::Infinity
        }
        [b'0', b'x' | b'X', rest @ ..] => scan_hex(rest)?,
        _ => scan_decimal(text)?,
    };
    Some((negative, literal))
}

fn scan_decimal(text: &[u8]) -> Option<Literal> {
    let (whole, rest) = split_run(text, |byte| byte.is_ascii_digit());
    let (fraction, rest) = split_fraction(rest, |byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut exponent = scan_exponent(rest, b'e')? - fraction.len() as i64;
    let mut digits = String::with_capacity(whole.len() + fraction.len());
    for digit in whole
        .iter()
        .chain(fraction)
        .skip_while(|digit| **digit == b'0')
    {
        digits.push(char::from(*digit));
    }
    let kept = digits.trim_end_matches('0').len();
    exponent += (digits.len() - kept) as i64;
    digits.truncate(kept);
    Some(Literal::Decimal { digits, exponent })
}

fn scan_hex(text: &[u8]) -> Option<Literal> {
    let (whole, rest) = split_run(text, |byte| byte.is_ascii_hexdigit());
    let (fraction, rest) = split_fraction(rest, |byte| byte.is_ascii_hexdigit());
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut exponent = scan_exponent(rest, b'p')? - 4 * fraction.len() as i64;
    let mut mantissa = 0u128;
    for digit in whole.iter().chain(fraction) {
        let value = u128::from(char::from(*digit).to_digit(16)?);
        if mantissa >> 120 == 0 {
            mantissa = mantissa << 4 | value;
        } else {
            // Far below the precision of any format: only whether it is 0 matters.
            mantissa |= u128::from(value != 0);
            exponent += 4;
        }
    }
    Some(Literal::Hex { mantissa, exponent })
}

fn split_run(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| !belongs(byte))
        .unwrap_or(text.len());
    text.split_at(end)
}

fn split_fraction(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    match text {
        [b'.', rest @ ..] => split_run(rest, belongs),
        _ => (&[], text),
    }
}

/// The exponent that `text` is, 0 if it is empty, nothing if it is anything else.
fn scan_exponent(text: &[u8], letter: u8) -> Option<i64> {
    let [first, rest @ ..] = text else {
        return Some(0);
    };
    if first.to_ascii_lowercase() != letter {
        return None;
    }
    let (negative, digits) = match rest {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0, |sum: i64, digit| {
        (sum * 10 + i64::from(digit - b'0')).min(EXPONENT_LIMIT)
    });
    Some(if negative { -magnitude } else { magnitude })
}

/// The literal in the format `F`, rounded to nearest even; nothing if it is out of range: too large,
/// or not 0 and too small.
fn round<F: Float>(literal: &Literal) -> Option<F> {
    // What fits into i32 is out of every format's range long before.
    let clamp = |exponent: &i64| exponent.clamp(&-1_000_000_000, &1_000_000_000).to_owned();
    let text = match literal {
        Literal::Infinity => return Some(F::INFINITY),
        Literal::Decimal { digits, .. } if digits.is_empty() => return Some(F::ZERO),
        Literal::Hex { mantissa: 0, .. } => return Some(F::ZERO),
        Literal::Decimal { digits, exponent } => format!("{digits}e{}", clamp(exponent)),
        Literal::Hex { mantissa, exponent } => format!("0x{mantissa:x}p{}", clamp(exponent)),
    };
    let StatusAnd { status, value } = F::from_str_r(&text, Round::NearestTiesToEven).ok()?;
    (!status.contains(Status::OVERFLOW) && value.is_finite_non_zero()).then_some(value)
}

/// Reads a double as Redis does (scores, and arguments that are floats): decimal or hexadecimal,
/// `inf` and `infinity` in any case; no `nan`, no spaces, nothing that overflows or underflows to 0.
pub(crate) fn parse_double(text: &[u8]) -> Option<f64> {
    let (negative, literal) = scan(text)?;
    let (magnitude, in_range) = double(&literal);
    in_range.then_some(if negative { -magnitude } else { magnitude })
}

/// Reads a double as C's `strtod` does when all of a text must be one: up to the first zero byte, after
/// spaces, and a text of no bytes is 0; but no `nan`. So Redis reads the ends of ranges of scores, and what
/// `SORT` sorts by. Says too whether the number is in range: if not it is an infinity, or 0.
pub(crate) fn strtod(text: &[u8]) -> Option<(f64, bool)> {
    let end = text.iter().position(|&byte| byte == 0);
    let text = &text[..end.unwrap_or(text.len())];
    if text.is_empty() {
        return Some((0.0, true));
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let (_, text) = split_run(text, is_space);
    let (negative, literal) = scan(text)?;
    let (magnitude, in_range) = double(&literal);
    Some((if negative { -magnitude } else { magnitude }, in_range))
}

/// The nearest double, and whether the literal is in range: no infinity that was not written as one, and
/// no 0 that was not.
fn double(literal: &Literal) -> (f64, bool) {
    match literal {
        Literal::Decimal { digits, exponent } if !digits.is_empty() => {
            // Rust rounds correctly in linear time, but stops reading exponents at some length: so
            // give it the exponent of the first digit, which is small wherever it matters.
            let leading = (exponent + digits.len() as i64).clamp(-5000, 5000);
            let value = format!("0.{digits}e{leading}").parse().unwrap_or(0.0);
            (value, value.is_finite() && value != 0.0)
        }
        Literal::Infinity | Literal::Decimal { .. } | Literal::Hex { .. } => {
            let rounded = round::<Double>(literal).map(Double::to_bits);
            match rounded.and_then(|bits| u64::try_from(bits).ok()) {
                Some(bits) => (f64::from_bits(bits), true),
                None => match literal {
                    Literal::Hex { exponent, .. } if *exponent > 0 => (f64::INFINITY, false),
                    Literal::Hex { .. } | Literal::Infinity | Literal::Decimal { .. } => {
                        (0.0, false)
                    }
                },
            }
        }
    }
}

/// As [`strtod`], for those to whom an infinity or 0 is as good.
pub(crate) fn parse_double_like_c(text: &[u8]) -> Option<f64> {
    strtod(text).map(|(value, _)| value)
}

/// Why [`incr_by_float`] refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatError {
    /// The value or the increment is not a float ("ERR value is not a valid float").
    NotAFloat,
    /// "ERR increment would produce NaN or Infinity"
    NanOrInfinity,
}

/// The 80-bit float that Redis adds with on x86-64.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LongDouble(X87DoubleExtended);

impl LongDouble {
    /// Text this long is refused.
    const TEXT_LIMIT: usize = 5 * 1024;

    /// Reads a float by the rules of [`parse_double`], in the wider range and precision.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= Self::TEXT_LIMIT {
            return None;
        }
        let (negative, literal) = scan(text)?;
        let magnitude = round::<X87DoubleExtended>(&literal)?;
        Some(Self(if negative { -magnitude } else { magnitude }))
    }

    /// The sum, rounded to nearest even.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.add_r(other.0, Round::NearestTiesToEven).value)
    }

    /// So many seconds as milliseconds, rounded up; `None` if they do not fit.
    pub(crate) fn to_ceil_millis(self) -> Option<i64> {
        let thousand = X87DoubleExtended::from_u128(1000).value;
        let millis = self.0.mul_r(thousand, Round::NearestTiesToEven).value;
        let mut exact = false;
        let StatusAnd { status, value } = millis.to_i128_r(64, Round::TowardPositive, &mut exact);
        let fits = !status.contains(Status::INVALID_OP);
        fits.then(|| i64::try_from(value).ok()).flatten()
    }

    /// Whether it is neither infinite nor a NaN.
    pub(crate) fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// Appends the text that Redis prints for people: 17 decimals, then no zeros at the end, and no
    /// exponent. The number must be finite.
    pub(crate) fn write_human(self, out: &mut Vec<u8>) {
        let bits = self.0.to_bits();
        let mantissa = bits as u64;
        let biased = (bits >> 64) as i32 & 0x7FFF;
        // The value is mantissa * 2^exponent; the smallest two exponents mean the same.
        let exponent = biased.max(1) - 16_383 - 63;
        let start = out.len();
        if self.0.is_negative() {
            out.push(b'-');
        }
        if exponent >= 0 {
            write_shifted(mantissa, exponent.unsigned_abs(), out);
            return;
        }
        const SCALE: u128 = 10u128.pow(17);
        let scaled = shift_right_to_even(u128::from(mantissa) * SCALE, exponent.unsigned_abs());
        if scaled == 0 {
            out.truncate(start); // no "-0"
        }
        out.extend_from_slice((scaled / SCALE).to_string().as_bytes());
        let fraction = format!(".{:017}", scaled % SCALE);
        let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

/// `number / 2^by`, rounded to nearest even. `number` is below 2^127.
fn shift_right_to_even(number: u128, by: u32) -> u128 {
    if by >= u128::BITS {
        return 0;
    }
    let whole = number >> by;
    let rest = number & ((1 << by) - 1);
    let half = (1 << by) >> 1;
    whole + u128::from(rest > half || (rest == half && whole & 1 == 1))
}

/// Appends the digits of `mantissa * 2^shift`. O(shift^2).
fn write_shifted(mantissa: u64, shift: u32, out: &mut Vec<u8>) {
    const BASE: u64 = 1_000_000_000;
    let mut limbs = vec![
        mantissa % BASE,
        mantissa / BASE % BASE,
        mantissa / BASE / BASE,
    ];
    let mut left = shift;
    while left > 0 {
        let step = left.min(32);
        left -= step;
        let mut carry = 0;
        for limb in &mut limbs {
            // Below 10^9 * 2^32 + 2^33, which fits.
            let product = (*limb << step) + carry;
            *limb = product % BASE;
            carry = product / BASE;
        }
        while carry > 0 {
            limbs.push(carry % BASE);
            carry /= BASE;
        }
    }
    while limbs.len() > 1 && limbs.last() == Some(&0) {
        limbs.pop();
    }
    let mut digits = String::with_capacity(limbs.len() * 9);
    for (i, limb) in limbs.iter().rev().enumerate() {
        digits += &if i == 0 {
            limb.to_string()
        } else {
            format!("{limb:09}")
        };
    }
    out.extend_from_slice(digits.as_bytes());
}

/// What INCRBYFLOAT stores and answers.
///
/// # Errors
/// If one of the texts is not a float, or the sum is not finite.
pub(crate) fn incr_by_float(current: &[u8], increment: &[u8]) -> Result<Vec<u8>, FloatError> {
    let current = LongDouble::parse(current).ok_or(FloatError::NotAFloat)?;
    let increment = LongDouble::parse(increment).ok_or(FloatError::NotAFloat)?;
    let sum = current.plus(increment);
    if !sum.is_finite() {
        return Err(FloatError::NanOrInfinity);
    }
    let mut text = Vec::new();
    sum.write_human(&mut text);
    Ok(text)
}

/// Appends a text that reads back as `number`, the one that Redis 7.2 and later print (the shortest in
/// 99.9 % of the cases): integers in plain digits up to 2^62, an exponent for what is very large or
/// very small. Earlier servers print 17 digits instead.
pub(crate) fn write_double(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        out.extend_from_slice(b"nan");
        return;
    }
    if number.is_sign_negative() {
        out.push(b'-');
    }
    let magnitude = number.abs();
    if magnitude.is_infinite() {
        out.extend_from_slice(b"inf");
        return;
    }
    const PLAIN_LIMIT: f64 = (1u64 << 62) as f64;
    if magnitude <= PLAIN_LIMIT && magnitude.fract() == 0.0 {
        write_i64(magnitude as i64, out);
        return;
    }
    let digits = grisu::digits(magnitude);
    write_layout(digits.as_bytes(), digits.exponent, out);
}

/// Appends `digits * 10^exponent`.
fn write_layout(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    let count = digits.len() as i32;
    // Of the first digit.
    let leading = exponent + count - 1;
    if exponent >= 0 && leading < count + 7 {
        out.extend_from_slice(digits);
        out.resize(out.len() + exponent.unsigned_abs() as usize, b'0');
    } else if exponent < 0 && (exponent > -7 || leading.abs() < 4) {
        let point = count + exponent;
        if point <= 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + point.unsigned_abs() as usize, b'0');
            out.extend_from_slice(digits);
        } else {
            let (whole, fraction) = digits.split_at(point.unsigned_abs() as usize);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    } else {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if leading < 0 { b"e-" } else { b"e+" });
        write_i64(i64::from(leading.abs()), out);
    }
}

#[cfg(test)]
mod tests;
