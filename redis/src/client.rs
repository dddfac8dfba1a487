//! The client: a database, and the connections into it.

use std::path::Path;
use std::sync::Arc;

use nacredb::Db;
use nacredb::server::Server;
use parking_lot::Mutex;
use redis::{IntoConnectionInfo as _, ProtocolVersion, RedisConnectionInfo, RedisResult};

use crate::answer::not_served;
use crate::connection::Connection;
use crate::socket::Socket;
use crate::wire::Wire;

/// How a [`Client`] is made. Begun by [`Client::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    cluster_strict: bool,
    resp3: bool,
    threads: usize,
}

impl Builder {
    /// Keeps the rules of Redis Cluster on every connection: commands and transactions whose keys are not in one slot
    /// are refused with `CROSSSLOT`, as are databases other than 0. What passes runs on a cluster. Not unless set.
    ///
    /// ```
    /// use nacredb_redis::Client;
    /// use redis::Commands;
    /// let client = Client::builder().cluster_strict(true).open_in_memory()?;
    /// let mut con = client.get_connection()?;
    /// let refused = con.mset::<_, _, ()>(&[("user:1", "a"), ("user:2", "b")]).unwrap_err();
    /// assert_eq!(refused.code(), Some("CROSSSLOT"));
    /// let () = con.mset(&[("{user:1}:name", "a"), ("{user:1}:mail", "b")])?;
    /// # redis::RedisResult::Ok(())
    /// ```
    pub fn cluster_strict(mut self, strict: bool) -> Self {
        self.cluster_strict = strict;
        self
    }

    /// Lets connections begin with RESP3, whose answers have types for maps, sets and floats. Not unless set, as in
    /// redis-rs. A connection can change it with `HELLO`.
    pub fn resp3(mut self, resp3: bool) -> Self {
        self.resp3 = resp3;
        self
    }

    /// How many threads serve the connections that are not run on their callers' threads; 1 unless set.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// A client of the database in this file, which is made if it is not there.
    ///
    /// # Errors
    /// An I/O error whose source says why the file could not be opened.
    pub fn open(self, path: impl AsRef<Path>) -> RedisResult<Client> {
        self.build(Db::open(path).map_err(not_served)?)
    }

    /// A client of a new database that is in no file.
    ///
    /// # Errors
    /// An I/O error if no thread could be started.
    pub fn open_in_memory(self) -> RedisResult<Client> {
        self.build(Db::open_in_memory())
    }

    /// A client of this database.
    ///
    /// # Errors
    /// An I/O error if no thread could be started.
    pub fn build(self, db: Db) -> RedisResult<Client> {
        let server = Server::builder()
            .threads(self.threads)
            .cluster_strict(self.cluster_strict)
            .start(db)
            .map_err(not_served)?;
        let parts = Parts {
            server,
            socket: Mutex::new(None),
            resp3: self.resp3,
        };
        Ok(Client {
            parts: Arc::new(parts),
        })
    }
}

/// A database in this process, seen as redis-rs sees a server. Clones are of the same database.
///
/// | for code that takes | use | how commands get there |
/// |---|---|---|
/// | `impl ConnectionLike`, `impl Commands` | [`get_connection`](Self::get_connection) | calls on this thread |
/// | `impl aio::ConnectionLike`, `impl AsyncCommands` | `get_async_connection` | calls in the caller's task |
/// | `redis::aio::MultiplexedConnection`, `redis::aio::PubSub` | `multiplexed`, `pubsub` | a pipe in memory |
/// | `redis::Client`, `redis::Connection`, `ConnectionManager` | [`redis_client`](Self::redis_client) | a private socket |
///
/// All of them are of one server: what one publishes the others hear. It ends when the last client and the last
/// connection of the first two kinds are dropped; connections of the other kinds are then closed.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) parts: Arc<Parts>,
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) server: Server,
    /// Where redis-rs's own clients come in, once there are any.
    socket: Mutex<Option<Socket>>,
    resp3: bool,
}

impl Client {
    /// Starts a description of a client.
    pub fn builder() -> Builder {
        Builder {
            cluster_strict: false,
            resp3: false,
            threads: 1,
        }
    }

    /// A client of the database in this file, which is made if it is not there.
    ///
    /// # Errors
    /// As [`Builder::open`].
    pub fn open(path: impl AsRef<Path>) -> RedisResult<Self> {
        Self::builder().open(path)
    }

    /// A client of a new database that is in no file: what a test wants.
    ///
    /// # Errors
    /// As [`Builder::open_in_memory`].
    pub fn open_in_memory() -> RedisResult<Self> {
        Self::builder().open_in_memory()
    }

    /// A client of this database.
    ///
    /// ```
    /// use nacredb::{Db, prelude::*};
    /// use redis::Commands;
    /// let db = Db::open_in_memory();
    /// let mut con = nacredb_redis::Client::new(db.clone())?.get_connection()?;
    /// let () = con.set("greeting", "hello")?;
    /// assert_eq!(db.get("greeting")?, Some(b"hello".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new(db: Db) -> RedisResult<Self> {
        Self::builder().build(db)
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        self.parts.server.db()
    }

    /// The server behind all connections, to let others in by an address or to read its figures.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.parts.server
    }

    /// A connection whose commands run on the calling thread.
    ///
    /// # Errors
    /// What the server answers to `HELLO`, if that is sent.
    pub fn get_connection(&self) -> RedisResult<Connection> {
        Ok(Connection::new(self.wire()?, self.clone()))
    }

    /// A client of redis-rs's own, for code that asks for its types: its connections take the way over a Unix socket
    /// that only this user may use. Where there are no Unix sockets it is a port of this machine, which other users
    /// of the machine can find. The socket is there as long as this client, any of its clones or any connection of
    /// [`get_connection`](Self::get_connection).
    ///
    /// ```
    /// let embedded = nacredb_redis::Client::open_in_memory()?;
    /// let client: redis::Client = embedded.redis_client()?;
    /// let mut con: redis::Connection = client.get_connection()?;
    /// let pong: String = redis::cmd("PING").query(&mut con)?;
    /// assert_eq!(pong, "PONG");
    /// # redis::RedisResult::Ok(())
    /// ```
    ///
    /// # Errors
    /// An I/O error if there can be no socket.
    pub fn redis_client(&self) -> RedisResult<redis::Client> {
        let mut socket = self.parts.socket.lock();
        let opened = match socket.take() {
            Some(opened) => opened,
            None => Socket::open(&self.parts.server)?,
        };
        let opened = socket.insert(opened);
        let info = opened.address.clone().into_connection_info()?;
        redis::Client::open(info.set_redis_settings(self.settings()))
    }

    /// What redis-rs's own connections ask the server for.
    pub(crate) fn settings(&self) -> RedisConnectionInfo {
        let protocol = match self.parts.resp3 {
            true => ProtocolVersion::RESP3,
            false => ProtocolVersion::RESP2,
        };
        RedisConnectionInfo::default().set_protocol(protocol)
    }

    pub(crate) fn wire(&self) -> RedisResult<Wire> {
        let mut wire = Wire::new(self.parts.server.local());
        if self.parts.resp3 {
            wire.run(&[b"HELLO", b"3"])?.extract_error()?;
        }
        Ok(wire)
    }
}
