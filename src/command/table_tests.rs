//! What must hold for every row of the command table, whatever the command.
//!
//! Commands run on a host that only lends the shards of the keys they named, records their effects, and
//! can say what a replay of those effects would give.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::args::Args;
use super::bitmap_window::Question;
use super::reply::Reply;
use super::run::{Connection, Host, Keys, ReadCall, Step, WriteCall};
use super::script::Numbers;
use super::spec::{CommandSpec, Flag};
use super::{all, execute, find, resolve};
use crate::error::{CommandError, Error};
use crate::keyspace::{
    Batch, Layout, Now, Reach, ReachMut, ReadTx, Rules, Shard, ShardSource, ShardSourceMut, Side,
    WriteTx, effects,
};
use crate::value::{EncodingLimits, EncodingSwitch};

/// Small limits, so that no garbage argument costs memory.
const RULES: Rules = Rules {
    string_bytes_max: 1 << 16,
    bit_offsets: 1 << 19,
};
const ENCODING: EncodingLimits = EncodingLimits {
    hash_listpack_entries: 3,
    hash_listpack_value_bytes: 8,
    set_intset_entries: 3,
    zset_listpack_entries: 3,
    zset_listpack_value_bytes: 8,
};
const NOW_MS: u64 = 1_000_000;

/// What one command did with its host.
#[derive(Debug, Default)]
struct Calls {
    read: Cell<u32>,
    written: Cell<u32>,
    made_room: Cell<u32>,
    /// The keys it named; `None` for every key, or those at a cursor.
    named: RefCell<Option<BTreeSet<Vec<u8>>>>,
}

struct RecordingHost {
    layout: Layout,
    shards: RefCell<Vec<Shard>>,
    batch: RefCell<Batch>,
    calls: Calls,
    random: Numbers,
}

/// The shards of the named keys; others panic.
struct Lent<'a> {
    shards: &'a mut Vec<Shard>,
    named: BTreeSet<usize>,
}

impl ShardSource for Lent<'_> {
    fn shard(&self, index: usize) -> &Shard {
        assert!(self.named.contains(&index), "a key was not named");
        &self.shards[index]
    }

    fn all(&self) -> Vec<&Shard> {
        self.named
            .iter()
            .map(|&index| &self.shards[index])
            .collect()
    }
}

impl ShardSourceMut for Lent<'_> {
    fn shard_mut(&mut self, index: usize) -> &mut Shard {
        assert!(self.named.contains(&index), "a key was not named");
        &mut self.shards[index]
    }

    fn all_mut(&mut self) -> Vec<&mut Shard> {
        let named = &self.named;
        let shards = self.shards.iter_mut().enumerate();
        let lent = shards.filter(|(index, _)| named.contains(index));
        lent.map(|(_, shard)| shard).collect()
    }
}

/// Database, key, and the effects that make it.
type Dump = Vec<(u8, Vec<u8>, Vec<u8>)>;

fn dump(shards: &[Shard]) -> Dump {
    let mut all = Dump::new();
    for (database, table) in shards.iter().flat_map(Shard::databases) {
        for entry in effects::entries(table) {
            let mut encoded = Batch::new(true);
            effects::entry_effects(&entry, &mut |effect| encoded.record(effect));
            all.push((database, entry.key().to_vec(), encoded.bytes));
        }
    }
    all.sort();
    all
}

impl RecordingHost {
    fn empty() -> Self {
        // So many shards that two keys hardly ever share one.
        let layout = Layout::new([1, 2, 3, 4], Layout::SHARD_BITS_MAX);
        let shards = (0..layout.shard_count()).map(|_| layout.empty_shard());
        Self {
            shards: RefCell::new(shards.collect()),
            layout,
            batch: RefCell::new(Batch::new(true)),
            calls: Calls::default(),
            random: Numbers::seeded(7),
        }
    }

    /// With something of every kind under the keys that the examples and the garbage use.
    fn filled() -> Self {
        let host = Self::empty();
        let long = vec![b'l'; 3_000];
        host.change(|tx| {
            for (key, value) in KEYS.iter().zip(
                [
                    &b"12"[..],
                    b"text",
                    b"",
                    b"1.5",
                    &long,
                    b"9223372036854775807",
                ]
                .iter()
                .cycle(),
            ) {
                tx.set_string(key, value, None);
            }
            tx.expire(b"b", Some(NOW_MS + 500));
            tx.expire(b"to", Some(NOW_MS - 500));
            tx.write_string(b"raw", 3, b"edited");
            let members: Vec<(f64, &[u8])> =
                KEYS.iter().map(|&key| (key.len() as f64, key)).collect();
            tx.zset_add(b"zset", &members);
            tx.set_add(b"set", &[b"member", b"1", b"", &long, b"key"]);
            tx.set_add(b"other", &[b"1", b"2"]);
            tx.expire(b"other", Some(NOW_MS + 500));
            for key in [b"list".as_slice(), b"from"] {
                tx.erase(key);
                let elements = [&b"a"[..], b"1", b"", b"a", &long, b"key", b"a"];
                tx.list_push(key, Side::Right, &elements)
                    .expect("the key is free");
            }
            tx.expire(b"list", Some(NOW_MS + 500));
        });
        host.batch.borrow_mut().bytes.clear();
        host.batch.borrow_mut().count = 0;
        host
    }

    fn change(&self, call: impl FnOnce(&mut WriteTx<'_>)) {
        self.write_with(Keys::All, &mut {
            let mut call = Some(call);
            move |tx: &mut WriteTx<'_>| {
                call.take().expect("called once")(tx);
                Ok(())
            }
        })
        .expect("nothing is refused");
    }

    fn name(&self, keys: Keys<'_>) -> BTreeSet<usize> {
        let listed: Option<Vec<&[u8]>> = match keys {
            Keys::None => Some(Vec::new()),
            Keys::One(key) => Some(vec![key]),
            Keys::Two(one, two) => Some(vec![one, two]),
            Keys::List { words, step } => {
                Some(words.iter().step_by(step.max(1)).copied().collect())
            }
            Keys::AtCursor(_) | Keys::All => None,
        };
        *self.calls.named.borrow_mut() = listed
            .as_ref()
            .map(|keys| keys.iter().map(|key| key.to_vec()).collect());
        match (keys, listed) {
            (_, Some(keys)) => keys
                .iter()
                .map(|key| self.layout.shard_of(self.layout.hash(key)))
                .collect(),
            (Keys::AtCursor(cursor), None) => [self.layout.cursor_parts(cursor).0].into(),
            (_, None) => (0..self.layout.shard_count()).collect(),
        }
    }

    /// The shards as a replay of the recorded effects on `before` leaves them.
    fn replayed(&self, before: Vec<Shard>) -> Dump {
        let mut shards = before;
        let mut unrecorded = Batch::default();
        let random = || 0;
        let no_clock = || 0;
        let mut lent = Lent {
            shards: &mut shards,
            named: (0..self.layout.shard_count()).collect(),
        };
        let mut tx = WriteTx {
            reach: ReachMut::Many(&mut lent),
            layout: &self.layout,
            now: &Now::new(&no_clock),
            rules: RULES,
            encoding: &EncodingSwitch::new(ENCODING),
            random: &random,
            batch: &mut unrecorded,
        };
        tx.apply_all(&self.batch.borrow().bytes);
        dump(&shards)
    }

    fn run(&self, words: &[Vec<u8>]) -> Result<Reply, Error> {
        self.calls.read.set(0);
        self.calls.written.set(0);
        self.calls.made_room.set(0);
        *self.calls.named.borrow_mut() = None;
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        execute(&words, self)
    }
}

impl Connection for RecordingHost {
    fn serve(&self, _args: Args<'_>, _host: &dyn Host) -> Result<Reply, Error> {
        self.calls.read.set(self.calls.read.get() + 1);
        Ok(Reply::ok())
    }
}

impl Host for RecordingHost {
    fn ask_activity(&self, question: &Question<'_>) -> Result<Reply, Error> {
        self.calls.read.set(self.calls.read.get() + 1);
        self.name(Keys::One(question.name));
        Ok(Reply::Nil)
    }

    fn transact(&self, _step: Step<'_>) -> Result<Reply, Error> {
        Ok(Reply::ok())
    }

    fn connection(&self) -> Option<&dyn Connection> {
        Some(self)
    }

    fn database(&self) -> u8 {
        0
    }

    fn make_room(&self) -> Result<(), Error> {
        self.calls.made_room.set(self.calls.made_room.get() + 1);
        Ok(())
    }

    fn read_with(&self, keys: Keys<'_>, call: ReadCall<'_>) -> Result<(), Error> {
        self.calls.read.set(self.calls.read.get() + 1);
        let lent = Lent {
            named: self.name(keys),
            shards: &mut self.shards.borrow_mut(),
        };
        let (clock, random) = (|| NOW_MS, || self.random.next());
        Ok(call(&ReadTx {
            reach: Reach::Many(&lent),
            layout: &self.layout,
            now: &Now::new(&clock),
            rules: &RULES,
            encoding: &EncodingSwitch::new(ENCODING),
            random: &random,
            database: 0,
        })?)
    }

    fn write_with(&self, keys: Keys<'_>, call: WriteCall<'_>) -> Result<(), Error> {
        self.calls.written.set(self.calls.written.get() + 1);
        let mut lent = Lent {
            named: self.name(keys),
            shards: &mut self.shards.borrow_mut(),
        };
        let (clock, random) = (|| NOW_MS, || self.random.next());
        Ok(call(&mut WriteTx {
            reach: ReachMut::Many(&mut lent),
            layout: &self.layout,
            now: &Now::new(&clock),
            rules: RULES,
            encoding: &EncodingSwitch::new(ENCODING),
            random: &random,
            batch: &mut self.batch.borrow_mut(),
        })?)
    }
}

const KEYS: [&[u8]; 10] = [
    b"key", b"a", b"b", b"c", b"d", b"from", b"to", b"raw", b"", b"\xff\0",
];

/// Redis's documentation groups.
const GROUPS: [&str; 15] = [
    "string",
    "bitmap",
    "list",
    "hash",
    "set",
    "sorted-set",
    "hyperloglog",
    "geo",
    "generic",
    "transactions",
    "server",
    "connection",
    "pubsub",
    "scripting",
    "cluster",
];

/// Arguments that fit somewhere and nowhere.
const GARBAGE: [&[u8]; 58] = [
    b"list",
    b"from",
    b"",
    b"key",
    b"a",
    b"b",
    b"to",
    b"raw",
    b"\xff\0",
    b"missing",
    b"0",
    b"1",
    b"-1",
    b"7",
    b"12",
    b"64",
    b"-0",
    b"01",
    b"1.5",
    b"1e400",
    b"nan",
    b"inf",
    b"4294967295",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"99999999999999999999",
    b"*",
    b"x\r\ny",
    b"NX",
    b"XX",
    b"GT",
    b"LT",
    b"GET",
    b"EX",
    b"PX",
    b"EXAT",
    b"KEEPTTL",
    b"PERSIST",
    b"REPLACE",
    b"DB",
    b"COUNT",
    b"MATCH",
    b"BIT",
    b"AND",
    b"NOT",
    b"LEFT",
    b"RIGHT",
    b"BEFORE",
    b"WITHSCORES",
    b"LIMIT",
    b"FIELDS",
    b"BYSCORE",
    b"BYLEX",
    b"(1",
    b"[a",
    b"+",
    b"2",
];

/// What an example that is to be read calls `payload`.
const PAYLOAD: &[u8] = b"\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbb";

fn example(spec: &CommandSpec) -> Vec<Vec<u8>> {
    let words = spec.example.split(' ').map(|word| match word {
        "payload" => PAYLOAD,
        word => word.as_bytes(),
    });
    words.map(<[u8]>::to_vec).collect()
}

fn shown(words: &[Vec<u8>]) -> String {
    let words: Vec<_> = words
        .iter()
        .map(|word| word.escape_ascii().to_string())
        .collect();
    words.join(" ")
}

#[test]
fn rows_are_complete_and_unique() {
    let mut names = BTreeSet::new();
    for spec in all() {
        let name = spec.name;
        assert!(names.insert(name), "{name} has two rows");
        assert!(
            name.len() <= 32
                && name
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b"|_-".contains(&b))
        );
        assert!(GROUPS.contains(&spec.group), "{name}");
        assert_eq!(
            spec.since
                .split('.')
                .filter(|part| part.parse::<u32>().is_ok())
                .count(),
            3,
            "{name}"
        );
        for text in [spec.summary, spec.differences] {
            assert!(
                text.is_empty() || text.ends_with(['.', ')']),
                "{name}: {text}"
            );
            assert!(
                !text.contains(['\n', '|']) && !text.contains("  "),
                "{name}: {text}"
            );
        }
        assert!(
            !spec.summary.is_empty() && !spec.complexity.is_empty(),
            "{name}"
        );
        let writes = spec.flags.contains(&Flag::Write);
        assert!(!(writes && spec.flags.contains(&Flag::ReadOnly)), "{name}");
        assert!(
            spec.arity != 0 && (name.contains('|') == (spec.arity.abs() > 1 && name.contains('|')))
        );
        if let Some((container, _)) = name.split_once('|') {
            assert!(
                find(container.as_bytes()).is_some(),
                "{name} has no container"
            );
        }
        assert!(std::ptr::eq(
            find(name.to_lowercase().as_bytes()).unwrap(),
            spec
        ));
    }
}

/// Whether the command belongs to something that is not there: no words make it do anything.
fn is_refused(spec: &CommandSpec) -> bool {
    let container = spec.name.split('|').next().unwrap_or_default();
    matches!(spec.group, "scripting" | "cluster")
        || [
            "REPLICAOF",
            "SLAVEOF",
            "REPLCONF",
            "PSYNC",
            "SYNC",
            "FAILOVER",
        ]
        .contains(&container)
}

#[test]
fn every_example_runs_on_an_empty_database() {
    for spec in all() {
        let words = example(spec);
        let host = RecordingHost::empty();
        let slices: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let resolved = resolve(&slices).unwrap().name;
        let is_own = resolved == spec.name || resolved.starts_with(&format!("{}|", spec.name));
        assert!(is_own && spec.takes(words.len()), "{}", spec.example);
        match host.run(&words) {
            Ok(_) | Err(Error::Command(CommandError::NoSuchKey)) => {}
            // There is nothing that they could run.
            Err(Error::Command(_)) if is_refused(spec) => {}
            Err(error) => panic!("{}: {error}", spec.example),
        }
    }
}

#[test]
fn a_wrong_number_of_words_has_the_text_of_redis() {
    let host = RecordingHost::filled();
    for spec in all() {
        let path: Vec<Vec<u8>> = spec.name.split('|').map(|word| word.into()).collect();
        let text = format!(
            "ERR wrong number of arguments for '{}' command",
            spec.name.to_lowercase()
        );
        for len in path.len()..12 {
            let mut words = path.clone();
            words.resize(len, b"1".to_vec());
            // The words after a container choose a row of their own.
            if spec.takes(len) || (len > 1 && spec.subcommands().next().is_some()) {
                continue;
            }
            let error = host.run(&words).unwrap_err();
            assert_eq!(error.to_string(), text, "{}", shown(&words));
        }
    }
    assert_eq!(host.batch.borrow().count, 0);
}

#[test]
fn the_write_flag_says_who_may_change_state() {
    for spec in all().filter(|spec| !is_refused(spec)) {
        for host in [RecordingHost::empty(), RecordingHost::filled()] {
            let words = example(spec);
            let reply = host.run(&words);
            let slices: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let flags = resolve(&slices).unwrap().flags;
            let writes = flags.contains(&Flag::Write);
            assert_eq!(
                host.calls.written.get() > 0,
                writes,
                "{}: {reply:?}",
                spec.name
            );
            if flags.contains(&Flag::ReadOnly) {
                assert!(host.calls.read.get() > 0, "{}", spec.name);
            }
        }
    }
}

#[test]
fn the_deny_oom_flag_says_who_needs_memory() {
    let mut wrong = BTreeSet::new();
    for spec in all() {
        for host in [RecordingHost::empty(), RecordingHost::filled()] {
            let words = example(spec);
            drop(host.run(&words));
            let slices: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let spec = resolve(&slices).unwrap();
            let flagged = u32::from(spec.flags.contains(&Flag::DenyOom));
            // Once by the row, once by the operation itself, which is what typed calls run.
            let expected = flagged + flagged * u32::from(host.calls.written.get() > 0);
            if host.calls.made_room.get() != expected {
                wrong.insert(spec.name);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "flag and `needs_memory` differ: {wrong:?}"
    );
}

#[test]
fn key_positions_agree_with_the_keys_a_command_names() {
    for spec in all() {
        let host = RecordingHost::filled();
        let words = example(spec);
        drop(host.run(&words));
        let named = host.calls.named.take();
        if !spec.keys.any() || host.calls.read.get() + host.calls.written.get() == 0 {
            let keyless = named.unwrap_or_default();
            assert!(
                keyless.is_empty() || spec.subcommands().next().is_some(),
                "{}",
                spec.name
            );
            continue;
        }
        let slices: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        if spec.group == "pubsub" {
            continue; // Its keys are channels.
        }
        let positions = spec.keys.among(&slices).expect("examples are well-formed");
        let listed: BTreeSet<_> = positions.into_iter().map(|at| words[at].clone()).collect();
        assert_eq!(named, Some(listed), "{}", spec.name);
    }
}

#[test]
fn a_failed_command_leaves_nothing_and_a_done_one_leaves_its_effects() {
    let seed = 0x5eed_0001;
    let random = Numbers::seeded(seed);
    let draw = |below: usize| (random.next() % below as u64) as usize;
    let (mut failed, mut done, mut changed) = (0, 0, 0);
    for spec in all() {
        let mut host = RecordingHost::filled();
        let mut start = host.shards.borrow().clone();
        for round in 0..400 {
            let mut words = example(spec);
            for _ in 0..draw(4) {
                let garbage = GARBAGE[draw(GARBAGE.len())].to_vec();
                let fixed = spec.name.split('|').count();
                match draw(4) {
                    0 => words.push(garbage),
                    1 if words.len() > fixed => {
                        drop(words.remove(fixed + draw(words.len() - fixed)))
                    }
                    2 if words.len() > fixed => {
                        words.insert(fixed + draw(words.len() - fixed), garbage);
                    }
                    _ if words.len() > fixed => {
                        let at = fixed + draw(words.len() - fixed);
                        words[at] = garbage;
                    }
                    _ => {}
                }
            }
            let before = dump(&host.shards.borrow());
            let bytes = host.batch.borrow().bytes.len();
            let reply = host.run(&words);
            let after = dump(&host.shards.borrow());
            let context = || {
                format!(
                    "seed {seed:#x}, round {round}: {}: {reply:?}",
                    shown(&words)
                )
            };
            let recorded = host.batch.borrow().bytes.len() > bytes;
            if reply.is_err() || host.calls.written.get() == 0 {
                assert_eq!(before, after, "{}", context());
                assert!(!recorded, "{}", context());
            }
            assert!(
                before == after || recorded,
                "a change without an effect, {}",
                context()
            );
            failed += u32::from(reply.is_err());
            done += u32::from(reply.is_ok());
            changed += u32::from(before != after);
            if round % 20 == 19 {
                assert_eq!(host.replayed(start), after, "replay differs, {}", context());
                host = RecordingHost::filled();
                start = host.shards.borrow().clone();
            }
        }
    }
    assert!(
        failed > 500 && done > 500 && changed > 100,
        "{failed}, {done}, {changed}"
    );
}
