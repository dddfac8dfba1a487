//! One connection: words in, values out. What the synchronous and the asynchronous connection share.
//!
//! Invariants:
//! 1. What a server would answer with an error is `Ok(Value::ServerError)`, as from a socket; `Err` means that the
//!    connection is of no use.
//! 2. `queued` has the shapes of the commands since `MULTI`, while the connection speaks RESP3.

use std::fmt::Display;

use nacredb::resp::{Protocol, RequestParser, Shape};
use nacredb::server::LocalConnection;
use nacredb::{Error, Reply};
use redis::{ErrorKind, RedisError, RedisResult, Value};

use crate::answer::{ended, error_value, typed_value_of, typed_value_of_exec, value_of};
use crate::words::Words;

pub(crate) struct Wire {
    pub(crate) local: LocalConnection,
    queued: Vec<Shape>,
}

impl Wire {
    pub(crate) fn new(local: LocalConnection) -> Self {
        Self {
            local,
            queued: Vec::new(),
        }
    }

    pub(crate) fn check_open(&self) -> RedisResult<()> {
        match self.local.is_open() {
            true => Ok(()),
            false => Err(ended()),
        }
    }

    /// Runs a command, on this thread if it has to wait.
    pub(crate) fn run(&mut self, words: &[&[u8]]) -> RedisResult<Value> {
        self.check_open()?;
        let reply = self.local.execute(words);
        self.answer(words, reply)
    }

    /// What to answer to a command that has run.
    pub(crate) fn answer(
        &mut self,
        words: &[&[u8]],
        reply: Result<Reply, Error>,
    ) -> RedisResult<Value> {
        match (reply, self.local.protocol()) {
            (Ok(reply), Protocol::Resp2) => value_of(reply),
            (Ok(reply), Protocol::Resp3) => self.typed_answer(words, &reply),
            (Err(error), _) => error_value(&error.to_string()),
        }
    }

    fn typed_answer(&mut self, words: &[&[u8]], reply: &Reply) -> RedisResult<Value> {
        let name = words.first().copied().unwrap_or_default();
        if name.eq_ignore_ascii_case(b"EXEC") {
            return typed_value_of_exec(&self.queued, reply);
        }
        match reply {
            Reply::Status(text) if text == "QUEUED" => self.queued.push(Shape::of(words)),
            Reply::Status(_) if name.eq_ignore_ascii_case(b"MULTI") => self.queued.clear(),
            _ => {}
        }
        typed_value_of(words, reply)
    }

    /// Runs packed commands, and returns `count` of their answers after `offset` others.
    pub(crate) fn run_packed(
        &mut self,
        packed: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let mut parser = RequestParser::new();
        parser.feed(packed);
        let mut answers = Answers::new(offset, count);
        while let Some(request) = parser.next().map_err(unreadable)? {
            answers.add(self.run(&Words::new(request.words()))?);
        }
        answers.finish()
    }
}

pub(crate) fn unreadable(why: impl Display) -> RedisError {
    (
        ErrorKind::Client,
        "these bytes are not the commands they should be",
        why.to_string(),
    )
        .into()
}

/// The answers of a pipeline as they come.
pub(crate) struct Answers {
    /// How many answers only say whether a command was queued.
    offset: usize,
    count: usize,
    seen: usize,
    values: Vec<Value>,
    /// What was said of the first command that could not be queued.
    refused: Option<String>,
}

impl Answers {
    pub(crate) fn new(offset: usize, count: usize) -> Self {
        Self {
            offset,
            count,
            seen: 0,
            values: Vec::new(),
            refused: None,
        }
    }

    pub(crate) fn add(&mut self, value: Value) {
        let at = self.seen;
        self.seen += 1;
        match value {
            Value::ServerError(error) if at < self.offset => {
                self.refused.get_or_insert_with(|| {
                    // The first command of a transaction is MULTI itself.
                    let index = at.saturating_sub(1);
                    let (code, details) = (error.code(), error.details().unwrap_or_default());
                    format!("index {index}: {code} {details}")
                });
            }
            value if at >= self.offset => self.values.push(value),
            _queued => {}
        }
    }

    pub(crate) fn finish(mut self) -> RedisResult<Vec<Value>> {
        if let Some(refused) = self.refused {
            let text =
                format!("EXECABORT Transaction discarded because of previous errors: {refused}");
            error_value(&text)?.extract_error()?;
        }
        if self.values.len() < self.count {
            return Err(unreadable(format!(
                "{} answers instead of {}",
                self.values.len(),
                self.count
            )));
        }
        self.values.truncate(self.count);
        if self.offset > 0 {
            // Why a transaction was not run: inside its answer a caller could not see it.
            let values = self.values.into_iter();
            return values
                .map(|value| match value {
                    Value::ServerError(error) => Err(error.into()),
                    value => Ok(value),
                })
                .collect();
        }
        Ok(self.values)
    }
}
