//! The sealed snapshot: blocks, the block index behind them, the footer at the end.
//!
//! Called by `file_writer` (writing), `load` and `check` (reading). Invariants:
//! 1. Blocks stand back to back from the snapshot's start, in the order of the index; the index
//!    and the footer follow at once. Nothing is left between them.
//! 2. A block's checksum covers its own place in the file, so a misdirected write does not verify.
//! 3. The index is read into memory (24 bytes per block) only after its length was checked against
//!    the room that as many blocks need: a hostile count cannot allocate more than the file holds.
//!
//! It knows nothing about what the payloads mean.

use super::backend::StorageFile;
use super::bytes::{crc, put, read_exact, u32_at, u64_at, zeroed};
use super::header::{Header, SNAPSHOT_OFFSET, corrupt};
use crate::error::StorageError;

/// Length of a block's header.
pub(super) const BLOCK_HEADER_LEN: usize = 32;
/// Length of one entry of the index.
pub(super) const INDEX_ENTRY_LEN: usize = 24;
/// Length of the footer.
pub(super) const FOOTER_LEN: usize = 64;
const BLOCK_MAGIC: [u8; 4] = *b"NBLK";
const FOOTER_MAGIC: [u8; 8] = *b"NACRSNAP";

/// One block as the index names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockEntry {
    pub(super) offset: u64,
    pub(super) shard: u32,
    pub(super) len: u32,
    pub(super) entries: u32,
    pub(super) crc: u32,
}

impl BlockEntry {
    /// Length in the file: header, payload, zeros up to a multiple of 8.
    pub(super) fn stored_len(&self) -> u64 {
        stored_len(self.len)
    }
}

/// Length in the file of a block with `payload_len` bytes of payload.
pub(super) fn stored_len(payload_len: u32) -> u64 {
    BLOCK_HEADER_LEN as u64 + ((u64::from(payload_len) + 7) & !7)
}

/// The header of a block and its entry for the index.
pub(super) fn seal_block(
    seed: u32,
    offset: u64,
    number: u32,
    shard: u32,
    entries: u32,
    payload: &[u8],
) -> ([u8; BLOCK_HEADER_LEN], BlockEntry) {
    let len = payload.len() as u32;
    let mut header = [0; BLOCK_HEADER_LEN];
    put(&mut header, 4, &BLOCK_MAGIC);
    put(&mut header, 8, &number.to_le_bytes());
    put(&mut header, 12, &shard.to_le_bytes());
    put(&mut header, 16, &len.to_le_bytes());
    put(&mut header, 20, &entries.to_le_bytes());
    put(&mut header, 24, &offset.to_le_bytes());
    let padding = payload.len().wrapping_neg() % 8;
    let sum = crc(seed, &[&header[4..], payload, &[0; 8][..padding]]);
    put(&mut header, 0, &sum.to_le_bytes());
    let entry = BlockEntry {
        offset,
        shard,
        len,
        entries,
        crc: sum,
    };
    (header, entry)
}

/// Checks the bytes of a whole block against its entry; answers the payload.
pub(super) fn open_block<'a>(
    seed: u32,
    number: u32,
    entry: &BlockEntry,
    bytes: &'a [u8],
) -> Result<&'a [u8], StorageError> {
    let fits = bytes.len() as u64 == entry.stored_len()
        && bytes[4..8] == BLOCK_MAGIC
        && u32_at(bytes, 8) == number
        && u32_at(bytes, 12) == entry.shard
        && u32_at(bytes, 16) == entry.len
        && u32_at(bytes, 20) == entry.entries
        && u64_at(bytes, 24) == entry.offset;
    if !fits {
        return Err(corrupt(entry.offset, "a snapshot block's header"));
    }
    if u32_at(bytes, 0) != entry.crc || crc(seed, &[&bytes[4..]]) != entry.crc {
        return Err(corrupt(entry.offset, "a snapshot block's checksum"));
    }
    let (payload, padding) = bytes[BLOCK_HEADER_LEN..].split_at(entry.len as usize);
    if padding.iter().any(|byte| *byte != 0) {
        return Err(corrupt(entry.offset, "a snapshot block's padding"));
    }
    Ok(payload)
}

/// What follows the blocks: index and footer, as bytes.
pub(super) fn seal_snapshot(
    seed: u32,
    snapshot_lsn: u64,
    blocks: &[BlockEntry],
    index_off: u64,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(blocks.len() * INDEX_ENTRY_LEN + FOOTER_LEN);
    let mut entries = 0u64;
    let mut blocks_crc = seed;
    for block in blocks {
        out.extend_from_slice(&block.offset.to_le_bytes());
        out.extend_from_slice(&block.shard.to_le_bytes());
        out.extend_from_slice(&block.len.to_le_bytes());
        out.extend_from_slice(&block.entries.to_le_bytes());
        out.extend_from_slice(&block.crc.to_le_bytes());
        entries += u64::from(block.entries);
        blocks_crc = crc(blocks_crc, &[&block.crc.to_le_bytes()]);
    }
    let mut footer = [0; FOOTER_LEN];
    put(&mut footer, 0, &FOOTER_MAGIC);
    put(&mut footer, 8, &(blocks.len() as u64).to_le_bytes());
    put(&mut footer, 16, &entries.to_le_bytes());
    put(&mut footer, 24, &snapshot_lsn.to_le_bytes());
    put(&mut footer, 32, &index_off.to_le_bytes());
    put(&mut footer, 40, &(out.len() as u64).to_le_bytes());
    put(&mut footer, 48, &blocks_crc.to_le_bytes());
    put(&mut footer, 52, &crc(seed, &[&out]).to_le_bytes());
    let sum = crc(seed, &[&footer[..60]]);
    put(&mut footer, 60, &sum.to_le_bytes());
    out.extend_from_slice(&footer);
    out
}

/// The verified index of a snapshot.
#[derive(Debug, Default)]
pub(super) struct SnapshotIndex {
    pub(super) blocks: Vec<BlockEntry>,
    pub(super) entries: u64,
}

/// Reads and verifies footer and index.
pub(super) fn read_index(
    file: &dyn StorageFile,
    header: &Header,
) -> Result<SnapshotIndex, StorageError> {
    let seed = header.seed();
    let end = SNAPSHOT_OFFSET + header.snapshot_len;
    if header.snapshot_len < FOOTER_LEN as u64 {
        return Err(corrupt(88, "the snapshot is too short for its footer"));
    }
    let footer_off = end - FOOTER_LEN as u64;
    let mut footer = [0; FOOTER_LEN];
    read_exact(file, &mut footer, footer_off)?;
    if footer[..8] != FOOTER_MAGIC || crc(seed, &[&footer[..60]]) != u32_at(&footer, 60) {
        return Err(corrupt(footer_off, "the snapshot's footer"));
    }
    let count = u64_at(&footer, 8);
    let index_off = u64_at(&footer, 32);
    let index_len = u64_at(&footer, 40);
    let consistent = u64_at(&footer, 24) == header.base_lsn
        && u32_at(&footer, 56) == 0
        && count <= u64::from(u32::MAX)
        && count * INDEX_ENTRY_LEN as u64 == index_len
        && index_off >= SNAPSHOT_OFFSET
        && index_off.checked_add(index_len) == Some(footer_off)
        && count * BLOCK_HEADER_LEN as u64 <= index_off - SNAPSHOT_OFFSET;
    if !consistent {
        return Err(corrupt(
            footer_off,
            "the snapshot's footer does not fit the file",
        ));
    }
    let mut bytes = zeroed(index_len as usize)?;
    read_exact(file, &mut bytes, index_off)?;
    if crc(seed, &[&bytes]) != u32_at(&footer, 52) {
        return Err(corrupt(index_off, "the snapshot's index"));
    }
    let mut index = SnapshotIndex::default();
    index
        .blocks
        .try_reserve_exact(count as usize)
        .map_err(|_| StorageError::io("allocate", std::io::ErrorKind::OutOfMemory.into()))?;
    let mut next = SNAPSHOT_OFFSET;
    let mut blocks_crc = seed;
    for (number, entry) in bytes.chunks_exact(INDEX_ENTRY_LEN).enumerate() {
        let block = BlockEntry {
            offset: u64_at(entry, 0),
            shard: u32_at(entry, 8),
            len: u32_at(entry, 12),
            entries: u32_at(entry, 16),
            crc: u32_at(entry, 20),
        };
        if block.offset != next {
            let at = index_off + (number * INDEX_ENTRY_LEN) as u64;
            return Err(corrupt(
                at,
                "the snapshot's blocks do not follow one another",
            ));
        }
        next += block.stored_len();
        index.entries += u64::from(block.entries);
        blocks_crc = crc(blocks_crc, &[&block.crc.to_le_bytes()]);
        index.blocks.push(block);
    }
    if next != index_off || index.entries != u64_at(&footer, 16) {
        return Err(corrupt(
            footer_off,
            "the snapshot's footer does not fit its index",
        ));
    }
    if blocks_crc != u32_at(&footer, 48) {
        return Err(corrupt(footer_off, "the checksum over the block checksums"));
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_opens_only_at_its_own_place() {
        let (header, entry) = seal_block(3, 8192, 0, 5, 2, b"hello");
        let mut bytes = header.to_vec();
        bytes.extend_from_slice(b"hello\0\0\0");
        assert_eq!(open_block(3, 0, &entry, &bytes).unwrap(), b"hello");
        assert!(open_block(4, 0, &entry, &bytes).is_err());
        assert!(open_block(3, 1, &entry, &bytes).is_err());
        let moved = BlockEntry {
            offset: 9000,
            ..entry
        };
        assert!(open_block(3, 0, &moved, &bytes).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open_block(3, 0, &entry, &bad).is_err(), "bit {bit}");
        }
    }
}
