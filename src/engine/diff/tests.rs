use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Diff, DifferenceKind, KeyContent, PartDifference};
use crate::prelude::*;
use crate::value::Value;
use crate::{Db, FieldTtl, KeyType, ManualClock, Snapshot, ZRange};

/// What a key holds, in std's types; scores as bits.
#[derive(Debug, Clone, PartialEq)]
enum Held {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Hash(BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>),
    Set(BTreeSet<Vec<u8>>),
    SortedSet(BTreeMap<Vec<u8>, u64>),
}

type Model = BTreeMap<(u8, Vec<u8>), (Held, Option<u64>)>;

/// What reading commands see.
fn model(moment: &Snapshot) -> Model {
    let mut model = Model::new();
    for index in 0..16 {
        let snapshot = moment.database(index).unwrap();
        for record in snapshot.iter() {
            let key = record.key();
            let held = match record.key_type() {
                KeyType::String => Held::String(snapshot.get(key).unwrap().unwrap()),
                KeyType::List => Held::List(snapshot.lrange(key, 0, -1).unwrap()),
                KeyType::Hash => {
                    let mut fields = BTreeMap::new();
                    for (field, value) in snapshot.hget_all(key).unwrap() {
                        let ttl = snapshot.hexpires_at_ms(key, &[&field]).unwrap();
                        let deadline = match ttl[0] {
                            FieldTtl::Ms(at_ms) => Some(at_ms),
                            FieldTtl::Never | FieldTtl::NoField => None,
                        };
                        fields.insert(field, (value, deadline));
                    }
                    Held::Hash(fields)
                }
                KeyType::Set => Held::Set(snapshot.smembers(key).unwrap().into_iter().collect()),
                KeyType::SortedSet => {
                    let members = snapshot.zrange_with_scores(key, ZRange::ranks(0, -1));
                    let bits = |(member, score): (_, f64)| (member, score.to_bits());
                    Held::SortedSet(members.unwrap().into_iter().map(bits).collect())
                }
            };
            model.insert((index, key.to_vec()), (held, record.expires_at_ms()));
        }
    }
    model
}

fn held(content: &KeyContent) -> Held {
    match &content.value {
        Value::String(_) => Held::String(content.string().unwrap()),
        Value::List(list) => Held::List(list.iter().map(<[u8]>::to_vec).collect()),
        Value::Hash(hash) => {
            let fields = content.fields(hash);
            let pair = |field: crate::keyspace::FieldRef<'_>| {
                let value = (field.value.to_vec(), field.deadline_ms());
                (field.field.to_vec(), value)
            };
            Held::Hash(fields.map(pair).collect())
        }
        Value::Set(set) => Held::Set(set.iter().map(|member| member.to_vec()).collect()),
        Value::SortedSet(zset) => {
            let members = zset.range(0..zset.len());
            let bits = |(member, score): (&[u8], f64)| (member.to_vec(), score.to_bits());
            Held::SortedSet(members.map(bits).collect())
        }
    }
}

fn apply_parts<V: Clone + PartialEq + std::fmt::Debug, W>(
    map: &mut BTreeMap<Vec<u8>, V>,
    parts: &[PartDifference<Vec<u8>, W>],
    value: impl Fn(&W) -> V,
) {
    for part in parts {
        let (before, after) = (
            part.before.as_ref().map(&value),
            part.after.as_ref().map(&value),
        );
        assert_ne!(before, after, "a part that is the same");
        assert_eq!(map.get(&part.name), before.as_ref());
        match after {
            Some(after) => map.insert(part.name.clone(), after),
            None => map.remove(&part.name),
        };
    }
}

/// Carries a diff out by hand.
fn apply(model: &mut Model, diff: &Diff) {
    for difference in diff {
        let at = (difference.database(), difference.key().to_vec());
        match difference.kind() {
            DifferenceKind::Added(content) => {
                assert_eq!(
                    content.size() == 0,
                    content.string().is_some_and(|s| s.is_empty())
                );
                let old = model.insert(at, (held(content), content.expires_at_ms()));
                assert_eq!(old, None, "added, and was there");
            }
            DifferenceKind::Removed(content) => {
                let old = model.remove(&at);
                assert_eq!(old, Some((held(content), content.expires_at_ms())));
            }
            DifferenceKind::Replaced { before, after } => {
                let (old, _) = model.get_mut(&at).unwrap();
                assert_eq!(*old, held(before));
                *old = held(after);
                assert_ne!(*old, held(before), "replaced by the same");
            }
            DifferenceKind::Deadline {
                before_ms,
                after_ms,
            } => {
                let (_, old) = model.get_mut(&at).unwrap();
                assert_eq!(old, before_ms);
                assert_ne!(before_ms, after_ms);
                *old = *after_ms;
            }
            DifferenceKind::List(parts) => {
                let (Held::List(list), _) = model.get_mut(&at).unwrap() else {
                    panic!("no list")
                };
                for part in parts.iter().rev().filter(|part| part.after.is_none()) {
                    let old = list.remove(part.name as usize);
                    assert_eq!(Some(old), part.before);
                }
                for part in parts {
                    let at = part.name as usize;
                    match (&part.before, &part.after) {
                        (None, Some(new)) => list.insert(at, new.clone()),
                        (Some(old), Some(new)) => {
                            assert_eq!(list[at], *old);
                            assert_ne!(old, new);
                            list[at].clone_from(new);
                        }
                        (Some(_), None) => {}
                        (None, None) => panic!("a part that is nothing"),
                    }
                }
            }
            DifferenceKind::Hash(parts) => match model.get_mut(&at) {
                Some((Held::Hash(fields), _)) => apply_parts(fields, parts, |content| {
                    (content.value.clone(), content.expires_at_ms)
                }),
                other => panic!("no hash: {other:?}"),
            },
            DifferenceKind::Set(parts) => match model.get_mut(&at) {
                Some((Held::Set(members), _)) => {
                    let mut map = members.iter().map(|member| (member.clone(), ())).collect();
                    apply_parts(&mut map, parts, |()| ());
                    *members = map.into_keys().collect();
                }
                other => panic!("no set: {other:?}"),
            },
            DifferenceKind::SortedSet(parts) => match model.get_mut(&at) {
                Some((Held::SortedSet(members), _)) => {
                    apply_parts(members, parts, |score| score.to_bits());
                }
                other => panic!("no sorted set: {other:?}"),
            },
        }
    }
}

/// SplitMix64, for the words of commands.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        crate::sys::rng::mix(self.0) % n
    }
}

/// One command in words; most keys have a type that their name says, few commands do not care.
fn command(chance: &mut Chance, now_ms: u64, spread: u64) -> Vec<String> {
    let kind = ["s", "l", "h", "z", "m"][chance.below(5) as usize];
    let key = format!("{kind}{}", chance.below(4));
    let mut element = || match chance.below(40) {
        0 => "x".repeat(chance.below(6_000) as usize),
        1..10 => chance.below(spread).to_string(),
        _ => format!("e{}", chance.below(spread)),
    };
    let (one, two) = (element(), element());
    let at = (chance.below(spread)).to_string();
    let soon = (now_ms + chance.below(400)).to_string();
    let text = match (chance.below(20), kind) {
        (0, _) => format!("DEL {key}"),
        (1, _) => format!("PEXPIREAT {key} {soon}"),
        (2, _) => format!("PERSIST {key}"),
        (3, _) => format!("RENAME {key} s{}", chance.below(4)),
        (4, _) => format!("MOVE {key} {}", chance.below(3)),
        (5, _) => format!("SET {key} {one}"),
        (6..9, "s") => format!("SET {key} {one} PXAT {soon}"),
        (9..12, "s") => format!("SETBIT {key} {} 1", chance.below(200_000)),
        (12..14, "s") => format!("SETRANGE {key} {at} {one}"),
        (_, "s") => format!("APPEND {key} {one}"),
        (6..9, "l") => format!("LSET {key} {at} {one}"),
        (9..12, "l") => format!("LPUSH {key} {one} {two}"),
        (12, "l") => format!("LINSERT {key} BEFORE {one} {two}"),
        (13, "l") => format!("LREM {key} 1 {one}"),
        (14, "l") => format!("LPOP {key} 2"),
        (_, "l") => format!("RPUSH {key} {one} {two}"),
        (6..9, "h") => format!("HDEL {key} {one} {two}"),
        (9..12, "h") => format!("HPEXPIREAT {key} {soon} FIELDS 1 {one}"),
        (_, "h") => format!("HSET {key} {one} {two} {two} {at}"),
        (6..10, "z") => format!("ZREM {key} {one} {two}"),
        (_, "z") => format!("ZADD {key} {} {one} -0 {two}", at),
        (6..9, _) => format!("SREM {key} {one} {two}"),
        (_, _) => format!("SADD {key} {one} {two}"),
    };
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn a_diff_carried_out_by_hand_gives_the_later_moment() {
    let seed = std::env::var("NACRE_SEED").map_or(1, |seed| seed.parse().unwrap());
    for round in 0..60 {
        let mut chance = Chance(seed + round);
        let what = format!("NACRE_SEED={seed}, round {round}");
        let clock = Arc::new(ManualClock::new(1_000_000));
        let open = |seed, bits| {
            let builder = Db::builder().clock(clock.clone()).seed(seed);
            builder.shard_bits(bits).open_in_memory()
        };
        // The same commands on a database that puts its keys elsewhere.
        let (mut db, other) = (open(1, round as u32 % 5), open(2, 3));
        let mut now_ms = 1_000_000;
        let spread = [4, 40, 900][chance.below(3) as usize];
        let steps = [30, 300, 3_000][chance.below(3) as usize];
        let before_at = steps - chance.below(steps.min(60)) - 1;
        let (mut before, mut is_branch) = (None, false);
        for step in 0..steps {
            let words = command(&mut chance, now_ms, spread);
            let index = chance.below(10).saturating_sub(7) as u8;
            let run = |db: &Db| db.database(index).unwrap().execute(&words);
            let reply = format!("{:?}", run(&db));
            assert_eq!(reply, format!("{:?}", run(&other)), "{what}: {words:?}");
            if chance.below(8) == 0 {
                // Nothing is removed: what has expired lies where it was.
                let by_ms = chance.below(90);
                now_ms += by_ms;
                clock.set_ms(now_ms);
                if is_branch {
                    db.advance(Duration::from_millis(by_ms)).unwrap();
                }
            }
            if step == before_at {
                before = Some(db.snapshot().unwrap());
                if chance.below(2) == 0 {
                    // A branch has a clock of its own.
                    db = db.fork().unwrap();
                    is_branch = true;
                }
            }
        }
        let before = before.unwrap();
        let (after, elsewhere) = (db.snapshot().unwrap(), other.snapshot().unwrap());
        let expected = model(&after);
        for (from, to) in [(&before, &after), (&before, &elsewhere)] {
            let mut content = model(from);
            apply(&mut content, &from.diff(to));
            assert_eq!(content, expected, "{what}");
        }
        let mut back = expected;
        apply(&mut back, &after.diff(&before));
        assert_eq!(back, model(&before), "{what}");
        let same = after.diff(&elsewhere).to_string();
        assert_eq!(same, "", "{what}");
    }
}

fn lines(script: &[&str], more: &[&str]) -> Vec<String> {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let db = Db::builder().clock(clock.clone()).seed(1).open_in_memory();
    let run = |script: &[&str]| {
        for line in script {
            match line.strip_prefix("clock ") {
                Some(at_ms) => clock.set_ms(at_ms.parse().unwrap()),
                None => {
                    let words: Vec<&str> = line.split(' ').collect();
                    let index = words[0].parse().unwrap_or(0);
                    let words = if index > 0 { &words[1..] } else { &words };
                    let reply = db.database(index).unwrap().execute(words);
                    reply.unwrap();
                }
            }
        }
    };
    run(script);
    let before = db.snapshot().unwrap();
    run(more);
    let diff = before.diff(&db.snapshot().unwrap()).to_string();
    diff.lines().map(str::to_owned).collect()
}

#[test]
fn each_difference_is_a_line_in_the_order_of_keys() {
    let before = [
        "SET changed old",
        "SET gone bye",
        "SET type 1",
        "SET same 1",
        "SET ttl 1 PXAT 1700000000000",
        "HSET user:1 name Ada age 36",
        "RPUSH jobs a b c",
        "RPUSH queue a b c",
        "SADD tags a b",
        "ZADD board 10 ada 7 bob",
        "5 SET k v",
    ];
    let after = [
        "SET changed new",
        "DEL gone jobs",
        "DEL type",
        "RPUSH type x y",
        "PERSIST ttl",
        "PEXPIREAT same 1800000000000",
        "HSET user:1 name Eve mail eve@example.org",
        "HDEL user:1 age",
        "LSET queue 1 B",
        "SREM tags a",
        "SADD tags c",
        "ZADD board 12.5 ada -1 eve",
        "ZREM board bob",
        "SET new 1 PXAT 1900000000000",
        "ZADD fresh 1 one",
        "5 SET k w",
    ];
    assert_eq!(
        lines(&before, &after),
        [
            r#"~ zset "board": ada 10 → 12.5, -bob 7, +eve -1"#,
            r#"~ string "changed": "old" → "new""#,
            r#"+ zset "fresh" = {one 1}"#,
            r#"- string "gone" = "bye""#,
            r#"- list "jobs" (3 elements)"#,
            r#"+ string "new" = "1" expires 1900000000000"#,
            r#"~ list "queue": [1] "b" → "B""#,
            r#"~ expires "same": none → 1800000000000"#,
            r#"~ set "tags": -a, +c"#,
            r#"~ expires "ttl": 1700000000000 → none"#,
            r#"~ string "type": "1" → list ["x", "y"]"#,
            r#"~ hash "user:1": -age "36", +mail "eve@example.org", name "Ada" → "Eve""#,
            r#"~ db5 string "k": "v" → "w""#,
        ]
    );
}

#[test]
fn what_expired_between_two_moments_is_gone_whether_it_was_removed_or_not() {
    let before = [
        "SET k v PXAT 1000100",
        "SET later v PXAT 1000900",
        "HSET h a 1 b 2",
        "HPEXPIREAT h 1000100 FIELDS 1 a",
        "HSET all a 1",
        "HPEXPIREAT all 1000100 FIELDS 1 a",
    ];
    assert_eq!(lines(&before, &["clock 1000100"]), [""; 0]);
    assert_eq!(
        lines(&before, &["clock 1000101"]),
        [
            r#"- hash "all" (1 element)"#,
            r#"~ hash "h": -a "1" expires 1000100"#,
            r#"- string "k" = "v""#,
        ]
    );
    // Back: what had expired when the first was taken is there again.
    let late = [before.as_slice(), &["clock 1000101"]].concat();
    let back = lines(&late, &["clock 1000000"]);
    assert_eq!(back[0], r#"+ hash "all" = {a "1" expires 1000100}"#);
    assert_eq!(back.len(), 3);
}

#[test]
fn long_values_are_cut_and_lines_stay_lines() {
    let long = "a".repeat(5_000);
    let script = format!("SET s {long}");
    let list: String = (0..30).map(|n| format!(" {n}")).collect();
    let push = format!("RPUSH l{list}");
    assert_eq!(
        lines(
            &[&script, "SET b \n\"\\\u{7}ü"],
            &["SETRANGE s 4000 b", &push, "SETBIT b 7 1", "SADD t  x\ty"]
        ),
        [
            r#"~ string "b": "\n\"\\\x07ü" → "\x0b\"\\\x07ü""#,
            r#"+ list "l" = (30 elements)"#,
            &format!(
                r#"~ string "s": from byte 4000: "…{a}…" (5000 bytes) → "…b{b}…" (5000 bytes)"#,
                a = "a".repeat(32),
                b = "a".repeat(31)
            ),
            r#"+ set "t" = {"", "x\ty"}"#,
        ]
    );
    let more = lines(&[&push], &[&push]);
    assert!(more[0].starts_with(r#"~ list "l": +[30] "0", +[31] "1""#));
    assert!(more[0].ends_with(r#"+[45] "15", and 14 more"#), "{more:?}");
}

#[test]
fn a_diff_costs_what_changed_and_not_what_is_there() {
    let db = Db::builder().seed(1).open_in_memory();
    for n in 0..100_000 {
        db.set(format!("key:{n}"), format!("value {n}")).unwrap();
    }
    let before = db.snapshot().unwrap();
    db.set("key:5", "another").unwrap();
    db.del("key:77777").unwrap();
    db.set("new", "1").unwrap();
    let after = db.snapshot().unwrap();
    let diff = before.diff(&after);
    assert_eq!(diff.len(), 3);
    let everything = Db::open_in_memory().snapshot().unwrap().diff(&after);
    assert_eq!(everything.len(), 100_000);
    let (few, all) = (diff.pages_read(), everything.pages_read());
    assert!(all > 1_000 && few <= 8, "{few} pages of {all}");
    assert_eq!(before.diff(&before.clone()).pages_read(), 0);
}
