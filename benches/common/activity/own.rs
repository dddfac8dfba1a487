//! What only NacreDB is asked about an activity: members, marks, an import, retention, memory, snapshots.
//!
//! Beside it stands what the same costs without: a read of the same words, and `SETBIT` in a second
//! database whose days nobody follows. Every mark is made in plain words too, and both must agree at the end.

use std::hint::black_box;

use nacredb::prelude::*;
use nacredb::{Activity, ActivityOptions, Bucket, Error, Period, Window};

use super::super::child::{self, Answer, Contestant, Running};
use super::super::clock::now;
use super::super::data::Random;
use super::super::nacre::Nacre;
use super::super::table::{Figures, Table};
use super::super::{is_smoke, rounds, say};
use super::{DAYS, Days, PlainDays, SHARES, day_bits, day_key, period, users};

const WORKLOAD: &str = "activity_own";
/// Marks that are timed together.
const TOGETHER: usize = 100;
/// Marks in one round.
const MARKS: u64 = 100_000;
/// Marks after snapshots in one round.
const TOUCHES: usize = 1000;
/// Users of the import, each of whom is marked on every day.
const IMPORT_USERS: u64 = 100_000;

/// A figure's name in a child's answer, its heading and its goal.
type Row = (&'static str, &'static str, &'static str);
/// A line to the child and what is in its answer.
type Asked = (&'static str, &'static [Row]);
const LOADED: &[Row] = &[
    ("build", "building the index, s", ""),
    ("memory", "index to raw bitmaps", "1.2"),
];
const ASKED: &[Asked] = &[
    (
        "least 7 3",
        &[
            ("us", "at least 3 of 7 days, µs", ""),
            ("ratio", "to a read", "1.5"),
        ],
    ),
    (
        "least 30 10",
        &[
            ("us", "at least 10 of 30 days, µs", ""),
            ("ratio", "to a read", "1.5"),
        ],
    ),
    (
        "least 365 100",
        &[
            ("us", "at least 100 of 365 days, µs", ""),
            ("ratio", "to a read", "1.5"),
        ],
    ),
    (
        "and 30",
        &[
            ("us", "30 days and another bitmap, µs", ""),
            ("ratio", "to a read", "1.5"),
        ],
    ),
    (
        "and 365",
        &[
            ("us", "365 days and another bitmap, µs", ""),
            ("ratio", "to a read", "1.5"),
        ],
    ),
    (
        "setbit new",
        &[("ns", "SETBIT, new day, unfollowed, ns", "")],
    ),
    (
        "mark new",
        &[
            ("ns", "mark, new day, ns", "400; 1,000 at 10 M"),
            ("worst", "the dearest of the days", ""),
        ],
    ),
    (
        "setbit old",
        &[("ns", "SETBIT, old day, unfollowed, ns", "")],
    ),
    (
        "mark old",
        &[("ns", "mark, old day, ns", "400; 1,000 at 10 M")],
    ),
    (
        "questions",
        &[
            ("first", "retention of 52 weeks, first, ms", ""),
            ("kept", "retention of 52 weeks, kept, µs", "100"),
            ("changes", "changes in 28 days, µs", ""),
            ("rolling", "rolling, 365 rows, µs", ""),
            ("streaks", "top 10 streaks, ms", ""),
        ],
    ),
    ("mark new", &[("ns", "mark, new day, weeks kept, ns", "")]),
    ("mark old", &[("ns", "mark, old day, weeks kept, ns", "")]),
    (
        "touch",
        &[
            ("fresh", "mark, a fresh snapshot before each, µs", ""),
            ("held", "mark, old day, one snapshot held, µs", ""),
        ],
    ),
    ("check", &[]),
];

/// A child's part.
pub(crate) fn serve(make: impl Fn() -> Nacre) {
    let mut child: Option<Child> = None;
    child::serve(|words| match (words, &mut child) {
        (["load", share], _) => {
            let (loaded, answer) = Child::load(&make, share.parse().expect("a number"));
            child = Some(loaded);
            answer
        }
        (["import"], _) => import(make()),
        (words, Some(child)) => child.answer(words),
        (words, None) => panic!("unknown line {words:?}"),
    });
}

struct Child {
    nacre: Nacre,
    logins: Activity,
    unfollowed: Nacre,
    plain: PlainDays,
    /// The words of those who are in the other bitmap.
    others: Vec<u64>,
    random: Random,
}

const OTHERS: &[u8] = b"others";

impl Child {
    fn load(make: &impl Fn() -> Nacre, share: u32) -> (Self, Answer) {
        let (nacre, unfollowed) = (make(), make());
        let logins = nacre.db.activity("login").expect("opens");
        let mut plain = PlainDays::default();
        for day in 0..DAYS {
            let bits = day_bits(users(), day, share);
            for db in [&nacre.db, &unfollowed.db] {
                db.set(day_key(day), &bits).expect("written");
            }
            plain.put(day, bits);
        }
        let others = day_bits(users(), DAYS, 32768);
        nacre.db.set(OTHERS, &others).expect("written");
        // Its first mark defines an activity, which gives up an index.
        let options = ActivityOptions::default();
        nacre
            .db
            .define_activity("login", &options)
            .expect("defined");
        let before = now();
        let all = logins.active(..).expect("all").count().expect("built");
        let build = before.elapsed().as_secs_f64();
        assert_eq!(all, plain.count(0, DAYS - 1), "users");
        let raw = users() * u64::from(DAYS) / 8;
        let ratio = logins.index_bytes().expect("built") as f64 / raw as f64;
        let child = Self {
            nacre,
            logins,
            unfollowed,
            plain,
            others: super::words(&others),
            random: Random::new(share.into()),
        };
        (child, vec![("build", build), ("memory", ratio)])
    }

    fn answer(&mut self, words: &[&str]) -> Answer {
        let number = |text: &str| text.parse().expect("a number");
        match words {
            ["least", days, least] => self.at_least(number(days), number(least)),
            ["and", days] => self.and(number(days)),
            ["setbit", when] => self.set_bits(*when == "new"),
            ["mark", when] => self.marks(*when == "new"),
            ["questions"] => self.questions(),
            ["touch"] => self.touch(),
            ["check"] => self.check(),
            other => panic!("unknown line {other:?}"),
        }
    }

    /// The last so many of the days.
    fn window(&self, days: u32) -> Window {
        let window = self.logins.active(period(DAYS - days)..=period(DAYS - 1));
        window.expect("a window")
    }

    fn at_least(&mut self, days: u32, least: u32) -> Answer {
        let members = self.window(days).at_least(least);
        let window = (DAYS - days) as usize..DAYS as usize;
        let count = in_turn(
            || members.count().expect("counted"),
            || {
                self.plain.days[window.clone()]
                    .iter()
                    .map(|day| sum(day))
                    .fold(0, u64::wrapping_add)
            },
        );
        let mut found = 0;
        for word in 0..self.others.len() {
            // Bit by bit of the counts of 64 users.
            let mut planes = [0_u64; 9];
            for day in &self.plain.days[window.clone()] {
                let mut carry = day[word];
                for plane in &mut planes {
                    (*plane, carry) = (*plane ^ carry, *plane & carry);
                }
            }
            let count = |bit: u32| {
                let places = planes.iter().enumerate();
                places
                    .map(|(place, plane)| (plane >> bit & 1) << place)
                    .sum::<u64>()
            };
            found += (0..64).filter(|&bit| count(bit) >= least.into()).count() as u64;
        }
        assert_eq!(count.0, found, "users of at least {least} of {days} days");
        count.1
    }

    fn and(&mut self, days: u32) -> Answer {
        let members = self.window(days).members().and_key(OTHERS);
        let window = (DAYS - days) as usize..DAYS as usize;
        let count = in_turn(
            || members.count().expect("counted"),
            || {
                let read = self.plain.days[window.clone()].iter().map(|day| sum(day));
                read.fold(sum(&self.others), u64::wrapping_add)
            },
        );
        let both = self.others.iter().enumerate().map(|(place, other)| {
            let any = self.plain.days[window.clone()]
                .iter()
                .fold(0, |any, day| any | day[place]);
            u64::from((any & other).count_ones())
        });
        assert_eq!(
            count.0,
            both.sum::<u64>(),
            "users of {days} days and others"
        );
        count.1
    }

    /// User-days without marks, all different: of the days there are, or of a new one.
    fn unmarked(&mut self, is_new: bool) -> Vec<(u32, u32)> {
        let day = self.plain.days.len() as u32;
        if is_new {
            self.plain.days.push(vec![0; self.others.len()]);
        }
        let users = users();
        let count = MARKS.min(users / 4) as usize;
        let mut found = Vec::with_capacity(count);
        while found.len() < count {
            let user = self.random.below(users) as u32;
            let day = if is_new {
                day
            } else {
                self.random.below(DAYS.into()) as u32
            };
            let word = &mut self.plain.days[day as usize][user as usize / 64];
            // As SETBIT has it: the highest bit of a byte is the first user.
            let mask = 1 << ((user % 64) ^ 7);
            if *word & mask == 0 {
                *word |= mask;
                found.push((user, day));
            }
        }
        found
    }

    fn set_bits(&mut self, is_new: bool) -> Answer {
        let marks = self.unmarked(is_new);
        let keys: Vec<Vec<u8>> = (0..self.plain.days.len() as u32).map(day_key).collect();
        let [ns, _] = each(&marks, |user, day| {
            let db = &self.unfollowed.db;
            db.setbit(&keys[day as usize], user.into(), true)
        });
        // The same in the other database, so that both stay alike.
        for &(user, day) in &marks {
            self.logins.mark(user, period(day)).expect("marked");
        }
        vec![("ns", ns)]
    }

    fn marks(&mut self, is_new: bool) -> Answer {
        // The index is there and follows.
        self.check();
        let mut figures = Figures::new();
        let mut worst = f64::NAN;
        // Two new days in 16 make an index's rows wider.
        for _ in 0..if is_new { 16 } else { 1 } {
            let marks = self.unmarked(is_new);
            let periods: Vec<Period> = (0..self.plain.days.len() as u32).map(period).collect();
            let [median, mean] = each(&marks, |user, day| {
                Ok(!self.logins.mark(user, periods[day as usize])?)
            });
            figures.note(median);
            worst = mean.max(worst);
        }
        vec![("ns", figures.median()), ("worst", worst)]
    }

    fn questions(&mut self) -> Answer {
        // Whole weeks: 2026-01-05 is a Monday.
        let weeks = self
            .logins
            .active(period(4)..=period(4 + 52 * 7 - 1))
            .expect("a window");
        self.logins.unload().expect("open");
        self.logins.active(..).expect("all").count().expect("built");
        let retention = || weeks.retention(Bucket::Week).expect("counted").len() as u64;
        let before = now();
        black_box(retention());
        let first = before.elapsed().as_secs_f64() * 1e3;
        let (month, year) = (self.window(28), self.window(DAYS));
        vec![
            ("first", first),
            ("kept", median_us(100, retention)),
            (
                "changes",
                median_us(1000, || month.changes().expect("counted").active),
            ),
            (
                "rolling",
                median_us(20, || year.rolling().expect("counted").len() as u64),
            ),
            (
                "streaks",
                median_us(3, || year.top_streaks(10).expect("counted").len() as u64) / 1e3,
            ),
        ]
    }

    fn touch(&mut self) -> Answer {
        let count = TOUCHES.min(users() as usize / 16);
        let (new, old) = (self.unmarked(true), self.unmarked(false));
        let marks = new.iter().map(|mark| (mark, true));
        let marks = marks.chain(old.iter().map(|mark| (mark, false)));
        let [mut fresh, mut held] = [const { Figures::new() }; 2];
        let mut snapshot = None;
        for (place, (&(user, day), is_new)) in marks.enumerate() {
            let is_timed = place % new.len() < count;
            if (is_timed && is_new) || place == new.len() {
                snapshot = Some(self.nacre.db.snapshot().expect("taken"));
            }
            let day = period(day);
            let before = now();
            let marked = self.logins.mark(user, day).expect("marked");
            let us = before.elapsed().as_secs_f64() * 1e6;
            assert!(marked, "a new mark");
            if is_timed {
                let figures = if is_new { &mut fresh } else { &mut held };
                figures.note(us);
            }
        }
        drop(snapshot);
        vec![("fresh", fresh.median()), ("held", held.median())]
    }

    /// Both have the same marks.
    fn check(&mut self) -> Answer {
        let days = self.plain.days.len() as u32;
        for _ in 0..20 {
            let from = self.random.below(days.into()) as u32;
            let to = from + self.random.below(u64::from(days - from)) as u32;
            let window = self.logins.active(period(from)..=period(to));
            let found = window.and_then(|window| window.count());
            assert_eq!(
                found.expect("counted"),
                self.plain.count(from, to),
                "{from} to {to}"
            );
        }
        Vec::new()
    }
}

/// Marks of every user on every day, day by day and the users of a day in no order.
fn import(nacre: Nacre) -> Answer {
    let people = users().min(IMPORT_USERS);
    let logins = nacre.db.activity("login").expect("opens");
    // Prime, and no divisor of any number of users there is.
    let step = 2_654_435_761;
    let day = |day: u32| {
        let period = period(day);
        (0..people).map(move |place| ((place * step + u64::from(day)) % people, period))
    };
    let before = now();
    let new = logins.mark_many((0..DAYS).flat_map(day)).expect("marked");
    let marked = before.elapsed().as_secs_f64();
    assert_eq!(new, people * u64::from(DAYS), "marks");
    drop(logins);
    let nacre = nacre.reopen();
    let reopened = before.elapsed().as_secs_f64();
    let logins = nacre.db.activity("login").expect("opens");
    let before = now();
    assert_eq!(
        logins.active(..).expect("all").count().expect("built"),
        people
    );
    let build = before.elapsed().as_secs_f64();
    vec![
        ("marks", new as f64 / 1e6),
        ("marked", marked),
        ("reopened", reopened),
        ("build", build),
    ]
}

fn sum(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, word| sum.wrapping_add(*word))
}

/// Makes all marks; the median and the mean time of one, in nanoseconds.
fn each(marks: &[(u32, u32)], mut mark: impl FnMut(u32, u32) -> Result<bool, Error>) -> [f64; 2] {
    let mut figures = Figures::new();
    let start = now();
    for some in marks.chunks(TOGETHER) {
        let before = now();
        for &(user, day) in some {
            assert!(!mark(user, day).expect("marked"), "no mark yet");
        }
        figures.note(before.elapsed().as_secs_f64() * 1e9 / some.len() as f64);
    }
    let mean = start.elapsed().as_secs_f64() * 1e9 / marks.len() as f64;
    [figures.median(), mean]
}

fn median_us(times: usize, mut ask: impl FnMut() -> u64) -> f64 {
    let mut figures = Figures::new();
    for _ in 0..times {
        let before = now();
        black_box(ask());
        figures.note(before.elapsed().as_secs_f64() * 1e6);
    }
    figures.median()
}

/// Asks the one and reads the other, in turn; what the one answers, its time, and its ratio to the other.
fn in_turn(ask: impl Fn() -> u64, read: impl Fn() -> u64) -> (u64, Answer) {
    let [mut asked, mut reads] = [const { Figures::new() }; 2];
    let mut answer = 0;
    for _ in 0..if is_smoke() { 3 } else { 15 } {
        asked.note(median_us(1, || {
            answer = ask();
            answer
        }));
        reads.note(median_us(1, &read));
    }
    let us = asked.median();
    (answer, vec![("us", us), ("ratio", us / reads.median())])
}

/// Runs all `contestants`, which differ in where their marks go.
pub(crate) fn run(contestants: &[Contestant]) {
    child::work_if_child(WORKLOAD, contestants);
    if child::is_child() {
        return;
    }
    say(&format!(
        "\n## activity: members, marks, retention; {} users, {DAYS} days",
        users()
    ));
    for contestant in child::chosen(contestants) {
        let head = ["what", "0.1", "0.5", "goal"];
        let mut table = Table::new(&head);
        let mut columns = Vec::new();
        for (share, _) in SHARES {
            columns.push(ask_all(contestant, share));
        }
        for (place, (heading, goal, _)) in columns[0].iter().enumerate() {
            let figures = columns.iter().map(|column| column[place].2.text());
            let mut cells = vec![(*heading).to_owned()];
            cells.extend(figures);
            cells.push((*goal).to_owned());
            table.row(cells);
        }
        table.print(&format!(
            "{}: {}; by the chance that a user is active on a day",
            contestant.name, contestant.ack
        ));
        if contestant.name.contains("EverySec") {
            let answer = Running::start(WORKLOAD, contestant).ask("import");
            let [marks, marked, reopened, build] =
                ["marks", "marked", "reopened", "build"].map(|name| answer[name]);
            say(&format!(
                "\nimport of {marks:.1} M marks: {marked:.2} s, closed, synced and open again after \
                 {reopened:.2} s [10]; the index after that {build:.3} s"
            ));
        }
    }
}

type Column = Vec<(&'static str, &'static str, Figures)>;

fn ask_all(contestant: &Contestant, share: u32) -> Column {
    let mut child = Running::start(WORKLOAD, contestant);
    let loaded = child.ask(&format!("load {share}"));
    let mut column: Column = Vec::new();
    for (name, heading, goal) in LOADED {
        let mut figures = Figures::new();
        figures.note(loaded[*name]);
        column.push((heading, goal, figures));
    }
    for (line, rows) in ASKED {
        let mut figures = vec![Figures::new(); rows.len()];
        for _ in 0..rounds(3) {
            let answer = child.ask(line);
            for (figures, (name, _, _)) in figures.iter_mut().zip(*rows) {
                figures.note(answer[*name]);
            }
        }
        let named = rows.iter().zip(figures);
        column.extend(named.map(|((_, heading, goal), figures)| (*heading, *goal, figures)));
    }
    column
}
