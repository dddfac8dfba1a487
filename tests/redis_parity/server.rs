//! A real redis-server on a Unix socket in a directory of its own. It ends with its handle, on a
//! panic too, and leaves nothing behind.

use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::thread;
use std::time::Duration;

use super::resp::{Client, Wire};

/// The version whose replies are the reference.
const VERSION: &str = "7.0.15";

pub(crate) struct RedisServer {
    child: Child,
    directory: tempfile::TempDir,
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Already gone is as good as ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl RedisServer {
    /// Starts one, or says why there is none to start. A server that is installed and does not
    /// start fails the test.
    pub(crate) fn start(tests: usize) -> Option<Self> {
        let directory = tempfile::Builder::new()
            .prefix("parity")
            .tempdir()
            .expect("a temporary directory");
        let spawned = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            // One database: ours has one.
            .args(["--databases", "16", "--enable-debug-command", "yes"])
            .arg("--unixsocket")
            .arg(directory.path().join("redis.sock"))
            .arg("--dir")
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match spawned {
            Ok(child) => Some(Self { child, directory }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                assert!(
                    std::env::var_os("NACRE_REQUIRE_REDIS").is_none_or(|value| value != "1"),
                    "redis-server is not installed and NACRE_REQUIRE_REDIS=1"
                );
                static SAID: Once = Once::new();
                SAID.call_once(|| {
                    eprintln!("redis-server is not installed: {tests} parity tests skipped");
                });
                None
            }
            Err(error) => panic!("redis-server does not start: {error}"),
        }
    }

    /// Connects as soon as the server listens.
    pub(crate) fn client(&mut self) -> Client {
        let path = self.directory.path().join("redis.sock");
        for _ in 0..1000 {
            if let Ok(mut client) = Client::connect(&path)
                && matches!(client.call(&["PING"]), Ok(Wire::Status(_)))
            {
                prepare(&mut client);
                return client;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("redis-server ended at once: {status}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not listen on {}", path.display());
    }
}

/// Lets expired keys go only when they are touched, so that the server's own rhythm plays no part.
fn prepare(client: &mut Client) {
    let Ok(Wire::Bulk(info)) = client.call(&["INFO", "server"]) else {
        panic!("INFO is not answered");
    };
    let info = String::from_utf8_lossy(&info);
    let version = info
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"));
    if version != Some(VERSION) {
        eprintln!("note: the reference is Redis {VERSION}, this is {version:?}");
    }
    let reply = client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    assert!(matches!(reply, Ok(Wire::Status(_))), "{reply:?}");
}
