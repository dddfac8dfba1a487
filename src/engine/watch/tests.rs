use std::sync::Arc;
use std::time::Duration;

use crate::prelude::*;
use crate::{Db, Error, ManualClock, Reply, Session};

fn run(db: &Db, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    db.execute(&words).unwrap();
}

/// Whether `EXEC` of a transaction that reads runs.
fn executes(session: &mut Session) -> bool {
    for line in [&["MULTI"][..], &["HLEN", "h"]] {
        session.execute(line).unwrap();
    }
    session.execute(&["EXEC"]).unwrap() != Reply::Nil
}

/// What becomes of a watched hash: made by some commands, watched at one time and executed at another.
/// `expire` lets the expirer run in between.
fn outcome(make: &[&str], watched_at_ms: u64, between: &[&str], exec_at_ms: u64) -> bool {
    let outcomes = [false, true].map(|expire| {
        let clock = Arc::new(ManualClock::new(1_000));
        let db = Db::builder().clock(clock.clone()).open_in_memory();
        make.iter().for_each(|line| run(&db, line));
        clock.set_ms(watched_at_ms);
        let mut session = db.session();
        session.execute(&["WATCH", "h"]).unwrap();
        clock.set_ms(exec_at_ms);
        if expire {
            db.advance(Duration::ZERO).unwrap();
        }
        between.iter().for_each(|line| run(&db, line));
        executes(&mut session)
    });
    assert_eq!(outcomes[0], outcomes[1], "without and with the expirer");
    outcomes[0]
}

#[test]
fn a_hash_whose_fields_lapse_is_touched_whether_or_not_the_expirer_ran() {
    let all = [
        "HSET h f v g v",
        "HPEXPIREAT h 2000 FIELDS 1 f",
        "HPEXPIREAT h 3000 FIELDS 1 g",
    ];
    assert!(outcome(&all, 1_500, &[], 1_900));
    assert!(!outcome(&all, 1_500, &[], 2_500), "one of two");
    assert!(!outcome(&all, 1_500, &[], 3_500), "all");
    let some = ["HSET h f v g v", "HPEXPIREAT h 2000 FIELDS 1 f"];
    assert!(!outcome(&some, 1_500, &[], 2_500), "one that stays");
    assert!(
        outcome(&some, 1_500, &[], 2_000),
        "it lives in that millisecond"
    );
}

#[test]
fn what_had_lapsed_when_a_hash_was_watched_is_no_touch_when_it_is_removed() {
    let all = [
        "HSET h f v g v",
        "HPEXPIREAT h 2000 FIELDS 1 f",
        "HPEXPIREAT h 3000 FIELDS 1 g",
    ];
    assert!(outcome(&all, 2_500, &[], 2_600), "one of two");
    assert!(outcome(&all, 3_500, &[], 3_600), "all");
    assert!(!outcome(&all, 2_500, &[], 3_500), "the other");
    // Found by a command that changes nothing else.
    assert!(outcome(&all, 2_500, &["HDEL h f"], 2_600));
    assert!(!outcome(&all, 2_500, &["HDEL h g"], 2_600));
    assert!(!outcome(&all, 2_500, &["HSET h f v"], 2_600));
    assert!(!outcome(&all, 3_500, &["HSET h f v"], 3_600));
}

/// What was once the latest deadline hid that all fields are past.
#[test]
fn a_hash_whose_fields_have_all_lapsed_is_missing_wherever_their_deadlines_were() {
    let make = [
        "HSET h f v",
        "HPEXPIREAT h 9000 FIELDS 1 f",
        "HPEXPIREAT h 2000 FIELDS 1 f",
    ];
    assert!(outcome(&make, 2_500, &[], 2_600));
    assert!(!outcome(&make, 1_500, &[], 2_500));
    assert!(!outcome(&make, 2_500, &["HSET h f v"], 2_600));
}

/// A write removes some of what is due; the expirer, the rest.
#[test]
fn a_lapsed_field_is_no_touch_among_more_than_a_write_removes() {
    let names: Vec<String> = (0..200).map(|n| format!("f{n}")).collect();
    let fields = names.join(" ");
    let make = [
        format!("HSET h stays v {} v", names.join(" v ")),
        format!("HPEXPIREAT h 2000 FIELDS 200 {fields}"),
    ];
    let make: Vec<&str> = make.iter().map(String::as_str).collect();
    let remove = format!("HDEL h {fields}");
    assert!(outcome(&make, 2_500, &[&remove], 2_600));
    assert!(!outcome(&make, 1_500, &[&remove], 2_600));
    assert!(!outcome(&make, 2_500, &["HDEL h f7 stays"], 2_600));
}

#[test]
fn the_deadline_of_the_key_counts_beside_those_of_its_fields() {
    let both = [
        "HSET h f v",
        "HPEXPIREAT h 5000 FIELDS 1 f",
        "PEXPIREAT h 2000",
    ];
    assert!(outcome(&both, 1_500, &[], 1_900));
    assert!(!outcome(&both, 1_500, &[], 2_500));
    assert!(outcome(&both, 2_500, &[], 2_600));
}

#[test]
fn a_swap_looks_at_the_fields_again() -> Result<(), Error> {
    let clock = Arc::new(ManualClock::new(1_000));
    let db = Db::builder().clock(clock.clone()).open_in_memory();
    let mut session = db.session();
    session.execute(&["WATCH", "h"])?;
    run(&db.database(1)?, "HSET h f v");
    run(&db.database(1)?, "HPEXPIREAT h 2000 FIELDS 1 f");
    clock.set_ms(2_500);
    db.swap_databases(0, 1)?;
    assert!(executes(&mut session), "nothing was there, nothing is");
    session.execute(&["WATCH", "h"])?;
    db.hset("h", "f", "v")?;
    assert!(!executes(&mut session));
    Ok(())
}
