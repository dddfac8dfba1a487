//! The values of sorted sets.

/// A value of this type.
#[derive(Debug, Clone, Default)]
pub(crate) struct ZSetValue;

impl ZSetValue {
    pub(crate) fn len(&self) -> u64 {
        0
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        0
    }
}
