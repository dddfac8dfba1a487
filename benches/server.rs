//! Requests per second against the `redis-server` on the path, with `redis-benchmark` as the load, and how long
//! requests take while the file is compacted (there: saved by a forked process).
//!
//! `NACRE_BENCH_KEYS=1000000 cargo bench --features server --bench server`
//!
//! Both serve a new file in one directory, sync once a second, and take turns within every round. Without the three
//! programs of Redis it says so and measures nothing.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::clock::{Latencies, now};
use common::say;
use common::table::{Figures, Table, short};
use nacredb::server::Server;
use nacredb::{CompactionPolicy, Db};

/// Says to this program that it is the server, and for which directory.
const SERVE: &str = "NACRE_BENCH_SERVE";

/// What `redis-benchmark` is asked for.
const LOADS: [&str; 2] = ["set", "get"];

/// One of the two servers.
struct Running {
    process: Child,
    unix: PathBuf,
    port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It is gone either way.
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    listener.local_addr().expect("it is bound").port()
}

/// Serves a file in a directory until it is killed.
fn serve(dir: &Path) {
    let db = Db::builder()
        .compaction(CompactionPolicy {
            growth_percent: 0,
            ..CompactionPolicy::default()
        })
        .open(dir.join("bench.nacre"))
        .expect("the directory is fresh");
    let port: u16 = std::env::var("NACRE_BENCH_PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .expect("the parent chooses a port");
    let server = Server::builder()
        .bind(format!("127.0.0.1:{port}"))
        .unix_socket(dir.join("nacre.sock"))
        .threads(2)
        .start(db)
        .expect("the port is free");
    say("ready");
    server.wait().expect("it is killed before");
}

fn start_nacre(dir: &Path) -> Running {
    let port = free_port();
    let mut process = Command::new(std::env::current_exe().expect("this program has a path"))
        .env(SERVE, dir)
        .env("NACRE_BENCH_PORT", port.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started again");
    let output = process.stdout.take().expect("piped");
    let mut line = String::new();
    BufReader::new(output)
        .read_line(&mut line)
        .expect("it speaks");
    Running {
        process,
        unix: dir.join("nacre.sock"),
        port,
    }
}

fn start_redis(dir: &Path) -> Option<Running> {
    let port = free_port();
    let unix = dir.join("redis.sock");
    let process = Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--save",
            "",
            "--appendonly",
            "yes",
        ])
        .args([
            "--appendfsync",
            "everysec",
            "--auto-aof-rewrite-percentage",
            "0",
        ])
        .arg("--unixsocket")
        .arg(&unix)
        .arg("--dir")
        .arg(dir)
        .stdout(Stdio::null())
        .spawn()
        .ok()?;
    let running = Running {
        process,
        unix,
        port,
    };
    for _ in 0..500 {
        if UnixStream::connect(&running.unix).is_ok() {
            return Some(running);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// Requests per second, as `redis-benchmark` measures them.
fn load(at: &Running, tcp: bool, clients: u32, pipeline: u32, what: &str, requests: u64) -> f64 {
    let mut command = Command::new("redis-benchmark");
    if tcp {
        command.args(["-p", &at.port.to_string()]);
    } else {
        command.arg("-s").arg(&at.unix);
    }
    let (clients, pipeline) = (clients.to_string(), pipeline.to_string());
    command.args([
        "-c", &clients, "-P", &pipeline, "-t", what, "-r", "100000", "-d", "64",
    ]);
    command.args(["-n", &requests.to_string(), "--csv"]);
    let output = command
        .stderr(Stdio::null())
        .output()
        .expect("redis-benchmark runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let row = text.lines().find(|line| {
        line.to_ascii_lowercase()
            .starts_with(&format!("\"{what}\""))
    });
    let cell = row
        .and_then(|row| row.split(',').nth(1))
        .map(|cell| cell.trim_matches('"'));
    cell.and_then(|cell| cell.parse().ok())
        .unwrap_or_else(|| panic!("redis-benchmark said {text}"))
}

fn throughput(nacre: &Running, redis: &Running, requests: u64, rounds: u64) {
    let mut table = Table::new(&[
        "transport",
        "clients",
        "pipeline",
        "command",
        "nacre, 1/s",
        "Redis, 1/s",
        "ratio",
    ]);
    for (tcp, clients, pipeline) in [
        (false, 1, 1),
        (false, 50, 1),
        (false, 1, 100),
        (false, 50, 100),
        (true, 1, 1),
        (true, 50, 1),
        (true, 1, 100),
        (true, 50, 100),
    ] {
        let requests = if pipeline == 1 {
            requests / 10
        } else {
            requests
        };
        for what in LOADS {
            let (mut ours, mut theirs) = (Figures::new(), Figures::new());
            for _ in 0..rounds {
                ours.note(load(nacre, tcp, clients, pipeline, what, requests));
                theirs.note(load(redis, tcp, clients, pipeline, what, requests));
            }
            table.row(vec![
                if tcp { "TCP, loopback" } else { "Unix socket" }.to_owned(),
                clients.to_string(),
                pipeline.to_string(),
                what.to_ascii_uppercase(),
                ours.text(),
                theirs.text(),
                ours.ratio(&theirs),
            ]);
        }
    }
    table.print("requests per second, file synced once a second, 64-byte values, 2 threads");
}

/// One request and its answer, of at most a few hundred bytes.
fn ask(stream: &mut UnixStream, line: &str) -> String {
    stream.write_all(line.as_bytes()).expect("the server reads");
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).expect("the server answers");
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

/// How long single SETs and GETs take for some time.
fn latencies(stream: &mut UnixStream, keys: u64, until: impl Fn(&Latencies) -> bool) -> Latencies {
    let mut all = Latencies::with_capacity(1 << 20);
    let mut state = 1_u64;
    while !until(&all) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let key = (state >> 33) % keys;
        let line = match all.len() % 2 {
            0 => format!("SET key:{key} {state:064}\r\n"),
            _ => format!("GET key:{key}\r\n"),
        };
        let began = now();
        ask(stream, &line);
        all.note(began.elapsed());
    }
    all
}

/// Whether the server has ended what it was asked for.
fn is_idle(control: &mut UnixStream) -> bool {
    ask(control, "INFO persistence\r\n").contains("aof_rewrite_in_progress:0")
}

fn waits(nacre: &Running, redis: &Running, keys: u64) {
    let mut table = Table::new(&[
        "server",
        "p99.9 idle, µs",
        "p99.9 then, µs",
        "ratio",
        "longest then, µs",
        "requests then",
    ]);
    for (name, at) in [("nacre", nacre), ("Redis", redis)] {
        let mut filler = UnixStream::connect(&at.unix).expect("it listens");
        for from in (0..keys).step_by(1000) {
            let lines: String = (from..from + 1000)
                .map(|key| format!("SET key:{key} {key:064}\r\n"))
                .collect();
            filler
                .write_all(lines.as_bytes())
                .expect("the server reads");
            let mut answers = vec![0; 5 * 1000];
            filler.read_exact(&mut answers).expect("the server answers");
        }
        let mut stream = UnixStream::connect(&at.unix).expect("it listens");
        let mut idle = latencies(&mut stream, keys, |all| all.len() >= 100_000);
        let mut control = UnixStream::connect(&at.unix).expect("it listens");
        let began = ask(&mut control, "BGREWRITEAOF\r\n");
        assert!(began.starts_with('+'), "{name}: {began}");
        let control = std::cell::RefCell::new(control);
        let mut then = latencies(&mut stream, keys, |all| {
            all.len() > 0 && all.len() % 256 == 0 && is_idle(&mut control.borrow_mut())
        });
        let (before, during) = (idle.percentile(0.999), then.percentile(0.999));
        table.row(vec![
            name.to_owned(),
            short(before / 1000.0),
            short(during / 1000.0),
            format!("{:.2}×", during / before),
            short(then.percentile(1.0) / 1000.0),
            short(then.len() as f64),
        ]);
    }
    table.print(&format!(
        "single SETs and GETs while the file of {keys} keys is compacted, one connection"
    ));
}

fn main() {
    if let Some(dir) = std::env::var_os(SERVE) {
        return serve(Path::new(&dir));
    }
    let is_there = |name: &str| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok()
    };
    if !["redis-server", "redis-benchmark"]
        .into_iter()
        .all(is_there)
    {
        return say("redis-server and redis-benchmark are not there: nothing was measured");
    }
    let keys = common::keys(1_000_000);
    let rounds = common::rounds(3);
    let dir = common::scratch();
    let nacre = start_nacre(dir.path());
    let redis = start_redis(dir.path()).expect("redis-server starts");
    throughput(&nacre, &redis, keys, rounds);
    waits(&nacre, &redis, keys);
}
