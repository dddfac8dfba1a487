//! Proof against a real Redis: the same commands are told to a redis-server and to ours, and every
//! reply, every error text and the whole keyspace afterwards must be the same.
//!
//! - Seeded random streams for each family of commands. `NACRE_PARITY_COMMANDS=n` sets how many
//!   commands a family gets (20,000 if unset), `NACRE_PARITY_SEED=n` where the seeds start.
//! - Written sequences for each option of each command (`sequences.rs`).
//! - The command table as `COMMAND INFO` tells it.
//! - Payloads of `DUMP`, whole and damaged, from either side to the other (`dump.rs`).
//! - The bytes of requests, right and wrong, and of every command's answers in both versions of the
//!   protocol (`protocol.rs`).
//! - The events of the change feed beside keyspace notifications (`events.rs`).
//!
//! What may differ, and why, is listed in `known.rs`; nothing else may. Where redis-server is not
//! installed the tests say so and pass, unless `NACRE_REQUIRE_REDIS=1`.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "every reply that is not the expected one is a failure"
)]

mod chance;
mod connections;
mod dump;
mod events;
mod families;
mod geo;
mod grammar;
mod hash;
mod hyperloglog;
mod known;
mod lists;
mod pair;
mod protocol;
mod resp;
mod rng;
mod sequences;
mod server;
mod set;
mod sort;
mod table;
mod zset;
mod zset_range;

use std::collections::BTreeMap;
use std::fmt::Write;

use families::Family;
use grammar::Generator;
use nacredb::EvictionPolicy;
use pair::{Command, Difference, Pair, shown};
use server::RedisServer;

/// How many tests need the server.
const TESTS: usize = 19;
/// Commands in one stream, which starts with two empty databases and ends with the audit.
const STREAM_LEN: usize = 2000;
/// Commands for each family unless the environment asks for more.
const COMMANDS: u64 = 20_000;
/// No more causes are looked for after this many.
const CAUSES_MAX: usize = 30;

fn env_number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => otherwise,
    }
}

fn with_pair(test: impl FnOnce(&mut Pair)) {
    if let Some(mut server) = RedisServer::start(TESTS) {
        let mut pair = Pair::new(server.client());
        test(&mut pair);
    }
}

/// Causes of differences found so far, each with one shortest history.
#[derive(Default)]
struct Findings(BTreeMap<String, String>);

impl Findings {
    fn add(&mut self, pair: &mut Pair, place: &str, commands: &[Command], found: &[Difference]) {
        for difference in found {
            let signature = difference.signature(&commands[difference.index]);
            if self.0.contains_key(&signature) {
                continue;
            }
            let (history, last) = pair.minimise(commands, difference);
            let mut text = format!("{place}, command {}:\n", difference.index);
            for command in &history {
                let _ = writeln!(text, "    {}", shown(command));
            }
            let _ = writeln!(text, "  Redis: {}", last.redis);
            let _ = writeln!(text, "  ours:  {}", last.ours);
            self.0.insert(signature, text);
        }
    }

    fn assert_none(&self) {
        let mut text = String::new();
        for (signature, finding) in &self.0 {
            let _ = writeln!(text, "[{signature}] {finding}");
        }
        assert!(
            self.0.is_empty(),
            "{} causes of difference\n{text}",
            self.0.len()
        );
    }
}

fn stream_family(family: &Family) {
    let commands = env_number("NACRE_PARITY_COMMANDS", COMMANDS);
    with_pair(|pair| stream_to(pair, family, commands));
}

/// As [`stream_family`] of keys, where both keep track of how keys are used: a quarter as many commands.
fn stream_with_policy(policy: EvictionPolicy, name: &str) {
    let commands = env_number("NACRE_PARITY_COMMANDS", COMMANDS) / 4;
    if let Some(mut server) = RedisServer::start(TESTS) {
        let mut pair = Pair::with_policy(server.client(), policy, name);
        stream_to(&mut pair, &families::KEYS, commands);
    }
}

fn stream_to(pair: &mut Pair, family: &Family, commands: u64) {
    let first_seed = env_number("NACRE_PARITY_SEED", 1);
    let mut findings = Findings::default();
    let streams = commands.div_ceil(STREAM_LEN as u64);
    for seed in first_seed..first_seed + streams {
        let mut generator = Generator::new(seed, family.forms);
        let mut stream: Vec<Command> = (0..STREAM_LEN).map(|_| generator.command()).collect();
        let found = pair.run_and_audit(&mut stream);
        let place = format!("{}, seed {seed}", family.name);
        findings.add(pair, &place, &stream, &found);
        if findings.0.len() >= CAUSES_MAX {
            break;
        }
    }
    findings.assert_none();
}

#[test]
fn string_streams_match() {
    stream_family(&families::STRINGS);
}

#[test]
fn bitmap_streams_match() {
    stream_family(&families::BITMAPS);
}

#[test]
fn key_streams_match() {
    stream_family(&families::KEYS);
}

#[test]
fn key_streams_match_under_an_lru_policy() {
    stream_with_policy(EvictionPolicy::AllKeysLru, "allkeys-lru");
}

#[test]
fn key_streams_match_under_an_lfu_policy() {
    stream_with_policy(EvictionPolicy::VolatileLfu, "volatile-lfu");
}

#[test]
fn hash_streams_match() {
    stream_family(&hash::FAMILY);
}

#[test]
fn hyperloglog_streams_match() {
    stream_family(&hyperloglog::FAMILY);
}

#[test]
fn set_streams_match() {
    stream_family(&set::FAMILY);
}

#[test]
fn list_streams_match() {
    stream_family(&lists::FAMILY);
}

#[test]
fn zset_streams_match() {
    stream_family(&zset::FAMILY);
}

#[test]
fn geo_streams_match() {
    stream_family(&geo::FAMILY);
}

#[test]
fn zset_range_streams_match() {
    stream_family(&zset_range::FAMILY);
}

#[test]
fn sort_streams_match() {
    stream_family(&sort::FAMILY);
}

#[test]
fn session_streams_match() {
    let commands = env_number("NACRE_PARITY_COMMANDS", COMMANDS);
    connections::sessions(commands, env_number("NACRE_PARITY_SEED", 1));
}

#[test]
fn session_streams_at_the_memory_limit_match() {
    let commands = env_number("NACRE_PARITY_COMMANDS", COMMANDS);
    connections::sessions_at_limit(commands, env_number("NACRE_PARITY_SEED", 1));
}

#[test]
fn blocking_streams_match() {
    // Each step waits for both sides to come to rest.
    let commands = env_number("NACRE_PARITY_COMMANDS", COMMANDS / 2);
    connections::blocking(commands, env_number("NACRE_PARITY_SEED", 1));
}

#[test]
fn what_is_listed_as_an_exception_is_one() {
    with_pair(|pair| {
        for exception in known::EXCEPTIONS {
            let answers = pair.ask_both(exception.history);
            assert_eq!(answers, ((exception.redis)(), (exception.ours)()));
        }
    });
}

#[test]
fn written_sequences_match() {
    with_pair(|pair| {
        let mut findings = Findings::default();
        for (title, mut commands) in sequences::all() {
            let found = pair.run_and_audit(&mut commands);
            findings.add(pair, &title, &commands, &found);
        }
        findings.assert_none();
    });
}

#[test]
fn the_command_table_matches() {
    with_pair(table::compare);
}

#[test]
fn the_bytes_of_answers_match() {
    if let Some(mut server) = RedisServer::start(TESTS) {
        protocol::compare(&mut server);
    }
}

#[test]
fn payloads_pass_both_ways() {
    with_pair(|pair| dump::exchange(pair, env_number("NACRE_PARITY_SEED", 1)));
}

#[test]
fn the_same_bytes_are_the_same_requests() {
    if let Some(mut server) = RedisServer::start(TESTS) {
        protocol::compare_requests(&mut server);
    }
}

#[test]
fn the_events_of_changes_match() {
    if let Some(mut server) = RedisServer::start(TESTS) {
        events::compare(&mut server);
    }
}
