//! `memory`: resident bytes for each key, fresh, after overwriting, and after removing most.

use super::child::{self, Answer, Contestant, Running};
use super::data::{Calls, Order, Values, key};
use super::store::Store;
use super::table::{Table, short};
use super::{keys, say};

const WORKLOAD: &str = "memory";
const PART: u64 = 100_000;

fn slice(from: u64, to: u64) -> Calls {
    let indices: Vec<u32> = (from..to).map(|index| index as u32).collect();
    let keys = indices.iter().map(|&index| key(u64::from(index))).collect();
    Calls { indices, keys }
}

/// A child's part.
pub(crate) fn serve<S: Store>(make: impl FnOnce() -> S) {
    let mut make = Some(make);
    let mut store = None;
    let mut base = 0;
    let mut values = Values::new(8);
    let mut keys = 0;
    child::serve(|words| match words {
        ["load", count, bytes] => {
            keys = count.parse().expect("a number");
            values = Values::new(bytes.parse().expect("a number"));
            // Room for one part of the calls exists before anything is counted.
            drop(slice(0, PART.min(keys)));
            let store = store.insert(make.take().expect("loads once")());
            base = store.resident_bytes();
            for from in (0..keys).step_by(PART as usize) {
                store.load(&slice(from, keys.min(from + PART)), &values, 0);
            }
            assert_eq!(store.count(), keys, "keys after loading");
            grown(store, base)
        }
        ["overwrite"] => {
            let store = store.as_mut().expect("loaded");
            let most = PART.min(keys) as usize;
            for part in 0..keys.div_ceil(PART) {
                let calls = Calls::new(Order::Uniform, keys, most, part);
                store.load(&calls, &values, 1);
                let last = calls.indices[most - 1];
                let expected = Some(values.of(last, 1));
                assert_eq!(
                    store.get(&calls.keys[most - 1]).as_deref(),
                    expected,
                    "overwritten"
                );
            }
            grown(store, base)
        }
        ["remove"] => {
            let store = store.as_mut().expect("loaded");
            let kept = keys / 100;
            for from in (kept..keys).step_by(PART as usize) {
                store.remove_all(&slice(from, keys.min(from + PART)));
            }
            assert_eq!(store.count(), kept, "keys after removing");
            assert!(store.get(&key(0)).is_some(), "a kept key");
            assert!(store.get(&key(keys - 1)).is_none(), "a removed key");
            // Freed memory goes back on a thread of its own; give it a moment.
            std::thread::sleep(std::time::Duration::from_millis(300));
            grown(store, base)
        }
        other => panic!("unknown line {other:?}"),
    });
}

fn grown<S: Store>(store: &S, base: u64) -> Answer {
    vec![("bytes", store.resident_bytes().saturating_sub(base) as f64)]
}

/// Runs all `contestants`; the first is what the others are compared with.
pub(crate) fn run(contestants: &[Contestant]) {
    child::work_if_child(WORKLOAD, contestants);
    if child::is_child() {
        return;
    }
    let keys = keys(1_000_000);
    say("\n## memory: resident bytes for each key, the empty store's taken off");
    for bytes in [8, 64] {
        let mut base = None;
        let headings = [
            "contestant",
            "fresh",
            "against the first",
            "every key overwritten",
            "99 % removed, of fresh",
        ];
        let mut table = Table::new(&headings);
        for contestant in child::chosen(contestants) {
            let mut child = Running::start(WORKLOAD, contestant);
            let fresh = child.ask(&format!("load {keys} {bytes}"))["bytes"];
            let overwritten = child.ask("overwrite")["bytes"];
            let removed = child.ask("remove")["bytes"];
            let base = *base.get_or_insert(fresh);
            table.row(vec![
                child.name.into(),
                short(fresh / keys as f64),
                format!("{:.2}×", fresh / base),
                short(overwritten / keys as f64),
                format!("{:.1} %", 100.0 * removed / fresh),
            ]);
        }
        table.print(&format!("{keys} keys of 16 bytes, values of {bytes}"));
    }
}
