//! Asynchronous connections: one that runs commands in the caller's task, and redis-rs's own over a pipe.

use std::fmt;
use std::sync::Arc;

use nacredb::Outcome;
use nacredb::resp::RequestParser;
use parking_lot::{Mutex, MutexGuard};
use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisFuture, RedisResult, Value};

use crate::client::Client;
use crate::wire::{Answers, Wire, unreadable};
use crate::words::Words;

/// An asynchronous connection to a database in this process, for everything of redis-rs that takes a
/// [`redis::aio::ConnectionLike`]: [`redis::AsyncCommands`], pipelines, scans. Made by
/// [`Client::get_async_connection`]. It needs no runtime.
///
/// Clones share one connection, as those of [`MultiplexedConnection`] do: its selected database, its transaction, its
/// watched keys. Unlike there a command that waits (`BLPOP`) holds up no other, and dropping its future takes it out
/// of the line. All other commands run where they are first polled and do not yield: one that takes long
/// (`KEYS`, a `SUNION` of large sets, a write with `Ack::Durable`) holds its thread so long.
///
/// Nothing can be sent to it: `SUBSCRIBE`, its kin and `MONITOR` are refused. [`Client::pubsub`] and
/// [`Client::multiplexed`] have connections for those.
///
/// ```
/// # fn main() -> redis::RedisResult<()> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use redis::AsyncCommands;
/// let mut con = nacredb_redis::Client::open_in_memory()?.get_async_connection()?;
/// let mut other = con.clone();
/// let (job, pushed) = tokio::join!(con.blpop("jobs", 0.0), other.rpush("jobs", "tidy up"));
/// let (list, job): (String, String) = job?;
/// let () = pushed?;
/// assert_eq!((&*list, &*job), ("jobs", "tidy up"));
/// # Ok(())
/// # }) }
/// ```
#[derive(Clone)]
pub struct AsyncConnection {
    wire: Arc<Mutex<Wire>>,
    /// Keeps the server; dropped last.
    _client: Client,
}

impl fmt::Debug for AsyncConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncConnection").finish_non_exhaustive()
    }
}

impl AsyncConnection {
    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock()
    }

    #[cfg(feature = "bb8")]
    pub(crate) fn is_open(&self) -> bool {
        self.wire().local.is_open()
    }

    /// Runs a command. Nothing is locked while it waits.
    async fn run(&self, words: &[&[u8]]) -> RedisResult<Value> {
        let blocked = {
            let mut wire = self.wire();
            wire.check_open()?;
            match wire.local.begin(words) {
                Ok(Outcome::Waits(blocked)) => blocked,
                Ok(Outcome::Done(reply)) => return wire.answer(words, Ok(reply)),
                Err(error) => return wire.answer(words, Err(error)),
            }
        };
        let taken = blocked.await;
        let reply = taken.map(|taken| taken.unwrap_or(nacredb::Reply::Nil));
        self.wire().answer(words, reply)
    }

    async fn run_cmd(&self, cmd: &Cmd) -> RedisResult<Value> {
        match Words::of(cmd) {
            Some(words) => self.run(&words).await,
            None => {
                let answers = self.wire().run_packed(&cmd.get_packed_command(), 0, 1)?;
                Ok(answers.into_iter().next().unwrap_or_default())
            }
        }
    }
}

impl ConnectionLike for AsyncConnection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let value = self.run_cmd(cmd).await?;
            Ok(match cmd.is_no_response() {
                true => Value::Nil,
                false => value,
            })
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let packed = pipeline.get_packed_pipeline();
            if pipeline.is_transaction() {
                // No other command of this connection comes in between.
                return self.wire().run_packed(&packed, offset, count);
            }
            let mut requests = RequestParser::new();
            requests.feed(&packed);
            let mut answers = Answers::new(offset, count);
            while let Some(request) = requests.next().map_err(unreadable)? {
                answers.add(self.run(&Words::new(request.words())).await?);
            }
            answers.finish()
        })
    }

    fn get_db(&self) -> i64 {
        self.wire().local.database().into()
    }
}

impl Client {
    /// An asynchronous connection whose commands run in the caller's task.
    ///
    /// # Errors
    /// What the server answers to `HELLO`, if that is sent.
    pub fn get_async_connection(&self) -> RedisResult<AsyncConnection> {
        Ok(AsyncConnection {
            wire: Arc::new(Mutex::new(self.wire()?)),
            _client: self.clone(),
        })
    }

    /// A connection of redis-rs's own over a pipe in memory, for code that asks for its type. The runtime that calls
    /// must be tokio's; it drives the connection.
    ///
    /// ```
    /// # fn main() -> redis::RedisResult<()> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use redis::AsyncCommands;
    /// let client = nacredb_redis::Client::open_in_memory()?;
    /// let mut con: redis::aio::MultiplexedConnection = client.multiplexed().await?;
    /// assert_eq!(con.incr::<_, _, i64>("visits", 2).await?, 2);
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    /// Those of redis-rs's handshake.
    pub async fn multiplexed(&self) -> RedisResult<MultiplexedConnection> {
        self.multiplexed_with(AsyncConnectionConfig::new()).await
    }

    /// As [`multiplexed`](Self::multiplexed), with options: a sender of push messages, for instance, which take
    /// [`Builder::resp3`](crate::Builder::resp3).
    ///
    /// # Errors
    /// Those of redis-rs's handshake; a push sender without RESP3.
    pub async fn multiplexed_with(
        &self,
        config: AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let stream = self.parts.server.connect();
        let settings = self.settings();
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&settings, stream, config).await?;
        tokio::spawn(driver);
        Ok(connection)
    }

    /// A connection of redis-rs's own that listens to channels, over a pipe in memory.
    ///
    /// ```
    /// # fn main() -> redis::RedisResult<()> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use redis::Commands;
    /// let client = nacredb_redis::Client::open_in_memory()?;
    /// let mut listener = client.pubsub().await?;
    /// listener.subscribe("news").await?;
    /// let heard: i64 = client.get_connection()?.publish("news", "rain")?;
    /// assert_eq!(heard, 1);
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    /// Those of redis-rs's handshake.
    pub async fn pubsub(&self) -> RedisResult<PubSub> {
        PubSub::new(&self.settings(), self.parts.server.connect()).await
    }
}
