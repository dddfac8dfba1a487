//! `compaction_stall`: how long one writer ever waits while everything is written anew.
//!
//! On a machine with as many busy threads as cores, the longest wait is often the scheduler's. The row
//! "spinning" shows how much: the same writer beside a thread that only burns its core.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::child::{self, Answer, Contestant, Running};
use super::clock::{Latencies, measure, now};
use super::data::{Calls, Random, Values, key};
use super::store::Store;
use super::table::{Figures, Table, short};
use super::{keys, rounds, say};

const WORKLOAD: &str = "compaction_stall";
const VALUE_BYTES: usize = 64;
const PART: u64 = 100_000;

/// A store that can write its state anew while it is written to.
pub(crate) trait Compacts: Store + Send {
    /// Does so, and waits for the end.
    fn compact(&mut self);
    /// Closes it and opens what it has written.
    fn reopen(self) -> Self;
}

/// A child's part.
pub(crate) fn serve<S: Compacts>(store: S) {
    let keys = keys(1_000_000);
    let mut child = Child {
        store: Some(store),
        keys,
        values: Values::new(VALUE_BYTES),
        versions: Vec::new(),
    };
    child::serve(|words| match words {
        ["load"] => child.load(),
        ["phase", phase] => child.phase(phase),
        ["check"] => child.check(),
        other => panic!("unknown line {other:?}"),
    });
}

struct Child<S> {
    store: Option<S>,
    keys: u64,
    values: Values,
    versions: Vec<u32>,
}

impl<S: Compacts> Child<S> {
    fn store(&mut self) -> &mut S {
        self.store.as_mut().expect("open")
    }

    fn load(&mut self) -> Answer {
        self.versions = vec![0; self.keys as usize];
        let store = self.store.as_mut().expect("open");
        for from in (0..self.keys).step_by(PART as usize) {
            let indices: Vec<u32> = (from..self.keys.min(from + PART))
                .map(|i| i as u32)
                .collect();
            let keys = indices.iter().map(|&index| key(u64::from(index))).collect();
            store.load(&Calls { indices, keys }, &self.values, 0);
        }
        Vec::new()
    }

    fn phase(&mut self, phase: &str) -> Answer {
        let mut beside = self.store().handle().expect("can be shared");
        let mut writer = self.store().handle().expect("can be shared");
        let ended = AtomicBool::new(false);
        let keys = self.keys;
        let (values, versions) = (&self.values, &mut self.versions);
        let ((mut latencies, whole), cost) = measure(|| {
            std::thread::scope(|scope| {
                let writer = scope.spawn(|| {
                    let mut random = Random::new(now().elapsed().as_nanos() as u64 ^ keys);
                    let mut latencies = Latencies::with_capacity(1 << 22);
                    let mut before = now();
                    while !ended.load(Ordering::Relaxed) {
                        let index = random.below(keys) as u32;
                        let version = &mut versions[index as usize];
                        *version += 1;
                        let (name, value) = (key(u64::from(index)), values.of(index, *version));
                        writer.set(&name, value);
                        let after = now();
                        latencies.note(after.duration_since(before));
                        before = after;
                    }
                    latencies
                });
                let quiet = Duration::from_millis(if super::is_smoke() { 200 } else { 1500 });
                let started = now();
                match phase {
                    "quiet" => std::thread::sleep(quiet),
                    "spinning" => {
                        while started.elapsed() < quiet {
                            std::hint::spin_loop();
                        }
                    }
                    "compacting" => beside.compact(),
                    other => panic!("no phase {other}"),
                }
                let whole = started.elapsed();
                ended.store(true, Ordering::Relaxed);
                (writer.join().expect("the writer"), whole)
            })
        });
        vec![
            (
                "writes",
                latencies.len() as f64 / cost.wall.as_secs_f64() / 1e3,
            ),
            ("p50", latencies.percentile(0.5) / 1e3),
            ("p999", latencies.percentile(0.999) / 1e3),
            ("max", latencies.percentile(1.0) / 1e6),
            ("whole", whole.as_secs_f64() * 1e3),
        ]
    }

    /// Every key after the last compaction and all that was written during it.
    fn check(&mut self) -> Answer {
        let mut store = self.store.take().expect("open").reopen();
        assert_eq!(store.count(), self.keys, "keys after opening again");
        for (index, &version) in (0_u32..).zip(&self.versions) {
            let found = store.get(&key(u64::from(index)));
            assert_eq!(
                found.as_deref(),
                Some(self.values.of(index, version)),
                "key {index}"
            );
        }
        Vec::new()
    }
}

/// Runs all `contestants`, one after the other: two at a time would not fit the memory.
pub(crate) fn run(contestants: &[Contestant]) {
    child::work_if_child(WORKLOAD, contestants);
    if child::is_child() {
        return;
    }
    let keys = keys(1_000_000);
    say(&format!(
        "\n## compaction_stall: one writer over {keys} keys of 16 bytes, values of {VALUE_BYTES}"
    ));
    let headings = [
        "contestant",
        "beside the writer",
        "longest wait ms",
        "p99.9 µs",
        "p50 µs",
        "thousand SET/s",
        "took ms",
    ];
    let mut table = Table::new(&headings);
    for contestant in child::chosen(contestants) {
        let mut child = Running::start(WORKLOAD, contestant);
        child.ask("load");
        let mut figures = vec![<[Figures; 5]>::default(); 3];
        let phases = ["quiet", "spinning", "compacting"];
        for _ in 0..rounds(3) {
            for (phase, figures) in phases.iter().zip(&mut figures) {
                let answer = child.ask(&format!("phase {phase}"));
                let names = ["max", "p999", "p50", "writes", "whole"];
                for (figure, name) in figures.iter_mut().zip(names) {
                    figure.note(answer[name]);
                }
            }
        }
        child.ask("check");
        for (phase, [max, p999, p50, writes, whole]) in phases.iter().zip(&figures) {
            table.row(vec![
                contestant.name.into(),
                (*phase).to_owned(),
                max.text(),
                p999.text(),
                short(p50.median()),
                short(writes.median()),
                if *phase == "compacting" {
                    whole.text()
                } else {
                    "–".into()
                },
            ]);
        }
    }
    table.print("Waits of the writer");
}
