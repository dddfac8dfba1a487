use std::time::Duration;

use crate::command::script::{db_at, say, script};
use crate::prelude::*;
use crate::{CommandError, Db, ElementScanOptions, Error, ScoreBound, ZAddOptions, ZAdded};

#[test]
fn zadd_counts_new_and_with_ch_changed_members() {
    script(
        &Db::open_in_memory(),
        &[
            ("ZADD z 1 a 2 b", ":2"),
            ("ZADD z 1 a 3 b 4 c", ":1"),
            ("ZADD z CH 1 a 5 b 6 d", ":2"),
            ("ZADD z CH 7 e 8 e 8 e", ":2"),
            ("ZSCORE z e", "\"8\""),
            ("ZCARD z", ":5"),
            ("ZADD z nx ch 9 a 9 new", ":1"),
            ("ZADD z xx ch 9 a 9 missing", ":1"),
            ("ZADD z gt ch 1 a 10 b 3 other", ":2"),
            ("ZADD z lt ch 99 a 2 b", ":1"),
            ("ZMSCORE z a b missing", "[\"9\" \"2\" nil]"),
            ("ZADD missing XX 1 a", ":0"),
            ("EXISTS missing", ":0"),
            ("ZADD z XX GT CH 10 a 10 missing", ":1"),
        ],
    );
}

#[test]
fn zadd_incr_and_zincrby_add_to_scores() {
    script(
        &Db::open_in_memory(),
        &[
            ("ZADD z INCR 1.5 a", "\"1.5\""),
            ("ZADD z INCR NX 1 a", "nil"),
            ("ZADD z INCR XX 1 missing", "nil"),
            ("ZADD z XX INCR 1 a", "\"2.5\""),
            ("ZADD z GT INCR -1 a", "nil"),
            ("ZADD z LT INCR 1 a", "nil"),
            ("ZADD z LT INCR -1 a", "\"1.5\""),
            ("ZADD none XX INCR 1 a", "nil"),
            ("ZINCRBY z -3 a", "\"-1.5\""),
            ("ZINCRBY z inf a", "\"inf\""),
            (
                "ZINCRBY z -inf a",
                "-ERR resulting score is not a number (NaN)",
            ),
            ("ZADD z INCR NX -inf a", "nil"),
            ("ZINCRBY z -inf b", "\"-inf\""),
            ("ZSCORE z a", "\"inf\""),
            (
                "ZADD z INCR 1 a 2 b",
                "-ERR INCR option supports a single increment-element pair",
            ),
            ("ZINCRBY z NX a", "-ERR syntax error"),
            ("ZINCRBY z x a", "-ERR value is not a valid float"),
        ],
    );
}

#[test]
fn options_and_scores_are_refused_in_the_order_of_redis() {
    let float = "-ERR value is not a valid float";
    let nx_xx = "-ERR XX and NX options at the same time are not compatible";
    let gt_lt = "-ERR GT, LT, and/or NX options at the same time are not compatible";
    script(
        &Db::open_in_memory(),
        &[
            ("SET s text", "+OK"),
            (
                "ZADD s",
                "-ERR wrong number of arguments for 'zadd' command",
            ),
            (
                "ZADD s 1",
                "-ERR wrong number of arguments for 'zadd' command",
            ),
            ("ZADD s 1 a 2", "-ERR syntax error"),
            ("ZADD s nx xx", "-ERR syntax error"),
            ("ZADD s nx xx 1 a 2", "-ERR syntax error"),
            ("ZADD s nx xx x a", nx_xx),
            ("ZADD s nx xx gt x a", nx_xx),
            ("ZADD s gt lt x a", gt_lt),
            ("ZADD s nx gt x a", gt_lt),
            ("ZADD s nx lt incr x a 1 b", gt_lt),
            ("ZADD s 1 a x b", float),
            ("ZADD s nan a", float),
            ("ZADD s 1e400 a", float),
            ("ZADD s '' a", float),
            (
                "ZADD s 1 a",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            ("ZADD z 1 a x b", float),
            ("EXISTS z", ":0"),
            ("ZADD z 0x10 a", ":1"),
            ("ZSCORE z a", "\"16\""),
        ],
    );
}

#[test]
fn another_type_is_refused_by_every_command() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let db = Db::open_in_memory();
    db.set("s", "text").unwrap();
    for line in [
        "ZADD s 1 a",
        "ZINCRBY s 1 a",
        "ZREM s a",
        "ZSCORE s a",
        "ZMSCORE s a",
        "ZCARD s",
        "ZRANK s a",
        "ZREVRANK s a",
        "ZCOUNT s 0 1",
        "ZLEXCOUNT s - +",
        "ZPOPMIN s",
        "ZPOPMAX s 0",
        "ZSCAN s 0",
    ] {
        assert_eq!(say(&db, line), wrong, "{line}");
    }
    db.zadd("z", 1.0, "a").unwrap();
    assert_eq!(say(&db, "GET z"), wrong);
    assert_eq!(say(&db, "TYPE z"), "+zset");
}

#[test]
fn counts_and_ranks_agree_with_the_order() {
    script(
        &Db::open_in_memory(),
        &[
            ("ZADD z 1 a 2 b 2 c 3 d inf e -inf f", ":6"),
            ("ZRANK z f", ":0"),
            ("ZRANK z c", ":3"),
            ("ZREVRANK z e", ":0"),
            ("ZREVRANK z b", ":3"),
            ("ZRANK z missing", "nil"),
            ("ZRANK missing a", "nil"),
            ("ZCOUNT z -inf +inf", ":6"),
            ("ZCOUNT z (-inf (+inf", ":4"),
            ("ZCOUNT z (1 2", ":2"),
            ("ZCOUNT z 2 1", ":0"),
            ("ZCOUNT z ( 5", ":4"),
            ("ZCOUNT missing 0 1", ":0"),
            ("ZCOUNT z ((1 5", "-ERR min or max is not a float"),
            ("ZCOUNT z nan 5", "-ERR min or max is not a float"),
            ("ZCOUNT missing 1 (x", "-ERR min or max is not a float"),
            ("ZADD l 0 a 0 b 0 c", ":3"),
            ("ZLEXCOUNT l - +", ":3"),
            ("ZLEXCOUNT l [b (c", ":1"),
            ("ZLEXCOUNT l + -", ":0"),
            ("ZLEXCOUNT l (a +", ":2"),
            (
                "ZLEXCOUNT l a +",
                "-ERR min or max not valid string range item",
            ),
            (
                "ZLEXCOUNT l -x +",
                "-ERR min or max not valid string range item",
            ),
            (
                "ZLEXCOUNT missing '' +",
                "-ERR min or max not valid string range item",
            ),
        ],
    );
}

#[test]
fn removing_the_last_member_removes_the_key() {
    script(
        &Db::open_in_memory(),
        &[
            ("ZADD z 1 a 2 b 3 c 4 d", ":4"),
            ("ZREM z a missing a", ":1"),
            ("ZPOPMIN z", "[\"b\" \"2\"]"),
            ("ZPOPMAX z", "[\"d\" \"4\"]"),
            ("ZPOPMIN z 0", "[]"),
            ("ZPOPMAX z 9", "[\"c\" \"3\"]"),
            ("EXISTS z", ":0"),
            ("ZPOPMIN z", "[]"),
            ("ZADD z 1 a 2 b 3 c", ":3"),
            ("ZPOPMAX z 2", "[\"c\" \"3\" \"b\" \"2\"]"),
            ("ZREM z a", ":1"),
            ("ZREM z a", ":0"),
            ("EXISTS z", ":0"),
            (
                "ZPOPMIN z -1",
                "-ERR value is out of range, must be positive",
            ),
            (
                "ZPOPMIN z x",
                "-ERR value is out of range, must be positive",
            ),
            (
                "ZPOPMIN z 9223372036854775808",
                "-ERR value is out of range, must be positive",
            ),
            ("ZPOPMAX z 1 2", "-ERR syntax error"),
        ],
    );
}

#[test]
fn a_deadline_stays_when_members_change_and_an_expired_set_is_gone() {
    let (db, clock) = db_at(1_000_000);
    db.zadd("z", 1.0, "a").unwrap();
    db.expire("z", Duration::from_secs(5)).unwrap();
    db.zadd("z", 2.0, "b").unwrap();
    assert_eq!(say(&db, "PTTL z"), ":5000");
    clock.set_ms(1_006_000);
    assert_eq!(db.zcard("z").unwrap(), 0);
    assert!(db.zadd("z", 3.0, "c").unwrap());
    assert_eq!(say(&db, "ZPOPMIN z 9"), "[\"c\" \"3\"]");
}

#[test]
fn scores_are_printed_shortest() {
    script(
        &Db::open_in_memory(),
        &[
            ("ZADD z 0.1 a 1e21 b 3.0 c 1e-7 d -0 e 1e17 f", ":6"),
            (
                "ZMSCORE z a b c d e f",
                "[\"0.1\" \"1e+21\" \"3\" \"1e-7\" \"0\" \"100000000000000000\"]",
            ),
        ],
    );
}

#[test]
fn encodings_are_those_of_redis() {
    let db = Db::open_in_memory();
    for i in 0..128 {
        db.zadd("z", f64::from(i), i.to_string()).unwrap();
    }
    assert_eq!(db.object_encoding("z").unwrap(), Some("listpack"));
    db.zadd("z", 1.0, "one more").unwrap();
    assert_eq!(db.object_encoding("z").unwrap(), Some("skiplist"));
    assert_eq!(say(&db, "OBJECT REFCOUNT z"), ":1");
}

#[test]
fn a_scan_takes_options_and_refuses_them_as_redis_does() {
    let db = Db::open_in_memory();
    db.zadd("z", 1.0, "a").unwrap();
    script(
        &db,
        &[
            ("ZSCAN z 0", "[\"0\" [\"a\" \"1\"]]"),
            ("ZSCAN z 0 MATCH b* COUNT 5", "[\"0\" []]"),
            ("ZSCAN z x", "-ERR invalid cursor"),
            ("ZSCAN missing x", "-ERR invalid cursor"),
            ("ZSCAN z 0 COUNT 0", "-ERR syntax error"),
            (
                "ZSCAN z 0 COUNT x",
                "-ERR value is not an integer or out of range",
            ),
            ("ZSCAN z 0 MATCH", "-ERR syntax error"),
            ("ZSCAN missing 0 COUNT 0", "[\"0\" []]"),
        ],
    );
    let items: Vec<(f64, String)> = (0..5_000).map(|i| (f64::from(i), i.to_string())).collect();
    db.zadd_with("large", &items, ZAddOptions::new()).unwrap();
    let (mut cursor, mut seen, mut calls) = (0, std::collections::BTreeMap::new(), 0);
    loop {
        let options = ElementScanOptions::new().count(100);
        let (next, found) = db.zscan("large", cursor, options).unwrap();
        seen.extend(found);
        calls += 1;
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    assert!((10..=50).contains(&calls), "{calls} calls");
    assert_eq!(seen.len(), 5_000);
    assert!(
        seen.iter()
            .all(|(member, score)| *member == score.to_string().into_bytes())
    );
}

#[test]
fn typed_calls_refuse_what_is_no_number() {
    let db = Db::open_in_memory();
    let refused = |result: Result<(), Error>, text: &str| {
        assert_eq!(result.unwrap_err().to_string(), text);
    };
    let float = CommandError::NotAFloat.to_string();
    refused(db.zadd("z", f64::NAN, "a").map(drop), &float);
    refused(db.zincr_by("z", f64::NAN, "a").map(drop), &float);
    let bound = "ERR min or max is not a float";
    refused(db.zcount("z", f64::NAN, 1.0).map(drop), bound);
    refused(
        db.zcount("z", 0.0, ScoreBound::Exclusive(f64::NAN))
            .map(drop),
        bound,
    );
    let both = ZAddOptions::new().nx().xx();
    let text = "ERR XX and NX options at the same time are not compatible";
    refused(db.zadd_with("z", &[(1.0, "a")], both).map(drop), text);
    refused(db.zadd_incr("z", 1.0, "a", both).map(drop), text);
    let none: [(f64, &str); 0] = [];
    let count = db.zadd_with("z", &none, ZAddOptions::new()).unwrap();
    assert_eq!((count, db.zcard("z").unwrap()), (ZAdded::default(), 0));
    assert_eq!(say(&db, "EXISTS z"), ":0");
}

#[test]
fn a_snapshot_keeps_its_members() {
    let db = Db::open_in_memory();
    let items: Vec<(f64, String)> = (0..2_000).map(|i| (f64::from(i), i.to_string())).collect();
    db.zadd_with("z", &items, ZAddOptions::new()).unwrap();
    let snapshot = db.snapshot().unwrap();
    assert_eq!(db.zpop_max("z", 1_999).unwrap().len(), 1_999);
    db.zincr_by("z", 5.0, "0").unwrap();
    assert_eq!(snapshot.zcard("z").unwrap(), 2_000);
    assert_eq!(snapshot.zrank("z", "1234").unwrap(), Some(1_234));
    assert_eq!(snapshot.zscore("z", "0").unwrap(), Some(0.0));
    assert_eq!(db.zscore("z", "0").unwrap(), Some(5.0));
}

#[test]
fn sorted_sets_survive_a_reopen_and_a_compaction() -> Result<(), Error> {
    let dir = tempfile::tempdir().unwrap();
    let open = || Db::open(dir.path().join("zsets.nacre"));
    let db = open()?;
    let long = "x".repeat(100_000);
    let items: Vec<(f64, String)> = (0..5_000)
        .map(|i| (f64::from(i % 700) - 100.5, format!("member {i}")))
        .collect();
    db.zadd_with("z", &items, ZAddOptions::new())?;
    db.zadd("z", f64::INFINITY, &long)?;
    db.zincr_by("z", 0.125, "member 7")?;
    db.zrem("z", &["member 8", "missing"])?;
    db.zpop_min("z", 10)?;
    db.zpop_max("z", 1)?;
    db.zadd("z", -0.0, &long)?;
    db.zadd("short", 1.0, "a")?;
    db.zpop_min("short", 2)?;
    let all = |db: &Db| -> Result<Vec<(Vec<u8>, u64)>, Error> {
        let (mut cursor, mut all) = (0, Vec::new());
        loop {
            let (next, found) = db.zscan("z", cursor, ElementScanOptions::new())?;
            all.extend(
                found
                    .into_iter()
                    .map(|(member, score)| (member, score.to_bits())),
            );
            cursor = next;
            if cursor == 0 {
                all.sort();
                return Ok(all);
            }
        }
    };
    let expected = all(&db)?;
    assert_eq!(expected.len(), 4_990);
    db.close()?;
    let db = open()?;
    assert_eq!(all(&db)?, expected);
    assert!(!db.exists("short")?);
    db.compact()?;
    db.zadd("after", 1.0, "compaction")?;
    db.close()?;
    let db = open()?;
    assert_eq!(all(&db)?, expected);
    assert!(db.zrank("z", &expected[0].0)?.is_some());
    assert_eq!(db.zscore("after", "compaction")?, Some(1.0));
    Ok(())
}
