//! The file format written a second time, from its description: headers, blocks, index, footer,
//! frames, with checksums that fit whatever they cover.

const HEADER_LEN: usize = 4096;
const SNAPSHOT_AT: usize = 2 * HEADER_LEN;
const FRAME_HEADER_LEN: usize = 32;
const BLOCK_HEADER_LEN: usize = 32;
const INDEX_ENTRY_LEN: usize = 24;
const FOOTER_LEN: usize = 64;
const MAGIC: &[u8; 12] = b"\x89NACRE\r\n\x1a\n\0\xff";

/// A frame that holds a transaction.
pub(crate) const DATA: u8 = 2;

/// One block of the snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    pub(crate) shard: u32,
    pub(crate) entries: u32,
    pub(crate) payload: Vec<u8>,
}

/// One frame of the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) ops: u16,
    /// Whether it says that all before it was synced, or nothing about it.
    pub(crate) vouches: bool,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn data(payload: Vec<u8>) -> Self {
        Self {
            kind: DATA,
            ops: 1,
            payload,
            ..Self::default()
        }
    }

    /// Its length in the file.
    pub(crate) fn len(&self) -> usize {
        FRAME_HEADER_LEN + padded(self.payload.len())
    }
}

/// A whole file.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) salt: u64,
    pub(crate) base_lsn: u64,
    /// Two to the power of this is the number of shards.
    pub(crate) shard_bits: u8,
    pub(crate) blocks: Vec<Block>,
    pub(crate) frames: Vec<Frame>,
}

fn padded(len: usize) -> usize {
    len.next_multiple_of(8)
}

fn crc(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

impl Image {
    /// The file's bytes, and where each frame ends in it; the first end is where the log starts.
    pub(crate) fn seal(&self) -> (Vec<u8>, Vec<usize>) {
        let seed = crc(0, &self.salt.to_le_bytes());
        let mut bytes = vec![0; SNAPSHOT_AT];
        let mut index = Vec::new();
        let mut blocks_crc = seed;
        for (number, block) in self.blocks.iter().enumerate() {
            let at = bytes.len();
            let mut whole = vec![0; BLOCK_HEADER_LEN + padded(block.payload.len())];
            put(&mut whole, 4, b"NBLK");
            put(&mut whole, 8, &(number as u32).to_le_bytes());
            put(&mut whole, 12, &block.shard.to_le_bytes());
            put(&mut whole, 16, &(block.payload.len() as u32).to_le_bytes());
            put(&mut whole, 20, &block.entries.to_le_bytes());
            put(&mut whole, 24, &(at as u64).to_le_bytes());
            put(&mut whole, BLOCK_HEADER_LEN, &block.payload);
            let sum = crc(seed, &whole[4..]);
            put(&mut whole, 0, &sum.to_le_bytes());
            bytes.extend_from_slice(&whole);
            index.extend_from_slice(&(at as u64).to_le_bytes());
            index.extend_from_slice(&block.shard.to_le_bytes());
            index.extend_from_slice(&(block.payload.len() as u32).to_le_bytes());
            index.extend_from_slice(&block.entries.to_le_bytes());
            index.extend_from_slice(&sum.to_le_bytes());
            blocks_crc = crc(blocks_crc, &sum.to_le_bytes());
        }
        let mut footer = [0; FOOTER_LEN];
        put(&mut footer, 0, b"NACRSNAP");
        put(&mut footer, 8, &(self.blocks.len() as u64).to_le_bytes());
        let entries: u64 = self
            .blocks
            .iter()
            .map(|block| u64::from(block.entries))
            .sum();
        put(&mut footer, 16, &entries.to_le_bytes());
        put(&mut footer, 24, &self.base_lsn.to_le_bytes());
        put(&mut footer, 32, &(bytes.len() as u64).to_le_bytes());
        put(&mut footer, 40, &(index.len() as u64).to_le_bytes());
        put(&mut footer, 48, &blocks_crc.to_le_bytes());
        put(&mut footer, 52, &crc(seed, &index).to_le_bytes());
        let sum = crc(seed, &footer[..60]);
        put(&mut footer, 60, &sum.to_le_bytes());
        bytes.extend_from_slice(&index);
        bytes.extend_from_slice(&footer);
        let snapshot_len = bytes.len() - SNAPSHOT_AT;
        let log_at = bytes.len().next_multiple_of(4096);
        bytes.resize(log_at, 0);
        let header = self.header(seed, snapshot_len, log_at);
        put(&mut bytes, 0, &header);
        put(&mut bytes, HEADER_LEN, &header);

        let mut ends = vec![log_at];
        let mut previous = seed;
        for frame in &self.frames {
            let lsn = self.base_lsn + (bytes.len() - log_at) as u64;
            let mut whole = vec![0; frame.len()];
            put(&mut whole, 4, &(frame.payload.len() as u32).to_le_bytes());
            put(&mut whole, 8, &lsn.to_le_bytes());
            put(&mut whole, 16, &previous.to_le_bytes());
            whole[20] = frame.kind;
            whole[21] = frame.flags;
            put(&mut whole, 22, &frame.ops.to_le_bytes());
            let durable = if frame.vouches { lsn } else { 0 };
            put(&mut whole, 24, &durable.to_le_bytes());
            put(&mut whole, FRAME_HEADER_LEN, &frame.payload);
            previous = crc(seed, &whole[4..]);
            put(&mut whole, 0, &previous.to_le_bytes());
            bytes.extend_from_slice(&whole);
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    fn header(&self, seed: u32, snapshot_len: usize, log_at: usize) -> Vec<u8> {
        let mut header = vec![0; HEADER_LEN];
        put(&mut header, 0, MAGIC);
        put(&mut header, 12, &1_u16.to_le_bytes());
        put(&mut header, 40, &[7; 16]);
        put(&mut header, 56, &self.salt.to_le_bytes());
        put(&mut header, 72, &self.base_lsn.to_le_bytes());
        put(&mut header, 80, &(SNAPSHOT_AT as u64).to_le_bytes());
        put(&mut header, 88, &(snapshot_len as u64).to_le_bytes());
        put(&mut header, 96, &(log_at as u64).to_le_bytes());
        // The engine's part: four hash seeds, the number of shards, the version of this part.
        put(&mut header, 128, &[0x5a; 32]);
        header[128 + 32] = self.shard_bits;
        header[128 + 63] = 1;
        header[192] = 4;
        put(&mut header, 193, b"fuzz");
        let sum = crc(seed, &header[..HEADER_LEN - 4]);
        put(&mut header, HEADER_LEN - 4, &sum.to_le_bytes());
        header
    }
}

/// Makes the checksums fit what stands in the file, as deep as `depth` says: 1 the headers, 2 the
/// snapshot too, 3 the log too. What cannot be followed is left alone.
pub(crate) fn reseal(bytes: &mut [u8], depth: u8) {
    if bytes.len() < SNAPSHOT_AT || depth == 0 {
        return;
    }
    for at in [0, HEADER_LEN] {
        let header = &mut bytes[at..at + HEADER_LEN];
        let seed = crc(0, &header[56..64]);
        let sum = crc(seed, &header[..HEADER_LEN - 4]);
        put(header, HEADER_LEN - 4, &sum.to_le_bytes());
    }
    let seed = crc(0, &bytes[56..64]);
    let snapshot_end = u64_at(bytes, 88)
        .checked_add(SNAPSHOT_AT as u64)
        .and_then(|end| usize::try_from(end).ok());
    if depth >= 2
        && let Some(end) = snapshot_end.filter(|&end| end <= bytes.len())
    {
        reseal_snapshot(&mut bytes[..end], seed);
    }
    let log_at = usize::try_from(u64_at(bytes, 96)).ok();
    if depth >= 3
        && let Some(at) = log_at.filter(|&at| at <= bytes.len())
    {
        let base_lsn = u64_at(bytes, 72);
        reseal_log(&mut bytes[at..], seed, base_lsn);
    }
}

fn reseal_snapshot(bytes: &mut [u8], seed: u32) {
    let Some(footer_at) = bytes
        .len()
        .checked_sub(FOOTER_LEN)
        .filter(|&at| at >= SNAPSHOT_AT)
    else {
        return;
    };
    let index_at = usize::try_from(u64_at(bytes, footer_at + 32)).unwrap_or(usize::MAX);
    let mut blocks_crc = seed;
    let mut entry_at = index_at;
    while let Some(entry_end) = entry_at
        .checked_add(INDEX_ENTRY_LEN)
        .filter(|&end| end <= footer_at)
    {
        let block_at = usize::try_from(u64_at(bytes, entry_at)).unwrap_or(usize::MAX);
        let stored = BLOCK_HEADER_LEN + padded(u32_at(bytes, entry_at + 12) as usize);
        if let Some(block_end) = block_at.checked_add(stored).filter(|&end| end <= index_at) {
            let sum = crc(seed, &bytes[block_at + 4..block_end]).to_le_bytes();
            put(bytes, block_at, &sum);
            put(bytes, entry_at + 20, &sum);
        }
        blocks_crc = crc(blocks_crc, &bytes[entry_at + 20..entry_end]);
        entry_at = entry_end;
    }
    put(bytes, footer_at + 48, &blocks_crc.to_le_bytes());
    if index_at <= footer_at {
        let sum = crc(seed, &bytes[index_at..footer_at]);
        put(bytes, footer_at + 52, &sum.to_le_bytes());
    }
    let sum = crc(seed, &bytes[footer_at..footer_at + 60]);
    put(bytes, footer_at + 60, &sum.to_le_bytes());
}

fn reseal_log(log: &mut [u8], seed: u32, base_lsn: u64) {
    let mut at = 0;
    let mut previous = seed;
    while at + FRAME_HEADER_LEN <= log.len() {
        let len = FRAME_HEADER_LEN + padded(u32_at(log, at + 4) as usize);
        let Some(frame) = log.get_mut(at..at + len) else {
            return;
        };
        let lsn = base_lsn.wrapping_add(at as u64);
        put(frame, 8, &lsn.to_le_bytes());
        put(frame, 16, &previous.to_le_bytes());
        let durable = u64_at(frame, 24).min(lsn);
        put(frame, 24, &durable.to_le_bytes());
        previous = crc(seed, &frame[4..]);
        put(frame, 0, &previous.to_le_bytes());
        at += len;
    }
}
