//! Target `frame_decoder`: a log with any frames in it, whole or damaged. What is read back is a
//! prefix of what was written, byte for byte, or the file is refused; a cut tail alone is never a
//! reason to refuse; and the log goes on from where it was cut.

use std::sync::Arc;

use nacredb::StorageError;
use nacredb::storage::{
    Ack, BadPayload, FileInfo, FrameKind, Loader, OpenOptions, Stamp, Store, check, read_log,
};
use parking_lot::Mutex;

use super::disk::{NAME, bytes_of, disk_with};
use super::file::{Block, DATA, Frame, Image};
use super::input::Input;

/// Keeps what it is given.
#[derive(Debug, Default)]
struct Recorder {
    frames: Mutex<Vec<Vec<u8>>>,
    blocks: Mutex<Vec<Vec<u8>>>,
}

impl Loader for Recorder {
    fn begin(&self, _info: &FileInfo) -> Result<(), StorageError> {
        Ok(())
    }

    fn block(&self, _shard: u32, payload: &[u8]) -> Result<(), BadPayload> {
        self.blocks.lock().push(payload.to_vec());
        Ok(())
    }

    fn frame(&self, lsn: u64, end_lsn: u64, payload: &[u8]) -> Result<(), BadPayload> {
        assert!(lsn < end_lsn);
        self.frames.lock().push(payload.to_vec());
        Ok(())
    }
}

/// What was done to the file after it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    None,
    /// Cut at a place in the log.
    Cut,
    /// Bytes behind the log.
    Tail,
    /// A few bits anywhere.
    Flips,
    /// From some frame on, the log of another history that had the same salt and the same lengths.
    Splice,
}

/// A frame, and whether its content is what its kind must have.
fn frame(input: &mut Input<'_>) -> (Frame, bool) {
    let mut frame = Frame::data(Vec::new());
    frame.vouches = input.flag();
    frame.ops = input.short();
    match input.below(12) {
        0 => frame.kind = input.byte(),
        1 => frame.flags = input.byte(),
        2 => (frame.kind, frame.payload) = (3, vec![1; 8]),
        3 => (frame.kind, frame.payload) = (5, vec![0; input.below(64)]),
        4 => (frame.kind, frame.payload) = (1, vec![input.byte(); 40]),
        5 => frame.payload = vec![input.byte(); usize::from(input.short())],
        _ => frame.payload = input.some_bytes(300).to_vec(),
    }
    let fits = match frame.kind {
        1 => frame.payload.len() == 40,
        DATA => true,
        3 => frame.payload.len() == 8,
        5 => frame.payload.iter().all(|byte| *byte == 0),
        _ => false,
    };
    let fits = fits && frame.flags == 0;
    (frame, fits)
}

/// Puts another history's frames behind frame `at`, which differs there, and says where that is. The
/// other history's frames fit in every respect but the checksum that they name as the one before.
fn splice(image: &mut Image, places: &[u16; 4], bytes: &mut [u8], ends: &[usize]) -> Option<usize> {
    let at = usize::from(places[0]).checked_rem(image.frames.len().saturating_sub(1))?;
    let first = image.frames[at].payload.first_mut()?;
    *first ^= 0x55;
    let (other, other_ends) = image.seal();
    *image.frames[at].payload.first_mut()? ^= 0x55;
    assert_eq!(other_ends, ends);
    let from = ends[at + 1];
    bytes[from..].copy_from_slice(&other[from..]);
    Some(at + 1)
}

fn options() -> OpenOptions {
    OpenOptions::new(Stamp {
        unix_ms: 1,
        random: [9; 32],
    })
}

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut image = Image {
        salt: input.number(),
        base_lsn: u64::from(input.byte()) * 8,
        shard_bits: 0,
        blocks: Vec::new(),
        frames: Vec::new(),
    };
    let damage = match input.below(5) {
        0 => Damage::None,
        1 => Damage::Cut,
        2 => Damage::Tail,
        3 => Damage::Flips,
        _ => Damage::Splice,
    };
    let places: [u16; 4] = std::array::from_fn(|_| input.short());
    for _ in 0..input.below(3) {
        image.blocks.push(Block {
            shard: u32::from(input.byte()),
            entries: u32::from(input.byte()),
            payload: input.some_bytes(100).to_vec(),
        });
    }
    // The first frame whose content does not fit its kind ends what can be read.
    let mut sound = true;
    let mut expected = Vec::new();
    while !input.is_empty() && image.frames.len() < 40 {
        let (frame, fits) = frame(&mut input);
        sound &= fits;
        if sound && frame.kind == DATA {
            expected.push(frame.payload.clone());
        }
        image.frames.push(frame);
    }
    let (mut bytes, ends) = image.seal();
    let log_at = ends[0];
    let log_len = bytes.len() - log_at;
    let mut whole_frames = image.frames.len();
    match damage {
        Damage::None => {}
        Damage::Cut => {
            let cut = log_at + usize::from(places[0]) % (log_len + 1);
            bytes.truncate(cut);
            whole_frames = ends.iter().filter(|&&end| end <= cut).count() - 1;
        }
        Damage::Tail => {
            let tail = places.iter().flat_map(|place| place.to_le_bytes());
            let len = usize::from(places[0]) % 70;
            bytes.extend(tail.cycle().take(len));
        }
        Damage::Flips => {
            for place in &places[..1 + usize::from(places[3]) % 3] {
                let at = usize::from(*place) * 8 / 7 % bytes.len();
                bytes[at] ^= 1 << (place % 8);
            }
        }
        Damage::Splice => {
            if let Some(at) = splice(&mut image, &places, &mut bytes, &ends) {
                whole_frames = at;
            }
        }
    }

    let disk = disk_with(&bytes);
    let listed: Result<Vec<_>, _> = match read_log(disk.as_ref(), NAME, 0) {
        Ok(reader) => reader.collect(),
        Err(error) => Err(error),
    };
    let checked = check(disk.as_ref(), NAME);
    assert_eq!(bytes_of(&disk), bytes, "reading modified the file");

    let recorder = Recorder::default();
    let storage = Arc::clone(&disk) as _;
    let (store, report) = match Store::open(storage, NAME, &options(), &recorder) {
        Ok(opened) => opened,
        Err(error) => {
            let refusal = matches!(
                error,
                StorageError::Corrupt { .. }
                    | StorageError::NotADatabase { .. }
                    | StorageError::UnsupportedVersion { .. }
                    | StorageError::UnsupportedFeatures { .. }
            );
            assert!(refusal, "{error}");
            assert_eq!(bytes_of(&disk), bytes, "a refused file was modified");
            let may_prove_rot = [Damage::Flips, Damage::Tail, Damage::Splice].contains(&damage);
            let reason = may_prove_rot || !sound;
            assert!(reason, "a sound file is refused: {error}");
            if let Ok(checked) = checked {
                assert!(!checked.is_sound(), "refused ({error}) and yet sound");
            }
            return;
        }
    };
    let blocks = recorder.blocks.into_inner();
    assert!(
        blocks
            .iter()
            .eq(image.blocks.iter().map(|block| &block.payload)),
        "the snapshot's blocks"
    );
    let mut found = recorder.frames.into_inner();
    assert!(
        expected.starts_with(&found),
        "frames that were never written"
    );
    if damage != Damage::Flips {
        let whole = &image.frames[..whole_frames];
        let count = whole.iter().filter(|frame| frame.kind == DATA).count();
        assert_eq!(found.len(), count, "a whole frame was lost: {report:?}");
    }
    if let Ok(listed) = listed {
        let data = listed.iter().filter(|entry| entry.kind == FrameKind::Data);
        assert!(
            data.map(|entry| &entry.payload[..])
                .eq(found.iter().map(|frame| &frame[..]))
        );
    }

    let log = store.log();
    let at = log.append(2, 1, b"and on").expect("appended");
    log.commit(at.end_lsn, Ack::Always).expect("synced");
    store.close(3).expect("closed");
    drop(store);
    found.push(b"and on".to_vec());
    let again = Recorder::default();
    let storage = Arc::clone(&disk) as _;
    let (_store, report) = Store::open(storage, NAME, &options(), &again).expect("opened again");
    assert!(report.clean, "{report:?}");
    assert_eq!(again.frames.into_inner(), found);
}
