//! NacreDB behind [redis-rs](redis): code written for a Redis server runs on a database in its own process.
//!
//! ```
//! use redis::Commands;
//!
//! # fn main() -> redis::RedisResult<()> {
//! // let client = redis::Client::open("redis://127.0.0.1/")?;
//! let client = nacredb_redis::Client::open_in_memory()?;
//! let mut con = client.get_connection()?;
//! let () = con.set("greeting", "hello")?;
//! let greeting: String = con.get("greeting")?;
//! assert_eq!(greeting, "hello");
//! # Ok(()) }
//! ```
//!
//! Write functions that take `impl redis::Commands` (or `redis::AsyncCommands`): they run here, on a server and on a
//! cluster. [`Client`] says which connection is for what other code; [`Builder::cluster_strict`] holds code to the
//! rules of Redis Cluster before there is one.
//!
//! Features: `aio` for asynchronous connections, `r2d2` and `bb8` for pools.

#[cfg(feature = "aio")]
mod aio;
mod answer;
mod client;
mod connection;
#[cfg(any(feature = "r2d2", feature = "bb8"))]
mod pool;
mod socket;
mod wire;
mod words;

#[cfg(feature = "aio")]
pub use aio::AsyncConnection;
pub use client::{Builder, Client};
pub use connection::Connection;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
