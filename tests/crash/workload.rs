//! What the program does before, between and after crashes.

use crate::oracle::Run;
use crate::session::{Session, Shape, mix};
use nacredb::StorageError;
use nacredb::storage::Ack;
use nacredb::storage::sim::SimDisk;

/// One thing a program does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Append(Ack),
    Flush,
    Sync,
    /// Milliseconds pass and the engine's thread looks after the log.
    Tick(u64),
    /// Transactions that are sent while the snapshot is being written.
    Compact(Vec<Ack>),
    /// The database is closed and opened again.
    Reopen,
}

/// A program and its data.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) steps: Vec<Step>,
    pub(crate) shape: Shape,
    pub(crate) seed: u64,
}

const SMALL: Shape = Shape {
    min: 8,
    max: 60,
    repeats: true,
};
const LARGE: Shape = Shape {
    min: 100,
    max: 1400,
    repeats: true,
};
const FRESH: Shape = Shape {
    min: 20,
    max: 700,
    repeats: false,
};

use Ack::{Always, Buffered, EverySec, No};
use Step::{Append, Compact, Flush, Reopen, Sync, Tick};

/// Small programs that meet every part of the store.
pub(crate) fn fixed() -> Vec<Workload> {
    let scripts = [
        vec![Append(Always), Append(Always), Append(Always)],
        vec![Append(EverySec); 4],
        vec![
            Append(No),
            Append(EverySec),
            Sync,
            Append(EverySec),
            Append(No),
            Tick(1500),
            Append(EverySec),
        ],
        vec![
            Append(Buffered),
            Append(Buffered),
            Flush,
            Append(Buffered),
            Tick(20),
            Append(Buffered),
            Sync,
        ],
        vec![
            Append(Always),
            Append(EverySec),
            Compact(vec![]),
            Append(Always),
            Append(EverySec),
        ],
        vec![
            Append(EverySec),
            Append(EverySec),
            Compact(vec![Always, EverySec, Buffered]),
            Append(Always),
            Append(EverySec),
        ],
        vec![
            Append(Always),
            Append(EverySec),
            Reopen,
            Append(EverySec),
            Append(Always),
            Append(EverySec),
        ],
        vec![
            Append(Always),
            Compact(vec![EverySec]),
            Compact(vec![Buffered]),
            Reopen,
            Compact(vec![Always]),
            Append(EverySec),
        ],
    ];
    let shapes = [SMALL, LARGE, FRESH];
    let mut all = Vec::new();
    for (number, steps) in scripts.iter().enumerate() {
        for (at, &shape) in shapes.iter().enumerate() {
            all.push(Workload {
                steps: steps.clone(),
                shape,
                seed: (number * 10 + at) as u64,
            });
        }
    }
    all
}

/// A program drawn by its seed.
pub(crate) fn random(seed: u64) -> Workload {
    let mut state = mix(seed ^ 0x5eed);
    let mut below = |bound: u64| {
        state = mix(state);
        state % bound
    };
    let acks = [Always, EverySec, No, Buffered];
    let mut steps = Vec::new();
    for _ in 0..3 + below(8) {
        steps.push(match below(20) {
            0 => Flush,
            1 | 2 => Sync,
            3 => Tick(20),
            4 => Tick(1500),
            5 | 6 => {
                let count = below(4);
                Compact((0..count).map(|_| acks[below(4) as usize]).collect())
            }
            7 => Reopen,
            _ => Append(acks[below(4) as usize]),
        });
    }
    let shape = [SMALL, LARGE, FRESH][below(3) as usize];
    Workload { steps, shape, seed }
}

impl Workload {
    /// Runs it on a disk that does nothing wrong.
    pub(crate) fn run(&self, disk: &SimDisk) -> Result<Run, StorageError> {
        let mut run = Run::default();
        let (mut session, _) = Session::open(disk, self.shape, 0, self.seed)?;
        let mut generation = 0;
        for step in &self.steps {
            if *step == Step::Reopen {
                let (_, trail, result) = session.close();
                result?;
                run.trail.extend(trail);
                generation += 1;
                (session, _) = Session::open(disk, self.shape, generation, self.seed)?;
            } else {
                session.step(step)?;
            }
        }
        let (sent, trail, result) = session.close();
        result?;
        run.trail.extend(trail);
        run.sent = sent;
        Ok(run)
    }
}

impl Session {
    /// Does one step, but for `Reopen`.
    pub(crate) fn step(&mut self, step: &Step) -> Result<(), StorageError> {
        match step {
            Step::Append(ack) => self.append(*ack),
            Step::Flush => self.flush(),
            Step::Sync => self.sync(),
            Step::Tick(by_ms) => self.tick(*by_ms),
            Step::Compact(beside) => self.compact(beside),
            Step::Reopen => Ok(()),
        }
    }
}
