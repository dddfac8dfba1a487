use super::clamp;
use crate::command::script::{Numbers, script};
use crate::prelude::*;
use crate::{CommandError, Db, Error, LexBound, ScoreBound, ZRange};

fn letters() -> Db {
    let db = Db::open_in_memory();
    let line = "ZADD z 1 a 2 b 2 c 3 d (";
    let words: Vec<&str> = line.trim_end_matches(" (").split(' ').collect();
    db.execute(&words).unwrap();
    db
}

#[test]
fn ranges_by_rank() {
    script(
        &letters(),
        &[
            ("ZRANGE z 0 -1", r#"["a" "b" "c" "d"]"#),
            ("ZRANGE z 1 2 WITHSCORES", r#"["b" "2" "c" "2"]"#),
            ("ZRANGE z 0 1 REV", r#"["d" "c"]"#),
            ("ZREVRANGE z 0 1 WITHSCORES", r#"["d" "3" "c" "2"]"#),
            ("ZRANGE z -2 -1", r#"["c" "d"]"#),
            ("ZRANGE z 2 1", "[]"),
            ("ZRANGE z 4 9", "[]"),
            ("ZRANGE z -9 -9", "[]"),
            (
                "ZRANGE z -9223372036854775808 9223372036854775807",
                r#"["a" "b" "c" "d"]"#,
            ),
            ("ZRANGE missing 0 -1", "[]"),
            ("ZRANGE z 0 -1 LIMIT 0 -1", r#"["a" "b" "c" "d"]"#),
            (
                "ZRANGE z 0 -1 LIMIT 0 1",
                "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ),
            (
                "ZRANGE z 0 x",
                "-ERR value is not an integer or out of range",
            ),
            ("ZRANGE z 0 1 REV REV", "-ERR syntax error"),
            ("ZREVRANGE z 0 1 REV", "-ERR syntax error"),
            ("ZRANGE z 0 1 LIMIT 1", "-ERR syntax error"),
            (
                "ZRANGE z 0",
                "-ERR wrong number of arguments for 'zrange' command",
            ),
        ],
    );
}

#[test]
fn ranges_by_score() {
    script(
        &letters(),
        &[
            ("ZRANGEBYSCORE z 2 3", r#"["b" "c" "d"]"#),
            ("ZRANGEBYSCORE z (2 3", r#"["d"]"#),
            ("ZRANGEBYSCORE z -inf (2 WITHSCORES", r#"["a" "1"]"#),
            ("ZRANGE z 3 2 BYSCORE REV", r#"["d" "c" "b"]"#),
            ("ZREVRANGEBYSCORE z +inf -inf LIMIT 1 2", r#"["c" "b"]"#),
            ("ZRANGEBYSCORE z -inf +inf LIMIT 1 -1", r#"["b" "c" "d"]"#),
            ("ZRANGEBYSCORE z -inf +inf LIMIT -1 2", "[]"),
            ("ZRANGEBYSCORE z -inf +inf LIMIT 9 2", "[]"),
            ("ZRANGEBYSCORE z -inf +inf LIMIT 0 0", "[]"),
            ("ZRANGEBYSCORE z 3 2", "[]"),
            ("ZRANGEBYSCORE z 1 x", "-ERR min or max is not a float"),
            ("ZRANGEBYSCORE z nan 1", "-ERR min or max is not a float"),
            (
                "ZRANGEBYSCORE z 1 2 LIMIT a b",
                "-ERR value is not an integer or out of range",
            ),
            ("ZRANGEBYSCORE z 1 2 BYSCORE", "-ERR syntax error"),
        ],
    );
}

#[test]
fn ranges_by_member() {
    let db = Db::open_in_memory();
    script(
        &db,
        &[
            ("ZADD z 0 a 0 b 0 c 0 d", ":4"),
            ("ZRANGEBYLEX z - +", r#"["a" "b" "c" "d"]"#),
            ("ZRANGEBYLEX z [b (d", r#"["b" "c"]"#),
            ("ZRANGE z + (b BYLEX REV LIMIT 1 5", r#"["c"]"#),
            ("ZREVRANGEBYLEX z (d -", r#"["c" "b" "a"]"#),
            ("ZRANGEBYLEX z + -", "[]"),
            (
                "ZRANGEBYLEX z a b",
                "-ERR min or max not valid string range item",
            ),
            (
                "ZRANGE z - + BYLEX WITHSCORES",
                "-ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ),
        ],
    );
}

#[test]
fn words_are_refused_before_the_type() {
    let db = Db::open_in_memory();
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    script(
        &db,
        &[
            ("SET s text", "+OK"),
            ("ZRANGE s 0 -1", wrong),
            ("ZRANGEBYSCORE s x y", "-ERR min or max is not a float"),
            ("ZRANGESTORE to s 0 -1", wrong),
            ("ZRANGESTORE s missing 0 -1", ":0"),
            ("EXISTS s", ":0"),
        ],
    );
}

#[test]
fn a_range_is_stored() {
    script(
        &letters(),
        &[
            ("ZRANGESTORE to z 0 1", ":2"),
            ("ZRANGE to 0 -1 WITHSCORES", r#"["a" "1" "b" "2"]"#),
            ("ZRANGESTORE z z (1 +inf BYSCORE LIMIT 0 2", ":2"),
            ("ZRANGE z 0 -1", r#"["b" "c"]"#),
            ("ZRANGESTORE to z 5 9", ":0"),
            ("EXISTS to", ":0"),
            ("ZRANGESTORE to z 0 -1 WITHSCORES", "-ERR syntax error"),
            ("SET to text", "+OK"),
            ("ZRANGESTORE to z 0 -1 REV", ":2"),
            ("TYPE to", "+zset"),
            ("OBJECT ENCODING to", "\"listpack\""),
        ],
    );
}

#[test]
fn typed_ranges_are_those_of_the_words() {
    let db = letters();
    let (low, high) = (ScoreBound::Inclusive(2.0), ScoreBound::Exclusive(3.0));
    let range = ZRange::scores(low, high);
    assert_eq!(db.zrange("z", range).unwrap(), [b"b", b"c"]);
    assert_eq!(db.zrange("z", range.rev()).unwrap(), [b"c", b"b"]);
    assert_eq!(db.zrange("z", range.rev().limit(1, -1)).unwrap(), [b"b"]);
    let nan = ScoreBound::Inclusive(f64::NAN);
    assert!(
        db.zrange("z", ZRange::scores(nan, high))
            .unwrap()
            .is_empty()
    );
    let members = ZRange::members(LexBound::Min, LexBound::Exclusive(b"b"));
    assert_eq!(db.zrange_store("to", "z", members).unwrap(), 1);
    db.set("s", "text").unwrap();
    assert!(matches!(
        db.zrange("s", range),
        Err(Error::Command(CommandError::WrongType))
    ));
}

#[test]
fn clamped_ranks_are_those_that_lie_within() {
    for len in 0..6_i64 {
        for start in -8..8 {
            for stop in -8..8 {
                let absolute = |rank: i64| if rank < 0 { len + rank } else { rank };
                let within = |rank: &i64| absolute(start) <= *rank && *rank <= absolute(stop);
                let naive: Vec<i64> = (0..len).filter(within).collect();
                let ranks = clamp(len as u64, start, stop);
                let ranks: Vec<i64> = ranks.map(|rank| rank as i64).collect();
                assert_eq!(ranks, naive, "{len} {start} {stop}");
            }
        }
    }
}

/// Limits and directions against a plain list, on sets of either form.
#[test]
fn limits_are_slices_of_what_there_is() {
    let random = Numbers::seeded(5);
    let draw = |below: u64| (random.next() % below) as i64;
    for len in [0, 1, 7, 300] {
        let db = Db::open_in_memory();
        let mut all = Vec::new();
        for at in 0..len {
            let (score, member) = (at / 3, format!("m{at:03}"));
            db.execute(&["ZADD", "z", &score.to_string(), &member])
                .unwrap();
            all.push((score as f64, member.into_bytes()));
        }
        for _ in 0..300 {
            let (min, max) = (draw(110) as f64, draw(110) as f64);
            let range = ZRange::scores(ScoreBound::Inclusive(min), ScoreBound::Inclusive(max));
            let (offset, count) = (draw(20) - 2, draw(20) - 2);
            let found = all.iter().filter(|(score, _)| (min..=max).contains(score));
            let mut found: Vec<_> = found.map(|(_, member)| member.clone()).collect();
            let is_reversed = draw(2) == 0;
            if is_reversed {
                found.reverse();
            }
            let taken = usize::try_from(count).unwrap_or(usize::MAX);
            let expected: Vec<_> = match usize::try_from(offset) {
                Ok(offset) => found.into_iter().skip(offset).take(taken).collect(),
                Err(_) => Vec::new(),
            };
            let range = if is_reversed { range.rev() } else { range };
            assert_eq!(
                db.zrange("z", range.limit(offset, count)).unwrap(),
                expected
            );
        }
    }
}
