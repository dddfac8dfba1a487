//! The values of sets.

/// A value of this type.
#[derive(Debug, Clone, Default)]
pub(crate) struct SetValue;

impl SetValue {
    pub(crate) fn len(&self) -> u64 {
        0
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        0
    }
}
