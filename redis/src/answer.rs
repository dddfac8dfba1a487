//! The database's answers as redis-rs knows them: as if a server had sent them.

use std::io;

use nacredb::resp::write::{write_error, write_reply};
use nacredb::resp::{Protocol, Shape, write_answer, write_exec};
use nacredb::{Error, Reply};
use redis::{RedisError, RedisResult, Value, parse_redis_value};

/// An answer in the form of the protocol's second version, whose clients tell the shapes of answers by what they
/// have asked.
pub(crate) fn value_of(reply: Reply) -> RedisResult<Value> {
    Ok(match reply {
        Reply::Nil => Value::Nil,
        Reply::Status(text) if text == "OK" => Value::Okay,
        Reply::Status(text) => Value::SimpleString(text.into_owned()),
        Reply::Int(number) => Value::Int(number),
        Reply::Bulk(bytes) => Value::BulkString(bytes),
        Reply::Array(items) => {
            let values: RedisResult<Vec<Value>> = items.into_iter().map(value_of).collect();
            Value::Array(values?)
        }
        Reply::Map(pairs) => {
            let flat = pairs.into_iter().flat_map(|(name, value)| [name, value]);
            let values: RedisResult<Vec<Value>> = flat.map(value_of).collect();
            Value::Array(values?)
        }
        Reply::Error(error) => error_value(&error.to_string())?,
        other => {
            let mut sent = Vec::new();
            write_reply(&mut sent, &other, Protocol::Resp2);
            parse_redis_value(&sent)?
        }
    })
}

/// An answer in the form of the protocol's third version, to the command of these words.
pub(crate) fn typed_value_of(words: &[&[u8]], reply: &Reply) -> RedisResult<Value> {
    let mut sent = Vec::new();
    write_answer(&mut sent, words, reply, Protocol::Resp3);
    parse_redis_value(&sent)
}

/// As [`typed_value_of`], to `EXEC`.
pub(crate) fn typed_value_of_exec(queued: &[Shape], reply: &Reply) -> RedisResult<Value> {
    let mut sent = Vec::new();
    write_exec(&mut sent, queued, reply, Protocol::Resp3);
    parse_redis_value(&sent)
}

/// A refusal as a server sends it.
pub(crate) fn error_value(text: &str) -> RedisResult<Value> {
    let mut sent = Vec::new();
    write_error(&mut sent, text);
    // Only the parser can make one that knows its code word.
    parse_redis_value(&sent)
}

/// What a caller is told whose connection was ended.
pub(crate) fn ended() -> RedisError {
    io::Error::new(io::ErrorKind::BrokenPipe, "the connection was ended").into()
}

/// What is told of a database that could not be opened or served.
pub(crate) fn not_served(error: Error) -> RedisError {
    io::Error::other(error).into()
}
