//! `nacre activity` as built: csv files in; tables, calendars and pages out.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use nacredb::prelude::*;
use nacredb::{BitRange, Db};

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// `nacre activity a.nacre LINE`, in the place's directory.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nacre"));
        command.current_dir(self.dir.path());
        command.env_remove("COLUMNS");
        command.args(["activity", "a.nacre"]);
        command.args(line.split_whitespace());
        command
    }

    fn run(&self, line: &str) -> Said {
        Said::of(&self.command(line).output().unwrap())
    }

    fn feed(&self, line: &str, input: &str) -> Said {
        let mut command = self.command(line);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        Said::of(&child.wait_with_output().unwrap())
    }

    /// To look into; a lock would outlive it in what other tests are just about to start.
    fn db(&self) -> Db {
        let builder = Db::builder().read_only(true);
        builder.open(self.path("a.nacre")).unwrap()
    }

    fn exec(&self, line: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nacre"));
        command.arg("exec").arg(self.path("a.nacre"));
        let output = command.args(line.split_whitespace()).output().unwrap();
        assert!(output.status.success());
    }

    /// How many users are marked at this key.
    fn marked(&self, key: &str) -> u64 {
        self.db().bitcount(key, BitRange::all()).unwrap()
    }

    /// An activity `web` of four users in three weeks.
    fn with_three_weeks() -> Self {
        let place = Self::new();
        place.file("a.csv", THREE_WEEKS);
        let said = place.run("web import a.csv --user user --time at");
        assert_eq!(
            (said.code, said.out.as_str()),
            (0, "10 rows imported: 10 new marks, 0 known before\n")
        );
        place
    }
}

#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().expect("ended by a signal"),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// It ended with this code, having shown nothing and said this.
    #[track_caller]
    fn refuses(&self, code: i32, text: &str) {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        assert!(self.err.contains(text), "{}", self.err);
    }
}

const THREE_WEEKS: &str = "\
at,user
2026-11-02,1
2026-11-02 23:59,2
2026-11-03,1
2026-11-04,1
2026-11-04 00:00:00,3
2026-11-09,1
2026-11-09,2
2026-11-10,2
2026-11-16,3
2026-11-16,4
";

#[test]
fn tables_with_a_header_are_imported_once() {
    let place = Place::with_three_weeks();
    assert_eq!(place.marked("web:2026-11-04"), 2);
    assert!(place.db().getbit("web:2026-11-16", 4).unwrap());
    let again = place.run("web import a.csv --user user --time at");
    assert_eq!(
        (again.code, again.out.as_str()),
        (0, "0 rows imported: 0 new marks, 0 known before\n")
    );
    assert!(again.err.contains("going on at line 12"), "{}", again.err);
    let restarted = place.run("web import a.csv --user user --time at --restart");
    assert_eq!(
        restarted.out,
        "10 rows imported: 0 new marks, 10 known before\n"
    );
}

#[test]
fn tables_without_a_header_come_from_standard_input_too() {
    let place = Place::new();
    let rows = "x\t2026-11-02\t7\nx\t2026-11-02\t8\nx\t2026-11-03\t7\n";
    for time in 0..2 {
        let said = place.feed("web import - --user 3 --time 2", rows);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains("between tab, no header"), "{}", said.err);
        // What comes only once has no note: it is read again.
        let counts = [(3, 0), (0, 3)][time];
        let expected = format!(
            "3 rows imported: {} new marks, {} known before\n",
            counts.0, counts.1
        );
        assert_eq!(said.out, expected);
    }
    assert_eq!(place.marked("web:2026-11-02"), 2);
    assert!(!place.db().exists("web:import").unwrap());
}

#[test]
fn rows_that_are_not_understood_are_told_by_line() {
    let place = Place::new();
    let rows = "user,at\n1,2026-11-02\nx,2026-11-02\n2,\"2026\n-11-03\"\n3\n4294967295,2026-11-02\n4294967294,2026-11-02\n";
    place.file("a.csv", rows);
    let said = place.run("web import a.csv --user user --time at --bad-rows 3");
    assert_eq!(
        (said.code, said.out.as_str()),
        (1, "2 rows imported: 2 new marks, 0 known before\n")
    );
    for text in [
        "4 of 6 rows were not understood",
        "line 3: user `x` is no number",
        "line 4: `2026",
        "line 6: the row is too short",
        "and 1 more",
    ] {
        assert!(said.err.contains(text), "{}", said.err);
    }
    assert!(place.db().getbit("web:2026-11-02", 4_294_967_294).unwrap());
}

/// Who forgot `--named` can say it in the next line.
#[test]
fn an_import_without_a_single_mark_defines_nothing() {
    let place = Place::new();
    place.file("a.csv", "user,at\nada,2026-11-02\nbob,2026-11-02\n");
    let without = "web import a.csv --user user --time at";
    for _ in 0..2 {
        let said = place.run(without);
        assert_eq!(said.code, 1);
        assert!(said.err.contains("2 of 2 rows were not"), "{}", said.err);
        assert!(said.err.contains("--named takes names"), "{}", said.err);
    }
    assert_eq!(place.db().db_size().unwrap(), 0);
    let said = place.run(&format!("{without} --named"));
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "2 rows imported: 2 new marks, 0 known before\n")
    );
    assert_eq!(place.marked("web:2026-11-02"), 2);
}

#[test]
fn what_cannot_be_read_leaves_nothing_behind() {
    let place = Place::new();
    place
        .run("web import gone.csv --user 1 --time 2")
        .refuses(3, "gone.csv");
    place.file("a.csv", "user,at\n1,03/04/2026\n");
    place
        .run("web import a.csv --user user --time at")
        .refuses(1, "the day or the month first");
    place.run("web import a.csv --user who --time at").refuses(
        1,
        "not in the first row, whatever delimiter is tried: user,at",
    );
    place
        .run("web import a.csv --user who --time at --delimiter ,")
        .refuses(1, "there is no column `who`: the first row has user, at");
    place
        .run("web import a.csv --user 1 --time 3 --delimiter ,")
        .refuses(1, "there is no column 3: the first row has 2");
    place
        .run("web import a.csv --user 1 --time 2 --zone Mars/Olympus")
        .refuses(64, "Mars/Olympus");
    assert!(!place.path("a.nacre").exists());
    let said = place.run("web import a.csv --user 1 --time 2 --time-format %d/%m/%Y");
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(place.marked("web:2026-04-03"), 1);
    fs::write(place.path("a.nacre"), "no database").unwrap();
    let said = place.run("web import a.csv --user 1 --time 2 --time-format %d/%m/%Y");
    assert_eq!((said.code, said.out.as_str()), (3, ""), "{}", said.err);
}

/// Rows of so many users over ten days, and the name of their file.
fn many_rows(place: &Place, users: u32) -> (PathBuf, String) {
    let mut text = "user,at\n".to_owned();
    for user in 0..users {
        let day = user % 10 + 1;
        text.push_str(&format!("{user},2026-11-{day:02}T12:00:00Z\n"));
    }
    (place.file("many.csv", &text), text)
}

#[track_caller]
fn assert_all_marked(place: &Place, users: u32) {
    let db = place.db();
    for day in 0..10 {
        let key = format!("web:2026-11-{:02}", day + 1);
        assert_eq!(
            db.bitcount(&key, BitRange::all()).unwrap(),
            u64::from(users / 10),
            "{key}"
        );
    }
    assert_eq!(
        db.activity("web")
            .unwrap()
            .active(..)
            .unwrap()
            .count()
            .unwrap(),
        u64::from(users)
    );
}

#[test]
fn an_import_of_half_a_file_goes_on_when_the_file_is_whole() {
    let place = Place::new();
    let (path, whole) = many_rows(&place, 50_000);
    // The half ends within a row, which is no user 3.
    let half = whole.find("\n30001,").unwrap() + 2;
    fs::write(&path, &whole[..half]).unwrap();
    let said = place.run("web import many.csv --user user --time at");
    assert_eq!(said.code, 1, "{}", said.err);
    fs::write(&path, &whole).unwrap();
    let said = place.run("web import many.csv --user user --time at");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("going on at line 30003"), "{}", said.err);
    assert_eq!(
        said.out,
        "19999 rows imported: 19999 new marks, 0 known before\n"
    );
    assert_all_marked(&place, 50_000);
}

#[test]
fn a_killed_import_goes_on_without_a_gap() {
    let place = Place::new();
    let users = 400_000;
    many_rows(&place, users);
    for written in [0, 10_000, 100_000] {
        let mut import = place.command("web import many.csv --user user --time at");
        import.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = import.spawn().unwrap();
        // Whenever it is, what counts is that nothing is missing afterwards.
        while child.try_wait().unwrap().is_none() {
            if fs::metadata(place.path("a.nacre")).is_ok_and(|data| data.len() > written) {
                break;
            }
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let said = place.run("web import many.csv --user user --time at");
    assert_eq!(said.code, 0, "{}", said.err);
    assert_all_marked(&place, users);
}

#[test]
fn a_note_follows_its_marks_in_the_log() {
    let place = Place::with_three_weeks();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nacre"));
    let log = command.arg("log").arg(place.path("a.nacre"));
    let log = Said::of(&log.output().unwrap()).out;
    let last = |key: &str| log.rfind(key).expect("a frame with the key");
    assert!(
        last("HSET web:import") > last("SETRANGE web:2026-11-16"),
        "{log}"
    );
    assert_eq!(log.matches("HSET web:import").count(), 1);
}

#[test]
fn moments_lie_in_the_zone_s_days_and_local_times_are_its_clocks() {
    let place = Place::new();
    // Clocks in Berlin went back on 2026-10-25, from 03:00 at +02:00 to 02:00 at +01:00.
    let rows = "\
user,at
1,2026-10-24T21:59:59Z
2,2026-10-24T22:00:00Z
3,2026-10-25T22:59:59Z
4,2026-10-25T23:00:00Z
5,2026-10-25 02:30
6,2026-10-25 23:59:59
7,2026-10-26 00:00
";
    place.file("a.csv", rows);
    let said = place.run("web import a.csv --user user --time at --zone Europe/Berlin");
    assert_eq!(said.code, 0, "{}", said.err);
    let seconds = "user,at\n8,1761433200\n9,1793055599\n10,1793055600\n";
    place.file("b.csv", seconds);
    let said = place.run("web import b.csv --user user --time at");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("times unix"), "{}", said.err);
    let db = place.db();
    let users = |key: &str| -> Vec<u64> {
        (0..16)
            .filter(|user| db.getbit(key, *user).unwrap())
            .collect()
    };
    assert_eq!(users("web:2026-10-24"), [1]);
    assert_eq!(users("web:2026-10-25"), [2, 3, 5, 6]);
    assert_eq!(users("web:2026-10-26"), [4, 7, 9]);
    assert_eq!(users("web:2026-10-27"), [10]);
    assert_eq!(users("web:2025-10-26"), [8]);
    place
        .run("web import a.csv --user user --time at --zone UTC")
        .refuses(1, "`web` is there already, in Europe/Berlin, not in UTC");
}

#[test]
fn users_with_names_keep_them() {
    let place = Place::new();
    place.file(
        "a.csv",
        "who;at\n\"Lovelace; Ada\";2026-11-02\nŻaneta;2026-11-02\n\"Lovelace; Ada\";2026-11-03\n7;2026-11-03\n",
    );
    let said = place.run("web import a.csv --user who --time at --named");
    assert_eq!(said.code, 0, "{}", said.err);
    // That users have names is known from then on.
    place.file("b.csv", "who;at\nŻaneta;2026-11-04\n");
    let said = place.run("web import b.csv --user who --time at");
    assert_eq!(said.code, 0, "{}", said.err);
    let streaks = place.run("web top-streaks 2");
    assert_eq!(
        streaks.out,
        "\
user           days       first        last
Lovelace; Ada     2  2026-11-02  2026-11-03
Żaneta            1  2026-11-02  2026-11-02
"
    );
    assert_eq!(place.marked("web:2026-11-04"), 1);
    // Another activity shares the names.
    place.run("app import b.csv --user who --time at --named");
    let db = place.db();
    let (web, app) = (db.activity("web").unwrap(), db.activity("app").unwrap());
    let both = web
        .active(..)
        .unwrap()
        .members()
        .and(app.active(..).unwrap().members());
    assert_eq!(both.count().unwrap(), 1);
}

#[test]
fn reports_go_by_day_week_or_month() {
    let place = Place::with_three_weeks();
    let report = place.run("web report --from 2026-11-02 --to 2026-11-11");
    assert_eq!(
        report.out,
        "\
day         dau  wau  mau  dau/mau  new  returning  lost
2026-11-02    2    2    2   100.0%    2          0     0
2026-11-03    1    2    2    50.0%    0          0     1
2026-11-04    2    3    3    66.7%    1          0     0
2026-11-05    0    3    3     0.0%    0          0     2
2026-11-06    0    3    3     0.0%    0          0     0
2026-11-07    0    3    3     0.0%    0          0     0
2026-11-08    0    3    3     0.0%    0          0     0
2026-11-09    2    3    3    66.7%    0          2     0
2026-11-10    1    3    3    33.3%    0          0     1
2026-11-11    0    2    3     0.0%    0          0     1
"
    );
    let all = place.run("web report");
    assert_eq!(all.out.lines().count(), 1 + 15);
    assert!(
        all.out
            .ends_with("2026-11-16    2    3    4    50.0%    1          1     0\n")
    );
    // The last week has one day so far; the others seven.
    let by_week = "\
week      active  dau  wau  mau  dau/mau  new  returning  lost
2026-W45       3    1    3    3    23.8%    3          0     0
2026-W46       2    0    2    3    14.3%    0          0     1
2026-W47       2    2    3    4    50.0%    1          1     2
";
    assert_eq!(place.run("web report --by week").out, by_week);
    // Whole weeks, whatever day is said.
    let two: String = by_week
        .lines()
        .take(3)
        .map(|line| format!("{line}\n"))
        .collect();
    let said = place.run("web report --by week --from 2026-11-05 --to 2026-11-09");
    assert_eq!(said.out, two);
    let said = place.run("web report --by month");
    assert_eq!(
        said.out.lines().last().unwrap(),
        "2026-11       4    1    3    4    16.7%    4          0     0"
    );
}

#[test]
fn retention_follows_who_came_first_in_a_week() {
    let place = Place::with_three_weeks();
    let triangle = "\
week      users   +1   +2
2026-W45      3  67%  33%
2026-W46      0    -
2026-W47      1
all           4  67%  33%
";
    assert_eq!(place.run("web retention").out, triangle);
    let last = "\
week      users  +1
2026-W46      0   -
2026-W47      1
all           1   -
";
    let said = place.run("web retention --weeks 2");
    assert_eq!(said.out, last);
    assert_eq!(place.run("web retention --from 2026-11-12").code, 0);
    let said = place.run("web retention --from 2026-11-03 --to 2026-11-09");
    assert_eq!(
        said.out,
        "\
week      users   +1
2026-W45      3  67%
2026-W46      0
all           3  67%
"
    );
}

#[test]
fn calendars_show_every_day() {
    let place = Place::with_three_weeks();
    let said = place.run("web heatmap --from 2026-11-02 --to 2026-11-22");
    assert_eq!(
        said.out,
        "    \n\
         Mon 2 2 2\n    1 1 .\nWed 2 . .\n    . . .\nFri . . .\n    . . .\nSun . . .\n\n    \
         . = none  1 = 1  2 = 2\n"
            .replacen("    \n", "    Nov 2026\n", 1)
    );
    // A year, if nothing is said, up to the last mark.
    let year = place.run("web heatmap --svg -").out;
    assert_eq!(year.matches("<title>").count(), 365);
    assert!(year.contains("<title>2026-11-16: 2 active</title>"));
    assert!(year.contains("<title>2025-11-17: 0 active</title>"));
}

#[test]
fn streaks_are_the_longest_first() {
    let place = Place::with_three_weeks();
    let said = place.run("web top-streaks 3");
    assert_eq!(
        said.out,
        "\
user  days       first        last
1        3  2026-11-02  2026-11-04
2        2  2026-11-09  2026-11-10
3        1  2026-11-04  2026-11-04
"
    );
    let said = place.run("web top-streaks 1 --from 2026-11-09");
    assert!(said.out.ends_with("2        2  2026-11-09  2026-11-10\n"));
    let said = place.run("web top-streaks 18446744073709551615");
    assert_eq!(said.out.lines().count(), 5);
    assert_eq!(place.run("web top-streaks 0").out.lines().count(), 1);
}

/// Every tag is closed in its order, and nothing is loaded from anywhere.
#[track_caller]
fn assert_is_markup(text: &str, unclosed: &[&str]) {
    let mut open = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("a tag that ends");
        let tag = &rest[at + 1..end];
        assert!(
            !tag.contains('<') && tag.matches('"').count().is_multiple_of(2),
            "{tag}"
        );
        let name = tag.split_whitespace().next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') && !unclosed.contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    let links = text.matches("http").count();
    assert_eq!(
        links,
        text.matches("\"http://www.w3.org/2000/svg\"").count()
    );
    for word in ["src=", "href=", "url(", "@import", "<script"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn pages_and_pictures_are_whole_and_load_nothing() {
    let place = Place::new();
    place.file("a.csv", THREE_WEEKS);
    let name = "a&b<c>\"d\"";
    let run = |line: &str| place.run(&format!("{name} {line}"));
    assert_eq!(run("import a.csv --user user --time at").code, 0);
    for by in ["day", "week", "month"] {
        let said = run(&format!("report --by {by} --html out.html"));
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
        let page = fs::read_to_string(place.path("out.html")).unwrap();
        assert_is_markup(&page, &["!DOCTYPE", "meta"]);
        assert!(page.contains("<h1>Activity of a&amp;b&lt;c&gt;&quot;d&quot;</h1>"));
        assert!(page.contains("<p>2026-11-02 to 2026-11-16, counted by day, UTC</p>"));
        assert!(page.contains("<dt>In 30 days</dt><dd>4</dd>"));
    }
    let said = run("heatmap --svg out.svg");
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    let picture = fs::read_to_string(place.path("out.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert_is_markup(&picture, &[]);
    run("heatmap --svg gone/out.svg").refuses(3, "gone/out.svg");
}

#[test]
fn hours_are_put_together_to_days() {
    let place = Place::new();
    let rows = "user,at\n1,2026-11-02T07:10\n1,2026-11-02T08:10\n2,2026-11-02T08:10\n1,2026-11-02T09:59\n2,2026-11-03T00:00\n3,2026-11-03\n";
    place.file("a.csv", rows);
    let said = place.run("web import a.csv --user user --time at --granularity hour");
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.err.contains("line 7: the time has no hour"),
        "{}",
        said.err
    );
    assert_eq!(place.marked("web:2026-11-02T08"), 2);
    assert_eq!(
        place.run("web report").out,
        "\
day         dau  wau  mau  dau/mau  new  returning  lost
2026-11-02    2    2    2   100.0%    2          0     0
2026-11-03    1    2    2    50.0%    0          0     1
"
    );
    assert_eq!(
        place.run("web retention --by day").out,
        "day         users   +1\n2026-11-02      2  50%\n2026-11-03      0\nall             2  50%\n"
    );
    assert_eq!(
        place.run("web top-streaks 1").out,
        "user  hours          first           last\n1         3  2026-11-02T07  2026-11-02T09\n"
    );
    let calendar = place
        .run("web heatmap --from 2026-11-02 --to 2026-11-03")
        .out;
    assert!(calendar.contains("\nMon 4\n    1\n"), "{calendar}");
    place
        .run("web import a.csv --user user --time at --granularity day")
        .refuses(1, "`web` is there already, by hour, not by day");
}

#[test]
fn of_weeks_nothing_is_asked_that_takes_days() {
    let place = Place::new();
    place.file("a.csv", THREE_WEEKS);
    let said = place.run("web import a.csv --user user --time at --granularity week");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out.ends_with(": 7 new marks, 3 known before\n"),
        "{}",
        said.out
    );
    assert_eq!(
        place.run("web report").out,
        "\
week      active  wau  mau  wau/mau  new  returning  lost
2026-W45       3    3    3   100.0%    3          0     0
2026-W46       2    2    3    66.7%    0          0     1
2026-W47       2    2    4    50.0%    1          1     2
"
    );
    assert_eq!(place.run("web retention").out.lines().count(), 5);
    assert!(
        place
            .run("web top-streaks 1")
            .out
            .contains("2026-W45  2026-W46")
    );
    for line in [
        "web heatmap",
        "web report --by day",
        "web retention --by month",
    ] {
        place.run(line).refuses(1, "`web` is counted by week");
    }
    let page = place.run("web report --html -").out;
    assert_is_markup(&page, &["!DOCTYPE", "meta"]);
    assert!(page.contains("WAU/MAU") && !page.contains("<svg"));
}

#[test]
fn an_activity_that_is_not_there_is_refused_with_those_that_are() {
    let place = Place::with_three_weeks();
    place
        .run("wbe report")
        .refuses(1, "there is no activity `wbe`, but web");
    // Marks that other commands made count as well, in days in UTC.
    place.exec("SETBIT plain:2026-11-05 9 1");
    assert_eq!(place.run("plain report").out.lines().count(), 2);
    place
        .run("plain import a.csv --user user --time at --granularity hour")
        .refuses(1, "`plain` is there already, by day, not by hour");
    place
        .run("web import a.csv --user user --time at --named")
        .refuses(1, "with users who have numbers");
    place
        .run("web report --from 2027-01-01")
        .refuses(1, "`web` has marks from 2026-11-02 to 2026-11-16");
    let empty = Place::new();
    empty.run("web report").refuses(3, "a.nacre");
    empty.exec("SET k v");
    empty.run("web report").refuses(1, "nor any other");
}

#[test]
fn too_many_days_say_which_option_helps() {
    let place = Place::with_three_weeks();
    place.exec("SETBIT web:0001-01-01 9 1");
    place.exec("SETBIT web:9999-12-31 9 1");
    place
        .run("web report --html -")
        .refuses(1, "say --from DAY");
    place.run("web report").refuses(1, "say --from DAY");
    place
        .run("web heatmap --from 1999-01-01 --to 2026-01-01")
        .refuses(1, "say --from DAY");
    place
        .run("web retention --by day --from 0001-01-01")
        .refuses(1, "4096");
    assert_eq!(
        place
            .run("web heatmap --svg -")
            .out
            .matches("<title>")
            .count(),
        365
    );
    for line in [
        "web retention",
        "web retention --weeks 4294967295 --by month --to 0300-01-01",
        "web report --to 0001-01-03",
        "web report --from 9999-12-30",
        "web report --by month --from 9999-12-30",
        "web top-streaks",
    ] {
        let said = place.run(line);
        assert_eq!(said.code, 0, "{line}: {}", said.err);
    }
}

#[test]
fn wrong_usage_points_at_the_help() {
    let place = Place::new();
    for line in [
        "web",
        "web dance",
        "web import a.csv",
        "web report --weeks 3",
        "web heatmap --from x",
    ] {
        place
            .run(line)
            .refuses(64, "\nTry `nacre activity --help`.\n");
    }
    let help = place.run("--help");
    assert_eq!(help.code, 0);
    assert!(help.out.starts_with("nacre activity: "));
    assert!(help.out.lines().all(|line| line.chars().count() <= 110));
}

#[test]
fn reports_work_while_another_process_has_the_file_open() {
    let place = Place::with_three_weeks();
    let db = Db::open(place.path("a.nacre")).unwrap();
    assert_eq!(place.run("web top-streaks").out.lines().count(), 5);
    let said = place.run("web import a.csv --user user --time at");
    said.refuses(3, "another process has the file open");
    db.close().unwrap();
}
