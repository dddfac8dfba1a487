//! The crash suite: the store on a simulated disk, and every disk that a power cut can leave.
//!
//! Programs of a few appends, syncs, compactions and reopens run once; then the power fails at every
//! moment, in every way the disk allows, and the database is opened from what is left. Half way through
//! that recovery, and through the first appends after it, the power fails again. Another part makes
//! every single call of a program fail, once or from then on, in every way a call can fail, and then
//! kills the process or cuts the power.
//!
//! The oracle: what is found is a prefix of what was sent; it holds everything that was promised to
//! survive this kind of end; transactions are whole; opening twice finds the same; temporary files are
//! gone; and the database goes on: it takes writes, and they survive too.
//!
//! `NACRE_CRASH_STATES` sets how many disks each of the three tests recovers from at least.

#![allow(clippy::print_stdout, reason = "the counts are part of the result")]

mod commands;
mod keyspace;
mod live;
mod oracle;
mod promise;
mod session;
mod splice;
mod workload;

use nacredb::storage::sim::{Fault, FaultAction, SimDisk};
use nacredb::storage::{Ack, check};
use oracle::{Run, recover};
use promise::End;
use session::{NAME, Session, mix};
use std::io;
use workload::{Step, Workload};

/// How many disks a test recovers from, unless `NACRE_CRASH_STATES` says otherwise.
const STATES: usize = 30_000;

fn states_wanted() -> usize {
    std::env::var("NACRE_CRASH_STATES")
        .ok()
        .map_or(STATES, |text| text.parse().expect("a number of states"))
}

/// Says everything about a state that is wrong, and fails the test.
fn fail(what: &str, workload: &Workload, disk: &SimDisk, ends: &[(usize, &SimDisk)]) -> ! {
    let mut text = format!("{what}\n{workload:?}\n{}", disk.trace());
    for (at, image) in ends {
        text += &format!(
            "--- the power failed at {at}; of what was unsynced:\n{}--- then:\n{}",
            image.origin(),
            image.trace()
        );
    }
    panic!("{text}");
}

/// Ends a session without closing the database: what was promised stands.
fn abandon(mut session: Session, before: (usize, usize)) -> Run {
    let run = Run {
        sent: std::mem::take(&mut session.content),
        trail: std::mem::take(&mut session.trail),
        before,
    };
    // The store's drop closes the file; that is one more way to go on, and promises nothing.
    drop(session);
    run
}

/// The first things done after a recovery; they depend on the state's number only.
fn go_on(session: &mut Session, number: u64) -> Result<(), nacredb::StorageError> {
    match number % 5 {
        0 => {
            session.append(Ack::Always)?;
            session.append(Ack::EverySec)?;
        }
        1 => {
            session.append(Ack::EverySec)?;
            session.sync()?;
        }
        2 => {
            session.append(Ack::Buffered)?;
            session.append(Ack::EverySec)?;
            session.append(Ack::Always)?;
        }
        3 => {
            session.compact(&[Ack::EverySec])?;
            session.append(Ack::Always)?;
        }
        _ => {
            session.append(Ack::EverySec)?;
            session.append(Ack::EverySec)?;
            session.append(Ack::EverySec)?;
        }
    }
    Ok(())
}

/// Visits the states of one recorded run. Every `again`-th recovery is itself crashed.
fn visit(workload: &Workload, breadth: (usize, usize), again: usize, states: &mut usize) {
    let disk = SimDisk::new();
    let run = match workload.run(&disk) {
        Ok(run) => run,
        Err(error) => fail(&format!("the run fails: {error}"), workload, &disk, &[]),
    };
    let shape = workload.shape;
    let (limit, sample) = breadth;
    for at in disk.crash_points() {
        for image in disk.crash_states(at, limit, sample, workload.seed) {
            *states += 1;
            let number = *states;
            let end = (at, End::PowerCut);
            let mut session = match recover(&image, &run, end, shape, (100, number as u64)) {
                Ok(session) => session,
                Err(what) => fail(&what, workload, &disk, &[(at, &image)]),
            };
            if !number.is_multiple_of(again) {
                // Nothing that its drop does is looked at.
                image.inject(Fault::any(0, FaultAction::PowerCut));
                continue;
            }
            let found = session.content.len();
            if let Err(error) = go_on(&mut session, number as u64 / again as u64) {
                let what = format!("does not go on after recovery: {error}");
                fail(&what, workload, &disk, &[(at, &image)]);
            }
            let second_run = abandon(session, (found, found));
            for at_again in image.crash_points() {
                for second in image.crash_states(at_again, 4, 6, number as u64) {
                    *states += 1;
                    let end = (at_again, End::PowerCut);
                    let ends = [(at, &image), (at_again, &second)];
                    match recover(&second, &second_run, end, shape, (200, *states as u64)) {
                        Ok(_) => second.inject(Fault::any(0, FaultAction::PowerCut)),
                        Err(what) => fail(&format!("second crash: {what}"), workload, &disk, &ends),
                    }
                }
            }
            match check(&image, NAME) {
                Ok(report) if report.is_sound() && report.tail_bytes == 0 => {}
                Ok(report) => fail(
                    &format!("unsound after recovery: {report:?}"),
                    workload,
                    &disk,
                    &[(at, &image)],
                ),
                Err(error) => fail(&error.to_string(), workload, &disk, &[(at, &image)]),
            }
        }
    }
}

#[test]
fn every_power_cut_leaves_a_prefix_with_everything_promised() {
    let wanted = states_wanted();
    let mut states = 0;
    for workload in workload::fixed() {
        visit(&workload, (9, 60), 12, &mut states);
    }
    let mut programs = workload::fixed().len();
    while states < wanted {
        visit(
            &workload::random(programs as u64),
            (10, 100),
            25,
            &mut states,
        );
        programs += 1;
    }
    println!("single and double power cuts: {states} states, {programs} programs");
    assert!(states >= wanted);
}

/// The process dies, nothing written is lost; then the power fails during or after the next run.
#[test]
fn a_killed_process_loses_nothing_that_was_written() {
    let wanted = states_wanted() / 3;
    let mut states = 0;
    let mut seed = 0;
    while states < wanted {
        let workload = match workload::fixed().into_iter().nth(seed) {
            Some(workload) => workload,
            None => workload::random(1_000_000 + seed as u64),
        };
        let disk = SimDisk::new();
        let run = workload.run(&disk).unwrap();
        for at in 0..=disk.ops() {
            let image = disk.killed_at(at);
            states += 1;
            let end = (at, End::Killed);
            let mut session = match recover(&image, &run, end, workload.shape, (100, states as u64))
            {
                Ok(session) => session,
                Err(what) => fail(&what, &workload, &disk, &[(at, &image)]),
            };
            let (durable, _) = run.bounds(at, End::PowerCut);
            let found = session.content.len();
            if let Err(error) = go_on(&mut session, states as u64) {
                fail(&error.to_string(), &workload, &disk, &[(at, &image)]);
            }
            let second_run = abandon(session, (durable, found));
            for at_again in image.crash_points() {
                for second in image.crash_states(at_again, 5, 10, states as u64) {
                    states += 1;
                    let end = (at_again, End::PowerCut);
                    let numbers = (200, states as u64);
                    match recover(&second, &second_run, end, workload.shape, numbers) {
                        Ok(_) => second.inject(Fault::any(0, FaultAction::PowerCut)),
                        Err(what) => {
                            let ends = [(at, &image), (at_again, &second)];
                            fail(&what, &workload, &disk, &ends)
                        }
                    }
                }
            }
        }
        seed += 1;
    }
    println!("kills, then power cuts: {states} states, {seed} programs");
    assert!(states >= wanted);
}

/// Every way in which one call can fail.
const FAULTS: [FaultAction; 5] = [
    FaultAction::Fail(io::ErrorKind::Other),
    FaultAction::Fail(io::ErrorKind::StorageFull),
    FaultAction::FailAfter(io::ErrorKind::Other),
    FaultAction::Short(3),
    FaultAction::Short(600),
];

/// Runs a program whose calls may fail, healing like the engine. Answers what was promised, and whether the
/// database could be opened.
fn run_faulty(workload: &Workload, disk: &SimDisk) -> (Run, bool) {
    let mut run = Run::default();
    let Ok((mut session, _)) = Session::open(disk, workload.shape, 0, workload.seed) else {
        return (run, false);
    };
    let mut generation = 0;
    for step in &workload.steps {
        if *step == Step::Reopen {
            let (sent, trail, _) = session.close();
            run.sent = sent;
            run.trail.extend(trail);
            generation += 1;
            match Session::open(disk, workload.shape, generation, workload.seed) {
                Ok((next, _)) => session = next,
                Err(_) => return (run, false),
            }
        } else if session.step(step).is_err() {
            let _ = session.heal();
        }
    }
    if disk.calls().is_multiple_of(2) {
        let (sent, trail, _) = session.close();
        run.sent = sent;
        run.trail.extend(trail);
        return (run, true);
    }
    run.sent.clone_from(&session.content);
    run.trail.append(&mut session.trail);
    // The process dies: what its drop would do does not happen.
    disk.clear_faults();
    disk.inject(Fault::any(0, FaultAction::PowerCut));
    (run, true)
}

#[test]
fn every_call_may_fail_in_every_way() {
    let wanted = states_wanted();
    let mut states = 0;
    let mut pairs = 0;
    let mut struck = 0;
    let mut seed = 0;
    while states < wanted {
        let workload = match workload::fixed().into_iter().nth(seed) {
            Some(workload) => workload,
            None => workload::random(2_000_000 + seed as u64),
        };
        seed += 1;
        let clean = SimDisk::new();
        workload.run(&clean).unwrap();
        for call in 0..clean.calls() {
            for action in FAULTS {
                for lasting in [false, true] {
                    if lasting && action == FaultAction::Short(3) {
                        // Thousands of writes, and no other way to fail than with the longer ones.
                        continue;
                    }
                    let fault = Fault::any(call, action);
                    let fault = if lasting { fault.forever() } else { fault };
                    pairs += 1;
                    struck += faulty(&workload, fault, lasting, &mut states);
                }
            }
        }
    }
    println!(
        "faults: {states} states, {pairs} faults planned, {struck} calls struck, {seed} programs"
    );
    assert!(states >= wanted);
    assert!(struck >= pairs);
}

/// One program, one fault, and what follows it. Answers how many calls failed.
fn faulty(workload: &Workload, fault: Fault, lasting: bool, states: &mut usize) -> usize {
    let disk = SimDisk::new();
    disk.inject(fault);
    let shape = workload.shape;
    let (run, open) = run_faulty(workload, &disk);
    let struck = disk.faults_struck();
    disk.clear_faults();
    let wrong = |what: &str, ends: &[(usize, &SimDisk)]| -> ! {
        fail(&format!("{fault:?}: {what}"), workload, &disk, ends)
    };
    let at = disk.ops();
    // The power fails.
    for image in disk.crash_states(at, 2, 2, mix(*states as u64)) {
        *states += 1;
        let end = (at, End::PowerCut);
        match recover(&image, &run, end, shape, (100, *states as u64)) {
            Ok(mut session) => {
                if let Err(error) = session.append(Ack::Always) {
                    wrong(&format!("no write after it: {error}"), &[(at, &image)]);
                }
            }
            Err(what) => wrong(&what, &[(at, &image)]),
        }
    }
    // The process is killed, the next one goes on, then the power fails.
    let image = disk.killed_at(at);
    *states += 1;
    let end = (at, End::Killed);
    match recover(&image, &run, end, shape, (100, *states as u64)) {
        Ok(mut session) => {
            let found = session.content.len();
            if let Err(error) = session.append(Ack::Always) {
                wrong(&format!("no write after a kill: {error}"), &[(at, &image)]);
            }
            let second_run = abandon(session, (found, found));
            let at_again = image.ops();
            for second in image.crash_states(at_again, 2, 2, *states as u64) {
                *states += 1;
                let end = (at_again, End::PowerCut);
                let numbers = (200, *states as u64);
                if let Err(what) = recover(&second, &second_run, end, shape, numbers) {
                    let ends = [(at, &image), (at_again, &second)];
                    wrong(&format!("killed, then cut: {what}"), &ends);
                }
            }
        }
        Err(what) => wrong(&format!("killed: {what}"), &[(at, &image)]),
    }
    if !lasting && !open {
        // The fault has passed: the same disk opens now.
        if let Err(error) = Session::open(&disk, shape, 300, workload.seed) {
            wrong(
                &format!("does not open when the fault is over: {error}"),
                &[],
            );
        }
    }
    struck
}
