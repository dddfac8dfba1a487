//! `get_set`: reading and overwriting, uniform and Zipf, one and two threads.
//!
//! Contestants take turns within every repetition, and ratios are taken repetition by repetition, so
//! that a noisy minute falls on all of them alike.

use std::sync::Barrier;

use super::child::{self, Answer, Contestant, Running};
use super::clock::{Cost, measure};
use super::data::{Calls, Order, Values, first8, key};
use super::store::Store;
use super::table::{Figures, Table, short};
use super::{keys, rounds, say};

const WORKLOAD: &str = "get_set";
const VALUE_BYTES: usize = 64;
const CALLS: usize = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Visit,
    Copy,
    Set,
}

impl Work {
    const ALL: [Self; 3] = [Self::Visit, Self::Copy, Self::Set];

    fn name(self) -> &'static str {
        match self {
            Self::Visit => "visit",
            Self::Copy => "copy",
            Self::Set => "set",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Visit => "GET, nothing copied",
            Self::Copy => "GET, value copied",
            Self::Set => "SET over a known key",
        }
    }
}

struct Child<S> {
    store: S,
    keys: u64,
    values: Values,
    versions: Vec<u32>,
}

/// A child's part: fills `store` and answers the parent.
pub(crate) fn serve<S: Store>(store: S) {
    let keys = keys(1_000_000);
    let mut child = Child {
        store,
        keys,
        values: Values::new(VALUE_BYTES),
        versions: vec![0; keys as usize],
    };
    child::serve(|words| match words {
        ["load"] => child.load(),
        ["round", order, work, threads, round] => {
            let round = round.parse().expect("a number");
            let work = Work::ALL
                .into_iter()
                .find(|known| known.name() == *work)
                .expect("known");
            child.round(Order::named(order), work, *threads == "2", round)
        }
        other => panic!("unknown line {other:?}"),
    });
}

impl<S: Store> Child<S> {
    fn load(&mut self) -> Answer {
        let mut cost = 0.0;
        for from in (0..self.keys).step_by(CALLS) {
            let indices: Vec<u32> = (from..self.keys.min(from + CALLS as u64))
                .map(|i| i as u32)
                .collect();
            let keys = indices.iter().map(|&index| key(u64::from(index))).collect();
            let calls = Calls { indices, keys };
            let ((), part) = measure(|| self.store.load(&calls, &self.values, 0));
            cost += part.wall.as_nanos() as f64;
        }
        assert_eq!(self.store.count(), self.keys, "keys after loading");
        let two = self.store.handle().is_some();
        vec![
            ("ns", cost / self.keys as f64),
            ("two", f64::from(u8::from(two))),
            ("in_process", f64::from(u8::from(self.store.in_process()))),
        ]
    }

    fn round(&mut self, order: Order, work: Work, two: bool, round: u32) -> Answer {
        let most = if work == Work::Set {
            self.store.writes_max()
        } else {
            usize::MAX
        };
        let count = CALLS.min(self.keys as usize).min(most);
        let lists = usize::from(two) + 1;
        let seed = |list: usize| u64::from(round) * 16 + list as u64;
        let calls: Vec<Calls> = (0..lists)
            .map(|list| Calls::new(order, self.keys, count / lists, seed(list)))
            .collect();
        let version = round + 1;
        let (sum, cost) = self.run(work, &calls, version);
        if work == Work::Set {
            for &index in calls.iter().flat_map(|list| &list.indices) {
                self.versions[index as usize] = version;
            }
            self.check(&calls[0]);
        } else {
            let value = |&index: &u32| first8(self.values.of(index, self.versions[index as usize]));
            let indices = calls.iter().flat_map(|list| &list.indices);
            let expected = indices.fold(0, |sum: u64, index| sum.wrapping_add(value(index)));
            assert_eq!(sum, expected, "the values that were read");
        }
        let calls = calls.iter().map(Calls::len).sum::<usize>() as f64;
        vec![
            ("wall", cost.wall.as_nanos() as f64 / calls),
            ("thread", cost.thread.as_nanos() as f64 / calls),
            ("process", cost.process.as_nanos() as f64 / calls),
        ]
    }

    fn run(&mut self, work: Work, calls: &[Calls], version: u32) -> (u64, Cost) {
        let values = &self.values;
        let go = |store: &mut S, calls: &Calls| match work {
            Work::Visit => store.visit_all(&calls.keys),
            Work::Copy => store.copy_all(&calls.keys),
            Work::Set => {
                store.set_all(calls, values, version);
                0
            }
        };
        let [first, second] = calls else {
            return measure(|| go(&mut self.store, &calls[0]));
        };
        let mut other = self.store.handle().expect("two threads can share it");
        let mine = &mut self.store;
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            let theirs = scope.spawn(|| {
                start.wait();
                go(&mut other, second)
            });
            start.wait();
            measure(|| go(mine, first).wrapping_add(theirs.join().expect("the other thread")))
        })
    }

    /// What was just written is read back whole, for the first keys of the list.
    fn check(&mut self, calls: &Calls) {
        for (key, &index) in calls.keys.iter().zip(&calls.indices).take(1000) {
            let expected = self.values.of(index, self.versions[index as usize]);
            assert_eq!(
                self.store.get(key).as_deref(),
                Some(expected),
                "what was written"
            );
        }
    }
}

/// Runs all `contestants`; the first is what the others are compared with.
pub(crate) fn run(contestants: &[Contestant]) {
    child::work_if_child(WORKLOAD, contestants);
    if child::is_child() {
        return;
    }
    let keys = keys(1_000_000);
    let rounds = rounds(5);
    say(&format!(
        "\n## get_set: {keys} keys of 16 bytes, values of {VALUE_BYTES} random bytes"
    ));
    let mut running: Vec<Running> = Vec::new();
    let mut load = Table::new(&[
        "contestant",
        "a finished write has reached",
        "insert, wall ns",
    ]);
    let mut answers = Vec::new();
    for contestant in child::chosen(contestants) {
        let mut child = Running::start(WORKLOAD, contestant);
        let answer = child.ask("load");
        load.row(vec![
            child.name.into(),
            child.ack.into(),
            short(answer["ns"]),
        ]);
        answers.push(answer);
        running.push(child);
    }
    load.print("Filling an empty store, one thread");
    let mut number = 0;
    for threads in [1, 2] {
        for order in [Order::Uniform, Order::Zipf] {
            for work in Work::ALL {
                let mut figures = vec![<[Figures; 3]>::default(); running.len()];
                for _ in 0..rounds {
                    number += 1;
                    for (place, child) in running.iter_mut().enumerate() {
                        if threads == 2 && answers[place]["two"] == 0.0 {
                            continue;
                        }
                        let line =
                            format!("round {} {} {threads} {number}", order.name(), work.name());
                        let answer = child.ask(&line);
                        let inside = answers[place]["in_process"] == 1.0;
                        for (slot, name) in
                            figures[place].iter_mut().zip(["thread", "process", "wall"])
                        {
                            if name == "wall" || inside {
                                slot.note(answer[name]);
                            }
                        }
                    }
                }
                report(threads, order, work, &running, &figures);
            }
        }
    }
}

fn report(threads: u32, order: Order, work: Work, running: &[Running], figures: &[[Figures; 3]]) {
    let mut headings = vec!["contestant", "a finished write has reached"];
    let one = threads == 1;
    if one {
        headings.push("CPU ns, caller");
    }
    headings.extend(["CPU ns, process", "wall ns"]);
    if !one {
        headings.push("million/s");
    }
    let base = figures
        .iter()
        .position(|figures| !figures[2].text().starts_with('–'));
    let Some(base) = base else {
        return;
    };
    let against = format!(
        "{} against {}",
        if one { "CPU" } else { "wall" },
        running[base].name
    );
    headings.push(&against);
    let mut table = Table::new(&headings);
    for (child, [thread, process, wall]) in running.iter().zip(figures) {
        if wall.median().is_nan() {
            continue;
        }
        let mut cells = vec![child.name.to_owned(), child.ack.to_owned()];
        if one {
            cells.push(thread.text());
        }
        cells.extend([process.text(), wall.text()]);
        if !one {
            cells.push(short(1e3 / wall.median()));
        }
        let inside = !thread.median().is_nan();
        cells.push(match (one, inside) {
            (true, true) => thread.ratio(&figures[base][0]),
            _ => wall.ratio(&figures[base][2]),
        });
        table.row(cells);
    }
    let threads = if one { "one thread" } else { "two threads" };
    table.print(&format!("{}, {}, {threads}", work.title(), order.name()));
}
