//! A connection within the process, without a socket, a pipe or a thread.

use super::client::{Called, Client};
use crate::command::args;
use crate::command::reply::Reply;
use crate::error::{CommandError, Error};

/// A connection whose commands run on the caller's thread: everything a connection has in Redis, but that nothing can
/// be sent to it, so that it cannot listen to channels. Made by [`Server::local`](super::Server::local).
///
/// ```
/// use nacredb::{Db, Reply, server::Server};
/// let server = Server::builder().start(Db::open_in_memory())?;
/// let mut connection = server.local();
/// connection.execute(&["CLIENT", "SETNAME", "worker"])?;
/// connection.execute(&["SELECT", "1"])?;
/// assert_eq!(connection.execute(&["CLIENT", "GETNAME"])?, Reply::Bulk(b"worker".to_vec()));
/// assert_eq!(connection.database(), 1);
/// # Ok::<(), nacredb::Error>(())
/// ```
#[derive(Debug)]
pub struct LocalConnection {
    client: Client,
}

impl LocalConnection {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Runs a command, or queues it after `MULTI`: [`Session::execute`](crate::Session::execute) for all commands of
    /// a connection. One that waits does so on this thread. `CLIENT PAUSE` does not hold it.
    ///
    /// # Errors
    /// Those of [`Session::execute`](crate::Session::execute); a refusal of what needs somebody to send to:
    /// `SUBSCRIBE` and its kin, `MONITOR`.
    pub fn execute<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Result<Reply, Error> {
        let words = args::refs(words);
        let mut began_ns = self.client.state.hub.now_ns();
        let called = self.client.call(&words, &mut began_ns);
        self.client.end_batch();
        match called {
            Called::Done(_, reply) => reply,
            Called::Waits(_) | Called::Paused { .. } | Called::Stranger => {
                let text = "ERR this connection cannot be sent to";
                Err(CommandError::Other(text.into()).into())
            }
        }
    }

    /// The number of the selected logical database.
    #[must_use]
    pub fn database(&self) -> u8 {
        self.client.selected()
    }
}
