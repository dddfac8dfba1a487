//! Effects back into state: the same mutators as live execution, with recording off.
//!
//! Called by recovery only. Invariants:
//! 1. Replay reads no clock: the transaction's time is 0, at which nothing has expired.
//! 2. An effect that cannot have been recorded in this state is refused, not bent to fit.

use super::tx::WriteTx;
use super::zset;
use crate::effect::Effect;

/// The longest string any build accepts: what the sparse representation can address.
pub(crate) const STRING_BYTES_LIMIT: u64 = 1 << 60;

/// An effect that does not fit the state it is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit;

impl WriteTx<'_> {
    /// Applies one effect.
    pub(crate) fn apply(&mut self, effect: &Effect<'_>) -> Result<(), Misfit> {
        match *effect {
            Effect::StringSet {
                key,
                value,
                raw,
                expires_at_ms,
            } => {
                self.put_string(key, value, raw, expires_at_ms);
            }
            Effect::StringWrite { key, offset, bytes } => {
                let end = offset.checked_add(bytes.len() as u64).ok_or(Misfit)?;
                if end > STRING_BYTES_LIMIT {
                    return Err(Misfit);
                }
                if let Some(entry) = self.entry(key) {
                    entry.string().map_err(|_wrong_type| Misfit)?;
                }
                self.write_string(key, offset, bytes);
            }
            Effect::KeyRemove { key } => {
                self.erase(key);
            }
            Effect::KeyExpire { key, expires_at_ms } => {
                self.expire(key, expires_at_ms);
            }
            Effect::KeyMove { from, to, database } => {
                let database = database.unwrap_or(self.batch.database);
                if !self.transfer(from, to, database, true) {
                    return Err(Misfit);
                }
            }
            Effect::KeyCopy { from, to, database } => {
                let database = database.unwrap_or(self.batch.database);
                if !self.transfer(from, to, database, false) {
                    return Err(Misfit);
                }
            }
            Effect::KeysClear => self.clear(),
            Effect::Database { index } => self.batch.database = index,
            Effect::DatabaseClear => self.clear_database(),
            Effect::DatabasesSwap { one, two } => self.swap_databases(one, two),
            Effect::ListInsert { key, index, values } => {
                self.apply_list_insert(key, index, &values)?;
            }
            Effect::ListRemove { key, index, count } => {
                self.apply_list_remove(key, index, count)?;
            }
            Effect::ListSet { key, index, value } => self.apply_list_set(key, index, value)?,
            Effect::SetAdd { .. } | Effect::SetRemove { .. } => return self.apply_set(effect),
            Effect::HashSet { .. } | Effect::HashRemove { .. } | Effect::HashExpire { .. } => {
                return self.apply_hash(effect);
            }
            Effect::ZSetAdd { key, pairs } => {
                if let Some(entry) = self.entry(key) {
                    entry.zset().map_err(|_wrong_type| Misfit)?;
                }
                let items = zset::scored(pairs).ok_or(Misfit)?;
                self.zset_restore(key, &items);
            }
            Effect::ZSetRemove { key, members } => {
                if let Some(entry) = self.entry(key) {
                    entry.zset().map_err(|_wrong_type| Misfit)?;
                }
                let members: Vec<&[u8]> = members.iter().collect();
                self.zset_remove(key, &members);
            }
        }
        Ok(())
    }

    /// Applies encoded effects that were recorded from here on.
    #[cfg(test)]
    pub(crate) fn apply_all(&mut self, encoded: &[u8]) {
        for effect in crate::effect::codec::decode(encoded) {
            let effect = effect.expect("recorded effects decode");
            self.apply(&effect).expect("recorded effects fit");
        }
    }
}
