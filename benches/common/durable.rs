//! `durable_set`: SETs per second and their latency in every class of acknowledgement, by one, two
//! and sixteen threads; then the file is closed, opened again, and every value is compared.

use std::time::Duration;

use super::child::{self, Answer, Contestant, Running};
use super::clock::{Latencies, measure, now};
use super::data::{Values, key};
use super::store::Store;
use super::table::{Figures, Table, short};
use super::{keys, rounds, say};

const WORKLOAD: &str = "durable_set";
const VALUE_BYTES: usize = 84;
const CALLS_MAX: u64 = 2_000_000;

/// A store that finds its data again.
pub(crate) trait Durable: Store + Send {
    /// Closes it and opens what it has written.
    fn reopen(self) -> Self;
}

/// What one thread did: `calls` writes, to the keys `first`, `first + step`, .. below `keys`, around again.
struct Lane {
    first: u64,
    step: u64,
    keys: u64,
    calls: u64,
}

impl Lane {
    fn round_trip(&self) -> u64 {
        (self.keys - self.first).div_ceil(self.step)
    }

    /// The key and the version that call number `call` writes.
    fn target(&self, call: u64) -> (u32, u32) {
        let round_trip = self.round_trip();
        (
            (self.first + call % round_trip * self.step) as u32,
            (call / round_trip + 1) as u32,
        )
    }

    /// The version a key of this lane ends with; 0 if it was never written.
    fn last_version(&self, index: u64) -> u32 {
        let place = (index - self.first) / self.step;
        (self.calls / self.round_trip()) as u32 + u32::from(place < self.calls % self.round_trip())
    }
}

/// A child's part: a new store from `make` for every line.
pub(crate) fn serve<S: Durable>(make: impl Fn() -> S) {
    let keys = keys(1_000_000);
    let seconds = if super::is_smoke() { 0.2 } else { 3.0 };
    child::serve(|words| match words {
        ["run", threads] => run_once(
            make(),
            keys,
            threads.parse().expect("a number"),
            Duration::from_secs_f64(seconds),
        ),
        other => panic!("unknown line {other:?}"),
    });
}

fn run_once<S: Durable>(store: S, keys: u64, threads: u64, limit: Duration) -> Answer {
    let values = Values::new(VALUE_BYTES);
    let calls_max = (CALLS_MAX.min(keys * 4) / threads).max(1);
    let handles: Vec<S> = (0..threads)
        .map(|_| store.handle().expect("can be shared"))
        .collect();
    let write = |mut store: S, first: u64| {
        let mut lane = Lane {
            first,
            step: threads,
            keys,
            calls: 0,
        };
        let mut latencies = Latencies::with_capacity(calls_max as usize);
        let started = now();
        let mut before = started;
        while lane.calls < calls_max && before.duration_since(started) < limit {
            let (index, version) = lane.target(lane.calls);
            store.set(&key(u64::from(index)), values.of(index, version));
            let after = now();
            latencies.note(after.duration_since(before));
            before = after;
            lane.calls += 1;
        }
        (lane, latencies)
    };
    let (done, cost) = measure(|| {
        std::thread::scope(|scope| {
            let write = &write;
            let running: Vec<_> = handles
                .into_iter()
                .zip(0..)
                .map(|(store, first)| scope.spawn(move || write(store, first)))
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().expect("a writer"))
                .collect::<Vec<_>>()
        })
    });
    let mut store = store.reopen();
    let mut latencies = Latencies::default();
    for (lane, some) in &done {
        latencies.absorb(some);
        for index in (lane.first..lane.keys).step_by(lane.step as usize) {
            let version = lane.last_version(index);
            let expected = (version > 0).then(|| values.of(index as u32, version));
            assert_eq!(
                store.get(&key(index)).as_deref(),
                expected,
                "key {index} after opening again"
            );
        }
    }
    let calls = latencies.len() as f64;
    vec![
        ("per_second", calls / cost.wall.as_secs_f64()),
        ("cpu", cost.process.as_nanos() as f64 / calls),
        ("p50", latencies.percentile(0.5) / 1e3),
        ("p999", latencies.percentile(0.999) / 1e3),
        ("max", latencies.percentile(1.0) / 1e3),
    ]
}

/// Runs all `contestants`.
pub(crate) fn run(contestants: &[Contestant]) {
    child::work_if_child(WORKLOAD, contestants);
    if child::is_child() {
        return;
    }
    let keys = keys(1_000_000);
    say(&format!(
        "\n## durable_set: into an empty store of {keys} keys of 16 bytes, values of {VALUE_BYTES}"
    ));
    let chosen = child::chosen(contestants);
    for threads in [1, 2, 16] {
        let headings = [
            "contestant",
            "a finished write has reached",
            "thousand SET/s",
            "CPU ns, process",
            "p50 µs",
            "p99.9 µs",
            "longest µs",
        ];
        let mut table = Table::new(&headings);
        let mut figures = vec![<[Figures; 5]>::default(); chosen.len()];
        for _ in 0..rounds(3) {
            for (contestant, figures) in chosen.iter().zip(&mut figures) {
                let answer = Running::start(WORKLOAD, contestant).ask(&format!("run {threads}"));
                figures[0].note(answer["per_second"] / 1e3);
                for (figure, name) in figures[1..].iter_mut().zip(["cpu", "p50", "p999", "max"]) {
                    figure.note(answer[name]);
                }
            }
        }
        for (contestant, figures) in chosen.iter().zip(&figures) {
            let mut cells = vec![contestant.name.to_owned(), contestant.ack.to_owned()];
            cells.push(figures[0].text());
            cells.extend(figures[1..].iter().map(|figure| short(figure.median())));
            table.row(cells);
        }
        table.print(&format!("Threads: {threads}"));
    }
}
