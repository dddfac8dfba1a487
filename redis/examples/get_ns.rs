//! Nanoseconds that a `GET` takes: through `redis::Commands` in process, and from a Redis server over a Unix socket
//! if one is installed. `cargo run --release --example get_ns`

use std::hint::black_box;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Commands, RedisResult};

const KEYS: u32 = 10_000;

/// The best of some rounds: what else the machine does only adds.
fn best_ns(rounds: u32, calls: u32, mut call: impl FnMut(u32)) -> f64 {
    let round = |_| {
        let began = Instant::now();
        (0..calls).for_each(&mut call);
        began.elapsed().as_nanos() as f64 / f64::from(calls)
    };
    (0..rounds).map(round).fold(f64::INFINITY, f64::min)
}

fn fill(con: &mut impl Commands) -> RedisResult<()> {
    for number in 0..KEYS {
        let () = con.set(format!("user:{number}:name"), "a value of 24 characters")?;
    }
    Ok(())
}

fn get_ns(con: &mut impl Commands, rounds: u32, calls: u32) -> f64 {
    let keys: Vec<String> = (0..KEYS).map(|at| format!("user:{at}:name")).collect();
    best_ns(rounds, calls, |call| {
        let key = &keys[(call.wrapping_mul(7919) % KEYS) as usize];
        let value: Vec<u8> = con.get(key).expect("the server answers");
        black_box(value);
    })
}

/// A Redis server on a Unix socket.
struct Redis {
    server: Child,
    directory: tempfile::TempDir,
}

impl Redis {
    fn start() -> Option<Self> {
        let directory = tempfile::tempdir().ok()?;
        let server = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket", "redis.sock"])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { server, directory })
    }

    fn connect(&self) -> RedisResult<redis::Connection> {
        let path = self.directory.path().display();
        let client = redis::Client::open(format!("redis+unix://{path}/redis.sock"))?;
        let mut left = 100;
        loop {
            match client.get_connection() {
                Err(_starting) if left > 0 => std::thread::sleep(Duration::from_millis(20)),
                result => return result,
            }
            left -= 1;
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _ended = self.server.wait();
    }
}

#[expect(clippy::print_stdout, reason = "an example tells what it found")]
fn main() -> RedisResult<()> {
    let rounds = std::env::args().nth(1);
    let rounds = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(20);
    let client = nacredb_redis::Client::open_in_memory()?;
    let mut con = client.get_connection()?;
    fill(&mut con)?;
    let embedded_ns = get_ns(&mut con, rounds, 50_000);
    println!("GET of a database in process: {embedded_ns:.0} ns");
    let command_ns = best_ns(rounds, 50_000, |_| {
        black_box(redis::Cmd::get(black_box("user:1:name")));
    });
    println!("  redis-rs writes the command in {command_ns:.0} ns");
    let mut local = client.server().local();
    let local_ns = best_ns(rounds, 50_000, |_| {
        let reply = local.execute(&["GET", black_box("user:1:name")]);
        black_box(reply.expect("it answers"));
    });
    println!("  nacredb answers in {local_ns:.0} ns");

    let Some(redis) = Redis::start() else {
        println!("no redis-server is installed");
        return Ok(());
    };
    let mut con = redis.connect()?;
    fill(&mut con)?;
    let server_ns = get_ns(&mut con, rounds.min(5), 5_000);
    println!("GET of redis-server over a Unix socket: {server_ns:.0} ns");
    println!("ratio: {:.0}", server_ns / embedded_ns);
    Ok(())
}
