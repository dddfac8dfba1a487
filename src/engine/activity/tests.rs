use super::*;
use crate::prelude::*;
use crate::{ActivityOptions, BitRange, Db, Period};

/// Takes the next step of a settling, as [`Engine::settle`] does. Says whether there was one.
fn step(engine: &Engine, live: &Live) -> bool {
    let step = live.index().next_step();
    step.as_ref().is_some_and(|step| take(engine, live, step))
}

fn take(engine: &Engine, live: &Live, step: &Step) -> bool {
    let granularity = live.options.granularity();
    let taken = with_step_keys(&live.name, granularity, step, |keys, words| {
        engine.peek(0, &keys, |tx| {
            live.index().take_step(step, words, tx);
            Ok(())
        })
    });
    taken.unwrap();
    true
}

/// An activity whose keys are listed and none of them read.
fn listed(db: &Db) -> Arc<Live> {
    let engine = db.engine();
    let live = engine
        .open_activity(0, b"login", &ActivityOptions::default())
        .unwrap();
    live.index().begin_listing();
    let periods = db
        .snapshot()
        .unwrap()
        .periods(b"login", live.options.granularity());
    live.index().list(&periods);
    live
}

fn assert_agrees(db: &Db, live: &Live, day: &str) {
    let period = day.parse::<Period>().unwrap().number();
    let engine = db.engine();
    let counted = engine.ask_activity(0, live, |history| {
        history.check_invariants();
        history.count(period, period)
    });
    let bits = db
        .bitcount(format!("login:{day}"), BitRange::all())
        .unwrap();
    assert_eq!(counted.unwrap(), Some(bits));
}

#[test]
fn what_is_written_between_two_steps_is_neither_lost_nor_counted_twice() {
    let db = Db::open_in_memory();
    let users = 1_000_000_u64;
    db.set("login:2026-11-20", vec![0x11; users as usize / 8])
        .unwrap();
    let live = listed(&db);
    let mut steps = 0;
    while step(db.engine(), &live) {
        steps += 1;
        // Users whose turn has been, and users whose turn is still to come; set, taken back, set again.
        for user in (0..users).step_by(7919) {
            let user = user + steps;
            let was = db.setbit("login:2026-11-20", user, true).unwrap();
            db.setbit("login:2026-11-20", user, steps % 2 == 0).unwrap();
            if steps == 3 {
                db.setbit("login:2026-11-20", user, was).unwrap();
            }
        }
        // Too long to be followed: what lies behind it is read again.
        if steps < 3 {
            db.set_range("login:2026-11-20", 30_000 * steps, vec![0xF0; 300])
                .unwrap();
        }
        assert!(steps < 20);
    }
    assert!(steps > 3, "{steps}");
    assert_agrees(&db, &live, "2026-11-20");
}

#[test]
fn a_key_that_is_replaced_between_two_steps_is_read_again() {
    let db = Db::open_in_memory();
    db.set("login:2026-11-20", vec![0xFF; 100_000]).unwrap();
    db.set("login:2026-11-21", vec![0x0F; 100_000]).unwrap();
    let live = listed(&db);
    assert!(step(db.engine(), &live));
    db.set("login:2026-11-20", vec![0x01; 70_000]).unwrap();
    assert!(step(db.engine(), &live));
    db.del("login:2026-11-21").unwrap();
    db.setbit("login:2026-11-21", 3, true).unwrap();
    assert_agrees(&db, &live, "2026-11-20");
    assert_agrees(&db, &live, "2026-11-21");
}

#[test]
fn a_key_that_is_replaced_after_its_step_was_chosen_waits_for_another() {
    let db = Db::open_in_memory();
    db.set("login:2026-11-20", vec![0xFF; 100_000]).unwrap();
    let live = listed(&db);
    assert!(step(db.engine(), &live));
    let chosen = live.index().next_step().unwrap();
    db.set("login:2026-11-20", vec![0x01; 90_000]).unwrap();
    take(db.engine(), &live, &chosen);
    assert_agrees(&db, &live, "2026-11-20");
}

#[test]
fn keys_that_change_while_they_are_listed_are_read() {
    let db = Db::open_in_memory();
    db.setbit("login:2026-11-20", 1, true).unwrap();
    let live = db
        .engine()
        .open_activity(0, b"login", &ActivityOptions::default())
        .unwrap();
    live.index().begin_listing();
    let before = db.snapshot().unwrap();
    db.setbit("login:2026-11-20", 2, true).unwrap();
    db.setbit("login:2026-11-21", 3, true).unwrap();
    let periods = before.periods(b"login", live.options.granularity());
    live.index().list(&periods);
    assert_agrees(&db, &live, "2026-11-20");
    assert_agrees(&db, &live, "2026-11-21");
}

#[test]
fn an_index_is_settled_by_its_own_steps_and_not_by_a_snapshot_s() {
    let db = Db::open_in_memory();
    db.set("login:2026-11-20", vec![0xFF; 50_000]).unwrap();
    let live = listed(&db);
    assert!(step(db.engine(), &live));
    let snapshot = db.snapshot().unwrap();
    db.setbit("login:2026-11-20", 0, false).unwrap();
    let options = ActivityOptions::default();
    let counted = snapshot.ask_activity(b"login", &options, |history| history.users());
    assert_eq!(counted.unwrap(), 400_000);
    assert_agrees(&db, &live, "2026-11-20");
}

#[test]
fn the_first_mark_defines_and_leaves_the_index_that_was_built_before() {
    let db = Db::open_in_memory();
    db.setbit("login:2026-11-20", 1, true).unwrap();
    let logins = db.activity("login").unwrap();
    assert_eq!(logins.active(..).unwrap().count().unwrap(), 1);
    let options = ActivityOptions::default();
    let live = db.engine().open_activity(0, b"login", &options).unwrap();
    logins.mark(2, "2026-11-21").unwrap();
    assert!(live.is_defined() && !live.is_over());
    assert_eq!(logins.active(..).unwrap().count().unwrap(), 2);
    // Defined again in the same words, it is another's doing.
    db.hset("login:activity", "zone", "UTC").unwrap();
    assert!(live.is_over());
    assert_eq!(logins.active(..).unwrap().count().unwrap(), 2);
}

#[test]
fn activities_that_nobody_holds_are_forgotten_and_counted_no_more() {
    let db = Db::open_in_memory();
    let engine = db.engine();
    let options = ActivityOptions::default();
    for name in 0..1000 {
        let name = format!("page {name}");
        engine.open_activity(0, name.as_bytes(), &options).unwrap();
    }
    let open = engine.observers.activity_count.load(Ordering::Relaxed);
    assert!(open < 100, "{open}");
    for name in 0..1000 {
        engine
            .close_activity(0, format!("page {name}").as_bytes())
            .unwrap();
    }
    assert!(!engine.observers.any());
}
