//! A connection within the process, without a socket, a pipe or a thread.

use super::client::{Called, Client, Waits};
use crate::command::args;
use crate::command::reply::Reply;
use crate::db::Outcome;
use crate::error::{CommandError, Error};
use crate::resp::Protocol;

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
    /// a connection. One that waits does so on this thread. `CLIENT PAUSE` does not hold it, and how long it takes is
    /// not measured: `SLOWLOG` does not have it, and `INFO` counts it without a time.
    ///
    /// # Errors
    /// Those of [`Session::execute`](crate::Session::execute); a refusal of what needs somebody to send to:
    /// `SUBSCRIBE` and its kin, `MONITOR`.
    #[inline]
    pub fn execute<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Result<Reply, Error> {
        match self.call(words, Waits::Here) {
            Called::Done(_, reply) => reply,
            Called::Waits(_) | Called::Paused { .. } | Called::Stranger => Err(unanswered()),
        }
    }

    /// As [`execute`](Self::execute), but a command that has to wait for something to take (`BLPOP` and its kin)
    /// answers a future, as [`Session::begin`](crate::Session::begin) says. The connection is free meanwhile.
    ///
    /// # Errors
    /// Those of [`execute`](Self::execute); the future's are those of [`Db::blpop`](crate::Db::blpop).
    pub fn begin<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Result<Outcome, Error> {
        match self.call(words, Waits::Later) {
            Called::Done(_, reply) => reply.map(Outcome::Done),
            Called::Waits(waiting) => {
                let blocked = waiting.into_blocked();
                Ok(Outcome::Waits(blocked.ok_or_else(unanswered)?))
            }
            Called::Paused { .. } | Called::Stranger => Err(unanswered()),
        }
    }

    fn call<A: AsRef<[u8]>>(&mut self, words: &[A], waits: Waits) -> Called {
        let client = &mut self.client;
        args::with_refs(words, |words| {
            // Its time is its caller's: nobody looks at a clock.
            let called = client.call(words, &mut 0, waits);
            client.end_batch();
            called
        })
    }

    /// The number of the selected logical database.
    #[must_use]
    pub fn database(&self) -> u8 {
        self.client.selected()
    }

    /// The version of the protocol that the connection has asked for with `HELLO`: the form its caller is to give
    /// the answers.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.client.state.protocol()
    }

    /// Whether nobody has ended it: neither its own `QUIT` nor another's `CLIENT KILL` nor the end of the server. It
    /// still answers then.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let state = &self.client.state;
        !state.closes.get() && !state.record.is_ending()
    }
}

/// For what the words of this connection can only ask by mistake.
fn unanswered() -> Error {
    CommandError::Other("ERR this connection cannot be sent to".into()).into()
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::db::Db;
    use crate::server::Server;

    fn server() -> Server {
        let server = Server::builder().threads(1);
        server.start(Db::open_in_memory()).expect("it starts")
    }

    #[test]
    fn a_command_that_waits_leaves_the_connection_free() {
        let server = server();
        let mut local = server.local();
        let Ok(Outcome::Waits(mut taken)) = local.begin(&["BLPOP", "jobs", "0"]) else {
            panic!("there is no job yet");
        };
        let mut context = Context::from_waker(Waker::noop());
        let mut taken = std::pin::Pin::new(&mut taken);
        assert!(taken.as_mut().poll(&mut context).is_pending());
        let len = local.execute(&["RPUSH", "jobs", "a"]).ok();
        assert_eq!(len, Some(Reply::Int(1)));
        let Poll::Ready(Ok(Some(Reply::Array(pair)))) = taken.poll(&mut context) else {
            panic!("there is a job");
        };
        assert_eq!(pair[1], Reply::Bulk(b"a".to_vec()));
        // Within a transaction nothing waits.
        assert!(local.begin(&["MULTI"]).is_ok());
        for words in [&["BLPOP", "jobs", "0"][..], &["EXEC"]] {
            assert!(matches!(local.begin(words), Ok(Outcome::Done(_))));
        }
    }

    #[test]
    fn it_knows_that_it_was_ended() {
        let server = server();
        let (mut one, mut other) = (server.local(), server.local());
        assert!(one.is_open() && other.is_open());
        let Ok(Reply::Int(id)) = other.execute(&["CLIENT", "ID"]) else {
            panic!("a number");
        };
        let killed = one.execute(&["CLIENT", "KILL", "ID", &id.to_string()]);
        assert_eq!(killed.ok(), Some(Reply::Int(1)));
        assert!(one.is_open() && !other.is_open());
        assert_eq!(one.execute(&["QUIT"]).ok(), Some(Reply::ok()));
        assert!(!one.is_open());
    }

    #[test]
    fn nothing_can_be_sent_to_it() {
        let server = server();
        let mut local = server.local();
        assert!(local.execute(&["SUBSCRIBE", "news"]).is_err());
        assert!(local.execute(&["PUNSUBSCRIBE"]).is_err());
        let heard = local.execute(&["PUBLISH", "news", "rain"]);
        assert_eq!(heard.ok(), Some(Reply::Int(0)));
    }

    #[test]
    fn the_end_of_the_server_does_not_wait_for_it() {
        let server = server();
        let mut local = server.local();
        {
            let mut context = Context::from_waker(Waker::noop());
            let emptied = std::pin::pin!(server.hub.emptied());
            assert!(emptied.poll(&mut context).is_ready());
        }
        server.shutdown().expect("it ends");
        assert!(!local.is_open());
        // The database is open still.
        let n = local.execute(&["INCR", "n"]).ok();
        assert_eq!(n, Some(Reply::Int(1)));
    }
}
