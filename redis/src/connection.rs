//! The synchronous connection.

use std::fmt;

use redis::{Cmd, ConnectionLike, RedisResult, Value, cmd};

use crate::client::Client;
use crate::wire::Wire;
use crate::words::Words;

/// A connection to a database in this process, for everything of redis-rs that takes a
/// [`ConnectionLike`]: [`redis::Commands`], [`redis::TypedCommands`], [`redis::Cmd`], [`redis::pipe`],
/// [`redis::transaction`]. Made by [`Client::get_connection`].
///
/// Commands run on the calling thread; one that waits (`BLPOP`) blocks it. Each connection has its own selected
/// database, transaction and watched keys, as on a server. Nothing can be sent to it: `SUBSCRIBE`, its kin and
/// `MONITOR` are refused, and [`Client::redis_client`] has connections for those.
///
/// ```
/// use redis::Commands;
/// let mut con = nacredb_redis::Client::open_in_memory()?.get_connection()?;
/// let () = con.zadd("scores", "ada", 3)?;
/// let scores: Vec<(String, f64)> = con.zrange_withscores("scores", 0, -1)?;
/// assert_eq!(scores, [("ada".to_owned(), 3.0)]);
/// # redis::RedisResult::Ok(())
/// ```
pub struct Connection {
    wire: Wire,
    /// Keeps the server; dropped last.
    _client: Client,
}

impl Connection {
    pub(crate) fn new(wire: Wire, client: Client) -> Self {
        Self {
            wire,
            _client: client,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("db", &self.wire.local.database())
            .finish_non_exhaustive()
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command(&mut self, cmd: &[u8]) -> RedisResult<Value> {
        let answers = self.wire.run_packed(cmd, 0, 1)?;
        Ok(answers.into_iter().next().unwrap_or_default())
    }

    fn req_packed_commands(
        &mut self,
        cmd: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.wire.run_packed(cmd, offset, count)
    }

    fn req_command(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        let value = match Words::of(cmd) {
            Some(words) => self.wire.run(&words)?,
            None => self.req_packed_command(&cmd.get_packed_command())?,
        };
        Ok(match cmd.is_no_response() {
            true => Value::Nil,
            false => value,
        })
    }

    fn get_db(&self) -> i64 {
        self.wire.local.database().into()
    }

    fn check_connection(&mut self) -> bool {
        cmd("PING").query::<String>(self).is_ok()
    }

    fn is_open(&self) -> bool {
        self.wire.local.is_open()
    }
}
