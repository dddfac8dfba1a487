//! The built tool on real files: what it prints, what it answers with, what survives its sudden death.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
#[cfg(target_os = "linux")]
use std::path::Path;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use nacredb::Db;
use nacredb::prelude::*;

fn nacre() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nacre"));
    command.env("NACRE_HISTORY", "");
    command
}

fn run(arguments: &[&str]) -> Output {
    nacre().args(arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("ended by a signal")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn feed(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

struct Place {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.nacre");
        Self { _dir: dir, path }
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn exec(&self, words: &[&str]) -> Output {
        run(&[&["exec", self.name()], words].concat())
    }
}

#[test]
fn exec_round_trips_through_the_file() {
    let place = Place::new();
    let set = place.exec(&["SET", "k", "two words"]);
    assert_eq!((code(&set), out(&set).as_str()), (0, "OK\n"));
    assert_eq!(out(&place.exec(&["GET", "k"])), "two words\n");
    assert_eq!(
        out(&place.exec(&["--no-raw", "GET", "k"])),
        "\"two words\"\n"
    );
    assert_eq!(out(&place.exec(&["--no-raw", "GET", "gone"])), "(nil)\n");
    assert_eq!(
        out(&place.exec(&["MGET", "k", "gone", "k"])),
        "two words\n\ntwo words\n"
    );
    // What follows the command is the command's, options included.
    assert_eq!(out(&place.exec(&["SET", "k", "-x"])), "OK\n");
    assert_eq!(out(&place.exec(&["GET", "k"])), "-x\n");
}

#[test]
fn an_error_reply_is_printed_and_ends_with_1() {
    let place = Place::new();
    place.exec(&["SET", "k", "v"]);
    let incr = place.exec(&["INCR", "k"]);
    let text = "ERR value is not an integer or out of range\n\n";
    assert_eq!((code(&incr), out(&incr).as_str()), (1, text));
    let unknown = place.exec(&["--no-raw", "NONSENSE"]);
    assert_eq!(code(&unknown), 1);
    assert!(out(&unknown).starts_with("(error) ERR unknown command 'NONSENSE'"));
}

#[test]
fn the_last_argument_comes_from_standard_input_byte_for_byte() {
    let place = Place::new();
    let value: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut command = nacre();
    command.args(["exec", "-x", place.name(), "SET", "blob"]);
    assert_eq!(code(&feed(command, &value)), 0);
    let mut expected = value.clone();
    expected.push(b'\n');
    assert_eq!(place.exec(&["GET", "blob"]).stdout, expected);
}

#[test]
fn reading_works_beside_a_process_that_has_the_file_open_and_writing_does_not() {
    let place = Place::new();
    let db = Db::open(&place.path).unwrap();
    db.set("k", "v").unwrap();
    assert_eq!(out(&place.exec(&["GET", "k"])), "v\n");
    let set = place.exec(&["SET", "k", "other"]);
    assert_eq!((code(&set), out(&set).as_str()), (3, ""));
    assert!(
        err(&set).contains("another process has the file open"),
        "{}",
        err(&set)
    );
    let info = run(&["info", place.name()]);
    assert_eq!(code(&info), 0);
    assert!(
        out(&info).contains("\nkeys       1, 0 of them"),
        "{}",
        out(&info)
    );
    assert!(out(&info).contains("\nclosed     no"), "{}", out(&info));
    assert_eq!(code(&run(&["check", place.name()])), 0);
    db.set("k", "still open").unwrap();
}

#[test]
fn a_file_that_is_not_there_is_made_by_writing_only() {
    let place = Place::new();
    let name = place.name();
    for arguments in [
        &["exec", name, "GET", "k"][..],
        &["info", name],
        &["check", name],
        &["log", name],
        &["compact", name],
    ] {
        let output = run(arguments);
        assert_eq!(code(&output), 3, "{arguments:?}");
        assert!(err(&output).contains("a.nacre: open: "), "{}", err(&output));
    }
    assert!(!place.path.exists());
    assert_eq!(code(&place.exec(&["SET", "k", "v"])), 0);
    assert!(place.path.exists());
}

#[test]
fn a_piped_shell_reads_lines_and_says_when_one_was_refused() {
    let place = Place::new();
    let shell = |input: &[u8]| {
        let mut command = nacre();
        command.args(["shell", place.name()]);
        feed(command, input)
    };
    let good = shell(b"SET \"a\\x00b\" 'c d'\n\n  STRLEN \"a\\x00b\"\nGET \"a\\x00b\"");
    assert_eq!((code(&good), out(&good).as_str()), (0, "OK\n3\nc d\n"));
    let refused = shell(b"SET \"a\nINCR n\nNONSENSE\nexit\nINCR n\n");
    assert_eq!(code(&refused), 1);
    assert!(out(&refused).starts_with("Invalid argument(s)\n1\nERR unknown command"));
    assert_eq!(out(&place.exec(&["GET", "n"])), "1\n");
}

#[test]
fn a_shell_is_a_session() {
    let mut command = nacre();
    command.args(["shell", "--memory"]);
    let said = feed(
        command,
        b"WATCH k\nMULTI\nSET k v\nINCR k\nSELECT 1\nEXEC\nGET k\nBLPOP q 0.001\nDISCARD\n",
    );
    let expected = "OK\nOK\nQUEUED\nQUEUED\nQUEUED\nOK\nERR value is not an integer or out of range\nOK\n\n\n\
        ERR DISCARD without MULTI\n\n";
    assert_eq!((code(&said), out(&said).as_str()), (1, expected));
}

#[test]
fn replies_come_while_the_pipe_stays_open() {
    let mut child = nacre()
        .args(["shell", "--memory"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut replies = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 1..=3 {
        writeln!(input, "INCR n").unwrap();
        assert_eq!(replies.next().unwrap().unwrap(), number.to_string());
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

/// Kills a shell that is writing keys as fast as it can, after this many replies.
fn kill_after(place: &Place, replies: u64) {
    let mut child = nacre()
        .args(["shell", place.name()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    std::thread::scope(|scope| {
        // Ends with an error when the shell is gone.
        scope.spawn(move || (0..).try_for_each(|n: u64| writeln!(input, "SET key:{n} value:{n}")));
        for _ in 0..replies {
            assert_eq!(lines.next().unwrap().unwrap(), "OK");
        }
        child.kill().unwrap();
        drop(lines);
    });
    child.wait().unwrap();
}

#[test]
fn a_killed_shell_loses_nothing_it_has_answered() {
    for replies in [1, 700, 5000] {
        let place = Place::new();
        kill_after(&place, replies);
        let checked = run(&["check", place.name()]);
        assert!([0, 1].contains(&code(&checked)), "{}", out(&checked));
        let db = Db::open(&place.path).unwrap();
        let keys = db.db_size().unwrap();
        assert!(keys >= replies, "{keys} keys after {replies} replies");
        for number in 0..keys {
            let value = db.get(format!("key:{number}")).unwrap();
            assert_eq!(value, Some(format!("value:{number}").into_bytes()));
        }
    }
}

/// A cleanly closed file with a synced history.
fn sample(place: &Place) -> Vec<u8> {
    let db = Db::open(&place.path).unwrap();
    for number in 0..50 {
        db.set(format!("key:{number}"), "x".repeat(number * 10))
            .unwrap();
    }
    db.sync().unwrap();
    db.set("last", "one").unwrap();
    db.close().unwrap();
    fs::read(&place.path).unwrap()
}

#[test]
fn check_tells_good_torn_corrupt_and_foreign_files_apart() {
    let place = Place::new();
    let bytes = sample(&place);
    let check = || run(&["check", place.name()]);
    let good = check();
    assert_eq!(code(&good), 0);
    assert!(
        out(&good).contains("closed cleanly\nok\n"),
        "{}",
        out(&good)
    );

    fs::write(&place.path, &bytes[..bytes.len() - 11]).unwrap();
    let torn = check();
    assert_eq!(code(&torn), 1, "{}", out(&torn));
    let tail = bytes.len() - 48;
    let text = format!("torn tail: 37 bytes from byte {tail} on: ");
    assert!(out(&torn).contains(&text), "{}", out(&torn));
    let get = place.exec(&["GETEX", "last"]);
    assert_eq!((code(&get), out(&get).as_str()), (0, "one\n"));
    assert!(
        err(&get).contains(&format!("37 bytes from byte {tail}")),
        "{}",
        err(&get)
    );
    assert_eq!(code(&check()), 0);

    let mut bad = bytes.clone();
    let at = bytes.len() / 2 + 6000;
    bad[at] ^= 0x10;
    fs::write(&place.path, &bad).unwrap();
    let corrupt = check();
    assert_eq!(code(&corrupt), 2);
    assert!(
        out(&corrupt).contains("\ndamage at byte "),
        "{}",
        out(&corrupt)
    );
    assert!(
        out(&corrupt).ends_with("\ncorrupt: 1 problem\n"),
        "{}",
        out(&corrupt)
    );
    for arguments in [
        &["exec", place.name(), "SET", "k", "v"][..],
        &["log", place.name()],
    ] {
        let output = run(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(
            err(&output).contains("a.nacre: corrupt at byte "),
            "{}",
            err(&output)
        );
    }
    assert_eq!(fs::read(&place.path).unwrap(), bad);

    for foreign in [&b""[..], b"SQLite format 3\0", &[0; 10_000], &bytes[..8000]] {
        fs::write(&place.path, foreign).unwrap();
        assert_eq!(code(&check()), 3, "{}", foreign.len());
        assert_eq!(fs::read(&place.path).unwrap(), foreign);
    }
}

#[test]
fn the_log_reads_as_commands() {
    let place = Place::new();
    let script = "SET k v\nSET \"a b\" \"\\xff\" PXAT 9999999999999\nAPPEND k more\n\
        PERSIST \"a b\"\nRENAME k j\nDEL j\nFLUSHALL\n";
    let mut command = nacre();
    command.args(["shell", place.name()]);
    assert_eq!(code(&feed(command, script.as_bytes())), 0);

    let log = run(&["log", place.name()]);
    let data: Vec<String> = out(&log)
        .lines()
        .filter_map(|line| line.split_once(" data  "))
        .map(|(_, commands)| commands.to_owned())
        .collect();
    let expected = [
        "SET k v",
        "SET \"a b\" \"\\xff\" PXAT 9999999999999",
        "SETRANGE k 1 more",
        "PERSIST \"a b\"",
        "RENAME k j",
        "DEL j",
        "FLUSHALL",
    ];
    assert_eq!(data, expected);

    let json = out(&run(&["log", "--json", place.name()]));
    assert!(
        json.lines()
            .all(|line| line.starts_with("{\"lsn\":") && line.ends_with('}'))
    );
    assert!(json.contains(
        "{\"command\":\"SET\",\"key\":\"a b\",\"value_base64\":\"/w==\",\
         \"edited_in_place\":false,\"expires_at_ms\":9999999999999}"
    ));

    let lsn_of = |line: &str| line.split(' ').next().unwrap().to_owned();
    let third = out(&log).lines().map(lsn_of).nth(2).unwrap();
    let from = out(&run(&[
        "log",
        "--from",
        &third,
        "--limit",
        "2",
        place.name(),
    ]));
    assert_eq!(from.lines().count(), 2);
    assert_eq!(lsn_of(from.lines().next().unwrap()), third);
}

#[test]
fn compact_keeps_the_keys_and_drops_the_history() {
    let place = Place::new();
    for number in 0..20 {
        place.exec(&["SET", "k", &"x".repeat(number * 100)]);
    }
    let before = fs::metadata(&place.path).unwrap().len();
    let compacted = run(&["compact", place.name()]);
    assert_eq!(code(&compacted), 0, "{}", err(&compacted));
    assert!(fs::metadata(&place.path).unwrap().len() < before);
    assert_eq!(out(&place.exec(&["STRLEN", "k"])), "1900\n");
    let info = out(&run(&["info", "--json", place.name()]));
    assert!(info.contains("\"keys\":1,"), "{info}");
    assert!(info.contains("\"closed\":true"), "{info}");
}

#[test]
fn a_reader_that_goes_away_ends_the_tool_quietly() {
    let place = Place::new();
    let db = Db::open(&place.path).unwrap();
    for number in 0..20_000 {
        db.set(format!("key:{number}"), "some value or other")
            .unwrap();
    }
    db.close().unwrap();
    let mut child = nacre()
        .args(["log", place.name()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut reader = BufReader::with_capacity(64, child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
}

#[test]
fn help_and_usage() {
    for arguments in [&["--help"][..], &["log", "--help"], &["help"]] {
        let help = run(arguments);
        assert_eq!(code(&help), 0);
        assert!(out(&help).contains("nacre check FILE"));
    }
    assert_eq!(
        out(&run(&["--version"])),
        format!("nacre {}\n", env!("CARGO_PKG_VERSION"))
    );
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["check"],
        &["log", "f", "--from", "x"],
    ] {
        let usage = run(arguments);
        assert_eq!(
            (code(&usage), out(&usage).as_str()),
            (64, ""),
            "{arguments:?}"
        );
        assert!(err(&usage).contains("Try `nacre --help`"));
    }
}

/// A Redis of our own on a socket, if there is one on this machine.
struct Redis {
    server: Child,
    socket: PathBuf,
    _dir: tempfile::TempDir,
}

impl Redis {
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("redis.sock");
        let server = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "no",
                "--unixsocket",
            ])
            .arg(&socket)
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn();
        let Ok(server) = server else {
            let required = std::env::var_os("NACRE_REQUIRE_REDIS").is_some();
            assert!(!required, "no redis-server, and NACRE_REQUIRE_REDIS is set");
            eprintln!("no redis-server here: skipped");
            return None;
        };
        let redis = Self {
            server,
            socket,
            _dir: dir,
        };
        for _ in 0..500 {
            let ping = redis
                .cli()
                .arg("PING")
                .output()
                .expect("redis-cli is there");
            if ping.stdout == b"PONG\n" {
                return Some(redis);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("redis-server does not answer");
    }

    fn cli(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(&self.socket);
        command
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Without the lines in which `redis-cli` tells that something took long.
fn untimed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let slow = |line: &&str| line.starts_with('(') && line.ends_with("s)") && line.contains('.');
    text.lines()
        .filter(|line| !slow(line))
        .collect::<Vec<_>>()
        .join("\n")
}

const SCRIPT: &[u8] = br#"
SET k "with \"quotes\", \\ and \x00\xff\n\r\t\a\b"
GET k
GET missing
SET n 41
INCR n
INCRBYFLOAT n 0.5
MGET k missing n
MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9 j 10
MGET a b c d e f g h i j missing
LCS k n IDX
SET x ohmytext
SET y mynewtext
LCS x y IDX MINMATCHLEN 2 WITHMATCHLEN
LCS x y IDX WITHMATCHLEN
SCAN 0 MATCH nothing* COUNT 1000
KEYS nothing*
SET "" ''
GET ""
SET 'single \' quote \n' 1
GET "single ' quote \\n"
SET u "\xc3\xa9\xzz\q"
GET u
SET k"glued" 1
SET "k"glued 1
SET 'open
SET "open
SET k "ends in backslash \
GETRANGE x 0 -1
GET
NOSUCHCOMMAND with "arg uments" "and\nmore"
SET k v NONSENSE
INCR x
OBJECT ENCODING n
OBJECT NONSENSE n
TYPE k
PING
PING "two words"
ECHO "\x00"
   SET   spaced	tab   
DEL a b c missing
exit
GET never
"#;

#[test]
fn replies_print_as_redis_cli_prints_them() {
    let Some(redis) = Redis::start() else {
        return;
    };
    for (option, tty) in [("--raw", None), ("--no-raw", Some("1"))] {
        let mut theirs = redis.cli();
        theirs.arg(option).env_remove("FAKETTY");
        theirs.envs(tty.map(|tty| ("FAKETTY", tty)));
        let mut ours = nacre();
        ours.args(["shell", "--memory", option]);
        let (theirs, ours) = (feed(theirs, SCRIPT), feed(ours, SCRIPT));
        similar(&untimed(&theirs), &untimed(&ours));
        assert_eq!(
            redis.cli().arg("FLUSHALL").output().unwrap().stdout,
            b"OK\n"
        );
    }
}

fn similar(theirs: &str, ours: &str) {
    for (number, (theirs, ours)) in theirs.lines().zip(ours.lines()).enumerate() {
        assert_eq!(ours, theirs, "line {}", number + 1);
    }
    assert_eq!(ours, theirs);
    assert!(ours.lines().count() > 60, "{ours}");
}

#[test]
fn one_command_prints_as_redis_cli_prints_it() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let place = Place::new();
    for words in [
        &["SET", "k", "a \"b\"\n"][..],
        &["GET", "k"],
        &["GET", "gone"],
        &["MGET", "k", "gone", "k"],
        &["KEYS", "gone"],
        &["STRLEN", "k"],
        &["INCR", "k"],
        &["GET"],
        &["NONSENSE", "x"],
    ] {
        for option in ["--raw", "--no-raw"] {
            let theirs = redis.cli().arg(option).args(words).output().unwrap();
            let ours = run(&[&["exec", option, place.name()], words].concat());
            assert_eq!(untimed(&ours), untimed(&theirs), "{option} {words:?}");
        }
    }
}

/// Types lines into a shell on a pseudo-terminal, each when the prompt is there, and returns all that
/// was to be seen; `None` where `script` cannot make one.
#[cfg(target_os = "linux")]
fn on_terminal(history: &Path, lines: &[&[u8]]) -> Option<String> {
    use std::io::Read as _;

    let shell = format!("{} shell --memory", env!("CARGO_BIN_EXE_nacre"));
    let mut command = Command::new("timeout");
    command.args(["60", "script", "-qec", &shell, "/dev/null"]);
    command.env("NACRE_HISTORY", history);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let mut keys = child.stdin.take().unwrap();
    let mut screen = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    let mut lines = lines.iter();
    let mut from = 0;
    let mut chunk = [0; 4096];
    loop {
        let read = screen.read(&mut chunk).unwrap();
        if read == 0 {
            break;
        }
        seen.extend_from_slice(&chunk[..read]);
        // The prompt of an empty line; one with text in it goes on behind the blank.
        let prompt = b"memory> \r";
        if seen[from..]
            .windows(prompt.len())
            .any(|part| part == prompt)
        {
            from = seen.len();
            if let Some(line) = lines.next() {
                keys.write_all(line).unwrap();
            }
        }
    }
    let status = child.wait().unwrap();
    // 127: there is no such program; 124: the time was up.
    if status.code() == Some(127) {
        return None;
    }
    let text = String::from_utf8_lossy(&seen).into_owned();
    assert!(status.success(), "{status}: {text:?}");
    Some(text)
}

#[cfg(target_os = "linux")]
#[test]
fn a_shell_on_a_terminal_prompts_completes_and_remembers() {
    let dir = tempfile::tempdir().unwrap();
    let history = dir.path().join("state").join("history");
    let typed = [
        &b"SET k \"a b\"\r"[..],
        b"getra\tk 0 -1\r",
        b"thrown away\x03",
        b"GET none\r",
        b"help strlen\r",
        b"\x04",
    ];
    let Some(seen) = on_terminal(&history, &typed) else {
        eprintln!("no script(1) here: skipped");
        return;
    };
    for part in ["OK\r\n", "\"a b\"\r\n", "(nil)\r\n", "STRLEN key"] {
        assert!(seen.contains(part), "{part:?} is not in {seen:?}");
    }
    assert!(!seen.contains("unknown command"), "{seen:?}");
    let history = fs::read_to_string(history).unwrap();
    assert!(history.contains("getrange k 0 -1\n"), "{history:?}");
    assert!(!history.contains("thrown away"), "{history:?}");
}
