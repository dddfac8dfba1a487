//! Real Redis servers for the tests, on free ports of this machine and in directories of their own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether there is a redis-server. Where NACRE_REQUIRE_REDIS=1 there has to be.
pub(crate) fn has_redis() -> bool {
    let found = Command::new("redis-server")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        let is_required = std::env::var("NACRE_REQUIRE_REDIS").is_ok_and(|value| value == "1");
        assert!(!is_required, "no redis-server is installed");
        eprintln!("skipped: no redis-server is installed");
    }
    found
}

/// A Redis server. Dropping it ends it.
pub(crate) struct Redis {
    server: Child,
    pub(crate) port: u16,
    _directory: tempfile::TempDir,
}

impl Redis {
    pub(crate) fn start(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let server = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(options)
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let redis = Self {
            server,
            port,
            _directory: directory,
        };
        wait_until("redis-server answers", || {
            let client = redis.client();
            client.get_connection().is_ok()
        });
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).expect("the URL is one")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _ended = self.server.wait();
    }
}

/// A cluster of three primaries.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Redis>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let nodes: Vec<Redis> = (0..3)
            .map(|_| Redis::start(&["--cluster-enabled", "yes"]))
            .collect();
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .arg("--cluster-yes")
            .output()
            .expect("redis-cli runs");
        assert!(
            created.status.success(),
            "{}",
            String::from_utf8_lossy(&created.stdout)
        );
        let cluster = Self { nodes };
        for node in &cluster.nodes {
            wait_until("the cluster is whole", || {
                let mut con = node.client().get_connection().expect("the node answers");
                let info: String = redis::cmd("CLUSTER")
                    .arg("INFO")
                    .query(&mut con)
                    .expect("it has a state");
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            });
        }
        cluster
    }

    pub(crate) fn client(&self) -> redis::cluster::ClusterClient {
        let urls = self.nodes.iter().map(Redis::url);
        redis::cluster::ClusterClient::new(urls).expect("the URLs are some")
    }
}

/// A port that was free a moment ago, as was the one of a cluster's other connections.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let bus = port
            .checked_add(10_000)
            .map(|bus| TcpListener::bind(("127.0.0.1", bus)));
        if matches!(bus, Some(Ok(_))) {
            return port;
        }
    }
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
