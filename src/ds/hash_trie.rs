//! A plain ordered map behind the trie's interface, until the page trie lands.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

pub const NO_DEADLINE: u64 = u64::MAX;
pub const INLINE_VALUE_MAX: usize = 1024;

#[derive(Debug, Clone)]
enum Stored<L> {
    Inline(Vec<u8>),
    Large(L),
}

#[derive(Debug, Clone)]
struct Entry<L> {
    tag: u8,
    expires_at_ms: u64,
    value: Stored<L>,
}

#[derive(Debug, Clone)]
pub struct HashTrie<L, S = ahash::RandomState> {
    map: Arc<BTreeMap<(u64, Vec<u8>), Entry<L>>>,
    hasher: S,
    skip_bits: u32,
}

#[derive(Debug, Clone, Copy)]
pub enum Payload<'a, L> {
    Inline(&'a [u8]),
    Large(&'a L),
}

#[derive(Debug, Clone, Copy)]
pub struct EntryRef<'a, L> {
    pub key: &'a [u8],
    pub tag: u8,
    pub expires_at_ms: u64,
    pub payload: Payload<'a, L>,
}

#[derive(Debug)]
pub enum NewPayload<'a, L> {
    Inline(&'a [u8]),
    Large(L),
}

#[derive(Debug)]
pub enum OldPayload<L> {
    None,
    Inline,
    Large(L),
}

fn entry_ref<'a, L>(key: &'a [u8], entry: &'a Entry<L>) -> EntryRef<'a, L> {
    EntryRef {
        key,
        tag: entry.tag,
        expires_at_ms: entry.expires_at_ms,
        payload: match &entry.value {
            Stored::Inline(bytes) => Payload::Inline(bytes),
            Stored::Large(large) => Payload::Large(large),
        },
    }
}

impl<L: Clone, S: BuildHasher + Clone> HashTrie<L, S> {
    pub fn new(hasher: S) -> Self {
        Self::with_skip_bits(hasher, 0)
    }
    pub fn with_skip_bits(hasher: S, skip_bits: u32) -> Self {
        Self {
            map: Arc::new(BTreeMap::new()),
            hasher,
            skip_bits,
        }
    }
    pub fn hash_key(hasher: &S, key: &[u8]) -> u64 {
        hasher.hash_one(key)
    }
    fn at(&self, hash: u64, key: &[u8]) -> (u64, Vec<u8>) {
        (hash << self.skip_bits >> self.skip_bits, key.to_vec())
    }
    pub fn len(&self) -> usize {
        self.map.len()
    }
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_, L>> {
        self.map
            .get_key_value(&self.at(hash, key))
            .map(|(k, e)| entry_ref(&k.1, e))
    }
    pub fn insert(
        &mut self,
        hash: u64,
        key: &[u8],
        tag: u8,
        expires_at_ms: u64,
        value: NewPayload<'_, L>,
    ) -> OldPayload<L> {
        let at = self.at(hash, key);
        let value = match value {
            NewPayload::Inline(bytes) => Stored::Inline(bytes.to_vec()),
            NewPayload::Large(large) => Stored::Large(large),
        };
        let old = Arc::make_mut(&mut self.map).insert(
            at,
            Entry {
                tag,
                expires_at_ms,
                value,
            },
        );
        old.map_or(OldPayload::None, |old| match old.value {
            Stored::Inline(_) => OldPayload::Inline,
            Stored::Large(large) => OldPayload::Large(large),
        })
    }
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<OldPayload<L>> {
        let at = self.at(hash, key);
        Arc::make_mut(&mut self.map)
            .remove(&at)
            .map(|old| match old.value {
                Stored::Inline(_) => OldPayload::Inline,
                Stored::Large(large) => OldPayload::Large(large),
            })
    }
    fn entry_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Entry<L>> {
        let at = self.at(hash, key);
        Arc::make_mut(&mut self.map).get_mut(&at)
    }
    pub fn inline_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut [u8]> {
        match &mut self.entry_mut(hash, key)?.value {
            Stored::Inline(bytes) => Some(bytes),
            Stored::Large(_) => None,
        }
    }
    pub fn large_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut L> {
        match &mut self.entry_mut(hash, key)?.value {
            Stored::Inline(_) => None,
            Stored::Large(large) => Some(large),
        }
    }
    pub fn set_expires_at_ms(&mut self, hash: u64, key: &[u8], expires_at_ms: u64) -> bool {
        self.entry_mut(hash, key)
            .map(|entry| entry.expires_at_ms = expires_at_ms)
            .is_some()
    }
    pub fn set_tag(&mut self, hash: u64, key: &[u8], tag: u8) -> bool {
        self.entry_mut(hash, key)
            .map(|entry| entry.tag = tag)
            .is_some()
    }
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_, L>> {
        self.map.iter().map(|(k, e)| entry_ref(&k.1, e))
    }
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(EntryRef<'_, L>)) -> u64 {
        let mut seen = 0;
        for (key, entry) in self.map.range((cursor, Vec::new())..) {
            if seen >= 8 && key.0 > cursor {
                return key.0;
            }
            visit(entry_ref(&key.1, entry));
            seen += 1;
        }
        0
    }
    pub fn random(&self, random: u64, _random2: u64) -> Option<EntryRef<'_, L>> {
        let len = self.map.len() as u64;
        if len == 0 {
            return None;
        }
        self.iter().nth((random % len) as usize)
    }
    pub fn next_expiry_ms(&self) -> u64 {
        self.map
            .values()
            .map(|e| e.expires_at_ms)
            .min()
            .unwrap_or(NO_DEADLINE)
    }
    pub fn collect_expired(
        &mut self,
        now_ms: u64,
        limit: usize,
        found: &mut dyn FnMut(&[u8], u64),
    ) -> bool {
        let mut count = 0;
        for ((_, key), entry) in self.map.iter() {
            if entry.expires_at_ms <= now_ms {
                if count == limit {
                    return true;
                }
                found(key, entry.expires_at_ms);
                count += 1;
            }
        }
        false
    }
    pub fn with_deadline_count(&self) -> usize {
        self.map
            .values()
            .filter(|e| e.expires_at_ms != NO_DEADLINE)
            .count()
    }
    pub fn memory_bytes(&self) -> usize {
        self.map.len() * 100
    }
}
