//! docs/file-format.md must show what the code writes.

use super::super::block::{FOOTER_LEN, seal_block, seal_snapshot};
use super::super::bytes::{crc, salt_seed};
use super::super::frame::{FRAME_HEADER_LEN, Place, push_frame};
use super::super::header::{HEADER_LEN, Header, MAGIC};
use super::super::*;

const DOC: &str = include_str!("../../../docs/file-format.md");
const SALT: u64 = 0x0123_4567_89ab_cdef;

/// Sixteen bytes a line, as `xxd -g1` shows them.
fn dump(bytes: &[u8], offset: usize) -> Vec<String> {
    let line = |(number, bytes): (usize, &[u8])| {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:08x}: {}", offset + number * 16, hex.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

fn assert_shown(what: &str, bytes: &[u8], offset: usize) {
    let missing: Vec<_> = dump(bytes, offset)
        .into_iter()
        .filter(|line| !DOC.contains(line.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "{what}: the page lacks\n{}",
        missing.join("\n")
    );
}

#[test]
fn the_worked_example_is_what_the_code_writes() {
    let seed = salt_seed(SALT);
    assert!(
        DOC.contains(&format!("`{seed:#010x}`")),
        "seed {seed:#010x}"
    );
    let id: Vec<u8> = (0..16).collect();
    let mut header = Header::new([0; 16], SALT, 1_700_000_000_000, 64, [0; 64]);
    header.file_id.copy_from_slice(&id);
    header.writer = "nacredb 0.1.0".to_owned();
    header.snapshot_len = 48 + 24 + 64;
    header.log_off = 12_288;
    let bytes = header.encode();
    assert_shown("header", &bytes[..128], 0);
    assert_shown("header's end", &bytes[HEADER_LEN - 16..], HEADER_LEN - 16);
    let (block, entry) = seal_block(seed, 8192, 0, 3, 1, b"snapshot");
    assert_shown("block", &[&block[..], b"snapshot"].concat(), 8192);
    let tail = seal_snapshot(seed, 64, &[entry], 8192 + 40);
    assert_eq!(tail.len(), 24 + FOOTER_LEN);
    assert_shown("index and footer", &tail, 8192 + 40);
    let mut log = Vec::new();
    let place = Place {
        seed,
        lsn: 64,
        prev_crc: seed,
        durable_lsn: 64,
    };
    let first = push_frame(&mut log, place, FrameKind::Data, 1, b"hello");
    let place = Place {
        lsn: 64 + log.len() as u64,
        prev_crc: first,
        ..place
    };
    push_frame(
        &mut log,
        place,
        FrameKind::Time,
        0,
        &1_700_000_000_123u64.to_le_bytes(),
    );
    assert_shown("frames", &log, 12_288);
    assert_eq!(crc(0, &[&SALT.to_le_bytes()]), seed);
}

#[test]
fn the_tables_name_the_lengths_and_kinds_of_the_code() {
    let magic: Vec<_> = MAGIC.iter().map(|byte| format!("{byte:02X}")).collect();
    for needed in [
        magic.join(" "),
        format!("{HEADER_LEN} bytes"),
        format!("{FRAME_HEADER_LEN} bytes"),
        format!("{MAX_PAYLOAD_LEN}"),
    ] {
        assert!(DOC.contains(&needed), "the page lacks {needed}");
    }
    for kind in [
        FrameKind::Open,
        FrameKind::Data,
        FrameKind::Time,
        FrameKind::Close,
        FrameKind::Pad,
    ] {
        let row = format!(
            "| {} | {} |",
            kind as u8,
            format!("{kind:?}").to_uppercase()
        );
        assert!(DOC.contains(&row), "the page lacks {row}");
    }
}

#[test]
fn every_test_that_the_durability_page_names_exists() {
    let page = include_str!("../../../docs/durability.md");
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/storage/tests");
    let mut named = 0;
    for quoted in page.split('`').skip(1).step_by(2) {
        let Some((module, test)) = quoted.split_once("::") else {
            continue;
        };
        if test == ".." {
            continue;
        }
        let source = std::fs::read_to_string(dir.join(format!("{module}.rs"))).unwrap();
        assert!(
            source.contains(&format!("fn {test}(")),
            "{quoted} does not exist"
        );
        named += 1;
    }
    assert!(named > 20, "{named}");
}
