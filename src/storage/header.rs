//! The 4096-byte header: what the file is, which features it needs, where its parts lie.
//!
//! Called by `open`, `file_writer` and `check`. Two identical copies stand at the start of the file.
//! Invariants:
//! 1. A header is written once, before its file gets its name, and never again.
//! 2. Nothing of a header is believed before its magic and its checksum fit; the version and the
//!    feature words are judged before any other field.
//! 3. The parts lie in order inside the file: headers, snapshot, log; offsets are checked here once.
//!
//! It does no I/O and decides nothing about frames or blocks.

use super::bytes::{crc, put, salt_seed, u16_at, u32_at, u64_at};
use crate::error::StorageError;

/// Length of one header copy.
pub(super) const HEADER_LEN: usize = 4096;
/// Where the snapshot starts: after both copies.
pub(super) const SNAPSHOT_OFFSET: u64 = 2 * HEADER_LEN as u64;
/// What the log's offset is a multiple of.
pub(super) const SECTION_ALIGN: u64 = 4096;
/// First bytes of every file. The high bit shows a 7-bit channel, CR LF a text conversion, 0x1A
/// stops a listing, and the lone LF shows the reverse conversion.
pub(super) const MAGIC: [u8; 12] = *b"\x89NACRE\r\n\x1a\n\0\xff";
/// Newest format this build reads and the only one that it writes.
pub(super) const MAJOR: u16 = 1;
const MINOR: u16 = 0;
/// `incompat` bit 0 stands for a layout without rename; no build writes it yet.
const KNOWN_INCOMPAT: u64 = 0;
const KNOWN_RO_COMPAT: u64 = 0;

const CRC_AT: usize = HEADER_LEN - 4;
const WRITER_AT: usize = 192;
const WRITER_MAX: usize = 31;

/// Bytes in the header that belong to the engine: hash seeds, shard count.
pub type AppBytes = [u8; 64];

/// All fields of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) minor: u16,
    pub(super) compat: u64,
    pub(super) ro_compat: u64,
    pub(super) incompat: u64,
    pub(super) file_id: [u8; 16],
    pub(super) salt: u64,
    pub(super) created_ms: u64,
    pub(super) base_lsn: u64,
    pub(super) snapshot_len: u64,
    pub(super) log_off: u64,
    pub(super) parent_id: [u8; 16],
    pub(super) parent_end_lsn: u64,
    pub(super) app: AppBytes,
    pub(super) writer: String,
}

impl Header {
    /// A header for a new file; the writer fills in the lengths when it knows them.
    pub(super) fn new(
        file_id: [u8; 16],
        salt: u64,
        created_ms: u64,
        base_lsn: u64,
        app: AppBytes,
    ) -> Self {
        Self {
            minor: MINOR,
            compat: 0,
            ro_compat: 0,
            incompat: 0,
            file_id,
            salt,
            created_ms,
            base_lsn,
            snapshot_len: 0,
            log_off: 0,
            parent_id: [0; 16],
            parent_end_lsn: 0,
            app,
            writer: concat!("nacredb ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// The seed of every checksum in this file.
    pub(super) fn seed(&self) -> u32 {
        salt_seed(self.salt)
    }

    /// The header as its 4096 bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; HEADER_LEN];
        put(&mut out, 0, &MAGIC);
        put(&mut out, 12, &MAJOR.to_le_bytes());
        put(&mut out, 14, &self.minor.to_le_bytes());
        put(&mut out, 16, &self.compat.to_le_bytes());
        put(&mut out, 24, &self.ro_compat.to_le_bytes());
        put(&mut out, 32, &self.incompat.to_le_bytes());
        put(&mut out, 40, &self.file_id);
        put(&mut out, 56, &self.salt.to_le_bytes());
        put(&mut out, 64, &self.created_ms.to_le_bytes());
        put(&mut out, 72, &self.base_lsn.to_le_bytes());
        put(&mut out, 80, &SNAPSHOT_OFFSET.to_le_bytes());
        put(&mut out, 88, &self.snapshot_len.to_le_bytes());
        put(&mut out, 96, &self.log_off.to_le_bytes());
        put(&mut out, 104, &self.parent_id);
        put(&mut out, 120, &self.parent_end_lsn.to_le_bytes());
        put(&mut out, 128, &self.app);
        let mut cut = self.writer.len().min(WRITER_MAX);
        while !self.writer.is_char_boundary(cut) {
            cut -= 1;
        }
        out[WRITER_AT] = cut as u8;
        put(&mut out, WRITER_AT + 1, &self.writer.as_bytes()[..cut]);
        seal(&mut out);
        out
    }

    /// Reads one copy. `offset` is where the copy stands, for the error.
    pub(super) fn decode(bytes: &[u8], offset: u64) -> Result<Self, HeaderFault> {
        if bytes.len() < HEADER_LEN || bytes[..MAGIC.len()] != MAGIC {
            return Err(HeaderFault::Foreign(foreign(bytes)));
        }
        // A newer major version may place its checksum elsewhere, so it is judged first.
        let major = u16_at(bytes, 12);
        let sealed =
            u32_at(bytes, CRC_AT) == crc(salt_seed(u64_at(bytes, 56)), &[&bytes[..CRC_AT]]);
        if !sealed {
            return Err(if major > MAJOR {
                HeaderFault::Newer(major)
            } else {
                HeaderFault::Damaged
            });
        }
        if major > MAJOR {
            return Err(HeaderFault::Newer(major));
        }
        let mut app = [0; 64];
        app.copy_from_slice(&bytes[128..192]);
        let mut file_id = [0; 16];
        file_id.copy_from_slice(&bytes[40..56]);
        let mut parent_id = [0; 16];
        parent_id.copy_from_slice(&bytes[104..120]);
        let writer_len = usize::from(bytes[WRITER_AT]).min(WRITER_MAX);
        let header = Self {
            minor: u16_at(bytes, 14),
            compat: u64_at(bytes, 16),
            ro_compat: u64_at(bytes, 24),
            incompat: u64_at(bytes, 32),
            file_id,
            salt: u64_at(bytes, 56),
            created_ms: u64_at(bytes, 64),
            base_lsn: u64_at(bytes, 72),
            snapshot_len: u64_at(bytes, 88),
            log_off: u64_at(bytes, 96),
            parent_id,
            parent_end_lsn: u64_at(bytes, 120),
            app,
            writer: String::from_utf8_lossy(&bytes[WRITER_AT + 1..WRITER_AT + 1 + writer_len])
                .into_owned(),
        };
        if header.incompat & !KNOWN_INCOMPAT != 0 {
            return Err(HeaderFault::Features(header.incompat & !KNOWN_INCOMPAT));
        }
        if major == 0 {
            return Err(HeaderFault::Refused(corrupt(offset, "format version 0")));
        }
        if u64_at(bytes, 80) != SNAPSHOT_OFFSET {
            return Err(HeaderFault::Refused(corrupt(
                offset,
                "the snapshot is not where this version puts it",
            )));
        }
        Ok(header)
    }

    /// Checks that the parts lie in order inside a file of `size` bytes.
    pub(super) fn check_ranges(&self, size: u64) -> Result<(), StorageError> {
        let snapshot_end = SNAPSHOT_OFFSET.checked_add(self.snapshot_len);
        let in_order = snapshot_end.is_some_and(|end| {
            self.log_off.is_multiple_of(SECTION_ALIGN)
                && end <= self.log_off
                && self.log_off - end < SECTION_ALIGN
        });
        if !in_order {
            return Err(corrupt(80, "the header's offsets do not fit together"));
        }
        if self.log_off > size {
            return Err(corrupt(
                size,
                "the file ends before its log starts; the snapshot is cut short",
            ));
        }
        // Room for every byte the log could ever get, so that LSN arithmetic cannot overflow.
        if self.base_lsn > u64::MAX / 4 || self.log_off > u64::MAX / 4 {
            return Err(corrupt(72, "the header's offsets are out of range"));
        }
        if !self.base_lsn.is_multiple_of(8) {
            return Err(corrupt(72, "the first LSN is not a multiple of 8"));
        }
        Ok(())
    }

    /// Whether the file may be opened for reading only, because of features this build lacks.
    pub(super) fn is_read_only_here(&self) -> bool {
        self.ro_compat & !KNOWN_RO_COMPAT != 0
    }
}

/// Puts the checksum over all that stands before it.
fn seal(header: &mut [u8]) {
    let seed = salt_seed(u64_at(header, 56));
    let sum = crc(seed, &[&header[..CRC_AT]]);
    put(header, CRC_AT, &sum.to_le_bytes());
}

/// Why a header copy cannot be used.
#[derive(Debug)]
pub(super) enum HeaderFault {
    /// Not one of ours; holds what it looks like.
    Foreign(&'static str),
    /// Ours, but the checksum does not fit: the other copy may.
    Damaged,
    /// Of a newer major version.
    Newer(u16),
    /// Needs features that this build does not have.
    Features(u64),
    /// Checksum fits and the content cannot be: no other copy helps.
    Refused(StorageError),
}

/// Chooses between the two copies. The flags say which of them is damaged.
pub(super) fn choose(a: &[u8], b: &[u8]) -> Result<(Header, DamagedHeaders), StorageError> {
    let first = Header::decode(a, 0);
    let second = Header::decode(b, HEADER_LEN as u64);
    match (first, second) {
        (Ok(a), Ok(b)) if a == b => Ok((a, DamagedHeaders::default())),
        (Ok(_), Ok(_)) => Err(corrupt(0, "the two headers differ")),
        (Ok(header), Err(_)) => Ok((header, DamagedHeaders { a: false, b: true })),
        (Err(HeaderFault::Damaged | HeaderFault::Foreign(_)), Ok(header)) => {
            Ok((header, DamagedHeaders { a: true, b: false }))
        }
        (Err(fault), _) => Err(match fault {
            HeaderFault::Foreign(what) => StorageError::NotADatabase { what },
            HeaderFault::Damaged => corrupt(0, "neither header's checksum fits"),
            HeaderFault::Newer(found) => StorageError::UnsupportedVersion {
                found,
                supported: MAJOR,
            },
            HeaderFault::Features(bits) => StorageError::UnsupportedFeatures { bits },
            HeaderFault::Refused(error) => error,
        }),
    }
}

/// Which header copies are damaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DamagedHeaders {
    pub(super) a: bool,
    pub(super) b: bool,
}

/// What a file without our magic looks like.
pub(super) fn foreign(bytes: &[u8]) -> &'static str {
    let known: [(&[u8], &'static str); 9] = [
        (
            b"\x89NACRE\n\x1a\n",
            "CR was removed by a text-mode transfer",
        ),
        (
            b"\x89NACRE\r\r\n",
            "LF was made CR LF by a text-mode transfer",
        ),
        (
            b"\x89NACRE\r\n\x1a\r\n",
            "LF was made CR LF by a text-mode transfer",
        ),
        (b"\x09NACRE", "the eighth bit was removed by a transfer"),
        (b"\xc2\x89NACRE", "the bytes were recoded as UTF-8 text"),
        (b"REDIS", "a Redis RDB file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"redb", "a redb database"),
        (b"*", "perhaps a Redis append-only file"),
    ];
    for (start, what) in known {
        if bytes.starts_with(start) {
            return what;
        }
    }
    if bytes.starts_with(&MAGIC) {
        return "cut off inside its headers";
    }
    if bytes.len() < HEADER_LEN {
        return "too short to hold the headers";
    }
    "it does not start with the magic bytes"
}

pub(super) fn corrupt(offset: u64, what: &'static str) -> StorageError {
    StorageError::Corrupt {
        offset,
        lsn: None,
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let mut header = Header::new(
            [7; 16],
            0x1122_3344_5566_7788,
            1_700_000_000_000,
            64,
            [9; 64],
        );
        header.snapshot_len = 64;
        header.log_off = 12_288;
        header
    }

    #[test]
    fn a_header_reads_back_as_written() {
        let bytes = header().encode();
        assert_eq!(bytes.len(), HEADER_LEN);
        assert_eq!(Header::decode(&bytes, 0).ok(), Some(header()));
    }

    #[test]
    fn every_flipped_bit_of_one_copy_is_seen_and_the_other_serves() {
        let good = header().encode();
        for bit in 0..HEADER_LEN * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let (found, damaged) = match choose(&bad, &good) {
                Ok(found) => found,
                // A flip in the version field reads as a newer version: refused, never misread.
                Err(StorageError::UnsupportedVersion { .. }) if (96..112).contains(&bit) => {
                    continue;
                }
                Err(error) => panic!("bit {bit}: {error}"),
            };
            assert_eq!(found, header(), "bit {bit}");
            assert_eq!(damaged, DamagedHeaders { a: true, b: false });
            let (found, damaged) = choose(&good, &bad).unwrap();
            assert_eq!(found, header(), "bit {bit}");
            assert_eq!(damaged, DamagedHeaders { a: false, b: true });
        }
    }

    #[test]
    fn a_newer_version_and_unknown_features_are_refused_by_name() {
        let mut bytes = header().encode();
        put(&mut bytes, 12, &2u16.to_le_bytes());
        seal(&mut bytes);
        assert!(matches!(
            choose(&bytes, &bytes),
            Err(StorageError::UnsupportedVersion {
                found: 2,
                supported: 1
            })
        ));
        let mut other = header();
        other.incompat = 0b101;
        let bytes = other.encode();
        assert!(matches!(
            choose(&bytes, &bytes),
            Err(StorageError::UnsupportedFeatures { bits: 0b101 })
        ));
        let mut other = header();
        other.ro_compat = 2;
        other.compat = 4;
        let bytes = other.encode();
        assert!(choose(&bytes, &bytes).unwrap().0.is_read_only_here());
    }

    #[test]
    fn a_mangled_magic_is_named() {
        let mut bytes = header().encode();
        bytes[0] = 0x09;
        assert!(matches!(
            choose(&bytes, &bytes),
            Err(StorageError::NotADatabase {
                what: "the eighth bit was removed by a transfer"
            })
        ));
    }

    #[test]
    fn offsets_that_do_not_fit_are_refused() {
        assert!(header().check_ranges(12_288).is_ok());
        assert!(header().check_ranges(12_287).is_err());
        for change in [
            |h: &mut Header| h.log_off = 12_289,
            |h: &mut Header| h.log_off = 16_384,
            |h: &mut Header| h.log_off = 4096,
            |h: &mut Header| h.snapshot_len = u64::MAX,
            |h: &mut Header| h.base_lsn = u64::MAX / 2,
            |h: &mut Header| h.base_lsn = 4,
        ] {
            let mut bad = header();
            change(&mut bad);
            assert!(bad.check_ranges(1 << 40).is_err(), "{bad:?}");
        }
    }
}
