//! `open`: from a file to a store that answers, each time in a new process, the file in the page cache.

use std::path::Path;

use super::child::{self, Contestant, Running};
use super::clock::measure;
use super::data::{Calls, Random, Values, key};
use super::store::Store;
use super::table::{Figures, Table, short};
use super::{keys, rounds, say, scratch};

const WORKLOAD: &str = "open";
/// With its key, 100 bytes.
const VALUE_BYTES: usize = 84;
const PART: u64 = 100_000;

/// A child's part: `make` fills files below a directory through the closure it is given, `open` finds
/// the data again.
pub(crate) fn serve<S: Store>(
    make: impl Fn(&Path, &mut dyn FnMut(&mut S)),
    open: impl Fn(&Path) -> S,
) {
    let values = Values::new(VALUE_BYTES);
    let keys = keys(1_000_000);
    child::serve(|words| match words {
        ["make", directory] => {
            make(Path::new(directory), &mut |store| {
                for from in (0..keys).step_by(PART as usize) {
                    let indices: Vec<u32> = (from..keys.min(from + PART))
                        .map(|index| index as u32)
                        .collect();
                    let keys = indices.iter().map(|&index| key(u64::from(index))).collect();
                    store.load(&Calls { indices, keys }, &values, 7);
                }
            });
            vec![("bytes", bytes_below(Path::new(directory)) as f64)]
        }
        ["open", directory] => {
            let (mut store, cost) = measure(|| open(Path::new(directory)));
            assert_eq!(store.count(), keys, "keys after opening");
            let mut random = Random::new(keys);
            for _ in 0..keys.min(100_000) {
                let index = random.below(keys);
                let expected = Some(values.of(index as u32, 7));
                assert_eq!(store.get(&key(index)).as_deref(), expected, "key {index}");
            }
            let cpu = if store.in_process() {
                cost.process.as_nanos() as f64
            } else {
                f64::NAN
            };
            vec![("wall", cost.wall.as_nanos() as f64), ("cpu", cpu)]
        }
        other => panic!("unknown line {other:?}"),
    });
}

fn bytes_below(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("the directory can be read");
    entries
        .map(|entry| {
            let entry = entry.expect("the directory can be read");
            match entry.metadata() {
                Ok(data) if data.is_dir() => bytes_below(&entry.path()),
                Ok(data) if data.is_file() => data.len(),
                Ok(_) | Err(_) => 0,
            }
        })
        .sum()
}

/// Runs all `contestants`; the first is what the others are compared with.
pub(crate) fn run(contestants: &[Contestant]) {
    child::work_if_child(WORKLOAD, contestants);
    if child::is_child() {
        return;
    }
    let keys = keys(1_000_000);
    say(&format!(
        "\n## open: {keys} keys of 16 bytes, values of {VALUE_BYTES}, files in the page cache"
    ));
    let headings = [
        "contestant",
        "wall ns a key",
        "CPU ns a key",
        "whole, ms",
        "file MB",
        "against the first",
    ];
    let mut table = Table::new(&headings);
    let chosen = child::chosen(contestants);
    let directories: Vec<_> = chosen.iter().map(|_| scratch()).collect();
    let mut bytes = Vec::new();
    for (contestant, directory) in chosen.iter().zip(&directories) {
        let line = format!("make {}", directory.path().display());
        bytes.push(Running::start(WORKLOAD, contestant).ask(&line)["bytes"]);
    }
    let mut figures = vec![<[Figures; 2]>::default(); chosen.len()];
    for _ in 0..rounds(5) {
        for (place, contestant) in chosen.iter().enumerate() {
            let line = format!("open {}", directories[place].path().display());
            let answer = Running::start(WORKLOAD, contestant).ask(&line);
            figures[place][0].note(answer["wall"] / keys as f64);
            figures[place][1].note(answer["cpu"] / keys as f64);
        }
    }
    for (place, contestant) in chosen.iter().enumerate() {
        let [wall, cpu] = &figures[place];
        table.row(vec![
            contestant.name.into(),
            wall.text(),
            short(cpu.median()),
            short(wall.median() * keys as f64 / 1e6),
            short(bytes[place] / 1e6),
            wall.ratio(&figures[0][0]),
        ]);
    }
    table.print("Opening");
}
