//! One child process for each contestant, and the lines they exchange with the parent.
//!
//! The parent writes a line (`round uniform get 1 3`), the child works and answers with one line of
//! `name=number` pairs. Children wait while others work. A child that dies ends the bench.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ROLE: &str = "NACRE_BENCH_CHILD";

/// Someone who takes part.
pub(crate) struct Contestant {
    /// Its name in tables.
    pub(crate) name: &'static str,
    /// What a finished write has survived: the class every figure is to be read with.
    pub(crate) ack: &'static str,
    /// Variables that its process gets.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// What its process does; ends with [`serve`].
    pub(crate) work: fn(),
}

impl Contestant {
    /// Without variables.
    pub(crate) const fn new(name: &'static str, ack: &'static str, work: fn()) -> Self {
        Self {
            name,
            ack,
            env: &[],
            work,
        }
    }

    /// With variables.
    pub(crate) const fn env(mut self, env: &'static [(&'static str, &'static str)]) -> Self {
        self.env = env;
        self
    }
}

/// If this process is a child for `workload`, does that work and never returns.
pub(crate) fn work_if_child(workload: &str, contestants: &[Contestant]) {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let Some((of, name)) = role.split_once('/') else {
        panic!("{ROLE}={role}");
    };
    if of != workload {
        return;
    }
    match contestants
        .iter()
        .find(|contestant| contestant.name == name)
    {
        Some(contestant) => (contestant.work)(),
        None => panic!("no contestant {name}"),
    }
    std::process::exit(0);
}

/// True in a child, whatever its work.
pub(crate) fn is_child() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// What a child answers.
pub(crate) type Answer = Vec<(&'static str, f64)>;

/// Answers every line on standard input until there are no more.
pub(crate) fn serve(mut answer: impl FnMut(&[&str]) -> Answer) {
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("the parent is there");
        let words: Vec<&str> = line.split(' ').collect();
        let pairs: Vec<String> = answer(&words)
            .iter()
            .map(|(name, number)| format!("{name}={number:e}"))
            .collect();
        super::say(&pairs.join(" "));
    }
}

/// A contestant's process, as its parent sees it.
pub(crate) struct Running {
    /// Who it is.
    pub(crate) name: &'static str,
    /// Its class of acknowledgement.
    pub(crate) ack: &'static str,
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Running {
    /// Starts one.
    pub(crate) fn start(workload: &str, contestant: &Contestant) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.env(ROLE, format!("{workload}/{}", contestant.name));
        command.envs(contestant.env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("this program can be started again");
        let input = process.stdin.take();
        let output = process.stdout.take().expect("piped");
        Self {
            name: contestant.name,
            ack: contestant.ack,
            process,
            input,
            output: BufReader::new(output),
        }
    }

    /// Sends a line and waits for the answer.
    pub(crate) fn ask(&mut self, line: &str) -> BTreeMap<String, f64> {
        let input = self.input.as_mut().expect("still running");
        let sent = writeln!(input, "{line}").and_then(|()| input.flush());
        let mut answer = String::new();
        let read = self.output.read_line(&mut answer);
        if sent.is_err() || !matches!(read, Ok(1..)) {
            panic!("{} died at: {line}", self.name);
        }
        let pair = |pair: &str| {
            let (name, number) = pair
                .split_once('=')
                .unwrap_or_else(|| panic!("answer: {answer}"));
            (
                name.to_owned(),
                number
                    .parse()
                    .unwrap_or_else(|_| panic!("answer: {answer}")),
            )
        };
        answer.split_whitespace().map(pair).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        let status = self.process.wait();
        if !std::thread::panicking() {
            assert!(
                status.is_ok_and(|status| status.success()),
                "{} failed",
                self.name
            );
        }
    }
}

/// Those whose name contains one of the parts in `NACRE_BENCH_ONLY`, or all.
pub(crate) fn chosen(contestants: &[Contestant]) -> Vec<&Contestant> {
    let only = std::env::var("NACRE_BENCH_ONLY").unwrap_or_default();
    let parts: Vec<&str> = only.split(',').filter(|part| !part.is_empty()).collect();
    let wanted = |contestant: &&Contestant| {
        parts.is_empty() || parts.iter().any(|part| contestant.name.contains(part))
    };
    contestants.iter().filter(wanted).collect()
}
