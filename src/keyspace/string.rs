//! The mutators of strings.

use super::entry::{Before, is_gone, tag};
use super::expiry::stored;
use super::tx::{Dropped, WriteTx};
use crate::ds::hash_trie::{INLINE_VALUE_MAX, NewPayload, OldPayload, Payload};
use crate::effect::Effect;
use crate::value::{StringValue, Value};

impl WriteTx<'_> {
    /// Lets `key` hold this string and nothing else.
    #[inline]
    pub(crate) fn set_string(&mut self, key: &[u8], value: &[u8], expires_at_ms: Option<u64>) {
        self.put_string(key, value, false, expires_at_ms);
    }

    /// As [`set_string`](Self::set_string) for a string edited in place, whose encoding is `raw`.
    #[inline]
    pub(crate) fn put_string(
        &mut self,
        key: &[u8],
        value: &[u8],
        raw: bool,
        expires_at_ms: Option<u64>,
    ) {
        let tag = if raw { tag::STRING_RAW } else { tag::STRING };
        let expires_at_ms_stored = stored(expires_at_ms);
        self.notice_before(self.batch.database, key);
        let (table, hash) = self.at(key);
        // Two calls, so that the way of an inline value knows of no large ones.
        let old = if value.len() <= INLINE_VALUE_MAX {
            let payload = NewPayload::Inline(value);
            table.insert(hash, key, tag, expires_at_ms_stored, payload)
        } else {
            let payload = NewPayload::Large(Value::String(StringValue::from_bytes(value)));
            table.insert(hash, key, tag, expires_at_ms_stored, payload)
        };
        if let OldPayload::Large(value) = old {
            self.batch.dropped.push(Dropped::Value(value));
        }
        self.batch.record(&Effect::StringSet {
            key,
            value,
            raw,
            expires_at_ms,
        });
    }

    /// Lets `key` hold this string in the place and with the deadline of the entry `before`, which was
    /// read in this operation (`None`: there was none to see). One of the same length is overwritten
    /// where it lies. The encoding becomes that of a fresh string.
    pub(crate) fn replace_string(&mut self, key: &[u8], value: &[u8], before: Option<Before>) {
        let expires_at_ms = before.and_then(|before| before.expires_at_ms);
        let fits =
            |before: Before| before.inline_bytes == Some(value.len()) && before.tag == tag::STRING;
        if before.is_some_and(fits) {
            let (table, hash) = self.at(key);
            if let Some(inline) = table.inline_mut(hash, key) {
                inline.copy_from_slice(value);
                self.batch.record(&Effect::StringSet {
                    key,
                    value,
                    raw: false,
                    expires_at_ms,
                });
                return;
            }
        }
        self.set_string(key, value, expires_at_ms);
    }

    /// Writes `bytes` at `offset` of the string at `key`, which becomes `raw`; a missing key counts
    /// as empty, and a shorter string is filled with zeros. The deadline stays. The caller has checked
    /// type and limits.
    pub(crate) fn write_string(&mut self, key: &[u8], offset: u64, bytes: &[u8]) {
        let end = offset.saturating_add(bytes.len() as u64);
        let now = self.now;
        let (table, hash) = self.at(key);
        let Some(entry) = table.keys().get(hash, key) else {
            if end <= INLINE_VALUE_MAX as u64 {
                let mut whole = vec![0; end as usize];
                whole[offset as usize..].copy_from_slice(bytes);
                let payload = NewPayload::Inline(&whole);
                table.insert(hash, key, tag::STRING_RAW, stored(None), payload);
            } else {
                let mut string = StringValue::new();
                string.write(offset, bytes);
                let payload = NewPayload::Large(Value::String(string));
                table.insert(hash, key, tag::STRING_RAW, stored(None), payload);
            }
            self.batch.arrives = true;
            self.batch
                .record(&Effect::StringWrite { key, offset, bytes });
            return;
        };
        let (was_raw, expires_at_ms) = (entry.tag == tag::STRING_RAW, entry.expires_at_ms);
        if is_gone(&entry, now) {
            // Replay, which has no clock, must build on nothing as well.
            self.erase_expired(key);
            return self.write_string(key, offset, bytes);
        }
        match entry.payload {
            Payload::Inline(old) if end <= old.len() as u64 => {
                let at = offset as usize;
                if let Some(inline) = table.inline_mut(hash, key) {
                    inline[at..at + bytes.len()].copy_from_slice(bytes);
                }
                if !was_raw {
                    table.set_tag(hash, key, tag::STRING_RAW);
                }
            }
            Payload::Inline(old) if end <= INLINE_VALUE_MAX as u64 => {
                let mut whole = Vec::with_capacity(end as usize);
                whole.extend_from_slice(old);
                whole.resize(end as usize, 0);
                whole[offset as usize..].copy_from_slice(bytes);
                let payload = NewPayload::Inline(&whole);
                table.insert(hash, key, tag::STRING_RAW, expires_at_ms, payload);
            }
            Payload::Inline(old) => {
                let mut string = StringValue::from_bytes(old);
                string.write(offset, bytes);
                let payload = NewPayload::Large(Value::String(string));
                table.insert(hash, key, tag::STRING_RAW, expires_at_ms, payload);
            }
            Payload::Large(_) => {
                table.edit(hash, key, |value| {
                    if let Value::String(string) = value {
                        string.write(offset, bytes);
                    }
                });
                if !was_raw {
                    table.set_tag(hash, key, tag::STRING_RAW);
                }
            }
        }
        self.batch
            .record(&Effect::StringWrite { key, offset, bytes });
    }
}
