//! One log frame: 32 bytes of header, a payload, zeros up to a multiple of 8.
//!
//! Called by `log`, `scan`, `handover` and `check`. Invariants:
//! 1. A frame stands at the file position its LSN names; its checksum is seeded with the file's
//!    salt and covers everything after the checksum field, the padding included.
//! 2. `prev_crc` is the checksum of the frame before it (the file's seed for the first one).
//! 3. `durable_lsn` never exceeds the frame's own LSN: a frame claims nothing about itself.
//! 4. Frames keep their length and their LSN when they move to another file; the salt, the chain
//!    and `durable_lsn` are the new file's.
//!
//! It does no I/O.

use super::bytes::{crc, put, u16_at, u32_at, u64_at};

/// Length of a frame's header.
pub(super) const FRAME_HEADER_LEN: usize = 32;
/// The longest payload of one frame.
pub const MAX_PAYLOAD_LEN: u64 = u32::MAX as u64 - 63;
/// Payload of an OPEN frame: epoch 16, end of the log found, bytes cut, time.
pub(super) const OPEN_PAYLOAD_LEN: usize = 40;
/// Payload of a CLOSE frame: the LSN it closes at, time.
pub(super) const CLOSE_PAYLOAD_LEN: usize = 16;
/// A whole CLOSE frame.
pub(super) const CLOSE_FRAME_LEN: usize = FRAME_HEADER_LEN + CLOSE_PAYLOAD_LEN;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum FrameKind {
    /// The file was opened for writing, or got its place from a compaction.
    Open = 1,
    /// One transaction.
    Data = 2,
    /// The time of the frames that follow.
    Time = 3,
    /// Everything before it was synced and the file was closed.
    Close = 4,
    /// Nothing: room up to a sector.
    Pad = 5,
}

impl FrameKind {
    /// The kind with this number.
    pub(super) fn from_u8(kind: u8) -> Option<Self> {
        match kind {
            1 => Some(Self::Open),
            2 => Some(Self::Data),
            3 => Some(Self::Time),
            4 => Some(Self::Close),
            5 => Some(Self::Pad),
            _ => None,
        }
    }
}

/// The fields of a frame header as they stand in the file, not yet believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) crc: u32,
    pub(super) len: u32,
    pub(super) lsn: u64,
    pub(super) prev_crc: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) ops: u16,
    pub(super) durable_lsn: u64,
}

impl FrameHeader {
    /// Reads the first 32 bytes of `bytes`.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        Self {
            crc: u32_at(bytes, 0),
            len: u32_at(bytes, 4),
            lsn: u64_at(bytes, 8),
            prev_crc: u32_at(bytes, 16),
            kind: bytes[20],
            flags: bytes[21],
            ops: u16_at(bytes, 22),
            durable_lsn: u64_at(bytes, 24),
        }
    }

    /// Length of the whole frame in the file.
    pub(super) fn frame_len(&self) -> u64 {
        frame_len(self.len)
    }
}

/// Length in the file of a frame with `payload_len` bytes of payload.
pub(super) fn frame_len(payload_len: u32) -> u64 {
    FRAME_HEADER_LEN as u64 + ((u64::from(payload_len) + 7) & !7)
}

/// The checksum of a whole frame.
pub(super) fn frame_crc(seed: u32, frame: &[u8]) -> u32 {
    crc(seed, &[&frame[4..]])
}

/// Where a frame comes to stand, and what it hangs on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) seed: u32,
    pub(super) lsn: u64,
    pub(super) prev_crc: u32,
    pub(super) durable_lsn: u64,
}

/// Appends a frame to `buf`; the payload's length was checked. Answers the frame's checksum.
pub(super) fn push_frame(
    buf: &mut Vec<u8>,
    place: Place,
    kind: FrameKind,
    ops: u16,
    payload: &[u8],
) -> u32 {
    debug_assert!(payload.len() as u64 <= MAX_PAYLOAD_LEN);
    debug_assert!(place.durable_lsn <= place.lsn);
    let start = buf.len();
    let mut header = [0; FRAME_HEADER_LEN];
    put(&mut header, 4, &(payload.len() as u32).to_le_bytes());
    put(&mut header, 8, &place.lsn.to_le_bytes());
    put(&mut header, 16, &place.prev_crc.to_le_bytes());
    header[20] = kind as u8;
    put(&mut header, 22, &ops.to_le_bytes());
    put(&mut header, 24, &place.durable_lsn.to_le_bytes());
    buf.extend_from_slice(&header);
    buf.extend_from_slice(payload);
    let padding = payload.len().wrapping_neg() % 8;
    buf.extend_from_slice(&[0; 8][..padding]);
    let sum = frame_crc(place.seed, &buf[start..]);
    put(&mut buf[start..], 0, &sum.to_le_bytes());
    sum
}

/// Makes a verified frame one of another file: same length, same LSN. Answers its new checksum.
pub(super) fn reseal(frame: &mut [u8], seed: u32, prev_crc: u32, durable_lsn: u64) -> u32 {
    put(frame, 16, &prev_crc.to_le_bytes());
    put(frame, 24, &durable_lsn.to_le_bytes());
    let sum = frame_crc(seed, frame);
    put(frame, 0, &sum.to_le_bytes());
    sum
}

/// Payload of an OPEN frame.
pub(super) fn open_payload(
    epoch: &[u8; 16],
    found_end: u64,
    cut_bytes: u64,
    unix_ms: u64,
) -> [u8; OPEN_PAYLOAD_LEN] {
    let mut out = [0; OPEN_PAYLOAD_LEN];
    put(&mut out, 0, epoch);
    put(&mut out, 16, &found_end.to_le_bytes());
    put(&mut out, 24, &cut_bytes.to_le_bytes());
    put(&mut out, 32, &unix_ms.to_le_bytes());
    out
}

/// Payload of a CLOSE frame.
pub(super) fn close_payload(lsn: u64, unix_ms: u64) -> [u8; CLOSE_PAYLOAD_LEN] {
    let mut out = [0; CLOSE_PAYLOAD_LEN];
    put(&mut out, 0, &lsn.to_le_bytes());
    put(&mut out, 8, &unix_ms.to_le_bytes());
    out
}

/// What is wrong with a verified frame's content, if anything: the writer was not one of ours.
pub(super) fn content_fault(header: &FrameHeader, payload: &[u8]) -> Option<&'static str> {
    let Some(kind) = FrameKind::from_u8(header.kind) else {
        return Some("a frame of unknown kind");
    };
    if header.flags != 0 {
        return Some("a frame with unknown flags");
    }
    let fits = match kind {
        FrameKind::Open => payload.len() == OPEN_PAYLOAD_LEN,
        FrameKind::Time => payload.len() == 8,
        FrameKind::Close => payload.len() == CLOSE_PAYLOAD_LEN && u64_at(payload, 0) == header.lsn,
        FrameKind::Pad => payload.iter().all(|byte| *byte == 0),
        FrameKind::Data => true,
    };
    (!fits).then_some("a frame whose payload does not fit its kind")
}

/// The time that a verified frame carries, if its kind has one.
pub(super) fn frame_time(kind: u8, payload: &[u8]) -> Option<u64> {
    match FrameKind::from_u8(kind)? {
        FrameKind::Open => Some(u64_at(payload, 32)),
        FrameKind::Time => Some(u64_at(payload, 0)),
        FrameKind::Close => Some(u64_at(payload, 8)),
        FrameKind::Data | FrameKind::Pad => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        seed: 77,
        lsn: 64,
        prev_crc: 5,
        durable_lsn: 8,
    };

    #[test]
    fn a_frame_reads_back_as_written() {
        for len in 0..40usize {
            let payload: Vec<u8> = (0..len as u8).collect();
            let mut buf = vec![1, 2, 3];
            let sum = push_frame(&mut buf, PLACE, FrameKind::Data, 9, &payload);
            let frame = &buf[3..];
            let header = FrameHeader::decode(frame);
            assert_eq!(header.frame_len(), frame.len() as u64);
            assert_eq!(header.crc, sum);
            assert_eq!(header.crc, frame_crc(77, frame));
            assert_eq!(
                (header.lsn, header.prev_crc, header.durable_lsn),
                (64, 5, 8)
            );
            assert_eq!((header.kind, header.flags, header.ops), (2, 0, 9));
            assert_eq!(&frame[32..32 + len], &payload[..]);
            assert!(frame[32 + len..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_resealed_frame_keeps_its_place_and_fits_the_other_file_only() {
        let mut buf = Vec::new();
        push_frame(&mut buf, PLACE, FrameKind::Data, 1, b"payload");
        let before = FrameHeader::decode(&buf);
        let sum = reseal(&mut buf, 78, 6, 0);
        let after = FrameHeader::decode(&buf);
        assert_eq!((after.lsn, after.len), (before.lsn, before.len));
        assert_eq!((after.prev_crc, after.durable_lsn, after.crc), (6, 0, sum));
        assert_eq!(frame_crc(78, &buf), sum);
        assert_ne!(frame_crc(77, &buf), sum);
    }

    #[test]
    fn content_that_does_not_fit_its_kind_is_named() {
        let fault = |kind: u8, flags: u8, payload: &[u8]| {
            let header = FrameHeader {
                crc: 0,
                len: payload.len() as u32,
                lsn: 64,
                prev_crc: 0,
                kind,
                flags,
                ops: 0,
                durable_lsn: 0,
            };
            content_fault(&header, payload)
        };
        assert!(fault(2, 0, b"anything").is_none());
        assert!(fault(0, 0, b"").is_some());
        assert!(fault(6, 0, b"").is_some());
        assert!(fault(2, 1, b"").is_some());
        assert!(fault(3, 0, &[0; 7]).is_some());
        assert!(fault(3, 0, &[0; 8]).is_none());
        assert!(fault(1, 0, &[0; 39]).is_some());
        assert!(fault(4, 0, &close_payload(64, 1)).is_none());
        assert!(fault(4, 0, &close_payload(65, 1)).is_some());
        assert!(fault(5, 0, &[0, 1]).is_some());
    }
}
