//! Target `effects`: state changes in blocks and frames that verify must lead to exactly the state
//! that a plain model has, or be refused where the model says that they cannot be; and stay through
//! closing, reopening and compaction.

use nacredb::storage::check;
use nacredb::{Error, StorageError};

use super::change::Change;
use super::disk::{NAME, builder, bytes_of, content, disk_with};
use super::file::{Block, Frame, Image};
use super::input::Input;
use super::model::{Misfit, Model};

/// More than this makes an input slow, not deep.
const CHANGES_MAX: usize = 200;

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut image = Image {
        salt: input.number(),
        base_lsn: u64::from(input.byte()) * 8,
        shard_bits: input.byte() % 11,
        blocks: Vec::new(),
        frames: Vec::new(),
    };
    // Garbage behind the changes of one frame: it does not decode.
    let garbage = input.below(16) == 15;
    let mut blocks = input.below(4);
    let mut model = Model::new();
    let mut outcome = Ok(());
    let mut payload = Vec::new();
    let mut entries = 0;
    for _ in 0..CHANGES_MAX {
        if input.is_empty() {
            break;
        }
        let change = Change::read(&mut input);
        if blocks > 0 && !change.fits_a_block() {
            continue;
        }
        change.encode(&mut payload);
        entries += 1;
        if outcome.is_ok() {
            outcome = model.apply(&change);
        }
        if input.below(4) == 0 {
            seal(&mut image, &mut blocks, &mut payload, &mut entries);
            model.begin();
        }
    }
    if garbage {
        payload.push(0);
        outcome = Err(Misfit);
    }
    seal(&mut image, &mut blocks, &mut payload, &mut entries);

    let (bytes, _) = image.seal();
    let disk = disk_with(&bytes);
    let db = match builder(&disk).open(NAME) {
        Ok(db) => db,
        Err(Error::Storage(StorageError::Corrupt { .. })) if outcome == Err(Misfit) => {
            assert_eq!(bytes_of(&disk), bytes, "a refused file was modified");
            return;
        }
        Err(error) => panic!("a sound file is refused: {error}"),
    };
    assert_eq!(outcome, Ok(()), "changes that cannot be were accepted");
    model.assert_held(&db);
    let before = content(&db);
    db.close().expect("closed");
    let report = check(disk.as_ref(), NAME).expect("readable");
    assert!(report.is_sound() && report.clean, "{report:?}");

    let db = builder(&disk).open(NAME).expect("opened again");
    db.compact().expect("compacted");
    assert_eq!(content(&db), before, "after compaction");
    drop(db);
    let db = builder(&disk)
        .read_only(true)
        .open(NAME)
        .expect("read only");
    assert_eq!(content(&db), before, "after compaction and reopening");
}

/// Ends a block while there are some to fill, and a frame afterwards.
fn seal(image: &mut Image, blocks: &mut usize, payload: &mut Vec<u8>, entries: &mut u32) {
    let payload = std::mem::take(payload);
    let entries = std::mem::take(entries);
    if *blocks > 0 {
        *blocks -= 1;
        image.blocks.push(Block {
            shard: 0,
            entries,
            payload,
        });
    } else {
        image.frames.push(Frame::data(payload));
    }
}
