//! A server that speaks Redis's protocol, versions 2 and 3: over TCP, over a Unix socket, and over pipes within
//! the process. Feature `server`.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use nacredb::{Db, server::Server};
//! use std::io::{Read, Write};
//!
//! let server = Server::builder().bind("127.0.0.1:0").start(Db::open_in_memory())?;
//! let mut socket = std::net::TcpStream::connect(server.addresses()[0])?;
//! socket.write_all(b"PING\r\n")?;
//! let mut answer = [0; 7];
//! socket.read_exact(&mut answer)?;
//! assert_eq!(&answer, b"+PONG\r\n");
//! server.shutdown()?;
//! # Ok(()) }
//! ```
//!
//! Connections are spread over a few threads, and commands of different threads run side by side. `hub` is what
//! connections share, `client` is one without its socket, `driver` moves its bytes, `commands` are
//! those about connections and the server; all others are the library's.
//!
//! It must not: touch a path that a client names, start a process, or keep a lock while a command runs.

mod channels;
mod client;
mod cluster;
mod commands;
mod driver;
mod hub;
mod latency;
mod limits;
mod listen;
mod local;
mod monitor;
mod notify;
mod pause;
mod record;
mod saves;
mod settings;
mod slowlog;
mod stats;
mod subscriptions;
mod workers;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hub::{Hub, Listens, Stop};
use settings::Settings;
use workers::Workers;

pub use local::LocalConnection;

use crate::db::Db;
use crate::error::{Error, StorageError};
use crate::sys::net::widen_queue;

/// How a server is started. Made by [`Server::builder`].
#[derive(Debug)]
pub struct ServerBuilder {
    addresses: Vec<String>,
    unix_socket: Option<PathBuf>,
    threads: usize,
    settings: Settings,
}

impl ServerBuilder {
    /// Listens on this address too, as `host:port`; port 0 takes any that is free. Nothing is listened on unless
    /// this or [`unix_socket`](Self::unix_socket) says so.
    #[must_use]
    pub fn bind(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Listens on a Unix socket at this path, which only the user may connect to. What a server that has
    /// crashed left there is removed; anything else there is an error.
    #[must_use]
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.unix_socket = Some(path.into());
        self
    }

    /// How many threads run commands; as many as the machine has cores, but 4 at most, unless set.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.clamp(1, 256);
        self
    }

    /// Asks every connection for this password; for none if it is empty. Redis: `requirepass`.
    #[must_use]
    pub fn password(self, password: impl AsRef<[u8]>) -> Self {
        self.settings.set_password(password.as_ref());
        self
    }

    /// Whether connections from other machines are refused while there is no password; they are unless this is
    /// called with `false`. Redis: `protected-mode`.
    #[must_use]
    pub fn protected_mode(self, protected: bool) -> Self {
        self.settings
            .protected_mode
            .store(protected, Ordering::Relaxed);
        self
    }

    /// How many connections there may be at once; 10,000 unless set. Redis: `maxclients`.
    #[must_use]
    pub fn clients_max(self, clients: u64) -> Self {
        self.settings.clients_max.store(clients, Ordering::Relaxed);
        self
    }

    /// Ends connections that were silent for so long, in whole seconds; never unless set. Redis: `timeout`.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.settings
            .timeout_s
            .store(timeout.as_secs(), Ordering::Relaxed);
        self
    }

    /// Answers `DEBUG`, which lets a client do what only tests should; not unless set.
    #[must_use]
    pub fn allow_debug(self, allow: bool) -> Self {
        self.settings.debug_allowed.store(allow, Ordering::Relaxed);
        self
    }

    /// Keeps the rules of Redis Cluster, as a cluster's only node: a command and a transaction touch keys of one
    /// slot only, there is only database 0, `CLUSTER` answers. What runs here then runs on a cluster of many
    /// nodes. Not unless set. Redis: `cluster-enabled`.
    ///
    /// ```
    /// use nacredb::{Db, server::Server};
    /// let server = Server::builder().cluster_strict(true).start(Db::open_in_memory())?;
    /// let mut connection = server.local();
    /// let refused = connection.execute(&["MSET", "user:1", "a", "user:2", "b"]).unwrap_err();
    /// assert_eq!(refused.to_string(), "CROSSSLOT Keys in request don't hash to the same slot");
    /// connection.execute(&["MSET", "{user:1}:name", "a", "{user:1}:mail", "b"])?;
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[must_use]
    pub fn cluster_strict(mut self, strict: bool) -> Self {
        self.settings.is_cluster = strict;
        self
    }

    /// Serves `db` from here on, until the [`Server`] is shut down or dropped.
    ///
    /// # Errors
    /// [`StorageError::Io`] if an address cannot be listened on or a thread not started; nothing is left
    /// running.
    pub fn start(self, db: Db) -> Result<Server, Error> {
        Ok(self
            .try_start(db)
            .map_err(|error| StorageError::io("start the server", error))?)
    }

    fn try_start(self, db: Db) -> io::Result<Server> {
        let hub = Hub::new(db, self.settings);
        let workers = Arc::new(Workers::start(self.threads, &hub)?);
        let mut server = Server {
            hub,
            workers,
            addresses: Vec::new(),
            unix_socket: None,
            has_ended: AtomicBool::new(false),
        };
        for address in &self.addresses {
            let address = server.try_listen(address)?;
            server.addresses.push(address);
        }
        if let Some(path) = self.unix_socket {
            server.try_listen_unix(&path)?;
            server.unix_socket = Some(path);
        }
        let shown = server
            .addresses
            .iter()
            .map(|address| address.ip().to_string());
        let unix_path = server.unix_socket.as_deref().map(Path::display);
        // Nobody else sets it.
        let _first = server.hub.listens.set(Listens {
            bind: shown.collect::<Vec<_>>().join(" "),
            unix_socket: unix_path.map_or_else(String::new, |path| path.to_string()),
        });
        Ok(server)
    }
}

/// A server at work. Dropping it shuts it down; the database it serves stays open.
#[derive(Debug)]
pub struct Server {
    hub: Arc<Hub>,
    workers: Arc<Workers>,
    addresses: Vec<SocketAddr>,
    unix_socket: Option<PathBuf>,
    has_ended: AtomicBool,
}

impl Server {
    /// Starts a description of how to serve.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        ServerBuilder {
            addresses: Vec::new(),
            unix_socket: None,
            threads: cores.min(4),
            settings: Settings::default(),
        }
    }

    /// Listens on this address too, as [`ServerBuilder::bind`] says, and returns it with the port it got.
    ///
    /// # Errors
    /// [`StorageError::Io`] if it cannot be listened on.
    pub fn listen(&self, address: &str) -> Result<SocketAddr, Error> {
        let listening = self.try_listen(address);
        Ok(listening.map_err(|error| StorageError::io("listen on an address", error))?)
    }

    /// Listens on a Unix socket at this path too, as [`ServerBuilder::unix_socket`] says, but the file stays when the
    /// server has ended.
    ///
    /// # Errors
    /// [`StorageError::Io`] if it cannot be listened on.
    pub fn listen_unix(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let listening = self.try_listen_unix(path.as_ref());
        Ok(listening.map_err(|error| StorageError::io("listen on a Unix socket", error))?)
    }

    fn try_listen(&self, address: &str) -> io::Result<SocketAddr> {
        let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
        let listener = TcpListener::bind(&addresses[..])?;
        listener.set_nonblocking(true)?;
        widen_queue(&listener)?;
        let address = listener.local_addr()?;
        let port = &self.hub.port;
        // The first one is the server's.
        let _known = port.compare_exchange(
            0,
            address.port().into(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        let (hub, workers) = (Arc::clone(&self.hub), Arc::clone(&self.workers));
        let accept = listen::accept_tcp(listener, hub, workers);
        self.workers.first().spawn(accept);
        Ok(address)
    }

    #[cfg(unix)]
    fn try_listen_unix(&self, path: &Path) -> io::Result<()> {
        let listener = unix::listen(path)?;
        let (hub, workers) = (Arc::clone(&self.hub), Arc::clone(&self.workers));
        let accept = listen::accept_unix(listener, path.display().to_string(), hub, workers);
        self.workers.first().spawn(accept);
        Ok(())
    }

    #[cfg(not(unix))]
    fn try_listen_unix(&self, _path: &Path) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// The addresses that are listened on, in the order they were given, with the ports they got.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The path of the Unix socket, if there is one.
    #[must_use]
    pub fn unix_socket(&self) -> Option<&std::path::Path> {
        self.unix_socket.as_deref()
    }

    /// The database that is served.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.hub.db
    }

    /// A connection within the process: the caller's end of a pipe, for asynchronous clients that take any stream.
    #[must_use]
    pub fn connect(&self) -> tokio::io::DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        listen::welcome_pipe(ours, &self.hub, &self.workers);
        theirs
    }

    /// A connection that runs its commands on the caller's thread. It counts as a connection and may be one more than
    /// there may be.
    #[must_use]
    pub fn local(&self) -> LocalConnection {
        let record = self.hub.admit_local("local:0".to_owned());
        LocalConnection::new(client::Client::new(Arc::clone(&self.hub), record, true))
    }

    /// How many connections there are.
    #[must_use]
    pub fn client_count(&self) -> usize {
        self.hub.client_count()
    }

    /// Waits until a client says `SHUTDOWN` or [`shutdown`](Self::shutdown) is called elsewhere; what was
    /// written is then on disk.
    ///
    /// # Errors
    /// What kept the last writes from the disk; the server has ended all the same.
    pub fn wait(&self) -> Result<(), Error> {
        self.end();
        if self.hub.saves_at_end() {
            self.hub.db.compact()?;
        }
        self.hub.db.sync()
    }

    /// Asks the server to end, and returns at once; [`wait`](Self::wait) tells when it has.
    pub fn stop(&self) {
        self.hub.stop(Stop::Sync);
    }

    /// Takes no more connections, sends the answers that are due, ends the connections and the threads, and syncs
    /// the database, which stays open.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn shutdown(&self) -> Result<(), Error> {
        self.hub.stop(Stop::Sync);
        self.wait()
    }
}

impl Server {
    /// Waits for the threads and removes what they listened on, once: another server may have the path by then.
    fn end(&self) {
        self.workers.join();
        if let Some(path) = &self.unix_socket
            && !self.has_ended.swap(true, Ordering::AcqRel)
        {
            // It may be gone already.
            let _removed = std::fs::remove_file(path);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hub.stop(Stop::Sync);
        self.end();
    }
}

/// What is peculiar to Unix sockets.
#[cfg(unix)]
mod unix {
    use std::fs;
    use std::io;
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;

    /// A listener at a path where at most a dead server's socket is.
    pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
        let is_socket = fs::symlink_metadata(path).is_ok_and(|at| at.file_type().is_socket());
        let is_dead = is_socket
            && UnixStream::connect(path)
                .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if is_dead {
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}
