//! Every question about activities compared with plain sets, over random histories.
//!
//! The model is read from the periods' keys themselves, with `GET`: so whatever changed a key, marks or any
//! other command, the index must have followed. That marks set the right bits is tests/activity.rs's.
//!
//! `NACRE_ACTIVITY_SEED` and `NACRE_ACTIVITY_STEPS` choose other histories and longer ones.

mod model;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{Model, Random, compare};
use nacredb::{
    Activity, ActivityOptions, BitOp, Db, Granularity, ManualClock, Period, Snapshot, prelude::*,
};

const NAME: &str = "login";

fn setting(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// What random histories are made of.
struct World {
    random: Random,
    db: Db,
    granularity: Granularity,
    base: Period,
    periods: u64,
    users: Vec<u32>,
}

impl World {
    fn activity(&self) -> Activity {
        let options = ActivityOptions::new(self.granularity);
        self.db.define_activity(NAME, &options).unwrap()
    }

    fn period(&mut self) -> Period {
        let at = self.random.below(self.periods);
        self.base.plus(at as i64).unwrap()
    }

    fn key(&mut self) -> String {
        format!("{NAME}:{}", self.period())
    }

    fn user(&mut self) -> u32 {
        self.users[self.random.below(self.users.len() as u64) as usize]
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = [0, 1, 8, 9, 40, 65, 200][self.random.below(7) as usize];
        (0..len)
            .map(|_| self.random.next() as u8 & self.random.next() as u8)
            .collect()
    }

    /// One change, by whatever command.
    fn change(&mut self, clock: &ManualClock) {
        let db = self.db.clone();
        let activity = self.activity();
        let (key, other) = (self.key(), self.key());
        let (user, period) = (self.user(), self.period());
        let on = self.random.below(4) > 0;
        match self.random.below(40) {
            // A key may hold another type: then nothing is changed.
            0..=12 => drop(activity.mark(user, period)),
            13..=15 => drop(activity.unmark(user, period)),
            16..=18 => drop(db.setbit(&key, u64::from(user), on)),
            19 => {
                let many: Vec<_> = (0..self.random.below(300))
                    .map(|_| (self.user(), self.period()))
                    .collect();
                let _wrong_type = activity.mark_many(many);
            }
            20 => db.set(&key, self.bytes()).unwrap(),
            21 => drop(db.del(&key).unwrap()),
            22 => drop(db.execute(&["RENAME", &key, &other])),
            23 => drop(db.execute(&["COPY", &key, &other, "REPLACE"])),
            24 => {
                let ops = [BitOp::And, BitOp::Or, BitOp::Xor];
                let op = ops[self.random.below(3) as usize];
                let third = self.key();
                let _wrong_type = db.bitop(op, &key, &[&other, &third]);
            }
            25 => {
                let offset = self.random.below(40);
                let _wrong_type = db.set_range(&key, offset, self.bytes());
            }
            26 => drop(db.append(&key, self.bytes())),
            27 => drop(db.expire_at_ms(&key, db.time_ms().unwrap() + self.random.below(100))),
            28 => drop(db.persist(&key)),
            29 => db
                .advance(Duration::from_millis(self.random.below(60)))
                .unwrap(),
            // Back as well as forward.
            30 => clock.set_ms(clock_ms(clock) + self.random.below(90) - 30),
            31 => {
                let _rolled_back = db.transaction(|tx| {
                    tx.setbit(&key, u64::from(user), on)?;
                    tx.setbit(&other, u64::from(user), !on)?;
                    if on {
                        Ok(())
                    } else {
                        Err(nacredb::Error::from(nacredb::CommandError::Syntax))
                    }
                });
            }
            32 => drop(db.execute(&["MOVE", &key, "1"])),
            33 => {
                let elsewhere = db.database(1).unwrap();
                let _wrong_type = elsewhere.setbit(&key, u64::from(user), on);
                let _kept = elsewhere.execute(&["MOVE", &key, "0"]);
            }
            34 if self.random.below(4) == 0 => drop(db.execute(&["SWAPDB", "0", "1"]).unwrap()),
            35 if self.random.below(4) == 0 => drop(db.execute(&["FLUSHDB"]).unwrap()),
            36 => drop(db.sadd(&key, &["5"])),
            37 => drop(db.execute(&["SET", &key, "abc", "PX", "40"]).unwrap()),
            38 => activity.unload().unwrap(),
            _ => drop(db.setbit(&key, u64::from(user), on)),
        }
    }
}

fn clock_ms(clock: &ManualClock) -> u64 {
    nacredb::Clock::now_ms(clock)
}

/// Says how to repeat a history that failed.
struct Repeat {
    seed: u64,
    steps: u64,
}

impl Drop for Repeat {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, steps } = self;
            eprintln!("NACRE_ACTIVITY_SEED={seed} NACRE_ACTIVITY_STEPS={steps}");
        }
    }
}

fn random_history(seed: u64, steps: u64) {
    let _repeat = Repeat { seed, steps };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("activity.nacre");
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let open = || Db::builder().clock(clock.clone()).open(&path).unwrap();
    let mut random = Random(seed);
    let (granularity, base) = match random.below(3) {
        0 => (Granularity::Hour, Period::hour(2024, 2, 27, 20).unwrap()),
        1 => (Granularity::Day, Period::day(2023, 12, 20).unwrap()),
        _ => (Granularity::Week, Period::week(2020, 40).unwrap()),
    };
    let mut users: Vec<u32> = (0..60).collect();
    users.extend([63, 64, 127, 128, 4095, 4096, 70_000]);
    if random.below(4) == 0 {
        // Strings of 512 MB, nearly all of it zeros.
        users.extend([4_000_000_000, u32::MAX - 1]);
    }
    let mut world = World {
        db: open(),
        granularity,
        base,
        periods: [3, 40, 700][random.below(3) as usize],
        users,
        random,
    };
    let mut kept: Vec<(Snapshot, Model)> = Vec::new();
    for step in 0..steps {
        world.change(&clock);
        match world.random.below(24) {
            0 => {
                let model = Model::read(&world.db, NAME, granularity);
                compare(&world.activity(), &world.db, &model, &mut world.random);
            }
            1 => {
                let snapshot = world.db.snapshot().unwrap();
                let model = Model::read(&snapshot, NAME, granularity);
                kept.push((snapshot, model));
            }
            2 if !kept.is_empty() => {
                let at = world.random.below(kept.len() as u64) as usize;
                let (snapshot, model) = kept.swap_remove(at);
                // A snapshot without a definition answers by the default one.
                let reader = snapshot.activity(NAME).unwrap();
                if reader.options().granularity() == granularity {
                    compare(&reader, &snapshot, &model, &mut world.random);
                }
            }
            3 if step % 7 == 0 => {
                kept.clear();
                world.db.close().unwrap();
                world.db = open();
            }
            _ => {}
        }
    }
}

#[test]
fn every_question_agrees_with_plain_sets_over_random_histories() {
    let first = setting("NACRE_ACTIVITY_SEED", 1);
    let steps = setting("NACRE_ACTIVITY_STEPS", 400);
    let histories = if steps > 400 { 1 } else { 10 };
    for seed in first..first + histories {
        random_history(seed, steps);
    }
}

#[test]
fn questions_end_and_add_up_while_keys_are_marked_replaced_and_removed() {
    let db = Db::open_in_memory();
    let activity = db.activity(NAME).unwrap();
    let days: Vec<Period> = (0..40)
        .map(|day| Period::day(2026, 1, 1).unwrap().plus(day).unwrap())
        .collect();
    for day in &days {
        activity
            .mark_many((0..2000_u32).map(|user| (user * 3, *day)))
            .unwrap();
    }
    let is_over = AtomicBool::new(false);
    let is_over = &is_over;
    std::thread::scope(|scope| {
        // Whatever happens, the askers are told to end.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _end = End(is_over);
        for asker in 0..2 {
            let activity = activity.clone();
            std::thread::Builder::new()
                .spawn_scoped(scope, move || {
                    let mut asked = 0;
                    while !is_over.load(Ordering::Relaxed) || asked == 0 {
                        let count = activity
                            .active("2026-01-01"..="2026-02-09")
                            .unwrap()
                            .count()
                            .unwrap();
                        assert!(count <= 8000, "{count}");
                        if asker == 1 && asked % 5 == 0 {
                            activity.unload().unwrap();
                        }
                        asked += 1;
                    }
                })
                .unwrap();
        }
        let mut random = Random(setting("NACRE_ACTIVITY_SEED", 7));
        for round in 0..400 {
            let day = days[random.below(40) as usize];
            let key = format!("{NAME}:{day}");
            match random.below(8) {
                0 => drop(db.del(&key).unwrap()),
                1 => db.set(&key, vec![0xA5; 900]).unwrap(),
                2 if round % 10 == 0 => drop(db.execute(&["FLUSHDB"]).unwrap()),
                3 if round % 10 == 0 => drop(db.execute(&["SWAPDB", "0", "1"]).unwrap()),
                4 => drop(
                    activity
                        .mark_many((0..50).map(|_| (random.below(6000), day)))
                        .unwrap(),
                ),
                _ => drop(activity.mark(random.below(6000), day).unwrap()),
            }
        }
    });
    let model = Model::read(&db, NAME, Granularity::Day);
    compare(&activity, &db, &model, &mut Random(3));
}

#[test]
fn a_mark_is_counted_as_soon_as_its_call_returns() {
    let db = Db::open_in_memory();
    let activity = db.activity(NAME).unwrap();
    let day = Period::day(2026, 3, 1).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..3_u32 {
            let activity = activity.clone();
            std::thread::Builder::new()
                .spawn_scoped(scope, move || {
                    for user in 0..500 {
                        let user = user * 3 + writer;
                        let on = day.plus(i64::from(user % 9)).unwrap();
                        activity.mark(user, on).unwrap();
                        let window = activity.active(on).unwrap();
                        assert!(window.contains(user).unwrap());
                        if user % 50 == 0 {
                            activity.unload().unwrap();
                        }
                    }
                })
                .unwrap();
        }
    });
    assert_eq!(activity.active(..).unwrap().count().unwrap(), 1500);
    let users: BTreeSet<String> = activity
        .active(..)
        .unwrap()
        .members()
        .iter()
        .unwrap()
        .map(|user| user.unwrap().to_string())
        .collect();
    assert_eq!(users.len(), 1500);
}
