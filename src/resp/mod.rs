//! Redis's protocol, both versions of it: requests in, answers out. No sockets, no clocks, no threads.
//!
//! A server reads its socket into a [`RequestParser`], runs each [`Request`] it hands out, and writes
//! the [`Reply`](crate::Reply) with [`write_answer`] into the bytes it sends. [`write`](mod@write) has the
//! pieces for answers that need no [`Reply`](crate::Reply).
//!
//! ```
//! use nacredb::resp::{Protocol, RequestParser, write_answer};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let db = nacredb::Db::open_in_memory();
//! let mut parser = RequestParser::new();
//! parser.spare(64).extend_from_slice(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\nGET k\r\n");
//!
//! let mut answers = Vec::new();
//! while let Some(request) = parser.next()? {
//!     let words: Vec<&[u8]> = request.words().collect();
//!     write_answer(&mut answers, &words, &db.execute(&words)?, Protocol::Resp2);
//! }
//! assert_eq!(answers, b"+OK\r\n$1\r\nv\r\n");
//! # Ok(()) }
//! ```
//!
//! Invariants:
//! 1. What one parser makes of some bytes does not depend on the pieces they came in.
//! 2. Each byte is looked at once, whatever its request is waiting for.
//! 3. Memory follows the bytes that came, never a length that was announced.

mod inline;
pub mod request;
pub mod shape;
pub mod write;

pub use inline::split_words;
pub use request::{Limits, ProtocolError, Request, RequestParser};
pub use shape::{Shape, write_answer, write_exec};
pub use write::{Protocol, write_reply};
