//! `SUBSCRIBE` and its kin, `PUBLISH`, `PUBSUB`.

use super::{Call, Run, refuse};
use crate::command::reply::Reply;
use crate::error::Error;
use crate::resp::write::{write_bulk, write_int, write_nil, write_push_len};
use crate::server::channels::Kind;

pub(super) static COMMANDS: &[(&str, Run)] = &[
    ("SUBSCRIBE", |call| call.listen(Kind::Channel)),
    ("PSUBSCRIBE", |call| call.listen(Kind::Pattern)),
    ("SSUBSCRIBE", |call| call.listen(Kind::Shard)),
    ("UNSUBSCRIBE", |call| call.listen_no_longer(Kind::Channel)),
    ("PUNSUBSCRIBE", |call| call.listen_no_longer(Kind::Pattern)),
    ("SUNSUBSCRIBE", |call| call.listen_no_longer(Kind::Shard)),
    ("PUBLISH", |call| call.publish(Kind::Channel)),
    ("SPUBLISH", |call| call.publish(Kind::Shard)),
    ("PUBSUB|CHANNELS", |call| Ok(call.names(Kind::Channel))),
    ("PUBSUB|SHARDCHANNELS", |call| Ok(call.names(Kind::Shard))),
    ("PUBSUB|NUMSUB", |call| Ok(call.counts(Kind::Channel))),
    ("PUBSUB|SHARDNUMSUB", |call| Ok(call.counts(Kind::Shard))),
    ("PUBSUB|NUMPAT", |call| {
        Ok((call.state.hub.channels.pattern_count() as u64).into())
    }),
];

impl Call<'_> {
    /// Between `MULTI` and `EXEC` there is no place for answers of this shape, and within the process nobody to
    /// send messages to.
    fn check_can_listen(&self) -> Result<(), Error> {
        if self.state.in_exec.get() {
            return Err(refuse(
                "ERR a transaction cannot change what its connection listens to",
            ));
        }
        if self.state.waits_here {
            return Err(refuse("ERR this connection cannot be sent to"));
        }
        Ok(())
    }

    fn listen(&self, kind: Kind) -> Result<Reply, Error> {
        self.check_can_listen()?;
        let state = self.state;
        for name in self.args.rest(1) {
            // The answer is written first: no message can come before it.
            let mut written = state.written.borrow_mut();
            let mut subscriptions = state.subscriptions.borrow_mut();
            let count = subscriptions.join(kind, name, &state.hub.channels, &state.record);
            self.tell(&mut written, kind.began(), Some(name), count);
        }
        Ok(Reply::Nil)
    }

    fn listen_no_longer(&self, kind: Kind) -> Result<Reply, Error> {
        self.check_can_listen()?;
        let state = self.state;
        let mut subscriptions = state.subscriptions.borrow_mut();
        let names: Vec<Vec<u8>> = match self.args.rest(1) {
            [] => subscriptions.names(kind),
            names => names.iter().map(|name| name.to_vec()).collect(),
        };
        let mut written = state.written.borrow_mut();
        for name in &names {
            let count = subscriptions.leave(kind, name, &state.hub.channels, &state.record);
            self.tell(&mut written, kind.ended(), Some(name), count);
        }
        if names.is_empty() {
            self.tell(&mut written, kind.ended(), None, subscriptions.len(kind));
        }
        Ok(Reply::Nil)
    }

    /// What a listener is told about one name.
    fn tell(&self, out: &mut Vec<u8>, word: &str, name: Option<&[u8]>, count: usize) {
        let protocol = self.state.protocol();
        write_push_len(out, 3, protocol);
        write_bulk(out, word.as_bytes());
        match name {
            Some(name) => write_bulk(out, name),
            None => write_nil(out, protocol),
        }
        write_int(out, i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn publish(&self, kind: Kind) -> Result<Reply, Error> {
        let hub = &self.state.hub;
        let (channel, message) = (self.args.word(1)?, self.args.word(2)?);
        let count = hub
            .channels
            .publish(kind, channel, message, &hub.settings, hub.now_ms());
        Ok(count.into())
    }

    fn names(&self, kind: Kind) -> Reply {
        let pattern = self.args.rest(2).first().copied();
        self.state.hub.channels.names(kind, pattern).into()
    }

    fn counts(&self, kind: Kind) -> Reply {
        let channels = &self.state.hub.channels;
        let counted = self.args.rest(2).iter().flat_map(|name| {
            let count = channels.listener_count(kind, name) as u64;
            [Reply::Bulk(name.to_vec()), count.into()]
        });
        Reply::Array(counted.collect())
    }
}
