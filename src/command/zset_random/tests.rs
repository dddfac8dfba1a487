use std::collections::BTreeSet;

use super::{below, different};
use crate::Db;
use crate::command::script::{Numbers, say, script};
use crate::prelude::*;

fn filled(len: u64) -> Db {
    let db = Db::builder().seed(3).open_in_memory();
    for at in 0..len {
        db.execute(&["ZADD", "z", &at.to_string(), &format!("m{at}")])
            .unwrap();
    }
    db
}

#[test]
fn members_are_those_there_are() {
    for len in [1, 5, 200] {
        let db = filled(len);
        for count in [0, 1, 3, 60, 150, 300] {
            let found = db.zrandmember_count("z", count).unwrap();
            let different: BTreeSet<_> = found.iter().map(|(member, _)| member).collect();
            assert_eq!(found.len() as u64, count.unsigned_abs().min(len));
            assert_eq!(different.len(), found.len());
            let repeated = db.zrandmember_count("z", -count).unwrap();
            assert_eq!(repeated.len() as u64, count.unsigned_abs());
            for (member, score) in found.iter().chain(&repeated) {
                assert_eq!(*member, format!("m{score}").into_bytes());
            }
        }
        assert!(db.zrandmember("z").unwrap().is_some());
    }
    assert_eq!(filled(0).zrandmember("z").unwrap(), None);
}

#[test]
fn every_member_has_the_same_chance() {
    let random = Numbers::seeded(11);
    let mut hits = [0_u32; 10];
    for _ in 0..10_000 {
        hits[below(10, &|| random.next()) as usize] += 1;
    }
    assert!(
        hits.iter().all(|&hits| (850..1150).contains(&hits)),
        "{hits:?}"
    );
    let mut zset = crate::value::ZSetValue::new();
    let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
    for at in 0..10 {
        let member = [b'a' + at];
        zset.insert(&member, f64::from(at), &Default::default(), &hasher);
    }
    for count in [2, 5] {
        let mut hits = [0_u32; 10];
        for _ in 0..5_000 {
            for rank in different(&zset, count, &|| random.next()) {
                hits[rank as usize] += 1;
            }
        }
        let mean = 500 * count as u32;
        let near = mean * 8 / 10..mean * 12 / 10;
        assert!(hits.iter().all(|hits| near.contains(hits)), "{hits:?}");
    }
}

#[test]
fn words_have_the_texts_of_redis() {
    let db = filled(1);
    script(
        &db,
        &[
            ("ZRANDMEMBER z", "\"m0\""),
            ("ZRANDMEMBER missing", "nil"),
            ("ZRANDMEMBER missing 3", "[]"),
            ("ZRANDMEMBER z 3 WITHSCORES", r#"["m0" "0"]"#),
            ("ZRANDMEMBER z -2", r#"["m0" "m0"]"#),
            ("ZRANDMEMBER z 0", "[]"),
            ("ZRANDMEMBER z 1 WITHSCORE", "-ERR syntax error"),
            ("ZRANDMEMBER z 1 WITHSCORES x", "-ERR syntax error"),
            (
                "ZRANDMEMBER z x",
                "-ERR value is not an integer or out of range",
            ),
            (
                "ZRANDMEMBER z 9223372036854775807 WITHSCORES",
                "-ERR value is out of range",
            ),
            (
                "ZRANDMEMBER z -9223372036854775807",
                "-ERR value is out of range",
            ),
        ],
    );
    assert_eq!(
        say(&db, "ZRANDMEMBER z -9223372036854775808"),
        "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
    );
}
