//! A server for one test: for clients in other languages, and for code that only speaks through a socket.

use std::ops::Deref;

use super::{TestDb, db};
use crate::Db;
use crate::server::Server;

/// A server on loopback with a database of the kit, for one test. Made by [`server`] and [`TestDb::serve`].
///
/// It has the methods of [`TestDb`]: what the test writes, the client sees, and the clock is the test's.
#[derive(Debug)]
pub struct TestServer {
    // Dropped first: no client is served from a database that is gone.
    server: Server,
    db: TestDb,
}

/// A server for one test, on a port that was free; it ends when it is dropped.
///
/// ```
/// use nacredb::{prelude::*, testing};
/// use std::io::{Read, Write};
/// use std::time::Duration;
///
/// let server = testing::server();
/// server.set("session", "ada")?;
/// server.expire("session", Duration::from_secs(60))?;
///
/// let mut socket = std::net::TcpStream::connect(("127.0.0.1", server.port()))?;
/// let mut ask = |line: &str| {
///     let mut answer = [0; 64];
///     socket.write_all(line.as_bytes())?;
///     let read = socket.read(&mut answer)?;
///     std::io::Result::Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
/// };
/// assert_eq!(ask("TTL session\r\n")?, ":60\r\n");
/// server.advance(Duration::from_secs(61));
/// assert_eq!(ask("GET session\r\n")?, "$-1\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If nothing on loopback can be listened on.
#[must_use]
pub fn server() -> TestServer {
    db().serve()
}

impl TestDb {
    /// Serves this database as [`server`] does.
    ///
    /// # Panics
    /// If nothing on loopback can be listened on.
    #[must_use]
    pub fn serve(self) -> TestServer {
        let builder = Server::builder().bind("127.0.0.1:0").allow_debug(true);
        match builder.start(Db::clone(&self)) {
            Ok(server) => TestServer { server, db: self },
            Err(error) => panic!("no server on loopback: {error}"),
        }
    }
}

impl TestServer {
    /// The port on `127.0.0.1`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server
            .addresses()
            .first()
            .map_or(0, std::net::SocketAddr::port)
    }

    /// Where clients find it: `redis://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// The server itself.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }
}

impl Deref for TestServer {
    type Target = TestDb;

    fn deref(&self) -> &TestDb {
        &self.db
    }
}
