//! Just enough JSON to write: one object a line.

use std::fmt::Write as _;

/// An object under construction.
#[derive(Debug)]
pub(crate) struct Object {
    text: String,
}

impl Object {
    pub(crate) fn new() -> Self {
        Self {
            text: "{".to_owned(),
        }
    }

    /// Adds a field whose value is JSON already.
    pub(crate) fn json(mut self, name: &str, value: &str) -> Self {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        write_string(name, &mut self.text);
        self.text.push(':');
        self.text.push_str(value);
        self
    }

    pub(crate) fn number(self, name: &str, value: u64) -> Self {
        self.json(name, &value.to_string())
    }

    pub(crate) fn bool(self, name: &str, value: bool) -> Self {
        self.json(name, if value { "true" } else { "false" })
    }

    pub(crate) fn string(self, name: &str, value: &str) -> Self {
        let mut text = String::new();
        write_string(value, &mut text);
        self.json(name, &text)
    }

    /// Bytes: as a string if they are UTF-8, else in base64 as field `NAME_base64`.
    pub(crate) fn bytes(self, name: &str, value: &[u8]) -> Self {
        match std::str::from_utf8(value) {
            Ok(text) => self.string(name, text),
            Err(_) => self.string(&format!("{name}_base64"), &base64(value)),
        }
    }

    /// The number, or `null`.
    pub(crate) fn maybe(self, name: &str, value: Option<u64>) -> Self {
        match value {
            Some(value) => self.number(name, value),
            None => self.json(name, "null"),
        }
    }

    pub(crate) fn end(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

/// An array of values that are JSON already.
pub(crate) fn array(values: &[String]) -> String {
    format!("[{}]", values.join(","))
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for symbol in text.chars() {
        match symbol {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' | '\x7f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(symbol));
            }
            _ => out.push(symbol),
        }
    }
    out.push('"');
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = group >> (18 - 6 * digit) & 63;
            let padding = digit > chunk.len();
            out.push(if padding {
                '='
            } else {
                char::from(DIGITS[value as usize])
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_escape_what_json_asks_for() {
        let object = Object::new()
            .string("a\"b", "\u{1}\n\u{e9}\\")
            .number("n", 7)
            .bool("t", true);
        assert_eq!(
            object.end(),
            "{\"a\\\"b\":\"\\u0001\\n\u{e9}\\\\\",\"n\":7,\"t\":true}"
        );
        assert_eq!(Object::new().end(), "{}");
        assert_eq!(array(&["1".into(), "{}".into()]), "[1,{}]");
    }

    #[test]
    fn bytes_that_are_no_text_become_base64() {
        let field = |value: &[u8]| Object::new().bytes("k", value).end();
        assert_eq!(field(b"abc"), "{\"k\":\"abc\"}");
        assert_eq!(field(&[255]), "{\"k_base64\":\"/w==\"}");
        assert_eq!(field(&[255, 254]), "{\"k_base64\":\"//4=\"}");
        assert_eq!(field(&[0, 255, 16]), "{\"k_base64\":\"AP8Q\"}");
        assert_eq!(
            field(&[0xfb, 0xef, 0xbe, 0x80]),
            "{\"k_base64\":\"++++gA==\"}"
        );
    }
}
