//! Target `open_bytes`: any bytes under a database's name. Opening refuses them, or opens a database
//! that is the same when it is opened again; refused bytes stay as they are.
//!
//! The first byte says how: as they are, or as patches on a small sound file whose checksums are then
//! made to fit again, so that what lies behind the checksums is reached too.

use nacredb::storage::{check, read_log};

use super::change::Change;
use super::disk::{NAME, builder, bytes_of, content, disk_with, is_a_refusal};
use super::file::{Block, Frame, Image, reseal};
use super::input::Input;

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(5) {
        0 => open(input.rest()),
        depth => {
            let mut bytes = template(&mut input);
            while !input.is_empty() {
                patch(&mut bytes, &mut input);
            }
            reseal(&mut bytes, depth as u8 - 1);
            open(&bytes);
        }
    }
}

/// A sound file with a block and a few frames.
fn template(input: &mut Input<'_>) -> Vec<u8> {
    let mut image = Image {
        salt: 3,
        base_lsn: 64,
        shard_bits: 2,
        blocks: Vec::new(),
        frames: Vec::new(),
    };
    let shape = input.byte();
    for number in 0..shape % 3 {
        let mut payload = Vec::new();
        for key in 0..3 {
            let change = Change::Set {
                key: vec![b'a' + number, key],
                value: vec![key; 9],
                raw: false,
                deadline: None,
            };
            change.encode(&mut payload);
        }
        image.blocks.push(Block {
            shard: u32::from(number),
            entries: 3,
            payload,
        });
    }
    for _ in 0..shape / 3 % 4 {
        let mut payload = Vec::new();
        Change::read(input).encode(&mut payload);
        image.frames.push(Frame::data(payload));
    }
    image.seal().0
}

/// Overwrites, cuts or lengthens.
fn patch(bytes: &mut Vec<u8>, input: &mut Input<'_>) {
    // Where something stands: header fields, the snapshot's parts, the log.
    let area = [0, 56, 72, 80, 128, 4096, 8192][input.below(7)];
    let at = match input.below(4) {
        0 => area + usize::from(input.byte()),
        1 => usize::from(input.short()),
        _ => bytes.len().saturating_sub(usize::from(input.short()) % 600),
    };
    match input.below(8) {
        0 => bytes.truncate(at),
        1 => bytes.extend_from_slice(input.some_bytes(500)),
        2 => {
            let number = input.number().to_le_bytes();
            overwrite(bytes, at & !7, &number);
            // Both headers, or neither fits the other.
            if at < 4096 {
                overwrite(bytes, (at & !7) + 4096, &number);
            }
        }
        _ => overwrite(bytes, at, input.some_bytes(40)),
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (index, byte) in with.iter().enumerate() {
        if let Some(place) = bytes.get_mut(at + index) {
            *place = *byte;
        }
    }
}

fn open(bytes: &[u8]) {
    let disk = disk_with(bytes);
    let _checked = check(disk.as_ref(), NAME);
    if let Ok(reader) = read_log(disk.as_ref(), NAME, 0) {
        // An error is the last item: the walk ends.
        assert!(reader.count() <= bytes.len() / 32 + 1);
    }
    let read_only = builder(&disk)
        .read_only(true)
        .open(NAME)
        .map(|db| content(&db));
    assert_eq!(bytes_of(&disk), bytes, "reading modified the file");
    let db = match builder(&disk).open(NAME) {
        Ok(db) => db,
        Err(error) => {
            assert!(is_a_refusal(&error), "{error}");
            assert_eq!(bytes_of(&disk), bytes, "a refused file was modified");
            return;
        }
    };
    let before = content(&db);
    match read_only {
        Ok(read_only) => assert_eq!(read_only, before, "read only and writable differ"),
        // An empty file is a new database to a writer, and nothing to a reader.
        Err(error) => assert!(bytes.is_empty(), "only a writer can open it: {error}"),
    }
    db.close().expect("closed");
    let report = check(disk.as_ref(), NAME).expect("readable");
    // A damaged header copy serves until a compaction writes both anew.
    assert!(
        report.clean
            && report
                .damage
                .iter()
                .all(|damage| damage.offset < 8192 || damage.lsn.is_none())
    );
    let db = builder(&disk).open(NAME).expect("opened again");
    assert_eq!(content(&db), before, "opened again");
}
