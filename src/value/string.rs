//! Stub until the chunked form lands.
use std::sync::Arc;

#[derive(Debug, Clone, Default)]
pub(crate) struct StringValue(Arc<Vec<u8>>);

impl StringValue {
    pub(crate) fn new() -> Self {
        Self::default()
    }
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(Arc::new(bytes.to_vec()))
    }
    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }
    pub(crate) fn as_contiguous(&self) -> Option<&[u8]> {
        Some(&self.0)
    }
    pub(crate) fn read_into(&self, offset: u64, len: u64, out: &mut Vec<u8>) {
        let start = (offset as usize).min(self.0.len());
        let end = (offset.saturating_add(len).min(self.0.len() as u64)) as usize;
        out.extend_from_slice(&self.0[start..end.max(start)]);
    }
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let vec = Arc::make_mut(&mut self.0);
        let end = offset as usize + bytes.len();
        if vec.len() < end {
            vec.resize(end, 0);
        }
        vec[offset as usize..end].copy_from_slice(bytes);
    }
    pub(crate) fn for_each_chunk(&self, from: u64, to: u64, visit: &mut dyn FnMut(u64, &[u8])) {
        let to = (to as usize).min(self.0.len());
        if (from as usize) < to {
            visit(from, &self.0[from as usize..to]);
        }
    }
    pub(crate) fn memory_bytes(&self) -> usize {
        self.0.len()
    }
}
